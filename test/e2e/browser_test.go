package e2e

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"kassavalv/internal/apptest"
)

// browser is the one Chromium of the package.
type browser struct {
	ctx context.Context
}

// launch starts Chromium, which believes the certificates of these shops and no
// others but those the machine trusts.
func launch(t testing.TB, shops ...*apptest.Shop) *browser {
	t.Helper()
	path := os.Getenv("KASSAVALV_CHROMIUM")
	if path == "" {
		for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
			if p, err := exec.LookPath(name); err == nil {
				path = p
				break
			}
		}
	}
	if path == "" {
		t.Fatal("no Chromium in PATH; test/scripts/setup.sh installs it")
	}
	var keys []string
	for _, s := range shops {
		keys = append(keys, publicKey(t, s))
	}
	opts := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Flag("headless", "new"),
		chromedp.Flag("ignore-certificate-errors-spki-list", strings.Join(keys, ",")),
		chromedp.Flag("lang", "sv-SE"),
	}
	for _, f := range []string{"no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "no-default-browser-check", "disable-background-networking", "disable-component-update",
		"disable-sync", "disable-dev-shm-usage", "disable-extensions", "disable-background-timer-throttling", "disable-backgrounding-occluded-windows", "disable-renderer-backgrounding",
		"mute-audio", "hide-scrollbars"} {
		opts = append(opts, chromedp.Flag(f, true))
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, end := chromedp.NewContext(alloc)
	t.Cleanup(func() { end(); stop() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return &browser{ctx}
}

// publicKey is the SPKI hash of the shop's certificate, which the shop's own
// authority must have signed.
func publicKey(t testing.TB, s *apptest.Shop) string {
	t.Helper()
	pool, err := s.Authority()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.Shop, "https://"), &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sum := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// open makes a tab with nothing in it: no cookies, no cache, an address of its own.
func (b *browser) open(t *testing.T, s *apptest.Shop) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	p := &tab{Client: s.As(t), t: t, ctx: ctx, mu: new(sync.Mutex), expect: map[string]int{}}
	t.Cleanup(func() {
		p.leavesNothing()
		p.verdict()
		end()
	})
	p.start()
	return p
}
