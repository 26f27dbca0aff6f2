package secret_test

import (
	"testing"

	"kassavalv/internal/secret"
	"kassavalv/internal/secret/keepertest"
)

func TestFileKeeper(t *testing.T) {
	keepertest.Run(t, func(t *testing.T, dir string) secret.Keeper {
		k, err := secret.CreateFiles(dir)
		if err != nil {
			t.Fatal(err)
		}
		return k
	})
}
