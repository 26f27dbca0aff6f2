package admin_test

import "net/url"

func mustURL(s string) *url.URL { u, _ := url.Parse(s); return u }
func prepare(o *office, b *browser) {}
func shotPages(o *office) []string { return nil }
