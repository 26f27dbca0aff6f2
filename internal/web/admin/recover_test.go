package admin_test

import (
	"bytes"
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"kassavalv/internal/job"
	"kassavalv/internal/mail"
	"kassavalv/internal/shop/notice"
)

// relay is a relay that keeps what it is given.
type relay chan *enmime.Envelope

func (relay) Name() string { return "relay" }
func (r relay) Send(_ context.Context, e mail.Envelope) error {
	m, err := enmime.ReadEnvelope(bytes.NewReader(e.Raw))
	if err != nil {
		return err
	}
	m.AddHeader("X-To", e.To)
	r <- m
	return nil
}

// mails starts the runner with the letters of the shop.
func (o *office) mails() relay {
	o.t.Helper()
	out := make(relay, 20)
	m, err := mail.New(mail.Options{DB: o.DB, Vault: o.Vault, From: mail.Address{Name: "Butiken", Email: "butiken@butik.example"}, Relays: []mail.Sender{out}})
	if err != nil {
		o.t.Fatal(err)
	}
	r := job.NewRunner(o.DB, nil)
	m.Handle(r)
	notice.Register(r, notice.Deps{DB: o.DB, Vault: o.Vault, Mail: m, Auth: o.auth, Base: o.srv.URL, Carriers: o.admin.Carriers})
	if err := r.Start(context.Background()); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		c, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		r.Stop(c)
	})
	return out
}

func (r relay) next(t *testing.T) *enmime.Envelope {
	t.Helper()
	select {
	case m := <-r:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("no letter came")
		return nil
	}
}

var staffLink = regexp.MustCompile(`/admin/invite/[A-Za-z0-9_-]{22,}`)

// A forgotten password is mended from the sign-in page alone, and strangers
// learn nothing there.
func TestForgottenPassword(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		post := o.mails()
		old, s := o.as("orders"), o.member("orders")
		b := o.browser()
		if a := b.page("/admin/login"); !strings.Contains(a.body, `href="/admin/recover"`) {
			t.Fatal("the sign-in does not lead to the recovery")
		}
		b.page("/admin/recover")
		unknown := b.post("/admin/recover", "email", "ingen@butik.example")
		known := b.post("/admin/recover", "email", s.email)
		if unknown.status != http.StatusOK || known.status != unknown.status || known.text() != unknown.text() {
			t.Errorf("the answers differ: %d %q and %d %q", unknown.status, unknown.text(), known.status, known.text())
		}
		m := post.next(t)
		if to := m.GetHeader("X-To"); to != s.email {
			t.Errorf("the letter went to %s", to)
		}
		link := staffLink.FindString(m.Text)
		if link == "" {
			t.Fatalf("no link in:\n%s", m.Text)
		}
		b.page(link)
		const fresh = "en helt ny lösenfras"
		if a := b.post(link, "email", s.email, "password", fresh, "code", "000000"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("without the code: %d", a.status)
		}
		old.page("/admin/orders")
		a := b.done(link, "email", s.email, "password", fresh, "code", o.code(s))
		if !strings.Contains(a.text(), "Kim orders") {
			t.Errorf("not signed in: %.200s", a.text())
		}
		if a := old.get("/admin/orders"); a.status != http.StatusSeeOther || !strings.HasPrefix(a.location(), "/admin/login") {
			t.Errorf("the old session lives: %d to %q", a.status, a.location())
		}
		if m := post.next(t); m.GetHeader("X-To") != s.email || !strings.Contains(m.Text, "nytt lösenord genom Glömt lösenordet") {
			t.Errorf("the notice of the change:\n%s", m.Text)
		}
		if a := o.browser().get(link); a.status != http.StatusNotFound {
			t.Errorf("the link again: %d", a.status)
		}
		if a := o.browser().post("/admin/login", "email", s.email, "password", password, "totp", o.code(s)); a.status != http.StatusUnauthorized {
			t.Errorf("the old password: %d", a.status)
		}
		if len(post) > 0 {
			t.Errorf("%d letters too many", len(post))
		}
	})
}
