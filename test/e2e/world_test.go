package e2e

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// world names what the pages are looked at with: {order} and the like stand for a
// token, a number or an id of the shop that all journeys share.
type world map[string]string

// furnish makes one of everything that a page can be about.
func furnish(t *testing.T, s *apptest.Shop) world {
	t.Helper()
	w := world{}
	c := s.As(t)
	token := func(a apptest.Answer, prefix string) string {
		t.Helper()
		m := regexp.MustCompile(prefix + `([A-Za-z0-9_-]+)`).FindStringSubmatch(a.Location())
		if m == nil {
			t.Fatalf("no %s in %q: %d %s", prefix, a.Location(), a.Status, a.Words())
		}
		return m[1]
	}

	// Goods of one kind that are sold out.
	kinds := map[string]int{}
	for _, v := range c.Goods() {
		kinds[v.Product]++
	}
	gone := c.Variant()
	for kinds[gone.Product] > 1 {
		gone = c.Variant()
	}
	c.SetStock(gone.ID, 0)
	w["gone"] = gone.Product

	// Purchases in their states, and the orders that came of them.
	v := c.Variant()
	mail := apptest.NewMail()
	p, o := c.PaidCart(c.Complete(c.Cart(2, v).ID, apptest.Buyer(mail)))
	w["paid"], w["order"], w["number"] = p.Token, o.Token, o.Number
	_, sent := c.Paid(v, 1)
	c.Want(c.Admin("POST", "/orders/"+sent.Number+"/shipments", map[string]any{"lines": []map[string]any{{"line_id": sent.Lines[0].ID, "quantity": 1}}, "carrier": "local", "tracking_number": "PROV12345SE"}), 201, nil)
	w["shipped"] = sent.Token
	for _, n := range c.Do("GET", "/orders/"+o.Token, nil).Find(`main a[href*="/documents/"]`) {
		w["receipt"] = strings.TrimPrefix(apptest.Attr(n, "href"), "/orders/"+o.Token+"/documents/")
		break
	}
	_, back := c.Paid(v, 1)
	c.Want(c.Admin("POST", "/orders/"+back.Number+"/refunds", map[string]any{"amount": apptest.SEK(5000), "reason": "Repa"}), 202, nil)
	w["refunded"] = back.Token
	held := c.Variant()
	w["awaiting"], w["held"] = c.Buy(c.ReadyCart(held, 1), apptest.Wish{}).Token, held.ID
	bill := c.Buy(c.ReadyCart(v, 1), apptest.Wish{Method: "invoice"})
	w["placed"] = bill.Token
	no := c.Buy(c.ReadyCart(v, 1), apptest.Wish{})
	c.Pay(no, apptest.Declined)
	w["refused"] = c.Final(no.Token).Token

	_, given, _, _ := c.BuyGift(c.GiftCards()[1], 1)
	w["gift"] = given.Order.Token

	// A withdrawal and its acknowledgement.
	a := c.Form("/withdraw", url.Values{"name": {"Kim Prov"}, "number": {o.Number}, "email": {mail}})
	c.Want(a, 200, nil)
	action, form := c.FormOf(a, `form[action$="/withdraw/confirm"]`)
	w["acknowledged"] = token(c.Form(action, form), "/withdraw/received/")

	// Wishes for what is sold out, one taken back.
	wish := func() string {
		t.Helper()
		action, form := c.FormOf(c.Do("GET", "/products/kokshandduk-randa/notify", nil), `main form[method=post]`)
		form.Set("email", apptest.NewMail())
		return token(c.Form(action, form), "/waiting/")
	}
	w["wish"], w["forgotten"] = wish(), wish()
	c.Want(c.Form("/waiting/"+w["forgotten"]+"/stop", url.Values{}), 303, nil)

	// Questions, one with an answer, one with markup in it.
	ask := func(text string) string {
		t.Helper()
		return token(c.Form("/support", url.Values{"message": {text}, "name": {"Kim Prov"}, "email": {mail}}), "/cases/")
	}
	w["asked"] = ask("Passar muggen i diskmaskinen?")
	w["answered"] = ask("När kommer pläden tillbaka?")
	owner := s.Staff(c, "owner")
	for _, n := range owner.Do("GET", "/admin/cases", nil).Find("td a") {
		if at := apptest.Attr(n, "href"); strings.Contains(owner.Do("GET", at, nil).Words(), "pläden") {
			w["case"] = strings.TrimPrefix(at, "/admin/cases/")
		}
	}
	action, form = owner.FormOf(owner.Do("GET", "/admin/cases/"+w["case"], nil), `main form[method=post]`)
	form.Set("as", "answer")
	form.Set("message", "Den kommer i nästa vecka.")
	if a := owner.Form(action, form); a.Status != 303 {
		t.Fatalf("no answer to the case: %d %s", a.Status, a.Words())
	}

	w.account(t, s, c, owner, v)

	// What the back office has to show beside orders.
	for path, form := range map[string]url.Values{
		"/admin/campaigns/new":  {"name/sv": {"Vårrea"}, "kind": {"percent"}, "value": {"20"}, "from": {"2099-01-02"}, "target": {"all"}},
		"/admin/codes/new":      {"code": {"sommar"}, "kind": {"percent"}, "value": {"10"}},
		"/admin/categories/new": {"texts/sv/title": {"Lådor"}, "parent": {"0"}},
	} {
		if a := owner.Form(path, form); a.Status != 303 {
			t.Fatalf("%s: %d %s", path, a.Status, a.Words())
		}
	}
	a = owner.Form("/admin/staff", url.Values{"name": {"Prov"}, "email": {mail}, "role": {"reader"}})
	if a.Status != 200 {
		a = owner.Form("/admin/staff", url.Values{"name": {"Prov"}, "email": {mail}, "role": {"reader"}, "totp": {owner.Code(owner.Member("owner"))}})
	}
	c.Want(a, 200, nil)
	c.Wait("the invitation arrives", patience, func() bool {
		for _, m := range c.Mails(mail) {
			if at := regexp.MustCompile(`/admin/invite/([A-Za-z0-9_-]+)`).FindStringSubmatch(m.Text); at != nil {
				w["invite"] = at[1]
			}
		}
		return w["invite"] != ""
	})
	return w
}

// fill puts the world's names into a path.
func (w world) fill(path string) string {
	for k, v := range w {
		path = strings.ReplaceAll(path, "{"+k+"}", v)
	}
	return path
}
