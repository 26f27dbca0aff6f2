package klarnasim

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

type payout struct {
	Reference string           `json:"payment_reference"`
	At        time.Time        `json:"payout_date"`
	Currency  string           `json:"currency_code"`
	Type      string           `json:"merchant_settlement_type"`
	Merchant  string           `json:"merchant_id"`
	Totals    map[string]int64 `json:"totals"`
	rows      []trans
}

type trans struct {
	Type       string    `json:"type"`
	Detail     string    `json:"detailed_type"`
	Amount     int64     `json:"amount"`
	Currency   string    `json:"currency_code"`
	Order      string    `json:"order_id"`
	Short      string    `json:"short_order_id"`
	Reference  string    `json:"merchant_reference1"`
	Capture    string    `json:"capture_id"`
	Refund     string    `json:"refund_id"`
	CaptureKey string    `json:"merchant_capture_reference"`
	RefundKey  string    `json:"merchant_refund_reference"`
	Payout     string    `json:"payment_reference"`
	At         time.Time `json:"capture_date"`
	Sale       time.Time `json:"sale_date"`
	Country    string    `json:"purchase_country"`
}

// Settle pays out what has been captured and refunded since the last time, less fees of
// 3 kr and 2.5 per cent of each capture. It returns the payout's reference, empty when
// there was nothing.
func (s *Server) Settle() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settle()
}

func (s *Server) settle() string {
	p := &payout{Reference: short(), At: s.now().Truncate(time.Second), Type: "NET", Merchant: "N000000", Totals: map[string]int64{}}
	for _, o := range s.sorted() {
		base := trans{Currency: o.Currency, Order: o.ID, Short: o.Short, Reference: o.Reference, Payout: p.Reference, Sale: o.Created, Country: o.Country}
		add := func(t trans) { p.rows = append(p.rows, t) }
		for _, c := range o.Captures {
			if c.settled {
				continue
			}
			c.settled, p.Currency = true, o.Currency
			t := base
			t.Type, t.Detail, t.Amount, t.Capture, t.CaptureKey, t.At = "SALE", "PURCHASE", c.Amount, c.ID, c.Reference, c.At
			add(t)
			t.Type, t.Detail, t.Amount = "FEE", "PURCHASE_FEE_FIXED", 300
			add(t)
			t.Detail, t.Amount = "PURCHASE_FEE_PERCENTAGE", c.Amount*25/1000
			add(t)
			p.Totals["sale_amount"] += c.Amount
			p.Totals["fee_amount"] += 300 + t.Amount
		}
		for _, f := range o.Refunds {
			if f.settled {
				continue
			}
			f.settled, p.Currency = true, o.Currency
			t := base
			t.Type, t.Detail, t.Amount, t.Refund, t.RefundKey, t.At = "RETURN", "PURCHASE_RETURN", f.Amount, f.ID, f.Reference, f.At
			add(t)
			p.Totals["return_amount"] += f.Amount
		}
	}
	if len(p.rows) == 0 {
		return ""
	}
	p.Totals["settlement_amount"] = p.Totals["sale_amount"] - p.Totals["fee_amount"] - p.Totals["return_amount"]
	s.payouts = append(s.payouts, p)
	return p.Reference
}

func slice[T any](r *http.Request, all []T) ([]T, map[string]any, error) {
	size, offset := 20, 0
	for name, to := range map[string]*int{"size": &size, "offset": &offset} {
		if v := r.URL.Query().Get(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 || name == "size" && (n < 1 || n > 500) {
				return nil, nil, bad(name)
			}
			*to = n
		}
	}
	part := all[min(offset, len(all)):min(offset+size, len(all))]
	pg := map[string]any{"count": len(part), "total": len(all), "offset": offset}
	if offset+len(part) < len(all) {
		pg["next"] = fmt.Sprintf("http://%s%s?offset=%d&size=%d", r.Host, r.URL.Path, offset+len(part), size)
	}
	return append([]T{}, part...), pg, nil
}

func (s *Server) listPayouts(r *http.Request, _ []byte) (*answer, error) {
	if s.opt.Prompt {
		s.settle()
	}
	var from, to time.Time
	for name, t := range map[string]*time.Time{"start_date": &from, "end_date": &to} {
		if v := r.URL.Query().Get(name); v != "" {
			var err error
			if *t, err = time.Parse(time.RFC3339, v); err != nil {
				return nil, bad(name)
			}
		}
	}
	var all []*payout
	for _, p := range s.payouts {
		if !p.At.Before(from) && (to.IsZero() || !p.At.After(to)) {
			all = append(all, p)
		}
	}
	part, pg, err := slice(r, all)
	if err != nil {
		return nil, err
	}
	return ok(200, map[string]any{"payouts": part, "pagination": pg})
}

func (s *Server) listTransactions(r *http.Request, _ []byte) (*answer, error) {
	var all []trans
	for _, p := range s.payouts {
		for _, t := range p.rows {
			if q := r.URL.Query(); (q.Get("payment_reference") == "" || q.Get("payment_reference") == p.Reference) && (q.Get("order_id") == "" || q.Get("order_id") == t.Order) {
				all = append(all, t)
			}
		}
	}
	part, pg, err := slice(r, all)
	if err != nil {
		return nil, err
	}
	return ok(200, map[string]any{"transactions": part, "pagination": pg})
}

func (s *Server) report(r *http.Request, _ []byte) (*answer, error) {
	b := s.csv(r.URL.Query().Get("payment_reference"))
	if b == nil {
		return nil, &problem{404, "NOT_FOUND", "No such payout"}
	}
	return ok(200, b)
}

// Report is the CSV report of a payout; nil when there is none.
func (s *Server) Report(reference string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.csv(reference)
}

func (s *Server) csv(reference string) []byte {
	for _, p := range s.payouts {
		if p.Reference != reference {
			continue
		}
		var b bytes.Buffer
		kr := func(n int64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
		b.WriteString("total_sale_amount,total_fee_amount,total_return_amount,total_settlement_amount,payment_reference,settlement_currency,payout_date,merchant_id,merchant_settlement_type\n")
		fmt.Fprintf(&b, "%s,%s,%s,%s,%s,%s,%s,%s,%s\n", kr(p.Totals["sale_amount"]), kr(p.Totals["fee_amount"]), kr(p.Totals["return_amount"]), kr(p.Totals["settlement_amount"]), p.Reference, p.Currency,
			p.At.Format(time.RFC3339), p.Merchant, p.Type)
		b.WriteString("type,capture_date,sale_date,order_id,short_order_id,capture_id,refund_id,merchant_reference1,merchant_reference2,amount,posting_currency,purchase_country,merchant_capture_reference,merchant_refund_reference,detailed_type\n")
		for _, t := range p.rows {
			fmt.Fprintf(&b, "%s,%s,%s,%s,%s,%s,%s,%s,,%s,%s,%s,%s,%s,%s\n", t.Type, t.At.Format(time.RFC3339), t.Sale.Format(time.RFC3339), t.Order, t.Short, t.Capture, t.Refund, t.Reference, kr(t.Amount), t.Currency,
				t.Country, t.CaptureKey, t.RefundKey, t.Detail)
		}
		return b.Bytes()
	}
	return nil
}
