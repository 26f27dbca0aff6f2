package cert

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// The lifetimes of Local.
const (
	caLife    = 2 * 365 * 24 * time.Hour
	caSpare   = 91 * 24 * time.Hour // a new server certificate must fit
	leafLife  = 90 * 24 * time.Hour
	leafSpare = 30 * 24 * time.Hour
	backdate  = time.Hour // clients whose clock is behind
)

// LocalOptions of an authority. The zero value is good.
type LocalOptions struct {
	Names []string         // host names and addresses beside localhost, 127.0.0.1 and ::1
	Now   func() time.Time // nil is time.Now
	Log   *slog.Logger     // nil is slog.Default
}

// Local is an authority of one folder and the certificate it issues.
type Local struct {
	dir   string
	dns   []string
	ips   []net.IP
	now   func() time.Time
	log   *slog.Logger
	names []string

	mu    sync.Mutex
	ca    *x509.Certificate
	caKey crypto.Signer
	leaf  *tls.Certificate
	retry time.Time // a failed renewal is not tried again before this
}

// OpenLocal loads the authority of a folder, or makes it, and sees to a server
// certificate that is good for at least 30 days. The folder is made when
// missing.
func OpenLocal(dir string, o LocalOptions) (*Local, error) {
	l := &Local{dir: dir, now: o.Now, log: o.Log}
	if l.now == nil {
		l.now = time.Now
	}
	if l.log == nil {
		l.log = slog.Default()
	}
	for _, n := range append([]string{"localhost", "127.0.0.1", "::1"}, o.Names...) {
		if err := l.addName(n); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the local authority: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ensureLocked(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Local) addName(n string) error {
	if slices.Contains(l.names, n) {
		return nil
	}
	if ip := net.ParseIP(n); ip != nil {
		l.ips = append(l.ips, ip)
	} else if hostName(n) {
		l.dns = append(l.dns, n)
	} else {
		return fmt.Errorf("%q is neither a host name in lower-case ASCII nor an address", n)
	}
	l.names = append(l.names, n)
	return nil
}

// hostName reports whether n is a plain name of letters, digits, hyphens and
// dots; no wildcard, which a local authority has no need for.
func hostName(n string) bool {
	if n == "" || len(n) > 253 {
		return false
	}
	for label := range strings.SplitSeq(n, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
				return false
			}
		}
	}
	return true
}

func (l *Local) path(name string) string { return filepath.Join(l.dir, name) }

// CAFile is where clients find the authority.
func (l *Local) CAFile() string { return l.path("ca.pem") }

// CAPEM is the authority as PEM text.
func (l *Local) CAPEM() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return encodeCert(l.ca.Raw)
}

// Pool trusts this authority alone.
func (l *Local) Pool() *x509.CertPool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := x509.NewCertPool()
	p.AddCert(l.ca)
	return p
}

// TLSConfig is for a listener; see ServerTLS.
func (l *Local) TLSConfig() *tls.Config { return ServerTLS(l.GetCertificate) }

// GetCertificate returns the server's certificate, renewed where its time has
// come. A renewal that fails is logged and the old certificate serves on.
func (l *Local) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.leaf.Leaf.NotAfter.Sub(now) < leafSpare && now.After(l.retry) {
		if err := l.ensureLocked(); err != nil {
			l.retry = now.Add(time.Minute)
			l.log.Error("the local certificate could not be renewed", "err", err)
		}
	}
	return l.leaf, nil
}

// ensureLocked has a good authority and a good certificate in memory and in the
// folder.
func (l *Local) ensureLocked() error {
	ca, key, err := l.loadCA()
	if err != nil {
		return err
	}
	if ca == nil || ca.NotAfter.Sub(l.now()) < caSpare || !l.mayVouch(ca) {
		if ca != nil {
			l.log.Warn("a new local authority replaces the old one; give clients the new file", "file", l.CAFile())
		}
		if ca, key, err = l.makeCA(); err != nil {
			return err
		}
	}
	leaf := l.loadLeaf(ca)
	if leaf == nil {
		if leaf, err = l.makeLeaf(ca, key); err != nil {
			return err
		}
	}
	l.ca, l.caKey, l.leaf = ca, key, leaf
	return nil
}

// loadCA reads the authority; nil when there is none. A key without a
// certificate is what a crash while making one leaves, and counts as none.
func (l *Local) loadCA() (*x509.Certificate, crypto.Signer, error) {
	certFile, keyFile := l.CAFile(), l.path("ca-key.pem")
	text, err := os.ReadFile(certFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("local authority: %w", err)
	}
	const advice = "; remove ca.pem and ca-key.pem to have a new authority made"
	certs, err := parseCerts(certFile, text)
	if err != nil {
		return nil, nil, fmt.Errorf("%w%s", err, advice)
	}
	keyText, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, nil, fmt.Errorf("local authority: %w%s", err, advice)
	}
	key, err := parseKey(keyFile, keyText)
	if err != nil {
		return nil, nil, fmt.Errorf("%w%s", err, advice)
	}
	if !belongs(certs[0], key) {
		return nil, nil, fmt.Errorf("%s and %s: %w%s", certFile, keyFile, ErrKeyMismatch, advice)
	}
	if !certs[0].IsCA {
		return nil, nil, fmt.Errorf("%s is no authority%s", certFile, advice)
	}
	return certs[0], key, nil
}

// mayVouch reports whether the authority's constraints allow all names.
func (l *Local) mayVouch(ca *x509.Certificate) bool {
	for _, n := range l.dns {
		if !slices.Contains(ca.PermittedDNSDomains, n) {
			return false
		}
	}
	for _, ip := range l.ips {
		if !slices.ContainsFunc(ca.PermittedIPRanges, func(r *net.IPNet) bool { return r.Contains(ip) }) {
			return false
		}
	}
	return true
}

func (l *Local) makeCA() (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("key of the local authority: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, nil, err
	}
	now := l.now()
	t := &x509.Certificate{
		SerialNumber: serial,
		// The number tells one demo's authority from another's in a browser's list.
		Subject:   pkix.Name{CommonName: "Kassavalv local authority " + hex.EncodeToString(serial.Bytes()[:4])},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: l.dns,
	}
	for _, ip := range l.ips {
		if v4 := ip.To4(); v4 != nil {
			ip = v4
		}
		t.PermittedIPRanges = append(t.PermittedIPRanges, &net.IPNet{IP: ip, Mask: net.CIDRMask(8*len(ip), 8*len(ip))})
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("local authority: %w", err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("local authority: %w", err)
	}
	// The old certificate goes first and the new one comes last, so that a crash
	// leaves no pair that disagrees.
	if err := os.Remove(l.CAFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("local authority: %w", err)
	}
	if err := l.writeKey("ca-key.pem", key); err != nil {
		return nil, nil, err
	}
	if err := writeFile(l.CAFile(), encodeCert(der), 0o644); err != nil {
		return nil, nil, fmt.Errorf("local authority: %w", err)
	}
	return ca, key, nil
}

// loadLeaf returns the kept server certificate, or nil where it does not serve
// any more for whatever reason: it can always be made again.
func (l *Local) loadLeaf(ca *x509.Certificate) *tls.Certificate {
	text, err := os.ReadFile(l.path("leaf.pem"))
	if err != nil {
		return nil
	}
	keyText, err := os.ReadFile(l.path("leaf-key.pem"))
	if err != nil {
		return nil
	}
	pair, err := tls.X509KeyPair(text, keyText)
	if err != nil {
		return nil
	}
	now := l.now()
	c := pair.Leaf
	if c.CheckSignatureFrom(ca) != nil || now.Before(c.NotBefore) || c.NotAfter.Sub(now) < leafSpare {
		return nil
	}
	if !slices.Equal(c.DNSNames, l.dns) || !slices.EqualFunc(c.IPAddresses, l.ips, net.IP.Equal) {
		return nil
	}
	return &pair
}

func (l *Local) makeLeaf(ca *x509.Certificate, caKey crypto.Signer) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("key of the local certificate: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	now := l.now()
	end := now.Add(leafLife)
	if end.After(ca.NotAfter) {
		end = ca.NotAfter
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: now.Add(-backdate), NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              l.dns, IPAddresses: l.ips,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, ca, key.Public(), caKey)
	if err != nil {
		return nil, fmt.Errorf("local certificate: %w", err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("local certificate: %w", err)
	}
	if err := l.writeKey("leaf-key.pem", key); err != nil {
		return nil, err
	}
	if err := writeFile(l.path("leaf.pem"), encodeCert(der), 0o644); err != nil {
		return nil, fmt.Errorf("local certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}, nil
}

func (l *Local) writeKey(name string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := writeFile(l.path(name), text, 0o600); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func encodeCert(der []byte) []byte {
	return bytes.Clone(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// newSerial is a random positive number of 126 bits: RFC 5280 allows 20 octets,
// browsers ask for 64 random bits.
func newSerial() (*big.Int, error) {
	limit := new(big.Int).Lsh(big.NewInt(1), 126)
	n, err := rand.Int(rand.Reader, limit)
	if err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	return n.Add(n, limit), nil // always the full length
}
