package admin

import (
	"errors"
	"sort"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
)

// receiveReturn counts what came back, and in what condition.
func (v *visit) receiveReturn() error {
	in, err := v.r.ReadForm("received.", "condition.")
	if err != nil {
		return err
	}
	n, err := counts(in, "received.")
	var got []returns.Arrival
	for line, x := range n {
		if x > 0 {
			got = append(got, returns.Arrival{Line: line, Quantity: x, Condition: in.Get("condition." + line.String())})
		}
	}
	sort.Slice(got, func(i, j int) bool { return got[i].Line < got[j].Line })
	if err == nil && len(got) == 0 {
		err = &fault.Error{Kind: fault.Clash, Code: "nothing_chosen"}
	}
	return v.settle("receive", "", in, err, "received", func(tx *db.Tx, id db.ID) error {
		_, err := returns.Receive(tx, v.by, id, got)
		return err
	})
}

// acceptReturn takes what came back, all of it or some.
func (v *visit) acceptReturn() error {
	in, err := v.r.ReadForm("accept.", "restock.", "answer")
	if err != nil {
		return err
	}
	accept, err := counts(in, "accept.")
	restock, err2 := counts(in, "restock.")
	if err == nil {
		err = err2
	}
	verdict := returns.Verdict{Answer: in.Get("answer")}
	for line, n := range accept {
		verdict.Lines = append(verdict.Lines, returns.Decision{Line: line, Accept: n, Restock: restock[line]})
	}
	sort.Slice(verdict.Lines, func(i, j int) bool { return verdict.Lines[i].Line < verdict.Lines[j].Line })
	return v.settle("accept", "", in, err, "accepted", func(tx *db.Tx, id db.ID) error {
		_, err := returns.Accept(tx, v.by, v.Vault, id, verdict)
		return err
	})
}

// rejectReturn says no, with the reason the buyer is told.
func (v *visit) rejectReturn() error {
	in, err := v.r.ReadForm("reject_answer")
	if err != nil {
		return err
	}
	return v.settle("reject", "reject_", in, nil, "rejected", func(tx *db.Tx, id db.ID) error {
		_, err := returns.Reject(tx, v.by, v.Vault, id, in.Get("reject_answer"))
		return err
	})
}

// takeBackReturn ends a return that was a mistake.
func (v *visit) takeBackReturn() error {
	in, err := v.r.ReadForm("take_back_reason")
	if err != nil {
		return err
	}
	return v.settle("take_back", "take_back_", in, nil, "taken_back", func(tx *db.Tx, id db.ID) error {
		said, err := v.sayOfReturn(tx, auth.OrdersWrite, id, in.Get("take_back_reason"))
		if err != nil {
			return err
		}
		_, err = returns.TakeBack(tx, v.by, id, said)
		return err
	})
}

// sayOfReturn seals what was typed about a return under its order's buyer.
func (v *visit) sayOfReturn(tx *db.Tx, need auth.Right, id db.ID, text string) (string, error) {
	r, err := returns.ByID(tx, id)
	if errors.Is(err, db.ErrNotFound) {
		return "", fault.NotFound()
	}
	if err != nil {
		return "", err
	}
	return order.Say(tx, v.Vault, v.by, need, r.Order, text)
}

// refundReturn asks for the money of an accepted return to go back.
func (v *visit) refundReturn() error {
	in, err := v.r.ReadForm("deduct", "reason", "totp")
	if err != nil {
		return err
	}
	deduct := money.New(0, v.Currency)
	if s := in.Get("deduct"); s != "" {
		var ok bool
		if deduct, ok = amount(s, v.Currency); !ok {
			err = fault.Invalid(fault.Field{Pointer: "/deduct", Code: "bad_amount"})
		}
	}
	if err == nil {
		err = v.prove(in.Get("totp"))
	}
	return v.settle("refund", "", in, err, "refund_asked", func(tx *db.Tx, id db.ID) error {
		if err := v.by.NeedFresh(tx.Now()); err != nil {
			return err
		}
		said, err := v.sayOfReturn(tx, auth.RefundsWrite, id, in.Get("reason"))
		if err != nil {
			return err
		}
		_, err = v.refundDesk().RefundReturn(tx, v.by, id, deduct, said)
		return err
	})
}
