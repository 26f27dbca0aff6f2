package account

import (
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
)

func TestSessions(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		micro := func(d time.Duration) int64 { return int64(d / time.Microsecond) }
		a, b := w.browser(), w.browser()
		va := a.account("kim@example.se")
		b.account("bo@example.se")
		second := w.browser()
		second.from.Agent, second.from.Peer = "Safari iPhone", elsewhere
		second.prove("kim@example.se")
		list := read(w, func(q db.Q) ([]Session, error) { return w.a.Sessions(q, va) })
		if len(list) != 2 || list[0].Agent != "Safari iPhone" || list[0].Peer != elsewhere || list[0].Present || !list[1].Present || strings.Contains(list[1].Agent, "\n") {
			t.Fatalf("%+v", list)
		}
		bs := read(w, func(q db.Q) ([]Session, error) { return w.a.Sessions(q, b.visitor()) })
		want(t, "another's session", w.do(func(tx *db.Tx) error { return w.a.EndSession(tx, va, bs[0].ID) }), "not_found")
		want(t, "own", w.do(func(tx *db.Tx) error { return w.a.EndSession(tx, va, list[0].ID) }), "")
		w.dead("ended", second.from.Old)
		second.from.Old = ""
		second.prove("kim@example.se")
		want(t, "others", w.do(func(tx *db.Tx) error { return w.a.EndOtherSessions(tx, va) }), "")
		w.dead("others", second.from.Old)
		a.visitor()
		b.visitor()
		for _, v := range []Visitor{{}, {Account: va.Account}} {
			want(t, "nobody", w.do(func(tx *db.Tx) error { return w.a.EndOtherSessions(tx, v) }), "unauthenticated")
			want(t, "nobody closes", w.do(func(tx *db.Tx) error { return w.a.Close(tx, v) }), "unauthenticated")
		}
		// Limits; use moves "seen" on but revives nothing.
		w.exec(`UPDATE account_session SET seen_at=seen_at-$1`, micro(IdleLimit/2))
		a.visitor()
		w.exec(`UPDATE account_session SET seen_at=seen_at-$1`, micro(IdleLimit/2+time.Hour))
		a.visitor()
		w.dead("idle", b.from.Old)
		w.dead("idle, again", b.from.Old)
		w.exec(`UPDATE account_session SET expires_at=expires_at-$1`, micro(SessionLimit+time.Second))
		w.dead("absolute", a.from.Old)
		// A sign-in in the same browser ends the session that was there; at most twenty live.
		c := w.browser()
		c.prove("kim@example.se")
		was := c.from.Old
		c.prove("kim@example.se")
		w.dead("replaced", was)
		if err := c.password(longPassword); err != nil {
			t.Fatal(err)
		}
		var first string
		for i := range maxSessions {
			w.exec(`DELETE FROM auth_try`)
			x := w.browser()
			if _, err := x.signIn("kim@example.se", longPassword); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = x.from.Old
			}
		}
		w.dead("the oldest of more than twenty", c.from.Old)
		if _, err := w.a.Resolve(ctx, first, ""); err != nil {
			t.Error(err)
		}
	})
}
