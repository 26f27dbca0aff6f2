package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
)

// Component writes itself as HTML; templ's components are such.
type Component interface {
	Render(ctx context.Context, w io.Writer) error
}

// Refused is an error of the protocol itself, for which package fault has no kind.
type Refused struct {
	Status int    // 405, 408, 414, 415, 421
	Code   string // stable, as in a problem document
}

func (e *Refused) Error() string { return fmt.Sprintf("refused %d %s", e.Status, e.Code) }

// Refuse makes a Refused.
func Refuse(status int, code string) error { return &Refused{status, code} }

// ErrorView is what an error page may show. Nothing in it came from the request.
type ErrorView struct {
	Status     int
	Code       string // stable
	Title      string // a few words in the language of the request
	Text       string // a sentence or two that say what to do
	Ref        string // to name to customer service
	RetryAfter time.Duration
	Fault      *fault.Error // nil for internal errors
}

// view turns any error into what people may see, and says whether its cause is
// for the log.
func view(err error, l lang.Lang, ref string) (v ErrorView, internal bool) {
	v.Ref = ref
	var refused *Refused
	var tooBig *http.MaxBytesError
	var gone *db.Away
	f := fault.As(err)
	switch {
	case f != nil:
		v.Status, v.Code, v.Fault, v.RetryAfter = f.Kind.Status(), f.Code, f, f.RetryAfter
		internal = v.Status >= 500 && f.Cause != nil
	case errors.As(err, &refused):
		v.Status, v.Code = refused.Status, refused.Code
	case errors.As(err, &tooBig):
		v.Status, v.Code = http.StatusRequestEntityTooLarge, "too_large"
	case errors.As(err, &gone):
		// Nothing was stored; who asks again later is served.
		v.Status, v.Code, v.RetryAfter, internal = http.StatusServiceUnavailable, "readonly", 30*time.Second, true
		v.Title, v.Text = lang.T(l, "web.title.readonly"), lang.T(l, "fault.readonly", "time", lang.Clock(l, gone.Back(time.Now())))
		return v, internal
	case errors.Is(err, context.DeadlineExceeded):
		v.Status, v.Code, v.RetryAfter, internal = http.StatusServiceUnavailable, "busy", 5*time.Second, true
	default:
		v.Status, v.Code, internal = http.StatusInternalServerError, "internal", true
	}
	n := strconv.Itoa(v.Status)
	v.Title = words(l, "web.title."+n, "web.title.400", nil)
	if v.Status == http.StatusInternalServerError {
		v.Text = lang.T(l, "fault.ours", "id", ref)
		return v, internal
	}
	key, args := "fault."+v.Code, map[string]any(nil)
	if f != nil {
		key, args = f.SentenceKey(), f.Args
	}
	v.Text = words(l, key, "web.text."+n, args)
	return v, internal
}

// words is the sentence of key, or of the general one where the key is not known.
func words(l lang.Lang, key, general string, args map[string]any) string {
	if lang.Has(key) {
		return lang.TArgs(l, key, args)
	}
	if !lang.Has(general) {
		general = "web.text.400"
	}
	return lang.T(l, general)
}

// fail is the one place where an error becomes an answer.
func (m *Mux) fail(a *answer, r *Request, err error) {
	ctx := r.Context()
	if ctx.Err() != nil && a.status == 0 && fault.As(err) == nil && !errors.As(err, new(*Refused)) {
		// Nobody listens any more; the record says so.
		panic(http.ErrAbortHandler)
	}
	v, internal := view(err, r.Lang, r.ID)
	if internal {
		a.cause = err
	}
	if a.status != 0 {
		// Half an answer must not look like a whole one.
		if !internal {
			a.cause = fmt.Errorf("error after the answer began: %w", err)
		}
		panic(http.ErrAbortHandler)
	}
	h := a.Header()
	for name := range h {
		if name != "Set-Cookie" && name != "Allow" && name != "Www-Authenticate" {
			delete(h, name)
		}
	}
	setBaseline(h, m.hsts, m.deps.NoIndex)
	if v.RetryAfter > 0 || v.Status == http.StatusTooManyRequests || v.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(max(1, int((v.RetryAfter+time.Second-1)/time.Second))))
	}
	if r.ProtoMajor == 1 && r.ContentLength != 0 && !a.bodyRead {
		// What is left of the body is not worth reading; without this net/http would
		// wait for some of it before it lets the answer go.
		h.Set("Connection", "close")
	}
	if m.wantsProblem(r) {
		m.problem(a, r, v)
		return
	}
	m.errorPage(a, r, v)
}

func (m *Mux) wantsProblem(r *Request) bool {
	if r.Route != nil {
		return r.Route.Face == Endpoint || r.Route.Face == Callback
	}
	return r.URL.Path == "/api" || strings.HasPrefix(strings.ToLower(r.URL.Path), "/api/")
}

type problemField struct {
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// problem writes an RFC 9457 document.
func (m *Mux) problem(a *answer, r *Request, v ErrorView) {
	if r.Route == nil {
		if al := r.Header.Get("Accept-Language"); al != "" {
			l := lang.Match(al)
			v.Title = words(l, "web.title."+strconv.Itoa(v.Status), "web.title.400", nil)
			v.Text = words(l, "fault."+v.Code, "web.text."+strconv.Itoa(v.Status), nil)
		}
	}
	doc := map[string]any{}
	if v.Fault != nil {
		maps.Copy(doc, v.Fault.Extra)
		if len(v.Fault.Fields) > 0 {
			list := make([]problemField, 0, len(v.Fault.Fields))
			for _, f := range v.Fault.Fields {
				list = append(list, problemField{f.Pointer, f.Code, words(r.Lang, f.SentenceKey(), "web.field", f.Args)})
			}
			doc["errors"] = list
		}
	}
	doc["type"] = "urn:kassavalv:problem:" + v.Code
	doc["title"] = v.Title
	doc["status"] = v.Status
	doc["detail"] = v.Text
	doc["code"] = v.Code
	if v.Status >= 500 {
		doc["reference"] = v.Ref
	}
	body, err := json.Marshal(doc)
	if err != nil {
		a.cause = err
		body = []byte(`{"type":"urn:kassavalv:problem:internal","title":"","status":500,"code":"internal"}`)
		v.Status = http.StatusInternalServerError
	}
	h := a.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Language", string(r.Lang))
	if v.Status == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", "Bearer")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	a.WriteHeader(v.Status)
	if r.Method != http.MethodHead {
		_, _ = a.Write(body)
	}
}

// errorPage writes the HTML of an error: the injected page, or plain words.
func (m *Mux) errorPage(a *answer, r *Request, v ErrorView) {
	var b bytes.Buffer
	if m.deps.ErrorPage != nil {
		if err := m.renderError(&b, r, v); err != nil {
			b.Reset()
			if a.cause == nil {
				a.cause = fmt.Errorf("error page: %w", err)
			}
		}
	}
	if b.Len() == 0 {
		plainError(&b, r, v)
	}
	h := a.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(r.Lang))
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	a.WriteHeader(v.Status)
	if r.Method != http.MethodHead {
		_, _ = a.Write(b.Bytes())
	}
}

func (m *Mux) renderError(w io.Writer, r *Request, v ErrorView) (err error) {
	defer recovered(&err)
	c := *r
	ctx, cancel := context.WithTimeout(context.WithValue(context.WithoutCancel(r.Context()), requestKey{}, &c), 2*time.Second)
	defer cancel()
	c.Request = r.Request.WithContext(ctx)
	page := m.deps.ErrorPage(&c, v)
	if page == nil {
		return errors.New("no page")
	}
	return page.Render(ctx, w)
}

// plainError needs nothing but words.
func plainError(w io.Writer, r *Request, v ErrorView) {
	fmt.Fprintf(w, "<!doctype html><html lang=\"%s\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"+
		"<title>%s</title></head><body><main><h1>%s</h1><p>%s</p><p><a href=\"%s\">%s</a></p></main></body></html>",
		r.Lang, html.EscapeString(v.Title), html.EscapeString(v.Title), html.EscapeString(v.Text),
		html.EscapeString(r.Here("/")), html.EscapeString(lang.T(r.Lang, "web.home")))
}
