package secret

import (
	"context"
	"fmt"
)

// FileKeeper keeps each key in a file NAME.key of mode 0600 in a directory of
// mode 0700. It refuses looser rights, links, and files of another owner.
type FileKeeper struct{ folder }

const keySuffix = ".key"

// CreateFiles makes the directory where it is not there yet. Only init, demo,
// restore and tests use it; serve calls OpenFiles.
func CreateFiles(dir string) (*FileKeeper, error) {
	if err := createFolder(dir); err != nil {
		return nil, err
	}
	return OpenFiles(dir)
}

// OpenFiles opens a directory that CreateFiles made.
func OpenFiles(dir string) (*FileKeeper, error) {
	k := &FileKeeper{folder{dir, keySuffix}}
	return k, k.check()
}

// Where is the directory.
func (k *FileKeeper) Where() string { return k.dir }

// Get reads a key.
func (k *FileKeeper) Get(_ context.Context, name string) (Key, error) {
	text, p, err := k.read(name, 1024)
	if err != nil {
		return Key{}, err
	}
	key, err := parseKey(text)
	if err != nil {
		return Key{}, fmt.Errorf("secret: %s: %w", p, err)
	}
	if key.Name != name {
		return Key{}, fmt.Errorf("secret: %s holds the key %s", p, key.Name)
	}
	return key, nil
}

// Put stores a new key durably; ErrKeyExists.
func (k *FileKeeper) Put(_ context.Context, key Key) error { return k.put(key.Name, key.line()) }

// List names the keys that are there.
func (k *FileKeeper) List(context.Context) ([]string, error) { return k.list() }

// Destroy overwrites the file and removes it.
func (k *FileKeeper) Destroy(_ context.Context, name string) error {
	if !keyName.MatchString(name) {
		return nil
	}
	return k.destroy(name)
}
