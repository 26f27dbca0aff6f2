package outpost

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"kassavalv/internal/ops/copies/post"
)

// tokenLife is how long a token lets somebody in.
const tokenLife = 24 * time.Hour

// authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

// past is from when certificates count: a shop whose clock is slow is still a shop.
var past = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func serial() (*big.Int, error) { return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) }

// Init makes the folder of an outpost: its authority. A folder that is one already is left
// as it is.
func Init(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "tokens"), 0o700); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "shops"), 0o700); err != nil {
		return err
	}
	if _, err := loadAuthority(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	n, err := serial()
	if err != nil {
		return err
	}
	tpl := &x509.Certificate{
		SerialNumber: n, Subject: pkix.Name{CommonName: "Kassavalv outpost"}, NotBefore: past, NotAfter: time.Now().AddDate(30, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, key.Public(), key)
	if err != nil {
		return err
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, "ca.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: k})); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func loadAuthority(dir string) (*authority, error) {
	b, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, err
	}
	k, err := os.ReadFile(filepath.Join(dir, "ca.key"))
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(b, k)
	if err != nil {
		return nil, fmt.Errorf("ca.pem and ca.key: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("ca.key is not a key of Init")
	}
	return &authority{pair.Leaf, key, string(b)}, nil
}

// sign makes a certificate for a public key.
func (a *authority) sign(pub any, name string, server bool, until time.Time) ([]byte, error) {
	n, err := serial()
	if err != nil {
		return nil, err
	}
	tpl := &x509.Certificate{SerialNumber: n, Subject: pkix.Name{CommonName: name}, NotBefore: past, NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if server {
		tpl.ExtKeyUsage, tpl.DNSNames = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []string{post.ServerName}
	}
	return x509.CreateCertificate(rand.Reader, tpl, a.cert, pub, a.key)
}

// server is a configuration that shows a new certificate and asks for one.
func (a *authority) server() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := a.sign(key.Public(), post.ServerName, true, time.Now().AddDate(30, 0, 0))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool, NextProtos: []string{"http/1.1"},
		Certificates: []tls.Certificate{{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}},
	}, nil
}

// token is a file of the folder tokens.
type token struct {
	Until time.Time `json:"until"`
	Shop  string    `json:"shop,omitempty"`
}

func tokenFile(dir, secret string) string {
	s := sha256.Sum256([]byte(secret))
	return filepath.Join(dir, "tokens", hex.EncodeToString(s[:]))
}

// NewToken makes a token that lets one shop in once, within a day, at addr. With shop it
// lets that shop's new machine in, which is enrolled already.
func NewToken(dir, addr, shop string) (post.Token, error) {
	a, err := loadAuthority(dir)
	if err != nil {
		return post.Token{}, err
	}
	if shop != "" {
		if _, err := os.Stat(filepath.Join(dir, "shops", filepath.Base(shop), "shop.json")); err != nil {
			return post.Token{}, fmt.Errorf("no shop %s is enrolled here", shop)
		}
	}
	t := post.Token{Addr: addr, CA: a.cert.Raw, Secret: rand.Text(), Shop: shop}
	b, err := json.Marshal(token{time.Now().Add(tokenLife).UTC(), shop})
	if err != nil {
		return post.Token{}, err
	}
	return t, writeFile(tokenFile(dir, t.Secret), b)
}

// takeToken uses a token up.
func takeToken(dir, secret string, now time.Time) (t token, ok bool) {
	p := tokenFile(dir, secret)
	b, err := os.ReadFile(p)
	if err != nil || os.Remove(p) != nil { // of two, one removes it
		return t, false
	}
	return t, json.Unmarshal(b, &t) == nil && now.Before(t.Until)
}

// writeFile writes a small private file whole, and on disk.
func writeFile(path string, b []byte) error {
	if err := writeSoon(path, b, true); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func writeSoon(path string, b []byte, sync bool) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
