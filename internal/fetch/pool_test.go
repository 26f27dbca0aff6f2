package fetch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestPoolBounds(t *testing.T) {
	p := NewPool(4, 2, 1000)
	var all, slow, maxAll, maxSlow atomic.Int32
	top := func(m *atomic.Int32, v int32) {
		for o := m.Load(); v > o && !m.CompareAndSwap(o, v); o = m.Load() {
		}
	}
	var wg sync.WaitGroup
	for i := range 300 {
		key := "slow"
		if i%3 == 0 {
			key = "other"
		}
		wg.Go(func() {
			err := p.Do(t.Context(), key, func(context.Context) error {
				top(&maxAll, all.Add(1))
				defer all.Add(-1)
				if key == "slow" {
					top(&maxSlow, slow.Add(1))
					defer slow.Add(-1)
				}
				if i%7 == 0 {
					panic("boom")
				}
				return nil
			})
			if (err != nil) != (i%7 == 0) {
				t.Error(i, err)
			}
		})
	}
	wg.Wait()
	if maxAll.Load() > 4 || maxSlow.Load() > 2 {
		t.Fatal(maxAll.Load(), maxSlow.Load())
	}
	if p.free != 4 || len(p.running) != 0 || len(p.waiting) != 0 {
		t.Fatal(p.free, p.running, p.waiting)
	}
}

func TestSlowReceiverLeavesRoomForOthers(t *testing.T) {
	p := NewPool(3, 2, 3)
	hold := make(chan struct{})
	started := make(chan struct{}, 10)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			p.Do(t.Context(), "slow", func(context.Context) error { started <- struct{}{}; <-hold; return nil })
		})
	}
	<-started
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 3)
	for range 3 {
		go func() { gone <- p.Do(ctx, "slow", func(context.Context) error { return nil }) }()
	}
	for full := false; !full; {
		p.mu.Lock()
		full = len(p.waiting) == 3
		p.mu.Unlock()
	}
	// The third worker is free for others though three wait before them.
	if err := p.Do(t.Context(), "other", func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := p.Do(t.Context(), "slow", func(context.Context) error { return nil }); !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
	cancel()
	for range 3 {
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	close(hold)
	wg.Wait()
	if p.free != 3 || len(p.running) != 0 {
		t.Fatal(p.free, p.running)
	}
}
