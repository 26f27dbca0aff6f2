package e2e

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// crawl finds an example of each page of the back office by its links, as an owner
// would come there. What a page shows in another state is in officeStates.
func crawl(t *testing.T, s *apptest.Shop) []template {
	t.Helper()
	route := router(routes(t))
	owner := s.Staff(s.As(t), "owner")
	if a := owner.Form("/admin/incidents", url.Values{"at": {"/admin/orders"}, "text": {"Det blinkar."}}); a.Status != 303 {
		t.Errorf("something feels wrong: %d", a.Status)
	}
	if a := owner.Form("/admin/privacy/new", url.Values{"kind": {"access"}, "asked_on": {time.Now().Format(time.DateOnly)}, "email": {"fragar@kund.example"}, "lang": {"sv"}, "text": {"Vad har ni om mig?"}}); a.Status != 303 {
		t.Errorf("a request in writing: %d", a.Status)
	}
	seen, found, queue := map[string]bool{}, map[string]int{}, []string{"/admin"}
	var out []template
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		pattern := route(strings.SplitN(path, "?", 2)[0])
		if seen[path] || found[pattern] > 3 || unlooked[pattern] != "" {
			continue
		}
		seen[path] = true
		a := owner.Do("GET", path, nil)
		if a.Status == 303 {
			continue
		}
		if a.Status != 200 {
			t.Errorf("GET %s: %d", path, a.Status)
			continue
		}
		if found[pattern]++; found[pattern] == 1 {
			out = append(out, template{name: "office " + pattern, path: path})
		}
		for _, n := range a.Find("a[href]") {
			u, err := url.Parse(apptest.Attr(n, "href"))
			if err == nil && u.Host == "" && (u.Path == "/admin" || strings.HasPrefix(u.Path, "/admin/")) {
				u.Fragment = ""
				queue = append(queue, u.String())
			}
		}
	}
	return out
}

// officeStates are pages of the back office in states that crawl does not meet, for
// who is signed in as an owner.
var officeStates = []template{
	{"office, order to ship", "/admin/orders/{number}", 0, "Dolda uppgifter"},
	{"office, parcel to pack", "/admin/packing/{number}", 0, "Hoppa över"},
	{"office, orders without a hit", "/admin/orders?q=99999999", 0, ""},
	{"office, case", "/admin/cases/{case}", 0, "nästa vecka"},
	{"office, bank's file before it is taken in", "/admin/money/bank/drafts/{draft}", 0, "Inget är bokfört ännu"},
	{"office, new campaign", "/admin/campaigns/new", 0, ""},
	{"office, confirm", "/admin/confirm", 0, ""},
	{"office, something feels wrong", "/admin/incidents/new?at=/admin/orders", 0, "Vad såg du?"},
	{"office, no such lesson", "/admin/lessons/finns-inte", 404, "finns inte"},
	{"office, no such page", "/admin/finns-inte", 404, "finns inte"},
	{"office, no such order", "/admin/orders/99999999", 404, "finns inte"},
}

// officeDoor are the pages before the sign-in.
var officeDoor = []template{
	{"office, sign in", "/admin/login", 0, ""},
	{"office, recover", "/admin/recover", 0, ""},
	{"office, invitation", "/admin/invite/{invite}", 0, ""},
	{"office, dead invitation", "/admin/invite/xxxxxxxxxxxxxxxxxxxxxx", 404, ""},
}

// enter gives the tab the session of a member of staff.
func (p *tab) enter(role string) {
	p.t.Helper()
	p.cookie(apptest.CookieStaff, p.Client.Shop.Staff(p.Client, role).Cookie(apptest.CookieStaff))
}
