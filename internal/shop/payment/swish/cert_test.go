package swish_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/swish"

	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// A setting that cannot work is named.
func TestSettings(t *testing.T) {
	s := newSim(t)
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := s.Issue(t.TempDir(), "1239999999", time.Now().AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key    string
		change func(*swish.Options)
	}{
		{"swish.payee", func(o *swish.Options) { o.Payee = "" }},
		{"swish.payee", func(o *swish.Options) { o.Payee = "0701234567" }},
		{"swish.cert", func(o *swish.Options) { o.Cert = "" }},
		{"swish.cert", func(o *swish.Options) { o.Cert = filepath.Join(dir, "none") }},
		{"swish.cert", func(o *swish.Options) { o.Cert = text }},
		{"swish.cert", func(o *swish.Options) { o.Cert, o.Key = other.Cert, other.Key }},
		{"swish.key", func(o *swish.Options) { o.Key = "" }},
		{"swish.cert", func(o *swish.Options) { o.Key = other.Key }},
		{"swish.p12", func(o *swish.Options) { o.P12 = text }},
		{"swish.p12", func(o *swish.Options) { o.Cert, o.Key, o.P12 = "", "", text }},
		{"swish.password", func(o *swish.Options) { o.Password = "x" }},
		{"swish.ca", func(o *swish.Options) { o.CA = text }},
		{"swish.base_url", func(o *swish.Options) { o.BaseURL = "https://swish.example/api" }},
		{"swish.base_url", func(o *swish.Options) { o.BaseURL = "http://127.0.0.1:1" }},
		{"swish.base_url", func(o *swish.Options) { o.Live = true }},
		{"swish.cert", func(o *swish.Options) { o.Live, o.BaseURL = true, "" }}, // the stand-in's authority says Test
	} {
		o := s.o
		c.change(&o)
		_, err := swish.New(o)
		var ce *swish.ConfigError
		if !errors.As(err, &ce) || ce.Key != c.key || ce.What == "" {
			t.Errorf("%s: %v", c.key, err)
		}
	}
}

// A certificate that Swish did not issue, or another merchant's, opens nothing, and no
// server but Swish's own is spoken to.
func TestBothSidesAreVerified(t *testing.T) {
	s, foreign := newSim(t), newSim(t)
	o := s.o
	o.Cert, o.Key = foreign.o.Cert, foreign.o.Key
	stranger, err := swish.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Begin(t.Context(), start("x", 100)); !errors.Is(err, payment.ErrUnknown) {
		t.Errorf("a stranger's certificate: %v", err)
	}
	if stranger.Ping(t.Context()) == nil {
		t.Error("up for a stranger")
	}
	o = s.o
	o.CA = foreign.o.CA
	if p, err := swish.New(o); err != nil {
		t.Fatal(err)
	} else if _, err := p.Begin(t.Context(), start("x", 100)); !errors.Is(err, payment.ErrUnknown) {
		t.Errorf("a server of another authority: %v", err)
	}
	o = s.o
	o.CA = ""
	if p, err := swish.New(o); err != nil {
		t.Fatal(err)
	} else if _, err := p.Look(t.Context(), payment.Handle{Reference: "KVx", Key: "x"}); !errors.Is(err, payment.ErrUnknown) {
		t.Errorf("a server that the machine does not trust: %v", err)
	}
	if b := s.Books(t); len(b) != 0 {
		t.Errorf("%d payments were made", len(b))
	}
	// A technical supplier's certificate has a number of another kind; Swish judges it.
	f, err := s.Issue(t.TempDir(), "9871065216", time.Now().AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	o = s.o
	o.Cert, o.Key = f.Cert, f.Key
	p, err := swish.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Begin(t.Context(), start("x", 100)); !errors.Is(err, payment.ErrUnknown) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a number that is not the payee's: %v", err)
	}
}

// A renewed certificate is taken into use without a restart; files that do not fit
// leave the old one.
func TestRenewal(t *testing.T) {
	now := time.Now()
	s := newSim(t, func(o *swish.Options) { o.Now = func() time.Time { return now } })
	was := s.p.Expires()
	if d := time.Until(was); d < 364*24*time.Hour || d > 367*24*time.Hour {
		t.Fatalf("ends in %v", d)
	}
	good, err := os.ReadFile(s.o.Cert)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.o.Cert, good[:len(good)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Minute)
	if !s.p.Expires().Equal(was) || s.p.Ping(t.Context()) != nil {
		t.Error("half a file was taken into use")
	}
	if _, err := s.Issue(filepath.Dir(s.o.Cert), payee, time.Now().AddDate(2, 0, 0)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Minute)
	if !s.p.Expires().After(was.AddDate(0, 11, 0)) {
		t.Errorf("still ends %v", s.p.Expires())
	}
	if err := s.p.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// The file that Swish's portal gives is PKCS#12; both ways of sealing it open.
func TestPKCS12(t *testing.T) {
	s := newSim(t)
	pair, err := tls.LoadX509KeyPair(s.o.Cert, s.o.Key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, enc := range map[string]*pkcs12.Encoder{"modern": pkcs12.Modern2023, "legacy": pkcs12.LegacyDES} {
		b, err := enc.Encode(pair.PrivateKey, leaf, nil, "swish")
		if err != nil {
			t.Fatal(err)
		}
		o := s.o
		o.Cert, o.Key, o.Password = "", "", "swish"
		o.P12 = filepath.Join(t.TempDir(), "swish.p12")
		if err := os.WriteFile(o.P12, b, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := swish.New(o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := p.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		o.Password = "wrong"
		var ce *swish.ConfigError
		if _, err := swish.New(o); !errors.As(err, &ce) || ce.Key != "swish.p12" || strings.Contains(err.Error(), "wrong") {
			t.Errorf("%s with another password: %v", name, err)
		}
	}
}

// A certificate that has ended stops nothing but Swish: its buyers are sent to other
// ways at once, and Swish is not asked.
func TestEndedCertificate(t *testing.T) {
	s := newSim(t, func(o *swish.Options) { o.Now = func() time.Time { return time.Now().AddDate(2, 0, 0) } })
	st, err := s.p.Begin(t.Context(), start("late", 100))
	if err != nil || st.State != payment.Refused || st.Reason != payment.ProviderDown || st.Code != "certificate_ended" {
		t.Errorf("%+v, %v", st, err)
	}
	if n := s.Calls(); n != 0 {
		t.Errorf("Swish was asked %d times", n)
	}
}

// The page for merchants has every code, with what the table says of it.
func TestCodesAreInTheDocs(t *testing.T) {
	b, err := os.ReadFile("../../../../docs/payments/swish.md")
	if err != nil {
		t.Fatal(err)
	}
	for c, r := range swish.Codes() {
		told := "`" + string(r) + "`"
		if c == "DS24" {
			told = "*being processed*"
		}
		if !regexp.MustCompile("(?m)^\\| `" + c + "` \\| [^|]+ \\| " + regexp.QuoteMeta(told) + " \\|$").Match(b) {
			t.Errorf("%s is not in the docs as %s", c, told)
		}
	}
}
