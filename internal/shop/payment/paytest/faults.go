package paytest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"
)

// Faults puts a Fault before a simulator's API: all but Amount, Currency and Account,
// which only the simulator itself can tell falsely. It counts the requests.
type Faults struct {
	mu    sync.Mutex
	fault Fault
	calls atomic.Int64
}

// Set replaces the fault.
func (f *Faults) Set(x Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = x
}

// Now is the fault in force.
func (f *Faults) Now() Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fault
}

// Calls counts the requests that came.
func (f *Faults) Calls() int { return int(f.calls.Load()) }

// Before returns h with the faults in front of it.
func (f *Faults) Before(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.calls.Add(1)
		x := f.Now()
		if x.Writes && r.Method == http.MethodGet {
			x = Fault{}
		}
		// The whole request is read before anything else: only then does the server
		// see that the client has gone.
		body, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if x.Delay > 0 {
			t := time.NewTimer(x.Delay)
			defer t.Stop()
			select {
			case <-t.C:
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
		}
		switch {
		case x.Down:
			panic(http.ErrAbortHandler)
		case x.LoseAfter:
			h.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case x.Half:
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			// Of an answer without a body the half is within its head: nothing is sent.
			if all := rec.Body.Bytes(); len(all) > 0 {
				w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
				w.WriteHeader(rec.Code)
				_, _ = w.Write(all[:len(all)/2]) // the client may have gone
				_ = http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		case x.Garbage:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "<html><body>502 Bad Gateway")
		case x.Status != 0:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(x.Status)
			_, _ = io.WriteString(w, "{}")
		default:
			h.ServeHTTP(w, r)
		}
	})
}
