package storefront_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

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
