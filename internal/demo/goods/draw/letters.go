package draw

import (
	"strconv"
	"strings"
)

// glyphs are capitals as single strokes, ten units high from 0 to the baseline
// at 10: M moves, L draws lines, C a curve; then the width.
var glyphs = map[rune]struct {
	d string
	w float64
}{
	'A': {"M 0 10 L 3 0 6 10 M 1.2 6.6 L 4.8 6.6", 6},
	'B': {"M 0 0 L 0 10 M 0 0 L 2.6 0 C 6 0 6 4.7 2.6 4.7 L 0 4.7 M 2.6 4.7 C 7 4.7 7 10 2.6 10 L 0 10", 5.8},
	'C': {"M 6 2 C 4.8 -0.7 0 -0.9 0 5 C 0 10.9 4.8 10.7 6 8", 6},
	'D': {"M 0 0 L 0 10 2 10 C 7.8 10 7.8 0 2 0 L 0 0", 6.3},
	'E': {"M 4.8 0 L 0 0 0 10 4.8 10 M 0 4.8 L 4 4.8", 4.8},
	'F': {"M 4.8 0 L 0 0 0 10 M 0 4.8 L 3.8 4.8", 4.8},
	'G': {"M 6 2 C 4.6 -0.7 0 -0.9 0 5 C 0 10.9 6.3 11.2 6.3 5.6 L 3.7 5.6", 6.3},
	'H': {"M 0 0 L 0 10 M 5.8 0 L 5.8 10 M 0 4.9 L 5.8 4.9", 5.8},
	'I': {"M 0 0 L 0 10", 0},
	'J': {"M 3.6 0 L 3.6 7 C 3.6 11 0 10.8 0 8", 3.6},
	'K': {"M 0 0 L 0 10 M 5.4 0 L 0 5.8 M 1.9 4 L 5.7 10", 5.7},
	'L': {"M 0 0 L 0 10 4.6 10", 4.6},
	'M': {"M 0 10 L 0.6 0 4 7 7.4 0 8 10", 8},
	'N': {"M 0 10 L 0 0 6 10 6 0", 6},
	'O': {"M 3.6 0 C 8.4 0 8.4 10 3.6 10 C -1.2 10 -1.2 0 3.6 0", 7.2},
	'P': {"M 0 10 L 0 0 2.6 0 C 6.4 0 6.4 5.4 2.6 5.4 L 0 5.4", 5.4},
	'Q': {"M 3.6 0 C 8.4 0 8.4 10 3.6 10 C -1.2 10 -1.2 0 3.6 0 M 4.6 7.6 L 6.8 10.4", 7.2},
	'R': {"M 0 10 L 0 0 2.6 0 C 6.4 0 6.4 5.4 2.6 5.4 L 0 5.4 M 2.7 5.4 L 5.7 10", 5.7},
	'S': {"M 5.3 1.6 C 4 -0.9 0.1 -0.5 0.4 2.5 C 0.7 5.3 5.6 4.5 5.6 7.4 C 5.6 10.9 1 10.9 0 8.3", 5.6},
	'T': {"M 0 0 L 6 0 M 3 0 L 3 10", 6},
	'U': {"M 0 0 L 0 6.2 C 0 11.3 5.8 11.3 5.8 6.2 L 5.8 0", 5.8},
	'V': {"M 0 0 L 3 10 6 0", 6},
	'W': {"M 0 0 L 2 10 4.2 2 6.4 10 8.4 0", 8.4},
	'X': {"M 0 0 L 5.8 10 M 5.8 0 L 0 10", 5.8},
	'Y': {"M 0 0 L 3 5 6 0 M 3 5 L 3 10", 6},
	'Z': {"M 0 0 L 5.8 0 0 10 5.8 10", 5.8},
	'0': {"M 3 0 C 7 0 7 10 3 10 C -1 10 -1 0 3 0", 6},
	'1': {"M 0.4 2 L 2.4 0 2.4 10", 3},
	'2': {"M 0.2 2.4 C 0.6 -0.8 5.4 -0.8 5.4 2.6 C 5.4 5 2 7 0 10 L 5.6 10", 5.6},
	'3': {"M 0.3 1.6 C 1.6 -0.8 5.2 -0.3 5.2 2.4 C 5.2 4.4 3.6 4.7 2.2 4.7 C 4 4.7 5.6 5.4 5.6 7.3 C 5.6 10.7 1 10.9 0 8.2", 5.6},
	'4': {"M 4.2 10 L 4.2 0 0 7.2 5.8 7.2", 5.8},
	'5': {"M 5 0 L 0.9 0 0.5 4.4 C 2.6 3 5.6 4 5.6 6.9 C 5.6 10.6 1.2 10.9 0 8.4", 5.6},
	'6': {"M 4.6 0 C 2 1.6 0.2 4 0.2 6.9 C 0.2 11 5.8 11 5.8 6.9 C 5.8 3.4 1.4 3.4 0.5 5.8", 5.8},
	'7': {"M 0 0 L 5.6 0 C 3.6 3 2.2 6 1.8 10", 5.6},
	'8': {"M 2.9 4.7 C -0.6 4.4 -0.2 0 2.9 0 C 6 0 6.4 4.4 2.9 4.7 C 6.8 5 6.6 10 2.9 10 C -0.8 10 -1 5 2.9 4.7", 5.8},
	'9': {"M 1.2 10 C 3.8 8.4 5.6 6 5.6 3.1 C 5.6 -1 0 -1 0 3.1 C 0 6.6 4.4 6.6 5.3 4.2", 5.6},
	'-': {"M 0 5.4 L 3 5.4", 3},
	'.': {"M 0 10 L 0.1 10", 0.1},
	',': {"M 0.4 9.8 L 0 11.6", 0.4},
	':': {"M 0 4 L 0.1 4 M 0 9.6 L 0.1 9.6", 0.1},
	'/': {"M 0 10.6 L 3.6 -0.6", 3.6},
	'%': {"M 0.6 10 L 5.8 0 M 1.4 0 C 3.4 0 3.4 4 1.4 4 C -0.6 4 -0.6 0 1.4 0 M 5 6 C 7 6 7 10 5 10 C 3 10 3 6 5 6", 6.4},
	'&': {"M 6 10 L 1.6 3.2 C 0 0.6 4.6 -1.4 4.4 1.8 C 4.2 4.4 0 4.6 0 7.4 C 0 10.8 4.8 11 6 6.2", 6},
	' ': {"", 3},
	'·': {"M 0 5.4 L 0.1 5.4", 0.1},
}

const dots = " M 1.9 -2.3 L 2 -2.3 M 4.2 -2.3 L 4.3 -2.3"

func init() {
	for r, base := range map[rune]rune{'Ä': 'A', 'Ö': 'O', 'Å': 'A', 'É': 'E'} {
		g := glyphs[base]
		switch r {
		case 'Å':
			g.d = "M 0 10 L 3 0 6 10 M 1.2 6.6 L 4.8 6.6 M 3 -3.6 C 4.5 -3.6 4.5 -1 3 -1 C 1.5 -1 1.5 -3.6 3 -3.6"
		case 'É':
			g.d += " M 1.8 -1.6 L 3.2 -3.2"
		case 'Ö':
			g.d += " M 2.4 -2.3 L 2.5 -2.3 M 4.8 -2.3 L 4.9 -2.3"
		default:
			g.d += dots
		}
		glyphs[r] = g
	}
}

// Letters is a line of capitals, size units high, with its baseline at y and
// its middle at x; spacing is in tenths of the size.
func Letters(s string, x, y, size, spacing float64) *Path {
	k := size / 10
	total := -spacing
	rs := []rune(s)
	for _, r := range rs {
		total += glyphs[r].w + spacing
	}
	at := x - total*k/2
	out := &Path{}
	for _, r := range rs {
		g := glyphs[r]
		if g.d != "" {
			out.Add(strokes(g.d).Under(Matrix{k, 0, 0, k, at, y - 10*k}))
		}
		at += (g.w + spacing) * k
	}
	return out
}

// LettersFrom is Letters from x rightwards.
func LettersFrom(s string, x, y, size, spacing float64) *Path {
	x0, _, _, _ := Letters(s, 0, y, size, spacing).bounds(Matrix{1, 0, 0, 1, 0, 0})
	return Letters(s, x-x0, y, size, spacing)
}

func strokes(d string) *Path {
	p := &Path{}
	var op string
	var n []float64
	for _, f := range strings.Fields(d) {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			op, n = f, nil
			continue
		}
		n = append(n, v)
		switch {
		case op == "M" && len(n) == 2:
			p.M(n[0], n[1])
			n = nil
		case op == "L" && len(n) == 2:
			p.L(n[0], n[1])
			n = nil
		case op == "C" && len(n) == 6:
			p.C(n[0], n[1], n[2], n[3], n[4], n[5])
			n = nil
		}
	}
	return p
}

// Write strokes letters.
func (c *Canvas) Write(s string, x, y, size, spacing, width float64, paint Paint) {
	c.Line(Letters(s, x, y, size, spacing), width, paint)
}
