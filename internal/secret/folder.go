package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// folder keeps one small text a key in files NAME+suffix of mode 0600, in a directory of
// mode 0700. It refuses looser rights, links, and files of another owner.
type folder struct{ dir, suffix string }

// createFolder makes the directory where it is not there yet.
func createFolder(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (f folder) check() error {
	st, err := os.Lstat(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("secret: the key directory %s is missing; restore it from its copy (a new shop is made by: kassavalv init)", f.dir)
	}
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return fmt.Errorf("secret: %s is not a directory", f.dir)
	}
	return checkRights(f.dir, st, "700")
}

func (f folder) path(name string) string { return filepath.Join(f.dir, name+f.suffix) }

// read returns the text of a key and the path it stands in; ErrNoKey.
func (f folder) read(name string, limit int64) (text, path string, err error) {
	if !keyName.MatchString(name) {
		return "", "", fmt.Errorf("%w: %q", ErrNoKey, name)
	}
	if err := f.check(); err != nil {
		return "", "", err
	}
	p := f.path(name)
	st, err := os.Lstat(p)
	if errors.Is(err, fs.ErrNotExist) {
		return "", p, fmt.Errorf("%w: %s in %s", ErrNoKey, name, f.dir)
	}
	if err != nil {
		return "", p, err
	}
	if !st.Mode().IsRegular() {
		return "", p, fmt.Errorf("secret: %s is not a plain file", p)
	}
	if err := checkRights(p, st, "600"); err != nil {
		return "", p, err
	}
	if st.Size() == 0 {
		return "", p, fmt.Errorf("secret: %s is empty; restore it from its copy", p)
	}
	if st.Size() > limit {
		return "", p, fmt.Errorf("secret: %s is no key file", p)
	}
	b, err := os.ReadFile(p)
	return string(b), p, err
}

// put writes to a temporary file, syncs it, then links it to its name, which
// fails where the name is taken: ErrKeyExists.
func (f folder) put(name, text string) error {
	if err := f.check(); err != nil {
		return err
	}
	t, err := os.CreateTemp(f.dir, ".new-*")
	if err != nil {
		return err
	}
	tmp := t.Name()
	defer os.Remove(tmp)
	_, err = t.WriteString(text)
	if err == nil {
		err = t.Chmod(0o600)
	}
	if err == nil {
		err = t.Sync()
	}
	if e := t.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if err := os.Link(tmp, f.path(name)); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return ErrKeyExists
		}
		return err
	}
	return syncDir(f.dir)
}

// list names the keys that are there, sorted.
func (f folder) list() ([]string, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	es, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range es {
		if n, ok := strings.CutSuffix(e.Name(), f.suffix); ok && keyName.MatchString(n) {
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return out, nil
}

// destroy overwrites the file, then removes it. On flash memory old blocks may
// live on until the disk reuses them; disk encryption covers those.
func (f folder) destroy(name string) error {
	p := f.path(name)
	t, err := os.OpenFile(p, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	st, err := t.Stat()
	if err == nil {
		_, err = t.WriteAt(make([]byte, st.Size()), 0)
	}
	if err == nil {
		err = t.Sync()
	}
	if e := t.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Remove(p)
	}
	if err != nil {
		return err
	}
	return syncDir(f.dir)
}
