package attack

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// No copy leaves over any route. What the office tells of copies it tells an owner; what
// proves the paper key asks for a new proof and repeats nothing; what lies at a site is
// sealed.
var _ = apart("AC-070", func(t *testing.T, engine string) {
	c := lone(t, apptest.Options{Engine: engine})
	mail := apptest.NewMail()
	c.PaidCart(c.Complete(c.Cart(1, c.Scarce(10)).ID, apptest.Buyer(mail)))
	words := ""
	if engine == "sqlite" { // on PostgreSQL no copy is made by this program, and no paper key drawn
		words = strings.TrimSpace(string(readFile(t, filepath.Join(c.Dir(), "paper.txt"))))
	}
	part := func(body string) bool { // three words in a row, or the shop's keys
		w := strings.Fields(words)
		for i := range max(len(w)-2, 0) {
			if strings.Contains(body, strings.Join(w[i:i+3], " ")) {
				return true
			}
		}
		return strings.Contains(body, "kassavalv-key-1") || strings.Contains(body, "SQLite format")
	}
	owner := c.Shop.Staff(c, "owner")
	page := owner.Do("GET", "/admin/copies", nil)
	if page.Status != 200 || engine == "sqlite" && !strings.Contains(string(page.Body), "plats-1") || part(string(page.Body)) {
		t.Fatalf("the owner's page: %d %s", page.Status, page.Words())
	}
	if plan := owner.Do("GET", "/admin/copies/plan", nil); plan.Status != 200 || part(string(plan.Body)) {
		t.Errorf("the owner's plan: %d", plan.Status)
	}
	_, orders := c.Hire(c, "orders")
	_, token := newToken(c, owner, "orders.read", "catalog.read", "export.bulk")
	people := map[string]*apptest.Client{"a visitor": c.Other(), "a customer": proves(c.Other(), mail), "staff without the right": orders}
	for who, x := range people {
		for _, p := range []string{"/admin/copies", "/admin/copies/plan"} {
			if a := x.Do("GET", p, nil); a.Status == 200 || strings.Contains(string(a.Body), "plats-1") {
				t.Errorf("%s at %s: %d", who, p, a.Status)
			}
		}
		for _, p := range []string{"/admin/copies/drill", "/admin/copies/paper", "/admin/copies/plan", "/admin/copies/plan/printed"} {
			if a := x.Form(p, url.Values{"password_words": {words}, "version": {"0"}}); a.Status < 400 && !strings.HasPrefix(a.Location(), "/admin/login") {
				t.Errorf("%s posts to %s: %d %s", who, p, a.Status, a.Location())
			}
		}
	}
	// Names under which copies are fetched elsewhere, and where ours lie: nothing is there for
	// anybody, whatever he holds.
	names := []string{"/backup", "/admin/backup", "/admin/backups", "/admin/copies/download", "/admin/copies/plats-1", "/admin/copies/export", "/admin/copies/paper", "/backup/now", "/backup/drill", "/copies", "/shop.db", "/paper.txt",
		"/sites/plats-1/keys/current.age", "/copies/charter.json", "/admin/copies/../../paper.txt"}
	for _, p := range names {
		people["the owner"] = owner
		for who, x := range people {
			if a := x.Do("GET", p, nil); a.Status == 200 || part(string(a.Body)) {
				t.Errorf("%s gets %s: %d", who, p, a.Status)
			}
		}
		for _, m := range []string{"GET", "POST"} {
			if a := bearer(c, token, m, p, nil); a.Status < 400 || part(string(a.Body)) {
				t.Errorf("a token with other rights: %s %s: %d", m, p, a.Status)
			}
			if a := c.Other().Do(m, p, nil, "Authorization", "Bearer "+token); a.Status < 300 || part(string(a.Body)) {
				t.Errorf("a token outside its API: %s %s: %d", m, p, a.Status)
			}
		}
	}
	if engine != "sqlite" {
		return
	}
	// An owner whose proof is old types the right words: they are not even compared.
	m, old := c.Hire(c, "owner")
	meddle(c, `UPDATE auth_session SET fresh_until = created_at - 1 WHERE staff_id=$1`, staffID(c, m.Email))
	proofs := func() int { return c.Count(`SELECT count(*) FROM recovery_proof`) }
	if a := old.Form("/admin/copies/paper", url.Values{"password_words": {words}}); a.Status < 400 || proofs() != 0 || part(string(a.Body)) {
		t.Errorf("with an old session: %d, %d tries kept", a.Status, proofs())
	}
	if a := old.Form("/admin/copies/paper", url.Values{"password_words": {words}, "totp": {c.Code(m)}}); a.Status != 303 || proofs() != 1 || c.Audited("recovery.paper", "") == 0 {
		t.Errorf("with a new proof: %d, %d tries kept", a.Status, proofs())
	}
	if a := old.Form("/admin/copies/paper", url.Values{"password_words": {strings.Join(slices.Repeat([]string{"abandon"}, 24), " ")}}); a.Status < 400 || part(string(a.Body)) {
		t.Errorf("other words: %d", a.Status)
	}
	// What lies at the sites, and what the program says, gives nothing away.
	if out, code := apptest.Command(t, nil, "backup", "now", "--json", "--data", c.Dir()); code != 0 || part(out) {
		t.Errorf("backup now: %d", code)
	}
	looked := 0
	err := filepath.WalkDir(filepath.Join(c.Dir(), "sites"), func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		x, err := os.ReadFile(p)
		if os.IsNotExist(err) {
			return nil // replaced meanwhile
		}
		looked++
		if part(string(x)) || strings.Contains(string(x), mail) {
			t.Errorf("%s is in the clear", p)
		}
		return err
	})
	if err != nil || looked < 10 {
		t.Errorf("%d files at the sites: %v", looked, err)
	}
	if part(c.Log()) {
		t.Error("the program's own words give the key away")
	}
})
