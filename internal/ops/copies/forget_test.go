package copies_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies/powertest"
)

func TestMain(m *testing.M) {
	powertest.Main()
	os.Exit(m.Run())
}

// cut takes the power away while somebody buys: what the disk was not told to keep is gone,
// or some of it is. What was on its way to a site arrives, and nothing after it.
func (l *life) cut() {
	t := l.t
	t.Helper()
	busy, busied := make(chan struct{}), make(chan struct{})
	acked := posOf(t, l.d)
	if l.r.Intn(2) == 0 { // in the middle of it
		n := 1 + l.r.Intn(6)
		go func() {
			defer close(busied)
			for i := range n {
				l.some()
				if i == n/2 {
					close(busy)
				}
			}
		}()
		<-busy
	} else {
		close(busied)
	}
	was := make([]bool, len(l.down))
	for i, d := range l.down {
		was[i] = d.Swap(true)
	}
	before, kept := l.stream.Head(), l.stream.OnDisk()
	how, after := "power cut", ""
	switch l.cuts++; l.r.Intn(4) {
	case 0:
		how, after = "killed", l.disk.Kill(t, l.dir)
	case 1:
		how, after = "power cut, some is lost", l.disk.Cut(t, l.dir, int64(l.cuts))
	default:
		after = l.disk.Cut(t, l.dir, 0)
	}
	<-busied
	l.stop()
	l.close()
	for i, d := range l.down {
		d.Store(was[i])
	}
	l.dir = after
	l.open()
	l.say("%s, the spool on disk up to %d of %d-%d", how, kept, before.Base, before.TX)
	pos := posOf(t, l.d)
	if want, ok := l.states[pos]; pos < acked || !ok || contentsOf(t, l.d) != want {
		t.Fatalf("committed up to %d before the cut, and the database is at %d (known: %v)", acked, pos, ok)
	}
	h := l.stream.Head()
	if kept > before.Base && h.Base != before.Base {
		t.Fatalf("segments were on disk up to %d, and the row from %d to %d begins anew at %d", kept, before.Base, before.TX, h.Base)
	}
	l.begin()
	if h := l.flushed(); h.TX < before.TX {
		t.Fatalf("the sites may have transaction %d, and the stream goes on at %d", before.TX, h.TX)
	}
}

// Whatever a shop lives through on a disk that forgets what it was not told to keep, no
// commit is lost, segments that are said to be on disk are there, and what the sites give
// back is the shop.
func TestForgetfulHistories(t *testing.T) {
	if !powertest.Inside() {
		powertest.Run(t)
		return
	}
	n := 40
	if s := os.Getenv("KASSAVALV_TEST_FORGETFUL"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n <= 0 {
			t.Fatalf("KASSAVALV_TEST_FORGETFUL is %q", s)
		}
	}
	until, first := howLong(t), firstSeed(t)
	disk := powertest.Mount(t)
	var cuts atomic.Int64
	live(t, n, first, until, func(t *testing.T, seed int64) {
		l := newLife(t, seed, disk)
		defer func() {
			if t.Failed() {
				t.Logf("history %d: %v\n%s", seed, l.said, &l.told)
			}
			l.stop()
			cuts.Add(int64(l.cuts))
		}()
		for range 5 + l.r.Intn(20) {
			if l.r.Intn(6) == 0 {
				l.cut()
			}
			l.step()
		}
		l.cut()
		l.judge(seed%20 == 0)
	})
	t.Logf("%d times the power was cut or the process killed", cuts.Load())
}

// Kept is what the log may be emptied by: a segment that is said to be on disk is there
// after the power was cut, and so is the row it belongs to.
func TestKeptIsOnDisk(t *testing.T) {
	if !powertest.Inside() {
		powertest.Run(t)
		return
	}
	disk := powertest.Mount(t)
	w := newWorldAt(t, 17, disk.Dir(t))
	for range 10 {
		w.some()
	}
	w.flushed()
	for i := range 4 {
		w.some()
		// The log is emptied: all that tells of those commits is the spool.
		if err := w.d.Freeze(context.Background(), func(db.Frozen) error { return nil }); err != nil {
			t.Fatal(err)
		}
		w.some()
		if i%2 == 1 { // what a process that was killed wrote is not on disk by itself
			w.flushed()
			killed := disk.Kill(t, w.dir)
			w.close()
			w.dir = killed
			w.open()
		}
		if i >= 2 { // the log is long enough to be emptied, if the spool is on disk, which nobody sees to
			w.do(func(tx *db.Tx) error {
				_, err := tx.Exec(`INSERT INTO t (id, s) VALUES ($1, $2)`, int64(1000+i), letters(w.r, 5<<20))
				return err
			})
		}
		w.some()
		before := w.flushed()
		w.some() // a log that was emptied begins again
		kept := w.stream.OnDisk()
		segs, _ := w.stream.After(0)
		after := disk.Cut(t, w.dir, 0)
		w.close()
		w.dir = after
		w.open()
		if h := w.flushed(); h.TX < before.TX || h.Base != before.Base {
			t.Fatalf("the row from %d to %d goes on from %d at %d", before.Base, before.TX, h.Base, h.TX)
		}
		for _, g := range segs {
			if _, err := os.Stat(w.file(g)); err != nil && g.Max <= kept {
				t.Errorf("a segment that was on disk: %v", err)
			}
		}
		if _, err := os.Stat(filepath.Join(w.dir, "copies", "spool", "l9")); err != nil {
			t.Error(err)
		}
	}
}
