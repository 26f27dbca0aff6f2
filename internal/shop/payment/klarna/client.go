package klarna

import (
	"bytes"
	"context"
	"crypto/sha1" // UUID version 5 is made of it; nothing is kept secret by it
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"kassavalv/internal/shop/payment"
)

// problem is an answer of Klarna other than 2xx: its error_code and correlation_id.
// error_messages stay out of it: they can repeat what was sent, and what was typed.
type problem struct {
	status      int
	code        string
	correlation string
}

func (e *problem) Error() string {
	return fmt.Sprintf("klarna: %d %s (correlation id %s)", e.status, e.code, e.correlation)
}

// ProviderCode is what staff see: the code, and what Klarna's support asks for.
func (e *problem) ProviderCode() string {
	if e.correlation == "" {
		return e.code
	}
	return e.code + "/" + e.correlation
}

// maxAnswer is how much of an answer is read: an order of 1,000 lines with as many
// captures is far less.
const maxAnswer = 8 << 20

// call does one request. Whatever leaves the outcome open wraps payment.ErrUnknown:
// no answer, half an answer, 5xx, 429, and 409 CONFLICT, which Klarna asks to try again.
// out may be nil. It returns the answer's header.
func (p *Provider) call(ctx context.Context, method, path, key string, in, out any) (http.Header, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, body)
	if err != nil {
		return nil, errors.New("klarna: bad address")
	}
	req.SetBasicAuth(p.user, p.pass.Reveal())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Kassavalv")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Klarna-Idempotency-Key", uuid5(key))
	}
	res, err := p.client.Do(req)
	if err != nil {
		// Without the address, which names the payment.
		if ue := (*url.Error)(nil); errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, fmt.Errorf("%w: klarna: %s: %w", payment.ErrUnknown, method, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("%w: klarna: answer cut short: %w", payment.ErrUnknown, err)
	}
	if len(b) > maxAnswer {
		return nil, fmt.Errorf("%w: klarna: answer too long", payment.ErrUnknown)
	}
	if res.StatusCode/100 != 2 {
		return nil, refused(res.StatusCode, b)
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			return nil, fmt.Errorf("%w: klarna: answer is not what was agreed", payment.ErrUnknown)
		}
	}
	return res.Header, nil
}

func refused(status int, b []byte) error {
	var a struct {
		Code        string `json:"error_code"`
		Correlation string `json:"correlation_id"`
	}
	json.Unmarshal(b, &a)
	e := &problem{status: status, code: plain(a.Code, 60), correlation: plain(a.Correlation, 60)}
	if e.code == "" {
		e.code = fmt.Sprint("HTTP_", status)
	}
	if status/100 != 4 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == http.StatusConflict && e.code == "CONFLICT" {
		return fmt.Errorf("%w: %w", payment.ErrUnknown, e)
	}
	return e
}

// plain is s when it is an id or a code: printable ASCII, no longer than n. Anything else
// is nothing.
func plain(s string, n int) string {
	if len(s) > n {
		return ""
	}
	for i := range len(s) {
		if s[i] <= 0x20 || s[i] > 0x7e {
			return ""
		}
	}
	return s
}

// space is the namespace of our keys, drawn once.
var space = [16]byte{0x7f, 0x1c, 0x0a, 0x5e, 0x42, 0x9b, 0x4d, 0x31, 0x9a, 0x6c, 0x2e, 0x88, 0xd0, 0x13, 0xb7, 0x45}

// uuid5 is the key that Klarna asks for, a UUID version 5 (RFC 9562, 5.5), of one of ours.
func uuid5(key string) string {
	h := sha1.New()
	h.Write(space[:])
	h.Write([]byte(key))
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	s := hex.EncodeToString(u)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
