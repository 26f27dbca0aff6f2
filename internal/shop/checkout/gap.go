package checkout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/payment"
)

// Jobs of a gap with the bank; Ref is the Gap, and the GapPayment.
const (
	JobGap       = "checkout.gap"
	JobGapReturn = "checkout.gap_return"
)

// gapLead is how much earlier than the position that came back theirs may be booked.
const gapLead = time.Hour

// gapAgain is after how long a gap is looked at again, and gapLasts until when: a provider
// may tell late, and a buyer may still have been at the bank.
const (
	gapAgain = 10 * time.Minute
	gapLasts = 24 * time.Hour
)

// Gap is the time between the position that a restore brought back and the opening.
type Gap struct {
	ID     db.ID
	From   time.Time
	Opened time.Time
	Looked time.Time // zero: not yet
	Silent []string  // methods that did not tell their books
}

// GapPayment is a payment of that time as its provider has it.
//
// States: open (the purchase came back and its end is being asked for), order (it is one
// now, or was), found (nothing came back but this: a person decides), asked (its money is
// on its way back), returned, refused (by the provider: a person must look), kept (a person
// has decided that it is dealt with otherwise).
type GapPayment struct {
	ID        db.ID
	Gap       db.ID
	Method    string
	Theirs    string // the provider's id of the movement
	Ref       string // the provider's id of the payment
	Reference string // ours, as the provider repeats it
	Amount    money.Money
	Moved     time.Time
	State     string
	Purchase  db.ID // 0: none came back
	Code      string
	Author    db.ID // who decided; 0: nobody has
	Changed   time.Time

	key string
}

// OpenGap enters that the shop sells again after a restore to the position of from, and has
// the providers asked what they have moved since.
func OpenGap(tx *db.Tx, from time.Time) error {
	id := tx.NewID()
	n, err := tx.Exec(`INSERT INTO checkout_gap (id, from_at, opened_at, silent) VALUES ($1,$2,$3,'') ON CONFLICT (from_at) DO NOTHING`, id, from, tx.Now())
	if err != nil || n == 0 {
		return err
	}
	_, err = job.Enqueue(tx, job.Spec{Kind: JobGap, Ref: id, Max: 1000})
	return err
}

const gapCols = `id, from_at, opened_at, looked_at, silent`

func scanGap(r interface{ Scan(...any) error }) (g Gap, err error) {
	var silent string
	err = r.Scan(&g.ID, &g.From, &g.Opened, &g.Looked, &silent)
	g.Silent = strings.Fields(silent)
	return
}

// LastGap is the newest gap; ok is false when the shop was never restored.
func LastGap(q db.Q) (g Gap, ok bool, err error) {
	g, err = scanGap(q.QueryRow(`SELECT ` + gapCols + ` FROM checkout_gap ORDER BY id DESC LIMIT 1`))
	if errors.Is(err, db.ErrNotFound) {
		return Gap{}, false, nil
	}
	return g, err == nil, err
}

const gapPayCols = `id, gap_id, method, theirs, ref, reference, amount, currency, moved_at, state, COALESCE(purchase_id,0), idem_key, code, author, changed_at`

func scanGapPayment(r interface{ Scan(...any) error }) (p GapPayment, err error) {
	err = r.Scan(&p.ID, &p.Gap, &p.Method, &p.Theirs, &p.Ref, &p.Reference, &p.Amount.Amount, &p.Amount.Currency, &p.Moved, &p.State, &p.Purchase, &p.key, &p.Code, &p.Author, &p.Changed)
	return
}

// GapPayments lists the payments of a gap, oldest first, at most 1,000.
func GapPayments(q db.Q, by auth.By, gap db.ID) ([]GapPayment, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return nil, err
	}
	return gapPayments(q, gap)
}

func gapPayments(q db.Q, gap db.ID) ([]GapPayment, error) {
	return db.All(q, func(r *db.Rows) (GapPayment, error) { return scanGapPayment(r) }, `SELECT `+gapPayCols+` FROM checkout_gap_payment WHERE gap_id=$1 ORDER BY id LIMIT 1000`, gap)
}

func gapPaymentByID(q db.Q, id db.ID) (GapPayment, error) {
	p, err := scanGapPayment(q.QueryRow(`SELECT `+gapPayCols+` FROM checkout_gap_payment WHERE id=$1`, id))
	if errors.Is(err, db.ErrNotFound) {
		err = fault.NotFound()
	}
	return p, err
}

// GapByToken is what became of a payment whose purchase page a buyer asks for and which did
// not come back; ok is false when the link is of none.
func GapByToken(q db.Q, token string) (p GapPayment, ok bool, err error) {
	h := secret.TokenHash(token)
	if len(h) == 0 {
		return p, false, nil
	}
	p, err = scanGapPayment(q.QueryRow(`SELECT `+gapPayCols+` FROM checkout_gap_payment WHERE token_hash=$1`, h))
	if errors.Is(err, db.ErrNotFound) {
		return GapPayment{}, false, nil
	}
	return p, err == nil, err
}

// given reports whether a reference is one that this shop gives, and the hash of the link to
// the purchase that it named. Others' payments at the same provider are none of a gap's.
func (d *Desk) given(p payment.Provider, reference string) (token []byte, ok bool) {
	if t, is := p.(payment.ByToken); is && t.ByToken() {
		h := secret.TokenHash(reference)
		return h, len(h) > 0
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(reference, "KV"), 36, 64)
	if err != nil || n <= 0 || d.reference(Purchase{ID: db.ID(n), Method: p.Method()}) != reference {
		return nil, false
	}
	return secret.TokenHash(Purchase{ID: db.ID(n)}.Token(d.Vault)), true
}

// gapKey names the return of a payment to its provider. It follows from the payment alone,
// so that the same money found after a second restore goes back once.
func gapKey(method, ref string) string {
	h := sha256.Sum256([]byte("kassavalv gap\x00" + method + "\x00" + ref))
	return "gap-" + hex.EncodeToString(h[:16])
}

// CloseGap asks every provider that tells its books what it has moved since the position
// that came back. A payment whose purchase is there goes the usual way: it becomes an
// order, or its money goes back. One that nothing came back of is listed for a person.
// It is asked again until a day after the opening.
func (d *Desk) CloseGap(ctx context.Context, id db.ID) error {
	if a := d.shut(); a != nil {
		return job.Again(time.Minute)
	}
	g, err := db.Read(ctx, d.DB, func(q *db.Reader) (Gap, error) {
		return scanGap(q.QueryRow(`SELECT `+gapCols+` FROM checkout_gap WHERE id=$1`, id))
	})
	if errors.Is(err, db.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var silent []string
	again := gapAgain
	for _, p := range d.Providers {
		l, ok := p.(payment.Lister)
		if !ok {
			if _, calls := p.(payment.Silent); !calls {
				silent = append(silent, p.Method())
			}
			continue
		}
		if err := d.gapOf(ctx, g, l); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			silent, again = append(silent, p.Method()), time.Minute
			d.Log.Warn("a provider does not tell what it has moved while the shop was away", "method", p.Method(), "err", err)
		}
	}
	if err := d.settleGap(ctx, g); err != nil {
		return err
	}
	now := time.Now()
	err = db.Do(ctx, d.DB, func(tx *db.Tx) error {
		return tx.ExecOne(`UPDATE checkout_gap SET looked_at=$2, silent=$3 WHERE id=$1`, g.ID, now, strings.Join(silent, " "))
	})
	if err == nil && now.Before(g.Opened.Add(gapLasts)) {
		return job.Again(again)
	}
	return err
}

// gapOf lists what one provider has taken in since, less what it has paid back.
func (d *Desk) gapOf(ctx context.Context, g Gap, l payment.Lister) error {
	type paid struct {
		m    payment.Movement
		back int64
	}
	by := map[string]*paid{}
	var order []string
	n := 0
	err := l.Movements(ctx, g.From.Add(-gapLead), time.Now(), func(m payment.Movement) error {
		if n++; n > moveMost {
			return fmt.Errorf("checkout: more than %d movements since the position that came back", moveMost)
		}
		if m.Kind != "capture" && m.Kind != "refund" || m.Amount.Amount <= 0 || m.Ref == "" {
			return nil
		}
		x := by[m.Ref]
		if x == nil {
			x = &paid{}
			by[m.Ref], order = x, append(order, m.Ref)
		}
		switch {
		case m.Kind == "refund":
			x.back += m.Amount.Amount
		case x.m.ID == "":
			x.m = m
		case x.m.ID != m.ID && x.m.Amount.Currency == m.Amount.Currency:
			x.m.Amount.Amount += m.Amount.Amount
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, ref := range order {
		x := by[ref]
		if x.m.ID == "" {
			continue // taken in before: its refund is a matter of the comparison
		}
		token, ok := d.given(l, x.m.Reference)
		if !ok {
			continue // as a difference the comparison tells of it
		}
		if err := d.gapFound(ctx, g, l.Method(), x.m, x.back, token); err != nil {
			return err
		}
	}
	return nil
}

// gapFound enters one payment, once.
func (d *Desk) gapFound(ctx context.Context, g Gap, method string, m payment.Movement, back int64, token []byte) error {
	return db.Do(ctx, d.DB, func(tx *db.Tx) error {
		i, err := payment.ByReference(tx, method, m.Reference)
		if errors.Is(err, db.ErrNotFound) {
			i, err = payment.ByProviderRef(tx, method, m.Ref)
		}
		state, purchase, code := "found", any(nil), ""
		switch {
		case errors.Is(err, db.ErrNotFound):
			if left := m.Amount.Amount - back; left <= 0 {
				state, code = "returned", "before" // the old shop, or the provider, has done it
			} else {
				m.Amount.Amount = left
			}
		case err != nil:
			return err
		default:
			p, err := ByID(tx, i.Purchase)
			if err != nil {
				return err
			}
			if !p.Created.Before(g.Opened) {
				return nil // bought since
			}
			if i.Captured.Amount >= m.Amount.Amount && p.State.Terminal() && p.Changed.Before(g.From) {
				return nil // as it came back, so it is there
			}
			state, purchase = "open", i.Purchase
		}
		_, err = tx.Exec(`INSERT INTO checkout_gap_payment (id, gap_id, method, theirs, ref, reference, token_hash, amount, currency, moved_at, state, purchase_id, idem_key, code, author, changed_at)
			VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,0,$15) ON CONFLICT DO NOTHING`,
			tx.NewID(), g.ID, method, m.ID, m.Ref, m.Reference, token, m.Amount.Amount, m.Amount.Currency, m.At, state, purchase, gapKey(method, m.Ref), code, tx.Now())
		return err
	})
}

// settleGap asks for the end of the purchases that came back, and notes it.
func (d *Desk) settleGap(ctx context.Context, g Gap) error {
	ps, err := db.Read(ctx, d.DB, func(q *db.Reader) ([]GapPayment, error) { return gapPayments(q, g.ID) })
	if err != nil {
		return err
	}
	for _, x := range ps {
		if x.State != "open" {
			continue
		}
		p, err := d.Look(ctx, x.Purchase, "the gap")
		if err != nil {
			d.Log.Warn("a payment of the gap could not be looked up", "purchase", x.Purchase, "err", err)
			continue
		}
		state := ""
		switch {
		case p.Order != 0:
			state = "order"
		case p.Money == Returned:
			state = "returned"
		default:
			continue
		}
		err = db.Do(ctx, d.DB, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE checkout_gap_payment SET state=$2, changed_at=$3 WHERE id=$1 AND state='open'`, x.ID, state, tx.Now())
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ReturnGap pays a payment back that nothing came back of. Who decides holds the right to
// pay back and has proven himself anew. Faults: 403, 404, 409 wrong_state.
func ReturnGap(tx *db.Tx, by auth.By, id db.ID) error {
	if err := decideGap(tx, by, id, "asked", "gap.return"); err != nil {
		return err
	}
	_, err := job.Enqueue(tx, job.Spec{Kind: JobGapReturn, Ref: id, Max: 1000})
	return err
}

// KeepGap notes that a payment is dealt with otherwise; it can be returned no more.
func KeepGap(tx *db.Tx, by auth.By, id db.ID) error { return decideGap(tx, by, id, "kept", "gap.keep") }

func decideGap(tx *db.Tx, by auth.By, id db.ID, to, action string) error {
	if err := by.Need(auth.RefundsWrite); err != nil {
		return err
	}
	if err := by.NeedFresh(tx.Now()); err != nil {
		return err
	}
	x, err := gapPaymentByID(tx, id)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE checkout_gap_payment SET state=$2, author=$3, code='', changed_at=$4 WHERE id=$1 AND state IN ('found', 'refused')`, id, to, by.ID, tx.Now())
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("wrong_state")
	}
	return by.Record(tx, action, "gap_payment", id, x.State, strconv.FormatInt(x.Amount.Amount, 10)+" "+x.Amount.Currency)
}

// GapReturned is the worker that asks the provider, with the same key each time.
func (d *Desk) GapReturned(ctx context.Context, id db.ID) error {
	x, err := db.Read(ctx, d.DB, func(q *db.Reader) (GapPayment, error) { return gapPaymentByID(q, id) })
	if fault.Is(err, "not_found") || err == nil && x.State != "asked" {
		return nil
	}
	if err != nil {
		return err
	}
	if a := d.shut(); a != nil {
		return job.Again(time.Minute)
	}
	p := d.provider(x.Method)
	if p == nil {
		return job.Fail("no_provider", nil)
	}
	cctx, cancel := context.WithTimeout(ctx, d.Times.Call)
	defer cancel()
	st, err := p.Refund(cctx, payment.Refund{Key: x.key, Ref: x.Ref, Reference: x.Reference, Amount: x.Amount, Reason: "restored", Note: lang.T(lang.SV, "gap.note")})
	if err != nil {
		return job.Fail("no_answer", err)
	}
	state := "returned"
	switch {
	case st.Refused:
		state = "refused"
	case !st.Done:
		return job.Again(time.Minute)
	}
	return db.Do(context.WithoutCancel(ctx), d.DB, func(tx *db.Tx) error {
		n, err := tx.Exec(`UPDATE checkout_gap_payment SET state=$2, code=$3, changed_at=$4 WHERE id=$1 AND state='asked'`, id, state, st.Code, tx.Now())
		if err != nil || n == 0 {
			return err
		}
		return auth.System("checkout").Record(tx, "gap."+state, "gap_payment", id, "asked", st.Code)
	})
}
