package outpost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kassavalv/internal/ops/copies"
)

// shrunk finds a newest snapshot or dump that is less than half of the one before it, of
// those that came after a person has looked: then what is old may be all there is.
func shrunk(all []copies.Object, looked time.Time) (wrong []string) {
	var snaps, dumps []copies.Object
	for _, o := range all {
		switch kind, g := parse(o.Name); {
		case kind == "segment" && g.level == copies.Snapshot:
			snaps = append(snaps, o)
		case kind == "dump":
			dumps = append(dumps, o)
		}
	}
	look := func(what string, x []copies.Object) {
		slices.SortStableFunc(x, func(a, b copies.Object) int { return a.At.Compare(b.At) })
		if n := len(x); n > 1 && x[n-1].Size*2 < x[n-2].Size && x[n-1].At.After(looked) {
			wrong = append(wrong, fmt.Sprintf("the %s %s has %d bytes, less than half of the %d of the one before", what, x[n-1].Name, x[n-1].Size, x[n-2].Size))
		}
	}
	look("snapshot", snaps)
	look("nightly dump", dumps)
	return wrong
}

// told are the names, of those that may go by their age, of which the shop's newest head has told
// that they need not be there: whoever verifies this site takes all else for lost. A head that does
// not tell (of an earlier version of the program, or of a life of the shop that has just begun) leaves
// it to the age, but for the snapshots that others could stand for. So are earlier lives, of which no
// head tells any more.
//
// beyond is not empty when the head tells more than any age lets go. Nothing of that goes, but who
// signs such a thing is not the shop as we know it.
func (s *shop) told(ctx context.Context, all []copies.Object, gone copies.Removal, o Options) (names []string, beyond string, err error) {
	head, ok, err := s.head(ctx)
	if err != nil {
		return nil, "", err
	}
	if !ok || head.Told == 0 {
		return slices.DeleteFunc(gone.Names, func(n string) bool { return gone.Thinned[n] }), "", nil
	}
	may := map[string]bool{}
	for _, n := range gone.Names {
		may[n] = true
	}
	chains := map[string][]copies.Object{}
	for _, x := range all {
		kind, g := parse(x.Name)
		switch {
		case kind == "segment" && g.epoch == head.Epoch:
			c := fmt.Sprintf("%s/%d", copies.KindSegment, g.level)
			chains[c] = append(chains[c], x)
		case kind == "dump":
			chains[copies.KindDump+"/0"] = append(chains[copies.KindDump+"/0"], x)
		case may[x.Name] && !gone.Thinned[x.Name]:
			names = append(names, x.Name)
		}
	}
	usual := copies.DefaultPolicy()
	least := copies.Policy{Raw: min(o.Policy.Raw, usual.Raw), Minutes: min(o.Policy.Minutes, usual.Minutes), Hours: min(o.Policy.Hours, usual.Hours), Days: min(o.Policy.Days, usual.Days), Dumps: min(o.Policy.Dumps, usual.Dumps)}
	for c, list := range chains {
		link, snapshots := head.Chains[c], c == fmt.Sprintf("%s/%d", copies.KindSegment, copies.Snapshot)
		// In the order of the chain: from the first that is needed on, all are.
		slices.SortStableFunc(list, func(a, b copies.Object) int {
			_, x := parse(a.Name)
			_, y := parse(b.Name)
			return cmp.Or(cmp.Compare(x.max, y.max), strings.Compare(a.Name, b.Name))
		})
		var unread []string // goes with one that comes after it
		for _, x := range list {
			young := o.Now().Sub(x.At) <= least.Age(x.Name)
			if !may[x.Name] && !young {
				continue // nothing else holds it
			}
			h, err := s.header(ctx, x.Name)
			var d *copies.Damage
			if errors.As(err, &d) {
				if may[x.Name] && !snapshots {
					unread = append(unread, x.Name)
				}
				continue
			}
			if err != nil {
				return nil, "", err
			}
			if h.Epoch != head.Epoch { // a dump of an earlier life
				if may[x.Name] {
					names = append(names, x.Name)
				}
				continue
			}
			if h.Seq >= link.First {
				break
			}
			if slices.Contains(link.Kept, h.Seq) {
				continue
			}
			if young {
				beyond = fmt.Sprintf("the shop tells that %s, number %d of %s, need not be there any longer, and it was stored %s ago: nothing goes so young", x.Name, h.Seq, c, o.Now().Sub(x.At).Round(time.Minute))
				break
			}
			names, unread = append(append(names, unread...), x.Name), nil
		}
	}
	slices.Sort(names)
	return names, beyond, nil
}

// head is what the shop has told last, if it is the shop's.
func (s *shop) head(ctx context.Context) (h copies.Header, ok bool, err error) {
	h, err = s.header(ctx, "keys/head.kvc")
	var d *copies.Damage
	if errors.Is(err, copies.ErrAbsent) || errors.As(err, &d) {
		return h, false, nil
	}
	return h, err == nil && h.Kind == copies.KindHead, err
}

// header reads the header of an object that is kept here. A Damage when it is not this shop's.
func (s *shop) header(ctx context.Context, name string) (copies.Header, error) {
	s.mu.Lock()
	who := s.who
	s.mu.Unlock()
	key, err := who.Charter.VerifyKey()
	if err != nil {
		return copies.Header{}, err
	}
	r, err := s.site.Get(ctx, name)
	if err != nil {
		return copies.Header{}, err
	}
	defer r.Close()
	h, _, err := copies.ReadHeader(r, name, key)
	if err == nil && (h.Shop != who.Charter.Shop || h.Site != who.Site) {
		err = &copies.Damage{Object: name, What: "is not of this shop and site"}
	}
	return h, err
}

// prune removes what retention no longer keeps, unless something looks wrong.
func (s *shop) prune(ctx context.Context, o Options) (removed int, err error) {
	s.mu.Lock()
	s.released()
	looked, sure := s.st.Looked, s.st.Once
	s.mu.Unlock()
	var all []copies.Object
	sizes := map[string]int64{}
	for x, err := range s.site.List(ctx, "", "") {
		if err != nil {
			return 0, err
		}
		all = append(all, x)
		sizes[x.Name] = x.Size
	}
	now := o.Now()
	gone, held := copies.Retain(all, o.Policy, now, sure)
	if held != nil && !errors.Is(held, copies.ErrFrozen) {
		return 0, held
	}
	told, beyond, err := s.told(ctx, all, gone, o)
	if err != nil {
		return 0, err
	}
	gone.Names = told
	s.mu.Lock()
	if beyond != "" && !sure {
		s.freeze(beyond)
	}
	for _, w := range shrunk(all, looked) {
		s.freeze(w)
	}
	s.st.Pruned, s.held = now.UTC(), ""
	if held != nil {
		s.held = strings.TrimPrefix(held.Error(), copies.ErrFrozen.Error()+": ")
	}
	stop := held != nil || len(s.st.Frozen) > 0 || now.Sub(s.st.Seen) > o.FreezeAfter
	if !stop {
		s.st.Once = false
	}
	err = s.save(true)
	s.mu.Unlock()
	if err != nil || stop || len(gone.Names) == 0 {
		return 0, err
	}
	if err := s.site.Remove(ctx, gone.Names); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range gone.Names {
		delete(s.seqs, n)
		s.bytes -= sizes[n]
	}
	return len(gone.Names), s.compact()
}
