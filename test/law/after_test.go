package law

import (
	"encoding/base64"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

var _ = row("EHL-06", func(t *testing.T, w *world) {
	says(t, "the mail", w.mail.Text, w.paid.Number)
	if n := len(w.Mails(w.buyer)); n != 1 {
		t.Errorf("%d mails for one purchase", n)
	}
})

var _ = row("EHL-07", func(t *testing.T, w *world) {
	page := w.pages["/pages/villkor"]
	says(t, "terms", mainOf(page), "Gäller från", "Version")
	pdf := page.Find(`main a[href$=".pdf"], main a[href*="pdf"]`)
	if len(pdf) == 0 {
		t.Fatal("the terms cannot be had as PDF")
	}
	if a := w.Do("GET", apptest.Attr(pdf[0], "href"), nil); a.Status != 200 || !strings.HasPrefix(string(a.Body), "%PDF-") {
		t.Errorf("the PDF: %d", a.Status)
	}
	says(t, "the mail", w.mail.Text, "Köpvillkoren som gällde när du beställde, version 1")
})

// papers are the PDFs of a mail, as text by their names.
func papers(t *testing.T, raw string) map[string]string {
	t.Helper()
	msg, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	_ = msg
	out := map[string]string{}
	part := regexp.MustCompile(`(?s)Content-Type: application/pdf[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*.*?\r?\n\r?\n([A-Za-z0-9+/=\r\n]+)`)
	for i, m := range part.FindAllStringSubmatch(raw, -1) {
		b, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\r", "", "\n", "").Replace(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), itoa(int64(i))+".pdf")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := exec.Command("pdftotext", "-layout", file, "-").Output()
		if err != nil {
			t.Fatalf("pdftotext (poppler-utils): %v", err)
		}
		out[itoa(int64(i))] = string(text)
	}
	return out
}

var _ = row("DAL-19", func(t *testing.T, w *world) {
	// All points of the section, in the body or attached, not only behind links.
	all := w.mail.Text
	ps := papers(t, w.raw)
	for _, p := range ps {
		all += "\n" + p
	}
	if len(ps) < 2 {
		t.Errorf("%d papers are attached, want terms and form", len(ps))
	}
	says(t, "the confirmation", all,
		"Förstukvist Handel AB", "559999-0016", "Förstukvistgränd 3", "031-390 06 00", "kundtjanst@forstukvist.example", // who
		"Lykta Fyr", first(w.good("lykta-fyr").Description), // what
		kr(w.paid.Totals.Total), "Frakt", kr(w.paid.Totals.Delivery), "Moms", // for how much
		"kort", "Beräknad leverans", // how paid, when delivered
		"reklamera", "tre år", // claims
		"14 dagar", "Ångerrätt", "Ångerblankett", "returfrakten", // withdrawal, its form, its cost
		"Allmänna reklamationsnämnden", "Box 174", // disputes
		"Ångra avtalet här") // the function
	says(t, "the form", all, "meddelar härmed", "Namn", "Adress", "Datum")
})

var _ = row("DAL-17", func(t *testing.T, w *world) {
	for _, p := range []string{"/pages/villkor", "/withdraw"} {
		if len(w.pages[p].Find(`a[href="/pages/angerblankett"]`)) == 0 {
			t.Errorf("%s does not lead to the form", p)
		}
	}
	if len(w.desk.Find(`a[href="/pages/angerblankett"]`)) == 0 {
		t.Error("the checkout does not lead to the form")
	}
	says(t, "the form", mainOf(w.pages["/pages/angerblankett"]), "meddelar", "Namn", "Adress")
})

var _ = row("ANG-01", func(t *testing.T, w *world) {
	for name, a := range w.everyPage() {
		if name == "/withdraw" {
			continue
		}
		if len(a.Find(`a[href="/withdraw"], a[href^="/withdraw?"]`)) == 0 {
			t.Errorf("%s does not lead to the function", name)
		}
	}
	says(t, "the mail", w.mail.Text, "Ångra avtalet här", "/withdraw")
})

var _ = row("ANG-02", func(t *testing.T, w *world) {
	for name, a := range w.everyPage() {
		found := false
		for _, n := range a.Find(`a[href="/withdraw"]`) {
			found = found || apptest.Words(n) == "Ångra avtalet här"
		}
		if !found && name != "/withdraw" {
			t.Errorf("%s calls it something else", name)
		}
	}
	en := w.Do("GET", "/en/withdraw", nil)
	says(t, "in English", en.Words(), "Withdraw from contract here")
})

var _ = row("ANG-04", func(t *testing.T, w *world) {
	need := 0
	for _, n := range w.pages["/withdraw"].Find(`main form [aria-required=true], main form [required]`) {
		need++
		if name := apptest.Attr(n, "name"); name != "name" && name != "number" && name != "email" && name != "order" {
			t.Errorf("%s is demanded", name)
		}
	}
	if need == 0 || need > 3 {
		t.Errorf("%d fields are demanded", need)
	}
	says(t, "the function", mainOf(w.pages["/withdraw"]), "Du behöver inte ange något skäl")
})

// withdraw goes the two steps as a guest and returns the page of the second step and
// the last answer.
func withdraw(w *world, o apptest.Order, to string) (second, last apptest.Answer) {
	w.T.Helper()
	c := w.Other()
	action, form := c.FormOf(c.Do("GET", "/withdraw", nil), `main form[method=post]`)
	form.Set("name", "Kim Prov")
	form.Set("number", o.Number)
	form.Set("email", to)
	second = c.Form(action, form)
	action, form = c.FormOf(second, "main form[method=post]")
	last = c.Form(action, form)
	if last.Status == 303 {
		last = c.Follow(last)
	}
	return second, last
}

var _ = row("ANG-05", func(t *testing.T, w *world) {
	_, o := w.Paid(w.Variant(), 1)
	second, last := withdraw(w, o, apptest.NewMail())
	buttons := second.Find("main form button:not([formaction])") // one that only goes back has an address of its own
	if len(buttons) != 1 || apptest.Words(buttons[0]) != "Bekräfta frånträde" {
		t.Errorf("the second step's buttons say %q", wordsOf(buttons))
	}
	if last.Status != 200 || len(last.Find("main form button[type=submit]")) > 0 && strings.Contains(mainOf(last), "Bekräfta frånträde") {
		t.Errorf("there is a third step: %d %s", last.Status, mainOf(last))
	}
})

var _ = row("ANG-06", func(t *testing.T, w *world) {
	stamped := regexp.MustCompile(`\d{1,2} [a-zåäö]+ \d{4}.{0,12}kl\. \d{1,2}\.\d{2}`)
	buy := func(mail string) apptest.Order {
		_, o := w.PaidCart(w.Complete(w.Cart(1, w.Variant()).ID, apptest.Buyer(mail)))
		w.OneMail(mail)
		return o
	}
	// From the address of the order.
	own := apptest.NewMail()
	o := buy(own)
	withdraw(w, o, own)
	// What was not sent is paid back at once, and that letter may come first.
	var m apptest.Mail
	w.Wait("the acknowledgement", 30*time.Second, func() bool {
		for _, x := range w.Mails(own) {
			if strings.Contains(x.Text, "Vi tog emot ditt meddelande") {
				m = x
			}
		}
		return m.Text != ""
	})
	says(t, "the acknowledgement", m.Text, o.Number, o.Lines[0].Title, "Vi tog emot ditt meddelande")
	if !stamped.MatchString(plain(m.Text)) {
		t.Errorf("no date and time: %s", m.Text)
	}
	// From another address: received and stamped all the same, without a word about
	// what is in an order that the sender has not shown to be his.
	o, to := buy(apptest.NewMail()), apptest.NewMail()
	withdraw(w, o, to)
	m = w.OneMail(to)
	says(t, "the acknowledgement to another address", m.Text, o.Number, "Vi tog emot ditt meddelande", "Hela ordern", "Kim Prov")
	if !stamped.MatchString(plain(m.Text)) {
		t.Errorf("no date and time: %s", m.Text)
	}
	if strings.Contains(m.Text, o.Lines[0].Title) || strings.Contains(m.Text, o.Token) {
		t.Errorf("it tells what is in the order: %s", m.Text)
	}
})

var _ = row("ANG-08", func(t *testing.T, w *world) {
	if n := w.pages["/pages/villkor"].Find(`main a[href="/withdraw"]`); len(n) == 0 {
		t.Error("the terms do not lead to the function")
	}
	if n := w.desk.Find(`[data-part=review] a[href="/withdraw"]`); len(n) == 0 {
		t.Error("the review does not lead to the function")
	}
})

var _ = row("ANG-09", func(t *testing.T, w *world) {
	a, b := w.Variant(), w.Variant()
	_, o := w.PaidCart(w.Complete(w.Cart(1, a, b).ID, apptest.Buyer(apptest.NewMail())))
	// From the order's own page, where the lines may be seen.
	page := w.Do("GET", "/orders/"+o.Token, nil)
	links := page.Find(`main a[href^="/withdraw?"]`)
	if len(links) == 0 {
		t.Fatal("the order's page does not lead to its withdrawal")
	}
	c := w.Other()
	action, form := c.FormOf(c.Do("GET", apptest.Attr(links[0], "href"), nil), "main form[method=post]")
	to := apptest.NewMail()
	form.Set("email", to)
	form["line"] = []string{o.Lines[0].ID}
	action, form = c.FormOf(c.Form(action, form), "main form[method=post]")
	c.Want(c.Form(action, form), 303, nil)
	m := w.OneMail(to)
	says(t, "the acknowledgement", m.Text, o.Lines[0].Title)
	if strings.Contains(m.Text, o.Lines[1].Title) {
		t.Errorf("one line was withdrawn, the answer names both: %s", m.Text)
	}
})

var _ = row("ANG-10", func(t *testing.T, w *world) {
	fields := func(a apptest.Answer) int { return len(a.Find(`main form [aria-required=true]`)) }
	if fields(w.pages["/withdraw"]) > fields(w.desk) {
		t.Error("withdrawing asks for more than ordering")
	}
	low := strings.ToLower(mainOf(w.pages["/withdraw"]))
	for _, s := range []string{"är du säker", "erbjudande", "rabatt", "ring oss", "logga in"} {
		if strings.Contains(low, s) {
			t.Errorf("the function says %q", s)
		}
	}
})

var _ = row("DAL-09", func(t *testing.T, w *world) {
	says(t, "the review", apptest.Words(w.desk.Find("[data-part=review]")[0]), "14 dagars ångerrätt")
	says(t, "terms", mainOf(w.pages["/pages/villkor"]), "ångerrätt", "14 dagar")
	for _, g := range w.goods {
		says(t, g.Handle, mainOf(g.page), "ångerrätt")
	}
})

var _ = row("VAT-07", func(t *testing.T, w *world) {
	p := w.Buy(w.ReadyCart(w.Variant(), 1), apptest.Wish{Method: "invoice"})
	p = w.Final(p.Token)
	page := w.Do("GET", "/orders/"+p.Order.Token, nil)
	links := page.Find(`main a[href*="/documents/"]`)
	if len(links) == 0 {
		t.Fatalf("the order leads to no invoice: %s", mainOf(page))
	}
	inv := w.Do("GET", apptest.Attr(links[0], "href"), nil)
	w.Want(inv, 200, nil)
	o := w.Order(p.Order.Token)
	says(t, "the invoice", inv.Words(), "Faktura "+number.FindString(apptest.Words(inv.Find("h1")[0])), "Momsregistreringsnummer SE559999001601", "Förstukvist Handel AB", "Förstukvistgränd 3", "Kim Prov", "Storgatan 1", "112 21 Stockholm",
		o.Lines[0].Title, "25 %", kr(o.Totals.Total), kr(o.Totals.VAT[0].Amount), "OCR-nummer", "Betalas senast", "Datum", itoa(int64(time.Now().Year())))
	rate := number.FindString(o.Totals.VAT[0].Rate)
	unit, base := o.Lines[0].UnitPrice, o.Totals.Total
	r, _ := strconv.ParseInt(rate, 10, 64)
	unit.Amount -= vat(unit.Amount, r)
	base.Amount -= o.Totals.VAT[0].Amount.Amount
	says(t, "the invoice", inv.Words(), "exkl. moms", kr(unit), "på "+kr(base))
	if n := apptest.Words(links[0]); !strings.HasPrefix(n, "Faktura") {
		t.Errorf("an invoice is called %q", n)
	}
})
