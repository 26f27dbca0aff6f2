package attack

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"mime/multipart"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// banked brings in a bank's file whose payers have written every canary as their name and
// as the words of their payment, leaves another one as a draft (whose page it returns), and makes a difference
// between the books: what strangers write in a transfer is read by staff too.
func banked(t *testing.T, c, owner *apptest.Client, v apptest.Variant) (draft string) {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Now().In(zone).Format(time.DateOnly)
	text := func(s string) string {
		var b bytes.Buffer
		xml.EscapeText(&b, []byte(s))
		return b.String()
	}
	file := func(n string, from int) string {
		var entries strings.Builder
		for i, w := range canaries {
			fmt.Fprintf(&entries, `<Ntry><Amt Ccy="SEK">%d.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>%s</Dt></BookgDt><AcctSvcrRef>%s-%d</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><Dbtr><Pty><Nm>%s</Nm></Pty></Dbtr></RltdPties><RmtInf><Ustrd>%s</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>`,
				from+i, day, n, i, text(w), text(w))
		}
		return `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>` + n + `</MsgId><CreDtTm>` + day + `T05:00:00</CreDtTm></GrpHdr><Stmt><Id>` + n +
			`</Id><FrToDt><FrDtTm>` + day + `T00:00:00</FrDtTm><ToDtTm>` + day + `T23:59:59</ToDtTm></FrToDt><Acct><Id><IBAN>SE4550000000058398257466</IBAN></Id><Ccy>SEK</Ccy></Acct>` + entries.String() + `</Stmt></BkToCstmrStmt></Document>`
	}
	p := c.Buy(c.ReadyCart(v, 1), apptest.Wish{Method: "invoice"})
	byHand := c.Order(c.Final(p.Token).Order.Token)
	action, form := owner.FormOf(owner.Do("GET", "/admin/orders/"+byHand.Number, nil), `form[action$="/settle"]`)
	form.Set("paid", "10")
	if a := owner.Form(action, form); a.Status != 303 {
		t.Fatalf("an invoice is not settled: %d %s", a.Status, a.Words())
	}
	path := filepath.Join(t.TempDir(), "camt053.xml")
	if err := os.WriteFile(path, []byte(file("KVX1", 11)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, status := apptest.Command(t, nil, "import", "--data", c.Dir(), path); status != 3 {
		t.Fatalf("import ended with %d: %s", status, out)
	}
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile("file", "camt053.xml")
	if err != nil {
		t.Fatal(err)
	}
	part.Write([]byte(file("KVX2", 61)))
	m.Close()
	a := owner.Do("POST", "/admin/money/bank", apptest.Raw(body.String()), "Content-Type", m.FormDataContentType(), "Sec-Fetch-Site", "same-origin", "Origin", c.Shop.Shop)
	if a.Status != 303 {
		t.Fatalf("no preview: %d %s", a.Status, a.Words())
	}
	c.Want(owner.Form("/admin/money/compare", nil), 303, nil)
	c.Wait("what staff recorded is not on the account", patience, func() bool {
		return len(owner.Do("GET", "/admin/money/cases", nil).Find(`td a[href*="/admin/money/cases/"]`)) > 0
	})
	return a.Location()
}
