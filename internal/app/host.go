package app

import (
	"fmt"
	"net/url"
)

// hostOf is the host name of an https address.
func hostOf(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return "", fmt.Errorf("%q is not https://host", s)
	}
	return u.Hostname(), nil
}
