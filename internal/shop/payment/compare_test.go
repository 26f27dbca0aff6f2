package payment

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kassavalv/internal/money"
)

func say(ds []Difference) string {
	var out []string
	for _, d := range ds {
		s := d.Kind
		if d.Ours != nil {
			s += " " + d.Ours.ID
		}
		if d.Theirs != nil {
			s += " " + d.Theirs.ID
		}
		out = append(out, s)
	}
	sort.Strings(out)
	return strings.Join(out, "; ")
}

func TestCompare(t *testing.T) {
	kr := func(n int64) money.Money { return money.SEK(n * 100) }
	cap := func(id string, n int64) Row {
		return Row{ID: id, Kind: "capture", Amount: kr(n), State: "done", Due: true}
	}
	ref := func(id, key, state string, n int64) Row {
		return Row{ID: id, Kind: "refund", Key: key, Amount: kr(n), State: state, Due: true}
	}
	acc := func(rows ...Row) []Account { return []Account{{Reference: "A", Ref: "pa", Rows: rows}} }
	m := func(id, kind string, n int64) Movement {
		return Movement{ID: id, Kind: kind, Reference: "A", Amount: kr(n)}
	}
	keyed := func(x Movement, key string) Movement { x.Key = key; return x }
	for name, c := range map[string]struct {
		ours   []Account
		theirs []Movement
		want   string
	}{
		"nothing":             {nil, nil, ""},
		"agree":               {acc(cap("1", 100), ref("2", "k", "done", 30)), []Movement{m("a", "capture", 100), keyed(m("b", "refund", 30), "k")}, ""},
		"told twice":          {acc(cap("1", 100)), []Movement{m("a", "capture", 100), m("a", "capture", 100)}, ""},
		"by their id":         {acc(cap("1", 100)), []Movement{{ID: "a", Kind: "capture", Ref: "pa", Amount: kr(100)}}, ""},
		"missing here":        {acc(), []Movement{m("a", "capture", 100)}, "missing_here a"},
		"missing there":       {acc(cap("1", 100)), nil, "missing_there 1"},
		"not due":             {acc(Row{ID: "1", Kind: "capture", Amount: kr(1), State: "done"}), nil, ""},
		"asked, not there":    {acc(ref("2", "k", "asked", 30)), nil, ""},
		"refused, not there":  {acc(ref("2", "k", "refused", 30)), nil, ""},
		"amount":              {acc(cap("1", 100)), []Movement{m("a", "capture", 99)}, "amount_differs 1 a"},
		"currency":            {acc(cap("1", 100)), []Movement{{ID: "a", Kind: "capture", Reference: "A", Amount: money.New(10000, "EUR")}}, "currency_differs 1 a"},
		"twice":               {acc(cap("1", 100)), []Movement{m("a", "capture", 100), m("b", "capture", 100)}, "twice 1 b"},
		"two there, one here": {acc(cap("1", 100)), []Movement{m("a", "capture", 100), m("b", "capture", 50)}, "missing_here b"},
		"two alike":           {acc(ref("1", "", "done", 10), ref("2", "", "done", 10)), []Movement{m("a", "refund", 10), m("b", "refund", 10)}, ""},
		"refused, yet done":   {acc(ref("2", "k", "refused", 30)), []Movement{keyed(m("b", "refund", 30), "k")}, "state_differs 2 b"},
		"asked, and done":     {acc(ref("2", "k", "asked", 30)), []Movement{keyed(m("b", "refund", 30), "k")}, "state_differs 2 b"},
		"a key before a sum":  {acc(ref("1", "k1", "done", 10), ref("2", "k2", "done", 20)), []Movement{keyed(m("a", "refund", 20), "k1"), keyed(m("b", "refund", 10), "k2")}, "amount_differs 1 a; amount_differs 2 b"},
		"done before refused": {acc(ref("1", "", "refused", 10), ref("2", "", "done", 10)), []Movement{m("a", "refund", 10)}, ""},
		"a refund is no sale": {acc(cap("1", 100)), []Movement{m("a", "refund", 100)}, "missing_here a; missing_there 1"},
		"an old one alike":    {acc(Row{ID: "1", Kind: "refund", Amount: kr(10), State: "done", Old: true}), []Movement{m("a", "refund", 10)}, "missing_here a"},
		"an old one's key":    {acc(Row{ID: "1", Kind: "refund", Key: "k", Amount: kr(10), State: "done", Old: true}), []Movement{keyed(m("a", "refund", 10), "k")}, ""},
		"nobody's":            {acc(cap("1", 100)), []Movement{m("a", "capture", 100), {ID: "b", Kind: "capture", Reference: "X", Amount: kr(1)}}, "unknown_payment b"},
		"without a name":      {[]Account{{Rows: []Row{cap("1", 100)}}}, []Movement{{ID: "b", Kind: "capture", Amount: kr(100)}}, "missing_there 1; unknown_payment b"},
		"disputed":            {acc(cap("1", 100)), []Movement{m("a", "capture", 100), m("b", "chargeback", 100)}, "disputed b"},
		"a dispute won":       {acc(cap("1", 100)), []Movement{m("a", "capture", 100), m("b", "chargeback", 100), m("c", "won", 100)}, "dispute_won c; disputed b"},
		"fees":                {acc(cap("1", 100)), []Movement{m("a", "capture", 100), m("f", "fee", 2), m("p", "payout", 98), m("o", "other", 1)}, ""},
	} {
		if got := say(Compare(c.ours, c.theirs)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// slow counts instead of pairing: of each payment, kind and amount, how many are on
// either side. It says how many of each kind of difference there must be, for rows
// without keys.
func slow(ours []Account, theirs []Movement) map[string]int {
	out := map[string]int{}
	known := map[string]int{}
	for i, a := range ours {
		known["r"+a.Reference], known["p"+a.Ref] = i+1, i+1
	}
	delete(known, "r")
	delete(known, "p")
	once := map[string]Movement{}
	for _, m := range theirs {
		if _, ok := once[m.ID]; !ok {
			once[m.ID] = m
		}
	}
	there := map[string]map[money.Money]int{}
	for _, m := range once {
		at := known["r"+m.Reference]
		if at == 0 {
			at = known["p"+m.Ref]
		}
		switch {
		case m.Kind != "capture" && m.Kind != "refund" && m.Kind != "chargeback" && m.Kind != "won":
		case at == 0:
			out[UnknownPayment]++
		case m.Kind == "chargeback":
			out[Disputed]++
		case m.Kind == "won":
			out[DisputeWon]++
		default:
			g := fmt.Sprint(at, m.Kind)
			if there[g] == nil {
				there[g] = map[money.Money]int{}
			}
			there[g][m.Amount]++
		}
	}
	for i, a := range ours {
		for _, kind := range []string{"capture", "refund"} {
			left := maps.Clone(there[fmt.Sprint(i+1, kind)])
			paired := map[money.Money]bool{}
			var lone []Row // done, without an equal
			for _, state := range []string{"done", "asked", "refused"} {
				for _, r := range a.Rows {
					switch {
					case r.Kind != kind || r.State != state:
					case left[r.Amount] > 0:
						left[r.Amount]--
						paired[r.Amount] = true
						if state == "refused" || state == "asked" && r.Due {
							out[StateDiffers]++
						}
					case state == "done":
						lone = append(lone, r)
					}
				}
			}
			n := 0
			for _, k := range left {
				n += k
			}
			// One by one: each lone row of ours with one of theirs, as far as both reach.
			// Which of them have another currency depends on the order, so the two kinds
			// count as one.
			differ := min(n, len(lone))
			out["differ"] += differ
			out["left there"] += n - differ
			for _, r := range lone[differ:] {
				if r.Due {
					out[MissingThere]++
				}
			}
		}
	}
	return out
}

func TestCompareTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sums := rapid.Custom(func(t *rapid.T) money.Money {
			return money.New(rapid.Int64Range(1, 4).Draw(t, "öre"), rapid.SampledFrom([]string{"SEK", "SEK", "SEK", "EUR"}).Draw(t, "currency"))
		})
		var ours []Account
		for i := range rapid.IntRange(0, 3).Draw(t, "accounts") {
			a := Account{Reference: fmt.Sprint("R", i)}
			if rapid.Bool().Draw(t, "bound") {
				a.Ref = fmt.Sprint("P", i)
			}
			for j := range rapid.IntRange(0, 4).Draw(t, "rows") {
				a.Rows = append(a.Rows, Row{ID: fmt.Sprint(i, ".", j), Kind: rapid.SampledFrom([]string{"capture", "refund"}).Draw(t, "kind"), Amount: sums.Draw(t, "sum"),
					State: rapid.SampledFrom([]string{"done", "done", "asked", "refused"}).Draw(t, "state"), Due: true})
			}
			ours = append(ours, a)
		}
		theirs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Movement {
			return Movement{ID: fmt.Sprint("m", rapid.IntRange(0, 9).Draw(t, "id")), Kind: rapid.SampledFrom([]string{"capture", "capture", "refund", "fee", "chargeback", "won"}).Draw(t, "kind"),
				Reference: rapid.SampledFrom([]string{"", "R0", "R1", "R2", "X"}).Draw(t, "reference"), Ref: rapid.SampledFrom([]string{"", "P0", "P1", "Y"}).Draw(t, "ref"), Amount: sums.Draw(t, "sum")}
		}), 0, 8).Draw(t, "theirs")
		// One row under one id: a second telling says the same.
		byID := map[string]Movement{}
		for i, m := range theirs {
			if was, ok := byID[m.ID]; ok {
				theirs[i] = was
			}
			byID[m.ID] = theirs[i]
		}
		got := map[string]int{}
		for _, d := range Compare(ours, theirs) {
			switch d.Kind {
			case AmountDiffers, CurrencyDiffers:
				got["differ"]++
				if (d.Kind == CurrencyDiffers) == (d.Ours.Amount.Currency == d.Theirs.Amount.Currency) || d.Ours.Amount.Equal(d.Theirs.Amount) {
					t.Fatalf("%+v is no such difference", d)
				}
			case MissingHere, Twice:
				got["left there"]++
				if (d.Kind == Twice) != (d.Ours != nil && d.Ours.Amount.Equal(d.Theirs.Amount)) {
					t.Fatalf("%+v", d)
				}
			default:
				got[d.Kind]++
			}
		}
		want := slow(ours, theirs)
		for _, k := range slices.Collect(maps.Keys(want)) {
			if want[k] == 0 {
				delete(want, k)
			}
		}
		if !maps.Equal(got, want) {
			t.Fatalf("%v, the twin says %v\n%+v\n%+v", got, want, ours, theirs)
		}
		// The order in which they tell changes no count.
		shuffled := rapid.Permutation(theirs).Draw(t, "shuffled")
		again := map[string]int{}
		for _, d := range Compare(ours, shuffled) {
			switch d.Kind {
			case AmountDiffers, CurrencyDiffers:
				again["differ"]++
			case MissingHere, Twice:
				again["left there"]++
			default:
				again[d.Kind]++
			}
		}
		if !maps.Equal(got, again) {
			t.Fatalf("%v, in another order %v", got, again)
		}
	})
}
