package secret

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// FileKeeper keeps each key in a file NAME.key of mode 0600 in a directory of
// mode 0700. It refuses looser rights, links, and files of another owner.
type FileKeeper struct{ dir string }

const keySuffix = ".key"

// CreateFiles makes the directory where it is not there yet. Only init, demo,
// restore and tests use it; serve calls OpenFiles.
func CreateFiles(dir string) (*FileKeeper, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return OpenFiles(dir)
}

// OpenFiles opens a directory that CreateFiles made.
func OpenFiles(dir string) (*FileKeeper, error) {
	k := &FileKeeper{dir: dir}
	return k, k.checkDir()
}

func (k *FileKeeper) checkDir() error {
	st, err := os.Lstat(k.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("secret: the key directory %s is missing; restore it from its copy (a new shop is made by: kassavalv init)", k.dir)
	}
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return fmt.Errorf("secret: %s is not a directory", k.dir)
	}
	return checkRights(k.dir, st, "700")
}

// Where is the directory.
func (k *FileKeeper) Where() string { return k.dir }

func (k *FileKeeper) path(name string) string { return filepath.Join(k.dir, name+keySuffix) }

// Get reads a key.
func (k *FileKeeper) Get(_ context.Context, name string) (Key, error) {
	if !keyName.MatchString(name) {
		return Key{}, fmt.Errorf("%w: %q", ErrNoKey, name)
	}
	if err := k.checkDir(); err != nil {
		return Key{}, err
	}
	p := k.path(name)
	st, err := os.Lstat(p)
	if errors.Is(err, fs.ErrNotExist) {
		return Key{}, fmt.Errorf("%w: %s in %s", ErrNoKey, name, k.dir)
	}
	if err != nil {
		return Key{}, err
	}
	if !st.Mode().IsRegular() {
		return Key{}, fmt.Errorf("secret: %s is not a plain file", p)
	}
	if err := checkRights(p, st, "600"); err != nil {
		return Key{}, err
	}
	if st.Size() == 0 {
		return Key{}, fmt.Errorf("secret: %s is empty; restore it from its copy", p)
	}
	if st.Size() > 1024 {
		return Key{}, fmt.Errorf("secret: %s is no key file", p)
	}
	b, err := os.ReadFile(p)
	if err != nil {
		return Key{}, err
	}
	key, err := parseKey(string(b))
	if err != nil {
		return Key{}, fmt.Errorf("secret: %s: %w", p, err)
	}
	if key.Name != name {
		return Key{}, fmt.Errorf("secret: %s holds the key %s", p, key.Name)
	}
	return key, nil
}

// Put stores a new key: written to a temporary file, synced, then linked to its
// name, which fails where the name is taken.
func (k *FileKeeper) Put(_ context.Context, key Key) error {
	if err := k.checkDir(); err != nil {
		return err
	}
	f, err := os.CreateTemp(k.dir, ".new-*")
	if err != nil {
		return err
	}
	tmp := f.Name()
	defer os.Remove(tmp)
	_, err = f.WriteString(key.line())
	if err == nil {
		err = f.Chmod(0o600)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if err := os.Link(tmp, k.path(key.Name)); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return ErrKeyExists
		}
		return err
	}
	return syncDir(k.dir)
}

// List names the keys that are there.
func (k *FileKeeper) List(context.Context) ([]string, error) {
	if err := k.checkDir(); err != nil {
		return nil, err
	}
	es, err := os.ReadDir(k.dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range es {
		if n, ok := strings.CutSuffix(e.Name(), keySuffix); ok && keyName.MatchString(n) {
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return out, nil
}

// Destroy overwrites the file, then removes it. On flash memory old blocks may
// live on until the disk reuses them; disk encryption covers those.
func (k *FileKeeper) Destroy(_ context.Context, name string) error {
	if !keyName.MatchString(name) {
		return nil
	}
	p := k.path(name)
	f, err := os.OpenFile(p, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, st.Size()), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Remove(p)
	}
	if err != nil {
		return err
	}
	return syncDir(k.dir)
}
