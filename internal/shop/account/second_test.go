package account

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"kassavalv/internal/auth/authtest"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

func TestApp(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		b := w.browser()
		v := b.account("kim@example.se")
		other := w.browser()
		other.prove("kim@example.se")
		key, codes := b.app()
		w.dead("another session, when the app was added", other.from.Old)
		if len(codes) != factor.RecoveryCodes {
			t.Fatal(len(codes))
		}
		if err := b.password(shortPassword); err != nil {
			t.Fatal("eight characters beside the app:", err)
		}
		want(t, "the app away from beside a short password", b.act(func(tx *db.Tx) (secret.Secret, error) { return w.a.RemoveApp(tx, b.visitor()) }), "password_short")
		// Neither a mailed code nor the password is enough.
		c := w.browser()
		for name, first := range map[string]func() (Entered, error){
			"code":     func() (Entered, error) { c.ask("kim@example.se"); return c.keep(w.a.TryCode(ctx, c.code(), c.from)) },
			"password": func() (Entered, error) { return c.signIn("kim@example.se", shortPassword) },
		} {
			w.exec(`DELETE FROM auth_try`)
			w.exec(`UPDATE account_account SET totp_step=0`)
			c.from.Old = ""
			e, err := first()
			if err != nil || !e.Second || !e.Secret.IsZero() {
				t.Fatal(name, e, err)
			}
			_, err = w.a.Second(ctx, "000000", c.from)
			want(t, name+": a wrong code", err, "invalid")
			_, err = w.a.Second(ctx, totpCode(t, key, 0), From{Peer: place})
			want(t, name+": without the browser", err, "invalid")
			code := totpCode(t, key, 0)
			if _, err := c.keep(w.a.Second(ctx, code, c.from)); err != nil || c.visitor().Account != v.Account || c.visitor().Method != name {
				t.Fatal(name, err)
			}
			// Replay, in the same window and of an older one.
			if _, err := first(); err != nil {
				t.Fatal(err)
			}
			for _, again := range []string{code, totpCode(t, key, -1)} {
				_, err = w.a.Second(ctx, again, c.from)
				want(t, name+": a code again", err, "invalid")
			}
		}
		// A passkey is both.
		w.exec(`DELETE FROM auth_try`)
		k := authtest.New(t)
		w.exec(`UPDATE account_account SET totp_step=0`)
		d := w.browser()
		d.signIn("kim@example.se", shortPassword)
		if _, err := d.keep(w.a.Second(ctx, totpCode(t, key, 0), d.from)); err != nil {
			t.Fatal(err)
		}
		if err := d.passkey(k); err != nil {
			t.Fatal(err)
		}
		e := w.browser()
		if err := e.byPasskey(k); err != nil || e.visitor().Account != v.Account {
			t.Error(err)
		}
		// Recovery codes work once each, many at once too.
		for i, code := range codes[:2] {
			w.exec(`DELETE FROM auth_try`)
			var in atomic.Int64
			var wg sync.WaitGroup
			for range 4 {
				f := w.browser()
				if _, err := f.signIn("kim@example.se", shortPassword); err != nil {
					t.Fatal(err)
				}
				wg.Go(func() {
					if _, err := w.a.Second(ctx, strings.ToLower(code.Reveal()), f.from); err == nil {
						in.Add(1)
					} else if !fault.Is(err, "invalid") {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if in.Load() != 1 {
				t.Fatalf("recovery code %d worked %d times", i, in.Load())
			}
		}
		if m := mail(w, JobChanged, w.a.ChangeMail); m.What != RecoveryUsed {
			t.Error(m.What)
		}
		ways := read(w, func(q db.Q) (Ways, error) { return w.a.Ways(q, e.visitor()) })
		if !ways.App || !ways.Password || ways.Recovery != factor.RecoveryCodes-2 || len(ways.Passkeys) != 1 {
			t.Errorf("%+v", ways)
		}
		// Ten wrong ones of an account, however many browsers ask.
		w.exec(`DELETE FROM auth_try`)
		tried, shut := 0, 0
		for range 4 {
			f := w.browser()
			f.signIn("kim@example.se", shortPassword)
			for range codeTries {
				if _, err := w.a.Second(ctx, "000000", f.from); fault.Is(err, "too_many") {
					shut++
				} else {
					tried++
				}
			}
		}
		if tried != perFactor.Limit || shut != 10 {
			t.Error(tried, shut)
		}
		// New recovery codes kill the old.
		fresh, s, err := w.a.NewRecovery(ctx, e.visitor())
		if e.rekeyed(s, err) != nil || len(fresh) != factor.RecoveryCodes {
			t.Fatal(err)
		}
		w.exec(`DELETE FROM auth_try`)
		f := w.browser()
		f.signIn("kim@example.se", shortPassword)
		_, err = w.a.Second(ctx, codes[5].Reveal(), f.from)
		want(t, "an old recovery code", err, "invalid")
		if _, err = w.a.Second(ctx, fresh[5].Reveal(), f.from); err != nil {
			t.Error(err)
		}
		want(t, "remove the password", e.act(func(tx *db.Tx) (secret.Secret, error) { return w.a.RemovePassword(tx, e.visitor()) }), "")
		want(t, "then the app", e.act(func(tx *db.Tx) (secret.Secret, error) { return w.a.RemoveApp(tx, e.visitor()) }), "")
		if w.browser().prove("kim@example.se").Account == 0 {
			t.Error("a code alone, without the app")
		}
	})
}
