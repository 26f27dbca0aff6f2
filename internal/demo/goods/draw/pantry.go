package draw

import "math"

var pantry = []Drawing{
	{Name: "rarorda-lingon", draw: on(Studio(tintPantry), at(500, 850, 1.15, lingonJar))},
	{Name: "kokkaffe-morgon", draw: on(Studio(tintPantry), at(500, 850, 1.1, coffeeBag))},
	{Name: "knackebrod-ragspis-havssalt", draw: on(Studio(tintPantry), at(520, 840, 1.1, crispbread("HAVSSALT", Hex(0x5f7f8f))))},
	{Name: "knackebrod-ragspis-kummin", draw: on(Studio(tintPantry), at(520, 840, 1.1, crispbread("KUMMIN", Hex(0x8a6a35))))},
	{Name: "honung-slatterang", draw: on(Studio(tintPantry), at(500, 850, 1.15, honeyJar))},
}

// berry is a lingonberry of radius r.
func berry(c *Canvas, x, y, r float64) {
	p := Circle(x, y, r)
	c.Shadow(p, r*.25, r*.35, r*.35, .4)
	c.Fill(p, Radial(x-r*.35, y-r*.4, r*1.6, Stop{0, Hex(0xd8504a)}, Stop{.5, Hex(0xa8252b)}, Stop{1, Hex(0x661219)}))
	c.Fill(Ellipse(x-r*.35, y-r*.4, r*.26, r*.18), Ink(white, .75))
	c.Fill(Circle(x+r*.5, y+r*.35, r*.16), Ink(Hex(0x4a0d12), .7))
}

// jar is a glass jar of a filling with a lid; its label goes from 545 to 715.
func jar(c *Canvas, fill Paint, lid Paint) *Path {
	c.Ground(500, 800, 175)
	body := Turned(500, .15, 396, 128, 420, 150, 460, 168, 540, 170, 700, 170, 770, 166, 796, 140)
	c.Fill(body, Ink(Hex(0xf2f3ec), .7))
	in := Turned(500, .15, 424, 140, 460, 157, 540, 160, 700, 160, 766, 156, 784, 136)
	c.Fill(in, fill)
	c.Inner(in, 18, 4, 24, shade, .4)
	c.Clip(body, func() {
		c.Glow(Box(346, 452, 20, 320, 10), 8, white, .75)
		c.Glow(Box(640, 470, 9, 280, 5), 6, white, .45)
		c.Line(Arc(500, 782, 130, 17, 10, 170), 5, Ink(white, .5))
	})
	c.Line(body, 2, Ink(Hex(0x6f7f78), .5))
	c.Line(Arc(500, 404, 132, 18, 0, 180), 9, Ink(white, .6))
	top := Turned(500, .15, 318, 132, 340, 138, 396, 138)
	c.Shadow(top, 3, 9, 6, .3)
	c.Fill(top, lid)
	c.Inner(top, 14, 0, 16, shade, .35)
	c.Fill(Ellipse(500, 318, 132, 20), func(x, y float64) (RGB, float32) {
		col, a := lid(480, y)
		return col.To(white, .2), a
	})
	for i := range 40 {
		x := 500 + 137*math.Sin((float64(i)/39-.5)*math.Pi)
		c.Line(P(x, 350).L(x, 404), 2, Ink(shade, .12))
	}
	return body
}

// wrap is a paper label bent round a jar between two heights.
func wrap(c *Canvas, body *Path, y0, y1 float64, col RGB) {
	l := P(332, y0).C(390, y0+26, 610, y0+26, 668, y0).L(668, y1).C(610, y1+26, 390, y1+26, 332, y1)
	c.Clip(body, func() {
		c.Shadow(l, 2, 3, 3, .3)
		c.Fill(l, Mottle(Round(330, 670, col), 40, .02, 301))
		c.Inner(l, 20, 0, 24, shade, .22)
	})
}

func lingonJar(c *Canvas) {
	b := jar(c, func(x, y float64) (RGB, float32) {
		return Hex(0x8c1f26).To(Hex(0xb8383a), Cloud(x/26, y/22, 302)), 1
	}, Round(362, 638, Hex(0xe9e3d6)))
	c.Clip(b, func() {
		for i := range 60 {
			x, y := 346+308*hash2(i, 1, 303), 440+330*hash2(i, 2, 303)
			r := 13.0
			c.Fill(Circle(x, y, r), Ink(Hex(0xc23b3c).Light(.7+.5*hash2(i, 3, 303)), .8))
			c.Fill(Ellipse(x-4, y-5, 4, 2.6), Ink(white, .4))
		}
		c.Inner(b, 40, 0, 40, shade, .3)
		c.Glow(Box(346, 452, 18, 320, 9), 8, white, .55)
	})
	wrap(c, b, 540, 700, Hex(0xf7f0e1))
	c.Write("LINGON", 500, 648, 46, 5, 8, Flat(lingon))
	c.Write("RÅRÖRDA", 500, 584, 19, 6, 3.4, Flat(ink))
	c.Write("340 G", 500, 692, 19, 5, 3.4, Flat(ink))
	for i, p := range []Pt{{300, 800}, {262, 812}, {286, 776}, {700, 812}, {738, 806}} {
		berry(c, p.X, p.Y, 19-float64(i%2)*2)
	}
	for _, l := range []*Path{Leaf(300, 770, 66, 22, -40), Leaf(290, 766, 58, 20, -110), Leaf(726, 790, 60, 20, -30)} {
		c.Shadow(l, 4, 6, 4, .3)
		c.Form(l, Flat(Hex(0x4f7144)), 8)
	}
}

func honeyJar(c *Canvas) {
	b := jar(c, Mottle(Grad(0, 430, 0, 790, Hex(0xf2cf7a), Hex(0xe2a945)), 90, .05, 304), Wood(oak.Light(1.08), oakDark, 0, 26, 305))
	wrap(c, b, 540, 700, Hex(0xfaf4e4))
	c.Write("HONUNG", 500, 650, 44, 5, 8, Flat(Hex(0x8a5a12)))
	c.Write("SLÅTTERÄNG", 500, 586, 19, 6, 3.4, Flat(ink))
	c.Write("350 G", 500, 694, 19, 5, 3.4, Flat(ink))
	// A dipper leans on the jar.
	c.With(Turn(24, 740, 812), func() {
		h := Box(731, 430, 16, 270, 8)
		c.Shadow(h, 12, 10, 8, .3)
		c.Form(h, Wood(birch, birchDark, 90, 9, 306), 7)
		for i := range 6 {
			w := 30 + 22*math.Sin(float64(i+1)/7*math.Pi)
			d := Ellipse(739, 706+float64(i)*20, w, 13)
			c.Shadow(d, 3, 5, 4, .3)
			c.Form(d, Wood(birch, birchDark, 0, 11, 307+i), 8)
		}
	})
	drop := P(640, 812).C(600, 806, 600, 836, 660, 838).C(740, 842, 800, 836, 800, 820).C(790, 806, 690, 812, 640, 812)
	c.Shadow(drop, 3, 5, 4, .3)
	c.Fill(drop, Grad(0, 805, 0, 840, Hex(0xf0bc4f), Hex(0xcf8f28)))
	c.Glow(Ellipse(670, 818, 40, 4), 3, white, .7)
}

// coffeeBag is a block-bottomed bag, folded and clipped, beans before it.
func coffeeBag(c *Canvas) {
	c.Ground(500, 800, 205)
	p := P(312, 300).L(688, 300).C(700, 420, 712, 680, 706, 796).C(600, 816, 400, 816, 294, 796).C(288, 680, 300, 420, 312, 300)
	c.Shadow(p, 12, 20, 16, .2)
	kraft := Hex(0x7b5a3e)
	c.Fill(p, Mottle(Along(294, 0, 706, 0, Stop{0, kraft.Light(.78)}, Stop{.12, kraft.Light(1.0)}, Stop{.35, kraft.Light(1.18)}, Stop{.8, kraft.Light(.95)}, Stop{1, kraft.Light(.66)}), 60, .05, 311))
	c.Clip(p, func() {
		for i := range 12 { // creases
			x, y := 300+400*hash2(i, 1, 312), 310+480*hash2(i, 2, 312)
			l := P(x, y).L(x+60*(hash2(i, 3, 312)-.5), y+110*hash2(i, 4, 312)).Outline(4)
			c.Glow(l, 4, white, .22)
			c.Glow(l.Under(Move(6, 4)), 5, shade, .22)
		}
		c.Line(P(344, 300).L(330, 800), 3, Ink(shade, .2))
		c.Line(P(656, 300).L(672, 800), 3, Ink(shade, .25))
		c.Glow(Ellipse(500, 806, 220, 24), 16, shade, .4)
	})
	lab := Box(366, 440, 268, 270, 6)
	c.Shadow(lab, 3, 4, 4, .35)
	c.Fill(lab, Flat(Hex(0xf6eddc)))
	c.Clip(lab, func() { // the sun comes up behind a ridge
		c.Fill(Box(366, 440, 268, 128, 0), Grad(0, 440, 0, 568, Hex(0xf3d9a4), Hex(0xf0b86a)))
		c.Clip(Box(366, 440, 268, 128, 0), func() { c.Fill(Circle(500, 560, 62), Flat(Hex(0xe58e3a))) })
		for i := range 9 {
			a := math.Pi * (float64(i) + .5) / 9
			c.Line(P(500-80*math.Cos(a), 560-80*math.Sin(a)).L(500-104*math.Cos(a), 560-104*math.Sin(a)), 5, Flat(Hex(0xe58e3a)))
		}
		c.Fill(P(366, 545).C(430, 510, 470, 560, 540, 548).C(590, 540, 610, 560, 634, 530).L(634, 568, 366, 568), Flat(pine))
	})
	c.Write("MORGON", 500, 632, 33, 5, 6.4, Flat(ink))
	c.Write("KOKKAFFE · 450 G", 500, 676, 17, 4, 3, Flat(ink))
	fold := P(306, 250).L(694, 250).C(700, 270, 700, 310, 694, 330).L(306, 330).C(300, 310, 300, 270, 306, 250)
	c.Shadow(fold, 3, 10, 8, .4)
	c.Form(fold, Mottle(Flat(kraft.Light(.98)), 50, .06, 313), 14)
	for _, x := range []float64{330, 670} {
		t := Box(x-12, 240, 24, 102, 5)
		c.Shadow(t, 2, 4, 3, .4)
		c.Form(t, Flat(Hex(0xc9a35a)), 5)
	}
	for i, b := range []Pt{{250, 806}, {300, 824}, {214, 830}, {752, 812}, {700, 832}, {262, 846}} {
		c.With(Turn(float64(i*53), b.X, b.Y), func() {
			e := Ellipse(b.X, b.Y, 25, 17)
			c.Lying(e, 6)
			c.Form(e, Flat(Hex(0x4a2d1c)), 9)
			c.Line(Thread(b.X-22, b.Y+2, b.X-7, b.Y-4, b.X+8, b.Y+4, b.X+22, b.Y-2), 3.4, Flat(Hex(0x2a170d)))
		})
	}
}

// crispbread is a pile of round breads, one leaning, with a band that tells the kind.
func crispbread(kind string, col RGB) func(*Canvas) {
	crust := func(x, y float64, seed int) RGB {
		t := Cloud(x/40, y/40, seed)
		col := Hex(0xc9975c).To(Hex(0x8f5d30), math.Max(0, math.Min(1, (t-.3)*1.9)))
		if hash2(int(x/4.2), int(y/4.2), seed+4) > .93 {
			col = col.To(Hex(0xf0dcb4), .45)
		}
		return col
	}
	return func(c *Canvas) {
		c.Ground(470, 800, 300)
		// The leaning bread, whole, with its hole.
		c.With(Turn(10, 600, 500), func() {
			full := Ellipse(610, 470, 256, 270)
			b := Join(full, Hole(Ellipse(610, 470, 38, 40)))
			c.Shadow(b, 18, 16, 16, .3)
			c.Shadow(b, 5, 6, 4, .3)
			c.Fill(b, func(x, y float64) (RGB, float32) { return crust(x, y, 321), 1 })
			c.Clip(b, func() {
				for j := range 17 { // dimples of the roller
					for i := range 17 {
						x, y := 366+float64(i)*31+float64(j%2)*15, 216+float64(j)*32+4*hash2(i, j, 322)
						c.Glow(Ellipse(x+2.5, y+3, 8, 8), 3, Hex(0xf0d5a4), .5)
						c.Fill(Ellipse(x, y, 6.5, 6.5), Ink(Hex(0x5e3716), .6))
					}
				}
			})
			c.Inner(b, 10, 12, 12, shade, .45)
			c.Inner(b, -7, -8, 8, Hex(0xffeccb), .45)
		})
		for i := range 5 {
			y := 786 - float64(i)*33
			d := 12 * (hash2(i, 1, 323) - .5)
			p := Turned(400+d, .13, y-22, 262, y, 260)
			c.Shadow(p, 3, 7, 6, .35)
			c.Fill(p, func(x, yy float64) (RGB, float32) {
				r, _ := Round(138, 662, Hex(0xffffff))(x, 0)
				return crust(x, yy*3, 324+i).Light(float64(r.G) * 1.02), 1
			})
			c.Inner(p, 4, 9, 8, shade, .5)
		}
		top := Ellipse(400, 632, 262, 34)
		c.Fill(top, func(x, y float64) (RGB, float32) { return crust(x, y*4, 330).Light(1.08), 1 })
		c.Clip(top, func() {
			for j := range 7 {
				for i := range 18 {
					c.Fill(Ellipse(146+float64(i)*30+float64(j%2)*15, 604+float64(j)*9.4, 6, 2.2), Ink(Hex(0x5e3716), .5))
				}
			}
		})
		c.Fill(Ellipse(400, 632, 40, 6), Ink(Hex(0x4a2a12), .85))
		band := P(318, 660).C(360, 668, 440, 668, 482, 660).L(482, 806).C(440, 822, 360, 822, 318, 806)
		c.Shadow(band, 3, 4, 4, .4)
		c.Fill(band, Mottle(Grad(318, 0, 482, 0, Hex(0xf8f0de), Hex(0xe6d9bd)), 40, .02, 331))
		c.Fill(P(318, 660).C(360, 668, 440, 668, 482, 660).L(482, 690).C(440, 698, 360, 698, 318, 690), Flat(col))
		c.Write("RÅGSPIS", 400, 744, 23, 4, 4.4, Flat(ink))
		c.Write(kind, 400, 786, 17, 4, 3.2, Flat(col.Light(.75)))
	}
}
