package web_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"kassavalv/internal/web"
)

// What passes as a path of the shop leads a browser nowhere else.
func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "/admin?x=1", "//kvx.invalid", `/\kvx.invalid`, "/\t/kvx.invalid", "/%2f/x", "/..//x", "https:/x", "/a/%2e%2e//b", "/a?//b", "/@x", "/;//x", "/å"} {
		f.Add(s)
	}
	base := &url.URL{Scheme: "https", Host: "shop.example", Path: "/here/"}
	f.Fuzz(func(t *testing.T, s string) {
		if !web.LocalPath(s) {
			return
		}
		// Browsers take backslashes for slashes and leave out tabs and line ends.
		seen := strings.NewReplacer("\\", "/", "\t", "", "\n", "", "\r", "").Replace(s)
		u, err := base.Parse(seen)
		if err != nil || u.Host != base.Host || u.Scheme != "https" || u.User != nil || seen != s || strings.HasPrefix(u.Path, "//") || strings.Contains(u.EscapedPath(), "/../") {
			t.Errorf("%q leads to %v (%v)", s, u, err)
		}
	})
}

// A form that is taken has the fields that were asked for, each text of a keyboard.
func FuzzForm(f *testing.F) {
	for _, s := range []string{"", "a=1", "a=1&a=2", "b=1&b=2", "c.x=1&c.=2", "a=%00", "a=%0d%0aX", "a=%ff", "a=1;b=2", "%61=1", "a", "=1", "&&&", "a=+%20", "d=1", strings.Repeat("b=1&", 400)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		hr := httptest.NewRequest("POST", "/", strings.NewReader(s))
		hr.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		v, err := (&web.Request{Request: hr}).ReadForm("a", "b*", "c.")
		if err != nil {
			return
		}
		want, err := url.ParseQuery(s)
		if err != nil {
			t.Fatalf("%q is taken, and is none: %v", s, err)
		}
		for name, list := range v {
			if name != "a" && name != "b" && (!strings.HasPrefix(name, "c.") || name == "c.") || len(list) > 100 || len(list) > 1 && name != "b" || len(list) != len(want[name]) {
				t.Errorf("%q has %q: %q", s, name, list)
			}
			for _, x := range list {
				if !utf8.ValidString(x) || strings.ContainsFunc(x, func(r rune) bool { return r < 0x20 && r != '\n' && r != '\t' || r == 0x7f }) {
					t.Errorf("%q holds %q", s, x)
				}
			}
		}
		if len(v) != len(want) {
			t.Errorf("%q has %d names, of which %d are taken", s, len(want), len(v))
		}
	})
}
