package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/shop/order"
)

// codeOf is the code that the newest letter to a caller would carry.
func (o *office) codeOf() string {
	o.t.Helper()
	return look(o, func(q *db.Reader) (string, error) {
		var id db.ID
		if err := q.QueryRow(`SELECT max(id) FROM auth_caller`).Scan(&id); err != nil {
			return "", err
		}
		m, _, err := o.auth.CallerMail(q, id)
		return m.Code.Reveal(), err
	})
}

// A caller is verified on the page of an order, a case or a customer; before it the page
// says to give nothing away, and where a parcel goes cannot be changed.
func TestCallerPages(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		x := o.vaulted()
		b := o.as("orders")
		path := "/admin/orders/" + x.order.NumberString()
		moved := []string{"line1", "Nygatan 2", "postal_code", "41103", "city", "Göteborg"}
		for _, th := range x.things() {
			a := b.page(th.path)
			has := strings.Contains(a.text(), "Lämna inte ut något")
			if want := th.entity == "order" || th.entity == "case" || th.entity == "customer"; has != want {
				t.Errorf("%s advises: %v", th.entity, has)
			}
			if a := b.post("/admin/callers/send", "entity", th.entity, "id", th.id.String()); !has && a.status != http.StatusNotFound {
				t.Errorf("a code through %s: %d", th.entity, a.status)
			}
		}
		// Those three were the codes of the hour.
		if a := b.done("/admin/callers/send", "entity", "order", "id", x.order.ID.String()); !strings.Contains(a.text(), "tre koder") {
			t.Errorf("a fourth code: %.300s", a.text())
		}
		o.Do(func(tx *db.Tx) error { _, err := tx.Exec(`DELETE FROM auth_caller`); return err })
		if a := b.post(path+"/address", moved...); a.status != http.StatusConflict || marks.MatchString(a.body) {
			t.Errorf("moved for nobody: %d", a.status)
		}
		a := b.done("/admin/callers/send", "entity", "order", "id", x.order.ID.String())
		if !strings.Contains(a.body, `action="/admin/callers/check"`) || marks.MatchString(a.body) || strings.Contains(a.body, o.codeOf()) {
			t.Errorf("the page after the code is sent: %.300s", a.text())
		}
		code := o.codeOf()
		wrong := "000000"
		if code == wrong {
			wrong = "000001"
		}
		if a := b.done("/admin/callers/check", "entity", "order", "id", x.order.ID.String(), "code", wrong); !strings.Contains(a.text(), "Koden stämmer inte") || strings.Contains(a.text(), "Verifierad till") {
			t.Errorf("a wrong code: %.300s", a.text())
		}
		if a := b.done("/admin/callers/check", "entity", "order", "id", x.order.ID.String(), "code", code); !strings.Contains(a.text(), "Verifierad till") {
			t.Errorf("the right code: %.300s", a.text())
		}
		if a := o.as("owner").page(path); strings.Contains(a.text(), "Verifierad till") {
			t.Error("verified to a colleague")
		}
		if a := b.post(path+"/address", "line1", "", "postal_code", "1", "city", ""); a.status != http.StatusUnprocessableEntity {
			t.Errorf("an address that is none: %d", a.status)
		}
		b.done(path+"/address", moved...)
		c := look(o, func(q *db.Reader) (order.Contact, error) { return order.ContactOf(q, o.Vault, x.order, auth.OwnWork()) })
		if c.Address.Line1 != "Nygatan 2" || c.Address.PostalCode != "411 03" || c.Name != marked.Name || c.Address.CareOf != "" {
			t.Errorf("%+v", c.Address)
		}
		if a := b.page(path); !strings.Contains(a.text(), "Leveransadressen ändrades") || strings.Contains(a.body, "Nygatan") {
			t.Error("the timeline does not say so, or the address is shown")
		}
	})
}
