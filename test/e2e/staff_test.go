package e2e

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/runtime"

	"kassavalv/internal/apptest"
)

// signIn goes through the door as a member of staff does.
func (p *tab) signIn(role string) {
	p.t.Helper()
	m := p.Member(role)
	p.visit("/admin")
	p.at("/admin/login")
	p.fill(`input[name="email"]`, m.Email)
	p.fill(`input[name="password"]`, m.Password)
	p.fill(`input[name="totp"]`, p.Code(m))
	p.follow("main button|Logga in")
	p.at("/admin")
	p.see("h1|Att göra nu")
}

// Who packs parcels, on a phone: finds the order, prints the slip, ships it, pays
// some of it back.
func packing(p *tab) {
	mail := apptest.NewMail()
	_, o := p.PaidCart(p.Complete(p.Cart(2, p.Variant()).ID, apptest.Buyer(mail)))
	p.phone()
	p.signIn("owner")
	p.follow("nav a|Order")
	p.fill(`input[name="find"]`, o.Number)
	p.follow("main form[role=search] button")
	p.at("/admin/orders/" + o.Number) // the only one it can be
	p.see("main|Dolda uppgifter")
	p.not("main|Kim Prov")
	p.follow("#buyer button|Packa")
	p.see("main|Kim Prov")
	p.see("main|Visas till")
	slip := p.with(p.cookieOf(apptest.CookieStaff)).Do("GET", p.attr(`main a[href$="/slip.pdf"]`, "href"), nil)
	if slip.Status != 200 || !bytes.HasPrefix(slip.Body, []byte("%PDF-")) {
		p.t.Errorf("the packing slip: %s", slip)
	}
	p.fill(`input[name="tracking"]`, "PKT998877SE")
	p.follow("main button|Markera som skickad")
	p.see("main|PKT998877SE")
	p.Wait("the buyer hears that it is sent", patience, func() bool {
		for _, m := range p.Mails(mail) {
			if strings.Contains(m.Text, "PKT998877SE") {
				return true
			}
		}
		return false
	})
	p.size(1280, 900)
	p.click("summary|Betala tillbaka")
	p.fill(`input[name="amount"]`, "50")
	p.fill(`input[name="reason"]`, "En repa i glasyren")
	p.follow("main button|Betala tillbaka")
	p.Wait("the money goes back", patience, func() bool { return p.Order(o.Token).Payment.Refunded == apptest.SEK(5000) })
	p.visit("/admin/orders/" + o.Number)
	p.see("main|En repa i glasyren")
	p.follow("button|Logga ut")
	p.at("/admin/login")
	p.visit("/admin/orders")
	p.at("/admin/login")
}

// with is the visitor with the tab's session, for files that a tab would download.
func (p *tab) with(value string) *apptest.Client {
	c := p.Other()
	c.SetCookie(apptest.CookieStaff, value)
	return c
}

// choosePicture puts a file into the form's field.
func (p *tab) choosePicture(selector, file string) {
	p.t.Helper()
	r := must(p, runtime.Evaluate, runtime.EvaluateParams{Expression: `document.querySelector('` + selector + `')`})
	must(p, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: []string{file}, ObjectID: r.Result.ObjectID})
}

// Who keeps the catalogue makes goods with a picture, price and stock; a buyer
// finds them in the shop and buys.
func newGoods(p *tab, buyer *tab) {
	file := filepath.Join(p.t.TempDir(), "holk.png")
	m := image.NewRGBA(image.Rect(0, 0, 900, 900))
	for x := range 900 {
		for y := range 900 {
			m.Set(x, y, color.RGBA{uint8(x / 4), uint8(y / 4), 90, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		p.t.Fatal(err)
	}

	p.signIn("catalogue")
	p.visit("/admin/products/new")
	p.fill(`input[name="texts/sv/title"]`, "Vindspel Glasbit")
	p.fill(`input[name="sku"]`, "E2E-VIND")
	p.fill(`input[name="price"]`, "179,50")
	p.fill(`input[name="on_hand"]`, "9")
	p.follow("main form button|Skapa")
	p.at("/admin/products/[0-9]+/texts")
	at := strings.TrimSuffix(p.path(), "/texts")
	p.fill(`textarea[name="texts/sv/description"]`, "Slipade glasbitar på lintråd. Klirrar lågt.")
	p.follow("main form button|Spara")
	p.visit(at + "/facts")
	p.fill(`input[name="maker/name"]`, "Glasbiten")
	p.fill(`[name="maker/postal"]`, "Verkgatan 1, 111 11 Provstad")
	p.fill(`input[name="maker/electronic"]`, "verkstad@glasbiten.example")
	p.click(`input[name="no_warnings"]`)
	p.follow("main form button|Spara")
	p.visit(at + "/pictures")
	p.fill(`input[name="alt"]`, "Vindspel av slipat glas")
	p.choosePicture(`input[type=file]`, file)
	p.follow("main button|Ladda upp")
	p.see(`main img[alt="Vindspel av slipat glas"]`)
	p.settled()
	p.visit(at)
	p.follow("main button|Publicera")
	p.see("main|I butiken")

	buyer.phone()
	buyer.Wait("the goods are found", patience, func() bool {
		buyer.visit("/search?q=vindspel")
		return buyer.has(".card a|Vindspel Glasbit")
	})
	buyer.follow(".card a|Vindspel Glasbit")
	buyer.see(`.gallery img[alt="Vindspel av slipat glas"]`)
	buyer.settled()
	buyer.click("main button|Lägg i varukorgen")
	buyer.see("[data-note]|Varan ligger i varukorgen")
	buyer.follow("main a|Till varukorgen")
	buyer.see("main .line__sum|179,50 kr")
	buyer.follow("main a|Till kassan")
	order(buyer, apptest.Buyer(apptest.NewMail()))
	pay(buyer, apptest.Good)
	paid(buyer)
}
