package search

import (
	"context"
	"slices"
	"sync"

	"kassavalv/internal/db"
	"kassavalv/internal/shop/catalog"
)

const (
	// chunk is how many products one read transaction reads: some milliseconds.
	chunk = 250
	// firstOfShelf is how many goods of each shelf a first page may need, firstNew
	// how many of the newest.
	firstOfShelf, firstNew = 6, 48
)

// readAll builds a fresh engine chunk by chunk, so that searches go on meanwhile.
// The first time, what a first page shows is read before the rest.
func (x *Index) readAll(ctx context.Context) error {
	var tree *catalog.Tree
	ids, err := db.Read(ctx, x.d, func(q *db.Reader) (ids []db.ID, err error) {
		if tree, err = catalog.Categories(q); err != nil {
			return nil, err
		}
		return catalog.IDs(q)
	})
	if err != nil {
		return err
	}
	x.mu.Lock()
	x.tree = tree
	x.mu.Unlock()
	starting := x.loads.Load() == 0
	if starting {
		if err := x.readFirst(ctx, tree, ids); err != nil {
			return err
		}
	}
	fresh := newEngine()
	if err := x.readInto(ctx, fresh, tree, ids, starting); err != nil {
		return err
	}
	fresh.sortAll()
	fresh.learn()
	x.e.mu.Lock()
	x.e.engineState = fresh.engineState
	x.e.mu.Unlock()
	x.loads.Add(1)
	return nil
}

// readInto reads products and adds them. Nothing is sold yet while the program
// starts, so two read side by side; later one does, for the shoppers' sake.
func (x *Index) readInto(ctx context.Context, e *engine, tree *catalog.Tree, ids []db.ID, starting bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	readers := 1
	if starting {
		readers = 2
	}
	work := make(chan []db.ID)
	type batch struct {
		docs []*Doc
		err  error
	}
	read := make(chan batch, readers)
	var running sync.WaitGroup
	for range readers {
		running.Go(func() {
			for ids := range work {
				docs, err := x.batch(ctx, tree, func(q db.Q) ([]*catalog.Product, error) { return catalog.ByIDs(q, ids) })
				read <- batch{docs, err}
				if err != nil {
					return
				}
			}
		})
	}
	go func() {
		defer close(work)
		for c := range slices.Chunk(ids, chunk) {
			select {
			case work <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() { running.Wait(); close(read) }()
	var failed error
	for b := range read {
		if b.err != nil && failed == nil {
			failed = b.err
			cancel()
		}
		if failed == nil {
			for _, d := range b.docs {
				e.add(d, false)
			}
		}
	}
	if failed == nil {
		failed = ctx.Err() // cut short from outside
	}
	return failed
}

// readFirst lets a first page be shown before a large shop is read: the goods
// that staff chose, the newest, and some of each shelf.
func (x *Index) readFirst(ctx context.Context, tree *catalog.Tree, ids []db.ID) error {
	some, err := db.Read(ctx, x.d, func(q *db.Reader) ([]db.ID, error) {
		out, err := catalog.WithTag(q, catalog.ChosenTag, 0, firstNew)
		if err != nil {
			return nil, err
		}
		for _, c := range tree.All {
			shelf, err := catalog.InCategories(q, []db.ID{c.ID}, 0, firstOfShelf)
			if err != nil {
				return nil, err
			}
			out = append(out, shelf...)
		}
		return out, nil
	})
	if err != nil {
		return err
	}
	some = append(some, ids[max(0, len(ids)-firstNew):]...)
	slices.Sort(some)
	early := newEngine()
	if err := x.readInto(ctx, early, tree, slices.Compact(some), true); err != nil {
		return err
	}
	early.sortAll()
	early.learn()
	x.e.mu.Lock()
	x.e.engineState = early.engineState
	x.e.mu.Unlock()
	x.onceFirst.Do(func() { close(x.first) })
	return nil
}
