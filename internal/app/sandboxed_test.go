package app

import (
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kassavalv/internal/secret"
)

// Whatever a shop is configured with, a clone of it reaches nobody: each key is filled, and
// only those that tell where a shop stands and how it counts come along.
func TestSandboxedReachesNobody(t *testing.T) {
	var full Config
	eachKey(reflect.ValueOf(&full).Elem(), func(section, key string, f reflect.Value) {
		switch f.Interface().(type) {
		case string:
			f.SetString(section + "." + key)
		case int:
			f.SetInt(7)
		case bool:
			f.SetBool(true)
		case []string:
			f.Set(reflect.ValueOf([]string{section}))
		case secret.Secret:
			f.Set(reflect.ValueOf(secret.Hide(key)))
		}
	})
	c := sandboxed(full)
	if !c.Payments.Test || c.Keys.Keeper != "file" {
		t.Errorf("%v %s", c.Payments.Test, c.Keys.Keeper)
	}
	stays := []string{"http", "tls", "ops", "log", "limits", "books"}
	var kept []string
	eachKey(reflect.ValueOf(&c).Elem(), func(section, key string, f reflect.Value) {
		if name := section + "." + key; !f.IsZero() && !slices.Contains(stays, section) {
			kept = append(kept, name)
		}
	})
	if got := strings.Join(kept, " "); got != "payments.test klarna.payout_days keys.keeper audit.readings_days" {
		t.Errorf("comes along: %s", got)
	}
	// A full set of partners, and none of them is there.
	a, err := open(t.Context(), t.TempDir(), full, slog.New(slog.NewTextHandler(io.Discard, nil)), openOptions{create: true, sandbox: true})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(t.Context())
	if a.live() || a.stream != nil || len(a.Config.Copies.Sites) > 0 {
		t.Errorf("live: %v, copies: %v", a.live(), a.Config.Copies.Sites)
	}
	if ways, err := a.providers(); err != nil || len(ways) != 0 {
		t.Errorf("%d ways to pay besides the sandbox bank: %v", len(ways), err)
	}
}
