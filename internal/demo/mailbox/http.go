package mailbox

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/text/language"
)

//go:embed web
var webFS embed.FS

var pages = template.Must(template.ParseFS(webFS, "web/*.html"))

// Limits of GET /api/messages.
const (
	defaultLimit = 500
	maxLimit     = 5000
	pageLimit    = 200 // messages on the page
)

// routes is the mailbox's table of contents.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.showList)
	mux.HandleFunc("GET /messages/{id}", s.showMessage)
	mux.HandleFunc("GET /messages/{id}/html", s.showHTML)
	mux.HandleFunc("GET /messages/{id}/attachments/{n}", s.download)
	mux.HandleFunc("GET /mailbox.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, webFS, "web/mailbox.css")
	})
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /api/messages", s.apiList)
	mux.HandleFunc("DELETE /api/messages", s.apiDelete)
	mux.HandleFunc("GET /api/messages/{id}", s.apiGet)
	mux.HandleFunc("GET /api/messages/{id}/raw", s.apiRaw)
	mux.HandleFunc("GET /control/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Faults()) })
	mux.HandleFunc("POST /control/faults", s.setFaults)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { s.problem(w, errNoMessage) })
	// Another site's page must not empty the box in the visitor's name.
	return http.NewCrossOriginProtection().Handler(mux)
}

func harden(w http.ResponseWriter, csp string) {
	h := w.Header()
	h.Set("Content-Security-Policy", csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("mailbox: an answer cannot be encoded: " + err.Error()) // our own types
	}
	harden(w, "default-src 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the reader may have gone
}

// problem answers an error: a missing message, or one of the disk.
func (s *Server) problem(w http.ResponseWriter, err error) {
	if errors.Is(err, errNoMessage) {
		writeJSON(w, http.StatusNotFound, map[string]any{"status": 404, "code": "not_found"})
		return
	}
	s.log.Error("mailbox request failed", "err", err)
	writeJSON(w, http.StatusInternalServerError, map[string]any{"status": 500, "code": "internal"})
}

func unreadable(w http.ResponseWriter, detail string) {
	writeJSON(w, http.StatusBadRequest, map[string]any{"status": 400, "code": "unreadable", "detail": detail})
}

func (s *Server) apiList(w http.ResponseWriter, r *http.Request) {
	limit := defaultLimit
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxLimit {
			unreadable(w, "limit is 1 to 5000")
			return
		}
		limit = n
	}
	items, err := s.store.list(r.URL.Query().Get("to"), limit)
	if err != nil {
		s.problem(w, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"items": items})
}

func (s *Server) apiGet(w http.ResponseWriter, r *http.Request) {
	m, _, err := s.store.get(r.PathValue("id"))
	if err != nil {
		s.problem(w, err)
		return
	}
	writeJSON(w, http.StatusOK, m)
}

func (s *Server) apiRaw(w http.ResponseWriter, r *http.Request) {
	_, raw, err := s.store.raw(r.PathValue("id"))
	if err != nil {
		s.problem(w, err)
		return
	}
	s.sendFile(w, r.PathValue("id")+".eml", raw)
}

func (s *Server) apiDelete(w http.ResponseWriter, r *http.Request) {
	if err := s.store.remove(r.URL.Query().Get("to")); err != nil {
		s.problem(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) setFaults(w http.ResponseWriter, r *http.Request) {
	var f Faults
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		unreadable(w, err.Error())
		return
	}
	if err := s.SetFaults(f); err != nil {
		unreadable(w, err.Error())
		return
	}
	writeJSON(w, http.StatusOK, f)
}

func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	m, parts, err := s.store.get(r.PathValue("id"))
	if err != nil {
		s.problem(w, err)
		return
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 || n >= len(parts) {
		s.problem(w, errNoMessage)
		return
	}
	s.sendFile(w, m.Attachments[n].Name, parts[n])
}

// sendFile gives bytes of a stranger to save, never to show.
func (s *Server) sendFile(w http.ResponseWriter, name string, data []byte) {
	harden(w, "default-src 'none'; sandbox")
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": name})
	if disposition == "" {
		disposition = "attachment"
	}
	w.Header().Set("Content-Disposition", disposition)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data) // the reader may have gone
}

// showHTML is the message's HTML for the frame. Styles inside it are the
// sender's look and can reach nothing; all else is closed.
func (s *Server) showHTML(w http.ResponseWriter, r *http.Request) {
	m, _, err := s.store.get(r.PathValue("id"))
	if err != nil {
		s.problem(w, err)
		return
	}
	harden(w, "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, m.HTML)
}

// view is what the pages are made from.
type view struct {
	Lang     string
	To       string
	Messages []Message
	Message  *Message
	Missing  bool
}

// T returns the page's words in its language.
func (v view) T(key string) string { return word(v.Lang, key) }

// When writes a time for people, in the time zone of this machine.
func (v view) When(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// Size writes a number of bytes for people.
func (v view) Size(n int) string {
	if n < 1000 {
		return strconv.Itoa(n) + "\u00a0byte"
	}
	return strconv.Itoa((n+500)/1000) + "\u00a0kB"
}

var matcher = language.NewMatcher([]language.Tag{language.Swedish, language.English})

func pickLang(r *http.Request) string {
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return "sv"
	}
	if _, i, _ := matcher.Match(tags...); i == 1 {
		return "en"
	}
	return "sv"
}

func (s *Server) showList(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Query().Get("to")
	list, err := s.store.list(to, pageLimit)
	if err != nil {
		s.problem(w, err)
		return
	}
	s.render(w, http.StatusOK, "list.html", view{Lang: pickLang(r), To: to, Messages: list})
}

func (s *Server) showMessage(w http.ResponseWriter, r *http.Request) {
	m, _, err := s.store.get(r.PathValue("id"))
	if errors.Is(err, errNoMessage) {
		s.render(w, http.StatusNotFound, "list.html", view{Lang: pickLang(r), Missing: true})
		return
	}
	if err != nil {
		s.problem(w, err)
		return
	}
	s.render(w, http.StatusOK, "message.html", view{Lang: pickLang(r), Message: &m})
}

func (s *Server) render(w http.ResponseWriter, status int, name string, v view) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, v); err != nil {
		s.problem(w, err)
		return
	}
	harden(w, "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang)
	h.Set("Vary", "Accept-Language")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader may have gone
}
