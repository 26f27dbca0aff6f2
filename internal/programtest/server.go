package programtest

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Server is a program that listens on a port of this machine. It ends with the test.
type Server struct {
	Addr string // 127.0.0.1:port

	command func(addr string) (*exec.Cmd, error)
	ready   func(addr string) bool
	cmd     *exec.Cmd
	said    *buffer
}

// Start runs what command gives for an address that is free, and waits until it is ready.
func Start(t testing.TB, command func(addr string) (*exec.Cmd, error), ready func(addr string) bool) *Server {
	t.Helper()
	s := &Server{command: command, ready: ready}
	t.Cleanup(s.Stop)
	var err error
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

// Listens reports whether somebody takes connections there.
func Listens(addr string) bool {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// Answers reports whether somebody answers over HTTP there.
func Answers(addr string) bool {
	res, err := http.Get("http://" + addr)
	if err != nil {
		return false
	}
	res.Body.Close()
	return true
}

// Open starts the program again at its address.
func (s *Server) Open() error {
	cmd, err := s.command(s.Addr)
	if err != nil {
		return err
	}
	name := filepath.Base(cmd.Path)
	s.said = &buffer{}
	cmd.Stdout, cmd.Stderr = s.said, s.said
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd = cmd
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		select {
		case <-ended:
			return fmt.Errorf("%s ended: %s", name, s.said)
		default:
		}
		if s.ready(s.Addr) {
			return nil
		}
		select {
		case <-ended:
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.Stop()
	return fmt.Errorf("%s does not answer: %s", name, s.said)
}

// Stop kills the program and waits until its address is free. Connections that are open may stay.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	for end := time.Now().Add(time.Minute); Listens(s.Addr) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	s.cmd = nil
}

// Said is what the program has written since it was last opened.
func (s *Server) Said() string { return s.said.String() }

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
