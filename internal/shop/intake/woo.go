package intake

import (
	"cmp"
	"slices"
	"strings"

	"kassavalv/internal/shop/catalog"
)

// wooReader makes items of rows: a simple product is one row; a variable one is
// a row of words and the rows of its variations, which may stand anywhere, so
// both are held until the end.
type wooReader struct {
	r       *run
	parents []*wooParent
	by      map[string]*wooParent // "id:44" and the parent's SKU
	orphans []row
}

type wooParent struct {
	item  *item
	words row
	rows  []row
}

func (w *wooReader) add(x row) error {
	r, s := w.r, w.r.sheet
	kinds := strings.FieldsFunc(strings.ToLower(s.get(x, cType)), func(r rune) bool { return r == ',' || r == ' ' })
	has := func(k string) bool { return slices.Contains(kinds, k) }
	switch {
	case has("variation"):
		w.orphans = append(w.orphans, x)
		return nil
	case has("variable"):
		it := w.item(x, kinds)
		if it == nil {
			return nil
		}
		p := &wooParent{item: it, words: x}
		w.parents = append(w.parents, p)
		for _, src := range it.sources {
			w.by[src] = p
		}
		return nil
	case has("grouped"), has("external"), len(kinds) > 0 && !has("simple") && !has("virtual") && !has("downloadable"):
		r.problem(x.line, s.name(cType), "bad_type", "value", short(s.get(x, cType)))
		r.rep.NotIn++
		return nil
	}
	it := w.item(x, kinds)
	if it == nil {
		return nil
	}
	v := variant{line: x.line}
	if !w.variant(x, &v) {
		r.rep.NotIn++
		return nil
	}
	for n := range s.names {
		if s.cell(x, s.names[n]) != "" && s.cell(x, s.values[n]) != "" {
			r.remark(x.line, s.header[s.names[n]-1], "attribute", "value", short(s.cell(x, s.names[n])))
		}
	}
	it.variants = []variant{v}
	return r.take(it)
}

func (w *wooReader) item(x row, kinds []string) *item {
	r, s := w.r, w.r.sheet
	it := &item{line: x.line, rows: 1, title: oneLine(s.get(x, cTitle)), brand: oneLine(firstOf(s.get(x, cVendor))), tags: splitTags(s.get(x, cTags))}
	if it.handle = catalog.MakeHandle(it.title); it.handle == "" && it.title != "" {
		it.handle = catalog.MakeHandle("vara " + s.get(x, cSKU) + " " + s.get(x, cID))
	}
	it.fileHandle = it.handle
	if sku := s.get(x, cSKU); sku != "" {
		it.sources = append(it.sources, "sku:"+sku)
	}
	if id, ok := count(s.get(x, cID)); ok && id > 0 {
		it.sources = append(it.sources, "id:"+s.get(x, cID))
	}
	text, long := toMarkdown(unescape(s.get(x, cShort)), true), toMarkdown(unescape(s.get(x, cBody)), true)
	switch {
	case text == "" || text == long:
		text = long
	case long != "":
		text += "\n\n" + long
	}
	it.body = text
	it.shelves = shelves(s.get(x, cShelf))
	switch s.get(x, cPublished) {
	case "1":
		it.status = catalog.Published
	case "0", "-1":
		it.status = catalog.Draft
	case "":
	default:
		switch truth(s.get(x, cPublished)) {
		case yes:
			it.status = catalog.Published
		case no:
			it.status = catalog.Draft
		default:
			r.problem(x.line, s.name(cPublished), "bad_value", "value", short(s.get(x, cPublished)))
			it.status = catalog.Draft
		}
	}
	if v := s.get(x, cVisibility); strings.EqualFold(v, "hidden") && it.status == catalog.Published {
		r.remark(x.line, s.name(cVisibility), "hidden")
	}
	if len(kinds) > 0 {
		it.kind = catalog.Goods
		if slices.Contains(kinds, "virtual") || slices.Contains(kinds, "downloadable") {
			it.kind = catalog.Digital
		}
	}
	for i, u := range strings.Split(s.get(x, cImage), ",") {
		w.picture(it, x, u, i)
	}
	return it
}

func (w *wooReader) picture(it *item, x row, url string, i int) {
	if url = strings.TrimSpace(url); url == "" || slices.ContainsFunc(it.pictures, func(p picture) bool { return p.url == url }) {
		return
	}
	if !pictureName(url) {
		w.r.problem(x.line, w.r.sheet.name(cImage), "bad_picture", "value", short(url))
		return
	}
	it.pictures = append(it.pictures, picture{url: url, position: int64(i + 1), line: x.line})
}

// variant reads what a simple product and a variation write alike.
func (w *wooReader) variant(x row, v *variant) bool {
	r, s := w.r, w.r.sheet
	ok := r.common(x, v)
	sale := s.get(x, cCompare)
	if sale != "" {
		from, to := s.get(x, cSaleFrom), s.get(x, cSaleTo)
		if from == "" && to == "" {
			r.remark(x.line, s.name(cCompare), "sale_price", "value", short(sale))
		} else {
			r.remark(x.line, s.name(cCompare), "sale_price_dated", "value", short(sale), "from", cmp.Or(short(from), "–"), "to", cmp.Or(short(to), "–"))
		}
	}
	if t := s.get(x, cTaxable); t != "" && !strings.EqualFold(t, "taxable") {
		r.problem(x.line, s.name(cTaxable), "not_taxable")
	}
	if t := s.get(x, cTaxClass); t != "" && !strings.EqualFold(t, "standard") && !strings.EqualFold(t, "parent") {
		r.problem(x.line, s.name(cTaxClass), "tax_class", "value", short(t))
	}
	if s.carries(cQty) {
		switch t := s.get(x, cQty); {
		case strings.EqualFold(t, "parent"):
			// Stock that variations share has no like here; to sell none is safe.
			r.problem(x.line, s.name(cQty), "stock_of_parent")
			v.tracked, v.qty, v.counted = yes, 0, true
		case t == "" && truth(s.get(x, cInStock)) == no:
			v.tracked, v.qty, v.counted = yes, 0, true
		default:
			v.tracked = said(t != "")
		}
	}
	if t := s.get(x, cPolicy); t != "" {
		v.backorder = said(truth(t) == yes || strings.EqualFold(t, "notify"))
	}
	return ok
}

// end gives the variations to their parents.
func (w *wooReader) end() error {
	r, s := w.r, w.r.sheet
	for _, x := range w.orphans {
		ref := s.get(x, cParent)
		p := w.by[strings.ToLower(ref)] // "id:44"
		if p == nil {
			p = w.by["sku:"+ref]
		}
		switch {
		case ref == "":
			r.problem(x.line, s.name(cParent), "parent_required")
		case p == nil:
			r.problem(x.line, s.name(cParent), "parent_unknown", "value", short(ref))
		default:
			p.rows = append(p.rows, x)
		}
	}
	for _, p := range w.parents {
		w.join(p)
		if len(p.item.variants) == 0 {
			r.rep.NotIn++
			if len(p.rows) == 0 {
				r.problem(p.item.line, s.name(cType), "no_variations")
			}
			continue
		}
		if err := r.take(p.item); err != nil {
			return err
		}
	}
	return nil
}

// join makes variants of variations. An attribute that every variation leaves
// open ("any size") is no choice here; one that some leave open has the value
// "Valfri" for them.
func (w *wooReader) join(p *wooParent) {
	r, s, it := w.r, w.r.sheet, p.item
	it.rows += len(p.rows)
	const open = "Valfri"
	var names []string
	where := []map[string]string{}
	closed := map[string]bool{}
	for _, x := range p.rows {
		m := map[string]string{}
		for n := range s.names {
			name := oneLine(s.cell(x, s.names[n]))
			if name == "" {
				continue
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			value := oneLine(strings.ReplaceAll(s.cell(x, s.values[n]), `\,`, ","))
			m[name] = value
			closed[name] = closed[name] || value != ""
		}
		where = append(where, m)
	}
	for _, n := range names {
		if closed[n] {
			it.options = append(it.options, n)
		} else {
			r.remark(it.line, "", "option_open", "option", short(n))
		}
	}
	for i, x := range p.rows {
		v := variant{line: x.line}
		ok := w.variant(x, &v)
		for _, n := range it.options {
			t := where[i][n]
			if t == "" {
				t = open
			}
			v.values = append(v.values, t)
		}
		if p := s.get(x, cPublished); p == "0" || p == "-1" {
			r.remark(x.line, s.name(cPublished), "variation_off")
			continue
		}
		if u := strings.TrimSpace(firstOf(s.get(x, cImage))); u != "" {
			w.picture(it, x, u, len(it.pictures))
			v.picture = u
		}
		if ok {
			it.variants = append(it.variants, v)
		}
	}
}

// shelves reads "Kläder > Tröjor, Rea": paths of categories.
func shelves(s string) (out [][]string) {
	s = strings.ReplaceAll(s, `\,`, "\x00")
	for _, p := range strings.Split(s, ",") {
		var path []string
		for _, t := range strings.Split(p, ">") {
			if t = oneLine(strings.ReplaceAll(t, "\x00", ",")); t != "" {
				path = append(path, t)
			}
		}
		if len(path) > 0 && len(path) <= 8 && len(out) < 50 {
			out = append(out, path)
		}
	}
	return
}

func firstOf(s string) string { s, _, _ = strings.Cut(s, ","); return s }

// unescape undoes the \n that WooCommerce writes for a line break.
func unescape(s string) string { return strings.ReplaceAll(s, `\n`, "\n") }
