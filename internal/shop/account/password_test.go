package account

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/auth/authtest"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

func TestAccountAndPassword(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		b := w.browser()
		v := b.prove("kim@example.se")
		before := b.from.Old
		if err := b.act(func(tx *db.Tx) (secret.Secret, error) {
			_, s, err := w.a.Open(tx, v, "  Anna\u202e Ek\n")
			return s, err
		}); err != nil {
			t.Fatal(err)
		}
		w.dead("the secret from before the raise", before)
		v = b.visitor()
		if v.Account == 0 || v.Name != "Anna Ek" || v.Email != "kim@example.se" {
			t.Fatalf("%+v", v)
		}
		if m := mail(w, JobChanged, w.a.ChangeMail); m.What != Opened || m.To != "kim@example.se" {
			t.Errorf("%+v", m)
		}
		_, err := w.a.SetPassword(ctx, v, secret.Hide(""), secret.Hide(shortPassword))
		if field(err) != "too_short" {
			t.Error("a short password alone:", err)
		}
		_, err = w.a.SetPassword(ctx, v, secret.Hide(""), secret.Hide("liverpoolliverpool"))
		if field(err) != "leaked_password" {
			t.Error(err)
		}
		// Other sessions end with a new password.
		other := w.browser()
		if other.prove("kim@example.se").Account != v.Account {
			t.Fatal("a code does not find the account")
		}
		old := b.from.Old
		if err := b.password(longPassword); err != nil {
			t.Fatal(err)
		}
		w.dead("own old secret", old)
		w.dead("another session", other.from.Old)
		_, err = w.a.SetPassword(ctx, b.visitor(), secret.Hide("inte det gamla"), secret.Hide("ett helt nytt lösen"))
		if field(err) != "wrong_password" {
			t.Error("changed without the old one:", err)
		}
		if err := b.rekeyed(w.a.SetPassword(ctx, b.visitor(), secret.Hide(longPassword), secret.Hide("ett helt nytt lösen"))); err != nil {
			t.Fatal(err)
		}
		if m := mail(w, JobChanged, w.a.ChangeMail); m.What != PasswordChanged {
			t.Errorf("%+v", m)
		}
		c := w.browser()
		if _, err := c.signIn("KIM@example.se", "ett helt nytt lösen"); err != nil {
			t.Fatal(err)
		}
		if c.visitor().Account != v.Account {
			t.Error("another account")
		}
		w.stale()
		_, err = w.a.SetPassword(ctx, b.visitor(), secret.Hide("ett helt nytt lösen"), secret.Hide(longPassword))
		want(t, "without a fresh proof", err, "step_up")
		// By removing it the password is dead.
		w.exec(`UPDATE account_session SET fresh_until=$1`, time.Now().Add(time.Hour).UnixMicro())
		want(t, "remove", b.act(func(tx *db.Tx) (secret.Secret, error) { return w.a.RemovePassword(tx, b.visitor()) }), "")
		_, err = w.browser().signIn("kim@example.se", "ett helt nytt lösen")
		want(t, "a removed password", err, "sign_in_failed")
	})
}

// One answer to every failed password, byte for byte, after the same work.
func TestUniform(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		b := w.browser()
		b.account("kim@example.se")
		if err := b.password(longPassword); err != nil {
			t.Fatal(err)
		}
		none := w.browser()
		none.account("utan@example.se")
		gone := w.browser()
		gone.account("borta@example.se")
		if err := gone.password(longPassword); err != nil {
			t.Fatal(err)
		}
		want(t, "close", w.do(func(tx *db.Tx) error { return w.a.Close(tx, gone.visitor()) }), "")
		w.dead("closed", gone.from.Old)
		var answers []string
		for name, try := range map[string][2]string{"wrong": {"kim@example.se", "fel lösenord här"}, "empty": {"kim@example.se", ""}, "endless": {"kim@example.se", strings.Repeat("x", 1<<20)},
			"unknown": {"nobody@example.se", longPassword}, "no password": {"utan@example.se", longPassword}, "no password, empty": {"utan@example.se", ""}, "closed": {"borta@example.se", longPassword},
			"no address": {"<x>'--", longPassword}, "nothing": {"", ""}, "look-alike": {"k\u0456m@example.se", longPassword}} {
			w.exec(`DELETE FROM auth_try`)
			hashed, rows := w.a.hasher.Compared(), w.count(`SELECT count(*) FROM audit_entry`)
			e, err := w.browser().signIn(try[0], try[1])
			if n := w.a.hasher.Compared() - hashed; n != 1 {
				t.Errorf("%s: %d passwords hashed", name, n)
			}
			if n := w.count(`SELECT count(*) FROM audit_entry`) - rows; n != 1 {
				t.Errorf("%s: %d entries", name, n)
			}
			f := fault.As(err)
			if f == nil || f.Kind != fault.Unauthenticated || e.Browser != "" || !e.Secret.IsZero() {
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
		// A code is mailed to whoever asks.
		letters := w.count(`SELECT count(*) FROM job_job WHERE kind=$1`, JobCode)
		for _, who := range []string{"kim@example.se", "nobody@example.se", "borta@example.se"} {
			if err := w.browser().ask(who); err != nil {
				t.Error(who, err)
			}
		}
		if n := w.count(`SELECT count(*) FROM job_job WHERE kind=$1`, JobCode) - letters; n != 3 {
			t.Error("letters:", n)
		}
	})
}

// The limit of passwords holds however many come at once, from two processes; the right one is refused while
// shut, for known and unknown addresses alike; the owner's own browser, a passkey and a code still get in.
func TestPasswordsUnderParallelism(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		b := w.browser()
		b.account("kim@example.se")
		if err := b.password(longPassword); err != nil {
			t.Fatal(err)
		}
		k := authtest.New(t)
		if err := b.passkey(k); err != nil {
			t.Fatal(err)
		}
		other := w.process(w.a.v)
		for _, who := range []string{"kim@example.se", "nobody@example.se"} {
			var evaluated, shut atomic.Int64
			var wg sync.WaitGroup
			for i := range 40 {
				a := []*Accounts{w.a, other}[i%2]
				wg.Go(func() {
					_, err := a.SignIn(ctx, who, secret.Hide("fel fel fel fel fel"), From{Peer: place})
					switch {
					case fault.Is(err, "sign_in_failed"):
						evaluated.Add(1)
					case fault.Is(err, "too_many"), fault.Is(err, "busy"):
						shut.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if evaluated.Load() != int64(perPlace.Limit) || shut.Load() != 40-int64(perPlace.Limit) {
				t.Errorf("%s: evaluated %d, shut %d", who, evaluated.Load(), shut.Load())
			}
		}
		// From many networks.
		n := 0
		for net := range 40 {
			_, err := w.a.SignIn(ctx, "kim@example.se", secret.Hide("fel fel fel fel fel"), From{Peer: fmt.Sprintf("203.0.%d.0/24", net)})
			if fault.Is(err, "sign_in_failed") {
				n++
			}
		}
		if n != perSecret.Limit-perPlace.Limit {
			t.Error("evaluated from many networks:", n)
		}
		fresh := w.browser()
		fresh.from.Peer = "203.0.200.0/24"
		_, err := fresh.signIn("kim@example.se", longPassword)
		want(t, "the right password while shut", err, "too_many")
		if _, err := b.signIn("kim@example.se", longPassword); err != nil {
			t.Error("the owner's own browser:", err)
		}
		if err := fresh.byPasskey(k); err != nil {
			t.Error("passkey:", err)
		}
		if fresh.prove("kim@example.se").Account == 0 {
			t.Error("code")
		}
		// It ends by itself.
		w.exec(`UPDATE auth_try SET since=since-$1`, int64(perSecret.Window/time.Microsecond))
		stranger := w.browser()
		stranger.from.Peer = elsewhere
		if _, err := stranger.signIn("kim@example.se", longPassword); err != nil {
			t.Error(err)
		}
	})
}
