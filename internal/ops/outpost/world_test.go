package outpost

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/post"
)

// clock is a clock that the test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// said collects the log.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) has(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.b.String(), what)
}

func start(t *testing.T, o Options) *Outpost {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if err := Init(o.Dir); err != nil {
		t.Fatal(err)
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	return p
}

func stop(t *testing.T, p *Outpost) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		t.Error(err)
	}
}

// customer is a shop as the outpost sees it.
type customer struct {
	charter copies.Charter
	key     ed25519.PrivateKey
	o       post.Options
	chains  map[string]copies.Header // last header
	hashes  map[string]string
}

func newCustomer(t *testing.T) *customer {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return &customer{key: key, chains: map[string]copies.Header{}, hashes: map[string]string{},
		charter: copies.Charter{Shop: hex.EncodeToString(id), Name: "Skafferiet", Verify: base64.RawURLEncoding.EncodeToString(pub), Paper: "p", Drill: "d", Seal: "s"}}
}

// join enrols it, and gives the site.
func (c *customer) join(t *testing.T, p *Outpost) *post.Site {
	t.Helper()
	tok, err := NewToken(p.o.Dir, p.Addr(), "")
	if err != nil {
		t.Fatal(err)
	}
	if tok, err = post.ParseToken(tok.String()); err != nil {
		t.Fatal(err)
	}
	if c.o, _, err = post.Join(context.Background(), tok, "watch", c.charter); err != nil {
		t.Fatal(err)
	}
	return c.site(t)
}

func (c *customer) site(t *testing.T) *post.Site {
	t.Helper()
	s, err := post.Open(c.o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*post.Site)
}

// seal makes an object from its format as it is documented, without the shop's code.
func (c *customer) seal(h copies.Header, sealed []byte) []byte {
	h.V = 1
	sum := sha256.Sum256(sealed)
	if h.Sealed == "" {
		h.Sealed, h.SealedSize = hex.EncodeToString(sum[:]), int64(len(sealed))
	}
	j, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	front := append(binary.BigEndian.AppendUint32([]byte("KVCOPY1\n"), uint32(len(j))), j...)
	return slices.Concat(front, ed25519.Sign(c.key, append([]byte("kassavalv copy v1\x00"), front...)), sealed)
}

// object is the next of its chain, with its name.
func (c *customer) object(h copies.Header, sealed []byte) (string, []byte) {
	chain := fmt.Sprint(h.Epoch, h.Kind, h.Level)
	last := c.chains[chain]
	h.Shop, h.Site, h.Seq, h.Prev = c.charter.Shop, "watch", last.Seq+1, c.hashes[chain]
	sum := sha256.Sum256(sealed)
	h.V, h.Sealed, h.SealedSize = 1, hex.EncodeToString(sum[:]), int64(len(sealed))
	j, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	js := sha256.Sum256(j)
	c.chains[chain], c.hashes[chain] = h, hex.EncodeToString(js[:])
	return copies.ObjectName(h), c.seal(h, sealed)
}

// along is what lies under keys/current.age.
func (c *customer) along(epoch uint32, at time.Time, sealed string) []byte {
	b, err := copies.AlongBody(c.charter, "watch", epoch, at, []byte(sealed), c.key)
	if err != nil {
		panic(err)
	}
	return b
}

func segmentHeader(epoch uint32, level int, from, to uint64) copies.Header {
	return copies.Header{Kind: copies.KindSegment, Epoch: epoch, Level: level, Min: from, Max: to, At: time.Now().UnixMicro()}
}

func put(s copies.Site, name string, b []byte) (copies.Receipt, error) {
	return s.Put(context.Background(), name, bytes.NewReader(b), int64(len(b)))
}

func get(s copies.Site, name string) ([]byte, error) {
	r, err := s.Get(context.Background(), name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func names(t *testing.T, s copies.Site) (out []string) {
	t.Helper()
	for o, err := range s.List(context.Background(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, o.Name)
	}
	return
}
