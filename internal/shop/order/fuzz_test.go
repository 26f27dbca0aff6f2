package order

import (
	"strconv"
	"strings"
	"testing"
)

// A number that is taken is found wrong as soon as one digit of it is.
func FuzzOCR(f *testing.F) {
	for _, s := range []string{"", "18", OCR(1), OCR(12345678), OCR(1<<62 - 1), " 1", "٥٥٥", "-12", "00000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 && !ValidOCR(OCR(n)) {
			t.Errorf("our own number of %d is not taken", n)
		}
		if !ValidOCR(s) {
			return
		}
		for i := range len(s) {
			b := []byte(s)
			b[i] = '0' + (b[i]-'0'+1)%10
			if ValidOCR(string(b)) {
				t.Errorf("%s and %s are both taken", s, b)
			}
		}
	})
}

// What people type is a number of ours or nothing.
func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"", "12345678", " 1234 5678 ", "123456789012", "1234567890123", "-12345678", "+12345678", "1234567٨", "1234\u00a05678", "12345678\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := ParseNumber(s)
		if !ok {
			return
		}
		digits := strings.TrimLeft(strings.ReplaceAll(strings.TrimSpace(s), " ", ""), "0")
		if n <= 0 || n > 999_999_999_999 || strconv.FormatInt(n, 10) != digits {
			t.Errorf("%q is %d", s, n)
		}
	})
}
