package auth

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/auth/factor"
)

// span says a length of time as docs/sign-in.md does.
func span(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := d / u.of; n > 1 && d%u.of == 0 {
			return fmt.Sprintf("%d %ss", n, u.name)
		} else if n == 1 && d%u.of == 0 {
			return "1 " + u.name
		}
	}
	return d.String()
}

// What docs/sign-in.md says of staff's limits, of passwords and of the words they must not be made of is what the program does.
func TestSignInIsWrittenDown(t *testing.T) {
	b, err := os.ReadFile("../../docs/sign-in.md")
	if err != nil {
		t.Fatal(err)
	}
	words := make([]string, 0, len(factor.ContextWords))
	for _, w := range factor.ContextWords {
		words = append(words, "`"+w+"`")
	}
	for _, want := range []string{
		fmt.Sprintf("| staff | %s | %s | any number;", span(idleLimit), span(sessionLimit)),
		fmt.Sprintf("| staff: an address, known or not (password and code together) | %d | %s |\n", tryLimit, span(tryWindow)),
		fmt.Sprintf("| staff: requests for a recovery letter, for each address | %d | %s |\n", tryLimit, span(tryWindow)),
		fmt.Sprintf("| %d tries in %s for each address |\n", tryLimit, span(tryWindow)),
		fmt.Sprintf("| challenge of %s, once; no lock |\n", span(factor.CeremonyLife)),
		fmt.Sprintf("| flow of %s, in the browser that began it |\n", span(ssoFlowLife)),
		fmt.Sprintf("| once, %s, the newest only |\n", span(inviteLife)),
		fmt.Sprintf("| once, %s; %d letters in %s |\n", span(recoverLife), tryLimit, span(tryWindow)),
		fmt.Sprintf("end date of its own, %d days at most |", maxTokenLife/(24*time.Hour)),
		fmt.Sprintf("asks for a proof of the last %s, of staff", span(freshFor)),
		fmt.Sprintf("At least %d characters where the password stands alone, %d beside an app, %d for staff (who always have a second factor); up to %d bytes;", factor.Alone, factor.Beside, minPassword, factor.MaxPassword),
		fmt.Sprintf("Kept as argon2id (%d MiB, %d passes).", factor.OWASP.Memory/1024, factor.OWASP.Time),
		fmt.Sprintf("fewer than %d other characters:", factor.LeastOwn),
		"- these: " + strings.Join(words, ", ") + "\n",
		fmt.Sprintf("within %s: **close leavers here too**", span(sessionLimit)),
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("docs/sign-in.md does not say: %s", want)
		}
	}
	for d, want := range map[time.Duration]string{time.Hour: "1 hour", 90 * time.Minute: "90 minutes", 48 * time.Hour: "2 days", time.Second: "1s"} {
		if got := span(d); got != want {
			t.Errorf("%v is said as %q", d, got)
		}
	}
}
