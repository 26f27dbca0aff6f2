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
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // what the protocol asks for beside SHA-256
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
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

// part is the size of a part of a large object, and the largest that goes in one request.
// A store takes 10,000 parts, so that larger ones than 160 GB have larger parts.
const part = 16 << 20

const shaKey = "Kassavalv-Sha256" // of the metadata of an object

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

// misread is what asks repeats, of an upload. It is no code of S3's own.
func misread(err error) bool {
	r := minio.ToErrorResponse(err)
	return r.StatusCode == http.StatusBadRequest && r.Code == "BadRequest"
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

// Put stores an object.
func (s *Site) Put(ctx context.Context, name string, body io.ReadSeeker, size int64) (copies.Receipt, error) {
	if err := copies.Name(name); err != nil {
		return copies.Receipt{}, err
	}
	ctx, w := copies.Patient(ctx, 2*s.o.timeout)
	defer w.Done()
	rec, err := s.put(ctx, name, body, size, w)
	if err != nil {
		return copies.Receipt{}, s.fail(ctx, "put", name, err)
	}
	return rec, nil
}

func (s *Site) put(ctx context.Context, name string, body io.ReadSeeker, size int64, w *copies.Watch) (copies.Receipt, error) {
	if err := copies.Whole(body, size); err != nil {
		return copies.Receipt{}, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, w.Sending(copies.During(ctx, copies.Exactly(body, size)), 0)); err != nil {
		return copies.Receipt{}, err
	}
	want := hex.EncodeToString(sum.Sum(nil))
	locked, _, err := s.learn(ctx)
	if err != nil {
		return copies.Receipt{}, err
	}
	w.Moved()
	at, err := s.same(ctx, name, want, size, w)
	if err == nil {
		return copies.Receipt{At: at}, nil
	}
	if !absent(err) {
		return copies.Receipt{}, err
	}
	w.Moved()
	opts := minio.PutObjectOptions{ContentType: "application/octet-stream", UserMetadata: map[string]string{shaKey: want}}
	if locked && s.o.lock != "none" && s.o.retain != nil && !strings.HasPrefix(name, "keys/") {
		if d := s.o.retain(name); d > 0 {
			opts.Mode, opts.RetainUntilDate = minio.Compliance, time.Now().Add(d)
			if s.o.lock == "governance" {
				opts.Mode = minio.Governance
			}
		}
	}
	for again := false; ; {
		if err := copies.Whole(body, size); err != nil {
			return copies.Receipt{}, err
		}
		err = s.send(ctx, name, copies.During(ctx, copies.Exactly(body, size)), size, want, opts, w)
		switch {
		case err != nil && !s.plain.Load() && notImplemented(err):
			s.plain.Store(true)
			continue
		case err != nil && misread(err) && !again:
			again = true
			continue
		}
		break
	}
	switch c := code(err); {
	case err == nil, c == "PreconditionFailed", c == "ConditionalRequestConflict", minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed:
		// Whoever came first, the store now says whose bytes it has.
		at, errSame := s.same(ctx, name, want, size, w)
		if errSame != nil && absent(errSame) {
			return copies.Receipt{}, fmt.Errorf("stored, and then not there (%v)", errSame)
		}
		return copies.Receipt{At: at}, errSame
	}
	return copies.Receipt{}, err
}

func absent(err error) bool {
	r := minio.ToErrorResponse(err)
	return r.Code == "NoSuchKey" || r.Code == "NoSuchVersion" || r.Code == "NotFound"
}

// same looks at what is stored: when, if it is what has this hash and size, ErrTaken if not.
func (s *Site) same(ctx context.Context, name, want string, size int64, w *copies.Watch) (time.Time, error) {
	info, err := s.main.StatObject(ctx, s.o.bucket, s.o.prefix+name, minio.StatObjectOptions{})
	if err != nil {
		return time.Time{}, s.why(ctx, err)
	}
	if info.Size != size {
		return time.Time{}, copies.ErrTaken
	}
	have := info.UserMetadata[shaKey]
	if have == "" { // not stored by us: read it
		r, err := s.Get(ctx, name)
		if err != nil {
			return time.Time{}, err
		}
		defer r.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, w.Sending(r, 0)); err != nil {
			return time.Time{}, err
		}
		have = hex.EncodeToString(sum.Sum(nil))
	}
	if have != want {
		return time.Time{}, copies.ErrTaken
	}
	return info.LastModified, nil
}

// why asks for the reason of a refusal: the answer to a HEAD has no room for it.
func (s *Site) why(ctx context.Context, err error) error {
	if minio.ToErrorResponse(err).StatusCode != http.StatusForbidden {
		return err
	}
	for o := range s.main.ListObjectsIter(ctx, s.o.bucket, minio.ListObjectsOptions{Prefix: s.o.prefix, Recursive: true, MaxKeys: 1}) {
		if o.Err != nil {
			return o.Err
		}
		break
	}
	return err
}

// send sends a body, in parts if it is large. It reads each part into memory, so that a
// request that fails can be made again.
func (s *Site) send(ctx context.Context, name string, body io.Reader, size int64, want string, opts minio.PutObjectOptions, w *copies.Watch) error {
	key := s.o.prefix + name
	once := opts
	if !s.plain.Load() {
		once.SetMatchETagExcept("*")
	}
	if size <= part {
		b := make([]byte, size)
		if err := fill(body, b); err != nil {
			return err
		}
		md, sha := sums(b)
		if sha != want {
			return errors.New("the bytes changed while they were read")
		}
		_, err := s.main.PutObject(ctx, s.o.bucket, key, chunk(b, w), size, md, sha, once)
		return err
	}
	id, err := s.main.NewMultipartUpload(ctx, s.o.bucket, key, opts)
	if err != nil {
		return err
	}
	parts, err := s.sendParts(ctx, key, id, body, size, want, w)
	if err == nil {
		done := minio.PutObjectOptions{}
		if !s.plain.Load() {
			done.SetMatchETagExcept("*")
		}
		// The store puts the parts together while nothing moves here.
		w.Pause()
		end, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		_, err = s.main.CompleteMultipartUpload(end, s.o.bucket, key, id, parts, done)
	}
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.timeout)
		defer cancel()
		_ = s.main.AbortMultipartUpload(ctx, s.o.bucket, key, id)
	}
	return err
}

func (s *Site) sendParts(ctx context.Context, key, id string, body io.Reader, size int64, want string, w *copies.Watch) ([]minio.CompletePart, error) {
	length := int64(part)
	for size/length >= 10000 {
		length *= 2
	}
	buf := make([]byte, length)
	all := sha256.New()
	var out []minio.CompletePart
	for at := int64(0); at < size; at += length {
		b := buf[:min(length, size-at)]
		if err := fill(body, b); err != nil {
			return nil, err
		}
		all.Write(b)
		md, sha := sums(b)
		p, err := s.main.PutObjectPart(ctx, s.o.bucket, key, id, len(out)+1, chunk(b, w), int64(len(b)), minio.PutObjectPartOptions{Md5Base64: md, Sha256Hex: sha})
		if err != nil {
			return nil, err
		}
		out = append(out, minio.CompletePart{PartNumber: len(out) + 1, ETag: p.ETag})
	}
	if hex.EncodeToString(all.Sum(nil)) != want {
		return nil, errors.New("the bytes changed while they were read")
	}
	return out, nil
}

// fill reads all of b.
func fill(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if err == nil && len(b) == 0 {
		return nil
	}
	return err
}

func sums(b []byte) (md5Base64, sha256Hex string) {
	m, h := md5.Sum(b), sha256.Sum256(b) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(m[:]), hex.EncodeToString(h[:])
}

// chunk is a body that can be sent again.
func chunk(b []byte, w *copies.Watch) io.Reader {
	r := bytes.NewReader(b)
	return struct {
		io.Reader
		io.Seeker
	}{w.Sending(r, int64(len(b))), r}
}

// Replace stores a small object and removes the earlier versions.
func (s *Site) Replace(ctx context.Context, name string, body []byte) error {
	if err := copies.Replaceable(name, body); err != nil {
		return err
	}
	ctx, w := copies.Patient(ctx, 2*s.o.timeout)
	defer w.Done()
	md, sha := sums(body)
	_, err := s.main.PutObject(ctx, s.o.bucket, s.o.prefix+name, chunk(body, w), int64(len(body)), md, sha,
		minio.PutObjectOptions{ContentType: "application/octet-stream", UserMetadata: map[string]string{shaKey: sha}})
	if err != nil {
		return s.fail(ctx, "replace", name, err)
	}
	w.Moved()
	if _, err := s.same(ctx, name, sha, int64(len(body)), w); err != nil && !errors.Is(err, copies.ErrTaken) { // taken: by a later one
		if absent(err) {
			err = fmt.Errorf("stored, and then not there (%v)", err)
		}
		return s.fail(ctx, "replace", name, err)
	}
	w.Moved()
	if err := s.clear(ctx, name, false, w); err != nil {
		return s.fail(ctx, "replace (it is stored, and earlier versions remain)", name, err)
	}
	return nil
}

// clear removes the versions of an object: all, or all but the latest.
func (s *Site) clear(ctx context.Context, name string, all bool, w *copies.Watch) error {
	key := s.o.prefix + name
	for v := range s.rem.ListObjectsIter(ctx, s.o.bucket, minio.ListObjectsOptions{Prefix: key, Recursive: true, WithVersions: true}) {
		w.Moved()
		if v.Err != nil {
			if notImplemented(v.Err) { // a store without versions
				if all {
					return s.rem.RemoveObject(ctx, s.o.bucket, key, minio.RemoveObjectOptions{})
				}
				return nil
			}
			return v.Err
		}
		if v.Key != key {
			if v.Key > key && !strings.HasPrefix(v.Key, key) {
				break
			}
			continue
		}
		if v.IsLatest && !all {
			continue
		}
		err := s.rem.RemoveObject(ctx, s.o.bucket, key, minio.RemoveObjectOptions{VersionID: v.VersionID, GovernanceBypass: strings.HasPrefix(name, "keys/")})
		if err != nil && !absent(err) {
			return err
		}
	}
	return nil
}

// Get opens an object. At its end the hash that was kept with it is compared.
func (s *Site) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := copies.Name(name); err != nil {
		return nil, err
	}
	ctx, w := copies.Patient(ctx, 2*s.o.timeout)
	r, err := s.get(ctx, name, w)
	if err != nil {
		defer w.Done()
		return nil, s.fail(ctx, "get", name, err)
	}
	return r, nil
}

func (s *Site) get(ctx context.Context, name string, w *copies.Watch) (io.ReadCloser, error) {
	_, versioned, err := s.learn(ctx)
	if err != nil {
		return nil, err
	}
	opts := minio.GetObjectOptions{}
	if versioned && !strings.HasPrefix(name, "keys/") {
		w.Moved()
		for o, err := range s.oldest(ctx, name, "", w) {
			if err != nil {
				return nil, err
			}
			if o.Key == s.o.prefix+name {
				opts.VersionID = o.VersionID
			}
			if o.Key >= s.o.prefix+name {
				break
			}
		}
	}
	w.Moved()
	r, info, _, err := s.main.GetObject(ctx, s.o.bucket, s.o.prefix+name, opts)
	if err != nil {
		return nil, err
	}
	w.Pause()
	return &reading{s: s, ctx: ctx, name: name, done: w.Done, close: r, want: info.UserMetadata[shaKey], sum: sha256.New(),
		r: w.Receiving(copies.Exactly(r, info.Size))}, nil
}

// oldest yields the first version of each object, of those under keys/ the current one.
func (s *Site) oldest(ctx context.Context, prefix, after string, w *copies.Watch) iter.Seq2[minio.ObjectInfo, error] {
	return func(yield func(minio.ObjectInfo, error) bool) {
		opts := minio.ListObjectsOptions{Prefix: s.o.prefix + prefix, Recursive: true, WithVersions: true}
		if after != "" {
			opts.StartAfter = s.o.prefix + after
		}
		var found *minio.ObjectInfo
		give := func() bool {
			if found == nil {
				return true
			}
			o := *found
			found = nil
			return yield(o, nil)
		}
		key := ""
		for o := range s.main.ListObjectsIter(ctx, s.o.bucket, opts) {
			w.Moved()
			if o.Err != nil {
				yield(minio.ObjectInfo{}, o.Err)
				return
			}
			if o.Key != key {
				if !give() {
					return
				}
				key = o.Key
			}
			replaced := strings.HasPrefix(strings.TrimPrefix(o.Key, s.o.prefix), "keys/")
			if o.IsDeleteMarker || replaced && !o.IsLatest || found != nil && o.LastModified.After(found.LastModified) {
				continue
			}
			found = &o // of two in one instant the later in the list, which is the older
		}
		give()
	}
}

// current yields the objects of a bucket without versions.
func (s *Site) current(ctx context.Context, prefix, after string, w *copies.Watch) iter.Seq2[minio.ObjectInfo, error] {
	return func(yield func(minio.ObjectInfo, error) bool) {
		owner := false
		opts := minio.ListObjectsOptions{Prefix: s.o.prefix + prefix, Recursive: true, FetchOwner: &owner}
		if after != "" {
			opts.StartAfter = s.o.prefix + after
		}
		for o := range s.main.ListObjectsIter(ctx, s.o.bucket, opts) {
			w.Moved()
			if !yield(o, o.Err) {
				return
			}
		}
	}
}

type reading struct {
	s     *Site
	ctx   context.Context
	name  string
	r     io.Reader
	close io.Closer
	done  func()
	want  string
	sum   hash.Hash
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.sum.Write(p[:n])
	switch {
	case err == io.EOF && r.want != "" && r.want != hex.EncodeToString(r.sum.Sum(nil)):
		return n, r.s.fail(r.ctx, "get", r.name, errors.New("the bytes that came are not those that were stored: their SHA-256 differs"))
	case err != nil && err != io.EOF:
		return n, r.s.fail(r.ctx, "get", r.name, err)
	}
	return n, err
}

func (r *reading) Close() error {
	err := r.close.Close()
	r.done()
	return err
}

// List yields the objects, page by page.
func (s *Site) List(ctx context.Context, prefix, after string) iter.Seq2[copies.Object, error] {
	return func(yield func(copies.Object, error) bool) {
		ctx, w := copies.Patient(ctx, 2*s.o.timeout)
		defer w.Done()
		fail := func(err error) { yield(copies.Object{}, s.fail(ctx, "list", "", err)) }
		_, versioned, err := s.learn(ctx)
		if err != nil {
			fail(err)
			return
		}
		w.Moved()
		objects := s.current(ctx, prefix, after, w)
		if versioned {
			objects = s.oldest(ctx, prefix, after, w)
		}
		last := ""
		for o, err := range objects {
			if err != nil {
				fail(err)
				return
			}
			name, ok := strings.CutPrefix(o.Key, s.o.prefix)
			if !ok || copies.Name(name) != nil || !strings.HasPrefix(name, prefix) || name <= after {
				continue
			}
			if name <= last {
				fail(fmt.Errorf("the store lists %s after %s: its order cannot be relied on", name, last))
				return
			}
			last = name
			w.Pause() // the reader may take his time
			if !yield(copies.Object{Name: name, Size: o.Size, At: o.LastModified}, nil) {
				return
			}
			w.Moved()
		}
		if err := context.Cause(ctx); err != nil {
			fail(err)
		}
	}
}

// Remove removes objects, with all their versions. What is locked stays and is an error,
// after the others have been removed.
func (s *Site) Remove(ctx context.Context, names []string) error {
	for _, n := range names {
		if err := copies.Name(n); err != nil {
			return err
		}
	}
	ctx, w := copies.Patient(ctx, 2*s.o.timeout)
	defer w.Done()
	if err := context.Cause(ctx); err != nil {
		return s.fail(ctx, "remove", "", err)
	}
	if len(names) == 0 {
		return nil
	}
	v, err := s.rem.GetBucketVersioning(ctx, s.o.bucket)
	if err != nil && !notImplemented(err) && code(err) != "AccessDenied" {
		return s.fail(ctx, "remove", "", err)
	}
	w.Moved()
	if err == nil && v.Status != "" || code(err) == "AccessDenied" {
		return s.removeVersions(ctx, names, w)
	}
	failed := s.rem.RemoveObjects(ctx, s.o.bucket, func() <-chan minio.ObjectInfo {
		c := make(chan minio.ObjectInfo)
		go func() {
			defer close(c)
			for _, n := range names {
				select {
				case c <- minio.ObjectInfo{Key: s.o.prefix + n}:
					w.Moved()
				case <-ctx.Done():
					return
				}
			}
		}()
		return c
	}(), minio.RemoveObjectsOptions{})
	var first error
	for f := range failed {
		w.Moved()
		if first == nil && f.Err != nil && !absent(f.Err) {
			first = s.fail(ctx, "remove", strings.TrimPrefix(f.ObjectName, s.o.prefix), f.Err)
		}
	}
	if first == nil && context.Cause(ctx) != nil {
		first = s.fail(ctx, "remove", "", context.Cause(ctx))
	}
	return first
}

func (s *Site) removeVersions(ctx context.Context, names []string, w *copies.Watch) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		work  = make(chan string)
	)
	for range 8 {
		wg.Go(func() {
			for n := range work {
				if err := s.clear(ctx, n, true, w); err != nil {
					mu.Lock()
					if first == nil {
						first = s.fail(ctx, "remove", n, err)
					}
					mu.Unlock()
				}
			}
		})
	}
	for _, n := range names {
		if ctx.Err() != nil {
			break
		}
		work <- n
	}
	close(work)
	wg.Wait()
	if first == nil && context.Cause(ctx) != nil {
		first = s.fail(ctx, "remove", "", context.Cause(ctx))
	}
	return first
}
