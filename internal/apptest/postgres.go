package apptest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
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
}

// StartPostgres makes and starts a server; it goes with the test. Where the tests have
// no PostgreSQL at all, the test is left out as in package dbtest.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	if os.Getenv(dbtest.Env) == "" {
		t.Skip("PostgreSQL part not run: " + dbtest.Env + " names no server (make test starts one)")
	}
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if p, err := exec.LookPath("initdb"); err == nil {
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
	if out, err := p.tool("initdb", "-D", p.data(), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	p.URL = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", p.port)
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *Postgres) tool(name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	asOther(cmd)
	return cmd.CombinedOutput()
}

// Open starts the server and waits until it answers.
func (p *Postgres) Open() error {
	opt := fmt.Sprintf("-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories=%s -c max_connections=200 -c shared_buffers=64MB", p.port, p.dir)
	if out, err := p.tool("pg_ctl", "-D", p.data(), "-o", opt, "-t", "100", "-w", "-l", filepath.Join(p.dir, "log"), "start"); err != nil {
		log, _ := os.ReadFile(filepath.Join(p.dir, "log"))
		return fmt.Errorf("pg_ctl start: %w\n%s\n%s", err, out, tail(string(log), 1000))
	}
	return nil
}

// Kill ends the server at once, as a power failure would: no checkpoint, no goodbye.
func (p *Postgres) Kill() {
	p.tool("pg_ctl", "-D", p.data(), "-m", "immediate", "-w", "stop")
}

// Pull ends the server's first process the hard way (SIGKILL) and waits until its
// children have gone with it.
func (p *Postgres) Pull() error {
	b, err := os.ReadFile(filepath.Join(p.data(), "postmaster.pid"))
	if err != nil {
		return err
	}
	var pid int
	fmt.Sscan(string(b), &pid)
	proc, err := os.FindProcess(pid)
	if err != nil || pid <= 1 {
		return fmt.Errorf("no process of the server: %d", pid)
	}
	if err := proc.Kill(); err != nil {
		return err
	}
	// A server starts again only when nobody holds its memory any more.
	return Poll(time.Minute, func() bool {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(p.port), time.Second)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
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
