package shield

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Lane is a bulkhead of the Gate: work in one lane never waits for another.
type Lane int

// The lanes, the most precious first.
const (
	Checkout Lane = iota // carts, purchases, payment notifications
	Staff                // the back office
	Window               // everybody who looks around
	Door                 // sign-ins: each costs a password's hash, and waits for it
	lanes
)

// LaneOf tells in which lane a rate class is worked on.
func LaneOf(c Class) Lane {
	switch c {
	case Purchase, Cart, Hook:
		return Checkout
	case Admin:
		return Staff
	case Login:
		return Door
	}
	return Window
}

// GateOptions holds the places of each lane. Zero means the default, which
// depends on the number of processors.
type GateOptions struct {
	Checkout, Staff, Window, Door int
	Queue                         int           // most waiting requests in each lane
	Patience                      time.Duration // longest wait for a place in the Window lane; buyers wait ten times as long
}

// Gate bounds how many requests are worked on at once.
type Gate struct {
	lane [lanes]lane
}

type lane struct {
	mu       sync.Mutex
	places   int
	busy     int
	most     int
	queue    []chan struct{}
	patience time.Duration
	clear    time.Time // when the queue was last empty
}

// The controlled delay: once a queue has not been empty for this long the
// overload is not a burst, and waiting would only make everyone slow.
const (
	standing = 200 * time.Millisecond
	hurry    = 20 // patience is divided by this while the queue stands
)

// NewGate builds a gate.
func NewGate(o GateOptions) *Gate {
	cpus := runtime.GOMAXPROCS(0)
	or := func(n, def int) int {
		if n > 0 {
			return n
		}
		return def
	}
	if o.Patience <= 0 {
		o.Patience = time.Second
	}
	queue := or(o.Queue, 1024)
	now := time.Now()
	g := &Gate{}
	// A purchase waits up to 3 s for the bank while holding its place, so the
	// checkout lane has many; the window lane is bounded by processors.
	g.lane[Checkout] = lane{places: or(o.Checkout, 512), most: queue, patience: 10 * o.Patience, clear: now}
	g.lane[Staff] = lane{places: or(o.Staff, 8*cpus), most: queue, patience: 5 * o.Patience, clear: now}
	g.lane[Window] = lane{places: or(o.Window, 16*cpus), most: queue, patience: o.Patience, clear: now}
	// Sign-ins sit on their places while they wait for a processor to hash on.
	g.lane[Door] = lane{places: or(o.Door, 8*cpus), most: queue, patience: o.Patience, clear: now}
	return g
}

// Enter takes a place in the lane, waiting at most the lane's patience. When it
// returns true the caller MUST call Leave with the same lane exactly once. When
// it returns false the caller answers 503.
func (g *Gate) Enter(ctx context.Context, which Lane) bool {
	l := &g.lane[which]
	l.mu.Lock()
	if l.busy < l.places {
		l.busy++
		l.mu.Unlock()
		return true
	}
	now := time.Now()
	if len(l.queue) == 0 {
		l.clear = now
	}
	if len(l.queue) >= l.most {
		l.mu.Unlock()
		return false
	}
	patience := l.patience
	if now.Sub(l.clear) > standing {
		patience /= hurry
	}
	turn := make(chan struct{})
	l.queue = append(l.queue, turn)
	l.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-turn:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, t := range l.queue {
		if t == turn {
			l.queue = append(l.queue[:i], l.queue[i+1:]...)
			return false
		}
	}
	// The place was handed over between the timer and the lock: it is ours.
	return true
}

// Leave gives the place to whoever waits longest, or frees it.
func (g *Gate) Leave(which Lane) {
	l := &g.lane[which]
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) > 0 {
		next := l.queue[0]
		l.queue[0] = nil
		l.queue = l.queue[1:]
		close(next)
		return
	}
	l.busy--
}

// Load tells how many requests of the lane are worked on and how many wait.
func (g *Gate) Load(which Lane) (busy, waiting int) {
	l := &g.lane[which]
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy, len(l.queue)
}
