package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations are the tables of this room.
var Migrations = db.Migrations{Room: "file", FS: migrationsFS}

// MaxUpload is the most bytes one file may have.
const MaxUpload = 12 << 20

// Hash names a file: 64 lower-case hex digits of a SHA-256.
type Hash string

var hashForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParseHash reads the canonical form; a 404 fault for anything else.
func ParseHash(s string) (Hash, error) {
	if !hashForm.MatchString(s) {
		return "", fault.NotFound()
	}
	return Hash(s), nil
}

func hashOf(data []byte) Hash {
	h := sha256.Sum256(data)
	return Hash(hex.EncodeToString(h[:]))
}

// nameOf is the hash of data as a file of a kind. A staged upload may have the
// very bytes of a stored file; its name must not, or dropping it drops both.
func nameOf(kind string, data []byte) Hash {
	if kind != upload {
		return hashOf(data)
	}
	h := sha256.New()
	h.Write([]byte("kassavalv upload\x00"))
	h.Write(data)
	return Hash(hex.EncodeToString(h.Sum(nil)))
}

const (
	picture    = "picture"
	attachment = "attachment"
	upload     = "upload" // a picture as it came in, until its job has run
)

// Files is the room: rows in the database, bytes in the store.
type Files struct {
	d       *db.DB
	s       Store
	reading chan struct{} // uploads held in memory
	decode  chan struct{} // one picture at a time
	wait    time.Duration // how long a full house makes one wait
}

// New makes the room. Several programs may share a database and a store.
func New(d *db.DB, s Store) *Files {
	return &Files{d: d, s: s, reading: make(chan struct{}, 8), decode: make(chan struct{}, 1), wait: 10 * time.Second}
}

// PutAttachment stores bytes that the caller has sealed, at most MaxUpload, and
// returns their name. They are collected in seven days unless linked.
func (f *Files) PutAttachment(ctx context.Context, sealed []byte) (Hash, error) {
	if len(sealed) == 0 {
		return "", fault.Invalid(fault.Field{Pointer: "/file", Code: "required"})
	}
	if len(sealed) > MaxUpload {
		return "", tooLarge()
	}
	h := hashOf(sealed)
	return h, f.put(ctx, row{hash: h, kind: attachment, size: len(sealed)}, map[string][]byte{string(h): sealed})
}

// Attachment reads back what PutAttachment stored and proves it against its
// name. A 404 fault when there is none, or when h names a picture.
func (f *Files) Attachment(ctx context.Context, h Hash) ([]byte, error) {
	return f.raw(ctx, h, attachment)
}

func (f *Files) raw(ctx context.Context, h Hash, kind string) ([]byte, error) {
	if _, err := ParseHash(string(h)); err != nil {
		return nil, err
	}
	ok, err := db.Read(ctx, f.d, func(q *db.Reader) (bool, error) { return stored(q, h, kind) })
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.NotFound()
	}
	b, err := f.s.Get(ctx, string(h))
	if err != nil {
		return nil, fmt.Errorf("file: %s of kind %s: %w", h, kind, err)
	}
	defer b.Close()
	data, err := io.ReadAll(io.LimitReader(b, MaxUpload+1))
	if err != nil {
		return nil, err
	}
	if nameOf(kind, data) != h {
		return nil, fmt.Errorf("file: the bytes of %s are damaged", h)
	}
	return data, nil
}

type row struct {
	hash          Hash
	kind          string
	size          int
	width, height int
}

// put: row, bytes, stored. A file that is just being collected is waited for.
func (f *Files) put(ctx context.Context, r row, blobs map[string][]byte) error {
	deadline := time.Now().Add(f.wait)
	for {
		err := db.Do(ctx, f.d, func(tx *db.Tx) error {
			return tx.ExecOne(`INSERT INTO file_file (hash, kind, size, width, height, created, last_linked, state)
				VALUES ($1,$2,$3,$4,$5,$6,$6,'pending')
				ON CONFLICT (hash) DO UPDATE SET last_linked = excluded.last_linked
				WHERE file_file.state <> 'leaving' AND file_file.kind = excluded.kind`,
				string(r.hash), r.kind, r.size, r.width, r.height, tx.Now())
		})
		if err == nil {
			break
		}
		if !errors.Is(err, db.ErrConflict) {
			return err
		}
		if time.Now().After(deadline) {
			return fault.Busy("file_leaving", time.Minute)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	// Written even when the row was there: the crash may have come between.
	for key, data := range blobs {
		if err := f.s.Put(ctx, key, data); err != nil {
			return err
		}
	}
	return db.Do(ctx, f.d, func(tx *db.Tx) error {
		return tx.ExecOne(`UPDATE file_file SET state='stored' WHERE hash=$1 AND state IN ('pending','stored')`, string(r.hash))
	})
}

func stored(q db.Q, h Hash, kind string) (bool, error) {
	var one int64
	err := q.QueryRow(`SELECT 1 FROM file_file WHERE hash=$1 AND kind=$2 AND state='stored'`, string(h), kind).Scan(&one)
	if errors.Is(err, db.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Link says that a row of the caller now names h. It belongs in the transaction
// that writes that row: it takes the file's row, so that a collection running
// at the same time either sees the new row or has already made Link fail. A
// 404 fault when h is not stored.
func Link(tx *db.Tx, h Hash) error {
	if _, err := ParseHash(string(h)); err != nil {
		return err
	}
	err := tx.ExecOne(`UPDATE file_file SET last_linked=$2 WHERE hash=$1 AND state='stored' AND kind <> 'upload'`, string(h), tx.Now())
	if errors.Is(err, db.ErrConflict) {
		return fault.NotFound()
	}
	return err
}

// LinkPicture is Link for pictures; it returns the facts of the row.
func LinkPicture(tx *db.Tx, h Hash) (Picture, error) {
	p, err := Look(tx, h)
	if err != nil {
		return Picture{}, err
	}
	return p, Link(tx, h)
}

// Look returns a stored picture; a 404 fault when there is none.
func Look(q db.Q, h Hash) (Picture, error) {
	if _, err := ParseHash(string(h)); err != nil {
		return Picture{}, err
	}
	p := Picture{Hash: h}
	err := q.QueryRow(`SELECT width, height FROM file_file WHERE hash=$1 AND kind='picture' AND state='stored'`, string(h)).Scan(&p.Width, &p.Height)
	if errors.Is(err, db.ErrNotFound) {
		return Picture{}, fault.NotFound()
	}
	return p, err
}

// readAll reads an upload in full, at most limit bytes.
func readAll(head []byte, r io.Reader, limit int) ([]byte, error) {
	b := bytes.NewBuffer(head)
	if _, err := b.ReadFrom(io.LimitReader(r, int64(limit-len(head)+1))); err != nil {
		return nil, err
	}
	if b.Len() > limit {
		return nil, tooLarge()
	}
	return b.Bytes(), nil
}

func tooLarge() error {
	return &fault.Error{Kind: fault.TooLarge, Code: "file_too_large", Args: map[string]any{"max_mb": MaxUpload >> 20}}
}
