package outpost

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/post"
	"kassavalv/internal/ops/copies/sitetest"
	"kassavalv/internal/secret"
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

func TestSuite(t *testing.T) {
	p := start(t, Options{anything: true, joins: 1000, Rate: 1 << 20, Slots: 64, Page: 1000})
	k := sitetest.Kind{
		Open: func(t *testing.T) copies.Site { return newCustomer(t).join(t, p) },
		Earlier: func(t *testing.T, s copies.Site, _ string) int {
			left, err := filepath.Glob(filepath.Join(p.o.Dir, "shops", "*", ".body-*"))
			if err != nil {
				t.Error(err)
			}
			return len(left)
		},
	}
	t.Run("site", k.Run)
}

func TestFaults(t *testing.T) {
	p := start(t, Options{anything: true, joins: 1000, Rate: 1 << 20, Slots: 64, Idle: 10 * time.Second})
	t.Run("site", func(t *testing.T) {
		sitetest.Kind{}.Faults(t, p.Addr(), func(t *testing.T, addr string, patience time.Duration) copies.Site {
			c := newCustomer(t)
			c.join(t, p)
			c.o.Addr, c.o.Timeout = addr, patience
			return c.site(t)
		})
	})
}

// Only what the shop has signed for this site, as it is, under its own name, is taken.
func TestWhatIsTaken(t *testing.T) {
	p := start(t, Options{})
	c := newCustomer(t)
	s := c.join(t, p)
	charter, err := json.Marshal(c.charter)
	if err != nil {
		t.Fatal(err)
	}
	other := newCustomer(t)
	sealed := []byte("sealed bytes")
	h := segmentHeader(1, 0, 1, 5)
	name, good := c.object(h, sealed)
	full := c.chains[fmt.Sprint(1, copies.KindSegment, 0)]
	with := func(fn func(*copies.Header)) []byte {
		x := full
		fn(&x)
		return c.seal(x, sealed)
	}
	bit := func(i int) []byte {
		b := slices.Clone(good)
		b[i] ^= 1
		return b
	}
	for what, x := range map[string]struct {
		name string
		body []byte
	}{
		"noise":                       {name, []byte("noise")},
		"nothing":                     {name, nil},
		"signed by another shop":      {name, other.seal(full, sealed)},
		"a turned bit in the header":  {name, bit(40)},
		"in the signature":            {name, bit(len(good) - len(sealed) - 3)},
		"in what is sealed":           {name, bit(len(good) - 1)},
		"in the magic":                {name, bit(0)},
		"cut":                         {name, good[:len(good)-1]},
		"longer":                      {name, append(slices.Clone(good), 0)},
		"of another shop":             {name, with(func(h *copies.Header) { h.Shop = other.charter.Shop })},
		"for another site":            {name, with(func(h *copies.Header) { h.Site = "nas" })},
		"of another epoch":            {name, with(func(h *copies.Header) { h.Epoch = 2 })},
		"of another kind":             {name, with(func(h *copies.Header) { h.Kind = copies.KindDump })},
		"of another level":            {name, with(func(h *copies.Header) { h.Level = 1 })},
		"of other transactions":       {name, with(func(h *copies.Header) { h.Max = 6 })},
		"under another name":          {strings.Replace(name, "e/00000001/l0", "e/00000001/l1", 1), good},
		"under a name of its own":     {"e/00000001/l0/x.kvc", good},
		"anywhere":                    {"backup/x", good},
		"as a file":                   {"f/" + strings.Repeat("ab", 32) + ".kvc", good},
		"as a plain segment":          {"ltx/0/0000000000000001-0000000000000005.ltx", sealed},
		"another charter":             {"e/00000001/charter.json", []byte(strings.Replace(string(charter), "Skafferiet", "Annan", 1))},
		"a key that is large":         {"e/00000001/k/0123456789abcdef.age", make([]byte, maxKey+1)},
		"an epoch without a number":   {"e/00000000/charter.json", charter},
		"an epoch that is far away":   {"e/ffffffff/charter.json", charter},
		"what is replaced, as stored": {"keys/current.age", []byte("x")},
	} {
		if _, err := put(s, x.name, x.body); !errors.Is(err, copies.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, err := range map[string]error{
		"another key":             s.Replace(context.Background(), "keys/other.age", []byte("x")),
		"a head that is unsigned": s.Replace(context.Background(), "keys/head.kvc", []byte("x")),
		"a head of another shop":  s.Replace(context.Background(), "keys/head.kvc", other.seal(copies.Header{Kind: copies.KindHead, Shop: c.charter.Shop, Epoch: 1, Site: "watch"}, nil)),
	} {
		if !errors.Is(err, copies.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := names(t, s); len(got) != 0 {
		t.Fatal("taken:", got)
	}
	// The true ones.
	for name, b := range map[string][]byte{name: good, "e/00000001/charter.json": charter, "e/00000001/k/0123456789abcdef.age": []byte("wrapped")} {
		if _, err := put(s, name, b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := get(s, name); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for name, b := range map[string][]byte{"keys/current.age": []byte("keys"), "keys/head.kvc": c.seal(copies.Header{Kind: copies.KindHead, Shop: c.charter.Shop, Epoch: 1, Site: "watch"}, nil)} {
		if err := s.Replace(context.Background(), name, b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	fname, file := c.object(copies.Header{Kind: copies.KindFile, Epoch: 1, Name: strings.Repeat("cd", 32)}, []byte("picture"))
	dname, dump := c.object(copies.Header{Kind: copies.KindDump, Epoch: 1, At: time.Now().UnixMicro()}, []byte("dump"))
	for n, b := range map[string][]byte{fname: file, dname: dump} {
		if _, err := put(s, n, b); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
	if st := p.Status().Shops[0]; len(st.Frozen) != 0 || st.State != "ok" || st.Objects != 5 {
		t.Errorf("%+v", st)
	}
}

// Once epoch N+1 has begun, N is refused: also after a restart, also for what is replaced.
func TestFence(t *testing.T) {
	dir := t.TempDir()
	p := start(t, Options{Dir: dir})
	c := newCustomer(t)
	old := c.join(t, p)
	charter, err := json.Marshal(c.charter)
	if err != nil {
		t.Fatal(err)
	}
	store := func(s copies.Site, epoch uint32, tx uint64) error {
		if _, err := put(s, fmt.Sprintf("e/%08x/charter.json", epoch), charter); err != nil {
			return err
		}
		name, b := c.object(segmentHeader(epoch, 0, tx, tx), []byte(fmt.Sprint("segment ", tx)))
		_, err := put(s, name, b)
		return err
	}
	head := func(epoch uint32) []byte {
		return c.seal(copies.Header{Kind: copies.KindHead, Shop: c.charter.Shop, Epoch: epoch, Site: "watch"}, nil)
	}
	if err := errors.Join(store(old, 1, 1), old.Replace(context.Background(), "keys/head.kvc", head(1))); err != nil {
		t.Fatal(err)
	}
	// The shop's new machine.
	tok, err := NewToken(dir, p.Addr(), c.charter.Shop)
	if err != nil {
		t.Fatal(err)
	}
	before := c.o
	if c.o, _, err = post.Join(context.Background(), tok, "watch", copies.Charter{}); err != nil { // it has only its paper key
		t.Fatal(err)
	}
	young := c.site(t)
	if got := names(t, young); len(got) != 3 {
		t.Error("the new machine sees", got)
	}
	if err := store(old, 1, 2); err != nil {
		t.Error("before the new epoch:", err)
	}
	if err := store(young, 2, 3); err != nil {
		t.Fatal(err)
	}
	check := func(old *post.Site) {
		t.Helper()
		name, b := c.object(copies.Header{Kind: copies.KindFile, Epoch: 1, Name: strings.Repeat("cd", 32)}, []byte("picture"))
		_, errFile := put(old, name, b)
		for what, err := range map[string]error{
			"segment": store(old, 1, 4), "file": errFile, "head": old.Replace(context.Background(), "keys/head.kvc", head(1)), "keys": old.Replace(context.Background(), "keys/current.age", []byte("old")),
		} {
			if !errors.Is(err, copies.ErrRefused) || !errors.Is(err, copies.ErrFenced) || !strings.Contains(err.Error(), "epoch 2") {
				t.Errorf("%s of the old machine: %v", what, err)
			}
		}
	}
	check(old)
	stop(t, p)
	p = start(t, Options{Dir: dir, Addr: p.Addr()})
	check(old)
	c.o = before // the old machine restarted; what it sends first is its charter
	again := c.site(t)
	if _, err := put(again, "e/00000001/charter.json", charter); !errors.Is(err, copies.ErrFenced) {
		t.Error("the old machine after a restart:", err)
	}
	check(again)
	if err := store(young, 2, 5); err != nil {
		t.Error("the new machine:", err)
	}
}

// An epoch begins with what the shop has signed. What the certificate alone can store, which
// may have been stolen, shuts nobody out; and what of an ended epoch was under way when the
// next one began is not confirmed.
func TestWhatBeginsAnEpoch(t *testing.T) {
	dir := t.TempDir()
	p := start(t, Options{Dir: dir})
	c := newCustomer(t)
	s := c.join(t, p)
	charter, err := json.Marshal(c.charter)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"e/00000002/charter.json": charter, "e/00000003/k/0123456789abcdef.age": []byte("key")} {
		if _, err := put(s, name, b); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint64(2) {
		name, b := c.object(segmentHeader(1, 0, i+1, i+1), []byte("segment"))
		if _, err := put(s, name, b); err != nil {
			t.Fatal("shut out by what nobody has signed:", err)
		}
		stop(t, p)
		p = start(t, Options{Dir: dir, Addr: p.Addr()}) // it learns its epochs again from what is there
	}
	name, b := c.object(segmentHeader(2, 0, 3, 3), []byte("segment"))
	if _, err := put(s, name, b); err != nil {
		t.Fatal(err)
	}
	if _, err := p.all()[0].note("e/00000001/l0/x.kvc", 1, taken{epoch: 1, chain: "1/segment/0", seq: 3}); !errors.Is(err, errFenced) {
		t.Error("of an ended epoch, stored while the next one began:", err)
	}
}

// A new paper key makes another charter: the shop joins again with a token that names it.
func TestANewPaperKey(t *testing.T) {
	dir := t.TempDir()
	p := start(t, Options{Dir: dir, joins: 100})
	c := newCustomer(t)
	c.join(t, p)
	was := c.o
	other := newCustomer(t)
	other.join(t, p)
	c.charter.Paper, c.charter.Seal = "another", "sealed by it"
	charter, err := json.Marshal(c.charter)
	if err != nil {
		t.Fatal(err)
	}
	begin := func() error {
		_, err := put(c.site(t), "e/00000002/charter.json", charter)
		return err
	}
	if err := begin(); !errors.Is(err, copies.ErrRefused) || !strings.Contains(err.Error(), "--shop "+c.charter.Shop) {
		t.Error("a charter that was not enrolled:", err)
	}
	join := func(shop string) error {
		tok, err := NewToken(dir, p.Addr(), shop)
		if err != nil {
			t.Fatal(err)
		}
		o, _, err := post.Join(context.Background(), tok, "watch", c.charter)
		if err == nil {
			c.o = o
		}
		return err
	}
	if err := join(other.charter.Shop); !errors.Is(err, copies.ErrRefused) {
		t.Error("with a token for another shop:", err)
	}
	if err := join(c.charter.Shop); err != nil {
		t.Fatal(err)
	}
	stop(t, p)
	p = start(t, Options{Dir: dir, Addr: p.Addr()})
	if err := begin(); err != nil {
		t.Error("after it has joined again:", err)
	}
	name, b := c.object(segmentHeader(2, 0, 1, 1), []byte("segment"))
	if _, err := put(c.site(t), name, b); err != nil {
		t.Error(err)
	}
	c.o = was // what was let in stays so
	if _, err := get(c.site(t), name); err != nil {
		t.Error(err)
	}
}

// slow calls at, once, when an object is read for the second time: on its way.
type slow struct {
	*bytes.Reader
	read int64
	at   func()
}

func (s *slow) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if s.read += int64(n); s.read > s.Size() && s.at != nil {
		s.at()
		s.at = nil
	}
	return n, err
}

// A body may not stand still; how long what is whole takes to be looked at and stored is
// another matter.
func TestWhatTakesLongToLookAt(t *testing.T) {
	const idle = 2 * time.Second
	p := start(t, Options{Idle: idle})
	c := newCustomer(t)
	s := c.join(t, p)
	name, b := c.object(segmentHeader(1, 0, 1, 1), bytes.Repeat([]byte("large"), 1<<18)) // it is asked whether it may come before it does
	shop := p.all()[0]
	body := &slow{Reader: bytes.NewReader(b), at: func() {
		shop.mu.Lock() // it is not looked at before this is given back
		time.AfterFunc(2*idle, shop.mu.Unlock)
	}}
	if _, err := s.Put(context.Background(), name, body, int64(len(b))); err != nil {
		t.Error(err)
	}
	if got, err := get(s, name); err != nil || !bytes.Equal(got, b) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// No single credential can read and delete: there is no verb to delete, and nobody reads
// another's.
func TestNothingIsRemovedOrSeenByAnother(t *testing.T) {
	p := start(t, Options{})
	c, other := newCustomer(t), newCustomer(t)
	s, o := c.join(t, p), other.join(t, p)
	name, b := c.object(segmentHeader(1, 0, 1, 1), []byte("sealed"))
	if _, err := put(s, name, b); err != nil {
		t.Fatal(err)
	}
	if _, ok := any(s).(copies.Remover); ok {
		t.Error("the site can remove")
	}
	if _, err := get(o, name); !errors.Is(err, copies.ErrAbsent) {
		t.Error("another shop reads it:", err)
	}
	if got := names(t, o); len(got) != 0 {
		t.Error("another shop lists", got)
	}
	client := func(o post.Options) *http.Client {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(c.o.CA))
		conf := &tls.Config{RootCAs: pool, ServerName: post.ServerName, MinVersion: tls.VersionTLS13}
		if o.Cert != "" {
			pair, err := tls.X509KeyPair([]byte(o.Cert), []byte(o.Key.Reveal()))
			if err != nil {
				t.Fatal(err)
			}
			conf.Certificates = []tls.Certificate{pair}
		}
		return &http.Client{Transport: &http.Transport{TLSClientConfig: conf}}
	}
	ask := func(cl *http.Client, method, path string) int {
		t.Helper()
		req, err := http.NewRequest(method, "https://"+p.Addr()+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := cl.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	// With the shop's own certificate, every verb that could remove, on every path.
	own := client(c.o)
	for _, r := range Routes {
		for _, method := range []string{"DELETE", "PATCH", "MOVE", "COPY", "POST", "PROPPATCH", "PURGE"} {
			path := strings.Replace(r.Path, "{name...}", name, 1)
			if r.Path == "/v1/join" && method == "POST" {
				continue
			}
			if got := ask(own, method, path); got != http.StatusMethodNotAllowed && got != http.StatusNotFound {
				t.Errorf("%s %s: %d", method, path, got)
			}
		}
	}
	_, changed := c.object(segmentHeader(1, 0, 1, 1), []byte("SEALED"))
	if _, err := put(s, name, changed); err == nil {
		t.Error("another object was laid over it")
	}
	if _, err := put(s, name, nil); err == nil {
		t.Error("an empty object was laid over it")
	}
	if err := s.Replace(context.Background(), name, nil); !errors.Is(err, copies.ErrRefused) {
		t.Error("it was replaced:", err)
	}
	if got, err := get(s, name); err != nil || !bytes.Equal(got, b) {
		t.Errorf("after all of it: %d bytes, %v", len(got), err)
	}
	// Without a certificate, nothing but joining, which wants a token.
	none := client(post.Options{})
	for _, r := range Routes {
		if got := ask(none, r.Method, strings.Replace(r.Path, "{name...}", name, 1)); got != http.StatusForbidden {
			t.Errorf("without a certificate: %s %s: %d", r.Method, r.Path, got)
		}
	}
	// With one of another authority.
	strange := start(t, Options{})
	stranger := newCustomer(t)
	stranger.join(t, strange)
	stranger.o.CA = c.o.CA
	if _, err := get(stranger.site(t), name); err == nil {
		t.Error("a certificate of another outpost was let in")
	}
	// Revoked, while it runs.
	file := filepath.Join(p.o.Dir, "shops", c.charter.Shop, "shop.json")
	j, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var e enrolled
	if err := json.Unmarshal(j, &e); err != nil {
		t.Fatal(err)
	}
	e.Certs = nil
	if j, err = json.Marshal(e); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, j, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := get(s, name); !errors.Is(err, copies.ErrRefused) {
		t.Error("a revoked certificate:", err)
	}
}

func TestTokens(t *testing.T) {
	clk := &clock{at: time.Now()}
	p := start(t, Options{Now: clk.now, joins: 100})
	c := newCustomer(t)
	tok, err := NewToken(p.o.Dir, p.Addr(), "")
	if err != nil {
		t.Fatal(err)
	}
	join := func(tok post.Token, site string, ch copies.Charter) error {
		_, _, err := post.Join(context.Background(), tok, site, ch)
		return err
	}
	wrong := tok
	wrong.Secret = "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	if err := join(wrong, "watch", c.charter); !errors.Is(err, copies.ErrRefused) {
		t.Error("a secret that is none:", err)
	}
	wrong.Secret = "../ca.pem"
	if err := join(wrong, "watch", c.charter); !errors.Is(err, copies.ErrRefused) {
		t.Error("a secret that is a path:", err)
	}
	elsewhere := tok
	strange, err := NewToken(start(t, Options{}).o.Dir, p.Addr(), "")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.CA = strange.CA
	if err := join(elsewhere, "watch", c.charter); err == nil || strings.Contains(err.Error(), tok.Secret) {
		t.Error("another machine under the address:", err)
	}
	if err := join(tok, "watch", c.charter); err != nil {
		t.Fatal("the token was used up by somebody who was not let in:", err)
	}
	if err := join(tok, "watch", newCustomer(t).charter); !errors.Is(err, copies.ErrRefused) {
		t.Error("used twice:", err)
	}
	if tok, err = NewToken(p.o.Dir, p.Addr(), ""); err != nil {
		t.Fatal(err)
	}
	if err := join(tok, "watch", c.charter); !errors.Is(err, copies.ErrRefused) || !strings.Contains(err.Error(), "already") {
		t.Error("a shop that is enrolled, with a token for a new one:", err)
	}
	if tok, err = NewToken(p.o.Dir, p.Addr(), ""); err != nil {
		t.Fatal(err)
	}
	clk.forward(25 * time.Hour)
	if err := join(tok, "watch", newCustomer(t).charter); !errors.Is(err, copies.ErrRefused) {
		t.Error("after a day:", err)
	}
	if _, err := NewToken(p.o.Dir, p.Addr(), strings.Repeat("0", 32)); err == nil {
		t.Error("a token for a shop that is not enrolled")
	}
	for _, s := range []string{"", "x", tok.String()[:40], "kassavalv-outpost-1.", "kassavalv-outpost-1.e30"} {
		if _, err := post.ParseToken(s); err == nil {
			t.Errorf("%q is a token", s)
		}
	}
}

func TestSilenceIsNoticedHere(t *testing.T) {
	clk, log := &clock{at: time.Now()}, &said{}
	p := start(t, Options{Now: clk.now, Log: slog.New(slog.NewTextHandler(log, nil)), Silence: time.Minute, StatusAddr: "127.0.0.1:0"})
	c := newCustomer(t)
	s := c.join(t, p)
	status := func() ShopStatus {
		t.Helper()
		res, err := http.Get("http://" + p.StatusAddr() + "/status")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var st Status
		if err := json.NewDecoder(res.Body).Decode(&st); err != nil || len(st.Shops) != 1 {
			t.Fatalf("%+v %v", st, err)
		}
		return st.Shops[0]
	}
	if st := status(); st.State != "waiting" {
		t.Errorf("%+v", st)
	}
	head := func() {
		t.Helper()
		if err := s.Replace(context.Background(), "keys/head.kvc", c.seal(copies.Header{Kind: copies.KindHead, Shop: c.charter.Shop, Epoch: 1, Site: "watch"}, nil)); err != nil {
			t.Fatal(err)
		}
	}
	head()
	p.look(context.Background())
	if st := status(); st.State != "ok" || log.has("silent") {
		t.Errorf("%+v", st)
	}
	clk.forward(61 * time.Second)
	p.look(context.Background())
	if st := status(); st.State != "silent" || !st.Silent || !log.has("the shop is silent") {
		t.Errorf("%+v", st)
	}
	head()
	p.look(context.Background())
	if st := status(); st.State != "ok" || !log.has("heard again") {
		t.Errorf("%+v", st)
	}
}

// store stores the next object of its chain, at the time of the test's clock.
func (c *customer) store(t *testing.T, p *Outpost, s copies.Site, clk *clock, h copies.Header, b []byte) {
	t.Helper()
	name, body := c.object(h, b)
	if _, err := put(s, name, body); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(p.o.Dir, "shops", c.charter.Shop, "objects", name), clk.now(), clk.now()); err != nil {
		t.Fatal(err)
	}
}

// years fills a shop with what a year of copies leaves, each stored at its time.
func years(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock, days int) {
	t.Helper()
	tx := uint64(1)
	store := func(h copies.Header, b []byte) { t.Helper(); c.store(t, p, s, clk, h, b) }
	for d := range days {
		first := tx
		for i := range 2 {
			store(segmentHeader(1, copies.Raw, tx, tx), []byte(fmt.Sprint("raw", d, i)))
			tx++
		}
		store(segmentHeader(1, copies.Minutes, first, tx-1), []byte(fmt.Sprint("min", d)))
		store(segmentHeader(1, copies.Hours, first, tx-1), []byte(fmt.Sprint("hour", d)))
		store(segmentHeader(1, copies.Days, first, tx-1), []byte(fmt.Sprint("day", d)))
		store(segmentHeader(1, copies.Snapshot, 1, tx-1), bytes.Repeat([]byte("snapshot"), 100+d))
		clk.forward(24 * time.Hour)
	}
}

const day = 24 * time.Hour

// heard lets the shop tell its head now.
func heard(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock) {
	t.Helper()
	if err := s.Replace(context.Background(), "keys/head.kvc", c.seal(copies.Header{Kind: copies.KindHead, Shop: c.charter.Shop, Epoch: 1, Site: "watch"}, nil)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(p.o.Dir, "shops", c.charter.Shop, "objects", "keys/head.kvc"), clk.now(), clk.now()); err != nil {
		t.Fatal(err)
	}
}

func TestRetention(t *testing.T) {
	clk := &clock{at: time.Now().Add(-2 * 365 * day)}
	p := start(t, Options{Now: clk.now, Rate: 1 << 20, PruneEvery: 1000 * day, Policy: copies.Policy{Raw: 3 * day, Minutes: 10 * day, Hours: 15 * day, Days: 20 * day, Dumps: 20 * day}})
	c := newCustomer(t)
	s := c.join(t, p)
	shop := p.all()[0]
	prune := func() int {
		t.Helper()
		n, err := shop.prune(context.Background(), p.o)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	years(t, p, c, s, clk, 12)
	heard(t, p, c, s, clk)
	// Raw ones of more than three days, five-minute ones of more than ten.
	if n := prune(); n != 2*9+2 {
		t.Errorf("%d objects were removed; %v", n, p.Status().Shops[0].Frozen)
	}
	left := map[string]int{}
	for _, n := range names(t, s) {
		if part := strings.Split(n, "/"); len(part) > 2 {
			left[part[2]]++
		}
	}
	if fmt.Sprint(left) != "map[l0:6 l1:10 l2:12 l3:12 l9:12]" {
		t.Error(left)
	}
	if n := prune(); n != 0 {
		t.Error("again:", n)
	}
	if st := p.Status().Shops[0]; st.State != "ok" || st.Objects != 52 {
		t.Errorf("%+v", st)
	}
	// What nothing else holds stays, however old.
	name, b := c.object(segmentHeader(1, copies.Raw, 25, 25), []byte("after the last snapshot"))
	if _, err := put(s, name, b); err != nil {
		t.Fatal(err)
	}
	past := clk.now().Add(-19 * day)
	if err := os.Chtimes(filepath.Join(shop.dir, "objects", name), past, past); err != nil {
		t.Fatal(err)
	}
	prune()
	if _, err := get(s, name); err != nil {
		t.Error("what nothing else holds was removed:", err)
	}
	// A clock that jumps a year removes nothing, and says why; so it does when it is back.
	before := names(t, s)
	clk.forward(365 * day)
	if n := prune(); n != 0 || !slices.Equal(names(t, s), before) {
		t.Errorf("a clock that jumped removed %d objects", n)
	}
	if st := p.Status().Shops[0]; len(st.Frozen) != 1 || !strings.Contains(st.Frozen[0], "clock") {
		t.Errorf("%+v", st)
	}
	clk.forward(-365 * day)
	if n := prune(); n != 0 || len(p.Status().Shops[0].Frozen) != 0 {
		t.Errorf("the clock is right again: %d, %+v", n, p.Status().Shops[0])
	}
	if err := Release(p.o.Dir, "../.."); err == nil {
		t.Error("released what is no shop")
	}
}

// More than half goes only after a person has looked.
func TestRetentionOfTooMuch(t *testing.T) {
	clk := &clock{at: time.Now().Add(-2 * 365 * day)}
	p := start(t, Options{Now: clk.now, Rate: 1 << 20, PruneEvery: 1000 * day, Policy: copies.Policy{Raw: 2 * day, Minutes: 2 * day, Hours: 2 * day, Days: 2 * day, Dumps: 2 * day}})
	c := newCustomer(t)
	s := c.join(t, p)
	shop := p.all()[0]
	years(t, p, c, s, clk, 40)
	heard(t, p, c, s, clk)
	before := names(t, s)
	n, err := shop.prune(context.Background(), p.o)
	if st := p.Status().Shops[0]; err != nil || n != 0 || len(st.Frozen) != 1 || !strings.Contains(st.Frozen[0], "half") || st.State != "frozen" || !slices.Equal(names(t, s), before) {
		t.Errorf("%d, %v, %+v", n, err, st)
	}
	if err := Release(p.o.Dir, c.charter.Shop); err != nil {
		t.Fatal(err)
	}
	p.look(context.Background()) // within seconds, not at the next hour
	if st := p.Status().Shops[0]; st.Objects >= len(before)/2 || len(st.Frozen) != 0 || st.Objects+1 != len(names(t, s)) {
		t.Errorf("released: %+v", st)
	}
}

// Nothing is removed while something looks wrong.
func TestRetentionFreezes(t *testing.T) {
	for what, c := range map[string]struct {
		harm func(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock)
		says string
	}{
		"the snapshot shrinks": {func(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock) {
			c.store(t, p, s, clk, segmentHeader(1, copies.Snapshot, 1, 30), []byte("small"))
		}, "less than half"},
		"a link of the chain is missing": {func(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock) {
			c.object(segmentHeader(1, copies.Raw, 25, 25), []byte("lost"))
			c.store(t, p, s, clk, segmentHeader(1, copies.Raw, 26, 26), []byte("follows"))
		}, "chain"},
		"the chain forks": {func(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock) {
			at := fmt.Sprint(1, copies.KindSegment, copies.Raw)
			last, hash := c.chains[at], c.hashes[at]
			for i := range 2 {
				c.chains[at], c.hashes[at] = last, hash
				c.store(t, p, s, clk, segmentHeader(1, copies.Raw, 25, 25), []byte(fmt.Sprint("fork ", i)))
			}
		}, "chain"},
		"a link follows another one": {func(t *testing.T, p *Outpost, c *customer, s copies.Site, clk *clock) {
			c.hashes[fmt.Sprint(1, copies.KindSegment, copies.Raw)] = strings.Repeat("0", 64)
			c.store(t, p, s, clk, segmentHeader(1, copies.Raw, 25, 25), []byte("of another history"))
		}, "chain"},
		"the shop is silent": {func(_ *testing.T, _ *Outpost, _ *customer, _ copies.Site, clk *clock) { clk.forward(45 * time.Minute) }, ""},
	} {
		t.Run(what, func(t *testing.T) {
			clk := &clock{at: time.Now().Add(-365 * 24 * time.Hour)}
			p := start(t, Options{Now: clk.now, FreezeAfter: 30 * time.Minute, Rate: 1 << 20, PruneEvery: 1000 * 24 * time.Hour, Policy: copies.Policy{Raw: 3 * day, Minutes: 10 * day, Hours: 15 * day, Days: 20 * day, Dumps: 20 * day}})
			cu := newCustomer(t)
			s := cu.join(t, p)
			shop := p.all()[0]
			years(t, p, cu, s, clk, 12)
			heard(t, p, cu, s, clk)
			c.harm(t, p, cu, s, clk)
			before := names(t, s)
			if len(before) != 73 && len(before) != 74 && len(before) != 75 {
				t.Fatal(len(before), "objects")
			}
			if n, err := shop.prune(context.Background(), p.o); err != nil || n != 0 || !slices.Equal(names(t, s), before) {
				t.Errorf("%d objects were removed, %v", n, err)
			}
			st := p.Status().Shops[0]
			if c.says == "" {
				if !st.Silent || len(st.Frozen) != 0 {
					t.Errorf("%+v", st)
				}
				return
			} else if len(st.Frozen) == 0 || !strings.Contains(st.Frozen[0], c.says) {
				t.Errorf("%q", st.Frozen)
			}
			// It stays so over a restart.
			stop(t, p)
			p = start(t, Options{Dir: p.o.Dir, Now: clk.now})
			if now := p.Status().Shops[0]; len(now.Frozen) == 0 || now.Frozen[0] != st.Frozen[0] {
				t.Errorf("after a restart: %q, before %q", now.Frozen, st.Frozen)
			}
		})
	}
}

// A restart neither forgets counts nor takes a chain for broken.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	p := start(t, Options{Dir: dir})
	c := newCustomer(t)
	s := c.join(t, p)
	got := map[string]copies.Receipt{}
	bodies := map[string][]byte{}
	var last uint64
	for i := range 10 {
		name, b := c.object(segmentHeader(1, 0, uint64(i+1), uint64(i+1)), []byte(fmt.Sprint(i)))
		r, err := put(s, name, b)
		if err != nil || r.Seq <= last {
			t.Fatalf("%+v after %d: %v", r, last, err)
		}
		got[name], bodies[name], last = r, b, r.Seq
		if i == 4 {
			stop(t, p)
			p = start(t, Options{Dir: dir, Addr: p.Addr()})
		}
	}
	// As after a crash: an object whose count was not yet written.
	stop(t, p)
	seq := filepath.Join(dir, "shops", c.charter.Shop, "seq")
	lines, err := os.ReadFile(seq)
	if err != nil {
		t.Fatal(err)
	}
	var lost string
	for name, r := range got {
		if r.Seq == last {
			lost = name
		}
	}
	if err := os.WriteFile(seq, bytes.ReplaceAll(lines, fmt.Appendf(nil, "%d %s\n", last, lost), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	p = start(t, Options{Dir: dir, Addr: p.Addr()})
	for name, r := range got {
		again, err := put(s, name, bodies[name])
		if err != nil || !again.At.Equal(r.At) || name != lost && again.Seq != r.Seq || name == lost && again.Seq <= last {
			t.Errorf("%s: %+v, before %+v: %v", name, again, r, err)
		}
	}
	name, b := c.object(segmentHeader(1, 0, 11, 11), []byte("after"))
	if r, err := put(s, name, b); err != nil || r.Seq <= last {
		t.Errorf("%+v %v", r, err)
	}
	if st := p.Status().Shops[0]; len(st.Frozen) != 0 || st.Epoch != 1 || st.Objects != 11 {
		t.Errorf("%+v", st)
	}
}

func TestBounds(t *testing.T) {
	p := start(t, Options{MaxObject: 10000, MaxBytes: 30000, Rate: 1 << 20})
	c := newCustomer(t)
	s := c.join(t, p)
	name, b := c.object(segmentHeader(1, 0, 1, 1), make([]byte, 10001))
	if _, err := put(s, name, b); !errors.Is(err, copies.ErrRefused) {
		t.Error("too large:", err)
	}
	full := false
	for i := range 6 {
		name, b := c.object(segmentHeader(1, 0, uint64(i+2), uint64(i+2)), make([]byte, 9000-i))
		if _, err := put(s, name, b); errors.Is(err, copies.ErrFull) {
			full = true
		} else if err != nil {
			t.Error(err)
		}
	}
	if !full {
		t.Error("a shop may store more than its room")
	}
	limit := p.all()[0].limit
	limit.SetBurst(0)
	_, err := put(s, name, b[:100])
	if err == nil || errors.Is(err, copies.ErrRefused) || errors.Is(err, copies.ErrFull) {
		t.Error("faster than its rate:", err)
	}
	// A body that is not what was said of it.
	limit.SetBurst(1000)
	for !limit.Allow() { // a million a second come back
		runtime.Gosched()
	}
	req, err := http.NewRequest("PUT", "https://"+p.Addr()+"/v1/objects/e/00000001/k/a.age", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(post.HeaderSum, strings.Repeat("0", 64))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(c.o.CA))
	pair, err := tls.X509KeyPair([]byte(c.o.Cert), []byte(c.o.Key.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: post.ServerName, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var a post.Answer
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil || res.StatusCode != 400 || a.Code != post.CodeBroken {
		t.Errorf("%d %+v %v", res.StatusCode, a, err)
	}
}

func TestSettingsOfTheShopThatAreWrong(t *testing.T) {
	p := start(t, Options{})
	c := newCustomer(t)
	c.join(t, p)
	for what, change := range map[string]func(*post.Options){
		"no port":      func(o *post.Options) { o.Addr = "host" },
		"no authority": func(o *post.Options) { o.CA = "" },
		"no key":       func(o *post.Options) { o.Key = secret.Secret{} },
		"another key":  func(o *post.Options) { d := newCustomer(t); d.join(t, p); o.Key = d.o.Key },
	} {
		o := c.o
		change(&o)
		if _, err := post.Open(o); err == nil {
			t.Errorf("%s: opened", what)
		} else if strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
