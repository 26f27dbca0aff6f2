package attack

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// redeem puts a gift card on a cart.
func redeem(c *apptest.Client, cart, code string) (k apptest.Cart) {
	c.T.Helper()
	c.Want(c.Do("PUT", apptest.API+"/carts/"+cart+"/discounts/"+code, nil), 200, &k)
	return
}

// giftBalance is what is left of a card, by its row.
func giftBalance(c *apptest.Client, code string) int64 {
	c.T.Helper()
	return int64(c.Count(`SELECT balance FROM giftcard_card WHERE last4=$1 AND id IN (SELECT card_id FROM giftcard_entry WHERE kind='issue') ORDER BY id DESC LIMIT 1`, code[len(code)-4:]))
}

// giftsAreNotPaidOut: what a gift card paid goes back to it, never as money, also when it
// was ended in the meantime (AC-029).
func giftsAreNotPaidOut(t *testing.T, c *apptest.Client, v apptest.Variant) {
	gift := c.GiftCards()[0]
	for _, ended := range []bool{false, true} {
		codes, _, _, _ := c.BuyGift(gift, 1)
		n := gift.Price.Amount/v.Price.Amount + 1 // the card does not reach
		k := c.ReadyCart(v, n)
		k = redeem(c, k.ID, codes[0])
		rest := k.Totals.Total.Amount - gift.Price.Amount
		if k.Totals.GiftCard.Amount != gift.Price.Amount || k.Totals.ToPay.Amount != rest || rest <= 0 {
			t.Fatalf("%+v", k.Totals)
		}
		p, o := c.PaidCart(k)
		if b := c.Payment(p.Token); b.Captured != rest || giftBalance(c, codes[0]) != 0 {
			t.Errorf("the bank took %d of %d", b.Captured, rest)
		}
		if ended {
			id := c.Query(`SELECT id FROM giftcard_card WHERE last4=$1 ORDER BY id DESC LIMIT 1`, codes[0][len(codes[0])-4:])
			owner := c.Shop.Staff(c, "owner")
			f := url.Values{"reason": {"prov"}, "totp": {c.Code(c.Member("owner"))}}
			if a := owner.Form("/admin/gift-cards/"+id[0][0]+"/cancel", f); a.Status != 303 {
				t.Fatalf("staff end the card: %d %s", a.Status, a.Words())
			}
		}
		if a := refundOver(c, o.Number, o.Totals.Total.Amount+1, ""); a.Status != 409 {
			t.Errorf("more than all: %v", a)
		}
		c.Want(refundOver(c, o.Number, o.Totals.Total.Amount, ""), 202, nil)
		returned(c, p.Token, o.Number, rest)
		if a := refundOver(c, o.Number, 1, ""); a.Status != 409 {
			t.Errorf("after all went back: %v", a)
		}
		o = c.Order(p.Order.Token)
		if len(o.Payment.Parts) != 2 || o.Payment.Parts[0].Refunded.Amount != rest || o.Payment.Parts[1].Method != "gift_card" || o.Payment.Parts[1].Refunded.Amount != gift.Price.Amount {
			t.Errorf("%+v", o.Payment.Parts)
		}
		settled(c, p.Token)
		left := giftBalance(c, codes[0])
		if !ended && left != gift.Price.Amount {
			t.Errorf("%d is back on the card", left)
		}
		if ended {
			// The old code stays dead; a new card with the sum reaches the buyer.
			if a := c.Do("PUT", apptest.API+"/carts/"+c.Cart(1, v).ID+"/discounts/"+codes[0], nil); a.Status != 422 {
				t.Errorf("the ended card: %v", a)
			}
			number := c.AdminOrder(o.Number)
			c.Wait("a new card is issued", 30*time.Second, func() bool {
				return c.Count(`SELECT count(*) FROM giftcard_card WHERE origin='refund' AND balance=$1 AND order_id=(SELECT id FROM order_order WHERE number=$2)`, gift.Price.Amount, mustID(t, number.Number)) == 1
			})
		}
	}
	// A gift card that was used is no money either: its price stays.
	codes, p, o, _ := c.BuyGift(gift, 1)
	k := redeem(c, c.ReadyCart(v, 1).ID, codes[0])
	used := k.Totals.GiftCard.Amount
	q := c.Buy(k, apptest.Wish{Method: map[bool]string{true: "gift_card", false: "card"}[k.Totals.ToPay.Amount == 0]})
	if k.Totals.ToPay.Amount > 0 {
		c.Pay(q, apptest.Good)
	}
	if q = c.Final(q.Token); q.State != "paid" {
		t.Fatalf("%+v", q)
	}
	if a := refundOver(c, o.Number, gift.Price.Amount, ""); a.Status != 409 || a.Code() != "gift_card_used" {
		t.Errorf("the price of a used card: %v", a)
	}
	if left := gift.Price.Amount - used; left > 0 {
		c.Want(refundOver(c, o.Number, left, ""), 202, nil)
		returned(c, p.Token, o.Number, left)
	}
	if a := refundOver(c, o.Number, 1, ""); a.Status != 409 {
		t.Errorf("more than was left on it: %v", a)
	}
	settled(c, p.Token)
}

// giftAndCode: a code and a gift card together take at most what is to pay, and an order
// without a rest asks no bank, once (AC-039).
func giftAndCode(t *testing.T, c *apptest.Client, v apptest.Variant, code string) {
	gift := c.GiftCards()[2]
	codes, _, _, _ := c.BuyGift(gift, 1)
	k := c.Cart(1, v)
	c.Want(c.Do("PUT", apptest.API+"/carts/"+k.ID+"/discounts/"+code, nil), 200, nil)
	k = redeem(c, c.Complete(k.ID, apptest.Buyer(apptest.NewMail())).ID, codes[0])
	if k.Totals.GiftCard != k.Totals.Total || k.Totals.ToPay.Amount != 0 || k.Totals.Total.Amount < 0 || k.Totals.Discount.Amount > k.Totals.Goods.Amount {
		t.Fatalf("%+v", k.Totals)
	}
	before := gift.Price.Amount
	if k.Totals.Total.Amount > 0 {
		if m := methodsOf(c, k.ID); len(m) != 1 || m[0] != "gift_card" {
			t.Errorf("ways to pay nothing: %v", m)
		}
	}
	answers := make([]apptest.Answer, 10)
	together(10, func(i int) { answers[i] = c.Post(k, apptest.Wish{Method: "gift_card"}) })
	tokens := map[string]bool{}
	for _, a := range answers {
		if a.Status == 409 {
			continue
		}
		var q apptest.Purchase
		c.Want(a, 202, &q)
		tokens[q.Token] = true
	}
	if len(tokens) != 1 {
		t.Fatalf("%d purchases of one cart", len(tokens))
	}
	for token := range tokens {
		q := c.Final(token)
		if q.State != "paid" || q.MoneyMoved != "no" || len(c.Payments(token)) != 0 {
			t.Errorf("%+v", q)
		}
		if left := giftBalance(c, codes[0]); left != before-k.Totals.Total.Amount {
			t.Errorf("%d left of %d after %d", left, before, k.Totals.Total.Amount)
		}
	}
	// Nobody brings a sum of his own.
	for _, body := range []string{`{"amount":1}`, `{"gift_card":{"amount":-5,"currency":"SEK"}}`} {
		if a := c.Do("PUT", apptest.API+"/carts/"+c.Cart(1, v).ID+"/discounts/"+codes[0], apptest.Raw(body)); a.Status != 400 {
			t.Errorf("%s: %v", body, a)
		}
	}
}

// guess is a random code in the form of a card's; one of 32 has the right check character.
func guess(r *rand.Rand) string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b strings.Builder
	for i := range 20 {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}

// trySlot is how long a budget of wrong codes lasts; see internal/shop/giftcard/try.go.
const trySlot = 10 * time.Minute

// Codes are not found by trying: who has tried too many, alone or with others, is told
// nothing any more, right or wrong.
var _ = alone("AC-048", func(t *testing.T, engine string) {
	c := lone(t, apptest.Options{Engine: engine})
	v := c.Scarce(100)
	codes, _, _, _ := c.BuyGift(c.GiftCards()[0], 10)
	for i, a := range codes {
		for _, b := range codes[:i] {
			if a[:6] == b[:6] { // chance: one in 2^25 for each pair
				t.Errorf("%s and %s begin alike", a[:6], b[:6])
			}
		}
	}
	put := func(c *apptest.Client, cart, code string) apptest.Answer {
		return c.Do("PUT", apptest.API+"/carts/"+cart+"/discounts/"+code, nil)
	}
	ask := func(c *apptest.Client, code string) apptest.Answer {
		return c.Form("/gift-card", url.Values{"code": {code}})
	}
	// The twins: an honest owner sees his balance and shops with it, in any spelling.
	if a := ask(c, strings.ToLower(strings.ReplaceAll(codes[0], "-", " "))); a.Status != 200 || strings.Contains(string(a.Body), codes[0]) || !strings.Contains(a.Words(), "200") {
		t.Fatalf("an honest owner: %d %s", a.Status, a.Words())
	}
	c.Want(put(c, c.Cart(1, v).ID, codes[0]), 200, nil)

	// One client: 5,000 codes, a right one among them.
	one := c.Other()
	cart := one.Cart(1, v).ID
	began := time.Now()
	var looked, refused atomic.Int64
	var right apptest.Answer
	var wrong apptest.Answer
	const workers = 16
	together(workers, func(w int) {
		r := rand.New(rand.NewPCG(uint64(w), 48))
		for i := range 5000 / workers {
			code := guess(r)
			mixed := w == 3 && i == 250
			if mixed {
				code = codes[1]
			}
			a := put(one, cart, code)
			switch {
			case a.Status == 422 && !mixed:
				looked.Add(1)
			case a.Status == 429 && a.Header.Get("Retry-After") != "":
				refused.Add(1)
				if mixed {
					right = a
				} else if w == 3 && i == 249 {
					wrong = a
				}
			default:
				t.Errorf("a guess: %v", a)
			}
		}
	})
	// What a slot's end gave anew.
	slots := int64(time.Now().Truncate(trySlot).Sub(began.Truncate(trySlot))/trySlot) + 1
	if n := looked.Load(); n > 100*slots || n < 100 || refused.Load() == 0 {
		t.Errorf("%d of 5000 guesses were looked at in %d slots, %d refused", n, slots, refused.Load())
	}
	if slots == 1 {
		if right.Status != 429 || wrong.Status != 429 || len(right.Body) != len(wrong.Body) || right.Code() != wrong.Code() {
			t.Errorf("once throttled, right and wrong differ: %v, %v", right, wrong)
		}
		if a := ask(one, codes[1]); a.Status != 429 {
			t.Errorf("the page of balances: %d", a.Status)
		}
		// Another client is not hindered by one.
		c.Want(put(c, c.Cart(1, v).ID, codes[2]), 200, nil)
	}

	// Fifty addresses and fifty sessions together reach the budget of all.
	began = time.Now()
	looked.Store(0)
	crowd := make([]*apptest.Client, 50)
	carts := make([]string, len(crowd))
	for i := range crowd {
		crowd[i] = c.Other()
		carts[i] = crowd[i].Cart(1, v).ID
	}
	together(workers, func(w int) {
		r := rand.New(rand.NewPCG(uint64(w), 49))
		for i := w; i < 30*len(crowd); i += workers {
			if a := put(crowd[i%len(crowd)], carts[i%len(crowd)], guess(r)); a.Status == 422 {
				looked.Add(1)
			} else if a.Status != 429 {
				t.Errorf("a guess of a crowd: %v", a)
			}
		}
	})
	slots = int64(time.Now().Truncate(trySlot).Sub(began.Truncate(trySlot))/trySlot) + 1
	if n := looked.Load(); n > 500*slots {
		t.Errorf("%d of 1500 guesses were looked at in %d slots", n, slots)
	}
	fresh := c.Other()
	if slots == 1 {
		a, b := put(fresh, fresh.Cart(1, v).ID, codes[3]), put(fresh, fresh.Cart(1, v).ID, guess(rand.New(rand.NewPCG(1, 2))))
		if same := time.Now().Truncate(trySlot).Equal(began.Truncate(trySlot)); same && (a.Status != 429 || b.Status != 429 || len(a.Body) != len(b.Body)) {
			t.Errorf("the budget of all: %v, %v", a, b)
		}
	}
	// Ordinary codes and ordinary shopping go on.
	c.Want(put(fresh, fresh.Cart(1, v).ID, "VÄLKOMMEN10"), 200, nil)
	fresh.Paid(v, 1)
	if bad := c.Books(); len(bad) > 0 {
		t.Error(bad)
	}
})

// A code stands in its buyer's mail and behind the order's link, and nowhere else: not at
// rest, not in a log, not before staff.
var _ = alone("AC-051", func(t *testing.T, engine string) {
	c := lone(t, apptest.Options{Engine: engine})
	v := c.Scarce(100)
	codes, p, o, m := c.BuyGift(c.GiftCards()[1], 2)
	if len(c.Mails(m.To[0])) != 1 || !strings.Contains(m.Text, o.Number) {
		t.Errorf("%d mails", len(c.Mails(m.To[0])))
	}
	// The codes are used in all the ways there are, right and wrong.
	k := redeem(c, c.ReadyCart(v, 1).ID, codes[0])
	if body := string(c.Do("GET", apptest.API+"/carts/"+k.ID, nil).Body); strings.Contains(body, codes[0]) {
		t.Error("the cart tells the code")
	}
	q := c.Buy(k, apptest.Wish{Method: "gift_card"})
	if q = c.Final(q.Token); q.State != "paid" {
		t.Fatalf("%+v", q)
	}
	page := c.Other()
	pageCart(page, v, 1)
	page.Form("/cart/discounts", url.Values{"code": {codes[1]}})
	if a := page.Do("GET", "/cart", nil); strings.Contains(string(a.Body), codes[1]) || !strings.Contains(a.Words(), codes[1][len(codes[1])-4:]) {
		t.Error("the cart's page tells the code, or not which card it is")
	}
	page.Form("/gift-card", url.Values{"code": {codes[1]}})
	page.Form("/checkout/update", url.Values{"step": {"code"}, "code": {codes[1]}})
	c.Do("PUT", apptest.API+"/carts/"+c.NewCart().ID+"x/discounts/"+codes[1], nil)
	c.Do("GET", "/gift-card?code="+codes[1], nil)
	// Who holds the order's link sees them.
	if a := c.Do("GET", "/orders/"+p.Order.Token, nil); !strings.Contains(a.Words(), codes[0]) || len(c.Order(p.Order.Token).GiftCards) != 2 {
		t.Error("the order's page lacks the codes")
	}
	// The one who paid with a card sees its last four characters.
	if a := c.Do("GET", "/orders/"+q.Order.Token, nil); strings.Contains(string(a.Body), codes[0]) {
		t.Error("the order that was paid tells the code")
	}
	// Staff.
	owner := c.Shop.Staff(c, "owner")
	id := c.Query(`SELECT id FROM giftcard_card WHERE last4=$1`, codes[0][len(codes[0])-4:])[0][0]
	for _, path := range []string{"/admin", "/admin/gift-cards", "/admin/gift-cards?last4=" + codes[0], "/admin/gift-cards/" + id, "/admin/orders/" + o.Number, "/admin/orders/" + q.Order.Number, "/admin/audit", "/admin/mail", "/admin/jobs", "/admin/purchases"} {
		a := owner.Do("GET", path, nil)
		if a.Status == 303 {
			a = owner.Follow(a)
		}
		if a.Status != 200 {
			t.Errorf("%s: %d", path, a.Status)
		}
		for _, code := range codes {
			if strings.Contains(string(a.Body), code) {
				t.Errorf("%s tells a code", path)
			}
		}
	}
	if a := owner.Follow(owner.Do("GET", "/admin/gift-cards?last4="+codes[0], nil)); !strings.Contains(a.Words(), codes[0][len(codes[0])-4:]) {
		t.Error("staff do not find the card")
	}
	for _, path := range []string{"/orders", "/orders/" + o.Number, "/orders/" + q.Order.Number, "/purchases"} {
		if a := c.Admin("GET", path, nil); a.Status != 200 || strings.Contains(string(a.Body), codes[0]) || strings.Contains(string(a.Body), codes[1]) {
			t.Errorf("Admin API %s: %d", path, a.Status)
		}
	}
	// All other mail: none has a code.
	for _, x := range c.Mails("") {
		if x.ID != m.ID && (strings.Contains(x.Text+x.HTML, codes[0]) || strings.Contains(x.Text+x.HTML, codes[1])) {
			t.Errorf("the mail %q has a code", x.Subject)
		}
	}
	// At rest: the tables as text and as bytes, then every file but the mailbox's, the
	// write-ahead log among them, and the program's log.
	var spellings [][]byte
	for _, code := range codes {
		for _, s := range []string{code, strings.ReplaceAll(code, "-", ""), strings.ToLower(code), strings.ReplaceAll(strings.ToLower(code), "-", "")} {
			spellings = append(spellings, []byte(s), []byte(hex.EncodeToString([]byte(s))))
		}
	}
	seek := func(where string, b []byte) {
		for _, s := range spellings {
			if bytes.Contains(b, s) {
				t.Errorf("%s holds a code", where)
			}
		}
	}
	for _, table := range c.Tables() {
		for _, r := range c.Query("SELECT * FROM " + table) {
			row := strings.Join(r, "\x00")
			seek("table "+table, []byte(row))
			seek("table "+table+" as hex", []byte(fmt.Sprintf("%x", row)))
		}
	}
	files, found := 0, false
	err := filepath.WalkDir(c.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		b := []byte(nil)
		if !d.IsDir() && d.Type().IsRegular() {
			if b, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		if strings.Contains(path, string(filepath.Separator)+"mailbox"+string(filepath.Separator)) {
			found = found || bytes.Contains(b, []byte(codes[0]))
			return nil
		}
		files++
		seek(path, b)
		return nil
	})
	if err != nil || files < 5 || !found {
		t.Errorf("%d files, the mailbox has the code: %v, %v", files, found, err)
	}
	seek("the log", []byte(c.Log()))
	seek("the records", []byte(c.Records()))
})
