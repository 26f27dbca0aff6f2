package bank

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"kassavalv/internal/demo/bank/wire"
)

// Options of a bank. Only Dir is needed.
type Options struct {
	Dir       string          // folder of the books; made when missing
	Addr      string          // host:port of the listener; empty is a free port on 127.0.0.1
	PublicURL string          // how browsers reach the bank, without a slash at the end; empty is made from the listener
	Log       *slog.Logger    // nil is slog.Default
	Hang      time.Duration   // how long requests hang for the card …9987; 0 is 30 s
	Lifetime  time.Duration   // time to pay when the shop names none; 0 is 30 minutes
	BackOff   []time.Duration // waits between tries of a notification, the last one repeats; nil is 1, 2, 5, 15, 60 s
}

// giveUpAfter is how long a notification is tried.
const giveUpAfter = 72 * time.Hour

// sendGrace is how long Close waits for the shop's answer to a notification.
const sendGrace = 3 * time.Second

// Server is a bank. Make it with New.
type Server struct {
	opt     Options
	log     *slog.Logger
	handler http.Handler
	poster  *poster
	send    sender // poster.post; tests of time put their own here
	journal *journal

	ctx     context.Context // ends when Close begins: lets go what hangs or waits
	cancel  context.CancelFunc
	sendCtx context.Context // ends a little later: lets notifications on their way arrive
	unsend  context.CancelFunc
	tasks   sync.WaitGroup
	slots   chan struct{} // notifications on their way

	mu     sync.Mutex
	books  *books
	closed bool
	url    string

	faultMu sync.Mutex
	faults  Faults

	startMu sync.Mutex
	srv     *http.Server
	served  chan struct{}
}

// New reads the books in o.Dir, or starts empty ones, and takes up the
// notifications that were not delivered. The folder belongs to this process
// until Close. It listens nowhere before Start.
func New(o Options) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("bank: Options.Dir is empty")
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Hang == 0 {
		o.Hang = 30 * time.Second
	}
	if o.Lifetime == 0 {
		o.Lifetime = 30 * time.Minute
	}
	if len(o.BackOff) == 0 {
		o.BackOff = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Server{
		opt: o, log: o.Log.With("part", "bank"), books: newBooks(), url: o.PublicURL,
		slots: make(chan struct{}, 64),
	}
	s.poster = newPoster()
	s.send = s.poster.post
	j, cut, err := openJournal(o.Dir, func(r record) error { return s.books.apply(r, 0) })
	if err != nil {
		return nil, err
	}
	if cut != "" {
		s.log.Warn("the last line of the books was cut; it was put aside", "file", cut)
	}
	s.journal = j
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.sendCtx, s.unsend = context.WithCancel(context.Background())
	s.handler = s.routes()

	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.books.ordered {
		s.armLocked(p)
	}
	for _, d := range s.books.pending {
		s.queueLocked(d, d.notBefore)
	}
	return s, nil
}

// Start listens and serves until Close. It returns when the bank can be
// reached; ctx bounds only that. A second Start does nothing.
func (s *Server) Start(ctx context.Context) error {
	s.startMu.Lock()
	defer s.startMu.Unlock()
	if s.srv != nil {
		return nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.opt.Addr)
	if err != nil {
		return fmt.Errorf("bank: %w", err)
	}
	s.mu.Lock()
	if s.url == "" {
		s.url = "http://" + reachable(ln.Addr())
	}
	s.mu.Unlock()
	s.srv = &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		// No ReadTimeout: it would end the context of a request that hangs on
		// purpose. Bodies have a deadline of their own, see readBody.
		WriteTimeout:   s.opt.Hang + maxLatency + 30*time.Second,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		if err := s.srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the bank's listener stopped", "err", err)
		}
	}()
	s.log.Info("the sandbox bank is open", "url", s.URL())
	return nil
}

// URL is where the bank answers, without a slash at the end. It is empty before
// Start where Options.PublicURL is.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url
}

// Close ends requests that hang, lets the others finish while ctx lives, keeps
// undelivered notifications for the next start and closes the books. A second
// Close does nothing.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for _, p := range s.books.ordered {
		if p.timer != nil {
			p.timer.Stop()
		}
	}
	for _, d := range s.books.pending {
		if d.timer != nil {
			d.timer.Stop()
		}
	}
	s.mu.Unlock()
	s.cancel()

	var errs []error
	s.startMu.Lock()
	if s.srv != nil {
		if err := s.srv.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("bank: %w", err), s.srv.Close())
		}
		<-s.served
	}
	s.startMu.Unlock()
	grace := time.AfterFunc(sendGrace, s.unsend)
	unbind := context.AfterFunc(ctx, s.unsend)
	s.tasks.Wait()
	grace.Stop()
	unbind()
	s.unsend()
	s.poster.closeIdle()
	if err := s.journal.close(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// reachable turns a listener's address into one that a browser on this machine
// can use: the unspecified address is not one.
func reachable(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String()
	}
	if ap.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), ap.Port()).String()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()).String()
}

// commitLocked writes a record and carries it out. When it fails, nothing has
// changed.
func (s *Server) commitLocked(r record) error {
	if r.At == 0 {
		r.At = time.Now().UnixMicro()
	}
	pos, err := s.journal.append(r)
	if err != nil {
		s.log.Error("the books cannot be written", "err", err)
		return err
	}
	if err := s.books.apply(r, pos); err != nil {
		// The callers check before they write, under the same lock, so this is a
		// mistake in the bank; the file would not be read again. Stop here.
		s.journal.fail(err)
		s.log.Error("a record was written that the books refuse", "err", err)
		return err
	}
	return nil
}

// moveLocked takes p to another state and queues the notification that belongs
// to it, unless hold is set. r carries what the new state needs.
func (s *Server) moveLocked(p *payment, r record, hold bool) (*delivery, error) {
	r.Op, r.ID, r.At = opState, p.id, time.Now().UnixMicro()
	after := *p // what the payment will look like, for the event
	after.state, after.reason = r.State, r.Reason
	if r.State == wire.Captured {
		after.captured = p.req.Amount
	}
	if typ := eventOf(r.State); typ != "" && !p.silent && !r.Silent {
		r.Event = newEvent(typ, after.eventData())
	}
	if err := s.commitLocked(r); err != nil {
		return nil, err
	}
	s.log.Info("payment", "payment", p.id, "state", p.state, "reason", p.reason)
	s.armLocked(p)
	if r.Event == nil {
		return nil, nil
	}
	d := s.books.pending[r.Event.ID]
	if !hold {
		s.queueLocked(d, d.notBefore)
	}
	return d, nil
}

// armLocked sets the clock that ends the payment's present state, if any does.
func (s *Server) armLocked(p *payment) {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if s.closed {
		return
	}
	var at time.Time
	switch {
	case open(p.state):
		at = p.expires
	case p.state == wire.Processing:
		at = p.settleAt
	default:
		return
	}
	p.timer = time.AfterFunc(time.Until(at), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return
		}
		if err := s.ripenLocked(p); err != nil {
			s.log.Error("a payment could not be ended", "payment", p.id, "err", err)
		}
	})
}

// ripenLocked does what time alone does to a payment. It is called before every
// look at one, so that a late timer changes no answer.
func (s *Server) ripenLocked(p *payment) error {
	now := time.Now()
	var err error
	switch {
	case open(p.state) && !now.Before(p.expires):
		_, err = s.moveLocked(p, record{State: wire.Expired}, false)
	case p.state == wire.Processing && !now.Before(p.settleAt):
		_, err = s.moveLocked(p, record{State: wire.Captured}, false)
	}
	return err
}
