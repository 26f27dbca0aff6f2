package attack

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// how a case is registered, in words.
var ways = map[string]string{"attack": "on a shop that all share", "alone": "on shops of its own, one after the other", "apart": "on shops of its own, side by side"}

// TestTableOfCases holds docs/attacks.md against the list and the files: which case is held
// by which test, by area. KASSAVALV_TEST_UPDATE=1 writes it anew.
func TestTableOfCases(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(casesCSV)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	at := map[string][2]string{} // file, way
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^var _ = (attack|alone|apart)\("(AC-[0-9]{3})", `).FindAllStringSubmatch(string(b), -1) {
			at[m[2]] = [2]string{f, ways[m[1]]}
		}
	}
	also := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^var _ = customer\("(AC-[0-9]{3})", `).FindAllStringSubmatch(string(b), -1) {
			also[m[1]] = f
		}
	}
	if len(also) != len(customers) {
		t.Errorf("%d cases against customers are found in the files, %d are registered", len(also), len(customers))
	}
	if len(at) != len(shared)+len(own)+len(beside) {
		t.Errorf("%d cases are found in the files, %d are registered", len(at), len(shared)+len(own)+len(beside))
	}
	var areas []string
	of := map[string][]string{}
	for _, r := range rows[1:] {
		line := fmt.Sprintf("| %s | %s | ", r[0], r[2])
		switch w, ok := at[r[0]]; {
		case ok:
			held := "`test/attack/" + w[0] + "`"
			if f := also[r[0]]; f != "" {
				held += ", `test/attack/" + f + "` (customers)"
			}
			line += fmt.Sprintf("%s | %s |", held, w[1])
		default:
			line += "not driven | " + absent[r[0]] + " |"
		}
		if of[r[1]] == nil {
			areas = append(areas, r[1])
		}
		of[r[1]] = append(of[r[1]], line)
	}
	var b strings.Builder
	b.WriteString("# Attacks, and what holds against them\n\nMade by test/attack from its own list; do not write here. Each case is an attack that real shops have met, driven over HTTP against the built program on SQLite and on PostgreSQL, beside what a rightful person does in the same run.\nRun one with `go test ./test/attack -run 'TestAttacks/sqlite/AC-077'` (`TestAlone/AC-…`, `TestApart/AC-…`).\n")
	for _, a := range areas {
		fmt.Fprintf(&b, "\n## %s\n\n| case | attack | held by | |\n|---|---|---|---|\n%s\n", a, strings.Join(of[a], "\n"))
	}
	path := filepath.Join("..", "..", "docs", "attacks.md")
	if os.Getenv("KASSAVALV_TEST_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != b.String() {
		t.Errorf("docs/attacks.md is not what the list says: run KASSAVALV_TEST_UPDATE=1 go test ./test/attack -run TestTableOfCases (%v)", err)
	}
}
