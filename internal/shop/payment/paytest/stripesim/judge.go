package stripesim

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Judge shows each kind of request to Stripe's own stripe-mock, which holds it against
// Stripe's OpenAPI description, and remembers what that refused.
type Judge struct {
	URL string // of stripe-mock

	mu   sync.Mutex
	seen map[string]bool
	bad  []string
}

var (
	ids   = regexp.MustCompile(`\b(cs|pi|re|ch|txn)_[A-Za-z0-9_]+`)
	enums = regexp.MustCompile(`^[a-z_]{1,40}$`)
	index = regexp.MustCompile(`\[\d+\]`)
)

// shape is what makes a request another kind: method, path, names and words, not ids,
// numbers and texts.
func shape(method, path, form string) string {
	v, _ := url.ParseQuery(form)
	var parts []string
	for k, x := range v {
		val := x[0]
		if !enums.MatchString(val) {
			val = "*"
		}
		parts = append(parts, index.ReplaceAllString(k, "[]")+"="+val)
	}
	slices.Sort(parts)
	return method + " " + ids.ReplaceAllString(path, "{id}") + "?" + strings.Join(slices.Compact(parts), "&")
}

// look returns the request's body and leaves it readable.
func (j *Judge) look(r *http.Request) []byte {
	body, _ := io.ReadAll(r.Body) // Faults has read it already: it is in memory
	r.Body = io.NopCloser(bytes.NewReader(body))
	if j == nil {
		return body
	}
	form := r.URL.RawQuery
	if r.Method == http.MethodPost {
		form = string(body)
	}
	what := shape(r.Method, r.URL.Path, form)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.seen[what] {
		return body
	}
	if j.seen == nil {
		j.seen = map[string]bool{}
	}
	j.seen[what] = true
	req, err := http.NewRequest(r.Method, j.URL+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		j.bad = append(j.bad, err.Error())
		return body
	}
	for _, k := range []string{"Content-Type", "Stripe-Version", "Idempotency-Key"} {
		req.Header.Set(k, r.Header.Get(k))
	}
	req.Header.Set("Authorization", "Bearer sk_test_123")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		j.bad = append(j.bad, what+": "+err.Error())
		return body
	}
	defer res.Body.Close()
	told, _ := io.ReadAll(io.LimitReader(res.Body, 2000))
	if res.StatusCode != http.StatusOK {
		j.bad = append(j.bad, fmt.Sprintf("%s: %d %s", what, res.StatusCode, told))
	}
	return body
}

// Verdict is the kinds of requests that were looked at, and what was refused of them.
func (j *Judge) Verdict() (seen, bad []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for k := range j.seen {
		seen = append(seen, k)
	}
	slices.Sort(seen)
	return seen, slices.Clone(j.bad)
}
