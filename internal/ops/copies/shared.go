package copies

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Warning says that two sites are not two places.
type Warning struct {
	A, B   string // their names
	What   string // provider, machine, network, disk or credential
	Shared string // what they share; empty for a credential
}

// The kind of the place that the shop itself is.
const shopKind = "shop"

// Self is the place of the shop whose data lies in dir, under a name for warnings.
func Self(name, dir string) Place { return Place{Kind: shopKind, Name: name, Address: dir} }

// Look asks the world about places. A nil function asks nobody.
type Look struct {
	Here    func(netip.Addr) bool // whether an address is one of the shop's own machine
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	Disk    func(path string) (string, error) // identity of the disk that a folder lies on
}

// Shared finds what sites share that should be apart: one provider, one machine or one
// network (the same first 24 bits of an IPv4 address, 48 of an IPv6 one), one disk, one
// credential. The shop's own machine may be among them (Self). What cannot be asked is not told.
func Shared(ctx context.Context, places []Place, look Look) (out []Warning) {
	all := make([]seen, len(places))
	for i, p := range places {
		all[i] = see(ctx, p, look)
	}
	for i := range all {
		for j := range i {
			out = append(out, all[j].and(all[i])...)
		}
	}
	return
}

type seen struct {
	p    Place
	host string
	at   []netip.Addr
	here bool
	disk string
}

func see(ctx context.Context, p Place, look Look) seen {
	s := seen{p: p}
	if p.Kind == "dir" || p.Kind == shopKind {
		if look.Disk != nil {
			s.disk, _ = look.Disk(p.Address)
		}
		return s
	}
	s.host = p.Address
	if _, rest, ok := strings.Cut(s.host, "@"); ok {
		s.host = rest
	}
	s.host, _, _ = strings.Cut(s.host, "/")
	if h, _, err := net.SplitHostPort(s.host); err == nil {
		s.host = h
	}
	s.host = strings.ToLower(strings.TrimSuffix(s.host, "."))
	if a, err := netip.ParseAddr(s.host); err == nil {
		s.at = []netip.Addr{a.Unmap()}
	} else if look.Resolve != nil {
		s.at, _ = look.Resolve(ctx, s.host)
	}
	s.here = look.Here != nil && slices.ContainsFunc(s.at, look.Here)
	return s
}

func (a seen) and(b seen) (out []Warning) {
	warn := func(what, shared string) { out = append(out, Warning{a.p.Name, b.p.Name, what, shared}) }
	same := func(x, y string) bool {
		return x != "" && strings.EqualFold(strings.TrimSpace(x), strings.TrimSpace(y))
	}
	if same(a.p.Provider, b.p.Provider) {
		warn("provider", strings.TrimSpace(a.p.Provider))
	}
	if a.disk != "" && a.disk == b.disk {
		warn("disk", a.p.Address)
	}
	shop, site := a, b
	if b.p.Kind == shopKind {
		shop, site = b, a
	}
	if shop.p.Kind == shopKind && site.here {
		warn("machine", site.host)
	} else if same(a.host, b.host) {
		warn("machine", a.host)
	} else if n, ok := network(a.at, b.at); ok {
		what := "network"
		if n.IsSingleIP() {
			what = "machine"
		}
		warn(what, n.String())
	}
	if a.p.Credential != "" && a.p.Credential == b.p.Credential {
		warn("credential", "")
	}
	return
}

// network is the narrowest that two machines share.
func network(a, b []netip.Addr) (best netip.Prefix, ok bool) {
	for _, x := range a {
		for _, y := range b {
			x, y := x.Unmap(), y.Unmap()
			bits := 24
			if x.Is6() {
				bits = 48
			}
			if x == y {
				return netip.PrefixFrom(x, x.BitLen()), true
			}
			if p, err := x.Prefix(bits); err == nil && p.Contains(y) {
				best, ok = p, true
			}
		}
	}
	return
}
