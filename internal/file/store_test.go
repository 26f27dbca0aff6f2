package file

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// storeSuite is what every Store passes.
func storeSuite(t *testing.T, s Store) {
	ctx := t.Context()
	key := string(hashOf([]byte("one")))
	read := func(k string) string {
		t.Helper()
		b, err := s.Get(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		data, err := io.ReadAll(b)
		if err != nil || int64(len(data)) != b.Size() {
			t.Fatal(err, len(data), b.Size())
		}
		return string(data)
	}
	if _, err := s.Get(ctx, key); !errors.Is(err, ErrNoBlob) {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := s.Put(ctx, key, []byte("one")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := s.Put(ctx, key+"-400.jpg", []byte("small")); err != nil {
		t.Fatal(err)
	}
	if read(key) != "one" || read(key+"-400.jpg") != "small" {
		t.Fatal("other bytes came back")
	}
	seen := map[string]int64{}
	if err := s.List(ctx, func(i Info) error { seen[i.Key] = i.Size; return nil }); err != nil || len(seen) != 2 || seen[key] != 3 {
		t.Fatal(seen, err)
	}
	stop := errors.New("stop")
	if err := s.List(ctx, func(Info) error { return stop }); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	for _, k := range []string{"", "a", "../../etc/passwd", "/etc/passwd", key + "/..", "../" + key, key + "-401.jpg", key + "-400.jpg\n",
		strings.ToUpper(key), key[:63], key + "\x00", "..%2f" + key} {
		_, err := s.Get(ctx, k)
		if !errors.Is(err, ErrBadKey) || !errors.Is(s.Put(ctx, k, []byte("x")), ErrBadKey) || !errors.Is(s.Delete(ctx, k), ErrBadKey) {
			t.Errorf("%q was taken as a key", k)
		}
	}
	if err := errors.Join(s.Delete(ctx, key), s.Delete(ctx, key)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(ctx, key); !errors.Is(err, ErrNoBlob) {
		t.Fatal(err)
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "files")
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	storeSuite(t, f)

	key := string(hashOf([]byte("two")))
	if err := f.Put(t.Context(), key, []byte("two")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, key[:2], key[2:4], key)
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatal(st, err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*", "*", tempPrefix+"*"))
	if len(left) != 0 {
		t.Fatal(left)
	}
	// What a crash left goes after a day; strangers stay.
	old, young, alien := filepath.Join(filepath.Dir(path), tempPrefix+"1"), filepath.Join(filepath.Dir(path), tempPrefix+"2"), filepath.Join(dir, "README")
	for _, p := range []string{old, young, alien} {
		os.WriteFile(p, []byte("x"), 0o600)
	}
	os.Chtimes(old, time.Time{}, time.Now().Add(-25*time.Hour))
	n := 0
	if err := f.List(t.Context(), func(Info) error { n++; return nil }); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	_, e1 := os.Stat(old)
	_, e2 := os.Stat(young)
	_, e3 := os.Stat(alien)
	if e1 == nil || e2 != nil || e3 != nil {
		t.Fatal(e1, e2, e3)
	}
	// A link out of the folder leads nowhere.
	secret := filepath.Join(t.TempDir(), "secret")
	os.WriteFile(secret, []byte("secret"), 0o600)
	link := string(hashOf([]byte("three")))
	os.MkdirAll(filepath.Join(dir, link[:2], link[2:4]), 0o700)
	if err := os.Symlink(secret, filepath.Join(dir, link[:2], link[2:4], link)); err != nil {
		t.Fatal(err)
	}
	if b, err := f.Get(t.Context(), link); err == nil {
		data, _ := io.ReadAll(b)
		if bytes.Contains(data, []byte("secret")) {
			t.Fatal("a link was followed out of the folder")
		}
	}
}

// failing is a Store whose next calls fail, as a full or lost disk does.
type failing struct {
	Store
	put, del error
}

func (f *failing) Put(ctx context.Context, k string, d []byte) error {
	if f.put != nil {
		return f.put
	}
	return f.Store.Put(ctx, k, d)
}

func (f *failing) Delete(ctx context.Context, k string) error {
	if f.del != nil {
		return f.del
	}
	return f.Store.Delete(ctx, k)
}
