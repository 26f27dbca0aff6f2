package asvs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ways are the places in the code that open a session, how often, and what docs/sign-in.md calls them.
var ways = map[string]struct {
	times int
	says  []string
}{
	"internal/auth/invite.go":          {1, []string{"| staff, first time | invitation by mail", "| staff, lost password | link by mail"}},
	"internal/auth/passkey.go":         {1, []string{"| staff | passkey"}},
	"internal/auth/signin.go":          {1, []string{"| staff | password **and** code of an app", "| staff | password **and** a one-time code from paper"}},
	"internal/auth/sso.go":             {1, []string{"| staff | single sign-on of the house"}},
	"internal/shop/account/code.go":    {1, []string{"| customer | code by mail", "| customer | password of "}},
	"internal/shop/account/passkey.go": {1, []string{"| customer | passkey"}},
	"internal/shop/account/second.go":  {1, []string{"| customer with an app | one of the two above"}},
	"internal/shop/account/session.go": {2, []string{"| a guest who has proven his mail |"}},
}

var (
	opens = regexp.MustCompile(`(?m)\.(?:openSession|insertSession|enter)\(tx, `)
	born  = regexp.MustCompile(`INSERT INTO (?:auth|account)_session\b`)
)

// Every place that opens a session is a way in that docs/sign-in.md lists with its strength, and no row of a session is
// made elsewhere.
func TestNoOtherDoor(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(root, "docs", "sign-in.md"))
	if err != nil {
		t.Fatal(err)
	}
	found, made := map[string]int{}, 0
	program(t, func(name, text string) {
		if strings.HasPrefix(name, "internal/auth/") || strings.HasPrefix(name, "internal/shop/account/") {
			if n := len(opens.FindAllString(text, -1)); n > 0 {
				found[name] = n
			}
		}
		if born.MatchString(text) {
			made++
			if name != "internal/auth/session.go" && name != "internal/shop/account/session.go" {
				t.Errorf("%s makes a session itself", name)
			}
		}
	})
	if made != 2 {
		t.Errorf("sessions are made in %d files", made)
	}
	for name, n := range found {
		if ways[name].times != n {
			t.Errorf("%s opens sessions at %d places, %d are known: add the way to docs/sign-in.md and here", name, n, ways[name].times)
		}
	}
	for name, w := range ways {
		if found[name] == 0 {
			t.Errorf("%s opens no session any more", name)
		}
		for _, s := range w.says {
			if !strings.Contains(string(doc), s) {
				t.Errorf("docs/sign-in.md has no line %q", s)
			}
		}
	}
}
