package cert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// What can be wrong with a certificate. Errors of this package wrap one of them
// where it applies, and name the file, the fact and what would be right.
var (
	ErrUnreadable  = errors.New("cannot be read")
	ErrExpired     = errors.New("has expired")
	ErrNotYetValid = errors.New("is not valid yet")
	ErrKeyMismatch = errors.New("key and certificate do not belong together")
	ErrNotCovered  = errors.New("name is not covered")
	ErrNotServer   = errors.New("is not a server's certificate")
	ErrWeak        = errors.New("is too weak")
)

// parseCerts reads all certificates of a PEM text, the first one being the
// server's own.
func parseCerts(file string, text []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for {
		var b *pem.Block
		b, text = pem.Decode(text)
		if b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s %w: certificate %d: %w", file, ErrUnreadable, len(out)+1, err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s %w: it holds no block -----BEGIN CERTIFICATE-----", file, ErrUnreadable)
	}
	return out, nil
}

// parseKey reads the first private key of a PEM text.
func parseKey(file string, text []byte) (crypto.Signer, error) {
	for {
		var b *pem.Block
		b, text = pem.Decode(text)
		if b == nil {
			return nil, fmt.Errorf("%s %w: it holds no block -----BEGIN PRIVATE KEY-----", file, ErrUnreadable)
		}
		var key any
		var err error
		switch b.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(b.Bytes)
		case "RSA PRIVATE KEY":
			if b.Headers["DEK-Info"] != "" {
				return nil, fmt.Errorf("%s %w: the key is encrypted; store it without a passphrase, mode 0600", file, ErrUnreadable)
			}
			key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			return nil, fmt.Errorf("%s %w: the key is encrypted; store it without a passphrase, mode 0600", file, ErrUnreadable)
		default:
			continue // parameters, certificates
		}
		if err != nil {
			// The cause may quote the file; a key's bytes belong in no log.
			return nil, fmt.Errorf("%s %w: the block %s is damaged", file, ErrUnreadable, b.Type)
		}
		s, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("%s %w: this kind of key cannot sign", file, ErrUnreadable)
		}
		return s, nil
	}
}

// belongs reports whether key is the private half of c's key.
func belongs(c *x509.Certificate, key crypto.Signer) bool {
	pub, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && pub.Equal(key.Public())
}

// checkTime compares the validity with a moment.
func checkTime(file string, c *x509.Certificate, now time.Time) error {
	if now.After(c.NotAfter) {
		return fmt.Errorf("%s %w: it was valid until %s; put a renewed certificate there", file, ErrExpired, c.NotAfter.UTC().Format(time.RFC3339))
	}
	if now.Before(c.NotBefore) {
		return fmt.Errorf("%s %w: it begins %s and this machine's clock says %s; check the clock", file, ErrNotYetValid,
			c.NotBefore.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// checkStrength refuses keys that browsers refuse.
func checkStrength(file string, c *x509.Certificate) error {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < 2048 {
			return fmt.Errorf("%s %w: RSA with %d bits; 2048 is the least", file, ErrWeak, k.N.BitLen())
		}
	case *ecdsa.PublicKey:
		if k.Curve.Params().BitSize < 256 {
			return fmt.Errorf("%s %w: an elliptic curve of %d bits; 256 is the least", file, ErrWeak, k.Curve.Params().BitSize)
		}
	}
	return nil
}

// writeFile replaces a file so that a reader sees the old or the new one.
func writeFile(path string, data []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600 from the start
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Chmod(f.Name(), mode)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
