package crash

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// broken says how the proof of this package catches a rule that is broken on purpose: at
// which step the program is killed ("": not at all), who buys meanwhile, and what the
// proof must find.
var broken = []struct {
	rule, step string
	cards      []string
	finding    string
}{
	{"letter", "mail.sent", []string{apptest.Good}, "got two letters"},
	{"outbox", "checkout.after end", []string{apptest.Good}, "got no mail"},
	{"refundkey", "returns.asked", []string{apptest.Good}, ", bank "},
	{"release", "", []string{apptest.Declined}, "stock of "},
	{"rescue", "checkout.stored", []string{apptest.Silent}, "the purchase is not over"},
}

// TestBrokenProgramsAreCaught runs the proof against each of them. The letters that
// count are waited for only shortly: what is broken does not come later either.
func TestBrokenProgramsAreCaught(t *testing.T) {
	t.Parallel()
	engines := apptest.Engines[:1]
	if number(t, "KASSAVALV_TEST_BROKEN", 0) > 0 { // make torture: on both
		engines = apptest.Engines
	}
	for _, b := range broken {
		for _, engine := range engines {
			t.Run(b.rule+"/"+engine, func(t *testing.T) {
				t.Parallel()
				bank := apptest.StartBank(t)
				env := []string{"KASSAVALV_PROOF_BREAK=" + b.rule}
				w := newWorld(t, apptest.Start(t, apptest.Options{Engine: engine, Bank: bank.URL, Proof: true, Env: env}), 1)
				w.env = env
				w.patience, w.letters, w.trying = 12*time.Second, 12*time.Second, 10*time.Second
				if engine == "postgres" { // leases run out first
					w.letters = 45 * time.Second
				}
				apptest.Caught(t, apptest.Find(t, func(t testing.TB) {
					w.TB = t
					if b.step == "" {
						for range 3 {
							w.visit(b.cards[0])
						}
					} else {
						stop := w.keepComing(3, b.cards...)
						w.doomed(b.step, 1)
						w.reborn()
						stop()
					}
					w.judge()
				}), b.finding)
			})
		}
	}
}

// The program that merchants get cannot be broken: it holds nothing of package proof,
// and refuses the words that would break it.
func TestOrdinaryProgramCannotBeBroken(t *testing.T) {
	t.Parallel()
	mark := []byte("this program was built to be broken")
	for path, want := range map[string]bool{apptest.Program(t): false, apptest.ProofProgram(t): true} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range [][]byte{mark, []byte("KASSAVALV_PROOF_KILL"), []byte("KASSAVALV_PROOF_BREAK")} {
			if got := bytes.Contains(b, word); got != want {
				t.Errorf("%s holds %q: %v", path, word, got)
			}
		}
	}
	for _, e := range []string{"KASSAVALV_PROOF_BREAK=hold", "KASSAVALV_PROOF_KILL=checkout.stored:1"} {
		out, status := apptest.Command(t, []string{e}, "demo", "--addr", "127.0.0.1:0", "--data", t.TempDir())
		if status != 1 || !strings.Contains(out, "no such key") {
			t.Errorf("%s: status %d, %s", e, status, out)
		}
	}
}
