package copies_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/programtest"
)

// dumped waits until every site has the newest dump.
func (s *shop) dumped() {
	s.t.Helper()
	want := s.room.Status().Dump.TX
	for i := range s.places {
		s.eventually(func() bool {
			f := s.finder(i)
			inv, err := f.Look(context.Background())
			if err != nil {
				return false
			}
			ds, _, err := f.Dumps(context.Background(), inv)
			return err == nil && len(ds) > 0 && ds[0].Header.Max == want
		})
	}
}

// The second road gives the database of its position, and that is the first road's at the
// same position, while the shop writes on; at both sites, with either key.
func TestTwoRoadsAgree(t *testing.T) {
	s := newShop(t, 31, 2)
	for range 30 {
		s.some()
	}
	for turn := range 4 {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := db.Do(context.Background(), s.d, func(tx *db.Tx) error {
					_, err := tx.Exec(`INSERT INTO t (id, s) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET s=excluded.s`, int64(1000+i%50), letters(s.r, 500))
					return err
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
		err := s.room.Dump(context.Background())
		close(stop)
		wg.Wait()
		if err != nil {
			t.Fatal(err)
		}
		s.some()
		s.settled()
		s.dumped()
		if turn == 2 { // what is known of the sites comes back after a loss
			s.end()
			for _, n := range []string{"site0.json", "site1.json"} {
				os.Remove(filepath.Join(s.dir, "copies", "sites", n))
			}
			s.begin()
		}
	}
	for i := range s.places {
		f := s.finder(i)
		if i == 1 {
			f.Who = s.keys.Drill
		}
		inv, err := f.Look(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		ds, damages, err := f.Dumps(context.Background(), inv)
		if err != nil || len(damages) > 0 || len(ds) != 4 {
			t.Fatal(len(ds), damages, err)
		}
		for n, x := range ds {
			dir := t.TempDir()
			second, first := filepath.Join(dir, "second.db"), filepath.Join(dir, "first.db")
			h, err := f.OpenDump(context.Background(), inv, x.Found, second, nil)
			if err != nil {
				t.Fatal(err)
			}
			if h.Seq != uint64(4-n) {
				t.Errorf("number %d in the chain, not %d", h.Seq, 4-n)
			}
			if _, err := f.Database(context.Background(), inv, copies.Target{TX: h.Max}, first, nil); err != nil {
				t.Fatal(err)
			}
			sums, err := db.SumFile(context.Background(), second)
			if err != nil || int64(sums.Pos) != h.Pos {
				t.Errorf("position %d, header %d, %v", sums.Pos, h.Pos, err)
			}
			if differs, err := copies.Compare(context.Background(), first, second); err != nil || len(differs) > 0 {
				t.Fatal(differs, err)
			}
			if faults, err := db.ExamineFile(context.Background(), second); err != nil || len(faults) > 0 {
				t.Fatal(faults, err)
			}
			if n > 0 {
				continue
			}
			// And that they differ is seen.
			loose(t, second, `UPDATE t SET s = s || 'x' WHERE id = (SELECT min(id) FROM t)`)
			differs, err := copies.Compare(context.Background(), first, second)
			if err != nil || len(differs) != 1 || !strings.Contains(differs[0], "table t ") {
				t.Errorf("one changed row is not found: %v, %v", differs, err)
			}
		}
	}
}

// loose changes a file behind every door.
func loose(t *testing.T, path, text string) {
	t.Helper()
	d, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(DELETE)")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Exec(text); err != nil {
		t.Fatal(err)
	}
}

// The stock program age opens a copy of the second road, and what is in it is zstd of a
// SQLite file: nothing of ours is needed.
func TestStockProgramsOpenTheSecondRoad(t *testing.T) {
	program := programtest.Program(t, "age")
	s := newShop(t, 32, 1)
	for range 10 {
		s.some()
	}
	if err := s.room.Dump(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.settled()
	s.dumped()
	names, err := filepath.Glob(filepath.Join(s.places[0], "v", "*.kvc"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sealed, key := filepath.Join(dir, "dump.age"), filepath.Join(dir, "key.txt")
	if err := os.WriteFile(sealed, b[12+int(binary.BigEndian.Uint32(b[8:]))+64:], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, []byte(s.paper.Identity().String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-d", "-i", key, sealed)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatal(err, said.String())
	}
	z, err := zstd.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := os.Create(filepath.Join(dir, "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	f.Close()
	s.is(filepath.Join(dir, "shop.db"))
}

// A night without a change makes no new copy; one that failed says so and is made later.
func TestDumpOfAQuietNight(t *testing.T) {
	s := newShop(t, 33, 1)
	s.some()
	if err := s.room.Dump(context.Background()); err != nil {
		t.Fatal(err)
	}
	first := s.room.Status().Dump
	if err := s.room.Dump(context.Background()); err != nil {
		t.Fatal(err)
	}
	again := s.room.Status().Dump
	if again.TX != first.TX || !again.Taken.After(first.Taken) || first.Size == 0 {
		t.Errorf("%+v, %+v", first, again)
	}
	s.settled()
	s.dumped()
	s.some()
	os.RemoveAll(filepath.Join(s.dir, "copies", "dump"))
	if err := s.room.Dump(context.Background()); err == nil || s.room.Status().Dump.Trouble == nil {
		t.Error("a dump without a place to write it passes")
	}
	if err := os.Mkdir(filepath.Join(s.dir, "copies", "dump"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.room.Dump(ctx); err != nil || s.room.Status().Dump.Trouble != nil || s.room.Status().Dump.TX <= first.TX {
		t.Errorf("%v, %+v", err, s.room.Status().Dump)
	}
	s.dumped()
}
