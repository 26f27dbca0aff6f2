package fault

import (
	"os"
	"strconv"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/db/dbtest"
)

// proof is a row of the table of contents: what goes wrong, and in which shop.
type proof struct {
	name string
	open func(t testing.TB) *world
	runs []func(w *world)
}

func shop(engine string, env ...string) func(t testing.TB) *world {
	return func(t testing.TB) *world {
		return open(t, apptest.Options{Engine: engine, Proof: len(env) > 0, Env: env})
	}
}

// behind is a shop whose way to PostgreSQL can be poisoned.
func behind(t testing.TB) *world {
	url := dbtest.PostgresURL(t)
	db := newLink(t, host(t, url))
	w := open(t, apptest.Options{Engine: "postgres", Database: db.through(t, url)})
	w.db = db
	return w
}

// small is a shop whose disk can be filled.
func small(engine string) func(t testing.TB) *world {
	return func(t testing.TB) *world {
		d := apptest.SmallDisk(t, engine, 40<<20)
		w := open(t, apptest.Options{Engine: engine, Dir: d.Dir, Database: d.Database})
		w.disk = d
		return w
	}
}

var proofs = []proof{
	{"bank/sqlite", shop("sqlite"), []func(w *world){(*world).badBank, (*world).unhurried, (*world).late, (*world).wrongSum, (*world).afterEnd}},
	{"bank/postgres", shop("postgres"), []func(w *world){(*world).badBank, (*world).unhurried, (*world).late, (*world).wrongSum, (*world).afterEnd}},
	{"database", behind, []func(w *world){(*world).slowDatabase, (*world).goneDatabase, (*world).dumbDatabase}},
	{"disk/sqlite", small("sqlite"), []func(w *world){(*world).fullDisk}},
	{"disk/postgres", small("postgres"), []func(w *world){(*world).fullDisk}},
	{"mail/sqlite", shop("sqlite"), []func(w *world){(*world).noRelay}},
	{"mail/postgres", shop("postgres"), []func(w *world){(*world).noRelay}},
}

// TestFaults runs all of them, again and again for so many minutes.
func TestFaults(t *testing.T) {
	t.Parallel()
	minutes, _ := strconv.Atoi(os.Getenv("KASSAVALV_TEST_MINUTES"))
	end := time.Now().Add(time.Duration(minutes) * time.Minute)
	for _, p := range proofs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w := p.open(t)
			for rounds := 1; ; rounds++ {
				for _, run := range p.runs {
					apptest.Report(t, w.find(t, run))
				}
				if t.Failed() || !time.Now().Before(end) {
					w.summary(t, p.name, rounds)
					return
				}
			}
		})
	}
}
