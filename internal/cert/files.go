package cert

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// lookEvery is how often changed files are looked for.
const lookEvery = 10 * time.Second

// warnBefore is how long before the end the log begins to warn, once a day.
const warnBefore = 14 * 24 * time.Hour

// FilesOptions of a pair of files.
type FilesOptions struct {
	Names []string         // host names that the certificate has to cover
	Now   func() time.Time // nil is time.Now
	Log   *slog.Logger     // nil is slog.Default
}

// Files serves a certificate that somebody else renews.
type Files struct {
	certFile, keyFile string
	names             []string
	now               func() time.Time
	log               *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	sum     [32]byte  // of the contents last looked at, good or bad
	problem error     // why the files as they are now are not in use
	looked  time.Time // when they were last looked at
	warned  time.Time
}

// OpenFiles loads a certificate (with its chain, the server's own first) and its
// key, both PEM. It fails with an error that says which file, what is wrong and
// what would be right; errors.Is knows the Err values of this package.
func OpenFiles(certFile, keyFile string, o FilesOptions) (*Files, error) {
	f := &Files{certFile: certFile, keyFile: keyFile, names: o.Names, now: o.Now, log: o.Log}
	if f.now == nil {
		f.now = time.Now
	}
	if f.log == nil {
		f.log = slog.Default()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	pair, sum, err := f.load()
	if err != nil {
		return nil, err
	}
	f.pair, f.sum, f.looked = pair, sum, f.now()
	if info, err := os.Stat(keyFile); err == nil && info.Mode().Perm()&0o077 != 0 {
		f.log.Warn("others on this machine can read the key of the certificate; chmod 600", "file", keyFile)
	}
	return f, nil
}

// TLSConfig is for a listener; see ServerTLS.
func (f *Files) TLSConfig() *tls.Config { return ServerTLS(f.GetCertificate) }

// Expires is when the certificate in use ends.
func (f *Files) Expires() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pair.Leaf.NotAfter
}

// Problem looks at the files now, takes a good change into use and says why
// the files as they are cannot be used; nil when all is well.
func (f *Files) Problem() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lookLocked()
	if f.problem != nil {
		return f.problem
	}
	return checkTime(f.certFile, f.pair.Leaf, f.now())
}

// GetCertificate returns the certificate in use. Changed files are noticed
// within 10 s of handshakes.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now().Sub(f.looked) >= lookEvery {
		f.lookLocked()
	}
	return f.pair, nil
}

// lookLocked compares contents, not times: copying tools keep old times.
func (f *Files) lookLocked() {
	f.looked = f.now()
	pair, sum, err := f.load()
	switch {
	case err != nil:
		// A renewal writes two files, one after the other: between them they do
		// not fit. The next look finds them whole.
		if sum != f.sum || f.problem == nil {
			f.log.Error("the certificate files cannot be used; the certificate loaded before stays in use", "err", err)
		}
		f.problem = err
	case sum != f.sum || f.problem != nil:
		f.problem = nil
		f.pair = pair
		f.log.Info("certificate loaded", "file", f.certFile, "until", pair.Leaf.NotAfter.UTC())
	}
	f.sum = sum
	if left := f.pair.Leaf.NotAfter.Sub(f.now()); left < warnBefore && f.now().Sub(f.warned) >= 24*time.Hour {
		f.warned = f.now()
		f.log.Warn("the certificate ends soon", "file", f.certFile, "until", f.pair.Leaf.NotAfter.UTC())
	}
}

// load reads and checks both files. The sum is that of their contents, zero
// where they cannot be read.
func (f *Files) load() (*tls.Certificate, [32]byte, error) {
	text, err := os.ReadFile(f.certFile)
	if err != nil {
		return nil, [32]byte{}, fmt.Errorf("certificate %w: %w", ErrUnreadable, err)
	}
	keyText, err := os.ReadFile(f.keyFile)
	if err != nil {
		return nil, [32]byte{}, fmt.Errorf("key %w: %w", ErrUnreadable, err)
	}
	h := sha256.New()
	h.Write(text)
	h.Write([]byte{0})
	h.Write(keyText)
	sum := [32]byte(h.Sum(nil))
	pair, err := f.check(text, keyText)
	return pair, sum, err
}

func (f *Files) check(text, keyText []byte) (*tls.Certificate, error) {
	certs, err := parseCerts(f.certFile, text)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(f.keyFile, keyText)
	if err != nil {
		return nil, err
	}
	leaf := certs[0]
	if !belongs(leaf, key) {
		for i, c := range certs[1:] {
			if belongs(c, key) {
				return nil, fmt.Errorf("%s: %w: the key fits certificate %d; the server's own certificate stands first, its chain after it", f.certFile, ErrKeyMismatch, i+2)
			}
		}
		return nil, fmt.Errorf("%s and %s: %w", f.certFile, f.keyFile, ErrKeyMismatch)
	}
	if leaf.IsCA {
		return nil, fmt.Errorf("%s %w but an authority's", f.certFile, ErrNotServer)
	}
	if !serves(leaf) {
		return nil, fmt.Errorf("%s %w: its extended key usage leaves out server authentication", f.certFile, ErrNotServer)
	}
	if err := checkStrength(f.certFile, leaf); err != nil {
		return nil, err
	}
	if err := checkTime(f.certFile, leaf, f.now()); err != nil {
		return nil, err
	}
	for _, n := range f.names {
		if err := leaf.VerifyHostname(n); err != nil {
			covered := append([]string(nil), leaf.DNSNames...)
			for _, ip := range leaf.IPAddresses {
				covered = append(covered, ip.String())
			}
			return nil, fmt.Errorf("%s: %w: %s; the certificate is for %s", f.certFile, ErrNotCovered, n, strings.Join(covered, ", "))
		}
	}
	pair := &tls.Certificate{PrivateKey: key, Leaf: leaf}
	for _, c := range certs {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	return pair, nil
}

func serves(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	for _, u := range c.ExtKeyUsage {
		if u == x509.ExtKeyUsageServerAuth || u == x509.ExtKeyUsageAny {
			return true
		}
	}
	return false
}
