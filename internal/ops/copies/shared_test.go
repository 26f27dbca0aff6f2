package copies

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

func TestShared(t *testing.T) {
	look := Look{
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			switch host {
			case "a.example":
				return []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("2001:db8:1::10")}, nil
			case "b.example":
				return []netip.Addr{netip.MustParseAddr("192.0.2.200")}, nil
			case "c.example":
				return []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:1:ffff::1")}, nil
			case "alias.example":
				return []netip.Addr{netip.MustParseAddr("198.51.100.1")}, nil
			case "far.example":
				return []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("2001:db8:2::1")}, nil
			}
			return nil, errors.New("no such host")
		},
		Disk: func(path string) (string, error) {
			if path == "/mnt/nas" {
				return "2", nil
			}
			return "1", nil
		},
	}
	site := func(name, kind, address, provider, credential string) Place {
		return Place{Kind: kind, Name: name, Address: address, Provider: provider, Credential: credential}
	}
	shop := Self("shop", "/var/lib/kassavalv")
	look.Here = func(a netip.Addr) bool { return a == netip.MustParseAddr("192.0.2.200") || a.IsLoopback() }
	for name, c := range map[string]struct {
		places []Place
		want   []string
	}{
		"apart": {[]Place{shop, site("nas", "dir", "/mnt/nas", "own", ""), site("a", "s3", "a.example/bucket/shop", "Glesys", "11"), site("far", "sftp", "kv@far.example:22/copies", "Friend", "22"), site("x", "s3", "gone.example/b", "", "")}, nil},
		"provider": {[]Place{site("a", "s3", "a.example/b", "Glesys", "1"), site("far", "s3", "far.example/b", " glesys", "2")},
			[]string{"a far provider Glesys"}},
		"network": {[]Place{site("a", "s3", "a.example:9000/b", "x", "1"), site("b", "outpost", "b.example:8445", "y", "2")},
			[]string{"a b network 192.0.2.0/24"}},
		"network of the sixth": {[]Place{site("a", "s3", "a.example/b", "x", "1"), site("c", "sftp", "u@c.example:22/x", "y", "2")},
			[]string{"a c network 2001:db8:1::/48"}},
		"machine by name": {[]Place{site("a", "s3", "A.example./b", "x", "1"), site("b", "sftp", "u@a.example:22/x", "y", "2")},
			[]string{"a b machine a.example"}},
		"machine by address": {[]Place{site("c", "s3", "c.example/b", "x", "1"), site("d", "outpost", "alias.example:8445", "y", "2")},
			[]string{"c d machine 198.51.100.1/32"}},
		"addresses": {[]Place{site("a", "sftp", "u@192.0.2.7:22/x", "x", "1"), site("b", "outpost", "192.0.2.8:8445", "y", "2")},
			[]string{"a b network 192.0.2.0/24"}},
		"credential": {[]Place{site("a", "s3", "a.example/b", "x", "1"), site("far", "s3", "far.example/b", "y", "1")},
			[]string{"a far credential "}},
		"disk": {[]Place{shop, site("disk", "dir", "/srv/copies", "", "")},
			[]string{"shop disk disk /var/lib/kassavalv"}},
		"the shop's machine by name": {[]Place{shop, site("b", "s3", "b.example/bucket", "", "")},
			[]string{"shop b machine b.example"}},
		"the shop's machine by address": {[]Place{site("s", "sftp", "u@127.0.0.1:2222/x", "", ""), shop, site("nas", "dir", "/mnt/nas", "", "")},
			[]string{"s shop machine 127.0.0.1"}},
	} {
		var got []string
		for _, w := range Shared(context.Background(), c.places, look) {
			got = append(got, fmt.Sprint(w.A, " ", w.B, " ", w.What, " ", w.Shared))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
