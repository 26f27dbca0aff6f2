package order

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
)

const tokenKind = "order"

// Token is the key to the order's page; it is not stored and can be made again
// for a later mail.
func (o Order) Token(v *secret.Vault) string { return v.Token(tokenKind, o.ID, o.TokenVersion) }

const cols = `id, COALESCE(number,0), purchase_id, person_id, token_version, state, lang, method, currency, total, to_pay, paid, refunded, draft, COALESCE(ocr,''), due_at, shipped_at, received_at, placed_at, version, COALESCE(customer_id,0), gift_paid, gift_refunded`

func scan(r interface{ Scan(...any) error }) (o Order, err error) {
	var cur, draft, lg, st string
	if err = r.Scan(&o.ID, &o.Number, &o.Purchase, &o.Person, &o.TokenVersion, &st, &lg, &o.Method, &cur, &o.Total.Amount, &o.ToPay.Amount, &o.Paid.Amount, &o.Refunded.Amount,
		&draft, &o.OCR, &o.DueAt, &o.ShippedAt, &o.ReceivedAt, &o.PlacedAt, &o.Version, &o.Customer, &o.GiftPaid.Amount, &o.GiftRefunded.Amount); err != nil {
		return Order{}, err
	}
	o.State, o.Lang = State(st), lang.Lang(lg)
	o.Total.Currency, o.ToPay.Currency, o.Paid.Currency, o.Refunded.Currency = cur, cur, cur, cur
	o.GiftPaid.Currency, o.GiftRefunded.Currency = cur, cur
	return o, json.Unmarshal([]byte(draft), &o.Draft)
}

func withLines(q db.Q, o Order, err error) (Order, error) {
	if err != nil {
		return Order{}, err
	}
	rows, err := db.All(q, func(r *db.Rows) (l Line, err error) {
		err = r.Scan(&l.ID, &l.Position, &l.Shipped, &l.Cancelled, &l.Returned)
		return
	}, `SELECT id, position, shipped, cancelled, returned FROM order_line WHERE order_id=$1 ORDER BY position`, o.ID)
	if err != nil {
		return Order{}, err
	}
	for i := range rows {
		if p := rows[i].Position; p >= 0 && int(p) < len(o.Draft.Lines) {
			rows[i].DraftLine = o.Draft.Lines[p]
		}
	}
	o.Lines = rows
	return o, nil
}

// ByToken reads the order for who holds the link. db.ErrNotFound for any other
// text, the empty one included.
func ByToken(q db.Q, v *secret.Vault, token string) (Order, error) {
	h := secret.TokenHash(token)
	if len(h) == 0 {
		return Order{}, db.ErrNotFound
	}
	o, err := scan(q.QueryRow(`SELECT `+cols+` FROM order_order WHERE token_hash=$1`, h))
	if err == nil && !secret.Equal([]byte(o.Token(v)), []byte(token)) {
		return Order{}, db.ErrNotFound
	}
	return withLines(q, o, err)
}

// ByID reads an order for the program's own work. Faces use ByToken or ByNumber.
func ByID(q db.Q, id db.ID) (Order, error) {
	o, err := scan(q.QueryRow(`SELECT `+cols+` FROM order_order WHERE id=$1`, id))
	return withLines(q, o, err)
}

// OfPurchase reads the order that a purchase became.
func OfPurchase(q db.Q, purchase db.ID) (Order, error) {
	o, err := scan(q.QueryRow(`SELECT `+cols+` FROM order_order WHERE purchase_id=$1`, purchase))
	return withLines(q, o, err)
}

// ParseNumber reads an order number as a person types it (spaces allowed).
func ParseNumber(s string) (int64, bool) {
	s = strings.ReplaceAll(strings.TrimSpace(s), " ", "")
	if len(s) < 8 || len(s) > 12 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0
}

// ByNumber reads an order for staff. 404 when there is none.
func ByNumber(q db.Q, by auth.By, number string) (Order, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return Order{}, err
	}
	n, ok := ParseNumber(number)
	if !ok {
		return Order{}, fault.NotFound()
	}
	o, err := scan(q.QueryRow(`SELECT `+cols+` FROM order_order WHERE number=$1`, n))
	if err == db.ErrNotFound {
		return Order{}, fault.NotFound()
	}
	return withLines(q, o, err)
}

// Find is "find my order": number and canonical mail address must both belong
// to the same order. db.ErrNotFound otherwise, whichever was wrong.
func Find(q db.Q, v *secret.Vault, number, mail string) (Order, error) {
	n, ok := ParseNumber(number)
	if !ok {
		n = -1 // do the same work, match nothing
	}
	ix, err := v.Index(fieldMail, mail)
	if err != nil {
		return Order{}, db.ErrNotFound
	}
	o, err := scan(q.QueryRow(`SELECT `+cols+` FROM order_order WHERE number=$1 AND mail_index=$2`, n, ix))
	return withLines(q, o, err)
}

// ContactOf opens the buyer's details to who brings leave to: the link's holder, a job of
// the order's own, or staff who have opened this order. A 403 fault "masked" otherwise.
func ContactOf(q db.Q, v *secret.Vault, o Order, leave auth.Opened) (Contact, error) {
	if err := leave.Need(o.Person, "order", o.ID); err != nil {
		return Contact{}, err
	}
	return contactOf(q, v, o)
}

// Seen is the buyer's details as the office may see them: whole where they are opened, masked
// otherwise. What is masked is opened here and leaves as initials, the town and the country.
func Seen(q db.Q, v *secret.Vault, o Order, leave auth.Opened) (c Contact, open bool, err error) {
	if c, err = contactOf(q, v, o); err != nil {
		return Contact{}, false, err
	}
	if leave.Opens(o.Person, "order", o.ID) {
		return c, true, nil
	}
	return c.Masked(), false, nil
}

// SeenAll is Seen for a list: one statement for all. Orders whose buyer is erased are not
// in the map; those whose details do not open are named in broken.
func SeenAll(q db.Q, v *secret.Vault, os []Order, leaves map[db.ID]auth.Opened) (out map[db.ID]Contact, broken []db.ID, err error) {
	out = make(map[db.ID]Contact, len(os))
	if len(os) == 0 {
		return out, nil, nil
	}
	args, persons := make([]any, len(os)), make(map[db.ID]db.ID, len(os))
	for i, o := range os {
		args[i], persons[o.ID] = o.ID, o.Person
	}
	type row struct {
		id     db.ID
		sealed []byte
	}
	rows, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.sealed); return }, `SELECT id, contact FROM order_order WHERE id IN (`+db.Placeholders(1, len(args))+`)`, args...)
	if err != nil {
		return nil, nil, err
	}
	for _, x := range rows {
		person := persons[x.id]
		c, err := secret.OpenJSON[Contact](v, q, person, fieldContact, x.id, x.sealed)
		switch {
		case errors.Is(err, secret.ErrErased):
			continue
		case errors.Is(err, secret.ErrBroken):
			broken = append(broken, x.id)
			continue
		case err != nil:
			return nil, nil, err
		}
		if !leaves[x.id].Opens(person, "order", x.id) {
			c = c.Masked()
		}
		out[x.id] = c
	}
	return out, broken, nil
}

// Masked is the contact without who it is.
func (c Contact) Masked() Contact {
	m := Contact{Name: datamap.MaskName(c.Name), Email: datamap.MaskEmail(c.Email), Phone: datamap.MaskPhone(c.Phone), Company: datamap.MaskName(c.Company), Newsletter: c.Newsletter,
		Address: Address{City: c.Address.City, Country: c.Address.Country}}
	if c.OrgNumber != "" { // of a sole trader it is a personnummer
		m.OrgNumber = "•••"
	}
	if c.Reference != "" {
		m.Reference = "•••"
	}
	if c.Billing != nil {
		m.Billing = &Address{City: c.Billing.City, Country: c.Billing.Country}
	}
	return m
}

func contactOf(q db.Q, v *secret.Vault, o Order) (Contact, error) {
	var sealed []byte
	if err := q.QueryRow(`SELECT contact FROM order_order WHERE id=$1`, o.ID).Scan(&sealed); err != nil {
		return Contact{}, err
	}
	return secret.OpenJSON[Contact](v, q, o.Person, fieldContact, o.ID, sealed)
}

// Timeline lists the events, oldest first; without private ones for buyers.
func Timeline(q db.Q, id db.ID, private bool) ([]Event, error) {
	return db.All(q, func(r *db.Rows) (e Event, err error) {
		var data string
		if err = r.Scan(&e.ID, &e.Kind, &e.Public, &data, &e.At); err == nil {
			err = json.Unmarshal([]byte(data), &e.Data)
		}
		return
	}, `SELECT id, kind, public, data, at FROM order_event WHERE order_id=$1 AND (public=1 OR $2=1) ORDER BY id`, id, private)
}

// Documents lists the receipts, invoices and credit notes of an order.
func Documents(q db.Q, id db.ID) ([]Document, error) {
	return db.All(q, func(r *db.Rows) (d Document, err error) {
		var vat string
		if err = r.Scan(&d.ID, &d.Order, &d.Kind, &d.Number, &d.RefersTo, &d.Amount.Amount, &d.Amount.Currency, &vat, &d.Reason, &d.At); err == nil {
			err = json.Unmarshal([]byte(vat), &d.VAT)
		}
		return
	}, `SELECT id, order_id, kind, number, COALESCE(refers_to,0), amount, currency, vat, reason, at FROM order_document WHERE order_id=$1 ORDER BY id`, id)
}

// Filter of List. The zero value lists everything.
type Filter struct {
	State     State
	Unshipped bool // something is left to send
	Unpaid    bool // an invoice that is not paid
}

// List pages orders for staff, newest first: those with a key below before
// (0: from the newest), at most n.
func List(q db.Q, by auth.By, f Filter, before db.ID, n int) ([]Order, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return nil, err
	}
	if before <= 0 {
		before = 1<<63 - 1
	}
	// Only the conditions that are asked for stand in the text, each as an index
	// has it: a short list must not cost a walk over all that was ever sold.
	where, args := `id < $1 AND number IS NOT NULL`, []any{before, max(1, min(n, 100))}
	if f.State != "" {
		where, args = where+` AND state = $3`, append(args, string(f.State))
	}
	if f.Unshipped {
		where += ` AND shipped_at IS NULL AND state = 'placed'`
	}
	if f.Unpaid {
		where += ` AND paid < to_pay`
	}
	os, err := db.All(q, func(r *db.Rows) (Order, error) { return scan(r) }, `SELECT `+cols+` FROM order_order WHERE `+where+` ORDER BY id DESC LIMIT $2`, args...)
	if err != nil {
		return nil, err
	}
	for i := range os {
		if os[i], err = withLines(q, os[i], nil); err != nil {
			return nil, err
		}
	}
	return os, nil
}

// ToPack lists the orders with something to send, for staff, oldest first: those with a
// key above after (0: from the oldest), at most n.
func ToPack(q db.Q, by auth.By, after db.ID, n int) ([]Order, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return nil, err
	}
	os, err := db.All(q, func(r *db.Rows) (Order, error) { return scan(r) }, `SELECT `+cols+` FROM order_order
		WHERE id > $1 AND number IS NOT NULL AND shipped_at IS NULL AND state = 'placed' ORDER BY id LIMIT $2`, after, max(1, min(n, 100)))
	if err != nil {
		return nil, err
	}
	for i := range os {
		if os[i], err = withLines(q, os[i], nil); err != nil {
			return nil, err
		}
	}
	return os, nil
}

// CountToPack counts what ToPack lists, up to a thousand.
func CountToPack(q db.Q) (n int64, err error) {
	err = q.QueryRow(`SELECT count(*) FROM (SELECT id FROM order_order WHERE id > 0 AND number IS NOT NULL AND shipped_at IS NULL AND state = 'placed' ORDER BY id LIMIT 1000) x`).Scan(&n)
	return
}

// Bills lists unpaid invoices for staff, the one that is due first on top, at most n.
func Bills(q db.Q, by auth.By, n int) ([]Order, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return nil, err
	}
	os, err := db.All(q, func(r *db.Rows) (Order, error) { return scan(r) }, `SELECT `+cols+` FROM order_order
		WHERE number IS NOT NULL AND due_at IS NOT NULL AND paid < to_pay AND state <> 'cancelled' ORDER BY due_at, id LIMIT $1`, max(1, min(n, 100)))
	if err != nil {
		return nil, err
	}
	for i := range os {
		if os[i], err = withLines(q, os[i], nil); err != nil {
			return nil, err
		}
	}
	return os, nil
}

// OfCustomers lists the orders of customers that staff found, newest first, at most n.
func OfCustomers(q db.Q, by auth.By, customers []db.ID, n int) ([]Order, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return nil, err
	}
	if len(customers) == 0 {
		return nil, nil
	}
	args := make([]any, len(customers))
	for i, c := range customers {
		args[i] = c
	}
	os, err := db.All(q, func(r *db.Rows) (Order, error) { return scan(r) }, `SELECT `+cols+` FROM order_order
		WHERE number IS NOT NULL AND customer_id IN (`+db.Placeholders(1, len(args))+`) ORDER BY id DESC LIMIT `+itoa(int64(max(1, min(n, 100)))), args...)
	if err != nil {
		return nil, err
	}
	for i := range os {
		if os[i], err = withLines(q, os[i], nil); err != nil {
			return nil, err
		}
	}
	return os, nil
}

// OfMail lists the orders of a mail address that the caller has proven, newest first: those with a key below before (0: from
// the newest), at most n.
func OfMail(q db.Q, v *secret.Vault, mail string, before db.ID, n int) ([]Order, error) {
	ix, err := v.Index(fieldMail, mail)
	if err != nil {
		return nil, err
	}
	if before <= 0 {
		before = 1<<63 - 1
	}
	os, err := db.All(q, func(r *db.Rows) (Order, error) { return scan(r) }, `SELECT `+cols+` FROM order_order WHERE mail_index=$1 AND id < $2 AND number IS NOT NULL ORDER BY id DESC LIMIT $3`, ix, before, max(1, min(n, 100)))
	if err != nil {
		return nil, err
	}
	for i := range os {
		if os[i], err = withLines(q, os[i], nil); err != nil {
			return nil, err
		}
	}
	return os, nil
}

// ContactKinds are what a reader of an order's contact has read, as the record of
// accesses names it.
func (c Contact) ContactKinds() []string {
	kinds := []string{"name", "address", "email"}
	if c.Phone != "" {
		kinds = append(kinds, "phone")
	}
	return kinds
}

// VATRefund computes the VAT of a refund per rate: VAT of all refunded so far
// minus VAT already refunded, at the rate of the sale; the amount is spread
// over the rates by what is left of each.
func VATRefund(sold []VAT, earlier []VAT, amount int64) []VAT {
	gross := map[int64]int64{}
	done := map[int64]int64{}
	for _, e := range earlier {
		gross[e.RateBP] += e.Gross
		done[e.RateBP] += e.Amount
	}
	left := make([]int64, len(sold))
	for i, s := range sold {
		left[i] = s.Gross - gross[s.RateBP]
	}
	parts := money.Split(amount, left)
	var out []VAT
	for i, s := range sold {
		if parts[i] == 0 {
			continue
		}
		all := money.VATIncluded(gross[s.RateBP]+parts[i], s.RateBP)
		out = append(out, VAT{RateBP: s.RateBP, Gross: parts[i], Amount: all - done[s.RateBP]})
	}
	return out
}

// RefundedVAT sums the VAT of the credit notes so far (as positive figures).
func RefundedVAT(docs []Document) []VAT {
	sum := map[int64]*VAT{}
	var out []VAT
	for _, d := range docs {
		if d.Kind != "credit_note" {
			continue
		}
		for _, v := range d.VAT {
			if sum[v.RateBP] == nil {
				sum[v.RateBP] = &VAT{RateBP: v.RateBP}
			}
			sum[v.RateBP].Gross += v.Gross
			sum[v.RateBP].Amount += v.Amount
		}
	}
	for _, v := range sum {
		out = append(out, *v)
	}
	return out
}

// WithdrawalEnds is the last day on which the buyer may withdraw: 14 days from
// the day after the last piece was received (distansavtalslagen 2 kap. 12 §).
// While nobody knows when that was, it is counted from transit days after
// shipping; before shipping the right stands anyway and the zero time is given.
func (o Order) WithdrawalEnds(zone *time.Location) time.Time {
	at := o.ReceivedAt
	if at.IsZero() {
		if o.ShippedAt.IsZero() {
			return time.Time{}
		}
		at = o.ShippedAt
		if o.Draft.Shipping.Latest.After(at) {
			at = o.Draft.Shipping.Latest
		}
	}
	t := at.In(zone)
	return time.Date(t.Year(), t.Month(), t.Day()+14, 23, 59, 59, 0, zone)
}

// ByOCR finds the orders that an OCR number names: one, but for numbers of another
// shop that fit ours by chance. For the program's own work with a bank's file.
func ByOCR(q db.Q, ocr string) ([]Order, error) {
	if !ValidOCR(ocr) {
		return nil, nil
	}
	return db.All(q, func(r *db.Rows) (Order, error) { return scan(r) }, `SELECT `+cols+` FROM order_order WHERE ocr=$1 ORDER BY id LIMIT 5`, ocr)
}

// CountOverdue counts the unpaid invoices whose day has passed.
func CountOverdue(q db.Q) (n int64, err error) {
	err = q.QueryRow(`SELECT count(*) FROM order_order WHERE number IS NOT NULL AND due_at IS NOT NULL AND paid < to_pay AND state <> 'cancelled' AND due_at < $1`, q.LegalNow()).Scan(&n)
	return
}

// Bought is how often a customer has ordered, and when last.
type Bought struct {
	Orders int64
	Last   time.Time
}

// BoughtBy counts the orders of customers that staff found. It needs customers.read;
// who has none is not in the map.
func BoughtBy(q db.Q, by auth.By, customers []db.ID) (map[db.ID]Bought, error) {
	if err := by.Need(auth.CustomersRead); err != nil {
		return nil, err
	}
	out := make(map[db.ID]Bought, len(customers))
	if len(customers) == 0 {
		return out, nil
	}
	args := make([]any, len(customers))
	for i, c := range customers {
		args[i] = c
	}
	type row struct {
		id db.ID
		b  Bought
	}
	rows, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.b.Orders, &x.b.Last); return }, `SELECT customer_id, count(*), max(placed_at) FROM order_order
		WHERE number IS NOT NULL AND customer_id IN (`+db.Placeholders(1, len(args))+`) GROUP BY customer_id`, args...)
	for _, x := range rows {
		out[x.id] = x.b
	}
	return out, err
}

// Readdress writes another address to an order that has not left. The caller (checkout) has
// touched and judged it.
func Readdress(tx *db.Tx, v *secret.Vault, by auth.By, o Order, a Address) error {
	c, err := contactOf(tx, v, o)
	if err != nil {
		return err
	}
	c.Address = a
	sealed, err := secret.SealJSON(v, tx, o.Person, fieldContact, o.ID, c)
	if err != nil {
		return err
	}
	if err := tx.ExecOne(`UPDATE order_order SET contact=$2 WHERE id=$1`, o.ID, sealed); err != nil {
		return err
	}
	if err := AddEvent(tx, o.ID, "readdressed", false, nil); err != nil {
		return err
	}
	return by.Record(tx, "order.readdress", "order", o.ID, "", "")
}
