package copies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrFenced is returned for a site at which a later epoch of the same shop has begun:
// another machine is the shop now. Sites that fence by themselves wrap it in their refusal.
var ErrFenced = errors.New("another machine is the shop now")

// Fenced tells that a later epoch has begun. It does not pass by itself.
type Fenced struct {
	Site string    `json:"site"` // where it was seen
	At   time.Time `json:"at"`   // when
	Says string    `json:"says"`
}

// Fenced tells whether another machine has become the shop; nil: no. It outlives a
// restart: a file in the folder of the copies holds it.
func (r *Room) Fenced() *Fenced {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fenced
}

func (r *Room) fenceFile() string {
	return filepath.Join(r.o.Dir, fmt.Sprintf("fenced-%08x.json", r.o.Epoch))
}

// loadFence reads what an earlier start has found about this very epoch.
func (r *Room) loadFence() error {
	b, err := os.ReadFile(r.fenceFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f := &Fenced{}
	if json.Unmarshal(b, f) != nil {
		f = &Fenced{Says: ErrFenced.Error()} // that it is there is what matters
	}
	r.fenced = f
	return nil
}

// fence stops all sites, not only the one that told: two shops must not both go on. It
// reports true; what could not be written down is found anew at the next start.
func (r *Room) fence(site string, err error) bool {
	r.mu.Lock()
	first := r.fenced == nil
	if first {
		r.fenced = &Fenced{Site: site, At: r.o.Now().UTC(), Says: err.Error()}
	}
	f := r.fenced
	r.mu.Unlock()
	if first {
		b, merr := json.Marshal(f)
		if merr == nil {
			merr = spool{}.put(r.fenceFile(), true, func(w io.Writer) error { _, err := w.Write(b); return err })
		}
		r.o.Log.Error("this shop has been restored on another machine, which has opened: nothing is sent to the sites any more, and nothing may be sold here", "site", site, "error", err, "kept", merr == nil)
		r.cancel()
		r.confirmed()
		if r.o.OnFenced != nil {
			r.o.OnFenced(*f)
		}
	}
	return true
}

// overtaken returns ErrFenced when the site holds an object of a later epoch that this
// shop's key has signed. A name alone proves nothing: who runs a site could write one.
func (s *shipper) overtaken(ctx context.Context) error {
	e, err := Newest(ctx, s.site, s.r.o.Charter, s.r.o.Epoch)
	if err != nil {
		return err
	}
	if e > s.r.o.Epoch {
		return fmt.Errorf("site %s: %w: epoch %d has begun, this machine writes epoch %d", s.name, ErrFenced, e, s.r.o.Epoch)
	}
	return nil
}

// newestLook bounds how many objects of an epoch are looked at for a true one.
const newestLook = 64

// Newest is the newest epoch after the given one of which the site holds an object that the
// shop has signed; the given one when there is none.
func Newest(ctx context.Context, s Site, c Charter, after uint32) (uint32, error) {
	key, err := c.VerifyKey()
	if err != nil {
		return 0, err
	}
	newest, looked := after, map[uint32]int{}
	// All names of an epoch sort before this: a digit comes after the stroke.
	from := strings.TrimSuffix(epochDir(after), "/") + "0"
	for o, err := range s.List(ctx, epochPrefix, from) {
		if err != nil {
			return newest, err
		}
		part := strings.Split(o.Name, "/")
		if mark := len(part) == 3 && part[2] == "epoch.kvc"; !mark && (len(part) != 4 || len(part[2]) != 2 || part[2][0] != 'l') {
			continue
		}
		n, err := strconv.ParseUint(part[1], 16, 32)
		e := uint32(n)
		if err != nil || e <= newest || looked[e] >= newestLook {
			continue
		}
		looked[e]++
		h, err := headerAt(ctx, s, o.Name, key)
		var d *Damage
		switch {
		case errors.As(err, &d), errors.Is(err, ErrAbsent):
			continue
		case err != nil:
			return newest, err
		}
		if h.Shop == c.Shop && h.Epoch == e && (h.Kind == KindSegment || h.Kind == KindEpoch) {
			newest = e
		}
	}
	return newest, nil
}

func headerAt(ctx context.Context, s Site, name string, key []byte) (Header, error) {
	r, err := s.Get(ctx, name)
	if err != nil {
		return Header{}, err
	}
	defer r.Close()
	h, _, err := ReadHeader(r, name, key)
	return h, err
}
