package app

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/secret"
)

// outward counts who is looked up by name outside this machine, which every partner, mail server, site and key service is.
func outward(t *testing.T) *atomic.Int64 {
	n := &atomic.Int64{}
	old := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		n.Add(1)
		return nil, net.ErrClosed
	}}
	t.Cleanup(func() { net.DefaultResolver = old })
	if c, err := net.Dial("tcp", "partner.example.invalid:443"); err == nil || n.Load() == 0 {
		t.Fatalf("a dial is not counted: %v %v", c, err)
	}
	n.Store(0)
	return n
}

// speak is a visitor of a shop that runs in this process.
func speak(t *testing.T, r apptest.Ready) *apptest.Client {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ready.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return apptest.Attach(t, file, r.Data).As(t)
}

// A clone of a shop that sells meanwhile opens, says on every page that it is one, and sells: for the sandbox bank's money, with a
// letter in its own mailbox, and without a word to anybody outside.
func TestCloneIsTriedOut(t *testing.T) { cloneIsTriedOut(t, false) }

// So does a clone on PostgreSQL of a shop on PostgreSQL, each in a database of its own.
func TestCloneOnPostgresIsTriedOut(t *testing.T) { cloneIsTriedOut(t, true) }

func cloneIsTriedOut(t *testing.T, server bool) {
	asked := outward(t)
	ctx := t.Context()
	dir, to := filepath.Join(t.TempDir(), "shop"), filepath.Join(t.TempDir(), "staging")
	t.Setenv("KASSAVALV_TEST_NO_COPIES", "1")
	opt, theirDatabase := CloneOptions{To: to}, ""
	if server {
		theirDatabase, opt.Database = dbtest.PostgresDatabase(t), secret.Hide(dbtest.PostgresDatabase(t))
		t.Setenv("DATABASE_URL", theirDatabase)
	}
	shop, ready, err := Demo(ctx, DemoOptions{Dir: dir, Addr: "127.0.0.1:0", Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer shop.Close(context.Background())
	buyer := speak(t, apptest.Ready{Shop: ready.Shop, HTTP: ready.HTTP, Admin: ready.Admin, Bank: ready.Bank, Mailbox: ready.Mailbox, CA: ready.CA, Data: ready.Data, AdminToken: ready.AdminToken})
	goods := buyer.Scarce(1000)
	_, first := buyer.Paid(goods, 2)
	theirs := buyer.Order(first.Token)
	var over atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !over.Load() {
			k := buyer.Other().NewCart()
			if k.ID == "" {
				return
			}
		}
	})
	made, err := Clone(ctx, dir, opt, quiet)
	over.Store(true)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	os.Unsetenv("DATABASE_URL")

	t.Setenv("KASSAVALV_HTTP_ADDR", "127.0.0.1:0")
	t.Setenv("KASSAVALV_HTTP_PLAIN_ADDR", "127.0.0.1:0")
	t.Setenv("KASSAVALV_OPS_ADDR", "127.0.0.1:0")
	clone, err := Serve(ctx, to, nil, quiet)
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			clone.Close(context.Background())
		}
	}()
	c := speak(t, apptest.Ready{Shop: clone.Origin, HTTP: clone.plain.URL("localhost"), Admin: clone.Origin + "/admin", Bank: clone.outside.Bank, Mailbox: clone.outside.Mailbox, CA: filepath.Join(to, "ca", "ca.pem"), Data: to})
	// Each answer keeps search engines away; each page says what it is.
	for path, says := range map[string]string{"/": "kopia av butiken", "/en": "copy of the shop", "/cart": "kopia av butiken", "/checkout": "", "/admin/login": "kopia av butiken", "/en/admin/login": "copy of the shop", "/nowhere": "kopia av butiken", "/admin/nowhere": "",
		"/robots.txt": "Disallow: /\n", "/sitemap.xml": "", apptest.API + "/products": "", "/orders/" + strings.Repeat("x", 32): "kopia av butiken"} {
		a := c.Do("GET", path, nil)
		if !strings.HasPrefix(a.Header.Get("X-Robots-Tag"), "noindex") {
			t.Errorf("%s: %d without noindex: %v", path, a.Status, a.Header)
		}
		if !strings.Contains(string(a.Body), says) {
			t.Errorf("%s: %d does not say what it is", path, a.Status)
		}
	}
	no := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if res, err := (&http.Client{CheckRedirect: no}).Get(strings.Replace(clone.plain.URL("localhost"), "https://", "http://", 1) + "/"); err != nil || !strings.HasPrefix(res.Header.Get("X-Robots-Tag"), "noindex") {
		t.Errorf("the plain listener: %v %v", res, err)
	}
	invited := c.Do("GET", strings.TrimPrefix(made.Link, cloneURL), nil)
	if invited.Status != 200 || !strings.Contains(string(invited.Body), "kopia av butiken") {
		t.Errorf("the owner's invitation: %d", invited.Status)
	}
	// The shop's order is there, under another key, and the shop's own key opens nothing.
	if a := c.Do("GET", apptest.API+"/orders/"+first.Token, nil); a.Status != 404 {
		t.Errorf("a key of the shop opens an order of the clone: %d", a.Status)
	}
	var token string
	if _, err := db.Read(ctx, clone.DB, func(q *db.Reader) (int, error) {
		var id db.ID
		var v int64
		err := q.QueryRow(`SELECT id, token_version FROM order_order WHERE number=$1`, first.Number).Scan(&id, &v)
		if err == nil {
			token = clone.Vault.Token("order", id, v)
		}
		return 0, err
	}); err != nil {
		t.Fatal(err)
	}
	if o := c.Order(token); o.Number != theirs.Number || o.Totals.Total != theirs.Totals.Total {
		t.Errorf("%+v", o)
	}
	page := string(c.Do("GET", "/orders/"+token, nil).Body)
	paper := regexp.MustCompile(`/orders/` + token + `/documents/[0-9]+`).FindString(page)
	if a := c.Do("GET", paper, nil); paper == "" || a.Status != 200 || !strings.Contains(string(a.Body), "Kund 0000") || strings.Contains(page+string(a.Body), "Kim Prov") {
		t.Errorf("the receipt %s: %d\n%s", paper, a.Status, a.Body)
	}
	if a := c.Do("GET", paper+"/pdf", nil); a.Status != 200 {
		t.Errorf("the receipt as PDF: %d", a.Status)
	}
	if clone.onPostgres() != server {
		t.Error("the clone runs on another database than it was made in")
	}
	// A purchase.
	p, o := c.Paid(c.Goods()[0], 1)
	if p.State != "paid" || o.Number == first.Number {
		t.Errorf("%+v", p)
	}
	c.Wait("a letter in the clone's mailbox", time.Minute, func() bool {
		for _, m := range c.Mails("") {
			if strings.Contains(m.Text, o.Number) {
				return true
			}
		}
		return false
	})
	if n := asked.Load(); n != 0 {
		t.Errorf("%d were looked up outside", n)
	}
	if err := clone.Close(ctx); err != nil {
		t.Error(err)
	}
	closed = true

	// It is never made the shop.
	refused := func(what, says string) {
		t.Helper()
		a, err := Serve(ctx, to, nil, quiet)
		if err == nil {
			a.Close(context.Background())
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for key, value := range map[string]string{"STRIPE_SECRET_KEY": "sk_live_1", "SWISH_PAYEE": "1231181189", "MAIL_HOST": "smtp.example.se"} {
		t.Setenv("KASSAVALV_"+key, value)
		refused(key, cloneMark)
		os.Unsetenv("KASSAVALV_" + key)
	}
	if server { // and never takes the shop's database for its own
		t.Setenv("DATABASE_URL", theirDatabase)
		refused("the shop's database", "names another database")
		os.Unsetenv("DATABASE_URL")
		own, err := os.ReadFile(filepath.Join(to, ConfigFile))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, ConfigFile), bytes.Replace(own, []byte("url = "), []byte("#url = "), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := open(ctx, to, Config{}, quiet, openOptions{})
		if err == nil {
			a.Close(context.Background())
		}
		if err == nil || !strings.Contains(err.Error(), "database.url: is needed") {
			t.Errorf("without its database: %v", err)
		}
		if err := os.WriteFile(filepath.Join(to, ConfigFile), own, 0o600); err != nil {
			t.Fatal(err)
		}
	} else {
		t.Setenv("DATABASE_URL", "postgres://nobody@127.0.0.1:1/shop")
		if c, err := LoadConfig(to, os.Environ()); err != nil || onlyTrying(to, c, &CloneMark{}) == nil {
			t.Errorf("another database: %v", err)
		}
		os.Unsetenv("DATABASE_URL")
	}
	t.Setenv("KASSAVALV_COPIES_SITES", "file:///mnt/nas?name=nas")
	refused("a site", "copies.sites")
	os.Unsetenv("KASSAVALV_COPIES_SITES")
	if err := os.Rename(filepath.Join(to, cloneMark), filepath.Join(to, "away")); err != nil {
		t.Fatal(err)
	}
	refused("without its mark", "is a clone's")
	// And the shop is never taken for one.
	if err := os.Rename(filepath.Join(to, "away"), filepath.Join(to, cloneMark)); err != nil {
		t.Fatal(err)
	}
	// Nothing is replaced.
	t.Setenv("DATABASE_URL", theirDatabase)
	for what, into := range map[string]string{"not empty": to, "the shop's own folder": filepath.Join(dir, "staging")} {
		if _, err := Clone(ctx, dir, CloneOptions{To: into}, quiet); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", into, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(to), ".kassavalv-clone-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
