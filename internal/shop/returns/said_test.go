package returns_test

import (
	"fmt"
	"strings"
	"testing"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
)

// What a member of staff types as a reason is sealed under the buyer, once; rows and acts hold a
// reference, which only who has opened the order can follow, and nobody when the buyer is erased.
func TestTypedReasonsAreSealed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const words = "Anna Ek ringde och grät"
		o := w.order("card", good{variant: 1, n: 2, unit: 10000, rate: 2500})
		say := func(by auth.By, text string) (string, error) {
			return write(w, func(tx *db.Tx) (string, error) { return order.Say(tx, w.v, by, auth.RefundsWrite, o.ID, text) })
		}
		refund := func(reason, key string) error {
			return w.do(func(tx *db.Tx) error {
				_, err := returns.Refund(tx, staff, returns.RefundIn{Order: o.ID, Amount: money.SEK(1000), Reason: reason, Key: key})
				return err
			})
		}
		ref, err := say(staff, "  Anna Ek\tringde och grät ")
		w.must(err)
		if again, err := say(staff, words); err != nil || again != ref || !strings.HasPrefix(ref, "said:") {
			t.Errorf("%q and %q: %v", ref, again, err)
		}
		if other, err := say(staff, ref); err != nil || other == ref {
			t.Errorf("words that look like a reference are words: %q %v", other, err)
		}
		if none, err := say(staff, "  "); err != nil || none != "" {
			t.Errorf("no words: %q %v", none, err)
		}
		for text, want := range map[string]string{strings.Repeat("å", 201): "invalid", "a\x00b": "invalid"} {
			if _, err := say(staff, text); !fault.Is(err, want) {
				t.Errorf("%.10q: %v", text, err)
			}
		}
		if _, err := say(auth.StaffBy(1, "", []auth.Right{auth.OrdersWrite}), words); !fault.Is(err, "denied") {
			t.Error("without the right:", err)
		}
		// Rooms take words of the program and references, nothing typed.
		for _, reason := range []string{words, "Anna", "anna ek", "said:", "said:x", "return x", "x said:1", ref + " Anna"} {
			if err := refund(reason, ""); !fault.Is(err, "invalid") {
				t.Errorf("%q is taken as a reason: %v", reason, err)
			}
			if err := w.do(func(tx *db.Tx) error { _, err := returns.Cancel(tx, staff, o.ID, nil, reason); return err }); !fault.Is(err, "invalid") {
				t.Errorf("%q is taken as a reason of a cancellation: %v", reason, err)
			}
		}
		w.must(refund(ref, "k"))
		w.must(refund(ref, "k"))
		w.run()
		if n := w.count(`SELECT count(*) FROM returns_credit`); n != 1 {
			t.Errorf("%d refunds of one key", n)
		}
		for _, at := range []string{`returns_credit WHERE reason`, `payment_refund WHERE reason`, `order_document WHERE reason`} {
			if n := w.count(`SELECT count(*) FROM ` + at + fmt.Sprintf(`='%s'`, ref)); n != 1 {
				t.Errorf("%d rows hold the reference: %s", n, at)
			}
		}
		if n := w.count(`SELECT count(*) FROM audit_entry WHERE action='order.refund' AND new_value LIKE '%` + ref + `'`); n != 1 {
			t.Errorf("%d acts hold the reference", n)
		}
		said := func(leave auth.Opened) string {
			return read(w, func(q *db.Reader) (map[string]string, error) { return order.Said(q, w.v, o, leave) })[ref]
		}
		if got := said(auth.OwnWork()); got != words {
			t.Errorf("opened: %q", got)
		}
		if got := said(auth.Opened{}); got != "" {
			t.Errorf("to who has opened nothing: %q", got)
		}
		w.must(w.do(func(tx *db.Tx) error { return w.v.Erase(tx, o.Person) }))
		if got := said(auth.OwnWork()); got != "" {
			t.Errorf("of an erased buyer: %q", got)
		}
		if ref, err := say(staff, "till"); err != nil || ref != "erased" {
			t.Errorf("of an erased buyer is said %q: %v", ref, err)
		}
	})
}
