// Package sandbox speaks with the sandbox bank as if it were a card provider:
// the shop's side of package wire. It exists in the demo and in tests only; a
// shop that serves real buyers never constructs it.
package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/demo/bank/wire"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// Provider implements payment.Provider against the bank at Base.
type Provider struct {
	base   string
	ca     string
	client *http.Client
	// Instant pays every new payment at once with this card: load tests only.
	Instant string
}

// New makes a client of the bank at base; notifyCA is the PEM of the authority
// the bank is to trust at the shop's notification address.
func New(base, notifyCA string) *Provider {
	return &Provider{base: strings.TrimRight(base, "/"), ca: notifyCA, client: &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 64, MaxConnsPerHost: 128, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: 25 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Method is "card".
func (p *Provider) Method() string { return "card" }

// Credit is false.
func (p *Provider) Credit() bool { return false }

// ByToken is true: tests hold the bank's books against the shop's by it.
func (p *Provider) ByToken() bool { return true }

// Ping asks for a list that is always empty.
func (p *Provider) Ping(ctx context.Context) error {
	var l wire.List
	return p.call(ctx, "GET", "/v1/payments?reference=ping", "", nil, &l)
}

// problem is an answer of the bank other than 2xx.
type problem struct {
	status int
	code   string
	pay    *wire.Payment
}

func (e *problem) Error() string { return fmt.Sprintf("sandbox bank: %d %s", e.status, e.code) }

// call does one request. Whatever leaves the outcome open wraps ErrUnknown.
func (p *Provider) call(ctx context.Context, method, path, key string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+wire.Bearer())
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set(wire.HeaderKey, key)
	}
	res, err := p.client.Do(req)
	if err != nil {
		// Without the address: its query names the purchase by what opens its page.
		if ue := (*url.Error)(nil); errors.As(err, &ue) {
			err = ue.Err
		}
		return fmt.Errorf("%w: %s %s: %w", payment.ErrUnknown, method, strings.SplitN(path, "?", 2)[0], err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("%w: answer cut short", payment.ErrUnknown)
	}
	if res.StatusCode/100 != 2 {
		var pr wire.Problem
		json.Unmarshal(b, &pr)
		e := &problem{res.StatusCode, pr.Code, pr.Payment}
		if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests {
			return fmt.Errorf("%w: %w", payment.ErrUnknown, e)
		}
		return e
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%w: answer is no JSON", payment.ErrUnknown)
	}
	return nil
}

func status(w wire.Payment) payment.Status {
	s := payment.Status{Ref: w.ID, Reference: w.Reference, Amount: money.New(w.Amount, w.Currency), Captured: money.New(w.Captured, w.Currency),
		Refunded: money.New(w.Refunded, w.Currency), Code: w.Reason}
	switch w.State {
	case wire.Created, wire.Awaiting:
		s.State = payment.Open
		s.Next = &payment.NextAction{Type: "redirect", URL: w.PayURL}
	case wire.Processing:
		s.State = payment.Processing
	case wire.Captured:
		s.State = payment.Captured
	case wire.Refused:
		s.State = payment.Refused
		s.Reason = reason(w.Reason)
	case wire.Cancelled:
		s.State, s.Reason = payment.Cancelled, payment.BuyerLeft
	case wire.Expired:
		s.State, s.Reason = payment.Expired, payment.TimedOut
	default:
		s.State = payment.Processing // a word we do not know is no answer
	}
	return s
}

// reason maps the bank's codes; one that is not known is a plain refusal.
func reason(code string) payment.Reason {
	switch code {
	case wire.ReasonInsufficientFunds:
		return payment.Insufficient
	case wire.ReasonBankError:
		return payment.BankError
	case wire.ReasonAuthentication:
		return payment.AuthFailed
	}
	return payment.Declined
}

// Begin makes the payment; the bank keeps it to one per key.
func (p *Provider) Begin(ctx context.Context, s payment.Start) (payment.Status, error) {
	var w wire.Payment
	err := p.call(ctx, "POST", "/v1/payments", s.Key, wire.CreatePayment{Reference: s.Reference, Amount: s.Amount.Amount, Currency: s.Amount.Currency,
		Description: s.Description, ReturnURL: s.ReturnURL, NotifyURL: s.NotifyURL, NotifyCA: p.ca, Language: string(s.Lang), InstantCard: p.Instant}, &w)
	if err != nil {
		return payment.Status{}, err
	}
	return status(w), nil
}

// Look asks for every payment with our reference. Should there be more than one
// (a fault of ours), the one with money counts.
func (p *Provider) Look(ctx context.Context, h payment.Handle) (payment.Status, error) {
	reference := h.Reference
	var l wire.List
	if reference == "" {
		return payment.Status{}, errors.New("sandbox: empty reference")
	}
	if err := p.call(ctx, "GET", "/v1/payments?reference="+url.QueryEscape(reference), "", nil, &l); err != nil {
		return payment.Status{}, err
	}
	if len(l.Items) == 0 {
		return payment.Status{Reference: reference, State: payment.Absent}, nil
	}
	best := l.Items[0]
	for _, w := range l.Items {
		if w.Reference == reference && w.Captured > 0 {
			best = w
		}
	}
	return status(best), nil
}

// Cancel ends the payment; one that was paid after all is told as such.
func (p *Provider) Cancel(ctx context.Context, h payment.Handle) (payment.Status, error) {
	s, err := p.Look(ctx, h)
	if err != nil || s.State == payment.Absent || s.State.Final() {
		return s, err
	}
	var w wire.Payment
	err = p.call(ctx, "POST", "/v1/payments/"+url.PathEscape(s.Ref)+"/cancel", "", nil, &w)
	var pr *problem
	if errors.As(err, &pr) && pr.pay != nil {
		return status(*pr.pay), nil
	}
	if err != nil {
		return payment.Status{}, err
	}
	return status(w), nil
}

// Refund pays back.
func (p *Provider) Refund(ctx context.Context, r payment.Refund) (payment.RefundStatus, error) {
	var w wire.Refund
	err := p.call(ctx, "POST", "/v1/payments/"+url.PathEscape(r.Ref)+"/refunds", r.Key, wire.CreateRefund{Amount: r.Amount.Amount, Reason: r.Reason, Note: r.Note}, &w)
	var pr *problem
	if errors.As(err, &pr) && !errors.Is(err, payment.ErrUnknown) {
		return payment.RefundStatus{Refused: true, Code: pr.code}, nil
	}
	if err != nil {
		return payment.RefundStatus{}, err
	}
	return payment.RefundStatus{Done: true, Code: w.ID}, nil
}

// tolerance is how far a notification's time may lie from ours, both ways.
const tolerance = 300 * time.Second

// Verify checks signature, age, mode and account over the raw bytes.
func (p *Provider) Verify(n payment.Notice) (payment.Hint, error) {
	h, body, now := n.Header, n.Body, n.At
	var ts int64
	var sigs []string
	for part := range strings.SplitSeq(h.Get(wire.HeaderSignature), ",") {
		k, v, ok := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case !ok:
		case k == "t":
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n <= 0 || n > 1<<40 {
				return payment.Hint{}, payment.ErrBadSignature
			}
			ts = n
		case k == "v1":
			sigs = append(sigs, v)
		}
	}
	if ts == 0 || len(sigs) == 0 || len(sigs) > 4 {
		return payment.Hint{}, payment.ErrBadSignature
	}
	if d := now.Sub(time.Unix(ts, 0)); d > tolerance || d < -tolerance {
		return payment.Hint{}, payment.ErrBadSignature
	}
	good := false
	want := []byte(wire.Signature(wire.Secret, ts, body))
	for _, s := range sigs {
		good = good || hmac.Equal([]byte(s), want)
	}
	if !good {
		return payment.Hint{}, payment.ErrBadSignature
	}
	var e wire.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return payment.Hint{}, fmt.Errorf("sandbox: signed but malformed: %w", errMalformed)
	}
	if !plain(e.ID) || !plain(e.Data.Reference) {
		return payment.Hint{}, errMalformed
	}
	if e.Livemode || e.Account != wire.Account {
		return payment.Hint{EventID: e.ID, Reference: e.Data.Reference}, payment.ErrForeign
	}
	return payment.Hint{EventID: e.ID, Reference: e.Data.Reference}, nil
}

// plain reports whether s can be an id or a reference: 1 to 128 printable ASCII. A
// database may refuse other bytes, and a signature does not make them harmless.
func plain(s string) bool {
	return len(s) >= 1 && len(s) <= 128 && strings.IndexFunc(s, func(r rune) bool { return r <= 0x20 || r > 0x7e }) < 0
}

var errMalformed = errors.New("sandbox: event lacks id or reference")
