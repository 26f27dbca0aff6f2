package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"kassavalv/internal/proof"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/payment/klarna"
)

// Config is kassavalv.toml. Every key can also be given as
// KASSAVALV_SECTION_KEY, which wins over the file; PORT and DATABASE_URL are
// honoured as many hosts set them.
type Config struct {
	HTTP struct {
		PublicURL      string   `toml:"public_url"`      // https://shop.example, what links are built from
		Addr           string   `toml:"addr"`            // the HTTPS listener
		PlainAddr      string   `toml:"plain_addr"`      // plain HTTP: redirects only, or the inner side of a proxy
		TrustedProxies []string `toml:"trusted_proxies"` // networks whose X-Forwarded-* is believed
		AdminHost      string   `toml:"admin_host"`      // host name of the back office, when it has one of its own
	} `toml:"http"`
	TLS struct {
		Mode string `toml:"mode"` // files or proxy
		Cert string `toml:"cert"`
		Key  string `toml:"key"`
	} `toml:"tls"`
	Ops struct {
		Addr string `toml:"addr"` // /healthz, /readyz, /metrics; never public
	} `toml:"ops"`
	Database struct {
		URL secret.Secret `toml:"url"` // postgres://…; empty: SQLite in the data directory
	} `toml:"database"`
	Mail struct {
		Host     string        `toml:"host"`
		Port     int           `toml:"port"`
		Username string        `toml:"username"`
		Password secret.Secret `toml:"password"`
		From     string        `toml:"from"`
		FromName string        `toml:"from_name"`
	} `toml:"mail"`
	Checkout struct {
		ReturnOrigins []string `toml:"return_origins"` // other origins a return_url may have
	} `toml:"checkout"`
	Payments struct {
		Test bool `toml:"test"` // try the shop out: only test money counts, and pages say so
	} `toml:"payments"`
	Swish struct {
		Payee    string        `toml:"payee"`    // the shop's Swish number; empty: Swish is off
		Cert     string        `toml:"cert"`     // PEM file of its certificate
		Key      string        `toml:"key"`      // PEM file of the certificate's key
		P12      string        `toml:"p12"`      // PKCS#12 file instead of the two
		Password secret.Secret `toml:"password"` // of the PKCS#12 file
		CA       string        `toml:"ca"`       // PEM file of authorities to trust at Swish's address; empty: the machine's
		BaseURL  string        `toml:"base_url"` // another address than Swish's, for tests on this machine
	} `toml:"swish"`
	Stripe struct {
		SecretKey     secret.Secret `toml:"secret_key"`     // sk_… or rk_…; empty: Stripe is off
		WebhookSecret secret.Secret `toml:"webhook_secret"` // whsec_…, two with a space between while one replaces the other
		Capture       string        `toml:"capture"`        // placed (or empty) or ship: when the money is taken
		BaseURL       string        `toml:"base_url"`       // another address than Stripe's, for tests on this machine
	} `toml:"stripe"`
	Klarna struct {
		Username string        `toml:"username"` // API credentials of the merchant portal; empty: no Klarna
		Password secret.Secret `toml:"password"`
		Region   string        `toml:"region"`   // eu
		Capture  string        `toml:"capture"`  // when the money is taken: ship (as goods leave) or placed (at once)
		BaseURL  string        `toml:"base_url"` // of a simulator on this machine, for tests
		// PayoutDays is within how many days of a capture the agreement pays it out.
		PayoutDays int `toml:"payout_days"`
	} `toml:"klarna"`
	Keys struct {
		Keeper string `toml:"keeper"` // file, env, transit, kms or gcp
		Dir    string `toml:"dir"`    // folder of the keys; empty: keys/ in the data directory
		Grace  string `toml:"grace"`  // how long the shop goes on while the keeper is away, such as "24h"

		Lines     secret.Secret `toml:"lines"`      // env: the key lines
		LinesFile string        `toml:"lines_file"` // env: or a file with them

		TransitURL       string        `toml:"transit_url"`
		TransitMount     string        `toml:"transit_mount"`
		TransitPrefix    string        `toml:"transit_prefix"`
		TransitNamespace string        `toml:"transit_namespace"`
		TransitToken     secret.Secret `toml:"transit_token"`
		TransitTokenFile string        `toml:"transit_token_file"`
		TransitCA        string        `toml:"transit_ca"`

		KMSKey      string `toml:"kms_key"`
		KMSRegion   string `toml:"kms_region"`
		KMSEndpoint string `toml:"kms_endpoint"`

		GCPKey             string `toml:"gcp_key"`              // projects/…/locations/…/keyRings/…/cryptoKeys/…
		GCPCredentialsFile string `toml:"gcp_credentials_file"` // a service account's key
		GCPEndpoint        string `toml:"gcp_endpoint"`         // another address than Google's, for tests
	} `toml:"keys"`
	Staff struct {
		OIDCIssuer       string        `toml:"oidc_issuer"` // https address of the house's single sign-on; empty: none
		OIDCClientID     string        `toml:"oidc_client_id"`
		OIDCClientSecret secret.Secret `toml:"oidc_client_secret"`
		OIDCACR          string        `toml:"oidc_acr"` // demanded acr, when not empty
		OIDCAMR          string        `toml:"oidc_amr"` // must be among the methods of sign-in, such as "mfa", when not empty
	} `toml:"staff"`
	Books struct {
		YearEnd int `toml:"year_end"` // month in which the financial year ends; 0: December
	} `toml:"books"`
	Log struct {
		Level string `toml:"level"` // debug, info, warn or error; empty: info, in the demo warn
	} `toml:"log"`
	Audit struct {
		ReadingsDays int      `toml:"readings_days"` // how long it is kept who has read a customer; 0: two years
		Witnesses    []string `toml:"witnesses"`     // keys of machines that cosign the log
	} `toml:"audit"`
	Copies struct {
		Sites    []string `toml:"sites"`    // addresses of the places that keep copies; credentials stand in files beside
		Required int      `toml:"required"` // sites that must have confirmed an order before it is shown as paid: 0, 1 or 2
		Budget   string   `toml:"budget"`   // how long that is waited for, such as "250ms"
		keeps
	} `toml:"copies"`
	Limits struct {
		Exempt []string `toml:"exempt"` // networks without rate limits: load tests
	} `toml:"limits"`
}

// LogLevel is the level that is configured, or the usual one.
func (c Config) LogLevel(usual slog.Level) slog.Level {
	l := usual
	if c.Log.Level != "" && l.UnmarshalText([]byte(c.Log.Level)) != nil {
		return usual
	}
	return l
}

// ConfigFile is the name of the file in the data directory.
const ConfigFile = "kassavalv.toml"

// configError is a wrong key or value, with the place and what would be right.
type configError struct{ where, key, what string }

func (e *configError) Error() string { return fmt.Sprintf("%s: %s: %s", e.where, e.key, e.what) }

// LoadConfig reads the file in dir (which may be missing) and the environment.
func LoadConfig(dir string, environ []string) (Config, error) {
	var c Config
	c.TLS.Mode, c.Klarna.PayoutDays = "files", klarna.PayoutDays
	file := filepath.Join(dir, ConfigFile)
	if b, err := os.ReadFile(file); err == nil {
		md, err := toml.Decode(string(b), &c)
		if err != nil {
			var pe toml.ParseError
			if errors.As(err, &pe) {
				return c, &configError{file, "line " + strconv.Itoa(pe.Position.Line), pe.Message}
			}
			return c, &configError{file, "value", err.Error()}
		}
		if un := md.Undecoded(); len(un) > 0 {
			return c, &configError{file, un[0].String(), "no such key; known keys: " + strings.Join(configKeys(), ", ")}
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return c, err
	}
	if err := c.environment(environ); err != nil {
		return c, err
	}
	return c, c.check()
}

func configKeys() (out []string) {
	eachKey(reflect.ValueOf(&Config{}).Elem(), func(section, key string, _ reflect.Value) { out = append(out, section+"."+key) })
	return
}

func eachKey(v reflect.Value, fn func(section, key string, f reflect.Value)) {
	for i := range v.NumField() {
		section := v.Type().Field(i).Tag.Get("toml")
		var of func(s reflect.Value)
		of = func(s reflect.Value) {
			for j := range s.NumField() {
				if f := s.Type().Field(j); f.Anonymous {
					of(s.Field(j))
				} else {
					fn(section, f.Tag.Get("toml"), s.Field(j))
				}
			}
		}
		of(v.Field(i))
	}
}

const envPrefix = "KASSAVALV_"

func (c *Config) environment(environ []string) error {
	set := map[string]reflect.Value{}
	eachKey(reflect.ValueOf(c).Elem(), func(section, key string, f reflect.Value) {
		set[envPrefix+strings.ToUpper(section+"_"+key)] = f
	})
	env := map[string]string{}
	for _, e := range environ {
		k, v, _ := strings.Cut(e, "=")
		env[k] = v
	}
	if p := env["PORT"]; p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 0 || n > 65535 {
			return &configError{"environment", "PORT", "must be a port number"}
		}
		c.HTTP.Addr = ":" + p
	}
	if u := env["DATABASE_URL"]; u != "" {
		c.Database.URL = secret.Hide(u)
	}
	for k, v := range env {
		// KASSAVALV_TEST_… belongs to the tests.
		if !strings.HasPrefix(k, envPrefix) || strings.HasPrefix(k, envPrefix+"TEST_") || proof.On && strings.HasPrefix(k, envPrefix+"PROOF_") {
			continue
		}
		f, ok := set[k]
		if !ok {
			return &configError{"environment", k, "no such key; known keys: " + strings.Join(configKeys(), ", ")}
		}
		switch f.Interface().(type) {
		case string:
			f.SetString(v)
		case int:
			n, err := strconv.Atoi(v)
			if err != nil {
				return &configError{"environment", k, "must be a whole number"}
			}
			f.SetInt(int64(n))
		case bool:
			b, err := strconv.ParseBool(v)
			if err != nil {
				return &configError{"environment", k, "must be true or false"}
			}
			f.SetBool(b)
		case []string:
			f.Set(reflect.ValueOf(strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })))
		case secret.Secret:
			f.Set(reflect.ValueOf(secret.Hide(v)))
		default:
			panic("config: " + k + " is of a kind that the environment cannot give")
		}
	}
	return nil
}

// check refuses values that cannot be meant.
func (c *Config) check() error {
	bad := func(key, what string) error { return &configError{ConfigFile, key, what} }
	if s := c.HTTP.PublicURL; s != "" {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "https" || u.Host == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.User != nil {
			return bad("http.public_url", "must be https://host or https://host:port")
		}
		c.HTTP.PublicURL = "https://" + u.Host
	}
	for key, a := range map[string]string{"http.addr": c.HTTP.Addr, "http.plain_addr": c.HTTP.PlainAddr, "ops.addr": c.Ops.Addr} {
		if a == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(a); err != nil || port == "" {
			return bad(key, "must be host:port, :port, or host:0 for a free port")
		}
	}
	if s := c.Log.Level; s != "" && (new(slog.Level).UnmarshalText([]byte(s)) != nil || !slices.Contains([]string{"debug", "info", "warn", "error"}, s)) {
		return bad("log.level", `must be "debug", "info", "warn" or "error"`)
	}
	switch c.TLS.Mode {
	case "files", "proxy":
	default:
		return bad("tls.mode", `must be "files" or "proxy"`)
	}
	if _, err := prefixes(c.HTTP.TrustedProxies); err != nil {
		return bad("http.trusted_proxies", err.Error())
	}
	if err := c.checkCopies(bad); err != nil {
		return err
	}
	if err := c.checkAudit(bad); err != nil {
		return err
	}
	if _, err := prefixes(c.Limits.Exempt); err != nil {
		return bad("limits.exempt", err.Error())
	}
	for _, o := range c.Checkout.ReturnOrigins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.Path != "" || u.User != nil {
			return bad("checkout.return_origins", "each must be an origin such as https://app.example")
		}
	}
	if u := c.Database.URL.Reveal(); u != "" && !strings.HasPrefix(u, "postgres://") && !strings.HasPrefix(u, "postgresql://") {
		return bad("database.url", "must begin with postgres://")
	}
	if err := c.checkKlarna(bad); err != nil {
		return err
	}
	if err := c.checkKeys(bad); err != nil {
		return err
	}
	if err := c.checkCopies(bad); err != nil {
		return err
	}
	if c.Mail.Port < 0 || c.Mail.Port > 65535 {
		return bad("mail.port", "must be a port number")
	}
	return nil
}

func prefixes(in []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range in {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("%q is no network such as 10.0.0.0/8", s)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
