package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"kassavalv/internal/db"
)

// Kinds of leaves.
const (
	leafChain   = "chain"   // the end of the hash chain that was before the log
	leafAct     = "act"     // an Entry
	leafReading = "reading" // an Access
)

// leaf is what the tree commits to of one row: which, when, and a digest of all of it.
// It says nothing of the row's content, so it may be shown to a witness and may stay
// when a reading has expired.
type leaf struct {
	id     db.ID
	kind   string
	at     int64 // microseconds
	digest []byte
	place  int64 // from 0
	fresh  bool  // in the sealer: it was written with its row, after the log began
}

// data is the leaf as a line of text, the log entry in the sense of tlog-tiles:
// kind, id, instant in microseconds since 1970 and the SHA-256 of the row.
func (l leaf) data() []byte {
	return []byte("kassavalv/1 " + l.kind + " " + l.id.String() + " " + strconv.FormatInt(l.at, 10) + " " + hex.EncodeToString(l.digest) + "\n")
}

func (l leaf) hash() tlog.Hash { return tlog.RecordHash(l.data()) }

// enter writes the leaf of a row that was written in tx. It waits for its place.
func enter(tx *db.Tx, kind string, id db.ID, at time.Time, digest []byte) error {
	_, err := tx.Exec(`INSERT INTO audit_log_leaf (id, kind, at, digest) VALUES ($1,$2,$3,$4)`, id, kind, at, digest)
	return err
}

// packer writes parts with their lengths, so that no two rows have the same bytes.
type packer struct{ b bytes.Buffer }

func (p *packer) num(ns ...int64) {
	for _, n := range ns {
		binary.Write(&p.b, binary.BigEndian, n)
	}
}

func (p *packer) text(ss ...string) {
	for _, s := range ss {
		p.num(int64(len(s)))
		p.b.WriteString(s)
	}
}

func (p *packer) sum() []byte {
	h := sha256.Sum256(p.b.Bytes())
	return h[:]
}

func (e Entry) digest() []byte {
	var p packer
	p.text("kassavalv act 1")
	p.num(int64(e.ID), e.At.UnixMicro(), int64(e.ActorID), int64(e.EntityID))
	p.text(e.ActorKind, e.ActorName, e.Peer, e.Action, e.Entity, e.Old, e.New, string(e.Outcome))
	return p.sum()
}

func (a Access) digest(salt []byte) []byte {
	var p packer
	p.text("kassavalv reading 1", string(salt))
	p.num(int64(a.ID), a.At.UnixMicro(), int64(a.ActorID), int64(a.Person), int64(a.EntityID))
	p.text(a.ActorKind, a.ActorName, strings.Join(a.Kinds, " "), a.Entity, a.Reason)
	return p.sum()
}
