// Package s3test runs versitygw (github.com/versity/versitygw), an object store by others, as
// a process of its own for tests.
package s3test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"kassavalv/internal/programtest"
)

// The credentials of the server's owner. They are long, so that finding one in a text is no
// accident.
const (
	Access = "kassavalv-prov-agare"
	Secret = "hemlig-agarnyckel-7f31c0d2aa"
)

// Region of the server.
const Region = "eu-north-1"

// Options of a server.
type Options struct {
	Versions bool   // buckets may have versions and locks
	Dir      string // where objects lie; empty: a folder of the test
	TLS      bool   // over TLS, under a certificate of its own
}

// Server is a running versitygw.
type Server struct {
	URL string // http://127.0.0.1:port, or https
	CA  []byte // PEM; nil: it speaks no TLS

	next atomic.Int64
}

// Start starts a server; it ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	data, versions, users := filepath.Join(o.Dir, "objects"), filepath.Join(o.Dir, "versions"), filepath.Join(o.Dir, "users")
	for _, d := range []string{data, versions, users} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	program := programtest.Program(t, "versitygw")
	out := &Server{}
	scheme, ready, over := "http://", programtest.Answers, []string(nil)
	if o.TLS {
		cert, key := filepath.Join(o.Dir, "cert.pem"), filepath.Join(o.Dir, "key.pem")
		out.CA = certificate(t, cert, key)
		scheme, ready, over = "https://", programtest.Listens, []string{"--cert", cert, "--key", key}
	}
	s := programtest.Start(t, func(addr string) (*exec.Cmd, error) {
		args := append([]string{"--port", addr, "--region", Region, "--iam-dir", users, "--iam-cache-disable", "--quiet", "--keep-alive"}, append(over, "posix")...)
		if o.Versions {
			args = append(args, "--versioning-dir", versions)
		}
		cmd := exec.Command(program, append(args, data)...)
		cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+Access, "ROOT_SECRET_KEY="+Secret)
		return cmd, nil
	}, ready)
	out.URL = scheme + s.Addr
	return out
}

// certificate makes a certificate that vouches for itself, for this machine. It names the
// address as an address, as it should, and as a name, which is how pgBackRest looks for it.
func certificate(t testing.TB, cert, key string) []byte {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"127.0.0.1"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	kder, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, b := range map[string][]byte{cert: out, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kder})} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Client is the owner's client.
func (s *Server) Client(t testing.TB) *minio.Client {
	t.Helper()
	_, host, _ := strings.Cut(s.URL, "://")
	o := &minio.Options{Creds: credentials.NewStaticV4(Access, Secret, ""), Region: Region}
	if s.CA != nil {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(s.CA)
		o.Secure, o.Transport = true, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	}
	c, err := minio.New(host, o)
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
	cmd := exec.Command(programtest.Program(t, "versitygw"), append([]string{"admin", "--access", Access, "--secret", Secret, "--region", Region, "--endpoint-url", s.URL}, args...)...)
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
