package checkout_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/demo/bank/wire"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

func terminal(p checkout.Purchase) bool { return p.State.Terminal() }

func mustBuy(t testing.TB, w *shoptest.World, token, key string) checkout.Purchase {
	t.Helper()
	p, err := w.Buy(token, key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func orderOf(t testing.TB, w *shoptest.World, id db.ID) order.Order {
	t.Helper()
	o, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (order.Order, error) { return order.OfPurchase(q, id) })
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestPaidByNotification(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(11900, 5)
		p := mustBuy(t, w, w.Cart(stock.Line{Variant: v, Quantity: 2}), "k1")
		if p.State != checkout.Awaiting || p.NextURL == "" || p.Money != checkout.NotMoved {
			t.Fatalf("%+v", p)
		}
		w.PayAtBank(p.NextURL, "4242424242424242")
		p = w.Until(p.ID, false, terminal)
		o := orderOf(t, w, p.ID)
		if p.State != checkout.Paid || p.Money != checkout.Taken || o.Total.Amount != 2*11900+3900 || !o.IsPaid() || o.Number == 0 {
			t.Fatalf("%+v %+v", p, o)
		}
		w.CheckBooks()
	})
}

func TestEveryCard(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(11900, 50)
		for card, want := range map[string]struct {
			state  checkout.State
			reason string
			rescue bool
		}{
			"4000000000000002": {checkout.Refused, "declined", false},
			"4000000000009995": {checkout.Refused, "insufficient_funds", false},
			"4000000000000119": {checkout.Refused, "bank_error", false},
			"4000000000005126": {checkout.Paid, "", false},
			"4000000000000341": {checkout.Paid, "", true}, // the notification never arrives
			"4000000000009987": {checkout.Paid, "", true}, // the bank hangs after the charge
		} {
			p := mustBuy(t, w, w.Cart(stock.Line{Variant: v, Quantity: 1}), "")
			w.PayAtBank(p.NextURL, card)
			p = w.Until(p.ID, want.rescue, terminal)
			if p.State != want.state || p.Reason != want.reason {
				t.Errorf("%s: %s %s", card, p.State, p.Reason)
			}
		}
		w.CheckBooks()
	})
}

func TestLastPieceFiftyBuyers(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(11900, 1)
		tokens := make([]string, 50)
		for i := range tokens {
			tokens[i] = w.Cart(stock.Line{Variant: v, Quantity: 1})
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := []checkout.Purchase{}
		for _, tok := range tokens {
			wg.Go(func() {
				p, err := w.Buy(tok, "")
				if err == nil {
					mu.Lock()
					won = append(won, p)
					mu.Unlock()
				} else if !fault.Is(err, "out_of_stock") {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d buyers hold the last piece", len(won))
		}
		w.PayAtBank(won[0].NextURL, "4242424242424242")
		w.Until(won[0].ID, false, terminal)
		w.CheckBooks()
	})
}

func TestDoubleClickIsOnePurchase(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		for _, key := range []string{"", "same", "other"} {
			tok := w.Cart(stock.Line{Variant: w.Product(11900, 50), Quantity: 1})
			var wg sync.WaitGroup
			var mu sync.Mutex
			ids := map[db.ID]bool{}
			for i := range 12 {
				k := key
				if k == "other" {
					k = fmt.Sprint("k", i)
				}
				wg.Go(func() {
					p, err := w.Buy(tok, k)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					ids[p.ID] = true
					mu.Unlock()
				})
			}
			wg.Wait()
			if len(ids) != 1 {
				t.Fatalf("key %q: %d purchases", key, len(ids))
			}
			for id := range ids {
				p := w.Until(id, false, func(p checkout.Purchase) bool { return p.State == checkout.Awaiting })
				w.PayAtBank(p.NextURL, "4242424242424242")
				w.Until(id, false, terminal)
			}
			p, err := w.Buy(tok, "later")
			if err != nil || !ids[p.ID] || p.State != checkout.Paid {
				t.Fatalf("an ordered cart answered %+v %v", p, err)
			}
		}
		if n := len(w.Books()); n != 3 {
			t.Fatalf("the bank has %d payments for 3 purchases", n)
		}
		w.CheckBooks()
	})
}

func TestIdempotencyMismatchAndScope(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(11900, 50)
		a, b := w.Cart(stock.Line{Variant: v, Quantity: 1}), w.Cart(stock.Line{Variant: v, Quantity: 1})
		pa := mustBuy(t, w, a, "k")
		pb := mustBuy(t, w, b, "k")
		if pa.ID == pb.ID {
			t.Fatal("one cart's key answered another's")
		}
		_, err := w.Desk.Begin(context.Background(), checkout.Request{Cart: a, Method: "invoice", Accept: true, Key: "k", Lang: lang.SV})
		if !fault.Is(err, "idempotency_mismatch") {
			t.Fatal(err)
		}
		for _, k := range []string{string(make([]byte, 10)), "å", fmt.Sprintf("%0129d", 1)} {
			if _, err := w.Buy(a, k); fault.As(err) == nil {
				t.Errorf("key %q taken", k)
			}
		}
	})
}

func TestChangedCartAndOtherMethodReplaceTheAttempt(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(11900, 50)
		tok := w.Cart(stock.Line{Variant: v, Quantity: 1})
		p1 := mustBuy(t, w, tok, "")
		w.Do(func(tx *db.Tx) error {
			c, err := cart.Open(tx, w.Vault, tok)
			if err != nil {
				return err
			}
			_, err = cart.Add(tx, &c, v, 1)
			return err
		})
		p2 := mustBuy(t, w, tok, "")
		if p1.ID == p2.ID || p2.Total.Amount != 2*11900+3900 {
			t.Fatalf("%v %v", p1.ID, p2)
		}
		if old := w.Until(p1.ID, false, terminal); old.State != checkout.Refused {
			t.Fatal(old.State)
		}
		p3, err := w.Desk.Begin(context.Background(), checkout.Request{Cart: tok, Method: "invoice", Accept: true, Lang: lang.SV})
		if err != nil || p3.State != checkout.Placed {
			t.Fatal(p3.State, err)
		}
		if o := orderOf(t, w, p3.ID); o.OCR == "" || o.DueAt.IsZero() || o.Paid.Amount != 0 {
			t.Fatalf("%+v", o)
		}
		payable := 0
		for _, b := range w.Books() {
			if !b.State.Final() {
				payable++
			}
		}
		if payable != 0 {
			t.Fatalf("%d attempts can still be paid", payable)
		}
		w.CheckBooks()
	})
}

// Another method while the first was paid a moment ago: the paid one answers.
func TestOtherMethodAfterPaying(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		tok := w.Cart(stock.Line{Variant: w.Product(11900, 5), Quantity: 1})
		p := mustBuy(t, w, tok, "")
		w.PayAtBank(p.NextURL, "4000000000000341") // paid, and nobody told us
		got, err := w.Desk.Begin(context.Background(), checkout.Request{Cart: tok, Method: "invoice", Accept: true, Lang: lang.SV})
		if err != nil || got.ID != p.ID || got.State != checkout.Paid {
			t.Fatalf("%+v %v", got, err)
		}
		w.CheckBooks()
	})
}

func TestRefusals(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(11900, 5)
		tok := w.Cart(stock.Line{Variant: v, Quantity: 1})
		ctx := context.Background()
		for name, c := range map[string]struct {
			r    checkout.Request
			code string
		}{
			"terms":    {checkout.Request{Cart: tok, Method: "card", Lang: lang.SV}, "invalid"},
			"method":   {checkout.Request{Cart: tok, Method: "free", Accept: true, Lang: lang.SV}, "invalid"},
			"no cart":  {checkout.Request{Cart: "", Method: "card", Accept: true, Lang: lang.SV}, "not_found"},
			"total":    {checkout.Request{Cart: tok, Method: "card", Accept: true, Expected: money.SEK(1), Lang: lang.SV}, "total_changed"},
			"currency": {checkout.Request{Cart: tok, Method: "card", Accept: true, Expected: money.New(15800, "EUR"), Lang: lang.SV}, "total_changed"},
			"return":   {checkout.Request{Cart: tok, Method: "card", Accept: true, ReturnURL: "https://evil.example/", Lang: lang.SV}, "invalid"},
			"return2":  {checkout.Request{Cart: tok, Method: "card", Accept: true, ReturnURL: "//evil.example/", Lang: lang.SV}, "invalid"},
		} {
			if _, err := w.Desk.Begin(ctx, c.r); !fault.Is(err, c.code) {
				t.Errorf("%s: %v", name, err)
			}
		}
		var empty string
		w.Do(func(tx *db.Tx) error {
			c, err := cart.New(tx, w.Vault, "SEK")
			empty = c.Token(w.Vault)
			return err
		})
		_, err := w.Buy(empty, "")
		if f := fault.As(err); f == nil || len(f.Fields) != 3 {
			t.Errorf("an empty cart lacks three steps: %v", err)
		}
		if n := len(w.Books()); n != 0 {
			t.Errorf("the bank was asked %d times", n)
		}
	})
}

func TestCardTestingIsHeldBack(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		tok := w.Cart(stock.Line{Variant: w.Product(11900, 5), Quantity: 1})
		for range 5 {
			p := mustBuy(t, w, tok, "")
			w.PayAtBank(p.NextURL, "4000000000000002")
			w.Until(p.ID, false, terminal)
		}
		if _, err := w.Buy(tok, ""); !fault.Is(err, "too_many") {
			t.Fatal(err)
		}
		// Another buyer behind the same address still buys.
		mustBuy(t, w, w.Cart(stock.Line{Variant: w.Product(100, 5), Quantity: 1}), "")
	})
}

func TestFalseNotifications(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		p := mustBuy(t, w, w.Cart(stock.Line{Variant: w.Product(11900, 5), Quantity: 1}), "")
		b := w.Books()[0]
		// Signed, and false: the bank itself says that nothing is paid.
		w.Control("payments/"+b.ID+"/notify", `{"times":3,"override":{"amount":1}}`)
		got, err := w.Desk.Look(context.Background(), p.ID, "test")
		if err != nil || got.State != checkout.Awaiting {
			t.Fatal(got.State, err)
		}
		body := []byte(`{"id":"e1","livemode":false,"account":"sandbox","data":{"reference":"x"}}`)
		now := time.Now()
		for name, h := range map[string]string{
			"none": "", "wrong": "t=1,v1=00", "old": wire.SignatureHeader(wire.Secret, now.Add(-301*time.Second), body), "future": wire.SignatureHeader(wire.Secret, now.Add(301*time.Second), body),
			"empty secret": wire.SignatureHeader("", now, body), "negative": "t=-1,v1=aa", "big": "t=9223372036854775807,v1=aa", "text": "t=abc,v1=aa",
		} {
			if err := w.Desk.Hook(context.Background(), "card", payment.Notice{Header: map[string][]string{wire.HeaderSignature: {h}}, Body: body}); fault.As(err) == nil {
				t.Errorf("%s: taken (%v)", name, err)
			}
		}
		if err := w.Desk.Hook(context.Background(), "card", payment.Notice{Header: map[string][]string{wire.HeaderSignature: {wire.SignatureHeader(wire.Secret, now.Add(-60*time.Second), body)}}, Body: body}); err != nil {
			t.Error("a good one refused:", err)
		}
	})
}

// The process dies at each named step; another one takes over.
func TestCrashAtEachStep(t *testing.T) {
	steps := []string{"stored", "before begin", "after begin", "before record", "after record"}
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(11900, 50)
		for _, name := range steps {
			tok := w.Cart(stock.Line{Variant: v, Quantity: 1})
			dead := w.NewDesk()
			dead.Times.Answer = 50 * time.Millisecond
			stuck := make(chan struct{})
			dead.Step = func(s string) {
				if s == name {
					<-stuck // as good as dead: it never goes on
				}
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				dead.Begin(context.Background(), checkout.Request{Cart: tok, Method: "card", Accept: true, Key: "k", Lang: lang.SV})
			}()
			var p checkout.Purchase
			for end := time.Now().Add(5 * time.Second); p.ID == 0; {
				ps, err := db.Read(context.Background(), w.DB, func(q *db.Reader) ([]checkout.Purchase, error) {
					return checkout.List(q, shoptest.By, checkout.Filter{}, 0, 1)
				})
				if err != nil || time.Now().After(end) {
					t.Fatal(name, err)
				}
				if len(ps) == 1 {
					if c, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (cart.Cart, error) { return cart.ByToken(q, w.Vault, tok) }); err == nil && ps[0].Cart == c.ID {
						p = ps[0]
					}
				}
			}
			p = w.Until(p.ID, true, func(p checkout.Purchase) bool { return p.State == checkout.Awaiting })
			again := mustBuy(t, w, tok, "k")
			if again.ID != p.ID {
				t.Fatalf("%s: same key, another purchase", name)
			}
			w.PayAtBank(p.NextURL, "4000000000000341")
			p = w.Until(p.ID, true, terminal)
			if p.State != checkout.Paid {
				t.Fatalf("%s: %s", name, p.State)
			}
			close(stuck)
			<-done
			dead.Wait()
		}
		if n := len(w.Books()); n != len(steps) {
			t.Fatalf("%d payments for %d purchases", n, len(steps))
		}
		w.CheckBooks()
	})
}

func TestTimeUpExpiresOnlyByTheBank(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		w.Desk.Times.Hold = time.Millisecond
		v := w.Product(11900, 1)
		p := mustBuy(t, w, w.Cart(stock.Line{Variant: v, Quantity: 1}), "")
		p = w.Until(p.ID, true, terminal)
		if p.State != checkout.Expired || p.Money != checkout.NotMoved {
			t.Fatal(p.State)
		}
		w.Desk.Times.Hold = time.Hour
		mustBuy(t, w, w.Cart(stock.Line{Variant: v, Quantity: 1}), "") // the piece is free again
		w.CheckBooks()
	})
}

func TestEveryStateIsReachable(t *testing.T) {
	seen := map[checkout.State]bool{checkout.Received: true}
	for grew := true; grew; {
		grew = false
		for s := range seen {
			for _, n := range checkout.Transitions[s] {
				if !seen[n] {
					seen[n], grew = true, true
				}
			}
		}
	}
	for s, out := range checkout.Transitions {
		if !seen[s] {
			t.Errorf("%s cannot be reached", s)
		}
		for _, n := range out {
			if _, ok := checkout.Transitions[n]; !ok {
				t.Errorf("%s leads to %s, which is no state", s, n)
			}
		}
	}
}

func TestDiagramInDocs(t *testing.T) {
	b, err := os.ReadFile("../../../docs/purchase.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), checkout.Diagram()) {
		t.Errorf("docs/purchase.md does not hold the diagram of the code:\n%s", checkout.Diagram())
	}
}
