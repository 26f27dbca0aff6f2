package asvs

import (
	"database/sql"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"kassavalv/internal/apptest"
	"kassavalv/internal/db/dbtest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// A shop that was just made has nobody in it: no account, key or password of the maker's, only an invitation whose link
// was printed once and is stored nowhere. The names everybody tries open nothing.
func TestFreshShopHasNoAccount(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) { fresh(t, engine) })
	}
}

func fresh(t *testing.T, engine string) {
	dir, addr := filepath.Join(t.TempDir(), "shop"), freeAddress(t)
	env := []string{"KASSAVALV_TLS_MODE=proxy", "KASSAVALV_HTTP_PUBLIC_URL=https://shop.example", "KASSAVALV_HTTP_PLAIN_ADDR=" + addr, "KASSAVALV_HTTP_TRUSTED_PROXIES=127.0.0.1", "KASSAVALV_OPS_ADDR=127.0.0.1:0"}
	driver, at := "sqlite", "file:"+filepath.Join(dir, "shop.db")+"?mode=ro"
	if engine == "postgres" {
		driver, at = "pgx", dbtest.PostgresURL(t)
		env = append(env, "DATABASE_URL="+at)
	}
	out, code := apptest.Command(t, env, "init", "--data", dir, "--url", "https://shop.example", "--owner", "owner@shop.example", "--name", "Prov AB", "--org-number", "559999-0016",
		"--street", "Storgatan 1", "--postal-code", "111 22", "--city", "Stockholm", "--mail", "info@shop.example", "--phone", "031-3900600")
	links := regexp.MustCompile(`https://shop\.example(/admin/invite/([\w-]{20,}))`).FindAllStringSubmatch(string(out), -1)
	if code != 0 || len(links) != 1 {
		t.Fatalf("%d, %d links: %s", code, len(links), out)
	}
	d, err := sql.Open(driver, at)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	count := func(text string) (n int) {
		t.Helper()
		if err := d.QueryRow(text).Scan(&n); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return n
	}
	for text, want := range map[string]int{
		`SELECT count(*) FROM auth_staff`: 1, `SELECT count(*) FROM auth_staff WHERE state='invited' AND password='' AND totp IS NULL`: 1, `SELECT count(*) FROM auth_invite`: 1,
		`SELECT count(*) FROM auth_token`: 0, `SELECT count(*) FROM auth_passkey`: 0, `SELECT count(*) FROM auth_recovery`: 0, `SELECT count(*) FROM auth_session`: 0, `SELECT count(*) FROM auth_sso`: 0,
		`SELECT count(*) FROM account_account`: 0, `SELECT count(*) FROM account_session`: 0} {
		if got := count(text); got != want {
			t.Errorf("%s: %d, not %d", text, got, want)
		}
	}
	err = filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if err == nil && strings.Contains(string(b), links[0][2]) {
			t.Errorf("the link is stored in %s", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var said apptest.Log
	p, err := apptest.Run(&said, nil, env, "serve", "--data", dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if apptest.Poll(2*time.Minute, func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	}) != nil {
		t.Fatalf("it does not open: %s", said.String())
	}
	ask := func(method, path string, form url.Values) int {
		t.Helper()
		req, err := http.NewRequest(method, "http://"+addr+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "shop.example"
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", "https://shop.example")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		req.Header.Set("X-Forwarded-Proto", "https")
		req.Header.Set("X-Forwarded-For", "192.0.2.7")
		c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: time.Minute}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	for _, who := range []string{"admin", "root", "sa", "administrator", "admin@shop.example", "info@shop.example", "owner@shop.example"} {
		for _, word := range []string{"", "admin", "password", "kassavalv", who} {
			if code := ask("POST", "/admin/login", url.Values{"email": {who}, "password": {word}, "totp": {"000000"}}); code != 401 && code != 422 && code != 429 {
				t.Errorf("%s with %q: %d", who, word, code)
			}
		}
	}
	// The control: the door is there, and the link leads in.
	if a, b := ask("GET", "/admin/login", nil), ask("GET", links[0][1], nil); a != 200 || b != 200 {
		t.Errorf("the door %d, the link %d", a, b)
	}
	if n := count(`SELECT count(*) FROM auth_session`); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// freeAddress is one that the kernel has just given and nobody has.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
