package account

import (
	"sync"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/auth/authtest"
	"kassavalv/internal/db"
)

func TestMove(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		b := w.browser()
		b.account("kim@example.se")
		taken := w.browser()
		taken.account("bo@example.se")
		other := w.browser()
		other.prove("kim@example.se")
		w.stale()
		want(t, "without a fresh proof", w.a.AskMove(ctx, b.visitor(), "ny@example.se"), "step_up")
		w.exec(`UPDATE account_session SET fresh_until=$1`, time.Now().Add(time.Hour).UnixMicro())
		if err := w.a.AskMove(ctx, b.visitor(), "KIM@example.se"); field(err) != "same_email" {
			t.Error(err)
		}
		// A taken address and a free one are answered alike, until the code came back.
		want(t, "taken", w.a.AskMove(ctx, b.visitor(), "bo@example.se"), "")
		m := mail(w, JobMove, w.a.MoveMail)
		if m.Old != "kim@example.se" || m.New != "bo@example.se" || m.Done {
			t.Fatalf("%+v", m)
		}
		_, err := w.a.TryMove(ctx, b.visitor(), m.Code)
		want(t, "taken, proven", err, "email_taken")
		if b.visitor().Email != "kim@example.se" {
			t.Error("moved")
		}
		want(t, "free", w.a.AskMove(ctx, b.visitor(), "ny@example.se"), "")
		first := mail(w, JobMove, w.a.MoveMail)
		want(t, "again", w.a.AskMove(ctx, b.visitor(), "ny@example.se"), "")
		m = mail(w, JobMove, w.a.MoveMail)
		if b.visitor().Email != "kim@example.se" {
			t.Error("the new address counts before its code has come")
		}
		for _, code := range []string{"", "00000000", first.Code} {
			_, err = w.a.TryMove(ctx, b.visitor(), code)
			want(t, "wrong code", err, "invalid")
		}
		if err := b.rekeyed(w.a.TryMove(ctx, b.visitor(), m.Code)); err != nil {
			t.Fatal(err)
		}
		w.dead("another session", other.from.Old)
		if v := b.visitor(); v.Email != "ny@example.se" {
			t.Fatalf("%+v", v)
		}
		if m := mail(w, JobMoved, w.a.MoveMail); !m.Done || m.Old != "kim@example.se" {
			t.Errorf("%+v", m)
		}
		if m := mail(w, JobChanged, w.a.ChangeMail); m.To != "ny@example.se" || m.What != Moved {
			t.Errorf("%+v", m)
		}
		_, err = w.a.TryMove(ctx, b.visitor(), m.Code)
		want(t, "the code again", err, "invalid")
		// The old address is nobody's now.
		if v := w.browser().prove("kim@example.se"); v.Account != 0 {
			t.Error("the old address still opens the account")
		}
		// Whoever changed it has a password and a passkey by now. The old address takes it back.
		if err := b.password(longPassword); err != nil {
			t.Fatal(err)
		}
		k := authtest.New(t)
		if err := b.passkey(k); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"", "x", m.Stop.Reveal()[1:] + "A"} {
			want(t, "stop "+bad, w.do(func(tx *db.Tx) error { return w.a.StopMove(tx, auth.Guest(""), bad) }), "not_found")
		}
		if i := read(w, func(q db.Q) (StopInfo, error) { return w.a.LookMove(q, m.Stop.Reveal()) }); !i.Done {
			t.Error(i)
		}
		want(t, "stop", w.do(func(tx *db.Tx) error { return w.a.StopMove(tx, auth.Guest(""), m.Stop.Reveal()) }), "")
		want(t, "stop again", w.do(func(tx *db.Tx) error { return w.a.StopMove(tx, auth.Guest(""), m.Stop.Reveal()) }), "not_found")
		w.dead("who changed it", b.from.Old)
		w.exec(`DELETE FROM auth_try`)
		_, err = w.browser().signIn("ny@example.se", longPassword)
		want(t, "his password", err, "sign_in_failed")
		_, err = w.browser().signIn("kim@example.se", longPassword)
		want(t, "his password, the old address", err, "sign_in_failed")
		want(t, "his passkey", w.browser().byPasskey(k), "sign_in_failed")
		if v := w.browser().prove("kim@example.se"); v.Account == 0 {
			t.Error("the owner is not back")
		}
		if v := w.browser().prove("ny@example.se"); v.Account != 0 {
			t.Error("the new address still opens the account")
		}
		// One that waits is dead when it is stopped; tries at once stay within the limit.
		c := w.browser()
		c.prove("kim@example.se")
		want(t, "ask", w.a.AskMove(ctx, c.visitor(), "tredje@example.se"), "")
		m = mail(w, JobMove, w.a.MoveMail)
		want(t, "stop", w.do(func(tx *db.Tx) error { return w.a.StopMove(tx, auth.Guest(""), m.Stop.Reveal()) }), "")
		_, err = w.a.TryMove(ctx, c.visitor(), m.Code)
		want(t, "a stopped change", err, "invalid")
		w.exec(`DELETE FROM auth_try`)
		want(t, "ask", w.a.AskMove(ctx, c.visitor(), "tredje@example.se"), "")
		m = mail(w, JobMove, w.a.MoveMail)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { w.a.TryMove(ctx, c.visitor(), "00000000") })
		}
		wg.Wait()
		_, err = w.a.TryMove(ctx, c.visitor(), m.Code)
		want(t, "the right one after too many", err, "invalid")
	})
}

// An old mailbox alone does not open an account whose app was there before the change.
func TestStopKeepsTheApp(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		b := w.browser()
		b.account("kim@example.se")
		b.app()
		want(t, "ask", w.a.AskMove(ctx, b.visitor(), "ny@example.se"), "")
		m := mail(w, JobMove, w.a.MoveMail)
		if err := b.rekeyed(w.a.TryMove(ctx, b.visitor(), m.Code)); err != nil {
			t.Fatal(err)
		}
		want(t, "stop", w.do(func(tx *db.Tx) error { return w.a.StopMove(tx, auth.Guest(""), m.Stop.Reveal()) }), "")
		c := w.browser()
		c.ask("kim@example.se")
		if e, err := w.a.TryCode(ctx, c.code(), c.from); err != nil || !e.Second || !e.Secret.IsZero() {
			t.Error(e, err)
		}
	})
}

// A key for an app that was drawn before the old address took the account back is nobody's: whoever drew it has seen it.
func TestStopForgetsTheNextApp(t *testing.T) {
	each(t, func(w *world) {
		b := w.browser()
		b.account("gammal@example.se")
		if err := w.a.AskMove(ctx, b.visitor(), "ny@example.se"); err != nil {
			w.t.Fatal(err)
		}
		m := mail(w, JobMove, w.a.MoveMail)
		if err := b.rekeyed(w.a.TryMove(ctx, b.visitor(), m.Code)); err != nil {
			w.t.Fatal(err)
		}
		if _, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (App, error) { return w.a.BeginApp(tx, b.visitor()) }); err != nil {
			w.t.Fatal(err)
		}
		if err := w.do(func(tx *db.Tx) error { return w.a.StopMove(tx, auth.Guest(place), m.Stop.Reveal()) }); err != nil {
			w.t.Fatal(err)
		}
		owner := w.browser()
		v := owner.prove("gammal@example.se")
		if v.Account == 0 || !v.IsFresh(time.Now()) {
			w.t.Fatal("the account is not back")
		}
		_, err := db.Read(ctx, w.d, func(q *db.Reader) (App, error) { return w.a.PendingApp(q, v) })
		want(w.t, "the key that was drawn in between", err, "not_found")
	})
}
