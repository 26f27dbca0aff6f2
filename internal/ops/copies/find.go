package copies

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"filippo.io/age"
)

// Finder looks for what sites hold of one shop. It reads only.
type Finder struct {
	Sites []Site
	// Who opens: the paper key's identity, or the drill key's.
	Who age.Identity
	// Charter is the one the caller trusts; nil: it is read from the sites and believed when
	// Paper made it.
	Charter *Charter
	Paper   *Paper
	// Quietly says that a shop sells on the same machine, and that what is restored is thrown away
	// afterwards: it is written steadily and not held against a loss of power.
	Quietly bool

	disk *disk // nil: the disk
	mu   sync.Mutex
	keys map[string]streamKey
}

// Inventory is what was found.
type Inventory struct {
	Charter  Charter
	Epochs   []uint32 // ascending
	Segments []Found  // of all epochs and sites
	Dumps    []Found
	Files    []Found
	// Along tells which sites keep what lies beside the database.
	Along []int
	Bytes int64
	// Trouble is what could not be looked at, or is not the shop's; the rest stands.
	Trouble []error
	// Misnamed are sites, by their index, whose copies were made for a site of the name here:
	// under the name that was given nothing there is believed, and it is left out unless there
	// is nothing else.
	Misnamed map[int]string
	Asked    int // sites
	Reached  int
}

// Found is an object at a site, told from its name alone.
type Found struct {
	Site  int // index in Finder.Sites
	Name  string
	Size  int64
	At    time.Time // by the site's clock
	Epoch uint32
	Level int
	Min   uint64
	Max   uint64
}

// ErrNothing is returned when no site holds anything of the shop.
var ErrNothing = errors.New("copies: no site that could be reached holds a copy")

// Look lists all sites, beside each other. It fails only when none could be looked at, or
// the sites hold copies of different shops.
func (f *Finder) Look(ctx context.Context) (*Inventory, error) {
	inv := &Inventory{Asked: len(f.Sites), Misnamed: map[int]string{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	charters := map[string]Charter{}
	for i, s := range f.Sites {
		wg.Go(func() {
			one, ch, err := f.lookAt(ctx, i, s)
			name := s.Place().Name
			if len(ch) > 0 {
				name = cmp.Or(nameThere(ctx, s, ch[len(ch)-1], one.Segments), name)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				inv.Trouble = append(inv.Trouble, fmt.Errorf("site %s: %w", s.Place().Name, err))
			}
			if one == nil {
				return
			}
			inv.Reached++
			inv.Segments = append(inv.Segments, one.Segments...)
			inv.Dumps = append(inv.Dumps, one.Dumps...)
			inv.Files = append(inv.Files, one.Files...)
			inv.Along = append(inv.Along, one.Along...)
			inv.Bytes += one.Bytes
			for _, c := range ch {
				charters[c.Shop+c.Verify] = c
			}
			if name != s.Place().Name {
				inv.Misnamed[i] = name
				inv.Trouble = append(inv.Trouble, fmt.Errorf("site %s: these copies were made for a site called %s: its address must say name=%s", s.Place().Name, name, name))
			}
		})
	}
	wg.Wait()
	if len(inv.Misnamed) < inv.Reached { // theirs would each be called damaged, one by one
		bad := func(x Found) bool { return inv.Misnamed[x.Site] != "" }
		inv.Segments, inv.Dumps, inv.Files = slices.DeleteFunc(inv.Segments, bad), slices.DeleteFunc(inv.Dumps, bad), slices.DeleteFunc(inv.Files, bad)
	}
	if inv.Reached == 0 {
		return inv, errors.Join(append([]error{ErrNothing}, inv.Trouble...)...)
	}
	switch {
	case f.Charter != nil:
		inv.Charter = *f.Charter
	case len(charters) == 0:
		return inv, errors.Join(append([]error{ErrNothing}, inv.Trouble...)...)
	case len(charters) > 1:
		return inv, errors.New("copies: the sites hold copies of different shops that this paper key made: name sites of one shop only")
	default:
		for _, c := range charters {
			inv.Charter = c
		}
	}
	for _, g := range inv.Segments {
		if !slices.Contains(inv.Epochs, g.Epoch) {
			inv.Epochs = append(inv.Epochs, g.Epoch)
		}
	}
	slices.Sort(inv.Epochs)
	return inv, nil
}

func (f *Finder) lookAt(ctx context.Context, i int, s Site) (*Inventory, []Charter, error) {
	inv := &Inventory{}
	var charters []Charter
	var errs []error
	for o, err := range s.List(ctx, "", "") {
		if err != nil {
			if o.Name == "" && len(inv.Segments)+len(inv.Files)+len(inv.Dumps) == 0 {
				return nil, nil, err
			}
			errs = append(errs, err)
			break
		}
		inv.Bytes += o.Size
		x := Found{Site: i, Name: o.Name, Size: o.Size, At: o.At}
		part := strings.Split(o.Name, "/")
		switch {
		case o.Name == alongObject:
			inv.Along = append(inv.Along, i)
		case strings.HasPrefix(o.Name, filePrefix):
			inv.Files = append(inv.Files, x)
		case strings.HasPrefix(o.Name, dumpPrefix):
			inv.Dumps = append(inv.Dumps, x)
		case part[0] == "e" && len(part) >= 3:
			n, err := strconv.ParseUint(part[1], 16, 32)
			if err != nil {
				continue
			}
			x.Epoch = uint32(n)
			if path.Base(o.Name) == "charter.json" {
				c, err := f.charterAt(ctx, s, o.Name)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				charters = append(charters, c)
				continue
			}
			if len(part) != 4 || len(part[2]) != 2 || part[2][0] != 'l' || !strings.HasSuffix(o.Name, ".kvc") {
				continue
			}
			var ok bool
			if x.Min, x.Max, ok = rangeOf(o.Name); !ok {
				continue
			}
			x.Level = int(part[2][1] - '0')
			inv.Segments = append(inv.Segments, x)
		}
	}
	return inv, charters, errors.Join(errs...)
}

// nameThere is the name of the site that its newest segments were made for: the given one
// where any of them bears it; empty when none tells.
func nameThere(ctx context.Context, s Site, c Charter, segs []Found) (name string) {
	key, err := c.VerifyKey()
	if err != nil {
		return ""
	}
	segs = slices.Clone(segs)
	slices.SortFunc(segs, func(a, b Found) int { return cmp.Or(cmp.Compare(b.Epoch, a.Epoch), cmp.Compare(b.Max, a.Max)) })
	for _, x := range segs[:min(len(segs), 3)] {
		h, err := headerAt(ctx, s, x.Name, key)
		if err != nil || h.Shop != c.Shop {
			continue
		}
		if name = h.Site; name == s.Place().Name {
			return name
		}
	}
	return name
}

const maxCharter = 32 << 10

func (f *Finder) charterAt(ctx context.Context, s Site, name string) (Charter, error) {
	b, err := getAll(ctx, s, name, maxCharter)
	if err != nil {
		return Charter{}, err
	}
	var c Charter
	if err := json.Unmarshal(b, &c); err != nil {
		return Charter{}, damaged(name, "cannot be read")
	}
	switch {
	case f.Charter != nil && c != *f.Charter:
		return Charter{}, damaged(name, "is the charter of another shop, or under another key")
	case f.Charter == nil && f.Paper != nil && !c.Of(*f.Paper):
		return Charter{}, damaged(name, "was not made with this paper key: the words are those of another shop, or somebody put the charter there")
	}
	return c, nil
}

// getAll reads a small object.
func getAll(ctx context.Context, s Site, name string, limit int64) ([]byte, error) {
	r, err := s.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, damaged(name, "is larger than %d bytes", limit)
	}
	return b, nil
}

// Header reads and verifies the header of an object.
func (f *Finder) Header(ctx context.Context, inv *Inventory, x Found) (Header, error) {
	r, h, err := f.open(ctx, inv, x)
	if err != nil {
		return Header{}, err
	}
	r.Close()
	return h, nil
}

const goneFrom = "is gone from site "

// open opens an object and verifies that its header is the shop's and belongs there.
func (f *Finder) open(ctx context.Context, inv *Inventory, x Found) (io.ReadCloser, Header, error) {
	key, err := inv.Charter.VerifyKey()
	if err != nil {
		return nil, Header{}, err
	}
	site := f.Sites[x.Site]
	r, err := site.Get(ctx, x.Name)
	if errors.Is(err, ErrAbsent) {
		return nil, Header{}, damaged(x.Name, goneFrom+"%s", site.Place().Name)
	}
	if err != nil {
		return nil, Header{}, err
	}
	h, _, err := ReadHeader(r, x.Name, key)
	if err == nil {
		err = belongs(h, inv.Charter, site.Place().Name, x)
	}
	if err != nil {
		r.Close()
		return nil, Header{}, err
	}
	return r, h, nil
}

// belongs tells whether a true header stands where it was put.
func belongs(h Header, c Charter, site string, x Found) error {
	switch {
	case h.Shop != c.Shop:
		return damaged(x.Name, "is a copy of another shop")
	case x.Epoch != 0 && h.Epoch != x.Epoch:
		return damaged(x.Name, "belongs to epoch %d: an old one was replayed", h.Epoch)
	case h.Site != site:
		return damaged(x.Name, "was made for site %s", h.Site)
	case objectName(h) != x.Name:
		return damaged(x.Name, "is %s under another name", objectName(h))
	}
	return nil
}

// fetch opens an object's content into w.
func (f *Finder) fetch(ctx context.Context, inv *Inventory, x Found, w io.Writer) (Header, error) {
	r, h, err := f.open(ctx, inv, x)
	if err != nil {
		return Header{}, err
	}
	defer r.Close()
	who := f.Who
	if h.Key != "" {
		k, err := f.streamKey(ctx, inv, h.Epoch, h.Key)
		if err != nil {
			return Header{}, fmt.Errorf("%s: %w", x.Name, err)
		}
		who = k
	}
	return h, openTo(w, r, x.Name, h, who)
}

// streamKey finds a stream key at any site.
func (f *Finder) streamKey(ctx context.Context, inv *Inventory, epoch uint32, id string) (streamKey, error) {
	f.mu.Lock()
	k, ok := f.keys[id]
	f.mu.Unlock()
	if ok {
		return k, nil
	}
	name := keyObject(epoch, id)
	if Name(name) != nil {
		return streamKey{}, damaged(name, "is no name of a key")
	}
	var errs []error
	for _, s := range f.Sites {
		b, err := getAll(ctx, s, name, maxHeader)
		if err == nil {
			k, err = openStreamKey(id, b, f.Who)
		}
		if err != nil {
			var no *age.NoIdentityMatchError
			if errors.As(err, &no) {
				err = damaged(name, "this key does not open it")
			} else if !errors.Is(err, ErrAbsent) {
				err = fmt.Errorf("%s: %w", name, err)
			}
			errs = append(errs, fmt.Errorf("site %s: %w", s.Place().Name, err))
			continue
		}
		f.mu.Lock()
		if f.keys == nil {
			f.keys = map[string]streamKey{}
		}
		f.keys[id] = k
		f.mu.Unlock()
		return k, nil
	}
	return streamKey{}, errors.Join(errs...)
}

// Plan is a row of segments that leads to a position.
type Plan struct {
	Epoch uint32
	Max   uint64
	Steps []Found
}

// Bytes to be fetched.
func (p Plan) Bytes() (n int64) {
	for _, s := range p.Steps {
		n += s.Size
	}
	return n
}

// plan finds the row that reaches farthest in an epoch, not beyond limit (0: as far as it
// goes), without the objects in not. ok is false when no snapshot is there to begin with.
func plan(all []Found, epoch uint32, limit uint64, not map[Found]bool) (best Plan, ok bool) {
	var segs []Found
	for _, g := range all {
		if g.Epoch == epoch && !not[g] && (limit == 0 || g.Max <= limit) {
			segs = append(segs, g)
		}
	}
	slices.SortFunc(segs, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Min, b.Min), cmp.Compare(b.Max, a.Max), cmp.Compare(a.Size, b.Size), cmp.Compare(a.Site, b.Site))
	})
	var starts []Found
	for _, g := range segs {
		if g.Min == 1 {
			starts = append(starts, g)
		}
	}
	// The newest snapshot first: of two that reach equally far it is the shorter way.
	slices.SortFunc(starts, func(a, b Found) int { return cmp.Or(cmp.Compare(b.Max, a.Max), cmp.Compare(a.Size, b.Size)) })
	for _, s := range starts {
		p := Plan{Epoch: epoch, Max: s.Max, Steps: []Found{s}}
		for i := 0; ; {
			next := Found{}
			for ; i < len(segs) && segs[i].Min <= p.Max+1; i++ {
				if segs[i].Max > p.Max && segs[i].Max > next.Max {
					next = segs[i]
				}
			}
			if next.Max == 0 {
				break
			}
			p.Max, p.Steps = next.Max, append(p.Steps, next)
		}
		if !ok || p.Max > best.Max {
			best, ok = p, true
		}
	}
	return best, ok
}
