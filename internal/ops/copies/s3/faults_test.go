package s3

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/s3/s3test"
	"kassavalv/internal/ops/copies/sitetest"
	"kassavalv/internal/secret"
)

func TestFaults(t *testing.T) {
	srv := s3test.Start(t, s3test.Options{})
	t.Run("site", func(t *testing.T) {
		sitetest.Kind{}.Faults(t, strings.TrimPrefix(srv.URL, "http://"), func(t *testing.T, addr string, patience time.Duration) copies.Site {
			o := options("http://"+addr, srv.Bucket(t, false))
			o.Timeout = patience
			return open(t, o)
		})
	})
}

func put(s copies.Site, name, body string) error {
	_, err := s.Put(context.Background(), name, strings.NewReader(body), int64(len(body)))
	return err
}

func get(s copies.Site, name string) (string, error) {
	r, err := s.Get(context.Background(), name)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func list(s copies.Site) (out []string, err error) {
	for o, err := range s.List(context.Background(), "", "") {
		if err != nil {
			return out, err
		}
		out = append(out, o.Name)
	}
	return
}

// No single credential can read and delete.
func TestTwoCredentials(t *testing.T) {
	srv := s3test.Start(t, s3test.Options{Versions: true})
	bucket := srv.Bucket(t, false)
	if err := srv.Client(t).EnableVersioning(context.Background(), bucket); err != nil {
		t.Fatal(err)
	}
	write, writeKey := srv.User(t)
	remove, removeKey := srv.User(t)
	srv.Allow(t, bucket, map[string][]string{
		write:  {"PutObject", "GetObject", "GetObjectVersion", "ListBucket", "ListBucketVersions", "GetBucketVersioning", "GetBucketObjectLockConfiguration", "AbortMultipartUpload"},
		remove: {"DeleteObject", "DeleteObjectVersion", "ListBucketVersions", "ListBucket", "GetBucketVersioning"},
	})
	o := options(srv.URL, bucket)
	o.AccessKey, o.SecretKey = secret.Hide(write), secret.Hide(writeKey)
	one := open(t, o)
	if err := put(one, "e/a", "segment"); err != nil {
		t.Fatal(err)
	}
	if err := one.Remove(context.Background(), []string{"e/a"}); !errors.Is(err, copies.ErrRefused) {
		t.Error("who writes and reads removed:", err)
	}
	if got, err := get(one, "e/a"); err != nil || got != "segment" {
		t.Error("after the refused removal:", got, err)
	}
	if err := one.Replace(context.Background(), "keys/current.age", []byte("1")); err != nil {
		t.Error("the first of keys needs no removal:", err)
	}
	if err := one.Replace(context.Background(), "keys/current.age", []byte("2")); !errors.Is(err, copies.ErrRefused) {
		t.Error("an earlier version that cannot be removed is not told:", err)
	}
	o.RemoveAccessKey, o.RemoveSecretKey = secret.Hide(remove), secret.Hide(removeKey)
	both := open(t, o)
	if err := both.Replace(context.Background(), "keys/current.age", []byte("3")); err != nil {
		t.Error(err)
	}
	if n := versions(srv)(t, both, "keys/current.age"); n != 0 {
		t.Error(n, "earlier versions of the keys remain")
	}
	// The other credential alone reads nothing.
	o.AccessKey, o.SecretKey = secret.Hide(remove), secret.Hide(removeKey)
	other := open(t, o)
	if got, err := get(other, "e/a"); !errors.Is(err, copies.ErrRefused) {
		t.Error("who removes has read:", got, err)
	}
	if err := both.Remove(context.Background(), []string{"e/a"}); err != nil {
		t.Error(err)
	}
	if _, err := get(both, "e/a"); !errors.Is(err, copies.ErrAbsent) {
		t.Error("after removal:", err)
	}
	// Revoked.
	srv.Revoke(t, write)
	for what, err := range map[string]error{"put": put(both, "e/b", "x"), "list": second(list(both)), "get": second(get(both, "keys/current.age")), "replace": both.Replace(context.Background(), "keys/current.age", nil)} {
		if !errors.Is(err, copies.ErrRefused) {
			t.Errorf("%s with a revoked credential: %v", what, err)
		}
		for _, hidden := range []string{writeKey, removeKey, write, "Signature=", "Credential="} {
			if err != nil && strings.Contains(fmt.Sprintf("%v %+v", err, err), hidden) {
				t.Errorf("%s: the error says %q: %v", what, hidden, err)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

// What is locked stays, also for who has every credential, and what is laid over it is not
// seen.
func TestLocked(t *testing.T) {
	srv := s3test.Start(t, s3test.Options{Versions: true})
	bucket := srv.Bucket(t, true)
	o := options(srv.URL, bucket)
	o.Retain = func(name string) time.Duration {
		if strings.HasPrefix(name, "free/") {
			return 0
		}
		return 24 * time.Hour
	}
	s := open(t, o)
	large := string(bytes.Repeat([]byte("large"), 5<<20))
	for name, b := range map[string]string{"e/a": "segment", "e/large": large, "free/a": "free"} {
		if err := put(s, name, b); err != nil {
			t.Fatal(err)
		}
	}
	if !s.Place().Locked {
		t.Error("the place does not say that it is locked")
	}
	c := srv.Client(t)
	ctx := context.Background()
	for _, name := range []string{"e/a", "e/large"} {
		info, err := c.StatObject(ctx, bucket, "shop/one/"+name, minio.StatObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		until, err := time.Parse(time.RFC3339, info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"))
		if mode := info.Metadata.Get("X-Amz-Object-Lock-Mode"); err != nil || mode != "COMPLIANCE" || time.Until(until) < 23*time.Hour {
			t.Errorf("%s: locked %q until %v, %v", name, mode, until, err)
		}
	}
	if err := s.Remove(ctx, []string{"e/a", "free/a", "e/large"}); !errors.Is(err, copies.ErrRefused) {
		t.Error("removing what is locked:", err)
	}
	if got, err := list(s); err != nil || !slices.Equal(got, []string{"e/a", "e/large"}) {
		t.Error("after it:", got, err)
	}
	// The owner of the bucket lays a marker and another version over it.
	if err := c.RemoveObject(ctx, bucket, "shop/one/e/a", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, err := get(s, "e/a"); err != nil || got != "segment" {
		t.Errorf("under a marker of deletion: %q %v", got, err)
	}
	if _, err := c.PutObject(ctx, bucket, "shop/one/e/a", strings.NewReader("forged!"), 7, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, err := get(s, "e/a"); err != nil || got != "segment" {
		t.Errorf("under another version: %q %v", got, err)
	}
	if got, err := list(s); err != nil || !slices.Equal(got, []string{"e/a", "e/large"}) {
		t.Error("list of what is covered:", got, err)
	}
	// The keys are not locked, and leave nothing.
	for _, b := range []string{"1", "2", "3"} {
		if err := s.Replace(ctx, "keys/current.age", []byte(b)); err != nil {
			t.Fatal(err)
		}
	}
	if n := versions(srv)(t, s, "keys/current.age"); n != 0 {
		t.Error(n, "earlier versions of the keys remain")
	}
	// A lock that is asked for and not to be had is told.
	o = options(srv.URL, srv.Bucket(t, false))
	o.Lock = "compliance"
	if err := put(open(t, o), "e/a", "x"); !errors.Is(err, copies.ErrRefused) || !strings.Contains(err.Error(), "no object lock") {
		t.Error("a bucket without a lock:", err)
	}
	// A bucket that locks by itself cannot keep keys that are replaced.
	bucket = srv.Bucket(t, true)
	mode, days, unit := minio.Compliance, uint(1), minio.Days
	if err := c.SetObjectLockConfig(ctx, bucket, &mode, &days, &unit); err != nil {
		t.Fatal(err)
	}
	s = open(t, options(srv.URL, bucket))
	_ = s.Replace(ctx, "keys/current.age", []byte("1"))
	if err := s.Replace(ctx, "keys/current.age", []byte("2")); !errors.Is(err, copies.ErrRefused) || !strings.Contains(err.Error(), "earlier versions remain") {
		t.Error("keys in a bucket that locks everything:", err)
	}
}

// between is a store that answers as it is told, before a true one.
func between(t *testing.T, to string, wrong func(w http.ResponseWriter, r *http.Request) bool, change func(*http.Response) error) string {
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	p := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			r.Out.Host = r.In.Host // it is signed
		},
		ModifyResponse: change,
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wrong == nil || !wrong(w, r) {
			p.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func answer(status int, code, message string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_ = xml.NewEncoder(w).Encode(minio.ErrorResponse{Code: code, Message: message})
		}
		return true
	}
}

// Each wrong answer becomes an error of the right class, and none becomes a success or an
// absence.
func TestWrongAnswers(t *testing.T) {
	srv := s3test.Start(t, s3test.Options{})
	for _, c := range []struct {
		name  string
		wrong func(http.ResponseWriter, *http.Request) bool
		want  error // class, nil: passing trouble
		says  string
	}{
		{"full", answer(507, "InsufficientStorage", "No space left on device."), copies.ErrFull, "507"},
		{"quota", answer(403, "QuotaExceeded", "Your request was denied due to quota exceeded."), copies.ErrFull, "quota"},
		{"minio full", answer(507, "XMinioStorageFull", "Storage backend has reached its minimum free drive threshold."), copies.ErrFull, ""},
		{"denied", answer(403, "AccessDenied", "Access Denied."), copies.ErrRefused, ""},
		{"no such key", answer(403, "InvalidAccessKeyId", "The Access Key Id you provided does not exist in our records."), copies.ErrRefused, ""},
		{"wrong key", answer(403, "SignatureDoesNotMatch", "The request signature we calculated does not match."), copies.ErrRefused, ""},
		{"no bucket", answer(404, "NoSuchBucket", "The specified bucket does not exist."), copies.ErrRefused, "no such bucket"},
		{"clock off by hours", answer(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."), nil, "clock"},
		{"slow down", answer(503, "SlowDown", "Please reduce your request rate."), nil, ""},
		{"broken", answer(500, "InternalError", "We encountered an internal error."), nil, ""},
		{"a page of a hotel's network", func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html><body>Välkommen! Logga in.</body></html>")
			return true
		}, nil, ""},
		{"nothing", func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusOK); return true }, nil, ""},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
			return true
		}, nil, ""},
		{"rubbish", func(w http.ResponseWriter, _ *http.Request) bool {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				fmt.Fprint(conn, "SSH-2.0-OpenSSH_9.2\r\n")
				conn.Close()
			}
			return true
		}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bucket := srv.Bucket(t, false)
			if err := put(open(t, options(srv.URL, bucket)), "e/a", "segment"); err != nil {
				t.Fatal(err)
			}
			var bad atomic.Bool
			url := between(t, srv.URL, func(w http.ResponseWriter, r *http.Request) bool { return bad.Load() && c.wrong(w, r) }, nil)
			known := open(t, options(url, bucket)) // one that knows the bucket already, and one that does not
			if _, err := list(known); err != nil {
				t.Fatal(err)
			}
			bad.Store(true)
			for who, s := range map[string]copies.Site{"known": known, "new": open(t, options(url, bucket))} {
				got, errGet := get(s, "e/a")
				for verb, err := range map[string]error{
					"put": put(s, "e/b", "x"), "put again": put(s, "e/a", "segment"), "get " + got: errGet, "list": second(list(s)),
					"replace": s.Replace(context.Background(), "keys/current.age", []byte("x")), "remove": s.(copies.Remover).Remove(context.Background(), []string{"e/a"}),
				} {
					if err == nil {
						if verb == "remove" && c.name == "nothing" {
							continue // an empty answer is what a removal has
						}
						t.Errorf("%s: %s: no error", who, verb)
						continue
					}
					if !strings.Contains(err.Error(), c.says) {
						t.Errorf("%s: %s: %v does not say %q", who, verb, err, c.says)
					}
					for _, class := range []error{copies.ErrAbsent, copies.ErrTaken, copies.ErrRefused, copies.ErrFull} {
						if is := errors.Is(err, class); is != (class == c.want) {
							t.Errorf("%s: %s: %v; is %v: %v", who, verb, err, class, is)
						}
					}
				}
			}
		})
	}
	bucket := srv.Bucket(t, false)
	true1 := open(t, options(srv.URL, bucket))
	if err := put(true1, "e/a", strings.Repeat("segment", 1000)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(b []byte) []byte{
		"a turned bit": func(b []byte) []byte { b[100] ^= 1; return b },
		"a short one":  func(b []byte) []byte { return b[:3000] },
		"none":         func([]byte) []byte { return nil },
	} {
		url := between(t, srv.URL, nil, func(r *http.Response) error {
			if r.Request.Method == http.MethodGet && strings.HasSuffix(r.Request.URL.Path, "e/a") {
				b, err := io.ReadAll(r.Body)
				if err != nil {
					return err
				}
				b = change(b)
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
				r.Header.Set("Content-Length", fmt.Sprint(len(b)))
			}
			return nil
		})
		if got, err := get(open(t, options(url, bucket)), "e/a"); err == nil || errors.Is(err, copies.ErrAbsent) {
			t.Errorf("%s: a get gives %d bytes, %v", name, len(got), err)
		}
	}
	// A store that says yes and stores nothing.
	url := between(t, srv.URL, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
		return true
	}, nil)
	if err := put(open(t, options(url, bucket)), "e/lost", "x"); err == nil {
		t.Error("what was never stored was believed to be")
	}
}

// A store that does not know If-None-Match.
func TestWithoutTheCondition(t *testing.T) {
	srv := s3test.Start(t, s3test.Options{})
	var asked, refused atomic.Int32
	url := between(t, srv.URL, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			asked.Add(1)
		}
		if r.Header.Get("If-None-Match") == "" {
			return false
		}
		refused.Add(1)
		return answer(501, "NotImplemented", "A header you provided implies functionality that is not implemented.")(w, r)
	}, nil)
	s := open(t, options(url, srv.Bucket(t, false)))
	for range 2 {
		if err := put(s, "e/a", "segment"); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(s, "e/a", "another"); !errors.Is(err, copies.ErrTaken) {
		t.Error("other bytes:", err)
	}
	if err := put(s, "e/b", strings.Repeat("large", 5<<20)); err != nil {
		t.Fatal(err)
	}
	if got, err := get(s, "e/a"); err != nil || got != "segment" {
		t.Error(got, err)
	}
	if n := refused.Load(); n != 1 {
		t.Errorf("the condition was refused %d times; it should be asked for once", n)
	}
	if n := asked.Load(); n < 3 {
		t.Errorf("%d requests to store", n)
	}
}

// A store that takes the rest of a refused upload for the next request misreads that one:
// it is asked again, once, whatever it was; a store that always says so is in trouble.
func TestMisread(t *testing.T) {
	srv := s3test.Start(t, s3test.Options{})
	bad := answer(400, "BadRequest", "An error occurred when parsing the HTTP request.")
	for _, c := range []struct {
		method string
		always bool
	}{{"PUT", false}, {"HEAD", false}, {"GET", false}, {"PUT", true}, {"HEAD", true}, {"GET", true}} {
		t.Run(fmt.Sprint(c.method, " ", c.always), func(t *testing.T) {
			var n atomic.Int32
			on := atomic.Bool{}
			url := between(t, srv.URL, func(w http.ResponseWriter, r *http.Request) bool {
				if !on.Load() || r.Method != c.method || n.Add(1) > 1 && !c.always {
					return false
				}
				return bad(w, r)
			}, nil)
			s := open(t, options(url, srv.Bucket(t, false)))
			if err := put(s, "e/before", "segment"); err != nil { // it has learnt what the bucket is
				t.Fatal(err)
			}
			on.Store(true)
			err := put(s, "e/a", "segment")
			got := ""
			if err == nil {
				got, err = get(s, "e/a")
			}
			if (err != nil) != c.always || !c.always && got != "segment" {
				t.Errorf("%q %v", got, err)
			}
			if m := n.Load(); m < 1 || c.always && m > 4 {
				t.Errorf("asked %d times", m)
			}
		})
	}
}

func TestSettingsThatAreWrong(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"http over the network": func(o *Options) { o.Endpoint = "http://store.example" },
		"a user in the address": func(o *Options) { o.Endpoint = "https://key:word@store.example" },
		"a path":                func(o *Options) { o.Endpoint = "https://store.example/bucket" },
		"no bucket":             func(o *Options) { o.Bucket = "" },
		"no key":                func(o *Options) { o.SecretKey = secret.Secret{} },
		"half a second key":     func(o *Options) { o.RemoveAccessKey = secret.Hide("x") },
		"another lock":          func(o *Options) { o.Lock = "yes" },
		"no authority":          func(o *Options) { o.CA = []byte("x") },
	} {
		o := options("https://store.example", "b")
		if _, err := Open(o); err != nil {
			t.Fatal(err)
		}
		change(&o)
		if _, err := Open(o); err == nil {
			t.Errorf("%s: opened", name)
		} else if strings.Contains(err.Error(), "word") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFull(t *testing.T) {
	disk, ok := sitetest.SmallDisk(t, 6<<20)
	if !ok {
		return
	}
	srv := s3test.Start(t, s3test.Options{Dir: disk})
	sitetest.Full(t, open(t, options(srv.URL, srv.Bucket(t, false))))
}
