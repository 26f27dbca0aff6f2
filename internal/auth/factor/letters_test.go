package factor

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// A password may be of any letters, of spaces and signs, and long; it is compared whole,
// to the last letter, in its case, with its spaces.
func TestAnyLetters(t *testing.T) {
	long := strings.Repeat("tre röda stugor ", 8) // 128 characters
	for _, p := range []string{"bara små bokstäver", "VERSALER OCH ROPEN", "sju 🚲 åtta 🛶 nio 🧺", "пароль из слов тут", "长密码需要很多字符才安全可靠吗", "  mellanslag runt om  ", "tecken ;'\"<>&%$ med", long[:len(long)/2], long} {
		if err := CheckPassword(p, Alone, "owner@example.se", "Anna Ek"); err != nil {
			t.Errorf("%q is refused: %v", p, err)
			continue
		}
		h := OWASP.hash(p)
		for _, other := range []string{p + " ", " " + p, strings.ToUpper(p) + "x", p[:len(p)-1], strings.TrimSpace(p) + "\u00a0."} {
			if same, err := verify(h, other); err == nil && same {
				t.Errorf("%q opens what %q closed", other, p)
			}
		}
		if same, err := verify(h, p); err != nil || !same {
			t.Errorf("%q does not open: %v", p, err)
		}
	}
}

// What is typed as a code is hard enough to guess beside the limit of tries: 20 bits for
// one that lives half a minute, far more for one that lies in a drawer.
func TestBitsOfCodes(t *testing.T) {
	key, err := NewTOTP("Butiken", "kund")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	for n, ok := range map[int]bool{5: false, 6: true, 7: false} {
		c, err := totp.GenerateCodeCustom(key, now, totp.ValidateOpts{Period: TOTPPeriod, Digits: otp.Digits(n), Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			t.Fatal(err)
		}
		if _, took := TOTPStep(key, c, now); took != ok {
			t.Errorf("a code of %d digits: %v", n, took)
		}
	}
	if bits := recoveryLen * math.Log2(float64(len(recoverySigns))); bits < 55 {
		t.Errorf("a code for a lost phone has %v bits", bits)
	}
	seen := map[rune]bool{}
	for _, r := range recoverySigns {
		if seen[r] {
			t.Errorf("%q stands twice", r)
		}
		seen[r] = true
	}
	all := map[string]bool{}
	for range 1000 {
		all[draw(recoverySigns, recoveryLen)] = true
	}
	if len(all) != 1000 {
		t.Error("codes come twice")
	}
}
