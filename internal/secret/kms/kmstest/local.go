// Package kmstest runs local-kms (github.com/nsmithuk/local-kms), a server by others that speaks the
// protocol of AWS KMS, as a process of its own for tests.
package kmstest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"kassavalv/internal/programtest"
)

// Region of the server; Env are its credentials: it takes any.
const Region = "eu-north-1"

// Env is what a program that speaks to the server needs in its environment.
var Env = []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"}

// Server is a running local-kms with one key.
type Server struct {
	*programtest.Server
	URL string
	Key string // its ARN
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
	program, data := programtest.Program(t, "local-kms"), t.TempDir()
	s := &Server{Server: programtest.Start(t, func(addr string) (*exec.Cmd, error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(program)
		cmd.Env = []string{"PORT=" + port, "KMS_REGION=" + Region, "KMS_DATA_PATH=" + data, "KMS_SEED_PATH=" + filepath.Join(data, "none.yaml")}
		return cmd, nil
	}, programtest.Answers)}
	s.URL = "http://" + s.Addr
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
