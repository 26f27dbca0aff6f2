package mailbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Options of a mailbox. Only Dir is needed.
type Options struct {
	Dir      string       // folder of the messages; made when missing
	SMTPAddr string       // host:port; empty is a free port on 127.0.0.1
	HTTPAddr string       // host:port; empty is a free port on 127.0.0.1
	TLS      *tls.Config  // nil offers no STARTTLS
	Log      *slog.Logger // nil is slog.Default
}

// maxMessage bounds one message in bytes.
const maxMessage = 25 << 20

// Server is a mailbox. Make it with New.
type Server struct {
	opt     Options
	log     *slog.Logger
	store   *store
	handler http.Handler

	faultMu sync.Mutex
	faults  Faults

	mu      sync.Mutex
	smtp    *smtp.Server
	http    *http.Server
	smtpAt  string
	httpAt  string
	closed  bool
	serving sync.WaitGroup
}

// New reads the messages of a folder. It listens nowhere before Start.
func New(o Options) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("mailbox: Options.Dir is empty")
	}
	if o.SMTPAddr == "" {
		o.SMTPAddr = "127.0.0.1:0"
	}
	if o.HTTPAddr == "" {
		o.HTTPAddr = "127.0.0.1:0"
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Server{opt: o, log: o.Log.With("part", "mailbox")}
	st, err := openStore(o.Dir, s.log)
	if err != nil {
		return nil, err
	}
	s.store = st
	s.handler = s.routes()
	return s, nil
}

// Start listens on both addresses and serves until Close. It returns when both
// can be reached; ctx bounds only that. A second Start does nothing.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.smtp != nil || s.closed {
		return nil
	}
	var lc net.ListenConfig
	mailLn, err := lc.Listen(ctx, "tcp", s.opt.SMTPAddr)
	if err != nil {
		return fmt.Errorf("mailbox: SMTP: %w", err)
	}
	webLn, err := lc.Listen(ctx, "tcp", s.opt.HTTPAddr)
	if err != nil {
		mailLn.Close()
		return fmt.Errorf("mailbox: %w", err)
	}
	s.smtpAt, s.httpAt = mailLn.Addr().String(), webLn.Addr().String()
	s.smtp = s.newSMTP()
	s.http = &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	s.serving.Go(func() {
		if err := s.smtp.Serve(mailLn); err != nil {
			s.log.Error("the mailbox takes no more mail", "err", err)
		}
	})
	s.serving.Go(func() {
		if err := s.http.Serve(webLn); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the mailbox shows no more pages", "err", err)
		}
	})
	s.log.Info("the mailbox is open", "url", "http://"+s.httpAt, "smtp", s.smtpAt)
	return nil
}

// URL is the address of the page, without a slash at the end; empty before Start.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.httpAt == "" {
		return ""
	}
	return "http://" + s.httpAt
}

// SMTPAddr is host:port for senders; empty before Start.
func (s *Server) SMTPAddr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.smtpAt
}

// Messages returns what has arrived, newest first: those to one recipient, or
// all where to is empty; limit 0 is no limit.
func (s *Server) Messages(to string, limit int) ([]Message, error) {
	return s.store.list(to, limit)
}

// Close stops both listeners. A message whose last byte was not answered yet
// counts as not taken, and its sender will send it again. A second Close does
// nothing.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed || s.smtp == nil {
		s.closed = true
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	var errs []error
	// Not Shutdown: it waits for senders that keep their connections.
	if err := s.smtp.Close(); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
		errs = append(errs, fmt.Errorf("mailbox: SMTP: %w", err))
	}
	if err := s.http.Shutdown(ctx); err != nil {
		errs = append(errs, fmt.Errorf("mailbox: %w", err), s.http.Close())
	}
	s.serving.Wait()
	return errors.Join(errs...)
}
