package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"kassavalv/internal/web/shield"
)

// Listener is one address the program answers at. It is opened first, so that its
// port is known while the handlers are built, and served later.
type Listener struct {
	Name  string // a key of the ready file: shop, http, ops, …
	guard *shield.ConnGuard
	tls   *tls.Config

	mu     sync.Mutex
	server *http.Server
	done   chan struct{}
	err    error
}

// Listen opens addr ("host:port"; port 0 or an empty addr is a free port, an empty
// addr on 127.0.0.1). conf nil means plain HTTP.
func Listen(name, addr string, conf *tls.Config, limits shield.ConnLimits) (*Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", name, err)
	}
	return Adopt(name, l, conf, limits), nil
}

// Adopt serves on a socket that is open already: one that a predecessor or the system
// handed over.
func Adopt(name string, l net.Listener, conf *tls.Config, limits shield.ConnLimits) *Listener {
	return &Listener{Name: name, guard: shield.GuardConns(l, limits), tls: conf, done: make(chan struct{})}
}

// Socket is the listening socket, to be handed over.
func (l *Listener) Socket() net.Listener { return l.guard.Listener }

// Addr is the address listened at, with the real port.
func (l *Listener) Addr() string { return l.guard.Addr().String() }

// Port is the real port.
func (l *Listener) Port() int { return l.guard.Addr().(*net.TCPAddr).Port }

// URL is scheme, the given host name and the real port, which is left out where it
// is the scheme's own.
func (l *Listener) URL(host string) string {
	scheme, own := "http", 80
	if l.tls != nil {
		scheme, own = "https", 443
	}
	if l.Port() == own {
		if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
			host = "[" + host + "]"
		}
		return scheme + "://" + host
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(l.Port()))
}

// OpenConns is the number of open connections.
func (l *Listener) OpenConns() int { return l.guard.Open() }

// Start serves h in the background until Shutdown. o.TLS is taken from Listen.
func (l *Listener) Start(h http.Handler, o shield.ServerOptions) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.server != nil {
		return fmt.Errorf("listener %s: started twice", l.Name)
	}
	o.TLS = l.tls
	l.server = shield.NewServer(h, o)
	go func(s *http.Server) {
		defer close(l.done)
		var err error
		if l.tls != nil {
			err = s.ServeTLS(l.guard, "", "")
		} else {
			err = s.Serve(l.guard)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			l.err = fmt.Errorf("listener %s: %w", l.Name, err)
		}
	}(l.server)
	return nil
}

// Done is closed when the listener no longer accepts; Err then says why (nil after
// a Shutdown).
func (l *Listener) Done() <-chan struct{} { return l.done }

// Err is why serving ended; nil before it did.
func (l *Listener) Err() error {
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// Shutdown stops accepting, lets running requests end until ctx is done, then cuts
// what is left. A listener that never started is closed. It may be called twice.
func (l *Listener) Shutdown(ctx context.Context) error {
	l.mu.Lock()
	s := l.server
	l.mu.Unlock()
	if s == nil {
		return l.guard.Close()
	}
	err := s.Shutdown(ctx)
	if err != nil {
		// Time is up: whoever still waits would wait for ever.
		err = errors.Join(err, s.Close())
	}
	<-l.done
	return err
}

// ShutdownAll stops several listeners at the same time within the given time.
func ShutdownAll(ctx context.Context, within time.Duration, ls ...*Listener) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	errs := make([]error, len(ls))
	var wg sync.WaitGroup
	for i, l := range ls {
		if l != nil {
			wg.Go(func() { errs[i] = l.Shutdown(ctx) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}
