package fetch

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestPublic(t *testing.T) {
	for s, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "193.10.0.1": true, "100.63.255.255": true, "100.128.0.1": true,
		"172.15.0.1": true, "172.32.0.1": true, "223.255.255.254": true,
		"2001:4860:4860::8888": true, "2a00:1450::1": true, "2620:0:2d0::1": true,

		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "127.0.0.1": false, "127.255.255.254": false,
		"169.254.169.254": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false,
		"100.64.0.1": false, "100.100.100.200": false, "100.127.255.255": false, "192.0.0.192": false,
		"192.0.2.1": false, "192.88.99.1": false, "198.18.0.1": false, "198.19.255.255": false,
		"198.51.100.7": false, "203.0.113.7": false, "224.0.0.1": false, "239.255.255.255": false,
		"240.0.0.1": false, "255.255.255.255": false, "168.63.129.16": false,

		"::": false, "::1": false, "::ffff:8.8.8.8": false, "::ffff:127.0.0.1": false, "::8.8.8.8": false,
		"64:ff9b::8.8.8.8": false, "64:ff9b:1::1": false, "100::1": false, "fe80::1": false, "fe80::1%eth0": false,
		"2a00:1450::1%eth0": false, "fec0::1": false, "fc00::1": false, "fd00:ec2::254": false, "ff02::1": false,
		"2001::1": false, "2001:db8::1": false, "2001:10::1": false, "2002:7f00:1::": false, "3fff::1": false,
		"4000::1": false, "5f00::1": false,
	} {
		if got := Public(netip.MustParseAddr(s)); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("the zero address")
	}
}

// The standard library's own classes, as a twin that was not made by us.
func TestPublicAgreesWithNetip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{4, 16}).Draw(t, "len")
		b := rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "bytes")
		if n == 16 && rapid.Bool().Draw(t, "mapped") {
			copy(b, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})
		}
		a, _ := netip.AddrFromSlice(b)
		if Public(a) && (!a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.Is4In6()) {
			t.Fatalf("%s passes", a)
		}
	})
}

func TestParseAddress(t *testing.T) {
	for _, s := range []string{"http://example.com", "https://example.com:8443/a?b=c#d", "http://[2a00:1450::1]/",
		"https://xn--rksmrgs-5wao1o.se/", "https://räksmörgås.se/å.jpg", "http://10.0.0.1/", "http://example.com:/"} {
		if _, err := ParseAddress(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{"", "example.com", "//example.com", "file:///etc/passwd", "gopher://x/", "unix:/run/x", "ftp://x/",
		"javascript:alert(1)", "data:,x", "http:", "http://", "http:/x", "http:example.com", "http://user@example.com/", "http://a:b@example.com",
		"http://example.com:0/", "http://example.com:99999/", "http://example.com:80a/", "http://2130706433/", "http://0x7f000001/",
		"http://0x7f.1/", "http://127.1/", "http://0177.0.0.1/", "http://127.0.0.1./", "http://[fe80::1%25eth0]/", "http://a b/",
		"http://exa\nmple.com/", "http://example.com\\@inside/", "http://./", "http://a\u2028b/"} {
		if u, err := ParseAddress(s); Code(err) != BadAddress {
			t.Errorf("%q: %v %v", s, u, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"http://example.com", "http://127.1/", "https://[::1]:80/x?y#z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseAddress(s)
		if err != nil {
			if Code(err) != BadAddress {
				t.Fatal(err)
			}
			return
		}
		// What was accepted reads as the same address again.
		again, err := ParseAddress(u.String())
		if err != nil || again.Host != u.Host || again.Scheme != u.Scheme {
			t.Fatalf("%q -> %q: %v", s, u, err)
		}
	})
}
