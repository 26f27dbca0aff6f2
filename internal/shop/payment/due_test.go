package payment

import "testing"

// Offers come every 15 s: all of the first two minutes are taken, then one a minute until
// ten minutes have passed, then one every four minutes.
func TestTurn(t *testing.T) {
	for _, c := range []struct{ from, to, taken int64 }{{1, 8, 8}, {9, 40, 8}, {41, 200, 10}} {
		n := int64(0)
		for i := c.from; i <= c.to; i++ {
			if Turn(i) {
				n++
			}
		}
		if n != c.taken {
			t.Errorf("of the offers %d to %d, %d are taken, not %d", c.from, c.to, n, c.taken)
		}
	}
}
