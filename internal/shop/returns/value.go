package returns

import (
	"encoding/json"
	"strconv"

	"kassavalv/internal/db"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/order"
)

// book is what has been credited of an order so far, refused refunds left out.
type book struct {
	pieces   map[db.ID]int64
	delivery int64
}

func readBook(q db.Q, orderID db.ID) (book, error) {
	b := book{pieces: map[db.ID]int64{}}
	rows, err := q.Query(`SELECT l.line_id, l.quantity FROM returns_credit_line l JOIN returns_credit c ON c.id=l.credit_id WHERE c.order_id=$1 AND c.state <> 'refused'`, orderID)
	if err != nil {
		return b, err
	}
	defer rows.Close()
	for rows.Next() {
		var id db.ID
		var n int64
		if err := rows.Scan(&id, &n); err != nil {
			return b, err
		}
		b.pieces[id] += n
	}
	if err := rows.Err(); err != nil {
		return b, err
	}
	err = q.QueryRow(`SELECT COALESCE(CAST(sum(delivery) AS BIGINT),0) FROM returns_credit WHERE order_id=$1 AND state <> 'refused'`, orderID).Scan(&b.delivery)
	return b, err
}

// part is the value of some pieces of a line.
type part struct {
	line   db.ID
	rateBP int64
	n      int64
	amount int64
}

// worth is what goes back for some pieces of an order.
type worth struct {
	parts    []part
	delivery int64
	gross    map[int64]int64 // by rate; sums to goods + delivery
}

func (w worth) goods() (n int64) {
	for _, p := range w.parts {
		n += p.amount
	}
	return
}

func (w worth) total() int64 { return w.goods() + w.delivery }

// value computes it. standard is the least expensive standard delivery (negative: not
// known, then all of what was paid goes back).
func value(o order.Order, b book, ns map[db.ID]int64, standard int64) worth {
	w := worth{gross: map[int64]int64{}}
	whole, shipped := true, false
	left := map[int64]int64{} // what delivery carries of each rate: all that is not goods
	for _, v := range o.Draft.VAT {
		left[v.RateBP] += v.Gross
	}
	for _, l := range o.Lines {
		net := l.Total.Amount - l.Discount
		left[l.RateBP] -= net
		done, n := b.pieces[l.ID], ns[l.ID]
		whole = whole && done+n >= l.Quantity
		shipped = shipped || l.Shipped > 0 && l.Kind != order.KindGiftCard
		if n <= 0 {
			continue
		}
		// The value of the first m pieces is net·m/quantity, rounded down, so that
		// the parts always sum to the line, however it is split.
		p := part{line: l.ID, rateBP: l.RateBP, n: n, amount: net*(done+n)/l.Quantity - net*done/l.Quantity}
		w.parts = append(w.parts, p)
		w.gross[l.RateBP] += p.amount
	}
	if whole {
		limit := o.Draft.Delivery.Amount
		if shipped && standard >= 0 {
			limit = min(limit, standard)
		}
		w.delivery = max(0, limit-b.delivery)
	}
	if w.delivery > 0 {
		rates, weights := make([]int64, 0, len(left)), make([]int64, 0, len(left))
		for _, v := range o.Draft.VAT { // in the stored order, so that the same order gives the same split
			rates, weights = append(rates, v.RateBP), append(weights, left[v.RateBP])
		}
		for i, a := range money.Split(w.delivery, weights) {
			w.gross[rates[i]] += a
		}
	}
	return w
}

// scale brings the gross of each rate down to a smaller total, in proportion.
func scale(sold []order.VAT, gross map[int64]int64, total int64) map[int64]int64 {
	weights := make([]int64, len(sold))
	for i, v := range sold {
		weights[i] = gross[v.RateBP]
	}
	out := map[int64]int64{}
	for i, a := range money.Split(total, weights) {
		out[sold[i].RateBP] += a
	}
	return out
}

// taxOf is the VAT of a credit: at each rate the VAT of all that has been credited
// with it, less the VAT credited before. gross names the amounts by rate; when it does not
// (a refund of an amount), or no longer fits, the amount is spread over what is left.
func taxOf(o order.Order, docs []order.Document, gross map[int64]int64, amount int64) []order.VAT {
	earlier := order.RefundedVAT(docs)
	doneGross, doneVAT := map[int64]int64{}, map[int64]int64{}
	for _, e := range earlier {
		doneGross[e.RateBP] += e.Gross
		doneVAT[e.RateBP] += e.Amount
	}
	var sum int64
	var out []order.VAT
	for _, s := range o.Draft.VAT {
		g := gross[s.RateBP]
		if g < 0 || doneGross[s.RateBP]+g > s.Gross {
			return order.VATRefund(o.Draft.VAT, earlier, amount)
		}
		sum += g
		if g > 0 {
			out = append(out, order.VAT{RateBP: s.RateBP, Gross: g, Amount: money.VATIncluded(doneGross[s.RateBP]+g, s.RateBP) - doneVAT[s.RateBP]})
		}
	}
	if sum != amount {
		return order.VATRefund(o.Draft.VAT, earlier, amount)
	}
	return out
}

func grossJSON(g map[int64]int64) string {
	m := map[string]int64{}
	for r, a := range g {
		if a != 0 {
			m[strconv.FormatInt(r, 10)] = a
		}
	}
	b, _ := json.Marshal(m) // a map of numbers always marshals
	return string(b)
}

func parseGross(s string) (map[int64]int64, error) {
	m := map[string]int64{}
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		return nil, err
	}
	out := map[int64]int64{}
	for r, a := range m {
		n, err := strconv.ParseInt(r, 10, 64)
		if err != nil {
			return nil, err
		}
		out[n] = a
	}
	return out, nil
}
