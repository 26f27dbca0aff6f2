package attack

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"kassavalv/internal/apptest"
)

// sendForm sends a form with fields by name and value, as a page of the shop would.
func sendForm(c *apptest.Client, path string, kv ...string) apptest.Answer {
	c.T.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		v.Add(kv[i], kv[i+1])
	}
	return c.Form(path, v)
}

var _ = attack("AC-121", func(t *testing.T, c *apptest.Client) {
	m, low := c.Hire(c, "catalogue")
	id := staffID(c, m.Email)
	role := func() string { return c.Query(`SELECT role, version FROM auth_staff WHERE id=$1`, id)[0][0] }
	refused := func() int {
		return c.Count(`SELECT count(*) FROM audit_entry WHERE actor_id=$1 AND outcome='refused'`, id)
	}
	extra := []string{"role", "role[]", "roles", "roles[]", "is_admin", "admin", "permissions", "rights", "verified", "state", "balance", "tax_exempt", "customer_group", "created_at", "id", "version", "user[role]", "totp_secret", "password_hash"}
	for _, x := range extra {
		for _, f := range []struct {
			path string
			kv   []string
		}{
			{"/admin/security/password", []string{"old_password", m.Password, "password", "ny lång ramsa " + aWord()}},
			{"/admin/confirm", []string{"totp", "000000"}},
			{"/admin/login", []string{"email", m.Email, "password", m.Password, "totp", "000000"}},
			{"/admin/recover", []string{"email", m.Email}},
		} {
			if a := sendForm(low, f.path, append(f.kv, x, "owner")...); a.Status != 400 {
				t.Errorf("%s with the field %s: %d", f.path, x, a.Status)
			}
		}
	}
	// Forms that are above him, whatever they hold: refused and on record.
	before := refused()
	for i, path := range []string{"/admin/staff/" + id + "/role", "/admin/staff", "/admin/tokens", "/admin/staff/" + id + "/invite", "/admin/settings"} {
		if a := sendForm(low, path, "role", "owner", "name", "N", "email", apptest.NewMail(), "rights", "staff.write"); a.Status != 403 || refused() != before+i+1 {
			t.Errorf("%s by staff of the catalogue: %d, %d refusals", path, a.Status, refused()-before)
		}
	}
	if role() != "catalogue" {
		t.Errorf("the role became %s", role())
	}
	// An invitation is accepted as what it was sent for.
	x := apptest.NewMail()
	link := invitePath.FindString(string(c.AsOwner(c, "/admin/staff", url.Values{"name": {"Prov"}, "email": {x}, "role": {"reader"}}).Body))
	for _, f := range extra {
		if a := sendForm(c.Other(), link, "email", x, "password", "en lång ramsa "+aWord(), "code", "000000", f, "owner"); a.Status != 400 {
			t.Errorf("accept with %s: %d", f, a.Status)
		}
	}
	staff := c.Count(`SELECT count(*) FROM auth_staff`)
	for _, f := range []string{"id", "state", "is_admin", "permissions[]", "created_at"} {
		owner := c.Staff(c, "owner")
		if a := owner.Form("/admin/staff", url.Values{"name": {"P"}, "email": {apptest.NewMail()}, "role": {"reader"}, f: {"1"}}); a.Status != 400 {
			t.Errorf("invite with %s: %d", f, a.Status)
		}
		if a := owner.Form("/admin/staff", url.Values{"name": {"P"}, "email": {apptest.NewMail()}, "role": {"reader", "owner"}}); a.Status != 400 {
			t.Errorf("invite with two roles: %d", a.Status)
		}
	}
	if a := c.Staff(c, "owner").Form("/admin/staff", url.Values{"name": {"P"}, "email": {apptest.NewMail()}, "role": {"god"}}); a.Status != 422 {
		t.Errorf("invite with a role that is none: %d", a.Status)
	}
	_ = staff
	// A buyer's details.
	k := c.Cart(1, stall(c))
	who := map[string]any{"email": apptest.NewMail(), "name": "B", "address": map[string]any{"line1": "Gatan 1", "postal_code": "112 21", "city": "Stockholm", "country": "SE"}}
	for _, f := range extra {
		body := map[string]any{f: "owner"}
		for k, v := range who {
			body[k] = v
		}
		if a := c.Do("PUT", apptest.API+"/carts/"+k.ID+"/customer", body); a.Status != 400 {
			t.Errorf("a buyer with %s: %d", f, a.Status)
		}
	}
	c.Want(c.Do("PUT", apptest.API+"/carts/"+k.ID+"/customer", who), 200, nil)
	// The twins: the same forms without it.
	if a := sendForm(low, "/admin/security/password", "old_password", m.Password, "password", "ny lång ramsa "+aWord()); a.Status != 303 {
		t.Errorf("the form without it: %d %s", a.Status, a.Words())
	}
	c.AsOwner(c, "/admin/staff/"+id+"/role", url.Values{"role": {"orders"}})
	if role() != "orders" {
		t.Errorf("the owner's change of the role: %s", role())
	}
})

var _ = attack("AC-124", func(t *testing.T, c *apptest.Client) {
	_, owner := c.Hire(c, "owner")
	_, key := newToken(c, owner, "orders.read", "catalog.read")
	columns := []string{"password", "password_hash", "totp", "token", "token_hash", "hash", "email_index", "contact", "person_id", "auth_staff.password"}
	// Endpoints know their parameters and refuse others.
	for _, path := range []string{"/orders", "/purchases", "/products"} {
		plain := bearer(c, key, "GET", path+"?limit=2", nil)
		c.Want(plain, 200, nil)
		for _, col := range columns {
			for _, q := range []string{"sort=" + col, "fields=" + col, "columns=" + col, "filter." + col + "=a", "filter[" + col + "][starts_with]=$argon2", "q." + col + "=a", "include=" + col, "order=" + col + "%20desc", col + "=a", col + "__startswith=a"} {
				if a := bearer(c, key, "GET", path+"?limit=2&"+q, nil); a.Status != 400 && a.Status != 422 {
					t.Errorf("%s?%s: %d", path, q, a.Status)
				}
			}
		}
		if bytes := string(plain.Body); strings.Contains(bytes, "hash") || strings.Contains(bytes, "password") {
			t.Errorf("%s has a column of secrets", path)
		}
	}
	for _, col := range columns {
		if a := c.Do("GET", apptest.API+"/products?limit=2&sort="+col, nil); a.Status != 422 {
			t.Errorf("goods sorted by %s: %d", col, a.Status)
		}
		if a := c.Do("GET", apptest.API+"/products?limit=2&fields="+col, nil); a.Status != 400 {
			t.Errorf("fields of goods %s: %d", col, a.Status)
		}
	}
	// Pages ignore what they do not know: the answer is the same, no oracle.
	for _, path := range []string{"/admin/staff", "/admin/tokens", "/admin/products", "/admin/codes"} {
		for _, q := range []string{"sort=password", "filter.totp=A", "filter.totp=B", "password=%24argon2id%24", "columns=password,totp", "export=csv&fields=password"} {
			a, b := owner.Do("GET", path+"?"+q, nil), owner.Do("GET", path+"?"+strings.ReplaceAll(q, "A", "Z")+"x", nil)
			if n := len(a.Find("tbody tr")); a.Status != 200 || n != len(b.Find("tbody tr")) && path != "/admin/staff" && path != "/admin/tokens" {
				t.Errorf("%s?%s: %d, %d rows", path, q, a.Status, n)
			}
			if strings.Contains(string(a.Body), "$argon2") || strings.Contains(a.Header.Get("Content-Type"), "csv") {
				t.Errorf("%s?%s exports", path, q)
			}
		}
	}
	// The audit's filters take words, and words that are no action find nothing.
	for _, x := range []string{"staff.sign_in' OR '1'='1", "staff.%", "password"} {
		if a := owner.Do("GET", "/admin/audit?action="+url.QueryEscape(x), nil); a.Status != 200 || len(a.Find("tbody tr td time, tbody tr td:nth-child(6)")) != 0 {
			t.Errorf("audit by %q: %d", x, a.Status)
		}
	}
	if a := owner.Do("GET", "/admin/audit?action=token.create", nil); a.Status != 200 || len(a.Find("tbody tr")) == 0 {
		t.Errorf("the audit's own filter: %d", a.Status)
	}
})

// crawl opens every page of the back office that links lead to.
func crawl(c *apptest.Client, most int, from []string, each func(path string, a apptest.Answer)) int {
	c.T.Helper()
	seen, queue := map[string]bool{}, from
	for len(queue) > 0 && len(seen) < most {
		p := queue[0]
		queue = queue[1:]
		if seen[p] {
			continue
		}
		seen[p] = true
		a := c.Do("GET", p, nil)
		each(p, a)
		for _, n := range a.Find("a[href]") {
			to := strings.SplitN(apptest.Attr(n, "href"), "#", 2)[0]
			if (strings.HasPrefix(to, "/admin") || strings.HasPrefix(to, "/en/admin")) && !strings.Contains(to, "/assets/") {
				queue = append(queue, to)
			}
		}
	}
	return len(seen)
}

var _ = attack("AC-127", func(t *testing.T, c *apptest.Client) {
	m, owner := c.Hire(c, "owner")
	r, reader := c.Hire(c, "reader")
	_, key := newToken(c, owner, "orders.read")
	x := apptest.NewMail()
	link := invitePath.FindString(string(c.AsOwner(c, "/admin/staff", url.Values{"name": {"Prov"}, "email": {x}, "role": {"reader"}}).Body))
	secrets := map[string]string{"API token": key, "its middle": key[10:30], "TOTP secret": m.TOTP, "password": m.Password, "password hash": "$argon2id", "invitation": strings.TrimPrefix(link, "/admin/invite/"), "session": owner.Cookie(apptest.CookieStaff), "reader's TOTP": r.TOTP, "demo token": c.AdminToken}
	for _, d := range c.Members {
		secrets["TOTP of "+d.Role], secrets["password of "+d.Role] = d.TOTP, d.Password
	}
	look := func(who string) func(string, apptest.Answer) {
		return func(path string, a apptest.Answer) {
			for name, s := range secrets {
				if strings.Contains(string(a.Body), s) || strings.Contains(fmt.Sprint(a.Header), s) {
					t.Errorf("%s shows the %s to the %s", path, name, who)
				}
			}
		}
	}
	if n := crawl(owner, 90, []string{"/admin/settings", "/admin/staff", "/admin/tokens", "/admin/audit", "/admin/security", "/admin/jobs", "/admin/mail", "/admin/company", "/admin/delivery", "/admin/more"}, look("owner")); n < 60 {
		t.Errorf("only %d pages", n)
	}
	crawl(reader, 30, []string{"/admin/settings", "/admin/company", "/admin/delivery", "/admin/security"}, look("reader"))
	// Nor does a form that comes back, and the log of the program.
	a := owner.Form("/admin/security/password", url.Values{"old_password": {m.Password + "x"}, "password": {"kort"}})
	if look("owner")("the form that came back", a); a.Status != 422 {
		t.Errorf("a wrong password: %d", a.Status)
	}
	for name, s := range secrets {
		if strings.Contains(c.Records(), s) {
			t.Errorf("the log holds the %s", name)
		}
		if n := c.Count(`SELECT count(*) FROM audit_entry WHERE old_value LIKE $1 OR new_value LIKE $1`, "%"+s+"%"); n != 0 {
			t.Errorf("the audit log holds the %s", name)
		}
	}
	// The twin: the token that was shown once works.
	c.Want(bearer(c, key, "GET", "/orders?limit=1", nil), 200, nil)
})

var _ = alone("AC-128", func(t *testing.T, engine string) {
	c := apptest.Start(t, apptest.Options{Engine: engine}).As(t)
	a := settle(c)
	owner := c.Staff(c, "owner")
	upkeep := []string{"auth_session", "auth_token", "audit_access", "audit_idle", "mail_"} // that somebody read, and whom, is on record
	var before map[string]string
	// The letters of what was bought come first.
	c.Wait("the shop is at rest", quietTime, func() bool {
		x, y := c.Fingerprint(upkeep...), c.Fingerprint(upkeep...)
		before = y
		return len(apptest.Changed(x, y)) == 0 && c.Count(`SELECT count(*) FROM job_job WHERE state='queued' AND kind LIKE '%mail%'`) == 0
	})
	start := []string{"/admin", "/en/admin", "/admin/orders/" + a.number, "/admin/cases/" + a.caseID, "/admin/returns/" + a.returnID}
	for _, l := range table(t) {
		if l.Method == "GET" && strings.HasPrefix(l.Path, "/admin") && !strings.HasSuffix(l.Path, "{file}") {
			start = append(start, apptest.Fill(l.Path, map[string]string{"number": a.number, "id": a.returnID, "handle": "villkor", "version": "1"}))
		}
	}
	n := crawl(owner, 250, start, func(path string, got apptest.Answer) {
		if got.Status >= 500 {
			t.Errorf("GET %s: %d", path, got.Status)
		}
		owner.Do("HEAD", path, nil, "Purpose", "prefetch", "Sec-Purpose", "prefetch", "X-Moz", "prefetch", "X-HTTP-Method-Override", "POST")
	})
	// Every address that takes a POST, asked for with GET.
	for _, l := range table(t) {
		if l.unsafe() && !strings.HasPrefix(l.Path, "/en/") {
			path := apptest.Fill(l.Path, map[string]string{"number": a.number, "id": a.returnID, "token": a.order, "line": a.line, "document": a.document, "code": "sommar", "variant": stall(c).ID})
			for _, q := range []string{"", "?_method=POST&role=owner&amount=1&reason=x&message=x"} {
				owner.Do("GET", path+q, nil, "X-HTTP-Method-Override", l.Method)
				owner.Do("HEAD", path+q, nil)
			}
		}
	}
	if n < 90 {
		t.Errorf("only %d pages", n)
	}
	if ch := apptest.Changed(before, c.Fingerprint(upkeep...)); len(ch) > 0 {
		t.Errorf("reading changed %v", ch)
	}
	// The twin: the form does change.
	if got := owner.Form("/admin/cases/"+a.caseID, url.Values{"message": {"Svar"}, "as": {""}}); got.Status != 303 || len(apptest.Changed(before, c.Fingerprint(upkeep...))) == 0 {
		t.Errorf("an answer by its form: %d", got.Status)
	}
})

//go:embed matrix.csv
var matrixCSV string

// allScopes are all rights there are.
var allScopes = []string{"catalog.read", "catalog.write", "stock.write", "orders.read", "orders.write", "refunds.write", "cases.read", "cases.write", "settings.read", "settings.write", "staff.write", "audit.read", "jobs.write",
	"customers.read", "personal.open", "books.read", "figures.read", "costs.read", "privacy.write", "export.bulk", "keys.write", "incidents.read", "incidents.write", "lessons.read"}

var roles = []string{"owner", "catalogue", "orders", "support", "reader"}

// tricks are other spellings of a path that some servers take for it.
func tricks(path string) []string {
	up := strings.ToUpper(path[1:2])
	return []string{"/" + path, "//" + path, path + "/", path + "//", path + "/.", path + "/..;/", path + ";x", path + ";.css", path + ".", path + "%20", path + "%00", path + "%2f", path + "%09", "/." + path, "/%2e" + path, "/x/.." + path, "/" + up + path[2:],
		strings.ToUpper(path), "/%" + fmt.Sprintf("%02x", path[1]) + path[2:], "/en/" + path, "/en/en" + path, "/sv" + path, "/EN" + path, path + "\\", "/\\" + path, path + "/%2e%2e", path + ".json", path + ".html", path + "%23", path + "~"}
}

var _ = attack("AC-129", func(t *testing.T, c *apptest.Client) {
	rows, err := csv.NewReader(strings.NewReader(matrixCSV)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// The matrix and the table of routes name the same routes.
	want := map[string][]string{}
	for _, r := range rows[1:] {
		want[r[0]+" "+r[1]] = r
	}
	paths := map[string][]string{}
	for _, l := range table(t) {
		if !l.staff() && !l.api() || strings.HasPrefix(l.Path, "/en/") {
			continue
		}
		paths[l.Path] = append(paths[l.Path], l.Method)
		if want[l.Method+" "+l.Path] == nil {
			t.Errorf("%s %s stands in no row of matrix.csv: who may?", l.Method, l.Path)
		}
	}
	for k := range want {
		if m, p, _ := strings.Cut(k, " "); !slices.Contains(paths[p], m) {
			t.Errorf("matrix.csv has %s, which the program has not", k)
		}
	}
	vars := map[string]string{"number": "1", "id": "1", "variant": "1", "parcel": "1", "handle": "villkor", "version": "1", "lesson": "phishing"}
	// A field that no form has: who may gets to the form and is told so, nothing is changed.
	send := func(v *apptest.Client, method, path string, h ...string) apptest.Answer {
		if method == "GET" {
			return v.Do(method, path, nil, h...)
		}
		if strings.HasPrefix(path, "/api/") {
			return v.Do(method, path, apptest.Raw(`{"orakel":1}`), h...)
		}
		return v.Do(method, path, apptest.Raw("orakel=1"), append([]string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin", "Origin", v.Shop.Shop}, h...)...)
	}
	visitors, ids := map[string]*apptest.Client{}, map[string]string{}
	for _, r := range roles {
		m, v := c.Hire(c, r)
		visitors[r], ids[r] = v, staffID(c, m.Email)
	}
	scopes := allScopes
	keys, tokenIDs := map[string]string{}, map[string]string{}
	for _, s := range scopes {
		tokenIDs[s], keys[s] = newToken(c, visitors["owner"], s)
	}
	denied := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, r := range roles {
		wg.Go(func() {
			v := visitors[r]
			for _, row := range rows[1:] {
				if strings.HasPrefix(row[1], "/api/") {
					continue
				}
				for _, path := range []string{apptest.Fill(row[1], vars), "/en" + apptest.Fill(row[1], vars)} {
					a := send(v, row[0], path)
					switch {
					case a.Status >= 500:
						t.Errorf("%s %s %s: %d", r, row[0], path, a.Status)
					case row[2+i] == "no" && a.Status != 403:
						t.Errorf("%s %s %s: %d, want 403", r, row[0], path, a.Status)
					case row[2+i] == "no":
						mu.Lock()
						denied[r]++
						mu.Unlock()
					case a.Status == 401 || a.Status == 403 || a.Status == 405 || row[0] != "GET" && a.Status < 300 && !strings.HasSuffix(path, "/begin"):
						t.Errorf("%s %s %s: %d %.200s", r, row[0], path, a.Status, a.Words())
					}
				}
			}
		})
	}
	wg.Go(func() {
		g := c.Other()
		for _, row := range rows[1:] {
			path := apptest.Fill(row[1], vars)
			api := strings.HasPrefix(path, "/api/")
			for _, h := range [][]string{nil, {"Authorization", "Bearer " + keys["staff.write"]}, {"Cookie", "__Host-cart=" + strings.Repeat("A", 43)}} {
				if api && h != nil {
					continue
				}
				a := send(g, row[0], path, h...)
				if row[0] == "GET" && !api && (a.Status != 303 || !strings.HasPrefix(a.Location(), "/admin/login")) || (api || row[0] != "GET") && a.Status != 401 {
					t.Errorf("guest %s %s: %d", row[0], path, a.Status)
				}
			}
			// Other methods are nobody's.
			for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
				if slices.Contains(paths[row[1]], m) || m == "GET" && slices.Contains(paths[row[1]], "GET") {
					continue
				}
				for _, v := range []*apptest.Client{g, visitors["owner"]} {
					// Another pattern may answer there, such as an order of that number: as itself.
					if a := send(v, m, path); a.Status != 405 && a.Status != 404 && !(m == "GET" && v == g && a.Status == 303 && strings.HasPrefix(a.Location(), "/admin/login")) {
						t.Errorf("%s %s: %d", m, path, a.Status)
					}
				}
			}
		}
	})
	refused := map[string]int{}
	wg.Go(func() {
		v := c.Other()
		for _, row := range rows[1:] {
			if !strings.HasPrefix(row[1], "/api/") {
				continue
			}
			path := apptest.Fill(row[1], vars)
			for _, s := range scopes {
				a := send(v, row[0], path, "Authorization", "Bearer "+keys[s])
				switch {
				case s == row[7] && (a.Status == 401 || a.Status == 403 || a.Status >= 500):
					t.Errorf("token %s %s %s: %d", s, row[0], path, a.Status)
				case s != row[7] && a.Status != 403:
					t.Errorf("token %s %s %s: %d, want 403", s, row[0], path, a.Status)
				case s != row[7]:
					refused[s]++
				}
			}
			for _, r := range roles {
				if a := send(visitors[r], row[0], path); a.Status != 401 {
					t.Errorf("session of %s at %s: %d", r, path, a.Status)
				}
			}
		}
	})
	wg.Wait()
	for _, r := range roles {
		if n := c.Count(`SELECT count(*) FROM audit_entry WHERE action='route.denied' AND outcome='refused' AND actor_kind='staff' AND actor_id=$1`, ids[r]); n != denied[r] {
			t.Errorf("%s was refused %d times, %d in the audit log", r, denied[r], n)
		}
	}
	for _, s := range scopes {
		if n := c.Count(`SELECT count(*) FROM audit_entry WHERE action='route.denied' AND outcome='refused' AND actor_kind='token' AND actor_id=$1`, tokenIDs[s]); n != refused[s] || n == 0 {
			t.Errorf("the token %s was refused %d times, %d in the audit log", s, refused[s], n)
		}
	}
	// Other spellings are other paths, and unknown; for the owner too.
	for _, path := range []string{"/admin", "/admin/orders", "/admin/staff", "/api/admin/v1/orders"} {
		for _, x := range tricks(path) {
			for who, h := range map[string][]string{"guest": nil, "owner": {"Cookie", apptest.CookieStaff + "=" + visitors["owner"].Cookie(apptest.CookieStaff), "Authorization", "Bearer " + keys["orders.read"]}} {
				if a := raw(c.Other(), "GET", x, h...); a.Status != 404 && a.Status != 400 && a.Status != 405 {
					t.Errorf("%s %q: %d %q", who, x, a.Status, a.Location())
				}
			}
		}
	}
	for _, h := range []string{"X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Forwarded-Path"} {
		if a := c.Other().Do("GET", "/login", nil, h, "/admin/orders"); a.Status != 200 || strings.Contains(string(a.Body), `action="/admin`) {
			t.Errorf("%s: %d", h, a.Status)
		}
	}
})

var _ = alone("AC-132", func(t *testing.T, engine string) {
	s := apptest.Start(t, apptest.Options{Engine: engine})
	c := s.As(t)
	m, owner := c.Hire(c, "owner")
	me := staffID(c, m.Email)
	v := c.Variant()
	k := c.ReadyCart(v, 2)
	_, o := c.PaidCart(k)
	x, _ := c.Hire(c, "reader")
	xid := staffID(c, x.Email)
	last := func() string { return c.Query(`SELECT COALESCE(max(id), 0) FROM audit_entry`)[0][0] }
	want := owner.IP[:strings.LastIndex(owner.IP, ".")] + ".0/24"
	act := func(what, action, was, is string, do func() apptest.Answer) {
		t.Helper()
		from := last()
		if a := do(); a.Status != 303 && a.Status != 200 {
			t.Errorf("%s was not done: %d %s", what, a.Status, a.Words())
			return
		}
		rows := c.Query(`SELECT action, old_value, new_value, outcome, peer, at, entity_id FROM audit_entry WHERE id > $1 AND actor_kind='staff' AND actor_id=$2`, from, me)
		if len(rows) != 1 {
			t.Errorf("%s: %d rows in the audit log: %v", what, len(rows), rows)
			return
		}
		r := rows[0]
		if r[0] != action || !strings.Contains(r[1], was) || !strings.Contains(r[2], is) || r[3] != "done" || r[4] != want || r[5] == "0" {
			t.Errorf("%s is on record as %v, want %s %q → %q from %s", what, r, action, was, is, want)
		}
	}
	form := func(path string, kv ...string) func() apptest.Answer {
		return func() apptest.Answer { return sendForm(owner, path, kv...) }
	}
	edit := func(page, name, value string) func() apptest.Answer {
		return func() apptest.Answer {
			action, f := owner.FormOf(owner.Do("GET", page, nil), `main form[method=post]`)
			f.Set(name, value)
			return owner.Form(action, f)
		}
	}
	act("price", "price.set", fmt.Sprintf("%d.%02d SEK", v.Price.Amount/100, v.Price.Amount%100), "777.00 SEK", form("/admin/variants/"+v.ID+"/price", "price", "777"))
	act("stock", "stock.count", "100", "55", form("/admin/variants/"+v.ID+"/stock", "on_hand", "55"))
	act("refund", "order.refund", "", "10.00 SEK", form("/admin/orders/"+o.Number+"/refund", "amount", "10", "reason", "kulans", "key", aWord()))
	act("setting", "setting.change", "support.answer_hours=24", "support.answer_hours=12", edit("/admin/settings", "value.support.answer_hours", "12"))
	// The accounts that customers pay to are changed by two: asked by one, approved by another.
	act("payout account, asked", "approval.ask", "bankgiro ", "company.payout bankgiro 5050-1055", edit("/admin/company", "bankgiro", "5050-1055"))
	if n := c.Count(`SELECT count(*) FROM content_company WHERE bankgiro='5050-1055'`); n != 0 {
		t.Error("one person alone changed the account")
	}
	yes, f := owner.FormOf(s.Staff(c, "owner").Do("GET", "/admin/approvals", nil), `form[action$="/approve"]`)
	s.AsOwner(c, yes, f)
	if r := c.Query(`SELECT old_value, new_value, outcome, actor_id FROM audit_entry WHERE action='company.change' AND actor_kind='staff'`); len(r) != 1 || !strings.Contains(r[0][0], "bankgiro ") || !strings.Contains(r[0][1], "bankgiro 5050-1055") || r[0][2] != "done" || r[0][3] != me {
		t.Errorf("payout account, approved, is on record as %v", r)
	}
	act("delivery", "delivery.put", "days=", "-9+", func() apptest.Answer {
		n := owner.Do("GET", "/admin/delivery", nil).Find(`main tbody a[href^="/admin/delivery/"]`)
		return edit(apptest.Attr(n[0], "href"), "max_days", "9")()
	})
	act("terms", "page.publish", "", "villkor 2", edit("/admin/pages/villkor", "texts/sv/title", "Villkoren"))
	act("invitation", "staff.invite", "", "role support", form("/admin/staff", "name", "P", "email", apptest.NewMail(), "role", "support"))
	act("role", "staff.role", "role reader", "role orders", form("/admin/staff/"+xid+"/role", "role", "orders"))
	act("token", "token.create", "", "orders.read", form("/admin/tokens", "name", "ERP", "rights", "orders.read"))
	tid := c.Query(`SELECT max(id) FROM auth_token`)[0][0]
	act("end of the token", "token.revoke", "orders.read", "", form("/admin/tokens/"+tid+"/revoke"))
	act("closing", "staff.close", "active", "closed", form("/admin/staff/"+xid+"/close"))
	act("end of the sale", "product.draft", "", "", func() apptest.Answer {
		page := owner.Do("GET", "/admin/products?q="+url.QueryEscape(v.SKU), nil)
		n := page.Find(`main a[href^="/admin/products/"]`)
		for _, a := range n {
			if href := apptest.Attr(a, "href"); regexp.MustCompile(`/\d+$`).MatchString(href) {
				action, f := owner.FormOf(owner.Do("GET", href, nil), `form[action$="/unpublish"]`)
				return owner.Form(action, f)
			}
		}
		return page
	})
	for _, secret := range []string{m.Password, m.TOTP, "kv_", "$argon2"} {
		if n := c.Count(`SELECT count(*) FROM audit_entry WHERE old_value LIKE $1 OR new_value LIKE $1`, "%"+secret+"%"); n != 0 {
			t.Errorf("%d rows hold a secret", n)
		}
	}
	// Nothing writes into the log but the acts: no address of the owner's does. The bounds of
	// its alarms are a setting, which two people change.
	for _, l := range table(t) {
		if l.unsafe() && strings.Contains(l.Path, "audit") && !strings.HasSuffix(l.Path, "/admin/audit/bounds") {
			t.Errorf("%s %s", l.Method, l.Path)
		}
	}
	from := last()
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		for _, path := range []string{"/admin/audit", "/admin/audit/" + last(), "/api/admin/v1/audit"} {
			if a := owner.Do(method, path, nil, "Sec-Fetch-Site", "same-origin"); a.Status != 404 && a.Status != 405 {
				t.Errorf("%s %s: %d", method, path, a.Status)
			}
		}
	}
	// The shop itself may have written meanwhile: a refund has come through, copies are late.
	for _, r := range c.Query(`SELECT actor_kind, actor_name, action, entity, new_value FROM audit_entry WHERE id > $1`, from) {
		if r[0] != "system" {
			t.Errorf("a row was written: %v", r)
		}
	}
	c.Wait("every row has its place in the chain", quietTime, func() bool {
		return c.Count(`SELECT count(*) FROM audit_log_leaf WHERE place IS NULL`) == 0
	})
	// A change beside the program is found, and so is a gap.
	price := c.Query(`SELECT id, new_value FROM audit_entry WHERE action='price.set'`)[0]
	refund := c.Query(`SELECT id FROM audit_entry WHERE action='order.refund' AND outcome='done'`)[0][0]
	if code := s.Stop(); code != 0 {
		t.Fatalf("the stop ended with %d", code)
	}
	verify := func() (string, int) {
		var env []string
		if s.Database() != "" {
			env = []string{"DATABASE_URL=" + s.Database()}
		}
		return apptest.Command(t, env, "audit", "verify", "--data", s.Dir())
	}
	if out, status := verify(); status != 0 {
		t.Fatalf("the log as it was written: %d %s", status, out)
	}
	if err := meddled(s, `UPDATE audit_entry SET new_value='776.00 SEK' WHERE id=$1`, price[0]); err != nil {
		t.Fatal(err)
	}
	if out, status := verify(); status != 3 {
		t.Errorf("a changed row: %d %s", status, out)
	}
	if err := meddled(s, `UPDATE audit_entry SET new_value=$2 WHERE id=$1`, price[0], price[1]); err != nil {
		t.Fatal(err)
	}
	if out, status := verify(); status != 0 {
		t.Errorf("the row as it was: %d %s", status, out)
	}
	if err := meddled(s, `DELETE FROM audit_entry WHERE id=$1`, refund); err != nil {
		t.Fatal(err)
	}
	if out, status := verify(); status != 3 {
		t.Errorf("a removed row: %d %s", status, out)
	}
})

var _ = attack("AC-133", func(t *testing.T, c *apptest.Client) {
	a := settle(c)
	for _, p := range []string{"/debug/pprof", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/debug", "/metrics", "/healthz", "/readyz", "/_profiler", "/_debug", "/_status", "/.env", "/.git/config", "/server-status", "/server-info", "/actuator", "/actuator/env", "/phpinfo.php",
		"/trace.axd", "/console", "/graphql", "/swagger", "/api/docs", "/api/store/v1/debug", "/admin/debug", "/admin/pprof", "/admin/phpinfo", "/_next", "/wp-admin", "/adminer.php", "/config.json", "/kassavalv.toml", "/shop.db", "/control.sock", "/ops", "/ops/metrics"} {
		for _, v := range []*apptest.Client{c.Other(), c.Staff(c, "owner")} {
			if got := v.Do("GET", p, nil); got.Status != 404 {
				t.Errorf("%s: %d", p, got.Status)
			}
		}
	}
	plain := c.Do("GET", "/account", nil)
	for _, h := range [][]string{{"X-Debug", "1"}, {"X-Debug-Token", "1"}, {"X-Trace", "1"}, {"X-Forwarded-Debug", "1"}, {"Cookie", "XDEBUG_SESSION=1; debug=1"}, {"Pragma", "akamai-x-get-cache-key"}} {
		if d := equal(c.Do("GET", "/account", nil, h...), plain); d != "" {
			t.Errorf("%v: %s", h, d)
		}
	}
	for _, q := range []string{"debug=1", "debug=true", "XDEBUG_SESSION_START=1", "trace=1", "_debug_toolbar=1", "profile=1"} {
		if d := equal(c.Do("GET", "/account?"+q, nil), plain, "?"+q, ""); d != "" && !strings.Contains(d, "bodies") {
			t.Errorf("?%s: %s", q, d)
		}
	}
	if got := raw(c, "TRACE", "/"); got.Status != 405 || strings.Contains(string(got.Body), c.IP) {
		t.Errorf("TRACE: %d", got.Status)
	}
	// The twins: the ops listener has them, apart from the shop, and nothing of a person.
	for _, p := range []string{"/metrics", "/healthz", "/readyz"} {
		got := c.Do("GET", c.Ops+p, nil)
		if c.Want(got, 200, nil); len(a.seen(got)) > 0 || strings.Contains(string(got.Body), a.number) || strings.Contains(string(got.Body), a.order) {
			t.Errorf("%s knows a person", p)
		}
	}
	if got := c.Do("GET", c.Ops+"/metrics", nil); !strings.Contains(string(got.Body), `route="/orders/{token}"`) {
		t.Error("the metrics do not count by the pattern of the route")
	}
	for _, p := range []string{"/debug/pprof/", "/debug/vars", "/admin", "/"} {
		if got := c.Do("GET", c.Ops+p, nil); got.Status != 404 {
			t.Errorf("ops %s: %d", p, got.Status)
		}
	}
	if !strings.HasPrefix(c.Ops, "http://127.0.0.1:") {
		t.Errorf("the ops listener is at %s", c.Ops)
	}
	if _, err := os.Stat(filepath.Join(c.Dir(), "shop.db")); err != nil && c.Engine == "sqlite" {
		t.Error("the file that must not be served is not there")
	}
})
