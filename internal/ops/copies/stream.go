package copies

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/superfly/ltx"

	"kassavalv/internal/db"
	"kassavalv/internal/proof"
)

// When a segment is closed: so long after its first commit, or at so many bytes.
const (
	segmentTime  = 100 * time.Millisecond
	segmentBytes = 1 << 20
	letGo        = 64 << 20 // bytes in memory that the spool does not take
)

// keepBytes of log may hold segments that are on no disk yet; then they are brought there
// beside the writer, which would wait for all of them once the log is full.
const keepBytes = 8 << 20

// The newest segments stay in memory for the sites that take them in a moment, up to so many
// bytes together. A larger one never lies there whole.
const recentBytes = 8 << 20

var contextNone = context.Background()

// Stream makes segments of what the database's writer commits. It is a db.Tap. It works
// without any site: what it makes waits in the spool.
type Stream struct {
	spool spool
	log   *slog.Logger
	now   func() time.Time

	mu      sync.Mutex
	pending db.Commit // not yet in a segment
	since   time.Time // of its first commit
	bytes   int
	told    db.Mark
	kept    db.Mark
	head    Head
	raw     []Segment // the raw segments of the spool, in order
	atKeep  Head      // the head after the last Keep, and
	keptAt  db.Mark   // what was told then
	again   uint64    // a segment that begins here may have been made before, and sent
	behind  error
	fail    error // why segments cannot be written now
	changed chan struct{}

	gather  time.Duration // segmentTime
	recent  []recentSegment
	keeping bool // it was asked to bring segments to disk, and has not yet

	syncing  sync.Mutex // taken before writing: one at a time brings segments to disk
	writing  sync.Mutex // one segment at a time
	pageSize int
	sums     []ltx.Checksum // of each page, by number-1; 0: no such page yet
	size     uint32
	unsynced []string // segments not yet known to be on disk
	draft    bytes.Buffer

	wake chan struct{} // the batch is full
	keep chan struct{} // much is on no disk yet
	quit chan struct{}
	done sync.WaitGroup
}

// recentSegment is a raw segment of the spool in memory.
type recentSegment struct {
	min, max uint64
	data     []byte
}

// Head is how far the segments reach.
type Head struct {
	TX   uint64       // transaction
	Sum  ltx.Checksum // rolling checksum of the database after it
	Pos  db.Pos       // commit position after it; 0 when only an earlier process knew
	At   time.Time    // of the commit
	Base uint64       // segments follow each other from here on: copies of what was before need a snapshot that reaches to Base at least
}

// OpenStream opens the spool in dir. The stream begins when a database is opened with it
// as its Tap.
func OpenStream(dir string, log *slog.Logger) (*Stream, error) {
	s := &Stream{spool: spool{filepath.Join(dir, "spool")}, log: log, now: time.Now, gather: segmentTime, changed: make(chan struct{}), wake: make(chan struct{}, 1), keep: make(chan struct{}, 1), quit: make(chan struct{})}
	if err := s.spool.make(); err != nil {
		return nil, err
	}
	s.done.Go(s.run)
	s.done.Go(s.runKeep)
	return s, nil
}

// Close stops the stream, after the database is closed.
func (s *Stream) Close() error {
	close(s.quit)
	s.done.Wait()
	return nil
}

// Attach implements db.Tap: it takes up where the spool ends, or begins anew where the
// database is not the one the spool knows.
func (s *Stream) Attach(b db.Base) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	raw, bad, err := s.spool.list(Raw)
	if err != nil {
		return err
	}
	for _, p := range bad {
		os.Remove(p)
	}
	start, err := s.spool.base()
	if err != nil {
		return err
	}
	raw, lost := followed(raw, start)
	for _, g := range lost {
		if err := os.Remove(s.spool.of(g)); err != nil {
			return err
		}
	}
	if len(bad)+len(lost) > 0 {
		s.log.Warn("segments in the spool are not whole, as after a loss of power; they are made again from the log", "damaged", len(bad), "after_them", len(lost))
	}
	var last Segment
	if len(raw) > 0 {
		last = raw[len(raw)-1]
	} else {
		// Everything may have gone to longer levels. What ends before start is of a database
		// that is no more, also where the one there is now is like it.
		for _, l := range []int{Minutes, Hours, Days, Snapshot} {
			longer, _, err := s.spool.list(l)
			if err != nil {
				return err
			}
			if n := len(longer); n > 0 && longer[n-1].Max > last.Max && longer[n-1].Max >= start {
				last = longer[n-1]
			}
		}
	}
	s.pageSize, s.size = b.PageSize, b.Pages
	if err := s.sumFile(b); err != nil {
		return err
	}
	// The file and the log up to where the last segment ends must be what it left.
	ours := 0
	if b.Start.Salt != 0 && last.Salt == b.Start.Salt {
		for i, c := range b.Log {
			if c.Mark.Offset <= last.Offset {
				ours = i + 1
			}
		}
	}
	for _, c := range b.Log[:ours] {
		s.sum(c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw = raw
	s.head = Head{TX: last.Max, Sum: last.Post, At: last.At, Base: start}
	s.told = b.Start
	if ours > 0 {
		s.told = b.Log[ours-1].Mark
	}
	// A process that was killed may have left segments that no disk has yet.
	s.kept = b.Start
	for _, g := range raw {
		if g.Salt == b.Start.Salt {
			s.unsynced = append(s.unsynced, s.spool.of(g))
		}
	}
	now := s.checksum()
	switch {
	case last.Max == 0 && start == 0 && b.PageSize == 0 && len(b.Log) == 0: // nothing yet anywhere: the first segment is the beginning
		return nil
	case last.Max == 0 || now != last.Post:
		if last.Max != 0 {
			s.log.Warn("the database is not the one the copies know: it was changed while nothing copied it, or put back from elsewhere; the copies begin with a snapshot", "transaction", last.Max)
		}
		ours = 0
		// A row that began anew and was never written to left no segment: its number stands.
		s.head.TX = max(s.head.TX, start)
		s.sums, s.size = nil, b.Pages
		if err := s.sumFile(b); err != nil {
			return err
		}
		for _, c := range b.Log {
			s.sum(c)
		}
		if n := len(b.Log); n > 0 {
			s.told = b.Log[n-1].Mark
		}
		return s.anew()
	}
	s.again = s.head.TX + 1
	for _, c := range b.Log[ours:] {
		if proof.Broken("leftover") {
			s.sum(c)
			s.told = c.Mark
			continue
		}
		s.add(c)
	}
	return nil
}

// followed parts raw segments into those that follow each other from start on, and those
// beyond a gap. What lies before start belongs to a database that is no more.
func followed(all []Segment, start uint64) (row, lost []Segment) {
	for i, g := range all {
		switch {
		case g.Min <= start:
			lost = append(lost, g)
		case len(row) == 0 || g.Min == row[len(row)-1].Max+1 && g.Pre == row[len(row)-1].Post:
			row = append(row, g)
		default:
			return row, append(lost, all[i:]...)
		}
	}
	return row, lost
}

// leap is more transactions, less one, than can be lost between two syncs of the spool.
const leap = 1<<20 - 1

// anew begins a row of segments that follows nothing before it. Under both locks.
func (s *Stream) anew() error {
	// A site may have more of the row that ends than the spool still tells, where segments
	// were sent and then lost with the machine's power, be it all of them: their numbers are
	// left out.
	tx := (s.head.TX | leap) + 1
	if err := s.spool.setBase(tx); err != nil {
		return err
	}
	s.head = Head{TX: tx, Sum: s.checksum(), At: s.now().UTC(), Base: tx}
	s.raw, s.unsynced = nil, nil
	s.kept = s.told
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// let lets go of what cannot be written: a full spool must not fill the disk with the log
// as well, or the shop's memory. The copies begin with a snapshot when they can again.
func (s *Stream) let() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes < letGo {
		return nil
	}
	s.sum(s.pending)
	s.pending, s.bytes = db.Commit{}, 0
	s.log.Error("copies: too much waits for the spool and is let go; the copies begin again with a snapshot")
	return s.anew()
}

func (s *Stream) sumFile(b db.Base) error {
	if b.PageSize == 0 {
		return nil
	}
	r := io.NewSectionReader(b.File, 0, int64(b.Pages)*int64(b.PageSize))
	h, page, lock := ltx.NewHasher(), make([]byte, b.PageSize), ltx.LockPgno(uint32(b.PageSize))
	buf := newReader(r)
	s.sums = make([]ltx.Checksum, b.Pages)
	for no := uint32(1); no <= b.Pages; no++ {
		if _, err := io.ReadFull(buf, page); err != nil {
			return fmt.Errorf("the file cannot be read: %w", err)
		}
		if no != lock {
			s.sums[no-1] = ltx.ChecksumPageWithHasher(h, no, page)
		}
	}
	return nil
}

// sum takes a commit into the checksums.
func (s *Stream) sum(c db.Commit) {
	s.grow(c.Size)
	h := ltx.NewHasher()
	for _, p := range c.Pages {
		s.sums[p.No-1] = sumPage(h, p.No, p.Data)
	}
}

// sumPage is ltx.ChecksumPageWithHasher, which takes memory for each page.
func sumPage(h hash.Hash64, no uint32, data []byte) ltx.Checksum {
	h.Reset()
	h.Write([]byte{byte(no >> 24), byte(no >> 16), byte(no >> 8), byte(no)})
	h.Write(data)
	return ltx.ChecksumFlag | ltx.Checksum(h.Sum64())
}

// grow makes the checksums those of a database of size pages.
func (s *Stream) grow(size uint32) {
	if int(size) < len(s.sums) {
		s.sums = s.sums[:size]
	}
	for int(size) > len(s.sums) {
		s.sums = append(s.sums, 0)
	}
	s.size = size
}

// checksum is the rolling checksum of the database.
func (s *Stream) checksum() ltx.Checksum {
	var all ltx.Checksum
	for _, c := range s.sums {
		all ^= c
	}
	return ltx.ChecksumFlag | all
}

// Commit implements db.Tap.
func (s *Stream) Commit(c db.Commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(c)
	if s.bytes >= segmentBytes {
		s.poke()
	}
}

func (s *Stream) add(c db.Commit) {
	if s.pending.Count == 0 {
		s.pending, s.since = c, s.now()
		s.poke()
	} else {
		s.pending = db.Join(s.pending, c)
	}
	s.bytes = bytesIn(s.pending)
	s.told = c.Mark
	if beyond := s.told.Offset - s.kept.Offset; !s.keeping && (beyond >= keepBytes || s.told.Salt != s.kept.Salt && s.told.Offset >= keepBytes) {
		s.keeping = true
		s.keep <- struct{}{}
	}
}

// bytesIn is how much there is of a commit: what was written several times counts once.
func bytesIn(c db.Commit) int {
	if len(c.Pages) == 0 {
		return 0
	}
	return len(c.Pages) * len(c.Pages[0].Data)
}

func (s *Stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Kept implements db.Tap.
func (s *Stream) Kept() db.Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept
}

// Behind implements db.Tap.
func (s *Stream) Behind(err error) {
	s.mu.Lock()
	s.behind = err
	s.mu.Unlock()
	if err != nil {
		s.log.Error("a commit could not be read back for the copies; it is tried again with the next", "error", err)
	}
}

// Keep implements db.Tap.
func (s *Stream) Keep() error { return s.sync(true) }

// runKeep brings segments to disk beside the writer, which then waits for the last few only.
func (s *Stream) runKeep() {
	for {
		select {
		case <-s.quit:
			return
		case <-s.keep:
		}
		if err := s.sync(false); err != nil {
			s.log.Error("copies: segments could not be brought to disk; it is tried again", "error", err)
			select {
			case <-s.quit:
				return
			case <-time.After(time.Second):
			}
		}
		s.mu.Lock()
		s.keeping = false
		s.mu.Unlock()
	}
}

// Flush closes the segment that is being gathered and returns how far the segments reach.
func (s *Stream) Flush() (Head, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	err := s.write()
	return s.Head(), err
}

// Told is the transaction that ends what was committed until now; it may be in no segment
// yet.
func (s *Stream) Told() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head.TX + uint64(s.pending.Count)
}

// open tells whether tx is of the segment that is being gathered.
func (s *Stream) open(tx uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head.TX < tx && s.pending.Count > 0 && s.fail == nil
}

// bytesOf is one segment of several raw ones that follow each other.
func (s *Stream) bytesOf(of []Segment) ([]byte, error) {
	in := make([][]byte, len(of))
	s.mu.Lock()
	for i, g := range of {
		for _, r := range s.recent {
			if g.Level == Raw && r.min == g.Min && r.max == g.Max {
				in[i] = r.data
			}
		}
	}
	s.mu.Unlock()
	return s.spool.bytesOf(of, in)
}

// remember keeps the newest segments in memory. Under s.mu.
func (s *Stream) remember(g Segment, data []byte) {
	if data == nil {
		return
	}
	s.recent = append(s.recent, recentSegment{g.Min, g.Max, data})
	total := 0
	for i, r := range slices.Backward(s.recent) {
		if total += len(r.data); total > recentBytes {
			s.recent = slices.Delete(s.recent, 0, i+1)
			break
		}
	}
}

// Head is how far the segments reach now.
func (s *Stream) Head() Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head
}

// Changed is closed at the next change of Head.
func (s *Stream) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// After lists the raw segments that reach beyond a transaction; the first may begin before
// it, where a loss of power made it anew from the log. whole is false when some that come
// after it are gone from the spool, or none ends there: then only a snapshot helps.
func (s *Stream) After(tx uint64) (out []Segment, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, _ := slices.BinarySearchFunc(s.raw, tx, func(g Segment, tx uint64) int { return cmp.Compare(g.Max, tx+1) })
	if i == len(s.raw) {
		return nil, tx == s.head.TX
	}
	first := s.raw[i].Min
	return slices.Clone(s.raw[i:]), first == tx+1 || first <= tx && first == s.again
}

// Trouble is what keeps the stream from going on; nil when all is well.
func (s *Stream) Trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.behind, s.fail)
}

// write makes a segment of what is pending. Under s.writing.
func (s *Stream) write() error {
	s.mu.Lock()
	c, head := s.pending, s.head
	s.mu.Unlock()
	if c.Count == 0 {
		return nil
	}
	if s.pageSize == 0 {
		s.pageSize = len(c.Pages[0].Data)
	}
	g, data, err := s.encode(c, head)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
	if err != nil {
		return err
	}
	// What came meanwhile stays pending.
	if s.pending.Mark == c.Mark {
		s.pending, s.bytes = db.Commit{}, 0
	} else {
		s.pending = rest(s.pending, c)
		s.bytes = bytesIn(s.pending)
		s.since = s.now()
	}
	s.raw = append(s.raw, g)
	s.remember(g, data)
	s.head = Head{TX: g.Max, Sum: g.Post, Pos: c.Pos, At: g.At, Base: head.Base}
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// rest is what all has beyond part, of which it was joined with later commits: pages that
// were in part and not written since are the same slices.
func rest(all, part db.Commit) db.Commit {
	had := map[uint32]*byte{}
	for _, p := range part.Pages {
		had[p.No] = &p.Data[0]
	}
	out := db.Commit{Pos: all.Pos, Count: all.Count - part.Count, Size: all.Size, Mark: all.Mark}
	for _, p := range all.Pages {
		if had[p.No] != &p.Data[0] {
			out.Pages = append(out.Pages, p)
		}
	}
	return out
}

// encode writes the segment and takes it into the checksums. data are its bytes, where they
// are not too many.
func (s *Stream) encode(c db.Commit, head Head) (_ Segment, data []byte, err error) {
	lock := ltx.LockPgno(uint32(s.pageSize))
	// Pages that a transaction took and gave back may never be written: they read as zeros.
	pages, fresh := make([]db.Page, 0, len(c.Pages)), s.size+1
	zeros := func(before uint32) {
		for ; fresh < before; fresh++ {
			pages = append(pages, db.Page{No: fresh, Data: make([]byte, s.pageSize)})
		}
	}
	for _, p := range c.Pages {
		zeros(p.No)
		pages = append(pages, p)
		fresh = max(fresh, p.No+1)
	}
	zeros(c.Size + 1)
	pages = slices.DeleteFunc(pages, func(p db.Page) bool { return p.No == lock })
	h, sums := ltx.NewHasher(), make([]ltx.Checksum, len(pages))
	post := head.Sum &^ ltx.ChecksumFlag
	for no := c.Size + 1; no <= uint32(len(s.sums)); no++ {
		post ^= s.sums[no-1]
	}
	for i, p := range pages {
		sums[i] = sumPage(h, p.No, p.Data)
		if int(p.No) <= len(s.sums) {
			post ^= s.sums[p.No-1]
		}
		post ^= sums[i]
	}
	post |= ltx.ChecksumFlag
	g := Segment{Level: Raw, Min: head.TX + 1, Max: head.TX + uint64(c.Count), Pre: head.Sum, Post: post, Pages: c.Size, PageSize: s.pageSize, At: s.now().UTC(), Salt: c.Mark.Salt, Offset: c.Mark.Offset}
	path := s.spool.of(g)
	fill := func(w io.Writer) error {
		m := &tally{w: w}
		e, err := ltx.NewEncoder(m)
		if err != nil {
			return err
		}
		const walStart = 32
		hd := ltx.Header{Version: ltx.Version, PageSize: uint32(s.pageSize), Commit: c.Size, MinTXID: ltx.TXID(g.Min), MaxTXID: ltx.TXID(g.Max), Timestamp: g.At.UnixMilli(),
			PreApplyChecksum: g.Pre, WALOffset: walStart, WALSize: c.Mark.Offset - walStart, WALSalt1: uint32(c.Mark.Salt >> 32), WALSalt2: uint32(c.Mark.Salt)}
		if g.Min == 1 {
			hd.PreApplyChecksum = 0
		}
		if err := e.EncodeHeader(hd); err != nil {
			return err
		}
		for _, p := range pages {
			if err := e.EncodePage(ltx.PageHeader{Pgno: p.No}, p.Data); err != nil {
				return err
			}
		}
		e.SetPostApplyChecksum(post)
		if err := e.Close(); err != nil {
			return err
		}
		g.Size = m.n
		return nil
	}
	write := fill
	if len(pages)*s.pageSize <= 2*segmentBytes {
		s.draft.Reset()
		if err := fill(&s.draft); err != nil {
			return Segment{}, nil, fmt.Errorf("copies: %w", err)
		}
		data = bytes.Clone(s.draft.Bytes())
		write = func(w io.Writer) error { _, err := w.Write(data); return err }
	}
	err = s.spool.put(path, false, func(w io.Writer) error {
		if err := write(w); err != nil {
			return err
		}
		proof.At("copies", "unnamed")
		return nil
	})
	if err != nil {
		return Segment{}, nil, fmt.Errorf("copies: the spool: %w", err)
	}
	if g.Min == 1 {
		g.Pre = 0
	}
	s.grow(c.Size)
	for i, p := range pages {
		s.sums[p.No-1] = sums[i]
	}
	s.unsynced = append(s.unsynced, path)
	return g, data, nil
}

// sync brings the segments written so far to disk, with all what was told in a segment.
// Segments are written on meanwhile.
func (s *Stream) sync(all bool) error {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	s.writing.Lock()
	if all {
		if err := s.write(); err != nil {
			s.writing.Unlock()
			return err
		}
	}
	files := slices.Clone(s.unsynced)
	s.mu.Lock()
	mark, at, whole := s.told, s.head, s.pending.Count == 0
	if !whole {
		mark = s.kept // what is gathered now, the next one has
		if n := len(s.raw); n > 0 {
			mark = db.Mark{Salt: s.raw[n-1].Salt, Offset: s.raw[n-1].Offset}
		}
	}
	s.mu.Unlock()
	s.writing.Unlock()
	if err := s.syncFiles(files); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.head.Base != at.Base { // the row began anew meanwhile
		return nil
	}
	s.unsynced = slices.Delete(s.unsynced, 0, len(files))
	if s.kept = mark; all && whole {
		s.atKeep, s.keptAt = at, mark
	}
	return nil
}

// syncers are how many files are brought to disk beside each other: a disk does many in the
// time of one.
const syncers = 8

func (s *Stream) syncFiles(files []string) error {
	if len(files) == 0 {
		return nil
	}
	errs := make([]error, min(syncers, len(files)))
	var beside sync.WaitGroup
	for k := range errs {
		beside.Go(func() {
			for i := k; i < len(files); i += len(errs) {
				if err := syncFile(files[i]); err != nil && !errors.Is(err, os.ErrNotExist) {
					errs[k] = err
					return
				}
				proof.At("copies", "half kept")
			}
		})
	}
	beside.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return syncDir(filepath.Join(s.spool.dir, "l0"))
}

// keptHead is the head at a mark up to which all was kept.
func (s *Stream) keptHead(m db.Mark) (Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keptAt != m {
		return Head{}, fmt.Errorf("copies: the file at rest is not what was kept")
	}
	return s.atKeep, nil
}

// young is how long the segment that is being gathered may stay open.
func (s *Stream) young() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending.Count == 0 || s.bytes >= segmentBytes {
		return 0
	}
	return s.gather - s.now().Sub(s.since)
}

// run closes segments in time.
func (s *Stream) run() {
	for {
		select {
		case <-s.quit:
			return
		case <-s.wake:
		}
		for wait := s.young(); wait > 0; wait = s.young() { // it may have been closed for who waited, and another begun
			t := time.NewTimer(wait)
			select {
			case <-s.quit:
				t.Stop()
				return
			case <-t.C:
			case <-s.wake: // full, or just begun
				t.Stop()
			}
		}
		if _, err := s.Flush(); err != nil {
			s.log.Error("copies: a segment could not be written; it is tried again", "error", errors.Join(err, s.let()))
			select {
			case <-s.quit:
				return
			case <-time.After(time.Second):
				s.poke()
			}
		}
		s.mu.Lock()
		if s.pending.Count > 0 {
			s.poke()
		}
		s.mu.Unlock()
	}
}
