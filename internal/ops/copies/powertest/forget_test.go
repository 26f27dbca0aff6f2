package powertest_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"kassavalv/internal/ops/copies/powertest"
)

func TestMain(m *testing.M) {
	powertest.Main()
	os.Exit(m.Run())
}

func sync(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What was synced is there after a cut, what was not is not, and neither is a name of a
// folder that was not.
func TestForgets(t *testing.T) {
	if !powertest.Inside() {
		powertest.Run(t)
		return
	}
	disk := powertest.Mount(t)
	dir := disk.Dir(t)
	at := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	write := func(text string, parts ...string) {
		t.Helper()
		if err := os.WriteFile(at(parts...), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	read := func(in string, parts ...string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(append([]string{in}, parts...)...))
		if errors.Is(err, fs.ErrNotExist) {
			return "-"
		}
		must(err)
		return string(b)
	}
	write("first", "a")
	write("first", "b")
	write("first", "c")
	sync(t, at("a"))
	sync(t, at("b"))
	sync(t, dir)
	write("second", "a")                  // not synced
	must(os.Rename(at("b"), at("moved"))) // not synced
	must(os.Mkdir(at("sub"), 0o700))      // not synced, but what is in it is
	write("x", "sub", "x")
	sync(t, at("sub", "x"))
	sync(t, at("sub"))
	after := disk.Cut(t, dir, 0)
	for _, x := range []struct{ name, want string }{{"a", "first"}, {"b", "first"}, {"moved", "-"}, {"c", ""}, {"sub", "-"}} {
		if got := read(after, x.name); got != x.want {
			t.Errorf("%s is %q after the cut, not %q", x.name, got, x.want)
		}
	}
	if got := read(dir, "a"); got != "second" {
		t.Errorf("who works there reads %q", got)
	}
	alive := disk.Kill(t, dir)
	if read(alive, "a") != "second" || read(alive, "moved") != "first" || read(alive, "sub", "x") != "x" {
		t.Error("who is killed loses what was written")
	}
	if after = disk.Cut(t, alive, 0); read(after, "a") != "first" || read(after, "moved") != "-" {
		t.Error("what was not synced before the process was killed is on disk by itself")
	}
	sync(t, dir)
	after = disk.Cut(t, dir, 0)
	if read(after, "b") != "-" || read(after, "moved") != "first" || read(after, "sub", "x") != "x" {
		t.Error("what was synced is gone")
	}
	// A cut by chance takes of each block the old or the new, and some of each.
	old, niu := bytes.Repeat([]byte{'o'}, 64<<10), bytes.Repeat([]byte{'n'}, 64<<10)
	must(os.WriteFile(at("large"), old, 0o600))
	sync(t, at("large"))
	sync(t, dir)
	f, err := os.OpenFile(at("large"), os.O_RDWR, 0)
	must(err)
	_, err = f.WriteAt(niu, 0)
	must(errors.Join(err, f.Close()))
	seen := map[string]bool{}
	for seed := range int64(60) {
		got := []byte(read(disk.Cut(t, dir, seed+1), "large"))
		if len(got) != len(old) {
			t.Fatalf("%d bytes", len(got))
		}
		for at := 0; at < len(got); at += 4096 {
			if b := got[at : at+4096]; !bytes.Equal(b, old[:4096]) && !bytes.Equal(b, niu[:4096]) {
				t.Fatal("a block is neither the old nor the new")
			}
		}
		switch {
		case bytes.Equal(got, old):
			seen["old"] = true
		case bytes.Equal(got, niu):
			seen["new"] = true
		default:
			seen["mixed"] = true
		}
	}
	if len(seen) != 3 {
		t.Errorf("of 60 cuts by chance: %v", seen)
	}
}

// Until the power goes it is a file system like any other.
func TestIsAFileSystem(t *testing.T) {
	if !powertest.Inside() {
		powertest.Run(t)
		return
	}
	disk := powertest.Mount(t)
	a, b := disk.Dir(t), t.TempDir()
	r := rand.New(rand.NewSource(1))
	names := []string{"x", "y", "z", "d/x", "d/y"}
	for _, dir := range []string{a, b} {
		if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for range 3000 {
		name, other, k := names[r.Intn(len(names))], names[r.Intn(len(names))], r.Intn(6)
		at, size, piece := r.Int63n(30_000), r.Int63n(40_000), make([]byte, r.Intn(10_000))
		r.Read(piece)
		var errs [2]error
		for i, dir := range []string{a, b} {
			p := filepath.Join(dir, name)
			switch k {
			case 0:
				errs[i] = os.Remove(p)
			case 1:
				errs[i] = os.Rename(p, filepath.Join(dir, other))
			case 2:
				errs[i] = os.Truncate(p, size)
			case 3:
				errs[i] = os.WriteFile(p, piece, 0o600)
			default:
				f, err := os.OpenFile(p, os.O_CREATE|os.O_RDWR, 0o600)
				if err == nil {
					_, err = f.WriteAt(piece, at)
					err = errors.Join(err, f.Close())
				}
				errs[i] = err
			}
		}
		if (errs[0] == nil) != (errs[1] == nil) {
			t.Fatalf("here %v, elsewhere %v", errs[0], errs[1])
		}
	}
	seen := 0
	if err := filepath.WalkDir(b, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		seen++
		want, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(b, p)
		got, err := os.ReadFile(filepath.Join(a, rel))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, not %d, %v", rel, len(got), len(want), err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		_, here := os.Stat(filepath.Join(a, n))
		_, there := os.Stat(filepath.Join(b, n))
		if (here == nil) != (there == nil) {
			t.Errorf("%s: here %v, elsewhere %v", n, here, there)
		}
	}
	if seen == 0 {
		t.Error("nothing is left to compare")
	}
}
