package copies

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/superfly/ltx"
	"golang.org/x/sync/errgroup"
)

// Target is the position a restore is to reach.
type Target struct {
	At    time.Time // the last change not after it; zero: the newest there is
	Epoch uint32    // 0: the newest
	TX    uint64    // exactly this transaction; 0: as far as it goes
}

// Report tells what a restore did.
type Report struct {
	Epoch   uint32
	TX      uint64
	At      time.Time // of the last change that came back
	Sum     string    // rolling checksum, as signed
	Steps   int
	Bytes   int64 // fetched
	Size    int64 // of the database file
	Fetched time.Duration
	Checked time.Duration
	// Damages are objects that were not as they should be; others took their place.
	Damages []error
}

// Progress tells how far a restore is; of is 0 while that is not known.
type Progress func(what string, done, of int64)

// Database restores the database into the file path, which must not be there. Of damaged
// objects it says which and goes another way, if there is one. The file is in place only
// when it is whole: its checksum is the signed one.
func (f *Finder) Database(ctx context.Context, inv *Inventory, t Target, path string, tell Progress) (Report, error) {
	if tell == nil {
		tell = func(string, int64, int64) {}
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return Report{}, fmt.Errorf("copies: %s is there already: a restore replaces nothing", path)
	}
	not := map[Found]bool{}
	var rep Report
	for {
		p, err := f.Choose(ctx, inv, t, not, &rep)
		if err != nil {
			return rep, errors.Join(append([]error{err}, rep.Damages...)...)
		}
		bad, err := f.follow(ctx, inv, p, path, &rep, tell)
		if err == nil {
			return rep, nil
		}
		var d *Damage
		if bad == nil || !errors.As(err, &d) {
			return rep, err
		}
		rep.Damages = append(rep.Damages, err)
		not[*bad] = true
	}
}

// Choose plans the way to a target.
func (f *Finder) Choose(ctx context.Context, inv *Inventory, t Target, not map[Found]bool, rep *Report) (Plan, error) {
	epochs := inv.Epochs
	if t.Epoch != 0 {
		epochs = []uint32{t.Epoch}
	}
	for _, e := range slices.Backward(epochs) {
		limit := t.TX
		if !t.At.IsZero() {
			max, err := f.before(ctx, inv, e, t.At, not, rep)
			if err != nil {
				return Plan{}, err
			}
			if max == 0 {
				continue // the epoch began later
			}
			limit = max
		}
		p, ok := plan(inv.Segments, e, limit, not)
		if !ok {
			continue // nothing of it stands; what does not was told as damage
		}
		if t.TX != 0 && p.Max != t.TX {
			return Plan{}, fmt.Errorf("copies: transaction %d cannot be reached; the nearest before it is %d", t.TX, p.Max)
		}
		return p, nil
	}
	if !t.At.IsZero() {
		return Plan{}, fmt.Errorf("copies: no copy reaches back to %s", t.At.Format(time.RFC3339))
	}
	return Plan{}, errors.New("copies: no whole row of segments begins with a snapshot: the second road (v/) may help")
}

// before finds the last transaction of an epoch whose change is not after at.
func (f *Finder) before(ctx context.Context, inv *Inventory, epoch uint32, at time.Time, not map[Found]bool, rep *Report) (uint64, error) {
	byMax := map[uint64][]Found{}
	var order []uint64
	for _, g := range inv.Segments {
		if g.Epoch == epoch && !not[g] {
			if byMax[g.Max] == nil {
				order = append(order, g.Max)
			}
			byMax[g.Max] = append(byMax[g.Max], g)
		}
	}
	slices.Sort(order)
	var fail error
	// The first that is later; headers are read on the way only.
	i, _ := slices.BinarySearchFunc(order, at, func(max uint64, at time.Time) int {
		for _, g := range byMax[max] {
			h, err := f.Header(ctx, inv, g)
			if err != nil {
				var d *Damage
				if errors.As(err, &d) {
					rep.Damages = append(rep.Damages, err)
					not[g] = true
				} else {
					fail = err
				}
				continue
			}
			if h.Time().After(at) {
				return 1
			}
			return -1
		}
		return -1
	})
	if i == 0 || fail != nil {
		return 0, fail
	}
	return order[i-1], nil
}

const inMemory = 64 << 20

// follow fetches the steps of a plan and puts them over each other. bad is the object that
// was found damaged.
func (f *Finder) follow(ctx context.Context, inv *Inventory, p Plan, path string, rep *Report, tell Progress) (bad *Found, err error) {
	begun := time.Now()
	tmp := path + ".restoring"
	out, err := f.create(ctx, tmp)
	if err != nil {
		return nil, err
	}
	defer func() {
		out.file.Close()
		os.Remove(tmp)
	}()
	// Fetched beside each other, applied in order.
	type piece struct {
		h   Header
		b   []byte
		err error
	}
	g, gctx := errgroup.WithContext(ctx)
	defer g.Wait()
	stop, cancel := context.WithCancel(gctx)
	defer cancel()
	ready := make([]chan piece, len(p.Steps))
	slots := make(chan struct{}, 6)
	for i := range ready {
		ready[i] = make(chan piece, 1)
	}
	g.Go(func() error {
		for i, s := range p.Steps {
			if s.Size > inMemory || i == 0 {
				ready[i] <- piece{}
				continue
			}
			select {
			case slots <- struct{}{}:
			case <-stop.Done():
				return nil
			}
			g.Go(func() error {
				var b bytes.Buffer
				h, err := f.fetch(stop, inv, s, &b)
				ready[i] <- piece{h, b.Bytes(), err}
				return nil
			})
		}
		return nil
	})
	of, done := p.Bytes(), int64(0)
	var last Header
	for i, s := range p.Steps {
		var x piece
		select {
		case x = <-ready[i]:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if x.err == nil && x.b == nil {
			x.h, x.err = f.pour(stop, inv, s, out, func(n int64) { tell("fetching", min(done+n, of), of) })
		} else {
			<-slots
			if x.err == nil {
				x.err = layDown(bytes.NewReader(x.b), out, s.Name, x.h)
			}
		}
		if x.err != nil {
			return &p.Steps[i], x.err
		}
		switch {
		case i == 0 && x.h.Pre != "":
			return &p.Steps[i], damaged(s.Name, "does not begin with nothing")
		case i > 0 && x.h.Min == last.Max+1 && x.h.Pre != last.Post:
			return &p.Steps[i], damaged(s.Name, "does not follow what comes before it")
		}
		last = x.h
		done += s.Size
		tell("fetching", done, of)
	}
	rep.Fetched = time.Since(begun)
	checking := time.Now()
	tell("verifying", 0, 0)
	if err := out.file.Truncate(int64(last.Pages) * int64(last.PageSize)); err != nil {
		return nil, err
	}
	if _, err := out.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	sum, err := ltx.ChecksumReader(newReader(out.file), last.PageSize)
	if err != nil {
		return nil, err
	}
	if sum.String() != last.Post {
		n := len(p.Steps) - 1
		return &p.Steps[n], damaged(p.Steps[n].Name, "the database sums to %s, not to the signed %s", sum, last.Post)
	}
	if err := out.place(path); err != nil {
		return nil, err
	}
	rep.Checked = time.Since(checking)
	rep.Epoch, rep.TX, rep.At, rep.Sum, rep.Steps, rep.Bytes, rep.Size = p.Epoch, last.Max, last.Time(), last.Post, len(p.Steps), of, int64(last.Pages)*int64(last.PageSize)
	return nil, nil
}

// pour is fetch straight into the file, for what does not fit in memory.
func (f *Finder) pour(ctx context.Context, inv *Inventory, x Found, out *laid, tell func(int64)) (Header, error) {
	r, w := io.Pipe()
	done := make(chan error, 1)
	var h Header
	go func() {
		var err error
		h, err = f.fetch(ctx, inv, x, w)
		w.CloseWithError(err)
		done <- err
	}()
	lerr := layDown(&told{r: newReader(r), tell: tell}, out, x.Name, Header{})
	r.CloseWithError(lerr)
	err := <-done
	switch {
	case lerr == nil && errors.Is(err, io.ErrClosedPipe):
		return Header{}, damaged(x.Name, "goes on after its end")
	case err != nil && !errors.Is(err, lerr):
		return Header{}, err
	}
	return h, lerr
}

// told tells how much was read.
type told struct {
	r    io.Reader
	n    int64
	step int64
	tell func(int64)
}

func (t *told) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	if t.n += int64(n); t.n-t.step > 4<<20 {
		t.step = t.n
		t.tell(t.n)
	}
	return n, err
}

// layDown puts the pages of a segment into the file.
func layDown(r io.Reader, out *laid, name string, h Header) error {
	d := ltx.NewDecoder(r)
	d.SetRetainPageIndex(false)
	if err := d.DecodeHeader(); err != nil {
		return damaged(name, "is no segment: %v", err)
	}
	lh := d.Header()
	if h.V != 0 && (uint64(lh.MinTXID) != h.Min || uint64(lh.MaxTXID) != h.Max) {
		return damaged(name, "holds other transactions than its header tells")
	}
	size := int64(lh.PageSize)
	page := make([]byte, size)
	// Neighbouring pages are written together.
	buf, at := make([]byte, 0, 1<<20), int64(0)
	flush := func() error {
		if len(buf) == 0 {
			return nil
		}
		_, err := out.WriteAt(buf, at)
		buf = buf[:0]
		return err
	}
	for {
		var p ltx.PageHeader
		err := d.DecodePage(&p, page)
		if err == io.EOF {
			break
		}
		if err != nil {
			return damaged(name, "a page cannot be read: %v", err)
		}
		off := int64(p.Pgno-1) * size
		if len(buf) > 0 && (off != at+int64(len(buf)) || len(buf)+len(page) > cap(buf)) {
			if err := flush(); err != nil {
				return err
			}
		}
		if len(buf) == 0 {
			at = off
		}
		buf = append(buf, page...)
	}
	if err := flush(); err != nil {
		return err
	}
	if err := d.Close(); err != nil {
		return damaged(name, "is not whole: %v", err)
	}
	return out.file.Truncate(int64(lh.Commit) * size)
}

// FilesInto restores the files of the shop into the folder dir, laid out as package file
// does. What is there is left. It returns how many came back and what is damaged.
func (f *Finder) FilesInto(ctx context.Context, inv *Inventory, dir string, tell Progress) (n int, damages []error, err error) {
	if tell == nil {
		tell = func(string, int64, int64) {}
	}
	byName := map[string][]Found{}
	for _, x := range inv.Files {
		byName[x.Name] = append(byName[x.Name], x)
	}
	type result struct {
		ok      bool
		damages []error
	}
	results := make(chan result, len(byName))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(6)
	for _, at := range byName {
		g.Go(func() error {
			var res result
			for _, x := range at {
				err := f.fileInto(gctx, inv, x, dir)
				var d *Damage
				if errors.As(err, &d) {
					res.damages = append(res.damages, err)
					continue
				}
				if err != nil {
					return err
				}
				res.ok = true
				break
			}
			results <- res
			return nil
		})
	}
	err = g.Wait()
	close(results)
	for r := range results {
		if r.ok {
			n++
		}
		damages = append(damages, r.damages...)
		tell("files", int64(n), int64(len(byName)))
	}
	return n, damages, err
}

func (f *Finder) fileInto(ctx context.Context, inv *Inventory, x Found, dir string) error {
	var b bytes.Buffer
	h, err := f.fetch(ctx, inv, x, &b)
	if err != nil {
		return err
	}
	if len(h.Name) < 5 || h.Name != filepath.Base(h.Name) || Name(h.Name) != nil {
		return damaged(x.Name, "holds a file of no possible name")
	}
	to := placeOf(dir, h.Name)
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return spool{}.put(to, true, func(w io.Writer) error { _, err := w.Write(b.Bytes()); return err })
}
