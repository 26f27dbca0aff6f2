package secret

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"

	"kassavalv/internal/db"
	"kassavalv/internal/proof"
)

// Errors of sealed values.
var (
	// ErrErased: the person's key has been destroyed.
	ErrErased = errors.New("secret: erased")
	// ErrBroken: the value was not sealed for this person, field and row, or was changed.
	ErrBroken = errors.New("secret: the sealed value does not belong here")
	// ErrNoPerson: there is no such person.
	ErrNoPerson = errors.New("secret: no such person")
	// ErrEmpty: nothing was given where something must be.
	ErrEmpty = errors.New("secret: empty value")
)

// First byte of a sealed value: what kind of key the next 8 bytes name.
const (
	byPerson = 1 // a person's data key; id of the person
	byYear   = 2 // books-YYYY; the year
	byShop   = 3 // the shop's key; 0
	byEpoch  = 4 // a wrapped data key; number of the epoch
)

const headLen = 1 + 8

func newAEAD(key []byte) cipher.AEAD {
	if proof.Broken("seal") {
		return noCipher{}
	}
	a, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic(err) // only for a key that is not 32 bytes
	}
	return a
}

// noCipher seals nothing: the bench holds the cost of sealing against it, in a program built
// for that (package proof); an ordinary build never makes one.
type noCipher struct{}

func (noCipher) NonceSize() int { return chacha20poly1305.NonceSizeX }
func (noCipher) Overhead() int  { return chacha20poly1305.Overhead }
func (noCipher) Seal(dst, _, plain, _ []byte) []byte {
	return append(append(dst, plain...), make([]byte, chacha20poly1305.Overhead)...)
}
func (noCipher) Open(dst, _, sealed, _ []byte) ([]byte, error) {
	return append(dst, sealed[:len(sealed)-chacha20poly1305.Overhead]...), nil
}

func associated(head []byte, field string, row db.ID) []byte {
	ad := make([]byte, 0, len(head)+len(field)+9)
	ad = append(ad, head...)
	ad = append(ad, field...)
	ad = append(ad, 0)
	return binary.BigEndian.AppendUint64(ad, uint64(row))
}

func seal(a cipher.AEAD, kind byte, id int64, field string, row db.ID, plain []byte) []byte {
	out := make([]byte, headLen+chacha20poly1305.NonceSizeX, headLen+chacha20poly1305.NonceSizeX+len(plain)+a.Overhead())
	out[0] = kind
	binary.BigEndian.PutUint64(out[1:], uint64(id))
	nonce := out[headLen:]
	rand.Read(nonce)
	return a.Seal(out, nonce, plain, associated(out[:headLen], field, row))
}

func open(a cipher.AEAD, kind byte, id int64, field string, row db.ID, sealed []byte) ([]byte, error) {
	if got, ok := header(kind, sealed); !ok || got != id {
		return nil, ErrBroken
	}
	nonce := sealed[headLen : headLen+chacha20poly1305.NonceSizeX]
	plain, err := a.Open(nil, nonce, sealed[headLen+chacha20poly1305.NonceSizeX:], associated(sealed[:headLen], field, row))
	if err != nil {
		return nil, ErrBroken
	}
	return plain, nil
}

// header returns the key id of a sealed value of this kind.
func header(kind byte, sealed []byte) (int64, bool) {
	if len(sealed) < headLen+chacha20poly1305.NonceSizeX+chacha20poly1305.Overhead || sealed[0] != kind {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(sealed[1:headLen])), true
}

// Seal seals plain for a person, field and row. An empty plain is sealed too:
// whether a field is filled is the caller's to say. ErrErased, ErrNoPerson.
func (v *Vault) Seal(q db.Q, p db.ID, field Field, row db.ID, plain []byte) ([]byte, error) {
	if err := checkArgs(p, field, row); err != nil {
		return nil, err
	}
	if err := v.usable(); err != nil {
		return nil, err
	}
	a, err := v.dataKey(q, p)
	if err != nil {
		return nil, err
	}
	return seal(a, byPerson, int64(p), string(field), row, plain), nil
}

// Open is the reverse of Seal. ErrBroken when the value was sealed for another
// person, field or row, or was changed; ErrErased when the person is gone.
func (v *Vault) Open(q db.Q, p db.ID, field Field, row db.ID, sealed []byte) ([]byte, error) {
	if err := checkArgs(p, field, row); err != nil {
		return nil, err
	}
	if err := v.usable(); err != nil {
		return nil, err
	}
	a, err := v.dataKey(q, p)
	if err != nil {
		return nil, v.judged(field, row, err)
	}
	b, err := open(a, byPerson, int64(p), string(field), row, sealed)
	return b, v.judged(field, row, err)
}

// judged raises the alarm for a value that does not open.
func (v *Vault) judged(field Field, row db.ID, err error) error {
	if errors.Is(err, ErrBroken) {
		v.alarm(field, row)
	}
	return err
}

func checkArgs(p db.ID, field Field, row db.ID) error {
	if p <= 0 || row <= 0 {
		return ErrEmpty
	}
	return field.check()
}

// SealJSON seals val as JSON.
func SealJSON[T any](v *Vault, q db.Q, p db.ID, field Field, row db.ID, val T) ([]byte, error) {
	b, err := json.Marshal(val)
	if err != nil {
		return nil, err
	}
	return v.Seal(q, p, field, row, b)
}

// OpenJSON opens what SealJSON sealed.
func OpenJSON[T any](v *Vault, q db.Q, p db.ID, field Field, row db.ID, sealed []byte) (val T, err error) {
	b, err := v.Open(q, p, field, row, sealed)
	if err != nil {
		return val, err
	}
	return val, json.Unmarshal(b, &val)
}

// SealShop seals a secret of the shop itself: the credential of a provider, the
// key of a webhook. No person stands behind it, so nothing erases it.
func (v *Vault) SealShop(field Field, row db.ID, plain []byte) ([]byte, error) {
	if row <= 0 {
		return nil, ErrEmpty
	}
	if err := field.check(); err != nil {
		return nil, err
	}
	if err := v.usable(); err != nil {
		return nil, err
	}
	return seal(newAEAD(v.shop), byShop, 0, string(field), row, plain), nil
}

// OpenShop is the reverse of SealShop.
func (v *Vault) OpenShop(field Field, row db.ID, sealed []byte) ([]byte, error) {
	if row <= 0 {
		return nil, ErrEmpty
	}
	if err := field.check(); err != nil {
		return nil, err
	}
	if err := v.usable(); err != nil {
		return nil, err
	}
	b, err := open(newAEAD(v.shop), byShop, 0, string(field), row, sealed)
	return b, v.judged(field, row, err)
}
