package bank

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"kassavalv/internal/demo/bank/wire"
)

// maxAmount keeps sums of the books far from overflow.
const maxAmount = 1_000_000_000_000

// createPayment is POST /v1/payments.
func (s *Server) createPayment(w http.ResponseWriter, r *http.Request) error {
	var req wire.CreatePayment
	if err := readJSON(w, r, &req, false); err != nil {
		return err
	}
	if h := r.Header.Get(wire.HeaderInstantCard); h != "" {
		req.InstantCard = h
	}
	key, err := readKey(r)
	if err != nil {
		return err
	}
	if err := checkCreate(req); err != nil {
		return err
	}
	hash := bodyHash(req)

	s.mu.Lock()
	p, status := s.books.byKey[key], http.StatusOK
	switch {
	case p != nil && p.hash != hash:
		s.mu.Unlock()
		return mismatch()
	case p != nil:
		err = s.ripenLocked(p)
	default:
		status = http.StatusCreated
		if p, err = s.newPaymentLocked(key, hash, req); err != nil {
			break
		}
	}
	until := time.Time{}
	if p != nil {
		until = p.hangUntil
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.wait(r.Context(), time.Until(until))
	if req.InstantCard != "" {
		c, _ := findCard(req.InstantCard) // checked above
		if err := s.pay(r, p, c); err != nil {
			return err
		}
	}
	v, err := s.told(p)
	if err != nil {
		return err
	}
	writeJSON(w, status, v)
	return nil
}

func (s *Server) newPaymentLocked(key, hash string, req wire.CreatePayment) (*payment, error) {
	life := s.opt.Lifetime
	if req.ExpiresIn > 0 {
		life = time.Duration(req.ExpiresIn) * time.Second
	}
	now := time.Now()
	req.InstantCard = "" // no card numbers in the books
	id := newID("pay_")
	if err := s.commitLocked(record{
		At: now.UnixMicro(), Op: opCreate, ID: id, Key: key, Hash: hash,
		Create: &req, Expires: now.Add(life).UnixMicro(),
	}); err != nil {
		return nil, err
	}
	p := s.books.byID[id]
	s.armLocked(p)
	return p, nil
}

// pay lets a card that needs no page decide about p, unless it is decided.
func (s *Server) pay(r *http.Request, p *payment, c card) error {
	s.mu.Lock()
	if !open(p.state) {
		s.mu.Unlock()
		return nil
	}
	held, err := s.decideLocked(p, c)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.afterDecision(r, p, held)
}

// decideLocked carries out a card on an open payment. A delivery that it returns
// is to leave before the buyer does.
func (s *Server) decideLocked(p *payment, c card) (held *delivery, err error) {
	if c.refuse != "" {
		_, err = s.moveLocked(p, record{State: wire.Refused, Reason: c.refuse}, false)
		return nil, err
	}
	now := time.Now()
	rec := record{State: wire.Captured, Silent: c.silent}
	if c.hang {
		rec.Hang = now.Add(s.opt.Hang).UnixMicro()
	}
	if ms := s.Faults().ProcessingMS; ms > 0 {
		rec.State = wire.Processing
		rec.Settle = now.Add(time.Duration(ms) * time.Millisecond).UnixMicro()
	}
	d, err := s.moveLocked(p, rec, c.early)
	if err != nil || !c.early {
		return nil, err
	}
	return d, nil
}

// afterDecision makes a decision durable and lets happen what the buyer has to
// wait for.
func (s *Server) afterDecision(r *http.Request, p *payment, held *delivery) error {
	if _, err := s.told(p); err != nil {
		return err
	}
	if held != nil {
		s.deliverEarly(held)
	}
	s.hang(r, p)
	return nil
}

func readKey(r *http.Request) (string, error) {
	key := r.Header.Get(wire.HeaderKey)
	if key == "" {
		return "", problem(http.StatusBadRequest, "key_missing", "This call needs the header "+wire.HeaderKey+".")
	}
	if !printable(key, 128) {
		return "", invalid("%s is 1 to 128 printable ASCII characters", wire.HeaderKey)
	}
	return key, nil
}

func mismatch() *refusal {
	return problem(http.StatusConflict, "idempotency_mismatch", "This key was used with another body.")
}

// bodyHash compares bodies by meaning, not by the order of their fields.
func bodyHash(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("bank: a request cannot be encoded: " + err.Error()) // our own types
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func printable(s string, limit int) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s != "" && len(s) <= limit
}

func checkCreate(c wire.CreatePayment) error {
	switch {
	case !printable(c.Reference, 128):
		return invalid("reference is 1 to 128 printable ASCII characters")
	case c.Amount < 1 || c.Amount > maxAmount:
		return invalid("amount is 1 to %d minor units", int64(maxAmount))
	case len(c.Currency) != 3 || c.Currency[0] < 'A' || c.Currency[0] > 'Z' || c.Currency[1] < 'A' || c.Currency[1] > 'Z' || c.Currency[2] < 'A' || c.Currency[2] > 'Z':
		return invalid("currency is three capital letters")
	case len(c.Description) > 200:
		return invalid("description is at most 200 bytes")
	case !absolute(c.ReturnURL, "http", "https"):
		return invalid("return_url is an absolute http or https address without user and fragment")
	case !absolute(c.NotifyURL, "https"):
		return invalid("notify_url is an absolute https address without user and fragment")
	case c.NotifyCA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(c.NotifyCA)):
		return invalid("notify_ca holds no certificate in PEM form")
	case c.Language != "" && c.Language != "sv" && c.Language != "en":
		return invalid("language is sv or en")
	case c.ExpiresIn < 0 || c.ExpiresIn > 86400:
		return invalid("expires_in is 0 to 86400 seconds")
	}
	if c.InstantCard != "" {
		card, ok := findCard(c.InstantCard)
		if !ok || card.code {
			return invalid("instant_card is a card of the sandbox that needs no second factor")
		}
	}
	return nil
}

// absolute reports whether s is an address that a buyer may be sent to, or a
// notification: absolute, of a named scheme, with a host, and printable.
func absolute(s string, schemes ...string) bool {
	if !printable(s, 2048) {
		return false
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return false
	}
	for _, scheme := range schemes {
		if u.Scheme == scheme {
			return true
		}
	}
	return false
}
