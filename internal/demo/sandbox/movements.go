package sandbox

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"kassavalv/internal/demo/bank/wire"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// Movements tells the bank's books, page by page.
func (p *Provider) Movements(ctx context.Context, from, to time.Time, yield func(payment.Movement) error) error {
	after := ""
	for range 10_000 {
		var l wire.Movements
		q := url.Values{"from": {strconv.FormatInt(from.UnixMicro(), 10)}, "to": {strconv.FormatInt(to.UnixMicro(), 10)}}
		if after != "" {
			q.Set("after", after)
		}
		if err := p.call(ctx, "GET", "/v1/movements?"+q.Encode(), "", nil, &l); err != nil {
			return err
		}
		for _, m := range l.Items {
			if err := yield(payment.Movement{ID: m.ID, Kind: m.Kind, Reference: m.Reference, Ref: m.PaymentID, Key: m.Key, Amount: money.New(m.Amount, m.Currency), At: m.At}); err != nil {
				return err
			}
		}
		if l.After == "" {
			return nil
		}
		if l.After == after {
			break
		}
		after = l.After
	}
	return errors.New("sandbox: the bank's books have no end")
}
