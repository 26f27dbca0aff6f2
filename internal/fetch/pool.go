package fetch

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrBusy is returned when a pool's waiting room is full.
var ErrBusy = errors.New("fetch: too many calls are waiting")

// Pool bounds calls to the outside: so many at once, so many of them for one
// receiver, so many waiting.
type Pool struct {
	mu      sync.Mutex
	free    int
	perKey  int
	running map[string]int
	waiting []*waiter
	room    int
}

type waiter struct {
	key  string
	turn chan struct{}
}

// NewPool makes a pool of workers, at most perKey of them for one key, and a
// waiting room of queue. Values below 1 are taken as 1; queue may be 0.
func NewPool(workers, perKey, queue int) *Pool {
	return &Pool{free: max(workers, 1), perKey: max(perKey, 1), running: map[string]int{}, room: max(queue, 0)}
}

// Do waits for a place and runs fn. The key names the receiver, for instance
// the host. ErrBusy when the waiting room is full, ctx.Err() when ctx ends
// first; a panic in fn becomes an error.
func (p *Pool) Do(ctx context.Context, key string, fn func(context.Context) error) (err error) {
	if err := p.enter(ctx, key); err != nil {
		return err
	}
	defer p.leave(key)
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("fetch: panic in a call: a value of type %T", v)
		}
	}()
	return fn(ctx)
}

func (p *Pool) enter(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	if p.free > 0 && p.running[key] < p.perKey {
		p.take(key)
		p.mu.Unlock()
		return nil
	}
	if len(p.waiting) >= p.room {
		p.mu.Unlock()
		return ErrBusy
	}
	w := &waiter{key, make(chan struct{})}
	p.waiting = append(p.waiting, w)
	p.mu.Unlock()
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, x := range p.waiting {
		if x == w {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			return ctx.Err()
		}
	}
	// The place was given in the same moment: hand it on.
	p.give(key)
	return ctx.Err()
}

func (p *Pool) take(key string) {
	p.free--
	p.running[key]++
}

func (p *Pool) leave(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.give(key)
}

// give returns a place and lets in the first who may use one; p.mu is held.
func (p *Pool) give(key string) {
	p.free++
	if p.running[key]--; p.running[key] == 0 {
		delete(p.running, key)
	}
	for i := 0; i < len(p.waiting) && p.free > 0; {
		w := p.waiting[i]
		if p.running[w.key] >= p.perKey {
			i++
			continue
		}
		p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
		p.take(w.key)
		close(w.turn)
	}
}
