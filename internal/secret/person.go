package secret

import (
	"container/list"
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"kassavalv/internal/db"
)

// Person is the owner of a data key.
type Person struct {
	ID      db.ID
	Created time.Time
}

const wrapField = "secret.wrap"

// NewPerson makes a person with a fresh data key. ErrAway.
func (v *Vault) NewPerson(tx *db.Tx) (Person, error) {
	if err := v.usable(); err != nil {
		return Person{}, err
	}
	p := Person{ID: tx.NewID(), Created: tx.Now()}
	var key [KeySize]byte
	rand.Read(key[:])
	v.mu.RLock()
	n, ek := v.last, v.epochs[v.last]
	v.mu.RUnlock()
	wrapped := seal(newAEAD(ek.bytes()), byEpoch, n, wrapField, p.ID, key[:])
	if _, err := tx.Exec(`INSERT INTO secret_person (id, wrapped, epoch, created_at) VALUES ($1,$2,$3,$4)`, p.ID, wrapped, n, p.Created); err != nil {
		return Person{}, err
	}
	// Not before the commit: the closure may be undone.
	tx.AfterCommit(func() { v.cache.put(p.ID, newAEAD(key[:])) })
	return p, nil
}

// Erase destroys the person's data key. Everything sealed for the person is
// unreadable from the commit on; erasing twice is no error.
func (v *Vault) Erase(tx *db.Tx, p db.ID) error {
	if p <= 0 {
		return ErrEmpty
	}
	n, err := tx.Exec(`UPDATE secret_person SET wrapped=NULL, epoch=0, erased_at=$2 WHERE id=$1 AND erased_at IS NULL`, p, tx.Now())
	if err != nil {
		return err
	}
	if n == 0 {
		_, err := erasedAt(tx, p)
		return err
	}
	return tx.Changed(personEntity, p) // drops the cached key here and on other nodes
}

// ErasedAt tells when the person was erased; the zero time if living. ErrNoPerson.
func (v *Vault) ErasedAt(q db.Q, p db.ID) (time.Time, error) { return erasedAt(q, p) }

func erasedAt(q db.Q, p db.ID) (at time.Time, err error) {
	err = q.QueryRow(`SELECT erased_at FROM secret_person WHERE id=$1`, p).Scan(&at)
	if errors.Is(err, db.ErrNotFound) {
		err = ErrNoPerson
	}
	return
}

// dataKey returns the cipher of a person.
func (v *Vault) dataKey(q db.Q, p db.ID) (cipher.AEAD, error) {
	a, mark := v.cache.get(p)
	if a != nil {
		return a, nil
	}
	var wrapped []byte
	var n int64
	err := q.QueryRow(`SELECT wrapped, epoch FROM secret_person WHERE id=$1`, p).Scan(&wrapped, &n)
	if errors.Is(err, db.ErrNotFound) {
		return nil, ErrNoPerson
	}
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, ErrErased
	}
	ek, ok := v.epoch(n)
	if !ok { // another node turned the epoch, within the last minute (Watch)
		v.readEpoch(n)
		if ek, ok = v.epoch(n); !ok {
			return nil, ErrNoKey
		}
	}
	key, err := open(newAEAD(ek.bytes()), byEpoch, n, wrapField, p, wrapped)
	if err != nil {
		return nil, err
	}
	a = newAEAD(key)
	if _, writing := q.(*db.Tx); !writing { // a transaction may yet be undone
		v.cache.putIf(p, a, mark)
	}
	return a, nil
}

// readEpoch takes one epoch key from the keeper. It touches no database: it
// runs inside a transaction. A keeper that did not answer is not asked again for ten
// seconds, so that the writer never waits in a row.
func (v *Vault) readEpoch(n int64) {
	v.asking.Lock()
	defer v.asking.Unlock()
	if _, ok := v.epoch(n); ok || v.now().Before(v.askAgain) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	k, err := v.keeper.Get(ctx, epochName(n))
	if err != nil {
		v.askAgain = v.now().Add(10 * time.Second)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	m := map[int64]Key{n: k}
	for i, k := range v.epochs {
		m[i] = k
	}
	v.epochs, v.last = m, max(v.last, n)
}

// keyCache keeps the ciphers of the persons used last.
type keyCache struct {
	mu    sync.Mutex
	max   int
	m     map[db.ID]*list.Element
	l     list.List
	drops uint64 // rises with each erasure: a reader's older snapshot may still hold the key
}

type cached struct {
	id db.ID
	a  cipher.AEAD
}

// get returns the cipher or nil, and a mark for putIf.
func (c *keyCache) get(id db.ID) (cipher.AEAD, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.m[id]; ok {
		c.l.MoveToFront(e)
		return e.Value.(cached).a, c.drops
	}
	return nil, c.drops
}

func (c *keyCache) put(id db.ID, a cipher.AEAD) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store(id, a)
}

// putIf stores unless something was erased since mark: then the key may be one
// that has just been destroyed, read from an older snapshot.
func (c *keyCache) putIf(id db.ID, a cipher.AEAD, mark uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops == mark {
		c.store(id, a)
	}
}

func (c *keyCache) store(id db.ID, a cipher.AEAD) {
	if c.m == nil {
		c.m = map[db.ID]*list.Element{}
	}
	if e, ok := c.m[id]; ok {
		c.l.MoveToFront(e)
		return
	}
	c.m[id] = c.l.PushFront(cached{id, a})
	for c.l.Len() > c.max {
		e := c.l.Back()
		delete(c.m, e.Value.(cached).id)
		c.l.Remove(e)
	}
}

func (c *keyCache) drop(id db.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	if e, ok := c.m[id]; ok {
		delete(c.m, id)
		c.l.Remove(e)
	}
}
