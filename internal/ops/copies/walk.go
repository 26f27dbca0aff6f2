package copies

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// Walk yields the objects of a site that keeps them as files, as List must. read lists the
// folder at (empty: the site itself); what is not there is no error but at the site itself.
// Files whose names are no names of objects are not seen.
func Walk(ctx context.Context, read func(at string) ([]fs.DirEntry, error), prefix, after string, yield func(Object, error) bool) error {
	_, err := (&walker{ctx, read, prefix, after, yield}).folder("")
	return err
}

type walker struct {
	ctx           context.Context
	read          func(string) ([]fs.DirEntry, error)
	prefix, after string
	yield         func(Object, error) bool
}

// folder yields what lies under at ("" or ending in a slash).
func (w *walker) folder(at string) (more bool, err error) {
	if err := context.Cause(w.ctx); err != nil {
		return false, err
	}
	entries, err := w.read(strings.TrimSuffix(at, "/"))
	if err != nil {
		if at != "" && errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		return false, err
	}
	// The order of whole names, in which a folder is its name and a slash.
	key := func(e fs.DirEntry) string {
		if e.IsDir() {
			return at + e.Name() + "/"
		}
		return at + e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(key(a), key(b)) })
	for _, e := range entries {
		k := key(e)
		if Name(strings.TrimSuffix(k, "/")) != nil {
			continue // the mark, drafts, lost+found, what a network disk puts beside
		}
		if e.IsDir() {
			if !strings.HasPrefix(k, w.prefix) && !strings.HasPrefix(w.prefix, k) || k < w.after && !strings.HasPrefix(w.after, k) {
				continue
			}
			if more, err := w.folder(k); err != nil || !more {
				return false, err
			}
			continue
		}
		if !e.Type().IsRegular() || !strings.HasPrefix(k, w.prefix) || k <= w.after {
			continue
		}
		if err := context.Cause(w.ctx); err != nil {
			return false, err
		}
		st, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return false, err
		}
		if !w.yield(Object{Name: k, Size: st.Size(), At: st.ModTime()}, nil) {
			return false, nil
		}
	}
	return true, nil
}
