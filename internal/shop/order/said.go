package order

import (
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// What members of staff write of an order, why they refund or cancel, may be about its buyer. It is
// sealed under him, once, and every other row (refund, credit note, entry of a card, act) holds a
// reference to it: "said:" and a number. Every other reason is a word of the program.

var fieldSaid = secret.Register("order.said", "why a member of staff refunded or cancelled, in his own words")

// reasonForm is a reason that a row may hold: a word of the program, a return, a reference, or the last two.
var reasonForm = regexp.MustCompile(`^([a-z][a-z0-9_]{0,63}|(return [0-9]{1,20} ?)?(said:[0-9]{1,20})?)$`)

const (
	saidPrefix = "said:"
	maxReason  = 200 // characters
	// saidErased is the reason where the buyer's key is gone: nothing more can be written about him.
	saidErased = "erased"
)

// Reason checks that a reason is one a row may hold; 422 at /reason. What somebody typed
// goes through Say first.
func Reason(s string) error {
	if !reasonForm.MatchString(s) {
		return fault.Invalid(fault.Field{Pointer: "/reason", Code: "bad_characters"})
	}
	return nil
}

// Say seals what a member of staff has typed about an order as the reason of an act that needs
// the right, and returns the reference; "" for no words. The same words again give the same
// reference, so that a repeat is a repeat. Faults: 403, 404, 422 at /reason: one line, 200 characters at most.
func Say(tx *db.Tx, v *secret.Vault, by auth.By, need auth.Right, id db.ID, text string) (string, error) {
	if err := by.Need(need); err != nil {
		return "", err
	}
	text = strings.Join(strings.Fields(text), " ")
	switch {
	case text == "":
		return "", nil
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r >= 0x7f && r <= 0x9f || r == utf8.RuneError }):
		return "", fault.Invalid(fault.Field{Pointer: "/reason", Code: "bad_characters"})
	case utf8.RuneCountInString(text) > maxReason:
		return "", fault.Invalid(fault.Field{Pointer: "/reason", Code: "too_long"})
	}
	if id <= 0 {
		return "", fault.NotFound()
	}
	if err := Touch(tx, id); err != nil {
		return "", err
	}
	o, err := ByID(tx, id)
	if err != nil {
		return "", err
	}
	have, err := saids(tx, v, o)
	if err == nil {
		for _, x := range have {
			if x.text == text {
				return saidPrefix + x.id.String(), nil
			}
		}
		n := tx.NewID()
		var sealed []byte
		if sealed, err = v.Seal(tx, o.Person, fieldSaid, n, []byte(text)); err == nil {
			_, err = tx.Exec(`INSERT INTO order_said (id, order_id, said, at) VALUES ($1,$2,$3,$4)`, n, id, sealed, tx.Now())
			return saidPrefix + n.String(), err
		}
	}
	if errors.Is(err, secret.ErrErased) {
		return saidErased, nil
	}
	return "", err
}

type said struct {
	id   db.ID
	text string
	at   time.Time
}

// saids opens what was said of an order, oldest first. secret.ErrErased when the buyer is.
func saids(q db.Q, v *secret.Vault, o Order) ([]said, error) {
	type row struct {
		id     db.ID
		sealed []byte
		at     time.Time
	}
	rows, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.sealed, &x.at); return },
		`SELECT id, said, at FROM order_said WHERE order_id=$1 ORDER BY id`, o.ID)
	var out []said
	for _, x := range rows {
		b, err := v.Open(q, o.Person, fieldSaid, x.id, x.sealed)
		if err != nil {
			return nil, err
		}
		out = append(out, said{x.id, string(b), x.at})
	}
	return out, err
}

// Said gives what references in reasons of an order stand for, to who has opened it; nothing to
// others, and nothing when the buyer is erased.
func Said(q db.Q, v *secret.Vault, o Order, leave auth.Opened) (map[string]string, error) {
	out := map[string]string{}
	if !leave.Opens(o.Person, "order", o.ID) {
		return out, nil
	}
	have, err := saids(q, v, o)
	if errors.Is(err, secret.ErrErased) {
		return out, nil
	}
	for _, x := range have {
		out[saidPrefix+x.id.String()] = x.text
	}
	return out, err
}

// Typed splits a reason into its word and its reference; either may be empty.
func Typed(reason string) (word, ref string) {
	if i := strings.Index(reason, saidPrefix); i >= 0 && reasonForm.MatchString(reason) {
		return strings.TrimSpace(reason[:i]), reason[i:]
	}
	return reason, ""
}

func (h Holder) exportSaid(q db.Q, o Order) (out []hold.Record, err error) {
	have, err := saids(q, h.Vault, o)
	for _, x := range have {
		r := hold.Record{Category: "order", Table: "order_said", ID: x.id, About: o.NumberString(), At: x.at}
		r.Add("said", datamap.Text, x.text)
		out = append(out, r)
	}
	return out, err
}
