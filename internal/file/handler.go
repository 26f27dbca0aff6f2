package file

import (
	"errors"
	"net/http"
	"regexp"
	"time"

	"kassavalv/internal/db"
)

var mediaPath = regexp.MustCompile(`^/media/([0-9a-f]{64})-(400|800|1600)\.jpg$`)

// Handler serves /media/{hash}-{width}.jpg, for GET and HEAD. Anything but the
// exact address of a stored picture, a query or an escaped letter included, is
// an empty 404. Such an address never changes its meaning, so it may be cached
// for a year by everyone.
func (f *Files) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
		none := func(status int) {
			h.Set("Cache-Control", "no-store")
			w.WriteHeader(status)
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			none(http.StatusMethodNotAllowed)
			return
		}
		m := mediaPath.FindStringSubmatch(r.URL.Path)
		if m == nil || r.URL.RawPath != "" || r.URL.RawQuery != "" {
			none(http.StatusNotFound)
			return
		}
		ok, err := db.Read(r.Context(), f.d, func(q *db.Reader) (bool, error) { return stored(q, Hash(m[1]), picture) })
		var b Blob
		if err == nil && ok {
			b, err = f.s.Get(r.Context(), m[1]+"-"+m[2]+".jpg")
		}
		switch {
		case err != nil && !errors.Is(err, ErrNoBlob):
			h.Set("Retry-After", "5")
			none(http.StatusServiceUnavailable)
			return
		case b == nil:
			none(http.StatusNotFound)
			return
		}
		defer b.Close()
		h.Set("Content-Type", "image/jpeg")
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin") // feeds and shared links show them elsewhere
		h.Set("ETag", `"`+m[1][:32]+"-"+m[2]+`"`)
		http.ServeContent(w, r, "", time.Time{}, b)
	})
}
