// Command preview serves every page of the storefront in every state, filled with
// fixtures and under the shop's own security policy, for a person (or a tool that
// takes pictures) to look at:
//
//	go run ./internal/web/storefront/view/preview -addr 127.0.0.1:9321
//
// "/" lists the pages; "/sv/NAME" and "/en/NAME" show one; ?scheme=dark turns the
// light off.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"log"
	"net/http"
	"strconv"
	"strings"

	"kassavalv/internal/lang"
	"kassavalv/internal/web/static"
	"kassavalv/internal/web/storefront/view/fixture"
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func main() {
	addr := flag.String("addr", "127.0.0.1:9321", "where to listen")
	flag.Parse()
	mux := http.NewServeMux()
	mux.Handle("GET "+static.Prefix, static.Handler())
	mux.HandleFunc("GET /preview/pic/{name}", pic)
	mux.HandleFunc("GET /preview/{lang}/{name}", page)
	mux.HandleFunc("GET /{$}", index)
	log.Printf("http://%s/", *addr)
	log.Fatal(http.ListenAndServe(*addr, mux))
}

func index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	for _, l := range lang.All {
		for _, p := range fixture.Pages(l) {
			fmt.Fprintf(w, "<a href=\"/preview/%s/%s\">%s %s</a><br>\n", l, html.EscapeString(p.Name), l, html.EscapeString(p.Name))
		}
	}
}

func page(w http.ResponseWriter, r *http.Request) {
	for _, p := range fixture.Pages(lang.Lang(r.PathValue("lang"))) {
		if p.Name != r.PathValue("name") {
			continue
		}
		var b bytes.Buffer
		if err := p.View.Render(r.Context(), &b); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		body := b.String()
		if s := r.URL.Query().Get("scheme"); s == "dark" || s == "light" {
			body = strings.Replace(body, "<html ", `<html data-scheme="`+s+`" `, 1)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", policy)
		fmt.Fprint(w, body)
		return
	}
	http.NotFound(w, r)
}

// Grounds and figures of the drawn pictures.
var tints = [][2]string{{"#d9d2c3", "#2b302d"}, {"#cfdad0", "#2e5a45"}, {"#e6d3c2", "#8a4a2c"}, {"#d5dde0", "#4c6a76"}, {"#efe0b4", "#b7791f"}, {"#e4cfc4", "#b05a3a"}, {"#d0d2ce", "#5a625d"}, {"#dcd6cf", "#3a3431"}, {"#cbd3cc", "#243b31"}, {"#e8e1d3", "#6b5a3e"}}

func pic(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(strings.TrimSuffix(r.PathValue("name"), ".svg"))
	t := tints[((n-1)%len(tints)+len(tints))%len(tints)]
	w.Header().Set("Content-Type", "image/svg+xml")
	shape := `<circle cx="400" cy="420" r="210"/><rect x="560" y="395" width="200" height="50" rx="25"/>`
	switch n % 4 {
	case 2:
		shape = `<path d="M190 200h420v420q-210 60-420 0z"/><path d="M190 330h420M190 470h420" stroke="` + t[0] + `" stroke-width="18"/>`
	case 3:
		shape = `<path d="M240 260h280v260q0 80-80 80H320q-80 0-80-80z"/><path d="M520 320q110 0 110 90t-110 90" fill="none" stroke="` + t[1] + `" stroke-width="40"/>`
	case 0:
		shape = `<path d="M350 150h100v140q120 60 120 220 0 130-170 130T230 510q0-160 120-220z"/>`
	}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 800"><rect width="800" height="800" fill="%s"/><ellipse cx="400" cy="650" rx="260" ry="30" fill="#000" opacity=".08"/><g fill="%s">%s</g></svg>`, t[0], t[1], shape)
}
