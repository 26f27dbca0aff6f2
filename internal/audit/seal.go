package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"kassavalv/internal/db"
)

// batch of one sealing transaction: two statements a leaf, a few tiles.
const batch = 400

// sealed is what one sealing transaction did.
type sealed struct {
	n          int
	tree       tlog.Tree
	checkpoint string // empty while what was before the log is taken in
}

// Seal gives waiting rows their place in the log, signs a checkpoint, and returns
// how many. A loop calls it each second. Two at the same time take turns. It signs
// nothing that does not continue what was signed: ErrBroken then.
func (l *Log) Seal(ctx context.Context) (int, error) {
	total := 0
	for {
		// A read first: most seconds there is nothing, and that costs no commit.
		waiting, err := db.Read(ctx, l.d, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM audit_log_leaf WHERE place IS NULL LIMIT 1) x`).Scan(&n)
			return
		})
		if err != nil || waiting == 0 {
			return total, err
		}
		last := l.signed()
		s, _, err := db.WriteBulk(ctx, l.d, func(tx *db.Tx) (sealed, error) { return l.sealSome(tx, last) })
		if err != nil {
			return total, err
		}
		total += s.n
		if s.checkpoint != "" {
			l.mu.Lock()
			if s.tree.N > l.last.N {
				l.last = s.tree
			}
			l.mu.Unlock()
			if l.o.Keep != nil {
				if err := l.o.Keep(s.checkpoint); err != nil {
					return total, fmt.Errorf("audit: the newest checkpoint could not be kept beside the database: %w", err)
				}
			}
		}
		if s.n < batch {
			return total, nil
		}
	}
}

func (l *Log) signed() tlog.Tree {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

func (l *Log) sealSome(tx *db.Tx, last tlog.Tree) (s sealed, err error) {
	// Sealers take turns by this row, on PostgreSQL too.
	if err := tx.ExecOne(`UPDATE audit_log_tree SET version=version+1 WHERE id=1`); err != nil {
		return s, err
	}
	old, _, err := l.newest(tx)
	if err != nil {
		return s, err
	}
	var signedAt int64
	if err := tx.QueryRow(`SELECT COALESCE(max(at), 0) FROM audit_log_checkpoint WHERE size=$1`, old.N).Scan(&signedAt); err != nil {
		return s, err
	}
	t := newTiles(tx)
	var size, unread int64
	if err := tx.QueryRow(`SELECT COALESCE(max(place)+1, 0) FROM audit_log_leaf`).Scan(&size); err != nil {
		return s, err
	}
	if err := tx.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM audit_log_leaf WHERE digest IS NULL LIMIT 1) x`).Scan(&unread); err != nil {
		return s, err
	}
	if err := l.standing(t, old, last, size, unread > 0); err != nil {
		return s, err
	}
	leaves, err := db.All(tx, scanLeaf, `SELECT id, kind, at, digest, COALESCE(place, -1) FROM audit_log_leaf WHERE place IS NULL ORDER BY id LIMIT $1`, batch)
	if err != nil || len(leaves) == 0 {
		return s, err
	}
	var hashes []tlog.Hash
	for i, x := range leaves {
		if leaves[i].fresh = x.digest != nil; x.digest == nil {
			if x.digest, err = digestOf(tx, x); err != nil {
				return s, err
			}
		}
		if err := tx.ExecOne(`UPDATE audit_log_leaf SET place=$2, digest=$3 WHERE id=$1 AND place IS NULL`, x.id, size+int64(i), x.digest); err != nil {
			return s, err
		}
		hashes = append(hashes, x.hash())
	}
	s.n = len(leaves)
	if s.tree, err = t.add(tx, size, hashes); err != nil {
		return s, err
	}
	if err := l.watch(tx, leaves, signedAt); err != nil {
		return s, err
	}
	if err := tx.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM audit_log_leaf WHERE digest IS NULL LIMIT 1) x`).Scan(&unread); err != nil || unread > 0 {
		return s, err
	}
	if s.checkpoint, err = l.sign(s.tree); err != nil {
		return s, err
	}
	if _, err := tx.Exec(`INSERT INTO audit_log_checkpoint (size, at, note) VALUES ($1,$2,$3)`, s.tree.N, tx.Now(), s.checkpoint); err != nil {
		return s, err
	}
	return s, thin(tx)
}

// standing refuses to continue anything but what was signed: the newest
// checkpoint, and the newest one this process knows of.
func (l *Log) standing(t *tiles, old, last tlog.Tree, size int64, taking bool) error {
	if old.N == 0 {
		// Nothing was signed yet. Leaves without a signature are right only while what was
		// before the log is taken in, or nothing is there.
		if last.N > 0 || size > 0 && !taking {
			return fmt.Errorf("%w: there are %d sealed rows and no checkpoint", ErrBroken, size)
		}
		return nil
	}
	if size != old.N {
		return fmt.Errorf("%w: %d rows are sealed, %d were signed", ErrBroken, size, old.N)
	}
	if have, err := t.tree(old.N); err != nil {
		return err
	} else if have != old {
		return fmt.Errorf("%w: the tree of size %d", ErrBroken, old.N)
	}
	if last.N > old.N {
		return fmt.Errorf("%w: it is shorter than it was", ErrBroken)
	}
	if last.N > 0 {
		if have, err := t.tree(last.N); err != nil {
			return err
		} else if have != last {
			return fmt.Errorf("%w: the tree of size %d is another than it was", ErrBroken, last.N)
		}
	}
	return nil
}

func scanLeaf(r *db.Rows) (x leaf, err error) {
	err = r.Scan(&x.id, &x.kind, &x.at, &x.digest, &x.place)
	return
}

// digestOf is the digest of a row that was there before the log.
func digestOf(q db.Q, x leaf) ([]byte, error) {
	if x.kind == leafAct {
		var e Entry
		es, err := db.All(q, func(r *db.Rows) (e Entry, err error) { err = scan(r, &e); return }, `SELECT `+columns+` FROM audit_entry e WHERE e.id=$1`, x.id)
		if err == nil && len(es) == 1 {
			e = es[0]
		}
		return e.digest(), err // of nothing, for a row that is gone: Verify says so
	}
	as, err := db.All(q, scanSalted, `SELECT `+accessColumns+`, salt FROM audit_access WHERE id=$1`, x.id)
	if err != nil || len(as) != 1 {
		return Access{}.digest(nil), err
	}
	return as[0].digest(as[0].salt), nil
}

type salted struct {
	Access
	salt []byte
}

func scanSalted(r *db.Rows) (a salted, err error) {
	var kinds string
	err = r.Scan(&a.ID, &a.At, &a.ActorKind, &a.ActorID, &a.ActorName, &a.Person, &kinds, &a.Entity, &a.EntityID, &a.Reason, &a.salt)
	a.Kinds = strings.Fields(kinds)
	return
}

// thin drops the checkpoint before the newest, unless it was the first of its hour or
// somebody cosigned it: one a second would be more than the log itself. What a
// dropped one says is said by its successors.
func thin(tx *db.Tx) error {
	type point struct{ size, hour int64 }
	ps, err := db.All(tx, func(r *db.Rows) (p point, err error) {
		var at time.Time
		err = r.Scan(&p.size, &at)
		p.hour = at.Unix() / 3600
		return
	}, `SELECT size, at FROM audit_log_checkpoint ORDER BY size DESC LIMIT 3`)
	if err != nil || len(ps) < 3 || ps[1].hour != ps[2].hour {
		return err
	}
	_, err = tx.Exec(`DELETE FROM audit_log_checkpoint WHERE size=$1 AND NOT EXISTS (SELECT 1 FROM audit_log_cosignature c WHERE c.size=audit_log_checkpoint.size)`, ps[1].size)
	return err
}

// Size is the number of leaves of the newest checkpoint.
func (l *Log) Size(q db.Q) (int64, error) {
	t, _, err := l.newest(q)
	if errors.Is(err, ErrBroken) {
		return 0, err
	}
	return t.N, err
}
