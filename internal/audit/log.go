package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"kassavalv/internal/db"
)

// ErrBroken is returned by Seal when the sealed part of the log is not what was
// signed. Nothing is signed from then on: a signature over it would make it good.
var ErrBroken = errors.New("audit: the log is not what was signed; run kassavalv audit verify")

// Keys makes the log's signer and verifier for its origin.
type Keys func(origin string) (note.Signer, note.Verifier, error)

// Options of a Log.
type Options struct {
	// Origin is the log's name where it has none yet: a host and a path without
	// scheme, spaces or plus signs, as "shop.example/log". Once a log is named it keeps
	// its name, whatever address the shop gets later.
	Origin string
	Keys   Keys
	// Kept is the newest checkpoint that was kept outside the database, or empty.
	// Keep is told each new one.
	Kept string
	Keep func(checkpoint string) error
	// Witnesses are the verifier keys of cosigners whose signatures are checked.
	Witnesses []note.Verifier
	Watch     Watch
}

// Log is the transparency log over acts and readings. Safe for concurrent use.
type Log struct {
	d        *db.DB
	o        Options
	origin   string
	signer   note.Signer
	verifier note.Verifier
	strange  bool // what was kept outside the database is not of this log

	mu   sync.Mutex
	last tlog.Tree // the newest tree that this process signed or was told of
}

// OpenLog names the log where it has no name and returns it.
func OpenLog(ctx context.Context, d *db.DB, o Options) (*Log, error) {
	l := &Log{d: d, o: o}
	origin, _, err := db.Write(ctx, d, func(tx *db.Tx) (name string, err error) {
		if _, err := tx.Exec(`UPDATE audit_log_tree SET version=version+1, origin=CASE WHEN origin='' THEN $1 ELSE origin END WHERE id=1`, o.Origin); err != nil {
			return "", err
		}
		err = tx.QueryRow(`SELECT origin FROM audit_log_tree WHERE id=1`).Scan(&name)
		return
	})
	if err != nil {
		return nil, err
	}
	if origin == "" || strings.ContainsAny(origin, " +\n") {
		return nil, fmt.Errorf("audit: %q is no name for a log", origin)
	}
	l.origin = origin
	if l.signer, l.verifier, err = o.Keys(origin); err != nil {
		return nil, err
	}
	if o.Kept != "" {
		// One that is not ours is a finding of Verify, no reason not to sell.
		if l.last, _, err = l.parse(o.Kept); err != nil {
			l.last, l.strange = tlog.Tree{}, true
		}
	}
	return l, nil
}

// Origin is the name of the log.
func (l *Log) Origin() string { return l.origin }

// parse checks our signature on a checkpoint (c2sp.org/tlog-checkpoint) and
// returns its tree and its note.
func (l *Log) parse(text string) (tlog.Tree, *note.Note, error) {
	n, err := note.Open([]byte(text), note.VerifierList(l.verifier))
	if err != nil {
		return tlog.Tree{}, nil, err
	}
	t, err := parseTree(l.origin, n.Text)
	return t, n, err
}

// parseTree reads the body of a checkpoint of this origin, without extension lines.
func parseTree(origin, body string) (t tlog.Tree, err error) {
	lines := strings.Split(body, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != origin {
		return t, errors.New("audit: not a checkpoint of this log")
	}
	// In one way only: no sign, no leading zero.
	if _, err := fmt.Sscanf(lines[1], "%d", &t.N); err != nil || t.N < 0 || fmt.Sprint(t.N) != lines[1] {
		return t, errors.New("audit: bad size of a tree")
	}
	t.Hash, err = tlog.ParseHash(lines[2])
	if err != nil || t.Hash.String() != lines[2] {
		return t, errors.New("audit: bad hash of a tree")
	}
	return t, nil
}

// sign makes the checkpoint of a tree.
func (l *Log) sign(t tlog.Tree) (string, error) {
	b, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", l.origin, t.N, t.Hash)}, l.signer)
	return string(b), err
}

// newest is the newest checkpoint; size 0 where there is none. The signature is checked.
func (l *Log) newest(q db.Q) (tlog.Tree, string, error) {
	var size int64
	var text string
	err := q.QueryRow(`SELECT size, note FROM audit_log_checkpoint ORDER BY size DESC LIMIT 1`).Scan(&size, &text)
	if errors.Is(err, db.ErrNotFound) {
		return tlog.Tree{}, "", nil
	}
	if err != nil {
		return tlog.Tree{}, "", err
	}
	t, _, err := l.parse(text)
	if err != nil || t.N != size {
		return t, text, fmt.Errorf("%w: the checkpoint of size %d", ErrBroken, size)
	}
	return t, text, nil
}
