// Package transit wraps keys by the transit engine of HashiCorp Vault or OpenBao.
//
// Each key of the shop gets a transit key of its own, PREFIX + NAME + "-" + eight random
// hex digits, made with derivation on (the name is the context) and neither exportable nor open to plaintext
// backups, and set to allow deletion. Discard deletes it, at once and for good, so that no copy of the blob is worth
// anything from then on; what remains are snapshots of Vault's own storage (docs/keys.md).
//
// What the engine answers was taken from its API documents
// (developer.hashicorp.com/vault/api-docs/secret/transit, openbao.org/api-docs/secret/transit): a key that does not exist is
// 400 with a sentence, in one wording at decrypt and another at delete; 404 means that
// nothing is mounted at the path, which says nothing about keys and is never taken for
// a destroyed one; 403 is a token without the right or at its end; 503 is sealed.
package transit

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"kassavalv/internal/secret"
)

// Options say where the engine is and by what right.
type Options struct {
	URL       string        // https://vault.example:8200
	Mount     string        // path of the engine; "transit" where empty
	Prefix    string        // of the transit keys' names; "kassavalv-" where empty
	Namespace string        // of Vault Enterprise or OpenBao
	Token     secret.Secret // or:
	TokenFile string        // read again at each call: an agent may renew it
	CA        string        // PEM file of authorities; empty: the machine's
	Timeout   time.Duration // of one call; 10 s where zero
}

// Client is a secret.Wrapper.
type Client struct {
	o    Options
	base string
	http *http.Client

	mu      sync.Mutex
	renewed time.Time
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)
var plainPath = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$`)

// New makes a client; it asks nothing yet.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("transit: the address must be https://host:port")
	}
	if o.Mount == "" {
		o.Mount = "transit"
	}
	if o.Prefix == "" {
		o.Prefix = "kassavalv-"
	}
	o.Mount = strings.Trim(o.Mount, "/")
	if !plainPath.MatchString(o.Mount) || strings.Contains(o.Mount, "..") {
		return nil, errors.New("transit: the mount must be a plain path")
	}
	if !plainName.MatchString(o.Prefix) {
		return nil, errors.New("transit: the prefix must be letters, digits, dots, dashes")
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	tr := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: o.Timeout}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("transit: %s holds no certificate", o.CA)
		}
		tr.TLSClientConfig.RootCAs = pool
	}
	c := &Client{o: o, base: strings.TrimSuffix(o.URL, "/") + "/v1/"}
	c.http = &http.Client{Transport: tr, Timeout: o.Timeout,
		// A standby node answers 307 with the active one's address; the token goes along, so
		// never from https to http.
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 2 || r.URL.Scheme != u.Scheme {
				return errors.New("transit: a redirect that is not followed")
			}
			return nil
		}}
	return c, nil
}

// Where names the service.
func (c *Client) Where() string { return "Vault at " + c.o.URL + " (" + c.o.Mount + ")" }

// answerError is what the engine said.
type answerError struct {
	status int
	says   string
}

func (e *answerError) Error() string {
	s := fmt.Sprintf("it answers %d", e.status)
	switch {
	case e.status == 403:
		s += " (the token is missing a right, or at its end)"
	case e.status == 404:
		s += " (no transit engine is mounted there)"
	case e.status == 503:
		s += " (it is sealed or in maintenance)"
	}
	if e.says != "" {
		s += ": " + e.says
	}
	return s
}

const maxAnswer = 1 << 20

func (c *Client) token() (secret.Secret, error) {
	if c.o.TokenFile == "" {
		return c.o.Token, nil
	}
	b, err := os.ReadFile(c.o.TokenFile)
	if err != nil {
		return secret.Secret{}, fmt.Errorf("the token cannot be read: %w", err)
	}
	return secret.Hide(strings.TrimSpace(string(b))), nil
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	tok, err := c.token()
	if err != nil {
		return err
	}
	req.Header.Set("X-Vault-Token", tok.Reveal())
	req.Header.Set("X-Vault-Request", "true") // Vault's guard against requests that something else was led to make
	if c.o.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", c.o.Namespace)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("it does not answer: %w", bare(err))
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("its answer broke off: %w", bare(err))
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		var e struct {
			Errors []string `json:"errors"`
		}
		ae := &answerError{status: res.StatusCode}
		if json.Unmarshal(b, &e) == nil { // anything else is a proxy's page
			ae.says = strings.TrimSpace(strings.Join(e.Errors, "; "))
		}
		return ae
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return errors.New("it answers something that is not Vault's")
	}
	return nil
}

// bare takes the address, which the message names already, out of a client's error.
func bare(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// Wrap makes a transit key for name and has it seal plain.
func (c *Client) Wrap(ctx context.Context, name string, plain []byte) (string, error) {
	var r [4]byte
	rand.Read(r[:])
	key := c.o.Prefix + name + "-" + hex.EncodeToString(r[:])
	if err := c.call(ctx, http.MethodPost, c.o.Mount+"/keys/"+key, map[string]any{"type": "aes256-gcm96", "derived": true, "exportable": false, "allow_plaintext_backup": false}, nil); err != nil {
		return "", err
	}
	blob, err := c.wrap(ctx, name, key, plain)
	if err != nil {
		c.Discard(context.WithoutCancel(ctx), name, key+"!-")
	}
	return blob, err
}

func (c *Client) wrap(ctx context.Context, name, key string, plain []byte) (string, error) {
	if err := c.call(ctx, http.MethodPost, c.o.Mount+"/keys/"+key+"/config", map[string]any{"deletion_allowed": true}, nil); err != nil {
		return "", err
	}
	var out struct {
		Data struct {
			Ciphertext string `json:"ciphertext"`
		} `json:"data"`
	}
	if err := c.call(ctx, http.MethodPost, c.o.Mount+"/encrypt/"+key, map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain), "context": boundTo(name)}, &out); err != nil {
		return "", err
	}
	if !strings.HasPrefix(out.Data.Ciphertext, "vault:v") || strings.ContainsAny(out.Data.Ciphertext, " \t\r\n!") {
		return "", errors.New("it answers no ciphertext")
	}
	return key + "!" + out.Data.Ciphertext, nil
}

func boundTo(name string) string {
	return base64.StdEncoding.EncodeToString([]byte(secret.Bound(name)))
}

// split takes a blob apart: the transit key's name and the ciphertext.
func split(blob string) (key, ciphertext string, err error) {
	key, ciphertext, ok := strings.Cut(blob, "!")
	if !ok || !regexpKey.MatchString(key) {
		return "", "", errors.New("transit: not a blob of the transit engine")
	}
	return key, ciphertext, nil
}

var regexpKey = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)

// Unwrap has the engine open a blob.
func (c *Client) Unwrap(ctx context.Context, name, blob string) ([]byte, error) {
	key, ciphertext, err := split(blob)
	if err != nil {
		return nil, err
	}
	c.renew(ctx)
	var out struct {
		Data struct {
			Plaintext string `json:"plaintext"`
		} `json:"data"`
	}
	err = c.call(ctx, http.MethodPost, c.o.Mount+"/decrypt/"+key, map[string]any{"ciphertext": ciphertext, "context": boundTo(name)}, &out)
	if gone(err) {
		return nil, secret.ErrNoKey
	}
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(out.Data.Plaintext)
}

// gone reports whether the engine says that the key does not exist. The words are the
// engine's own; 400 alone says nothing.
func gone(err error) bool {
	var e *answerError
	if !errors.As(err, &e) || e.status != 400 {
		return false
	}
	return strings.Contains(e.says, "encryption key not found") || strings.Contains(e.says, "could not delete key; not found") || strings.Contains(e.says, "no existing key named ")
}

// Discard deletes the transit key of a blob.
func (c *Client) Discard(ctx context.Context, name, blob string) error {
	key, _, err := split(blob)
	if err != nil {
		return err
	}
	// Deletion may have been shut by hand since.
	if err := c.call(ctx, http.MethodPost, c.o.Mount+"/keys/"+key+"/config", map[string]any{"deletion_allowed": true}, nil); gone(err) {
		return nil
	} else if err != nil {
		return err
	}
	if err := c.call(ctx, http.MethodDelete, c.o.Mount+"/keys/"+key, nil, nil); err != nil && !gone(err) {
		return err
	}
	return nil
}

// renew prolongs the token once an hour, where it can be; one that cannot says so in
// its time by 403.
func (c *Client) renew(ctx context.Context) {
	c.mu.Lock()
	due := time.Since(c.renewed) > time.Hour
	if due {
		c.renewed = time.Now()
	}
	c.mu.Unlock()
	if due && c.o.TokenFile == "" { // whoever writes the file renews its token
		c.call(ctx, http.MethodPost, "auth/token/renew-self", map[string]any{}, nil)
	}
}
