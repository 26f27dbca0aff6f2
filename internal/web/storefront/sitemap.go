package storefront

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/web"
)

// sitemapChunk is how many products stand in one file: two languages of each stay
// far below the protocol's 50,000 addresses.
const sitemapChunk = 5000

const sitemapKeep = 10 * time.Minute

const xmlType = "application/xml"

// sitemap is "/sitemap.xml": the list of the files. A file of products begins
// after an instant and a product, so that it stays good when goods change: what
// changed moves to the last file.
func (s *Store) sitemap(w http.ResponseWriter, r *web.Request) error {
	starts, err := read(s, r.Context(), func(q *db.Reader) ([]catalog.Change, error) {
		var out []catalog.Change
		var at catalog.Change
		for {
			cs, err := catalog.ChangedSince(q, at.At, at.ID, sitemapChunk)
			if err != nil {
				return nil, err
			}
			if len(cs) > 0 {
				out = append(out, at)
			}
			if len(cs) < sitemapChunk {
				r.KeepUntil(q.LegalNow().Add(sitemapKeep), "sitemap")
				return out, nil
			}
			at = cs[len(cs)-1]
		}
	})
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(xml.Header + `<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">` + "\n")
	entry := func(path string) {
		b.WriteString("<sitemap><loc>" + escape(s.Origin+path) + "</loc></sitemap>\n")
	}
	entry("/sitemaps/pages.xml")
	for _, c := range starts {
		us := int64(0)
		if !c.At.IsZero() {
			us = c.At.UnixMicro()
		}
		entry(fmt.Sprintf("/sitemaps/products-%d-%s.xml", us, c.ID))
	}
	b.WriteString("</sitemapindex>\n")
	return web.Bytes(w, r, http.StatusOK, xmlType, []byte(b.String()))
}

// sitemapFile is "/sitemaps/{file}".
func (s *Store) sitemapFile(w http.ResponseWriter, r *web.Request) error {
	name := r.PathValue("file")
	if name == "pages.xml" {
		return s.sitemapPages(w, r)
	}
	rest, ok1 := strings.CutPrefix(name, "products-")
	rest, ok2 := strings.CutSuffix(rest, ".xml")
	a, b, ok3 := strings.Cut(rest, "-")
	us, err1 := strconv.ParseInt(a, 10, 64)
	id, err2 := strconv.ParseInt(b, 10, 64)
	if !ok1 || !ok2 || !ok3 || err1 != nil || err2 != nil || us < 0 || id < 0 || fmt.Sprintf("products-%d-%d.xml", us, id) != name {
		return fault.NotFound()
	}
	var since time.Time
	if us > 0 {
		since = time.UnixMicro(us)
	}
	if err := s.awaitGoods(r); err != nil {
		return err
	}
	cs, err := read(s, r.Context(), func(q *db.Reader) ([]catalog.Change, error) {
		return catalog.ChangedSince(q, since, db.ID(id), sitemapChunk)
	})
	if err != nil {
		return err
	}
	ids := make([]db.ID, len(cs))
	changed := make(map[db.ID]time.Time, len(cs))
	for i, c := range cs {
		ids[i], changed[c.ID] = c.ID, c.At
	}
	var b2 strings.Builder
	b2.WriteString(urlset)
	if s.Index != nil {
		for _, c := range s.Index.Cards(ids) {
			s.address(&b2, "/products/"+c.Handle, changed[c.Product])
		}
	}
	b2.WriteString("</urlset>\n")
	return web.Bytes(w, r, http.StatusOK, xmlType, []byte(b2.String()))
}

const urlset = xml.Header + `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:xhtml="http://www.w3.org/1999/xhtml">` + "\n"

func (s *Store) sitemapPages(w http.ResponseWriter, r *web.Request) error {
	type result struct {
		tree  *catalog.Tree
		pages []content.PageText
	}
	x, err := read(s, r.Context(), func(q *db.Reader) (x result, err error) {
		f, err := s.framed(q)
		if err != nil {
			return x, err
		}
		x.tree = f.tree
		x.pages, err = content.Pages(q, lang.SV)
		return x, err
	})
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(urlset)
	s.address(&b, "/", time.Time{})
	for _, c := range x.tree.All {
		if x.tree.Shown(c.ID) {
			s.address(&b, "/categories/"+c.Handle, time.Time{})
		}
	}
	for _, p := range x.pages {
		s.address(&b, "/pages/"+p.Handle, p.ValidFrom)
	}
	s.address(&b, "/trust", time.Time{})
	b.WriteString("</urlset>\n")
	return web.Bytes(w, r, http.StatusOK, xmlType, []byte(b.String()))
}

// address writes a page in each language, each with its others.
func (s *Store) address(b *strings.Builder, path string, changed time.Time) {
	for _, l := range lang.All {
		b.WriteString("<url><loc>" + escape(s.Origin+lang.Path(l, path)) + "</loc>")
		for _, o := range lang.All {
			b.WriteString(`<xhtml:link rel="alternate" hreflang="` + string(o) + `" href="` + escape(s.Origin+lang.Path(o, path)) + `"/>`)
		}
		if !changed.IsZero() {
			b.WriteString("<lastmod>" + changed.UTC().Format(time.RFC3339) + "</lastmod>")
		}
		b.WriteString("</url>\n")
	}
}

// escape writes text for XML; what XML cannot hold is replaced.
func escape(t string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(t)) // a Builder never fails
	return b.String()
}
