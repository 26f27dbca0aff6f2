package web_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"kassavalv/internal/web"
	"kassavalv/internal/web/shield"
)

func TestForms(t *testing.T) {
	w := newWorld(t, options{})
	many := strings.Repeat("tag=x&", 101)
	fields := strings.Builder{}
	for i := range 301 {
		fields.WriteString("&quantity." + strings.Repeat("1", i%100+1) + "=1")
	}
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"good", "variant=1&tag=a&tag=b&quantity.17=2&quantity.18=3", 303},
		{"nothing", "", 303},
		{"empty pairs", "&&variant=1&", 303},
		{"unknown", "variant=1&price=1", 400},
		{"twice", "variant=1&variant=2", 400},
		{"twice by escape", "variant=1&%76ariant=2", 400},
		{"prefix twice", "quantity.1=1&quantity.1=2", 400},
		{"bare prefix", "quantity.=1", 400},
		{"semicolon", "variant=1;tag=2", 400},
		{"bad escape", "variant=%zz", 400},
		{"NUL", "variant=%00", 400},
		{"control", "variant=%1b", 400},
		{"not UTF-8", "variant=%ff", 400},
		{"line ends", "variant=a%0d%0ab%0ac%09", 303},
		{"many values", many, 400},
		{"many fields", fields.String(), 400},
		{"long value", "variant=" + strings.Repeat("a", 40<<10), 413},
		{"too long", strings.Repeat("a", 65<<10), 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, body := w.do("POST", "/cart", c.body, "Content-Type", form)
			if res.StatusCode != c.status {
				t.Errorf("%d, want %d: %s", res.StatusCode, c.status, body)
			}
		})
	}
}

func TestUpload(t *testing.T) {
	w := newWorld(t, options{})
	build := func(fn func(m *multipart.Writer)) (string, string) {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		fn(m)
		m.Close()
		return b.String(), m.FormDataContentType()
	}
	file := func(m *multipart.Writer, field, name, content string) {
		p, err := m.CreateFormFile(field, name)
		if err != nil {
			t.Fatal(err)
		}
		p.Write([]byte(content))
	}
	for _, c := range []struct {
		name   string
		fn     func(m *multipart.Writer)
		status int
		want   string
	}{
		{"good", func(m *multipart.Writer) {
			m.WriteField("title", "cup")
			file(m, "file", "../a.png", "one")
			file(m, "file", "b.png", "two")
		}, 200, "cup:a.png:one;cup:b.png:two;"},
		{"left empty", func(m *multipart.Writer) { file(m, "file", "", "") }, 200, "<title>t</title>"},
		{"exactly full", func(m *multipart.Writer) { file(m, "file", "a", strings.Repeat("x", 100)) }, 200, strings.Repeat("x", 100)},
		{"one too long", func(m *multipart.Writer) { file(m, "file", "a", strings.Repeat("x", 101)) }, 413, ""},
		{"three files", func(m *multipart.Writer) {
			file(m, "file", "a", "")
			file(m, "file", "b", "")
			file(m, "file", "c", "")
		}, 413, ""},
		{"unknown field", func(m *multipart.Writer) { m.WriteField("price", "1") }, 400, ""},
		{"file in a text field", func(m *multipart.Writer) { file(m, "title", "a", "x") }, 400, ""},
		{"twice", func(m *multipart.Writer) { m.WriteField("title", "1"); m.WriteField("title", "2") }, 400, ""},
		{"in all too long", func(m *multipart.Writer) { file(m, "title", "a", strings.Repeat("x", 2<<20)) }, 413, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, ct := build(c.fn)
			res, got := w.do("POST", "/upload", body, "Content-Type", ct)
			if res.StatusCode != c.status || !strings.Contains(got, c.want) {
				t.Errorf("%d %s", res.StatusCode, got)
			}
		})
	}
	if res, _ := w.do("POST", "/upload", "title=1", "Content-Type", form); res.StatusCode != 415 {
		t.Error(res.Status)
	}
	body, ct := build(func(m *multipart.Writer) { file(m, "file", "a", "xyz") })
	if res, _ := w.do("POST", "/upload", body[:len(body)-20], "Content-Type", ct); res.StatusCode != 400 {
		t.Error("a broken stream:", res.Status)
	}
}

// A body that does not announce its length is measured while it comes.
func TestUnannouncedBodies(t *testing.T) {
	w := newWorld(t, options{})
	for name, c := range map[string]*http.Client{"h1": w.h1, "h2": w.h2} {
		for n, want := range map[int]int{10: 303, 30 << 10: 303, 64<<10 - 8: 413, 64<<10 + 1: 413, 1 << 20: 413} {
			body := io.MultiReader(strings.NewReader("variant="), strings.NewReader(strings.Repeat("a", n)))
			req, _ := http.NewRequest("POST", w.l.URL("localhost")+"/cart", body)
			req.Header.Set("Content-Type", form)
			req.Header.Set("Expect", "100-continue")
			res, err := c.Do(req)
			if err != nil {
				// On HTTP/1 a client that insists on sending may lose the answer.
				if want == 303 || name == "h2" {
					t.Errorf("%s %d: %v", name, n, err)
				}
				continue
			}
			res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s %d: %s", name, n, res.Status)
			}
		}
	}
}

func TestRedirectsStayAtHome(t *testing.T) {
	to := ""
	route := web.Route{Method: "GET", Path: "/go", Who: web.Cart, Rate: shield.Cart, Handle: func(rw http.ResponseWriter, r *web.Request) error {
		return web.SeeOther(rw, r, to)
	}}
	w := newWorld(t, options{extra: []web.Route{route}})
	for _, bad := range []string{"//evil.example", "https://evil.example", "/\\evil.example", "", "/a\r\nSet-Cookie: x=1"} {
		to = bad
		if res, _ := w.do("GET", "/go", ""); res.StatusCode != 500 || res.Header.Get("Location") != "" || len(res.Cookies()) != 0 {
			t.Errorf("%q: %s %q", bad, res.Status, res.Header.Get("Location"))
		}
	}
	for path, want := range map[string]string{"/cart": "/en/cart", "/en/cart?x=1": "/en/cart?x=1", "/en?x": "/en?x", "/": "/en"} {
		to = path
		if res, _ := w.do("GET", "/en/go", ""); res.StatusCode != 303 || res.Header.Get("Location") != want {
			t.Errorf("%q: %s %q", path, res.Status, res.Header.Get("Location"))
		}
	}
}
