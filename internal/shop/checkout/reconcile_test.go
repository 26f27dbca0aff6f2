package checkout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/demo/bank"
	"kassavalv/internal/demo/bank/wire"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

// atBank speaks with the bank behind the shop's back, with its own key to the API.
func atBank(t *testing.T, w *shoptest.World, path, key string, in, out any) {
	t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("POST", w.Bank.URL()+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+wire.Bearer())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(wire.HeaderKey, key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		t.Fatalf("%s: %s", path, res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		t.Fatal(err)
	}
}

func cases(t *testing.T, w *shoptest.World, all bool) []payment.Case {
	t.Helper()
	cs, err := db.Read(context.Background(), w.DB, func(q *db.Reader) ([]payment.Case, error) { return payment.Cases(q, all, 0, 100) })
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

// kinds of cases, sorted, with the sums on either side.
func kinds(cs []payment.Case) string {
	var out []string
	for _, c := range cs {
		s := c.Kind + " " + c.State
		if c.Facts.Ours != nil {
			s += fmt.Sprint(" ours ", c.Facts.Ours.Amount.Amount)
		}
		if c.Facts.Theirs != nil {
			s += fmt.Sprint(" theirs ", c.Facts.Theirs.Amount.Amount)
		}
		out = append(out, s)
	}
	sort.Strings(out)
	return strings.Join(out, "; ")
}

func reconcile(t *testing.T, w *shoptest.World) {
	t.Helper()
	if err := w.Desk.Reconcile(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func bought(t *testing.T, w *shoptest.World) checkout.Purchase {
	t.Helper()
	v := w.Product(11900, 5)
	p := mustBuy(t, w, w.Cart(stock.Line{Variant: v, Quantity: 1}), "card")
	w.PayAtBank(p.NextURL, "4242424242424242")
	return w.Until(p.ID, true, terminal)
}

func intent(t *testing.T, w *shoptest.World, p checkout.Purchase) payment.Intent {
	t.Helper()
	i, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (payment.Intent, error) { return payment.OfPurchase(q, p.ID) })
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// The bank's books and the shop's are made to differ, each way there is.
func TestReconcile(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		a, b := bought(t, w), bought(t, w)
		reconcile(t, w)
		if cs := cases(t, w, true); len(cs) != 0 {
			t.Fatalf("books that agree: %s", kinds(cs))
		}
		// A payment behind the shop's back, of a purchase that the shop never made.
		var strange wire.Payment
		atBank(t, w, "/v1/payments", "strange", wire.CreatePayment{Reference: "nobody", Amount: 700, Currency: "SEK", ReturnURL: w.Hooks.URL, NotifyURL: "https://127.0.0.1:1/", InstantCard: "4242424242424242"}, &strange)
		if strange.State != wire.Captured {
			t.Fatal(strange.State)
		}
		// A refund that somebody made at the bank.
		var back wire.Refund
		atBank(t, w, "/v1/payments/"+intent(t, w, a).ProviderRef+"/refunds", "by-hand", wire.CreateRefund{Amount: 500}, &back)
		// A capture that the bank knows nothing of.
		w.Do(func(tx *db.Tx) error {
			i, err := payment.OfPurchase(tx, b.ID)
			if err != nil {
				return err
			}
			_, err = payment.Capture(tx, i, money.SEK(300), "denied")
			return err
		})
		reconcile(t, w)
		want := "missing_here open theirs 500; missing_there open ours 300; unknown_payment open theirs 700"
		if got := kinds(cases(t, w, false)); got != want {
			t.Errorf("%s", got)
		}
		for _, c := range cases(t, w, false) {
			facts, _ := json.Marshal(c.Facts)
			if strings.Contains(string(facts), intent(t, w, a).Reference) || c.Method != "card" || c.Kind == "missing_here" && c.Purchase != a.ID || c.Kind == "missing_there" && c.Purchase != b.ID {
				t.Errorf("%+v", c)
			}
		}
		// The next night finds the same, and not more of it.
		reconcile(t, w)
		if got := kinds(cases(t, w, true)); got != want {
			t.Errorf("the second night: %s", got)
		}
		// The refund is entered in the shop's books too: that case closes by itself. One is
		// closed by a person, and stays closed though it is found again.
		w.Do(func(tx *db.Tx) error {
			i, err := payment.OfPurchase(tx, a.ID)
			if err != nil {
				return err
			}
			id, err := payment.AskRefund(tx, i, money.SEK(500), "made at the bank")
			if err != nil {
				return err
			}
			x, err := payment.RefundByID(tx, id)
			if err != nil {
				return err
			}
			_, err = payment.FinishRefund(tx, x, payment.RefundStatus{Done: true})
			return err
		})
		for _, c := range cases(t, w, false) {
			if c.Kind != "unknown_payment" {
				continue
			}
			close := func(by auth.By, note string) error {
				return db.Do(context.Background(), w.DB, func(tx *db.Tx) error { return checkout.CloseCase(tx, by, c.ID, note) })
			}
			if err := close(auth.StaffBy(8, "", auth.Roles["support"]), "utredd"); !fault.Is(err, "denied") {
				t.Error(err)
			}
			if err := close(clerk, ""); !fault.Is(err, "invalid") {
				t.Error(err)
			}
			if err := close(clerk, "den andra butikens"); err != nil {
				t.Error(err)
			}
			if err := close(clerk, "en gång till"); !fault.Is(err, "wrong_state") {
				t.Error(err)
			}
		}
		for range 2 {
			reconcile(t, w)
			if got := kinds(cases(t, w, true)); got != "missing_here agreed theirs 500; missing_there open ours 300; unknown_payment closed theirs 700" {
				t.Errorf("after all: %s", got)
			}
		}
	})
}

// The books of a bank have many pages, and it may break off: what was not compared is
// compared the next time.
func TestReconcileResumes(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		for i := range 130 {
			var p wire.Payment
			atBank(t, w, "/v1/payments", fmt.Sprint("k", i), wire.CreatePayment{Reference: fmt.Sprint("nobody-", i), Amount: 100, Currency: "SEK", ReturnURL: w.Hooks.URL, NotifyURL: "https://127.0.0.1:1/", InstantCard: "4242424242424242"}, &p)
		}
		if err := w.Bank.SetFaults(bank.Faults{Down: true}); err != nil {
			t.Fatal(err)
		}
		if err := w.Desk.Reconcile(context.Background()); err == nil {
			t.Error("a bank that does not answer was compared")
		}
		read := func() payment.Window {
			x, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (payment.Window, error) { return payment.WindowOf(q, "card") })
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		if x := read(); x.Trouble == "" || time.Since(x.DoneUntil) < 24*time.Hour {
			t.Errorf("%+v", x)
		}
		if err := w.Bank.SetFaults(bank.Faults{}); err != nil {
			t.Fatal(err)
		}
		reconcile(t, w)
		if x := read(); x.Trouble != "" || x.Found != 130 || time.Since(x.DoneUntil) > time.Hour {
			t.Errorf("%+v", x)
		}
		n, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (int64, error) { return payment.CountCases(q) })
		if err != nil || n != 130 {
			t.Errorf("%d cases, %v", n, err)
		}
	})
}

// What staff recorded by hand, and no statement of its day shows, is a case; once a
// line of the account is tied to it, it is none.
func TestReconcileAccount(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		bankWorld(w)
		o := onInvoice(t, w)
		if err := settle(w, clerk, checkout.Settlement{Order: o.ID, Amount: money.SEK(5000), On: time.Now()}); err != nil {
			t.Fatal(err)
		}
		reconcile(t, w)
		if cs := cases(t, w, true); len(cs) != 0 {
			t.Errorf("without a statement: %s", kinds(cs))
		}
		span := `<FrToDt><FrDtTm>` + today() + `T00:00:00</FrDtTm><ToDtTm>` + today() + `T23:59:59</ToDtTm></FrToDt><Acct>`
		take(t, w, strings.Replace(camtFile("053", "S1", "9912346"), "<Acct>", span, 1), false)
		reconcile(t, w)
		if got := kinds(cases(t, w, false)); got != "not_on_account open ours 5000" {
			t.Error(got)
		}
		take(t, w, camtFile("054", "N1", "9912346", paid{ref: "A1", ocr: o.OCR, ore: 5000}), false)
		reconcile(t, w)
		if got := kinds(cases(t, w, true)); got != "not_on_account agreed ours 5000" {
			t.Error(got)
		}
	})
}

// A payout that the provider names is found on the account.
func TestPayouts(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		bankWorld(w)
		w.Do(func(tx *db.Tx) error {
			for _, p := range []payment.Payout{{Method: "card", Payout: "po_EXEMPEL1", Amount: money.SEK(90000), At: tx.Now()}, {Method: "card", Payout: "po_EXEMPEL2", Amount: money.SEK(100), At: tx.Now()}} {
				if err := payment.NotePayout(tx, p); err != nil {
					return err
				}
			}
			return nil
		})
		rep := take(t, w, camtFile("053", "S1", "9912346", paid{ref: "P1", text: "EXEMPELBETALNING po_EXEMPEL1", ore: 90000}, paid{ref: "P2", text: "po_EXEMPEL2", ore: 99}, paid{ref: "P3", text: "po_EXEMPEL1", ore: 90000}), false)
		if rep.Payouts != 1 || rep.Open != 2 || rep.Results[1].Reason != "payout_differs" || rep.Results[2].Reason != "maybe_same" {
			t.Errorf("%+v", rep)
		}
	})
}

func TestNightly(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		at := func(h int) bool {
			due, err := w.Desk.Nightly(context.Background(), time.Date(2026, 12, 1, h, 30, 0, 0, lang.Zone).AddDate(1, 0, 0))
			if err != nil {
				t.Fatal(err)
			}
			return due
		}
		if at(13) || at(1) || !at(3) {
			t.Error("not at night")
		}
		now := time.Now()
		w.Do(func(tx *db.Tx) error {
			for _, m := range []string{"card", "account"} {
				if err := payment.SaveWindow(tx, payment.Window{Method: m, DoneUntil: now, Looked: time.Date(2027, 12, 1, 3, 0, 0, 0, lang.Zone)}); err != nil {
					return err
				}
			}
			return nil
		})
		if at(3) {
			t.Error("twice in a night")
		}
	})
}

// Money that came after everybody had stopped asking is found at night: it goes back,
// and no person has to look.
func TestTheBooksHeal(t *testing.T) {
	ctx := context.Background()
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		w.Desk.Times.Hold = time.Millisecond
		p := mustBuy(t, w, w.Cart(stock.Line{Variant: w.Product(11900, 1), Quantity: 1}), "")
		w.PayAtBank(p.NextURL, "4000000000000341") // paid, and nobody tells
		// The shop had taken it for expired, and asks no more.
		w.Do(func(tx *db.Tx) error {
			if err := stock.Release(tx, p.ID); err != nil {
				return err
			}
			_, err := tx.Exec(`UPDATE checkout_purchase SET state='expired', is_open=0, money='no', check_at=NULL WHERE id=$1`, p.ID)
			return err
		})
		reconcile(t, w)
		i := intent(t, w, p)
		if i.Captured != p.Total || i.Refunding != p.Total {
			t.Fatalf("captured %s, on the way back %s", i.Captured, i.Refunding)
		}
		if cs := cases(t, w, false); len(cs) != 0 {
			t.Errorf("somebody is to look at what has healed: %s", kinds(cs))
		}
		got, err := db.Read(ctx, w.DB, func(q *db.Reader) (checkout.Purchase, error) { return checkout.ByID(q, p.ID) })
		if err != nil || got.State != checkout.Expired || got.Money != checkout.Taken {
			t.Fatal(got.State, got.Money, err)
		}
	})
}
