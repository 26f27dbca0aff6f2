package attack

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/db/dbtest"
)

// record is a line of the log as slog writes it: pairs, values quoted where they
// hold anything but plain characters.
var record = regexp.MustCompile(`^time=\S+ level=(DEBUG|INFO|WARN|ERROR) msg=("([^"\\\x00-\x1f\x7f]|\\.)*"|[^\s"=]+)( [A-Za-z0-9_.]+=("([^"\\\x00-\x1f\x7f]|\\.)*"|[^\s"]*))*$`)

// A shop as a merchant runs it, behind a proxy and with its log at work. One request
// is one record, whatever is in it, and the record has no word of the request's.
var drawn = regexp.MustCompile(` id=\S+`)

var _ = alone("AC-151", func(t *testing.T, engine string) {
	dir := filepath.Join(t.TempDir(), "shop")
	var env []string
	if engine == "postgres" {
		env = append(env, "DATABASE_URL="+dbtest.PostgresURL(t))
	}
	if out, code := apptest.Command(t, env, "init", "--data", dir, "--url", "https://shop.example", "--owner", "owner@shop.example", "--name", "Prov AB", "--org-number", "559999-0016", "--street", "Storgatan 1",
		"--postal-code", "111 22", "--city", "Stockholm", "--mail", "info@shop.example", "--phone", "031-3900600"); code != 0 {
		t.Fatalf("init: %d %s", code, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "kassavalv.toml"), []byte("[http]\npublic_url = \"https://shop.example\"\ntrusted_proxies = [\"127.0.0.1\"]\nplain_addr = \""+freeAddress(t)+"\"\n[tls]\nmode = \"proxy\"\n[ops]\naddr = \"127.0.0.1:0\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var all, log apptest.Log
	p, err := apptest.Run(&all, &log, env, "serve", "--data", dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("the program said:\n%.8000s", all.String())
		}
	})
	conf, _ := os.ReadFile(filepath.Join(dir, "kassavalv.toml"))
	addr := regexp.MustCompile(`127\.0\.0\.1:[1-9]\d+`).FindString(string(conf))
	sent := 0
	send := func(method, target string, body string, headers ...string) int {
		t.Helper()
		conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		head := method + " " + target + " HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 198.51.100.77\r\nConnection: close\r\n"
		for _, h := range headers {
			head += h + "\r\n"
		}
		if body != "" {
			head += fmt.Sprintf("Content-Length: %d\r\n", len(body))
		}
		io.WriteString(conn, head+"\r\n"+body)
		answer, _ := io.ReadAll(conn)
		var status int
		fmt.Sscanf(string(answer), "HTTP/1.1 %d", &status)
		if status >= 500 {
			t.Errorf("%s %.80q: %d", method, target, status)
		}
		// What net/http refuses by itself, a broken head, is no request yet.
		if strings.Contains(string(answer), "X-Content-Type-Options") {
			sent++
		}
		return status
	}
	if err := apptest.Poll(patience, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil || !p.Alive()
	}); err != nil || !p.Alive() {
		t.Fatalf("the shop does not open: %v\n%s", err, all.String())
	}
	// Control: an honest request is recorded.
	if s := send("GET", "/trust", ""); s != 200 {
		t.Fatalf("GET /trust: %d", s)
	}
	counted := func() int { return strings.Count(log.String(), "198.51.100.0/24") }
	if err := apptest.Poll(patience, func() bool { return counted() == sent }); err != nil {
		t.Fatalf("%d requests, %d records:\n%s", sent, counted(), log.String())
	}
	forged := []string{"kvx\r\ntime=2026-01-01T00:00:00Z level=ERROR msg=forged", "kvx\nlevel=ERROR msg=forged", "kvx\x1b[2Jforged\x1b[31m", `kvx","level":"error","msg":"forged"}` + "\n{", `kvx" level=ERROR msg="forged`, "kvx\u2028forged\u0085", "kvx" + strings.Repeat("forged", 3000), "kvx\x00forged", "kvx%0d%0aforged", "kvx\x9b31mforged"}
	form := "Content-Type: application/x-www-form-urlencoded"
	for _, word := range forged {
		line := strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(word)
		if len(line) > 4000 {
			line = line[:4000]
		}
		for _, r := range [][]string{
			{"GET", "/" + url.PathEscape(line)[:min(1500, len(url.PathEscape(line)))], ""},
			{"GET", "/search?q=" + url.QueryEscape(word)[:min(6000, len(url.QueryEscape(word)))], ""},
			{"GET", "/trust", "", "User-Agent: " + line, "Referer: " + line, "X-Request-Id: " + line, "Traceparent: " + line},
			{"GET", "/admin/orders", "", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(word + ":x"))[:min(4000, len(word))]},
			{"GET", apptest.AdminAPI + "/orders", "", "Authorization: Bearer " + line},
			{"POST", "/cart/discounts", url.Values{"code": {word}}.Encode(), form},
			{"POST", "/admin/login", url.Values{"email": {word}, "password": {word}, "totp": {word}}.Encode(), form},
			{"POST", "/orders/find", url.Values{"number": {word}, "email": {word}}.Encode(), form},
			{"POST", apptest.API + "/carts", `{"` + url.QueryEscape(word) + `":1}`, "Content-Type: application/json"},
			{"POST", "/csp-report", `{"csp-report":{"effective-directive":` + quoted(word) + `,"blocked-uri":` + quoted("https://"+word) + `}}`, "Content-Type: application/csp-report"},
			{"POST", "/hooks/card", word, "Content-Type: application/json", "X-Signature: " + line},
			{"KVXFORGED", "/trust", ""},
		} {
			send(r[0], r[1], r[2], r[3:]...)
		}
	}
	if err := apptest.Poll(patience, func() bool { return counted() == sent }); err != nil || sent < 10*len(forged) {
		t.Errorf("%d requests, %d records", sent, counted())
	}
	byID := map[string]int{}
	for line := range strings.Lines(log.String()) {
		line = strings.TrimSuffix(line, "\n")
		if !record.MatchString(line) || len(line) > 2000 {
			t.Errorf("no record, or too long a one: %.300q", line)
		}
		// Without the request's number, whose letters are drawn and may spell anything.
		if low := strings.ToLower(drawn.ReplaceAllString(line, "")); strings.Contains(low, "forged") || strings.Contains(low, mark) && !strings.Contains(line, `msg="content security policy"`) {
			t.Errorf("the log repeats a request: %.300q", line)
		}
		if strings.Contains(line, "msg=request") {
			byID[drawn.FindString(line)]++
		}
	}
	for id, n := range byID {
		if n != 1 {
			t.Errorf("%d records of the request%s", n, id)
		}
	}
	if len(byID) == 0 {
		t.Error("no records at all")
	}
})

// freeAddress is one of this machine's addresses that nobody listens at now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
