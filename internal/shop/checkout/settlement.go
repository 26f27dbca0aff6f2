package checkout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/payment"
)

// BankDiff is a difference that a settlement file shows.
type BankDiff struct {
	Kind     string            `json:"kind"`
	Purchase db.ID             `json:"purchase,omitzero"`
	Moved    string            `json:"moved"` // capture, refund, chargeback, won
	Ours     *payment.CaseSide `json:"ours,omitempty"`
	Theirs   *payment.CaseSide `json:"theirs,omitempty"`
}

// importSettlement holds the rows of a provider's settlement file against the books, as
// the nightly comparison does its list. A file tells of its own payouts and of no other
// money, so what it does not name is never missing; and for the same reason no case is
// closed by it. Each difference becomes a case; payouts are noted, for the statements of
// the account to show. Faults: 403; 422 settlement_broken, settlement_foreign (no payment
// in it is the shop's).
func (d *Desk) importSettlement(ctx context.Context, by auth.By, s payment.Settlement, r io.Reader, dry bool) (BankReport, error) {
	rep := BankReport{Format: s.Method, Method: s.Method, DryRun: dry, Accounts: []string{}, Sums: []BankSum{}, Notes: []BankNote{}, Results: []BankResult{}, Diffs: []BankDiff{}}
	h := sha256.New()
	theirs, err := settled(s, io.TeeReader(r, h), &rep)
	if err != nil {
		d.Log.Info("a settlement file could not be read", "method", s.Method, "err", err)
		return rep, &fault.Error{Kind: fault.Unprocessable, Code: "settlement_broken"}
	}
	now := time.Now()
	span := window{from: now, to: now, until: now, lag: d.Times.Books, named: true, shift: d.DB.LegalNow().Sub(now)}
	for i := range theirs {
		if theirs[i].At.IsZero() { // not told: as good as the payout's, or today
			if theirs[i].At = rep.Made; theirs[i].At.IsZero() {
				theirs[i].At = now
			}
		}
		if theirs[i].At.Before(span.from) {
			span.from = theirs[i].At
		}
		switch theirs[i].Kind {
		case "capture", "refund", "chargeback", "won":
			rep.Compared++
		case "payout":
			rep.Payouts++
		}
	}
	if rep.Made.IsZero() {
		rep.Made = now
	}
	rep.Entries = len(theirs)
	b := &bankImport{d: d, by: by, rep: &rep, hash: h.Sum(nil)}
	row := payment.BankFile{Hash: b.hash, Format: rep.Format, Message: rep.Message, Made: rep.Made, Author: author(by)}
	if err := b.write(ctx, func(tx *db.Tx) error {
		f, err := payment.BeginBankFile(tx, row)
		b.file, rep.Known = f.ID, f.Whole
		return err
	}); err != nil {
		return rep, err
	}
	if !dry || rep.Known {
		rep.File = b.file
	}
	if rep.Known {
		return rep, nil
	}
	source := source{method: s.Method, named: true}
	books, ds, err := d.differ(ctx, source, theirs, span)
	if err != nil {
		return rep, err
	}
	if rep.Compared > 0 && len(books) == 0 {
		return rep, &fault.Error{Kind: fault.Unprocessable, Code: "settlement_foreign"}
	}
	if !dry && d.heal(ctx, ds, books) {
		if books, ds, err = d.differ(ctx, source, theirs, span); err != nil {
			return rep, err
		}
	}
	for _, x := range ds {
		if span.young(x.Theirs) {
			continue
		}
		rep.Open++
		if len(rep.Diffs) < maxResults {
			c := caseOf(s.Method, x, books, span)
			rep.Diffs = append(rep.Diffs, BankDiff{Kind: c.Kind, Purchase: c.Purchase, Moved: c.Facts.Kind, Ours: c.Facts.Ours, Theirs: c.Facts.Theirs})
		}
	}
	rep.Same = rep.Compared - rep.Open
	if dry {
		return rep, nil
	}
	if err := d.open(ctx, s.Method, ds, books, span); err != nil {
		return rep, err
	}
	return rep, db.Do(ctx, d.DB, func(tx *db.Tx) error {
		if err := notePayouts(tx, s.Method, theirs); err != nil {
			return err
		}
		if err := payment.EndBankFile(tx, b.file, rep); err != nil {
			return err
		}
		return by.Record(tx, "bankfile.import", "bankfile", b.file, "", hex.EncodeToString(b.hash[:8])+" "+rep.Format)
	})
}

// settled reads a file's rows, one under one id, and what it says of its payouts.
func settled(s payment.Settlement, r io.Reader, rep *BankReport) (out []payment.Movement, err error) {
	seen := map[string]bool{}
	var names []string
	err = s.Read(r, func(m payment.Movement) error {
		if seen[m.ID] {
			return nil
		}
		seen[m.ID] = true
		if out = append(out, m); len(out) > moveMost {
			return fmt.Errorf("checkout: more than %d rows in a settlement file", moveMost)
		}
		if m.Kind == "payout" {
			if m.At.After(rep.Made) {
				rep.Made = m.At
			}
			if len(names) < 10 {
				names = append(names, m.Payout)
			}
		}
		return nil
	})
	if err == nil {
		_, err = io.Copy(io.Discard, r) // so that the whole of it is hashed
	}
	rep.Message = strings.Join(names, " ")
	return out, err
}
