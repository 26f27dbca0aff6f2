package ui

import (
	"fmt"
	"math"
	"strings"
)

// Point is one value of a chart with its label on the axis and its value in words.
type Point struct {
	Label string
	Value float64
	Text  string // the value as a person reads it: "1 299 kr"
	Goal  float64
}

// Chart is a small picture of figures, always with the same figures as a table
// for who cannot see it. Title says what it shows.
type Chart struct {
	Title   string
	Points  []Point
	Goal    float64 // a dashed line; 0 is none
	ValueOf string  // head of the value column
	LabelOf string  // head of the label column
}

// The box of every chart, in units of its viewBox.
const (
	chartW = 640.0
	chartH = 200.0
	chartB = 24.0 // room for labels below
	chartT = 8.0
)

func (c Chart) max() float64 {
	m := c.Goal
	for _, p := range c.Points {
		m = math.Max(m, p.Value)
	}
	if m <= 0 {
		return 1
	}
	return m
}

func (c Chart) y(v float64) float64 {
	return chartT + (chartH-chartT-chartB)*(1-math.Max(v, 0)/c.max())
}

func (c Chart) x(i int) float64 {
	return chartW * (float64(i) + .5) / float64(len(c.Points))
}

func (c Chart) width() float64 { return math.Min(48, chartW/float64(len(c.Points))*.7) }

// every is how many labels to step over so that they do not touch.
func (c Chart) every() int { return (len(c.Points) + 9) / 10 }

func (c Chart) line() string {
	var b strings.Builder
	for i, p := range c.Points {
		fmt.Fprintf(&b, "%s,%s ", f1(c.x(i)), f1(c.y(p.Value)))
	}
	return strings.TrimSpace(b.String())
}

func (c Chart) areaPath() string {
	if len(c.Points) == 0 {
		return ""
	}
	base := f1(chartH - chartB)
	return "M" + f1(c.x(0)) + "," + base + " L" + strings.ReplaceAll(c.line(), " ", " L") + " L" + f1(c.x(len(c.Points)-1)) + "," + base + " Z"
}

func f1(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }
