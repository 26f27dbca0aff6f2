package draw

import "math"

// Pt is a point in units.
type Pt struct{ X, Y float64 }

type seg struct {
	op byte // M, L, C
	p  [3]Pt
}

// Path is an outline of one or several closed parts; parts that run the other
// way round are holes.
type Path struct{ segs []seg }

// P starts a path.
func P(x, y float64) *Path { return (&Path{}).M(x, y) }

// M moves.
func (p *Path) M(x, y float64) *Path {
	p.segs = append(p.segs, seg{'M', [3]Pt{{x, y}}})
	return p
}

// L draws straight lines to points given as x, y pairs.
func (p *Path) L(xy ...float64) *Path {
	for i := 0; i+1 < len(xy); i += 2 {
		p.segs = append(p.segs, seg{'L', [3]Pt{{xy[i], xy[i+1]}}})
	}
	return p
}

// C draws a cubic curve.
func (p *Path) C(x1, y1, x2, y2, x, y float64) *Path {
	p.segs = append(p.segs, seg{'C', [3]Pt{{x1, y1}, {x2, y2}, {x, y}}})
	return p
}

// Add appends other paths.
func (p *Path) Add(qs ...*Path) *Path {
	for _, q := range qs {
		p.segs = append(p.segs, q.segs...)
	}
	return p
}

// Join makes one path of many.
func Join(ps ...*Path) *Path { return (&Path{}).Add(ps...) }

// Under returns the path under a transform.
func (p *Path) Under(m Matrix) *Path {
	q := &Path{segs: make([]seg, len(p.segs))}
	for i, s := range p.segs {
		for k := range s.p {
			s.p[k].X, s.p[k].Y = m.apply(s.p[k].X, s.p[k].Y)
		}
		q.segs[i] = s
	}
	return q
}

func (p *Path) bounds(m Matrix) (x0, y0, x1, y1 float64) {
	x0, y0, x1, y1 = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, s := range p.segs {
		n := 1
		if s.op == 'C' {
			n = 3
		}
		for _, q := range s.p[:n] {
			x, y := m.apply(q.X, q.Y)
			x0, y0, x1, y1 = math.Min(x0, x), math.Min(y0, y), math.Max(x1, x), math.Max(y1, y)
		}
	}
	return
}

const arc = 0.5522847498

// Ellipse is an ellipse about a point.
func Ellipse(x, y, rx, ry float64) *Path {
	kx, ky := rx*arc, ry*arc
	return P(x+rx, y).C(x+rx, y+ky, x+kx, y+ry, x, y+ry).C(x-kx, y+ry, x-rx, y+ky, x-rx, y).
		C(x-rx, y-ky, x-kx, y-ry, x, y-ry).C(x+kx, y-ry, x+rx, y-ky, x+rx, y)
}

// Circle is a circle about a point.
func Circle(x, y, r float64) *Path { return Ellipse(x, y, r, r) }

// Hole is p the other way round, to be added to a shape that it pierces.
func Hole(p *Path) *Path {
	var out Path
	for _, poly := range p.flatten() {
		for i := len(poly) - 1; i >= 0; i-- {
			op := byte('L')
			if i == len(poly)-1 {
				op = 'M'
			}
			out.segs = append(out.segs, seg{op, [3]Pt{poly[i]}})
		}
	}
	return &out
}

// Box is a rectangle with rounded corners.
func Box(x, y, w, h, r float64) *Path {
	if r <= 0 {
		return P(x, y).L(x+w, y, x+w, y+h, x, y+h)
	}
	r = math.Min(r, math.Min(w, h)/2)
	k := r * (1 - arc)
	return P(x+r, y).L(x+w-r, y).C(x+w-k, y, x+w, y+k, x+w, y+r).L(x+w, y+h-r).C(x+w, y+h-k, x+w-k, y+h, x+w-r, y+h).
		L(x+r, y+h).C(x+k, y+h, x, y+h-k, x, y+h-r).L(x, y+r).C(x, y+k, x+k, y, x+r, y)
}

// Poly is a polygon of x, y pairs.
func Poly(xy ...float64) *Path { return P(xy[0], xy[1]).L(xy[2:]...) }

func pairs(xy []float64) []Pt {
	out := make([]Pt, 0, len(xy)/2)
	for i := 0; i+1 < len(xy); i += 2 {
		out = append(out, Pt{xy[i], xy[i+1]})
	}
	return out
}

// Smooth is a closed curve through x, y pairs.
func Smooth(xy ...float64) *Path { return spline(pairs(xy), true) }

// Thread is an open curve through x, y pairs.
func Thread(xy ...float64) *Path { return spline(pairs(xy), false) }

// spline is a Catmull-Rom curve.
func spline(q []Pt, closed bool) *Path {
	n := len(q)
	get := func(i int) Pt {
		if closed {
			return q[(i%n+n)%n]
		}
		return q[max(0, min(n-1, i))]
	}
	p := P(q[0].X, q[0].Y)
	end := n - 1
	if closed {
		end = n
	}
	for i := range end {
		a, b, c, d := get(i-1), get(i), get(i+1), get(i+2)
		p.C(b.X+(c.X-a.X)/6, b.Y+(c.Y-a.Y)/6, c.X-(d.X-b.X)/6, c.Y-(d.Y-b.Y)/6, c.X, c.Y)
	}
	return p
}

// Arc is an open piece of an ellipse, degrees clockwise from three o'clock.
func Arc(x, y, rx, ry, from, to float64) *Path {
	n := max(2, int(math.Abs(to-from)/6))
	var p *Path
	for i := range n + 1 {
		s, c := math.Sincos((from + (to-from)*float64(i)/float64(n)) * math.Pi / 180)
		if i == 0 {
			p = P(x+rx*c, y+ry*s)
		} else {
			p.L(x+rx*c, y+ry*s)
		}
	}
	return p
}

// flatten makes polylines of the parts.
func (p *Path) flatten() [][]Pt {
	var out [][]Pt
	var cur []Pt
	flush := func() {
		if len(cur) > 0 {
			out = append(out, cur)
		}
		cur = nil
	}
	for _, s := range p.segs {
		switch s.op {
		case 'M':
			flush()
			cur = []Pt{s.p[0]}
		case 'L':
			cur = append(cur, s.p[0])
		case 'C':
			a := cur[len(cur)-1]
			const n = 20
			for i := 1; i <= n; i++ {
				t := float64(i) / n
				u := 1 - t
				cur = append(cur, Pt{
					u*u*u*a.X + 3*u*u*t*s.p[0].X + 3*u*t*t*s.p[1].X + t*t*t*s.p[2].X,
					u*u*u*a.Y + 3*u*u*t*s.p[0].Y + 3*u*t*t*s.p[1].Y + t*t*t*s.p[2].Y})
			}
		}
	}
	flush()
	return out
}

// Outline is the shape of a stroke of a width along the path, ends round.
func (p *Path) Outline(w float64) *Path {
	return p.Taper(func(float64) float64 { return w })
}

// Taper is Outline with a width that depends on the way gone, 0 to 1.
func (p *Path) Taper(width func(t float64) float64) *Path {
	out := &Path{}
	for _, poly := range p.flatten() {
		total := 0.0
		for i := 1; i < len(poly); i++ {
			total += math.Hypot(poly[i].X-poly[i-1].X, poly[i].Y-poly[i-1].Y)
		}
		gone := 0.0
		w := func() float64 {
			if total == 0 {
				return width(0)
			}
			return width(gone / total)
		}
		r := w() / 2
		out.Add(Circle(poly[0].X, poly[0].Y, r))
		for i := 1; i < len(poly); i++ {
			a, b := poly[i-1], poly[i]
			d := math.Hypot(b.X-a.X, b.Y-a.Y)
			if d == 0 {
				continue
			}
			gone += d
			r2 := w() / 2
			nx, ny := -(b.Y-a.Y)/d, (b.X-a.X)/d
			// Runs the same way round as Circle does: parts add up, none cancels.
			out.Add(Poly(a.X-nx*r, a.Y-ny*r, b.X-nx*r2, b.Y-ny*r2, b.X+nx*r2, b.Y+ny*r2, a.X+nx*r, a.Y+ny*r))
			out.Add(Circle(b.X, b.Y, r2))
			r = r2
		}
	}
	return out
}
