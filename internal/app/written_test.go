package app

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// region compares a made part of a document with what the program says, or writes it where KASSAVALV_TEST_UPDATE is set.
func region(t *testing.T, file, name, want string) {
	t.Helper()
	path := filepath.Join("../../docs", file)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head := "<!-- made by internal/app TestProtectionIsWrittenDown: " + name + " -->\n"
	before, rest, ok := strings.Cut(string(b), head)
	got, after, end := strings.Cut(rest, "<!-- end -->")
	if !ok || !end {
		t.Fatalf("docs/%s has no place for %s", file, name)
	}
	if got == want {
		return
	}
	if os.Getenv("KASSAVALV_TEST_UPDATE") == "" {
		t.Errorf("docs/%s: %s is not what the program does: run KASSAVALV_TEST_UPDATE=1 go test ./internal/app -run TestProtectionIsWrittenDown", file, name)
		return
	}
	if err := os.WriteFile(path, []byte(before+head+want+"<!-- end -->"+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func keptFor(k datamap.Keep) string {
	var span string
	switch {
	case k.Months > 0:
		span = fmt.Sprintf("%d months", k.Months)
	case k.Days > 0:
		span = fmt.Sprintf("%d days", k.Days)
	}
	return strings.ReplaceAll(lang.TArgs(lang.EN, "data.kept."+k.Rule, map[string]any{"span": span}), "|", "/")
}

// The levels of protection in docs/privacy.md, with what lies at each and how long, and the rules for fields in docs/staff.md
// are what is declared beside the columns and in the roles.
func TestProtectionIsWrittenDown(t *testing.T) {
	classes := map[datamap.Kind]map[string]bool{}
	kinds := map[datamap.Kind]bool{}
	for _, tb := range datamap.Tables() {
		for _, c := range tb.Columns {
			kinds[c.Kind] = true
			for _, x := range c.Classes {
				if classes[c.Kind] == nil {
					classes[c.Kind] = map[string]bool{}
				}
				classes[c.Kind][string(x)] = true
			}
		}
	}
	privacy, err := os.ReadFile("../../docs/privacy.md")
	if err != nil {
		t.Fatal(err)
	}
	staff, err := os.ReadFile("../../docs/staff.md")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| kind | classes |\n|---|---|\n")
	var names []string
	for k := range kinds {
		names = append(names, string(k))
		if !regexp.MustCompile(`(?m)^\| [1-4] [a-z ]+ \| ` + "`" + string(k) + "`" + ` \|`).Match(privacy) {
			t.Errorf("docs/privacy.md gives the kind %s no level of protection", k)
		}
	}
	sort.Strings(names)
	for _, k := range names {
		var in []string
		for c := range classes[datamap.Kind(k)] {
			in = append(in, lang.T(lang.EN, "data.class."+c))
		}
		sort.Strings(in)
		fmt.Fprintf(&b, "| `%s` | %s |\n", k, strings.Join(in, "; "))
	}
	region(t, "privacy.md", "classes", b.String())

	b.Reset()
	b.WriteString("| category | whose | kept | ground (GDPR 6.1) |\n|---|---|---|---|\n")
	for _, c := range datamap.Categories() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.Key, c.Who, keptFor(c.Keep), c.Basis)
	}
	region(t, "privacy.md", "categories", b.String())

	b.Reset()
	b.WriteString("| class | such as | hidden |\n|---|---|---|\n")
	for _, x := range []struct {
		class  datamap.Class
		sample string
	}{{datamap.Name, "Anna Maria Ek"}, {datamap.Email, "anna@exempel.se"}, {datamap.Phone, "070-123 45 67"}, {datamap.Company, "Eks Bygg, 850101-1234"}, {datamap.Bank, "ANNA EK"}} {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", x.class, x.sample, datamap.Mask(x.class, x.sample))
	}
	fmt.Fprintf(&b, "| %s | %s | %s |\n", datamap.Address, "Gatan 1, 411 01 Göteborg", datamap.MaskAddress("Gatan 1", "Göteborg"))
	region(t, "staff.md", "masks", b.String())

	b.Reset()
	b.WriteString("| right | in words | roles that have it |\n|---|---|---|\n")
	for _, r := range auth.AllRights {
		var in []string
		for role, rs := range auth.Roles {
			if slices.Contains(rs, r) {
				in = append(in, role)
			}
		}
		sort.Strings(in)
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r, lang.T(lang.EN, "admin.right."+string(r)), strings.Join(in, ", "))
	}
	region(t, "staff.md", "rights", b.String())

	// The rules of the fields name rights that there are, and leave out none that is about a field.
	rules, _, _ := strings.Cut(string(staff), "<!-- made by")
	for _, m := range regexp.MustCompile("`([a-z]+\\.[a-z]+)`").FindAllStringSubmatch(rules, -1) {
		if !slices.Contains(auth.AllRights, auth.Right(m[1])) {
			t.Errorf("docs/staff.md names the right %s, which there is not", m[1])
		}
	}
	for _, r := range []auth.Right{auth.PersonalOpen, auth.CustomersRead, auth.CostsRead, auth.FiguresRead, auth.BooksRead, auth.AuditRead, auth.CatalogWrite, auth.OrdersWrite, auth.RefundsWrite, auth.CasesRead, auth.StaffWrite, auth.SettingsWrite} {
		if !strings.Contains(rules, "`"+string(r)+"`") {
			t.Errorf("docs/staff.md has no field for the right %s", r)
		}
	}
}

// Every key and secret that the configuration can hold, and every root key, has its line in the table of docs/keys.md.
func TestKeysAreWrittenDown(t *testing.T) {
	b, err := os.ReadFile("../../docs/keys.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(b), "\n## Every key and secret there is\n")
	if !ok {
		t.Fatal("docs/keys.md has no table of keys")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	n := 0
	eachKey(reflect.ValueOf(&Config{}).Elem(), func(section, key string, f reflect.Value) {
		_, is := f.Interface().(secret.Secret)
		if !is && !regexp.MustCompile(`^(key|cert|p12|kms_key|gcp_key|.*_file)$`).MatchString(key) {
			return
		}
		n++
		if !strings.Contains(table, "`"+section+"."+key+"`") {
			t.Errorf("docs/keys.md has no line for %s.%s", section, key)
		}
	})
	for _, r := range append(secret.RootNames(), "epoch-NNNNNN", "books-YYYY") {
		n++
		if !strings.Contains(table, "`"+r+"`") {
			t.Errorf("docs/keys.md has no line for the key %s", r)
		}
	}
	if n < 18 {
		t.Errorf("only %d keys seen", n)
	}
	for _, l := range strings.Split(table, "\n") {
		if strings.HasPrefix(l, "| ") && strings.Count(l, "|") != 7 {
			t.Errorf("a line that does not say all: %s", l)
		}
	}
}
