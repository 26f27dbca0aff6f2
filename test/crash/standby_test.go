package crash

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// TestPrimaryLost pulls a PostgreSQL server away under purchases in flight, for good, as a
// machine that is lost does, and promotes the standby that had to confirm each commit. The
// shop knows both by DATABASE_URL and finds the one that takes writes by itself. Nothing that
// a buyer was told is missing. docs/runbooks/postgres-standby.md is what is done here by hand.
func TestPrimaryLost(t *testing.T) {
	t.Parallel()
	first := apptest.StartPostgres(t)
	first.Schema(t, "shop")
	second := first.Standby(t, "second")
	first.Set(t, "synchronous_standby_names='ANY 1 (second)'")
	inStep := func() bool {
		d, err := sql.Open("pgx", first.URL)
		if err != nil {
			return false
		}
		defer d.Close()
		var n int
		return d.QueryRow(`SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum') AND state='streaming'`).Scan(&n) == nil && n == 1
	}
	if err := apptest.Poll(time.Minute, inStep); err != nil {
		t.Fatal("the standby does not follow: ", err)
	}
	both := fmt.Sprintf("postgres:///postgres?host=127.0.0.1,127.0.0.1&port=%d,%d&user=postgres&sslmode=disable&search_path=shop&target_session_attrs=read-write&connect_timeout=2", first.Port(), second.Port())
	bank := apptest.StartBank(t)
	w := newWorld(t, apptest.Start(t, apptest.Options{Engine: "postgres", Database: both, Bank: bank.URL}), number(t, "KASSAVALV_TEST_SEED", uint64(time.Now().UnixNano())))
	found := apptest.Find(t, func(t testing.TB) {
		w.TB = t
		pid := w.PID
		stop := w.keepComing(6, cards[:len(cards)-1]...)
		time.Sleep(time.Duration(2000+w.draw(2000)) * time.Millisecond) // the moment of a loss is drawn
		first.Pull()
		w.lost++
		told := w.toldSoFar()
		w.withoutDatabase()
		if err := second.Promote(); err != nil {
			w.Fatal(err)
		}
		promoted := time.Now()
		w.again("a cart from the other server", func(c *apptest.Client) bool { return send(c, "POST", apptest.API+"/carts", nil, nil) == 201 })
		t.Logf("%d orders were told of before the loss; the first cart %s after the promotion", told, time.Since(promoted).Round(10*time.Millisecond))
		stop()
		w.judge()
		if !w.Alive() || w.PID != pid {
			w.Errorf("the program did not outlive the server it began with")
		}
		if in := w.As(t).Query(`SELECT pg_is_in_recovery()`); in[0][0] != "false" {
			w.Errorf("it is not the promoted server that is asked: %v", in)
		}
	})
	w.rounds++
	apptest.Report(t, found)
	w.summary(t, "standby")
	if w.paid == 0 {
		t.Error("nobody bought anything: nothing was shown")
	}
}

// toldSoFar is how many buyers have been told of an order.
func (w *world) toldSoFar() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.all {
		if x.told != nil && x.told.Order != nil {
			n++
		}
	}
	return n
}

// TestStandbyThatNobodyWaitsFor breaks the promise on purpose: a standby that need not confirm
// and is behind when the first server goes has not all that buyers were told.
func TestStandbyThatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	first := apptest.StartPostgres(t)
	d, err := sql.Open("pgx", first.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	do := func(stmt string) {
		t.Helper()
		if _, err := d.Exec(stmt); err != nil {
			t.Fatal(err)
		}
	}
	do(`CREATE TABLE told (n INTEGER)`)
	second := first.Standby(t, "second")
	s, err := sql.Open("pgx", second.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	has := func() (n int) {
		s.QueryRow(`SELECT count(*) FROM told`).Scan(&n)
		return
	}
	do(`INSERT INTO told VALUES (1)`)
	if err := apptest.Poll(time.Minute, func() bool { return has() == 1 }); err != nil {
		t.Fatal(err)
	}
	second.Kill()
	do(`INSERT INTO told VALUES (2)`) // answered by the first alone
	first.Set(t, "synchronous_standby_names='ANY 1 (second)'")
	if err := apptest.Poll(time.Minute, func() bool {
		var v string
		return d.QueryRow(`SHOW synchronous_standby_names`).Scan(&v) == nil && strings.Contains(v, "second")
	}); err != nil {
		t.Fatal(err)
	}
	// With a synchronous standby that is away nothing is answered any more: the commit waits.
	answered := make(chan error, 1)
	go func() { _, err := d.Exec(`INSERT INTO told VALUES (3)`); answered <- err }()
	if err := apptest.Poll(time.Minute, func() bool {
		var n int
		return d.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE wait_event='SyncRep'`).Scan(&n) == nil && n == 1
	}); err != nil {
		t.Fatal("the commit does not wait for the standby: ", err)
	}
	first.Pull()
	if err := <-answered; err == nil {
		t.Error("a commit was answered that no standby had")
	}
	if err := second.Open(); err != nil {
		t.Fatal(err)
	}
	if err := second.Promote(); err != nil {
		t.Fatal(err)
	}
	if n := has(); n != 1 {
		t.Errorf("the standby has %d rows, and could not have more than 1", n)
	}
}
