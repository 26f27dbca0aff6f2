package mailbox

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"net"
	"time"

	"github.com/emersion/go-smtp"
)

// Faults are what the mailbox does wrong on demand. The zero value is a good
// mailbox.
type Faults struct {
	RejectRate float64 `json:"reject_rate"` // share of messages refused
	Down       bool    `json:"down"`        // refuse everything
	Temporary  bool    `json:"temporary"`   // refuse with 4xx, not with 5xx
}

// Faults returns the faults in force.
func (s *Server) Faults() Faults {
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	return s.faults
}

// SetFaults replaces all faults.
func (s *Server) SetFaults(f Faults) error {
	if !(f.RejectRate >= 0 && f.RejectRate <= 1) { // NaN too
		return errors.New("reject_rate is 0 to 1")
	}
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	s.faults = f
	return nil
}

func (s *Server) newSMTP() *smtp.Server {
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		if err := s.down(); err != nil {
			return nil, err
		}
		return &session{srv: s}, nil
	}))
	srv.Domain = "localhost"
	srv.MaxMessageBytes = maxMessage
	srv.MaxRecipients = 100
	srv.ReadTimeout = time.Minute
	srv.WriteTimeout = time.Minute
	srv.EnableSMTPUTF8 = true
	srv.TLSConfig = s.opt.TLS
	srv.ErrorLog = smtpLog{s.log}
	return srv
}

// down is the refusal of a mailbox that is down, or nil.
func (s *Server) down() error {
	f := s.Faults()
	if !f.Down {
		return nil
	}
	if f.Temporary {
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "Down on request"}
	}
	return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 3, 2}, Message: "Down on request"}
}

// session takes one message after the other from one sender.
type session struct {
	srv  *Server
	from string
	to   []string
}

func (c *session) Reset()        { c.from, c.to = "", nil }
func (c *session) Logout() error { return nil }

func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	if err := c.srv.down(); err != nil { // senders keep connections
		return err
	}
	c.from = from
	return nil
}

func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.to = append(c.to, to)
	return nil
}

func (c *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	f := c.srv.Faults()
	if err := c.srv.down(); err != nil {
		return err
	}
	if mrand.Float64() < f.RejectRate {
		if f.Temporary {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Try again later, on request"}
		}
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Refused on request"}
	}
	id, err := c.srv.store.add(c.from, c.to, raw)
	if err != nil {
		c.srv.log.Error("a message could not be stored", "err", err)
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "Cannot store it now"}
	}
	c.srv.log.Info("mail", "message", id, "recipients", len(c.to), "bytes", len(raw))
	return nil
}

// smtpLog keeps the library's lines, which may quote a sender, down to the kind
// of error.
type smtpLog struct{ log *slog.Logger }

func (l smtpLog) Printf(_ string, v ...any) { l.line(v) }
func (l smtpLog) Println(v ...any)          { l.line(v) }

func (l smtpLog) line(v []any) {
	for _, x := range v {
		if err, ok := x.(error); ok {
			if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
				return
			}
			l.log.Info("an SMTP session ended badly", "kind", fmt.Sprintf("%T", err))
			return
		}
	}
	l.log.Warn("the SMTP server complains")
}
