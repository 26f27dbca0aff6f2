package storefront_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/privacy"
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

// A shop that is being tried out says so on every page, and no other shop does.
func TestTrialIsSaid(t *testing.T) {
	for _, trial := range []bool{false, true} {
		one(t, func(s *shop) {
			s.store.Trial = trial
			for _, path := range []string{"/cart", "/checkout", "/search?q=x", "/pages/villkor"} {
				if p := s.visitor().get(path); strings.Contains(p.text, "Butiken provas") != trial {
					t.Errorf("%s of a shop with trial %v", path, trial)
				}
			}
		})
	}
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

func TestPagesOfTheShop(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9})
		v := s.visitor()
		for _, prefix := range []string{"", "/en"} {
			for _, path := range []string{"/pages/villkor", "/pages/integritet", "/pages/tillganglighet", "/trust", "/status", "/login", "/login/code", "/login/factor", "/login/password", "/support", "/withdraw", "/orders/find", "/cart", "/checkout", "/search"} {
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
		// What is kept of buyers stands below the merchant's text, as the map has it now.
		for l, prefix := range map[lang.Lang]string{lang.SV: "", lang.EN: "/en"} {
			p := v.get(prefix + "/pages/integritet")
			rows := new(privacy.Desk).Register(l, datamap.Buyer)
			if len(rows) < 5 || len(p.all(`section[aria-labelledby=register] h3`)) != len(rows) {
				t.Errorf("%s: %d of %d uses of details", l, len(p.all(`section[aria-labelledby=register] h3`)), len(rows))
			}
			for _, x := range rows {
				for _, want := range []string{x.Name, x.Why, x.What, x.Basis, x.Kept, x.From, x.To} {
					if !strings.Contains(p.words(), strings.Join(strings.Fields(want), " ")) {
						t.Errorf("%s: %s lacks %q", l, x.Key, want)
					}
				}
			}
			if key := regexp.MustCompile(`\b(data|page)\.[a-z]+`).FindString(p.words()); key != "" {
				t.Errorf("%s: a word is missing: %s", l, key)
			}
		}
		if len(v.get("/pages/villkor").all(`#register`)) != 0 {
			t.Error("the terms have the list too")
		}
		sec := v.get("/.well-known/security.txt").text
		i := strings.Index(sec, "Expires: ")
		at, err := time.Parse(time.RFC3339, strings.SplitN(sec[i+9:], "\n", 2)[0])
		if err != nil || at.Before(time.Now()) || at.After(time.Now().AddDate(1, 0, 0)) || !strings.Contains(sec, "Contact: mailto:") {
			t.Errorf("%v %s", err, sec)
		}
		if p := v.get("/.well-known/change-password"); p.Header.Get("Location") != "/account/security" {
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
