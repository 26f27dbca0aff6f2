package secret

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Redacted holds a value that must not be printed: every verb of fmt, slog,
// JSON and text marshalling give [redacted]. The zero Redacted holds the zero
// value of T.
type Redacted[T any] struct {
	// A func, because fmt prints unexported fields by reflection, around Format, and
	// follows pointers under a wrong verb.
	v func() T
}

// Redact hides v.
func Redact[T any](v T) Redacted[T] { return Redacted[T]{func() T { return v }} }

// Reveal returns the value.
func (r Redacted[T]) Reveal() (v T) {
	if r.v != nil {
		v = r.v()
	}
	return
}

// Format prints [redacted] under every verb.
func (r Redacted[T]) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue is [redacted].
func (r Redacted[T]) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted], for JSON, TOML and the like.
func (r Redacted[T]) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Secret is a text that must not be printed: a password, a credential.
// Configuration may be read into it (UnmarshalText).
type Secret struct{ r Redacted[string] }

// Hide makes a Secret.
func Hide(s string) Secret { return Secret{Redact(s)} }

// Reveal returns the text.
func (s Secret) Reveal() string { return s.r.Reveal() }

// IsZero reports whether the text is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Format prints [redacted] under every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue is [redacted].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is [redacted].
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText takes the text.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = Hide(string(b))
	return nil
}
