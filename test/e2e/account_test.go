package e2e

import (
	"regexp"
	"strings"

	"kassavalv/internal/apptest"
)

var signInCode = regexp.MustCompile(`\b\d{4} \d{4}\b`)

// A guest proves his mail address with a code, sees what is his and what is kept of him, and
// leaves.
func account(p *tab) {
	p.phone()
	mail := apptest.NewMail()
	p.visit("/account")
	p.at("/login")
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
	for _, path := range []string{"/account/security", "/account/data", "/account/data/readings", "/account/data/correct"} {
		p.visit(path)
		p.at(path + "$")
		p.judge(path)
	}
}
