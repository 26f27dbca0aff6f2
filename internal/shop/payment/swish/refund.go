package swish

import (
	"cmp"
	"context"
	"errors"
	"time"

	"kassavalv/internal/shop/payment"
)

// refundMonths is how long after a payment Swish pays back.
const refundMonths = 13

// CodeTooOld is our own code of a refund that comes too late for Swish: staff pay by
// bank transfer instead.
const CodeTooOld = "too_old_13_months"

// Refund pays back. Swish works on it for a while, so it is asked again with the same
// key until it is PAID or has failed. A part may be paid back, and several parts one
// after the other.
func (p *Provider) Refund(ctx context.Context, r payment.Refund) (payment.RefundStatus, error) {
	if r.Key == "" || !idForm.MatchString(r.Ref) {
		return payment.RefundStatus{}, errors.New("swish: a refund needs a key and the id of a payment")
	}
	id := p.refundID(r.Key)
	st, there, err := p.lookRefund(ctx, id)
	if err != nil || there {
		return st, err
	}
	w, of, err := p.read(ctx, r.Ref, r.Reference)
	switch {
	case err != nil:
		return payment.RefundStatus{}, err
	case of.State != payment.Captured || w.PaymentReference == "":
		return payment.RefundStatus{Refused: true, Code: "RF02"}, nil // nothing was paid
	case r.Amount.Currency != "SEK" || r.Amount.Amount < 1:
		return payment.RefundStatus{Refused: true, Code: "PA02"}, nil
	case r.Amount.Amount > of.Captured.Amount:
		return payment.RefundStatus{Refused: true, Code: "RF08"}, nil
	case tooOld(w.DatePaid.Time, p.o.Now()):
		return payment.RefundStatus{Refused: true, Code: CodeTooOld}, nil
	}
	a, err := p.client.do(ctx, "PUT", "/api/v2/refunds/"+id, "application/json", refundRequest{OriginalPaymentReference: w.PaymentReference, PayerPaymentReference: of.Reference,
		CallbackURL: w.CallbackURL, CallbackIdentifier: p.identifier(id), PayerAlias: p.o.Payee, Amount: kronor(r.Amount.Amount), Currency: "SEK", Message: message(cmp.Or(r.Note, "Återbetalning"), of.Reference)})
	if err != nil {
		return payment.RefundStatus{}, err
	}
	switch {
	case a.status == 201:
		return payment.RefundStatus{Code: id}, nil
	case a.has(taken):
		if st, there, err = p.lookRefund(ctx, id); err == nil && !there {
			err = unknown(taken, "the refund is there and is not told")
		}
		return st, err
	case a.status == 422 && a.code() != "":
		return ended(a.code()), nil
	}
	return payment.RefundStatus{}, a.unclear()
}

// tooOld reports whether Swish pays back no more; a payment without a date is left to
// Swish to judge.
func tooOld(paid, now time.Time) bool {
	return !paid.IsZero() && now.After(paid.AddDate(0, refundMonths, 0))
}

// ended is what a refund's code means: final, unless it leaves the end open.
func ended(code string) payment.RefundStatus {
	return payment.RefundStatus{Refused: !refundWaits[code], Code: code}
}

func (p *Provider) lookRefund(ctx context.Context, id string) (st payment.RefundStatus, there bool, err error) {
	a, err := p.client.do(ctx, "GET", "/api/v1/refunds/"+id, "", nil)
	if err != nil {
		return st, false, err
	}
	switch a.status {
	case 404:
		return st, false, nil
	case 200:
	default:
		return st, false, a.unclear()
	}
	var w refundAnswer
	if err := a.into(&w); err != nil {
		return st, false, err
	}
	if w.ID != id || w.PayerAlias != p.o.Payee {
		return st, false, unknown("foreign", "the answer is about another refund or merchant")
	}
	switch w.Status {
	case "PAID":
		return payment.RefundStatus{Done: true, Code: id}, true, nil
	case "ERROR":
		return ended(w.ErrorCode), true, nil
	}
	return payment.RefundStatus{Code: w.Status}, true, nil // CREATED, VALIDATED, DEBITED
}
