package stripe

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"

	api "github.com/stripe/stripe-go/v84"
	"golang.org/x/text/unicode/norm"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

var contextErrors = []error{context.Canceled, context.DeadlineExceeded}

// Metadata of ours at Stripe.
const (
	metaReference = "reference" // of the payment: on intents, charges and refunds
	metaKey       = "key"       // our key of a refund
	metaTake      = "take"      // our key of the capture, on the intent
)

// Stripe takes expires_at from 30 minutes to 24 hours after it makes the session
// (docs.stripe.com/api/checkout/sessions/create). The desk ends a session itself when
// the buyer's time is over, so Stripe's own end comes later and is a net below it. It
// must be the same in each try, or the key would be refused: it hangs on Until alone.
const (
	netBelow  = 35 * time.Minute
	longUntil = 22 * time.Hour // from here on Stripe's own 24 hours stand
	maxItems  = 100            // of line_items in mode payment
	maxName   = 250
)

// Begin makes a Checkout Session.
func (p *Provider) Begin(ctx context.Context, s payment.Start) (payment.Status, error) {
	cur := strings.ToLower(s.Amount.Currency)
	c := &api.CheckoutSessionCreateParams{
		Mode: api.String(api.CheckoutSessionModePayment), ClientReferenceID: &s.Reference, LineItems: items(s, cur),
		SuccessURL: &s.ReturnURL, CancelURL: &s.ReturnURL, Locale: api.String(locale(s.Lang)), SubmitType: api.String(api.CheckoutSessionSubmitTypePay),
		Metadata:        map[string]string{metaReference: s.Reference},
		AdaptivePricing: &api.CheckoutSessionCreateAdaptivePricingParams{Enabled: api.Bool(false)},
		PaymentIntentData: &api.CheckoutSessionCreatePaymentIntentDataParams{
			Metadata: map[string]string{metaReference: s.Reference},
		},
	}
	if x := suffix(s.Description); x != "" {
		c.PaymentIntentData.StatementDescriptorSuffix = &x
	}
	if p.ship {
		c.PaymentIntentData.CaptureMethod = api.String(api.PaymentIntentCaptureMethodManual)
	}
	if !s.Until.IsZero() && time.Until(s.Until) < longUntil {
		c.ExpiresAt = api.Int64(s.Until.Add(netBelow).Unix())
	}
	c.SetIdempotencyKey(s.Key)
	cs, err := p.client.V1CheckoutSessions.Create(ctx, c)
	if err != nil {
		f := failed("begin", err)
		// The key is known with other values: the payment was made by an earlier try of
		// another version of us. It counts, and is looked for.
		if x := (*failure)(nil); errors.As(f, &x) && api.ErrorType(x.code) == api.ErrorTypeIdempotency {
			x.open = true
		}
		return payment.Status{}, f
	}
	if !isSession(cs) {
		return payment.Status{}, &silence{op: "begin"}
	}
	if cs.LastResponse != nil && cs.LastResponse.Header.Get("Idempotent-Replayed") == "true" {
		// The answer to the first try, word for word. What has become of it since?
		return p.session(ctx, "begin", cs.ID)
	}
	return p.status(cs), nil
}

func isSession(cs *api.CheckoutSession) bool {
	return cs != nil && cs.Object == "checkout.session" && cs.ID != "" && cs.Currency != "" && cs.LastResponse != nil && cs.LastResponse.StatusCode == http.StatusOK
}

func locale(l lang.Lang) string {
	if l == lang.EN {
		return "en"
	}
	return "sv"
}

// items are the rows on Stripe's page. Stripe adds them up itself and takes no negative
// ones, so where there is a discount or a gift card one row stands for all.
func items(s payment.Start, cur string) []*api.CheckoutSessionCreateLineItemParams {
	item := func(name string, unit, quantity int64) *api.CheckoutSessionCreateLineItemParams {
		return &api.CheckoutSessionCreateLineItemParams{Quantity: &quantity, PriceData: &api.CheckoutSessionCreateLineItemPriceDataParams{
			Currency: &cur, UnitAmount: &unit, ProductData: &api.CheckoutSessionCreateLineItemPriceDataProductDataParams{Name: &name}}}
	}
	var out []*api.CheckoutSessionCreateLineItemParams
	sum, fit := money.New(0, s.Amount.Currency), true
	for _, l := range s.Lines {
		name := clip(l.Name)
		if l.Total.Amount == 0 && (l.Kind != "goods" || name == "") {
			continue
		}
		next, err := sum.Add(l.Total)
		if fit = err == nil && l.Total.Amount >= 0 && name != ""; !fit {
			break
		}
		sum = next
		if each, err := l.Unit.Mul(l.Quantity); err == nil && l.Quantity > 0 && each.Equal(l.Total) {
			out = append(out, item(name, l.Unit.Amount, l.Quantity))
		} else {
			out = append(out, item(name, l.Total.Amount, 1))
		}
	}
	if !fit || !sum.Equal(s.Amount) || len(out) == 0 || len(out) > maxItems {
		name := clip(s.Description)
		if name == "" {
			name = s.Reference
		}
		return []*api.CheckoutSessionCreateLineItemParams{item(name, s.Amount.Amount, 1)}
	}
	return out
}

func clip(s string) string {
	r := []rune(strings.TrimSpace(s))
	return string(r[:min(len(r), maxName)])
}

// suffix is what of the shop's name goes on a card's statement after the account's own
// prefix: Latin letters, digits and spaces, at least one letter, and so short that it
// fits behind the longest prefix (22 characters in all, of which the prefix and "* "
// can be 12; docs.stripe.com/get-started/account/statement-descriptors).
func suffix(name string) string {
	var b strings.Builder
	letter := false
	for _, r := range norm.NFD.String(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			letter = true
		case r >= '0' && r <= '9':
		case unicode.IsSpace(r) || r == '-' || r == '.':
			r = ' '
		default:
			continue
		}
		if b.Len() < 10 {
			b.WriteRune(r)
		}
	}
	s := strings.TrimSpace(b.String())
	if !letter || strings.IndexFunc(s, unicode.IsLetter) < 0 {
		return ""
	}
	return s
}
