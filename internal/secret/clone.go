package secret

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"kassavalv/internal/db"
)

// What it takes to make a second shop in which everybody has another data key: a copy for
// trying things out. Nothing here moves a key; what was sealed is opened in the one vault and sealed in the other.

// Owner is the person under whose key a value is sealed; false when it is sealed under another kind of key.
func Owner(sealed []byte) (db.ID, bool) {
	id, ok := header(byPerson, sealed)
	return db.ID(id), ok
}

// BooksYear is the year under whose key a value is sealed.
func BooksYear(sealed []byte) (int, bool) {
	y, ok := header(byYear, sealed)
	return int(y), ok
}

// Settle gives a person of another shop a data key of its own here, under the same id; with erased set,
// the row of somebody who has none any more.
func (v *Vault) Settle(tx *db.Tx, p Person, erased time.Time) error {
	if p.ID <= 0 {
		return ErrEmpty
	}
	if !erased.IsZero() {
		_, err := tx.Exec(`INSERT INTO secret_person (id, wrapped, epoch, created_at, erased_at) VALUES ($1,NULL,0,$2,$3)`, p.ID, p.Created, erased)
		return err
	}
	if err := v.usable(); err != nil {
		return err
	}
	var key [KeySize]byte
	rand.Read(key[:])
	v.mu.RLock()
	n, ek := v.last, v.epochs[v.last]
	v.mu.RUnlock()
	_, err := tx.Exec(`INSERT INTO secret_person (id, wrapped, epoch, created_at) VALUES ($1,$2,$3,$4)`, p.ID, seal(newAEAD(ek.bytes()), byEpoch, n, wrapField, p.ID, key[:]), n, p.Created)
	return err
}

// Shut is a value of somebody who has been erased, as it stands where a column must hold one: no key opens it.
func Shut(p db.ID) []byte {
	out := make([]byte, headLen+chacha20poly1305.NonceSizeX+chacha20poly1305.Overhead)
	rand.Read(out)
	out[0] = byPerson
	binary.BigEndian.PutUint64(out[1:], uint64(p))
	return out
}
