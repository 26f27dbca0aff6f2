// Command cmd renders the drawings: three JPEG widths each into a folder, or
// with -look a few of them into one sheet to look at.
package main

import (
	"flag"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"

	xdraw "golang.org/x/image/draw"

	"kassavalv/internal/demo/goods/draw"
)

func main() {
	out := flag.String("out", "", "folder for the JPEG files")
	look := flag.String("look", "", "PNG file for a sheet of the drawings whose names contain one of the arguments")
	flag.Parse()
	var list []draw.Drawing
	for _, d := range draw.Drawings() {
		pick := flag.NArg() == 0
		for _, a := range flag.Args() {
			pick = pick || strings.Contains(d.Name, a)
		}
		if pick {
			list = append(list, d)
		}
	}
	switch {
	case *look != "":
		sheet(*look, list)
	case *out != "":
		write(*out, list)
	default:
		flag.Usage()
		os.Exit(2)
	}
}

// sheet puts drawings side by side, three in a row.
func sheet(path string, list []draw.Drawing) {
	const side = 560
	cols := min(3, len(list))
	rows := (len(list) + 2) / 3
	m := image.NewRGBA(image.Rect(0, 0, cols*side, rows*side))
	each(list, func(i int, d draw.Drawing) {
		p := d.Render(side - 6)
		at := image.Pt(i%3*side, i/3*side)
		xdraw.Draw(m, p.Bounds().Add(at), p, image.Point{}, xdraw.Src)
	})
	f, err := os.Create(path)
	if err != nil {
		log.Fatal(err)
	}
	if err := png.Encode(f, m); err != nil {
		log.Fatal(err)
	}
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
}

// write makes the renditions that a shop stores.
func write(dir string, list []draw.Drawing) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		log.Fatal(err)
	}
	each(list, func(_ int, d draw.Drawing) {
		// The widths and names are those of package file: the picture named 1600
		// may be narrower, never enlarged.
		m := d.Render(d.W)
		for _, r := range []struct{ width, quality int }{{1600, 70}, {800, 68}, {400, 72}} {
			if r.width < m.Rect.Dx() {
				s := image.NewRGBA(image.Rect(0, 0, r.width, r.width*d.H/d.W))
				xdraw.CatmullRom.Scale(s, s.Bounds(), m, m.Bounds(), xdraw.Src, nil)
				m = s
			}
			save(filepath.Join(dir, fmt.Sprintf("%s-%d.jpg", d.Name, r.width)), m, r.quality)
		}
	})
}

func each(list []draw.Drawing, fn func(int, draw.Drawing)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range 2 {
		wg.Go(func() {
			for i := range next {
				fn(i, list[i])
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	wg.Wait()
}

func save(path string, m image.Image, q int) {
	f, err := os.Create(path)
	if err != nil {
		log.Fatal(err)
	}
	if err := jpeg.Encode(f, m, &jpeg.Options{Quality: q}); err != nil {
		log.Fatal(err)
	}
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
}
