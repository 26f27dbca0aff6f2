package draw

import (
	"image"
	"image/color"
	"math"

	"golang.org/x/image/vector"
)

// Canvas is a picture being made. Drawing happens in units, 1000 to the width,
// under the current transform and clip.
type Canvas struct {
	W, H int
	pix  []RGB
	tr   Matrix
	clip *mask // nil: everywhere
}

// NewCanvas makes a white canvas of w × h pixels.
func NewCanvas(w, h int) *Canvas {
	c := &Canvas{W: w, H: h, pix: make([]RGB, w*h)}
	s := float64(w) / 1000
	c.tr = Matrix{s, 0, 0, s, 0, 0}
	for i := range c.pix {
		c.pix[i] = RGB{1, 1, 1}
	}
	return c
}

// Matrix is an affine map: x' = A·x + C·y + E, y' = B·x + D·y + F.
type Matrix struct{ A, B, C, D, E, F float64 }

func (m Matrix) apply(x, y float64) (float64, float64) {
	return m.A*x + m.C*y + m.E, m.B*x + m.D*y + m.F
}

// then is m after n: first n, then m.
func (m Matrix) then(n Matrix) Matrix {
	return Matrix{
		m.A*n.A + m.C*n.B, m.B*n.A + m.D*n.B,
		m.A*n.C + m.C*n.D, m.B*n.C + m.D*n.D,
		m.A*n.E + m.C*n.F + m.E, m.B*n.E + m.D*n.F + m.F,
	}
}

func (m Matrix) invert() Matrix {
	det := m.A*m.D - m.B*m.C
	return Matrix{m.D / det, -m.B / det, -m.C / det, m.A / det,
		(m.C*m.F - m.D*m.E) / det, (m.B*m.E - m.A*m.F) / det}
}

// size is how much m enlarges.
func (m Matrix) size() float64 { return math.Sqrt(math.Abs(m.A*m.D - m.B*m.C)) }

// Move, Turn (degrees, clockwise, about a point) and Grow (about a point) are
// the transforms.
func Move(x, y float64) Matrix { return Matrix{1, 0, 0, 1, x, y} }

// Turn rotates by degrees clockwise about a point.
func Turn(deg, x, y float64) Matrix {
	s, c := math.Sincos(deg * math.Pi / 180)
	return Move(x, y).then(Matrix{c, s, -s, c, 0, 0}).then(Move(-x, -y))
}

// Grow scales about a point; a negative factor mirrors.
func Grow(sx, sy, x, y float64) Matrix {
	return Move(x, y).then(Matrix{sx, 0, 0, sy, 0, 0}).then(Move(-x, -y))
}

// With draws fn under a further transform.
func (c *Canvas) With(m Matrix, fn func()) {
	old := c.tr
	c.tr = old.then(m)
	fn()
	c.tr = old
}

// Place draws a thing that fills the space of 1000 units so that its point
// (500, 800), where it stands, comes to (x, y), scaled by s.
func (c *Canvas) Place(x, y, s float64, fn func(*Canvas)) {
	c.With(Move(x-500*s, y-800*s).then(Matrix{s, 0, 0, s, 0, 0}), func() { fn(c) })
}

// Clip draws fn within p only.
func (c *Canvas) Clip(p *Path, fn func()) {
	m := c.cover(p, 1, 0)
	if c.clip != nil {
		for y := range m.h {
			for x := range m.w {
				m.a[y*m.w+x] *= c.clip.at(m.x+x, m.y+y)
			}
		}
	}
	old := c.clip
	c.clip = m
	fn()
	c.clip = old
}

// mask is coverage, 0 to 1, of a part of the canvas, in steps of k pixels.
type mask struct {
	x, y, w, h, k int // x, y in pixels, w, h in steps
	a             []float32
}

func (m *mask) at(x, y int) float32 {
	x, y = x-m.x, y-m.y
	if x < 0 || y < 0 || x >= m.w || y >= m.h {
		return 0
	}
	return m.a[y*m.w+x]
}

// soft samples between steps.
func (m *mask) soft(px, py float64) float32 {
	x, y := (px-float64(m.x))/float64(m.k)-.5, (py-float64(m.y))/float64(m.k)-.5
	fx, fy := math.Floor(x), math.Floor(y)
	x0, y0 := int(fx), int(fy)
	tx, ty := float32(x-fx), float32(y-fy)
	get := func(x, y int) float32 {
		if x < 0 || y < 0 || x >= m.w || y >= m.h {
			return 0
		}
		return m.a[y*m.w+x]
	}
	a := get(x0, y0)*(1-tx) + get(x0+1, y0)*tx
	b := get(x0, y0+1)*(1-tx) + get(x0+1, y0+1)*tx
	return a*(1-ty) + b*ty
}

// cover rasterises p under the current transform in steps of k pixels, with a
// margin of pixels around it.
func (c *Canvas) cover(p *Path, k int, margin float64) *mask {
	x0, y0, x1, y1 := p.bounds(c.tr)
	kx := float64(k)
	// What lies far outside the canvas is not rasterised.
	lim := margin + 2
	x0, y0 = math.Max(x0-margin, -lim), math.Max(y0-margin, -lim)
	x1, y1 = math.Min(x1+margin, float64(c.W)+lim), math.Min(y1+margin, float64(c.H)+lim)
	m := &mask{x: int(math.Floor(x0)), y: int(math.Floor(y0)), k: k}
	m.w = max(1, int(math.Ceil((x1-float64(m.x))/kx))+1)
	m.h = max(1, int(math.Ceil((y1-float64(m.y))/kx))+1)
	if x1 <= x0 || y1 <= y0 {
		m.w, m.h = 1, 1
		m.a = make([]float32, 1)
		return m
	}
	r := vector.NewRasterizer(m.w, m.h)
	at := func(pt Pt) (float32, float32) {
		x, y := c.tr.apply(pt.X, pt.Y)
		return float32((x - float64(m.x)) / kx), float32((y - float64(m.y)) / kx)
	}
	for _, s := range p.segs {
		ax, ay := at(s.p[0])
		switch s.op {
		case 'M':
			r.ClosePath()
			r.MoveTo(ax, ay)
		case 'L':
			r.LineTo(ax, ay)
		case 'C':
			bx, by := at(s.p[1])
			dx, dy := at(s.p[2])
			r.CubeTo(ax, ay, bx, by, dx, dy)
		}
	}
	r.ClosePath()
	img := image.NewAlpha(image.Rect(0, 0, m.w, m.h))
	r.Draw(img, img.Bounds(), image.Opaque, image.Point{})
	m.a = make([]float32, m.w*m.h)
	for y := range m.h {
		for x := range m.w {
			m.a[y*m.w+x] = float32(img.Pix[y*img.Stride+x]) / 255
		}
	}
	return m
}

// paintMask lays paint where m covers.
func (c *Canvas) paintMask(m *mask, paint Paint) {
	inv := c.tr.invert()
	for y := max(0, m.y); y < min(c.H, m.y+m.h); y++ {
		for x := max(0, m.x); x < min(c.W, m.x+m.w); x++ {
			a := m.a[(y-m.y)*m.w+x-m.x]
			if a == 0 {
				continue
			}
			if c.clip != nil {
				if a *= c.clip.at(x, y); a == 0 {
					continue
				}
			}
			ux, uy := inv.apply(float64(x)+.5, float64(y)+.5)
			col, pa := paint(ux, uy)
			c.mix(x, y, col, a*pa)
		}
	}
}

func (c *Canvas) mix(x, y int, col RGB, a float32) {
	if a <= 0 {
		return
	}
	p := &c.pix[y*c.W+x]
	p.R += (col.R - p.R) * a
	p.G += (col.G - p.G) * a
	p.B += (col.B - p.B) * a
}

// Fill paints a shape.
func (c *Canvas) Fill(p *Path, paint Paint) { c.paintMask(c.cover(p, 1, 0), paint) }

// Line strokes a path with round ends.
func (c *Canvas) Line(p *Path, width float64, paint Paint) { c.Fill(p.Outline(width), paint) }

// All paints the whole canvas.
func (c *Canvas) All(paint Paint) {
	inv := c.tr.invert()
	for y := range c.H {
		for x := range c.W {
			ux, uy := inv.apply(float64(x)+.5, float64(y)+.5)
			col, a := paint(ux, uy)
			c.mix(x, y, col, a)
		}
	}
}

// Image is the finished picture.
func (c *Canvas) Image() *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, c.W, c.H))
	to := func(v, d float32) uint8 { return uint8(max(0, min(255, v*255+d))) }
	for y := range c.H {
		for x := range c.W {
			p := c.pix[y*c.W+x]
			d := float32(hash2(x, y, 7)) // dither against banding
			m.SetRGBA(x, y, color.RGBA{to(p.R, d), to(p.G, d), to(p.B, d), 255})
		}
	}
	return m
}
