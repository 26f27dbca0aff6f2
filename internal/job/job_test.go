package job

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

var ctx = context.Background()
var ms = []db.Migrations{Migrations}

func enqueue(t *testing.T, d *db.DB, s Spec) db.ID {
	t.Helper()
	id, _, err := db.Write(ctx, d, func(tx *db.Tx) (db.ID, error) { return Enqueue(tx, s) })
	if err != nil {
		t.Fatal(err)
	}
	return id
}

type row struct {
	state, lastError string
	attempts         int
	runAt            time.Time
	leased           bool
}

func look(t *testing.T, d *db.DB, id db.ID) (r row) {
	t.Helper()
	_, err := db.Read(ctx, d, func(q *db.Reader) (int, error) {
		return 0, q.QueryRow(`SELECT state, last_error, attempts, run_at, CASE WHEN lease_by IS NULL THEN 0 ELSE 1 END FROM job_job WHERE id=$1`, id).
			Scan(&r.state, &r.lastError, &r.attempts, &r.runAt, &r.leased)
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// until waits for a condition, looking often, for 15 s at most.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("never:", what)
		case <-tick.C:
		}
	}
}

func start(t *testing.T, r *Runner) {
	t.Helper()
	if err := r.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		r.Stop(c)
	})
}

func TestCommitWakesWorker(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		r := NewRunner(d, nil)
		got := make(chan Job, 9)
		r.Handle("test.do", Opts{}, func(_ context.Context, j Job) error { got <- j; return nil })
		start(t, r)
		undo := errors.New("undo")
		err := db.Do(ctx, d, func(tx *db.Tx) error {
			if _, err := Enqueue(tx, Spec{Kind: "test.do", Ref: 1}); err != nil {
				return err
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
		id := enqueue(t, d, Spec{Kind: "test.do", Ref: 2})
		j := <-got
		if j.ID != id || j.Ref != 2 || j.Attempt != 1 || j.Max != DefaultMax {
			t.Fatal(j)
		}
		until(t, "done", func() bool { return look(t, d, id).state == "done" })
		until(t, "counted", func() bool { s := r.Stats()["test.do"]; return s.Done == 1 && s.Claimed == 1 && s.Running == 0 })
		if len(got) != 0 {
			t.Error("ran a job whose transaction was undone")
		}
	})
}

// Two runners, many jobs: each exactly once, though both claim as fast as they can.
func TestTwoClaimants(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		const n = 200
		var mu sync.Mutex
		ran := map[db.ID]int{}
		var total atomic.Int64
		a, b := NewRunner(d, nil), NewRunner(d, nil)
		for _, r := range []*Runner{a, b} {
			r.Handle("test.do", Opts{Workers: 5}, func(_ context.Context, j Job) error {
				mu.Lock()
				ran[j.Ref]++
				mu.Unlock()
				total.Add(1)
				return nil
			})
		}
		for i := range n {
			enqueue(t, d, Spec{Kind: "test.do", Ref: db.ID(i + 1)})
		}
		start(t, a)
		start(t, b)
		until(t, "all done", func() bool { return a.Stats()["test.do"].Done+b.Stats()["test.do"].Done == n })
		for i := range n {
			if ran[db.ID(i+1)] != 1 {
				t.Fatalf("job %d ran %d times", i+1, ran[db.ID(i+1)])
			}
		}
	})
}

// The claim itself, without runners: of many claimants of one job one gets it.
func TestClaimOnce(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		enqueue(t, d, Spec{Kind: "test.do"})
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				js, err := claim(ctx, d, "test.do", 3, db.ID(i+1), time.Minute)
				if err != nil {
					t.Error(err)
				}
				won.Add(int64(len(js)))
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatal("claimed", won.Load(), "times")
		}
	})
}

func TestKeyMakesOneWaitingJob(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		later := time.Now().Add(time.Hour)
		a := enqueue(t, d, Spec{Kind: "test.do", Ref: 1, Key: "p:1", RunAt: later})
		if b := enqueue(t, d, Spec{Kind: "test.do", Ref: 1, Key: "p:1", RunAt: later.Add(time.Hour)}); b != a {
			t.Fatal("two waiting jobs of one key")
		}
		if look(t, d, a).runAt.After(later) {
			t.Error("put off")
		}
		if c := enqueue(t, d, Spec{Kind: "test.do", Ref: 2, Key: "p:2"}); c == a {
			t.Error("another key, the same job")
		}
		if c := enqueue(t, d, Spec{Kind: "test.other", Ref: 1, Key: "p:1"}); c == a {
			t.Error("another kind, the same job")
		}
		if b := enqueue(t, d, Spec{Kind: "test.do", Ref: 1, Key: "p:1"}); b != a || look(t, d, a).runAt.After(time.Now()) {
			t.Error("not brought forward")
		}
		// While it runs, a change makes a job of its own: the running one may have
		// read the old state.
		js, err := claim(ctx, d, "test.do", 5, 77, time.Minute)
		if err != nil || len(js) != 2 {
			t.Fatal(js, err)
		}
		if b := enqueue(t, d, Spec{Kind: "test.do", Ref: 1, Key: "p:1"}); b == a {
			t.Error("a change fell into a running job")
		}
		// The running one fails and waits again beside the new one.
		for _, j := range js {
			if o, err := finish(ctx, d, j, 77, errors.New("x"), time.Second); err != nil || o != failed {
				t.Error(o, err)
			}
		}
		if err := db.Do(ctx, d, func(tx *db.Tx) error { return Cancel(tx, "test.other", "p:1") }); err != nil {
			t.Fatal(err)
		}
		if js, _ := claim(ctx, d, "test.other", 5, 77, time.Minute); len(js) != 0 {
			t.Error("cancelled job ran")
		}
		for _, bad := range []Spec{{Kind: ""}, {Kind: "x"}, {Kind: "test.do", Key: "anna@example.com"}, {Kind: "test.do", Key: "a b"}} {
			if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := Enqueue(tx, bad); return err }); err == nil {
				t.Error("took", bad)
			}
		}
	})
}

func TestFailuresAndDeadLetters(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		r := NewRunner(d, nil)
		quick := func(int) time.Duration { return 0 }
		var tries atomic.Int64
		r.Handle("test.fail", Opts{Backoff: quick}, func(_ context.Context, j Job) error {
			tries.Add(1)
			return Fail("smtp_550", errors.New("no such user anna@example.com"))
		})
		r.Handle("test.plain", Opts{Backoff: quick}, func(context.Context, Job) error { return errors.New("mail to anna@example.com failed") })
		r.Handle("test.panic", Opts{Backoff: quick}, func(context.Context, Job) error { panic("anna@example.com") })
		r.Handle("test.giveup", Opts{}, func(context.Context, Job) error { return GiveUp("gone", nil) })
		var again atomic.Int64
		r.Handle("test.again", Opts{}, func(_ context.Context, j Job) error {
			if j.Attempt != 1 {
				t.Error("Again was counted as a try:", j.Attempt)
			}
			if again.Add(1) < 5 {
				return Again(time.Millisecond)
			}
			return nil
		})
		start(t, r)
		ids := map[string]db.ID{}
		for _, k := range []string{"fail", "plain", "panic", "giveup", "again"} {
			ids[k] = enqueue(t, d, Spec{Kind: "test." + k, Max: 3})
		}
		want := map[string]row{
			"fail": {state: "dead", lastError: "smtp_550", attempts: 3}, "plain": {state: "dead", lastError: "error", attempts: 3},
			"panic": {state: "dead", lastError: "panic", attempts: 3}, "giveup": {state: "dead", lastError: "gone", attempts: 1},
			"again": {state: "done", attempts: 1},
		}
		for k, w := range want {
			until(t, k, func() bool { return look(t, d, ids[k]).state == w.state })
			if g := look(t, d, ids[k]); g.lastError != w.lastError || g.attempts != w.attempts || g.leased {
				t.Errorf("%s: %+v", k, g)
			}
		}
		if tries.Load() != 3 {
			t.Error(tries.Load())
		}
		dead, err := db.Read(ctx, d, func(q *db.Reader) ([]Job, error) {
			a, err := Dead(q, 0, 2)
			if err != nil || len(a) != 2 {
				return a, fmt.Errorf("page 1: %v %v", a, err)
			}
			b, err := Dead(q, a[1].ID, 100)
			return append(a, b...), err
		})
		if err != nil || len(dead) != 4 {
			t.Fatal(dead, err)
		}
		depths, err := db.Read(ctx, d, func(q *db.Reader) ([]Depth, error) { return Depths(q) })
		if err != nil || len(depths) != 4 || depths[0].Dead != 1 {
			t.Fatal(depths, err)
		}
		no := errors.New("no right")
		deny, allow := func() error { return no }, func() error { return nil }
		if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := Retry(tx, ids["fail"], deny); return err }); !errors.Is(err, no) {
			t.Error("retried without right:", err)
		}
		if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := Drop(tx, ids["fail"], deny); return err }); !errors.Is(err, no) {
			t.Error("dropped without right:", err)
		}
		if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := Retry(tx, ids["fail"], allow); return err }); err != nil {
			t.Fatal(err)
		}
		until(t, "three more tries", func() bool { return tries.Load() == 6 && look(t, d, ids["fail"]).state == "dead" })
		for i, want := range []error{nil, db.ErrConflict} {
			if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := Drop(tx, ids["fail"], allow); return err }); !errors.Is(err, want) {
				t.Error(i, err)
			}
		}
		if n, err := Sweep(ctx, d, 0); err != nil || n != 2 {
			t.Error("swept", n, err)
		}
	})
}

// A slow kind keeps its own workers busy, not those of others.
func TestSlowKindStarvesNobody(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	r := NewRunner(d, nil)
	stuck := make(chan struct{})
	r.Handle("test.slow", Opts{Workers: 2}, func(context.Context, Job) error { <-stuck; return nil })
	got := make(chan struct{}, 50)
	r.Handle("test.quick", Opts{Workers: 1}, func(context.Context, Job) error { got <- struct{}{}; return nil })
	start(t, r)
	for range 20 {
		enqueue(t, d, Spec{Kind: "test.slow"})
	}
	for range 20 {
		enqueue(t, d, Spec{Kind: "test.quick"})
	}
	for range 20 {
		<-got
	}
	if s := r.Stats()["test.slow"]; s.Running != 2 || s.Claimed != 2 {
		t.Errorf("%+v", s)
	}
	close(stuck)
	until(t, "slow ones done", func() bool { return r.Stats()["test.slow"].Done == 20 })
}

// A lease that runs out gives the job to another; the first one's word counts no more.
func TestLostLease(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		id := enqueue(t, d, Spec{Kind: "test.do"})
		a, err := claim(ctx, d, "test.do", 1, 1, -time.Second) // a lease that is over at once
		if err != nil || len(a) != 1 {
			t.Fatal(a, err)
		}
		b, err := claim(ctx, d, "test.do", 1, 2, time.Minute)
		if err != nil || len(b) != 1 || b[0].Attempt != 2 {
			t.Fatal(b, err)
		}
		if ok, err := renew(ctx, d, a[0], 1, time.Minute); err != nil || ok {
			t.Error("renewed a lost lease", err)
		}
		if o, err := finish(ctx, d, a[0], 1, nil, 0); err != nil || o != lost {
			t.Error("ended another's job", o, err)
		}
		if err := release(ctx, d, a[0], 1); err != nil || !look(t, d, id).leased {
			t.Error("released another's job", err)
		}
		if ok, err := renew(ctx, d, b[0], 2, time.Minute); err != nil || !ok {
			t.Error("could not renew", err)
		}
		if c, _ := claim(ctx, d, "test.do", 1, 3, time.Minute); len(c) != 0 {
			t.Error("claimed a leased job")
		}
		if o, err := finish(ctx, d, b[0], 2, nil, 0); err != nil || o != done {
			t.Error(o, err)
		}
	})
}

// A worker that outlives its lease keeps the job as long as it renews, and hears of its loss.
func TestRunningJobRenews(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	r := NewRunner(d, nil)
	var runs atomic.Int64
	started, cancelled := make(chan Job, 1), make(chan struct{})
	r.Handle("test.long", Opts{Lease: 900 * time.Millisecond}, func(ctx context.Context, j Job) error {
		if runs.Add(1) > 1 {
			return nil
		}
		started <- j
		<-ctx.Done()
		close(cancelled)
		return ctx.Err()
	})
	start(t, r)
	id := enqueue(t, d, Spec{Kind: "test.long"})
	<-started
	first := look(t, d, id).runAt
	until(t, "renewed past its lease", func() bool { return look(t, d, id).runAt.After(first.Add(900 * time.Millisecond)) })
	if runs.Load() != 1 {
		t.Fatal("ran twice under a living lease")
	}
	err := db.Do(ctx, d, func(tx *db.Tx) error { // another owner took it
		return tx.ExecOne(`UPDATE job_job SET lease_by=1, attempts=attempts+1, run_at=$2 WHERE id=$1`, id, tx.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	<-cancelled
	until(t, "done by the next", func() bool { return look(t, d, id).state == "done" })
	until(t, "counted", func() bool { return r.Stats()["test.long"].Lost == 1 })
}

func TestStopDrains(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	r := NewRunner(d, nil)
	in, out := make(chan struct{}, 2), make(chan struct{})
	r.Handle("test.do", Opts{}, func(ctx context.Context, j Job) error {
		in <- struct{}{}
		select {
		case <-out:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	for range 2 {
		if err := r.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	id := enqueue(t, d, Spec{Kind: "test.do"})
	<-in
	stopped := make(chan error)
	go func() { stopped <- r.Stop(ctx) }()
	close(out)
	if err := <-stopped; err != nil || look(t, d, id).state != "done" {
		t.Fatal("did not wait for what ran:", err, look(t, d, id))
	}
	if err := r.Stop(ctx); err != nil {
		t.Error("second Stop:", err)
	}
	id2 := enqueue(t, d, Spec{Kind: "test.do"})
	if look(t, d, id2).leased {
		t.Error("claimed while stopped")
	}
	// Stopped hard, the job goes back untried.
	out = make(chan struct{})
	start(t, r)
	<-in
	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := r.Stop(over); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if g := look(t, d, id2); g.state != "queued" || g.attempts != 0 || g.leased || g.lastError != "" {
		t.Errorf("%+v", g)
	}
}

// Three processes have one schedule: each beat one job.
func TestScheduleFiresOnce(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		var rs []*Runner
		for range 3 {
			r := NewRunner(d, nil)
			r.Every("test.beat", time.Hour, Opts{}, func(context.Context, Job) error { return nil })
			if err := r.plan(ctx); err != nil {
				t.Fatal(err)
			}
			rs = append(rs, r)
		}
		count := func() int {
			n, err := db.Read(ctx, d, func(q *db.Reader) (n int, err error) {
				err = q.QueryRow(`SELECT count(*) FROM job_job`).Scan(&n)
				return
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		for beat := 1; beat <= 3; beat++ {
			var wg sync.WaitGroup
			for _, r := range rs {
				wg.Go(func() { r.fire(ctx) })
			}
			wg.Wait()
			if n := count(); n != beat {
				t.Fatal("beat", beat, "jobs", n)
			}
			js, err := claim(ctx, d, "test.beat", 9, 1, time.Minute)
			if err != nil || len(js) != 1 {
				t.Fatal(js, err)
			}
			db.Do(ctx, d, func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE job_schedule SET next_at=$1`, tx.Now().Add(-time.Second))
				return err
			})
		}
	})
}

func TestLoopRunsInOneProcess(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		var n [2]atomic.Int64
		var rs []*Runner
		for i := range 2 {
			r := NewRunner(d, nil)
			r.Loop("test.loop", 5*time.Millisecond, func(context.Context) error {
				if n[i].Add(1) == 2 {
					panic("boom") // does not end the loop
				}
				return nil
			})
			start(t, r)
			rs = append(rs, r)
		}
		until(t, "some turns", func() bool { return n[0].Load()+n[1].Load() >= 10 })
		if n[0].Load() > 0 && n[1].Load() > 0 {
			t.Fatal("two processes ran the loop", n[0].Load(), n[1].Load())
		}
		holder := 0
		if n[1].Load() > 0 {
			holder = 1
		}
		if err := rs[holder].Stop(ctx); err != nil {
			t.Fatal(err)
		}
		was := n[holder].Load()
		until(t, "the other takes over", func() bool { return n[1-holder].Load() > 3 })
		if n[holder].Load() != was {
			t.Error("a stopped runner goes on")
		}
	})
}

func TestFutureJobAndPoll(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	r := NewRunner(d, nil)
	got := make(chan time.Time, 1)
	r.Handle("test.do", Opts{}, func(context.Context, Job) error { got <- time.Now(); return nil })
	start(t, r)
	at := time.Now().Add(300 * time.Millisecond)
	enqueue(t, d, Spec{Kind: "test.do", RunAt: at})
	if ran := <-got; ran.Before(at) {
		t.Error("ran before its time")
	}
	// Another node's job: written without our doorbell.
	err := db.Do(ctx, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO job_job (id, kind, ref_id, run_at, attempts, max_attempts, state, last_error, created_at) VALUES ($1,'test.do',0,$2,0,3,'queued','',$2)`, tx.NewID(), tx.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	<-got
}

func TestBackoff(t *testing.T) {
	for a := -1; a < 100; a++ {
		d := Backoff(a)
		if d < time.Second || d > 75*time.Minute {
			t.Fatal(a, d)
		}
	}
	if Backoff(5) < 24*time.Second || Backoff(5) > 40*time.Second {
		t.Error(Backoff(5))
	}
	if code(Fail("Anna@example.com!", nil)) != "error" || strings.Contains(code(errors.New("anna")), "anna") {
		t.Error("a code may hold anything")
	}
}

func TestBadHandlers(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	r := NewRunner(d, nil)
	fn := func(context.Context, Job) error { return nil }
	r.Handle("test.do", Opts{}, fn)
	for _, f := range []func(){func() { r.Handle("test.do", Opts{}, fn) }, func() { r.Handle("x", Opts{}, fn) }, func() { r.Handle("test.nil", Opts{}, nil) }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		}()
	}
}

// What a dead process had claimed is due at once for the one that follows it, and the
// lost try counts.
func TestAdopt(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		left, other := enqueue(t, d, Spec{Kind: "a.b"}), enqueue(t, d, Spec{Kind: "a.b", RunAt: time.Now().Add(time.Hour)})
		if js, err := claim(ctx, d, "a.b", 5, 7, time.Hour); err != nil || len(js) != 1 {
			t.Fatal(js, err)
		}
		if r := look(t, d, left); !r.leased || time.Until(r.runAt) < time.Minute {
			t.Fatalf("%+v", r)
		}
		if err := Adopt(ctx, d); err != nil {
			t.Fatal(err)
		}
		if r := look(t, d, left); r.leased || r.attempts != 1 || time.Until(r.runAt) > 0 {
			t.Errorf("%+v", r)
		}
		if r := look(t, d, other); time.Until(r.runAt) < time.Minute {
			t.Errorf("one that waits for its time: %+v", r)
		}
		if js, err := claim(ctx, d, "a.b", 5, 8, time.Hour); err != nil || len(js) != 1 || js[0].ID != left || js[0].Attempt != 2 {
			t.Error(js, err)
		}
	})
}
