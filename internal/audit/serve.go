package audit

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"kassavalv/internal/db"
)

// Checkpoint is the newest checkpoint with the cosignatures that came for it, as
// c2sp.org/tlog-checkpoint has it. db.ErrNotFound before the first.
func (l *Log) Checkpoint(q db.Q) (string, error) {
	t, text, err := l.newest(q)
	if err != nil {
		return "", err
	}
	if t.N == 0 {
		return "", db.ErrNotFound
	}
	lines, err := cosignatures(q, t.N)
	return text + strings.Join(lines, ""), err
}

// Cosigned is the largest checkpoint that somebody has cosigned, with all its lines.
// db.ErrNotFound where there is none.
func (l *Log) Cosigned(q db.Q) (string, error) {
	var size int64
	var text string
	err := q.QueryRow(`SELECT p.size, p.note FROM audit_log_cosignature c JOIN audit_log_checkpoint p ON p.size=c.size ORDER BY c.size DESC LIMIT 1`).Scan(&size, &text)
	if err != nil {
		return "", err
	}
	lines, err := cosignatures(q, size)
	return text + strings.Join(lines, ""), err
}

// Resource is what stands at a path of c2sp.org/tlog-tiles: "tile/0/x001/067",
// "tile/1/000.p/5", "tile/entries/000.p/12". db.ErrNotFound for every other path, and for
// tiles that the newest checkpoint does not reach. full: it never changes.
func (l *Log) Resource(q db.Q, path string) (data []byte, err error) {
	t, ok := parseTile(path)
	if !ok {
		return nil, db.ErrNotFound
	}
	head, _, err := l.newest(q)
	if err != nil {
		return nil, err
	}
	level := max(t.L, 0)
	if level*tileHeight >= 63 || t.N > head.N || t.N*tileWidth+int64(t.W) > head.N>>(level*tileHeight) {
		return nil, db.ErrNotFound
	}
	if t.L < 0 {
		return l.bundle(q, t.N*tileWidth, t.N*tileWidth+int64(t.W))
	}
	d, err := newTiles(q).read(tileKey{t.L, t.N})
	if err != nil {
		return nil, err
	}
	if len(d) < t.W*tlog.HashSize {
		return nil, fmt.Errorf("%w: tile %d/%d", ErrBroken, t.L, t.N)
	}
	return d[:t.W*tlog.HashSize], nil
}

// parseTile reads a path in its one form. sumdb's own paths name the height, and say
// data where tlog-tiles says entries.
func parseTile(path string) (tlog.Tile, bool) {
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return tlog.Tile{}, false
	}
	if r, ok := strings.CutPrefix(rest, "entries/"); ok {
		rest = "data/" + r
	} else if strings.HasPrefix(rest, "data/") {
		return tlog.Tile{}, false
	}
	t, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", tileHeight, rest))
	return t, err == nil
}

// bundle is the log entries from place to place, each with its length in two bytes.
func (l *Log) bundle(q db.Q, from, to int64) ([]byte, error) {
	leaves, err := db.All(q, scanLeaf, `SELECT id, kind, at, digest, place FROM audit_log_leaf WHERE place >= $1 AND place < $2 ORDER BY place`, from, to)
	if err != nil {
		return nil, err
	}
	if int64(len(leaves)) != to-from {
		return nil, fmt.Errorf("%w: leaves %d to %d", ErrBroken, from, to)
	}
	var out []byte
	for _, x := range leaves {
		d := x.data()
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(d))), d...)
	}
	return out, nil
}

// Proof is that a row is in the log, as a file that anyone can check without us
// (c2sp.org/tlog-proof). Extra data is the leaf, from which its hash is computed. db.ErrNotFound for a row that is
// not in the log, or has no place yet.
func (l *Log) Proof(q db.Q, id db.ID) (string, error) {
	var x leaf
	err := q.QueryRow(`SELECT id, kind, at, digest, place FROM audit_log_leaf WHERE id=$1 AND place IS NOT NULL`, id).Scan(&x.id, &x.kind, &x.at, &x.digest, &x.place)
	if err != nil {
		return "", err
	}
	head, _, err := l.newest(q)
	if err != nil {
		return "", err
	}
	if x.place >= head.N {
		return "", db.ErrNotFound
	}
	t := newTiles(q)
	p, err := tlog.ProveRecord(head.N, x.place, t)
	if err != nil {
		return "", err
	}
	if err := tlog.CheckRecord(p, head.N, head.Hash, x.place, x.hash()); err != nil {
		return "", fmt.Errorf("%w: place %d", ErrBroken, x.place)
	}
	text, err := l.Checkpoint(q)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "c2sp.org/tlog-proof@v1\nextra %s\nindex %d\n", base64.StdEncoding.EncodeToString(x.data()), x.place)
	for _, h := range p {
		b.WriteString(h.String() + "\n")
	}
	b.WriteString("\n" + text)
	return b.String(), nil
}

// Consistency proves that the tree of size from is the beginning of the newest one
// (RFC 6962, 2.1.2). db.ErrNotFound for a size that the log has not reached.
func (l *Log) Consistency(q db.Q, from int64) (tlog.Tree, tlog.TreeProof, error) {
	head, _, err := l.newest(q)
	if err != nil {
		return head, nil, err
	}
	if from < 1 || from > head.N {
		return head, nil, db.ErrNotFound
	}
	p, err := tlog.ProveTree(head.N, from, newTiles(q))
	return head, p, err
}

// compareTree says whether t is the beginning of the log.
func (l *Log) compareTree(q db.Q, t tlog.Tree) error {
	head, p, err := l.Consistency(q, t.N)
	if errors.Is(err, db.ErrNotFound) {
		return ErrInconsistent
	}
	if err != nil {
		return err
	}
	if tlog.CheckTree(p, head.N, head.Hash, t.N, t.Hash) != nil {
		return ErrInconsistent
	}
	return nil
}
