package attack

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// byAmount picks the payments that a test means, before anybody knows their names.
func byAmount(body string, ore int64) bool {
	return strings.Contains(body, fmt.Sprintf(`"amount":%d,`, ore))
}

// paidWithin waits until a purchase is paid and its money agrees.
func paidWithin(c *apptest.Client, token string, atMost time.Duration) {
	c.T.Helper()
	p := c.Until(token, atMost, apptest.Purchase.Terminal)
	if p.State != "paid" {
		c.T.Errorf("the purchase ended %s: %s", p.State, p.Message)
	}
	settled(c, token)
}

// sameKeys holds that the shop used one idempotency key for each payment however often
// it tried, and that the bank made one payment of it.
func sameKeys(c *apptest.Client, tap *apptest.Tap) {
	c.T.Helper()
	keys := map[string]string{}
	for _, x := range tap.Calls() {
		if x.Method != "POST" || x.Path != "/v1/payments" {
			continue
		}
		if x.Key == "" {
			c.T.Error("a payment was asked for without a key")
		}
		if was, ok := keys[x.Body]; ok && was != x.Key {
			c.T.Errorf("another key for the same payment: %s, %s", was, x.Key)
		}
		keys[x.Body] = x.Key
	}
}

// The program is killed while a charge is under way: before the bank hears, between its
// act and its answer, and right after the answer; for payments, look-ups and refunds.
var _ = apart("AC-062", func(t *testing.T, engine string) {
	bank := apptest.StartBank(t)
	tap := apptest.NewTap(t, bank.URL)
	c := lone(t, apptest.Options{Engine: engine, Bank: tap.URL})
	v := c.Scarce(1000)
	ready := func(n int64) apptest.Cart { return c.ReadyCart(v, n) }
	begin := func(n int64, card string) (apptest.Cart, apptest.Purchase) {
		k := ready(n)
		p := c.Buy(k, apptest.Wish{})
		if card != "" {
			c.Pay(p, card)
		}
		return k, p
	}
	// Money that will go back when the program is gone.
	kRefund, pr1 := begin(11, apptest.Good)
	pr1 = c.Final(pr1.Token)
	_, pr2 := begin(12, apptest.Good)
	pr2 = c.Final(pr2.Token)
	_ = kRefund
	b1, b2 := c.Payment(pr1.Token), c.Payment(pr2.Token)
	// Carts that will be posted, and payments that will be looked up.
	kBefore, kDuring, kAfter, kAfter2 := ready(1), ready(2), ready(3), ready(9)
	_, pBefore := begin(4, "")
	_, pDuring := begin(5, "")

	var mu sync.Mutex
	held := map[string]bool{}
	release := make(chan struct{})
	all := make(chan struct{})
	hold := func(what string) {
		mu.Lock()
		if !held[what] {
			held[what] = true
			if len(held) == 6 {
				close(all)
			}
		}
		mu.Unlock()
		<-release
	}
	tap.Meddle(func(x apptest.Call, forward func() (int, []byte)) (int, []byte) {
		post := x.Method == "POST" && x.Path == "/v1/payments"
		switch {
		case post && byAmount(x.Body, kBefore.Totals.Total.Amount):
			hold("payment, before")
			return 0, nil
		case post && byAmount(x.Body, kDuring.Totals.Total.Amount):
			forward()
			hold("payment, done but not told")
			return 0, nil
		case x.Method == "GET" && strings.Contains(x.Path, url.QueryEscape(pBefore.Token)):
			hold("look-up, before")
			return 0, nil
		case x.Method == "GET" && strings.Contains(x.Path, url.QueryEscape(pDuring.Token)):
			forward()
			hold("look-up, asked but not told")
			return 0, nil
		case x.Method == "POST" && x.Path == "/v1/payments/"+b1.ID+"/refunds":
			hold("refund, before")
			return 0, nil
		case x.Method == "POST" && x.Path == "/v1/payments/"+b2.ID+"/refunds":
			forward()
			hold("refund, done but not told")
			return 0, nil
		}
		return forward()
	})
	c.Pay(pBefore, apptest.Silent)
	c.Pay(pDuring, apptest.Silent)
	c.Want(refundOver(c, pr1.Order.Number, 100, ""), 202, nil)
	c.Want(refundOver(c, pr2.Order.Number, 200, ""), 202, nil)
	var wg sync.WaitGroup
	for _, k := range []apptest.Cart{kBefore, kDuring} {
		wg.Go(func() { c.TryPost(k, apptest.Wish{Key: "dog"}) })
	}
	select {
	case <-all:
	case <-time.After(60 * time.Second):
		t.Fatalf("only these were under way: %v", held)
	}
	c.Kill()
	close(release)
	wg.Wait()
	// What was acknowledged by nobody may be asked for again with the same key.
	// Right after the answer: the shop has been told and dies before it can write.
	tap.Meddle(func(x apptest.Call, forward func() (int, []byte)) (int, []byte) {
		status, body := forward()
		if x.Method == "POST" && x.Path == "/v1/payments" && byAmount(x.Body, kAfter.Totals.Total.Amount) {
			go c.Kill()
		}
		return status, body
	})
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{"look-up, before": pBefore.Token, "look-up, during": pDuring.Token}
	again := func(what string, k apptest.Cart, key string) {
		t.Helper()
		var p apptest.Purchase
		c.Want(c.Post(k, apptest.Wish{Key: key}), 202, &p)
		p = c.Until(p.Token, 40*time.Second, func(p apptest.Purchase) bool { return p.Next != nil || p.Terminal() })
		if p.Terminal() {
			t.Fatalf("%s: %+v", what, p)
		}
		c.Payment(p.Token) // one
		c.Pay(p, apptest.Good)
		tokens[what] = p.Token
	}
	again("payment, before", kBefore, "dog")
	again("payment, during", kDuring, "dog")
	for what, token := range tokens {
		if p := c.Until(token, 40*time.Second, apptest.Purchase.Terminal); p.State != "paid" {
			t.Errorf("%s: %s", what, p.State)
		}
	}
	c.TryPost(kAfter, apptest.Wish{Key: "dog"})
	if err := apptest.Poll(20*time.Second, func() bool { return !c.Alive() }); err != nil {
		t.Fatal("the program outlived its death")
	}
	tap.Meddle(func(x apptest.Call, forward func() (int, []byte)) (int, []byte) {
		status, body := forward()
		if p := tokens["after, paid"]; p != "" && strings.Contains(x.Path, url.QueryEscape(p)) {
			go c.Kill()
		}
		return status, body
	})
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	again("payment, after", kAfter, "dog")
	p := c.Buy(kAfter2, apptest.Wish{Key: "x"})
	tokens["after, paid"] = p.Token
	c.TryPay(p.Next.URL, apptest.Good) // its notification makes the shop ask, and die of the answer
	if err := apptest.Poll(30*time.Second, func() bool { return !c.Alive() }); err != nil {
		t.Fatal("the program outlived its death")
	}
	tap.Meddle(nil)
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	for what, token := range tokens {
		if p := c.Until(token, 40*time.Second, apptest.Purchase.Terminal); p.State != "paid" || p.Order == nil {
			t.Errorf("%s: %+v", what, p)
		}
	}
	c.Wait("the refunds are done, once", 40*time.Second, func() bool {
		return c.Payment(pr1.Token).Refunded == 100 && c.Payment(pr2.Token).Refunded == 200 &&
			c.AdminOrder(pr1.Order.Number).Payment.Refunded.Amount == 100 && c.AdminOrder(pr2.Order.Number).Payment.Refunded.Amount == 200
	})
	sameKeys(c, tap)
	for _, w := range c.Books() {
		t.Error(w)
	}
	wantStock(c, v, 1000, 0, 11+12+1+2+3+4+5+9)
})

// Notifications are lost, for as long as one likes.
var _ = apart("AC-064", func(t *testing.T, engine string) {
	bank := apptest.StartBank(t)
	c := lone(t, apptest.Options{Engine: engine, Bank: bank.URL})
	v := c.Scarce(100)
	begin := func() (string, apptest.Purchase) {
		mail := apptest.NewMail()
		return mail, c.Buy(c.Complete(c.Cart(1, v).ID, apptest.Buyer(mail)), apptest.Wish{})
	}
	// Paid while the shop is gone: it comes back at other addresses, so that whatever
	// the bank still sends is lost.
	mails, ps := []string{}, []apptest.Purchase{}
	for range 3 {
		m, p := begin()
		mails, ps = append(mails, m), append(ps, p)
	}
	c.Kill()
	for _, p := range ps {
		c.Pay(p, apptest.Good)
	}
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	for i, p := range ps {
		paidWithin(c, p.Token, 30*time.Second)
		c.OneMail(mails[i])
	}
	// The bank does not answer at all: buyer, staff and the meters know that it is not known.
	m, p := begin()
	c.Pay(p, apptest.Silent)
	c.Faults(map[string]any{"down": true})
	q := c.Until(p.Token, 30*time.Second, func(p apptest.Purchase) bool { return p.State == "unknown" || p.Terminal() })
	if q.State != "unknown" || q.MoneyMoved != "unknown" || q.Reason != nil {
		t.Errorf("%+v", q)
	}
	for _, word := range []string{"nekad", "misslyck", "försök igen", "betala igen"} {
		if strings.Contains(strings.ToLower(q.Message), word) {
			t.Errorf("the buyer is told %q", q.Message)
		}
	}
	if a := c.Shop.Staff(c, "orders").Do("GET", "/admin/purchases?show=unknown", nil); a.Status != 200 || !strings.Contains(string(a.Body), "/admin/purchases/"+purchaseRow(c, p.Token)) {
		t.Errorf("staff's list of what is not known: %d", a.Status)
	}
	metrics := c.Do("GET", c.Ops+"/metrics", nil)
	if !strings.Contains(string(metrics.Body), `kassavalv_purchases_open{state="unknown"} 1`) {
		t.Error("the meters do not count it")
	}
	// A second purchase of the same cart is not possible meanwhile.
	if len(c.Mails(m)) != 0 {
		t.Error("a mail about what is not known")
	}
	c.Faults(nil)
	paidWithin(c, p.Token, 30*time.Second)
	c.OneMail(m)
	for _, w := range c.Books() {
		t.Error(w)
	}
	if metrics := c.Do("GET", c.Ops+"/metrics", nil); strings.Contains(string(metrics.Body), `kassavalv_purchases_open{state="unknown"} 1`) {
		t.Error("the meters count what is known now")
	}
})

// The disk is full.
var _ = apart("AC-065", func(t *testing.T, engine string) {
	disk := apptest.SmallDisk(t, engine, 40<<20)
	bank := apptest.StartBank(t)
	c := lone(t, apptest.Options{Engine: engine, Dir: disk.Dir, Database: disk.Database, Bank: bank.URL})
	v := c.Scarce(100)
	mail := apptest.NewMail()
	atBank := c.Buy(c.Complete(c.Cart(1, v).ID, apptest.Buyer(mail)), apptest.Wish{})
	k := c.ReadyCart(v, 1)
	disk.Fill(t, c.Shop)
	if disk.Limited() && engine == "postgres" {
		// Only the program's own folder is full: the shop sells on, and letters wait.
		c.Pay(atBank, apptest.Good)
		paidWithin(c, atBank.Token, 40*time.Second)
		p, _ := c.PaidCart(k)
		settled(c, p.Token)
		if a := c.Do("GET", c.Ops+"/healthz", nil); a.Status != 200 || !c.Alive() {
			t.Errorf("health: %v", a)
		}
		if n := len(c.Mails(mail)); n != 0 {
			t.Errorf("%d letters were written to a full disk", n)
		}
		disk.Free(t)
		c.OneMail(mail)
		for _, w := range c.Books() {
			t.Error(w)
		}
		return
	}
	// Fill up what is left inside the database, until it refuses.
	var first apptest.Answer
	for i := 0; ; i++ {
		if i == 20_000 {
			t.Fatal("twenty thousand carts on a full disk")
		}
		if first = c.Other().Do("POST", apptest.API+"/carts", nil); first.Status != 201 {
			break
		}
		disk.TopUp()
	}
	for _, word := range []string{"disk", "SQL", "database", "/", ".go"} {
		if strings.Contains(string(first.Body), word) && word != "/" {
			t.Errorf("the answer talks: %s", first.Body)
		}
	}
	if first.Status != 503 || first.Header.Get("Retry-After") == "" || first.Code() != "readonly" {
		t.Errorf("a full disk: %v", first)
	}
	// Nothing is charged that could not be kept.
	before := len(c.Payments(""))
	kept := false
	for range 3 {
		a := c.Post(k, apptest.Wish{})
		if a.Status == 202 && engine == "postgres" {
			// A page of that table had room left. Then it is kept, and can be found.
			var p apptest.Purchase
			c.Want(a, 202, &p)
			kept = c.Purchase(p.Token).State != ""
			continue
		}
		if a.Status/100 != 5 {
			t.Errorf("a purchase on a full disk: %v", a)
		}
	}
	if n := len(c.Payments("")); n != before && !kept {
		t.Errorf("the bank was asked for %d payments that the shop does not know", n-before)
	}
	for _, b := range c.Payments("") {
		if b.Captured != 0 {
			t.Errorf("the bank took %d", b.Captured)
		}
	}
	// Reading goes on.
	for _, path := range []string{"/", "/cart", "/checkout", "/products/" + v.Product, apptest.API + "/products", apptest.API + "/carts/" + k.ID, "/search?q=mugg"} {
		if a := c.Do("GET", path, nil); a.Status != 200 {
			t.Errorf("%s on a full disk: %d", path, a.Status)
		}
	}
	// The bank is told that its notification has not been kept, so it sends it again.
	c.Pay(atBank, apptest.Silent)
	refused := 0
	for range 4 {
		for _, r := range c.Notify(c.Payment(atBank.Token).ID, nil).Results {
			if r.Status/100 != 2 {
				refused++
			}
		}
	}
	if p := c.Purchase(atBank.Token); !p.Terminal() && refused != 4 {
		t.Errorf("%d of 4 notifications were refused; the purchase is %s", refused, p.State)
	}
	// Somebody hears of it.
	c.Wait("the alarm", 20*time.Second, func() bool {
		return c.Do("GET", c.Ops+"/readyz", nil).Status != 200 || strings.Contains(c.Records(), "level=ERROR")
	})
	if a := c.Do("GET", c.Ops+"/healthz", nil); a.Status != 200 || !c.Alive() {
		t.Errorf("health: %v", a)
	}
	disk.Free(t)
	c.Wait("the shop is ready again", 30*time.Second, func() bool { return c.Do("GET", c.Ops+"/readyz", nil).Status == 200 })
	paidWithin(c, atBank.Token, 40*time.Second)
	c.OneMail(mail)
	p, _ := c.PaidCart(k)
	settled(c, p.Token)
	for _, w := range c.Books() {
		t.Error(w)
	}
	sound(c)
	c.Kill()
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	sound(c)
})

// sound holds that the database is whole.
func sound(c *apptest.Client) {
	c.T.Helper()
	if c.Engine == "sqlite" {
		if r := c.Query(`PRAGMA integrity_check`); len(r) != 1 || r[0][0] != "ok" {
			c.T.Errorf("integrity: %v", r)
		}
	}
}

// The database is damaged, cut or gone.
var _ = apart("AC-066", func(t *testing.T, engine string) {
	c := lone(t, apptest.Options{Engine: engine})
	v := c.Scarce(50)
	p, o := c.Paid(v, 2)
	c.OneMail(c.AdminOrder(o.Number).Customer.Email)
	refuses := func(what string, s *apptest.Shop) {
		t.Helper()
		err := s.Open()
		if err == nil {
			t.Errorf("%s: it starts", what)
			s.Kill()
			return
		}
		if !strings.Contains(err.Error(), "status 1") || strings.Contains(s.Log(), "goroutine") || strings.Contains(s.Log(), "panic") {
			t.Errorf("%s: %v", what, err)
		}
		if said := s.Records() + s.Log(); !strings.Contains(said, "shop.db") && !strings.Contains(said, "database") && !strings.Contains(said, "keys") {
			t.Errorf("%s: the message does not say what is wrong: %s", what, said)
		}
	}
	if engine == "postgres" {
		c.Kill()
		// Everything is gone: an empty shop must not take its place.
		db, err := sql.Open("pgx", c.Database())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, stmt := range []string{`ALTER TABLE db_migration RENAME TO db_migration_away`} {
			if _, err := db.Exec(stmt); err != nil {
				t.Fatal(err)
			}
		}
		refuses("without its tables", c.Shop)
		if _, err := db.Exec(`ALTER TABLE db_migration_away RENAME TO db_migration`); err != nil {
			t.Fatal(err)
		}
		keys := filepath.Join(c.Dir(), "keys")
		if err := os.Rename(keys, keys+"-away"); err != nil {
			t.Fatal(err)
		}
		refuses("without its keys", c.Shop)
		os.RemoveAll(keys)
		if err := os.Rename(keys+"-away", keys); err != nil {
			t.Fatal(err)
		}
		if err := c.Open(); err != nil {
			t.Fatal("put back as it was:", err)
		}
		if got := c.Order(p.Order.Token); got.Number != o.Number {
			t.Errorf("%+v", got)
		}
		for _, w := range c.Books() {
			t.Error(w)
		}
		return
	}
	for _, clean := range []bool{true, false} {
		if !clean {
			if err := c.Open(); err != nil {
				t.Fatal(err)
			}
			p, o = c.Paid(v, 1)
			c.Kill()
		} else if code := c.Stop(); code != 0 {
			t.Fatalf("stopped with %d", code)
		}
		how := map[bool]string{true: "after a stop in order, ", false: "after a crash, "}[clean]
		type damage struct {
			what string
			do   func(t *testing.T, dir string)
			// the log of a crash may heal it
			healed bool
		}
		file := func(name string, change func(b []byte) []byte) func(t *testing.T, dir string) {
			return func(t *testing.T, dir string) {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, change(readFile(t, path)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		damages := []damage{
			{"header flipped", file("shop.db", func(b []byte) []byte { b[3] ^= 0xff; b[20] ^= 0xff; return b }), true},
			{"the middle flipped", file("shop.db", func(b []byte) []byte {
				for i := len(b) / 4; i < 3*len(b)/4; i += 97 {
					b[i] ^= 0x5a
				}
				return b
			}), false},
			{"cut in half", file("shop.db", func(b []byte) []byte { return b[:len(b)/2] }), false},
			{"cut to nothing", file("shop.db", func(b []byte) []byte { return nil }), false},
			{"zeroes", file("shop.db", func(b []byte) []byte { return make([]byte, len(b)) }), false},
			{"gone", func(t *testing.T, dir string) {
				for _, f := range []string{"shop.db", "shop.db-wal", "shop.db-shm"} {
					os.Remove(filepath.Join(dir, f))
				}
			}, false},
			{"keys gone", func(t *testing.T, dir string) { os.RemoveAll(filepath.Join(dir, "keys")) }, false},
		}
		for _, d := range damages {
			dir := copyDir(t, c.Dir())
			if d.what == "cut to nothing" || d.what == "zeroes" { // the log alone is no shop either
				os.Remove(filepath.Join(dir, "shop.db-wal"))
			}
			d.do(t, dir)
			was := hashDir(t, dir)
			s := apptest.Prepare(t, apptest.Options{Engine: engine, Dir: dir})
			if !clean && d.healed {
				// The log may hold the damaged pages whole: then nothing is lost.
				if err := s.Open(); err == nil {
					b := s.As(t)
					if n := len(apptest.All[apptest.Order](b, apptest.AdminAPI+"/orders", "Authorization", "Bearer "+b.AdminToken)); n != 2 {
						t.Errorf("%s%s: it starts with %d of 2 orders", how, d.what, n)
					}
					sound(b)
					s.Kill()
					continue
				}
			} else {
				refuses(how+d.what, s)
			}
			now := hashDir(t, dir)
			if d.what == "keys gone" { // the data are whole: no key may have come about
				was, now = "", strings.Join(regexp.MustCompile(`[a-z0-9-]+\.key`).FindAllString(now, -1), " ")
			}
			if now != was {
				t.Errorf("%s%s: the files were changed: %s, were %s", how, d.what, now, was)
			}
		}
		if clean {
			continue
		}
		// Damage to the log takes its last writings, which no program can tell from a torn
		// write; what came before stands, and the books agree, or the start is refused.
		for _, at := range []float64{0.02, 0.5, 0.9} {
			dir := copyDir(t, c.Dir())
			wal := filepath.Join(dir, "shop.db-wal")
			b := readFile(t, wal)
			if len(b) == 0 {
				t.Fatal("there is no log to damage")
			}
			for i := int(float64(len(b)) * at); i < len(b); i += 1009 {
				b[i] ^= 0xff
			}
			if err := os.WriteFile(wal, b, 0o600); err != nil {
				t.Fatal(err)
			}
			s := apptest.Prepare(t, apptest.Options{Engine: engine, Dir: dir})
			if err := s.Open(); err != nil {
				continue
			}
			b2 := s.As(t)
			if n := len(apptest.All[apptest.Order](b2, apptest.AdminAPI+"/orders", "Authorization", "Bearer "+b2.AdminToken)); n == 0 {
				t.Errorf("log flipped at %.0f %%: an empty shop", at*100)
			}
			sound(b2)
			s.Kill()
		}
	}
	// And undamaged it opens, with everything in it.
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	if got := c.Order(p.Order.Token); got.Number != o.Number {
		t.Errorf("%+v", got)
	}
	for _, w := range c.Books() {
		t.Error(w)
	}
})

// Killed while its tables are being made, many times over; and a newer schema.
var _ = apart("AC-073", func(t *testing.T, engine string) {
	s := apptest.Prepare(t, apptest.Options{Engine: engine})
	// Further each time, on the same folder, until it is through.
	env := []string{}
	if s.Database() != "" {
		env = append(env, "DATABASE_URL="+s.Database())
	}
	ready := filepath.Join(t.TempDir(), "ready.json")
	killed := 0
	for wait := 30 * time.Millisecond; killed < 20; wait += 60 * time.Millisecond {
		var log apptest.Log
		p, err := apptest.Run(&log, nil, env, "demo", "--data", s.Dir(), "--addr", "localhost:0", "--ready-file", ready)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.Done:
			t.Fatalf("after %d kills it ends by itself with %d: %s", killed, p.Status(), log.String())
		case <-time.After(wait): // the moment of the kill
		}
		p.Kill()
		killed++
		if _, err := os.Stat(ready); err == nil {
			break
		}
	}
	if killed < 2 {
		t.Error("it was through before it could be killed twice")
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	c := s.As(t)
	fresh := apptest.Start(t, apptest.Options{Engine: engine}).As(t)
	for _, table := range []string{"catalog_product", "catalog_variant", "stock_level", "db_migration", "delivery_method", "pricing_code", "content_page", "secret_check", "auth_staff"} {
		if a, b := c.Count(`SELECT count(*) FROM `+table), fresh.Count(`SELECT count(*) FROM `+table); a != b {
			t.Errorf("%s: %d rows, a shop that nobody killed has %d", table, a, b)
		}
	}
	v := c.Scarce(10)
	p, _ := c.Paid(v, 1)
	settled(c, p.Token)
	fresh.Kill()
	// A newer program has been here: this one refuses, changes nothing, and says why.
	if code := s.Stop(); code != 0 {
		t.Errorf("stopped with %d", code)
	}
	db := direct(t, s)
	run := func(stmt string, args ...any) {
		t.Helper()
		if _, err := db.Exec(stmt, args...); err != nil {
			t.Fatal(err)
		}
	}
	run(`INSERT INTO db_migration (room, version, name, hash, applied_at) VALUES ('order', 9999, 'future', 'x', 0)`)
	if err := s.Open(); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("a newer schema: %v", err)
	}
	run(`DELETE FROM db_migration WHERE version=9999`)
	var hash string
	if err := db.QueryRow(`SELECT hash FROM db_migration WHERE room='payment' AND version=1`).Scan(&hash); err != nil {
		t.Fatal(err)
	}
	run(`UPDATE db_migration SET hash='other' WHERE room='payment' AND version=1`)
	if err := s.Open(); err == nil || !strings.Contains(err.Error(), "differs") {
		t.Errorf("another past: %v", err)
	}
	run(`UPDATE db_migration SET hash=$1 WHERE room='payment' AND version=1`, hash)
	db.Close()
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	c = s.As(t)
	if q := c.Purchase(p.Token); q.State != "paid" {
		t.Errorf("%+v", q)
	}
	for _, w := range c.Books() {
		t.Error(w)
	}
})

// direct opens the database of a shop that is not running.
func direct(t *testing.T, s *apptest.Shop) *sql.DB {
	t.Helper()
	driver, at := "sqlite", "file:"+filepath.Join(s.Dir(), "shop.db")
	if s.Database() != "" {
		driver, at = "pgx", s.Database()
	}
	db, err := sql.Open(driver, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Work that cannot be done, in every queue.
var _ = apart("AC-075", func(t *testing.T, engine string) {
	c := lone(t, apptest.Options{Engine: engine})
	pid := c.PID
	if code := c.Stop(); code != 0 {
		t.Fatalf("stopped with %d", code)
	}
	// Jobs about things that are not there, with one try left.
	db := direct(t, c.Shop)
	kinds := []string{"order.placed", "purchase.ended", "notice.refunded", "checkout.money_returned"}
	for i, kind := range kinds {
		if _, err := db.Exec(`INSERT INTO job_job (id, kind, ref_id, run_at, attempts, max_attempts, state, last_error, created_at) VALUES ($1,$2,$3,0,9,10,'queued','',0)`, 1000+i, kind, 424242+i); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	if c.PID == pid {
		t.Fatal("the same process")
	}
	pid = c.PID
	// Pictures that are none, with broken facts in them.
	staff := c.Shop.Staff(c, "catalogue")
	product := c.Query(`SELECT id FROM catalog_product WHERE status='published' ORDER BY id LIMIT 1`)[0][0]
	for what, data := range poisonPictures() {
		a := uploadPicture(staff, "/admin/products/"+product+"/pictures", what+".jpg", data)
		if a.Status >= 500 {
			t.Errorf("picture %s: %d", what, a.Status)
		}
	}
	// An import with bad rows and pictures that cannot be fetched.
	csv := filepath.Join(t.TempDir(), "goods.csv")
	text := "Handle,Title,Body (HTML),Vendor,Variant SKU,Variant Price,Image Src,Published,Status\n" +
		"prov-gift,Prov gift,<p>En text</p>,Prov,PROV-1,100,http://127.0.0.1:9/a.jpg,TRUE,active\n" +
		"prov-gift-2,,,,PROV-2,inte ett pris,https://169.254.169.254/x.png,TRUE,active\n" +
		"prov-gift-3,Prov tre,<p>x</p>,Prov,PROV-3,1e999,gopher://x/,TRUE,active\n"
	if err := os.WriteFile(csv, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{}
	if c.Database() != "" {
		env = append(env, "DATABASE_URL="+c.Database())
	}
	if out, code := apptest.Command(t, env, "import", csv, "--data", c.Dir()); code != 3 && code != 1 {
		t.Errorf("import of bad rows: %d %s", code, out)
	}
	c.Wait("every poisoned job has ended", 60*time.Second, func() bool {
		return c.Count(`SELECT count(*) FROM job_job WHERE id BETWEEN 1000 AND 1099 AND state='queued'`) == 0
	})
	dead := c.Count(`SELECT count(*) FROM job_job WHERE id BETWEEN 1000 AND 1099 AND state='dead'`)
	if dead == 0 {
		t.Error("no job is dead: the poison was none")
	}
	page := c.Shop.Staff(c, "owner").Do("GET", "/admin/jobs", nil)
	if page.Status != 200 || strings.Count(string(page.Body), "/retry") < dead {
		t.Errorf("staff see %d of %d dead jobs", strings.Count(string(page.Body), "/retry"), dead)
	}
	ids := c.Query(`SELECT id FROM job_job WHERE id BETWEEN 1000 AND 1099 AND state='dead' ORDER BY id`)
	if a := c.Shop.Staff(c, "owner").Form("/admin/jobs/"+ids[0][0]+"/retry", url.Values{}); a.Status != 303 {
		t.Errorf("retry: %d", a.Status)
	}
	c.Wait("tried again, it fails again", 30*time.Second, func() bool { return c.Count(`SELECT attempts FROM job_job WHERE id=$1`, mustID(t, ids[0][0])) > 0 })
	for _, r := range ids[1:] {
		if a := c.Shop.Staff(c, "owner").Form("/admin/jobs/"+r[0]+"/drop", url.Values{}); a.Status != 303 {
			t.Errorf("drop: %d", a.Status)
		}
	}
	// Everybody else's work goes on.
	mail := apptest.NewMail()
	v := c.Scarce(5)
	p, o := c.PaidCart(c.Complete(c.Cart(1, v).ID, apptest.Buyer(mail)))
	if m := c.OneMail(mail); !strings.Contains(m.Text, o.Number) {
		t.Errorf("%s", m.Subject)
	}
	settled(c, p.Token)
	// A mail that no server takes is one mail that does not arrive.
	odd := apptest.Buyer("prov@xn--nxasmq6b." + strings.Repeat("a", 60) + ".example")
	k := c.Cart(1, v)
	if a := c.Do("PUT", apptest.API+"/carts/"+k.ID+"/customer", odd); a.Status >= 500 {
		t.Errorf("an odd address: %v", a)
	}
	if a := c.Do("GET", c.Ops+"/healthz", nil); a.Status != 200 || c.PID != pid || !c.Alive() {
		t.Errorf("health: %v", a)
	}
	if strings.Contains(c.Records(), "a loop fell") {
		t.Error("a loop fell")
	}
})

// The bank is silent, breaks off, answers nonsense, asks to come later, is not there.
var _ = apart("AC-076", func(t *testing.T, engine string) {
	bank := apptest.StartBank(t)
	tap := apptest.NewTap(t, bank.URL)
	c := lone(t, apptest.Options{Engine: engine, Bank: tap.URL})
	v := c.Scarce(1000)
	var mu sync.Mutex
	type fault func(forward func() (int, []byte)) (int, []byte)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	silence := func() (int, []byte) {
		select {
		case <-time.After(30 * time.Second):
		case <-stop:
		}
		return 0, nil
	}
	faults := []struct {
		what string
		f    fault
	}{
		{"reset before", func(func() (int, []byte)) (int, []byte) { return 0, nil }},
		{"reset after", func(fwd func() (int, []byte)) (int, []byte) { fwd(); return 0, nil }},
		{"500 after", func(fwd func() (int, []byte)) (int, []byte) { fwd(); return 500, []byte(`{"code":"x"}`) }},
		{"502 page", func(fwd func() (int, []byte)) (int, []byte) { return 502, []byte(`<html>Bad gateway`) }},
		{"429", func(fwd func() (int, []byte)) (int, []byte) { return 429, []byte(`{"code":"slow_down"}`) }},
		{"half an answer", func(fwd func() (int, []byte)) (int, []byte) { s, b := fwd(); return s, b[:len(b)/2] }},
		{"silence after", func(fwd func() (int, []byte)) (int, []byte) { fwd(); return silence() }},
	}
	carts := make([]apptest.Cart, len(faults))
	for i := range faults {
		carts[i] = c.ReadyCart(v, int64(i+1))
	}
	hit := map[string]int{} // what met a fault already
	tokens := map[string]int{}
	tap.Meddle(func(x apptest.Call, forward func() (int, []byte)) (int, []byte) {
		for i, k := range carts {
			mu.Lock()
			name := ""
			if x.Method == "POST" && x.Path == "/v1/payments" && byAmount(x.Body, k.Totals.Total.Amount) {
				name = fmt.Sprint("begin ", i)
			}
			for token, j := range tokens {
				if j == i && x.Method == "GET" && strings.Contains(x.Path, url.QueryEscape(token)) {
					name = fmt.Sprint("look ", i)
				}
			}
			first := name != "" && hit[name] == 0
			if name != "" {
				hit[name]++
			}
			mu.Unlock()
			if first {
				return faults[i].f(forward)
			}
		}
		return forward()
	})
	ps := make([]apptest.Purchase, len(faults))
	together(len(faults), func(i int) {
		a := c.Post(carts[i], apptest.Wish{Key: "k"})
		if a.Status != 202 || a.JSON(&ps[i]) != nil {
			t.Errorf("%s: %v", faults[i].what, a)
			return
		}
		if ps[i].Terminal() {
			t.Errorf("%s: the buyer is told %s", faults[i].what, ps[i].State)
		}
		var q apptest.Purchase
		if a = c.Post(carts[i], apptest.Wish{Key: "k"}); a.Status != 409 {
			c.Want(a, 202, &q)
			if q.Token != ps[i].Token {
				t.Errorf("%s: a second purchase", faults[i].what)
			}
		}
	})
	if t.Failed() {
		return
	}
	never := func(i int, p apptest.Purchase) {
		if p.State == "refused" || p.State == "expired" {
			t.Errorf("%s: the buyer is told %s (%s) while nobody knows", faults[i].what, p.State, p.Message)
		}
	}
	together(len(faults), func(i int) {
		ps[i] = c.Until(ps[i].Token, 60*time.Second, func(p apptest.Purchase) bool { never(i, p); return p.Next != nil || p.Terminal() })
	})
	for i, p := range ps {
		if n := len(c.Payments(p.Token)); n != 1 {
			t.Errorf("%s: %d payments at the bank", faults[i].what, n)
		}
		if hit[fmt.Sprint("begin ", i)] == 0 {
			t.Errorf("%s was not met", faults[i].what)
		}
	}
	if t.Failed() {
		return
	}
	// And the same once more when the buyer has paid.
	mu.Lock()
	for i, p := range ps {
		tokens[p.Token] = i
	}
	mu.Unlock()
	together(len(faults), func(i int) { c.Pay(ps[i], apptest.Silent) })
	together(len(faults), func(i int) {
		p := c.Until(ps[i].Token, 90*time.Second, func(p apptest.Purchase) bool { never(i, p); return p.Terminal() })
		if p.State != "paid" {
			t.Errorf("%s: %+v", faults[i].what, p)
		}
	})
	sameKeys(c, tap)
	// The bank cannot be reached at all, then it can.
	k := c.ReadyCart(v, 20)
	bank.Kill()
	var p apptest.Purchase
	c.Want(c.Post(k, apptest.Wish{Key: "borta"}), 202, &p)
	if p.Terminal() {
		t.Errorf("the bank is gone: %+v", p)
	}
	bank.Reopen(t)
	p = c.Until(p.Token, 60*time.Second, func(p apptest.Purchase) bool { return p.Next != nil || p.Terminal() })
	c.Pay(p, apptest.Good)
	paidWithin(c, p.Token, 40*time.Second)
	for _, w := range c.Books() {
		t.Error(w)
	}
})

// What is switched off is off on every way in.
var _ = apart("AC-061", func(t *testing.T, engine string) {
	c := lone(t, apptest.Options{Engine: engine})
	owner := c.Shop.Staff(c, "owner")
	set := func(key, value string) {
		t.Helper()
		if a := owner.Form("/admin/settings", url.Values{"value." + key: {value}}); a.Status != 303 {
			t.Fatalf("%s=%s: %d %s", key, value, a.Status, a.Words())
		}
	}
	v := c.Scarce(100)
	cancel := func(o *apptest.Order, token string) apptest.Answer {
		return c.Form("/orders/"+token+"/cancel", url.Values{})
	}
	// While they are on, both work.
	p, o := c.Paid(v, 1)
	if a := cancel(&o, p.Order.Token); a.Status != 303 || c.AdminOrder(o.Number).State != "cancelled" {
		t.Fatalf("the buyer cancels: %d, %s", a.Status, c.AdminOrder(o.Number).State)
	}
	first := o.Number
	q := c.Buy(c.ReadyCart(v, 1), apptest.Wish{Method: "invoice"})
	if q = c.Final(q.Token); q.State != "placed" {
		t.Fatalf("%+v", q)
	}
	p, o = c.Paid(v, 1)
	k, dear := c.ReadyCart(v, 1), c.ReadyCart(v, 3)
	codes, _, _, _ := c.BuyGift(c.GiftCards()[0], 1)
	gift, other := codes[0], c.ReadyCart(v, 1)
	c.Want(c.Do("PUT", apptest.API+"/carts/"+other.ID+"/discounts/"+gift, nil), 200, nil)
	c.Want(c.Do("DELETE", apptest.API+"/carts/"+other.ID+"/discounts/"+gift, nil), 200, nil)
	set("order.cancel_online", "false")
	set("payment.invoice", "false")
	set("gift_card.on", "false")
	// What the first half set going comes to its end: refund, mails.
	c.Wait("the first order's money is back", 30*time.Second, func() bool { return c.AdminOrder(first).Payment.Refunded == c.AdminOrder(first).Payment.Paid })
	c.Wait("nothing is under way", 30*time.Second, func() bool {
		return c.Count(`SELECT count(*) FROM job_job WHERE state='queued' AND attempts=0 AND kind NOT LIKE '%.sweep' AND kind NOT LIKE 'secret.%'`) == 0 &&
			c.Count(`SELECT count(*) FROM mail_message WHERE state='queued'`) == 0
	})
	stock := c.Stock(v.ID)
	prints := c.Fingerprint("audit_", "auth_", "cart_", "giftcard_try")
	if a := c.Do("PUT", apptest.API+"/carts/"+other.ID+"/discounts/"+gift, nil); a.Status != 422 {
		t.Errorf("a gift card, switched off: %v", a)
	}
	for _, x := range []apptest.Answer{c.Do("GET", "/gift-card", nil), c.Form("/gift-card", url.Values{"code": {gift}}), c.Do("GET", "/en/gift-card", nil)} {
		if x.Status != 404 {
			t.Errorf("the gift card's page, switched off: %d", x.Status)
		}
	}
	for range 3 {
		for _, x := range []struct{ method, path string }{{"POST", "/orders/" + p.Order.Token + "/cancel"}, {"POST", "/en/orders/" + p.Order.Token + "/cancel"}} {
			if a := c.Form(x.path, url.Values{}); a.Status != 409 && a.Status != 403 && a.Status != 404 {
				t.Errorf("%s, switched off: %d %s", x.path, a.Status, a.Location())
			}
		}
		if a := c.Post(k, apptest.Wish{Method: "invoice"}); a.Status != 422 {
			t.Errorf("the invoice, switched off: %v", a)
		}
	}
	if a := c.Do("GET", "/orders/"+p.Order.Token, nil); len(a.Find(`form[action$="/cancel"]`)) != 0 {
		t.Error("the page offers what is switched off")
	}
	for _, m := range methodsOf(c, k.ID) {
		if m == "invoice" {
			t.Error("the API offers what is switched off")
		}
	}
	page := c.Other()
	if a := pageBuy(page, pageCart(page, v, 1), apptest.Buyer(apptest.NewMail()), func(f url.Values) { f.Set("payment_method", "invoice") }); a.Status != 422 {
		t.Errorf("the page, switched off: %d", a.Status)
	}
	// What this shop does not have is not there either, by any method.
	for _, path := range []string{"/register", "/reviews", "/products/" + v.Product + "/reviews", "/gift-cards", "/wishlist", "/account/register", "/newsletter", apptest.API + "/reviews", apptest.API + "/customers",
		apptest.API + "/gift-cards", apptest.API + "/carts/" + k.ID + "/gift-cards", apptest.API + "/orders/" + p.Order.Token + "/cancel"} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			if a := c.Do(method, path, nil, "Sec-Fetch-Site", "same-origin", "Origin", c.Shop.Shop); a.Status != 404 && a.Status != 405 {
				t.Errorf("%s %s: %d", method, path, a.Status)
			}
		}
	}
	if changed := apptest.Changed(prints, c.Fingerprint("audit_", "auth_", "cart_", "giftcard_try")); len(changed) > 0 {
		t.Errorf("something was stored: %v", changed)
	}
	if s := c.Stock(v.ID); s != stock {
		t.Errorf("stock %+v, was %+v", s, stock)
	}
	// The limit of the invoice is a switch too.
	set("payment.invoice", "true")
	set("payment.invoice_max", fmt.Sprint((k.Totals.Total.Amount+99)/100))
	if a := c.Post(dear, apptest.Wish{Method: "invoice"}); a.Status != 422 {
		t.Errorf("above the limit: %v", a)
	}
	q = c.Buy(k, apptest.Wish{Method: "invoice"})
	if q = c.Final(q.Token); q.State != "placed" {
		t.Errorf("below the limit: %+v", q)
	}
	set("gift_card.on", "true")
	if k := c.GetCart(other.ID); len(k.GiftCards) != 0 || c.Do("GET", "/gift-card", nil).Status != 200 {
		t.Errorf("%+v", k.GiftCards)
	}
	c.Want(c.Do("PUT", apptest.API+"/carts/"+other.ID+"/discounts/"+gift, nil), 200, nil)
	set("order.cancel_online", "true")
	if a := cancel(&o, p.Order.Token); a.Status != 303 || c.AdminOrder(o.Number).State != "cancelled" {
		t.Errorf("switched on again: %d", a.Status)
	}
})
