package order

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestOCRKnown(t *testing.T) {
	// 123456 + length digit (8) → 1234568, Luhn by hand: 8·2=16→7, 6, 5·2=10→1, 4, 3·2=6, 2, 1·2=2 = 28 → 2
	if got := OCR(123456); got != "12345682" {
		t.Fatal(got)
	}
}

// Every single wrong digit is seen.
func TestOCRCatchesWrongDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := OCR(rapid.Int64Range(1, 1<<50).Draw(t, "n"))
		if !ValidOCR(s) {
			t.Fatal(s)
		}
		b := []byte(s)
		i := rapid.IntRange(0, len(b)-1).Draw(t, "i")
		d := byte('0' + rapid.IntRange(0, 9).Draw(t, "d"))
		if b[i] == d {
			return
		}
		b[i] = d
		if ValidOCR(string(b)) {
			t.Fatalf("%s accepted for %s", b, s)
		}
	})
}

// A digit lost or put in before the two check digits is seen whatever it is:
// they are what tells the length. (Of the last two themselves it cannot be
// promised: the digit before takes the place of the length.)
func TestOCRCatchesLostAndAddedDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := OCR(rapid.Int64Range(1, 1<<50).Draw(t, "n"))
		i := rapid.IntRange(0, len(s)-3).Draw(t, "i")
		if lost := s[:i] + s[i+1:]; ValidOCR(lost) {
			t.Fatalf("%s accepted for %s", lost, s)
		}
		d := strconv.Itoa(rapid.IntRange(0, 9).Draw(t, "d"))
		if more := s[:i] + d + s[i:]; ValidOCR(more) {
			t.Fatalf("%s accepted for %s", more, s)
		}
	})
}
