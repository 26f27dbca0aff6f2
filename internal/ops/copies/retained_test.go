package copies_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
)

// aged makes what lies under a folder look stored so long ago, by the site's clock.
func aged(t *testing.T, dir string, by time.Duration) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		n++
		at := time.Now().Add(-by)
		return os.Chtimes(p, at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// grown is a shop whose five-minute segments are at its site beside the raw ones.
func grown(t *testing.T, seed int64, sites int) *shop {
	s := newShop(t, seed, sites)
	for range 12 {
		s.some()
		s.settled()
	}
	s.end()
	s.clock = func() time.Time { return time.Now().Add(10 * time.Minute) } // so that the spans are over
	s.begin()
	s.eventually(func() bool {
		m, err := filepath.Glob(filepath.Join(s.places[0], "e", "00000001", "l1", "*.kvc"))
		return err == nil && len(m) > 0
	})
	s.settled()
	return s
}

// What the retention removes at a site is what longer levels hold; the newest position
// comes back as before, and the site verifies.
func TestRetentionAtASite(t *testing.T) {
	s := grown(t, 41, 1)
	raw := filepath.Join(s.places[0], "e", "00000001", "l0")
	n := aged(t, raw, 4*24*time.Hour)
	s.some()
	s.settled()
	r, err := s.room.Retain(context.Background(), "site0", false)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Names) != n {
		t.Fatalf("%d of %d old segments go", len(r.Names), n)
	}
	for _, name := range r.Names {
		if !strings.HasPrefix(name, "e/00000001/l0/") {
			t.Errorf("%s goes", name)
		}
	}
	p, rep, err := s.restore(s.finder(0), copies.Target{})
	if err != nil || len(rep.Damages) > 0 {
		t.Fatal(err, rep.Damages)
	}
	if s.is(p) != posOf(t, s.d) {
		t.Error("it is not the newest position")
	}
	// And the shop goes on from there.
	s.end()
	s.begin()
	s.some()
	s.settled()
	if p, _, err = s.restore(s.finder(0), copies.Target{}); err != nil {
		t.Fatal(err)
	}
	s.is(p)
	if _, err := s.room.Retain(context.Background(), "elsewhere", false); err == nil {
		t.Error("a site that is not there is retained")
	}
}

// A file goes from a site when the shop has not had it for longer than anything is kept,
// and comes again with the shop's.
func TestRetentionOfFiles(t *testing.T) {
	s := newShop(t, 42, 1)
	name := strings.Repeat("ab", 20)
	p := filepath.Join(s.files, "ab", "ab", name)
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func() {
		if err := os.WriteFile(p, []byte("picture"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.end()
		s.begin()
		s.eventually(func() bool { return s.countFiles() == 1 })
	}
	write()
	os.Remove(p)
	retain := func() {
		t.Helper()
		if _, err := s.room.Retain(context.Background(), "site0", false); err != nil {
			t.Fatal(err)
		}
	}
	retain()
	if s.countFiles() != 1 {
		t.Fatal("a file went at once")
	}
	note := filepath.Join(s.dir, "copies", "sites", "site0.gone")
	b, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	year := time.Now().UTC().Format("2006-")
	old := strings.Replace(string(b), year, time.Now().UTC().AddDate(-2, 0, 0).Format("2006-"), 1)
	if old == string(b) {
		t.Fatal(old)
	}
	// Had it come back meanwhile, it stays.
	write()
	if err := os.WriteFile(note, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	retain()
	if s.countFiles() != 1 {
		t.Fatal("a file of the shop went")
	}
	os.Remove(p)
	if err := os.WriteFile(note, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	retain()
	if s.countFiles() != 0 {
		t.Fatal("a file that the shop has not had for two years stays")
	}
	write()
}

func (s *shop) countFiles() int {
	m, err := filepath.Glob(filepath.Join(s.places[0], "f", "*.kvc"))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(m)
}
