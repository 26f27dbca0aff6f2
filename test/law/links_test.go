package law

import (
	"net/url"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// What the law wants within reach must be where the links say: every link of the
// shop's own pages, from the first page on in both languages, answers, and none goes
// a way round by a redirect.
func TestOwnLinksLead(t *testing.T) {
	s := apptest.Start(t, apptest.Options{Engine: "sqlite"})
	c := s.As(t)
	seen := map[string]bool{"/": true, "/en": true}
	next := []string{"/", "/en"}
	for len(next) > 0 {
		path := next[0]
		next = next[1:]
		if len(seen)%150 == 0 {
			c = s.As(t) // another visitor, so that the crawl stays within a person's budget
		}
		a := c.Do("GET", path, nil)
		ct := a.Header.Get("Content-Type")
		if own := strings.TrimPrefix(path, "/en"); a.Status == 303 && own == "/account" && a.Location() == strings.TrimSuffix(path, own)+"/login" {
			continue // a page for who is signed in leads to the door
		}
		if a.Status != 200 {
			t.Errorf("%s: %d %s", path, a.Status, a.Location())
			continue
		}
		if !strings.HasPrefix(ct, "text/html") {
			continue
		}
		base, _ := url.Parse(s.Shop + path)
		for _, n := range a.Find("a[href], link[href], img[src], script[src]") {
			to := apptest.Attr(n, "href") + apptest.Attr(n, "src")
			u, err := base.Parse(to)
			if err != nil {
				t.Errorf("%s: %q is no address", path, to)
				continue
			}
			if u.Scheme+"://"+u.Host != s.Shop || u.Query().Has("cursor") || len(u.Query()) > 1 {
				continue // elsewhere; further pages and second choices of lists are without number
			}
			if p := u.RequestURI(); !seen[p] {
				seen[p] = true
				next = append(next, p)
			}
		}
	}
	if len(seen) < 300 {
		t.Errorf("only %d addresses found", len(seen))
	}
	t.Logf("%d addresses", len(seen))
}
