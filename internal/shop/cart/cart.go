package cart

import (
	"embed"
	"errors"
	"slices"
	"strings"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/secret"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "cart", FS: migrationsFS}

var (
	fieldContact = secret.Register("cart.contact", "to deliver what is about to be ordered")
	fieldMail    = secret.Register("cart.mail", "to find a person's cart when he asks for his data")
)

// Limits of a cart.
const (
	MaxLines    = 100
	MaxQuantity = 999
	MaxCodes    = 5
)

const tokenKind = "cart"

// Cart is the wish as stored.
type Cart struct {
	ID         db.ID
	Version    int64
	Currency   string
	Person     db.ID // 0 until the buyer has told who he is
	PostalCode string
	Option     db.ID // chosen delivery; 0 for none
	Point      string
	Purchase   db.ID // the purchase it became; 0 while it can be changed
	Changed    time.Time
	Lines      []Line
	Codes      []string
	Gifts      []db.ID // gift cards that shall pay
	contact    []byte
	tried      bool // somebody has begun to buy it as it was
}

// Line is a number of pieces of one variant.
type Line struct {
	ID, Variant db.ID
	Quantity    int64
}

// Token is the cart's id for outsiders.
func (c Cart) Token(v *secret.Vault) string { return v.Token(tokenKind, c.ID, 1) }

// Pieces is the number of pieces in all lines.
func (c Cart) Pieces() (n int64) {
	for _, l := range c.Lines {
		n += l.Quantity
	}
	return
}

// New makes an empty cart.
func New(tx *db.Tx, v *secret.Vault, currency string) (Cart, error) {
	c := Cart{ID: tx.NewID(), Version: 1, Currency: currency, Changed: tx.Now()}
	_, err := tx.Exec(`INSERT INTO cart_cart (id, token_hash, version, currency, postal_code, point_id, codes, created_at, changed_at) VALUES ($1,$2,1,$3,'','','',$4,$4)`,
		c.ID, secret.TokenHash(c.Token(v)), currency, tx.Now())
	return c, err
}

const cols = `id, version, currency, COALESCE(person_id,0), postal_code, COALESCE(option_id,0), point_id, COALESCE(purchase_id,0), changed_at, contact, codes, gifts, tried`

// ByToken reads a cart with its lines. A 404 fault for any other text, the
// empty one included.
func ByToken(q db.Q, v *secret.Vault, token string) (Cart, error) {
	h := secret.TokenHash(token)
	if len(h) == 0 {
		return Cart{}, fault.NotFound()
	}
	return load(q, q.QueryRow(`SELECT `+cols+` FROM cart_cart WHERE token_hash=$1`, h))
}

// ByID reads a cart for the program's own work.
func ByID(q db.Q, id db.ID) (Cart, error) {
	return load(q, q.QueryRow(`SELECT `+cols+` FROM cart_cart WHERE id=$1`, id))
}

func load(q db.Q, r *db.Row) (c Cart, err error) {
	var codes, gifts string
	err = r.Scan(&c.ID, &c.Version, &c.Currency, &c.Person, &c.PostalCode, &c.Option, &c.Point, &c.Purchase, &c.Changed, &c.contact, &codes, &gifts, &c.tried)
	if errors.Is(err, db.ErrNotFound) {
		return Cart{}, fault.NotFound()
	}
	if err != nil {
		return Cart{}, err
	}
	c.Codes = strings.Fields(codes)
	if c.Gifts, err = parseGifts(gifts); err != nil {
		return c, err
	}
	c.Lines, err = db.All(q, func(r *db.Rows) (l Line, err error) { err = r.Scan(&l.ID, &l.Variant, &l.Quantity); return },
		`SELECT id, variant_id, quantity FROM cart_line WHERE cart_id=$1 ORDER BY id`, c.ID)
	return c, err
}

// Open bumps the cart's version and reads it: the first step of every change,
// so that two changes cannot interleave on any engine. 409 cart_ordered when it
// has become an order.
func Open(tx *db.Tx, v *secret.Vault, token string) (Cart, error) {
	h := secret.TokenHash(token)
	if len(h) == 0 {
		return Cart{}, fault.NotFound()
	}
	n, err := tx.Exec(`UPDATE cart_cart SET version=version+1, changed_at=$2 WHERE token_hash=$1 AND purchase_id IS NULL`, h, tx.Now())
	if err != nil {
		return Cart{}, err
	}
	c, err := load(tx, tx.QueryRow(`SELECT `+cols+` FROM cart_cart WHERE token_hash=$1`, h))
	if err != nil {
		return Cart{}, err
	}
	if n != 1 {
		return Cart{}, fault.Conflict("cart_ordered")
	}
	if c.tried {
		if _, err := tx.Exec(`UPDATE cart_cart SET tried=0 WHERE id=$1`, c.ID); err != nil {
			return Cart{}, err
		}
		if _, err := job.Enqueue(tx, job.Spec{Kind: JobMoved, Ref: c.ID}); err != nil {
			return Cart{}, err
		}
	}
	return c, nil
}

// JobMoved is queued when a cart is changed that somebody has begun to buy: what is being
// paid may not be what is in it. Ref is the cart.
const JobMoved = "cart.moved"

// Lock takes the cart's row without changing its version and notes that it is being
// bought: for a purchase, which
// reads the cart and must not see it change meanwhile.
func Lock(tx *db.Tx, id db.ID) error {
	return tx.ExecOne(`UPDATE cart_cart SET changed_at=$2, tried=1 WHERE id=$1`, id, tx.Now())
}

func quantity(n int64) error {
	var f fault.Fields
	if n < 1 {
		f.Add("/quantity", "too_small", "min", 1)
	} else if n > MaxQuantity {
		f.Add("/quantity", "too_large", "max", MaxQuantity)
	}
	return f.Err()
}

// Add puts pieces in the cart; pieces of a variant that is there already are
// added to its line. The caller has checked that the variant can be sold.
func Add(tx *db.Tx, c *Cart, variant db.ID, n int64) (Line, error) {
	if err := quantity(n); err != nil {
		return Line{}, err
	}
	for i, l := range c.Lines {
		if l.Variant == variant {
			return c.Lines[i], Set(tx, c, l.ID, l.Quantity+n)
		}
	}
	if len(c.Lines) >= MaxLines {
		return Line{}, fault.Conflict("cart_full")
	}
	l := Line{ID: tx.NewID(), Variant: variant, Quantity: n}
	if _, err := tx.Exec(`INSERT INTO cart_line (id, cart_id, variant_id, quantity) VALUES ($1,$2,$3,$4)`, l.ID, c.ID, variant, n); err != nil {
		return Line{}, err
	}
	c.Lines = append(c.Lines, l)
	return l, nil
}

// Set changes a line's quantity. A line of another cart is 404.
func Set(tx *db.Tx, c *Cart, line db.ID, n int64) error {
	if err := quantity(n); err != nil {
		return err
	}
	got, err := tx.Exec(`UPDATE cart_line SET quantity=$3 WHERE id=$1 AND cart_id=$2`, line, c.ID, n)
	if err == nil && got != 1 {
		return fault.NotFound()
	}
	return err
}

// Remove drops a line; 404 for a line of another cart.
func Remove(tx *db.Tx, c *Cart, line db.ID) error {
	got, err := tx.Exec(`DELETE FROM cart_line WHERE id=$1 AND cart_id=$2`, line, c.ID)
	if err == nil && got != 1 {
		return fault.NotFound()
	}
	return err
}

// addressed is a contact that tells its mail address, by which the cart is found when the
// buyer asks what is kept of him.
type addressed interface{ MailAddress() string }

// SetContact seals who the buyer is. The first time makes his person.
func SetContact[T any](tx *db.Tx, v *secret.Vault, c *Cart, contact T, postal string) error {
	if c.Person == 0 {
		p, err := v.NewPerson(tx)
		if err != nil {
			return err
		}
		c.Person = p.ID
	}
	b, err := secret.SealJSON(v, tx, c.Person, fieldContact, c.ID, contact)
	if err != nil {
		return err
	}
	var ix any
	if a, ok := any(contact).(addressed); ok && a.MailAddress() != "" {
		m, err := v.Index(fieldMail, a.MailAddress())
		if err != nil {
			return err
		}
		ix = m
	}
	return tx.ExecOne(`UPDATE cart_cart SET person_id=$2, contact=$3, postal_code=$4, mail_index=$5 WHERE id=$1`, c.ID, c.Person, b, postal, ix)
}

// Contact opens what SetContact sealed; ok is false when nothing is there.
func Contact[T any](q db.Q, v *secret.Vault, c Cart) (val T, ok bool, err error) {
	if c.Person == 0 || len(c.contact) == 0 {
		return val, false, nil
	}
	val, err = secret.OpenJSON[T](v, q, c.Person, fieldContact, c.ID, c.contact)
	return val, err == nil, err
}

// SetPostal keeps a postal code alone, before anything personal is known.
func SetPostal(tx *db.Tx, c *Cart, postal string) error {
	return tx.ExecOne(`UPDATE cart_cart SET postal_code=$2 WHERE id=$1`, c.ID, postal)
}

// SetDelivery chooses a delivery option and point. The caller has checked that
// it is on offer.
func SetDelivery(tx *db.Tx, c *Cart, option db.ID, point string) error {
	var o any
	if option > 0 {
		o = option
	}
	return tx.ExecOne(`UPDATE cart_cart SET option_id=$2, point_id=$3 WHERE id=$1`, c.ID, o, point)
}

// AddCode keeps a canonical discount code; twice is once.
func AddCode(tx *db.Tx, c *Cart, code string) error {
	if slices.Contains(c.Codes, code) {
		return nil
	}
	if len(c.Codes) >= MaxCodes {
		return fault.Conflict("too_many_codes")
	}
	if code == "" || strings.ContainsAny(code, " \n\t") {
		return fault.Invalid(fault.Field{Pointer: "/code", Code: "code_unknown"})
	}
	return setCodes(tx, c, append(slices.Clone(c.Codes), code))
}

// RemoveCode drops a code; one that is not there is no error.
func RemoveCode(tx *db.Tx, c *Cart, code string) error {
	return setCodes(tx, c, slices.DeleteFunc(slices.Clone(c.Codes), func(s string) bool { return s == code }))
}

func setCodes(tx *db.Tx, c *Cart, codes []string) error {
	slices.Sort(codes)
	c.Codes = codes
	return tx.ExecOne(`UPDATE cart_cart SET codes=$2 WHERE id=$1`, c.ID, strings.Join(codes, " "))
}

// Became marks the cart as ordered: it can be read, and never changed again.
func Became(tx *db.Tx, id, purchase db.ID) error {
	return tx.ExecOne(`UPDATE cart_cart SET purchase_id=$2, contact=NULL, mail_index=NULL WHERE id=$1 AND purchase_id IS NULL`, id, purchase)
}

// Sweep erases carts that nobody touched for keep, with their lines; at most n
// a call. Returns the persons that lose their only trace here, so that the
// caller can destroy their keys.
func Sweep(tx *db.Tx, keep time.Duration, n int) (persons []db.ID, carts int, err error) {
	type row struct{ id, person, purchase db.ID }
	rows, err := db.All(tx, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.person, &x.purchase); return },
		`SELECT id, COALESCE(person_id,0), COALESCE(purchase_id,0) FROM cart_cart WHERE changed_at < $1 ORDER BY changed_at LIMIT $2`, tx.Now().Add(-keep), n)
	if err != nil {
		return nil, 0, err
	}
	for _, x := range rows {
		for _, s := range []string{`DELETE FROM cart_line WHERE cart_id=$1`, `DELETE FROM cart_cart WHERE id=$1`} {
			if _, err := tx.Exec(s, x.id); err != nil {
				return nil, 0, err
			}
		}
		if x.person > 0 && x.purchase == 0 {
			persons = append(persons, x.person)
		}
	}
	return persons, len(rows), nil
}
