package bank

import (
	"context"
	"fmt"
	mrand "math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// maxLatency bounds the latency that a tester may ask for.
const maxLatency = time.Minute

// Faults are what the bank does wrong on demand. The zero value is a good bank.
type Faults struct {
	LatencyMS     int64   `json:"latency_ms"`     // before every answer, at most 60,000
	DropRate      float64 `json:"drop_rate"`      // share of requests whose connection closes without an answer
	DuplicateRate float64 `json:"duplicate_rate"` // share of notifications sent twice
	Down          bool    `json:"down"`           // 503 for everything, no notifications
	ProcessingMS  int64   `json:"processing_ms"`  // a good card stays `processing` so long, at most 3,600,000
}

func (f Faults) check() error {
	rate := func(v float64) bool { return v >= 0 && v <= 1 } // false for NaN
	switch {
	case f.LatencyMS < 0 || f.LatencyMS > maxLatency.Milliseconds():
		return fmt.Errorf("latency_ms is 0 to %d", maxLatency.Milliseconds())
	case !rate(f.DropRate):
		return fmt.Errorf("drop_rate is 0 to 1")
	case !rate(f.DuplicateRate):
		return fmt.Errorf("duplicate_rate is 0 to 1")
	case f.ProcessingMS < 0 || f.ProcessingMS > time.Hour.Milliseconds():
		return fmt.Errorf("processing_ms is 0 to %d", time.Hour.Milliseconds())
	}
	return nil
}

// Faults returns the faults in force.
func (s *Server) Faults() Faults {
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	return s.faults
}

// SetFaults replaces all faults.
func (s *Server) SetFaults(f Faults) error {
	if err := f.check(); err != nil {
		return err
	}
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	s.faults = f
	return nil
}

// misbehave puts the faults before everything but /control.
func (s *Server) misbehave(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/control" || strings.HasPrefix(r.URL.Path, "/control/") {
			next.ServeHTTP(w, r)
			return
		}
		f := s.Faults()
		s.wait(r.Context(), time.Duration(f.LatencyMS)*time.Millisecond)
		if f.Down {
			w.Header().Set("Retry-After", "5")
			if strings.HasPrefix(r.URL.Path, "/v1/") {
				writeProblem(w, problem(http.StatusServiceUnavailable, "down", "The sandbox bank is down on request."))
			} else {
				s.render(w, view{Lang: "sv", Status: http.StatusServiceUnavailable, Key: "closed"})
			}
			return
		}
		if mrand.Float64() < f.DropRate {
			if mrand.IntN(2) == 0 {
				next.ServeHTTP(&nowhere{header: http.Header{}}, r)
			}
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// wait lets d pass. Where the caller has gone or the bank closes, it ends the
// request without an answer.
func (s *Server) wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		panic(http.ErrAbortHandler)
	case <-s.ctx.Done():
		panic(http.ErrAbortHandler)
	}
}

// nowhere is an answer that nobody gets.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}
