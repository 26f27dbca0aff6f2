package copies_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
)

// snapshots makes a shop whose site has so many snapshots, and gives their names, the oldest
// first. The spans of all longer levels are over.
func (s *shop) snapshots(n int) (out []string) {
	s.t.Helper()
	there := func(n int) {
		s.t.Helper()
		s.eventually(func() bool {
			s.some() // whoever feeds the site looks for what else is due after each change
			return len(objects(s.t, s.places[0], e1+"l9/")) >= n
		})
	}
	there(1) // that of a new shop
	for i := 1; i < n; i++ {
		for range 3 {
			s.some()
			s.settled()
		}
		s.end()
		s.clock = func() time.Time { return time.Now().Add(time.Duration(i) * 8 * 24 * time.Hour) }
		s.begin()
		there(i + 1)
	}
	s.settled()
	s.end()
	s.clock = nil // the site's clock and the shop's are one again
	s.begin()
	s.settled()
	return objects(s.t, s.places[0], e1+"l9/")
}

// ago makes objects look stored so long ago, by the site's clock.
func (s *shop) ago(days map[string]int) {
	s.t.Helper()
	for name, d := range days {
		at := time.Now().Add(-time.Duration(d) * 24 * time.Hour)
		if err := os.Chtimes(filepath.Join(s.places[0], filepath.FromSlash(name)), at, at); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Of old snapshots one stays for each month. The site is whole to a drill then, the newest
// position comes back, and a snapshot that was to stay is missed where it is gone.
func TestSnapshotsAreThinned(t *testing.T) {
	s := newShop(t, 43, 1)
	snaps := s.snapshots(5)
	if len(snaps) != 5 {
		t.Fatal(snaps)
	}
	s.ago(map[string]int{snaps[0]: 100, snaps[1]: 80, snaps[2]: 60, snaps[3]: 20})
	r, err := s.room.Retain(context.Background(), "site0", false)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Names, snaps[1:2]) || !r.Thinned[snaps[1]] {
		t.Fatalf("%q go of %q", r.Names, snaps)
	}
	s.ago(map[string]int{snaps[3]: 50})
	if r, err = s.room.Retain(context.Background(), "site0", false); err != nil || !slices.Equal(r.Names, snaps[3:4]) {
		t.Fatalf("%q go, %v", r.Names, err)
	}
	look := func() (said []string) {
		t.Helper()
		for _, f := range copies.Verify(context.Background(), s.siteAt(0), s.charter, copies.VerifyOptions{Who: s.keys.Drill, Share: 1, Now: time.Now().Add(60 * 24 * time.Hour)}).Findings {
			said = append(said, f.String())
		}
		return said
	}
	if said := look(); len(said) > 0 {
		t.Error(said)
	}
	p, rep, err := s.restore(s.finder(0), copies.Target{})
	if err != nil || len(rep.Damages) > 0 {
		t.Fatal(err, rep.Damages)
	}
	if s.is(p) != posOf(t, s.d) {
		t.Error("it is not the newest position")
	}
	// What was told stays told over a restart.
	s.end()
	s.begin()
	s.some()
	s.settled()
	if r, err = s.room.Retain(context.Background(), "site0", false); err != nil || len(r.Names) > 0 {
		t.Errorf("%q go, %v", r.Names, err)
	}
	if said := look(); len(said) > 0 {
		t.Error(said)
	}
	for i, n := range map[int]string{0: "number 1 of", 2: "number 3 of"} {
		p := filepath.Join(s.places[0], filepath.FromSlash(snaps[i]))
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(p)
		if said := look(); !slices.ContainsFunc(said, func(f string) bool { return strings.Contains(f, n) && strings.Contains(f, "is gone") }) {
			t.Errorf("%s is gone: %q", snaps[i], said)
		}
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A stream key that sealed nothing but segments which have gone goes too, a week later, and what is
// left opens as before.
func TestStreamKeysThatNothingNeeds(t *testing.T) {
	s := newShop(t, 46, 1)
	for range 3 { // each start draws a key
		for range 3 {
			s.some()
			s.settled()
		}
		s.end()
		s.begin()
	}
	s.some()
	s.settled()
	s.end()
	s.clock = func() time.Time { return time.Now().Add(10 * time.Minute) } // the spans are over
	s.begin()
	old := objects(t, s.places[0], raw)
	s.eventually(func() bool { // longer ones hold all of it: only then does anything go
		s.some()
		all := objects(t, s.places[0], e1+"l1/")
		return len(all) > 0 && filepath.Base(all[len(all)-1])[17:33] >= filepath.Base(old[len(old)-1])[17:33]
	})
	s.settled()
	days := map[string]int{}
	for i, n := range append(objects(t, s.places[0], e1+"k/"), old...) {
		days[n] = 4
		if _, err := os.Stat(filepath.Join(s.places[0], filepath.FromSlash(n))); err != nil {
			t.Fatal(i, err)
		}
	}
	s.ago(days)
	needed := func() map[string]bool {
		t.Helper()
		out := map[string]bool{}
		for _, n := range objects(t, s.places[0], e1+"l") {
			b, err := os.ReadFile(filepath.Join(s.places[0], filepath.FromSlash(n)))
			if err != nil {
				t.Fatal(err)
			}
			h, err := copies.HeaderOf(b)
			if err != nil {
				t.Fatal(err)
			}
			out[e1+"k/"+h.Key+".age"] = true
		}
		return out
	}
	keys := objects(t, s.places[0], e1+"k/")
	if n := len(needed()); n != len(keys) {
		t.Fatalf("%d of %d keys are needed", n, len(keys))
	}
	// A new start draws another key: the newest stays whatever needs it.
	again := func(week bool) []string {
		t.Helper()
		s.end()
		state, note := filepath.Join(s.dir, "copies", "sites", "site0.json"), filepath.Join(s.dir, "copies", "sites", "site0.keys")
		for _, p := range []string{state, note} {
			b, err := os.ReadFile(p)
			if err != nil && p == note {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			past := strings.ReplaceAll(string(b), `"keyed":"`+time.Now().UTC().Format("2006"), `"keyed":"2001`)
			if week && p == note {
				past = strings.ReplaceAll(past, `":"`+time.Now().UTC().Format("2006"), `":"2001`)
			}
			if err := os.WriteFile(p, []byte(past), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s.begin()
		s.some()
		s.settled()
		r, err := s.room.Retain(context.Background(), "site0", true)
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(r.Names, func(n string) bool { return !strings.HasPrefix(n, e1+"k/") })
	}
	for i, week := range []bool{false, false, false} {
		if gone := again(week); len(gone) > 0 {
			t.Fatalf("%q went at once (%d)", gone, i)
		}
	}
	if slices.Contains(objects(t, s.places[0], raw), old[0]) {
		t.Fatal("no segment has gone")
	}
	left := needed()
	gone := again(true)
	if len(gone) == 0 || len(gone) >= len(keys) {
		t.Errorf("%d of %d keys go", len(gone), len(keys))
	}
	for _, n := range keys {
		if left[n] == slices.Contains(gone, n) {
			t.Errorf("%s: needed %v, went %v", n, left[n], !left[n])
		}
	}
	v := copies.Verify(context.Background(), s.siteAt(0), s.charter, copies.VerifyOptions{Who: s.keys.Drill, Share: 1, Now: s.clock()})
	if len(v.Findings) > 0 || v.Read == 0 {
		t.Error(v.Findings)
	}
	p, rep, err := s.restore(s.finder(0), copies.Target{})
	if err != nil || len(rep.Damages) > 0 {
		t.Fatal(err, rep.Damages)
	}
	s.is(p)
}
