package cert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// pair is a self-signed certificate and its key as PEM texts.
func pair(t *testing.T, key crypto.Signer, change func(*x509.Certificate)) (certText, keyText string) {
	t.Helper()
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(60 * 24 * time.Hour),
		DNSNames: []string{"shop.example", "www.shop.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	kd, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kd}))
}

func ec(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestFilesSayWhatIsWrong(t *testing.T) {
	good, goodKey := pair(t, ec(t), nil)
	other, otherKey := pair(t, ec(t), nil)
	made := func(change func(*x509.Certificate)) [2]string {
		c, k := pair(t, ec(t), change)
		return [2]string{c, k}
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weak, weakKey := pair(t, small, nil)
	ecDER, err := x509.MarshalECPrivateKey(ec(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		files [2]string
		names []string
		want  error
		says  string
	}{
		"good":            {[2]string{good, goodKey}, []string{"shop.example", "www.shop.example"}, nil, ""},
		"with its chain":  {[2]string{good + other, goodKey}, []string{"shop.example"}, nil, ""},
		"expired":         {made(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), nil, ErrExpired, "valid until"},
		"not yet":         {made(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }), nil, ErrNotYetValid, "check the clock"},
		"other key":       {[2]string{good, otherKey}, nil, ErrKeyMismatch, "key.pem"},
		"old style key":   {[2]string{good, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: ecDER}))}, nil, ErrKeyMismatch, ""},
		"wrong order":     {[2]string{other + good, goodKey}, nil, ErrKeyMismatch, "the key fits certificate 2"},
		"other name":      {[2]string{good, goodKey}, []string{"shop.example", "kassa.example"}, ErrNotCovered, "kassa.example; the certificate is for shop.example, www.shop.example"},
		"authority":       {made(func(c *x509.Certificate) { c.IsCA = true }), nil, ErrNotServer, "authority"},
		"for clients":     {made(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), nil, ErrNotServer, "server authentication"},
		"small RSA":       {[2]string{weak, weakKey}, nil, ErrWeak, "1024"},
		"no certificate":  {[2]string{"text", goodKey}, nil, ErrUnreadable, "BEGIN CERTIFICATE"},
		"cut certificate": {[2]string{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", goodKey}, nil, ErrUnreadable, "certificate 1"},
		"swapped":         {[2]string{goodKey, good}, nil, ErrUnreadable, "cert.pem"},
		"no key":          {[2]string{good, good}, nil, ErrUnreadable, "BEGIN PRIVATE KEY"},
		"damaged key":     {[2]string{good, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}, nil, ErrUnreadable, "damaged"},
		"encrypted key":   {[2]string{good, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"}, nil, ErrUnreadable, "without a passphrase"},
		"missing":         {[2]string{"", ""}, nil, ErrUnreadable, "cert.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cf, kf := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
			if name != "missing" {
				write(t, cf, c.files[0])
				write(t, kf, c.files[1])
			}
			f, err := OpenFiles(cf, kf, FilesOptions{Names: c.names, Log: quiet()})
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q does not say %q", err, c.says)
			}
			if err == nil {
				got, err := f.GetCertificate(nil)
				if err != nil || len(got.Certificate) != strings.Count(c.files[0], "BEGIN") {
					t.Errorf("%v, %d in the chain", err, len(got.Certificate))
				}
			}
		})
	}
}

func TestFilesKnowAllKindsOfKeys(t *testing.T) {
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"RSA": big, "ECDSA": ec(t), "Ed25519": ed} {
		dir := t.TempDir()
		c, k := pair(t, key, nil)
		write(t, filepath.Join(dir, "c"), c)
		write(t, filepath.Join(dir, "k"), k)
		if _, err := OpenFiles(filepath.Join(dir, "c"), filepath.Join(dir, "k"), FilesOptions{Log: quiet()}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChangedFilesAreTakenIntoUse(t *testing.T) {
	dir := t.TempDir()
	cf, kf := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	c1, k1 := pair(t, ec(t), nil)
	write(t, cf, c1)
	write(t, kf, k1)
	var mu sync.Mutex
	now := time.Now()
	pass := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
	f, err := OpenFiles(cf, kf, FilesOptions{Names: []string{"shop.example"}, Log: quiet(), Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	if err != nil {
		t.Fatal(err)
	}
	serves := func(text string) {
		t.Helper()
		got, err := f.GetCertificate(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		if have := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: got.Certificate[0]})); have != text {
			t.Error("another certificate is served")
		}
	}
	serves(c1)
	c2, k2 := pair(t, ec(t), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(200 * 24 * time.Hour) })
	write(t, cf, c2) // the key follows later, as renewing programs do it
	pass(11 * time.Second)
	serves(c1)
	if err := f.Problem(); !errors.Is(err, ErrKeyMismatch) {
		t.Errorf("problem %v", err)
	}
	write(t, kf, k2)
	serves(c1) // not before the next look
	pass(11 * time.Second)
	serves(c2)
	if err := f.Problem(); err != nil {
		t.Errorf("problem %v", err)
	}
	wrong, wrongKey := pair(t, ec(t), func(c *x509.Certificate) { c.DNSNames = []string{"other.example"} })
	write(t, cf, wrong)
	write(t, kf, wrongKey)
	pass(11 * time.Second)
	serves(c2)
	if err := f.Problem(); !errors.Is(err, ErrNotCovered) {
		t.Errorf("problem %v", err)
	}
	if err := os.Remove(cf); err != nil {
		t.Fatal(err)
	}
	pass(11 * time.Second)
	serves(c2)
	write(t, cf, c2)
	write(t, kf, k2)
	if err := f.Problem(); err != nil {
		t.Errorf("problem %v", err)
	}
	pass(201 * 24 * time.Hour)
	if err := f.Problem(); !errors.Is(err, ErrExpired) {
		t.Errorf("problem %v", err)
	}
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte(""), []byte("-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, c, k []byte) {
		if certs, err := parseCerts("c", c); err == nil && len(certs) == 0 {
			t.Error("no certificate and no error")
		}
		if key, err := parseKey("k", k); err == nil && key == nil {
			t.Error("no key and no error")
		}
	})
}
