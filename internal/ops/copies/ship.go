package copies

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"kassavalv/internal/proof"
)

// shipper feeds one site.
type shipper struct {
	r    *Room
	o    SiteOptions
	name string
	site Site
	file string // of its state

	mu sync.Mutex
	st siteState
	// What people are told.
	tries   int
	trouble error
	since   time.Time // of the trouble
	frozen  error     // why nothing is removed
	files   map[string]bool
	relist  bool   // files is to be asked again
	keys    string // the vault's keys that what goes there may be sealed under

	longest sync.Mutex // one segment of the longer levels at a time
	// unsure counts, by chain, the Puts that failed since adopt last asked the site: they may
	// have arrived all the same, and whatever came next would take their place.
	unsure  map[string]int
	wishes  chan wish
	headDue bool       // something changed that the head tells
	heading sync.Mutex // one head at a time, the newest last
	aside   sync.Mutex // one at a time of what lies beside
	saving  sync.Mutex
	saved   time.Time // under saving
}

// siteState is what is known of a site across restarts. It may be older than the site by
// what was under way when the process stopped: adopt looks.
type siteState struct {
	Epoch  uint32           `json:"epoch"`
	Chains map[string]chain `json:"chains"`          // by chainOf
	Snap   uint64           `json:"snap"`            // transaction of the newest snapshot there
	Base   uint64           `json:"base"`            // segments follow each other from here on
	Holes  []hole           `json:"holes,omitempty"` // where it went on with a snapshot
	Key    string           `json:"key"`             // newest stream key there
	Along  string           `json:"along"`           // hash of what lies beside
	Beside string           `json:"beside"`          // hash of its sealed bytes
	// AlongAt is when those were made, microseconds: what follows is later.
	AlongAt int64         `json:"along_at,omitempty"`
	Keys    string        `json:"keys"`   // names of the vault's keys in it
	Acked   time.Time     `json:"acked"`  // when it last confirmed anything
	Newest  time.Time     `json:"newest"` // of the last change it has
	Took    time.Duration `json:"took"`   // from the closing of the last segment to its confirmation
	Bytes   int64         `json:"bytes"`  // put there in this epoch
	Head    time.Time     `json:"head"`   // of the newest head object
	// First is where chains are whole from, Kept the snapshots before that which stay, Retained
	// when the retention was last carried out.
	First    map[string]uint64 `json:"first,omitempty"`
	Kept     []uint64          `json:"kept,omitempty"`
	Told     int64             `json:"told,omitempty"` // as in the head
	Retained time.Time         `json:"retained"`
	Keyed    time.Time         `json:"keyed,omitzero"` // when stream keys that nothing needs were last looked for
	// Ahead is a transaction that the site was found to have and the data directory not. It
	// does not pass when the directory gets that far by itself: it has another history then.
	Ahead uint64 `json:"ahead,omitempty"`
}

// chain is the last link of a chain.
type chain struct {
	Seq  uint64 `json:"seq"`
	Prev string `json:"prev"` // hash of its header
	Max  uint64 `json:"max"`
	Post string `json:"post,omitempty"` // rolling checksum of the database after Max, where there is one
}

func chainOf(kind string, level int) string { return fmt.Sprintf("%s/%d", kind, level) }

func (s *shipper) load() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := os.ReadFile(s.file)
	if err == nil && json.Unmarshal(b, &s.st) != nil {
		s.st = siteState{} // the site itself knows
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if s.st.Epoch != s.r.o.Epoch || s.st.Chains == nil {
		s.st = siteState{Epoch: s.r.o.Epoch, Chains: map[string]chain{}}
	}
	s.keys = s.st.Keys
	return nil
}

// saveSoon saves once a second at most: what the state lacks, adopt learns from the site.
func (s *shipper) saveSoon() error {
	s.saving.Lock()
	recent := time.Since(s.saved) < time.Second
	s.saving.Unlock()
	if recent {
		return nil
	}
	return s.save()
}

func (s *shipper) save() error {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.saved = time.Now()
	s.mu.Lock()
	b, err := json.Marshal(s.st)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return spool{}.put(s.file, false, func(w io.Writer) error { _, err := w.Write(b); return err })
}

// reached is the transaction up to which the site could restore.
func (s *shipper) reached() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if proof.Broken("early") { // what is only on its way counts as confirmed
		return s.r.o.Stream.Head().TX
	}
	if s.st.Snap == 0 || s.st.Snap < s.st.Base || s.st.Along == "" && s.r.o.Along != nil && !s.o.Unsealed {
		return 0 // a database whose keys are not there is none
	}
	return max(s.st.Chains[chainOf(KindSegment, Raw)].Max, s.st.Snap)
}

func (s *shipper) cursor() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.st.Chains[chainOf(KindSegment, Raw)].Max, s.st.Snap)
}

// Bounds of one piece to a site.
const (
	pieceBytes = 4 << 20
	pieceTime  = time.Second // the fineness of points in time at a site that is fed at once
	callTime   = 2 * time.Minute
	headEvery  = 30 * time.Second
	filesEvery = 30 * time.Second
	// Keys, configuration and certificates change rarely, and reading them may ask a key
	// service.
	besideEvery = 10 * time.Minute
	maxBackoff  = time.Minute
)

// run feeds the site. What changes in the database goes first. Whatever else is due comes
// after it, or beside it where it may be minutes on the wire; its trouble, which may be this
// machine's own (a folder that cannot be read, a keeper that does not answer), never holds
// back the next change.
func (s *shipper) run(ctx context.Context) {
	ready, begun := false, false
	var large sync.WaitGroup
	defer func() {
		large.Wait()
		if ready {
			if err := s.save(); err != nil {
				s.r.o.Log.Warn("what a site has could not be noted; it is asked at the next start", "site", s.name, "error", err)
			}
		}
	}()
	heads := &duty{every: headEvery, do: s.head}
	other := []*duty{{every: time.Second, do: s.longer, large: &large}, {every: time.Second, do: s.shipDump, large: &large}, {every: filesEvery, do: s.shipFiles, large: &large}, {every: besideEvery, do: s.beside}, heads}
	var looked time.Time
	for ctx.Err() == nil {
		err := func() error {
			if now := s.r.o.Now(); !s.o.Unsealed && now.Sub(looked) >= s.r.o.LookEvery {
				if err := s.overtaken(ctx); err != nil {
					return err
				}
				looked = now
			}
			if !ready {
				if err := s.adopt(ctx); err != nil {
					return err
				}
				ready = true
				if !s.o.Unsealed && !begun { // first, or what follows cannot be opened there; what fails is told below
					_ = s.beside(ctx)
				}
				begun = true
			}
			return s.raw(ctx)
		}()
		if ctx.Err() != nil {
			return
		}
		s.told(err)
		if errors.Is(err, ErrFenced) && !errors.Is(err, ErrRefused) && s.r.fence(s.name, err) {
			return
		}
		if errors.Is(err, ErrRefused) {
			looked = time.Time{} // that a later epoch has begun may be why; a site's own word for it proves nothing
		}
		if err != nil {
			ready = false // what failed may have arrived, and only its answer been lost
			wait := min(time.Second<<min(s.failures()-1, 6), maxBackoff)
			s.r.rest(ctx, wait/2+rand.N(wait/2))
			continue
		}
		if !s.o.Unsealed {
			s.mu.Lock()
			if s.headDue {
				heads.next = time.Time{}
			}
			s.mu.Unlock()
			for _, d := range other {
				if err := d.due(ctx, s.r.o.Now); err != nil && ctx.Err() == nil {
					s.r.o.Log.Warn("not everything beside the database is at a site; it is tried again", "site", s.name, "error", err)
					ready = ready && d.large == nil // as above: or the next would take the same place in its chain
				}
			}
		}
		s.rest(ctx)
	}
}

// duty is something that is due every now and then.
type duty struct {
	every time.Duration
	do    func(ctx context.Context) error
	next  time.Time
	fails int
	large *sync.WaitGroup // not nil: is not waited for, and counted here
	went  chan ended      // of a large one that is under way
}

type ended struct {
	err error
	at  time.Time
}

// due does what is due, and tells how it went; of what is large, how the last one did.
func (d *duty) due(ctx context.Context, now func() time.Time) error {
	if d.went != nil {
		select {
		case e := <-d.went:
			d.went = nil
			// The next is due by when this one ended: it may have lain there since, and
			// whoever looks seldom begins it now.
			if err := d.over(e); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	if now().Before(d.next) {
		return nil
	}
	if d.large != nil {
		went := make(chan ended, 1)
		d.went = went
		d.large.Go(func() { err := d.do(ctx); went <- ended{err, now()} })
		return nil
	}
	err := d.do(ctx)
	return d.over(ended{err, now()})
}

// over reckons when it is due next.
func (d *duty) over(e ended) error {
	if e.err != nil {
		d.fails++
		d.next = e.at.Add(min(time.Second<<min(d.fails, 6), maxBackoff))
		return e.err
	}
	d.fails, d.next = 0, e.at.Add(d.every)
	return nil
}

// rest waits for something to do.
func (s *shipper) rest(ctx context.Context) {
	changed := s.r.o.Stream.Changed()
	waited, nudge := s.r.hurry(s.cursor())
	later := s.r.closeAwaited()
	if s.r.o.Stream.Head().TX > s.cursor() && (s.o.Every == 0 || waited) {
		return
	}
	tick := time.NewTimer(time.Second) // a dump, or a segment of a longer level, is sent by who looks
	defer tick.Stop()
	if s.o.Every > 0 {
		tick.Reset(s.o.Every)
		changed = nil
	}
	if later > 0 {
		tick.Reset(later)
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-nudge:
	case <-tick.C:
	}
}

func (s *shipper) failures() int { s.mu.Lock(); defer s.mu.Unlock(); return s.tries }

// told notes how the last round went.
func (s *shipper) told(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		if s.tries > 0 {
			s.r.o.Log.Info("a site takes copies again", "site", s.name, "after", s.r.o.Now().Sub(s.since).Round(time.Second))
		}
		s.relist = s.relist || s.tries > 0 // it may be another disk that came back
		s.tries, s.trouble = 0, nil
		return
	}
	s.tries++
	if s.tries == 1 {
		s.since = s.r.o.Now()
		s.r.o.Log.Warn("a site does not take copies; the others go on", "site", s.name, "error", err)
	}
	s.trouble = err
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// raw sends what the stream has beyond the site, and a snapshot when that does not follow
// what is there.
func (s *shipper) raw(ctx context.Context) error {
	begun := s.r.o.Stream.Head().TX
	for {
		s.r.closeAwaited()
		head := s.r.o.Stream.Head()
		if head.TX == 0 {
			return nil
		}
		at, post, snap := s.end()
		segs, whole := s.r.o.Stream.After(at)
		begins := snap == 0 && len(segs) > 0 && segs[0].Min == 1 // a database whose first segment is all of it
		if !whole || at < head.Base || snap == 0 && !begins {
			if err := s.snapshot(ctx); err != nil {
				return err
			}
			continue
		}
		if len(segs) == 0 {
			return nil
		}
		if g := segs[0]; post != "" && g.Min == at+1 && g.Pre.String() != post {
			return s.ahead(at)
		}
		if err := s.put(ctx, s.piece(segs)); err != nil {
			return err
		}
		if waited, _ := s.r.hurry(s.cursor()); s.o.Every > 0 && !waited && s.cursor() >= begun {
			return nil // what came meanwhile is gathered: each object costs there
		}
	}
}

// end is where the database ends that the site has: the transaction, what it sums to where
// that is known, and the transaction of its newest snapshot.
func (s *shipper) end() (at uint64, post string, snap uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap = s.st.Snap
	at = max(s.st.Chains[chainOf(KindSegment, Raw)].Max, snap)
	for _, l := range []int{Raw, Snapshot} {
		if c := s.st.Chains[chainOf(KindSegment, l)]; c.Max == at {
			return at, c.Post, snap
		}
	}
	return at, "", snap
}

// keysFirst brings what lies beside the database up to date when the vault's keys are not
// those of the last time. It is asked when it is settled which segments go next: whatever
// they hold was sealed under a key that was there before.
func (s *shipper) keysFirst(ctx context.Context) error {
	if s.r.o.KeysNow == nil || s.o.Unsealed {
		return nil
	}
	k := s.r.o.KeysNow()
	s.mu.Lock()
	same := k == s.keys
	s.mu.Unlock()
	if same {
		return nil
	}
	err := s.beside(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.st.Along != "" { // where there is nothing yet, nothing counts as confirmed
		return err
	}
	if s.keys = k; err == nil {
		s.st.Keys = k
	}
	return nil
}

// hardlyBehind is how many segments a site may lack and still get each by itself.
const hardlyBehind = 3

// piece is the beginning of segs that goes in one object.
func (s *shipper) piece(segs []Segment) []Segment {
	// Where a site is hardly behind, what was sealed for another is less work than one made
	// of several.
	if s.o.Every == 0 && !s.o.Unsealed && len(segs) <= hardlyBehind && s.r.hasSealed(segs[0]) {
		return segs[:1]
	}
	span := max(s.o.Every, pieceTime)
	n, size := 1, segs[0].Size
	for n < len(segs) && !s.r.cutAfter(segs[n-1].Max) && size+segs[n].Size <= pieceBytes && segs[n].At.Sub(segs[0].At) < span && n < 500 {
		size += segs[n].Size
		n++
	}
	return segs[:n]
}

// longer sends the segments of the longer levels that the site does not have.
func (s *shipper) longer(ctx context.Context) error {
	for _, l := range []int{Minutes, Hours, Days, Snapshot} {
		s.r.mu.Lock()
		list := append([]Segment{}, s.r.levels[l]...)
		s.r.mu.Unlock()
		for _, g := range list {
			if s.leadsNowhere(g) {
				continue
			}
			if err := s.putLonger(ctx, g); err != nil {
				return err
			}
		}
	}
	return nil
}

// hole is what a site missed: its copies end with transaction From and go on with the whole
// database at To. It was away or new meanwhile, and the row began anew or the spool let go of it.
type hole struct{ From, To uint64 }

// dig notes that the site went on with the whole database at to, where it had ended with from.
// What no longer segment can lie in any more is forgotten. Under s.mu.
func (s *shipper) dig(from, to uint64) {
	done := s.st.Chains[chainOf(KindSegment, Days)].Max
	s.st.Holes = slices.DeleteFunc(s.st.Holes, func(h hole) bool { return h.To <= done || h.To == to })
	if to > done && from+1 < to {
		s.st.Holes = append(s.st.Holes, hole{from, to})
	}
}

// leadsNowhere tells of a segment that begins and ends within what the site missed: the point it
// ends at would be offered and could not be restored.
func (s *shipper) leadsNowhere(g Segment) bool {
	end, _, _ := s.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	return g.Min > end+1 || slices.ContainsFunc(s.st.Holes, func(h hole) bool { return g.Min > h.From+1 && g.Max <= h.To })
}

// putLonger sends a segment of a longer level if the site does not have it.
func (s *shipper) putLonger(ctx context.Context, g Segment) error {
	s.longest.Lock()
	defer s.longest.Unlock()
	c := chainOf(KindSegment, g.Level)
	s.mu.Lock()
	have, unsure := s.st.Chains[c].Max, s.unsure[c] > 0
	s.mu.Unlock()
	if unsure {
		return errUnsure
	}
	if g.Max <= have {
		return nil
	}
	err := s.put(ctx, []Segment{g})
	if err != nil {
		s.mu.Lock()
		if s.unsure == nil {
			s.unsure = map[string]int{}
		}
		s.unsure[c]++
		s.mu.Unlock()
	}
	return err
}

// errUnsure sends what feeds the site to ask it what it has.
var errUnsure = errors.New("copies: whether the last longer segment arrived is not known; the site is asked")

func (s *shipper) snapshot(ctx context.Context) error {
	g, err := s.r.takeSnapshot(ctx, s.cursor())
	if err != nil {
		return err
	}
	if err := s.putLonger(ctx, g); err != nil {
		return err
	}
	s.mu.Lock()
	s.st.Snap, s.st.Base = g.Max, s.r.o.Stream.Head().Base
	s.mu.Unlock()
	return s.save()
}

// put seals segments of one level that follow each other and stores them as one object.
func (s *shipper) put(ctx context.Context, of []Segment) error {
	if err := s.keysFirst(ctx); err != nil {
		return err
	}
	first, last := of[0], of[len(of)-1]
	begun := s.r.o.Now()
	var size int64
	if s.o.Unsealed {
		b, err := s.r.o.Stream.bytesOf(of)
		if err != nil {
			return err
		}
		if err := s.store(ctx, plainName(first.Level, first.Min, last.Max), bytes.NewReader(b), int64(len(b))); err != nil {
			return err
		}
		size = int64(len(b))
		s.link(chainOf(KindSegment, first.Level), chain{Max: last.Max})
	} else if first.Level == Snapshot || first.Size > pieceBytes {
		n, err := s.putLarge(ctx, of[0])
		if err != nil {
			return err
		}
		size = n
	} else {
		sealed, err := s.r.segment(of)
		if err != nil {
			return err
		}
		if err := s.key(ctx, sealed.h.Key, sealed.wrapped); err != nil {
			return err
		}
		if size, err = s.object(ctx, sealed.h, bytes.NewReader(sealed.payload)); err != nil {
			return err
		}
	}
	s.mu.Lock()
	if first.Min == 1 {
		from := uint64(0) // a row's first segment is all of it
		if first.Level != Raw {
			from = max(s.st.Chains[chainOf(KindSegment, Raw)].Max, s.st.Snap)
		}
		s.dig(from, last.Max)
		s.st.Snap = max(s.st.Snap, last.Max)
	}
	if first.Level == Raw {
		s.st.Newest = last.At
		s.st.Took = s.r.o.Now().Sub(begun)
	}
	s.st.Bytes += size
	s.mu.Unlock()
	s.r.confirmed()
	return s.saveSoon()
}

// putLarge is put for a segment that does not fit in memory: it is sealed into a file.
func (s *shipper) putLarge(ctx context.Context, g Segment) (int64, error) {
	plain, err := os.Open(s.r.o.Stream.spool.of(g))
	if err != nil {
		return 0, err
	}
	defer plain.Close()
	tmp, err := os.CreateTemp(filepath.Dir(s.file), s.name+"-*"+tempSuffix)
	if err != nil {
		return 0, err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	key, wrapped, err := s.r.streams.current()
	if err != nil {
		return 0, err
	}
	h := s.r.header(g, g)
	h.Key = key.id
	if err := sealTo(tmp, plain, &h, key); err != nil {
		return 0, err
	}
	if err := s.key(ctx, key.id, wrapped); err != nil {
		return 0, err
	}
	return s.object(ctx, h, tmp)
}

// object signs a header as the next link of its chain at this site and stores the object.
func (s *shipper) object(ctx context.Context, h Header, payload io.ReaderAt) (int64, error) {
	c := chainOf(h.Kind, h.Level)
	s.mu.Lock()
	last := s.st.Chains[c]
	s.mu.Unlock()
	h.Site, h.Seq, h.Prev = s.name, last.Seq+1, last.Prev
	front, hash, err := h.sign(s.r.o.Keys.Sign)
	if err != nil {
		return 0, err
	}
	size := int64(len(front)) + h.SealedSize
	if err := s.store(ctx, objectName(h), joined(front, payload, h.SealedSize), size); err != nil {
		return 0, err
	}
	proof.At("copies", "put")
	s.link(c, chain{h.Seq, hash, h.Max, h.Post})
	return size, nil
}

func (s *shipper) link(name string, c chain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st.Chains[name] = c
}

// store is Put with a bound.
func (s *shipper) store(ctx context.Context, name string, body io.ReadSeeker, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, callTime+time.Duration(size/(1<<20))*time.Second)
	defer cancel()
	_, err := s.site.Put(ctx, name, body, size)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.st.Acked = s.r.o.Now().UTC()
	s.mu.Unlock()
	return nil
}

// key stores the wrapped stream key, once, before anything that is sealed to it.
func (s *shipper) key(ctx context.Context, id string, wrapped []byte) error {
	s.mu.Lock()
	have := s.st.Key
	s.mu.Unlock()
	if have == id {
		return nil
	}
	if err := s.store(ctx, keyObject(s.r.o.Epoch, id), bytes.NewReader(wrapped), int64(len(wrapped))); err != nil {
		return err
	}
	s.mu.Lock()
	s.st.Key = id
	s.mu.Unlock()
	return nil
}

// beside keeps at the site what a restore needs beside the database, and whose it is.
func (s *shipper) beside(ctx context.Context) error {
	if s.r.o.Along == nil {
		return nil
	}
	s.aside.Lock()
	defer s.aside.Unlock()
	sealed, hash, err := s.r.along(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	have := s.st.Along
	s.mu.Unlock()
	if have == hash {
		return nil
	}
	s.mu.Lock()
	at := s.r.o.Now()
	if last := time.UnixMicro(s.st.AlongAt); !at.After(last) { // a clock that was set back
		at = last.Add(time.Microsecond)
	}
	s.mu.Unlock()
	body, err := AlongBody(s.r.o.Charter, s.name, s.r.o.Epoch, at, sealed, s.r.o.Keys.Sign)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if err := s.site.Replace(ctx, alongObject, body); err != nil {
		return err
	}
	s.mu.Lock()
	s.headDue = true
	s.st.Along, s.st.Beside, s.st.AlongAt = hash, hashOf(body), at.UnixMicro()
	s.mu.Unlock()
	s.r.confirmed() // what it has can be opened there from now on
	return s.save()
}

// head tells the site how far it has been told, so that a silence, and a newest object
// that is gone, are seen.
func (s *shipper) head(ctx context.Context) error {
	s.heading.Lock()
	defer s.heading.Unlock()
	s.mu.Lock()
	c := s.st.Chains[chainOf(KindSegment, Raw)]
	reached := max(c.Max, s.st.Snap)
	chains, told := s.links(), s.st.Told
	beside := s.st.Beside
	s.headDue = false
	s.mu.Unlock()
	now := s.r.o.Now().UTC()
	h := Header{Kind: KindHead, Chains: chains, Told: told, Along: beside, Shop: s.r.o.Charter.Shop, Epoch: s.r.o.Epoch, Site: s.name, Seq: c.Seq, Prev: c.Prev, At: now.UnixMicro(), Max: reached, Plain: hashOf(nil), Sealed: hashOf(nil)}
	front, _, err := h.sign(s.r.o.Keys.Sign)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if err := s.site.Replace(ctx, headObject, front); err != nil {
		return err
	}
	s.mu.Lock()
	s.st.Acked, s.st.Head = s.r.o.Now().UTC(), now
	s.mu.Unlock()
	return s.save()
}

// links are the ends of the chains that must be whole. Under s.mu. The chain of files is
// not among them: which of them must be there, the shop's own database tells.
func (s *shipper) links() map[string]Link {
	out := map[string]Link{}
	for name, c := range s.st.Chains {
		if name != chainOf(KindFile, 0) {
			l := Link{Seq: c.Seq, Hash: c.Prev, Max: c.Max, First: s.st.First[name]}
			if name == chainOf(KindSegment, Snapshot) {
				l.Kept = slices.Clone(s.st.Kept)
			}
			out[name] = l
		}
	}
	return out
}

// charter puts the charter at a new site, and refuses one that is another shop's.
func (s *shipper) charter(ctx context.Context) error {
	name := charterObject(s.r.o.Epoch)
	j, err := json.Marshal(s.r.o.Charter)
	if err != nil {
		return err
	}
	_, err = s.site.Put(ctx, name, bytes.NewReader(j), int64(len(j)))
	if errors.Is(err, ErrTaken) {
		return fmt.Errorf("site %s holds the copies of another shop, or of this one under other keys: give each its own folder: %w", s.name, err)
	}
	return err
}
