package arch

import (
	"os"
	"strings"
	"testing"
)

// Every library that is named directly has its reason and its way out, and
// there are at most 45.
func TestDependenciesHaveReasons(t *testing.T) {
	b, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.SplitSeq(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 || strings.Contains(line, "// indirect") || !strings.Contains(f[0], "/") || !strings.HasPrefix(f[1], "v") {
			continue
		}
		n++
		name := f[0]
		short := name[strings.LastIndexByte(name, '/')+1:]
		if !strings.Contains(string(doc), name) && !(strings.HasPrefix(name, "golang.org/x/") && strings.Contains(string(doc), "x/"+short)) {
			t.Errorf("%s has no line in docs/dependencies.md", name)
		}
	}
	if n == 0 || n > 45 {
		t.Errorf("%d direct libraries", n)
	}
}
