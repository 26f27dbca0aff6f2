package bank

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"kassavalv/internal/demo/bank/wire"
)

// pageOfBooks is how many movements a page has.
const pageOfBooks = 100

// movements is GET /v1/movements?from=&to=&after=: what moved in [from, to), which are
// microseconds UTC, page by page.
func (s *Server) movements(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	from, err1 := strconv.ParseInt(q.Get("from"), 10, 64)
	to, err2 := strconv.ParseInt(q.Get("to"), 10, 64)
	if err1 != nil || err2 != nil || from > to {
		return problem(http.StatusBadRequest, "unreadable", "from and to are microseconds")
	}
	in := func(t time.Time) bool { return t.UnixMicro() >= from && t.UnixMicro() < to }
	var all []wire.Movement
	var pos int64
	s.mu.Lock()
	for _, p := range s.books.ordered {
		if err := s.ripenLocked(p); err != nil {
			s.mu.Unlock()
			return err
		}
		pos = max(pos, p.syncPos)
		if p.captured > 0 && in(p.taken) {
			all = append(all, wire.Movement{ID: "mov_" + p.id, Kind: "capture", PaymentID: p.id, Reference: p.req.Reference, Amount: p.captured, Currency: p.req.Currency, At: p.taken})
		}
		keys := map[int]string{}
		for k, v := range p.refundKey {
			keys[v.n] = k
		}
		for i, x := range p.refunds {
			if in(x.CreatedAt) {
				all = append(all, wire.Movement{ID: "mov_" + x.ID, Kind: "refund", PaymentID: p.id, Reference: p.req.Reference, Key: keys[i], Amount: x.Amount, Currency: x.Currency, At: x.CreatedAt})
			}
		}
	}
	s.mu.Unlock()
	if err := s.journal.sync(pos); err != nil { // on disk before it is told
		return err
	}
	slices.SortFunc(all, func(a, b wire.Movement) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	place := func(m wire.Movement) string { return strconv.FormatInt(m.At.UnixMicro(), 10) + "." + m.ID }
	if after := q.Get("after"); after != "" {
		i := slices.IndexFunc(all, func(m wire.Movement) bool { return place(m) == after })
		if i < 0 {
			return problem(http.StatusBadRequest, "unreadable", "after is no place in these books")
		}
		all = all[i+1:]
	}
	out := wire.Movements{Items: []wire.Movement{}}
	for _, m := range all[:min(len(all), pageOfBooks)] {
		out.Items = append(out.Items, m)
	}
	if len(all) > pageOfBooks {
		out.After = place(all[pageOfBooks-1])
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}
