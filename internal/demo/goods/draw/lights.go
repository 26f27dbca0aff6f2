package draw

import "math"

var lights = []Drawing{
	{Name: "blockljus-kvall-naturvit", draw: on(Studio(tintLight.Light(.95)), at(500, 850, 1.12, candle(Hex(0xf3e9d2))))},
	{Name: "blockljus-kvall-morkgron", draw: on(Studio(tintLight.Light(.95)), at(500, 850, 1.12, candle(Hex(0x35503f))))},
	{Name: "lykta-fyr", draw: on(Studio(tintLight.Light(.93)), lantern)},
	{Name: "bordslampa-lur-vit", draw: on(Studio(tintLight.Light(.96)), lamp(Hex(0xf7f0e0)))},
	{Name: "bordslampa-lur-ockra", draw: on(Studio(tintLight.Light(.96)), lamp(Hex(0xcf9a45)))},
	{Name: "ljuskalla-e14", draw: on(Studio(tintLight), bulb)},
	{Name: "energimarkning-e14", W: 800, H: 1600, draw: energyLabel},
	{Name: "produktblad-e14", W: 1130, H: 1600, draw: productSheet},
}

// flame stands with its foot at (x, y), h units high.
func flame(c *Canvas, x, y, h float64) {
	c.Glow(Circle(x, y-h*.4, h*1.5), h*1.1, Hex(0xffd98a), .38)
	c.Glow(Circle(x, y-h*.45, h*.7), h*.5, Hex(0xffe7ae), .55)
	w := h * .22
	f := P(x, y).C(x-w*1.6, y-h*.1, x-w*1.1, y-h*.55, x+w*.1, y-h).C(x+w*1.0, y-h*.6, x+w*1.7, y-h*.12, x, y)
	c.Fill(f, Along(x, y, x, y-h, Stop{0, Hex(0xe88a2e)}, Stop{.25, Hex(0xffc251)}, Stop{.7, Hex(0xffe9a8)}, Stop{1, Hex(0xffd56e)}))
	in := P(x, y-h*.06).C(x-w*.8, y-h*.15, x-w*.6, y-h*.4, x, y-h*.62).C(x+w*.6, y-h*.4, x+w*.8, y-h*.15, x, y-h*.06)
	c.Fill(in, Ink(Hex(0xfffbe6), .85))
	c.Glow(Ellipse(x, y-h*.05, w*.5, h*.07), h*.05, Hex(0x6a8cc0), .5)
}

// candle is a block candle on a small plate, burning.
func candle(col RGB) func(*Canvas) {
	return func(c *Canvas) {
		c.Ground(500, 806, 190)
		dish := Turned(500, .17, 772, 178, 790, 172, 800, 130)
		c.Form(dish, Mottle(Round(322, 678, stoneware.To(Hex(0x8a6b55), .3)), 20, .05, 121), 10)
		c.Fill(Ellipse(500, 772, 178, 30), Grad(330, 750, 670, 800, Hex(0xcfa384), Hex(0xa87c5c)))
		c.Glow(Ellipse(520, 776, 120, 18), 10, shade, .45)
		body := Turned(500, .17, 366, 102, 500, 105, 700, 105, 772, 104)
		c.Fill(body, Mottle(func(x, y float64) (RGB, float32) {
			b, _ := Round(395, 605, col)(x, y)
			g := math.Exp(-math.Max(0, y-366) / 90) // lit from within at the top
			return b.To(col.To(Hex(0xffd79a), .55).Light(1.15), g*.6), 1
		}, 34, .035, 122))
		drip := P(418, 372).C(420, 420, 414, 450, 424, 486).C(430, 508, 446, 506, 446, 480).C(446, 450, 440, 420, 452, 384)
		c.Shadow(drip, 4, 4, 4, .2)
		c.Form(drip, Flat(col.Light(1.04)), 7)
		c.Inner(body, 18, 0, 20, shade, .3)
		top := Ellipse(500, 366, 102, 18)
		c.Fill(top, Flat(col.To(Hex(0xffe3b0), .35).Light(1.05)))
		pool := Ellipse(498, 368, 78, 12)
		c.Fill(pool, Radial(498, 366, 80, Stop{0, Hex(0xfff0c8).To(col, .25)}, Stop{1, col.To(Hex(0xd9b070), .35)}))
		c.Inner(pool, -3, -4, 4, shade, .35)
		c.Line(Thread(500, 368, 501, 350, 498, 336), 6, Flat(Hex(0x3a2a1c)))
		flame(c, 499, 348, 118)
	}
}

// lantern is of galvanised sheet and glass, a candle in it.
func lantern(c *Canvas) {
	c.Ground(500, 820, 205)
	metal := func(x0, x1 float64) Paint { return Mottle(Round(x0, x1, zinc.Light(.93)), 34, .07, 131) }
	// Ring and its shadow on the wall.
	ring := Circle(500, 150, 44).Outline(11)
	c.Shadow(ring, 14, 18, 10, .25)
	c.Form(ring, Flat(zinc.Light(.8)), 5)
	inside := Box(322, 372, 356, 398, 4)
	c.Fill(inside, Radial(500, 560, 320, Stop{0, Hex(0xfff0cc)}, Stop{.55, Hex(0xf0d6a2)}, Stop{1, Hex(0xb9975f)}))
	c.Clip(inside, func() {
		c.Glow(Ellipse(500, 768, 120, 14), 10, shade, .4)
		body := Turned(500, .16, 610, 66, 690, 67, 768, 67)
		c.Fill(body, Round(433, 567, Hex(0xf6ead0)))
		c.Inner(body, 12, 0, 14, shade, .25)
		c.Fill(Ellipse(500, 610, 66, 10.5), Flat(Hex(0xfff2cf)))
		c.Line(Thread(500, 611, 501, 596), 5, Flat(Hex(0x3a2a1c)))
		flame(c, 500, 602, 96)
		// Glass catches the window of the room.
		c.Glow(Poly(340, 380, 420, 380, 352, 560, 332, 560), 5, white, .35)
		c.Glow(Poly(620, 600, 668, 500, 668, 700, 640, 760), 6, white, .22)
	})
	for _, x := range []float64{304, 664} {
		p := Box(x, 356, 32, 428, 3)
		c.Form(p, metal(x, x+32), 8)
	}
	for _, y := range []float64{356, 756} {
		p := Box(300, y, 400, 28, 4)
		c.Shadow(p, 2, 8, 6, .3)
		c.Form(p, metal(300, 700), 8)
	}
	base := P(288, 784).L(712, 784).L(728, 822).C(728, 836, 272, 836, 272, 822)
	c.Form(base, metal(272, 728), 10)
	roof := P(276, 358).L(724, 358).L(590, 232).L(410, 232)
	c.Shadow(roof, 0, 16, 10, .34)
	c.Form(roof, Mottle(Along(276, 0, 724, 0, Stop{0, zinc.Light(.82)}, Stop{.35, zinc.Light(1.12)}, Stop{.7, zinc.Light(.84)}, Stop{1, zinc.Light(.66)}), 34, .07, 132), 12)
	for _, t := range []float64{.33, .67} {
		c.Line(P(276+448*t, 356).L(410+180*t, 234), 3, Ink(shade, .2))
	}
	cap := Turned(500, .1, 196, 66, 214, 66, 236, 88)
	c.Form(cap, metal(412, 588), 8)
	for i := range 5 {
		c.Fill(Box(446+float64(i)*24, 204, 11, 17, 5), Ink(Hex(0x2a2418), .75))
	}
	for _, x := range []float64{320, 680} {
		for _, y := range []float64{370, 770} {
			c.Fill(Circle(x, y, 5), Flat(zinc.Light(.72)))
			c.Fill(Circle(x-1.2, y-1.4, 2), Ink(white, .7))
		}
	}
}

// lamp has a shade of folded paper on a foot of turned ash.
func lamp(paperCol RGB) func(*Canvas) {
	return func(c *Canvas) {
		c.Glow(Circle(500, 360, 330), 190, Hex(0xffe2a6), .42)
		cord := Thread(500, 806, 620, 826, 700, 812, 780, 830, 880, 822, 1010, 846)
		c.Shadow(cord.Outline(9), 4, 8, 5, .35)
		c.Line(cord, 9, func(x, y float64) (RGB, float32) {
			if math.Mod(x+y*.6+1000, 12) < 4 {
				return Hex(0xe9dfc9), 1
			}
			return Hex(0x8b4a30), 1
		})
		c.Ground(500, 812, 150)
		c.Glow(Ellipse(500, 812, 260, 40), 40, Hex(0xffe2a6), .5)
		foot := Turned(500, .16, 470, 17, 540, 18, 590, 30, 620, 44, 650, 30, 690, 24, 730, 44, 768, 104, 796, 122, 806, 118)
		c.Form(foot, func(x, y float64) (RGB, float32) {
			w, _ := Wood(birch.Light(1.02), birchDark, 88, 22, 141)(x, y)
			r, _ := Round(380, 620, Hex(0xffffff))(x, y)
			return w.Light(float64(r.G)), 1
		}, 24)
		c.Fill(Box(486, 440, 28, 40, 4), Flat(Hex(0x3b3a36)))
		// Shade: pleats, each with a lit and a dark side.
		sh := P(384, 170)
		const n = 17
		for i := 0; i <= n; i++ {
			u := float64(i) / n
			sh.L(384+232*u, 170-8*float64(i%2)+10*math.Sin(u*math.Pi))
		}
		for i := n; i >= 0; i-- {
			u := float64(i) / n
			sh.L(262+476*u, 472+10*float64(i%2)+26*math.Sin(u*math.Pi))
		}
		c.Shadow(sh, 16, 22, 22, .22)
		c.Fill(sh, func(x, y float64) (RGB, float32) {
			t := (y - 170) / 310
			half := 116 + 122*t
			u := (x - (500 - half)) / (2 * half) * n
			k := u - math.Floor(u)
			side := 1.02
			if int(math.Floor(u))%2 == 0 {
				side = .93 + .05*k
			}
			g := math.Exp(-math.Pow((y-400)/130, 2)) * math.Exp(-math.Pow((x-500)/170, 2))
			col := paperCol.To(Hex(0xffd27a), .16+.34*g).Light(side * (1 + .10*g))
			return col.Light(1.02 - .16*math.Pow(math.Abs(x-470)/250, 2)), 1
		})
		c.Inner(sh, 10, 0, 22, shade, .2)
		c.Line(Arc(500, 172, 116, 12, 180, 360), 2, Ink(shade, .25))
	}
}

// bulb is a candle-shaped LED lamp with its thread.
func bulb(c *Canvas) {
	c.With(Turn(14, 500, 800), func() {
		c.Glow(Ellipse(520, 806, 110, 16), 12, shade, .4)
		c.Glow(Circle(500, 380, 240), 130, Hex(0xffe0a0), .5)
		glass := P(446, 610).C(430, 540, 366, 480, 374, 380).C(382, 280, 450, 240, 500, 150).C(550, 240, 618, 280, 626, 380).C(634, 480, 570, 540, 554, 610)
		c.Fill(glass, Radial(500, 400, 240, Stop{0, Hex(0xfff6dc)}, Stop{.6, Hex(0xf9e6b8)}, Stop{1, Hex(0xe2c78e)}))
		c.Clip(glass, func() {
			stem := P(470, 612).C(478, 560, 490, 540, 492, 470).L(508, 470).C(510, 540, 522, 560, 530, 612)
			c.Fill(stem, Ink(Hex(0xb9a67e), .35))
			for i, x := range []float64{444, 480, 520, 556} {
				f := P(500+(x-500)*.25, 486).L(x, 330+6*float64(i%2))
				c.Glow(f.Outline(9), 12, Hex(0xffc860), .9)
				c.Line(f, 8, Flat(Hex(0xf6a93b)))
				c.Line(f, 3, Ink(Hex(0xfff3cf), .9))
			}
			c.Line(P(444, 330).L(480, 322).L(520, 330).L(556, 322), 3, Ink(Hex(0x8d7a55), .8))
			c.Glow(Ellipse(424, 366, 12, 84).Under(Turn(8, 424, 366)), 9, white, .95)
			c.Glow(Ellipse(586, 420, 8, 60).Under(Turn(-6, 586, 420)), 9, white, .6)
		})
		c.Inner(glass, 9, 4, 12, Hex(0x9c7b3c), .5)
		c.Line(glass, 2, Ink(Hex(0xa8894e), .5))
		collar := Turned(500, .18, 606, 56, 640, 58, 660, 50)
		c.Form(collar, Round(442, 558, Hex(0xf0ece2)), 10)
		brass := Hex(0xc7a35a)
		screw := Turned(500, .14, 656, 46, 690, 46, 748, 44, 764, 32)
		c.Fill(screw, Round(454, 546, brass))
		c.Clip(screw, func() {
			for i := range 5 {
				y := 668 + float64(i)*19
				c.Line(P(446, y-5).C(480, y+9, 520, y+11, 556, y+3), 8, Ink(brass.Light(1.28), .9))
				c.Line(P(446, y+4).C(480, y+18, 520, y+20, 556, y+12), 4, Ink(Hex(0x6d5220), .6))
			}
		})
		c.Inner(screw, 14, 0, 14, shade, .4)
		c.Form(Turned(500, .2, 762, 32, 780, 22), Round(468, 532, ink.To(white, .12)), 6)
		c.Form(Turned(500, .3, 780, 14, 792, 10), Round(486, 514, brass), 4)
	})
}

// energyLabel shows class, consumption and maker of the lamp in the order of the
// label for light sources, (EU) 2019/2015 annex III.
func energyLabel(c *Canvas) {
	c.All(Flat(Hex(0xffffff)))
	k := 1000.0 // a sheet of 1000 × 2000
	c.Line(Box(30, 30, k-60, 1940, 30), 8, Flat(Hex(0x1c5fa8)))
	c.Fill(Box(60, 60, 320, 210, 10), Flat(Hex(0x1c4c9c)))
	for i := range 12 {
		s, co := math.Sincos(float64(i) * math.Pi / 6)
		c.Fill(Circle(220+66*s, 165-66*co, 9), Flat(Hex(0xffd617)))
	}
	c.Write("ENERG", 660, 215, 96, 3, 17, Flat(Hex(0x1c4c9c)))
	c.Line(LettersFrom("FÖRSTUKVIST", 70, 375, 44, 2.6), 7, Flat(ink))
	c.Write("E14 4 W", 830, 375, 44, 2.6, 7, Flat(ink))
	c.Fill(Box(60, 420, k-120, 4, 0), Flat(ink))
	cols := []uint32{0x1f9a4b, 0x57b146, 0xc0cf2f, 0xfbe834, 0xf6b32c, 0xe9702a, 0xdd2b2b}
	for i, h := range cols {
		y, w := 480+float64(i)*128, 230+float64(i)*58
		c.Fill(Poly(80, y, 80+w, y, 80+w+52, y+52, 80+w, y+104, 80, y+104), Flat(Hex(h)))
		c.Write(string(rune('A'+i)), 80+w-14, y+84, 64, 1, 13, Flat(white))
	}
	y := 480 + 4*128.0
	c.Fill(Poly(k-60, y-8, k-240, y-8, k-306, y+52, k-240, y+112, k-60, y+112), Flat(ink))
	c.Write("E", k-165, y+94, 84, 1, 16, Flat(white))
	c.Fill(Box(60, 1420, k-120, 4, 0), Flat(ink))
	c.Write("4", 330, 1660, 160, 1, 26, Flat(ink))
	c.Line(LettersFrom("KWH/1000H", 440, 1660, 66, 2.4), 11, Flat(ink))
	c.Fill(Box(60, 1780, k-120, 3, 0), Flat(ink))
	c.Line(LettersFrom("2019/2015", 70, 1890, 44, 2.6), 7, Flat(ink))
	c.Write("EXEMPEL", 800, 1890, 44, 2.6, 7, Flat(ink))
}

// productSheet is the product information sheet of the lamp.
func productSheet(c *Canvas) {
	c.All(Flat(Hex(0xffffff)))
	c.Line(LettersFrom("PRODUKTBLAD", 90, 150, 52, 3), 8, Flat(ink))
	c.Line(LettersFrom("LJUSKÄLLA, EU 2019/2015", 90, 215, 24, 2.8), 3.6, Flat(ink))
	rows := [][2]string{
		{"LEVERANTÖR", "LYSVERKET TRANAN AB"}, {"MODELL", "FK-1601"}, {"SOCKEL", "E14"},
		{"TYP", "LED, RIKTAS EJ, NÄTSPÄNNING"}, {"ENERGIKLASS", "E"}, {"EFFEKT", "4,0 W"}, {"FÖRBRUKNING", "4 KWH/1000 H"},
		{"LJUSFLÖDE", "470 LM"}, {"FÄRGTEMPERATUR", "2700 K"}, {"FÄRGÅTERGIVNING", "RA 90"}, {"DIMBAR", "JA"},
		{"LIVSLÄNGD L70B50", "15 000 H"}, {"MÅTT", "35 X 98 MM"}, {"FLIMMER PST LM", "0,4"}, {"ANMÄRKNING", "EXEMPELFÖRETAG, EXEMPELVARA"},
	}
	for i, r := range rows {
		y := 320 + float64(i)*68
		c.Line(LettersFrom(r[0], 90, y, 22, 2.6), 3.2, Flat(Hex(0x4a524c)))
		c.Line(LettersFrom(r[1], 430, y, 22, 2.6), 3.2, Flat(ink))
		c.Fill(Box(90, y+20, 820, 1.6, 0), Ink(ink, .25))
	}
}
