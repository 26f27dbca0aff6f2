package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"kassavalv/internal/web"
	"kassavalv/internal/web/shield"
)

// With an office apart each host answers for its own pages alone, and neither's pages
// may write to the other.
func TestOfficeApart(t *testing.T) {
	ok := func(w http.ResponseWriter, r *web.Request) error {
		return web.Bytes(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte("here"))
	}
	w := newWorld(t, options{deps: func(d *web.Deps) {
		d.Origin, d.Office, d.Hosts = "https://shop.example", "https://office.example", []string{"shop.example"}
	}, extra: []web.Route{
		{Method: "GET", Path: "/admin/door", Who: web.Public, Rate: shield.Browse, Face: web.Page, Handle: ok},
		{Method: "POST", Path: "/admin/door", Who: web.Public, Rate: shield.Browse, Face: web.Page, Handle: ok},
		{Method: "GET", Path: "/shelf", Who: web.Public, Rate: shield.Browse, Face: web.Page, Handle: ok},
		{Method: "POST", Path: "/shelf", Who: web.Public, Rate: shield.Browse, Face: web.Page, Handle: ok},
		{Method: "GET", Path: "/media/x", Who: web.Public, Rate: shield.Browse, Face: web.Asset, Handle: ok},
	}})
	for _, c := range []struct {
		method, host, path string
		header             []string
		status             int
		to                 string
	}{
		{"GET", "shop.example", "/shelf", nil, 200, ""},
		{"GET", "office.example", "/admin/door", nil, 200, ""},
		{"GET", "office.example:443", "/en/admin/door", nil, 200, ""},
		{"GET", "OFFICE.example", "/media/x", nil, 200, ""},
		{"GET", "shop.example", "/media/x", nil, 200, ""},
		// The wrong host.
		{"GET", "shop.example", "/admin/door", nil, 404, ""},
		{"GET", "shop.example", "/en/admin/door", nil, 404, ""},
		{"GET", "shop.example", "/api/admin/v1/orders", nil, 404, ""},
		{"GET", "office.example", "/en/shelf?a=1", nil, 303, "https://shop.example/en/shelf?a=1"},
		{"GET", "office.example", "/api/store/v1/carts", nil, 404, ""},
		{"POST", "office.example", "/shelf", nil, 404, ""},
		{"POST", "shop.example", "/admin/door", nil, 404, ""},
		{"GET", "evil.example", "/admin/door", nil, 421, ""},
		// Writing across.
		{"POST", "office.example", "/admin/door", []string{"Origin", "https://office.example"}, 200, ""},
		{"POST", "office.example", "/admin/door", []string{"Origin", "https://shop.example"}, 403, ""},
		{"POST", "office.example", "/admin/door", []string{"Origin", "https://shop.example", "Sec-Fetch-Site", "same-origin"}, 403, ""},
		{"POST", "office.example", "/admin/door", []string{"Referer", "https://shop.example/x"}, 403, ""},
		{"POST", "office.example", "/admin/door", []string{"Sec-Fetch-Site", "same-site"}, 403, ""},
		{"POST", "shop.example", "/shelf", []string{"Origin", "https://shop.example"}, 200, ""},
		{"POST", "shop.example", "/shelf", []string{"Origin", "https://office.example"}, 403, ""},
	} {
		r := httptest.NewRequest(c.method, "https://x"+c.path, nil)
		r.Host = c.host
		if c.method == "POST" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		rec := httptest.NewRecorder()
		w.mux.ServeHTTP(rec, r)
		if rec.Code != c.status || rec.Header().Get("Location") != c.to {
			t.Errorf("%s %s%s %v: %d %q, want %d %q", c.method, c.host, c.path, c.header, rec.Code, rec.Header().Get("Location"), c.status, c.to)
		}
	}
	plain, err := web.Plain(web.PlainOptions{Origin: "https://shop.example", Office: "https://office.example", Hosts: []string{"shop.example"}})
	if err != nil {
		t.Fatal(err)
	}
	for host, to := range map[string]string{"shop.example": "https://shop.example/a", "office.example": "https://office.example/a"} {
		r := httptest.NewRequest("GET", "http://x/a", nil)
		r.Host = host
		rec := httptest.NewRecorder()
		plain.ServeHTTP(rec, r)
		if rec.Code != 308 || rec.Header().Get("Location") != to {
			t.Errorf("plain %s: %d %q", host, rec.Code, rec.Header().Get("Location"))
		}
	}
}
