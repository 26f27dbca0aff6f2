package search

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

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
	Facets     []Facet // let go of, too
	Created    time.Time
	Variants   []db.ID
	Texts      []Field   // the engine lets go of them once they are indexed
	Until      time.Time // read again at this instant

	name string // what SortName compares
	sets []*facetSet
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
	word, fold  string // fold is without marks
	mask, fmask uint32
	n           int  // runes
	code        bool // an SKU or GTIN, whole
	post        []posting
}

// backward is a term by its folded word read from the end.
type backward struct {
	r string
	t *term
}

// bucket holds the terms of one length for the search of slips: masks side by
// side, so that most terms are passed over without being touched.
type bucket struct {
	masks, fmasks []uint32
	terms         []*term
}

type facetKey struct{ key, value string }

type facetSet struct {
	Facet
	set bitmap
}

// engine is the index proper. It is guarded by a lock of its own; readers of
// one list see one state.
type engine struct {
	mu sync.RWMutex
	engineState
}

// engineState is all of it but the lock, so that a new one can take its place.
type engineState struct {
	docs    []*Doc
	alive   bitmap
	dead    int
	slots   map[db.ID]uint32 // product
	owner   map[db.ID]db.ID  // variant → product
	terms   map[string]*term
	stems   map[string]*form   // words as texts write them
	folded  map[string][]*term // of words with marks, by how they are typed without
	vocab   []*term            // by folded word
	rvocab  []backward
	slip    [maxWord + 1]bucket // by length; words without digits
	fresh   []*term             // not in the four above yet
	cats    map[db.ID]bitmap
	facets  map[facetKey]*facetSet
	inStock bitmap
	reduced bitmap
	byPrice order
	byNew   order
	byName  order
}

func newEngine() *engine {
	e := &engine{engineState: engineState{slots: map[db.ID]uint32{}, owner: map[db.ID]db.ID{}, terms: map[string]*term{}, stems: map[string]*form{},
		folded: map[string][]*term{}, cats: map[db.ID]bitmap{}, facets: map[facetKey]*facetSet{}}}
	e.orders()
	return e
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

func cmpID(a, b *Doc) int { return cmp.Compare(a.Product, b.Product) }

func (e *engine) orders() {
	e.byPrice.less = func(a, b *Doc) int { return cmp.Or(cmp.Compare(a.Price.Amount, b.Price.Amount), cmpID(a, b)) }
	e.byNew.less = func(a, b *Doc) int {
		return cmp.Or(cmp.Compare(b.Created.UnixMicro(), a.Created.UnixMicro()), cmpID(b, a))
	}
	e.byName.less = func(a, b *Doc) int { return cmp.Or(strings.Compare(a.name, b.name), cmpID(a, b)) }
}

// sortName puts å ä ö after z, in that order, as Swedish has it.
func sortName(title string) string { return swedish.Replace(strings.ToLower(title)) }

var swedish = strings.NewReplacer("å", "z\x7e1", "ä", "z\x7e2", "ö", "z\x7e3", "é", "e", "ü", "u")

// put adds or replaces documents; gone removes products.
func (e *engine) put(docs []*Doc, gone []db.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range gone {
		e.remove(id)
	}
	bulk := len(docs) > 64
	for _, d := range docs {
		e.remove(d.Product)
		e.add(d, !bulk)
	}
	if bulk {
		e.sortAll()
	}
	if e.dead > 1000 && e.dead > len(e.docs)/4 {
		e.compact()
	}
	e.learn()
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
	for _, v := range d.Variants {
		e.owner[v] = d.Product
	}
	e.mark(d, s)
	d.name = sortName(d.TitleSV)
	e.words(d.Texts, func(t *term, weight uint8) {
		if n := len(t.post); n > 0 && t.post[n-1].slot == s {
			t.post[n-1].weight = max(t.post[n-1].weight, weight)
			return
		}
		t.post = append(t.post, posting{s, weight}) // slots rise, so it stays sorted
	})
	d.Texts = nil
	if sorted {
		e.byPrice.insert(e.docs, s)
		e.byNew.insert(e.docs, s)
		e.byName.insert(e.docs, s)
	}
}

// mark notes a document in every set it belongs to.
func (e *engine) mark(d *Doc, s uint32) {
	e.slots[d.Product] = s
	e.alive.set(s)
	for _, c := range d.Categories {
		b := e.cats[c]
		b.set(s)
		e.cats[c] = b
	}
	if d.sets == nil && len(d.Facets) > 0 {
		d.sets = make([]*facetSet, len(d.Facets))
		for i, f := range d.Facets {
			d.sets[i] = &facetSet{Facet: f}
		}
		d.Facets = nil
	}
	for i, f := range d.sets {
		k := facetKey{f.Key, f.Value}
		fs := e.facets[k]
		if fs == nil {
			fs = &facetSet{Facet: f.Facet}
			e.facets[k] = fs
		}
		fs.set.set(s)
		d.sets[i] = fs // one for all
	}
	if d.Stock != StockOut {
		e.inStock.set(s)
	}
	if d.Prior != nil {
		e.reduced.set(s)
	}
}

func keepCode(r rune) rune {
	switch {
	case r >= '0' && r <= '9', r >= 'a' && r <= 'z':
		return r
	case r >= 'A' && r <= 'Z':
		return r + 'a' - 'A'
	}
	return -1
}

// compact lets go of what is dead: slots are numbered anew.
func (e *engine) compact() {
	to := make([]uint32, len(e.docs))
	docs := make([]*Doc, 0, len(e.slots))
	for i, d := range e.docs {
		if e.alive.has(uint32(i)) {
			to[i] = uint32(len(docs))
			docs = append(docs, d)
		}
	}
	for w, t := range e.terms {
		kept := t.post[:0]
		for _, p := range t.post {
			if e.alive.has(p.slot) {
				kept = append(kept, posting{to[p.slot], p.weight})
			}
		}
		if t.post = slices.Clip(kept); len(kept) == 0 {
			delete(e.terms, w)
		}
	}
	for w, f := range e.stems {
		if len(f.t.post) == 0 {
			delete(e.stems, w)
		}
	}
	e.docs, e.alive, e.dead = docs, nil, 0
	e.slots, e.cats, e.facets, e.inStock, e.reduced = map[db.ID]uint32{}, map[db.ID]bitmap{}, map[facetKey]*facetSet{}, nil, nil
	for i, d := range docs {
		e.mark(d, uint32(i))
	}
	e.sortAll()
	e.relearn()
}

func (e *engine) sortAll() {
	e.byPrice.build(e.docs, e.alive)
	e.byNew.build(e.docs, e.alive)
	e.byName.build(e.docs, e.alive)
}
