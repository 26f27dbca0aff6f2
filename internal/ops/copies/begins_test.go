package copies_test

import (
	"context"
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
