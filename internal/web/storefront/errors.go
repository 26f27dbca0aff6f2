package storefront

import (
	"context"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
)

// errorWait bounds what an error page may read: it must come even when the
// database does not answer.
const errorWait = 500 * time.Millisecond

// ErrorPage is every page that says no, in the shop's own frame. It works
// without a database: then with the frame as it was last read, or a bare one.
func (s *Store) ErrorPage(r *web.Request, e web.ErrorView) web.Component {
	p := view.Fault{Shell: s.errorShell(r), Status: e.Status, Title: e.Title, Text: e.Text, Search: e.Status == 404}
	if e.Status >= 500 {
		p.Ref = e.Ref
	}
	if e.Status == 404 {
		p.Picks = s.picks(r.Lang, 4)
	}
	return view.FaultPage(p)
}

func (s *Store) errorShell(r *web.Request) view.Shell {
	if s.DB != nil {
		ctx, cancel := context.WithTimeout(r.Context(), errorWait)
		defer cancel()
		sh, err := read(s, ctx, func(q *db.Reader) (view.Shell, error) { return s.shell(q, r, "/") })
		if err == nil {
			sh.BaseURL = ""
			return sh
		}
	}
	s.mu.Lock()
	f := s.last
	s.mu.Unlock()
	if f == nil {
		f = &frame{}
	}
	sh := s.bare(f, r.Lang, "/")
	sh.BaseURL = ""
	return sh
}
