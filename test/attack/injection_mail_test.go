package attack

import (
	"net/mail"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// oneLetter holds that a letter has one of each header, one recipient, and nothing
// in its head that a stranger wrote.
func oneLetter(t testing.TB, c *apptest.Client, m apptest.Mail, to string) {
	t.Helper()
	if !slices.Equal(m.To, []string{to}) {
		t.Errorf("%q went to %v, not to %s alone", m.Subject, m.To, to)
	}
	raw := c.RawMail(m.ID)
	head, body, ok := strings.Cut(strings.ReplaceAll(raw, "\r\n", "\n"), "\n\n")
	if !ok || body == "" {
		t.Errorf("%q has no body", m.Subject)
	}
	msg, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type"} {
		if n := len(msg.Header[textproto.CanonicalMIMEHeaderKey(name)]); n != 1 {
			t.Errorf("%q has %d headers %s", m.Subject, n, name)
		}
	}
	for _, name := range []string{"Bcc", "Cc", "Resent-To"} {
		if len(msg.Header[name]) > 0 {
			t.Errorf("%q has a header %s: %v", m.Subject, name, msg.Header[name])
		}
	}
	for line := range strings.Lines(head) {
		if low := strings.ToLower(line); strings.Contains(low, "kvx.invalid") || strings.HasPrefix(low, mark) {
			t.Errorf("%q has in its head: %s", m.Subject, line)
		}
	}
	if tos, err := msg.Header.AddressList("To"); err != nil || len(tos) != 1 || tos[0].Address != to {
		t.Errorf("%q says To: %v %v", m.Subject, msg.Header["To"], err)
	}
}

// Line ends of every kind that a name could smuggle into a head.
var lineEnds = []string{"\r\nBcc: kvx@kvx.invalid", "\nBcc: kvx@kvx.invalid", "\rBcc: kvx@kvx.invalid", "\u2028Bcc: kvx@kvx.invalid", "\u0085Bcc: kvx@kvx.invalid", "%0d%0aBcc: kvx@kvx.invalid", "\r\n\r\nkvx", " =?utf-8?q?=0ABcc:_kvx@kvx.invalid?=", " =?utf-8?b?DQpCY2M6IGt2eEBrdnguaW52YWxpZA==?=", "\r\n.\r\nMAIL FROM:<kvx@kvx.invalid>", "\x00Bcc: kvx@kvx.invalid", "\v\fBcc: kvx@kvx.invalid"}

// A letter has the recipient that the shop chose and the head that it wrote.
var _ = alone("AC-147", func(t *testing.T, engine string) {
	s := apptest.Start(t, apptest.Options{Engine: engine})
	c := s.As(t)
	v := c.Scarce(50)
	for _, end := range lineEnds {
		word := "Kim" + end
		to := apptest.NewMail()
		k := c.Cart(1, v)
		a := c.Do("PUT", apptest.API+"/carts/"+k.ID+"/customer", guest(to, word))
		switch a.Status {
		case 200:
			p := invoiced(c, v, guest(to, word))
			oneLetter(t, c, c.OneMail(to), to)
			if !strings.Contains(c.Do("GET", "/orders/"+p.Order.Token, nil).Words(), p.Order.Number) {
				t.Error("no order page")
			}
		case 400, 422:
		default:
			t.Errorf("a name with %q: %d", end, a.Status)
		}
		if strings.ContainsAny(end, "\r\n\x00\v\u2028\u0085") && a.Status == 200 {
			t.Errorf("a name of two lines is taken: %q", end)
		}
		// Forms: what is taken becomes a letter that is whole.
		to = apptest.NewMail()
		f := c.Other().Form("/support", url.Values{"topic": {"other"}, "message": {"Hej" + end}, "name": {word}, "email": {to}, "order": {"1" + end}})
		if f.Status == 303 {
			oneLetter(t, c, c.OneMail(to), to)
		} else if f.Status != 422 && f.Status != 400 {
			t.Errorf("a question by %q: %d", word, f.Status)
		}
		to = apptest.NewMail()
		f = c.Other().Form("/withdraw/confirm", url.Values{"number": {"1001"}, "message": {"Jag" + end}, "name": {word}, "email": {to}})
		if f.Status == 303 {
			oneLetter(t, c, c.OneMail(to), to)
		} else if f.Status != 422 && f.Status != 400 {
			t.Errorf("a withdrawal by %q: %d", word, f.Status)
		}
	}
	// Two addresses in one field are none.
	for _, form := range []string{"%,kvx@kvx.invalid", "%;kvx@kvx.invalid", "% kvx@kvx.invalid", "%\r\nTo: kvx@kvx.invalid", "%\nBcc: kvx@kvx.invalid", `"x" <%>`, "<%>", "<%>,<kvx@kvx.invalid>", "kvx@kvx.invalid,%", "%(kvx@kvx.invalid)", `"%"@kvx.invalid`, "%>\r\nRCPT TO:<kvx@kvx.invalid", "%?bcc=kvx@kvx.invalid", "mailto:%", "%\u2028kvx@kvx.invalid", "%%0a%0dBcc:kvx@kvx.invalid", "%\x00"} {
		to := apptest.NewMail()
		both := strings.Replace(form, "%", to, 1)
		if a := c.Do("PUT", apptest.API+"/carts/"+c.Cart(1, v).ID+"/customer", guest(both, "Kim Prov")); a.Status != 422 && a.Status != 400 {
			t.Errorf("the address %q: %d", both, a.Status)
		}
		b := c.Other()
		for path, f := range map[string]url.Values{"/support": {"topic": {"other"}, "message": {"Hej"}, "name": {"Kim"}, "email": {both}}, "/withdraw": {"number": {"1001"}, "name": {"Kim"}, "email": {both}}, "/withdraw/confirm": {"number": {"1001"}, "name": {"Kim"}, "email": {both}}} {
			if a := b.Form(path, f); a.Status != 422 && a.Status != 400 {
				t.Errorf("POST %s with the address %q: %d", path, both, a.Status)
			}
		}
		if a := b.Form("/admin/recover", url.Values{"email": {both}}); a.Status != 200 && a.Status != 400 {
			t.Errorf("a lost password of %q: %d", both, a.Status)
		}
		if ms := c.Mails(to); len(ms) > 0 {
			t.Errorf("the address %q got %q", both, ms[0].Subject)
		}
	}
	for _, m := range c.Mails("") {
		for _, to := range m.To {
			if strings.Contains(to, "kvx.invalid") {
				t.Errorf("%q went to %s", m.Subject, to)
			}
		}
	}
	// Control: an honest question is answered by one letter.
	to := apptest.NewMail()
	asks(c.Other(), "Kim Prov", to, "", "Hej, när kommer varan?")
	oneLetter(t, c, c.OneMail(to), to)
	// Whatever staff call the company, the head of a letter has one sender.
	owner := s.Staff(c, "owner")
	for i, name := range []string{"Prov Bod", "Prov" + lineEnds[0], "Prov" + lineEnds[1], "Prov" + lineEnds[2], "Prov" + lineEnds[3], `Prov" <kvx@kvx.invalid>, "`, "Prov" + lineEnds[7]} {
		_, f := owner.FormOf(owner.Do("GET", "/admin/company", nil), `form[action$="/admin/company"]`)
		f.Set("name", name)
		a := owner.Form("/admin/company", f)
		if a.Status != 303 && (a.Status != 422 || i == 0) {
			t.Errorf("a shop's name %q: %d %s", name, a.Status, a.Words())
		}
		to := apptest.NewMail()
		asks(c.Other(), "Kim Prov", to, "", "Hej")
		m := c.OneMail(to)
		msg, err := mail.ReadMessage(strings.NewReader(c.RawMail(m.ID)))
		if err != nil {
			t.Fatal(err)
		}
		from, err := msg.Header.AddressList("From")
		if err != nil || len(from) != 1 || strings.Contains(from[0].Address, mark) || len(msg.Header["Bcc"]) > 0 || len(msg.Header["From"]) != 1 || !slices.Equal(m.To, []string{to}) {
			t.Errorf("a shop's name %q: From %v Bcc %v to %v, %v", name, msg.Header["From"], msg.Header["Bcc"], m.To, err)
		}
	}
})

var tokenOfOurs = regexp.MustCompile(`/(?:orders|cases|purchases)/[A-Za-z0-9_-]{32}$`)

// What a letter quotes is quoted: it links to nowhere and loads nothing.
var _ = attack("AC-148", func(t *testing.T, c *apptest.Client) {
	v := c.Scarce(20)
	for _, word := range []string{`<a href="https://kvx.invalid/r">Byt ditt lösenord</a>`, `<img src=https://kvx.invalid/i.gif>`, `https://kvx.invalid/a/very/long/path?that=looks&like=ours`, `www.kvx.invalid kvx@kvx.invalid`, `[Logga in](https://kvx.invalid)`, `<style>@import url(//kvx.invalid)</style>kvx`, `</td></table><h1>kvx Byt bank: 123-4567</h1>`} {
		to := apptest.NewMail()
		b := c.Other()
		p := invoiced(b, v, guest(to, word))
		c.OneMail(to)
		asks(b, word, to, p.Order.Number, word)
		withdraws(b, p.Order.Number, to, word)
		var ms []apptest.Mail
		c.Wait("three letters", patience, func() bool { ms = c.Mails(to); return len(ms) >= 3 })
		text, read := "", ""
		for _, m := range ms {
			oneLetter(t, c, m, to)
			doc := apptest.Answer{Body: []byte(m.HTML)}
			inert(t, "the letter "+m.Subject, doc.HTML())
			for _, n := range doc.Find("[href], [src], [background], [action]") {
				for _, at := range []string{"href", "src", "background", "action"} {
					// A token of ours may hold the mark by chance.
					if strings.Contains(tokenOfOurs.ReplaceAllString(apptest.Attr(n, at), ""), mark) {
						t.Errorf("the letter %q links to %s", m.Subject, apptest.Attr(n, at))
					}
				}
			}
			text += m.Text
			read += apptest.Words(doc.HTML())
		}
		if !strings.Contains(squash(text), squash(word)) || !strings.Contains(squash(read), squash(word)) {
			t.Errorf("the letters lost %q", word)
		}
		// Control: the letters' own links are there.
		if !strings.Contains(text, c.Shop.Shop+"/orders/") {
			t.Error("no letter leads to the order")
		}
	}
})
