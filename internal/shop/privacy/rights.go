package privacy

import (
	"time"

	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/customer"
)

// See gives everything that is kept of the subject: art. 15 on a page. Looking is no request: it
// can be done as often as one likes.
func (d *Desk) See(q db.Q, who Subject) (hold.Scope, []hold.Record, error) {
	if err := who.check(); err != nil {
		return hold.Scope{}, nil, err
	}
	s, err := d.Scope(q, who.Mail)
	if err != nil {
		return s, nil, err
	}
	rs, err := d.Records(q, s)
	return s, rs, err
}

// File is an export as it is given to the person.
type File struct {
	Made       time.Time     `json:"made"`
	Mail       string        `json:"mail"`
	Shop       string        `json:"shop"`
	Categories []FileOf      `json:"categories"`
	Handed     []Processor   `json:"recipients"`
	Records    []hold.Record `json:"records"`
}

// FileOf says of a category what the policy says, in the person's language.
type FileOf struct {
	Key    string `json:"category"`
	Name   string `json:"name"`
	Why    string `json:"purpose"`
	Basis  string `json:"legal_basis"`
	Kept   string `json:"kept"`
	From   string `json:"source"`
	Shared string `json:"shared_with"`
}

// PrepareExport makes a link under which the export is fetched once, within a quarter of an hour,
// by the same subject. It needs fresh proof. 429 for more than five in a day.
func (d *Desk) PrepareExport(tx *db.Tx, who Subject) (token string, err error) {
	if err := who.needFresh(tx.Now()); err != nil {
		return "", err
	}
	ix, err := d.Vault.Index(fieldMail, who.Mail)
	if err != nil {
		return "", err
	}
	// Two presses at once take turns here: the count below must see the other's row.
	if _, err := tx.Exec(`UPDATE privacy_download SET used_at=COALESCE(used_at, $2) WHERE mail_index=$1 AND expires_at > $2`, ix, tx.Now()); err != nil {
		return "", err
	}
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM privacy_download WHERE mail_index=$1 AND made_at > $2`, ix, tx.Now().Add(-24*time.Hour)).Scan(&n); err != nil {
		return "", err
	}
	if n >= downloadsADay {
		return "", fault.TooMany(time.Hour)
	}
	s, err := d.Scope(tx, who.Mail)
	if err != nil {
		return "", err
	}
	if _, err := d.atOnce(tx, who, Export, "", s); err != nil {
		return "", err
	}
	token = secret.RandomToken()
	_, err = tx.Exec(`INSERT INTO privacy_download (id, hash, mail_index, made_at, expires_at) VALUES ($1,$2,$3,$4,$5)`, tx.NewID(), secret.TokenHash(token), ix, tx.Now(), tx.Now().Add(downloadLife))
	return token, err
}

// TakeExport uses the link up and gives the export. A 404 fault for a link that is used, out of
// time, somebody else's or none.
func (d *Desk) TakeExport(tx *db.Tx, who Subject, token string) (File, error) {
	if err := who.check(); err != nil {
		return File{}, err
	}
	h := secret.TokenHash(token)
	if len(h) == 0 {
		return File{}, fault.NotFound()
	}
	ix, err := d.Vault.Index(fieldMail, who.Mail)
	if err != nil {
		return File{}, err
	}
	n, err := tx.Exec(`UPDATE privacy_download SET used_at=$3 WHERE hash=$1 AND mail_index=$2 AND used_at IS NULL AND expires_at > $3`, h, ix, tx.Now())
	if err != nil {
		return File{}, err
	}
	if n != 1 {
		return File{}, fault.NotFound()
	}
	s, rs, err := d.See(tx, who)
	if err != nil {
		return File{}, err
	}
	f := File{Made: tx.Now(), Mail: who.Mail, Records: rs}
	used := map[string]bool{}
	for _, r := range rs {
		used[r.Category] = true
	}
	for _, c := range datamap.Categories() {
		if used[c.Key] {
			w := d.Describe(who.Lang, c)
			f.Categories = append(f.Categories, FileOf{c.Key, w.Name, w.Why, w.Basis, w.Kept, w.From, w.To})
		}
	}
	if f.Handed, err = d.handed(tx, s); err != nil {
		return File{}, err
	}
	return f, who.By.Record(tx, "privacy.export", "privacy_download", 0, "", "")
}

// CorrectNow changes name, phone and address of the subject's carts, open orders and customers. A
// mail address is changed by the account's way. 422 with fields.
func (d *Desk) CorrectNow(tx *db.Tx, who Subject, c hold.Correction) (Request, error) {
	if err := who.check(); err != nil {
		return Request{}, err
	}
	s, err := d.Scope(tx, who.Mail)
	if err != nil {
		return Request{}, err
	}
	r, err := d.atOnce(tx, who, Correct, "", s)
	if err != nil {
		return r, err
	}
	return r, d.correct(tx, r.ID, s, c)
}

func (d *Desk) correct(tx *db.Tx, request db.ID, s hold.Scope, c hold.Correction) error {
	c, err := tidy(c)
	if err != nil {
		return err
	}
	n := 0
	for _, h := range d.Holders {
		if k, ok := h.(hold.Corrector); ok {
			got, err := k.Correct(tx, s, c)
			if err != nil {
				return err
			}
			n += got
		}
	}
	if n == 0 {
		return fault.Conflict("nothing_to_correct")
	}
	return d.notices(tx, request, s)
}

// tidy brings a correction into the form in which a buyer's details are kept. 422 with fields.
func tidy(c hold.Correction) (hold.Correction, error) {
	if c == (hold.Correction{}) {
		return c, fault.Invalid(fault.Field{Pointer: "/name", Code: "required"})
	}
	// The rules want a whole buyer: what is not corrected is filled with what passes.
	in := customer.Contact{Email: "a@example.se", Name: "A B", Address: customer.Address{Line1: "A 1", PostalCode: "111 11", City: "A", Country: "SE"}}
	whole := c.Line1 != "" || c.City != "" || c.PostalCode != "" || c.CareOf != "" || c.Line2 != "" || c.DoorCode != ""
	if c.Name != "" {
		in.Name = c.Name
	}
	in.Phone = c.Phone
	if whole {
		in.Address = customer.Address{CareOf: c.CareOf, Line1: c.Line1, Line2: c.Line2, PostalCode: c.PostalCode, City: c.City, Country: "SE", DoorCode: c.DoorCode}
	}
	out, err := customer.Parse(in, customer.Rules{})
	if err != nil {
		return c, err
	}
	got := hold.Correction{Phone: out.Phone}
	if c.Name != "" {
		got.Name = out.Name
	}
	if whole {
		a := out.Address
		got.CareOf, got.Line1, got.Line2, got.PostalCode, got.City, got.DoorCode = a.CareOf, a.Line1, a.Line2, a.PostalCode, a.City, a.DoorCode
	}
	return got, nil
}

// LimitNow sets or lifts a restriction or an objection at once: Restrict, Unrestrict, Object,
// Unobject.
func (d *Desk) LimitNow(tx *db.Tx, who Subject, kind, why string) (Request, error) {
	if err := who.check(); err != nil {
		return Request{}, err
	}
	s, err := d.Scope(tx, who.Mail)
	if err != nil {
		return Request{}, err
	}
	r, err := d.atOnce(tx, who, kind, why, s)
	if err != nil {
		return r, err
	}
	return r, d.limit(tx, r.ID, kind, s)
}

func (d *Desk) limit(tx *db.Tx, request db.ID, kind string, s hold.Scope) error {
	var set func(*db.Tx, db.ID, bool) error
	on := true
	switch kind {
	case Restrict:
		set = customer.Restrict
	case Unrestrict:
		set, on = customer.Restrict, false
	case Object:
		set = customer.Object
	case Unobject:
		set, on = customer.Object, false
	default:
		return fault.Invalid(fault.Field{Pointer: "/kind", Code: "bad_value"})
	}
	for _, p := range s.Persons {
		if err := set(tx, p, on); err != nil {
			return err
		}
	}
	if kind == Object { // advertising rests on a yes, and ends with an objection in any case (art. 21.3)
		if err := withdraw(tx, s); err != nil {
			return err
		}
	}
	if kind == Restrict {
		return d.notices(tx, request, s)
	}
	return nil
}

// WithdrawNow takes back the yes to the newsletter, everywhere it was given.
func (d *Desk) WithdrawNow(tx *db.Tx, who Subject) (Request, error) {
	if err := who.check(); err != nil {
		return Request{}, err
	}
	s, err := d.Scope(tx, who.Mail)
	if err != nil {
		return Request{}, err
	}
	r, err := d.atOnce(tx, who, Withdraw, "", s)
	if err != nil {
		return r, err
	}
	return r, withdraw(tx, s)
}

// withdrawnBy names the words beside the button.
const withdrawnBy = "data.withdraw"

func withdraw(tx *db.Tx, s hold.Scope) error {
	for _, c := range s.Customers {
		yes, err := customer.Consented(tx, c, customer.Newsletter)
		if err != nil {
			return err
		}
		if yes {
			if err := customer.Consent(tx, c, customer.Newsletter, false, withdrawnBy); err != nil {
				return err
			}
		}
	}
	return nil
}

// Standing is what applies to a scope now.
type Standing struct {
	Newsletter bool // a yes somewhere
	Limits     customer.Limits
}

// StandingOf tells what applies to a scope.
func (d *Desk) StandingOf(q db.Q, s hold.Scope) (st Standing, err error) {
	for _, c := range s.Customers {
		yes, err := customer.Consented(q, c, customer.Newsletter)
		if err != nil {
			return st, err
		}
		st.Newsletter = st.Newsletter || yes
	}
	for _, p := range s.Persons {
		l, err := customer.LimitsOf(q, p)
		if err != nil {
			return st, err
		}
		if !l.Restricted.IsZero() {
			st.Limits.Restricted = l.Restricted
		}
		if !l.Objected.IsZero() {
			st.Limits.Objected = l.Objected
		}
	}
	return st, nil
}

// Cancel takes back one's own request while it is open.
func (d *Desk) Cancel(tx *db.Tx, who Subject, id db.ID) error {
	mine, err := d.Mine(tx, who)
	if err != nil {
		return err
	}
	for _, r := range mine {
		if r.ID == id {
			return d.advance(tx, who.By, &r, Cancelled, "")
		}
	}
	return fault.NotFound()
}
