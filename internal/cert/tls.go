package cert

import (
	"crypto/tls"
)

// Getter finds the certificate for a handshake.
type Getter func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// ServerTLS returns the settings of every TLS listener: 1.2 with forward secrecy
// and authenticated encryption only, 1.3, HTTP/2 and HTTP/1.1. Curves and the
// order of suites are the library's, which follow the machine.
func ServerTLS(get Getter) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{ // of 1.2; those of 1.3 are all good and not settable
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: get,
	}
}
