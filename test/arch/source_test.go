package arch

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// walk calls fn for each file under the repository with one of the endings.
func walk(t *testing.T, endings []string, fn func(path, text string)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir("../..", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && p != "../.." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || strings.HasPrefix(name, "kassavalv-")) && name != ".ci" {
			return filepath.SkipDir
		}
		for _, e := range endings {
			if strings.HasSuffix(name, e) && !d.IsDir() {
				b, err := os.ReadFile(p)
				if err != nil {
					return err
				}
				n++
				fn(filepath.ToSlash(strings.TrimPrefix(p, "../../")), string(b))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		t.Fatal("no files seen")
	}
}

// A room names its own tables only; report will be the exception.
func TestTablesHaveOneOwner(t *testing.T) {
	create := regexp.MustCompile(`(?i)CREATE TABLE (?:IF NOT EXISTS )?([a-z_]+)`)
	owner := map[string]string{}
	walk(t, []string{".sql"}, func(p, text string) {
		room := filepath.Base(filepath.Dir(filepath.Dir(p)))
		for _, m := range create.FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(m[1], room+"_") {
				t.Errorf("%s makes %s, which does not begin with %s_", p, m[1], room)
			}
			owner[m[1]] = room
		}
	})
	if len(owner) < 30 {
		t.Fatalf("only %d tables seen", len(owner))
	}
	owner["db_meta"], owner["db_migration"], owner["db_change"] = "db", "db", "db"
	uses := regexp.MustCompile(`(?i)\b(?:FROM|JOIN|INTO|UPDATE)\s+([a-z]+_[a-z_]+)\b`)
	walk(t, []string{".go"}, func(p, text string) {
		if strings.HasSuffix(p, "_test.go") || !strings.HasPrefix(p, "internal/") || strings.HasPrefix(p, "internal/shoptest") || strings.HasPrefix(p, "internal/apptest") {
			return
		}
		for _, m := range uses.FindAllStringSubmatch(text, -1) {
			room, ok := owner[m[1]]
			if ok && !strings.Contains(p, "/"+room+"/") && !(p == "internal/app/register.go" && room == "db") && !strings.HasPrefix(p, "internal/demo/goods/") {
				t.Errorf("%s names %s, a table of %s", p, m[1], room)
			}
		}
	})
}

// SQL stays inside the portable subset.
func TestMigrationsArePortable(t *testing.T) {
	bad := regexp.MustCompile(`(?i)\b(AUTOINCREMENT|DATETIME|VARCHAR|BOOLEAN|SERIAL|NOW\(\)|CURRENT_TIMESTAMP|DEFERRABLE|TRIGGER|RAISE)\b`)
	walk(t, []string{".sql"}, func(p, text string) {
		for i, line := range strings.Split(text, "\n") {
			if c, _, _ := strings.Cut(line, "--"); bad.MatchString(c) {
				t.Errorf("%s:%d: %s", p, i+1, strings.TrimSpace(line))
			}
		}
	})
}

// Values reach SQL as parameters, never as text.
func TestNoSQLFromValues(t *testing.T) {
	bad := regexp.MustCompile("(?i)Sprintf\\([`\"](SELECT|INSERT|UPDATE|DELETE)\\b")
	walk(t, []string{".go"}, func(p, text string) {
		if !strings.HasSuffix(p, "_test.go") && bad.MatchString(text) {
			t.Errorf("%s builds SQL with Sprintf", p)
		}
	})
}

// Pages hold no raw HTML and no inline code.
func TestNoInlineCode(t *testing.T) {
	bad := regexp.MustCompile(`templ\.Raw|template\.HTML\(|\sstyle="|\son[a-z]+="|javascript:`)
	walk(t, []string{".templ"}, func(p, text string) {
		for i, line := range strings.Split(text, "\n") {
			if bad.MatchString(line) {
				t.Errorf("%s:%d: %s", p, i+1, strings.TrimSpace(line))
			}
		}
	})
	walk(t, []string{".go"}, func(p, text string) {
		if strings.HasPrefix(p, "internal/web/") && !strings.HasPrefix(p, "internal/web/richtext/") && !strings.HasSuffix(p, "_templ.go") && !strings.HasSuffix(p, "_test.go") &&
			(strings.Contains(text, "templ.Raw(") || strings.Contains(text, "template.HTML(")) {
			t.Errorf("%s writes raw HTML; only web/richtext may", p)
		}
	})
}

// Nothing in the program is left for later under a word that hides it.
func TestNoLoosePromises(t *testing.T) {
	bad := regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
	walk(t, []string{".go", ".templ", ".sql", ".css", ".js"}, func(p, text string) {
		if strings.HasPrefix(p, "test/arch/") {
			return
		}
		for i, line := range strings.Split(text, "\n") {
			if bad.MatchString(line) {
				t.Errorf("%s:%d: %s", p, i+1, strings.TrimSpace(line))
			}
		}
	})
}

// Leave to open a person's details is made by who recorded that it was taken, by the
// holder of a link for what is his own, and by jobs. The office's faces make none: they get it through
// an opening alone, and open nothing past it.
func TestTheOfficeMakesNoLeave(t *testing.T) {
	leave := regexp.MustCompile(`\bauth\.(Holder|OwnWork)\(|\bcustomer\.Load\(|\bsecret\.OpenJSON\b|\b[Vv]ault\.Open\(|\bcart\.Contact\[`)
	seen := 0
	walk(t, []string{".go"}, func(p, text string) {
		office := strings.HasPrefix(p, "internal/web/admin/") || p == "internal/web/api/admin.go" || p == "internal/web/api/life.go" || p == "internal/web/api/goods.go"
		if !office || strings.HasSuffix(p, "_test.go") {
			return
		}
		seen++
		if m := leave.FindString(text); m != "" {
			t.Errorf("%s opens people past an opening: %s", p, m)
		}
	})
	if seen < 30 {
		t.Errorf("only %d files of the office were seen", seen)
	}
}

// A right that nothing asks for, and an act for two that no use case has, would be
// untrue on the pages that list them.
func TestRightsAndActsAreAskedFor(t *testing.T) {
	right, act := regexp.MustCompile(`(?m)^\t([A-Z]\w+) +Right += "`), regexp.MustCompile(`(?m)^\t(Act[A-Z]\w+) += "`)
	missing := map[string]bool{}
	for file, name := range map[string]*regexp.Regexp{"by.go": right, "approval.go": act} {
		b, err := os.ReadFile("../../internal/auth/" + file)
		if err != nil {
			t.Fatal(err)
		}
		found := name.FindAllSubmatch(b, -1)
		if len(found) < 4 {
			t.Fatalf("%s: only %d names", file, len(found))
		}
		for _, m := range found {
			missing[string(m[1])] = true
		}
	}
	inside := regexp.MustCompile(`(?:Need|Has)\((\w+)\)|(?:ownerAsk\(|act := |act = |case )(Act\w+)`)
	outside := regexp.MustCompile(`(?:Need|Has|Staff|Scope)\(auth\.(\w+)\)|Act: auth\.(Act\w+)`)
	walk(t, []string{".go"}, func(p, text string) {
		if strings.HasSuffix(p, "_test.go") || strings.HasPrefix(p, "test/") {
			return
		}
		asked := outside
		if strings.HasPrefix(p, "internal/auth/") {
			asked = inside
		}
		for _, m := range asked.FindAllStringSubmatch(text, -1) {
			for _, name := range m[1:] {
				delete(missing, name)
			}
		}
	})
	for name := range missing {
		t.Errorf("nothing asks for %s", name)
	}
}
