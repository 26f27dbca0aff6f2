package recovery

import (
	"embed"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "recovery", FS: migrationsFS}

var fieldPlan = secret.Register("recovery.plan", "what people wrote into the recovery plan")

const planRow = db.ID(1)

// Parts are what the program cannot know and people write, in the order of the plan.
var Parts = []string{"people", "machine", "domain", "mail", "bank", "keys", "owner"}

// MaxPart is how many characters a part has room for.
const MaxPart = 1000

// Plan is what people wrote, by Parts.
type Plan struct {
	Said    map[string]string
	Changed time.Time
	Printed time.Time // zero: never
	Version int64
}

// Stale reports whether the printed plan is older than what was written.
func (p Plan) Stale() bool { return p.Printed.Before(p.Changed) }

// PlanOf reads the plan. Faults: 403.
func PlanOf(q db.Q, by auth.By, v *secret.Vault) (p Plan, err error) {
	p.Said = map[string]string{}
	if err := by.Need(auth.JobsWrite); err != nil {
		return p, err
	}
	var sealed []byte
	err = q.QueryRow(`SELECT said, changed_at, printed_at, version FROM recovery_plan WHERE id=$1`, planRow).Scan(&sealed, &p.Changed, &p.Printed, &p.Version)
	if errors.Is(err, db.ErrNotFound) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	b, err := v.OpenShop(fieldPlan, planRow, sealed)
	if err == nil {
		err = json.Unmarshal(b, &p.Said)
	}
	return p, err
}

// SetPlan writes the plan. Faults: 403; 422 by part; 409 changed_meanwhile.
func SetPlan(tx *db.Tx, by auth.By, v *secret.Vault, p Plan) error {
	if err := by.Need(auth.JobsWrite); err != nil {
		return err
	}
	var f fault.Fields
	said := map[string]string{}
	for _, part := range Parts {
		s := strings.TrimSpace(strings.ReplaceAll(p.Said[part], "\r\n", "\n"))
		switch {
		case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }):
			f.Add("/"+part, "bad_characters")
		case utf8.RuneCountInString(s) > MaxPart:
			f.Add("/"+part, "too_long", "max", MaxPart)
		case s != "":
			said[part] = s
		}
	}
	if err := f.Err(); err != nil {
		return err
	}
	b, err := json.Marshal(said)
	if err != nil {
		return err
	}
	sealed, err := v.SealShop(fieldPlan, planRow, b)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`INSERT INTO recovery_plan (id, said, changed_at, version) VALUES (1,$1,$2,1)
		ON CONFLICT (id) DO UPDATE SET said=excluded.said, changed_at=excluded.changed_at, version=recovery_plan.version+1 WHERE recovery_plan.version=$3`, sealed, tx.Now(), p.Version)
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("changed_meanwhile")
	}
	return by.Record(tx, "recovery.plan", "recovery", 0, "", "changed")
}

// Printed notes that the plan was printed. Faults: 403.
func Printed(tx *db.Tx, by auth.By, v *secret.Vault) error {
	if err := by.Need(auth.JobsWrite); err != nil {
		return err
	}
	b, err := v.SealShop(fieldPlan, planRow, []byte("{}"))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO recovery_plan (id, said, changed_at, printed_at, version) VALUES (1,$1,$2,$2,1)
		ON CONFLICT (id) DO UPDATE SET printed_at=excluded.printed_at`, b, tx.Now()); err != nil {
		return err
	}
	return by.Record(tx, "recovery.printed", "recovery", 0, "", "")
}
