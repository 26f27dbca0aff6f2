package file

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Folder is a Store in a directory: ab/cd/KEY, files 0600, directories 0700.
// Every path is opened relative to the directory and cannot leave it.
type Folder struct{ root *os.Root }

// OpenFolder opens or makes the directory.
func OpenFolder(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	r, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Folder{r}, nil
}

// Close lets go of the directory.
func (f *Folder) Close() error { return f.root.Close() }

func place(key string) (dir, path string, err error) {
	if !blobKey.MatchString(key) {
		return "", "", ErrBadKey
	}
	dir = key[:2] + "/" + key[2:4]
	return dir, dir + "/" + key, nil
}

const tempPrefix = ".new-"

// Put writes beside the place, syncs, and renames; then it syncs the directory,
// without which the name might be lost.
func (f *Folder) Put(_ context.Context, key string, data []byte) (err error) {
	dir, path, err := place(key)
	if err != nil {
		return err
	}
	if err := f.root.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var b [8]byte
	rand.Read(b[:])
	temp := dir + "/" + tempPrefix + hex.EncodeToString(b[:])
	w, err := f.root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	if err == nil {
		err = w.Sync()
	}
	err = errors.Join(err, w.Close())
	if err == nil {
		err = f.root.Rename(temp, path)
	}
	if err != nil {
		f.root.Remove(temp)
		return err
	}
	for _, d := range []string{dir, key[:2], "."} {
		if err := f.syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

func (f *Folder) syncDir(dir string) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some file systems cannot sync a directory and say so; the rename stands.
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

type folderBlob struct {
	*os.File
	size int64
}

func (b folderBlob) Size() int64 { return b.size }

// Get opens a blob.
func (f *Folder) Get(_ context.Context, key string) (Blob, error) {
	_, path, err := place(key)
	if err != nil {
		return nil, err
	}
	r, err := f.root.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoBlob
	}
	if err != nil {
		return nil, err
	}
	st, err := r.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = ErrNoBlob
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return folderBlob{r, st.Size()}, nil
}

// Delete removes a blob.
func (f *Folder) Delete(_ context.Context, key string) error {
	_, path, err := place(key)
	if err != nil {
		return err
	}
	if err := f.root.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// List walks the shards. Temporary files that a crash left behind are removed
// after a day; other strangers are left alone and not listed.
func (f *Folder) List(ctx context.Context, fn func(Info) error) error {
	return fs.WalkDir(f.root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) { // removed under us
				return nil
			}
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !e.Type().IsRegular() {
			return nil
		}
		st, err := e.Info()
		if err != nil {
			return nil // removed under us
		}
		name := e.Name()
		if strings.HasPrefix(name, tempPrefix) {
			if time.Since(st.ModTime()) > 24*time.Hour {
				f.root.Remove(path)
			}
			return nil
		}
		if _, p, err := place(name); err != nil || p != path {
			return nil
		}
		return fn(Info{Key: name, Size: st.Size(), Modified: st.ModTime()})
	})
}
