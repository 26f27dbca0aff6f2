package audit

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

type randomReader struct{}

func (randomReader) Read(p []byte) (int, error) { return rand.Read(p) }

func mustKey(t *testing.T) string {
	t.Helper()
	k, _, err := note.GenerateKey(rand.Reader, "shop.example/log")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustTree(t *testing.T, l *Log, n int64, hash string) tlog.Tree {
	t.Helper()
	h, err := tlog.ParseHash(hash)
	if err != nil {
		t.Fatal(err)
	}
	return tlog.Tree{N: n, Hash: h}
}

// slowRoot is the Merkle tree hash as RFC 6962, section 2.1, writes it down.
func slowRoot(leaves [][]byte) [32]byte {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		a, b := slowRoot(leaves[:k]), slowRoot(leaves[k:])
		return sha256.Sum256(append(append([]byte{1}, a[:]...), b[:]...))
	}
}

// slowTile is tile level/n of full width or less, by the definition of tlog-tiles.
func slowTile(leaves [][]byte, level int, n int64) (out []byte) {
	span := int64(1) << (level * tileHeight)
	for i := n * tileWidth; i < (n+1)*tileWidth && (i+1)*span <= int64(len(leaves)); i++ {
		h := slowRoot(leaves[i*span : (i+1)*span])
		out = append(out, h[:]...)
	}
	return out
}

// The builder that verifies, and the tiles that are stored, are the tree of the slow twin,
// however it grew.
func TestTreeIsItsSlowTwin(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(1, 300), 1, 6).Draw(t, "steps")
		var leaves [][]byte
		var b builder
		uppers := map[tileKey][]byte{}
		b.full = func(level int, n int64, h tlog.Hash) {
			k := tileKey{level, n / tileWidth}
			uppers[k] = append(uppers[k], h[:]...)
		}
		err := db.Do(ctx, d, func(tx *db.Tx) error {
			if _, err := tx.Exec(`DELETE FROM audit_log_tile`); err != nil {
				return err
			}
			for _, n := range steps {
				size := int64(len(leaves))
				var hashes []tlog.Hash
				for range n {
					x := fmt.Appendf(nil, "leaf %d of %v", len(leaves), steps)
					leaves = append(leaves, x)
					hashes = append(hashes, tlog.RecordHash(x))
					b.add(tlog.RecordHash(x))
				}
				tree, err := newTiles(tx).add(tx, size, hashes)
				if err != nil {
					return err
				}
				want := slowRoot(leaves)
				if tree.N != int64(len(leaves)) || tree.Hash != want || b.root() != want {
					t.Fatalf("after %d leaves the tree is %v, the builder's %v, the twin's %x", len(leaves), tree, b.root(), want)
				}
			}
			tiles := newTiles(tx)
			if n, err := tiles.size(); err != nil || n != int64(len(leaves)) {
				t.Fatalf("%d %v", n, err)
			}
			for level := 0; level < 3; level++ {
				for n := int64(0); n < 10; n++ {
					have, err := tiles.read(tileKey{level, n})
					if err != nil {
						return err
					}
					if want := slowTile(leaves, level, n); !bytes.Equal(have, want) {
						t.Fatalf("tile %d/%d has %d hashes, the twin's %d", level, n, len(have)/32, len(want)/32)
					}
					if level > 0 && !bytes.Equal(uppers[tileKey{level, n}], have) {
						t.Fatalf("the builder tells other hashes of tile %d/%d", level, n)
					}
				}
			}
			// Proofs hold against the twin's root.
			root := tlog.Hash(slowRoot(leaves))
			i := rapid.Int64Range(0, int64(len(leaves))-1).Draw(t, "leaf")
			p, err := tlog.ProveRecord(int64(len(leaves)), i, tiles)
			if err != nil || tlog.CheckRecord(p, int64(len(leaves)), root, i, tlog.RecordHash(leaves[i])) != nil {
				t.Fatalf("leaf %d: %v", i, err)
			}
			q, err := tlog.ProveTree(int64(len(leaves)), i+1, tiles)
			if err != nil || tlog.CheckTree(q, int64(len(leaves)), root, i+1, tlog.Hash(slowRoot(leaves[:i+1]))) != nil {
				t.Fatalf("tree of %d: %v", i+1, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestBuilderOfNothing(t *testing.T) {
	var b builder
	if b.root() != slowRoot(nil) {
		t.Error(b.root())
	}
}

// What is served is the format: a client that knows nothing of us computes the tree and checks
// a proof.
func TestServedLog(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		l := openLog(t, d)
		get := func(path string) ([]byte, error) {
			return db.Read(ctx, d, func(q *db.Reader) ([]byte, error) { return l.Resource(q, path) })
		}
		if _, err := db.Read(ctx, d, func(q *db.Reader) (string, error) { return l.Checkpoint(q) }); !errors.Is(err, db.ErrNotFound) {
			t.Error(err)
		}
		if err := db.Do(ctx, d, func(tx *db.Tx) error {
			for i := range 300 {
				if err := Record(tx, entry(i)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		seal(t, l)
		text := checkpoint(t, l)
		lines := strings.Split(text, "\n")
		if len(lines) != 6 || lines[0] != "shop.example/log" || lines[1] != "300" || lines[3] != "" || !strings.HasPrefix(lines[4], "— shop.example/log ") {
			t.Fatalf("%q", text)
		}
		var leaves [][]byte
		for _, path := range []string{"tile/entries/000", "tile/entries/001.p/44"} {
			b, err := get(path)
			if err != nil {
				t.Fatal(path, err)
			}
			for len(b) > 0 {
				n := int(binary.BigEndian.Uint16(b))
				leaves = append(leaves, b[2:2+n])
				b = b[2+n:]
			}
		}
		if root := slowRoot(leaves); base64.StdEncoding.EncodeToString(root[:]) != lines[2] || len(leaves) != 300 {
			t.Errorf("%d entries make another root", len(leaves))
		}
		for path, want := range map[string][]byte{"tile/0/000": slowTile(leaves, 0, 0), "tile/0/001.p/44": slowTile(leaves, 0, 1), "tile/1/000.p/1": slowTile(leaves, 1, 0), "tile/0/001.p/7": slowTile(leaves, 0, 1)[:7*32], "tile/0/000.p/3": slowTile(leaves, 0, 0)[:96]} {
			if b, err := get(path); err != nil || !bytes.Equal(b, want) {
				t.Errorf("%s: %d bytes, %v", path, len(b), err)
			}
		}
		for _, path := range []string{"", "tile/", "tile/0/001", "tile/0/001.p/45", "tile/0/001.p/256", "tile/0/001.p/0", "tile/1/000", "tile/2/000.p/1", "tile/0/002.p/1", "tile/0/x000/000", "tile/00/000", "tile/0/0", "tile/63/000.p/1", "tile/64/000", "tile/-1/000", "tile/data/000", "tile/8/0/000",
			"tile/0/x999/x999/x999/x999/x999/x999/999", "tile/entries/002.p/1", "tile/entries/001", "tile/0/../0/000"} {
			if _, err := get(path); !errors.Is(err, db.ErrNotFound) {
				t.Errorf("%q: %v", path, err)
			}
		}
		// The proof of one row.
		es, err := db.Read(ctx, d, func(q *db.Reader) ([]Entry, error) { return List(q, Filter{}, 0, 7) })
		if err != nil {
			t.Fatal(err)
		}
		e := es[6]
		proof, err := db.Read(ctx, d, func(q *db.Reader) (string, error) { return l.Proof(q, e.ID) })
		if err != nil {
			t.Fatal(err)
		}
		head, body, ok := strings.Cut(proof, "\n\n")
		pl := strings.Split(head, "\n")
		data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(pl[1], "extra "))
		if !ok || err != nil || pl[0] != "c2sp.org/tlog-proof@v1" || pl[2] != fmt.Sprint("index ", e.Place) || body != text {
			t.Fatalf("%q %v", proof, err)
		}
		var p tlog.RecordProof
		for _, s := range pl[3:] {
			h, err := tlog.ParseHash(s)
			if err != nil {
				t.Fatal(err)
			}
			p = append(p, h)
		}
		root, _ := tlog.ParseHash(lines[2])
		if err := tlog.CheckRecord(p, 300, root, e.Place, tlog.RecordHash(data)); err != nil {
			t.Error(err)
		}
		if want := fmt.Sprintf("kassavalv/1 act %s %d %x\n", e.ID, e.At.UnixMicro(), e.digest()); string(data) != want {
			t.Errorf("%q, want %q", data, want)
		}
		if _, err := db.Read(ctx, d, func(q *db.Reader) (string, error) { return l.Proof(q, 77) }); !errors.Is(err, db.ErrNotFound) {
			t.Error(err)
		}
	})
}
