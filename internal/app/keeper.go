package app

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"kassavalv/internal/secret"
	"kassavalv/internal/secret/gcpkms"
	"kassavalv/internal/secret/kms"
	"kassavalv/internal/secret/transit"
)

// keyFolder is where the keys, or what a key service has wrapped of them, lie.
func keyFolder(dir string, cfg Config) string {
	if d := cfg.Keys.Dir; d != "" {
		if filepath.IsAbs(d) {
			return d
		}
		return filepath.Join(dir, d)
	}
	return filepath.Join(dir, KeyFolder)
}

// openKeeper opens what keys.keeper names, without asking anything of a service.
func openKeeper(ctx context.Context, dir string, cfg Config, create bool) (secret.Keeper, error) {
	k := cfg.Keys
	folder := keyFolder(dir, cfg)
	var w secret.Wrapper
	var err error
	switch k.Keeper {
	case "env":
		text, where := k.Lines.Reveal(), envPrefix+"KEYS_LINES"
		if k.LinesFile != "" {
			b, err := os.ReadFile(k.LinesFile)
			if err != nil {
				return nil, fmt.Errorf("the keys are wanted from keys.lines_file: %w", err)
			}
			text, where = string(b), k.LinesFile
		}
		return secret.EnvKeeper(text, where)
	case "transit":
		w, err = transit.New(transit.Options{URL: k.TransitURL, Mount: k.TransitMount, Prefix: k.TransitPrefix, Namespace: k.TransitNamespace, Token: k.TransitToken, TokenFile: k.TransitTokenFile, CA: k.TransitCA})
	case "kms":
		w, err = kms.New(ctx, kms.Options{Key: k.KMSKey, Region: k.KMSRegion, Endpoint: k.KMSEndpoint})
	case "gcp":
		w, err = gcpkms.New(gcpkms.Options{Key: k.GCPKey, Credentials: k.GCPCredentialsFile, Endpoint: k.GCPEndpoint})
	default:
		if err := onlyKind(folder, "wrapped", `the keys in %s are wrapped by a key service: keys.keeper must be "transit", "kms" or "gcp"`); err != nil {
			return nil, err
		}
		if create {
			return secret.CreateFiles(folder)
		}
		return secret.OpenFiles(folder)
	}
	if err != nil {
		return nil, err
	}
	if create {
		return secret.CreateWrapped(folder, w)
	}
	return secret.OpenWrapped(folder, w)
}

// onlyKind refuses a folder that holds keys of another kind than the configuration says.
func onlyKind(folder, suffix, says string) error {
	if m, _ := filepath.Glob(filepath.Join(folder, "*."+suffix)); len(m) > 0 {
		return fmt.Errorf(says, folder)
	}
	return nil
}

// wrapped reports a keeper that has its keys wrapped by a key service.
func (c Config) wrapped() bool {
	return c.Keys.Keeper == "transit" || c.Keys.Keeper == "kms" || c.Keys.Keeper == "gcp"
}

// plainKeys refuses keys in the clear beside a key service's.
func plainKeys(dir string, cfg Config) error {
	if !cfg.wrapped() {
		return nil
	}
	return onlyKind(keyFolder(dir, cfg), "key", "there are keys in plain files in %s, but keys.keeper names a key service: move them into it with: kassavalv keys import")
}

// grace is how long the shop goes on while its keeper is away.
func (c Config) grace() time.Duration {
	if d, err := time.ParseDuration(c.Keys.Grace); err == nil {
		return d
	}
	return secret.DefaultGrace
}

// watchKeys is how often the keeper is asked whether it is there.
func (a *App) watchKeys() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("KASSAVALV_TEST_KEYS_WATCH")); err == nil {
		return d
	}
	return min(time.Minute, a.Config.grace()/4)
}

// checkKeys refuses combinations that cannot be meant, by the key that is wrong.
func (c *Config) checkKeys(bad func(key, what string) error) error {
	k := &c.Keys
	if k.Keeper == "" {
		k.Keeper = "file"
	}
	given := map[string]map[string]bool{
		"env":     {"keys.lines": !k.Lines.IsZero(), "keys.lines_file": k.LinesFile != ""},
		"transit": {"keys.transit_url": k.TransitURL != "", "keys.transit_mount": k.TransitMount != "", "keys.transit_prefix": k.TransitPrefix != "", "keys.transit_namespace": k.TransitNamespace != "", "keys.transit_token": !k.TransitToken.IsZero(), "keys.transit_token_file": k.TransitTokenFile != "", "keys.transit_ca": k.TransitCA != ""},
		"kms":     {"keys.kms_key": k.KMSKey != "", "keys.kms_region": k.KMSRegion != "", "keys.kms_endpoint": k.KMSEndpoint != ""},
		"gcp":     {"keys.gcp_key": k.GCPKey != "", "keys.gcp_credentials_file": k.GCPCredentialsFile != "", "keys.gcp_endpoint": k.GCPEndpoint != ""},
	}
	switch k.Keeper {
	case "file", "env", "transit", "kms", "gcp":
	default:
		return bad("keys.keeper", `must be "file", "env", "transit", "kms" or "gcp"`)
	}
	for _, keeper := range []string{"env", "transit", "kms", "gcp"} {
		for _, key := range configKeys() { // in order, so that the first named is always the same
			if keeper != k.Keeper && given[keeper][key] {
				return bad(key, fmt.Sprintf("goes with keys.keeper = %q, and keys.keeper is %q", keeper, k.Keeper))
			}
		}
	}
	if k.Dir != "" && k.Keeper == "env" {
		return bad("keys.dir", `goes with a keeper that has a folder, and keys.keeper is "env"`)
	}
	if d, err := time.ParseDuration(k.Grace); k.Grace != "" && (err != nil || d < time.Second || d > 35*24*time.Hour) {
		return bad("keys.grace", `must be a time from "1s" to "840h"`)
	}
	if c.Books.YearEnd < 0 || c.Books.YearEnd > 12 {
		return bad("books.year_end", "must be a month from 1 to 12")
	}
	switch k.Keeper {
	case "env":
		if k.Lines.IsZero() == (k.LinesFile == "") {
			return bad("keys.lines", `with keys.keeper = "env", exactly one of keys.lines and keys.lines_file is needed`)
		}
	case "transit":
		if err := secure(k.TransitURL); err != nil {
			return bad("keys.transit_url", err.Error())
		}
		if k.TransitToken.IsZero() == (k.TransitTokenFile == "") {
			return bad("keys.transit_token", `with keys.keeper = "transit", exactly one of keys.transit_token and keys.transit_token_file is needed`)
		}
	case "kms":
		if k.KMSKey == "" {
			return bad("keys.kms_key", "is needed: id, ARN or alias/NAME of the KMS key")
		}
		if k.KMSEndpoint != "" {
			if err := secure(k.KMSEndpoint); err != nil {
				return bad("keys.kms_endpoint", err.Error())
			}
		}
	case "gcp":
		if _, err := gcpkms.New(gcpkms.Options{Key: k.GCPKey}); err != nil {
			return bad("keys.gcp_key", "must be projects/PROJECT/locations/PLACE/keyRings/RING/cryptoKeys/KEY")
		}
		if k.GCPCredentialsFile == "" {
			return bad("keys.gcp_credentials_file", "is needed: the file with the key of a service account")
		}
		if k.GCPEndpoint != "" {
			if err := secure(k.GCPEndpoint); err != nil {
				return bad("keys.gcp_endpoint", err.Error())
			}
		}
	}
	return nil
}

// secure wants https, or this machine.
func secure(address string) error {
	u, err := url.Parse(address)
	if err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" {
		if u.Scheme == "https" {
			return nil
		}
		if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && ip != nil && ip.IsLoopback() {
			return nil
		}
	}
	return fmt.Errorf("must be https://host (http only for an address of this machine)")
}
