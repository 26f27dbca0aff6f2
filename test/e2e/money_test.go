package e2e

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// account fills the pages about money: an invoice paid by a bank's file, one that staff
// recorded and the account does not show, a payment that waits, and a file that is
// looked at before it is taken in.
func (w world) account(t *testing.T, s *apptest.Shop, c, owner *apptest.Client, v apptest.Variant) {
	t.Helper()
	bill := func() apptest.Order {
		p := c.Buy(c.ReadyCart(v, 1), apptest.Wish{Method: "invoice"})
		return c.Order(c.Final(p.Token).Order.Token)
	}
	paid, byHand := bill(), bill()
	// The shop's day, not the machine's.
	day := time.Now().In(stockholm(t)).Format(time.DateOnly)
	action, form := owner.FormOf(owner.Do("GET", "/admin/orders/"+byHand.Number, nil), `form[action$="/settle"]`)
	form.Set("paid", "10")
	if a := owner.Form(action, form); a.Status != 303 {
		t.Fatalf("an invoice is not settled: %d %s", a.Status, a.Words())
	}
	ocr := c.Query(`SELECT ocr FROM order_order WHERE number=$1`, paid.Number)[0][0]
	entry := func(ref, kr, ocr, text string) string {
		return `<Ntry><Amt Ccy="SEK">` + kr + `</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>` + day + `</Dt></BookgDt><AcctSvcrRef>` + ref +
			`</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><Dbtr><Pty><Nm>Vera Exempel</Nm></Pty></Dbtr></RltdPties><RmtInf><Ustrd>` + text + `</Ustrd><Strd><CdtrRefInf><Ref>` + ocr + `</Ref></CdtrRefInf></Strd></RmtInf></TxDtls></NtryDtls></Ntry>`
	}
	file := func(n int, entries ...string) string {
		return fmt.Sprintf(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>PROV-%d</MsgId><CreDtTm>%sT05:00:00</CreDtTm></GrpHdr><Stmt><Id>%d</Id><ElctrncSeqNb>%d</ElctrncSeqNb><FrToDt><FrDtTm>%sT00:00:00</FrDtTm><ToDtTm>%sT23:59:59</ToDtTm></FrToDt><Acct><Id><IBAN>SE4550000000058398257466</IBAN></Id><Ccy>SEK</Ccy></Acct>%s</Stmt></BkToCstmrStmt></Document>`,
			n, day, n, n, day, day, strings.Join(entries, ""))
	}
	// As a merchant would from a terminal, while the shop runs.
	path := filepath.Join(t.TempDir(), "camt053.xml")
	if err := os.WriteFile(path, []byte(file(1, entry("A1", "1.00", ocr, ""), entry("A2", "249.00", "", "Tack för en fin plats i butiken"))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []string{"--dry-run", ""} {
		args := append([]string{"import", "--data", c.Dir(), path}, strings.Fields(dry)...)
		if out, status := apptest.Command(t, nil, args...); status != 3 || !strings.Contains(out, "camt.053 001.08") {
			t.Fatalf("import ended with %d: %s", status, out)
		}
	}
	if out, status := apptest.Command(t, nil, "import", "--data", c.Dir(), path); status != 0 || !strings.Contains(out, "taken in before") {
		t.Fatalf("the same file ended with %d: %s", status, out)
	}
	if rows := c.Query(`SELECT paid FROM order_order WHERE number=$1`, paid.Number); rows[0][0] != "100" {
		t.Fatalf("paid %v öre by the bank's file", rows)
	}
	// One that is looked at, and left.
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile("file", "camt053.xml")
	if err != nil {
		t.Fatal(err)
	}
	part.Write([]byte(file(3, entry("B1", "2.00", ocr, ""), entry("B2", "3.00", "", "utan nummer"))))
	m.Close()
	a := owner.Do("POST", "/admin/money/bank", apptest.Raw(body.String()), "Content-Type", m.FormDataContentType(), "Sec-Fetch-Site", "same-origin", "Origin", c.Shop.Shop)
	if a.Status != 303 {
		t.Fatalf("no preview: %d %s", a.Status, a.Words())
	}
	w["draft"] = strings.TrimPrefix(a.Location(), "/admin/money/bank/drafts/")
	c.Want(owner.Form("/admin/money/compare", url.Values{}), 303, nil)
	c.Wait("what staff recorded is not on the account", patience, func() bool {
		return len(owner.Do("GET", "/admin/money/cases", nil).Find(`td a[href*="/admin/money/cases/"]`)) > 0
	})
}

func stockholm(t *testing.T) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	return z
}
