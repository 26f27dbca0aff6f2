package swish

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// idForm is an instruction UUID: 32 upper-case hexadecimal digits.
var idForm = regexp.MustCompile(`^[0-9A-F]{32}$`)

type paymentRequest struct {
	PayeePaymentReference string `json:"payeePaymentReference"`
	CallbackURL           string `json:"callbackUrl"`
	CallbackIdentifier    string `json:"callbackIdentifier"`
	PayerAlias            string `json:"payerAlias,omitempty"`
	PayeeAlias            string `json:"payeeAlias"`
	Amount                string `json:"amount"`
	Currency              string `json:"currency"`
	Message               string `json:"message,omitempty"`
}

type paymentAnswer struct {
	ID                    string  `json:"id"`
	PayeePaymentReference string  `json:"payeePaymentReference"`
	PaymentReference      string  `json:"paymentReference"` // Swish's, of a payment that was made
	PayeeAlias            string  `json:"payeeAlias"`
	CallbackURL           string  `json:"callbackUrl"`
	Amount                decimal `json:"amount"`
	Currency              string  `json:"currency"`
	Status                string  `json:"status"`
	DateCreated           moment  `json:"dateCreated"`
	DatePaid              moment  `json:"datePaid"`
	ErrorCode             string  `json:"errorCode"`
}

type refundRequest struct {
	OriginalPaymentReference string `json:"originalPaymentReference"`
	PayerPaymentReference    string `json:"payerPaymentReference"`
	CallbackURL              string `json:"callbackUrl"`
	CallbackIdentifier       string `json:"callbackIdentifier"`
	PayerAlias               string `json:"payerAlias"` // the shop: it pays this time
	Amount                   string `json:"amount"`
	Currency                 string `json:"currency"`
	Message                  string `json:"message,omitempty"`
}

type refundAnswer struct {
	ID         string  `json:"id"`
	PayerAlias string  `json:"payerAlias"`
	Amount     decimal `json:"amount"`
	Currency   string  `json:"currency"`
	Status     string  `json:"status"`
	ErrorCode  string  `json:"errorCode"`
}

// decimal is a sum in kronor as Swish writes it: a number, or a string of one.
type decimal string

func (d *decimal) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(d))
	}
	*d = decimal(b)
	return nil
}

var decimalForm = regexp.MustCompile(`^[0-9]{1,13}(\.[0-9]{1,4})?$`)

// ore is the sum in öre, without a float anywhere; false for text that is no sum or has
// parts of an öre.
func (d decimal) ore() (int64, bool) {
	if !decimalForm.MatchString(string(d)) {
		return 0, false
	}
	whole, part, _ := strings.Cut(string(d), ".")
	part = strings.TrimRight(part, "0")
	if len(part) > 2 {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+part+strings.Repeat("0", 2-len(part)), 10, 64)
	return n, err == nil
}

// kronor writes öre as Swish wants it.
func kronor(ore int64) string {
	s := strconv.FormatInt(ore, 10)
	if len(s) < 3 {
		s = strings.Repeat("0", 3-len(s)) + s
	}
	return s[:len(s)-2] + "." + s[len(s)-2:]
}

// moment is a time of Swish's, whose zone it writes as "+0200" or "Z".
type moment struct{ time.Time }

func (m *moment) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil || s == "" {
		return nil // a time that is not told, or not as a time
	}
	for _, f := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(f, s); err == nil {
			m.Time = t
			return nil
		}
	}
	return nil
}
