package app

import (
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
)

// callsForLateProofs holds that somebody is called when no drill of a site of this demo has
// ended ok for two days, and when an order was shown as paid before its sites had it: once, and
// again a day later.
func callsForLateProofs(t *testing.T, demo *App) {
	t.Helper()
	ctx := t.Context()
	// The demo's own watch goes on beside, by the clock.
	a := &App{Dir: t.TempDir(), DB: demo.DB, Copies: demo.Copies, Incidents: demo.Incidents, Log: demo.Log, meters: demo.meters}
	type count struct{ incidents, lines int }
	counted := func() (c count) {
		t.Helper()
		c, err := db.Read(ctx, a.DB, func(q *db.Reader) (c count, err error) {
			if err = q.QueryRow(`SELECT count(*) FROM incident_gate WHERE gate_key LIKE 'other:copies:%'`).Scan(&c.incidents); err == nil {
				err = q.QueryRow(`SELECT count(*) FROM incident_line WHERE incident_id IN (SELECT incident_id FROM incident_gate WHERE gate_key LIKE 'other:copies:%')`).Scan(&c.lines)
			}
			return
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	now := time.Now() // no third site ever confirms what is asked of three
	began := now.Add(-proofGrace)
	for i, x := range []struct {
		say  string
		from time.Time
		at   time.Duration
		do   func()
		want count
	}{
		{"proven today, or new", began, 0, nil, count{}},
		{"just begun", now.Add(49 * time.Hour), 50 * time.Hour, nil, count{}},
		{"two days without", began, 49 * time.Hour, nil, count{2, 2}},
		{"the same day", began, 60 * time.Hour, nil, count{2, 2}},
		{"the next", began, 74 * time.Hour, nil, count{2, 4}},
		{"an order that lay here only", began, 74 * time.Hour, func() { a.copied(ctx, 3, time.Millisecond) }, count{3, 5}},
		{"told already", began, 74*time.Hour + time.Minute, nil, count{3, 5}},
		{"another, at once", began, 74*time.Hour + 2*time.Minute, func() { a.copied(ctx, 3, time.Millisecond) }, count{3, 5}},
		{"and still after an hour", began, 76 * time.Hour, nil, count{3, 6}},
		{"proven again", began, 76 * time.Hour, func() {
			if err := db.Do(ctx, a.DB, func(tx *db.Tx) error {
				return copies.Record(tx, copies.Result{Site: "plats-1", State: copies.Ok, Started: now.Add(75 * time.Hour), Newest: now})
			}); err != nil {
				t.Fatal(err)
			}
		}, count{3, 6}},
		{"the other is late the day after", began, 100 * time.Hour, nil, count{3, 7}},
	} {
		if x.do != nil {
			x.do()
		}
		if err := a.callForCopies(ctx, x.from, now.Add(x.at)); err != nil {
			t.Fatal(err)
		}
		if got := counted(); got != x.want {
			t.Errorf("%d, %s: %+v, want %+v", i, x.say, got, x.want)
		}
	}
	// A start anew does not begin the two days anew, also while no site is known yet.
	if late, err := (&App{Dir: a.Dir, DB: a.DB, Log: a.Log}).lateProofs(ctx, began, now.Add(76*time.Hour)); err != nil || len(late) != 0 {
		t.Errorf("without sites: %v, %v", late, err)
	}
	b := &App{Dir: a.Dir, DB: a.DB, Copies: a.Copies, Log: a.Log}
	if late, err := b.lateProofs(ctx, began, now.Add(76*time.Hour)); err != nil || len(late) != 1 || late[0] != "plats-2" {
		t.Errorf("after a start anew: %v, %v", late, err)
	}
}
