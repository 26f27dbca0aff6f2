package camt

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
)

// Bounds of a file.
const (
	MaxBytes   = 32 << 20
	maxDepth   = 32
	maxEntries = 100_000
	maxParts   = 100_000
	maxNodes   = 20_000
	maxText    = 2000
)

// Formats.
const (
	Statements    = "camt.053"
	Notifications = "camt.054"
	BgMax         = "bgmax"
)

// BgMaxEnds is the last day on which Bankgirot made BgMax files.
var BgMaxEnds = time.Date(2026, 11, 27, 0, 0, 0, 0, lang.Zone)

// File is what one file tells.
type File struct {
	Format   string // Statements, Notifications, BgMax
	Version  string // "001.08"; of BgMax "01"
	Message  string // the bank's name of the message
	Created  time.Time
	Test     bool // the bank says that it is a test
	Accounts []Statement
}

// Statement is what is told of one account: a statement, a notification, or a
// section of a BgMax file.
type Statement struct {
	ID       string
	Number   int64 // running number, 0: none is given
	Page     int64 // 0: not paged
	LastPage bool
	Account  Account
	From, To time.Time // zero: not told
	Opening  Balance
	Closing  Balance
	Entries  []Entry
}

// Balance of an account at the end (or beginning) of a day.
type Balance struct {
	Known  bool
	Amount money.Money // negative: overdrawn
	On     time.Time
}

// Account as the file names it. Names are kept as they are written, without spaces.
type Account struct {
	IBAN     string
	Other    string // account number, bankgiro or another name of the bank's
	Scheme   string // BBAN, BGNR and the like; may be empty
	Currency string // may be empty
}

// String is the name by which the account is known.
func (a Account) String() string {
	if a.IBAN != "" {
		return a.IBAN
	}
	return a.Other
}

// Entry is one movement of the account.
type Entry struct {
	Key      string      // the same in every file that tells of it
	Ref      string      // the bank's own reference; may be empty
	Amount   money.Money // not negative; nothing, when the parts take each other out
	Credit   bool        // money came in
	Reversal bool        // it takes an earlier movement back
	Booked   time.Time   // day; zero: not told
	Valued   time.Time   // day; zero: not told
	Pending  bool        // it has not happened yet, and may not
	Code     string      // the bank's kind of transaction, "PMNT/RCDT/BBCT"
	Text     []string    // free text about it
	Parts    []Part      // at least one
	Whole    bool        // the parts add up to the amount
}

// Day is when the movement happened: booked, else valued.
func (e Entry) Day() time.Time {
	if !e.Booked.IsZero() {
		return e.Booked
	}
	return e.Valued
}

// Part is one payment of an entry; most entries have one.
type Part struct {
	Key        string // within the entry
	Amount     money.Money
	Credit     bool
	Refs       []string // the bank's and the payer's own references to it
	EndToEnd   string   // the payer's; may be empty
	References []string // structured references, among them the OCR number
	Text       []string // free text
	Payer      string   // name of the other side; personal
	From       string   // account of the other side; personal
}

// Read recognises a file by its beginning and reads it whole. Faults, 422:
// bankfile_unknown, bankfile_052, bankfile_too_big, bankfile_too_many,
// bankfile_doctype, bankfile_encoding, bankfile_broken (with the line and what
// could not be read).
func Read(r io.Reader) (File, error) {
	b := bufio.NewReaderSize(&bounded{r: r, left: MaxBytes}, 4096)
	head, err := b.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return File{}, asFault(err, 0)
	}
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	var f File
	switch {
	case bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("<")):
		f, err = readXML(b)
	case bytes.HasPrefix(head, []byte("01BGMAX")):
		f, err = readBgMax(b)
	default:
		return File{}, refuse("bankfile_unknown")
	}
	if err != nil {
		return File{}, err
	}
	f.name()
	return f, nil
}

// Recognise reports whether a file that begins so is one that Read may read.
func Recognise(head []byte) bool {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	return bytes.HasPrefix(head, []byte("01BGMAX")) || bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("<"))
}

var errTooBig = errors.New("camt: more bytes than a file may have")

// bounded fails where io.LimitReader would pretend that the file ends.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooBig
	}
	return n, err
}

func refuse(code string, kv ...any) error {
	f := &fault.Error{Kind: fault.Unprocessable, Code: code}
	for i := 0; i+1 < len(kv); i += 2 {
		if f.Args == nil {
			f.Args = map[string]any{}
		}
		f.Args[kv[i].(string)] = kv[i+1]
	}
	return f
}

// broken refuses the file at a line. what is an element or a record as the file
// has it, in no language.
func broken(line int, what string) error {
	return refuse("bankfile_broken", "line", line, "what", cut(clean(what), 60))
}

func asFault(err error, line int) error {
	switch {
	case fault.As(err) != nil:
		return err
	case errors.Is(err, errTooBig):
		return refuse("bankfile_too_big", "mb", MaxBytes>>20)
	}
	return broken(line, "…")
}

// clean is text as it may be kept: no control signs, single spaces.
func clean(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return r == ' ' || r == '\u00a0' || r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r >= '\u200b' && r <= '\u200f' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\ufffd'
	}), " ")
}

// cut shortens to at most n runes.
func cut(s string, n int) string {
	i := 0
	for at := range s {
		if i == n {
			return s[:at]
		}
		i++
	}
	return s
}

// name gives every entry and part its key.
func (f *File) name() {
	for s := range f.Accounts {
		st := &f.Accounts[s]
		equal := map[string]int{}
		for i := range st.Entries {
			e := &st.Entries[i]
			e.Whole = e.addsUp()
			base := []string{e.Ref, day(e.Booked), e.Amount.String(), sign(e.Credit), flag(e.Reversal)}
			// A reference of the bank's says it with day and amount alone: a
			// notification may not know the value day yet, and may call the account
			// by its bankgiro number.
			if e.Ref == "" {
				base = append(base, st.Account.String(), day(e.Valued), e.Code)
				base = append(base, e.Text...)
				for _, p := range e.Parts {
					base = append(base, p.words()...)
				}
				k := digest(base)
				equal[k]++
				base = append(base, strconv.Itoa(equal[k]))
			}
			e.Key = digest(base)
			alike := map[string]int{}
			for j := range e.Parts {
				p := &e.Parts[j]
				k := digest(p.words())
				alike[k]++
				p.Key = digest([]string{k, strconv.Itoa(alike[k])})
			}
		}
	}
}

func (p Part) words() []string {
	out := []string{p.Amount.String(), sign(p.Credit), p.EndToEnd, strconv.Itoa(len(p.Refs))}
	out = append(out, p.Refs...)
	out = append(out, strconv.Itoa(len(p.References)))
	out = append(out, p.References...)
	return append(out, p.Text...) // not who paid: a key is kept longer than a name may be
}

// addsUp reports whether the parts, those of the other direction taken off, are the
// entry's amount in its currency.
func (e Entry) addsUp() bool {
	sum := money.New(0, e.Amount.Currency)
	for _, p := range e.Parts {
		a := p.Amount
		if p.Credit != e.Credit {
			a = a.Neg()
		}
		var err error
		if sum, err = sum.Add(a); err != nil {
			return false
		}
	}
	return sum.Equal(e.Amount)
}

// moves reports whether any money moved.
func (e Entry) moves() bool {
	for _, p := range e.Parts {
		if p.Amount.Amount > 0 {
			return true
		}
	}
	return e.Amount.Amount > 0
}

// digest is 128 bits of what tells one thing from another.
func digest(parts []string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

func sign(credit bool) string {
	if credit {
		return "+"
	}
	return "-"
}

func flag(b bool) string {
	if b {
		return "r"
	}
	return ""
}
