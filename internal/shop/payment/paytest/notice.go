package paytest

import (
	"bytes"
	"errors"
	"net/url"
	"strings"
	"time"

	"kassavalv/internal/shop/payment"
)

// verify never panics: what is posted to us comes from anybody.
func (s *scene) verify(n Notice, at time.Time) (h payment.Hint, err error) {
	s.j.Helper()
	defer func() {
		if r := recover(); r != nil {
			s.j.Errorf("panic over a notification: %v", r)
			err = errors.New("panic")
		}
	}()
	q, _ := url.ParseQuery(n.Query)
	h, err = s.p.Verify(payment.Notice{Header: n.Header.Clone(), Query: q, Body: bytes.Clone(n.Body), At: at})
	s.err(err)
	return h, err
}

func about(b begun, h payment.Hint) bool {
	return h.Reference == b.w.Reference && (h.Ref == "" || h.Ref == b.h.Ref) || h.Reference == "" && h.Ref == b.h.Ref
}

// A notification names the payment, twice the same, and nothing more is believed of it.
func notice(s *scene) {
	if x, ok := as[payment.Silent](s.p); ok && !x.Notifies() {
		return
	}
	b := s.begin(12_900)
	early := s.sim.Notice(s.t, b.Ref)
	s.sim.Pay(s.t, b.Ref)
	s.settled(b.h)
	late := s.sim.Notice(s.t, b.Ref)
	for _, n := range []Notice{late, early, late} { // out of order
		h, err := s.verify(n, time.Now())
		if err != nil {
			s.j.Errorf("genuine: %v", err)
			continue
		}
		if !about(b, h) {
			s.j.Errorf("about another payment: %+v", h)
		}
		if h.EventID == "" && !h.Unsigned {
			s.j.Errorf("signed and without an id: %+v", h)
		}
		again, err := s.verify(n, time.Now())
		if err != nil || again != h {
			s.j.Errorf("twice: %+v, then %+v, %v", h, again, err)
		}
	}
	if st := s.look(b.h); st.State != payment.Captured && st.State != payment.Authorised {
		s.j.Errorf("then %s", st.State)
	}
}

// One that was signed long ago, or will be, is somebody's recording.
func noticeLate(s *scene) {
	if x, ok := as[payment.Silent](s.p); ok && !x.Notifies() {
		return
	}
	b := s.paid(12_900)
	n := s.sim.Notice(s.t, b.Ref)
	for _, off := range []time.Duration{time.Hour, -time.Hour, 1000 * time.Hour} {
		h, err := s.verify(n, time.Now().Add(off))
		if err == nil && !h.Unsigned {
			s.j.Errorf("believed %v away: %+v", off, h)
		}
		if err != nil && !errors.Is(err, payment.ErrBadSignature) {
			s.j.Errorf("%v away: %v", off, err)
		}
	}
}

func noticeTampered(s *scene) {
	if x, ok := as[payment.Silent](s.p); ok && !x.Notifies() {
		return
	}
	b := s.paid(12_900)
	n := s.sim.Notice(s.t, b.Ref)
	bad := func(what string, n Notice) {
		s.j.Helper()
		h, err := s.verify(n, time.Now())
		if err == nil && !h.Unsigned {
			s.j.Errorf("%s: believed: %+v", what, h)
		}
	}
	for i := range n.Body {
		if s.found() {
			return
		}
		for _, x := range []byte{1, 0x20, 0x80} {
			c := n
			c.Body = bytes.Clone(n.Body)
			c.Body[i] ^= x
			bad("another byte", c)
		}
	}
	for _, c := range [][]byte{append(bytes.Clone(n.Body), '\n'), append([]byte{' '}, n.Body...), n.Body[:max(0, len(n.Body)-1)], append(bytes.Clone(n.Body), n.Body...)} {
		bad("another length", Notice{n.Header, n.Query, c})
	}
	bad("no header", Notice{Body: n.Body, Query: n.Query})
	for k, v := range n.Header {
		for i := range v {
			for at := range v[i] {
				if k == "Content-Type" || k == "User-Agent" || k == "Accept" {
					continue
				}
				x := []byte(v[i])
				x[at] ^= 2
				c := Notice{n.Header.Clone(), n.Query, n.Body}
				c.Header[k][i] = string(x)
				// The scheme may have parts that need not be right: a time or one of two signatures. What
				// it must not do is take it for another payment.
				if h, err := s.verify(c, time.Now()); err == nil && !about(b, h) {
					s.j.Errorf("another byte of a header made it %+v", h)
				}
			}
		}
	}
}

// Rightly signed, and about another account or mode: somebody has our secret.
func noticeForged(s *scene) {
	b := s.paid(12_900)
	n, ok := s.sim.Forge(s.t, b.Ref)
	if !ok {
		return
	}
	h, err := s.verify(n, time.Now())
	if !errors.Is(err, payment.ErrForeign) {
		s.j.Errorf("another account or mode: %+v, %v, want ErrForeign", h, err)
	}
	if h.EventID == "" {
		s.j.Errorf("refused without its id: %+v", h)
	}
}

var nonsense = []string{"", "null", "[]", "{}", `""`, "0", "true", `{"data":null}`, `{"data":{"object":[]}}`, `{"id":1e400}`, `{"id":` + strings.Repeat("9", 5000) + `}`,
	strings.Repeat("[", 10_000), strings.Repeat(`{"a":`, 10_000), `{"id":"a","id":"b","data":{},"data":[]}`, `{"id":"\u0000","data":{"reference":"\ud800"}}`,
	"\xff\xfe\x00", `{"id":"` + strings.Repeat("a", 100_000) + `"}`, `{"object":"event","id":{},"type":[],"data":{"object":{"id":{},"object":7}}}`}

// Whatever the bytes, nothing falls over, and nothing but printable names comes out.
func noticeNonsense(s *scene) {
	if x, ok := as[payment.Silent](s.p); ok && !x.Notifies() {
		return
	}
	b := s.begin(12_900)
	n := s.sim.Notice(s.t, b.Ref)
	signer, signs := s.sim.(Signer)
	for _, body := range nonsense {
		if h, err := s.verify(Notice{n.Header, n.Query, []byte(body)}, time.Now()); err == nil && !h.Unsigned {
			s.j.Errorf("believed: %.40q: %+v", body, h)
		}
		if h, err := s.verify(Notice{nil, "", []byte(body)}, time.Now()); err == nil && !h.Unsigned {
			s.j.Errorf("believed without a header: %.40q: %+v", body, h)
		}
		if !signs {
			continue
		}
		if h, err := s.verify(signer.Sign(s.t, []byte(body)), time.Now()); err == nil && !(plain(h.EventID) && plain(h.Reference) && plain(h.Ref)) {
			s.j.Errorf("signed: %.40q: %+v", body, h)
		}
	}
	if signs {
		if h, err := s.verify(signer.Sign(s.t, n.Body), time.Now()); err != nil || !about(b, h) {
			s.j.Errorf("the simulator's own signature: %+v, %v", h, err)
		}
	}
}

func plain(x string) bool {
	return len(x) <= 300 && strings.IndexFunc(x, func(r rune) bool { return r <= 0x20 || r > 0x7e }) < 0
}
