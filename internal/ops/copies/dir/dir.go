// Package dir is the site that is a folder: another disk, or one that is mounted over the
// network.
//
// A folder is set up once and has a mark since: a file with an identity. Where the mark is
// missing, the disk is not mounted, and nothing is read or written: otherwise the copies
// would land on the shop's own disk, and an empty folder be taken for a site that has lost
// everything. The mark is looked at in each call, and no file is held open between calls, so
// that the disk can be taken away and given back while the shop runs.
//
// Objects are files under their names, written to a temporary name (in .tmp), synced, and
// linked to the name, which never replaces. Where the file system knows no links (FAT, some
// network disks) they are renamed after a look; then two programs that write the same name
// at the same time are not kept apart.
//
// Replace unlinks the old file. What its blocks held stays on the disk until they are used
// again, as with every file.
package dir

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"kassavalv/internal/ops/copies"
)

// Options of a folder.
type Options struct {
	Name, Location, Provider string
	// Mark is the identity that the folder must have; the folder is then first looked at
	// when it is used, so that it may be mounted later. Empty: the folder must be there when
	// it is opened, and keep the identity it has then.
	Mark string
	// SetUp gives a folder its mark where it has none.
	SetUp bool
}

// MarkFile is the name of the mark in the folder.
const MarkFile = ".kassavalv-site"

const tmp = ".tmp"

// leftover is the age at which a temporary file belongs to nobody.
const leftover = 48 * time.Hour

// ErrNotThere says that the folder is not there or lacks its mark: as a rule its disk is
// not mounted. It is passing trouble.
var ErrNotThere = errors.New("the folder of copies is not there")

// Site is a folder.
type Site struct {
	path string
	mark string
	o    Options
	// one serialises the look and the renaming where there are no links.
	one sync.Mutex
	// link is os.Root.Link, replaced in tests.
	link func(r *os.Root, from, to string) error
}

var (
	_ copies.Site    = (*Site)(nil)
	_ copies.Remover = (*Site)(nil)
)

// SetUp gives the folder at path its mark, unless it has one, and returns it. The folder is
// made; the one that it lies in must be there.
func SetUp(path string) (string, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("copies in %s: %w", path, class(err))
	}
	r, err := os.OpenRoot(path)
	if err != nil {
		return "", fmt.Errorf("copies in %s: %w", path, class(err))
	}
	defer r.Close()
	if m, err := readMark(r); err == nil {
		return m, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("copies in %s: %w", path, class(err))
	}
	m := rand.Text()
	name := MarkFile + "." + m
	_, err = write(context.Background(), r, name, strings.NewReader(markHead+m+"\n"), 0o444)
	if err == nil {
		err = r.Rename(name, MarkFile)
	}
	if err == nil {
		err = syncDir(r, ".")
	}
	if err != nil {
		_ = r.Remove(name)
		return "", fmt.Errorf("copies in %s: %w", path, class(err))
	}
	return readMark(r)
}

const markHead = "kassavalv copies; a shop keeps copies in this folder as long as this file is here\n"

func readMark(r *os.Root) (string, error) {
	b, err := r.ReadFile(MarkFile)
	if err != nil {
		return "", err
	}
	m, ok := strings.CutPrefix(string(b), markHead)
	if m = strings.TrimSpace(m); !ok || m == "" {
		return "", fmt.Errorf("%w: %s is not the mark of a folder of copies", copies.ErrRefused, MarkFile)
	}
	return m, nil
}

// Open opens the folder at path, which is made absolute.
func Open(path string, o Options) (copies.Site, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	s := &Site{path: path, mark: o.Mark, o: o, link: (*os.Root).Link}
	if o.SetUp {
		m, err := SetUp(path)
		if err != nil {
			return nil, err
		}
		if s.mark == "" {
			s.mark = m
		}
	}
	if s.mark != "" && !o.SetUp {
		return s, nil
	}
	r, err := s.root()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if s.mark == "" {
		if s.mark, err = readMark(r); err != nil {
			return nil, s.fail("open", "", err)
		}
	}
	return s, nil
}

// Mark is the identity of the folder.
func (s *Site) Mark() string { return s.mark }

// Place tells where the folder is.
func (s *Site) Place() copies.Place {
	return copies.Place{Kind: "dir", Name: s.o.Name, Address: s.path, Location: s.o.Location, Provider: s.o.Provider}
}

// Close has nothing to close.
func (s *Site) Close() error { return nil }

// root opens the folder, if it is the one that was set up.
func (s *Site) root() (*os.Root, error) {
	r, err := os.OpenRoot(s.path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s does not exist; is the disk mounted?", ErrNotThere, s.path)
		}
		return nil, s.fail("open", "", err)
	}
	m, err := readMark(r)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%w: %s lacks its mark %s; is the disk mounted?", ErrNotThere, s.path, MarkFile)
	case err != nil:
		err = s.fail("open", "", err)
	case s.mark != "" && m != s.mark:
		err = fmt.Errorf("%w: %s has another mark than when it was set up: it is another disk, or another shop's folder", copies.ErrRefused, s.path)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// fail says what went wrong where, as one of the errors of sites if it is one.
func (s *Site) fail(verb, name string, err error) error {
	where := s.path
	if name != "" {
		where = name + " in " + s.path
	}
	return fmt.Errorf("copies: %s %s: %w", verb, where, class(err))
}

// class adds the class of an error of the file system.
func class(err error) error {
	switch {
	case errors.Is(err, copies.ErrAbsent), errors.Is(err, copies.ErrTaken), errors.Is(err, copies.ErrRefused), errors.Is(err, copies.ErrFull):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("%w: %w", copies.ErrFull, err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", copies.ErrRefused, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", copies.ErrAbsent, err)
	}
	return err
}

// Put stores a file.
func (s *Site) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	r, done, err := s.begin(ctx, name)
	if err != nil {
		return copies.Receipt{}, err
	}
	defer done()
	rec, err := s.put(ctx, r, name, body, size)
	if err != nil {
		return copies.Receipt{}, s.fail("put", name, err)
	}
	return rec, nil
}

func (s *Site) put(ctx context.Context, r *os.Root, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if err := copies.Whole(body, size); err != nil {
		return copies.Receipt{}, err
	}
	if size > small { // most often: the answer to the first try was lost
		if st, err := r.Lstat(name); err == nil {
			return s.again(ctx, r, name, st, body, size)
		}
	}
	draft, at, err := s.draft(ctx, r, copies.Exactly(body, size))
	if err != nil {
		return copies.Receipt{}, err
	}
	defer func() { _ = r.Remove(draft) }()
	if err := context.Cause(ctx); err != nil {
		return copies.Receipt{}, err
	}
	place := func() error {
		err := s.link(r, draft, name)
		if noLinks(err) {
			err = s.rename(r, draft, name)
		}
		return err
	}
	err = place()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // as a rule the folder is there
		if err := folders(r, path.Dir(name)); err != nil {
			if errors.Is(err, syscall.ENOTDIR) {
				return copies.Receipt{}, fmt.Errorf("%w: a part of it is an object", copies.ErrTaken)
			}
			return copies.Receipt{}, err
		}
		err = place()
	}
	if errors.Is(err, fs.ErrExist) {
		st, err := r.Lstat(name)
		if err != nil {
			return copies.Receipt{}, err
		}
		return s.again(ctx, r, name, st, body, size)
	}
	if err != nil {
		return copies.Receipt{}, err
	}
	if err := syncDir(r, path.Dir(name)); err != nil {
		return copies.Receipt{}, err
	}
	return copies.Receipt{At: at}, nil
}

// small is a size that is written without a look whether it is there already.
const small = 1 << 20

// again answers a Put of a name that is there. The file is synced anew: who wrote it may
// have been stopped before.
func (s *Site) again(ctx context.Context, r *os.Root, name string, st fs.FileInfo, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if !st.Mode().IsRegular() || st.Size() != size {
		return copies.Receipt{}, copies.ErrTaken
	}
	if err := copies.Whole(body, size); err != nil {
		return copies.Receipt{}, err
	}
	f, err := r.Open(name)
	if err != nil {
		return copies.Receipt{}, err
	}
	defer f.Close()
	same, err := copies.Equal(copies.During(ctx, f), copies.Exactly(body, size))
	if err != nil {
		return copies.Receipt{}, err
	}
	if !same {
		return copies.Receipt{}, copies.ErrTaken
	}
	if err := f.Sync(); err != nil {
		return copies.Receipt{}, err
	}
	if err := syncDir(r, path.Dir(name)); err != nil {
		return copies.Receipt{}, err
	}
	return copies.Receipt{At: st.ModTime()}, nil
}

// rename is link for file systems without links.
func (s *Site) rename(r *os.Root, from, to string) error {
	s.one.Lock()
	defer s.one.Unlock()
	if _, err := r.Lstat(to); err == nil {
		return fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return r.Rename(from, to)
}

func noLinks(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EMLINK)
}

// draft writes a temporary file, synced, and returns its name, and when it was written.
func (s *Site) draft(ctx context.Context, r *os.Root, body io.Reader) (string, time.Time, error) {
	name := tmp + "/" + rand.Text()
	at, err := write(ctx, r, name, body, 0o600)
	if errors.Is(err, fs.ErrNotExist) { // the first one; nothing of body was read
		if err := r.Mkdir(tmp, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", at, err
		}
		at, err = write(ctx, r, name, body, 0o600)
	}
	if err != nil {
		_ = r.Remove(name)
		return "", at, err
	}
	return name, at, nil
}

func write(ctx context.Context, r *os.Root, name string, body io.Reader, mode fs.FileMode) (at time.Time, err error) {
	f, err := r.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return at, err
	}
	_, err = io.Copy(f, copies.During(ctx, body))
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		var st fs.FileInfo
		if st, err = f.Stat(); err == nil {
			at = st.ModTime()
		}
	}
	return at, errors.Join(err, f.Close())
}

// folders makes the folder name and those above it, each synced into the one it lies in.
func folders(r *os.Root, name string) error {
	if name == "." {
		return nil
	}
	st, err := r.Lstat(name)
	if err == nil {
		if !st.IsDir() {
			return syscall.ENOTDIR
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := folders(r, path.Dir(name)); err != nil {
		return err
	}
	if err := r.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(r, path.Dir(name))
}

func syncDir(r *os.Root, name string) error {
	if runtime.GOOS == "windows" { // folders cannot be synced there
		return nil
	}
	d, err := r.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// begin checks name and opens the folder.
func (s *Site) begin(ctx context.Context, name string) (*os.Root, func(), error) {
	if err := copies.Name(name); err != nil {
		return nil, nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, nil, err
	}
	r, err := s.root()
	if err != nil {
		return nil, nil, err
	}
	return r, func() { r.Close() }, nil
}

// Replace stores a small file in place of another.
func (s *Site) Replace(ctx context.Context, name string, body []byte) error {
	if err := copies.Replaceable(name, body); err != nil {
		return err
	}
	r, done, err := s.begin(ctx, name)
	if err != nil {
		return err
	}
	defer done()
	draft, _, err := s.draft(ctx, r, strings.NewReader(string(body)))
	if err != nil {
		return s.fail("replace", name, err)
	}
	if err = folders(r, path.Dir(name)); err == nil {
		err = r.Rename(draft, name)
	}
	if err != nil {
		_ = r.Remove(draft)
		return s.fail("replace", name, err)
	}
	if err := syncDir(r, path.Dir(name)); err != nil {
		return s.fail("replace", name, err)
	}
	return nil
}

// Get opens a file.
func (s *Site) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	r, done, err := s.begin(ctx, name)
	if err != nil {
		return nil, err
	}
	defer done()
	st, err := r.Lstat(name)
	if errors.Is(err, syscall.ENOTDIR) || err == nil && !st.Mode().IsRegular() {
		err = copies.ErrAbsent
	}
	if err != nil {
		return nil, s.fail("get", name, err)
	}
	f, err := r.Open(name)
	if err != nil {
		return nil, s.fail("get", name, err)
	}
	st, err = f.Stat() // of the one that is open: it may have been replaced in between
	if err != nil {
		f.Close()
		return nil, s.fail("get", name, err)
	}
	return &File{copies.During(ctx, copies.Exactly(f, st.Size())), f, st.Size()}, nil
}

// File is what Get opens.
type File struct {
	io.Reader
	io.Closer
	size int64
}

// Size is how many bytes it has.
func (f *File) Size() int64 { return f.size }

// List walks the folder.
func (s *Site) List(ctx context.Context, prefix, after string) iter.Seq2[copies.Object, error] {
	return func(yield func(copies.Object, error) bool) {
		r, err := s.root()
		if err != nil {
			yield(copies.Object{}, err)
			return
		}
		defer r.Close()
		read := func(at string) ([]fs.DirEntry, error) { return fs.ReadDir(r.FS(), path.Clean("./"+at)) }
		if err := copies.Walk(ctx, read, prefix, after, yield); err != nil {
			yield(copies.Object{}, s.fail("list", "", err))
		}
	}
}

// Remove removes files, and drafts that were left behind long ago.
func (s *Site) Remove(ctx context.Context, names []string) error {
	for _, n := range names {
		if err := copies.Name(n); err != nil {
			return err
		}
	}
	r, err := s.root()
	if err != nil {
		return err
	}
	defer r.Close()
	s.sweep(r)
	touched := map[string]bool{}
	for _, n := range names {
		if err := context.Cause(ctx); err != nil {
			return s.fail("remove", n, err)
		}
		st, err := r.Lstat(n)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && !st.Mode().IsRegular() {
			continue
		}
		if err == nil {
			err = r.Remove(n)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s.fail("remove", n, err)
		}
		touched[path.Dir(n)] = true
	}
	for d := range touched {
		if err := syncDir(r, d); err != nil {
			return s.fail("remove", d, err)
		}
	}
	return nil
}

// sweep removes drafts of programs that were stopped.
func (s *Site) sweep(r *os.Root) {
	entries, err := fs.ReadDir(r.FS(), tmp)
	if err != nil {
		return
	}
	for _, e := range entries {
		if st, err := e.Info(); err == nil && time.Since(st.ModTime()) > leftover {
			_ = r.Remove(tmp + "/" + e.Name())
		}
	}
}
