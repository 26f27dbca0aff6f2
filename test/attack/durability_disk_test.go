package attack

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

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
