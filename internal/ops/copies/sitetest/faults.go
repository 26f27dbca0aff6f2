package sitetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/wiretest"
)

// Faults checks what a site that is reached over a network does when the wire is bad: it
// waits, or it says that trouble has passed, and it goes on by itself when the wire is good.
// open gives a site that holds nothing, reached at addr, which waits for what does not move
// about as long as patience says, and as usual if that is 0; server is the address behind
// the wire.
func (k Kind) Faults(t *testing.T, server string, open func(t *testing.T, addr string, patience time.Duration) copies.Site) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			l := wiretest.New(t, server)
			var patience time.Duration
			if strings.HasPrefix(f.name, "stands still") { // elsewhere a busy machine is no fault
				patience = time.Second
			}
			site := open(t, l.Addr, patience)
			t.Cleanup(func() { site.Close() })
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
			defer cancel()
			f.run(&scene{judge: t, kind: k, t: t, site: site, ctx: ctx}, l)
		})
	}
}

var faults = []struct {
	name string
	run  func(s *scene, l *wiretest.Wire)
}{
	{"slow", func(s *scene, l *wiretest.Wire) {
		l.Poison(wiretest.Up, wiretest.Fault{Latency: 150 * time.Millisecond, Jitter: 50 * time.Millisecond, Slice: 1000, Pause: 100 * time.Microsecond})
		l.Poison(wiretest.Down, wiretest.Fault{Latency: 150 * time.Millisecond, Jitter: 50 * time.Millisecond})
		b := s.body(seg(1), noise(1, 100<<10))
		s.mustPut(seg(1), b)
		s.holds(seg(1), b)
		s.lists("", "", seg(1))
	}},
	{"slower than it waits, but moving", func(s *scene, l *wiretest.Wire) {
		b := s.body(seg(1), noise(1, 2<<20))
		l.Poison(wiretest.Up, wiretest.Fault{Rate: 500 << 10})
		l.Poison(wiretest.Down, wiretest.Fault{Rate: 500 << 10})
		s.mustPut(seg(1), b)
		s.holds(seg(1), b)
	}},
	{"cut on the way there", func(s *scene, l *wiretest.Wire) {
		for i, n := range []int64{20_000, 300_000, 900_000} {
			b := s.body(seg(i+1), noise(uint64(i), 1<<20))
			l.Poison(wiretest.Up, wiretest.Fault{Limit: n})
			_, err := s.put(seg(i+1), b)
			s.is(fmt.Sprint("put that is cut after ", n), err)
			l.Clean()
			s.eventually("a put is possible again", func() error { _, err := s.list("", ""); return err })
			s.absentNow(seg(i + 1))
			s.mustPut(seg(i+1), b)
			s.holds(seg(i+1), b)
		}
	}},
	{"cut on the way here", func(s *scene, l *wiretest.Wire) {
		b := s.body(seg(1), noise(1, 1<<20))
		s.mustPut(seg(1), b)
		for _, n := range []int64{20_000, 500_000, 1_000_000} {
			l.Poison(wiretest.Down, wiretest.Fault{Limit: n})
			got, err := s.get(seg(1))
			s.is(fmt.Sprint("get that is cut after ", n), err)
			if err == nil {
				s.Errorf("cut after %d, a get gives %d bytes of %d", n, len(got), len(b))
			}
			l.Clean()
			s.eventually("a get is possible again", func() error { _, err := s.get(seg(1)); return err })
			s.holds(seg(1), b)
		}
	}},
	{"stands still", func(s *scene, l *wiretest.Wire) {
		b := s.body(seg(1), noise(1, 1<<20))
		s.eventually("a put before the fault", func() error { _, err := s.put(seg(1), b); return err })
		l.Poison(wiretest.Up, wiretest.Fault{Silent: true})
		l.Poison(wiretest.Down, wiretest.Fault{Silent: true})
		_, err := s.put(seg(2), b)
		s.is("put to what stands still", err)
		_, err = s.get(seg(1))
		s.is("get from what stands still", err)
		_, err = s.list("", "")
		s.is("list of what stands still", err)
		s.is("replace at what stands still", s.site.Replace(s.ctx, "keys/current.age", []byte("x")))
		if s.ctx.Err() != nil {
			s.Errorf("it waited for ever")
		}
		l.Clean()
		s.eventually("a get is possible again", func() error { _, err := s.get(seg(1)); return err })
		var names []string
		s.eventually("a list is possible again", func() error {
			got, err := s.list("", "")
			names = nil
			for _, o := range got {
				names = append(names, o.Name)
			}
			return err
		})
		if len(names) != 1 || names[0] != seg(1) {
			s.Errorf("after it there is %v", names)
		}
	}},
	{"stands still in the middle", func(s *scene, l *wiretest.Wire) {
		b := s.body(seg(1), noise(1, 8<<20))
		s.eventually("a put before the fault", func() error { _, err := s.put(seg(1), b); return err })
		var r io.ReadCloser
		s.eventually("a get before the fault", func() (err error) {
			if r, err = s.site.Get(s.ctx, seg(1)); err == nil {
				if _, err = io.ReadFull(r, make([]byte, 1000)); err != nil {
					r.Close()
				}
			}
			return err
		})
		defer r.Close()
		l.Poison(wiretest.Down, wiretest.Fault{Silent: true})
		_, err := io.Copy(io.Discard, r)
		s.is("a get that stops moving", err)
		if s.ctx.Err() != nil {
			s.Errorf("it waited for ever")
		}
	}},
	{"gone and back", func(s *scene, l *wiretest.Wire) {
		b := s.body(seg(1), noise(1, 10<<10))
		s.mustPut(seg(1), b)
		for range 3 {
			l.Cut()
			_, err := s.put(seg(2), b)
			s.is("put to what is gone", err)
			_, err = s.get(seg(1))
			s.is("get from what is gone", err)
			_, err = s.list("", "")
			s.is("list of what is gone", err)
			l.Mend(s.t)
			s.eventually("a get is possible again", func() error { _, err := s.get(seg(1)); return err })
			s.holds(seg(1), b)
		}
		s.lists("", "", seg(1))
	}},
	{"reset", func(s *scene, l *wiretest.Wire) {
		b := s.body(seg(1), noise(1, 10<<10))
		s.mustPut(seg(1), b)
		l.Poison(wiretest.Up, wiretest.Fault{Reset: true})
		_, err := s.put(seg(2), b)
		s.is("put that is reset", err)
		l.Clean()
		s.eventually("a get is possible again", func() error { _, err := s.get(seg(1)); return err })
		s.lists("", "", seg(1))
	}},
}

// eventually tries until there is no error: connections that the fault broke may fail once more.
func (s *scene) eventually(what string, try func() error) {
	s.Helper()
	for {
		err := try()
		if err == nil {
			return
		}
		if errors.Is(err, context.DeadlineExceeded) && s.ctx.Err() != nil {
			s.Fatalf("%s: never: %v", what, err)
		}
		select {
		case <-s.ctx.Done():
			s.Fatalf("%s: never: %v", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
