package admin_test

import (
	"net/url"
	"strings"
)

func mustURL(s string) *url.URL { u, _ := url.Parse(s); return u }

var shotProduct string

func prepare(o *office, b *browser) {
	a := b.post("/admin/products/new", "texts/sv/title", "Mugg Drej", "kind", "goods", "vat_class", "standard", "sku", "M-1", "price", "149,50", "on_hand", "12")
	shotProduct = strings.TrimSuffix(a.location(), "/texts")
	b.upload(shotProduct+"/pictures", map[string][]byte{"mugg.png": drawing(o.t)}, "alt", "En mugg på ett bord")
}

func shotPages(o *office) []string {
	return []string{"/admin/products", shotProduct, shotProduct + "/facts", shotProduct + "/pictures", shotProduct + "/variants/" + o.product(shotProduct[strings.LastIndex(shotProduct, "/")+1:]).Variants[0].ID.String()}
}
