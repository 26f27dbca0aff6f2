package bank

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"kassavalv/internal/demo/bank/wire"
)

// delivery is an event on its way to the shop.
type delivery struct {
	event     wire.Event
	payment   *payment
	pos       int64     // the books must be on disk up to here before the event leaves
	notBefore time.Time // the hanging card holds it back
	queued    time.Time
	attempts  int
	timer     *time.Timer
}

// sender posts one signed body and returns the shop's status.
type sender func(ctx context.Context, url, ca string, body []byte, signature string) (int, error)

// eventOf names the event that entering a state makes; empty for none.
func eventOf(s wire.State) string {
	switch s {
	case wire.Captured:
		return wire.EventCaptured
	case wire.Refused:
		return wire.EventRefused
	case wire.Cancelled:
		return wire.EventCancelled
	case wire.Expired:
		return wire.EventExpired
	}
	return ""
}

func newID(prefix string) string { return prefix + strings.ToLower(rand.Text()) }

func newEvent(typ string, data wire.EventData) *wire.Event {
	return &wire.Event{
		ID: newID("evt_"), Type: typ, Created: time.Now().Unix(),
		Account: wire.Account, Data: data,
	}
}

// queueLocked has d tried at a moment.
func (s *Server) queueLocked(d *delivery, at time.Time) {
	if s.closed {
		return
	}
	d.timer = time.AfterFunc(time.Until(at), func() { s.attempt(d) })
}

// begin takes part in the work that Close waits for; false when closing.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.tasks.Add(1)
	return true
}

// attempt tries a delivery once and queues the next try where it is needed.
func (s *Server) attempt(d *delivery) {
	if !s.begin() {
		return
	}
	defer s.tasks.Done()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-s.ctx.Done():
		return
	}
	if s.Faults().Down { // a bank that is down sends nothing either; not a try
		s.mu.Lock()
		defer s.mu.Unlock()
		s.queueLocked(d, time.Now().Add(time.Second))
		return
	}
	ok := s.deliver(s.sendCtx, d)
	s.settle(d, ok)
	if ok && mrand.Float64() < s.Faults().DuplicateRate {
		s.deliver(s.sendCtx, d)
	}
}

// deliver posts the event once, freshly signed.
func (s *Server) deliver(ctx context.Context, d *delivery) bool {
	if err := s.journal.sync(d.pos); err != nil {
		s.log.Error("a notification is held back: the books are not on disk", "err", err)
		return false
	}
	status, err := s.post(ctx, d.payment, d.event, time.Now(), true)
	if err != nil || status/100 != 2 {
		s.log.Info("notification not taken", "payment", d.payment.id, "event", d.event.ID, "status", status, "err", err)
		return false
	}
	return true
}

// settle notes the outcome of a try: done, given up, or to be tried again.
func (s *Server) settle(d *delivery, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.books.pending[d.event.ID] != d {
		return
	}
	if !ok && time.Since(d.queued) < giveUpAfter {
		wait := s.opt.BackOff[min(d.attempts, len(s.opt.BackOff)-1)]
		d.attempts++
		s.queueLocked(d, time.Now().Add(wait))
		return
	}
	if !ok {
		s.log.Warn("notification given up", "payment", d.payment.id, "event", d.event.ID)
	}
	if err := s.commitLocked(record{Op: opDelivered, EventID: d.event.ID}); err != nil {
		s.log.Error("a delivered notification could not be noted; it will be sent again", "err", err)
	}
}

// deliverEarly sends an event twice and then lets the queue take over if the
// shop took neither.
func (s *Server) deliverEarly(d *delivery) {
	if !s.begin() {
		return
	}
	defer s.tasks.Done()
	first := s.deliver(s.sendCtx, d)
	second := s.deliver(s.sendCtx, d)
	s.settle(d, first || second)
}

// post signs and sends any event, true or false, at once.
func (s *Server) post(ctx context.Context, p *payment, e wire.Event, at time.Time, signed bool) (int, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("encode an event: %w", err)
	}
	var sig string
	if signed {
		sig = wire.SignatureHeader(wire.Secret, at, body)
	}
	return s.send(ctx, p.req.NotifyURL, p.req.NotifyCA, body, sig)
}

// poster keeps one HTTP client for each authority that shops name.
type poster struct {
	mu      sync.Mutex
	clients map[[32]byte]*http.Client
}

// maxClients bounds the clients kept; a sandbox meets a handful of shops.
const maxClients = 64

func newPoster() *poster { return &poster{clients: map[[32]byte]*http.Client{}} }

func (p *poster) client(ca string) (*http.Client, error) {
	key := sha256.Sum256([]byte(ca))
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.clients[key]; c != nil {
		return c, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			return nil, errors.New("notify_ca holds no certificate")
		}
	}
	c := &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: conf, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		},
		// The address is the shop's word; another server's word does not move it.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if len(p.clients) >= maxClients {
		for k, old := range p.clients {
			old.CloseIdleConnections()
			delete(p.clients, k)
		}
	}
	p.clients[key] = c
	return c, nil
}

func (p *poster) post(ctx context.Context, url, ca string, body []byte, signature string) (int, error) {
	c, err := p.client(ca)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Sandladebanken/1")
	if signature != "" {
		req.Header.Set(wire.HeaderSignature, signature)
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	return res.StatusCode, nil
}

func (p *poster) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		c.CloseIdleConnections()
	}
}
