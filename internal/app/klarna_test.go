package app

import (
	"strings"
	"testing"

	"kassavalv/internal/secret"
)

// A shop that takes real money and one that is tried out do not mix up their credentials.
func TestKlarnaOfTheRightMode(t *testing.T) {
	for name, c := range map[string]struct {
		demo, test           bool
		user, password, base string
		want                 string
	}{
		"off":                {},
		"demo":               {demo: true, user: "PK1_a", password: "x", base: "http://127.0.0.1:9"},
		"trial":              {test: true, user: "uuid", password: "klarna_test_api_x"},
		"live":               {user: "K1_a", password: "klarna_live_api_x"},
		"unknown form":       {user: "someone", password: "x"},
		"test in live":       {user: "uuid", password: "klarna_test_api_x", want: "klarna.password"},
		"old test in live":   {user: "PK1_a", password: "x", want: "klarna.password"},
		"live in trial":      {test: true, user: "uuid", password: "klarna_live_api_x", want: "klarna.password"},
		"live in demo":       {demo: true, user: "K1_a", password: "x", want: "klarna.password"},
		"stand-in and money": {user: "K1_a", password: "x", base: "http://127.0.0.1:9", want: "klarna.base_url"},
	} {
		a := &App{demo: c.demo}
		a.Config.Payments.Test = c.test
		a.Config.Klarna.Username, a.Config.Klarna.Password, a.Config.Klarna.BaseURL = c.user, secret.Hide(c.password), c.base
		p, err := a.klarna()
		switch {
		case c.want == "" && (err != nil || (p == nil) != (c.user == "")):
			t.Errorf("%s: %v %v", name, p, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || p != nil):
			t.Errorf("%s: %v does not name %s", name, err, c.want)
		case err != nil && c.password != "" && len(c.password) > 1 && strings.Contains(err.Error(), c.password):
			t.Errorf("%s: the secret is told: %v", name, err)
		}
	}
}
