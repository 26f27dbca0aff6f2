package web

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"kassavalv/internal/fault"
)

// Values are the fields of a form or query that passed the walls: known names,
// valid UTF-8, no control bytes but tab and line feed (CR LF became LF).
type Values map[string][]string

// Get returns the value of a field, "" when it was not sent.
func (v Values) Get(name string) string {
	if list := v[name]; len(list) > 0 {
		return list[0]
	}
	return ""
}

// All returns all values of a field declared as repeatable.
func (v Values) All(name string) []string { return v[name] }

// Has reports whether the field was sent.
func (v Values) Has(name string) bool { return len(v[name]) > 0 }

// Prefixed returns the fields declared as "prefix.", by the rest of their names.
func (v Values) Prefixed(prefix string) map[string]string {
	out := map[string]string{}
	for name, list := range v {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" && len(list) > 0 {
			out[rest] = list[0]
		}
	}
	return out
}

// Bounds of forms and queries.
const (
	maxFields     = 300
	maxFieldName  = 128
	maxFieldValue = 32 << 10
	maxRepeats    = 100
	maxRawQuery   = 8 << 10
)

// ReadForm reads a url-encoded body. The names are all the fields the form has:
//
//	"email"     may come once
//	"tag*"      may come up to 100 times
//	"quantity." is a prefix: "quantity.17", each once
//
// An unknown name is 400 `unknown_field`, a second value 400 `duplicate_field`,
// another content type 415, too much 413.
func (r *Request) ReadForm(names ...string) (Values, error) {
	if err := wantType(r.Request, "application/x-www-form-urlencoded"); err != nil {
		return nil, err
	}
	limit := r.bodyLimit()
	b, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, bodyError(err)
	}
	if int64(len(b)) > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	v := reader{names: names, strict: true}
	if err := v.encoded(string(b)); err != nil {
		return nil, err
	}
	return v.values(), nil
}

// ReadQuery reads the query. Unknown names are ignored on pages (links carry
// campaign marks) and refused on endpoints; second values are always refused.
func (r *Request) ReadQuery(names ...string) (Values, error) {
	if len(r.URL.RawQuery) > maxRawQuery {
		return nil, Refuse(http.StatusRequestURITooLong, "uri_too_long")
	}
	v := reader{names: names, strict: r.Route != nil && r.Route.Face == Endpoint}
	if err := v.encoded(r.URL.RawQuery); err != nil {
		return nil, err
	}
	return v.values(), nil
}

func (r *Request) bodyLimit() int64 {
	if r.Route != nil && r.Route.Body > 0 {
		return r.Route.Body
	}
	return DefaultBody
}

// wantType refuses a body of another media type. No body needs no type.
func wantType(r *http.Request, want string) error {
	ct := r.Header.Get("Content-Type")
	if ct == "" && (r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0) {
		return nil
	}
	got, _, err := mime.ParseMediaType(ct)
	if err != nil || got != want {
		return Refuse(http.StatusUnsupportedMediaType, "unsupported_type")
	}
	return nil
}

// reader collects fields within the bounds.
type reader struct {
	names  []string
	strict bool
	got    Values
	count  int
}

func (v *reader) values() Values {
	if v.got == nil {
		return Values{}
	}
	return v.got
}

func (v *reader) encoded(raw string) error {
	for raw != "" {
		var item string
		item, raw, _ = strings.Cut(raw, "&")
		if item == "" {
			continue
		}
		if strings.Contains(item, ";") {
			return fault.Bad("unreadable") // another separator for another parser
		}
		rawName, rawValue, _ := strings.Cut(item, "=")
		name, err1 := url.QueryUnescape(rawName)
		value, err2 := url.QueryUnescape(rawValue)
		if err1 != nil || err2 != nil {
			return fault.Bad("unreadable")
		}
		if err := v.add(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (v *reader) add(name, value string) error {
	if v.count++; v.count > maxFields {
		return &fault.Error{Kind: fault.TooLarge, Code: "too_many_fields"}
	}
	if len(name) > maxFieldName || !plainText(name) {
		return fault.Bad("unreadable")
	}
	known, repeats := declared(name, v.names)
	if !known {
		if v.strict {
			return badField("unknown_field", name)
		}
		return nil
	}
	if len(value) > maxFieldValue {
		return &fault.Error{Kind: fault.TooLarge, Code: "too_large"}
	}
	value, ok := cleanText(value)
	if !ok {
		return badField("unreadable", name)
	}
	if n := len(v.got[name]); n > 0 && (!repeats || n >= maxRepeats) {
		return badField("duplicate_field", name)
	}
	if v.got == nil {
		v.got = Values{}
	}
	v.got[name] = append(v.got[name], value)
	return nil
}

func declared(name string, names []string) (known, repeats bool) {
	for _, n := range names {
		switch {
		case n == name && !strings.HasSuffix(n, "."):
			return true, false
		case strings.HasSuffix(n, "*") && n[:len(n)-1] == name:
			return true, true
		case strings.HasSuffix(n, ".") && len(name) > len(n) && strings.HasPrefix(name, n):
			return true, false
		}
	}
	return false, false
}

// badField is a 400 that names the field by its pointer. A name that nobody
// declared is the sender's own text: it is shown cut short, as text.
func badField(code, name string) error {
	return &fault.Error{Kind: fault.Malformed, Code: code, Fields: []fault.Field{{Pointer: "/" + pointerEscape(clip(name, 64)), Code: code}}}
}

func pointerEscape(s string) string {
	s = strings.ToValidUTF8(s, "")
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

func plainText(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

// cleanText refuses what no keyboard sends and writes line ends in one way.
func cleanText(s string) (string, bool) {
	if strings.Contains(s, "\r") {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 && s[i] != '\n' && s[i] != '\t' || s[i] == 0x7f {
			return "", false
		}
	}
	return s, utf8.ValidString(s)
}
