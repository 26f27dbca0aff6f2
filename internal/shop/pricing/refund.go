package pricing

import (
	"errors"
	"fmt"
	"slices"

	"kassavalv/internal/money"
)

// ErrRefundTooLarge means that more would go back at a rate than was sold at it.
var ErrRefundTooLarge = errors.New("pricing: refund larger than what was sold")

// RefundVAT returns the VAT of a refund, rate by rate: the VAT of all refunded
// so far, this refund included, less the VAT already refunded. So parts sum to
// the whole to the öre, however a sale is refunded. now carries gross sums; the
// rates are those of the sale, whatever they are today. The answer has now's
// rates, highest first. ErrRefundTooLarge.
func RefundVAT(sold, refunded, now []VATSum) ([]VATSum, error) {
	var out []VATSum
	for _, n := range merge(now) {
		if n.Gross.Amount < 0 {
			return nil, errors.New("pricing: negative refund")
		}
		s, r := of(sold, n.RateBP), of(refunded, n.RateBP)
		if n.Gross.Currency != s.Gross.Currency && n.Gross.Amount > 0 {
			if s.Gross.Currency == "" {
				return nil, fmt.Errorf("%w: nothing was sold at %s %%", ErrRefundTooLarge, money.RateString(n.RateBP))
			}
			return nil, money.ErrCurrency
		}
		all := r.Gross.Amount + n.Gross.Amount
		if all > s.Gross.Amount {
			return nil, fmt.Errorf("%w: %d of %d at %s %%", ErrRefundTooLarge, all, s.Gross.Amount, money.RateString(n.RateBP))
		}
		vat := money.VATIncluded(all, n.RateBP)
		if all == s.Gross.Amount {
			vat = s.Amount.Amount // the last part takes what is left
		}
		out = append(out, VATSum{n.RateBP, n.Gross, money.New(vat-r.Amount.Amount, n.Gross.Currency)})
	}
	return out, nil
}

// SpreadRefund divides an amount that names no goods over the rates, in
// proportion to what is left to refund at each, and gives its VAT.
// ErrRefundTooLarge.
func SpreadRefund(sold, refunded []VATSum, amount money.Money) ([]VATSum, error) {
	sums := merge(sold)
	weights := make([]int64, len(sums))
	var left int64
	for i, s := range sums {
		weights[i] = s.Gross.Amount - of(refunded, s.RateBP).Gross.Amount
		left += weights[i]
	}
	if amount.Amount < 0 || amount.Amount > left {
		return nil, fmt.Errorf("%w: %d of %d", ErrRefundTooLarge, amount.Amount, left)
	}
	parts := money.Split(amount.Amount, weights)
	var now []VATSum
	for i, p := range parts {
		if p > 0 {
			now = append(now, VATSum{RateBP: sums[i].RateBP, Gross: money.New(p, amount.Currency)})
		}
	}
	return RefundVAT(sold, refunded, now)
}

// merge sums entries of one rate, highest rate first.
func merge(vs []VATSum) []VATSum {
	var out []VATSum
	for _, v := range vs {
		i := slices.IndexFunc(out, func(o VATSum) bool { return o.RateBP == v.RateBP })
		if i < 0 {
			out = append(out, v)
			continue
		}
		out[i].Gross.Amount += v.Gross.Amount
		out[i].Amount.Amount += v.Amount.Amount
	}
	slices.SortFunc(out, func(a, b VATSum) int { return int(b.RateBP - a.RateBP) })
	return out
}

func of(vs []VATSum, bp int64) VATSum {
	out := VATSum{RateBP: bp}
	for _, v := range vs {
		if v.RateBP == bp {
			out.Gross = money.New(out.Gross.Amount+v.Gross.Amount, v.Gross.Currency)
			out.Amount = money.New(out.Amount.Amount+v.Amount.Amount, v.Gross.Currency)
		}
	}
	return out
}
