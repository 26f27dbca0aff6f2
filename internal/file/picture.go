package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"runtime/debug"
	"time"

	"golang.org/x/image/webp"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Widths of the renditions, in pixels. A picture narrower than one of them has
// that rendition in its own width: pictures are never enlarged.
var Widths = []int{400, 800, 1600}

// Bounds of a picture that is taken in.
const (
	MaxSide   = 12_000
	MaxPixels = 40_000_000
	// maxMemory bounds what one decoding takes. Forty megapixels of any
	// ordinary file fit; progressive JPEG and 16-bit PNG reach it earlier.
	maxMemory = 192 << 20
	quality   = 82
)

// Picture is a stored picture. Width and height are those of the largest
// rendition; rendition w is min(w, Width) wide.
type Picture struct {
	Hash   Hash
	Width  int
	Height int
}

// URL is the address of a rendition; width is one of Widths.
func (p Picture) URL(width int) string { return "/media/" + renditionKey(p.Hash, width) }

// Size is the size of a rendition in pixels, for the attributes of an img
// element.
func (p Picture) Size(width int) (w, h int) { return fit(p.Width, p.Height, width) }

func renditionKey(h Hash, width int) string { return fmt.Sprintf("%s-%d.jpg", h, width) }

// AcceptPicture reads a picture, judges it, makes its renditions and stores
// them. The same picture twice gives the same hash. It stays seven days unless
// linked (LinkPicture). Faults: 413 file_too_large, 422 picture_format (not
// JPEG, PNG, GIF or WebP by its content), 422 picture_too_large (sides, pixels
// or memory), 422 picture_damaged, 503 pictures_busy. Memory is bounded: eight
// uploads are held, one picture is decoded at a time.
func (f *Files) AcceptPicture(ctx context.Context, r io.Reader) (Picture, error) {
	data, h, leave, err := f.take(ctx, r)
	if err != nil {
		return Picture{}, err
	}
	defer leave()
	return f.render(ctx, data, h)
}

// StagePicture judges a picture as AcceptPicture does, and stores it as it came,
// for RenderPicture in a job. It is never served.
func (f *Files) StagePicture(ctx context.Context, r io.Reader) (Hash, error) {
	data, _, leave, err := f.take(ctx, r)
	if err != nil {
		return "", err
	}
	defer leave()
	name := nameOf(upload, data)
	return name, f.put(ctx, row{hash: name, kind: upload, size: len(data)}, map[string][]byte{string(name): data})
}

// RenderPicture makes the renditions of a staged picture. The caller notes the
// result in a row of its own and then calls DropStaged; until then it may be
// called again and gives the same picture.
func (f *Files) RenderPicture(ctx context.Context, staged Hash) (Picture, error) {
	data, err := f.raw(ctx, staged, upload)
	if err != nil {
		return Picture{}, err
	}
	h, err := judge(data, true)
	if err != nil {
		return Picture{}, err
	}
	return f.render(ctx, data, h)
}

// DropStaged deletes a staged picture; none is not an error.
func (f *Files) DropStaged(ctx context.Context, staged Hash) error {
	err := f.remove(ctx, staged, upload)
	if fault.Is(err, "not_found") {
		return nil
	}
	return err
}

// take reads an upload. The first 64 kB are judged before a place in memory is
// asked for, so that refused pictures cost next to nothing.
func (f *Files) take(ctx context.Context, r io.Reader) ([]byte, header, func(), error) {
	var none header
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(r, head)
	whole := err == io.EOF || err == io.ErrUnexpectedEOF
	if err != nil && !whole {
		return nil, none, nil, err
	}
	head = head[:n]
	if _, err := judge(head, whole); err != nil && !errors.Is(err, errMore) {
		return nil, none, nil, err
	}
	if err := f.enter(ctx, f.reading); err != nil {
		return nil, none, nil, err
	}
	leave := func() { <-f.reading }
	data := head
	if !whole {
		if data, err = readAll(head, r, MaxUpload); err != nil {
			leave()
			return nil, none, nil, err
		}
	}
	h, err := judge(data, true)
	if err != nil {
		leave()
		return nil, none, nil, err
	}
	return data, h, leave, nil
}

func (f *Files) enter(ctx context.Context, room chan struct{}) error {
	t := time.NewTimer(f.wait)
	defer t.Stop()
	select {
	case room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return fault.Busy("pictures_busy", 10*time.Second)
	}
}

// judge reads the header and compares it with the bounds. With whole false it
// may return errMore.
func judge(b []byte, whole bool) (header, error) {
	h, err := readHeader(b)
	if errors.Is(err, errMore) {
		if whole {
			return h, damaged(err)
		}
		return h, err
	}
	if err != nil {
		return h, &fault.Error{Kind: fault.Unprocessable, Code: "picture_format", Cause: err}
	}
	if h.width < 1 || h.height < 1 {
		return h, damaged(errors.New("no area"))
	}
	if h.width > MaxSide || h.height > MaxSide || h.pixels() > MaxPixels || h.memory > maxMemory {
		return h, &fault.Error{Kind: fault.Unprocessable, Code: "picture_too_large",
			Args: map[string]any{"max_side": MaxSide, "max_megapixels": MaxPixels / 1_000_000}}
	}
	if whole && h.format == "jpeg" && scans(b) > maxScans {
		return h, damaged(errors.New("too many scans"))
	}
	return h, nil
}

func damaged(cause error) error {
	return &fault.Error{Kind: fault.Unprocessable, Code: "picture_damaged", Cause: cause}
}

// render decodes, scales, encodes and stores.
func (f *Files) render(ctx context.Context, data []byte, h header) (Picture, error) {
	if err := f.enter(ctx, f.decode); err != nil {
		return Picture{}, err
	}
	blobs, w, t, err := renditions(data, h)
	if h.memory > 64<<20 {
		debug.FreeOSMemory() // a rare, large heap should not stay with the process
	}
	<-f.decode
	if err != nil {
		return Picture{}, err
	}
	p := Picture{Hash: hashOf(blobs[len(blobs)-1]), Width: w, Height: t}
	out := map[string][]byte{}
	size := 0
	for i, b := range blobs {
		out[renditionKey(p.Hash, Widths[i])] = b
		size += len(b)
	}
	return p, f.put(ctx, row{hash: p.Hash, kind: picture, size: size, width: w, height: t}, out)
}

// renditions returns the JPEG files in the order of Widths, and the size of the
// largest.
func renditions(data []byte, h header) (blobs [][]byte, w, t int, err error) {
	src, err := decode(data, h)
	if err != nil {
		return nil, 0, 0, err
	}
	blobs = make([][]byte, len(Widths))
	turned := h.orientation >= 5
	var m *image.RGBA
	for i := len(Widths) - 1; i >= 0; i-- {
		if m == nil {
			sw, sh := src.Bounds().Dx(), src.Bounds().Dy()
			if turned {
				sw, sh = sh, sw
			}
			dw, dh := fit(sw, sh, Widths[i])
			if turned {
				dw, dh = dh, dw
			}
			m = upright(scale(src, dw, dh), h.orientation)
			src = nil
			w, t = m.Rect.Dx(), m.Rect.Dy()
		} else if dw, dh := fit(w, t, Widths[i]); dw != m.Rect.Dx() {
			m = scale(m, dw, dh)
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
			return nil, 0, 0, err
		}
		blobs[i] = b.Bytes()
	}
	return blobs, w, t, nil
}

// decode decodes with the decoder of the format that was judged, and holds it
// to the size that was judged. A panic in a decoder is a damaged picture.
func decode(data []byte, h header) (m image.Image, err error) {
	defer func() {
		if v := recover(); v != nil {
			m, err = nil, damaged(errors.New("decoder panicked: "+db.Fallen(v)))
		}
	}()
	r := bytes.NewReader(data)
	var cfg image.Config
	var read func(io.Reader) (image.Image, error)
	switch h.format {
	case "jpeg":
		read = jpeg.Decode
		cfg, err = jpeg.DecodeConfig(r)
	case "png":
		read = png.Decode
		cfg, err = png.DecodeConfig(r)
	case "gif":
		read = gif.Decode
		cfg, err = gif.DecodeConfig(r)
	case "webp":
		read = webp.Decode
		cfg, err = webp.DecodeConfig(r)
	}
	if err != nil {
		return nil, damaged(err)
	}
	if cfg.Width != h.width || cfg.Height != h.height {
		return nil, damaged(errors.New("header and decoder differ"))
	}
	m, err = read(bytes.NewReader(data))
	if err != nil {
		return nil, damaged(err)
	}
	if s := m.Bounds().Size(); s.X < 1 || s.Y < 1 || s.X > h.width || s.Y > h.height {
		return nil, damaged(errors.New("picture and header differ"))
	}
	return m, nil
}
