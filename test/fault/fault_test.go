package fault

import (
	"os"
	"strconv"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/wiretest"
)

// proof is a row of the table of contents: what goes wrong, and in which shop.
type proof struct {
	name string
	open func(t testing.TB) *world
	runs []func(w *world)
	most int // rounds of one shop, where its place does not hold more; 0: any number
}

func shop(engine string, env ...string) func(t testing.TB) *world {
	return func(t testing.TB) *world {
		return open(t, apptest.Options{Engine: engine, Proof: len(env) > 0, Env: env})
	}
}

// behind is a shop whose way to PostgreSQL can be poisoned.
func behind(t testing.TB) *world {
	url := dbtest.PostgresURL(t)
	db := wiretest.New(t, host(t, url))
	w := open(t, apptest.Options{Engine: "postgres", Database: db.Through(t, url)})
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
	{"bank/sqlite", shop("sqlite"), []func(w *world){(*world).badBank, (*world).unhurried, (*world).late, (*world).wrongSum, (*world).afterEnd}, 0},
	{"bank/postgres", shop("postgres"), []func(w *world){(*world).badBank, (*world).unhurried, (*world).late, (*world).wrongSum, (*world).afterEnd}, 0},
	{"database", behind, []func(w *world){(*world).slowDatabase, (*world).goneDatabase, (*world).dumbDatabase}, 0},
	// On so small a disk the letters and carts of more rounds leave no room to heal in.
	{"disk/sqlite", small("sqlite"), []func(w *world){(*world).fullDisk}, 12},
	{"disk/postgres", small("postgres"), []func(w *world){(*world).fullDisk}, 12},
	{"mail/sqlite", shop("sqlite"), []func(w *world){(*world).noRelay}, 0},
	{"mail/postgres", shop("postgres"), []func(w *world){(*world).noRelay}, 0},
}

// TestFaults runs all of them, again and again for so many minutes.
func TestFaults(t *testing.T) {
	t.Parallel()
	minutes, _ := strconv.Atoi(os.Getenv("KASSAVALV_TEST_MINUTES"))
	end := time.Now().Add(time.Duration(minutes) * time.Minute)
	for _, p := range proofs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for shops := 1; shops == 1 || !t.Failed() && time.Now().Before(end); shops++ {
				t.Run(strconv.Itoa(shops), func(t *testing.T) {
					w := p.open(t)
					rounds := 0
					for again := true; again; again = !t.Failed() && time.Now().Before(end) && rounds != p.most {
						rounds++
						for _, run := range p.runs {
							apptest.Report(t, w.find(t, run))
						}
					}
					w.summary(t, p.name, rounds)
				})
			}
		})
	}
}
