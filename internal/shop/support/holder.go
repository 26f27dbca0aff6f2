package support

import (
	"errors"
	"strconv"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// Holder meets hold.Holder for cases.
type Holder struct{ Vault *secret.Vault }

// Room is the room's name.
func (Holder) Room() string { return "support" }

// nobody is the index of a case whose customer is erased: no mail address has it.
var nobody = []byte{0}

// Find adds the persons of the cases from the mail address. A case about an order that
// somebody else opened is not the buyer's.
func (h Holder) Find(q db.Q, s *hold.Scope) error {
	if s.Mail == "" {
		return nil
	}
	ix, err := h.Vault.Index(fieldMail, s.Mail)
	if err != nil {
		return err
	}
	ids, err := db.All(q, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return }, `SELECT person_id FROM support_case WHERE mail_index=$1 ORDER BY opened_at LIMIT 1000`, ix)
	for _, id := range ids {
		s.Person(id)
	}
	return err
}

func (Holder) of(q db.Q, s hold.Scope) ([]Case, error) {
	in, args := hold.In(s.Persons, 1)
	return db.All(q, func(r *db.Rows) (Case, error) { return scan(r) }, `SELECT `+cols+` FROM support_case WHERE person_id IN `+in+` ORDER BY id LIMIT 1000`, args...)
}

// Export gives what was written by both sides; the notes of staff are about the person too.
func (h Holder) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	cs, err := h.of(q, s)
	if err != nil {
		return nil, err
	}
	var out []hold.Record
	for _, c := range cs {
		k, err := ContactOf(q, h.Vault, c, auth.OwnWork())
		if errors.Is(err, secret.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		about := strconv.FormatInt(c.Number, 10)
		r := hold.Record{Category: "support", Table: "support_case", ID: c.ID, About: about, At: c.Opened}
		r.Add("contact", datamap.Name, k.Name)
		r.Add("contact", datamap.Email, k.Mail)
		r.Add("contact", datamap.Text, k.Subject, k.OrderNumber)
		out = append(out, r)
		ms, err := thread(q, h.Vault, c, true)
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			r := hold.Record{Category: "support", Table: "support_message", ID: m.ID, About: about, At: m.At}
			r.Add("body", datamap.Text, m.Body)
			out = append(out, r)
		}
	}
	return out, nil
}

// Open lists the cases that wait for an answer. A question about one's own details does
// not: the erasure answers it.
func (h Holder) Open(q db.Q, s hold.Scope) ([]hold.Matter, error) {
	cs, err := h.of(q, s)
	var out []hold.Matter
	for _, c := range cs {
		if c.State.Waits() && c.Kind != "privacy" {
			out = append(out, hold.Matter{Kind: "case", About: strconv.FormatInt(c.Number, 10)})
		}
	}
	return out, err
}

// Erase takes the mail indexes: what was written went with the keys.
func (h Holder) Erase(tx *db.Tx, s hold.Scope) error {
	in, args := hold.In(s.Persons, 3)
	_, err := tx.Exec(`UPDATE support_case SET mail_index=$1, erased_at=$2, version=version+1 WHERE erased_at IS NULL AND person_id IN `+in, append([]any{nobody, tx.Now()}, args...)...)
	return err
}

// Old lists the persons of cases that were settled, or answered and not asked about again,
// before t, those that changed last in front, from the instant mark on; at most n. next is the
// instant to go on from.
func Old(q db.Q, before, mark time.Time, n int) (persons []db.ID, next time.Time, err error) {
	type row struct {
		person db.ID
		at     time.Time
	}
	rows, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.person, &x.at); return },
		`SELECT person_id, changed_at FROM support_case WHERE erased_at IS NULL AND state IN ('answered','solved') AND changed_at > $1 AND changed_at < $2 ORDER BY changed_at, id LIMIT $3`, mark, before, n)
	for _, x := range rows {
		persons, next = append(persons, x.person), x.at
	}
	return persons, next, err
}
