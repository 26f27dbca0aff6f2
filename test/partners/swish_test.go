package partners

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
	"kassavalv/internal/shop/payment/paytest/swishsim"
)

// Swish on the phone whose number the buyer gives, from the button to the refund: Swish
// has the number, the shop keeps it nowhere that can be read.
func TestSwishByPhoneNumber(t *testing.T) {
	for _, e := range apptest.Engines {
		t.Run(e, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "shop")
			sw := apptest.StartSwish(t, filepath.Join(dir, "ca", "ca.pem"))
			s := apptest.Start(t, apptest.Options{Engine: e, Dir: dir, Env: sw.Env()})
			w := s.As(t)
			const typed, number = "070-987 65 43", "46709876543"
			k := w.ReadyCart(w.Variant(), 1)

			refused := func(wish apptest.Wish, pointer, code string) {
				t.Helper()
				a := w.Post(k, wish)
				if a.Status != 422 || !strings.Contains(string(a.Body), `"pointer":"`+pointer+`"`) || !strings.Contains(string(a.Body), `"code":"`+code+`"`) {
					t.Errorf("%+v: %v", wish, a)
				}
			}
			refused(apptest.Wish{Method: "swish", Phone: "070"}, "/payer_phone", "bad_phone")
			refused(apptest.Wish{Method: "card", Phone: typed}, "/payer_phone", "not_offered")
			if b := sw.Books(t); len(b) != 0 {
				t.Fatalf("Swish has %+v", b)
			}

			wish := apptest.Wish{Method: "swish", Phone: typed, Key: "the-first-press"}
			p := w.Buy(k, wish)
			if p.State != "awaiting_customer" || p.Next == nil || p.Next.Type != "phone" || p.Next.URL != "" || !strings.Contains(p.Message, "slutar på 43") {
				t.Fatalf("%+v", p)
			}
			b := sw.Books(t)
			if len(b) != 1 || b[0].Payer != number || b[0].Token != "" {
				t.Fatalf("Swish has %+v", b)
			}
			// The key answers for the same number however it is written, and for no other.
			wish.Phone = "+46 70 987 65 43"
			var again apptest.Purchase
			if w.Want(w.Post(k, wish), 202, &again); again.Token != p.Token {
				t.Errorf("the same wish is another purchase")
			}
			for _, other := range []string{"0709876544", ""} {
				wish.Phone = other
				if a := w.Post(k, wish); a.Status != 422 || !strings.Contains(string(a.Body), "idempotency_mismatch") {
					t.Errorf("the same key for the number %q: %v", other, a)
				}
			}

			sw.Control(t, map[string]any{"act": map[string]string{"ref": b[0].ID, "do": swishsim.Approve}})
			if p = w.Final(p.Token); p.State != "paid" || p.Order == nil || p.Next != nil {
				t.Fatalf("%+v", p)
			}
			total := w.AdminPurchase(p.Token).Total
			w.Want(w.Admin("POST", "/orders/"+p.Order.Number+"/refunds", map[string]any{"amount": total, "reason": "prov"}), 202, nil)
			w.Until(p.Token, patience, func(p apptest.Purchase) bool { return p.MoneyMoved == "returned" })
			if b = sw.Books(t); len(b) != 1 || b[0].Refunded != b[0].Paid || b[0].Paid == 0 {
				t.Errorf("Swish has %+v", b)
			}

			// What the shop keeps of the number: nothing that can be read.
			cells := 0
			for _, table := range w.Tables() {
				for _, row := range w.Query("SELECT * FROM " + table) {
					for _, text := range row {
						cells++
						if slices.ContainsFunc([]string{"9876543", "987 65 43"}, func(x string) bool { return strings.Contains(text, x) }) {
							t.Errorf("%s holds %q", table, text)
						}
					}
				}
			}
			if cells < 1000 {
				t.Errorf("only %d cells were read", cells)
			}
			if log := s.Log(); strings.Contains(log, "9876543") || log == "" {
				t.Errorf("the log has the number, or is empty")
			}
		})
	}
}
