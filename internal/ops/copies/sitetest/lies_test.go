package sitetest_test

import (
	"testing"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/dir"
	"kassavalv/internal/ops/copies/sitetest"
)

func TestLiesAreFound(t *testing.T) {
	sitetest.Lies(t, func(t *testing.T) copies.Site {
		s, err := dir.Open(t.TempDir(), dir.Options{Name: "truth", SetUp: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
