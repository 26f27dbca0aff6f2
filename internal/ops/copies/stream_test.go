package copies_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/superfly/ltx"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
)

// world is a database with a stream, as a shop has them.
type world struct {
	t      *testing.T
	dir    string
	d      *db.DB
	stream *copies.Stream
	r      *rand.Rand
	// states are the whole contents by commit position: the slow and obviously right model.
	states map[db.Pos]string
}

func newWorld(t *testing.T, seed int64) *world { return newWorldAt(t, seed, t.TempDir()) }

func newWorldAt(t *testing.T, seed int64, dir string) *world {
	w := &world{t: t, dir: dir, r: rand.New(rand.NewSource(seed)), states: map[db.Pos]string{}}
	w.open()
	w.do(func(tx *db.Tx) error {
		_, err := tx.Exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT`)
		return err
	})
	t.Cleanup(func() { w.close() })
	return w
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func (w *world) path() string { return filepath.Join(w.dir, "shop.db") }

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.stream, err = copies.OpenStream(filepath.Join(w.dir, "copies"), quiet()); err != nil {
		w.t.Fatal(err)
	}
	if w.d, err = db.Open(context.Background(), db.Options{Path: w.path(), Create: true, Tap: w.stream}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	if w.d == nil {
		return
	}
	w.d.Close()
	w.stream.Close()
	w.d = nil
}

func (w *world) do(fn func(tx *db.Tx) error) db.Pos {
	w.t.Helper()
	_, pos, err := db.Write(context.Background(), w.d, func(tx *db.Tx) (int, error) { return 0, fn(tx) })
	if err != nil {
		w.t.Fatal(err)
	}
	w.states[pos] = contentsOf(w.t, w.d)
	return pos
}

// some writes something random.
func (w *world) some() db.Pos {
	return w.do(func(tx *db.Tx) error {
		id, n := w.r.Int63n(200), 1+w.r.Intn(200)
		if w.r.Intn(10) == 0 {
			n = 30_000
		}
		var err error
		if w.r.Intn(5) == 0 {
			_, err = tx.Exec(`DELETE FROM t WHERE id BETWEEN $1 AND $2`, id, id+w.r.Int63n(40))
		} else {
			_, err = tx.Exec(`INSERT INTO t (id, s) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET s=excluded.s`, id, letters(w.r, n))
		}
		return err
	})
}

func letters(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + r.Intn(26))
	}
	return string(b)
}

// read asks again what the shop was too slow to answer: a machine that leaves a test no
// processor for seconds ends a reader as it should, and says nothing of the copies.
func read[T any](d *db.DB, fn func(q *db.Reader) (T, error)) (out T, err error) {
	for range 12 {
		if out, err = db.Read(context.Background(), d, fn); !errors.Is(err, db.ErrTooLong) {
			break
		}
	}
	return
}

// contentsOf is a hash over all rows.
func contentsOf(t *testing.T, d *db.DB) string {
	t.Helper()
	type row struct {
		id int64
		s  string
	}
	rows, err := read(d, func(q *db.Reader) ([]row, error) {
		return db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.s); return }, `SELECT id, s FROM t ORDER BY id`)
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := newSum()
	for _, r := range rows {
		sum.row(r.id, r.s)
	}
	return sum.String()
}

// sum is the contents of the table in few bytes.
type sum struct{ hash.Hash }

func newSum() sum { return sum{sha256.New()} }

func (s sum) row(id int64, text string) { fmt.Fprintf(s, "%d:%d:%s", id, len(text), text) }

func (s sum) String() string { return hex.EncodeToString(s.Sum(nil)) }

// apply puts a segment over an image, as plainly as can be.
func apply(t *testing.T, image []byte, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := ltx.NewDecoder(f)
	if err := d.DecodeHeader(); err != nil {
		t.Fatal(err)
	}
	h := d.Header()
	size := int(h.PageSize)
	need := int(h.Commit) * size
	for len(image) < need {
		image = append(image, make([]byte, need-len(image))...)
	}
	image = image[:need]
	page := make([]byte, size)
	for {
		var p ltx.PageHeader
		if err := d.DecodePage(&p, page); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		copy(image[int(p.Pgno-1)*size:], page)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	sum, err := ltx.ChecksumReader(bytes.NewReader(image), size)
	if err != nil || sum != d.Trailer().PostApplyChecksum {
		t.Fatalf("%s: the database sums to %s, not %s, %v", filepath.Base(path), sum, d.Trailer().PostApplyChecksum, err)
	}
	return image
}

// opened is the contents of an image.
func opened(t *testing.T, image []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(p, image, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(context.Background(), db.Options{Path: p, CheckFile: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	return contentsOf(t, d)
}

// The segments of the spool, put over each other, are the database at every step, through
// stops in order, stops without order, and losses of the newest segments.
func TestSegmentsAreTheDatabase(t *testing.T) {
	for seed := range int64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed)
			if err := w.stream.Keep(); err != nil { // or all could be lost, and the row begin anew
				t.Fatal(err)
			}
			for range 6 {
				for range 1 + w.r.Intn(40) {
					w.some()
					if w.r.Intn(3) == 0 {
						if _, err := w.stream.Flush(); err != nil {
							t.Fatal(err)
						}
					}
				}
				switch w.r.Intn(3) {
				case 0: // a stop in order
					w.close()
					w.open()
				case 1: // the machine stops: what is on disk is all there is
					w.crash(0)
				case 2: // and loses what was never synced
					w.crash(1 + w.r.Intn(3))
				}
			}
			w.some()
			h, err := w.stream.Flush()
			if err != nil {
				t.Fatal(err)
			}
			segs, whole := w.stream.After(0)
			if !whole || len(segs) == 0 || segs[len(segs)-1].Max != h.TX {
				t.Fatalf("%d segments, whole %v, head %d", len(segs), whole, h.TX)
			}
			var image []byte
			for _, g := range segs {
				image = apply(t, image, w.file(g))
			}
			if got, want := opened(t, image), contentsOf(t, w.d); got != want {
				t.Fatal("the segments are another database")
			}
		})
	}
}

func (w *world) file(g copies.Segment) string {
	return filepath.Join(w.dir, "copies", "spool", fmt.Sprintf("l%d", g.Level), ltx.FormatFilename(ltx.TXID(g.Min), ltx.TXID(g.Max)))
}

// crash copies the folder at one moment while the process runs, goes on in the copy, and
// removes segments there that no disk had to have.
func (w *world) crash(lost int) {
	w.t.Helper()
	to := w.t.TempDir()
	kept := w.copyTo(to)
	w.close()
	w.wake(to, kept, lost)
}

// copyTo copies the folder while no segment is written, and tells up to where the spool is
// on disk. Nobody may be writing, or freezing, the database.
func (w *world) copyTo(to string) (kept db.Mark) {
	w.t.Helper()
	if err := w.stream.Still(func() error {
		kept = w.stream.Kept()
		return os.CopyFS(to, os.DirFS(w.dir))
	}); err != nil {
		w.t.Fatal(err)
	}
	return kept
}

// wake goes on in a folder that a machine left when it stopped.
func (w *world) wake(to string, kept db.Mark, lost int) {
	w.t.Helper()
	w.dir = to
	es, err := filepath.Glob(filepath.Join(to, "copies", "spool", "l0", "*.ltx"))
	if err != nil {
		w.t.Fatal(err)
	}
	salt := logSalt(w.t, w.path())
	for i := len(es) - 1; i >= 0 && lost > 0; i-- {
		b, err := os.ReadFile(es[i])
		if err != nil || len(b) < 72 {
			break
		}
		of, end := binary.BigEndian.Uint64(b[64:]), int64(binary.BigEndian.Uint64(b[48:])+binary.BigEndian.Uint64(b[56:]))
		if of != salt || of == kept.Salt && end <= kept.Offset {
			break // its commits are in the file, or may be, so it was synced
		}
		if w.r.Intn(3) == 0 {
			continue // the disk had this one
		}
		if w.r.Intn(2) == 0 {
			os.Remove(es[i])
		} else {
			os.WriteFile(es[i], make([]byte, 100), 0o600)
		}
		lost--
	}
	w.open()
}

// logSalt is that of the log's header, as in a segment: the log begins with what came after
// all segments of other salts.
func logSalt(t *testing.T, path string) uint64 {
	t.Helper()
	b, err := os.ReadFile(path + "-wal")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if len(b) < 32 {
		return 0
	}
	return binary.BigEndian.Uint64(b[16:])
}
