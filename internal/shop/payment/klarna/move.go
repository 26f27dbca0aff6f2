package klarna

import (
	"context"
	"errors"
	"net/http"
	"path"

	"kassavalv/internal/shop/payment"
)

// orderID is the order of a ref: itself, or what its page led to.
func (p *Provider) orderID(ctx context.Context, ref string) (string, error) {
	pg, _, ord := refOf(ref)
	if pg == "" {
		return ord, nil
	}
	a, err := p.page(ctx, pg)
	return a.Order, err
}

// Cancel ends a payment: closes the page, cancels the order, or releases what is left of
// one that was taken in part. What it finds over, it leaves.
func (p *Provider) Cancel(ctx context.Context, h payment.Handle) (payment.Status, error) {
	st, err := p.Look(ctx, h)
	if err != nil || st.State == payment.Absent {
		return st, err
	}
	if pg, kp, _ := refOf(st.Ref); pg != "" {
		if st.State.Final() {
			return st, nil
		}
		a, err := p.close(ctx, page{ID: pg})
		if err != nil {
			return payment.Status{}, err
		}
		h.Ref = st.Ref
		if st, err = p.ofPage(ctx, h, a, kp); err != nil {
			return payment.Status{}, err
		}
		return st, nil // approved in this very moment: it is told as such
	}
	switch st.State {
	case payment.Authorised, payment.Processing, payment.Refused:
	default:
		return st, nil
	}
	what := "/cancel"
	if st.Captured.Amount > 0 {
		what = "/release-remaining-authorization"
	}
	_, err = p.call(ctx, "POST", "/ordermanagement/v1/orders/"+seg(st.Ref)+what, "", struct{}{}, nil)
	if err != nil && !is(err, http.StatusForbidden) {
		return payment.Status{}, err
	}
	now, err := p.Look(ctx, payment.Handle{Reference: h.Reference, Ref: st.Ref})
	now.Was = st.Was
	return now, err
}

// Capture takes the whole or a part of what is authorised.
func (p *Provider) Capture(ctx context.Context, t payment.Take) (payment.TakeStatus, error) {
	o, err := p.orderFor(ctx, t.Ref)
	if err != nil {
		return refusedMove(err)
	}
	for _, c := range o.Captures {
		if c.Reference == t.Key {
			return payment.TakeStatus{Done: true, Code: plain(c.ID, 80)}, nil
		}
	}
	in := newCapture{Amount: t.Amount.Amount, Reference: t.Key}
	if upper(o.Currency) != t.Amount.Currency {
		return payment.TakeStatus{Refused: true, Code: "CURRENCY"}, nil
	}
	if len(t.Lines) > 0 && t.Amount.Amount == o.Amount {
		in.Lines, _ = orderLines(payment.Start{Amount: t.Amount, Lines: t.Lines, Lang: "sv"})
	}
	head, err := p.call(ctx, "POST", "/ordermanagement/v1/orders/"+seg(o.ID)+"/captures", t.Key, in, nil)
	if err != nil {
		return refusedMove(err)
	}
	return payment.TakeStatus{Done: true, Code: made(head, "Capture-Id")}, nil
}

// Refund pays back a part of what was taken, or all.
func (p *Provider) Refund(ctx context.Context, r payment.Refund) (payment.RefundStatus, error) {
	o, err := p.orderFor(ctx, r.Ref)
	if err != nil {
		return refusedMove(err)
	}
	for _, b := range o.Refunds {
		if b.Reference == r.Key {
			return payment.RefundStatus{Done: true, Code: plain(b.ID, 80)}, nil
		}
	}
	if upper(o.Currency) != r.Amount.Currency {
		return payment.RefundStatus{Refused: true, Code: "CURRENCY"}, nil
	}
	// The reason is staff's own words and stays here.
	head, err := p.call(ctx, "POST", "/ordermanagement/v1/orders/"+seg(o.ID)+"/refunds", r.Key, newRefund{Amount: r.Amount.Amount, Reference: r.Key, Description: r.Note}, nil)
	if err != nil {
		return refusedMove(err)
	}
	return payment.RefundStatus{Done: true, Code: made(head, "Refund-Id")}, nil
}

func (p *Provider) orderFor(ctx context.Context, ref string) (orderT, error) {
	ord, err := p.orderID(ctx, ref)
	if err != nil {
		return orderT{}, err
	}
	if !id(ord) {
		return orderT{}, errors.New("klarna: the payment has no order")
	}
	return p.order(ctx, ord)
}

// refusedMove is a refusal that is final, or the error for which it is tried again.
func refusedMove(err error) (payment.RefundStatus, error) {
	if e, ok := final(err); ok {
		return payment.RefundStatus{Refused: true, Code: e.ProviderCode()}, nil
	}
	return payment.RefundStatus{}, err
}

// made is the id of what a POST made: its own header, or the end of Location.
func made(h http.Header, name string) string {
	if v := plain(h.Get(name), 80); v != "" {
		return v
	}
	if l := h.Get("Location"); l != "" {
		return plain(path.Base(l), 80)
	}
	return ""
}

// Ping asks for a session that cannot be. Only that Klarna answers, and knows us, counts.
func (p *Provider) Ping(ctx context.Context) error {
	_, err := p.call(ctx, "GET", "/payments/v1/sessions/00000000-0000-0000-0000-000000000000", "", nil, nil)
	if is(err, http.StatusNotFound, http.StatusBadRequest) {
		return nil
	}
	return err
}
