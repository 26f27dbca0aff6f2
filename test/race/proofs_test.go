package race

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"kassavalv/internal/apptest"
)

// patience is how long anything may take that takes a moment on an idle machine.
const patience = 60 * time.Second

// lastPiece: fifty buyers for one piece.
func (w *world) lastPiece() {
	const buyers = 50
	c := w.c(0)
	v := c.Scarce(1)
	carts := make([]apptest.Cart, buyers)
	together(8, func(worker int) {
		for i := worker; i < buyers; i += 8 {
			carts[i] = w.c(i).ReadyCart(v, 1)
		}
	})
	var a answers
	taken := w.post(carts, &a)
	w.won("the last piece", &a, buyers, 1, "409 out_of_stock")
	for _, p := range taken {
		if p = w.paid(p); p.State != "paid" {
			w.Errorf("who got the last piece did not get it: %s, %s", p.State, p.Message)
		}
	}
	if s := c.Stock(v.ID); s.Allocated != 1 || s.Available != 0 {
		w.Errorf("one piece was sold: %+v", s)
	}
	w.end()
}

// lastUse: twenty buyers with a code that can be used once more.
func (w *world) lastUse() {
	const buyers = 20
	c := w.c(0)
	v := c.Scarce(1000)
	code := w.discount(1)
	carts := w.withCode(buyers, v, code)
	var a answers
	taken := w.post(carts, &a)
	w.won("the last use of a code", &a, buyers, 1, "409 code_gone", "409 total_changed")
	for _, p := range taken {
		w.paid(p)
	}
	if n := c.Count(`SELECT count(*) FROM pricing_code_use u JOIN pricing_code c ON c.id = u.code WHERE c.code=$1`, code); n != 1 {
		w.Errorf("a code that could be used once was used %d times", n)
	}
	w.end()
}

// withCode makes carts on which a code counts.
func (w *world) withCode(n int, v apptest.Variant, code string) []apptest.Cart {
	carts := make([]apptest.Cart, n)
	for i := range carts {
		c := w.c(i)
		k := c.ReadyCart(v, 1)
		c.Want(c.Do("PUT", apptest.API+"/carts/"+k.ID+"/discounts/"+url.PathEscape(code), nil), 200, &carts[i])
		if carts[i].Totals.ToPay == k.Totals.ToPay {
			w.Fatalf("the code changes nothing: %+v", carts[i].Totals)
		}
	}
	return carts
}

// lastKrona: ten buyers with one gift card, which is enough for one of them.
func (w *world) lastKrona() {
	const buyers = 10
	c := w.c(0)
	v := c.Scarce(1000)
	kronor := int(c.ReadyCart(v, 1).Totals.Total.Amount / 100) // so that one purchase takes all of it
	code := w.giftCard(kronor)
	carts := w.withCode(buyers, v, code)
	var a answers
	taken := w.post(carts, &a)
	w.won("the last krona of a gift card", &a, buyers, 1, "409 total_changed")
	for _, p := range taken {
		if p = w.paid(p); p.State != "paid" {
			w.Errorf("who got the last krona did not get the goods: %s, %s", p.State, p.Message)
		}
	}
	if r := c.Query(`SELECT issued-balance, held, issued FROM giftcard_card ORDER BY id DESC LIMIT 1`); len(r) != 1 || r[0][0] != r[0][2] || r[0][1] != "0" {
		w.Errorf("the card of %d kr, in öre used, held and issued: %v", kronor, r)
	}
	if n := c.Count(`SELECT count(*) FROM giftcard_card WHERE balance <> (SELECT COALESCE(sum(amount),0) FROM giftcard_entry e WHERE e.card_id=giftcard_card.id)`); n != 0 {
		w.Errorf("%d cards whose balance is not the sum of their entries", n)
	}
	w.end()
}

// twoRefunds: the whole of an order is refunded by ten at once, then by pieces that do
// not fit together.
func (w *world) twoRefunds() {
	c := w.c(0)
	v := c.Scarce(1000)
	refunds := func(o apptest.Order, n int, ore int64) *answers {
		a := &answers{}
		together(n, func(i int) {
			c := w.c(i)
			a.add(c.Try("POST", apptest.AdminAPI+"/orders/"+o.Number+"/refunds", map[string]any{"amount": apptest.SEK(ore), "reason": "lopp"}, "Authorization", "Bearer "+c.AdminToken))
		})
		return a
	}
	_, whole := c.Paid(v, 1)
	_, parts := c.Paid(v, 1)
	w.sold += 2
	total := whole.Totals.ToPay.Amount
	w.won("a refund of the whole", refunds(whole, 10, total), 10, 1, "409 over_refund")
	w.won("refunds of two fifths each", refunds(parts, 10, total*2/5), 10, 2, "409 over_refund")
	for o, want := range map[string]int64{whole.Number: total, parts.Number: total * 2 / 5 * 2} {
		var got int64
		if apptest.Poll(w.enough(), func() bool { got = c.AdminOrder(o).Payment.Refunded.Amount; return got >= want }) != nil || got != want {
			w.Errorf("order %s: %d öre went back, want %d", o, got, want)
		}
	}
	w.end()
}

// enough is patience, and little of it with a program that is broken on purpose.
func (w *world) enough() time.Duration {
	if w.hurry {
		return 5 * time.Second
	}
	return patience
}

// onePurchase: everybody who can move a purchase does so at the same time.
func (w *world) onePurchase() {
	c := w.c(0)
	v := c.Scarce(1000)
	for range 3 {
		mail := apptest.NewMail()
		k := c.Complete(c.Cart(1, v).ID, apptest.Buyer(mail))
		w.sold++
		// A double click, three times over.
		var a answers
		var mu sync.Mutex
		tokens := map[string]bool{}
		together(6, func(i int) {
			got, err := w.c(i).TryPost(k, apptest.Wish{Key: "klick"})
			a.add(got, err)
			var p apptest.Purchase
			if got.JSON(&p) == nil {
				mu.Lock()
				tokens[p.Token] = true
				mu.Unlock()
			}
		})
		if len(tokens) != 1 || a.count("202") != 6 {
			w.Fatalf("a double click: %d purchases, answers %v", len(tokens), a.n)
		}
		var token string
		for token = range tokens {
		}
		p := c.Until(token, patience, func(p apptest.Purchase) bool { return p.Next != nil || p.Terminal() })
		if p.Next == nil {
			w.Fatalf("no way to the bank: %s", p.State)
		}
		b := c.Payment(token)
		w.lied(b.ID, token)
		to := c.Pay(p, apptest.Twice)
		u, err := url.Parse(to)
		if err != nil || to == "" {
			w.Fatalf("the bank sends the buyer nowhere: %q", to)
		}
		a = answers{}
		together(24, func(i int) {
			c := w.c(i)
			switch i % 6 {
			case 0: // the return page, on either process
				a.add(c.Try("GET", u.RequestURI(), nil))
			case 1, 2: // a page that polls
				got, err := c.Try("GET", apptest.API+"/purchases/"+token, nil)
				a.add(got, err)
			case 3: // the button again
				a.add(c.TryPost(k, apptest.Wish{Key: "klick"}))
			case 4: // the bank's notifications
				for _, r := range c.Notify(b.ID, map[string]any{"times": 2}).Results {
					a.add(apptest.Answer{Status: r.Status}, nil)
				}
			case 5: // a buyer who does not know what he wants
				a.add(c.Form("/purchases/"+token+"/cancel", nil), nil)
			}
		})
		if bad := a.count("5") + a.count("no answer") + a.count("0"); bad > 0 {
			w.Errorf("one purchase, moved by all at once: %d answers are none: %v", bad, a.n)
		}
		p = c.Final(token)
		if p.State != "paid" || p.Order == nil {
			w.Errorf("the bank took the money, the purchase is %s", p.State)
			continue
		}
		if n := c.Count(`SELECT count(*) FROM order_order WHERE purchase_id=(SELECT purchase_id FROM payment_intent WHERE reference=$1)`, token); n != 1 {
			w.Errorf("%d orders of one purchase", n)
		}
		var letters []string
		if apptest.Poll(patience, func() bool {
			letters = letters[:0]
			for i := range w.shops {
				for _, m := range w.c(i).Mails(mail) {
					letters = append(letters, m.Subject)
				}
			}
			return len(letters) > 0
		}) != nil || len(letters) != 1 || !strings.Contains(letters[0], p.Order.Number) {
			w.Errorf("letters of one purchase: %q", letters)
		}
	}
	w.end()
}

// lied has the bank notify that a payment has been made which has not: signed, and
// seemly to the last field. Nothing may come of it.
func (w *world) lied(payment, token string) {
	c := w.c(0)
	c.Notify(payment, map[string]any{"override": map[string]any{"state": "captured"}})
	if p := c.Purchase(token); p.Terminal() || p.MoneyMoved == "taken" {
		w.Fatalf("a notification's own word was believed: the purchase is %s, money %s", p.State, fmt.Sprint(p.MoneyMoved))
	}
}
