package draw

import (
	"image"
	"math"
	"slices"
)

// Drawing is one picture of the collection.
type Drawing struct {
	Name string
	W, H int // of the largest rendition, pixels
	draw func(*Canvas)
}

// Drawings are all pictures, by name.
func Drawings() []Drawing {
	var out []Drawing
	for _, list := range [][]Drawing{kitchen, tableware, textiles, lights, garden, fire, pantry, bath, paper, children, others, shelves} {
		for _, d := range list {
			if d.W == 0 {
				d.W, d.H = 1200, 1200
			}
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b Drawing) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}

// Render draws it, width pixels wide.
func (d Drawing) Render(width int) *image.RGBA {
	c := NewCanvas(width, width*d.H/d.W)
	d.draw(c)
	return c.Image()
}

// The palette: that of the shop's pages, and its neighbours.
var (
	white     = Hex(0xfffdf8)
	ink       = Hex(0x1b211d)
	pine      = Hex(0x1d4d3a)
	pineDeep  = Hex(0x143a2b)
	amber     = Hex(0xc98a12)
	honey     = Hex(0xe0a83c)
	lingon    = Hex(0xa02a2c)
	clay      = Hex(0xbf6c48)
	clayPale  = Hex(0xd9a585)
	linen     = Hex(0xe6dcc8)
	oat       = Hex(0xe6d8bd)
	sand      = Hex(0xd8c3a0)
	rust      = Hex(0xb2552f)
	slate     = Hex(0x68747a)
	moss      = Hex(0x76825a)
	midnight  = Hex(0x2b3b58)
	sky       = Hex(0x7d9bb0)
	iron      = Hex(0x34363a)
	zinc      = Hex(0xb4bcbe)
	birch     = Hex(0xecd5ac)
	birchDark = Hex(0xcfa971)
	oak       = Hex(0xd0a268)
	oakDark   = Hex(0x9c6c38)
	leather   = Hex(0x9a5f35)
	leaf      = Hex(0x5d7f4a)
)

// The tints of the backdrops, one per category.
var (
	tintKitchen  = Hex(0xeee6d8)
	tintTable    = Hex(0xefe3d8)
	tintTextile  = Hex(0xe6e8dd)
	tintLight    = Hex(0xeae0cc)
	tintGarden   = Hex(0xe3e8d8)
	tintFire     = Hex(0xe6e2dc)
	tintPantry   = Hex(0xf1e7cf)
	tintBath     = Hex(0xe0e8e8)
	tintPaper    = Hex(0xece8de)
	tintChildren = Hex(0xf1e4d8)
)

// Studio is the backdrop of things that stand: a wall and a table of one tint,
// light from the upper left.
func Studio(tint RGB) func(*Canvas) {
	wall, table := tint.To(white, .12), tint.To(Hex(0x8a7556), .1)
	return func(c *Canvas) {
		h := 1000 * float64(c.H) / float64(c.W)
		edge := h * .66
		c.All(paperTouch(func(x, y float64) (RGB, float32) {
			t := smooth(math.Max(0, math.Min(1, (y-edge+14)/28)))
			w := wall.To(tint.Light(.965), y/edge)
			f := table.To(tint.To(white, .22), (y-edge)/(h-edge)*.9)
			col := w.To(f, t)
			d := math.Hypot(x-260, y-180) / 1100
			return col.Light(1.035 - .10*d*d), 1
		}))
	}
}

// Sheet is the backdrop of things seen from above.
func Sheet(tint RGB) func(*Canvas) {
	return func(c *Canvas) {
		c.All(paperTouch(func(x, y float64) (RGB, float32) {
			d := math.Hypot(x-280, y-220) / 1100
			return tint.To(white, .18).Light(1.03 - .13*d*d), 1
		}))
	}
}

// paperTouch gives a backdrop the unevenness of laid paper.
func paperTouch(p Paint) Paint {
	return func(x, y float64) (RGB, float32) {
		c, a := p(x, y)
		n := .020*(Cloud(x/180, y/180, 11)-.5) + .008*(Noise(x/11, y/2.6, 12)-.5)
		return c.Light(1 + n), a
	}
}

// on puts things on a backdrop.
func on(back func(*Canvas), things ...func(*Canvas)) func(*Canvas) {
	return func(c *Canvas) {
		back(c)
		for _, t := range things {
			t(c)
		}
	}
}

// at is a thing placed and scaled; see Canvas.Place.
func at(x, y, s float64, thing func(*Canvas)) func(*Canvas) {
	return func(c *Canvas) { c.Place(x, y, s, thing) }
}

// Turned is a body of revolution about x = cx, from pairs of height y and
// radius, top first; flat is the ratio of its ellipses.
func Turned(cx, flat float64, profile ...float64) *Path {
	q := pairs(profile)
	n := len(q)
	left := make([]Pt, n)
	for i, k := range q {
		left[i] = Pt{cx - k.Y, k.X}
	}
	p := spline(left, false)
	last := q[n-1]
	p.halfEllipse(cx, last.X, last.Y, last.Y*flat, false)
	right := make([]Pt, n)
	for i := range q {
		k := q[n-1-i]
		right[i] = Pt{cx + k.Y, k.X}
	}
	s := spline(right, false)
	p.segs = append(p.segs, s.segs[1:]...)
	p.halfEllipse(cx, q[0].X, q[0].Y, -q[0].Y*flat, true)
	return p
}

// halfEllipse goes from one side of an ellipse to the other, below the middle
// for a positive ry.
func (p *Path) halfEllipse(cx, y, rx, ry float64, back bool) {
	s := 1.0
	if back {
		s = -1
	}
	kx, ky := rx*arc, ry*arc
	p.C(cx-s*rx, y+ky, cx-s*kx, y+ry, cx, y+ry).C(cx+s*kx, y+ry, cx+s*rx, y+ky, cx+s*rx, y)
}

// Leaf is a pointed leaf from a foot, length and width in units, by degrees.
func Leaf(x, y, length, width, deg float64) *Path {
	return P(x, y).C(x+length*.3, y-width*.9, x+length*.75, y-width*.6, x+length, y).
		C(x+length*.75, y+width*.6, x+length*.3, y+width*.9, x, y).Under(Turn(deg, x, y))
}
