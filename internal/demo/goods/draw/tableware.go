package draw

import "math"

// The three glazes of the pottery.
type glaze struct{ base, deep, spot RGB }

var (
	glazeOat      = glaze{Hex(0xe8dcc4), Hex(0xcdb893), Hex(0x7a5733)}
	glazeMoss     = glaze{Hex(0x84906a), Hex(0x56623f), Hex(0x3b4429)}
	glazeMidnight = glaze{Hex(0x3a4d70), Hex(0x1e2a43), Hex(0x0f1626)}
	stoneware     = Hex(0xb98e6a)
)

var tableware = []Drawing{
	{Name: "mugg-drej-havre", draw: on(Studio(tintTable), at(430, 815, 1.28, mug(glazeOat, false)))},
	{Name: "mugg-drej-mossa", draw: on(Studio(tintTable), at(430, 815, 1.28, mug(glazeMoss, false)))},
	{Name: "mugg-drej-midnatt", draw: on(Studio(tintTable), at(430, 815, 1.28, mug(glazeMidnight, false)))},
	{Name: "mugg-drej-b-vara", draw: on(Studio(tintTable), at(430, 815, 1.28, mug(glazeOat, true)))},
	{Name: "tallrik-drej-havre", draw: on(Sheet(tintTable), plate(glazeOat))},
	{Name: "tallrik-drej-mossa", draw: on(Sheet(tintTable), plate(glazeMoss))},
	{Name: "tallrik-drej-midnatt", draw: on(Sheet(tintTable), plate(glazeMidnight))},
	{Name: "karaff-kalla", draw: on(Studio(tintTable), at(500, 850, 1.08, carafe))},
	{Name: "bordslopare-strandrag-sand", draw: on(Sheet(tintTable), runner(sand.To(white, .25)))},
	{Name: "bordslopare-strandrag-rost", draw: on(Sheet(tintTable), runner(Hex(0xa85a3c)))},
	{Name: "bordslopare-strandrag-skiffer", draw: on(Sheet(tintTable), runner(Hex(0x7a868b)))},
}

// mug is thrown stoneware; the B one has a bare spot in its glaze.
func mug(g glaze, b bool) func(*Canvas) {
	return func(c *Canvas) {
		c.Ground(500, 800, 175)
		body := Turned(490, .2, 420, 182, 500, 184, 600, 183, 700, 176, 762, 166, 786, 152)
		handle := P(655, 482).C(752, 454, 824, 500, 818, 580).C(812, 664, 740, 706, 654, 690).L(654, 648).
			C(716, 656, 770, 626, 774, 578).C(778, 530, 726, 506, 656, 526)
		c.Shadow(handle, 14, 22, 18, .22)
		c.Form(handle, Speckle(Mottle(Grad(640, 470, 820, 700, g.base, g.deep), 40, .06, 51), g.spot, 15, .4, .5, 52), 24)
		c.Fill(body, Speckle(Mottle(Round(308, 672, stoneware), 26, .07, 53), Hex(0x6a4527), 12, .5, .5, 54))
		// The glaze ends in a wave above the foot, thicker where it stopped.
		coat := P(260, 300)
		for i := 0; i <= 60; i++ {
			u := float64(i) / 60
			y := 700 + 26*math.Sin(u*math.Pi) + 9*math.Sin(u*9+1) + 5*math.Sin(u*23)
			coat.L(260+480*u, y)
		}
		coat.L(740, 300)
		c.Clip(body, func() {
			c.Shadow(coat, 0, 3, 4, .35)
			c.Fill(coat, Speckle(Mottle(func(x, y float64) (RGB, float32) {
				cyl, _ := Round(308, 672, g.base)(x, y)
				t := math.Max(0, (y-560)/190)
				return cyl.To(g.deep, math.Min(.75, t*t*.8)), 1
			}, 55, .05, 55), g.spot, 15, .42, .55, 56))
			for i := range 6 { // the marks of fingers on the wheel
				y := 486 + float64(i)*40
				c.Line(Arc(490, y, 184, 38, 5, 175), 5, Ink(shade, .05))
				c.Line(Arc(490, y-7, 184, 38, 5, 175), 5, Ink(white, .07))
			}
			c.Glow(Box(356, 470, 26, 210, 13), 14, white, .42)
			if b {
				spot := Smooth(520, 600, 552, 588, 580, 604, 586, 634, 560, 652, 528, 640)
				c.Fill(spot, Mottle(Flat(stoneware.Light(.98)), 9, .1, 57))
				c.Inner(spot, -4, -5, 4, shade, .55)
				c.Line(spot, 2.5, Ink(white, .45))
			}
		})
		c.Inner(body, 16, 6, 22, shade, .34)
		mouth := Ellipse(490, 420, 182, 36.4)
		c.Fill(mouth, Mottle(Flat(g.base.To(white, .2)), 30, .05, 58))
		in := Ellipse(490, 423, 170, 30)
		c.Fill(in, Grad(330, 400, 650, 450, g.deep.Light(.72), g.base.Light(.98)))
		c.Inner(in, -8, -10, 10, shade, .6)
		c.Line(Arc(490, 420, 178, 34, 110, 170), 2.2, Ink(white, .5))
		c.Line(Arc(490, 420, 178, 34, 0, 60), 3, Ink(stoneware, .8))
		c.Line(Arc(490, 420, 178, 34, 190, 350), 2.4, Ink(stoneware, .75))
	}
}

// plate is one plate from above, thrown like the mug.
func plate(g glaze) func(*Canvas) {
	return func(c *Canvas) {
		const x, y = 490, 490
		out := Circle(x, y, 345)
		c.Lying(out, 30)
		c.Form(out, Speckle(Mottle(Flat(stoneware), 24, .07, 61), Hex(0x6a4527), 12, .5, .5, 62), 14)
		rim := Circle(x, y, 335)
		c.Fill(rim, Speckle(Mottle(Grad(x-240, y-240, x+240, y+260, g.base.To(white, .16), g.base.Light(.9)), 90, .05, 63), g.spot, 15, .42, .5, 64))
		c.Inner(rim, 5, 6, 5, shade, .3)
		well := Circle(x, y, 232)
		c.Fill(well, Speckle(Mottle(Grad(x-170, y-170, x+170, y+180, g.base.Light(.88), g.base.To(white, .1)), 90, .05, 65), g.spot, 15, .42, .5, 64))
		c.Inner(well, -12, -13, 16, shade, .42)
		c.Inner(well, 10, 11, 14, white, .35)
		c.Clip(well, func() {
			for i := range 7 { // the spiral of the wheel
				r := 26 + float64(i)*30
				c.Line(Circle(x+2, y+2, r), 3, Ink(white, .10))
				c.Line(Circle(x, y, r), 3, Ink(shade, .055))
			}
			c.Glow(Circle(x, y, 70), 60, g.deep, .35)
			c.Glow(Ellipse(x-88, y-96, 80, 26).Under(Turn(-45, x-88, y-96)), 26, white, .42)
		})
		c.Line(Arc(x, y, 306, 306, 195, 262), 12, Ink(white, .16))
	}
}

// carafe is mouth-blown glass with water in it and a stopper of oak.
func carafe(c *Canvas) {
	c.Ground(500, 812, 150)
	c.Glow(Ellipse(590, 818, 130, 16), 14, Hex(0xdfeef0), .7) // light through the water
	stop := Turned(500, .22, 138, 46, 160, 52, 196, 50, 214, 42, 262, 36)
	body := Turned(500, .16, 236, 62, 262, 54, 330, 50, 400, 58, 470, 104, 560, 152, 660, 168, 750, 162, 800, 140)
	c.Fill(body, Ink(Hex(0xeef6f4), .5))
	// Water up to the shoulder.
	water := Turned(500, .16, 505, 118, 560, 143, 660, 158, 748, 152, 790, 130)
	c.Fill(water, func(x, y float64) (RGB, float32) {
		t := (x - 340) / 320
		return Hex(0xcfe3e4).To(Hex(0x86aeb2), smooth(math.Max(0, math.Min(1, math.Abs(t-.42)*1.7)))), .72
	})
	c.Fill(Ellipse(500, 505, 118, 19), Ink(Hex(0xf3fbfa), .75))
	c.Line(Ellipse(500, 505, 118, 19), 2, Ink(Hex(0x7da3a6), .7))
	c.Clip(body, func() {
		c.Glow(Box(384, 520, 22, 210, 11), 9, white, .95)
		c.Glow(Box(614, 560, 10, 170, 5), 6, white, .6)
		c.Glow(Box(464, 280, 9, 120, 4), 4, white, .95)
		c.Glow(Ellipse(500, 806, 120, 14), 8, Hex(0x5d8a8e), .5)
		c.Line(Arc(500, 778, 118, 17, 10, 170), 4, Ink(white, .55))
	})
	c.Inner(body, 8, 2, 9, Hex(0x527d82), .6)
	c.Inner(body, -7, 0, 8, Hex(0x6b969a), .5)
	c.Line(body, 2.2, Ink(Hex(0x6d979b), .55))
	c.Clip(Join(Box(400, 80, 200, 158, 0)), func() {
		c.Form(stop, Wood(oak.Light(1.05), oakDark, 88, 15, 71), 18)
		c.Fill(Ellipse(500, 138, 46, 10), EndGrain(oak.Light(1.12), oakDark, 492, 134, 6, 72))
	})
	c.Clip(Box(400, 238, 200, 40, 0), func() { c.Fill(stop, Fade(Wood(oak, oakDark, 88, 15, 71), 0, 238, 0, 262, .75, .6)) })
	c.Line(Arc(500, 236, 62, 10, 0, 180), 5, Ink(white, .8))
	c.Line(Arc(500, 239, 62, 10, 0, 180), 2, Ink(Hex(0x527d82), .6))
	c.Line(Arc(500, 236, 62, 10, 180, 360), 2, Ink(Hex(0x527d82), .35))
}

// runner is washed linen across a table of ash, creased on purpose.
func runner(col RGB) func(*Canvas) {
	return func(c *Canvas) {
		c.With(Turn(-24, 500, 500), func() {
			for i := range 9 {
				x := -420 + float64(i)*205
				c.Fill(Box(x, -400, 203, 1800, 0), Wood(Hex(0xe9d3ab).Light(.97+.06*hash2(i, 1, 81)), Hex(0xcaa873), 90, 34, 80+i))
				c.Fill(Box(x+202, -400, 3, 1800, 0), Ink(shade, .30))
			}
			cloth := &Path{}
			for i := 0; i <= 80; i++ {
				y := -220 + float64(i)*13
				x := 262 + 4*math.Sin(y/60) + 3*math.Sin(y/23)
				if i == 0 {
					cloth.M(x, y)
				} else {
					cloth.L(x, y)
				}
			}
			for i := 80; i >= 0; i-- {
				y := -220 + float64(i)*13
				cloth.L(738+4*math.Sin(y/50+1)+3*math.Sin(y/19), y)
			}
			fringe := &Path{}
			for i := range 68 {
				x := 268 + float64(i)*6.95
				d := 12 * (hash2(i, 1, 82) - .5)
				fringe.Add(Thread(x, 812, x+d*.4, 840, x+d, 866+10*hash2(i, 2, 82)).Outline(3.6))
			}
			c.Lying(cloth, 13)
			c.Shadow(fringe, 4, 5, 3, .35)
			c.Fill(fringe, Flat(col.Light(1.05)))
			c.Fill(cloth, Cloth(func(x, y float64) (RGB, float32) {
				// Creases: ridges of noise, lit from one side.
				f := func(x, y float64) float64 {
					return Cloud((x+y*.3)/120, (y-x*.2)/200, 84) + .35*Cloud(x/46, y/60, 86)
				}
				d := f(x+5, y+5) - f(x-5, y-5)
				return col.Light(1 - 1.15*d), 1
			}, 6, .13, 83))
			c.Clip(cloth, func() {
				for _, x := range []float64{282, 712} {
					c.Fill(Box(x, -300, 5, 1300, 0), Ink(shade, .16))
				}
				c.Fill(Box(200, 782, 640, 4, 0), Ink(shade, .18))
			})
			c.Volume(cloth, 9, .8)
		})
	}
}
