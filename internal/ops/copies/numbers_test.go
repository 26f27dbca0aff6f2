package copies_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kassavalv/internal/ops/copies"
)

func (w *world) flushed() copies.Head {
	w.t.Helper()
	h, err := w.stream.Flush()
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// A machine can lose its power before any segment is on its disk, when sites have them
// already: the row that begins then has numbers that none of them can have.
func TestNumbersAfterAllIsLost(t *testing.T) {
	w := newWorld(t, 11)
	for range 20 {
		w.some()
	}
	before := w.flushed()
	to := t.TempDir()
	kept := w.copyTo(to)
	if kept.Offset != 0 {
		t.Fatalf("the spool is on disk up to %+v already", kept)
	}
	w.close()
	if err := os.RemoveAll(filepath.Join(to, "copies", "spool")); err != nil {
		t.Fatal(err)
	}
	w.wake(to, kept, 0)
	if h := w.flushed(); h.TX <= before.TX {
		t.Errorf("sites can have transactions up to %d, and the next row begins at %d and is at %d", before.TX, h.Base, h.TX)
	}
}

// snapped waits for the first snapshot.
func (s *shop) snapped() {
	s.t.Helper()
	s.eventually(func() bool {
		all, err := filepath.Glob(filepath.Join(s.dir, "copies", "spool", "l9", "*.ltx"))
		return err == nil && len(all) > 0
	})
}

// A row that begins anew, and in which nothing is before the next start, is not taken for
// an earlier one whose snapshot is like the database.
func TestNumbersOfAnOldSnapshot(t *testing.T) {
	s := newShop(t, 12, 1)
	s.settled()
	s.snapped()
	s.end()
	s.close()
	old, err := os.ReadFile(s.path())
	if err != nil {
		t.Fatal(err)
	}
	s.open()
	s.begin()
	for range 5 {
		s.some()
	}
	s.settled()
	before := s.flushed()
	s.end()
	s.close()
	if err := os.WriteFile(s.path(), old, 0o600); err != nil { // somebody puts it back
		t.Fatal(err)
	}
	for range 2 {
		s.open()
		if h := s.flushed(); h.TX <= before.TX || h.TX < h.Base {
			t.Fatalf("a site has transaction %d, the next row begins at %d and is at %d", before.TX, h.Base, h.TX)
		}
		s.close()
	}
	s.open()
	s.begin()
	s.some()
	s.settled()
	p, _, err := s.restore(s.finder(0), copies.Target{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.is(p), posOf(t, s.d); got != want {
		t.Errorf("restored to %d, not to %d", got, want)
	}
}

// What a process that was killed has left in the spool counts as on disk when it has been
// brought there.
func TestKilledBeforeItIsOnDisk(t *testing.T) {
	w := newWorld(t, 13)
	w.some()
	w.flushed()
	w.crash(0)
	if k := w.stream.Kept(); k.Offset != 0 {
		t.Errorf("on disk up to %d, and nobody has brought it there", k.Offset)
	}
	if err := w.stream.Keep(); err != nil {
		t.Fatal(err)
	}
	if k := w.stream.Kept(); k.Offset == 0 {
		t.Error("nothing is on disk")
	}
}

// A site that has what the spool lost is not taken for one that is ahead while the log is
// still being read back.
func TestStartsWithALeftLog(t *testing.T) {
	s := newShop(t, 14, 1)
	s.snapped()
	s.some()
	s.settled()
	s.end()
	to := t.TempDir()
	kept := s.copyTo(to)
	s.close()
	all, err := filepath.Glob(filepath.Join(to, "copies", "spool", "l0", "*.ltx"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	os.Remove(all[len(all)-1])
	s.wake(to, kept, 0)
	var said safeBuffer
	s.log = slog.New(slog.NewTextHandler(&said, nil))
	s.begin()
	s.some()
	s.settled()
	if strings.Contains(said.String(), "does not take copies") {
		t.Error(said.String())
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
