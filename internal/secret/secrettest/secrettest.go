// Package secrettest gives tests a vault with keys of its own.
package secrettest

import (
	"context"
	"path/filepath"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// Vault makes keys in a temporary directory, binds d to them and opens the
// vault. d must hold secret.Migrations.
func Vault(t testing.TB, d *db.DB) *secret.Vault {
	t.Helper()
	k, err := secret.CreateFiles(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := secret.Init(ctx, d, k); err != nil {
		t.Fatal(err)
	}
	v, err := secret.Open(ctx, d, k)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
