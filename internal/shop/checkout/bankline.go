package checkout

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/camt"
)

// Why a payment on the account waits for a person.
const (
	whyNoReference = "no_reference"   // no OCR number in it
	whyNoOrder     = "no_order"       // the OCR number is of no order
	whySeveral     = "several_orders" // it names more than one
	whyParts       = "parts_differ"   // the batch does not add up
	whyReversed    = "reversed"       // the bank took it back
	whyPaid        = "paid_already"
	whyOver        = "over_payment" // more than was left; the rest waits
	whyCancelled   = "order_cancelled"
	whyNotInvoice  = "not_invoice"
	whyCurrency    = "other_currency"
	whyDay         = "strange_day" // before the order, or in the future
	whySame        = "maybe_same"  // the same money seems to be entered already
	whyEnded       = "format_ended"
	whyRefund      = "refund_differs"
	whyPayout      = "payout_differs"
)

// sameDays is how far apart two files may date the same money.
const sameDays = 5 * 24 * time.Hour

// enter takes one movement in.
func (b *bankImport) enter(tx *db.Tx, st *camt.Statement, e *camt.Entry) ([]outcome, error) {
	if e.Pending {
		return []outcome{{count: "pending"}}, nil
	}
	parts := e.Parts
	if !e.Whole {
		// Not to be believed one by one: the movement as a whole is what is sure.
		parts = []camt.Part{whole(e)}
	}
	have, err := payment.LinesOfEntry(tx, e.Key)
	if err != nil {
		return nil, err
	}
	if known, err := b.known(tx, have, e, parts); err != nil || known {
		return []outcome{{count: "same"}}, err
	}
	if e.Amount.Amount > 0 && len(parts) == 1 {
		if known, err := b.batch(tx, e); err != nil || known {
			return []outcome{{count: "same"}}, err
		}
	}
	var out []outcome
	for i := range parts {
		o, err := b.part(tx, st, e, &parts[i], len(parts))
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// whole is an entry as one payment, with all that its parts say.
func whole(e *camt.Entry) camt.Part {
	p := camt.Part{Key: "whole", Amount: e.Amount, Credit: e.Credit}
	for _, x := range e.Parts {
		p.References = append(p.References, x.References...)
		p.Text = append(p.Text, x.Text...)
		if p.Payer == "" {
			p.Payer, p.From = x.Payer, x.From
		}
	}
	return p
}

// known reports whether a movement is in. One that was told as a sum and is now told
// payment by payment is taken anew, unless somebody has decided about the sum.
func (b *bankImport) known(tx *db.Tx, have []payment.BankLine, e *camt.Entry, parts []camt.Part) (bool, error) {
	if len(have) == 0 {
		return false, nil
	}
	if len(have) == 1 && have[0].Parts == 1 && len(parts) > 1 && have[0].State == payment.LineOpen && have[0].Settled.Amount == 0 {
		l := have[0]
		l.State, l.Reason, l.Author = payment.LineSplit, "", author(b.by)
		return false, payment.SaveLine(tx, b.d.Vault, l)
	}
	if have[0].State == payment.LineSplit && len(have) == 1 {
		return false, nil
	}
	return true, nil
}

// batch reports whether a movement without a reference is the sum of payments that
// another kind of file told one by one: the same day and amount, more than one payment.
func (b *bankImport) batch(tx *db.Tx, e *camt.Entry) (bool, error) {
	if !e.Credit || e.Reversal || len(e.Parts[0].References) > 0 {
		return false, nil
	}
	ls, err := payment.LinesOfSum(tx, b.day(e), e.Amount.Amount)
	if err != nil {
		return false, err
	}
	for _, l := range ls {
		if l.Parts > 1 && l.Format != b.f.Format && l.Amount.Currency == e.Amount.Currency {
			return true, nil
		}
	}
	return false, nil
}

// day is when a movement happened; a notification that does not say is of its own day.
func (b *bankImport) day(e *camt.Entry) time.Time {
	if d := e.Day(); !d.IsZero() {
		return midnight(d)
	}
	return midnight(b.f.Created)
}

// part takes one payment in.
func (b *bankImport) part(tx *db.Tx, st *camt.Statement, e *camt.Entry, p *camt.Part, parts int) (outcome, error) {
	l := payment.BankLine{File: b.file, Account: st.Account.String(), Format: b.f.Format, Entry: e.Key, Part: p.Key, EntryAmount: e.Amount.Amount, Parts: int64(parts), Amount: p.Amount,
		Settled: money.New(0, p.Amount.Currency), On: b.day(e), State: payment.LineOpen, Author: author(b.by), Kind: payment.LineIn}
	if p.Amount.Amount == 0 {
		return outcome{count: "same"}, nil // nothing moved
	}
	if !p.Credit {
		if l.Kind = payment.LineOut; e.Reversal || e.Credit {
			// Taken off a deposit, or taken back: a payment to us that is undone.
			l.Kind = payment.LineBack
		}
	}
	if e.Reversal && p.Credit {
		return outcome{count: "outgoing"}, nil // money of ours came back: not about an order
	}
	o, err := b.find(tx, &l, p)
	if err != nil {
		return outcome{}, err
	}
	switch l.Kind {
	case payment.LineOut:
		mine, err := b.refund(tx, &l, p, o)
		if err != nil {
			return outcome{}, err
		}
		if !mine {
			return outcome{count: "outgoing"}, nil
		}
	case payment.LineBack:
		l.Reason = whyReversed
		l.Order = o.ID
	default:
		if err := b.settle(tx, &l, e, p, o); err != nil {
			return outcome{}, err
		}
	}
	var d *payment.LineDetails
	if l.State == payment.LineOpen {
		d = &payment.LineDetails{Payer: p.Payer, From: p.From, Text: append(append([]string{}, p.Text...), e.Text...), Refs: p.References}
	}
	if l, err = payment.EnterLine(tx, b.d.Vault, l, d); err != nil {
		return outcome{}, err
	}
	if l.State == payment.LinePayout {
		// Now that the line has a key.
		if err := payment.PayoutSeen(tx, l.Reference, l.ID); err != nil {
			return outcome{}, err
		}
	}
	return outcome{r: BankResult{Line: l.ID, Account: l.Account, On: l.On, Kind: l.Kind, Amount: l.Amount, Settled: l.Settled, State: l.State, Reason: l.Reason, Ref: l.Reference, Order: o.NumberString()}}, nil
}

// find looks for the order that a payment names: by its structured references, else
// by the numbers in its text. l gets the number, or why there is none.
func (b *bankImport) find(tx *db.Tx, l *payment.BankLine, p *camt.Part) (order.Order, error) {
	for _, source := range [][]string{p.References, append(append([]string{}, p.Text...), p.EndToEnd)} {
		var found []order.Order
		for _, s := range source {
			ns := camt.Numbers(s, 5, 25)
			if n := strings.NewReplacer(" ", "", "-", "").Replace(camt.Creditor(s)); len(n) <= 25 && order.ValidOCR(n) {
				ns = append(ns, n)
			}
			for _, n := range ns {
				if !order.ValidOCR(n) {
					continue
				}
				if l.Reference == "" {
					l.Reference = n
				}
				os, err := order.ByOCR(tx, n)
				if err != nil {
					return order.Order{}, err
				}
				for _, o := range os {
					if len(found) == 0 || found[0].ID != o.ID {
						found = append(found, o)
						l.Reference = n
					}
				}
			}
		}
		switch {
		case len(found) == 1:
			return found[0], nil
		case len(found) > 1:
			l.Reason = whySeveral
			return order.Order{}, nil
		}
	}
	l.Reason = whyNoReference
	if l.Reference != "" {
		l.Reason = whyNoOrder
	}
	return order.Order{}, nil
}

// settle enters a payment on its order as far as that owes something.
func (b *bankImport) settle(tx *db.Tx, l *payment.BankLine, e *camt.Entry, p *camt.Part, o order.Order) error {
	if o.ID == 0 {
		return b.payout(tx, l, e, p)
	}
	l.Order = o.ID
	if !e.Whole {
		l.Reason = whyParts
		return nil
	}
	if b.f.Format == camt.BgMax && midnight(b.f.Created).After(camt.BgMaxEnds) {
		l.Reason = whyEnded
		return nil
	}
	// The order's row first: on PostgreSQL two imports take turns here.
	if err := order.Touch(tx, o.ID); err != nil {
		return err
	}
	o, err := order.ByID(tx, o.ID)
	if err != nil {
		return err
	}
	if done, err := b.sameMoney(tx, l, o); err != nil || done {
		return err
	}
	left := o.ToPay.Amount - o.Paid.Amount
	switch {
	case o.DueAt.IsZero():
		l.Reason = whyNotInvoice
	case o.State == order.Cancelled:
		l.Reason = whyCancelled
	case o.ToPay.Currency != l.Amount.Currency:
		l.Reason = whyCurrency
	case left <= 0:
		l.Reason = whyPaid
	default:
		sum := min(left, l.Amount.Amount)
		err := Settle(tx, b.by, Settlement{Order: o.ID, Amount: money.New(sum, l.Amount.Currency), On: l.On, Key: lineKey(l)})
		if f := fault.As(err); f != nil && f.Kind != fault.Forbidden {
			l.Reason = whyDay
			return nil
		}
		if err != nil {
			return err
		}
		l.Settled.Amount = sum
		l.State = payment.LineSettled
		if sum < l.Amount.Amount {
			l.State, l.Reason = payment.LineOpen, whyOver
		}
	}
	return nil
}

// lineKey is the key under which a payment is entered in the ledger: the same in
// every file that tells of it.
func lineKey(l *payment.BankLine) string { return "line-" + l.Entry + "-" + l.Part }

// sameMoney looks whether the money is entered on the order already: by hand, which
// is then tied to it, or from a file that names it otherwise, which a person decides.
func (b *bankImport) sameMoney(tx *db.Tx, l *payment.BankLine, o order.Order) (bool, error) {
	lines, err := payment.LinesOfOrder(tx, o.ID)
	if err != nil {
		return false, err
	}
	near := func(a, b time.Time) bool { return a.Sub(b).Abs() <= sameDays }
	byHand := 0
	for _, x := range lines {
		if x.State == payment.LineKnown {
			byHand++
		}
		if x.Amount.Equal(l.Amount) && near(x.On, l.On) && x.Entry != l.Entry && (x.Format != l.Format || x.Account != l.Account) && x.State != payment.LineSplit && x.Kind == payment.LineIn {
			l.Reason, l.Twin = whySame, x.ID
			return true, nil
		}
	}
	i, err := payment.OfPurchase(tx, o.Purchase)
	if err != nil {
		if errors.Is(err, db.ErrNotFound) {
			return false, nil
		}
		return false, err
	}
	es, err := payment.Captures(tx, i.ID)
	if err != nil {
		return false, err
	}
	for _, en := range es {
		if !strings.HasPrefix(en.Ref, "bank-") || strings.HasPrefix(en.Ref, "bank-key-line-") || !en.Amount.Equal(l.Amount) || !near(midnight(en.At), l.On) {
			continue
		}
		if byHand > 0 { // that one is tied to an earlier line
			byHand--
			continue
		}
		l.State = payment.LineKnown
		return true, nil
	}
	return false, nil
}

// refund looks whether money that left the account is a refund of ours.
func (b *bankImport) refund(tx *db.Tx, l *payment.BankLine, p *camt.Part, o order.Order) (bool, error) {
	l.Reason = ""
	var is []payment.RefundRow
	for _, s := range append(append([]string{p.EndToEnd}, p.References...), p.Text...) {
		if k := refundKey(s); k != "" {
			x, err := payment.RefundByKey(tx, k)
			if err == nil {
				is = append(is, x)
			} else if !errors.Is(err, db.ErrNotFound) {
				return false, err
			}
		}
	}
	if len(is) == 0 && o.ID != 0 {
		i, err := payment.OfPurchase(tx, o.Purchase)
		if err != nil {
			return false, err
		}
		if is, err = payment.RefundsOf(tx, i.ID); err != nil {
			return false, err
		}
	}
	for _, x := range is {
		if x.State == "refused" || !x.Amount.Equal(l.Amount) {
			continue
		}
		if _, err := payment.LineOfRefund(tx, x.ID); err == nil {
			continue
		} else if !errors.Is(err, db.ErrNotFound) {
			return false, err
		}
		l.State, l.Refund, l.Order = payment.LineRefund, x.ID, o.ID
		return true, nil
	}
	if len(is) == 0 {
		return false, nil
	}
	l.Reason, l.Order = whyRefund, o.ID
	return true, nil
}

// refundKey finds our key of a refund in what a bank repeats.
func refundKey(s string) string {
	i := strings.Index(s, "kv-r-")
	if i < 0 {
		return ""
	}
	j := i + len("kv-r-")
	for j < len(s) && s[j] >= '0' && s[j] <= '9' {
		j++
	}
	return s[i:j]
}

// payout looks whether the money is what a payment company pays out to us.
func (b *bankImport) payout(tx *db.Tx, l *payment.BankLine, e *camt.Entry, p *camt.Part) error {
	seen := 0
	for _, s := range append(append(append([]string{p.EndToEnd}, p.References...), p.Text...), e.Text...) {
		for _, w := range strings.Fields(s) {
			w = strings.Trim(w, ".,;:()[]\"'")
			if seen++; seen > 100 || len(w) < 6 || len(w) > 80 {
				continue
			}
			x, err := payment.PayoutByName(tx, w)
			if errors.Is(err, db.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			l.Reference = x.Payout
			switch {
			case x.Line != 0:
				l.Reason = whySame
				l.Twin = x.Line
			case !x.Amount.Equal(l.Amount):
				l.Reason = whyPayout
			default:
				l.State, l.Reason = payment.LinePayout, ""
			}
			return nil
		}
	}
	return nil
}

// Decision is what staff say about a payment on the account.
type Decision struct {
	Line    db.ID
	Version int64  // as it was seen
	Act     string // order, foreign, payback, paid_back
	Order   string // number, of "order"
	Note    string // why; required
}

// DecideLine carries out what staff decide about an open line. Faults: 403; 404; 422
// fields "act", "order" (required, no_such_order), "note" (required, too_long) and
// those of Settle; 409 changed_meanwhile, wrong_state and those of Settle.
func (d *Desk) DecideLine(tx *db.Tx, by auth.By, in Decision) (payment.BankLine, error) {
	need := auth.OrdersWrite
	if in.Act == "payback" || in.Act == "paid_back" {
		need = auth.RefundsWrite
	}
	if err := by.Need(need); err != nil {
		return payment.BankLine{}, err
	}
	note, err := reasonGiven(in.Note)
	if err != nil {
		return payment.BankLine{}, err
	}
	l, err := payment.LineByID(tx, in.Line)
	if errors.Is(err, db.ErrNotFound) {
		return l, fault.NotFound()
	}
	if err != nil {
		return l, err
	}
	if in.Version != 0 && in.Version != l.Version {
		return l, fault.Conflict("changed_meanwhile")
	}
	was := l.State
	switch {
	case in.Act == "paid_back" && l.State == payment.LinePayback:
		l.State = payment.LinePaidBack
	case l.State != payment.LineOpen || in.Act == "paid_back":
		return l, fault.Conflict("wrong_state")
	case in.Act == "foreign":
		l.State = payment.LineForeign
	case in.Act == "payback" && l.Kind == payment.LineIn:
		l.State = payment.LinePayback
	case in.Act == "order" && l.Kind == payment.LineIn:
		if err := settleOn(tx, by, &l, in.Order); err != nil {
			return l, err
		}
	default:
		return l, fault.Invalid(fault.Field{Pointer: "/act", Code: "bad_value"})
	}
	l.Note, l.Author = note, author(by)
	if err := payment.SaveLine(tx, d.Vault, l); err != nil {
		if errors.Is(err, db.ErrConflict) {
			return l, fault.Conflict("changed_meanwhile")
		}
		return l, err
	}
	if err := by.Record(tx, "bankline."+in.Act, "bankline", l.ID, was, note); err != nil {
		return l, err
	}
	return payment.LineByID(tx, l.ID)
}

// settleOn enters what is left of a line on the order that staff chose.
func settleOn(tx *db.Tx, by auth.By, l *payment.BankLine, number string) error {
	if strings.TrimSpace(number) == "" {
		return fault.Invalid(fault.Field{Pointer: "/order", Code: "required"})
	}
	o, err := order.ByNumber(tx, by, number)
	if fault.Is(err, "not_found") {
		return fault.Invalid(fault.Field{Pointer: "/order", Code: "no_such_order"})
	}
	if err != nil {
		return err
	}
	if err := order.Touch(tx, o.ID); err != nil {
		return err
	}
	if o, err = order.ByID(tx, o.ID); err != nil {
		return err
	}
	left := o.ToPay.Amount - o.Paid.Amount
	if left <= 0 && !o.DueAt.IsZero() {
		return fault.Conflict("already_paid")
	}
	sum := money.New(min(max(left, 1), l.Rest().Amount), l.Amount.Currency)
	// The line's version makes the key new for each time the rest is placed.
	if err := Settle(tx, by, Settlement{Order: o.ID, Amount: sum, On: l.On, Key: lineKey(l) + "-" + strconv.FormatInt(l.Version, 10)}); err != nil {
		return err
	}
	l.Settled.Amount += sum.Amount
	l.Order, l.Reason = o.ID, ""
	if l.State = payment.LineSettled; l.Rest().Amount > 0 {
		l.State, l.Reason = payment.LineOpen, whyOver
	}
	return nil
}

// reasonGiven tidies the words by which staff say why.
func reasonGiven(s string) (string, error) {
	s = strings.Join(strings.Fields(s), " ")
	switch {
	case len([]rune(s)) < 3:
		return "", fault.Invalid(fault.Field{Pointer: "/note", Code: "required"})
	case len([]rune(s)) > 300:
		return "", fault.Invalid(fault.Field{Pointer: "/note", Code: "too_long", Args: map[string]any{"max": 300}})
	}
	return s, nil
}
