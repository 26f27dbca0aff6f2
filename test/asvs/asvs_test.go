package asvs

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

//go:embed rows.csv
var rowsCSV string

// row is a demand of the standard and how it is answered.
type row struct {
	id, level, section, applicability, what, verdict, note string
	by                                                     []string
}

// leastRows is how many the list had when it was whole.
const leastRows = 83

func rows(t *testing.T) (out []row) {
	t.Helper()
	r := csv.NewReader(strings.NewReader(rowsCSV))
	r.Comment = '#'
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all[1:] {
		w := row{id: x[0], level: x[1], section: x[2], applicability: x[3], what: x[4], verdict: x[5], note: x[7]}
		for b := range strings.SplitSeq(x[6], ";") {
			if b = strings.TrimSpace(b); b != "" {
				w.by = append(w.by, b)
			}
		}
		out = append(out, w)
	}
	return out
}

// there reports whether a test ("package TestName", or "test/attack AC-001") stands in
// the tree.
func there(t *testing.T, by string) bool {
	t.Helper()
	dir, name, ok := strings.Cut(by, " ")
	if !ok || strings.Contains(dir, "..") {
		return false
	}
	want := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(name) + `\(t \*testing\.T\)`)
	if dir == "test/attack" {
		want = regexp.MustCompile(`(?m)^var _ = (?:attack|alone|apart)\("` + regexp.QuoteMeta(name) + `", `)
	} else if !strings.HasPrefix(name, "Test") {
		return false
	}
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if want.Match(b) {
			return true
		}
	}
	return false
}

// wrong says what a row claims without ground; empty: nothing.
func wrong(t *testing.T, w row) string {
	t.Helper()
	switch w.verdict {
	case "shown":
		if len(w.by) == 0 {
			return "is shown by nothing"
		}
		for _, b := range w.by {
			if !there(t, b) {
				return "is shown by " + b + ", which is not there"
			}
		}
		return ""
	case "explained":
		if w.applicability == "applicable" {
			return "applies and is only explained"
		}
	case "not yet":
	default:
		return "has the verdict " + w.verdict
	}
	if len(w.by) != 0 || len(w.note) < 20 {
		return "has no reason, or a test beside it"
	}
	return ""
}

// Every row of the list is answered by tests that are there, by a reason why it does not
// apply, or by the plain word that nothing shows it yet; docs/asvs.md says the same.
func TestRows(t *testing.T) {
	all := rows(t)
	seen := map[string]bool{}
	for _, w := range all {
		if seen[w.id] {
			t.Errorf("%s stands twice", w.id)
		}
		seen[w.id] = true
		if s := wrong(t, w); s != "" {
			t.Errorf("%s %s", w.id, s)
		}
	}
	if len(all) < leastRows {
		t.Errorf("%d rows, there were %d", len(all), leastRows)
	}
	// The twins: what is claimed without ground is noticed.
	for what, w := range map[string]row{
		"nothing":          {verdict: "shown"},
		"a test that went": {verdict: "shown", by: []string{"internal/auth TestThatWent"}},
		"a case that went": {verdict: "shown", by: []string{"test/attack AC-000"}},
		"a helper":         {verdict: "shown", by: []string{"internal/auth each"}},
		"another tree":     {verdict: "shown", by: []string{"../auth TestSignIn"}},
		"words alone":      {verdict: "explained", applicability: "applicable", note: "because we say so, at some length"},
		"no words":         {verdict: "not yet", applicability: "applicable"},
		"another verdict":  {verdict: "surely"},
	} {
		if wrong(t, w) == "" {
			t.Errorf("%s passes", what)
		}
	}
	path := filepath.Join(root, "docs", "asvs.md")
	text := document(t, all)
	if os.Getenv("KASSAVALV_TEST_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != text {
		t.Errorf("docs/asvs.md is not what the rows say: run KASSAVALV_TEST_UPDATE=1 go test ./test/asvs (%v)", err)
	}
}

// chapters of the standard that are judged here.
var chapters = [][2]string{{"V6", "Authentication"}, {"V7", "Session management"}, {"V8", "Authorization"}, {"V11", "Cryptography"}, {"V14", "Data protection"}}

func document(t *testing.T, all []row) string {
	var b strings.Builder
	b.WriteString(`# What the verification standard asks, and which test shows it

Made by test/asvs from test/asvs/rows.csv; do not write here. Chapters V6, V7, V8, V11 and V14 of OWASP ASVS 5.0.0, levels 1 and 2. Numbers and structure of the requirements are © The OWASP
Foundation, [CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/); this file and the rows are shared under the same licence. What is looked for is the project's own reading; the requirements
themselves are at owasp.org.

*shown*: by these tests, which run with every change. *explained*: does not apply, for the reason given. *not yet*: nothing shows it so far, whatever the program does.

`)
	sum := map[string]map[string]int{}
	for _, w := range all {
		c, _, _ := strings.Cut(w.id, ".")
		if sum[c] == nil {
			sum[c] = map[string]int{}
		}
		sum[c][w.verdict]++
	}
	b.WriteString("| chapter | shown | explained | not yet |\n|---|---|---|---|\n")
	for _, c := range chapters {
		fmt.Fprintf(&b, "| %s %s | %d | %d | %d |\n", c[0], c[1], sum[c[0]]["shown"], sum[c[0]]["explained"], sum[c[0]]["not yet"])
	}
	for _, c := range chapters {
		fmt.Fprintf(&b, "\n## %s %s\n\n| requirement | level | looked for | | by |\n|---|---|---|---|---|\n", c[0], c[1])
		for _, w := range all {
			if !strings.HasPrefix(w.id, c[0]+".") {
				continue
			}
			said := make([]string, 0, len(w.by)+1)
			for _, x := range w.by {
				said = append(said, "`"+x+"`")
			}
			if w.note != "" {
				said = append(said, w.note)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", w.id, w.level, cell(w.what), w.verdict, cell(strings.Join(said, " ")))
		}
	}
	b.WriteString("\n## Cryptography in the program\n\nFrom the imports of the program itself (without its tests, its stand-ins for partners and its demo). Anything else fails `TestCryptography`.\n\n| package | for |\n|---|---|\n")
	used := imports(t)
	for _, a := range allowed {
		if len(used[a.path]) > 0 {
			fmt.Fprintf(&b, "| `%s` | %s |\n", a.path, cell(a.what))
		}
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
