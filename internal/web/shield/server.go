package shield

import (
	"crypto/tls"
	"log"
	"log/slog"
	"net/http"
	"regexp"
	"time"
)

// ServerOptions holds the deadlines and sizes of a server; zero means the default.
type ServerOptions struct {
	TLS            *tls.Config   // nil: plain HTTP/1.1
	Log            *slog.Logger  // for what net/http itself complains about
	ReadHeader     time.Duration // 5 s; also bounds the TLS handshake
	Read           time.Duration // 30 s for a whole request; uploads extend it for themselves
	Write          time.Duration // 60 s for a whole answer; downloads extend it for themselves
	Idle           time.Duration // 75 s
	MaxHeaderBytes int           // 16 kB
	MaxStreams     int           // 100 concurrent streams on one HTTP/2 connection
}

// NewServer is an http.Server in which nothing is without a deadline or a size.
// Serve it on a ConnGuard. Resets without end on an HTTP/2 connection are held by
// MaxStreams: net/http closes a connection that queues more than four times as many.
func NewServer(h http.Handler, o ServerOptions) *http.Server {
	dur := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	dur(&o.ReadHeader, 5*time.Second)
	dur(&o.Read, 30*time.Second)
	dur(&o.Write, 60*time.Second)
	dur(&o.Idle, 75*time.Second)
	if o.MaxHeaderBytes <= 0 {
		o.MaxHeaderBytes = 16 << 10
	}
	if o.MaxStreams <= 0 {
		o.MaxStreams = 100
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(o.TLS != nil)
	return &http.Server{
		Handler:           h,
		TLSConfig:         o.TLS,
		ReadHeaderTimeout: o.ReadHeader,
		ReadTimeout:       o.Read,
		WriteTimeout:      o.Write,
		IdleTimeout:       o.Idle,
		MaxHeaderBytes:    o.MaxHeaderBytes,
		ErrorLog:          log.New(quiet{o.Log}, "", 0),
		ConnContext:       connContext,
		Protocols:         protocols,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          o.MaxStreams,
			MaxReadFrameSize:              16 << 10,
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     256 << 10,
			SendPingTimeout:               30 * time.Second,
			PingTimeout:                   15 * time.Second,
			WriteByteTimeout:              30 * time.Second,
		},
	}
}

// quiet passes on what net/http logs, without the addresses it names: those are
// personal data, and an access log of handshakes is of no use to anyone.
type quiet struct{ log *slog.Logger }

var (
	address = regexp.MustCompile(`\[?[0-9a-fA-F:.%]*[0-9a-fA-F]\]?:\d{1,5}\b`)
	quoted  = regexp.MustCompile(`"[^"]*"`)
)

func (q quiet) Write(p []byte) (int, error) {
	line := p
	if len(line) > 400 {
		line = line[:400]
	}
	line = address.ReplaceAll(line, []byte("client"))
	line = quoted.ReplaceAll(line, []byte("…"))
	q.log.Debug("http server", "notice", string(line))
	return len(p), nil
}
