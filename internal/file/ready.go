package file

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
)

// PutReady stores a picture whose renditions this program made itself, in the
// order of Widths: the demo's drawings, rendered when the program was built. They
// are kept byte for byte; nothing that came from outside may enter here.
func (f *Files) PutReady(ctx context.Context, renditions [][]byte) (Picture, error) {
	if len(renditions) != len(Widths) {
		return Picture{}, errors.New("file: a ready picture has one rendition for each width")
	}
	largest := renditions[len(renditions)-1]
	c, err := jpeg.DecodeConfig(bytes.NewReader(largest))
	if err != nil {
		return Picture{}, err
	}
	p := Picture{Hash: hashOf(largest), Width: c.Width, Height: c.Height}
	out, size := map[string][]byte{}, 0
	for i, b := range renditions {
		out[renditionKey(p.Hash, Widths[i])] = b
		size += len(b)
	}
	return p, f.put(ctx, row{hash: p.Hash, kind: picture, size: size, width: p.Width, height: p.Height}, out)
}
