package vault

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"mime/multipart"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// patience is how long the program may take for what its workers do by themselves.
const patience = 2 * time.Minute

// letters is a word of chance that nobody else writes.
func letters(n int) string {
	b := []byte("Zq")
	for len(b) < n {
		b = append(b, "bcdfghjklmnprstvwxz"[rand.IntN(19)])
	}
	return string(b)
}

// shop is a demo with everything personal that was ever told it.
type shop struct {
	*apptest.Client
	sw      *apptest.Swish
	markers map[string]string
	tmp     string
}

// mark makes a marker for a field; the same name gives the same.
func (s *shop) mark(field string) string {
	if s.markers[field] == "" {
		s.markers[field] = letters(14)
	}
	return s.markers[field]
}

func (s *shop) mail(field string) string {
	m := strings.ToLower(s.mark(field))
	s.markers[field] = m
	return m + "@example.se"
}

// phone is a Swedish mobile number; the marker is its digits without the zero.
func (s *shop) phone(field string) string {
	if s.markers[field] == "" {
		s.markers[field] = fmt.Sprintf("70%07d", 1_000_000+rand.IntN(8_999_999))
	}
	return "0" + s.markers[field]
}

// buyer fills in who, with every field marked.
func (s *shop) buyer(who string) map[string]any {
	f := func(field string) string { return s.mark(who + "'s " + field) }
	return map[string]any{"email": s.mail(who + "'s mail"), "phone": s.phone(who + "'s phone"), "name": f("first name") + " " + f("surname"), "company": f("company") + " AB", "reference": f("reference"), "newsletter": true,
		"address": map[string]any{"care_of": f("care-of"), "line1": f("street") + " 3", "line2": f("second line"), "postal_code": "112 21", "city": "Stockholm", "country": "SE", "door_code": s.mark(who + "'s door code")}}
}

// cart has goods, a marked buyer and a way of delivery.
func (s *shop) cart(c *apptest.Client, who string, v apptest.Variant) (k apptest.Cart) {
	s.T.Helper()
	k = c.Cart(1, v)
	said := c.Do("PUT", apptest.API+"/carts/"+k.ID+"/customer", s.buyer(who))
	s.Want(said, 200, nil)
	for name, m := range s.markers {
		if strings.HasPrefix(name, who+"'s ") && !bytes.Contains(bytes.ToLower(said.Body), []byte(strings.ToLower(m))) {
			s.T.Fatalf("%s did not arrive in the cart: %s", name, said.Body)
		}
	}
	s.Want(c.Do("PUT", apptest.API+"/carts/"+k.ID+"/delivery", map[string]any{"option_id": c.Options(k.ID)[0].ID}), 200, &k)
	c.SetCookie("__Host-cart", k.ID)
	return
}

// visitor is somebody with a network address of his own.
func (s *shop) visitor(who string) *apptest.Client {
	c := s.Other()
	c.IP = fmt.Sprintf("203.%d.%d.%d", 100+rand.IntN(150), 100+rand.IntN(150), 100+rand.IntN(150))
	s.markers["network address of the "+who] = c.IP
	return c
}

// letter waits for a mail to one of the markers' addresses.
func (s *shop) letter(field, holds string) {
	s.T.Helper()
	to := s.markers[field] + "@example.se"
	s.Wait("a letter to "+field, patience, func() bool {
		return slices.ContainsFunc(s.Mails(to), func(m apptest.Mail) bool { return strings.Contains(m.Text, holds) })
	})
}

// TestNothingPersonalIsLeftInClear is the proof of the package.
func TestNothingPersonalIsLeftInClear(t *testing.T) {
	for _, e := range apptest.Engines {
		t.Run(e, func(t *testing.T) {
			t.Parallel()
			dir, tmp := filepath.Join(t.TempDir(), "shop"), t.TempDir()
			sw := apptest.StartSwish(t, filepath.Join(dir, "ca", "ca.pem"))
			d := apptest.Start(t, apptest.Options{Engine: e, Dir: dir, Env: append(sw.Env(), "KASSAVALV_LOG_LEVEL=debug", "TMPDIR="+tmp, "GOTRACEBACK=all")})
			s := &shop{d.As(t), sw, map[string]string{}, tmp}
			s.drive()
			if len(s.markers) < 60 {
				t.Errorf("only %d markers were told", len(s.markers))
			}
			s.controls()
			s.search("while it runs")
			// It falls with all of it in memory: the trace tells of places, not of people.
			if err := syscall.Kill(s.PID, syscall.SIGQUIT); err != nil {
				t.Fatal(err)
			}
			<-d.Died()
			if !strings.Contains(d.Log(), "goroutine ") || !strings.Contains(d.Log(), "SIGQUIT") {
				t.Error("it fell without a trace")
			}
			s.search("when it fell")
			if err := d.Open(); err != nil {
				t.Fatal(err)
			}
			if status := d.Stop(); status != 0 {
				t.Errorf("it stopped with %d", status)
			}
			s.search("after a stop")
		})
	}
}

// drive does all that carries personal data.
func (s *shop) drive() {
	t := s.T
	stall := s.Scarce(40)
	owner := s.visitor("owner")
	owner.SignIn("owner")

	// By card, with a letter; its mail address asks for the order again.
	card := s.visitor("card buyer")
	p := card.Buy(s.cart(card, "card buyer", stall), apptest.Wish{})
	card.Pay(p, apptest.Good)
	p = card.Final(p.Token)
	if p.State != "paid" {
		t.Fatalf("%+v", p)
	}
	number := p.Order.Number
	s.letter("card buyer's mail", number)
	for _, path := range []string{"/purchases/" + p.Token, "/orders/" + p.Order.Token, "/orders/" + p.Order.Token + "/documents/receipt", "/orders/" + p.Order.Token + "/documents/receipt/pdf"} {
		card.Do("GET", path, nil)
	}
	mail := s.markers["card buyer's mail"] + "@example.se"
	s.Want(s.Form("/orders/find", url.Values{"number": {number}, "email": {mail}}), 303, nil)
	s.Form("/orders/find", url.Values{"number": {number}, "email": {s.mail("stranger's mail")}})

	// On the page, by invoice; pressed without a field first, so that the form comes back.
	inv := s.visitor("invoice buyer")
	k := s.cart(inv, "invoice buyer", stall)
	action, form := inv.FormOf(inv.Do("GET", "/checkout", nil), `form[action$="/checkout"]`)
	if form.Get("address/door_code") != s.markers["invoice buyer's door code"] {
		t.Fatalf("the page does not know the buyer: %v", form)
	}
	form.Set("payment_method", "invoice")
	form.Set("email", "")
	s.Want(inv.Form(action, form), 422, nil)
	form.Set("email", s.markers["invoice buyer's mail"]+"@example.se")
	sent := inv.Form(action, form)
	s.Want(sent, 303, nil)
	bill := inv.Final(strings.TrimPrefix(sent.Location(), "/purchases/"))
	if bill.State != "placed" {
		t.Fatalf("%+v %s", bill, k.ID)
	}
	s.letter("invoice buyer's mail", bill.Order.Number)

	// Refused at the bank, left behind, and by a phone that is called.
	refused := s.visitor("refused buyer")
	p = refused.Buy(s.cart(refused, "refused buyer", stall), apptest.Wish{})
	refused.Pay(p, apptest.Declined)
	if p = refused.Final(p.Token); p.State != "refused" {
		t.Fatalf("%+v", p)
	}
	s.cart(s.Other(), "buyer who left", stall)
	called := s.visitor("called buyer")
	p = called.Buy(s.cart(called, "called buyer", stall), apptest.Wish{Method: "swish", Phone: s.phone("called buyer's other phone")})
	if b := s.sw.Books(t); len(b) != 1 || b[0].Payer != "46"+s.markers["called buyer's other phone"] {
		t.Fatalf("Swish has %+v", b)
	}
	called.Do("GET", "/purchases/"+p.Token, nil)

	// A withdrawal in free words, a question, its answer, a note of staff.
	a := s.Form("/withdraw", url.Values{"name": {s.mark("withdrawer's name")}, "number": {number}, "email": {s.mail("withdrawer's mail")}, "message": {s.mark("withdrawal's words")}})
	s.Want(a, 200, nil)
	action, form = s.FormOf(a, `form[action$="/withdraw/confirm"]`)
	s.Want(s.Form(action, form), 303, nil)
	s.letter("withdrawer's mail", number)
	asked := s.Form("/support", url.Values{"message": {s.mark("question") + " om ordern"}, "name": {s.mark("asker's name")}, "email": {s.mail("asker's mail")}})
	s.Want(asked, 303, nil)
	if page := s.Do("GET", asked.Location(), nil); !strings.Contains(page.Words(), s.markers["question"]) {
		t.Errorf("the question did not arrive: %s", page.Words())
	}
	s.Want(s.Form(asked.Location()+"/reply", url.Values{"message": {s.mark("reply")}}), 303, nil)
	for _, n := range owner.Do("GET", "/admin/cases", nil).Find("td a") {
		at := apptest.Attr(n, "href")
		for as, text := range map[string]string{"answer": s.mark("answer of staff"), "note": s.mark("note of staff")} {
			if page := owner.Do("GET", at, nil); page.Status == 200 && len(page.Find(`main form[method=post] [name="message"]`)) > 0 {
				owner.Form(at, url.Values{"as": {as}, "message": {text}})
			}
		}
	}
	s.letter("asker's mail", "")

	// A wish for what is sold out; a gift card for somebody.
	action, form = s.FormOf(s.Do("GET", "/products/kokshandduk-randa/notify", nil), `main form[method=post]`)
	form.Set("email", s.mail("waiting one's mail"))
	s.Want(s.Form(action, form), 303, nil)
	gift := s.visitor("giver")
	s.PaidCart(s.cart(gift, "giver", s.GiftCards()[0]))
	s.letter("giver's mail", "")
	s.AsOwner(s.Client, "/admin/gift-cards/new", url.Values{"amount": {"100"}, "years": {"3"}, "email": {s.mail("receiver's mail")}, "lang": {"sv"}, "reason": {"prov"}, "key": {"vault-gift"}, "totp": {s.Code(s.Member("owner"))}})
	s.letter("receiver's mail", "")

	// Staff look for people, by all that a person is known by, read orders, send and pay back.
	for _, field := range []string{"card buyer's surname", "card buyer's mail", "card buyer's phone", "stranger's mail", "invoice buyer's first name"} {
		text := s.markers[field]
		switch {
		case strings.HasSuffix(field, "mail"):
			text += "@example.se"
		case strings.HasSuffix(field, "phone"):
			text = "0" + text
		}
		for _, at := range []string{"/admin/orders/search", "/admin/customers"} {
			if a := owner.Form(at, url.Values{"find": {text}}); a.Status >= 400 {
				t.Errorf("staff look for %s at %s: %d", field, at, a.Status)
			}
		}
	}
	// Who somebody is is hidden until it is opened; then it is there, and only there.
	if a := owner.Opened("/admin/orders/"+number, "packing"); !strings.Contains(a.Words(), s.markers["card buyer's surname"]) || !strings.Contains(a.Words(), s.markers["card buyer's street"]) {
		t.Errorf("an opened order does not tell who bought: %d %s", a.Status, a.Words())
	}
	action, form = owner.FormOf(owner.Do("GET", "/admin/orders/"+bill.Order.Number, nil), `form[action$="/admin/personal/open"]`)
	form.Set("for", "other")
	form.Set("for_note", s.mark("why staff looked"))
	s.Want(owner.Form(action, form), 303, nil)
	for _, path := range []string{"/admin/orders", "/admin/orders/" + number, "/admin/orders/" + bill.Order.Number, "/admin/orders/" + number + "/slip.pdf", "/admin/packing", "/admin/packing/" + bill.Order.Number, "/admin/customers", "/admin/mail", "/admin/audit", "/admin/purchases", "/admin/jobs"} {
		if a := owner.Do("GET", path, nil); a.Status >= 500 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	o := s.AdminOrder(bill.Order.Number)
	s.Want(s.Admin("POST", "/orders/"+o.Number+"/shipments", map[string]any{"lines": []map[string]any{{"line_id": o.Lines[0].ID, "quantity": 1}}}), 201, nil)
	s.Want(s.Admin("POST", "/orders/"+number+"/refunds", map[string]any{"amount": apptest.SEK(100), "reason": s.mark("why staff refunded")}), 202, nil)

	// Visitors write personal things where none are asked for.
	for _, path := range []string{"/search?q=", "/search/suggest?q=", apptest.API + "/products?q=", "/nowhere/", "/?utm_source="} {
		s.Do("GET", path+url.QueryEscape(s.mark("stray words")), nil, "User-Agent", s.mark("browser's words"), "Referer", "https://x.example/"+s.mark("referring words"))
	}
	s.Form("/cart/discounts", url.Values{"code": {s.mark("code that is none")}})

	// Money of people on the account: taken in from a terminal, and as a draft.
	s.banked(owner)

	// A member of staff comes, and goes wrong at the door.
	s.AsOwner(s.Client, "/admin/staff", url.Values{"name": {s.mark("staff's name")}, "email": {s.mail("staff's mail")}, "role": {"reader"}})
	s.letter("staff's mail", "/admin/invite/")
	s.Form("/admin/login", url.Values{"email": {s.mail("wrong login's mail")}, "password": {s.mark("wrong login's password")}, "totp": {"000000"}})

	s.accounts()

	s.Wait("the letters have left", patience, func() bool {
		return s.Count(`SELECT count(*) FROM mail_message WHERE state='queued'`) == 0
	})
}

var mailedCode = regexp.MustCompile(`\b[0-9]{4}[ \x{a0}]?[0-9]{4}\b`)

// accounts: a customer proves an address, makes an account with a name and a password,
// wants another address, and looks at all that is his.
func (s *shop) accounts() {
	s.T.Helper()
	v, mail := s.visitor("account holder"), s.mail("account holder's mail")
	code := func(to string) (code string) {
		s.Wait("a code", patience, func() bool {
			for _, m := range s.Mails(to) { // newest first
				if code = mailedCode.FindString(m.Text); code != "" {
					return true
				}
			}
			return false
		})
		return
	}
	s.Want(v.Form("/login", url.Values{"email": {mail}}), 303, nil)
	s.Want(v.Form("/login/code", url.Values{"code": {code(mail)}}), 303, nil)
	s.Want(v.Form("/account/open", url.Values{"name": {s.mark("account holder's name")}}), 303, nil)
	s.Want(v.Form("/account/security/password", url.Values{"username": {mail}, "password": {"ett lösen " + s.mark("account holder's password")}}), 303, nil)
	to := s.mail("account holder's next mail")
	s.Want(v.Form("/account/email", url.Values{"email": {to}}), 303, nil)
	if page := v.Do("GET", "/account/email", nil); page.Status != 200 {
		s.T.Errorf("the page of the next address: %d", page.Status)
	}
	s.Want(v.Form("/account/email/confirm", url.Values{"code": {code(to)}}), 303, nil)
	for _, path := range []string{"/account", "/account/security", "/account/close", "/checkout"} {
		v.Do("GET", path, nil)
	}
	s.Form("/login", url.Values{"email": {s.mail("mail at the customers' door")}})
	s.Form("/login/password", url.Values{"email": {s.mail("other mail at the customers' door")}, "password": {s.mark("password at the customers' door")}})
}

// banked brings in a file of the bank whose payers are people.
func (s *shop) banked(owner *apptest.Client) {
	s.T.Helper()
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		s.T.Fatal(err)
	}
	day := time.Now().In(zone).Format(time.DateOnly)
	file := func(n string) string {
		return `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>` + n + `</MsgId><CreDtTm>` + day + `T05:00:00</CreDtTm></GrpHdr><Stmt><Id>` + n + `</Id><FrToDt><FrDtTm>` + day + `T00:00:00</FrDtTm><ToDtTm>` + day + `T23:59:59</ToDtTm></FrToDt><Acct><Id><IBAN>SE4550000000058398257466</IBAN></Id><Ccy>SEK</Ccy></Acct>` +
			`<Ntry><Amt Ccy="SEK">12.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>` + day + `</Dt></BookgDt><AcctSvcrRef>` + n + `-1</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><Dbtr><Pty><Nm>` + s.mark(n+" payer's name") + `</Nm></Pty></Dbtr><DbtrAcct><Id><IBAN>` + s.mark(n+" payer's account") + `</IBAN></Id></DbtrAcct></RltdPties><RmtInf><Ustrd>` + s.mark(n+" payer's words") + `</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>`
	}
	path := filepath.Join(s.T.TempDir(), "camt053.xml")
	if err := os.WriteFile(path, []byte(file("VALV1")), 0o600); err != nil {
		s.T.Fatal(err)
	}
	if out, status := apptest.Command(s.T, []string{"TMPDIR=" + s.tmp}, "import", "--data", s.Dir(), path); status != 3 {
		s.T.Fatalf("import ended with %d: %s", status, out)
	}
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile("file", s.mark("file's name")+".xml")
	if err != nil {
		s.T.Fatal(err)
	}
	part.Write([]byte(file("VALV2")))
	m.Close()
	a := owner.Do("POST", "/admin/money/bank", apptest.Raw(body.String()), "Content-Type", m.FormDataContentType(), "Sec-Fetch-Site", "same-origin", "Origin", s.Shop.Shop)
	s.Want(a, 303, nil)
	s.Want(owner.Do("GET", a.Location(), nil), 200, nil)
}

// controls are what must be found: the letters, which lie outside the shop, and a copy in
// clear that is planted where staff may write what they like.
func (s *shop) controls() {
	s.T.Helper()
	var box bytes.Buffer
	s.files(filepath.Join(s.Dir(), "mailbox"), nil, func(_ string, b []byte) { box.Write(b) })
	held := map[string]bool{}
	newFinder(s.markers).search(box.Bytes(), func(marker, _ string) { held[marker] = true })
	for _, want := range []string{"card buyer's mail", "card buyer's surname", "card buyer's street", "invoice buyer's mail", "asker's mail", "receiver's mail", "staff's mail", "withdrawer's mail"} {
		if !held[want] {
			s.T.Errorf("the mailbox does not hold %s", want)
		}
	}
	plant := letters(14)
	s.AsOwner(s.Client, "/admin/categories/new", url.Values{"texts/sv/title": {plant}, "parent": {"0"}})
	found := false
	s.everything(func(_ string, b []byte) {
		newFinder(map[string]string{"plant": plant}).search(b, func(string, string) { found = true })
	})
	if !found {
		s.T.Error("a planted copy is not found")
	}
}

// search looks for every marker in all that the shop has left.
func (s *shop) search(when string) {
	s.T.Helper()
	f := newFinder(s.markers)
	places, size := 0, 0
	seen := map[string]bool{}
	s.everything(func(where string, b []byte) {
		places++
		size += len(b)
		f.search(b, func(marker, as string) {
			if k := where + marker + as; !seen[k] {
				seen[k] = true
				s.T.Errorf("%s: %s holds %s, %s", when, where, marker, as)
			}
		})
	})
	s.T.Logf("%s: %d places, %d bytes, %d markers", when, places, size, len(s.markers))
	if places < 20 || size < 1<<20 {
		s.T.Errorf("%s: only %d places of %d bytes were searched", when, places, size)
	}
}

// outside are the folders of the demo that stand for other people's machines.
var outside = []string{"mailbox", "bank"}

// everything gives all that the shop leaves: files, tables, output, metrics.
func (s *shop) everything(fn func(where string, b []byte)) {
	s.T.Helper()
	s.files(s.Dir(), outside, fn)
	s.files(s.tmp, nil, fn)
	fn("what it printed", []byte(s.Log()))
	if !s.Alive() {
		return
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		fn(path, s.Do("GET", s.Ops+path, nil).Body)
	}
	for _, table := range s.Tables() {
		var all []byte
		for _, row := range s.Query("SELECT * FROM " + table) {
			for _, cell := range row {
				all = append(append(all, cell...), 0)
			}
		}
		fn("table "+table, all)
	}
}

func (s *shop) files(root string, without []string, fn func(where string, b []byte)) {
	s.T.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		if err != nil {
			return nil // went while it was looked at
		}
		if d.IsDir() && slices.Contains(without, rel) {
			return fs.SkipDir
		}
		fn("name of "+rel, append([]byte(rel), make([]byte, 8)...))
		if d.Type().IsRegular() {
			if b, err := os.ReadFile(path); err == nil {
				fn("file "+rel, b)
			}
		}
		return nil
	})
	if err != nil {
		s.T.Fatal(err)
	}
}
