package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/db"
)

// Func does one job. It opens its own transactions and MUST bear to run twice.
// ctx ends when the lease is lost or the runner stops hard. Fail, GiveUp and
// Again say more than a plain error.
type Func func(ctx context.Context, j Job) error

// Opts of one kind.
type Opts struct {
	Workers int           // at the same time in this process; 0: 2
	Lease   time.Duration // 0: half a minute; renewed while the worker runs
	Limit   time.Duration // of one try; 0: ten minutes
	Backoff func(attempt int) time.Duration
}

// Backoff is the default wait after the given failed try (1 the first): 2 s
// doubled each time, one hour at most, give or take a quarter, so that jobs which
// failed together do not come back together.
func Backoff(attempt int) time.Duration {
	d := time.Hour
	if attempt < 12 {
		d = min(d, 2*time.Second<<max(attempt-1, 0))
	}
	return d*3/4 + rand.N(d/2)
}

// Stats are counters of one kind since the runner was made.
type Stats struct {
	Claimed, Done, Failed, Again, Dead, Lost int64
	Running                                  int64
}

type counters struct {
	claimed, done, failed, again, dead, lost, running atomic.Int64
}

type kindOf struct {
	name  string
	fn    Func
	o     Opts
	wake  chan struct{}
	count counters
}

// Runner claims and runs jobs of the kinds it was given. Make it, give it kinds
// with Handle, Every and Loop, then Start.
type Runner struct {
	d     *db.DB
	log   *slog.Logger
	owner db.ID // of this runner's leases
	every []schedule
	loops []loop

	mu      sync.Mutex
	kinds   map[string]*kindOf
	started bool
	quit    chan struct{}      // closed: claim no more
	hard    context.CancelFunc // ends the workers' contexts
	all     sync.WaitGroup
}

// NewRunner makes a runner; log may be nil.
func NewRunner(d *db.DB, log *slog.Logger) *Runner {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Runner{d: d, log: log, owner: d.NewID(), kinds: map[string]*kindOf{}}
}

// Handle gives the runner a kind. It panics on a bad or second handler of a
// kind, and after Start: faults of the program.
func (r *Runner) Handle(kind string, o Opts, fn Func) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started || !kindName.MatchString(kind) || r.kinds[kind] != nil || fn == nil {
		panic(fmt.Sprintf("job: bad handler of %q", kind))
	}
	if o.Workers <= 0 {
		o.Workers = 2
	}
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	if o.Limit <= 0 {
		o.Limit = 10 * time.Minute
	}
	if o.Backoff == nil {
		o.Backoff = Backoff
	}
	r.kinds[kind] = &kindOf{name: kind, fn: fn, o: o, wake: make(chan struct{}, 1)}
}

// Start begins to work. Starting a started runner does nothing.
func (r *Runner) Start(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started {
		return nil
	}
	if err := r.plan(ctx); err != nil {
		return err
	}
	r.started = true
	r.quit = make(chan struct{})
	work, hard := context.WithCancel(context.Background())
	r.hard = hard
	for _, k := range r.kinds {
		k.ring()
		r.all.Go(func() { r.serve(work, k) })
	}
	for _, l := range r.loops {
		r.all.Go(func() { r.runLoop(work, l) })
	}
	r.all.Go(func() { r.poll(work) })
	r.listen(true)
	return nil
}

// Stop claims no more and waits for what runs. When ctx ends first, the
// workers' contexts are cancelled, and what they leave is given back untried. Stopping
// a stopped runner does nothing; a stopped one may be started again.
func (r *Runner) Stop(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.started {
		return nil
	}
	r.started = false
	r.listen(false)
	close(r.quit)
	idle := make(chan struct{})
	go func() { r.all.Wait(); close(idle) }()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = ctx.Err()
	}
	r.hard()
	select {
	case <-idle:
	case <-time.After(10 * time.Second): // a worker that does not heed its context; its lease runs out
		return errors.New("job: a worker does not stop")
	}
	return err
}

// hear is the doorbell.
func (r *Runner) hear(kind string, at time.Time) {
	k := r.kinds[kind] // not changed after Start
	if k == nil {
		return
	}
	if wait := time.Until(at); wait > 0 {
		if wait < pollEvery { // beyond that the poll sees it
			time.AfterFunc(wait, k.ring)
		}
		return
	}
	k.ring()
}

func (k *kindOf) ring() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

const pollEvery = time.Second

// dueKinds steps from kind to kind in the index, so that a long queue costs no more
// than a short one.
const dueKinds = `WITH RECURSIVE k(kind) AS (
	SELECT min(kind) FROM job_job WHERE state='queued'
	UNION ALL SELECT (SELECT min(j.kind) FROM job_job j WHERE j.state='queued' AND j.kind > k.kind) FROM k WHERE k.kind IS NOT NULL)
	SELECT kind FROM k WHERE kind IS NOT NULL AND EXISTS (SELECT 1 FROM job_job d WHERE d.kind=k.kind AND d.state='queued' AND d.run_at <= $1)`

// poll looks once a second which kinds have something due: jobs of other
// nodes, of the future, of runners that died. Many kinds, one read.
func (r *Runner) poll(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	sweep := time.Now()
	for {
		select {
		case <-r.quit:
			return
		case <-tick.C:
		}
		c, cancel := context.WithTimeout(ctx, 5*time.Second)
		r.fire(c)
		due, err := db.Read(c, r.d, func(q *db.Reader) ([]string, error) {
			return db.All(q, func(rs *db.Rows) (s string, err error) { err = rs.Scan(&s); return },
				dueKinds, q.Now())
		})
		if err == nil {
			for _, s := range due {
				if k := r.kinds[s]; k != nil {
					k.ring()
				}
			}
		}
		if time.Since(sweep) > 10*time.Minute {
			sweep = time.Now()
			Sweep(c, r.d, 24*time.Hour)
		}
		cancel()
	}
}

// serve claims for one kind as many jobs as it has idle workers.
func (r *Runner) serve(ctx context.Context, k *kindOf) {
	idle := make(chan struct{}, k.o.Workers)
	for range k.o.Workers {
		idle <- struct{}{}
	}
	for {
		select {
		case <-r.quit:
			return
		case <-k.wake:
		}
		for {
			select { // wait for one idle worker …
			case <-r.quit:
				return
			case <-idle:
			}
			n := 1
			for more := true; more && n < k.o.Workers; { // … and take all others
				select {
				case <-idle:
					n++
				default:
					more = false
				}
			}
			c, cancel := context.WithTimeout(ctx, 10*time.Second)
			js, err := claim(c, r.d, k.name, n, r.owner, k.o.Lease)
			cancel()
			if err != nil {
				r.log.Warn("claiming jobs failed", "kind", k.name, "code", code(err))
			}
			k.count.claimed.Add(int64(len(js)))
			for range n - len(js) {
				idle <- struct{}{}
			}
			for _, j := range js {
				r.all.Go(func() {
					defer func() { idle <- struct{}{} }()
					r.run(ctx, k, j)
				})
			}
			if len(js) < n {
				break // nothing more is due, or the database is ill: the next poll rings
			}
		}
	}
}

// run does one job and records its end.
func (r *Runner) run(ctx context.Context, k *kindOf, j Job) {
	k.count.running.Add(1)
	defer k.count.running.Add(-1)
	wctx, cancel := context.WithTimeout(ctx, k.o.Limit)
	defer cancel()
	held := make(chan struct{})
	var lostLease atomic.Bool
	keeper := make(chan struct{})
	go func() {
		defer close(keeper)
		t := time.NewTicker(k.o.Lease / 3)
		defer t.Stop()
		for {
			select {
			case <-held:
				return
			case <-t.C:
			}
			ok, err := renew(context.Background(), r.d, j, r.owner, k.o.Lease)
			if err == nil && !ok {
				lostLease.Store(true)
				cancel()
				return
			}
		}
	}()
	err := r.guarded(wctx, k, j)
	close(held)
	<-keeper
	// The end is recorded even when the runner is stopping.
	end, cancelEnd := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancelEnd()
	if err != nil && ctx.Err() != nil && !lostLease.Load() {
		release(end, r.d, j, r.owner)
		return
	}
	o, werr := finish(end, r.d, j, r.owner, err, k.o.Backoff(j.Attempt))
	if werr != nil {
		r.log.Error("recording a job's end failed; it will run again", "kind", k.name, "job", j.ID, "code", code(werr))
		return
	}
	switch o {
	case done:
		k.count.done.Add(1)
	case again:
		k.count.again.Add(1)
	case failed:
		k.count.failed.Add(1)
		r.log.Warn("job failed, will be tried again", "kind", k.name, "job", j.ID, "attempt", j.Attempt, "code", code(err))
	case dead:
		k.count.dead.Add(1)
		r.log.Error("job is dead", "kind", k.name, "job", j.ID, "attempt", j.Attempt, "code", code(err))
	case lost:
		k.count.lost.Add(1)
		r.log.Warn("job lost its lease", "kind", k.name, "job", j.ID)
	}
}

// guarded turns a panic into a failure; its stack goes to the log, its value,
// which may quote data, does not.
func (r *Runner) guarded(ctx context.Context, k *kindOf, j Job) (err error) {
	defer func() {
		if v := recover(); v != nil {
			r.log.Error("job panicked", "kind", k.name, "job", j.ID, "stack", string(debug.Stack()))
			err = Fail("panic", nil)
		}
	}()
	return k.fn(ctx, j)
}

// Stats returns the counters by kind.
func (r *Runner) Stats() map[string]Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]Stats{}
	for n, k := range r.kinds {
		c := &k.count
		out[n] = Stats{Claimed: c.claimed.Load(), Done: c.done.Load(), Failed: c.failed.Load(), Again: c.again.Load(),
			Dead: c.dead.Load(), Lost: c.lost.Load(), Running: c.running.Load()}
	}
	return out
}
