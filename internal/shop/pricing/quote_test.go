package pricing

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
)

var (
	always = time.Unix(0, 0)
	sweden = NewRateTable("SE", []Rate{
		{"SE", catalog.VATStandard, 2500, always, time.Time{}},
		{"SE", catalog.VATFood, 600, always, time.Time{}},
		{"SE", catalog.VATServedFood, 1200, always, time.Time{}},
		{"SE", catalog.VATVoucher, 0, always, time.Time{}},
	})
	today = Day(2026, 11, 22)
)

func line(class string, qty, unit int64) InLine {
	return InLine{Quantity: qty, Unit: money.SEK(unit), Regular: money.SEK(unit), VATClass: class}
}

func freight(ore int64) *Charge { return &Charge{Price: money.SEK(ore)} }

func percent(code string, bp int64) CodeRule { return CodeRule{Code: code, Kind: "percent", Value: bp} }
func off(code string, ore int64) CodeRule {
	return CodeRule{Code: code, Kind: "amount", Value: ore, Currency: "SEK"}
}
func both(r CodeRule) CodeRule { r.Combinable = true; return r }

// TestQuoteKnown holds sums worked by hand.
func TestQuoteKnown(t *testing.T) {
	excluded := line(catalog.VATStandard, 1, 20000)
	excluded.CodeExcluded = true
	event := line(catalog.VATServedFood, 1, 14500)
	event.NoDelivery = true
	type want struct {
		goods, discount, total int64
		vat                    map[int64][2]int64 // rate -> gross, VAT
		refused                []Refused
	}
	cases := []struct {
		name     string
		lines    []InLine
		delivery *Charge
		codes    []CodeRule
		want     want
	}{
		{"empty", nil, nil, nil, want{}},
		{"one mug", []InLine{line("standard", 1, 24900)}, nil, nil, want{goods: 24900, total: 24900, vat: map[int64][2]int64{2500: {24900, 4980}}}},
		// Three of 333: VAT once on 999 is 199.8 → 200, not 3 · 67 = 201.
		{"once per rate", []InLine{line("standard", 3, 333)}, nil, nil, want{goods: 999, total: 999, vat: map[int64][2]int64{2500: {999, 200}}}},
		// Freight 3900 over 25 % (24900) and 6 % (6900): 3900·24900/31800 = 3053.77 → 3054, 846.
		{"mixed freight", []InLine{line("standard", 1, 24900), line("food", 1, 6900)}, freight(3900), nil,
			want{goods: 31800, total: 35700, vat: map[int64][2]int64{2500: {27954, 5591}, 600: {7746, 438}}}},
		// Three rates: 24900/6900/14500 of 46300; 4900 → 2635.2, 730.2, 1534.6 → 2635, 730, 1535.
		{"three rates", []InLine{line("standard", 1, 24900), line("food", 1, 6900), line("served_food", 1, 14500)}, freight(4900), nil,
			want{goods: 46300, total: 51200, vat: map[int64][2]int64{2500: {27535, 5507}, 1200: {16035, 1718}, 600: {7630, 432}}}},
		// The event is not sent, so it lends the freight no rate.
		{"event without freight", []InLine{line("standard", 1, 24900), event}, freight(3900), nil,
			want{goods: 39400, total: 43300, vat: map[int64][2]int64{2500: {28800, 5760}, 1200: {14500, 1554}}}},
		{"gift card sold", []InLine{{Quantity: 1, Unit: money.SEK(50000), VATClass: "voucher", CodeExcluded: true, NoDelivery: true}}, nil, []CodeRule{percent("TIO", 1000)},
			want{goods: 50000, total: 50000, vat: map[int64][2]int64{0: {50000, 0}}, refused: []Refused{{"TIO", "nothing_eligible"}}}},
		{"gift card and freight", []InLine{line("food", 1, 6900), {Quantity: 1, Unit: money.SEK(50000), VATClass: "voucher"}}, freight(3900), nil,
			want{goods: 56900, total: 60800, vat: map[int64][2]int64{0: {50000, 0}, 600: {10800, 611}}}},
		{"ten percent", []InLine{line("standard", 1, 24900), line("food", 1, 6900)}, nil, []CodeRule{percent("TIO", 1000)},
			want{goods: 31800, discount: 3180, total: 28620, vat: map[int64][2]int64{2500: {22410, 4482}, 600: {6210, 352}}}},
		{"a third", []InLine{line("standard", 1, 100)}, nil, []CodeRule{percent("TREDJEDEL", 3333)},
			want{goods: 100, discount: 33, total: 67, vat: map[int64][2]int64{2500: {67, 13}}}},
		{"larger than the goods", []InLine{line("standard", 1, 1000)}, freight(3900), []CodeRule{off("FEMTIO", 5000)},
			want{goods: 1000, discount: 1000, total: 3900, vat: map[int64][2]int64{2500: {3900, 780}}}},
		{"larger, no freight", []InLine{line("standard", 1, 1000)}, nil, []CodeRule{off("FEMTIO", 5000)},
			want{goods: 1000, discount: 1000, total: 0, vat: map[int64][2]int64{2500: {0, 0}}}},
		{"all off, freight by goods before", []InLine{line("standard", 1, 1000), line("food", 1, 3000)}, freight(400), []CodeRule{percent("ALLT", 10000)},
			want{goods: 4000, discount: 4000, total: 400, vat: map[int64][2]int64{2500: {100, 20}, 600: {300, 17}}}},
		{"same code thrice", []InLine{line("standard", 1, 10000)}, nil, []CodeRule{percent("tio ", 1000), percent("TIO", 1000), percent("Ｔ\u200bＩＯ", 1000)},
			want{goods: 10000, discount: 1000, total: 9000, vat: map[int64][2]int64{2500: {9000, 1800}}}},
		{"alone, the better one", []InLine{line("standard", 1, 10000)}, nil, []CodeRule{percent("TIO", 1000), off("TJUGO", 2000)},
			want{goods: 10000, discount: 2000, total: 8000, vat: map[int64][2]int64{2500: {8000, 1600}}, refused: []Refused{{"TIO", "not_combinable"}}}},
		// Percent first: 10 % of 100 kr, then 20 kr.
		{"together", []InLine{line("standard", 1, 10000)}, nil, []CodeRule{both(off("TJUGO", 2000)), both(percent("TIO", 1000))},
			want{goods: 10000, discount: 3000, total: 7000, vat: map[int64][2]int64{2500: {7000, 1400}}}},
		{"together against alone", []InLine{line("standard", 1, 10000)}, nil, []CodeRule{both(percent("AAA", 1000)), both(percent("BBB", 1000)), percent("CCC", 1500)},
			want{goods: 10000, discount: 1900, total: 8100, vat: map[int64][2]int64{2500: {8100, 1620}}, refused: []Refused{{"CCC", "not_combinable"}}}},
		{"excluded line", []InLine{line("standard", 1, 10000), excluded}, nil, []CodeRule{percent("TIO", 1000)},
			want{goods: 30000, discount: 1000, total: 29000, vat: map[int64][2]int64{2500: {29000, 5800}}}},
		{"min goods", []InLine{line("standard", 1, 10000)}, nil, []CodeRule{{Code: "STOR", Kind: "percent", Value: 1000, MinGoods: 10001}},
			want{goods: 10000, total: 10000, vat: map[int64][2]int64{2500: {10000, 2000}}, refused: []Refused{{"STOR", "min_goods"}}}},
		{"out of time", []InLine{line("standard", 1, 10000)}, nil, []CodeRule{{Code: "GAMMAL", Kind: "percent", Value: 1000, To: today}, {Code: "NYA", Kind: "percent", Value: 1000, From: today.Add(1)}},
			want{goods: 10000, total: 10000, vat: map[int64][2]int64{2500: {10000, 2000}}, refused: []Refused{{"GAMMAL", "expired"}, {"NYA", "not_started"}}}},
		{"unknown and used up", []InLine{line("standard", 1, 10000)}, nil, []CodeRule{{Code: "FINNSEJ", Problem: "unknown"}, {Code: "SLUT", Kind: "percent", Value: 1000, Problem: "used_up"}},
			want{goods: 10000, total: 10000, vat: map[int64][2]int64{2500: {10000, 2000}}, refused: []Refused{{"FINNSEJ", "unknown"}, {"SLUT", "used_up"}}}},
		{"other currency, silly values", []InLine{line("standard", 1, 10000)}, nil, []CodeRule{{Code: "EURO", Kind: "amount", Value: 5, Currency: "EUR"}, {Code: "MINUS", Kind: "percent", Value: -1000}, {Code: "MYCKET", Kind: "percent", Value: 10001}},
			want{goods: 10000, total: 10000, vat: map[int64][2]int64{2500: {10000, 2000}}, refused: []Refused{{"EURO", "unknown"}, {"MINUS", "unknown"}, {"MYCKET", "unknown"}}}},
		{"freight alone", nil, freight(3900), nil, want{total: 3900, vat: map[int64][2]int64{2500: {3900, 780}}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			q, err := Compute(Input{Currency: "SEK", At: today, Rates: sweden, Lines: c.lines, Delivery: c.delivery, Codes: c.codes})
			if err != nil {
				t.Fatal(err)
			}
			got := want{goods: q.Goods.Amount, discount: q.Discount.Amount, total: q.Total.Amount, vat: map[int64][2]int64{}, refused: q.Refused}
			for _, v := range q.VAT {
				got.vat[v.RateBP] = [2]int64{v.Gross.Amount, v.Amount.Amount}
			}
			if c.want.vat == nil {
				c.want.vat = map[int64][2]int64{}
			}
			sort.Slice(got.refused, func(a, b int) bool { return got.refused[a].Code < got.refused[b].Code })
			if d := cmp.Diff(c.want, got, cmp.AllowUnexported(want{})); d != "" {
				t.Error(d)
			}
			holds(t, Input{Currency: "SEK", Lines: c.lines, Delivery: c.delivery}, q)
		})
	}
}

// holds checks what is true of every quote.
func holds(t interface{ Fatalf(string, ...any) }, in Input, q Quote) {
	var goods, discount, net, gross, vat, lineVAT, dGross, dVAT int64
	byRate := map[int64][2]int64{}
	for _, l := range q.Lines {
		goods += l.Total.Amount
		discount += l.Discount.Amount
		net += l.Net.Amount
		lineVAT += l.VAT.Amount
		if l.Discount.Amount < 0 || l.Net.Amount < 0 || l.Total.Amount != l.Unit.Amount*l.Quantity || l.VAT.Amount < 0 || l.VAT.Amount > l.Net.Amount {
			t.Fatalf("line %+v", l)
		}
		b := byRate[l.VATRateBP]
		byRate[l.VATRateBP] = [2]int64{b[0] + l.Net.Amount, b[1] + l.VAT.Amount}
		var adj int64
		for _, a := range l.Adjustments {
			adj -= a.Amount.Amount
		}
		if adj != l.Discount.Amount {
			t.Fatalf("adjustments of a line sum to %d, discount %d", adj, l.Discount.Amount)
		}
	}
	for _, v := range q.DeliveryVAT {
		dGross += v.Gross.Amount
		dVAT += v.Amount.Amount
		b := byRate[v.RateBP]
		byRate[v.RateBP] = [2]int64{b[0] + v.Gross.Amount, b[1] + v.Amount.Amount}
	}
	for _, v := range q.VAT {
		gross += v.Gross.Amount
		vat += v.Amount.Amount
		if byRate[v.RateBP] != [2]int64{v.Gross.Amount, v.Amount.Amount} {
			t.Fatalf("rate %d: parts %v, sum %+v", v.RateBP, byRate[v.RateBP], v)
		}
	}
	var adj int64
	for _, a := range q.Adjustments {
		adj -= a.Amount.Amount
	}
	switch {
	case goods != q.Goods.Amount, discount != q.Discount.Amount, adj != discount, dGross != q.Delivery.Amount,
		gross != q.Total.Amount, net+dGross != q.Total.Amount, lineVAT+dVAT != vat,
		q.Total.Amount != q.Goods.Amount+q.Delivery.Amount-q.Discount.Amount, q.Discount.Amount > q.Goods.Amount, q.Total.Amount < 0,
		q.GiftCard.Amount < 0, q.GiftCard.Amount > q.Total.Amount, q.ToPay.Amount != q.Total.Amount-q.GiftCard.Amount:
		t.Fatalf("sums do not agree: %+v", q)
	}
}

// The slow twin, in rationals, written from the rules and not from the code.

func ratio(a, b int64) *big.Rat { return big.NewRat(a, b) }

func halfUp(r *big.Rat) int64 {
	n := new(big.Int).Mul(r.Num(), big.NewInt(2))
	n.Add(n, r.Denom())
	return n.Div(n, new(big.Int).Mul(r.Denom(), big.NewInt(2))).Int64()
}

func floor(r *big.Rat) int64 { return new(big.Int).Div(r.Num(), r.Denom()).Int64() }

func slowSplit(total int64, ws []int64) []int64 {
	var sum int64
	for _, w := range ws {
		sum += w
	}
	out := make([]int64, len(ws))
	if sum == 0 {
		return out
	}
	left := total
	rests := make([]*big.Rat, len(ws))
	for i, w := range ws {
		share := new(big.Rat).Mul(ratio(total, 1), ratio(w, sum))
		out[i] = floor(share)
		left -= out[i]
		rests[i] = new(big.Rat).Sub(share, ratio(out[i], 1))
	}
	for ; left > 0; left-- {
		best := 0
		for i := range rests {
			if rests[i].Cmp(rests[best]) > 0 {
				best = i
			}
		}
		rests[best] = ratio(-1, 1)
		out[best]++
	}
	return out
}

func slowCut(in Input, rules []CodeRule) (int64, []int64) {
	left := make([]int64, len(in.Lines))
	cut := make([]int64, len(in.Lines))
	for i, l := range in.Lines {
		left[i] = l.Unit.Amount * l.Quantity
	}
	var sum int64
	for _, r := range rules {
		ws := make([]int64, len(left))
		var base int64
		for i, l := range in.Lines {
			if !l.CodeExcluded && !r.Excluded[l.Variant] {
				ws[i], base = left[i], base+left[i]
			}
		}
		d := r.Value
		if r.Kind == "percent" {
			d = halfUp(new(big.Rat).Mul(ratio(base, 1), ratio(r.Value, 10000)))
		}
		d = min(d, base)
		sum += d
		for i, c := range slowSplit(d, ws) {
			left[i] -= c
			cut[i] += c
		}
	}
	return sum, cut
}

func slowQuote(in Input) (discount, total int64, vat map[int64]int64) {
	var goods int64
	for _, l := range in.Lines {
		goods += l.Unit.Amount * l.Quantity
	}
	var ok []CodeRule
	for _, r := range in.Codes {
		elig := false
		for _, l := range in.Lines {
			elig = elig || !l.CodeExcluded && !r.Excluded[l.Variant] && l.Unit.Amount > 0
		}
		if elig && goods >= r.MinGoods {
			ok = append(ok, r)
		}
	}
	sort.Slice(ok, func(a, b int) bool {
		if ok[a].Kind != ok[b].Kind {
			return ok[a].Kind == "percent"
		}
		return ok[a].Code < ok[b].Code
	})
	var comb []CodeRule
	var sets [][]CodeRule
	for _, r := range ok {
		if r.Combinable {
			comb = append(comb, r)
		} else {
			sets = append(sets, []CodeRule{r})
		}
	}
	sets = append([][]CodeRule{comb}, sets...)
	cut := make([]int64, len(in.Lines))
	for _, s := range sets {
		if d, c := slowCut(in, s); d > discount {
			discount, cut = d, c
		}
	}
	net, before, all := map[int64]int64{}, map[int64]int64{}, map[int64]int64{}
	var netSum, beforeSum int64
	for i, l := range in.Lines {
		bp, _ := in.Rates.At(l.VATClass, in.At)
		n := l.Unit.Amount*l.Quantity - cut[i]
		all[bp] += n
		if !l.NoDelivery && l.VATClass != "voucher" {
			net[bp] += n
			before[bp] += l.Unit.Amount * l.Quantity
			netSum += n
			beforeSum += l.Unit.Amount * l.Quantity
		}
	}
	var price int64
	if in.Delivery != nil {
		price = in.Delivery.Price.Amount
	}
	by := net
	switch {
	case netSum > 0:
	case beforeSum > 0:
		by = before
	default:
		by = map[int64]int64{2500: 1}
	}
	rates := []int64{2500, 1200, 600, 0}
	ws := make([]int64, len(rates))
	for i, r := range rates {
		ws[i] = by[r]
	}
	vat = map[int64]int64{}
	for i, part := range slowSplit(price, ws) {
		r := rates[i]
		g := all[r] + part
		vat[r] = halfUp(new(big.Rat).Mul(ratio(g, 1), ratio(r, 10000+r)))
		total += g
	}
	return discount, total, vat
}

func drawInput(t *rapid.T) Input {
	in := Input{Currency: "SEK", At: today, Rates: sweden}
	for i := range rapid.IntRange(0, 8).Draw(t, "lines") {
		class := rapid.SampledFrom([]string{"standard", "food", "served_food", "voucher"}).Draw(t, "class")
		unit := rapid.OneOf(rapid.Int64Range(0, 50), rapid.Int64Range(0, 200_000)).Draw(t, "unit")
		l := line(class, rapid.Int64Range(1, 20).Draw(t, "quantity"), unit)
		l.Key, l.Variant = fmt.Sprint(i), db.ID(i+1)
		l.CodeExcluded = rapid.IntRange(0, 5).Draw(t, "excluded") == 0
		l.NoDelivery = rapid.IntRange(0, 5).Draw(t, "undelivered") == 0
		in.Lines = append(in.Lines, l)
	}
	if rapid.Bool().Draw(t, "delivered") {
		in.Delivery = freight(rapid.Int64Range(0, 30_000).Draw(t, "freight"))
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "codes") {
		r := CodeRule{Code: fmt.Sprint("KOD", i), Kind: "percent", Value: rapid.Int64Range(1, 10_000).Draw(t, "bp")}
		if rapid.Bool().Draw(t, "fixed") {
			r.Kind, r.Currency, r.Value = "amount", "SEK", rapid.Int64Range(1, 500_000).Draw(t, "off")
		}
		r.Combinable = rapid.Bool().Draw(t, "combinable")
		r.MinGoods = rapid.SampledFrom([]int64{0, 0, 10_000}).Draw(t, "min")
		if rapid.Bool().Draw(t, "excludes") {
			r.Excluded = map[db.ID]bool{db.ID(rapid.IntRange(1, 8).Draw(t, "which")): true}
		}
		in.Codes = append(in.Codes, r)
	}
	if rapid.Bool().Draw(t, "carded") {
		in.GiftCard = money.SEK(rapid.Int64Range(0, 300_000).Draw(t, "card"))
	}
	return in
}

func TestQuoteAgainstSlowTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		q, err := Compute(in)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, in, q)
		discount, total, vat := slowQuote(in)
		if q.Discount.Amount != discount || q.Total.Amount != total {
			t.Fatalf("discount %d total %d, twin %d %d", q.Discount.Amount, q.Total.Amount, discount, total)
		}
		for _, v := range q.VAT {
			if v.Amount.Amount != vat[v.RateBP] {
				t.Fatalf("VAT at %d is %d, twin %d", v.RateBP, v.Amount.Amount, vat[v.RateBP])
			}
		}
		// The order of codes changes nothing.
		turned := in
		turned.Codes = slices.Clone(in.Codes)
		slices.Reverse(turned.Codes)
		again, err := Compute(turned)
		if err != nil || again.Total != q.Total || again.Discount != q.Discount {
			t.Fatalf("order of codes matters: %v %v", q.Total, again.Total)
		}
		// Neither does the quote change its input.
		if d := cmp.Diff(in.Codes, turned.Codes); len(in.Codes) < 2 && d != "" {
			t.Fatal(d)
		}
	})
}

func TestQuoteRefuses(t *testing.T) {
	one := func(l InLine) Input { return Input{Currency: "SEK", At: today, Rates: sweden, Lines: []InLine{l}} }
	for _, qty := range []int64{-5, -1, 0, 1000, 1 << 62} {
		_, err := Compute(one(line("standard", qty, 100)))
		if e := fault.As(err); e == nil || e.Fields[0].Pointer != "/lines/0/quantity" {
			t.Errorf("quantity %d: %v", qty, err)
		}
	}
	for name, c := range map[string]struct {
		in   Input
		want error
	}{
		"overflow of a line":  {one(line("standard", 999, money.Max)), money.ErrOverflow},
		"overflow of the sum": {Input{Currency: "SEK", At: today, Rates: sweden, Lines: []InLine{line("standard", 1, money.Max), line("standard", 1, 1)}}, money.ErrOverflow},
		"other currency":      {one(InLine{Quantity: 1, Unit: money.New(1, "EUR"), VATClass: "standard"}), money.ErrCurrency},
		"no currency":         {Input{At: today, Rates: sweden, Lines: []InLine{{Quantity: 1, VATClass: "standard"}}}, money.ErrCurrency},
		"no rate":             {one(line("spirits", 1, 100)), ErrNoRate},
		"no table":            {Input{Currency: "SEK", At: today, Lines: []InLine{line("standard", 1, 1)}}, ErrNoRate},
		"before any rate":     {Input{Currency: "SEK", At: always.Add(-1), Rates: sweden, Lines: []InLine{line("standard", 1, 1)}}, ErrNoRate},
		"delivery overflows":  {Input{Currency: "SEK", At: today, Rates: sweden, Lines: []InLine{line("standard", 1, money.Max)}, Delivery: freight(1)}, money.ErrOverflow},
	} {
		if _, err := Compute(c.in); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, in := range map[string]Input{
		"negative price":     one(line("standard", 1, -100)),
		"negative delivery":  {Currency: "SEK", At: today, Rates: sweden, Delivery: freight(-5000)},
		"negative gift card": {Currency: "SEK", At: today, Rates: sweden, GiftCard: money.SEK(-1)},
		"foreign gift card":  {Currency: "SEK", At: today, Rates: sweden, GiftCard: money.New(1, "EUR")},
		"too many lines":     {Currency: "SEK", At: today, Rates: sweden, Lines: make([]InLine, MaxLines+1)},
	} {
		if _, err := Compute(in); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestGiftCardPaysAtMostTheTotal(t *testing.T) {
	in := Input{Currency: "SEK", At: today, Rates: sweden, Lines: []InLine{line("standard", 1, 10000)}}
	for card, want := range map[int64][2]int64{0: {0, 10000}, 4000: {4000, 6000}, 10000: {10000, 0}, 99999: {10000, 0}} {
		in.GiftCard = money.SEK(card)
		q, err := Compute(in)
		if err != nil || q.GiftCard.Amount != want[0] || q.ToPay.Amount != want[1] || q.VAT[0].Amount.Amount != 2000 {
			t.Errorf("%d: %v %v %v", card, q.GiftCard, q.ToPay, err)
		}
	}
}

// AC-044: a thousand of one is what one of a thousand is, but for the rounding
// of VAT that the rule states.
func TestNoRoundingHarvest(t *testing.T) {
	q, _ := Compute(Input{Currency: "SEK", At: today, Rates: sweden, Lines: []InLine{line("standard", 999, 1)}, Codes: []CodeRule{percent("TREDJEDEL", 3333)}})
	if q.Discount.Amount != 333 || q.Total.Amount != 666 { // 332.97 half up
		t.Error(q.Discount, q.Total)
	}
	one, _ := Compute(Input{Currency: "SEK", At: today, Rates: sweden, Lines: []InLine{line("standard", 1, 1)}, Codes: []CodeRule{percent("TREDJEDEL", 3333)}})
	if one.Discount.Amount != 0 {
		t.Error("a third of an öre was given:", one.Discount)
	}
}

func TestRefundsSumToTheSale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, err := Compute(drawInput(t))
		if err != nil {
			t.Fatal(err)
		}
		var refunded []VATSum
		left := q.Total.Amount
		for left > 0 {
			amount := money.SEK(rapid.Int64Range(1, left).Draw(t, "refund"))
			if rapid.IntRange(0, 3).Draw(t, "rest") == 0 {
				amount.Amount = left
			}
			part, err := SpreadRefund(q.VAT, refunded, amount)
			if err != nil {
				t.Fatal(err)
			}
			var sum int64
			for _, p := range part {
				sum += p.Gross.Amount
				if p.Amount.Amount < 0 || p.Amount.Amount > p.Gross.Amount {
					t.Fatalf("%+v", p)
				}
			}
			if sum != amount.Amount {
				t.Fatalf("parts %d of %d", sum, amount.Amount)
			}
			refunded = merge(append(refunded, part...))
			left -= amount.Amount
		}
		for _, s := range q.VAT {
			if r := of(refunded, s.RateBP); r.Gross.Amount != s.Gross.Amount || r.Amount.Amount != s.Amount.Amount {
				t.Fatalf("sold %+v, refunded %+v", s, r)
			}
		}
		if _, err := SpreadRefund(q.VAT, refunded, money.SEK(1)); !errors.Is(err, ErrRefundTooLarge) {
			t.Fatal("more than everything went back:", err)
		}
	})
}

func TestRefundVATKnown(t *testing.T) {
	sold := []VATSum{{2500, money.SEK(999), money.SEK(200)}, {600, money.SEK(1000), money.SEK(57)}}
	// 333 three times: 67 (66.6), 133−67=66, 200−133=67.
	var refunded []VATSum
	for _, want := range []int64{67, 66, 67} {
		got, err := RefundVAT(sold, refunded, []VATSum{{RateBP: 2500, Gross: money.SEK(333)}})
		if err != nil || len(got) != 1 || got[0].Amount.Amount != want {
			t.Fatalf("%+v %v, want %d", got, err, want)
		}
		refunded = append(refunded, got...)
	}
	for _, bad := range [][]VATSum{{{RateBP: 2500, Gross: money.SEK(1)}}, {{RateBP: 1200, Gross: money.SEK(1)}}, {{RateBP: 600, Gross: money.SEK(1001)}}, {{RateBP: 600, Gross: money.SEK(600)}, {RateBP: 600, Gross: money.SEK(600)}}} {
		if _, err := RefundVAT(sold, refunded, bad); !errors.Is(err, ErrRefundTooLarge) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := RefundVAT(sold, nil, []VATSum{{RateBP: 600, Gross: money.SEK(-1)}}); err == nil {
		t.Error("negative refund")
	}
	if _, err := RefundVAT(sold, nil, []VATSum{{RateBP: 600, Gross: money.New(1, "EUR")}}); !errors.Is(err, money.ErrCurrency) {
		t.Error(err)
	}
}

func TestUnitPrice(t *testing.T) {
	for _, c := range []struct{ price, content, want int64 }{
		{6900, 340, 20294}, {9900, 450, 22000}, {5900, 300, 19667}, {9500, 350, 27143}, {7900, 100, 79000}, {7900, 20, 395000},
		{6900, 500, 13800}, {7500, 20_000, 375}, {14900, 12_000, 1242}, {9900, 500, 19800},
	} {
		got, ok := UnitPrice(money.SEK(c.price), c.content)
		if !ok || got != money.SEK(c.want) {
			t.Errorf("%d öre for %d: %v, want %d", c.price, c.content, got, c.want)
		}
	}
	for _, c := range []int64{0, -1} {
		if _, ok := UnitPrice(money.SEK(1), c); ok {
			t.Error("unit price without a measure")
		}
	}
}
