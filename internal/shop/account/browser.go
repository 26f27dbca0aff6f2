package account

import (
	"crypto/rand"
	"crypto/sha256"
	"time"

	"kassavalv/internal/secret"
)

// browser is what the sign-in cookie holds, signed: a number of its own, to which a mailed code is
// bound, and which address last signed in there. It opens nothing by itself.
type browser struct {
	id    [16]byte
	known [16]byte // the first half of the address's blind index; zero: nobody yet
}

const browserPurpose = "account.browser"

func (a *Accounts) browser(text string, now time.Time) (b browser, ok bool) {
	raw, ok := a.v.Verify(browserPurpose, text, now)
	if !ok || len(raw) != len(b.id)+len(b.known) {
		return browser{}, false
	}
	copy(b.id[:], raw)
	copy(b.known[:], raw[len(b.id):])
	return b, true
}

// renew gives the browser another number; what was bound to the old one is dead. index, when
// not nil, is the address that has just signed in.
func (a *Accounts) renew(b browser, index []byte, now time.Time) (browser, string) {
	rand.Read(b.id[:])
	if index != nil {
		copy(b.known[:], index)
	}
	return b, a.v.Sign(browserPurpose, append(append([]byte{}, b.id[:]...), b.known[:]...), now.Add(browserLife))
}

func (b browser) hash() []byte {
	h := sha256.Sum256(b.id[:])
	return h[:]
}

// knows reports whether the address has signed in on this browser.
func (b browser) knows(index []byte) bool {
	return b.known != [16]byte{} && len(index) >= len(b.known) && secret.Equal(b.known[:], index[:len(b.known)])
}
