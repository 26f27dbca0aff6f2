package copies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"kassavalv/internal/db"
)

// The second road: each night SQLite itself writes the whole database anew (VACUUM INTO),
// zstd makes it small and age seals it to the paper key and the drill key. Nothing of the
// first road's format is in it: behind the header, which is its first line, as it were,
// stands an age file that the stock programs open:
//
//	age -d -i KEYFILE dump.age | zstd -d > shop.db
//
// The writer is not held back: the file lies at rest (db.Freeze) while SQLite reads it on
// a connection of its own, and what is committed meanwhile stays in the log. So the copy
// has a position in the first road too, at which both can be compared.

// nightly is the newest dump, as it waits in the data directory for the sites.
type nightly struct {
	Header Header    `json:"header"` // without what a site adds
	Taken  time.Time `json:"taken"`
}

func (r *Room) dumpDir() string { return filepath.Join(r.o.Dir, "dump") }
func (r *Room) dumpFile(h Header) string {
	return filepath.Join(r.dumpDir(), "dump-"+h.Sealed[:min(16, len(h.Sealed))]+".age")
}
func (r *Room) dumpState() string { return filepath.Join(r.dumpDir(), "dump.json") }
func (r *Room) cutsFile() string  { return filepath.Join(r.dumpDir(), "cuts.json") }

// loadDump takes up what an earlier process left.
func (r *Room) loadDump() error {
	if err := os.MkdirAll(r.dumpDir(), 0o700); err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(r.dumpDir(), "*"+tempSuffix+"*"))
	if err != nil {
		return err
	}
	for _, p := range left {
		os.Remove(p)
	}
	if b, err := os.ReadFile(r.cutsFile()); err == nil {
		json.Unmarshal(b, &r.cuts) // lost: the dump of that night can not be compared
	}
	b, err := os.ReadFile(r.dumpState())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var n nightly
	if json.Unmarshal(b, &n) != nil {
		return nil
	}
	st, err := os.Stat(r.dumpFile(n.Header))
	if err != nil || st.Size() != n.Header.SealedSize || n.Header.Epoch != r.o.Epoch {
		return nil // the next night makes another
	}
	r.dump = &n
	return nil
}

// dumpHour is when the night's dump is taken, by the clock of the machine's place.
const dumpHour = 2

// dumpRetry is how long a dump that failed waits, and the first one after the start.
const (
	dumpRetry = time.Hour
	dumpFirst = 10 * time.Minute
)

// dumpDue reports whether a dump is to be taken now. tried is the last try.
func dumpDue(now, opened, tried time.Time, last *nightly) bool {
	if last == nil && now.Sub(opened) < dumpFirst || !tried.IsZero() && now.Sub(tried) < dumpRetry {
		return false
	}
	l := now.Local()
	night := time.Date(l.Year(), l.Month(), l.Day(), dumpHour, 30, 0, 0, time.Local)
	if night.After(now) {
		night = time.Date(l.Year(), l.Month(), l.Day()-1, dumpHour, 30, 0, 0, time.Local)
	}
	return last == nil || last.Taken.Before(night)
}

// keepDumps takes the dumps.
func (r *Room) keepDumps(ctx context.Context) {
	opened, tried := r.o.Now(), time.Time{}
	for ctx.Err() == nil {
		r.mu.Lock()
		last := r.dump
		r.mu.Unlock()
		if now := r.o.Now(); dumpDue(now, opened, tried, last) {
			tried = now
			if err := r.Dump(ctx); err != nil && ctx.Err() == nil {
				r.o.Log.Error("copies: the second road's copy of the night could not be made; it is tried again in an hour", "error", err)
			}
		}
		sleep(ctx, time.Minute)
	}
}

// Dump takes the second road's copy now. The sites have it a while later.
func (r *Room) Dump(ctx context.Context) error {
	r.dumping.Lock()
	defer r.dumping.Unlock()
	n, err := r.takeDump(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dumpTrouble = err; err != nil {
		return err
	}
	r.dump = n
	close(r.nudge)
	r.nudge = make(chan struct{})
	return nil
}

var errCut = errors.New("a site's piece reaches over the position")

func (r *Room) takeDump(ctx context.Context) (*nightly, error) {
	file := filepath.Join(r.dumpDir(), "dump.db"+tempSuffix)
	defer os.Remove(file)
	os.Remove(file)
	var n nightly
	var err error
	const tries = 20
	for range tries {
		err = r.o.DB.Freeze(ctx, func(f db.Frozen) error {
			h, err := r.o.Stream.keptHead(f.Mark)
			if err != nil {
				return err
			}
			r.mu.Lock()
			last := r.dump
			r.mu.Unlock()
			n = nightly{Taken: r.o.Now().UTC(), Header: Header{Kind: KindDump, Shop: r.o.Charter.Shop, Epoch: r.o.Epoch, At: h.At.UnixMicro(), Max: h.TX, Post: h.Sum.String(), Pages: f.Pages, PageSize: f.PageSize, Pos: int64(f.Pos)}}
			if h.TX == 0 {
				return errors.New("there is nothing to copy")
			}
			if last != nil && last.Header.Max == h.TX { // nothing has changed since
				n.Header = last.Header
				return nil
			}
			if err := r.cut(h.TX); err != nil {
				return err
			}
			return f.VacuumInto(ctx, file)
		})
		if !errors.Is(err, errCut) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("copies: dump: %w", err)
	}
	if n.Header.Sealed == "" {
		if err := r.sealDump(file, &n.Header); err != nil {
			return nil, fmt.Errorf("copies: dump: %w", err)
		}
	}
	b, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	if err := (spool{}).put(r.dumpState(), true, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
		return nil, err
	}
	all, err := filepath.Glob(filepath.Join(r.dumpDir(), "dump-*.age"))
	for _, p := range all {
		if p != r.dumpFile(n.Header) {
			os.Remove(p) // a site that reads it goes on reading
		}
	}
	return &n, err
}

// sealDump makes the file to be sent of what SQLite wrote.
func (r *Room) sealDump(file string, h *Header) error {
	to, err := r.o.Charter.recipients()
	if err != nil {
		return err
	}
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	pr, pw := io.Pipe()
	defer pr.Close()
	go func() {
		z, err := zstd.NewWriter(pw, zstd.WithEncoderConcurrency(1))
		if err == nil {
			if _, err = io.Copy(z, in); err == nil {
				err = z.Close()
			}
		}
		pw.CloseWithError(err)
	}()
	sealed := filepath.Join(r.dumpDir(), "dump.age")
	if err := (spool{}).put(sealed, true, func(w io.Writer) error { return sealTo(w, pr, h, to...) }); err != nil {
		return err
	}
	// Named by its bytes, so that no other file is taken for it.
	if err := os.Rename(sealed, r.dumpFile(*h)); err != nil {
		return err
	}
	return syncDir(r.dumpDir())
}

// cut has each site's objects end at a transaction, so that a restore can end there. It
// fails with errCut where one is beyond it.
func (r *Room) cut(tx uint64) error {
	r.mu.Lock()
	r.cuts = append(r.cuts, tx)
	if len(r.cuts) > 8 {
		r.cuts = r.cuts[1:]
	}
	b, err := json.Marshal(r.cuts)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	for _, s := range r.shippers {
		if s.cursor() > tx {
			return errCut
		}
	}
	return spool{}.put(r.cutsFile(), false, func(w io.Writer) error { _, err := w.Write(b); return err })
}

// cutAfter tells whether an object must not reach over a transaction.
func (r *Room) cutAfter(tx uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.cuts, tx)
}

// shipDump sends the newest dump where the site does not have it.
func (s *shipper) shipDump(ctx context.Context) error {
	s.r.mu.Lock()
	n := s.r.dump
	s.r.mu.Unlock()
	if n == nil || s.o.Unsealed {
		return nil
	}
	s.mu.Lock()
	have := s.st.Chains[chainOf(KindDump, 0)].Max
	s.mu.Unlock()
	if have >= n.Header.Max {
		return nil
	}
	f, err := os.Open(s.r.dumpFile(n.Header))
	if errors.Is(err, os.ErrNotExist) {
		return nil // the next one has taken its place
	}
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := s.object(ctx, n.Header, f)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.st.Bytes += size
	s.mu.Unlock()
	return s.save()
}

// adoptDump learns which dump of this epoch the site has, if the state does not tell.
func (s *shipper) adoptDump(ctx context.Context, key []byte) error {
	c := chainOf(KindDump, 0)
	var newest []string
	for o, err := range s.site.List(ctx, dumpPrefix, "") {
		if err != nil {
			return err
		}
		newest = append(newest, o.Name)
	}
	s.mu.Lock()
	have := s.st.Chains[c]
	s.mu.Unlock()
	slices.Reverse(newest)
	for _, name := range newest[:min(len(newest), 4)] { // several of one second lie in any order
		h, hash, err := s.headerOf(ctx, name, key)
		var d *Damage
		if errors.As(err, &d) {
			continue // the drills say it
		}
		if err != nil {
			return err
		}
		if h.Kind != KindDump || h.Epoch != s.r.o.Epoch || h.Site != s.name {
			continue
		}
		if h.Seq > have.Seq {
			have = chain{h.Seq, hash, h.Max, h.Post}
			s.link(c, have)
		}
	}
	return nil
}

// Dump is a copy of the second road at a site.
type Dump struct {
	Found
	Header Header
}

// Dumps lists the second road's copies with true headers, the newest first. What is
// damaged is told beside them.
func (f *Finder) Dumps(ctx context.Context, inv *Inventory) (out []Dump, damages []error, err error) {
	for _, x := range inv.Dumps {
		h, err := f.Header(ctx, inv, x)
		var d *Damage
		if errors.As(err, &d) {
			damages = append(damages, err)
			continue
		}
		if err != nil {
			return nil, damages, err
		}
		if h.Kind != KindDump {
			damages = append(damages, damaged(x.Name, "is no copy of the second road, but a %s", h.Kind))
			continue
		}
		out = append(out, Dump{x, h})
	}
	slices.SortStableFunc(out, func(a, b Dump) int {
		if a.Header.Epoch != b.Header.Epoch {
			return int(int64(b.Header.Epoch) - int64(a.Header.Epoch))
		}
		return b.Header.Time().Compare(a.Header.Time())
	})
	return out, damages, nil
}

// OpenDump restores the database from a copy of the second road into the file path, which
// must not be there. It is in place only when it is whole.
func (f *Finder) OpenDump(ctx context.Context, inv *Inventory, x Found, path string, tell Progress) (Header, error) {
	if tell == nil {
		tell = func(string, int64, int64) {}
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return Header{}, fmt.Errorf("copies: %s is there already: a restore replaces nothing", path)
	}
	packed := path + ".zst" + tempSuffix
	defer func() {
		if f.Quietly {
			giveUp(ctx, packed)
		}
		os.Remove(packed)
	}()
	z, err := f.create(ctx, packed)
	if err != nil {
		return Header{}, err
	}
	defer z.file.Close()
	// The hash is known at the end only: nothing is unpacked before.
	n := int64(0)
	h, err := f.fetch(ctx, inv, x, writeFunc(func(b []byte) (int, error) {
		m, err := z.Write(b)
		if n += int64(m); n&(4<<20-1) < int64(m) {
			tell("fetching", n, x.Size)
		}
		return m, err
	}))
	if err != nil {
		return Header{}, err
	}
	if _, err := z.file.Seek(0, io.SeekStart); err != nil {
		return Header{}, err
	}
	out, err := f.create(ctx, path+tempSuffix)
	if err != nil {
		return Header{}, err
	}
	defer func() {
		out.file.Close()
		os.Remove(path + tempSuffix)
	}()
	d, err := zstd.NewReader(z.file, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return Header{}, err
	}
	defer d.Close()
	var full error // the trouble of this disk, which says nothing of the copy
	m, err := d.WriteTo(writeFunc(func(b []byte) (int, error) {
		m, err := out.Write(b)
		if err != nil {
			full = err
		}
		return m, err
	}))
	switch {
	case full != nil:
		return Header{}, full
	case err != nil:
		return Header{}, damaged(x.Name, "cannot be unpacked: %v", err)
	case h.PageSize <= 0 || m == 0 || m%int64(h.PageSize) != 0:
		return Header{}, damaged(x.Name, "holds %d bytes, which is no database", m)
	}
	return h, out.place(path)
}

type writeFunc func(b []byte) (int, error)

func (f writeFunc) Write(b []byte) (int, error) { return f(b) }

// ErrPositions is returned by Compare for files of different commit positions.
var ErrPositions = errors.New("copies: the two files stand at different positions")

// Compare compares two database files of the same commit position, table by table: how
// many rows, and a hash over them whatever their order. It returns what differs.
func Compare(ctx context.Context, pathA, pathB string) (differs []string, err error) {
	a, err := db.SumFile(ctx, pathA)
	if err != nil {
		return nil, err
	}
	b, err := db.SumFile(ctx, pathB)
	if err != nil {
		return nil, err
	}
	if a.Pos != b.Pos {
		return nil, fmt.Errorf("%w: %d and %d", ErrPositions, a.Pos, b.Pos)
	}
	in := map[string]db.TableSum{}
	for _, t := range b.Tables {
		in[t.Name] = t
	}
	for _, t := range a.Tables {
		o, ok := in[t.Name]
		delete(in, t.Name)
		switch {
		case !ok:
			differs = append(differs, fmt.Sprintf("table %s is in the first only", t.Name))
		case t.SQL != o.SQL:
			differs = append(differs, fmt.Sprintf("table %s is made in two ways", t.Name))
		case t.Rows != o.Rows:
			differs = append(differs, fmt.Sprintf("table %s has %d rows in the first, %d in the second", t.Name, t.Rows, o.Rows))
		case t.Sum != o.Sum:
			differs = append(differs, fmt.Sprintf("table %s has the same number of rows, %d, but not the same contents", t.Name, t.Rows))
		}
	}
	for name := range in {
		differs = append(differs, fmt.Sprintf("table %s is in the second only", name))
	}
	if !slices.Equal(a.Other, b.Other) {
		differs = append(differs, "indexes, views or triggers differ")
	}
	slices.Sort(differs)
	return differs, nil
}
