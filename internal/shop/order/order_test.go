package order

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
)

var rooms = []db.Migrations{secret.Migrations, Migrations}

func draft() Draft {
	return Draft{Currency: "SEK", Lang: lang.SV, Method: "card",
		Lines: []DraftLine{{Product: 1, Variant: 2, TitleSV: "Smörkniv En", Quantity: 2, Unit: money.SEK(11900), Total: money.SEK(23800), RateBP: 2500, VAT: 4760, Withdrawal: "yes"}},
		Goods: money.SEK(23800), Discount: money.SEK(0), Delivery: money.SEK(3900), GiftCard: money.SEK(0), Total: money.SEK(27700), ToPay: money.SEK(27700),
		VAT: []VAT{{2500, 27700, 5540}}}
}

func place(d *db.DB, v *secret.Vault, purchase db.ID, fail bool) (Order, error) {
	o, _, err := db.Write(context.Background(), d, func(tx *db.Tx) (Order, error) {
		p, err := v.NewPerson(tx)
		if err != nil {
			return Order{}, err
		}
		o, err := Place(tx, v, Placement{Purchase: purchase, Person: p.ID, Draft: draft(), Paid: money.SEK(27700),
			Contact: Contact{Email: "a@example.se", Name: "Anna Åkesson", Address: Address{Line1: "Gatan 1", PostalCode: "112 21", City: "Stockholm", Country: "SE"}}})
		if err != nil {
			return o, err
		}
		if err := Draw(tx, v, &o); err != nil {
			return o, err
		}
		if fail {
			return o, errors.New("something after")
		}
		return o, nil
	})
	return o, err
}

func TestPlaceFindAndDocuments(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				if _, err := place(d, v, db.ID(i+1), i%4 == 3); (err != nil) != (i%4 == 3) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, err := place(d, v, 1, false); !db.IsUnique(err) {
			t.Fatal("two orders of one purchase:", err)
		}
		db.Read(context.Background(), d, func(q *db.Reader) (int, error) {
			var n, lo, hi int64
			if err := q.QueryRow(`SELECT count(*), min(number), max(number) FROM order_document`).Scan(&n, &lo, &hi); err != nil || n != 18 || lo != 1 || hi != 18 {
				t.Errorf("receipts %d from %d to %d, want 18 without gaps (%v)", n, lo, hi, err)
			}
			by := auth.System("t")
			os, err := List(q, by, Filter{}, 0, 100)
			if err != nil || len(os) != 18 {
				t.Fatal(len(os), err)
			}
			seen := map[int64]bool{}
			for _, o := range os {
				if seen[o.Number] || o.Number < numberBase || o.Number >= numberBase+numberSpan {
					t.Error("number", o.Number)
				}
				seen[o.Number] = true
			}
			o := os[0]
			if got, err := Find(q, v, o.NumberString(), "a@example.se"); err != nil || got.ID != o.ID {
				t.Error(err)
			}
			for _, bad := range [][2]string{{o.NumberString(), "b@example.se"}, {"10000000", "a@example.se"}, {"", ""}, {o.NumberString(), ""}} {
				if _, err := Find(q, v, bad[0], bad[1]); !errors.Is(err, db.ErrNotFound) {
					t.Errorf("%v: %v", bad, err)
				}
			}
			if got, err := ByToken(q, v, o.Token(v)); err != nil || got.ID != o.ID || len(got.Lines) != 1 || got.Lines[0].TitleSV != "Smörkniv En" {
				t.Error(err)
			}
			for _, bad := range []string{"", o.NumberString(), os[1].Token(v) + "A", o.Token(v)[:31]} {
				if _, err := ByToken(q, v, bad); !errors.Is(err, db.ErrNotFound) {
					t.Errorf("%q: %v", bad, err)
				}
			}
			if c, err := ContactOf(q, v, o, auth.Holder(o.Person)); err != nil || c.Name != "Anna Åkesson" {
				t.Error(c, err)
			}
			for _, leave := range []auth.Opened{{}, auth.Holder(os[0].Person + os[1].Person)} {
				if c, err := ContactOf(q, v, o, leave); !fault.Is(err, "masked") || c != (Contact{}) {
					t.Error("opened without leave", c, err)
				}
				if c, open, err := Seen(q, v, o, leave); err != nil || open || c.Name != "A••• Å•••" {
					t.Error(c, open, err)
				}
			}
			if _, err := ByNumber(q, auth.Guest(""), o.NumberString()); !fault.Is(err, "denied") {
				t.Error("a guest read an order by its number:", err)
			}
			return 0, nil
		})
	})
}

func TestRefundLimitsAndCreditNote(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		o, err := place(d, v, 1, false)
		if err != nil {
			t.Fatal(err)
		}
		ref := func(a int64) error {
			return db.Do(context.Background(), d, func(tx *db.Tx) error { return Refunded(tx, o.ID, money.SEK(a), nil, "test") })
		}
		if err := ref(27699); err != nil {
			t.Fatal(err)
		}
		if ref(2) == nil || ref(27700) == nil {
			t.Fatal("more went back than came")
		}
		if err := ref(1); err != nil {
			t.Fatal(err)
		}
		docs, _ := db.Read(context.Background(), d, func(q *db.Reader) ([]Document, error) { return Documents(q, o.ID) })
		if len(docs) != 3 || docs[1].Kind != "credit_note" || docs[1].RefersTo != docs[0].Number || docs[1].Amount.Amount != -27699 {
			t.Fatalf("%+v", docs)
		}
	})
}

func TestLineCounters(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		o, err := place(d, secrettest.Vault(t, d), 1, false)
		if err != nil {
			t.Fatal(err)
		}
		line := o.Lines[0].ID
		run := func(fn func(*db.Tx, db.ID, int64) error, n int64) error {
			return db.Do(context.Background(), d, func(tx *db.Tx) error { return fn(tx, line, n) })
		}
		if err := run(LineShipped, 1); err != nil {
			t.Fatal(err)
		}
		for _, e := range []error{run(LineShipped, 2), run(LineCancelled, 2), run(LineShipped, 0), run(LineShipped, -1), run(LineReturned, 3)} {
			if !fault.Is(e, "line_quantity") {
				t.Error(e)
			}
		}
	})
}

// However a sum is refunded in parts, VAT of the parts is VAT of the whole.
func TestVATRefundAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sold []VAT
		var total int64
		for _, r := range []int64{2500, 1200, 600} {
			if g := rapid.Int64Range(0, 500_000).Draw(t, "gross"); g > 0 {
				sold = append(sold, VAT{r, g, money.VATIncluded(g, r)})
				total += g
			}
		}
		left := total
		var earlier []VAT
		for left > 0 {
			a := rapid.Int64Range(1, left).Draw(t, "part")
			if rapid.IntRange(0, 4).Draw(t, "rest") == 0 {
				a = left
			}
			left -= a
			var sum int64
			for _, x := range VATRefund(sold, earlier, a) {
				earlier = append(earlier, x)
				sum += x.Gross
			}
			if sum != a {
				t.Fatalf("rates sum to %d of %d", sum, a)
			}
		}
		got := map[int64]VAT{}
		for _, e := range earlier {
			g := got[e.RateBP]
			got[e.RateBP] = VAT{e.RateBP, g.Gross + e.Gross, g.Amount + e.Amount}
		}
		for _, s := range sold {
			if got[s.RateBP] != s {
				t.Fatalf("refunded %+v of %+v", got[s.RateBP], s)
			}
		}
	})
}

func TestPermutationIsOne(t *testing.T) {
	var key [32]byte
	seen := map[int64]bool{}
	near := 0
	for n := range int64(20000) {
		x := permute(key, n)
		if x < 0 || x >= numberSpan || seen[x] {
			t.Fatal(n, x)
		}
		seen[x] = true
		if n > 0 && x-permute(key, n-1) == 1 {
			near++
		}
	}
	if near > 3 {
		t.Fatal("numbers run on")
	}
}

func TestWithdrawalEnds(t *testing.T) {
	z, _ := time.LoadLocation("Europe/Stockholm")
	o := Order{ReceivedAt: time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC)} // already the 21st in Stockholm
	if got := o.WithdrawalEnds(z).Format("2006-01-02 15:04:05"); got != "2026-12-05 23:59:59" {
		t.Error(got)
	}
	if !(Order{}).WithdrawalEnds(z).IsZero() {
		t.Error("ends before shipping")
	}
}
