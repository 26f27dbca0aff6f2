package draw

import "math"

// shelves are the pictures of the categories, each a still life of its goods,
// and that of the home page: the porch itself.
var shelves = []Drawing{
	{Name: "kategori-kok", W: 1200, H: 900, draw: on(Sheet(tintKitchen), lay(600, 400, .80, board("")), lay(330, 420, .78, pan), lay(790, 560, .56, butterKnife))},
	{Name: "kategori-dukning", W: 1200, H: 900, draw: on(Studio(tintTable), at(690, 590, .66, carafe), at(330, 610, .74, mug(glazeMidnight, false)), at(500, 670, .66, mug(glazeOat, false)))},
	{Name: "kategori-textil", W: 1200, H: 900, draw: on(Sheet(tintTextile), lay(330, 400, .86, throw(Hex(0x96373a), Hex(0x6f2226), Hex(0xc17a72))), lay(730, 330, .74, cushion(300, 300, Hex(0xc9973a))), lay(690, 560, .7, cushion(360, 240, linen.To(white, .2))))},
	{Name: "kategori-ljus-och-lampor", W: 1200, H: 900, draw: on(Studio(tintLight.Light(.94)), at(300, 640, .72, lamp(Hex(0xf7f0e0))), at(600, 650, .72, lantern), at(800, 690, .54, candle(Hex(0x35503f))))},
	{Name: "kategori-tradgard", W: 1200, H: 900, draw: on(Studio(tintGarden), at(660, 640, .76, wateringCan), at(330, 670, .70, pots))},
	{Name: "kategori-eld-och-ute", W: 1200, H: 900, draw: on(Studio(tintFire), at(310, 640, .66, logBasket), at(690, 650, .66, fireBowl), at(420, 720, .44, seatPad(Hex(0x5f7355))))},
	{Name: "kategori-skafferi", W: 1200, H: 900, draw: on(Studio(tintPantry), at(560, 600, .66, coffeeBag), at(240, 650, .68, crispbread("HAVSSALT", Hex(0x5f7f8f))), at(470, 680, .58, lingonJar), at(730, 670, .62, honeyJar))},
	{Name: "kategori-bad-och-tvatt", W: 1200, H: 900, draw: on(Sheet(tintBath), lay(310, 400, .8, soap("BJÖRK", Hex(0xdfe3cf), birchSprig)), lay(745, 350, .62, dishBrush))},
	{Name: "kategori-papper", W: 1200, H: 900, draw: on(Sheet(tintPaper), lay(260, 380, .66, notebook("ruled")), lay(560, 370, .64, bakingBook), lay(800, 410, .56, foxBook))},
	{Name: "kategori-barn", W: 1200, H: 900, draw: on(Sheet(tintChildren), lay(310, 380, .8, puzzle), lay(740, 360, .66, crayons))},
	{Name: "forstukvist", W: 1600, H: 1000, draw: porch},
}

// lay puts the middle of a thing that lies, (500, 500), at (x, y).
func lay(x, y, s float64, thing func(*Canvas)) func(*Canvas) {
	return func(c *Canvas) { c.Place(x, y+300*s, s, thing) }
}

// porch is the small porch before the door. Its left third is calm, for words.
func porch(c *Canvas) {
	// Boards of the wall.
	c.All(Flat(Hex(0xe9e1d0)))
	for i := range 17 {
		x := float64(i) * 61
		tone := .985 + .03*hash2(i, 1, 501)
		c.Fill(Box(x, -5, 60, 520, 0), Mottle(Wood(Hex(0xf4eee0).Light(tone), Hex(0xe6dcc8).Light(tone), 90, 40, 502+i), 200, .02, 503))
		c.Fill(Box(x+59, -5, 2.4, 520, 0), Ink(shade, .28))
		c.Fill(Box(x+61.4, -5, 1.6, 520, 0), Ink(white, .6))
	}
	c.Glow(Ellipse(230, 120, 330, 240), 120, Hex(0xfffaf0), .5)
	c.Glow(Box(600, -20, 420, 60, 0), 40, shade, .25) // under the eaves
	// Planks of the floor, wider the nearer.
	y := 505.0
	for i := range 7 {
		h := 13 + float64(i)*3.4
		c.Fill(Box(-5, y, 1010, h, 0), Wood(Hex(0xcdb99a).Light(.96+.06*hash2(i, 2, 504)), Hex(0xa88d66), 0, 16, 505+i))
		c.Fill(Box(-5, y+h-1.6, 1010, 2, 0), Ink(shade, .4))
		y += h
	}
	c.Glow(Box(-5, 500, 1010, 16, 0), 8, shade, .35)
	c.Fill(Box(-5, 488, 1010, 18, 0), Grad(0, 488, 0, 506, Hex(0xf4eee0), Hex(0xd8cdb6)))
	// The door in its frame.
	frame := Box(592, 50, 236, 460, 3)
	c.Shadow(frame, 4, 5, 8, .35)
	c.Form(frame, Flat(Hex(0xf7f2e6)), 6)
	door := Box(612, 70, 196, 440, 2)
	c.Fill(door, Mottle(Wood(pine.Light(1.12), pineDeep.Light(1.05), 90, 60, 511), 140, .04, 512))
	c.Inner(door, -6, -7, 8, ink, .5)
	glass := Box(640, 98, 140, 150, 2)
	c.Fill(glass, Radial(712, 200, 150, Stop{0, Hex(0xffe9b4)}, Stop{1, Hex(0xd9a860)}))
	c.Clip(glass, func() {
		c.Fill(Poly(640, 98, 690, 98, 664, 190, 640, 200), Ink(white, .4)) // a curtain drawn aside
		c.Fill(Poly(780, 98, 730, 98, 756, 190, 780, 200), Ink(white, .4))
		c.Glow(Poly(650, 250, 700, 98, 722, 98, 676, 250), 5, white, .25)
	})
	c.Inner(glass, -4, -5, 5, shade, .6)
	for _, b := range []*Path{Box(707, 98, 6, 150, 0), Box(640, 170, 140, 6, 0), Join(Box(634, 92, 152, 162, 2), Hole(Box(640, 98, 140, 150, 1)))} {
		c.Form(b, Flat(pine.Light(1.2)), 3)
	}
	for _, p := range []*Path{Box(640, 276, 64, 200, 2), Box(716, 276, 64, 200, 2)} {
		c.Fill(p, Ink(pineDeep, .55))
		c.Inner(p, -4, -5, 4, ink, .6)
		c.Inner(p, 4, 5, 4, Hex(0x8fb5a0), .35)
	}
	knob := Circle(790, 300, 7.5)
	c.Shadow(knob, 3, 5, 3, .5)
	c.Form(knob, Flat(Hex(0xcfa552)), 6)
	c.Form(Box(787, 316, 6, 20, 3), Flat(Hex(0xb98f42)), 3)
	wreath(c, 710, 262, 33)
	step := Box(566, 500, 290, 30, 6)
	c.Shadow(step, 4, 12, 9, .4)
	c.Form(step, Speckle(Mottle(Grad(0, 500, 0, 530, Hex(0xcfccc4), Hex(0x9f9c94)), 30, .08, 513), Hex(0x77746d), 7, .5, .5, 514), 7)
	mat := Poly(630, 500, 800, 500, 812, 512, 618, 512)
	c.Form(mat, Cloth(Flat(Hex(0x9c7a4c)), 4, .3, 515), 3)
	// What stands about.
	c.Place(500, 548, .40, logBasket)
	c.Place(905, 562, .34, func(c *Canvas) { pot(c, 500, 800, 250, true); herb(c, 500, 375, 1.9) })
	c.Place(365, 566, .34, wateringCan)
	c.Place(832, 592, .2, func(c *Canvas) { pot(c, 500, 800, 250, true); sprout(c, 500, 385) })
	c.Place(582, 600, .26, lantern)
	// A throw over the basket's rim.
	th := P(430, 408).C(452, 396, 500, 398, 520, 410).C(530, 450, 534, 490, 530, 524).L(440, 530).C(434, 490, 430, 450, 430, 408)
	c.Shadow(th, 4, 6, 6, .35)
	c.Fill(th, func(x, y float64) (RGB, float32) {
		col := Hex(0x96373a)
		if math.Mod(x+1000, 28) < 9 {
			col = col.To(Hex(0x6f2226), .5)
		}
		if math.Mod(y+1000, 28) < 9 {
			col = col.To(Hex(0x6f2226), .5)
		}
		if math.Mod(x+1010, 28) < 2 || math.Mod(y+1010, 28) < 2 {
			col = col.To(Hex(0xc17a72), .6)
		}
		return col.Light(1 + .08*math.Sin(x/9)), 1
	})
	c.Volume(th, 9, .9)
	for i := range 19 {
		x := 441 + float64(i)*4.9
		c.Line(P(x, 527).L(x+1.5*(hash2(i, 1, 516)-.5), 538+3*hash2(i, 2, 516)), 2, Flat(Hex(0x96373a)))
	}
	// The twig that gave the porch its name.
	stem := Thread(-10, 40, 90, 62, 190, 56, 300, 92).Taper(func(t float64) float64 { return 9 - 6*t })
	side := Thread(130, 60, 190, 96, 232, 150).Taper(func(t float64) float64 { return 5 - 3*t })
	c.Shadow(stem, 14, 22, 9, .16)
	c.Shadow(side, 14, 22, 9, .16)
	c.Form(stem, Flat(Hex(0x6a4f3d)), 3)
	c.Form(side, Flat(Hex(0x6a4f3d)), 2)
	for i, l := range [][3]float64{{40, 50, -60}, {62, 56, 50}, {100, 60, -50}, {150, 58, -70}, {160, 78, 100}, {186, 94, 20}, {200, 110, 120}, {214, 124, 10}, {232, 150, 60}, {206, 58, 40}, {240, 68, -60}, {262, 76, 50}, {300, 92, 20}, {282, 84, -40}} {
		p := P(l[0], l[1]).C(l[0]+11, l[1]-15, l[0]+30, l[1]-13, l[0]+40, l[1]).C(l[0]+30, l[1]+13, l[0]+11, l[1]+15, l[0], l[1]).Under(Turn(l[2], l[0], l[1]))
		c.Shadow(p, 13, 20, 8, .14)
		c.Form(p, Flat(Hex(0x7c9a4e).Light(.9+.22*hash2(i, 1, 517))), 5)
		c.Line(P(l[0], l[1]).L(l[0]+36, l[1]).Under(Turn(l[2], l[0], l[1])), 1, Ink(white, .4))
	}
}

// wreath is of lingonberry sprigs.
func wreath(c *Canvas, x, y, r float64) {
	c.Shadow(Circle(x, y, r).Outline(r*.5), 3, 5, 4, .4)
	for i := range 64 {
		a := float64(i) / 64 * 2 * math.Pi
		d := r * (1 + .16*(hash2(i, 1, 521)-.5))
		p := Leaf(x+d*math.Cos(a), y+d*math.Sin(a), r*.42, r*.15, a*180/math.Pi+60+70*hash2(i, 2, 521))
		c.Form(p, Flat(Hex(0x4f7144).Light(.8+.5*hash2(i, 3, 521))), r*.06)
	}
	for i := range 13 {
		a := float64(i)/13*2*math.Pi + .3*hash2(i, 4, 521)
		d := r * (1 + .3*(hash2(i, 5, 521)-.5))
		berry(c, x+d*math.Cos(a), y+d*math.Sin(a), r*.09)
	}
}
