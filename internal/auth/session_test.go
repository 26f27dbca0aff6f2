package auth

import (
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

func TestSessionsEnd(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		o := w.member("owner@example.se", "owner")
		micro := func(d time.Duration) int64 { return int64(d / time.Microsecond) }
		for name, end := range map[string]func(s Session){
			"sign-out": func(s Session) {
				for range 2 {
					if err := w.a.SignOut(ctx, s.Secret.Reveal(), ""); err != nil {
						t.Error(err)
					}
				}
				if n := w.count(`SELECT count(*) FROM auth_session WHERE id=$1`, s.ID); n != 0 {
					t.Error("the record is still there")
				}
			},
			"idle": func(s Session) { w.exec(`UPDATE auth_session SET seen_at=seen_at-$1`, micro(idleLimit+time.Second)) },
			"absolute": func(s Session) {
				w.exec(`UPDATE auth_session SET expires_at=expires_at-$1`, micro(sessionLimit+time.Second))
			},
			"new sign-in in the same browser": func(s Session) {
				w.exec(`UPDATE auth_staff SET totp_step=0`)
				if _, err := w.a.SignIn(ctx, SignIn{Email: o.email, Password: secret.Hide(goodPassword), Code: code(t, o.totp, 0), Old: s.Secret.Reveal()}); err != nil {
					t.Error(err)
				}
			},
			"ended by himself": func(s Session) {
				if err := w.do(func(tx *db.Tx) error { return w.a.EndSession(tx, w.by(s), s.ID) }); err != nil {
					t.Error(err)
				}
			},
			"swept": func(s Session) {
				w.exec(`UPDATE auth_session SET expires_at=1`)
				if err := w.a.Sweep(ctx); err != nil {
					t.Error(err)
				}
				if n := w.count(`SELECT count(*) FROM auth_session`); n != 0 {
					t.Error(n)
				}
			},
			"new credentials": func(s Session) { w.exec(`DELETE FROM auth_try`); o = w.member(o.email, "owner") },
		} {
			s := w.signIn(o)
			w.by(s)
			end(s)
			w.dead(name, s.Secret.Reveal())
		}
		// An expired session is not revived by being used.
		s := w.signIn(o)
		w.exec(`UPDATE auth_session SET seen_at=seen_at-$1`, micro(idleLimit+time.Second))
		w.dead("idle", s.Secret.Reveal())
		w.dead("idle, again", s.Secret.Reveal())
		// Seen is moved on by use, at most once a minute.
		s = w.signIn(o)
		w.exec(`UPDATE auth_session SET seen_at=seen_at-$1`, micro(idleLimit/2))
		w.by(s)
		w.exec(`UPDATE auth_session SET seen_at=seen_at-$1`, micro(idleLimit/2+time.Minute))
		w.by(s)
		// Nothing is a session.
		for _, x := range []string{"", " ", "x", secret.RandomToken(), s.Secret.Reveal()[1:], s.Secret.Reveal() + "A", o.totp} {
			w.dead("garbage "+x, x)
		}
	})
}

func TestOwnSessionsOnly(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		a, b := w.member("a@example.se", "owner"), w.member("b@example.se", "owner")
		a1, a2, b1 := w.signIn(a), w.signIn(a), w.signIn(b)
		list, err := db.Read(ctx, w.d, func(q *db.Reader) ([]Session, error) { return w.a.Sessions(q, w.by(a1)) })
		if err != nil || len(list) != 2 || list[0].ID != a2.ID || list[0].Secret.Reveal() != "" {
			t.Error(list, err)
		}
		want(t, "another's session", w.do(func(tx *db.Tx) error { return w.a.EndSession(tx, w.by(a1), b1.ID) }), "not_found")
		want(t, "others", w.do(func(tx *db.Tx) error { return w.a.EndOtherSessions(tx, w.by(a1)) }), "")
		w.dead("the other of a", a2.Secret.Reveal())
		w.by(a1)
		w.by(b1)
		for _, by := range []By{{}, Guest(""), System("x.y"), TokenBy(1, "", AllRights), StaffBy(0, "", AllRights)} {
			if _, err := db.Read(ctx, w.d, func(q *db.Reader) ([]Session, error) { return w.a.Sessions(q, by) }); !fault.Is(err, "denied") {
				t.Error(by.Kind, err)
			}
			want(t, "end others", w.do(func(tx *db.Tx) error { return w.a.EndOtherSessions(tx, by) }), "denied")
		}
		w.by(b1)
	})
}

func TestStepUpLimitsAndFreshness(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		o := w.member("owner@example.se", "owner")
		s := w.signIn(o)
		w.exec(`UPDATE auth_session SET fresh_until=1`)
		by := w.by(s)
		want(t, "stale", by.NeedFresh(time.Now()), "step_up")
		want(t, "stale invite", w.do(func(tx *db.Tx) error {
			_, err := w.a.Invite(tx, by, NewStaff{"x@example.se", "X", "reader"})
			return err
		}), "step_up")
		for range tryLimit {
			_, err := w.a.StepUp(ctx, s.Secret.Reveal(), "000000", "")
			want(t, "wrong code", err, "sign_in_failed")
		}
		w.exec(`UPDATE auth_staff SET totp_step=0`)
		_, err := w.a.StepUp(ctx, s.Secret.Reveal(), code(t, o.totp, 0), "")
		want(t, "right code while locked", err, "too_many")
		w.exec(`DELETE FROM auth_try`)
		up, err := w.a.StepUp(ctx, s.Secret.Reveal(), code(t, o.totp, 0), "")
		if err != nil || w.by(up).NeedFresh(time.Now()) != nil {
			t.Fatal(err)
		}
		_, err = w.a.StepUp(ctx, "", code(t, o.totp, 1), "")
		want(t, "without a session", err, "unauthenticated")
		if w.logged("staff.step_up", audit.Refused) != tryLimit+1 || w.logged("staff.step_up", audit.Done) != 1 {
			t.Error("not recorded")
		}
	})
}

func TestChangePassword(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		o := w.member("owner@example.se", "owner")
		s, other := w.signIn(o), w.signIn(o)
		const fresh = "ny lösenfras här"
		_, err := w.a.ChangePassword(ctx, w.by(s), secret.Hide("wrong wrong"), secret.Hide(fresh))
		want(t, "wrong old one", err, "invalid")
		_, err = w.a.ChangePassword(ctx, w.by(s), secret.Hide(goodPassword), secret.Hide("kort"))
		want(t, "short", err, "invalid")
		_, err = w.a.ChangePassword(ctx, TokenBy(o.id, "", AllRights), secret.Hide(goodPassword), secret.Hide(fresh))
		want(t, "by a token", err, "denied")
		_, token, err := w.token(w.by(s), CatalogRead)
		if err != nil {
			t.Fatal(err)
		}
		n, err := w.a.ChangePassword(ctx, w.by(s), secret.Hide(goodPassword), secret.Hide(fresh))
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.a.ResolveToken(ctx, token, "")
		want(t, "a token from before", err, "unauthenticated")
		w.dead("old secret", s.Secret.Reveal())
		w.dead("other session", other.Secret.Reveal())
		by := w.by(n)
		w.exec(`UPDATE auth_staff SET totp_step=0`)
		if _, err := w.try(o, fresh, code(t, o.totp, 0)); err != nil {
			t.Error(err)
		}
		for range tryLimit {
			_, err = w.a.ChangePassword(ctx, by, secret.Hide("wrong wrong"), secret.Hide(goodPassword))
			want(t, "wrong", err, "invalid")
		}
		_, err = w.a.ChangePassword(ctx, by, secret.Hide(fresh), secret.Hide(goodPassword))
		want(t, "locked", err, "too_many")
	})
}
