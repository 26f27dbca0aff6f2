package camt

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
)

func sample(t *testing.T, name string) File {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func date(s string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, s, lang.Zone)
	if err != nil {
		panic(err)
	}
	return t
}

func TestNotification(t *testing.T) {
	f := sample(t, "camt054-v08.xml")
	if f.Format != Notifications || f.Version != "001.08" || f.Message != "EXEMPEL-20261112-1" || len(f.Accounts) != 1 {
		t.Fatalf("%+v", f)
	}
	st := f.Accounts[0]
	if st.Account != (Account{Other: "9912346", Scheme: "BGNR", Currency: "SEK"}) || len(st.Entries) != 1 {
		t.Fatalf("%+v", st)
	}
	e := st.Entries[0]
	if !e.Whole || !e.Credit || e.Amount != money.SEK(112750) || e.Booked != date("2026-11-12") || e.Ref != "BG261112000001" || e.Code != "PMNT/RCDT/VCOM" {
		t.Fatalf("%+v", e)
	}
	got := ""
	for _, p := range e.Parts {
		got += fmt.Sprintf("%s%v %v %s|", sign(p.Credit), p.Amount, p.References, p.EndToEnd)
	}
	if got != "+239.00 SEK [1000000123] |+500.00 SEK [1000000131] betalning 7|-11.50 SEK [1000000149] betalning 7|+400.00 SEK [] |" {
		t.Error(got)
	}
	if e.Parts[0].Payer != "Vera Exempel" || e.Parts[3].Text[0] != "Tack för varorna! Order 1000 0001 23" {
		t.Errorf("%+v", e.Parts)
	}
	if n := Numbers(e.Parts[3].Text[0], 5, 25); strings.Join(n, " ") != "10000001 1000000123 000123" {
		t.Error(n)
	}
}

func TestStatement(t *testing.T) {
	f := sample(t, "camt053-v02.xml")
	st := f.Accounts[0]
	if f.Format != Statements || f.Version != "001.02" || st.Number != 231 || st.Account.IBAN != "SE4550000000058398257466" || len(st.Entries) != 3 {
		t.Fatalf("%+v", st)
	}
	if st.Opening.Amount != money.SEK(1000000) || st.Closing.Amount != money.SEK(1098900) || st.Closing.On != date("2026-11-12") || st.From != date("2026-11-12") || st.To != date("2026-11-12") {
		t.Errorf("%+v %+v", st.Opening, st.Closing)
	}
	out := st.Entries[1]
	if out.Credit || out.Code != "UTBETALNING" || out.Parts[0].EndToEnd != "kv-r-77" || out.Parts[0].Payer != "Vera Exempel" || out.Parts[0].Credit {
		t.Errorf("%+v", out)
	}
	if !st.Entries[2].Pending {
		t.Error("what is pending counts as booked")
	}
	// The same movement in both kinds of file, the account once by its bankgiro number.
	if n := sample(t, "camt054-v08.xml"); n.Accounts[0].Entries[0].Key != st.Entries[0].Key {
		t.Error("one movement has two keys")
	}
}

// doc is a statement around what is tested.
func doc(version, entries string) string {
	return `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.` + version + `"><BkToCstmrStmt><GrpHdr><MsgId>m</MsgId><CreDtTm>2026-11-13T05:00:00</CreDtTm></GrpHdr>` +
		`<Stmt><Id>1</Id><Acct><Id><Othr><Id>9912346</Id></Othr></Id></Acct>` + entries + `</Stmt></BkToCstmrStmt></Document>`
}

func entryXML(amt, rest string) string {
	return `<Ntry><Amt Ccy="SEK">` + amt + `</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-11-12</Dt></BookgDt>` + rest + `</Ntry>`
}

func TestRefused(t *testing.T) {
	ok := doc("001.02", entryXML("1", ""))
	for name, c := range map[string]struct{ in, code string }{
		"nothing":            {"", "bankfile_unknown"},
		"csv":                {"a,b\n1,2\n", "bankfile_unknown"},
		"html":               {"<html><body>hej</body></html>", "bankfile_unknown"},
		"another message":    {strings.Replace(ok, "camt.053", "pain.001", 1), "bankfile_unknown"},
		"no namespace":       {strings.Replace(ok, ` xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"`, "", 1), "bankfile_unknown"},
		"another's prefix":   {strings.Replace(ok, ` xmlns=`, " xmlns:x=", 1), "bankfile_unknown"},
		"interim":            {strings.Replace(ok, "camt.053", "camt.052", 1), "bankfile_052"},
		"document type":      {`<!DOCTYPE Document [<!ENTITY a "b">]>` + ok, "bankfile_doctype"},
		"entity":             {strings.Replace(ok, "<Id>1</Id>", "<Id>&a;</Id>", 1), "bankfile_broken"},
		"instruction":        {strings.Replace(ok, "<Stmt>", `<?php x ?><Stmt>`, 1), "bankfile_doctype"},
		"utf-16":             {`<?xml version="1.0" encoding="UTF-16"?>` + ok, "bankfile_encoding"},
		"cut off":            {ok[:len(ok)-20], "bankfile_broken"},
		"crossed":            {strings.Replace(ok, "</Stmt></BkToCstmrStmt>", "</BkToCstmrStmt></Stmt>", 1), "bankfile_broken"},
		"something after":    {ok + "x", "bankfile_broken"},
		"two documents":      {"<all>" + ok + ok + "</all>", "bankfile_broken"},
		"deep":               {strings.Replace(ok, "<Stmt>", strings.Repeat("<a>", 40)+"<Stmt>", 1), "bankfile_too_many"},
		"wide":               {strings.Replace(ok, "<Stmt>", "<Stmt>"+strings.Repeat("<a/>", maxNodes), 1), "bankfile_too_many"},
		"attributes":         {strings.Replace(ok, "<Stmt>", "<Stmt"+strings.Repeat(` a="b"`, 30)+">", 1), "bankfile_too_many"},
		"long text":          {strings.Replace(ok, "<Id>1</Id>", "<Id>"+strings.Repeat("x", 3000)+"</Id>", 1), "bankfile_too_many"},
		"half an öre":        {doc("001.02", entryXML("1.005", "")), "bankfile_broken"},
		"negative":           {doc("001.02", entryXML("-1", "")), "bankfile_broken"},
		"exponent":           {doc("001.02", entryXML("1e3", "")), "bankfile_broken"},
		"comma":              {doc("001.02", entryXML("1,50", "")), "bankfile_broken"},
		"too much":           {doc("001.02", entryXML("9999999999999.99", "")), "bankfile_broken"},
		"no amount":          {doc("001.02", strings.Replace(entryXML("1", ""), `<Amt Ccy="SEK">1</Amt>`, "", 1)), "bankfile_broken"},
		"no currency":        {doc("001.02", strings.Replace(entryXML("1", ""), ` Ccy="SEK"`, "", 1)), "bankfile_broken"},
		"no direction":       {doc("001.02", strings.Replace(entryXML("1", ""), "CRDT", "IN", 1)), "bankfile_broken"},
		"no status":          {doc("001.02", strings.Replace(entryXML("1", ""), "<Sts>BOOK</Sts>", "", 1)), "bankfile_broken"},
		"another status":     {doc("001.02", strings.Replace(entryXML("1", ""), "BOOK", "MAYBE", 1)), "bankfile_broken"},
		"no day":             {doc("001.02", strings.Replace(entryXML("1", ""), "<BookgDt><Dt>2026-11-12</Dt></BookgDt>", "", 1)), "bankfile_broken"},
		"a day there is not": {doc("001.02", strings.Replace(entryXML("1", ""), "2026-11-12", "2026-02-30", 1)), "bankfile_broken"},
		"no account":         {strings.Replace(ok, "9912346", "", 1), "bankfile_broken"},
		"no header":          {strings.Replace(ok, "<MsgId>m</MsgId>", "", 1), "bankfile_broken"},
		"two headers":        {strings.Replace(ok, "<Stmt>", "<GrpHdr><MsgId>n</MsgId><CreDtTm>2026-11-13T05:00:00</CreDtTm></GrpHdr><Stmt>", 1), "bankfile_broken"},
	} {
		if _, err := Read(strings.NewReader(c.in)); !fault.Is(err, c.code) {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	if _, err := Read(strings.NewReader(ok)); err != nil {
		t.Error(err)
	}
}

// endless is a file without an end.
type endless struct{ head string }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.head)
	e.head = e.head[n:]
	for i := n; i < len(p); i++ {
		p[i] = ' '
	}
	return len(p), nil
}

func TestTooBig(t *testing.T) {
	if _, err := Read(&endless{doc("001.02", "")}); !fault.Is(err, "bankfile_too_big") {
		t.Error(err)
	}
	var b strings.Builder
	for range maxEntries + 1 {
		b.WriteString(entryXML("1", ""))
	}
	if _, err := Read(strings.NewReader(doc("001.02", b.String()))); !fault.Is(err, "bankfile_too_many") {
		t.Error(err)
	}
}

// Only what the bank has booked counts.
func TestBooked(t *testing.T) {
	for status, pending := range map[string]bool{"<Sts>BOOK</Sts>": false, "<Sts><Cd>BOOK</Cd></Sts>": false, "<Sts>PDNG</Sts>": true, "<Sts><Cd>FUTR</Cd></Sts>": true, "<Sts>INFO</Sts>": true} {
		f, err := Read(strings.NewReader(doc("001.08", strings.Replace(entryXML("1", ""), "<Sts>BOOK</Sts>", status, 1))))
		if err != nil || f.Accounts[0].Entries[0].Pending != pending {
			t.Errorf("%s: %v", status, err)
		}
	}
}

// What is wrong is told with the line it is on.
func TestWhere(t *testing.T) {
	_, err := Read(strings.NewReader(doc("001.02", "\n\n"+entryXML("1.005", ""))))
	f := fault.As(err)
	if f == nil || f.Args["line"] != 3 || !strings.Contains(fmt.Sprint(f.Args["what"]), "1.005") {
		t.Errorf("%+v", f)
	}
}

func TestEncodings(t *testing.T) {
	in := `<?xml version="1.0" encoding="ISO-8859-1"?>` + doc("001.02", entryXML("1", "<AddtlNtryInf>R\xe4ksm\xf6rg\xe5s</AddtlNtryInf>"))
	f, err := Read(strings.NewReader(in))
	if err != nil || f.Accounts[0].Entries[0].Text[0] != "Räksmörgås" {
		t.Error(err, f)
	}
	f, err = Read(strings.NewReader("\xef\xbb\xbf" + doc("001.14", "")))
	if err != nil || f.Version != "001.14" {
		t.Error(err, f)
	}
}

// Parts that do not add up are told, and no part is believed by itself.
func TestParts(t *testing.T) {
	tx := func(amt string) string {
		return `<TxDtls><Amt Ccy="SEK">` + amt + `</Amt><CdtDbtInd>CRDT</CdtDbtInd></TxDtls>`
	}
	for name, c := range map[string]struct {
		in    string
		parts int
		whole bool
	}{
		"alone":              {entryXML("3", ""), 1, true},
		"adds up":            {entryXML("3", "<NtryDtls>"+tx("1")+tx("2")+"</NtryDtls>"), 2, true},
		"does not":           {entryXML("3", "<NtryDtls>"+tx("1")+tx("1")+"</NtryDtls>"), 2, false},
		"a fee is off":       {entryXML("3", "<NtryDtls>"+tx("5")+strings.Replace(tx("2"), "CRDT", "DBIT", 1)+"</NtryDtls>"), 2, true},
		"another currency":   {entryXML("3", "<NtryDtls>"+strings.Replace(tx("3"), "SEK", "EUR", 1)+"</NtryDtls>"), 1, false},
		"one without amount": {entryXML("3", "<NtryDtls><TxDtls><Refs><TxId>a</TxId></Refs></TxDtls></NtryDtls>"), 1, true},
		"two without":        {entryXML("3", "<NtryDtls><TxDtls/><TxDtls/></NtryDtls>"), 2, false},
		"two details":        {entryXML("3", "<NtryDtls>"+tx("1")+"</NtryDtls><NtryDtls>"+tx("2")+"</NtryDtls>"), 2, true},
	} {
		f, err := Read(strings.NewReader(doc("001.08", c.in)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e := f.Accounts[0].Entries[0]; len(e.Parts) != c.parts || e.Whole != c.whole {
			t.Errorf("%s: %d parts, whole %v", name, len(e.Parts), e.Whole)
		}
	}
}

// Two payments alike are two; the same two in an overlapping file are the same.
func TestKeys(t *testing.T) {
	two := entryXML("1", "") + entryXML("1", "")
	read := func(s string) []Entry {
		f, err := Read(strings.NewReader(doc("001.02", s)))
		if err != nil {
			t.Fatal(err)
		}
		return f.Accounts[0].Entries
	}
	a, b := read(two), read(entryXML("2", "")+two)
	if a[0].Key == a[1].Key || a[0].Key != b[1].Key || a[1].Key != b[2].Key || b[0].Key == a[0].Key {
		t.Errorf("%v %v", a, b)
	}
	// The bank's own reference says it alone, whatever else is told later.
	ref := "<AcctSvcrRef>X</AcctSvcrRef>"
	c, d := read(entryXML("1", ref)), read(entryXML("1", "<ValDt><Dt>2026-11-13</Dt></ValDt>"+ref+"<AddtlNtryInf>hej</AddtlNtryInf>"))
	if c[0].Key != d[0].Key || c[0].Key == a[0].Key {
		t.Error("a reference is not believed")
	}
	if e := read(entryXML("2", ref)); e[0].Key == c[0].Key {
		t.Error("another amount has the same key")
	}
	if e := read(entryXML("1", "<AcctSvcrRef>NOTPROVIDED</AcctSvcrRef>")); e[0].Key != a[0].Key {
		t.Error("a word that means none is taken for a reference")
	}
}

func TestAmounts(t *testing.T) {
	for _, c := range []struct {
		s, cur string
		want   int64
		ok     bool
	}{
		{"0", "SEK", 0, true}, {"1", "SEK", 100, true}, {"1.5", "SEK", 150, true}, {"1.50000", "SEK", 150, true}, {".5", "SEK", 50, true}, {"1.", "SEK", 100, true}, {"0001", "SEK", 100, true},
		{"1000000000000.00", "SEK", money.Max, true}, {"1000000000000.01", "SEK", 0, false}, {"1.501", "SEK", 0, false}, {".", "SEK", 0, false}, {"", "SEK", 0, false}, {"1 000", "SEK", 0, false},
		{"１", "SEK", 0, false}, {"1.5", "JPY", 0, false}, {"1.0", "JPY", 1, true}, {"15", "JPY", 15, true}, {"1", "KWD", 0, false}, {"1", "sek", 0, false}, {"1", "", 0, false}, {"-1", "SEK", 0, false},
		{strings.Repeat("9", 60), "SEK", 0, false},
	} {
		m, ok := parseAmount(c.s, c.cur)
		if ok != c.ok || ok && m != money.New(c.want, c.cur) {
			t.Errorf("%q %s: %v %v", c.s, c.cur, m, ok)
		}
	}
}

func TestDays(t *testing.T) {
	for s, want := range map[string]string{"2026-11-12": "2026-11-12", "2026-11-12+01:00": "2026-11-12", "2026-11-12Z": "2026-11-12", "2026-11-12T23:30:00Z": "2026-11-13", "2026-11-12T23:30:00": "2026-11-12", "2026-07-12T22:30:00.123+00:00": "2026-07-13",
		"2026-11-31": "", "20261112": "", "2026-11-12x": "", "1999-12-31": "", "": "", "2026-11-12T": ""} {
		got, ok := parseDay(s)
		if ok != (want != "") || ok && got.Format(time.DateOnly) != want {
			t.Errorf("%q: %v %v", s, got, ok)
		}
	}
}

func TestNumbers(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "hej": "", "1234": "", "12345": "12345", "OCR:1234567897.": "1234567897", "1234 5678 97": "12345678 1234567897 567897", "12345-67890": "12345 1234567890 67890", "12345, 67890": "12345 67890",
		"12345  67890": "12345 67890", "12345\n12345": "12345", strings.Repeat("1", 26): "", "١٢٣٤٥": "",
	} {
		if got := strings.Join(Numbers(s, 5, 25), " "); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
	if n := Numbers(strings.Repeat("11111 ", 10000), 5, 25); len(n) > 200 {
		t.Error(len(n))
	}
}

func TestCreditor(t *testing.T) {
	for s, want := range map[string]string{"RF18539007547034": "539007547034", "rf18 5390 0754 7034": "539007547034", "RF19539007547034": "RF19539007547034", "539007547034": "539007547034", "RF18": "RF18", "": ""} {
		if got := Creditor(s); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
}

func TestSameAccount(t *testing.T) {
	own := []string{"991-2346", "SE45 5000 0000 0583 9825 7466", "8327-9, 123 456-7"}
	for _, c := range []struct {
		a    Account
		want bool
	}{
		{Account{Other: "9912346"}, true}, {Account{Other: "0009912346"}, true}, {Account{Other: "991-2346"}, true}, {Account{Other: "9912347"}, false},
		{Account{IBAN: "SE4550000000058398257466"}, true}, {Account{Other: "58398257466"}, true}, {Account{IBAN: "SE3550000000054910000003"}, false}, {Account{Other: "54910000003"}, false},
		{Account{Other: "832791234567"}, true}, {Account{}, false}, {Account{IBAN: "DE89370400440532013000"}, false},
		{Account{IBAN: "SE0000000000000009912346"}, false}, // a bankgiro number is no account number
	} {
		if got := c.a.SameAccount(own); got != c.want {
			t.Errorf("%+v: %v", c.a, got)
		}
	}
	if (Account{Other: "9912346"}).SameAccount(nil) || (Account{Other: ""}).SameAccount([]string{""}) {
		t.Error("a shop without accounts has one")
	}
}
