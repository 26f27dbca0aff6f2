package pricing

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
)

// MaxQuantity bounds the pieces of one line, MaxLines the lines of one quote.
const (
	MaxQuantity = 999
	MaxLines    = 500
)

// Input is all that a quote depends on.
type Input struct {
	Currency string
	At       time.Time // the tax point, by the legal clock: rates and codes are those of then
	Rates    RateTable // of the country of delivery
	Lines    []InLine
	Delivery *Charge     // nil: none chosen yet
	Codes    []CodeRule  // each counts once, in any order
	GiftCard money.Money // what the gift card holds; the zero value: none
}

// InLine is a line of the cart.
type InLine struct {
	Key          string // the caller's, comes back
	Variant      db.ID
	Quantity     int64       // 1 to MaxQuantity
	Unit         money.Money // what one piece costs now, campaigns included
	Regular      money.Money // what it costs otherwise; kept for the order, not computed with
	VATClass     string
	CodeExcluded bool // no code applies (gift cards)
	NoDelivery   bool // takes no part in delivery (downloads, services), so lends it no VAT rate
}

// Charge is the price of the chosen delivery, VAT included.
type Charge struct {
	Label catalog.Localized
	Price money.Money
}

// Quote is what it comes to. All amounts are in Input.Currency and include VAT.
//
//	Total = Goods + Delivery − Discount; ToPay = Total − GiftCard
//	the Gross of VAT, and Net + DeliveryVAT's Gross, sum to Total
//	the VAT of the lines and of DeliveryVAT sums to that of VAT, rate by rate
type Quote struct {
	Lines       []QLine
	Goods       money.Money
	Delivery    money.Money
	Discount    money.Money // ≥ 0
	Total       money.Money
	GiftCard    money.Money // ≥ 0, at most Total
	ToPay       money.Money
	VAT         []VATSum // highest rate first; includes gift cards sold, at 0
	DeliveryVAT []VATSum // delivery's share of VAT
	Adjustments []Adjustment
	Refused     []Refused // codes that did not count, and why
}

// QLine is a line of the quote.
type QLine struct {
	Key         string
	Variant     db.ID
	Quantity    int64
	Unit        money.Money
	Regular     money.Money
	Total       money.Money // Quantity · Unit
	Discount    money.Money // this line's share of the codes, ≥ 0
	Net         money.Money // Total − Discount
	VATClass    string
	VATRateBP   int64
	VAT         money.Money // contained in Net
	Adjustments []Adjustment
}

// VATSum is a sum at one rate: Amount is the VAT contained in Gross.
type VATSum struct {
	RateBP int64
	Gross  money.Money
	Amount money.Money
}

// Adjustment is a change with its source ("code") and what to call it. Amount
// is negative where it lowers.
type Adjustment struct {
	Source string
	Ref    string // the code
	Label  catalog.Localized
	Amount money.Money
}

// Refused is a code that did not count: unknown, disabled, used_up, not_started,
// expired, min_goods, nothing_eligible, not_combinable.
type Refused struct{ Code, Reason string }

// Compute makes the quote. Errors: fault.Invalid for a quantity out of range or
// too many lines; ErrNoRate; money.ErrOverflow and money.ErrCurrency for data
// that cannot be.
func Compute(in Input) (Quote, error) {
	z := money.New(0, in.Currency)
	q := Quote{Goods: z, Delivery: z, Discount: z, Total: z, GiftCard: z, ToPay: z}
	if err := q.lines(in); err != nil {
		return Quote{}, err
	}
	if in.Delivery != nil {
		if in.Delivery.Price.Amount < 0 {
			return Quote{}, errors.New("pricing: negative delivery price")
		}
		d, err := z.Add(in.Delivery.Price)
		if err != nil {
			return Quote{}, fmt.Errorf("delivery: %w", err)
		}
		q.Delivery = d
	}
	q.codes(in)
	total := q.Goods.Amount - q.Discount.Amount + q.Delivery.Amount
	if total < 0 || total > money.Max {
		return Quote{}, money.ErrOverflow
	}
	q.Total.Amount = total
	if err := q.vat(in); err != nil {
		return Quote{}, err
	}
	if g := in.GiftCard; g != (money.Money{}) {
		if g.Currency != in.Currency {
			return Quote{}, fmt.Errorf("gift card: %w", money.ErrCurrency)
		}
		if g.Amount < 0 {
			return Quote{}, errors.New("pricing: negative gift card")
		}
		q.GiftCard.Amount = min(g.Amount, total)
	}
	q.ToPay.Amount = total - q.GiftCard.Amount
	return q, nil
}

func (q *Quote) lines(in Input) error {
	var f fault.Fields
	if len(in.Lines) > MaxLines {
		f.Add("/lines", "too_many", "max", MaxLines)
		return f.Err()
	}
	z := money.New(0, in.Currency)
	for i, l := range in.Lines {
		if l.Quantity < 1 || l.Quantity > MaxQuantity {
			f.Add(fmt.Sprintf("/lines/%d/quantity", i), "out_of_range", "min", 1, "max", MaxQuantity)
			continue
		}
		if l.Unit.Amount < 0 {
			return fmt.Errorf("pricing: negative price on line %d", i)
		}
		total, err := l.Unit.Mul(l.Quantity)
		if err != nil {
			return fmt.Errorf("line %d: %w", i, err)
		}
		if q.Goods, err = q.Goods.Add(total); err != nil {
			return fmt.Errorf("line %d: %w", i, err)
		}
		bp, err := in.Rates.At(l.VATClass, in.At)
		if err != nil {
			return fmt.Errorf("line %d: %w", i, err)
		}
		q.Lines = append(q.Lines, QLine{Key: l.Key, Variant: l.Variant, Quantity: l.Quantity, Unit: l.Unit, Regular: l.Regular,
			Total: total, Discount: z, Net: total, VATClass: l.VATClass, VATRateBP: bp, VAT: z})
	}
	return f.Err()
}

// vat sums per rate, computes the VAT of each sum once, and spreads it.
func (q *Quote) vat(in Input) error {
	cur := in.Currency
	rates, delivery, err := q.deliveryParts(in)
	if err != nil {
		return err
	}
	for k, bp := range rates {
		gross := delivery[k]
		weights := []int64{delivery[k]}
		var at []int
		for i, l := range q.Lines {
			if l.VATRateBP == bp {
				gross += l.Net.Amount
				weights = append(weights, l.Net.Amount)
				at = append(at, i)
			}
		}
		vat := money.VATIncluded(gross, bp)
		parts := money.Split(vat, weights)
		for n, i := range at {
			q.Lines[i].VAT.Amount = parts[n+1]
		}
		q.VAT = append(q.VAT, VATSum{bp, money.New(gross, cur), money.New(vat, cur)})
		if delivery[k] > 0 {
			q.DeliveryVAT = append(q.DeliveryVAT, VATSum{bp, money.New(delivery[k], cur), money.New(parts[0], cur)})
		}
	}
	return nil
}

// deliveryParts returns the rates of the quote, highest first, and the part of
// the delivery price at each: in proportion to the goods after discount that
// are delivered; before discount if that leaves nothing; at the standard rate
// if there is nothing to go by.
func (q *Quote) deliveryParts(in Input) (rates, parts []int64, err error) {
	net, gross := map[int64]int64{}, map[int64]int64{}
	for i, l := range q.Lines {
		rates = append(rates, l.VATRateBP)
		if !in.Lines[i].NoDelivery && l.VATClass != catalog.VATVoucher {
			net[l.VATRateBP] += l.Net.Amount
			gross[l.VATRateBP] += l.Total.Amount
		}
	}
	sum := func(m map[int64]int64) (s int64) {
		for _, v := range m {
			s += v
		}
		return
	}
	by := net
	if sum(net) == 0 {
		by = gross
	}
	if sum(by) == 0 && q.Delivery.Amount > 0 {
		bp, err := in.Rates.At(catalog.VATStandard, in.At)
		if err != nil {
			return nil, nil, fmt.Errorf("delivery: %w", err)
		}
		by = map[int64]int64{bp: 1}
		rates = append(rates, bp)
	}
	slices.Sort(rates)
	slices.Reverse(rates)
	rates = slices.Compact(rates)
	weights := make([]int64, len(rates))
	for i, bp := range rates {
		weights[i] = by[bp]
	}
	return rates, money.Split(q.Delivery.Amount, weights), nil
}

// codes applies the discount codes. A code that may not be combined stands
// alone; of what may stand together, what is best for the buyer counts,
// whatever order the codes were given in.
func (q *Quote) codes(in Input) {
	rules := slices.Clone(in.Codes)
	for i := range rules {
		rules[i].Code = CanonicalCode(rules[i].Code)
	}
	// Percentages first, then amounts, then by code: the result must not depend
	// on the order of typing.
	slices.SortStableFunc(rules, func(a, b CodeRule) int {
		if a.Kind != b.Kind {
			return -strings.Compare(a.Kind, b.Kind) // "percent" before "amount"
		}
		return strings.Compare(a.Code, b.Code)
	})
	rules = slices.CompactFunc(rules, func(a, b CodeRule) bool { return a.Code == b.Code })
	var together []CodeRule
	var groups [][]CodeRule
	for _, r := range rules {
		if why := r.refusal(in, q); why != "" {
			q.Refused = append(q.Refused, Refused{r.Code, why})
		} else if r.Combinable {
			together = append(together, r)
		} else {
			groups = append(groups, []CodeRule{r})
		}
	}
	if len(together) > 0 {
		groups = append([][]CodeRule{together}, groups...)
	}
	best, bestSum, bestCuts := -1, int64(-1), [][]int64(nil)
	for i, g := range groups {
		if sum, cuts := q.try(in, g); sum > bestSum {
			best, bestSum, bestCuts = i, sum, cuts
		}
	}
	for i, g := range groups {
		for k, r := range g {
			if i != best {
				q.Refused = append(q.Refused, Refused{r.Code, "not_combinable"})
				continue
			}
			q.apply(r, bestCuts[k])
		}
	}
}

// try computes what the rules take off each line, one after the other, each of
// what the former left.
func (q *Quote) try(in Input, rules []CodeRule) (sum int64, cuts [][]int64) {
	left := make([]int64, len(q.Lines))
	for i, l := range q.Lines {
		left[i] = l.Total.Amount
	}
	for _, r := range rules {
		weights := make([]int64, len(left))
		var base int64
		for i := range left {
			if r.covers(in.Lines[i]) {
				weights[i] = left[i]
				base += left[i]
			}
		}
		off := min(r.off(base), base)
		cut := make([]int64, len(left))
		if off > 0 {
			cut = money.Split(off, weights)
		}
		for i := range cut {
			left[i] -= cut[i]
		}
		sum += off
		cuts = append(cuts, cut)
	}
	return sum, cuts
}

func (q *Quote) apply(r CodeRule, cut []int64) {
	var sum int64
	for i, c := range cut {
		sum += c
		if c == 0 {
			continue
		}
		l := &q.Lines[i]
		l.Discount.Amount += c
		l.Net.Amount -= c
		l.Adjustments = append(l.Adjustments, Adjustment{"code", r.Code, r.Label, money.New(-c, l.Net.Currency)})
	}
	q.Discount.Amount += sum
	q.Adjustments = append(q.Adjustments, Adjustment{"code", r.Code, r.Label, money.New(-sum, q.Discount.Currency)})
}

// CodeRule is a discount code as a quote needs it; CodesFor makes them.
type CodeRule struct {
	ID         db.ID
	Code       string
	Label      catalog.Localized
	Kind       string // "percent" (Value in basis points) or "amount" (Value in minor units of Currency)
	Value      int64
	Currency   string
	MinGoods   int64 // of all goods before discount
	From, To   time.Time
	Combinable bool
	Excluded   map[db.ID]bool // variants it does not cover
	Problem    string         // unknown, disabled or used_up: it does not count
}

func (r CodeRule) covers(l InLine) bool { return !l.CodeExcluded && !r.Excluded[l.Variant] }

func (r CodeRule) off(base int64) int64 {
	if r.Kind == "percent" {
		return money.MulDiv(base, r.Value, 10_000)
	}
	return r.Value
}

func (r CodeRule) refusal(in Input, q *Quote) string {
	switch {
	case r.Problem != "":
		return r.Problem
	case r.Kind != "percent" && r.Kind != "amount", r.Value <= 0, r.Kind == "percent" && r.Value > 10_000,
		r.Kind == "amount" && r.Currency != in.Currency:
		return "unknown"
	case !r.From.IsZero() && in.At.Before(r.From):
		return "not_started"
	case !r.To.IsZero() && !in.At.Before(r.To):
		return "expired"
	case q.Goods.Amount < r.MinGoods:
		return "min_goods"
	}
	for _, l := range in.Lines {
		if r.covers(l) && l.Unit.Amount > 0 {
			return ""
		}
	}
	return "nothing_eligible"
}
