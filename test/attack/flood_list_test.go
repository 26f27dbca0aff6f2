package attack

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// many is how many goods the shops of these cases sell besides the demo's own.
const many = "1000"

// Whatever is asked for, a list is short, and its length costs the asker and not the shop.
var _ = alone("AC-190", func(t *testing.T, engine string) {
	s := apptest.Start(t, apptest.Options{Engine: engine, Args: []string{"--products", many}})
	c := s.As(t)
	owner := s.Staff(c, "owner")
	v := c.Scarce(100)
	c.Paid(v, 1)
	token := []string{"Authorization", "Bearer " + c.AdminToken}
	before := measure(t, s)
	most := highest(s)
	type list struct {
		Items []any   `json:"items"`
		Next  *string `json:"next_cursor"`
	}
	for _, p := range []string{apptest.API + "/products", apptest.AdminAPI + "/products", apptest.AdminAPI + "/orders", apptest.AdminAPI + "/purchases"} {
		for _, bad := range []string{"1000000000", "-1", "0", "101", "99999999999999999999", "", "1e9", "0x64", "1.5", " 5", "+5", "٥", "5;x", "NaN", "100,100"} {
			a := c.Do("GET", p+"?limit="+url.QueryEscape(bad), nil, token...)
			if a.Status != 422 && a.Status != 400 {
				t.Errorf("GET %s?limit=%s: %d", p, bad, a.Status)
			}
		}
		for _, bad := range []string{"page=1000000000", "offset=1000000000", "per_page=1000000000", "from=1900-01-01&to=2100-01-01", "limit=100&limit=100", "all=true"} {
			if a := c.Do("GET", p+"?"+bad, nil, token...); a.Status != 400 {
				t.Errorf("GET %s?%s: %d", p, bad, a.Status)
			}
		}
		for _, cursor := range []string{"kvx", "-1", "99999999999999999999999", base64.RawURLEncoding.EncodeToString(make([]byte, 400)), strings.Repeat("A", 3000), "%00", "null"} {
			if a := c.Do("GET", p+"?cursor="+cursor, nil, token...); a.Status != 422 && a.Status != 400 && a.Status != 200 {
				t.Errorf("GET %s?cursor=%.20s: %d", p, cursor, a.Status)
			} else if a.Status == 200 {
				var l list
				if a.JSON(&l) != nil || len(l.Items) > 24 {
					t.Errorf("GET %s?cursor=%.20s lists %d", p, cursor, len(l.Items))
				}
			}
		}
		// Control: the longest list that may be asked for, and the shortest with its way on.
		var whole, one list
		c.Want(c.Do("GET", p+"?limit=100", nil, token...), 200, &whole)
		c.Want(c.Do("GET", p+"?limit=1", nil, token...), 200, &one)
		if len(whole.Items) > 100 || len(one.Items) != 1 || strings.HasSuffix(p, "/products") && (len(whole.Items) != 100 || one.Next == nil) {
			t.Errorf("GET %s: %d and %d rows", p, len(whole.Items), len(one.Items))
		}
	}
	for _, p := range []string{"/admin/orders", "/admin/products", "/admin/stock", "/admin/purchases", "/admin/cases?show=all", "/admin/returns", "/admin/audit", "/admin/jobs", "/admin/mail", "/admin/campaigns", "/admin/codes"} {
		for _, q := range []string{"", "before=9223372036854775807", "before=-1", "before=99999999999999999999", "limit=1000000000", "page=1000000000", "show=all&before=0", "due=-9223372036854775808&before=1", "due=9223372036854775807&before=1"} {
			sep := "?"
			if strings.Contains(p, "?") {
				sep = "&"
			}
			if strings.Contains(p, "show=") && strings.Contains(q, "show=") {
				continue
			}
			a := owner.Do("GET", p+sep+q, nil)
			if rows := len(a.Find("main tbody tr")); a.Status != 200 || rows > 200 {
				t.Errorf("GET %s%s%s: %d with %d rows", p, sep, q, a.Status, rows)
			}
		}
	}
	// All facets, far into the list, and the two documents that list everything.
	next, pages := "/search?sort=name", 0
	for next != "" && pages < 60 {
		a := c.Do("GET", next, nil)
		if cards := len(a.Find("main .cards > li, main .card")); a.Status != 200 || cards == 0 || cards > 60 {
			t.Fatalf("GET %s: %d with %d cards", next, a.Status, cards)
		}
		next = ""
		for _, n := range a.Find(`a[rel="next"]`) {
			next = apptest.Attr(n, "href")
		}
		pages++
	}
	if pages < 20 {
		t.Errorf("the list of all goods has %d pages", pages)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		b := c.Other()
		wg.Go(func() {
			for _, p := range []string{"/feeds/google.xml", "/sitemaps/products-0-0.xml", "/sitemap.xml", fmt.Sprintf("/feeds/google.xml?page=%d", i), "/sitemaps/products-0-999999.xml", "/sitemaps/products-999999999999-0.xml"} {
				a, err := b.Try("GET", p, nil)
				// Few feeds are written at once; who comes too many is told when to come.
				wait := strings.HasPrefix(p, "/feeds/") && a.Status == 503 && a.Header.Get("Retry-After") != ""
				if err != nil || a.Status != 200 && a.Status != 404 && !wait || len(a.Body) > 32<<20 {
					t.Errorf("GET %s: %d with %d bytes, %v", p, a.Status, len(a.Body), err)
				}
			}
		})
	}
	shops(t, s, v)
	wg.Wait()
	if grown := most() - before.RSS; grown > 128<<20 {
		t.Errorf("the program grew by %d MB", grown>>20)
	}
	rests(c)
	// Beside one who asks for the feed and does not read it, others get theirs.
	defer deafReader(t, s, 0, "/feeds/google.xml", "/feeds/google.xml", "/feeds/google.xml", "/feeds/google.xml").Close()
	if a := c.Do("GET", "/feeds/google.xml", nil); a.Status != 200 || !strings.HasSuffix(string(a.Body), "</channel></rss>\n") || !strings.Contains(string(a.Body), v.SKU) {
		t.Errorf("the feed: %d with %d bytes", a.Status, len(a.Body))
	}
})

// What people type into a search costs about the same, whatever it is.
var _ = alone("AC-193", func(t *testing.T, engine string) {
	s := apptest.Start(t, apptest.Options{Engine: engine, Args: []string{"--products", many}})
	c := s.As(t)
	v := c.Scarce(100)
	words := strings.Fields("kopp mugg lampa duk kniv lykta pläd ljus bord stol")
	ask := func(b *apptest.Client, path, q string) int {
		a, err := b.Try("GET", path+"?q="+url.QueryEscape(q), nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return 0
		}
		if a.Status != 200 && a.Status != 400 && a.Status != 413 && a.Status != 414 && a.Status != 431 {
			t.Errorf("%s with %.40q: %d", path, q, a.Status)
		}
		return a.Status
	}
	// The processor's time of n questions by people of their own.
	cost := func(n int, term func(i int) string) time.Duration {
		before := measure(t, s).CPU
		var wg sync.WaitGroup
		for lane := range 4 {
			b := c.Other()
			wg.Go(func() {
				for i := lane; i < n; i += 4 {
					ask(b, []string{"/search", "/search/suggest", apptest.API + "/products", "/en/search"}[i/4%4], term(i))
				}
			})
		}
		wg.Wait()
		return (measure(t, s).CPU - before) / time.Duration(n)
	}
	const n = 100
	cost(n, func(i int) string { return words[i%len(words)] })
	honest := cost(n, func(i int) string { return words[i%len(words)] + " " + words[(i/3)%len(words)] })
	for what, term := range map[string]func(i int) string{
		"6 kB of one word":   func(i int) string { return strings.Repeat("kopp", 1400) },
		"1,000 words":        func(i int) string { return strings.Repeat("a ", 1000) },
		"wildcards":          func(i int) string { return strings.Repeat("%_*?", 40) },
		"expressions":        func(i int) string { return `(a+)+$ .* [[:alpha:]]* "a" OR "b" NEAR/100 -c ^d` },
		"emoji":              func(i int) string { return strings.Repeat("👩‍👩‍👧‍👦", 30) },
		"marks on a letter":  func(i int) string { return "a" + strings.Repeat("\u0301", 300) },
		"one letter":         func(i int) string { return string(rune('a' + i%26)) },
		"stop words":         func(i int) string { return "och i att det som en på är av för" },
		"slips":              func(i int) string { return fmt.Sprintf("kpop mgug lmapa dku kinv lyhta pldä jlus %d", i) },
		"long compounds":     func(i int) string { return "koppmugglampadukknivlyktaplädljusbordstol" + words[i%len(words)] },
		"line ends and tabs": func(i int) string { return strings.Repeat("kopp\n\t", 100) },
		"other scripts":      func(i int) string { return "чашка 茶碗 كوب कप ‮kopp" },
		"turkish and sharp":  func(i int) string { return strings.Repeat("İıßﬁǅ", 60) },
	} {
		// One can type no more than a hundred times what an honest question costs, and
		// ten milliseconds are too little to tell apart.
		if each := cost(n, term); each > 20*honest+20*time.Millisecond {
			t.Errorf("%s cost %s each, an honest question %s", what, each, honest)
		}
	}
	// A megabyte is not read to its end.
	mega := strings.Repeat("kopp+", 200_000)
	for _, at := range []string{"/search?q=", "/search/suggest?q=", apptest.API + "/products?q="} {
		if a := rawGet(t, s, s.Shop, at+mega); a.Status != 431 && a.Status != 414 && a.Status != 0 {
			t.Errorf("a megabyte to %s: %d", at, a.Status)
		}
	}
	// A hundred at once, and shoppers beside them.
	var wg sync.WaitGroup
	for i := range 100 {
		b := c.Other()
		wg.Go(func() { ask(b, "/search", fmt.Sprintf("kpop mgug %d", i)) })
	}
	shops(t, s, v)
	wg.Wait()
	// Control: the search finds.
	a := c.Do("GET", "/search?q="+url.QueryEscape(v.Title), nil)
	if a.Status != 200 || !strings.Contains(string(a.Body), "/products/"+v.Product) {
		t.Errorf("searching for %q does not find %s", v.Title, v.Product)
	}
	rests(c)
})
