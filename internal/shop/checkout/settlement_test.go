package checkout_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/klarna"
	"kassavalv/internal/shop/stock"
)

// taken is a purchase whose money Klarna has taken.
func (w *lender) taken(ore int64) checkout.Purchase {
	w.T.Helper()
	p := w.approved(stock.Line{Variant: w.Product(ore, 5), Quantity: 1})
	w.settle(p)
	if i := w.intent(p); i.Captured != i.Amount {
		w.T.Fatalf("taken %s of %s", i.Captured, i.Amount)
	}
	return p
}

// byHand pays back in Klarna's portal, behind the shop's back.
func (w *lender) byHand(p checkout.Purchase, key string, ore int64) {
	w.T.Helper()
	i := w.intent(p)
	if st, err := w.k.Provider().Refund(context.Background(), payment.Refund{Key: key, Ref: i.ProviderRef, Reference: i.Reference, Amount: money.SEK(ore)}); err != nil || !st.Done {
		w.T.Fatalf("%+v, %v", st, err)
	}
}

// paysOutWithin gives the shop an agreement by which captures are paid out in so many days.
func (w *lender) paysOutWithin(days int) {
	pr := klarna.New(klarna.Config{Username: w.k.Username(), Password: secret.Hide(w.k.Password()), Base: w.k.URL, AtOnce: true, PayoutDays: days})
	w.Desk.Providers = append(slices.DeleteFunc(slices.Clone(w.Desk.Providers), func(p payment.Provider) bool { return p.Method() == "klarna" }), pr)
}

// invent enters money in the shop's ledger that Klarna knows nothing of, moved so long ago.
func (w *lender) invent(p checkout.Purchase, ore int64, ago time.Duration) {
	w.T.Helper()
	w.Do(func(tx *db.Tx) error {
		i, err := payment.OfPurchase(tx, p.ID)
		if err != nil {
			return err
		}
		if _, err = payment.Capture(tx, i, money.SEK(ore), "denied"); err != nil {
			return err
		}
		return tx.ExecOne(`UPDATE payment_entry SET at=$2 WHERE intent_id=$1 AND amount=$3`, i.ID, tx.Now().Add(-ago), ore)
	})
}

// Klarna's books tell of money when it is paid out, and not before: until then nothing is
// missing there. What they then have and we do not, and the reverse, is a case each.
func TestKlarnasBooks(t *testing.T) {
	eachLender(t, true, func(t *testing.T, w *lender) {
		w.paysOutWithin(21)
		a, b := w.taken(11900), w.taken(22900)
		none := func(when string) {
			t.Helper()
			reconcile(t, w.World)
			if cs := cases(t, w.World, true); len(cs) != 0 {
				t.Fatalf("%s: %s", when, kinds(cs))
			}
		}
		none("not paid out yet")
		w.invent(a, 300, 20*24*time.Hour) // Klarna has a day more
		none("a payout that may still come")
		if w.k.Settle() == "" {
			t.Fatal("nothing was paid out")
		}
		none("paid out")
		w.byHand(b, "portal", 500)
		if w.k.Settle() == "" {
			t.Fatal("nothing was paid out")
		}
		w.invent(b, 700, 22*24*time.Hour)
		for range 2 {
			reconcile(t, w.World)
			if got := kinds(cases(t, w.World, true)); got != "missing_here open theirs 500; missing_there open ours 700" {
				t.Errorf("planted one each way: %s", got)
			}
		}
		for _, c := range cases(t, w.World, true) {
			if c.Method != "klarna" || c.Purchase != b.ID {
				t.Errorf("%+v", c)
			}
		}
	})
}

// The settlement file says the same as the list: what differs is a case, what it does not
// name is none, a second time changes nothing, and the nightly comparison closes what has
// been put right.
func TestSettlementFile(t *testing.T) {
	ctx := context.Background()
	eachLender(t, true, func(t *testing.T, w *lender) {
		w.paysOutWithin(21)
		w.Desk.Settlements = []payment.Settlement{klarna.Settlement}
		a, b := w.taken(11900), w.taken(22900)
		file := func() string {
			ref := w.k.Settle()
			if ref == "" {
				t.Fatal("nothing was paid out")
			}
			return string(w.k.Report(ref))
		}
		take := func(by auth.By, text string, dry bool) (checkout.BankReport, error) {
			return w.Desk.ImportBank(ctx, by, strings.NewReader(text), dry)
		}
		clean := file()
		c := w.taken(33900) // not paid out: in no file
		for _, dry := range []bool{true, false, true, false} {
			rep, err := take(clerk, clean, dry)
			if err != nil || rep.Format != "klarna" || rep.Compared != 2 || rep.Open != 0 || rep.Payouts != 1 || len(rep.Diffs) != 0 {
				t.Fatalf("dry %v: %+v %v", dry, rep, err)
			}
		}
		if rep, _ := take(clerk, clean, false); !rep.Known || rep.File == 0 {
			t.Errorf("taken in before: %+v", rep)
		}
		if p, err := db.Read(ctx, w.DB, func(q *db.Reader) (payment.Payout, error) {
			return payment.PayoutByName(q, strings.Split(strings.Split(clean, "\n")[1], ",")[4])
		}); err != nil || p.Method != "klarna" {
			t.Errorf("the payout is not noted: %+v %v", p, err)
		}

		w.byHand(b, "portal", 500)
		w.byHand(a, "gone", 100)
		w.invent(b, 700, 22*24*time.Hour) // a file is no proof that something is missing
		text := file()
		// One movement more than the shop made.
		strange := strings.ReplaceAll(text, w.intent(a).Reference, "KVnobody")
		strange = strings.ReplaceAll(strange, w.intent(a).ProviderRef, "somebody-elses")
		const want = "missing_here open theirs 500; unknown_payment open theirs 100"
		rep, err := take(clerk, strange, true)
		if err != nil || rep.Open != 2 || len(rep.Diffs) != 2 || !rep.DryRun || rep.File != 0 {
			t.Fatalf("%+v %v", rep, err)
		}
		if cs := cases(t, w.World, true); len(cs) != 0 {
			t.Errorf("a dry run opened %s", kinds(cs))
		}
		if rep, err = take(clerk, strange, false); err != nil || rep.Known || rep.Open != 2 || rep.File == 0 {
			t.Fatalf("%+v %v", rep, err)
		}
		if got := kinds(cases(t, w.World, true)); got != want {
			t.Errorf("%s", got)
		}
		// The same money in another file (another separator): the same cases.
		if rep, err = take(clerk, strings.ReplaceAll(strange, ",", ";"), false); err != nil || rep.Known || kinds(cases(t, w.World, true)) != want {
			t.Errorf("%+v %v: %s", rep, err, kinds(cases(t, w.World, true)))
		}

		// Refused: who has no right, a file of another shop, a file that breaks off.
		if _, err := take(auth.StaffBy(9, "", auth.Roles["catalog"]), clean, true); !fault.Is(err, "denied") {
			t.Errorf("without the right: %v", err)
		}
		foreign := strings.NewReplacer(w.intent(a).Reference, "KVa", w.intent(b).Reference, "KVb", w.intent(a).ProviderRef, "x", w.intent(b).ProviderRef, "y", w.intent(c).Reference, "KVc", w.intent(c).ProviderRef, "z").Replace(text)
		before := len(cases(t, w.World, true))
		if _, err := take(clerk, foreign, false); !fault.Is(err, "settlement_foreign") {
			t.Errorf("another shop's: %v", err)
		}
		broken := strings.Replace(text, "RETURN", "RETURN,\"", 1)
		if _, err := take(clerk, broken, false); !fault.Is(err, "settlement_broken") {
			t.Errorf("broken: %v", err)
		}
		if n := len(cases(t, w.World, true)); n != before {
			t.Errorf("refused files opened %d cases", n-before)
		}
	})
}
