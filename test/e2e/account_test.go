package e2e

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/pquerna/otp/totp"

	"kassavalv/internal/apptest"
)

var signInCode = regexp.MustCompile(`\b\d{4} \d{4}\b`)

// codes are those that were mailed to an address, the newest first.
func (p *tab) codes(mail string, form *regexp.Regexp) (out []string) {
	for _, m := range p.Mails(mail) {
		if c := form.FindString(m.Text); c != "" {
			out = append(out, c)
		}
	}
	return out
}

// byCode asks for a code at the door and writes it; it is the one after those that came before.
func (p *tab) byCode(mail string) {
	p.t.Helper()
	before := p.codes(mail, signInCode)
	p.at("/login")
	p.fill(`main input[name="email"]`, mail)
	p.follow("main button|Skicka kod")
	p.at("/login/code")
	var code string
	p.Wait("the code arrives", patience, func() bool {
		for _, c := range p.codes(mail, signInCode) {
			if !slices.Contains(before, c) {
				code = c
			}
		}
		return code != ""
	})
	p.fill(`input[name="code"]`, strings.ReplaceAll(code, " ", ""))
	p.follow("main form:has(input[name=code]) button")
}

// pages opens pages and judges them.
func (p *tab) pages(paths ...string) {
	p.t.Helper()
	for _, path := range paths {
		p.visit(path)
		p.at(path + "$")
		p.judge(path)
	}
}

// What is typed as a password is hidden until its button is pressed, and again when it is pressed once more.
func shownAndHidden(p *tab) {
	p.visit("/login/password")
	p.fill(`input[name="password"]`, "en ramsa att visa")
	for _, step := range [][2]string{{"false", "password"}, {"true", "text"}, {"false", "password"}} {
		if p.attr("button[data-show]", "aria-pressed") != step[0] || p.attr(`input[name="password"]`, "type") != step[1] {
			p.t.Fatalf("pressed %s, a field of type %s", p.attr("button[data-show]", "aria-pressed"), p.attr(`input[name="password"]`, "type"))
		}
		p.click("button[data-show]")
	}
	p.judge("a password that is shown")
}

// A guest proves his mail address with a code, sees what is his and what is kept of him, is told what
// an account is for, and leaves.
func account(p *tab) {
	p.phone()
	mail := apptest.NewMail()
	p.visit("/account")
	p.at("/login")
	shownAndHidden(p)
	p.visit("/account")
	p.fill(`input[name="email"]`, mail)
	p.follow("main button|Skicka kod")
	p.at("/login/code$")
	p.judge("where the code is typed")
	code := signInCode.FindString(p.OneMail(mail).Text)
	if code == "" {
		p.t.Fatal("no code in the mail")
	}
	p.fill(`input[name="code"]`, strings.ReplaceAll(code, " ", ""))
	p.follow("main form:has(input[name=code]) button")
	p.at("/account$")
	p.judge("my purchases, none")
	p.pages("/account/security", "/account/data", "/account/data/readings", "/account/data/correct", "/account/email")
	p.see("main|Att byta e-postadress hör till ett konto")
	p.follow("button|Logga ut")
	p.at("/login$")
	p.visit("/account")
	p.at("/login$")
}

// A customer makes an account, adds a passkey that his device holds, signs in with it alone, connects an app, loses
// it, gets in again, and deletes the account.
func ownAccount(p *tab) {
	must(p, webauthn.Enable, webauthn.EnableParams{})
	must(p, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
	// The device answers at once, also where a person would choose in the field's own list: here the button is pressed.
	must(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `PublicKeyCredential.isConditionalMediationAvailable = async () => false`})
	mail := apptest.NewMail()
	p.visit("/account")
	p.byCode(mail)
	p.at("/account$")
	p.fill(`input[name="name"]`, "Kim Prov")
	p.follow("main button|Skapa konto")
	p.at("/account/security$")
	p.see("main|Kontot har inget lösenord")
	p.judge("security of a new account")

	p.follow("main button|Lägg till en nyckel")
	p.at("/account/security$")
	p.see("body|Nyckeln är tillagd")
	p.see("main|Skapad")
	p.judge("security with a passkey")
	p.Wait("the owner hears of it", patience, func() bool {
		return slices.ContainsFunc(p.Mails(mail), func(m apptest.Mail) bool { return strings.Contains(m.Subject, "En nyckel lades till") })
	})
	p.follow("button|Logga ut")
	p.at("/login$")

	// The passkey alone opens the account; no code is mailed for it.
	mailed := len(p.codes(mail, signInCode))
	p.visit("/account/security")
	p.at("/login")
	p.follow("main button|Logga in med nyckel")
	p.at("/account/security$")
	p.see("main|" + mail)
	p.see("main|Använd")
	if n := len(p.codes(mail, signInCode)); n != mailed {
		p.t.Errorf("%d codes were mailed for a sign-in with a passkey", n-mailed)
	}

	p.follow("main button|Koppla en kodapp")
	p.at("/account/security/app$")
	p.judge("an app to connect")
	code, err := totp.GenerateCode(strings.ReplaceAll(p.words("code.key"), " ", ""), time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	p.fill(`input[name="code"]`, code)
	p.follow("main button|Slå på")
	p.see("main|Spara koderna nu")
	p.judge("recovery codes")
	p.follow("main a|Jag har sparat dem")
	p.follow("button|Logga ut")

	// The phone with the app is gone, and the paper too. Who has proven the address asks and is to wait; who holds the passkey
	// need not.
	p.visit("/account/security")
	p.byCode(mail)
	p.at("/login/factor")
	p.follow("main a|Har du tappat både appen och reservkoderna?")
	p.at("/login/lost$")
	p.judge("a lost app")
	p.follow("main button|Koppla bort appen om sju dygn")
	p.see("main|Appen kopplas bort")
	p.judge("a lost app that is waited for")
	p.follow("main button|Logga in med nyckel")
	p.at("/account/security$")
	p.see("main|bett oss koppla bort din kodapp")
	p.judge("security while an app is waited for")
	p.follow("main button|Ta bort kodappen")
	p.see("body|Kodappen är borttagen")
	p.not("main|bett oss koppla bort din kodapp")
	p.pages("/account/email", "/account/close")
	p.follow("main button|Radera kontot")
	p.at("/login$")
	p.see("body|Ditt konto är raderat")
	p.answers("/login/passkey", 401)
	p.follow("main button|Logga in med nyckel")
	p.at("/login/passkey$")
	p.not("main|" + mail)
	p.visit("/account")
	p.at("/login")
}

// Who has bought has everything erased, in two steps: he reads what is lost, says that he is sure, and is told when it is gone.
func erasure(p *tab) {
	mail := apptest.NewMail()
	_, o := p.PaidCart(p.Complete(p.Cart(1, p.Variant()).ID, apptest.Buyer(mail)))
	p.Want(p.Admin("POST", "/orders/"+o.Number+"/shipments", map[string]any{"lines": []map[string]any{{"line_id": o.Lines[0].ID, "quantity": 1}}, "carrier": "local", "tracking_number": "BORTA12345SE"}), 201, nil)
	p.phone()
	p.visit("/account/data")
	p.byCode(mail)
	p.at("/account/data$")
	p.click("summary|Köp och leverans")
	p.see("main|" + o.Number)
	p.follow(`main a[href$="/account/data/erase"]`)
	p.at("/account/data/erase$")
	p.see("main|" + o.Number)
	p.judge("what an erasure takes")
	p.follow(`main a[href$="/erase/confirm"]`)
	p.at("/account/data/erase/confirm$")
	p.judge("an erasure to confirm")
	p.answers("/account/data/erase/confirm", 422)
	p.follow("main .btn--danger")
	p.see("main [aria-invalid=true]")
	p.judge("an erasure that nobody is sure of")
	p.click(`input[name="sure"]`)
	p.follow("main .btn--danger")
	p.at("/privacy/[A-Za-z0-9_-]+$")
	p.see("main|Dina uppgifter är raderade hos oss")
	p.judge("an erasure")
	p.visit("/account/data") // nobody is signed in any more
	p.byCode(mail)
	p.at("/account/data$")
	if w := look[string](p, `() => document.documentElement.textContent`); strings.Contains(w, o.Number) || strings.Contains(w, "Kim Prov") {
		p.t.Errorf("still there: %s", w)
	}
}

// Somebody calls and says he is the buyer: six digits that were mailed to the address on file show it, a wrong number does not, and only
// then does the parcel go elsewhere.
func caller(p *tab) {
	mail := apptest.NewMail()
	cart := p.Complete(p.Cart(1, p.Variant()).ID, apptest.Buyer(mail))
	for _, way := range p.Options(cart.ID) {
		if way.Points == nil { // to the door: only such a parcel can go to another address
			p.Want(p.Do("PUT", apptest.API+"/carts/"+cart.ID+"/delivery", map[string]any{"option_id": way.ID}), 200, &cart)
			break
		}
	}
	_, o := p.PaidCart(cart)
	six := regexp.MustCompile(`\b\d{3} ?\d{3}\b`)
	before := p.codes(mail, six)
	p.signIn("owner")
	p.visit("/admin/orders/" + o.Number)
	p.see("#caller|Lämna inte ut något")
	p.not("main|Kim Prov")
	p.follow("#buyer button|Svara kund")
	p.see("main|Kim Prov")
	p.not("summary|Ändra leveransadress")
	p.follow("#caller button|Skicka kod")
	p.see("body|Koden är skickad till adressen som finns sparad")
	p.judge("a caller who was sent a code")
	var code string
	p.Wait("the code arrives", patience, func() bool {
		for _, m := range p.Mails(mail) {
			if c := six.FindString(m.Text); strings.Contains(m.Subject, "Din kod till kundtjänst") && !slices.Contains(before, c) {
				code = strings.ReplaceAll(c, " ", "")
			}
		}
		return code != ""
	})
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	p.fill(`#caller input[name="code"]`, wrong)
	p.follow("#caller button|Kontrollera")
	p.see("body|Koden stämmer inte")
	p.not("#caller .badge")
	p.not("summary|Ändra leveransadress")
	p.fill(`#caller input[name="code"]`, code)
	p.follow("#caller button|Kontrollera")
	p.see("#caller|Verifierad till")
	p.judge("a caller who is verified")
	p.click("summary|Ändra leveransadress")
	p.fill(`main input[name="line1"]`, "Nygatan 2")
	p.fill(`main input[name="postal_code"]`, "211 20")
	p.fill(`main input[name="city"]`, "Malmö")
	p.follow("main button|Ändra adressen")
	p.at("/admin/orders/" + o.Number + "$")
	p.see("main|Nygatan 2")
}
