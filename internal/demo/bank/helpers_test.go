package bank

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/demo/bank/wire"
)

// shop is the receiving end: it takes notifications over TLS and checks each
// signature as a shop would.
type shop struct {
	*httptest.Server
	t      *testing.T
	ca     string
	mu     sync.Mutex
	got    []note
	answer func(n int) int // status of the n-th notification, from 0
	news   chan struct{}
}

type note struct {
	event wire.Event
	body  string
	t     int64
	ok    bool // signature
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, news: make(chan struct{}, 10_000)}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.take))
	s.ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	t.Cleanup(s.Close)
	return s
}

func (s *shop) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	n := note{body: string(body)}
	if err := json.Unmarshal(body, &n.event); err != nil {
		s.t.Errorf("notification is no JSON: %v", err)
	}
	n.t, n.ok = verify(r.Header.Get("Sandbox-Signature"), body)
	s.mu.Lock()
	k := len(s.got)
	s.got = append(s.got, n)
	status := http.StatusOK
	if s.answer != nil {
		status = s.answer(k)
	}
	s.mu.Unlock()
	w.WriteHeader(status)
	s.news <- struct{}{}
}

// verify is written from the description, not with the package's own signer.
func verify(header string, body []byte) (int64, bool) {
	ts, v1, found := strings.Cut(header, ",v1=")
	ts, isT := strings.CutPrefix(ts, "t=")
	if !found || !isT {
		return 0, false
	}
	t, err := strconv.ParseInt(ts, 10, 64)
	if err != nil {
		return 0, false
	}
	return t, v1 == hmacHex(wire.Secret, ts+"."+string(body))
}

func (s *shop) notes() []note {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]note(nil), s.got...)
}

// waitNotes returns when n notifications have come.
func (s *shop) waitNotes(n int) []note {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		if got := s.notes(); len(got) >= n {
			return got
		}
		select {
		case <-s.news:
		case <-deadline:
			s.t.Fatalf("%d notifications came, want %d", len(s.notes()), n)
		}
	}
}

// world is a bank that listens, and a shop beside it.
type world struct {
	t    *testing.T
	dir  string
	bank *Server
	shop *shop
	http *http.Client
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), shop: newShop(t)}
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(tr.CloseIdleConnections)
	w.http = &http.Client{
		Transport: tr, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	w.open(change...)
	return w
}

func (w *world) open(change ...func(*Options)) {
	w.t.Helper()
	o := Options{Dir: w.dir, Log: quiet(), BackOff: []time.Duration{time.Millisecond}}
	for _, f := range change {
		f(&o)
	}
	b, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := b.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.bank = b
	w.t.Cleanup(func() { w.shut(b) })
}

func (w *world) shut(b *Server) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		w.t.Errorf("close: %v", err)
	}
}

func (w *world) request(ref string) wire.CreatePayment {
	return wire.CreatePayment{
		Reference: ref, Amount: 12_900, Currency: "SEK", Description: "Ett köp",
		ReturnURL: w.shop.URL + "/back?a=b", NotifyURL: w.shop.URL + "/hook", NotifyCA: w.shop.ca,
	}
}

// call does one API call and decodes the answer into out where it is not nil.
func (w *world) call(method, path, key string, in, out any, header ...string) int {
	w.t.Helper()
	status, _, err := w.try(method, path, key, in, out, header...)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return status
}

func (w *world) try(method, path, key string, in, out any, header ...string) (int, http.Header, error) {
	var body io.Reader
	switch v := in.(type) {
	case nil:
	case string:
		body = strings.NewReader(v)
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return 0, nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, w.bank.URL()+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+wire.Bearer())
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := w.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, err
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			return 0, nil, fmt.Errorf("%w in %s", err, b)
		}
	}
	return res.StatusCode, res.Header, nil
}

func (w *world) create(ref string) wire.Payment {
	w.t.Helper()
	var p wire.Payment
	if status := w.call("POST", "/v1/payments", "key-"+ref, w.request(ref), &p); status != http.StatusCreated {
		w.t.Fatalf("create: %d", status)
	}
	return p
}

func (w *world) get(id string) wire.Payment {
	w.t.Helper()
	var p wire.Payment
	if status := w.call("GET", "/v1/payments/"+id, "", nil, &p); status != http.StatusOK {
		w.t.Fatalf("get: %d", status)
	}
	return p
}

// form posts a form as a browser does and returns status, Location and page.
func (w *world) form(address string, fields ...string) (int, string, string) {
	w.t.Helper()
	status, loc, page, err := w.tryForm(address, fields...)
	if err != nil {
		w.t.Fatal(err)
	}
	return status, loc, page
}

func (w *world) tryForm(address string, fields ...string) (int, string, string, error) {
	v := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	res, err := w.http.PostForm(address, v)
	if err != nil {
		return 0, "", "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header.Get("Location"), string(b), err
}

func (w *world) page(address string) (int, string, http.Header) {
	w.t.Helper()
	res, err := w.http.Get(address)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

func (w *world) ledger() []ledgerRow {
	w.t.Helper()
	var out struct {
		Items []ledgerRow `json:"items"`
	}
	if status := w.call("GET", "/control/payments", "", nil, &out); status != http.StatusOK {
		w.t.Fatalf("ledger: %d", status)
	}
	return out.Items
}
