package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/web"
)

// Every route is either at the door, for any staff, or for a right that a role has;
// state changes by POST alone.
func TestTable(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		door := map[string]bool{}
		for _, r := range o.admin.Routes() {
			key := r.Method + " " + r.Path
			switch {
			case r.Who == web.AnyStaff:
			case r.Who.IsStaff():
				held := false
				for _, rights := range auth.Roles {
					held = held || auth.StaffBy(1, "", rights).Has(auth.Right(r.Who.Right()))
				}
				if !held {
					t.Errorf("%s asks for %q, which nobody has", key, r.Who.Right())
				}
			default:
				door[key] = true
			}
			if !strings.HasPrefix(r.Path, "/admin") || r.Method != http.MethodGet && r.Method != http.MethodPost {
				t.Errorf("%s does not belong here", key)
			}
			if r.Cache != nil {
				t.Errorf("%s may be kept", key)
			}
		}
		for _, want := range []string{"GET /admin/assets/{file}", "GET /admin/login", "POST /admin/login", "POST /admin/login/passkey/begin", "POST /admin/login/passkey", "POST /admin/logout",
			"GET /admin/invite/{token}", "POST /admin/invite/{token}", "GET /admin/recover", "POST /admin/recover", "GET /admin/stop/{token}", "POST /admin/login/sso", "GET /admin/login/sso", "POST /admin/stop/{token}"} {
			if !door[want] {
				t.Errorf("%s is not at the door", want)
			}
			delete(door, want)
		}
		for k := range door {
			t.Errorf("%s is open to everybody", k)
		}
	})
}

// The whole table against every role and nobody: allowed as the roles say, 403
// and in the audit log otherwise, and to nobody a way to the sign-in or 401. A
// request that is let in may fail for what it lacks, never with 500.
func TestMatrix(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		order := o.bought(stock.Line{Variant: o.Product(9900, 5), Quantity: 1})
		fill := strings.NewReplacer("{number}", order.NumberString(), "{id}", order.Lines[0].Product.String(), "{variant}", order.Lines[0].Variant.String(),
			"{parcel}", "1", "{handle}", "villkor", "{version}", "1", "{lesson}", "phishing", "{token}", strings.Repeat("A", 43), "{file}", "none.js", "{key}", "owner")
		browsers := map[string]*browser{}
		for role := range auth.Roles {
			browsers[role] = o.as(role)
		}
		nobody := o.browser()
		refusals := 0
		for _, r := range o.admin.Routes() {
			path := fill.Replace(r.Path)
			if !r.Who.IsStaff() {
				continue
			}
			a := nobody.do(r.Method, path, strings.NewReader(""))
			if r.Method == http.MethodGet && (a.status != http.StatusSeeOther || !strings.HasPrefix(a.location(), "/admin/login")) || r.Method == http.MethodPost && a.status != http.StatusUnauthorized {
				t.Errorf("nobody %s %s: %d", r.Method, r.Path, a.status)
			}
			for role, b := range browsers {
				// What would end the session of the very test is not sent.
				if strings.HasPrefix(r.Path, "/admin/security/sessions") {
					continue
				}
				a := b.do(r.Method, path, strings.NewReader(""))
				may := r.Who == web.AnyStaff || auth.StaffBy(1, "", auth.Roles[role]).Has(auth.Right(r.Who.Right()))
				switch {
				case a.status >= 500:
					t.Errorf("%s %s %s: %d", role, r.Method, r.Path, a.status)
				case !may:
					refusals++
					if a.status != http.StatusForbidden {
						t.Errorf("%s %s %s: %d, want 403", role, r.Method, r.Path, a.status)
					}
				case a.status == http.StatusForbidden || a.status == http.StatusUnauthorized:
					t.Errorf("%s %s %s: %d: %.200s", role, r.Method, r.Path, a.status, a.text())
				}
				if a.header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s %s: Cache-Control %q", r.Method, r.Path, a.header.Get("Cache-Control"))
				}
			}
		}
		recorded := look(o, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT count(*) FROM audit_entry WHERE action='route.denied' AND outcome='refused'`).Scan(&n)
			return
		})
		if recorded != refusals || refusals == 0 {
			t.Errorf("%d refusals, %d in the log", refusals, recorded)
		}
	})
}

// Everything an owner can open, he opens in both languages with GET and HEAD alone,
// and nothing is changed by it.
func TestReadingChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		order := o.bought(stock.Line{Variant: o.Product(9900, 5), Quantity: 1})
		b := o.as("owner")
		b.open("order", order.ID, auth.ForPacking)
		b.done("/admin/orders/"+order.NumberString()+"/ship", "pieces."+order.Lines[0].ID.String(), "1", "carrier", "local", "tracking", "KV1", "key", "1")
		b.done("/admin/campaigns/new", "name/sv", "Rea", "kind", "percent", "value", "20", "from", time.Now().AddDate(0, 0, 2).Format("2006-01-02"), "target", "all")
		b.done("/admin/codes/new", "code", "sommar", "kind", "percent", "value", "10")
		b.done("/admin/categories/new", "texts/sv/title", "Muggar", "parent", "0")
		o.Do(func(tx *db.Tx) error {
			_, err := support.Open(tx, auth.Guest(""), o.Vault, support.NewCase{Kind: "other", Mail: "kund@example.se", Name: "Kund", Subject: "Fråga", Body: "Hur?", Lang: lang.SV})
			return err
		})
		before := o.rows()
		seen, queue := map[string]bool{}, []string{"/admin", "/en/admin", "/admin/orders/" + order.NumberString()}
		for len(queue) > 0 {
			path := queue[0]
			queue = queue[1:]
			if seen[path] || len(seen) > 400 {
				continue
			}
			seen[path] = true
			a := b.get(path)
			if a.status != http.StatusOK && a.status != http.StatusSeeOther {
				t.Errorf("GET %s: %d", path, a.status)
				continue
			}
			b.do(http.MethodHead, path, nil)
			if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				structure(t, path, a.body)
			}
			for _, m := range links.FindAllStringSubmatch(a.body, -1) {
				to := strings.ReplaceAll(strings.SplitN(m[1], "#", 2)[0], "&amp;", "&")
				if (strings.HasPrefix(to, "/admin") || strings.HasPrefix(to, "/en/admin")) && !strings.Contains(to, "/assets/") {
					queue = append(queue, to)
				}
			}
			if strings.Contains(a.body, "{") && strings.Contains(a.header.Get("Content-Type"), "html") && strings.Contains(a.text(), "{") {
				t.Errorf("%s shows a placeholder: %.120s", path, a.text()[strings.Index(a.text(), "{"):])
			}
		}
		if len(seen) < 60 {
			t.Errorf("only %d pages were found: %v", len(seen), seen)
		}
		if after := o.rows(); after != before {
			t.Errorf("reading changed rows:\n%s\n%s", before, after)
		}
	})
}
