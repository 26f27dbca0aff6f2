package view_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What no template of ours may hold. Raw HTML comes from one reviewed function only.
var forbidden = map[string]*regexp.Regexp{
	"raw HTML":           regexp.MustCompile(`templ\.Raw|templ\.SafeScript|templ\.ComponentScript|JSUnsafeFuncCall|UnsafeFunc`),
	"an inline style":    regexp.MustCompile(`\sstyle=|<style|templ\.SafeCSS|\bcss [a-zA-Z]+\(`),
	"an inline handler":  regexp.MustCompile(`\son[a-z]+=|hx-on|\bscript [a-zA-Z]+\(`),
	"an inline script":   regexp.MustCompile(`<script(?:[^>]*)>[^<]`),
	"a javascript: link": regexp.MustCompile(`(?i)javascript:`),
	"a Swedish sentence": regexp.MustCompile(`>[ \t]*[A-ZÅÄÖa-zåäö]+(?: [a-zåäö]+)+ ?[.<]`),
}

// The one place where a computed string may become a SafeURL: "#" and a field id.
var safeURL = regexp.MustCompile(`templ\.SafeURL\(("[^"]*")?`)

func templates(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, root := range []string{".", filepath.Join("..", "..", "ui")} {
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(p, ".templ") {
				b, err := os.ReadFile(p)
				if err != nil {
					return err
				}
				out[p] = string(b)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(out) < 10 {
		t.Fatalf("only %d templates found", len(out))
	}
	return out
}

func TestTemplatesAreClean(t *testing.T) {
	for p, s := range templates(t) {
		for what, re := range forbidden {
			if m := re.FindString(s); m != "" {
				t.Errorf("%s holds %s: %s", p, what, m)
			}
		}
		for _, m := range safeURL.FindAllString(s, -1) {
			if m != `templ.SafeURL("#"` {
				t.Errorf("%s vouches for an address: %s", p, m)
			}
		}
	}
}

func TestForbiddenIsFound(t *testing.T) {
	for what, s := range map[string]string{
		"raw HTML": "@templ.Raw(x)", "an inline style": `<p style="color:red">`, "an inline handler": `<p onclick="x()">`,
		"an inline script": "<script>alert(1)</script>", "a javascript: link": `href="JavaScript:x"`, "a Swedish sentence": "<p>Lägg i varukorgen.</p>",
	} {
		if !forbidden[what].MatchString(s) {
			t.Errorf("%s passes", what)
		}
	}
}
