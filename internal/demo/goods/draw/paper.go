package draw

import (
	"fmt"
	"math"
)

var paper = []Drawing{
	{Name: "forstukvistens-bakbok", draw: on(Sheet(tintPaper), at(500, 805, 1.04, bakingBook))},
	{Name: "raven-pa-kvisten", draw: on(Sheet(tintPaper), at(500, 805, 1.04, foxBook))},
	{Name: "anteckningsbok-linje-linjerad", draw: on(Sheet(tintPaper), notebook("ruled"))},
	{Name: "anteckningsbok-linje-rutad", draw: on(Sheet(tintPaper), notebook("squared"))},
	{Name: "anteckningsbok-linje-blank", draw: on(Sheet(tintPaper), notebook("blank"))},
	{Name: "vaggalmanacka-2027", draw: on(Studio(tintPaper), calendar)},
}

// book is a bound book from above, cover within 230..770 × 140..840.
func book(c *Canvas, deg float64, cloth RGB, cover func()) {
	c.With(Turn(deg, 500, 490), func() {
		whole := Box(226, 136, 560, 720, 10)
		c.Lying(whole, 34)
		c.Fill(whole, Flat(cloth.Light(.6)))
		pages := Box(236, 146, 538, 700, 6)
		c.Fill(pages, Flat(Hex(0xf3ecdb)))
		for i := range 7 {
			c.Line(P(238, 846-float64(i)*2.2).L(772-float64(i), 846-float64(i)*2.2), .9, Ink(shade, .3))
			c.Line(P(773-float64(i)*2.2, 150).L(773-float64(i)*2.2, 846), .9, Ink(shade, .3))
		}
		front := Box(220, 128, 542, 704, 8)
		c.Shadow(front, 4, 6, 5, .45)
		c.Fill(front, Cloth(Flat(cloth), 5, .05, 381))
		c.Clip(front, func() {
			cover()
			c.Glow(Box(252, 120, 9, 730, 3), 4, shade, .5) // the joint
			c.Glow(Box(262, 120, 7, 730, 3), 4, white, .25)
			c.Glow(Poly(300, 100, 480, 100, 330, 860, 200, 860), 60, white, .10)
		})
		c.Inner(front, 4, 5, 4, shade, .4)
		c.Inner(front, -3, -4, 3, white, .35)
	})
}

// bun is a cinnamon bun of radius r.
func bun(c *Canvas, x, y, r float64) {
	p := Circle(x, y, r)
	c.Shadow(p, r*.14, r*.2, r*.16, .4)
	c.Fill(p, Mottle(Radial(x-r*.3, y-r*.35, r*1.5, Stop{0, Hex(0xe8b56c)}, Stop{.6, Hex(0xc98a43)}, Stop{1, Hex(0x8c5523)}), r*.3, .06, 391))
	spiral := &Path{}
	for i := range 160 {
		t := float64(i) / 160
		a := t*2*math.Pi*2.9 + .8
		px, py := x+r*.93*t*math.Cos(a), y+r*.93*t*math.Sin(a)
		if i == 0 {
			spiral.M(px, py)
		} else {
			spiral.L(px, py)
		}
	}
	c.Glow(spiral.Outline(r*.1), r*.04, Hex(0x5e3112), .85)
	c.Line(spiral.Under(Move(-r*.06, -r*.07)), r*.045, Ink(Hex(0xffe4b0), .5))
	for i := range 30 {
		a, d := hash2(i, 1, 392)*6.28, math.Sqrt(hash2(i, 2, 392))*r*.82
		s := Box(x+d*math.Cos(a), y+d*math.Sin(a), r*.075, r*.075, r*.015).Under(Turn(90*hash2(i, 3, 392), x, y))
		c.Shadow(s, 1.5, 2, 1.5, .5)
		c.Fill(s, Flat(Hex(0xfffaf0)))
	}
	c.Inner(p, r*.12, r*.14, r*.16, shade, .35)
}

func bakingBook(c *Canvas) {
	book(c, -6, Hex(0xe8d9ba), func() {
		c.Fill(Box(262, 128, 510, 720, 0), Flat(Hex(0xeadcbf)))
		c.Fill(Box(262, 590, 510, 260, 0), Flat(Hex(0x7f2a2b)))
		for i := range 11 { // a table cloth in checks
			for j := range 5 {
				if (i+j)%2 == 0 {
					c.Fill(Box(262+float64(i)*48, 590+float64(j)*52, 48, 52, 0), Ink(Hex(0xeadcbf), .16))
				}
			}
		}
		c.Fill(Box(262, 582, 510, 10, 0), Flat(Hex(0xeadcbf).Light(.9)))
		plateC := Ellipse(512, 640, 190, 150)
		c.Shadow(plateC, 8, 12, 12, .4)
		c.Form(plateC, Flat(Hex(0xf8f3e6)), 14)
		c.Line(Ellipse(512, 640, 172, 134), 4, Ink(sky, .7))
		bun(c, 440, 640, 74)
		bun(c, 584, 656, 74)
		bun(c, 514, 574, 78)
		c.Write("FÖRSTUKVISTENS", 512, 236, 31, 5, 5.6, Flat(Hex(0x7f2a2b)))
		c.Write("BAKBOK", 512, 340, 66, 5, 12, Flat(Hex(0x7f2a2b)))
		c.Write("40 RECEPT FÖR VARDAG OCH KALAS", 512, 398, 15, 4, 2.8, Flat(Hex(0x5a4632)))
	})
}

// fox sits on a branch that runs under (x, y), about 300 units high.
func fox(c *Canvas, x, y, s float64) {
	c.With(Move(x, y).then(Matrix{s, 0, 0, s, 0, 0}), func() {
		fur, dark, pale := Hex(0xcf6c2c), Hex(0x93431a), Hex(0xf8ead4)
		tail := P(62, -40).C(150, -50, 176, 40, 130, 120).C(108, 166, 62, 190, 40, 176).C(60, 150, 78, 120, 76, 84).C(74, 40, 50, 10, 30, -6)
		c.Shadow(tail, 5, 8, 8, .3)
		c.Form(tail, Flat(fur), 18)
		tip := P(108, 150).C(92, 172, 62, 190, 40, 176).C(54, 158, 66, 140, 72, 124).C(84, 140, 94, 134, 108, 150)
		c.Form(tip, Flat(pale), 8)
		body := P(-46, 8).C(-82, -60, -70, -150, -22, -186).L(34, -186).C(80, -140, 96, -50, 66, 8).C(40, 22, -24, 22, -46, 8)
		c.Shadow(body, 5, 8, 8, .3)
		c.Form(body, Flat(fur), 26)
		bib := P(-30, -176).C(-58, -110, -44, -50, -6, -20).C(26, -54, 34, -120, 16, -178)
		c.Fill(bib, Flat(pale))
		for _, lx := range []float64{-32, 8} { // forelegs
			leg := P(lx, -70).C(lx-4, -30, lx-6, -10, lx-10, 8).C(lx-8, 20, lx+22, 20, lx+24, 8).C(lx+22, -20, lx+24, -40, lx+24, -70)
			c.Form(leg, Grad(0, -70, 0, 20, fur, dark), 9)
		}
		haunch := Ellipse(54, -24, 38, 44)
		c.Form(haunch, Flat(fur.Light(.96)), 16)
		for _, e := range [][]float64{{-72, -226, -78, -318, -22, -272}, {62, -226, 74, -318, 14, -272}} {
			ear := Smooth(e[0], e[1], (e[0]*2+e[2])/3-6, (e[1]+e[3])/2, e[2], e[3], (e[2]+e[4])/2+2, (e[3]+e[5])/2-4, e[4], e[5])
			c.Form(ear, Flat(dark), 8)
			c.Fill(ear.Under(Grow(.55, .62, (e[0]+e[2]+e[4])/3, (e[1]+e[5])/2)), Flat(pale.To(fur, .25)))
		}
		face := P(-5, -290).C(60, -292, 104, -240, 92, -206).C(66, -176, 30, -158, 4, -132).C(-4, -126, -8, -126, -16, -132).C(-40, -158, -78, -176, -100, -206).C(-110, -240, -68, -292, -5, -290)
		c.Shadow(face, 4, 8, 8, .32)
		c.Form(face, Flat(fur), 20)
		for _, k := range []float64{-1, 1} {
			ch := P(-6+k*6, -140).C(-6+k*20, -196, -6+k*54, -214, -6+k*98, -208).C(-6+k*74, -178, -6+k*36, -160, -6+k*6, -134)
			c.Fill(ch, Flat(pale))
			eye := Ellipse(-6+k*34, -222, 8, 10)
			c.Fill(eye, Flat(Hex(0x231711)))
			c.Fill(Circle(-8+k*34-1, -226, 2.8), Flat(white))
			c.Line(Arc(-6+k*34, -230, 15, 10, 210, 330), 3, Ink(dark, .8))
		}
		c.Form(Ellipse(-6, -140, 13, 10), Flat(Hex(0x231711)), 5)
		c.Fill(Ellipse(-10, -143, 4, 2.4), Ink(white, .6))
	})
}

func foxBook(c *Canvas) {
	book(c, 5, Hex(0x2f4a5c), func() {
		c.Fill(Box(262, 128, 510, 720, 0), Along(0, 128, 0, 840, Stop{0, Hex(0x27405a)}, Stop{.55, Hex(0x5f8290)}, Stop{1, Hex(0xc3c6a8)}))
		c.Glow(Circle(664, 420, 80), 40, Hex(0xfff2cf), .5)
		c.Fill(Circle(664, 420, 58), Flat(Hex(0xfbeecb)))
		for i := range 34 {
			c.Fill(Circle(270+490*hash2(i, 1, 401), 136+300*hash2(i, 2, 401), 1.4+1.6*hash2(i, 3, 401)), Ink(Hex(0xfff4d8), .8))
		}
		for i := range 14 { // the wood far away
			x, h := 250+float64(i)*42, 120+110*hash2(i, 1, 402)
			c.Fill(Poly(x-30, 850, x, 800-h, x+30, 850), Ink(Hex(0x3f5f5c), .55))
		}
		for i := range 9 {
			x, h := 240+float64(i)*68, 60+90*hash2(i, 1, 403)
			c.Fill(Poly(x-44, 860, x, 810-h, x+44, 860), Flat(Hex(0x27463f)))
		}
		branch := Thread(230, 706, 360, 690, 520, 700, 660, 676, 790, 690).Taper(func(t float64) float64 { return 40 - 22*t })
		c.Shadow(branch, 6, 12, 10, .35)
		c.Form(branch, Wood(Hex(0x7d5a3e), Hex(0x4b3322), 0, 12, 404), 12)
		twig := Thread(640, 680, 700, 630, 740, 560).Taper(func(t float64) float64 { return 15 - 9*t })
		c.Form(twig, Flat(Hex(0x6a4a32)), 5)
		for i, l := range [][3]float64{{700, 630, -10}, {722, 596, -150}, {740, 560, -70}, {330, 690, 60}, {610, 690, 80}, {670, 654, -170}} {
			p := Leaf(l[0], l[1], 56, 20, l[2])
			c.Form(p, Flat([]RGB{Hex(0xd79a3a), Hex(0xc4632e), Hex(0x93a352)}[i%3]), 7)
		}
		fox(c, 480, 690, .98)
		c.Write("RÄVEN", 512, 232, 62, 5, 12, Flat(Hex(0xfbeecb)))
		c.Write("PÅ KVISTEN", 505, 300, 34, 5, 6.6, Flat(Hex(0xfbeecb)))
	})
}

// notebook lies open on its wire, a pencil on it.
func notebook(kind string) func(*Canvas) {
	return func(c *Canvas) {
		c.With(Turn(-8, 500, 500), func() {
			back := Box(236, 126, 560, 748, 16)
			c.Lying(back, 20)
			c.Form(back, Mottle(Flat(Hex(0x3d5a4a)), 60, .04, 411), 8)
			for i := 3; i >= 0; i-- {
				p := Box(246-float64(i)*1, 134+float64(i)*2, 540+float64(i)*2.4, 730, 8)
				c.Shadow(p, 2, 2.4, 2, .25)
				c.Fill(p, Flat(Hex(0xfbf7ec).Light(1-.012*float64(i))))
			}
			page := Box(246, 134, 540, 730, 8)
			c.Clip(page, func() {
				line := Ink(Hex(0x7d97a6), .55)
				switch kind {
				case "ruled":
					for y := 200.0; y < 860; y += 31 {
						c.Fill(Box(246, y, 540, 1.6, 0), line)
					}
					c.Fill(Box(340, 134, 1.6, 730, 0), Ink(lingon, .4))
				case "squared":
					for y := 134 + 22.5; y < 864; y += 22.5 {
						c.Fill(Box(246, y, 540, 1.3, 0), line)
					}
					for x := 246 + 22.5; x < 786; x += 22.5 {
						c.Fill(Box(x, 134, 1.3, 730, 0), line)
					}
				default: // a drawn twig, for there are no lines to write on
					c.Line(Thread(520, 640, 500, 540, 520, 440, 490, 330), 3, Ink(Hex(0x555c58), .8))
					for i := range 9 {
						y := 600 - float64(i)*30
						d := -40.0
						if i%2 == 0 {
							d = -140
						}
						c.Line(Leaf(508, y, 60, 18, d), 2.2, Ink(Hex(0x555c58), .8))
					}
				}
				c.Glow(Box(246, 134, 36, 730, 0), 16, shade, .2)
			})
			for i := range 26 { // the wire
				y := 156 + float64(i)*27.6
				c.Fill(Circle(266, y+3, 6), Ink(Hex(0x26322c), .8))
				w := P(266, y+3).C(250, y-14, 214, y-14, 218, y+4).C(222, y+14, 236, y+12, 244, y+8)
				c.Line(w.Under(Move(2, 4)), 4.6, Ink(shade, .3))
				c.Line(w, 4.6, Grad(214, 0, 268, 0, Hex(0x8d9491), Hex(0xdfe3e0)))
			}
		})
		pencil(c, 690, 560, 24)
	}
}

// pencil has its middle at (x, y) and points down left, turned by degrees.
func pencil(c *Canvas, x, y, deg float64) {
	c.With(Turn(deg, x, y), func() {
		b := Box(x-13, y-270, 26, 460, 3)
		tip := Poly(x-13, y+190, x+13, y+190, x+2, y+252, x-2, y+252)
		c.Lying(Join(b, tip), 18)
		c.Fill(b, Along(x-13, 0, x+13, 0, Stop{0, amber.Light(1.1)}, Stop{.33, amber.Light(1.15)}, Stop{.36, amber}, Stop{.66, amber.Light(.96)}, Stop{.7, amber.Light(.72)}, Stop{1, amber.Light(.66)}))
		c.Fill(tip, Wood(birch, birchDark, 90, 8, 412))
		c.Fill(Poly(x-4.6, y+236, x+4.6, y+236, x+2, y+252, x-2, y+252), Flat(ink))
		c.Fill(Box(x-13, y-270, 26, 34, 3), Round(x-13, x+13, Hex(0x2c3f36)))
	})
}

// calendar hangs on its nail: January 2027.
func calendar(c *Canvas) {
	c.With(Turn(0, 500, 500), func() {
		sheet := Box(250, 130, 500, 760, 4)
		c.Shadow(sheet.Under(Move(4, 4)), 16, 22, 18, .3)
		for i := 2; i >= 0; i-- {
			p := Box(250+float64(i)*1.5, 130, 500, 760+float64(i)*4, 4)
			c.Shadow(p, 1, 3, 3, .25)
			c.Fill(p, Flat(Hex(0xfcf8ef).Light(1-.02*float64(i))))
		}
		pic := Box(276, 176, 448, 330, 2)
		c.Fill(pic, Along(0, 176, 0, 506, Stop{0, Hex(0xc9d8de)}, Stop{1, Hex(0xf1efe6)}))
		c.Clip(pic, func() {
			c.Fill(P(270, 430).C(360, 380, 440, 430, 540, 410).C(620, 394, 680, 420, 730, 400).L(730, 510, 270, 510), Flat(Hex(0xfdfcf7)))
			for i := range 13 {
				x, h := 276+float64(i)*37, 34+40*hash2(i, 1, 421)
				c.Fill(Poly(x-13, 424, x, 424-h, x+13, 424), Ink(Hex(0x55716a), .55))
			}
			c.Fill(P(270, 460).C(400, 430, 520, 470, 730, 440).L(730, 510, 270, 510), Flat(Hex(0xf4f2ea)))
			br := Thread(276, 270, 380, 300, 500, 296, 640, 330).Taper(func(t float64) float64 { return 17 - 10*t })
			c.Form(br, Flat(Hex(0x6a4f3d)), 6)
			c.Line(Thread(420, 300, 470, 350, 500, 392), 5, Flat(Hex(0x6a4f3d)))
			for i := range 11 {
				berry(c, 494+34*(hash2(i, 1, 422)-.5), 396+44*(hash2(i, 2, 422)-.3), 9)
			}
			bullfinch(c, 560, 296)
			for i := range 50 {
				c.Fill(Circle(276+448*hash2(i, 1, 423), 176+330*hash2(i, 2, 423), 1.4+2*hash2(i, 3, 423)), Ink(white, .9))
			}
		})
		c.Write("JANUARI", 400, 572, 32, 5, 5.4, Flat(ink))
		c.Write("2027", 656, 572, 32, 4, 5.4, Flat(lingon))
		for i, d := range []string{"M", "T", "O", "T", "F", "L", "S"} {
			c.Write(d, 306+float64(i)*65, 610, 13, 2, 2.6, Flat(Hex(0x777f79)))
		}
		for d := 1; d <= 31; d++ {
			k := d - 1 + 4 // 1 January 2027 is a Friday
			x, y := 306+float64(k%7)*65, 650+float64(k/7)*50
			col := ink
			if k%7 == 6 || d == 1 || d == 6 {
				col = lingon
			}
			c.Write(fmt.Sprint(d), x, y, 17, 1.4, 3, Flat(col))
			c.Fill(Box(x-24, y+14, 48, 1.2, 0), Ink(shade, .25))
		}
		bar := Box(246, 124, 508, 26, 5)
		c.Shadow(bar, 2, 6, 5, .35)
		c.Form(bar, Wood(birch, birchDark, 0, 18, 424), 9)
		c.Line(P(400, 128).L(500, 66).L(600, 128), 3.4, Flat(Hex(0x8a6a45)))
		nail := Circle(500, 66, 9)
		c.Shadow(nail, 6, 9, 5, .4)
		c.Form(nail, Flat(iron), 4)
	})
}

// bullfinch sits on (x, y), looking left.
func bullfinch(c *Canvas, x, y float64) {
	tail := Poly(x+46, y-26, x+112, y+26, x+92, y+36, x+36, y-4)
	c.Form(tail, Flat(Hex(0x2f353c)), 6)
	body := Smooth(x-46, y-52, x-52, y-20, x-30, y+2, x+8, y+6, x+44, y-12, x+56, y-40, x+30, y-74, x-6, y-86)
	c.Form(body, Flat(Hex(0x8d99a3)), 14)
	breast := Smooth(x-46, y-54, x-54, y-22, x-32, y+1, x+2, y+2, x+10, y-26, x-4, y-58)
	c.Form(breast, Flat(Hex(0xcf5a48)), 12)
	wing := P(x+4, y-58).C(x+40, y-60, x+70, y-30, x+84, y+4).C(x+50, y-2, x+14, y-20, x+4, y-58)
	c.Form(wing, Flat(Hex(0x454d56)), 7)
	c.Line(P(x+20, y-34).L(x+60, y-14), 5, Flat(Hex(0xe8ebec)))
	headP := Smooth(x-52, y-78, x-30, y-104, x+2, y-96, x+8, y-72, x-14, y-60, x-42, y-62)
	c.Form(headP, Flat(Hex(0x2a2f36)), 8)
	c.Fill(Poly(x-50, y-86, x-68, y-74, x-48, y-68), Flat(Hex(0x3b3f45)))
	c.Fill(Circle(x-28, y-84, 4), Flat(Hex(0x0e1012)))
	c.Fill(Circle(x-29.5, y-85.5, 1.5), Flat(white))
	for _, d := range []float64{-14, 6} {
		c.Line(P(x+d, y+2).L(x+d-2, y+14), 3, Flat(Hex(0x5a4638)))
	}
}
