package attack

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

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
