package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

// Who packs presses once to begin and once a parcel: the press that sends one opens the
// next, the oldest first, and what a colleague has in hand is passed over.
func TestPackingQueue(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		v := o.Product(12900, 50)
		var os []order.Order
		for range 4 {
			os = append(os, o.billed(stock.Line{Variant: v, Quantity: 1}))
		}
		at := func(i int) string { return "/admin/packing/" + os[i].NumberString() }
		b, colleague := o.as("orders"), o.as("owner")
		if a := b.page("/admin/packing"); !strings.Contains(a.text(), "4 order att packa") || strings.Contains(a.body, shoptest.Contact.Name) {
			t.Errorf("the queue: %.300s", a.text())
		}
		if a := b.page(at(0)); strings.Contains(a.body, shoptest.Contact.Address.Line1) || strings.Contains(a.body, `action="`+at(0)+`/ship"`) {
			t.Error("a parcel shows its address before it is opened")
		}
		if a := b.post("/admin/packing/next"); a.location() != at(0) {
			t.Fatalf("it begins with %q, want the oldest %q", a.location(), at(0))
		}
		if a := colleague.post("/admin/packing/next"); a.location() != at(1) {
			t.Errorf("the colleague gets %q, want %q", a.location(), at(1))
		}
		a := b.page(at(0))
		if !strings.Contains(a.body, shoptest.Contact.Address.Line1) || !strings.Contains(a.body, `action="`+at(0)+`/ship"`) {
			t.Fatalf("the parcel: %.400s", a.text())
		}
		key := keyField.FindStringSubmatch(a.body)[1]
		if a := b.post(at(0)+"/ship", "pieces."+os[0].Lines[0].ID.String(), "9", "key", key); a.status != http.StatusConflict && a.status != http.StatusUnprocessableEntity {
			t.Errorf("more than there is: %d", a.status)
		}
		sent := []string{"pieces." + os[0].Lines[0].ID.String(), "1", "carrier", "local", "tracking", "KV1", "key", key}
		if a := b.post(at(0)+"/ship", sent...); a.location() != at(2) {
			t.Fatalf("the press leads to %d %q, want the next that nobody has, %q", a.status, a.location(), at(2))
		}
		if a := b.page(at(2)); !strings.Contains(a.body, shoptest.Contact.Address.Line1) || !strings.Contains(a.text(), "Paketet är skickat") {
			t.Errorf("the next is not open: %.300s", a.text())
		}
		if now := look(o, func(q *db.Reader) (order.Order, error) { return order.ByID(q, os[0].ID) }); !now.IsShipped() {
			t.Error("the first is not sent")
		}
		if a := b.post("/admin/packing/next", "after", os[2].ID.String()); a.location() != at(3) {
			t.Errorf("passed over: %q", a.location())
		}
		if a := b.post("/admin/packing/next", "after", os[3].ID.String()); a.location() != at(2) {
			t.Errorf("after the last: %q, want what was passed over", a.location())
		}
		for i, want := range []int{1, 1, 1, 1} {
			as := look(o, func(q *db.Reader) ([]audit.Access, error) { return audit.Accesses(q, os[i].Person, 0, 10) })
			if len(as) != want || as[0].Reason != auth.ForPacking || as[0].EntityID != os[i].ID {
				t.Errorf("parcel %d: the readings are %+v", i, as)
			}
		}
		// Without an opening nothing is sent, and by who may not pack nothing is opened.
		other := o.as("support")
		if a := other.post("/admin/packing/next"); a.status != http.StatusForbidden {
			t.Errorf("support packs: %d", a.status)
		}
		late := o.billed(stock.Line{Variant: v, Quantity: 1})
		if a := b.post("/admin/packing/"+late.NumberString()+"/ship", "pieces."+late.Lines[0].ID.String(), "1", "key", "x"); a.status != http.StatusConflict || strings.Contains(a.body, shoptest.Contact.Address.Line1) {
			t.Errorf("sent unopened: %d", a.status)
		}
	})
}
