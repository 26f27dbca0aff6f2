package admin_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

// From the list to a parcel on its way: what somebody does who packs all day.
func TestShip(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		v, u := o.Product(12900, 10), o.Product(4900, 10)
		bought := o.bought(stock.Line{Variant: v, Quantity: 2}, stock.Line{Variant: u, Quantity: 1})
		b := o.as("orders")
		if a := b.page("/admin"); !strings.Contains(a.body, bought.NumberString()) {
			t.Error("the start page does not show the order to pack")
		}
		if a := b.page("/admin/orders?show=pack"); !strings.Contains(a.body, bought.NumberString()) {
			t.Error("the list does not show it")
		}
		if a := b.get("/admin/orders?number=" + bought.NumberString()); a.location() != "/admin/orders/"+bought.NumberString() {
			t.Errorf("a number leads to %q", a.location())
		}
		path := "/admin/orders/" + bought.NumberString()
		if a := b.get(path + "/slip.pdf"); a.status != http.StatusSeeOther || a.location() != path {
			t.Errorf("the slip before it is opened: %d to %q", a.status, a.location())
		}
		if a := b.post(path+"/ship", "pieces."+bought.Lines[0].ID.String(), "1", "key", "early"); a.status != http.StatusConflict || strings.Contains(a.body, shoptest.Contact.Name) {
			t.Errorf("sent to an address nobody has seen: %d", a.status)
		}
		b.open("order", bought.ID, auth.ForQuestion)
		if a := b.page(path); strings.Contains(a.body, path+"/ship") || !strings.Contains(a.body, shoptest.Contact.Name) {
			t.Error("opened for a question, the parcel can be sent")
		}
		a := b.open("order", bought.ID, auth.ForPacking)
		for _, want := range []string{shoptest.Contact.Name, shoptest.Contact.Address.Line1, "Vara 1", "Vara 2"} {
			if !strings.Contains(a.body, want) {
				t.Errorf("the order's page lacks %q", want)
			}
		}
		pdf := b.page(path + "/slip.pdf")
		if pdf.header.Get("Content-Type") != "application/pdf" || !bytes.HasPrefix([]byte(pdf.body), []byte("%PDF-")) || pdf.header.Get("Cache-Control") != "no-store" {
			t.Errorf("packing slip: %s", pdf.header)
		}

		first, second := bought.Lines[0].ID.String(), bought.Lines[1].ID.String()
		key := keyField.FindStringSubmatch(a.body)[1]
		for name, bad := range map[string][]string{
			"none":     {"pieces." + first, "0", "pieces." + second, ""},
			"words":    {"pieces." + first, "två"},
			"too many": {"pieces." + first, "3"},
			"tracking": {"pieces." + first, "1", "tracking", "<script>"},
		} {
			a := b.post(path+"/ship", append(bad, "carrier", "local", "key", "k-"+name)...)
			if a.status < 400 || a.status > 422 || !strings.Contains(a.body, `class="summary"`) || strings.Contains(a.body, "<script>") && strings.Contains(a.body, `value="<script>`) {
				t.Errorf("%s: %d", name, a.status)
			}
		}
		sent := []string{"pieces." + first, "1", "pieces." + second, "1", "carrier", "local", "tracking", "KV12345", "key", key}
		if a := b.done(path+"/ship", sent...); !strings.Contains(a.body, "https://carrier.example/track/KV12345") {
			t.Error("the parcel cannot be followed from the page")
		}
		b.done(path+"/ship", sent...) // a second click ships nothing more
		now := look(o, func(q *db.Reader) (order.Order, error) { return order.ByID(q, bought.ID) })
		if now.Lines[0].Shipped != 1 || now.Lines[1].Shipped != 1 {
			t.Errorf("shipped %d and %d, want 1 and 1", now.Lines[0].Shipped, now.Lines[1].Shipped)
		}
		if l := look(o, func(q *db.Reader) (stock.Level, error) { return stock.One(q, v) }); l.OnHand != 9 || l.Allocated != 1 {
			t.Errorf("stock is %+v", l)
		}
		parcels := look(o, func(q *db.Reader) ([]fulfilment.Parcel, error) { return fulfilment.Parcels(q, bought.ID) })
		if len(parcels) != 1 {
			t.Fatalf("%d parcels", len(parcels))
		}
		a = b.done(path+"/parcels/"+parcels[0].ID.String()+"/arrived", "")
		if !strings.Contains(a.body, "Framme hos kunden") {
			t.Error("the timeline does not tell that it arrived")
		}
		// The rest is cancelled, and its money goes back.
		b.done(path+"/cancel", "cancel_reason", "trasig vid packning")
		now = look(o, func(q *db.Reader) (order.Order, error) { return order.ByID(q, bought.ID) })
		if now.Lines[0].Cancelled != 1 || !now.IsShipped() {
			t.Errorf("after cancelling: %+v", now.Lines[0])
		}
	})
}

// Money goes back only with a fresh proof, once for each form.
func TestRefund(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		v := o.Product(20000, 5)
		bought := o.bought(stock.Line{Variant: v, Quantity: 1})
		b := o.as("orders")
		path := "/admin/orders/" + bought.NumberString()
		o.stale("orders")
		a := b.page(path)
		if !strings.Contains(a.body, `name="totp"`) {
			t.Fatal("an old proof, and the form asks for no new one")
		}
		key := regexpKeys(a.body)
		pay := func(code string) answer {
			return b.post(path+"/refund", "amount", "50,50", "reason", "repig vara", "key", key, "totp", code)
		}
		for _, code := range []string{"", "000000"} {
			if a := pay(code); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `value="50,50"`) {
				t.Errorf("code %q: %d", code, a.status)
			}
		}
		refunds := func() []payment.RefundRow {
			return look(o, func(q *db.Reader) ([]payment.RefundRow, error) {
				i, err := payment.OfPurchase(q, bought.Purchase)
				if err != nil {
					return nil, err
				}
				return payment.RefundsOf(q, i.ID)
			})
		}
		if n := len(refunds()); n != 0 {
			t.Fatalf("%d refunds without a proof", n)
		}
		a = pay(o.code(o.member("orders")))
		if a.status != http.StatusSeeOther || a.header.Get("Set-Cookie") == "" {
			t.Fatalf("refund: %d %s", a.status, a.text())
		}
		if a := pay(""); a.status != http.StatusSeeOther { // a second click: fresh now, and the same key
			t.Errorf("again: %d", a.status)
		}
		if got := refunds(); len(got) != 1 || got[0].Amount.Amount != 5050 {
			t.Errorf("refunds: %+v", got)
		}
		if a := b.post(path+"/refund", "amount", "9999", "reason", "för mycket", "key", "other"); a.status != http.StatusConflict {
			t.Errorf("more than there is: %d", a.status)
		}
		// Customer service reads orders and moves no money.
		s := o.as("support")
		if a := s.page(path); strings.Contains(a.body, path+"/refund") || strings.Contains(a.body, path+"/ship") {
			t.Error("the page offers what the role may not do")
		}
		if a := s.post(path+"/refund", "amount", "1", "reason", "x"); a.status != http.StatusForbidden {
			t.Errorf("support refunds: %d", a.status)
		}
	})
}

// The money of an invoice: the start page says what is due, the order's page takes
// a part and then the rest, and tells.
func TestInvoicePaid(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		bill := o.billed(stock.Line{Variant: o.Product(20000, 5), Quantity: 1})
		b, path := o.as("orders"), "/admin/orders/"+bill.NumberString()
		if a := b.page("/admin"); !strings.Contains(a.body, `id="bills"`) || !strings.Contains(a.body, bill.OCR) || !strings.Contains(a.body, path+"#money") {
			t.Error("the start page does not show the unpaid invoice")
		}
		a := b.page(path)
		if !strings.Contains(a.body, path+"/settle") || !strings.Contains(a.body, `value="239"`) {
			t.Fatal("the page does not offer to record the payment")
		}
		today := time.Now().In(lang.Zone).Format(time.DateOnly)
		for name, bad := range map[string][2]string{"words": {"många", today}, "too much": {"240", today}, "no day": {"239", ""}, "another day": {"239", "igår"}, "future": {"239", "2999-01-01"}} {
			a := b.post(path+"/settle", "paid", bad[0], "paid_on", bad[1], "key", "k-"+name)
			if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `class="summary"`) || !strings.Contains(a.body, `value="`+bad[0]+`"`) {
				t.Errorf("%s: %d %.300s", name, a.status, a.text())
			}
		}
		if a := b.post(path+"/settle", "paid", "240", "paid_on", today, "key", "x"); !strings.Contains(strings.ReplaceAll(a.text(), "\u00a0", " "), "mer än det som är kvar att betala, 239 kr") {
			t.Error("the answer does not say what is left")
		}
		part := []string{"paid", "100", "paid_on", today, "key", "part"}
		if a := b.done(path+"/settle", part...); !strings.Contains(a.text(), "Resten är kvar") || !strings.Contains(a.text(), "En del betald") {
			t.Errorf("after a part: %.600s", a.text())
		}
		b.done(path+"/settle", part...) // a second click
		if a := b.page(path); !strings.Contains(a.body, `value="139"`) {
			t.Error("139 kr should be left")
		}
		s := o.as("support")
		if a := s.page(path); strings.Contains(a.body, path+"/settle") {
			t.Error("the page offers support what it may not do")
		}
		if a := s.post(path+"/settle", "paid", "139", "paid_on", today); a.status != http.StatusForbidden {
			t.Errorf("support: %d", a.status)
		}
		if a := b.done(path+"/settle", "paid", "139,00", "paid_on", today, "key", "rest"); !strings.Contains(a.text(), "Fakturan är betald.") || strings.Contains(a.body, path+"/settle") {
			t.Errorf("after the rest: %.600s", a.text())
		}
		if a := b.page("/admin"); strings.Contains(a.body, `id="bills"`) {
			t.Error("the start page still shows the invoice")
		}
	})
}

// The order's page tells what the buyer agreed to, and what he was not asked.
func TestConsentsShown(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		v := o.Product(9900, 9)
		o.Do(func(tx *db.Tx) error {
			return tx.ExecOne(`UPDATE catalog_variant SET b_goods_sv='Repa i glasyren' WHERE id=$1`, v)
		})
		b := o.as("support")
		for _, c := range []struct {
			given     []string
			says, not string
		}{{[]string{"b_goods"}, "Godkänt ", "Inte godkänt"}, {nil, "Inte godkänt", "Godkänt "}} {
			p, err := o.Desk.Begin(context.Background(), checkout.Request{Cart: o.Cart(stock.Line{Variant: v, Quantity: 1}), Method: "invoice", Accept: true, Consents: c.given, Peer: "192.0.2.1"})
			if err != nil {
				t.Fatal(err)
			}
			p = o.Until(p.ID, true, func(p checkout.Purchase) bool { return p.State == checkout.Placed })
			a := b.page("/admin/orders/" + o.order(p).NumberString())
			if !strings.Contains(a.text(), c.says) || strings.Contains(a.text(), c.not) || !strings.Contains(a.text(), "Repa i glasyren") {
				t.Errorf("%v: %s", c.given, a.text())
			}
		}
	})
}

// Orders are found by who bought, without anything personal in an address; who
// reads a buyer's details is recorded, and lists read none.
func TestFindByBuyer(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		v := o.Product(9900, 50)
		buy := func(who order.Contact) order.Order {
			p, err := o.Desk.Begin(context.Background(), checkout.Request{Cart: o.CartOf(who, stock.Line{Variant: v, Quantity: 1}), Method: "invoice", Accept: true, Peer: "192.0.2.1"})
			if err != nil {
				t.Fatal(err)
			}
			return o.order(o.Until(p.ID, true, func(p checkout.Purchase) bool { return p.State == checkout.Placed }))
		}
		other := shoptest.Contact
		other.Email, other.Phone, other.Name, other.Company = "erik.oster@example.org", "+46701740699", "Erik Öster", "Snickeri AB"
		other.Address.PostalCode = "411 01"
		a, a2, b := buy(shoptest.Contact), buy(shoptest.Contact), buy(other)
		if a.Customer == 0 || a.Customer == a2.Customer || a.Person == a2.Person {
			t.Errorf("two guests of one address are one: %d %d", a.Customer, a2.Customer)
		}
		s := o.as("support")
		accesses := func(person db.ID) []audit.Access {
			return look(o, func(q *db.Reader) ([]audit.Access, error) { return audit.Accesses(q, person, 0, 100) })
		}
		for _, x := range []string{b.NumberString(), "ERIK.oster@example.org", "070-174 06 99", "41101", "öster", "Öster Erik", "snickeri"} {
			if r := s.post("/admin/orders/search", "find", x); r.status != http.StatusSeeOther || r.location() != "/admin/orders/"+b.NumberString() {
				t.Errorf("%q: %d to %q", x, r.status, r.location())
			}
		}
		r := s.post("/admin/orders/search", "find", " kopare@example.se ")
		if r.status != http.StatusOK || !strings.Contains(r.body, a.NumberString()) || !strings.Contains(r.body, a2.NumberString()) || strings.Contains(r.body, b.NumberString()) {
			t.Errorf("by mail: %d %.300s", r.status, r.text())
		}
		if strings.Contains(r.body, "Åsa") || !strings.Contains(r.body, "Å••• P•••") {
			t.Error("the list shows a name, or no mask")
		}
		for _, x := range []string{"Öst", "ingen@example.se", "99999999", "' OR 1=1 --", "%", strings.Repeat("a ", 100)} {
			if r := s.post("/admin/orders/search", "find", x); r.status != http.StatusOK || !strings.Contains(r.text(), "Ingen order passar") {
				t.Errorf("%q: %d to %q", x, r.status, r.location())
			}
		}
		if r := s.get("/admin/orders/search?find=kopare@example.se"); r.status != http.StatusMethodNotAllowed && r.status != http.StatusNotFound {
			t.Errorf("a search in an address: %d", r.status)
		}
		for _, p := range []db.ID{a.Person, a2.Person, b.Person} {
			if n := len(accesses(p)); n != 0 {
				t.Errorf("%d accesses by searching alone", n)
			}
		}
		if a := s.page("/admin/orders/" + b.NumberString()); strings.Contains(a.body, "Öster") || strings.Contains(a.body, "erik.oster") || len(accesses(b.Person)) != 0 {
			t.Error("the page tells who it is before he is opened")
		}
		s.open("order", b.ID, auth.ForQuestion)
		s.page("/admin/orders/" + b.NumberString())
		got := accesses(b.Person)
		if len(got) != 1 || got[0].ActorKind != "staff" || got[0].ActorID != o.member("support").id || got[0].Reason != "customer_question" || got[0].Entity != "order" || got[0].EntityID != b.ID ||
			strings.Join(got[0].Kinds, " ") != "address email name phone" {
			t.Errorf("the reading is recorded as %+v", got)
		}
		s.open("order", b.ID, auth.ForPacking)
		s.page("/admin/orders/" + b.NumberString() + "/slip.pdf")
		if got = accesses(b.Person); len(got) != 2 || got[0].Reason != "packing" {
			t.Errorf("after the slip: %+v", got)
		}
		if n := len(accesses(a.Person)); n != 0 {
			t.Errorf("%d accesses of another's", n)
		}
		if r := o.as("catalogue").post("/admin/orders/search", "find", "öster"); r.status != http.StatusForbidden {
			t.Errorf("without the right: %d", r.status)
		}
	})
}

// A carrier's tracking page is data: set in the office, it is where the parcel leads.
func TestTrackingPageIsData(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		owner := o.as("owner")
		if a := owner.page("/admin/delivery"); !strings.Contains(a.body, `href="/admin/carriers"`) {
			t.Error("delivery does not lead to the carriers")
		}
		if a := owner.post("/admin/carriers/new", "key", "posten", "name", "Posten", "template", "http://posten.example/NUMMER", "active", "1"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `value="http://posten.example/NUMMER"`) {
			t.Errorf("plain http: %d", a.status)
		}
		a := owner.done("/admin/carriers/new", "key", "posten", "name", "Posten", "template", "https://posten.example/?k=NUMMER", "active", "1")
		if !strings.Contains(a.body, "https://posten.example/?k=NUMMER") {
			t.Errorf("the list: %.400s", a.text())
		}
		bought := o.bought(stock.Line{Variant: o.Product(9900, 5), Quantity: 1})
		path := "/admin/orders/" + bought.NumberString()
		b := o.as("orders")
		if a := b.open("order", bought.ID, auth.ForPacking); !strings.Contains(a.body, `<option value="posten"`) {
			t.Error("the carrier cannot be chosen")
		}
		a = b.done(path+"/ship", "pieces."+bought.Lines[0].ID.String(), "1", "carrier", "posten", "tracking", "AB123", "key", "k")
		if !strings.Contains(a.body, `href="https://posten.example/?k=AB123"`) || !strings.Contains(a.text(), "Posten") {
			t.Errorf("the parcel: %.600s", a.text())
		}
		// Changed: the newest page counts, and one that is put away is not offered.
		owner.done("/admin/carriers/posten", "version", "1", "name", "Posten AB", "template", "https://ny.example/NUMMER")
		if a := b.page(path); !strings.Contains(a.body, "https://ny.example/AB123") || !strings.Contains(a.text(), "Posten AB") {
			t.Error("the parcel still leads to the old page")
		}
		if a := owner.post("/admin/carriers/posten", "version", "1", "name", "x"); a.status != http.StatusConflict {
			t.Errorf("a stale form: %d", a.status)
		}
		if a := owner.get("/admin/carriers/none"); a.status != http.StatusNotFound {
			t.Errorf("a carrier that is none: %d", a.status)
		}
		if a := b.get("/admin/carriers"); a.status != http.StatusForbidden {
			t.Errorf("without the right: %d", a.status)
		}
	})
}
