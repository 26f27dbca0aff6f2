package content

import (
	"errors"
	"sort"
	"strconv"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Setting describes one thing the merchant may decide.
type Setting struct {
	Key     string // stable; its sentence is "content.setting." + Key
	Type    string // "int" or "bool"
	Default string
	Min     int64 // of an int
	Max     int64
	Write   auth.Right // what it takes to change it
	Guarded bool       // a use case of its own changes it; Settings and Change leave it alone
}

var registry = map[string]Setting{}

func declare(s Setting) string {
	if _, ok := registry[s.Key]; ok || s.valid(s.Default) != nil {
		panic("content: bad declaration of setting " + s.Key)
	}
	registry[s.Key] = s
	return s.Key
}

// Int and Flag are settings of one type.
type (
	Int  struct{ key string }
	Flag struct{ key string }
)

func number(key string, def, lo, hi int64, w auth.Right) Int {
	return Int{declare(Setting{Key: key, Type: "int", Default: strconv.FormatInt(def, 10), Min: lo, Max: hi, Write: w})}
}

func flag(key string, def bool, w auth.Right) Flag {
	return Flag{declare(Setting{Key: key, Type: "bool", Default: strconv.FormatBool(def), Write: w})}
}

// guarded is a number that two people change.
func guarded(key string, def, lo, hi int64) Int {
	return Int{declare(Setting{Key: key, Type: "int", Default: strconv.FormatInt(def, 10), Min: lo, Max: hi, Write: auth.SettingsWrite, Guarded: true})}
}

// The settings.
var (
	// StockShowUpTo: the exact number of pieces is shown up to this one; above it
	// only that there are some.
	StockShowUpTo = number("stock.show_up_to", 5, 0, 100, auth.SettingsWrite)
	// ConsentsOn: the Store API refuses a purchase that lacks a consent which the law
	// wants of it; off, it is sold without, and the buyer's rights stay whole.
	ConsentsOn = flag("order.api_consents", false, auth.SettingsWrite)
	// InvoiceOn: the shop's own invoice is among the ways to pay.
	InvoiceOn = flag("payment.invoice", true, auth.SettingsWrite)
	// InvoiceMax: the greatest total, in kronor, that is sold on invoice.
	InvoiceMax = number("payment.invoice_max", 5000, 0, 100_000, auth.SettingsWrite)
	// LateOrder: money that comes after a purchase has ended becomes an order when
	// the goods are there still; off, and else, it goes back.
	LateOrder = flag("payment.late_order", false, auth.SettingsWrite)
	// CancelOnline: buyers may cancel what has not been shipped by themselves.
	CancelOnline = flag("order.cancel_online", true, auth.SettingsWrite)
	// GiftCardsOn: gift cards' codes are taken, and the page that tells what is left of one
	// is there. Off, what was issued stays as it is.
	GiftCardsOn = flag("gift_card.on", true, auth.SettingsWrite)
	// GiftCardYears: for how many years a card that is sold is good. A claim without another
	// time limit is barred after ten (preskriptionslagen 1981:130, 2 §).
	GiftCardYears = number("gift_card.years", 10, 1, 30, auth.SettingsWrite)
	// OpeningMinutes: for how long a person's details stay shown to a member of staff
	// who has opened them with a reason.
	OpeningMinutes = number("personal.opening_minutes", auth.OpeningMinutes, auth.MinOpeningMinutes, auth.MaxOpeningMinutes, auth.SettingsWrite)
	// AnswerHours: within how many hours a case is promised an answer.
	AnswerHours = number("support.answer_hours", 24, 1, 48, auth.SettingsWrite)
	// GoalLoss: how many seconds of the shop's time may be lost with its machine. The usual
	// is how often an object store is fed.
	GoalLoss = number("copies.goal_loss_seconds", 10, 0, 86_400, auth.SettingsWrite)
	// GoalBack: within how many minutes the shop is to be back after its machine was lost.
	GoalBack = number("copies.goal_back_minutes", 60, 1, 2_880, auth.SettingsWrite)
	// CopiesPrice: what a site takes for a GB in a month, in öre. The usual is the list price of
	// Amazon S3 Standard in Stockholm, 0.023 USD, rounded up; smaller providers take a quarter.
	CopiesPrice = number("copies.price_gb_ore", 25, 0, 10_000, auth.SettingsWrite)
)

// Get reads the value, or the default.
func (s Int) Get(q db.Q) (int64, error) {
	t, err := value(q, s.key)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(t, 10, 64)
}

// Get reads the value, or the default.
func (s Flag) Get(q db.Q) (bool, error) {
	t, err := value(q, s.key)
	return t == "true", err
}

// Key is the setting's name.
func (s Int) Key() string { return s.key }

// Key is the setting's name.
func (s Flag) Key() string { return s.key }

func value(q db.Q, key string) (string, error) {
	var t string
	err := q.QueryRow(`SELECT value FROM content_setting WHERE name=$1`, key).Scan(&t)
	s := registry[key]
	if errors.Is(err, db.ErrNotFound) || err == nil && s.valid(t) != nil { // bounds may have become narrower since it was set
		return s.Default, nil
	}
	return t, err
}

func (s Setting) valid(t string) error {
	var f fault.Fields
	switch s.Type {
	case "int":
		n, err := strconv.ParseInt(t, 10, 64)
		switch {
		case err != nil || strconv.FormatInt(n, 10) != t:
			f.Add("/value", "not_a_number")
		case n < s.Min:
			f.Add("/value", "too_small", "min", s.Min)
		case n > s.Max:
			f.Add("/value", "too_big", "max", s.Max)
		}
	case "bool":
		if t != "true" && t != "false" {
			f.Add("/value", "bad_value")
		}
	default:
		f.Add("/value", "bad_value")
	}
	return f.Err()
}

// Valued is a setting with its value.
type Valued struct {
	Setting
	Value   string
	Set     bool // differs from having been left alone
	Changed time.Time
	Author  string
}

// Settings lists by key what Change changes.
func Settings(q db.Q, by auth.By) ([]Valued, error) {
	if err := by.Need(auth.SettingsRead); err != nil {
		return nil, err
	}
	type row struct {
		key, value, author string
		at                 time.Time
	}
	rows, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.key, &x.value, &x.author, &x.at); return },
		`SELECT name, value, author, changed_at FROM content_setting`)
	if err != nil {
		return nil, err
	}
	out := make([]Valued, 0, len(registry))
	for _, s := range registry {
		if s.Guarded {
			continue
		}
		v := Valued{Setting: s, Value: s.Default}
		for _, r := range rows {
			if r.key == s.Key && s.valid(r.value) == nil {
				v.Value, v.Set, v.Changed, v.Author = r.value, true, r.at, r.author
			}
		}
		out = append(out, v)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out, nil
}

// Change sets one setting. 404 for a key that is none, 422 for a value out of
// bounds.
func Change(tx *db.Tx, by auth.By, key, val string) error {
	s, ok := registry[key]
	if !ok || s.Guarded {
		if err := by.Need(auth.SettingsWrite); err != nil {
			return err
		}
		return fault.NotFound()
	}
	if err := by.Need(s.Write); err != nil {
		return err
	}
	if err := s.valid(val); err != nil {
		return err
	}
	old, err := value(tx, key)
	if err != nil {
		return err
	}
	return put(tx, by, key, old, val)
}

func put(tx *db.Tx, by auth.By, key, old, val string) error {
	if _, err := tx.Exec(`INSERT INTO content_setting (name, value, author, changed_at) VALUES ($1,$2,$3,$4)
		ON CONFLICT (name) DO UPDATE SET value=excluded.value, author=excluded.author, changed_at=excluded.changed_at`, key, val, author(by), tx.Now()); err != nil {
		return err
	}
	if err := record(tx, by, "setting.change", "setting", 0, key+"="+old, key+"="+val); err != nil {
		return err
	}
	return tx.Changed("setting", 1)
}
