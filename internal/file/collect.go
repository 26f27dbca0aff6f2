package file

import (
	"context"
	"errors"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Keep is how long an unlinked file stays.
const Keep = 7 * 24 * time.Hour

// Keeper tells which of these files a room still names. It is asked inside the
// transaction that would give them up, and reads through q alone.
type Keeper func(q db.Q, hashes []Hash) (map[Hash]bool, error)

// Collected is what a collection did.
type Collected struct {
	Files   int // files removed
	Orphans int // names without a row removed
}

const collectChunk = 100

// Collect removes files that were last linked more than Keep ago and that no
// keeper claims, and blobs that have been without a row for as long. It
// finishes what an earlier run left half done. Every room that stores hashes
// MUST have its keeper here, or it loses its files.
func (f *Files) Collect(ctx context.Context, keepers ...Keeper) (Collected, error) {
	var out Collected
	if len(keepers) == 0 {
		return out, errors.New("file: Collect without keepers would remove everything")
	}
	for {
		marked, _, err := db.WriteBulk(ctx, f.d, func(tx *db.Tx) (int, error) { return mark(tx, keepers) })
		if err != nil {
			return out, err
		}
		n, err := f.finish(ctx)
		out.Files += n
		if err != nil || marked == 0 {
			if err == nil {
				out.Orphans, err = f.orphans(ctx)
			}
			return out, err
		}
	}
}

// mark takes a chunk of old files; those still claimed are given another Keep.
// It returns how many rows it looked at. The update comes first: it takes the
// rows, and a Link that comes later waits and then finds them leaving.
func mark(tx *db.Tx, keepers []Keeper) (int, error) {
	old, err := db.All(tx, func(r *db.Rows) (h Hash, err error) {
		err = r.Scan((*string)(&h))
		return
	}, `UPDATE file_file SET state='leaving' WHERE hash IN (
		SELECT hash FROM file_file WHERE last_linked < $1 AND state <> 'leaving' ORDER BY last_linked LIMIT $2)
		AND last_linked < $1 AND state <> 'leaving' RETURNING hash`, tx.Now().Add(-Keep), collectChunk)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	for _, k := range keepers {
		claimed, err := k(tx, old)
		if err != nil {
			return 0, err
		}
		for h, yes := range claimed {
			if !yes {
				continue
			}
			if _, err := tx.Exec(`UPDATE file_file SET state='stored', last_linked=$2 WHERE hash=$1 AND state='leaving'`, string(h), tx.Now()); err != nil {
				return 0, err
			}
		}
	}
	return len(old), nil
}

// finish deletes the bytes of marked files, then their rows.
func (f *Files) finish(ctx context.Context) (int, error) {
	type gone struct {
		h    Hash
		kind string
	}
	total := 0
	for {
		left, err := db.Read(ctx, f.d, func(q *db.Reader) ([]gone, error) {
			return db.All(q, func(r *db.Rows) (g gone, err error) {
				err = r.Scan((*string)(&g.h), &g.kind)
				return
			}, `SELECT hash, kind FROM file_file WHERE state='leaving' ORDER BY hash LIMIT $1`, collectChunk)
		})
		if err != nil || len(left) == 0 {
			return total, err
		}
		for _, g := range left {
			for _, key := range keysOf(g.h, g.kind) {
				if err := f.s.Delete(ctx, key); err != nil {
					return total, err
				}
			}
			if err := db.Do(ctx, f.d, func(tx *db.Tx) error {
				_, err := tx.Exec(`DELETE FROM file_file WHERE hash=$1 AND state='leaving'`, string(g.h))
				return err
			}); err != nil {
				return total, err
			}
			total++
		}
	}
}

// orphans gives blobs without a row (leftovers of a database restored to an
// earlier day) a row that is leaving, and finishes those: so a put of the same
// bytes at the same time waits instead of losing them.
func (f *Files) orphans(ctx context.Context) (int, error) {
	total := 0
	var batch []Info
	flush := func() error {
		n, _, err := db.WriteBulk(ctx, f.d, func(tx *db.Tx) (int64, error) {
			var n int64
			for _, i := range batch {
				kind := attachment
				if len(i.Key) > 64 {
					kind = picture
				}
				m, err := tx.Exec(`INSERT INTO file_file (hash, kind, size, width, height, created, last_linked, state)
					VALUES ($1,$2,$3,0,0,$4,$4,'leaving') ON CONFLICT (hash) DO NOTHING`, i.Key[:64], kind, max(i.Size, 1), tx.Now())
				if err != nil {
					return 0, err
				}
				n += m
			}
			return n, nil
		})
		batch = batch[:0]
		if err != nil || n == 0 {
			return err
		}
		total += int(n)
		_, err = f.finish(ctx)
		return err
	}
	before := time.Now().Add(-Keep)
	err := f.s.List(ctx, func(i Info) error {
		if i.Modified.After(before) {
			return nil
		}
		if batch = append(batch, i); len(batch) < collectChunk {
			return nil
		}
		return flush()
	})
	if err == nil && len(batch) > 0 {
		err = flush()
	}
	return total, err
}

// Remove deletes an attachment at once, for an erasure. A 404 fault, which the
// caller may take as done, when there is none.
func (f *Files) Remove(ctx context.Context, h Hash) error {
	return f.remove(ctx, h, attachment)
}

func (f *Files) remove(ctx context.Context, h Hash, kind string) error {
	if _, err := ParseHash(string(h)); err != nil {
		return err
	}
	n, _, err := db.Write(ctx, f.d, func(tx *db.Tx) (int64, error) {
		return tx.Exec(`UPDATE file_file SET state='leaving' WHERE hash=$1 AND kind=$2`, string(h), kind)
	})
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.NotFound()
	}
	_, err = f.finish(ctx)
	return err
}

func keysOf(h Hash, kind string) []string {
	if kind != picture {
		return []string{string(h)}
	}
	var out []string
	for _, w := range Widths {
		out = append(out, renditionKey(h, w))
	}
	return out
}

// Names lists the blobs that the shop has had since before a time, by the keys they have in
// the store. It reads all files: for a copy that was restored, not for a page.
func Names(q db.Q, before time.Time) (out []string, err error) {
	rows, err := db.All(q, func(r *db.Rows) (x [2]string, err error) { err = r.Scan(&x[0], &x[1]); return },
		`SELECT hash, kind FROM file_file WHERE state='stored' AND created < $1 ORDER BY hash`, before)
	for _, x := range rows {
		out = append(out, keysOf(Hash(x[0]), x[1])...)
	}
	return out, err
}
