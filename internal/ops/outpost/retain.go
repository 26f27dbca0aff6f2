package outpost

import (
	"context"
	"fmt"
	"sort"
	"time"

	"kassavalv/internal/ops/copies"
)

// Retention is how long things are kept, by this machine's clock.
type Retention struct {
	Raw, Minutes, Hours, Days, Snapshots, Dumps time.Duration
}

// UsualRetention is every second for 72 hours, five minutes for 30 days, hours for 90 and
// days for 400.
var UsualRetention = Retention{72 * time.Hour, 30 * day, 90 * day, 400 * day, 400 * day, 400 * day}

const day = 24 * time.Hour

func (r Retention) of(level int) time.Duration {
	switch level {
	case copies.Raw:
		return r.Raw
	case copies.Minutes:
		return r.Minutes
	case copies.Hours:
		return r.Hours
	case copies.Days:
		return r.Days
	}
	return r.Snapshots
}

func (r Retention) longest() (d time.Duration) {
	for _, x := range []time.Duration{r.Raw, r.Minutes, r.Hours, r.Days, r.Snapshots, r.Dumps} {
		d = max(d, x)
	}
	return d
}

// few is the number of objects below which no part of them is looked at as a volume.
const few = 20

type kept struct {
	copies.Object
	g segment
}

// expired finds what retention no longer keeps, and what looks wrong since a person has looked.
func expired(all []copies.Object, r Retention, now, looked time.Time) (gone []string, wrong []string) {
	var segs, dumps, snaps, keys []kept
	newest := map[uint32]uint64{}     // by epoch: transaction of its newest snapshot
	longest := map[[2]uint64]uint64{} // by epoch and level: the farthest transaction of that level
	var last uint32
	for _, o := range all {
		kind, g := parse(o.Name)
		k := kept{o, g}
		switch kind {
		case "segment":
			last = max(last, g.epoch)
			at := [2]uint64{uint64(g.epoch), uint64(g.level)}
			longest[at] = max(longest[at], g.max)
			if g.level == copies.Snapshot {
				newest[g.epoch] = max(newest[g.epoch], g.max)
				snaps = append(snaps, k)
			} else {
				segs = append(segs, k)
			}
		case "dump":
			dumps = append(dumps, k)
		case "key":
			keys = append(keys, k)
		}
	}
	byAge := func(x []kept) { sort.Slice(x, func(i, j int) bool { return x[i].At.Before(x[j].At) }) }
	byAge(snaps)
	byAge(dumps)
	for what, x := range map[string][]kept{"snapshot": snaps, "nightly dump": dumps} {
		if n := len(x); n > 1 && x[n-1].Size*2 < x[n-2].Size && x[n-1].At.After(looked) {
			wrong = append(wrong, fmt.Sprintf("the %s %s has %d bytes, less than half of the %d of the one before", what, x[n-1].Name, x[n-1].Size, x[n-2].Size))
		}
	}
	old := func(o copies.Object, d time.Duration) bool { return now.Sub(o.At) > d }
	// A segment goes when a snapshot of its epoch, and for the short ones a longer segment,
	// reaches as far.
	for _, k := range segs {
		covered := newest[k.g.epoch] >= k.g.max
		if covered && k.g.level < copies.Days {
			covered = false
			for l := k.g.level + 1; l <= copies.Days; l++ {
				covered = covered || longest[[2]uint64{uint64(k.g.epoch), uint64(l)}] >= k.g.max
			}
		}
		if covered && old(k.Object, r.of(k.g.level)) {
			gone = append(gone, k.Name)
		}
	}
	// The newest snapshot of an epoch stays as long as no later epoch has one.
	for _, k := range snaps {
		if old(k.Object, r.Snapshots) && (k.g.max < newest[k.g.epoch] || k.g.epoch < last && newest[last] > 0) {
			gone = append(gone, k.Name)
		}
	}
	for i, k := range dumps {
		if old(k.Object, r.Dumps) && i < len(dumps)-2 {
			gone = append(gone, k.Name)
		}
	}
	// A wrapped key is older than what it opens by ten minutes at most, and its epoch's
	// newest snapshot may be older than anything.
	var oldest time.Time
	goes := map[string]bool{}
	for _, n := range gone {
		goes[n] = true
	}
	for _, k := range append(segs, append(snaps, dumps...)...) {
		if !goes[k.Name] && (oldest.IsZero() || k.At.Before(oldest)) {
			oldest = k.At
		}
	}
	for _, k := range keys {
		if old(k.Object, r.longest()+day) && !oldest.IsZero() && k.At.Before(oldest.Add(-day)) {
			gone = append(gone, k.Name)
		}
	}
	return gone, wrong
}

// prune removes what retention no longer keeps, unless something looks wrong.
func (s *shop) prune(ctx context.Context, o Options) (removed int, err error) {
	var all []copies.Object
	var bytes int64
	sizes := map[string]int64{}
	for x, err := range s.site.List(ctx, "", "") {
		if err != nil {
			return 0, err
		}
		all = append(all, x)
		bytes += x.Size
		sizes[x.Name] = x.Size
	}
	now := o.Now()
	s.mu.Lock()
	s.released()
	looked := s.st.Looked
	s.mu.Unlock()
	gone, wrong := expired(all, o.Retention, now, looked)
	var going int64
	for _, n := range gone {
		going += sizes[n]
	}
	s.mu.Lock()
	for _, w := range wrong {
		s.freeze(w)
	}
	if !s.st.Once {
		if len(all) > few && (going*2 > bytes || len(gone)*2 > len(all)) {
			s.freeze(fmt.Sprintf("retention would remove %d of %d objects, %d of %d bytes, at once: has this machine's clock jumped?", len(gone), len(all), going, bytes))
		}
	}
	s.st.Pruned = now.UTC()
	frozen := len(s.st.Frozen) > 0 || now.Sub(s.st.Seen) > o.FreezeAfter
	if !frozen {
		s.st.Once = false
	}
	err = s.save(true)
	s.mu.Unlock()
	if err != nil || frozen || len(gone) == 0 {
		return 0, err
	}
	if err := s.site.Remove(ctx, gone); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range gone {
		delete(s.seqs, n)
	}
	s.bytes -= going
	return len(gone), s.compact()
}
