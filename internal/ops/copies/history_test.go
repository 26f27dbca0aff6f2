package copies_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/superfly/ltx"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/powertest"
)

// histories is how many random histories are lived through: few in the tests of every
// day, KASSAVALV_TEST_HISTORIES of them in the torture.
func histories(t *testing.T) int {
	s := os.Getenv("KASSAVALV_TEST_HISTORIES")
	if s == "" {
		return 300
	}
	n, err := strconv.Atoi(s)
	if err != nil || n <= 0 {
		t.Fatalf("KASSAVALV_TEST_HISTORIES is %q", s)
	}
	return n
}

// firstSeed is where the histories begin: KASSAVALV_TEST_FIRST takes up where an earlier run
// ended.
func firstSeed(t *testing.T) int64 {
	s := os.Getenv("KASSAVALV_TEST_FIRST")
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		t.Fatalf("KASSAVALV_TEST_FIRST is %q", s)
	}
	return n
}

// howLong is until when another history is begun, with KASSAVALV_TEST_MINUTES.
func howLong(t *testing.T) time.Time {
	s := os.Getenv("KASSAVALV_TEST_MINUTES")
	if s == "" {
		return time.Now().Add(1000 * time.Hour)
	}
	m, err := strconv.Atoi(s)
	if err != nil || m <= 0 {
		t.Fatalf("KASSAVALV_TEST_MINUTES is %q", s)
	}
	return time.Now().Add(time.Duration(m) * time.Minute)
}

// flaky is a site that can be away.
type flaky struct {
	copies.Site
	down *atomic.Bool
}

var errDown = errors.New("the site is away")

func (f flaky) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if f.down.Load() {
		return copies.Receipt{}, errDown
	}
	return f.Site.Put(ctx, name, body, size)
}

func (f flaky) Replace(ctx context.Context, name string, body []byte) error {
	if f.down.Load() {
		return errDown
	}
	return f.Site.Replace(ctx, name, body)
}

func (f flaky) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if f.down.Load() {
		return nil, errDown
	}
	return f.Site.Get(ctx, name)
}

// life is a shop that lives through a random history.
type life struct {
	*shop
	down  []*atomic.Bool
	disk  *powertest.Disk // nil: a disk that forgets nothing; what it could is planted
	cuts  int             // of the power
	ahead atomic.Int64    // nanoseconds that the shop's clock is before this machine's
	said  []string        // what happened, for who reads a failure
	told  saidBy          // what the room told
}

// saidBy keeps what several say at once.
type saidBy struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *saidBy) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *saidBy) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newLife(t *testing.T, seed int64, disk *powertest.Disk) *life {
	l := &life{disk: disk, shop: &shop{paper: copies.NewPaper(), keys: copies.NewKeys([]byte("0123456789abcdef0123456789abcdef"))}}
	l.charter = copies.NewCharter(l.paper, l.keys, "Fiket")
	l.places, l.files = []string{t.TempDir(), t.TempDir()}, t.TempDir()
	for range l.places {
		l.down = append(l.down, &atomic.Bool{})
	}
	l.log = slog.New(slog.NewTextHandler(&l.told, nil))
	l.clock = func() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) }
	l.wrap = func(i int, x copies.Site) copies.Site { return flaky{x, l.down[i]} }
	w := &world{t: t, r: rand.New(rand.NewSource(seed)), states: map[db.Pos]string{}}
	if disk == nil {
		w.dir = t.TempDir()
	} else {
		w.dir = disk.Dir(t)
	}
	// Some files shrink within a transaction.
	if w.r.Intn(2) == 0 {
		d, err := sql.Open("sqlite", "file:"+w.path())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Exec(`PRAGMA auto_vacuum=2; CREATE TABLE before_all (id INTEGER) STRICT; DROP TABLE before_all`); err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
	w.open()
	l.world = w
	t.Cleanup(func() { w.close() })
	w.states[posOf(t, w.d)] = noTable
	w.do(func(tx *db.Tx) error {
		_, err := tx.Exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT`)
		return err
	})
	l.begin()
	return l
}

func (l *life) say(form string, args ...any) { l.said = append(l.said, fmt.Sprintf(form, args...)) }

func (l *life) step() {
	t, r := l.t, l.r
	switch k := r.Intn(20); {
	case k < 10:
		l.say("at %d", l.some())
	case k == 10: // a large row, over many pages
		l.say("large, at %d", l.do(func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO t (id, s) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET s=excluded.s`, r.Int63n(200), letters(r, 100_000+r.Intn(200_000)))
			return err
		}))
	case k == 11: // much goes, and the file with it where it can
		l.do(func(tx *db.Tx) error {
			_, err := tx.Exec(`DELETE FROM t WHERE id >= $1`, r.Int63n(150))
			return err
		})
		l.say("shrunk, at %d", l.do(func(tx *db.Tx) error {
			_, err := tx.Exec(`PRAGMA incremental_vacuum`)
			return err
		}))
	case k < 14:
		if _, err := l.stream.Flush(); err != nil {
			t.Fatal(err)
		}
		l.say("flushed")
	case k == 14:
		l.wait()
		l.say("waited")
	case k == 15 && l.disk != nil:
		l.cut()
	case k == 15: // the machine stops
		l.crash(r.Intn(4))
	case k == 16: // a stop in order, as far as the sites let
		l.stop()
		l.close()
		l.open()
		l.begin()
		l.say("restart")
	case k == 17: // VACUUM by somebody else while the shop is shut: the row begins anew
		l.stop()
		l.close()
		loose(t, l.path(), `VACUUM`)
		l.open()
		l.begin()
		l.say("VACUUM behind")
	case k == 18: // a site goes or comes back; after a restart it is asked at once
		i := r.Intn(len(l.down))
		l.down[i].Store(!l.down[i].Load())
		l.say("site %d down %v", i, l.down[i].Load())
		if !l.down[i].Load() {
			l.stop()
			l.begin()
		}
	case k == 19 && r.Intn(2) == 0: // five minutes are over, whatever the sites have of them
		l.ahead.Add(int64(5 * time.Minute))
		l.stop()
		l.begin()
		l.say("five minutes")
	case k == 19 && r.Intn(2) == 0:
		if err := l.room.Dump(context.Background()); err != nil {
			t.Fatal(err)
		}
		l.say("dump")
	}
}

// crash stops the machine: nothing reaches a site from the moment on that is copied.
func (l *life) crash(lost int) {
	t := l.t
	t.Helper()
	// What the sites have is noted now and then: the note may be older than they are.
	notes := map[string][]byte{}
	names, err := filepath.Glob(filepath.Join(l.dir, "copies", "sites", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range names {
		if notes[filepath.Base(p)], err = os.ReadFile(p); err != nil {
			t.Fatal(err)
		}
	}
	l.stop()
	before := l.stream.Head()
	to := t.TempDir()
	kept := l.copyTo(to)
	l.close()
	at := filepath.Join(to, "copies", "sites")
	if err := os.RemoveAll(at); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	for n, b := range notes {
		if err := os.WriteFile(filepath.Join(at, n), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.wake(to, kept, lost)
	l.say("crash, %d segments unsynced", lost)
	if lost == 0 && before.TX > before.Base {
		if h := l.stream.Head(); h.Base != before.Base || h.TX != before.TX {
			t.Fatalf("nothing was lost, and the row from %d to %d goes on from %d at %d", before.Base, before.TX, h.Base, h.TX)
		}
	}
	l.begin()
	if h := l.flushed(); h.TX < before.TX {
		t.Fatalf("the sites may have transaction %d, and the stream goes on at %d", before.TX, h.TX)
	}
}

// wait waits until the sites that are there have everything.
func (l *life) wait() {
	l.t.Helper()
	n := 0
	for _, d := range l.down {
		if !d.Load() {
			n++
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if a := l.room.Wait(ctx, 0, n); a.Sites < n {
		l.t.Fatalf("%d of %d sites have it: %+v", a.Sites, n, l.room.Status())
	}
}

// judge restores what the sites have: each and both to the newest, and to positions on the
// way, all of them or some.
func (l *life) judge(all bool) {
	t := l.t
	t.Helper()
	for _, d := range l.down {
		d.Store(false)
	}
	l.stop()
	l.begin()
	l.some()
	l.wait()
	newest := posOf(t, l.d)
	for _, sites := range [][]int{{0}, {1}, {0, 1}} {
		f := l.finder(sites...)
		inv, err := f.Look(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		p, rep, err := l.restore(f, copies.Target{})
		if err != nil || len(rep.Damages) > 0 {
			t.Fatal(err, rep.Damages)
		}
		if got := l.is(p); got != newest {
			t.Fatalf("sites %v: restored to %d, not to %d", sites, got, newest)
		}
		os.Remove(p)
		tried := map[uint64]bool{}
		for _, i := range l.r.Perm(len(inv.Segments)) {
			x := inv.Segments[i]
			if tried[x.Max] || !all && len(tried) >= 2 {
				continue
			}
			tried[x.Max] = true
			p, rep, err := l.restore(f, copies.Target{TX: x.Max})
			if err != nil {
				t.Fatalf("sites %v, to %d by %s: %v, damages %v", sites, x.Max, x.Name, err, rep.Damages)
			}
			l.reads(p)
			os.Remove(p)
		}
	}
	for i := range l.places {
		// A site that took its first object a moment ago may not have been told how far it is.
		l.eventually(func() bool {
			_, err := os.Stat(filepath.Join(l.places[i], "keys", "head.kvc"))
			return err == nil
		})
		v := copies.Verify(context.Background(), l.siteAt(i), l.charter, copies.VerifyOptions{Who: l.keys.Drill, Share: 1, Now: l.clock()})
		for _, f := range v.Findings {
			t.Errorf("site %d: %s", i, f)
		}
	}
}

// Whatever a shop lives through, each position that a restore gives is the shop as it was
// there, the newest one is reached from any site, and what the sites hold verifies.
func TestHistories(t *testing.T) {
	live(t, histories(t), firstSeed(t), howLong(t), func(t *testing.T, seed int64) {
		l := newLife(t, seed, nil)
		defer func() {
			if t.Failed() {
				t.Logf("history %d: %v\n%s", seed, l.said, &l.told)
			}
			l.stop()
		}()
		for range 5 + l.r.Intn(25) {
			l.step()
		}
		l.judge(seed%20 == 0)
	})
}

// live lives through n histories from a seed on, until the time is over. As many as tests
// run beside each other; each takes the next seed, so that there is one number up to which
// all have been lived through.
func live(t *testing.T, n int, first int64, until time.Time, one func(t *testing.T, seed int64)) {
	begun := time.Now()
	var lived, next atomic.Int64
	next.Store(first)
	rate := func() float64 { return float64(lived.Load()) / time.Since(begun).Seconds() }
	t.Run("lives", func(t *testing.T) {
		for i := range min(n, runtime.GOMAXPROCS(0)*4) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for time.Now().Before(until) {
					seed := next.Add(1) - 1
					if seed >= first+int64(n) {
						return
					}
					t.Run(fmt.Sprint(seed), func(t *testing.T) { one(t, seed) })
					if m := lived.Add(1); m%1000 == 0 {
						fmt.Printf("%d histories, seeds from %d to about %d, %.1f a second\n", m, first, seed, rate())
					}
				}
			})
		}
	})
	t.Logf("%d of %d histories, seeds from %d on, next %d, in %s, %.1f a second", lived.Load(), n, first, min(next.Load(), first+int64(n)), time.Since(begun).Round(time.Second), rate())
	if lived.Load() == 0 {
		t.Error("no history was lived through")
	}
}

// A database of more than a gigabyte, across the page that SQLite never writes, comes back
// to the byte. It takes minutes and gigabytes, and belongs to the torture.
func TestOverTheLockPage(t *testing.T) {
	if os.Getenv("KASSAVALV_TEST_HISTORIES") == "" {
		t.Log("a gigabyte is written in the torture only (KASSAVALV_TEST_HISTORIES)")
		return
	}
	s := newShop(t, 71, 1)
	const row = 8 << 20
	for i := range 140 { // 1.1 GB
		if err := db.Do(context.Background(), s.d, func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO t (id, s) VALUES ($1, $2)`, int64(10_000+i), letters(rand.New(rand.NewSource(int64(i))), 1000)+string(make([]byte, row)))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.room.Dump(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := db.Do(context.Background(), s.d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE t SET s = 'short' WHERE id = $1`, int64(10_120+i))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	if a := s.room.Wait(ctx, 0, 1); a.Sites != 1 {
		t.Fatalf("%+v", s.room.Status())
	}
	st, err := os.Stat(s.path())
	if err != nil || st.Size() < int64(ltx.LockPgno(4096))*4096 {
		t.Fatalf("the file is %d bytes only, %v", st.Size(), err)
	}
	s.eventually(func() bool {
		m, _ := filepath.Glob(filepath.Join(s.places[0], "v", "*.kvc"))
		return len(m) == 1
	})
	o := s.drillOptions()
	o.Now, o.Files = nil, nil
	begun := time.Now()
	r := copies.Drill(ctx, o)
	if r.State != copies.Ok {
		t.Fatal(says(r))
	}
	t.Logf("a drill of %d MB in %s: %+v", r.Size>>20, time.Since(begun).Round(time.Second), r.Steps)
}
