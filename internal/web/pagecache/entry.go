package pagecache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Entry is a page ready to be written. Its bytes are never changed.
type Entry struct {
	key    Key
	status int
	header []pair
	body   [encodings]variant
	hash   string
	until  time.Time
	tags   []string
	kept   bool
	dead   atomic.Bool
}

type pair struct {
	name  string
	value []string
}

type variant struct {
	bytes  []byte
	length []string
	tag    []string
	coding []string
}

const (
	identity = iota
	gzipped
	encodings
)

// small pages gain nothing from compression.
const small = 512

var (
	revalidate = []string{"no-cache"}
	vary       = []string{"Accept-Encoding, Cookie"}
	codings    = [encodings][]string{gzipped: {"gzip"}}
	suffixes   = [encodings]string{gzipped: "-g"}
)

func (e *Entry) weight(k Key) uint32 {
	n := 1024 + len(k.Path) + len(k.Query)
	for i := range e.body {
		n += len(e.body[i].bytes)
	}
	return uint32(min(n, 1<<31))
}

func pairs(h http.Header) []pair {
	ps := make([]pair, 0, len(h))
	for name, value := range h {
		switch name {
		case "Set-Cookie", "Content-Length", "Content-Encoding", "Etag", "Vary":
		default:
			ps = append(ps, pair{name, value})
		}
	}
	return ps
}

// passing is an answer for those who wait now; nothing is stored or compressed.
func passing(p Page) *Entry {
	e := &Entry{status: p.Status, header: pairs(p.Header)}
	if c := p.Header["Set-Cookie"]; p.Alone && c != nil {
		e.header = append(e.header, pair{"Set-Cookie", c})
	}
	e.body[identity] = variant{bytes: p.Body, length: []string{strconv.Itoa(len(p.Body))}}
	return e
}

// compile makes an entry to keep.
func (c *Cache) compile(p Page) *Entry {
	e := &Entry{status: p.Status, header: pairs(p.Header), tags: p.Tags, kept: true}
	now := c.now()
	e.until = now.Add(c.maxAge)
	if !p.Until.IsZero() && p.Until.Before(e.until) {
		e.until = p.Until
	}
	control := revalidate
	if c.shared > 0 {
		if age := min(c.shared, e.until.Sub(now)); age >= time.Second {
			control = []string{"max-age=0, must-revalidate, s-maxage=" + strconv.Itoa(int(age/time.Second))}
		}
	}
	e.header = append(e.header, pair{"Cache-Control", control}, pair{"Vary", vary})
	sum := sha256.Sum256(p.Body)
	e.hash = hex.EncodeToString(sum[:12])
	bodies := [encodings][]byte{identity: bytes.Clone(p.Body)}
	if len(p.Body) >= small {
		bodies[gzipped] = compressGzip(p.Body) // zstd is a percent smaller on the largest pages, larger on the others
	}
	for i, b := range bodies {
		if b == nil || i != identity && len(b) >= len(p.Body) {
			continue
		}
		e.body[i] = variant{bytes: b, length: []string{strconv.Itoa(len(b))},
			tag: []string{`"` + e.hash + suffixes[i] + `"`}, coding: codings[i]}
	}
	return e
}

func compressGzip(b []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, 6)
	if err != nil {
		return nil
	}
	if _, err := w.Write(b); err != nil || w.Close() != nil {
		return nil
	}
	return out.Bytes()
}

// WriteTo answers with the entry: the best encoding the client takes, or 304.
func (e *Entry) WriteTo(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for i := range e.header {
		h[e.header[i].name] = e.header[i].value
	}
	v := &e.body[identity]
	if e.kept {
		if accepted := r.Header["Accept-Encoding"]; len(accepted) > 0 {
			v = e.choose(accepted)
		}
		h["Etag"] = v.tag
		if v.coding != nil {
			h["Content-Encoding"] = v.coding
		}
		for _, known := range r.Header["If-None-Match"] {
			if strings.Contains(known, e.hash) || known == "*" {
				delete(h, "Content-Encoding")
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
	}
	h["Content-Length"] = v.length
	w.WriteHeader(e.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(v.bytes) // a peer that went away is no error
	}
}

func (e *Entry) choose(accepted []string) *variant {
	best := identity
	for _, line := range accepted {
		for line != "" {
			var item string
			if i := strings.IndexByte(line, ','); i >= 0 {
				item, line = line[:i], line[i+1:]
			} else {
				item, line = line, ""
			}
			name, param, _ := strings.Cut(item, ";")
			which := identity
			if strings.TrimSpace(name) == "gzip" {
				which = gzipped
			}
			if which > best && e.body[which].bytes != nil && !refused(param) {
				best = which
			}
		}
	}
	return &e.body[best]
}

// refused reports whether the parameter is a quality of zero.
func refused(param string) bool {
	if param == "" {
		return false
	}
	q, ok := strings.CutPrefix(strings.ReplaceAll(param, " ", ""), "q=")
	return ok && strings.Trim(q, "0.") == ""
}
