package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/lang"
)

// HTML writes a page. It is rendered whole before the first byte leaves, so
// that an error can still become an error page.
func HTML(w http.ResponseWriter, r *Request, status int, c Component) error {
	var b bytes.Buffer
	b.Grow(16 << 10)
	if err := c.Render(r.Context(), &b); err != nil {
		return fmt.Errorf("render: %w", err)
	}
	h := w.Header()
	h["Content-Type"] = htmlType
	h["Content-Language"] = []string{string(r.Lang)}
	body := b.Bytes()
	if r.Route != nil && r.Route.Cache != nil && r.keep == nil && len(body) > 1400 {
		body = squeeze(h, r, body)
	}
	return send(w, r, status, body)
}

var htmlType = []string{"text/html; charset=utf-8"}

// JSON writes v as a JSON document.
func JSON(w http.ResponseWriter, r *Request, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header()["Content-Type"] = []string{"application/json"}
	return send(w, r, status, body)
}

// Bytes writes bytes of a type that no browser runs: text/plain, application/xml,
// text/csv, application/pdf, image/*.
func Bytes(w http.ResponseWriter, r *Request, status int, contentType string, body []byte) error {
	w.Header().Set("Content-Type", contentType)
	return send(w, r, status, body)
}

// NoContent answers 204.
func NoContent(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Attach makes the answer a download under a name. The name is reduced to letters,
// digits, dot, dash and underscore.
func Attach(w http.ResponseWriter, name string) {
	clean := strings.Map(func(c rune) rune {
		if c < 0x80 && (unreserved(byte(c)) && c != '~' || c == '.') {
			return c
		}
		return '-'
	}, name)
	clean = strings.TrimLeft(clip(clean, 100), ".")
	if clean == "" {
		clean = "download"
	}
	h := w.Header()
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": clean}))
	h.Set("Content-Security-Policy", InertCSP)
}

func send(w http.ResponseWriter, r *Request, status int, body []byte) error {
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		// A peer that went away is not an error of the shop.
		_, _ = w.Write(body)
	}
	return nil
}

// SeeOther answers a form: 303 to a path of the shop, put into the language of
// the request unless it has a prefix already. A path that is not local is an internal error, never a redirect.
func SeeOther(w http.ResponseWriter, r *Request, path string) error {
	return redirect(w, r, http.StatusSeeOther, path)
}

// Moved is 301 to a path of the shop (a renamed handle). Kept by nobody but as
// long as Cache-Control says.
func Moved(w http.ResponseWriter, r *Request, path string) error {
	return redirect(w, r, http.StatusMovedPermanently, path)
}

func redirect(w http.ResponseWriter, r *Request, status int, path string) error {
	if !LocalPath(path) {
		return fmt.Errorf("web: redirect to what is no path of the shop (%d bytes)", len(path))
	}
	if l, _ := lang.Split(strings.SplitN(path, "?", 2)[0]); l == lang.SV {
		path = r.Here(path)
	}
	w.Header()["Location"] = []string{path}
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(status)
	return nil
}

// SeeElsewhere is 303 to an absolute address that the handler took from
// configuration or from a provider's answer, never from the request.
func SeeElsewhere(w http.ResponseWriter, address string) error {
	if !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://") || strings.ContainsAny(address, " \t\r\n\x00\\") {
		return fmt.Errorf("web: redirect to what is no absolute address (%d bytes)", len(address))
	}
	w.Header()["Location"] = []string{address}
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// Immutable lets everybody keep the answer for a year: only for addresses that
// hold a hash of the content.
func Immutable(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
}

// Revalidate lets browsers keep the answer but ask each time (with an ETag).
func Revalidate(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-cache") }

// NotModified sets the ETag and reports whether the caller has this version
// already; then it has answered 304 and the handler returns nil. The tag is the
// bare word without quotes.
func NotModified(w http.ResponseWriter, r *Request, tag string) bool {
	quoted := `"` + tag + `"`
	w.Header()["Etag"] = []string{quoted}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if !tagMatches(r.Header["If-None-Match"], quoted) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// tagMatches compares weakly, as RFC 9110 section 13.1.2 says.
func tagMatches(lines []string, quoted string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			part = strings.TrimSpace(part)
			if part == "*" || strings.TrimPrefix(part, "W/") == quoted {
				return true
			}
		}
	}
	return false
}

// NotModifiedSince is NotModified for files that have a time only.
func NotModifiedSince(w http.ResponseWriter, r *Request, changed time.Time) bool {
	w.Header().Set("Last-Modified", changed.UTC().Format(http.TimeFormat))
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	if err != nil || r.Header.Get("If-None-Match") != "" || changed.Truncate(time.Second).After(since) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}
