// Package keepertest is the suite that every secret.Keeper which can store passes.
package keepertest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/secret"
)

// New makes an empty keeper that stands in dir. Called again for the same dir it MUST give a keeper
// of the same keys, as another process would have it.
type New func(t *testing.T, dir string) secret.Keeper

func key(t *testing.T, name string) secret.Key {
	t.Helper()
	k, err := secret.NewKey(name, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Run runs the suite.
func Run(t *testing.T, fresh New) {
	ctx := context.Background()
	t.Run("keeps", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "keys")
		k := fresh(t, dir)
		if _, err := k.Get(ctx, "link"); !errors.Is(err, secret.ErrNoKey) {
			t.Fatal("a key out of nothing:", err)
		}
		if list, err := k.List(ctx); err != nil || len(list) != 0 {
			t.Fatal("an empty keeper lists", list, err)
		}
		a := key(t, "link")
		if err := k.Put(ctx, a); err != nil {
			t.Fatal(err)
		}
		if err := k.Put(ctx, key(t, "link")); !errors.Is(err, secret.ErrKeyExists) {
			t.Fatal("replaced a key:", err)
		}
		again := fresh(t, dir) // another process
		for _, x := range []secret.Keeper{k, again} {
			if got, err := x.Get(ctx, "link"); err != nil || !got.Same(a) {
				t.Fatal("not the key that was put:", err)
			}
			if list, err := x.List(ctx); err != nil || strings.Join(list, " ") != "link" {
				t.Fatal(list, err)
			}
		}
		if k.Where() == "" {
			t.Error("the keeper does not say where it is")
		}
		for _, bad := range []string{"", "../link", "link.key", "epoch-1", "books-20266", "link/../link"} {
			if _, err := k.Get(ctx, bad); !errors.Is(err, secret.ErrNoKey) {
				t.Errorf("Get(%q): %v", bad, err)
			}
			if err := k.Destroy(ctx, bad); err != nil {
				t.Errorf("Destroy(%q): %v", bad, err)
			}
		}
		if got, err := k.Get(ctx, "link"); err != nil || !got.Same(a) {
			t.Fatal("after names that are none:", err)
		}
	})
	t.Run("one maker", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "keys")
		k := fresh(t, dir)
		again := fresh(t, dir)
		var wg sync.WaitGroup
		var mu sync.Mutex
		var won []secret.Key
		for i := range 8 {
			e, at := key(t, "epoch-000002"), k
			if i%2 == 1 {
				at = again
			}
			wg.Go(func() {
				err := at.Put(ctx, e)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, e)
				} else if !errors.Is(err, secret.ErrKeyExists) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatal("makers of one key:", len(won))
		}
		for _, x := range []secret.Keeper{k, again} {
			if got, err := x.Get(ctx, "epoch-000002"); err != nil || !got.Same(won[0]) {
				t.Fatal("another's key than the winner's:", err)
			}
		}
	})
	t.Run("destroys", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "keys")
		k := fresh(t, dir)
		a, b := key(t, "epoch-000001"), key(t, "epoch-000002")
		for _, x := range []secret.Key{a, b} {
			if err := k.Put(ctx, x); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := k.Destroy(ctx, "epoch-000001"); err != nil {
				t.Fatal(err)
			}
		}
		for _, x := range []secret.Keeper{k, fresh(t, dir)} {
			if _, err := x.Get(ctx, "epoch-000001"); !errors.Is(err, secret.ErrNoKey) {
				t.Fatal("a destroyed key lives:", err)
			}
			if got, err := x.Get(ctx, "epoch-000002"); err != nil || !got.Same(b) {
				t.Fatal("its neighbour is gone:", err)
			}
			if list, _ := x.List(ctx); strings.Join(list, " ") != "epoch-000002" {
				t.Fatal(list)
			}
		}
		// A name may be taken again, by another key.
		c := key(t, "epoch-000001")
		if err := k.Put(ctx, c); err != nil {
			t.Fatal(err)
		}
		if got, err := k.Get(ctx, "epoch-000001"); err != nil || !got.Same(c) || got.Same(a) {
			t.Fatal(err)
		}
	})
	t.Run("leaves nothing lying", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "keys")
		k := fresh(t, dir)
		for _, n := range []string{"link", "epoch-000001"} {
			if err := k.Put(ctx, key(t, n)); err != nil {
				t.Fatal(err)
			}
		}
		k.Put(ctx, key(t, "link"))
		if err := k.Destroy(ctx, "epoch-000001"); err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(dir)
		if err != nil || st.Mode().Perm() != 0o700 {
			t.Fatal("directory:", st.Mode(), err)
		}
		es, err := os.ReadDir(dir)
		if err != nil || len(es) != 1 {
			t.Fatal("files:", es, err)
		}
		if i, _ := es[0].Info(); i.Mode().Perm() != 0o600 {
			t.Error("file mode", i.Mode())
		}
	})
	t.Run("export and import", func(t *testing.T) {
		k := fresh(t, filepath.Join(t.TempDir(), "keys"))
		a := key(t, "link")
		if err := k.Put(ctx, a); err != nil {
			t.Fatal(err)
		}
		text, err := secret.Export(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		other := fresh(t, filepath.Join(t.TempDir(), "keys"))
		for range 2 {
			if err := secret.Import(ctx, other, text); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := other.Get(ctx, "link"); err != nil || !got.Same(a) {
			t.Fatal(err)
		}
	})
}

// RunWrapped is what a keeper with a key service behind it passes besides: its folder holds no key, and what is
// moved to another name does not open. down makes the service unreachable until the returned function is called.
func RunWrapped(t *testing.T, fresh New, down func(t *testing.T) (up func())) {
	ctx := context.Background()
	t.Run("the folder alone is worth nothing", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "keys")
		k := fresh(t, dir)
		for _, n := range []string{"link", "index"} {
			if err := k.Put(ctx, key(t, n)); err != nil {
				t.Fatal(err)
			}
		}
		text, err := secret.Export(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Fields(text.Reveal()) {
			if len(line) < 40 {
				continue
			}
			for _, n := range []string{"link", "index"} {
				b, err := os.ReadFile(filepath.Join(dir, n+".wrapped"))
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(b), line) {
					t.Error("the file holds the key")
				}
			}
		}
		b, _ := os.ReadFile(filepath.Join(dir, "link.wrapped"))
		moved := strings.Replace(string(b), " link ", " shop ", 1)
		if err := os.WriteFile(filepath.Join(dir, "shop.wrapped"), []byte(moved), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Get(ctx, "shop"); err == nil || errors.Is(err, secret.ErrNoKey) {
			t.Error("a blob opened under another name:", err)
		}
		if _, err := k.Get(ctx, "link"); err != nil {
			t.Error("control:", err)
		}
	})
	t.Run("away is not gone", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "keys")
		k := fresh(t, dir)
		a := key(t, "epoch-000001")
		if err := k.Put(ctx, a); err != nil {
			t.Fatal(err)
		}
		up := down(t)
		if _, err := k.Get(ctx, "epoch-000001"); err == nil || errors.Is(err, secret.ErrNoKey) {
			t.Error("a service that is away was taken for a destroyed key:", err)
		} else if !strings.Contains(err.Error(), "epoch-000001") || !strings.Contains(err.Error(), k.Where()[:5]) {
			t.Error("the error does not say which key and where:", err)
		}
		if err := k.Put(ctx, key(t, "epoch-000002")); err == nil {
			t.Error("stored without the service")
		}
		if list, err := k.List(ctx); err != nil || strings.Join(list, " ") != "epoch-000001" {
			t.Error(list, err)
		}
		up()
		if got, err := k.Get(ctx, "epoch-000001"); err != nil || !got.Same(a) {
			t.Error("after the service came back:", err)
		}
	})
}
