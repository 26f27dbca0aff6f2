// Package gcpkms wraps keys by a key of Google Cloud KMS.
//
// One KMS key wraps every key of the shop; the name of each is its additional authenticated data, so that a blob opens
// under no other name. Checksums (CRC32C) go along both ways, as Google asks of its callers. As at AWS one ciphertext
// cannot be unmade, so Discard does nothing: what is destroyed is the blob in the keeper's folder (docs/keys.md).
//
// Credentials are a service account's key in a file, from which each hour's token is asked for anew (RFC 7523).
package gcpkms

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"kassavalv/internal/secret"
)

// Google's address of the service, and what a token must be good for.
const (
	Google = "https://cloudkms.googleapis.com"
	Scope  = "https://www.googleapis.com/auth/cloudkms"
)

var keyPath = regexp.MustCompile(`^projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+$`)

// Options say which key.
type Options struct {
	Key         string        // projects/…/locations/…/keyRings/…/cryptoKeys/…
	Credentials string        // file with a service account's key (JSON)
	Endpoint    string        // of a stand-in; empty: Google
	Timeout     time.Duration // of one call; 10 s where zero
}

// Client is a secret.Wrapper.
type Client struct {
	o    Options
	http *http.Client

	mu    sync.Mutex
	token *oauth2.Token
}

// New makes a client; it asks nothing of Google yet.
func New(o Options) (*Client, error) {
	if !keyPath.MatchString(o.Key) {
		return nil, errors.New("gcpkms: the key must be named as projects/PROJECT/locations/PLACE/keyRings/RING/cryptoKeys/KEY")
	}
	if o.Endpoint == "" {
		o.Endpoint = Google
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	return &Client{o: o, http: &http.Client{Timeout: o.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Where names service and key.
func (c *Client) Where() string {
	if c.o.Endpoint != Google {
		return "Cloud KMS at " + c.o.Endpoint + " (" + c.o.Key + ")"
	}
	return "Google Cloud KMS (" + c.o.Key + ")"
}

// bearer is a living token. The file is read for each new one, so that a new key of the account needs no restart.
func (c *Client) bearer(ctx context.Context, anew bool) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !anew && c.token.Valid() {
		return c.token.AccessToken, nil
	}
	b, err := os.ReadFile(c.o.Credentials)
	if err != nil {
		return "", fmt.Errorf("gcpkms: the credentials are wanted from keys.gcp_credentials_file: %w", err)
	}
	var a struct {
		Type  string `json:"type"`
		Email string `json:"client_email"`
		ID    string `json:"private_key_id"`
		Key   string `json:"private_key"`
		Token string `json:"token_uri"`
	}
	if err := json.Unmarshal(b, &a); err != nil || a.Type != "service_account" || a.Email == "" || a.Key == "" || a.Token == "" {
		return "", fmt.Errorf("gcpkms: %s is no key of a service account", c.o.Credentials)
	}
	if !strings.HasPrefix(a.Token, "https://") && c.o.Endpoint == Google {
		return "", fmt.Errorf("gcpkms: token_uri in %s is not https", c.o.Credentials)
	}
	conf := jwt.Config{Email: a.Email, PrivateKey: []byte(a.Key), PrivateKeyID: a.ID, Scopes: []string{Scope}, TokenURL: a.Token}
	t, err := conf.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, c.http)).Token()
	if err != nil {
		var r *oauth2.RetrieveError
		if errors.As(err, &r) { // its text may hold what was asked
			var said struct {
				Error string `json:"error"`
			}
			json.Unmarshal(r.Body, &said) // what is no JSON says nothing
			return "", fmt.Errorf("gcpkms: the account of %s gets no token: answers %d %.60s", c.o.Credentials, r.Response.StatusCode, said.Error)
		}
		return "", fmt.Errorf("gcpkms: a token of the account: %w", err)
	}
	c.token = t
	return t.AccessToken, nil
}

// call is one method of the key. A token that Google does not take any more is replaced once.
func (c *Client) call(ctx context.Context, method string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	for again := range 2 {
		token, err := c.bearer(ctx, again > 0)
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.o.Endpoint+"/v1/"+c.o.Key+":"+method, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		res, err := c.http.Do(req)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		res.Body.Close()
		switch {
		case err != nil:
			return err
		case res.StatusCode == http.StatusUnauthorized && again == 0:
			continue
		case res.StatusCode != http.StatusOK:
			var said struct {
				Error struct{ Status, Message string } `json:"error"`
			}
			json.Unmarshal(b, &said) // what is no JSON says nothing
			return fmt.Errorf("gcpkms: %s answers %d %s (%.300s)", c.Where(), res.StatusCode, said.Error.Status, said.Error.Message)
		}
		return json.Unmarshal(b, out)
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum is a checksum as Google's JSON has it: a number in quotes.
func sum(b []byte) int64 { return int64(crc32.Checksum(b, castagnoli)) }

var errSum = errors.New("gcpkms: the checksums do not agree: something was changed on the way")

// Wrap has KMS seal plain.
func (c *Client) Wrap(ctx context.Context, name string, plain []byte) (string, error) {
	bound := []byte(secret.Bound(name))
	var out struct {
		Ciphertext []byte `json:"ciphertext"`
		Sum        int64  `json:"ciphertextCrc32c,string"`
		Plain      bool   `json:"verifiedPlaintextCrc32c"`
		Bound      bool   `json:"verifiedAdditionalAuthenticatedDataCrc32c"`
	}
	err := c.call(ctx, "encrypt", struct {
		Plaintext []byte `json:"plaintext"`
		Bound     []byte `json:"additionalAuthenticatedData"`
		Sum       int64  `json:"plaintextCrc32c,string"`
		BoundSum  int64  `json:"additionalAuthenticatedDataCrc32c,string"`
	}{plain, bound, sum(plain), sum(bound)}, &out)
	if err != nil {
		return "", err
	}
	if len(out.Ciphertext) == 0 || !out.Plain || !out.Bound || out.Sum != sum(out.Ciphertext) {
		return "", errSum
	}
	return secret.BlobText(out.Ciphertext), nil
}

// Unwrap has KMS open a blob. A version that is disabled, or destroyed by schedule, can be brought back, and a key may be
// mistyped: none of it is ever taken for a destroyed key of the shop.
func (c *Client) Unwrap(ctx context.Context, name, blob string) ([]byte, error) {
	b, err := secret.BlobBytes(blob)
	if err != nil {
		return nil, errors.New("gcpkms: not a blob of Cloud KMS")
	}
	bound := []byte(secret.Bound(name))
	var out struct {
		Plaintext []byte `json:"plaintext"`
		Sum       int64  `json:"plaintextCrc32c,string"`
	}
	err = c.call(ctx, "decrypt", struct {
		Ciphertext []byte `json:"ciphertext"`
		Bound      []byte `json:"additionalAuthenticatedData"`
		Sum        int64  `json:"ciphertextCrc32c,string"`
		BoundSum   int64  `json:"additionalAuthenticatedDataCrc32c,string"`
	}{b, bound, sum(b), sum(bound)}, &out)
	if err != nil {
		return nil, err
	}
	if len(out.Plaintext) == 0 || out.Sum != sum(out.Plaintext) {
		return nil, errSum
	}
	return out.Plaintext, nil
}

// Discard does nothing: KMS cannot unmake one ciphertext.
func (c *Client) Discard(context.Context, string, string) error { return nil }
