package stripe

import (
	"context"
	"strings"
	"time"

	api "github.com/stripe/stripe-go/v84"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// Movements tells the account's balance transactions. Stripe counts in seconds, so the
// last second of from and the first of to may be told with them.
//
// A refund that failed has two rows at Stripe, one each way; both are "other", for no
// money moved. A dispute that was won comes back as "won".
func (p *Provider) Movements(ctx context.Context, from, to time.Time, yield func(payment.Movement) error) error {
	l := &api.BalanceTransactionListParams{CreatedRange: &api.RangeQueryParams{GreaterThanOrEqual: from.Unix(), LesserThan: to.Add(time.Second - 1).Unix()}}
	l.Limit = api.Int64(100)
	l.AddExpand("data.source")
	for bt, err := range p.client.V1BalanceTransactions.List(ctx, l) {
		if err != nil {
			return failed("movements", err)
		}
		m, err := p.movement(ctx, bt)
		if err != nil {
			return err
		}
		if err := yield(m); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return &silence{op: "movements", cause: err}
	}
	return nil
}

func (p *Provider) movement(ctx context.Context, bt *api.BalanceTransaction) (payment.Movement, error) {
	cur := strings.ToUpper(string(bt.Currency))
	m := payment.Movement{ID: bt.ID, Kind: "other", Amount: money.New(max(bt.Amount, -bt.Amount), cur), Fee: money.New(bt.Fee, cur), At: time.Unix(bt.Created, 0).UTC()}
	var src api.BalanceTransactionSource
	if bt.Source != nil {
		src = *bt.Source
	}
	switch bt.Type {
	case api.BalanceTransactionTypeCharge, api.BalanceTransactionTypePayment:
		m.Kind = "capture"
		if src.Charge != nil {
			m.Reference = src.Charge.Metadata[metaReference]
		}
	case api.BalanceTransactionTypeRefund, api.BalanceTransactionTypePaymentRefund:
		m.Kind = "refund"
		if r := src.Refund; r != nil {
			m.Reference, m.Key = r.Metadata[metaReference], r.Metadata[metaKey]
			if r.Status == api.RefundStatusFailed || r.Status == api.RefundStatusCanceled {
				m.Kind = "other"
			}
			if m.Reference == "" { // made in the dashboard: its payment tells
				var err error
				if m.Reference, err = p.referenceOf(ctx, r.PaymentIntent); err != nil {
					return m, err
				}
			}
		}
	case api.BalanceTransactionTypeRefundFailure, api.BalanceTransactionTypePaymentFailureRefund:
		if src.Refund != nil {
			m.Reference, m.Key = src.Refund.Metadata[metaReference], src.Refund.Metadata[metaKey]
		}
	case api.BalanceTransactionTypeStripeFee, api.BalanceTransactionTypeStripeFxFee, api.BalanceTransactionTypeTaxFee:
		m.Kind = "fee"
	case api.BalanceTransactionTypePayout:
		m.Kind = "payout"
		m.Payout = src.ID
	case api.BalanceTransactionTypeAdjustment:
		if d := src.Dispute; d != nil {
			var err error
			if m.Reference, err = p.referenceOf(ctx, d.PaymentIntent); err != nil {
				return m, err
			}
			if m.Kind = "won"; bt.Amount < 0 {
				m.Kind = "chargeback"
			}
		}
	}
	return m, nil
}

// referenceOf asks for the payment behind a row that does not repeat our reference.
func (p *Provider) referenceOf(ctx context.Context, pi *api.PaymentIntent) (string, error) {
	if pi == nil || pi.ID == "" {
		return "", nil
	}
	x, err := p.client.V1PaymentIntents.Retrieve(ctx, pi.ID, nil)
	if err != nil {
		return "", failed("movements", err)
	}
	return x.Metadata[metaReference], nil
}

// Ping asks for the newest session, which any key of ours may read.
func (p *Provider) Ping(ctx context.Context) error {
	l := &api.CheckoutSessionListParams{}
	l.Limit, l.Single = api.Int64(1), true
	for _, err := range p.client.V1CheckoutSessions.List(ctx, l) {
		return failed("ping", err)
	}
	if err := ctx.Err(); err != nil {
		return &silence{op: "ping", cause: err}
	}
	return nil
}
