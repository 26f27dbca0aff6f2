package law

import (
	"regexp"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

var _ = row("DAL-02", func(t *testing.T, w *world) {
	for _, g := range w.goods {
		if len(g.Description) < 20 {
			t.Errorf("%s has no description", g.Handle)
		}
		says(t, g.Handle, mainOf(g.page), first(g.Description))
	}
	says(t, "the review beside the button", apptest.Words(w.desk.Find("[data-part=review]")[0]), "Lykta Fyr", first(w.good("lykta-fyr").Description))
})

// first is the first sentence.
func first(s string) string {
	s = plain(s)
	if i := strings.Index(s, ". "); i > 0 {
		return s[:i]
	}
	return strings.TrimSuffix(s, ".")
}

var _ = row("DAL-07", func(t *testing.T, w *world) {
	day := regexp.MustCompile(`(?i)(mån|tis|ons|tors|fre|lör|sön)dag|e-post|skrivs ut`)
	for _, g := range w.goods {
		for _, v := range g.Variants {
			if v.Sellable && !day.MatchString(mainOf(g.page)) {
				t.Errorf("%s can be bought and tells no day", g.Handle)
			}
		}
	}
	says(t, "mail", w.mail.Text, "Beräknad leverans")
	// What is not on the shelf is not promised as if it were.
	c := w.Other()
	soon, late := c.Complete(c.Cart(1, w.good("tvattkorg-vide").Variants[0].Variant).ID, apptest.Buyer(apptest.NewMail())), c.Complete(c.Cart(1, w.good("vedkorg-span").Variants[0].Variant).ID, apptest.Buyer(apptest.NewMail()))
	if a, b := c.Options(soon.ID)[0].Earliest, c.Options(late.ID)[0].Earliest; a >= b {
		t.Errorf("on the shelf %s, ordered from the maker %s", a, b)
	}
})

var _ = row("DAL-10", func(t *testing.T, w *world) {
	says(t, "terms", mainOf(w.pages["/pages/villkor"]), "returfrakten")
	says(t, "Eldfat Ring", mainOf(w.good("eldfat-ring").page), "295 kr")
	if strings.Contains(mainOf(w.good("lykta-fyr").page), "Returen kostar") {
		t.Error("an ordinary parcel tells a cost of return")
	}
})

var _ = row("DAL-22", func(t *testing.T, w *world) {
	known := map[string]bool{"yes": true, "custom_made": true, "perishable": true, "sealed": true, "dated": true}
	exceptions := 0
	for _, g := range w.goods {
		if !known[g.Withdrawal] {
			t.Errorf("%s: %q is no ground", g.Handle, g.Withdrawal)
		}
		if g.Withdrawal != "yes" {
			exceptions++
			if !strings.Contains(strings.ToLower(mainOf(g.page)), "ångerrätt") {
				t.Errorf("%s does not tell that there is no right of withdrawal", g.Handle)
			}
		}
	}
	if exceptions == 0 {
		t.Error("no sample good has an exception")
	}
})

var _ = row("EHL-03", func(t *testing.T, w *world) {
	for name, a := range w.everyPage() {
		for _, d := range a.Find("main data[value]") {
			if v := apptest.Attr(d, "value"); strings.HasSuffix(v, " SEK") && !strings.HasSuffix(plain(apptest.Words(d)), "kr") {
				t.Errorf("%s: a price %s is shown as %q", name, v, apptest.Words(d))
			}
		}
	}
	for _, g := range w.goods {
		says(t, g.Handle, mainOf(g.page), "moms")
	}
	says(t, "cart", mainOf(w.cart), "Leverans", "moms")
})

var _ = row("PIL-01", func(t *testing.T, w *world) {
	for _, g := range w.goods {
		if g.Price.Currency != "SEK" || g.Price.Amount <= 0 {
			t.Errorf("%s costs %+v", g.Handle, g.Price)
		}
		for _, v := range g.Variants {
			if !strings.Contains(plain(mainOf(g.page)), kr(v.Price)) {
				t.Errorf("%s: the page does not show %s", g.Handle, kr(v.Price))
			}
		}
	}
})

var _ = row("PIL-02", func(t *testing.T, w *world) {
	n := 0
	for _, g := range w.goods {
		if g.Unit == nil {
			continue
		}
		n++
		says(t, g.Handle, mainOf(g.page), "Jämförpris "+kr(g.Unit.Price)+"/")
	}
	if n < 10 {
		t.Errorf("only %d goods tell a unit price", n)
	}
	// By hand: 340 g for 69 kr, 500 g for 69 kr, twenty pieces for 75 kr, half a metre for 99 kr.
	for handle, want := range map[string]int64{"rarorda-lingon": 20294, "toreved": 13800, "kladnypor": 375, "vaxduk-korsbar": 19800} {
		if g := w.good(handle); g.Unit == nil || g.Unit.Price.Amount != want {
			t.Errorf("%s: unit price %+v, want %d", handle, g.Unit, want)
		}
	}
	// Lists, too.
	says(t, "the shelf", mainOf(w.Do("GET", "/categories/skafferi", nil)), "Jämförpris 202,94 kr/kg")
})

var _ = row("PIL-03", func(t *testing.T, w *world) {
	n := 0
	for _, g := range w.goods {
		if g.Prior == nil {
			if strings.Contains(mainOf(g.page), "Sänkt pris:") {
				t.Errorf("%s announces a reduction without a prior price", g.Handle)
			}
			continue
		}
		n++
		if g.Prior.Amount <= g.Price.Amount {
			t.Errorf("%s: %d is no reduction from %d", g.Handle, g.Price.Amount, g.Prior.Amount)
		}
		says(t, g.Handle, mainOf(g.page), "Tidigare lägsta pris: "+kr(*g.Prior)+" (30 dagar före sänkningen)")
	}
	if n < 3 {
		t.Errorf("only %d reduced goods", n)
	}
})

var _ = row("PIL-06", func(t *testing.T, w *world) {
	percent := regexp.MustCompile(`(?:−|-|–)\s?(\d+) ?%`)
	for _, g := range w.goods {
		for _, m := range percent.FindAllStringSubmatch(plain(apptest.Words(g.page.Find(".product, main")[0])), -1) {
			if g.Prior == nil {
				t.Errorf("%s: %s without a prior price", g.Handle, m[0])
				continue
			}
			if want := itoa((g.Prior.Amount - g.Price.Amount) * 100 / g.Prior.Amount); m[1] != want {
				t.Errorf("%s: %s, want %s", g.Handle, m[0], want)
			}
		}
	}
})

var _ = row("MFL-07", func(t *testing.T, w *world) {
	v := w.Scarce(3)
	a := w.Do("GET", "/products/"+v.Product, nil)
	left := regexp.MustCompile(`(?i)(\d+) (?:kvar|st kvar)`)
	for _, m := range left.FindAllStringSubmatch(mainOf(a), -1) {
		if m[1] != "3" {
			t.Errorf("%s: %q with 3 pieces", v.Product, m[0])
		}
	}
	for name, a := range w.everyPage() {
		if strings.Contains(strings.ToLower(mainOf(a)), "skynda") || len(a.Find("[data-countdown], .countdown, [role=timer]")) > 0 {
			t.Errorf("%s hurries the buyer", name)
		}
	}
})

var _ = row("GPS-01", func(t *testing.T, w *world) {
	for _, g := range w.goods {
		if g.Safety.Maker == nil {
			continue // gift cards and served food are no products in the regulation's sense; the next line counts
		}
		m := g.Safety.Maker
		if m.Name == "" || m.Postal == "" || m.Electronic == "" {
			t.Errorf("%s: maker %+v", g.Handle, *m)
		}
		says(t, g.Handle, mainOf(g.page), m.Name, m.Electronic)
		if len(g.page.Find("details[open] .maker, .maker")) == 0 && !strings.Contains(mainOf(g.page), "Tillverkare") {
			t.Errorf("%s: the maker is not on the page", g.Handle)
		}
	}
	without := 0
	for _, g := range w.goods {
		if g.Safety.Maker == nil {
			without++
		}
	}
	if without > 2 {
		t.Errorf("%d goods have no maker", without)
	}
})

var _ = row("GPS-03", func(t *testing.T, w *world) {
	for _, g := range w.goods {
		if len(g.Images) == 0 || g.Images[0].Alt == "" {
			t.Errorf("%s has no picture with a text", g.Handle)
		}
		for _, v := range g.Variants {
			says(t, g.Handle, mainOf(g.page), v.SKU)
		}
	}
})

var _ = row("GPS-04", func(t *testing.T, w *world) {
	n := 0
	for _, g := range w.goods {
		for _, x := range g.Safety.Warnings {
			n++
			says(t, g.Handle, mainOf(g.page), x)
		}
	}
	if n < 5 {
		t.Errorf("only %d warnings in the shop", n)
	}
})

var _ = row("EPR-01", func(t *testing.T, w *world) {
	says(t, "Bordslampa Lur", mainOf(w.good("bordslampa-lur").page), "Elavfall", "tar emot")
})

var _ = row("EPR-04", func(t *testing.T, w *world) {
	// A lamp shows only with its class; the one whose label is missing does not show.
	g := w.good("ljuskalla-e14")
	class := regexp.MustCompile(`(?i)energi[a-zåäö]*\s*:?\s*[A-G]\b`)
	if !class.MatchString(plain(mainOf(g.page))) {
		t.Errorf("the lamp shows no energy class: %s", mainOf(g.page))
	}
})

var _ = row("EPR-05", func(t *testing.T, w *world) {
	for _, h := range []string{"rarorda-lingon", "kokkaffe-morgon", "knackebrod-ragspis", "honung-slatterang"} {
		says(t, h, mainOf(w.good(h).page), "Innehåll")
	}
	bread := w.good("knackebrod-ragspis").page
	emphasised := strings.ToLower(strings.Join(wordsOf(bread.Find("main dd strong, main dd b, main dd em, main dd mark")), " "))
	if !strings.Contains(emphasised, "råg") {
		t.Errorf("the allergen does not stand out: %q", emphasised)
	}
	if strings.Contains(mainOf(bread), "**") {
		t.Error("marks of emphasis are shown instead of emphasis")
	}
	says(t, "honey", mainOf(w.good("honung-slatterang").page), "Sverige")
})

var _ = row("EPR-07", func(t *testing.T, w *world) {
	fibre := regexp.MustCompile(`\d+ ?% ?(lin|bomull|ull|polyester|viskos|akryl)`)
	for _, h := range []string{"kokshandduk-randa", "plad-vinterull", "kuddfodral-sav", "handduk-vassbo", "bordslopare-strandrag", "barnforklade-degig"} {
		if !fibre.MatchString(strings.ToLower(plain(mainOf(w.good(h).page)))) {
			t.Errorf("%s tells no fibres", h)
		}
	}
})

var _ = row("EPR-08", func(t *testing.T, w *world) {
	says(t, "Pussel", mainOf(w.good("pussel-fyra-arstider").page), "Varning! Ej lämplig för barn under 3 år. Smådelar.")
	says(t, "Igelkott", mainOf(w.good("dragdjur-igelkott").page), "Varning", "år")
})

var _ = row("KKL-08", func(t *testing.T, w *world) {
	page := w.good("mugg-drej").page
	says(t, "B-goods", mainOf(page), "B-vara", "fläck")
	id := ""
	for _, v := range w.good("mugg-drej").Variants {
		if strings.Contains(strings.Join(options(v.Options), " "), "B-vara") {
			id = v.ID
		}
	}
	if id == "" {
		t.Fatal("no B-goods in the demo")
	}
	c := w.Other()
	action, form := c.FormOf(page, `form[action*="/cart"]`)
	form.Set("variant_id", id)
	c.Want(c.Form(action, form), 303, nil)
	desk := c.Do("GET", "/checkout", nil)
	boxes := desk.Find(`main input[type=checkbox][required]`)
	if len(boxes) != 1 || apptest.Attr(boxes[0], "checked") != "" {
		t.Fatalf("%d boxes that must be ticked", len(boxes))
	}
	name := apptest.Attr(boxes[0], "name")
	action, form = c.CheckoutForm(desk, apptest.Buyer(apptest.NewMail()))
	ticked := form.Get(name)
	form.Del(name)
	if a := c.Form(action, form); a.Status != 422 {
		t.Fatalf("bought without accepting the fault: %d", a.Status)
	}
	form.Set(name, ticked)
	c.Want(c.Form(action, form), 303, nil)
})

func options(m map[string]string) (out []string) {
	for _, v := range m {
		out = append(out, v)
	}
	return
}
