package checkout

import (
	"crypto/hmac"
	"crypto/sha256"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
)

// who is what a purchase keeps sealed about its buyer: the contact as frozen, and the
// number of the phone that is to open the payment, in E.164. The number is needed until
// the provider has answered (a second call must say the same), and goes no further: an
// order never has it.
type who struct {
	order.Contact
	Payer string `json:",omitempty"`
}

// CallsPhone reports whether a way to pay can call upon the buyer's phone by number.
func (d *Desk) CallsPhone(method string) bool {
	p, ok := d.provider(method).(payment.ByPhone)
	return ok && p.ByPhone()
}

// payer is the canonical form of a number that was typed; empty: none was. The field
// is payer_phone: bad_phone, or not_offered of a way to pay that calls nobody.
func (d *Desk) payer(f *fault.Fields, r Request) string {
	if r.PayerPhone == "" {
		return ""
	}
	if !d.CallsPhone(r.Method) {
		f.Add("/payer_phone", "not_offered")
		return ""
	}
	n, err := secret.CanonicalPhone(r.PayerPhone)
	if err != nil {
		f.Add("/payer_phone", "bad_phone")
	}
	return n
}

// payerMark stands for a number where what was asked is compared. Numbers are few enough
// to try them all, so it cannot be made without the shop's key.
func (d *Desk) payerMark(number string) []byte {
	m := hmac.New(sha256.New, []byte(d.Vault.Token("checkout.payer", 1, 1)))
	m.Write([]byte(number))
	return m.Sum(nil)
}

// payerOf opens the number of the phone that is to open a payment; empty: none.
func (d *Desk) payerOf(q db.Q, p Purchase) (string, error) {
	if !d.CallsPhone(p.Method) {
		return "", nil
	}
	w, err := secret.OpenJSON[who](d.Vault, q, p.Person, fieldContact, p.ID, p.contact)
	return w.Payer, err
}

// Called fills in the last two digits of the phone that a payment waits on, for who
// holds the purchase's link. What cannot be opened is left out.
func (d *Desk) Called(q db.Q, p *Purchase) {
	if p.NextType != payment.NextPhone || p.State.Terminal() {
		return
	}
	n, err := d.payerOf(q, *p)
	if err != nil {
		d.Log.Warn("the number that a payment waits on cannot be opened", "purchase", p.ID, "err", err)
		return
	}
	if len(n) > 2 {
		p.Ending = n[len(n)-2:]
	}
}
