package search

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"sort"
	"strings"
	"time"
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

// cursor is where a page ended: the place of its last card in the order, not a
// count, so that goods that come and go before it neither repeat nor hide others.
type cursor struct {
	sort  byte // place in Sorts
	key   int64
	id    db.ID
	name  string // with SortName
	begin bool   // no cursor: from the beginning
}

func (c cursor) String() string {
	b := make([]byte, 0, 17+len(c.name))
	b = append(b, c.sort)
	b = binary.BigEndian.AppendUint64(b, uint64(c.key))
	b = binary.BigEndian.AppendUint64(b, uint64(c.id))
	return base64.RawURLEncoding.EncodeToString(append(b, c.name...))
}

func parseCursor(s string, sort byte) (c cursor, err error) {
	if s == "" {
		return cursor{begin: true, sort: sort}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < 17 || len(b) > 2000 || b[0] != sort {
		return c, fault.Invalid(fault.Field{Pointer: "/cursor", Code: "bad_cursor"})
	}
	c = cursor{sort: b[0], key: int64(binary.BigEndian.Uint64(b[1:])), id: db.ID(binary.BigEndian.Uint64(b[9:])), name: string(b[17:])}
	if c.id <= 0 {
		return c, fault.Invalid(fault.Field{Pointer: "/cursor", Code: "bad_cursor"})
	}
	return c, nil
}

// list answers a query.
func (e *engine) list(q Query) (Result, error) { return e.answer(q, true) }

// answer is list, with or without facets.
func (e *engine) answer(q Query, facets bool) (Result, error) {
	if err := q.check(); err != nil {
		return Result{}, err
	}
	words := Words(q.Text, maxWords)
	if q.Sort == SortRelevance && len(words) == 0 {
		q.Sort = SortNew
	}
	cur, err := parseCursor(q.Cursor, byte(slices.Index(Sorts, q.Sort)))
	if err != nil {
		return Result{}, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	var res Result
	base := slices.Clone(e.alive)
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	if len(words) > 0 {
		var hit bitmap
		hit, res.Corrected = e.match(sc, words, q.Text)
		defer sc.clear()
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
	if facets {
		res.Facets = e.groups(q, base, all, perKey)
	}
	if q.Sort == SortRelevance {
		e.best(&res, q, cur, all, sc)
	} else {
		e.page(&res, q, cur, all)
	}
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
func (e *engine) page(res *Result, q Query, cur cursor, all bitmap) {
	o, back := &e.byNew, false
	switch q.Sort {
	case SortPrice:
		o = &e.byPrice
	case SortPriceDesc:
		o, back = &e.byPrice, true
	case SortName:
		o = &e.byName
	}
	// One before the first to look at.
	i, step := -1, 1
	if back {
		i, step = len(o.slots), -1
	}
	if !cur.begin {
		last := &Doc{Card: Card{Product: cur.id}, name: cur.name}
		last.Price.Amount = cur.key
		last.Created = time.UnixMicro(cur.key)
		if back {
			i = sort.Search(len(o.slots), func(i int) bool { return o.less(e.docs[o.slots[i]], last) >= 0 })
		} else {
			i = sort.Search(len(o.slots), func(i int) bool { return o.less(e.docs[o.slots[i]], last) > 0 }) - 1
		}
	}
	var last *Doc
	for i += step; i >= 0 && i < len(o.slots); i += step {
		s := o.slots[i]
		if !all.has(s) {
			continue
		}
		if len(res.Cards) == q.Limit {
			c := cursor{sort: cur.sort, id: last.Product}
			switch q.Sort {
			case SortPrice, SortPriceDesc:
				c.key = last.Price.Amount
			case SortName:
				c.name = last.name
			default:
				c.key = last.Created.UnixMicro()
			}
			res.Next = c.String()
			return
		}
		last = e.docs[s]
		res.Cards = append(res.Cards, &last.Card)
	}
}

// ranked is a hit with its score.
type ranked struct {
	score float32
	slot  uint32
	id    db.ID
}

func (a ranked) before(b ranked) bool {
	return a.score > b.score || a.score == b.score && a.id < b.id
}

// best reads one page of what fits best, without sorting the rest.
func (e *engine) best(res *Result, q Query, cur cursor, all bitmap, sc *scratch) {
	after := ranked{score: math.Float32frombits(uint32(cur.key)), id: cur.id}
	top := make([]ranked, 0, q.Limit+1)
	for i, w := range all {
		for ; w != 0; w &= w - 1 {
			s := uint32(i<<6 + bits.TrailingZeros64(w))
			r := ranked{score: sc.total[s], slot: s}
			if e.inStock.has(s) {
				r.score += 0.5 // what can be had comes before its like that cannot
			}
			if n := len(top); n > q.Limit && r.score < top[n-1].score {
				continue
			}
			r.id = e.docs[s].Product
			if !cur.begin && !after.before(r) {
				continue
			}
			k := sort.Search(len(top), func(k int) bool { return r.before(top[k]) })
			if k > q.Limit {
				continue
			}
			if len(top) > q.Limit {
				top = top[:q.Limit]
			}
			top = slices.Insert(top, k, r)
		}
	}
	for i, r := range top {
		if i == q.Limit {
			last := top[i-1]
			res.Next = cursor{sort: cur.sort, key: int64(math.Float32bits(last.score)), id: last.id}.String()
			break
		}
		res.Cards = append(res.Cards, &e.docs[r.slot].Card)
	}
}
