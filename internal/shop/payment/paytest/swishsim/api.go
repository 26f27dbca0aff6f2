package swishsim

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

func (s *Server) apiMux() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("PUT /swish-cpcapi/api/v2/paymentrequests/{id}", s.putPayment)
	m.HandleFunc("GET /swish-cpcapi/api/v1/paymentrequests/{id}", s.getPayment)
	m.HandleFunc("PATCH /swish-cpcapi/api/v1/paymentrequests/{id}", s.patchPayment)
	m.HandleFunc("PUT /swish-cpcapi/api/v2/refunds/{id}", s.putRefund)
	m.HandleFunc("GET /swish-cpcapi/api/v1/refunds/{id}", s.getRefund)
	return m
}

// number is the Swish number of the certificate that the caller showed.
func number(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	return r.TLS.PeerCertificates[0].Subject.CommonName
}

type problem struct {
	ErrorCode             string  `json:"errorCode"`
	ErrorMessage          string  `json:"errorMessage"`
	AdditionalInformation *string `json:"additionalInformation"`
}

type problems []problem

func (ps *problems) add(code string) {
	*ps = append(*ps, problem{ErrorCode: code, ErrorMessage: said[code]})
}

// said are the words beside the codes.
var said = map[string]string{
	"FF08": "PaymentReference is invalid", "RP01": "Missing Merchant Swish Number", "RP02": "Wrong formatted message", "RP03": "Callback URL is missing or does not use HTTPS",
	"RP06": "Another active PaymentRequest already exists for this payerAlias", "RP09": "The given instructionUUID is not available", "BE18": "Payer alias is invalid",
	"PA01": "Parameter is not correct", "PA02": "Amount value is missing or not a valid number", "AM06": "Specified transaction amount is less than agreed minimum",
	"AM02": "Amount value is too large", "AM03": "Invalid or missing Currency", "ACMT03": "Payer not Enrolled", "ACMT01": "Counterpart is not activated", "ACMT07": "Payee not Enrolled",
	"RF02": "Original Payment not found or original payment is more than 13 months old", "RF03": "Payer alias in the refund does not match the payee alias in the original payment",
	"RF07": "Transaction declined", "RF08": "Amount value is too large or amount exceeds the amount of the original payment minus any previous refunds", "RF09": "Refund already in progress",
	"TM01": "Swish timed out before the payment was started", "DS24": "Swish timed out waiting for an answer from the banks after payment was started",
	"BANKIDCL": "Payer cancelled BankID signing", "BANKIDONGOING": "BankID already in use", "BANKIDUNKN": "BankID are not able to authorize the payment", "FF10": "Bank system processing error",
	"AM04": "Insufficient funds in account", "AM21": "The amount exceeds the limit agreed in the client contract",
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

var (
	uuidForm       = regexp.MustCompile(`^[0-9A-F]{32}$`)
	referenceForm  = regexp.MustCompile(`^[a-zA-Z0-9-]{1,36}$`)
	payerForm      = regexp.MustCompile(`^[0-9]{8,15}$`)
	identifierForm = regexp.MustCompile(`^[0-9A-Za-z-]{32,36}$`)
	messageForm    = regexp.MustCompile(`^[a-zA-Z0-9åäöÅÄÖéÉüÜ !?(),.\-:;"]*$`)
	amountForm     = regexp.MustCompile(`^[0-9]+(\.[0-9]{1,2})?$`)
)

const mostOre = 99_999_999_999_999

// body reads a request; false when it was answered.
func body(w http.ResponseWriter, r *http.Request, kind string, out any) bool {
	if m, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || m != kind {
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return false
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
	if err != nil || json.Unmarshal(b, out) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return false
	}
	return true
}

// asked are the fields of a payment or refund request; Amount may be text or a number.
type asked struct {
	PayeePaymentReference, PayerPaymentReference, OriginalPaymentReference string
	CallbackURL                                                            string `json:"callbackUrl"`
	CallbackIdentifier, PayerAlias, PayeeAlias, Currency, Message          string
	Amount                                                                 json.RawMessage
}

// common checks what payments and refunds share, and reads the amount in öre.
func (a asked) common(ps *problems) int64 {
	text := strings.Trim(string(a.Amount), `"`)
	ore := int64(0)
	switch {
	case !amountForm.MatchString(text):
		ps.add("PA02")
	default:
		whole, part, _ := strings.Cut(text, ".")
		n, err := strconv.ParseInt(whole+(part + "00")[:2], 10, 64)
		switch {
		case err != nil || n > mostOre:
			ps.add("AM02")
		case n < 1:
			ps.add("AM06")
		}
		ore = n
	}
	if a.Currency != "SEK" {
		ps.add("AM03")
	}
	if !strings.HasPrefix(a.CallbackURL, "https://") {
		ps.add("RP03")
	}
	if utf8.RuneCountInString(a.Message) > 50 || !messageForm.MatchString(a.Message) {
		ps.add("RP02")
	}
	if a.CallbackIdentifier != "" && !identifierForm.MatchString(a.CallbackIdentifier) {
		ps.add("PA01")
	}
	return ore
}

func (s *Server) putPayment(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	var in asked
	if !uuidForm.MatchString(id) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if !body(w, r, "application/json", &in) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var ps problems
	if in.PayeeAlias == "" {
		ps.add("RP01")
	} else if in.PayeeAlias != number(r) || in.PayeeAlias != s.o.Payee {
		answer(w, http.StatusForbidden, problems{{ErrorCode: "PA01", ErrorMessage: "payeeAlias is not the Swish number of the certificate"}})
		return
	}
	ore := in.common(&ps)
	if in.PayeePaymentReference != "" && !referenceForm.MatchString(in.PayeePaymentReference) {
		ps.add("FF08")
	}
	if in.PayerAlias != "" {
		switch {
		case !payerForm.MatchString(in.PayerAlias):
			ps.add("BE18")
		case strings.HasSuffix(in.PayerAlias, "00"): // numbers that end so have no Swish here
			ps.add("ACMT03")
		}
		for _, o := range s.payments {
			if o.Payer == in.PayerAlias && !o.final() && o.ID != id {
				ps.add("RP06")
				break
			}
		}
	}
	if s.payments[id] != nil {
		ps = nil
		ps.add("RP09")
	}
	if len(ps) > 0 {
		answer(w, http.StatusUnprocessableEntity, ps)
		return
	}
	p := &payment{ID: id, Reference: in.PayeePaymentReference, Payee: in.PayeeAlias, Payer: in.PayerAlias, Message: in.Message, CallbackURL: in.CallbackURL, Identifier: in.CallbackIdentifier,
		Amount: ore, Status: "CREATED", Created: time.Now()}
	if p.Payer == "" {
		p.Token = random(16)
		w.Header().Set("PaymentRequestToken", p.Token)
	}
	wait := s.times.Timeout
	if wait <= 0 {
		wait = 3 * time.Minute
	}
	p.end = s.after(wait, func() {
		if !p.approving {
			s.finish(p, "ERROR", "TM01")
		}
	})
	s.payments[id] = p
	s.order = append(s.order, id)
	w.Header().Set("Location", s.apiURL+"/api/v1/paymentrequests/"+id)
	w.WriteHeader(http.StatusCreated)
}

func (s *Server) getPayment(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.payments[r.PathValue("id")]
	if p == nil || p.Payee != number(r) {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	answer(w, http.StatusOK, s.tell(p))
}

func (s *Server) patchPayment(w http.ResponseWriter, r *http.Request) {
	var in []struct{ Op, Path, Value string }
	if !body(w, r, "application/json-patch+json", &in) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.payments[r.PathValue("id")]
	switch {
	case p == nil || p.Payee != number(r):
		w.WriteHeader(http.StatusNotFound)
	case len(in) != 1 || in[0].Op != "replace" || in[0].Path != "/status" || in[0].Value != "cancelled":
		answer(w, http.StatusUnprocessableEntity, problems{{ErrorCode: "PA01", ErrorMessage: said["PA01"]}})
	case p.final() || p.approving:
		answer(w, http.StatusUnprocessableEntity, problems{{ErrorCode: "RP07", ErrorMessage: "The payment request cannot be cancelled any more"}})
	default:
		s.finish(p, "CANCELLED", "")
		answer(w, http.StatusOK, s.tell(p))
	}
}

// told is what Swish says of a payment or refund.
type told map[string]any

func (s *Server) amount(ore int64) json.Number {
	ore += s.fault.Amount
	return json.Number(fmt.Sprintf("%d.%02d", ore/100, ore%100))
}

func (s *Server) said(payee string) (account, currency string) {
	account, currency = payee, "SEK"
	if s.fault.Account != "" {
		account = s.fault.Account
	}
	if s.fault.Currency != "" {
		currency = s.fault.Currency
	}
	return
}

const stamp = "2006-01-02T15:04:05.000-0700"

func dated(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Format(stamp)
}

func or(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// tell is the payment as GET and the callback have it.
func (s *Server) tell(p *payment) told {
	account, currency := s.said(p.Payee)
	payer := p.Payer
	if payer == "" && p.Status == "PAID" {
		payer = "46700000001"
	}
	return told{"id": p.ID, "payeePaymentReference": p.Reference, "paymentReference": or(p.PaymentReference), "callbackUrl": p.CallbackURL, "callbackIdentifier": or(p.Identifier), "payerAlias": or(payer),
		"payeeAlias": account, "amount": s.amount(p.Amount), "currency": currency, "message": p.Message, "status": p.Status, "dateCreated": dated(p.Created), "datePaid": dated(p.Paid),
		"errorCode": or(p.Code), "errorMessage": or(said[p.Code]), "additionalInformation": nil}
}

// misbehave stands before the API.
func (s *Server) misbehave(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.calls++
		f := s.fault
		s.mu.Unlock()
		if f.Delay > 0 {
			select {
			case <-time.After(f.Delay):
			case <-r.Context().Done():
				return
			}
		}
		switch {
		case f.Down:
			panic(http.ErrAbortHandler)
		case f.Status != 0:
			if f.Status == http.StatusTooManyRequests {
				w.Header().Set("Retry-After", "1")
			}
			w.WriteHeader(f.Status)
			return
		case !f.LoseAfter && !f.Half && !f.Garbage:
			next.ServeHTTP(w, r)
			return
		}
		rec := &recorder{header: http.Header{}}
		next.ServeHTTP(rec, r)
		switch {
		case f.LoseAfter:
			panic(http.ErrAbortHandler)
		case f.Garbage:
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, "<html><body>Welcome to the intranet</body></html>")
		case f.Half:
			b := rec.body
			if len(b) == 0 {
				b = []byte("{}")
			}
			for k, v := range rec.header {
				w.Header()[k] = v
			}
			w.Header().Set("Content-Length", strconv.Itoa(len(b)+64))
			w.WriteHeader(max(rec.status, 200))
			w.Write(b[:len(b)/2])
			http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-s.life.Done():
			}
			panic(http.ErrAbortHandler)
		}
	})
}

// recorder keeps an answer that will not be given whole.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(n int)   { r.status = n }
func (r *recorder) Write(b []byte) (int, error) {
	r.body = append(r.body, b...)
	return len(b), nil
}
