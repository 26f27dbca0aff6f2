package stripe

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v84/webhook"

	"kassavalv/internal/shop/payment"
)

// tolerance is how far a notification's time may lie from ours, both ways.
const tolerance = webhook.DefaultTolerance

// maxSigned bounds how many signatures one header may have: two while a secret is
// changed, and room.
const maxSigned = 8

var errMalformed = errors.New("stripe: a signed notification that cannot be read")

// event is what of a notification is read: whose it is, and which payment to ask about.
type event struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Livemode *bool  `json:"livemode"`
	Account  string `json:"account"` // only of accounts connected to a platform, and we are none
	Data     struct {
		Object json.RawMessage `json:"object"`
	} `json:"data"`
}

type object struct {
	ID        string         `json:"id"`
	Object    string         `json:"object"`
	Reference string         `json:"client_reference_id"`
	Metadata  map[string]any `json:"metadata"`
}

// Verify checks the header Stripe-Signature over the raw bytes with each secret, then
// mode and account. Of kinds that say nothing about a payment the hint is empty: there
// is nothing to do, and Stripe need not send them again.
func (p *Provider) Verify(n payment.Notice) (payment.Hint, error) {
	if !p.signed(n) {
		return payment.Hint{}, payment.ErrBadSignature
	}
	var e event
	if err := json.Unmarshal(n.Body, &e); err != nil || !plain(e.ID) || e.ID == "" || e.Livemode == nil {
		return payment.Hint{}, errMalformed
	}
	h := payment.Hint{EventID: e.ID}
	kind, _, _ := strings.Cut(e.Type, ".")
	if kind == "checkout" || kind == "payment_intent" || kind == "charge" || kind == "refund" {
		var o object
		if len(bytes.TrimSpace(e.Data.Object)) == 0 || json.Unmarshal(e.Data.Object, &o) != nil {
			return payment.Hint{}, errMalformed
		}
		h.Reference = o.Reference
		if h.Reference == "" {
			h.Reference, _ = o.Metadata[metaReference].(string)
		}
		if o.Object == "checkout.session" {
			h.Ref = o.ID
		}
		if !plain(h.Reference) || !plain(h.Ref) {
			return payment.Hint{}, errMalformed
		}
	}
	if *e.Livemode != p.live || e.Account != "" {
		return h, payment.ErrForeign
	}
	return h, nil
}

func (p *Provider) signed(n payment.Notice) bool {
	at := int64(0)
	var sigs [][]byte
	for part := range strings.SplitSeq(n.Header.Get("Stripe-Signature"), ",") {
		k, v, ok := strings.Cut(part, "=")
		switch {
		case !ok:
			return false
		case k == "t":
			t, err := strconv.ParseInt(v, 10, 64)
			if err != nil || t <= 0 || t > 1<<40 {
				return false
			}
			at = t
		case k == "v1":
			sig, err := hex.DecodeString(v)
			if err == nil {
				sigs = append(sigs, sig)
			}
		}
	}
	if at == 0 || len(sigs) == 0 || len(sigs) > maxSigned {
		return false
	}
	if d := n.At.Sub(time.Unix(at, 0)); d > tolerance || d < -tolerance {
		return false
	}
	good := false
	for _, secret := range p.hooks {
		want := webhook.ComputeSignature(time.Unix(at, 0), n.Body, secret)
		for _, s := range sigs {
			good = hmac.Equal(s, want) || good
		}
	}
	return good
}

// plain reports whether s can be an id or a reference: printable ASCII, of a length
// that Stripe's have. A signature does not make other bytes harmless.
func plain(s string) bool {
	return len(s) <= 255 && strings.IndexFunc(s, func(r rune) bool { return r <= 0x20 || r > 0x7e }) < 0
}
