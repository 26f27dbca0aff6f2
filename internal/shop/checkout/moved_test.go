package checkout_test

import (
	"context"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

// A cart that is changed in another tab ends the attempt that is under way: it can no
// longer be paid. The same again changes nothing, and what was paid stands.
func TestChangedCartEndsTheAttempt(t *testing.T) {
	ctx := context.Background()
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		other := w.Product(5900, 5)
		change := func(tok string, fn func(tx *db.Tx, c *cart.Cart) error) db.ID {
			var id db.ID
			w.Do(func(tx *db.Tx) error {
				c, err := cart.Open(tx, w.Vault, tok)
				if err != nil {
					return err
				}
				id = c.ID
				return fn(tx, &c)
			})
			return id
		}
		queued := func(id db.ID) (n int) {
			n, err := db.Read(ctx, w.DB, func(q *db.Reader) (n int, err error) {
				err = q.QueryRow(`SELECT count(*) FROM job_job WHERE kind=$1 AND ref_id=$2`, cart.JobMoved, id).Scan(&n)
				return
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		same := func(tx *db.Tx, c *cart.Cart) error {
			if err := cart.SetContact(tx, w.Vault, c, shoptest.Contact, shoptest.Contact.Address.PostalCode); err != nil {
				return err
			}
			return cart.SetDelivery(tx, c, w.Method, "")
		}
		for name, fn := range map[string]func(tx *db.Tx, c *cart.Cart) error{
			"more pieces": func(tx *db.Tx, c *cart.Cart) error { return cart.Set(tx, c, c.Lines[0].ID, 2) },
			"more goods":  func(tx *db.Tx, c *cart.Cart) error { _, err := cart.Add(tx, c, other, 1); return err },
			"address": func(tx *db.Tx, c *cart.Cart) error {
				who := shoptest.Contact
				who.Address.Line1 = "Storgatan 2"
				return cart.SetContact(tx, w.Vault, c, who, who.Address.PostalCode)
			},
			"billing": func(tx *db.Tx, c *cart.Cart) error {
				who := shoptest.Contact
				who.Billing = &order.Address{Line1: "Box 1", PostalCode: "112 21", City: "Stockholm", Country: "SE"}
				return cart.SetContact(tx, w.Vault, c, who, who.Address.PostalCode)
			},
			"": same,
		} {
			tok := w.Cart(stock.Line{Variant: w.Product(11900, 5), Quantity: 1})
			p := mustBuy(t, w, tok, "")
			id := change(tok, fn)
			if n := queued(id); n != 1 {
				t.Fatalf("%s: %d jobs", name, n)
			}
			for range 2 {
				if err := w.Desk.CartMoved(ctx, id); err != nil {
					t.Fatal(name, err)
				}
			}
			got := w.Until(p.ID, false, func(checkout.Purchase) bool { return true })
			if name == "" {
				if got.State != checkout.Awaiting {
					t.Fatalf("the same again ended the attempt: %s", got.State)
				}
				continue
			}
			if got.State != checkout.Refused || got.Reason != checkout.ReasonMoved || got.Money != checkout.NotMoved {
				t.Fatalf("%s: %s %s %s", name, got.State, got.Reason, got.Money)
			}
			for _, b := range w.Books() {
				if b.Reference == p.Token(w.Vault) && !b.State.Final() {
					t.Errorf("%s: what is no longer in the cart can still be paid", name)
				}
			}
			change(tok, same) // nobody is buying: nothing more is queued
			if n := queued(id); n != 1 {
				t.Errorf("%s: %d jobs after the end", name, n)
			}
			mustBuy(t, w, tok, "")
		}
		// Paid a moment before the change: it stands as it was agreed.
		tok := w.Cart(stock.Line{Variant: w.Product(11900, 5), Quantity: 1})
		p := mustBuy(t, w, tok, "")
		w.PayAtBank(p.NextURL, "4000000000000341")
		id := change(tok, func(tx *db.Tx, c *cart.Cart) error { return cart.Set(tx, c, c.Lines[0].ID, 3) })
		if err := w.Desk.CartMoved(ctx, id); err != nil {
			t.Fatal(err)
		}
		if p = w.Until(p.ID, false, terminal); p.State != checkout.Paid || orderOf(t, w, p.ID).Lines[0].Quantity != 1 {
			t.Fatal(p.State)
		}
		w.CheckBooks()
	})
}
