package factor

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// Cost of argon2id.
type Cost struct {
	Memory, Time uint32 // KiB, passes
	Lanes        uint8
}

// OWASP is 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet).
var OWASP = Cost{19 * 1024, 2, 1}

const (
	argonSalt = 16
	argonKey  = 32
)

// MaxPassword is the most bytes that are hashed.
const MaxPassword = 256

// plain is what is hashed: NFKC, so that å typed on two keyboards is one å.
func plain(p string) []byte { return norm.NFKC.AppendString(nil, p) }

var b64 = base64.RawStdEncoding.Strict()

// hash gives a PHC string.
func (c Cost) hash(p string) string {
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	k := argon2.IDKey(plain(p), salt, c.Time, c.Memory, c.Lanes, argonKey)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Time, c.Lanes, b64.EncodeToString(salt), b64.EncodeToString(k))
}

var errHash = errors.New("factor: not a password hash")

// verify compares in constant time. An empty or foreign hash matches nothing.
func verify(hash, p string) (bool, error) {
	var v, m, t, lanes int
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return false, errHash
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &v, &m, &t, &lanes); err != nil || v != argon2.Version {
		return false, errHash
	}
	salt, err := b64.DecodeString(parts[4])
	if err != nil {
		return false, errHash
	}
	want, err := b64.DecodeString(parts[5])
	// A row must not be able to make us spend a gigabyte.
	if err != nil || len(salt) < 8 || len(want) < 16 || m < 8 || m > 256*1024 || t < 1 || t > 16 || lanes < 1 || lanes > 16 {
		return false, errHash
	}
	got := argon2.IDKey(plain(p), salt, uint32(t), uint32(m), uint8(lanes), uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// Hasher hashes and compares passwords within one bound. A program makes one and gives it to
// everyone who signs people in. Safe for concurrent use.
type Hasher struct {
	cost     Cost
	dummy    string // a hash nobody's password has
	compared atomic.Int64

	slots   chan struct{}
	waiting atomic.Int64
	queue   int64
	wait    time.Duration
}

// NewHasher makes a hasher. The cost is OWASP but in tests.
func NewHasher(c Cost) *Hasher {
	return &Hasher{cost: c, dummy: c.hash(secret.RandomToken()),
		slots: make(chan struct{}, max(1, runtime.NumCPU()-1)), queue: int64(16 * runtime.NumCPU()), wait: 3 * time.Second}
}

// Hash gives the PHC string of a password. It takes 80 ms of a core: call it within Do.
func (h *Hasher) Hash(p secret.Secret) string { return h.cost.hash(p.Reveal()) }

// Dummy is a hash of the same cost that nobody's password has, for unknown addresses.
func (h *Hasher) Dummy() string { return h.dummy }

// Compare says whether p is the password of hash. The work is the same whether it is or not. An
// error for what is not a hash, the empty one included. Call it within Do.
func (h *Hasher) Compare(hash string, p secret.Secret) (bool, error) {
	h.compared.Add(1)
	if len(p.Reveal()) > MaxPassword {
		p = secret.Hide("")
	}
	return verify(hash, p.Reveal())
}

// Compared counts the passwords compared, for metrics and for the tests that every answer
// costs the same.
func (h *Hasher) Compared() int64 { return h.compared.Load() }

// Do runs fn within the bound, or returns a 503 fault without running it: all cores but one at a
// time, a short queue, three seconds of waiting.
func (h *Hasher) Do(ctx context.Context, fn func() error) error {
	busy := fault.Busy("busy", 5*time.Second)
	if h.waiting.Add(1) > h.queue {
		h.waiting.Add(-1)
		return busy
	}
	t := time.NewTimer(h.wait)
	defer t.Stop()
	select {
	case h.slots <- struct{}{}:
		h.waiting.Add(-1)
	case <-t.C:
		h.waiting.Add(-1)
		return busy
	case <-ctx.Done():
		h.waiting.Add(-1)
		return ctx.Err()
	}
	defer func() { <-h.slots }()
	return fn()
}
