package swish

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// lookAgain is how often the files are read for a renewed certificate.
const lookAgain = time.Minute

// clientCert is the shop's certificate, read anew when its files change, so that a
// renewal needs no restart. Files that do not fit leave the old one in use. One that has
// ended is no reason not to start: the shop's other ways to pay work.
type clientCert struct {
	o   Options
	log *slog.Logger
	now func() time.Time

	mu     sync.Mutex
	cur    *tls.Certificate
	sum    [32]byte
	looked time.Time
}

func openCert(o Options) (*clientCert, error) {
	switch {
	case o.P12 == "" && o.Cert == "":
		return nil, &ConfigError{"swish.cert", "is missing: the certificate of the Swish number (or swish.p12)"}
	case o.P12 != "" && (o.Cert != "" || o.Key != ""):
		return nil, &ConfigError{"swish.p12", "stands beside swish.cert and swish.key; give one or the other"}
	case o.P12 == "" && o.Key == "":
		return nil, &ConfigError{"swish.key", "is missing: the key of the certificate"}
	case o.P12 == "" && o.Password != "":
		return nil, &ConfigError{"swish.password", "is the password of swish.p12, which is not given"}
	}
	c := &clientCert{o: o, log: o.Log, now: o.Now}
	cert, sum, err := c.load()
	if err != nil {
		return nil, err
	}
	c.cur, c.sum, c.looked = cert, sum, o.Now()
	return c, nil
}

var swishNumber = regexp.MustCompile(`^123[0-9]{7}$`)

func (c *clientCert) load() (*tls.Certificate, [32]byte, error) {
	var sum [32]byte
	var cert tls.Certificate
	key := "swish.cert"
	if c.o.P12 != "" {
		key = "swish.p12"
		b, err := os.ReadFile(c.o.P12)
		if err != nil {
			return nil, sum, &ConfigError{key, err.Error()}
		}
		sum = sha256.Sum256(b)
		priv, leaf, chain, err := pkcs12.DecodeChain(b, c.o.Password)
		if err != nil {
			return nil, sum, &ConfigError{key, "cannot be opened with swish.password: " + err.Error()}
		}
		cert.PrivateKey, cert.Certificate = priv, [][]byte{leaf.Raw}
		for _, x := range chain {
			cert.Certificate = append(cert.Certificate, x.Raw)
		}
		cert.Leaf = leaf
	} else {
		b, err := os.ReadFile(c.o.Cert)
		if err != nil {
			return nil, sum, &ConfigError{key, err.Error()}
		}
		k, err := os.ReadFile(c.o.Key)
		if err != nil {
			return nil, sum, &ConfigError{"swish.key", err.Error()}
		}
		sum = sha256.Sum256(append(append(append([]byte{}, b...), 0), k...))
		if cert, err = tls.X509KeyPair(b, k); err != nil {
			return nil, sum, &ConfigError{key, "does not go with swish.key: " + err.Error()}
		}
		if cert.Leaf == nil {
			if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
				return nil, sum, &ConfigError{key, err.Error()}
			}
		}
	}
	switch leaf := cert.Leaf; {
	case swishNumber.MatchString(leaf.Subject.CommonName) && leaf.Subject.CommonName != c.o.Payee:
		// A technical supplier's certificate has a number of another kind.
		return nil, sum, &ConfigError{key, "is of the Swish number " + leaf.Subject.CommonName + ", not of swish.payee"}
	case c.o.Live && strings.Contains(strings.ToLower(leaf.Issuer.String()), "test"):
		return nil, sum, &ConfigError{key, "is a test certificate, and this shop takes real money; set payments.test or give the real one"}
	}
	return &cert, sum, nil
}

func (c *clientCert) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= lookAgain {
		c.looked = now
		cert, sum, err := c.load()
		switch {
		case err != nil:
			c.log.Error("swish: the certificate on disk cannot be used; the one before stays", "err", err)
		case sum != c.sum && cert.Leaf.NotAfter.Before(c.cur.Leaf.NotAfter) && !now.Before(cert.Leaf.NotAfter):
			c.log.Error("swish: the certificate on disk has ended; the one before stays", "ended", cert.Leaf.NotAfter)
		case sum != c.sum:
			c.cur, c.sum = cert, sum
			c.log.Info("swish: a new certificate is in use", "ends", cert.Leaf.NotAfter)
		}
	}
	return c.cur
}

func (c *clientCert) get(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return c.current(), nil
}

func (c *clientCert) expires() time.Time { return c.current().Leaf.NotAfter }
