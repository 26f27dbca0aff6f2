package search

import (
	"math/bits"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"kassavalv/internal/db"
	"kassavalv/internal/money"
)

// Stock classes: what a list may say without telling the figure.
const (
	StockIn  = "in"
	StockFew = "few"
	StockOut = "out"
)

// Card is what a list shows of a product.
type Card struct {
	Product          db.ID
	Handle           string
	TitleSV, TitleEN string
	Brand            string
	Picture          string // file hash; empty: none
	AltSV, AltEN     string
	Price            money.Money // of the cheapest variant that can be had
	From             bool        // other variants cost more
	Prior            *money.Money
	Percent          int64
	UnitPrice        *money.Money
	Unit             string
	Stock            string
	Variants         int
	Sole             db.ID // the variant, when there is only one
}

// Facet is one filterable value of a product.
type Facet struct {
	Key, Value       string
	NameSV, NameEN   string
	LabelSV, LabelEN string
}

// Doc is a product as the index takes it.
type Doc struct {
	Card
	Categories []db.ID // with all their ancestors
	Facets     []Facet
	Created    time.Time
	Variants   []db.ID
	Texts      []Field
	Until      time.Time // read again at this instant
}

// Field is text with a weight (1 to 20).
type Field struct {
	Text   string
	Weight uint8
	Exact  bool // codes: only as they stand
}

type posting struct {
	slot   uint32
	weight uint8
}

type term struct {
	word string
	mask uint32
	n    int // runes
	post []posting
}

type facetKey struct{ key, value string }

type facetSet struct {
	Facet
	set bitmap
}

// engine is the index proper. It is guarded by a lock of its own; readers of
// one list see one state.
type engine struct {
	mu      sync.RWMutex
	docs    []*Doc
	alive   bitmap
	dead    int
	slots   map[db.ID]uint32 // product
	owner   map[db.ID]db.ID  // variant → product
	terms   map[string]*term
	vocab   []*term // sorted by word
	rvocab  []*term // sorted by reversed word
	rwords  []string
	sorted  bool
	folded  map[string][]*term // of words with marks
	cats    map[db.ID]bitmap
	facets  map[facetKey]*facetSet
	inStock bitmap
	reduced bitmap
	byPrice order
	byNew   order
	byName  order
}

func newEngine() *engine {
	return &engine{slots: map[db.ID]uint32{}, owner: map[db.ID]db.ID{}, terms: map[string]*term{}, folded: map[string][]*term{}, cats: map[db.ID]bitmap{}, facets: map[facetKey]*facetSet{}}
}

// bitmap is a set of slots.
type bitmap []uint64

func (b *bitmap) set(i uint32) {
	for int(i>>6) >= len(*b) {
		*b = append(*b, 0)
	}
	(*b)[i>>6] |= 1 << (i & 63)
}

func (b bitmap) clear(i uint32) {
	if int(i>>6) < len(b) {
		b[i>>6] &^= 1 << (i & 63)
	}
}

func (b bitmap) has(i uint32) bool { return int(i>>6) < len(b) && b[i>>6]&(1<<(i&63)) != 0 }

func (b bitmap) count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return
}

// and keeps in b what is also in o.
func (b bitmap) and(o bitmap) {
	n := min(len(b), len(o))
	for i := range n {
		b[i] &= o[i]
	}
	clear(b[n:])
}

func (b bitmap) or(o bitmap) bitmap {
	for len(b) < len(o) {
		b = append(b, 0)
	}
	for i, w := range o {
		b[i] |= w
	}
	return b
}

func (b bitmap) countAnd(o bitmap) (n int) {
	for i := range min(len(b), len(o)) {
		n += bits.OnesCount64(b[i] & o[i])
	}
	return
}

// order keeps slots sorted; dead slots are passed over by readers and dropped
// at the next rebuild.
type order struct {
	slots []uint32
	less  func(a, b *Doc) int
}

func (o *order) insert(docs []*Doc, s uint32) {
	i := sort.Search(len(o.slots), func(i int) bool { return o.less(docs[o.slots[i]], docs[s]) >= 0 })
	o.slots = slices.Insert(o.slots, i, s)
}

func (o *order) build(docs []*Doc, alive bitmap) {
	o.slots = o.slots[:0]
	for i := range docs {
		if alive.has(uint32(i)) {
			o.slots = append(o.slots, uint32(i))
		}
	}
	slices.SortFunc(o.slots, func(a, b uint32) int { return o.less(docs[a], docs[b]) })
}

func cmpID(a, b *Doc) int {
	switch {
	case a.Product < b.Product:
		return -1
	case a.Product > b.Product:
		return 1
	}
	return 0
}

func (e *engine) orders() {
	e.byPrice.less = func(a, b *Doc) int {
		if a.Price.Amount != b.Price.Amount {
			if a.Price.Amount < b.Price.Amount {
				return -1
			}
			return 1
		}
		return cmpID(a, b)
	}
	e.byNew.less = func(a, b *Doc) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return cmpID(b, a)
	}
	e.byName.less = func(a, b *Doc) int {
		if c := strings.Compare(a.sortName(), b.sortName()); c != 0 {
			return c
		}
		return cmpID(a, b)
	}
}

// sortName puts å ä ö after z, in that order, as Swedish has it.
func (d *Doc) sortName() string {
	return swedish.Replace(strings.ToLower(d.TitleSV))
}

var swedish = strings.NewReplacer("å", "z\x7e1", "ä", "z\x7e2", "ö", "z\x7e3", "é", "e", "ü", "u")

// put adds or replaces documents; gone removes products.
func (e *engine) put(docs []*Doc, gone []db.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byPrice.less == nil {
		e.orders()
	}
	for _, id := range gone {
		e.remove(id)
	}
	bulk := len(docs) > 64
	for _, d := range docs {
		e.remove(d.Product)
		e.add(d, !bulk)
	}
	if bulk {
		e.byPrice.build(e.docs, e.alive)
		e.byNew.build(e.docs, e.alive)
		e.byName.build(e.docs, e.alive)
	}
	if e.dead > 1000 && e.dead > len(e.docs)/4 {
		e.compact()
	}
	if !e.sorted {
		e.sortVocabulary()
	}
}

func (e *engine) remove(id db.ID) {
	s, ok := e.slots[id]
	if !ok {
		return
	}
	delete(e.slots, id)
	for _, v := range e.docs[s].Variants {
		delete(e.owner, v)
	}
	e.alive.clear(s)
	e.dead++
}

func (e *engine) add(d *Doc, sorted bool) {
	s := uint32(len(e.docs))
	e.docs = append(e.docs, d)
	e.slots[d.Product] = s
	for _, v := range d.Variants {
		e.owner[v] = d.Product
	}
	e.alive.set(s)
	for _, c := range d.Categories {
		b := e.cats[c]
		b.set(s)
		e.cats[c] = b
	}
	for _, f := range d.Facets {
		k := facetKey{f.Key, f.Value}
		fs := e.facets[k]
		if fs == nil {
			fs = &facetSet{Facet: f}
			e.facets[k] = fs
		}
		fs.set.set(s)
	}
	if d.Stock != StockOut {
		e.inStock.set(s)
	}
	if d.Prior != nil {
		e.reduced.set(s)
	}
	best := map[string]uint8{}
	note := func(w string, weight uint8) {
		if weight > best[w] {
			best[w] = weight
		}
	}
	for _, f := range d.Texts {
		for _, w := range Words(f.Text, 400) {
			if f.Exact {
				note(w, f.Weight)
				continue
			}
			note(Stem(w), f.Weight)
		}
		if f.Exact {
			note(strings.ToLower(strings.Map(keepCode, f.Text)), f.Weight)
		}
	}
	for w, weight := range best {
		if w == "" {
			continue
		}
		t := e.terms[w]
		if t == nil {
			t = &term{word: w, mask: mask(w), n: utf8.RuneCountInString(w)}
			e.terms[w] = t
			e.sorted = false
			if f := Fold(w); f != w {
				e.folded[f] = append(e.folded[f], t)
			}
		}
		t.post = append(t.post, posting{s, weight}) // slots rise, so it stays sorted
	}
	if sorted {
		e.byPrice.insert(e.docs, s)
		e.byNew.insert(e.docs, s)
		e.byName.insert(e.docs, s)
	}
}

func keepCode(r rune) rune {
	if (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') {
		return r
	}
	return -1
}

// compact makes the index anew from the living documents.
func (e *engine) compact() {
	old := e.docs
	alive := e.alive
	fresh := newEngine()
	fresh.orders()
	for i, d := range old {
		if alive.has(uint32(i)) {
			fresh.add(d, false)
		}
	}
	e.docs, e.alive, e.dead, e.slots, e.owner = fresh.docs, fresh.alive, 0, fresh.slots, fresh.owner
	e.terms, e.folded, e.cats, e.facets, e.inStock, e.reduced = fresh.terms, fresh.folded, fresh.cats, fresh.facets, fresh.inStock, fresh.reduced
	e.byPrice.build(e.docs, e.alive)
	e.byNew.build(e.docs, e.alive)
	e.byName.build(e.docs, e.alive)
	e.sorted = false
}

func (e *engine) sortVocabulary() {
	e.vocab = e.vocab[:0]
	for _, t := range e.terms {
		e.vocab = append(e.vocab, t)
	}
	slices.SortFunc(e.vocab, func(a, b *term) int { return strings.Compare(a.word, b.word) })
	type rev struct {
		t *term
		r string
	}
	rs := make([]rev, len(e.vocab))
	for i, t := range e.vocab {
		rs[i] = rev{t, reverse(t.word)}
	}
	slices.SortFunc(rs, func(a, b rev) int { return strings.Compare(a.r, b.r) })
	e.rvocab, e.rwords = make([]*term, len(rs)), make([]string, len(rs))
	for i, x := range rs {
		e.rvocab[i], e.rwords[i] = x.t, x.r
	}
	e.sorted = true
}

func reverse(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}
