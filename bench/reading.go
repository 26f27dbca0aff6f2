package main

import (
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"slices"
)

// reading measures pages, lists and searches of the large shop.
func reading(dir string) error {
	fmt.Printf("Reading, %d products (HTTP/2 over TLS, gzip)\n", *products)
	s, err := start(folder(dir, *products), *products)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.full(); err != nil {
		return err
	}
	handles, shelves, err := s.pick()
	if err != nil {
		return err
	}
	cart, err := s.visitor()
	if err != nil {
		return err
	}
	if part("pages") {
		if err := s.compare("product page, finished, kept", "/products/"+handles[0], "0.6 of the bare handler"); err != nil {
			return err
		}
	}
	if part("list") {
		if err := s.compare("list of 24 with facets, kept", "/categories/"+shelves[0], "0.5 of the bare handler"); err != nil {
			return err
		}
	}
	// A visitor with a cart never gets a kept page, and the address is another each
	// time besides.
	unkept := func(name, want string, path func(n int64) string) {
		var n atomic.Int64
		r := median(func() result {
			return load(s.PID, 4, func(int) error { return get(s.http, s.Shop+path(n.Add(1)), "gzip", cart) })
		})
		row(name, fmt.Sprintf("%s CPU, p50 %s", ms(r.per), ms(r.p50)), want)
	}
	if part("pages") {
		unkept("product page, a visitor with a cart", "-", func(n int64) string { return "/products/" + handles[n%int64(len(handles))] })
		unkept("first page, a visitor with a cart", "-", func(int64) string { return "/" })
	}
	if part("list") {
		sorts := []string{"newest", "price", "-price", "name"}
		unkept("list of 24 with facets, not kept", "1 ms CPU", func(n int64) string {
			u := "/categories/" + shelves[n%int64(len(shelves))] + "?sort=" + sorts[n/3%4]
			if n%2 == 0 {
				u += "&in_stock=1"
			}
			return u
		})
		var n atomic.Int64
		r := median(func() result {
			return load(s.PID, 4, func(int) error {
				k := n.Add(1)
				return get(s.http, s.Shop+"/api/store/v1/products?limit=24&sort="+sorts[k%4]+"&category="+shelves[k%int64(len(shelves))], "gzip")
			})
		})
		row("list of 24 whole products, Store API", ms(r.per)+" CPU", "-")
	}
	if part("search") {
		s.searches(cart)
	}
	return nil
}

var (
	rightWords = []string{"stekpanna", "pläd", "kruka", "mugg", "handduk", "lampa", "korg", "kanna", "röd mugg", "vas i glas"}
	slipWords  = []string{"stekpana", "pläddd", "krukka", "muggg", "handduuk", "lammpa", "korgg", "kannna", "röd muggg", "vas i glasss"}
)

// searches measures suggestions and the page, with words that are right and with
// slips; then how long an answer takes when the machine has half of what it can do.
func (s *shop) searches(cart string) {
	sorts := []string{"", "&sort=price", "&sort=newest", "&in_stock=1"}
	for _, c := range []struct {
		name, want string
		words      []string
	}{{"words as they stand", "2 ms CPU", rightWords}, {"with slips", "5 ms CPU", slipWords}} {
		var n atomic.Int64
		ask := func(path string, more func(k int64) string) func(int) error {
			return func(int) error {
				k := n.Add(1)
				return get(s.http, s.Shop+path+url.QueryEscape(c.words[k%int64(len(c.words))])+more(k), "gzip", cart)
			}
		}
		suggest := ask("/search/suggest?q=", func(int64) string { return "" })
		page := ask("/search?q=", func(k int64) string { return sorts[k/10%4] })
		for _, m := range []struct {
			name string
			fn   func(int) error
		}{{"suggestions", suggest}, {"page with facets, not kept", page}} {
			r := median(func() result { return load(s.PID, 4, m.fn) })
			row("search, "+c.name+": "+m.name, fmt.Sprintf("%s CPU, %.0f/s when saturated", ms(r.per), r.rate), c.want)
			half := open(s.PID, r.rate/2, m.fn)
			row("    at half that rate", fmt.Sprintf("p50 %s, p99 %s", ms(half.p50), ms(half.p99)), "p99 30 ms")
		}
	}
}

// open asks at a steady rate whether answers come or not, as a public does; times
// count from when the question was due.
func open(pid int, rate float64, fn func(int) error) result {
	n := int(rate * length.Seconds())
	var failed atomic.Int64
	all := make([]time.Duration, n)
	c0, t0 := cpu(pid), time.Now()
	var wg sync.WaitGroup
	for i := range n {
		due := t0.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			if fn(i) != nil {
				failed.Add(1)
			}
			all[i] = time.Since(due)
		})
	}
	wg.Wait()
	r := result{ops: int64(n), failed: failed.Load(), rate: rate}
	if n > 0 {
		r.per = (cpu(pid) - c0) / time.Duration(n)
		slices.Sort(all)
		r.p50, r.p99 = all[n/2], all[n*99/100]
	}
	return r
}

// compare measures a kept page beside a bare handler that writes the same bytes.
func (s *shop) compare(name, path, want string) error {
	ref, err := s.reference(s.Shop + path)
	if err != nil {
		return err
	}
	defer ref.stop()
	url := s.Shop + path
	get(s.http, url, "gzip")
	mine := median(func() result { return load(s.PID, 8, func(int) error { return get(s.http, url, "gzip") }) })
	bare := median(func() result { return load(ref.PID, 8, func(int) error { return get(ref.http, ref.Shop, "gzip") }) })
	row(name, fmt.Sprintf("%.2f of the bare handler (%s)", float64(bare.per)/float64(mine.per), ms(mine.per)), want)
	return nil
}

// pick finds goods and their shelves, the shelf first that is nearest the root.
func (s *shop) pick() (handles, shelves []string, err error) {
	var l struct {
		Items []struct {
			Handle     string   `json:"handle"`
			Categories []string `json:"categories"`
		} `json:"items"`
	}
	if err := s.json("GET", "/products?limit=100", nil, &l, nil); err != nil {
		return nil, nil, err
	}
	for _, i := range l.Items {
		handles = append(handles, i.Handle)
		for _, c := range i.Categories {
			if !slices.Contains(shelves, c) {
				shelves = append(shelves, c)
			}
		}
	}
	var tree struct {
		Items []struct {
			Handle string `json:"handle"`
		} `json:"items"`
	}
	if err := s.json("GET", "/categories", nil, &tree, nil); err != nil {
		return nil, nil, err
	}
	for _, c := range tree.Items {
		shelves = append([]string{c.Handle}, slices.DeleteFunc(shelves, func(h string) bool { return h == c.Handle })...)
	}
	if len(handles) == 0 || len(shelves) == 0 {
		return nil, nil, fmt.Errorf("no goods")
	}
	return handles, shelves, nil
}

// visitor is the cookie of someone with two things in the cart.
func (s *shop) visitor() (string, error) {
	vs, err := s.plenty(2)
	if err != nil {
		return "", err
	}
	var c cartJSON
	if err := s.json("POST", "/carts", nil, &c, nil); err != nil {
		return "", err
	}
	for _, v := range vs {
		if err := s.json("POST", "/carts/"+c.ID+"/lines", map[string]any{"variant_id": v, "quantity": 1}, &c, nil); err != nil {
			return "", err
		}
	}
	return "__Host-cart=" + c.ID, nil
}
