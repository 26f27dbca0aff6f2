package auth

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

func TestSignIn(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		o := w.member("owner@example.se", "owner")
		ses := w.signIn(o)
		by := w.by(ses)
		if by.Kind != StaffKind || by.ID != o.id || !by.Has(StaffWrite) || by.Session != ses.ID || by.Peer != "192.0.2.0/24" || by.NeedFresh(time.Now()) != nil {
			t.Errorf("%+v", by)
		}
		if strings.Contains(ses.Agent, "\n") {
			t.Errorf("%q", ses.Agent)
		}
		w.exec(`UPDATE auth_staff SET totp_step=0`)
		c := code(t, o.totp, 0)
		unknown := someone{email: "nobody@example.se", totp: o.totp}
		closed := w.member("closed@example.se", "reader")
		if err := w.do(func(tx *db.Tx) error { return w.a.Close(tx, System("test.close"), closed.id) }); err != nil {
			t.Fatal(err)
		}
		// One answer to all of these, byte for byte.
		var answers []string
		for name, f := range map[string]func() (Session, error){
			"wrong password":     func() (Session, error) { return w.try(o, "wrong password!", c) },
			"empty password":     func() (Session, error) { return w.try(o, "", c) },
			"long password":      func() (Session, error) { return w.try(o, strings.Repeat("x", 1<<20), c) },
			"wrong code":         func() (Session, error) { return w.try(o, goodPassword, "000000") },
			"no code":            func() (Session, error) { return w.try(o, goodPassword, "") },
			"unknown":            func() (Session, error) { return w.try(unknown, goodPassword, c) },
			"closed":             func() (Session, error) { return w.try(closed, goodPassword, code(t, closed.totp, 0)) },
			"not an address":     func() (Session, error) { return w.try(someone{email: "<x>'--"}, goodPassword, c) },
			"empty address":      func() (Session, error) { return w.try(someone{}, goodPassword, c) },
			"look-alike address": func() (Session, error) { return w.try(someone{email: "\u043ewner@example.se"}, goodPassword, c) },
		} {
			w.exec(`DELETE FROM auth_try`)
			before := w.a.hasher.Compared()
			s, err := f()
			if n := w.a.hasher.Compared() - before; n != 1 {
				t.Errorf("%s: %d passwords hashed; the others one", name, n)
			}
			f := fault.As(err)
			if f == nil || f.Kind != fault.Unauthenticated || s.ID != 0 || s.Secret.Reveal() != "" {
				t.Errorf("%s: %v", name, err)
				continue
			}
			answers = append(answers, fmt.Sprintf("%+v", *f))
		}
		for _, x := range answers {
			if x != answers[0] {
				t.Errorf("answers differ: %s and %s", x, answers[0])
			}
		}
		if n := w.logged("staff.sign_in", audit.Refused); n != 10 {
			t.Error("refusals recorded:", n)
		}
		if n := w.logged("staff.sign_in", audit.Done); n != 1 {
			t.Error("sign-ins recorded:", n)
		}
		w.exec(`DELETE FROM auth_try`)
		w.signIn(o)
	})
}

func TestCodeWorksOnce(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		o := w.member("owner@example.se", "owner")
		c := code(t, o.totp, 0)
		s, err := w.try(o, goodPassword, c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.try(o, goodPassword, c)
		want(t, "same code, sign-in", err, "sign_in_failed")
		_, err = w.try(o, goodPassword, code(t, o.totp, -1))
		want(t, "an older code of the window", err, "sign_in_failed")
		_, err = w.a.StepUp(ctx, s.Secret.Reveal(), c, "")
		want(t, "same code, step-up", err, "sign_in_failed")
		up, err := w.a.StepUp(ctx, s.Secret.Reveal(), code(t, o.totp, 1), "")
		if err != nil {
			t.Fatal("the next code:", err)
		}
		w.dead("after step-up the old secret", s.Secret.Reveal())
		if w.by(up).Session != s.ID {
			t.Error("another session")
		}
		// One code at once on many devices.
		w.exec(`UPDATE auth_staff SET totp_step=0`)
		w.exec(`DELETE FROM auth_try`)
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := w.try(o, goodPassword, c); err == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() > 1 {
			t.Error("one code opened", won.Load(), "sessions")
		}
	})
}

// The limit holds however many come at once, from two processes; the right
// password is refused while locked, for known and unknown addresses alike.
func TestLockUnderParallelism(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		o := w.member("owner@example.se", "owner")
		other, err := New(w.d, w.a.v, Options{PublicURL: "https://localhost:8443", Hasher: factor.NewHasher(cheap)})
		if err != nil {
			t.Fatal(err)
		}
		for _, who := range []someone{o, {email: "nobody@example.se"}} {
			var evaluated, locked, busy atomic.Int64
			var wg sync.WaitGroup
			for i := range 40 {
				a := []*Auth{w.a, other}[i%2]
				wg.Go(func() {
					_, err := a.SignIn(ctx, SignIn{Email: who.email, Password: secret.Hide("wrong wrong wrong"), Code: "000000"})
					switch {
					case fault.Is(err, "sign_in_failed"):
						evaluated.Add(1)
					case fault.Is(err, "too_many"):
						locked.Add(1)
						if f := fault.As(err); f.RetryAfter <= 0 || f.RetryAfter > tryWindow {
							t.Error(f.RetryAfter)
						}
					case fault.Is(err, "busy"):
						busy.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if evaluated.Load() != tryLimit || locked.Load()+busy.Load() != 40-tryLimit {
				t.Errorf("%s: evaluated %d, locked %d, busy %d", who.email, evaluated.Load(), locked.Load(), busy.Load())
			}
		}
		_, err = w.try(o, goodPassword, code(t, o.totp, 0))
		want(t, "the right password while locked", err, "too_many")
		// The lock ends by itself: tries of the meantime do not prolong it.
		w.exec(`UPDATE auth_try SET since=since-$1`, int64(tryWindow/time.Microsecond))
		w.signIn(o)
		// A success clears the counter.
		for range tryLimit - 1 {
			_, err = w.try(o, "wrong wrong wrong", "")
			want(t, "wrong", err, "sign_in_failed")
		}
		w.signIn(o)
		_, err = w.try(o, "wrong wrong wrong", "")
		want(t, "first wrong one after a success", err, "sign_in_failed")
	})
}

// A locked owner gets in by the mail and his code.
func TestRecovery(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		o := w.member("owner@example.se", "owner")
		old := w.signIn(o)
		_, token, err := w.token(w.by(old), CatalogRead)
		if err != nil {
			t.Fatal(err)
		}
		w.exec(`UPDATE auth_staff SET totp_step=0`)
		for range tryLimit {
			w.try(o, "wrong wrong wrong", "")
		}
		_, err = w.try(o, goodPassword, code(t, o.totp, 0))
		want(t, "locked", err, "too_many")
		want(t, "unknown address", w.a.RequestRecovery(ctx, "nobody@example.se", ""), "")
		want(t, "no address", w.a.RequestRecovery(ctx, "x", ""), "")
		if n := w.count(`SELECT count(*) FROM job_job WHERE kind=$1`, JobMailInvite); n != 0 {
			t.Error("mail to nobody", n)
		}
		var tokens []string
		for range 3 {
			want(t, "request", w.a.RequestRecovery(ctx, "OWNER@example.se", ""), "")
			m := w.mail()
			if m.Kind != "recover" || m.To.Email != "owner@example.se" {
				t.Errorf("%+v", m)
			}
			tokens = append(tokens, m.Token.Reveal())
		}
		accept := func(token, password, code string) (Session, error) {
			return w.a.AcceptInvite(ctx, Accept{Token: token, Password: secret.Hide(password), Code: code})
		}
		const fresh = "ny lösenfras här"
		c := code(t, o.totp, 0)
		for _, old := range tokens[:2] {
			_, err = accept(old, fresh, c)
			want(t, "an older link", err, "not_found")
		}
		_, err = accept(tokens[2], fresh, "000000")
		want(t, "the link without the code", err, "invalid")
		s, err := accept(tokens[2], fresh, c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.a.ResolveToken(ctx, token, "")
		want(t, "a token from before", err, "unauthenticated")
		w.by(s)
		w.dead("old session", old.Secret.Reveal())
		_, err = accept(tokens[2], fresh, code(t, o.totp, 1))
		want(t, "the link again", err, "not_found")
		_, err = w.try(o, goodPassword, code(t, o.totp, 1))
		want(t, "the old password", err, "sign_in_failed")
		if _, err = w.try(o, fresh, code(t, o.totp, 1)); err != nil {
			t.Error("the new password, the lock lifted:", err)
		}
		if n := w.count(`SELECT count(*) FROM job_job j JOIN auth_change c ON c.id=j.ref_id WHERE j.kind=$1 AND c.staff_id=$2 AND c.what='recovered'`, JobMailChanged, o.id); n != 1 {
			t.Error("notices of the change:", n)
		}
		for range tryLimit - 3 {
			want(t, "request", w.a.RequestRecovery(ctx, o.email, ""), "")
		}
		want(t, "too many requests", w.a.RequestRecovery(ctx, o.email, ""), "too_many")
	})
}

// mail reads the invitation of the newest mail job.
func (w *world) mail() InviteMail {
	w.t.Helper()
	m, err := db.Read(ctx, w.d, func(q *db.Reader) (InviteMail, error) {
		var id db.ID
		if err := q.QueryRow(`SELECT ref_id FROM job_job WHERE kind=$1 ORDER BY id DESC LIMIT 1`, JobMailInvite).Scan(&id); err != nil {
			return InviteMail{}, err
		}
		m, ok, err := w.a.InviteMail(q, id)
		if err == nil && !ok {
			err = errors.New("no mail is due")
		}
		return m, err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}
