package race

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// proofs are the table of contents.
var proofs = []struct {
	name string
	run  func(w *world)
}{
	{"the last piece", (*world).lastPiece},
	{"stock is one number", func(w *world) { w.oneNumber(6, 6) }},
	{"the last use of a code", (*world).lastUse},
	{"the last krona of a gift card", (*world).lastKrona},
	{"two refunds", (*world).twoRefunds},
	{"one purchase, moved by all", (*world).onePurchase},
}

// TestRaces runs all of them, again and again for so many minutes.
func TestRaces(t *testing.T) {
	t.Parallel()
	minutes, _ := strconv.Atoi(os.Getenv("KASSAVALV_TEST_MINUTES"))
	end := time.Now().Add(time.Duration(minutes) * time.Minute)
	for _, engine := range apptest.Engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			for {
				w := start(t, engine)
				for _, p := range proofs {
					t.Run(p.name, func(t *testing.T) { apptest.Report(t, w.find(t, p.run)) })
				}
				summary(t, engine, w)
				if t.Failed() || !time.Now().Before(end) {
					return
				}
				for _, s := range w.shops {
					s.Kill()
				}
			}
		})
	}
}

func (w *world) find(t testing.TB, run func(w *world)) []string {
	return apptest.Find(t, func(t testing.TB) {
		w.TB = t
		run(w)
	})
}

// summary is the line that make torture adds up.
func summary(t *testing.T, engine string, w *world) {
	differences := 0
	if t.Failed() {
		differences = 1
	}
	fmt.Printf("sum: race/%s rounds=1 kills=0 purchases=%d refunds=%d differences=%d\n", engine, w.sold, 3, differences)
}
