package shoptest

import (
	"context"
	"fmt"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

// GiftProduct makes a gift card for sale at ore öre, and returns the variant.
func (w *World) GiftProduct(ore int64) db.ID {
	w.T.Helper()
	w.next++
	var v db.ID
	w.Do(func(tx *db.Tx) error {
		made, err := catalog.InsertMany(tx, By, []catalog.NewProduct{{Core: catalog.Core{Handle: fmt.Sprintf("presentkort-%d", w.next), Kind: catalog.GiftCard, VATClass: catalog.VATVoucher, Withdrawal: catalog.WithdrawalYes},
			Texts:    catalog.Texts{lang.SV: {Lang: lang.SV, Title: fmt.Sprintf("Presentkort %d", w.next), Description: "Ett presentkort till prov."}},
			Variants: []catalog.NewVariant{{SKU: fmt.Sprintf("G-%d", w.next)}}, Publish: true}})
		if err != nil {
			return err
		}
		v = made[0].Variants[0]
		if err := pricing.SetPrice(tx, By, v, money.SEK(ore), tx.LegalNow().Add(-time.Hour)); err != nil {
			return err
		}
		return stock.Put(tx, By, v, false, false)
	})
	return v
}

// Mailed is the delivery method of what nobody carries.
func (w *World) Mailed() db.ID {
	w.T.Helper()
	var id db.ID
	w.Do(func(tx *db.Tx) (err error) {
		id, err = delivery.Put(tx, By, delivery.Method{Code: fmt.Sprintf("mail-%d", w.next), Kind: delivery.Digital, NameSV: "E-post", NameEN: "E-mail", Currency: "SEK", CutoffMinute: 840, Active: true, Tiers: []delivery.Tier{{UpToG: 1, Amount: 0}}})
		return
	})
	return id
}

// Deliver chooses how a cart's goods come.
func (w *World) Deliver(token string, method db.ID) {
	w.T.Helper()
	w.Do(func(tx *db.Tx) error {
		c, err := cart.Open(tx, w.Vault, token)
		if err != nil {
			return err
		}
		return cart.SetDelivery(tx, &c, method, "")
	})
}

// GiftCard issues a card worth ore öre, as if an order had bought it, and returns its code.
func (w *World) GiftCard(ore int64) (giftcard.Card, string) {
	w.T.Helper()
	order := w.DB.NewID()
	w.Do(func(tx *db.Tx) error {
		_, err := giftcard.IssueSold(tx, w.Vault, giftcard.Sold{Order: order, Line: tx.NewID(), Pieces: 1, Amount: money.SEK(ore), Lang: lang.SV, Years: 10})
		return err
	})
	c := w.GiftCards(order)[0]
	return c, c.Code(w.Vault)
}

// GiftCards are the cards an order bought.
func (w *World) GiftCards(order db.ID) []giftcard.Card {
	w.T.Helper()
	cs, err := db.Read(context.Background(), w.DB, func(q *db.Reader) ([]giftcard.Card, error) { return giftcard.OfOrder(q, order) })
	if err != nil {
		w.T.Fatal(err)
	}
	return cs
}

// Gift reads a card as it is now.
func (w *World) Gift(id db.ID) giftcard.Card {
	w.T.Helper()
	c, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (giftcard.Card, error) { return giftcard.ByID(q, id) })
	if err != nil {
		w.T.Fatal(err)
	}
	return c
}

// PayWith puts a gift card on a cart.
func (w *World) PayWith(token string, c giftcard.Card) {
	w.T.Helper()
	w.Do(func(tx *db.Tx) error {
		k, err := cart.Open(tx, w.Vault, token)
		if err != nil {
			return err
		}
		return cart.AddGift(tx, &k, c)
	})
}

// OrderOf is the order a purchase became.
func (w *World) OrderOf(purchase db.ID) order.Order {
	w.T.Helper()
	o, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (order.Order, error) { return order.OfPurchase(q, purchase) })
	if err != nil {
		w.T.Fatal(err)
	}
	return o
}
