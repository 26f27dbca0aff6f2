package returns

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/stock"
)

// JobAnswered tells the buyer that a return was not accepted, or not in full, why,
// and where to turn; Ref is the return.
const JobAnswered = "notice.return_answered"

// Arrival is what came back of a line.
type Arrival struct {
	Line      db.ID
	Quantity  int64
	Condition string // one of Conditions
}

// Receive records goods that came back, as a count and a condition; it judges nothing
// and moves no stock. It may be called for each parcel. Faults: 403, 404, 409
// wrong_state, line_quantity (more than was to come); 422.
func Receive(tx *db.Tx, by auth.By, id db.ID, in []Arrival) (Return, error) {
	r, err := begin(tx, by, id, auth.OrdersWrite)
	if err != nil {
		return r, err
	}
	var f fault.Fields
	if len(in) == 0 {
		f.Add("/lines", "required")
	}
	for i, a := range in {
		p := fmt.Sprintf("/lines/%d", i)
		if r.line(a.Line) == nil {
			f.Add(p+"/line", "unknown")
		}
		if a.Quantity <= 0 {
			f.Add(p+"/quantity", "too_small", "min", 1)
		}
		if !slices.Contains(Conditions, a.Condition) {
			f.Add(p+"/condition", "bad_value")
		}
	}
	if err := f.Err(); err != nil {
		return r, err
	}
	if r.State != Registered && r.State != Received {
		return r, fault.Conflict("wrong_state")
	}
	shipped, err := r.shippedPieces(tx)
	if err != nil {
		return r, err
	}
	n := int64(0)
	for _, a := range in {
		if shipped[a.Line] -= a.Quantity; shipped[a.Line] < 0 { // it has never left
			return r, fault.Conflict("line_quantity")
		}
		got, err := tx.Exec(`UPDATE returns_line SET received=received+$3, condition=$4 WHERE return_id=$1 AND line_id=$2 AND cancelled+received+$3 <= quantity`, id, a.Line, a.Quantity, a.Condition)
		if err != nil {
			return r, err
		}
		if got != 1 {
			return r, fault.Conflict("line_quantity")
		}
		n += a.Quantity
	}
	note := fmt.Sprintf("%d pieces", n)
	if r.State == Registered {
		if err := advance(tx, by, &r, Received, note); err != nil {
			return r, err
		}
		if _, err := tx.Exec(`UPDATE returns_return SET received_at=$2 WHERE id=$1`, id, tx.LegalNow()); err != nil {
			return r, err
		}
		if err := order.AddEvent(tx, r.Order, "returned", true, map[string]string{"return": r.ID.String()}); err != nil {
			return r, err
		}
	} else if err := event(tx, by, id, "received_more", note); err != nil {
		return r, err
	} else if err := record(tx, by, "return.received", "return", id, "", note); err != nil {
		return r, err
	}
	return ByID(tx, id)
}

// shippedPieces counts, by line, the pieces that left and have not come back in this
// or another return.
func (r *Return) shippedPieces(tx *db.Tx) (map[db.ID]int64, error) {
	o, err := order.ByID(tx, r.Order)
	if err != nil {
		return nil, err
	}
	out := map[db.ID]int64{}
	for _, l := range o.Lines {
		out[l.ID] = l.Shipped
	}
	all, err := OfOrder(tx, r.Order)
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		for _, l := range x.Lines {
			out[l.Line] -= l.Received
		}
	}
	return out, nil
}

// Decision is what staff say of a line.
type Decision struct {
	Line    db.ID
	Accept  int64 // pieces, besides those cancelled before shipping
	Restock int64 // pieces that go back on the shelf; at most those received
}

// Verdict is what staff say of a return.
type Verdict struct {
	Lines  []Decision // empty: all accepted, what came back as new is restocked
	Answer string     // to the buyer; required when not all is accepted
}

// Accept judges a return: what is accepted is counted on the order as given back, what
// never left is cancelled, and what is to be sold again goes into stock, once. The money is
// asked for by RefundReturn. Faults: 403, 404, 409 wrong_state, line_quantity; 422.
func Accept(tx *db.Tx, by auth.By, v *secret.Vault, id db.ID, in Verdict) (Return, error) {
	r, err := begin(tx, by, id, auth.OrdersWrite)
	if err != nil {
		return r, err
	}
	decisions, all, err := r.decide(in)
	if err != nil {
		return r, err
	}
	to := Accepted
	if !all {
		to = Partly
	}
	if !slices.Contains(Transitions[r.State], to) {
		return r, fault.Conflict("wrong_state")
	}
	o, err := order.ByID(tx, r.Order)
	if err != nil {
		return r, err
	}
	// The state is moved first: who loses the race has moved no stock.
	if err := advance(tx, by, &r, to, ""); err != nil {
		return r, err
	}
	for _, d := range decisions {
		if err := r.accept(tx, by, o, d); err != nil {
			return r, err
		}
	}
	if !all {
		if err := r.tell(tx, v, in.Answer); err != nil {
			return r, err
		}
	}
	if err := settle(tx, by, id); err != nil {
		return r, err
	}
	return ByID(tx, id)
}

// decide checks the verdict against the return and sorts it by variant's line, so that
// levels of stock are taken in one order.
func (r *Return) decide(in Verdict) (ds []Decision, all bool, err error) {
	var f fault.Fields
	ds = in.Lines
	if len(ds) == 0 {
		for _, l := range r.Lines {
			d := Decision{Line: l.Line, Accept: l.Quantity - l.Cancelled}
			if l.Condition == "new" {
				d.Restock = l.Received
			}
			ds = append(ds, d)
		}
	}
	seen := map[db.ID]bool{}
	accepted, asked := int64(0), r.ToSend()
	for i, d := range ds {
		p := fmt.Sprintf("/lines/%d", i)
		l := r.line(d.Line)
		switch {
		case l == nil:
			f.Add(p+"/line", "unknown")
		case seen[d.Line]:
			f.Add(p+"/line", "twice")
		case d.Accept < 0 || d.Accept > l.Quantity-l.Cancelled:
			f.Add(p+"/accept", "out_of_range")
		case d.Restock < 0 || d.Restock > l.Received:
			f.Add(p+"/restock", "out_of_range")
		}
		seen[d.Line] = true
		accepted += d.Accept
	}
	all = accepted == asked
	in.Answer = strings.TrimSpace(in.Answer)
	if !all && in.Answer == "" {
		f.Add("/answer", "required")
	}
	answerText(&f, in.Answer)
	if accepted == 0 && asked > 0 {
		f.Add("/lines", "required") // Reject says no to all of it
	}
	return ds, all, f.Err()
}

func answerText(f *fault.Fields, s string) {
	switch {
	case utf8.RuneCountInString(s) > MaxStatement:
		f.Add("/answer", "too_long")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return r == utf8.RuneError || r < 0x20 && r != '\n' && r != '\t' && r != '\r' || r >= 0x7f && r <= 0x9f
	}):
		f.Add("/answer", "bad_characters")
	}
}

func (r *Return) accept(tx *db.Tx, by auth.By, o order.Order, d Decision) error {
	l := r.line(d.Line)
	at := slices.IndexFunc(o.Lines, func(x order.Line) bool { return x.ID == d.Line })
	if at < 0 {
		return errors.New("returns: the order lacks a line of its return")
	}
	ol := o.Lines[at]
	// Pieces in dispute that never left (made to order, not begun) are cancelled now.
	// What staff have cancelled since the buyer told us has been seen to: it counts for nothing here.
	undo := int64(0)
	if o.State == order.Placed {
		undo = min(max(0, d.Accept-l.Received), ol.Open())
	}
	back := min(d.Accept-undo, ol.Shipped-ol.Returned)
	if undo > 0 {
		if _, err := fulfilment.Cancel(tx, by, o.ID, []fulfilment.ShipLine{{Line: d.Line, Quantity: undo}}, "withdrawal"); err != nil {
			return err
		}
	}
	if ol.Kind == order.KindGiftCard && back > 0 {
		if err := giftcard.Close(tx, by, d.Line, back); err != nil {
			return err
		}
	}
	if back > 0 {
		if err := order.LineReturned(tx, d.Line, back); err != nil {
			return err
		}
	}
	if err := tx.ExecOne(`UPDATE returns_line SET cancelled=cancelled+$3, accepted=$4, restocked=restocked+$5 WHERE return_id=$1 AND line_id=$2 AND restocked=0`, r.ID, d.Line, undo, back, d.Restock); err != nil {
		return err
	}
	if d.Restock == 0 {
		return nil
	}
	if _, err := stock.One(tx, ol.Variant); fault.Is(err, "not_found") {
		return nil
	} else if err != nil {
		return err
	}
	sb := by
	if !by.Has(auth.StockWrite) {
		sb = auth.System("returns") // who accepts returns need not be one who counts stock
	}
	if err := stock.Add(tx, sb, ol.Variant, d.Restock, "return", r.ID); err != nil {
		return err
	}
	return record(tx, by, "return.restock", "return", r.ID, "", fmt.Sprintf("line %s, %d pieces", d.Line, d.Restock))
}

// Reject says no to a return, with the reason that the buyer is told together with
// where he can turn. Faults: 403, 404, 409 wrong_state, 422.
func Reject(tx *db.Tx, by auth.By, v *secret.Vault, id db.ID, answer string) (Return, error) {
	r, err := begin(tx, by, id, auth.OrdersWrite)
	if err != nil {
		return r, err
	}
	var f fault.Fields
	if answer = strings.TrimSpace(answer); answer == "" {
		f.Add("/answer", "required")
	}
	answerText(&f, answer)
	if err := f.Err(); err != nil {
		return r, err
	}
	for _, l := range r.Lines {
		if l.Cancelled > 0 { // part of it has been agreed to already
			return r, fault.Conflict("wrong_state")
		}
	}
	if err := advance(tx, by, &r, Rejected, ""); err != nil {
		return r, err
	}
	return r, r.tell(tx, v, answer)
}

// tell stores the answer and has it mailed.
func (r *Return) tell(tx *db.Tx, v *secret.Vault, answer string) error {
	sealed, err := v.Seal(tx, r.Person, fieldAnswer, r.ID, []byte(strings.TrimSpace(answer)))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE returns_return SET answer=$2 WHERE id=$1`, r.ID, sealed); err != nil {
		return err
	}
	r.answer = sealed
	_, err = job.Enqueue(tx, job.Spec{Kind: JobAnswered, Ref: r.ID})
	return err
}

// TakeBack ends a return that the buyer no longer wants, or that was a mistake. Faults:
// 403, 404, 409 wrong_state.
func TakeBack(tx *db.Tx, by auth.By, id db.ID, reason string) (Return, error) {
	r, err := begin(tx, by, id, auth.OrdersWrite)
	if err != nil {
		return r, err
	}
	if reason != "" {
		if err := order.Reason(reason); err != nil {
			return r, err
		}
	}
	for _, l := range r.Lines {
		if l.Cancelled > 0 || l.Received > 0 {
			return r, fault.Conflict("wrong_state")
		}
	}
	return r, advance(tx, by, &r, Cancelled, reason)
}

// begin checks the right, takes the order's row and reads the return.
func begin(tx *db.Tx, by auth.By, id db.ID, need auth.Right) (Return, error) {
	if err := by.Need(need); err != nil {
		return Return{}, err
	}
	var orderID db.ID
	err := tx.QueryRow(`SELECT order_id FROM returns_return WHERE id=$1`, id).Scan(&orderID)
	if errors.Is(err, db.ErrNotFound) {
		return Return{}, fault.NotFound()
	}
	if err != nil {
		return Return{}, err
	}
	if err := order.Touch(tx, orderID); err != nil {
		return Return{}, err
	}
	return ByID(tx, id)
}

func (r *Return) line(id db.ID) *Line {
	for i := range r.Lines {
		if r.Lines[i].Line == id {
			return &r.Lines[i]
		}
	}
	return nil
}
