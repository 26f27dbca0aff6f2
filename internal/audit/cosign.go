package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"kassavalv/internal/db"
)

// What AddCosignature answers for what it does not take.
var (
	// ErrInconsistent: the checkpoint is signed by us and no beginning of the log. One of the
	// two is false, which the owner must know of.
	ErrInconsistent = errors.New("audit: the checkpoint is no beginning of the log")
	ErrCosignature  = errors.New("audit: no cosignature that can be taken")
)

// Bounds of what is kept of a checkpoint: c2sp.org/signed-note asks for at least 16.
const (
	maxCosigners = 16
	maxNote      = 64 << 10
)

// Signature types of c2sp.org/signed-note that are cosignatures, and the bytes after the
// key id: a time in 8 bytes and the signature.
const (
	cosignEd25519 = 0x04
	sizeEd25519   = 8 + ed25519.SignatureSize
	sizeMLDSA44   = 8 + 2420
)

// AddCosignature keeps the cosignature lines of a checkpoint (c2sp.org/tlog-cosignature):
// a statement of another machine that it saw the log grow and never change. The text is a
// whole checkpoint with our signature, of a tree that is the beginning of the
// log. The lines of a witness whose key is configured are checked, and only those are taken where any is;
// otherwise they are kept as they came. It returns how many were new. ErrForeign for a checkpoint that is not
// ours, ErrInconsistent, ErrCosignature where no line is one.
func (l *Log) AddCosignature(tx *db.Tx, text string) (int, error) {
	if len(text) > maxNote {
		return 0, ErrCosignature
	}
	t, n, err := l.parse(text)
	if err != nil {
		return 0, ErrForeign
	}
	// Against two that come at the same time, and the sealer's thinning.
	if err := tx.ExecOne(`UPDATE audit_log_tree SET version=version+1 WHERE id=1`); err != nil {
		return 0, err
	}
	if t.N < 1 {
		return 0, ErrInconsistent
	}
	if err := l.compareTree(tx, t); err != nil {
		return 0, err
	}
	own, err := l.sign(t)
	if err != nil {
		return 0, err
	}
	took, fit := 0, 0
	for _, s := range n.UnverifiedSigs {
		if !l.acceptable(n.Text, s, tx.Now()) {
			continue
		}
		fit++
		var have int
		if err := tx.QueryRow(`SELECT count(*) FROM audit_log_cosignature WHERE size=$1`, t.N).Scan(&have); err != nil {
			return took, err
		}
		if have >= maxCosigners {
			break
		}
		// Ours was thinned out perhaps; a signature by Ed25519 is the same each time.
		if _, err := tx.Exec(`INSERT INTO audit_log_checkpoint (size, at, note) VALUES ($1,$2,$3) ON CONFLICT (size) DO NOTHING`, t.N, leafTime(tx, t.N), own); err != nil {
			return took, err
		}
		k, err := tx.Exec(`INSERT INTO audit_log_cosignature (size, name, key_id, line, at) VALUES ($1,$2,$3,$4,$5) ON CONFLICT (size, name, key_id) DO NOTHING`,
			t.N, s.Name, int64(s.Hash), fmt.Sprintf("— %s %s\n", s.Name, s.Base64), tx.Now())
		if err != nil {
			return took, err
		}
		took += int(k)
	}
	if fit == 0 {
		return 0, ErrCosignature
	}
	return took, nil
}

// leafTime is when the last leaf of a tree was written: not later than its checkpoint.
func leafTime(q db.Q, size int64) any {
	var at int64
	if q.QueryRow(`SELECT at FROM audit_log_leaf WHERE place=$1`, size-1).Scan(&at) != nil {
		return int64(0)
	}
	return at
}

func (l *Log) acceptable(body string, s note.Signature, now time.Time) bool {
	raw, err := base64.StdEncoding.DecodeString(s.Base64)
	if err != nil || s.Name == l.origin || len(s.Name) > 200 {
		return false
	}
	raw = raw[min(4, len(raw)):]
	if len(raw) != sizeEd25519 && len(raw) != sizeMLDSA44 {
		return false
	}
	if at := binary.BigEndian.Uint64(raw); at > uint64(now.Add(10*time.Minute).Unix()) {
		return false
	}
	for _, w := range l.o.Witnesses {
		if w.Name() == s.Name && w.KeyHash() == s.Hash {
			return w.Verify([]byte(body), raw)
		}
	}
	return len(l.o.Witnesses) == 0
}

func cosignatures(q db.Q, size int64) ([]string, error) {
	return db.All(q, func(r *db.Rows) (s string, err error) { err = r.Scan(&s); return }, `SELECT line FROM audit_log_cosignature WHERE size=$1 ORDER BY name, key_id`, size)
}

// Witness reads the verifier key of a cosigner: name+id+base64(0x04, Ed25519 key). It
// verifies timestamped cosignatures.
func Witness(vkey string) (note.Verifier, error) {
	bad := fmt.Errorf("audit: %q is no key of a witness; it is name+id+key, the key with signature type 4", vkey)
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 || parts[0] == "" || strings.ContainsAny(parts[0], " \n") {
		return nil, bad
	}
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != cosignEd25519 {
		return nil, bad
	}
	h := sha256.Sum256(append([]byte(parts[0]+"\n"), raw...))
	w := &witness{name: parts[0], id: binary.BigEndian.Uint32(h[:]), key: raw[1:]}
	if fmt.Sprintf("%08x", w.id) != parts[1] {
		return nil, bad
	}
	return w, nil
}

type witness struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.id }

func (w *witness) Verify(msg, sig []byte) bool {
	if len(sig) != sizeEd25519 {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig))
	return ed25519.Verify(w.key, append([]byte(head), msg...), sig[8:])
}
