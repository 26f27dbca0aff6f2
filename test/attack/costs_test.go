package attack

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// boughtFor is 7391,43 as any face may write it: in minor units, with a point or a comma, with
// a space of any kind between the thousands.
var boughtFor = regexp.MustCompile(`(?:^|[^0-9])7(?:\s|\x{a0}|\x{202f}|&nbsp;|&#160;)?391[.,]?43(?:[^0-9]|$)`)

// What goods cost to buy is on the pages and in the API of who may see it, and on no
// other face: not of another role, nor a token with every other right, a visitor, a buyer, the lists for machines,
// the search, a mail or the program's log.
func TestPurchasePrices(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, s *apptest.Shop) {
		c := s.As(t)
		v := c.Variant()
		owner := s.Staff(c, "owner")
		at := "/admin/variants/" + v.ID + "/cost"
		if a := owner.Form(at, url.Values{"cost": {"7391,43"}}); a.Status != 303 {
			t.Fatalf("the owner cannot write it: %d %s", a.Status, a.Words())
		}
		product := c.Query(`SELECT product FROM catalog_variant WHERE id=$1`, v.ID)[0][0]
		mail := apptest.NewMail()
		_, o := c.PaidCart(c.Complete(c.Cart(1, v).ID, apptest.Buyer(mail)))
		page, en := "/admin/products/"+product+"/variants/"+v.ID, "/en/admin/products/"+product+"/variants/"+v.ID

		// Who may.
		people := map[string]*apptest.Client{}
		for _, r := range roles {
			if people[r] = owner; r != "owner" {
				_, people[r] = c.Hire(c, r)
			}
		}
		may := []string{"owner", "catalogue"}
		for _, r := range may {
			for _, p := range []string{page, en} {
				if a := people[r].Do("GET", p, nil); !boughtFor.Match(a.Body) || len(a.Find("#cost")) != 1 {
					t.Errorf("%s does not see it at %s: %d", r, p, a.Status)
				}
			}
		}
		_, with := newToken(c, owner, "catalog.read", "costs.read")
		_, writes := newToken(c, owner, "catalog.read", "catalog.write", "costs.read")
		// A key that pays back has no other rights, and one does not make another.
		others := slices.DeleteFunc(slices.Clone(allScopes), func(r string) bool { return r == "costs.read" || r == "staff.write" || r == "refunds.write" })
		_, without := newToken(c, owner, others...)
		find := "/variants?sku=" + url.QueryEscape(v.SKU)
		if a := bearer(c, with, "GET", find, nil); !boughtFor.Match(a.Body) {
			t.Errorf("a token with the right does not see it: %d %s", a.Status, a.Body)
		}
		cost := map[string]any{"cost": map[string]any{"amount": 739143, "currency": "SEK"}}
		for name, x := range map[string]struct {
			key    string
			status int
		}{"who only sees": {with, 403}, "who does not see": {without, 403}, "who may both": {writes, 200}} {
			if a := bearer(c, x.key, "PUT", "/variants/"+v.ID+"/cost", cost); a.Status != x.status {
				t.Errorf("%s writes it: %d %s", name, a.Status, a.Body)
			}
		}
		for _, r := range roles {
			if a := people[r].Form(at, url.Values{"cost": {"7391,43"}}); (a.Status == 303) != slices.Contains(may, r) {
				t.Errorf("%s writes it: %d", r, a.Status)
			}
		}

		// Who may not: every page and answer there is to get.
		vars := map[string]string{"handle": v.Product, "variant": v.ID, "number": o.Number, "version": "1", "lesson": "phishing", "token": "x", "file": "goods-1.xml", "key": "orders"}
		seen := map[string]int{}
		for _, l := range table(t) {
			if l.Method != "GET" || strings.HasSuffix(l.Path, "/events") {
				continue
			}
			vars["id"] = "1"
			switch p := strings.TrimPrefix(l.Path, "/en"); {
			case strings.HasPrefix(p, "/admin/products/"):
				vars["id"] = product
			case strings.HasPrefix(p, apptest.AdminAPI+"/variants/"):
				vars["id"] = v.ID
			}
			path := apptest.Fill(l.Path, vars)
			look := func(who string, a apptest.Answer) {
				if a.Status == 200 {
					seen[who]++
				}
				if boughtFor.Match(a.Body) {
					t.Errorf("%s sees what it costs to buy at %s", who, path)
				}
			}
			queries := []string{""}
			switch strings.TrimPrefix(l.Path, "/en") {
			case "/search", "/search/suggest", apptest.API + "/products":
				queries = append(queries, "?q="+url.QueryEscape(v.Title), "?q=7391")
			case apptest.AdminAPI + "/variants":
				queries = []string{"?sku=" + url.QueryEscape(v.SKU)}
			case "/admin/products":
				queries = append(queries, "?find="+url.QueryEscape(v.SKU))
			}
			for _, query := range queries {
				switch {
				case l.staff():
					for _, r := range []string{"orders", "support", "reader"} {
						look(r, people[r].Do("GET", path+query, nil))
					}
					if strings.HasSuffix(strings.TrimPrefix(l.Path, "/en"), "/audit") { // the acts name no sum, whoever reads them
						look("the log", owner.Do("GET", path+query, nil))
					}
				case l.api():
					look("a token", c.Do("GET", path+query, nil, "Authorization", "Bearer "+without))
				default:
					look("a visitor", c.Do("GET", path+query, nil))
				}
			}
		}
		for who, n := range map[string]int{"orders": 20, "support": 15, "reader": 20, "a token": 5, "a visitor": 20, "the log": 2} {
			if seen[who] < n {
				t.Errorf("%s saw only %d pages", who, seen[who])
			}
		}
		if m := c.OneMail(mail); boughtFor.MatchString(m.Text) || boughtFor.MatchString(c.RawMail(m.ID)) {
			t.Error("a mail says what it costs to buy")
		}
		if boughtFor.MatchString(s.Log()) {
			t.Error("the program's log says what it costs to buy")
		}
		// Taken back, it is on nobody's page.
		if a := owner.Form(at, url.Values{"cost": {""}}); a.Status != 303 || boughtFor.Match(owner.Do("GET", page, nil).Body) {
			t.Errorf("it is not taken back: %d", a.Status)
		}
	})
}
