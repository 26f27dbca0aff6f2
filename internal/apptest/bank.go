package apptest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// Bank is the sandbox bank as a process of its own, so that it outlives the shop.
type Bank struct {
	URL  string
	dir  string
	log  Log
	proc *Process
}

var bankURL = regexp.MustCompile(`open: (http://\S+)`)

// StartBank starts a bank; it ends with the test.
func StartBank(t testing.TB) *Bank {
	t.Helper()
	Program(t)
	b := &Bank{dir: t.TempDir()}
	t.Cleanup(func() {
		if b.proc != nil {
			b.proc.Kill()
		}
		if t.Failed() {
			t.Logf("the bank said:\n%s", tail(b.log.String(), 4000))
		}
	})
	b.start(t, "127.0.0.1:0")
	return b
}

func (b *Bank) start(t testing.TB, addr string) {
	t.Helper()
	var out Log
	p, err := Run(&out, nil, nil, "bank", "--addr", addr, "--data", b.dir)
	if err != nil {
		t.Fatal(err)
	}
	b.proc = p
	if err := Poll(startTime, func() bool { return !p.Alive() || bankURL.MatchString(out.String()) }); err != nil || !p.Alive() {
		t.Fatalf("the bank does not open: %s", out.String())
	}
	b.URL = bankURL.FindStringSubmatch(out.String())[1]
	b.log.Write([]byte(out.String()))
}

// Kill ends the bank at once.
func (b *Bank) Kill() { b.proc.Kill() }

// Reopen starts a killed bank again at its old address, with its old books.
func (b *Bank) Reopen(t testing.TB) {
	t.Helper()
	b.start(t, strings.TrimPrefix(b.URL, "http://"))
}

// Call is a request of the shop to its bank.
type Call struct {
	Method, Path, Key string // Key: Idempotency-Key
	Body              string
	Status            int // what the shop was answered; 0: nothing

	Gone <-chan struct{} // closed when the shop has given the call up
}

// Meddle decides what happens to a call. forward carries it out at the bank, once, and
// returns the bank's answer. What Meddle returns is what the shop gets; status 0
// breaks the connection.
type Meddle func(c Call, forward func() (status int, body []byte)) (status int, body []byte)

// Tap stands between a shop and its bank, keeps a record of every call and lets a
// test meddle. Give its URL to the shop as the bank's; buyers go to the bank itself.
type Tap struct {
	URL    string
	mu     sync.Mutex
	calls  []Call
	meddle Meddle
}

// NewTap makes a tap before the bank at base; it is closed with the test.
func NewTap(t testing.TB, base string) *Tap {
	tap := &Tap{}
	client := &http.Client{Timeout: 45 * time.Second}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var typ, auth string
		forward := func() (int, []byte) {
			req, err := http.NewRequest(r.Method, base+r.URL.RequestURI(), bytes.NewReader(body))
			if err != nil {
				return 0, nil
			}
			req.Header = r.Header.Clone()
			res, err := client.Do(req)
			if err != nil {
				return 0, nil
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			if err != nil {
				return 0, nil
			}
			typ, auth = res.Header.Get("Content-Type"), res.Header.Get("WWW-Authenticate")
			return res.StatusCode, b
		}
		call := Call{Method: r.Method, Path: r.URL.RequestURI(), Key: r.Header.Get("Idempotency-Key"), Body: string(body), Gone: r.Context().Done()}
		tap.mu.Lock()
		meddle := tap.meddle
		tap.mu.Unlock()
		status, answer := 0, []byte(nil)
		bank := strings.HasPrefix(r.URL.Path, "/v1/")
		if meddle != nil && bank {
			status, answer = meddle(call, forward)
		} else {
			status, answer = forward()
		}
		if bank {
			call.Status = status
			tap.mu.Lock()
			tap.calls = append(tap.calls, call)
			tap.mu.Unlock()
		}
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		if typ != "" {
			w.Header().Set("Content-Type", typ)
		}
		if auth != "" {
			w.Header().Set("WWW-Authenticate", auth)
		}
		w.WriteHeader(status)
		w.Write(answer)
	}))
	tap.URL = srv.URL
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return tap
}

// Meddle sets what happens to the calls from now on; nil lets them pass.
func (t *Tap) Meddle(m Meddle) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.meddle = m
}

// Calls lists the calls that have ended, oldest first.
func (t *Tap) Calls() []Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Call(nil), t.calls...)
}
