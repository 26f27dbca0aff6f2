package camt

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
)

// What is written down as a bank writes it is read as it was meant, in each version.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFile(t)
		got, err := Read(bytes.NewReader(write(f)))
		if err != nil {
			t.Fatalf("%v\n%s", err, write(f))
		}
		f.name()
		if !reflect.DeepEqual(got, f) {
			t.Fatalf("%+v\nis read as\n%+v\n%s", f, got, write(f))
		}
	})
}

var words = rapid.StringMatching(`[a-zåäöA-ZÅÄÖ0-9&<>'" ./-]{0,30}`)

func drawWord(t *rapid.T, name string) string { return clean(words.Draw(t, name)) }

func drawDay(t *rapid.T, name string) time.Time {
	return time.Date(2026, 1, 1+rapid.IntRange(0, 700).Draw(t, name), 0, 0, 0, 0, lang.Zone)
}

func drawMoney(t *rapid.T, name string) money.Money {
	return money.New(rapid.Int64Range(1, 1_000_000_000).Draw(t, name), rapid.SampledFrom([]string{"SEK", "SEK", "EUR", "JPY"}).Draw(t, name+" currency"))
}

func drawFile(t *rapid.T) File {
	f := File{Format: rapid.SampledFrom([]string{Statements, Notifications}).Draw(t, "format"), Version: rapid.SampledFrom([]string{"001.02", "001.04", "001.08", "001.12"}).Draw(t, "version"),
		Message: "M" + drawWord(t, "message"), Created: drawDay(t, "created")}
	for range rapid.IntRange(0, 2).Draw(t, "statements") {
		st := Statement{ID: "S" + drawWord(t, "id"), Number: rapid.Int64Range(0, 9999).Draw(t, "number"), Account: Account{Currency: "SEK"}}
		if rapid.Bool().Draw(t, "iban") {
			st.Account.IBAN = "SE4550000000058398257466"
		} else {
			st.Account.Other, st.Account.Scheme = rapid.StringMatching(`[0-9]{7,16}`).Draw(t, "account"), "BBAN"
		}
		if rapid.Bool().Draw(t, "balance") {
			st.Closing = Balance{Known: true, Amount: drawMoney(t, "closing"), On: drawDay(t, "closing day")}
		}
		for range rapid.IntRange(0, 4).Draw(t, "entries") {
			st.Entries = append(st.Entries, drawEntry(t, f.Version))
		}
		f.Accounts = append(f.Accounts, st)
	}
	return f
}

func drawEntry(t *rapid.T, version string) Entry {
	e := Entry{Amount: drawMoney(t, "amount"), Credit: rapid.Bool().Draw(t, "credit"), Reversal: rapid.Bool().Draw(t, "reversal"), Booked: drawDay(t, "booked"), Pending: rapid.Bool().Draw(t, "pending"),
		Code: rapid.SampledFrom([]string{"", "PMNT/RCDT/VCOM", "EGEN"}).Draw(t, "code"), Ref: given(drawWord(t, "ref"))}
	if rapid.Bool().Draw(t, "valued") {
		e.Valued = drawDay(t, "value day")
	}
	e.Text = texts(nil, drawWord(t, "text"))
	n := rapid.IntRange(0, 4).Draw(t, "parts")
	if n == 0 {
		e.Parts = []Part{{Amount: e.Amount, Credit: e.Credit}}
		return e
	}
	left := e.Amount.Amount
	for i := range n {
		p := Part{Amount: money.New(rapid.Int64Range(1, 1_000_000).Draw(t, "part"), e.Amount.Currency), Credit: e.Credit, EndToEnd: given(drawWord(t, "end to end")), Payer: drawWord(t, "payer")}
		if rapid.Bool().Draw(t, "against") {
			p.Credit = !p.Credit
			left += p.Amount.Amount
		} else if i == n-1 && left > 0 {
			p.Amount.Amount = left
			left = 0
		} else {
			left -= p.Amount.Amount
		}
		if v := given(drawWord(t, "tx")); v != "" {
			p.Refs = []string{"TxId:" + v}
		}
		for range rapid.IntRange(0, 2).Draw(t, "refs") {
			p.References = references(p.References, drawWord(t, "reference"))
		}
		for range rapid.IntRange(0, 2).Draw(t, "texts") {
			p.Text = texts(p.Text, drawWord(t, "line"))
		}
		e.Parts = append(e.Parts, p)
	}
	return e
}

// write is the slow and plain twin of the reader.
func write(f File) []byte {
	var b bytes.Buffer
	el := func(name, s string) {
		if s != "" {
			fmt.Fprintf(&b, "<%s>", name)
			xml.EscapeText(&b, []byte(s))
			fmt.Fprintf(&b, "</%s>\n", name)
		}
	}
	amt := func(name string, m money.Money) {
		s := fmt.Sprintf("%d.%02d", m.Amount/100, m.Amount%100)
		if m.Currency == "JPY" {
			s = fmt.Sprint(m.Amount)
		}
		fmt.Fprintf(&b, `<%s Ccy="%s">%s</%s>`, name, m.Currency, s, name)
	}
	dir := func(credit bool) {
		el("CdtDbtInd", map[bool]string{true: "CRDT", false: "DBIT"}[credit])
	}
	dt := func(name string, d time.Time) {
		if !d.IsZero() {
			b.WriteString("<" + name + ">")
			el("Dt", d.Format(time.DateOnly))
			b.WriteString("</" + name + ">")
		}
	}
	old := f.Version < "001.08"
	nm := func(who, s string) {
		if s == "" {
			return
		}
		b.WriteString("<" + who + ">")
		if !old {
			b.WriteString("<Pty>")
		}
		el("Nm", s)
		if !old {
			b.WriteString("</Pty>")
		}
		b.WriteString("</" + who + ">")
	}
	root, part := "BkToCstmrStmt", "Stmt"
	if f.Format == Notifications {
		root, part = "BkToCstmrDbtCdtNtfctn", "Ntfctn"
	}
	fmt.Fprintf(&b, `<Document xmlns="%s%s.%s"><%s><GrpHdr>`, isoPrefix, f.Format, f.Version, root)
	el("MsgId", f.Message)
	el("CreDtTm", f.Created.Format(time.RFC3339))
	b.WriteString("</GrpHdr>")
	for _, st := range f.Accounts {
		b.WriteString("<" + part + ">")
		el("Id", st.ID)
		if st.Number > 0 {
			el("ElctrncSeqNb", fmt.Sprint(st.Number))
		}
		b.WriteString("<Acct><Id>")
		el("IBAN", st.Account.IBAN)
		if st.Account.Other != "" {
			b.WriteString("<Othr>")
			el("Id", st.Account.Other)
			b.WriteString("<SchmeNm>")
			el("Cd", st.Account.Scheme)
			b.WriteString("</SchmeNm></Othr>")
		}
		b.WriteString("</Id>")
		el("Ccy", st.Account.Currency)
		b.WriteString("</Acct>")
		if st.Closing.Known {
			b.WriteString("<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp>")
			amt("Amt", st.Closing.Amount)
			dir(true)
			dt("Dt", st.Closing.On)
			b.WriteString("</Bal>")
		}
		for _, e := range st.Entries {
			b.WriteString("<Ntry>")
			amt("Amt", e.Amount)
			dir(e.Credit)
			if e.Reversal {
				el("RvslInd", "true")
			}
			sts := map[bool]string{true: "PDNG", false: "BOOK"}[e.Pending]
			if old {
				el("Sts", sts)
			} else {
				b.WriteString("<Sts><Cd>" + sts + "</Cd></Sts>")
			}
			dt("BookgDt", e.Booked)
			dt("ValDt", e.Valued)
			el("AcctSvcrRef", e.Ref)
			switch c := strings.Split(e.Code, "/"); {
			case len(c) == 3:
				fmt.Fprintf(&b, "<BkTxCd><Domn><Cd>%s</Cd><Fmly><Cd>%s</Cd><SubFmlyCd>%s</SubFmlyCd></Fmly></Domn></BkTxCd>", c[0], c[1], c[2])
			case e.Code != "":
				b.WriteString("<BkTxCd><Prtry><Cd>" + e.Code + "</Cd></Prtry></BkTxCd>")
			}
			b.WriteString("<NtryDtls>")
			for _, p := range e.Parts {
				if len(e.Parts) == 1 && p.EndToEnd == "" && p.Payer == "" && len(p.Refs)+len(p.References)+len(p.Text) == 0 && p.Credit == e.Credit && p.Amount == e.Amount {
					continue
				}
				b.WriteString("<TxDtls><Refs>")
				el("EndToEndId", p.EndToEnd)
				for _, r := range p.Refs {
					el("TxId", strings.TrimPrefix(r, "TxId:"))
				}
				b.WriteString("</Refs>")
				if old {
					b.WriteString("<AmtDtls><TxAmt>")
					amt("Amt", p.Amount)
					b.WriteString("</TxAmt></AmtDtls>")
				} else {
					amt("Amt", p.Amount)
				}
				dir(p.Credit)
				b.WriteString("<RltdPties>")
				nm(map[bool]string{true: "Dbtr", false: "Cdtr"}[p.Credit], p.Payer)
				b.WriteString("</RltdPties><RmtInf>")
				for _, s := range p.Text {
					el("Ustrd", s)
				}
				for _, r := range p.References {
					b.WriteString("<Strd><CdtrRefInf>")
					el("Ref", r)
					b.WriteString("</CdtrRefInf></Strd>")
				}
				b.WriteString("</RmtInf></TxDtls>")
			}
			b.WriteString("</NtryDtls>")
			for _, s := range e.Text {
				el("AddtlNtryInf", s)
			}
			b.WriteString("</Ntry>")
		}
		b.WriteString("</" + part + ">")
	}
	fmt.Fprintf(&b, "</%s></Document>", root)
	return b.Bytes()
}

// A deposit of any payments is read to the öre; one öre more or less is refused.
func TestBgMaxRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := []string{"01BGMAX               0120261112063000000000P"}
		var want []string
		var plus, minus, deposits int
		for range rapid.IntRange(0, 3).Draw(t, "deposits") {
			rows = append(rows, "050009912346          SEK")
			var sum int64
			var p, m int
			for range rapid.IntRange(1, 5).Draw(t, "payments") {
				n := rapid.Int64Range(1, 1_000_000).Draw(t, "öre")
				ref := rapid.StringMatching(`[0-9]{0,25}`).Draw(t, "ref")
				code := "20"
				if sum > n && rapid.Bool().Draw(t, "off") {
					code = "21"
					sum -= n
					m++
				} else {
					sum += n
					p++
				}
				rows = append(rows, code+"0000000000"+fmt.Sprintf("%-25s%018d23%012d0", ref, n, len(rows)))
				want = append(want, fmt.Sprintf("%s%d %s", map[string]string{"20": "+", "21": "-"}[code], n, ref))
			}
			rows = append(rows, "15"+fmt.Sprintf("%-35s20261112%05d%018dSEK%08dK", "1", deposits, sum, p))
			deposits++
			plus, minus = plus+p, minus+m
		}
		rows = append(rows, "70"+fmt.Sprintf("%08d%08d%08d%08d", plus, minus, 0, deposits))
		f, err := Read(strings.NewReader(strings.Join(rows, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, st := range f.Accounts {
			for _, e := range st.Entries {
				if !e.Whole {
					t.Fatal("does not add up")
				}
				for _, p := range e.Parts {
					got = append(got, fmt.Sprintf("%s%d %s", sign(p.Credit), p.Amount.Amount, strings.Join(p.References, "")))
				}
			}
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Fatalf("%v\n%v", got, want)
		}
		for i, r := range rows {
			if r[:2] == "15" {
				n := []byte(r)
				n[67] = '0' + (n[67]-'0'+1)%10
				bad := append([]string{}, rows...)
				bad[i] = string(n)
				if _, err := Read(strings.NewReader(strings.Join(bad, "\n"))); err == nil {
					t.Fatal("a deposit that does not add up is taken")
				}
			}
		}
	})
}
