package checkout

import (
	"context"
	"errors"
	"sync"
	"time"

	"kassavalv/internal/shop/payment"
)

// health tells which ways to pay are up. A way that is down is taken off the checkout
// and put back by itself; what was begun with it goes on being asked about. It is each
// node's own view, and a purchase that is posted all the same is stored and kept.
type health struct {
	mu   sync.Mutex
	ways map[string]*way
}

type way struct {
	silent int       // calls in a row without an answer
	down   time.Time // since when; zero: up
	asking bool      // a probe is under way
	last   time.Time // when it last answered
}

const (
	suspect  = 2                // silent calls before the provider is asked whether it is up
	blind    = 4                // silent calls that take off a way that cannot be asked
	halfOpen = 30 * time.Second // after which such a way is tried again
	pingTime = 3 * time.Second
)

// of is what is known of a way; the lock is held.
func (h *health) of(method string) *way {
	if h.ways == nil {
		h.ways = map[string]*way{}
	}
	if h.ways[method] == nil {
		h.ways[method] = &way{last: time.Now()}
	}
	return h.ways[method]
}

// heard notes whether a provider answered. One payment may hang alone, so silence only
// makes the provider be asked whether it is up.
func (d *Desk) heard(method string, err error) {
	d.ways.mu.Lock()
	defer d.ways.mu.Unlock()
	w := d.ways.of(method)
	if err == nil || !errors.Is(err, payment.ErrUnknown) {
		w.silent, w.down, w.last = 0, time.Time{}, time.Now()
		return
	}
	w.silent++
	if p, ok := d.provider(method).(payment.Pinger); ok {
		if w.silent >= suspect && w.down.IsZero() && !w.asking {
			w.asking = true
			d.calls.Go(func() { d.ping(method, w, p) })
		}
	} else if w.silent >= blind && w.down.IsZero() {
		w.down = time.Now()
	}
}

func (d *Desk) ping(method string, w *way, p payment.Pinger) {
	ctx, cancel := context.WithTimeout(d.halt().ctx, pingTime)
	defer cancel()
	err := p.Ping(ctx)
	d.ways.mu.Lock()
	defer d.ways.mu.Unlock()
	w.asking = false
	switch {
	case err == nil:
		if !w.down.IsZero() {
			d.Log.Info("a way to pay is back", "method", method, "was_down", time.Since(w.down).Round(time.Second))
		}
		w.silent, w.down, w.last = 0, time.Time{}, time.Now()
	case w.down.IsZero():
		if w.silent++; w.silent <= suspect {
			return // once is nothing; it is asked again soon
		}
		w.down = time.Now()
		d.Log.Warn("a way to pay is down and off the checkout", "method", method, "err", err)
	}
}

// Up reports whether a way to pay is to be offered.
func (d *Desk) Up(method string) bool {
	if e, ok := d.provider(method).(payment.Expirer); ok {
		if until := e.Expires(); !until.IsZero() && !time.Now().Before(until) {
			return false // its partner would not speak with us
		}
	}
	d.ways.mu.Lock()
	defer d.ways.mu.Unlock()
	w := d.ways.ways[method]
	return w == nil || w.down.IsZero()
}

// probe asks those that are down, and those that have not answered for a while, whether
// they are up: a partner that goes down at night is off the checkout before the first
// buyer of the morning.
func (d *Desk) probe() {
	idle := max(15*time.Second, 5*d.Times.Check)
	d.ways.mu.Lock()
	defer d.ways.mu.Unlock()
	for _, prov := range d.Providers {
		w := d.ways.of(prov.Method())
		p, can := prov.(payment.Pinger)
		switch {
		case w.asking:
		case can && (!w.down.IsZero() || w.silent > 0 || time.Since(w.last) > idle):
			w.asking = true
			d.calls.Go(func() { d.ping(prov.Method(), w, p) })
		case !can && !w.down.IsZero() && time.Since(w.down) > halfOpen:
			w.silent, w.down = blind-1, time.Time{} // one more silent call takes it off again
		}
	}
}
