package swish

import (
	"crypto/subtle"
	"encoding/json"
	"errors"

	"kassavalv/internal/shop/payment"
)

// headerIdentifier carries back what we gave as callbackIdentifier.
const headerIdentifier = "callbackIdentifier"

var errMalformed = errors.New("swish: callback without the id of a payment")

// Verify checks that the callback bears the identifier that we gave Swish for this
// payment or refund. It is not signed, and the same each time it comes, so it is a
// hint like one from anybody: the payment is asked about, and nothing else is read.
func (p *Provider) Verify(n payment.Notice) (payment.Hint, error) {
	var w struct {
		ID                    string `json:"id"`
		PayeePaymentReference string `json:"payeePaymentReference"`
		PayerPaymentReference string `json:"payerPaymentReference"` // of a refund: we gave the payment's
	}
	if err := json.Unmarshal(n.Body, &w); err != nil || !idForm.MatchString(w.ID) {
		return payment.Hint{}, errMalformed
	}
	if subtle.ConstantTimeCompare([]byte(n.Header.Get(headerIdentifier)), []byte(p.identifier(w.ID))) != 1 {
		return payment.Hint{}, payment.ErrBadSignature
	}
	h := payment.Hint{Ref: w.ID, Unsigned: true}
	for _, r := range []string{w.PayeePaymentReference, w.PayerPaymentReference} {
		if h.Reference == "" && referenceForm.MatchString(r) {
			h.Reference = r
		}
	}
	return h, nil
}
