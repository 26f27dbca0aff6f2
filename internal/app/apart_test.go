package app

import (
	"net/netip"
	"testing"

	"kassavalv/internal/ops/copies"
)

// What is remembered of places is not said of others; a folder on the shop's disk and a server on
// its machine are not apart from it.
func TestApartness(t *testing.T) {
	var p apartness
	self := copies.Self("", t.TempDir())
	if w := p.of(t.Context(), []copies.Place{self}); len(w) != 0 {
		t.Errorf("the shop alone: %+v", w)
	}
	for _, x := range []struct {
		site copies.Place
		what string
	}{
		{copies.Place{Kind: "dir", Name: "a", Address: t.TempDir()}, "disk"},
		{copies.Place{Kind: "s3", Name: "b", Address: "127.0.0.1:9000/bucket"}, "machine"},
		{copies.Place{Kind: "sftp", Name: "c", Address: "u@[::1]:2222/x"}, "machine"},
		{copies.Place{Kind: "outpost", Name: "d", Address: "192.0.2.1:8445"}, ""},
	} {
		for range 2 {
			w := p.of(t.Context(), []copies.Place{self, x.site})
			if x.what == "" && len(w) == 0 || len(w) == 1 && w[0].A == "" && w[0].B == x.site.Name && w[0].What == x.what {
				continue
			}
			t.Errorf("%s: %+v, want %q", x.site.Address, w, x.what)
		}
	}
	if here(netip.MustParseAddr("192.0.2.1")) {
		t.Error("an address of nobody is here")
	}
}
