package mail

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
)

var rooms = []db.Migrations{job.Migrations, secret.Migrations, audit.Migrations, Migrations}

type world struct {
	t        *testing.T
	d        *db.DB
	v        *secret.Vault
	m        *Mailer
	person   db.ID
	rendered atomic.Int32
	say      func() (Message, error)
}

func newWorld(t *testing.T, d *db.DB, relays ...Sender) *world {
	t.Helper()
	w := &world{t: t, d: d, v: secrettest.Vault(t, d)}
	m, err := New(Options{DB: d, Vault: w.v, From: Address{"Butiken", "butik@example.test"}, Relays: relays})
	if err != nil {
		t.Fatal(err)
	}
	w.m = m
	w.say = func() (Message, error) {
		// Each rendering differs, as when a name changes between two tries.
		return Message{To: "kund@example.test", Subject: "Order", Text: "Version " + string(rune('0'+w.rendered.Load()))}, nil
	}
	render := func(ctx context.Context, _ *db.DB, ref db.ID, l lang.Lang) (Message, error) {
		w.rendered.Add(1)
		if ref != 7 || l != lang.SV {
			t.Error(ref, l)
		}
		return w.say()
	}
	m.Render("order.placed", KindOpts{}, render)
	m.Render("auth.code", KindOpts{Forget: true}, render)
	p, _, err := db.Write(t.Context(), d, func(tx *db.Tx) (secret.Person, error) { return w.v.NewPerson(tx) })
	if err != nil {
		t.Fatal(err)
	}
	w.person = p.ID
	return w
}

func (w *world) queue(s Spec) db.ID {
	w.t.Helper()
	if s.Kind == "" {
		s.Kind = "order.placed"
	}
	s.RefKind, s.Ref, s.Lang = "order", 7, lang.SV
	id, _, err := db.Write(w.t.Context(), w.d, func(tx *db.Tx) (db.ID, error) { return Queue(tx, s) })
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// try is one run of the job, without the runner.
func (w *world) try(id db.ID, attempt int) error {
	return w.m.Send(w.t.Context(), job.Job{Kind: JobKind, Ref: id, Attempt: attempt, Max: 3})
}

func (w *world) row(id db.ID) Row {
	w.t.Helper()
	rows, err := db.Read(w.t.Context(), w.d, func(q *db.Reader) ([]Row, error) {
		return db.All(q, scanRow, `SELECT `+rowColumns+` FROM mail_message WHERE id=$1`, id)
	})
	if err != nil || len(rows) != 1 {
		w.t.Fatal(rows, err)
	}
	return rows[0]
}

func (w *world) copy(id db.ID) (Copy, error) {
	return db.Read(w.t.Context(), w.d, func(q *db.Reader) (Copy, error) { return w.m.Copy(q, id) })
}

func smtpErr(code int) error { return &smtp.SMTPError{Code: code, Message: "kund@example.test"} }

func toRelay(t *testing.T, r *relay) Sender {
	return sender(t, SMTPConfig{Name: "first", Addr: r.addr, TLS: NoTLS, Timeout: 10 * time.Second})
}

func TestLetterThroughTheRunner(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		r := startRelay(t, nil, false)
		r.data = []error{smtpErr(451)}
		w := newWorld(t, d, toRelay(t, r))
		run := job.NewRunner(d, nil)
		run.Handle(JobKind, job.Opts{Backoff: func(int) time.Duration { return time.Millisecond }}, w.m.Send)
		if err := run.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer run.Stop(context.Background())
		id := w.queue(Spec{Person: w.person})
		deadline := time.After(20 * time.Second)
		for w.row(id).State != "sent" {
			select {
			case <-deadline:
				t.Fatal(w.row(id))
			case <-time.After(5 * time.Millisecond):
			}
		}
		got := r.letters()
		if len(got) != 1 || w.rendered.Load() != 1 || w.row(id).Attempts != 2 || w.row(id).LastCode != "250" || w.row(id).Relay != "first" {
			t.Fatal(len(got), w.rendered.Load(), w.row(id))
		}
		c, err := w.copy(id)
		if err != nil || string(c.Raw) != got[0].raw || c.To != "kund@example.test" || c.Subject != "Order" || c.Text != "Version 1\n" && c.Text != "Version 1" {
			t.Fatalf("%+v %v", c, err)
		}
	})
}

// Whatever a letter waits for comes before the relay hears of it, in each try.
func TestLetterAwaits(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		r := startRelay(t, nil, false)
		r.data = []error{smtpErr(451)}
		w := newWorld(t, d, toRelay(t, r))
		awaited := 0
		w.m.Await(func(context.Context) {
			if awaited++; len(r.letters()) != 0 {
				t.Error("it has left before")
			}
		})
		id := w.queue(Spec{Person: w.person})
		if err := w.try(id, 1); err == nil {
			t.Fatal("the relay refused it")
		}
		if err := w.try(id, 2); err != nil || awaited != 2 || len(r.letters()) != 1 {
			t.Errorf("%v, awaited %d times, %d letters", err, awaited, len(r.letters()))
		}
		if err := w.try(id, 3); err != nil || awaited != 2 {
			t.Errorf("%v, awaited %d times for what has left", err, awaited)
		}
	})
}

func TestCrashesKeepTheLetter(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		r := startRelay(t, nil, false)
		w := newWorld(t, d, toRelay(t, r))
		id := w.queue(Spec{Person: w.person})
		// The relay takes it, and the process dies before it can write that down.
		if err := w.try(id, 1); err != nil {
			t.Fatal(err)
		}
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE mail_message SET state='queued', sent_at=NULL WHERE id=$1`, id)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := w.try(id, 2); err != nil {
			t.Fatal(err)
		}
		got := r.letters()
		if len(got) != 2 || got[0].raw != got[1].raw || w.rendered.Load() != 1 || !strings.Contains(got[0].raw, "Message-ID: <") {
			t.Fatalf("%d letters, %d renderings", len(got), w.rendered.Load())
		}
		// Once more, now that it is recorded: nothing leaves.
		if err := w.try(id, 3); err != nil || len(r.letters()) != 2 {
			t.Fatal(err)
		}
		// The line breaks after the last byte: its fate is unknown, and the
		// second relay must not get it.
		second := startRelay(t, nil, false)
		w.m.o.Relays = []Sender{sender(t, SMTPConfig{Addr: script(t, "220 x", "250 x", "250 x", "250 x", "354 x", ""), TLS: NoTLS}), toRelay(t, second)}
		id = w.queue(Spec{Person: w.person})
		if err := w.try(id, 1); err == nil || len(second.letters()) != 0 || w.row(id).LastCode != "data_unsure" || w.row(id).State != "queued" {
			t.Fatal(err, w.row(id))
		}
		before, err := w.copy(id)
		if err != nil {
			t.Fatal(err)
		}
		w.m.o.Relays = w.m.o.Relays[1:]
		if err := w.try(id, 2); err != nil || len(second.letters()) != 1 || second.letters()[0].raw != string(before.Raw) {
			t.Fatal(err)
		}
	})
}

func TestFailures(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		r, second := startRelay(t, nil, false), startRelay(t, nil, false)
		down := sender(t, SMTPConfig{Name: "down", Addr: script(t, "421 closed"), TLS: NoTLS})
		w := newWorld(t, d, toRelay(t, r))
		code := func(err error) string {
			var c *job.Coded
			errors.As(err, &c)
			if c == nil {
				return ""
			}
			return c.Code
		}
		// 5xx is final, and no other relay is asked.
		r.set(func(r *relay) { r.rcpt = []error{smtpErr(550)} })
		w.m.o.Relays = append(w.m.o.Relays, toRelay(t, second))
		failed := w.queue(Spec{Person: w.person})
		if err := w.try(failed, 1); err != nil || w.row(failed).State != "failed" || w.row(failed).LastCode != "rcpt_550" || len(second.letters()) != 0 {
			t.Fatal(err, w.row(failed))
		}
		// A relay that is down is passed over.
		w.m.o.Relays = []Sender{down, toRelay(t, second)}
		id := w.queue(Spec{Person: w.person})
		if err := w.try(id, 1); err != nil || w.row(id).State != "sent" || len(second.letters()) != 1 {
			t.Fatal(err, w.row(id))
		}
		// None answers: tried again, and dead in the end.
		w.m.o.Relays = []Sender{down}
		dead := w.queue(Spec{Person: w.person})
		for n := 1; n < 3; n++ {
			if err := w.try(dead, n); code(err) != "connect_421" || w.row(dead).State != "queued" {
				t.Fatal(err, w.row(dead))
			}
		}
		if err := w.try(dead, 3); err != nil || w.row(dead).State != "dead" || w.row(dead).Attempts != 3 {
			t.Fatal(err, w.row(dead))
		}
		// Content that must not leave fails at once; a renderer that fails is tried again.
		w.say = func() (Message, error) {
			return Message{To: "kund@example.test", Subject: "a\r\nBcc: x", Text: "x"}, nil
		}
		bad := w.queue(Spec{})
		if err := w.try(bad, 1); err != nil || w.row(bad).State != "failed" || w.row(bad).LastCode != "content" {
			t.Fatal(err, w.row(bad))
		}
		w.say = func() (Message, error) { return Message{}, errors.New("kund@example.test") }
		ill := w.queue(Spec{})
		if err := w.try(ill, 1); code(err) != "render" || w.row(ill).LastCode != "render" {
			t.Fatal(err)
		}
		if err := w.try(ill, 3); err != nil || w.row(ill).State != "dead" {
			t.Fatal(err)
		}
		// What is no longer wanted ends in peace.
		w.say = func() (Message, error) { return Message{}, ErrDrop }
		un := w.queue(Spec{})
		late := w.queue(Spec{Until: time.Now().Add(-time.Second)})
		gone := w.queue(Spec{Person: w.person + 1})
		w.say = func() (Message, error) {
			return Message{To: "kund@example.test", Subject: "x", Text: "x"}, nil
		}
		_ = w.try(gone, 1)
		w.say = func() (Message, error) { return Message{}, ErrDrop }
		if err := errors.Join(w.try(un, 1), w.try(late, 1)); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[db.ID]string{un: "not_wanted", late: "too_late", gone: "erased"} {
			if r := w.row(id); r.State != "dropped" || r.LastCode != want || r.HasCopy {
				t.Error(r, want)
			}
		}
		// Somebody sees them.
		list := func(below db.ID, n int) []Row {
			rows, err := db.Read(t.Context(), d, func(q *db.Reader) ([]Row, error) { return Troubled(q, below, n) })
			if err != nil {
				t.Fatal(err)
			}
			return rows
		}
		all := list(0, 100)
		if len(all) != 4 || all[0].ID != ill || all[3].ID != failed {
			t.Fatal(all)
		}
		if page := list(all[1].ID, 1); len(page) != 1 || page[0].ID != all[2].ID {
			t.Fatal(page)
		}
		may := func() error { return nil }
		no := errors.New("no")
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error { return Retry(tx, dead, func() error { return no }) }); !errors.Is(err, no) {
			t.Fatal(err)
		}
		// A refused letter is rendered anew, so that a corrected address counts; a
		// dead one leaves as it was.
		before, err := w.copy(dead)
		if err != nil {
			t.Fatal(err)
		}
		w.m.o.Relays = []Sender{toRelay(t, second)}
		w.say = func() (Message, error) {
			return Message{To: "ratt@example.test", Subject: "Ny", Text: "x"}, nil
		}
		for _, id := range []db.ID{failed, dead} {
			if err := db.Do(t.Context(), d, func(tx *db.Tx) error { return Retry(tx, id, may) }); err != nil {
				t.Fatal(err)
			}
			if err := w.try(id, 1); err != nil || w.row(id).State != "sent" {
				t.Fatal(err, w.row(id))
			}
		}
		got := second.letters()[1:]
		if len(got) != 2 || got[0].to[0] != "ratt@example.test" || got[1].raw != string(before.Raw) {
			t.Fatalf("%+v", got)
		}
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error { return Retry(tx, dead, may) }); !errors.Is(err, db.ErrConflict) {
			t.Fatal(err)
		}
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error { return Drop(tx, bad, may) }); err != nil || w.row(bad).State != "dropped" {
			t.Fatal(err)
		}
	})
}

func TestQueue(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		r := startRelay(t, nil, false)
		w := newWorld(t, d, toRelay(t, r))
		a, b := w.queue(Spec{Person: w.person, Once: true}), w.queue(Spec{Person: w.person, Once: true})
		if c := w.queue(Spec{Person: w.person}); a != b || c == a {
			t.Fatal(a, b, c)
		}
		jobs, err := db.Read(t.Context(), d, func(q *db.Reader) ([]job.Depth, error) { return job.Depths(q) })
		if err != nil || len(jobs) != 1 || jobs[0].Due != 2 {
			t.Fatal(jobs, err)
		}
		// Undone with its transaction.
		stop := errors.New("stop")
		err = db.Do(t.Context(), d, func(tx *db.Tx) error {
			if _, err := Queue(tx, Spec{Kind: "order.placed", RefKind: "order", Ref: 8}); err != nil {
				return err
			}
			return stop
		})
		rows, _ := db.Read(t.Context(), d, func(q *db.Reader) ([]Row, error) { return About(q, "order", 8) })
		if !errors.Is(err, stop) || len(rows) != 0 {
			t.Fatal(err, rows)
		}
		for _, s := range []Spec{{}, {Kind: "x", RefKind: "order", Ref: 1}, {Kind: "order.placed", RefKind: "kund@example.test", Ref: 1}, {Kind: "order.placed", RefKind: "order"}, {Kind: "order.placed", RefKind: "order", Ref: 1, Person: -1}} {
			if err := db.Do(t.Context(), d, func(tx *db.Tx) error { _, err := Queue(tx, s); return err }); err == nil {
				t.Errorf("%+v was queued", s)
			}
		}
		if err := w.m.Send(t.Context(), job.Job{Ref: 12345}); err != nil {
			t.Fatal(err)
		}
		none, err := db.Read(t.Context(), d, func(q *db.Reader) ([]Row, error) {
			x, err := OfPerson(q, 0)
			y, err2 := About(q, "", 7)
			return append(x, y...), errors.Join(err, err2)
		})
		if err != nil || len(none) != 0 {
			t.Fatal(none, err)
		}
		if got, err := db.Read(t.Context(), d, func(q *db.Reader) ([]Row, error) { return OfPerson(q, w.person) }); err != nil || len(got) != 2 {
			t.Fatal(got, err)
		}
	})
}
