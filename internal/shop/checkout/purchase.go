package checkout

import (
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/proof"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/order"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "checkout", FS: migrationsFS}

var fieldContact = secret.Register("checkout.contact", "to deliver what is being paid")

// Purchase is one attempt to buy.
type Purchase struct {
	ID          db.ID
	Cart        db.ID
	CartVersion int64
	Method      string
	State       State
	Person      db.ID
	Draft       order.Draft
	Total       money.Money
	Money       Money
	Reason      string // stable code of a refusal
	Code        string // the provider's own, for staff
	Ending      string // last digits of the phone it waits on; filled by Called alone
	NextType    string
	NextURL     string
	ReturnURL   string
	Lang        lang.Lang
	Order       db.ID
	Alarm       string // why staff must look; empty when all is well
	HoldUntil   time.Time
	AnswerBy    time.Time
	CheckAt     time.Time
	Checks      int64
	Created     time.Time
	Changed     time.Time
	Version     int64

	fingerprint, contact, draftHash []byte
}

const tokenKind = "purchase"

// Token is the key to the purchase's page.
func (p Purchase) Token(v *secret.Vault) string { return v.Token(tokenKind, p.ID, 1) }

const cols = `id, cart_id, cart_version, method, state, person_id, draft, total, currency, money, reason, code, next_type, next_url, return_url, lang,
	COALESCE(order_id,0), alarm, hold_until, answer_by, check_at, checks, created_at, changed_at, version, fingerprint, contact, draft_hash`

func scan(r interface{ Scan(...any) error }) (p Purchase, err error) {
	var st, draft, mon, lg string
	err = r.Scan(&p.ID, &p.Cart, &p.CartVersion, &p.Method, &st, &p.Person, &draft, &p.Total.Amount, &p.Total.Currency, &mon, &p.Reason, &p.Code, &p.NextType, &p.NextURL, &p.ReturnURL, &lg,
		&p.Order, &p.Alarm, &p.HoldUntil, &p.AnswerBy, &p.CheckAt, &p.Checks, &p.Created, &p.Changed, &p.Version, &p.fingerprint, &p.contact, &p.draftHash)
	if err != nil {
		return Purchase{}, err
	}
	p.State, p.Money, p.Lang = State(st), Money(mon), lang.Lang(lg)
	// What was frozen must be what is placed.
	if h := sha256.Sum256([]byte(draft)); !secret.Equal(h[:], p.draftHash) {
		return Purchase{}, errors.New("checkout: the frozen purchase has been altered")
	}
	return p, json.Unmarshal([]byte(draft), &p.Draft)
}

// ByToken reads the purchase for who holds the link; a 404 fault for any other
// text, the empty one included.
func ByToken(q db.Q, v *secret.Vault, token string) (Purchase, error) {
	h := secret.TokenHash(token)
	if len(h) == 0 {
		return Purchase{}, fault.NotFound()
	}
	p, err := scan(q.QueryRow(`SELECT `+cols+` FROM checkout_purchase WHERE token_hash=$1`, h))
	if errors.Is(err, db.ErrNotFound) {
		return Purchase{}, fault.NotFound()
	}
	return p, err
}

// ByID reads a purchase for the program's own work.
func ByID(q db.Q, id db.ID) (Purchase, error) {
	return scan(q.QueryRow(`SELECT `+cols+` FROM checkout_purchase WHERE id=$1`, id))
}

// OpenOf is the purchase of a cart that is still under way; ok is false when there
// is none.
func OpenOf(q db.Q, cart db.ID) (p Purchase, ok bool, err error) {
	p, err = scan(q.QueryRow(`SELECT `+cols+` FROM checkout_purchase WHERE cart_id=$1 AND is_open=1`, cart))
	if errors.Is(err, db.ErrNotFound) {
		return Purchase{}, false, nil
	}
	return p, err == nil, err
}

// One reads a purchase for staff; a 404 fault when there is none.
func One(q db.Q, by auth.By, id db.ID) (Purchase, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return Purchase{}, err
	}
	p, err := ByID(q, id)
	if errors.Is(err, db.ErrNotFound) {
		err = fault.NotFound()
	}
	return p, err
}

// Filter of List; the zero value lists everything.
type Filter struct {
	State State
	Alarm bool // only those staff must look at
}

// List pages purchases for staff, newest first.
func List(q db.Q, by auth.By, f Filter, before db.ID, n int) ([]Purchase, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return nil, err
	}
	if before <= 0 {
		before = 1<<63 - 1
	}
	// Only what is asked for stands in the text, so that the index of it serves.
	where, args := `id < $1`, []any{before, max(1, min(n, 100))}
	if f.State != "" {
		where, args = where+` AND state = $3`, append(args, string(f.State))
	}
	if f.Alarm {
		where += ` AND alarm <> ''`
	}
	return db.All(q, func(r *db.Rows) (Purchase, error) { return scan(r) }, `SELECT `+cols+` FROM checkout_purchase WHERE `+where+` ORDER BY id DESC LIMIT $2`, args...)
}

// Step is one row of a purchase's life.
type Step struct {
	State State
	Why   string
	At    time.Time
}

// Steps lists what happened to a purchase, oldest first.
func Steps(q db.Q, id db.ID) ([]Step, error) {
	return db.All(q, func(r *db.Rows) (s Step, err error) {
		var st string
		err = r.Scan(&st, &s.Why, &s.At)
		s.State = State(st)
		return
	}, `SELECT state, why, at FROM checkout_step WHERE purchase_id=$1 ORDER BY id`, id)
}

func step(tx *db.Tx, id db.ID, s State, why string) error {
	if proof.Broken("steps") {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO checkout_step (id, purchase_id, state, why, at) VALUES ($1,$2,$3,$4,$5)`, tx.NewID(), id, string(s), why, tx.Now())
	return err
}

// Counts tells how many purchases are open, by state, and how many staff must
// look at.
func Counts(q db.Q) (open map[State]int64, alarms int64, err error) {
	open = map[State]int64{}
	// Grouped here: with GROUP BY, SQLite would read the index of all states.
	states, err := db.All(q, func(r *db.Rows) (s State, err error) { err = r.Scan(&s); return }, `SELECT state FROM checkout_purchase WHERE is_open=1`)
	if err != nil {
		return nil, 0, err
	}
	for _, s := range states {
		open[s]++
	}
	err = q.QueryRow(`SELECT count(*) FROM checkout_purchase WHERE alarm <> ''`).Scan(&alarms)
	return
}
