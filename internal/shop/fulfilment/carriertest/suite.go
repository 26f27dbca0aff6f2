// Package carriertest is the suite that every carrier passes.
package carriertest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"kassavalv/internal/lang"
	"kassavalv/internal/shop/fulfilment"
)

// Suite runs against c, which behaves well. postal is a Swedish postal code that
// has points.
func Suite(t *testing.T, c fulfilment.Carrier, postal string) {
	ctx := context.Background()
	g := fulfilment.NewGuard(c, fulfilment.Options{})
	t.Run("points", func(t *testing.T) {
		for _, l := range lang.All {
			ps, err := c.Points(ctx, postal, "SE", l)
			if err != nil || len(ps) == 0 {
				t.Fatal(len(ps), err)
			}
			kinds := map[string]bool{}
			for _, p := range ps {
				kinds[p.Kind] = true
				if got, ok := g.Point(ctx, p.Kind, postal, "SE", l, p.ID); !ok || got.Name != p.Name || got.Address() == "" {
					t.Errorf("the guard does not let %+v through", p)
				}
			}
			if len(kinds) == 0 {
				t.Error("no kinds")
			}
		}
	})
	t.Run("book is idempotent by key", func(t *testing.T) {
		in := fulfilment.ParcelToBook{Key: "suite-1", Reference: "12345678", Kind: fulfilment.Pickup, Name: "Test", Line1: "Gatan 1", PostalCode: postal, City: "Orten", Country: "SE", WeightG: 1000}
		var wg sync.WaitGroup
		numbers := make([]string, 4)
		for i := range numbers {
			wg.Go(func() {
				b, err := g.Book(ctx, in)
				if err != nil {
					t.Error(err)
				}
				numbers[i] = b.Number
			})
		}
		wg.Wait()
		for _, n := range numbers {
			if n == "" || n != numbers[0] {
				t.Errorf("numbers %v", numbers)
			}
		}
		in.Key = "suite-2"
		if b, err := g.Book(ctx, in); err != nil || b.Number == numbers[0] {
			t.Error(b.Number, err)
		}
		if tr, err := g.Track(ctx, numbers[0]); err != nil || tr.Stage == "" {
			t.Error(tr, err)
		}
	})
	t.Run("refuses", func(t *testing.T) {
		if _, err := c.Book(ctx, fulfilment.ParcelToBook{Key: "suite-3", Country: "SE", PostalCode: postal, WeightG: 1 << 40}); !errors.Is(err, fulfilment.ErrRefused) {
			t.Error(err)
		}
		if _, err := c.Track(ctx, "nothing"); !errors.Is(err, fulfilment.ErrNoSuchParcel) {
			t.Error(err)
		}
	})
	t.Run("heeds its context", func(t *testing.T) {
		done, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := c.Points(done, postal, "SE", lang.SV); err == nil {
			t.Error("an ended context was ignored")
		}
	})
}
