package delivery

import (
	"embed"
	"math"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "delivery", FS: migrationsFS}

// Kind of delivery.
type Kind string

// The kinds.
const (
	Pickup  Kind = "pickup"  // a carrier's service point
	Locker  Kind = "locker"  // a parcel box
	Home    Kind = "home"    // to the door
	Bulky   Kind = "bulky"   // goods that do not go by ordinary parcel
	Store   Kind = "store"   // collected in the shop
	Digital Kind = "digital" // nothing is carried
)

// Tier is the price of parcels up to a weight (inclusive), in minor units.
type Tier struct {
	UpToG  int64
	Amount int64
}

// Method is one way for goods to reach the buyer.
type Method struct {
	ID             db.ID
	Code           string
	Kind           Kind
	NameSV, NameEN string
	Carrier        string // key of the carrier; empty for none
	Currency       string
	MaxWeightG     int64 // 0: no limit
	MaxSideMM      int64 // longest side of the largest piece; 0: no limit
	MaxValue       int64 // goods value in minor units; 0: no limit
	TakesBulky     bool
	FreeFrom       int64 // free from this value of goods after discount; 0: never
	CutoffMinute   int   // minutes after midnight in the shop's zone
	MinDays        int   // working days in transit
	MaxDays        int
	FarDays        int // added for far postal codes
	PhoneRequired  bool
	Active         bool
	Position       int
	Version        int64
	Tiers          []Tier
}

// NeedsAddress reports whether goods are carried to an address.
func (m Method) NeedsAddress() bool { return m.Kind != Store && m.Kind != Digital }

// HasPoints reports whether the buyer picks a point of the carrier.
func (m Method) HasPoints() bool { return (m.Kind == Pickup || m.Kind == Locker) && m.Carrier != "" }

// Goods is what is to be carried.
type Goods struct {
	WeightG int64       // sum of shipping weights
	SideMM  int64       // longest side of the largest piece
	Value   money.Money // goods after discount
	Bulky   bool        // at least one piece does not go by parcel
	Shipped bool        // at least one piece is carried at all
	Lead    int64       // working days before all of it can leave; 0: it is on the shelf
}

// Price of carrying g, or false when the method does not take it.
func (m Method) Price(g Goods) (money.Money, bool) {
	if !m.Active || m.Currency != g.Value.Currency || g.Value.Amount < 0 || g.WeightG < 0 {
		return money.Money{}, false
	}
	if (m.Kind == Digital) == g.Shipped {
		return money.Money{}, false
	}
	if g.Bulky && !m.TakesBulky {
		return money.Money{}, false
	}
	// A method for bulky goods is not offered for a jar of jam.
	if m.Kind == Bulky && !g.Bulky {
		return money.Money{}, false
	}
	if over(g.WeightG, m.MaxWeightG) || over(g.SideMM, m.MaxSideMM) || over(g.Value.Amount, m.MaxValue) {
		return money.Money{}, false
	}
	amount, found := int64(0), false
	best := int64(math.MaxInt64)
	for _, t := range m.Tiers {
		if g.WeightG <= t.UpToG && t.UpToG < best {
			best, amount, found = t.UpToG, t.Amount, true
		}
	}
	if !found {
		return money.Money{}, false
	}
	if m.FreeFrom > 0 && g.Value.Amount >= m.FreeFrom {
		amount = 0
	}
	return money.New(amount, m.Currency), true
}

func over(v, limit int64) bool { return limit > 0 && v > limit }

// Option is a method as offered for certain goods to a certain postal code.
type Option struct {
	Method           Method
	Price            money.Money
	Earliest, Latest time.Time // days in the shop's zone, at midnight
	ShipsOn          time.Time // the day the parcel leaves
	Cutoff           time.Time // order before this instant to make ShipsOn
}

// Offer lists what can carry g to a postal code (five digits, or empty when it
// is not known yet: then the near times are given), in the shop's order.
func Offer(methods []Method, g Goods, postal string, now time.Time) []Option {
	var out []Option
	for _, m := range methods {
		price, ok := m.Price(g)
		if !ok {
			continue
		}
		o := Option{Method: m, Price: price}
		o.ShipsOn, o.Cutoff = Ships(now, m.CutoffMinute)
		if g.Lead > 0 {
			o.ShipsOn = addWorkdays(o.ShipsOn, int(g.Lead))
		}
		lo, hi := m.MinDays, m.MaxDays
		if Far(postal) {
			lo, hi = lo+m.FarDays, hi+m.FarDays
		}
		o.Earliest, o.Latest = addWorkdays(o.ShipsOn, lo), addWorkdays(o.ShipsOn, hi)
		out = append(out, o)
	}
	return out
}

// Find returns the option with this id, or false.
func Find(options []Option, id db.ID) (Option, bool) {
	for _, o := range options {
		if id > 0 && o.Method.ID == id {
			return o, true
		}
	}
	return Option{}, false
}

// Methods reads all methods with their tiers, in the shop's order.
func Methods(q db.Q) ([]Method, error) {
	ms, err := db.All(q, func(r *db.Rows) (m Method, err error) {
		err = r.Scan(&m.ID, &m.Code, &m.Kind, &m.NameSV, &m.NameEN, &m.Carrier, &m.Currency, &m.MaxWeightG, &m.MaxSideMM, &m.MaxValue,
			&m.TakesBulky, &m.FreeFrom, &m.CutoffMinute, &m.MinDays, &m.MaxDays, &m.FarDays, &m.PhoneRequired, &m.Active, &m.Position, &m.Version)
		return
	}, `SELECT id, code, kind, name_sv, name_en, carrier, currency, max_weight_g, max_side_mm, max_value, takes_bulky, free_from, cutoff_minute,
		min_days, max_days, far_days, phone_required, active, position, version FROM delivery_method ORDER BY position, id`)
	if err != nil {
		return nil, err
	}
	type row struct {
		m db.ID
		t Tier
	}
	ts, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.m, &x.t.UpToG, &x.t.Amount); return },
		`SELECT method_id, up_to_g, amount FROM delivery_price ORDER BY method_id, up_to_g`)
	if err != nil {
		return nil, err
	}
	for _, x := range ts {
		for i := range ms {
			if ms[i].ID == x.m {
				ms[i].Tiers = append(ms[i].Tiers, x.t)
			}
		}
	}
	return ms, nil
}

// Put makes a method (ID 0) or changes it; a stale Version is 409 changed_meanwhile.
func Put(tx *db.Tx, by auth.By, m Method) (db.ID, error) {
	if err := by.Need(auth.SettingsWrite); err != nil {
		return 0, err
	}
	if err := m.validate(); err != nil {
		return 0, err
	}
	if m.ID == 0 {
		m.ID = tx.NewID()
		if _, err := tx.Exec(`INSERT INTO delivery_method (id, code, kind, name_sv, name_en, carrier, currency, max_weight_g, max_side_mm, max_value, takes_bulky,
			free_from, cutoff_minute, min_days, max_days, far_days, phone_required, active, position, version)
			VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,1)`, m.ID, m.Code, string(m.Kind), m.NameSV, m.NameEN, m.Carrier, m.Currency,
			m.MaxWeightG, m.MaxSideMM, m.MaxValue, m.TakesBulky, m.FreeFrom, m.CutoffMinute, m.MinDays, m.MaxDays, m.FarDays, m.PhoneRequired, m.Active, m.Position); err != nil {
			if db.IsUnique(err) {
				return 0, fault.Conflict("code_taken")
			}
			return 0, err
		}
	} else {
		n, err := tx.Exec(`UPDATE delivery_method SET kind=$2, name_sv=$3, name_en=$4, carrier=$5, currency=$6, max_weight_g=$7, max_side_mm=$8, max_value=$9, takes_bulky=$10,
			free_from=$11, cutoff_minute=$12, min_days=$13, max_days=$14, far_days=$15, phone_required=$16, active=$17, position=$18, version=version+1
			WHERE id=$1 AND version=$19`, m.ID, string(m.Kind), m.NameSV, m.NameEN, m.Carrier, m.Currency, m.MaxWeightG, m.MaxSideMM, m.MaxValue, m.TakesBulky,
			m.FreeFrom, m.CutoffMinute, m.MinDays, m.MaxDays, m.FarDays, m.PhoneRequired, m.Active, m.Position, m.Version)
		if err != nil {
			return 0, err
		}
		if n != 1 {
			return 0, fault.Conflict("changed_meanwhile")
		}
		if _, err := tx.Exec(`DELETE FROM delivery_price WHERE method_id=$1`, m.ID); err != nil {
			return 0, err
		}
	}
	for _, t := range m.Tiers {
		if _, err := tx.Exec(`INSERT INTO delivery_price (method_id, up_to_g, amount) VALUES ($1,$2,$3)`, m.ID, t.UpToG, t.Amount); err != nil {
			return 0, err
		}
	}
	return m.ID, tx.Changed("delivery", m.ID)
}

func (m Method) validate() error {
	var f fault.Fields
	switch m.Kind {
	case Pickup, Locker, Home, Bulky, Store, Digital:
	default:
		f.Add("/kind", "choose")
	}
	if m.Code == "" || len(m.Code) > 40 {
		f.Add("/code", "required")
	}
	if m.NameSV == "" || len(m.NameSV) > 100 {
		f.Add("/name_sv", "required")
	}
	if m.NameEN == "" || len(m.NameEN) > 100 {
		f.Add("/name_en", "required")
	}
	if len(m.Currency) != 3 {
		f.Add("/currency", "choose")
	}
	if len(m.Tiers) == 0 || len(m.Tiers) > 50 {
		f.Add("/tiers", "required")
	}
	for _, t := range m.Tiers {
		if t.UpToG <= 0 || t.Amount < 0 || t.Amount > money.Max {
			f.Add("/tiers", "bad_amount")
		}
	}
	if m.MinDays < 0 || m.MaxDays < m.MinDays || m.MaxDays > 30 || m.FarDays < 0 || m.FarDays > 10 {
		f.Add("/max_days", "bad_days") // KKL 2 kap. 2 §: within 30 days unless agreed
	}
	if m.CutoffMinute < 0 || m.CutoffMinute > 1439 {
		f.Add("/cutoff_minute", "bad_time")
	}
	return f.Err()
}
