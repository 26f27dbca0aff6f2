package fulfilment

import (
	"fmt"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/stock"
)

// Cancelled is what Cancel took back.
type Cancelled struct {
	Order order.Order // as it is afterwards
	Lines []ShipLine
	Whole bool // nothing of the order was or will be shipped: it is cancelled
}

// Cancel takes back pieces that have not been shipped, all of them when lines is
// empty: the promise of stock ends, and the order is cancelled when nothing of it was shipped. The
// caller has established the right, staff's or the buyer's, and sees to the
// money (returns.Cancel does both). Faults: 404, 409 wrong_state,
// nothing_to_cancel, line_quantity; 422.
func Cancel(tx *db.Tx, by auth.By, id db.ID, lines []ShipLine, reason string) (Cancelled, error) {
	if reason != "" {
		if err := order.Reason(reason); err != nil {
			return Cancelled{}, err
		}
	}
	var f fault.Fields
	checkLines(&f, lines)
	if err := f.Err(); err != nil {
		return Cancelled{}, err
	}
	if id <= 0 {
		return Cancelled{}, fault.NotFound()
	}
	if err := order.Touch(tx, id); err != nil {
		return Cancelled{}, err
	}
	o, err := order.ByID(tx, id)
	if err != nil {
		return Cancelled{}, err
	}
	if o.State != order.Placed {
		return Cancelled{}, fault.Conflict("wrong_state")
	}
	picked, err := pick(o, lines)
	if err != nil {
		return Cancelled{}, err
	}
	if len(picked) == 0 {
		return Cancelled{}, &fault.Error{Kind: fault.Clash, Code: "nothing_to_cancel", Key: "fulfilment.nothing_to_cancel"}
	}
	out := Cancelled{}
	pieces := int64(0)
	for _, l := range picked {
		if err := order.LineCancelled(tx, l.line.ID, l.n); err != nil {
			return Cancelled{}, err
		}
		if err := fromStock(tx, by, o.Purchase, l, stock.Unallocate); err != nil {
			return Cancelled{}, err
		}
		out.Lines = append(out.Lines, ShipLine{l.line.ID, l.n})
		pieces += l.n
	}
	if o, err = order.ByID(tx, id); err != nil {
		return Cancelled{}, err
	}
	open, shipped := int64(0), int64(0)
	for _, l := range o.Lines {
		open += l.Open()
		shipped += l.Shipped
	}
	out.Whole = open == 0 && shipped == 0
	switch {
	case out.Whole:
		if err := order.Advance(tx, id, order.Placed, order.Cancelled); err != nil {
			return Cancelled{}, err
		}
	default:
		if err := order.AddEvent(tx, id, "cancelled_lines", true, map[string]string{"pieces": fmt.Sprint(pieces)}); err != nil {
			return Cancelled{}, err
		}
		if open == 0 { // what is left has been sent already
			if err := order.MarkShipped(tx, id); err != nil {
				return Cancelled{}, err
			}
		}
	}
	if err := record(tx, by, "order.cancel", id, fmt.Sprintf("%d pieces: %s", pieces, reason)); err != nil {
		return Cancelled{}, err
	}
	if out.Order, err = order.ByID(tx, id); err != nil {
		return out, err
	}
	return out, moved(tx, out.Order)
}
