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
	"kassavalv/internal/ops/copies/post"
	"kassavalv/internal/ops/outpost"
)

// A shop and an outpost that knows nothing of it but what comes over the wire: what is old enough
// stays until the shop has told, goes then, and is missed by nobody; what goes otherwise is found.
func TestShopAtAnOutpost(t *testing.T) {
	ctx, home := context.Background(), t.TempDir()
	if err := outpost.Init(home); err != nil {
		t.Fatal(err)
	}
	p, err := outpost.Start(ctx, outpost.Options{Dir: home, Addr: "127.0.0.1:0", Rate: 1 << 20, Silence: 200 * time.Millisecond, PruneEvery: time.Millisecond, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	s := newShop(t, 46, 0)
	s.end()
	token, err := outpost.NewToken(home, p.Addr(), "")
	if err != nil {
		t.Fatal(err)
	}
	sent, err := post.ParseToken(token.String())
	if err != nil {
		t.Fatal(err)
	}
	joined, _, err := post.Join(ctx, sent, "site0", s.charter)
	if err != nil {
		t.Fatal(err)
	}
	open := func() copies.Site {
		x, err := post.Open(joined)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	held := filepath.Join(home, "shops", s.charter.Shop, "objects")
	place := func(name string) string { return filepath.Join(held, filepath.FromSlash(name)) }
	s.places = []string{t.TempDir()}
	s.wrap = func(_ int, x copies.Site) copies.Site { x.Close(); return open() }
	s.begin()
	for range 12 {
		s.some()
		s.settled()
	}
	s.end()
	s.clock = func() time.Time { return time.Now().Add(10 * time.Minute) } // so that five minutes are over
	s.begin()
	s.eventually(func() bool { return len(objects(t, held, e1+"l1/")) > 0 })
	s.settled()

	// rounds waits until the outpost has gone through what it holds so often.
	rounds := func(n int) {
		t.Helper()
		for range n {
			was := p.Status().Shops[0].Pruned
			s.eventually(func() bool { return p.Status().Shops[0].Pruned.After(was) })
		}
	}
	// A shop that has never told leaves it to the age; this one has, of nothing.
	if r, err := s.room.Retain(ctx, "site0", false); err != nil || len(r.Names) > 0 {
		t.Fatalf("%q of a shop of minutes: %v", r.Names, err)
	}
	old := objects(t, held, raw)
	aged(t, place(raw), 4*24*time.Hour)
	s.some()
	s.settled()
	rounds(3)
	if got := objects(t, held, raw); len(got) <= len(old) || !slices.Equal(got[:len(old)], old) {
		t.Fatalf("of %q, %q are there before anything was told", old, got)
	}
	r, err := s.room.Retain(ctx, "site0", false)
	if err != nil || !slices.Equal(r.Names, old) {
		t.Fatalf("%q were told, not %q: %v", r.Names, old, err)
	}
	s.eventually(func() bool { return len(objects(t, held, raw)) < len(old) })
	rounds(2)
	left := objects(t, held, raw)
	for _, n := range old {
		if slices.Contains(left, n) {
			t.Errorf("%s was told and is there", n)
		}
	}
	if st := p.Status().Shops[0]; len(left) == 0 || len(st.Frozen) > 0 {
		t.Errorf("%q are left: %+v", left, st)
	}
	site := open()
	defer site.Close()
	look := func() (said []string) {
		v := copies.Verify(ctx, site, s.charter, copies.VerifyOptions{Who: s.keys.Drill, Share: 1, Now: s.clock()})
		for _, f := range v.Findings {
			said = append(said, f.String())
		}
		return said
	}
	if said := look(); len(said) > 0 {
		t.Errorf("after what was told is gone: %q", said)
	}
	back, rep, err := s.restore(&copies.Finder{Who: s.paper.Identity(), Paper: &s.paper, Sites: []copies.Site{site}}, copies.Target{})
	if err != nil || len(rep.Damages) > 0 {
		t.Fatal(err, rep.Damages)
	}
	if s.is(back) != posOf(t, s.d) {
		t.Error("it is not the newest position")
	}
	// What nobody has told is a loss, as old as it may be.
	n := objects(t, held, e1+"l1/")[0]
	if err := os.Remove(place(n)); err != nil {
		t.Fatal(err)
	}
	if said := look(); !slices.ContainsFunc(said, func(f string) bool { return strings.Contains(f, " gone") }) {
		t.Errorf("%s is gone: %q", n, said)
	}
}
