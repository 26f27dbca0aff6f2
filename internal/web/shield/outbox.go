package shield

import (
	"net/netip"
	"sync"
)

// OutboxLimits bounds the bytes of answers that wait for their readers. Zero means
// the default.
type OutboxLimits struct {
	Total     int64 // in all; default 64 MB
	PerClient int64 // for one client prefix; default 16 MB
}

// outboxFloor is what a waiting answer counts at least: its stream, its goroutine and
// its buffers are memory too.
const outboxFloor = 16 << 10

// Outbox keeps answers that are being written within OutboxLimits. Most are gone in a
// moment. A reader that asks and does not read holds the bytes of his answer until
// its deadline; when there are too many of those, the one that has waited longest is
// cut (of the same client first, then of anyone), and never the one that just began.
type Outbox struct {
	limits OutboxLimits

	mu      sync.Mutex
	held    int64
	all     waitings
	clients map[netip.Prefix]*waitingClient
}

type waitingClient struct {
	held int64
	mine waitings
}

// waitings is a list, longest waiting first; link 0 is that of all, link 1 that of
// the client.
type waitings struct{ first, last *Waiting }

// Waiting is the place of one answer in the books. The zero value is good; it belongs
// to one goroutine, which may use it again after End.
type Waiting struct {
	link   [2]struct{ prev, next *Waiting }
	client netip.Prefix
	size   int64
	booked bool // under Outbox.mu

	mu      sync.Mutex
	writing bool
	cut     Cutter
}

// Cutter is an answer that is being written.
type Cutter interface {
	// Cut makes the write fail.
	Cut()
}

// NewOutbox makes one.
func NewOutbox(limits OutboxLimits) *Outbox {
	if limits.Total <= 0 {
		limits.Total = 64 << 20
	}
	if limits.PerClient <= 0 {
		limits.PerClient = 16 << 20
	}
	return &Outbox{limits: limits, clients: map[netip.Prefix]*waitingClient{}}
}

// Begin books size bytes before they are written. The answer is cut at most once, from
// another goroutine, and only before End returns. The caller MUST call End after the
// write.
func (o *Outbox) Begin(w *Waiting, client netip.Addr, size int, cut Cutter) {
	w.client, w.size = Prefix(client), max(int64(size), outboxFloor)
	w.mu.Lock()
	w.writing, w.cut = true, cut
	w.mu.Unlock()
	var victims []*Waiting
	o.mu.Lock()
	c := o.clients[w.client]
	if c == nil {
		c = &waitingClient{}
		o.clients[w.client] = c
	}
	for c.held+w.size > o.limits.PerClient && c.mine.first != nil {
		victims = append(victims, c.mine.first)
		o.forget(c.mine.first)
	}
	for o.held+w.size > o.limits.Total && o.all.first != nil {
		victims = append(victims, o.all.first)
		o.forget(o.all.first)
	}
	// forget may have dropped the client's entry when its last one went.
	o.clients[w.client] = c
	c.held += w.size
	o.held += w.size
	o.all.push(w, 0)
	c.mine.push(w, 1)
	w.booked = true
	o.mu.Unlock()
	for _, v := range victims {
		v.stop()
	}
}

// End takes the answer out of the books.
func (o *Outbox) End(w *Waiting) {
	w.mu.Lock()
	w.writing, w.cut = false, nil
	w.mu.Unlock()
	o.mu.Lock()
	o.forget(w)
	o.mu.Unlock()
}

// Held is the number of bytes in the books.
func (o *Outbox) Held() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.held
}

func (w *Waiting) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writing && w.cut != nil {
		w.cut.Cut()
		w.cut = nil
	}
}

// forget takes an answer out of the books; o.mu is held.
func (o *Outbox) forget(w *Waiting) {
	if !w.booked {
		return
	}
	w.booked = false
	c := o.clients[w.client]
	o.held -= w.size
	c.held -= w.size
	o.all.drop(w, 0)
	c.mine.drop(w, 1)
	if c.mine.first == nil {
		delete(o.clients, w.client)
	}
}

func (l *waitings) push(w *Waiting, k int) {
	w.link[k].prev, w.link[k].next = l.last, nil
	if l.last != nil {
		l.last.link[k].next = w
	} else {
		l.first = w
	}
	l.last = w
}

func (l *waitings) drop(w *Waiting, k int) {
	prev, next := w.link[k].prev, w.link[k].next
	if prev != nil {
		prev.link[k].next = next
	} else {
		l.first = next
	}
	if next != nil {
		next.link[k].prev = prev
	} else {
		l.last = prev
	}
	w.link[k].prev, w.link[k].next = nil, nil
}
