package web

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"kassavalv/internal/fault"
)

// wholeBody is the largest limit of a body that is read before the request takes
// a place at the gate. Larger ones (uploads) are streamed by their handler.
const wholeBody = 256 << 10

// budget counts the bytes of bodies held in memory by all requests of a listener.
type budget struct {
	most int64
	held atomic.Int64
}

func (b *budget) grab(n int64) bool {
	if b.held.Add(n) > b.most {
		b.held.Add(-n)
		return false
	}
	return true
}

// heldBody is a body, or the part of one, that arrived before the handler runs.
// When it was too large, reading it ends in *http.MaxBytesError, so that a caller
// without a right learns that first.
type heldBody struct {
	r     bytes.Reader
	held  int64
	limit int64
	over  bool
}

func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == io.EOF && b.over {
		return n, &http.MaxBytesError{Limit: b.limit}
	}
	return n, err
}

func (b *heldBody) Close() error { return nil }

// openBody bounds the body of a request by bytes and time. A small one is read
// here, so that a peer who sends slowly holds neither a place nor a handler.
func (m *Mux) openBody(a *answer, r *Request) error {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil // nobody reads it
	}
	limit, wait := r.Route.Body, r.Route.BodyTime
	if limit <= 0 {
		limit = DefaultBody
	}
	if wait <= 0 {
		wait = 15 * time.Second
	}
	// net/http looks at the Body of its own request when it decides what to do with
	// what was not read, so that one stays as it is.
	c := new(http.Request)
	*c = *r.Request
	r.Request = c
	rc := http.NewResponseController(a.ResponseWriter)
	_ = rc.SetReadDeadline(time.Now().Add(wait)) // not every test recorder can
	if limit > wholeBody {
		if r.ContentLength > limit {
			return &http.MaxBytesError{Limit: limit}
		}
		_ = rc.SetWriteDeadline(time.Now().Add(wait + 60*time.Second))
		r.Body = http.MaxBytesReader(a.ResponseWriter, r.Body, limit)
		return nil
	}
	b := &heldBody{limit: limit}
	a.body = b
	data, err := m.readWhole(b, r.Body, r.ContentLength, limit)
	if err != nil {
		return err
	}
	if !b.over {
		a.bodyRead = true
		// The deadline was for the body; net/http would otherwise cancel a handler
		// that waits for the bank.
		_ = rc.SetReadDeadline(time.Time{})
	}
	b.r.Reset(data)
	r.Body = b
	return nil
}

func (m *Mux) readWhole(b *heldBody, body io.Reader, announced, limit int64) ([]byte, error) {
	size := int64(2 << 10)
	if announced > 0 {
		size = min(announced, limit)
	}
	if announced > limit {
		b.over = true
		return nil, nil
	}
	var data []byte
	for {
		// Memory is taken only for what the budget allows, and grows with what has
		// really come.
		if int64(cap(data)) < size+1 {
			more := size + 1 - int64(cap(data))
			if !m.bodies.grab(more) {
				return nil, fault.Busy("busy", 5*time.Second)
			}
			b.held += more
			grown := make([]byte, len(data), size+1)
			copy(grown, data)
			data = grown
		}
		n, err := body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if int64(len(data)) > limit {
			b.over = true
			return nil, nil
		}
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, bodyError(err)
		}
		if len(data) == cap(data) {
			size = min(2*size, limit)
		}
	}
}

// bodyError keeps what has a meaning of its own and calls the rest unreadable:
// whatever breaks a body on its way is not the shop's fault.
func bodyError(err error) error {
	if errors.As(err, new(*http.MaxBytesError)) || fault.As(err) != nil {
		return err
	}
	if isTimeout(err) {
		return Refuse(http.StatusRequestTimeout, "too_slow")
	}
	return &fault.Error{Kind: fault.Malformed, Code: "unreadable", Cause: err}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func (m *Mux) closeBody(a *answer) {
	if a.body != nil && a.body.held > 0 {
		m.bodies.held.Add(-a.body.held)
		a.body.held = 0
	}
}

// Extend gives a long answer (an export, a large download) its own time to be
// written and keeps the request alive as long.
func (r *Request) Extend(w http.ResponseWriter, d time.Duration) {
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Now().Add(d))
	_ = rc.SetReadDeadline(time.Now().Add(d))
}
