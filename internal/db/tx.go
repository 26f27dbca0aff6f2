package db

import (
	"context"
	"database/sql"
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// Q is what reading needs. *Tx and *Reader satisfy it.
type Q interface {
	Query(text string, args ...any) (*Rows, error)
	QueryRow(text string, args ...any) *Row
	// Now is the instant of this transaction.
	Now() time.Time
	// LegalNow is the clock of laws and prices: Now plus the shift a demo or a
	// test asked for. Validity of prices, VAT and campaigns, placement of
	// orders and legal periods use it; holds, sessions and jobs use Now.
	LegalNow() time.Time
	Engine() Engine
}

// conn is one connection with its prepared statements.
type conn struct {
	c     *sql.Conn
	e     Engine
	stmts map[string]*sql.Stmt
	told  func(text string) // Options.OnStatement
}

func (d *DB) conn(c *sql.Conn) *conn {
	return &conn{c: c, e: SQLite, stmts: map[string]*sql.Stmt{}, told: d.opt.OnStatement}
}

const maxStmts = 600 // per connection; statements are constants, so this is never reached but by IN lists

func (c *conn) stmt(text string) (*sql.Stmt, error) {
	if s, ok := c.stmts[text]; ok {
		return s, nil
	}
	s, err := c.c.PrepareContext(context.Background(), c.e.text(text))
	if err != nil {
		return nil, fmt.Errorf("%w in %.120q", err, text)
	}
	if c.told != nil {
		c.told(text)
	}
	if len(c.stmts) >= maxStmts {
		for k, old := range c.stmts {
			old.Close()
			delete(c.stmts, k)
		}
	}
	c.stmts[text] = s
	return s, nil
}

// close gives up the connection. Its statements go first: one that is left keeps SQLite's own
// connection, and so the file, its log and their locks, open behind the pool's back.
func (c *conn) close() {
	for _, s := range c.stmts {
		s.Close()
	}
	c.c.Close()
}

// core is what Tx and Reader share. Exactly one of c (SQLite) and pg is set.
type core struct {
	db    *DB
	c     *conn
	pg    *sql.Tx
	ctx   context.Context // PostgreSQL only
	now   time.Time
	until time.Time
	open  []*sql.Rows
}

// Query runs a statement that returns rows.
func (x *core) Query(text string, args ...any) (*Rows, error) {
	var rows *sql.Rows
	var err error
	x.db.work.statements.Add(1)
	if x.pg != nil {
		rows, err = x.pg.QueryContext(x.ctx, text, convert(args)...)
	} else {
		var s *sql.Stmt
		if s, err = x.c.stmt(text); err == nil {
			rows, err = s.QueryContext(context.Background(), convert(args)...)
		}
	}
	if err != nil {
		return nil, err
	}
	x.open = append(x.open, rows)
	return &Rows{rows: rows, until: x.until}, nil
}

// QueryRow runs a statement that returns one row.
func (x *core) QueryRow(text string, args ...any) *Row {
	rows, err := x.Query(text, args...)
	return &Row{rows: rows, err: err}
}

func (x *core) Now() time.Time      { return x.now }
func (x *core) LegalNow() time.Time { return x.now.Add(x.db.opt.LegalShift) }
func (x *core) Engine() Engine      { return x.db.engine }

// closeRows ends what the closure left open: an open cursor would hold the
// savepoint or the connection.
func (x *core) closeRows() {
	for _, r := range x.open {
		r.Close()
	}
	x.open = nil
}

// Reader is a snapshot.
type Reader struct{ core }

// Tx is a transaction that may write.
type Tx struct {
	core
	after   []func()
	changes []Change
	told    map[Change]bool // changes without their Seq
}

// Exec runs a statement and returns the number of rows it touched.
func (x *Tx) Exec(text string, args ...any) (int64, error) {
	var res sql.Result
	var err error
	x.db.work.statements.Add(1)
	if x.pg != nil {
		res, err = x.pg.ExecContext(x.ctx, text, convert(args)...)
	} else {
		var s *sql.Stmt
		if s, err = x.c.stmt(text); err == nil {
			res, err = s.ExecContext(context.Background(), convert(args)...)
		}
	}
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// ExecOne runs a statement that must touch exactly one row; ErrConflict if not.
// It is the conditional update by which contention is settled.
func (x *Tx) ExecOne(text string, args ...any) error {
	n, err := x.Exec(text, args...)
	if err != nil {
		return err
	}
	if n != 1 {
		return ErrConflict
	}
	return nil
}

// NewID makes a primary key.
func (x *Tx) NewID() ID { return x.db.ids.next() }

// AfterCommit runs fn in the writer's process once the commit stands. It wakes
// workers and drops cache entries; it must be quick and must not use tx.
func (x *Tx) AfterCommit(fn func()) { x.after = append(x.after, fn) }

// Changed tells the change feed of (entity, id), so that caches on this and on other
// nodes let go of it. The rows are written together when the closure has run, each
// thing once.
func (x *Tx) Changed(entity string, id ID) error {
	key := Change{Entity: entity, ID: id}
	if x.told[key] {
		return nil
	}
	if x.told == nil {
		x.told = map[Change]bool{}
	}
	x.told[key] = true
	x.changes = append(x.changes, Change{Seq: x.NewID(), Entity: entity, ID: id})
	return nil
}

// flush writes what Changed was told.
func (x *Tx) flush() error {
	for rest := x.changes; len(rest) > 0; {
		// Powers of two, so that there are few texts to prepare.
		n := 1 << min(6, bits.Len(uint(len(rest)))-1)
		var b strings.Builder
		args := make([]any, 0, 4*n)
		b.WriteString(`INSERT INTO db_change (id, entity, entity_id, at) VALUES `)
		for i, c := range rest[:n] {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("(" + Placeholders(4*i+1, 4) + ")")
			args = append(args, c.Seq, c.Entity, c.ID, x.now)
		}
		if _, err := x.Exec(b.String(), args...); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}
