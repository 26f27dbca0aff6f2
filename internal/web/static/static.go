package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed css/*.css fonts/*.woff2 fonts/*.txt app.js passkey.js icons.svg mark.svg
var files embed.FS

// Prefix is where the files live: the handler wants requests with their full path.
const Prefix = "/static/"

type asset struct {
	name  string // public name with hash, without Prefix
	mime  string
	plain []byte
	gz    func() []byte // gives nil when it would not be smaller
	etag  string
}

// The sheets and the parts each is made of, in order.
var sheets = map[string][]string{
	"storefront.css": {"tokens", "base", "components", "storefront", "print"},
	"admin.css":      {"tokens", "base", "components", "admin", "print"},
}

var (
	byName   = map[string]*asset{} // "storefront.css"
	byPublic = map[string]*asset{} // "storefront.3f9c….css"
)

func init() {
	add("text.woff2", "font/woff2", read("fonts/text.woff2"), false)
	add("display.woff2", "font/woff2", read("fonts/display.woff2"), false)
	add("text-OFL.txt", "text/plain; charset=utf-8", read("fonts/text-OFL.txt"), true)
	add("display-OFL.txt", "text/plain; charset=utf-8", read("fonts/display-OFL.txt"), true)
	add("icons.svg", "image/svg+xml", read("icons.svg"), true)
	add("mark.svg", "image/svg+xml", read("mark.svg"), true)
	add("app.js", "text/javascript; charset=utf-8", read("app.js"), true)
	add("passkey.js", "text/javascript; charset=utf-8", read("passkey.js"), true)
	names := make([]string, 0, len(sheets))
	for n := range sheets {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		var b bytes.Buffer
		for _, part := range sheets[n] {
			b.Write(read("css/" + part + ".css"))
		}
		add(n, "text/css; charset=utf-8", squeeze(b.Bytes()), true)
	}
}

func read(name string) []byte {
	b, err := files.ReadFile(name)
	if err != nil {
		panic("static: " + err.Error()) // embedded: cannot fail in a build that compiled
	}
	return b
}

func add(name, mime string, body []byte, compress bool) {
	sum := sha256.Sum256(body)
	h := hex.EncodeToString(sum[:6])
	ext := path.Ext(name)
	a := &asset{name: strings.TrimSuffix(name, ext) + "." + h + ext, mime: mime, plain: body, etag: `"` + h + `"`, gz: func() []byte { return nil }}
	if compress {
		// Who asks first waits two milliseconds; commands that serve nobody pay nothing.
		a.gz = sync.OnceValue(func() []byte { return packGzip(body) })
	}
	byName[name], byPublic[a.name] = a, a
}

// URL is the address of a file: URL("storefront.css") is
// "/static/storefront.1a2b3c4d5e6f.css". It panics for a name that is not there:
// that is a mistake in a template and every test that renders it finds it.
func URL(name string) string {
	a, ok := byName[name]
	if !ok {
		panic("static: no such file: " + name)
	}
	return Prefix + a.name
}

// Size is the size of a file in bytes, plain and gzipped, for tests and reports.
func Size(name string) (plain, gzipped int) {
	a := byName[name]
	if a == nil {
		return 0, 0
	}
	if gz := a.gz(); gz != nil {
		return len(a.plain), len(gz)
	}
	return len(a.plain), len(a.plain)
}

// Handler serves the files at Prefix. Unknown names are 404; a name with an old
// hash is unknown.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		name, ok := strings.CutPrefix(r.URL.Path, Prefix)
		a := byPublic[name]
		if !ok || a == nil {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.mime)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Vary", "Accept-Encoding")
		body, tag := a.plain, a.etag
		if takesGzip(r.Header.Get("Accept-Encoding")) && a.gz() != nil {
			body, tag = a.gz(), strings.TrimSuffix(a.etag, `"`)+`-g"`
			h.Set("Content-Encoding", "gzip")
		}
		h.Set("ETag", tag)
		if h.Get("Content-Encoding") != "" {
			if match := r.Header.Get("If-None-Match"); match != "" && strings.Contains(match, tag) {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			h.Set("Content-Length", strconv.Itoa(len(body)))
			w.WriteHeader(http.StatusOK)
			if r.Method == http.MethodGet {
				_, _ = w.Write(body)
			}
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}

// takesGzip reads an Accept-Encoding header; q=0 refuses.
func takesGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
			return !ok || strings.Trim(q, "0.") != ""
		}
	}
	return false
}

func packGzip(b []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = w.Write(b)
	_ = w.Close()
	if out.Len() >= len(b) {
		return nil
	}
	return out.Bytes()
}

var (
	comment = regexp.MustCompile(`(?s)/\*.*?\*/`)
	spaces  = regexp.MustCompile(`\s+`)
	around  = regexp.MustCompile(`\s*([{};,])\s*`)
	fontURL = regexp.MustCompile(`url\(fonts/([a-z]+\.woff2)\)`)
)

// squeeze takes comments and needless space out of our own CSS (which holds no
// strings with braces or semicolons) and puts the faces' hashed names in.
func squeeze(b []byte) []byte {
	b = comment.ReplaceAll(b, nil)
	b = spaces.ReplaceAll(b, []byte(" "))
	b = around.ReplaceAll(b, []byte("$1"))
	b = bytes.ReplaceAll(b, []byte(";}"), []byte("}"))
	return fontURL.ReplaceAllFunc(bytes.TrimSpace(b), func(m []byte) []byte {
		return []byte("url(" + URL(string(fontURL.FindSubmatch(m)[1])) + ")")
	})
}
