package copies_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/dir"
)

// drilled is a shop with everything a site keeps: raw and longer segments, a snapshot, a
// file, keys and configuration, and copies of the second road.
func drilled(t *testing.T, seed int64) *shop { return drilledAt(t, grown(t, seed, 1)) }

// drilledTwice is drilled with two sites, and a head kept of an earlier time.
func drilledTwice(t *testing.T, seed int64) *shop {
	s := grown(t, seed, 2)
	s.eventually(func() bool {
		b, err := os.ReadFile(filepath.Join(s.places[0], "keys", "head.kvc"))
		s.oldHead = b
		return err == nil
	})
	return drilledAt(t, s)
}

func drilledAt(t *testing.T, s *shop) *shop {
	name := strings.Repeat("cd", 20)
	p := filepath.Join(s.files, "cd", "cd", name)
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte("a picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.room.Dump(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.settled()
	s.dumped()
	for range 6 {
		s.some()
		s.settled()
	}
	if err := s.room.Dump(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.some()
	s.settled()
	s.dumped()
	s.end()
	s.begin() // the head goes out at the start, when all of it is there
	s.eventually(func() bool {
		inv, err := s.finder(0).Look(context.Background())
		return err == nil && len(inv.Files) == 1 && len(inv.Along) == 1 && slices.ContainsFunc(inv.Segments, func(x copies.Found) bool { return x.Level == copies.Snapshot })
	})
	s.eventually(func() bool { // the head tells of all of it
		v := copies.Verify(context.Background(), s.siteAt(0), s.charter, copies.VerifyOptions{Who: s.keys.Drill, Share: 1, Now: s.clock()})
		return len(v.Findings) == 0 && v.Max == s.stream.Head().TX && headTX(t, s.places[0]) == v.Max
	})
	return s
}

// headTX is how far the head of a site says it is.
func headTX(t *testing.T, place string) uint64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(place, "keys", "head.kvc"))
	if err != nil {
		return 0
	}
	h, err := copies.HeaderOf(b)
	if err != nil {
		t.Fatal(err)
	}
	return h.Max
}

func (s *shop) siteIn(place string) copies.Site {
	s.t.Helper()
	x, err := dir.Open(place, dir.Options{Name: "site0", SetUp: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return x
}

func (s *shop) drillOptions() copies.DrillOptions {
	o := copies.DrillOptions{Site: s.siteAt(0), Charter: s.charter, Who: s.keys.Drill, Dir: filepath.Join(s.t.TempDir(), "drill"), Cold: true, Now: s.clock,
		Files: func(context.Context, string) ([]string, error) { return []string{strings.Repeat("cd", 20)}, nil }}
	if s.room != nil {
		k, ok := s.room.Known("site0")
		if !ok {
			s.t.Fatal("the site is not known")
		}
		o.Known = &k
	}
	return o
}

func says(r copies.Result) string {
	var b strings.Builder
	b.WriteString(string(r.State))
	for _, f := range r.Findings {
		b.WriteString("\n  " + f.String())
		if f.Unknown {
			b.WriteString(" (unknown)")
		}
	}
	return b.String()
}

// A site that is whole is ok, warm and cold, with what the shop knows and without; every
// step is on the stopwatch, and nothing of the shop stays in the folder.
func TestDrill(t *testing.T) {
	s := drilled(t, 51)
	for i, change := range []func(o *copies.DrillOptions){
		func(o *copies.DrillOptions) {},
		func(o *copies.DrillOptions) { o.Known = nil },
		func(o *copies.DrillOptions) { o.Cold, o.Rate = false, 50<<20 },
		func(o *copies.DrillOptions) { o.Who = s.paper.Identity() },
	} {
		o := s.drillOptions()
		change(&o)
		looked := false
		o.Check = func(ctx context.Context, path string) []copies.Finding {
			looked = true
			s.is(path)
			return nil
		}
		bought := ""
		o.Buy = func(_ context.Context, dir string) ([]string, []copies.Finding) { bought = dir; return nil, nil }
		r := copies.Drill(context.Background(), o)
		if r.State != copies.Ok || !looked || bought != o.Dir {
			t.Fatalf("%d: %s", i, says(r))
		}
		if len(r.Steps) != len(copies.DrillSteps) || r.Size == 0 || r.Fetched == 0 || r.RTO <= 0 || r.Newest.IsZero() || r.TX == 0 || r.Objects < 20 {
			t.Errorf("%+v", r)
		}
		if o.Known != nil && r.RPO > time.Minute {
			t.Errorf("lost: %s", r.RPO)
		}
		if _, err := os.Stat(o.Dir); !os.IsNotExist(err) {
			t.Errorf("the folder of the drill stays: %v", err)
		}
	}
}

// While the shop sells, copies are made and the retention removes, a drill finds nothing.
func TestDrillOfALivingShop(t *testing.T) {
	s := drilled(t, 52)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			db.Do(context.Background(), s.d, func(tx *db.Tx) error {
				_, err := tx.Exec(`INSERT INTO t (id, s) VALUES ($1, 'x') ON CONFLICT (id) DO UPDATE SET s=t.s || 'x'`, int64(5000+i%20))
				return err
			})
			if i%40 == 0 {
				aged(t, filepath.Join(s.places[0], "e", "00000001", "l0"), 4*24*time.Hour)
				s.room.Retain(context.Background(), "site0", true)
			}
			if i%90 == 0 {
				s.room.Dump(context.Background())
			}
		}
	}()
	for range 6 {
		o := s.drillOptions()
		r := copies.Drill(context.Background(), o)
		if r.State == copies.Failed {
			t.Errorf("%s", says(r))
		}
	}
	close(stop)
	<-done
}

// What cannot be looked at is inconclusive; what falls is failed; nothing else is ok.
func TestDrillIsNeverOkBySilence(t *testing.T) {
	s := drilled(t, 53)
	other := copies.NewKeys([]byte(strings.Repeat("x", 32)))
	for name, c := range map[string]struct {
		change func(o *copies.DrillOptions)
		state  copies.State
		says   string
	}{
		"another key":         {func(o *copies.DrillOptions) { o.Who = other.Drill }, copies.Inconclusive, "opens none"},
		"no time":             {func(o *copies.DrillOptions) { o.Timeout = time.Nanosecond }, copies.Inconclusive, "deadline"},
		"an unreachable site": {func(o *copies.DrillOptions) { o.Site = away{o.Site} }, copies.Inconclusive, "no route"},
		"a full disk":         {func(o *copies.DrillOptions) { o.Dir = "/proc/drill" }, copies.Inconclusive, "/proc/drill"},
		"a check that falls": {func(o *copies.DrillOptions) {
			o.Check = func(context.Context, string) []copies.Finding { panic("secret words") }
		}, copies.Failed, "fell"},
		"a check that finds": {func(o *copies.DrillOptions) {
			o.Check = func(context.Context, string) []copies.Finding {
				return []copies.Finding{{Object: "ledger", What: "does not add up"}}
			}
		}, copies.Failed, "ledger: does not add up"},
		"a check that does not know": {func(o *copies.DrillOptions) {
			o.Check = func(context.Context, string) []copies.Finding {
				return []copies.Finding{{Object: "bank", What: "did not answer", Unknown: true}}
			}
		}, copies.Inconclusive, "did not answer"},
		"a list of files that is not to be had": {func(o *copies.DrillOptions) {
			o.Files = func(context.Context, string) ([]string, error) { return nil, errors.New("no list") }
		}, copies.Inconclusive, "no list"},
		"stopped in the middle": {func(o *copies.DrillOptions) {
			o.Site = breaks{o.Site}
		}, copies.Inconclusive, "cut off"},
	} {
		o := s.drillOptions()
		c.change(&o)
		r := copies.Drill(context.Background(), o)
		if r.State != c.state || !strings.Contains(says(r), c.says) || strings.Contains(says(r), "secret words") {
			t.Errorf("%s: %s", name, says(r))
		}
	}
	o := s.drillOptions()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(o.Dir, "mine")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := copies.Drill(context.Background(), o); r.State != copies.Inconclusive {
		t.Errorf("%s", says(r))
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error("a drill removed what was not its own")
	}
}

// away is a site that cannot be reached.
type away struct{ copies.Site }

func (away) Get(context.Context, string) (io.ReadCloser, error) {
	return nil, errors.New("no route to host")
}

// breaks is a site whose transfers of segments are cut.
type breaks struct{ copies.Site }

func (b breaks) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := b.Site.Get(ctx, name)
	if err != nil || !strings.Contains(name, "/l") {
		return r, err
	}
	r.Close()
	return nil, errors.New("cut off")
}

// Results are kept for the chart, and a site that was not proven for twice the interval is
// late, whatever was tried meanwhile.
func TestDrillsAreKept(t *testing.T) {
	dbtest.Each(t, []db.Migrations{copies.Migrations}, func(t *testing.T, d *db.DB) {
		now := time.Now().UTC().Truncate(time.Microsecond)
		const day = 24 * time.Hour
		write := func(r copies.Result) error {
			return db.Do(context.Background(), d, func(tx *db.Tx) error { return copies.Record(tx, r) })
		}
		for i, r := range []copies.Result{
			{Site: "nas", State: copies.Ok, Started: now.Add(-200 * day), Newest: now},
			{Site: "nas", State: copies.Ok, Started: now.Add(-3 * day), Newest: now.Add(-3 * day), RPO: time.Second, RTO: 9 * time.Second, Took: time.Minute, Size: 1 << 30, Fetched: 5, Objects: 7, Epoch: 2, TX: 99, Cold: true,
				Steps: []copies.Step{{Name: "verify", Took: time.Second, Bytes: 4}}, Notes: []string{"note"}},
			{Site: "nas", State: copies.Inconclusive, Started: now.Add(-2 * day), Findings: []copies.Finding{{Step: "verify", Object: "nas", What: "is away", Unknown: true}}},
			{Site: "cloud", State: copies.Ok, Started: now.Add(-day), Newest: now},
			{Site: "cloud", State: copies.Failed, Started: now.Add(-time.Hour), Findings: make([]copies.Finding, 500)},
		} {
			if err := write(r); err != nil {
				t.Fatal(i, err)
			}
		}
		for _, bad := range []copies.Result{{}, {Site: "x", State: "good", Started: now}, {State: copies.Ok, Started: now, Newest: now}} {
			if write(bad) == nil {
				t.Errorf("%+v is kept", bad)
			}
		}
		if write(copies.Result{Site: "x", State: copies.Ok, Started: now}) == nil {
			t.Error("a drill that brought nothing back is kept as ok")
		}
		type both struct {
			all   []copies.Result
			proof []copies.Proof
		}
		got, err := db.Read(context.Background(), d, func(q *db.Reader) (b both, err error) {
			if b.all, err = copies.Drills(q, now.Add(-90*day)); err == nil {
				b.proof, err = copies.Proofs(q, []string{"nas", "cloud", "new"}, map[string]time.Time{"new": now.Add(-day)}, day, now)
			}
			return
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.all) != 4 || got.all[0].Site != "cloud" || len(got.all[0].Findings) != 100 {
			t.Fatalf("%d results", len(got.all))
		}
		r := got.all[3]
		if r.Site != "nas" || !r.Cold || r.RPO != time.Second || r.RTO != 9*time.Second || r.Took != time.Minute || r.Size != 1<<30 || r.Fetched != 5 || r.Objects != 7 || r.Epoch != 2 || r.TX != 99 ||
			len(r.Steps) != 1 || r.Steps[0].Bytes != 4 || len(r.Notes) != 1 || !r.Newest.Equal(now.Add(-3*day)) {
			t.Errorf("%+v", r)
		}
		nas, cloud, fresh := got.proof[0], got.proof[1], got.proof[2]
		if !nas.Late || nas.Last.State != copies.Inconclusive || nas.Good == nil || cloud.Late || cloud.Last.State != copies.Failed || fresh.Late || fresh.Last != nil {
			t.Errorf("%+v", got.proof)
		}
		late, err := db.Read(context.Background(), d, func(q *db.Reader) ([]copies.Proof, error) {
			return copies.Proofs(q, []string{"new", "forgotten"}, map[string]time.Time{"new": now.Add(-day), "forgotten": now.Add(-3 * day)}, day, now)
		})
		if err != nil || late[0].Late || !late[1].Late {
			t.Errorf("a site that was never drilled is not late: %+v, %v", late, err)
		}
	})
}
