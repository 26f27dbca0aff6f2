package outpost

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/post"
	"kassavalv/internal/ops/copies/sitetest"
)

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
		"keys that are unsigned":  s.Replace(context.Background(), "keys/current.age", []byte("age-encryption.org/v1 rubbish")),
		"keys of another shop":    s.Replace(context.Background(), "keys/current.age", other.along(1, time.Now(), "keys")),
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
	for name, b := range map[string][]byte{"keys/current.age": c.along(1, time.Now(), "keys"), "keys/head.kvc": c.seal(copies.Header{Kind: copies.KindHead, Shop: c.charter.Shop, Epoch: 1, Site: "watch"}, nil)} {
		if err := s.Replace(context.Background(), name, b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Replace(context.Background(), "keys/current.age", c.along(1, time.Now().Add(-time.Hour), "old keys")); !errors.Is(err, copies.ErrRefused) {
		t.Errorf("older keys, put back: %v", err)
	}
	if b, err := get(s, "keys/current.age"); err != nil || !bytes.HasSuffix(b, []byte("keys")) || bytes.HasSuffix(b, []byte("old keys")) {
		t.Errorf("keys: %q, %v", b, err)
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
	// As after a crash: a body that was coming, and an object whose count was not yet written.
	stop(t, p)
	body := filepath.Join(dir, "shops", c.charter.Shop, ".body-1")
	if err := os.WriteFile(body, []byte("half of"), 0o600); err != nil {
		t.Fatal(err)
	}
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
	if _, err := os.Stat(body); err == nil {
		t.Error("half of a body stays for good")
	}
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
