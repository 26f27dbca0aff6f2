package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/demo/bank/wire"
	"kassavalv/internal/shop/payment"
)

// Whatever the bytes, what is not signed is not believed, and what is signed names
// an event and a purchase in characters that any database takes.
func FuzzVerify(f *testing.F) {
	good := `{"id":"evt_1","account":"` + wire.Account + `","data":{"reference":"abc"}}`
	for _, body := range []string{good, "null", "[]", "{}", `{"data":null}`, `{"id":1e400}`, strings.Repeat("[", 10_000), `{"id":"a","id":"b"}`, `{"id":"\u0000","data":{"reference":"\ud800"}}`} {
		f.Add(body, "t=1,v1=x", true, int64(0))
	}
	f.Add(good, "t=abc", false, int64(301))
	f.Add(good, "t=-1,v1=,v1=,v1=,v1=,v1=", false, int64(-301))
	p, now := New("http://127.0.0.1:1", ""), time.Unix(1_700_000_000, 0)
	f.Fuzz(func(t *testing.T, body, header string, signed bool, off int64) {
		h := http.Header{}
		if signed {
			ts := now.Unix() + off%1000
			header = fmt.Sprintf("t=%d,v1=%s", ts, wire.Signature(wire.Secret, ts, []byte(body)))
		}
		h.Set(wire.HeaderSignature, header)
		hint, err := p.Verify(payment.Notice{Header: h, Body: []byte(body), At: now})
		switch {
		case !signed && (err == nil || hint != payment.Hint{}) && !strings.Contains(header, "v1="):
			t.Errorf("believed without a signature: %+v", hint)
		case signed && (off%1000 > 300 || off%1000 < -300) && !errors.Is(err, payment.ErrBadSignature):
			t.Errorf("believed %d s away: %v", off%1000, err)
		case err == nil && (!plain(hint.EventID) || !plain(hint.Reference)):
			t.Errorf("believed %+v", hint)
		}
	})
}
