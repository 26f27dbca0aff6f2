package auth

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth/authtest"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

func (w *world) addPasskey(by By, k *authtest.Authenticator) (db.ID, error) {
	w.t.Helper()
	c, err := w.a.BeginPasskey(ctx, by)
	if err != nil {
		return 0, err
	}
	return w.a.FinishPasskey(ctx, by, c.Token, k.Create(c.Options), "phone")
}

func (w *world) passkeySignIn(k *authtest.Authenticator) (Session, error) {
	w.t.Helper()
	c, err := w.a.BeginPasskeySignIn(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: c.Token, Answer: k.Get(c.Options)})
}

func TestPasskey(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		o := w.member("owner@example.se", "owner")
		by := w.by(w.signIn(o))
		k := authtest.New(t)
		k.Count = 1
		stale := by
		stale.FreshUntil = time.Time{}
		_, err := w.addPasskey(stale, k)
		want(t, "without fresh proof", err, "step_up")
		if _, err := w.addPasskey(by, k); err != nil {
			t.Fatal(err)
		}
		_, err = w.addPasskey(by, k)
		want(t, "the same again", err, "passkey_known")
		s, err := w.passkeySignIn(k)
		if err != nil || s.Method != "passkey" || w.by(s).ID != o.id {
			t.Fatal(err)
		}
		// A stranger's lock does not keep the passkey out.
		for range tryLimit + 1 {
			w.try(o, "wrong wrong wrong", "")
		}
		if s, err = w.passkeySignIn(k); err != nil {
			t.Error("while the password is locked:", err)
		}
		// Step-up by passkey: a new secret.
		c, err := w.a.BeginPasskeyStepUp(ctx, w.by(s))
		if err != nil {
			t.Fatal(err)
		}
		up, err := w.a.FinishPasskeyStepUp(ctx, w.by(s), PasskeyAnswer{Token: c.Token, Answer: k.Get(c.Options)})
		if err != nil || up.ID != s.ID {
			t.Fatal(err)
		}
		w.dead("after step-up", s.Secret.Reveal())
		w.by(up)
		list, err := db.Read(ctx, w.d, func(q *db.Reader) ([]factor.Passkey, error) { return w.a.Passkeys(q, by) })
		if err != nil || len(list) != 1 || list[0].Name != "phone" || list[0].Used.IsZero() {
			t.Fatal(list, err)
		}
		other := w.by(w.signIn(w.member("b@example.se", "owner")))
		want(t, "another's passkey", w.do(func(tx *db.Tx) error { return w.a.RemovePasskey(tx, other, list[0].ID) }), "not_found")
		want(t, "remove", w.do(func(tx *db.Tx) error { return w.a.RemovePasskey(tx, by, list[0].ID) }), "")
		w.dead("a session of the removed passkey", up.Secret.Reveal())
		_, err = w.passkeySignIn(k)
		want(t, "removed", err, "sign_in_failed")
	})
}

func TestPasskeyRefusals(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		o := w.member("owner@example.se", "owner")
		by := w.by(w.signIn(o))
		k := authtest.New(t)
		k.Count = 5
		if _, err := w.addPasskey(by, k); err != nil {
			t.Fatal(err)
		}
		for name, spoil := range map[string]func(a *authtest.Authenticator){
			"another origin":       func(a *authtest.Authenticator) { a.Origin = "https://evil.example" },
			"another relying part": func(a *authtest.Authenticator) { a.RPID = "evil.example" },
			"another key":          func(a *authtest.Authenticator) { a.Rekey() },
			"unknown credential":   func(a *authtest.Authenticator) { a.ID = authtest.New(t).ID },
			"another's handle":     func(a *authtest.Authenticator) { a.Handle = w.a.keys.Handle(o.id + 1) },
			"no handle":            func(a *authtest.Authenticator) { a.Handle = nil },
			"a customer's handle":  func(a *authtest.Authenticator) { a.Handle = append([]byte("customer"), a.Handle...) },
			"short handle":         func(a *authtest.Authenticator) { a.Handle = []byte{1} },
			"not verified":         func(a *authtest.Authenticator) { a.Flags = 1 },
			"not present":          func(a *authtest.Authenticator) { a.Flags = 4 },
			"cloned":               func(a *authtest.Authenticator) { a.Count = 1 },
		} {
			bad := *k
			spoil(&bad)
			before := w.logged("staff.sign_in", audit.Refused)
			_, err := w.passkeySignIn(&bad)
			want(t, name, err, "sign_in_failed")
			if w.logged("staff.sign_in", audit.Refused) != before+1 {
				t.Error(name, "is not recorded")
			}
			if _, err := w.passkeySignIn(k); err != nil {
				t.Error(name, "control:", err)
			}
		}
		// One answer works once, also at the same moment; the challenge is gone after a failure too.
		c, err := w.a.BeginPasskeySignIn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		answer := k.Get(c.Options)
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: c.Token, Answer: answer}); err == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Error("one answer opened", won.Load())
		}
		c, _ = w.a.BeginPasskeySignIn(ctx)
		w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: c.Token, Answer: []byte("{}")})
		_, err = w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: c.Token, Answer: k.Get(c.Options)})
		want(t, "challenge after a failure", err, "sign_in_failed")
		// A challenge of another ceremony or expired.
		c, _ = w.a.BeginPasskeyStepUp(ctx, by)
		_, err = w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: c.Token, Answer: k.Get(c.Options)})
		want(t, "a step-up's challenge", err, "sign_in_failed")
		c, _ = w.a.BeginPasskey(ctx, by)
		_, err = w.a.FinishPasskeyStepUp(ctx, by, PasskeyAnswer{Token: c.Token, Answer: k.Get(c.Options)})
		want(t, "a registration's challenge", err, "sign_in_failed")
		c, _ = w.a.BeginPasskeySignIn(ctx)
		w.exec(`UPDATE auth_challenge SET expires_at=1`)
		_, err = w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: c.Token, Answer: k.Get(c.Options)})
		want(t, "expired", err, "sign_in_failed")
		for _, tok := range []string{"", "x"} {
			_, err = w.a.FinishPasskeySignIn(ctx, PasskeyAnswer{Token: tok, Answer: k.Get(c.Options)})
			want(t, "no challenge", err, "sign_in_failed")
		}
		// Registration for another member, or answered from another origin.
		other := w.by(w.signIn(w.member("b@example.se", "owner")))
		c, _ = w.a.BeginPasskey(ctx, by)
		_, err = w.a.FinishPasskey(ctx, other, c.Token, authtest.New(t).Create(c.Options), "")
		want(t, "another's registration", err, "sign_in_failed")
		evil := authtest.New(t)
		evil.Origin = "https://evil.example"
		_, err = w.addPasskey(by, evil)
		want(t, "registration from another origin", err, "passkey_failed")
		lax := authtest.New(t)
		lax.Flags = 1
		_, err = w.addPasskey(by, lax)
		want(t, "registration without verification", err, "passkey_failed")
		// A closed member's passkey.
		want(t, "close", w.do(func(tx *db.Tx) error { return w.a.Close(tx, System("x.y"), o.id) }), "")
		_, err = w.passkeySignIn(k)
		want(t, "closed", err, "sign_in_failed")
		if f := fault.As(err); f == nil || f.Cause != nil || f.Fields != nil {
			t.Error("the answer tells more:", err)
		}
	})
}
