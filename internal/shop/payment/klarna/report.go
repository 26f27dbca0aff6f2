package klarna

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// Bounds of a settlement report. Klarna's own examples have up to 9 MB.
const (
	maxReport = 64 << 20
	maxRows   = 500_000
	maxLineB  = 64 << 10
)

// Settlement is Klarna's settlement report as the shop takes it in.
var Settlement = payment.Settlement{Method: "klarna", Recognise: Recognise, Read: ParseSettlement}

// Recognise reports whether a file that begins so is a settlement report: one of its
// lines has the names of the summary's columns, or of the transactions'.
func Recognise(head []byte) bool {
	s := strings.TrimPrefix(string(head), "\xef\xbb\xbf")
	for line := range strings.Lines(s) {
		cols := names(strings.FieldsFunc(strings.TrimSpace(line), func(r rune) bool { return r == ',' || r == ';' || r == '\t' || r == '"' }))
		has := func(any ...string) bool {
			return slices.ContainsFunc(any, func(n string) bool { _, ok := cols[n]; return ok })
		}
		if has("total_settlement_amount") && has("payment_reference", "settlement_currency") {
			return true
		}
		if has("type") && has("amount") && has("posting_currency", "capture_date", "merchant_reference1", "short_order_id") {
			return true
		}
	}
	return false
}

// ErrReport is returned, wrapped with the line, for a file that is no settlement report.
var ErrReport = errors.New("klarna: not a settlement report")

// ParseSettlement reads Klarna's settlement report (CSV, from the merchant portal, by SFTP
// or from the Settlements API), of one payout or several, and calls yield for each row
// until it returns an error. The rows have the same ids as Movements gives them.
//
// A report is one or more blocks: the names of the summary and its values
// (total_sale_amount … payment_reference, settlement_currency, payout_date), then the
// names of the transactions (type, capture_date, sale_date, order_id, …, amount) and one
// row for each. Columns are found by name, in any order, since a merchant chooses them
// (Klarna's Report Configurator); the separator is a comma, semicolon or tab. Amounts are
// decimals in major units. Columns that are not known are left alone.
//
// What a report must have: type and amount of each row, and a currency
// (posting_currency, or settlement_currency of the summary).
func ParseSettlement(r io.Reader, yield func(payment.Movement) error) error {
	in := &counted{r: r}
	b := bufio.NewReaderSize(in, maxLineB)
	if bom, err := b.Peek(3); err == nil && string(bom) == "\xef\xbb\xbf" {
		b.Discard(3)
	}
	first, err := b.Peek(min(b.Size(), 4096))
	if len(first) == 0 {
		return fmt.Errorf("%w: it is empty", ErrReport)
	}
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		return err
	}
	c := csv.NewReader(b)
	c.Comma, c.FieldsPerRecord, c.ReuseRecord = separator(string(first)), -1, true
	p := parser{yield: yield, n: ids{}}
	for rows := 0; ; rows++ {
		rec, err := c.Read()
		if err == io.EOF {
			break
		}
		switch {
		case errors.Is(err, errBudget):
			return fmt.Errorf("%w: more than %d bytes", ErrReport, maxReport)
		case err != nil:
			var pe *csv.ParseError
			if errors.As(err, &pe) {
				return fmt.Errorf("%w: line %d: %v", ErrReport, pe.Line, pe.Err)
			}
			return err
		case rows >= maxRows:
			return fmt.Errorf("%w: more than %d rows", ErrReport, maxRows)
		}
		if err := p.row(rec); err != nil {
			if line, _ := c.FieldPos(0); errors.Is(err, ErrReport) {
				return fmt.Errorf("%w (line %d)", err, line)
			}
			return err
		}
	}
	if !p.found {
		return fmt.Errorf("%w: the names of its columns (type, amount) are not there", ErrReport)
	}
	return nil
}

var errBudget = errors.New("klarna: too much")

// counted ends a reader that gives more than a report has.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if c.n += int64(n); c.n > maxReport {
		return 0, errBudget
	}
	return n, err
}

// separator is the one of the first line that has most columns by it.
func separator(s string) rune {
	s, _, _ = strings.Cut(s, "\n")
	best, most := ',', 0
	for _, c := range ",;\t" {
		if n := strings.Count(s, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

type parser struct {
	yield func(payment.Movement) error
	n     ids
	found bool
	// cols are the columns by name of what is read now: a summary or transactions.
	cols    map[string]int
	summary bool
	payout  string
	cur     string
}

// names are those of a heading, lower case; nil when the record is none.
func names(rec []string) map[string]int {
	cols := map[string]int{}
	for i, s := range rec {
		s = strings.ToLower(strings.TrimSpace(s))
		if _, twice := cols[s]; !twice && s != "" {
			cols[s] = i
		}
	}
	return cols
}

func (p *parser) row(rec []string) error {
	empty := true
	for _, s := range rec {
		if len(s) > maxLineB {
			return fmt.Errorf("%w: a field of %d bytes", ErrReport, len(s))
		}
		empty = empty && strings.TrimSpace(s) == ""
	}
	if empty {
		return nil
	}
	cols := names(rec)
	_, a := cols["payment_reference"]
	_, b := cols["settlement_currency"]
	_, c := cols["total_settlement_amount"]
	_, typ := cols["type"]
	_, amount := cols["amount"]
	switch {
	case typ && amount:
		p.cols, p.summary, p.found = cols, false, true
		return nil
	case c && (a || b):
		p.cols, p.summary = cols, true
		return nil
	case p.cols == nil:
		return nil // what stands above the first heading
	case p.summary:
		// The values of the summary stand once, below its names.
		p.payout, p.cur = p.get(rec, "payment_reference"), upper(p.get(rec, "settlement_currency"))
		total, err := decimal(p.get(rec, "total_settlement_amount"))
		if err != nil {
			return err
		}
		at, err := date(p.get(rec, "payout_date"))
		if err != nil {
			return err
		}
		p.cols = nil
		if p.payout = plain(p.payout, 64); p.payout == "" || p.cur == "" {
			return nil
		}
		o := payout{Reference: p.payout, At: at, Currency: p.cur}
		o.Totals.Settlement = total
		p.found = true
		return p.yield(payout1(o))
	}
	r := row{Type: strings.ToUpper(plain(p.get(rec, "type"), 40)), Detail: strings.ToUpper(plain(p.get(rec, "detailed_type"), 60)), Order: p.get(rec, "order_id"), Reference: p.get(rec, "merchant_reference1"),
		Capture: p.get(rec, "capture_id"), Refund: p.get(rec, "refund_id"), CaptureKey: p.get(rec, "merchant_capture_reference"), RefundKey: p.get(rec, "merchant_refund_reference"),
		Payout: p.get(rec, "payment_reference"), Currency: p.get(rec, "posting_currency")}
	if r.Type == "" {
		return fmt.Errorf("%w: a row without a type", ErrReport)
	}
	for _, s := range []string{p.get(rec, "currency_code"), p.cur} {
		if r.Currency == "" {
			r.Currency = s
		}
	}
	if len(upper(r.Currency)) != 3 {
		return fmt.Errorf("%w: a row without a currency", ErrReport)
	}
	if r.Payout == "" {
		r.Payout = p.payout
	}
	var err error
	if r.Amount, err = decimal(p.get(rec, "amount")); err != nil {
		return err
	}
	if r.At, err = date(p.get(rec, "capture_date")); err != nil {
		return err
	}
	return p.yield(r.movement(p.n))
}

func (p *parser) get(rec []string, name string) string {
	if i, ok := p.cols[name]; ok && i < len(rec) {
		return strings.TrimSpace(rec[i])
	}
	return ""
}

// decimal reads an amount in major units, with a point or a comma and at most two
// decimals, as minor units. An empty one is nothing.
func decimal(s string) (int64, error) {
	bad := fmt.Errorf("%w: %.20q is no amount", ErrReport, s)
	if s == "" {
		return 0, nil
	}
	t, neg := strings.CutPrefix(s, "-")
	whole, frac, dot := strings.Cut(strings.Replace(t, ",", ".", 1), ".")
	if dot && (frac == "" || len(frac) > 2) || whole == "" || len(whole) > 13 {
		return 0, bad
	}
	for len(frac) < 2 {
		frac += "0"
	}
	for _, c := range whole + frac {
		if c < '0' || c > '9' {
			return 0, bad
		}
	}
	n, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil || n > money.Max {
		return 0, bad
	}
	if neg {
		n = -n
	}
	return n, nil
}

// date reads a time as Klarna writes it, in UTC. An empty one is nothing.
func date(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, f := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.Parse(f, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: %.30q is no time", ErrReport, s)
}
