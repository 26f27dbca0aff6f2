package admin

import (
	"errors"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// readCost reads what a variant costs to buy, and the VAT that its margin needs, for who
// may see them.
func (v *visit) readCost(q db.Q, c *piece) error {
	if !v.by.Has(auth.CostsRead) {
		return nil
	}
	costs, err := catalog.Costs(q, v.by, []db.ID{c.x.ID})
	if err != nil {
		return err
	}
	if m, ok := costs[c.x.ID]; ok {
		c.cost = &m
	}
	rates, err := pricing.Rates(q, v.Country)
	if err != nil {
		return err
	}
	if c.rate, err = rates.At(c.p.VATClass, q.LegalNow()); errors.Is(err, pricing.ErrNoRate) {
		c.rate, err = -1, nil // no margin can be told
	}
	return err
}

// costPanel shows what a variant costs to buy and what is left of its price; nil for who
// may not see it.
func (v *visit) costPanel(c piece, f ui.Form) view.Block {
	if !v.by.Has(auth.CostsRead) {
		return nil
	}
	cost, is := v.t("cost.none"), ""
	if c.cost != nil {
		cost, is = lang.Money(v.l, *c.cost), typed(c.cost.Amount)
	}
	facts := []view.Pair{{Key: v.t("cost.title"), Value: cost}}
	if s, ok := c.g.prices[c.x.ID]; ok && c.cost != nil && c.rate >= 0 {
		if m, ok := pricing.MarginOf(s.Price, c.rate, *c.cost); ok {
			facts = append(facts, view.Pair{Key: v.t("cost.net"), Value: lang.Money(v.l, m.Net)},
				view.Pair{Key: v.t("cost.margin"), Value: lang.Money(v.l, m.Left), Sub: v.t("cost.margin.share", "share", lang.Number(v.l, m.Percent))})
		}
	}
	blocks := []view.Block{view.Facts(v.l, facts)}
	if v.by.Has(auth.CatalogWrite) {
		blocks = append(blocks, view.FormBlock(v.l, view.Form{Action: "/admin/variants/" + c.x.ID.String() + "/cost", Submit: v.t("cost.set"), Quiet: true, Form: f, Fields: []view.Field{
			{Input: ui.Input{Name: "cost", Label: v.t("label.cost"), Hint: v.t("cost.hint"), Value: is, InputMode: "decimal", Short: true, Max: 16, Optional: true}}}}))
	}
	return view.Panel("cost", v.t("cost.title"), blocks...)
}

// setCost says what a variant costs to buy; an empty field says that nobody knows.
func (v *visit) setCost() error {
	in, err := v.r.ReadForm("cost")
	if err != nil {
		return err
	}
	id, err := v.id("variant")
	if err != nil {
		return err
	}
	product, err := read(v, func(q *db.Reader) (db.ID, error) { return v.productOf(q, id) })
	if err != nil {
		return err
	}
	c := catalog.Cost{Variant: id}
	if s := in.Get("cost"); strings.TrimSpace(s) != "" {
		m, ok := amount(s, v.Currency)
		if !ok {
			err = fault.Invalid(fault.Field{Pointer: "/cost", Code: "bad_amount"})
		}
		c.Cost = &m
	}
	if err == nil {
		err = v.do("cost.set", "variant", id, func(tx *db.Tx) error { _, err := catalog.SetCosts(tx, v.by, []catalog.Cost{c}); return err })
		err = renamed(err, "/0/cost", "/cost")
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showVariant(status(err), product, id.String(), "cost", v.form(in, err, ""), "")
	}
	return v.done("cost_set", productPath(product)+"/variants/"+id.String())
}
