package ui

import (
	"fmt"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// Square draws a QR code as one SVG path, with the quiet zone that readers need.
func Square(text string) (box, path string, err error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return "", "", fmt.Errorf("qr: %w", err)
	}
	const quiet = 4
	b := code.Bounds()
	var out strings.Builder
	for y := range b.Dy() {
		for x := 0; x < b.Dx(); x++ {
			n := 0
			for x+n < b.Dx() {
				if r, _, _, _ := code.At(b.Min.X+x+n, b.Min.Y+y).RGBA(); r > 0x7fff {
					break
				}
				n++
			}
			if n > 0 {
				fmt.Fprintf(&out, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, n, n)
				x += n
			}
		}
	}
	return fmt.Sprintf("0 0 %d %d", b.Dx()+2*quiet, b.Dy()+2*quiet), out.String(), nil
}
