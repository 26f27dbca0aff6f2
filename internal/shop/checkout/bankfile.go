package checkout

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/camt"
)

// Ended is said of BgMax files made after Bankgirot ended them.
const noteEnded = "bgmax_ended"

// BankNote is something that a file should make people look at.
type BankNote struct {
	Code string         `json:"code"`
	Args map[string]any `json:"args,omitempty"`
}

// BankResult is what became of one payment of a file.
type BankResult struct {
	Line    db.ID       `json:"line,omitzero"`
	Account string      `json:"account"`
	On      time.Time   `json:"on"`
	Kind    string      `json:"kind"`
	Amount  money.Money `json:"amount"`
	Settled money.Money `json:"settled"`
	State   string      `json:"state"`
	Reason  string      `json:"reason,omitempty"`
	Ref     string      `json:"reference,omitempty"`
	Order   string      `json:"order,omitempty"` // its number
}

// BankReport tells what a file brought.
type BankReport struct {
	File     db.ID        `json:"file,omitzero"`
	Format   string       `json:"format"`
	Version  string       `json:"version"`
	Message  string       `json:"message"`
	Made     time.Time    `json:"made"`
	Accounts []string     `json:"accounts"`
	DryRun   bool         `json:"dry_run"`
	Known    bool         `json:"known"`                 // the same file was taken in before
	Method   string       `json:"method,omitempty"`      // of a settlement file: whose
	Compared int          `json:"compared,omitempty"`    // of a settlement file: movements held against the books
	Diffs    []BankDiff   `json:"differences,omitempty"` // of a settlement file: the first maxResults
	Entries  int          `json:"entries"`               // movements told
	Settled  int          `json:"settled"`               // payments entered on orders, in whole
	Refunds  int          `json:"refunds"`               // refunds found
	Payouts  int          `json:"payouts"`               // payouts of payment companies found
	Same     int          `json:"same"`                  // entered already
	Open     int          `json:"open"`                  // for a person to decide
	Pending  int          `json:"pending"`               // not booked yet
	Outgoing int          `json:"outgoing"`              // from the account, and no refund of ours
	Sums     []BankSum    `json:"sums"`
	Notes    []BankNote   `json:"notes"`
	Results  []BankResult `json:"results"` // the first maxResults
}

// BankSum is what payments entered on orders, and what is left for a person, come to.
type BankSum struct {
	Settled money.Money `json:"settled"`
	Open    money.Money `json:"open"`
}

const (
	maxResults = 500
	headBytes  = 4096 // by which a file is known
	lineChunk  = 50
)

var errDry = errors.New("checkout: dry run")

// ImportBank takes a bank's file in: each payment to the shop whose OCR number names
// an unpaid invoice is entered on it, refunds of ours are recognised, and the rest
// waits for a person. A file or a movement that was taken in before changes nothing. A
// provider's settlement file is known by its content and compared instead: see
// importSettlement. dry goes the same way and undoes it. Faults: 403; 422 those of camt.Read,
// bankfile_foreign (an account that is not the shop's), bankfile_no_account (the shop
// has none), bankfile_test (a test file, and the shop is real).
func (d *Desk) ImportBank(ctx context.Context, by auth.By, r io.Reader, dry bool) (BankReport, error) {
	if err := by.Need(auth.OrdersWrite); err != nil {
		return BankReport{}, err
	}
	in := bufio.NewReaderSize(r, headBytes)
	head, err := in.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return BankReport{}, err
	}
	for _, s := range d.Settlements {
		if s.Recognise(head) {
			return d.importSettlement(ctx, by, s, in, dry)
		}
	}
	h := sha256.New()
	f, err := camt.Read(io.TeeReader(in, h))
	if err != nil {
		return BankReport{}, err
	}
	rep := BankReport{Format: f.Format, Version: f.Version, Message: f.Message, Made: f.Created, DryRun: dry, Accounts: []string{}, Sums: []BankSum{}, Notes: []BankNote{}, Results: []BankResult{}}
	if err := d.ours(ctx, f, &rep); err != nil {
		return rep, err
	}
	b := &bankImport{d: d, by: by, f: f, rep: &rep, hash: h.Sum(nil)}
	return rep, b.run(ctx)
}

// ours refuses a file that is not about the shop's own accounts.
func (d *Desk) ours(ctx context.Context, f camt.File, rep *BankReport) error {
	if f.Test && d.Live {
		return &fault.Error{Kind: fault.Unprocessable, Code: "bankfile_test"}
	}
	own, err := db.Read(ctx, d.DB, func(q *db.Reader) ([]string, error) {
		if d.Accounts == nil {
			return nil, nil
		}
		return d.Accounts(q)
	})
	if err != nil {
		return err
	}
	if len(own) == 0 {
		return &fault.Error{Kind: fault.Unprocessable, Code: "bankfile_no_account"}
	}
	for _, st := range f.Accounts {
		a := st.Account.String()
		if !st.Account.SameAccount(own) {
			return &fault.Error{Kind: fault.Unprocessable, Code: "bankfile_foreign", Args: map[string]any{"account": a}}
		}
		if !slices.Contains(rep.Accounts, a) {
			rep.Accounts = append(rep.Accounts, a)
		}
		rep.Entries += len(st.Entries)
	}
	if f.Format == camt.BgMax {
		rep.Notes = append(rep.Notes, BankNote{Code: noteEnded})
	}
	return nil
}

// bankImport is one run over a file.
type bankImport struct {
	d    *Desk
	by   auth.By
	f    camt.File
	rep  *BankReport
	hash []byte
	file db.ID
}

// told is an entry with the account it is on.
type told struct {
	st    *camt.Statement
	entry *camt.Entry
}

func (b *bankImport) run(ctx context.Context) error {
	err := b.write(ctx, func(tx *db.Tx) error {
		f, err := payment.BeginBankFile(tx, payment.BankFile{Hash: b.hash, Format: b.f.Format, Version: b.f.Version, Message: b.f.Message, Accounts: strings.Join(b.rep.Accounts, " "), Made: b.f.Created, Author: author(b.by)})
		if err != nil {
			return err
		}
		b.file, b.rep.Known = f.ID, f.Whole
		if f.Whole {
			return nil
		}
		b.rep.Notes = slices.DeleteFunc(b.rep.Notes, func(n BankNote) bool {
			return n.Code == "statement_missing" || n.Code == "statement_gap" || n.Code == "balance_gap"
		})
		return b.statements(tx)
	})
	if err != nil {
		return err
	}
	if !b.rep.DryRun || b.rep.Known {
		b.rep.File = b.file
	}
	if b.rep.Known {
		return nil
	}
	var all []told
	for i := range b.f.Accounts {
		for j := range b.f.Accounts[i].Entries {
			all = append(all, told{&b.f.Accounts[i], &b.f.Accounts[i].Entries[j]})
		}
	}
	for len(all) > 0 {
		// A batch is one entry of many payments; it is not taken apart here.
		n, parts := 0, 0
		for n < len(all) && (n == 0 || parts+len(all[n].entry.Parts) <= lineChunk) {
			parts += len(all[n].entry.Parts)
			n++
		}
		var out []outcome
		err := b.write(ctx, func(tx *db.Tx) error {
			out = nil // the closure may run twice
			if b.rep.DryRun {
				if err := b.begun(tx); err != nil {
					return err
				}
			}
			for _, t := range all[:n] {
				o, err := b.enter(tx, t.st, t.entry)
				if err != nil {
					return err
				}
				out = append(out, o...)
			}
			return nil
		})
		if err != nil {
			return err
		}
		b.count(out)
		all = all[n:]
	}
	if b.rep.DryRun {
		return nil
	}
	return b.write(ctx, func(tx *db.Tx) error {
		stored := *b.rep
		stored.Results = nil // they are the lines
		if err := payment.EndBankFile(tx, b.file, stored); err != nil {
			return err
		}
		return b.by.Record(tx, "bankfile.import", "bankfile", b.file, "", hex.EncodeToString(b.hash[:8])+" "+b.f.Format)
	})
}

// begun makes the row that lines refer to, in a transaction that will be undone.
func (b *bankImport) begun(tx *db.Tx) error {
	f, err := payment.BeginBankFile(tx, payment.BankFile{Hash: b.hash, Format: b.f.Format, Version: b.f.Version, Message: b.f.Message, Made: b.f.Created})
	b.file = f.ID
	return err
}

// write runs fn, and undoes it in a dry run.
func (b *bankImport) write(ctx context.Context, fn func(tx *db.Tx) error) error {
	err := db.Do(ctx, b.d.DB, func(tx *db.Tx) error {
		if err := payment.LockBank(tx); err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		if b.rep.DryRun {
			return errDry
		}
		return nil
	})
	if errors.Is(err, errDry) {
		return nil
	}
	return err
}

// statements notes the statements, and tells of those that are missing between.
func (b *bankImport) statements(tx *db.Tx) error {
	for _, st := range b.f.Accounts {
		if b.f.Format != camt.Statements {
			continue
		}
		s := payment.BankStatement{Account: st.Account.String(), Statement: st.ID, Number: st.Number, Page: st.Page, Currency: st.Account.Currency, From: st.From, To: st.To}
		if st.Opening.Known {
			s.Opening, s.Currency = &st.Opening.Amount.Amount, st.Opening.Amount.Currency
		}
		if st.Closing.Known {
			s.Closing, s.Currency = &st.Closing.Amount.Amount, st.Closing.Amount.Currency
		}
		before, known, err := payment.EnterStatement(tx, b.file, s)
		if err != nil {
			return err
		}
		if !known {
			continue
		}
		switch {
		case before.Number == s.Number-2:
			b.rep.Notes = append(b.rep.Notes, BankNote{"statement_missing", map[string]any{"account": s.Account, "number": s.Number - 1}})
		case before.Number != s.Number-1:
			b.rep.Notes = append(b.rep.Notes, BankNote{"statement_gap", map[string]any{"account": s.Account, "from": before.Number + 1, "to": s.Number - 1}})
		case before.Closing != nil && s.Opening != nil && before.Currency == s.Currency && *before.Closing != *s.Opening:
			b.rep.Notes = append(b.rep.Notes, BankNote{"balance_gap", map[string]any{"account": s.Account, "number": s.Number, "was": money.New(*before.Closing, s.Currency).String(), "is": money.New(*s.Opening, s.Currency).String()}})
		}
	}
	return nil
}

// outcome is what became of a payment, with what is only counted.
type outcome struct {
	r     BankResult
	count string // same, pending, outgoing: no line of its own
}

func (b *bankImport) count(out []outcome) {
	for _, o := range out {
		switch o.count {
		case "same":
			b.rep.Same++
			continue
		case "pending":
			b.rep.Pending++
			continue
		case "outgoing":
			b.rep.Outgoing++
			continue
		}
		rest := int64(0)
		switch o.r.State {
		case payment.LineSettled:
			b.rep.Settled++
		case payment.LineRefund:
			b.rep.Refunds++
		case payment.LinePayout:
			b.rep.Payouts++
		case payment.LineKnown:
			b.rep.Same++
		case payment.LineOpen:
			b.rep.Open++
			rest = o.r.Amount.Amount - o.r.Settled.Amount
		}
		if o.r.Kind == payment.LineIn {
			b.rep.add(o.r.Settled.Amount, rest, o.r.Amount.Currency)
		}
		if b.rep.DryRun {
			o.r.Line = 0
		}
		if len(b.rep.Results) < maxResults {
			b.rep.Results = append(b.rep.Results, o.r)
		}
	}
}

func (r *BankReport) add(settled, open int64, currency string) {
	for i := range r.Sums {
		if r.Sums[i].Settled.Currency == currency {
			r.Sums[i].Settled.Amount += settled
			r.Sums[i].Open.Amount += open
			return
		}
	}
	r.Sums = append(r.Sums, BankSum{money.New(settled, currency), money.New(open, currency)})
}

// PreviewBank is a dry run of a file that is kept, sealed, until it is taken in.
func (d *Desk) PreviewBank(ctx context.Context, by auth.By, content []byte) (BankReport, db.ID, error) {
	rep, err := d.ImportBank(ctx, by, bytes.NewReader(content), true)
	if err != nil || rep.Known {
		return rep, 0, err
	}
	id, _, err := db.Write(ctx, d.DB, func(tx *db.Tx) (db.ID, error) { return payment.NewDraft(tx, d.Vault, content, author(by)) })
	return rep, id, err
}

// Draft is a dry run of a file that waits, again. 404 when it was taken in or is too
// old.
func (d *Desk) Draft(ctx context.Context, by auth.By, id db.ID) (BankReport, error) {
	b, err := d.draft(ctx, by, id)
	if err != nil {
		return BankReport{}, err
	}
	return d.ImportBank(ctx, by, bytes.NewReader(b), true)
}

// TakeDraft takes a file in that waits.
func (d *Desk) TakeDraft(ctx context.Context, by auth.By, id db.ID) (BankReport, error) {
	b, err := d.draft(ctx, by, id)
	if err != nil {
		return BankReport{}, err
	}
	rep, err := d.ImportBank(ctx, by, bytes.NewReader(b), false)
	if err != nil {
		return rep, err
	}
	return rep, db.Do(ctx, d.DB, func(tx *db.Tx) error { return payment.DropDraft(tx, d.Vault, id) })
}

func (d *Desk) draft(ctx context.Context, by auth.By, id db.ID) ([]byte, error) {
	if err := by.Need(auth.OrdersWrite); err != nil {
		return nil, err
	}
	b, err := db.Read(ctx, d.DB, func(q *db.Reader) ([]byte, error) { return payment.Draft(q, d.Vault, id) })
	if errors.Is(err, db.ErrNotFound) {
		return nil, fault.NotFound()
	}
	return b, err
}

// author names who did something, as rows keep it.
func author(by auth.By) string {
	switch by.Kind {
	case auth.StaffKind:
		return "staff " + by.ID.String()
	case auth.APIKind:
		return "token " + by.ID.String()
	}
	return by.Name
}
