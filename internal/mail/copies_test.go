package mail

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
)

func TestCopies(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		r := startRelay(t, nil, false)
		w := newWorld(t, d, toRelay(t, r))
		mine, staff, code, waiting := w.queue(Spec{Person: w.person}), w.queue(Spec{}), w.queue(Spec{Kind: "auth.code", Person: w.person}), w.queue(Spec{Person: w.person})
		if err := errors.Join(w.try(mine, 1), w.try(staff, 1), w.try(code, 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.copy(staff); err != nil {
			t.Fatal(err)
		}
		if _, err := w.copy(code); !errors.Is(err, db.ErrNotFound) {
			t.Fatal("the copy of a code was kept", err)
		}
		if _, err := w.copy(waiting); !errors.Is(err, db.ErrNotFound) {
			t.Fatal(err)
		}
		// Nothing of the letter stands in the database in the clear.
		sealed, err := db.Read(t.Context(), d, func(q *db.Reader) (b []byte, err error) {
			err = q.QueryRow(`SELECT sealed FROM mail_message WHERE id=$1`, mine).Scan(&b)
			return
		})
		if err != nil || bytes.Contains(sealed, []byte("example")) || bytes.Contains(sealed, []byte("Version")) || len(sealed) < 100 {
			t.Fatal(err, len(sealed))
		}
		// A copy moved to another row does not open.
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE mail_message SET sealed=$2 WHERE id=$1`, waiting, sealed)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.copy(waiting); !errors.Is(err, secret.ErrBroken) {
			t.Fatal(err)
		}
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error { return w.v.Erase(tx, w.person) }); err != nil {
			t.Fatal(err)
		}
		if _, err := w.copy(mine); !errors.Is(err, secret.ErrErased) {
			t.Fatal(err)
		}
		if err := w.try(waiting, 1); err != nil || w.row(waiting).State != "dropped" {
			t.Fatal(err, w.row(waiting))
		}
		if len(r.letters()) != 3 {
			t.Fatal(len(r.letters()))
		}
		// Swept is what is old and nobody's: to staff, or dropped.
		if n, err := Sweep(t.Context(), d, time.Hour); err != nil || n != 0 {
			t.Fatal(n, err)
		}
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE mail_message SET queued_at = queued_at - $1`, (2 * time.Hour).Microseconds())
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if n, err := Sweep(t.Context(), d, time.Hour); err != nil || n != 2 || w.row(mine).State != "sent" {
			t.Fatal(n, err)
		}
	})
}

func TestOptions(t *testing.T) {
	d := dbtest.SQLite(t, rooms)
	v := secrettest.Vault(t, d)
	s := sender(t, SMTPConfig{Addr: "127.0.0.1:1", TLS: NoTLS})
	for _, o := range []Options{{}, {DB: d, Vault: v, From: Address{"x", "x"}, Relays: []Sender{s}}, {DB: d, Vault: v, From: Address{"x\n", "a@example.test"}, Relays: []Sender{s}},
		{DB: d, Vault: v, From: Address{"x", "a@example.test"}}, {DB: d, Vault: v, From: Address{"x", "a@example.test"}, Relays: []Sender{s}, Domain: "a b"},
		{DB: d, Vault: v, From: Address{"x", "a@example.test"}, Relays: []Sender{s}, ReplyTo: "x"}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	sum := time.Duration(0)
	for n := 1; n < MaxTries; n++ {
		if Backoff(n) < Backoff(max(n-1, 1)) {
			t.Fatal(n)
		}
		sum += Backoff(n)
	}
	if sum < 72*time.Hour || sum > 120*time.Hour {
		t.Fatal(sum)
	}
}
