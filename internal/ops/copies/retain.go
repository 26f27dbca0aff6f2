package copies

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Policy is how finely a time can be gone back to, by how long ago it is: the newest
// moments one by one, older ones at the ends of longer spans.
type Policy struct {
	Raw     time.Duration // every second that something changed in
	Minutes time.Duration // every five minutes
	Hours   time.Duration
	Days    time.Duration
	Dumps   time.Duration // the second road's copies; the newest always stays
}

// DefaultPolicy is what a shop has that has chosen nothing.
func DefaultPolicy() Policy {
	const day = 24 * time.Hour
	return Policy{Raw: 72 * time.Hour, Minutes: 30 * day, Hours: 90 * day, Days: 400 * day, Dumps: 30 * day}
}

// Check refuses a policy that keeps less than an hour, or the finer for longer than the
// coarser.
func (p Policy) Check() error {
	if p.Raw < time.Hour || p.Minutes < p.Raw || p.Hours < p.Minutes || p.Days < p.Hours || p.Dumps < 48*time.Hour {
		return fmt.Errorf("copies: retention %s, %s, %s, %s (second road %s): each span must be at least as long as the one before it, the first an hour, the second road's two days", p.Raw, p.Minutes, p.Hours, p.Days, p.Dumps)
	}
	return nil
}

// after is the age from which an object of a level may go. One span of the next level is
// added: the last moment that is promised lies within one.
func (p Policy) after(level int) time.Duration {
	switch level {
	case Raw:
		return p.Raw + spans[Minutes]
	case Minutes:
		return p.Minutes + spans[Hours]
	case Hours:
		return p.Hours + spans[Days]
	}
	return p.Days + spans[Days]
}

// Age is the age up to which nothing lets an object of that name go.
func (p Policy) Age(name string) time.Duration {
	x, _ := segmentAt(Object{Name: name})
	x.Name = name
	return p.ageOf(x)
}

// ageOf is the age up to which nothing lets an object go.
func (p Policy) ageOf(x Found) time.Duration {
	switch {
	case strings.HasPrefix(x.Name, dumpPrefix):
		return p.Dumps
	case x.Level == Snapshot: // others may lead where it does
		return p.after(Minutes)
	}
	return p.after(x.Level)
}

// ErrFrozen is returned when what the retention would do looks wrong: then nothing is
// removed until somebody has looked.
var ErrFrozen = errors.New("copies: nothing is removed at this site")

// clockOff is how far the clocks of shop and site may be apart.
const clockOff = time.Hour

// fewObjects may go whatever their share.
const fewObjects = 100

// Removal is what may go from a site.
type Removal struct {
	Names []string // ascending
	Bytes int64
	// First names, by chain, the oldest object after everything that goes: from it on the
	// chain is whole. Chains from which nothing goes are not in it.
	First map[string]string
	Kept  []string // snapshots of the newest epoch that stay
	// Thinned are the names of snapshots that go because others lead to all they led to.
	Thinned map[string]bool
	Of      int // segments and dumps there were

	// Names by chain of the newest epoch: the oldest object that no age lets go (empty where
	// there is none), and the newest there is.
	young, last map[string]string
}

// Retain tells what may go of the objects that a site lists. It looks at nothing but the
// list: how old an object is tells the site's clock, as does what is now (the newest object
// is taken for it). shop is the shop's clock, to compare.
//
// A segment goes when it is old enough and others that stay hold all of it, in the fineness
// that is promised for its age; what is older than everything promised goes when a snapshot
// is there that is old enough itself. A snapshot goes when the one before it that stays is
// near, and segments that stay lead from there over it. So at every moment of the removing,
// whatever is done of it, everything promised can be restored. Stream keys, charters and
// files are not looked at here.
//
// It fails with ErrFrozen when the clocks are apart, the newest position cannot be reached,
// or more than half would go; sure (somebody has looked) lets the last of these pass.
func Retain(objects []Object, p Policy, shop time.Time, sure bool) (Removal, error) {
	if err := p.Check(); err != nil {
		return Removal{}, err
	}
	var now time.Time
	var all []Found
	var dumps []Object
	for _, o := range objects {
		if o.At.After(now) {
			now = o.At
		}
		if strings.HasPrefix(o.Name, dumpPrefix) {
			dumps = append(dumps, o)
		} else if x, ok := segmentAt(o); ok {
			all = append(all, x)
		}
	}
	out := Removal{First: map[string]string{}, Thinned: map[string]bool{}, young: map[string]string{}, last: map[string]string{}, Of: len(all) + len(dumps)}
	if now.IsZero() {
		return out, nil
	}
	if off := now.Sub(shop); off > clockOff || off < -clockOff {
		return out, fmt.Errorf("%w: its newest object is of %s, the shop's clock says %s: one of the two clocks is wrong, or nothing has been stored for long", ErrFrozen, now.Format(time.RFC3339), shop.UTC().Format(time.RFC3339))
	}
	epochs := map[uint32]*shelf{}
	var order []uint32
	for _, x := range all {
		e := epochs[x.Epoch]
		if e == nil {
			e = &shelf{}
			epochs[x.Epoch] = e
			order = append(order, x.Epoch)
		}
		if l := slices.Index(Levels, x.Level); l >= 0 {
			e.level[l] = append(e.level[l], x)
			e.max = max(e.max, x.Max)
		}
	}
	for _, e := range epochs {
		for _, list := range e.level {
			slices.SortFunc(list, func(a, b Found) int { return cmp.Or(cmp.Compare(a.Min, b.Min), cmp.Compare(a.Max, b.Max)) })
		}
	}
	slices.Sort(order)
	past := p.after(Days)
	gone := map[string]bool{}
	ended := false // a later epoch holds everything that is promised
	for _, n := range slices.Backward(order) {
		e := epochs[n]
		if n == order[len(order)-1] {
			if reach, ok := plan(all, n, 0, nil); !ok || reach.Max != e.max {
				return out, fmt.Errorf("%w: transaction %d of epoch %d, the newest there, cannot be reached (the row ends at %d): the chain is broken", ErrFrozen, e.max, n, reach.Max)
			}
		}
		base, has := e.base(now, past)
		for l, list := range e.level {
			for _, x := range list {
				if now.Sub(x.At) > past && (ended || has && x.Max <= base.Max && x.Name != base.Name) {
					gone[x.Name] = true
				}
			}
			e.level[l] = slices.DeleteFunc(list, func(x Found) bool { return gone[x.Name] })
		}
		if !ended {
			e.thin(now, p, gone)
			for _, x := range e.between(now, p) {
				gone[x.Name], out.Thinned[x.Name] = true, true
			}
		}
		ended = ended || has
	}
	slices.SortFunc(dumps, func(a, b Object) int { return strings.Compare(a.Name, b.Name) })
	for i, o := range dumps {
		if i < len(dumps)-1 && now.Sub(o.At) > p.Dumps {
			gone[o.Name] = true
		}
	}
	for _, o := range objects {
		if gone[o.Name] {
			out.Names = append(out.Names, o.Name)
			out.Bytes += o.Size
		}
	}
	slices.Sort(out.Names)
	if len(order) > 0 {
		out.firsts(all, dumps, order[len(order)-1], gone, func(x Found) bool { return now.Sub(x.At) <= p.ageOf(x) })
	}
	if n := len(out.Names); n > fewObjects && 2*n > out.Of && !sure {
		return out, fmt.Errorf("%w: %d of %d objects would go, which is more than half: look whether the clocks and the policy are right", ErrFrozen, n, out.Of)
	}
	return out, nil
}

// segmentAt tells what a listed object is, by its name alone.
func segmentAt(o Object) (Found, bool) {
	part := strings.Split(o.Name, "/")
	if len(part) != 4 || part[0] != "e" || len(part[2]) != 2 || part[2][0] != 'l' || !strings.HasSuffix(o.Name, ".kvc") {
		return Found{}, false
	}
	n, err := strconv.ParseUint(part[1], 16, 32)
	if err != nil {
		return Found{}, false
	}
	x := Found{Name: o.Name, Size: o.Size, At: o.At, Epoch: uint32(n), Level: int(part[2][1] - '0')}
	var ok bool
	x.Min, x.Max, ok = rangeOf(o.Name)
	return x, ok
}

// shelf is what a site has of one epoch, by the index of the level in Levels.
type shelf struct {
	level [5][]Found
	max   uint64
}

// base is the newest beginning of a restore that is older than everything promised.
func (e *shelf) base(now time.Time, past time.Duration) (base Found, ok bool) {
	for _, list := range e.level {
		for _, x := range list {
			if x.Min == 1 && now.Sub(x.At) > past && (!ok || x.Max > base.Max) {
				base, ok = x, true
			}
		}
	}
	return base, ok
}

// thin takes away what longer levels hold, from the longest down: only what stays holds
// anything.
func (e *shelf) thin(now time.Time, p Policy, gone map[string]bool) {
	for l := len(Levels) - 3; l >= 0; l-- { // the days go by age alone
		for _, x := range e.level[l] {
			age := now.Sub(x.At)
			if age <= p.after(Levels[l]) {
				continue
			}
			var by []Found
			for up := l + 1; up < len(Levels)-1; up++ {
				if up == l+1 || age > p.after(Levels[up-1]) {
					by = append(by, e.within(up, x)...)
				}
			}
			if holds(by, x) {
				gone[x.Name] = true
			}
		}
		e.level[l] = slices.DeleteFunc(e.level[l], func(x Found) bool { return gone[x.Name] })
	}
}

// between are the snapshots that may go because others stay near them: all are kept for as
// long as five minutes are, and of older ones one for each as long a time. Fewer would make
// the row of days longer that one goes along who goes back far.
//
// From the snapshot before it that stays, segments must lead over the whole of it, no longer
// ones than are promised for its age: the first place they reach at or beyond its end is then
// no later than what is promised there. So one with which a row began anew stays. The newest
// does in any case.
func (e *shelf) between(now time.Time, p Policy) (out []Found) {
	snaps := e.level[len(Levels)-1]
	var last Found
	for i, x := range snaps {
		age := now.Sub(x.At)
		if i == 0 || i == len(snaps)-1 || age <= p.after(Minutes) || x.At.Sub(last.At) >= p.Minutes {
			last = x
			continue
		}
		var by []Found
		gap := Found{Min: last.Max + 1, Max: x.Max}
		for l := 0; l < len(Levels)-1 && (l == 0 || age > p.after(Levels[l-1])); l++ {
			by = append(by, e.within(l, gap)...)
		}
		if !holds(by, gap) {
			last = x
			continue
		}
		out = append(out, x)
	}
	return out
}

// within are the objects of a level that have something in common with x.
func (e *shelf) within(l int, x Found) (out []Found) {
	list := e.level[l]
	i, _ := slices.BinarySearchFunc(list, x.Min, func(g Found, tx uint64) int { return cmp.Compare(g.Max, tx) })
	// Sorted by name, so by Min; a longer one that begins before may stand before.
	for i > 0 && list[i-1].Max >= x.Min {
		i--
	}
	for ; i < len(list) && list[i].Min <= x.Max; i++ {
		if list[i].Max >= x.Min {
			out = append(out, list[i])
		}
	}
	return out
}

// holds reports whether objects together hold all of x.
func holds(by []Found, x Found) bool {
	slices.SortFunc(by, func(a, b Found) int { return cmp.Compare(a.Min, b.Min) })
	next := x.Min
	for _, g := range by {
		if g.Min > next {
			break
		}
		next = max(next, g.Max+1)
	}
	return next > x.Max
}

// firsts finds from where on the chains of the newest epoch are whole.
func (r *Removal) firsts(all []Found, dumps []Object, epoch uint32, gone map[string]bool, young func(Found) bool) {
	chains := map[string][]Found{}
	for _, x := range all {
		if x.Epoch == epoch {
			c := chainOf(KindSegment, x.Level)
			chains[c] = append(chains[c], x)
		}
	}
	for _, o := range dumps {
		chains[chainOf(KindDump, 0)] = append(chains[chainOf(KindDump, 0)], Found{Name: o.Name, At: o.At})
	}
	for c, list := range chains {
		// In the order in which they were stored, which is that of the chain.
		slices.SortStableFunc(list, func(a, b Found) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Max, b.Max)) })
		r.young[c], r.last[c] = "", list[len(list)-1].Name
		if i := slices.IndexFunc(list, young); i >= 0 {
			r.young[c] = list[i].Name
		}
		any := false
		for _, x := range list {
			switch {
			case gone[x.Name]:
				any, r.First[c] = true, ""
				continue
			case any && r.First[c] == "":
				r.First[c] = x.Name
			}
			if c == chainOf(KindSegment, Snapshot) {
				r.Kept = append(r.Kept, x.Name)
			}
		}
	}
}

// retainEvery is how often the retention is carried out at a site.
const retainEvery = 24 * time.Hour

// retain removes from the site what the policy no longer keeps, or tells a site that does so
// itself. The head object tells beforehand from where on each chain is whole, so that nobody
// takes it for a loss.
func (s *shipper) retain(ctx context.Context, sure bool) (Removal, error) {
	rem, ok := s.site.(Remover)
	switch {
	case !s.retains():
		return Removal{}, nil
	case !ok:
		return s.tell(ctx)
	}
	if err := s.head(ctx); err != nil { // also: the newest object there is of now
		return Removal{}, err
	}
	all, err := s.all(ctx)
	if err != nil {
		return Removal{}, err
	}
	out, err := Retain(all, s.r.Policy(), s.r.o.Now(), sure)
	if err != nil {
		return out, err
	}
	files, err := s.goneFiles(all)
	if err != nil {
		return out, err
	}
	if err := s.settle(ctx, out, false); err != nil {
		return out, err
	}
	out.Names = append(out.Names, files...)
	s.mu.Lock()
	keyed := s.st.Keyed
	s.mu.Unlock()
	if s.r.o.Now().Sub(keyed) >= keysEvery {
		// Before anything goes: what goes now needs its key until the next time, for who looks at it.
		keys, err := s.goneKeys(ctx, all)
		if err != nil {
			s.r.o.Log.Warn("stream keys that nothing needs were not looked for at a site; it is tried again", "site", s.name, "error", err)
		} else {
			out.Names = append(out.Names, keys...)
			s.mu.Lock()
			s.st.Keyed = s.r.o.Now().UTC()
			s.mu.Unlock()
		}
	}
	if len(out.Names) > 0 {
		if err := s.head(ctx); err != nil {
			return out, err
		}
		for part := range slices.Chunk(out.Names, 500) {
			if err := rem.Remove(ctx, part); err != nil {
				return out, err
			}
		}
	}
	s.mu.Lock()
	for _, n := range files {
		delete(s.files, n) // one that comes back is sent anew
	}
	s.st.Retained = s.r.o.Now().UTC()
	s.mu.Unlock()
	return out, s.save()
}

// settle notes what the head is to tell of what goes. A site to which nothing has been told
// yet has removed by age alone until now: anew tells that as well.
func (s *shipper) settle(ctx context.Context, out Removal, anew bool) error {
	key, err := s.r.o.Charter.VerifyKey()
	if err != nil {
		return err
	}
	seq := func(name string) (uint64, bool, error) {
		h, _, err := s.headerOf(ctx, name, key)
		if err != nil {
			return 0, false, fmt.Errorf("%w: %w", ErrFrozen, err)
		}
		return h.Seq, h.Epoch == s.r.o.Epoch, nil // of an earlier epoch: the chain of this one is as it was
	}
	firsts, after := map[string]string{}, map[string]string{}
	from := out.First
	if anew {
		from = out.young
	}
	for c, name := range from {
		if firsts[c] = name; name == "" { // all that was listed goes; what came since does not
			delete(firsts, c)
			after[c] = out.last[c]
		}
	}
	first := map[string]uint64{}
	for c, name := range firsts {
		n, ours, err := seq(name)
		if err != nil {
			return err
		}
		if ours {
			first[c] = n
		}
	}
	for c, name := range after {
		n, ours, err := seq(name)
		if err != nil {
			return err
		}
		if ours {
			first[c] = n + 1
		}
	}
	snaps := chainOf(KindSegment, Snapshot)
	var kept []uint64
	_, settled := first[snaps]
	if settled {
		for _, name := range out.Kept {
			n, ours, err := seq(name)
			if err != nil {
				return err
			}
			if ours && n < first[snaps] {
				kept = append(kept, n)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, n := range first {
		s.raise(c, n)
	}
	if settled {
		s.st.Kept = kept
	}
	return nil
}

// tell tells a site that keeps its own retention what need not be there any longer. It carries
// nothing out: how much may go at once, and whether anything may, is the site's own affair.
func (s *shipper) tell(ctx context.Context) (Removal, error) {
	if err := s.head(ctx); err != nil { // the newest object there is of now
		return Removal{}, err
	}
	all, err := s.all(ctx)
	if err != nil {
		return Removal{}, err
	}
	out, err := Retain(all, s.r.Policy(), s.r.o.Now(), true)
	if err != nil {
		return out, err
	}
	s.mu.Lock()
	anew := s.st.Told == 0
	s.mu.Unlock()
	if err := s.settle(ctx, out, anew); err != nil {
		return out, err
	}
	now := s.r.o.Now().UTC()
	s.mu.Lock()
	s.st.Told, s.st.Retained = now.UnixMicro(), now
	s.mu.Unlock()
	return out, s.head(ctx)
}

// all lists the site.
func (s *shipper) all(ctx context.Context) (out []Object, err error) {
	for o, err := range s.site.List(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// retains reports whether the retention of the site is the shop's to tell or to carry out.
func (s *shipper) retains() bool {
	_, removes := s.site.(Remover)
	_, heeds := s.site.(Heeder)
	return (removes || heeds) && !s.o.Unsealed
}

// Policy is what the sites keep.
func (r *Room) Policy() Policy {
	if r.o.Policy == (Policy{}) {
		return DefaultPolicy()
	}
	return r.o.Policy
}

// keepRetained carries the retention out once a day, and when it is wished for, beside the
// feeding of the site: a long list holds up no segment.
func (s *shipper) keepRetained(ctx context.Context) {
	if !s.retains() {
		return
	}
	_, removes := s.site.(Remover)
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	var tried time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-s.wishes:
			out, err := s.retain(ctx, w.sure)
			w.reply <- granted{out, err}
			continue
		case <-tick.C:
		}
		s.mu.Lock()
		last, calm := s.st.Retained, s.trouble == nil
		s.mu.Unlock()
		now := s.r.o.Now()
		if !calm || now.Sub(last) < retainEvery || now.Sub(tried) < time.Hour {
			continue
		}
		tried = now
		out, err := s.retain(ctx, false)
		s.mu.Lock()
		s.frozen = nil
		switch {
		case errors.Is(err, ErrRefused): // it keeps its own retention
			s.st.Retained = now.UTC()
		case err != nil && ctx.Err() == nil:
			s.frozen = err
			s.r.o.Log.Error("copies: what is too old was not removed at a site", "site", s.name, "error", err)
		case len(out.Names) > 0 && removes:
			s.r.o.Log.Info("copies that the retention no longer keeps were removed", "site", s.name, "objects", len(out.Names), "bytes", out.Bytes)
		}
		s.mu.Unlock()
	}
}

// goneFiles are the files at the site that the shop has not had for longer than the longest
// retention. Since when a file is missing is noted beside the state of the site.
func (s *shipper) goneFiles(all []Object) ([]string, error) {
	if s.r.o.Files == "" {
		return nil, nil
	}
	have := map[string]bool{}
	err := filepath.WalkDir(s.r.o.Files, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != s.r.o.Files {
			return nil
		}
		if err == nil && !e.IsDir() {
			have[fileObject(s.r.o.Charter.Shop, e.Name())] = true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	note := strings.TrimSuffix(s.file, ".json") + ".gone"
	since := map[string]time.Time{}
	if b, err := os.ReadFile(note); err == nil {
		json.Unmarshal(b, &since) // lost: they stay for another while
	}
	now, then := s.r.o.Now().UTC(), map[string]time.Time{}
	var out []string
	files := 0
	for _, o := range all {
		if !strings.HasPrefix(o.Name, filePrefix) {
			continue
		}
		files++
		if have[o.Name] {
			continue
		}
		at, ok := since[o.Name]
		if !ok || at.After(now) {
			at = now
		}
		if now.Sub(at) > s.r.Policy().after(Days) {
			out = append(out, o.Name)
			continue
		}
		then[o.Name] = at
	}
	if len(out) > fewObjects && 2*len(out) > files {
		return nil, fmt.Errorf("%w: %d of %d files are missing from the shop: is their folder there?", ErrFrozen, len(out), files)
	}
	b, err := json.Marshal(then)
	if err != nil {
		return nil, err
	}
	return out, spool{}.put(note, false, func(w io.Writer) error { _, err := w.Write(b); return err })
}

// wish asks the goroutine that keeps the retention of a site to carry it out now.
type wish struct {
	sure  bool
	reply chan granted
}

type granted struct {
	out Removal
	err error
}

// Retain carries the retention out at a site now, or tells the site what may go. sure lets more than half go, after
// somebody has looked.
func (r *Room) Retain(ctx context.Context, site string, sure bool) (Removal, error) {
	for _, s := range r.shippers {
		if s.name != site {
			continue
		}
		if !s.retains() {
			return Removal{}, fmt.Errorf("copies: site %s keeps its own retention", site)
		}
		w := wish{sure, make(chan granted, 1)}
		select {
		case s.wishes <- w:
		case <-ctx.Done():
			return Removal{}, ctx.Err()
		}
		select {
		case g := <-w.reply:
			return g.out, g.err
		case <-ctx.Done():
			return Removal{}, ctx.Err()
		}
	}
	return Removal{}, fmt.Errorf("copies: there is no site %q", site)
}
