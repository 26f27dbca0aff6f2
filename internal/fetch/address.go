package fetch

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const maxAddress = 2048

// ParseAddress reads an address that is to be fetched later and judges its
// text: http or https, a host, no user, no control characters, at most 2,048
// bytes, no number written in a way that only some programs read as an IP
// address. It says nothing about what is behind it. *Error with BadAddress
// otherwise.
func ParseAddress(s string) (*url.URL, error) {
	bad := func(why string) (*url.URL, error) { return nil, &Error{BadAddress, errors.New(why)} }
	if s == "" || len(s) > maxAddress {
		return bad("length")
	}
	for _, r := range s {
		if r <= ' ' || r == 0x7f || r == '\\' || r == 0xfffd || r == 0x2028 || r == 0x2029 {
			return bad("character")
		}
	}
	u, err := url.Parse(s)
	if err != nil {
		return bad("syntax")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return bad("scheme")
	}
	host := u.Hostname()
	if host == "" || u.Opaque != "" || u.User != nil {
		return bad("host")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return bad("port")
		}
	} else if strings.HasSuffix(u.Host, ":") {
		u.Host = strings.TrimSuffix(u.Host, ":")
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" {
			return bad("zone")
		}
	} else if numeric(host) {
		return bad("number as host")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// numeric reports whether the last label is a number, decimal, octal or hex:
// "2130706433", "0x7f.1", "127.1".
func numeric(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" {
		return true
	}
	if h, ok := strings.CutPrefix(strings.ToLower(last), "0x"); ok {
		return strings.Trim(h, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}
