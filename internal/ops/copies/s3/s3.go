// Package s3 is the site that is a bucket of an object store: Amazon's, MinIO's, or any
// other that speaks the protocol.
//
// # Written once
//
// A Put looks whether the name is taken, and stores with If-None-Match: *, so that of two
// writers one loses. A store that does not know this condition (it answers 501) is asked
// without it from then on: the look is then all that protects, and two programs that write
// one name in the same second are not kept apart. Whether the bytes are the same is told by
// the SHA-256 that is kept with the object (metadata), or, where it is missing, by reading.
// The store checks the SHA-256 and MD5 of each request.
//
// # Kept
//
// Where the bucket has an object lock, each object is locked for Options.Retain, in
// COMPLIANCE mode unless Options.Lock says otherwise: nobody removes it before, also not who
// has all the shop's credentials. Names under keys/ are never locked: Replace removes the
// earlier versions, or says that it could not. A bucket with a default retention cannot
// keep those and is refused for them.
//
// # The first version counts
//
// In a bucket with versions who may write can lay a new version, and who may delete a marker
// of deletion, over an object without destroying it. As names are written once, List and Get
// see the oldest version (of keys/ the current one): what is laid over is not seen. Remove
// removes all versions, so nothing that was removed comes back.
//
// # Two credentials
//
// The credential that writes and reads need not be allowed to delete, and should not. Remove
// and Replace use the other one where there is one.
package s3

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
)

// Options of a bucket.
type Options struct {
	Name, Location, Provider string

	Endpoint string // https://host[:port]; http:// only to this machine
	Region   string // empty: us-east-1, as stores without regions call it
	Bucket   string
	Prefix   string // what stands before each name, without slashes around it; may be empty

	AccessKey, SecretKey             secret.Secret
	RemoveAccessKey, RemoveSecretKey secret.Secret // empty: the one above removes, too

	// Lock is compliance, governance or none; empty: compliance where the bucket has a lock.
	Lock string
	// Retain is how long an object of that name is locked; 0: not. nil: nothing is locked.
	Retain func(name string) time.Duration

	CA      []byte        // PEM of authorities to trust at the endpoint; empty: the machine's
	Timeout time.Duration // how long nothing may move; 0: 30 s
}

// Site is a bucket.
type Site struct {
	o          settings
	main, rem  *minio.Core
	plain      atomic.Bool // the store does not know If-None-Match
	mu         sync.Mutex
	learned    bool
	locked     bool // the bucket has an object lock
	versioned  bool // the bucket keeps versions
	credential string
}

// settings are the options without the credentials, so that no print of a site shows them.
type settings struct {
	name, location, provider, host, bucket, prefix, lock string
	retain                                               func(string) time.Duration
	timeout                                              time.Duration
}

var (
	_ copies.Site    = (*Site)(nil)
	_ copies.Remover = (*Site)(nil)
)

// Open makes a site. It does not speak to the store: that may be away.
func Open(o Options) (copies.Site, error) {
	u, err := url.Parse(o.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "":
		return nil, errors.New("copies: the endpoint of an object store is https://host[:port], without user or path")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("copies: %s: an object store over the network is spoken to over https", u.Host)
	case o.Bucket == "":
		return nil, errors.New("copies: the bucket has no name")
	case o.AccessKey.IsZero() || o.SecretKey.IsZero():
		return nil, errors.New("copies: access_key and secret_key of the object store are missing")
	case o.RemoveAccessKey.IsZero() != o.RemoveSecretKey.IsZero():
		return nil, errors.New("copies: remove_access_key and remove_secret_key stand together or not at all")
	}
	switch o.Lock {
	case "", "compliance", "governance", "none":
	default:
		return nil, fmt.Errorf("copies: lock=%s: it is compliance, governance or none", o.Lock)
	}
	if o.Prefix = strings.Trim(o.Prefix, "/"); o.Prefix != "" {
		o.Prefix += "/"
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	tr := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: o.Timeout}).DialContext,
		TLSHandshakeTimeout:   o.Timeout,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   16,
		DisableCompression:    true,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if len(o.CA) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(o.CA) {
			return nil, errors.New("copies: the file of authorities has no certificate")
		}
		tr.TLSClientConfig.RootCAs = pool
	}
	client := func(access, key secret.Secret) (*minio.Core, error) {
		return minio.NewCore(u.Host, &minio.Options{
			Creds:  credentials.NewStaticV4(access.Reveal(), key.Reveal(), ""),
			Secure: u.Scheme == "https", Transport: lists{asks{tr}}, Region: o.Region, MaxRetries: 3,
		})
	}
	s := &Site{o: settings{o.Name, o.Location, o.Provider, u.Host, o.Bucket, o.Prefix, o.Lock, o.Retain, o.Timeout}}
	sum := sha256.Sum256([]byte("s3 " + o.AccessKey.Reveal()))
	s.credential = hex.EncodeToString(sum[:6])
	if s.main, err = client(o.AccessKey, o.SecretKey); err != nil {
		return nil, s.fail(context.Background(), "open", "", err)
	}
	s.rem = s.main
	if !o.RemoveAccessKey.IsZero() {
		if s.rem, err = client(o.RemoveAccessKey, o.RemoveSecretKey); err != nil {
			return nil, s.fail(context.Background(), "open", "", err)
		}
	}
	return s, nil
}

// asks repeats a question that the store has misread. Some stores refuse an upload before
// they have read it (a name that is taken), and take the rest of it for the next request on
// that connection, which may be any.
type asks struct{ http.RoundTripper }

func (a asks) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := a.RoundTripper.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusBadRequest || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return res, err
	}
	res.Body.Close()
	return a.RoundTripper.RoundTrip(r)
}

// lists refuses an answer to the question for a list that is none, such as the page of a
// network that wants to be signed in to: it would read as an empty list.
type lists struct{ http.RoundTripper }

func (l lists) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	if r.Method == http.MethodGet && res.StatusCode == http.StatusOK && (q.Has("list-type") || q.Has("versions")) && !strings.Contains(res.Header.Get("Content-Type"), "xml") {
		res.Body.Close()
		return nil, fmt.Errorf("the answer is no list of a store, but %q", res.Header.Get("Content-Type"))
	}
	return res, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Place tells where the bucket is. That it is locked is known once it has been spoken to.
func (s *Site) Place() copies.Place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copies.Place{Kind: "s3", Name: s.o.name, Address: strings.TrimSuffix(s.o.host+"/"+s.o.bucket+"/"+s.o.prefix, "/"), Location: s.o.location,
		Provider: s.o.provider, Credential: s.credential, Locked: s.locked && s.o.lock != "none" && s.o.retain != nil}
}

// Close has nothing to close.
func (s *Site) Close() error { return nil }

// fail says what went wrong where, as one of the errors of sites if it is one. What the
// store says is kept short; nothing of a request is in it.
func (s *Site) fail(ctx context.Context, verb, name string, err error) error {
	where := s.o.host + "/" + s.o.bucket
	if name != "" {
		where = name + " at " + where
	}
	return fmt.Errorf("copies: %s %s: %w", verb, where, class(ctx, err))
}

func class(ctx context.Context, err error) error {
	for _, e := range []error{copies.ErrAbsent, copies.ErrTaken, copies.ErrRefused, copies.ErrFull} {
		if errors.Is(err, e) {
			return err
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		var u *url.Error
		if errors.As(err, &u) {
			return u.Err // not the address, which may be signed
		}
		return err
	}
	said := r.Code
	if m := strings.ToValidUTF8(r.Message, "?"); m != "" {
		said += ": " + m[:min(len(m), 200)]
	}
	if r.StatusCode != 0 {
		said = fmt.Sprintf("%d %s", r.StatusCode, said)
	}
	switch {
	case r.Code == "RequestTimeTooSkewed" || r.Code == "RequestExpired":
		return fmt.Errorf("the store takes no request that is signed by a clock so far from its own; set this machine's clock (%s)", said)
	case r.Code == "NoSuchBucket":
		return fmt.Errorf("%w: there is no such bucket (%s)", copies.ErrRefused, said)
	case r.Code == "NoSuchKey" || r.Code == "NoSuchVersion":
		return copies.ErrAbsent
	case r.StatusCode == http.StatusInsufficientStorage, r.Code == "QuotaExceeded", r.Code == "XMinioStorageFull", r.Code == "XMinioAdminBucketQuotaExceeded", r.Code == "InsufficientStorage", r.Code == "EntityTooLarge":
		return fmt.Errorf("%w: %s", copies.ErrFull, said)
	case r.StatusCode == http.StatusUnauthorized, r.StatusCode == http.StatusForbidden, r.Code == "AccessDenied", r.Code == "InvalidAccessKeyId", r.Code == "SignatureDoesNotMatch", r.Code == "AccountProblem", r.Code == "ObjectLocked":
		return fmt.Errorf("%w: %s", copies.ErrRefused, said)
	}
	return errors.New(said)
}

func code(err error) string { return minio.ToErrorResponse(err).Code }

func notImplemented(err error) bool {
	r := minio.ToErrorResponse(err)
	return r.Code == "NotImplemented" || r.StatusCode == http.StatusNotImplemented || r.StatusCode == http.StatusMethodNotAllowed
}

func absent(err error) bool {
	r := minio.ToErrorResponse(err)
	return r.Code == "NoSuchKey" || r.Code == "NoSuchVersion" || r.Code == "NotFound"
}

// misread is what asks repeats, of an upload. It is no code of S3's own.
func misread(err error) bool {
	r := minio.ToErrorResponse(err)
	return r.StatusCode == http.StatusBadRequest && r.Code == "BadRequest"
}

// learn asks once whether the bucket keeps versions and has an object lock.
func (s *Site) learn(ctx context.Context) (locked, versioned bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.learned {
		return s.locked, s.versioned, nil
	}
	state, _, _, _, err := s.main.GetObjectLockConfig(ctx, s.o.bucket)
	switch {
	case err == nil:
		locked = state == "Enabled"
	case code(err) == "NoSuchBucket":
		return false, false, err
	case code(err) == "AccessDenied": // Who wants a lock then says so in lock=.
		locked = s.o.lock == "compliance" || s.o.lock == "governance"
	case notImplemented(err) || minio.ToErrorResponse(err).StatusCode == http.StatusNotFound:
	default:
		return false, false, err
	}
	if !locked && (s.o.lock == "compliance" || s.o.lock == "governance") {
		return false, false, fmt.Errorf("%w: lock=%s is asked for, and the bucket has no object lock", copies.ErrRefused, s.o.lock)
	}
	v, err := s.main.GetBucketVersioning(ctx, s.o.bucket)
	switch {
	case err == nil:
		versioned = v.Status != ""
	case code(err) == "AccessDenied" || notImplemented(err):
	default:
		return false, false, err
	}
	s.learned, s.locked, s.versioned = true, locked, versioned
	return locked, versioned, nil
}
