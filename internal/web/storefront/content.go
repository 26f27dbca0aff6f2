package storefront

import (
	"net/http"
	"strings"
	"time"

	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/web"
	"kassavalv/internal/web/richtext"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// contentKeep bounds how long a text is kept: a new version may begin to apply by
// the clock alone.
const contentKeep = time.Minute

// content is "/pages/{handle}": the shop's own words in the version that applies
// now. Another name of a page leads to its own.
func (s *Store) content(w http.ResponseWriter, r *web.Request) error {
	type result struct {
		page view.Content
		to   string
	}
	out, err := read(s, r.Context(), func(q *db.Reader) (x result, err error) {
		t, err := content.PageNow(q, r.PathValue("handle"), r.Lang)
		if err != nil {
			return x, err
		}
		if t.Handle != r.PathValue("handle") {
			x.to = "/pages/" + t.Handle
			return x, nil
		}
		path := "/pages/" + t.Handle
		p := &x.page
		if p.Shell, err = s.shell(q, r, path); err != nil {
			return x, err
		}
		p.Shell.Title, p.Shell.About = t.Title, richtext.Plain(t.Body, 160)
		p.Heading, p.Body, p.BodyLang, p.Version, p.Updated = t.Title, richtext.Show(t.Body, 2), t.Lang, t.VersionString(), t.ValidFrom
		if t.Kind == content.Legal {
			p.PDFPath = path + "/pdf"
		}
		if t.Handle == content.Privacy {
			p.Register = s.register(r.Lang)
		}
		all, err := content.Pages(q, r.Lang)
		if err != nil {
			return x, err
		}
		for _, o := range all {
			if o.Handle != t.Handle {
				p.Links = append(p.Links, ui.Link{Text: o.Title, URL: "/pages/" + o.Handle})
			}
		}
		r.KeepUntil(q.LegalNow().Add(contentKeep), "content")
		return x, nil
	})
	if err != nil {
		return err
	}
	if out.to != "" {
		return web.Moved(w, r, out.to)
	}
	return web.HTML(w, r, http.StatusOK, view.ContentPage(out.page))
}

// register is what is kept of buyers, in words made from the map that the export and the erasure
// go by: the page cannot say anything else than what the program does (articles 13 and 14).
func (s *Store) register(l lang.Lang) (out []view.Processing) {
	for _, x := range s.Privacy.Register(l, datamap.Buyer) {
		p := view.Processing{Name: x.Name}
		for _, f := range []struct{ key, text string }{{"why", x.Why}, {"what", x.What}, {"basis", x.Basis}, {"kept", x.Kept}, {"from", x.From}, {"to", x.To}} {
			if f.text != "" {
				p.Facts = append(p.Facts, view.Told{Name: lang.T(l, "page.register."+f.key), Text: f.text})
			}
		}
		out = append(out, p)
	}
	return out
}

// said writes a page of our own words. The text is Markdown from package lang;
// {…} are filled, and links lead to the page's language.
func (s *Store) said(w http.ResponseWriter, r *web.Request, path, key string, kv ...any) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.Content, err error) {
		p.Shell, err = s.shell(q, r, path)
		return
	})
	if err != nil {
		return err
	}
	p.Heading = lang.T(r.Lang, key+".title")
	p.Shell.Title, p.Shell.NoIndex = p.Heading, true
	text := lang.T(r.Lang, key+".text", kv...)
	if r.Lang == lang.EN {
		text = strings.ReplaceAll(text, "](/", "](/en/")
	}
	p.Body = richtext.Show(text, 2)
	return web.HTML(w, r, http.StatusOK, view.ContentPage(p))
}

// status is "/status": where there is an outpost, its page tells how the shop
// fares; a shop in trouble is no good witness of itself.
func (s *Store) status(w http.ResponseWriter, r *web.Request) error {
	if s.StatusURL != "" {
		return web.SeeElsewhere(w, s.StatusURL)
	}
	return s.said(w, r, "/status", "page.status")
}
