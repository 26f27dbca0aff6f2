package attack

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kassavalv/internal/apptest"
)

// innards are words that stand in the files of the shop's folder or of the machine
// and in no answer.
var innards = []string{"SQLite format 3", "BEGIN CERTIFICATE", "PRIVATE KEY", "root:x:0:0", "CREATE TABLE", "kassavalv/internal", "[core]"}

// nothingInside fails when an answer is not a plain refusal.
func nothingInside(t testing.TB, what string, a apptest.Answer) {
	t.Helper()
	if a.Status != 404 && a.Status != 400 && a.Status != 414 && a.Status != 431 {
		t.Errorf("%s: %d", what, a.Status)
	}
	for _, bad := range innards {
		if bytes.Contains(a.Body, []byte(bad)) {
			t.Errorf("%s holds %q", what, bad)
		}
	}
}

// onePicture is the address of a picture that the shop serves.
func onePicture(c *apptest.Client) string {
	c.T.Helper()
	for _, n := range c.Do("GET", "/", nil).Find("img[src]") {
		if s := apptest.Attr(n, "src"); strings.HasPrefix(s, "/media/") {
			return s
		}
	}
	c.T.Fatal("no picture on the first page")
	return ""
}

// Ways up and out of a folder.
var climbs = []string{"../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "..\\", "%252e%252e%252f", "..%c0%af", "..%ef%bc%8f", "....//", "..;/", "%2e%2e;/", "./../", "..%00/", "..%09/", "\uff0e\uff0e/"}

// A file is found by its one exact address; everything else is nothing.
var _ = attack("AC-159", func(t *testing.T, c *apptest.Client) {
	pic := onePicture(c)
	// Control: the picture itself, asked for by hand.
	if a := rawGet(t, c.Shop, c.Shop.Shop, pic); a.Status != 200 || a.Header.Get("Content-Type") != "image/jpeg" {
		t.Fatalf("GET %s: %d", pic, a.Status)
	}
	static := ""
	for _, n := range c.Do("GET", "/", nil).Find(`link[rel=stylesheet]`) {
		static = apptest.Attr(n, "href")
	}
	if a := rawGet(t, c.Shop, c.Shop.Shop, static); a.Status != 200 {
		t.Fatalf("GET %s: %d", static, a.Status)
	}
	var targets []string
	for _, root := range []string{"/media/", "/static/", "/admin/assets/", "/sitemaps/", "/pages/", "/products/", "/orders/x/documents/", "/en/media/", "/"} {
		for _, up := range climbs {
			for _, end := range []string{"shop.db", "keys/x", "etc/passwd"} {
				targets = append(targets, root+strings.Repeat(up, 3)+end)
			}
		}
	}
	base := strings.TrimSuffix(pic, "-400.jpg")
	if base == pic {
		base = pic[:strings.LastIndexByte(pic, '-')]
	}
	for _, tail := range []string{"-400.png", "-400.jpg.bak", "-400.jpg%00.png", "-400.jpg/", "-400.jpg;x", "-400.jpg?format=webp", "-400.jpg?w=9999", "-401.jpg", "-99999.jpg", "-0.jpg", "--1.jpg", ".jpg", "-400.JPG", "-400.jpg#x", "-%34%30%30.jpg", "-400.jpg%20", "-1600.jpg.jpg", "", "-400.svg", "-source", "-400.jpg?cache=../../shop.db", "-400.jpg?preset=../../shop.db"} {
		targets = append(targets, base+tail)
	}
	targets = append(targets, "/media//etc/passwd", "/media/%2fetc%2fpasswd", "/media/file:///etc/passwd", "/media/"+strings.Repeat("a", 64)+"-400.jpg", "/media/..", "/media/.", "/media", "/media/", "//etc/passwd", "/static//etc/passwd", "/media/"+strings.Repeat("../", 300)+"etc/passwd", "/"+strings.Repeat("%2e%2e/", 100)+"etc/passwd", "\\..\\..\\shop.db", "/.\\..\\shop.db", "http://localhost/../shop.db", "*", "shop.db")
	for _, target := range targets {
		a := rawGet(t, c.Shop, c.Shop.Shop, target)
		if strings.Contains(target, "#") && a.Status == 0 {
			continue
		}
		nothingInside(t, target, a)
	}
	// The other listeners of the demo have files too.
	for _, at := range []string{c.HTTP, c.Ops, c.Bank, c.Mailbox} {
		for _, root := range []string{"/", "/api/messages/", "/pay/", "/control/", "/static/"} {
			for _, up := range climbs {
				a := rawGet(t, c.Shop, at, root+strings.Repeat(up, 3)+"shop.db")
				if a.Status == 308 && at == c.HTTP {
					staysHere(t, c, root+up, a.Location())
					continue
				}
				if a.Status == 301 || a.Status == 307 {
					// ServeMux tidies a path by redirect; behind it is nothing.
					a = rawGet(t, c.Shop, at, a.Location())
				}
				if a.Status < 400 || a.Status >= 500 {
					t.Errorf("%s%s%s: %d", at, root, up, a.Status)
				}
				for _, bad := range innards {
					if bytes.Contains(a.Body, []byte(bad)) {
						t.Errorf("%s%s%s holds %q", at, root, up, bad)
					}
				}
			}
		}
	}
})

// What is deleted is named by a row of one's own, never by a path.
var _ = attack("AC-161", func(t *testing.T, c *apptest.Client) {
	owner := c.Staff(c, "owner")
	mine, other := newGoods(owner, "Prov mitt", "PROV-MINE"), newGoods(owner, "Prov annat", "PROV-OTHER")
	kept := hang(owner, other, pngBytes(photo(130, 70)))
	gone := hang(owner, mine, pngBytes(photo(140, 80)))
	hash := func(path string) string {
		return strings.TrimPrefix(path[:strings.LastIndexByte(path, '-')], "/media/")
	}
	remove := func(at string, names ...string) apptest.Answer {
		t.Helper()
		_, v := owner.FormOf(owner.Do("GET", at+"/pictures", nil), `form[action$="/media"]`)
		for _, n := range names {
			v.Set("remove."+n, "on")
		}
		return owner.Form(at+"/media", v)
	}
	// By path, absolute path, or the picture of other goods: nothing goes.
	for _, name := range []string{"../../shop.db", "/etc/passwd", "..%2f..%2fshop.db", `..\..\shop.db`, hash(kept), hash(kept) + "/../" + hash(gone), "*", "%", "0", "-1", "' OR '1'='1"} {
		if a := remove(mine, name); a.Status >= 500 {
			t.Errorf("remove %q: %d", name, a.Status)
		}
	}
	for _, path := range []string{kept, gone} {
		if a := c.Do("GET", path, nil); a.Status != 200 {
			t.Fatalf("GET %s after removals by path: %d", path, a.Status)
		}
	}
	if len(media(owner, mine)) != 1 || len(media(owner, other)) != 1 {
		t.Error("a picture is gone from its goods")
	}
	if _, err := os.Stat(filepath.Join(c.Dir(), "keys")); err != nil {
		t.Error(err)
	}
	// Every other thing that is deleted or ended by an id.
	for _, pattern := range []string{"/admin/campaigns/%s/delete", "/admin/codes/%s/end", "/admin/categories/%s/delete", "/admin/tokens/%s/revoke", "/admin/jobs/%s/drop", "/admin/mail/%s/drop", "/admin/staff/%s/close", "/admin/products/%s/archive", "/admin/security/passkeys/%s/remove", "/admin/security/sessions/%s/end"} {
		for _, id := range []string{"..%2f..%2fx", "%2fetc%2fpasswd", "0", "-1", "9223372036854775807", "1%20or%201=1", "%2e%2e", "null", "%00"} {
			path := fmt.Sprintf(pattern, id)
			raw := wire(t, c.Shop, c.Shop.Shop, "POST "+path+" HTTP/1.1\r\nHost: "+hostOf(t, c.Shop.Shop)+"\r\nOrigin: "+c.Shop.Shop+"\r\nCookie: "+apptest.CookieStaff+"="+owner.Cookie(apptest.CookieStaff)+"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			if raw.Status == 409 && id == "9223372036854775807" {
				continue // a job or letter that no longer waits for staff: it may have been, it may never have been
			}
			if raw.Status != 404 && raw.Status != 400 && raw.Status != 422 && raw.Status != 403 && raw.Status != 303 || raw.Status == 303 && !strings.Contains(raw.Location(), "/admin/confirm") {
				t.Errorf("POST %s: %d %s", path, raw.Status, raw.Location())
			}
		}
	}
	// Deleted while it is read: each reader has a whole picture or none.
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		v := c.Other()
		wg.Go(func() {
			for {
				a, err := v.Try("GET", gone, nil)
				if err != nil || a.Status != 200 && a.Status != 404 {
					t.Errorf("while it is deleted: %d %v", a.Status, err)
				}
				if a.Status == 200 {
					if _, err := jpeg.Decode(bytes.NewReader(a.Body)); err != nil {
						t.Errorf("half a picture: %v", err)
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	a := remove(mine, hash(gone))
	close(stop)
	wg.Wait()
	if a.Status != 303 || len(media(owner, mine)) != 0 {
		t.Errorf("the own picture cannot be removed: %d", a.Status)
	}
	if a := c.Do("GET", kept, nil); a.Status != 200 || len(media(owner, other)) != 1 {
		t.Errorf("the neighbour's picture: %d", a.Status)
	}
	// Row and file say the same of the picture that stayed.
	if n := c.Count(`SELECT count(*) FROM catalog_media WHERE file = $1`, hash(gone)); n != 0 {
		t.Errorf("%d rows still name the picture", n)
	}
	if n := c.Count(`SELECT count(*) FROM catalog_media WHERE file = $1`, hash(kept)); n != 1 {
		t.Errorf("%d rows name the picture that stays", n)
	}
})

// forgotten are names under which shops have left their backups, sources and notes.
func forgotten() (out []string) {
	stems := []string{"backup", "db", "dump", "database", "shop", "site", "www", "localhost", "kassavalv", "forstukvist", "html", "public", "export", "orders", "customers", "users", "data", "old", "test", "admin", "config", "settings", "prod", "production", "staging", "archive", "latest", "full", "mysql", "postgres", "sqlite", "store", "web", "wwwroot", "2026", "2026-11-29", "20261129", "backup-2026-11-29", "orders-2026-11", "report", "invoices", "log", "error", "access", "debug"}
	for _, s := range stems {
		for _, e := range []string{".sql", ".sql.gz", ".gz", ".zip", ".tar", ".tar.gz", ".tgz", ".bak", ".old", "~", ".swp", ".7z", ".rar", ".db", ".sqlite", ".sqlite3", ".csv", ".xlsx", ".json", ".log", ".txt", ".xml", ".toml", ".yml", ".env", ".php"} {
			out = append(out, "/"+s+e)
		}
		for _, d := range []string{"/backup/", "/backups/", "/exports/", "/export/", "/logs/", "/var/", "/tmp/", "/data/", "/files/", "/admin/backup/", "/media/", "/static/"} {
			out = append(out, d+s+".sql", d+s+".zip")
		}
	}
	return append(out, "/.git/HEAD", "/.git/config", "/.git/index", "/.svn/entries", "/.hg/store", "/.env", "/.env.local", "/.env.production", "/.htaccess", "/.htpasswd", "/.DS_Store", "/.ssh/id_rsa", "/.aws/credentials", "/.npmrc", "/.docker/config.json", "/.vscode/settings.json", "/.idea/workspace.xml", "/.well-known/acme-challenge/x", "/wp-config.php", "/wp-config.php.bak", "/wp-login.php", "/config.php", "/phpinfo.php", "/info.php", "/adminer.php", "/phpmyadmin", "/server-status", "/server-info", "/web.config", "/composer.json", "/composer.lock", "/package.json", "/yarn.lock", "/go.mod", "/go.sum", "/Makefile", "/Dockerfile", "/docker-compose.yml", "/README.md", "/LICENSE", "/main.go", "/cmd/kassavalv/main.go", "/internal/app/app.go", "/docs/map.md", "/debug/pprof", "/debug/pprof/heap", "/debug/vars", "/metrics", "/healthz", "/readyz", "/actuator/env", "/console", "/graphql", "/swagger.json", "/openapi.json", "/api", "/api/", "/api/docs", "/control", "/control.sock", "/control/payments", "/exports/orders", "/exports", "/logs", "/var/export", "/var/log/system.log", "/app/etc/env.php", "/app/etc/local.xml", "/downloader", "/storage/logs/laravel.log", "/core", "/nohup.out", "/id_rsa", "/crossdomain.xml", "/sitemap.xml.gz", "/sitemap.xml.bak", "/robots.txt~", "/robots.txt.bak", "/static", "/static/app.js.map", "/media/.htaccess")
}

// Nothing lies about: every name that is not in the table is the same 404.
var _ = attack("AC-162", func(t *testing.T, c *apptest.Client) {
	names := forgotten()
	if len(names) < 2000 {
		t.Fatalf("only %d names", len(names))
	}
	// Whatever lies in the shop's folder, under its own name.
	err := filepath.WalkDir(c.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // a journal that is gone again
		}
		rel, _ := filepath.Rel(c.Dir(), path)
		if strings.Count(rel, "/") > 2 || strings.HasPrefix(rel, "files/") && strings.Count(rel, "/") > 1 && len(names) > 3000 {
			return nil
		}
		for _, root := range []string{"/", "/media/", "/static/"} {
			names = append(names, root+(&url.URL{Path: rel}).EscapedPath())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// Each part of the shop has one answer for what it does not have.
	plain := map[int]bool{}
	for _, p := range []string{"/kvx", "/media/kvx", "/static/kvx", "/admin/kvx"} {
		a := c.Do("GET", p, nil)
		c.Want(a, 404, nil)
		plain[len(a.Body)] = true
	}
	var wg sync.WaitGroup
	lanes := 4
	for lane := range lanes {
		wg.Go(func() {
			v := c.Other()
			for i := lane; i < len(names); i += lanes {
				if i/lanes%400 == 399 {
					v = c.Other() // another address: the budget is for people
				}
				a, err := v.Try("GET", names[i], nil)
				if err != nil {
					t.Errorf("GET %s: %v", names[i], err)
					continue
				}
				nothingInside(t, "GET "+names[i], a)
				// No soft 404: the same words, whatever was asked for.
				switch {
				case strings.HasPrefix(names[i], "/api"):
					if a.Code() != "not_found" {
						t.Errorf("GET %s: %s", names[i], a)
					}
				case !plain[len(a.Body)]:
					t.Errorf("GET %s is another 404: %d bytes", names[i], len(a.Body))
				}
			}
		})
	}
	wg.Wait()
	// Control: what is meant to be found is found.
	for _, p := range []string{"/robots.txt", "/sitemap.xml", "/.well-known/security.txt", "/feeds/google.xml"} {
		if a := c.Do("GET", p, nil); a.Status != 200 {
			t.Errorf("GET %s: %d", p, a.Status)
		}
	}
})
