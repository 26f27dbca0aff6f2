package web

import (
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks whose word about the client is believed. The zero
// value believes nobody: the client is the peer.
type Proxies []netip.Prefix

// Loopback is what the demo trusts, as if a proxy stood on the same machine.
var Loopback = Proxies{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// Trust reports whether the address is one of the proxies.
func (p Proxies) Trust(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, n := range p {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// maxHops is how much of X-Forwarded-For is read, from the right.
const maxHops = 16

// Client is the address a request comes from: the peer, or, when the peer is a
// configured proxy, the rightmost hop of X-Forwarded-For that is not one. Where the
// header holds something that is no address, the hop that wrote it is the client.
// X-Real-IP, Forwarded and the like are never read.
func (p Proxies) Client(r *http.Request) netip.Addr {
	client := peer(r)
	if len(p) == 0 || !p.Trust(client) {
		return client
	}
	lines := r.Header["X-Forwarded-For"]
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for rest != "" {
			var hop string
			if j := strings.LastIndexByte(rest, ','); j >= 0 {
				rest, hop = rest[:j], rest[j+1:]
			} else {
				rest, hop = "", rest
			}
			if hops++; hops > maxHops {
				return client
			}
			a, err := netip.ParseAddr(strings.Trim(hop, " \t"))
			if err != nil {
				return client
			}
			client = a.Unmap().WithZone("")
			if !p.Trust(client) {
				return client
			}
		}
	}
	return client
}

func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// LogPrefix is what a log or an audit row may hold of an address: the /24 of an
// IPv4 address, the /48 of an IPv6 address; "-" when it is unknown.
func LogPrefix(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return "-"
	}
	return p.String()
}
