package checkout

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/proof"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

// Request is the wish to buy what is in a cart.
type Request struct {
	Cart     string // token
	Method   string
	Accept   bool        // the terms
	Expected money.Money // what the buyer saw; zero currency: not said
	// ExpectedToPay is what the buyer saw of it besides gift cards; zero currency: not said.
	ExpectedToPay money.Money
	ReturnURL     string
	// PayerPhone is the number of the phone that shall open the payment, as typed; empty:
	// the buyer opens it. Only of a method that CallsPhone.
	PayerPhone string
	Key        string // Idempotency-Key; empty: none
	Lang       lang.Lang
	Peer       string // client network, hashed before it is kept
	// Consents are the keys or kinds of cart.Consent that the buyer gave; with
	// Demand a purchase that lacks one is refused.
	Consents []string
	Demand   bool
}

func (d *Desk) fingerprint(r Request) []byte {
	all := []any{r.Method, r.Accept, r.Expected, r.ReturnURL}
	if len(r.Consents) > 0 {
		all = append(all, r.Consents)
	}
	if r.ExpectedToPay.Currency != "" {
		all = append(all, r.ExpectedToPay)
	}
	if r.PayerPhone != "" {
		all = append(all, d.payerMark(r.PayerPhone))
	}
	b, _ := json.Marshal(all)
	h := sha256.Sum256(b)
	return h[:]
}

// ValidKey reports whether s may be an Idempotency-Key: 1 to 128 printable ASCII.
func ValidKey(s string) bool {
	if len(s) < 1 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// validate checks a wish, and makes the payer's number canonical.
func (d *Desk) validate(r *Request) error {
	var f fault.Fields
	if !r.Accept {
		f.Add("/accept_terms", "must_accept")
	}
	if d.provider(r.Method) == nil && r.Method != giftcard.Method {
		f.Add("/payment_method", "choose")
	}
	if r.Key != "" && !ValidKey(r.Key) {
		f.Add("/idempotency_key", "bad_idempotency_key")
	}
	if r.ReturnURL != "" && !d.okReturn(r.ReturnURL) {
		f.Add("/return_url", "bad_return_url")
	}
	if len(r.Consents) > maxConsents {
		f.Add("/consents", "too_many")
	}
	if r.Expected.Currency != "" && r.Expected.Amount < 0 {
		f.Add("/expected_total", "bad_amount")
	}
	if r.ExpectedToPay.Currency != "" && r.ExpectedToPay.Amount < 0 {
		f.Add("/expected_to_pay", "bad_amount")
	}
	r.PayerPhone = d.payer(&f, *r)
	return f.Err()
}

// okReturn allows absolute addresses of the shop's own or a configured origin.
func (d *Desk) okReturn(s string) bool {
	if len(s) > 2000 || strings.ContainsAny(s, "\\\r\n\t") {
		return false
	}
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Host == "" || u.Opaque != "" {
		return false
	}
	origin := u.Scheme + "://" + u.Host
	if origin == d.Base {
		return true
	}
	for _, o := range d.Origins {
		if o != "" && origin == o {
			return true
		}
	}
	return false
}

// begun is what tx 1 found or made.
type begun struct {
	p      Purchase
	intent payment.Intent
	made   bool
	cancel db.ID // an open attempt of the cart that must end at the provider first
}

// Begin starts a purchase, or answers with the one that is there. Faults: 422
// with fields, 409 total_changed, out_of_stock, cart_changed, cart_ordered,
// 422 idempotency_mismatch, 429.
func (d *Desk) Begin(ctx context.Context, r Request) (Purchase, error) {
	if a := d.shut(); a != nil {
		return Purchase{}, a
	}
	if err := d.validate(&r); err != nil {
		return Purchase{}, err
	}
	at, err := d.point(ctx, r)
	if err != nil {
		return Purchase{}, err
	}
	for range 3 {
		b, _, err := db.Write(ctx, d.DB, func(tx *db.Tx) (begun, error) { return d.begin(tx, r, at) })
		if err != nil {
			return Purchase{}, err
		}
		if b.cancel != 0 {
			// Another method or a changed cart: the open attempt ends at the
			// provider first. If it turns out paid, that is the answer.
			p, err := d.cancel(ctx, b.cancel, "replaced")
			if err != nil {
				return Purchase{}, err
			}
			if p.State == Paid || p.State == Placed {
				return p, nil
			}
			if !p.State.Terminal() {
				return Purchase{}, fault.Conflict("purchase_open")
			}
			continue
		}
		if !b.made {
			return b.p, nil
		}
		d.at("stored")
		return d.start(ctx, b.p, b.intent)
	}
	return Purchase{}, fault.Conflict("purchase_open")
}

// point asks the carrier about the chosen place, before any transaction. A
// carrier that is down hinders nothing: it is then to choose the nearest itself.
func (d *Desk) point(ctx context.Context, r Request) (Point, error) {
	c, err := db.Read(ctx, d.DB, func(q *db.Reader) (cart.Cart, error) { return cart.ByToken(q, d.Vault, r.Cart) })
	if err != nil || c.Point == "" || c.Purchase != 0 {
		return Point{}, err
	}
	at := Point{ID: c.Point}
	if d.Points != nil {
		at = d.Points(ctx, c.Option, c.PostalCode, c.Point, r.Lang.Or())
	}
	at.of = pointKey(c)
	return at, nil
}

func (d *Desk) begin(tx *db.Tx, r Request, at Point) (begun, error) {
	c, err := cart.ByToken(tx, d.Vault, r.Cart)
	if err != nil {
		return begun{}, err
	}
	if err := cart.Lock(tx, c.ID); err != nil {
		return begun{}, err
	}
	if c, err = cart.ByID(tx, c.ID); err != nil {
		return begun{}, err
	}
	var idem []byte
	if r.Key != "" {
		h := sha256.Sum256([]byte(r.Key))
		idem = h[:]
		// Kept 24 h: an older one no longer answers.
		p, err := scan(tx.QueryRow(`SELECT `+cols+` FROM checkout_purchase WHERE cart_id=$1 AND idem_hash=$2`, c.ID, idem))
		switch {
		case err == nil:
			if !secret.Equal(p.fingerprint, d.fingerprint(r)) {
				return begun{}, &fault.Error{Kind: fault.Unprocessable, Code: "idempotency_mismatch"}
			}
			return begun{p: p}, nil
		case !errors.Is(err, db.ErrNotFound):
			return begun{}, err
		}
	}
	if c.Purchase != 0 {
		p, err := ByID(tx, c.Purchase)
		return begun{p: p}, err
	}
	open, err := scan(tx.QueryRow(`SELECT `+cols+` FROM checkout_purchase WHERE cart_id=$1 AND is_open=1`, c.ID))
	if err == nil {
		if open.Method == r.Method && open.CartVersion == c.Version {
			if payer, err := d.payerOf(tx, open); err != nil {
				return begun{}, err
			} else if payer == r.PayerPhone {
				return begun{p: open}, nil
			}
		}
		return begun{cancel: open.ID}, nil
	}
	if !errors.Is(err, db.ErrNotFound) {
		return begun{}, err
	}
	if err := d.limits(tx, c.ID, d.peer(r.Peer)); err != nil {
		return begun{}, err
	}
	view, err := d.Shelf.Fresh(tx, c, r.Lang)
	if err != nil {
		return begun{}, err
	}
	if err := view.Ready(); err != nil {
		return begun{}, err
	}
	if r.Expected.Currency != "" && !r.Expected.Equal(view.Quote.Total) {
		return begun{}, fault.Conflict("total_changed")
	}
	if err := giftsAsSeen(r, view); err != nil {
		return begun{}, err
	}
	if c.Point != "" {
		switch {
		case at.of != pointKey(c): // chosen anew in the meantime
			return begun{}, fault.Conflict("cart_changed")
		case at.Refused:
			return begun{}, fault.Invalid(fault.Field{Pointer: "/delivery/pickup_point_id", Code: "not_offered"})
		}
	}
	if d.Barred != nil {
		no, err := d.Barred(tx, r.Method, view.Quote.ToPay)
		if err != nil {
			return begun{}, err
		}
		if no {
			return begun{}, fault.Invalid(fault.Field{Pointer: "/payment_method", Code: "not_offered"})
		}
	}
	terms, err := d.Terms(tx)
	if err != nil {
		return begun{}, err
	}
	contact, ok, err := cart.Contact[order.Contact](tx, d.Vault, c)
	if err != nil {
		return begun{}, err
	}
	if !ok {
		return begun{}, fault.Invalid(fault.Field{Pointer: "/customer", Code: "required"})
	}
	return d.store(tx, r, c, view, contact, terms, idem, at)
}

// store freezes the purchase, holds the stock, claims the codes and writes the
// intent: all or nothing.
func (d *Desk) store(tx *db.Tx, r Request, c cart.Cart, view cart.View, contact order.Contact, terms string, idem []byte, at Point) (begun, error) {
	draft := freeze(view, r.Lang, r.Method, terms, at)
	if c, later := d.provider(r.Method).(payment.Capturer); later && draft.ToPay.Amount > 0 {
		if draft.Take = order.TakeShipped; c.AtOnce() {
			draft.Take = order.TakePlaced
		}
	}
	var err error
	if draft.Consents, draft.Unasked, err = agreed(view, r.Lang.Or(), r.Consents, r.Demand, tx.LegalNow()); err != nil {
		return begun{}, err
	}
	text, err := json.Marshal(draft)
	if err != nil {
		return begun{}, err
	}
	sum := sha256.Sum256(text)
	p := Purchase{ID: tx.NewID(), Cart: c.ID, CartVersion: c.Version, Method: r.Method, State: Received, Person: c.Person, Draft: draft, Total: draft.ToPay, Money: NotMoved,
		ReturnURL: r.ReturnURL, Lang: r.Lang.Or(), HoldUntil: tx.Now().Add(d.Times.Hold), Created: tx.Now(), Changed: tx.Now(), Version: 1}
	p.AnswerBy = p.HoldUntil.Add(d.Times.Grace)
	// The rescuer takes over when this process does not come back with an answer.
	p.CheckAt = tx.Now().Add(d.Times.Answer + d.Times.Check)
	if p.contact, err = secret.SealJSON(d.Vault, tx, c.Person, fieldContact, p.ID, who{contact, r.PayerPhone}); err != nil {
		return begun{}, err
	}
	var key any
	if idem != nil {
		key = idem
	}
	if _, err := tx.Exec(`INSERT INTO checkout_purchase (id, token_hash, cart_id, cart_version, idem_hash, fingerprint, method, state, is_open, person_id, contact, draft, draft_hash,
		total, currency, money, reason, code, next_type, next_url, return_url, lang, peer, alarm, hold_until, answer_by, check_at, checks, created_at, changed_at, version)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,1,$9,$10,$11,$12,$13,$14,'no','','','','',$15,$16,$17,'',$18,$19,$20,0,$21,$21,1)`,
		p.ID, secret.TokenHash(p.Token(d.Vault)), c.ID, c.Version, key, d.fingerprint(r), p.Method, string(p.State), p.Person, p.contact, string(text), sum[:],
		p.Total.Amount, p.Total.Currency, p.ReturnURL, string(p.Lang), d.peer(r.Peer), p.HoldUntil, p.AnswerBy, p.CheckAt, tx.Now()); err != nil {
		return begun{}, err
	}
	// What the payment partner gets of the buyer, on record before he gets it. An invoice is the shop's own.
	if p.Method != "invoice" && draft.ToPay.Amount > 0 {
		kinds := []string{"order"}
		if r.PayerPhone != "" {
			kinds = append(kinds, "phone")
		}
		if _, err := audit.RecordHandover(tx, p.Person, p.Method, kinds, "purchase", p.ID); err != nil {
			return begun{}, err
		}
	}
	lines := make([]stock.Line, 0, len(draft.Lines))
	for _, l := range draft.Lines {
		lines = append(lines, stock.Line{Variant: l.Variant, Quantity: l.Quantity})
	}
	if err := stock.Hold(tx, p.ID, lines); err != nil {
		return begun{}, err
	}
	if len(draft.Codes) > 0 {
		if err := pricing.Claim(tx, draft.Codes, p.ID); err != nil {
			return begun{}, err
		}
	}
	if len(draft.Gifts) > 0 {
		if err := holdGifts(tx, p.ID, draft); err != nil {
			return begun{}, err
		}
	}
	intent, err := payment.NewIntent(tx, p.ID, p.Method, d.reference(p), p.Total)
	if err != nil {
		return begun{}, err
	}
	if err := step(tx, p.ID, Received, "stored"); err != nil {
		return begun{}, err
	}
	return begun{p: p, intent: intent, made: true}, nil
}

func (d *Desk) peer(peer string) []byte {
	h := sha256.Sum256([]byte("peer\x00" + d.Vault.Token("checkout.peer", 1, 1) + peer))
	return h[:16]
}

func (d *Desk) limits(tx *db.Tx, cartID db.ID, peer []byte) error {
	var n int
	since := tx.Now().Add(-refusedWindow)
	// The state stands in a CASE, or SQLite begins with the index of states and
	// reads every refused purchase of the shop.
	if err := tx.QueryRow(`SELECT COALESCE(sum(CASE WHEN state='refused' AND reason NOT IN ('cancelled','cart_changed') AND changed_at > $2 THEN 1 ELSE 0 END),0) FROM checkout_purchase WHERE cart_id=$1`, cartID, since).Scan(&n); err != nil {
		return err
	}
	if n >= maxRefusedCart {
		return fault.TooMany(refusedWindow)
	}
	if err := tx.QueryRow(`SELECT count(*) FROM checkout_purchase WHERE peer=$1 AND state='refused' AND reason NOT IN ('cancelled','cart_changed') AND changed_at > $2`, peer, since).Scan(&n); err != nil {
		return err
	}
	if n >= maxRefusedPeer {
		return fault.TooMany(refusedWindow)
	}
	return nil
}

// start asks the provider for the payment, and waits for its answer no longer
// than Times.Answer; the call itself goes on and records its answer later.
func (d *Desk) start(ctx context.Context, p Purchase, i payment.Intent) (Purchase, error) {
	type result struct {
		p   Purchase
		err error
	}
	done := make(chan result, 1)
	d.calls.Add(1)
	go func() {
		defer d.calls.Done()
		cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.Times.Call)
		defer cancel()
		defer context.AfterFunc(d.halt().ctx, cancel)()
		q, err := d.ask(cctx, p, i)
		done <- result{q, err}
	}()
	answer := d.Times.Answer
	if proof.Broken("answer") {
		answer = 2 * d.Times.Call
	}
	wait, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	select {
	case r := <-done:
		if r.err != nil {
			d.Log.Warn("purchase: provider gave no answer", "purchase", p.ID, "method", p.Method, "err", r.err)
			return p, nil // stored; the rescuer goes on
		}
		return r.p, nil
	case <-wait.Done():
		return p, nil
	}
}

// ask makes the payment at the provider (again: the key keeps it to one) and
// records the answer.
func (d *Desk) ask(ctx context.Context, p Purchase, i payment.Intent) (Purchase, error) {
	if i.Amount.Amount == 0 {
		// Codes or gift cards took the whole sum: there is nothing to ask anybody for, and no bank
		// takes a payment of nothing.
		zero := money.New(0, i.Amount.Currency)
		return d.record(ctx, p.ID, answer{st: payment.Status{Reference: i.Reference, State: payment.Captured, Amount: i.Amount, Captured: zero, Refunded: zero, Live: d.Live}, why: "nothing to pay"})
	}
	prov := d.provider(p.Method)
	if prov == nil {
		return p, errors.New("checkout: no such provider")
	}
	phone := ""
	if d.CallsPhone(p.Method) {
		var err error
		if phone, err = db.Read(ctx, d.DB, func(q *db.Reader) (string, error) { return d.payerOf(q, p) }); err != nil {
			return p, err
		}
	}
	d.at("before begin")
	token := p.Token(d.Vault)
	call := payment.NewCall("begin")
	st, err := prov.Begin(ctx, payment.Start{Key: proof.Spoil("key", i.Key), Reference: i.Reference, Amount: i.Amount, Lang: p.Lang, Description: d.Name, Until: p.HoldUntil,
		Lines: payLines(p.Draft), Phone: phone, Country: d.Country, ReturnURL: d.Base + lang.Path(p.Lang, "/purchases/"+token+"/return"), NotifyURL: d.Base + "/hooks/" + p.Method})
	call = call.Ended(st.State, st.Code, err)
	d.heard(p.Method, err)
	if err != nil {
		d.mute(ctx, p.ID, call)
		return p, err
	}
	d.at("after begin")
	return d.record(ctx, p.ID, answer{st: st, why: "begin", call: call})
}
