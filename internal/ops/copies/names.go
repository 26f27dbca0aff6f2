package copies

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/superfly/ltx"
)

// Names of the objects at a site.
const (
	alongObject = "keys/current.age"
	headObject  = "keys/head.kvc"
	filePrefix  = "f/"
	dumpPrefix  = "v/"
	epochPrefix = "e/"
)

func epochDir(epoch uint32) string { return fmt.Sprintf("%s%08x/", epochPrefix, epoch) }

func charterObject(epoch uint32) string { return epochDir(epoch) + "charter.json" }

func epochObject(epoch uint32) string { return epochDir(epoch) + "epoch.kvc" }

func keyPrefix(epoch uint32) string { return epochDir(epoch) + "k/" }

func keyObject(epoch uint32, id string) string { return keyPrefix(epoch) + id + ".age" }

func levelPrefix(epoch uint32, level int) string {
	return fmt.Sprintf("%sl%d/", epochDir(epoch), level)
}

// objectName is where an object of that header lies. The first digits of the hash of its
// bytes make the name one that no other bytes have.
func objectName(h Header) string {
	switch h.Kind {
	case KindFile:
		return fileObject(h.Shop, h.Name)
	case KindEpoch:
		return epochObject(h.Epoch)
	case KindAlong:
		return alongObject
	case KindDump:
		return fmt.Sprintf("%s%s-%s.kvc", dumpPrefix, strings.ToLower(h.Time().Format("20060102t150405z")), h.Sealed[:16])
	}
	return fmt.Sprintf("%s%016x-%016x-%s.kvc", levelPrefix(h.Epoch, h.Level), h.Min, h.Max, h.Sealed[:16])
}

// fileObject names a file without telling the site its hash, by which a known picture
// could be recognised.
func fileObject(shop, hash string) string {
	s := sha256.Sum256([]byte("kassavalv file\x00" + shop + "\x00" + hash))
	return filePrefix + hex.EncodeToString(s[:]) + ".kvc"
}

// plainName is where Litestream looks for a segment.
func plainName(level int, min, max uint64) string {
	return plainPrefix(level) + ltx.FormatFilename(ltx.TXID(min), ltx.TXID(max))
}

func plainPrefix(level int) string {
	return fmt.Sprintf("ltx/%d/", level)
}

// rangeOf reads the transactions from the name of a segment.
func rangeOf(name string) (min, max uint64, ok bool) {
	b := path.Base(name)
	if len(b) < 33 || b[16] != '-' {
		return 0, 0, false
	}
	min, err1 := strconv.ParseUint(b[:16], 16, 64)
	max, err2 := strconv.ParseUint(b[17:33], 16, 64)
	return min, max, err1 == nil && err2 == nil && min > 0 && min <= max
}

// joined reads front and then size bytes of rest.
func joined(front []byte, rest io.ReaderAt, size int64) io.ReadSeeker {
	return io.NewSectionReader(both{bytes.NewReader(front), rest, int64(len(front))}, 0, int64(len(front))+size)
}

type both struct {
	front, rest io.ReaderAt
	n           int64
}

func (b both) ReadAt(p []byte, off int64) (int, error) {
	if off >= b.n {
		return b.rest.ReadAt(p, off-b.n)
	}
	n := min(int64(len(p)), b.n-off)
	m, err := b.front.ReadAt(p[:n], off)
	if err != nil && err != io.EOF || m < int(n) {
		return m, err
	}
	if m == len(p) {
		return m, nil
	}
	k, err := b.rest.ReadAt(p[m:], 0)
	return m + k, err
}

// ObjectName is where an object of that header lies, for who checks it.
func ObjectName(h Header) string { return objectName(h) }
