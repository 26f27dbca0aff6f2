package storefront

import (
	"net/http"
	"strings"

	"kassavalv/internal/fault"
	"kassavalv/internal/web"
	"kassavalv/internal/web/static"
)

var staticFiles = static.Handler()

// static is "/static/{file}": style sheets, faces, icons and the script.
func (s *Store) static(w http.ResponseWriter, r *web.Request) error {
	staticFiles.ServeHTTP(w, r.Request)
	return nil
}

// media is "/media/{file}": pictures by their content.
func (s *Store) media(w http.ResponseWriter, r *web.Request) error {
	if s.Files == nil {
		return fault.NotFound()
	}
	s.Files.Handler().ServeHTTP(w, r.Request)
	return nil
}

// favicon is where browsers look by habit.
func (s *Store) favicon(w http.ResponseWriter, r *web.Request) error {
	return web.Moved(w, r, static.URL("mark.svg"))
}

// closed are the paths that are of no use to search engines; what must be kept
// from them is protected by more than a wish.
var closed = []string{"/cart", "/checkout", "/purchases/", "/orders/", "/cases/", "/withdraw", "/account", "/login", "/search", "/admin", "/api/", "/hooks/"}

// robots is "/robots.txt".
func (s *Store) robots(w http.ResponseWriter, r *web.Request) error {
	var b strings.Builder
	b.WriteString("User-agent: *\n")
	if s.Hidden {
		return web.Bytes(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte(b.String()+"Disallow: /\n"))
	}
	for _, p := range closed {
		b.WriteString("Disallow: " + p + "\n")
		if p != "/admin" && p != "/api/" && p != "/hooks/" {
			b.WriteString("Disallow: /en" + p + "\n")
		}
	}
	b.WriteString("\nSitemap: " + s.Origin + "/sitemap.xml\n")
	w.Header().Set("Cache-Control", "no-cache")
	return web.Bytes(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte(b.String()))
}
