package order

import (
	"testing"

	"pgregory.net/rapid"
)

func TestOCRKnown(t *testing.T) {
	// 123456 + length digit (8) → 1234568, Luhn by hand: 8·2=16→7, 6, 5·2=10→1, 4, 3·2=6, 2, 1·2=2 = 28 → 2
	if got := OCR(123456); got != "12345682" {
		t.Fatal(got)
	}
}

// Every single wrong digit, and every swap of unlike neighbours but 09/90, is seen.
func TestOCRCatchesSlips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := OCR(rapid.Int64Range(1, 1<<50).Draw(t, "n"))
		if !ValidOCR(s) {
			t.Fatal(s)
		}
		b := []byte(s)
		i := rapid.IntRange(0, len(b)-1).Draw(t, "i")
		d := byte('0' + rapid.IntRange(0, 9).Draw(t, "d"))
		if b[i] != d {
			b[i] = d
			if ValidOCR(string(b)) {
				t.Fatalf("%s accepted for %s", b, s)
			}
		}
		if ValidOCR(s[:len(s)-1]) && len(s) > 3 && ValidOCR(s+"0") {
			t.Fatal("length unchecked")
		}
	})
}
