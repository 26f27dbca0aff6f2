package intake

import (
	"slices"
	"strconv"
	"strings"

	"kassavalv/internal/shop/catalog"
)

// shopifyReader makes items of rows: the rows of a product stand together, the
// first has its words, each has a variant, a picture, or both. Products whose
// rows are scattered are held until the end.
type shopifyReader struct {
	r         *run
	scattered map[string]bool // by handle as written
	held      map[string]*shopifyGroup
	order     []string
	cur       *shopifyGroup
}

type shopifyGroup struct {
	handle string
	rows   []row
}

func (s *shopifyReader) add(x row) error {
	h := s.key(x)
	if h == "" {
		s.r.problem(x.line, s.r.sheet.name(cHandle), "handle_required")
		return nil
	}
	if s.scattered[h] {
		g := s.held[h]
		if g == nil {
			g = &shopifyGroup{handle: h}
			s.held[h] = g
			s.order = append(s.order, h)
		}
		g.rows = append(g.rows, x)
		return nil
	}
	if s.cur != nil && s.cur.handle != h {
		if err := s.flush(s.cur); err != nil {
			return err
		}
		s.cur = nil
	}
	if s.cur == nil {
		s.cur = &shopifyGroup{handle: h}
	}
	s.cur.rows = append(s.cur.rows, x)
	return nil
}

func (s *shopifyReader) key(x row) string { return shopifyKey(s.r.sheet, x) }

// shopifyKey is the handle as written, or one made of the title.
func shopifyKey(s *sheet, x row) string {
	if h := s.get(x, cHandle); h != "" {
		return h
	}
	return catalog.MakeHandle(s.get(x, cTitle))
}

func (s *shopifyReader) end() error {
	if s.cur != nil {
		if err := s.flush(s.cur); err != nil {
			return err
		}
	}
	for _, h := range s.order {
		if err := s.flush(s.held[h]); err != nil {
			return err
		}
	}
	return nil
}

func (s *shopifyReader) flush(g *shopifyGroup) error {
	if it := s.item(g); it != nil {
		return s.r.take(it)
	}
	s.r.rep.NotIn++
	return nil
}

func (s *shopifyReader) item(g *shopifyGroup) *item {
	r, sh := s.r, s.r.sheet
	first := g.rows[0]
	it := &item{line: first.line, rows: len(g.rows), fileHandle: g.handle, handle: handleForm(g.handle)}
	if it.handle == "" {
		r.problem(first.line, sh.name(cHandle), "bad_handle", "value", short(g.handle))
		return nil
	}
	// The words stand in the first row that has them.
	word := func(c col) string {
		for _, x := range g.rows {
			if t := sh.get(x, c); t != "" {
				return t
			}
		}
		return ""
	}
	it.title = oneLine(word(cTitle))
	it.body = toMarkdown(word(cBody), false)
	it.brand = oneLine(word(cVendor))
	it.seoTitle, it.seoText = oneLine(word(cSEOTitle)), r.cut(first.line, cSEOText, oneLine(word(cSEOText)), 500)
	it.tags = splitTags(word(cTags))
	if t := oneLine(word(cType)); t != "" {
		it.shelves = [][]string{{t}}
	} else if path := strings.Split(word(cShelf), ">"); len(path) > 0 {
		if leaf := oneLine(path[len(path)-1]); leaf != "" {
			it.shelves = [][]string{{leaf}}
		}
	}
	it.status = s.status(first, word(cPublished), word(cStatus))
	switch {
	case truth(word(cGift)) == yes:
		it.kind = catalog.GiftCard
	case truth(word(cShips)) == no:
		it.kind = catalog.Digital
	case word(cShips) != "":
		it.kind = catalog.Goods
	}
	if truth(word(cTaxable)) == no && it.kind != catalog.GiftCard {
		r.problem(first.line, sh.name(cTaxable), "not_taxable")
	}
	which := s.options(it, g)
	for i, x := range g.rows {
		s.picture(it, x)
		if i > 0 && !s.isVariant(x) {
			continue
		}
		if v, ok := s.variant(it, which, x); ok {
			it.variants = append(it.variants, v)
		}
	}
	return it
}

// isVariant tells a row with a variant from one that only adds a picture.
func (s *shopifyReader) isVariant(x row) bool {
	sh := s.r.sheet
	if sh.get(x, cSKU)+sh.get(x, cPrice)+sh.get(x, cGTIN) != "" {
		return true
	}
	for n := 1; n <= 3; n++ {
		if sh.cell(x, sh.values[n]) != "" {
			return true
		}
	}
	return false
}

// options are the names that stand in the first row that has them; "Title" with
// the one value "Default Title" is no option at all. It returns their numbers.
func (s *shopifyReader) options(it *item, g *shopifyGroup) (which []int) {
	sh := s.r.sheet
	for n := 1; n <= 3; n++ {
		name, value := "", ""
		for _, x := range g.rows {
			if t := oneLine(sh.cell(x, sh.names[n])); t != "" && name == "" {
				name = t
			}
			if t := oneLine(sh.cell(x, sh.values[n])); t != "" && value == "" {
				value = t
			}
		}
		switch {
		case value == "", strings.EqualFold(value, "Default Title"):
			continue
		case name == "" || slices.Contains(it.options, name):
			name = "Val " + strconv.Itoa(n)
		}
		it.options = append(it.options, name)
		which = append(which, n)
	}
	return which
}

func (s *shopifyReader) variant(it *item, which []int, x row) (v variant, ok bool) {
	r, sh := s.r, s.r.sheet
	v.line = x.line
	ok = r.common(x, &v)
	for i, name := range it.options {
		at := sh.values[which[i]]
		t := oneLine(sh.cell(x, at))
		if t == "" {
			column := ""
			if at > 0 {
				column = sh.header[at-1]
			}
			r.problem(x.line, column, "option_required", "option", name)
			ok = false
		}
		v.values = append(v.values, t)
	}
	if sh.carries(cTracker) {
		v.tracked = said(sh.get(x, cTracker) != "")
	}
	if t := sh.get(x, cPolicy); t != "" {
		v.backorder = said(strings.EqualFold(t, "continue") || truth(t) == yes)
	}
	if t := sh.get(x, cCompare); t != "" && strings.Trim(t, "0.,") != "" {
		r.remark(x.line, sh.name(cCompare), "compare_at", "value", short(t))
	}
	v.picture = sh.get(x, cVarImage)
	return v, ok
}

func (s *shopifyReader) picture(it *item, x row) {
	sh := s.r.sheet
	add := func(url, alt, at string) {
		if url == "" || slices.ContainsFunc(it.pictures, func(p picture) bool { return p.url == url }) {
			return
		}
		if !pictureName(url) {
			s.r.problem(x.line, sh.name(cImage), "bad_picture", "value", short(url))
			return
		}
		n, ok := count(at)
		if !ok || n < 1 || n > 10_000 {
			n = int64(len(it.pictures)) + 1
		}
		it.pictures = append(it.pictures, picture{url, oneLine(alt), n, x.line})
	}
	add(sh.get(x, cImage), sh.get(x, cImageAlt), sh.get(x, cImagePos))
	add(sh.get(x, cVarImage), "", "")
}

func (s *shopifyReader) status(x row, published, status string) catalog.Status {
	switch strings.ToLower(status) {
	case "", "active", "aktiv":
	case "archived", "arkiverad":
		return catalog.Archived
	case "draft", "utkast", "unlisted":
		return catalog.Draft
	default:
		s.r.problem(x.line, s.r.sheet.name(cStatus), "bad_value", "value", short(status))
		return catalog.Draft
	}
	switch truth(published) {
	case yes:
		return catalog.Published
	case no:
		return catalog.Draft
	}
	if published != "" {
		s.r.problem(x.line, s.r.sheet.name(cPublished), "bad_value", "value", short(published))
		return catalog.Draft
	}
	if status != "" {
		return catalog.Published
	}
	return ""
}

// handleForm is the file's handle as ours: lower case, a to z.
func handleForm(h string) string {
	if catalog.ValidHandle(h) {
		return h
	}
	return catalog.MakeHandle(h)
}

func truth(s string) tri {
	switch strings.ToLower(s) {
	case "true", "1", "yes", "ja", "sant", "y":
		return yes
	case "false", "0", "no", "nej", "falskt", "n", "-1":
		return no
	}
	return unsaid
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	t, _ := catalog.CleanText(s)
	return t
}

func splitTags(s string) (out []string) {
	for _, t := range strings.Split(s, ",") {
		if t = catalog.TagForm(t); t != "" && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return
}

// cut shortens a text that is too long for its place, at a space.
func (r *run) cut(line int, c col, s string, max int) string {
	if len(s) <= max {
		return s
	}
	r.remark(line, r.sheet.name(c), "cut", "max", max)
	s = strings.ToValidUTF8(s[:max-3], "")
	if i := strings.LastIndexByte(s, ' '); i > max/2 {
		s = s[:i]
	}
	return s + "…"
}
