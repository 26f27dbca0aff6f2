package goods

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/sync/errgroup"

	"kassavalv/internal/file"
)

//go:embed pictures/*.jpg
var picturesFS embed.FS

// The scenes: pictures that belong to no good. That of the home page is 16:10
// and calm in its left third; those of categories are 4:3 and named after them.
const Porch = "forstukvist"

// CategoryScene is the name of the picture of a top category.
func CategoryScene(handle string) string { return "kategori-" + handle }

// Rendition is the JPEG file of a picture by name in a width of file.Widths, or
// nil when there is no such picture.
func Rendition(name string, width int) []byte {
	b, err := picturesFS.ReadFile("pictures/" + name + "-" + strconv.Itoa(width) + ".jpg")
	if err != nil {
		return nil
	}
	return b
}

func renditions(name string) ([][]byte, error) {
	var out [][]byte
	for _, w := range file.Widths {
		b := Rendition(name, w)
		if b == nil {
			return nil, fmt.Errorf("goods: no picture %s, %d wide; run go generate", name, w)
		}
		out = append(out, b)
	}
	return out, nil
}

// readyFiles is what a file room offers that takes renditions as they are. They
// are made by this program, so nothing has to be judged or encoded again.
type readyFiles interface {
	PutReady(ctx context.Context, renditions [][]byte) (file.Picture, error)
}

// accepts is the ordinary way in, which decodes and encodes each picture anew.
type accepts interface {
	AcceptPicture(ctx context.Context, r io.Reader) (file.Picture, error)
}

// store puts pictures into the file room and returns their rows by name.
func store(ctx context.Context, files accepts, names []string) (map[string]file.Picture, error) {
	out := make([]file.Picture, len(names))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, name := range names {
		g.Go(func() error {
			set, err := renditions(name)
			if err != nil {
				return err
			}
			if r, ok := files.(readyFiles); ok {
				out[i], err = r.PutReady(ctx, set)
			} else {
				out[i], err = files.AcceptPicture(ctx, bytes.NewReader(set[len(set)-1]))
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	by := make(map[string]file.Picture, len(names))
	for i, n := range names {
		by[n] = out[i]
	}
	return by, nil
}
