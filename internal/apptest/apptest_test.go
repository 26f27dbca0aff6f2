package apptest_test

import (
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// One purchase on each engine, over the two APIs, the bank's form and the mailbox;
// then the program is killed and opened again on the same folder.
func TestPurchaseOutlivesTheProgram(t *testing.T) {
	apptest.Each(t, apptest.Options{}, func(t *testing.T, s *apptest.Shop) {
		c := s.As(t)
		v := c.Scarce(3)
		mail := apptest.NewMail()
		p, o := c.PaidCart(c.Complete(c.Cart(2, v).ID, apptest.Buyer(mail)))
		if o.Payment.Paid != o.Totals.ToPay || len(o.Lines) != 1 || o.Lines[0].Quantity != 2 {
			t.Errorf("order %+v", o)
		}
		if m := c.OneMail(mail); !strings.Contains(m.Text, o.Number) {
			t.Errorf("mail without the number %s: %s", o.Number, m.Text)
		}
		if l := c.Stock(v.ID); l.Allocated != 2 || l.Available != 1 {
			t.Errorf("stock %+v", l)
		}
		for _, w := range c.Books() {
			t.Error(w)
		}
		s.Kill()
		if err := s.Open(); err != nil {
			t.Fatal(err)
		}
		if got := c.Order(p.Order.Token); got.Number != o.Number {
			t.Errorf("after the restart: %+v", got)
		}
		owner := s.Staff(c, "owner")
		if a := owner.Do("GET", "/admin/orders", nil); a.Status != 200 || !strings.Contains(a.Words(), o.Number) {
			t.Errorf("the back office: %d", a.Status)
		}
		if code := s.Stop(); code != 0 {
			t.Errorf("a stop in order ended with %d", code)
		}
	})
}
