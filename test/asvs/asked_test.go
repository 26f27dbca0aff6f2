package asvs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// doors are the files of the pages at which somebody proves who he is or changes how.
var doors = []string{"internal/web/admin/signin.go", "internal/web/admin/invite.go", "internal/web/admin/security.go", "internal/web/admin/proof.go", "internal/web/admin/passkey.go", "internal/web/admin/phone.go",
	"internal/web/storefront/login.go", "internal/web/storefront/account.go"}

// asked is all that these pages ask for: factors, who it is, a name, and where to go on. "answer" is the authenticator's.
var asked = []string{"email", "username", "name", "password", "old_password", "totp", "code", "token", "answer", "next", "again"}

// knowledge are the names that hints and questions go by.
var knowledge = regexp.MustCompile(`(?i)hint|question|secret_answer|maiden|first_pet|school|reminder|knowledge`)

var (
	readForm = regexp.MustCompile(`ReadForm\(([^)]*)\)`)
	quoted   = regexp.MustCompile(`"([^"]*)"`)
)

// beyond lists the fields that a page's code reads and that are no factor.
func beyond(code string) (out []string, read int) {
	for _, m := range readForm.FindAllStringSubmatch(code, -1) {
		read++
		for _, f := range quoted.FindAllStringSubmatch(m[1], -1) {
			if !slices.Contains(asked, f[1]) {
				out = append(out, f[1])
			}
		}
	}
	return out, read
}

// Nobody is let in, or let back in, for what he knows of himself: the doors ask for factors alone, and neither staff's
// nor customers' tables have a column for a hint, a question or its answer.
func TestNothingIsAskedButFactors(t *testing.T) {
	for _, f := range doors {
		b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f)))
		if err != nil {
			t.Fatal(err)
		}
		more, read := beyond(string(b))
		if read == 0 {
			t.Errorf("%s reads no form: it is no door any more", f)
		}
		for _, x := range more {
			t.Errorf("%s asks for %q", f, x)
		}
	}
	tables := 0
	for _, room := range []string{"internal/auth", "internal/shop/account"} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(room), "migrations", "*.sql"))
		if err != nil || len(files) == 0 {
			t.Fatal(room, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			tables += strings.Count(string(b), "CREATE TABLE")
			if m := knowledge.FindString(string(b)); m != "" {
				t.Errorf("%s has %q", f, m)
			}
		}
	}
	if tables < 20 {
		t.Errorf("only %d tables seen", tables)
	}
	// The twins.
	if more, _ := beyond(`r.ReadForm("email", "pet_name")`); !slices.Equal(more, []string{"pet_name"}) {
		t.Error("a question about pets passes:", more)
	}
	if !knowledge.MatchString("password_hint TEXT") {
		t.Error("a hint passes")
	}
}
