package checkout_test

import (
	"context"
	"net/url"
	"slices"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/paytest/swishsim"
	"kassavalv/internal/shop/payment/swish"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

// counter is a shop that is paid by Swish, with one purchase under way.
type counter struct {
	*shoptest.World
	sim   *swishsim.Server
	p     checkout.Purchase
	token string
}

func bySwish(t *testing.T, w *shoptest.World, hold time.Duration) *counter {
	t.Helper()
	sim, err := swishsim.New(swishsim.Options{Payee: "1231181189"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	sim.Set(swishsim.Fault{Mute: true})
	f, err := sim.Issue(t.TempDir(), "1231181189", time.Now().AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	pr, err := swish.New(swish.Options{Payee: "1231181189", Cert: f.Cert, Key: f.Key, CA: f.CA, BaseURL: sim.URL(), Secret: []byte("a secret of this shop alone")})
	if err != nil {
		t.Fatal(err)
	}
	w.Desk.Providers = append(slices.DeleteFunc(slices.Clone(w.Desk.Providers), func(p payment.Provider) bool { return p.Method() == "swish" }), pr)
	w.Desk.Times.Hold = hold
	v := w.Product(11900, 5)
	p, err := w.Desk.Begin(context.Background(), checkout.Request{Cart: w.Cart(stock.Line{Variant: v, Quantity: 1}), Method: "swish", Accept: true, Lang: lang.SV, Peer: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	if p.State != checkout.Awaiting || p.NextType != "app" {
		t.Fatalf("begun as %+v", p)
	}
	u, err := url.Parse(p.NextURL)
	if err != nil {
		t.Fatal(err)
	}
	return &counter{w, sim, p, u.Query().Get("token")}
}

func (c *counter) act(t *testing.T, what string) {
	t.Helper()
	if err := c.sim.Act(c.token, what); err != nil {
		t.Fatal(err)
	}
}

func (c *counter) look(t *testing.T) checkout.Purchase {
	t.Helper()
	p, err := c.Desk.Look(context.Background(), c.p.ID, "test")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The page promises the time that Swish gives, not a longer one of our own.
func TestSwishGivesTheTime(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		c := bySwish(t, w, time.Hour)
		p := c.look(t)
		for _, at := range []time.Time{c.p.HoldUntil, p.HoldUntil} {
			if d := time.Until(at); d > 3*time.Minute || d < time.Minute {
				t.Errorf("%v to approve", d)
			}
		}
		if p.AnswerBy.Sub(p.Created) < time.Hour {
			t.Error("the answer is promised sooner than before")
		}
	})
}

// Our time is over while the buyer approves: Swish will not cancel, so it stays open,
// and is an order when it is paid.
func TestSwishPaidAfterTheHold(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		c := bySwish(t, w, time.Millisecond)
		c.sim.SetTimes(swishsim.Times{Bank: time.Hour})
		c.act(t, swishsim.Approve)
		if p := c.look(t); p.State != checkout.Awaiting {
			t.Fatalf("while it is approved: %s", p.State)
		}
		c.act(t, swishsim.PaidAfter)
		if p := c.look(t); p.State != checkout.Paid || p.Order == 0 || p.Money != checkout.Taken {
			t.Errorf("paid: %s, money %s", p.State, p.Money)
		}
		// And one that nobody approves is cancelled at Swish before it is over here.
		d := bySwish(t, w, time.Millisecond)
		if p := d.look(t); p.State != checkout.Expired || p.Money != checkout.NotMoved {
			t.Errorf("not approved: %s, money %s", p.State, p.Money)
		}
		if b := d.sim.Books(); b[0].Status != "CANCELLED" {
			t.Errorf("Swish has %+v", b)
		}
	})
}

// Swish ran out of time, and the money came all the same: an order or back, by the
// merchant's rule.
func TestSwishPaidAfterItsTime(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		for _, order := range []bool{false, true} {
			c := bySwish(t, w, time.Hour)
			w.Desk.Late = func(db.Q) (bool, error) { return order, nil }
			c.act(t, swishsim.RunOut)
			if p := c.look(t); p.State != checkout.Expired || p.Code != "TM01" {
				t.Fatalf("out of time: %s %s", p.State, p.Code)
			}
			c.act(t, swishsim.PaidAfter)
			p := c.look(t)
			refunds, err := db.Read(context.Background(), w.DB, func(q *db.Reader) ([]payment.RefundRow, error) {
				i, err := payment.OfPurchase(q, p.ID)
				if err != nil {
					return nil, err
				}
				return payment.RefundsOf(q, i.ID)
			})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case order && (p.Order == 0 || len(refunds) != 0):
				t.Errorf("by the rule an order: %+v, %d refunds", p, len(refunds))
			case !order && (p.Order != 0 || len(refunds) != 1 || refunds[0].Amount != p.Total || p.Alarm != checkout.AlarmLate):
				t.Errorf("by the rule back: %+v, %+v", p, refunds)
			}
		}
	})
}

// Nobody at Swish knows whether the money moved: the purchase waits, says so, and
// staff are told when the promised time is over. It is never a refusal.
func TestSwishDoesNotKnow(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		c := bySwish(t, w, time.Hour)
		c.act(t, swishsim.PaidUnknown)
		p := c.look(t)
		if p.State != checkout.Processing || p.Money != checkout.Unsure || p.Alarm != "" {
			t.Fatalf("%s, money %s, alarm %q", p.State, p.Money, p.Alarm)
		}
		w.Do(func(tx *db.Tx) error {
			return tx.ExecOne(`UPDATE checkout_purchase SET answer_by=$2, hold_until=$2 WHERE id=$1`, p.ID, tx.Now().Add(-time.Minute))
		})
		if p = c.look(t); p.State != checkout.Processing || p.Alarm != checkout.AlarmSilent {
			t.Errorf("after the promised time: %s, alarm %q", p.State, p.Alarm)
		}
		c.act(t, swishsim.PaidAfter)
		if p = c.look(t); p.State != checkout.Paid || p.Money != checkout.Taken {
			t.Errorf("paid after all: %s, money %s", p.State, p.Money)
		}
	})
}

// What Swish will never know, staff decide who have looked in the account, once the
// promised time is over; money that comes all the same goes back.
func TestStaffDecideWhatSwishDoesNotKnow(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		c := bySwish(t, w, time.Hour)
		c.act(t, swishsim.PaidUnknown)
		c.look(t)
		cancel := func() checkout.Purchase {
			p, err := w.Desk.CancelNow(context.Background(), shoptest.By, c.p.ID, "Inget på kontot")
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		if p := cancel(); p.State != checkout.Processing {
			t.Fatalf("before the promised time it is %s", p.State)
		}
		w.Do(func(tx *db.Tx) error {
			return tx.ExecOne(`UPDATE checkout_purchase SET answer_by=$2, hold_until=$2 WHERE id=$1`, c.p.ID, tx.Now().Add(-time.Minute))
		})
		if _, err := w.Desk.Cancel(context.Background(), c.p.ID); err != nil {
			t.Fatal(err)
		}
		if p := c.look(t); p.State != checkout.Processing {
			t.Fatalf("by the buyer's wish it is %s", p.State)
		}
		if p := cancel(); p.State != checkout.Expired || p.Money != checkout.NotMoved || p.CheckAt.IsZero() {
			t.Fatalf("decided: %s, money %s, asked again %v", p.State, p.Money, p.CheckAt)
		}
		c.act(t, swishsim.PaidAfter)
		if p := c.look(t); p.Alarm != checkout.AlarmLate || p.Money != checkout.Taken {
			t.Errorf("and then paid: alarm %q, money %s", p.Alarm, p.Money)
		}
	})
}

// What never reached Swish is over when its time is, and is not asked about for ever.
func TestSwishNeverHeardOfIt(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		c := bySwish(t, w, time.Millisecond)
		c.sim.Forget()
		p := c.look(t)
		if p.State != checkout.Expired {
			t.Fatal(p.State)
		}
		for i := range 10 {
			if p.CheckAt.IsZero() {
				return
			}
			if i == 9 {
				t.Fatalf("after nine looks it is asked again at %v", p.CheckAt)
			}
			w.Do(func(tx *db.Tx) error {
				return tx.ExecOne(`UPDATE checkout_purchase SET check_at=$2 WHERE id=$1`, p.ID, tx.Now().Add(-time.Second))
			})
			if _, err := w.Desk.RescueOnce(context.Background(), 10); err != nil {
				t.Fatal(err)
			}
			p = w.Until(p.ID, false, func(checkout.Purchase) bool { return true })
		}
	})
}
