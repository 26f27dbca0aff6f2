package goods

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"kassavalv/internal/shop/catalog"
)

// kind is a kind of made-up goods: its words and what is likely of it. Texts in
// the singular; heads are what a compound may begin with.
type kind struct {
	shelf, picture   string
	one, oneEN       string // "skål", "bowl"
	plural, pluralEN string
	about            string
	heads            []head
	measure          string // "cm", "l", "" for none
	least, most      int    // of the measure
	step             int
	price            [2]int64 // kronor
	weight           [2]int64
	colours          bool
}

// head is the first part of a compound, and what it says of the material.
type head struct {
	sv, en   string
	material loc
}

func (k kind) handle() string { return catalog.MakeHandle(k.plural) }

var (
	headsWood  = []head{{"Ek", "Oak", oakWood}, {"Björk", "Birch", birchWood}, {"Ask", "Ash", ash}, {"Bok", "Beech", beech}, {"Furu", "Pine", pineWood}}
	headsClay  = []head{{"Stengods", "Stoneware", stoneware}, {"Ler", "Clay", terracotta}, {"Glas", "Glass", glassware}}
	headsCloth = []head{{"Linne", "Linen", linenCloth}, {"Bomulls", "Cotton", cotton}, {"Ull", "Wool", wool}}
	headsMetal = []head{{"Stål", "Steel", steel}, {"Plåt", "Tin", zincSheet}, {"Järn", "Iron", castIron}}
	headsPaper = []head{{"Pappers", "Paper", paperStuff}, {"Kartong", "Board", loc{SV: "Kartong", EN: "Board"}}}
	headsWeave = []head{{"Vide", "Willow", willow}, {"Spån", "Splint", pineWood}, {"Rot", "Root", loc{SV: "Tallrot", EN: "Pine root"}}}
)

var kinds = []kind{
	{"kok", "skarbrada-ande", "bricka", "tray", "Brickor", "Trays", "Att bära, att skära på.", headsWood, "cm", 28, 52, 4, [2]int64{189, 690}, [2]int64{500, 1900}, false},
	{"kok", "smorkniv-en", "slev", "ladle", "Slevar", "Ladles", "För grytor och för gräddfil.", headsWood, "cm", 20, 38, 2, [2]int64{69, 249}, [2]int64{40, 140}, false},
	{"kok", "stekpanna-glod", "panna", "pan", "Pannor", "Pans", "Att steka och grädda i.", headsMetal, "cm", 18, 32, 2, [2]int64{295, 1290}, [2]int64{1100, 3900}, false},
	{"kok", "kokshandduk-randa", "handduk", "tea towel", "Handdukar", "Tea towels", "Randiga, rutiga, enfärgade.", headsCloth[:2], "", 0, 0, 0, [2]int64{79, 229}, [2]int64{80, 160}, true},
	{"dukning", "mugg-drej", "mugg", "mug", "Muggar", "Mugs", "Från espresso till soppa.", headsClay, "cl", 12, 45, 3, [2]int64{119, 349}, [2]int64{220, 480}, true},
	{"dukning", "tallrik-drej", "tallrik", "plate", "Tallrikar", "Plates", "Små, stora, djupa.", headsClay, "cm", 16, 30, 2, [2]int64{149, 429}, [2]int64{380, 1100}, true},
	{"dukning", "tallrik-drej", "skål", "bowl", "Skålar", "Bowls", "För gröt, sallad och nycklar.", append(headsClay[:2:2], headsWood[:2]...), "cm", 10, 32, 2, [2]int64{129, 590}, [2]int64{250, 1500}, true},
	{"dukning", "karaff-kalla", "karaff", "carafe", "Karaffer", "Carafes", "Vatten på bordet.", headsClay[2:], "cl", 50, 150, 25, [2]int64{195, 690}, [2]int64{450, 980}, false},
	{"textil", "plad-vinterull", "pläd", "throw", "Plädar", "Throws", "För soffan och för bryggan.", headsCloth, "", 0, 0, 0, [2]int64{495, 1690}, [2]int64{600, 1300}, true},
	{"textil", "kuddfodral-sav", "kudde", "cushion", "Kuddar", "Cushions", "Fodral och hela kuddar.", headsCloth, "cm", 40, 60, 10, [2]int64{195, 595}, [2]int64{150, 700}, true},
	{"textil", "bordslopare-strandrag", "duk", "tablecloth", "Dukar", "Tablecloths", "Runda och långa.", headsCloth[:2], "cm", 120, 320, 20, [2]int64{345, 1390}, [2]int64{250, 900}, true},
	{"ljus-och-lampor", "blockljus-kvall", "ljusstake", "candlestick", "Ljusstakar", "Candlesticks", "För kronljus och block.", append(headsMetal[:2:2], headsWood[:3]...), "cm", 6, 30, 2, [2]int64{89, 495}, [2]int64{150, 900}, false},
	{"ljus-och-lampor", "lykta-fyr", "lykta", "lantern", "Lyktor", "Lanterns", "Inne, ute, på vägen dit.", headsMetal[:2], "cm", 16, 48, 4, [2]int64{149, 690}, [2]int64{500, 2100}, false},
	{"tradgard", "kruka-aker", "kruka", "pot", "Krukor", "Pots", "Med fat och utan.", headsClay[:2], "cm", 8, 40, 2, [2]int64{39, 595}, [2]int64{300, 6900}, true},
	{"tradgard", "planteringsspade-spets", "spade", "spade", "Spadar", "Spades", "Långa skaft och korta.", headsMetal[:1], "cm", 28, 110, 8, [2]int64{129, 690}, [2]int64{250, 1800}, false},
	{"tradgard", "vattenkanna-back", "kanna", "can", "Kannor", "Cans", "För fönsterbrädet och landet.", headsMetal[1:2], "l", 1, 10, 1, [2]int64{189, 690}, [2]int64{400, 1900}, false},
	{"eld-och-ute", "vedkorg-span", "korg", "basket", "Korgar", "Baskets", "För ved, svamp och leksaker.", headsWeave, "cm", 24, 58, 2, [2]int64{249, 1190}, [2]int64{400, 2200}, false},
	{"bad-och-tvatt", "diskborste-rund", "borste", "brush", "Borstar", "Brushes", "För disk, golv och skor.", headsWood, "", 0, 0, 0, [2]int64{49, 229}, [2]int64{50, 320}, false},
	{"bad-och-tvatt", "handduk-vassbo", "badlakan", "bath towel", "Badlakan", "Bath towels", "Våfflade och släta.", headsCloth[:2], "cm", 90, 160, 10, [2]int64{245, 690}, [2]int64{420, 800}, true},
	{"papper", "anteckningsbok-linje", "bok", "book", "Skrivböcker", "Notebooks", "Linjer, rutor eller inget alls.", headsPaper, "", 0, 0, 0, [2]int64{49, 249}, [2]int64{120, 420}, true},
}

// Names of series: a place that might be.
var (
	placeA = strings.Fields("Norr Söder Väster Öster Björk Lind Gran Alm Hassel Sjö Berg Häll Ång Strand Vinter Sommar Höst Kvarn Hammar Lilla Stora Gamla Ny Rå Tjärn Myr Is Löv Mån Sten")
	placeB = strings.Fields("vik by bo torp hult ås näs sund holm dal rud lösa måla stad backa ryd hed skär lund fors")

	houses = []house1{{"Ängsboda", "Väg 1"}, {"Kvarnhammar", "Väg 2"}, {"Lövnäs", "Väg 3"}, {"Tjärnby", "Väg 4"}, {"Stenrud", "Väg 5"},
		{"Hasselmåla", "Väg 6"}, {"Björkfors", "Väg 7"}, {"Sjöhult", "Väg 8"}, {"Vinterryd", "Väg 9"}, {"Granskär", "Väg 10"}}

	fillColours = []loc{natural, blue, red, green, grey, whiteCol, yellow, black}

	closings   = []string{"Den blir kvar.", "Två räcker långt.", "Den tar liten plats.", "Lika bra till vardags.", "Den tål att användas.", "Den märks först när den saknas."}
	closingsEN = []string{"It stays.", "Two go a long way.", "It takes little room.", "As good on a weekday.", "It bears being used.", "You notice it when it is gone."}
)

// house1 is a maker of made-up goods.
type house1 struct{ Name, street string }

func (h house1) party() catalog.Party {
	return maker(h.Name+" AB", h.street+", 000 90 "+h.Name+", Sverige", "post@"+catalog.MakeHandle(h.Name)+".example")
}

// invented is a made-up good.
type invented struct {
	kind                   *kind
	brand                  house1
	sv, en                 string
	textSV, textEN         string
	materialSV, materialEN string
	values                 []catalog.NewValue
	variants               []variant
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// invent makes the i-th good.
func invent(i int) invented {
	r := draws(i)
	k := &kinds[i%len(kinds)]
	h := pick(r, k.heads)
	x := invented{kind: k, brand: pick(r, houses), materialSV: h.material.SV, materialEN: h.material.EN}
	series := pick(r, placeA) + pick(r, placeB)
	size := ""
	if k.measure != "" {
		size = fmt.Sprintf(" %d %s", k.least+k.step*r.IntN((k.most-k.least)/k.step+1), k.measure)
	}
	x.sv = compound(h.sv, k.one) + " " + series + size
	x.en = series + " " + strings.ToLower(h.en) + " " + k.oneEN + size
	c := r.IntN(len(closings))
	low := strings.ToLower(h.material.SV)
	x.textSV = fmt.Sprintf("%s av %s ur serien %s%s. Tillverkad av %s.\n\n%s", compound("", k.one), low, series, comma(size), x.brand.Name, closings[c])
	x.textEN = fmt.Sprintf("A %s of %s from the %s series%s. Made by %s.\n\n%s", k.oneEN, strings.ToLower(h.material.EN), series, comma(size), x.brand.Name, closingsEN[c])
	x.values = append(of(h.material), made(sweden))

	price := k.price[0] + r.Int64N(k.price[1]-k.price[0]+1)
	price = max(9, price/10*10+9) * 100
	n := 1
	if k.colours {
		n += r.IntN(3)
	}
	from := r.IntN(len(fillColours))
	weight := k.weight[0] + r.Int64N(k.weight[1]-k.weight[0]+1)
	for v := range n {
		y := variant{price: price, weight: weight, stock: 5 + r.Int64N(200)}
		if r.IntN(25) == 0 {
			y.stock = 0
		}
		if k.colours {
			col := fillColours[(from+v)%len(fillColours)]
			y.choices = []loc{col}
			x.values = append(x.values, in(col)...)
		}
		x.variants = append(x.variants, y)
	}
	return x
}

// compound joins two words as Swedish does, capitalised; of three equal letters
// one is dropped.
func compound(head, tail string) string {
	if head == "" {
		r := []rune(tail)
		return strings.ToUpper(string(r[0])) + string(r[1:])
	}
	h, t := []rune(head), []rune(tail)
	if n := len(h); n > 1 && h[n-1] == h[n-2] && h[n-1] == t[0] {
		h = h[:n-1]
	}
	return string(h) + string(t)
}

func comma(size string) string {
	if size == "" {
		return ""
	}
	return "," + size
}
