package e2e

import (
	"strings"

	"github.com/chromedp/cdproto/emulation"

	"kassavalv/internal/apptest"
)

// Search with suggestions, from the keyboard as from the list.
func searching(p *tab) {
	p.visit("/")
	p.click("#q")
	p.write("plä")
	p.see("#suggestions li|Pläd Vinterull")
	if p.attr("#q", "aria-expanded") != "true" {
		p.t.Error("the list of suggestions is not said to be open")
	}
	p.judge("search suggestions")
	p.see("#suggestions li|Pläd Vinterull")
	p.press("ArrowDown")
	if at := p.attr("#q", "aria-activedescendant"); at == "" || p.attr("#"+at, "aria-selected") != "true" {
		p.t.Errorf("the arrow marks %q", at)
	}
	p.navigate("a suggestion", func() { p.press("Enter") })
	p.see("h1|Pläd Vinterull")

	p.fill("#q", "muggar") // as people write
	p.navigate("search", func() { p.press("Enter") })
	p.at("/search\\?q=muggar")
	p.see(".card a|Mugg Drej")

	p.visit("/categories/textil")
	before := look[int](p, `() => all(".card").length`)
	p.follow(".filters a|Lin")
	p.at("filter.")
	p.see(".chips a:has(.icon)|Lin")
	after := look[int](p, `() => all(".card").length`)
	if after == 0 || after >= before {
		p.t.Errorf("a facet leaves %d of %d", after, before)
	}
	p.follow(".chips a:has(.icon)|Lin")
	if n := look[int](p, `() => all(".card").length`); n != before {
		p.t.Errorf("without the facet there are %d of %d", n, before)
	}
	p.navigate("sorting", func() {
		p.choose("#sort", look[string](p, `() => [...document.querySelectorAll("#sort option")].at(-1).value`))
	})
	p.at("sort=")
}

// What is not there leads on.
func nothingThere(p *tab) {
	p.answers("/products/finns-inte", 404)
	p.visit("/products/finns-inte")
	p.follow("main a|Till startsidan")
	p.at("/$")
	p.visit("/cart")
	p.see("h2|tom")
	p.follow("main a.btn")
	p.at("/$")
}

// The shop in English, dark, and on paper.
func otherwise(p *tab) {
	p.visit("/")
	p.follow("a|English")
	p.at("/en$")
	p.follow(".tile|Tableware")
	p.see("h1|Tableware")
	p.follow(`.card a[href="/en/products/mugg-drej"]`)
	p.click("main button|Add to cart")
	p.see("[data-note]|cart")
	p.scheme("dark")
	p.follow("main a|To the cart")
	p.at("/en/cart$")
	if bg := look[[]int](p, `() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number)`); len(bg) < 3 || bg[0]+bg[1]+bg[2] > 200 {
		p.t.Errorf("the dark page is %v", bg)
	}
	p.judge("a full cart in English")
	p.follow("main a|Go to checkout")
	p.see("h1|Checkout")
	p.judge("the checkout in English")
	p.scheme("dark")
	who := apptest.Buyer(apptest.NewMail())
	for _, f := range checkoutFields(who) {
		p.fill(auto(f[0]), f[1])
	}
	p.follow("main button|Buy now")
	p.at("^" + p.Bank + "/pay/")
	p.fill(`input[name="card_number"]`, apptest.Good)
	p.follow("main form button")
	p.see("h1|Paid and done")
	p.follow("main a|Show the order")
	p.follow("main a|Receipt")
	must(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	for _, hidden := range []string{".head", ".foot", ".btn", ".skip"} {
		p.not(hidden)
	}
	if w := p.words("article"); !strings.Contains(w, "559999-0016") {
		p.t.Errorf("printed: %s", w)
	}
	if bg := look[string](p, `() => getComputedStyle(document.body).backgroundColor`); bg != "rgb(255, 255, 255)" {
		p.t.Errorf("paper is %s", bg)
	}
}

// Totals follow the choice of delivery without the page being loaded anew.
func recount(p *tab) {
	add(p, true)
	p.follow("main a|Till kassan")
	sum := func() string { return p.words("[data-part=review] .totals .total dd") }
	before, loads := sum(), p.loaded()
	p.click("label.choice|Hem på kvällen")
	p.Wait("the sum follows", patience, func() bool { return sum() != before })
	if sum() != "328 kr" || p.words("[data-part=review] .commit strong") != "328 kr" {
		p.t.Errorf("249 and 79 make %s", sum())
	}
	if p.loaded() != loads {
		p.t.Error("the page was loaded anew")
	}
	// Where to collect follows too, and the keyboard stays where it was.
	who := apptest.Buyer(apptest.NewMail())
	for _, f := range checkoutFields(who) {
		p.fill(auto(f[0]), f[1])
	}
	p.click("label.choice|Ombud")
	p.Wait("the sum of Ombud", patience, func() bool { return sum() == "298 kr" })
	p.see(`select[name="delivery/pickup_point_id"]`)
	if s := look[stop](p, whereNow, `input[name="delivery/option_id"]:checked`); !s.Hit {
		p.t.Errorf("the keyboard is moved to %s", s.What)
	}
	order(p, who)
	pay(p, apptest.Good)
	paid(p)
}
