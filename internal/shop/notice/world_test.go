package notice_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/fulfilment/local"
	"kassavalv/internal/shop/notice"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/shop/waitlist"
	"kassavalv/internal/shoptest"
)

var (
	ctx   = context.Background()
	staff = auth.StaffBy(5, "", auth.AllRights)
	guest = auth.Guest("192.0.2.0/24")
)

const base = "https://shop.example"

// sink takes letters.
type sink struct {
	mu  sync.Mutex
	got []letter
}

type letter struct {
	to string
	*enmime.Envelope
}

func (s *sink) Name() string { return "sink" }
func (s *sink) Send(_ context.Context, e mail.Envelope) error {
	m, err := enmime.ReadEnvelope(bytes.NewReader(e.Raw))
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.got = append(s.got, letter{e.To, m})
	s.mu.Unlock()
	return nil
}

type world struct {
	*shoptest.World
	sink     *sink
	returns  *returns.Desk
	auth     *auth.Auth
	accounts *account.Accounts
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	ms := append(append([]db.Migrations{}, shoptest.Migrations...), content.Migrations, fulfilment.Migrations, returns.Migrations, support.Migrations, mail.Migrations, auth.Migrations, waitlist.Migrations, account.Migrations)
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		w := &world{World: shoptest.New(t, d), sink: &sink{}}
		w.returns = &returns.Desk{DB: d, Providers: w.Desk.Providers}
		w.Desk.Terms = content.TermsVersion
		w.Do(content.Seed)
		m, err := mail.New(mail.Options{DB: d, Vault: w.Vault, From: mail.Address{Name: "Förstukvist", Email: "kundtjanst@forstukvist.example"}, Relays: []mail.Sender{w.sink}})
		if err != nil {
			t.Fatal(err)
		}
		if w.auth, err = auth.New(d, w.Vault, auth.Options{PublicURL: base}); err != nil {
			t.Fatal(err)
		}
		if w.accounts, err = account.New(d, w.Vault, account.Options{PublicURL: base}); err != nil {
			t.Fatal(err)
		}
		r := job.NewRunner(d, nil)
		m.Handle(r)
		notice.Register(r, notice.Deps{DB: d, Vault: w.Vault, Mail: m, Auth: w.auth, Accounts: w.accounts, Base: base,
			Carriers: fulfilment.Carriers{"local": fulfilment.NewGuard(local.New(), fulfilment.Options{Template: "https://track.example/{number}"})}})
		if err := r.Start(ctx); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			c, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			r.Stop(c)
		})
		fn(t, w)
	})
}

// until waits for a count to be none.
func (w *world) until(count string) {
	w.T.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; {
		n, err := db.Read(ctx, w.DB, func(q *db.Reader) (n int, err error) { err = q.QueryRow(count).Scan(&n); return })
		if err != nil {
			w.T.Fatal(err)
		}
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.T.Fatalf("%d are left: %s", n, count)
		}
		time.Sleep(5 * time.Millisecond) // polling with a deadline
	}
}

// settled waits until no job about letters is left, and returns all letters.
func (w *world) settled() []letter {
	w.T.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		n, err := db.Read(ctx, w.DB, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT count(*) FROM job_job WHERE state='queued' AND (kind LIKE 'notice.%' OR kind LIKE 'mail.%' OR kind LIKE 'order.%' OR kind LIKE 'purchase.%' OR kind LIKE 'auth.%' OR kind LIKE 'account.%')
				AND (kind <> 'account.mail_lost_soon' OR run_at < $1)`, q.Now().Add(24*time.Hour)).Scan(&n) // that letter waits for its day
			return
		})
		if err != nil {
			w.T.Fatal(err)
		}
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			w.T.Fatalf("%d jobs are left", n)
		}
		time.Sleep(5 * time.Millisecond) // polling with a deadline; the runner works by itself
	}
	if n := w.dead(); n > 0 {
		w.T.Fatalf("%d letters or jobs failed", n)
	}
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	return append([]letter(nil), w.sink.got...)
}

func (w *world) dead() int {
	n, err := db.Read(ctx, w.DB, func(q *db.Reader) (n int, err error) {
		err = q.QueryRow(`SELECT (SELECT count(*) FROM job_job WHERE state='dead') + (SELECT count(*) FROM mail_message WHERE state IN ('failed','dead'))`).Scan(&n)
		return
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return n
}

// last waits for the letters and returns the newest, which must be number n.
func (w *world) last(n int) letter {
	w.T.Helper()
	ls := w.settled()
	if len(ls) != n {
		for _, l := range ls {
			w.T.Logf("to %s: %s", l.to, l.GetHeader("Subject"))
		}
		w.T.Fatalf("%d letters, want %d", len(ls), n)
	}
	if n == 0 {
		return letter{}
	}
	return ls[n-1]
}

func (w *world) buy(method string, l lang.Lang, lines ...stock.Line) order.Order {
	w.T.Helper()
	p, err := w.Desk.Begin(ctx, checkout.Request{Cart: w.Cart(lines...), Method: method, Accept: true, Lang: l, Peer: "192.0.2.1"})
	if err != nil {
		w.T.Fatal(err)
	}
	if method == "card" {
		p = w.Until(p.ID, true, func(p checkout.Purchase) bool { return p.NextURL != "" })
		w.PayAtBank(p.NextURL, "4242424242424242")
	}
	p = w.Until(p.ID, true, func(p checkout.Purchase) bool { return p.Order != 0 })
	o, err := db.Read(ctx, w.DB, func(q *db.Reader) (order.Order, error) { return order.ByID(q, p.Order) })
	if err != nil {
		w.T.Fatal(err)
	}
	return o
}

func says(t *testing.T, what, text string, want ...string) {
	t.Helper()
	flat := strings.ReplaceAll(text, "\u00a0", " ")
	for _, s := range want {
		if !strings.Contains(flat, s) {
			t.Errorf("%s lacks %q in:\n%s", what, s, flat)
			return
		}
	}
}

func never(t *testing.T, what, text string, bad ...string) {
	t.Helper()
	for _, s := range bad {
		if strings.Contains(text, s) {
			t.Errorf("%s holds %q", what, s)
		}
	}
}

func files(l letter) (out []string) {
	for _, a := range l.Attachments {
		if a.ContentType != "application/pdf" || !bytes.HasPrefix(a.Content, []byte("%PDF-")) {
			out = append(out, "not a PDF: "+a.FileName)
			continue
		}
		out = append(out, a.FileName)
	}
	return
}
