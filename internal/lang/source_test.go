package lang

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A key in a call: lang.T(l, "key" …), lang.N, lang.TArgs, lang.Parts. What
// follows the string tells a whole key from the beginning of one that is put
// together ("state." + s).
var call = regexp.MustCompile(`\blang\.(?:T|N|TArgs|Parts)\((?:[^()"]|\([^()]*\))*?,\s*"([a-z0-9_.]*)"\s*(\+?)`)

// TestKeysOfSources reads every Go and templ source of the program and fails for
// each key that is not in the catalogue.
func TestKeysOfSources(t *testing.T) {
	root := filepath.Join("..", "..")
	found := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return fs.SkipDir
		}
		ext := filepath.Ext(path)
		if ext != ".templ" && (ext != ".go" || strings.HasSuffix(path, "_templ.go") || strings.HasSuffix(path, "_test.go")) {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range call.FindAllStringSubmatch(string(b), -1) {
			found++
			if problem := check(m[1], m[2] == "+"); problem != "" {
				t.Errorf("%s: %s", path, problem)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 100 {
		t.Errorf("only %d keys found in the sources: the pattern no longer fits", found)
	}
}

func check(key string, prefix bool) string {
	if !prefix {
		if !Has(key) {
			return "no such key: " + key
		}
		return ""
	}
	for _, k := range Keys() {
		if strings.HasPrefix(k, key) {
			return ""
		}
	}
	return "no key begins with " + key
}

func TestCheckFindsWhatIsMissing(t *testing.T) {
	for key, prefix := range map[string]bool{"no.such.key": false, "nothing.here.": true} {
		if check(key, prefix) == "" {
			t.Errorf("%s passed", key)
		}
	}
	if call.FindStringSubmatch(`lang.T(p.l(), "buy.order")`)[1] != "buy.order" {
		t.Error("a call with a call inside is not seen")
	}
}

var (
	wholeFault = regexp.MustCompile(`\b(?:fault\.)?(?:Conflict|Bad|Busy)\("([a-z_]+)"`)
	fieldFault = regexp.MustCompile(`\.Add\([^()]*?, *"([a-z_]+)"[,)]`)
)

// TestFaultsHaveWords fails for a fault that a person could meet without a sentence.
func TestFaultsHaveWords(t *testing.T) {
	found := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "_templ.go") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.Contains(string(b), "internal/fault") {
			return nil
		}
		for _, m := range wholeFault.FindAllStringSubmatch(string(b), -1) {
			found++
			if !Has("fault." + m[1]) {
				t.Errorf("%s: no words for fault.%s", path, m[1])
			}
		}
		if strings.Contains(string(b), "fault.Fields") {
			for _, m := range fieldFault.FindAllStringSubmatch(string(b), -1) {
				found++
				if !Has("field." + m[1]) {
					t.Errorf("%s: no words for field.%s", path, m[1])
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 20 {
		t.Errorf("only %d faults found: the pattern no longer fits", found)
	}
}
