package fault

import (
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
	{"answer", (*world).unhurried, "only after the shop had given up its call"},
	{"key", (*world).late, "a call that came late made 2 payments of one purchase"},
	{"late", (*world).afterEnd, "neither an order nor back"},
	{"match", (*world).wrongSum, "a wrong sum was believed"},
}

// TestBrokenProgramsAreCaught runs each proof against a program without its rule.
func TestBrokenProgramsAreCaught(t *testing.T) {
	t.Parallel()
	engines := apptest.Engines[:1]
	if os.Getenv("KASSAVALV_TEST_BROKEN") != "" { // make torture: on both
		engines = apptest.Engines
	}
	for _, b := range broken {
		for _, engine := range engines {
			t.Run(b.rule+"/"+engine, func(t *testing.T) {
				t.Parallel()
				w := shop(engine, "KASSAVALV_PROOF_BREAK="+b.rule)(t)
				w.hurry = true
				apptest.Caught(t, w.find(t, b.proof), b.finding)
			})
		}
	}
}
