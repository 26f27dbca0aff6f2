package copies

import (
	"context"
	"os"
	"slices"
	"time"
)

// The spans of the longer levels.
var spans = map[int]time.Duration{Minutes: 5 * time.Minute, Hours: time.Hour, Days: 24 * time.Hour}

// SpoolLimit is how many bytes of segments wait for a site that takes none, before the
// oldest are let go and the site needs a snapshot when it comes back.
const SpoolLimit = 2 << 30

// snapshotEvery is how often the whole database goes to the sites; the daily segments
// lead from one to the next.
const snapshotEvery = 7 * 24 * time.Hour

// keepHouse makes longer segments of shorter ones, snapshots in time, and removes from the
// spool what every site has.
func (r *Room) keepHouse(ctx context.Context) {
	for { // a shop that has just been made: its first snapshot is due with the first segment
		changed := r.o.Stream.Changed()
		if r.o.Stream.Head().TX > 0 {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
	for ctx.Err() == nil {
		if err := r.house(ctx); err != nil && ctx.Err() == nil {
			r.o.Log.Error("copies: the spool could not be put in order; it is tried again", "error", err)
		}
		sleep(ctx, 20*time.Second)
	}
}

func (r *Room) house(ctx context.Context) error {
	below := Raw
	for _, l := range []int{Minutes, Hours, Days} {
		if err := r.lengthen(below, l); err != nil {
			return err
		}
		below = l
	}
	if len(r.shippers) > 0 {
		r.mu.Lock()
		head := r.o.Stream.Head().TX
		due := head > 0
		for _, g := range r.levels[Snapshot] {
			due = due && g.Max < head && r.o.Now().Sub(g.At) >= snapshotEvery
		}
		r.mu.Unlock()
		if due {
			if _, err := r.takeSnapshot(ctx, 0); err != nil {
				return err
			}
		}
	}
	return r.prune()
}

// list is the segments of a level that are in the spool.
func (r *Room) list(level int) []Segment {
	if level == Raw {
		r.o.Stream.mu.Lock()
		defer r.o.Stream.mu.Unlock()
		return slices.Clone(r.o.Stream.raw)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.levels[level])
}

// lengthen merges the segments of the level below whose span is over.
func (r *Room) lengthen(below, level int) error {
	have := uint64(0)
	if l := r.list(level); len(l) > 0 {
		have = l[len(l)-1].Max
	}
	span := spans[level]
	now := r.o.Now().UTC().Truncate(span)
	var row []Segment
	flush := func() error {
		if len(row) == 0 {
			return nil
		}
		g, err := r.o.Stream.spool.merge(level, row)
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.levels[level] = append(r.levels[level], g)
		r.mu.Unlock()
		row = nil
		return nil
	}
	for _, g := range r.list(below) {
		if g.Max <= have || !g.At.Before(now) {
			continue
		}
		if n := len(row); n > 0 && (row[n-1].Max+1 != g.Min || row[n-1].Post != g.Pre || !row[0].At.Truncate(span).Equal(g.At.Truncate(span))) {
			if err := flush(); err != nil {
				return err
			}
		}
		row = append(row, g)
	}
	return flush()
}

// prune removes what every site has and a longer level holds too. The newest raw segment
// stays: the next start takes up there.
func (r *Room) prune() error {
	above := map[int]int{Raw: Minutes, Minutes: Hours, Hours: Days}
	var total int64
	for _, l := range Levels {
		for _, g := range r.list(l) {
			total += g.Size
		}
	}
	drop := func(level int, list []Segment, keep int, over bool) error {
		everywhere := r.everywhere(level)
		longest := uint64(1<<63 - 1)
		if up, ok := above[level]; ok {
			longest = 0
			if l := r.list(up); len(l) > 0 {
				longest = l[len(l)-1].Max
			}
		}
		n := 0
		for n < len(list)-keep && (list[n].Max <= everywhere && list[n].Max <= longest || over && total > SpoolLimit) {
			if err := os.Remove(r.o.Stream.spool.of(list[n])); err != nil && !os.IsNotExist(err) {
				return err
			}
			total -= list[n].Size
			n++
		}
		if n == 0 {
			return nil
		}
		if level == Raw {
			r.o.Stream.mu.Lock()
			r.o.Stream.raw = beyond(r.o.Stream.raw, list[n-1].Max)
			r.o.Stream.mu.Unlock()
			return nil
		}
		r.mu.Lock()
		r.levels[level] = beyond(r.levels[level], list[n-1].Max)
		r.mu.Unlock()
		return nil
	}
	// The newest of each level stays: it tells where the next begins.
	for _, l := range Levels {
		if err := drop(l, r.list(l), 1, true); err != nil {
			return err
		}
	}
	return nil
}

// beyond are the segments that end after a transaction: also where the row has begun anew
// since it was listed.
func beyond(row []Segment, tx uint64) []Segment {
	for len(row) > 0 && row[0].Max <= tx {
		row = row[1:]
	}
	return row
}

// everywhere is the transaction up to which every site has the segments of a level.
func (r *Room) everywhere(level int) uint64 {
	least := uint64(1<<63 - 1)
	for _, s := range r.shippers {
		if s.o.Unsealed && level != Raw && level != Snapshot {
			continue
		}
		s.mu.Lock()
		have := s.st.Chains[chainOf(KindSegment, level)].Max
		if level == Raw {
			have = max(have, s.st.Snap)
		}
		s.mu.Unlock()
		least = min(least, have)
	}
	return least
}
