package checkout_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shoptest"
)

// paid is a payment as a bank tells it.
type paid struct {
	ref, e2e, ocr, text string
	ore                 int64
	out, back           bool
	day                 string // today if empty
}

func today() string { return time.Now().In(lang.Zone).Format(time.DateOnly) }

// camtFile is a bank's file of these payments, each a movement of its own.
func camtFile(kind, id, account string, ps ...paid) string {
	root, part := "BkToCstmrStmt", "Stmt"
	if kind == "054" {
		root, part = "BkToCstmrDbtCdtNtfctn", "Ntfctn"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.%s.001.08"><%s><GrpHdr><MsgId>%s</MsgId><CreDtTm>%s</CreDtTm></GrpHdr><%s><Id>%s</Id><Acct><Id><Othr><Id>%s</Id></Othr></Id><Ccy>SEK</Ccy></Acct>`,
		kind, root, id, time.Now().Format(time.RFC3339), part, id, account)
	for _, p := range ps {
		b.WriteString(movement(p))
	}
	fmt.Fprintf(&b, `</%s></%s></Document>`, part, root)
	return b.String()
}

func movement(p paid) string {
	d := p.day
	if d == "" {
		d = today()
	}
	dir := "CRDT"
	if p.out || p.back {
		dir = "DBIT"
	}
	kr := func(n int64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
	s := fmt.Sprintf(`<Ntry><Amt Ccy="SEK">%s</Amt><CdtDbtInd>%s</CdtDbtInd><RvslInd>%v</RvslInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>%s</Dt></BookgDt>`, kr(p.ore), dir, p.back, d)
	if p.ref != "" {
		s += "<AcctSvcrRef>" + p.ref + "</AcctSvcrRef>"
	}
	s += "<NtryDtls><TxDtls><Refs><EndToEndId>" + p.e2e + "</EndToEndId></Refs><RltdPties><Dbtr><Pty><Nm>Vera Exempel</Nm></Pty></Dbtr></RltdPties><RmtInf>"
	if p.text != "" {
		s += "<Ustrd>" + p.text + "</Ustrd>"
	}
	if p.ocr != "" {
		s += "<Strd><CdtrRefInf><Ref>" + p.ocr + "</Ref></CdtrRefInf></Strd>"
	}
	return s + "</RmtInf></TxDtls></NtryDtls></Ntry>"
}

func bankWorld(w *shoptest.World) {
	w.Desk.Accounts = func(db.Q) ([]string, error) { return []string{"991-2346", "SE4550000000058398257466"}, nil }
}

func take(t *testing.T, w *shoptest.World, file string, dry bool) checkout.BankReport {
	t.Helper()
	rep, err := w.Desk.ImportBank(context.Background(), clerk, strings.NewReader(file), dry)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func openLines(t *testing.T, w *shoptest.World) []payment.BankLine {
	t.Helper()
	ls, err := db.Read(context.Background(), w.DB, func(q *db.Reader) ([]payment.BankLine, error) { return payment.OpenLines(q, 0, 100) })
	if err != nil {
		t.Fatal(err)
	}
	return ls
}

// why is the reason for which each open line waits, in order.
func why(ls []payment.BankLine) string {
	var out []string
	for _, l := range ls {
		out = append(out, l.Reason)
	}
	return strings.Join(out, " ")
}

func TestImportBank(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		bankWorld(w)
		a, b, c := onInvoice(t, w), onInvoice(t, w), onInvoice(t, w)
		yesterday := time.Now().In(lang.Zone).AddDate(0, 0, -1).Format(time.DateOnly)
		file := camtFile("054", "N1", "9912346",
			paid{ref: "A1", ocr: a.OCR, ore: 23900},
			paid{ref: "A2", text: "Tack! Ocr " + b.OCR[:4] + " " + b.OCR[4:], ore: 10000},
			paid{ref: "A3", ocr: c.OCR, ore: 30000},
			paid{ref: "A4", text: "hyra", ore: 500},
			paid{ref: "A5", ocr: order.OCR(99999999), ore: 700},
			paid{ref: "A6", text: a.OCR + " och " + b.OCR, ore: 800},
			paid{ref: "A7", ocr: b.OCR, ore: 900, day: yesterday},
			paid{ref: "A8", ocr: b.OCR, ore: 100, back: true},
			paid{ref: "A9", text: "leverantör", ore: 12300, out: true},
			paid{ref: "A10", ocr: a.OCR, ore: 5000})
		// Dry first: the same answer, and nothing has moved.
		dry := take(t, w, file, true)
		if dry.Settled != 2 || dry.Open != 7 || dry.Outgoing != 1 || len(openLines(t, w)) != 0 || dry.File != 0 {
			t.Errorf("dry: %+v", dry)
		}
		if sum, n := ledger(t, w, a); sum != 0 || n != 0 {
			t.Fatal("a dry run moved money")
		}
		rep := take(t, w, file, false)
		if rep.Settled != 2 || rep.Open != 7 || rep.Outgoing != 1 || rep.Known || rep.File == 0 || len(rep.Results) != 9 || rep.Sums[0].Settled.Amount != 23900+10000+23900 {
			t.Errorf("%+v", rep)
		}
		if got := why(openLines(t, w)); got != "over_payment no_reference no_order several_orders strange_day reversed paid_already" {
			t.Error(got)
		}
		for _, x := range []struct {
			o       order.Order
			paid, n int64
		}{{a, 23900, 1}, {b, 10000, 1}, {c, 23900, 1}} {
			if sum, n := ledger(t, w, x.o); sum != x.paid || int64(n) != x.n {
				t.Errorf("%d entries of %d, want %d of %d", n, sum, x.n, x.paid)
			}
			if o := orderOf(t, w, x.o.Purchase); o.Paid.Amount != x.paid {
				t.Errorf("paid %v", o.Paid)
			}
		}
		// The same file, and one that overlaps it: only what is new counts.
		if again := take(t, w, file, false); !again.Known || again.File != rep.File || again.Settled+again.Open != 0 {
			t.Errorf("again: %+v", again)
		}
		over := take(t, w, camtFile("054", "N2", "9912346", paid{ref: "A1", ocr: a.OCR, ore: 23900}, paid{ref: "A3", ocr: c.OCR, ore: 30000}, paid{ref: "B1", ocr: b.OCR, ore: 13900}), false)
		if over.Same != 2 || over.Settled != 1 || over.Open != 0 {
			t.Errorf("overlapping: %+v", over)
		}
		if o := orderOf(t, w, b.Purchase); !o.IsPaid() {
			t.Error(o.Paid)
		}
		// Details of who paid are kept for what waits, and for that alone.
		err := db.Do(context.Background(), w.DB, func(tx *db.Tx) error {
			ls, err := payment.LinesOfFile(tx, rep.File, 0, 100)
			if err != nil {
				return err
			}
			for _, l := range ls {
				d, ok, err := l.Details(tx, w.Vault, auth.OwnWork())
				if err != nil || ok != (l.State == payment.LineOpen) || ok && l.Kind == payment.LineIn && d.Payer != "Vera Exempel" {
					t.Errorf("%s: %+v %v %v", l.State, d, ok, err)
				}
			}
			es, err := audit.List(tx, audit.Filter{Action: "bankfile.import"}, 0, 10)
			if err == nil && (len(es) != 2 || es[0].ActorID != 7) {
				t.Errorf("audit: %+v", es)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		w.CheckBooks()
	})
}

func TestImportBankRefuses(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		try := func(by auth.By, file string) error {
			_, err := w.Desk.ImportBank(context.Background(), by, strings.NewReader(file), false)
			return err
		}
		good := camtFile("054", "N1", "9912346")
		if err := try(clerk, good); !fault.Is(err, "bankfile_no_account") {
			t.Error(err)
		}
		bankWorld(w)
		for name, c := range map[string]struct {
			by         auth.By
			file, code string
		}{
			"no right":        {auth.StaffBy(8, "", auth.Roles["support"]), good, "denied"},
			"another account": {clerk, camtFile("054", "N1", "5050505"), "bankfile_foreign"},
			"no file":         {clerk, "hej", "bankfile_unknown"},
		} {
			if err := try(c.by, c.file); !fault.Is(err, c.code) {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.Desk.Live = true
		if err := try(clerk, "01BGMAX               0120261112063000000000T\n7000000000000000000000000000000000"); !fault.Is(err, "bankfile_test") {
			t.Error(err)
		}
		w.Desk.Live = false
		if err := try(clerk, good); err != nil {
			t.Error(err)
		}
	})
}

// The same money in two kinds of file, and money that staff recorded before the file
// came, is entered once.
func TestSameMoney(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		bankWorld(w)
		a, b := onInvoice(t, w), onInvoice(t, w)
		take(t, w, camtFile("054", "N1", "9912346", paid{ref: "A1", ocr: a.OCR, ore: 10000}), false)
		// The statement calls it otherwise: a person decides.
		if rep := take(t, w, camtFile("053", "S1", "58398257466", paid{ref: "Z9", ocr: a.OCR, ore: 10000}), false); rep.Settled != 0 || rep.Open != 1 || rep.Results[0].Reason != "maybe_same" {
			t.Errorf("%+v", rep)
		}
		// By hand, then from the bank: the line is tied to what was recorded. A second
		// payment of the same sum is money of its own.
		if err := settle(w, clerk, checkout.Settlement{Order: b.ID, Amount: money.SEK(5000), On: time.Now()}); err != nil {
			t.Fatal(err)
		}
		rep := take(t, w, camtFile("054", "N2", "9912346", paid{ref: "B1", ocr: b.OCR, ore: 5000}, paid{ref: "B2", ocr: b.OCR, ore: 5000}), false)
		if rep.Same != 1 || rep.Settled != 1 {
			t.Errorf("%+v", rep)
		}
		if sum, n := ledger(t, w, b); sum != 10000 || n != 2 {
			t.Errorf("%d entries of %d", n, sum)
		}
		if sum, n := ledger(t, w, a); sum != 10000 || n != 1 {
			t.Errorf("%d entries of %d", n, sum)
		}
	})
}

// A sum that is told without its payments waits; told payment by payment later, it is
// taken apart. The other way round it is known.
func TestBatches(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		bankWorld(w)
		a, b := onInvoice(t, w), onInvoice(t, w)
		batch := func(ref string, ocrs ...string) string {
			s := fmt.Sprintf(`<Ntry><Amt Ccy="SEK">%d.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>%s</Dt></BookgDt>`, 100*max(2, len(ocrs)), today())
			if ref != "" {
				s += "<AcctSvcrRef>" + ref + "</AcctSvcrRef>"
			}
			s += "<NtryDtls>"
			for _, o := range ocrs {
				s += `<TxDtls><Amt Ccy="SEK">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><RmtInf><Strd><CdtrRefInf><Ref>` + o + `</Ref></CdtrRefInf></Strd></RmtInf></TxDtls>`
			}
			return s + "</NtryDtls></Ntry>"
		}
		with := func(kind, id string, entries string) string {
			return strings.Replace(camtFile(kind, id, "9912346"), "</Acct>", "</Acct>"+entries, 1)
		}
		if rep := take(t, w, with("053", "S1", batch("X1")), false); rep.Open != 1 {
			t.Errorf("%+v", rep)
		}
		if rep := take(t, w, with("054", "N1", batch("X1", a.OCR, b.OCR)), false); rep.Settled != 2 || rep.Open != 0 {
			t.Errorf("%+v", rep)
		}
		if ls := openLines(t, w); len(ls) != 0 {
			t.Errorf("%+v", ls)
		}
		// The statement of the next day, with and without the bank's reference.
		if rep := take(t, w, with("053", "S2", batch("X1")), false); rep.Same != 1 || rep.Open != 0 {
			t.Errorf("%+v", rep)
		}
		if rep := take(t, w, with("053", "S3", batch("")), false); rep.Same != 1 || rep.Open != 0 {
			t.Errorf("%+v", rep)
		}
		for _, o := range []order.Order{a, b} {
			if sum, n := ledger(t, w, o); sum != 10000 || n != 1 {
				t.Errorf("%d entries of %d", n, sum)
			}
		}
		// One that does not add up is not taken apart.
		bad := strings.Replace(batch("X2", a.OCR, b.OCR), "200.00", "250.00", 1)
		if rep := take(t, w, with("054", "N3", bad), false); rep.Settled != 0 || rep.Open != 1 || rep.Results[0].Amount.Amount != 25000 {
			t.Errorf("%+v", rep)
		}
		w.CheckBooks()
	})
}

func TestBankRefunds(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		bankWorld(w)
		a := onInvoice(t, w)
		if err := settle(w, clerk, checkout.Settlement{Order: a.ID, Amount: money.SEK(23900), On: time.Now()}); err != nil {
			t.Fatal(err)
		}
		var key string
		w.Do(func(tx *db.Tx) error {
			i, err := payment.OfPurchase(tx, a.Purchase)
			if err != nil {
				return err
			}
			for _, ore := range []int64{3000, 4000} {
				id, err := payment.AskRefund(tx, i, money.SEK(ore), "retur")
				if err != nil {
					return err
				}
				x, err := payment.RefundByID(tx, id)
				if err != nil {
					return err
				}
				key = x.Key
			}
			return nil
		})
		rep := take(t, w, camtFile("053", "S1", "9912346", paid{ref: "U1", out: true, ore: 3000, ocr: a.OCR}, paid{ref: "U2", out: true, ore: 4000, text: "Återbetalning " + key}, paid{ref: "U3", out: true, ore: 3000, ocr: a.OCR}), false)
		if rep.Refunds != 2 || rep.Open != 1 || rep.Results[2].Reason != "refund_differs" {
			t.Errorf("%+v", rep)
		}
	})
}

// Statements that are missing between two are told.
func TestStatementGaps(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		bankWorld(w)
		st := func(n int, open, close string) string {
			f := camtFile("053", fmt.Sprint("S", n), "9912346")
			bal := func(k, s string) string {
				return `<Bal><Tp><CdOrPrtry><Cd>` + k + `</Cd></CdOrPrtry></Tp><Amt Ccy="SEK">` + s + `</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>` + today() + `</Dt></Dt></Bal>`
			}
			return strings.Replace(strings.Replace(f, "<Acct>", fmt.Sprintf("<ElctrncSeqNb>%d</ElctrncSeqNb><Acct>", n), 1), "</Acct>", "</Acct>"+bal("OPBD", open)+bal("CLBD", close), 1)
		}
		codes := func(r checkout.BankReport) string {
			s := ""
			for _, n := range r.Notes {
				s += fmt.Sprint(n.Code, n.Args["from"], n.Args["to"], " ")
			}
			return s
		}
		for _, c := range []struct {
			n           int
			open, close string
			want        string
		}{{231, "100", "200", ""}, {232, "200", "300", ""}, {234, "300", "400", "statement_missing<nil> <nil> "}, {235, "401", "500", "balance_gap<nil> <nil> "}, {239, "500", "600", "statement_gap236 238 "}} {
			if got := codes(take(t, w, st(c.n, c.open, c.close), false)); got != c.want {
				t.Errorf("%d: %q", c.n, got)
			}
		}
	})
}

func TestDecideLine(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		bankWorld(w)
		a, b := onInvoice(t, w), onInvoice(t, w)
		take(t, w, camtFile("054", "N1", "9912346", paid{ref: "A1", ore: 30000, text: "utan nummer"}, paid{ref: "A2", ore: 100, text: "annat"}, paid{ref: "A3", ore: 200, text: "åter"}), false)
		ls := openLines(t, w)
		decide := func(by auth.By, in checkout.Decision) error {
			return db.Do(context.Background(), w.DB, func(tx *db.Tx) error { _, err := w.Desk.DecideLine(tx, by, in); return err })
		}
		for name, c := range map[string]struct {
			by   auth.By
			in   checkout.Decision
			code string
		}{
			"no right":     {auth.StaffBy(8, "", auth.Roles["support"]), checkout.Decision{Line: ls[0].ID, Act: "foreign", Note: "nej tack"}, "denied"},
			"no money":     {auth.TokenBy(8, "", []auth.Right{auth.OrdersRead, auth.OrdersWrite}), checkout.Decision{Line: ls[0].ID, Act: "payback", Note: "nej tack"}, "denied"},
			"no reason":    {clerk, checkout.Decision{Line: ls[0].ID, Act: "foreign", Note: " "}, "invalid"},
			"no order":     {clerk, checkout.Decision{Line: ls[0].ID, Act: "order", Order: "12345678", Note: "ringde"}, "invalid"},
			"no number":    {clerk, checkout.Decision{Line: ls[0].ID, Act: "order", Note: "ringde"}, "invalid"},
			"no act":       {clerk, checkout.Decision{Line: ls[0].ID, Act: "x", Note: "ringde"}, "invalid"},
			"not yet":      {clerk, checkout.Decision{Line: ls[0].ID, Act: "paid_back", Note: "ringde"}, "wrong_state"},
			"no line":      {clerk, checkout.Decision{Line: 4711, Act: "foreign", Note: "ringde"}, "not_found"},
			"an older one": {clerk, checkout.Decision{Line: ls[0].ID, Version: 9, Act: "foreign", Note: "ringde"}, "changed_meanwhile"},
		} {
			if err := decide(c.by, c.in); !fault.Is(err, c.code) {
				t.Errorf("%s: %v, want %s", name, err, c.code)
			}
		}
		// Two at once: one order is paid once, and the line is used up once.
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() {
				errs[i] = decide(clerk, checkout.Decision{Line: ls[0].ID, Version: ls[0].Version, Act: "order", Order: a.NumberString(), Note: "hon ringde"})
			})
		}
		wg.Wait()
		ok := 0
		for _, err := range errs {
			if err == nil {
				ok++
			} else if fault.As(err) == nil {
				t.Error(err)
			}
		}
		if sum, n := ledger(t, w, a); ok != 1 || sum != 23900 || n != 1 {
			t.Errorf("%d went through, %d entries of %d", ok, n, sum)
		}
		// The rest goes to another order; then nothing of it is left.
		if err := decide(clerk, checkout.Decision{Line: ls[0].ID, Act: "order", Order: b.NumberString(), Note: "betalade två på en gång"}); err != nil {
			t.Fatal(err)
		}
		if o := orderOf(t, w, b.Purchase); o.Paid.Amount != 6100 {
			t.Error(o.Paid)
		}
		if err := decide(clerk, checkout.Decision{Line: ls[0].ID, Act: "foreign", Note: "en gång till"}); !fault.Is(err, "wrong_state") {
			t.Error(err)
		}
		if err := decide(clerk, checkout.Decision{Line: ls[1].ID, Act: "foreign", Note: "hyresintäkt"}); err != nil {
			t.Fatal(err)
		}
		if err := decide(clerk, checkout.Decision{Line: ls[2].ID, Act: "payback", Note: "betalade dubbelt"}); err != nil {
			t.Fatal(err)
		}
		if got := openLines(t, w); len(got) != 1 || got[0].State != payment.LinePayback {
			t.Errorf("%+v", got)
		}
		if err := decide(clerk, checkout.Decision{Line: ls[2].ID, Act: "paid_back", Note: "återbetald i banken"}); err != nil {
			t.Fatal(err)
		}
		if got := openLines(t, w); len(got) != 0 {
			t.Errorf("%+v", got)
		}
		w.CheckBooks()
	})
}

// Files that overlap, taken in at the same moment: each payment is entered once.
func TestImportBankTogether(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		bankWorld(w)
		o := onInvoice(t, w)
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				file := camtFile("054", fmt.Sprint("N", i/2), "9912346", paid{ref: "A1", ocr: o.OCR, ore: 1000}, paid{ref: fmt.Sprint("B", i/2), ocr: o.OCR, ore: 100})
				if _, err := w.Desk.ImportBank(context.Background(), clerk, strings.NewReader(file), false); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if sum, n := ledger(t, w, o); sum != 1300 || n != 4 {
			t.Errorf("%d entries of %d", n, sum)
		}
		w.CheckBooks()
	})
}
