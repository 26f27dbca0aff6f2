package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t *testing.T, dir string, now time.Time, names ...string) *Local {
	t.Helper()
	l, err := OpenLocal(dir, LocalOptions{Names: names, Log: quiet(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func served(t *testing.T, l *Local) *x509.Certificate {
	t.Helper()
	c, err := l.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}

func TestLocalServesItsNames(t *testing.T) {
	l := open(t, t.TempDir(), time.Now(), "shop.example", "192.0.2.7")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{TLSConfig: l.TLSConfig(), ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan error, 1)
	go func() { done <- srv.ServeTLS(ln, "", "") }()
	defer func() {
		srv.Close()
		<-done
	}()
	addr := ln.Addr().String()
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "shop.example", "192.0.2.7"} {
		c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: l.Pool(), ServerName: name, NextProtos: []string{"h2"}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s := c.ConnectionState(); s.Version != tls.VersionTLS13 || s.NegotiatedProtocol != "h2" {
			t.Errorf("%s: %x %q", name, s.Version, s.NegotiatedProtocol)
		}
		c.Close()
	}
	if c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: l.Pool(), ServerName: "other.example"}); err == nil {
		c.Close()
		t.Error("another name is served")
	}
	if c, err := tls.Dial("tcp", addr, &tls.Config{ServerName: "localhost"}); err == nil {
		c.Close()
		t.Error("trusted without the authority")
	}
}

func TestOnlyGoodTLS(t *testing.T) {
	l := open(t, t.TempDir(), time.Now())
	if l.TLSConfig().MinVersion != tls.VersionTLS12 {
		t.Error("the least version is not 1.2")
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", l.TLSConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = c.(*tls.Conn).Handshake()
				c.Close()
			}()
		}
	}()
	dial := func(c *tls.Config) error {
		c.RootCAs, c.ServerName = l.Pool(), "localhost"
		conn, err := tls.Dial("tcp", ln.Addr().String(), c)
		if err == nil {
			conn.Close()
		}
		return err
	}
	for _, v := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		if dial(&tls.Config{MinVersion: v, MaxVersion: v}) == nil {
			t.Errorf("%s is spoken", tls.VersionName(v))
		}
	}
	if err := dial(&tls.Config{MaxVersion: tls.VersionTLS12}); err != nil {
		t.Errorf("TLS 1.2: %v", err)
	}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if s.SupportedVersions[0] == tls.VersionTLS13 || !strings.Contains(s.Name, "ECDHE_ECDSA") {
			continue
		}
		good := strings.Contains(s.Name, "GCM") || strings.Contains(s.Name, "CHACHA20")
		if err := dial(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{s.ID}}); (err == nil) != good {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

func TestLocalIsKeptAndRenewed(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	first := open(t, dir, now)
	leaf := served(t, first)
	if d := leaf.NotAfter.Sub(now); d < 90*24*time.Hour-time.Minute || d > 90*24*time.Hour+time.Minute {
		t.Errorf("the certificate lives %s", d)
	}
	same := open(t, dir, now.Add(59*24*time.Hour))
	if !served(t, same).Equal(leaf) || string(same.CAPEM()) != string(first.CAPEM()) {
		t.Error("a good certificate was replaced")
	}
	renewed := open(t, dir, now.Add(61*24*time.Hour))
	if served(t, renewed).Equal(leaf) || string(renewed.CAPEM()) != string(first.CAPEM()) {
		t.Error("less than 30 days: the certificate is to be new, the authority the same")
	}
	// The authority itself: still there with 92 days left, another with 90.
	if a := open(t, dir, now.Add(caLife-92*24*time.Hour)); string(a.CAPEM()) != string(first.CAPEM()) {
		t.Error("the authority was replaced early")
	}
	late := open(t, dir, now.Add(caLife-90*24*time.Hour))
	if string(late.CAPEM()) == string(first.CAPEM()) {
		t.Error("the authority was not replaced")
	}
	if c := served(t, late); c.CheckSignatureFrom(late.ca) != nil || c.NotAfter.After(late.ca.NotAfter) {
		t.Error("the certificate does not follow its authority")
	}
}

func TestLocalRenewsWhileItServes(t *testing.T) {
	now := time.Now()
	l, err := OpenLocal(t.TempDir(), LocalOptions{Log: quiet(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	before := served(t, l)
	now = now.Add(70 * 24 * time.Hour)
	if after := served(t, l); after.Equal(before) || after.NotAfter.Before(now.Add(89*24*time.Hour)) {
		t.Error("not renewed")
	}
	// A folder that has gone must not stop the handshakes.
	old := served(t, l)
	now = now.Add(70 * 24 * time.Hour)
	if err := os.RemoveAll(l.dir); err != nil {
		t.Fatal(err)
	}
	if !served(t, l).Equal(old) {
		t.Error("something new without a folder")
	}
}

func TestNewNamesGetANewAuthority(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir, time.Now(), "a.example")
	b := open(t, dir, time.Now(), "a.example", "b.example")
	if string(a.CAPEM()) == string(b.CAPEM()) || served(t, b).VerifyHostname("b.example") != nil {
		t.Error("the new name is not covered")
	}
	c := open(t, dir, time.Now(), "a.example") // fewer names need no new authority
	if string(c.CAPEM()) != string(b.CAPEM()) || served(t, c).VerifyHostname("b.example") == nil {
		t.Error("fewer names")
	}
	for _, bad := range []string{"", "UPPER.example", "*.example", "a b", "räka.se", "-a.example", "a..b"} {
		if _, err := OpenLocal(t.TempDir(), LocalOptions{Names: []string{bad}, Log: quiet()}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// A thief of the key, or the demo itself, cannot speak for other sites.
func TestAuthorityVouchesForNoOtherNames(t *testing.T) {
	l := open(t, t.TempDir(), time.Now())
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tmpl := range map[string]*x509.Certificate{
		"bank.example": {DNSNames: []string{"bank.example"}},
		"192.0.2.1":    {IPAddresses: []net.IP{net.ParseIP("192.0.2.1")}},
		"localhost":    {DNSNames: []string{"localhost"}}, // the twin that must succeed
	} {
		tmpl.SerialNumber, tmpl.NotBefore, tmpl.NotAfter = big.NewInt(1), time.Now(), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, tmpl, l.ca, key.Public(), l.caKey)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Verify(x509.VerifyOptions{Roots: l.Pool(), DNSName: name}); (err == nil) != (name == "localhost") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !l.ca.PermittedDNSDomainsCritical || !l.ca.MaxPathLenZero {
		t.Error("constraints are not critical, or the authority may make others")
	}
}

func TestLocalFilesAndTheirModes(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, time.Now())
	for name, mode := range map[string]os.FileMode{"ca.pem": 0o644, "ca-key.pem": 0o600, "leaf.pem": 0o644, "leaf-key.pem": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != mode {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
	if rest, err := filepath.Glob(filepath.Join(dir, ".new-*")); err != nil || len(rest) != 0 {
		t.Errorf("left over: %v", rest)
	}
}

func TestLocalNeverReplacesADamagedAuthority(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"certificate": func(t *testing.T, dir string) { write(t, filepath.Join(dir, "ca.pem"), "nothing") },
		"key":         func(t *testing.T, dir string) { write(t, filepath.Join(dir, "ca-key.pem"), "nothing") },
		"key missing": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "ca-key.pem")); err != nil {
				t.Fatal(err)
			}
		},
		"other key": func(t *testing.T, dir string) {
			other := open(t, t.TempDir(), time.Now())
			b, err := os.ReadFile(other.path("ca-key.pem"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "ca-key.pem"), string(b))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			open(t, dir, time.Now())
			damage(t, dir)
			before, _ := os.ReadFile(filepath.Join(dir, "ca.pem"))
			_, err := OpenLocal(dir, LocalOptions{Log: quiet()})
			if err == nil || !strings.Contains(err.Error(), "remove ca.pem") {
				t.Fatalf("error %v", err)
			}
			if after, _ := os.ReadFile(filepath.Join(dir, "ca.pem")); string(after) != string(before) {
				t.Error("the authority was replaced")
			}
		})
	}
	t.Run("a crash before the certificate was written", func(t *testing.T) {
		dir := t.TempDir()
		open(t, dir, time.Now())
		if err := os.Remove(filepath.Join(dir, "ca.pem")); err != nil {
			t.Fatal(err)
		}
		open(t, dir, time.Now())
	})
	t.Run("a damaged leaf is made again", func(t *testing.T) {
		dir := t.TempDir()
		a := open(t, dir, time.Now())
		write(t, filepath.Join(dir, "leaf-key.pem"), "nothing")
		if b := open(t, dir, time.Now()); served(t, b).Equal(served(t, a)) || string(a.CAPEM()) != string(b.CAPEM()) {
			t.Error("not made again")
		}
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
