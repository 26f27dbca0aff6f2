package factor

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"pgregory.net/rapid"

	"kassavalv/internal/fault"
)

var ctx = context.Background()

const goodPassword = "korrekt häst batteri"

func TestTOTPStep(t *testing.T) {
	key, err := NewTOTP("Butiken", "kund")
	if err != nil || len(key) != 32 {
		t.Fatal(key, err)
	}
	now := time.Unix(1_800_000_000, 0)
	for _, n := range []int64{-2, -1, 0, 1, 2} {
		at := now.Add(time.Duration(n) * TOTPPeriod * time.Second)
		c, err := totp.GenerateCode(key, at)
		if err != nil {
			t.Fatal(err)
		}
		step, ok := TOTPStep(key, c, now)
		if ok != (n >= -1 && n <= 1) || ok && step != at.Unix()/TOTPPeriod {
			t.Error(n, step, ok)
		}
	}
	for _, c := range []string{"", "12345", "1234567", "abcdef"} {
		if _, ok := TOTPStep(key, c, now); ok {
			t.Error("took", c)
		}
	}
	if _, ok := TOTPStep("", "000000", now); ok {
		t.Error("a code for no secret")
	}
	if u := TOTPURL("Butiken", "a@b.se", "ABC").Reveal(); !strings.Contains(u, "otpauth://totp/Butiken:a@b.se?") {
		t.Error(u)
	}
}

func TestHashes(t *testing.T) {
	h := OWASP.hash("åäö åäö åäö")
	if !strings.HasPrefix(h, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(h)
	}
	for p, ok := range map[string]bool{"åäö åäö åäö": true, "a\u030aa\u0308o\u0308 åäö åäö": true, "åäö åäö åä": false, "": false, "Åäö åäö åäö": false} {
		if got, err := verify(h, p); err != nil || got != ok {
			t.Errorf("%q: %v %v", p, got, err)
		}
	}
	if h == OWASP.hash("åäö åäö åäö") {
		t.Error("no salt")
	}
	for _, bad := range []string{"", "x", "$argon2id$$$$", strings.Replace(h, "argon2id", "argon2i", 1), strings.Replace(h, "m=19456", "m=9999999", 1),
		strings.Replace(h, "t=2", "t=0", 1), strings.Replace(h, "p=1", "p=0", 1), h[:len(h)-30], "$argon2id$v=19$m=19456,t=2,p=1$$"} {
		if ok, err := verify(bad, "åäö åäö åäö"); ok || err == nil {
			t.Errorf("verified against %q", bad)
		}
	}
}

func TestCheckPassword(t *testing.T) {
	for p, code := range map[string]string{"kort": "too_short", strings.Repeat("å", 200): "too_long", "aaaaaaaaaaaaaaaa": "weak_password", "password12345": "weak_password",
		"kassavalv1234": "weak_password", "ownerannaexample": "weak_password", "Ek-anna-owner1": "weak_password", "Provbutiken-admin!": "weak_password", "butikProvbutiken1": "weak_password", "anna tycker om sol": "", "owner@example.se": "weak_password", "tabs\tand more\n": "bad_password", "bad\xff utf-8 here": "bad_password", goodPassword: "",
		"abcdefghijklmnop": "weak_password", "1234567890123456": "weak_password", "9876543210987654": "weak_password",
		"liverpoolliverpool": "leaked_password", "LiverPool2024": "leaked_password", "unbelievable": "leaked_password", "UnBelievable": "leaked_password", "!!unbelievable9": "leaked_password"} {
		err := CheckPassword(p, 12, "owner@example.se", "Anna Ek", "Provbutiken")
		if f := fault.As(err); code == "" && err != nil || code != "" && (f == nil || f.Fields[0].Code != code) {
			t.Errorf("%q: %v", p, err)
		}
	}
	// The bound is in characters, not bytes, and it is the caller's.
	for n, ok := range map[int]bool{Beside: true, Alone: false} {
		if err := CheckPassword("ärtor åt o", n); (err == nil) != ok {
			t.Error(n, err)
		}
	}
}

func TestLeakedList(t *testing.T) {
	if LeakedCount() < 30_000 {
		t.Fatal(LeakedCount())
	}
	for i := 1; i < LeakedCount(); i++ {
		if leaked[(i-1)*leakedSize:i*leakedSize] >= leaked[i*leakedSize:(i+1)*leakedSize] {
			t.Fatal("not sorted at", i)
		}
	}
	for _, p := range []string{"password", "123456", "iloveyou", "qwertyuiop", "letmein", "Football", "ｐassword", "charlie1"} {
		if !Leaked(p) {
			t.Error("not known:", p)
		}
	}
	for _, p := range []string{"", goodPassword, "sju röda stugor", "vjXk29-plommon"} {
		if Leaked(p) {
			t.Error("known:", p)
		}
	}
}

// Passwords drawn at random are not taken for leaked ones, and whatever is done to the case
// of a leaked one leaves it leaked.
func TestLeakedIsNotEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.StringMatching(`[a-zåäö]{4} [a-z]{5}[0-9]{2} [b-z]{6}`).Draw(t, "p")
		if Leaked(p) {
			t.Fatal(p)
		}
		b := []byte("unbelievable")
		for i := range b {
			if rapid.Bool().Draw(t, "up") {
				b[i] -= 32
			}
		}
		if !Leaked(string(b)) {
			t.Fatal(string(b))
		}
	})
}

// More callers than fit are told to come back at once; a caller who leaves is let go.
func TestGate(t *testing.T) {
	g := NewHasher(Cost{1024, 1, 1})
	g.queue = 2
	hold, in := make(chan struct{}), make(chan struct{}, 8)
	var wg sync.WaitGroup
	for range cap(g.slots) {
		wg.Go(func() { g.Do(ctx, func() error { in <- struct{}{}; <-hold; return nil }) })
	}
	for range cap(g.slots) {
		<-in
	}
	var waited atomic.Int64
	for range 2 {
		wg.Go(func() {
			if g.Do(ctx, func() error { return nil }) == nil {
				waited.Add(1)
			}
		})
	}
	deadline, tick := time.After(15*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for g.waiting.Load() != 2 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("nobody waits")
		}
	}
	ran := false
	if err := g.Do(ctx, func() error { ran = true; return nil }); !fault.Is(err, "busy") || ran {
		t.Error("beyond the queue:", err, ran)
	}
	close(hold)
	wg.Wait()
	if waited.Load() != 2 || g.waiting.Load() != 0 || len(g.slots) != 0 {
		t.Error(waited.Load(), g.waiting.Load(), len(g.slots))
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	for range cap(g.slots) {
		g.slots <- struct{}{}
	}
	if err := g.Do(gone, func() error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRecovery(t *testing.T) {
	h := NewHasher(Cost{1024, 1, 1})
	codes, hashes := NewRecovery(h)
	if len(codes) != RecoveryCodes || len(hashes) != RecoveryCodes {
		t.Fatal(len(codes), len(hashes))
	}
	seen := map[string]bool{}
	for i, c := range codes {
		seen[c.Reveal()[1:]] = true
		for _, typed := range []string{c.Reveal(), strings.ToLower(c.Reveal()), strings.ReplaceAll(c.Reveal(), "-", " "), " " + strings.ReplaceAll(c.Reveal(), "-", "") + "\n"} {
			n, code, ok := ReadRecovery(typed)
			if !ok || n != i {
				t.Fatalf("%q: %d %v", typed, n, ok)
			}
			for j, x := range hashes {
				if same, err := h.Compare(x, code); err != nil || same != (j == i) {
					t.Errorf("code %d against hash %d: %v %v", i, j, same, err)
				}
			}
		}
	}
	if len(seen) != RecoveryCodes {
		t.Error("codes are alike")
	}
	for _, s := range []string{"", "1", "123456", codes[0].Reveal()[1:], codes[0].Reveal() + "2", "x" + codes[0].Reveal()[1:], strings.Repeat("2", 100), "0000000000000"} {
		if _, _, ok := ReadRecovery(s); ok {
			t.Errorf("read %q", s)
		}
	}
}
