// Package post is the site that is another machine running `kassavalv outpost`: the shop's
// half of the wire. The other half is package outpost.
//
// Both sides show certificates that the outpost's own authority made; no other authority is
// believed, and no name in DNS. There is no verb to remove anything: the outpost has its own
// retention, its own clock and its own count.
package post

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"kassavalv/internal/ops/copies"
)

// ServerName is what the certificate of every outpost is made out to: which machine it is
// follows from the authority, not from a name.
const ServerName = "outpost.kassavalv.internal"

// Headers of a request.
const (
	HeaderSum   = "Kassavalv-Sha256" // of the body, hex
	HeaderEpoch = "Kassavalv-Epoch"  // of who replaces, where it is known
)

// Codes of answers that are no success.
const (
	CodeAbsent  = "absent"
	CodeTaken   = "taken"
	CodeRefused = "refused"
	CodeFenced  = "fenced" // a later epoch has begun
	CodeFull    = "full"
	CodeSlow    = "slow_down"
	CodeBroken  = "broken" // the body is not what was said; try again
)

// Answer is the body of an answer that is no success.
type Answer struct {
	Code string `json:"code"`
	Says string `json:"says"`
}

// Stored is the answer to what was stored.
type Stored struct {
	At  time.Time `json:"at"`
	Seq uint64    `json:"seq"`
}

// Listed is a page of a list.
type Listed struct {
	Objects []ListedObject `json:"objects"`
	More    bool           `json:"more"`
}

// ListedObject is one object of a page.
type ListedObject struct {
	Name string    `json:"name"`
	Size int64     `json:"size"`
	At   time.Time `json:"at"`
}

// JoinRequest is what a shop sends to be enrolled.
type JoinRequest struct {
	Secret  string         `json:"secret"` // of the token
	Site    string         `json:"site"`   // the name that the shop gives the outpost
	Charter copies.Charter `json:"charter"`
	Request []byte         `json:"request"` // PKCS #10, DER
}

// Joined is the answer.
type Joined struct {
	Shop string `json:"shop"`
	Cert string `json:"cert"` // PEM
	CA   string `json:"ca"`   // PEM
}

// Token lets one shop in, once.
type Token struct {
	Addr   string `json:"a"`           // host:port
	CA     []byte `json:"c"`           // the authority's certificate, DER: who believes it needs no other
	Secret string `json:"s"`           // 128 bits
	Shop   string `json:"h,omitempty"` // a shop that is enrolled already and comes back
}

const tokenHead = "kassavalv-outpost-1."

// String is the token as people copy it.
func (t Token) String() string {
	b, err := json.Marshal(t)
	if err != nil {
		panic("post: " + err.Error()) // strings only
	}
	return tokenHead + base64.RawURLEncoding.EncodeToString(b)
}

// ParseToken reads a token. Its errors do not repeat it.
func ParseToken(s string) (t Token, err error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), tokenHead)
	if !ok {
		return t, errors.New("this is no token of an outpost: it begins with " + tokenHead)
	}
	b, err := base64.RawURLEncoding.DecodeString(rest)
	if err != nil || json.Unmarshal(b, &t) != nil || t.Addr == "" || len(t.CA) == 0 || t.Secret == "" {
		return Token{}, errors.New("the token is not whole: copy all of its line")
	}
	return t, nil
}

// Fingerprint is the SHA-256 of a certificate, hex.
func Fingerprint(der []byte) string {
	s := sha256.Sum256(der)
	return hex.EncodeToString(s[:])
}

// pinned is a configuration that believes one authority alone.
func pinned(caPEM string) (*tls.Config, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(caPEM)) {
		return nil, errors.New("ca holds no certificate")
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool, ServerName: ServerName}, nil
}

func firstCert(p string) (*x509.Certificate, error) {
	b, _ := pem.Decode([]byte(p))
	if b == nil {
		return nil, errors.New("no certificate")
	}
	return x509.ParseCertificate(b.Bytes)
}

// errorOf is the error that an answer means.
func errorOf(status int, a Answer) error {
	says := strings.ToValidUTF8(a.Says, "?")
	says = says[:min(len(says), 300)]
	switch a.Code {
	case CodeAbsent:
		return copies.ErrAbsent
	case CodeTaken:
		return copies.ErrTaken
	case CodeRefused:
		return fmt.Errorf("%w: %s", copies.ErrRefused, says)
	case CodeFenced:
		return fmt.Errorf("%w: %w: %s", copies.ErrRefused, copies.ErrFenced, says)
	case CodeFull:
		return fmt.Errorf("%w: %s", copies.ErrFull, says)
	}
	if says == "" {
		return fmt.Errorf("the answer is %d, and not an outpost's", status)
	}
	return fmt.Errorf("%d %s", status, says)
}
