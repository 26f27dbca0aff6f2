package cart

import (
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

// LineView is a line as it stands now.
type LineView struct {
	Line
	Info     catalog.VariantInfo
	Level    stock.Level
	Price    pricing.Price
	Quoted   pricing.QLine
	Facts    catalog.Localized // main characteristics, one sentence
	Sellable bool              // the wished quantity can be had
}

// Problem is something about the cart that stops a purchase, or that the buyer
// should know before it.
type Problem struct {
	Code  string // out_of_stock, not_for_sale, code_invalid, delivery_gone, gift_card_gone, gift_card_held
	Line  db.ID  // 0 when it is about the whole cart
	Key   string // of the sentence
	Args  []any
	Block bool // no purchase while it stands
}

// View is the cart as it stands now.
type View struct {
	Cart
	Lines    []LineView
	Quote    pricing.Quote
	Goods    delivery.Goods
	Options  []delivery.Option // what can carry these goods to the postal code
	Chosen   *delivery.Option
	Problems []Problem
	HasBuyer bool
	Gifts    []Gift // those on the cart, in the order in which they pay
	held     []string
	giftGone bool
}

// View computes the cart from goods, prices, stock and delivery as they are at
// q's instant.
func (s *Shelf) View(q db.Q, v *secret.Vault, c Cart, lg lang.Lang) (View, error) {
	return s.view(q, c, lg, false)
}

// Fresh is View from the database alone: what a purchase freezes.
func (s *Shelf) Fresh(q db.Q, c Cart, lg lang.Lang) (View, error) { return s.view(q, c, lg, true) }

func (s *Shelf) view(q db.Q, c Cart, lg lang.Lang, fresh bool) (View, error) {
	out := View{Cart: c, HasBuyer: len(c.contact) > 0}
	ids := make([]db.ID, len(c.Lines))
	for i, l := range c.Lines {
		ids[i] = l.Variant
	}
	have, err := s.look(q, c.Currency, ids, fresh)
	if err != nil {
		return out, err
	}
	levels, err := stock.Levels(q, ids)
	if err != nil {
		return out, err
	}
	var rules []pricing.CodeRule
	if len(c.Codes) > 0 {
		if rules, err = pricing.CodesFor(q, c.Codes, ids); err != nil {
			return out, err
		}
	}
	in := pricing.Input{Currency: c.Currency, At: q.LegalNow(), Codes: rules, Rates: have.rates}
	for _, l := range c.Lines {
		it := have.goods[l.Variant]
		lv := LineView{Line: l, Info: it.info, Level: levels[l.Variant], Price: it.price, Facts: it.facts}
		title := lv.Info.Title.SV
		if lg == lang.EN && lv.Info.Title.EN != "" {
			title = lv.Info.Title.EN
		}
		_, counted := levels[l.Variant]
		priced := it.has
		switch {
		case !lv.Info.Sellable || !counted || !priced || lv.Price.Price.Currency != c.Currency:
			out.Problems = append(out.Problems, Problem{Code: "not_for_sale", Line: l.ID, Key: "cart.problem.not_for_sale", Args: []any{"title", title}, Block: true})
		case !lv.Level.Sellable(l.Quantity):
			// How many are left is not told here: up to which number buyers may know it
			// is the faces' to look up.
			key := "cart.problem.out_of_stock"
			if lv.Level.Available() > 0 {
				key = "cart.problem.too_many_pieces"
			}
			out.Problems = append(out.Problems, Problem{Code: "out_of_stock", Line: l.ID, Key: key, Args: []any{"title", title}, Block: true})
		default:
			lv.Sellable = true
		}
		if !priced {
			lv.Price.Price = money.New(0, c.Currency)
			lv.Price.Regular = lv.Price.Price
		}
		in.Lines = append(in.Lines, pricing.InLine{Key: l.ID.String(), Variant: l.Variant, Quantity: l.Quantity, Unit: lv.Price.Price, Regular: lv.Price.Regular,
			VATClass: lv.Info.VATClass, CodeExcluded: lv.Info.VATClass == catalog.VATVoucher, NoDelivery: !lv.Info.NeedsDelivery()})
		if lv.Info.NeedsDelivery() {
			out.Goods.Shipped = true
			out.Goods.WeightG += lv.Info.WeightG * l.Quantity
			out.Goods.SideMM = max(out.Goods.SideMM, lv.Info.SizeMM[0], lv.Info.SizeMM[1], lv.Info.SizeMM[2])
			out.Goods.Bulky = out.Goods.Bulky || lv.Info.Bulky
			out.Goods.Lead = max(out.Goods.Lead, Lead(lv.Info, lv.Level, l.Quantity))
		}
		out.Lines = append(out.Lines, lv)
	}
	// First without delivery: its price depends on the goods' value.
	if out.Quote, err = pricing.Compute(in); err != nil {
		return out, err
	}
	out.Goods.Value = money.New(out.Quote.Goods.Amount-out.Quote.Discount.Amount, c.Currency)
	out.Options = delivery.Offer(have.methods, out.Goods, c.PostalCode, q.LegalNow())
	if o, ok := delivery.Find(out.Options, c.Option); ok {
		out.Chosen = &o
		in.Delivery = &pricing.Charge{Label: catalog.Localized{SV: o.Method.NameSV, EN: o.Method.NameEN}, Price: o.Price}
		if out.Quote, err = pricing.Compute(in); err != nil {
			return out, err
		}
	} else if c.Option != 0 && len(c.Lines) > 0 {
		out.Problems = append(out.Problems, Problem{Code: "delivery_gone", Key: "cart.problem.delivery_gone", Block: true})
	}
	for i := range out.Lines {
		out.Lines[i].Quoted = out.Quote.Lines[i]
	}
	if err := out.gifts(q); err != nil {
		return out, err
	}
	if n := out.Gifted(); n > 0 {
		in.GiftCard = money.New(n, c.Currency)
		if out.Quote, err = pricing.Compute(in); err != nil {
			return out, err
		}
	}
	// A code that does not count is told, and does not block: the total is
	// simply without it.
	refused := map[string]bool{}
	for _, r := range out.Quote.Refused {
		refused[r.Code] = true
		out.Problems = append(out.Problems, Problem{Code: "code_invalid", Key: "cart.problem.code_" + r.Reason, Args: []any{"code", r.Code}})
	}
	for _, r := range rules {
		if !refused[r.Code] {
			out.held = append(out.held, r.Code)
		}
	}
	return out, nil
}

// Lead is how many working days pass before n pieces of a variant can leave: none
// when they are on the shelf. A promise that leaves it out is a false one.
func Lead(v catalog.VariantInfo, l stock.Level, n int64) int64 {
	if v.MadeToOrder || l.Tracked && l.Backorder && l.Available() < n {
		return v.LeadDays
	}
	return 0
}

// Ready reports what is missing before a purchase can start: a 422 naming the
// steps, or a 409 with the code of the first problem.
func (v View) Ready() error {
	var f fault.Fields
	if len(v.Lines) == 0 {
		f.Add("/lines", "cart_empty")
	}
	if !v.HasBuyer {
		f.Add("/customer", "required")
	}
	if v.Cart.Option == 0 {
		f.Add("/delivery", "required")
	}
	if err := f.Err(); err != nil {
		return err
	}
	for _, p := range v.Problems {
		if p.Block {
			if p.Code == "out_of_stock" {
				return fault.Conflict("out_of_stock")
			}
			return fault.Conflict("cart_changed")
		}
	}
	if v.Chosen == nil {
		return fault.Conflict("cart_changed")
	}
	return nil
}

// CodesHeld are the discount codes that hold.
func (v View) CodesHeld() []string { return v.held }

// Changes tells the instant at which the view may change by itself.
func (v View) Changes() time.Time {
	var at time.Time
	for _, l := range v.Lines {
		if u := l.Price.Until; !u.IsZero() && (at.IsZero() || u.Before(at)) {
			at = u
		}
	}
	return at
}
