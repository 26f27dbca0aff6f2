package post

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
)

// Options of an outpost, as the shop reaches it.
type Options struct {
	Name, Location, Provider string

	Addr     string // host:port
	Cert, CA string // PEM
	Key      secret.Secret

	Timeout time.Duration // how long nothing may move; 0: 20 s
}

// Site is an outpost. It is no copies.Remover, and a copies.Heeder.
type Site struct {
	place   copies.Place
	base    string
	client  *http.Client
	timeout time.Duration
	epoch   atomic.Uint32 // the highest that was put under
}

var (
	_ copies.Site   = (*Site)(nil)
	_ copies.Heeder = (*Site)(nil)
)

// Heeds implements copies.Heeder.
func (*Site) Heeds() {}

// Open makes a site. It does not connect: the outpost may be away.
func Open(o Options) (copies.Site, error) {
	if host, port, err := net.SplitHostPort(o.Addr); err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("copies: %q is not host:port", o.Addr)
	}
	conf, err := pinned(o.CA)
	if err != nil {
		return nil, fmt.Errorf("copies: outpost at %s: %w", o.Addr, err)
	}
	pair, err := tls.X509KeyPair([]byte(o.Cert), []byte(o.Key.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("copies: outpost at %s: cert and key do not belong together, or cannot be read; kassavalv outpost join writes them", o.Addr)
	}
	conf.Certificates = []tls.Certificate{pair}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	s := &Site{base: "https://" + o.Addr, timeout: o.Timeout, client: &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: o.Timeout}).DialContext,
			TLSHandshakeTimeout: o.Timeout, TLSClientConfig: conf, ExpectContinueTimeout: o.Timeout,
			IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 16, DisableCompression: true,
			TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}, // a connection each, so that what stalls one stalls no other
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	s.place = copies.Place{Kind: "outpost", Name: o.Name, Address: o.Addr, Location: o.Location, Provider: o.Provider, Credential: Fingerprint(pair.Certificate[0])[:12], Locked: true}
	return s, nil
}

// Place tells where the outpost is.
func (s *Site) Place() copies.Place { return s.place }

// Close lets go of the connections.
func (s *Site) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

func (s *Site) fail(ctx context.Context, verb, name string, err error) error {
	where := s.place.Address
	if name != "" {
		where = name + " at " + where
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("copies: %s %s: %w", verb, where, err)
}

// call sends a request and gives an answer that is a success.
func (s *Site) call(ctx context.Context, method, path string, body io.Reader, size int64, header map[string]string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.ContentLength = size
		if size == 0 {
			req.Body = http.NoBody
		}
		if size > 256<<10 {
			req.Header.Set("Expect", "100-continue") // a refusal comes before the bytes are sent
		}
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	var a Answer
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	if res.Header.Get("Content-Type") == "application/json" {
		_ = json.Unmarshal(b, &a)
	}
	return nil, errorOf(res.StatusCode, a)
}

func read(res *http.Response, into any) error {
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 32<<20))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return errors.New("the answer is not an outpost's")
	}
	return nil
}

// Put stores an object.
func (s *Site) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if err := copies.Name(name); err != nil {
		return copies.Receipt{}, err
	}
	ctx, w := copies.Patient(ctx, 2*s.timeout)
	defer w.Done()
	rec, err := s.put(ctx, w, name, body, size)
	if err != nil {
		return copies.Receipt{}, s.fail(ctx, "put", name, err)
	}
	return rec, nil
}

func (s *Site) put(ctx context.Context, w *copies.Watch, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if err := copies.Whole(body, size); err != nil {
		return copies.Receipt{}, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, w.Sending(copies.During(ctx, copies.Exactly(body, size)), 0)); err != nil {
		return copies.Receipt{}, err
	}
	if err := copies.Whole(body, size); err != nil {
		return copies.Receipt{}, err
	}
	w.Moved()
	res, err := s.call(ctx, http.MethodPut, "/v1/objects/"+name, w.Sending(copies.During(ctx, copies.Exactly(body, size)), min(size, 8<<20)), size,
		map[string]string{HeaderSum: hex.EncodeToString(sum.Sum(nil))})
	if err == nil || errors.Is(err, copies.ErrFenced) {
		s.writesIn(name)
	}
	if err != nil {
		return copies.Receipt{}, err
	}
	var st Stored
	if err := read(res, &st); err != nil {
		return copies.Receipt{}, err
	}
	if st.Seq == 0 || st.At.IsZero() {
		return copies.Receipt{}, errors.New("the answer is not an outpost's")
	}
	return copies.Receipt{At: st.At, Seq: st.Seq}, nil
}

// writesIn remembers the epoch in which the shop writes: names that are replaced do not tell
// theirs.
func (s *Site) writesIn(name string) {
	part := strings.SplitN(name, "/", 3)
	if len(part) < 3 || part[0] != "e" {
		return
	}
	if n, err := strconv.ParseUint(part[1], 16, 32); err == nil {
		for old := s.epoch.Load(); uint32(n) > old && !s.epoch.CompareAndSwap(old, uint32(n)); old = s.epoch.Load() {
		}
	}
}

// Replace stores a small object in place of another.
func (s *Site) Replace(ctx context.Context, name string, body []byte) error {
	if err := copies.Replaceable(name, body); err != nil {
		return err
	}
	ctx, w := copies.Patient(ctx, 2*s.timeout)
	defer w.Done()
	sum := sha256.Sum256(body)
	h := map[string]string{HeaderSum: hex.EncodeToString(sum[:])}
	if e := s.epoch.Load(); e > 0 {
		h[HeaderEpoch] = strconv.FormatUint(uint64(e), 10)
	}
	res, err := s.call(ctx, http.MethodPut, "/v1/replaced/"+name, bytes.NewReader(body), int64(len(body)), h)
	if err == nil {
		var st Stored
		if err = read(res, &st); err == nil && st.At.IsZero() {
			err = errors.New("the answer is not an outpost's")
		}
	}
	if err != nil {
		return s.fail(ctx, "replace", name, err)
	}
	return nil
}

// Get opens an object.
func (s *Site) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := copies.Name(name); err != nil {
		return nil, err
	}
	ctx, w := copies.Patient(ctx, 2*s.timeout)
	res, err := s.call(ctx, http.MethodGet, "/v1/objects/"+name, nil, 0, nil)
	if err == nil && (res.ContentLength < 0 || res.Header.Get("Content-Type") != "application/octet-stream") {
		res.Body.Close()
		err = errors.New("the answer is not an outpost's")
	}
	if err != nil {
		defer w.Done()
		return nil, s.fail(ctx, "get", name, err)
	}
	w.Pause()
	return &reading{s, ctx, name, w, res.Body, w.Receiving(copies.Exactly(res.Body, res.ContentLength))}, nil
}

type reading struct {
	s    *Site
	ctx  context.Context
	name string
	w    *copies.Watch
	body io.Closer
	r    io.Reader
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		err = r.s.fail(r.ctx, "get", r.name, err)
	}
	return n, err
}

func (r *reading) Close() error {
	r.w.Done()
	return r.body.Close()
}

// List yields the objects, page by page.
func (s *Site) List(ctx context.Context, prefix, after string) iter.Seq2[copies.Object, error] {
	return func(yield func(copies.Object, error) bool) {
		for {
			page, err := s.page(ctx, prefix, after)
			if err != nil {
				yield(copies.Object{}, s.fail(ctx, "list", "", err))
				return
			}
			for _, o := range page.Objects {
				if copies.Name(o.Name) != nil || !strings.HasPrefix(o.Name, prefix) || o.Name <= after {
					yield(copies.Object{}, s.fail(ctx, "list", "", errors.New("the outpost lists what was not asked for, or not in order")))
					return
				}
				after = o.Name
				if !yield(copies.Object{Name: o.Name, Size: o.Size, At: o.At}, nil) {
					return
				}
			}
			if !page.More {
				return
			}
			if len(page.Objects) == 0 {
				yield(copies.Object{}, s.fail(ctx, "list", "", errors.New("the outpost says that there is more and gives nothing")))
				return
			}
		}
	}
}

func (s *Site) page(ctx context.Context, prefix, after string) (Listed, error) {
	ctx, w := copies.Patient(ctx, 2*s.timeout)
	defer w.Done()
	var page Listed
	res, err := s.call(ctx, http.MethodGet, "/v1/objects?"+url.Values{"prefix": {prefix}, "after": {after}}.Encode(), nil, 0, nil)
	if err == nil {
		err = read(res, &page)
	}
	if err == nil && page.Objects == nil {
		err = errors.New("the answer is not an outpost's")
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return page, err
}
