package admin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/web/static"
)

func TestShots(t *testing.T) {
	dir := os.Getenv("SHOTS")
	if dir == "" {
		t.SkipNow()
	}
	o := open(t, dbtest.SQLite(t, migrations))
	v, u := o.Product(12900, 10), o.Product(4900, 3)
	x := o.bought(stock.Line{Variant: v, Quantity: 2}, stock.Line{Variant: u, Quantity: 1})
	o.bought(stock.Line{Variant: v, Quantity: 1})
	o.billed(stock.Line{Variant: v, Quantity: 1})
	b := o.as("owner")
	b.done("/admin/orders/"+x.NumberString()+"/ship", "pieces."+x.Lines[0].ID.String(), "1", "carrier", "local", "tracking", "KV123", "key", "1")
	prepare(o, b)
	var cookie string
	for _, c := range b.c.Jar.Cookies(mustURL(o.srv.URL)) {
		cookie = c.Name + "=" + c.Value
	}
	px := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/shot" {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<body style="margin:0"><iframe src="%s" style="border:0;width:%spx;height:%spx"></iframe>`, r.FormValue("u"), r.FormValue("w"), r.FormValue("h"))
			return
		}
		if strings.HasPrefix(r.URL.Path, "/static/") {
			static.Handler().ServeHTTP(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/media/") {
			o.admin.Files.Handler().ServeHTTP(w, r)
			return
		}
		r.Host = strings.TrimPrefix(o.srv.URL, "https://")
		if !strings.Contains(r.URL.Path, "login") {
			r.Header.Set("Cookie", cookie)
		}
		rec := httptest.NewRecorder()
		o.mux.ServeHTTP(rec, r)
		for k, vs := range rec.Header() {
			if k != "X-Frame-Options" && k != "Content-Security-Policy" && !strings.HasPrefix(k, "Cross-Origin") {
				w.Header()[k] = vs
			}
		}
		w.WriteHeader(rec.Code)
		w.Write(rec.Body.Bytes())
	}))
	defer px.Close()
	pages := []string{"/admin", "/admin/login", "/admin/orders", "/admin/orders/" + x.NumberString(), "/admin/purchases"}
	pages = append(pages, shotPages(o)...)
	if os.Getenv("NEW") != "" {
		pages = shotPages(o)
	}
	if only := os.Getenv("ONLY"); only != "" {
		pages = strings.Split(only, ",")
	}
	for _, p := range pages {
		for _, w := range []string{"390", "1280"} {
			h := "2600"
			if w == "1280" {
				h = "1700"
			}
			name := strings.NewReplacer("?", "-", "=", "-", "/", "_").Replace(strings.Trim(p, "/"))
			out := dir + "/" + name + "-" + w + ".png"
			cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size="+map[string]string{"390": "500", "1280": "1280"}[w]+","+h, "--virtual-time-budget=1500", "--screenshot="+out, px.URL+"/shot?w="+w+"&h="+h+"&u="+strings.NewReplacer("?", "%3F", "&", "%26").Replace(p))
			if b, err := cmd.CombinedOutput(); err != nil {
				t.Error(p, err, string(b))
			}
		}
	}
}
