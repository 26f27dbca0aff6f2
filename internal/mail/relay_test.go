package mail

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"kassavalv/internal/secret"
)

// delivery is a letter as a relay took it.
type delivery struct {
	from string
	to   []string
	raw  string
}

// relay is a real SMTP server that does as it is told.
type relay struct {
	addr  string
	mu    sync.Mutex
	got   []delivery
	tries int
	// data answers each DATA in turn; nil takes the letter. rcpt and from likewise.
	data, rcpt, from []error
	user, pass       string
	tls              bool
}

func next(list *[]error) error {
	if len(*list) == 0 {
		return nil
	}
	e := (*list)[0]
	if len(*list) > 1 {
		*list = (*list)[1:]
	} else {
		*list = nil
	}
	return e
}

type session struct {
	r  *relay
	d  delivery
	ok bool
}

func (s *session) Reset()        { s.d = delivery{} }
func (s *session) Logout() error { return nil }
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.tries++
	if s.r.user != "" && !s.ok {
		return &smtp.SMTPError{Code: 530, Message: "sign in"}
	}
	s.d.from = from
	return next(&s.r.from)
}
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.d.to = append(s.d.to, to)
	return next(&s.r.rcpt)
}
func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if err := next(&s.r.data); err != nil {
		return err
	}
	s.d.raw = string(b)
	s.r.got = append(s.r.got, s.d)
	return nil
}
func (s *session) AuthMechanisms() []string {
	if s.r.user == "" {
		return nil
	}
	return []string{sasl.Plain}
}
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, u, p string) error {
		if u != s.r.user || p != s.r.pass {
			return smtp.ErrAuthFailed
		}
		s.ok = true
		return nil
	}), nil
}

func (r *relay) letters() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]delivery(nil), r.got...)
}

func (r *relay) set(fn func(*relay)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn(r)
}

func startRelay(t *testing.T, cert *tls.Certificate, implicit bool) *relay {
	t.Helper()
	r := &relay{tls: cert != nil}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{r: r}, nil }))
	s.Domain, s.AllowInsecureAuth = "relay.test", true
	s.ErrorLog = quiet{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	if cert != nil {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}}
		if implicit {
			l = tls.NewListener(l, s.TLSConfig)
		}
	}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return r
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// authority makes a certificate for 127.0.0.1 and the pool that trusts it.
func authority(t *testing.T) (*tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "relay"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	x, _ := x509.ParseCertificate(der)
	pool.AddCert(x)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// script is a relay that speaks by rote: it answers the n-th line with the n-th
// reply, and hangs up at "".
func script(t *testing.T, replies ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for i, s := range replies {
					if i > 0 {
						line, err := r.ReadString('\n')
						if err != nil {
							return
						}
						for strings.HasPrefix(replies[i-1], "354") && line != ".\r\n" {
							if line, err = r.ReadString('\n'); err != nil {
								return
							}
						}
					}
					switch s {
					case "":
						return
					case "hang":
						r.ReadString(0)
						return
					}
					io.WriteString(c, s+"\r\n")
				}
				r.ReadString(0)
			}()
		}
	}()
	return l.Addr().String()
}

var envelope = Envelope{From: "shop@example.test", To: "kund@example.test", Raw: []byte("Subject: x\r\n\r\nhej\r\n.\r\n..\r\nslut\r\n")}

func sender(t *testing.T, c SMTPConfig) Sender {
	t.Helper()
	s, err := NewSMTP(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSMTPDelivers(t *testing.T) {
	cert, pool := authority(t)
	for name, c := range map[string]struct {
		mode     string
		cert     *tls.Certificate
		implicit bool
	}{"plain on this machine": {NoTLS, nil, false}, "starttls": {STARTTLS, cert, false}, "implicit": {Implicit, cert, true}} {
		r := startRelay(t, c.cert, c.implicit)
		r.user, r.pass = "u", "p"
		s := sender(t, SMTPConfig{Addr: r.addr, TLS: c.mode, Roots: pool, User: "u", Password: secret.Hide("p")})
		if err := s.Send(t.Context(), envelope); err != nil {
			t.Errorf("%s: %v: %v", name, err, errors.Unwrap(err))
			continue
		}
		got := r.letters()
		if len(got) != 1 || got[0].from != envelope.From || len(got[0].to) != 1 || got[0].to[0] != envelope.To || got[0].raw != string(envelope.Raw) {
			t.Errorf("%s: %+v", name, got)
		}
		wrong := sender(t, SMTPConfig{Addr: r.addr, TLS: c.mode, Roots: pool, User: "u", Password: secret.Hide("q")})
		var e *SendError
		if err := wrong.Send(t.Context(), envelope); !errors.As(err, &e) || e.Stage != "auth" || e.Final || e.Code != 535 {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestSMTPNeverFallsBackToPlain(t *testing.T) {
	cert, pool := authority(t)
	plain := startRelay(t, nil, false)
	withTLS := startRelay(t, cert, false)
	for name, c := range map[string]SMTPConfig{
		"no STARTTLS offered":       {Addr: plain.addr, Roots: pool},
		"a stranger's certificate":  {Addr: withTLS.addr},
		"implicit to a plain relay": {Addr: plain.addr, TLS: Implicit, Roots: pool},
	} {
		c.Timeout = 5 * time.Second
		var e *SendError
		if err := sender(t, c).Send(t.Context(), envelope); !errors.As(err, &e) || e.Stage != "tls" || e.Final || e.Unsure {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if plain.tries+withTLS.tries != 0 {
		t.Fatal("an address was named without TLS")
	}
	for _, c := range []SMTPConfig{{Addr: "mail.example.test:25", TLS: NoTLS}, {Addr: "192.0.2.1:25", TLS: NoTLS}, {Addr: "localhost:25", TLS: NoTLS}, {Addr: "x"}, {Addr: ":25"},
		{Addr: "a:25", TLS: "maybe"}, {Addr: "a:25", Helo: "a\r\nMAIL FROM:<x>"}} {
		if _, err := NewSMTP(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func TestSMTPFailures(t *testing.T) {
	ok := []string{"220 hi", "250 relay", "250 from", "250 rcpt", "354 go"}
	with := func(n int, s ...string) []string { return append(append([]string{}, ok[:n]...), s...) }
	for name, c := range map[string]struct {
		replies []string
		want    SendError
	}{
		"greeting 554":     {[]string{"554 no"}, SendError{Stage: "connect", Code: 554}},
		"greeting hang up": {[]string{""}, SendError{Stage: "connect"}},
		"from 550":         {with(2, "550 no"), SendError{Stage: "from", Code: 550}},
		"rcpt 451":         {with(3, "451 later"), SendError{Stage: "rcpt", Code: 451}},
		"rcpt 550":         {with(3, "550 kund@example.test unknown"), SendError{Stage: "rcpt", Code: 550, Final: true}},
		"rcpt 530":         {with(3, "530 sign in"), SendError{Stage: "rcpt", Code: 530}},
		"data 452":         {with(5, "452 full"), SendError{Stage: "data", Code: 452}},
		"data 554":         {with(5, "554 spam"), SendError{Stage: "data", Code: 554, Final: true}},
		"dropped at end":   {with(5, ""), SendError{Stage: "data_unsure", Unsure: true}},
		"silent at end":    {with(5, "hang"), SendError{Stage: "data_unsure", Unsure: true}},
		"silent at rcpt":   {with(3, "hang"), SendError{Stage: "rcpt"}},
		"garbage":          {[]string{"HTTP/1.1 400 Bad Request"}, SendError{Stage: "connect"}},
	} {
		s := sender(t, SMTPConfig{Addr: script(t, c.replies...), TLS: NoTLS, Timeout: 300 * time.Millisecond})
		err := s.Send(t.Context(), envelope)
		var e *SendError
		if !errors.As(err, &e) || e.Stage != c.want.Stage || e.Code != c.want.Code || e.Final != c.want.Final || e.Unsure != c.want.Unsure {
			t.Errorf("%s: %+v", name, e)
		}
		if strings.Contains(err.Error(), "kund") {
			t.Errorf("%s: the error quotes an address: %v", name, err)
		}
	}
	// A farewell that fails changes nothing.
	s := sender(t, SMTPConfig{Addr: script(t, with(5, "250 taken", "")...), TLS: NoTLS})
	if err := s.Send(t.Context(), envelope); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	slow := sender(t, SMTPConfig{Addr: script(t, "220 hi", "hang"), TLS: NoTLS})
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := slow.Send(ctx, envelope); err == nil {
		t.Fatal("sent")
	}
}
