package admin

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// ware is a product as its pages show it.
type ware struct {
	p *catalog.Product
	g goods
}

func (v *visit) readWare() (ware, error) {
	id, err := v.id("id")
	if err != nil {
		return ware{}, err
	}
	return read(v, func(q *db.Reader) (w ware, err error) {
		if w.p, err = v.ownProduct(q, id); err != nil {
			return w, err
		}
		w.g, err = v.readGoods(q, []*catalog.Product{w.p})
		return w, err
	})
}

func productPath(id db.ID) string { return "/admin/products/" + id.String() }

// productParts are the pages of one product.
var productParts = []struct{ path, key string }{{"", "product.overview"}, {"/texts", "product.texts"}, {"/facts", "product.facts"}, {"/pictures", "product.pictures"}, {"/shelves", "product.shelves"}}

// showWare shows one of the pages of a product.
func (v *visit) showWare(code int, w ware, part string, blocks ...view.Block) error {
	p, path := w.p, productPath(w.p.ID)
	state, tone := v.productState(p)
	head := []view.Block{view.Badge(tone, state)}
	if p.Status == catalog.Published && p.Visible(time.Now()) {
		head = append(head, view.Go(v.l, v.t("product.see"), "/products/"+p.Handle, false))
	}
	hidden := []view.Pair{{Key: "version", Value: strconv.FormatInt(p.Version, 10)}}
	if v.by.Has(auth.CatalogWrite) {
		switch p.Status {
		case catalog.Published:
			head = append(head, view.ButtonForm(v.l, view.Button{Action: path + "/unpublish", Text: v.t("product.unpublish"), Hidden: hidden}))
		case catalog.Draft, catalog.Archived:
			head = append(head, view.ButtonForm(v.l, view.Button{Action: path + "/publish", Text: v.t("product.publish"), Main: true, Hidden: hidden}))
		}
	}
	links := make([]ui.Link, len(productParts))
	for i, x := range productParts {
		links[i] = ui.Link{Text: v.t(x.key), URL: path + x.path, Current: x.path == part}
	}
	title := p.Texts.In(v.l).Title
	return v.show(code, view.Shell{Title: title, Head: view.Group(head...), Crumbs: []ui.Link{{Text: v.t("products.title"), URL: "/admin/products"}, {Text: title, URL: path + part}}},
		append([]view.Block{view.Tabs(v.l, v.t("product.parts"), links)}, blocks...)...)
}

// problems lists what a product lacks, each leading to where it is written.
func (v *visit) problems(p *catalog.Product) view.Block {
	fs := catalog.Problems(p)
	if len(fs) == 0 {
		return nil
	}
	var items []ui.Link
	for _, f := range fs {
		part := "/facts"
		switch {
		case strings.HasPrefix(f.Pointer, "/texts"):
			part = "/texts"
		case strings.HasPrefix(f.Pointer, "/media"):
			part = "/pictures"
		case strings.HasPrefix(f.Pointer, "/variants"):
			part = ""
		}
		text := v.fieldSentence(f)
		if label := v.fieldLabel(strings.TrimPrefix(f.Pointer, "/")); label != "" {
			text = label + ": " + text
		}
		items = append(items, ui.Link{Text: text, URL: productPath(p.ID) + part})
	}
	head := v.t("product.lacks.draft")
	if p.Owed {
		head = v.t("product.lacks.owed")
	}
	return view.Notice(ui.Wait, head, view.Links(v.l, items))
}

// product is the overview: what is missing, the variants with price and stock.
func (v *visit) product() error {
	w, err := v.readWare()
	if err != nil {
		return err
	}
	return v.showOverview(http.StatusOK, w, ui.Form{}, nil)
}

func (v *visit) showOverview(code int, w ware, option ui.Form, refused view.Block) error {
	p := w.p
	t := view.Table{Caption: v.t("variants.title"), Empty: v.t("variants.none"), Cols: []ui.Column{{Text: v.t("col.variant")}, {Text: v.t("col.sku")}, {Text: v.t("col.price"), Num: true}, {Text: v.t("col.stock"), Num: true}, {Text: v.t("col.promised"), Num: true}, {Text: v.t("col.state")}}}
	for i := range p.Variants {
		x := &p.Variants[i]
		if x.Status == catalog.Removed {
			continue
		}
		price, left, promised := "–", "–", "–"
		if s, ok := w.g.prices[x.ID]; ok {
			price = lang.Money(v.l, s.Price)
		}
		if l, ok := w.g.levels[x.ID]; ok && l.Tracked {
			left, promised = lang.Number(v.l, l.OnHand), lang.Number(v.l, l.Held+l.Allocated)
		}
		row := view.Row{Cells: []view.Cell{{Text: v.choices(x), URL: productPath(p.ID) + "/variants/" + x.ID.String()}, {Text: x.SKU}, {Text: price}, {Text: left}, {Text: promised}, {Text: v.t("variant.state." + string(x.Status)), Badge: true, Tone: map[catalog.VariantStatus]ui.Tone{catalog.Active: ui.OK}[x.Status]}}}
		if price == "–" {
			row.Tone, row.Cells[2].Sub = ui.Wait, v.t("variant.no_price")
		}
		t.Rows = append(t.Rows, row)
	}
	blocks := []view.Block{refused, v.problems(p), view.Panel("variants", v.t("variants.title"), view.TableBlock(v.l, t), v.variantAdd(p))}
	if v.by.Has(auth.CatalogWrite) {
		blocks = append(blocks, view.Fold(v.t("option.add"), option.Failed(), view.Quiet(v.t("option.add.text")), view.FormBlock(v.l, view.Form{Action: productPath(p.ID) + "/options", Submit: v.t("option.add.go"), Quiet: true, Form: option,
			Hidden: []view.Pair{{Key: "version", Value: strconv.FormatInt(p.Version, 10)}}, Fields: []view.Field{
				{Half: true, Input: ui.Input{Name: "name/sv", Label: v.t("label.option.sv"), Max: 60}}, {Half: true, Input: ui.Input{Name: "name/en", Label: v.t("label.option.en"), Max: 60, Optional: true}},
				{Half: true, Input: ui.Input{Name: "first/sv", Label: v.t("label.first.sv"), Max: 60}}, {Half: true, Input: ui.Input{Name: "first/en", Label: v.t("label.first.en"), Max: 60, Optional: true}}}})))
		if p.Status != catalog.Archived {
			blocks = append(blocks, view.Fold(v.t("product.archive"), false, view.Say(v.t("product.archive.text")), view.ButtonForm(v.l, view.Button{Action: productPath(p.ID) + "/archive", Text: v.t("product.archive.go"), Danger: true, Hidden: []view.Pair{{Key: "version", Value: strconv.FormatInt(p.Version, 10)}}})))
		}
	}
	text := p.Texts.In(v.l)
	side := []view.Block{view.Panel("", v.t("product.short"), view.Gallery([]view.Cell{{Image: w.g.image(p)}}), view.Facts(v.l, []view.Pair{{Key: v.t("label.handle"), Value: p.Handle}, {Key: v.t("label.kind"), Value: v.word("kind.", string(p.Kind))},
		{Key: v.t("label.vat_class"), Value: v.word("vat.", p.VATClass)}, {Key: v.t("label.brand"), Value: p.Brand}, {Key: v.t("product.languages"), Value: v.languages(p)}, {Key: v.t("product.changed"), Value: lang.Stamp(v.l, p.UpdatedAt)}}), v.said(text.Description))}
	return v.showWare(code, w, "", view.Beside(view.Group(blocks...), view.Group(side...)))
}

func (v *visit) said(s string) view.Block {
	if s == "" {
		return nil
	}
	if r := []rune(s); len(r) > 400 {
		s = string(r[:400]) + "…"
	}
	return view.Words(s)
}

func (v *visit) languages(p *catalog.Product) string {
	if p.Texts[lang.EN].Title == "" {
		return v.t("lang.sv_only")
	}
	return v.t("lang.both")
}

// choices are what tells a variant from the others.
func (v *visit) choices(x *catalog.Variant) string {
	var words []string
	for _, c := range x.Choices {
		s, _ := c.Value.In(v.l)
		words = append(words, s)
	}
	if len(words) == 0 {
		return v.t("variant.only")
	}
	return strings.Join(words, ", ")
}

func (v *visit) variantAdd(p *catalog.Product) view.Block {
	if !v.by.Has(auth.CatalogWrite) || len(p.Options) == 0 {
		return nil
	}
	return view.Go(v.l, v.t("variant.add"), productPath(p.ID)+"/variants/new", false)
}

// version reads the version a form was made from; 0, which would overwrite
// anything, is refused.
func version(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, fault.Conflict("changed_meanwhile")
	}
	return n, nil
}

// publish lets a product show; what it lacks is listed on its page.
func (v *visit) publish() error {
	return v.turn("published", "product.publish", func(tx *db.Tx, id db.ID, ver int64) (catalog.Outcome, error) {
		return catalog.Publish(tx, v.by, id, ver, time.Time{}, time.Time{})
	})
}

func (v *visit) unpublish() error {
	return v.turn("unpublished", "product.unpublish", func(tx *db.Tx, id db.ID, ver int64) (catalog.Outcome, error) {
		return catalog.Unpublish(tx, v.by, id, ver)
	})
}

func (v *visit) archive() error {
	return v.turn("archived", "product.archive", func(tx *db.Tx, id db.ID, ver int64) (catalog.Outcome, error) {
		return catalog.Archive(tx, v.by, id, ver)
	})
}

// turn changes the status of a product. The button that undoes it stands on the
// page that follows.
func (v *visit) turn(said, action string, fn func(tx *db.Tx, id db.ID, ver int64) (catalog.Outcome, error)) error {
	in, err := v.r.ReadForm("version")
	if err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	ver, err := version(in.Get("version"))
	if err == nil {
		_, err = act(v, action, catalog.EntityProduct, id, func(tx *db.Tx) (catalog.Outcome, error) { return fn(tx, id, ver) })
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		w, e := v.readWare()
		if e != nil {
			return e
		}
		text := v.t("product.not_published")
		if f := fault.As(err); f != nil && len(f.Fields) == 0 {
			text = v.sentence(f)
		}
		return v.showOverview(status(err), w, ui.Form{}, view.Notice(ui.Stop, text))
	}
	return v.done(said, productPath(id))
}
