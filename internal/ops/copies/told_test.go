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

// heeding is a site that removes by itself what it was told need not be there.
type heeding struct{ copies.Site }

func (heeding) Heeds() {}

// At a site that keeps its own retention, what was told beforehand may be gone, or some of it, or
// nothing; whatever else is gone is a loss, however old it is.
func TestToldBeforehand(t *testing.T) {
	for what, before := range map[string]bool{"after it was told": false, "by its age, before anything was told": true} {
		t.Run(what, func(t *testing.T) {
			s := grown(t, 44, 1)
			s.end()
			s.wrap = func(_ int, x copies.Site) copies.Site { return heeding{x} }
			s.begin()
			later := time.Duration(0)
			look := func() (said []string) {
				t.Helper()
				v := copies.Verify(context.Background(), heeding{s.siteAt(0)}, s.charter, copies.VerifyOptions{Who: s.keys.Drill, Share: 1, Now: s.clock().Add(later)})
				for _, f := range v.Findings {
					said = append(said, f.String())
				}
				return said
			}
			place := func(name string) string { return filepath.Join(s.places[0], filepath.FromSlash(name)) }
			aged(t, place(raw), 4*24*time.Hour)
			old := objects(t, s.places[0], raw)
			s.some()
			s.settled()
			if before {
				for _, n := range old {
					os.Remove(place(n))
				}
			}
			r, err := s.room.Retain(context.Background(), "site0", false)
			if err != nil {
				t.Fatal(err)
			}
			if !before {
				if !slices.Equal(r.Names, old) || len(objects(t, s.places[0], raw)) <= len(old) {
					t.Fatalf("%q were told, and %q are there", r.Names, objects(t, s.places[0], raw))
				}
				for i, n := range old {
					if i%5 == 0 {
						if said := look(); len(said) > 0 {
							t.Fatalf("%d of %d are gone: %q", i, len(old), said)
						}
					}
					os.Remove(place(n))
				}
			}
			if said := look(); len(said) > 0 {
				t.Fatal(said)
			}
			p, _, err := s.restore(s.finder(0), copies.Target{})
			if err != nil {
				t.Fatal(err)
			}
			s.is(p)
			// The state of the site is lost here: what was told stands in its head.
			s.end()
			if err := os.Remove(filepath.Join(s.dir, "copies", "sites", "site0.json")); err != nil {
				t.Fatal(err)
			}
			at := headTime(t, s)
			s.begin()
			for range 3 {
				s.some()
				s.settled()
			}
			s.eventually(func() bool { return headTime(t, s) > at })
			if said := look(); len(said) > 0 {
				t.Fatal("after the state was lost:", said)
			}
			// What was not told, however old it is.
			later = 40 * 24 * time.Hour
			if said := look(); len(said) > 0 {
				t.Fatal(said)
			}
			for _, prefix := range []string{raw, e1 + "l1/", e1 + "l9/"} {
				n := objects(t, s.places[0], prefix)[0]
				b, err := os.ReadFile(place(n))
				if err != nil {
					t.Fatal(err)
				}
				os.Remove(place(n))
				if said := look(); !slices.ContainsFunc(said, func(f string) bool {
					return strings.Contains(f, strings.TrimSuffix(prefix, "/")) && strings.Contains(f, " gone")
				}) {
					t.Errorf("%s is gone: %q", n, said)
				}
				if err := os.WriteFile(place(n), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func headTime(t *testing.T, s *shop) int64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.places[0], "keys", "head.kvc"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := copies.HeaderOf(b)
	if err != nil {
		t.Fatal(err)
	}
	return h.At
}
