package account

import (
	"bytes"
	"testing"

	"kassavalv/internal/auth"
	"kassavalv/internal/auth/authtest"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// Staff and customers are bound to one host, so a browser offers the passkeys of both at both doors. One side's opens
// nothing at the other, whatever its authenticator says about whose it is.
func TestPasskeysOfOneSide(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		staff, err := auth.New(w.d, w.a.v, auth.Options{PublicURL: "https://localhost:8443", Issuer: "Butiken", Hasher: w.a.hasher})
		if err != nil {
			t.Fatal(err)
		}
		key, err := staff.NewTOTP()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := staff.SetCredentials(ctx, auth.System("test.seed"), auth.Credentials{NewStaff: auth.NewStaff{Email: "kim@example.se", Name: "Kim", Role: "owner"}, Password: secret.Hide(longPassword), TOTP: key}); err != nil {
			t.Fatal(err)
		}
		in, err := staff.SignIn(ctx, auth.SignIn{Email: "kim@example.se", Password: secret.Hide(longPassword), Code: totpCode(t, key.Reveal(), 0), Peer: place})
		if err != nil {
			t.Fatal(err)
		}
		by, _, err := staff.Resolve(ctx, in.Secret.Reveal(), place)
		if err != nil {
			t.Fatal(err)
		}
		work, own := authtest.New(t), authtest.New(t)
		c, err := staff.BeginPasskey(ctx, by)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := staff.FinishPasskey(ctx, by, c.Token, work.Create(c.Options), "arbetet"); err != nil {
			t.Fatal(err)
		}
		b := w.browser()
		v := b.account("kim@example.se") // the same address is no way over either
		if err := b.passkey(own); err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(w.a.keys.Handle(by.ID), work.Handle) || !bytes.HasPrefix(own.Handle, []byte(handleWord)) {
			t.Errorf("handles alike: %x %x", work.Handle, own.Handle)
		}
		asStaff := func(k *authtest.Authenticator) (auth.Session, error) {
			c, err := staff.BeginPasskeySignIn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return staff.FinishPasskeySignIn(ctx, auth.PasskeyAnswer{Token: c.Token, Answer: k.Get(c.Options)})
		}
		handles := [][]byte{work.Handle, own.Handle, own.Handle[len(handleWord):], append([]byte(handleWord), work.Handle...)}
		for i, h := range handles {
			x, y := *own, *work
			x.Handle, y.Handle = h, h
			_, err := asStaff(&x)
			want(t, "a customer's passkey at staff's door", err, "sign_in_failed")
			want(t, "staff's passkey at the customers' door", w.browser().byPasskey(&y), "sign_in_failed")
			if t.Failed() {
				t.Fatal("handle", i)
			}
		}
		// A question that one side asked is no question of the other's.
		c, err = staff.BeginPasskeySignIn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.a.FinishPasskeySignIn(ctx, c.Token, own.Get(c.Options), b.from)
		want(t, "staff's question answered by a customer", err, "sign_in_failed")
		if c, err = w.a.BeginPasskeySignIn(ctx); err != nil {
			t.Fatal(err)
		}
		_, err = staff.FinishPasskeySignIn(ctx, auth.PasskeyAnswer{Token: c.Token, Answer: work.Get(c.Options)})
		want(t, "a customer's question answered by staff", err, "sign_in_failed")
		// Each opens its own.
		if s, err := asStaff(work); err != nil || s.Method != "passkey" {
			t.Error("staff:", err)
		}
		d := w.browser()
		if err := d.byPasskey(own); err != nil || d.visitor().Account != v.Account {
			t.Error("customer:", err)
		}
	})
}

// Two answers with one count, both verified before either was used: a copy of the authenticator is at work, and the second
// opens nothing.
func TestTwoAnswersOfOneCount(t *testing.T) {
	each(t, func(w *world) {
		k := authtest.New(w.t)
		k.Count = 1
		b := w.browser()
		b.account("kim@example.se")
		if err := b.passkey(k); err != nil {
			w.t.Fatal(err)
		}
		one, two := *k, *k
		var shown []factor.Shown
		for _, x := range []*authtest.Authenticator{&one, &two} {
			c, err := w.a.keys.BeginSignIn(ctx)
			if err != nil {
				w.t.Fatal(err)
			}
			s, err := w.a.keys.FinishSignIn(ctx, c.Token, x.Get(c.Options))
			if err != nil || s.Refused != "" {
				w.t.Fatal(err, s.Refused)
			}
			shown = append(shown, s)
		}
		for i, s := range shown {
			ok, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (bool, error) { return w.a.keys.Use(tx, s) })
			if err != nil || ok != (i == 0) {
				w.t.Errorf("answer %d: %v %v", i+1, ok, err)
			}
		}
	})
}
