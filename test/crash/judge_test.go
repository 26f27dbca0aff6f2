package crash

import (
	"regexp"
	"strings"
	"time"

	"kassavalv/internal/apptest"
)

var messageID = regexp.MustCompile(`(?im)^Message-ID:\s*(\S+)`)

// judge waits until all is over and compares.
func (w *world) judge() {
	c := w.As(w.TB)
	c.Faults(nil)
	over := time.Now().Add(w.patience)
	for _, x := range w.all {
		if x.token == "" || x.told != nil {
			continue
		}
		if x.card == "" {
			c.Form("/purchases/"+x.token+"/cancel", nil) // he has left
		}
		var p apptest.Purchase
		var ended time.Time
		if err := apptest.Poll(time.Until(over), func() bool {
			p = c.Purchase(x.token)
			if p.State == "awaiting_customer" && time.Since(ended) > 3*time.Second {
				// The bank's page did not take his card, or the shop has just learned that it waits
				// for him: the purchase is ended, as he can do on its page. Where he has paid all the
				// same, it is paid.
				ended = time.Now()
				c.Form("/purchases/"+x.token+"/cancel", nil)
			}
			return p.Terminal()
		}); err != nil {
			w.Errorf("card %q: the purchase is not over, it is still %s", x.card, p.State)
			continue
		}
		w.remember(x, p)
	}
	w.paid = 0
	over = time.Now().Add(w.letters)
	// A letter whose sender died is sent once more, on PostgreSQL when its lease has run out:
	// only then is it seen whether the second is the first.
	waiting := 0
	if apptest.Poll(w.letters, func() bool {
		waiting = c.Count(`SELECT count(*) FROM mail_message WHERE state='queued'`)
		return waiting == 0
	}) != nil {
		w.Errorf("%d letters have not left", waiting)
	}
	for _, x := range w.all {
		if x.told == nil {
			continue
		}
		p := c.Purchase(x.token)
		w.remember(x, p)
		w.rightEnd(c, x, p)
		if p.Order == nil {
			continue
		}
		w.paid++
		w.letter(c, x, p.Order.Number, over)
		if x.refund > 0 {
			var o apptest.Order
			if err := apptest.Poll(time.Until(over), func() bool { o = c.AdminOrder(p.Order.Number); return o.Payment.Refunded.Amount >= x.refund }); err != nil || o.Payment.Refunded.Amount != x.refund {
				w.Errorf("order %s: %d öre were to go back, %d did", o.Number, x.refund, o.Payment.Refunded.Amount)
			}
		}
	}
	if n := c.Count(`SELECT count(*) FROM order_order`); n != w.paid {
		w.Errorf("%d orders of %d purchases that were told so", n, w.paid)
	}
	for _, wrong := range c.Books() {
		w.Error(wrong)
	}
	for _, v := range w.goods {
		if s := c.Stock(v.ID); s.OnHand != shelf {
			w.Errorf("%+v", s)
		}
	}
	if c.Engine == "sqlite" {
		if r := c.Query(`PRAGMA integrity_check`); len(r) != 1 || r[0][0] != "ok" {
			w.Errorf("integrity: %v", r)
		}
	}
}

// rightEnd holds that a purchase ended as its card says.
func (w *world) rightEnd(c *apptest.Client, x *try, p apptest.Purchase) {
	switch x.card {
	case apptest.Good, apptest.Twice, apptest.Silent, apptest.Second, apptest.Hangs:
		if b := c.Payments(x.token); len(b) == 1 && b[0].Captured > 0 && (p.State != "paid" || p.Order == nil) {
			w.Errorf("card %s: the bank took %d, the purchase is %s", x.card, b[0].Captured, p.State)
		}
	case apptest.Declined, apptest.NoFunds, apptest.Trouble, "":
		if p.State != "refused" && p.State != "expired" {
			w.Errorf("card %q: the purchase is %s", x.card, p.State)
		}
	case "invoice":
		if p.State != "placed" {
			w.Errorf("invoice: the purchase is %s", p.State)
		}
	}
}

// letter holds that an order got its confirmation, and a refund its word: one letter
// each, or the same one twice.
func (w *world) letter(c *apptest.Client, x *try, number string, over time.Time) {
	var ms []apptest.Mail
	told := map[string]bool{}
	if err := apptest.Poll(time.Until(over), func() bool {
		ms = c.Mails(x.mail)
		for _, m := range ms {
			for _, of := range []string{"Orderbekräftelse", "Återbetalning"} {
				told[of] = told[of] || strings.HasPrefix(m.Subject, of) && strings.Contains(m.Text, number)
			}
		}
		return told["Orderbekräftelse"] && (x.refund == 0 || told["Återbetalning"])
	}); err != nil {
		w.Errorf("order %s got no mail: of %d letters one is the confirmation: %v, one tells of the refund: %v", number, len(ms), told["Orderbekräftelse"], told["Återbetalning"] || x.refund == 0)
	}
	// Letters of one kind are one letter: about the order, and about each refund.
	kinds := map[string]string{}
	for _, m := range ms {
		raw := c.RawMail(m.ID)
		if was, twice := kinds[m.Subject]; twice && was != raw {
			w.Errorf("order %s got two letters: %s, %s", number, messageID.FindString(was), messageID.FindString(raw))
		}
		kinds[m.Subject] = raw
	}
}
