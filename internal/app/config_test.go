package app

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestConfigRefusesWithTheRightWords(t *testing.T) {
	for name, c := range map[string]struct{ file, env, want string }{
		"unknown key":                 {file: "[http]\npublic_urll = \"x\"\n", want: "public_urll"},
		"unknown env":                 {env: "KASSAVALV_HTTP_ADDRR=1", want: "KASSAVALV_HTTP_ADDRR"},
		"plain url":                   {file: "[http]\npublic_url = \"http://shop.example\"\n", want: "http.public_url"},
		"bad port":                    {env: "PORT=abc", want: "PORT"},
		"bad level":                   {env: "KASSAVALV_LOG_LEVEL=loud", want: "log.level"},
		"bad mode":                    {file: "[tls]\nmode = \"magic\"\n", want: "tls.mode"},
		"bad network":                 {file: "[http]\ntrusted_proxies = [\"nowhere\"]\n", want: "http.trusted_proxies"},
		"bad origin":                  {file: "[checkout]\nreturn_origins = [\"https://a.example/path\"]\n", want: "return_origins"},
		"not a database":              {env: "DATABASE_URL=mysql://x", want: "database.url"},
		"broken file":                 {file: "[http\n", want: "line"},
		"klarna, no password":         {env: "KASSAVALV_KLARNA_USERNAME=PK1_a", want: "klarna.password"},
		"klarna, no username":         {env: "KASSAVALV_KLARNA_PASSWORD=x", want: "klarna.username"},
		"klarna region":               {file: "[klarna]\nregion = \"mars\"\n", want: "klarna.region"},
		"klarna capture":              {file: "[klarna]\ncapture = \"later\"\n", want: "klarna.capture"},
		"klarna elsewhere":            {file: "[klarna]\nbase_url = \"https://klarna.example\"\n", want: "klarna.base_url"},
		"klarna by name":              {file: "[klarna]\nbase_url = \"http://127.0.0.1.example\"\n", want: "klarna.base_url"},
		"neither nor":                 {env: "KASSAVALV_PAYMENTS_TEST=perhaps", want: "KASSAVALV_PAYMENTS_TEST"},
		"keeper":                      {file: "[keys]\nkeeper = \"pocket\"\n", want: "keys.keeper"},
		"keeper: transit, nowhere":    {file: "[keys]\nkeeper = \"transit\"\ntransit_token = \"x\"\n", want: "keys.transit_url"},
		"keeper: transit, in clear":   {file: "[keys]\nkeeper = \"transit\"\ntransit_token = \"x\"\ntransit_url = \"http://vault.example\"\n", want: "keys.transit_url"},
		"keeper: transit, no token":   {file: "[keys]\nkeeper = \"transit\"\ntransit_url = \"https://vault.example\"\n", want: "keys.transit_token"},
		"keeper: transit, two tokens": {file: "[keys]\nkeeper = \"transit\"\ntransit_url = \"https://vault.example\"\ntransit_token = \"x\"\ntransit_token_file = \"y\"\n", want: "keys.transit_token"},
		"keeper: kms, no key":         {env: "KASSAVALV_KEYS_KEEPER=kms", want: "keys.kms_key"},
		"keeper: kms beside files":    {env: "KASSAVALV_KEYS_KMS_REGION=eu-north-1", want: "keys.kms_region"},
		"keeper: gcp, no key":         {env: "KASSAVALV_KEYS_KEEPER=gcp", want: "keys.gcp_key"},
		"keeper: gcp, a version":      {file: "[keys]\nkeeper = \"gcp\"\ngcp_key = \"projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1\"\ngcp_credentials_file = \"x\"\n", want: "keys.gcp_key"},
		"keeper: gcp, no account":     {file: "[keys]\nkeeper = \"gcp\"\ngcp_key = \"projects/p/locations/l/keyRings/r/cryptoKeys/k\"\n", want: "keys.gcp_credentials_file"},
		"keeper: gcp, in clear":       {file: "[keys]\nkeeper = \"gcp\"\ngcp_key = \"projects/p/locations/l/keyRings/r/cryptoKeys/k\"\ngcp_credentials_file = \"x\"\ngcp_endpoint = \"http://kms.example\"\n", want: "keys.gcp_endpoint"},
		"keeper: gcp beside kms":      {file: "[keys]\nkeeper = \"kms\"\nkms_key = \"alias/x\"\ngcp_key = \"projects/p/locations/l/keyRings/r/cryptoKeys/k\"\n", want: "keys.gcp_key"},
		"keeper: transit beside kms":  {file: "[keys]\nkeeper = \"kms\"\nkms_key = \"alias/x\"\ntransit_url = \"https://vault.example\"\n", want: "keys.transit_url"},
		"keeper: env without keys":    {env: "KASSAVALV_KEYS_KEEPER=env", want: "keys.lines"},
		"keeper: lines beside files":  {env: "KASSAVALV_KEYS_LINES=kassavalv-key-1", want: "keys.lines"},
		"keeper: env with a folder":   {file: "[keys]\nkeeper = \"env\"\nlines_file = \"x\"\ndir = \"y\"\n", want: "keys.dir"},
		"keeper: grace":               {file: "[keys]\ngrace = \"forever\"\n", want: "keys.grace"},
		"copies: no time":             {env: "KASSAVALV_COPIES_KEEP_DAYS=ever", want: "copies.keep_days"},
		"copies: finer for longer":    {file: "[copies]\nkeep_raw = \"40d\"\n", want: "copies.keep_…"},
		"books":                       {file: "[books]\nyear_end = 13\n", want: "books.year_end"},
		"bad addr":                    {env: "KASSAVALV_OPS_ADDR=8081", want: "ops.addr"},
	} {
		dir := t.TempDir()
		if c.file != "" {
			if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var env []string
		if c.env != "" {
			env = []string{c.env}
		}
		_, err := LoadConfig(dir, env)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not name %q", name, err, c.want)
		}
	}
	c, err := LoadConfig(t.TempDir(), []string{"KASSAVALV_HTTP_PUBLIC_URL=https://shop.example/", "DATABASE_URL=postgres://u:geheim@h/d", "PORT=9000", "KASSAVALV_LIMITS_EXEMPT=10.0.0.0/8 127.0.0.1"})
	if err != nil || c.HTTP.PublicURL != "https://shop.example" || c.HTTP.Addr != ":9000" || len(c.Limits.Exempt) != 2 {
		t.Errorf("%+v %v", c.HTTP, err)
	}
}

func TestFolderBelongsToOne(t *testing.T) {
	dir := t.TempDir()
	l, err := lockDir(dir)
	if err != nil || l.Unclean {
		t.Fatal(err, l)
	}
	if _, err := lockDir(dir); err != ErrLocked {
		t.Fatal("a second process got the folder:", err)
	}
	l.f.Close() // died without Release
	l, err = lockDir(dir)
	if err != nil || !l.Unclean {
		t.Fatal("an unclean stop went unseen", err)
	}
	l.Release()
	if l, err = lockDir(dir); err != nil || l.Unclean {
		t.Fatal("a clean stop counts as unclean", err)
	}
	l.Release()
}

// Every key can be given by the environment, whatever its kind; a shop that is to be
// tried out is not taken for one that moves real money.
func TestEveryKeyFromTheEnvironment(t *testing.T) {
	var env []string
	eachKey(reflect.ValueOf(&Config{}).Elem(), func(section, key string, f reflect.Value) {
		v := "7"
		if f.Kind() == reflect.Bool {
			v = "true"
		}
		env = append(env, envPrefix+strings.ToUpper(section+"_"+key)+"="+v)
	})
	var c Config
	if err := c.environment(env); err != nil {
		t.Fatal(err)
	}
	eachKey(reflect.ValueOf(&c).Elem(), func(section, key string, f reflect.Value) {
		if f.IsZero() {
			t.Errorf("%s.%s is not read from the environment", section, key)
		}
	})
}
