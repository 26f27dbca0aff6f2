package apptest

import (
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"kassavalv/internal/db/dbtest"
)

// Postgres is a database server of a test's own, which may be killed. Unlike the one that
// all tests share it keeps what it has acknowledged (fsync is on).
type Postgres struct {
	URL  string
	bin  string
	dir  string
	port int
	proc *os.Process
	done chan struct{} // closed when proc has ended
	more []string      // settings beside the usual ones
	on   string        // data directory, where it is not the usual one
}

// StartPostgres makes and starts a server; it goes with the test. Where the tests have
// no PostgreSQL at all, the test is left out as in package dbtest.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	p := newPostgres(t)
	if out, err := p.command("initdb", "-D", p.Data(), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "--data-checksums").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	return p
}

// newPostgres has a folder and a port, and nothing in the folder.
func newPostgres(t testing.TB) *Postgres {
	t.Helper()
	if os.Getenv(dbtest.Env) == "" {
		t.Skip("PostgreSQL part not run: " + dbtest.Env + " names no server (make test starts one)")
	}
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if p, err := exec.LookPath("initdb"); err == nil && len(bins) == 0 {
		bins = append(bins, p)
	}
	if len(bins) == 0 {
		t.Fatal("no initdb on this machine: PostgreSQL's own programs are needed to kill a server of it")
	}
	slices.Sort(bins)
	dir, err := os.MkdirTemp("", "kassavalv-pg-") // not the test's own folder: the server's user must reach it
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Postgres{bin: filepath.Dir(bins[len(bins)-1]), dir: dir, port: l.Addr().(*net.TCPAddr).Port}
	l.Close()
	t.Cleanup(func() {
		p.Kill()
		os.RemoveAll(dir)
	})
	if err := os.Chmod(dir, 0o755); err == nil {
		err = own(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.URL = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", p.port)
	return p
}

// Standby copies the server while it runs and starts a second one that follows it by
// streaming, under the name that synchronous_standby_names of the first may hold.
func (p *Postgres) Standby(t testing.TB, name string) *Postgres {
	t.Helper()
	s := newPostgres(t)
	if out, err := s.command("pg_basebackup", "-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", "postgres", "-D", s.Data(), "-R", "-X", "stream", "-c", "fast", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	s.more = []string{"-c", fmt.Sprintf("primary_conninfo=host=127.0.0.1 port=%d user=postgres application_name=%s", p.port, name)}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Promote makes a standby the server that takes writes, as pg_ctl promote does.
func (p *Postgres) Promote() error {
	if out, err := p.command("pg_ctl", "promote", "-D", p.Data(), "-w").CombinedOutput(); err != nil {
		return fmt.Errorf("pg_ctl promote: %w\n%s", err, out)
	}
	return nil
}

// Set changes settings that a reload takes, or those of the next start.
func (p *Postgres) Set(t testing.TB, settings ...string) {
	t.Helper()
	d, err := sql.Open("pgx", p.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, s := range append(settings, "") {
		stmt := "ALTER SYSTEM SET " + s
		if s == "" {
			stmt = "SELECT pg_reload_conf()"
		}
		if _, err := d.Exec(stmt); err != nil {
			t.Fatalf("%s: %v", stmt, err)
		}
	}
}

// Data is the server's data directory, Port where it listens, Bin where its programs are.
func (p *Postgres) Data() string {
	if p.on != "" {
		return p.on
	}
	return filepath.Join(p.dir, "data")
}
func (p *Postgres) Port() int   { return p.port }
func (p *Postgres) Bin() string { return p.bin }

// Folder is the server's own folder, above its data, which its user may write to.
func (p *Postgres) Folder() string { return p.dir }

// command is one of the server's own programs, run as who may.
func (p *Postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	bind(cmd)
	asOther(cmd)
	return cmd
}

// Open starts the server and waits until it answers. After Pull its children may live for
// a moment more, and nobody else gets their memory meanwhile.
func (p *Postgres) Open() (err error) {
	if late := Poll(startTime, func() bool { err = p.open(); return err == nil }); late != nil {
		return err
	}
	return nil
}

func (p *Postgres) open() error {
	d, err := sql.Open("pgx", p.URL)
	if err != nil {
		return err
	}
	defer d.Close()
	var said Log
	cmd := p.command("postgres", "-D", p.Data(), "-p", strconv.Itoa(p.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="+p.dir,
		"-c", "max_connections=200", "-c", "shared_buffers=64MB")
	cmd.Args = append(cmd.Args, p.more...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second // children that outlive it hold its output
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	p.proc, p.done = cmd.Process, done
	ended := false
	err = Poll(startTime, func() bool {
		select {
		case <-done:
			ended = true
		default:
		}
		return ended || d.Ping() == nil
	})
	if err != nil || ended {
		p.Kill()
		return fmt.Errorf("PostgreSQL does not open: %s", tail(said.String(), 1000))
	}
	return nil
}

// Kill ends the server at once, as a power failure would: no checkpoint, no goodbye.
func (p *Postgres) Kill() { p.end(syscall.SIGQUIT) }

// Pull ends the server's first process the hard way; its children notice for themselves.
func (p *Postgres) Pull() { p.end(syscall.SIGKILL) }

func (p *Postgres) end(with os.Signal) {
	if p.proc != nil {
		p.proc.Signal(with)
		<-p.done
	}
}

// Schema makes a fresh schema and returns a URL that is confined to it.
func (p *Postgres) Schema(t testing.TB, name string) string {
	t.Helper()
	d, err := sql.Open("pgx", p.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Exec("CREATE SCHEMA " + name); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// Make makes a folder beside the data that the server's user may write to.
func (p *Postgres) Make(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(p.dir, name)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := own(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Hide takes such a folder away, as a disk that is not mounted any more.
func (p *Postgres) Hide(t testing.TB, name string) {
	t.Helper()
	if err := os.Rename(filepath.Join(p.dir, name), filepath.Join(p.dir, name+"-hidden")); err != nil {
		t.Fatal(err)
	}
	// Nor can anybody make it anew.
	if err := os.WriteFile(filepath.Join(p.dir, name), nil, 0o400); err != nil {
		t.Fatal(err)
	}
}

// OpenOn starts the server on another data directory, under the same address; nothing of it
// is archived.
func (p *Postgres) OpenOn(data string) error {
	p.on, p.more = data, []string{"-c", "archive_mode=off"}
	return p.Open()
}
