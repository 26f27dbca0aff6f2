package e2e

import (
	"strings"

	"kassavalv/internal/apptest"
)

// corrected holds what a refused form owes: the focus on its summary, links to the
// fields, the word in the title, and what was typed.
func corrected(p *tab, kept map[string]string) {
	p.t.Helper()
	p.see(".summary")
	if s := look[stop](p, whereNow, ".summary"); !s.Hit {
		p.t.Errorf("the summary has no focus, but %s", s.What)
	}
	if t := p.title(); !strings.HasPrefix(t, "Fel:") {
		p.t.Errorf("the title is %q", t)
	}
	for sel, want := range kept {
		if got := p.value(sel); got != want {
			p.t.Errorf("%s holds %q, not %q", sel, got, want)
		}
	}
	type bad struct{ Name, Link, Said string }
	list := look[[]bad](p, `() => [...document.querySelectorAll(".summary a")].map(a => {
		const f = document.getElementById(a.hash.slice(1));
		return {Name: f?.name ?? f?.id ?? "", Link: a.hash, Said: (f?.getAttribute("aria-describedby") ?? "").split(" ").map(i => document.getElementById(i)?.innerText ?? "").join(" ")};
	})`)
	if len(list) == 0 {
		p.t.Error("the summary leads nowhere")
	}
	for _, b := range list {
		if b.Name == "" || !strings.Contains(b.Said, "Fel") {
			p.t.Errorf("the link %s leads to %q, which is described by %q", b.Link, b.Name, b.Said)
		}
	}
	p.click(".summary a")
	if s := look[stop](p, whereNow, "[aria-invalid], fieldset"); !s.Hit {
		p.t.Errorf("the first link leads to %s", s.What)
	}
}

func badCheckout(p *tab, scripts bool) {
	p.phone()
	add(p, scripts)
	p.follow("main a|Till kassan")
	p.fill(auto("email"), "kim(at)example.se")
	p.fill(auto("name"), "Kim Prov")
	p.fill(auto("postal-code"), "1234")
	p.click(`input[name="payment_method"][value="card"]`)
	p.answers("/checkout", 422)
	p.follow("main button|Köp nu")
	corrected(p, map[string]string{auto("email"): "kim(at)example.se", auto("name"): "Kim Prov", auto("postal-code"): "1234"})
	if w := p.words("main"); !strings.Contains(w, "fem siffror") {
		p.t.Errorf("the postal code is refused with: %s", w)
	}
	if scripts {
		p.judge("a refused checkout")
		p.phone()
	}
	order(p, apptest.Buyer(apptest.NewMail()))
	pay(p, apptest.Good)
	paid(p)
}

// What was wrong is said at the field and nothing typed is lost.
func mistakes(p *tab) { badCheckout(p, true) }

func mistakesWithoutScripts(p *tab) { p.scriptsOff(); badCheckout(p, false) }

// The shop's other forms, sent empty.
func emptyForms(p *tab) {
	for _, path := range []string{"/withdraw", "/orders/find", "/support"} {
		p.visit(path)
		p.answers(path, 422)
		p.follow("main form button")
		corrected(p, nil)
		p.judge("an empty form at " + path)
	}
	p.visit("/admin/login")
	p.answers("/admin/login", 401)
	p.follow("main form button|Logga in")
	p.see(".summary")
	if t := p.title(); !strings.HasPrefix(t, "Rätta:") { // the office's word for it: many of its pages are about money
		p.t.Errorf("the title is %q", t)
	}
	p.judge("a refused sign-in")
}
