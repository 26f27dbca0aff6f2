package draw

import "math"

var garden = []Drawing{
	{Name: "kruka-aker", draw: on(Studio(tintGarden), pots)},
	{Name: "vattenkanna-back", draw: on(Studio(tintGarden), at(500, 830, 1.05, wateringCan))},
	{Name: "planteringsspade-spets", draw: on(Sheet(tintGarden), at(500, 850, 1.16, trowel))},
	{Name: "fropase-angen", draw: on(Sheet(tintGarden), seedBag)},
}

// pot is of terracotta, standing on (x, y), r its upper radius.
func pot(c *Canvas, x, y, r float64, soil bool) {
	h := r * 1.75
	c.Ground(x, y, r*.72)
	body := Turned(x, .2, y-h+r*.3, r*.9, y-h*.5, r*.8, y, r*.64)
	col := Hex(0xc47a54)
	c.Fill(body, Speckle(Mottle(Round(x-r*.9, x+r*.9, col), r*.3, .07, 151), Hex(0xead3bd), r*.09, .25, .35, 152))
	c.Clip(body, func() {
		c.Glow(Ellipse(x, y-h*.02, r*.7, r*.14), r*.08, Hex(0xefe0cd), .45) // lime that wandered out
		c.Glow(Ellipse(x, y-h+r*.34, r, r*.22), r*.07, shade, .5)
	})
	c.Inner(body, r*.12, 0, r*.14, shade, .35)
	rim := Turned(x, .2, y-h, r, y-h+r*.3, r*.96)
	c.Fill(rim, Mottle(Round(x-r, x+r, col.Light(1.05)), r*.3, .07, 153))
	c.Inner(rim, r*.1, r*.03, r*.1, shade, .35)
	top := Ellipse(x, y-h, r, r*.2)
	c.Fill(top, Flat(col.To(white, .22)))
	in := Ellipse(x, y-h+r*.015, r*.9, r*.165)
	c.Fill(in, Grad(x-r, y-h, x+r, y-h, Hex(0x7d4429), Hex(0xb56f4b)))
	if soil {
		c.Clip(in, func() {
			c.Fill(Ellipse(x, y-h+r*.09, r*.86, r*.13), Mottle(Flat(Hex(0x3f2f23)), r*.06, .35, 154))
		})
	}
	c.Inner(in, -r*.04, -r*.05, r*.05, shade, .6)
}

func pots(c *Canvas) {
	pot(c, 640, 745, 190, true)
	herb(c, 640, 425, 1.25)
	pot(c, 335, 790, 128, true)
	sprout(c, 335, 580)
	pot(c, 545, 838, 74, false)
}

// herb is a plant with paired leaves.
func herb(c *Canvas, x, y, s float64) {
	for i, d := range []float64{-26, -9, 10, 27} {
		l := (190 + 50*hash2(i, 1, 161)) * s
		deg := d * math.Pi / 180
		tx, ty := x+l*math.Sin(deg)*1.1, y-l*math.Cos(deg)
		mx, my := x+l*.4*math.Sin(deg)*.6, y-l*.5*math.Cos(deg)
		c.Line(Thread(x+d*.5, y+8, mx, my, tx, ty), 5*s, Flat(Hex(0x5a6e3c)))
		for k := range 7 {
			t := .25 + float64(k)*.125
			px, py := x+(tx-x)*t*(.6+.4*t), y+(ty-y)*t
			size := (62 - float64(k)*5) * s
			for _, side := range []float64{-1, 1} {
				lf := Leaf(px, py, size, size*.34, d-90+side*(58-float64(k)*4))
				c.Shadow(lf, 3, 5, 4, .22)
				g := leaf.Light(.85 + .3*hash2(i*9+k, int(side)+3, 162))
				c.Form(lf, Flat(g), 7*s)
				c.Line(P(px, py).L(px+size*.8, py).Under(Turn(d-90+side*(58-float64(k)*4), px, py)), 1.5*s, Ink(white, .25))
			}
		}
		top := Leaf(tx, ty+10, 50*s, 15*s, d-90)
		c.Form(top, Flat(leaf.Light(1.15)), 6*s)
	}
}

func sprout(c *Canvas, x, y float64) {
	c.Line(Thread(x, y, x-4, y-50, x+2, y-104), 6, Flat(Hex(0x6d8447)))
	for _, l := range []*Path{Leaf(x+1, y-100, 84, 30, -28), Leaf(x+1, y-100, 78, 28, -150), Leaf(x-2, y-54, 54, 18, -18), Leaf(x-3, y-60, 50, 17, -168)} {
		c.Shadow(l, 3, 5, 5, .2)
		c.Form(l, Flat(Hex(0x7c9a52)), 9)
	}
}

// wateringCan is of zinc-plated sheet, its spout to the left.
func wateringCan(c *Canvas) {
	c.Ground(560, 800, 185)
	metal := func(x0, x1 float64) Paint {
		return Speckle(Mottle(Round(x0, x1, zinc), 30, .09, 171), Hex(0x8f989b), 24, .5, .22, 172)
	}
	spout := P(430, 690).L(200, 420).L(178, 440).L(160, 400).L(214, 376).L(228, 402).L(430, 590)
	c.Shadow(spout, 12, 20, 16, .22)
	c.Form(spout, Mottle(Grad(230, 560, 330, 470, zinc.Light(.72), zinc.Light(1.12)), 30, .08, 173), 16)
	rose := Ellipse(176, 404, 24, 74).Under(Turn(38, 176, 404))
	c.Form(rose, Mottle(Flat(Hex(0xb98a4a)), 20, .08, 174), 12)
	c.Clip(rose, func() {
		for i := range 9 {
			for j := range 4 {
				x, y := 164+float64(j)*8, 336+float64(i)*16+float64(j%2)*8
				c.With(Turn(38, 176, 404), func() { c.Fill(Circle(x, y, 2.6), Ink(shade, .75)) })
			}
		}
	})
	back := P(716, 470).C(850, 470, 862, 690, 722, 712).L(722, 680).C(816, 664, 806, 504, 716, 502)
	c.Shadow(back, 12, 18, 14, .22)
	c.Form(back, metal(700, 850), 14)
	body := Turned(560, .16, 430, 172, 600, 174, 800, 178)
	c.Fill(body, metal(382, 738))
	c.Clip(body, func() {
		for _, y := range []float64{478, 750} { // beads rolled into the sheet
			c.Line(Arc(560, y-4, 176, 28, 0, 180), 7, Ink(white, .5))
			c.Line(Arc(560, y+4, 176, 28, 0, 180), 6, Ink(shade, .25))
		}
		c.Glow(Box(436, 470, 26, 320, 12), 18, white, .55)
		c.Line(Arc(560, 796, 178, 28, 0, 180), 12, Ink(shade, .18))
	})
	c.Inner(body, 22, 0, 26, shade, .34)
	brace := P(300, 486).L(400, 520)
	c.Line(brace, 11, Flat(zinc.Light(.8)))
	top := Ellipse(560, 430, 172, 27.5)
	c.Fill(top, Flat(zinc.Light(1.12)))
	in := Ellipse(560, 432, 160, 23)
	c.Fill(in, Grad(400, 430, 720, 440, Hex(0x565f60), Hex(0x99a2a3)))
	c.Clip(in, func() { c.Fill(Ellipse(560, 446, 156, 17), Ink(Hex(0xbcd6da), .75)) })
	c.Inner(in, -6, -6, 8, shade, .55)
	half := P(560, 400).C(650, 398, 732, 414, 734, 434).L(560, 434)
	c.Shadow(half, 3, 8, 6, .3)
	c.Form(half, metal(520, 734), 8)
	arch := P(404, 434).C(420, 270, 690, 240, 712, 440).L(684, 440).C(668, 288, 446, 302, 430, 438)
	c.Shadow(arch, 8, 12, 10, .2)
	c.Form(arch, metal(404, 712), 12)
	grip := P(478, 320).C(530, 274, 606, 270, 648, 312).L(636, 334).C(598, 302, 536, 306, 494, 342)
	c.Form(grip, Wood(oak, oakDark, 0, 18, 175), 14)
}

// trowel lies on the table, some soil beside it.
func trowel(c *Canvas) {
	for i := range 46 {
		a, r := hash2(i, 1, 181)*6.28, math.Sqrt(hash2(i, 2, 181))
		x, y, s := 300+150*r*math.Cos(a), 700+105*r*math.Sin(a), 5+16*hash2(i, 3, 181)*hash2(i, 4, 181)
		p := Smooth(x-s, y, x-s*.3, y-s*.8, x+s*.8, y-s*.5, x+s, y+s*.4, x, y+s*.8)
		c.Lying(p, s*.5)
		c.Form(p, Flat(Hex(0x4a3728).Light(.8+.5*hash2(i, 5, 181))), s*.6)
	}
	c.With(Turn(-45, 500, 500), func() {
		handle := P(560, 466).C(640, 452, 760, 456, 850, 462).C(900, 466, 912, 484, 912, 500).C(912, 516, 900, 534, 850, 538).C(760, 544, 640, 548, 560, 534)
		ferrule := P(520, 474).L(588, 462).L(588, 538).L(520, 526)
		neck := P(400, 486).C(440, 480, 480, 482, 530, 482).L(530, 518).C(480, 518, 440, 520, 400, 514)
		blade := P(60, 500).C(110, 420, 200, 392, 300, 398).C(370, 402, 410, 430, 420, 470).L(420, 530).C(410, 570, 370, 598, 300, 602).C(200, 608, 110, 580, 60, 500)
		c.Lying(Join(handle, ferrule, neck, blade), 24)
		c.Form(handle, Wood(Hex(0xe8cb98), Hex(0xba8a52), 1, 22, 182), 30)
		c.Line(P(872, 462).C(884, 480, 884, 520, 872, 538), 3, Ink(shade, .3))
		hang := Circle(886, 500, 8)
		c.Fill(hang, Flat(Hex(0x4a3018)))
		c.Form(neck, Mottle(Flat(iron.Light(1.2)), 14, .14, 183), 14)
		c.Form(ferrule, Mottle(Flat(Hex(0x8a8f90)), 14, .1, 184), 22)
		c.Fill(blade, Mottle(Grad(250, 400, 250, 604, Hex(0x7b8083), Hex(0x4b4f52)), 16, .12, 185))
		c.Clip(blade, func() {
			// The trough of the blade, forged: dark side, lit side, marks of the hammer.
			c.Glow(P(90, 500).L(420, 440).L(420, 500), 26, Hex(0x2e3133), .6)
			c.Glow(P(110, 510).L(420, 505).L(420, 580).L(260, 590), 26, Hex(0xb8bec0), .5)
			for i := range 26 {
				x, y := 130+280*hash2(i, 1, 186), 420+160*hash2(i, 2, 186)
				c.Glow(Ellipse(x, y, 13, 9), 5, white, .16)
			}
			c.Line(P(60, 500).L(420, 500), 3, Ink(ink, .35))
		})
		c.Inner(blade, 6, 6, 6, shade, .5)
		c.Line(P(62, 500).C(112, 421, 200, 394, 300, 400), 3.2, Ink(white, .6))
	})
}

// seedBag is a paper bag with a meadow on it, seeds beside it.
func seedBag(c *Canvas) {
	for i := range 40 {
		x, y := 690+190*hash2(i, 1, 191), 690+150*hash2(i, 2, 191)
		p := Ellipse(x, y, 6+4*hash2(i, 3, 191), 3.4).Under(Turn(180*hash2(i, 4, 191), x, y))
		c.Lying(p, 3)
		c.Form(p, Flat([]RGB{Hex(0x7a5a34), Hex(0x4b3a28), Hex(0xa98a55), Hex(0x2f2a22)}[i%4]), 3)
	}
	c.With(Turn(-6, 480, 500), func() {
		bag := Box(250, 130, 470, 720, 8)
		c.Lying(bag, 18)
		c.Fill(bag, Mottle(Flat(Hex(0xd9c19a)), 60, .04, 192))
		pic := Box(276, 250, 418, 500, 4)
		c.Fill(pic, Grad(0, 250, 0, 750, Hex(0xdfe8e2), Hex(0xf3e9cf)))
		c.Clip(pic, func() { meadow(c, 276, 694, 750, 250) })
		c.Fill(Box(276, 250, 418, 84, 4), Flat(pine))
		c.Write("ÄNGEN", 485, 312, 40, 6, 7, Flat(Hex(0xf6efdf)))
		c.Write("FRÖER · 20 G", 485, 806, 26, 4, 4.6, Flat(Hex(0x4a3a22)))
		fold := Box(250, 130, 470, 76, 8)
		c.Shadow(fold, 0, 7, 6, .32)
		c.Fill(fold, Mottle(Flat(Hex(0xcfb58a)), 60, .04, 193))
		c.Inner(fold, 0, 8, 8, shade, .22)
		c.Line(P(300, 194).L(670, 194), 2.2, Ink(Hex(0x7a5f3a), .6))
		c.Write("FÖRSTUKVIST", 485, 180, 20, 7, 3.4, Flat(Hex(0x4a3a22)))
		c.Volume(bag, 9, .8)
		c.Glow(Poly(300, 220, 360, 220, 330, 840, 290, 840), 18, white, .2)
	})
}

// meadow fills the breadth x0 to x1 up from y with flowers some hundred units high.
func meadow(c *Canvas, x0, x1, y, top float64) {
	for i := range 90 {
		x := x0 + (x1-x0)*hash2(i, 1, 201)
		h := 90 + 170*hash2(i, 2, 201)
		d := 46 * (hash2(i, 3, 201) - .5)
		g := Hex(0x6d8a4e).Light(.75 + .6*hash2(i, 4, 201))
		c.Fill(Thread(x, y+10, x+d*.2, y-h*.5, x+d, y-h).Taper(func(t float64) float64 { return 6.5 * (1.05 - t) }), Flat(g))
	}
	kinds := []RGB{Hex(0xf8f4ea), Hex(0x4f6fa8), Hex(0xc4423c), Hex(0xe3b23a), Hex(0x8a6aa6), Hex(0xf8f4ea), Hex(0xd77f8c)}
	n := int((x1 - x0) / 19)
	for i := range n {
		x := x0 + (x1-x0)*(float64(i)+.2+.6*hash2(i, 5, 202))/float64(n)
		h := 120 + (y-top-230)*hash2(i*3, 6, 203)
		d := 30 * (hash2(i, 7, 202) - .5)
		c.Line(Thread(x, y+10, x+d*.2, y-h*.5, x+d, y-h), 3.4, Flat(Hex(0x5f7d45)))
		flower(c, x+d, y-h, 17+9*hash2(i, 8, 202), kinds[i%len(kinds)], i)
	}
}

func flower(c *Canvas, x, y, r float64, col RGB, kind int) {
	switch kind % 3 {
	case 0: // ox-eye: petals about a yolk
		for k := range 11 {
			p := Ellipse(x+r*.62, y, r*.42, r*.17).Under(Turn(float64(k)*360/11, x, y))
			c.Fill(p, Flat(col.Light(.92+.08*float64(k%2))))
		}
		c.Form(Circle(x, y, r*.34), Flat(Hex(0xe0a52e)), r*.2)
	case 1: // bell or poppy: broad petals
		for k := range 5 {
			p := Ellipse(x+r*.45, y, r*.5, r*.42).Under(Turn(float64(k)*72+20, x, y))
			c.Form(p, Flat(col.Light(.9+.05*float64(k%3))), r*.25)
		}
		c.Fill(Circle(x, y, r*.24), Flat(Hex(0x2f3a26)))
	default: // ear of small blossoms
		for k := range 9 {
			a := float64(k)
			c.Form(Circle(x+r*.3*math.Sin(a*2.4), y-r*.9+a*r*.26, r*.28), Flat(col.Light(.88+.2*hash2(k, kind, 204))), r*.16)
		}
	}
}
