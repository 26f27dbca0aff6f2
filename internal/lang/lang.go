package lang

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/money"
)

// Lang is a language the shop speaks: SV or EN.
type Lang string

// The languages. Swedish is the default everywhere.
const (
	SV Lang = "sv"
	EN Lang = "en"
)

// All lists the languages, the default first.
var All = []Lang{SV, EN}

// Or returns l if it is a language of the shop, otherwise Swedish.
func (l Lang) Or() Lang {
	if l == EN {
		return EN
	}
	return SV
}

// Other returns the other language: the one a switch leads to.
func (l Lang) Other() Lang {
	if l == EN {
		return SV
	}
	return EN
}

// Path puts a path of the shop into language l: "/cart" is "/en/cart" in
// English. The path must begin with "/" and carry no language prefix; anything
// else (an absolute URL, a fragment) comes back unchanged.
func Path(l Lang, path string) string {
	if l != EN || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return path
	}
	if path == "/" {
		return "/en"
	}
	return "/en" + path
}

// Split takes the language prefix off a request path: "/en/cart" is (EN, "/cart"),
// "/en" is (EN, "/"), "/cart" is (SV, "/cart").
func Split(path string) (Lang, string) {
	if path == "/en" {
		return EN, "/"
	}
	if rest, ok := strings.CutPrefix(path, "/en/"); ok {
		return EN, "/" + rest
	}
	return SV, path
}

var missing atomic.Uint64

// Missing is how many times a key or a plural form was asked for and not there,
// since start. A shop in order shows 0.
func Missing() uint64 { return missing.Load() }

func lost(key string) string {
	if testing.Testing() {
		panic("lang: no such key: " + key)
	}
	missing.Add(1)
	return key
}

// Has reports whether key exists.
func Has(key string) bool { _, ok := catalogue[key]; return ok }

// Keys returns every key, unordered.
func Keys() []string {
	ks := make([]string, 0, len(catalogue))
	for k := range catalogue {
		ks = append(ks, k)
	}
	return ks
}

// T returns the sentence of key in l. kv are pairs of placeholder name and value:
// T(l, "buy.commit", "total", m). A money.Money is written by Money, a whole
// number by Number, a time.Time by DateTime, anything else by fmt. A placeholder
// without a value stays as it is, braces and all, so that a test sees it.
func T(l Lang, key string, kv ...any) string {
	e, ok := catalogue[key]
	if !ok {
		return lost(key)
	}
	return fill(l, e.form(l, other), kv)
}

// TArgs is T with the values in a map, as faults carry them.
func TArgs(l Lang, key string, args map[string]any) string {
	kv := make([]any, 0, 2*len(args))
	for k, v := range args {
		kv = append(kv, k, v)
	}
	return T(l, key, kv...)
}

// N is T for a key with plural forms; {n} is n itself. Both languages have the
// forms "one" (n is 1) and "other".
func N[I ~int | ~int32 | ~int64](l Lang, key string, n I, kv ...any) string {
	e, ok := catalogue[key]
	if !ok {
		return lost(key)
	}
	f := other
	if n == 1 {
		f = one
	}
	return fill(l, e.form(l, f), append([]any{"n", int64(n)}, kv...))
}

// Parts splits the sentence of key at its placeholders, so that a template can
// put elements (a link, a <time>) in their places: text and placeholder names
// alternate, Name is empty for text.
func Parts(l Lang, key string) []Part {
	e, ok := catalogue[key]
	if !ok {
		return []Part{{Text: lost(key)}}
	}
	return e.form(l, other)
}

// Part is a piece of a sentence: plain text, or a placeholder's name.
type Part struct {
	Text string
	Name string
}

func fill(l Lang, parts []Part, kv []any) string {
	if len(parts) == 1 && parts[0].Name == "" {
		return parts[0].Text
	}
	var b strings.Builder
	for _, p := range parts {
		if p.Name == "" {
			b.WriteString(p.Text)
			continue
		}
		b.WriteString(value(l, p.Name, kv))
	}
	return b.String()
}

func value(l Lang, name string, kv []any) string {
	for i := 0; i+1 < len(kv); i += 2 {
		if kv[i] != name {
			continue
		}
		switch v := kv[i+1].(type) {
		case string:
			return v
		case money.Money:
			return Money(l, v)
		case int:
			return Number(l, int64(v))
		case int32:
			return Number(l, int64(v))
		case int64:
			return Number(l, v)
		case time.Time:
			return DateTime(l, v)
		default:
			return fmt.Sprint(v)
		}
	}
	return "{" + name + "}"
}
