package swish

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// Addresses of Swish's API: what moves money, and Merchant Swish Simulator (MSS), which
// answers as if it did.
const (
	liveBase = "https://cpc.getswish.net/swish-cpcapi"
	testBase = "https://mss.cpc.getswish.net/swish-cpcapi"
)

// timeToPay is how long Swish waits for a buyer to begin to approve; then the payment
// ends with TM01.
const timeToPay = 3 * time.Minute

// Options are what a merchant gives.
type Options struct {
	Payee string // the merchant's Swish number, ten digits that begin with 123
	// The certificate of that number: two PEM files, or one PKCS#12 file.
	Cert, Key, P12, Password string
	CA                       string // PEM file of authorities for Swish's own certificate; empty: the machine's
	BaseURL                  string // another address of the API, for tests; loopback only
	Live                     bool   // real money
	Secret                   []byte // of this shop, and the same for all its life
	Log                      *slog.Logger
	Now                      func() time.Time // nil: time.Now
}

// ConfigError is a setting that cannot work, by the name of its key.
type ConfigError struct{ Key, What string }

func (e *ConfigError) Error() string { return e.Key + ": " + e.What }

// Provider implements payment.Provider, payment.Pinger and payment.Expirer.
type Provider struct {
	o      Options
	base   string
	cert   *clientCert
	client *client

	mu     sync.Mutex
	tokens map[string]string // UUID to token of payments made by this process
}

var payeeForm = regexp.MustCompile(`^123[0-9]{7}$`)

// New makes a provider, or says which setting is wrong.
func New(o Options) (*Provider, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if !payeeForm.MatchString(o.Payee) {
		return nil, &ConfigError{"swish.payee", "must be the shop's Swish number: ten digits that begin with 123"}
	}
	if len(o.Secret) < 16 {
		return nil, errors.New("swish: the shop has no key")
	}
	p := &Provider{o: o, base: liveBase, tokens: map[string]string{}}
	if !o.Live {
		p.base = testBase
	}
	if o.BaseURL != "" {
		u, err := url.Parse(o.BaseURL)
		switch {
		case err != nil || u.Scheme != "https" || !loopback(u.Hostname()) || u.User != nil || u.RawQuery != "" || u.Fragment != "":
			return nil, &ConfigError{"swish.base_url", "is for tests, and must be https on this machine"}
		case o.Live:
			return nil, &ConfigError{"swish.base_url", "is for tests; remove it, or set payments.test"}
		}
		p.base = strings.TrimRight(o.BaseURL, "/")
	}
	var err error
	if p.cert, err = openCert(o); err != nil {
		return nil, err
	}
	if p.client, err = newClient(p.base, o.CA, p.cert); err != nil {
		return nil, err
	}
	return p, nil
}

// Method is "swish".
func (p *Provider) Method() string { return "swish" }

// Credit is false: the buyer's own money moves.
func (p *Provider) Credit() bool { return false }

// ByPhone is true: Swish's e-commerce.
func (p *Provider) ByPhone() bool { return true }

// Expires is when the certificate in use ends.
func (p *Provider) Expires() time.Time { return p.cert.expires() }

// derive makes 128 bits from the shop's key, as 32 upper-case hexadecimal digits: what
// Swish demands of an instruction UUID. Nobody else can name our payments.
func (p *Provider) derive(kind, text string) string {
	m := hmac.New(sha256.New, p.o.Secret)
	m.Write([]byte("swish\x00" + kind + "\x00" + p.o.Payee + "\x00" + text))
	return strings.ToUpper(hex.EncodeToString(m.Sum(nil)[:16]))
}

func (p *Provider) paymentID(key string) string { return p.derive("payment", key) }
func (p *Provider) refundID(key string) string  { return p.derive("refund", key) }

// identifier is what Swish repeats in the callback header of the same name.
func (p *Provider) identifier(id string) string { return p.derive("callback", id) }

func (p *Provider) keepToken(id, token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.tokens) > 20_000 {
		clear(p.tokens) // those of open purchases are in the database
	}
	p.tokens[id] = token
}

func (p *Provider) token(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tokens[id]
}

// maxAmount is Swish's: 999 999 999 999.99 kronor. The buyer's own limit lies far below
// and is the bank's to refuse.
const maxAmount = 99_999_999_999_999

var referenceForm = regexp.MustCompile(`^[0-9A-Za-z-]{1,35}$`)

// Begin makes the payment request. A buyer with a phone number is called upon there
// ("e-commerce"): there is nothing to open. Without one ("m-commerce") Swish gives a
// token, which opens the app or stands in a QR code.
func (p *Provider) Begin(ctx context.Context, s payment.Start) (payment.Status, error) {
	if s.Key == "" || !referenceForm.MatchString(s.Reference) {
		return payment.Status{}, errors.New("swish: a payment needs a key and a reference of letters, digits and hyphens")
	}
	id := p.paymentID(s.Key)
	no := func(c string) (payment.Status, error) {
		m := meaning(c)
		zero := money.New(0, s.Amount.Currency)
		return payment.Status{Ref: id, Reference: s.Reference, State: payment.Refused, Amount: s.Amount, Captured: zero, Refunded: zero, Reason: m.reason, Code: c, Live: p.o.Live}, nil
	}
	switch {
	case s.Amount.Currency != "SEK":
		return no("AM03")
	case s.Amount.Amount < 1:
		return no("AM06")
	case s.Amount.Amount > maxAmount:
		return no("AM02")
	}
	if !p.o.Now().Before(p.Expires()) {
		return no(codeEnded) // Swish would not speak with us
	}
	body := paymentRequest{PayeePaymentReference: s.Reference, CallbackURL: s.NotifyURL, CallbackIdentifier: p.identifier(id), PayeeAlias: p.o.Payee,
		Amount: kronor(s.Amount.Amount), Currency: "SEK", Message: message(s.Description, s.Reference)}
	if s.Phone != "" {
		body.PayerAlias = strings.TrimPrefix(s.Phone, "+")
	}
	a, err := p.client.do(ctx, "PUT", "/api/v2/paymentrequests/"+id, "application/json", body)
	if err != nil {
		return payment.Status{}, err
	}
	switch {
	case a.status == 201:
		token := a.header.Get("PaymentRequestToken")
		if token != "" {
			p.keepToken(id, token)
		}
		zero := money.New(0, "SEK")
		return payment.Status{Ref: id, Reference: s.Reference, State: payment.Open, Amount: s.Amount, Captured: zero, Refunded: zero, Next: p.opens(id, s), Live: p.o.Live, Until: p.o.Now().Add(timeToPay)}, nil
	case a.has(taken):
		st, err := p.look(ctx, id, s.Reference)
		if err == nil && st.State == payment.Absent {
			return payment.Status{}, unknown(taken, "the request is there and is not told")
		}
		if err == nil && st.State == payment.Open {
			st.Next = p.opens(id, s)
		}
		return st, err
	case a.status == 422:
		if c := a.code(); c != "" {
			p.o.Log.Warn("swish refused a payment request", "codes", a.codes())
			return no(c)
		}
	case a.status == 400, a.status == 415:
		// Not understood at all, so nothing was made. Ours to mend; the buyer pays otherwise.
		p.o.Log.Error("swish did not understand a payment request", "status", a.status)
		return no("PA01")
	}
	return payment.Status{}, a.unclear()
}

// opens is what the buyer must do: look at the phone that was called upon, or open the app.
func (p *Provider) opens(id string, s payment.Start) *payment.NextAction {
	if s.Phone != "" {
		return &payment.NextAction{Type: payment.NextPhone}
	}
	return next(p.token(id), s.ReturnURL)
}

// next opens the app on this device and brings the buyer back to where.
func next(token, where string) *payment.NextAction {
	if token == "" {
		return nil
	}
	q := url.Values{"token": {token}}.Encode()
	if where != "" {
		q += "&" + url.Values{"callbackurl": {where}}.Encode()
	}
	return &payment.NextAction{Type: "app", URL: "swish://paymentrequest?" + strings.ReplaceAll(q, "+", "%20")}
}

// QR is the text of the code that the app scans: "D" and the token.
func (p *Provider) QR(n payment.NextAction) string {
	u, err := url.Parse(n.URL)
	if err != nil || n.Type != "app" || u.Scheme != "swish" || u.Query().Get("token") == "" {
		return ""
	}
	return "D" + u.Query().Get("token")
}

// Look asks Swish about the payment.
func (p *Provider) Look(ctx context.Context, h payment.Handle) (payment.Status, error) {
	id, err := p.idOf(h)
	if err != nil {
		return payment.Status{}, err
	}
	return p.look(ctx, id, h.Reference)
}

func (p *Provider) idOf(h payment.Handle) (string, error) {
	switch {
	case h.Ref != "" && !idForm.MatchString(h.Ref):
		return "", errors.New("swish: not an id of Swish's")
	case h.Ref != "":
		return h.Ref, nil
	case h.Key != "":
		return p.paymentID(h.Key), nil
	}
	return "", errors.New("swish: a payment without key and id")
}

func (p *Provider) look(ctx context.Context, id, reference string) (payment.Status, error) {
	_, st, err := p.read(ctx, id, reference)
	return st, err
}

// read also gives Swish's own words, with the reference that a refund needs.
func (p *Provider) read(ctx context.Context, id, reference string) (paymentAnswer, payment.Status, error) {
	a, err := p.client.do(ctx, "GET", "/api/v1/paymentrequests/"+id, "", nil)
	if err != nil {
		return paymentAnswer{}, payment.Status{}, err
	}
	switch a.status {
	case 200:
		return p.told(id, a)
	case 404:
		return paymentAnswer{}, payment.Status{Reference: reference, State: payment.Absent}, nil
	}
	return paymentAnswer{}, payment.Status{}, a.unclear()
}

// told reads a payment as Swish tells it. One of another id or another merchant is no
// answer to our question.
func (p *Provider) told(id string, a answer) (paymentAnswer, payment.Status, error) {
	var w paymentAnswer
	if err := a.into(&w); err != nil {
		return w, payment.Status{}, err
	}
	if w.ID != id || w.PayeeAlias != p.o.Payee {
		return w, payment.Status{}, unknown("foreign", "the answer is about another payment or merchant")
	}
	ore, ok := w.Amount.ore()
	if !ok {
		return w, payment.Status{}, unknown("bad_amount", "the answer has a sum that is none")
	}
	st := payment.Status{Ref: id, Reference: w.PayeePaymentReference, Amount: money.New(ore, w.Currency), Captured: money.New(0, w.Currency), Refunded: money.New(0, w.Currency), Code: w.ErrorCode, Live: p.o.Live}
	switch w.Status {
	case "CREATED":
		st.State = payment.Open
		if !w.DateCreated.IsZero() {
			st.Until = w.DateCreated.Add(timeToPay)
		}
	case "PAID":
		st.State, st.Captured, st.Code = payment.Captured, st.Amount, w.PaymentReference
	case "DECLINED":
		st.State, st.Reason = payment.Refused, payment.BuyerLeft
		if st.Code == "" {
			st.Code = "DECLINED"
		}
	case "CANCELLED":
		st.State, st.Reason = payment.Cancelled, payment.BuyerLeft
	case "ERROR":
		m := meaning(w.ErrorCode)
		st.State, st.Reason = m.state, m.reason
		st.Adrift = w.ErrorCode == unsure
	default:
		st.State = payment.Processing // a word we do not know is no answer
	}
	return w, st, nil
}

// cancelling is the JSON patch that ends a payment request.
var cancelling = []map[string]string{{"op": "replace", "path": "/status", "value": "cancelled"}}

// Cancel ends a payment that the buyer has not begun to approve. When Swish will not,
// its state tells why.
func (p *Provider) Cancel(ctx context.Context, h payment.Handle) (payment.Status, error) {
	id, err := p.idOf(h)
	if err != nil {
		return payment.Status{}, err
	}
	a, err := p.client.do(ctx, "PATCH", "/api/v1/paymentrequests/"+id, "application/json-patch+json", cancelling)
	if err != nil {
		return payment.Status{}, err
	}
	switch a.status {
	case 200:
		_, st, err := p.told(id, a)
		return st, err
	case 404, 422, 400, 409:
		return p.look(ctx, id, h.Reference)
	}
	return payment.Status{}, a.unclear()
}

// Ping asks about a payment that is not there; Swish says so when it and our
// certificate are well.
func (p *Provider) Ping(ctx context.Context) error {
	a, err := p.client.do(ctx, "GET", "/api/v1/paymentrequests/"+p.derive("ping", ""), "", nil)
	if err != nil {
		return err
	}
	if a.status == 404 || a.status == 200 {
		return nil
	}
	return a.unclear()
}

// maxMessage is how much the buyer sees in the app.
const maxMessage = 50

// message is the shop's name and our reference, in the letters that Swish allows: a-ö,
// A-Ö, digits, space and !?(),.-:;"
func message(shop, reference string) string {
	var b strings.Builder
	space := false
	for _, r := range shop {
		if !allowed(r) {
			r = ' '
		}
		if r == ' ' {
			space = b.Len() > 0
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	name, ref := b.String(), "Köp "+reference
	if name == "" {
		return clip(ref, maxMessage)
	}
	if room := maxMessage - utf8.RuneCountInString(ref) - 2; room > 0 {
		return strings.TrimRight(clip(name, room), " ,.-:;") + ", " + ref
	}
	return clip(ref, maxMessage)
}

func allowed(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("åäöÅÄÖ éÉüÜ!?(),.-:;\"", r)
}

func clip(s string, n int) string {
	r := []rune(s)
	return string(r[:min(len(r), n)])
}

func unknown(code, what string) error {
	return fmt.Errorf("%w: %w", payment.ErrUnknown, &problem{code, what})
}
