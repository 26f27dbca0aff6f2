package account

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/auth/authtest"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
)

var (
	ctx = context.Background()
	ms  = []db.Migrations{secret.Migrations, audit.Migrations, job.Migrations, auth.Migrations, Migrations}
)

// Passwords that may stand alone, and beside an app only.
const (
	longPassword  = "korrekt häst batteri"
	shortPassword = "sju rosor"
	place         = "192.0.2.0/24"
	elsewhere     = "198.51.100.0/24"
)

type world struct {
	t *testing.T
	d *db.DB
	a *Accounts
}

func each(t *testing.T, fn func(w *world)) {
	t.Helper()
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) { fn(newWorld(t, d)) })
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := &world{t: t, d: d}
	w.a = w.process(secrettest.Vault(t, d))
	return w
}

// process is another process of the shop on the same database.
func (w *world) process(v *secret.Vault) *Accounts {
	w.t.Helper()
	a, err := New(w.d, v, Options{PublicURL: "https://localhost:8443", Issuer: "Butiken", Hasher: factor.NewHasher(factor.Cost{Memory: 1024, Time: 1, Lanes: 1})})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) exec(text string, args ...any) {
	w.t.Helper()
	if err := w.do(func(tx *db.Tx) error { _, err := tx.Exec(text, args...); return err }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) do(fn func(tx *db.Tx) error) error { return db.Do(ctx, w.d, fn) }

func (w *world) count(text string, args ...any) (n int64) {
	w.t.Helper()
	n, err := db.Read(ctx, w.d, func(q *db.Reader) (n int64, err error) {
		err = q.QueryRow(text, args...).Scan(&n)
		return
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func read[T any](w *world, fn func(q db.Q) (T, error)) T {
	w.t.Helper()
	v, err := db.Read(ctx, w.d, func(q *db.Reader) (T, error) { return fn(q) })
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// mail reads the newest letter of a kind of job, as its worker would.
func mail[T any](w *world, kind string, letter func(q db.Q, id db.ID) (T, bool, error)) T {
	w.t.Helper()
	return read(w, func(q db.Q) (m T, err error) {
		var id db.ID
		if err := q.QueryRow(`SELECT ref_id FROM job_job WHERE kind=$1 ORDER BY id DESC LIMIT 1`, kind).Scan(&id); err != nil {
			return m, err
		}
		m, ok, err := letter(q, id)
		if err == nil && !ok {
			err = errors.New("no letter is due")
		}
		return m, err
	})
}

// browserAt is a browser: its cookies and where it is.
type browserAt struct {
	w    *world
	from From
}

func (w *world) browser() *browserAt {
	return &browserAt{w, From{Peer: place, Agent: "Firefox\n on Linux", Lang: "sv"}}
}

func (b *browserAt) ask(email string) error {
	cookie, err := b.w.a.RequestCode(ctx, email, b.from)
	if err == nil {
		b.from.Browser = cookie
	}
	return err
}

// keep takes the cookies of an answer.
func (b *browserAt) keep(e Entered, err error) (Entered, error) {
	if err == nil {
		b.from.Browser = e.Browser
		if !e.Secret.IsZero() {
			b.from.Old = e.Secret.Reveal()
		}
	}
	return e, err
}

func (b *browserAt) code() string { return mail(b.w, JobCode, b.w.a.CodeMail).Code }

// prove signs in with a mailed code.
func (b *browserAt) prove(email string) Visitor {
	b.w.t.Helper()
	if err := b.ask(email); err != nil {
		b.w.t.Fatal(err)
	}
	if _, err := b.keep(b.w.a.TryCode(ctx, b.code(), b.from)); err != nil {
		b.w.t.Fatal(err)
	}
	return b.visitor()
}

func (b *browserAt) visitor() Visitor {
	b.w.t.Helper()
	v, err := b.w.a.Resolve(ctx, b.from.Old, b.from.Peer)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return v
}

// rekeyed takes the session's new secret.
func (b *browserAt) rekeyed(s secret.Secret, err error) error {
	if err == nil {
		b.from.Old = s.Reveal()
	}
	return err
}

func (b *browserAt) act(fn func(tx *db.Tx) (secret.Secret, error)) error {
	s, _, err := db.Write(ctx, b.w.d, fn)
	return b.rekeyed(s, err)
}

// account proves an address and makes an account of it.
func (b *browserAt) account(email string) Visitor {
	b.w.t.Helper()
	v := b.prove(email)
	if err := b.act(func(tx *db.Tx) (secret.Secret, error) { _, s, err := b.w.a.Open(tx, v, "Anna Ek"); return s, err }); err != nil {
		b.w.t.Fatal(err)
	}
	return b.visitor()
}

func (b *browserAt) password(new string) error {
	return b.rekeyed(b.w.a.SetPassword(ctx, b.visitor(), secret.Hide(""), secret.Hide(new)))
}

// app enrols an app and returns its key and the recovery codes.
func (b *browserAt) app() (string, []secret.Secret) {
	b.w.t.Helper()
	app, _, err := db.Write(ctx, b.w.d, func(tx *db.Tx) (App, error) { return b.w.a.BeginApp(tx, b.visitor()) })
	if err != nil {
		b.w.t.Fatal(err)
	}
	codes, s, err := b.w.a.ConfirmApp(ctx, b.visitor(), totpCode(b.w.t, app.Key.Reveal(), 0))
	if b.rekeyed(s, err) != nil {
		b.w.t.Fatal(err)
	}
	b.w.exec(`UPDATE account_account SET totp_step=0`)
	return app.Key.Reveal(), codes
}

func (b *browserAt) passkey(k *authtest.Authenticator) error {
	c, err := b.w.a.BeginPasskey(ctx, b.visitor())
	if err != nil {
		return err
	}
	return b.rekeyed(b.w.a.FinishPasskey(ctx, b.visitor(), c.Token, k.Create(c.Options), "telefonen"))
}

func (b *browserAt) byPasskey(k *authtest.Authenticator) error {
	c, err := b.w.a.BeginPasskeySignIn(ctx)
	if err != nil {
		return err
	}
	_, err = b.keep(b.w.a.FinishPasskeySignIn(ctx, c.Token, k.Get(c.Options), b.from))
	return err
}

func (b *browserAt) signIn(email, password string) (Entered, error) {
	return b.keep(b.w.a.SignIn(ctx, email, secret.Hide(password), b.from))
}

// totpCode is the code of a time step away from now by n.
func totpCode(t *testing.T, base32 string, n int) string {
	t.Helper()
	c, err := totp.GenerateCode(base32, time.Now().Add(time.Duration(n)*factor.TOTPPeriod*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) dead(what, sessionSecret string) {
	w.t.Helper()
	if v, err := w.a.Resolve(ctx, sessionSecret, ""); !fault.Is(err, "unauthenticated") || v.SignedIn() {
		w.t.Errorf("%s: the session lives: %v", what, err)
	}
}

// stale makes all proofs old.
func (w *world) stale() { w.exec(`UPDATE account_session SET fresh_until=1`) }

func want(t *testing.T, what string, err error, code string) {
	t.Helper()
	if code == "" && err != nil || code != "" && !fault.Is(err, code) {
		t.Errorf("%s: got %v, want %q", what, err, code)
	}
}

// field is the code of the first field of a 422 fault.
func field(err error) string {
	if f := fault.As(err); f != nil && len(f.Fields) > 0 {
		return f.Fields[0].Code
	}
	return ""
}
