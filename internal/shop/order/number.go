package order

import (
	"crypto/sha256"
	"encoding/binary"

	"kassavalv/internal/secret"
)

// Order numbers are eight digits, 10000000 to 99999999, in an order that only
// the shop's key knows: the running count goes through a keyed permutation. So
// a number tells neither how much is sold nor which one comes next, and none is
// used twice.
const (
	numberBase = 10_000_000
	numberSpan = 90_000_000
	halfBits   = 14 // two halves of 14 bits cover 2^28 ≥ numberSpan
)

func publicNumber(v *secret.Vault, n int64) int64 {
	key := sha256.Sum256([]byte(v.Token("order.number", 1, 1)))
	return numberBase + permute(key, n%numberSpan) + n/numberSpan*numberSpan
}

// permute is a Feistel network of eight rounds over 28 bits, walked until the
// value lies in the span.
func permute(key [32]byte, n int64) int64 {
	const mask = 1<<halfBits - 1
	x := uint32(n)
	for {
		l, r := x>>halfBits&mask, x&mask
		for round := range 8 {
			var in [37]byte
			copy(in[:], key[:])
			in[32] = byte(round)
			binary.BigEndian.PutUint32(in[33:], r)
			h := sha256.Sum256(in[:])
			l, r = r, l^binary.BigEndian.Uint32(h[:])&mask
		}
		if x = l<<halfBits | r; x < numberSpan {
			return int64(x)
		}
	}
}
