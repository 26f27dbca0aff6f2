package pagecache

import (
	"net/url"
	"sort"
	"strings"
	"unicode/utf8"
)

// Bounds of a query that a page may depend on.
const (
	maxQuery  = 4 << 10
	maxParams = 32
)

// Normal reduces a raw query to the allowed parameters, sorted and written in one
// way; empty values are dropped, and so is every parameter not allowed. An allowed
// name that ends in "." is a prefix. It returns false for a query that cannot be
// read: too long, broken escapes, control bytes, text that is not UTF-8.
func Normal(raw string, allowed []string) (string, bool) {
	if raw == "" {
		return "", true
	}
	if len(raw) > maxQuery {
		return "", false
	}
	type param struct{ name, value string }
	var list []param
	for item := range strings.SplitSeq(raw, "&") {
		if item == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(item, "=")
		name, err1 := url.QueryUnescape(rawName)
		value, err2 := url.QueryUnescape(rawValue)
		if err1 != nil || err2 != nil || !clean(name) || !clean(value) {
			return "", false
		}
		if value == "" || !matches(name, allowed) {
			continue
		}
		if len(list) == maxParams {
			return "", false
		}
		list = append(list, param{name, value})
	}
	if len(list) == 0 {
		return "", true
	}
	sort.SliceStable(list, func(i, j int) bool {
		if list[i].name != list[j].name {
			return list[i].name < list[j].name
		}
		return list[i].value < list[j].value
	})
	var b strings.Builder
	for i, p := range list {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p.value))
	}
	return b.String(), true
}

func matches(name string, allowed []string) bool {
	for _, a := range allowed {
		if !strings.HasSuffix(a, ".") && name == a || strings.HasSuffix(a, ".") && len(name) > len(a) && strings.HasPrefix(name, a) {
			return true
		}
	}
	return false
}

func clean(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}
