package mailbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type world struct {
	t   *testing.T
	dir string
	box *Server
	log logText
}

// logText is read while others write.
type logText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	b, err := New(Options{Dir: w.dir, Log: slog.New(slog.NewTextHandler(&w.log, nil))})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := b.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.box = b
	w.t.Cleanup(func() { w.shut(b) })
}

func (w *world) shut(b *Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := b.Close(ctx); err != nil {
		w.t.Error(err)
	}
}

func (w *world) send(msg string, to ...string) error {
	return smtp.SendMail(w.box.SMTPAddr(), nil, "envelope@shop.example", to, []byte(strings.ReplaceAll(msg, "\n", "\r\n")))
}

func (w *world) must(msg string, to ...string) {
	w.t.Helper()
	if err := w.send(msg, to...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) do(method, path, body string, header ...string) (int, http.Header, string) {
	w.t.Helper()
	r, err := http.NewRequest(method, w.box.URL()+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

func (w *world) list(query string) []Message {
	w.t.Helper()
	status, _, body := w.do("GET", "/api/messages"+query, "")
	var out struct {
		Items []Message `json:"items"`
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != http.StatusOK || out.Items == nil {
		w.t.Fatalf("list %s: %d %v %s", query, status, err, body)
	}
	return out.Items
}

const both = `From: =?UTF-8?Q?F=C3=B6rstukvist?= <order@shop.example>
To: Buyer <header@example.com>
Subject: =?UTF-8?Q?Tack_f=C3=B6r_ditt_k=C3=B6p?=
Message-ID: <one@shop.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Tack! Order 1001 =C3=A4r klar. https://shop.example/orders/abc.
--inner
Content-Type: text/html; charset=utf-8

<p>Tack! <a href="https://shop.example/orders/abc">Visa order</a> <a href="javascript:alert(1)">x</a></p><script>alert(1)</script>
--inner--
--outer
Content-Type: application/pdf; name="../../kvitto.pdf"
Content-Disposition: attachment; filename="../../kvitto.pdf"
Content-Transfer-Encoding: base64

JVBERi0=
--outer--
`

func TestMailIsShown(t *testing.T) {
	w := newWorld(t)
	if got := w.list(""); len(got) != 0 {
		t.Fatalf("at first: %+v", got)
	}
	start := time.Now().Add(-time.Second)
	w.must(both, "buyer@example.com", "hidden@example.com")
	got := w.list("")
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	m := got[0]
	if m.ReceivedAt.Before(start) || m.ReceivedAt.After(time.Now()) || m.ID == "" {
		t.Errorf("received %s, id %q", m.ReceivedAt, m.ID)
	}
	want := Message{
		ID: m.ID, ReceivedAt: m.ReceivedAt, From: "order@shop.example", FromName: "Förstukvist",
		To: []string{"buyer@example.com", "hidden@example.com"}, Subject: "Tack för ditt köp", MessageID: "one@shop.example",
		Text:        "Tack! Order 1001 är klar. https://shop.example/orders/abc.",
		HTML:        `<p>Tack! <a href="https://shop.example/orders/abc">Visa order</a> <a href="javascript:alert(1)">x</a></p><script>alert(1)</script>`,
		Attachments: []Attachment{{Name: "kvitto.pdf", Type: "application/pdf", Size: 5, URL: "/messages/" + m.ID + "/attachments/0"}},
	}
	m.Text, m.HTML = strings.TrimSpace(m.Text), strings.TrimSpace(m.HTML)
	if d := cmp.Diff(want, m); d != "" {
		t.Error(d)
	}
	status, _, body := w.do("GET", "/api/messages", "")
	for _, name := range []string{`"id"`, `"from"`, `"to"`, `"subject"`, `"text"`, `"html"`, `"received_at"`, `"message_id"`} {
		if status != http.StatusOK || !strings.Contains(body, name) {
			t.Errorf("the answer lacks %s", name)
		}
	}
	if status, h, body := w.do("GET", m.Attachments[0].URL, ""); status != http.StatusOK || body != "%PDF-" ||
		h.Get("Content-Disposition") != "attachment; filename=kvitto.pdf" || h.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("attachment: %d %v %q", status, h, body)
	}
	if status, _, body := w.do("GET", "/api/messages/"+m.ID+"/raw", ""); status != http.StatusOK || body != strings.ReplaceAll(both, "\n", "\r\n") {
		t.Errorf("raw: %d %q", status, body)
	}
	if strings.Contains(w.log.String(), "example.com") || strings.Contains(w.log.String(), "Tack") {
		t.Errorf("the log tells too much: %s", w.log.String())
	}
}

func simple(id, subject string) string {
	return "From: a@shop.example\nMessage-ID: <" + id + ">\nSubject: " + subject + "\n\nHej\n"
}

func TestNewestFirstFilterAndLimit(t *testing.T) {
	w := newWorld(t)
	for i := range 6 {
		w.must(simple(fmt.Sprint(i), fmt.Sprint("s", i)), []string{"a@example.com", "B@Example.com"}[i%2])
	}
	subjects := func(query string) string {
		var out []string
		for _, m := range w.list(query) {
			out = append(out, m.Subject)
		}
		return strings.Join(out, " ")
	}
	check := func() {
		t.Helper()
		for query, want := range map[string]string{
			"": "s5 s4 s3 s2 s1 s0", "?to=a@example.com": "s4 s2 s0", "?to=b@example.COM": "s5 s3 s1",
			"?to=b@example.com&limit=2": "s5 s3", "?limit=1": "s5", "?to=example.com": "", "?to=none@example.com": "",
		} {
			if got := subjects(query); got != want {
				t.Errorf("%q: %q, want %q", query, got, want)
			}
		}
	}
	check()
	for _, bad := range []string{"0", "-1", "5001", "x"} {
		if status, _, _ := w.do("GET", "/api/messages?limit="+bad, ""); status != http.StatusBadRequest {
			t.Errorf("limit %s: %d", bad, status)
		}
	}
	w.shut(w.box)
	w.open() // a restart keeps all, in order
	check()
	check() // and from memory
	w.must(simple("6", "s6"), "a@example.com")
	if got := subjects("?to=a@example.com&limit=2"); got != "s6 s4" {
		t.Errorf("after a restart: %q", got)
	}
}

func TestDoublesAreKept(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.must(simple("same@shop.example", "x"), "a@example.com")
	}
	got := w.list("")
	if len(got) != 3 || got[0].MessageID != "same@shop.example" || got[0].MessageID != got[2].MessageID || got[0].ID == got[1].ID {
		t.Errorf("%+v", got)
	}
}

func TestManySendersAtOnce(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for j := range 5 {
				if err := w.send(simple(fmt.Sprint(i, ".", j), "x"), "a@example.com"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	got := w.list("?limit=1000")
	for i, m := range got {
		seen[m.MessageID] = true
		if i > 0 && !m.ReceivedAt.Before(got[i-1].ReceivedAt) {
			t.Error("not newest first")
		}
	}
	if len(got) != 160 || len(seen) != 160 {
		t.Errorf("%d messages, %d ids", len(got), len(seen))
	}
	files, err := os.ReadDir(w.dir)
	if err != nil || len(files) != 160 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

func TestDelete(t *testing.T) {
	w := newWorld(t)
	w.must(simple("1", "x"), "a@example.com")
	w.must(simple("2", "x"), "b@example.com")
	if status, _, _ := w.do("DELETE", "/api/messages", "", "Origin", "https://evil.example"); status != http.StatusForbidden {
		t.Errorf("another site: %d", status)
	}
	if status, _, _ := w.do("DELETE", "/api/messages?to=A@example.com", ""); status != http.StatusNoContent {
		t.Errorf("one: %d", status)
	}
	if got := w.list(""); len(got) != 1 || got[0].MessageID != "2" {
		t.Errorf("left %+v", got)
	}
	if status, _, _ := w.do("DELETE", "/api/messages", ""); status != http.StatusNoContent {
		t.Errorf("all: %d", status)
	}
	if got := w.list(""); len(got) != 0 {
		t.Errorf("left %+v", got)
	}
	if files, _ := filepath.Glob(filepath.Join(w.dir, "*")); len(files) != 0 {
		t.Errorf("files left: %v", files)
	}
}

func TestRefusalsOnDemand(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		faults string
		code   int // 0 is taken
	}{
		{`{"reject_rate":1}`, 550}, {`{"reject_rate":1,"temporary":true}`, 451},
		{`{"down":true}`, 554}, {`{"down":true,"temporary":true}`, 421}, {`{"temporary":true}`, 0}, {`{}`, 0},
	} {
		if status, _, body := w.do("POST", "/control/faults", c.faults); status != http.StatusOK {
			t.Fatalf("%s: %d %s", c.faults, status, body)
		}
		before := len(w.list(""))
		err := w.send(simple("x", c.faults), "a@example.com")
		var smtpErr *textproto.Error
		switch {
		case c.code == 0 && err != nil:
			t.Errorf("%s: %v", c.faults, err)
		case c.code != 0 && (!errors.As(err, &smtpErr) || smtpErr.Code != c.code):
			t.Errorf("%s: %v, want %d", c.faults, err, c.code)
		}
		if stored := len(w.list("")) - before; (stored == 1) != (c.code == 0) {
			t.Errorf("%s: %d stored", c.faults, stored)
		}
	}
	for _, bad := range []string{`{"reject_rate":2}`, `{"reject":1}`, `[]`} {
		if status, _, _ := w.do("POST", "/control/faults", bad); status != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, status)
		}
	}
}

func TestDownReachesKeptConnections(t *testing.T) {
	w := newWorld(t)
	c, err := smtp.Dial(w.box.SMTPAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Mail("a@shop.example"); err != nil {
		t.Fatal(err)
	}
	if err := w.box.SetFaults(Faults{Down: true, Temporary: true}); err != nil {
		t.Fatal(err)
	}
	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	var e *textproto.Error
	if err := c.Mail("a@shop.example"); !errors.As(err, &e) || e.Code != 421 {
		t.Errorf("kept connection: %v", err)
	}
}

func TestPagesAreInert(t *testing.T) {
	w := newWorld(t)
	w.must(both, "buyer@example.com")
	w.must("From: a@shop.example\nSubject: <script>alert(2)</script>\nContent-Type: text/html\n\n<a href=\"https://x.example/\">x</a>\n", "buyer@example.com")
	list := w.list("")
	status, h, page := w.do("GET", "/", "")
	if status != http.StatusOK || strings.Contains(page, "<script") || !strings.Contains(page, "Tack för ditt köp") || !strings.Contains(page, `<html lang="sv">`) {
		t.Errorf("list: %d\n%s", status, page)
	}
	for _, path := range []string{"/", "/messages/" + list[0].ID, "/messages/" + list[1].ID} {
		_, h, page = w.do("GET", path, "")
		csp := h.Get("Content-Security-Policy")
		if strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") || strings.Contains(page, "style=") || strings.Contains(page, "<script") {
			t.Errorf("%s: %q\n%s", path, csp, page)
		}
	}
	_, _, page = w.do("GET", "/messages/"+list[1].ID, "")
	for _, want := range []string{`<iframe sandbox="" src="/messages/`, `<a href="https://shop.example/orders/abc" rel="noopener noreferrer">Visa order</a>`, "kvitto.pdf", "<pre"} {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %q", want)
		}
	}
	if strings.Contains(page, "javascript:") {
		t.Error("a script address became a link")
	}
	_, h, body := w.do("GET", "/messages/"+list[1].ID+"/html", "")
	csp := h.Get("Content-Security-Policy")
	if !strings.HasSuffix(csp, "; sandbox") || !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "script-src") || strings.Contains(csp, "allow-") || !strings.Contains(body, "Visa order") {
		t.Errorf("frame: %q\n%s", csp, body)
	}
	for _, path := range []string{"/messages/none", "/messages/..%2f..%2fetc", "/messages/" + list[1].ID + "/attachments/1", "/messages/" + list[1].ID + "/attachments/x", "/api/messages/none", "/api/messages/" + strings.Repeat("0", 16) + "-aaaaaaaa/raw", "/nothing"} {
		if status, _, _ := w.do("GET", path, ""); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	if _, _, page := w.do("GET", "/", "", "Accept-Language", "en-GB,en;q=0.9"); !strings.Contains(page, `<html lang="en">`) || !strings.Contains(page, "The mailbox") {
		t.Error("no English page")
	}
}

func TestRestartLeavesStrangersAlone(t *testing.T) {
	w := newWorld(t)
	w.must(simple("1", "x"), "a@example.com")
	w.shut(w.box)
	for name, text := range map[string]string{
		".new-123": "half", "note.txt": "mine", strings.Repeat("1", 16) + "-aaaaaaaa.eml": "no envelope",
	} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.open()
	if got := w.list(""); len(got) != 1 {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "note.txt")); err != nil {
		t.Error("a stranger's file is gone")
	}
	if _, err := os.Stat(filepath.Join(w.dir, ".new-123")); err == nil {
		t.Error("a half-written file stayed")
	}
}

func TestEveryWordIsThere(t *testing.T) {
	for k, v := range words {
		if v[0] == "" || v[1] == "" {
			t.Errorf("%q lacks words", k)
		}
	}
	for _, name := range []string{"web/list.html", "web/message.html"} {
		b, err := webFS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(b), `T "`)[1:] {
			if key, _, _ := strings.Cut(part, `"`); words[key][0] == "" {
				t.Errorf("%s: %q has no words", name, key)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(strings.ReplaceAll(both, "\n", "\r\n")))
	f.Add([]byte("no mail"))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\n--a--"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, parts := parseAll("0000000000000001-aaaaaaaa", envelope{From: "a", To: []string{"b"}}, raw)
		if len(parts) != len(m.Attachments) {
			t.Errorf("%d parts, %d attachments", len(parts), len(m.Attachments))
		}
		for _, a := range m.Attachments {
			if a.Name == "" || strings.ContainsAny(a.Name, "/\\\r\n\"") {
				t.Errorf("file name %q", a.Name)
			}
		}
		for _, l := range m.Links() {
			if !strings.HasPrefix(strings.ToLower(l.URL), "http") {
				t.Errorf("link %q", l.URL)
			}
		}
	})
}
