package admin_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"regexp"
	"strings"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

var versionField = regexp.MustCompile(`name="version" value="(\d+)"`)

func (b *browser) version(path string) string {
	b.o.t.Helper()
	m := versionField.FindStringSubmatch(b.page(path).body)
	if m == nil {
		b.o.t.Fatalf("%s has no form with a version", path)
	}
	return m[1]
}

func (o *office) product(id string) *catalog.Product {
	o.t.Helper()
	n, err := db.ParseID(id)
	if err != nil {
		o.t.Fatal(err)
	}
	return look(o, func(q *db.Reader) (*catalog.Product, error) { return catalog.AnyByID(q, n) })
}

func drawing(t *testing.T) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 900, 600))
	for x := range 900 {
		for y := range 600 {
			m.Set(x, y, color.RGBA{uint8(x), uint8(y), 90, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (b *browser) upload(path string, files map[string][]byte, kv ...string) answer {
	b.o.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for i := 0; i+1 < len(kv); i += 2 {
		w.WriteField(kv[i], kv[i+1])
	}
	for name, data := range files {
		p, _ := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="picture"; filename="` + name + `"`}, "Content-Type": {"image/png"}})
		p.Write(data)
	}
	w.Close()
	return b.do(http.MethodPost, path, &body, "Content-Type", w.FormDataContentType())
}

// A product from nothing to the shop window, as the one who keeps the catalogue
// does it.
func TestProduct(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("catalogue")
		if a := b.post("/admin/products/new", "texts/sv/title", "", "kind", "goods", "vat_class", "standard", "price", "gratis"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `value="gratis"`) {
			t.Errorf("a bad product: %d", a.status)
		}
		a := b.post("/admin/products/new", "texts/sv/title", "Mugg Drej", "kind", "goods", "vat_class", "standard", "sku", "M-1", "price", "149,50", "on_hand", "12")
		if a.status != http.StatusSeeOther {
			t.Fatalf("create: %d %s", a.status, a.text())
		}
		path := strings.TrimSuffix(a.location(), "/texts")
		id := path[strings.LastIndex(path, "/")+1:]
		b.page(a.location())
		p := o.product(id)
		v := p.Variants[0].ID
		if l := look(o, func(q *db.Reader) (stock.Level, error) { return stock.One(q, v) }); l.OnHand != 12 {
			t.Errorf("stock: %+v", l)
		}

		// It cannot show before the law has its facts; the page says what is missing.
		if a := b.post(path+"/publish", "version", b.version(path)); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Tillverkare") {
			t.Errorf("published without facts: %d", a.status)
		}
		b.done(path+"/texts", "version", b.version(path+"/texts"), "texts/sv/title", "Mugg Drej", "texts/sv/description", "Drejad för hand.", "texts/en/title", "Mug Drej", "texts/en/description", "Thrown by hand.", "texts/sv/warnings", "")
		b.done(path+"/facts", "version", b.version(path+"/facts"), "handle", "mugg-drej", "kind", "goods", "vat_class", "standard", "withdrawal", "yes", "maker/name", "Drejeriet", "maker/postal", "Verkgatan 1, 111 11 Provstad", "maker/electronic", "drej@verk.example", "no_warnings", "yes", "unit", "", "energy_class", "", "brand", "Drej")
		if a := b.post(path+"/facts", "version", "1", "handle", "annat"); a.status != http.StatusConflict && a.status != http.StatusUnprocessableEntity {
			t.Errorf("a stale version: %d", a.status)
		}
		if a := b.post(path+"/facts", "handle", "annat"); a.status != http.StatusConflict {
			t.Errorf("no version: %d", a.status)
		}
		b.done(path+"/publish", "version", b.version(path))
		if p = o.product(id); p.Status != catalog.Published || p.Texts[lang.EN].Title != "Mug Drej" || p.Brand != "Drej" {
			t.Errorf("product: %+v", p)
		}

		// Price and stock, with a way back.
		vpath := path + "/variants/" + v.String()
		b.page(vpath)
		b.done("/admin/variants/"+v.String()+"/price", "price", "129")
		if now := look(o, func(q *db.Reader) (map[db.ID]pricing.Span, error) {
			return pricing.At(q, "SEK", []db.ID{v}, q.LegalNow())
		}); now[v].Price != money.SEK(12900) {
			t.Errorf("price: %+v", now[v])
		}
		for _, bad := range []string{"", "abc", "-5", "1,234", "99999999999999"} {
			if a := b.post("/admin/variants/"+v.String()+"/price", "price", bad); a.status != http.StatusUnprocessableEntity {
				t.Errorf("price %q: %d", bad, a.status)
			}
		}
		if a := b.post("/admin/variants/"+v.String()+"/price", "price", "99", "from", "2001-01-01"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a price for the past: %d", a.status)
		}
		if a := b.done("/admin/variants/"+v.String()+"/stock", "on_hand", "7"); !strings.Contains(a.body, `name="on_hand" value="12"`) {
			t.Error("the count cannot be undone")
		}
		b.done("/admin/variants/"+v.String()+"/stock", "on_hand", "12")

		// Pictures: told by their content, whatever they are called.
		if a := b.upload(path+"/pictures", map[string][]byte{"x.png": []byte(`<svg onload="alert(1)"/>`)}); a.status != http.StatusUnprocessableEntity {
			t.Errorf("an SVG in disguise: %d", a.status)
		}
		if a := b.upload(path+"/pictures", nil); a.status != http.StatusUnprocessableEntity {
			t.Errorf("no picture: %d", a.status)
		}
		if a := b.upload(path+"/pictures", map[string][]byte{"mugg.png": drawing(t)}, "alt", "En mugg på ett bord"); a.status != http.StatusSeeOther {
			t.Fatalf("upload: %d %s", a.status, a.text())
		}
		if a := b.page(path + "/pictures"); !strings.Contains(a.body, "/media/") || !strings.Contains(a.body, "En mugg på ett bord") {
			t.Error("the picture does not show")
		}
		file := o.product(id).Media[0].File
		b.done(path+"/media", "version", b.version(path+"/pictures"), "alt_sv."+file, "En mugg", "alt_en."+file, "A mug", "order."+file, "1", "variant."+file, v.String())
		if m := o.product(id).Media[0]; m.Alt.EN != "A mug" || m.Variant != v {
			t.Errorf("media: %+v", m)
		}
		b.done(path+"/media", "version", b.version(path+"/pictures"), "remove."+file, "yes")
		if n := len(o.product(id).Media); n != 0 {
			t.Errorf("%d pictures are left", n)
		}

		// A choice, and a second variant.
		b.done(path+"/options", "version", b.version(path), "name/sv", "Färg", "name/en", "Colour", "first/sv", "Blå", "first/en", "Blue")
		b.done(path+"/variants/new", "version", b.version(path), "choice.0", "Röd", "choice_en.0", "Red", "sku", "M-2", "tracked", "yes", "status", "active")
		if n := len(o.product(id).Variants); n != 2 {
			t.Errorf("%d variants", n)
		}
		if a := b.post(path+"/variants/new", "version", b.version(path), "choice.0", "Röd", "sku", "M-1", "status", "active"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("an SKU and a choice that are taken: %d", a.status)
		}
		b.page(path + "/variants/new")
		b.done(path+"/shelves", "version", b.version(path+"/shelves"), "tags", "rea, Nyhet")
		if p := o.product(id); len(p.Tags) != 2 {
			t.Errorf("tags: %v", p.Tags)
		}
		b.done(path+"/unpublish", "version", b.version(path))
		b.done(path+"/archive", "version", b.version(path))
		for _, list := range []string{"/admin/products", "/admin/products?show=archived", "/admin/products?find=M-2", "/admin/stock"} {
			if a := b.page(list); !strings.Contains(a.body, "Mugg Drej") {
				t.Errorf("%s does not list it", list)
			}
		}
		b.page("/admin/products?show=lacking")
		b.page("/admin/stock?show=low")

		// A reader sees it and changes nothing.
		r := o.as("reader")
		for _, part := range []string{"", "/texts", "/facts", "/pictures", "/shelves", "/variants/" + v.String()} {
			if a := r.page(path + part); strings.Contains(a.body, `action="`+path) || strings.Contains(a.body, `action="/admin/variants`) {
				t.Errorf("%s offers a reader a form", part)
			}
		}
	})
}
