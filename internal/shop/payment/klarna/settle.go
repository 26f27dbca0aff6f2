package klarna

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// kinds are Klarna's types of transaction in our words.
// https://docs.klarna.com/payments/after-payments/settlements/settlement-files/
var kinds = map[string]string{
	"SALE":       "capture",
	"RETURN":     "refund",
	"FEE":        "fee",
	"REVERSAL":   "chargeback", // a dispute that the buyer won
	"FEE_REFUND": "other", "TAX": "other", "COMMISSION": "other", "CORRECTION": "other", "CREDIT": "other", "CHARGE": "other",
	"HOLDBACK": "other", "RELEASE": "other", "REVERSAL_MERCHANT_PROTECTION": "other",
}

func kind(typ string) string {
	if k, ok := kinds[typ]; ok {
		return k
	}
	return "other"
}

// row is one transaction, of the API or of a report.
type row struct {
	Type       string `json:"type"`
	Detail     string `json:"detailed_type"`
	Amount     int64  `json:"amount"`
	Currency   string `json:"currency_code"`
	Order      string `json:"order_id"`
	Reference  string `json:"merchant_reference1"`
	Capture    string `json:"capture_id"`
	Refund     string `json:"refund_id"`
	CaptureKey string `json:"merchant_capture_reference"`
	RefundKey  string `json:"merchant_refund_reference"`
	Payout     string `json:"payment_reference"`
	// At is when the event was registered: Klarna's capture_date, of refunds and fees too.
	At   time.Time `json:"capture_date"`
	Sale time.Time `json:"sale_date"`
}

// ids numbers the rows that have no id of their own and are alike in all we read: the
// same list gives the same ids each time, in the report as in the API.
type ids map[string]int

func (n ids) of(r row) string {
	typ := strings.ToLower(plain(r.Type, 40))
	switch {
	case r.Type == "SALE" && id(r.Capture):
		return typ + "-" + r.Capture
	case r.Type == "RETURN" && id(r.Refund):
		return typ + "-" + r.Refund
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %d %q %q %q %q %q %d", r.Payout, r.Type, r.Amount, r.Currency, r.Order, r.Detail, r.Capture, r.Refund, r.At.Unix())
	k := hex.EncodeToString(h.Sum(nil)[:12])
	n[k]++
	return fmt.Sprintf("%s-%s-%d", typ, k, n[k])
}

func (r row) movement(n ids) payment.Movement {
	m := payment.Movement{ID: n.of(r), Kind: kind(r.Type), Reference: plain(r.Reference, 64), Ref: one(r.Order), Amount: money.New(max(r.Amount, -r.Amount), upper(r.Currency)), Payout: plain(r.Payout, 64), At: r.At.UTC()}
	switch m.Kind {
	case "capture":
		m.Key = plain(r.CaptureKey, 64)
	case "refund":
		m.Key = plain(r.RefundKey, 64)
	}
	return m
}

type payout struct {
	Reference string    `json:"payment_reference"`
	At        time.Time `json:"payout_date"`
	Currency  string    `json:"currency_code"`
	Totals    struct {
		Settlement int64 `json:"settlement_amount"`
	} `json:"totals"`
}

type pages struct {
	Count int64  `json:"count"`
	Total int64  `json:"total"`
	Next  string `json:"next"`
}

const (
	perPage  = 500    // Klarna's largest
	maxPages = 20_000 // a list that does not end is none
)

// Movements tells the payouts that were made in [from, to) and every transaction in them.
// Klarna tells a transaction when it is paid out, some days after it was registered: At
// is when that was, and may lie before from.
func (p *Provider) Movements(ctx context.Context, from, to time.Time, yield func(payment.Movement) error) error {
	if !from.Before(to) {
		return nil
	}
	// Both ends are part of Klarna's window; its times are whole seconds.
	q := url.Values{"start_date": {from.UTC().Format(time.RFC3339)}, "end_date": {to.UTC().Format(time.RFC3339)}}
	return p.listed(ctx, "/settlements/v1/payouts", q, func(path string) (int, pages, error) {
		var a struct {
			Payouts []payout `json:"payouts"`
			Pages   pages    `json:"pagination"`
		}
		if _, err := p.call(ctx, "GET", path, "", nil, &a); err != nil {
			return 0, pages{}, err
		}
		for _, o := range a.Payouts {
			if o.At.Before(from) || !o.At.Before(to) {
				continue
			}
			if plain(o.Reference, 64) == "" {
				return 0, pages{}, errors.New("klarna: a payout without a reference")
			}
			if err := yield(payout1(o)); err != nil {
				return 0, pages{}, err
			}
			if err := p.transactions(ctx, o, yield); err != nil {
				return 0, pages{}, err
			}
		}
		return len(a.Payouts), a.Pages, nil
	})
}

func payout1(o payout) payment.Movement {
	return payment.Movement{ID: "payout-" + o.Reference, Kind: "payout", Amount: money.New(max(o.Totals.Settlement, -o.Totals.Settlement), upper(o.Currency)), Payout: o.Reference, At: o.At.UTC()}
}

func (p *Provider) transactions(ctx context.Context, o payout, yield func(payment.Movement) error) error {
	n := ids{}
	return p.listed(ctx, "/settlements/v1/transactions", url.Values{"payment_reference": {o.Reference}}, func(path string) (int, pages, error) {
		var a struct {
			Rows  []row `json:"transactions"`
			Pages pages `json:"pagination"`
		}
		if _, err := p.call(ctx, "GET", path, "", nil, &a); err != nil {
			return 0, pages{}, err
		}
		for _, r := range a.Rows {
			r.Payout = o.Reference
			if err := yield(r.movement(n)); err != nil {
				return 0, pages{}, err
			}
		}
		return len(a.Rows), a.Pages, nil
	})
}

// listed goes through the pages of a list by offset. The address of the next page that
// Klarna gives is not followed: our secret goes where we know.
func (p *Provider) listed(ctx context.Context, path string, q url.Values, get func(path string) (int, pages, error)) error {
	q.Set("size", fmt.Sprint(perPage))
	offset := 0
	for range maxPages {
		q.Set("offset", fmt.Sprint(offset))
		n, pg, err := get(path + "?" + q.Encode())
		if err != nil {
			return err
		}
		offset += n
		if n == 0 || pg.Next == "" && int64(offset) >= pg.Total {
			return ctx.Err()
		}
	}
	return errors.New("klarna: a list without end")
}
