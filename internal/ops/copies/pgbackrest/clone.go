package pgbackrest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the "pgx" driver

	"kassavalv/internal/ops/copies/walarchive"
)

// Clone is a server of our own on what came out of a repository.
type Clone struct {
	Data      string
	Version   string    // of the data, such as 15
	At        time.Time // of the newest change that came back; zero: the log held none
	End       string    // where in the log it ends
	Restored  time.Duration
	Recovered time.Duration

	segment int64 // size of a piece of the log
	tool    *Tool
	bin     string
	own     string // folder that goes with it
	socket  string
	super   string // the role that made the server
	keep    bool   // Data is not ours to remove
	proc    *exec.Cmd
	ended   chan struct{}
	said    tail
}

// CloneOptions say what to restore.
type CloneOptions struct {
	Program string // pgbackrest; empty: found in PATH
	Conf    Conf
	Repo    int       // from 1
	At      time.Time // zero: all there is
	// Data is where to; empty: a folder of the clone's own, which goes with it. It must be
	// empty, or not there.
	Data string
	// Owner is a file whose owner runs the servers where we are root.
	Owner string
	Bin   string // folder of PostgreSQL's programs; empty: found by the version of the data
	// Temp is where the clone's own folder is made; empty: the system's.
	Temp string
}

// Restore brings a server's data back from one repository, to run it with Start. Nothing of
// the repository or of the shop's server is changed.
func Restore(ctx context.Context, o CloneOptions) (c *Clone, err error) {
	if o.Repo < 1 || o.Repo > len(o.Conf.Repos) {
		return nil, fmt.Errorf("there is no repository %d", o.Repo)
	}
	tool, err := NewTool(o.Program, "", o.Conf.Stanza, o.Owner)
	if err != nil {
		return nil, err
	}
	if _, err := tool.Version(ctx); err != nil {
		return nil, err
	}
	c = &Clone{tool: tool, Data: o.Data, keep: o.Data != ""}
	if c.own, err = os.MkdirTemp(o.Temp, "kassavalv-pg-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
			c = nil
		}
	}()
	if !c.keep {
		c.Data = filepath.Join(c.own, "data")
	}
	c.socket = c.own
	dirs := []string{c.own, filepath.Join(c.own, "spool"), filepath.Join(c.own, "lock"), filepath.Join(c.own, "space")}
	if es, err := os.ReadDir(c.Data); errors.Is(err, os.ErrNotExist) {
		dirs = append(dirs, c.Data)
	} else if err != nil {
		return c, err
	} else if len(es) > 0 {
		return c, fmt.Errorf("%s is not empty: a restore replaces nothing", c.Data)
	}
	for _, d := range dirs {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return c, err
		}
		if err := tool.as.give(d); err != nil {
			return c, err
		}
	}
	tool.Config = filepath.Join(c.own, "pgbackrest.conf")
	if err := tool.write(o.Conf.Only(o.Repo, c.Data, c.own)); err != nil {
		return c, err
	}
	args := []string{"--archive-mode=off", "--type=default"}
	if !o.At.IsZero() {
		args = []string{"--archive-mode=off", "--type=time", "--target=" + o.At.UTC().Format("2006-01-02 15:04:05.000000") + "+00", "--target-action=promote"}
	}
	if !c.keep {
		args = append(args, "--tablespace-map-all="+filepath.Join(c.own, "space"))
	}
	begun := time.Now()
	if _, err := tool.run(ctx, "restore", args...); err != nil {
		return c, err
	}
	c.Restored = time.Since(begun)
	v, err := os.ReadFile(filepath.Join(c.Data, "PG_VERSION"))
	if err != nil {
		return c, fmt.Errorf("what came back is no data directory: %w", err)
	}
	c.Version = strings.TrimSpace(string(v))
	if c.bin, err = programs(o.Bin, c.Version); err != nil {
		return c, err
	}
	return c, nil
}

// write writes the configuration, and first the certificates that it names.
func (t *Tool) write(c Conf) error {
	c, err := c.certified()
	if err != nil {
		return err
	}
	for _, r := range c.Repos {
		if r.CA != "" {
			if err := t.private(c.caFile(r), r.CA); err != nil {
				return err
			}
		}
	}
	return t.private(t.Config, c.Text(false))
}

// private writes a file that only the account reads.
func (t *Tool) private(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close(), t.as.give(path))
}

// ErrNoPrograms is returned where PostgreSQL's programs of the right version are missing.
var ErrNoPrograms = errors.New("PostgreSQL's own programs are not on this machine")

func programs(dir, version string) (string, error) {
	at := []string{dir}
	if dir == "" {
		at = []string{"/usr/lib/postgresql/" + version + "/bin", "/usr/pgsql-" + version + "/bin"}
		if p, err := exec.LookPath("postgres"); err == nil {
			at = append(at, filepath.Dir(p))
		}
	}
	for _, d := range at {
		out, err := exec.Command(filepath.Join(d, "postgres"), "--version").Output()
		if err == nil && strings.Contains(string(out), ") "+version) {
			return d, nil
		}
	}
	return "", fmt.Errorf("%w: version %s, which the data are of, is needed (%s)", ErrNoPrograms, version, strings.Join(at, ", "))
}

// tail keeps the end of what a server says.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if n := len(t.b) - 4000; n > 0 {
		t.b = t.b[n:]
	}
	return len(p), nil
}

// words are the lines that tell why; others quote statements, and so may quote people.
func (t *tail) words() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for l := range strings.Lines(string(t.b)) {
		for _, mark := range []string{"FATAL:", "PANIC:"} {
			if i := strings.Index(l, mark); i >= 0 && !strings.Contains(l, "the database system is") {
				out = append(out, strings.TrimSpace(l[i:]))
			}
		}
	}
	return strings.Join(slices.Compact(out), " ")
}

// Start runs the server until the log is replayed and it answers as one that takes writes. It
// archives nothing and is to be reached over its socket alone. of is the URL that the shop's
// database has on its own server: its database and user are there on the clone, too.
func (c *Clone) Start(ctx context.Context, of string) error {
	begun := time.Now()
	at, err := c.URL(of)
	if err != nil {
		return err
	}
	conf, hba := filepath.Join(c.own, "postgresql.conf"), filepath.Join(c.own, "hba.conf")
	if err := errors.Join(c.tool.private(conf, "# Nothing here: all stands on the command line, which no file in the data directory outweighs.\n"), c.tool.private(hba, "local all all trust\n")); err != nil {
		return err
	}
	args := []string{"-D", c.Data, "-p", strconv.Itoa(socketNumber)}
	for _, s := range []string{"config_file=" + conf, "hba_file=" + hba, "ident_file=" + hba + ".none", "listen_addresses=", "unix_socket_directories=" + c.socket, "unix_socket_permissions=0700",
		"archive_mode=off", "archive_command=", "hot_standby=off", "primary_conninfo=", "primary_slot_name=", "synchronous_standby_names=", "max_wal_senders=0", "ssl=off",
		"shared_buffers=32MB", "maintenance_work_mem=32MB", "max_connections=40", "max_parallel_workers_per_gather=0", "autovacuum=off",
		"shared_preload_libraries=", "session_preload_libraries=", "local_preload_libraries=", "logging_collector=off", "log_destination=stderr", "log_statement=none", "log_min_error_statement=panic",
		"external_pid_file=", "jit=off"} {
		args = append(args, "-c", s)
	}
	if err := c.tool.private(hba+".none", ""); err != nil {
		return err
	}
	// Not bound to ctx: it is stopped in order, by Close.
	c.proc = c.tool.command(context.WithoutCancel(ctx), filepath.Join(c.bin, "postgres"), args...)
	c.proc.Stdout, c.proc.Stderr = io.Discard, &c.said
	nice(c.proc)
	if err := c.proc.Start(); err != nil {
		return err
	}
	c.ended = make(chan struct{})
	go func() { c.proc.Wait(); close(c.ended) }()
	d, err := sql.Open("pgx", at)
	if err != nil {
		return err
	}
	defer d.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var end sql.NullString
		var newest sql.NullTime
		var follows bool
		err := d.QueryRowContext(ctx, `SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()::text, pg_last_xact_replay_timestamp(), (SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY oid LIMIT 1),
			(SELECT setting::bigint FROM pg_settings WHERE name='wal_segment_size')`).Scan(&follows, &end, &newest, &c.super, &c.segment)
		if err == nil && !follows {
			c.End, c.Recovered = end.String, time.Since(begun)
			if newest.Valid {
				c.At = newest.Time.UTC()
			}
			return nil
		}
		select {
		case <-tick.C:
		case <-c.ended:
			return fmt.Errorf("the server on the restored data does not start: %s", c.said.words())
		case <-ctx.Done():
			return fmt.Errorf("the server on the restored data is not ready: %w %s", ctx.Err(), c.said.words())
		}
	}
}

const socketNumber = 5432 // names a file in a folder of our own; no port is opened

// URL is that of the shop's own database on the clone, for the URL it has on its server.
func (c *Clone) URL(of string) (string, error) {
	x, err := parts(of)
	if err != nil {
		return "", err
	}
	q := url.Values{"host": {c.socket}, "port": {strconv.Itoa(socketNumber)}, "sslmode": {"disable"}, "user": {x.User}}
	if s := x.RuntimeParams["search_path"]; s != "" {
		q.Set("search_path", s)
	}
	return (&url.URL{Scheme: "postgres", Path: "/" + x.Database, RawQuery: q.Encode()}).String(), nil
}

// parts takes a URL apart. Its error does not repeat it.
func parts(of string) (*pgx.ConnConfig, error) {
	x, err := pgx.ParseConfig(of)
	if err != nil {
		return nil, errors.New("the address of the shop's database cannot be read")
	}
	if x.Database == "" {
		x.Database = x.User
	}
	return x, nil
}

// Close stops the server, with all its changes on disk, and removes what is the clone's own.
func (c *Clone) Close() error {
	var errs []error
	if c.ended != nil {
		errs = append(errs, c.stop())
	}
	errs = append(errs, os.RemoveAll(c.own))
	return errors.Join(errs...)
}

func (c *Clone) stop() error {
	c.proc.Process.Signal(os.Interrupt) // a fast shutdown
	select {
	case <-c.ended:
		return nil
	case <-time.After(time.Minute):
		c.proc.Process.Kill()
		<-c.ended
		return errors.New("the server on the restored data did not stop in a minute")
	}
}

// Reaches holds that the log was replayed as far as the repository has it: a piece that is
// missing ends the replay without a word, and everything after it is then not in the copy.
// max is the newest piece that the repository had when the restore began.
func (c *Clone) Reaches(max string) error {
	want, ok := walarchive.Number(max, c.segment)
	hi, lo, cut := strings.Cut(c.End, "/")
	a, err1 := strconv.ParseUint(hi, 16, 32)
	b, err2 := strconv.ParseUint(lo, 16, 32)
	if !ok || !cut || err1 != nil || err2 != nil {
		return fmt.Errorf("where the log ends cannot be read: %q, piece %q", c.End, max)
	}
	if got := (a<<32 | b) / uint64(c.segment); got < want {
		return fmt.Errorf("the log has a hole: the replay ended at %s, %d pieces before %s, which the repository has", c.End, want-got, max)
	}
	return nil
}

// Whole reads everything: pg_amcheck holds every table and index against each other, pg_dump
// reads every row. rows is how many bytes the dump has.
func (c *Clone) Whole(ctx context.Context, of string) (rows int64, err error) {
	x, err := parts(of)
	if err != nil {
		return 0, err
	}
	common := []string{"--host=" + c.socket, "--port=" + strconv.Itoa(socketNumber), "--username=" + c.super}
	for _, p := range []struct {
		name string
		args []string
	}{
		{"pg_amcheck", []string{"--install-missing", "--heapallindexed", "--parent-check", "--database=" + x.Database}},
		{"pg_dump", []string{"--dbname=" + x.Database}},
	} {
		program := filepath.Join(c.bin, p.name)
		if _, err := os.Stat(program); err != nil {
			return 0, fmt.Errorf("%w: %s is missing", ErrNoPrograms, program)
		}
		cmd := c.tool.command(ctx, program, append(common, p.args...)...)
		n := &counter{}
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = n, &said
		nice(cmd)
		if err := cmd.Run(); err != nil {
			text := strings.Join(strings.Fields(n.first()+" "+said.String()), " ")
			return 0, fmt.Errorf("%s found: %s (%w)", p.name, short(text), err)
		}
		rows = n.n
	}
	return rows, nil
}

func short(s string) string {
	if len(s) > 600 {
		return s[:600] + "…"
	}
	return s
}

// nice lets a program give way to the shop's.
func nice(cmd *exec.Cmd) {
	if p, err := exec.LookPath("nice"); err == nil {
		cmd.Args = append([]string{"nice", "-n", "10", cmd.Path}, cmd.Args[1:]...)
		cmd.Path = p
	}
}

// counter counts what it is given, and keeps the beginning.
type counter struct {
	n    int64
	head []byte
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	if room := 2000 - len(c.head); room > 0 {
		c.head = append(c.head, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// first is the beginning, without rows: a dump's are people's.
func (c *counter) first() string {
	if bytes.HasPrefix(c.head, []byte("--")) {
		return ""
	}
	return string(c.head)
}

// Look asks one repository what it holds, without the server. In what it tells the repository
// has the number 1.
func Look(ctx context.Context, o CloneOptions) (Info, error) {
	tool, err := NewTool(o.Program, "", o.Conf.Stanza, o.Owner)
	if err != nil {
		return Info{}, err
	}
	own, err := os.MkdirTemp(o.Temp, "kassavalv-pg-")
	if err != nil {
		return Info{}, err
	}
	defer os.RemoveAll(own)
	if err := tool.as.give(own); err != nil {
		return Info{}, err
	}
	tool.Config = filepath.Join(own, "pgbackrest.conf")
	if err := tool.write(o.Conf.Only(o.Repo, filepath.Join(own, "data"), own)); err != nil {
		return Info{}, err
	}
	return tool.Info(ctx)
}

// OwnAs gives a file to who owns another, where we are root.
func OwnAs(path, like string) error {
	return ownAs(path, like)
}
