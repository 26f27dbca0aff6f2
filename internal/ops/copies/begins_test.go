package copies_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
	for range 3 {
		s.some()
		if _, err := s.stream.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	away := func() { // without waiting for what is not there
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.room.Close(ctx)
		s.room = nil
	}
	away()
	// The five minutes are over at a moment that the site does not live to see.
	s.clock = func() time.Time { return time.Now().Add(10 * time.Minute) }
	s.begin()
	s.eventually(func() bool {
		m, err := filepath.Glob(filepath.Join(s.dir, "copies", "spool", "l1", "*"))
		return err == nil && len(m) > 0
	})
	s.some()
	away()
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
	away := func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.room.Close(ctx)
		s.room = nil
	}
	again()
	for range 3 {
		s.some()
		if _, err := s.stream.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	away()
	// The five minutes are over while the site is away, then the row is.
	s.clock = func() time.Time { return time.Now().Add(10 * time.Minute) }
	s.begin()
	base := s.stream.Head().Base
	s.eventually(func() bool {
		m, err := filepath.Glob(filepath.Join(s.dir, "copies", "spool", "l1", fmt.Sprintf("%016x-*", base+1)))
		return err == nil && len(m) > 0
	})
	away()
	again()
	away()
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
		s.eventually(func() bool {
			m, err := filepath.Glob(filepath.Join(s.places[i], "e", "00000001", "l1", "*.kvc"))
			return err == nil && len(m) > 0
		})
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
		s.eventually(func() bool {
			m, err := filepath.Glob(filepath.Join(s.places[1], "e", "00000001", "l1", "*.kvc"))
			return err == nil && len(m) > i
		})
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
