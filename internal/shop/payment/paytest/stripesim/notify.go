package stripesim

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"time"

	"kassavalv/internal/shop/payment/paytest"
)

func newPoster(ca string) *http.Client {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		conf.RootCAs = x509.NewCertPool()
		conf.RootCAs.AppendCertsFromPEM([]byte(ca))
	}
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: conf},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func event(kind string, object map[string]any) map[string]any {
	return map[string]any{
		"id": newID("evt_1", 23), "object": "event", "api_version": "2026-02-25.clover", "created": time.Now().Unix(), "data": map[string]any{"object": object},
		"livemode": false, "pending_webhooks": 1, "request": map[string]any{"id": nil, "idempotency_key": nil}, "type": kind,
	}
}

// notify posts an event where Options say, again and again until it is taken; the
// caller holds the lock.
func (s *Server) notify(kind string, object map[string]any) {
	if s.opt.Hook == "" {
		return
	}
	body, hook, poster := encode(event(kind, object)), s.opt.Hook, s.poster
	s.posts.Go(func() {
		for wait := 100 * time.Millisecond; wait < time.Minute; wait *= 2 {
			req, err := http.NewRequest(http.MethodPost, hook, bytes.NewReader(body))
			if err != nil {
				return
			}
			req.Header = s.head(body, time.Now())
			if res, err := poster.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16))
				res.Body.Close()
				if res.StatusCode/100 == 2 {
					return
				}
			}
			time.Sleep(wait)
		}
	})
}

func (s *Server) head(body []byte, at time.Time) http.Header {
	return http.Header{"Stripe-Signature": {sign(s.opt.Secret, at, body)}, "Content-Type": {"application/json; charset=utf-8"}, "User-Agent": {"Stripe/1.0 (+https://stripe.com/docs/webhooks)"}}
}

// Sign is a notification with any body.
func (s *Server) Sign(body []byte) paytest.Notice {
	return paytest.Notice{Header: s.head(body, time.Now()), Body: body}
}

// Event is an event about a session as it stands; change may falsify it before it is
// signed.
func (s *Server) Event(id string, change func(map[string]any)) paytest.Notice {
	s.mu.Lock()
	x := s.find(id)
	var e map[string]any
	switch {
	case x == nil:
		e = event("checkout.session.completed", map[string]any{"id": id, "object": "checkout.session"})
	case x.pi != nil && x.pi.ch != nil && x.pi.ch.refunded > 0:
		e = event("charge.refunded", s.viewCharge(x.pi.ch))
	case x.status == "complete":
		e = event("checkout.session.completed", s.viewSession(x, nil))
	case x.status == "expired":
		e = event("checkout.session.expired", s.viewSession(x, nil))
	default:
		e = event("payment_intent.created", s.viewIntent(&intent{id: newID("pi_3", 23), s: x, status: "requires_payment_method", meta: x.intentMeta}, false))
	}
	s.mu.Unlock()
	if change != nil {
		change(e)
	}
	return s.Sign(encode(e))
}
