package pricing

import (
	"fmt"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
)

// maxPrice is a hundred million kronor: above it is a slip of the finger.
const maxPrice = 10_000_000_000

// Span is a regular price in force from one instant to another, half-open.
type Span struct {
	ID       db.ID
	Price    money.Money
	From, To time.Time // To zero: open
}

// Set is a price to be set. From zero is now, by the legal clock.
type Set struct {
	Variant db.ID
	Price   money.Money
	From    time.Time
}

// SetPrice gives a variant a regular price from an instant on, until the next
// planned change if there is one. See SetPrices.
func SetPrice(tx *db.Tx, by auth.By, variant db.ID, price money.Money, from time.Time) error {
	return SetPrices(tx, by, []Set{{variant, price, from}})
}

// SetPrices sets up to 500 prices. A price equal to the one then in force writes
// nothing, so an import can run twice. The past cannot be priced, except by the
// program itself (a demo's history, an import that keeps its dates), in rising
// order. Errors: fault.Denied; fault.Invalid with pointers "/0/price".
func SetPrices(tx *db.Tx, by auth.By, sets []Set) error {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return err
	}
	now := tx.LegalNow()
	var f fault.Fields
	if len(sets) > 500 {
		f.Add("", "too_many")
	}
	sets = slices.Clone(sets)
	var variants []db.ID
	for i := range sets {
		s := &sets[i]
		if s.Price.Amount < 0 || s.Price.Amount > maxPrice || s.Price.Currency != Currency {
			f.Add(fmt.Sprintf("/%d/price", i), "out_of_range")
		}
		if s.From.IsZero() {
			s.From = now
		}
		s.From = s.From.Truncate(time.Microsecond)
		if s.From.Before(now) && by.Kind != auth.SystemKind {
			f.Add(fmt.Sprintf("/%d/from", i), "in_the_past")
		}
		variants = append(variants, s.Variant)
	}
	if err := f.Err(); err != nil {
		return err
	}
	facts, err := catalog.PriceFactsOf(tx, variants)
	if err != nil {
		return err
	}
	for i, s := range sets {
		if _, ok := facts[s.Variant]; !ok {
			f.Add(fmt.Sprintf("/%d/variant", i), "unknown")
		}
	}
	if err := f.Err(); err != nil {
		return err
	}
	if err := bumpRoots(tx, sets); err != nil {
		return err
	}
	have, err := spans(tx, variants)
	if err != nil {
		return err
	}
	was := ""
	if len(sets) == 1 {
		for _, sp := range have[priceKey{sets[0].Variant, sets[0].Price.Currency}] {
			if !sp.From.After(sets[0].From) && (sp.To.IsZero() || sp.To.After(sets[0].From)) {
				was = sp.Price.String()
			}
		}
	}
	var fresh [][]any
	changed := map[db.ID]bool{}
	for i, s := range sets {
		k := priceKey{s.Variant, s.Price.Currency}
		list := have[k]
		if len(list) == 0 {
			sp := Span{tx.NewID(), s.Price, s.From, time.Time{}}
			fresh = append(fresh, []any{sp.ID, s.Variant, s.Price.Currency, s.Price.Amount, s.From, time.Time{}, tx.Now()})
			have[k] = []Span{sp}
		} else {
			// What was just collected must stand before it can be closed.
			if err := insertPrices(tx, fresh); err != nil {
				return err
			}
			fresh = nil
			next, wrote, err := setOne(tx, list, s, now)
			if fl := fault.As(err); fl != nil {
				for j := range fl.Fields {
					fl.Fields[j].Pointer = fmt.Sprintf("/%d%s", i, fl.Fields[j].Pointer)
				}
			}
			if err != nil {
				return err
			}
			have[k] = next
			if !wrote {
				continue
			}
		}
		changed[facts[s.Variant].Product] = true
	}
	if err := insertPrices(tx, fresh); err != nil {
		return err
	}
	if len(changed) == 0 {
		return nil
	}
	note := fmt.Sprintf("%d prices", len(sets))
	if len(sets) == 1 {
		note = fmt.Sprintf("%s from %s", sets[0].Price, sets[0].From.UTC().Format(time.RFC3339))
	}
	if err := record(tx, by, "price.set", "variant", sets[0].Variant, was, note); err != nil {
		return err
	}
	products := make([]db.ID, 0, len(changed))
	for p := range changed {
		products = append(products, p)
	}
	slices.Sort(products) // one order of locks
	for _, p := range products {
		if err := catalog.Bump(tx, p); err != nil {
			return err
		}
	}
	return nil
}

type priceKey struct {
	variant  db.ID
	currency string
}

// bumpRoots makes the variants' histories ours until the commit, in key order.
func bumpRoots(tx *db.Tx, sets []Set) error {
	var keys []priceKey
	for _, s := range sets {
		keys = append(keys, priceKey{s.Variant, s.Price.Currency})
	}
	slices.SortFunc(keys, func(a, b priceKey) int {
		if a.variant != b.variant {
			return int(min(1, max(-1, a.variant-b.variant)))
		}
		if a.currency < b.currency {
			return -1
		}
		return 1
	})
	keys = slices.Compact(keys)
	rows := make([][]any, len(keys))
	for i, k := range keys {
		rows[i] = []any{k.variant, k.currency, 1}
	}
	return insertRows(tx, `INSERT INTO pricing_root (variant, currency, version)`, `ON CONFLICT (variant, currency) DO UPDATE SET version = pricing_root.version + 1`, rows)
}

func insertPrices(tx *db.Tx, rows [][]any) error {
	return insertRows(tx, `INSERT INTO pricing_price (id, variant, currency, amount, valid_from, valid_to, created_at)`, ``, rows)
}

// spans reads whole histories, in order.
func spans(q db.Q, variants []db.ID) (map[priceKey][]Span, error) {
	return spansSince(q, variants, time.Time{})
}

// spansSince reads the rows that reach beyond since.
func spansSince(q db.Q, variants []db.ID, since time.Time) (map[priceKey][]Span, error) {
	out := map[priceKey][]Span{}
	seen := map[db.ID]bool{}
	us := int64(0)
	if !since.IsZero() {
		us = since.UnixMicro()
	}
	err := in(q, variants, `SELECT id, variant, currency, amount, valid_from, valid_to FROM pricing_price WHERE (valid_to IS NULL OR valid_to > $1) AND variant IN (?) ORDER BY variant, currency, valid_from`, []any{us}, func(r *db.Rows) error {
		var s Span
		var k priceKey
		if err := r.Scan(&s.ID, &k.variant, &k.currency, &s.Price.Amount, &s.From, &s.To); err != nil {
			return err
		}
		s.Price.Currency = k.currency
		if !seen[s.ID] {
			seen[s.ID] = true
			out[k] = append(out[k], s)
		}
		return nil
	})
	return out, err
}

// setOne puts one price into a history that has rows, and returns the new history.
func setOne(tx *db.Tx, list []Span, s Set, now time.Time) ([]Span, bool, error) {
	at := -1
	for i, sp := range list {
		if !s.From.Before(sp.From) && (sp.To.IsZero() || s.From.Before(sp.To)) {
			at = i
		}
	}
	if s.From.Before(now) && at != len(list)-1 {
		// The past may only be added to at its end.
		return nil, false, fault.Invalid(fault.Field{Pointer: "/from", Code: "in_the_past"})
	}
	list = slices.Clone(list)
	if at < 0 { // before the first planned row
		sp := Span{tx.NewID(), s.Price, s.From, list[0].From}
		return slices.Insert(list, 0, sp), true, insertPrices(tx, [][]any{{sp.ID, s.Variant, s.Price.Currency, sp.Price.Amount, sp.From, sp.To, tx.Now()}})
	}
	cur := list[at]
	if cur.Price == s.Price {
		return list, false, nil
	}
	if cur.From.Equal(s.From) { // a plan, or a row that has been in force for no time
		list[at].Price = s.Price
		return list, true, tx.ExecOne(`UPDATE pricing_price SET amount = $2 WHERE id = $1 AND valid_from >= $3`, cur.ID, s.Price.Amount, minTime(now, s.From))
	}
	list[at].To = s.From
	text, args := `UPDATE pricing_price SET valid_to = $2 WHERE id = $1 AND valid_to IS NULL`, []any{cur.ID, s.From}
	if !cur.To.IsZero() { // the row ends at a plan; only its coming part gives way
		text, args = `UPDATE pricing_price SET valid_to = $2 WHERE id = $1 AND valid_to = $3`, append(args, cur.To)
	}
	if err := tx.ExecOne(text, args...); err != nil {
		return nil, false, err
	}
	sp := Span{tx.NewID(), s.Price, s.From, cur.To}
	return slices.Insert(list, at+1, sp), true, insertPrices(tx, [][]any{{sp.ID, s.Variant, s.Price.Currency, sp.Price.Amount, sp.From, sp.To, tx.Now()}})
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// CancelPlan takes back a planned price that has not begun: the one before it
// lasts until the one after it.
func CancelPlan(tx *db.Tx, by auth.By, variant db.ID, currency string, from time.Time) error {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return err
	}
	if !from.After(tx.LegalNow()) {
		return fault.Invalid(fault.Field{Pointer: "/from", Code: "in_the_past"})
	}
	facts, err := catalog.PriceFactsOf(tx, []db.ID{variant})
	if err != nil {
		return err
	}
	if err := bumpRoots(tx, []Set{{Variant: variant, Price: money.New(0, currency)}}); err != nil {
		return err
	}
	have, err := spans(tx, []db.ID{variant})
	if err != nil {
		return err
	}
	list := have[priceKey{variant, currency}]
	i := slices.IndexFunc(list, func(s Span) bool { return s.From.Equal(from) })
	if i < 0 {
		return fault.NotFound()
	}
	if err := tx.ExecOne(`DELETE FROM pricing_price WHERE id = $1`, list[i].ID); err != nil {
		return err
	}
	if i > 0 && list[i-1].To.Equal(from) {
		if err := tx.ExecOne(`UPDATE pricing_price SET valid_to = $2 WHERE id = $1`, list[i-1].ID, list[i].To); err != nil {
			return err
		}
	}
	if err := record(tx, by, "price.cancel", "variant", variant, fmt.Sprintf("%s from %s", list[i].Price, from.UTC().Format(time.RFC3339)), ""); err != nil {
		return err
	}
	return catalog.Bump(tx, facts[variant].Product)
}

// At returns the regular prices in force at an instant, campaigns left aside.
// A variant without a price is not in the map, and cannot be sold.
func At(q db.Q, currency string, variants []db.ID, at time.Time) (map[db.ID]Span, error) {
	out := make(map[db.ID]Span, len(variants))
	err := in(q, variants, `SELECT id, variant, amount, valid_from, valid_to FROM pricing_price WHERE currency = $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2) AND variant IN (?)`,
		[]any{currency, at.UnixMicro()}, func(r *db.Rows) error {
			var s Span
			var v db.ID
			err := r.Scan(&s.ID, &v, &s.Price.Amount, &s.From, &s.To)
			s.Price.Currency = currency
			out[v] = s
			return err
		})
	return out, err
}

// History returns the regular prices of a variant, oldest first, planned ones
// included.
func History(q db.Q, variant db.ID, currency string) ([]Span, error) {
	m, err := spans(q, []db.ID{variant})
	return m[priceKey{variant, currency}], err
}
