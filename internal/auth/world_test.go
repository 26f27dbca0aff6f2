package auth

import (
	"context"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
)

var ctx = context.Background()
var ms = []db.Migrations{secret.Migrations, audit.Migrations, job.Migrations, Migrations}

// cheap hashes; the cost itself is looked at in the tests of factor.
var cheap = factor.Cost{Memory: 1024, Time: 1, Lanes: 1}

const goodPassword = "korrekt häst batteri"

type world struct {
	t *testing.T
	d *db.DB
	a *Auth
}

func each(t *testing.T, fn func(w *world)) {
	t.Helper()
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) { fn(newWorld(t, d)) })
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	a, err := New(d, secrettest.Vault(t, d), Options{PublicURL: "https://localhost:8443", Issuer: "Butiken", Hasher: factor.NewHasher(cheap)})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, d, a}
}

// someone is a member with all he needs to sign in.
type someone struct {
	id    db.ID
	email string
	totp  string
}

func (w *world) member(email, role string) someone {
	w.t.Helper()
	key, err := w.a.NewTOTP()
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := w.a.SetCredentials(ctx, System("test.seed"), Credentials{NewStaff{email, "Anna Ek", role}, secret.Hide(goodPassword), key})
	if err != nil {
		w.t.Fatal(err)
	}
	return someone{id, email, key.Reveal()}
}

// code is the code of a time step away from now by n.
func code(t *testing.T, base32 string, n int) string {
	t.Helper()
	c, err := totp.GenerateCode(base32, time.Now().Add(time.Duration(n)*factor.TOTPPeriod*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) try(s someone, password, code string) (Session, error) {
	return w.a.SignIn(ctx, SignIn{Email: s.email, Password: secret.Hide(password), Code: code, Peer: "192.0.2.0/24", Agent: "Firefox\n on Linux"})
}

// signIn signs in; the used step is forgotten, so that tests need not wait for
// the next half minute.
func (w *world) signIn(s someone) Session {
	w.t.Helper()
	w.exec(`UPDATE auth_staff SET totp_step=0 WHERE id=$1`, s.id)
	ses, err := w.try(s, goodPassword, code(w.t, s.totp, 0))
	if err != nil {
		w.t.Fatal("sign-in of the control failed:", err)
	}
	return ses
}

func (w *world) by(ses Session) By {
	w.t.Helper()
	by, _, err := w.a.Resolve(ctx, ses.Secret.Reveal(), "192.0.2.0/24")
	if err != nil {
		w.t.Fatal(err)
	}
	return by
}

func (w *world) dead(what, sessionSecret string) {
	w.t.Helper()
	if by, _, err := w.a.Resolve(ctx, sessionSecret, ""); !fault.Is(err, "unauthenticated") || by.Kind != Nobody {
		w.t.Errorf("%s: the session lives: %v %v", what, by.Kind, err)
	}
}

func (w *world) exec(text string, args ...any) {
	w.t.Helper()
	if err := db.Do(ctx, w.d, func(tx *db.Tx) error { _, err := tx.Exec(text, args...); return err }); err != nil {
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

// logged counts audit entries of an action and outcome.
func (w *world) logged(action string, o audit.Outcome) int {
	w.t.Helper()
	es, err := db.Read(ctx, w.d, func(q *db.Reader) ([]audit.Entry, error) {
		return audit.List(q, audit.Filter{Action: action, Outcome: o}, 0, 200)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(es)
}

func want(t *testing.T, what string, err error, code string) {
	t.Helper()
	if code == "" && err != nil || code != "" && !fault.Is(err, code) {
		t.Errorf("%s: got %v, want %q", what, err, code)
	}
}

// young makes members whose role was given today: they count as nobody's second
// person, and what made them is undone without one.
func (w *world) young(ms ...someone) {
	w.t.Helper()
	for _, m := range ms {
		w.exec(`UPDATE auth_staff SET standing_at=$2 WHERE id=$1`, m.id, time.Now().Add(time.Hour))
	}
}

// eachTwo gives two processes on one database: two handles on PostgreSQL; SQLite has
// one process, whose handle is given twice.
func eachTwo(t *testing.T, fn func(w, other *world)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { w := newWorld(t, dbtest.SQLite(t, ms)); fn(w, w) })
	t.Run("postgres", func(t *testing.T) {
		url := dbtest.PostgresURL(t)
		w := newWorld(t, dbtest.OpenOptions(t, db.Options{URL: url, Readers: 4}, ms))
		d := dbtest.OpenOptions(t, db.Options{URL: url, Readers: 4}, ms)
		a, err := New(d, w.a.v, Options{PublicURL: "https://localhost:8443", Issuer: "Butiken", Hasher: w.a.hasher})
		if err != nil {
			t.Fatal(err)
		}
		fn(w, &world{t, d, a})
	})
}

// id is a number that no row has.
func (w *world) id() (id db.ID) {
	w.t.Helper()
	if err := w.do(func(tx *db.Tx) error { id = tx.NewID(); return nil }); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// letters counts the letters of a kind that were enqueued for a member (0: for all).
func (w *world) letters(kind LetterKind, staff db.ID) int64 {
	w.t.Helper()
	return w.count(`SELECT count(*) FROM auth_letter WHERE kind=$1 AND (staff_id=$2 OR $2=0)`, string(kind), staff)
}

// age moves what happened to a member back by d, as if time had passed.
func (w *world) age(m someone, d time.Duration) {
	w.t.Helper()
	at := time.Now().Add(-d)
	w.exec(`UPDATE auth_staff SET created_at=$2, granted_at=$2, awake_at=$2, signed_in_at=$2, standing_at=$2 WHERE id=$1`, m.id, at)
}

func (w *world) state(m db.ID) string {
	w.t.Helper()
	s, err := db.Read(ctx, w.d, func(q *db.Reader) (staffRow, error) { return staffByID(q, m) })
	if err != nil {
		w.t.Fatal(err)
	}
	return s.state
}
