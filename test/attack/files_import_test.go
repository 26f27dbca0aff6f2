package attack

import (
	"encoding/csv"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// insideAddresses are places that only this machine or its network can reach, in all
// the ways in which they can be written.
func insideAddresses(s *apptest.Shop, can *canary) []string {
	out := []string{"http://10.0.0.1/x.png", "http://192.168.0.1/x.png", "http://172.16.0.1/x.png", "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/x.png", "http://100.100.100.200/x.png", "http://0.0.0.0/x.png", "http://[::]/x.png",
		"http://127.0.0.1/x.png", "https://127.0.0.1/x.png", "http://127.1/x.png", "http://2130706433/x.png", "http://0x7f000001/x.png", "http://017700000001/x.png", "http://0177.0.0.1/x.png", "http://127.0.0.1./x.png", "http://127.9.9.9/x.png",
		"http://[::1]/x.png", "http://[::ffff:127.0.0.1]/x.png", "http://[::ffff:7f00:1]/x.png", "http://[64:ff9b::7f00:1]/x.png", "http://[2002:7f00:1::]/x.png", "http://[::1%25lo]/x.png",
		"http://localhost/x.png", "https://localhost/x.png", "http://LOCALHOST./x.png", "http://ip6-localhost/x.png", "http://user:pass@127.0.0.1/x.png", "http://127.0.0.1#@example.com/x.png", "http://example.com@127.0.0.1/x.png", "http://①②⑦.0.0.1/x.png",
		"file:///etc/passwd", "file://localhost/etc/passwd", "gopher://127.0.0.1/x", "ftp://127.0.0.1/x.png", "unix:///tmp/x.sock", "data:image/png;base64,iVBORw0KGgo=", "jar:http://127.0.0.1!/x", "http:127.0.0.1/x.png", "//127.0.0.1/x.png", "../../shop.db", "/etc/passwd", "\\\\127.0.0.1\\x.png", "%2e%2e/%2e%2e/shop.db"}
	if name, err := os.Hostname(); err == nil {
		out = append(out, "http://"+name+"/x.png")
	}
	for _, a := range can.Addrs {
		out = append(out, "http://"+a+"/x.png", "https://"+a+"/x.png")
		if _, port, err := net.SplitHostPort(a); err == nil {
			out = append(out, "http://localhost:"+port+"/x.png", "http://[::ffff:127.0.0.1]:"+port+"/x.png", "http://0.0.0.0:"+port+"/x.png", "http://127.0.0.2:"+port+"/x.png", "gopher://127.0.0.1:"+port+"/_x")
		}
	}
	// The shop's own doors: operations, bank, mailbox, itself.
	for _, own := range []string{s.Ops + "/metrics", s.Bank + "/control/payments", s.Mailbox + "/api/messages", s.Shop + "/admin", s.HTTP + "/", "http://" + s.SMTP + "/"} {
		out = append(out, own)
	}
	return out
}

// An import names pictures; what it names is fetched only from the open internet, and
// what comes of it tells nothing of what stands behind the shop.
var _ = alone("AC-155", func(t *testing.T, engine string) {
	s := apptest.Start(t, apptest.Options{Engine: engine})
	c := s.As(t)
	can := newCanary(t)
	can.Ping(t)
	closed := freeAddress(t)
	addresses := append(insideAddresses(s, can), "http://"+closed+"/x.png")
	images := t.TempDir()
	if err := os.WriteFile(filepath.Join(images, "honest.png"), pngBytes(photo(80, 60)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(images, "passwd.png")); err != nil {
		t.Fatal(err)
	}
	addresses = append(addresses, "passwd.png")
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Write([]string{"Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published", "Variant SKU", "Variant Price", "Image Src", "Image Position", "Image Alt Text", "SEO Title", "SEO Description"})
	for i, a := range addresses {
		word := canaries[i%len(canaries)]
		w.Write([]string{fmt.Sprintf("prov-%d", i), fmt.Sprintf("Prov %d %s", i, word), "<p>kvx</p>" + word, word, word, strings.ReplaceAll(word, ",", ""), "true", fmt.Sprintf("P-%d", i), "100.00", a, "1", word, word, word})
	}
	w.Write([]string{"prov-honest", "Prov honest", "<p>Bra</p>", "Prov", "Prov", "", "true", "P-H", "100.00", "honest.png", "1", "Prov", "", ""})
	w.Flush()
	file := filepath.Join(t.TempDir(), "in.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	said, code := apptest.Command(t, databaseOf(s), "import", file, "--data", s.Dir(), "--images", images, "--json")
	if code != 0 && code != 3 {
		t.Fatalf("import: %d %s", code, said)
	}
	// Every picture has been tried, or was refused by its name alone.
	c.Wait("every picture has been tried", patience, func() bool {
		return c.Count(`SELECT count(*) FROM intake_picture p WHERE p.state = 'waiting' AND EXISTS (SELECT 1 FROM job_job j WHERE j.kind = 'intake.picture' AND j.ref_id = p.id AND j.state = 'queued' AND j.last_error = '')`) == 0
	})
	if n := can.Hits(); n != 0 {
		t.Errorf("the canary was called %d times", n)
	}
	if done := c.Query(`SELECT url FROM intake_picture WHERE state = 'done'`); len(done) != 1 || done[0][0] != "honest.png" {
		t.Errorf("pictures that came in: %v", done)
	}
	// One word for all of them, open ports and closed ones alike.
	tells := map[string][]string{}
	for _, r := range c.Query(`SELECT p.url, p.state, p.code, coalesce((SELECT j.last_error FROM job_job j WHERE j.kind = 'intake.picture' AND j.ref_id = p.id), '') FROM intake_picture p WHERE p.state <> 'done'`) {
		if u, err := url.Parse(r[0]); err == nil && u.Scheme == "http" && slices.Contains(append(slices.Clone(can.Addrs), closed, hostOf(t, s.Ops), "10.0.0.1"), u.Host) {
			tells[strings.Join(r[1:], " ")] = append(tells[strings.Join(r[1:], " ")], r[0])
		}
	}
	if len(tells) != 1 {
		t.Errorf("what is said of addresses tells them apart: %v", tells)
	}
	for _, line := range strings.Split(said+s.Records(), "\n") {
		for _, bad := range []string{"connection refused", "i/o timeout", "no such host", "root:x:0", "dial tcp"} {
			if strings.Contains(line, bad) {
				t.Errorf("%q is told: %.300s", bad, line)
			}
		}
	}
	// The rows came in, and their words are words.
	if n := c.Count(`SELECT count(*) FROM catalog_product WHERE handle LIKE 'prov-%'`); n < len(addresses)*3/4 {
		t.Errorf("%d of %d products came in: %s", n, len(addresses)+1, said)
	}
	c.Wait("the search knows the goods", patience, func() bool { return strings.Contains(c.Do("GET", "/search?q=Prov+honest", nil).Words(), "Prov honest") })
	owner := s.Staff(c, "owner")
	for i, word := range canaries {
		at := fmt.Sprintf("/products/prov-%d", i)
		if a := page(c, at); a.Status != 200 || !shown(a.HTML(), word) {
			t.Errorf("%s (%d) does not show %q", at, a.Status, word)
		}
		page(c, "/search?q="+url.QueryEscape("Prov "+word))
		if a := page(owner, "/admin/products?find=prov-"+fmt.Sprint(i)); a.Status != 200 || !shown(a.HTML(), word) {
			t.Errorf("the back office does not show %q", word)
		}
	}
	for _, at := range []string{"/feeds/google.xml", "/sitemap.xml", "/sitemaps/products-0-0.xml"} {
		a := c.Do("GET", at, nil)
		if a.Status != 200 || strings.Contains(string(a.Body), "<script") || strings.Contains(string(a.Body), "<kvx") {
			t.Errorf("GET %s: %d", at, a.Status)
		}
	}
	pic := c.Do("GET", "/products/prov-honest", nil).Find(`main img[src*="/media/"]`)
	if len(pic) == 0 {
		t.Error("the honest picture is not on its page")
	}
})
