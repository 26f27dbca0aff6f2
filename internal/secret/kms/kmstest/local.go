// Package kmstest runs local-kms (github.com/nsmithuk/local-kms), a server by others that speaks the
// protocol of AWS KMS, as a process of its own for tests.
package kmstest

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
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// Version is what is built, here and in test/scripts/setup.sh.
const Version = "v0.0.0-20260228092603-2a5e92d09ab6"

// Region of the server; Env are its credentials: it takes any.
const Region = "eu-north-1"

// Env is what a program that speaks to the server needs in its environment.
var Env = []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"}

var build struct {
	sync.Once
	path string
	err  error
}

// program builds local-kms once, under .cache.
func program() (string, error) {
	build.Do(func() {
		_, file, _, _ := runtime.Caller(0)
		cache := filepath.Join(filepath.Dir(file), "../../../../.cache")
		build.path = filepath.Join(cache, "local-kms")
		if _, err := os.Stat(build.path); err == nil {
			return
		}
		cmd := exec.Command("go", "install", "github.com/nsmithuk/local-kms@"+Version)
		cmd.Env = append(os.Environ(), "GOBIN="+cache, "GOFLAGS=", "CGO_ENABLED=0")
		cmd.Dir = os.TempDir()
		if out, err := cmd.CombinedOutput(); err != nil {
			build.err = fmt.Errorf("local-kms cannot be built (test/scripts/setup.sh does it): %w: %s", err, out)
		}
	})
	return build.path, build.err
}

// Server is a running local-kms with one key.
type Server struct {
	URL string
	Key string // its ARN

	data, addr string
	cmd        *exec.Cmd
	said       *bytes.Buffer
}

// Start starts a server; it ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	for _, e := range Env {
		k, v, _ := strings.Cut(e, "=")
		if os.Getenv(k) != v {
			os.Setenv(k, v) // not t.Setenv: the tests run beside each other
		}
	}
	s := &Server{data: t.TempDir()}
	t.Cleanup(s.Stop)
	var err error
	for range 10 { // the port may have been taken between
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		s.addr = l.Addr().String()
		l.Close()
		if err = s.Open(); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Client(t).CreateKey(context.Background(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	s.Key = *out.KeyMetadata.Arn
	return s
}

// Client is AWS's own client for the server.
func (s *Server) Client(t testing.TB) *kms.Client {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithRegion(Region))
	if err != nil {
		t.Fatal(err)
	}
	return kms.NewFromConfig(cfg, func(o *kms.Options) { o.BaseEndpoint = aws.String(s.URL) })
}

// Open starts the server again at its address, with its keys.
func (s *Server) Open() error {
	path, err := program()
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return err
	}
	s.URL, s.said = "http://"+s.addr, &bytes.Buffer{}
	s.cmd = exec.Command(path)
	s.cmd.Env = []string{"PORT=" + port, "KMS_REGION=" + Region, "KMS_DATA_PATH=" + s.data, "KMS_SEED_PATH=" + filepath.Join(s.data, "none.yaml")}
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func(c *exec.Cmd) { _ = c.Wait(); close(ended) }(s.cmd)
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); {
		select {
		case <-ended:
			return fmt.Errorf("local-kms ended: %s", s.said)
		default:
		}
		if res, err := http.Get(s.URL); err == nil {
			res.Body.Close()
			return nil
		}
		select {
		case <-ended:
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("local-kms does not answer")
}

// Stop ends the server and waits until its address is free.
func (s *Server) Stop() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			break
		}
		c.Close()
	}
	s.cmd = nil
}
