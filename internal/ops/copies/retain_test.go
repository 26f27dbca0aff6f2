package copies

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// place is a position of the model.
type placeAt struct {
	epoch uint32
	tx    uint64
}

func (a placeAt) compare(b placeAt) int {
	return cmp.Or(cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.tx, b.tx))
}

// past is a history of a site, made as shippers and house make it: what was committed when,
// and which objects were stored when.
type history struct {
	at      map[placeAt]time.Time
	objects []Object
	n       int
}

func (h *history) put(epoch uint32, level int, min, max uint64, at time.Time) {
	h.n++
	h.objects = append(h.objects, Object{Name: fmt.Sprintf("%s%016x-%016x-%016x.kvc", levelPrefix(epoch, level), min, max, h.n), Size: 1, At: at})
}

func drawHistory(t *rapid.T) *history {
	h := &history{at: map[placeAt]time.Time{}}
	now := time.Date(2026, 3, 1, 11, 58, 0, 0, time.UTC)
	gaps := []time.Duration{time.Second / 3, time.Second, 20 * time.Second, 4 * time.Minute, 50 * time.Minute, 7 * time.Hour, 20 * time.Hour, 50 * time.Hour}
	delays := []time.Duration{0, time.Second, time.Second, 30 * time.Minute, 3 * time.Hour}
	type commit struct {
		tx    uint64
		at    time.Time
		fresh bool // follows nothing before it
	}
	for epoch := uint32(1); epoch <= uint32(rapid.IntRange(1, 3).Draw(t, "epochs")); epoch++ {
		var row []commit
		tx := uint64(0)
		needs := false // a snapshot before anything else can be restored
		if epoch > 1 {
			now = now.Add(time.Minute)
			tx, needs = 1, true
			h.at[placeAt{epoch, tx}] = now
		}
		flush := func(from int, delay time.Duration) { // raw pieces of a second
			for i := from; i < len(row); {
				j := i + 1
				for j < len(row) && !row[j].fresh && row[j].at.Sub(row[i].at) < pieceTime {
					j++
				}
				h.put(epoch, Raw, row[i].tx, row[j-1].tx, row[j-1].at.Add(delay))
				i = j
			}
		}
		sent := 0
		for range rapid.IntRange(1, 14).Draw(t, "bursts") {
			now = now.Add(rapid.SampledFrom(gaps).Draw(t, "gap"))
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0, 1, 2, 3:
				flush(sent, 0)
				sent = len(row)
				if tx > 0 {
					late := time.Duration(0)
					if !needs {
						late = rapid.SampledFrom(delays).Draw(t, "delay")
					}
					h.put(epoch, Snapshot, 1, tx, now.Add(late))
					needs = false
				}
			case 4: // the row begins anew
				flush(sent, 0)
				sent = len(row)
				if tx > 0 {
					tx++
					h.at[placeAt{epoch, tx}] = now
					needs = true
				}
			}
			if needs {
				h.put(epoch, Snapshot, 1, tx, now)
				needs = false
			}
			gap := rapid.SampledFrom(gaps[:4]).Draw(t, "within")
			for range rapid.IntRange(1, 5).Draw(t, "commits") {
				now = now.Add(gap)
				tx++
				_, known := h.at[placeAt{epoch, tx - 1}]
				row = append(row, commit{tx, now, known && (len(row) == 0 || row[len(row)-1].tx != tx-1)})
				h.at[placeAt{epoch, tx}] = now
			}
			if len(h.objects) > 0 && rapid.IntRange(0, 4).Draw(t, "away") == 0 { // the site gets a snapshot instead, and what longer levels hold
				needs = true
			} else {
				flush(sent, rapid.SampledFrom(delays).Draw(t, "delay"))
			}
			sent = len(row)
		}
		// The longer levels, as house makes them; some never reach the site.
		type piece struct {
			min, max uint64
			at       time.Time
			fresh    bool
		}
		var below []piece
		for _, c := range row {
			below = append(below, piece{c.tx, c.tx, c.at, c.fresh})
		}
		for _, level := range []int{Minutes, Hours, Days} {
			var out []piece
			for i := 0; i < len(below); {
				j := i + 1
				for j < len(below) && !below[j].fresh && below[j].min == below[j-1].max+1 && below[j].at.Truncate(spans[level]).Equal(below[i].at.Truncate(spans[level])) {
					j++
				}
				g := piece{below[i].min, below[j-1].max, below[j-1].at, below[i].fresh}
				done := g.at.Truncate(spans[level]).Add(spans[level] + 20*time.Second)
				if done.Before(now) {
					out = append(out, g)
					if rapid.IntRange(0, 7).Draw(t, "lost") != 0 {
						h.put(epoch, level, g.min, g.max, done.Add(rapid.SampledFrom(delays).Draw(t, "delay")))
					}
				}
				i = j
			}
			below = out
		}
	}
	return h
}

// stored are the objects that were there at a time.
func (h *history) stored(now time.Time) (out []Object) {
	for _, o := range h.objects {
		if !o.At.After(now) {
			out = append(out, o)
		}
	}
	return out
}

// reach is every position that objects lead to, found by trying everything.
func reach(objects []Object) map[placeAt]bool {
	out := map[placeAt]bool{}
	var segs []Found
	for _, o := range objects {
		if x, ok := segmentAt(o); ok {
			segs = append(segs, x)
		}
	}
	for grown := true; grown; {
		grown = false
		for _, x := range segs {
			p := placeAt{x.Epoch, x.Max}
			if out[p] {
				continue
			}
			ok := x.Min == 1
			for q := range out {
				ok = ok || q.epoch == x.Epoch && x.Min <= q.tx+1 && q.tx < x.Max
			}
			if ok {
				out[p], grown = true, true
			}
		}
	}
	return out
}

// best is the newest of positions that is not after a time (or is before it).
func (h *history) best(in map[placeAt]bool, at time.Time, strictly bool) (out placeAt) {
	for p := range in {
		if c := h.at[p]; (c.Before(at) || !strictly && c.Equal(at)) && p.compare(out) > 0 {
			out = p
		}
	}
	return out
}

// Whatever the history, and however often and however far the retention is carried out:
// every moment that the policy promises can be gone back to as finely as it promises.
func TestRetentionKeepsWhatItPromises(t *testing.T) {
	p := Policy{Raw: time.Hour, Minutes: 6 * time.Hour, Hours: 48 * time.Hour, Days: 120 * time.Hour, Dumps: 48 * time.Hour}
	removed, thinned := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		gone := map[string]bool{}
		var times []time.Time
		for _, o := range h.objects {
			times = append(times, o.At)
		}
		slices.SortFunc(times, time.Time.Compare)
		now := times[0]
		for range rapid.IntRange(1, 5).Draw(t, "rounds") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "later")))
			all := h.stored(now)
			here := []Object{{Name: headObject, Size: 1, At: now}}
			for _, o := range all {
				if !gone[o.Name] {
					here = append(here, o)
				}
			}
			r, err := Retain(here, p, now, true)
			if errors.Is(err, ErrFrozen) { // the newest of its objects came before what leads to it
				if len(r.Names) > 0 {
					t.Fatal("frozen, and something goes")
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			names := rapid.Permutation(r.Names).Draw(t, "order") // a removal may stop anywhere
			for _, n := range names[:rapid.IntRange(0, len(names)).Draw(t, "done")] {
				gone[n] = true
				removed++
				if r.Thinned[n] {
					thinned++
				}
			}
			var left []Object
			for _, o := range all {
				if !gone[o.Name] {
					left = append(left, o)
				}
			}
			full, have := reach(all), reach(left)
			var moments []time.Time
			for _, c := range h.at {
				moments = append(moments, c, c.Add(-time.Microsecond), c.Add(time.Second), c.Truncate(5*time.Minute), c.Truncate(time.Hour).Add(time.Hour))
			}
			for _, d := range []time.Duration{p.Raw, p.Minutes, p.Hours, p.Days} {
				moments = append(moments, now.Add(-d), now.Add(-d+time.Second))
			}
			for _, m := range moments {
				age := now.Sub(m)
				if age < 0 || age > p.Days {
					continue
				}
				var want placeAt
				switch {
				case age <= p.Raw:
					want = h.best(full, m, false)
				case age <= p.Minutes:
					want = h.best(full, m.Truncate(5*time.Minute), true)
				case age <= p.Hours:
					want = h.best(full, m.Truncate(time.Hour), true)
				default:
					want = h.best(full, m.Truncate(24*time.Hour), true)
				}
				if got := h.best(have, m, false); got.compare(want) < 0 {
					t.Fatalf("%s, %s ago: %v can be restored, %v was promised\nleft %v\nremoved %v", m, age, got, want, left, gone)
				}
			}
		}
	})
	if removed == 0 || thinned == 0 {
		t.Errorf("%d objects were removed, %d snapshots for others that lead there", removed, thinned)
	}
}

// steady is a shop of some age that sells all day: a change each 200 s.
func steady(days int, now time.Time) (out []Object) {
	h := &history{}
	const step = 200 * time.Second
	begin := now.Add(-time.Duration(days) * 24 * time.Hour)
	h.put(1, Snapshot, 1, 1, begin)
	first := map[int]uint64{Minutes: 2, Hours: 2, Days: 2}
	tx := uint64(1)
	for at := begin.Add(step); !at.After(now); at = at.Add(step) {
		tx++
		h.put(1, Raw, tx, tx, at)
		for _, l := range []int{Minutes, Hours, Days} {
			if next := at.Add(step); !next.Truncate(spans[l]).Equal(at.Truncate(spans[l])) && !next.After(now) {
				h.put(1, l, first[l], tx, next)
				first[l] = tx + 1
			}
		}
		if at.Sub(begin)%(7*24*time.Hour) < step {
			h.put(1, Snapshot, 1, tx, at)
		}
	}
	return append(h.objects, Object{Name: headObject, At: now})
}

// A shop that has run for long keeps what the policy says, in these numbers.
func TestRetentionOfASteadyShop(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	p := Policy{Raw: 72 * time.Hour, Minutes: 10 * day, Hours: 20 * day, Days: 30 * day, Dumps: 10 * day}
	all := steady(60, now)
	for i := range 60 {
		all = append(all, Object{Name: fmt.Sprintf("v/%s-%016x.kvc", strings.ToLower(now.Add(-time.Duration(i)*day).Format("20060102t150405z")), i), At: now.Add(-time.Duration(i) * day)})
	}
	if _, err := Retain(all, p, now, false); !errors.Is(err, ErrFrozen) || !strings.Contains(err.Error(), "more than half") {
		t.Fatalf("most of it goes at once, unasked: %v", err)
	}
	r, err := Retain(all, p, now, true)
	if err != nil {
		t.Fatal(err)
	}
	gone := map[string]bool{}
	for _, n := range r.Names {
		gone[n] = true
	}
	count := map[string]int{}
	for _, o := range all {
		if !gone[o.Name] {
			if x, ok := segmentAt(o); ok {
				count[fmt.Sprint("l", x.Level)]++
			} else {
				count[o.Name[:2]]++
			}
		}
	}
	// A raw one each 200 s for 72 h and 5 min; an hourly one for 20 days and a day, and so on.
	want := map[string]int{"l0": 1298, "l1": 10*288 + 12, "l2": 20*24 + 24, "l3": 30, "l9": 3, "v/": 11, "ke": 1}
	for k, n := range want {
		if d := count[k] - n; d < -2 || d > 2 {
			t.Errorf("%s: %d stay, %d were to", k, count[k], n)
		}
	}
	// Of eight weekly snapshots: the one that everything promised begins with, one for each ten
	// days after it, the newest.
	if count["l9"] != 3 || len(r.Kept) != 3 || len(r.Thinned) != 2 {
		t.Errorf("%d snapshots stay, %q; %v", count["l9"], r.Kept, r.Thinned)
	}
	for c, name := range r.First {
		if gone[name] || name == "" {
			t.Errorf("%s is whole from %q on", c, name)
		}
	}
	if len(r.First) != 6 {
		t.Errorf("%v", r.First)
	}
	// The next day a part goes, and nobody need be asked.
	var left []Object
	for _, o := range all {
		if !gone[o.Name] {
			left = append(left, o)
		}
	}
	left[len(left)-1].At = now
	for i := range left {
		if left[i].Name == headObject {
			left[i].At = now.Add(day)
		}
	}
	r, err = Retain(left, p, now.Add(day), false)
	if err != nil || len(r.Names) < 300 {
		t.Errorf("%d, %v", len(r.Names), err)
	}
}

// What looks wrong removes nothing.
func TestRetentionFreezes(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	p := DefaultPolicy()
	all := steady(8, now)
	for name, c := range map[string]struct {
		objects []Object
		shop    time.Time
		says    string
	}{
		"the shop's clock is ahead":  {all, now.Add(400 * 24 * time.Hour), "clock"},
		"the shop's clock is behind": {all, now.Add(-2 * time.Hour), "clock"},
		"an object from the future":  {append(slices.Clone(all), Object{Name: "f/x.kvc", At: now.Add(3 * time.Hour)}), now, "clock"},
		"a gap in the row":           {slices.DeleteFunc(slices.Clone(all), func(o Object) bool { x, _ := segmentAt(o); return x.Min <= 3400 && 3400 <= x.Max }), now, "broken"},
		"no beginning":               {slices.DeleteFunc(slices.Clone(all), func(o Object) bool { x, ok := segmentAt(o); return ok && x.Min == 1 }), now, "broken"},
	} {
		r, err := Retain(c.objects, p, c.shop, false)
		if !errors.Is(err, ErrFrozen) || !strings.Contains(err.Error(), c.says) || len(r.Names) > 0 {
			t.Errorf("%s: %d go, %v", name, len(r.Names), err)
		}
	}
	if r, err := Retain(all, p, now, false); err != nil || len(r.Names) == 0 {
		t.Errorf("%d, %v", len(r.Names), err)
	}
	if r, err := Retain(nil, p, now, false); err != nil || len(r.Names) > 0 {
		t.Error(r, err)
	}
	if _, err := Retain(all, Policy{Raw: time.Hour, Minutes: time.Minute}, now, false); err == nil {
		t.Error("a policy that keeps the finer for longer passes")
	}
}

// A snapshot goes when others lead over it as finely as is promised for its age, and only then.
func TestWhichSnapshotsStay(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.Add(-time.Duration(days) * 24 * time.Hour) }
	for what, c := range map[string]struct {
		put  func(h *history)
		gone uint64 // where the snapshot ends that goes; 0: none
	}{
		"a day leads over it":                       {func(h *history) { h.put(1, Days, 11, 30, ago(190)) }, 20},
		"nothing leads over it":                     {func(h *history) { h.put(1, Days, 21, 30, ago(190)) }, 0},
		"what leads over it does not begin in time": {func(h *history) { h.put(1, Days, 12, 30, ago(190)) }, 0},
		"what leads over it ends too early":         {func(h *history) { h.put(1, Days, 11, 19, ago(190)); h.put(1, Days, 21, 30, ago(190)) }, 0},
		"days and hours together lead over it":      {func(h *history) { h.put(1, Hours, 11, 15, ago(192)); h.put(1, Days, 16, 30, ago(190)) }, 20},
	} {
		h := &history{}
		for max, days := range map[uint64]int{10: 200, 20: 191, 30: 1} {
			h.put(1, Snapshot, 1, max, ago(days))
		}
		c.put(h)
		check := func(p Policy, want uint64, how string) {
			t.Helper()
			got := uint64(0)
			r, err := Retain(append(h.objects, Object{Name: headObject, At: now}), p, now, false)
			if err != nil {
				t.Fatal(err)
			}
			for n := range r.Thinned {
				_, got, _ = rangeOf(n)
			}
			if got != want || len(r.Thinned) > 1 {
				t.Errorf("%s, %s: %v go", what, how, r.Thinned)
			}
		}
		p := DefaultPolicy()
		check(p, c.gone, "hours are no longer promised")
		p.Hours = 300 * 24 * time.Hour
		check(p, 0, "hours are promised still") // days hold what lies between, as coarsely as days
		p.Minutes = 250 * 24 * time.Hour
		check(p, 0, "five minutes are promised still")
		p = DefaultPolicy()
		p.Minutes = 9 * 24 * time.Hour
		check(p, 0, "as far apart as one is promised")
	}
}
