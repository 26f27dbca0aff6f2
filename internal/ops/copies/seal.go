package copies

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/chacha20poly1305"
)

// Sealing is age's (filippo.io/age). To spare two post-quantum key agreements for every
// segment, segments are sealed to a stream key, which is wrapped once for each ten minutes:
// an ordinary age file, to the paper key and the drill key, that any age opens. In the age
// file of a segment one stanza holds its file key, sealed by the stream key.

const (
	streamLife   = 10 * time.Minute
	streamStanza = "kassavalv-stream"
)

// streamKey is a recipient and an identity of age.
type streamKey struct {
	id  string // 16 hex digits
	key []byte
}

// Wrap implements age.Recipient.
func (s streamKey) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	a, err := chacha20poly1305.NewX(s.key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, a.NonceSize())
	rand.Read(nonce)
	return []*age.Stanza{{Type: streamStanza, Args: []string{s.id}, Body: a.Seal(nonce, nonce, fileKey, []byte(streamStanza+" "+s.id))}}, nil
}

// Unwrap implements age.Identity.
func (s streamKey) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, st := range stanzas {
		if st.Type != streamStanza || len(st.Args) != 1 || st.Args[0] != s.id {
			continue
		}
		a, err := chacha20poly1305.NewX(s.key)
		if err != nil {
			return nil, err
		}
		if len(st.Body) < a.NonceSize() {
			break
		}
		k, err := a.Open(nil, st.Body[:a.NonceSize()], st.Body[a.NonceSize():], []byte(streamStanza+" "+s.id))
		if err != nil {
			return nil, errors.New("the stream key does not open it")
		}
		return k, nil
	}
	return nil, age.ErrIncorrectIdentity
}

// streamKeys draws the stream keys of one epoch.
type streamKeys struct {
	to  []age.Recipient
	now func() time.Time

	mu      sync.Mutex
	cur     streamKey
	wrapped []byte
	until   time.Time
}

// current is the key to seal with now, and the age file that holds it.
func (s *streamKeys) current() (streamKey, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.cur.id != "" && now.Before(s.until) {
		return s.cur, s.wrapped, nil
	}
	k := streamKey{key: make([]byte, chacha20poly1305.KeySize)}
	rand.Read(k.key)
	id := make([]byte, 8)
	rand.Read(id)
	k.id = hex.EncodeToString(id)
	w, err := sealBytes(k.key, s.to...)
	if err != nil {
		return streamKey{}, nil, err
	}
	s.cur, s.wrapped, s.until = k, w, now.Add(streamLife)
	return k, w, nil
}

// openStreamKey reads the age file of a stream key.
func openStreamKey(id string, wrapped []byte, who ...age.Identity) (streamKey, error) {
	b, err := openBytes(wrapped, chacha20poly1305.KeySize, who...)
	if err != nil {
		return streamKey{}, err
	}
	if len(b) != chacha20poly1305.KeySize {
		return streamKey{}, fmt.Errorf("a stream key of %d bytes", len(b))
	}
	return streamKey{id, b}, nil
}

// sealBytes is an age file.
func sealBytes(b []byte, to ...age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// openBytes opens an age file whose content is at most limit bytes.
func openBytes(sealed []byte, limit int64, who ...age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), who...)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("more than %d bytes", limit)
	}
	return b, nil
}

// measured counts and hashes what goes through. err is the trouble of the place it goes to.
type measured struct {
	w   io.Writer
	h   hash.Hash
	n   int64
	err error
}

func measure(w io.Writer) *measured { return &measured{w: w, h: sha256.New()} }

func (m *measured) Write(b []byte) (int, error) {
	n, err := m.w.Write(b)
	m.h.Write(b[:n])
	m.n += int64(n)
	if err != nil {
		m.err = err
	}
	return n, err
}

func (m *measured) sum() string { return hex.EncodeToString(m.h.Sum(nil)) }

// sealTo seals what plain yields into w and tells both hashes and sizes in h.
func sealTo(w io.Writer, plain io.Reader, h *Header, to ...age.Recipient) error {
	out := measure(w)
	a, err := age.Encrypt(out, to...)
	if err != nil {
		return err
	}
	in := measure(a)
	if _, err := io.Copy(in, plain); err != nil {
		return err
	}
	if err := a.Close(); err != nil {
		return err
	}
	h.Plain, h.PlainSize, h.Sealed, h.SealedSize = in.sum(), in.n, out.sum(), out.n
	return nil
}

const notThisKey = "this key does not open it"

// openTo opens the sealed bytes r of the object name into w. Everything is written, and
// then found true or a Damage: whoever calls keeps nothing of a damaged object.
func openTo(w io.Writer, r io.Reader, name string, h Header, who ...age.Identity) error {
	in := &measuredReader{r: io.LimitReader(r, h.SealedSize+1), h: sha256.New()}
	a, err := age.Decrypt(in, who...)
	if err != nil {
		var no *age.NoIdentityMatchError
		if errors.As(err, &no) {
			return damaged(name, notThisKey)
		}
		if in.err != nil {
			return in.err
		}
		return damaged(name, "cannot be opened: %v", err)
	}
	out := measure(w)
	_, err = io.Copy(out, a)
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	switch {
	case err != nil && in.err != nil:
		return in.err
	case err != nil && out.err != nil: // a disk that is full here says nothing of the object
		return out.err
	case err != nil:
		return damaged(name, "cannot be opened: %v", err)
	case in.n != h.SealedSize:
		return damaged(name, "is %d bytes, not the %d that its header tells", in.n, h.SealedSize)
	case hex.EncodeToString(in.h.Sum(nil)) != h.Sealed:
		return damaged(name, "its bytes are not those its header tells")
	case out.n != h.PlainSize || out.sum() != h.Plain:
		return damaged(name, "opens to other bytes than its header tells")
	}
	return nil
}

// measuredReader is measured for reading. err is the trouble of the source itself.
type measuredReader struct {
	r   io.Reader
	h   hash.Hash
	n   int64
	err error
}

func (m *measuredReader) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	m.h.Write(b[:n])
	m.n += int64(n)
	if err != nil && err != io.EOF {
		m.err = err
	}
	return n, err
}
