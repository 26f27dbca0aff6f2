package pdf

import (
	"image"
	"image/color"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/qr"
)

func (c Code128) lay(l *layout) error {
	if c.Value == "" || len(c.Value) > 48 {
		return ErrBarcode
	}
	for i := range len(c.Value) {
		if c.Value[i] < ' ' || c.Value[i] > '~' {
			return ErrBarcode
		}
	}
	m, err := code128.Encode(c.Value)
	if err != nil {
		return ErrBarcode
	}
	const height = 42.0
	// Ten modules of quiet on each side; a module of 1.1 pt reads well from
	// ordinary printers and narrows only for long values.
	n := m.Bounds().Dx()
	module := min(1.1, bodyW/float64(n+20))
	if err := l.room(height + lineOf(sizeSmall) + 10); err != nil {
		return err
	}
	l.y += 4
	l.modules(m, marginX+10*module, module, height)
	l.y += height + 2
	text, err := l.clean(regular, c.Value)
	if err != nil {
		return err
	}
	l.write(regular, sizeSmall, 0, marginX+10*module, 0, text)
	l.y += lineOf(sizeSmall) + 4
	return nil
}

func (q QR) lay(l *layout) error {
	if q.Value == "" || len(q.Value) > 800 {
		return ErrBarcode
	}
	m, err := qr.Encode(q.Value, qr.M, qr.Auto)
	if err != nil {
		return ErrBarcode
	}
	n := float64(m.Bounds().Dx())
	module := max(1.6, 96/(n+8))
	side := module * (n + 8) // four modules of quiet around it
	if err := l.room(side); err != nil {
		return err
	}
	l.y += 4 * module
	l.modules(m, marginX+4*module, module, module)
	l.y += side - 4*module
	return nil
}

// modules draws the dark runs of each row of m.
func (l *layout) modules(m barcode.Barcode, left, module, height float64) {
	b := m.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			from := x
			for x < b.Max.X && dark(m, x, y) {
				x++
			}
			if x > from {
				l.put(op{x: left + float64(from-b.Min.X)*module, y: l.y + float64(y-b.Min.Y)*height,
					w: float64(x-from) * module, h: height})
			}
		}
		if m.Metadata().Dimensions == 1 {
			return
		}
	}
}

func dark(m image.Image, x, y int) bool {
	return color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y < 128
}
