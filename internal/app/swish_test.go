package app

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
	"kassavalv/internal/shop/payment/paytest/swishsim"
)

// Swish is off without settings, on with all of them, and half of them refuse the start
// with the key that is missing.
func TestSwishSettings(t *testing.T) {
	sim, err := swishsim.New(swishsim.Options{Payee: "1231181189"})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	f, err := sim.Issue(t.TempDir(), "1231181189", time.Now().AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	vault := secrettest.Vault(t, dbtest.SQLite(t, []db.Migrations{secret.Migrations}))
	const env = "KASSAVALV_SWISH_"
	whole := []string{env + "PAYEE=1231181189", env + "CERT=" + f.Cert, env + "KEY=" + f.Key, env + "CA=" + f.CA, env + "BASE_URL=" + sim.URL(), "KASSAVALV_PAYMENTS_TEST=true"}
	for name, c := range map[string]struct {
		env  []string
		want string // the key that is named; empty: none
		on   bool
	}{
		"nothing":            {nil, "", false},
		"all":                {whole, "", true},
		"a number alone":     {whole[:1], "swish.cert", false},
		"no key":             {whole[:2], "swish.key", false},
		"no number":          {whole[1:], "swish.payee", false},
		"an authority alone": {whole[3:4], "swish.payee", false},
		"real money":         {whole[:5], "swish.base_url", false},
		"a test certificate": {whole[:4], "swish.cert", false},
	} {
		dir := t.TempDir()
		if name == "all" {
			// The file is a way to give them as good as any.
			text := "[payments]\ntest = true\n[swish]\npayee = \"1231181189\"\ncert = \"" + f.Cert + "\"\nkey = \"" + f.Key + "\"\nca = \"" + f.CA + "\"\nbase_url = \"" + sim.URL() + "\"\n"
			if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c.env = nil
		}
		cfg, err := LoadConfig(dir, c.env)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p, err := (&App{Config: cfg, Vault: vault, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}).swish()
		var ce *configError
		switch {
		case c.want == "" && (err != nil || (p != nil) != c.on):
			t.Errorf("%s: %v, %v", name, p, err)
		case c.want != "" && (!errors.As(err, &ce) || ce.key != c.want):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
