package fault

import (
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/wiretest"
)

// slowDatabase: each word to and from PostgreSQL takes its time.
func (w *world) slowDatabase() {
	slow := wiretest.Fault{Latency: 8 * time.Millisecond, Jitter: 6 * time.Millisecond}
	w.db.Poison(wiretest.Up, slow)
	w.db.Poison(wiretest.Down, slow)
	for range 3 {
		w.buy("the database is slow")
	}
	w.db.Clean()
	w.heal()
}

// goneDatabase: PostgreSQL cannot be reached, while one buyer stands before the button,
// one is at the bank, and one looks around.
func (w *world) goneDatabase() {
	c, k, mail := w.ready()
	paidMeanwhile := w.away()
	posts := func() (n int) {
		for _, x := range w.tap.Calls() {
			if x.Method == "POST" {
				n++
			}
		}
		return
	}
	before := posts()
	w.db.Cut()
	w.refused(c, k)
	if n := posts(); n != before {
		w.Errorf("the database took nothing, and the bank was asked for money %d times", n-before)
	}
	w.db.Mend(w.TB)
	w.again(c, k, mail, "the database was gone")
	paidMeanwhile("the database was gone")
	w.heal()
}

// refused holds what a shop says that cannot write: it is alive, and who asks is told
// when to come back.
func (w *world) refused(c *apptest.Client, k apptest.Cart) {
	if a := c.Do("GET", c.Ops+"/healthz", nil); a.Status != 200 {
		w.Errorf("health: %v", a)
	}
	for _, path := range []string{"/products/" + w.v.Product, "/cart", "/checkout"} {
		a := c.Do("GET", path, nil)
		if a.Status != 200 && (a.Status != 503 || a.Header.Get("Retry-After") == "") {
			w.Errorf("%s without a database: %d", path, a.Status)
		}
	}
	if a := c.Post(k, apptest.Wish{Key: "knapp"}); a.Status != 503 || a.Header.Get("Retry-After") == "" {
		w.Errorf("a purchase without a database: %v", a)
	}
}

// again has the buyer press the button until the shop takes it.
func (w *world) again(c *apptest.Client, k apptest.Cart, mail, during string) {
	var a apptest.Answer
	if apptest.Poll(patience, func() bool {
		var err error
		a, err = w.As(w.TB).TryPost(k, apptest.Wish{Key: "knapp"}) // from anywhere: many tries of one are too many
		return err == nil && a.Status == 202
	}) != nil {
		w.Errorf("%s: it does not heal: a purchase is answered %v", during, a)
		return
	}
	w.taken(c, during, mail, a, nil)
}

// dumbDatabase: PostgreSQL's answers stop in the middle of a purchase, and its connections
// break in the end. Whether that purchase was kept the shop cannot know; the buyer's key
// keeps it to one.
func (w *world) dumbDatabase() {
	c, k, mail := w.ready()
	answered := make(chan apptest.Answer, 1)
	w.db.Poison(wiretest.Down, wiretest.Fault{Silent: true})
	go func() {
		a, _ := c.TryPost(k, apptest.Wish{Key: "knapp"})
		answered <- a
	}()
	select {
	case <-answered:
	case <-time.After(2 * time.Second): // how long the database says nothing; nothing is judged by it
	}
	w.db.Clean() // breaks what hung
	w.again(c, k, mail, "the database said nothing")
	w.heal()
}

// noRelay: letters cannot be handed over.
func (w *world) noRelay() {
	c := w.As(w.TB)
	faults := func(body map[string]any) { c.Want(c.Do("POST", c.Mailbox+"/control/faults", body), 200, nil) }
	faults(map[string]any{"down": true, "temporary": true})
	mail := apptest.NewMail()
	p, _ := c.PaidCart(c.Complete(c.Cart(1, w.v).ID, apptest.Buyer(mail)))
	w.sold++
	c.Wait("the letter is tried", patience, func() bool {
		return c.Count(`SELECT count(*) FROM mail_message WHERE state='queued' AND attempts > 0`) > 0
	})
	faults(map[string]any{})
	w.all = append(w.all, try{"the relay was down", mail, p.Token})
	w.heal()
}

// fullDisk: nothing can be written any more, on the shop's disk or under its tables.
func (w *world) fullDisk() {
	c, k, mail := w.ready()
	paidMeanwhile := w.away()
	w.disk.Fill(w.TB, w.Shop)
	if !w.disk.Limited() || w.Engine == "sqlite" {
		// Fill up what is left inside the database, until it refuses.
		if apptest.Poll(patience, func() bool {
			w.disk.TopUp()
			for range 200 {
				if w.As(w.TB).Do("POST", apptest.API+"/carts", nil).Status == 503 {
					return true
				}
			}
			return false
		}) != nil {
			w.Errorf("a full disk is not noticed")
		}
		a := c.Do("GET", "/products/"+w.v.Product, nil)
		if a.Status != 200 {
			w.Errorf("a product on a full disk: %d", a.Status)
		}
		// A page of a table may have room left: then the purchase is kept. Else it is an
		// honest refusal.
		if a := c.Post(k, apptest.Wish{Key: "knapp"}); a.Status != 202 && (a.Status != 503 || a.Header.Get("Retry-After") == "") {
			w.Errorf("a purchase on a full disk: %v", a)
		}
	}
	w.disk.Free(w.TB)
	w.again(c, k, mail, "the disk was full")
	paidMeanwhile("the disk was full")
	w.heal()
}
