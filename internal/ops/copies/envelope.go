package copies

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// The form of an object at a site:
//
//	"KVCOPY1\n" · length of the header (4 bytes, big-endian) · header (JSON) ·
//	signature of everything before it (Ed25519, 64 bytes) · sealed bytes (age)
const (
	magic     = "KVCOPY1\n"
	maxHeader = 16 << 10
	signed    = "kassavalv copy v1\x00" // opens what is signed, so that no other signature of the key fits
)

// Kinds of objects.
const (
	KindSegment = "segment" // pages of the database between two positions; level 9 is all of them
	KindFile    = "file"    // one file of the shop
	KindDump    = "dump"    // the second road
	KindHead    = "head"    // no bytes: how far the site has been told, and when
	KindAlong   = "along"   // what lies beside the database, sealed to the paper key alone
	KindEpoch   = "epoch"   // no bytes: that an epoch has begun, where no segment tells it
)

// Header stands before the sealed bytes of every object, in the clear.
type Header struct {
	V     int    `json:"v"` // 1
	Kind  string `json:"kind"`
	Shop  string `json:"shop"`
	Epoch uint32 `json:"epoch"`
	Site  string `json:"site"` // the site it was made for
	Seq   uint64 `json:"seq"`  // in the chain of this site in this epoch and of this level, from 1
	Prev  string `json:"prev"` // SHA-256 of the header before it in the chain, hex; empty in the first
	At    int64  `json:"at"`   // of the last change in it, microseconds UTC, by the shop's clock

	Level    int    `json:"level,omitempty"`
	Min      uint64 `json:"min,omitempty"` // transactions, both included
	Max      uint64 `json:"max,omitempty"`
	Pre      string `json:"pre,omitempty"`  // rolling checksum of the database before and after, as LTX has it
	Post     string `json:"post,omitempty"` //
	Pages    uint32 `json:"pages,omitempty"`
	PageSize int    `json:"page_size,omitempty"`
	Pos      int64  `json:"pos,omitempty"` // commit position (db.Pos) after it, where known

	Name string `json:"name,omitempty"` // of a file: SHA-256 of its bytes, hex

	// Of the head alone: where each chain ends, and which bytes lie under keys/current.age.
	Chains map[string]Link `json:"chains,omitempty"`
	Along  string          `json:"along,omitempty"` // SHA-256, hex
	// Told says that First tells all that may be gone, and when that was last settled
	// (microseconds UTC, by the shop's clock). 0, as of a site that removes by rules of its own:
	// what is old enough may be gone.
	Told int64 `json:"told,omitempty"`

	Key        string `json:"key,omitempty"` // id of the stream key; empty: sealed to the recipients themselves
	Plain      string `json:"plain"`         // SHA-256, hex
	PlainSize  int64  `json:"plain_size"`
	Sealed     string `json:"sealed"`
	SealedSize int64  `json:"sealed_size"`
}

// Link is where a chain stands.
type Link struct {
	Seq   uint64 `json:"seq"`
	Hash  string `json:"hash"` // of the header of that number
	Max   uint64 `json:"max"`
	First uint64 `json:"first,omitempty"` // from here on the retention has taken nothing away; 0: from the first
	// Kept are the numbers before First that stay, of the snapshots alone: of other levels
	// what stays there is what nothing else holds, and nobody counts on it.
	Kept []uint64 `json:"kept,omitempty"`
}

// Time is At.
func (h Header) Time() time.Time { return time.UnixMicro(h.At).UTC() }

// Hash is what the next header of the chain has as Prev.
func hashOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// sign makes the bytes that stand before the sealed ones, and the hash of the header.
func (h Header) sign(key ed25519.PrivateKey) (front []byte, hash string, err error) {
	h.V = 1
	j, err := json.Marshal(h)
	if err != nil {
		return nil, "", err
	}
	if len(j) > maxHeader {
		return nil, "", fmt.Errorf("copies: a header of %d bytes", len(j))
	}
	front = binary.BigEndian.AppendUint32([]byte(magic), uint32(len(j)))
	front = append(front, j...)
	return append(front, ed25519.Sign(key, append([]byte(signed), front...))...), hashOf(j), nil
}

// Damage is an object or a row of objects that is not as the shop left it.
type Damage struct {
	Object string // name at the site
	What   string // what is wrong with it
}

func (d *Damage) Error() string { return fmt.Sprintf("copies: %s: %s", d.Object, d.What) }

func damaged(object, form string, args ...any) error {
	return &Damage{object, fmt.Sprintf(form, args...)}
}

// ReadHeader reads and verifies what stands before the sealed bytes of the object name,
// and leaves r at the first of these. hash is what the chain goes on with. A Damage when
// it is not the shop's.
func ReadHeader(r io.Reader, name string, key ed25519.PublicKey) (h Header, hash string, err error) {
	front := make([]byte, len(magic)+4)
	if _, err := io.ReadFull(r, front); err != nil {
		return h, "", cut(name, err)
	}
	if string(front[:len(magic)]) != magic {
		return h, "", damaged(name, "does not begin as a copy of Kassavalv")
	}
	n := binary.BigEndian.Uint32(front[len(magic):])
	if n > maxHeader {
		return h, "", damaged(name, "tells of a header of %d bytes", n)
	}
	rest := make([]byte, int(n)+ed25519.SignatureSize)
	if _, err := io.ReadFull(r, rest); err != nil {
		return h, "", cut(name, err)
	}
	j, sig := rest[:n], rest[n:]
	if !ed25519.Verify(key, append(append([]byte(signed), front...), j...), sig) {
		return h, "", damaged(name, "the signature is not the shop's: changed, or of another shop")
	}
	d := json.NewDecoder(bytes.NewReader(j))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil || d.More() {
		return h, "", damaged(name, "a header this program does not know; a newer one may")
	}
	if h.V != 1 {
		return h, "", damaged(name, "is of version %d, this program knows 1", h.V)
	}
	return h, hashOf(j), nil
}

// cut tells an object that ends too early from trouble on the way.
func cut(name string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged(name, "ends too early")
	}
	return err
}
