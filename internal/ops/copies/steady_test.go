package copies_test

import (
	"context"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
)

// What a drill restores goes to the disk piece by piece, each waited for before the next but one
// is sent, and never by a sync, which everybody else's would wait behind. A restore that is to
// stay is synced.
func TestDrillWritesSteadily(t *testing.T) {
	s := drilled(t, 57)
	ctx := context.Background()
	if err := db.Do(ctx, s.d, func(tx *db.Tx) error {
		if _, err := tx.Exec(`CREATE TABLE ballast (id INTEGER PRIMARY KEY, b BLOB NOT NULL) STRICT`); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO ballast (b) SELECT randomblob(65536) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 128) SELECT i FROM n)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s.settled()
	if err := s.room.Dump(ctx); err != nil {
		t.Fatal(err)
	}
	s.settled()
	s.dumped()
	var mu sync.Mutex
	sent, waited, most, syncs := map[string]int64{}, map[string]int64{}, int64(0), []string{}
	short := func(p string) string { return strings.SplitN(filepath.Base(p), ".", 2)[0] }
	send := func(name string, _, n int64) {
		mu.Lock()
		defer mu.Unlock()
		sent[short(name)] += n
		most = max(most, sent[short(name)]-waited[short(name)])
	}
	wait := func(name string, _, n int64) { mu.Lock(); defer mu.Unlock(); waited[short(name)] += n }
	sync := func(name string) { mu.Lock(); defer mu.Unlock(); syncs = append(syncs, name) }
	o := s.drillOptions()
	o.WatchDisk(send, wait, sync)
	r := copies.Drill(ctx, o)
	if r.State != copies.Ok || r.Size < 8<<20 {
		t.Fatalf("%d bytes: %s", r.Size, says(r))
	}
	for _, f := range []string{"shop", "second"} {
		if n := sent[f]; n < r.Size-2*copies.SteadyPiece {
			t.Errorf("of the %d bytes of %s %d were sent to the disk as they were written", r.Size, f, n)
		}
	}
	if len(syncs) > 0 {
		t.Errorf("a drill syncs what it throws away: %v", syncs)
	}

	// The last thing that comes may be one page far behind: a part is as long as the file then,
	// though little of it was written. Of one that is written in order two pieces are on their way.
	if most > 3*copies.SteadyPiece+1<<20 && sent["then"] == 0 {
		t.Errorf("up to %d bytes were on their way at once", most)
	}
	site := s.siteAt(0)
	f := &copies.Finder{Sites: []copies.Site{site}, Who: s.keys.Drill, Charter: &s.charter}
	clear(sent)
	f.WatchDisk(send, wait, sync)
	inv, err := f.Look(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Database(ctx, inv, copies.Target{}, filepath.Join(t.TempDir(), "back.db"), nil); err != nil {
		t.Fatal(err)
	}
	if len(syncs) != 1 || len(sent) > 0 {
		t.Errorf("a restore that stays: synced %v, sent %v", syncs, sent)
	}
}

// hasty is a site that shows, of what came while it was listed, the last and not the one before.
type hasty struct {
	copies.Site
	hidden string
}

func (h hasty) List(ctx context.Context, prefix, after string) iter.Seq2[copies.Object, error] {
	return func(yield func(copies.Object, error) bool) {
		for o, err := range h.Site.List(ctx, prefix, after) {
			if err == nil && o.Name == h.hidden {
				continue
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

// A listing is no moment: what came meanwhile may be shown in part, and that is no loss. What the
// shop had been told of before is.
func TestDrillOfAGrowingSiteAccusesNobody(t *testing.T) {
	s := drilled(t, 58)
	before := s.drillOptions()
	head, err := os.ReadFile(filepath.Join(s.places[0], "keys", "head.kvc"))
	if err != nil {
		t.Fatal(err)
	}
	raw := func() []string {
		list, err := filepath.Glob(filepath.Join(s.places[0], "e", "*", "l0", "*.kvc"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	had := len(raw())
	for len(raw()) < had+3 {
		s.some()
		s.settled()
	}
	list := raw()
	hidden, err := filepath.Rel(s.places[0], list[len(list)-2])
	if err != nil {
		t.Fatal(err)
	}
	o := s.drillOptions()
	o.Dir = filepath.Join(t.TempDir(), "drill")
	o.Site = hasty{o.Site, filepath.ToSlash(hidden)}
	if r := copies.Drill(context.Background(), o); r.State != copies.Failed || !strings.Contains(says(r), "gone") {
		t.Errorf("what the shop knows to be there is missed by nobody: %s", says(r))
	}
	o.Known, o.Dir = before.Known, filepath.Join(t.TempDir(), "drill")
	o.Site = headed{o.Site, head}
	if r := copies.Drill(context.Background(), o); r.State != copies.Ok {
		t.Errorf("what came while it was listed is called lost: %s", says(r))
	}
}

// headed is a site with a head of earlier.
type headed struct {
	copies.Site
	head []byte
}

func (h headed) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if name == "keys/head.kvc" {
		return io.NopCloser(strings.NewReader(string(h.head))), nil
	}
	return h.Site.Get(ctx, name)
}

// Large files are removed a piece at a time: whole, the disk would have others wait. A drill that is
// over, or finds something else there, still takes the name away, and nothing that it leads to.
func TestFilesAreGivenUp(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "shop.db")
	hold := func(size int64) *os.File {
		t.Helper()
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		return f
	}
	is := func(f *os.File, what string, least, most int64) {
		t.Helper()
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s: it is still there: %v", what, err)
		}
		if st, err := f.Stat(); err != nil || st.Size() < least || st.Size() > most {
			t.Errorf("%s: %d bytes went at once, %v", what, st.Size(), err)
		}
	}
	f := hold(100 << 20)
	copies.GiveUp(context.Background(), path)
	is(f, "large", 1, 16<<20)
	f = hold(5)
	copies.GiveUp(context.Background(), path)
	is(f, "small", 5, 5)
	over, end := context.WithCancel(context.Background())
	end()
	f = hold(100 << 20)
	copies.GiveUp(over, path)
	is(f, "over", 100<<20, 100<<20)
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, make([]byte, 40<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, path); err != nil {
		t.Skip("no links here:", err)
	}
	copies.GiveUp(context.Background(), path)
	if st, err := os.Stat(other); err != nil || st.Size() != 40<<20 {
		t.Errorf("what a link led to is changed: %v", err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the link is still there: %v", err)
	}
}
