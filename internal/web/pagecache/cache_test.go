package pagecache

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func made(body string, until time.Time, tags ...string) func() (Page, error) {
	return func() (Page, error) {
		return Page{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(body), Keep: true, Until: until, Tags: tags}, nil
	}
}

func get(c *Cache, k Key) string {
	e := c.Get(k)
	if e == nil {
		return ""
	}
	rec := httptest.NewRecorder()
	e.WriteTo(rec, httptest.NewRequest("GET", "/", nil))
	return rec.Body.String()
}

func TestEndIsExact(t *testing.T) {
	cl := &clock{t: time.Date(2026, 11, 22, 23, 59, 0, 0, time.UTC)}
	c := New(Options{Now: cl.now, Shared: 10 * time.Minute})
	k := Key{"sv", "/", ""}
	e, err := c.Do(context.Background(), k, made("a", cl.now().Add(time.Minute)))
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	e.WriteTo(rec, httptest.NewRequest("GET", "/", nil))
	if got := rec.Header().Get("Cache-Control"); got != "max-age=0, must-revalidate, s-maxage=60" {
		t.Errorf("a CDN would keep it beyond the boundary: %s", got)
	}
	cl.add(time.Minute - 1)
	if get(c, k) != "a" {
		t.Error("gone too early")
	}
	cl.add(1)
	if get(c, k) != "" {
		t.Error("served at its end")
	}
	// Rendered so slowly that it is over before it is kept.
	_, err = c.Do(context.Background(), Key{"sv", "/b", ""}, func() (Page, error) {
		p, _ := made("b", cl.now().Add(time.Second))()
		cl.add(time.Second)
		return p, nil
	})
	if err != nil || get(c, Key{"sv", "/b", ""}) != "" {
		t.Error("kept what is over", err)
	}
}

// A rendering that began before a Drop is not kept, whatever the order of events.
func TestDropBeatsRendering(t *testing.T) {
	for name, drop := range map[string]func(c *Cache){
		"tag": func(c *Cache) { c.Drop("product:1") },
		"all": func(c *Cache) { c.DropAll() },
		"many": func(c *Cache) {
			c.Drop("product:1")
			for i := range maxDropped + 10 {
				c.Drop(fmt.Sprint("x:", i))
			}
		},
	} {
		c := New(Options{})
		k := Key{"sv", "/p", ""}
		e, err := c.Do(context.Background(), k, func() (Page, error) {
			drop(c)
			return made("old", time.Time{}, "product:1")()
		})
		if err != nil || e == nil || get(c, k) != "" {
			t.Errorf("%s: kept a page from before", name)
		}
		if _, err := c.Do(context.Background(), k, made("new", time.Time{}, "product:1")); err != nil || get(c, k) != "new" {
			t.Errorf("%s: the next one is not kept", name)
		}
		if len(c.dropped) != 0 {
			t.Errorf("%s: %d drops remembered for nobody", name, len(c.dropped))
		}
	}
}

// The cache against a map: after any sequence of puts and drops it returns either
// nothing or what the map says, and the tag index holds no more than the entries.
func TestCacheAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := New(Options{})
		model := map[Key]string{}
		tags := map[Key][]string{}
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			k := Key{"sv", rapid.SampledFrom([]string{"/a", "/b", "/c"}).Draw(t, "path"), ""}
			tag := rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "tag")
			if rapid.Bool().Draw(t, "put") {
				if _, kept := model[k]; !kept {
					model[k], tags[k] = fmt.Sprint(i), []string{tag}
				}
				if _, err := c.Do(context.Background(), k, made(fmt.Sprint(i), time.Time{}, tag)); err != nil {
					t.Fatal(err)
				}
			} else {
				c.Drop(tag)
				for k, ts := range tags {
					if ts[0] == tag {
						delete(model, k)
						delete(tags, k)
					}
				}
			}
			for _, p := range []string{"/a", "/b", "/c"} {
				k := Key{"sv", p, ""}
				if got, want := get(c, k), model[k]; got != want {
					t.Fatalf("%s: %q, want %q", p, got, want)
				}
			}
		}
	})
}

func TestErrorsAndPanicsFreeTheKey(t *testing.T) {
	c := New(Options{})
	k := Key{"sv", "/", ""}
	boom := errors.New("boom")
	if _, err := c.Do(context.Background(), k, func() (Page, error) { return Page{}, boom }); err != boom {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = c.Do(context.Background(), k, func() (Page, error) { panic("x") })
	}()
	if _, err := c.Do(context.Background(), k, made("a", time.Time{})); err != nil || get(c, k) != "a" {
		t.Fatal("the key stays taken", err)
	}
}

func TestAloneIsForOne(t *testing.T) {
	c := New(Options{})
	k := Key{"sv", "/", ""}
	inside, release := make(chan struct{}), make(chan struct{})
	n := 0
	render := func() (Page, error) {
		n++
		if n == 1 {
			close(inside)
			<-release
		}
		return Page{Status: 200, Header: http.Header{"Set-Cookie": {fmt.Sprintf("c=%d", n)}}, Alone: true}, nil
	}
	cookie := func() string {
		e, err := c.Do(context.Background(), k, render)
		if err != nil {
			t.Error(err)
			return ""
		}
		rec := httptest.NewRecorder()
		e.WriteTo(rec, httptest.NewRequest("GET", "/", nil))
		return rec.Header().Get("Set-Cookie")
	}
	var wg sync.WaitGroup
	var first string
	wg.Go(func() { first = cookie() })
	<-inside
	var second string
	wg.Go(func() { second = cookie() })
	for c.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	wg.Wait()
	if first != "c=1" || second != "c=2" {
		t.Errorf("cookies %q %q", first, second)
	}
}

func TestBytesAreBounded(t *testing.T) {
	c := New(Options{MaxBytes: 1 << 20})
	big := strings.Repeat("0123456789abcdef", 2<<10)
	for i := range 500 {
		if _, err := c.Do(context.Background(), Key{"sv", fmt.Sprint("/", i), ""}, made(fmt.Sprint(i, big), time.Time{}, "t")); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		c.table.CleanUp()
		c.mu.Lock()
		indexed := len(c.tags["t"])
		c.mu.Unlock()
		if w := c.table.WeightedSize(); w <= 1<<20 && indexed <= c.table.EstimatedSize() {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%d bytes, %d indexed", w, indexed)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestNormal(t *testing.T) {
	allowed := []string{"q", "filter.", "sort"}
	for in, want := range map[string]string{
		"": "", "q=a": "q=a", "utm=1&q=a": "q=a", "sort=x&q=a": "q=a&sort=x", "q=": "", "filter.b=1&filter.a=2": "filter.a=2&filter.b=1",
		"filter.=1": "", "q=%61": "q=a", "q=a+b": "q=a+b", "q=a%20b": "q=a+b", "filter.x=å": "filter.x=%C3%A5", "&&": "", "Q=a": "",
	} {
		if got, ok := Normal(in, allowed); !ok || got != want {
			t.Errorf("%q: %q %v, want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{"q=%zz", "q=%00", "q=%ff", "x=%0a", strings.Repeat("a", 5000), strings.Repeat("q=a&", 40)} {
		if got, ok := Normal(in, allowed); ok {
			t.Errorf("%.20q was read as %.20q", in, got)
		}
	}
}

func FuzzNormal(f *testing.F) {
	f.Add("q=a&filter.x=1&utm=2")
	f.Fuzz(func(t *testing.T, raw string) {
		got, ok := Normal(raw, []string{"q", "filter."})
		if !ok {
			return
		}
		if again, ok := Normal(got, []string{"q", "filter."}); !ok || again != got {
			t.Fatalf("not stable: %q -> %q -> %q %v", raw, got, again, ok)
		}
		v, err := url.ParseQuery(got)
		if err != nil {
			t.Fatal(err)
		}
		for name := range v {
			if name != "q" && !strings.HasPrefix(name, "filter.") {
				t.Fatalf("%q let %q through", raw, name)
			}
		}
	})
}
