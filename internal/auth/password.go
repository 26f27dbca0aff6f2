package auth

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
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"kassavalv/internal/fault"
)

// cost of argon2id.
type cost struct {
	memory, time uint32 // KiB, passes
	lanes        uint8
}

// owasp is 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet).
var owasp = cost{19 * 1024, 2, 1}

const (
	argonSalt = 16
	argonKey  = 32
)

// Bounds of a password (NIST SP 800-63B-4: at least 8 beside a second factor, no
// rules about its signs; we ask for 12) and of what we are willing to hash.
const (
	minPassword = 12  // characters
	maxPassword = 256 // bytes
)

// checkPassword says what is wrong with a new password. about are words it must
// not be made of.
func checkPassword(p string, about ...string) error {
	field := func(code string, args map[string]any) error {
		return fault.Invalid(fault.Field{Pointer: "/password", Code: code, Args: args})
	}
	if !utf8.ValidString(p) || strings.IndexFunc(p, unicode.IsControl) >= 0 {
		return field("bad_password", nil)
	}
	if utf8.RuneCountInString(p) < minPassword {
		return field("too_short", map[string]any{"min": minPassword})
	}
	if len(p) > maxPassword {
		return field("too_long", map[string]any{"max": maxPassword})
	}
	low := strings.ToLower(p)
	seen := map[rune]bool{}
	for _, r := range low {
		seen[r] = true
	}
	weak := len(seen) < 5
	for _, w := range append(about, "kassavalv", "password", "lösenord", "qwerty", "123456789") {
		// The word itself, or the word and a little more.
		if w = strings.ToLower(w); len(w) >= 4 && strings.Contains(low, w) && len(low)-len(w) < 6 {
			weak = true
		}
	}
	if weak {
		return field("weak_password", nil)
	}
	return nil
}

// plain is what is hashed: NFKC, so that å typed on two keyboards is one å.
func plain(p string) []byte { return norm.NFKC.AppendString(nil, p) }

var b64 = base64.RawStdEncoding.Strict()

// hash gives a PHC string.
func (c cost) hash(p string) string {
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	k := argon2.IDKey(plain(p), salt, c.time, c.memory, c.lanes, argonKey)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.time, c.lanes, b64.EncodeToString(salt), b64.EncodeToString(k))
}

var errHash = errors.New("auth: not a password hash")

// verifyPassword compares in constant time. An empty or foreign hash matches
// nothing.
func verifyPassword(hash, p string) (bool, error) {
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

// gate bounds hashing: all cores but one at a time, so that a flood of sign-ins
// leaves the shop one to sell with; a short queue, and a wait that ends.
type gate struct {
	slots   chan struct{}
	waiting atomic.Int64
	queue   int64
	wait    time.Duration
}

func newGate() *gate {
	return &gate{slots: make(chan struct{}, max(1, runtime.NumCPU()-1)), queue: int64(16 * runtime.NumCPU()), wait: 3 * time.Second}
}

// do runs fn within the bound, or returns a 503 fault without running it.
func (g *gate) do(ctx context.Context, fn func() error) error {
	busy := fault.Busy("busy", 5*time.Second)
	if g.waiting.Add(1) > g.queue {
		g.waiting.Add(-1)
		return busy
	}
	t := time.NewTimer(g.wait)
	defer t.Stop()
	select {
	case g.slots <- struct{}{}:
		g.waiting.Add(-1)
	case <-t.C:
		g.waiting.Add(-1)
		return busy
	case <-ctx.Done():
		g.waiting.Add(-1)
		return ctx.Err()
	}
	defer func() { <-g.slots }()
	return fn()
}
