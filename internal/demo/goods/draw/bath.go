package draw

import "math"

var bath = []Drawing{
	{Name: "tval-enrum-bjork", draw: on(Sheet(tintBath), at(500, 830, 1.14, soap("BJÖRK", Hex(0xdfe3cf), birchSprig)))},
	{Name: "tval-enrum-kamomill", draw: on(Sheet(tintBath), at(500, 830, 1.14, soap("KAMOMILL", Hex(0xf0e0b4), chamomile)))},
	{Name: "tval-enrum-oparfymerad", draw: on(Sheet(tintBath), at(500, 830, 1.14, soap("ENRUM", Hex(0xf1ede2), nil)))},
	{Name: "diskborste-rund", draw: on(Sheet(tintBath), dishBrush)},
	{Name: "diskborste-rund-huvud", draw: on(Sheet(tintBath), at(500, 800, 1.2, brushHead))},
	{Name: "kladnypor", draw: on(Sheet(tintBath), pegs)},
	{Name: "tvattkorg-vide", draw: on(Studio(tintBath), at(500, 835, 1.04, hamper))},
}

// soap is a stamped bar in a dish of wood.
func soap(stamp string, col RGB, sprig func(*Canvas)) func(*Canvas) {
	return func(c *Canvas) {
		c.With(Turn(-9, 500, 500), func() {
			dish := Box(190, 320, 620, 390, 60)
			c.Lying(dish, 26)
			c.Form(dish, Wood(Hex(0xd9b484), Hex(0x9a6c3f), 1, 30, 341), 22)
			for i := range 7 { // slots that let the water out
				s := Box(258+float64(i)*76, 350, 24, 330, 12)
				c.Fill(s, Ink(Hex(0x4f3317), .75))
				c.Inner(s, -6, -7, 6, ink, .6)
			}
			bar := Box(262, 370, 476, 290, 54)
			c.Shadow(bar, 16, 20, 16, .4)
			c.Shadow(bar, 4, 6, 5, .4)
			c.Fill(bar, Speckle(Mottle(Flat(col), 110, .035, 342), col.Light(.78), 26, .3, .4, 343))
			c.Inner(bar, 16, 18, 20, shade, .3)
			c.Inner(bar, -12, -14, 16, white, .6)
			frame := Join(Box(300, 408, 400, 214, 30), Hole(Box(306, 414, 388, 202, 26)))
			c.Fill(frame, Ink(shade, .16))
			c.Fill(frame.Under(Move(1.5, 2)), Ink(white, .5))
			size := 50.0
			if len([]rune(stamp)) > 6 {
				size = 40
			}
			l := Letters(stamp, 500, 515+size/2, size, 4)
			c.Line(l.Under(Move(2, 2.6)), 8, Ink(white, .7))
			c.Line(l, 8, Ink(col.Light(.58), .85))
			c.Write("100 G", 500, 590, 17, 4, 3, Ink(col.Light(.58), .8))
		})
		if sprig != nil {
			sprig(c)
		}
	}
}

func birchSprig(c *Canvas) {
	stem := Thread(700, 840, 760, 740, 800, 640, 880, 560)
	c.Shadow(stem.Outline(6), 5, 7, 5, .35)
	c.Line(stem, 6, Flat(Hex(0x6b4a36)))
	for i, l := range [][3]float64{{730, 792, 150}, {738, 776, 20}, {772, 710, 190}, {776, 700, 0}, {806, 634, 205}, {812, 626, -20}, {846, 590, 250}, {878, 562, -40}} {
		p := P(l[0], l[1]).C(l[0]+24, l[1]-36, l[0]+66, l[1]-30, l[0]+88, l[1]).C(l[0]+66, l[1]+30, l[0]+24, l[1]+36, l[0], l[1]).Under(Turn(l[2], l[0], l[1]))
		c.Shadow(p, 5, 8, 6, .3)
		c.Form(p, Flat(Hex(0x7c9a4e).Light(.88+.24*hash2(i, 1, 344))), 10)
		for k := -2.0; k <= 2; k++ {
			c.Line(P(l[0]+30+k*4, l[1]).L(l[0]+46+k*9, l[1]+k*9).Under(Turn(l[2], l[0], l[1])), 1.3, Ink(white, .35))
		}
		c.Line(P(l[0], l[1]).L(l[0]+84, l[1]).Under(Turn(l[2], l[0], l[1])), 2, Ink(white, .4))
	}
}

func chamomile(c *Canvas) {
	for i, f := range [][3]float64{{770, 720, 1}, {858, 790, .8}, {700, 810, .86}} {
		x, y, s := f[0], f[1], f[2]
		st := Thread(x, y, x+20, y+70, x+60+float64(i)*16, y+170)
		c.Shadow(st.Outline(6), 4, 6, 5, .3)
		c.Line(st, 6*s, Flat(Hex(0x7d9a55)))
		for k := range 13 {
			p := Ellipse(x+44*s, y, 28*s, 11*s).Under(Turn(float64(k)*360/13+float64(i)*9, x, y))
			c.Shadow(p, 4, 6, 5, .16)
			c.Form(p, Flat(Hex(0xfdfbf4)), 6)
		}
		c.Form(Circle(x, y, 25*s), Speckle(Flat(Hex(0xe6ac2e)), Hex(0xb97f18), 7, .8, .8, 345), 14)
	}
}

// bristles fans out from a round head seen from the side.
func brushHead(c *Canvas) {
	c.With(Turn(-28, 500, 520), func() { head(c, 500, 500, 1.25) })
}

func head(c *Canvas, x, y, s float64) {
	br := P(x-146*s, y+10*s).L(x+146*s, y+10*s, x+176*s, y+126*s).C(x+90*s, y+156*s, x-90*s, y+156*s, x-176*s, y+126*s)
	c.Shadow(br, 18*s, 22*s, 18*s, .34)
	c.Fill(br, Flat(Hex(0x8f7550)))
	for i := range 420 {
		u := hash2(i, 1, 351)*2 - 1
		l := 142 + 24*hash2(i, 2, 351)
		d := P(x+u*148*s, y+20*s).L(x+u*190*s, y+(l+22*(1-u*u))*s)
		c.Line(d, 3*s, Ink([]RGB{Hex(0xe6d3ac), Hex(0xcdb17f), Hex(0xa98855), Hex(0x7d6140)}[i%4], .9))
	}
	c.Inner(br, 20*s, 10*s, 30*s, shade, .4)
	block := Box(x-160*s, y-34*s, 320*s, 72*s, 30*s)
	c.Shadow(block, 4*s, 10*s, 8*s, .4)
	c.Form(block, Wood(Hex(0xe7c69a), Hex(0xc09563), 1, 22*s, 352), 22*s)
	wire := Box(x-14*s, y-50*s, 28*s, 22*s, 6*s)
	c.Form(wire, Flat(zinc), 6*s)
}

// dishBrush is of beech and horsehair, the head on its wire.
func dishBrush(c *Canvas) {
	c.With(Turn(-42, 500, 500), func() {
		handle := P(120, 472).C(200, 462, 420, 462, 560, 474).L(560, 514).C(420, 526, 200, 526, 120, 516).C(92, 508, 92, 480, 120, 472)
		w1 := Thread(540, 484, 620, 470, 690, 478, 730, 494)
		w2 := Thread(540, 504, 620, 520, 690, 514, 730, 494)
		c.Lying(handle, 24)
		for _, w := range []*Path{w1, w2} {
			c.Shadow(w.Outline(10), 10, 14, 8, .35)
			c.Form(w.Outline(10), Flat(zinc.Light(.9)), 5)
		}
		c.Form(handle, Wood(Hex(0xe7c69a), Hex(0xc09563), 1, 20, 353), 26)
		hole := Ellipse(136, 494, 13, 10)
		c.Fill(hole, Flat(Hex(0x4b3016)))
		c.Inner(hole, -3, -3, 3, ink, .7)
		c.With(Turn(-90, 730, 494), func() { head(c, 730, 533, .82) })
		cord := Thread(132, 494, 60, 440, 40, 520, 96, 536, 134, 498)
		c.Shadow(cord.Outline(7), 5, 7, 4, .4)
		c.Line(cord, 7, twine)
	})
}

// pegs are clothes pegs of birch, on a line and loose.
func pegs(c *Canvas) {
	line := Thread(-20, 250, 200, 284, 500, 300, 800, 284, 1020, 244)
	c.Shadow(line.Outline(9), 16, 30, 12, .2)
	c.Line(line, 9, twine)
	for i, x := range []float64{210, 400, 590, 780} {
		y := 292 - math.Pow((x-500)/300, 2)*14
		c.With(Turn(float64(i*5)-7, x, y), func() { peg(c, x, y-16, 1) })
	}
	for i, p := range [][3]float64{{250, 690, 64}, {470, 640, -32}, {640, 760, 100}, {800, 640, 20}, {390, 820, -70}} {
		c.With(Turn(p[2], p[0], p[1]), func() { peg(c, p[0], p[1]-110, .95+.03*float64(i%2)) })
	}
}

func peg(c *Canvas, x, y, s float64) {
	l := P(x-30*s, y-6*s).C(x-34*s, y+60*s, x-28*s, y+80*s, x-24*s, y+110*s).L(x-42*s, y+228*s).L(x-16*s, y+232*s).L(x-2*s, y+110*s).L(x-3*s, y-10*s)
	r := P(x+30*s, y-6*s).C(x+34*s, y+60*s, x+28*s, y+80*s, x+24*s, y+110*s).L(x+42*s, y+228*s).L(x+16*s, y+232*s).L(x+2*s, y+110*s).L(x+3*s, y-10*s)
	for i, p := range []*Path{l, r} {
		c.Shadow(p, 10, 14, 9, .34)
		c.Shadow(p, 3, 4, 3, .4)
		c.Form(p, Wood(birch, birchDark, 88, 11*s, 361+i), 9*s)
	}
	c.Fill(Ellipse(x, y+38*s, 10*s, 14*s), Flat(Hex(0x6d4f2c)))
	for k := range 3 {
		w := P(x-33*s, y+(92+float64(k)*11)*s).C(x-10*s, y+(86+float64(k)*11)*s, x+10*s, y+(86+float64(k)*11)*s, x+33*s, y+(92+float64(k)*11)*s)
		c.Line(w.Under(Move(1, 3)), 6*s, Ink(shade, .4))
		c.Line(w, 6*s, Grad(x-33*s, 0, x+33*s, 0, Hex(0xdfe4e6), Hex(0x848c90)))
	}
}

// hamper is of willow, with a lid ajar and a cloth in it.
func hamper(c *Canvas) {
	c.Ground(500, 805, 225)
	wicker := func(x0, x1, pitch float64, seed int) Paint {
		return func(x, y float64) (RGB, float32) {
			u := math.Asin(math.Max(-1, math.Min(1, 2*(x-x0)/(x1-x0)-1))) / math.Pi * 15
			row := math.Floor(y / pitch)
			fy := y/pitch - row
			over := math.Sin((u + row) * math.Pi) // each row passes before and behind the stakes
			v := math.Sin(fy * math.Pi)
			l := .60 + .30*v + .18*over*v
			tone := 1 + .16*(hash2(int(row), int(u*.7+40), seed)-.5)
			cyl, _ := Round(x0, x1, Hex(0xffffff))(x, 0)
			return Hex(0xd0a163).Light(l*tone*float64(cyl.G)*1.08 + .04*(Noise(x/8, y/2, seed)-.5)), 1
		}
	}
	body := Turned(500, .14, 330, 214, 500, 220, 700, 214, 800, 202)
	back := Ellipse(500, 330, 214, 32)
	c.Fill(back, Flat(Hex(0x5c3f22)))
	cloth := Smooth(322, 340, 330, 270, 400, 246, 470, 262, 540, 240, 620, 256, 676, 290, 684, 346, 640, 372, 520, 380, 400, 376)
	c.Fill(cloth, Cloth(Mottle(Grad(330, 240, 680, 380, Hex(0xfbf6ea), Hex(0xe0d8c6)), 70, .08, 371), 6, .08, 372))
	c.Volume(cloth, 24, 1)
	flap := P(366, 330).C(420, 330, 500, 336, 560, 332).L(572, 470).C(520, 492, 440, 486, 384, 470)
	c.Fill(body, wicker(278, 722, 17, 373))
	c.Inner(body, 30, 0, 34, shade, .32)
	for _, y := range []float64{352, 560, 776} { // plaits round the basket
		b := Turned(500, .14, y-14, 222, y, 225, y+14, 222)
		c.Shadow(b, 2, 6, 5, .4)
		c.Fill(b, func(x, yy float64) (RGB, float32) {
			cyl, _ := Round(276, 724, Hex(0xffffff))(x, 0)
			u := math.Asin(math.Max(-1, math.Min(1, (x-500)/226))) * 26
			return Hex(0xb98849).Light((.72 + .34*math.Abs(math.Sin(u+(yy-y)*.11))) * float64(cyl.G)), 1
		})
		c.Inner(b, 2, 8, 6, shade, .3)
	}
	c.Clip(Join(Box(0, 0, 1000, 500, 0)), func() {
		c.Shadow(flap, 6, 8, 7, .4)
		c.Fill(flap, Cloth(Grad(366, 330, 580, 480, Hex(0xfbf6ea), Hex(0xe8dfcc)), 6, .08, 374))
		for _, y := range []float64{432, 446} {
			c.Line(P(376, y).C(440, y+14, 520, y+16, 570, y), 5, Ink(sky, .8))
		}
		c.Volume(flap, 14, .8)
	})
	for _, s := range []float64{-1, 1} {
		h := Arc(500+s*212, 450, 44, 46, 90-90*(1+s), 270-90*(1+s))
		c.Shadow(h.Outline(17), 6, 9, 7, .35)
		c.Form(h.Outline(17), Flat(Hex(0xb98849)), 8)
	}
}
