package copies

import (
	"strings"
	"testing"
	"time"
)

// A site that keeps its own retention tells nobody what it took. What it may have taken by its
// age is no loss; what it cannot have taken is one, also where the shop stood still for days.
func TestWhatASiteMayHaveRemoved(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	type seg struct {
		level    int
		seq      uint64
		min, max uint64
		age      time.Duration
	}
	for name, c := range map[string]struct {
		there []seg
		ends  map[int]Link // by level
		says  string       // empty: nothing is missing
	}{
		"a chain of which the shop's standing still has left nothing": {
			[]seg{{Minutes, 1, 1, 40, 4 * day}, {Snapshot, 1, 1, 10, 5 * day}}, map[int]Link{Raw: {Seq: 9, Max: 40}}, ""},
		"the newest of it are young": {
			[]seg{{Minutes, 1, 1, 40, time.Hour}, {Snapshot, 1, 1, 10, 5 * day}}, map[int]Link{Raw: {Seq: 9, Max: 40}}, "the newest of segment/0, numbers 1 to 9"},
		"some of the newest nobody holds": {
			[]seg{{Minutes, 1, 1, 30, 4 * day}, {Snapshot, 1, 1, 10, 5 * day}}, map[int]Link{Raw: {Seq: 9, Max: 40}}, "the newest of segment/0, numbers 1 to 9"},
		"minutes that hours hold": {
			[]seg{{Hours, 1, 1, 40, 32 * day}}, map[int]Link{Minutes: {Seq: 3, Max: 40}}, ""},
		"minutes that hours hold, too early": {
			[]seg{{Hours, 1, 1, 40, 20 * day}}, map[int]Link{Minutes: {Seq: 3, Max: 40}}, "the newest of segment/1"},
		"the newest snapshot": {
			[]seg{{Days, 1, 1, 40, 500 * day}}, map[int]Link{Snapshot: {Seq: 1, Max: 40}}, "the newest of segment/9"},
		"a hole between what nobody else holds and what came after the standstill": {
			[]seg{{Raw, 1, 1, 5, 9 * day}, {Raw, 7, 41, 41, time.Minute}, {Minutes, 1, 6, 40, 4 * day}}, map[int]Link{Raw: {Seq: 7, Max: 41}}, ""},
		"a young hole": {
			[]seg{{Raw, 1, 1, 5, 9 * day}, {Raw, 7, 41, 41, time.Minute}, {Minutes, 1, 6, 40, time.Hour}}, map[int]Link{Raw: {Seq: 7, Max: 41}}, "numbers 2 to 6 of segment/0"},
		"a hole that nobody holds": {
			[]seg{{Raw, 1, 1, 5, 9 * day}, {Raw, 7, 41, 41, time.Minute}, {Minutes, 1, 6, 30, 4 * day}}, map[int]Link{Raw: {Seq: 7, Max: 41}}, "numbers 2 to 6 of segment/0"},
	} {
		t.Run(name, func(t *testing.T) {
			v := &verifier{o: VerifyOptions{Now: now, Policy: DefaultPolicy()}, links: map[string][]link{}, unread: map[string]int{}, has: true, head: Header{Epoch: 1, Chains: map[string]Link{}}}
			v.out.Epoch = 1
			for _, x := range c.there {
				id := "00000001/" + chainOf(KindSegment, x.level)
				h := Header{Kind: KindSegment, Epoch: 1, Level: x.level, Seq: x.seq, Min: x.min, Max: x.max, At: now.Add(-x.age).UnixMicro()}
				v.links[id] = append(v.links[id], link{Found{Name: levelPrefix(1, x.level) + "x.kvc"}, h, ""})
			}
			for level, l := range c.ends {
				v.head.Chains[chainOf(KindSegment, level)] = l
			}
			v.chains()
			var got []string
			for _, f := range v.out.Findings {
				got = append(got, f.What)
			}
			if c.says == "" && len(got) > 0 || c.says != "" && (len(got) != 1 || !strings.Contains(got[0], c.says)) {
				t.Errorf("said %q, not %q", got, c.says)
			}
		})
	}
}
