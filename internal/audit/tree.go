package audit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"kassavalv/internal/db"
)

// tileHeight of C2SP tlog-tiles: a full tile is 256 hashes, 8,192 bytes.
const tileHeight = 8

const tileWidth = 1 << tileHeight

// tiles reads hashes of the tree from its tiles, and holds those that are being added.
type tiles struct {
	q     db.Q
	fresh map[int64]tlog.Hash
	kept  map[tileKey][]byte
}

type tileKey struct {
	level int
	n     int64
}

func newTiles(q db.Q) *tiles {
	return &tiles{q: q, fresh: map[int64]tlog.Hash{}, kept: map[tileKey][]byte{}}
}

// read is the stored tile as it is, empty where there is none.
func (t *tiles) read(k tileKey) ([]byte, error) {
	if d, ok := t.kept[k]; ok {
		return d, nil
	}
	var d []byte
	err := t.q.QueryRow(`SELECT data FROM audit_log_tile WHERE level=$1 AND n=$2`, k.level, k.n).Scan(&d)
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return nil, err
	}
	t.kept[k] = d
	return d, nil
}

// ReadHashes makes tiles a tlog.HashReader.
func (t *tiles) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if h, ok := t.fresh[x]; ok {
			out[i] = h
			continue
		}
		tile := tlog.TileForIndex(tileHeight, x)
		d, err := t.read(tileKey{tile.L, tile.N})
		if err != nil {
			return nil, err
		}
		tile.W = len(d) / tlog.HashSize
		if tile.W == 0 || tile.W > tileWidth || len(d)%tlog.HashSize != 0 {
			return nil, fmt.Errorf("%w: tile %d/%d", ErrBroken, tile.L, tile.N)
		}
		if out[i], err = tlog.HashFromTile(tile, d, x); err != nil {
			return nil, fmt.Errorf("%w: tile %d/%d", ErrBroken, tile.L, tile.N)
		}
	}
	return out, nil
}

// add puts leaves at the end of a tree of size and returns the tree. The tiles that
// grew are written.
func (t *tiles) add(tx *db.Tx, size int64, hashes []tlog.Hash) (tlog.Tree, error) {
	for i, h := range hashes {
		n := size + int64(i)
		more, err := tlog.StoredHashesForRecordHash(n, h, t)
		if err != nil {
			return tlog.Tree{}, err
		}
		for j, x := range more {
			t.fresh[tlog.StoredHashIndex(0, n)+int64(j)] = x
		}
	}
	end := size + int64(len(hashes))
	// From the last to the first: a partial tile of the old tree's and the full one
	// that took its place are the same row.
	grown := tlog.NewTiles(tileHeight, size, end)
	slices.Reverse(grown)
	done := map[tileKey]bool{}
	for _, g := range grown {
		k := tileKey{g.L, g.N}
		if done[k] {
			continue
		}
		done[k] = true
		d, err := tlog.ReadTileData(g, t)
		if err != nil {
			return tlog.Tree{}, err
		}
		if _, err := tx.Exec(`INSERT INTO audit_log_tile (level, n, data) VALUES ($1,$2,$3) ON CONFLICT (level, n) DO UPDATE SET data=excluded.data`, g.L, g.N, d); err != nil {
			return tlog.Tree{}, err
		}
	}
	return t.tree(end)
}

// tree is the tree of the first n leaves.
func (t *tiles) tree(n int64) (tlog.Tree, error) {
	h, err := tlog.TreeHash(n, t)
	return tlog.Tree{N: n, Hash: h}, err
}

// size is the number of hashes in the lowest tiles.
func (t *tiles) size() (int64, error) {
	var n int64
	var d []byte
	err := t.q.QueryRow(`SELECT n, data FROM audit_log_tile WHERE level=0 ORDER BY n DESC LIMIT 1`).Scan(&n, &d)
	if errors.Is(err, db.ErrNotFound) {
		return 0, nil
	}
	return n*tileWidth + int64(len(d)/tlog.HashSize), err
}

// builder computes the tree anew, leaf by leaf, as RFC 6962 (2.1) has it, with nothing but
// the peaks of the perfect subtrees in memory.
type builder struct {
	n     int64
	peaks []tlog.Hash // from the largest subtree to the smallest
	// full is told each hash of a tile above the lowest: its level, its number there.
	full func(level int, n int64, h tlog.Hash)
}

func (b *builder) add(h tlog.Hash) {
	n := b.n
	b.n++
	for height := 1; n&1 == 1; height++ {
		h = tlog.NodeHash(b.peaks[len(b.peaks)-1], h)
		b.peaks = b.peaks[:len(b.peaks)-1]
		n >>= 1
		if b.full != nil && height%tileHeight == 0 {
			b.full(height/tileHeight, n, h)
		}
	}
	b.peaks = append(b.peaks, h)
}

func (b *builder) root() tlog.Hash {
	if len(b.peaks) == 0 {
		h, _ := tlog.TreeHash(0, nil)
		return h
	}
	h := b.peaks[len(b.peaks)-1]
	for i := len(b.peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(b.peaks[i], h)
	}
	return h
}

func sameHash(stored []byte, h tlog.Hash) bool { return bytes.Equal(stored, h[:]) }
