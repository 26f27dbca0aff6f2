package swish

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/shop/payment"
)

// maxAnswer is more than Swish has to say.
const maxAnswer = 1 << 18

type client struct {
	base string
	http *http.Client
}

func newClient(base, caFile string, cert *clientCert) (*client, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, GetClientCertificate: cert.get}
	if caFile != "" {
		b, err := os.ReadFile(caFile)
		if err != nil {
			return nil, &ConfigError{"swish.ca", err.Error()}
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(b) {
			return nil, &ConfigError{"swish.ca", "holds no certificate in PEM"}
		}
	}
	return &client{base: base, http: &http.Client{
		Transport: &http.Transport{
			Proxy:       http.ProxyFromEnvironment,
			DialContext: (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext, TLSClientConfig: conf, TLSHandshakeTimeout: 10 * time.Second,
			ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16, MaxConnsPerHost: 64, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: 25 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// problem is an answer that is none, with the code that staff may see.
type problem struct{ code, what string }

func (e *problem) Error() string        { return "swish: " + e.code + ": " + e.what }
func (e *problem) ProviderCode() string { return e.code }

// answer is what Swish said, whatever it was.
type answer struct {
	status int
	header http.Header
	body   []byte
	faults []wireFault
}

// wireFault is one thing that Swish found wrong.
type wireFault struct {
	ErrorCode    string `json:"errorCode"`
	ErrorMessage string `json:"errorMessage"`
}

func (a answer) has(code string) bool {
	for _, f := range a.faults {
		if f.ErrorCode == code {
			return true
		}
	}
	return false
}

// code is the first fault's.
func (a answer) code() string {
	if len(a.faults) == 0 {
		return ""
	}
	return a.faults[0].ErrorCode
}

func (a answer) codes() string {
	var out []string
	for _, f := range a.faults[:min(len(a.faults), 8)] {
		out = append(out, f.ErrorCode)
	}
	return strings.Join(out, " ")
}

// unclear is the error of an answer that says nothing about the payment: 401 and 403
// for a certificate that Swish does not take, 429, and 5xx.
func (a answer) unclear() error {
	c := a.code()
	if c == "" {
		c = "http_" + strconv.Itoa(a.status)
	}
	what := "no answer that says anything"
	switch a.status {
	case 401, 403:
		what = "the certificate does not open this Swish number"
	case 429:
		what = "too many questions"
	}
	return unknown(c, what)
}

func (a answer) into(out any) error {
	if err := json.Unmarshal(a.body, out); err != nil {
		return unknown("garbage", "the answer is no JSON")
	}
	return nil
}

// do asks once. An error means that no whole answer came, and wraps ErrUnknown.
func (c *client) do(ctx context.Context, method, path, kind string, in any) (answer, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return answer{}, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", "application/json")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ue := (*url.Error)(nil); errors.As(err, &ue) {
			err = ue.Err // without the address
		}
		return answer{}, fmt.Errorf("%w: swish: %s: %w", payment.ErrUnknown, method, err)
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return answer{}, fmt.Errorf("%w: swish: %s: answer cut short: %w", payment.ErrUnknown, method, err)
	}
	if a.status >= 400 {
		if json.Unmarshal(a.body, &a.faults) != nil {
			var one wireFault
			if json.Unmarshal(a.body, &one) == nil && one.ErrorCode != "" {
				a.faults = []wireFault{one}
			}
		}
	}
	return a, nil
}
