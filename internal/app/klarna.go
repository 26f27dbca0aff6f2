package app

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"kassavalv/internal/shop/payment/klarna"
)

// checkKlarna refuses a [klarna] section that cannot be meant.
func (c *Config) checkKlarna(bad func(key, what string) error) error {
	k := c.Klarna
	switch {
	case k.Username == "" && k.Password.Reveal() != "":
		return bad("klarna.username", "must be the user name that belongs to klarna.password, from Klarna's merchant portal")
	case k.Username != "" && k.Password.Reveal() == "":
		return bad("klarna.password", "must be the API password that belongs to klarna.username, from Klarna's merchant portal")
	case strings.ContainsAny(k.Username, ":\r\n"):
		return bad("klarna.username", "must be a user name as Klarna's merchant portal shows it")
	case k.Region != "" && !slices.Contains(klarna.Regions(), k.Region):
		return bad("klarna.region", `must be "`+strings.Join(klarna.Regions(), `" or "`)+`"`)
	case k.Capture != "" && k.Capture != "ship" && k.Capture != "placed":
		return bad("klarna.capture", `must be "ship" (the money is taken as goods leave) or "placed" (at once)`)
	case k.PayoutDays < 0 || k.PayoutDays > 60:
		return bad("klarna.payout_days", "must be the number of days, 0 to 60, within which a capture is paid out by your agreement with Klarna")
	case k.BaseURL != "" && !loopback(k.BaseURL):
		return bad("klarna.base_url", "is for tests alone and must be an address of this machine, such as http://127.0.0.1:9000; leave it out to speak with Klarna")
	}
	return nil
}

// loopback reports whether s is the address of a server on this machine.
func loopback(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Path != "" && u.Path != "/" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// klarna is the way to pay, nil when it is not configured. Credentials of one mode in a
// shop of the other refuse the start: they would be refused at the first purchase, or
// move real money in a shop that is being tried out.
func (a *App) klarna() (*klarna.Provider, error) {
	k := a.Config.Klarna
	if k.Username == "" {
		return nil, nil
	}
	bad := func(key, what string) error { return &configError{ConfigFile, key, what} }
	switch mode := klarna.Belongs(k.Username, k.Password.Reveal()); {
	case a.live() && k.BaseURL != "":
		return nil, bad("klarna.base_url", "is for tests alone; a shop that takes real money speaks with Klarna itself")
	case a.live() && mode == "test":
		return nil, bad("klarna.password", "is for Klarna's playground, and this shop takes real money; set production credentials, or payments.test while you try the shop out")
	case !a.live() && mode == "live":
		return nil, bad("klarna.password", "is for production, and this shop is being tried out (payments.test); set credentials of Klarna's playground")
	}
	return klarna.New(klarna.Config{Username: k.Username, Password: k.Password, Region: or(k.Region, "eu"), Live: a.live(), AtOnce: k.Capture == "placed", PayoutDays: k.PayoutDays, Base: k.BaseURL}), nil
}
