package storefront_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/privacy"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/web"
)

// bought places an order of kopare@example.se.
func (s *shop) bought(t *testing.T) order.Order {
	t.Helper()
	s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9})
	buyer, action, f := s.ready(t)
	f.Set("payment_method", "invoice")
	buyer.follow(buyer.post(action, f))
	var o order.Order
	s.wait("the order is placed", func() bool {
		os, err := db.Read(context.Background(), s.DB, func(q *db.Reader) ([]order.Order, error) {
			return order.OfMail(q, s.Vault, "kopare@example.se", 0, 1)
		})
		if err != nil || len(os) == 0 {
			return false
		}
		o = os[0]
		return true
	})
	return o
}

// stale makes every session's proof old.
func (s *shop) stale() {
	s.t.Helper()
	s.Do(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE account_session SET fresh_until=$1`, tx.Now().Add(-time.Minute))
		return err
	})
}

// What is kept is shown to who has proven the address, and to nobody else; readings come in pages.
func TestOwnDetails(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		o := s.bought(t)
		for path, to := range map[string]string{"/account/data": "/login?next=%2Faccount%2Fdata", "/account/data/readings": "/login?next=%2Faccount%2Fdata%2Freadings", "/account/data/erase": "/login?next=%2Faccount%2Fdata%2Ferase"} {
			if p := s.visitor().get(path); p.StatusCode != http.StatusSeeOther || p.Header.Get("Location") != to {
				t.Errorf("%s without a sign-in: %d %s", path, p.StatusCode, p.Header.Get("Location"))
			}
		}
		for _, path := range []string{"export", "correct", "limit", "newsletter", "requests/1/cancel", "erase/confirm"} {
			if p := s.visitor().post("/account/data/"+path, url.Values{}); p.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s without a sign-in: %d", path, p.StatusCode)
			}
		}
		v, other := s.visitor(), s.visitor()
		v.signIn(t, s, "kopare@example.se", "")
		other.signIn(t, s, "nagon@example.se", "")
		p := v.get("/account/data")
		for _, w := range []string{"kopare@example.se", "Åsa Prov", "Storgatan 1", "Köp och leverans", "Stripe", "avtal (artikel 6.1 b)", o.NumberString()} {
			if !strings.Contains(p.words(), w) {
				t.Errorf("the page does not say %q: %s", w, p.words())
			}
		}
		if p.Header.Get("Cache-Control") != "no-store" || attr(p.first(t, "meta[name=robots]"), "content") == "" || len(p.all(`.tabs a[href="/account/data"]`)) != 1 {
			t.Error("kept, indexed, or without its tab:", p.Header.Get("Cache-Control"))
		}
		if q := other.get("/account/data"); q.StatusCode != http.StatusOK || strings.Contains(q.words(), "Åsa Prov") || strings.Contains(q.words(), "kopare@") || strings.Contains(q.words(), o.NumberString()) {
			t.Error("another's details:", q.words())
		}
		if q := v.get("/en/account/data"); q.StatusCode != http.StatusOK || !strings.Contains(q.words(), "Purchase and delivery") {
			t.Error("in English:", q.words())
		}
		// Readings.
		if q := other.get("/account/data/readings"); q.StatusCode != http.StatusOK || !strings.Contains(q.words(), "Ingen har läst dina uppgifter") {
			t.Error("nobody has read:", q.words())
		}
		s.Do(func(tx *db.Tx) error {
			for i := range db.ID(25) {
				if _, err := audit.RecordAccess(tx, audit.Access{Person: o.Person, ActorKind: "staff", ActorID: 7 + i, ActorName: "support", Entity: "order", EntityID: o.ID, Reason: "other", Kinds: []string{"name"}}); err != nil {
					return err
				}
			}
			return nil
		})
		first := v.get("/account/data/readings")
		if n := len(first.all(".own > li")); n != 20 {
			t.Fatalf("%d readings on the first page: %s", n, first.words())
		}
		if next := v.get(attr(first.first(t, "main a[rel=next]"), "href")); len(next.all(".own > li")) < 5 || len(next.all("main a[rel=next]")) != 0 {
			t.Error("the second page:", next.words())
		}
		if q := other.get("/account/data/readings"); len(q.all(".own > li")) != 0 {
			t.Error("another sees the readings")
		}
	})
}

// An export asks for fresh proof, and its link opens once, for its maker.
func TestOwnExport(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.bought(t)
		v, other := s.visitor(), s.visitor()
		v.signIn(t, s, "kopare@example.se", "")
		other.signIn(t, s, "nagon@example.se", "")
		link := v.post("/account/data/export", url.Values{"format": {"json"}}).Header.Get("Location")
		if !strings.HasPrefix(link, "/account/data/export/") {
			t.Fatal(link)
		}
		if p := other.get(link); p.StatusCode != http.StatusNotFound {
			t.Errorf("another's link: %d", p.StatusCode)
		}
		if p := s.visitor().get(link); p.StatusCode != http.StatusSeeOther {
			t.Errorf("without a sign-in: %d", p.StatusCode)
		}
		p := v.get(link)
		var f privacy.File
		if err := json.Unmarshal([]byte(p.text), &f); p.StatusCode != http.StatusOK || err != nil || f.Mail != "kopare@example.se" || len(f.Records) == 0 || f.Shop == "" || !strings.Contains(p.text, "Storgatan 1") {
			t.Fatalf("%d %v %.400s", p.StatusCode, err, p.text)
		}
		if !strings.HasPrefix(p.Header.Get("Content-Disposition"), "attachment") || p.Header.Get("Cache-Control") != "no-store" {
			t.Error(p.Header)
		}
		if p := v.get(link); p.StatusCode != http.StatusNotFound {
			t.Errorf("a second time: %d", p.StatusCode)
		}
		link = v.post("/account/data/export", url.Values{"format": {"page"}}).Header.Get("Location")
		if p := v.get(link); p.StatusCode != http.StatusOK || !strings.Contains(p.words(), "Storgatan 1") {
			t.Errorf("as a page: %d %.300s", p.StatusCode, p.words())
		}
		for range 3 {
			v.post("/account/data/export", url.Values{"format": {"page"}})
		}
		if p := v.post("/account/data/export", url.Values{"format": {"page"}}); p.StatusCode != http.StatusTooManyRequests || p.Header.Get("Retry-After") == "" {
			t.Errorf("a sixth in a day: %d", p.StatusCode)
		}
		s.stale()
		if p := other.post("/account/data/export", url.Values{"format": {"page"}}); p.Header.Get("Location") != "/login?again=1&next=%2Faccount%2Fdata" {
			t.Errorf("without fresh proof: %d %s", p.StatusCode, p.Header.Get("Location"))
		}
	})
}

// Correction, restriction, objection, consent: each by its form.
func TestOwnRights(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.bought(t)
		v := s.visitor()
		v.signIn(t, s, "kopare@example.se", "")
		action, f := v.get("/account/data/correct").form(t, "main form[action$='/correct']")
		if p := v.post(action, f); p.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("an empty correction: %d", p.StatusCode)
		}
		f.Set("line1", "Nygatan 2")
		f.Set("postal_code", "x")
		f.Set("city", "Malmö")
		if p := v.post(action, f); p.StatusCode != http.StatusUnprocessableEntity || len(p.all("#postal_code[aria-invalid=true], #f-postal_code[aria-invalid=true], [name=postal_code][aria-invalid=true]")) != 1 || attr(p.first(t, "[name=line1]"), "value") != "Nygatan 2" {
			t.Errorf("a bad postcode: %d %s", p.StatusCode, p.words())
		}
		f.Set("postal_code", "211 20")
		if p := v.follow(v.post(action, f)); !strings.Contains(p.words(), "Uppgifterna är rättade") || !strings.Contains(p.words(), "Nygatan 2") {
			t.Error("corrected:", p.words())
		}
		for kind, says := range map[string]string{privacy.Restrict: "är begränsad sedan", privacy.Object: "Du har invänt sedan"} {
			p := v.follow(v.post("/account/data/limit", url.Values{"kind": {kind}, "why": {""}}))
			if !strings.Contains(p.words(), says) {
				t.Errorf("%s: %s", kind, p.words())
			}
			if p := v.follow(v.post("/account/data/limit", url.Values{"kind": {"un" + kind}, "why": {""}})); strings.Contains(p.words(), says) {
				t.Errorf("un%s: %s", kind, p.words())
			}
		}
		if p := v.post("/account/data/limit", url.Values{"kind": {"own"}, "why": {""}}); p.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("a kind that is none: %d", p.StatusCode)
		}
		if p := v.follow(v.post("/account/data/newsletter", url.Values{})); !strings.Contains(p.words(), "Du får inga nyhetsbrev") {
			t.Error(p.words())
		}
	})
}

// An erasure goes in two steps with fresh proof, waits for what is open, and ends with a page that says when
// everything is gone.
func TestOwnErasure(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		o := s.bought(t)
		v, other := s.visitor(), s.visitor()
		v.signIn(t, s, "kopare@example.se", "")
		other.signIn(t, s, "nagon@example.se", "")
		p := v.get("/account/data/erase")
		for _, w := range []string{"Order " + o.NumberString() + " är inte skickad", "Ditt köpbevis för order " + o.NumberString(), "återkallar", "Bokföringslagen", "Stripe"} {
			if !strings.Contains(strings.ToLower(p.words()), strings.ToLower(w)) {
				t.Errorf("the first step does not say %q: %s", w, p.words())
			}
		}
		if q := v.get(attr(p.first(t, "main .own a"), "href")); q.StatusCode != http.StatusOK {
			t.Errorf("the receipt: %d", q.StatusCode)
		}
		action, f := v.get(attr(p.first(t, "main a[href$='/erase/confirm']"), "href")).form(t, "main form[action$='/confirm']")
		if q := v.post(action, f); q.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("without the box: %d", q.StatusCode)
		}
		f.Set("sure", "yes")
		at := v.post(action, f)
		if q := v.follow(at); !strings.Contains(q.words(), "Väntar på något som pågår") || v.cookie(web.CookieSession) == "" {
			t.Error("it waits:", q.words())
		}
		// He takes it back; nobody else can.
		cancel := attr(v.get("/account/data").first(t, "main form[action$='/cancel']"), "action")
		if q := other.post(cancel, url.Values{}); q.StatusCode != http.StatusNotFound {
			t.Errorf("another takes it back: %d", q.StatusCode)
		}
		if q := v.follow(v.post(cancel, url.Values{})); !strings.Contains(q.words(), "Begäran är tillbakadragen") {
			t.Error(q.words())
		}
		s.Do(func(tx *db.Tx) error {
			_, err := returns.CancelByBuyer(tx, auth.Guest(""), o.ID)
			return err
		})
		s.stale()
		if q := v.post(action, f); q.Header.Get("Location") != "/login?again=1&next=%2Faccount%2Fdata%2Ferase" {
			t.Errorf("without fresh proof: %d %s", q.StatusCode, q.Header.Get("Location"))
		}
		v.signIn(t, s, "kopare@example.se", "?again=1")
		done := v.post(action, f)
		q := v.follow(done)
		if !strings.Contains(q.words(), "Dina uppgifter är raderade hos oss") || !strings.Contains(q.words(), "borta ur alla kopior senast") || !strings.Contains(q.words(), "ska få veta det") {
			t.Error("erased:", q.words())
		}
		if q.Header.Get("Cache-Control") != "no-store" || !strings.Contains(attr(q.first(t, "meta[name=robots]"), "content"), "noindex") || v.cookie(web.CookieSession) != "" {
			t.Error("the page is kept or indexed, or the session lives")
		}
		if q := v.get("/account/data"); q.StatusCode != http.StatusSeeOther {
			t.Errorf("signed in after it: %d", q.StatusCode)
		}
		v.signIn(t, s, "kopare@example.se", "")
		if q := v.get("/account/data"); strings.Contains(q.words(), "Åsa Prov") || strings.Contains(q.words(), "Storgatan") {
			t.Error("still there:", q.words())
		}
		for _, token := range []string{"x", strings.Repeat("A", 43), "../admin"} {
			if q := v.get("/privacy/" + url.PathEscape(token)); q.StatusCode != http.StatusNotFound {
				t.Errorf("no such request: %d", q.StatusCode)
			}
		}
	})
}

// A request that staff took down has its clock, and then its answer, on the page of the letter.
func TestRequestPage(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		staff := auth.StaffBy(7, "192.0.2.0/24", auth.AllRights)
		var token string
		var id db.ID
		s.Do(func(tx *db.Tx) error {
			r, err := s.store.Privacy.TakeDown(tx, staff, privacy.OnBehalf{Kind: privacy.Access, Mail: "kopare@example.se", Text: "Vad har ni?", Lang: "sv"})
			id, token = r.ID, r.Token(s.Vault)
			return err
		})
		v := s.visitor()
		if p := v.get("/privacy/" + token); p.StatusCode != http.StatusOK || !strings.Contains(p.words(), "Du får svar senast") || !strings.Contains(p.words(), "Det här gör du själv") || strings.Contains(p.words(), "kopare@example.se") {
			t.Errorf("%d %s", p.StatusCode, p.words())
		}
		s.Do(func(tx *db.Tx) error { _, err := s.store.Privacy.Extend(tx, staff, id, "Många frågor"); return err })
		if p := v.get("/privacy/" + token); !strings.Contains(p.words(), "Många frågor") {
			t.Error(p.words())
		}
		s.Do(func(tx *db.Tx) error {
			_, err := s.store.Privacy.Answer(tx, staff, id, "Vi vet inte vem du är", true)
			return err
		})
		if p := v.get("/privacy/" + token); !strings.Contains(p.words(), "Avslaget") || !strings.Contains(p.words(), "Vi vet inte vem du är") || !strings.Contains(p.words(), "imy.se") {
			t.Error(p.words())
		}
	})
}

// A link opens what it was made for and nothing else, and an export's link dies by use, by time, by a newer one, and not by a look at its header.
func TestOwnTokens(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		o := s.bought(t)
		v := s.visitor()
		v.signIn(t, s, "kopare@example.se", "")
		prepare := func() string {
			t.Helper()
			link := v.post("/account/data/export", url.Values{"format": {"page"}}).Header.Get("Location")
			if !strings.HasPrefix(link, "/account/data/export/") {
				t.Fatal(link)
			}
			return link
		}
		older, link := prepare(), prepare()
		export := strings.TrimPrefix(link, "/account/data/export/")
		v.post("/account/data/limit", url.Values{"kind": {privacy.Restrict}, "why": {""}})
		request := attr(v.get("/account/data").first(t, `main a[href^="/privacy/"]`), "href")
		if p := s.visitor().get(request); p.StatusCode != http.StatusOK {
			t.Fatalf("the request's own page: %d", p.StatusCode)
		}
		token := strings.TrimPrefix(request, "/privacy/")
		id, err := db.Read(context.Background(), s.DB, func(q *db.Reader) (db.ID, error) {
			r, err := privacy.ByToken(q, s.Vault, token)
			return r.ID, err
		})
		if err != nil {
			t.Fatal(err)
		}
		// A token of another kind for the very same row is none either.
		for _, kind := range []string{"order", "case", "purchase", "account.move", "account.lost", "giftcard", "waitlist"} {
			if p := v.get("/privacy/" + s.Vault.Token(kind, id, 1)); p.StatusCode != http.StatusNotFound {
				t.Errorf("the token %q of the row opens the request: %d", kind, p.StatusCode)
			}
		}
		for _, path := range []string{"/privacy/" + export, "/privacy/" + o.Token(s.Vault), "/privacy/" + s.Vault.Token("order", db.ID(1), 1), "/account/data/export/" + token, "/account/data/export/" + o.Token(s.Vault),
			"/orders/" + token, "/orders/" + export, "/account/moves/" + token, "/account/lost/" + token, "/account/moves/" + export, "/cases/" + token} {
			if p := v.get(path); p.StatusCode != http.StatusNotFound {
				t.Errorf("%s opens with a token of another kind: %d", path, p.StatusCode)
			}
		}
		if p := v.get(older); p.StatusCode != http.StatusNotFound {
			t.Errorf("the older link: %d", p.StatusCode)
		}
		if p := v.do(v.request("HEAD", link, nil, nil)); p.StatusCode != http.StatusNotFound {
			t.Errorf("its header: %d", p.StatusCode)
		}
		if p := v.get(link); p.StatusCode != http.StatusOK || p.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("after a look at its header: %d %s", p.StatusCode, p.Header.Get("Cache-Control"))
		}
		late := prepare()
		s.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE privacy_download SET expires_at=$1`, tx.Now().Add(-time.Second))
			return err
		})
		if p := v.get(late); p.StatusCode != http.StatusNotFound {
			t.Errorf("out of time: %d", p.StatusCode)
		}
	})
}

// Both steps of an erasure ask for fresh proof before they show anything, a refused one is recorded, pressing twice is one, and
// nothing that the form does not ask for is taken.
func TestOwnErasureSteps(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.bought(t)
		v := s.visitor()
		v.signIn(t, s, "kopare@example.se", "")
		v.addOne("", "mugg")
		s.stale()
		for _, path := range []string{"/account/data/erase", "/account/data/erase/confirm"} {
			if p := v.get(path); p.StatusCode != http.StatusSeeOther || p.Header.Get("Location") != "/login?again=1&next=%2Faccount%2Fdata%2Ferase" {
				t.Errorf("%s without fresh proof: %d %s", path, p.StatusCode, p.Header.Get("Location"))
			}
		}
		refused := func() (n int) {
			t.Helper()
			n, err := db.Read(context.Background(), s.DB, func(q *db.Reader) (n int, err error) {
				es, err := audit.List(q, audit.Filter{Action: "privacy.erase"}, 0, 100)
				for _, e := range es {
					if e.Outcome == audit.Refused {
						n++
					}
				}
				return n, err
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		before := refused()
		if p := v.post("/account/data/erase/confirm", url.Values{"sure": {"yes"}}); p.StatusCode != http.StatusSeeOther {
			t.Errorf("%d", p.StatusCode)
		}
		if refused() != before+1 {
			t.Error("an erasure without fresh proof is not recorded as refused")
		}
		for _, path := range []string{"/account/data/erase/confirm", "/account/data/correct", "/account/data/limit", "/account/data/export", "/account/data/newsletter"} {
			for _, extra := range []string{"email", "account_id", "person_id", "mail"} {
				if p := v.post(path, url.Values{extra: {"nagon@example.se"}}); p.StatusCode != http.StatusBadRequest {
					t.Errorf("%s takes %q: %d", path, extra, p.StatusCode)
				}
			}
		}
		v.signIn(t, s, "kopare@example.se", "?again=1")
		first := v.post("/account/data/erase/confirm", url.Values{"sure": {"yes"}}).Header.Get("Location")
		if again := v.post("/account/data/erase/confirm", url.Values{"sure": {"yes"}}).Header.Get("Location"); first == "" || again != first {
			t.Errorf("pressed twice: %s and %s", first, again)
		}
		s.Do(func(tx *db.Tx) error { // nobody has bought: nothing is waited for
			_, err := tx.Exec(`DELETE FROM auth_try`)
			return err
		})
		w := s.visitor()
		w.signIn(t, s, "nagon@example.se", "")
		w.addOne("", "mugg")
		if w.cookie(web.CookieCart) == "" || w.cookie(web.CookieLogin) == "" {
			t.Fatal("no cart")
		}
		if p := w.follow(w.post("/account/data/erase/confirm", url.Values{"sure": {"yes"}})); !strings.Contains(p.words(), "raderade hos oss") {
			t.Fatal(p.words())
		}
		for _, c := range []string{web.CookieSession, web.CookieLogin, web.CookieCart} {
			if w.cookie(c) != "" {
				t.Errorf("%s is left after the erasure", c)
			}
		}
	})
}

// Readings of the account itself are on the page, and the account's other sessions and details stay out of another's page.
func TestOwnReadingsOfTheAccount(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		v, other := s.visitor(), s.visitor()
		v.signIn(t, s, "kopare@example.se", "")
		other.signIn(t, s, "nagon@example.se", "")
		v.post("/account/open", url.Values{"name": {"Åsa Prov"}})
		s.Do(func(tx *db.Tx) error {
			var person db.ID
			if err := tx.QueryRow(`SELECT person_id FROM account_account`).Scan(&person); err != nil {
				return err
			}
			_, err := audit.RecordAccess(tx, audit.Access{Person: person, ActorKind: "staff", ActorID: 7, ActorName: "support", Entity: "account", EntityID: 1, Reason: "other", Kinds: []string{"name"}})
			return err
		})
		for _, path := range []string{"/account/data/readings", "/account/security"} {
			if p := v.get(path); !strings.Contains(p.words(), "läste") {
				t.Errorf("%s: %s", path, p.words())
			}
			if p := other.get(path); strings.Contains(p.words(), "läste") {
				t.Errorf("another on %s: %s", path, p.words())
			}
		}
	})
}
