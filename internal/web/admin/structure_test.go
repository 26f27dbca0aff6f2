package admin_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"kassavalv/internal/lang"
)

// structure reports what is wrong with a page: script or style in it, an id that
// stands twice, a field without a label, a form that writes by GET.
func structure(t *testing.T, path, body string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	ids, labels, fields, refs := map[string]bool{}, map[string]bool{}, map[string]string{}, map[string]bool{}
	headings := 0
	var walk func(n *html.Node, inLabel bool)
	walk = func(n *html.Node, inLabel bool) {
		if n.Type == html.ElementNode {
			at := map[string]string{}
			for _, a := range n.Attr {
				at[a.Key] = a.Val
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
					t.Errorf("%s: <%s> has %s=%q", path, n.Data, a.Key, a.Val)
				}
			}
			if id := at["id"]; id != "" {
				if ids[id] {
					t.Errorf("%s: the id %q stands twice", path, id)
				}
				ids[id] = true
			}
			for _, id := range strings.Fields(at["aria-describedby"]) {
				refs[id] = true
			}
			switch n.Data {
			case "h1":
				headings++
			case "style":
				t.Errorf("%s: <style>", path)
			case "script":
				if at["src"] == "" {
					t.Errorf("%s: a script in the page", path)
				}
			case "label":
				labels[at["for"]] = true
				inLabel = true
			case "input", "select", "textarea":
				if at["type"] != "hidden" && !inLabel {
					fields[at["id"]] = at["name"]
				}
			case "form":
				if at["method"] == "" {
					t.Errorf("%s: a form without a method", path)
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, inLabel)
		}
	}
	walk(doc, false)
	for id, name := range fields {
		if id == "" || !labels[id] {
			t.Errorf("%s: the field %q has no label", path, name)
		}
	}
	for id := range refs {
		if !ids[id] {
			t.Errorf("%s: described by %q, which is not there", path, id)
		}
	}
	if headings != 1 {
		t.Errorf("%s: %d first headings", path, headings)
	}
}

var (
	said = regexp.MustCompile(`\bv\.(?:t|n)\("([a-z0-9_.]+)"(\s*\+)?`)
	done = regexp.MustCompile(`v\.done\("([a-z0-9_.]+)"`)
	tabs = regexp.MustCompile(`\{"[a-z_]*", "([a-z_]+\.[a-z_.]+)"\}`)
)

// Every key of a sentence that the sources name exists.
func TestWords(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(b), -1) {
			if found++; m[2] == "" && !lang.Has("admin."+m[1]) {
				t.Errorf("%s: no words for admin.%s", f, m[1])
			}
		}
		for _, m := range done.FindAllStringSubmatch(string(b), -1) {
			if found++; !lang.Has("flash.admin." + m[1]) {
				t.Errorf("%s: no words for flash.admin.%s", f, m[1])
			}
		}
		for _, m := range tabs.FindAllStringSubmatch(string(b), -1) {
			if found++; !lang.Has("admin." + m[1]) {
				t.Errorf("%s: no words for admin.%s", f, m[1])
			}
		}
	}
	if found < 400 {
		t.Errorf("only %d keys found: the pattern no longer fits", found)
	}
}
