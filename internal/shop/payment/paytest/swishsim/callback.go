package swishsim

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"time"
)

// post sends one callback; the authority may have been made since the last.
func (s *Server) post(req *http.Request) (int, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if s.o.CallbackCA != "" {
		b, err := os.ReadFile(s.o.CallbackCA)
		if err != nil {
			return 0, err
		}
		pool.AppendCertsFromPEM(b)
	}
	t := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}}
	defer t.CloseIdleConnections()
	c := &http.Client{Timeout: 20 * time.Second, Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(req)
	if err != nil {
		return 0, err
	}
	res.Body.Close()
	return res.StatusCode, nil
}

// Notice is a callback's parts.
type Notice struct {
	Header http.Header
	Body   []byte
}

func notice(identifier string, v told) Notice {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	h := http.Header{"Content-Type": {"application/json"}}
	if identifier != "" {
		h.Set("callbackIdentifier", identifier)
	}
	return Notice{h, b}
}

// Notice is what would be posted about a payment now.
func (s *Server) Notice(id string) Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.payments[id]
	return notice(p.Identifier, s.tell(p))
}

// RefundNotice is what would be posted about the newest refund of a payment now.
func (s *Server) RefundNotice(id string) Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	var last *refund
	for _, x := range s.refunds {
		if x.of.ID == id && (last == nil || x.Created.After(last.Created)) {
			last = x
		}
	}
	return notice(last.Identifier, s.tellRefund(last))
}

// tries is how often Swish posts a callback that is not taken.
const tries = 10

// callback posts a change, again and again until it is taken. The lock is held.
func (s *Server) callback(to, identifier string, v told) {
	f := s.fault
	if f.Mute || s.closed {
		return
	}
	n, wait := notice(identifier, v), s.times.Callback
	times := 1
	if f.Twice {
		times = 2
	}
	for range times {
		s.sends.Go(func() {
			for try := range tries {
				select {
				case <-s.life.Done():
					return
				case <-time.After(wait + time.Duration(try)*time.Second):
				}
				req, err := http.NewRequestWithContext(s.life, "POST", to, bytes.NewReader(n.Body))
				if err != nil {
					return
				}
				req.Header = n.Header.Clone()
				if status, err := s.post(req); err == nil && (status/100 == 2 || status == http.StatusNotFound) {
					return
				}
			}
		})
	}
}
