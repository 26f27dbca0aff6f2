package post

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
)

// Join enrols a shop with the outpost that made the token, under the name that the shop
// gives it. The private key is made here and leaves nowhere. It returns what opens the
// site: Name, Addr, Cert, CA and Key.
func Join(ctx context.Context, t Token, site string, charter copies.Charter) (Options, string, error) {
	fail := func(err error) (Options, string, error) {
		return Options{}, "", fmt.Errorf("outpost at %s: %w", t.Addr, err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return fail(err)
	}
	body, err := json.Marshal(JoinRequest{Secret: t.Secret, Site: site, Charter: charter, Request: csr})
	if err != nil {
		return fail(err)
	}
	authority, err := x509.ParseCertificate(t.CA)
	if err != nil {
		return fail(errors.New("the token is not whole: copy all of its line"))
	}
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	conf := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: ServerName, RootCAs: pool}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+t.Addr+"/v1/join", bytes.NewReader(body))
	if err != nil {
		return fail(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return fail(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return fail(err)
	}
	if res.StatusCode != http.StatusOK {
		var a Answer
		_ = json.Unmarshal(b, &a)
		return fail(errorOf(res.StatusCode, a))
	}
	var j Joined
	if err := json.Unmarshal(b, &j); err != nil {
		return fail(errors.New("the answer is not an outpost's"))
	}
	ca, err := firstCert(j.CA)
	if err != nil || !ca.Equal(authority) {
		return fail(errors.New("the authority is not the one that the token names"))
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fail(err)
	}
	o := Options{Name: site, Addr: t.Addr, Cert: j.Cert, CA: j.CA, Key: secret.Hide(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))}
	if _, err := Open(o); err != nil {
		return fail(err)
	}
	return o, j.Shop, nil
}
