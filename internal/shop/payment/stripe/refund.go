package stripe

import (
	"context"
	"errors"
	"strings"

	api "github.com/stripe/stripe-go/v84"

	"kassavalv/internal/shop/payment"
)

// Refund pays back. A refund that was asked for under the key is found by it, however
// long ago; only where there is none is one made.
func (p *Provider) Refund(ctx context.Context, r payment.Refund) (payment.RefundStatus, error) {
	cs, err := p.retrieve(ctx, "refund", r.Ref)
	if err != nil {
		return payment.RefundStatus{}, err
	}
	pi := cs.PaymentIntent
	switch {
	case cs.ClientReferenceID != r.Reference || r.Reference == "":
		return payment.RefundStatus{}, errors.New("stripe: refund: the payment is another purchase's")
	case pi == nil || pi.ID == "" || pi.AmountReceived == 0:
		return payment.RefundStatus{Refused: true, Code: "not_paid"}, nil
	case strings.ToUpper(string(pi.Currency)) != r.Amount.Currency:
		return payment.RefundStatus{Refused: true, Code: "currency"}, nil
	}
	l := &api.RefundListParams{PaymentIntent: &pi.ID}
	l.Limit = api.Int64(100)
	for x, err := range p.client.V1Refunds.List(ctx, l) {
		if err != nil {
			return payment.RefundStatus{}, failed("refund", err)
		}
		if x.Metadata[metaKey] == r.Key {
			return refundStatus(x), nil
		}
	}
	if err := ctx.Err(); err != nil {
		return payment.RefundStatus{}, &silence{op: "refund", cause: err}
	}
	c := &api.RefundCreateParams{PaymentIntent: &pi.ID, Amount: &r.Amount.Amount, Reason: api.String(api.RefundReasonRequestedByCustomer),
		Metadata: map[string]string{metaReference: r.Reference, metaKey: r.Key}}
	c.SetIdempotencyKey(r.Key)
	x, err := p.client.V1Refunds.Create(ctx, c)
	if err != nil {
		return moved("refund", err)
	}
	if x.ID == "" || x.Object != "refund" {
		return payment.RefundStatus{}, &silence{op: "refund"}
	}
	return refundStatus(x), nil
}

func refundStatus(x *api.Refund) payment.RefundStatus {
	switch x.Status {
	case api.RefundStatusSucceeded:
		return payment.RefundStatus{Done: true, Code: word(x.ID)}
	case api.RefundStatusFailed, api.RefundStatusCanceled:
		code := word(string(x.FailureReason))
		if code == "" {
			code = string(x.Status)
		}
		return payment.RefundStatus{Refused: true, Code: code}
	}
	return payment.RefundStatus{} // pending, requires_action
}
