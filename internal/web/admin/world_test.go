package admin_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/file"
	"kassavalv/internal/mail"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/incident"
	"kassavalv/internal/ops/lesson"
	"kassavalv/internal/ops/recovery"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/fulfilment/local"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/privacy"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/shop/waitlist"
	"kassavalv/internal/shoptest"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin"
)

var migrations = append(append([]db.Migrations{}, shoptest.Migrations...), auth.Migrations, file.Migrations, mail.Migrations, content.Migrations, fulfilment.Migrations, returns.Migrations, support.Migrations, waitlist.Migrations, lesson.Migrations, incident.Migrations, copies.Migrations, recovery.Migrations, privacy.Migrations)

const password = "korrekt häst batteri"

type someone struct {
	id    db.ID
	email string
	key   string // TOTP secret
	used  int64  // step of the last code
}

// office is a back office with a shop behind it, served over TLS.
type office struct {
	*shoptest.World
	t     testing.TB
	auth  *auth.Auth
	admin *admin.Admin
	srv   *httptest.Server
	mux   *web.Mux
	staff map[string]*someone

	standing recovery.Standing // how the copies stand; the program's, see internal/app
}

func each(t *testing.T, fn func(t *testing.T, o *office)) {
	t.Helper()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) { fn(t, open(t, d)) })
}

func open(t testing.TB, d *db.DB) *office {
	t.Helper()
	o := &office{World: shoptest.New(t, d), t: t, staff: map[string]*someone{}}
	o.srv = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { o.mux.ServeHTTP(w, r) }))
	t.Cleanup(o.srv.Close)
	var err error
	if o.auth, err = auth.New(d, o.Vault, auth.Options{PublicURL: localhost(o.srv.URL), Issuer: "Provbutiken"}); err != nil {
		t.Fatal(err)
	}
	files, err := file.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.Do(content.Seed)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if testing.Verbose() && os.Getenv("KASSAVALV_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	o.admin = &admin.Admin{Keeper: "file", DB: d, Vault: o.Vault, Auth: o.auth, Desk: o.Desk, Files: file.New(d, files), Log: log, Origin: o.srv.URL, Currency: "SEK", Country: "SE",
		Carriers: fulfilment.Carriers{"local": fulfilment.NewGuard(local.New(), fulfilment.Options{Template: "https://carrier.example/track/{number}"})}}
	o.admin.TurnKeys = func(_ *db.Tx, by auth.By) error { return by.Need(auth.KeysWrite) } // the keys are the program's, see internal/app
	o.admin.Copies = func(context.Context) recovery.Standing { return o.standing }
	o.admin.Privacy = &privacy.Desk{DB: d, Vault: o.Vault, Log: log}
	o.admin.Lessons, o.admin.Incidents = &lesson.Room{DB: d, Auth: o.auth}, &incident.Room{DB: d, Vault: o.Vault, Auth: o.auth}
	o.auth.SetLacking(lesson.Lacking)
	o.mux, err = web.NewMux("shop", o.admin.Routes(), web.Deps{Origin: o.srv.URL, Origins: []string{localhost(o.srv.URL)}, Log: log, ErrorPage: o.admin.ErrorPage,
		Authorize: func(w http.ResponseWriter, r *web.Request, who web.Who) (context.Context, error) {
			ctx, _, err := o.admin.Authorize(w, r, who)
			return ctx, err
		}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// member makes or finds the member of staff of a role; "owner2" is a second owner.
func (o *office) member(role string) *someone {
	o.t.Helper()
	if s := o.staff[role]; s != nil {
		return s
	}
	return o.another(role, role)
}

// another makes one more member of a role, under a name of his own.
func (o *office) another(name, role string) *someone {
	o.t.Helper()
	key, err := o.auth.NewTOTP()
	if err != nil {
		o.t.Fatal(err)
	}
	s := &someone{email: name + "@butik.example", key: key.Reveal()}
	if s.id, err = o.auth.SetCredentials(context.Background(), shoptest.By, auth.Credentials{NewStaff: auth.NewStaff{Email: s.email, Name: "Kim " + name, Role: role}, Password: secret.Hide(password), TOTP: key}); err != nil {
		o.t.Fatal(err)
	}
	o.staff[name] = s
	return s
}

// code is the next code that has not been used: each works once, and the shop
// takes those of the step before and after. The one before is taken only early in a
// step, so that it still holds when the shop gets to it; when none is left it waits
// for the next.
func (o *office) code(s *someone) string {
	o.t.Helper()
	for {
		now := time.Now().Unix()
		step := now / 30
		if now%30 < 15 {
			step--
		}
		if step = max(step, s.used+1); step <= now/30+1 {
			s.used = step
			c, err := totp.GenerateCode(s.key, time.Unix(step*30, 0))
			if err != nil {
				o.t.Fatal(err)
			}
			return c
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// browser is a client with its cookies.
type browser struct {
	o *office
	c *http.Client
}

func (o *office) browser() *browser {
	jar, _ := cookiejar.New(nil)
	c := o.srv.Client()
	return &browser{o, &http.Client{Transport: c.Transport, Jar: jar, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// as is a browser in which the member of a role has signed in.
func (o *office) as(role string) *browser {
	o.t.Helper()
	s, b := o.member(role), o.browser()
	a := b.post("/admin/login", "email", s.email, "password", password, "totp", o.code(s))
	if a.status != http.StatusSeeOther {
		o.t.Fatalf("%s cannot sign in: %d %s", role, a.status, a.text())
	}
	return b
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) location() string { return a.header.Get("Location") }

var tags = regexp.MustCompile(`<[^>]*>|\s+`)

// text is the words of a page.
func (a answer) text() string { return strings.TrimSpace(tags.ReplaceAllString(a.body, " ")) }

func (b *browser) do(method, path string, body io.Reader, header ...string) answer {
	b.o.t.Helper()
	req, err := http.NewRequest(method, b.o.srv.URL+path, body)
	if err != nil {
		b.o.t.Fatal(err)
	}
	if method != http.MethodGet && method != http.MethodHead {
		req.Header.Set("Origin", b.o.srv.URL)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.c.Do(req)
	if err != nil {
		b.o.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.o.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(raw)}
}

func (b *browser) get(path string) answer { b.o.t.Helper(); return b.do(http.MethodGet, path, nil) }

func form(kv ...string) url.Values {
	f := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		f.Add(kv[i], kv[i+1])
	}
	return f
}

func (b *browser) post(path string, kv ...string) answer {
	b.o.t.Helper()
	return b.do(http.MethodPost, path, strings.NewReader(form(kv...).Encode()))
}

// page is a GET that must be 200.
func (b *browser) page(path string) answer {
	b.o.t.Helper()
	a := b.get(path)
	if a.status != http.StatusOK {
		b.o.t.Fatalf("GET %s: %d to %q: %.400s", path, a.status, a.location(), a.text())
	}
	return a
}

// done is a POST that must lead on to a page that shows.
func (b *browser) done(path string, kv ...string) answer {
	b.o.t.Helper()
	a := b.post(path, kv...)
	if a.status != http.StatusSeeOther {
		b.o.t.Fatalf("POST %s: %d: %.600s", path, a.status, a.text())
	}
	return b.page(a.location())
}

// open opens what is personal of an entity, as the buttons on its page do.
func (b *browser) open(entity string, id db.ID, reason string) answer {
	b.o.t.Helper()
	return b.done("/admin/personal/open", "entity", entity, "id", id.String(), "for", reason)
}

// bought is an order that is paid by card.
func (o *office) bought(lines ...stock.Line) order.Order {
	o.t.Helper()
	p, err := o.Buy(o.Cart(lines...), secret.RandomToken())
	if err != nil {
		o.t.Fatal(err)
	}
	p = o.Until(p.ID, false, func(p checkout.Purchase) bool { return p.NextURL != "" })
	o.PayAtBank(p.NextURL, "4242424242424242")
	p = o.Until(p.ID, true, func(p checkout.Purchase) bool { return p.State == checkout.Paid })
	return o.order(p)
}

// billed is an order on invoice.
func (o *office) billed(lines ...stock.Line) order.Order {
	o.t.Helper()
	p, err := o.Desk.Begin(context.Background(), checkout.Request{Cart: o.Cart(lines...), Method: "invoice", Accept: true, Key: secret.RandomToken(), Peer: "192.0.2.1"})
	if err != nil {
		o.t.Fatal(err)
	}
	return o.order(o.Until(p.ID, true, func(p checkout.Purchase) bool { return p.State == checkout.Placed }))
}

func (o *office) order(p checkout.Purchase) order.Order {
	o.t.Helper()
	return look(o, func(q *db.Reader) (order.Order, error) { return order.OfPurchase(q, p.ID) })
}

func look[T any](o *office, fn func(q *db.Reader) (T, error)) T {
	o.t.Helper()
	v, err := db.Read(context.Background(), o.DB, fn)
	if err != nil {
		o.t.Fatal(err)
	}
	return v
}

var keyField = regexp.MustCompile(`name="key" value="([^"]+)"`)

// regexpKeys is the key of the last form with one: the refund's.
func regexpKeys(body string) string {
	all := keyField.FindAllStringSubmatch(body, -1)
	return all[len(all)-1][1]
}

// stale makes the last proof of a member's sessions too old for dangerous acts.
func (o *office) stale(role string) {
	o.t.Helper()
	o.Do(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE auth_session SET fresh_until=$2 WHERE staff_id=$1`, o.member(role).id, tx.Now().Add(-time.Minute))
		return err
	})
}

var links = regexp.MustCompile(`<a[^>]* href="([^"]+)"`)

// rows counts and sums what a page could change, sessions' "last seen" aside.
func (o *office) rows() string {
	o.t.Helper()
	return look(o, func(q *db.Reader) (string, error) {
		out := ""
		for _, t := range []string{"catalog_product", "catalog_variant", "order_order", "order_event", "stock_movement", "pricing_price", "checkout_step", "content_page", "content_setting", "delivery_method", "job_job", "mail_message", "audit_entry", "auth_staff", "auth_session", "auth_token", "support_case", "auth_opening", "lesson_state", "lesson_done", "incident_record", "incident_line"} {
			var n int64
			if err := q.QueryRow(`SELECT count(*) FROM ` + t).Scan(&n); err != nil {
				return "", err
			}
			out += t + " " + strconv.FormatInt(n, 10) + " "
		}
		return out, nil
	})
}

// localhost is the address under a name: browsers bind no passkey to a number.
func localhost(u string) string { return strings.Replace(u, "127.0.0.1", "localhost", 1) }
