package admin_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/stock"
)

// bankNotice is a notification of the bank with these payments: reference, OCR number, kronor.
func bankNotice(id string, ps ...[3]string) []byte {
	var b strings.Builder
	now := time.Now().In(lang.Zone)
	fmt.Fprintf(&b, `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn><GrpHdr><MsgId>%s</MsgId><CreDtTm>%s</CreDtTm></GrpHdr><Ntfctn><Id>%s</Id><Acct><Id><Othr><Id>9912346</Id></Othr></Id></Acct>`, id, now.Format(time.RFC3339), id)
	for _, p := range ps {
		fmt.Fprintf(&b, `<Ntry><Amt Ccy="SEK">%s</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>%s</Dt></BookgDt><AcctSvcrRef>%s</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><Dbtr><Pty><Nm>Vera Exempel</Nm></Pty></Dbtr></RltdPties><RmtInf><Strd><CdtrRefInf><Ref>%s</Ref></CdtrRefInf></Strd></RmtInf></TxDtls></NtryDtls></Ntry>`,
			p[2], now.Format(time.DateOnly), p[0], p[1])
	}
	b.WriteString(`</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>`)
	return []byte(b.String())
}

// sendFile posts the form of the bank's files; nil: no file was chosen.
func (b *browser) sendFile(path string, data []byte) answer {
	b.o.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	name := ""
	if data != nil {
		name = "camt.xml"
	}
	p, err := w.CreateFormFile("file", name)
	if err != nil {
		b.o.t.Fatal(err)
	}
	p.Write(data)
	w.Close()
	return b.do(http.MethodPost, path, &body, "Content-Type", w.FormDataContentType())
}

var lineLink = regexp.MustCompile(`/admin/money/lines/[0-9]+`)

// A file is shown before it is entered, entered once, and what waits is decided.
func TestBankPages(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.Desk.Accounts = func(db.Q) ([]string, error) { return []string{"991-2346"}, nil }
		bill := o.billed(stock.Line{Variant: o.Product(20000, 5), Quantity: 1})
		other := o.billed(stock.Line{Variant: o.Product(20000, 5), Quantity: 1})
		b := o.as("owner")
		b.page("/admin/money/bank")
		if a := b.sendFile("/admin/money/bank", nil); a.status != http.StatusUnprocessableEntity {
			t.Errorf("no file: %d", a.status)
		}
		if a := b.sendFile("/admin/money/bank", []byte("hej")); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.text(), "ingen fil från en bank") {
			t.Errorf("another file: %d %.300s", a.status, a.text())
		}
		file := bankNotice("N1", [3]string{"A1", bill.OCR, "239"}, [3]string{"A2", "", "50"}, [3]string{"A3", "", "60"}, [3]string{"A4", "", "70"})
		a := b.sendFile("/admin/money/bank", file)
		draft := a.location()
		if a.status != http.StatusSeeOther || !strings.HasPrefix(draft, "/admin/money/bank/drafts/") {
			t.Fatalf("%d %s", a.status, draft)
		}
		if p := b.page(draft); !strings.Contains(p.body, bill.NumberString()) || !strings.Contains(p.text(), "Inget är bokfört ännu") {
			t.Error("the preview does not tell")
		}
		if got := o.order(purchaseOf(o, bill)); got.Paid.Amount != 0 {
			t.Fatal("a preview entered money")
		}
		done := b.done(draft)
		if !strings.Contains(done.text(), "Filen är inläst") {
			t.Error("not said")
		}
		if got := o.order(purchaseOf(o, bill)); !got.IsPaid() {
			t.Error("the invoice is not paid")
		}
		if a := b.post(draft); a.status != http.StatusNotFound {
			t.Errorf("the draft again: %d", a.status)
		}
		if a := b.sendFile("/admin/money/bank", file); !strings.HasPrefix(a.location(), "/admin/money/bank/files/") {
			t.Errorf("the same file: %d %s", a.status, a.location())
		}
		// Three lines wait: one is of an order, one goes back, one is not ours.
		lines := lineLink.FindAllString(b.page("/admin/money/bank").body, -1)
		if len(lines) != 3 {
			t.Fatal(lines)
		}
		if p := b.page(lines[0]); strings.Contains(p.text(), "Vera") || !strings.Contains(p.text(), "V••• E•••") {
			t.Error("who paid is not masked")
		}
		first, err := db.ParseID(lines[0][strings.LastIndexByte(lines[0], '/')+1:])
		if err != nil {
			t.Fatal(err)
		}
		if p := b.open("bankline", first, auth.ForPayment); !strings.Contains(p.text(), "Vera Exempel") {
			t.Error("who paid is not told")
		}
		if n := look(o, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT count(*) FROM audit_access WHERE entity='bankline'`).Scan(&n)
			return
		}); n != 1 {
			t.Errorf("%d marks of who read it", n)
		}
		act := func(line, act, number, note string) answer {
			v := regexp.MustCompile(`name="version" value="([0-9]+)"`).FindStringSubmatch(b.page(line).body)
			return b.post(line, "act", act, "version", v[1], "order", number, act+"_note", note)
		}
		if a := act(lines[0], "order", "", "ringde"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("without a number: %d", a.status)
		}
		if a := act(lines[0], "order", other.NumberString(), ""); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="f-order_note-err"`) {
			t.Errorf("without a reason: %d", a.status)
		}
		for i, c := range [][2]string{{"order", other.NumberString()}, {"payback", ""}, {"foreign", ""}} {
			if a := act(lines[i], c[0], c[1], "hon ringde"); a.status != http.StatusSeeOther {
				t.Errorf("%s: %d %.300s", c[0], a.status, a.text())
			}
		}
		if got := o.order(purchaseOf(o, other)); got.Paid.Amount != 5000 {
			t.Error(got.Paid)
		}
		if a := act(lines[1], "paid_back", "", "gjort i banken"); a.status != http.StatusSeeOther {
			t.Errorf("paid back: %d", a.status)
		}
		if p := b.page(lines[1]); strings.Contains(p.text(), "Vera Exempel") {
			t.Error("who paid is kept for nothing")
		}
		if p := b.page("/admin/money/bank"); lineLink.MatchString(p.body) {
			t.Error("something waits still")
		}
		// Who may not decide sees the lists and no form.
		if p := o.as("support").page("/admin/money/bank"); strings.Contains(p.body, `type="file"`) {
			t.Error("who may not is offered to")
		}
	})
}

func purchaseOf(o *office, x order.Order) checkout.Purchase {
	return look(o, func(q *db.Reader) (checkout.Purchase, error) { return checkout.ByID(q, x.Purchase) })
}

// The board counts what is not settled, and each row leads to its page.
func TestMoneyBoard(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("owner")
		if p := b.page("/admin/money"); !strings.Contains(p.text(), "Inga pengar väntar") {
			t.Errorf("an empty board: %.300s", p.text())
		}
		bought := o.bought(stock.Line{Variant: o.Product(9900, 5), Quantity: 1})
		o.Do(func(tx *db.Tx) error {
			i, err := payment.OfPurchase(tx, bought.Purchase)
			if err != nil {
				return err
			}
			if _, err := payment.AskRefund(tx, i, money.SEK(1000), "repig"); err != nil {
				return err
			}
			_, err = payment.Find(tx, payment.Case{Method: "card", Kind: payment.MissingThere, Subject: "row:1", Purchase: bought.Purchase, About: tx.Now(), Facts: payment.CaseFacts{Kind: "capture", Ours: &payment.CaseSide{ID: "1", Amount: money.SEK(4200), State: "done", At: tx.Now()}}})
			return err
		})
		p := b.page("/admin/money")
		for _, want := range []string{"repig", "Pengar som partnern saknar", "42 kr", "/admin/purchases/" + bought.Purchase.String(), "/admin/money/cases/"} {
			if !strings.Contains(strings.ReplaceAll(p.body, "\u00a0", " "), want) {
				t.Errorf("the board lacks %q", want)
			}
		}
		b.done("/admin/money/compare")
		link := regexp.MustCompile(`/admin/money/cases/[0-9]+`).FindString(b.page("/admin/money/cases").body)
		if !strings.Contains(b.page(link).text(), "Finns inte där") {
			t.Error("the facts lack a side")
		}
		if a := b.post(link+"/close", "note", ""); a.status != http.StatusUnprocessableEntity {
			t.Errorf("no reason: %d", a.status)
		}
		if !strings.Contains(b.done(link+"/close", "note", "utredd med banken").text(), "Inga skillnader") {
			t.Error("still there")
		}
		if !strings.Contains(b.page("/admin/money/cases?show=all").text(), "Stängd") {
			t.Error("not kept")
		}
		if n := len(look(o, func(q *db.Reader) ([]audit.Entry, error) {
			return audit.List(q, audit.Filter{Action: "case.close"}, 0, 10)
		})); n != 1 {
			t.Errorf("%d rows in the log", n)
		}
	})
}

// The life of a purchase: what was asked and answered, and what a person may ask for.
func TestPurchaseLife(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		bought := o.bought(stock.Line{Variant: o.Product(9900, 5), Quantity: 1})
		path := "/admin/purchases/" + bought.Purchase.String()
		b := o.as("owner")
		p := b.page(path)
		ref := look(o, func(q *db.Reader) (payment.Intent, error) { return payment.OfPurchase(q, bought.Purchase) })
		for _, want := range []string{"Skapa betalningen", " ms", "Dragning", "Vad som händer härnäst", path + "/refund", ref.ProviderRef} {
			if !strings.Contains(p.body, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		// What opens the purchase, and who bought, is not on it.
		for _, not := range []string{ref.Reference, ref.Key, "kopare@example.se", "Åsa", "Storgatan", path + "/cancel", path + "/capture"} {
			if strings.Contains(p.body, not) {
				t.Errorf("the page tells %q", not)
			}
		}
		// Money back asks for a reason and a proof that is fresh.
		if a := b.post(path+"/refund", "amount", "10", "note", "", "key", "k1"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("no reason: %d", a.status)
		}
		o.stale("owner")
		if a := b.post(path+"/refund", "amount", "10", "note", "repig", "key", "k1"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `name="totp"`) {
			t.Errorf("no proof: %d", a.status)
		}
		for range 2 {
			b.done(path+"/refund", "amount", "10", "note", "repig", "key", "k1", "totp", o.code(o.member("owner")))
		}
		if i := look(o, func(q *db.Reader) (payment.Intent, error) { return payment.OfPurchase(q, bought.Purchase) }); i.Refunding.Amount+i.Refunded.Amount != 1000 {
			t.Errorf("%v is on its way back", i.Refunding)
		}
		if !strings.Contains(b.page(path).text(), "Försöker betala tillbaka") {
			t.Error("what comes next is not told")
		}

		// One that is under way can be ended, once, with a reason.
		open, err := o.Buy(o.Cart(stock.Line{Variant: o.Product(9900, 5), Quantity: 1}), "key")
		if err != nil {
			t.Fatal(err)
		}
		path = "/admin/purchases/" + open.ID.String()
		if a := b.post(path+"/cancel", "cancel_note", " "); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="f-cancel_note-err"`) {
			t.Errorf("no reason: %d", a.status)
		}
		b.done(path+"/cancel", "cancel_note", "kunden ångrade sig")
		if got := look(o, func(q *db.Reader) (checkout.Purchase, error) { return checkout.ByID(q, open.ID) }); got.State != checkout.Refused {
			t.Error(got.State)
		}
		if a := b.post(path+"/cancel", "cancel_note", "en gång till"); a.status != http.StatusConflict {
			t.Errorf("twice: %d", a.status)
		}
		if a := b.post(path+"/capture", "capture_amount", "10", "capture_note", "nu"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("nothing is reserved: %d", a.status)
		}
		if a := b.post(path+"/capture", "capture_amount", "10", "capture_note", "dra nu"); a.status != http.StatusConflict {
			t.Errorf("nothing is reserved: %d", a.status)
		}
		es := look(o, func(q *db.Reader) ([]audit.Entry, error) {
			return audit.List(q, audit.Filter{Action: "purchase.cancel"}, 0, 10)
		})
		if len(es) < 1 || es[len(es)-1].New != "kunden ångrade sig" {
			t.Errorf("audit: %+v", es)
		}
	})
}
