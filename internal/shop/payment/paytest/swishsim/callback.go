package swishsim

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"time"
)

func callbackClient(pool *x509.CertPool) *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
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
				res, err := s.back.Do(req)
				if err != nil {
					continue
				}
				res.Body.Close()
				if res.StatusCode/100 == 2 || res.StatusCode == http.StatusNotFound {
					return
				}
			}
		})
	}
}
