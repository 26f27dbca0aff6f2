package e2e

import (
	"bytes"
	"strings"

	"kassavalv/internal/apptest"
)

// add finds a mug by its category, chooses a glaze, and lays it in the cart.
func add(p *tab, scripts bool) {
	p.t.Helper()
	p.visit("/")
	p.follow(".tile|Dukning")
	p.see("h1|Dukning")
	p.follow(".card a|Mugg Drej")
	p.see("h1|Mugg Drej")
	p.click("label.variant|Mossa")
	if !scripts {
		p.follow("main button|Lägg i varukorgen")
		p.at("/cart$")
		return
	}
	p.click("main button|Lägg i varukorgen")
	p.see("[data-note]|Varan ligger i varukorgen")
	p.see("[data-cart] .count|1")
	p.follow("main a|Till varukorgen")
	p.at("/cart$")
}

// checkoutFields are what the browser's autofill looks for, and what a buyer writes.
func checkoutFields(who apptest.Customer) [][2]string {
	return [][2]string{{"email", who.Email}, {"tel", who.Phone}, {"name", who.Name}, {"address-line1", who.Address.Line1},
		{"postal-code", who.Address.PostalCode}, {"address-level2", who.Address.City}}
}

func auto(name string) string { return `main input[autocomplete="` + name + `"]` }

// order fills the checkout and buys; the tab ends at the bank.
func order(p *tab, who apptest.Customer) {
	p.t.Helper()
	orderBy(p, who, "card")
	p.at("^" + p.Bank + "/pay/")
}

// orderBy is order with any way to pay.
func orderBy(p *tab, who apptest.Customer, method string) {
	p.t.Helper()
	p.see("h1|Kassa")
	for _, f := range checkoutFields(who) {
		p.fill(auto(f[0]), f[1])
	}
	if !p.has(`main select[autocomplete="country"]`) {
		p.t.Error("no field for the country")
	}
	for _, r := range look[[]string](p, `() => [...document.querySelectorAll("main [required]")].map(e => e.name)`) {
		p.t.Errorf("%s is required by the browser, though nothing there must be ticked", r)
	}
	p.click(`input[name="payment_method"][value="` + method + `"]`)
	if last := look[string](p, `() => all("main button").at(-1).innerText.trim()`); last != "Köp nu" {
		p.t.Errorf("the last button says %q", last)
	}
	p.follow("main button|Köp nu")
}

// pay writes a card number on the bank's page. The bank leads back to the shop.
func pay(p *tab, card string) {
	p.t.Helper()
	p.at("^" + p.Bank + "/pay/")
	p.see(`input[name="card_number"]`)
	p.fill(`input[name="card_number"]`, card)
	p.follow("button|Betala")
}

// paid waits until the purchase page says so, and returns the order's number.
func paid(p *tab) string {
	p.t.Helper()
	p.at("/purchases/")
	p.see("h1|Betalt och klart")
	if t := p.title(); !strings.HasPrefix(t, "Betalt") {
		p.t.Errorf("the title is %q", t)
	}
	number := p.words("main .facts dd strong")
	if number == "" || !strings.Contains(p.words("main"), "Du har betalat") {
		p.t.Errorf("a paid purchase says: %s", p.words("main"))
	}
	return number
}

// receive opens the mail, its link to the order, and the receipt.
func receive(p *tab, mail, number string) {
	p.t.Helper()
	m := p.OneMail(mail)
	if !strings.Contains(m.Text, number) {
		p.t.Errorf("the mail does not hold %s: %s", number, m.Text)
	}
	p.visit(p.Mailbox + "/?to=" + mail)
	p.follow("td a|" + m.Subject)
	p.see("h1|" + m.Subject)
	p.follow(`section[aria-labelledby="links"] a[href*="/orders/"]`)
	p.see("h1|" + number)
	if w := p.words("main"); !strings.Contains(w, "Mugg Drej") || !strings.Contains(w, "Kim Prov") {
		p.t.Errorf("the order page says: %s", w)
	}
	p.follow("main a|Kvitto")
	p.see("h1|Kvitto")
	if w := p.words("article"); !strings.Contains(w, number) || !strings.Contains(w, "559999-0016") {
		p.t.Errorf("the receipt says: %s", w)
	}
	pdf := p.Do("GET", p.attr("main a|PDF", "href"), nil)
	if pdf.Status != 200 || !bytes.HasPrefix(pdf.Body, []byte("%PDF-")) {
		p.t.Errorf("the receipt's PDF: %s", pdf)
	}
}

func buy(p *tab, scripts bool) {
	mail := apptest.NewMail()
	add(p, scripts)
	p.see("main .line|Mugg Drej")
	p.see("main .line|Mossa")
	p.follow("main a|Till kassan")
	order(p, apptest.Buyer(mail))
	pay(p, apptest.Good)
	receive(p, mail, paid(p))
}

// On a phone, as most people do.
func phone(p *tab) {
	p.phone()
	buy(p, true)
}

// With scripts switched off everything is there, only less lively.
func noScripts(p *tab) {
	p.phone()
	p.scriptsOff()
	buy(p, false)
}

// With the keyboard alone.
func keyboard(p *tab) {
	mail := apptest.NewMail()
	p.visit("/")
	p.press("Tab")
	p.see(".skip")
	if s := look[stop](p, whereNow, ".skip"); !s.Hit || !s.Visible || !s.Inside {
		p.t.Errorf("the first stop is no visible skip link: %+v", s)
	}
	p.press("Enter")
	p.press("Tab")
	if s := look[stop](p, whereNow, "main a"); !s.Hit {
		p.t.Errorf("the skip link leads past the menu to %s", s.What)
	}
	enter := func(target string) {
		p.t.Helper()
		p.tabTo(target)
		p.navigate(target, func() { p.press("Enter") })
	}
	enter(".tile|Dukning")
	enter(".card a|Mugg Drej")
	p.tabTo(`input[name="variant_id"]`)
	p.press("ArrowDown")
	p.see(`.variant:has(:checked)|Mossa`)
	p.tabTo("main button|Lägg i varukorgen")
	p.press("Space")
	p.see("[data-note]|Varan ligger i varukorgen")
	enter("main a|Till varukorgen")
	p.at("/cart$")
	enter("main a|Till kassan")
	for _, f := range checkoutFields(apptest.Buyer(mail)) {
		p.tabTo(auto(f[0]))
		p.write(f[1])
	}
	p.tabTo(`input[name="delivery/option_id"]`)
	p.press("ArrowDown")
	p.tabTo(`input[name="payment_method"]`)
	for range 3 {
		if p.value(`input[name="payment_method"]:checked`) == "card" {
			break
		}
		p.press("ArrowDown")
	}
	enter("main button|Köp nu")
	p.at("^" + p.Bank + "/pay/")
	p.tabTo(`input[name="card_number"]`)
	p.write(apptest.Good)
	enter("button|Betala")
	number := paid(p)
	if s := look[stop](p, whereNow, "h1"); !s.Hit {
		p.t.Errorf("the heading has no focus, but %s", s.What)
	}
	enter("main a|Visa ordern")
	p.see("h1|" + number)
	p.OneMail(mail)
}

// refused says what happened to a purchase that did not come about.
func refused(p *tab, sentence string) {
	p.t.Helper()
	p.at("/purchases/")
	p.see("h1|Köpet blev inte av")
	p.see("main|" + sentence)
	if w := p.words("main"); !strings.Contains(w, "Inga pengar har dragits") || !strings.Contains(w, "varukorgen är kvar") {
		p.t.Errorf("a refused purchase says: %s", w)
	}
}

// A refused card costs nothing and loses nothing; another card pays.
func refusedCard(p *tab) {
	mail := apptest.NewMail()
	add(p, true)
	p.follow("main a|Till kassan")
	order(p, apptest.Buyer(mail))
	pay(p, apptest.NoFunds)
	refused(p, "pengarna på kontot inte räckte")
	token := strings.TrimPrefix(p.path(), "/purchases/")
	p.not("main a|Visa ordern")
	if got := p.Purchase(token); got.State != "refused" || got.MoneyMoved != "no" {
		p.t.Errorf("the purchase is %s, money moved: %s", got.State, got.MoneyMoved)
	}
	for _, pay := range p.Payments(token) {
		if pay.Captured != 0 {
			p.t.Errorf("the bank took money: %+v", pay)
		}
	}
	p.follow("main a|Till varukorgen")
	p.see("main .line|Mugg Drej")
	p.follow("main a|Till kassan")
	if got := p.value(auto("email")); got != mail {
		p.t.Errorf("the checkout remembers %q", got)
	}
	order(p, apptest.Buyer(mail))
	pay(p, apptest.Good)
	paid(p)
	p.OneMail(mail)
}

// A card whose bank asks for a second factor.
func secondFactor(p *tab) {
	add(p, true)
	p.follow("main a|Till kassan")
	order(p, apptest.Buyer(apptest.NewMail()))
	pay(p, apptest.Second)
	p.fill(`input[name="code"]`, "123456")
	p.follow("main form:has([name=code]) button")
	paid(p)
}

// A payment that is approved elsewhere, and a bank that tells nobody: the page that
// lies open finds out, and says it once where readers listen.
func silentBank(p *tab) {
	add(p, true)
	p.follow("main a|Till kassan")
	order(p, apptest.Buyer(apptest.NewMail()))
	at := look[string](p, `() => location.href`)
	look[any](p, `() => { setTimeout(() => history.back()) }`) // after the answer, which does not outlive the page
	p.at("/purchases/.*stay=1")
	p.see("h1|Godkänn betalningen")
	p.see("main button|Avbryt köpet")
	if w := p.words("main"); strings.Contains(w, "betalt") && !strings.Contains(w, "inte betalt") {
		p.t.Errorf("an open purchase says: %s", w)
	}
	before := p.loaded()
	if _, err := p.TryPay(at, apptest.Silent); err != nil {
		p.t.Fatal(err)
	}
	paid(p)
	if p.loaded() != before {
		p.t.Error("the page was loaded anew instead of moving by itself")
	}
	if said := look[string](p, `() => document.querySelector("[data-live]").textContent`); !strings.Contains(said, "Du har betalat") {
		p.t.Errorf("readers hear %q", said)
	}
}
