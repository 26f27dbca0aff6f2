package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func key(t *testing.T, name string) Key {
	t.Helper()
	k, err := NewKey(name, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestFileKeeperRefuses(t *testing.T) {
	ctx := context.Background()
	fresh := func(t *testing.T) *FileKeeper {
		k, err := CreateFiles(filepath.Join(t.TempDir(), "keys"))
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Put(ctx, key(t, "link")); err != nil {
			t.Fatal(err)
		}
		return k
	}
	zero := keyTag + " link 2026-01-01T00:00:00Z " + strings.Repeat("A", 43) + "\n"
	cases := map[string]struct {
		spoil func(k *FileKeeper) error
		want  string
	}{
		"loose file":      {func(k *FileKeeper) error { return os.Chmod(k.path("link"), 0o640) }, "chmod 600"},
		"loose directory": {func(k *FileKeeper) error { return os.Chmod(k.dir, 0o750) }, "chmod 700"},
		"empty":           {func(k *FileKeeper) error { return os.WriteFile(k.path("link"), nil, 0o600) }, "is empty"},
		"default":         {func(k *FileKeeper) error { return os.WriteFile(k.path("link"), []byte(zero), 0o600) }, "default key"},
		"short":           {func(k *FileKeeper) error { return os.WriteFile(k.path("link"), []byte(zero[:60]), 0o600) }, "not 32 bytes"},
		"other's":         {func(k *FileKeeper) error { return os.Rename(k.path("link"), k.path("index")) }, ""},
		"link": {func(k *FileKeeper) error {
			if err := os.Rename(k.path("link"), k.dir+"/x"); err != nil {
				return err
			}
			return os.Symlink(k.dir+"/x", k.path("link"))
		}, "not a plain file"},
		"missing directory": {func(k *FileKeeper) error { return os.RemoveAll(k.dir) }, "kassavalv init"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			k := fresh(t)
			if _, err := k.Get(ctx, "link"); err != nil {
				t.Fatal("control:", err)
			}
			if err := c.spoil(k); err != nil {
				t.Fatal(err)
			}
			n := "link"
			if name == "other's" {
				n = "index"
			}
			if _, err := k.Get(ctx, n); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := OpenFiles(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("opened nothing")
	}
}

func TestEnvKeeper(t *testing.T) {
	ctx := context.Background()
	a, b := key(t, "link"), key(t, "epoch-000001")
	k, err := EnvKeeper(strings.TrimSpace(a.line())+"; "+b.line(), "KASSAVALV_KEYS")
	if err != nil {
		t.Fatal(err)
	}
	got, err := k.Get(ctx, "epoch-000001")
	if err != nil || !Equal(got.bytes(), b.bytes()) {
		t.Fatal(err)
	}
	if err := k.Put(ctx, key(t, "shop")); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	if err := k.Destroy(ctx, "link"); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	for _, bad := range []string{"", " ; ", "x", a.line() + a.line(), strings.Replace(a.line(), "link", "lynk", 1)} {
		if _, err := EnvKeeper(bad, "KASSAVALV_KEYS"); err == nil {
			t.Errorf("took %q", bad)
		} else if strings.Contains(err.Error(), strings.Fields(a.line())[3]) {
			t.Error("the error tells the key")
		}
	}
	// Export of files, read as environment and into another directory.
	f, _ := CreateFiles(filepath.Join(t.TempDir(), "keys"))
	f.Put(ctx, a)
	text, err := Export(ctx, f)
	if err != nil || fmt.Sprint(text) != redacted {
		t.Fatal(err, text)
	}
	g, _ := CreateFiles(filepath.Join(t.TempDir(), "keys"))
	for range 2 {
		if err := Import(ctx, g, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := Import(ctx, g, Hide(key(t, "link").line())); err == nil {
		t.Error("Import replaced a key")
	}
}
