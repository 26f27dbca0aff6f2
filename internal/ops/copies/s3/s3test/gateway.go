// Package s3test runs versitygw (github.com/versity/versitygw), an object store by others, as
// a process of its own for tests.
package s3test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Version is what is built, here and in test/scripts/setup.sh.
const Version = "v1.8.0"

// The credentials of the server's owner. They are long, so that finding one in a text is no
// accident.
const (
	Access = "kassavalv-prov-agare"
	Secret = "hemlig-agarnyckel-7f31c0d2aa"
)

// Region of the server.
const Region = "eu-north-1"

var build struct {
	sync.Once
	path string
	err  error
}

// program builds versitygw once, under .cache.
func program() (string, error) {
	build.Do(func() {
		_, file, _, _ := runtime.Caller(0)
		cache := filepath.Join(filepath.Dir(file), "../../../../../.cache")
		build.path = filepath.Join(cache, "versitygw")
		if _, err := os.Stat(build.path); err == nil {
			return
		}
		cmd := exec.Command("go", "install", "github.com/versity/versitygw/cmd/versitygw@"+Version)
		cmd.Env = append(os.Environ(), "GOBIN="+cache, "GOFLAGS=", "CGO_ENABLED=0")
		cmd.Dir = os.TempDir()
		if out, err := cmd.CombinedOutput(); err != nil {
			build.err = fmt.Errorf("versitygw cannot be built (test/scripts/setup.sh does it): %w: %s", err, out)
		}
	})
	return build.path, build.err
}

// Options of a server.
type Options struct {
	Versions bool   // buckets may have versions and locks
	Dir      string // where objects lie; empty: a folder of the test
}

// Server is a running versitygw.
type Server struct {
	URL string // http://127.0.0.1:port

	o    Options
	dir  string
	cmd  *exec.Cmd
	said *buffer
	next atomic.Int64
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Start starts a server; it ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{o: o, dir: o.Dir}
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	t.Cleanup(s.Stop)
	var err error
	for range 10 { // the port may have been taken between
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		s.URL = "http://" + l.Addr().String()
		l.Close()
		if err = s.Open(); err == nil {
			return s
		}
	}
	t.Fatal(err)
	return nil
}

// Open starts the server again at its address, with its objects.
func (s *Server) Open() error {
	path, err := program()
	if err != nil {
		return err
	}
	data, versions, users := filepath.Join(s.dir, "objects"), filepath.Join(s.dir, "versions"), filepath.Join(s.dir, "users")
	for _, d := range []string{data, versions, users} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	args := []string{"--port", strings.TrimPrefix(s.URL, "http://"), "--region", Region, "--iam-dir", users, "--iam-cache-disable", "--quiet", "--keep-alive", "posix"}
	if s.o.Versions {
		args = append(args, "--versioning-dir", versions)
	}
	s.said = &buffer{}
	s.cmd = exec.Command(path, append(args, data)...)
	s.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+Access, "ROOT_SECRET_KEY="+Secret)
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func(c *exec.Cmd) { _ = c.Wait(); close(ended) }(s.cmd)
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		if res, err := http.Get(s.URL); err == nil {
			res.Body.Close()
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("versitygw ended: %s", s.said)
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.Stop()
	return fmt.Errorf("versitygw does not answer: %s", s.said)
}

// Stop ends the server and waits until its address is free.
func (s *Server) Stop() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			break
		}
		c.Close()
	}
	s.cmd = nil
}

// Client is the owner's client.
func (s *Server) Client(t testing.TB) *minio.Client {
	t.Helper()
	c, err := minio.New(strings.TrimPrefix(s.URL, "http://"), &minio.Options{Creds: credentials.NewStaticV4(Access, Secret, ""), Region: Region})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Bucket makes a bucket and gives its name.
func (s *Server) Bucket(t testing.TB, lock bool) string {
	t.Helper()
	name := fmt.Sprintf("copies-%d", s.next.Add(1))
	c := s.Client(t)
	if err := c.MakeBucket(context.Background(), name, minio.MakeBucketOptions{Region: Region, ObjectLocking: lock}); err != nil {
		t.Fatal(err)
	}
	return name
}

// User makes an account that is no owner of anything and gives its credentials.
func (s *Server) User(t testing.TB) (access, secret string) {
	t.Helper()
	access = fmt.Sprintf("prov-anvandare-%d", s.next.Add(1))
	secret = "hemlig-nyckel-for-" + access
	s.admin(t, "create-user", "--access", access, "--secret", secret, "--role", "user")
	return
}

// Revoke ends an account.
func (s *Server) Revoke(t testing.TB, access string) {
	t.Helper()
	s.admin(t, "delete-user", "--access", access)
}

func (s *Server) admin(t testing.TB, args ...string) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append([]string{"admin", "--access", Access, "--secret", Secret, "--region", Region, "--endpoint-url", s.URL}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("versitygw admin %s: %v: %s", args[0], err, out)
	}
}

// Allow lets an account do these actions in a bucket, beside those allowed before.
func (s *Server) Allow(t testing.TB, bucket string, of map[string][]string) {
	t.Helper()
	var all []string
	for access, actions := range of {
		all = append(all, fmt.Sprintf(`{"Effect":"Allow","Principal":{"AWS":[%q]},"Action":["s3:%s"],"Resource":["arn:aws:s3:::%s","arn:aws:s3:::%s/*"]}`,
			access, strings.Join(actions, `","s3:`), bucket, bucket))
	}
	if err := s.Client(t).SetBucketPolicy(context.Background(), bucket, `{"Version":"2012-10-17","Statement":[`+strings.Join(all, ",")+`]}`); err != nil {
		t.Fatal(err)
	}
}
