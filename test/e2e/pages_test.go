package e2e

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// template is a page in one of its states.
type template struct {
	name   string
	path   string
	status int    // 0 is 200
	say    string // words that must be on it
}

// storefront lists every page of the shop in the states that look different. Forms
// that were refused are judged where a journey meets them.
var storefront = []template{
	{"home", "/", 0, "Bra saker"},
	{"category", "/categories/dukning", 0, "Mugg Drej"},
	{"category, filtered", "/categories/dukning?filter.material=glas", 0, "Karaff Källa"},
	{"search", "/search?q=lin", 0, "lin"},
	{"search without a hit", "/search?q=qwxzqwxz", 0, "Sök"},
	{"product with variants", "/products/mugg-drej", 0, "Lägg i varukorgen"},
	{"product, reduced", "/products/bordslopare-strandrag", 0, "Tidigare lägsta pris"},
	{"product with a warning", "/products/pussel-fyra-arstider", 0, "Varning!"},
	{"product with an energy label", "/products/ljuskalla-e14", 0, "Energi"},
	{"product, food", "/products/knackebrod-ragspis", 0, "råg"},
	{"product, bulky", "/products/eldfat-ring", 0, "Lägg i varukorgen"},
	{"tell me when it is back", "/products/kokshandduk-randa/notify", 0, "slut i lager"},
	{"waiting", "/waiting/{wish}", 0, "Vi säger till"},
	{"waiting, forgotten", "/waiting/{forgotten}", 0, "Adressen är glömd"},
	{"product, sold out", "/products/{gone}", 0, "Slut i lager"},
	{"cart, empty", "/cart", 0, "tom"},
	{"checkout, empty", "/checkout", 0, "tom"},
	{"purchase, awaiting", "/purchases/{awaiting}?stay=1", 0, "Godkänn betalningen"},
	{"purchase, refused", "/purchases/{refused}", 0, "Köpet blev inte av"},
	{"purchase, placed", "/purchases/{placed}", 0, "Ordern är lagd"},
	{"purchase, paid", "/purchases/{paid}", 0, "Betalt och klart"},
	{"order", "/orders/{order}", 0, "Ändra dig?"},
	{"order, shipped", "/orders/{shipped}", 0, "PROV12345SE"},
	{"order, refunded", "/orders/{refunded}", 0, "betalat tillbaka"},
	{"order, a gift card", "/orders/{gift}", 0, "Ditt presentkort"},
	{"gift card", "/gift-card", 0, "Skriv koden"},
	{"receipt", "/orders/{order}/documents/{receipt}", 0, "Kvitto"},
	{"find an order", "/orders/find", 0, "Ordernummer"},
	{"sign in", "/login", 0, "Skriv din e-post"},
	{"sign in, the code", "/login/code", 0, "Kod från mejlet"},
	{"sign in, the app", "/login/factor", 0, "reservkoder"},
	{"sign in, the app is lost", "/login/lost", 0, "sju dygn"},
	{"sign in, a password", "/login/password", 0, "lösenord"},
	{"support", "/support", 0, "Kundtjänst"},
	{"support about a product", "/support?product=mugg-drej", 0, "Mugg Drej"},
	{"case", "/cases/{asked}", 0, "diskmaskinen"},
	{"case, answered", "/cases/{answered}", 0, "nästa vecka"},
	{"withdrawal", "/withdraw", 0, "Du behöver inte ange något skäl"},
	{"withdrawal, acknowledged", "/withdraw/received/{acknowledged}", 0, "Spara det här beviset"},
	{"terms", "/pages/villkor", 0, "villkor"},
	{"withdrawal form", "/pages/angerblankett", 0, "Ångerblankett"},
	{"trust", "/trust", 0, ""},
	{"status", "/status", 0, ""},
	{"no such page", "/finns-inte", 404, "finns inte"},
	{"no such product", "/products/finns-inte", 404, "finns inte"},
}

// unlooked are the routes that are no pages to look at, and why.
var unlooked = map[string]string{
	"/.well-known/change-password":             "leads to the sign-in",
	"/.well-known/security.txt":                "text for machines",
	"/account":                                 "one's own; the journey of a customer who signs in looks at it",
	"/account/close":                           "one's own; the journey of an account and a passkey looks at it",
	"/account/data":                            "one's own; the journey of a customer who signs in looks at it",
	"/account/data/correct":                    "one's own; the journey of a customer who signs in looks at it",
	"/account/data/erase":                      "one's own; the journey of an erasure looks at it",
	"/account/data/erase/confirm":              "one's own; the journey of an erasure looks at it",
	"/account/data/export/{token}":             "opens once; tests of the storefront open it",
	"/account/data/readings":                   "one's own; the journey of a customer who signs in looks at it",
	"/account/email":                           "one's own; the journey of an account and a passkey looks at it, that of a customer who signs in at what a guest sees",
	"/account/lost/{token}":                    "the link of a letter; tests of the storefront open it",
	"/account/moves/{token}":                   "the link of a letter; tests of the storefront open it",
	"/account/security":                        "one's own; both journeys of customers look at it",
	"/account/security/app":                    "one's own; the journey of an account and a passkey looks at it",
	"/admin/assets/{file}":                     "a script",
	"/admin/login/sso":                         "leads to the house's sign-in, which this shop has not",
	"/admin/privacy/register/{format}":         "a file",
	"/admin/stop/{token}":                      "the link of a letter; a test of the plans opens it",
	"/admin/lessons/record.csv":                "a file for a spreadsheet",
	"/admin/orders/{number}/slip.pdf":          "a document; the journey through the back office opens it",
	"/favicon.ico":                             "a picture",
	"/feeds/google.xml":                        "for machines",
	"/media/{file}":                            "a picture",
	"/orders/{token}/documents/{document}/pdf": "a document; the purchases open it",
	"/pages/{handle}/pdf":                      "a document",
	"/privacy/{token}":                         "the link of a letter; the journey of an erasure ends on it",
	"/purchases/{token}/events":                "news for the script",
	"/purchases/{token}/return":                "leads to the purchase; every card payment passes it",
	"/robots.txt":                              "for machines",
	"/search/suggest":                          "news for the script; the search journey uses it",
	"/sitemap.xml":                             "for machines",
	"/sitemaps/{file}":                         "for machines",
	"/static/{file}":                           "css, faces, script",
}

// routes are the GET routes of the shop's listener outside the APIs, in Swedish.
func routes(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command(apptest.Program(t), "routes", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ Listener, Method, Path string }
	if err := json.Unmarshal(out, &rows); err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, r := range rows {
		if r.Listener == "shop" && r.Method == "GET" && !strings.HasPrefix(r.Path, "/api/") {
			have[r.Path] = true
		}
	}
	var list []string
	for path := range have {
		if sv := strings.TrimPrefix(path, "/en"); sv != path && (sv == "" || strings.HasPrefix(sv, "/")) {
			if sv == "" {
				sv = "/{$}"
			}
			if !have[sv] {
				t.Errorf("%s has no Swedish page", path)
			}
			continue // opened beside its Swedish twin
		}
		list = append(list, path)
	}
	return list
}

// router tells which route a path belongs to.
func router(list []string) func(path string) string {
	mux := http.NewServeMux()
	for _, r := range list {
		mux.HandleFunc("GET "+r, func(http.ResponseWriter, *http.Request) {})
	}
	return func(path string) string {
		req, err := http.NewRequest("GET", "https://shop.invalid"+path, nil)
		if err != nil {
			return ""
		}
		_, pattern := mux.Handler(req)
		return strings.TrimPrefix(pattern, "GET ")
	}
}

// testEveryPage holds that no page of the route table is left out.
func testEveryPage(t *testing.T, office []template) {
	list := routes(t)
	route := router(list)
	looked := map[string]bool{}
	for _, p := range append(append([]template{}, storefront...), office...) {
		looked[route(strings.SplitN(p.path, "?", 2)[0])] = true
	}
	for _, r := range list {
		why, left := unlooked[r]
		switch {
		case !looked[r] && !left:
			t.Errorf("%s is neither looked at nor left out with a reason", r)
		case looked[r] && left:
			t.Errorf("%s is looked at and left out", r)
		case left && len(why) < 6:
			t.Errorf("%s is left out without a reason", r)
		}
	}
	for r := range unlooked {
		if router(list)(r) == "" && !has(list, r) {
			t.Errorf("%s is left out and not in the table", r)
		}
	}
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// see opens the pages, judges them, and opens them in English.
func (w world) see(p *tab, list []template) {
	for _, x := range list {
		path := w.fill(x.path)
		if x.status != 0 {
			p.answers(path, x.status)
		}
		p.visit(path)
		p.settled()
		if x.say != "" && !strings.Contains(p.words("main"), x.say) {
			p.t.Errorf("%s does not say %q: %s", x.name, x.say, p.words("main"))
		}
		p.judge(x.name)
		if x.status != 0 {
			p.answers("/en"+path, x.status)
		}
		p.visit("/en" + strings.TrimSuffix(path, "/"))
		if l := p.attr("html", "lang"); l != "en" {
			p.t.Errorf("%s in English says it is %q", x.name, l)
		}
		p.size(320, 640)
		p.upright(x.name + " in English")
		p.size(1280, 900)
	}
}
