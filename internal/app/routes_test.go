package app

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"kassavalv/internal/web"
	"kassavalv/internal/web/api"
)

func table(t *testing.T) []web.Route {
	t.Helper()
	a := &App{Origin: "https://shop.example"}
	a.skeleton()
	a.buildRoutes()
	return a.routes["shop"]
}

// The description names exactly the API rows of the table.
func TestDescriptionMatchesTable(t *testing.T) {
	rows := table(t)
	var doc struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(api.Document(rows, "https://shop.example"), &doc); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, r := range rows {
		if strings.HasPrefix(r.Path, "/api/") {
			if r.Op == "" {
				t.Errorf("%s %s has no operation", r.Method, r.Path)
			}
			want[strings.ToLower(r.Method)+" "+r.Path] = true
		}
	}
	for p, ms := range doc.Paths {
		for m := range ms {
			if !want[m+" "+p] {
				t.Errorf("%s %s is described and not in the table", m, p)
			}
			delete(want, m+" "+p)
		}
	}
	for k := range want {
		t.Errorf("%s is in the table and not described", k)
	}
	if doc.OpenAPI != "3.1.0" || len(doc.Paths) < 20 {
		t.Errorf("%s, %d paths", doc.OpenAPI, len(doc.Paths))
	}
}

// The committed description is the one the program serves.
func TestCommittedDescription(t *testing.T) {
	const file = "../../docs/openapi.json"
	got := api.Document(table(t), "https://shop.example")
	if os.Getenv("KASSAVALV_TEST_UPDATE") != "" {
		if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(b)) != string(got) {
		t.Error("docs/openapi.json differs from the program's; make it anew with: KASSAVALV_TEST_UPDATE=1 go test ./internal/app -run TestCommittedDescription")
	}
}

// Every operation of the Store API that SURFACE names is in the table.
func TestSurfaceIsThere(t *testing.T) {
	have := map[string]bool{}
	for _, r := range table(t) {
		have[r.Method+" "+r.Path] = true
	}
	for _, want := range []string{
		"GET /api/store/v1/products", "GET /api/store/v1/products/{handle}", "GET /api/store/v1/categories", "GET /api/store/v1/delivery-options",
		"POST /api/store/v1/carts", "GET /api/store/v1/carts/{id}", "POST /api/store/v1/carts/{id}/lines", "PATCH /api/store/v1/carts/{id}/lines/{line}",
		"DELETE /api/store/v1/carts/{id}/lines/{line}", "PUT /api/store/v1/carts/{id}/customer", "GET /api/store/v1/carts/{id}/delivery-options", "PUT /api/store/v1/carts/{id}/delivery",
		"PUT /api/store/v1/carts/{id}/discounts/{code}", "DELETE /api/store/v1/carts/{id}/discounts/{code}", "GET /api/store/v1/carts/{id}/payment-methods", "POST /api/store/v1/carts/{id}/purchases",
		"GET /api/store/v1/purchases/{token}", "GET /api/store/v1/orders/{token}", "GET /api/store/v1/openapi.json",
		"GET /api/admin/v1/orders", "GET /api/admin/v1/orders/{number}", "POST /api/admin/v1/orders/{number}/refunds", "POST /api/admin/v1/orders/{number}/cancel",
		"POST /api/admin/v1/orders/{number}/shipments", "GET /api/admin/v1/purchases", "GET /api/admin/v1/variants", "PUT /api/admin/v1/variants/{id}/stock", "GET /api/admin/v1/variants/{id}/stock", "GET /api/admin/v1/products",
		"GET /{$}", "GET /products/{handle}", "GET /categories/{handle}", "GET /search", "GET /cart", "GET /checkout", "POST /checkout", "GET /purchases/{token}", "GET /orders/{token}", "GET /orders/find",
		"GET /login", "GET /support", "GET /cases/{token}", "GET /withdraw", "GET /pages/{handle}", "GET /trust", "GET /status", "GET /admin", "GET /feeds/google.xml", "GET /sitemap.xml", "GET /robots.txt",
		"GET /.well-known/security.txt", "GET /.well-known/change-password",
	} {
		if !have[want] {
			t.Errorf("%s is missing", want)
		}
	}
}
