package law

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

var _ = row("EHL-01", func(t *testing.T, w *world) {
	for name, a := range w.everyPage() {
		says(t, name, apptest.Words(a.HTML()), "Förstukvist Handel AB", "559999-0016", "Förstukvistgränd 3", "031-390 06 00")
		if len(a.Find(`a[href="mailto:kundtjanst@forstukvist.example"]`)) == 0 {
			t.Errorf("%s has no mail address to press", name)
		}
	}
	if !luhn("5599990016") {
		t.Error("the organisation number's check digit is wrong")
	}
})

func luhn(s string) bool {
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

var _ = row("EHL-02", func(t *testing.T, w *world) {
	says(t, "the foot", apptest.Words(w.pages["/"].Find("footer")[0]), "SE"+"5599990016"+"01")
})

var _ = row("DAL-08", func(t *testing.T, w *world) {
	for where, text := range map[string]string{"terms": mainOf(w.pages["/pages/villkor"]), "help": mainOf(w.pages["/support"]), "the mail": w.mail.Text} {
		says(t, where, text, "reklam", "Förstukvistgränd 3", "411 00 Göteborg")
	}
})

var _ = row("DAL-16", func(t *testing.T, w *world) {
	says(t, "terms", mainOf(w.pages["/pages/villkor"]), "Allmänna reklamationsnämnden", "Box 174, 101 23 Stockholm", "arn.se")
})

var _ = row("ADR-01", func(t *testing.T, w *world) {
	for name, a := range w.pages {
		foot := a.Find("footer")
		if len(foot) != 1 {
			t.Fatalf("%s has %d feet", name, len(foot))
		}
		says(t, name, apptest.Words(foot[0]), "Allmänna reklamationsnämnden", "101 23 Stockholm")
		if len(a.Find(`footer a[href^="https://www.arn.se"]`)) == 0 {
			t.Errorf("%s does not link to the board", name)
		}
	}
})

var _ = row("ADR-03", func(t *testing.T, w *world) {
	for name, a := range w.everyPage() {
		if strings.Contains(string(a.Body), "ec.europa.eu/consumers/odr") {
			t.Errorf("%s links to a platform that is closed", name)
		}
	}
	for _, s := range []string{w.mail.Text, w.mail.HTML} {
		if strings.Contains(s, "consumers/odr") {
			t.Error("the mail links to a platform that is closed")
		}
	}
})

var _ = row("KKL-01", func(t *testing.T, w *world) {
	says(t, "terms", mainOf(w.pages["/pages/villkor"]), "tre år")
	says(t, "the mail", w.mail.Text, "tre år")
})

var _ = row("KKL-03", func(t *testing.T, w *world) {
	says(t, "terms", mainOf(w.pages["/pages/villkor"]), "två månader")
})

var _ = row("KKL-07", func(t *testing.T, w *world) {
	says(t, "terms", mainOf(w.pages["/pages/villkor"]), "Vi ansvarar för varan tills du har fått den")
})

var _ = row("KKL-10", func(t *testing.T, w *world) {
	for name, a := range w.everyPage() {
		low := strings.ToLower(mainOf(a))
		for _, bad := range []string{"ingen ångerrätt på rea", "2 års reklamation", "två års reklamation", "ingen reklamation", "alla köp är bindande", "endast i originalförpackning", "obruten förpackning krävs"} {
			if strings.Contains(low, bad) {
				t.Errorf("%s says %q", name, bad)
			}
		}
	}
})

var _ = row("BTL-06", func(t *testing.T, w *world) {
	for name, a := range w.everyPage() {
		for _, n := range a.Find(`a[href^="tel:"]`) {
			for _, bad := range []string{"tel:0900", "tel:0939", "tel:0944", "tel:099"} {
				if strings.HasPrefix(apptest.Attr(n, "href"), bad) {
					t.Errorf("%s: %s costs extra", name, apptest.Attr(n, "href"))
				}
			}
		}
	}
	says(t, "help", mainOf(w.pages["/support"]), "operatör")
})

var _ = row("GDP-08", func(t *testing.T, w *world) {
	says(t, "the privacy notice", mainOf(w.pages["/pages/integritet"]), "Förstukvist Handel AB", "personuppgiftsansvarig", "ändamål", "rättslig grund", "avtal", "Hur länge", "Vilka som får del", "Varifrån uppgifterna kommer",
		"registerutdrag", "rättade", "raderade", "begränsa", "dataportabilitet", "invända", "ta tillbaka ett samtycke", "utanför EU", "automatiska beslut", "Integritetsskyddsmyndigheten", "imy.se")
	if len(w.desk.Find(`main a[href="/pages/integritet"]`)) == 0 {
		t.Error("the checkout does not lead to the notice")
	}
})

var _ = row("TIL-03", func(t *testing.T, w *world) {
	says(t, "the page", mainOf(w.pages["/pages/tillganglighet"]), "WCAG", "tangentbord", "031-390 06 00", "kundtjanst@forstukvist.example")
	if len(w.pages["/"].Find(`footer a[href="/pages/tillganglighet"]`)) == 0 {
		t.Error("the foot does not lead to it")
	}
})

var _ = row("GPS-07", func(t *testing.T, w *world) {
	found := false
	for _, n := range w.pages["/support"].Find("main option, main label") {
		found = found || strings.Contains(strings.ToLower(apptest.Words(n)), "farligt")
	}
	if !found {
		t.Error("danger is no subject of a question")
	}
	says(t, "a product", mainOf(w.good("lykta-fyr").page), "farligt")
})

var _ = row("SEC-01", func(t *testing.T, w *world) {
	a := w.Do("GET", "/.well-known/security.txt", nil)
	w.Want(a, 200, nil)
	if ct := a.Header.Get("Content-Type"); ct != "text/plain; charset=utf-8" {
		t.Errorf("content type %q", ct)
	}
	f := map[string]string{}
	for sc := bufio.NewScanner(strings.NewReader(string(a.Body))); sc.Scan(); {
		if k, v, ok := strings.Cut(sc.Text(), ":"); ok {
			f[strings.ToLower(k)] = strings.TrimSpace(v)
		}
	}
	ends, err := time.Parse(time.RFC3339, f["expires"])
	if err != nil || time.Until(ends) < 30*24*time.Hour || time.Until(ends) > 366*24*time.Hour {
		t.Errorf("expires %q", f["expires"])
	}
	if f["contact"] == "" || f["canonical"] != w.Shop.Shop+"/.well-known/security.txt" || !strings.Contains(f["preferred-languages"], "sv") || !strings.Contains(f["preferred-languages"], "en") {
		t.Errorf("%v", f)
	}
})
