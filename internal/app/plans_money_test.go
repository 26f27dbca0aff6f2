package app

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// visitMoney takes a bank's file in, decides what waits, compares the books and opens
// every page about money. It returns what can be opened, by where it stands.
func visitMoney(t *testing.T, a *App, s *apptest.Shop, owner *apptest.Client, number string) map[string]string {
	t.Helper()
	today := time.Now().In(lang.Zone).Format(time.DateOnly)
	bill := s.As(t).Query(`SELECT number, ocr FROM order_order WHERE ocr IS NOT NULL LIMIT 1`)
	span := `<ElctrncSeqNb>%d</ElctrncSeqNb><FrToDt><FrDtTm>` + today + `T00:00:00</FrDtTm><ToDtTm>` + today + `T23:59:59</ToDtTm></FrToDt>`
	file := func(n int, entries ...string) string {
		return fmt.Sprintf(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>M%d</MsgId><CreDtTm>%sT05:00:00</CreDtTm></GrpHdr><Stmt><Id>S%d</Id>`+span+`<Acct><Id><IBAN>SE4550000000058398257466</IBAN></Id><Ccy>SEK</Ccy></Acct>%s</Stmt></BkToCstmrStmt></Document>`,
			n, today, n, n, strings.Join(entries, ""))
	}
	entry := func(ref, dir, kr, text, ocr string) string {
		return `<Ntry><Amt Ccy="SEK">` + kr + `</Amt><CdtDbtInd>` + dir + `</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>` + today + `</Dt></BookgDt><AcctSvcrRef>` + ref + `</AcctSvcrRef><NtryDtls><TxDtls><RmtInf><Ustrd>` + text +
			`</Ustrd><Strd><CdtrRefInf><Ref>` + ocr + `</Ref></CdtrRefInf></Strd></RmtInf></TxDtls></NtryDtls></Ntry>`
	}
	ocr, order := "", number
	if len(bill) > 0 {
		order, ocr = bill[0][0], bill[0][1]
	}
	by := auth.System("test")
	for i, f := range []string{file(1, entry("A", "CRDT", "1.00", "utan nummer", ""), entry("B", "CRDT", "2.00", "", ocr), entry("C", "DBIT", "3.00", "kv-r-1", ocr), entry("D", "CRDT", "4.00", "po_prov", "")), file(2, entry("A", "CRDT", "1.00", "utan nummer", ""))} {
		_, draft, err := a.Desk.PreviewBank(t.Context(), by, []byte(f))
		if err != nil {
			t.Fatal(err)
		}
		owner.Do("GET", "/admin/money/bank/drafts/"+draft.String(), nil)
		if i == 0 {
			if r := owner.Form("/admin/money/bank/drafts/"+draft.String(), url.Values{}); r.Status >= 400 {
				t.Fatalf("%d %s", r.Status, r.Words())
			}
		} else if _, err := a.Desk.TakeDraft(t.Context(), by, draft); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Do(t.Context(), a.DB, func(tx *db.Tx) error {
		if err := payment.NotePayout(tx, payment.Payout{Method: "card", Payout: "po_prov", Amount: money.SEK(400), At: tx.Now().Add(-20 * 24 * time.Hour)}); err != nil {
			return err
		}
		if err := payment.PayoutSeen(tx, "po_prov", 1); err != nil {
			return err
		}
		_, err := payment.Find(tx, payment.Case{Method: "card", Kind: payment.Twice, Subject: "x", About: tx.Now(), Facts: payment.CaseFacts{Kind: "capture"}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.Desk.Reconcile(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Desk.Nightly(t.Context(), time.Date(2026, 1, 1, 3, 0, 0, 0, lang.Zone)); err != nil {
		t.Fatal(err)
	}
	owner.Form("/admin/money/compare", url.Values{})
	for _, n := range owner.Do("GET", "/admin/money/bank", nil).Find(`td a[href*="/admin/money/"]`) {
		path := apptest.Attr(n, "href")
		page := owner.Do("GET", path, nil)
		for _, f := range page.Find(`form[method=post][action*="/admin/money/lines/"]`) {
			v := apptest.Values(f)
			v.Set(v.Get("act")+"_note", "prov")
			v.Set("order", order)
			owner.Form(apptest.Attr(f, "action"), v)
		}
	}
	for _, n := range owner.Do("GET", "/admin/money/cases?show=all", nil).Find(`td a[href*="/admin/money/cases/"]`) {
		path := apptest.Attr(n, "href")
		owner.Do("GET", path, nil)
		owner.Form(path+"/close", url.Values{"note": {"prov"}})
	}
	for _, path := range []string{"/admin/money", "/admin/money/cases", "/admin/money/bank?after=1", "/admin/purchases"} {
		owner.Do("GET", path, nil)
	}
	for _, n := range owner.Do("GET", "/admin/purchases", nil).Find(`td a[href*="/admin/purchases/"]`) {
		path := apptest.Attr(n, "href")
		owner.Do("GET", path, nil)
		owner.Form(path+"/look", url.Values{"look_note": {"prov"}})
	}
	_, draft, err := a.Desk.PreviewBank(t.Context(), by, []byte(file(3)))
	if err != nil {
		t.Fatal(err)
	}
	one := func(stmt string) string {
		rows := s.As(t).Query(stmt)
		if len(rows) == 0 {
			t.Fatalf("no row of %s", stmt)
		}
		return rows[0][0]
	}
	return map[string]string{"/admin/money/bank/drafts/": draft.String(), "/admin/money/bank/files/": one(`SELECT max(id) FROM payment_bankfile`), "/admin/money/lines/": one(`SELECT min(id) FROM payment_bankline`), "/admin/money/cases/": one(`SELECT max(id) FROM payment_case`)}
}
