package apptest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kassavalv/internal/shop/payment/paytest/swishsim"
)

// swishEnv makes a test binary be Swish's stand-in instead.
const swishEnv = "KASSAVALV_TEST_SWISHSIM"

// Swish is Swish's stand-in as a process of its own.
type Swish struct {
	swishsim.Ready
	log  Log
	proc *Process
}

// StartSwish starts a stand-in that trusts the authority in callbackCA at the shop,
// which need not be there yet; it ends with the test. The package's TestMain must call
// Main.
func StartSwish(t testing.TB, callbackCA string) *Swish {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &Swish{}
	ready := filepath.Join(dir, "ready.json")
	if s.proc, err = run(self, &s.log, nil, []string{swishEnv + "=1"}, "--dir", dir, "--ready", ready, "--callback-ca", callbackCA); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.proc.Kill()
		if t.Failed() {
			t.Logf("Swish said:\n%s", tail(s.log.String(), 4000))
		}
	})
	read := func() bool {
		b, err := os.ReadFile(ready)
		return err == nil && json.Unmarshal(b, &s.Ready) == nil
	}
	if err := Poll(startTime, func() bool { return !s.proc.Alive() || read() }); err != nil || !s.proc.Alive() {
		t.Fatalf("Swish does not open: %s", s.log.String())
	}
	return s
}

// Env is what a shop needs to pay by this Swish.
func (s *Swish) Env() []string {
	return []string{"KASSAVALV_SWISH_PAYEE=" + s.Payee, "KASSAVALV_SWISH_CERT=" + s.Files.Cert, "KASSAVALV_SWISH_KEY=" + s.Files.Key, "KASSAVALV_SWISH_CA=" + s.Files.CA, "KASSAVALV_SWISH_BASE_URL=" + s.API}
}

// AppFor is the page of the app that an address of the app switch opens.
func (s *Swish) AppFor(link string) string { return s.App + "/app?link=" + url.QueryEscape(link) }

// Scan is the page of the app after a code was scanned.
func (s *Swish) Scan(code string) string { return s.App + "/app?qr=" + url.QueryEscape(code) }

// Control sets times and faults, or does something to a payment, as swishsim has it.
func (s *Swish) Control(t testing.TB, what map[string]any) {
	t.Helper()
	b, err := json.Marshal(what)
	if err != nil {
		t.Fatal(err)
	}
	c := http.Client{Timeout: 20 * time.Second}
	res, err := c.Post(s.App+"/control", "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusNoContent {
		t.Fatalf("Swish: %d %s", res.StatusCode, text)
	}
}

// Books is what Swish has, oldest first.
func (s *Swish) Books(t testing.TB) (out []swishsim.Book) {
	t.Helper()
	c := http.Client{Timeout: 20 * time.Second}
	res, err := c.Get(s.App + "/books")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}
