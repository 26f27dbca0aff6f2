package goods

import (
	"slices"
	"time"

	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/pricing"
)

// shelf is a category.
type shelf struct {
	handle, parent string
	sv, en         [2]string // title, text
}

var shelves = []shelf{
	{"kok", "", [2]string{"Kök", "Det som står framme för att det används."}, [2]string{"Kitchen", "What stays out because it is used."}},
	{"dukning", "", [2]string{"Dukning", "Till vardagens bord och till det långa."}, [2]string{"Tableware", "For the everyday table and the long one."}},
	{"keramik", "dukning", [2]string{"Keramik", "Drejat i Lerbo."}, [2]string{"Pottery", "Thrown in Lerbo."}},
	{"textil", "", [2]string{"Textil", "Ull, lin och bomull, vävda för att tvättas."}, [2]string{"Textiles", "Wool, linen and cotton, woven to be washed."}},
	{"linne", "textil", [2]string{"Linne", "Lin i olika grovlek."}, [2]string{"Linen", "Linen, coarse and fine."}},
	{"ljus-och-lampor", "", [2]string{"Ljus och lampor", "För eftermiddagar som tar slut tidigt."}, [2]string{"Candles and lamps", "For afternoons that end early."}},
	{"tradgard", "", [2]string{"Trädgård", "Verktyg som tål att glömmas ute en natt."}, [2]string{"Garden", "Tools that survive a night outdoors."}},
	{"eld-och-ute", "", [2]string{"Eld och ute", "Värme där det drar."}, [2]string{"Fire and outdoors", "Warmth where it is draughty."}},
	{"skafferi", "", [2]string{"Skafferi", "Korta innehållsförteckningar."}, [2]string{"Pantry", "Short lists of ingredients."}},
	{"bad-och-tvatt", "", [2]string{"Bad och tvätt", "För det som återkommer varje vecka."}, [2]string{"Bath and laundry", "For what comes round every week."}},
	{"papper", "", [2]string{"Papper", "Att läsa, skriva i och hänga upp."}, [2]string{"Paper", "To read, write in and hang up."}},
	{"barn", "", [2]string{"Barn", "Att dra efter sig, lägga, rita med."}, [2]string{"Children", "To pull along, lay out and draw with."}},
	{"leksaker", "barn", [2]string{"Leksaker", "CE-märkta, i trä och vax."}, [2]string{"Toys", "CE-marked, of wood and wax."}},
}

func (s shelf) texts() catalog.Texts {
	return catalog.Texts{catalog.SV: {Title: s.sv[0], Description: s.sv[1]}, catalog.EN: {Title: s.en[0], Description: s.en[1]}}
}

// all are the goods in the order of the sheet. Dates of the served good depend
// on the day.
func all(now time.Time) []good {
	return slices.Concat(kitchenGoods(), tableGoods(), textileGoods(), lightGoods(), gardenGoods(), fireGoods(),
		pantryGoods(), bathGoods(), paperGoods(), childrenGoods(), otherGoods(now))
}

// last are the goods made last, the very last one last. Lists begin with the
// newest, so these are what a visitor sees first: plain goods that can be
// bought. Those tagged "utvalt" open the home page, the first made first.
var last = []string{"lykta-fyr", "vattenkanna-back", "plad-vinterull", "mugg-drej", "dragdjur-igelkott", "forstukvistens-bakbok", "honung-slatterang", "kokkaffe-morgon", "smorkniv-en"}

// ordered puts goods in the order they are made.
func ordered(gs []good) []good {
	rank := func(g good) int { return slices.Index(last, g.handle) }
	var first, end []good
	for _, g := range gs {
		if rank(g) < 0 {
			first = append(first, g)
		} else {
			end = append(end, g)
		}
	}
	// Of the rest, too, what comes first on the sheet is seen first.
	slices.Reverse(first)
	slices.SortFunc(end, func(a, b good) int { return rank(a) - rank(b) })
	return append(first, end...)
}

func otherGoods(now time.Time) []good {
	fika := good{
		handle: "sondagsfika", tags: []string{"gåva"},
		sv:       words{title: "Söndagsfika i magasinet", text: "Kaffe, te och tre sorter serverade vid långbordet, klockan 13 till 15. Magasinsgatan 1, tolv platser.\n\nPlatsen gäller den dag du väljer och går därför inte att ångra, men den får gärna ges till någon annan. Hör av dig om du inte tål något."},
		en:       words{title: "Sunday fika in the storehouse", text: "Coffee, tea and three sorts served at the long table, from 13 to 15. Magasinsgatan 1, twelve seats.\n\nThe seat is for the day you choose and cannot be withdrawn from, but you may give it to someone else. Tell us if there is something you cannot eat."},
		core:     catalog.Core{Kind: catalog.Service, Brand: "Förstukvist", VATClass: catalog.VATServedFood, Withdrawal: catalog.Dated},
		options:  []loc{optDate},
		pictures: []picture{{name: "sondagsfika", alt: loc{SV: "Kaffekanna, mugg och tre sorters kakor på ett fat", EN: "Coffee pot, mug and three sorts of cake on a stand"}}},
	}
	for i, d := range sundays(now, 4) {
		fika.variants = append(fika.variants, variant{sku: "FK-42" + d.Format("0102"), price: 14500, stock: 12, choices: []loc{
			{SV: "söndag " + dayMonth(d, monthsSV), EN: "Sunday " + dayMonth(d, monthsEN)}}})
		if i == 0 {
			fika.variants[0].stock = 12
		}
	}
	card := good{
		handle: "presentkort", tags: []string{"gåva"},
		sv:       words{title: "Presentkort", text: "Skickas med e-post eller skrivs ut hemma. Gäller på allt i butiken i tio år från köpet.\n\nMomsen räknas när kortet används, inte nu. Det som inte går åt finns kvar."},
		en:       words{title: "Gift card", text: "Sent by e-mail or printed at home. Good for everything in the shop for ten years from the purchase.\n\nVAT is counted when the card is used, not now. What is not spent stays on it."},
		core:     catalog.Core{Kind: catalog.GiftCard, Brand: "Förstukvist", VATClass: catalog.VATVoucher},
		options:  []loc{optAmount},
		pictures: []picture{{name: "presentkort", alt: loc{SV: "Presentkort med rött band på ett kuvert", EN: "Gift card with a red ribbon on an envelope"}}},
	}
	for _, a := range []struct {
		sku, label string
		price      int64
	}{{"FK-4101", "200 kr", 20000}, {"FK-4102", "500 kr", 50000}, {"FK-4103", "1 000 kr", 100000}} {
		card.variants = append(card.variants, variant{sku: a.sku, price: a.price, mode: untracked, choices: []loc{{SV: a.label, EN: a.label}}})
	}
	return []good{card, fika}
}

var (
	monthsSV = []string{"januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november", "december"}
	monthsEN = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
)

func dayMonth(d time.Time, months []string) string {
	return d.Format("2 ") + months[d.Month()-1]
}

// sundays are the next n Sundays that lie at least five days ahead.
func sundays(now time.Time, n int) []time.Time {
	d := midnight(now, 5)
	for d.Weekday() != time.Sunday {
		d = d.AddDate(0, 0, 1)
	}
	out := make([]time.Time, n)
	for i := range out {
		out[i] = d.AddDate(0, 0, 7*i)
	}
	return out
}

// midnight is the beginning of the day that lies so many days from now, in the
// shop's zone.
func midnight(now time.Time, days int) time.Time {
	t := now.In(pricing.Zone)
	return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, pricing.Zone)
}

// openedDays is how long ago the shop opened: from then on there are prices.
const openedDays = 400

// sale is a campaign over goods, in steps of percent from days before now.
type sale struct {
	name  loc
	goods []string
	steps [][2]int // days ago, percent
	ends  int      // days ahead
}

var sales = []sale{
	{loc{SV: "Säsongen är slut", EN: "End of season"}, []string{"bordslopare-strandrag", "planteringsspade-spets", "tvattkorg-vide"}, [][2]int{{9, 20}}, 19},
	{loc{SV: "Lampveckorna", EN: "Lamp weeks"}, []string{"bordslampa-lur"}, [][2]int{{13, 10}, {4, 25}}, 15},
}

// histories are regular prices that were others before, in days ago and öre.
var histories = map[string][]earlier{
	"bordslopare-strandrag":  {{openedDays, 49500}, {200, 52500}},
	"planteringsspade-spets": {{openedDays, 25900}},
	"tvattkorg-vide":         {{openedDays, 69900}, {150, 79900}},
	"bordslampa-lur":         {{openedDays, 84900}},
	"kokkaffe-morgon":        {{openedDays, 8900}},
}

// presentSince is when today's price began where there is a history.
const presentSince = 75

var codes = []pricing.Code{
	{Code: "VÄLKOMMEN10", Label: loc{SV: "Välkommen: 10 %", EN: "Welcome: 10 %"}, Kind: "percent", Value: 1000},
	{Code: "FIKA50", Label: loc{SV: "Fika: 50 kr från 300 kr", EN: "Fika: 50 kr from 300 kr"}, Kind: "amount", Value: 5000, Currency: pricing.Currency, MinGoods: 30000},
}

// cutoff is 14.00.
const cutoff = 14 * 60

var methods = []delivery.Method{
	{Code: "paketbox", Kind: delivery.Locker, NameSV: "Paketbox", NameEN: "Parcel box", Carrier: "local", MaxWeightG: 10_000, MaxSideMM: 600, FreeFrom: 59900, MinDays: 1, MaxDays: 2, FarDays: 1, PhoneRequired: true, Tiers: tier(10_000, 3900)},
	{Code: "ombud", Kind: delivery.Pickup, NameSV: "Ombud", NameEN: "Service point", Carrier: "local", MaxWeightG: 20_000, MaxSideMM: 1200, FreeFrom: 59900, MinDays: 1, MaxDays: 3, FarDays: 1, PhoneRequired: true, Tiers: tier(20_000, 4900)},
	{Code: "hem-kvall", Kind: delivery.Home, NameSV: "Hem på kvällen", NameEN: "Home in the evening", Carrier: "local", MaxWeightG: 20_000, MaxSideMM: 1200, FreeFrom: 59900, MinDays: 1, MaxDays: 3, FarDays: 2, PhoneRequired: true, Tiers: tier(20_000, 7900)},
	{Code: "skrymmande", Kind: delivery.Bulky, NameSV: "Skrymmande, hem till dörren", NameEN: "Bulky, to your door", Carrier: "local", TakesBulky: true, MinDays: 3, MaxDays: 6, FarDays: 3, PhoneRequired: true, Tiers: tier(200_000, 24900)},
	{Code: "butik", Kind: delivery.Store, NameSV: "Hämta i butiken", NameEN: "Collect in the shop", TakesBulky: true, MinDays: 0, MaxDays: 1, Tiers: tier(500_000, 0)},
	{Code: "digitalt", Kind: delivery.Digital, NameSV: "Med e-post", NameEN: "By e-mail", TakesBulky: true, Tiers: tier(1_000_000, 0)},
}

func tier(upTo, amount int64) []delivery.Tier { return []delivery.Tier{{UpToG: upTo, Amount: amount}} }
