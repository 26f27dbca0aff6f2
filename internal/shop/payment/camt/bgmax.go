package camt

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
)

// A BgMax file is rows of 80 signs, each with a two-digit code in front. The places
// below are counted from 1, as the manual counts them.
//
//	01 start     3-22 BGMAX  23-24 version  25-44 made at  45 P or T
//	05 opening   3-12 bankgiro  13-22 plusgiro  23-25 currency
//	20 payment   3-12 payer's bankgiro  13-37 reference  38-55 amount in öre
//	             56 kind of reference  57 channel  58-69 number  70 picture
//	21 deduction as 20, and 71 kind of deduction
//	22 23        as 20: further references of the payment, plus and minus
//	25 text      3-52
//	26 name      3-37  38-72
//	27 address   3-37  38-46 postal code
//	28 address   3-37 town  38-72 country  73-74 its code
//	29           3-14 organisation number
//	15 deposit   3-37 account  38-45 day  46-50 number  51-68 amount
//	             69-71 currency  72-79 how many payments  80 kind
//	70 end       3-10 rows 20  11-18 rows 21  19-26 rows 22, 23  27-34 rows 15
type bgmax struct {
	file    File
	st      *Statement
	parts   []bgPart
	counts  map[string]int64
	total   int
	line    int
	started bool
	ended   bool
}

// bgPart is a payment with its further references.
type bgPart struct {
	Part
	extra []Part
}

func readBgMax(r io.Reader) (File, error) {
	b := &bgmax{file: File{Format: BgMax}, counts: map[string]int64{}}
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 0, 1024), 1024)
	for sc.Scan() {
		b.line++
		s := sc.Text()
		if b.line == 1 {
			s = strings.TrimPrefix(s, "\ufeff")
		}
		// ISO 8859-1 as Bankgirot writes it, or UTF-8 as programs on the way make it.
		if !utf8.ValidString(s) {
			s = fromLatin1(s)
		}
		s = strings.TrimRight(s, "\r\x1a")
		if strings.TrimSpace(s) == "" {
			continue
		}
		if b.ended {
			return File{}, broken(b.line, cut(s, 2))
		}
		if err := b.row(pad(s)); err != nil {
			return File{}, err
		}
	}
	if err := sc.Err(); err != nil {
		return File{}, asFault(err, b.line+1)
	}
	if !b.ended {
		return File{}, broken(b.line+1, "70")
	}
	return b.file, nil
}

func fromLatin1(s string) string {
	var out strings.Builder
	for i := range len(s) {
		out.WriteRune(rune(s[i]))
	}
	return out.String()
}

// row80 is a row whose places can be taken; trailing blanks may be missing.
type row80 []rune

func pad(s string) row80 {
	r := []rune(s)
	for len(r) < 80 {
		r = append(r, ' ')
	}
	return r
}

// at is what stands from place a to b, trimmed.
func (r row80) at(a, b int) string { return clean(string(r[a-1 : b])) }

// num reads a number that fills its places, or blanks that mean nothing.
func (r row80) num(a, b int) (int64, bool) {
	s := r.at(a, b)
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && n <= money.Max && strings.Trim(s, "0123456789") == ""
}

func (b *bgmax) row(r row80) error {
	code := string(r[:2])
	if len(r) > 80 && clean(string(r[80:])) != "" || !b.started && code != "01" {
		return broken(b.line, code)
	}
	b.counts[code]++
	switch code {
	case "01":
		return b.begin(r)
	case "05":
		return b.open(r)
	case "20", "21":
		return b.payment(r, code)
	case "22", "23":
		return b.further(r, code)
	case "25", "26", "27", "28", "29":
		return b.about(r, code)
	case "15":
		return b.deposit(r)
	case "70":
		return b.finish(r)
	}
	return broken(b.line, code)
}

func (b *bgmax) begin(r row80) error {
	if b.started || r.at(3, 22) != "BGMAX" || r.at(23, 24) != "01" {
		return broken(b.line, "01")
	}
	b.started = true
	b.file.Version = r.at(23, 24)
	b.file.Message = r.at(25, 44)
	at, err := time.ParseInLocation("20060102150405", cut(b.file.Message, 14), lang.Zone)
	if err != nil {
		return broken(b.line, "01")
	}
	if _, ok := sane(at); !ok {
		return broken(b.line, "01")
	}
	b.file.Created = at
	b.file.Test = r.at(45, 45) == "T"
	return nil
}

func (b *bgmax) open(r row80) error {
	giro, currency := strings.TrimLeft(r.at(3, 12), "0"), r.at(23, 25)
	if b.st != nil || strings.Trim(giro, "0123456789") != "" || len(giro) < 7 {
		return broken(b.line, "05")
	}
	if _, ok := parseAmount("1", currency); !ok {
		return broken(b.line, "05")
	}
	b.st = &Statement{Account: Account{Other: giro, Scheme: "BGNR", Currency: currency}}
	b.parts = nil
	return nil
}

func (b *bgmax) payment(r row80, code string) error {
	p, err := b.read(r, code)
	if err != nil {
		return err
	}
	p.Credit = code == "20"
	b.parts = append(b.parts, bgPart{Part: p})
	return nil
}

// read is what the rows 20 to 23 have alike.
func (b *bgmax) read(r row80, code string) (Part, error) {
	if b.st == nil {
		return Part{}, broken(b.line, code)
	}
	if b.total++; b.total > maxParts {
		return Part{}, refuse("bankfile_too_many")
	}
	n, ok := r.num(38, 55)
	if !ok {
		return Part{}, broken(b.line, code)
	}
	p := Part{Amount: money.New(n, b.st.Account.Currency)}
	if ref := r.at(13, 37); ref != "" {
		p.References = []string{ref}
	}
	if s := r.at(58, 69); s != "" {
		p.Refs = []string{"BGC:" + s}
	}
	if from := strings.TrimLeft(r.at(3, 12), "0"); from != "" {
		p.From = from
	}
	return p, nil
}

func (b *bgmax) further(r row80, code string) error {
	p, err := b.read(r, code)
	if err != nil {
		return err
	}
	if len(b.parts) == 0 {
		return broken(b.line, code)
	}
	last := &b.parts[len(b.parts)-1]
	p.Credit = (code == "22") == last.Credit
	last.extra = append(last.extra, p)
	return nil
}

func (b *bgmax) about(r row80, code string) error {
	if b.st == nil || len(b.parts) == 0 {
		return broken(b.line, code)
	}
	p := &b.parts[len(b.parts)-1].Part
	switch code {
	case "25":
		p.Text = texts(p.Text, r.at(3, 52))
	case "26":
		p.Payer = clean(r.at(3, 37) + " " + r.at(38, 72))
	}
	return nil // addresses and organisation numbers are not needed and not kept
}

func (b *bgmax) deposit(r row80) error {
	n, ok := r.num(51, 68)
	many, ok2 := r.num(72, 79)
	on, err := time.ParseInLocation("20060102", r.at(38, 45), lang.Zone)
	if b.st == nil || !ok || !ok2 || err != nil || r.at(69, 71) != b.st.Account.Currency {
		return broken(b.line, "15")
	}
	if _, ok := sane(on); !ok {
		return broken(b.line, "15")
	}
	e := Entry{Ref: "BGMAX:" + on.Format("20060102") + ":" + r.at(46, 50), Amount: money.New(n, b.st.Account.Currency), Credit: true, Booked: on, Valued: on}
	var plus int64
	for _, p := range b.parts {
		if p.Credit {
			plus++
		}
		e.Parts = append(e.Parts, p.split()...)
	}
	// Whether deductions are counted in is not told; either is taken.
	if many != plus && many != int64(len(b.parts)) {
		return broken(b.line, "15")
	}
	b.st.ID = e.Ref
	if !e.addsUp() {
		return broken(b.line, "15 "+r.at(51, 68))
	}
	if e.moves() {
		b.st.Entries = []Entry{e}
	}
	b.file.Accounts = append(b.file.Accounts, *b.st)
	b.st, b.parts = nil, nil
	return nil
}

// split makes as many payments of one as it has further references with amounts, if
// they add up to it. Else the references are all that payment's.
func (p bgPart) split() []Part {
	if len(p.extra) == 0 {
		return []Part{p.Part}
	}
	var sum int64
	all := true
	for i := range p.extra {
		x := &p.extra[i]
		x.Payer, x.Text = p.Payer, p.Text
		if x.Amount.Amount == 0 {
			all = false
		}
		if x.Credit == p.Credit {
			sum += x.Amount.Amount
		} else {
			sum -= x.Amount.Amount
		}
	}
	if all && sum == p.Amount.Amount {
		return p.extra
	}
	one := p.Part
	for _, x := range p.extra {
		one.References = append(one.References, x.References...)
	}
	return []Part{one}
}

func (b *bgmax) finish(r row80) error {
	if b.st != nil {
		return broken(b.line, "70")
	}
	for _, c := range []struct {
		from int
		want int64
	}{{3, b.counts["20"]}, {11, b.counts["21"]}, {19, b.counts["22"] + b.counts["23"]}, {27, b.counts["15"]}} {
		if n, ok := r.num(c.from, c.from+7); !ok || n != c.want {
			return broken(b.line, "70")
		}
	}
	b.ended = true
	return nil
}
