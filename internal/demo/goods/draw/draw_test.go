package draw_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"os"
	"testing"

	"kassavalv/internal/demo/goods/draw"
)

// TestPicturesAreOfThisSource renders some drawings again and compares them with
// the committed files, so that neither changes without the other.
func TestPicturesAreOfThisSource(t *testing.T) {
	want := map[string]bool{"stekpanna-glod": true, "mugg-drej-havre": true, "raven-pa-kvisten": true}
	for _, d := range draw.Drawings() {
		if !want[d.Name] {
			continue
		}
		delete(want, d.Name)
		b, err := os.ReadFile("../pictures/" + d.Name + "-1600.jpg")
		if err != nil {
			t.Fatal(err)
		}
		old, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		now := d.Render(d.W)
		mean, worst := difference(old, now)
		if mean > 2.5 || worst > 14 {
			t.Errorf("%s differs from its file by %.2f of 255 in the mean, %.1f in the worst tile; run go generate", d.Name, mean, worst)
		}
	}
	for n := range want {
		t.Errorf("no drawing %s", n)
	}
}

// difference of two pictures: the mean over all pixels, and of the tile of 40 × 40
// that differs most. JPEG moves single pixels, not tiles.
func difference(a, b image.Image) (mean, worst float64) {
	if a.Bounds() != b.Bounds() {
		return 255, 255
	}
	const side = 40
	n := 0
	r := a.Bounds()
	for ty := r.Min.Y; ty < r.Max.Y; ty += side {
		for tx := r.Min.X; tx < r.Max.X; tx += side {
			sum, count := 0.0, 0
			for y := ty; y < min(ty+side, r.Max.Y); y++ {
				for x := tx; x < min(tx+side, r.Max.X); x++ {
					ar, ag, ab, _ := a.At(x, y).RGBA()
					br, bg, bb, _ := b.At(x, y).RGBA()
					d := math.Abs(float64(ar)-float64(br)) + math.Abs(float64(ag)-float64(bg)) + math.Abs(float64(ab)-float64(bb))
					sum += d / 3 / 257
					count++
				}
			}
			mean += sum
			n += count
			worst = math.Max(worst, sum/float64(count))
		}
	}
	return mean / float64(n), worst
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range draw.Drawings() {
		if seen[d.Name] || d.W < 800 || d.H < 800 {
			t.Errorf("%s: twice, or %d × %d", d.Name, d.W, d.H)
		}
		seen[d.Name] = true
	}
}

// TestRenderIsPure: the same drawing twice is the same, pixel for pixel.
func TestRenderIsPure(t *testing.T) {
	for _, d := range draw.Drawings() {
		if d.Name != "vedkorg-span" {
			continue
		}
		if !bytes.Equal(d.Render(300).Pix, d.Render(300).Pix) {
			t.Error("two renderings differ")
		}
		return
	}
	t.Error("no drawing to try")
}
