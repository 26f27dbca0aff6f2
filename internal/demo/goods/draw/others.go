package draw

var others = []Drawing{
	{Name: "presentkort", draw: on(Sheet(tintPaper), giftCard)},
	{Name: "sondagsfika", draw: on(Studio(tintTable), fika)},
}

// giftCard lies on its envelope, a twig under the ribbon.
func giftCard(c *Canvas) {
	c.With(Turn(9, 500, 520), func() {
		env := Box(190, 330, 640, 430, 10)
		c.Lying(env, 16)
		c.Fill(env, Mottle(Flat(Hex(0xcbb28a)), 60, .04, 471))
		c.Line(P(190, 334).L(510, 570).L(830, 334), 2.4, Ink(shade, .28))
		c.Volume(env, 9, .8)
	})
	c.With(Turn(-7, 480, 470), func() {
		card := Box(160, 250, 620, 400, 14)
		c.Lying(card, 18)
		c.Fill(card, Mottle(Flat(Hex(0xfbf6ea)), 80, .015, 472))
		c.Fill(Box(184, 274, 572, 352, 6), Flat(pine))
		c.Line(Box(200, 290, 540, 320, 3), 2.4, Ink(Hex(0xe9d9ae), .7))
		c.Write("PRESENTKORT", 404, 458, 31, 5, 6, Flat(Hex(0xf6ecd2)))
		c.Write("FÖRSTUKVIST", 404, 516, 18, 7, 3.4, Flat(Hex(0xe9d9ae)))
		c.Volume(card, 7, .7)
		for _, r := range []*Path{Box(640, 244, 30, 412, 2)} {
			c.Shadow(r, 3, 5, 4, .4)
			c.Form(r, Cloth(Flat(lingon), 5, .1, 473), 6)
		}
		c.Line(Thread(560, 400, 620, 350, 690, 330, 760, 270), 5, Flat(Hex(0x6a4f3d)))
		for i, l := range [][3]float64{{590, 378, -150}, {612, 358, -40}, {640, 344, -140}, {680, 332, -50}, {705, 318, -120}, {730, 298, -10}, {758, 272, -60}} {
			p := Leaf(l[0], l[1], 64, 21, l[2])
			c.Shadow(p, 4, 6, 5, .35)
			c.Form(p, Flat(Hex(0x84a06a).Light(.86+.26*hash2(i, 1, 474))), 8)
		}
		for i, b := range []Pt{{604, 400}, {626, 414}, {618, 384}, {690, 356}} {
			berry(c, b.X, b.Y, 14-float64(i%2)*2)
		}
		for _, k := range []float64{-1, 1} {
			bow := P(655, 370).C(655+k*50, 300, 655+k*110, 320, 655+k*96, 372).C(655+k*84, 410, 655+k*40, 400, 655, 376)
			c.Shadow(bow, 4, 7, 5, .4)
			c.Form(bow, Flat(lingon.Light(1.08)), 14)
			c.Inner(bow.Under(Grow(.5, .46, 655+k*58, 360)), -6, -6, 7, shade, .5)
			tailP := P(650, 378).L(655+k*20, 380).L(655+k*62, 470).L(655+k*42, 462).L(655+k*30, 480)
			c.Shadow(tailP, 4, 6, 4, .35)
			c.Form(tailP, Flat(lingon), 7)
		}
		c.Form(Box(638, 352, 34, 42, 12), Flat(lingon.Light(1.05)), 10)
	})
}

// fika is a pot of coffee, a cup and three sorts on a stand.
func fika(c *Canvas) {
	cloth := P(-20, 720).L(1020, 720).L(1020, 1010, -20, 1010)
	c.Fill(cloth, Cloth(Grad(0, 720, 0, 1000, Hex(0xf3ecdd), Hex(0xe4d8c0)), 8, .07, 481))
	for _, y := range []float64{800, 822, 930} {
		c.Fill(Box(-20, y, 1040, 9, 0), Ink(lingon, .55))
	}
	c.Glow(Box(-20, 712, 1040, 10, 0), 6, white, .5)
	// The pot.
	c.With(Move(-10, 0), func() {
		c.Ground(240, 790, 130)
		spout := P(330, 640).C(390, 610, 396, 540, 436, 498).L(462, 514).C(440, 560, 428, 660, 336, 720)
		c.Form(spout, Mottle(Flat(Hex(0x3d5a4a)), 30, .05, 482), 14)
		han := P(152, 500).C(70, 500, 64, 660, 150, 690).L(156, 664).C(104, 640, 104, 534, 156, 528)
		c.Form(han, Flat(Hex(0x3d5a4a)), 12)
		pot := Turned(240, .16, 440, 82, 520, 96, 620, 116, 720, 122, 790, 110)
		c.Fill(pot, Mottle(Round(118, 362, Hex(0x3d5a4a)), 40, .04, 483))
		c.Clip(pot, func() { c.Glow(Box(160, 470, 20, 290, 10), 14, white, .5) })
		c.Inner(pot, 16, 0, 20, shade, .35)
		lid := Turned(240, .16, 404, 40, 424, 76, 446, 86)
		c.Shadow(lid, 2, 6, 5, .35)
		c.Form(lid, Round(154, 326, Hex(0x456553)), 12)
		c.Form(Circle(240, 392, 19), Wood(oak, oakDark, 0, 9, 484), 9)
		c.Line(Arc(240, 786, 110, 17, 0, 180), 4, Ink(white, .25))
	})
	// The stand with buns, biscuits and a slice.
	c.Ground(690, 810, 120)
	foot := Turned(690, .16, 640, 22, 700, 20, 760, 40, 800, 104)
	c.Form(foot, Round(590, 790, Hex(0xf4efe4)), 14)
	dish := Ellipse(690, 630, 250, 42)
	c.Shadow(dish, 4, 16, 14, .35)
	c.Form(dish, Flat(Hex(0xf8f4ea)), 10)
	c.Fill(Ellipse(690, 622, 238, 36), Grad(460, 600, 920, 650, Hex(0xfffdf6), Hex(0xe9e1d0)))
	bun(c, 560, 556, 66)
	bun(c, 672, 520, 68)
	for i := range 3 { // jam caves
		x, y := 770+float64(i)*46, 596-float64(i%2)*26
		b := Turned(x, .4, y-12, 38, y+6, 42)
		c.Shadow(b, 3, 6, 5, .35)
		c.Form(b, Flat(Hex(0xe6c386)), 9)
		c.Fill(Ellipse(x, y-12, 38, 15), Flat(Hex(0xf0d4a0)))
		c.Form(Ellipse(x, y-13, 19, 7.5), Flat(Hex(0xa52a33)), 4)
	}
	slice := P(636, 636).L(740, 566).L(800, 616).L(800, 650).C(740, 662, 680, 662, 636, 664)
	c.Shadow(slice, 4, 6, 5, .35)
	c.Form(slice, Flat(Hex(0x7a4a2c)), 8)
	c.Form(P(636, 636).L(740, 566).L(800, 616).C(740, 634, 690, 640, 636, 636), Flat(Hex(0x5a2f1c)), 5)
	for i := range 14 {
		c.Fill(Circle(680+90*hash2(i, 1, 485), 604+26*hash2(i, 2, 485), 3), Flat(Hex(0xf3ead6)))
	}
	// The cup in front.
	c.Place(420, 880, .56, mug(glazeOat, false))
	for i := range 3 {
		s := Thread(378+float64(i)*28, 640, 366+float64(i)*28, 600, 390+float64(i)*28, 566, 376+float64(i)*28, 524)
		c.Glow(s.Outline(9), 8, white, .5)
	}
}
