package stripe

import (
	"context"
	"errors"
	"strings"

	api "github.com/stripe/stripe-go/v84"

	"kassavalv/internal/shop/payment"
)

// Capture takes what is reserved, or a part of it, once: the rest is let go.
func (p *Provider) Capture(ctx context.Context, t payment.Take) (payment.TakeStatus, error) {
	cs, err := p.retrieve(ctx, "capture", t.Ref)
	if err != nil {
		return payment.TakeStatus{}, err
	}
	pi := cs.PaymentIntent
	switch {
	case cs.ClientReferenceID != t.Reference || t.Reference == "":
		return payment.TakeStatus{}, errors.New("stripe: capture: the payment is another purchase's")
	case pi == nil || pi.ID == "":
		return payment.TakeStatus{Refused: true, Code: "not_paid"}, nil
	case strings.ToUpper(string(pi.Currency)) != t.Amount.Currency:
		return payment.TakeStatus{Refused: true, Code: "currency"}, nil
	case pi.Metadata[metaTake] == t.Key && pi.Status == api.PaymentIntentStatusSucceeded:
		return payment.TakeStatus{Done: true, Code: word(pi.ID)}, nil
	case pi.Status == api.PaymentIntentStatusProcessing:
		return payment.TakeStatus{}, nil
	case pi.Status != api.PaymentIntentStatusRequiresCapture:
		return payment.TakeStatus{Refused: true, Code: word(string(pi.Status))}, nil
	}
	c := &api.PaymentIntentCaptureParams{AmountToCapture: &t.Amount.Amount, Metadata: map[string]string{metaTake: t.Key}}
	c.SetIdempotencyKey(t.Key)
	got, err := p.client.V1PaymentIntents.Capture(ctx, pi.ID, c)
	if err != nil {
		return moved("capture", err)
	}
	switch {
	case got.ID != pi.ID || got.Object == "":
		return payment.TakeStatus{}, &silence{op: "capture"}
	case got.Status == api.PaymentIntentStatusSucceeded:
		return payment.TakeStatus{Done: true, Code: word(got.ID)}, nil
	}
	return payment.TakeStatus{}, nil
}

// moved reads the error of a refund or a capture. Refused is only what Stripe has
// decided about this very wish; a key that is wrong, or used for something else, is for
// a person and moves nothing.
func moved(op string, err error) (payment.RefundStatus, error) {
	e := failed(op, err)
	f, ok := e.(*failure)
	if !ok || f.open {
		return payment.RefundStatus{}, e
	}
	switch {
	case api.ErrorType(f.code) == api.ErrorTypeIdempotency:
		return payment.RefundStatus{}, e
	case f.status == 400, f.status == 402, f.status == 404:
		return payment.RefundStatus{Refused: true, Code: f.code}, nil
	}
	return payment.RefundStatus{}, e
}
