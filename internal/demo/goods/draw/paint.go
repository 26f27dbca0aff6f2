package draw

import "math"

// RGB is a colour, 0 to 1 each.
type RGB struct{ R, G, B float32 }

// Hex makes a colour of 0xRRGGBB.
func Hex(v uint32) RGB {
	return RGB{float32(v>>16&255) / 255, float32(v>>8&255) / 255, float32(v&255) / 255}
}

// To mixes c with d, t from 0 to 1.
func (c RGB) To(d RGB, t float64) RGB {
	f := float32(t)
	return RGB{c.R + (d.R-c.R)*f, c.G + (d.G-c.G)*f, c.B + (d.B-c.B)*f}
}

// Light multiplies.
func (c RGB) Light(f float64) RGB {
	g := float32(f)
	return RGB{min(1, c.R*g), min(1, c.G*g), min(1, c.B*g)}
}

// Paint is the colour and opacity at a point in units.
type Paint func(x, y float64) (RGB, float32)

// Flat is one colour.
func Flat(c RGB) Paint { return func(_, _ float64) (RGB, float32) { return c, 1 } }

// Ink is one colour, not opaque.
func Ink(c RGB, a float64) Paint { return func(_, _ float64) (RGB, float32) { return c, float32(a) } }

// Stop is a colour at a place of a gradient.
type Stop struct {
	At float64
	C  RGB
}

func ramp(stops []Stop, t float64) RGB {
	if t <= stops[0].At {
		return stops[0].C
	}
	for i := 1; i < len(stops); i++ {
		if t <= stops[i].At {
			a, b := stops[i-1], stops[i]
			return a.C.To(b.C, smooth((t-a.At)/(b.At-a.At)))
		}
	}
	return stops[len(stops)-1].C
}

// Along is a gradient from one point to another.
func Along(x0, y0, x1, y1 float64, stops ...Stop) Paint {
	dx, dy := x1-x0, y1-y0
	l := dx*dx + dy*dy
	return func(x, y float64) (RGB, float32) { return ramp(stops, ((x-x0)*dx+(y-y0)*dy)/l), 1 }
}

// Grad is Along with two colours.
func Grad(x0, y0, x1, y1 float64, a, b RGB) Paint {
	return Along(x0, y0, x1, y1, Stop{0, a}, Stop{1, b})
}

// Round shades a standing cylinder between x0 and x1: light from the left.
func Round(x0, x1 float64, c RGB) Paint {
	return Along(x0, 0, x1, 0, Stop{0, c.Light(.86)}, Stop{.3, c.To(Hex(0xffffff), .13)}, Stop{.55, c}, Stop{1, c.Light(.66)})
}

// Radial is a gradient about a point, reaching r.
func Radial(cx, cy, r float64, stops ...Stop) Paint {
	return func(x, y float64) (RGB, float32) { return ramp(stops, math.Hypot(x-cx, y-cy)/r), 1 }
}

// Fade lets a paint vanish from one point to another.
func Fade(p Paint, x0, y0, x1, y1, a0, a1 float64) Paint {
	dx, dy := x1-x0, y1-y0
	l := dx*dx + dy*dy
	return func(x, y float64) (RGB, float32) {
		c, a := p(x, y)
		t := smooth(math.Max(0, math.Min(1, ((x-x0)*dx+(y-y0)*dy)/l)))
		return c, a * float32(a0+(a1-a0)*t)
	}
}

func smooth(t float64) float64 { return t * t * (3 - 2*t) }

// hash2 is a random number 0 to 1 of a place.
func hash2(x, y, seed int) float64 {
	h := uint32(x)*0x9E3779B1 ^ uint32(y)*0x85EBCA77 ^ uint32(seed)*0xC2B2AE3D
	h ^= h >> 15
	h *= 0x2C1B3C6D
	h ^= h >> 12
	h *= 0x297A2D39
	h ^= h >> 15
	return float64(h) / (1 << 32)
}

// Noise is smooth noise, 0 to 1, that changes over about one unit.
func Noise(x, y float64, seed int) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx), int(fy)
	tx, ty := smooth(x-fx), smooth(y-fy)
	a := hash2(ix, iy, seed)*(1-tx) + hash2(ix+1, iy, seed)*tx
	b := hash2(ix, iy+1, seed)*(1-tx) + hash2(ix+1, iy+1, seed)*tx
	return a*(1-ty) + b*ty
}

// Cloud is noise of several sizes, 0 to 1.
func Cloud(x, y float64, seed int) float64 {
	return Noise(x, y, seed)*.5 + Noise(x*2.1+5, y*2.1, seed+1)*.28 + Noise(x*4.3, y*4.3+9, seed+2)*.22
}

// Mottle makes a paint lighter and darker in clouds of a size.
func Mottle(p Paint, size, amount float64, seed int) Paint {
	return func(x, y float64) (RGB, float32) {
		c, a := p(x, y)
		return c.Light(1 + amount*(Cloud(x/size, y/size, seed)-.5)*2), a
	}
}

// Speckle strews dots of col, one per cell of a size at most.
func Speckle(p Paint, col RGB, cell, share, alpha float64, seed int) Paint {
	return func(x, y float64) (RGB, float32) {
		c, a := p(x, y)
		ix, iy := int(math.Floor(x/cell)), int(math.Floor(y/cell))
		if hash2(ix, iy, seed) > share {
			return c, a
		}
		cx := (float64(ix) + .3 + .4*hash2(ix, iy, seed+1)) * cell
		cy := (float64(iy) + .3 + .4*hash2(ix, iy, seed+2)) * cell
		r := cell * (.08 + .2*hash2(ix, iy, seed+3))
		t := math.Max(0, math.Min(1, (r-math.Hypot(x-cx, y-cy))/(cell*.06)))
		return c.To(col, t*alpha), a
	}
}

// Wood is wood with its grain along the direction of deg degrees.
func Wood(light, dark RGB, deg, width float64, seed int) Paint {
	s, co := math.Sincos(deg * math.Pi / 180)
	return func(x, y float64) (RGB, float32) {
		u, v := x*co+y*s, -x*s+y*co
		w := v + 26*(Noise(u/260, v/90, seed)-.5)
		rings := .5 + .5*math.Sin(w/width*2*math.Pi+3*Noise(u/400, v/60, seed+1))
		fibre := Noise(u/70, v/2.6, seed+2)
		t := .5*rings*rings + .28*fibre + .25*Noise(u/300, v/40, seed+3)
		return light.To(dark, math.Min(1, t*.8)), 1
	}
}

// EndGrain is wood cut across, year rings about a point.
func EndGrain(light, dark RGB, cx, cy, ring float64, seed int) Paint {
	return func(x, y float64) (RGB, float32) {
		d := math.Hypot(x-cx, y-cy) + ring*1.6*(Noise(x/80, y/80, seed)-.5)
		t := .5 + .5*math.Sin(d/ring*2*math.Pi)
		return light.To(dark, .16+.55*t*t*t+.22*Noise(x/5, y/5, seed+1)), 1
	}
}

// Cloth is a plain weave of a pitch in units, threads of uneven thickness.
func Cloth(p Paint, pitch, amount float64, seed int) Paint {
	return func(x, y float64) (RGB, float32) {
		c, a := p(x, y)
		i, j := math.Floor(x/pitch), math.Floor(y/pitch)
		over := .5 - .5*math.Cos(2*math.Pi*x/pitch)
		under := .5 - .5*math.Cos(2*math.Pi*y/pitch)
		t := over
		if int(i+j)&1 == 0 {
			t = under
		}
		uneven := Noise(x/pitch/9, math.Floor(y/pitch)*1.7, seed) + Noise(math.Floor(x/pitch)*1.7, y/pitch/9, seed+1) - 1
		return c.Light(1 + amount*(t-.5) + amount*.9*uneven), a
	}
}

// Glass is white of little opacity, stronger towards the edges x0 and x1.
func Glass(x0, x1, edge, middle float64, tint RGB) Paint {
	return func(x, _ float64) (RGB, float32) {
		t := math.Abs(2*(x-x0)/(x1-x0) - 1)
		return tint, float32(middle + (edge-middle)*t*t*t)
	}
}
