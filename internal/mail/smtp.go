package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"regexp"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"kassavalv/internal/secret"
)

// Envelope is a letter as a relay gets it.
type Envelope struct {
	From, To string // bare addresses
	Raw      []byte // with CRLF line ends
}

// Sender hands letters to a relay. Send returns nil only when the relay has
// taken responsibility, and a *SendError otherwise. It MUST heed ctx, MUST send
// the bytes unchanged, and MUST set Unsure when the relay may have taken the letter
// without saying so.
type Sender interface {
	Name() string // short, for operators: "smtp-1"
	Send(ctx context.Context, e Envelope) error
}

// SendError says how a delivery failed. Its text holds no address and no word of
// the relay; the cause may.
type SendError struct {
	Stage  string // connect, tls, auth, from, rcpt, data
	Code   int    // of the relay; 0: no answer
	Final  bool   // another try, of any relay, is in vain
	Unsure bool   // it may have been delivered
	cause  error
}

func (e *SendError) Error() string { return "mail: not delivered: " + e.code() }

// Unwrap returns the cause; it may quote an address.
func (e *SendError) Unwrap() error { return e.cause }

// code is what is stored: "rcpt_550", "connect".
func (e *SendError) code() string {
	if e.Code == 0 {
		return e.Stage
	}
	return fmt.Sprintf("%s_%d", e.Stage, e.Code)
}

// TLS modes of a relay.
const (
	STARTTLS = "starttls" // required, never skipped
	Implicit = "implicit" // TLS from the first byte
	NoTLS    = "none"     // on this machine only
)

// SMTPConfig names a relay. It comes from configuration.
type SMTPConfig struct {
	Name     string
	Addr     string // host:port
	TLS      string // STARTTLS, Implicit or NoTLS; empty is STARTTLS
	User     string // empty: no authentication
	Password secret.Secret
	Helo     string         // our own name; empty is "localhost"
	Roots    *x509.CertPool // nil: the system's
	Timeout  time.Duration  // of a whole delivery; 0 is one minute
}

type smtpSender struct {
	c    SMTPConfig
	host string
}

var heloName = regexp.MustCompile(`^[A-Za-z0-9.-]{1,253}$`)

// NewSMTP makes a Sender for a relay. It refuses a configuration without TLS
// for any host but this one, and a name without an address.
func NewSMTP(c SMTPConfig) (Sender, error) {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("mail: %q is not host:port", c.Addr)
	}
	if c.TLS == "" {
		c.TLS = STARTTLS
	}
	if c.TLS != STARTTLS && c.TLS != Implicit && c.TLS != NoTLS {
		return nil, fmt.Errorf("mail: tls is %q, must be starttls, implicit or none", c.TLS)
	}
	if a, err := netip.ParseAddr(host); c.TLS == NoTLS && !(err == nil && a.IsLoopback()) {
		return nil, errors.New("mail: a relay without TLS must be this machine, written as 127.0.0.1 or ::1")
	}
	if c.Helo == "" {
		c.Helo = "localhost"
	}
	if !heloName.MatchString(c.Helo) {
		return nil, fmt.Errorf("mail: %q is not a host name", c.Helo)
	}
	if c.Name == "" {
		c.Name = c.Addr
	}
	if c.Timeout <= 0 {
		c.Timeout = time.Minute
	}
	return &smtpSender{c, host}, nil
}

func (s *smtpSender) Name() string { return s.c.Name }

// Send delivers over a connection of its own. One deadline covers all of it,
// however slowly the relay speaks.
func (s *smtpSender) Send(ctx context.Context, e Envelope) error {
	ctx, cancel := context.WithTimeout(ctx, s.c.Timeout)
	defer cancel()
	fail := func(stage string, err error) error { return failure(stage, err) }
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.c.Addr)
	if err != nil {
		return fail("connect", err)
	}
	defer conn.Close()
	until, _ := ctx.Deadline()
	conn.SetDeadline(until)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	cfg := &tls.Config{ServerName: s.host, RootCAs: s.c.Roots, MinVersion: tls.VersionTLS12}
	wire := conn
	if s.c.TLS == Implicit {
		t := tls.Client(conn, cfg)
		if err := t.HandshakeContext(ctx); err != nil {
			return fail("tls", err)
		}
		wire = t
	}
	c, err := smtp.NewClient(wire, s.host)
	if err != nil {
		return fail("connect", err)
	}
	if err := c.Hello(s.c.Helo); err != nil {
		return fail("connect", err)
	}
	if s.c.TLS == STARTTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return fail("tls", errors.New("the relay offers no STARTTLS"))
		}
		if err := c.StartTLS(cfg); err != nil {
			return fail("tls", err)
		}
	}
	if s.c.User != "" {
		a, err := s.auth(c)
		if err == nil {
			err = c.Auth(a)
		}
		if err != nil {
			return fail("auth", err)
		}
	}
	c.SkipSMTPUTF8(true) // all we send is ASCII
	if err := c.Mail(e.From); err != nil {
		return fail("from", err)
	}
	if err := c.Rcpt(e.To); err != nil {
		return fail("rcpt", err)
	}
	w, err := c.Data()
	if err != nil {
		return fail("data", err)
	}
	if _, err := w.Write(e.Raw); err != nil {
		return fail("data", err)
	}
	if err := w.Close(); err != nil {
		return fail("data_end", err)
	}
	c.Quit() // it is the relay's now; how it says farewell changes nothing
	return nil
}

func (s *smtpSender) auth(c *smtp.Client) (smtp.Auth, error) {
	_, offered := c.Extension("AUTH")
	plain := s.c.TLS == NoTLS // this machine only, see NewSMTP
	for _, m := range strings.Fields(strings.ToUpper(offered)) {
		if m == "PLAIN" {
			return smtp.PlainAuth("", s.c.User, s.c.Password.Reveal(), s.host, plain), nil
		}
	}
	if strings.Contains(strings.ToUpper(offered), "LOGIN") {
		return smtp.LoginAuth(s.c.User, s.c.Password.Reveal(), s.host, plain), nil
	}
	return nil, errors.New("the relay offers neither PLAIN nor LOGIN")
}

// failure sorts what went wrong. A 5xx is final only where it speaks of the
// recipient or the letter; before that it speaks of our relation to the relay,
// which an operator or the next relay can mend.
func failure(stage string, err error) *SendError {
	e := &SendError{Stage: stage, cause: err}
	var t *textproto.Error
	if errors.As(err, &t) {
		e.Code = t.Code
	}
	e.Final = e.Code >= 500 && e.Code <= 599 && (stage == "rcpt" || stage == "data" || stage == "data_end")
	// 530, 535, 538: the relay wants us to sign in after all.
	if e.Code == 530 || e.Code == 535 || e.Code == 538 {
		e.Final = false
	}
	if stage == "data_end" {
		e.Stage = "data"
		e.Unsure = e.Code == 0
		if e.Unsure {
			e.Stage = "data_unsure"
		}
	}
	return e
}
