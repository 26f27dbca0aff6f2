package dir

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/sitetest"
)

func open(t *testing.T, path string, o Options) *Site {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*Site)
}

func fresh(t *testing.T) copies.Site {
	return open(t, filepath.Join(t.TempDir(), "copies"), Options{Name: "nas", SetUp: true})
}

// drafts counts the files that are no objects, and no mark.
func drafts(t *testing.T, s copies.Site, _ string) (n int) {
	err := filepath.WalkDir(filepath.Join(s.Place().Address, tmp), func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return n
}

func TestSuite(t *testing.T) {
	k := sitetest.Kind{Open: fresh, Earlier: drafts, Again: func(t *testing.T, s copies.Site) copies.Site {
		return open(t, s.Place().Address, Options{Name: "nas"})
	}}
	t.Run("links", k.Run)
	k.Open = func(t *testing.T) copies.Site {
		s := fresh(t).(*Site)
		s.link = func(*os.Root, string, string) error { return &os.LinkError{Op: "link", Err: syscall.EPERM} }
		return s
	}
	t.Run("no links", k.Run)
}

func put(s copies.Site, name, body string) error {
	_, err := s.Put(context.Background(), name, strings.NewReader(body), int64(len(body)))
	return err
}

func get(s copies.Site, name string) (string, error) {
	r, err := s.Get(context.Background(), name)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

// An unmounted disk is an empty folder where the mark should be.
func TestAnUnmountedDiskIsNoEmptySite(t *testing.T) {
	p := filepath.Join(t.TempDir(), "mnt")
	s := open(t, p, Options{SetUp: true})
	if err := put(s, "a", "1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(p, p+".disk"); err != nil { // the disk goes away
		t.Fatal(err)
	}
	all := func(what string, want error) {
		t.Helper()
		ctx := context.Background()
		_, errGet := get(s, "a")
		errs := map[string]error{"put": put(s, "b", "2"), "get": errGet, "replace": s.Replace(ctx, "keys/current.age", nil), "remove": s.Remove(ctx, []string{"a"})}
		for o, err := range s.List(ctx, "", "") {
			errs["list "+o.Name] = err
		}
		if len(errs) != 5 {
			t.Errorf("%s: a list gave no error", what)
		}
		for verb, err := range errs {
			if !errors.Is(err, want) || errors.Is(err, copies.ErrAbsent) {
				t.Errorf("%s: %s: %v", what, verb, err)
			}
		}
		if _, err := Open(p, Options{}); err == nil && want == ErrNotThere {
			t.Errorf("%s: opened", what)
		}
	}
	all("no folder", ErrNotThere)
	if err := os.Mkdir(p, 0o700); err != nil {
		t.Fatal(err)
	}
	all("an empty folder", ErrNotThere)
	if entries, err := os.ReadDir(p); err != nil || len(entries) != 0 {
		t.Errorf("something was written into the folder under the disk: %v %v", entries, err)
	}
	// Another shop's folder, or another disk.
	if _, err := SetUp(p); err != nil {
		t.Fatal(err)
	}
	all("another mark", copies.ErrRefused)
	later := open(t, filepath.Join(filepath.Dir(p), "later"), Options{Mark: s.Mark()})
	if err := put(later, "b", "2"); !errors.Is(err, ErrNotThere) {
		t.Error("a disk that is mounted later:", err)
	}
	if err := os.RemoveAll(p); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(p+".disk", p); err != nil { // and comes back
		t.Fatal(err)
	}
	if b, err := get(s, "a"); err != nil || b != "1" {
		t.Errorf("after the disk came back: %q %v", b, err)
	}
	if m, err := SetUp(p); err != nil || m != s.Mark() {
		t.Errorf("set up again, the mark is %q (%v), it was %q", m, err, s.Mark())
	}
}

func TestAFolderIsNotMadeOutOfNothing(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "no", "such"), Options{SetUp: true}); err == nil {
		t.Error("two folders were made")
	}
	d := t.TempDir()
	if err := os.WriteFile(filepath.Join(d, MarkFile), []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(d, Options{SetUp: true}); !errors.Is(err, copies.ErrRefused) {
		t.Error("a mark that is none:", err)
	}
}

// What lies beside in the folder is not the shop's.
func TestWhatElseLiesThere(t *testing.T) {
	s := fresh(t).(*Site)
	if err := put(s, "e/a", "1"); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"lost+found", "@eaDir", ".snapshot", "Other", "e/.hidden"} {
		if err := os.MkdirAll(filepath.Join(s.path, d), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.path, d, "x"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, link := range []struct{ from, to string }{{secret, "link"}, {filepath.Dir(secret), "linked"}, {"e/a", "inner"}} {
		if err := os.Symlink(link.from, filepath.Join(s.path, link.to)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for o, err := range s.List(context.Background(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o.Name)
	}
	if strings.Join(got, " ") != "e/a" {
		t.Error("listed:", got)
	}
	for _, n := range []string{"link", "linked/secret", "inner"} {
		if b, err := get(s, n); err == nil {
			t.Errorf("through the link %s: %q", n, b)
		}
		if err := put(s, n, "changed"); err == nil {
			t.Errorf("put through the link %s", n)
		}
		_ = s.Remove(context.Background(), []string{n})
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != "secret" {
		t.Error("a file outside was reached:", string(b), err)
	}
}

func TestErrorsHaveTheirClass(t *testing.T) {
	for err, want := range map[error]error{
		syscall.ENOSPC: copies.ErrFull, syscall.EDQUOT: copies.ErrFull, syscall.EROFS: copies.ErrRefused,
		syscall.EACCES: copies.ErrRefused, syscall.EPERM: copies.ErrRefused, syscall.ENOENT: copies.ErrAbsent,
	} {
		if got := class(&os.PathError{Op: "open", Path: "x", Err: err}); !errors.Is(got, want) || !errors.Is(got, err) {
			t.Errorf("%v is %v", err, got)
		}
	}
	for _, err := range []error{syscall.EIO, syscall.ESTALE, io.ErrUnexpectedEOF} {
		got := class(err)
		for _, c := range []error{copies.ErrAbsent, copies.ErrFull, copies.ErrRefused, copies.ErrTaken} {
			if errors.Is(got, c) {
				t.Errorf("%v is %v", err, c)
			}
		}
	}
	// A folder where an object should be, and an object where a folder should be.
	s := fresh(t)
	if err := put(s, "a/b", "1"); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"a", "a/b/c"} {
		if err := put(s, n, "1"); !errors.Is(err, copies.ErrTaken) {
			t.Errorf("put %s: %v", n, err)
		}
		if _, err := get(s, n); !errors.Is(err, copies.ErrAbsent) {
			t.Errorf("get %s: %v", n, err)
		}
	}
}

func TestDraftsOfThePastAreSwept(t *testing.T) {
	s := fresh(t).(*Site)
	if err := put(s, "a", "1"); err != nil {
		t.Fatal(err)
	}
	old, young := filepath.Join(s.path, tmp, "OLD"), filepath.Join(s.path, tmp, "YOUNG")
	for _, p := range []string{old, young} {
		if err := os.WriteFile(p, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-leftover - time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Error("a draft of a stopped program stays:", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("a draft that is being written was taken away:", err)
	}
}

func TestFull(t *testing.T) {
	disk, ok := sitetest.SmallDisk(t, 6<<20)
	if !ok {
		return
	}
	sitetest.Full(t, open(t, filepath.Join(disk, "copies"), Options{SetUp: true}))
}
