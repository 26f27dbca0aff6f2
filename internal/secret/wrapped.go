package secret

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Wrapper is a key service that seals small texts under a key which never
// leaves it: HashiCorp Vault's transit engine, a cloud KMS. A WrappedKeeper makes a Keeper of it.
//
// Wrap seals plain and binds it to name; the blob is printable ASCII without white space, and
// holds what the service needs to find its own key again. Unwrap opens it; it
// MUST fail for another name, and MUST return ErrNoKey only when the service says that
// its key is gone for good - never when the service is unreachable, shut, refuses the
// credential, or has moved. Discard makes the blob unopenable where the
// service can do that at once, and does nothing where it cannot; discarding twice is no error.
// Where names service and key for messages. All errors but ErrNoKey are taken for a
// service that is away.
type Wrapper interface {
	Wrap(ctx context.Context, name string, plain []byte) (blob string, err error)
	Unwrap(ctx context.Context, name, blob string) ([]byte, error)
	Discard(ctx context.Context, name, blob string) error
	Where() string
}

// WrappedKeeper keeps each key as a blob that a key service has wrapped, in a file
// NAME.wrapped of mode 0600 in a directory of mode 0700, beside no database and in no
// stream of copies. Blob and service are needed together: the folder without the
// service opens nothing, and the service without the folder nothing either.
type WrappedKeeper struct {
	f folder
	w Wrapper
}

const (
	wrappedTag    = "kassavalv-wrapped-1"
	wrappedSuffix = ".wrapped"
)

// CreateWrapped makes the directory where it is not there yet (init, demo, restore, tests).
func CreateWrapped(dir string, w Wrapper) (*WrappedKeeper, error) {
	if err := createFolder(dir); err != nil {
		return nil, err
	}
	return OpenWrapped(dir, w)
}

// OpenWrapped opens a directory that CreateWrapped made.
func OpenWrapped(dir string, w Wrapper) (*WrappedKeeper, error) {
	k := &WrappedKeeper{folder{dir, wrappedSuffix}, w}
	return k, k.f.check()
}

// Where names the service and the directory.
func (k *WrappedKeeper) Where() string { return k.w.Where() + " and " + k.f.dir }

// Put has the key wrapped, then stores the blob. Of several makers of one name one
// wins; the others discard what they had wrapped. A program that dies between leaves a
// wrapping in the service that belongs to no file, and never a file without its wrapping.
func (k *WrappedKeeper) Put(ctx context.Context, key Key) error {
	if _, _, err := k.f.read(key.Name, maxWrapped); err == nil {
		return ErrKeyExists
	} else if !errors.Is(err, ErrNoKey) {
		return err
	}
	blob, err := k.w.Wrap(ctx, key.Name, []byte(key.line()))
	if err != nil {
		return fmt.Errorf("%s: wrapping the key %s: %w", k.w.Where(), key.Name, err)
	}
	// What was wrapped is opened once before it is relied on.
	back, err := k.w.Unwrap(ctx, key.Name, blob)
	if err == nil && string(back) != key.line() {
		err = errors.New("it comes back changed")
	}
	if err != nil {
		k.w.Discard(ctx, key.Name, blob)
		return fmt.Errorf("%s: opening the key %s that was just wrapped: %w", k.w.Where(), key.Name, err)
	}
	err = k.f.put(key.Name, strings.Join([]string{wrappedTag, key.Name, key.Made.Format(time.RFC3339), blob}, " ")+"\n")
	if err != nil {
		k.w.Discard(ctx, key.Name, blob)
	}
	return err
}

// maxWrapped bounds a file: a KMS blob of a key line is some 400 bytes.
const maxWrapped = 8192

func (k *WrappedKeeper) blob(name string) (blob string, made time.Time, err error) {
	text, p, err := k.f.read(name, maxWrapped)
	if err != nil {
		return "", made, err
	}
	w := strings.Fields(text)
	if len(w) != 4 || w[0] != wrappedTag || w[1] != name {
		return "", made, fmt.Errorf("secret: %s is not the wrapped key %s (%s NAME TIME BLOB)", p, name, wrappedTag)
	}
	if made, err = time.Parse(time.RFC3339, w[2]); err != nil {
		return "", made, fmt.Errorf("secret: %s: bad time", p)
	}
	return w[3], made, nil
}

// Get has the blob opened by the service.
func (k *WrappedKeeper) Get(ctx context.Context, name string) (Key, error) {
	blob, made, err := k.blob(name)
	if err != nil {
		return Key{}, err
	}
	plain, err := k.w.Unwrap(ctx, name, blob)
	if errors.Is(err, ErrNoKey) {
		return Key{}, fmt.Errorf("%w: %s has destroyed its part of %s", ErrNoKey, k.w.Where(), name)
	}
	if err != nil {
		return Key{}, fmt.Errorf("the key %s is wanted from %s: %w", name, k.w.Where(), err)
	}
	key, err := parseKey(string(plain))
	if err != nil {
		return Key{}, fmt.Errorf("secret: the key %s from %s: %w", name, k.w.Where(), err)
	}
	if key.Name != name || !key.Made.Equal(made) {
		return Key{}, fmt.Errorf("secret: %s holds another key than its name and time say", k.f.path(name))
	}
	return key, nil
}

// List names the keys whose blobs are there; it asks no service.
func (k *WrappedKeeper) List(context.Context) ([]string, error) { return k.f.list() }

// Destroy has the service discard its part first, then destroys the blob. A program that
// dies between leaves a blob that nothing opens; destroying again finishes.
func (k *WrappedKeeper) Destroy(ctx context.Context, name string) error {
	if !keyName.MatchString(name) {
		return nil
	}
	blob, _, err := k.blob(name)
	if errors.Is(err, ErrNoKey) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := k.w.Discard(ctx, name, blob); err != nil {
		return fmt.Errorf("%s: destroying the key %s: %w", k.w.Where(), name, err)
	}
	return k.f.destroy(name)
}

// Bound is the text that a Wrapper binds a blob to, for its encryption context.
func Bound(name string) string { return "kassavalv key " + name }

// BlobText makes the printable form of what a service answered.
func BlobText(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// BlobBytes is the reverse of BlobText.
func BlobBytes(s string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(s) }
