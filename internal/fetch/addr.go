package fetch

import (
	"net"
	"net/netip"
)

func prefixes(ss ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(ss))
	for i, s := range ss {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// inside4 are the IPv4 networks that are not the public internet: the IANA
// special-purpose registry (RFC 6890 and successors), multicast, the reserved
// block, and one public address that a cloud host answers with machine secrets.
var inside4 = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32",
)

// public6 is all that IANA gives out as global unicast; everything else
// (loopback, unique local, link-local, multicast, v4-mapped, NAT64) is refused
// by not being in it.
var public6 = netip.MustParsePrefix("2000::/3")

// inside6 are the exceptions within public6: protocol assignments with Teredo,
// documentation, 6to4 and AS112.
var inside6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")

// Public reports whether a is an address of the public internet. IPv4 written
// as IPv6 and addresses with a zone are not.
func Public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	if a.Is4() {
		return !within(a, inside4)
	}
	return public6.Contains(a) && !within(a, inside6)
}

func within(a netip.Addr, ps []netip.Prefix) bool {
	for _, p := range ps {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// ownAddress reports whether a service that trusts its own host would be reached through us.
func ownAddress(a netip.Addr) bool {
	own, err := Own(a)
	return own || err != nil // cannot tell: refuse
}

// Own reports whether a is an address of one of this machine's interfaces.
func Own(a netip.Addr) (bool, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false, err
	}
	for _, x := range addrs {
		n, ok := x.(*net.IPNet)
		if !ok {
			continue
		}
		if own, ok := netip.AddrFromSlice(n.IP); ok && own.Unmap() == a.Unmap() {
			return true, nil
		}
	}
	return false, nil
}
