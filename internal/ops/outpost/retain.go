package outpost

import (
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
	// The shop would take a snapshot that goes before its time for lost.
	gone.Names = slices.DeleteFunc(gone.Names, func(n string) bool { return gone.Thinned[n] })
	s.mu.Lock()
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
