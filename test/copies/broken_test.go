package copies

import (
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// broken says what the proof must find in each program that is broken on purpose.
var broken = []struct{ rule, finding string }{
	{"early", "was shown as paid and is missing"},
	{"leftover", "not to the signed"},
	{"wait", "was shown as paid and is missing"},
}

// TestBrokenProgramsAreCaught loses the machine of each of them, a moment after its sites
// have gone away; that of the log is killed between a commit and what the copies hear of it.
func TestBrokenProgramsAreCaught(t *testing.T) {
	t.Parallel()
	bank := apptest.StartBank(t)
	for _, b := range broken {
		t.Run(b.rule, func(t *testing.T) {
			t.Parallel()
			env := []string{"KASSAVALV_PROOF_BREAK=" + b.rule}
			if b.rule == "leftover" { // it was whole when it was killed
				env = nil
			}
			w := begin(t, apptest.Options{Bank: bank.URL, Proof: true}, 1, nil, 1, env...)
			apptest.Caught(t, apptest.Find(t, func(t testing.TB) {
				w.TB = t
				w.round++
				stop := w.crowd(4)
				if b.rule == "leftover" {
					w.patience = 10 * time.Second
					w.doomed("db.untold", 100)
					w.reborn("KASSAVALV_PROOF_BREAK=leftover")
					stop()
					w.settle()
					return
				}
				apptest.Poll(60*time.Second, func() bool { return w.told() >= 5 })
				w.unmount(0)
				w.unmount(1)
				before := w.told()
				apptest.Poll(20*time.Second, func() bool { return w.told() >= before+10 })
				w.gone(stop, []int{0, 1})
				w.comesBack(1)
			}), b.finding)
		})
	}
}
