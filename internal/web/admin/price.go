package admin

import (
	"strconv"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// pricePanel shows what a variant costs, has cost and will cost.
func (v *visit) pricePanel(c piece, f ui.Form) view.Block {
	t := view.Table{Caption: v.t("price.history"), Empty: v.t("price.none"), Cols: []ui.Column{{Text: v.t("col.price"), Num: true}, {Text: v.t("col.from")}, {Text: v.t("col.to")}, {}}}
	for i := len(c.history) - 1; i >= 0 && len(t.Rows) < 20; i-- {
		s := c.history[i]
		row := view.Row{Cells: []view.Cell{{Text: lang.Money(v.l, s.Price)}, {Text: v.day(s.From)}, {Text: v.day(s.To)}, {}}}
		switch {
		case s.From.After(c.legal) && v.by.Has(auth.CatalogWrite):
			row.Cells[3].Block = view.ButtonForm(v.l, view.Button{Action: "/admin/variants/" + c.x.ID.String() + "/price/cancel", Text: v.t("price.cancel"), Link: true, Hidden: []view.Pair{{Key: "from", Value: strconv.FormatInt(s.From.UnixMicro(), 10)}}})
		case s.From.After(c.legal):
			row.Cells[3].Text = v.t("price.planned")
		case s.To.IsZero() || s.To.After(c.legal):
			row.Cells[3] = view.Cell{Text: v.t("price.now"), Badge: true, Tone: ui.OK}
		}
		t.Rows = append(t.Rows, row)
	}
	blocks := []view.Block{}
	if v.by.Has(auth.CatalogWrite) {
		blocks = append(blocks, view.FormBlock(v.l, view.Form{Action: "/admin/variants/" + c.x.ID.String() + "/price", Submit: v.t("price.set"), Form: f, Fields: []view.Field{
			{Half: true, Input: ui.Input{Name: "price", Label: v.t("label.price"), Hint: v.t("price.hint"), InputMode: "decimal", Short: true, Max: 16}},
			{Half: true, Input: ui.Input{Name: "from", Label: v.t("label.from"), Hint: v.t("price.from.hint"), Type: "date", Short: true, Optional: true}}}}))
	}
	return view.Panel("price", v.t("price.title"), append(blocks, view.TableBlock(v.l, t))...)
}

// of finds the product of a variant, for the way back.
func (v *visit) productOf(q db.Q, variant db.ID) (db.ID, error) {
	facts, err := catalog.PriceFactsOf(q, []db.ID{variant})
	if err != nil {
		return 0, err
	}
	f, ok := facts[variant]
	if !ok {
		return 0, fault.NotFound()
	}
	return f.Product, nil
}

// setPrice gives a variant a new price from now, or from midnight of a coming day.
func (v *visit) setPrice() error {
	in, err := v.r.ReadForm("price", "from")
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
	var bad fault.Fields
	m, ok := amount(in.Get("price"), v.Currency)
	if !ok {
		bad.Add("/price", "bad_amount")
	}
	from, ok := date(in.Get("from"))
	if !ok {
		bad.Add("/from", "bad_date")
	}
	if err = bad.Err(); err == nil {
		err = v.do("price.set", catalog.EntityProduct, product, func(tx *db.Tx) error {
			at := from
			if !at.After(tx.LegalNow()) && sameDay(at, tx.LegalNow()) {
				at = time.Time{} // today means now
			}
			return pricing.SetPrice(tx, v.by, id, m, at)
		})
		err = renamed(err, "/0/price", "/price", "/0/from", "/from")
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showVariant(status(err), product, id.String(), "price", v.form(in, err, ""), "")
	}
	return v.done("price_set", productPath(product)+"/variants/"+id.String())
}

// cancelPrice takes back a price that has not begun.
func (v *visit) cancelPrice() error {
	in, err := v.r.ReadForm("from")
	if err != nil {
		return err
	}
	id, err := v.id("variant")
	if err != nil {
		return err
	}
	us, err := strconv.ParseInt(in.Get("from"), 10, 64)
	if err != nil {
		return fault.Bad("unreadable")
	}
	product, err := read(v, func(q *db.Reader) (db.ID, error) { return v.productOf(q, id) })
	if err != nil {
		return err
	}
	err = v.do("price.cancel", catalog.EntityProduct, product, func(tx *db.Tx) error {
		return pricing.CancelPlan(tx, v.by, id, v.Currency, time.UnixMicro(us).UTC())
	})
	if err != nil {
		return err
	}
	return v.done("price_cancelled", productPath(product)+"/variants/"+id.String())
}

// stockPanel shows how many there are, and takes a count.
func (v *visit) stockPanel(c piece, f ui.Form) view.Block {
	if c.level == nil || !c.level.Tracked {
		return view.Panel("stock", v.t("stock.title"), view.Say(v.t("stock.untracked")))
	}
	l := c.level
	blocks := []view.Block{view.Facts(v.l, []view.Pair{{Key: v.t("stock.on_hand"), Value: lang.Number(v.l, l.OnHand)}, {Key: v.t("stock.held"), Value: lang.Number(v.l, l.Held)}, {Key: v.t("stock.allocated"), Value: lang.Number(v.l, l.Allocated)}, {Key: v.t("stock.available"), Value: lang.Number(v.l, l.Available())}})}
	if v.by.Has(auth.StockWrite) {
		blocks = append(blocks, view.FormBlock(v.l, view.Form{Action: "/admin/variants/" + c.x.ID.String() + "/stock", Submit: v.t("stock.set"), Form: f, Fields: []view.Field{
			{Input: ui.Input{Name: "on_hand", Label: v.t("label.counted"), Hint: v.t("stock.hint"), Value: strconv.FormatInt(l.OnHand, 10), InputMode: "numeric", Short: true, Max: 9}}}}))
	}
	return view.Panel("stock", v.t("stock.title"), blocks...)
}

// undoCount offers the figure from before the last count.
func (v *visit) undoCount(c piece, was string) view.Block {
	n, ok := whole(was)
	if !ok || n < 0 || was == "" || c.level == nil || c.level.OnHand == n || !v.by.Has(auth.StockWrite) {
		return nil
	}
	return view.Notice(ui.Plain, v.t("stock.was", "n", n), view.ButtonForm(v.l, view.Button{Action: "/admin/variants/" + c.x.ID.String() + "/stock", Text: v.t("undo"), Hidden: []view.Pair{{Key: "on_hand", Value: strconv.FormatInt(n, 10)}}}))
}

// setStock records a count; the page that follows can undo it.
func (v *visit) setStock() error {
	in, err := v.r.ReadForm("on_hand")
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
	var was int64
	n, ok := whole(in.Get("on_hand"))
	if !ok || n < 0 {
		err = fault.Invalid(fault.Field{Pointer: "/on_hand", Code: "bad_quantity"})
	} else {
		was, err = act(v, "stock.count", "variant", id, func(tx *db.Tx) (int64, error) {
			l, err := stock.One(tx, id)
			if err != nil {
				return 0, err
			}
			_, err = stock.SetOnHand(tx, v.by, id, n)
			return l.OnHand, err
		})
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showVariant(status(err), product, id.String(), "stock", v.form(in, err, ""), "")
	}
	return v.done("counted", query(productPath(product)+"/variants/"+id.String(), "was", strconv.FormatInt(was, 10)))
}

// date reads a day as date fields send it: midnight in the shop's zone. Empty is
// the zero time.
func date(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, true
	}
	t, err := time.ParseInLocation("2006-01-02", s, lang.Zone)
	return t, err == nil
}

func sameDay(a, b time.Time) bool {
	x, y := a.In(lang.Zone), b.In(lang.Zone)
	return x.Year() == y.Year() && x.YearDay() == y.YearDay()
}
