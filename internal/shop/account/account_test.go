package account

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/auth/authtest"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

func TestProvenAddress(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		b := w.browser()
		v := b.prove("Kim@Example.SE")
		if v.Account != 0 || v.Email != "kim@example.se" || v.Method != "code" || !v.IsFresh(time.Now()) {
			t.Fatalf("%+v", v)
		}
		if by := v.By(); by.Kind != auth.CustomerKind || by.ID != 0 || by.Peer != place || len(by.Rights()) != 0 {
			t.Errorf("%+v", by)
		}
		_, err := w.a.TryCode(ctx, b.code2(), b.from)
		want(t, "the code again", err, "invalid")
		// Another address, and nobody at all.
		for _, bad := range []string{"", " ", "kim", "kim@", "<x>'--@y", "kim@exämple..se"} {
			if err := w.browser().ask(bad); !fault.Is(err, "invalid") {
				t.Errorf("%q: %v", bad, err)
			}
		}
		for _, x := range []string{"", "x", secret.RandomToken(), b.from.Old[1:], b.from.Old + "A", b.from.Browser[:43]} {
			w.dead("garbage "+x, x)
		}
		// Signing out deletes the row and the person.
		if err := w.a.SignOut(ctx, b.from.Old, place); err != nil {
			t.Fatal(err)
		}
		w.dead("signed out", b.from.Old)
		if n := w.count(`SELECT count(*) FROM secret_person WHERE erased_at IS NULL`); n != 0 {
			t.Error("persons left:", n)
		}
	})
}

// code2 is the newest code even when its letter is not due any more.
func (b *browserAt) code2() string {
	return read(b.w, func(q db.Q) (string, error) {
		var id db.ID
		err := q.QueryRow(`SELECT ref_id FROM job_job WHERE kind=$1 ORDER BY id DESC LIMIT 1`, JobCode).Scan(&id)
		return b.w.a.digits(codeKind, id), err
	})
}

func TestCodeBelongsToItsBrowser(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		mine, theirs := w.browser(), w.browser()
		if err := mine.ask("kim@example.se"); err != nil {
			t.Fatal(err)
		}
		right := mine.code()
		if err := theirs.ask("kim@example.se"); err != nil {
			t.Fatal(err)
		}
		// A stranger's tries, with the right code of the other browser too.
		for range codeTries {
			_, err := w.a.TryCode(ctx, right, theirs.from)
			want(t, "a code of another browser", err, "invalid")
		}
		_, err := w.a.TryCode(ctx, right, From{Peer: place})
		want(t, "without a browser", err, "invalid")
		_, err = w.a.TryCode(ctx, theirs.code(), theirs.from)
		want(t, "the right code after too many", err, "invalid")
		if _, err := mine.keep(w.a.TryCode(ctx, right[:4]+" "+right[4:], mine.from)); err != nil {
			t.Fatal("the owner was locked out:", err)
		}
		// Newest only, in one browser.
		b := w.browser()
		b.from.Peer = elsewhere
		var cookies []string
		var codes []string
		for range 3 {
			if err := b.ask("kim@example.se"); err != nil {
				t.Fatal(err)
			}
			cookies, codes = append(cookies, b.from.Browser), append(codes, b.code())
		}
		for i := range 2 {
			_, err := w.a.TryCode(ctx, codes[i], b.from)
			want(t, "an older code", err, "invalid")
			_, err = w.a.TryCode(ctx, codes[i], From{Browser: cookies[i]})
			want(t, "an older code with its cookie", err, "invalid")
		}
		// Too old.
		w.exec(`UPDATE account_code SET expires_at=1`)
		_, err = w.a.TryCode(ctx, codes[2], b.from)
		want(t, "expired", err, "invalid")
		if p := read(w, func(q db.Q) (Pending, error) { return w.a.Pending(q, b.from.Browser) }); p.Step != "" {
			t.Error(p)
		}
		// A cookie that was made up or changed is no browser.
		for _, c := range []string{"", "x", b.from.Browser[:len(b.from.Browser)-1] + "A", strings.ToUpper(b.from.Browser)} {
			if p := read(w, func(q db.Q) (Pending, error) { return w.a.Pending(q, c) }); p.Step != "" {
				t.Error(c)
			}
		}
	})
}

// One code, many at once from two processes: one gets in. And however many wrong ones come at once, five are
// looked at.
func TestCodeUnderParallelism(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		ps := []*Accounts{w.a, w.process(w.a.v)}
		for range 5 {
			w.exec(`DELETE FROM auth_try`)
			b := w.browser()
			if err := b.ask("kim@example.se"); err != nil {
				t.Fatal(err)
			}
			code := b.code()
			var in atomic.Int64
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					switch e, err := ps[i%2].TryCode(ctx, code, b.from); {
					case err == nil && !e.Secret.IsZero():
						in.Add(1)
					case !fault.Is(err, "invalid"):
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if in.Load() != 1 {
				t.Fatal("one code let in", in.Load())
			}
		}
		b := w.browser()
		if err := b.ask("kim@example.se"); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() { ps[i%2].TryCode(ctx, "00000000", b.from) })
		}
		wg.Wait()
		if n := w.count(`SELECT tries FROM account_code ORDER BY id DESC LIMIT 1`); n != codeTries {
			t.Error("tries counted:", n)
		}
		_, err := w.a.TryCode(ctx, b.code(), b.from)
		want(t, "the right one after that", err, "invalid")
	})
}

// Codes are counted per address and network, and a browser that has signed in is not kept out by strangers.
func TestCodesAreBounded(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		known := w.browser()
		known.prove("kim@example.se")
		for _, who := range []string{"kim@example.se", "nobody@example.se"} {
			sent, n := 0, 0
			for net := range 30 {
				b := w.browser()
				b.from.Peer = fmt.Sprintf("203.0.%d.0/24", net)
				for range 3 {
					n++
					switch err := b.ask(who); {
					case err == nil:
						sent++
					case fault.Is(err, "too_many"):
						if f := fault.As(err); f.RetryAfter <= 0 || f.RetryAfter > time.Hour {
							t.Error(f.RetryAfter)
						}
					default:
						t.Fatal(err)
					}
				}
			}
			// Kim's first code was counted too.
			if wantSent := perAddress.Limit; sent < wantSent-1 || sent > wantSent {
				t.Errorf("%s: %d of %d codes sent", who, sent, n)
			}
		}
		if err := known.ask("kim@example.se"); err != nil {
			t.Error("a stranger locked the owner out:", err)
		}
		if _, err := known.keep(w.a.TryCode(ctx, known.code(), known.from)); err != nil {
			t.Error(err)
		}
		// One network alone.
		w.exec(`DELETE FROM auth_try`)
		b := w.browser()
		for range perPlace.Limit {
			if err := b.ask("bo@example.se"); err != nil {
				t.Fatal(err)
			}
		}
		want(t, "from the same network", b.ask("bo@example.se"), "too_many")
		b.from.Peer = elsewhere
		want(t, "from another", b.ask("bo@example.se"), "")
	})
}

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

// What is recorded tells who did what by ids, and nothing about the person.
func TestRecorded(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		b := w.browser()
		v := b.account("markor.anna@example.se")
		if err := b.password(longPassword); err != nil {
			t.Fatal(err)
		}
		w.browser().signIn("markor.anna@example.se", "fel fel fel fel fel")
		es := read(w, func(q db.Q) ([]audit.Entry, error) { return audit.List(q, audit.Filter{}, 0, 200) })
		seen := map[string]bool{}
		for _, e := range es {
			seen[e.ActorKind+" "+e.Action+" "+string(e.Outcome)] = true
			if s := fmt.Sprintf("%+v", e); strings.Contains(strings.ToLower(s), "markor") || strings.Contains(s, "Anna") || strings.Contains(s, longPassword) {
				t.Error("personal:", s)
			}
		}
		for _, k := range []string{"customer account.sign_in done", "customer account.open done", "customer account.password done", "guest account.sign_in refused", "guest account.code done"} {
			if !seen[k] {
				t.Errorf("%q is not recorded: %v", k, seen)
			}
		}
		as := read(w, func(q db.Q) ([]Attempt, error) { return w.a.Attempts(q, v, 10) })
		if len(as) != 1 || as[0].OK || as[0].How != "password" || as[0].Peer != place {
			t.Errorf("%+v", as)
		}
	})
}

// Two sessions of one address that both make an account: one account.
func TestOneAccountOfAnAddress(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		var wg sync.WaitGroup
		var made atomic.Int64
		var bs []*browserAt
		for range 4 {
			b := w.browser()
			b.prove("kim@example.se")
			bs = append(bs, b)
		}
		for _, b := range bs {
			v := b.visitor()
			wg.Go(func() {
				err := w.do(func(tx *db.Tx) error { _, _, err := w.a.Open(tx, v, ""); return err })
				switch {
				case err == nil:
					made.Add(1)
				case !fault.Is(err, "account_there"):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := w.count(`SELECT count(*) FROM account_account`); n != 1 || made.Load() != 1 {
			t.Error(n, made.Load())
		}
	})
}

// Whatever is typed, only the eight digits in their order are the code.
func TestSameCode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.StringMatching(`[0-9]{8}`).Draw(t, "code")
		other := rapid.StringMatching(`[0-9]{8}`).Draw(t, "other")
		if !sameCode(code, code[:4]+" "+code[4:]) || !sameCode(code, " "+code+"\n") {
			t.Fatal("the code itself is not taken")
		}
		if sameCode(code, other) != (code == other) {
			t.Fatal(code, other)
		}
		junk := rapid.String().Draw(t, "junk")
		if strings.Join(strings.FieldsFunc(junk, func(r rune) bool { return r < '0' || r > '9' }), "") != code && sameCode(code, junk) {
			t.Fatalf("%q is taken for %s", junk, code)
		}
	})
}
