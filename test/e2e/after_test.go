package e2e

import (
	"regexp"
	"strings"

	"kassavalv/internal/apptest"
)

// A guest withdraws in two steps and has it in writing.
func withdrawal(p *tab) {
	mail := apptest.NewMail()
	p.phone()
	v := p.Variant()
	_, o := p.PaidCart(p.Complete(p.Cart(1, v).ID, apptest.Buyer(mail)))
	p.visit("/")
	p.follow("footer a|Ångra avtalet här")
	p.fill(`input[name="name"]`, "Kim Prov")
	p.fill(`input[name="number"]`, o.Number)
	p.fill(`input[name="email"]`, mail)
	p.follow("main form button")
	p.see("main|" + o.Number)
	p.judge("a withdrawal to confirm")
	p.phone()
	p.follow("main button|Bekräfta frånträde")
	p.at("/withdraw/received/")
	p.see("main|Spara det här beviset")
	p.Wait("the acknowledgement arrives", patience, func() bool {
		for _, m := range p.Mails(mail) {
			if strings.Contains(m.Text, "Vi tog emot ditt meddelande") && strings.Contains(m.Text, o.Number) {
				return true
			}
		}
		return false
	})
}

// canary is text that would set a flag if anybody took it for markup.
const canary = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>"'><svg onload=window.pwned=1>`

// unharmed holds that the canary is text on this page and nothing else.
func (p *tab) unharmed(where string) {
	p.t.Helper()
	if look[bool](p, `() => "pwned" in window`) {
		p.t.Errorf("%s ran the buyer's text", where)
	}
	if !strings.Contains(p.words("body"), `<img src=x onerror=`) {
		p.t.Errorf("%s does not show the buyer's text: %s", where, p.words("main"))
	}
}

// A question becomes a case, staff answer, the buyer sees it: with text in it that
// attacks who reads it.
func question(p *tab, staff *tab) {
	mail := apptest.NewMail()
	p.visit("/support")
	p.fill(`textarea[name="message"]`, "Var är mitt paket? "+canary)
	p.fill(`input[name="name"]`, "Kim "+canary[:40])
	p.fill(`input[name="email"]`, mail)
	p.follow("main form button")
	p.at("/cases/")
	p.see("main|Var är mitt paket?")
	p.unharmed("the case page")
	thread := p.path()

	staff.phone()
	staff.enter("support")
	staff.visit("/admin/cases")
	number := regexp.MustCompile(`\d{6,}`).FindString(p.words(".page-head"))
	at := look[string](staff, `n => all("tr").find(r => r.innerText.includes(n))?.querySelector("a").getAttribute("href") ?? ""`, number)
	staff.follow(`td a[href="` + at + `"]`)
	staff.see("main|Var är mitt paket?")
	staff.unharmed("the case in the office")
	staff.fill(`textarea[name="message"]`, "Det kommer i morgon. Hälsar Förstukvist")
	staff.click("label.boxes__one input")
	staff.follow("#answer form button")

	p.visit(thread)
	p.see(".talk .is-ours|Det kommer i morgon.")
	p.Wait("the buyer hears of it by mail", patience, func() bool {
		for _, m := range p.Mails(mail) {
			if strings.Contains(m.Text, thread) && strings.Contains(m.Subject+m.Text, "svar") {
				return true
			}
		}
		return false
	})
	p.follow("main button|Ja")
	p.at("/cases/")
}

// A buyer's name and address are text wherever staff read them.
func hostileBuyer(p *tab, staff *tab) {
	who := apptest.Buyer(apptest.NewMail())
	who.Name, who.Address.Line1, who.Address.City = canary[:44], canary[:44], `<img src=x onerror=window.pwned=1>`
	_, o := p.PaidCart(p.Complete(p.Cart(1, p.Variant()).ID, who))
	staff.enter("orders")
	for _, path := range []string{"/admin/orders/" + o.Number} {
		staff.visit(path)
		staff.follow("main button|Svara kund")
		staff.unharmed(path)
	}
	staff.visit("/admin/orders")
	if look[bool](staff, `() => "pwned" in window`) {
		p.t.Error("the list of orders ran the buyer's text")
	}
	p.visit("/orders/" + o.Token)
	p.unharmed("the order page")
}
