package copies_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
)

// A site that got its snapshot after a row had gone on for a while gets nothing of before:
// what it holds all leads somewhere, also after a restart that knows nothing of the site.
func TestNothingThatLeadsNowhere(t *testing.T) {
	s := newShop(t, 81, 1)
	s.some()
	s.settled()
	s.end()
	s.close()
	loose(t, s.path(), `VACUUM`) // the row begins anew
	s.open()
	down := &atomic.Bool{}
	down.Store(true)
	s.wrap = func(_ int, x copies.Site) copies.Site { return flaky{x, down} }
	s.begin()
	base := s.stream.Head().Base
	if base == 0 {
		t.Fatal("the row did not begin anew")
	}
	s.write(3)
	s.stop()
	// The five minutes are over at a moment that the site does not live to see.
	s.clock = func() time.Time { return time.Now().Add(10 * time.Minute) }
	s.begin()
	s.comes(filepath.Join(s.dir, "copies", "spool", "l1", "*"), 0)
	s.some()
	s.stop()
	down.Store(false)
	for range 2 { // the second time nothing is remembered of the site
		m, err := filepath.Glob(filepath.Join(s.dir, "copies", "sites", "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range m {
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
		}
		s.begin()
		for range 2 {
			s.some()
			s.settled()
		}
		// What is longer goes after the raw ones: here until a later one is there.
		n := len(s.longer())
		s.clock = func() time.Time { return time.Now().Add(24 * time.Hour) }
		s.end()
		s.begin()
		s.eventually(func() bool { return len(s.longer()) > n })
		s.end()
	}
	f := s.finder(0)
	inv, err := f.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range inv.Segments {
		if x.Max <= base {
			continue
		}
		p, _, err := s.restore(f, copies.Target{TX: x.Max})
		if err != nil {
			t.Errorf("to %d by %s: %v", x.Max, x.Name, err)
			continue
		}
		s.is(p)
	}
}

// longer are the segments of five minutes at the first site.
func (s *shop) longer() []string {
	m, err := filepath.Glob(filepath.Join(s.places[0], "e", "00000001", "l1", "*.kvc"))
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// A site that was away for the whole of a row gets nothing of it when the next has begun: no
// snapshot is there that the row could be restored from.
func TestNothingOfARowThatIsOver(t *testing.T) {
	s := newShop(t, 82, 2)
	s.some()
	s.settled()
	s.end()
	down := &atomic.Bool{}
	down.Store(true)
	s.wrap = func(i int, x copies.Site) copies.Site {
		if i == 1 {
			return flaky{x, down}
		}
		return x
	}
	again := func() { // somebody else's VACUUM: the row begins anew
		t.Helper()
		s.close()
		loose(t, s.path(), `VACUUM`)
		s.open()
		was := s.stream.Head().Base
		s.begin()
		if s.stream.Head().Base < was || was == 0 {
			t.Fatal("the row did not begin anew")
		}
	}
	again()
	s.write(3)
	s.stop()
	// The five minutes are over while the site is away, then the row is.
	s.clock = func() time.Time { return time.Now().Add(10 * time.Minute) }
	s.begin()
	base := s.stream.Head().Base
	s.comes(filepath.Join(s.dir, "copies", "spool", "l1", fmt.Sprintf("%016x-*", base+1)), 0)
	s.stop()
	again()
	s.stop()
	down.Store(false)
	s.places = append(s.places, t.TempDir()) // a third, that is new
	s.begin()
	for range 2 {
		s.some()
		s.settled()
	}
	s.clock = func() time.Time { return time.Now().Add(20 * time.Minute) }
	s.end()
	s.begin()
	for i := range s.places {
		s.comes(filepath.Join(s.places[i], "e", "00000001", "l1", "*.kvc"), 0)
	}
	s.settled()
	s.end()
	s.allLead()
}

// Nor does a site that is new to a shop whose row never broke get what was before its snapshot, also
// when nothing is remembered of it.
func TestNothingBeforeANewSite(t *testing.T) {
	s := newShop(t, 83, 1)
	for i := range 3 {
		for range 2 {
			s.some()
			s.settled()
		}
		s.end()
		after := time.Duration(i+1) * 10 * time.Minute
		s.clock = func() time.Time { return time.Now().Add(after) }
		s.begin()
		s.eventually(func() bool { return len(s.longer()) > i })
	}
	if s.stream.Head().Base != 0 {
		t.Fatal("the row broke")
	}
	s.end()
	s.places = append(s.places, t.TempDir())
	for i := range 2 {
		s.begin()
		for range 2 {
			s.some()
			s.settled()
		}
		s.end()
		after := time.Duration(i+4) * 10 * time.Minute
		s.clock = func() time.Time { return time.Now().Add(after) }
		s.begin()
		s.comes(filepath.Join(s.places[1], "e", "00000001", "l1", "*.kvc"), i)
		s.settled()
		s.end()
		s.allLead()
		if err := os.Remove(filepath.Join(s.dir, "copies", "sites", "site1.json")); err != nil {
			t.Fatal(err)
		}
	}
}

// allLead restores to the end of each segment of each site, from that site alone.
func (s *shop) allLead() {
	t := s.t
	t.Helper()
	for i := range s.places {
		f := s.finder(i)
		inv, err := f.Look(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range inv.Segments {
			p, _, err := s.restore(f, copies.Target{TX: x.Max})
			if err != nil {
				t.Errorf("site %d to %d by %s: %v", i, x.Max, x.Name, err)
				continue
			}
			s.is(p)
		}
	}
}

// What the spool lost while a site was away is missed there, and what lies wholly within it is not
// sent, be it remembered or not: the row goes on, and the site with a snapshot.
func TestNothingOfWhatTheSpoolLost(t *testing.T) {
	for name, forget := range map[string]bool{"remembered": false, "forgotten": true} {
		t.Run(name, func(t *testing.T) { spoolLost(t, forget) })
	}
}

func spoolLost(t *testing.T, forget bool) {
	s := newShop(t, 84, 2)
	s.some()
	s.settled()
	s.end()
	down, noLonger := &atomic.Bool{}, &atomic.Bool{}
	down.Store(true)
	noLonger.Store(true)
	s.wrap = func(i int, x copies.Site) copies.Site {
		if i == 1 {
			return noLevel{flaky{x, down}, "/l1/", noLonger}
		}
		return x
	}
	s.begin()
	at := s.stream.Head().TX
	s.write(4)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if a := s.room.Wait(ctx, 0, 1); a.Sites < 1 { // the other follows, and needs no snapshot
		t.Fatalf("%+v", a)
	}
	s.stop()
	s.close()
	// The first that the site lacks is lost, and what is older.
	raws, err := filepath.Glob(filepath.Join(s.dir, "copies", "spool", "l0", "*"))
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, x := range raws {
		if filepath.Base(x) < fmt.Sprintf("%016x", at+2) {
			if err := os.Remove(x); err != nil {
				t.Fatal(err)
			}
			lost++
		}
	}
	s.open()
	if h := s.stream.Head(); lost == 0 || h.Base != 0 || h.TX < at+4 {
		t.Fatalf("%d lost; the row did not go on: %+v", lost, h)
	}
	s.clock = func() time.Time { return time.Now().Add(10 * time.Minute) } // the five minutes are over
	s.begin()
	s.comes(filepath.Join(s.dir, "copies", "spool", "l1", fmt.Sprintf("%016x-*", at+2)), 0)
	s.write(2) // the snapshot is not where the longer one ends
	s.stop()
	down.Store(false)
	s.begin()
	s.settled()
	s.stop()
	noLonger.Store(false)
	if forget {
		if err := os.Remove(filepath.Join(s.dir, "copies", "sites", "site1.json")); err != nil {
			t.Fatal(err)
		}
	}
	s.begin()
	s.some()
	s.settled()
	s.end()
	s.clock = func() time.Time { return time.Now().Add(20 * time.Minute) }
	s.begin()
	s.comes(filepath.Join(s.places[1], "e", "00000001", "l1", "*.kvc"), 0)
	s.settled()
	s.end()
	s.allLead()
}

// write makes n segments.
func (s *shop) write(n int) {
	s.t.Helper()
	for range n {
		s.some()
		if _, err := s.stream.Flush(); err != nil {
			s.t.Fatal(err)
		}
	}
}

// comes waits until more than n files are of a pattern.
func (s *shop) comes(pattern string, n int) {
	s.t.Helper()
	s.eventually(func() bool {
		m, err := filepath.Glob(pattern)
		return err == nil && len(m) > n
	})
}

// noLevel is a site that takes nothing of one level.
type noLevel struct {
	copies.Site
	level string
	on    *atomic.Bool
}

func (n noLevel) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if n.on.Load() && strings.Contains(name, n.level) {
		return copies.Receipt{}, errDown
	}
	return n.Site.Put(ctx, name, body, size)
}
