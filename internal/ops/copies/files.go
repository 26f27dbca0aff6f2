package copies

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// shipFiles sends the files of the shop that the site does not have. A file is written
// once under its name and never changed, so a name that is there needs no second look.
func (s *shipper) shipFiles(ctx context.Context) error {
	if s.r.o.Files == "" {
		return nil
	}
	if err := s.listFiles(ctx); err != nil {
		return err
	}
	return filepath.WalkDir(s.r.o.Files, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // collected meanwhile
		}
		if err != nil {
			return err
		}
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			return nil
		}
		s.mu.Lock()
		have := s.files[fileObject(s.r.o.Charter.Shop, e.Name())]
		s.mu.Unlock()
		if have {
			return nil
		}
		return s.shipFile(ctx, path, e.Name())
	})
}

// listFiles learns which files the site has: once, and when it was away. What a lost answer
// hides is found out when the file is sent again: its name is taken.
func (s *shipper) listFiles(ctx context.Context) error {
	s.mu.Lock()
	known := s.files != nil && !s.relist
	s.relist = false
	s.mu.Unlock()
	if known {
		return nil
	}
	files := map[string]bool{}
	for o, err := range s.site.List(ctx, filePrefix, "") {
		if err != nil {
			s.mu.Lock()
			s.relist = true
			s.mu.Unlock()
			return err
		}
		files[o.Name] = true
	}
	s.mu.Lock()
	s.files = files
	s.mu.Unlock()
	return nil
}

func (s *shipper) shipFile(ctx context.Context, path, name string) error {
	b, err := os.ReadFile(path) // the shop takes none over 20 MB
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	key, wrapped, err := s.r.streams.current()
	if err != nil {
		return err
	}
	h := Header{Kind: KindFile, Shop: s.r.o.Charter.Shop, Epoch: s.r.o.Epoch, At: st.ModTime().UnixMicro(), Name: name, Key: key.id}
	var out bytes.Buffer
	if err := sealTo(&out, bytes.NewReader(b), &h, key); err != nil {
		return err
	}
	if err := s.key(ctx, key.id, wrapped); err != nil {
		return err
	}
	n, err := s.object(ctx, h, bytes.NewReader(out.Bytes()))
	if errors.Is(err, ErrTaken) { // put there by an earlier epoch, or twice: what is there is verified by the drills
		err = nil
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.st.Bytes += n
	s.files[objectName(h)] = true
	s.mu.Unlock()
	return s.save()
}

// Owes reports whether the shop has a file that a site has not confirmed: it is on its way.
func (r *Room) Owes(site, name string) bool {
	for _, s := range r.shippers {
		if s.name != site {
			continue
		}
		s.mu.Lock()
		there := s.files[fileObject(r.o.Charter.Shop, name)]
		s.mu.Unlock()
		if there || len(name) < 5 || r.o.Files == "" {
			return false
		}
		_, err := os.Stat(placeOf(r.o.Files, name))
		return err == nil
	}
	return false
}

// Owing lists the files that the shop has and a site has not confirmed.
func (r *Room) Owing(site string) (names []string, err error) {
	if r.o.Files == "" {
		return nil, nil
	}
	err = filepath.WalkDir(r.o.Files, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !e.IsDir() && r.Owes(site, e.Name()) {
			names = append(names, e.Name())
		}
		return err
	})
	return names, err
}

// placeOf is where a file lies in the folder dir, as package file lays it.
func placeOf(dir, name string) string { return filepath.Join(dir, name[:2], name[2:4], name) }
