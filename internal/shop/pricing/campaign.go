package pricing

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
)

// Campaign is a dated reduction, in one step or several.
type Campaign struct {
	ID       db.ID
	Version  int64
	Name     catalog.Localized
	Priority int64 // the highest that applies decides; among equals the lowest price
	From, To time.Time
	Steps    []Step // the first begins with the campaign
	Targets  []Target
	shelves  []db.ID // the categories of the targets and all below them, as saved
}

// Step is a reduction from an instant until the next step or the end.
type Step struct {
	From     time.Time
	Kind     string // "percent" (Value in basis points off), "amount" (off), "fixed" (the new price)
	Value    int64
	Currency string // of amount and fixed
}

// Target says what a campaign is about: "all", "product", "variant",
// "category" (it and all below it as the tree stood when saved) or "tag".
type Target struct {
	Kind string
	Ref  db.ID
	Tag  string
	all  []db.ID // of a category: it and those below
}

// reduce is the price under the step; not a reduction where it is not below
// regular.
func (s Step) reduce(regular money.Money) money.Money {
	out := regular
	switch s.Kind {
	case "percent":
		out.Amount = money.MulDiv(regular.Amount, 10_000-s.Value, 10_000)
	case "amount":
		if s.Currency == regular.Currency {
			out.Amount = max(0, regular.Amount-s.Value)
		}
	case "fixed":
		if s.Currency == regular.Currency {
			out.Amount = s.Value
		}
	}
	return out
}

func (c *Campaign) check(f *fault.Fields, tree *catalog.Tree) {
	words(f, "/name", &c.Name)
	if c.Name.SV == "" {
		f.Add("/name/sv", "required")
	}
	if len(c.Steps) == 0 || len(c.Steps) > 20 {
		f.Add("/steps", "required")
		return
	}
	for i := range c.Steps {
		s, at := &c.Steps[i], fmt.Sprintf("/steps/%d", i)
		s.From = s.From.Truncate(time.Microsecond)
		switch {
		case s.Kind == "percent" && (s.Value < 1 || s.Value > 9_900),
			s.Kind != "percent" && (s.Value < 1 || s.Value > maxPrice || s.Currency != Currency):
			f.Add(at+"/value", "out_of_range")
		case !slices.Contains([]string{"percent", "amount", "fixed"}, s.Kind):
			f.Add(at+"/kind", "unknown")
		}
		if s.Kind == "percent" {
			s.Currency = ""
		}
		if i > 0 && !s.From.After(c.Steps[i-1].From) || !c.To.IsZero() && !s.From.Before(c.To) {
			f.Add(at+"/from", "out_of_order")
		}
	}
	c.From = c.Steps[0].From
	if len(c.Targets) == 0 || len(c.Targets) > 500 {
		f.Add("/targets", "required")
	}
	for i := range c.Targets {
		t, at := &c.Targets[i], fmt.Sprintf("/targets/%d", i)
		t.Tag = catalog.TagForm(t.Tag)
		switch t.Kind {
		case "all":
			t.Ref, t.Tag = 0, ""
		case "tag":
			t.Ref = 0
			if t.Tag == "" {
				f.Add(at+"/tag", "required")
			}
		case "category":
			t.Tag, t.all = "", tree.Below(t.Ref)
			if len(t.all) == 0 {
				f.Add(at, "unknown")
			}
		case "product", "variant":
			t.Tag = ""
			if t.Ref <= 0 {
				f.Add(at, "unknown")
			}
		default:
			f.Add(at+"/kind", "unknown")
		}
	}
}

// words cleans a name in both languages.
func words(f *fault.Fields, at string, l *catalog.Localized) {
	for p, s := range map[string]*string{at + "/sv": &l.SV, at + "/en": &l.EN} {
		var ok bool
		if *s, ok = catalog.CleanText(*s); !ok {
			f.Add(p, "unreadable")
		}
		if len(*s) > 200 {
			f.Add(p, "too_long", "max", 200)
		}
	}
}

// PutCampaign saves a new campaign (ID 0), or replaces one that has not begun.
// Only the program itself may save one that begins in the past. Errors:
// fault.Denied, fault.NotFound, fault.Invalid, fault.Conflict("version_changed"
// or "campaign_begun").
func PutCampaign(tx *db.Tx, by auth.By, c Campaign) (db.ID, error) {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return 0, err
	}
	tree, err := catalog.Categories(tx)
	if err != nil {
		return 0, err
	}
	c.Steps, c.Targets = slices.Clone(c.Steps), slices.Clone(c.Targets)
	c.To = c.To.Truncate(time.Microsecond)
	var f fault.Fields
	c.check(&f, tree)
	if c.From.Before(tx.LegalNow()) && by.Kind != auth.SystemKind {
		f.Add("/steps/0/from", "in_the_past")
	}
	if err := f.Err(); err != nil {
		return 0, err
	}
	if c.ID != 0 {
		if err := dropUnbegun(tx, c.ID, c.Version); err != nil {
			return 0, err
		}
	} else {
		c.ID = tx.NewID()
	}
	c.Version++
	if _, err := tx.Exec(`INSERT INTO pricing_campaign (id, version, name_sv, name_en, priority, valid_from, valid_to, created_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`,
		c.ID, c.Version, c.Name.SV, c.Name.EN, c.Priority, c.From, c.To, tx.Now()); err != nil {
		return 0, err
	}
	var steps, targets [][]any
	for _, s := range c.Steps {
		steps = append(steps, []any{c.ID, s.From, s.Kind, s.Value, s.Currency})
	}
	if err := insertRows(tx, stepInsert, ``, steps); err != nil {
		return 0, err
	}
	type key struct {
		kind string
		ref  db.ID
		tag  string
	}
	seen := map[key]int{}
	add := func(kind string, ref db.ID, tag string, picked bool) {
		k := key{kind, ref, tag}
		if i, ok := seen[k]; !ok {
			seen[k] = len(targets)
			targets = append(targets, []any{c.ID, kind, ref, tag, picked})
		} else if picked {
			targets[i][4] = true
		}
	}
	for _, t := range c.Targets {
		add(t.Kind, t.Ref, t.Tag, true)
		for _, id := range t.all {
			add(t.Kind, id, "", false)
		}
	}
	if err := insertRows(tx, `INSERT INTO pricing_target (campaign, kind, ref, tag, picked)`, ``, targets); err != nil {
		return 0, err
	}
	return c.ID, campaignDone(tx, by, "campaign.put", c.ID)
}

const stepInsert = `INSERT INTO pricing_step (campaign, valid_from, kind, value, currency)`

func campaignDone(tx *db.Tx, by auth.By, action string, id db.ID) error {
	if err := record(tx, by, action, EntityCampaign, id, "", ""); err != nil {
		return err
	}
	return tx.Changed(EntityCampaign, id)
}

// dropUnbegun removes a campaign that has not begun; history is not removed.
func dropUnbegun(tx *db.Tx, id db.ID, version int64) error {
	n, err := tx.Exec(`UPDATE pricing_campaign SET version = version + 1 WHERE id = $1 AND version = $2 AND valid_from > $3`, id, version, tx.LegalNow())
	if err != nil {
		return err
	}
	if n != 1 {
		return whyNot(tx, id, version)
	}
	for _, s := range []string{`DELETE FROM pricing_step WHERE campaign = $1`, `DELETE FROM pricing_target WHERE campaign = $1`, `DELETE FROM pricing_campaign WHERE id = $1`} {
		if _, err := tx.Exec(s, id); err != nil {
			return err
		}
	}
	return nil
}

func whyNot(q db.Q, id db.ID, version int64) error {
	var v int64
	err := q.QueryRow(`SELECT version FROM pricing_campaign WHERE id = $1`, id).Scan(&v)
	switch {
	case errors.Is(err, db.ErrNotFound):
		return fault.NotFound()
	case err != nil:
		return err
	case v != version:
		return fault.Conflict("version_changed")
	}
	return fault.Conflict("campaign_begun")
}

// DeleteCampaign removes a campaign that has not begun.
func DeleteCampaign(tx *db.Tx, by auth.By, id db.ID, version int64) error {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return err
	}
	if err := dropUnbegun(tx, id, version); err != nil {
		return err
	}
	return campaignDone(tx, by, "campaign.delete", id)
}

// EndCampaign sets when a campaign ends, now (at zero) or later; what was asked
// until then stands.
func EndCampaign(tx *db.Tx, by auth.By, id db.ID, version int64, at time.Time) error {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return err
	}
	now := tx.LegalNow()
	if at = at.Truncate(time.Microsecond); at.IsZero() {
		at = now
	}
	if at.Before(now) {
		return fault.Invalid(fault.Field{Pointer: "/to", Code: "in_the_past"})
	}
	n, err := tx.Exec(`UPDATE pricing_campaign SET version = version + 1, valid_to = $3 WHERE id = $1 AND version = $2 AND valid_from < $3 AND (valid_to IS NULL OR valid_to > $4)`, id, version, at, now)
	if err != nil {
		return err
	}
	if n != 1 {
		if err := whyNot(tx, id, version); !fault.Is(err, "campaign_begun") {
			return err
		}
		return fault.Conflict("campaign_over")
	}
	return campaignDone(tx, by, "campaign.end", id)
}

// AddStep lowers a running or coming campaign once more, from now or later. The
// new step stands after all the others.
func AddStep(tx *db.Tx, by auth.By, id db.ID, version int64, s Step) error {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return err
	}
	now := tx.LegalNow()
	if s.From.IsZero() {
		s.From = now
	}
	list, err := campaigns(tx, ` WHERE id = $1`, id)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fault.NotFound()
	}
	c := list[0]
	c.Steps = append(c.Steps, s)
	var f fault.Fields
	tree, err := catalog.Categories(tx)
	if err != nil {
		return err
	}
	c.check(&f, tree)
	if s.From.Before(now) {
		f.Add("/from", "in_the_past")
	}
	if err := f.Err(); err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE pricing_campaign SET version = version + 1 WHERE id = $1 AND version = $2`, id, version)
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("version_changed")
	}
	last := c.Steps[len(c.Steps)-1]
	if err := insertRows(tx, stepInsert, ``, [][]any{{id, last.From, last.Kind, last.Value, last.Currency}}); err != nil {
		return err
	}
	return campaignDone(tx, by, "campaign.step", id)
}

// Campaigns returns those that have not ended at an instant, by beginning, for
// the back office; the zero instant gives all.
func Campaigns(q db.Q, at time.Time) ([]Campaign, error) {
	if at.IsZero() {
		return campaigns(q, ``)
	}
	return campaigns(q, ` WHERE valid_to IS NULL OR valid_to > $1`, at)
}

// CampaignByID returns one; fault.NotFound.
func CampaignByID(q db.Q, id db.ID) (Campaign, error) {
	list, err := campaigns(q, ` WHERE id = $1`, id)
	if err == nil && len(list) == 0 {
		err = fault.NotFound()
	}
	if err != nil {
		return Campaign{}, err
	}
	return list[0], nil
}

func campaigns(q db.Q, where string, args ...any) ([]Campaign, error) {
	list, err := db.All(q, func(r *db.Rows) (c Campaign, err error) {
		err = r.Scan(&c.ID, &c.Version, &c.Name.SV, &c.Name.EN, &c.Priority, &c.From, &c.To)
		return
	}, `SELECT id, version, name_sv, name_en, priority, valid_from, valid_to FROM pricing_campaign`+where+` ORDER BY valid_from, id`, args...)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	by := make(map[db.ID]*Campaign, len(list))
	ids := make([]db.ID, len(list))
	for i := range list {
		by[list[i].ID], ids[i] = &list[i], list[i].ID
	}
	seen := map[db.ID]map[int64]bool{}
	err = in(q, ids, `SELECT campaign, valid_from, kind, value, currency FROM pricing_step WHERE campaign IN (?) ORDER BY campaign, valid_from`, nil, func(r *db.Rows) error {
		var id db.ID
		var s Step
		if err := r.Scan(&id, &s.From, &s.Kind, &s.Value, &s.Currency); err != nil {
			return err
		}
		if seen[id] == nil {
			seen[id] = map[int64]bool{}
		}
		if us := s.From.UnixMicro(); !seen[id][us] {
			seen[id][us] = true
			by[id].Steps = append(by[id].Steps, s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = in(q, ids, `SELECT campaign, kind, ref, tag, picked FROM pricing_target WHERE campaign IN (?) ORDER BY campaign, kind, ref, tag`, nil, func(r *db.Rows) error {
		var id db.ID
		var t Target
		var picked bool
		if err := r.Scan(&id, &t.Kind, &t.Ref, &t.Tag, &picked); err != nil {
			return err
		}
		c := by[id]
		if picked {
			c.Targets = append(c.Targets, t)
		}
		if t.Kind == "category" {
			c.shelves = append(c.shelves, t.Ref)
		}
		return nil
	})
	return list, err
}
