package account

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/auth/authtest"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

func TestPasskeys(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		b := w.browser()
		v := b.account("kim@example.se")
		k := authtest.New(t)
		k.Count = 1
		w.stale()
		want(t, "without a fresh proof", b.passkey(k), "step_up")
		w.exec(`UPDATE account_session SET fresh_until=$1`, time.Now().Add(time.Hour).UnixMicro())
		if err := b.passkey(k); err != nil {
			t.Fatal(err)
		}
		want(t, "the same again", b.passkey(k), "passkey_known")
		c := w.browser()
		if err := c.byPasskey(k); err != nil || c.visitor().Account != v.Account || c.visitor().Method != "passkey" {
			t.Fatal(err)
		}
		// What an honest authenticator would not do.
		for name, spoil := range map[string]func(x *authtest.Authenticator){
			"another origin":    func(x *authtest.Authenticator) { x.Origin = "https://evil.example" },
			"another host":      func(x *authtest.Authenticator) { x.RPID = "evil.example" },
			"no verification":   func(x *authtest.Authenticator) { x.Flags = 1 },
			"a counter back":    func(x *authtest.Authenticator) { x.Count = 1 },
			"staff's handle":    func(x *authtest.Authenticator) { x.Handle = x.Handle[len(handleWord):] },
			"another's handle":  func(x *authtest.Authenticator) { x.Handle = w.a.keys.Handle(v.Account + 1) },
			"without a handle":  func(x *authtest.Authenticator) { x.Handle = nil },
			"an unknown key id": func(x *authtest.Authenticator) { x.ID = make([]byte, 32) },
		} {
			x := *k
			spoil(&x)
			want(t, name, w.browser().byPasskey(&x), "sign_in_failed")
		}
		// An answer once, and a challenge of its own kind only.
		ce, err := w.a.BeginPasskeySignIn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		answer := k.Get(ce.Options)
		var in atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := w.a.FinishPasskeySignIn(ctx, ce.Token, answer, From{}); err == nil {
					in.Add(1)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 {
			t.Error("one answer let in", in.Load())
		}
		reg, err := w.a.BeginPasskey(ctx, b.visitor())
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.a.FinishPasskeySignIn(ctx, reg.Token, k.Get(reg.Options), From{})
		want(t, "a registration's challenge", err, "sign_in_failed")
		d := w.browser()
		d.account("bo@example.se")
		_, err = w.a.FinishPasskey(ctx, d.visitor(), reg.Token, authtest.New(t).Create(reg.Options), "")
		want(t, "another's registration", err, "passkey_failed")
		// Only one's own can be removed.
		keys := read(w, func(q db.Q) (Ways, error) { return w.a.Ways(q, b.visitor()) }).Passkeys
		if len(keys) != 1 || keys[0].Name != "telefonen" || keys[0].Used.IsZero() {
			t.Fatalf("%+v", keys)
		}
		want(t, "another's passkey", d.act(func(tx *db.Tx) (secret.Secret, error) { return w.a.RemovePasskey(tx, d.visitor(), keys[0].ID) }), "not_found")
		want(t, "own", b.act(func(tx *db.Tx) (secret.Secret, error) { return w.a.RemovePasskey(tx, b.visitor(), keys[0].ID) }), "")
		w.dead("another session, when a passkey went", c.from.Old)
		want(t, "a removed passkey", w.browser().byPasskey(k), "sign_in_failed")
	})
}
