package account

import (
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/auth/authtest"
	"kassavalv/internal/db"
)

func TestCloseAndErase(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		b := w.browser()
		v := b.account("kim@example.se")
		if err := b.password(longPassword); err != nil {
			t.Fatal(err)
		}
		k := authtest.New(t)
		if err := b.passkey(k); err != nil {
			t.Fatal(err)
		}
		w.browser().signIn("kim@example.se", "fel fel fel fel fel")
		h, err := db.Read(ctx, w.d, func(q *db.Reader) (Holding, error) { return w.a.Holding(q, auth.System("test"), "kim@example.se") })
		if err != nil || h.Account == nil || h.Account.Profile.Email != "kim@example.se" || !h.Account.Password || len(h.Account.Passkeys) != 1 || len(h.Sessions) != 1 || len(h.Attempts) == 0 {
			t.Fatalf("%+v %v", h, err)
		}
		for _, by := range []auth.By{{}, auth.Guest(""), auth.StaffBy(1, "", []auth.Right{auth.CasesRead})} {
			_, err := db.Read(ctx, w.d, func(q *db.Reader) (Holding, error) { return w.a.Holding(q, by, "kim@example.se") })
			want(t, "holding", err, "denied")
			want(t, "erase", w.do(func(tx *db.Tx) error { _, err := w.a.Erase(tx, by, "kim@example.se"); return err }), "denied")
		}
		w.stale()
		want(t, "without a fresh proof", w.do(func(tx *db.Tx) error { return w.a.Close(tx, b.visitor()) }), "step_up")
		w.exec(`UPDATE account_session SET fresh_until=$1`, time.Now().Add(time.Hour).UnixMicro())
		want(t, "close", w.do(func(tx *db.Tx) error { return w.a.Close(tx, b.visitor()) }), "")
		w.dead("closed", b.from.Old)
		if m := mail(w, JobChanged, w.a.ChangeMail); m.What != Closed || m.To != "kim@example.se" {
			t.Errorf("%+v", m)
		}
		want(t, "passkey", w.browser().byPasskey(k), "sign_in_failed")
		if n := w.count(`SELECT count(*) FROM secret_person WHERE id=$1 AND erased_at IS NOT NULL`, v.Person); n != 1 {
			t.Error("the person's key is there")
		}
		w.exec(`UPDATE account_change SET made_at=1`)
		if err := w.a.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if n := w.count(`SELECT count(*) FROM secret_person WHERE erased_at IS NULL`); n != 0 {
			t.Error("persons left:", n)
		}
		// Privacy's erasure takes the account, sessions without one, and codes.
		c, d, e := w.browser(), w.browser(), w.browser()
		c.account("kim@example.se")
		d.from.Peer, e.from.Peer = elsewhere, elsewhere
		d.account("bo@example.se")
		e.ask("kim@example.se")
		ps := read(w, func(q db.Q) ([]db.ID, error) { return w.a.Persons(q, "kim@example.se") })
		if len(ps) != 2 {
			t.Error(ps)
		}
		for range 2 {
			want(t, "erase", w.do(func(tx *db.Tx) error { _, err := w.a.Erase(tx, auth.System("test"), "kim@example.se"); return err }), "")
		}
		w.dead("erased", c.from.Old)
		d.visitor()
		_, err = w.a.TryCode(ctx, e.code2(), e.from)
		want(t, "a code of an erased address", err, "invalid")
		// Of who had no account no row is left either: its index would still tell that the address was here.
		g := w.browser()
		g.from.Peer = elsewhere
		g.prove("gast@example.se")
		sessions := w.count(`SELECT count(*) FROM account_session`)
		want(t, "erase a guest", w.do(func(tx *db.Tx) error { _, err := w.a.Erase(tx, auth.System("test"), "gast@example.se"); return err }), "")
		w.dead("a guest who was erased", g.from.Old)
		if n := w.count(`SELECT count(*) FROM account_session`); n != sessions-1 {
			t.Error("the session's row is left")
		}
		for _, p := range ps {
			if n := w.count(`SELECT count(*) FROM secret_person WHERE id=$1 AND erased_at IS NOT NULL`, p); n != 1 {
				t.Error("not erased:", p)
			}
		}
	})
}

func TestSweep(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		a, b, c := w.browser(), w.browser(), w.browser()
		a.account("kim@example.se")
		b.prove("bo@example.se")
		c.ask("eva@example.se")
		if err := w.a.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		a.visitor()
		b.visitor()
		for _, table := range []string{"session", "code"} {
			w.exec(`UPDATE account_` + table + ` SET expires_at=1`)
		}
		w.exec(`UPDATE account_change SET made_at=1`)
		if err := w.a.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"session", "code", "change"} {
			if n := w.count(`SELECT count(*) FROM account_` + table); n != 0 {
				t.Error(table, n)
			}
		}
		// The account's own person lives.
		if n := w.count(`SELECT count(*) FROM secret_person WHERE erased_at IS NULL`); n != 1 {
			t.Error("persons left:", n)
		}
		if w.browser().prove("kim@example.se").Account == 0 {
			t.Error("the account is gone")
		}
	})
}
