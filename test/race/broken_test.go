package race

import (
	"fmt"
	"os"
	"testing"

	"kassavalv/internal/apptest"
)

// broken says which proof catches a rule that is broken on purpose, and by what finding.
var broken = []struct {
	rule    string
	proof   func(w *world)
	finding string
}{
	{"hold", (*world).lastPiece, "the last piece: 50 of 50 got it"},
	{"hold", func(w *world) { w.oneNumber(3, 4) }, "fits no order of events"},
	{"code", (*world).lastUse, "the last use of a code: 20 of 20 got it"},
	{"gift", (*world).lastKrona, "the last krona of a gift card: 10 of 10 got it"},
	{"overrefund", (*world).twoRefunds, "a refund of the whole: 10 of 10 got it"},
	{"double", (*world).onePurchase, "answers are none"},
	{"look", (*world).onePurchase, "a notification's own word was believed"},
}

// TestBrokenProgramsAreCaught runs each proof against a program without its rule.
func TestBrokenProgramsAreCaught(t *testing.T) {
	t.Parallel()
	engines := apptest.Engines[:1]
	if os.Getenv("KASSAVALV_TEST_BROKEN") != "" { // make torture: on both
		engines = apptest.Engines
	}
	for i, b := range broken {
		for _, engine := range engines {
			t.Run(fmt.Sprintf("%s-%d/%s", b.rule, i, engine), func(t *testing.T) {
				t.Parallel()
				w := start(t, engine, "KASSAVALV_PROOF_BREAK="+b.rule)
				w.hurry = true
				apptest.Caught(t, w.find(t, b.proof), b.finding)
			})
		}
	}
}
