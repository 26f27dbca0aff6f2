package draw

import "math"

var children = []Drawing{
	{Name: "dragdjur-igelkott", draw: on(Studio(tintChildren), at(500, 815, 1.06, hedgehog))},
	{Name: "pussel-fyra-arstider", draw: on(Sheet(tintChildren), puzzle)},
	{Name: "barnforklade-degig", draw: on(Studio(tintChildren), apron)},
	{Name: "kritor-bivax", draw: on(Sheet(tintChildren), crayons)},
}

// hedgehog is a pull-along toy of painted birch, its cord to the left.
func hedgehog(c *Canvas) {
	c.Ground(530, 800, 250)
	cord := Thread(270, 650, 210, 720, 150, 790, 90, 806, 40, 780)
	c.Shadow(cord.Outline(8), 6, 10, 6, .3)
	c.Line(cord, 8, func(x, y float64) (RGB, float32) { return lingon.Light(.9 + .25*math.Abs(math.Sin((x-y)*.3))), 1 })
	bead := Circle(46, 782, 24)
	c.Shadow(bead, 6, 10, 8, .35)
	c.Form(bead, Flat(honey), 13)
	wheel := func(x, y, r float64, col RGB) {
		w := Circle(x, y, r)
		c.Shadow(w, 8, 8, 8, .35)
		c.Form(w, Flat(col), 12)
		c.Line(Circle(x, y, r*.72), 3, Ink(white, .3))
		h := Circle(x, y, r*.28)
		c.Form(h, Wood(birch, birchDark, 20, 8, 431), 6)
		c.Fill(Circle(x, y, r*.09), Flat(Hex(0x6d4b28)))
	}
	wheel(432, 720, 56, pine.Light(1.15))
	wheel(690, 720, 56, pine.Light(1.15))
	body := P(250, 648).C(262, 610, 320, 580, 360, 540).C(420, 400, 560, 372, 660, 420).C(780, 480, 820, 600, 800, 690).C(740, 722, 420, 722, 330, 700).C(290, 692, 256, 676, 250, 648)
	c.Shadow(body, 8, 14, 14, .25)
	c.Form(body, Wood(birch.Light(1.03), birchDark.Light(1.08), 2, 26, 432), 34)
	coat := P(372, 528).C(420, 400, 560, 372, 660, 420).C(780, 480, 820, 600, 800, 690).C(740, 716, 560, 720, 470, 708).C(430, 660, 390, 600, 372, 528)
	c.Fill(coat, Mottle(Grad(420, 400, 760, 720, Hex(0x8a5a36), Hex(0x5d3820)), 50, .05, 433))
	c.Clip(coat, func() {
		for j := range 9 { // painted spines in rows
			for i := range 15 {
				a := math.Pi*(1.08+.98*float64(i)/14) + .05*float64(j%2)
				r := 80 + float64(j)*34
				x, y := 590+r*1.0*math.Cos(a), 720+r*.98*math.Sin(a)
				s := P(x, y).L(x+22*math.Cos(a), y+22*math.Sin(a)).Taper(func(t float64) float64 { return 7 * (1.15 - t) })
				c.Fill(s, Flat([]RGB{Hex(0xe8cfa2), Hex(0x3b2314), Hex(0xc99a62)}[(i+j)%3]))
			}
		}
	})
	c.Inner(coat, 22, 18, 24, shade, .4)
	c.Inner(coat, -16, -18, 18, white, .28)
	ear := Circle(404, 556, 28)
	c.Shadow(ear, 3, 5, 4, .35)
	c.Form(ear, Wood(birch, birchDark, 40, 9, 434), 11)
	c.Fill(Circle(404, 557, 14), Ink(Hex(0xd99a86), .8))
	nose := Circle(252, 642, 24)
	c.Form(nose, Flat(Hex(0x2a221d)), 12)
	c.Fill(Ellipse(245, 634, 6, 4), Ink(white, .7))
	c.Fill(Circle(338, 606, 12), Flat(Hex(0x2a221d)))
	c.Fill(Circle(334, 602, 4), Flat(white))
	c.Glow(Circle(362, 652, 22), 10, Hex(0xd9745f), .45)
	c.Line(Thread(276, 668, 300, 680, 326, 676), 4, Ink(Hex(0x5c3a22), .8))
	wheel(380, 752, 60, lingon)
	wheel(650, 752, 60, lingon)
}

// puzzle shows one tree in four seasons, a piece beside it.
func puzzle(c *Canvas) {
	c.With(Turn(-5, 480, 500), func() {
		tray := Box(150, 170, 660, 620, 18)
		c.Lying(tray, 28)
		c.Form(tray, Wood(birch, birchDark, 1, 34, 441), 16)
		field := Box(180, 200, 600, 560, 6)
		c.Fill(field, Flat(Hex(0xb08a57)))
		c.Inner(field, -8, -10, 8, shade, .6)
		skies := []RGB{Hex(0xcfe0da), Hex(0xbcd8e6), Hex(0xf0d9ae), Hex(0xd5dfe8)}
		grounds := []RGB{Hex(0xa9bf7c), Hex(0x86a85c), Hex(0xc79a5a), Hex(0xfaf9f4)}
		crowns := [][]RGB{{Hex(0xf0b8c0), Hex(0xe79bab), Hex(0xb8cc86)}, {Hex(0x5f8a4a), Hex(0x79a05a), Hex(0x4d7440)},
			{Hex(0xd9792e), Hex(0xc24e2c), Hex(0xe6a83c)}, {Hex(0xffffff), Hex(0xe9eef2), Hex(0xdfe6ec)}}
		pic := Box(184, 204, 592, 552, 4)
		c.Clip(pic, func() {
			for q := range 4 {
				x, y := 184+float64(q%2)*296, 204+float64(q/2)*276
				c.Clip(Box(x, y, 296, 276, 0), func() {
					c.Fill(Box(x, y, 296, 276, 0), Grad(0, y, 0, y+276, skies[q], skies[q].To(white, .5)))
					c.Fill(P(x-10, y+214).C(x+90, y+180, x+200, y+226, x+310, y+196).L(x+310, y+290, x-10, y+290), Flat(grounds[q]))
					trunk := P(x+138, y+240).C(x+146, y+190, x+142, y+150, x+138, y+110).L(x+158, y+110).C(x+156, y+150, x+156, y+190, x+166, y+240)
					c.Form(trunk, Flat(Hex(0x6d4f38)), 7)
					for _, b := range [][2]float64{{90, 80}, {210, 84}, {150, 50}} {
						c.Line(Thread(x+148, y+150, (x+148+x+b[0])/2, y+122, x+b[0], y+b[1]), 6, Flat(Hex(0x6d4f38)))
					}
					n := 44
					if q == 3 {
						n = 16
					}
					for i := range n {
						a, d := hash2(i, q, 442)*6.28, math.Sqrt(hash2(i, q, 443))
						p := Circle(x+150+92*d*math.Cos(a), y+88+64*d*math.Sin(a), 13+9*hash2(i, q, 444))
						c.Form(p, Flat(crowns[q][i%3]), 6)
					}
					for i := range 16 { // blossom, leaves and snow on the ground or in the air
						px, py := x+296*hash2(i, q, 445), y+276*hash2(i, q, 446)
						if q == 3 {
							c.Fill(Circle(px, py, 3.4), Flat(white))
						} else if py > y+205 {
							c.Fill(Circle(px, py, 4.4), Flat(crowns[q][i%2]))
						}
					}
				})
			}
			// Eight by six pieces.
			knob := func(p *Path, x0, y0, x1, y1, side float64) {
				dx, dy := (x1-x0)/10, (y1-y0)/10
				nx, ny := -dy*side, dx*side
				p.L(x0+dx*4, y0+dy*4)
				p.C(x0+dx*3.4+nx*1.2, y0+dy*3.4+ny*1.2, x0+dx*2.9+nx*2.6, y0+dy*2.9+ny*2.6, x0+dx*5+nx*2.6, y0+dy*5+ny*2.6)
				p.C(x0+dx*7.1+nx*2.6, y0+dy*7.1+ny*2.6, x0+dx*6.6+nx*1.2, y0+dy*6.6+ny*1.2, x0+dx*6, y0+dy*6)
				p.L(x1, y1)
			}
			cut := &Path{}
			for j := 1; j < 6; j++ {
				y := 204 + float64(j)*92
				p := P(184, y)
				for i := range 8 {
					knob(p, 184+float64(i)*74, y, 184+float64(i+1)*74, y, float64(1-2*((i*3+j)%2)))
				}
				cut.Add(p)
			}
			for i := 1; i < 8; i++ {
				x := 184 + float64(i)*74
				p := P(x, 204)
				for j := range 6 {
					knob(p, x, 204+float64(j)*92, x, 204+float64(j+1)*92, float64(1-2*((i+j*3)%2)))
				}
				cut.Add(p)
			}
			c.Line(cut.Under(Move(1.4, 1.8)), 1.6, Ink(white, .5))
			c.Line(cut, 2, Ink(Hex(0x3d2f22), .55))
		})
	})
	for _, pc := range []struct {
		x, y, deg float64
		col       RGB
	}{{860, 800, 24, Hex(0xd9792e)}, {790, 880, -30, Hex(0x79a05a)}} {
		c.With(Turn(pc.deg, pc.x, pc.y), func() {
			p := Join(Box(pc.x-37, pc.y-40, 74, 80, 3), Circle(pc.x, pc.y-50, 16), Circle(pc.x+47, pc.y, 16))
			b := Join(p, Hole(Circle(pc.x-30, pc.y, 14)))
			c.Lying(b, 10)
			c.Form(b, Mottle(Flat(pc.col), 24, .12, 447), 8)
		})
	}
}

// apron hangs on a peg, a wooden spoon in its pocket.
func apron(c *Canvas) {
	rail := Box(250, 110, 500, 62, 10)
	c.Shadow(rail, 10, 16, 16, .3)
	c.Form(rail, Wood(birch, birchDark, 1, 28, 451), 11)
	strap := Thread(418, 330, 440, 220, 500, 150, 560, 220, 582, 330)
	c.Shadow(strap.Outline(20), 10, 14, 10, .25)
	c.Form(strap.Outline(20), Cloth(Flat(Hex(0xd3a04a)), 5, .1, 452), 6)
	body := P(404, 320).C(460, 332, 540, 332, 596, 320).C(606, 400, 640, 450, 720, 480).C(724, 600, 736, 740, 742, 846).
		C(690, 866, 640, 846, 590, 862).C(540, 876, 480, 850, 430, 866).C(370, 878, 310, 850, 258, 846).C(264, 740, 276, 600, 280, 480).C(360, 450, 394, 400, 404, 320)
	c.Shadow(body, 20, 26, 22, .3)
	for _, s := range []float64{-1, 1} {
		t := Thread(500+s*218, 490, 500+s*268, 540, 500+s*262, 640, 500+s*290, 720)
		c.Shadow(t.Outline(15), 10, 14, 9, .25)
		c.Form(t.Outline(15), Cloth(Flat(Hex(0xd3a04a)), 5, .1, 453), 5)
	}
	base := Hex(0xf3e8d2)
	c.Fill(body, Cloth(func(x, y float64) (RGB, float32) {
		fold := math.Sin((x-500)/58+.7) * math.Max(0, (y-430)/430)
		return base.Light(1 + .075*fold), 1
	}, 5, .08, 454))
	c.Clip(body, func() {
		for j := range 12 { // printed gingerbread hearts
			for i := range 9 {
				x, y := 262+float64(i)*62+float64(j%2)*31, 350+float64(j)*48
				h := P(x, y+11).C(x-17, y-2, x-11, y-14, x, y-5).C(x+11, y-14, x+17, y-2, x, y+11)
				c.Fill(h, Flat([]RGB{lingon, Hex(0xd3a04a), Hex(0x5f7f6a)}[(i+2*j)%3].To(base, .12)))
			}
		}
	})
	hem := P(404, 320).C(460, 332, 540, 332, 596, 320).L(598, 340).C(540, 352, 460, 352, 402, 340)
	c.Form(hem, Flat(Hex(0xd3a04a)), 6)
	c.Volume(body, 13, .9)
	spoon := P(540, 700).L(566, 520).Outline(17)
	bowl := Ellipse(573, 474, 33, 47).Under(Turn(8, 573, 474))
	c.Shadow(Join(spoon, bowl), 10, 14, 10, .3)
	c.Form(spoon, Wood(birch, birchDark, 98, 9, 455), 7)
	c.Form(bowl, Wood(birch, birchDark, 98, 11, 456), 14)
	c.Inner(bowl.Under(Grow(.72, .76, 573, 472)), -6, -8, 7, shade, .45)
	pocket := P(388, 590).L(612, 590).L(606, 722).C(600, 742, 580, 748, 500, 748).C(420, 748, 400, 742, 394, 722)
	c.Shadow(pocket, 3, 6, 6, .35)
	c.Fill(pocket, Cloth(Flat(Hex(0xd3a04a)), 5, .1, 457))
	c.Fill(Box(388, 590, 224, 24, 0), Ink(white, .25))
	c.Volume(pocket, 9, .8)
	for i := range 24 {
		c.Line(P(394+float64(i)*9.2, 618).L(399+float64(i)*9.2, 618), 2, Ink(shade, .4))
	}
	peg := Circle(500, 148, 22)
	c.Shadow(peg, 6, 10, 7, .4)
	c.Form(peg, Wood(birch.Light(1.03), birchDark, 60, 14, 458), 12)
}

// crayons lie before their tin, some strokes beside them.
func crayons(c *Canvas) {
	cols := []RGB{Hex(0xb5302f), Hex(0xd9662e), Hex(0xe3a02e), Hex(0xf0cf52), Hex(0x9db04a), Hex(0x4f7f45), Hex(0x2f6a66), Hex(0x4f86a8), Hex(0x324f86), Hex(0x6f4f86), Hex(0x8a5a38), Hex(0x2f2d2c)}
	for i, k := range []int{0, 2, 5, 7} { // what was drawn
		y := 730 + float64(i)*40
		s := Thread(130, y, 190, y-26, 230, y+20, 290, y-22, 340, y+16, 400, y-16, 450, y+8)
		c.Fill(s.Outline(17), func(x, yy float64) (RGB, float32) {
			return cols[k], float32(.35 + .5*Noise(x/3.2, yy/3.2, 461))
		})
	}
	c.With(Turn(-12, 500, 470), func() {
		tin := Box(180, 190, 640, 400, 34)
		c.Lying(tin, 28)
		c.Form(tin, Mottle(Flat(Hex(0xd8d3c6)), 60, .03, 462), 14)
		in := Box(202, 212, 596, 356, 24)
		c.Fill(in, Flat(Hex(0xb9b3a4)))
		c.Inner(in, -10, -12, 12, shade, .55)
		for i, col := range cols {
			if i == 5 || i == 8 {
				continue // these two are out
			}
			crayon(c, 232+float64(i)*48.6, 392, 306, 42, col)
		}
		c.Inner(in, -4, -5, 5, shade, .4)
	})
	c.With(Turn(62, 600, 780), func() { crayon(c, 600, 780, 300, 42, cols[5]) })
	c.With(Turn(112, 770, 730), func() { crayon(c, 770, 730, 300, 42, cols[8]) })
}

// crayon stands with its middle at (x, y), its tip up.
func crayon(c *Canvas, x, y, l, w float64, col RGB) {
	b := P(x-w/2, y+l/2).L(x-w/2, y-l/2+44).L(x-w*.22, y-l/2+8).C(x-w*.16, y-l/2, x+w*.16, y-l/2, x+w*.22, y-l/2+8).L(x+w/2, y-l/2+44).L(x+w/2, y+l/2)
	c.Lying(b, 11)
	c.Fill(b, Mottle(Flat(col), 12, .05, 463))
	wrap := Box(x-w/2-.5, y-l/2+64, w+1, l-92, 1)
	c.Fill(wrap, Flat(col.To(Hex(0xf5ecd8), .55)))
	for _, d := range []float64{10, l - 112} {
		c.Fill(Box(x-w/2-.5, y-l/2+64+d, w+1, 7, 0), Flat(col.Light(.8)))
	}
	c.With(Turn(-90, x, y), func() { c.Write("BIVAX", x-14, y+7, 14, 4, 2.6, Flat(col.Light(.6))) })
	c.Volume(b, 12, .9)
}
