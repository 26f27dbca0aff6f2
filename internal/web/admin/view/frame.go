package view

import (
	"kassavalv/internal/lang"
	"kassavalv/internal/web/ui"
)

func docTitle(s Shell) string {
	t := s.Title + " · " + s.Shop
	if s.Failed {
		t = lang.T(s.Lang, "form.mend") + ": " + t // not the word of the shop's pages: money may have moved
	}
	return t
}

// crumbs puts the way back into the page's language.
func crumbs(s Shell) []ui.Link {
	out := make([]ui.Link, len(s.Crumbs))
	for i, c := range s.Crumbs {
		out[i] = c
		if c.URL != "" {
			out[i].URL = lang.Path(s.Lang, c.URL)
		}
	}
	return out
}
