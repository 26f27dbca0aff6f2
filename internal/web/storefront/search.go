package storefront

import (
	"net/http"
	"net/url"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// search is "/search?q=". What people search for is theirs: it is kept nowhere.
func (s *Store) search(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery(append([]string{"q"}, listQuery...)...)
	if err != nil {
		return err
	}
	if err := s.awaitGoods(r); err != nil {
		return err
	}
	l := listRequest("/search", qv)
	p, err := read(s, r.Context(), func(q *db.Reader) (view.Listing, error) {
		sh, err := s.shell(q, r, l.url())
		if err != nil {
			return view.Listing{}, err
		}
		p := view.Listing{Shell: sh, Search: true, Query: l.text}
		p.Shell.NoIndex, p.Shell.Query = true, l.text
		p.Heading = lang.T(r.Lang, "search.all")
		if l.text != "" {
			p.Heading = lang.T(r.Lang, "search.heading", "q", l.text)
		}
		p.Shell.Title = p.Heading
		res, err := s.fill(&p, l, 0, r.Lang)
		if err != nil {
			return p, err
		}
		if res.Corrected != "" && res.Corrected != l.text {
			p.DidYouMean = &ui.Link{Text: res.Corrected, URL: "/search?q=" + url.QueryEscape(res.Corrected)}
		}
		if res.Total == 0 && !l.narrowed() {
			p.Popular = s.picks(r.Lang, 4)
		}
		return p, nil
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, http.StatusOK, view.ListPage(p))
}

// suggestion is one line under the search field, as the script reads it.
type suggestion struct {
	Title string `json:"title"`
	Note  string `json:"note"`
	URL   string `json:"url"`
}

// suggest is "/search/suggest?q=": what the script shows while someone types.
func (s *Store) suggest(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery("q")
	if err != nil {
		return err
	}
	if err := s.awaitGoods(r); err != nil {
		return err
	}
	items := []suggestion{}
	if text := qv.Get("q"); text != "" && s.Index != nil {
		for _, c := range s.Index.Suggest(text, 8) {
			k := card(r.Lang, c)
			note := lang.Money(r.Lang, k.Price)
			if k.From {
				note = lang.T(r.Lang, "price.from") + "\u00a0" + note
			}
			items = append(items, suggestion{k.Title, note, r.Here(k.Path)})
		}
	}
	return web.JSON(w, r, http.StatusOK, map[string]any{"items": items})
}
