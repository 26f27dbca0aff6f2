package audit

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

// slowCrowds asks of every opening, one after the other, how many different persons the window
// before it holds.
func slowCrowds(os []opening, window time.Duration, bound int) (out []crowd) {
	var quiet time.Time
	for {
		var best *crowd
		for _, o := range os {
			if o.at.Before(quiet) || best != nil && !o.at.Before(best.to) {
				continue
			}
			in := map[db.ID]bool{}
			for _, x := range os {
				if x.at.After(o.at.Add(-window)) && !x.at.After(o.at) {
					in[x.person] = true
				}
			}
			if len(in) >= bound {
				best = &crowd{o.at, len(in)}
			}
		}
		if best == nil {
			return out
		}
		out = append(out, *best)
		quiet = best.to.Add(window)
	}
}

func TestCrowdsAreTheirSlowTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		os := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) opening {
			return opening{start.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "minute")) * time.Minute), db.ID(rapid.IntRange(1, 12).Draw(t, "person"))}
		}), 0, 60).Draw(t, "openings")
		bound := rapid.IntRange(1, 10).Draw(t, "bound")
		want := fmt.Sprint(slowCrowds(os, time.Hour, bound))
		if got := fmt.Sprint(crowded(os, time.Hour, bound, time.Time{}, time.Time{})); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func watching(t testing.TB, d *db.DB, w Watch) *Log {
	l := openLog(t, d)
	l.o.Watch = w
	return l
}

func alarms(t *testing.T, d *db.DB) []Alarm {
	t.Helper()
	as, err := db.Read(ctx, d, func(q *db.Reader) ([]Alarm, error) { return Alarms(q, false, 0, 200) })
	if err != nil {
		t.Fatal(err)
	}
	return as
}

func read(by, person int) Access {
	return Access{ActorKind: "staff", ActorID: db.ID(by), ActorName: "support", Person: db.ID(person), Kinds: []string{"name"}, Entity: "order", EntityID: db.ID(person), Reason: "order_handling"}
}

func TestBulkReadingsRaiseAnAlarm(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		var told []Alarm
		l := watching(t, d, Watch{Staff: Bounds{RuleHour: 10, RuleDay: 15}, Token: Bounds{RuleHour: 12}, Raised: func(a Alarm) { told = append(told, a) }})
		for i := range 9 {
			look(t, d, read(5, i+1), read(6, i+1))
			a := read(5, i+1) // the same person by another way
			a.Entity, a.EntityID = "case", db.ID(100+i)
			look(t, d, a)
		}
		seal(t, l)
		if as := alarms(t, d); len(as) != 0 {
			t.Fatalf("9 of 10 persons: %+v", as)
		}
		look(t, d, read(5, 10))
		if n := seal(t, l); n != 1 {
			t.Fatal(n)
		}
		as := alarms(t, d)
		if len(as) != 1 || as[0].Rule != RuleHour || as[0].ActorKind != "staff" || as[0].ActorID != 5 || as[0].ActorName != "support" || as[0].Persons != 10 || as[0].Bound != 10 || as[0].To.Sub(as[0].From) != time.Hour || len(told) != 1 || told[0].ID != as[0].ID {
			t.Fatalf("%+v, told %+v", as, told)
		}
		// Once for the window; the day has one of its own. A token has its own bounds.
		for i := 10; i < 25; i++ {
			look(t, d, read(5, i+1))
			a := read(70, i+1)
			a.ActorKind, a.ActorName = "token", ""
			look(t, d, a)
		}
		seal(t, l)
		seal(t, l)
		rules := map[string]int{}
		for _, a := range alarms(t, d) {
			rules[fmt.Sprint(a.ActorKind, a.ActorID, a.Rule)]++
		}
		if len(rules) != 3 || rules["staff5hour"] != 1 || rules["staff5day"] != 1 || rules["token70hour"] != 1 {
			t.Errorf("%v", rules)
		}
		// Each is an act in the log, and a job.
		n, err := db.Read(ctx, d, func(q *db.Reader) (n int64, err error) {
			err = q.QueryRow(`SELECT count(*) FROM job_job j JOIN audit_alarm a ON a.id=j.ref_id JOIN audit_entry e ON e.entity_id=a.id AND e.action='alarm.raise' WHERE j.kind=$1`, JobAlarm).Scan(&n)
			return
		})
		if err != nil || n != 3 {
			t.Error(n, err)
		}
		// Acknowledged once, by a word.
		ack := func(id db.ID, word string) error {
			return db.Do(ctx, d, func(tx *db.Tx) error { return Acknowledge(tx, Entry{ActorKind: "staff", ActorID: 1}, id, word) })
		}
		if err := ack(as[0].ID, "Anna behövde det"); err == nil {
			t.Error("a sentence is no note")
		}
		if err := ack(as[0].ID, "talked"); err != nil {
			t.Error(err)
		}
		if err := ack(as[0].ID, "expected"); !errors.Is(err, db.ErrConflict) {
			t.Error("twice:", err)
		}
		if err := ack(12345, "talked"); !errors.Is(err, db.ErrNotFound) {
			t.Error("no alarm:", err)
		}
		open, err := db.Read(ctx, d, func(q *db.Reader) ([]Alarm, error) { return Alarms(q, true, 0, 10) })
		if err != nil || len(open) != 2 {
			t.Error(len(open), err)
		}
		seal(t, l)
		if _, f := verify(t, l); f != "" {
			t.Error(f)
		}
	})
}

// Two processes record and seal at the same time: every person is counted, and each alarm
// is one.
func TestParallelReadingsAreCountedOnce(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		w := Watch{Staff: Bounds{RuleHour: 40}}
		var wg sync.WaitGroup
		for p := range 4 {
			l := watching(t, d, w)
			wg.Go(func() {
				for i := range 10 {
					if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := RecordAccess(tx, read(5, p*10+i+1)); return err }); err != nil {
						t.Error(err)
					}
					if _, err := l.Seal(ctx); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		l := watching(t, d, w)
		for seal(t, l) > 0 {
		}
		if as := alarms(t, d); len(as) != 1 || as[0].Persons != 40 {
			t.Errorf("%+v", as)
		}
		if r, f := verify(t, l); f != "" || r.Size != 41 {
			t.Error(f, r.Size)
		}
	})
}

func TestReadingsWithoutBusiness(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		asked := 0
		l := watching(t, d, Watch{Staff: Bounds{RuleIdle: 3}, Business: func(q db.Q, a Access) (bool, error) { asked++; return a.EntityID%2 == 0, nil }})
		for i := range 4 {
			look(t, d, read(5, i+1)) // 1 and 3 have none
		}
		seal(t, l)
		if as := alarms(t, d); len(as) != 0 || asked != 4 {
			t.Errorf("%+v, asked %d", as, asked)
		}
		look(t, d, read(5, 5))
		seal(t, l)
		if as := alarms(t, d); len(as) != 1 || as[0].Rule != RuleIdle || as[0].Persons != 3 {
			t.Errorf("%+v", as)
		}
	})
}

// A row that was slipped in with an instant of yesterday is told at once, not first when
// somebody verifies; what was there before the log is not.
func TestBackdatedRowRaisesAnAlarm(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	before(t, d, 5)
	l := watching(t, d, Watch{})
	seal(t, l)
	if err := db.Do(ctx, d, func(tx *db.Tx) error { return meddle(tx, Entry{ID: tx.NewID(), At: tx.Now().Add(-24 * time.Hour)}) }); err != nil {
		t.Fatal(err)
	}
	seal(t, l)
	if as := alarms(t, d); len(as) != 1 || as[0].Rule != RuleBackdated || as[0].About == 0 {
		t.Errorf("%+v", as)
	}
	for range 2 {
		if err := l.RaiseBroken(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if as := alarms(t, d); len(as) > 3 || as[0].Rule != RuleBroken { // once, or twice over midnight
		t.Errorf("%+v", as)
	}
}

func TestTellOnce(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	l := watching(t, d, Watch{})
	if err := l.RaiseBroken(ctx); err != nil {
		t.Fatal(err)
	}
	a := alarms(t, d)[0]
	tell := func(staff ...db.ID) map[db.ID]db.ID {
		m, _, err := db.Write(ctx, d, func(tx *db.Tx) (map[db.ID]db.ID, error) { return Tell(tx, a.ID, staff) })
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	one := tell(1, 2)
	two := tell(1, 2, 3)
	if len(one) != 2 || len(two) != 3 || one[1] != two[1] || one[2] != two[2] || one[1] == one[2] {
		t.Error(one, two)
	}
	got, staff, err := func() (Alarm, db.ID, error) {
		type r struct {
			a Alarm
			s db.ID
		}
		x, err := db.Read(ctx, d, func(q *db.Reader) (x r, err error) { x.a, x.s, err = Told(q, two[3]); return })
		return x.a, x.s, err
	}()
	if err != nil || got.ID != a.ID || staff != 3 {
		t.Error(got, staff, err)
	}
}
