package copies_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/dir"
)

// shop is a world with copies at folders.
type shop struct {
	*world
	paper   copies.Paper
	keys    copies.Keys
	charter copies.Charter
	room    *copies.Room
	places  []string
	files   string
	clock   func() time.Time
	log     *slog.Logger // nil: quiet
	look    time.Duration
	epoch   uint32                                 // 0: 1
	wrap    func(i int, x copies.Site) copies.Site // of what feeds the sites
	oldHead []byte                                 // of site0, from an earlier time
	plain   string                                 // folder of an unsealed site, as Litestream reads it
}

func newShop(t *testing.T, seed int64, sites int) *shop {
	s := &shop{paper: copies.NewPaper(), keys: copies.NewKeys([]byte("0123456789abcdef0123456789abcdef"))}
	s.charter = copies.NewCharter(s.paper, s.keys, "Fiket")
	for range sites {
		s.places = append(s.places, t.TempDir())
	}
	s.files = t.TempDir()
	s.world = newWorld(t, seed)
	s.begin()
	return s
}

func (s *shop) siteAt(i int) copies.Site {
	s.t.Helper()
	x, err := dir.Open(s.places[i], dir.Options{Name: fmt.Sprintf("site%d", i), SetUp: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return x
}

func (s *shop) begin() {
	s.t.Helper()
	log := s.log
	if log == nil {
		log = quiet()
	}
	o := copies.Options{Dir: filepath.Join(s.dir, "copies"), Charter: s.charter, Keys: s.keys, Epoch: max(s.epoch, 1), Stream: s.stream, DB: s.d, Files: s.files, Log: log, Now: s.clock, LookEvery: s.look,
		Along: func(context.Context) (copies.Along, error) {
			return copies.Along{Keys: "kassavalv-key-1 link", Files: map[string][]byte{"kassavalv.toml": []byte("x")}}, nil
		}}
	for i := range s.places {
		x := s.siteAt(i)
		if s.wrap != nil {
			x = s.wrap(i, x)
		}
		o.Sites = append(o.Sites, copies.SiteOptions{Site: x})
	}
	if s.plain != "" {
		x, err := dir.Open(s.plain, dir.Options{Name: "plain", SetUp: true})
		if err != nil {
			s.t.Fatal(err)
		}
		o.Sites = append(o.Sites, copies.SiteOptions{Site: x, Unsealed: true})
	}
	var err error
	if s.room, err = copies.Open(context.Background(), o); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.end)
}

func (s *shop) end() {
	if s.room != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		s.room.Close(ctx)
		s.room = nil
	}
}

// stop ends the feeding as it stands, with what is on its way.
func (s *shop) stop() {
	if s.room == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.room.Close(ctx)
	s.room = nil
}

// settled waits until all sites have everything.
func (s *shop) settled() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := len(s.places)
	if s.plain != "" {
		n++
	}
	if a := s.room.Wait(ctx, 0, n); a.Sites != n {
		s.t.Fatalf("%d of %d sites have it", a.Sites, n)
	}
}

// finder looks at some sites with the paper key alone, as on an empty machine.
func (s *shop) finder(sites ...int) *copies.Finder {
	f := &copies.Finder{Who: s.paper.Identity(), Paper: &s.paper}
	for _, i := range sites {
		f.Sites = append(f.Sites, s.siteAt(i))
	}
	return f
}

func (s *shop) restore(f *copies.Finder, t copies.Target) (string, copies.Report, error) {
	s.t.Helper()
	inv, err := f.Look(context.Background())
	if err != nil {
		return "", copies.Report{}, err
	}
	p := filepath.Join(s.t.TempDir(), "shop.db")
	rep, err := f.Database(context.Background(), inv, t, p, nil)
	return p, rep, err
}

// is asserts that a restored file is whole and what the shop was at its own position.
func (s *shop) is(path string) db.Pos {
	s.t.Helper()
	d, err := db.Open(context.Background(), db.Options{Path: path, CheckFile: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer d.Close()
	pos := posOf(s.t, d)
	s.was(pos, contentsOf(s.t, d))
	return pos
}

// noTable are the contents before the table is made: a slow machine closes a segment there.
const noTable = "no table"

// was holds that contents are what the shop was at a position.
func (s *shop) was(pos db.Pos, contents string) {
	s.t.Helper()
	if want, ok := s.states[pos]; !ok || contents != want {
		s.t.Fatalf("restored to position %d (known: %v), which is not what the shop was", pos, ok)
	}
}

// reads is is without opening a shop: the file as it lies, whole and with nothing beside it,
// by SQLite alone. Opening shops is most of the work where many positions are looked at.
func (s *shop) reads(path string) db.Pos {
	t := s.t
	t.Helper()
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Fatal("a log lies beside the restored file")
	}
	d, err := sql.Open("sqlite", "file:"+path+"?mode=ro&immutable=1")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.SetMaxOpenConns(1)
	var whole string
	var pos db.Pos
	if err := d.QueryRow(`PRAGMA integrity_check`).Scan(&whole); err != nil || whole != "ok" {
		t.Fatal(whole, err)
	}
	if err := d.QueryRow(`SELECT value FROM db_meta WHERE name='pos'`).Scan(&pos); err != nil {
		t.Fatal(err)
	}
	var tables int
	if err := d.QueryRow(`SELECT count(*) FROM sqlite_master WHERE name='t'`).Scan(&tables); err != nil {
		t.Fatal(err)
	}
	if tables == 0 {
		s.was(pos, noTable)
		return pos
	}
	rows, err := d.Query(`SELECT id, s FROM t ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	sum := newSum()
	for rows.Next() {
		var id int64
		var text string
		if err := rows.Scan(&id, &text); err != nil {
			t.Fatal(err)
		}
		sum.row(id, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	s.was(pos, sum.String())
	return pos
}

func posOf(t *testing.T, d *db.DB) db.Pos {
	t.Helper()
	p, err := read(d, func(q *db.Reader) (p db.Pos, err error) {
		err = q.QueryRow(`SELECT value FROM db_meta WHERE name='pos'`).Scan(&p)
		return
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What is at any one site, and at all of them together, is the shop: to the newest
// position, and to every position before it.
func TestRestoreToEveryPosition(t *testing.T) {
	for seed := range int64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newShop(t, seed, 2)
			for range 3 {
				for range 10 + s.r.Intn(20) {
					s.some()
					if s.r.Intn(3) == 0 {
						s.settled()
					}
				}
				s.settled()
				if s.r.Intn(2) == 0 {
					s.end()
					s.close()
					s.open()
					s.begin()
				}
			}
			s.settled()
			newest := posOf(t, s.d)
			for _, sites := range [][]int{{0}, {1}, {0, 1}} {
				p, rep, err := s.restore(s.finder(sites...), copies.Target{})
				if err != nil || len(rep.Damages) > 0 {
					t.Fatal(err, rep.Damages)
				}
				if got := s.is(p); got != newest {
					t.Fatalf("restored to %d, not to %d", got, newest)
				}
			}
			f := s.finder(0, 1)
			inv, err := f.Look(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			tried := map[uint64]bool{}
			for _, x := range inv.Segments {
				if tried[x.Max] {
					continue
				}
				tried[x.Max] = true
				p, _, err := s.restore(f, copies.Target{TX: x.Max})
				if err != nil {
					t.Fatal(err)
				}
				s.is(p)
			}
			if len(tried) < 15 {
				t.Fatalf("%d positions only", len(tried))
			}
		})
	}
}

// A point in time gives the last state that is not after it.
func TestRestoreToATime(t *testing.T) {
	s := newShop(t, 9, 1)
	type moment struct {
		at  time.Time
		pos db.Pos
	}
	var ms []moment
	for range 6 {
		pos := s.some()
		s.settled()
		h := s.stream.Head()
		ms = append(ms, moment{h.At, pos})
		for !time.Now().After(h.At.Add(5 * time.Millisecond)) {
			time.Sleep(time.Millisecond)
		}
	}
	for _, m := range ms {
		p, rep, err := s.restore(s.finder(0), copies.Target{At: m.at})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.is(p); got != m.pos || rep.At.After(m.at) {
			t.Errorf("at %s: position %d, not %d (%s)", m.at, got, m.pos, rep.At)
		}
	}
	if _, _, err := s.restore(s.finder(0), copies.Target{At: ms[0].at.Add(-time.Hour)}); err == nil || !strings.Contains(err.Error(), "reaches back") {
		t.Errorf("a time before everything: %v", err)
	}
}

// A site that is away for a while, and one that comes late, get all there is; the others
// are not held back meanwhile.
func TestSiteAway(t *testing.T) {
	s := newShop(t, 3, 2)
	s.some()
	s.settled()
	// Its mark gone, the folder is not the disk that was there.
	gone := s.places[1] + "-away"
	if err := os.Rename(s.places[1], gone); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		s.some()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if a := s.room.Wait(ctx, 0, 1); a.Sites != 1 {
		t.Fatalf("%+v", a)
	}
	p, _, err := s.restore(s.finder(0), copies.Target{})
	if err != nil {
		t.Fatal(err)
	}
	s.is(p)
	if err := os.Rename(gone, s.places[1]); err != nil {
		t.Fatal(err)
	}
	s.settled()
	if p, _, err = s.restore(s.finder(1), copies.Target{}); err != nil {
		t.Fatal(err)
	}
	if got, want := s.is(p), posOf(t, s.d); got != want {
		t.Errorf("the site that was away has %d, not %d", got, want)
	}
	// A third site begins with a snapshot.
	s.end()
	s.places = append(s.places, t.TempDir())
	s.begin()
	s.some()
	s.settled()
	if p, _, err = s.restore(s.finder(2), copies.Target{}); err != nil {
		t.Fatal(err)
	}
	s.is(p)
}

// Changes made while nothing copied the database are found at the next start, and the
// copies begin again with a snapshot.
func TestChangedBehindTheCopies(t *testing.T) {
	s := newShop(t, 5, 1)
	for range 10 {
		s.some()
	}
	s.settled()
	s.end()
	s.close()
	d, err := db.Open(context.Background(), db.Options{Path: s.path()})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Do(context.Background(), d, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO t (id, s) VALUES (100000, 'behind')`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s.states[posOf(t, d)] = contentsOf(t, d)
	d.Close()
	s.open()
	s.begin()
	s.settled()
	p, _, err := s.restore(s.finder(0), copies.Target{})
	if err != nil {
		t.Fatal(err)
	}
	if s.is(p) != posOf(t, s.d) {
		t.Error("the change is not in the copies")
	}
	s.some()
	s.settled()
	if p, _, err = s.restore(s.finder(0), copies.Target{}); err != nil {
		t.Fatal(err)
	}
	s.is(p)
}

// A data directory that is older than its copies is not let on: not when it has as many
// transactions as they in the end, and not where nobody could ask the site before.
func TestOlderThanItsCopies(t *testing.T) {
	for _, away := range []bool{false, true} {
		t.Run(fmt.Sprint("away ", away), func(t *testing.T) { olderThanItsCopies(t, away) })
	}
}

func olderThanItsCopies(t *testing.T, away bool) {
	s := newShop(t, 6, 1)
	s.some()
	s.settled()
	s.end()
	s.close()
	old := t.TempDir()
	if err := os.CopyFS(old, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	s.open()
	s.begin()
	for range 5 {
		s.some()
		s.settled()
	}
	want := posOf(t, s.d)
	s.end()
	s.close()
	s.dir = old
	os.Remove(filepath.Join(old, "copies", "sites", "site0.json"))
	s.open()
	further := func() {
		t.Helper()
		for range 10 {
			s.some()
			s.flushed()
		}
	}
	if away {
		further()
	}
	s.begin()
	s.some()
	refused := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if a := s.room.Wait(ctx, 0, 1); a.Sites != 0 {
			t.Fatal("an old copy of the shop was let write beside what is newer")
		}
		st := s.room.Status()
		if len(st.Sites) != 1 || !errors.Is(st.Sites[0].Trouble, copies.ErrAhead) {
			t.Errorf("%+v", st)
		}
	}
	refused()
	further()
	s.end()
	s.begin()
	refused()
	p, _, err := s.restore(s.finder(0), copies.Target{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(context.Background(), db.Options{Path: p})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if got := posOf(t, d); got != want {
		t.Errorf("%d, not %d", got, want)
	}
}

// Files come back with the shop.
func TestFilesComeBack(t *testing.T) {
	s := newShop(t, 7, 1)
	names := []string{}
	r := rand.New(rand.NewSource(1))
	for range 12 {
		n := letters(r, 40)
		p := filepath.Join(s.files, n[:2], n[2:4])
		if err := os.MkdirAll(p, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p, n), []byte("picture "+n), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, n)
	}
	s.end()
	s.begin()
	s.some()
	s.settled()
	s.eventually(func() bool {
		inv, err := s.finder(0).Look(context.Background())
		return err == nil && len(inv.Files) == 12 && len(inv.Along) == 1
	})
	f := s.finder(0)
	inv, err := f.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	n, damages, err := f.FilesInto(context.Background(), inv, to, nil)
	if err != nil || n != 12 || len(damages) > 0 {
		t.Fatal(n, damages, err)
	}
	for _, n := range names {
		if b, err := os.ReadFile(filepath.Join(to, n[:2], n[2:4], n)); err != nil || string(b) != "picture "+n {
			t.Error(err)
		}
	}
	a, warn, err := f.Beside(context.Background(), inv)
	if err != nil || len(warn) > 0 || a.Keys != "kassavalv-key-1 link" || string(a.Files["kassavalv.toml"]) != "x" {
		t.Errorf("%+v %v", a, err)
	}
	// The drill key opens the database, not what lies beside it.
	f.Who = s.keys.Drill
	if _, _, err := f.Beside(context.Background(), inv); err == nil {
		t.Error("the drill key opened the vault's keys")
	}
	if _, _, err := s.restore(f, copies.Target{}); err != nil {
		t.Error(err)
	}
}

func (s *shop) eventually(fn func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if fn() {
			return
		}
	}
	s.t.Fatal("it never came to be")
}

// Without the words nothing opens, and other words are told apart from wrong ones.
func TestWrongPaper(t *testing.T) {
	s := newShop(t, 8, 1)
	s.some()
	s.settled()
	other := copies.NewPaper()
	f := s.finder(0)
	f.Paper, f.Who = &other, other.Identity()
	if _, err := f.Look(context.Background()); err == nil || !strings.Contains(err.Error(), "this paper key") {
		t.Errorf("%v", err)
	}
	w := s.paper.Words().Reveal()
	p, err := copies.ParsePaper("  1. " + strings.ToUpper(strings.ReplaceAll(w, " ", "\n 7) ")))
	if err != nil || p.Recipient() != s.charter.Paper || !s.charter.Of(p) {
		t.Error(err)
	}
	list := strings.Fields(w)
	for _, bad := range []string{"", w + " abandon", strings.Join(list[:23], " "), strings.Replace(w, list[0], "kassavalv", 1)} {
		if _, err := copies.ParsePaper(bad); !errors.Is(err, copies.ErrWords) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	refused := 0 // the checksum has eight bits: one exchange in 256 passes it
	for i := range 23 {
		x := slices.Clone(list)
		x[i], x[i+1] = x[i+1], x[i]
		if _, err := copies.ParsePaper(strings.Join(x, " ")); errors.Is(err, copies.ErrWords) {
			refused++
		}
	}
	if refused < 12 {
		t.Errorf("%d of 23 exchanges were noticed", refused)
	}
}

// Buyers that wait for a site get their answer, many at a time.
func TestWaitForASite(t *testing.T) {
	s := newShop(t, 10, 2)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			_, pos, err := db.Write(context.Background(), s.d, func(tx *db.Tx) (int, error) {
				_, err := tx.Exec(`INSERT INTO t (id, s) VALUES ($1, 'paid')`, 1000+i)
				return 0, err
			})
			if err != nil {
				t.Error(err)
				return
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if a := s.room.Wait(ctx, pos, 1); a.Sites < 1 {
				t.Error("not confirmed")
			}
		})
	}
	wg.Wait()
	// Every one of them is at one site or the other.
	p, _, err := s.restore(s.finder(0, 1), copies.Target{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(context.Background(), db.Options{Path: p})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	n, err := db.Read(context.Background(), d, func(q *db.Reader) (n int, err error) {
		err = q.QueryRow(`SELECT count(*) FROM t WHERE s='paid'`).Scan(&n)
		return
	})
	if err != nil || n != 40 {
		t.Errorf("%d of 40 paid orders came back, %v", n, err)
	}
}
