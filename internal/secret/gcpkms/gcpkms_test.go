package gcpkms

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kassavalv/internal/secret"
	"kassavalv/internal/secret/gcpkms/gcpkmssim"
	"kassavalv/internal/secret/keepertest"
)

func start(t *testing.T) (*gcpkmssim.Server, Options) {
	t.Helper()
	s := gcpkmssim.New(t)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, Options{Key: gcpkmssim.Key, Endpoint: h.URL, Credentials: s.Credentials(t, h.URL)}
}

func client(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestKeeper(t *testing.T) {
	s, o := start(t)
	fresh := func(t *testing.T, dir string) secret.Keeper {
		k, err := secret.CreateWrapped(dir, client(t, o))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	keepertest.Run(t, fresh)
	keepertest.RunWrapped(t, fresh, func(t *testing.T) func() {
		s.Shut(true)
		return func() { s.Shut(false) }
	})
}

// The name is bound by KMS itself; what can be undone is never taken for a destroyed key; what is changed on the way is
// noticed; a token that is not taken any more is replaced, and no refusal says the token or the key of the account.
func TestBoundAndNeverMistaken(t *testing.T) {
	ctx := context.Background()
	s, o := start(t)
	c := client(t, o)
	blob, err := c.Wrap(ctx, "epoch-000001", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	opens := func(what string, c *Client, name string, want string) {
		t.Helper()
		b, err := c.Unwrap(ctx, name, blob)
		switch {
		case want == "" && (err != nil || string(b) != "plain"):
			t.Errorf("%s: %q %v", what, b, err)
		case want != "" && (err == nil || errors.Is(err, secret.ErrNoKey) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "ya29.") || strings.Contains(err.Error(), "PRIVATE")):
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	opens("its name", c, "epoch-000001", "")
	opens("another name", c, "epoch-000002", "INVALID_ARGUMENT")
	other := o
	other.Key = strings.Replace(o.Key, "butik", "annan", 1)
	opens("another key", client(t, other), "epoch-000001", "NOT_FOUND")
	for _, state := range []string{"DISABLED", "DESTROY_SCHEDULED", "DESTROYED"} {
		s.State(state)
		opens(state, c, "epoch-000001", state)
	}
	s.State("ENABLED")
	s.Deny(true)
	opens("without the right", c, "epoch-000001", "PERMISSION_DENIED")
	s.Deny(false)
	s.Garble(true)
	opens("a changed answer", c, "epoch-000001", "checksums")
	if _, err := c.Wrap(ctx, "link", []byte("plain")); !errors.Is(err, errSum) {
		t.Error("a changed blob is kept:", err)
	}
	s.Garble(false)
	given := s.Given()
	opens("a living token", c, "epoch-000001", "")
	s.Forget()
	opens("a token that is not taken any more", c, "epoch-000001", "")
	if n := s.Given() - given; n != 1 {
		t.Errorf("%d tokens were asked for, not 1", n)
	}
	// Another account's key, and files that are none.
	strange := gcpkmssim.New(t)
	bad := o
	bad.Credentials = strange.Credentials(t, o.Endpoint)
	opens("a key that Google does not know", client(t, bad), "epoch-000001", "invalid_grant")
	bad.Credentials = filepath.Join(t.TempDir(), "none")
	opens("no file", client(t, bad), "epoch-000001", "keys.gcp_credentials_file")
	if err := os.WriteFile(bad.Credentials, []byte(`{"type":"authorized_user"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	opens("a person's credentials", client(t, bad), "epoch-000001", "no key of a service account")
	opens("the control", c, "epoch-000001", "")
	for _, key := range []string{"", "alias/x", o.Key + "/cryptoKeyVersions/1", "projects/p/locations/l/keyRings/r/cryptoKeys/a b"} {
		if _, err := New(Options{Key: key}); err == nil {
			t.Errorf("%q is taken for a key", key)
		}
	}
}
