package storefront_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shoptest"
)

func TestListsFilterAndPage(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		var shelf db.ID
		s.Do(func(tx *db.Tx) (err error) {
			shelf, err = catalog.PutCategory(tx, shoptest.By, catalog.Category{Handle: "kok", Texts: catalog.Texts{catalog.SV: {Title: "Kök", Description: "Järn och ek."}, catalog.EN: {Title: "Kitchen"}}})
			return err
		})
		for i := range 30 {
			stock := int64(9)
			if i%10 == 0 {
				stock = 0
			}
			brand := "Nord"
			if i%3 == 0 {
				brand = "Syd & Co"
			}
			id, _ := s.put(goods{handle: fmt.Sprintf("vara-%d", i), title: fmt.Sprintf("Kastrull nummer %d", i), ore: int64(10000 + i*100), stock: stock, core: func(c *catalog.Core) { c.Brand = brand }})
			s.Do(func(tx *db.Tx) error {
				_, err := catalog.SetCategories(tx, shoptest.By, id, 0, []db.ID{shelf})
				return err
			})
		}
		v := s.visitor()
		s.wait("the index knows the shelf", func() bool {
			s.cache.DropAll()
			return strings.Contains(v.get("/categories/kok?sort=name").words(), "30 varor")
		})
		p := v.get("/categories/kok?sort=price")
		if n := len(p.all(".cards li")); n != 24 || len(p.all(`link[rel=canonical]`)) != 0 {
			t.Fatalf("%d goods", n)
		}
		next := v.get(attr(p.first(t, `a[rel=next]`), "href"))
		if n := len(next.all(".cards li")); n != 6 || len(next.all(`a[rel=next]`)) != 0 || len(next.all(".pager a")) != 1 {
			t.Errorf("second page: %d goods", n)
		}
		for _, a := range next.all(".filters a, .chips a") {
			if strings.Contains(attr(a, "href"), "cursor") {
				t.Errorf("a filter goes on in the middle of another list: %s", attr(a, "href"))
			}
		}
		in := v.get(attr(p.first(t, `.filters a[href*="in_stock=1"]`), "href"))
		if !strings.Contains(in.words(), "27 varor") || !strings.Contains(in.words(), "Ta bort filtret") {
			t.Error(in.words())
		}
		f := v.get(attr(p.first(t, `.filters a[href*="filter.brand=Nord"]`), "href"))
		if !strings.Contains(f.words(), "20 varor") || attr(f.first(t, `meta[name=robots]`), "content") != "noindex" {
			t.Error(f.words())
		}
		if off := v.get(attr(f.first(t, `.chips a`), "href")); !strings.Contains(off.words(), "30 varor") {
			t.Error("a filter cannot be taken away")
		}
		// Addresses nobody made still answer.
		for _, q := range []string{"sort=zzz", "cursor=zzz", "cursor=AAAAAAAAAAAAAAAAAAAAAA", "filter.none=1", "filter.brand=,,", "in_stock=2"} {
			if p := v.get("/categories/kok?" + q); p.StatusCode != 200 {
				t.Errorf("%s: %d", q, p.StatusCode)
			}
		}
		// What no attribute can be called is not carried on.
		if p := v.get("/categories/kok?filter.Nej%3Cx%3E=1"); !strings.Contains(p.words(), "30 varor") || len(p.all(`[name^="filter."]`)) > 0 {
			t.Errorf("a filter that cannot be: %s", p.words())
		}
		if p := v.get("/search?q=kastrul"); !strings.Contains(p.words(), "30 varor") {
			t.Error(p.words())
		}
		if p := v.get("/search?q=xyzzyxyzzy"); !strings.Contains(p.words(), "Vi hittade inget") || len(p.all(".cards li")) == 0 {
			t.Error(p.words())
		}
		if p := v.get("/en/categories/kok"); !strings.Contains(words(p.first(t, "h1")), "Kitchen") || attr(p.first(t, `link[hreflang="sv"]`), "href") != s.srv.URL+"/categories/kok" {
			t.Error(p.words())
		}
		sug := v.get("/en/search/suggest?q=kastr")
		var x struct {
			Items []struct{ Title, Note, URL string }
		}
		if err := json.Unmarshal([]byte(sug.text), &x); err != nil || len(x.Items) == 0 || !strings.HasPrefix(x.Items[0].URL, "/en/products/") {
			t.Errorf("%v %s", err, sug.text)
		}
	})
}

func TestMovedHandles(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		id, _ := s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9})
		var shelf db.ID
		s.Do(func(tx *db.Tx) (err error) {
			if shelf, err = catalog.PutCategory(tx, shoptest.By, catalog.Category{Handle: "kok", Texts: catalog.Texts{catalog.SV: {Title: "Kök"}}}); err != nil {
				return err
			}
			p, err := catalog.AnyByID(tx, id)
			if err != nil {
				return err
			}
			c := p.Core
			c.Handle = "mugg-drej"
			if _, err := catalog.UpdateProduct(tx, shoptest.By, id, p.Version, c); err != nil {
				return err
			}
			_, err = catalog.PutCategory(tx, shoptest.By, catalog.Category{ID: shelf, Handle: "koket", Texts: catalog.Texts{catalog.SV: {Title: "Köket"}}})
			return err
		})
		v := s.visitor()
		for from, to := range map[string]string{"/products/mugg": "/products/mugg-drej", "/en/products/mugg": "/en/products/mugg-drej", "/categories/kok": "/categories/koket", "/pages/leverans": "/pages/frakt", "/en/pages/retur": "/en/pages/angerratt"} {
			if p := v.get(from); p.StatusCode != http.StatusMovedPermanently || p.Header.Get("Location") != to {
				t.Errorf("%s: %d %s", from, p.StatusCode, p.Header.Get("Location"))
			}
			if p := v.get(to); p.StatusCode != 200 {
				t.Errorf("%s: %d", to, p.StatusCode)
			}
		}
	})
}

func TestProductPage(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		_, variant := s.put(goods{handle: "mugg", title: "Mugg Drej", ore: 24900, stock: 3})
		v := s.visitor()
		p := v.get("/products/mugg")
		for _, w := range []string{"Mugg Drej", "249 kr", "Få kvar", "Provverket", "Provgatan 1", "14 dagars ångerrätt", "inkl. 25 % moms"} {
			if !strings.Contains(p.words(), w) {
				t.Errorf("lacks %q", w)
			}
		}
		if strings.Contains(p.words(), "Bara 3") {
			t.Error("a page for all tells the exact stock")
		}
		var ld struct {
			Name   string
			Offers []struct{ Price, PriceCurrency, Availability string }
		}
		if err := json.Unmarshal([]byte(raw(p.first(t, `script[type="application/ld+json"]`))), &ld); err != nil || ld.Name != "Mugg Drej" || len(ld.Offers) != 1 || ld.Offers[0].Price != "249.00" || ld.Offers[0].Availability != "https://schema.org/InStock" {
			t.Errorf("%v %+v", err, ld)
		}
		if attr(p.first(t, `link[rel=canonical]`), "href") != s.srv.URL+"/products/mugg" || len(p.all(`link[hreflang]`)) != 3 {
			t.Error("canonical or hreflang")
		}
		en := v.get("/en/products/mugg")
		if attr(en.first(t, "h1"), "lang") != "sv" || attr(en.first(t, "html"), "lang") != "en" {
			t.Error("Swedish text on an English page does not say so")
		}
		// What is kept goes when the price does.
		if p := v.get("/products/mugg"); p.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("not kept: %v", p.Header)
		}
		s.Do(func(tx *db.Tx) error {
			return pricing.SetPrice(tx, shoptest.By, variant, money.SEK(19900), tx.LegalNow())
		})
		id, err := db.Read(t.Context(), s.DB, func(q *db.Reader) (db.ID, error) {
			x, err := catalog.VariantForSale(q, []db.ID{variant})
			return x[variant].Product, err
		})
		if err != nil {
			t.Fatal(err)
		}
		s.cache.Drop("product:" + id.String())
		if p := v.get("/products/mugg"); !strings.Contains(p.words(), "199 kr") {
			t.Error("an old price")
		}
	})
}

func TestFactsAreWords(t *testing.T) {
	one(t, func(s *shop) {
		id, _ := s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9, text: "Först detta.\n\nSedan **mer**.",
			variant: func(v *catalog.NewVariant) {
				v.BGoods = catalog.Localized{SV: "Repa i glasyren", EN: "Scratch in the glaze"}
			}})
		s.Do(func(tx *db.Tx) error {
			for _, a := range []catalog.Attribute{{Key: "disk", Type: catalog.Yes, Filterable: true, Name: catalog.Localized{SV: "Tål diskmaskin", EN: "Dishwasher safe"}},
				{Key: "rymd", Type: catalog.Number, Unit: "l", Name: catalog.Localized{SV: "Rymmer", EN: "Holds"}}} {
				if _, err := catalog.PutAttribute(tx, shoptest.By, a); err != nil {
					return err
				}
			}
			_, err := catalog.SetValues(tx, shoptest.By, id, 0, []catalog.NewValue{{Key: "disk", Label: catalog.Localized{SV: "true"}}, {Key: "rymd", Label: catalog.Localized{SV: "1.5"}}})
			return err
		})
		v := s.visitor()
		p := v.get("/products/mugg")
		facts := words(p.first(t, "dl.facts"))
		if !strings.Contains(facts, "Tål diskmaskin Ja") || !strings.Contains(facts, "Rymmer 1,5 l") || strings.Contains(facts, "true") {
			t.Error(facts)
		}
		if words(p.first(t, ".product__buy .badge")) != "B-vara" || strings.Contains(p.words(), "B-vara (B-vara)") {
			t.Error(p.words())
		}
		if n := strings.Count(words(p.first(t, "main")), "Först detta."); n != 1 {
			t.Errorf("the first paragraph stands %d times", n)
		}
		if en := v.get("/en/products/mugg"); !strings.Contains(en.words(), "Dishwasher safe Yes") {
			t.Error(en.words())
		}
		s.wait("the index knows the value", func() bool { return strings.Contains(v.get("/search?filter.disk=true").words(), "1 vara") })
		if l := v.get("/search?filter.disk=true"); !strings.Contains(l.words(), "Tål diskmaskin: Ja") {
			t.Error(l.words())
		}
	})
}

func TestKeptPagesHoldNothingOfAVisitor(t *testing.T) {
	one(t, func(s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9})
		stranger, buyer := s.visitor(), s.visitor()
		buyer.addOne("", "mugg")
		for _, path := range []string{"/", "/products/mugg", "/pages/villkor"} {
			mine := buyer.get(path)
			if len(mine.all(".count")) != 1 {
				t.Errorf("%s: no count for who has a cart", path)
			}
			theirs := stranger.get(path)
			if len(theirs.all(".count")) != 0 || theirs.Header.Get("Set-Cookie") != "" || theirs.Header.Get("Cache-Control") != "no-cache" {
				t.Errorf("%s: %v", path, theirs.Header)
			}
		}
	})
}
