package shoptest

import (
	"encoding/pem"
	"net/http/httptest"
)

// certPEM is the authority of a test server: its own certificate.
func certPEM(s *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}
