package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the "pgx" driver

	"kassavalv/internal/proof"
)

// Options say which database to open.
type Options struct {
	// Path of the SQLite file; used when URL is empty.
	Path string
	// URL of a PostgreSQL database (postgres://…).
	URL string
	// Create allows making a SQLite file that is not there. Only init, demo and
	// tests set it: a shop whose file is gone must not start empty.
	Create bool
	// Readers bounds concurrent readers (SQLite) or connections (PostgreSQL);
	// 0 picks twice the cores, or 16 connections.
	Readers int
	// LegalShift moves LegalNow.
	LegalShift time.Duration
	// Existing refuses a database that holds nothing: a shop whose keys are there
	// must find its data, and never begin anew beside them.
	Existing bool
	// CheckFile runs SQLite's quick_check at open whatever the file's size; set after
	// an unclean stop. Files up to 64 MiB are always checked: it takes no time.
	CheckFile bool
	// OnStatement is told each statement that a SQLite connection prepares, so
	// once a connection, from several goroutines: tests read the plans of all.
	OnStatement func(text string)
	// Tap is handed every commit of a SQLite database, for copies of it.
	Tap Tap
	// Fill marks a PostgreSQL database as one that is being filled, before any table of a room is there. Until Filled
	// takes the mark away nobody opens it without Fill: what was broken off is no shop.
	Fill bool
}

// Pos is a commit position: on SQLite the number of the group commit in this
// file, rising by one; on PostgreSQL a number that rises in this process.
type Pos int64

// DB is the door. Safe for concurrent use.
type DB struct {
	opt      Options
	engine   Engine
	ids      ids
	w        *sql.DB // SQLite: one connection; PostgreSQL: the pool
	r        *sql.DB
	readers  chan *conn
	settle   chan chan error // Checkpoint
	freezes  chan freeze
	tapped   *tapped // nil without Options.Tap
	tasks    chan *task
	bulk     chan *task
	quit     chan struct{}
	done     chan struct{}
	closed   atomic.Bool
	pos      atomic.Int64
	bulkMu   sync.Mutex // PostgreSQL: one bulk write at a time
	freezeMu sync.Mutex
	feed     feed
	away     away
	work     struct{ statements, transactions atomic.Int64 }
}

const readLimit = 5 * time.Second

// checkAlways is the size in bytes up to which a SQLite file is checked at every
// start.
const checkAlways = 64 << 20

// ErrEmpty is returned by Open with Options.Existing for a database without a shop.
var ErrEmpty = errors.New("db: this database holds nothing")

// Open opens or creates the database. It makes only its own tables; Migrate
// makes the rooms'.
func Open(ctx context.Context, opt Options) (*DB, error) {
	d := &DB{opt: opt, quit: make(chan struct{}), done: make(chan struct{}), settle: make(chan chan error), freezes: make(chan freeze)}
	d.feed.init()
	var err error
	if opt.URL != "" {
		err = d.openPostgres(ctx)
	} else {
		err = d.openSQLite(ctx)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Engine tells which engine is behind.
func (d *DB) Engine() Engine { return d.engine }

// LegalNow is the clock of laws and prices outside a transaction.
func (d *DB) LegalNow() time.Time { return time.Now().Add(d.opt.LegalShift) }

// Work counts what was asked of the database since the start: statements, and
// transactions begun for a Write or a Read. On PostgreSQL each statement is a
// round trip, and a transaction two more.
func (d *DB) Work() (statements, transactions int64) {
	return d.work.statements.Load(), d.work.transactions.Load()
}

// NewID makes a primary key outside a transaction (for a key that must be
// known before the write).
func (d *DB) NewID() ID { return d.ids.next() }

func (d *DB) openSQLite(ctx context.Context) error {
	d.engine = SQLite
	if d.opt.Path == "" {
		return errors.New("db: neither path nor URL given")
	}
	if _, err := os.Stat(d.opt.Path); err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if !d.opt.Create {
			return fmt.Errorf("db: %s: %w", d.opt.Path, os.ErrNotExist)
		}
		f, err := os.OpenFile(d.opt.Path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		f.Close()
	}
	if d.opt.Tap != nil { // first of all: the last connection that closes empties the log
		if err := d.openTap(); err != nil {
			return fmt.Errorf("db: %s: %w", d.opt.Path, err)
		}
	}
	if err := d.inspect(ctx); err != nil {
		d.closeTap()
		return fmt.Errorf("db: %s: %w", d.opt.Path, err)
	}
	v := url.Values{}
	// FULL: an acknowledged purchase survives power loss, not only a crash.
	for _, p := range []string{"journal_mode(WAL)", durability(), "foreign_keys(ON)", "busy_timeout(10000)",
		"secure_delete(ON)", "temp_store(MEMORY)", "cache_size(-32000)", "journal_size_limit(67108864)"} {
		v.Add("_pragma", p)
	}
	if runtime.GOOS == "darwin" {
		v.Add("_pragma", "fullfsync(ON)")
	}
	if d.tapped != nil { // the log is emptied by the writer alone, when the tap has it
		v.Add("_pragma", "wal_autocheckpoint(0)")
	}
	v.Set("_txlock", "immediate")
	var err error
	if d.w, err = sql.Open("sqlite", address(d.opt.Path)+"?"+v.Encode()); err != nil {
		d.closeTap()
		return err
	}
	d.w.SetMaxOpenConns(1)
	wc, err := d.w.Conn(ctx)
	if err != nil {
		d.w.Close()
		d.closeTap()
		return fmt.Errorf("db: cannot open %s: %w", d.opt.Path, err)
	}
	fail := func(err error) error {
		wc.Close()
		d.w.Close()
		d.closeTap()
		return fmt.Errorf("db: %s: %w", d.opt.Path, err)
	}
	if d.tapped != nil {
		var v string
		if err := wc.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&v); err != nil {
			return fail(err)
		}
		if tooOld(v) {
			return fail(fmt.Errorf("this SQLite is %s: copies need 3.51.3 or newer", v))
		}
	}
	for _, s := range groundDDL {
		if _, err := wc.ExecContext(ctx, d.engine.ddl(s)); err != nil {
			return fail(err)
		}
	}
	var pos int64
	if err := wc.QueryRowContext(ctx, `SELECT value FROM db_meta WHERE name='pos'`).Scan(&pos); err != nil {
		return fail(err)
	}
	d.pos.Store(pos)
	if err := d.tell(); err != nil {
		return fail(err)
	}
	d.ids.node = 1
	// Readers: query_only, so a reading closure cannot write by mistake.
	rv := url.Values{}
	for _, p := range []string{"busy_timeout(10000)", "query_only(ON)", "temp_store(MEMORY)", "cache_size(-16000)", "mmap_size(268435456)"} {
		rv.Add("_pragma", p)
	}
	if d.r, err = sql.Open("sqlite", address(d.opt.Path)+"?"+rv.Encode()); err != nil {
		return fail(err)
	}
	n := d.opt.Readers
	if n <= 0 {
		n = max(4, 2*runtime.NumCPU())
	}
	d.r.SetMaxOpenConns(n)
	d.readers = make(chan *conn, n)
	for range n {
		c, err := d.r.Conn(ctx)
		if err != nil {
			d.r.Close()
			return fail(err)
		}
		d.readers <- d.conn(c)
	}
	d.tasks, d.bulk = make(chan *task, 1024), make(chan *task, 64)
	go d.writer(d.conn(wc))
	return nil
}

// inspect looks at the file before anything may write to it, so that a damaged one is
// left as it was found.
func (d *DB) inspect(ctx context.Context) error {
	st, err := os.Stat(d.opt.Path)
	if err != nil {
		return err
	}
	if st.Size() == 0 && !d.opt.Existing {
		return nil // just made
	}
	ro, err := sql.Open("sqlite", readOnly(d.opt.Path))
	if err != nil {
		return err
	}
	defer ro.Close()
	ro.SetMaxOpenConns(1)
	if d.opt.Existing {
		if is, err := d.engine.hasTable(ctx, ro, "db_migration"); err != nil {
			return err
		} else if !is {
			return ErrEmpty
		}
	}
	if d.opt.CheckFile || st.Size() <= checkAlways {
		var res string
		if err := ro.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&res); err != nil {
			return err
		}
		if res != "ok" {
			return fmt.Errorf("the file is damaged: %s", res)
		}
	}
	return nil
}

func (d *DB) openPostgres(ctx context.Context) error {
	d.engine = Postgres
	var err error
	if d.w, err = sql.Open("pgx", d.opt.URL); err != nil {
		return fmt.Errorf("db: DATABASE_URL: %w", redactURL(err))
	}
	n := d.opt.Readers
	if n <= 0 {
		n = 16
	}
	d.w.SetMaxOpenConns(n)
	d.w.SetMaxIdleConns(n)
	d.r = d.w
	fail := func(err error) error {
		d.w.Close()
		return fmt.Errorf("db: postgres: %w", redactURL(err))
	}
	if err := d.w.PingContext(ctx); err != nil {
		return fail(err)
	}
	if !d.opt.Fill {
		if err := filled(ctx, d.w); err != nil {
			return fail(err)
		}
	}
	if d.opt.Existing {
		if is, err := d.engine.hasTable(ctx, d.w, "db_migration"); err != nil {
			return fail(err)
		} else if !is {
			return fail(ErrEmpty)
		}
	}
	ground := groundDDL
	if d.opt.Fill {
		ground = append(slices.Clone(ground[:1]), append([]string{beginFill}, ground[1:]...)...)
	}
	for _, s := range ground {
		if _, err := d.w.ExecContext(ctx, d.engine.ddl(s)); err != nil && !IsUnique(err) {
			return fail(err)
		}
	}
	// Nodes take turns through 1..1023, so that living processes differ.
	if err := d.w.QueryRowContext(ctx, `UPDATE db_meta SET value = (value % 1023) + 1 WHERE name='node' RETURNING value`).Scan(&d.ids.node); err != nil {
		return fail(err)
	}
	go d.poll()
	return nil
}

// redactURL keeps a password in a connection error out of logs and pages.
func redactURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return errors.New("cannot read the address")
	}
	return err
}

var groundDDL = []string{
	`CREATE TABLE IF NOT EXISTS db_meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT`,
	`INSERT INTO db_meta (name, value) VALUES ('pos', 0), ('node', 0) ON CONFLICT (name) DO NOTHING`,
	`CREATE TABLE IF NOT EXISTS db_migration (room TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, applied_at INTEGER NOT NULL, PRIMARY KEY (room, version)) STRICT`,
	`CREATE TABLE IF NOT EXISTS db_change (id INTEGER PRIMARY KEY, entity TEXT NOT NULL, entity_id INTEGER NOT NULL, at INTEGER NOT NULL) STRICT`,
}

// Checkpoint moves what stands in SQLite's write-ahead log into the file itself, so
// that damage to the log cannot take it back. It waits for readers; call it when a
// great piece of work is done and nobody reads yet. On PostgreSQL it does nothing.
func (d *DB) Checkpoint(ctx context.Context) error {
	if d.engine == Postgres {
		return nil
	}
	answer := make(chan error, 1)
	select {
	case d.settle <- answer:
		return <-answer
	case <-ctx.Done():
		return ctx.Err()
	case <-d.done:
		return ErrClosed
	}
}

// Close stops the writer after what is queued and closes all connections.
func (d *DB) Close() error {
	if !d.closed.CompareAndSwap(false, true) {
		return nil
	}
	close(d.quit)
	<-d.done
	if d.engine == Postgres {
		return d.w.Close()
	}
	for range cap(d.readers) {
		c := <-d.readers
		c.close()
	}
	err := errors.Join(d.r.Close(), d.w.Close())
	d.closeTap()
	return err
}

// PanicError is a panic inside a closure, with its stack for the log.
type PanicError struct {
	Value any
	Stack []byte
}

func (p *PanicError) Error() string { return "db: panic in a transaction: " + Fallen(p.Value) }

// Fallen is what a log may say of the value of a panic: the runtime's own words, which
// name types and numbers, and of any other value its type alone. Whoever panics with a
// text of his own may have quoted a person in it; where it happened says the stack.
func Fallen(v any) string {
	if e, ok := v.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("a value of type %T", v)
}

// guard runs fn and turns a panic into an error.
func guard(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return fn()
}

// Write runs fn in a transaction and returns its value, the commit position
// and an error. See the package comment for what fn may do.
func Write[T any](ctx context.Context, d *DB, fn func(tx *Tx) (T, error)) (T, Pos, error) {
	return write(ctx, d, fn, false)
}

// WriteBulk is Write in the low-priority lane: imports, re-sealing, sweeps. At
// most one such closure is in a group commit.
func WriteBulk[T any](ctx context.Context, d *DB, fn func(tx *Tx) (T, error)) (T, Pos, error) {
	return write(ctx, d, fn, true)
}

// Do is Write for closures without a value.
func Do(ctx context.Context, d *DB, fn func(tx *Tx) error) error {
	_, _, err := Write(ctx, d, func(tx *Tx) (struct{}, error) { return struct{}{}, fn(tx) })
	return err
}

func write[T any](ctx context.Context, d *DB, fn func(tx *Tx) (T, error), low bool) (T, Pos, error) {
	var zero, out T
	run := func(tx *Tx) error {
		v, err := fn(tx)
		out = v
		return err
	}
	if err := ctx.Err(); err != nil {
		return zero, 0, err
	}
	if d.closed.Load() {
		return zero, 0, ErrClosed
	}
	d.work.transactions.Add(1)
	var pos Pos
	var err error
	if d.engine == Postgres {
		pos, err = d.writePostgres(ctx, run, low)
	} else {
		pos, err = d.submit(ctx, run, low)
	}
	if err != nil {
		return zero, 0, d.met(err)
	}
	return out, pos, nil
}

// attempt is one write without what tells of trouble.
func (d *DB) attempt(run func(*Tx) error) (Pos, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if d.engine == Postgres {
		return d.writePostgres(ctx, run, false)
	}
	return d.submit(ctx, run, false)
}

// durability is FULL: a commit is answered when the disk has it.
func durability() string {
	if proof.Broken("sync") {
		return "synchronous(OFF)"
	}
	return "synchronous(FULL)"
}

func (d *DB) writePostgres(ctx context.Context, run func(*Tx) error, low bool) (Pos, error) {
	if low {
		d.bulkMu.Lock()
		defer d.bulkMu.Unlock()
	}
	var last error
	for try := range 12 {
		if try > 0 {
			select {
			case <-ctx.Done():
				return 0, ctx.Err()
			case <-time.After(time.Duration(try*try) * time.Millisecond):
			}
		}
		pos, err := d.oncePostgres(ctx, run)
		if err == nil {
			return pos, nil
		}
		if !retryable(err) {
			return 0, err
		}
		last = err
	}
	return 0, last
}

func (d *DB) oncePostgres(ctx context.Context, run func(*Tx) error) (Pos, error) {
	// As on SQLite: the caller's cancellation counts until a connection is
	// there; a commit is never cut in the middle.
	c, err := d.w.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	bg := context.WithoutCancel(ctx)
	pg, err := c.BeginTx(bg, nil)
	if err != nil {
		return 0, err
	}
	tx := &Tx{core: core{db: d, pg: pg, ctx: bg, now: time.Now().UTC().Truncate(time.Microsecond)}}
	err = guard(func() error { return run(tx) })
	tx.closeRows()
	if err == nil {
		err = tx.flush()
	}
	if err != nil {
		pg.Rollback()
		return 0, err
	}
	if err := pg.Commit(); err != nil {
		return 0, err
	}
	pos := Pos(d.pos.Add(1))
	d.committed(tx)
	return pos, nil
}

// committed runs what waits for the commit.
func (d *DB) committed(tx *Tx) {
	for _, fn := range tx.after {
		guard(func() error { fn(); return nil })
	}
	d.feed.publish(tx.changes)
}

// Read runs fn on one snapshot.
func Read[T any](ctx context.Context, d *DB, fn func(q *Reader) (T, error)) (T, error) {
	var zero T
	if d.closed.Load() {
		return zero, ErrClosed
	}
	d.work.transactions.Add(1)
	now := time.Now().UTC().Truncate(time.Microsecond)
	if d.engine == Postgres {
		rctx, cancel := context.WithTimeout(ctx, readLimit)
		defer cancel()
		pg, err := d.r.BeginTx(rctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
		if err != nil {
			return zero, d.met(err)
		}
		defer pg.Rollback()
		q := &Reader{core{db: d, pg: pg, ctx: rctx, now: now, until: now.Add(readLimit)}}
		var out T
		err = guard(func() (err error) { out, err = fn(q); return })
		q.closeRows()
		if err != nil {
			return zero, d.met(err)
		}
		return out, nil
	}
	var c *conn
	select {
	case c = <-d.readers:
	default:
		select {
		case c = <-d.readers:
		case <-ctx.Done():
			return zero, ctx.Err()
		case <-d.quit:
			return zero, ErrClosed
		}
	}
	defer func() { d.readers <- c }()
	if err := c.exec("BEGIN"); err != nil {
		return zero, err
	}
	q := &Reader{core{db: d, c: c, now: now, until: now.Add(readLimit)}}
	var out T
	err := guard(func() (err error) { out, err = fn(q); return })
	q.closeRows()
	if e := c.exec("ROLLBACK"); e != nil && err == nil {
		err = e
	}
	if err != nil {
		return zero, err
	}
	return out, nil
}

func (c *conn) exec(text string) error {
	s, err := c.stmt(text)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(context.Background())
	return err
}

// address is a path as SQLite wants it in a URI. What means something there is escaped: a
// folder called "nr#2" would else end at the #, and the database lie beside it.
func address(path string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}
