package db

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"kassavalv/internal/proof"
)

// Tap is handed the pages of every commit of the SQLite writer, so that copies of the
// database can be made without a second party at its log. It is told in the order of the
// log, each commit once, on the writer's goroutine.
type Tap interface {
	// Attach is told, before any connection opens the file, what lies there: the file and
	// the commits a stopped process left in the log. An error keeps the database shut.
	Attach(b Base) error
	// Commit is told what was committed. The pages are the tap's to keep. It SHOULD return
	// at once; callers of Write wait for it.
	Commit(c Commit)
	// Kept returns the mark up to which the tap has everything on disk by itself; the log
	// is not emptied before that. Called often, it must not wait.
	Kept() Mark
	// Keep waits until everything told is on disk. Called when the log has grown too far, or
	// is long and the tap has nearly all of it, and before the database closes.
	Keep() error
	// Behind is told that a commit could not be read back from the log, or, with nil, that
	// all have been since. What is not told before the database closes is missing from the
	// copies, which Attach sees at the next start.
	Behind(err error)
}

// Mark is a place in SQLite's write-ahead log, just after a commit.
type Mark struct {
	Salt   uint64 // of this run of the log; another number after each time it began anew
	Offset int64  // of the byte after the commit's last frame; 0: before the first
}

// Page is one page of the database file, numbered from 1.
type Page struct {
	No   uint32
	Data []byte
}

// Commit is one or more commits to the file.
type Commit struct {
	Pos   Pos    // of the last of them; 0 for what was found in the log at the start
	Count int    // how many
	Pages []Page // each changed page once, as the last commit left it, in order of number
	Size  uint32 // of the database in pages, after them
	Mark  Mark   // after them
}

// Base is a database file that nobody has opened yet.
type Base struct {
	PageSize int         // in bytes; 0 for an empty file
	Pages    uint32      // of the file itself
	File     io.ReaderAt // the file itself, without the log
	// Log holds the commits that the log has beyond the file, or that both have, in order.
	Log []Commit
	// Start is the mark before the first of them.
	Start Mark
}

// Frozen is the database file at rest: it holds everything up to Mark, and nothing is
// written to it while the function given to Freeze runs.
type Frozen struct {
	PageSize int
	Pages    uint32
	File     io.ReaderAt
	Mark     Mark
	Pos      Pos
	path     string
}

// logLimit is the size in bytes at which the log is moved into the file, which is what
// SQLite does by itself; logFull the size at which the writer waits for the tap.
const (
	logLimit = 4 << 20
	logFull  = 64 << 20
	// From logLong on the writer waits for a tap that has all but logNear on disk, which is
	// soon done: a busy shop is never at the point where the tap has everything.
	logLong = 16 << 20
	logNear = 8 << 20
	logNext = 1 << 20 // a reader stood in the way: it is tried again so much later
)

// tapped is the writer's side of a Tap.
type tapped struct {
	tap    Tap
	file   *os.File // SQLite's locks are this process's: closing it before SQLite does would drop them
	wal    *os.File
	log    walReader
	told   Mark
	tried  Mark // where the tap was last made to keep
	size   uint32
	frozen bool
	// telling is held from before a commit until the tap has been told of it: in between,
	// readers see what no copy knows.
	telling sync.Mutex
	behind  bool // the last tell failed: the log must stay as it is; under telling
}

// resetFixed is the first SQLite without a fault in the reset of the log that loses commits
// (https://sqlite.org/wal.html, "the WAL-reset bug"); copies made beside it could be wrong.
var resetFixed = [3]int{3, 51, 3}

// tooOld reports whether a version of SQLite comes before resetFixed, or cannot be read.
func tooOld(version string) bool {
	var v [3]int
	if n, err := fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2]); n != 3 || err != nil {
		return true
	}
	return slices.Compare(v[:], resetFixed[:]) < 0
}

// openTap tells the tap what lies there, before any connection opens it.
func (d *DB) openTap() error {
	t := &tapped{tap: d.opt.Tap}
	fail := func(err error) error {
		t.close()
		return err
	}
	var err error
	if t.file, err = os.Open(d.opt.Path); err != nil {
		return err
	}
	if err := d.settleMode(t.file); err != nil {
		return fail(err)
	}
	st, err := t.file.Stat()
	if err != nil {
		return fail(err)
	}
	b := Base{File: t.file}
	if st.Size() > 0 {
		var head [100]byte
		if _, err := t.file.ReadAt(head[:], 0); err != nil {
			return fail(fmt.Errorf("the file is damaged: %w", err))
		}
		if b.PageSize = int(binary.BigEndian.Uint16(head[16:])); b.PageSize == 1 {
			b.PageSize = 1 << 16
		}
		if string(head[:16]) != "SQLite format 3\x00" || b.PageSize < 512 || b.PageSize&(b.PageSize-1) != 0 {
			return fail(errors.New("the file is damaged: it does not begin as a database"))
		}
		b.Pages = uint32(st.Size() / int64(b.PageSize))
	}
	if t.wal, err = os.OpenFile(d.opt.Path+"-wal", os.O_RDONLY, 0); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fail(err)
	}
	if t.wal != nil {
		if b.Log, err = t.log.all(t.wal); err != nil {
			return fail(err)
		}
		b.Start = Mark{Salt: t.log.salt}
		if n := len(b.Log); n > 0 {
			t.told, t.size = b.Log[n-1].Mark, b.Log[n-1].Size
		} else {
			t.told = b.Start
		}
	}
	if t.size == 0 {
		t.size = b.Pages
	}
	if err := t.tap.Attach(b); err != nil {
		return fail(err)
	}
	d.tapped = t
	return nil
}

// settleMode brings a file that is not in WAL mode, as VACUUM INTO and other programs leave
// it, into that mode, and undoes what a journal beside it tells to undo. Both change the
// file itself, which no tap would be told of later.
func (d *DB) settleMode(f *os.File) error {
	var head [20]byte
	if n, err := f.ReadAt(head[:], 0); n < len(head) {
		if errors.Is(err, io.EOF) {
			return nil // empty, or no database: openTap says it
		}
		return err
	}
	st, err := os.Stat(d.opt.Path + "-journal")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if string(head[:16]) != "SQLite format 3\x00" || head[18] == 2 && head[19] == 2 && (err != nil || st.Size() == 0) {
		return nil
	}
	c, err := sql.Open("sqlite", address(d.opt.Path)+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetMaxOpenConns(1)
	var mode string
	if err := c.QueryRow("PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file stays in mode %q", mode)
	}
	return nil
}

func (t *tapped) close() {
	if t.file != nil {
		t.file.Close()
	}
	if t.wal != nil {
		t.wal.Close()
	}
}

// closeTap lets go of the file, after SQLite has.
func (d *DB) closeTap() {
	if d.tapped != nil {
		d.tapped.close()
	}
}

// tell hands the tap what was committed since the last time.
func (d *DB) tell() error {
	t := d.tapped
	if t == nil {
		return nil
	}
	t.telling.Lock()
	defer t.telling.Unlock()
	return d.tellHeld(t)
}

// ErrUntold is returned while a commit could not be read back for the tap.
var ErrUntold = errors.New("db: a commit could not be read back for the copies yet")

// Told returns when the tap has been told of everything that a reader can have seen until
// now. Whoever promises something that was read, because copies have it, MUST ask first.
func (d *DB) Told() error {
	t := d.tapped
	if t == nil {
		return nil
	}
	t.telling.Lock()
	defer t.telling.Unlock()
	if t.behind {
		return ErrUntold
	}
	return nil
}

// tellHeld is tell under telling.
func (d *DB) tellHeld(t *tapped) error {
	proof.At("db", "untold")
	err := d.tellNew(t)
	if (err != nil) != t.behind {
		t.behind = err != nil
		t.tap.Behind(err)
	}
	return err
}

func (d *DB) tellNew(t *tapped) error {
	if t.wal == nil {
		f, err := os.Open(d.opt.Path + "-wal")
		if err != nil {
			return err
		}
		t.wal = f
	}
	c, err := t.log.next(t.wal)
	if err != nil {
		return fmt.Errorf("db: the log cannot be read back: %w", err)
	}
	if c.Count == 0 {
		return nil
	}
	c.Pos = Pos(d.pos.Load())
	t.told, t.size = c.Mark, c.Size
	t.tap.Commit(c)
	return nil
}

// settleLog moves the log into the file when it is long enough and the tap has it on disk.
func (d *DB) settleLog(c *conn) {
	t := d.tapped
	if t == nil || t.frozen || t.told.Offset < logLimit || d.Told() != nil {
		return
	}
	if k := t.tap.Kept(); k != t.told {
		near := t.told.Offset >= logLong && k.Salt == t.told.Salt && t.told.Offset-k.Offset <= logNear
		again := t.tried.Salt == t.told.Salt && t.told.Offset < t.tried.Offset+logNext
		if (!near || again) && t.told.Offset < logFull || t.tap.Keep() != nil {
			return
		}
		t.tried = t.told
	}
	c.exec("PRAGMA wal_checkpoint(PASSIVE)")
}

// freeze is a request to the writer.
type freeze struct {
	thaw  bool
	reply chan frozenReply
}

type frozenReply struct {
	f   Frozen
	ok  bool
	err error
}

// Freeze runs fn while the database file is at rest: reading and writing go on, writes stay
// in the log until fn has ended. One at a time. SQLite with a Tap only.
func (d *DB) Freeze(ctx context.Context, fn func(f Frozen) error) error {
	if d.tapped == nil {
		return errors.New("db: nothing copies this database")
	}
	d.freezeMu.Lock()
	defer d.freezeMu.Unlock()
	ask := func(thaw bool) (frozenReply, error) {
		q := freeze{thaw: thaw, reply: make(chan frozenReply, 1)}
		select {
		case d.freezes <- q:
			r := <-q.reply
			return r, r.err
		case <-d.done:
			return frozenReply{}, ErrClosed
		}
	}
	for {
		r, err := ask(false)
		if err != nil {
			return err
		}
		if r.ok {
			err := fn(r.f)
			_, terr := ask(true)
			return errors.Join(err, terr)
		}
		select { // a reader stood on an older commit; none lives longer than readLimit
		case <-ctx.Done():
			return ctx.Err()
		case <-d.done:
			return ErrClosed
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// onFreeze answers a request, on the writer's goroutine between two groups.
func (d *DB) onFreeze(c *conn, q freeze) {
	t := d.tapped
	if q.thaw {
		t.frozen = false
		q.reply <- frozenReply{}
		return
	}
	r := frozenReply{}
	if r.err = d.tell(); r.err == nil {
		r.err = t.tap.Keep()
	}
	if r.err == nil {
		var done bool
		if done, r.err = d.checkpoint(c, "FULL"); r.err == nil && done {
			t.frozen, r.ok = true, true
			r.f = Frozen{PageSize: t.log.pageSize, Pages: t.size, File: t.file, Mark: t.told, Pos: Pos(d.pos.Load()), path: d.opt.Path}
			if r.f.PageSize == 0 {
				r.err = c.c.QueryRowContext(context.Background(), "PRAGMA page_size").Scan(&r.f.PageSize)
			}
		}
	}
	q.reply <- r
}

// checkpoint reports whether the whole log stands in the file. It waits a moment for
// readers, not as long as a reader may live.
func (d *DB) checkpoint(c *conn, mode string) (done bool, err error) {
	c.exec("PRAGMA busy_timeout=100")
	defer c.exec("PRAGMA busy_timeout=10000")
	var busy, log, moved int
	if err := c.c.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &log, &moved); err != nil {
		return false, err
	}
	return busy == 0 && log == moved, nil
}
