package account

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/auth/factor"
)

// What docs/sign-in.md says of customers' limits is what the program does, and no counter of tries is left out.
func TestSignInIsWrittenDown(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/sign-in.md")
	if err != nil {
		t.Fatal(err)
	}
	days := func(d time.Duration) string { return fmt.Sprintf("%d days", d/(24*time.Hour)) }
	within := func(d time.Duration) string {
		if d == time.Hour {
			return "1 hour"
		}
		if d%time.Hour == 0 {
			return fmt.Sprintf("%d hours", d/time.Hour)
		}
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	want := []string{
		fmt.Sprintf("| customer | %s | %s | %d; the sign-in of one more ends the oldest |\n", days(IdleLimit), days(SessionLimit), maxSessions),
		fmt.Sprintf("| a guest who has proven his mail | %s | %s |", days(IdleLimit), days(SessionLimit)),
		fmt.Sprintf("| 8 digits, %s, %d tries, in the browser that asked, once |\n", within(CodeLife), codeTries),
		fmt.Sprintf("| challenge of %s, once |\n", within(factor.CeremonyLife)),
		fmt.Sprintf("a code by mail begins a wait of %s; letters", days(LostWait)),
		fmt.Sprintf("proof of the last %s, of staff and customers alike", within(freshFor)),
		fmt.Sprintf("a code of the app or from paper | two factors | AAL2 | %d tries in %s |\n", perFactor.Limit, within(perFactor.Window)),
	}
	counted := map[string]factor.Tries{
		"perPlace": perPlace, "perKnown": perKnown, "perAddress": perAddress, "perSecret": perSecret,
		"perNetwork": perNetwork, "perFactor": perFactor, "perMove": perMove, "perLost": perLost, "perChange": perChange}
	says := map[string]string{
		"perPlace": "an address from one network", "perKnown": "an address, from browsers that have signed in as it", "perAddress": "codes mailed to an address, from everywhere",
		"perSecret": "passwords of an address, from everywhere", "perNetwork": "codes that one network has mailed", "perFactor": "codes of the app, after a first factor",
		"perMove": "changes of address that an account asks for", "perLost": "requests that a lost app fall away, of an account", "perChange": "the old password when it is changed"}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var found [][]string
	for _, f := range files {
		code, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(f, "_test.go") {
			found = append(found, regexp.MustCompile(`(\w+) += factor\.Tries\{`).FindAllStringSubmatch(string(code), -1)...)
		}
	}
	if len(found) < 8 {
		t.Fatalf("only %d counters seen", len(found))
	}
	for _, m := range found {
		n, ok := counted[m[1]]
		if !ok {
			t.Errorf("docs/sign-in.md has no line for %s", m[1])
			continue
		}
		want = append(want, fmt.Sprintf("| customer: %s | %d | %s |\n", says[m[1]], n.Limit, within(n.Window)))
	}
	for _, w := range want {
		if !strings.Contains(string(doc), w) {
			t.Errorf("docs/sign-in.md does not say: %s", w)
		}
	}
}
