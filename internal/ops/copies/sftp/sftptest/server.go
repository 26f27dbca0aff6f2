// Package sftptest runs sshd (OpenSSH) as a process of its own for tests.
package sftptest

import (
	"bytes"
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
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// Server is a running sshd.
type Server struct {
	Addr    string // 127.0.0.1:port
	User    string
	HostKey string // as Options.HostKey has it
	Key     string // PEM of a private key that is let in

	dir  string
	cmd  *exec.Cmd
	said *buffer
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
	t.Cleanup(s.Stop)
	for range 10 { // the port may have been taken between
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		s.Addr = l.Addr().String()
		l.Close()
		if err = s.Open(); err == nil {
			return s
		}
	}
	t.Fatal(err)
	return nil
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

// Open starts the server again at its address.
func (s *Server) Open() error {
	path, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		return fmt.Errorf("openssh-server is missing (test/scripts/setup.sh installs it): %w", err)
	}
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // what its service would make
			return err
		}
	}
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	s.said = &buffer{}
	s.cmd = exec.Command(path, "-D", "-e", "-f", "/dev/null", "-h", filepath.Join(s.dir, "host"), "-p", port, "-o", "ListenAddress=127.0.0.1", "-o", "AuthorizedKeysFile="+filepath.Join(s.dir, "authorized"),
		"-o", "StrictModes=no", "-o", "PidFile=none", "-o", "UsePAM=no", "-o", "PermitRootLogin=prohibit-password", "-o", "MaxStartups=200", "-o", "MaxSessions=100", "-o", "Subsystem=sftp internal-sftp")
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func(c *exec.Cmd) { _ = c.Wait(); close(ended) }(s.cmd)
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		if c, err := net.Dial("tcp", s.Addr); err == nil {
			c.Close()
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("sshd ended: %s", s.said)
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.Stop()
	return fmt.Errorf("sshd does not answer: %s", s.said)
}

// Stop ends the server and waits until its address is free. Connections that are open stay.
func (s *Server) Stop() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", s.Addr)
		if err != nil {
			break
		}
		c.Close()
	}
	s.cmd = nil
}

// Said is what the server has logged.
func (s *Server) Said() string { return s.said.String() }
