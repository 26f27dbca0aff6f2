package storefront

import (
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/web"
	"kassavalv/internal/web/richtext"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// listQuery are the parameters a list depends on. in_stock and reduced are "1".
var listQuery = []string{"sort", "cursor", "in_stock", "reduced", "filter."}

// request is what an address asks of a list. The alternatives of one key stand
// in one parameter, with commas between them.
type request struct {
	path    string // "/categories/kok"
	text    string
	sort    string
	cursor  string
	inStock bool
	reduced bool
	filters map[string][]string
}

func listRequest(path string, v web.Values) request {
	l := request{path: path, text: strings.TrimSpace(v.Get("q")), sort: v.Get("sort"), cursor: v.Get("cursor"), inStock: v.Get("in_stock") == "1", reduced: v.Get("reduced") == "1"}
	for key, list := range v.Prefixed("filter.") {
		if !catalog.ValidKey(key) {
			continue // no attribute has such a key, so nobody's link has either
		}
		for one := range strings.SplitSeq(list, ",") {
			if one != "" && !slices.Contains(l.filters[key], one) {
				if l.filters == nil {
					l.filters = map[string][]string{}
				}
				l.filters[key] = append(l.filters[key], one)
			}
		}
	}
	return l
}

// url is the address of the list, in one order of parameters.
func (l request) url() string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(value))
		}
	}
	add("q", l.text)
	keys := make([]string, 0, len(l.filters))
	for k := range l.filters {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		vs := slices.Clone(l.filters[k])
		sort.Strings(vs)
		add("filter."+k, strings.Join(vs, ","))
	}
	if l.inStock {
		add("in_stock", "1")
	}
	if l.reduced {
		add("reduced", "1")
	}
	add("sort", l.sort)
	add("cursor", l.cursor)
	if len(parts) == 0 {
		return l.path
	}
	return l.path + "?" + strings.Join(parts, "&")
}

// turned is the list with one choice added or taken away, from its beginning.
func (l request) turned(key, value string) request {
	out := l
	out.cursor = ""
	out.filters = map[string][]string{}
	for k, vs := range l.filters {
		out.filters[k] = slices.Clone(vs)
	}
	if i := slices.Index(out.filters[key], value); i >= 0 {
		out.filters[key] = slices.Delete(out.filters[key], i, i+1)
	} else {
		out.filters[key] = append(out.filters[key], value)
	}
	if len(out.filters[key]) == 0 {
		delete(out.filters, key)
	}
	return out
}

func (l request) with(fn func(*request)) request {
	l.cursor = ""
	fn(&l)
	return l
}

// narrowed reports whether the list is anything but the plain one.
func (l request) narrowed() bool { return len(l.filters) > 0 || l.inStock || l.reduced }

const listPage = 24

// fill asks the index and fills the list. An address nobody made (an unknown
// order, a broken cursor) is answered with the list's beginning.
func (s *Store) fill(p *view.Listing, l request, category db.ID, lg lang.Lang) (search.Result, error) {
	if !slices.Contains(search.Sorts, l.sort) {
		l.sort = ""
	}
	q := search.Query{Text: l.text, Category: category, Filters: l.filters, InStock: l.inStock, Reduced: l.reduced, Sort: l.sort, Limit: listPage, Cursor: l.cursor}
	res, err := s.Index.List(q)
	if fault.Is(err, "invalid") && l.cursor != "" {
		l.cursor, q.Cursor = "", ""
		res, err = s.Index.List(q)
	}
	if err != nil {
		return res, err
	}
	p.Total, p.Cards = res.Total, cards(lg, res.Cards)
	s.facets(p, l, res, lg)
	orders := []string{search.SortNew, search.SortPrice, search.SortPriceDesc, search.SortName}
	current := l.sort
	if l.text != "" {
		orders = append([]string{search.SortRelevance}, orders...)
	} else if current == "" || current == search.SortRelevance {
		current = search.SortNew
	}
	for _, o := range orders {
		p.Sorts = append(p.Sorts, ui.Option{Value: o, Label: lang.T(lg, "list.sort."+sortWord[o]), Selected: o == current})
	}
	sorted := l.with(func(x *request) { x.sort = "" })
	if _, raw, ok := strings.Cut(sorted.url(), "?"); ok {
		if vs, err := url.ParseQuery(raw); err == nil {
			for k := range vs {
				p.SortForm = append(p.SortForm, view.Hidden{Name: k, Value: vs.Get(k)})
			}
			sort.Slice(p.SortForm, func(i, j int) bool { return p.SortForm[i].Name < p.SortForm[j].Name })
		}
	}
	s.pager(p, l, res, lg)
	return res, nil
}

var sortWord = map[string]string{search.SortRelevance: "relevance", search.SortNew: "newest", search.SortPrice: "price_asc", search.SortPriceDesc: "price_desc", search.SortName: "title"}

// facets are the choices that narrow the list; each is a link that works by itself.
func (s *Store) facets(p *view.Listing, l request, res search.Result, lg lang.Lang) {
	if res.InStock < res.Total || l.inStock {
		p.Facets = append(p.Facets, view.Facet{Name: lang.T(lg, "list.stock"), Choices: []view.FacetChoice{{Text: lang.T(lg, "list.in_stock"),
			Path: l.with(func(x *request) { x.inStock = !x.inStock }).url(), Count: res.InStock, Chosen: l.inStock}}})
	}
	if res.Reduced > 0 && res.Reduced < res.Total || l.reduced {
		p.Facets = append(p.Facets, view.Facet{Name: lang.T(lg, "list.price"), Choices: []view.FacetChoice{{Text: lang.T(lg, "card.reduced"),
			Path: l.with(func(x *request) { x.reduced = !x.reduced }).url(), Count: res.Reduced, Chosen: l.reduced}}})
	}
	for _, g := range res.Facets {
		name, _ := catalog.Localized{SV: g.NameSV, EN: g.NameEN}.In(lg)
		f := view.Facet{Name: name}
		for _, v := range g.Values {
			if strings.Contains(v.Value, ",") {
				continue // cannot stand in an address
			}
			text, _ := catalog.Localized{SV: v.LabelSV, EN: v.LabelEN}.In(lg)
			if text == "" || text == v.Value {
				text = yes(v.Value, lg)
			}
			to := l.turned(g.Key, v.Value).url()
			f.Choices = append(f.Choices, view.FacetChoice{Text: text, Path: to, Count: v.Count, Chosen: v.Chosen})
			if v.Chosen {
				if v.Value == "true" || v.Value == "false" {
					text = name + ": " + text // "Ja" alone says nothing
				}
				p.Active = append(p.Active, ui.Link{Text: text, URL: to})
			}
		}
		if len(f.Choices) > 1 || len(f.Choices) == 1 && f.Choices[0].Chosen {
			p.Facets = append(p.Facets, f)
		}
	}
	if l.inStock {
		p.Active = append(p.Active, ui.Link{Text: lang.T(lg, "list.in_stock"), URL: l.with(func(x *request) { x.inStock = false }).url()})
	}
	if l.reduced {
		p.Active = append(p.Active, ui.Link{Text: lang.T(lg, "card.reduced"), URL: l.with(func(x *request) { x.reduced = false }).url()})
	}
	if l.narrowed() {
		if len(p.Active) == 0 { // filters that nothing answers to
			p.Active = append(p.Active, ui.Link{Text: lang.T(lg, "list.clear"), URL: l.with(func(x *request) { x.filters = nil }).url()})
		}
		p.ClearAll = l.with(func(x *request) { x.filters, x.inStock, x.reduced = nil, false, false }).url()
	}
}

// pager leads on, and back to the first page. A cursor does not know its number,
// so there are no others.
func (s *Store) pager(p *view.Listing, l request, res search.Result, lg lang.Lang) {
	if l.cursor == "" && res.Next == "" {
		return
	}
	if l.cursor != "" {
		p.Pager.Items = []ui.PagerItem{{N: 1, URL: lang.Path(lg, l.with(func(*request) {}).url())}}
	}
	if res.Next != "" {
		next := l
		next.cursor = res.Next
		p.Pager.Next = lang.Path(lg, next.url())
	}
}

// category is "/categories/{handle}".
func (s *Store) category(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery(listQuery...)
	if err != nil {
		return err
	}
	if err := s.awaitGoods(r); err != nil {
		return err
	}
	type result struct {
		page     view.Listing
		redirect string
	}
	out, err := read(s, r.Context(), func(q *db.Reader) (x result, err error) {
		f, err := s.framed(q)
		if err != nil {
			return
		}
		c := f.tree.ByHandle(r.PathValue("handle"))
		if c == nil {
			if !catalog.ValidHandle(r.PathValue("handle")) {
				return x, fault.NotFound()
			}
			if x.redirect, err = catalog.CategoryRedirect(q, r.PathValue("handle")); err == nil && f.tree.ByHandle(x.redirect) == nil {
				err = fault.NotFound()
			}
			return
		}
		l := listRequest("/categories/"+c.Handle, qv)
		sh, err := s.shell(q, r, l.url())
		if err != nil {
			return
		}
		t := c.Texts.In(r.Lang)
		x.page = view.Listing{Shell: sh, Heading: t.Title, LeadLang: t.Lang, Lead: richtext.Plain(t.Description, 400)}
		x.page.Shell.Title, x.page.Shell.About = t.Title, x.page.Lead
		if t.SEOTitle != "" {
			x.page.Shell.Title = t.SEOTitle
		}
		if t.SEODescription != "" {
			x.page.Shell.About = t.SEODescription
		}
		x.page.Shell.NoIndex = l.narrowed() || l.cursor != "" || l.sort != ""
		x.page.Crumbs = []ui.Link{{Text: lang.T(r.Lang, "crumbs.home"), URL: "/"}}
		way := f.tree.Path(c.ID)
		for i, n := range way {
			link := ui.Link{Text: n.Texts.In(r.Lang).Title, URL: "/categories/" + n.Handle}
			if i == len(way)-1 {
				link.URL = ""
			}
			x.page.Crumbs = append(x.page.Crumbs, link)
		}
		for _, n := range f.tree.Children(c.ID) {
			if f.tree.Shown(n.ID) {
				x.page.Sub = append(x.page.Sub, ui.Link{Text: n.Texts.In(r.Lang).Title, URL: "/categories/" + n.Handle})
			}
		}
		for i := range x.page.Shell.Categories {
			x.page.Shell.Categories[i].Current = len(way) > 0 && x.page.Shell.Categories[i].URL == "/categories/"+way[0].Handle
		}
		if _, err = s.fill(&x.page, l, c.ID, r.Lang); err != nil {
			return
		}
		return x, s.keepList(q, r, "catalog", "category:"+c.ID.String(), "content")
	})
	if err != nil {
		return err
	}
	if out.redirect != "" {
		return web.Moved(w, r, "/categories/"+out.redirect)
	}
	return web.HTML(w, r, http.StatusOK, view.ListPage(out.page))
}
