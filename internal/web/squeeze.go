package web

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// squeeze compresses a browse page for a visitor with a cart. Only routes with a
// CachePolicy come here: such pages differ from the anonymous one by the cart's
// count and hold no secret, so their length tells nothing worth knowing; a header
// field of random length blurs it all the same. Pages with tokens or personal data
// are never compressed, because they may also hold what the visitor typed.
func squeeze(h http.Header, r *Request, body []byte) []byte {
	h["Vary"] = []string{"Accept-Encoding, Cookie"}
	if !acceptsGzip(r.Header["Accept-Encoding"]) {
		return body
	}
	var out bytes.Buffer
	out.Grow(len(body)/3 + 128)
	z := squeezers.Get().(*gzip.Writer)
	defer squeezers.Put(z)
	z.Reset(&out)
	z.Comment = padding[:1+rand.IntN(len(padding)-1)]
	if _, err := z.Write(body); err != nil || z.Close() != nil {
		return body
	}
	h["Content-Encoding"] = []string{"gzip"}
	return out.Bytes()
}

var padding = strings.Repeat(".", 32)

var squeezers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, 4)
	if err != nil {
		panic(err) // the level is a constant
	}
	return z
}}

func acceptsGzip(lines []string) bool {
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			name, q, _ := strings.Cut(item, ";")
			if strings.TrimSpace(name) == "gzip" {
				q, zero := strings.CutPrefix(strings.ReplaceAll(q, " ", ""), "q=")
				return !zero || strings.Trim(q, "0.") != ""
			}
		}
	}
	return false
}
