package draw

import "math"

var fire = []Drawing{
	{Name: "vedkorg-span", draw: on(Studio(tintFire), at(500, 820, 1.06, logBasket))},
	{Name: "toreved", draw: on(Sheet(tintFire), kindling)},
	{Name: "eldfat-ring", draw: on(Studio(tintFire.Light(.97)), fireBowl)},
	{Name: "sittunderlag-stubbe-gra", draw: on(Studio(tintFire), seatPad(Hex(0x8d908d)))},
	{Name: "sittunderlag-stubbe-gron", draw: on(Studio(tintFire), seatPad(Hex(0x5f7355)))},
}

// log is a piece of birch wood, seen from its end.
func logEnd(c *Canvas, x, y, r float64, seed int) {
	p := Smooth(x-r, y+r*.1, x-r*.7, y-r*.75, x+r*.1, y-r, x+r*.85, y-r*.6, x+r, y+r*.2, x+r*.55, y+r*.85, x-r*.4, y+r*.95)
	c.Shadow(p, 5, 8, 8, .4)
	c.Fill(p, Flat(Hex(0xe9e2d2)))
	c.Inner(p, 4, 4, 4, ink, .5)
	in := p.Under(Grow(.9, .9, x, y))
	c.Fill(in, EndGrain(Hex(0xeccf9d), Hex(0xbb8a52), x+r*.2*(hash2(seed, 1, 211)-.5), y, r*.16, seed))
	c.Inner(in, r*.2, r*.2, r*.25, shade, .3)
	for k := range 3 {
		a := hash2(seed, k, 212) * 6.28
		c.Line(P(x, y).L(x+r*.7*math.Cos(a), y+r*.7*math.Sin(a)), 1.6, Ink(Hex(0x6b4522), .5))
	}
}

// logBasket is plaited of pine splint, with handles of leather and birch wood in it.
func logBasket(c *Canvas) {
	c.Ground(500, 800, 285)
	back := Ellipse(500, 448, 286, 52)
	c.Fill(back, Flat(Hex(0x6a4a2a)))
	for i, l := range []struct{ x, y, r float64 }{{350, 392, 62}, {480, 362, 70}, {615, 384, 66}, {690, 428, 52}, {300, 436, 48}, {410, 438, 64}, {545, 440, 66}, {636, 466, 50}} {
		logEnd(c, l.x, l.y, l.r, i+1)
	}
	body := P(212, 446).C(300, 512, 700, 512, 788, 446).C(790, 560, 764, 700, 738, 772).C(660, 822, 340, 822, 262, 772).C(236, 700, 210, 560, 212, 446)
	c.Fill(body, Flat(Hex(0x7a5530)))
	c.Clip(body, func() {
		// Splints over and under, following the bulge.
		const rows, cols = 8, 13
		for j := range rows {
			for i := range cols {
				u0, u1 := float64(i)/cols, (float64(i)+1)/cols
				v0, v1 := float64(j)/rows, (float64(j)+1)/rows
				at := func(u, v float64) (float64, float64) {
					half := 290 - 52*v*v
					a := (u - .5) * math.Pi * .98
					return 500 + half*math.Sin(a), 446 + v*342 + 50*math.Cos(a)*(1-.15*v)
				}
				x0, y0 := at(u0+.006, v0+.008)
				x1, y1 := at(u1-.006, v0+.008)
				x2, y2 := at(u1-.006, v1-.008)
				x3, y3 := at(u0+.006, v1-.008)
				over := (i+j)%2 == 0
				tone := .93 + .14*hash2(i, j, 221)
				light := 1.08 - .5*math.Pow((u0-.34)*1.25, 2)
				deg := 0.0
				if !over {
					deg, light = 90, light*.9
				}
				cell := Poly(x0, y0, x1, y1, x2, y2, x3, y3)
				c.Fill(cell, Wood(Hex(0xe2bd83).Light(tone*light), Hex(0xb98a50).Light(tone*light), deg, 17, 222+i*9+j))
				if over {
					c.Inner(cell, 9, 1, 9, shade, .34)
					c.Inner(cell, -9, -1, 9, shade, .22)
				} else {
					c.Inner(cell, 1, 8, 8, shade, .36)
					c.Inner(cell, -1, -8, 8, shade, .3)
				}
			}
		}
		c.Glow(Ellipse(500, 800, 300, 40), 26, shade, .4)
	})
	c.Inner(body, 40, 6, 44, shade, .4)
	rim := P(206, 440).C(300, 512, 700, 512, 794, 440).L(796, 474).C(700, 548, 300, 548, 204, 474)
	c.Shadow(rim, 2, 9, 8, .4)
	c.Form(rim, Wood(Hex(0xe6c48e), Hex(0xb98a50), 1, 16, 231), 14)
	for i := range 15 {
		u := float64(i)/14*2 - 1
		x, y := 500+u*276, 452+58*(1-u*u)
		c.Line(P(x-6, y-14).L(x+8, y+34), 6, Flat(Hex(0xcaa065)))
		c.Line(P(x-3, y-14).L(x+11, y+34), 1.5, Ink(shade, .3))
	}
	for _, s := range []float64{-1, 1} {
		h := Thread(500+s*262, 500, 500+s*330, 470, 500+s*338, 560, 500+s*268, 600)
		c.Shadow(h.Outline(24), 8, 10, 8, .35)
		c.Form(h.Outline(24), Mottle(Flat(leather), 24, .09, 232), 11)
		for _, y := range []float64{500, 600} {
			c.Fill(Circle(500+s*264, y, 6), Flat(Hex(0xd2b06a)))
		}
	}
}

// kindling is a bundle of resinous pine, tied.
func kindling(c *Canvas) {
	c.With(Turn(-28, 500, 500), func() {
		type stick struct{ x, y, l, w float64 }
		var list []stick
		for j := range 3 {
			for i := range 9 - j {
				list = append(list, stick{
					180 + 40*hash2(i, j, 241), 350 + float64(j)*17 + float64(i)*36,
					600 + 60*hash2(i, j, 242), 34 + 10*hash2(i, j, 243)})
			}
		}
		c.Lying(Box(196, 352, 630, 300, 20), 30)
		for i, s := range list {
			d := 8 * (hash2(i, 1, 244) - .5)
			p := P(s.x, s.y+d).L(s.x+s.l, s.y-d, s.x+s.l+6*hash2(i, 2, 244), s.y+s.w-d, s.x-8*hash2(i, 3, 244), s.y+s.w+d)
			c.Shadow(p, 4, 7, 6, .4)
			tone := .9 + .2*hash2(i, 4, 244)
			c.Form(p, Wood(Hex(0xe9b873).Light(tone), Hex(0xb5652c).Light(tone), 0, 9+6*hash2(i, 6, 244), 250+i), 9)
			if i%3 == 0 { // a streak of resin
				c.Clip(p, func() {
					c.Glow(Ellipse(s.x+s.l*(.3+.4*hash2(i, 5, 244)), s.y+s.w*.5, 90, 9), 6, Hex(0xa8481a), .5)
				})
			}
		}
		for _, x := range []float64{462, 482, 502} {
			t := P(x, 340).C(x-16, 430, x-16, 590, x, 682)
			c.Shadow(t.Outline(9), 4, 6, 4, .5)
			c.Line(t, 9, twine)
		}
		for _, t := range []*Path{Thread(482, 500, 430, 440, 390, 470, 420, 510, 482, 502), Thread(482, 500, 540, 446, 586, 474, 548, 516, 482, 502),
			Thread(482, 502, 450, 560, 420, 590), Thread(482, 502, 520, 560, 556, 580)} {
			c.Shadow(t.Outline(8), 4, 6, 4, .45)
			c.Line(t, 8, twine)
		}
		c.Form(Circle(482, 502, 12), twine, 7)
	})
}

func twine(x, y float64) (RGB, float32) {
	return Hex(0xd9c08c).Light(.85 + .25*math.Abs(math.Sin((x+y)*.32))), 1
}

// fireBowl is raw steel on a ring, with a fire in it.
func fireBowl(c *Canvas) {
	c.Ground(500, 830, 250)
	c.Glow(Circle(500, 420, 300), 170, Hex(0xffc46a), .34)
	ring := Turned(500, .16, 770, 170, 800, 168, 826, 178)
	steel := func(seed int) Paint {
		return func(x, y float64) (RGB, float32) {
			r, _ := Round(160, 840, Hex(0xffffff))(x, y)
			t := Cloud(x/60, y/60, seed)
			col := Hex(0x6a4a3a).To(Hex(0x9a5a34), math.Max(0, math.Min(1, (t-.35)*3)))
			col = col.To(Hex(0x4a4543), .35*Noise(x/150, y/90, seed+5))
			return col.Light(float64(r.G) * (.94 + .12*Noise(x/4, y/4, seed+6))), 1
		}
	}
	c.Form(ring, steel(261), 14)
	bowl := P(150, 600).C(190, 720, 330, 786, 500, 788).C(670, 786, 810, 720, 850, 600)
	c.Shadow(bowl, 4, 14, 12, .35)
	c.Form(bowl, steel(262), 30)
	top := Ellipse(500, 600, 350, 66)
	c.Fill(top, steel(263))
	in := Ellipse(500, 602, 334, 58)
	c.Fill(in, Radial(500, 600, 340, Stop{0, Hex(0xb8622a)}, Stop{.5, Hex(0x6b3a22)}, Stop{1, Hex(0x2e2420)}))
	c.Inner(in, -5, -8, 9, ink, .6)
	// Wood, its near sides charred.
	for i, l := range [][4]float64{{330, 620, 560, 540}, {690, 626, 440, 530}, {420, 640, 620, 560}} {
		p := P(l[0], l[1]).L(l[2], l[3]).Outline(48)
		c.Form(p, Mottle(Grad(l[0], l[1], l[2], l[3], Hex(0x8a6848), Hex(0x241c18)), 20, .2, 264+i), 18)
		logEnd(c, l[0], l[1], 25, 270+i)
	}
	c.Glow(Ellipse(500, 590, 130, 34), 20, Hex(0xff9a3a), .8)
	tongues := []struct{ x, h, w, lean float64 }{{430, 190, 60, -24}, {580, 210, 62, 26}, {500, 330, 92, 8}, {470, 240, 58, -14}, {540, 230, 60, 18}, {505, 160, 50, 0}}
	cols := []RGB{Hex(0xd9591f), Hex(0xdd6321), Hex(0xec8327), Hex(0xf6a83a), Hex(0xf8b548), Hex(0xffe29a)}
	for i, t := range tongues {
		y := 606.0
		f := P(t.x, y).C(t.x-t.w*1.5, y-t.h*.12, t.x-t.w*.7, y-t.h*.5, t.x+t.lean-t.w*.1, y-t.h).
			C(t.x+t.lean+t.w*.1, y-t.h*.7, t.x+t.w*.5+t.lean*.4, y-t.h*.66, t.x+t.w*.6, y-t.h*.45).
			C(t.x+t.w*1.2, y-t.h*.2, t.x+t.w*.9, y, t.x, y)
		c.Glow(f, 14, cols[i], .35)
		c.Fill(f, Fade(Grad(t.x, y, t.x, y-t.h, cols[i].To(Hex(0xfff0b0), .45), cols[i]), 0, y, 0, y-t.h, .95, .72))
	}
	for i := range 16 {
		x, y := 500+220*(hash2(i, 1, 281)-.5), 150+300*hash2(i, 2, 281)
		c.Glow(Circle(x, y, 3.2), 2, Hex(0xf08a2a), .9)
	}
	c.Line(Arc(500, 600, 346, 63, 8, 172), 7, Ink(Hex(0xd8a07a), .55))
	for _, x := range []float64{158, 842} {
		h := Arc(x, 622, 40, 34, 60, 300)
		if x > 500 {
			h = Arc(x, 622, 40, 34, -120, 120)
		}
		c.Shadow(h.Outline(13), 5, 8, 6, .3)
		c.Form(h.Outline(13), steel(282), 7)
	}
}

// seatPad is thick felt, rolled up and strapped.
func seatPad(col RGB) func(*Canvas) {
	felt := func(p Paint, seed int) Paint {
		return func(x, y float64) (RGB, float32) {
			c, a := p(x, y)
			n := Noise(x/9, y/3, seed) - .5 + Noise(x/3, y/8, seed+1) - .5 + .8*(Noise(x/2.4, y/2.4, seed+2)-.5)
			return c.Light(1 + .11*n), a
		}
	}
	return func(c *Canvas) {
		c.Ground(500, 716, 330)
		roll := P(330, 420).L(780, 396).C(872, 400, 880, 680, 790, 694).L(330, 740)
		c.Shadow(roll, 10, 18, 16, .2)
		c.Fill(roll, felt(Along(480, 400, 500, 730, Stop{0, col.Light(.95)}, Stop{.25, col.Light(1.14)}, Stop{.6, col}, Stop{1, col.Light(.58)}), 291))
		c.Inner(roll, 26, 0, 26, shade, .3)
		edge := P(334, 664).L(800, 622)
		c.Glow(edge.Outline(10), 5, shade, .55)
		c.Line(P(334, 656).L(800, 614), 4, Ink(white, .25))
		end := Ellipse(330, 580, 128, 160)
		c.Fill(end, felt(Radial(300, 550, 190, Stop{0, col.Light(1.0)}, Stop{1, col.Light(.84)}), 292))
		c.Clip(end, func() {
			spiral := &Path{}
			for i := range 240 {
				t := float64(i) / 240
				a := t * 2 * math.Pi * 3.6
				r := .08 + .92*t
				x, y := 330+128*r*math.Cos(a+1.2), 580+160*r*math.Sin(a+1.2)
				if i == 0 {
					spiral.M(x, y)
				} else {
					spiral.L(x, y)
				}
			}
			c.Glow(spiral.Outline(8), 4, shade, .75)
			c.Line(spiral.Under(Move(4, 5)), 3, Ink(white, .28))
			c.Line(spiral, 3.5, Ink(shade, .6))
		})
		c.Inner(end, 8, 9, 10, shade, .35)
		for _, x := range []float64{470, 690} {
			s := P(x, 412).C(x+76, 410, x+84, 700, x+2, 722).L(x+36, 718).C(x+120, 690, x+108, 412, x+34, 410)
			c.Shadow(s, 5, 6, 5, .45)
			c.Form(s, Mottle(Flat(leather), 22, .08, 293), 9)
			b := Box(x+44, 530, 52, 60, 9)
			bh := Join(b, Hole(Box(x+55, 541, 30, 38, 5)))
			c.Shadow(bh, 3, 4, 3, .5)
			c.Form(bh, Flat(Hex(0xc8a55c)), 5)
			c.Line(P(x+57, 560).L(x+94, 560), 5, Flat(Hex(0xb48f48)))
		}
		carry := Thread(520, 420, 560, 300, 660, 288, 722, 406)
		c.Shadow(carry.Outline(26), 10, 14, 12, .25)
		c.Form(carry.Outline(26), Mottle(Flat(leather.Light(1.06)), 22, .08, 294), 11)
	}
}
