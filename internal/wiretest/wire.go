// Package wiretest gives tests a wire to somebody that can be made bad while it is in use:
// slow, narrow, silent, cut after so many bytes, reset.
package wiretest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Fault is what is wrong in one direction. The zero value is a good wire.
type Fault struct {
	Latency, Jitter time.Duration // each piece arrives later by Latency, give or take Jitter
	Rate            int           // bytes a second; 0 for as fast as it goes
	Slice           int           // a piece has this many bytes at most; 0 for as many as came
	Pause           time.Duration // between two pieces
	Limit           int64         // the connection ends when this many bytes went through since the fault began; 0 for no limit
	Silent          bool          // bytes are lost, and nobody is told
	Reset           bool          // the connection is reset by the next bytes
	LateClose       time.Duration // the end of what is sent arrives later by this
}

// Way is a direction.
type Way int

// The directions: Up from who opens a connection, Down from who takes it.
const (
	Up Way = iota
	Down
)

// Wire is a way to an address. Its methods may be called at any time, from anywhere, and
// none waits for what is on the wire: a wire is made bad in the middle of a transfer that
// nobody reads.
type Wire struct {
	Addr string // host:port of this end
	to   string

	mu     sync.Mutex
	faults [2]*Fault
	turned chan struct{} // closed when faults change
	listen net.Listener  // nil while the wire is cut
	conns  map[*conn]bool
}

// New opens a wire to an address, host:port; it ends with the test.
func New(t testing.TB, to string) *Wire {
	t.Helper()
	w := &Wire{Addr: "127.0.0.1:0", to: to, turned: make(chan struct{}), conns: map[*conn]bool{}, faults: [2]*Fault{{}, {}}}
	w.Mend(t)
	t.Cleanup(w.Cut)
	return w
}

// Through is a URL with this wire in the place of its host.
func (w *Wire) Through(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = w.Addr
	return u.String()
}

// Poison makes one direction bad, for the connections there are and for new ones, instead
// of how it was bad before.
func (w *Wire) Poison(way Way, f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults[way] = &f
	w.turn()
}

// Clean makes it a good wire again. A connection that has lost bytes ends: what came after
// them would be another message than was sent.
func (w *Wire) Clean() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = [2]*Fault{{}, {}}
	w.turn()
	for c := range w.conns {
		if c.lost {
			c.end()
		}
	}
}

func (w *Wire) turn() {
	close(w.turned)
	w.turned = make(chan struct{})
}

// Cut breaks every connection and refuses new ones; Mend ends that.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listen != nil {
		w.listen.Close()
		w.listen = nil
	}
	for c := range w.conns {
		c.end()
	}
}

// Mend ends Cut, at the same address.
func (w *Wire) Mend(t testing.TB) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listen != nil {
		return
	}
	l, err := net.Listen("tcp", w.Addr)
	if err != nil {
		t.Fatal(err)
	}
	w.listen, w.Addr = l, l.Addr().String()
	go w.accept(l)
}

func (w *Wire) accept(l net.Listener) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		go w.carry(l, near.(*net.TCPConn))
	}
}

// carry joins a connection to the other end until both directions are over.
func (w *Wire) carry(l net.Listener, near *net.TCPConn) {
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		near.Close()
		return
	}
	c := &conn{wire: w, ends: [2]*net.TCPConn{near, far.(*net.TCPConn)}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	w.mu.Lock()
	if w.listen != l { // it was cut meanwhile
		c.end()
	}
	w.conns[c] = true
	w.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { c.pump(Up, c.ends[0], c.ends[1]) })
	both.Go(func() { c.pump(Down, c.ends[1], c.ends[0]) })
	both.Wait()
	w.mu.Lock()
	delete(w.conns, c)
	c.end()
	w.mu.Unlock()
}

// conn is a connection through a wire.
type conn struct {
	wire   *Wire
	ends   [2]*net.TCPConn
	ctx    context.Context // over when the connection is
	cancel context.CancelFunc
	lost   bool // bytes of it were lost; guarded by wire.mu
}

// end breaks it, on both sides.
func (c *conn) end() {
	c.cancel()
	for _, e := range c.ends {
		e.Close()
	}
}

// reset breaks it so that both sides see a reset.
func (c *conn) reset() {
	for _, e := range c.ends {
		e.SetLinger(0)
	}
	c.end()
}

// weather is how a direction is now, and what is closed when that changes.
func (c *conn) weather(way Way) (*Fault, <-chan struct{}) {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	return c.wire.faults[way], c.wire.turned
}

// piece is some bytes that are on the wire.
type piece struct {
	bytes []byte
	since time.Time
	err   error // what ended the reading
}

// pump carries one direction. Who reads is apart from who delays, so that latency takes
// nothing from throughput.
func (c *conn) pump(way Way, from, to *net.TCPConn) {
	pieces := make(chan piece, 256)
	go func() {
		defer close(pieces)
		for {
			f, _ := c.weather(way)
			b := make([]byte, 32<<10)
			if f.Slice > 0 {
				b = b[:min(f.Slice, len(b))]
			}
			n, err := from.Read(b)
			select {
			case pieces <- piece{b[:n], time.Now(), err}:
			case <-c.ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	var under *Fault
	var went int64 // since under
	for p := range pieces {
		f, _ := c.weather(way)
		if len(p.bytes) > 0 {
			if f.Latency > 0 {
				c.wait(way, time.Until(p.since.Add(f.Latency+jitter(f.Jitter))))
			}
			if f.Rate > 0 {
				c.wait(way, time.Duration(len(p.bytes))*time.Second/time.Duration(f.Rate))
			}
			c.wait(way, f.Pause)
			f, _ = c.weather(way) // it may have changed meanwhile
		}
		if f != under {
			under, went = f, 0
		}
		if !c.pass(way, f, p, &went, to) {
			return
		}
	}
}

// pass hands a piece over, as the fault lets it. It is false where the direction is over.
func (c *conn) pass(way Way, f *Fault, p piece, went *int64, to *net.TCPConn) bool {
	b := p.bytes
	switch {
	case len(b) == 0:
	case f.Reset:
		c.reset()
		return false
	case f.Silent:
		c.wire.mu.Lock()
		c.lost = true
		over := c.wire.faults[way] != f // cleaned in between, which saw nothing lost yet
		c.wire.mu.Unlock()
		if over {
			c.end()
			return false
		}
	default:
		full := f.Limit > 0 && *went+int64(len(b)) >= f.Limit
		if full {
			b = b[:f.Limit-*went]
		}
		*went += int64(len(b))
		if _, err := to.Write(b); err != nil || full {
			c.end()
			return false
		}
	}
	if p.err == nil {
		return true
	}
	if f.LateClose > 0 {
		c.wait(-1, f.LateClose)
	}
	if errors.Is(p.err, net.ErrClosed) || to.CloseWrite() != nil {
		c.end()
	}
	return false
}

// wait lets time pass until the connection ends, or the direction's fault changes; way -1
// waits out any.
func (c *conn) wait(way Way, d time.Duration) {
	if d <= 0 {
		return
	}
	var turned <-chan struct{}
	if way >= 0 {
		_, turned = c.weather(way)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-turned:
	case <-c.ctx.Done():
	}
}

func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(2*d) - d
}
