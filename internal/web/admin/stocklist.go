package admin

import (
	"net/http"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

var stockTabs = []tab{{"", "stock.all"}, {"low", "stock.low"}}

// lowPages bounds how many pages of the search index are looked through for goods
// that run low, a hundred products each.
const lowPages = 50

// stockList shows every variant with its level. What runs low is found through
// the search index, which knows it of every product that shows.
func (v *visit) stockList() error {
	show, before, _, err := v.listQuery(stockTabs)
	if err != nil {
		return err
	}
	low := show == "low"
	var ids []db.ID
	if low {
		ids = v.runningLow()
	}
	g, err := read(v, func(q *db.Reader) (goods, error) {
		if err := v.by.Need(auth.CatalogRead); err != nil {
			return goods{}, err
		}
		var ps []*catalog.Product
		var err error
		if low {
			ps, err = catalog.ByIDs(q, ids)
		} else {
			ps, err = catalog.ListStaff(q, catalog.Filter{}, before, pageSize+1)
		}
		if err != nil {
			return goods{}, err
		}
		return v.readGoods(q, ps)
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("stock.title"), Empty: v.t("stock.none"), Cols: []ui.Column{{Text: v.t("col.goods")}, {Text: v.t("col.sku")}, {Text: v.t("stock.on_hand"), Num: true}, {Text: v.t("col.promised"), Num: true}, {Text: v.t("stock.available"), Num: true}}}
	if low {
		t.Empty, t.EmptyURL, t.EmptyGo = v.t("stock.none_low"), "/admin/stock", v.t("show_all")
	}
	ps := g.ps
	if !low {
		ps = paged(&t, g.ps, before, func(p *catalog.Product) db.ID { return p.ID }, "/admin/stock", "show", show)
	}
	for _, p := range ps {
		for i := range p.Variants {
			x := &p.Variants[i]
			l, ok := g.levels[x.ID]
			if !ok || !l.Tracked || x.Status == catalog.Removed || low && l.Available() > search.FewLeft {
				continue
			}
			text := p.Texts.In(v.l)
			row := view.Row{Cells: []view.Cell{{Text: text.Title, Sub: v.choices(x), URL: productPath(p.ID) + "/variants/" + x.ID.String(), Lang: text.Lang}, {Text: x.SKU}, {Text: lang.Number(v.l, l.OnHand)}, {Text: lang.Number(v.l, l.Held+l.Allocated)}, {Text: lang.Number(v.l, l.Available())}}}
			if l.Available() <= 0 && !l.Backorder {
				row.Tone = ui.Wait
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("stock.title")}, v.tabs("/admin/stock", show, stockTabs...), view.TableBlock(v.l, t))
}

// runningLow lists products of which few or none are left, at most 200.
func (v *visit) runningLow() []db.ID {
	if v.Index == nil {
		return nil
	}
	var out []db.ID
	cursor := ""
	for range lowPages {
		r, err := v.Index.List(search.Query{Limit: 100, Sort: search.SortName, Cursor: cursor})
		if err != nil {
			return out
		}
		for _, c := range r.Cards {
			if c.Stock != search.StockIn {
				if out = append(out, c.Product); len(out) == 200 {
					return out
				}
			}
		}
		if cursor = r.Next; cursor == "" {
			break
		}
	}
	return out
}
