package crash

import (
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// TestDatabaseKilled kills PostgreSQL itself under purchases in flight, as a power failure
// would and by SIGKILL, and opens it again. The program goes on all the while.
func TestDatabaseKilled(t *testing.T) {
	t.Parallel()
	pg := apptest.StartPostgres(t)
	end := time.Now().Add(time.Duration(number(t, "KASSAVALV_TEST_MINUTES", 0)) * time.Minute)
	bank := apptest.StartBank(t)
	w := newWorld(t, apptest.Start(t, apptest.Options{Engine: "postgres", Database: pg.Schema(t, "shop"), Bank: bank.URL}), number(t, "KASSAVALV_TEST_SEED", uint64(time.Now().UnixNano())))
	for {
		found := apptest.Find(t, func(t testing.TB) {
			w.TB = t
			pid := w.PID
			stop := w.keepComing(6, cards[:len(cards)-1]...)
			for i := range 4 {
				time.Sleep(time.Duration(500+w.draw(1500)) * time.Millisecond) // the moment of a crash is drawn
				if i%2 == 0 {
					pg.Kill()
				} else {
					pg.Pull()
				}
				w.lost++
				w.withoutDatabase()
				time.Sleep(time.Duration(w.draw(1000)) * time.Millisecond)
				if err := pg.Open(); err != nil {
					w.Fatal(err)
				}
			}
			stop()
			w.judge()
			if !w.Alive() || w.PID != pid {
				w.Errorf("the program did not outlive its database")
			}
		})
		w.rounds++
		apptest.Report(t, found)
		if len(found) > 0 || !time.Now().Before(end) {
			break
		}
	}
	w.summary(t, "database")
}

// withoutDatabase holds what a shop says whose database has gone: it is alive, not
// ready, and who asks is told to come back, in words that promise nothing.
func (w *world) withoutDatabase() {
	c := w.As(w.TB)
	if a := c.Do("GET", c.Ops+"/healthz", nil); a.Status != 200 {
		w.Errorf("health without a database: %v", a)
	}
	if a := c.Do("GET", c.Ops+"/readyz", nil); a.Status != 503 {
		w.Errorf("ready without a database: %v", a)
	}
	if a := c.Do("POST", apptest.API+"/carts", nil); a.Status != 503 || a.Header.Get("Retry-After") == "" {
		w.Errorf("a cart without a database: %v", a)
	}
}
