package waitlist

import (
	"embed"
	"errors"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/stock"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "waitlist", FS: migrationsFS}

var fieldMail = secret.Register("waitlist.mail", "to tell once that something is back in stock")

// JobBack asks for the letter; Ref is the entry.
const JobBack = "notice.back_in_stock"

const tokenKind = "waitlist"

// Limits.
const (
	maxPerMail    = 20   // wishes of one address at a time
	maxPerVariant = 5000 // wishes for one variant at a time
	keep          = 180 * 24 * time.Hour
	keepTold      = 4 * 24 * time.Hour  // longer than a letter is tried
	keepLink      = 30 * 24 * time.Hour // how long the link of what is forgotten leads somewhere
)

// Entry is one wish.
type Entry struct {
	ID, Variant, Person db.ID
	TokenVersion        int64
	Lang                lang.Lang
	State               string // waiting, told, forgotten
	Created             time.Time

	sealed []byte
}

// Token is the key to the page on which the wish can be taken back.
func (e Entry) Token(v *secret.Vault) string { return v.Token(tokenKind, e.ID, e.TokenVersion) }

const cols = `id, variant_id, person_id, token_version, lang, state, created_at, sealed`

func scan(r interface{ Scan(...any) error }) (e Entry, err error) {
	err = r.Scan(&e.ID, &e.Variant, &e.Person, &e.TokenVersion, (*string)(&e.Lang), &e.State, &e.Created, &e.sealed)
	return
}

// Ask keeps a wish, or renews it: then the old link is dead. Faults: 422 at
// "email"; 404 for a variant that is not for sale; 409 back_already when it can be had; 429
// when the address, or the variant, has too many.
func Ask(tx *db.Tx, v *secret.Vault, variant db.ID, mail string, l lang.Lang) (Entry, error) {
	if mail == "" {
		return Entry{}, fault.Invalid(fault.Field{Pointer: "/email", Code: "required"})
	}
	to, err := secret.CanonicalEmail(mail)
	if err != nil {
		return Entry{}, fault.Invalid(fault.Field{Pointer: "/email", Code: "bad_email"})
	}
	had, err := buyable(tx, []db.ID{variant})
	if err != nil {
		return Entry{}, err
	}
	switch can, sold := had[variant]; {
	case !sold:
		return Entry{}, fault.NotFound()
	case can:
		return Entry{}, fault.Conflict("back_already")
	}
	ix, err := v.Index(fieldMail, to)
	if err != nil {
		return Entry{}, err
	}
	e, err := open(tx, variant, ix)
	if err == nil {
		return renew(tx, v, e, l)
	}
	if !errors.Is(err, db.ErrNotFound) {
		return Entry{}, err
	}
	var mine, all int64
	if err := tx.QueryRow(`SELECT (SELECT count(*) FROM waitlist_entry WHERE mail_index=$1 AND state='waiting'), (SELECT count(*) FROM waitlist_entry WHERE variant_id=$2 AND state='waiting')`, ix, variant).Scan(&mine, &all); err != nil {
		return Entry{}, err
	}
	if mine >= maxPerMail || all >= maxPerVariant {
		return Entry{}, fault.TooMany(time.Hour)
	}
	p, err := v.NewPerson(tx)
	if err != nil {
		return Entry{}, err
	}
	e = Entry{ID: tx.NewID(), Variant: variant, Person: p.ID, TokenVersion: 1, Lang: l.Or(), State: "waiting", Created: tx.Now()}
	if e.sealed, err = v.Seal(tx, p.ID, fieldMail, e.ID, []byte(to)); err != nil {
		return Entry{}, err
	}
	n, err := tx.Exec(`INSERT INTO waitlist_entry (id, variant_id, person_id, sealed, mail_index, token_hash, token_version, lang, state, created_at) VALUES ($1,$2,$3,$4,$5,$6,1,$7,'waiting',$8)
		ON CONFLICT (variant_id, mail_index) WHERE state = 'waiting' DO NOTHING`, e.ID, variant, p.ID, e.sealed, ix, secret.TokenHash(e.Token(v)), string(e.Lang), e.Created)
	if err != nil || n == 1 {
		return e, err
	}
	// Another press of the same button was first.
	if err := v.Erase(tx, p.ID); err != nil {
		return Entry{}, err
	}
	if e, err = open(tx, variant, ix); err != nil {
		return Entry{}, err
	}
	return renew(tx, v, e, l)
}

// open finds the wish of an address for a variant that is still waiting.
func open(q db.Q, variant db.ID, ix []byte) (Entry, error) {
	return scan(q.QueryRow(`SELECT `+cols+` FROM waitlist_entry WHERE variant_id=$1 AND mail_index=$2 AND state='waiting'`, variant, ix))
}

func renew(tx *db.Tx, v *secret.Vault, e Entry, l lang.Lang) (Entry, error) {
	old := e.TokenVersion
	e.TokenVersion, e.Lang, e.Created = old+1, l.Or(), tx.Now()
	return e, tx.ExecOne(`UPDATE waitlist_entry SET token_version=$3, token_hash=$4, lang=$5, created_at=$6 WHERE id=$1 AND token_version=$2 AND state='waiting'`,
		e.ID, old, e.TokenVersion, secret.TokenHash(e.Token(v)), string(e.Lang), e.Created)
}

// buyable tells of variants whether one piece can be had now; those that are not for
// sale at all are left out.
func buyable(q db.Q, ids []db.ID) (map[db.ID]bool, error) {
	infos, err := catalog.VariantForSale(q, ids)
	if err != nil {
		return nil, err
	}
	levels, err := stock.Levels(q, ids)
	if err != nil {
		return nil, err
	}
	out := map[db.ID]bool{}
	for id, i := range infos {
		if l, counted := levels[id]; i.Sellable {
			out[id] = counted && l.Sellable(1)
		}
	}
	return out, nil
}

// ByToken reads a wish for who holds the link; a 404 fault for any other text.
func ByToken(q db.Q, v *secret.Vault, token string) (Entry, error) {
	h := secret.TokenHash(token)
	if len(h) == 0 {
		return Entry{}, fault.NotFound()
	}
	e, err := scan(q.QueryRow(`SELECT `+cols+` FROM waitlist_entry WHERE token_hash=$1`, h))
	if errors.Is(err, db.ErrNotFound) {
		return Entry{}, fault.NotFound()
	}
	return e, err
}

// ByID reads a wish for its letter. db.ErrNotFound.
func ByID(q db.Q, id db.ID) (Entry, error) {
	return scan(q.QueryRow(`SELECT `+cols+` FROM waitlist_entry WHERE id=$1`, id))
}

// MailOf opens the address, for its letter; secret.ErrErased when it is forgotten.
func MailOf(q db.Q, v *secret.Vault, e Entry, leave auth.Opened) (string, error) {
	if err := leave.Need(e.Person, "waitlist", e.ID); err != nil {
		return "", err
	}
	if len(e.sealed) == 0 {
		return "", secret.ErrErased
	}
	b, err := v.Open(q, e.Person, fieldMail, e.ID, e.sealed)
	return string(b), err
}

// Forget drops the address and its key. Forgetting twice is no error.
func Forget(tx *db.Tx, v *secret.Vault, id db.ID) error {
	var person db.ID
	err := tx.QueryRow(`UPDATE waitlist_entry SET state='forgotten', sealed=NULL, mail_index=NULL, forgotten_at=$2 WHERE id=$1 AND state <> 'forgotten' RETURNING person_id`, id, tx.Now()).Scan(&person)
	if errors.Is(err, db.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return v.Erase(tx, person)
}
