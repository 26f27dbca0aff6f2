package static

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, method, url, accept string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, url, nil)
	r.Header.Set("Accept-Encoding", accept)
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestEveryFileIsServedInEachCoding(t *testing.T) {
	for name, a := range byName {
		for _, accept := range []string{"", "gzip", "br, gzip;q=0.5, zstd", "zstd;q=0, gzip;q=0"} {
			res := get(t, "GET", URL(name), accept)
			if res.StatusCode != 200 || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
				t.Fatalf("%s (%q): %d %v", name, accept, res.StatusCode, res.Header)
			}
			var body io.Reader = res.Body
			switch enc := res.Header.Get("Content-Encoding"); enc {
			case "gzip":
				z, err := gzip.NewReader(body)
				if err != nil {
					t.Fatal(err)
				}
				body = z
			case "":
			default:
				t.Fatalf("%s: coding %q was not asked for", name, enc)
			}
			if strings.Contains(accept, "q=0,") && res.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s: a refused coding was used", name)
			}
			got, err := io.ReadAll(body)
			if err != nil || !bytes.Equal(got, a.plain) {
				t.Errorf("%s (%q): body differs (%v)", name, accept, err)
			}
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	for _, u := range []string{"/static/", "/static/storefront.css", "/static/../static.go", "/static/css/tokens.css", "/other"} {
		if res := get(t, "GET", u, ""); res.StatusCode != 404 {
			t.Errorf("GET %s: %d", u, res.StatusCode)
		}
	}
	if res := get(t, "POST", URL("app.js"), ""); res.StatusCode != 405 {
		t.Errorf("POST: %d", res.StatusCode)
	}
	defer func() {
		if recover() == nil {
			t.Error("URL of an unknown name did not panic")
		}
	}()
	URL("nothing.css")
}

func TestWeight(t *testing.T) {
	if _, gz := Size("storefront.css"); gz >= 15_000 {
		t.Errorf("storefront.css is %d bytes gzipped", gz)
	}
	if _, gz := Size("admin.css"); gz >= 15_000 {
		t.Errorf("admin.css is %d bytes gzipped", gz)
	}
	a, _ := Size("text.woff2")
	b, _ := Size("display.woff2")
	if a+b >= 60_000 || a == 0 || b == 0 {
		t.Errorf("the faces are %d + %d bytes", a, b)
	}
	if n := bytes.Count(byName["app.js"].plain, []byte("\n")); n > 150 {
		t.Errorf("app.js has %d lines", n)
	}
}

func TestNothingFromElsewhere(t *testing.T) {
	url := regexp.MustCompile(`url\(([^)]*)\)`)
	for _, n := range []string{"storefront.css", "admin.css"} {
		for _, m := range url.FindAllSubmatch(byName[n].plain, -1) {
			if !bytes.HasPrefix(m[1], []byte(Prefix)) {
				t.Errorf("%s asks for %s", n, m[1])
			}
		}
		if bytes.Contains(byName[n].plain, []byte("@import")) {
			t.Errorf("%s imports", n)
		}
		if bytes.Count(byName[n].plain, []byte("{")) != bytes.Count(byName[n].plain, []byte("}")) {
			t.Errorf("%s: braces do not match", n)
		}
	}
	if bytes.Contains(byName["app.js"].plain, []byte("innerHTML")) || bytes.Contains(byName["app.js"].plain, []byte("eval")) {
		t.Error("app.js writes markup")
	}
}

func TestIconNames(t *testing.T) {
	svg := string(byName["icons.svg"].plain)
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`id="([a-z]+)"`).FindAllStringSubmatch(svg, -1) {
		if seen[m[1]] {
			t.Errorf("icon %s twice", m[1])
		}
		seen[m[1]] = true
	}
	if len(seen) < 30 {
		t.Errorf("%d icons", len(seen))
	}
}
