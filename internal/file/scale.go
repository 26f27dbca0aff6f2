package file

import (
	"image"
	"image/color"
	"math"

	"golang.org/x/image/draw"
)

// fit is the size of a w×h picture made at most width wide, never larger than
// it is, no side below 1.
func fit(w, h, width int) (int, int) {
	if w <= width {
		return w, h
	}
	return width, max(1, int((int64(h)*int64(width)+int64(w)/2)/int64(w)))
}

// scale makes a dw×dh picture of src, on white, with the Catmull-Rom kernel of
// x/image/draw. That package keeps the whole picture between its two passes as
// floating point (32 bytes a pixel, 300 MB for a tall one); here the rows pass by
// once and only those under the kernel stay.
func scale(src image.Image, dw, dh int) *image.RGBA {
	b := src.Bounds()
	sw, sh := b.Dx(), b.Dy()
	dst := image.NewRGBA(image.Rect(0, 0, dw, dh))
	line := image.NewRGBA(image.Rect(0, 0, sw, 1))
	white := image.NewUniform(color.White)
	if dw == sw && dh == sh {
		draw.Draw(dst, dst.Bounds(), white, image.Point{}, draw.Src)
		draw.Draw(dst, dst.Bounds(), src, b.Min, draw.Over)
		return dst
	}
	across, down := weights(sw, dw), weights(sh, dh)
	rows := map[int][]float32{} // source row, already dw wide
	var spare [][]float32
	next := 0
	for y, d := range down {
		for r := range rows {
			if r < d.from {
				spare = append(spare, rows[r])
				delete(rows, r)
			}
		}
		for ; next < d.from+len(d.w); next++ {
			var row []float32
			if n := len(spare); n > 0 {
				row, spare = spare[n-1], spare[:n-1]
			} else {
				row = make([]float32, 3*dw)
			}
			draw.Draw(line, line.Rect, white, image.Point{}, draw.Src)
			draw.Draw(line, line.Rect, src, image.Pt(b.Min.X, b.Min.Y+next), draw.Over)
			for x, a := range across {
				var r, g, bl float32
				for i, w := range a.w {
					p := line.Pix[4*(a.from+i):]
					r += w * float32(p[0])
					g += w * float32(p[1])
					bl += w * float32(p[2])
				}
				row[3*x], row[3*x+1], row[3*x+2] = r, g, bl
			}
			rows[next] = row
		}
		out := dst.Pix[y*dst.Stride:]
		for x := range dw {
			var r, g, bl float32
			for i, w := range d.w {
				p := rows[d.from+i][3*x:]
				r += w * p[0]
				g += w * p[1]
				bl += w * p[2]
			}
			out[4*x], out[4*x+1], out[4*x+2], out[4*x+3] = level(r), level(g), level(bl), 255
		}
	}
	return dst
}

func level(v float32) uint8 { return uint8(min(max(v+0.5, 0), 255)) }

// tap is the part of the source that makes one piece of the destination.
type tap struct {
	from int
	w    []float32 // sums to 1
}

func weights(src, dst int) []tap {
	step := float64(src) / float64(dst)
	stretch := max(step, 1)
	out := make([]tap, dst)
	for i := range out {
		centre := (float64(i)+0.5)*step - 0.5
		lo := max(int(math.Ceil(centre-2*stretch)), 0)
		hi := min(int(math.Floor(centre+2*stretch)), src-1)
		t := tap{from: lo, w: make([]float32, hi-lo+1)}
		sum := 0.0
		for j := range t.w {
			sum += catmullRom(math.Abs(float64(lo+j)-centre) / stretch)
		}
		for j := range t.w {
			t.w[j] = float32(catmullRom(math.Abs(float64(lo+j)-centre)/stretch) / sum)
		}
		out[i] = t
	}
	return out
}

func catmullRom(t float64) float64 { return draw.CatmullRom.At(t) }

// upright applies an EXIF orientation.
func upright(m *image.RGBA, o int) *image.RGBA {
	if o < 2 || o > 8 {
		return m
	}
	w, h := m.Rect.Dx(), m.Rect.Dy()
	ow, oh := w, h
	if o >= 5 {
		ow, oh = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, ow, oh))
	for y := range h {
		for x := range w {
			var u, v int
			switch o {
			case 2:
				u, v = w-1-x, y
			case 3:
				u, v = w-1-x, h-1-y
			case 4:
				u, v = x, h-1-y
			case 5:
				u, v = y, x
			case 6:
				u, v = h-1-y, x
			case 7:
				u, v = h-1-y, w-1-x
			case 8:
				u, v = y, w-1-x
			}
			copy(out.Pix[v*out.Stride+4*u:][:4], m.Pix[y*m.Stride+4*x:][:4])
		}
	}
	return out
}
