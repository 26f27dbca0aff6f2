package app

import (
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"kassavalv/internal/apptest"
	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
)

// visitAll makes the program ask all it can ask.
func visitAll(t *testing.T, a *App, s *apptest.Shop) {
	c := s.As(t)
	if err := a.Index.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What is done each hour and each day is not waited for.
	if _, err := a.Audit.Check(t.Context(), audit.VerifyOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Do(t.Context(), a.DB, audit.Count); err != nil {
		t.Fatal(err)
	}
	one := func(stmt string, args ...any) string {
		t.Helper()
		rows := c.Query(stmt, args...)
		if len(rows) == 0 {
			t.Fatalf("no row of %s", stmt)
		}
		return rows[0][0]
	}
	form := func(who *apptest.Client, path string, v url.Values) apptest.Answer {
		t.Helper()
		r := who.Form(path, v)
		if r.Status >= 400 {
			t.Fatalf("POST %s: %d %s", path, r.Status, r.Words())
		}
		return r
	}
	by := auth.System("test")
	if err := db.Do(t.Context(), a.DB, func(tx *db.Tx) error {
		_, err := pricing.PutCode(tx, by, pricing.Code{Code: "PROV10", Kind: "percent", Value: 1000, Label: catalog.Localized{SV: "Prov", EN: "Try"}})
		return err
	}); err != nil {
		t.Fatal(err)
	}

	// A sale, its way out of the house and back.
	v, w := c.Variant(), c.Variant()
	mail := apptest.NewMail()
	k := c.Complete(c.Cart(2, v, w).ID, apptest.Buyer(mail))
	c.Want(c.Do("PUT", apptest.API+"/carts/"+k.ID+"/discounts/PROV10", nil), 200, &k)
	p, o := c.PaidCart(k)
	c.OneMail(mail)
	orderID := one(`SELECT id FROM order_order WHERE number=$1`, o.Number)
	owner := s.Staff(c, "owner")
	ship := url.Values{"carrier": {"local"}, "tracking": {"KV1"}, "key": {"p1"}}
	for _, l := range o.Lines {
		ship.Set("pieces."+l.ID, "1")
	}
	owner.Opened("/admin/orders/"+o.Number, "packing")
	form(owner, "/admin/orders/"+o.Number+"/ship", ship)
	page := owner.Do("GET", "/admin/orders/"+o.Number, nil)
	for _, n := range page.Find(`form[action$="/refund"]`) {
		f := apptest.Values(n)
		f.Set("amount", "1")
		f.Set("reason", "repig")
		f.Set("totp", owner.Code(owner.Member("owner")))
		form(owner, apptest.Attr(n, "action"), f)
	}
	back := c.Do("GET", "/withdraw?order="+p.Order.Token, nil)
	action, f := c.FormOf(back, `main form[method=post]`)
	for _, l := range back.Find(`main input[name="line"]`) {
		f.Add("line", apptest.Attr(l, "value"))
	}
	action, f = c.FormOf(form(c, action, f), `form[action$="/withdraw/confirm"]`)
	received := strings.TrimPrefix(form(c, action, f).Location(), "/withdraw/received/")
	ret := one(`SELECT id FROM returns_return WHERE order_id=$1`, orderID)
	at := "/admin/returns/" + ret
	for _, step := range []string{"/receive", "/accept", "/refund"} {
		for _, n := range owner.Do("GET", at, nil).Find(`form[action$="` + step + `"]`) {
			f := apptest.Values(n)
			for _, i := range []string{"totp"} {
				if _, ok := f[i]; ok {
					f.Set(i, owner.Code(owner.Member("owner")))
				}
			}
			owner.Form(apptest.Attr(n, "action"), f)
		}
	}
	// A purchase that is refused, one by invoice, one that is left open.
	k = c.ReadyCart(v, 1)
	r := c.Buy(k, apptest.Wish{})
	c.Pay(r, apptest.Declined)
	c.Final(r.Token)
	c.Want(c.Post(c.ReadyCart(v, 1), apptest.Wish{Method: "invoice"}), 202, &r)
	silent := c.Buy(c.ReadyCart(v, 1), apptest.Wish{})
	c.Pay(silent, apptest.Silent)
	open := c.ReadyCart(v, 1)
	// Gift cards: two are bought, one pays a part and gets it back, both are given up; one is
	// issued by hand, extended and ended.
	codes, given, _, _ := c.BuyGift(c.GiftCards()[0], 2)
	k = c.ReadyCart(v, 20000/v.Price.Amount+1)
	c.Want(c.Do("PUT", apptest.API+"/carts/"+k.ID+"/discounts/"+codes[0], nil), 200, &k)
	c.Do("PUT", apptest.API+"/carts/"+k.ID+"/discounts/0000-0000-0000-0000-0001", nil)
	_, part := c.PaidCart(k)
	c.Want(c.Admin("POST", "/orders/"+part.Number+"/refunds", map[string]any{"amount": part.Totals.Total, "reason": "prov"}), 202, nil)
	form(c, "/gift-card", url.Values{"code": {codes[1]}})
	action, f = c.FormOf(c.Do("GET", "/withdraw?order="+given.Order.Token, nil), `main form[method=post]`)
	f.Set("line", c.Order(given.Order.Token).Lines[0].ID)
	action, f = c.FormOf(form(c, action, f), `form[action$="/withdraw/confirm"]`)
	form(c, action, f)
	action, f = c.FormOf(owner.Do("GET", "/admin/gift-cards/new", nil), `form[action$="/new"]`)
	f.Set("amount", "50")
	f.Set("email", apptest.NewMail())
	f.Set("reason", "plåster på såret")
	f.Set("totp", owner.Code(owner.Member("owner")))
	gift := form(owner, action, f).Location()
	form(owner, gift+"/extend", url.Values{"expires_on": {"2041-01-01"}, "reason": {"prov"}})
	form(owner, gift+"/cancel", url.Values{"reason": {"prov"}})
	// The bank's file, what waits in it, and the comparison of the books.
	money := visitMoney(t, a, s, owner, o.Number)
	// A question and its answer, a code that is tried, an order that is looked for.
	talk := strings.TrimPrefix(form(c, "/support", url.Values{"topic": {"other"}, "message": {"Finns den i blått?"}, "name": {"Kim"}, "email": {mail}}).Location(), "/cases/")
	caseID := one(`SELECT max(id) FROM support_case`)
	for _, n := range owner.Do("GET", "/admin/cases/"+caseID, nil).Find(`form[method=post][action^="/admin/cases/"]`) {
		f := apptest.Values(n)
		f.Set("text", "Ja.")
		f.Set("message", "Ja.")
		owner.Form(apptest.Attr(n, "action"), f)
	}
	form(c, "/orders/find", url.Values{"number": {o.Number}, "email": {mail}})
	// Customers are looked for, opened and hidden again; the next parcel is packed.
	for _, find := range []string{mail, "0701740605", "11221", "Kim Prov"} {
		owner.Form("/admin/customers", url.Values{"find": {find}})
	}
	owner.Opened("/admin/cases/"+caseID, "customer_question")
	owner.Form("/admin/personal/shut", url.Values{"entity": {"case"}, "id": {caseID}})
	for _, x := range [][2]string{{"case", caseID}, {"order", orderID}, {"customer", one(`SELECT max(id) FROM customer_customer`)}} {
		owner.Form("/admin/callers/send", url.Values{"entity": {x[0]}, "id": {x[1]}})
		owner.Form("/admin/callers/check", url.Values{"entity": {x[0]}, "id": {x[1]}, "code": {"000000"}})
	}
	owner.Form("/admin/packing/next", url.Values{})
	owner.Form("/admin/packing/next", url.Values{"after": {orderID}})
	// A wish for what is sold out.
	gone := one(`SELECT max(v.id) FROM catalog_variant v JOIN catalog_product p ON p.id=v.product JOIN stock_level l ON l.variant_id=v.id WHERE p.status='published' AND v.status='active' AND l.tracked=1 AND l.backorder=0 AND l.on_hand=0`)
	wish := strings.TrimPrefix(form(c, "/products/"+one(`SELECT p.handle FROM catalog_product p JOIN catalog_variant v ON v.product=p.id WHERE v.id=$1`, gone)+"/notify", url.Values{"variant": {gone}, "email": {apptest.NewMail()}}).Location(), "/waiting/")
	c.Do("POST", "/cart/lines", apptest.Raw(url.Values{"variant_id": {v.ID}, "quantity": {"1"}}.Encode()), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin", "Origin", c.Shop.Shop)

	importSome(t, a)

	// Something feels wrong, and what comes of it; a lesson, and a right that demands it.
	felt := form(owner, "/admin/incidents", url.Values{"at": {"/admin/orders"}, "text": {"Det blinkar."}}).Location()
	form(owner, "/admin/incidents", url.Values{"at": {"/admin/orders"}, "text": {"Igen."}})
	for _, act := range []struct {
		name string
		v    url.Values
	}{{"/take", nil}, {"/note", url.Values{"text": {"Ja."}}}, {"/severity", url.Values{"severity": {"low"}}}, {"/personal", url.Values{"to": {"suspected"}, "from": {"now"}}}, {"/personal", url.Values{"to": {"cleared"}, "why": {"Inget syntes."}}},
		{"/close", url.Values{"learned": {"En kabel."}}}, {"/reopen", url.Values{"why": {"Igen."}}}} {
		if r := form(owner, felt+act.name, act.v); r.Status != 303 {
			t.Errorf("POST %s: %d", act.name, r.Status)
		}
	}
	form(owner, "/admin/incidents/call", url.Values{"name": {"Kim"}, "phone": {"08-12 34 56"}, "contact_version": {"0"}})
	form(owner, "/admin/lessons/phishing/answers", url.Values{"version": {"1"}, "q1": {"0"}, "q2": {"0"}, "q3": {"0"}})
	form(owner, "/admin/lessons/needs", url.Values{"right": {"export.bulk"}, "lesson": {"phishing"}, "grace": {"7"}})

	// Every page there is to get.
	product := one(`SELECT product FROM catalog_variant WHERE id=$1`, v.ID)
	document := ""
	for _, n := range c.Do("GET", "/orders/"+p.Order.Token, nil).Find(`a[href*="/documents/"]`) {
		href := apptest.Attr(n, "href")
		document = href[strings.LastIndex(href, "/")+1:]
	}
	vars := map[string]string{"handle": v.Product, "variant": v.ID, "number": o.Number, "token": p.Order.Token, "line": open.Lines[0].ID, "parcel": "1", "version": "1", "file": "goods-1.xml", "document": document, "code": "PROV10", "format": "json", "key": "local", "lesson": "phishing"}
	ids := map[string]string{"/admin/campaigns/": one(`SELECT max(id) FROM pricing_campaign`), "/admin/cases/": caseID, "/admin/customers/": one(`SELECT max(id) FROM customer_customer`), "/admin/categories/": one(`SELECT max(id) FROM catalog_category`), "/admin/codes/": one(`SELECT max(id) FROM pricing_code`), "/admin/gift-cards/": strings.TrimPrefix(gift, "/admin/gift-cards/"),
		"/admin/delivery/": one(`SELECT max(id) FROM delivery_method`), "/admin/products/": product, "/admin/purchases/": one(`SELECT max(id) FROM checkout_purchase`), "/admin/returns/": ret,
		"/admin/staff/": one(`SELECT max(id) FROM auth_staff`), "/admin/lessons/record/": one(`SELECT max(id) FROM auth_staff WHERE state='active'`), "/admin/incidents/": strings.TrimPrefix(felt, "/admin/incidents/"), "/api/store/v1/carts/": open.ID, "/api/admin/v1/variants/": v.ID}
	maps.Copy(ids, money)
	ids["/api/admin/v1/purchases/"] = ids["/admin/purchases/"]
	// A customer who signs in, has an account, and asks for another address.
	buyer, kMail := c.Other(), apptest.NewMail()
	letter := func(to, re string) string {
		t.Helper()
		var m []string
		c.Wait("a letter", 60*time.Second, func() bool {
			for _, x := range c.Mails(to) {
				if m = regexp.MustCompile(re).FindStringSubmatch(x.Text); m != nil {
					return true
				}
			}
			return false
		})
		return m[1]
	}
	form(buyer, "/login", url.Values{"email": {kMail}})
	form(buyer, "/login/code", url.Values{"code": {letter(kMail, `\b(\d{4} \d{4})\b`)}})
	form(buyer, "/account/open", url.Values{"name": {"Kim"}})
	form(buyer, "/account/security/app", url.Values{})
	form(buyer, "/account/email", url.Values{"email": {apptest.NewMail()}})
	// Another, who has an app, loses it with its codes and asks that it fall away.
	loser, lMail := c.Other(), apptest.NewMail()
	in := func(code int) { // with the code of so many letters
		form(loser, "/login", url.Values{"email": {lMail}})
		var codes []string
		c.Wait("a letter", 60*time.Second, func() bool {
			codes = nil
			for _, x := range c.Mails(lMail) {
				codes = append(codes, regexp.MustCompile(`\b\d{4} \d{4}\b`).FindAllString(x.Text, 1)...)
			}
			return len(codes) == code
		})
		form(loser, "/login/code", url.Values{"code": {codes[0]}})
	}
	in(1)
	form(loser, "/account/open", url.Values{"name": {"Bo"}})
	form(loser, "/account/security/app", url.Values{})
	for _, n := range loser.Do("GET", "/account/security/app", nil).Find("code.key") {
		code, err := totp.GenerateCode(strings.ReplaceAll(n.FirstChild.Data, " ", ""), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		form(loser, "/account/security/app/confirm", url.Values{"code": {code}})
	}
	form(loser, "/logout", url.Values{})
	in(2)
	form(loser, "/login/lost", url.Values{})
	// The account that is paid to: the only owner asks, waits a day, and may stop it.
	company, payout := owner.FormOf(owner.Do("GET", "/admin/company", nil), `main form[method=post]`)
	payout.Set("bankgiro", "5050-1055")
	form(owner, company, payout)
	form(owner, "/admin/keys/turn", url.Values{"totp": {owner.Code(owner.Member("owner"))}})
	boss := ""
	for _, x := range s.Members {
		if x.Role == "owner" {
			boss = x.Email
		}
	}
	asked := form(owner, "/admin/privacy/new", url.Values{"kind": {"access"}, "asked_on": {time.Now().Format(time.DateOnly)}, "email": {mail}, "lang": {"sv"}, "text": {"Vad har ni om mig?"}})
	ids["/admin/privacy/"] = one(`SELECT max(id) FROM privacy_request`)
	if asked.Status != 200 && asked.Status != 303 {
		t.Errorf("a request on behalf: %d", asked.Status)
	}
	ids["/admin/tokens/"] = one(`SELECT max(id) FROM auth_token`)
	form(buyer, "/account/data/limit", url.Values{"kind": {"restrict"}, "why": {""}})
	mine := buyer.Do("GET", "/account/data", nil).Find(`main a[href^="/privacy/"]`)
	if len(mine) == 0 {
		t.Fatal("no request on the page of one's details")
	}
	tokens := map[string]string{"/privacy/": strings.TrimPrefix(apptest.Attr(mine[0], "href"), "/privacy/"), "/admin/stop/": letter(boss, `/admin/stop/([A-Za-z0-9_-]+)`), "/account/moves/": letter(kMail, `/account/moves/([A-Za-z0-9_-]+)`), "/account/lost/": letter(lMail, `/account/lost/([A-Za-z0-9_-]+)`), "/cases/": talk, "/waiting/": wish, "/withdraw/received/": received, "/purchases/": silent.Token, apptest.API + "/purchases/": silent.Token}
	keys := map[string]string{"/admin/roles/": "orders"}
	handles := map[string]string{"/categories/": "kok", "/pages/": "villkor", "/admin/pages/": "villkor"}
	visited := 0
	for _, l := range a.routes["shop"] {
		if l.Method != "GET" || strings.HasSuffix(l.Path, "/events") {
			continue // a stream of events does not end
		}
		all := map[string]string{}
		for k, x := range vars {
			all[k] = x
		}
		for name, set := range map[string]map[string]string{"id": ids, "token": tokens, "handle": handles, "key": keys} {
			for prefix, x := range set {
				if strings.HasPrefix(strings.TrimPrefix(l.Path, "/en"), prefix) {
					all[name] = x
				}
			}
		}
		path := apptest.Fill(l.Path, all)
		who, h := c, []string(nil)
		if strings.HasPrefix(l.Path, "/admin") {
			who = owner
		} else if strings.HasPrefix(strings.TrimPrefix(l.Path, "/en"), "/account") {
			who = buyer
		} else if strings.HasPrefix(l.Path, apptest.AdminAPI) {
			h = []string{"Authorization", "Bearer " + s.AdminToken}
		}
		for _, query := range queriesOf(l.Path, o.Number, ids["/admin/staff/"], v) {
			r := who.Do("GET", path+query, nil, h...)
			if r.Status >= 500 {
				t.Errorf("GET %s%s: %d", path, query, r.Status)
			} else if r.Status >= 400 && query == "" && !mayRefuse(l.Path) {
				t.Errorf("GET %s: %d; name what it needs in vars or ids above", path, r.Status)
			}
			visited++
			if who != owner {
				continue
			}
			for _, n := range r.Find(`main a[href^="` + path + `?"]`) { // the filters of a list
				if x := who.Do("GET", apptest.Attr(n, "href"), nil); x.Status != 200 {
					t.Errorf("GET %s: %d", apptest.Attr(n, "href"), x.Status)
				}
				visited++
			}
		}
	}
	if visited < 100 {
		t.Errorf("only %d visits", visited)
	}
	c.Do("GET", s.Ops+"/readyz", nil)
	c.Do("GET", s.Ops+"/metrics", nil)
	// The loops: the silent payment is looked up, mails leave, the seal goes on.
	c.Final(silent.Token)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	a.sweepOnce(ctx)
	if err := a.Auth.Sweep(ctx); err != nil {
		t.Error(err)
	}
	if err := a.Accounts.Sweep(ctx); err != nil {
		t.Error(err)
	}
	if err := a.Vault.Turn(ctx); err != nil {
		t.Error(err)
	}
}

func mayRefuse(path string) bool {
	for _, p := range []string{"{path...}", "/admin/invite/", "/admin/assets/", "/admin/login/sso", "/static/", "/media/", "/sitemaps/", "/documents/", "/versions/", "/pickup-points", "/delivery-options", "/data/export/", "/confirm", "/variants", "/return"} {
		if strings.Contains(path, p) {
			return true
		}
	}
	return false
}

// queriesOf are the ways a list is asked for.
func queriesOf(path, number, staff string, v apptest.Variant) []string {
	out := []string{""}
	switch strings.TrimPrefix(path, "/en") {
	case "/search":
		out = append(out, "?q=mugg", "?q=mugg&sort=price")
	case "/search/suggest":
		out = append(out, "?q=mu")
	case "/categories/{handle}":
		out = append(out, "?sort=price&in_stock=1")
	case apptest.API + "/delivery-options", apptest.API + "/pickup-points":
		out = append(out, "?postal_code=11221")
	case apptest.API + "/products":
		out = append(out, "?q=mugg", "?category=kok&sort=price")
	case apptest.AdminAPI + "/variants":
		out = append(out, "?sku="+url.QueryEscape(v.SKU))
	case apptest.AdminAPI + "/purchases":
		out = append(out, "?state=paid")
	case apptest.AdminAPI + "/orders":
		out = append(out, "?state=placed", "?limit=1")
	case "/admin/orders":
		out = append(out, "?number="+number)
	case "/admin/gift-cards":
		out = append(out, "?last4=0000", "?last4=0000&show=active")
	case "/admin/products":
		out = append(out, "?find="+url.QueryEscape(v.SKU))
	case "/admin/audit":
		out = append(out, "?action=order.refund", "?actor="+staff, "?show=readings", "?show=readings&actor="+staff, "?show=readings&reason=packing", "?show=readings&day=2026-11-29", "?show=alarms")
	}
	return out
}

// importSome brings a few goods in twice: new ones and changed ones.
func importSome(t *testing.T, a *App) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "goods.csv")
	for _, price := range []string{"99.00", "89.00"} {
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		w := csv.NewWriter(f)
		w.Write([]string{"Handle", "Title", "Body (HTML)", "Vendor", "Tags", "Published", "Option1 Name", "Option1 Value", "Variant SKU", "Variant Grams", "Variant Inventory Tracker", "Variant Inventory Qty", "Variant Price", "Image Src"})
		for i := range 3 {
			w.Write([]string{fmt.Sprint("inford-", i), "Införd vara", "<p>Text</p>", "Prov", "ny", "true", "Färg", "Röd", fmt.Sprint("INF-", i), "300", "shopify", "5", price, "https://192.0.2.1/bild.jpg"})
		}
		w.Flush()
		if err := w.Error(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		// Over the control socket, as the command speaks to a running shop.
		r, err := Import(t.Context(), a.Dir, a.Config, file, ImportOptions{})
		if err != nil {
			t.Fatalf("%v: %+v", err, r)
		}
	}
}
