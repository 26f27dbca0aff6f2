// Package shoptest gives tests a small real shop: a database on either engine,
// goods with prices and stock, a delivery method, and the sandbox bank as a
// server of its own. For tests only.
package shoptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/demo/bank"
	"kassavalv/internal/demo/bank/wire"
	"kassavalv/internal/demo/sandbox"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/invoice"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

// Migrations are those of the rooms a purchase touches.
var Migrations = []db.Migrations{secret.Migrations, job.Migrations, audit.Migrations, catalog.Migrations, pricing.Migrations, stock.Migrations,
	delivery.Migrations, customer.Migrations, cart.Migrations, payment.Migrations, order.Migrations, content.Migrations, giftcard.Migrations, checkout.Migrations, fulfilment.Migrations}

// By is who arranges things in tests.
var By = auth.System("shoptest")

// World is the small shop.
type World struct {
	T      testing.TB
	DB     *db.DB
	Vault  *secret.Vault
	Shelf  *cart.Shelf
	Desk   *checkout.Desk
	Bank   *bank.Server
	Hooks  *httptest.Server // where the bank's notifications arrive
	Method db.ID            // the delivery method, 39 kr, free from 599 kr
	next   int
}

// Each runs fn in a fresh world on both engines.
func Each(t *testing.T, fn func(t *testing.T, w *World)) {
	t.Helper()
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) { fn(t, New(t, d)) })
}

// New builds the world on d.
func New(t testing.TB, d *db.DB) *World {
	t.Helper()
	ctx := context.Background()
	w := &World{T: t, DB: d, Vault: secrettest.Vault(t, d), Shelf: &cart.Shelf{Country: "SE"}}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	if w.Bank, err = bank.New(bank.Options{Dir: t.TempDir(), Log: quiet, Hang: 2 * time.Second, BackOff: []time.Duration{50 * time.Millisecond, 200 * time.Millisecond}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Bank.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		w.Bank.Close(c)
	})
	w.Hooks = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err := w.Desk.Hook(r.Context(), strings.TrimPrefix(r.URL.Path, "/hooks/"), payment.Notice{Header: r.Header, Query: r.URL.Query(), Body: b}); err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
		}
	}))
	t.Cleanup(w.Hooks.Close)
	w.Desk = w.NewDesk()
	t.Cleanup(func() { w.Desk.Wait() })
	w.Do(func(tx *db.Tx) (err error) {
		w.Method, err = delivery.Put(tx, By, delivery.Method{Code: "box", Kind: delivery.Locker, NameSV: "Paketbox", NameEN: "Parcel box", Currency: "SEK", MaxDays: 2, CutoffMinute: 840,
			FreeFrom: 59900, Active: true, Tiers: []delivery.Tier{{UpToG: 10000, Amount: 3900}}})
		return
	})
	return w
}

// NewDesk makes another checkout on the same database, as after a restart.
func (w *World) NewDesk() *checkout.Desk {
	times := checkout.DefaultTimes
	times.Answer, times.Call, times.Check, times.CheckMax, times.Books = time.Second, 5*time.Second, 50*time.Millisecond, 200*time.Millisecond, 0
	return &checkout.Desk{DB: w.DB, Vault: w.Vault, Shelf: w.Shelf, Providers: []payment.Provider{sandbox.New(w.Bank.URL(), certPEM(w.Hooks)), invoice.Provider{}}, Base: w.Hooks.URL,
		Terms: func(db.Q) (string, error) { return "1", nil }, Times: times, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// Do runs fn in a write; an error ends the test.
func (w *World) Do(fn func(tx *db.Tx) error) {
	w.T.Helper()
	if err := db.Do(context.Background(), w.DB, fn); err != nil {
		w.T.Fatal(err)
	}
}

// Product makes a product with one variant at ore öre and n pieces in stock,
// and returns the variant.
func (w *World) Product(ore, n int64) db.ID {
	w.T.Helper()
	w.next++
	var v db.ID
	w.Do(func(tx *db.Tx) error {
		made, err := catalog.InsertMany(tx, By, []catalog.NewProduct{{Core: catalog.Core{Handle: fmt.Sprintf("vara-%d", w.next), VATClass: catalog.VATStandard, Kind: catalog.Goods, Withdrawal: catalog.WithdrawalYes,
			Maker: catalog.Party{Name: "Provverket", Postal: "Provgatan 1, 111 11 Provstad", Electronic: "post@provverket.example"}, NoWarnings: true},
			Texts:    catalog.Texts{lang.SV: {Lang: lang.SV, Title: fmt.Sprintf("Vara %d", w.next), Description: "En vara till prov."}},
			Variants: []catalog.NewVariant{{SKU: fmt.Sprintf("V-%d", w.next), WeightG: 500, Tracked: true}}, Publish: true}})
		if err != nil {
			return err
		}
		if !made[0].Shows {
			return fmt.Errorf("product lacks %v", made[0].Problems)
		}
		v = made[0].Variants[0]
		if err := pricing.SetPrice(tx, By, v, money.SEK(ore), tx.LegalNow().Add(-time.Hour)); err != nil {
			return err
		}
		if err := stock.Put(tx, By, v, true, false); err != nil {
			return err
		}
		_, err = stock.SetOnHand(tx, By, v, n)
		return err
	})
	return v
}

// Contact is a buyer.
var Contact = order.Contact{Email: "kopare@example.se", Name: "Åsa Prov", Phone: "+46701740605",
	Address: order.Address{Line1: "Storgatan 1", PostalCode: "112 21", City: "Stockholm", Country: "SE"}}

// Cart makes a cart that is ready to be bought and returns its token.
func (w *World) Cart(lines ...stock.Line) string {
	w.T.Helper()
	return w.CartOf(Contact, lines...)
}

// CartOf is Cart for another buyer.
func (w *World) CartOf(who order.Contact, lines ...stock.Line) string {
	w.T.Helper()
	var token string
	w.Do(func(tx *db.Tx) error {
		c, err := cart.New(tx, w.Vault, "SEK")
		if err != nil {
			return err
		}
		for _, l := range lines {
			if _, err := cart.Add(tx, &c, l.Variant, l.Quantity); err != nil {
				return err
			}
		}
		if err := cart.SetContact(tx, w.Vault, &c, who, who.Address.PostalCode); err != nil {
			return err
		}
		token = c.Token(w.Vault)
		return cart.SetDelivery(tx, &c, w.Method, "")
	})
	return token
}

// Buy starts a purchase of the cart by card.
func (w *World) Buy(token, key string) (checkout.Purchase, error) {
	return w.Desk.Begin(context.Background(), checkout.Request{Cart: token, Method: "card", Accept: true, Key: key, Lang: lang.SV, Peer: "192.0.2.1"})
}

var client = &http.Client{Timeout: 20 * time.Second}

var action = regexp.MustCompile(`action="([^"]+)"`)

// PayAtBank types a card number on the bank's page, as the buyer would.
func (w *World) PayAtBank(payURL, card string) {
	w.T.Helper()
	c := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Get(payURL)
	if err != nil {
		w.T.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	res.Body.Close()
	var target string
	base, _ := url.Parse(payURL)
	for _, m := range action.FindAllStringSubmatch(string(b), -1) {
		u, _ := base.Parse(m[1])
		if !strings.Contains(u.Path, "cancel") {
			target = u.String()
			break
		}
	}
	if target == "" {
		w.T.Fatalf("no form on the bank's page: %.300s", b)
	}
	res, err = c.PostForm(target, url.Values{"card_number": {card}})
	if err != nil {
		w.T.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusSeeOther {
		w.T.Fatalf("bank answered %d to the card", res.StatusCode)
	}
}

// Until waits for the purchase to satisfy ok, and runs the rescuer meanwhile
// when asked.
func (w *World) Until(id db.ID, rescue bool, ok func(checkout.Purchase) bool) checkout.Purchase {
	w.T.Helper()
	ctx := context.Background()
	deadline := time.Now().Add(20 * time.Second)
	for {
		p, err := db.Read(ctx, w.DB, func(q *db.Reader) (checkout.Purchase, error) { return checkout.ByID(q, id) })
		if err != nil {
			w.T.Fatal(err)
		}
		if ok(p) {
			return p
		}
		if time.Now().After(deadline) {
			w.T.Fatalf("purchase stays %s (%s, money %s)", p.State, p.Reason, p.Money)
		}
		if rescue {
			if _, err := w.Desk.RescueOnce(ctx, 50); err != nil {
				w.T.Fatal(err)
			}
		}
		time.Sleep(10 * time.Millisecond) // polling with a deadline; the state moves by other goroutines
	}
}

// Books is what the bank believes.
func (w *World) Books() []wire.Payment {
	w.T.Helper()
	res, err := client.Get(w.Bank.URL() + "/control/payments")
	if err != nil {
		w.T.Fatal(err)
	}
	defer res.Body.Close()
	var l wire.List
	if err := json.NewDecoder(res.Body).Decode(&l); err != nil {
		w.T.Fatal(err)
	}
	return l.Items
}

// Control posts to the bank's control side.
func (w *World) Control(path, body string) {
	w.T.Helper()
	res, err := client.Post(w.Bank.URL()+"/control/"+path, "application/json", bytes.NewBufferString(body))
	if err != nil {
		w.T.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode/100 != 2 {
		w.T.Fatalf("control %s: %d %s", path, res.StatusCode, b)
	}
}

// CheckBooks compares the bank's books with the shop's: each capture has
// exactly one order or its money went (or is going) back, each paid order one
// capture of its amount, and stock adds up.
func (w *World) CheckBooks() {
	w.T.Helper()
	captured := map[string]int64{}
	for _, p := range w.Books() {
		if p.Captured > 0 {
			captured[p.Reference] += p.Captured - p.Refunded
		}
	}
	_, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (int, error) {
		ps, err := checkout.List(q, By, checkout.Filter{}, 0, 100)
		if err != nil {
			return 0, err
		}
		for _, p := range ps {
			if p.Method != "card" {
				continue
			}
			ref := p.Token(w.Vault)
			got := captured[ref]
			delete(captured, ref)
			i, err := payment.OfPurchase(q, p.ID)
			if err != nil {
				return 0, err
			}
			o, err := order.OfPurchase(q, p.ID)
			hasOrder := err == nil
			switch {
			case p.State == checkout.Paid && (!hasOrder || got != o.Paid.Amount-o.Refunded.Amount || o.Number == 0):
				w.T.Errorf("purchase %s paid: order %v, bank holds %d, order paid %v", p.ID, hasOrder, got, o.Paid)
			case p.State != checkout.Paid && hasOrder && p.State != checkout.Placed:
				w.T.Errorf("purchase %s is %s and has an order", p.ID, p.State)
			case (p.State == checkout.Refused || p.State == checkout.Expired) && got != i.Refunding.Amount:
				w.T.Errorf("purchase %s is %s, the bank holds %d, %d on its way back", p.ID, p.State, got, i.Refunding.Amount)
			}
		}
		rows, err := db.All(q, func(r *db.Rows) (l stock.Level, err error) {
			err = r.Scan(&l.Variant, &l.OnHand, &l.Held, &l.Allocated)
			return
		}, `SELECT variant_id, on_hand, held, allocated FROM stock_level`)
		if err != nil {
			return 0, err
		}
		for _, l := range rows {
			var held, alloc int64
			if err := q.QueryRow(`SELECT COALESCE(sum(CASE WHEN state='held' THEN quantity ELSE 0 END),0), COALESCE(sum(CASE WHEN state='allocated' THEN left_over ELSE 0 END),0) FROM stock_hold WHERE variant_id=$1`, l.Variant).Scan(&held, &alloc); err != nil {
				return 0, err
			}
			if held != l.Held || alloc != l.Allocated || l.Available() < 0 {
				w.T.Errorf("variant %s: level %+v, holds say %d and %d", l.Variant, l, held, alloc)
			}
		}
		return 0, nil
	})
	if err != nil {
		w.T.Fatal(err)
	}
	for ref, n := range captured {
		w.T.Errorf("the bank holds %d for %s, which the shop does not know", n, ref)
	}
}
