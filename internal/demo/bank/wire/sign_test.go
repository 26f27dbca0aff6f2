package wire

import (
	"testing"
	"time"
)

// The expected values were made with the command line:
//
//	printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac kassavalv-sandbox-bank-no-real-money
//	printf api | openssl dgst -sha256 -hmac kassavalv-sandbox-bank-no-real-money
func TestSignatureKnownAnswer(t *testing.T) {
	const sum = "9a84dbc287b9ca094e504d8b9cd9d5e90381aee28ae9a34603a62b4fafde4ff0"
	body := []byte(`{"id":"evt_1"}`)
	if got := Signature(Secret, 1_700_000_000, body); got != sum {
		t.Errorf("signature %s", got)
	}
	if got := SignatureHeader(Secret, time.Unix(1_700_000_000, 999), body); got != "t=1700000000,v1="+sum {
		t.Errorf("header %s", got)
	}
	if got := Bearer(); got != "c3e54cf15591c8735574dfcd51cb255f9856527b2dbc60d616d58c0c966bb929" {
		t.Errorf("bearer %s", got)
	}
}

func TestFinal(t *testing.T) {
	for s, want := range map[State]bool{Created: false, Awaiting: false, Processing: false, Captured: true, Refused: true, Cancelled: true, Expired: true, "": false} {
		if s.Final() != want {
			t.Errorf("%q: %v", s, s.Final())
		}
	}
}
