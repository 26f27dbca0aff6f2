package pricing

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/proof"
	"kassavalv/internal/shop/catalog"
)

// CanonicalCode is the one form of a code: NFKC, upper case, without spaces and
// without characters that cannot be seen. "" for what cannot be a code. However
// a code is written, it is one code.
func CanonicalCode(s string) string {
	if len(s) > 400 {
		return ""
	}
	drop := func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) || unicode.Is(unicode.Variation_Selector, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}
	// Upper case can undo the normal form (ŉ), so it is made again.
	s = norm.NFKC.String(strings.ToUpper(norm.NFKC.String(strings.Map(drop, s))))
	s = strings.Map(drop, s)
	n := 0
	for _, r := range s {
		n++
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_+.%&", r) {
			return ""
		}
	}
	if n < 3 || n > 40 {
		return ""
	}
	return s
}

// Code is a discount code as the back office keeps it.
type Code struct {
	ID         db.ID
	Version    int64
	Code       string
	Label      catalog.Localized
	Kind       string // "percent" (Value in basis points, up to 10000) or "amount"
	Value      int64
	Currency   string
	MinGoods   int64
	From, To   time.Time // From zero: now; To zero: open
	Limit      int64     // 0: none
	Used       int64
	Combinable bool
	Disabled   bool
	// Excluded products, and categories with all below them.
	Products   []db.ID
	Categories []db.ID
}

// PutCode saves a new code (ID 0) or replaces one (Version as read); how often
// it was used stays. Errors: fault.Denied, fault.Invalid, fault.NotFound,
// fault.Conflict("version_changed").
func PutCode(tx *db.Tx, by auth.By, c Code) (db.ID, error) {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return 0, err
	}
	var f fault.Fields
	if c.Code = CanonicalCode(c.Code); c.Code == "" {
		f.Add("/code", "bad_code")
	}
	words(&f, "/label", &c.Label)
	if c.Label.SV == "" {
		c.Label.SV = c.Code
	}
	switch {
	case c.Kind != "percent" && c.Kind != "amount":
		f.Add("/kind", "unknown")
	case c.Value < 1 || c.Kind == "percent" && c.Value > 10_000 || c.Value > maxPrice:
		f.Add("/value", "out_of_range")
	case c.Kind == "amount" && c.Currency != Currency:
		f.Add("/currency", "unknown")
	}
	if c.Kind == "percent" {
		c.Currency = ""
	}
	if c.MinGoods < 0 || c.MinGoods > maxPrice {
		f.Add("/min_goods", "out_of_range")
	}
	if c.Limit < 0 || c.Limit > 1_000_000_000 {
		f.Add("/limit", "out_of_range")
	}
	if c.From.IsZero() {
		c.From = tx.LegalNow()
	}
	if !c.To.IsZero() && !c.To.After(c.From) {
		f.Add("/to", "before_from")
	}
	if len(c.Products)+len(c.Categories) > 500 {
		f.Add("/products", "too_many")
	}
	if err := f.Err(); err != nil {
		return 0, err
	}
	limit := any(nil)
	if c.Limit > 0 {
		limit = c.Limit
	}
	var same int64
	if err := tx.QueryRow(`SELECT count(*) FROM pricing_code WHERE code = $1 AND id <> $2`, c.Code, c.ID).Scan(&same); err != nil {
		return 0, err
	}
	if same > 0 {
		return 0, fault.Invalid(fault.Field{Pointer: "/code", Code: "taken"})
	}
	if c.ID == 0 {
		c.ID = tx.NewID()
		_, err := tx.Exec(`INSERT INTO pricing_code (id, version, code, label_sv, label_en, kind, value, currency, min_goods, valid_from, valid_to, use_limit, used, combinable, disabled, created_at)
 VALUES ($1,1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,0,$12,$13,$14)`, c.ID, c.Code, c.Label.SV, c.Label.EN, c.Kind, c.Value, c.Currency, c.MinGoods, c.From, c.To, limit, c.Combinable, c.Disabled, tx.Now())
		if db.IsUnique(err) {
			return 0, fault.Invalid(fault.Field{Pointer: "/code", Code: "taken"})
		}
		if err != nil {
			return 0, err
		}
	} else if err := replaceCode(tx, c, limit); err != nil {
		return 0, err
	}
	var rows [][]any
	add := func(kind string, ids []db.ID) {
		ids = slices.Clone(ids)
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			rows = append(rows, []any{c.ID, kind, id})
		}
	}
	add("product", c.Products)
	add("category", c.Categories)
	if err := insertRows(tx, `INSERT INTO pricing_code_exclusion (code, kind, ref)`, ``, rows); err != nil {
		return 0, err
	}
	return c.ID, codeDone(tx, by, "code.put", c.ID)
}

func replaceCode(tx *db.Tx, c Code, limit any) error {
	n, err := tx.Exec(`UPDATE pricing_code SET version = version + 1, code = $3, label_sv = $4, label_en = $5, kind = $6, value = $7, currency = $8, min_goods = $9, valid_from = $10, valid_to = $11,
 use_limit = $12, combinable = $13, disabled = $14 WHERE id = $1 AND version = $2`, c.ID, c.Version, c.Code, c.Label.SV, c.Label.EN, c.Kind, c.Value, c.Currency, c.MinGoods, c.From, c.To, limit, c.Combinable, c.Disabled)
	switch {
	case db.IsCheck(err): // a limit below what is used
		return fault.Invalid(fault.Field{Pointer: "/limit", Code: "below_used"})
	case db.IsUnique(err):
		return fault.Invalid(fault.Field{Pointer: "/code", Code: "taken"})
	case err != nil:
		return err
	case n == 1:
		_, err = tx.Exec(`DELETE FROM pricing_code_exclusion WHERE code = $1`, c.ID)
		return err
	}
	if _, err := CodeByID(tx, c.ID); err != nil {
		return err
	}
	return fault.Conflict("version_changed")
}

func codeDone(tx *db.Tx, by auth.By, action string, id db.ID) error {
	if err := record(tx, by, action, EntityCode, id, "", ""); err != nil {
		return err
	}
	return tx.Changed(EntityCode, id)
}

// DisableCode stops a code at once.
func DisableCode(tx *db.Tx, by auth.By, id db.ID) error {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE pricing_code SET version = version + 1, disabled = 1 WHERE id = $1`, id)
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.NotFound()
	}
	return codeDone(tx, by, "code.disable", id)
}

const codeCols = `id, version, code, label_sv, label_en, kind, value, currency, min_goods, valid_from, valid_to, COALESCE(use_limit, 0), used, combinable, disabled`

func scanCode(r *db.Rows) (c Code, err error) {
	err = r.Scan(&c.ID, &c.Version, &c.Code, &c.Label.SV, &c.Label.EN, &c.Kind, &c.Value, &c.Currency, &c.MinGoods, &c.From, &c.To, &c.Limit, &c.Used, &c.Combinable, &c.Disabled)
	return
}

// CodeByID returns a code with its exclusions; fault.NotFound.
func CodeByID(q db.Q, id db.ID) (Code, error) {
	list, err := readCodes(q, ` WHERE id = $1`, id)
	if err == nil && len(list) == 0 {
		err = fault.NotFound()
	}
	if err != nil {
		return Code{}, err
	}
	return list[0], nil
}

// ListCodes returns up to n codes newest first with an id below before (0 begins).
func ListCodes(q db.Q, before db.ID, n int) ([]Code, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	return readCodes(q, ` WHERE id < $1 ORDER BY id DESC LIMIT $2`, before, max(1, min(n, 256)))
}

func readCodes(q db.Q, tail string, args ...any) ([]Code, error) {
	list, err := db.All(q, scanCode, `SELECT `+codeCols+` FROM pricing_code`+tail, args...)
	if err != nil {
		return nil, err
	}
	by := map[db.ID]*Code{}
	ids := make([]db.ID, len(list))
	for i := range list {
		by[list[i].ID], ids[i] = &list[i], list[i].ID
	}
	seen := map[[2]db.ID]bool{}
	err = in(q, ids, `SELECT code, kind, ref FROM pricing_code_exclusion WHERE code IN (?) ORDER BY code, kind, ref`, nil, func(r *db.Rows) error {
		var id, ref db.ID
		var kind string
		if err := r.Scan(&id, &kind, &ref); err != nil || seen[[2]db.ID{id, ref}] {
			return err
		}
		seen[[2]db.ID{id, ref}] = true
		if kind == "product" {
			by[id].Products = append(by[id].Products, ref)
		} else {
			by[id].Categories = append(by[id].Categories, ref)
		}
		return nil
	})
	return list, err
}

// CodesFor returns the rules of the codes a cart holds, for Compute, which says
// which of them count. A code that is not there comes back as a rule with
// Problem "unknown". Doubles are dropped.
func CodesFor(q db.Q, codes []string, variants []db.ID) ([]CodeRule, error) {
	var want []string
	var out []CodeRule
	for _, c := range codes {
		k := CanonicalCode(c)
		if k == "" {
			out = append(out, CodeRule{Code: c, Problem: "unknown"})
		} else if !slices.Contains(want, k) {
			want = append(want, k)
		}
	}
	if len(want) > 20 {
		return nil, fault.Invalid(fault.Field{Pointer: "/codes", Code: "too_many"})
	}
	if len(want) == 0 {
		return out, nil
	}
	list, err := readCodes(q, ` WHERE code IN (`+db.Placeholders(1, len(want))+`) ORDER BY code`, db.Args(want)...)
	if err != nil {
		return nil, err
	}
	var info map[db.ID]catalog.VariantInfo
	var tree *catalog.Tree
	if slices.ContainsFunc(list, func(c Code) bool { return len(c.Products)+len(c.Categories) > 0 }) {
		if info, err = catalog.VariantForSale(q, variants); err != nil {
			return nil, err
		}
		if tree, err = catalog.Categories(q); err != nil {
			return nil, err
		}
	}
	for _, k := range want {
		i := slices.IndexFunc(list, func(c Code) bool { return c.Code == k })
		if i < 0 {
			out = append(out, CodeRule{Code: k, Problem: "unknown"})
			continue
		}
		out = append(out, list[i].rule(info, tree))
	}
	return out, nil
}

func (c Code) rule(info map[db.ID]catalog.VariantInfo, tree *catalog.Tree) CodeRule {
	r := CodeRule{ID: c.ID, Code: c.Code, Label: c.Label, Kind: c.Kind, Value: c.Value, Currency: c.Currency, MinGoods: c.MinGoods, From: c.From, To: c.To, Combinable: c.Combinable}
	switch {
	case c.Disabled:
		r.Problem = "disabled"
	case c.Limit > 0 && c.Used >= c.Limit:
		r.Problem = "used_up"
	}
	var below []db.ID
	for _, id := range c.Categories {
		below = append(below, tree.Below(id)...)
	}
	for id, v := range info {
		if slices.Contains(c.Products, v.Product) || slices.ContainsFunc(v.Categories, func(x db.ID) bool { return slices.Contains(below, x) }) {
			if r.Excluded == nil {
				r.Excluded = map[db.ID]bool{}
			}
			r.Excluded[id] = true
		}
	}
	return r
}

// Claim takes one use of each code for a purchase, or refuses them all:
// fault.Conflict("code_gone") with "code" among the arguments when one is used
// up, disabled or out of its time. Claiming again for the same purchase does
// nothing. It is the one place that decides who gets the last use.
func Claim(tx *db.Tx, codes []string, purchase db.ID) error {
	if purchase <= 0 {
		return errors.New("pricing: claim without a purchase")
	}
	var want []string
	for _, c := range codes {
		want = append(want, CanonicalCode(c))
	}
	slices.Sort(want) // one order of locks
	for _, c := range slices.Compact(want) {
		if err := claimOne(tx, c, purchase); err != nil {
			return err
		}
	}
	return nil
}

func claimOne(tx *db.Tx, code string, purchase db.ID) error {
	gone := func() error {
		e := fault.Conflict("code_gone")
		e.Args = map[string]any{"code": code}
		return e
	}
	var id db.ID
	err := tx.QueryRow(`SELECT id FROM pricing_code WHERE code = $1 AND code <> ''`, code).Scan(&id)
	if errors.Is(err, db.ErrNotFound) {
		return gone()
	}
	if err != nil {
		return err
	}
	n, err := tx.Exec(`INSERT INTO pricing_code_use (code, purchase, at) VALUES ($1,$2,$3) ON CONFLICT (code, purchase) DO NOTHING`, id, purchase, tx.Now())
	if err != nil || n == 0 {
		return err
	}
	if proof.Broken("code") {
		return nil
	}
	now := tx.LegalNow()
	n, err = tx.Exec(`UPDATE pricing_code SET used = used + 1 WHERE id = $1 AND disabled = 0 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2) AND (use_limit IS NULL OR used < use_limit)`, id, now)
	if err != nil {
		return err
	}
	if n != 1 {
		return gone()
	}
	return nil
}

// Release gives back what a purchase claimed; again, or without a claim, it
// does nothing.
func Release(tx *db.Tx, purchase db.ID) error {
	if purchase <= 0 {
		return nil
	}
	ids, err := db.All(tx, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return },
		`DELETE FROM pricing_code_use WHERE purchase = $1 RETURNING code`, purchase)
	if err != nil {
		return err
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := tx.ExecOne(`UPDATE pricing_code SET used = used - 1 WHERE id = $1 AND used > 0`, id); err != nil {
			return fmt.Errorf("pricing: code %s: %w", id, err)
		}
	}
	return nil
}
