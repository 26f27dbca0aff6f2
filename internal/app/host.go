package app

import (
	"fmt"
	"net/url"
	"strings"
)

// hostOf is the host name of an https address.
func hostOf(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return "", fmt.Errorf("%q is not https://host", s)
	}
	return u.Hostname(), nil
}

// officeOf is the origin of the back office: on the host name given, with the port of
// the shop; "" when no name is given.
func officeOf(origin, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	u, err := url.Parse(origin)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(name, ":/@ ") || strings.EqualFold(name, u.Hostname()) {
		return "", &configError{ConfigFile, "http.admin_host", "is a bare host name other than the shop's, such as kontor.shop.example"}
	}
	out := "https://" + strings.ToLower(name)
	if p := u.Port(); p != "" {
		out += ":" + p
	}
	return out, nil
}

// officeOrigin is where the back office answers.
func (a *App) officeOrigin() string {
	if a.apart != "" {
		return a.apart
	}
	return a.Origin
}
