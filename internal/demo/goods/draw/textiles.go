package draw

import "math"

var textiles = []Drawing{
	{Name: "plad-vinterull-gran", draw: on(Sheet(tintTextile), at(500, 822, 1.1, throw(Hex(0x3f5d49), Hex(0x2b4434), Hex(0x6f8a76))))},
	{Name: "plad-vinterull-lingon", draw: on(Sheet(tintTextile), at(500, 822, 1.1, throw(Hex(0x96373a), Hex(0x6f2226), Hex(0xc17a72))))},
	{Name: "plad-vinterull-grasten", draw: on(Sheet(tintTextile), at(500, 822, 1.1, throw(Hex(0x969a97), Hex(0x717673), Hex(0xc3c5c0))))},
	{Name: "kuddfodral-sav-natur-50", draw: on(Sheet(tintTextile), cushion(300, 300, linen.To(white, .2)))},
	{Name: "kuddfodral-sav-natur-40", draw: on(Sheet(tintTextile), cushion(360, 240, linen.To(white, .2)))},
	{Name: "kuddfodral-sav-senap-50", draw: on(Sheet(tintTextile), cushion(300, 300, Hex(0xc9973a)))},
	{Name: "kuddfodral-sav-senap-40", draw: on(Sheet(tintTextile), cushion(360, 240, Hex(0xc9973a)))},
	{Name: "handduk-vassbo", draw: on(Studio(tintTextile), at(505, 800, 1.22, towels))},
	{Name: "vaxduk-korsbar", draw: on(Studio(tintTextile), oilcloth)},
}

// throw is a folded woollen throw, checked tone on tone, with a knotted fringe.
func throw(base, dark, light RGB) func(*Canvas) {
	wool := func(x, y float64) (RGB, float32) {
		band := func(v float64) float64 {
			v = math.Mod(v+4000, 200)
			switch {
			case v < 58:
				return 1
			case v > 118 && v < 128 || v > 146 && v < 156:
				return -1
			}
			return 0
		}
		col := base
		for _, b := range []float64{band(x - 60), band(y + 30)} {
			if b > 0 {
				col = col.To(dark, .5)
			} else if b < 0 {
				col = col.To(light, .5)
			}
		}
		// Twill: slanting threads.
		tw := .5 + .5*math.Sin((x+y)*2*math.Pi/7.5)
		fuzz := Noise(x/3.4, y/3.4, 91) - .5
		return col.Light(.96 + .09*tw + .10*fuzz + .07*(Cloud(x/120, y/120, 92)-.5)), 1
	}
	return func(c *Canvas) {
		c.With(Turn(-7, 500, 480), func() {
			fringe := &Path{}
			for i := range 33 {
				x := 214 + float64(i)*17.9
				d := 10 * (hash2(i, 1, 93) - .5)
				l := 60 + 14*hash2(i, 2, 93)
				fringe.Add(Thread(x, 748, x+d*.3, 776).Outline(8), Circle(x+d*.3, 780, 6.5))
				for k := -1.0; k <= 1; k++ {
					fringe.Add(Thread(x+d*.3, 782, x+d*.6+k*3, 782+l*.5, x+d+k*5, 782+l).Outline(4.2))
				}
			}
			c.Shadow(fringe, 7, 9, 6, .4)
			c.Fill(fringe, Mottle(Flat(base.Light(1.02)), 9, .14, 94))
			// The lower layers of the fold show at the right.
			for i := 2; i >= 0; i-- {
				d := float64(i) * 13
				l := Box(200+d, 182+d*.5, 596, 575-d*.4, 24)
				if i == 2 {
					c.Lying(l, 34)
				}
				c.Fill(l, Mottle(wool, 40, .05, 95+i))
				c.Inner(l, 9, 9, 9, shade, .6)
				c.Inner(l, -5, -6, 6, white, .3)
			}
			top := Box(200, 182, 590, 575, 26)
			c.Clip(top, func() {
				// A corner turned over shows the back.
				flap := P(200, 182).L(470, 182).C(456, 240, 440, 300, 400, 360).C(340, 420, 270, 440, 200, 452)
				c.Shadow(flap, 12, 16, 12, .5)
				c.Fill(flap, func(x, y float64) (RGB, float32) {
					col, a := wool(y+37, x+61)
					return col.To(light, .3), a
				})
				c.Inner(flap, 7, 8, 10, shade, .35)
				c.Inner(flap, 0, -14, 16, white, .25)
			})
		})
	}
}

// cushion lies and is full; half width and height in units.
func cushion(hw, hh float64, col RGB) func(*Canvas) {
	return func(c *Canvas) {
		c.With(Turn(-8, 500, 500), func() {
			b := func(dx, dy float64) (float64, float64) { return 500 + hw*dx, 500 + hh*dy }
			x0, y0 := b(-1.04, -1.04)
			x1, y1 := b(1.04, -1.04)
			x2, y2 := b(1.04, 1.04)
			x3, y3 := b(-1.04, 1.04)
			p := P(x0, y0).C(x0+hw*.5, y0+hh*.13, x1-hw*.5, y1+hh*.13, x1, y1).
				C(x1-hw*.13, y1+hh*.5, x2-hw*.13, y2-hh*.5, x2, y2).
				C(x2-hw*.5, y2-hh*.13, x3+hw*.5, y3-hh*.13, x3, y3).
				C(x3+hw*.13, y3-hh*.5, x0+hw*.13, y0+hh*.5, x0, y0)
			c.Lying(p, 46)
			c.Fill(p, Cloth(func(x, y float64) (RGB, float32) {
				u, v := (x-500)/hw, (y-500)/hh
				// Pulled folds run out from the corners.
				r := math.Hypot(math.Abs(u)-1, math.Abs(v)-1)
				ang := math.Atan2(math.Abs(v)-1, math.Abs(u)-1)
				fold := math.Sin(ang*17+float64(int(u+2))*2) * math.Exp(-r*3.4)
				dent := Cloud(x/210, y/210, 101) - .5
				return col.Light(1 + .10*fold + .07*dent), 1
			}, 8, .17, 102))
			c.Inner(p, 48, 54, 62, shade, .5)
			c.Inner(p, -34, -38, 46, white, .4)
			c.Inner(p, 7, 8, 7, shade, .35)
			// Piping along the seam.
			c.Line(p, 4, Ink(col.Light(.78), .8))
			c.Glow(Ellipse(500-hw*.28, 500-hh*.32, hw*.34, hh*.28), 70, white, .22)
		})
	}
}

func waffle(col RGB, pitch float64) Paint {
	return func(x, y float64) (RGB, float32) {
		u, v := math.Mod(x+5000, pitch)/pitch-.5, math.Mod(y+5000, pitch)/pitch-.5
		ridge := math.Max(math.Abs(u), math.Abs(v)) * 2
		light := .80 + .24*math.Pow(ridge, 3)
		light += .14 * (u + v) * (1 - ridge) // the far walls of the hollow catch light
		return col.Light(light + .05*(Noise(x/3, y/3, 103)-.5)), 1
	}
}

// towels are three folded ones, the uppermost with its loop.
func towels(c *Canvas) {
	c.Ground(500, 800, 300)
	cols := []RGB{Hex(0x93a396), Hex(0xd8cdb8), Hex(0xf1ebdd)}
	y := 800.0
	for i, col := range cols {
		h := 118 - float64(i)*6
		x, w := 208+float64(i)*11, 588-float64(i)*16
		for k := range 2 { // each is folded double
			hh := h / 2
			y -= hh
			p := P(x+30, y).L(x+w-16, y).C(x+w, y, x+w+2, y+hh, x+w-14, y+hh).L(x+30, y+hh).C(x-12, y+hh, x-12, y, x+30, y)
			c.Shadow(p, 5, 8, 6, .3)
			c.Fill(p, waffle(col, 17))
			c.Inner(p, 4, 15, 14, shade, .5)
			c.Inner(p, 0, -12, 12, white, .42)
			if k == 0 {
				c.Inner(p, -14, 0, 14, shade, .2)
			}
			c.Line(P(x+w-20, y+3).C(x+w-8, y+5, x+w-8, y+hh-5, x+w-20, y+hh-3), 3, Ink(shade, .25))
		}
	}
	// The upper side, seen a little from above.
	p := P(262, y-34).L(768, y-36).L(786, y+6).L(250, y+8).C(226, y+2, 232, y-32, 262, y-34)
	c.Fill(p, func(x, yy float64) (RGB, float32) { return waffle(Hex(0xf5f0e4), 17)(x+(yy-y)*.3, yy*2.1) })
	c.Inner(p, 0, 10, 12, shade, .12)
	c.Line(Thread(640, y+2, 628, y+40, 646, y+64, 668, y+40, 664, y+2), 9, Flat(Hex(0xb99b6c)))
}

// oilcloth hangs from its roll.
func oilcloth(c *Canvas) {
	base := Hex(0xf4ecd9)
	sheet := P(250, 300).L(726, 300).L(726, 800).C(720, 850, 700, 868, 640, 866).L(300, 866).C(262, 868, 250, 850, 250, 800)
	c.Shadow(sheet, 24, 26, 26, .3)
	c.Fill(sheet, Along(0, 300, 0, 870, Stop{0, base.Light(.8)}, Stop{.12, base}, Stop{.82, base}, Stop{.93, base.Light(1.06)}, Stop{1, base.Light(.84)}))
	cherries := func(dy float64) {
		for j := range 9 {
			for i := range 6 {
				x := 262 + float64(i)*98 + float64(j%2)*49
				y := 190 + dy + float64(j)*82
				c.With(Turn(50*(hash2(i, j, 111)-.5), x, y), func() { cherry(c, x, y) })
			}
		}
	}
	c.Clip(sheet, func() {
		cherries(0)
		c.Glow(P(330, 320).L(390, 320).L(360, 860).L(310, 860), 20, white, .5)
		c.Glow(Box(250, 290, 476, 44, 0), 20, shade, .45)
	})
	c.Inner(sheet, 5, 6, 6, shade, .3)
	roll := P(230, 160).L(732, 160).C(790, 160, 790, 330, 732, 330).L(230, 330).C(190, 330, 190, 160, 230, 160)
	c.Shadow(roll, 20, 26, 20, .34)
	cyl := Along(0, 160, 0, 330, Stop{0, base.Light(.88)}, Stop{.28, base.Light(1.07)}, Stop{.6, base.Light(.93)}, Stop{1, base.Light(.64)})
	c.Fill(roll, cyl)
	c.Clip(roll, func() {
		for i := range 7 {
			x := 236 + float64(i)*86
			cherry(c, x, 204)
			cherry(c, x+43, 272)
		}
		c.Fill(roll, func(x, y float64) (RGB, float32) {
			t := (y - 160) / 170
			return shade, float32(.5 * math.Max(0, t-.45))
		})
		c.Glow(Box(240, 196, 480, 12, 6), 9, white, .75)
	})
	end := Ellipse(738, 245, 36, 85)
	c.Fill(end, Flat(base.Light(.9)))
	for i := range 7 {
		k := 1 - float64(i)*.095
		c.Line(Ellipse(738, 245, 36*k, 85*k), 2.4, Ink(Hex(0x8a6b4a), .55))
	}
	core := Ellipse(738, 245, 13, 30)
	c.Fill(core, Flat(Hex(0x6d4b30)))
	c.Inner(core, -5, -6, 5, ink, .6)
}

// cherry is a pair with its leaf, about 50 units wide.
func cherry(c *Canvas, x, y float64) {
	c.Line(P(x, y-24).C(x-10, y-12, x-14, y-4, x-15, y+8), 2.6, Flat(Hex(0x6b7d3c)))
	c.Line(P(x, y-24).C(x+7, y-12, x+12, y-4, x+13, y+4), 2.6, Flat(Hex(0x6b7d3c)))
	c.Fill(Leaf(x, y-24, 30, 10, -12), Flat(leaf))
	for _, p := range []Pt{{x - 15, y + 16}, {x + 14, y + 12}} {
		c.Fill(Circle(p.X, p.Y, 11.5), Radial(p.X-4, p.Y-4, 17, Stop{0, Hex(0xcf4a44)}, Stop{1, Hex(0x86191f)}))
		c.Fill(Ellipse(p.X-4, p.Y-4.5, 3, 2.2), Ink(white, .7))
	}
}
