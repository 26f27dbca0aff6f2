package secret

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// The life of an epoch key in docs/keys.md is that of the code.
func TestEpochTimesAreWrittenDown(t *testing.T) {
	b, err := os.ReadFile("../../docs/keys.md")
	if err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	for _, want := range []string{
		fmt.Sprintf("a new one each %d days; destroyed when %d days old", epochTurn/day, epochEnd/day),
		fmt.Sprintf("used %d days, destroyed when %d days old", epochTurn/day, epochEnd/day),
		fmt.Sprintf("goes on for `keys.grace` (%d hours, settable)", DefaultGrace/time.Hour),
		fmt.Sprintf("%d random bits of `crypto/rand`", KeySize*8),
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("docs/keys.md does not say: %s", want)
		}
	}
}
