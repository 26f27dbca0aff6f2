package stripe

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	api "github.com/stripe/stripe-go/v84"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// A lost payment is looked for in what was made around the time it was begun, by Stripe's
// clock; what ours is off by is learnt from each answer, and skew is room for the rest.
// The last try comes no later than tries after it was stored.
const (
	skew  = 10 * time.Minute
	tries = 24 * time.Hour
)

// Look asks for the session. Where its id is not known it is looked for among all that
// were made since the payment was begun, by our reference; Stripe's lists show what was
// made as soon as it is made.
func (p *Provider) Look(ctx context.Context, h payment.Handle) (payment.Status, error) {
	if h.Ref != "" {
		return p.session(ctx, "look", h.Ref)
	}
	cs, err := p.find(ctx, h)
	if err != nil {
		return payment.Status{}, err
	}
	if cs == nil {
		return payment.Status{Reference: h.Reference, State: payment.Absent}, nil
	}
	return p.session(ctx, "look", cs.ID)
}

// find is nil when there is none.
func (p *Provider) find(ctx context.Context, h payment.Handle) (*api.CheckoutSession, error) {
	if h.Reference == "" || h.Begun.IsZero() {
		return nil, errors.New("stripe: nothing to look for")
	}
	for range 3 {
		off := p.wire.off()
		cs, err := p.search(ctx, h.Reference, h.Begun.Add(off))
		if d := p.wire.off() - off; err != nil || cs != nil || d > -skew/2 && d < skew/2 {
			return cs, err
		}
	}
	// Stripe's clock, or ours, does not stand still: nothing found there is not absent.
	return nil, &silence{op: "look"}
}

func (p *Provider) search(ctx context.Context, reference string, begun time.Time) (*api.CheckoutSession, error) {
	l := &api.CheckoutSessionListParams{CreatedRange: &api.RangeQueryParams{GreaterThanOrEqual: begun.Add(-skew).Unix(), LesserThanOrEqual: begun.Add(tries).Unix()}}
	l.Limit = api.Int64(100)
	var found *api.CheckoutSession
	for cs, err := range p.client.V1CheckoutSessions.List(ctx, l) {
		if err != nil {
			return nil, failed("look", err)
		}
		if cs.ClientReferenceID != reference {
			continue
		}
		// One key makes one session. Should there be two all the same, the paid one counts.
		if found == nil || cs.Status == api.CheckoutSessionStatusComplete && found.Status != api.CheckoutSessionStatusComplete {
			found = cs
		}
	}
	if err := ctx.Err(); err != nil { // the library ends a list quietly
		return nil, &silence{op: "look", cause: err}
	}
	return found, nil
}

// session asks for one session with its money.
func (p *Provider) session(ctx context.Context, op, id string) (payment.Status, error) {
	cs, err := p.retrieve(ctx, op, id)
	if err != nil {
		return payment.Status{}, err
	}
	return p.status(cs), nil
}

func (p *Provider) retrieve(ctx context.Context, op, id string) (*api.CheckoutSession, error) {
	r := &api.CheckoutSessionRetrieveParams{}
	r.AddExpand("payment_intent.latest_charge")
	cs, err := p.client.V1CheckoutSessions.Retrieve(ctx, id, r)
	if err != nil {
		return nil, failed(op, err)
	}
	if !isSession(cs) || cs.ID != id {
		return nil, &silence{op: op}
	}
	return cs, nil
}

// status reads a session.
//
//	session open                    Open, with the reason of the last try that was refused
//	session expired                 Refused when a try was refused before, else Expired or Cancelled
//	complete, intent requires_capture  Authorised
//	complete, intent succeeded      Captured
//	complete, intent canceled       Cancelled: what was reserved was let go, or ran out
//	complete, requires_payment_method  Refused: a way that pays later did not
//	anything else                   Processing
func (p *Provider) status(cs *api.CheckoutSession) payment.Status {
	cur := strings.ToUpper(string(cs.Currency))
	st := payment.Status{Ref: cs.ID, Reference: cs.ClientReferenceID, State: payment.Processing, Amount: money.New(cs.AmountTotal, cur),
		Captured: money.New(0, cur), Refunded: money.New(0, cur), Live: cs.Livemode}
	pi := cs.PaymentIntent
	if pi != nil && pi.Object == "" {
		pi = nil // only its id
	}
	if pi != nil {
		got := strings.ToUpper(string(pi.Currency))
		st.Captured = money.New(pi.AmountReceived, got)
		if ch := pi.LatestCharge; ch != nil && ch.Object != "" {
			st.Refunded = money.New(ch.AmountRefunded, got)
		}
		if pi.Amount != cs.AmountTotal || got != cur {
			st.Amount = money.New(pi.Amount, got) // they are about each other; where they differ the money counts
		}
		if e := pi.LastPaymentError; e != nil {
			st.Code, st.Reason = refusal(e)
		}
	}
	switch cs.Status {
	case api.CheckoutSessionStatusOpen:
		st.State = payment.Open
		if u, err := url.Parse(cs.URL); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && !p.secure) {
			st.Next = &payment.NextAction{Type: "redirect", URL: cs.URL}
		}
		return st
	case api.CheckoutSessionStatusExpired:
		switch {
		case st.Captured.Amount > 0: // cannot be; told, not hidden
			st.State = payment.Captured
		case st.Code != "":
			st.State = payment.Refused
		case time.Now().Unix() < cs.ExpiresAt: // ended before its time: by us
			st.State, st.Reason = payment.Cancelled, payment.BuyerLeft
		default:
			st.State, st.Reason = payment.Expired, payment.TimedOut
		}
		return st
	}
	if pi == nil || cs.Status != api.CheckoutSessionStatusComplete {
		return st
	}
	switch pi.Status {
	case api.PaymentIntentStatusSucceeded:
		st.State, st.Code, st.Reason = payment.Captured, "", ""
	case api.PaymentIntentStatusRequiresCapture:
		st.State, st.Code, st.Reason = payment.Authorised, "", ""
		if ch := pi.LatestCharge; ch != nil && ch.PaymentMethodDetails != nil && ch.PaymentMethodDetails.Card != nil && ch.PaymentMethodDetails.Card.CaptureBefore > 0 {
			st.AuthUntil = time.Unix(ch.PaymentMethodDetails.Card.CaptureBefore, 0).UTC()
		}
	case api.PaymentIntentStatusCanceled:
		st.State, st.Code, st.Reason = payment.Cancelled, word(string(pi.CancellationReason)), payment.BuyerLeft
	case api.PaymentIntentStatusRequiresPaymentMethod:
		st.State = payment.Refused
		if st.Code == "" {
			st.Code, st.Reason = string(pi.Status), payment.Declined
		}
	}
	return st
}
