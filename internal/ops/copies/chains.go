package copies

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// chains goes along each chain.
func (v *verifier) chains() {
	ends := map[string][]Link{} // what must be reached, by chain of the newest epoch
	first := map[string]uint64{}
	tell := func(chains map[string]Link) {
		for c, l := range chains {
			if l.Seq > 0 {
				ends[c] = append(ends[c], l)
			}
			first[c] = max(first[c], l.First)
		}
	}
	if v.has && v.head.Epoch == v.out.Epoch {
		tell(v.head.Chains)
	}
	if k := v.o.Known; k != nil && k.Epoch == v.out.Epoch {
		tell(k.Chains)
	}
	for c, l := range v.later { // removed meanwhile
		first[c] = max(first[c], l.First)
	}
	now := fmt.Sprintf("%08x/", v.out.Epoch)
	for c := range ends {
		if _, ok := v.links[now+c]; !ok {
			v.links[now+c] = nil
		}
	}
	for _, id := range slices.Sorted(maps.Keys(v.links)) {
		list := v.links[id]
		slices.SortFunc(list, func(a, b link) int {
			return cmp.Or(cmp.Compare(a.h.Seq, b.h.Seq), strings.Compare(a.x.Name, b.x.Name))
		})
		newest := strings.HasPrefix(id, now)
		c := id[len(now):]
		if newest && len(ends[c]) > 0 {
			list = listed(list, ends[c])
			v.links[id] = list
		}
		strict := newest && v.has && (v.strict || v.head.Told > 0)
		from := max(first[c], 1)
		bySeq := map[uint64]link{}
		for i, l := range list {
			if i > 0 && list[i-1].h.Seq == l.h.Seq {
				v.found(l.x.Name, "is number %d of %s, and so is %s: doubled", l.h.Seq, c, list[i-1].x.Name)
				continue
			}
			bySeq[l.h.Seq] = l
			if prev, ok := bySeq[l.h.Seq-1]; ok && l.h.Seq > 1 && l.h.Prev != prev.hash {
				v.found(l.x.Name, "does not follow %s: another chain, or an old one", prev.x.Name)
			}
			if l.h.Seq == 1 && l.h.Prev != "" {
				v.found(l.x.Name, "is the first of %s and tells of one before it", c)
			}
			begin := uint64(0)
			if i > 0 {
				begin = list[i-1].h.Seq
			}
			if lo := max(begin+1, from); strict && l.h.Seq > lo || !strict && i > 0 && l.h.Seq > begin+1 && !v.mayBeGone(l) && (newest || !v.mayBeThinned(list[i-1])) {
				if !strict {
					lo = begin + 1
				}
				v.missing(id, path.Dir(l.x.Name), "numbers %d to %d of %s, before %s, are gone", lo, l.h.Seq-1, c, l.x.Name)
			}
			if i > 0 && l.h.Time().Before(list[i-1].h.Time().Add(-clockOff)) {
				v.found(l.x.Name, "tells a time, %s, long before that of %s, which it follows", l.h.Time().Format(time.RFC3339), list[i-1].x.Name)
			}
			if i > 0 && l.h.Seq == begin+1 && l.h.Kind == KindSegment && l.h.Level != Snapshot {
				v.follows(list[i-1], l)
			}
		}
		if strict {
			for _, n := range v.kept(c) {
				if _, ok := bySeq[n]; !ok {
					v.missing(id, v.dirOf(c), "number %d of %s, which was to stay, is gone", n, c)
				}
			}
		}
		last := uint64(0)
		if n := len(list); n > 0 {
			last = list[n-1].h.Seq
		}
		for _, e := range ends[c] {
			if !newest {
				break
			}
			switch l, ok := bySeq[e.Seq]; {
			case ok && l.hash != e.Hash:
				v.found(l.x.Name, "is not the one that the head tells of: another was put in its place")
			case !ok && e.Seq > last && e.Seq >= from && (strict || !v.agedOut(c, v.out.Epoch, e.Max)):
				v.missing(id, v.dirOf(c), "the newest of %s, numbers %d to %d, are gone", c, last+1, e.Seq)
			}
		}
	}
}

// kept are the numbers of a chain that the head told to stay, before and after.
func (v *verifier) kept(c string) []uint64 {
	out := slices.Clone(v.head.Chains[c].Kept)
	if v.later != nil {
		out = slices.DeleteFunc(out, func(n uint64) bool { return !slices.Contains(v.later[c].Kept, n) })
	}
	return out
}

// listed is a chain up to the first hole behind what was known to be there before the site was
// listed. A listing is no moment: of what comes to a site meanwhile it may show a later one and
// not the one before. The next look knows of both.
func listed(list []link, known []Link) []link {
	at := uint64(0)
	for _, k := range known {
		at = max(at, k.Seq)
	}
	for i, l := range list {
		if l.h.Seq > at+1 {
			return list[:i]
		}
		at = max(at, l.h.Seq)
	}
	return list
}

func (v *verifier) dirOf(c string) string {
	kind, level, _ := strings.Cut(c, "/")
	switch kind {
	case KindDump:
		return strings.TrimSuffix(dumpPrefix, "/")
	case KindEpoch:
		return epochObject(v.out.Epoch)
	}
	n, _ := strconv.Atoi(level)
	return strings.TrimSuffix(levelPrefix(v.out.Epoch, n), "/")
}

// mayBeGone reports whether what stood before an object may have been removed by its age, by
// a site that keeps its own retention and tells nobody what it took.
func (v *verifier) mayBeGone(l link) bool {
	if l.h.Kind != KindSegment {
		return v.old(l.h.Time(), v.o.Policy.Dumps)
	}
	return v.old(l.h.Time(), v.o.Policy.after(l.h.Level)) || v.agedOut(chainOf(l.h.Kind, l.h.Level), l.h.Epoch, l.h.Min-1)
}

// mayBeThinned reports whether snapshots that came after one may have gone for others that stay.
// It is asked of earlier epochs, of which no head tells any more.
func (v *verifier) mayBeThinned(before link) bool {
	return before.h.Kind == KindSegment && before.h.Level == Snapshot && v.old(before.h.Time(), v.o.Policy.after(Minutes))
}

func (v *verifier) old(at time.Time, after time.Duration) bool {
	return v.o.Now.Sub(at) > after-2*retainEvery
}

// agedOut reports whether a segment of a chain that reached up to a transaction may have been
// removed by its age: a longer one holds the transaction, and it was committed that long ago.
// A shop that stood still for some days has a chain of which nothing is left but what came since.
func (v *verifier) agedOut(c string, epoch uint32, tx uint64) bool {
	kind, level, _ := strings.Cut(c, "/")
	n, err := strconv.Atoi(level)
	if kind != KindSegment || err != nil {
		return false
	}
	for _, list := range v.links {
		for _, l := range list {
			if l.h.Kind == KindSegment && l.h.Epoch == epoch && l.h.Level > n && l.h.Min <= tx && tx <= l.h.Max && v.old(l.h.Time(), v.o.Policy.after(n)) {
				return true
			}
		}
	}
	return false
}

// follows compares the positions of two neighbours of a chain.
func (v *verifier) follows(a, b link) {
	switch {
	case b.h.Max <= a.h.Max:
		v.found(b.x.Name, "reaches no farther than %s, which it follows", a.x.Name)
	case b.h.Min == a.h.Max+1 && b.h.Pre != a.h.Post:
		v.found(b.x.Name, "begins with another database than %s ends with", a.x.Name)
	}
}

// positions tells whether the newest position can be reached over true objects.
func (v *verifier) positions(inv *Inventory, files []Found) {
	inv.Files = files
	want := uint64(0)
	if v.has && v.head.Epoch == v.out.Epoch {
		want = v.head.Max
	}
	for _, list := range v.links {
		for _, l := range list {
			if l.h.Kind != KindSegment {
				continue
			}
			inv.Segments = append(inv.Segments, l.x)
			if l.h.Epoch == v.out.Epoch {
				want = max(want, l.h.Max)
			}
		}
	}
	for e := uint32(1); e <= v.out.Epoch; e++ {
		if slices.ContainsFunc(inv.Segments, func(x Found) bool { return x.Epoch == e }) {
			inv.Epochs = append(inv.Epochs, e)
		}
	}
	slices.SortFunc(inv.Segments, func(a, b Found) int { return strings.Compare(a.Name, b.Name) })
	if want == 0 {
		if !v.o.Aside {
			v.say(v.name, errors.New("no segment is there yet"))
		}
		return
	}
	p, ok := plan(inv.Segments, v.out.Epoch, 0, nil)
	switch dir := strings.TrimSuffix(epochDir(v.out.Epoch), "/"); {
	case !ok:
		v.missing("", dir, "no restore can begin: there is no snapshot of the whole database")
	case p.Max < want:
		v.missing("", dir, "transaction %d cannot be reached: the row of segments ends at %d, after %s", want, p.Max, p.Steps[len(p.Steps)-1].Name)
	}
	v.out.Max = p.Max
	for _, list := range v.links {
		for _, l := range list {
			if l.h.Epoch == v.out.Epoch && l.h.Kind == KindSegment && l.h.Max == p.Max {
				v.out.Newest = l.h.Time()
			}
		}
	}
}
