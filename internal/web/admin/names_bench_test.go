package admin_test

import (
	"net/http"
	"testing"

	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/shop/stock"
)

// BenchmarkOrdersWithNames opens the list of fifty orders with the masked names of who
// bought, over TLS, as a browser does.
func BenchmarkOrdersWithNames(b *testing.B) {
	o := open(b, dbtest.SQLite(b, migrations))
	v := o.Product(9900, 1000)
	for range pageOf {
		o.billed(stock.Line{Variant: v, Quantity: 1})
	}
	c := o.as("orders")
	for b.Loop() {
		if a := c.get("/admin/orders"); a.status != http.StatusOK {
			b.Fatal(a.status)
		}
	}
}

const pageOf = 50
