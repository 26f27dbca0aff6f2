package copies

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"filippo.io/age"
	"github.com/superfly/ltx"

	"kassavalv/internal/db"
	"kassavalv/internal/proof"
)

// Options are what a Room is made of.
type Options struct {
	Dir     string // folder copies of the data directory
	Charter Charter
	Keys    Keys
	Epoch   uint32
	Stream  *Stream
	DB      *db.DB // that the stream is the tap of
	Sites   []SiteOptions
	Files   string // folder of the shop's files; empty: none
	// Along is what a restore needs beside the database: the vault's keys, configuration,
	// certificates. It is kept at the sites sealed to the paper key. Nil: nothing.
	Along func(ctx context.Context) (Along, error)
	// KeysNow names the vault's keys as they are now, cheaply. When it changes, what lies
	// beside goes before the next change of the database: that may be sealed under a key
	// which no site has yet. Nil: they never change.
	KeysNow func() string
	// Policy is what the sites keep; zero: DefaultPolicy.
	Policy Policy
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
	// LookEvery is how often each site is asked whether a later epoch has begun there; 0: each
	// minute.
	LookEvery time.Duration
	// Held keeps the sites untouched until Begin: a shop that came from copies and has not
	// been opened for selling yet is not the shop.
	Held bool
	// OnFenced is called once when another machine turns out to be the shop; nil: nobody.
	OnFenced func(Fenced)
}

// SiteOptions are a site and how it is fed.
type SiteOptions struct {
	Site  Site
	Every time.Duration // gather for so long; 0: send at once
	// Unsealed writes plain LTX files as Litestream lays them out, and nothing else. It is
	// for proving that the format is no dialect of ours, and protects nobody.
	Unsealed bool
}

// Along is what lies beside the database at a site, sealed to the paper key.
type Along struct {
	Keys  string            `json:"keys"`  // key lines as secret.Export writes them
	Files map[string][]byte `json:"files"` // by name in the data directory
}

// Room runs the copies of a shop.
type Room struct {
	o        Options
	streams  streamKeys
	shippers []*shipper

	mu      sync.Mutex
	sealed  []*sealedSegment // the last few, for sites beside each other
	pace    time.Duration    // paceTime and
	most    time.Duration    // openTime
	closing time.Duration    // what closing a segment for who waits takes at present
	awaited uint64           // somebody waits for this transaction
	waiting int              // how many wait for one
	closed  time.Time        // when a segment was last closed for who waits
	nudge   chan struct{}    // closed when awaited grows
	retry   chan struct{}    // closed when all sites are to be tried at once
	acked   chan struct{}    // closed when a site has confirmed something
	levels  map[int][]Segment
	snap    sync.Mutex // one snapshot at a time

	dumping     sync.Mutex // one dump at a time
	dump        *nightly   // the newest; nil: none yet
	dumpTrouble error      // why the last one failed
	cuts        []uint64   // transactions that no object at a site may reach over

	fenced *Fenced // a later epoch has begun; nothing is sent any more

	feed   func()          // starts what feeds the sites
	ctx    context.Context // of everything that runs
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

type sealedSegment struct {
	level    int
	min, max uint64
	ready    chan struct{} // closed when what follows stands
	err      error
	h        Header
	payload  []byte
	wrapped  []byte // of the stream key
}

// Open begins to feed the sites.
func Open(ctx context.Context, o Options) (*Room, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LookEvery == 0 {
		o.LookEvery = time.Minute
	}
	if o.Epoch == 0 {
		return nil, errors.New("copies: epochs begin with 1")
	}
	if o.Policy != (Policy{}) {
		if err := o.Policy.Check(); err != nil {
			return nil, err
		}
	}
	to, err := o.Charter.recipients()
	if err != nil {
		return nil, err
	}
	r := &Room{pace: paceTime, most: openTime, o: o, streams: streamKeys{to: to, now: o.Now}, nudge: make(chan struct{}), acked: make(chan struct{}), retry: make(chan struct{}), levels: map[int][]Segment{}}
	for _, l := range []int{Minutes, Hours, Days, Snapshot} {
		segs, bad, err := o.Stream.spool.list(l)
		if err != nil {
			return nil, err
		}
		for _, p := range bad {
			os.Remove(p)
		}
		r.levels[l] = segs
	}
	if err := r.loadDump(); err != nil {
		return nil, err
	}
	if err := r.loadFence(); err != nil {
		return nil, err
	}
	if err := r.take(o.Sites); err != nil {
		return nil, err
	}
	r.feed = r.feedAll
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if !o.Held {
		r.start(ctx)
	}
	return r, nil
}

// take gives each site a shipper.
func (r *Room) take(sites []SiteOptions) error {
	if err := os.MkdirAll(filepath.Join(r.o.Dir, "sites"), 0o700); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, so := range sites {
		name := so.Site.Place().Name
		if Name(name) != nil || strings.Contains(name, "/") || seen[name] {
			return fmt.Errorf("copies: each site needs a name of its own of a-z, 0-9 and dashes, not %q", name)
		}
		seen[name] = true
		s := &shipper{r: r, o: so, name: name, site: so.Site, file: filepath.Join(r.o.Dir, "sites", name+".json"), wishes: make(chan wish)}
		if err := s.load(); err != nil {
			return err
		}
		r.shippers = append(r.shippers, s)
	}
	return nil
}

// firstLook is how long a start waits for the sites to say whether a later epoch has begun.
const firstLook = 5 * time.Second

// start begins to feed. Before it returns, every site that answers in time has been asked
// whether another machine is the shop: one that comes back after it was replaced must not
// sell a thing first.
func (r *Room) start(ctx context.Context) {
	if f := r.Fenced(); f != nil {
		r.cancel()
		if r.o.OnFenced != nil {
			r.o.OnFenced(*f)
		}
		return
	}
	ctx, cancel := context.WithTimeout(ctx, firstLook)
	defer cancel()
	var looks sync.WaitGroup
	for _, s := range r.shippers {
		if !s.o.Unsealed {
			looks.Go(func() {
				if err := s.overtaken(ctx); errors.Is(err, ErrFenced) {
					r.fence(s.name, err)
				} // one that does not answer is asked again and again
			})
		}
	}
	looks.Wait()
	if r.ctx.Err() == nil {
		r.feed()
	}
}

func (r *Room) feedAll() {
	for _, s := range r.shippers {
		r.wg.Go(func() { s.run(r.ctx) })
		r.wg.Go(func() { s.keepRetained(r.ctx) })
	}
	r.wg.Go(func() { r.keepHouse(r.ctx) })
	if len(r.shippers) > 0 {
		r.wg.Go(func() { r.keepDumps(r.ctx) })
	}
}

// Begin lets a room that is held feed its sites, in the given epoch. It is called once.
func (r *Room) Begin(ctx context.Context, epoch uint32) error {
	r.mu.Lock()
	if !r.o.Held || epoch == 0 {
		r.mu.Unlock()
		return errors.New("copies: there is nothing to begin")
	}
	r.o.Held, r.o.Epoch = false, epoch
	r.mu.Unlock()
	for _, s := range r.shippers {
		if err := s.load(); err != nil {
			return err
		}
	}
	if err := r.loadFence(); err != nil {
		return err
	}
	r.start(ctx)
	return nil
}

// Held tells whether the sites are untouched until Begin, Epoch which life of the shop is written,
// Sites how many there are.
func (r *Room) Held() bool    { r.mu.Lock(); defer r.mu.Unlock(); return r.o.Held }
func (r *Room) Epoch() uint32 { r.mu.Lock(); defer r.mu.Unlock(); return r.o.Epoch }
func (r *Room) Sites() int    { return len(r.shippers) }

// Taken returns when n sites have the shop in its epoch, or ctx ends, and how many have.
func (r *Room) Taken(ctx context.Context, n int) int { return r.Wait(ctx, 0, n).Sites }

// Newest is the newest epoch in which any of the sites holds an object of the shop's, and
// which sites could not be asked.
func (r *Room) Newest(ctx context.Context) (epoch uint32, silent map[string]error) {
	silent = map[string]error{}
	var mu sync.Mutex
	var looks sync.WaitGroup
	for _, s := range r.shippers {
		if s.o.Unsealed {
			continue
		}
		looks.Go(func() {
			e, err := Newest(ctx, s.site, r.o.Charter, 0)
			mu.Lock()
			defer mu.Unlock()
			if epoch = max(epoch, e); err != nil {
				silent[s.name] = err
			}
		})
	}
	looks.Wait()
	return epoch, silent
}

// Close stops feeding; what is not yet at the sites waits in the spool. It gives the
// sites until ctx ends to take what they can.
func (r *Room) Close(ctx context.Context) error {
	well := 0 // a site that has been in trouble is not waited for
	for _, s := range r.shippers {
		if s.failures() == 0 {
			well++
		}
	}
	r.mu.Lock()
	held := r.o.Held
	r.mu.Unlock()
	if h, err := r.o.Stream.Flush(); err == nil && !held {
		r.wait(ctx, h.TX, well)
	}
	r.cancel()
	r.wg.Wait()
	return nil
}

// Ack is how many sites have confirmed a position.
type Ack struct {
	Sites int
	Took  time.Duration
}

// A segment that somebody waits for is closed by the first site that is free to take it:
// while all are busy, it gathers what comes, and who comes waits for one segment with the
// others. Where several wait, so much time lies between two such segments, since each
// costs all sites and this machine the same, whatever is in it: paceTime, and where this
// machine has much to do paceShare times what closing one takes, up to paceMost. None stays
// open for longer than openTime because of that, or that much more than the pace, or a
// quarter of the time that who waits has.
const (
	paceTime  = 10 * time.Millisecond
	paceMost  = 50 * time.Millisecond
	paceShare = 20
	openTime  = 20 * time.Millisecond
	openShare = 4
)

// paced is how much time lies between two segments that several wait for, and how long one
// stays open at most for somebody who waits until ctx ends. Under r.mu.
func (r *Room) paced(ctx context.Context) (pace, most time.Duration) {
	pace = max(r.pace, min(paceShare*r.closing, paceMost))
	most = r.most + pace - r.pace
	if end, ok := ctx.Deadline(); ok {
		most = min(most, max(time.Until(end)/openShare, r.most))
	}
	return pace, most
}

// Wait returns when n sites have confirmed what was committed at pos, or ctx ends. The
// segment that is being gathered does not stay open as long as usual.
func (r *Room) Wait(ctx context.Context, _ db.Pos, n int) Ack {
	begin := time.Now()
	// What was read may be a moment ahead of what the stream has been told.
	if err := r.o.DB.Told(); err != nil {
		return Ack{Took: time.Since(begin)}
	}
	return Ack{Sites: r.wait(ctx, r.o.Stream.Told(), n), Took: time.Since(begin)}
}

func (r *Room) wait(ctx context.Context, tx uint64, n int) int {
	r.mu.Lock()
	r.waiting++
	_, most := r.paced(ctx)
	if tx > r.awaited {
		r.awaited = tx
		close(r.nudge)
		r.nudge = make(chan struct{})
	}
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.waiting--
		r.mu.Unlock()
	}()
	enough := time.NewTimer(most)
	defer enough.Stop()
	for {
		r.mu.Lock()
		again := r.acked
		r.mu.Unlock()
		have := 0
		for _, s := range r.shippers {
			if s.reached() >= tx {
				have++
			}
		}
		if have >= n || ctx.Err() != nil || r.Fenced() != nil {
			return have
		}
		select {
		case <-again:
		case <-enough.C:
			if r.o.Stream.open(tx) {
				if _, err := r.o.Stream.Flush(); err != nil {
					return have
				}
			}
		case <-ctx.Done():
		}
	}
}

// closeAwaited closes the segment that is being gathered, if somebody waits for it: a site
// is free to take it. later is how long it is to stay open yet; 0: it is not open.
func (r *Room) closeAwaited() (later time.Duration) {
	r.mu.Lock()
	tx := r.awaited
	if r.waiting > 1 {
		pace, _ := r.paced(contextNone)
		later = pace - time.Since(r.closed)
	}
	r.mu.Unlock()
	if !r.o.Stream.open(tx) {
		return 0
	}
	if later > 0 {
		return later
	}
	begun := time.Now()
	_, _ = r.o.Stream.Flush() // what fails is tried again, and told, by the stream itself
	r.mu.Lock()
	r.closed = time.Now()
	r.closing += (r.closed.Sub(begun) - r.closing) / 4
	r.mu.Unlock()
	return 0
}

// Retry has every site tried at once that is waited with after a failure.
func (r *Room) Retry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.retry)
	r.retry = make(chan struct{})
}

// rest sleeps, or is woken by Retry.
func (r *Room) rest(ctx context.Context, d time.Duration) {
	r.mu.Lock()
	retry := r.retry
	r.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-retry:
	case <-t.C:
	}
}

// confirmed wakes who waits.
func (r *Room) confirmed() {
	r.mu.Lock()
	close(r.acked)
	r.acked = make(chan struct{})
	r.mu.Unlock()
}

// hurry tells whether somebody waits for more than tx, and is closed when somebody does.
func (r *Room) hurry(tx uint64) (bool, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.awaited > tx, r.nudge
}

// hasSealed tells whether a segment is at hand as it was sealed for another site.
func (r *Room) hasSealed(g Segment) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.sealed, func(s *sealedSegment) bool {
		return s.level == g.Level && s.min == g.Min && s.max == g.Max
	})
}

// segment seals segments that follow each other as one, once for all sites.
func (r *Room) segment(of []Segment) (*sealedSegment, error) {
	first, last := of[0], of[len(of)-1]
	r.mu.Lock()
	for _, s := range r.sealed {
		if s.level == first.Level && s.min == first.Min && s.max == last.Max {
			r.mu.Unlock()
			<-s.ready
			return s, s.err
		}
	}
	s := &sealedSegment{level: first.Level, min: first.Min, max: last.Max, ready: make(chan struct{})}
	r.sealed = append(r.sealed, s)
	if len(r.sealed) > 8 {
		r.sealed = slices.Delete(r.sealed, 0, 1)
	}
	r.mu.Unlock()
	defer close(s.ready)
	if s.err = r.seal(s, of); s.err != nil { // whoever comes next tries again
		r.mu.Lock()
		r.sealed = slices.DeleteFunc(r.sealed, func(x *sealedSegment) bool { return x == s })
		r.mu.Unlock()
	}
	return s, s.err
}

func (r *Room) seal(s *sealedSegment, of []Segment) error {
	plain, err := r.o.Stream.bytesOf(of)
	if err != nil {
		return err
	}
	key, wrapped, err := r.streams.current()
	if err != nil {
		return err
	}
	h := r.header(of[0], of[len(of)-1])
	h.Key = key.id
	out := bytes.NewBuffer(make([]byte, 0, len(plain)+len(plain)/1024+1024))
	if err := sealTo(out, bytes.NewReader(plain), &h, key); err != nil {
		return err
	}
	s.h, s.payload, s.wrapped = h, out.Bytes(), wrapped
	return nil
}

// header is that of segments from first to last, without what a site adds.
func (r *Room) header(first, last Segment) Header {
	h := Header{Kind: KindSegment, Shop: r.o.Charter.Shop, Epoch: r.o.Epoch, At: last.At.UnixMicro(), Level: first.Level, Min: first.Min, Max: last.Max,
		Post: last.Post.String(), Pages: last.Pages, PageSize: last.PageSize}
	if first.Pre != 0 {
		h.Pre = first.Pre.String()
	}
	return h
}

// takeSnapshot writes the whole database as a segment of the spool, while it goes on. It
// does not end before the transaction least.
func (r *Room) takeSnapshot(ctx context.Context, least uint64) (Segment, error) {
	r.snap.Lock()
	defer r.snap.Unlock()
	least = max(least, r.o.Stream.Head().Base)
	r.mu.Lock()
	for _, g := range slices.Backward(r.levels[Snapshot]) { // another site may have asked a moment ago
		if g.Max >= least && (r.o.Now().Sub(g.At) < snapshotFresh || g.Max == r.o.Stream.Head().TX) {
			if _, whole := r.o.Stream.After(g.Max); whole {
				r.mu.Unlock()
				return g, nil
			}
		}
	}
	r.mu.Unlock()
	var g Segment
	err := r.o.DB.Freeze(ctx, func(f db.Frozen) error {
		h, err := r.o.Stream.keptHead(f.Mark)
		if err != nil {
			return err
		}
		g = Segment{Level: Snapshot, Min: 1, Max: h.TX, Post: h.Sum, Pages: f.Pages, PageSize: f.PageSize, At: h.At}
		return r.o.Stream.spool.put(r.o.Stream.spool.of(g), true, func(w io.Writer) error {
			m := &tally{w: w}
			if err := snapshotTo(ctx, m, f, g, r.o.Stream.spool.dir); err != nil {
				return err
			}
			g.Size = m.n
			return nil
		})
	})
	if err != nil {
		return Segment{}, fmt.Errorf("copies: snapshot: %w", err)
	}
	r.mu.Lock()
	r.levels[Snapshot] = append(r.levels[Snapshot], g)
	r.mu.Unlock()
	return g, nil
}

// snapshotFresh is how old a snapshot may be to be given to another site.
const snapshotFresh = time.Hour

// snapshotTo writes the database at rest as LTX. That its pages sum to what the stream
// says is found out on the way: a snapshot that does not is never put in its place.
func snapshotTo(ctx context.Context, w io.Writer, f db.Frozen, g Segment, dir string) error {
	e, err := ltx.NewEncoder(w)
	if err != nil {
		return err
	}
	e.SetSpillDir(dir)
	defer e.Cleanup()
	if err := e.EncodeHeader(ltx.Header{Version: ltx.Version, PageSize: uint32(f.PageSize), Commit: f.Pages, MinTXID: 1, MaxTXID: ltx.TXID(g.Max), Timestamp: g.At.UnixMilli()}); err != nil {
		return err
	}
	in := newReader(io.NewSectionReader(f.File, 0, int64(f.Pages)*int64(f.PageSize)))
	page, lock := make([]byte, f.PageSize), ltx.LockPgno(uint32(f.PageSize))
	sum, h := ltx.Checksum(0), ltx.NewHasher()
	for no := uint32(1); no <= f.Pages; no++ {
		if no%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if no == f.Pages/2 {
			proof.At("copies", "half a snapshot")
		}
		if _, err := io.ReadFull(in, page); err != nil {
			return err
		}
		if no == lock {
			continue
		}
		sum ^= ltx.ChecksumPageWithHasher(h, no, page)
		if err := e.EncodePage(ltx.PageHeader{Pgno: no}, page); err != nil {
			return err
		}
	}
	if sum |= ltx.ChecksumFlag; sum != g.Post {
		return fmt.Errorf("the file at rest sums to %s, the segments to %s: one of the two is wrong", sum, g.Post)
	}
	e.SetPostApplyChecksum(sum)
	return e.Close()
}

// along is what lies beside the database, sealed to the paper key.
func (r *Room) along(ctx context.Context) (sealed []byte, hash string, err error) {
	a, err := r.o.Along(ctx)
	if err != nil {
		return nil, "", err
	}
	j, err := json.Marshal(a)
	if err != nil {
		return nil, "", err
	}
	paper, err := age.ParseHybridRecipient(r.o.Charter.Paper)
	if err != nil {
		return nil, "", err
	}
	if sealed, err = sealBytes(j, paper); err != nil {
		return nil, "", err
	}
	return sealed, hashOf(append([]byte("signed\x00"), j...)), nil // not the hash of what was put there unsigned
}
