package partners

import (
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// The program is killed while it takes reserved money: before the partner hears of it, and
// between its act and what the shop writes down. The crash proof of the sandbox bank
// (test/crash) cannot reach these steps, because its bank reserves nothing.
func TestKilledWhileTaking(t *testing.T) {
	for _, engine := range apptest.Engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := startStripe(t)
			env := s.env("KASSAVALV_STRIPE_CAPTURE=ship")
			shop := apptest.Start(t, apptest.Options{Engine: engine, Env: env, Proof: true})
			c := shop.As(t)
			reborn := func(more ...string) {
				t.Helper()
				shop.Kill()
				shop.Environ(append(append([]string{}, more...), env...)...)
				if err := shop.Open(); err != nil {
					t.Fatal(err)
				}
				s.hook(c, true) // the demo opens at other ports each time
			}
			v := c.Scarce(100)
			for _, step := range []string{"checkout.capture claimed", "checkout.capture asked"} {
				reborn("KASSAVALV_PROOF_KILL=" + step + ":1")
				p := begin(c, s, c.ReadyCart(v, 2))
				c.Pay(p, apptest.Good)
				if p = c.Final(p.Token); p.State != "placed" {
					t.Fatalf("agreed, and ended %s: %s", p.State, p.Message)
				}
				o := c.Order(p.Order.Token)
				// Whoever sends the parcel may or may not hear that it was written down.
				_, _ = c.Try("POST", apptest.AdminAPI+"/orders/"+o.Number+"/shipments", map[string]any{"lines": []map[string]any{{"line_id": o.Lines[0].ID, "quantity": 2}}}, "Authorization", "Bearer "+c.AdminToken)
				select {
				case <-shop.Died():
				case <-time.After(time.Minute):
					t.Fatalf("the step %q was not passed", step)
				}
				reborn()
				c.Wait("the money is taken", 90*time.Second, func() bool { return c.AdminOrder(o.Number).Payment.Paid.Amount == o.Totals.ToPay.Amount })
			}
			s.agree(c)
			for _, b := range s.books(c) {
				if b.Authorised.Amount != 0 {
					t.Errorf("all is taken, and the partner still holds %d", b.Authorised.Amount)
				}
			}
		})
	}
}
