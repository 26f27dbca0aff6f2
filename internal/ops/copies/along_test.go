package copies_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/dir"
)

// Whoever runs a site can neither put other keys in the place of the shop's nor older ones back
// without being found out; another site that is sound wins; what an earlier version has left
// unsigned still opens, and says so.
func TestKeysThatWerePutBack(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	paper := copies.NewPaper()
	keys := copies.NewKeys([]byte("0123456789abcdef0123456789abcdef"))
	charter := copies.NewCharter(paper, keys, "Fiket")
	places := []string{t.TempDir(), t.TempDir()}
	name := []string{"one", "two"}
	site := func(i int) copies.Site {
		t.Helper()
		x, err := dir.Open(places[i], dir.Options{Name: name[i], SetUp: true})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	states := t.TempDir()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	put := func(link string) {
		t.Helper()
		a, err := copies.OpenAside(ctx, copies.Options{Dir: states, Charter: charter, Keys: keys, Epoch: 1, Log: quiet(), Now: func() time.Time { return now }, Sites: []copies.SiteOptions{{Site: site(0)}, {Site: site(1)}},
			Along: func(context.Context) (copies.Along, error) { return copies.Along{Keys: link}, nil }})
		if err != nil {
			t.Fatal(err)
		}
		if a.Taken(ctx, 2) != 2 {
			t.Fatalf("%+v", a.Status())
		}
		a.Close()
	}
	file := func(i int, n string) string { return filepath.Join(places[i], "keys", n) }
	read := func(i int) []byte {
		t.Helper()
		b, err := os.ReadFile(file(i, "current.age"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	write := func(i int, b []byte) {
		t.Helper()
		if err := os.WriteFile(file(i, "current.age"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("kassavalv-key-1 before")
	old := [][]byte{read(0), read(1)}
	now = now.Add(time.Hour)
	put("kassavalv-key-1 now")
	whole := [][]byte{read(0), read(1)}
	bare := func(b []byte) []byte { return b[bytes.Index(b, []byte("age-encryption.org/")):] }
	forged, err := copies.AlongBody(charter, "one", 1, now.Add(time.Hour), bare(whole[0]), copies.NewKeys([]byte("another shop's root, of 32 bytes")).Sign)
	if err != nil {
		t.Fatal(err)
	}
	torn := bytes.Clone(whole[0])
	torn[len(torn)-3] ^= 1
	for _, x := range []struct {
		name     string
		one, two []byte
		keys     string
		warns    []string
		found    string // by a look without a key at site one; empty: nothing
	}{
		{"sound", whole[0], whole[1], "now", nil, ""},
		{"older, put back at one", old[0], whole[1], "now", []string{"site one", "older one was put back"}, "is not what the shop last put there"},
		{"older, put back at both", old[0], old[1], "before", []string{"site one", "site two", "used all the same"}, "is not what the shop last put there"},
		{"of an earlier version, at one", bare(whole[0]), whole[1], "now", []string{"site one", "not signed"}, "is not what the shop last put there"},
		{"of an earlier version, at both", bare(old[0]), bare(old[1]), "before", []string{"not signed", "used all the same"}, "is not what the shop last put there"},
		{"the other site's", whole[1], whole[1], "now", []string{"made for site two"}, "made for site two"},
		{"signed by somebody else", forged, whole[1], "now", []string{"signature is not the shop's"}, "signature is not the shop's"},
		{"bytes changed", torn, whole[1], "now", []string{"not those its header tells"}, "not those its header tells"},
	} {
		t.Run(x.name, func(t *testing.T) {
			write(0, x.one)
			write(1, x.two)
			f := &copies.Finder{Sites: []copies.Site{site(0), site(1)}, Who: paper.Identity(), Paper: &paper}
			inv, err := f.Look(ctx)
			if err != nil {
				t.Fatal(err)
			}
			a, warn, err := f.Beside(ctx, inv)
			if err != nil || a.Keys != "kassavalv-key-1 "+x.keys {
				t.Errorf("%+v, %v", a, err)
			}
			said := strings.Join(warn, "\n")
			for _, w := range x.warns {
				if !strings.Contains(said, w) {
					t.Errorf("not warned of %q: %s", w, said)
				}
			}
			if len(x.warns) == 0 && said != "" {
				t.Error("warned:", said)
			}
			v := copies.Verify(ctx, site(0), charter, copies.VerifyOptions{Share: 1, Aside: true, Now: now})
			found := ""
			for _, f := range v.Findings {
				found += f.String() + "\n"
			}
			if x.found == "" && found != "" || !strings.Contains(found, x.found) {
				t.Errorf("found: %s", found)
			}
		})
	}
	// As an earlier version left a site, its head too knows the bare file.
	if err := os.Remove(file(0, "head.kvc")); err != nil {
		t.Fatal(err)
	}
	write(0, bare(whole[0]))
	f := &copies.Finder{Sites: []copies.Site{site(0)}, Who: paper.Identity(), Paper: &paper}
	inv, err := f.Look(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if a, warn, err := f.Beside(ctx, inv); err != nil || a.Keys != "kassavalv-key-1 now" || !strings.Contains(strings.Join(warn, "\n"), "not signed") {
		t.Errorf("%+v, %q, %v", a, warn, err)
	}
	// The running shop puts signed ones there.
	states = t.TempDir()
	put("kassavalv-key-1 now")
	if !bytes.HasPrefix(read(0), []byte("KVCOPY1\n")) {
		t.Error("it stays unsigned")
	}
}

// An old pair of keys and head, put back together, is told of at the only site that is reached: what
// the site has of the database is newer than its head.
func TestKeysPutBackWithTheirHead(t *testing.T) {
	s := newShop(t, 45, 1)
	s.end()
	if err := os.Remove(filepath.Join(s.dir, "copies", "sites", "site0.json")); err != nil { // so that the keys go there anew
		t.Fatal(err)
	}
	s.clock = func() time.Time { return time.Now().Add(-2 * time.Hour) }
	s.begin()
	s.some()
	s.settled()
	s.eventually(func() bool { // the head of that time tells of the keys
		b, err := os.ReadFile(filepath.Join(s.places[0], "keys", "head.kvc"))
		if err != nil {
			return false
		}
		h, err := copies.HeaderOf(b)
		return err == nil && h.Along != "" && time.Since(h.Time()) > time.Hour
	})
	s.end()
	files := []string{filepath.Join(s.places[0], "keys", "head.kvc"), filepath.Join(s.places[0], "keys", "current.age")}
	old := map[string][]byte{}
	for _, p := range files {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		old[p] = b
	}
	at := headTime(t, s)
	s.clock = nil
	s.begin()
	s.some()
	s.settled()
	s.eventually(func() bool { return headTime(t, s) > at })
	s.end()
	beside := func() (copies.Along, string) {
		t.Helper()
		f := s.finder(0)
		inv, err := f.Look(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		a, warn, err := f.Beside(context.Background(), inv)
		if err != nil {
			t.Fatal(err)
		}
		return a, strings.Join(warn, "; ")
	}
	if _, warn := beside(); warn != "" {
		t.Error("nothing was put back:", warn)
	}
	for p, b := range old {
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if a, warn := beside(); !strings.Contains(warn, "cannot be shown to be the newest") || !strings.Contains(warn, "used all the same") || a.Keys == "" {
		t.Errorf("an old pair was put back: %q", warn)
	}
}
