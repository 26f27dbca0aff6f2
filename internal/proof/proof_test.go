package proof_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sources joins the program's own files of a folder, tests and package proof left out.
func sources(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(filepath.Join(root, dir), func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") || strings.Contains(filepath.ToSlash(p), "internal/proof/") {
			return err
		}
		b, err := os.ReadFile(p)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func firsts(re string, in string) (out []string) {
	for _, m := range regexp.MustCompile(re).FindAllStringSubmatch(in, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Every rule that can be broken is broken somewhere in the program, and a proof is seen
// to catch it.
func TestEveryBreakageIsCaughtSomewhere(t *testing.T) {
	on := read(t, "internal/proof/on.go")
	names := func(list string) []string {
		head, _, _ := strings.Cut(on[strings.Index(on, "var "+list):], "\n}\n")
		return firsts(`(?m)^\t"([a-z]+)":`, head)
	}
	known, costs := names("Breaks"), names("Costs")
	if len(known) < 10 {
		t.Fatalf("only %v", known)
	}
	if used := firsts(`proof\.(?:Broken|Spoil)\("([a-z]+)"`, sources(t, "internal")); !slices.Equal(slices.Sorted(slices.Values(append(costs, known...))), used) {
		t.Errorf("package proof knows %v and %v, the program has %v", known, costs, used)
	}
	var caught []string
	for _, room := range []string{"crash", "race", "fault", "partners", "copies"} {
		caught = append(caught, firsts(`(?m)^\t\t?\{"([a-z]+)", `, read(t, "test/"+room+"/broken_test.go"))...)
	}
	slices.Sort(caught)
	if !slices.Equal(known, slices.Compact(caught)) {
		t.Errorf("package proof knows %v, the proofs catch %v", known, caught)
	}
}

// Every step of the rooms between bank, relay and database is one where the crash proof
// kills, or its like with a partner that reserves.
func TestEveryStepIsTaken(t *testing.T) {
	on := read(t, "internal/proof/on.go")
	list, _, _ := strings.Cut(on[strings.Index(on, "var Steps"):], "\n}\n")
	steps := func(in string) []string { return firsts(`"((?:checkout|mail|returns|secret|db|copies)\.[a-z ]+)"`, in) }
	known := steps(list)
	var passed []string
	for room, dir := range map[string]string{"checkout": "internal/shop/checkout", "returns": "internal/shop/returns", "mail": "internal/mail", "secret": "internal/secret", "db": "internal/db", "copies": "internal/ops/copies"} {
		src := sources(t, dir)
		for _, s := range append(firsts(`d\.at\("([a-z ]+)"\)`, src), firsts(`proof\.At\("`+room+`", "([a-z ]+)"\)`, src)...) {
			passed = append(passed, room+"."+s)
		}
	}
	slices.Sort(passed)
	if len(known) < 10 || !slices.Equal(known, slices.Compact(passed)) {
		t.Errorf("package proof knows %v, the program passes %v", known, passed)
	}
	tests := read(t, "test/crash/crash_test.go")
	list, _, _ = strings.Cut(tests[strings.Index(tests, "var steps"):], "\n}\n")
	taken := steps(list)
	// Those of reserved money are taken with a partner that reserves.
	taken = append(taken, steps(read(t, "test/partners/crash_test.go"))...)
	// That of the keys is taken while they are turned.
	taken = append(taken, steps(read(t, "test/keys/turn_test.go"))...)
	// Those of the copies are taken where the sites are compared afterwards.
	taken = append(taken, steps(read(t, "test/copies/rig_test.go"))...)
	slices.Sort(taken)
	if !slices.Equal(known, taken) {
		t.Errorf("package proof knows %v, the crash proof kills at %v", known, taken)
	}
}
