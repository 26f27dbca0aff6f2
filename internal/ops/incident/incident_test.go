package incident_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/ops/incident"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
)

var ctx = context.Background()

var rooms = []db.Migrations{secret.Migrations, job.Migrations, audit.Migrations, auth.Migrations, incident.Migrations}

type world struct {
	t *testing.T
	d *db.DB
	v *secret.Vault
	a *auth.Auth
	m *incident.Room
	n int
}

func each(t *testing.T, fn func(w *world)) {
	t.Helper()
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		a, err := auth.New(d, v, auth.Options{PublicURL: "https://butik.example"})
		if err != nil {
			t.Fatal(err)
		}
		fn(&world{t: t, d: d, v: v, a: a, m: &incident.Room{DB: d, Vault: v, Auth: a}})
	})
}

func (w *world) member(role string) auth.By {
	w.t.Helper()
	w.n++
	key, err := w.a.NewTOTP()
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := w.a.SetCredentials(ctx, auth.System("test"), auth.Credentials{NewStaff: auth.NewStaff{Email: fmt.Sprintf("m%d@butik.example", w.n), Name: fmt.Sprintf("Kim %d", w.n), Role: role}, Password: secret.Hide("korrekt häst batteri"), TOTP: key})
	if err != nil {
		w.t.Fatal(err)
	}
	return auth.StaffBy(id, "", auth.Roles[role])
}

func (w *world) try(fn func(tx *db.Tx) error) error { return db.Do(ctx, w.d, fn) }

func (w *world) do(fn func(tx *db.Tx) error) {
	w.t.Helper()
	if err := w.try(fn); err != nil {
		w.t.Fatal(err)
	}
}

func look[T any](w *world, fn func(q *db.Reader) (T, error)) T {
	w.t.Helper()
	v, err := db.Read(ctx, w.d, fn)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) count(text string, args ...any) int {
	w.t.Helper()
	return look(w, func(q *db.Reader) (n int, err error) { err = q.QueryRow(text, args...).Scan(&n); return })
}

func (w *world) feels(by auth.By, said string) incident.Opened {
	w.t.Helper()
	o, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (incident.Opened, error) {
		return w.m.Feels(tx, by, "/admin/orders/{number}", said)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

func (w *world) one(by auth.By, id db.ID) incident.Incident {
	w.t.Helper()
	return look(w, func(q *db.Reader) (incident.Incident, error) { return w.m.One(q, by, id) })
}

func (w *world) lines(by auth.By, id db.ID) []incident.Line {
	w.t.Helper()
	return look(w, func(q *db.Reader) ([]incident.Line, error) { return w.m.Lines(q, by, id) })
}

// Every state is reached from the first, and what the tables allow is what the use
// cases do.
func TestStates(t *testing.T) {
	reached := map[incident.State]bool{}
	var walk func(s incident.State)
	walk = func(s incident.State) {
		if reached[s] {
			return
		}
		reached[s] = true
		for _, n := range incident.Transitions[s] {
			walk(n)
		}
	}
	walk(incident.Open)
	for s := range incident.Transitions {
		if !reached[s] {
			t.Errorf("%s is not reached", s)
		}
	}
	seen := map[incident.Personal]bool{}
	var step func(p incident.Personal)
	step = func(p incident.Personal) {
		if !seen[p] {
			seen[p] = true
			for _, n := range incident.PersonalMoves[p] {
				step(n)
			}
		}
	}
	step(incident.NotPersonal)
	if len(reached) != len(incident.Transitions) || len(seen) != len(incident.PersonalMoves) {
		t.Errorf("reached %v %v", reached, seen)
	}
}

// Whatever is done in whatever order, an incident only goes where the tables lead; a
// closed one is never one whose clock runs; and each change has its line.
func TestWalk(t *testing.T) {
	each(t, func(w *world) {
		owner, other := w.member("owner"), w.member("owner")
		rapid.Check(t, func(rt *rapid.T) {
			var id db.ID
			w.do(func(tx *db.Tx) error {
				o, err := w.m.Open(tx, auth.System("test.alarm"), incident.Other, incident.Facts{})
				id = o.ID
				return err
			})
			was := w.one(owner, id)
			for range rapid.IntRange(1, 12).Draw(rt, "steps") {
				by := rapid.SampledFrom([]auth.By{owner, other}).Draw(rt, "by")
				act := rapid.SampledFrom([]string{"take", "close", "reopen", "suspect", "report", "clear", "rate"}).Draw(rt, "act")
				err := w.try(func(tx *db.Tx) error {
					switch act {
					case "take":
						return w.m.Take(tx, by, id)
					case "close":
						return w.m.Close(tx, by, id, "Vi lärde oss något.")
					case "reopen":
						return w.m.Reopen(tx, by, id, "Det kom tillbaka.")
					case "suspect":
						return w.m.Suspect(tx, by, id, false)
					case "report":
						return w.m.Report(tx, by, id, "")
					case "clear":
						return w.m.Clear(tx, by, id, "Ingen såg något.")
					}
					return w.m.Rate(tx, by, id, incident.Critical)
				})
				if err != nil && fault.As(err) == nil {
					rt.Fatal(err)
				}
				is := w.one(owner, id)
				if err != nil && (is.State != was.State || is.Personal != was.Personal || is.Lines != was.Lines) {
					rt.Fatalf("%s was refused (%v) and changed %+v to %+v", act, err, was, is)
				}
				if is.State != was.State && !contains(incident.Transitions[was.State], is.State) || is.Personal != was.Personal && !contains(incident.PersonalMoves[was.Personal], is.Personal) {
					rt.Fatalf("%s went from %+v to %+v", act, was, is)
				}
				if is.State == incident.Closed && is.Personal == incident.Suspected {
					rt.Fatalf("closed while its clock runs: %+v", is)
				}
				if (is.State != was.State || is.Personal != was.Personal || is.Severity != was.Severity) && is.Lines != was.Lines+1 {
					rt.Fatalf("%s left no line", act)
				}
				if !was.Aware.IsZero() && is.Aware.After(was.Aware) {
					rt.Fatalf("%s gave the clock more time", act)
				}
				was = is
			}
			if n := len(w.lines(owner, id)); int64(n) != was.Lines {
				rt.Fatalf("%d lines, %d counted", n, was.Lines)
			}
		})
	})
}

func contains[T comparable](list []T, x T) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

// The button: no right is needed, words are optional, a second press within ten minutes is
// the same incident, nothing readable is stored, and those in charge are told once.
func TestFeels(t *testing.T) {
	each(t, func(w *world) {
		owner, by, other := w.member("owner"), w.member("reader"), w.member("support")
		first := w.feels(by, "")
		if first.Merged {
			t.Error("the first press merged")
		}
		again := w.feels(by, "Skärmen blinkade hos MARKÖR-kunden")
		if !again.Merged || again.ID != first.ID {
			t.Errorf("the second press: %+v", again)
		}
		if o := w.feels(other, ""); o.ID == first.ID || o.Merged {
			t.Errorf("another's press: %+v", o)
		}
		i := w.one(by, first.ID)
		if i.State != incident.Open || i.Kind != incident.Felt || i.Place != "/admin/orders/{number}" || i.Lines != 2 || !i.Mine(by) || i.Mine(other) {
			t.Errorf("%+v", i)
		}
		ls := w.lines(by, first.ID)
		if len(ls) != 2 || ls[0].Kind != "opened" || ls[0].Said != "" || ls[1].Kind != "again" || !strings.Contains(ls[1].Said, "blinkade") {
			t.Errorf("%+v", ls)
		}
		if n := w.count(`SELECT count(*) FROM incident_line WHERE said IS NOT NULL`); n != 1 {
			t.Errorf("%d lines with words", n)
		}
		for _, b := range look(w, func(q *db.Reader) ([][]byte, error) {
			return db.All(q, func(r *db.Rows) (b []byte, err error) { err = r.Scan(&b); return }, `SELECT said FROM incident_line WHERE said IS NOT NULL`)
		}) {
			if strings.Contains(string(b), "MARK") {
				t.Error("words lie open in the database")
			}
		}
		// Others do not see it; who has the right does.
		for _, who := range []auth.By{other, auth.Guest(""), {}, auth.TokenBy(by.ID, "", nil)} {
			if _, err := db.Read(ctx, w.d, func(q *db.Reader) (incident.Incident, error) { return w.m.One(q, who, first.ID) }); !fault.Is(err, "not_found") {
				t.Errorf("%+v sees it: %v", who.Kind, err)
			}
		}
		list := func(who auth.By) int {
			return len(look(w, func(q *db.Reader) ([]incident.Incident, error) { return w.m.List(q, who, true, 0, 50) }))
		}
		if list(by) != 1 || list(other) != 1 || list(owner) != 2 {
			t.Errorf("lists: %d %d %d", list(by), list(other), list(owner))
		}
		// Ten minutes later, or once it is closed, it is a new one.
		w.do(func(tx *db.Tx) error { return w.m.Close(tx, owner, first.ID, "Det var en uppdatering.") })
		if o := w.feels(by, ""); o.Merged {
			t.Error("merged into a closed one")
		}
		w.do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE incident_gate SET until_at=$1`, tx.Now().Add(-time.Second))
			return err
		})
		if o := w.feels(by, ""); o.Merged {
			t.Error("merged after the window")
		}
		// Told: the owner, once.
		for range 2 {
			if err := w.m.Tell(ctx, first.ID); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.count(`SELECT count(*) FROM incident_letter WHERE incident_id=$1`, first.ID); n != 1 {
			t.Errorf("%d letters", n)
		}
		ref := db.ID(w.count(`SELECT max(id) FROM incident_letter WHERE incident_id=$1`, first.ID))
		l := look(w, func(q *db.Reader) (incident.Letter, error) {
			l, ok, err := w.m.Mail(q, ref)
			if err == nil && !ok {
				err = errors.New("no letter")
			}
			return l, err
		})
		l.Parts[2].Button.URL = "https://butik.example" + l.Parts[2].Button.URL
		text, _, err := l.Body()
		if err != nil || l.To != "m1@butik.example" || strings.Contains(text, "blinkade") || !strings.Contains(text, "/admin/orders/…") {
			t.Errorf("%q %v", text, err)
		}
		for name, err := range map[string]error{
			"a guest": w.try(func(tx *db.Tx) error { _, err := w.m.Feels(tx, auth.Guest(""), "", ""); return err }),
			"a token": w.try(func(tx *db.Tx) error {
				_, err := w.m.Feels(tx, auth.TokenBy(3, "", auth.AllRights), "", "")
				return err
			}),
		} {
			if !fault.Is(err, "denied") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Whatever is written, pressing is not refused, and what was meant is kept.
func TestAnyWords(t *testing.T) {
	each(t, func(w *world) {
		by := w.member("reader")
		rapid.Check(t, func(rt *rapid.T) {
			said := rapid.String().Draw(rt, "said")
			at := rapid.SampledFrom([]string{"/admin/orders/10482", "//evil.example", "/admin/x?q=Anna", strings.Repeat("/a", 300), "javascript:x", "/admin/orders/{number}", "", "\x00"}).Draw(rt, "at")
			o, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (incident.Opened, error) {
				tx.Exec(`UPDATE incident_gate SET until_at=$1`, tx.Now().Add(-time.Second))
				return w.m.Feels(tx, by, at, said)
			})
			if err != nil {
				rt.Fatalf("%q: %v", said, err)
			}
			if i := w.one(by, o.ID); i.Place != "" && i.Place != "/admin/orders/{number}" {
				rt.Fatalf("%q is kept as a place", i.Place)
			}
		})
		long := strings.Repeat("å", 9000)
		o := w.feels(by, long)
		if ls := w.lines(by, o.ID); !strings.HasPrefix(long, ls[len(ls)-1].Said) || len(ls[len(ls)-1].Said) != 2*incident.MaxText {
			t.Error("a long text is not kept")
		}
	})
}

// The clock of 72 hours, and what must be written before it can be closed.
func TestBreach(t *testing.T) {
	each(t, func(w *world) {
		owner, by := w.member("owner"), w.member("support")
		o := w.feels(by, "Jag skickade fel lista.")
		w.do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE incident_record SET opened_at=$2 WHERE id=$1`, o.ID, tx.Now().Add(-5*time.Hour))
			return err
		})
		w.do(func(tx *db.Tx) error { return w.m.Suspect(tx, owner, o.ID, true) })
		i := w.one(owner, o.ID)
		if left := time.Until(i.Deadline()); left < 66*time.Hour || left > 67*time.Hour {
			t.Errorf("%v left of the 72 hours, five of which are gone", left)
		}
		if err := w.try(func(tx *db.Tx) error { return w.m.Close(tx, owner, o.ID, "Klart.") }); !fault.Is(err, "personal_open") {
			t.Errorf("closed with the clock running: %v", err)
		}
		if err := w.try(func(tx *db.Tx) error { return w.m.Clear(tx, owner, o.ID, " ") }); !fault.Is(err, "invalid") {
			t.Errorf("cleared without a reason: %v", err)
		}
		w.do(func(tx *db.Tx) error { return w.m.Clear(tx, owner, o.ID, "Listan var tom.") })
		w.do(func(tx *db.Tx) error { return w.m.Suspect(tx, owner, o.ID, false) })
		if again := w.one(owner, o.ID); !again.Aware.Equal(i.Aware) {
			t.Error("looking into it again gave the clock new time")
		}
		w.do(func(tx *db.Tx) error { return w.m.Report(tx, owner, o.ID, "IMY 2026-1234") })
		if err := w.try(func(tx *db.Tx) error { return w.m.Suspect(tx, owner, o.ID, false) }); !fault.Is(err, "wrong_state") {
			t.Errorf("a report was undone: %v", err)
		}
		w.do(func(tx *db.Tx) error { return w.m.Close(tx, owner, o.ID, "Vi skickar inga listor.") })
		for name, fn := range map[string]func(tx *db.Tx) error{
			"take":    func(tx *db.Tx) error { return w.m.Take(tx, by, o.ID) },
			"close":   func(tx *db.Tx) error { return w.m.Close(tx, by, o.ID, "x") },
			"reopen":  func(tx *db.Tx) error { return w.m.Reopen(tx, by, o.ID, "x") },
			"suspect": func(tx *db.Tx) error { return w.m.Suspect(tx, by, o.ID, true) },
			"report":  func(tx *db.Tx) error { return w.m.Report(tx, by, o.ID, "x") },
			"clear":   func(tx *db.Tx) error { return w.m.Clear(tx, by, o.ID, "x") },
			"rate":    func(tx *db.Tx) error { return w.m.Rate(tx, by, o.ID, incident.Low) },
			"call":    func(tx *db.Tx) error { return w.m.SetCall(tx, by, incident.Contact{Name: "A", Phone: "08-123456"}) },
		} {
			if err := w.try(fn); !fault.Is(err, "denied") {
				t.Errorf("%s by who opened it: %v", name, err)
			}
		}
		// Who opened it may add to it, who did not may not.
		w.do(func(tx *db.Tx) error { return w.m.Note(tx, by, o.ID, "Jag kom på en sak till.") })
		if err := w.try(func(tx *db.Tx) error { return w.m.Note(tx, w2(by), o.ID, "x") }); !fault.Is(err, "not_found") {
			t.Errorf("another's note: %v", err)
		}
		var kinds []string
		for _, l := range w.lines(owner, o.ID) {
			kinds = append(kinds, l.Kind)
		}
		if got := strings.Join(kinds, " "); got != "opened suspected cleared suspected reported closed note" {
			t.Error(got)
		}
		// Five years later the words are gone, and the states stay.
		w.do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE incident_record SET closed_at=$2 WHERE id=$1`, o.ID, tx.Now().AddDate(-6, 0, 0))
			return err
		})
		if err := w.m.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		for _, l := range w.lines(owner, o.ID) {
			if l.Said != "" {
				t.Errorf("%q is still there", l.Said)
			}
		}
		if at := look(w, func(q *db.Reader) (time.Time, error) { return w.v.ErasedAt(q, i.Person) }); at.IsZero() {
			t.Error("the key of the incident is still there")
		}
		if i := w.one(owner, o.ID); i.Personal != incident.Reported || i.State != incident.Closed {
			t.Errorf("%+v", i)
		}
		if err := w.try(func(tx *db.Tx) error { return w.m.Reopen(tx, owner, o.ID, "x") }); err == nil {
			t.Error("reopened without its words")
		}
	})
}

func w2(by auth.By) auth.By { return auth.StaffBy(by.ID+1, "", auth.Roles["support"]) }

// One of those who take it at the same moment has it, one of those who close it closes it, and presses at the
// same moment are one incident.
func TestAtOnce(t *testing.T) {
	each(t, func(w *world) {
		const n = 6
		leads := make([]auth.By, n)
		for i := range leads {
			leads[i] = w.member("owner")
		}
		by := w.member("reader")
		for round := range 4 {
			w.do(func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE incident_gate SET until_at=$1`, tx.Now().Add(-time.Second))
				return err
			})
			var opened atomic.Int64
			var id atomic.Int64
			w.atOnce(n, func(int) {
				o, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (incident.Opened, error) { return w.m.Feels(tx, by, "", "nu") })
				if err != nil {
					t.Error(err)
				}
				if !o.Merged {
					opened.Add(1)
					id.Store(int64(o.ID))
				}
			})
			if opened.Load() != 1 {
				t.Fatalf("round %d: %d incidents of %d presses", round, opened.Load(), n)
			}
			one := db.ID(id.Load())
			if i := w.one(by, one); i.Lines != n {
				t.Errorf("round %d: %d lines of %d presses", round, i.Lines, n)
			}
			for name, c := range map[string]struct {
				act  func(tx *db.Tx, by auth.By) error
				kind string
				code string
			}{
				"take": {func(tx *db.Tx, by auth.By) error { return w.m.Take(tx, by, one) }, "taken", "incident_taken"},
			} {
				w.oneOf(name, leads, one, c.act, c.kind, c.code)
			}
			w.oneOf("close", leads, one, func(tx *db.Tx, by auth.By) error { return w.m.Close(tx, by, one, "Klart.") }, "closed", "wrong_state")
		}
	})
}

// oneOf holds that one of all succeeds, leaves one line, and the others are told.
func (w *world) oneOf(name string, all []auth.By, id db.ID, act func(tx *db.Tx, by auth.By) error, kind, code string) {
	w.t.Helper()
	var done atomic.Int64
	w.atOnce(len(all), func(k int) {
		err := w.try(func(tx *db.Tx) error { return act(tx, all[k]) })
		switch {
		case err == nil:
			done.Add(1)
		case !fault.Is(err, code):
			w.t.Errorf("%s: %v", name, err)
		}
	})
	if n := w.count(`SELECT count(*) FROM incident_line WHERE incident_id=$1 AND kind=$2`, id, kind); done.Load() != 1 || n != 1 {
		w.t.Errorf("%s: %d succeeded, %d lines", name, done.Load(), n)
	}
}

func (w *world) atOnce(n int, fn func(int)) {
	var wg sync.WaitGroup
	start := make(chan bool)
	for k := range n {
		wg.Go(func() { <-start; fn(k) })
	}
	close(start)
	wg.Wait()
}

// Alarms that repeat themselves are one incident; what cannot be meant is an error of the
// program and opens none.
func TestAlarms(t *testing.T) {
	each(t, func(w *world) {
		open := func(k incident.Kind, f incident.Facts) (incident.Opened, error) {
			o, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (incident.Opened, error) { return w.m.Open(tx, auth.System("audit.bulk"), k, f) })
			return o, err
		}
		f := incident.Facts{Severity: incident.Critical, Said: "412 personer på en timme", Key: "staff:17", Window: time.Hour}
		a, err := open(incident.Readings, f)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := open(incident.Readings, f); err != nil || !b.Merged || b.ID != a.ID {
			t.Errorf("%+v %v", b, err)
		}
		if b, err := open(incident.SignIn, f); err != nil || b.Merged {
			t.Errorf("another kind merged: %+v %v", b, err)
		}
		f.Key = ""
		if b, err := open(incident.Readings, f); err != nil || b.Merged {
			t.Errorf("without a key: %+v %v", b, err)
		}
		for name, c := range map[string]struct {
			k incident.Kind
			f incident.Facts
		}{"a kind": {"x", incident.Facts{}}, "a severity": {incident.Other, incident.Facts{Severity: "x"}}, "a key": {incident.Other, incident.Facts{Key: "anna@example.se"}}} {
			if _, err := open(c.k, c.f); err == nil {
				t.Errorf("%s that is none: taken", name)
			}
		}
	})
}

// Whom to call is sealed, and two who change it at once do not overwrite each other.
func TestCall(t *testing.T) {
	each(t, func(w *world) {
		owner := w.member("owner")
		set := func(c incident.Contact) error {
			return w.try(func(tx *db.Tx) error { return w.m.SetCall(tx, owner, c) })
		}
		for name, c := range map[string]incident.Contact{"no name": {Phone: "08-12 34 56"}, "no phone": {Name: "Eva"}, "letters": {Name: "Eva", Phone: "ring mig 12345"}, "too long": {Name: strings.Repeat("x", 81), Phone: "0812345"}} {
			if err := set(c); !fault.Is(err, "invalid") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := set(incident.Contact{Name: " Eva  Ek ", Phone: "+46 8 12 34 56"}); err != nil {
			t.Fatal(err)
		}
		if err := set(incident.Contact{Name: "Bo", Phone: "0812345"}); !fault.Is(err, "changed_meanwhile") {
			t.Errorf("over another's: %v", err)
		}
		c := look(w, func(q *db.Reader) (incident.Contact, error) { return w.m.Call(q) })
		if c.Name != "Eva Ek" || c.Phone != "+46 8 12 34 56" || c.Version != 1 {
			t.Errorf("%+v", c)
		}
	})
}

// Everything that is said in words has words.
func TestWords(t *testing.T) {
	for _, k := range incident.Kinds {
		for _, key := range []string{"incident.mail." + string(k) + ".subject", "incident.mail." + string(k) + ".text"} {
			if !lang.Has(key) {
				t.Errorf("%s has no words", key)
			}
		}
	}
	for _, s := range incident.Severities {
		if !lang.Has("incident.severity." + string(s)) {
			t.Errorf("%s has no words", s)
		}
	}
}
