package stripe

import (
	"context"

	api "github.com/stripe/stripe-go/v84"

	"kassavalv/internal/shop/payment"
)

// Cancel expires an open session, or lets go of what is reserved. When the buyer was
// quicker, the answer tells that.
func (p *Provider) Cancel(ctx context.Context, h payment.Handle) (payment.Status, error) {
	id := h.Ref
	if id == "" {
		cs, err := p.find(ctx, h)
		if err != nil {
			return payment.Status{}, err
		}
		if cs == nil {
			return payment.Status{Reference: h.Reference, State: payment.Absent}, nil
		}
		id = cs.ID
	}
	cs, err := p.retrieve(ctx, "cancel", id)
	if err != nil {
		return payment.Status{}, err
	}
	switch st := p.status(cs); st.State {
	case payment.Open:
		_, err = p.client.V1CheckoutSessions.Expire(ctx, id, nil)
	case payment.Authorised:
		_, err = p.client.V1PaymentIntents.Cancel(ctx, cs.PaymentIntent.ID, &api.PaymentIntentCancelParams{CancellationReason: api.String(api.PaymentIntentCancellationReasonRequestedByCustomer)})
	default:
		return st, nil
	}
	if f, ok := failed("cancel", err).(*failure); err != nil && (!ok || f.open) {
		return payment.Status{}, failed("cancel", err)
	}
	// Whether it was done or refused: what stands now is the answer.
	st, lerr := p.session(ctx, "cancel", id)
	if lerr == nil && err != nil && (st.State == payment.Open || st.State == payment.Authorised) {
		return payment.Status{}, failed("cancel", err)
	}
	return st, lerr
}
