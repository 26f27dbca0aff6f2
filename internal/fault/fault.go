// Package fault holds the errors that are made for people: a kind (which maps
// to an HTTP status), a stable code for programs, and a key of a sentence in
// package lang. Any other error is internal and reaches nobody but the log.
package fault

import (
	"errors"
	"time"
)

// Kind says what went wrong in a way every face can translate.
type Kind int

// Kinds and the HTTP status each becomes.
const (
	Malformed       Kind = iota + 1 // 400 unreadable, unknown or duplicate field
	Unauthenticated                 // 401
	Forbidden                       // 403
	Missing                         // 404, also for what is not yours
	Clash                           // 409
	TooLarge                        // 413
	Unprocessable                   // 422
	TooManyKind                     // 429
	Unavailable                     // 503
)

// Status is the HTTP status of k; 500 for an unknown kind.
func (k Kind) Status() int {
	switch k {
	case Malformed:
		return 400
	case Unauthenticated:
		return 401
	case Forbidden:
		return 403
	case Missing:
		return 404
	case Clash:
		return 409
	case TooLarge:
		return 413
	case Unprocessable:
		return 422
	case TooManyKind:
		return 429
	case Unavailable:
		return 503
	}
	return 500
}

// Field is what is wrong with one value of the input. Pointer is a JSON
// pointer ("/address/postal_code"); forms use the same names joined the same way.
type Field struct {
	Pointer string
	Code    string         // stable, e.g. "required", "too_long", "bad_postal_code"
	Key     string         // key of the sentence; empty means "field." + Code
	Args    map[string]any // placeholders of the sentence
}

// Error is an error made for people.
type Error struct {
	Kind       Kind
	Code       string         // stable code of the surface, e.g. "out_of_stock"
	Key        string         // key of the sentence; empty means "fault." + Code
	Args       map[string]any // placeholders of the sentence
	Fields     []Field
	RetryAfter time.Duration  // with TooManyKind and Unavailable
	Extra      map[string]any // members added to the problem document, e.g. "cart"
	Cause      error          // for the log only
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return "fault " + e.Code + ": " + e.Cause.Error()
	}
	if len(e.Fields) > 0 {
		return "fault " + e.Code + " at " + e.Fields[0].Pointer + ": " + e.Fields[0].Code
	}
	return "fault " + e.Code
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// SentenceKey is the lang key of the whole error.
func (e *Error) SentenceKey() string {
	if e.Key != "" {
		return e.Key
	}
	return "fault." + e.Code
}

// SentenceKey is the lang key of the field's error.
func (f Field) SentenceKey() string {
	if f.Key != "" {
		return f.Key
	}
	return "field." + f.Code
}

// As returns the *Error inside err, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Is reports whether err is a fault with this code.
func Is(err error, code string) bool {
	e := As(err)
	return e != nil && e.Code == code
}

// Invalid is a 422 naming each wrong field.
func Invalid(fields ...Field) *Error {
	return &Error{Kind: Unprocessable, Code: "invalid", Fields: fields}
}

// NotFound is the uniform 404; it never says whether the thing exists for others.
func NotFound() *Error { return &Error{Kind: Missing, Code: "not_found"} }

// Denied is a 403.
func Denied() *Error { return &Error{Kind: Forbidden, Code: "denied"} }

// SignIn is a 401.
func SignIn() *Error { return &Error{Kind: Unauthenticated, Code: "unauthenticated"} }

// Conflict is a 409 with a stable code.
func Conflict(code string) *Error { return &Error{Kind: Clash, Code: code} }

// Bad is a 400 with a stable code.
func Bad(code string) *Error { return &Error{Kind: Malformed, Code: code} }

// TooMany is a 429.
func TooMany(after time.Duration) *Error {
	return &Error{Kind: TooManyKind, Code: "too_many", RetryAfter: after}
}

// Busy is a 503 with a stable code.
func Busy(code string, after time.Duration) *Error {
	return &Error{Kind: Unavailable, Code: code, RetryAfter: after}
}

// Fields collects field errors; use Err at the end.
type Fields []Field

// Add appends one field error.
func (f *Fields) Add(pointer, code string, kv ...any) {
	var args map[string]any
	for i := 0; i+1 < len(kv); i += 2 {
		if args == nil {
			args = map[string]any{}
		}
		args[kv[i].(string)] = kv[i+1]
	}
	*f = append(*f, Field{Pointer: pointer, Code: code, Args: args})
}

// Err is nil when nothing was added.
func (f Fields) Err() error {
	if len(f) == 0 {
		return nil
	}
	return Invalid(f...)
}
