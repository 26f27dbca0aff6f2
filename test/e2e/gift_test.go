package e2e

import (
	"regexp"
	"strings"

	"kassavalv/internal/apptest"
)

var giftCode = regexp.MustCompile(`\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){4}\b`)

// A gift card is bought on a phone, its code read in the mail, and spent together with
// a card.
func gift(p *tab) {
	p.phone()
	p.visit("/products/presentkort")
	p.see("h1|Presentkort")
	p.click("label.variant|200 kr")
	p.click("main button|Lägg i varukorgen")
	p.see("[data-note]|Varan ligger i varukorgen")
	p.follow("main a|Till varukorgen")
	p.at("/cart$")
	p.follow("main a|Till kassan")
	mail := apptest.NewMail()
	order(p, apptest.Buyer(mail))
	pay(p, apptest.Good)
	number := paid(p)
	code := giftCode.FindString(p.OneMail(mail).Text)
	if code == "" {
		p.t.Fatal("no code in the mail")
	}
	p.follow("main a|Visa ordern")
	p.see("h1|" + number)
	p.see("section|" + code)
	p.judge("an order with a gift card")

	// What is left, in any spelling; the code is not shown again.
	p.visit("/gift-card")
	p.fill(`input[name="code"]`, "0000 0000 0000 0000 0001")
	p.answers("/gift-card", 422)
	p.follow("main button|Visa vad som finns kvar")
	p.see("main .error|Koden finns inte")
	p.fill(`input[name="code"]`, strings.ToLower(strings.ReplaceAll(code, "-", " ")))
	p.follow("main button|Visa vad som finns kvar")
	p.see("main h2|" + code[len(code)-4:])
	if w := p.words("main"); !strings.Contains(w, "200") || strings.Contains(w, code) {
		p.t.Errorf("the balance says: %s", w)
	}
	p.judge("what is left of a gift card")

	// Spent on a mug, and the rest by card.
	add(p, true)
	p.fill(`input[name="code"]`, code)
	p.follow("main button|Använd")
	p.see("main|Presentkort som slutar på " + code[len(code)-4:])
	p.judge("a cart with a gift card")
	p.follow("main a|Till kassan")
	p.see("main .totals|Presentkort")
	mail = apptest.NewMail()
	order(p, apptest.Buyer(mail))
	pay(p, apptest.Good)
	number = paid(p)
	if w := p.words("main"); !strings.Contains(w, "200,00 kr med presentkort") && !strings.Contains(w, "200 kr med presentkort") {
		p.t.Errorf("the purchase says: %s", w)
	}
	m := p.OneMail(mail)
	if !strings.Contains(m.Text, "presentkort") || strings.Contains(m.Text, code) {
		p.t.Errorf("the confirmation of %s says: %s", number, m.Text)
	}
	p.follow("main a|Visa ordern")
	p.see("main .totals|Presentkort")
}
