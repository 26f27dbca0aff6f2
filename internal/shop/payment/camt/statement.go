package camt

import (
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/money"
)

// header is GrpHdr.
func (p *parser) header(n *node) error {
	if p.file.Message != "" {
		return p.broken("GrpHdr")
	}
	if p.file.Message = cut(n.get("MsgId"), 70); p.file.Message == "" {
		return p.broken("MsgId")
	}
	at, ok := parseTime(n.get("CreDtTm"))
	if !ok {
		return p.broken("CreDtTm")
	}
	p.file.Created = at
	return nil
}

// part is TxDtls, one payment of an entry. Its amount stands in it (from version 4),
// or among the details of amounts (version 2), or is the entry's when there is one
// payment alone. Several structured references with amounts that add up to it are
// as many payments.
func (p *parser) part(n *node) error {
	if p.parts++; p.parts > maxParts {
		return refuse("bankfile_too_many")
	}
	x := Part{EndToEnd: given(n.get("Refs/EndToEndId"))}
	for _, name := range []string{"AcctSvcrRef", "TxId", "InstrId", "PmtInfId", "MsgId"} {
		if v := given(n.get("Refs/" + name)); v != "" {
			x.Refs = append(x.Refs, name+":"+v)
		}
	}
	switch n.get("CdtDbtInd") {
	case "CRDT":
		x.Credit = true
	case "DBIT":
	case "":
		x.Credit = p.creditOfEntry()
	default:
		return p.broken("CdtDbtInd")
	}
	for _, path := range []string{"Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"} {
		if a := n.at(path); a != nil {
			m, ok := parseAmount(a.text, a.ccy)
			if !ok {
				return p.broken("TxDtls/" + path + " " + a.text)
			}
			x.Amount = m
			break
		}
	}
	other := "Dbtr"
	if !x.Credit {
		other = "Cdtr"
	}
	x.Payer = cut(n.get("RltdPties/"+other+"/Nm", "RltdPties/"+other+"/Pty/Nm", "RltdPties/Ultmt"+other+"/Nm", "RltdPties/Ultmt"+other+"/Pty/Nm"), 140)
	x.From = account(n.at("RltdPties/" + other + "Acct")).String()
	for _, t := range n.at("RmtInf").all("Ustrd") {
		x.Text = texts(x.Text, t.text)
	}
	x.Text = texts(x.Text, n.get("AddtlTxInf"))
	var split []Part
	sum, all := int64(0), true
	for _, s := range n.at("RmtInf").all("Strd") {
		var refs []string
		refs = references(refs, s.get("CdtrRefInf/Ref"))
		for _, d := range s.all("RfrdDocInf") {
			refs = references(refs, d.get("Nb"))
		}
		for _, t := range s.all("AddtlRmtInf") {
			x.Text = texts(x.Text, t.text)
		}
		x.References = append(x.References, refs...)
		one := Part{Credit: x.Credit, EndToEnd: x.EndToEnd, Refs: x.Refs, References: refs, Payer: x.Payer, From: x.From}
		found := false
		for _, path := range []string{"RfrdDocAmt/RmtdAmt", "RfrdDocAmt/DuePyblAmt", "RfrdDocAmt/CdtNoteAmt"} {
			if a := s.at(path); a != nil && !found {
				m, ok := parseAmount(a.text, a.ccy)
				if !ok {
					return p.broken("RfrdDocAmt " + a.text)
				}
				one.Amount, found = m, true
				if strings.HasSuffix(path, "CdtNoteAmt") {
					one.Credit = !x.Credit
				}
			}
		}
		if !found || one.Amount.Currency != x.Amount.Currency || one.Amount.Amount == 0 {
			all = false
		}
		if one.Credit == x.Credit {
			sum += one.Amount.Amount
		} else {
			sum -= one.Amount.Amount
		}
		split = append(split, one)
	}
	if p.parts += len(split); p.parts > maxParts {
		return refuse("bankfile_too_many")
	}
	if len(split) > 1 && all && sum == x.Amount.Amount {
		for i := range split {
			split[i].Text = x.Text
		}
		p.entry.Parts = append(p.entry.Parts, split...)
		return nil
	}
	p.entry.Parts = append(p.entry.Parts, x)
	return nil
}

// creditOfEntry is the direction of the entry around, which is told before its
// details.
func (p *parser) creditOfEntry() bool {
	for i := len(p.stack) - 1; i >= 0; i-- {
		if p.stack[i].name == "Ntry" {
			return p.stack[i].get("CdtDbtInd") == "CRDT"
		}
	}
	return false
}

// close is Ntry.
func (p *parser) close(n *node) error {
	e := p.entry
	p.entry = nil
	a := n.at("Amt")
	if a == nil {
		return p.broken("Ntry/Amt")
	}
	var ok bool
	if e.Amount, ok = parseAmount(a.text, a.ccy); !ok {
		return p.broken("Ntry/Amt " + a.text)
	}
	switch n.get("CdtDbtInd") {
	case "CRDT":
		e.Credit = true
	case "DBIT":
	default:
		return p.broken("Ntry/CdtDbtInd")
	}
	switch strings.ToLower(n.get("RvslInd")) {
	case "true", "1":
		e.Reversal = true
	case "", "false", "0":
	default:
		return p.broken("RvslInd")
	}
	// From version 8 on the status is a choice of codes.
	switch n.get("Sts/Cd", "Sts") {
	case "BOOK":
	case "PDNG", "FUTR", "INFO": // INFO: told, and nothing is booked
		e.Pending = true
	case "":
		if p.file.Format == Statements {
			return p.broken("Sts")
		}
	default:
		return p.broken("Sts")
	}
	for _, d := range []struct {
		path string
		to   *time.Time
	}{{"BookgDt", &e.Booked}, {"ValDt", &e.Valued}} {
		if s := n.get(d.path+"/Dt", d.path+"/DtTm"); s != "" {
			if *d.to, ok = parseDay(s); !ok {
				return p.broken(d.path + " " + s)
			}
		} else if n.at(d.path) != nil {
			return p.broken(d.path)
		}
	}
	if e.Day().IsZero() {
		if p.file.Format == Statements && !e.Pending {
			return p.broken("BookgDt")
		}
	}
	// NtryRef is the statement's own and says nothing in another.
	e.Ref = given(n.get("AcctSvcrRef"))
	e.Code = strings.Trim(n.get("BkTxCd/Domn/Cd")+"/"+n.get("BkTxCd/Domn/Fmly/Cd")+"/"+n.get("BkTxCd/Domn/Fmly/SubFmlyCd"), "/")
	if e.Code == "" {
		e.Code = cut(n.get("BkTxCd/Prtry/Cd"), 40)
	}
	e.Text = texts(nil, n.get("AddtlNtryInf"))
	switch {
	case len(e.Parts) == 0:
		e.Parts = []Part{{Amount: e.Amount, Credit: e.Credit}}
	case len(e.Parts) == 1 && e.Parts[0].Amount.Currency == "":
		e.Parts[0].Amount = e.Amount
	}
	for i := range e.Parts {
		// A payment that does not tell its amount is not nothing: the parts do not
		// add up then.
		if e.Parts[i].Amount.Currency == "" {
			e.Parts[i].Amount = money.New(0, e.Amount.Currency)
		}
	}
	if !e.moves() {
		return nil // told for its words alone
	}
	p.st.Entries = append(p.st.Entries, *e)
	return nil
}

// statement is Stmt or Ntfctn without its entries.
func (p *parser) statement(n *node) error {
	st := p.st
	p.st = nil
	if st.ID = cut(n.get("Id"), 70); st.ID == "" {
		return p.broken(n.name + "/Id")
	}
	if s := n.get("LglSeqNb", "ElctrncSeqNb"); s != "" {
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil || v < 0 || v > 1e12 {
			return p.broken("ElctrncSeqNb")
		}
		st.Number = v
	}
	if pg := n.at("StmtPgntn"); pg == nil {
		pg = n.at("NtfctnPgntn")
		st.paged(pg)
	} else {
		st.paged(pg)
	}
	if st.Account = account(n.at("Acct")); st.Account.String() == "" {
		return p.broken("Acct")
	}
	st.Account.Currency = n.get("Acct/Ccy")
	for _, d := range []struct {
		path string
		to   *time.Time
	}{{"FrToDt/FrDtTm", &st.From}, {"FrToDt/ToDtTm", &st.To}} {
		if s := n.get(d.path); s != "" {
			var ok bool
			if *d.to, ok = parseDay(s); !ok {
				return p.broken(d.path)
			}
		}
	}
	for _, b := range n.all("Bal") {
		kind := b.get("Tp/CdOrPrtry/Cd")
		if kind != "OPBD" && kind != "PRCD" && kind != "CLBD" {
			continue
		}
		a := b.at("Amt")
		if a == nil {
			return p.broken("Bal/Amt")
		}
		m, ok := parseAmount(a.text, a.ccy)
		if !ok {
			return p.broken("Bal/Amt " + a.text)
		}
		switch b.get("CdtDbtInd") {
		case "DBIT":
			m = m.Neg()
		case "CRDT":
		default:
			return p.broken("Bal/CdtDbtInd")
		}
		on, ok := parseDay(b.get("Dt/Dt", "Dt/DtTm"))
		if !ok {
			return p.broken("Bal/Dt")
		}
		bal := Balance{Known: true, Amount: m, On: on}
		if kind == "CLBD" {
			st.Closing = bal
		} else if !st.Opening.Known || kind == "OPBD" {
			st.Opening = bal
		}
	}
	p.file.Accounts = append(p.file.Accounts, *st)
	return nil
}

func (st *Statement) paged(n *node) {
	if n == nil {
		return
	}
	if v, err := strconv.ParseInt(n.get("PgNb"), 10, 32); err == nil && v > 0 {
		st.Page = v
	}
	st.LastPage = n.get("LastPgInd") == "true" || n.get("LastPgInd") == "1"
}

// account reads an account's identification.
func account(n *node) Account {
	a := Account{IBAN: strings.ToUpper(bare(n.get("Id/IBAN"))), Other: bare(n.get("Id/Othr/Id")), Scheme: n.get("Id/Othr/SchmeNm/Cd", "Id/Othr/SchmeNm/Prtry")}
	if len(a.IBAN) > 34 || len(a.Other) > 40 {
		return Account{}
	}
	return a
}

func bare(s string) string { return strings.ReplaceAll(clean(s), " ", "") }

// given is a reference that says something: banks fill the field with words that
// mean none.
func given(s string) string {
	switch strings.ToUpper(s) {
	case "NOTPROVIDED", "NOT PROVIDED", "NOTAVAILABLE", "NONREF", "NOREF", "-", "0":
		return ""
	}
	return cut(s, 70)
}

func references(to []string, s string) []string {
	if s = given(s); s == "" || len(to) >= 50 {
		return to
	}
	return append(to, s)
}

func texts(to []string, s string) []string {
	if s == "" || len(to) >= 50 {
		return to
	}
	return append(to, cut(s, 500))
}
