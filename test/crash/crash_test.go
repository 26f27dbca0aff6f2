package crash

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

func number(t testing.TB, name string, usual uint64) uint64 {
	s := os.Getenv(name)
	if s == "" {
		return usual
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// steps are those of package proof, in an order in which what a step needs has happened
// before. TestEveryStepIsTaken in internal/proof compares them with the program.
var steps = []string{
	"checkout.stored", "checkout.before begin", "checkout.after begin", "checkout.before look", "checkout.before record", "checkout.after record", "checkout.after end",
	"mail.kept", "mail.sent", "mail.marked",
	"returns.claimed", "returns.asked", "returns.recorded",
}

// TestCrashes kills at random and at every step, on both engines.
func TestCrashes(t *testing.T) {
	t.Parallel()
	end := time.Now().Add(time.Duration(number(t, "KASSAVALV_TEST_MINUTES", 0)) * time.Minute)
	seed := number(t, "KASSAVALV_TEST_SEED", uint64(time.Now().UnixNano()))
	fmt.Printf("crash: seed %d (KASSAVALV_TEST_SEED)\n", seed)
	for _, engine := range apptest.Engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			bank := apptest.StartBank(t)
			w := newWorld(t, apptest.Start(t, apptest.Options{Engine: engine, Bank: bank.URL, Proof: true}), seed)
			for {
				found := apptest.Find(t, func(t testing.TB) {
					w.TB = t
					t0 := time.Now()
					w.atRandom(24, 6)
					t1 := time.Now()
					w.atSteps(6, steps...)
					t2 := time.Now()
					w.judge()
					t.Logf("killed at random for %s, at each step for %s, over and compared after %s", t1.Sub(t0).Round(time.Second), t2.Sub(t1).Round(time.Second), time.Since(t2).Round(time.Second))
				})
				w.rounds++
				apptest.Report(t, found)
				if len(found) > 0 || !time.Now().Before(end) {
					break
				}
			}
			w.summary(t, engine)
		})
	}
}
