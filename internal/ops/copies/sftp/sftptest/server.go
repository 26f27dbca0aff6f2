// Package sftptest runs sshd (OpenSSH) as a process of its own for tests.
package sftptest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"kassavalv/internal/programtest"
)

// Server is a running sshd. Connections that are open outlive its Stop.
type Server struct {
	*programtest.Server
	User    string
	HostKey string // as Options.HostKey has it
	Key     string // PEM of a private key that is let in

	dir string
}

// NewKey makes a key: the private half as PEM, the public half as a line.
func NewKey(t testing.TB) (private, public string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub)))
}

// Start starts a server; it ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{User: u.Username, dir: t.TempDir()}
	var public string
	s.Key, public = NewKey(t)
	s.write(t, "authorized", public+"\n")
	s.NewHostKey(t)
	s.Server = programtest.Start(t, s.command, programtest.Listens)
	return s
}

func (s *Server) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// NewHostKey gives the machine another host key, from the next Open.
func (s *Server) NewHostKey(t testing.TB) {
	t.Helper()
	private, public := NewKey(t)
	s.HostKey = public
	s.write(t, "host", private)
}

// Allow lets these public keys in, and no others, from the next connection.
func (s *Server) Allow(t testing.TB, public ...string) {
	t.Helper()
	s.write(t, "authorized", strings.Join(public, "\n")+"\n")
}

func (s *Server) command(addr string) (*exec.Cmd, error) {
	path, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		return nil, fmt.Errorf("openssh-server is missing (test/scripts/setup.sh installs it): %w", err)
	}
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // what its service would make
			return nil, err
		}
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	return exec.Command(path, "-D", "-e", "-f", "/dev/null", "-h", filepath.Join(s.dir, "host"), "-p", port, "-o", "ListenAddress=127.0.0.1", "-o", "AuthorizedKeysFile="+filepath.Join(s.dir, "authorized"),
		"-o", "StrictModes=no", "-o", "PidFile=none", "-o", "UsePAM=no", "-o", "PermitRootLogin=prohibit-password", "-o", "MaxStartups=200", "-o", "MaxSessions=100", "-o", "Subsystem=sftp internal-sftp"), nil
}
