package checkout_test

import (
	"context"
	"sync"
	"testing"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

func (w *lender) life(p checkout.Purchase) checkout.Life {
	w.T.Helper()
	l, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (checkout.Life, error) { return w.Desk.LifeOf(q, clerk, p.ID) })
	if err != nil {
		w.T.Fatal(err)
	}
	return l
}

// Staff take a part of what is reserved, never more than is owed, whoever asks at the
// same moment.
func TestCaptureNow(t *testing.T) {
	eachLender(t, false, func(t *testing.T, w *lender) {
		p := w.approved(stock.Line{Variant: w.Product(20000, 5), Quantity: 1})
		l := w.life(p)
		if l.Can.Capture.Amount != 23900 || l.Can.Cancel || l.Can.Refund.Amount != 0 || !l.Can.Look {
			t.Fatalf("%+v", l.Can)
		}
		told := false
		for _, x := range l.Plan {
			told = told || x.What == "reservation_ends" && x.At.Equal(l.Intent.AuthUntil)
		}
		if !told || len(l.Calls) == 0 {
			t.Errorf("the plan is %+v after %d calls", l.Plan, len(l.Calls))
		}
		take := func(by auth.By, ore int64, note string) error {
			return db.Do(context.Background(), w.DB, func(tx *db.Tx) error {
				return w.Desk.CaptureNow(tx, by, p.ID, money.SEK(ore), false, note)
			})
		}
		for name, c := range map[string]struct {
			by   auth.By
			ore  int64
			note string
			code string
		}{
			"no right":  {auth.StaffBy(8, "", auth.Roles["support"]), 100, "skickar i dag", "denied"},
			"no reason": {clerk, 100, "", "invalid"},
			"nothing":   {clerk, 0, "skickar i dag", "invalid"},
			"too much":  {clerk, 23901, "skickar i dag", "over_capture"},
		} {
			if err := take(c.by, c.ore, c.note); !fault.Is(err, c.code) {
				t.Errorf("%s: %v, want %s", name, err, c.code)
			}
		}
		if err := db.Do(context.Background(), w.DB, func(tx *db.Tx) error {
			return w.Desk.CaptureNow(tx, clerk, 4711, money.SEK(1), false, "ingen")
		}); !fault.Is(err, "not_found") {
			t.Error(err)
		}
		// Six at once want 100 kr each; two have room.
		var wg sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			wg.Go(func() { errs[i] = take(clerk, 10000, "skickar i dag") })
		}
		wg.Wait()
		ok := 0
		for _, err := range errs {
			if err == nil {
				ok++
			} else if !fault.Is(err, "over_capture") {
				t.Error(err)
			}
		}
		if i := w.intent(p); ok != 2 || i.Taking.Amount != 20000 {
			t.Errorf("%d went through, %v is being taken", ok, i.Taking)
		}
		if l := w.life(p); l.Can.Capture.Amount != 3900 || len(l.Tries) != 2 || l.Tries[0].Kind != "capture" || l.Tries[0].Reason != "skickar i dag" || l.Tries[0].Next.IsZero() {
			t.Errorf("%+v %+v", l.Can, l.Tries)
		}
		n, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (checkout.Unsettled, error) { return checkout.Count(q) })
		if err != nil || n.Captures != 2 || n.Reserved != 1 {
			t.Errorf("%+v %v", n, err)
		}
		if ts, err := db.Read(context.Background(), w.DB, func(q *db.Reader) ([]payment.Try, error) { return payment.OpenTries(q, 10) }); err != nil || len(ts) != 2 || ts[0].Purchase != p.ID {
			t.Errorf("%+v %v", ts, err)
		}
	})
}

// An order that has become smaller owes less than is reserved; no more is taken.
func TestCaptureNowOfWhatIsOwed(t *testing.T) {
	eachLender(t, false, func(t *testing.T, w *lender) {
		p := w.approved(stock.Line{Variant: w.Product(20000, 5), Quantity: 2})
		o := orderOf(t, w.World, p.ID)
		w.Do(func(tx *db.Tx) error {
			_, err := returns.Cancel(tx, shoptest.By, o.ID, []fulfilment.ShipLine{{Line: o.Lines[0].ID, Quantity: 1}}, "prov")
			return err
		})
		owed := orderOf(t, w.World, p.ID).ToPay.Amount
		if l := w.life(p); l.Can.Capture.Amount != owed || owed >= l.Intent.Takeable().Amount {
			t.Fatalf("%v of %d owed", l.Can.Capture, owed)
		}
		take := func(ore int64) error {
			return db.Do(context.Background(), w.DB, func(tx *db.Tx) error {
				return w.Desk.CaptureNow(tx, clerk, p.ID, money.SEK(ore), false, "skickar i dag")
			})
		}
		if err := take(owed + 1); !fault.Is(err, "over_capture") {
			t.Error(err)
		}
		if err := take(owed); err != nil {
			t.Error(err)
		}
		if err := take(1); !fault.Is(err, "over_capture") {
			t.Error(err)
		}
	})
}

// An attempt under way is ended by staff with a reason; one that is over is not.
func TestCancelNow(t *testing.T) {
	eachLender(t, false, func(t *testing.T, w *lender) {
		p := w.begin(stock.Line{Variant: w.Product(20000, 5), Quantity: 1})
		ctx := context.Background()
		if _, err := w.Desk.CancelNow(ctx, auth.StaffBy(8, "", auth.Roles["support"]), p.ID, "ringde"); !fault.Is(err, "denied") {
			t.Error(err)
		}
		if _, err := w.Desk.CancelNow(ctx, clerk, p.ID, " "); !fault.Is(err, "invalid") {
			t.Error(err)
		}
		if _, err := w.Desk.CancelNow(ctx, clerk, 4711, "ringde"); !fault.Is(err, "not_found") {
			t.Error(err)
		}
		if got, err := w.Desk.CancelNow(ctx, clerk, p.ID, "kunden ringde"); err != nil || got.State != checkout.Refused {
			t.Error(got.State, err)
		}
		if _, err := w.Desk.CancelNow(ctx, clerk, p.ID, "kunden ringde"); !fault.Is(err, "wrong_state") {
			t.Error(err)
		}
		if _, err := w.Desk.LookNow(ctx, clerk, p.ID, "kontroll"); !fault.Is(err, "denied") {
			t.Error(err)
		}
		if _, err := w.Desk.LookNow(ctx, auth.StaffBy(1, "", auth.Roles["owner"]), p.ID, "kontroll"); err != nil {
			t.Error(err)
		}
		if _, err := db.Read(ctx, w.DB, func(q *db.Reader) (checkout.Life, error) {
			return w.Desk.LifeOf(q, auth.StaffBy(8, "", auth.Roles["catalogue"]), p.ID)
		}); !fault.Is(err, "denied") {
			t.Error(err)
		}
	})
}
