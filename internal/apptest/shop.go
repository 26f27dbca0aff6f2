package apptest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"kassavalv/internal/db/dbtest"
)

// Engines are the names of the two.
var Engines = []string{"sqlite", "postgres"}

// startTime is how long a start may take on a slow and shared machine.
const startTime = 90 * time.Second

// Options say how to start a shop; the zero value is a fresh demo on SQLite.
type Options struct {
	Engine   string   // "sqlite" or "postgres"
	Dir      string   // data directory; empty: a fresh one of the test
	Database string   // URL; empty with Engine "postgres": a fresh schema
	Bank     string   // a bank that runs already
	Args     []string // more flags of `demo`
	Env      []string // more environment, KEY=value
	Proof    bool     // the program that can be broken (package proof)
}

// Ready is the ready file.
type Ready struct {
	Shop       string   `json:"shop"`
	HTTP       string   `json:"http"`
	Admin      string   `json:"admin"`
	Ops        string   `json:"ops"`
	Bank       string   `json:"bank"`
	Mailbox    string   `json:"mailbox"`
	SMTP       string   `json:"smtp"`
	CA         string   `json:"ca"`
	Data       string   `json:"data"`
	AdminToken string   `json:"admin_token"`
	Members    []Member `json:"staff"`
	PID        int      `json:"pid"`
}

// Member is a member of the demo's staff.
type Member struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	TOTP     string `json:"totp_secret"`
	Role     string `json:"role"`
}

// Shop is a running demo.
type Shop struct {
	Ready
	Engine  string
	opt     Options
	log     Log // both outputs
	errs    Log // stderr: the program's log
	proc    *Process
	program string
	web     *http.Transport
	db      oracle

	mu       sync.Mutex
	goods    []Variant
	taken    int
	door     sync.Mutex        // one sign-in to a shared session at a time
	owner    sync.Mutex        // one dangerous act of the owner at a time
	sessions map[string]string // role: cookie
	steps    map[string]int64  // mail address: last step of the one-time code that was used
}

// Each runs fn on a fresh demo of each engine, as subtests that run at once.
func Each(t *testing.T, o Options, fn func(t *testing.T, s *Shop)) {
	t.Helper()
	for _, e := range Engines {
		t.Run(e, func(t *testing.T) {
			t.Parallel()
			o := o
			o.Engine = e
			fn(t, Start(t, o))
		})
	}
}

// Start starts a demo and waits until it answers; it is stopped with the test.
func Start(t testing.TB, o Options) *Shop {
	t.Helper()
	s := Prepare(t, o)
	if err := s.Open(); err != nil {
		t.Fatalf("%v\n%s", err, s.Log())
	}
	return s
}

// Attach speaks to a demo that runs already, in this process or another: its ready
// file and its data directory on SQLite. Nothing of it is stopped with the test.
func Attach(t testing.TB, ready, dir string) *Shop {
	t.Helper()
	s := &Shop{Engine: "sqlite", opt: Options{Engine: "sqlite", Dir: dir}, sessions: map[string]string{}, steps: map[string]int64{}}
	b, err := os.ReadFile(ready)
	if err == nil {
		err = json.Unmarshal(b, &s.Ready)
	}
	if err == nil {
		err = s.connect()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.db.close)
	return s
}

// Prepare makes everything ready for Open without starting anything.
func Prepare(t testing.TB, o Options) *Shop {
	t.Helper()
	if o.Engine == "" {
		o.Engine = "sqlite"
	}
	if o.Engine == "postgres" && o.Database == "" {
		o.Database = dbtest.PostgresURL(t)
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s := &Shop{Engine: o.Engine, opt: o, sessions: map[string]string{}, steps: map[string]int64{}}
	s.program = Program(t)
	if o.Proof {
		s.program = ProofProgram(t)
	}
	t.Cleanup(func() {
		s.db.close()
		s.Kill()
		if s.web != nil {
			s.web.CloseIdleConnections()
		}
		if t.Failed() {
			t.Logf("the program said:\n%s", s.Log())
		}
	})
	return s
}

// Dir is the data directory, Database the URL of the schema ("" on SQLite).
func (s *Shop) Dir() string      { return s.opt.Dir }
func (s *Shop) Database() string { return s.opt.Database }

// Sites are the addresses of the two folders that a demo on SQLite copies itself to.
func (s *Shop) Sites() (out []string) {
	for _, n := range []string{"plats-1", "plats-2"} {
		u := url.URL{Scheme: "file", Path: filepath.Join(s.opt.Dir, "sites", n), RawQuery: url.Values{"name": {n}}.Encode()}
		out = append(out, u.String())
	}
	return
}

// Environ replaces the environment that the program gets from its next start on.
func (s *Shop) Environ(env ...string) { s.opt.Env = env }

// Status is the exit status of a program that has ended; -1: by a signal.
func (s *Shop) Status() int { return s.proc.Status() }

// Died is closed when the program that runs now has ended.
func (s *Shop) Died() <-chan struct{} { return s.proc.Done }

// Open starts the program and waits for the ready file. The error tells of a
// program that ended before, with what it said.
func (s *Shop) Open() error {
	ready := filepath.Join(s.opt.Dir+"-ready", "ready.json")
	if err := os.MkdirAll(filepath.Dir(ready), 0o700); err != nil {
		return err
	}
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	args := []string{"demo", "--data", s.opt.Dir, "--addr", "localhost:0", "--ready-file", ready}
	if s.opt.Bank != "" {
		args = append(args, "--bank", s.opt.Bank)
	}
	env := s.opt.Env
	if s.opt.Database != "" {
		env = append([]string{"DATABASE_URL=" + s.opt.Database}, env...)
	}
	p, err := run(s.program, &s.log, &s.errs, env, append(args, s.opt.Args...)...)
	if err != nil {
		return err
	}
	s.proc = p
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if b, err := os.ReadFile(ready); err == nil {
			s.Ready = Ready{}
			if err := json.Unmarshal(b, &s.Ready); err != nil {
				return fmt.Errorf("ready file: %w", err)
			}
			return s.connect()
		}
		select {
		case <-p.Done:
			return fmt.Errorf("the program ended with status %d:\n%s", p.Status(), tail(s.log.String(), 2000))
		case <-ctx.Done():
			p.Kill()
			return fmt.Errorf("no ready file after %s", startTime)
		case <-tick.C:
		}
	}
}

func (s *Shop) connect() error {
	pool, err := s.Authority()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.web != nil {
		s.web.CloseIdleConnections()
	}
	s.web = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 64, ForceAttemptHTTP2: true}
	s.sessions = map[string]string{}
	s.steps = map[string]int64{}
	return nil
}

// Authority is what the demo's certificates are trusted by.
func (s *Shop) Authority() (*x509.CertPool, error) {
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no authority in " + s.CA)
	}
	return pool, nil
}

func (s *Shop) transport() *http.Transport {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.web
}

// Kill ends the program at once, as a power failure would, and waits for it.
func (s *Shop) Kill() {
	if s.proc != nil {
		s.proc.Kill()
	}
}

// Stop asks the program to stop in order and returns its exit status.
func (s *Shop) Stop() int {
	s.db.close() // an oracle that looks on would keep SQLite from tidying up
	s.proc.Signal(syscall.SIGTERM)
	select {
	case <-s.proc.Done:
	case <-time.After(40 * time.Second):
		s.proc.Kill()
		return -1
	}
	return s.proc.Status()
}

// Alive reports whether the process runs.
func (s *Shop) Alive() bool { return s.proc != nil && s.proc.Alive() }

// Log is everything the program has said so far, on both outputs.
func (s *Shop) Log() string { return s.log.String() }

// Records is the program's log alone: what it says on stderr.
func (s *Shop) Records() string { return s.errs.String() }

// Process is the program at work.
type Process struct {
	Done   chan struct{}
	cmd    *exec.Cmd
	status atomic.Int64
}

// Run starts the program with arguments; all takes both outputs, errs (which may be
// nil) stderr alone.
func Run(all, errs *Log, env []string, args ...string) (*Process, error) {
	return run(built.path, all, errs, env, args...)
}

// RunProof is Run for the program that can be broken.
func RunProof(t testing.TB, all, errs *Log, env []string, args ...string) (*Process, error) {
	return run(ProofProgram(t), all, errs, env, args...)
}

func run(program string, all, errs *Log, env []string, args ...string) (*Process, error) {
	p := &Process{Done: make(chan struct{}), cmd: exec.Command(program, args...)}
	p.cmd.Stdout, p.cmd.Stderr = all, all
	if errs != nil {
		p.cmd.Stderr = io.MultiWriter(all, errs)
	}
	for _, e := range os.Environ() {
		// The tests' own settings are not the program's.
		if !strings.HasPrefix(e, "DATABASE_URL=") && !strings.HasPrefix(e, "PORT=") && !strings.HasPrefix(e, "KASSAVALV_") {
			p.cmd.Env = append(p.cmd.Env, e)
		}
	}
	p.cmd.Env = append(p.cmd.Env, env...)
	bind(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		p.status.Store(int64(p.cmd.ProcessState.ExitCode()))
		close(p.Done)
	}()
	return p, nil
}

// Signal sends a signal.
func (p *Process) Signal(s os.Signal) { p.cmd.Process.Signal(s) }

// Kill ends the process and waits for its end.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.Done
}

// Alive reports whether the process runs.
func (p *Process) Alive() bool {
	select {
	case <-p.Done:
		return false
	default:
		return true
	}
}

// Status is the exit status of a process that has ended; -1: by a signal.
func (p *Process) Status() int { return int(p.status.Load()) }

// Command runs the program to its end (five minutes at most) and returns what it said
// and its exit status.
func Command(t testing.TB, env []string, args ...string) (out string, status int) {
	t.Helper()
	Program(t)
	var log Log
	p, err := Run(&log, nil, env, args...)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done:
	case <-time.After(5 * time.Minute):
		p.Kill()
		t.Fatalf("%v: still running after five minutes\n%s", args, log.String())
	}
	return log.String(), p.Status()
}

// Log collects what a process says. Safe for concurrent use.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// Succeed tells the program to make way for its successor in the same process, and waits
// until that one answers. Requests may be sent all the while.
func (s *Shop) Succeed() error {
	before := s.AdminToken
	s.proc.Signal(restartSignal)
	ready := filepath.Join(s.opt.Dir+"-ready", "ready.json")
	end := time.Now().Add(startTime)
	for {
		var r Ready
		if b, err := os.ReadFile(ready); err == nil && json.Unmarshal(b, &r) == nil && r.AdminToken != before {
			if r.PID != s.PID || r.Shop != s.Ready.Shop {
				return fmt.Errorf("the successor is process %d at %s, not %d at %s", r.PID, r.Shop, s.PID, s.Ready.Shop)
			}
			s.Ready = r
			return nil
		}
		if !s.Alive() {
			return fmt.Errorf("the program ended with status %d instead of giving way:\n%s", s.proc.Status(), tail(s.log.String(), 2000))
		}
		if time.Now().After(end) {
			return fmt.Errorf("no successor after %s:\n%s", startTime, tail(s.log.String(), 2000))
		}
		time.Sleep(20 * time.Millisecond)
	}
}
