package payment

import (
	"cmp"
	"slices"

	"kassavalv/internal/money"
)

// Account is one payment as we have it in our books, for Compare.
type Account struct {
	Reference string // ours
	Ref       string // the provider's id; empty: not known
	Rows      []Row
}

// Row is money of a payment that moved, or is asked to.
type Row struct {
	ID     string // ours of the row
	Kind   string // capture, refund
	Key    string // under which the provider was asked; empty: none
	Amount money.Money
	State  string // done, asked, refused
	Due    bool   // the provider's books must have it by now
	Old    bool   // from before what theirs tell of: only its key can name it
}

// Kinds of a Difference.
const (
	MissingHere     = "missing_here"     // the provider moved money that our books do not have
	MissingThere    = "missing_there"    // our books have money that the provider's do not
	AmountDiffers   = "amount_differs"   //
	CurrencyDiffers = "currency_differs" //
	Twice           = "twice"            // the provider moved the same money more than once
	StateDiffers    = "state_differs"    // we say that it was refused, or is only asked for; the provider did it
	UnknownPayment  = "unknown_payment"  // the provider has a payment that we never made
	Disputed        = "disputed"         // the buyer's bank took money back
	DisputeWon      = "dispute_won"      // and gave it back to the shop
)

// Difference is a row in one book without its equal in the other.
type Difference struct {
	Kind    string
	Account int // index of ours; -1: none
	Ours    *Row
	Theirs  *Movement
}

// Compare holds our books against the provider's. It is pure: nothing is asked and
// nothing stored. Ours are the payments that theirs name, and those whose money theirs
// should name; a row of theirs that is told twice under one ID counts once. Fees,
// payouts and other kinds are not compared.
//
// A movement belongs to the payment whose reference or provider's id it names. Within
// a payment and a kind, rows are paired by key, then by equal amount (done before
// asked before refused), then what is left one by one, which are the amounts that
// differ. What is left over is missing on the one side or the other.
func Compare(ours []Account, theirs []Movement) []Difference {
	byReference, byRef := map[string]int{}, map[string]int{}
	for i, a := range ours {
		if a.Reference != "" {
			byReference[a.Reference] = i
		}
		if a.Ref != "" {
			byRef[a.Ref] = i
		}
	}
	type group struct {
		account int
		kind    string
	}
	groups := map[group][]*Movement{}
	seen := map[string]bool{}
	var out []Difference
	for i := range theirs {
		m := &theirs[i]
		if m.Kind != "capture" && m.Kind != "refund" && m.Kind != "chargeback" && m.Kind != "won" || seen[m.ID] {
			continue
		}
		seen[m.ID] = true
		at, ok := byReference[m.Reference]
		if !ok || m.Reference == "" {
			if at, ok = byRef[m.Ref]; m.Ref == "" {
				ok = false
			}
		}
		switch {
		case !ok:
			out = append(out, Difference{UnknownPayment, -1, nil, m})
		case m.Kind == "chargeback":
			out = append(out, Difference{Disputed, at, nil, m})
		case m.Kind == "won":
			out = append(out, Difference{DisputeWon, at, nil, m})
		default:
			groups[group{at, m.Kind}] = append(groups[group{at, m.Kind}], m)
		}
	}
	for i, a := range ours {
		for _, kind := range []string{"capture", "refund"} {
			var rows []*Row
			for j := range a.Rows {
				if a.Rows[j].Kind == kind {
					rows = append(rows, &a.Rows[j])
				}
			}
			out = append(out, compareRows(i, rows, groups[group{i, kind}])...)
		}
	}
	return out
}

// order of states: which row of ours a movement is taken for, when several fit.
var stateRank = map[string]int{"done": 0, "asked": 1, "refused": 2}

func compareRows(at int, rows []*Row, ms []*Movement) (out []Difference) {
	rows, ms = slices.Clone(rows), slices.Clone(ms)
	slices.SortStableFunc(rows, func(a, b *Row) int { return cmp.Compare(stateRank[a.State], stateRank[b.State]) })
	taken := make([]*Movement, len(rows)) // by rows
	used := make([]bool, len(ms))
	pair := func(fits func(*Row, *Movement) bool) {
		for i, r := range rows {
			for j, m := range ms {
				if taken[i] == nil && !used[j] && fits(r, m) {
					taken[i], used[j] = m, true
				}
			}
		}
	}
	pair(func(r *Row, m *Movement) bool { return m.Key != "" && m.Key == r.Key })
	pair(func(r *Row, m *Movement) bool { return !r.Old && m.Amount.Equal(r.Amount) })
	pair(func(r *Row, m *Movement) bool { return !r.Old && r.State == "done" })
	for i, r := range rows {
		m := taken[i]
		switch {
		case m == nil:
			if r.State == "done" && r.Due {
				out = append(out, Difference{MissingThere, at, r, nil})
			}
		case m.Amount.Currency != r.Amount.Currency:
			out = append(out, Difference{CurrencyDiffers, at, r, m})
		case m.Amount.Amount != r.Amount.Amount:
			out = append(out, Difference{AmountDiffers, at, r, m})
		case r.State == "refused", r.State == "asked" && r.Due:
			out = append(out, Difference{StateDiffers, at, r, m})
		}
	}
	for j, m := range ms {
		if used[j] {
			continue
		}
		kind, of := MissingHere, (*Row)(nil)
		for i, r := range rows {
			if taken[i] != nil && taken[i].Amount.Equal(m.Amount) && m.Amount.Equal(r.Amount) {
				kind, of = Twice, r
				break
			}
		}
		out = append(out, Difference{kind, at, of, m})
	}
	return out
}
