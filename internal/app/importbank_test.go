package app

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
)

const statementFile = `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr><MsgId>PROV</MsgId><CreDtTm>2026-11-13T05:00:00</CreDtTm></GrpHdr>
<Stmt><Id>1</Id><Acct><Id><IBAN>SE4550000000058398257466</IBAN></Id></Acct>
<Ntry><Amt Ccy="SEK">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-11-12</Dt></BookgDt><AcctSvcrRef>A</AcctSvcrRef></Ntry>
</Stmt></BkToCstmrStmt></Document>`

// A bank's file is known by what is in it, and comes in with the shop at rest and at
// work.
func TestImportBank(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "fil")
	for text, want := range map[string]bool{statementFile: true, "\ufeff  " + statementFile: true, "01BGMAX               01": true, goodsFile: false, "": false,
		"total_settlement_amount;payment_reference;settlement_currency\n1,00;X;SEK\n": true, "Type,SKU,Name,Regular price\nsimple,A,B,1\n": false} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := IsBankFile(path); err != nil || got != want {
			t.Errorf("%.20q: %v %v", text, got, err)
		}
	}
	if got, err := IsBankFile(dir); got || err != nil {
		t.Errorf("a folder: %v %v", got, err)
	}
	if _, err := IsBankFile(filepath.Join(dir, "no")); err == nil {
		t.Error("no file is one")
	}
	if err := os.WriteFile(path, []byte(statementFile), 0o600); err != nil {
		t.Fatal(err)
	}

	shop := t.TempDir()
	if _, err := ImportBank(ctx, shop, Config{}, path, ImportOptions{}); !errors.Is(err, ErrNoShop) {
		t.Errorf("an empty folder: %v", err)
	}
	a, cfg := small(t, shop)
	if err := a.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := ImportBank(ctx, shop, cfg, path, ImportOptions{}); !fault.Is(err, "bankfile_no_account") {
		t.Errorf("a shop without an account: %v", err)
	}
	a, err := open(ctx, shop, cfg, a.Log, openOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Do(ctx, a.DB, content.Seed); err != nil {
		t.Fatal(err)
	}
	a.Desk = &checkout.Desk{DB: a.DB, Vault: a.Vault, Accounts: content.Accounts, Log: a.Log}
	work, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- a.control(work) }()
	socket, done, err := socketPath(shop, ControlSocket)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody answers")
		}
		time.Sleep(5 * time.Millisecond) // polling: the socket appears
	}
	// At work: over the socket, dry first.
	for _, dry := range []bool{true, false} {
		rep, err := ImportBank(ctx, shop, cfg, path, ImportOptions{DryRun: dry})
		if err != nil || rep.Open != 1 || rep.DryRun != dry || rep.Known || len(rep.Results) != 1 || rep.Results[0].Reason != "no_reference" {
			t.Errorf("%v %+v", err, rep)
		}
	}
	if err := os.WriteFile(path, []byte("<html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ImportBank(ctx, shop, cfg, path, ImportOptions{}); !fault.Is(err, "bankfile_broken") && !fault.Is(err, "bankfile_unknown") {
		t.Errorf("no bank's file: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := a.Close(ctx); err != nil {
		t.Fatal(err)
	}
	// At rest: it is in already.
	if err := os.WriteFile(path, []byte(statementFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if rep, err := ImportBank(ctx, shop, cfg, path, ImportOptions{}); err != nil || !rep.Known || rep.Open != 0 {
		t.Errorf("%v %+v", err, rep)
	}
}
