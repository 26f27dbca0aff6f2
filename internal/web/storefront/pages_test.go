package storefront_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shoptest"
)

func TestUnknownIsNotFound(t *testing.T) {
	one(t, func(s *shop) {
		v := s.visitor()
		long := strings.Repeat("A", 32)
		for _, path := range []string{"/products/finns-inte", "/products/x%2Fy", "/products/" + strings.Repeat("a", 200), "/categories/finns-inte", "/categories/Å", "/pages/finns-inte", "/pages/om-oss/pdf",
			"/purchases/x", "/purchases/" + long, "/purchases/" + long + "/return", "/purchases/" + long + "/events", "/orders/x", "/orders/" + long, "/orders/" + long + "/documents/1", "/orders/" + long + "/documents/1/pdf",
			"/cases/x", "/cases/" + long, "/withdraw/received/" + long, "/sitemaps/x.xml", "/sitemaps/products-1.xml", "/sitemaps/products-01-1.xml", "/media/x.jpg", "/static/x.css", "/nothing", "/en/nothing", "/en/static/x.css"} {
			p := v.get(path)
			if p.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", path, p.StatusCode)
			}
			if !strings.HasPrefix(path, "/media") && !strings.HasPrefix(path, "/static") && len(p.all("footer")) != 1 {
				t.Errorf("%s: not the shop's own page: %.100s", path, p.text)
			}
		}
		for _, path := range []string{"/purchases/" + long + "/cancel", "/orders/" + long + "/cancel", "/cases/" + long + "/reply", "/cases/" + long + "/solved", "/cart/lines/x", "/cart/lines/1/remove"} {
			f := url.Values{}
			if strings.HasSuffix(path, "/reply") {
				f.Set("message", "x")
			}
			if path == "/cart/lines/x" {
				f.Set("quantity", "1")
			}
			if p := v.post(path, f); p.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", path, p.StatusCode)
			}
		}
	})
}

func TestOtherSitesCannotWrite(t *testing.T) {
	one(t, func(s *shop) {
		v := s.visitor()
		n := 0
		for _, rt := range s.store.Routes() {
			if rt.Method != http.MethodPost {
				continue
			}
			n++
			path := strings.NewReplacer("{token}", "x", "{line}", "1").Replace(rt.Path)
			for _, h := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
				if p := v.post(path, url.Values{}, h...); p.StatusCode != http.StatusForbidden {
					t.Errorf("%s %v: %d", path, h, p.StatusCode)
				}
			}
		}
		if n < 15 {
			t.Errorf("only %d forms", n)
		}
	})
}

// Strings that break out of HTML, attributes, addresses, headers or formats where
// something forgets to escape.
var corpus = []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `javascript:alert(1)`, `</title><svg onload=alert(1)>`, `{{7*7}}`, `%0d%0aSet-Cookie: a=b`,
	"\u202egnp.exe", `</script><!--`, "a\tb", strings.Repeat("å", 3000), `${jndi:ldap://x}`, `' OR 1=1 --`}

// inert fails for a page that holds something of the corpus as markup.
func inert(t *testing.T, p page, where string) {
	t.Helper()
	if p.StatusCode >= 500 {
		t.Errorf("%s: %d", where, p.StatusCode)
	}
	for _, e := range p.all("script") {
		if attr(e, "src") == "" && attr(e, "type") != "application/ld+json" {
			t.Errorf("%s: a script of somebody's own: %s", where, raw(e))
		}
	}
	if len(p.all("[onerror], [onload], [onmouseover], svg[onload], img[src=x]")) > 0 {
		t.Errorf("%s: a handler of somebody's own", where)
	}
	for _, e := range p.all("[href], [src], [action], [formaction]") {
		for _, k := range []string{"href", "src", "action", "formaction"} {
			if strings.HasPrefix(strings.ToLower(strings.TrimSpace(attr(e, k))), "javascript:") {
				t.Errorf("%s: %s=%q", where, k, attr(e, k))
			}
		}
	}
	if strings.Contains(p.Header.Get("Set-Cookie"), "a=b") {
		t.Errorf("%s: a header of somebody's own", where)
	}
}

func TestNothingTypedBecomesMarkup(t *testing.T) {
	one(t, func(s *shop) {
		s.put(goods{handle: "mugg", title: `Mugg <b>"Drej"</b></script>`, text: "<script>alert(1)</script>\n\n[x](javascript:alert(1))\n\n<img src=x onerror=alert(1)>", ore: 24900, stock: 500})
		v := s.visitor()
		v.addOne("", "mugg")
		for _, path := range []string{"/", "/products/mugg", "/cart", "/checkout", "/search?q=mugg"} {
			p := v.get(path)
			inert(t, p, path)
			if !strings.Contains(p.words(), `<b>"Drej"</b>`) {
				t.Errorf("%s does not show the name as it is", path)
			}
		}
		if ld := v.get("/products/mugg"); len(ld.all(`script[type="application/ld+json"]`)) != 1 || json.Unmarshal([]byte(raw(ld.first(t, `script[type="application/ld+json"]`))), &map[string]any{}) != nil {
			t.Error("the linked data is broken")
		}
		forms := map[string][]string{
			"/checkout": {"email", "phone", "name", "company", "org_number", "reference", "address/care_of", "address/line1", "address/line2", "address/postal_code", "address/city", "address/country", "address/door_code",
				"delivery/option_id", "delivery/pickup_point_id", "payment_method", "code", "expected_total", "expected_currency", "version", "newsletter"},
			"/checkout/update": {"email", "name", "address/postal_code", "address/country", "delivery/option_id", "delivery/pickup_point_id", "payment_method", "code", "step"},
			"/cart/discounts":  {"code"}, "/cart/lines": {"variant_id", "quantity"}, "/orders/find": {"number", "email"},
			"/withdraw": {"name", "number", "email", "message", "line", "order_link", "key"}, "/withdraw/confirm": {"name", "number", "email", "message", "key"},
			"/support": {"topic", "message", "order", "name", "email", "key", "about_order", "about_product", "about_purchase"},
		}
		base := map[string]url.Values{}
		_, base["/checkout"] = buyerForm(t, v.get("/checkout"))
		base["/checkout/update"] = base["/checkout"]
		base["/withdraw"] = url.Values{"name": {"A"}, "number": {"12345678"}, "email": {"a@example.se"}}
		base["/withdraw/confirm"] = base["/withdraw"]
		base["/support"] = url.Values{"topic": {"other"}, "message": {"x"}, "name": {"A"}, "email": {"a@example.se"}}
		for path, fields := range forms {
			for i, bad := range corpus {
				f := url.Values{}
				for k, vs := range base[path] {
					f[k] = vs
				}
				// One field at a time for a few, all at once for the rest: what one
				// field refuses must not hide another.
				f.Set(fields[i%len(fields)], bad)
				inert(t, v.post(path, f), path+" "+fields[i%len(fields)])
				for _, k := range fields {
					f.Set(k, bad)
				}
				p := v.post(path, f)
				inert(t, p, path)
				if p.StatusCode == http.StatusSeeOther {
					inert(t, v.follow(p), path+" →")
				}
			}
		}
		for _, bad := range corpus[:8] {
			q := url.QueryEscape(bad)
			for _, path := range []string{"/search?q=" + q, "/search?sort=" + q + "&cursor=" + q + "&filter.a=" + q, "/support?product=" + q + "&order=" + q + "&purchase=" + q + "&topic=" + q, "/withdraw?order=" + q, "/search/suggest?q=" + q, "/products/" + url.PathEscape(bad)} {
				inert(t, v.get(path), path)
			}
		}
	})
}

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

func TestPagesOfTheShop(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9})
		v := s.visitor()
		for _, prefix := range []string{"", "/en"} {
			for _, path := range []string{"/pages/villkor", "/pages/integritet", "/pages/tillganglighet", "/trust", "/status", "/account", "/login", "/support", "/withdraw", "/orders/find", "/cart", "/checkout", "/search"} {
				p := v.get(prefix + path)
				if p.StatusCode != 200 || len(p.all("h1")) != 1 {
					t.Errorf("%s%s: %d", prefix, path, p.StatusCode)
				}
				for _, a := range p.all(`main a[href^="/"]`) {
					if got := v.get(strings.Split(attr(a, "href"), "#")[0]); got.StatusCode >= 400 {
						t.Errorf("%s%s leads to %s: %d", prefix, path, attr(a, "href"), got.StatusCode)
					}
				}
			}
		}
		if p := v.get("/trust"); !strings.Contains(p.words(), "TLS 1.3") || !strings.Contains(p.words(), "559999-0016") {
			t.Error(p.words())
		}
		for _, path := range []string{"/pages/villkor/pdf", "/en/pages/integritet/pdf"} {
			if p := v.get(path); p.StatusCode != 200 || !strings.HasPrefix(p.text, "%PDF-") {
				t.Errorf("%s: %d", path, p.StatusCode)
			}
		}
		sec := v.get("/.well-known/security.txt").text
		i := strings.Index(sec, "Expires: ")
		at, err := time.Parse(time.RFC3339, strings.SplitN(sec[i+9:], "\n", 2)[0])
		if err != nil || at.Before(time.Now()) || at.After(time.Now().AddDate(1, 0, 0)) || !strings.Contains(sec, "Contact: mailto:") {
			t.Errorf("%v %s", err, sec)
		}
		if p := v.get("/.well-known/change-password"); p.Header.Get("Location") != "/account" {
			t.Error(p.Header.Get("Location"))
		}
		if p := v.get("/robots.txt"); !strings.Contains(p.text, "Sitemap: "+s.srv.URL+"/sitemap.xml") || !strings.Contains(p.text, "Disallow: /en/checkout") {
			t.Error(p.text)
		}
		home := v.get("/")
		for _, e := range home.all("link[rel=stylesheet], script[src], link[rel=icon]") {
			if p := v.get(or2(attr(e, "href"), attr(e, "src"))); p.StatusCode != 200 {
				t.Errorf("%s: %d", attr(e, "href"), p.StatusCode)
			}
		}
		if p := v.get("/favicon.ico"); p.StatusCode != http.StatusMovedPermanently {
			t.Error(p.StatusCode)
		}
	})
}

func or2(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func TestFeedAndSitemap(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg & <Drej>", ore: 24900, stock: 9, core: func(c *catalog.Core) { c.Brand = "Nord" }})
		s.put(goods{handle: "slut", title: "Slut", ore: 5950, stock: 0, core: func(c *catalog.Core) { c.Unit, c.Content = "kg", 250 }})
		v := s.visitor()
		p := v.get("/feeds/google.xml")
		var feed struct {
			Items []struct {
				ID           string `xml:"http://base.google.com/ns/1.0 id"`
				Title        string `xml:"http://base.google.com/ns/1.0 title"`
				Link         string `xml:"http://base.google.com/ns/1.0 link"`
				Price        string `xml:"http://base.google.com/ns/1.0 price"`
				Availability string `xml:"http://base.google.com/ns/1.0 availability"`
				Measure      string `xml:"http://base.google.com/ns/1.0 unit_pricing_measure"`
				Exists       string `xml:"http://base.google.com/ns/1.0 identifier_exists"`
			} `xml:"channel>item"`
		}
		if err := xml.Unmarshal([]byte(p.text), &feed); err != nil || len(feed.Items) != 2 {
			t.Fatalf("%v %s", err, p.text)
		}
		a, b := feed.Items[0], feed.Items[1]
		if a.ID != "MUGG" || a.Title != "Mugg & <Drej>" || a.Link != s.srv.URL+"/products/mugg" || a.Price != "249.00 SEK" || a.Availability != "in_stock" || a.Exists != "" {
			t.Errorf("%+v", a)
		}
		if b.Price != "59.50 SEK" || b.Availability != "out_of_stock" || b.Measure != "0.25kg" || b.Exists != "no" {
			t.Errorf("%+v", b)
		}
		locs := func(path string) (out []string) {
			p := v.get(path)
			d := xml.NewDecoder(strings.NewReader(p.text))
			for {
				tok, err := d.Token()
				if err == io.EOF {
					return
				}
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "loc" {
					var x string
					if err := d.DecodeElement(&x, &e); err != nil {
						t.Fatal(err)
					}
					out = append(out, x)
				}
			}
		}
		files := locs("/sitemap.xml")
		if len(files) != 2 {
			t.Fatalf("%v", files)
		}
		all := map[string]bool{}
		for _, f := range files {
			for _, u := range locs(f) {
				all[u] = true
				if p := v.get(u); p.StatusCode != 200 {
					t.Errorf("%s: %d", u, p.StatusCode)
				}
			}
		}
		for _, want := range []string{"/", "/en", "/products/mugg", "/en/products/slut", "/pages/villkor"} {
			if !all[strings.TrimSuffix(s.srv.URL+want, "")] {
				t.Errorf("%s is not in the sitemap: %v", want, all)
			}
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

func TestChangedWordsShow(t *testing.T) {
	one(t, func(s *shop) {
		v := s.visitor()
		v.get("/")
		s.Do(func(tx *db.Tx) error {
			c, err := content.Company(tx)
			if err != nil {
				return err
			}
			c.Phone = "031-390 06 99"
			_, err = content.SetCompany(tx, shoptest.By, c)
			return err
		})
		s.cache.DropAll()
		if p := v.get("/"); !strings.Contains(words(p.first(t, "footer")), "031-390 06 99") {
			t.Error("the frame is old")
		}
	})
}
