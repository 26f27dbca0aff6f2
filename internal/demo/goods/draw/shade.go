package draw

import "math"

// blurred is the coverage of p, softened by a Gaussian of about sigma units.
func (c *Canvas) blurred(p *Path, sigma float64) *mask {
	px := math.Max(.3, sigma*c.tr.size())
	k := max(1, int(px/3))
	m := c.cover(p, k, 3*px+float64(2*k))
	r := max(1, int(math.Round(px/float64(k)*.9)))
	buf := make([]float32, max(m.w, m.h))
	for range 3 {
		for y := range m.h {
			boxBlur(m.a[y*m.w:], 1, m.w, r, buf)
		}
		for x := range m.w {
			boxBlur(m.a[x:], m.w, m.h, r, buf)
		}
	}
	return m
}

func boxBlur(a []float32, step, n, r int, buf []float32) {
	var sum float32
	for i := range n {
		buf[i] = a[i*step]
	}
	for i := 0; i <= min(r, n-1); i++ {
		sum += buf[i]
	}
	f := 1 / float32(2*r+1)
	for i := range n {
		a[i*step] = sum * f
		if i+r+1 < n {
			sum += buf[i+r+1]
		}
		if i-r >= 0 {
			sum -= buf[i-r]
		}
	}
}

// Glow lays col where p is, softened by blur units.
func (c *Canvas) Glow(p *Path, blur float64, col RGB, alpha float64) {
	m := c.blurred(p, blur)
	for y := max(0, m.y); y < min(c.H, m.y+m.h*m.k); y++ {
		for x := max(0, m.x); x < min(c.W, m.x+m.w*m.k); x++ {
			a := m.soft(float64(x)+.5, float64(y)+.5) * float32(alpha)
			if c.clip != nil {
				a *= c.clip.at(x, y)
			}
			c.mix(x, y, col, a)
		}
	}
}

// shade is the colour of shadows: warm, never black.
var shade = Hex(0x33271a)

// lit turns a vector of the picture into one of the current space, so that
// light keeps its direction when a thing is turned.
func (c *Canvas) lit(dx, dy float64) (float64, float64) {
	s := c.tr.size()
	inv := c.tr.invert()
	return (inv.A*dx + inv.C*dy) * s, (inv.B*dx + inv.D*dy) * s
}

// Shadow lays the shadow of p, moved and softened.
func (c *Canvas) Shadow(p *Path, dx, dy, blur, alpha float64) {
	dx, dy = c.lit(dx, dy)
	c.Glow(p.Under(Move(dx, dy)), blur, shade, alpha)
}

// Inner shades the inside of p along the edges that lie towards (dx, dy): where
// p is but p moved by (-dx, -dy) and softened is not.
func (c *Canvas) Inner(p *Path, dx, dy, blur float64, col RGB, alpha float64) {
	dx, dy = c.lit(dx, dy)
	in := c.cover(p, 1, 0)
	soft := c.blurred(p.Under(Move(-dx, -dy)), blur)
	for y := max(0, in.y); y < min(c.H, in.y+in.h); y++ {
		for x := max(0, in.x); x < min(c.W, in.x+in.w); x++ {
			a := in.a[(y-in.y)*in.w+x-in.x]
			if a == 0 {
				continue
			}
			if c.clip != nil {
				a *= c.clip.at(x, y)
			}
			a *= 1 - min(1, soft.soft(float64(x)+.5, float64(y)+.5))
			c.mix(x, y, col, a*float32(alpha))
		}
	}
}

// Form fills a shape and gives it gentle volume of a depth in units: darker
// towards the lower right, lighter towards the upper left.
func (c *Canvas) Form(p *Path, paint Paint, depth float64) {
	c.Fill(p, paint)
	c.Volume(p, depth, 1)
}

// Volume is the shading of Form alone, by a strength about 1.
func (c *Canvas) Volume(p *Path, depth, strength float64) {
	c.Inner(p, depth*.55, depth*.5, depth*.7, shade, .42*strength)
	c.Inner(p, -depth*.35, -depth*.4, depth*.45, Hex(0xfff8ea), .38*strength)
}

// Ground is the shadow of a thing that stands on (x, y) with half width w.
func (c *Canvas) Ground(x, y, w float64) {
	c.Glow(Ellipse(x+w*.16, y+w*.03, w*1.1, w*.16), w*.11, shade, .26)
	c.Glow(Ellipse(x+w*.03, y, w*.97, w*.055), w*.03, shade, .42)
}

// Lying is the shadow of a thing that lies flat, h units above the table.
func (c *Canvas) Lying(p *Path, h float64) {
	c.Shadow(p, h*.9, h*1.1, h*1.3, .24)
	c.Shadow(p, h*.25, h*.35, h*.35, .32)
}
