package apptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var addresses atomic.Uint32

// Client is one visitor: cookies and a network address of his own. Its methods end
// the test when the shop does not answer at all; what it answers is the test's.
type Client struct {
	*Shop
	T    testing.TB
	IP   string
	Lang string // Accept-Language; "" sends none
	jar  *cookiejar.Jar
	own  *http.Transport // connections of his own; nil: those all visitors share
}

// As makes a new visitor for a test.
func (s *Shop) As(t testing.TB) *Client {
	n := addresses.Add(1)
	jar, _ := cookiejar.New(nil)
	return &Client{Shop: s, T: t, IP: fmt.Sprintf("10.%d.%d.%d", 1+n>>14&127, n>>7&127, 1+n&127), jar: jar}
}

// With is the same visitor inside another test.
func (c *Client) With(t testing.TB) *Client {
	d := *c
	d.T = t
	return &d
}

// Other is another visitor of the same test.
func (c *Client) Other() *Client { return c.Shop.As(c.T) }

// Apart is another visitor with connections of his own, as from a house of his own:
// what happens to the others' connections does not happen to his.
func (c *Client) Apart() *Client {
	d := c.Other()
	d.own = c.transport().Clone()
	c.T.Cleanup(d.own.CloseIdleConnections)
	return d
}

// Answer is what came back, read whole.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON reads the body into v and reports whether it was possible.
func (a Answer) JSON(v any) error { return json.Unmarshal(a.Body, v) }

// Code is the stable code of a problem document, and "" for anything else.
func (a Answer) Code() string {
	var p struct {
		Code string `json:"code"`
	}
	json.Unmarshal(a.Body, &p)
	return p.Code
}

// Location of a redirect.
func (a Answer) Location() string { return a.Header.Get("Location") }

func (a Answer) String() string { return fmt.Sprintf("%d %s", a.Status, tail(string(a.Body), 600)) }

// Raw is a body that is sent as it is.
type Raw string

// Do sends a request; body is nil, a Raw, or encoded as JSON. headers are pairs. A
// path without host is the shop's.
func (c *Client) Do(method, path string, body any, headers ...string) Answer {
	c.T.Helper()
	a, err := c.Try(method, path, body, headers...)
	if err != nil {
		c.T.Fatalf("%s %s: %v", method, short(path), err)
	}
	return a
}

// Try is Do with the error of a connection that broke.
func (c *Client) Try(method, path string, body any, headers ...string) (Answer, error) {
	req, err := c.Request(method, path, body, headers...)
	if err != nil {
		return Answer{}, err
	}
	return c.Send(req)
}

// Request builds a request as Do sends it.
func (c *Client) Request(method, path string, body any, headers ...string) (*http.Request, error) {
	if strings.HasPrefix(path, "/") {
		path = c.Shop.Shop + path
	}
	var r io.Reader
	ct := ""
	switch b := body.(type) {
	case nil:
	case Raw:
		r, ct = strings.NewReader(string(b)), "application/json"
	default:
		j, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		r, ct = bytes.NewReader(j), "application/json"
	}
	req, err := http.NewRequest(method, path, r)
	if err != nil {
		return nil, err
	}
	if ct != "" {
		req.Header.Set("Content-Type", ct)
	}
	if c.Lang != "" {
		req.Header.Set("Accept-Language", c.Lang)
	}
	if strings.HasPrefix(path, c.Shop.Shop) || strings.HasPrefix(path, c.HTTP) {
		req.Header.Set("X-Forwarded-For", c.IP)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if strings.EqualFold(headers[i], "Host") {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	return req, nil
}

// Send sends a request without following redirects.
func (c *Client) Send(req *http.Request) (Answer, error) {
	t := c.own
	if t == nil {
		t = c.transport()
	}
	h := http.Client{Transport: t, Jar: c.jar, Timeout: 45 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := h.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return Answer{}, err
	}
	return Answer{res.StatusCode, res.Header, b}, nil
}

// Want fails the test when the answer has another status, and reads the body into
// out when that is not nil.
func (c *Client) Want(a Answer, status int, out any) {
	c.T.Helper()
	if a.Status != status {
		c.T.Fatalf("status %d, want %d: %s", a.Status, status, tail(string(a.Body), 800))
	}
	if out != nil {
		if err := a.JSON(out); err != nil {
			c.T.Fatalf("%v in %s", err, tail(string(a.Body), 800))
		}
	}
}

// Wait polls until ok is true, for at most so long.
func (c *Client) Wait(what string, atMost time.Duration, ok func() bool) {
	c.T.Helper()
	if err := Poll(atMost, ok); err != nil {
		c.T.Fatalf("waited %s in vain: %s", atMost, what)
	}
}

// Poll calls ok every 50 ms until it is true or the time is over.
func Poll(atMost time.Duration, ok func() bool) error {
	end := time.After(atMost)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok() {
			return nil
		}
		select {
		case <-end:
			return errors.New("not in time")
		case <-tick.C:
		}
	}
}

func short(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}
