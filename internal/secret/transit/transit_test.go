package transit

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/secret"
	"kassavalv/internal/secret/keepertest"
	"kassavalv/internal/secret/transit/transitsim"
)

var ctx = context.Background()

func server(t *testing.T) (*transitsim.Server, string) {
	s := transitsim.New("root")
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h.URL
}

func client(t *testing.T, o Options) *Client {
	t.Helper()
	if o.Token.IsZero() && o.TokenFile == "" {
		o.Token = secret.Hide("root")
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestKeeper(t *testing.T) {
	s, url := server(t)
	fresh := func(t *testing.T, dir string) secret.Keeper {
		k, err := secret.CreateWrapped(dir, client(t, Options{URL: url}))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	keepertest.Run(t, fresh)
	t.Run("sealed", func(t *testing.T) {
		keepertest.RunWrapped(t, fresh, func(*testing.T) func() { s.Seal(true); return func() { s.Seal(false) } })
	})
	t.Run("revoked", func(t *testing.T) {
		keepertest.RunWrapped(t, fresh, func(*testing.T) func() { s.Revoke("root"); return func() { s.Token("root", true) } })
	})
}

// The same against a real engine, where one is named (docs/keys.md says how): the
// stand-in above must not be kinder than it.
func TestRealEngine(t *testing.T) {
	url, token := os.Getenv("KASSAVALV_TEST_TRANSIT_URL"), os.Getenv("KASSAVALV_TEST_TRANSIT_TOKEN")
	if url == "" {
		_, url = server(t)
		token = "root"
	}
	o := Options{URL: url, Token: secret.Hide(token), Prefix: "kassavalv-test-"}
	keepertest.Run(t, func(t *testing.T, dir string) secret.Keeper {
		k, err := secret.CreateWrapped(dir, client(t, o))
		if err != nil {
			t.Fatal(err)
		}
		return k
	})
	c := client(t, o)
	blob, err := c.Wrap(ctx, "link", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := c.Unwrap(ctx, "link", blob); err != nil || string(b) != "plain" {
		t.Fatal(err)
	}
	for what, w := range map[string][2]string{"name": {"shop", blob}, "changed": {"link", blob[:len(blob)-6] + "AAAAAA"}, "version": {"link", strings.Replace(blob, "vault:v1", "vault:v7", 1)}} {
		if _, err := c.Unwrap(ctx, w[0], w[1]); err == nil || errors.Is(err, secret.ErrNoKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for range 2 {
		if err := c.Discard(ctx, "link", blob); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Unwrap(ctx, "link", blob); !errors.Is(err, secret.ErrNoKey) {
		t.Error("a deleted key:", err)
	}
}

// Destroy deletes Vault's key: a copy of the blob that somebody kept opens nowhere from
// then on. Losers of a race leave no key behind.
func TestDestroyReachesVault(t *testing.T) {
	s, url := server(t)
	dir := filepath.Join(t.TempDir(), "keys")
	k, err := secret.CreateWrapped(dir, client(t, Options{URL: url}))
	if err != nil {
		t.Fatal(err)
	}
	key, _ := secret.NewKey("epoch-000001", time.Now())
	if err := k.Put(ctx, key); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "epoch-000001.wrapped"))
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Keys(); len(n) != 1 || !strings.HasPrefix(n[0], "kassavalv-epoch-000001-") {
		t.Fatal(n)
	}
	if err := k.Destroy(ctx, "epoch-000001"); err != nil {
		t.Fatal(err)
	}
	if n := s.Keys(); len(n) != 0 {
		t.Fatal("Vault still has", n)
	}
	if err := os.WriteFile(filepath.Join(dir, "epoch-000001.wrapped"), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Get(ctx, "epoch-000001"); !errors.Is(err, secret.ErrNoKey) {
		t.Error("a copy of the blob:", err)
	}
	if err := k.Destroy(ctx, "epoch-000001"); err != nil {
		t.Error("a destruction that was broken off does not finish:", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "epoch-000001.wrapped")); !os.IsNotExist(err) {
		t.Error("the blob is still there")
	}
}

// A token that may not delete: the key is not destroyed, and nobody is told that it was.
func TestRefusedDeletion(t *testing.T) {
	s, url := server(t)
	s.Token("weak", false)
	dir := filepath.Join(t.TempDir(), "keys")
	k, err := secret.CreateWrapped(dir, client(t, Options{URL: url, Token: secret.Hide("weak")}))
	if err != nil {
		t.Fatal(err)
	}
	key, _ := secret.NewKey("epoch-000001", time.Now())
	if err := k.Put(ctx, key); err != nil {
		t.Fatal(err)
	}
	if err := k.Destroy(ctx, "epoch-000001"); err == nil || !strings.Contains(err.Error(), "403") {
		t.Error(err)
	}
	if got, err := k.Get(ctx, "epoch-000001"); err != nil || !got.Same(key) {
		t.Error("gone all the same:", err)
	}
}

// What is not Vault's word for a deleted key is never taken for one.
func TestNeverMistaken(t *testing.T) {
	s, url := server(t)
	c := client(t, Options{URL: url})
	blob, err := c.Wrap(ctx, "link", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := c.Unwrap(ctx, "link", blob); err != nil || string(b) != "plain" {
		t.Fatal("control:", err)
	}
	wrong := map[string]struct {
		c    *Client
		name string
		blob string
	}{
		"mount":   {client(t, Options{URL: url, Mount: "other"}), "link", blob},
		"token":   {client(t, Options{URL: url, Token: secret.Hide("none")}), "link", blob},
		"name":    {c, "shop", blob},
		"changed": {c, "link", blob[:len(blob)-6] + "AAAAAA"},
		"version": {c, "link", strings.Replace(blob, "vault:v1", "vault:v7", 1)},
		"form":    {c, "link", "vault:v1:x"},
		"path":    {c, "link", "../../sys/seal!vault:v1:x"},
	}
	for what, w := range wrong {
		if _, err := w.c.Unwrap(ctx, w.name, w.blob); err == nil || errors.Is(err, secret.ErrNoKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
	s.Seal(true)
	if err := c.Discard(ctx, "link", blob); err == nil {
		t.Error("discarded at a sealed Vault")
	}
	s.Seal(false)
	for range 2 {
		if err := c.Discard(ctx, "link", blob); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.Unwrap(ctx, "link", blob); !errors.Is(err, secret.ErrNoKey) {
		t.Error("a deleted key:", err)
	}
	for _, call := range s.Calls() {
		if strings.Contains(call, "sys/") {
			t.Error("a blob led the program to", call)
		}
	}
}

// The token of a file is read again, so that an agent can renew it; it stands in no error.
func TestTokenFile(t *testing.T) {
	s, url := server(t)
	file := filepath.Join(t.TempDir(), "token")
	os.WriteFile(file, []byte("hvs.FIRSTTOKEN\n"), 0o600)
	c := client(t, Options{URL: url, TokenFile: file})
	_, err := c.Wrap(ctx, "link", []byte("x"))
	if err == nil || strings.Contains(err.Error(), "FIRSTTOKEN") {
		t.Fatal(err)
	}
	s.Token("second", true)
	os.WriteFile(file, []byte("second"), 0o600)
	if _, err := c.Wrap(ctx, "link", []byte("x")); err != nil {
		t.Error(err)
	}
	os.Remove(file)
	if _, err := c.Wrap(ctx, "link", []byte("x")); err == nil {
		t.Error("without a token")
	}
	for _, bad := range []Options{{URL: "vault.example"}, {URL: "https://u:p@vault.example"}, {URL: url, Mount: "a/../sys"}, {URL: url, Prefix: "a/b"}, {URL: url, CA: file}} {
		if _, err := New(bad); err == nil {
			t.Errorf("took %+v", bad)
		}
	}
}
