package search

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

// FewLeft is how many pieces still count as few.
const FewLeft = 5

// Index is the search of one node. Make it with New and let Run run.
type Index struct {
	d                 *db.DB
	currency, country string
	log               *slog.Logger
	e                 *engine
	ready             chan struct{}
	once              sync.Once
	wake              chan struct{}

	mu    sync.Mutex
	dirty map[db.ID]bool // products to read again
	all   bool           // read everything again
	tree  *catalog.Tree
	due   time.Time // when the next document changes by the clock
	loads atomic.Int64

	noted   uint64        // changes heard of
	settled uint64        // of these, the ones that can be found
	moved   chan struct{} // closed when settled grows
	after   []func()
}

// New makes an empty index that hears of changes from now on.
func New(d *db.DB, currency, country string, log *slog.Logger) *Index {
	x := &Index{d: d, currency: currency, country: country, log: log, e: newEngine(), ready: make(chan struct{}), wake: make(chan struct{}, 1), dirty: map[db.ID]bool{}, all: true, moved: make(chan struct{})}
	d.OnChange(x.changed)
	return x
}

// changed notes what must be read again. It is quick: the reading is Run's.
func (x *Index) changed(cs []db.Change) {
	any := false
	x.mu.Lock()
	for _, c := range cs {
		switch c.Entity {
		case catalog.EntityProduct:
			x.dirty[c.ID] = true
			any = true
		case "stock":
			if p := x.e.productOf(c.ID); p != 0 {
				x.dirty[p] = true
				any = true
			}
		case catalog.EntityCategory, catalog.EntityAttribute, pricing.EntityCampaign:
			x.all, any = true, true
		}
	}
	if any {
		x.noted++
	}
	x.mu.Unlock()
	if any {
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}
}

func (e *engine) productOf(variant db.ID) db.ID {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.owner[variant]
}

// Ready is closed when the index holds the whole shop for the first time.
func (x *Index) Ready() <-chan struct{} { return x.ready }

// Size is how many products are found.
func (x *Index) Size() int {
	x.e.mu.RLock()
	defer x.e.mu.RUnlock()
	return len(x.e.slots)
}

// Close does nothing but keep the shape of a service; Run ends with its context.
func (x *Index) Close() error { return nil }

// Run fills the index and follows changes until ctx ends.
func (x *Index) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := x.follow(ctx); err != nil && ctx.Err() == nil {
			x.log.Error("search: reading goods", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-x.wake:
			// Changes come in flocks; a short pause lets one reading serve them.
			t := time.NewTimer(50 * time.Millisecond)
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-t.C:
			}
		case <-tick.C:
		}
	}
}

// follow reads what is dirty or due.
func (x *Index) follow(ctx context.Context) error {
	x.mu.Lock()
	all := x.all
	if !all && !x.due.IsZero() && !x.d.LegalNow().Before(x.due) {
		for _, id := range x.e.dueBy(x.d.LegalNow()) {
			x.dirty[id] = true
		}
		x.due = time.Time{}
	}
	ids := make([]db.ID, 0, len(x.dirty))
	for id := range x.dirty {
		ids = append(ids, id)
	}
	x.all, x.dirty = false, map[db.ID]bool{}
	upTo := x.noted
	x.mu.Unlock()
	if !all && len(ids) == 0 {
		return nil
	}
	if all {
		if err := x.readAll(ctx); err != nil {
			x.again(true, nil)
			return err
		}
		x.once.Do(func() { close(x.ready) })
		x.reached(upTo)
		return nil
	}
	for len(ids) > 0 {
		n := min(len(ids), 200)
		if err := x.readSome(ctx, ids[:n]); err != nil {
			x.again(false, ids)
			return err
		}
		ids = ids[n:]
	}
	x.reached(upTo)
	return nil
}

// reached says that changes up to n can be found.
func (x *Index) reached(n uint64) {
	x.mu.Lock()
	x.settled = n
	close(x.moved)
	x.moved = make(chan struct{})
	after := x.after
	x.mu.Unlock()
	for _, fn := range after {
		fn()
	}
}

// Settle waits until every change that was committed in this process before the
// call can be found, or ctx ends. Run must be running.
func (x *Index) Settle(ctx context.Context) error {
	select {
	case <-x.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	x.mu.Lock()
	want := x.noted
	x.mu.Unlock()
	for {
		x.mu.Lock()
		done, moved := x.settled >= want, x.moved
		x.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// OnRead has fn called after each reading of changes: what was kept of lists
// made before it is old. fn must be quick.
func (x *Index) OnRead(fn func()) {
	x.mu.Lock()
	x.after = append(x.after, fn)
	x.mu.Unlock()
}

func (x *Index) again(all bool, ids []db.ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all = x.all || all
	for _, id := range ids {
		x.dirty[id] = true
	}
}

func (e *engine) dueBy(at time.Time) (out []db.ID) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for id, s := range e.slots {
		if u := e.docs[s].Until; !u.IsZero() && !u.After(at) {
			out = append(out, id)
		}
	}
	return
}

// readAll builds a fresh engine page by page, so that searches go on meanwhile.
func (x *Index) readAll(ctx context.Context) error {
	tree, err := db.Read(ctx, x.d, func(q *db.Reader) (*catalog.Tree, error) { return catalog.Categories(q) })
	if err != nil {
		return err
	}
	x.mu.Lock()
	x.tree = tree
	x.mu.Unlock()
	fresh := newEngine()
	fresh.orders()
	after := db.ID(0)
	for {
		docs, last, n, err := x.batch(ctx, tree, func(q db.Q) ([]*catalog.Product, error) { return catalog.List(q, after, 250) })
		if err != nil {
			return err
		}
		for _, d := range docs {
			fresh.add(d, false)
		}
		if n < 250 {
			break
		}
		after = last
	}
	fresh.byPrice.build(fresh.docs, fresh.alive)
	fresh.byNew.build(fresh.docs, fresh.alive)
	fresh.byName.build(fresh.docs, fresh.alive)
	fresh.sortVocabulary()
	x.e.mu.Lock()
	e := x.e
	e.docs, e.alive, e.dead, e.slots, e.owner = fresh.docs, fresh.alive, 0, fresh.slots, fresh.owner
	e.terms, e.folded, e.cats, e.facets, e.inStock, e.reduced = fresh.terms, fresh.folded, fresh.cats, fresh.facets, fresh.inStock, fresh.reduced
	e.vocab, e.rvocab, e.rwords, e.sorted = fresh.vocab, fresh.rvocab, fresh.rwords, true
	e.byPrice, e.byNew, e.byName = fresh.byPrice, fresh.byNew, fresh.byName
	x.e.mu.Unlock()
	x.loads.Add(1)
	return nil
}

func (x *Index) readSome(ctx context.Context, ids []db.ID) error {
	x.mu.Lock()
	tree := x.tree
	x.mu.Unlock()
	docs, _, _, err := x.batch(ctx, tree, func(q db.Q) ([]*catalog.Product, error) { return catalog.ByIDs(q, ids) })
	if err != nil {
		return err
	}
	x.e.put(docs, ids)
	return nil
}

// batch reads products with prices and stock in one snapshot and makes
// documents of those that show.
func (x *Index) batch(ctx context.Context, tree *catalog.Tree, read func(db.Q) ([]*catalog.Product, error)) (docs []*Doc, last db.ID, n int, err error) {
	_, err = db.Read(ctx, x.d, func(q *db.Reader) (struct{}, error) {
		docs, last, n = nil, 0, 0
		ps, err := read(q)
		if err != nil {
			return struct{}{}, err
		}
		n = len(ps)
		var variants []db.ID
		for _, p := range ps {
			last = p.ID
			for _, v := range p.Variants {
				variants = append(variants, v.ID)
			}
		}
		at := q.LegalNow()
		prices, err := pricing.Selling(q, x.currency, variants, at)
		if err != nil {
			return struct{}{}, err
		}
		levels, err := stock.Levels(q, variants)
		if err != nil {
			return struct{}{}, err
		}
		next, err := pricing.NextBoundaryOfAll(q, x.country, at)
		if err != nil {
			return struct{}{}, err
		}
		x.mu.Lock()
		if !next.IsZero() && (x.due.IsZero() || next.Before(x.due)) {
			x.due = next
		}
		x.mu.Unlock()
		for _, p := range ps {
			if d := doc(p, tree, prices, levels, at); d != nil {
				d.Until = next
				docs = append(docs, d)
			}
		}
		return struct{}{}, nil
	})
	return
}

// doc turns a product into what the index takes; nil when it does not show.
func doc(p *catalog.Product, tree *catalog.Tree, prices map[db.ID]pricing.Price, levels map[db.ID]stock.Level, at time.Time) *Doc {
	if !p.Visible(at) {
		return nil
	}
	sv, en := p.Texts[lang.SV], p.Texts[lang.EN]
	d := &Doc{Card: Card{Product: p.ID, Handle: p.Handle, TitleSV: sv.Title, TitleEN: en.Title, Brand: p.Brand, Stock: StockOut}, Created: p.CreatedAt}
	if pics := p.Pictures(); len(pics) > 0 {
		d.Picture, d.AltSV, d.AltEN = pics[0].File, pics[0].Alt.SV, pics[0].Alt.EN
	}
	chosen := false
	for _, v := range p.Variants {
		price, ok := prices[v.ID]
		if !ok || v.Status != catalog.Active {
			continue
		}
		d.Variants = append(d.Variants, v.ID)
		if lv, ok := levels[v.ID]; ok && lv.Sellable(1) {
			switch {
			case !lv.Tracked || lv.Backorder || lv.Available() > FewLeft:
				d.Stock = StockIn
			case d.Stock == StockOut:
				d.Stock = StockFew
			}
		}
		d.From = d.From || (chosen && price.Price.Amount != d.Price.Amount)
		if !chosen || price.Price.Amount < d.Price.Amount {
			chosen = true
			d.Price, d.Prior, d.Percent = price.Price, price.Prior, price.PercentOff()
			d.UnitPrice, d.Unit = nil, ""
			content := v.Content
			if content == 0 {
				content = p.Content
			}
			if p.Unit != "" {
				if u, ok := pricing.UnitPrice(price.Price, content); ok {
					d.UnitPrice, d.Unit = &u, p.Unit
				}
			}
		}
		if v.SKU != "" {
			d.Texts = append(d.Texts, Field{v.SKU, 20, true})
		}
		if v.GTIN != "" {
			d.Texts = append(d.Texts, Field{v.GTIN, 20, true})
		}
		for _, c := range v.Choices {
			d.Texts = append(d.Texts, Field{c.Value.SV, 4, false}, Field{c.Value.EN, 2, false})
		}
	}
	if len(d.Variants) == 0 {
		return nil
	}
	d.Card.Variants = len(d.Variants)
	if len(d.Variants) == 1 {
		d.Sole = d.Variants[0]
	}
	d.Texts = append(d.Texts, Field{sv.Title, 12, false}, Field{en.Title, 6, false}, Field{p.Brand, 6, false}, Field{sv.Description, 1, false}, Field{en.Description, 1, false}, Field{sv.Materials, 2, false})
	for _, t := range p.Tags {
		d.Texts = append(d.Texts, Field{t, 4, false})
	}
	seen := map[db.ID]bool{}
	for _, id := range p.Categories {
		if tree == nil {
			break
		}
		for _, c := range tree.Path(id) {
			if !seen[c.ID] {
				seen[c.ID] = true
				d.Categories = append(d.Categories, c.ID)
				d.Texts = append(d.Texts, Field{c.Texts[lang.SV].Title, 5, false}, Field{c.Texts[lang.EN].Title, 3, false})
			}
		}
	}
	for _, v := range p.Values {
		if v.Filter {
			d.Facets = append(d.Facets, Facet{Key: v.Key, Value: v.Value, NameSV: v.Name.SV, NameEN: v.Name.EN, LabelSV: v.Label.SV, LabelEN: v.Label.EN})
		}
		d.Texts = append(d.Texts, Field{v.Label.SV, 2, false})
	}
	if p.Brand != "" {
		d.Facets = append(d.Facets, Facet{Key: "brand", Value: p.Brand, NameSV: "Märke", NameEN: "Brand", LabelSV: p.Brand, LabelEN: p.Brand})
	}
	return d
}

// List answers a query. Faults: 422 with pointers /limit, /sort, /cursor, /filter.
func (x *Index) List(q Query) (Result, error) { return x.e.list(q) }

// Cards returns the cards of products, in the order given, those that do not
// show left out.
func (x *Index) Cards(ids []db.ID) []*Card {
	x.e.mu.RLock()
	defer x.e.mu.RUnlock()
	var out []*Card
	for _, id := range ids {
		if s, ok := x.e.slots[id]; ok {
			out = append(out, &x.e.docs[s].Card)
		}
	}
	return out
}

// Suggest completes what someone is typing: at most n cards.
func (x *Index) Suggest(text string, n int) []*Card {
	r, err := x.e.list(Query{Text: text, Limit: max(1, min(n, 10)), Sort: SortRelevance})
	if err != nil {
		return nil
	}
	return r.Cards
}
