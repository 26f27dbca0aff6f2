package draw

import "math"

var kitchen = []Drawing{
	{Name: "stekpanna-glod", draw: on(Sheet(tintKitchen), at(480, 805, 1.1, pan))},
	{Name: "skarbrada-ande", draw: on(Sheet(tintKitchen), at(500, 838, 1.16, board("")))},
	{Name: "skarbrada-ande-namn", draw: on(Sheet(tintKitchen), at(500, 838, 1.16, board("ELSA")))},
	{Name: "smorkniv-en", draw: on(Sheet(tintKitchen), butterKnife)},
	{Name: "kokshandduk-randa-bla", draw: on(Studio(tintKitchen), teaTowel(Hex(0x3f6180)))},
	{Name: "kokshandduk-randa-rod", draw: on(Studio(tintKitchen), teaTowel(lingon))},
	{Name: "kokshandduk-randa-natur", draw: on(Studio(tintKitchen), teaTowel(Hex(0xa58a5f)))},
}

// pan is a cast-iron pan from above, its handle to the upper right.
func pan(c *Canvas) {
	const x, y, r = 430, 575, 275
	c.With(Turn(-42, x, y), func() {
		handle := P(x+230, y-52).C(x+300, y-44, x+320, y-30, x+380, y-33).C(x+450, y-38, x+505, y-46, x+535, y-34).
			C(x+562, y-22, x+562, y+22, x+535, y+34).C(x+505, y+46, x+450, y+38, x+380, y+33).C(x+320, y+30, x+300, y+44, x+230, y+52)
		hole := Ellipse(x+505, y, 26, 14)
		spouts := Join(Ellipse(x, y-r+6, 62, 34), Ellipse(x, y+r-6, 62, 34))
		body := Join(Circle(x, y, r), spouts)
		c.Lying(Join(body, handle), 20)
		c.Form(handle, Mottle(Flat(iron), 9, .10, 3), 20)
		c.Fill(hole, Flat(tintKitchen.Light(.78)))
		c.Inner(hole, -6, -8, 5, shade, .8)
		c.Fill(Box(x+300, y-6, 130, 12, 6), Ink(Hex(0x15171a), .5))
		c.Form(body, Mottle(Flat(iron.Light(1.12)), 9, .08, 4), 12)
	})
	// The inside keeps its light whatever way the handle points.
	in := Circle(x, y, r-17)
	c.Fill(in, Mottle(Grad(x-190, y-200, x+190, y+220, Hex(0x1d1f22), Hex(0x4a4d51)), 9, .07, 5))
	floor := Circle(x, y, r-48)
	c.Fill(floor, Mottle(Radial(x-70, y-90, 330, Stop{0, Hex(0x505357)}, Stop{.5, Hex(0x3a3c40)}, Stop{1, Hex(0x27292c)}), 7, .09, 6))
	c.Inner(floor, -9, -9, 9, Hex(0x0c0d0e), .5)
	c.Clip(floor, func() {
		for i := range 5 {
			c.Line(Circle(x, y, 40+float64(i)*42), 1.4, Ink(white, .05))
		}
		c.Glow(Ellipse(x-80, y-105, 90, 34).Under(Turn(-40, x-80, y-105)), 34, white, .30)
	})
	c.Line(Arc(x, y, r-9, r-9, 175, 285), 4, Ink(white, .28))
	c.Line(Arc(x, y, r-9, r-9, 20, 70), 3, Ink(white, .10))
}

// board is an end-grain board from above, perhaps with a name burnt in.
func board(name string) func(*Canvas) {
	return func(c *Canvas) {
		c.With(Turn(-14, 500, 510), func() {
			const x, y, w, h = 165.0, 290.0, 670.0, 440.0
			p := Box(x, y, w, h, 26)
			c.Lying(p, 30)
			c.Fill(p, Flat(oakDark))
			c.Clip(p, func() {
				const rows = 6
				rh := h / rows
				for j := range rows {
					bx := x - 30 - 60*hash2(j, 1, 21)
					for i := 0; bx < x+w; i++ {
						bw := 62 + 46*hash2(i, j, 22)
						tone := .86 + .26*hash2(i, j, 23)
						b := Box(bx+.8, y+float64(j)*rh+.8, bw-1.6, rh-1.6, 2)
						gx, gy := bx+bw*(hash2(i, j, 24)*3-1), y+float64(j)*rh+(hash2(i, j, 25)*4-1.5)*rh
						c.Fill(b, EndGrain(Hex(0xdcb27a).Light(tone), Hex(0xa8763f).Light(tone), gx, gy, 9, i*7+j))
						bx += bw
					}
				}
				if name != "" {
					c.Write(name, x+w/2, y+h/2+38, 74, 4, 11, Ink(Hex(0x3d2410), .82))
					c.Write(name, x+w/2+1.5, y+h/2+39.5, 74, 4, 3, Ink(Hex(0x1f1006), .6))
				}
			})
			c.Inner(p, 7, 9, 7, shade, .55)
			c.Inner(p, -6, -7, 6, Hex(0xfff4dc), .55)
			// Grips milled into the short ends.
			for _, gx := range []float64{x + 12, x + w - 26} {
				g := Box(gx, y+h/2-70, 14, 140, 7)
				c.Fill(g, Ink(Hex(0x5b3c1c), .45))
				c.Inner(g, -4, -5, 4, shade, .6)
			}
		})
	}
}

// butterKnife lies on a folded cloth.
func butterKnife(c *Canvas) {
	c.With(Turn(8, 500, 500), func() {
		cloth := Box(200, 240, 560, 560, 8)
		c.Lying(cloth, 10)
		c.Fill(cloth, Cloth(Flat(linen.To(white, .35)), 7, .10, 31))
		c.Clip(cloth, func() {
			for _, d := range []float64{40, 56, 510, 526} {
				c.Fill(Box(200+d-4, 200, 6, 640, 0), Ink(sky, .45))
			}
			c.Glow(Box(200, 512, 560, 5, 2), 5, shade, .32)
			c.Glow(Box(200, 500, 560, 8, 2), 6, white, .5)
		})
		c.Volume(cloth, 9, .8)
	})
	c.With(Turn(-47, 500, 510), func() {
		k := P(130, 500).C(124, 466, 172, 456, 250, 468).C(340, 480, 430, 484, 520, 478).C(560, 474, 590, 448, 680, 440).
			C(790, 432, 872, 452, 884, 500).C(892, 540, 850, 574, 760, 566).C(660, 558, 580, 536, 520, 532).C(430, 526, 330, 540, 240, 546).
			C(170, 550, 136, 534, 130, 500)
		c.Lying(k, 16)
		c.Form(k, Wood(Hex(0xe9c48c), Hex(0xb9763f), 3, 17, 33), 22)
		c.Clip(k, func() {
			// A knot, as juniper has.
			for i := range 4 {
				c.Line(Ellipse(330, 508, 22-float64(i)*5, 11-float64(i)*2.4), 2, Ink(Hex(0x8a4e22), .5))
			}
			c.Glow(Ellipse(740, 478, 110, 12).Under(Turn(2, 740, 478)), 9, white, .5)
		})
	})
}

// teaTowel hangs from its loop on a peg.
func teaTowel(stripe RGB) func(*Canvas) {
	return func(c *Canvas) {
		half := func(y float64) float64 { // half width at a height
			t := math.Max(0, math.Min(1, (y-215)/430))
			return 34 + 196*math.Pow(smooth(t), .8)
		}
		body := &Path{}
		for i := 0; i <= 60; i++ {
			y := 215 + float64(i)*10.4
			x := 500 - half(y) + 5*math.Sin(y/40)
			if i == 0 {
				body.M(x, y)
			} else {
				body.L(x, y)
			}
		}
		for i := 0; i <= 40; i++ { // the hem waves with the folds
			u := float64(i) / 40
			body.L(270+460*u, 839+13*math.Sin(u*19))
		}
		for i := 60; i >= 0; i-- {
			y := 215 + float64(i)*10.4
			body.L(500+half(y)+4*math.Sin(y/47+2), y)
		}
		board := Box(300, 118, 400, 74, 10)
		c.Shadow(board, 10, 16, 16, .3)
		c.Form(board, Wood(birch, birchDark, 2, 30, 41), 12)
		c.Shadow(body, 26, 30, 26, .30)
		peg := Circle(500, 155, 25)
		base := linen.To(white, .45)
		c.Fill(body, Cloth(func(x, y float64) (RGB, float32) {
			h := half(y)
			u := (x - 500) / h
			col := base
			// Stripes hang with the cloth.
			yy := y + 13*math.Sin(u*9.5)*math.Max(0, (y-500)/340)
			for _, s := range [][2]float64{{640, 7}, {664, 20}, {700, 46}, {764, 20}, {793, 7}} {
				if yy > s[0] && yy < s[0]+s[1] {
					col = stripe
				}
			}
			if u > .78 && u < .82 || u > -.82 && u < -.78 {
				col = col.To(stripe, .55)
			}
			fold := math.Sin(u*9.5+.6) * (.35 + .65*math.Max(0, 1-(y-215)/700))
			return col.Light(1 + .13*fold - .05*u), 1
		}, 5.5, .10, 42))
		c.Volume(body, 12, .8)
		loop := Thread(476, 232, 470, 190, 486, 150, 500, 138, 514, 150, 530, 190, 524, 232)
		c.Line(loop, 10, Flat(stripe.Light(.9)))
		c.Shadow(peg, 6, 9, 7, .4)
		c.Form(peg, Wood(birch.Light(1.03), birchDark, 80, 16, 43), 14)
	}
}
