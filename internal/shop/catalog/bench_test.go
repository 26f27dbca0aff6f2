package catalog_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/shop/catalog"
)

// BenchmarkShop prints what a shop of 20,000 products costs: to fill, and to
// read for a page, a cart and an indexer.
func BenchmarkShop(b *testing.B) {
	for name, open := range map[string]func(testing.TB, []db.Migrations) *db.DB{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(name, func(b *testing.B) {
			const total, chunk = 20_000, 50
			d, ctx := open(b, rooms), context.Background()
			begin := time.Now()
			var variants []db.ID
			for i := 0; i < total; i += chunk {
				var ns []catalog.NewProduct
				for k := range chunk {
					n := whole(fmt.Sprintf("Vara %06d", i+k))
					n.Handle, n.Tags = fmt.Sprintf("vara-%06d", i+k), []string{"ny"}
					ns = append(ns, n)
				}
				made, _, err := db.WriteBulk(ctx, d, func(tx *db.Tx) ([]catalog.Created, error) { return catalog.InsertMany(tx, editor, ns) })
				if err != nil {
					b.Fatal(err)
				}
				variants = append(variants, made[0].Variants...)
			}
			b.Logf("filled: %.0f products a second", total/time.Since(begin).Seconds())
			i := 0
			run := func(name string, fn func(q *db.Reader) error) {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						i++
						if _, err := db.Read(ctx, d, func(q *db.Reader) (int, error) { return 0, fn(q) }); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			run("cart of 5", func(q *db.Reader) error {
				at := i * 31 % (len(variants) - 5)
				_, err := catalog.VariantForSale(q, variants[at:at+5])
				return err
			})
			run("list of 100", func(q *db.Reader) error { _, err := catalog.List(q, variants[i*17%len(variants)], 100); return err })
			run("nothing", func(q *db.Reader) error { var n int64; return q.QueryRow(`SELECT 1`).Scan(&n) })
			run("page", func(q *db.Reader) error {
				_, _, err := catalog.ByHandle(q, fmt.Sprintf("vara-%06d", i*7919%total))
				return err
			})
		})
	}
}
