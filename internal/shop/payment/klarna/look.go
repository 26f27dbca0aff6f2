package klarna

import (
	"context"
	"net/http"
	"strings"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// refOf splits what we call a payment: the two sessions, or the order.
func refOf(ref string) (page, session, order string) {
	if a, b, ok := strings.Cut(ref, "."); ok {
		if id(a) && id(b) {
			return a, b, ""
		}
		return "", "", ""
	}
	if id(ref) {
		return "", "", ref
	}
	return "", "", ""
}

// Look asks Klarna: the order when it is known, else the page, and the order that it led
// to. Without a ref nobody was ever led to a page: Absent.
func (p *Provider) Look(ctx context.Context, h payment.Handle) (payment.Status, error) {
	pg, kp, ord := refOf(h.Ref)
	switch {
	case ord != "":
		o, err := p.order(ctx, ord)
		if is(err, http.StatusNotFound) {
			return payment.Status{Reference: h.Reference, State: payment.Absent}, nil
		}
		if err != nil {
			return payment.Status{}, err
		}
		return p.ofOrder(o, ""), nil
	case pg != "":
		return p.lookPage(ctx, h, pg, kp)
	case h.Key != "":
		if was, ok := p.recent.get("begin " + h.Key); ok {
			h.Ref = was.ref
			return p.Look(ctx, h)
		}
	}
	return payment.Status{Reference: h.Reference, State: payment.Absent}, nil
}

func (p *Provider) order(ctx context.Context, order string) (orderT, error) {
	var o orderT
	_, err := p.call(ctx, "GET", "/ordermanagement/v1/orders/"+seg(order), "", nil, &o)
	if err == nil && o.ID != order {
		err = payment.ErrUnknown // an answer about something else
	}
	return o, err
}

func (p *Provider) page(ctx context.Context, pg string) (page, error) {
	var a page
	_, err := p.call(ctx, "GET", "/hpp/v1/sessions/"+seg(pg), "", nil, &a)
	if err == nil && a.ID != pg {
		err = payment.ErrUnknown
	}
	return a, err
}

func (p *Provider) lookPage(ctx context.Context, h payment.Handle, pg, kp string) (payment.Status, error) {
	a, err := p.page(ctx, pg)
	if is(err, http.StatusNotFound) {
		// Klarna gave us this id, so it was there: its 48 hours are over. An order made of
		// it that we never heard of cannot be taken by anybody else and ends by itself.
		return p.gone(h), nil
	}
	if err != nil {
		return payment.Status{}, err
	}
	if a.Status == "FAILED" || a.Status == "ERROR" {
		// The buyer was declined and is on the way back to us, but the page would take
		// another try. Only what cannot be paid any more is refused: so it is closed.
		if a, err = p.close(ctx, a); err != nil {
			return payment.Status{}, err
		}
	}
	return p.ofPage(ctx, h, a, kp)
}

// close ends a page. When it was completed meanwhile, the page says so. A page that was
// declined keeps that word.
func (p *Provider) close(ctx context.Context, a page) (page, error) {
	key := "page " + a.ID
	switch a.Status {
	case "FAILED", "ERROR":
		p.recent.put(key, seen{refused: a.Status})
	}
	_, err := p.call(ctx, "DELETE", "/hpp/v1/sessions/"+seg(a.ID), "", nil, nil)
	switch {
	case err == nil:
		if was, ok := p.recent.get(key); ok {
			a.Status = was.refused
		} else {
			a.Status = "DISABLED"
		}
		return a, nil
	case is(err, http.StatusBadRequest, http.StatusNotFound):
		b, err2 := p.page(ctx, a.ID)
		if is(err2, http.StatusNotFound) {
			b, err2 = page{ID: a.ID, Status: "EXPIRED"}, nil
		}
		return b, err2
	}
	return a, err
}

// gone is a payment that Klarna has forgotten.
func (p *Provider) gone(h payment.Handle) payment.Status {
	return payment.Status{Ref: h.Ref, Reference: h.Reference, State: payment.Expired, Reason: payment.TimedOut, Code: "EXPIRED", Live: p.live}
}

func (p *Provider) ofPage(ctx context.Context, h payment.Handle, a page, kp string) (payment.Status, error) {
	switch a.Status {
	case "COMPLETED":
		if !id(a.Order) {
			return p.without(ctx, h, kp, payment.Processing, a.Status) // approved; the order is being made
		}
		o, err := p.order(ctx, a.Order)
		if is(err, http.StatusNotFound) {
			return p.without(ctx, h, kp, payment.Processing, a.Status)
		}
		if err != nil {
			return payment.Status{}, err
		}
		return p.ofOrder(o, h.Ref), nil
	case "CANCELLED":
		return p.without(ctx, h, kp, payment.Cancelled, a.Status)
	case "DISABLED":
		if was, ok := p.recent.get("page " + a.ID); ok {
			return p.without(ctx, h, kp, payment.Refused, was.refused)
		}
		return p.without(ctx, h, kp, payment.Cancelled, a.Status)
	case "FAILED", "ERROR":
		return p.without(ctx, h, kp, payment.Refused, a.Status)
	case "EXPIRED":
		return p.gone(h), nil
	case "WAITING", "IN_PROGRESS", "BACK", "MANUAL_ID_CHECK":
		return p.without(ctx, h, kp, payment.Open, a.Status)
	}
	return p.without(ctx, h, kp, payment.Processing, plain(a.Status, 40)) // a word we do not know is no answer
}

// without tells of a payment that has no order, with what Klarna has it for.
func (p *Provider) without(ctx context.Context, h payment.Handle, kp string, st payment.State, code string) (payment.Status, error) {
	var k session
	if _, err := p.call(ctx, "GET", "/payments/v1/sessions/"+seg(kp), "", nil, &k); err != nil {
		if is(err, http.StatusNotFound) {
			return p.gone(h), nil
		}
		return payment.Status{}, err
	}
	cur := upper(k.Currency)
	s := payment.Status{Ref: h.Ref, Reference: k.Reference, State: st, Amount: money.New(k.Amount, cur), Captured: money.New(0, cur), Refunded: money.New(0, cur), Code: code, Live: p.live}
	if st.Final() {
		s.Reason = meant(code).Reason
	}
	return s, nil
}

// ofOrder reads an order. was is the ref by which it was asked about.
func (p *Provider) ofOrder(o orderT, was string) payment.Status {
	cur := upper(o.Currency)
	s := payment.Status{Ref: o.ID, Was: was, Reference: o.Reference, Amount: money.New(o.Amount, cur), Captured: money.New(o.Captured, cur), Refunded: money.New(o.Refunded, cur), Code: plain(o.Status, 40), Live: p.live}
	switch o.Status {
	case "AUTHORIZED", "PART_CAPTURED":
		s.State, s.AuthUntil = payment.Authorised, o.Expires
	case "CAPTURED":
		s.State = payment.Captured
	case "CLOSED":
		if s.State = payment.Captured; o.Captured == 0 {
			s.State = payment.Cancelled
		}
	case "CANCELLED":
		s.State = payment.Cancelled
	case "EXPIRED":
		s.State = payment.Expired
	default:
		s.State = payment.Processing
	}
	// Klarna's check for fraud, of orders that are not taken.
	if s.State == payment.Authorised {
		switch o.Fraud {
		case "PENDING":
			s.State, s.Code, s.AuthUntil = payment.Processing, "FRAUD_STATUS_PENDING", o.Expires
		case "REJECTED", "STOPPED":
			s.State, s.Code = payment.Refused, "FRAUD_STATUS_"+o.Fraud
		}
	}
	switch s.State {
	case payment.Cancelled, payment.Expired, payment.Refused:
		s.Reason = meant(s.Code).Reason
	}
	return s
}

// upper is a currency code; empty for what is none.
func upper(s string) string {
	s = strings.ToUpper(s)
	if len(s) != 3 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return ""
	}
	return s
}
