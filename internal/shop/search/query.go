package search

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Sort orders of a list.
const (
	SortRelevance = "relevance" // with words; otherwise as SortNew
	SortNew       = "newest"
	SortPrice     = "price"
	SortPriceDesc = "-price"
	SortName      = "name"
)

// Sorts lists what a caller may choose from.
var Sorts = []string{SortRelevance, SortNew, SortPrice, SortPriceDesc, SortName}

// Query asks for a list. The zero value lists everything, newest first.
type Query struct {
	Text     string
	Category db.ID
	Filters  map[string][]string // values of one key are alternatives, keys must all hold
	InStock  bool
	Reduced  bool
	Sort     string
	Limit    int    // 1 to 100; 0: 24
	Cursor   string // from Result.Next; empty: from the beginning
}

// Result is one page of a list.
type Result struct {
	Total     int
	Cards     []*Card
	Next      string
	Facets    []FacetGroup
	Corrected string // what was searched for instead, when nothing had the words as typed
	InStock   int    // how many of the total can be had
	Reduced   int
}

// FacetGroup is one key with its values.
type FacetGroup struct {
	Key            string
	NameSV, NameEN string
	Values         []FacetValue
}

// FacetValue has the number of goods it would leave.
type FacetValue struct {
	Value            string
	LabelSV, LabelEN string
	Count            int
	Chosen           bool
}

// Bounds of filters.
const (
	maxFilterKeys   = 12
	maxFilterValues = 24
)

func (q *Query) check() error {
	var f fault.Fields
	if q.Limit == 0 {
		q.Limit = 24
	}
	if q.Limit < 1 || q.Limit > 100 {
		f.Add("/limit", "out_of_range", "min", 1, "max", 100)
	}
	if q.Sort == "" {
		q.Sort = SortRelevance
	}
	if !slices.Contains(Sorts, q.Sort) {
		f.Add("/sort", "choose")
	}
	if len(q.Filters) > maxFilterKeys {
		f.Add("/filter", "too_many", "max", maxFilterKeys)
	}
	for _, vs := range q.Filters {
		if len(vs) > maxFilterValues {
			f.Add("/filter", "too_many", "max", maxFilterValues)
		}
	}
	if len(q.Text) > maxQuery {
		q.Text = cut(q.Text, maxQuery)
	}
	return f.Err()
}

func cut(s string, n int) string {
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

type cursor struct {
	pos uint64 // how many matches have been shown
	id  db.ID  // the last one shown, so that a list that grew is noticed
}

func (c cursor) String() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], c.pos)
	binary.BigEndian.PutUint64(b[8:], uint64(c.id))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func parseCursor(s string) (c cursor, err error) {
	if s == "" {
		return
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != 16 {
		return c, fault.Invalid(fault.Field{Pointer: "/cursor", Code: "bad_cursor"})
	}
	c.pos, c.id = binary.BigEndian.Uint64(b[:8]), db.ID(binary.BigEndian.Uint64(b[8:]))
	if c.pos > 1<<31 || c.id <= 0 {
		return c, fault.Invalid(fault.Field{Pointer: "/cursor", Code: "bad_cursor"})
	}
	return c, nil
}

// list answers a query.
func (e *engine) list(q Query) (Result, error) {
	if err := q.check(); err != nil {
		return Result{}, err
	}
	cur, err := parseCursor(q.Cursor)
	if err != nil {
		return Result{}, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	var res Result
	base := slices.Clone(e.alive)
	var scores map[uint32]float32
	words := Words(q.Text, maxWords)
	if len(words) > 0 {
		var hit bitmap
		hit, scores, res.Corrected = e.match(words, true)
		base.and(hit)
	} else if strings.TrimSpace(q.Text) != "" {
		base = base[:0] // only signs: nothing is meant
	}
	if q.Category != 0 {
		base.and(e.cats[q.Category])
	}
	if q.InStock {
		base.and(e.inStock)
	}
	if q.Reduced {
		base.and(e.reduced)
	}
	// Each key's own choice does not narrow its own counts.
	perKey := map[string]bitmap{}
	for k, vs := range q.Filters {
		var any bitmap
		for _, v := range vs {
			if fs := e.facets[facetKey{k, v}]; fs != nil {
				any = any.or(fs.set)
			}
		}
		perKey[k] = any
	}
	all := slices.Clone(base)
	for _, b := range perKey {
		all.and(b)
	}
	res.Total = all.count()
	res.InStock, res.Reduced = all.countAnd(e.inStock), all.countAnd(e.reduced)
	res.Facets = e.groups(q, base, all, perKey)
	e.page(&res, q, cur, all, scores)
	return res, nil
}

func (e *engine) groups(q Query, base, all bitmap, perKey map[string]bitmap) []FacetGroup {
	groups := map[string]*FacetGroup{}
	without := map[string]bitmap{} // the set with every filter but this key's
	for k, fs := range e.facets {
		set := all
		if _, chosen := perKey[k.key]; chosen {
			b, ok := without[k.key]
			if !ok {
				b = slices.Clone(base)
				for other, ob := range perKey {
					if other != k.key {
						b.and(ob)
					}
				}
				without[k.key] = b
			}
			set = b
		}
		chosen := slices.Contains(q.Filters[k.key], k.value)
		n := fs.set.countAnd(set)
		if n == 0 && !chosen {
			continue
		}
		g := groups[k.key]
		if g == nil {
			g = &FacetGroup{Key: k.key, NameSV: fs.NameSV, NameEN: fs.NameEN}
			groups[k.key] = g
		}
		g.Values = append(g.Values, FacetValue{Value: k.value, LabelSV: fs.LabelSV, LabelEN: fs.LabelEN, Count: n, Chosen: chosen})
	}
	var out []FacetGroup
	for _, g := range groups {
		slices.SortFunc(g.Values, func(a, b FacetValue) int {
			if a.Count != b.Count {
				return b.Count - a.Count
			}
			return strings.Compare(a.LabelSV, b.LabelSV)
		})
		if len(g.Values) > 40 {
			g.Values = g.Values[:40]
		}
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b FacetGroup) int { return strings.Compare(a.NameSV, b.NameSV) })
	return out
}

// page reads one page off the order.
func (e *engine) page(res *Result, q Query, cur cursor, all bitmap, scores map[uint32]float32) {
	take := func(next func() (uint32, bool)) {
		seen := uint64(0)
		for {
			s, ok := next()
			if !ok {
				return
			}
			if !all.has(s) {
				continue
			}
			seen++
			if seen <= cur.pos {
				continue
			}
			if len(res.Cards) == q.Limit {
				res.Next = cursor{seen - 1, res.Cards[len(res.Cards)-1].Product}.String()
				return
			}
			res.Cards = append(res.Cards, &e.docs[s].Card)
		}
	}
	forward := func(o []uint32) func() (uint32, bool) {
		i := -1
		return func() (uint32, bool) {
			if i++; i >= len(o) {
				return 0, false
			}
			return o[i], true
		}
	}
	switch {
	case q.Sort == SortPrice:
		take(forward(e.byPrice.slots))
	case q.Sort == SortPriceDesc:
		i := len(e.byPrice.slots)
		take(func() (uint32, bool) {
			if i--; i < 0 {
				return 0, false
			}
			return e.byPrice.slots[i], true
		})
	case q.Sort == SortName:
		take(forward(e.byName.slots))
	case q.Sort == SortRelevance && scores != nil:
		hits := make([]uint32, 0, len(scores))
		for s := range scores {
			if all.has(s) {
				hits = append(hits, s)
			}
		}
		key := func(s uint32) float32 {
			k := scores[s]
			if e.inStock.has(s) {
				k += 0.5 // what can be had comes before its like that cannot
			}
			return k
		}
		slices.SortFunc(hits, func(a, b uint32) int {
			ka, kb := key(a), key(b)
			switch {
			case ka > kb:
				return -1
			case ka < kb:
				return 1
			}
			return cmpID(e.docs[a], e.docs[b])
		})
		take(forward(hits))
	default:
		take(forward(e.byNew.slots))
	}
}

// how is a term that may stand for a word, and how well it does.
type how struct {
	t *term
	w float32
}

// match finds the slots that have every word in some form. When there are none
// and the words may be slips, it tries their neighbours.
func (e *engine) match(words []string, lastIsPrefix bool) (bitmap, map[uint32]float32, string) {
	ways := make([][]how, len(words))
	corrected := false
	fixed := slices.Clone(words)
	for i, w := range words {
		ways[i] = e.ways(w, lastIsPrefix && i == len(words)-1)
		if len(ways[i]) == 0 {
			if ways[i] = e.split(w); len(ways[i]) > 0 {
				continue
			}
			if ways[i] = e.slips(w); len(ways[i]) > 0 {
				corrected = true
				fixed[i] = ways[i][0].t.word
			}
		}
	}
	var all bitmap
	scores := map[uint32]float32{}
	n := 0
	for _, hs := range ways {
		if len(hs) == 0 {
			continue // a word nobody knows does not empty the list if others are known
		}
		var set bitmap
		best := map[uint32]float32{}
		for _, h := range hs {
			rare := idf(len(e.docs)-e.dead, len(h.t.post))
			for _, p := range h.t.post {
				if !e.alive.has(p.slot) {
					continue
				}
				set.set(p.slot)
				if v := float32(p.weight) * h.w * rare; v > best[p.slot] {
					best[p.slot] = v
				}
			}
		}
		if n == 0 {
			all = set
			scores = best
		} else {
			all.and(set)
			for s := range scores {
				if v, ok := best[s]; ok {
					scores[s] += v
				} else {
					delete(scores, s)
				}
			}
		}
		n++
	}
	if n == 0 {
		return bitmap{}, nil, ""
	}
	if corrected {
		return all, scores, strings.Join(fixed, " ")
	}
	return all, scores, ""
}

// idf weighs rare words more; a coarse integer logarithm is enough.
func idf(docs, in int) float32 {
	if in <= 0 {
		return 0
	}
	v := float32(1)
	for r := docs / in; r > 1; r >>= 1 {
		v += 0.35
	}
	return v
}

// ways lists the terms that a word means: itself, its stem, the same without
// marks, compounds that end or begin with it, and words it begins.
func (e *engine) ways(w string, prefix bool) []how {
	var out []how
	seen := map[*term]bool{}
	add := func(t *term, weight float32) {
		if t != nil && !seen[t] {
			seen[t] = true
			out = append(out, how{t, weight})
		}
	}
	stem := Stem(w)
	add(e.terms[w], 1)
	add(e.terms[stem], 1)
	for _, f := range []string{Fold(w), Fold(stem)} {
		for _, t := range e.folded[f] {
			add(t, 0.9)
		}
		add(e.terms[f], 0.9)
	}
	n := utf8.RuneCountInString(stem)
	if n >= 3 {
		// vinterjackor ends with jack: its head is what was asked for.
		limit := 200
		for i := sort.SearchStrings(e.rwords, reverse(stem)); i < len(e.rwords) && limit > 0 && strings.HasPrefix(e.rwords[i], reverse(stem)); i++ {
			t := e.rvocab[i]
			if t.n-n >= 3 && strings.ContainsAny(t.word[:len(t.word)-len(stem)], vowels) && (n >= 4 || e.known(t.word[:len(t.word)-len(stem)])) {
				add(t, 0.8)
			}
			limit--
		}
	}
	if n >= 3 && (prefix || n >= 4) {
		weight := float32(0.55)
		if prefix {
			weight = 0.7
		}
		limit := 200
		p := stem
		if prefix {
			p = w
		}
		for i := sort.Search(len(e.vocab), func(i int) bool { return e.vocab[i].word >= p }); i < len(e.vocab) && limit > 0 && strings.HasPrefix(e.vocab[i].word, p); i++ {
			add(e.vocab[i], weight)
			limit--
		}
	}
	return out
}

// known reports whether the front part of a compound is a word of the shop,
// with or without the s or e that joins it.
func (e *engine) known(front string) bool {
	if e.terms[front] != nil || e.terms[Stem(front)] != nil {
		return true
	}
	for _, j := range []string{"s", "e", "a", "o", "u"} {
		if f, ok := strings.CutSuffix(front, j); ok && (e.terms[f] != nil || e.terms[Stem(f)] != nil) {
			return true
		}
	}
	return false
}

// split reads a compound that no product has as its two parts, and finds goods
// by its head: "yllepläd" finds the plaid.
func (e *engine) split(w string) []how {
	r := []rune(w)
	var out []how
	for i := 3; i <= len(r)-3; i++ {
		head := Stem(string(r[i:]))
		t := e.terms[head]
		if t == nil || !e.known(string(r[:i])) {
			continue
		}
		out = append(out, how{t, 0.6})
		if f := e.terms[Stem(string(r[:i]))]; f != nil {
			out = append(out, how{f, 0.3})
		}
	}
	return out
}

// slips lists the terms one or two edits away, nearest and commonest first.
func (e *engine) slips(w string) []how {
	stem := Stem(w)
	n := utf8.RuneCountInString(stem)
	k := 0
	switch {
	case utf8.RuneCountInString(w) >= 8:
		k = 2
	case utf8.RuneCountInString(w) >= 4:
		k = 1
	default:
		return nil
	}
	m := mask(stem)
	rs := []rune(stem)
	fm := mask(Fold(stem))
	fr := []rune(Fold(stem))
	var out []how
	for _, t := range e.vocab {
		if t.n-n > k || n-t.n > k {
			continue
		}
		if popcount(t.mask^m) <= 2*k {
			if tr := []rune(t.word); within(rs, tr, 1) {
				out = append(out, how{t, 0.6})
				continue
			} else if k == 2 && within(rs, tr, 2) {
				out = append(out, how{t, 0.35})
				continue
			}
		}
		if isASCII(t.word) {
			continue
		}
		if f := Fold(t.word); popcount(mask(f)^fm) <= 2*k && within(fr, []rune(f), k) {
			out = append(out, how{t, 0.4})
		}
	}
	slices.SortFunc(out, func(a, b how) int {
		switch {
		case a.w > b.w:
			return -1
		case a.w < b.w:
			return 1
		}
		return len(b.t.post) - len(a.t.post)
	})
	if len(out) > 8 {
		out = out[:8]
	}
	return out
}

func popcount(m uint32) (n int) {
	for ; m != 0; m &= m - 1 {
		n++
	}
	return
}
