package checkout_test

import (
	"context"
	"sync"
	"testing"

	"kassavalv/internal/lang"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

// slowly answers with what was true when it was asked.
type slowly struct {
	stranger
	mu    sync.Mutex
	asked chan struct{}
	gate  chan struct{}
}

func (s *slowly) Look(context.Context, payment.Handle) (payment.Status, error) {
	s.mu.Lock()
	st := s.st
	s.mu.Unlock()
	select {
	case s.asked <- struct{}{}:
	default:
	}
	<-s.gate
	return st, nil
}

// The buyer comes back while the shop is asking already, since before the buyer paid: the
// page tells what is true now.
func TestWhoJoinsALookUpHearsWhatIsTrueNow(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		s := &slowly{asked: make(chan struct{}, 1), gate: make(chan struct{})}
		w.Desk.Providers = append(w.Desk.Providers, s)
		ctx := context.Background()
		p, err := w.Desk.Begin(ctx, checkout.Request{Cart: w.Cart(stock.Line{Variant: w.Product(11900, 5), Quantity: 1}), Method: "stranger", Accept: true, Lang: lang.SV, Peer: "192.0.2.1"})
		if err != nil || p.State != checkout.Awaiting {
			t.Fatalf("%+v %v", p, err)
		}
		first := make(chan checkout.Purchase)
		go func() { q, _ := w.Desk.Look(ctx, p.ID, "rescuer"); first <- q }()
		<-s.asked
		s.mu.Lock()
		s.st.State, s.st.Captured, s.st.Next = payment.Captured, s.st.Amount, nil
		s.mu.Unlock()
		second := make(chan checkout.Purchase)
		go func() { q, _ := w.Desk.Look(ctx, p.ID, "buyer returned"); second <- q }()
		joined := make(chan struct{})
		go func() { // both are answered, whenever the second came
			for range 3 {
				select {
				case s.gate <- struct{}{}:
				case <-joined:
					return
				}
			}
		}()
		<-first
		if q := <-second; q.State != checkout.Paid {
			t.Errorf("paid before the buyer came back, and told as %s", q.State)
		}
		close(joined)
	})
}
