package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
)

// An erased person is in no copy any more when the epoch key of his time is destroyed: not at
// the newest position and not at any other that the sites still hold, with everything that
// the paper key opens and every key that still exists. While the old key is there the same
// search finds him, so it can find.
func TestErasedFromEveryCopy(t *testing.T) {
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	dir := filepath.Join(t.TempDir(), "demo")
	start := func() *App {
		t.Helper()
		a, _, err := Demo(ctx, DemoOptions{Dir: dir, Addr: "127.0.0.1:0", Log: log, Out: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := start()
	settle := func() {
		t.Helper()
		c, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if k := a.Copies.Wait(c, 0, 2); k.Sites != 2 {
			t.Fatalf("%d sites have it", k.Sites)
		}
	}
	const marker = "Märta Märkvärdig, Markörgatan 1"
	gone := seal(t, a, marker)
	settle()
	stays := seal(t, a, marker)
	settle()
	if err := a.Copies.Dump(ctx); err != nil { // the second road has him too
		t.Fatal(err)
	}
	if err := db.Do(ctx, a.DB, func(tx *db.Tx) error { return a.Vault.Erase(tx, gone.person) }); err != nil {
		t.Fatal(err)
	}
	settle()
	paper, sites := wayBack(t, dir)
	// search restores every position that any site holds, and opens with the keys that lie
	// beside whatever opens. It returns at how many positions each of the two was found.
	search := func() (positions, found, living int) {
		t.Helper()
		f := &copies.Finder{Who: paper.Identity(), Paper: &paper}
		for _, s := range sites {
			x, err := readSite(s, ".")
			if err != nil {
				t.Fatal(err)
			}
			defer x.Close()
			f.Sites = append(f.Sites, x)
		}
		inv, err := f.Look(ctx)
		if err != nil {
			t.Fatal(err)
		}
		beside, _, err := f.Beside(ctx, inv)
		if err != nil {
			t.Fatal(err)
		}
		k, err := secret.EnvKeeper(beside.Keys, "what lies beside")
		if err != nil {
			t.Fatal(err)
		}
		newest := filepath.Join(t.TempDir(), "newest.db")
		if _, err := f.Database(ctx, inv, copies.Target{}, newest, nil); err != nil {
			t.Fatal(err)
		}
		from, err := db.Open(ctx, db.Options{Path: newest})
		if err != nil {
			t.Fatal(err)
		}
		defer from.Close()
		try := func(d *db.DB) {
			v, err := secret.Open(ctx, d, lookingKeeper{k})
			if err != nil {
				return // sealed under keys that are no more: nobody reads anything there
			}
			for _, x := range []struct {
				s sealed
				n *int
			}{{gone, &found}, {stays, &living}} {
				text, err := db.Read(ctx, d, func(q *db.Reader) ([]byte, error) {
					return v.Open(q, x.s.person, fieldTest, x.s.person, x.s.value)
				})
				if err == nil && string(text) == marker {
					*x.n++
				}
			}
		}
		look := func(path string) {
			d, err := db.Open(ctx, db.Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			positions++
			try(d)
			// And as a restore to that point does it: with the persons' keys of the newest.
			if _, err := secret.TakeRows(ctx, d, from); err != nil {
				t.Fatal(err)
			}
			try(d)
		}
		seen := map[uint64]bool{}
		tmp := t.TempDir()
		for i, g := range inv.Segments {
			if seen[g.Max] {
				continue
			}
			seen[g.Max] = true
			p := filepath.Join(tmp, fmt.Sprintf("%d.db", i))
			if _, err := f.Database(ctx, inv, copies.Target{TX: g.Max}, p, nil); err != nil {
				t.Fatal(err)
			}
			look(p)
		}
		dumps, damages, err := f.Dumps(ctx, inv)
		if err != nil || len(damages) > 0 || len(dumps) == 0 {
			t.Fatalf("the second road: %d dumps, %v %v", len(dumps), damages, err)
		}
		for i, x := range dumps {
			p := filepath.Join(tmp, fmt.Sprintf("dump%d.db", i))
			if _, err := f.OpenDump(ctx, inv, x.Found, p, nil); err != nil {
				t.Fatal(err)
			}
			look(p)
		}
		return
	}
	eventually(t, func() bool {
		n := 0
		for _, s := range sites {
			x, err := readSite(s, ".")
			if err != nil {
				t.Fatal(err)
			}
			for o, err := range x.List(ctx, "v/", "") {
				if err == nil && o.Size > 0 {
					n++
				}
			}
			x.Close()
		}
		return n == 2
	})
	positions, found, living := search()
	if positions < 5 || found == 0 || living == 0 {
		t.Fatalf("of %d positions he is found at %d, who stays at %d: this search finds nothing", positions, found, living)
	}
	// 30 days on the epoch turns, and at 35 days its key is destroyed.
	if err := a.Vault.NewEpoch(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Vault.Rewrap(ctx); err != nil {
		t.Fatal(err)
	}
	settle()
	if err := a.Close(ctx); err != nil {
		t.Fatal(err)
	}
	k, err := secret.OpenFiles(filepath.Join(dir, KeyFolder))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Destroy(ctx, "epoch-000001"); err != nil {
		t.Fatal(err)
	}
	a = start()
	settle()
	// What lies beside is brought before anything else; wait for both sites.
	eventually(t, func() bool {
		for _, s := range sites {
			x, err := readSite(s, ".")
			if err != nil {
				t.Fatal(err)
			}
			f := &copies.Finder{Who: paper.Identity(), Paper: &paper, Sites: []copies.Site{x}}
			inv, err := f.Look(ctx)
			if err != nil {
				t.Fatal(err)
			}
			b, _, err := f.Beside(ctx, inv)
			x.Close()
			if err != nil {
				t.Fatal(err)
			}
			ks, err := secret.EnvKeeper(b.Keys, "what lies beside")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ks.Get(ctx, "epoch-000001"); !errors.Is(err, secret.ErrNoKey) {
				return false
			}
		}
		return true
	})
	if err := a.Close(ctx); err != nil {
		t.Fatal(err)
	}
	positions, found, living = search()
	if found != 0 {
		t.Errorf("of %d positions he is still found at %d", positions, found)
	}
	if positions < 5 || living == 0 {
		t.Errorf("of %d positions who stays is found at %d", positions, living)
	}
}

func eventually(t *testing.T, fn func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if fn() {
			return
		}
	}
	t.Fatal("it never came to be")
}
