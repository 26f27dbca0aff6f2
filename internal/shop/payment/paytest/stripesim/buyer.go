package stripesim

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// try makes the intent on the first try, and a charge.
func (s *Server) try(x *session, ok bool) *intent {
	now := time.Now().Unix()
	if x.pi == nil {
		x.pi = &intent{id: newID("pi_3", 23), s: x, status: "requires_payment_method", meta: map[string]string{}, created: now}
		for k, v := range x.intentMeta {
			x.pi.meta[k] = v
		}
	}
	ch := &charge{id: newID("ch_3", 23), pi: x.pi, amount: x.total, ok: ok, created: now, meta: map[string]string{}}
	for k, v := range x.pi.meta {
		ch.meta[k] = v
	}
	x.pi.ch = ch
	return x.pi
}

// Pay is a buyer who pays. It reports whether the session was open.
func (s *Server) Pay(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.find(id)
	if x == nil || x.status != "open" {
		return false
	}
	pi := s.try(x, true)
	pi.declined = nil
	x.status = "complete"
	if x.manual {
		pi.status = "requires_capture"
		s.notify("payment_intent.amount_capturable_updated", s.viewIntent(pi, false))
	} else {
		pi.status, pi.received, pi.ch.captured = "succeeded", x.total, x.total
		s.book("charge", x.total, pi.ch, nil)
		s.notify("payment_intent.succeeded", s.viewIntent(pi, false))
	}
	s.notify("checkout.session.completed", s.viewSession(x, nil))
	return true
}

// errorCodes are codes of last_payment_error that are no decline codes.
var errorCodes = []string{"expired_card", "incorrect_cvc", "processing_error", "authentication_required", "payment_intent_authentication_failure", "payment_method_customer_decline",
	"payment_method_provider_decline", "payment_method_provider_timeout", "payment_intent_payment_attempt_expired"}

// Decline is a try that the bank refuses. The buyer may try again.
func (s *Server) Decline(id, code string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.find(id)
	if x == nil || x.status != "open" {
		return false
	}
	pi := s.try(x, false)
	pi.status = "requires_payment_method"
	e := map[string]any{"type": "card_error", "code": "card_declined", "decline_code": code, "message": "Your card was declined.", "charge": pi.ch.id,
		"doc_url": "https://stripe.com/docs/error-codes/card-declined"}
	for _, c := range errorCodes {
		if c == code {
			e["code"] = code
			delete(e, "decline_code")
		}
	}
	if strings.HasPrefix(code, "payment_") {
		e["type"] = "invalid_request_error"
	}
	pi.declined = e
	s.notify("payment_intent.payment_failed", s.viewIntent(pi, false))
	return true
}

// Expire lets a session's time run out.
func (s *Server) Expire(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.find(id)
	if x == nil || x.status != "open" {
		return false
	}
	x.expires = time.Now().Unix() - 1
	s.ripen(x)
	return true
}

// Hold leaves the refunds that are made from now on pending.
func (s *Server) Hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = true
}

// Release ends all that are pending, well or not.
func (s *Server) Release(ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = false
	for _, re := range s.refunds {
		switch {
		case re.status != "pending":
		case ok:
			re.status = "succeeded"
		default:
			re.status, re.failure = "failed", "expired_or_canceled_card"
			re.ch.refunded -= re.amount
			s.book("refund_failure", re.amount, re.ch, re)
			s.notify("refund.failed", s.viewRefund(re))
		}
	}
}

// Forget is what a day does: no idempotency key is known any more.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.keys)
}

// Form is the last session's parameters as they came.
func (s *Server) Form() url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[len(s.sessions)-1].form
}

// RefundByHand is a refund that somebody makes in the dashboard.
func (s *Server) RefundByHand(id string, amount int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.find(id).pi.ch
	re := &refund{id: newID("re_3", 23), status: "succeeded", amount: amount, created: time.Now().Unix(), ch: ch, meta: map[string]string{}}
	ch.refunded += amount
	s.refunds = append(s.refunds, re)
	s.book("refund", -amount, ch, re)
}

// Dispute is a buyer's bank that takes the money back.
func (s *Server) Dispute(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.find(id)
	s.rows = append(s.rows, &row{id: newID("txn_3", 23), kind: "adjustment", amount: -x.total, fee: 15000, created: time.Now().Unix(), currency: x.currency,
		object: map[string]any{"id": newID("du_", 24), "object": "dispute", "amount": x.total, "charge": x.pi.ch.id, "payment_intent": x.pi.id, "currency": x.currency, "reason": "fraudulent", "status": "needs_response"}})
}

// Win gives the money of a dispute, and its fee, back to the merchant.
func (s *Server) Win(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.find(id)
	s.rows = append(s.rows, &row{id: newID("txn_3", 23), kind: "adjustment", amount: x.total, fee: -15000, created: time.Now().Unix(), currency: x.currency,
		object: map[string]any{"id": newID("du_", 24), "object": "dispute", "amount": x.total, "charge": x.pi.ch.id, "payment_intent": x.pi.id, "currency": x.currency, "reason": "fraudulent", "status": "won"}})
}

// Payout pays all that was booked to the merchant's account.
func (s *Server) Payout() {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := int64(0)
	for _, r := range s.rows {
		sum += r.amount - r.fee
	}
	s.rows = append(s.rows, &row{id: newID("txn_1", 23), kind: "payout", amount: -sum, created: time.Now().Unix(), currency: "sek",
		object: map[string]any{"id": newID("po_1", 23), "object": "payout", "amount": sum, "currency": "sek", "status": "paid"}})
}

// Cards are the test numbers of docs.stripe.com/testing.
var Cards = map[string]string{"4242424242424242": "", "4000000000000002": "generic_decline", "4000000000009995": "insufficient_funds", "4000000000009987": "lost_card",
	"4000000000009979": "stolen_card", "4000000000000069": "expired_card", "4000000000000127": "incorrect_cvc", "4000000000000119": "processing_error", "4000008400001629": "payment_intent_authentication_failure"}

var hosted = template.Must(template.New("").Parse(`<!doctype html><html lang="{{.Locale}}"><title>Checkout</title><h1>{{.Sum}}</h1>
{{if .Code}}<p role="alert" data-code="{{.Code}}">Your card was declined.</p>{{end}}
{{if .Open}}<form method="post"><label>Card number <input name="card_number" autocomplete="cc-number" inputmode="numeric" required></label><button>Pay</button></form>
<a href="{{.Back}}" rel="nofollow">Back</a>{{else}}<p>This page has expired.</p>{{end}}</html>`))

func (s *Server) page(w http.ResponseWriter, r *http.Request, status int, code string) {
	s.mu.Lock()
	x := s.find(r.PathValue("id"))
	if x == nil {
		s.mu.Unlock()
		http.NotFound(w, r)
		return
	}
	v := struct {
		Locale, Sum, Code, Back string
		Open                    bool
	}{x.locale, kr(x.total), code, x.cancelURL, x.status == "open"}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = hosted.Execute(w, v) // the buyer may have gone
}

func (s *Server) showPage(w http.ResponseWriter, r *http.Request) { s.page(w, r, 200, "") }

func (s *Server) takePage(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	code, known := Cards[strings.ReplaceAll(r.PostFormValue("card_number"), " ", "")]
	switch {
	case !known:
		s.page(w, r, http.StatusPaymentRequired, "incorrect_number")
	case code != "":
		s.Decline(id, code)
		s.page(w, r, http.StatusPaymentRequired, code)
	case s.Pay(id):
		s.mu.Lock()
		to := s.find(id).successURL
		s.mu.Unlock()
		http.Redirect(w, r, to, http.StatusSeeOther)
	default:
		s.page(w, r, http.StatusOK, "")
	}
}
