package pgbackrest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/ops/copies/walarchive"
)

// SetupOptions say what to set up.
type SetupOptions struct {
	Program string // pgbackrest; empty: found in PATH
	Config  string // where its configuration file is to be, outside the server's data
	Conf    Conf   // passes that are empty are drawn, those of a file that is there are kept
	// Archiver is how the server is set now; nil: it could not be asked.
	Archiver *walarchive.Archiver
	Write    bool // false: nothing is written or run
	// Keep is given the text of the configuration before it is put in its place: what is not
	// kept elsewhere must not be written under.
	Keep func(text string) error
	Tell func(string) // each step, as it begins; nil: nobody
}

// Setup is what is there and what remains.
type Setup struct {
	Conf    Conf
	Version string
	Known   bool     // the file is there and says the same
	Lines   []string // of postgresql.conf, those that are not set yet
	Todo    []string // what the operator must do before it can go on
	Done    []string // what was done
	Ready   bool     // the log arrives in every repository, and each has a full backup
}

// Prepare sets pgBackRest up, as far as the server's settings let it; run again it goes on
// where it was. Without Write it only looks.
func Prepare(ctx context.Context, o SetupOptions) (s Setup, err error) {
	tell := func(format string, args ...any) {
		line := fmt.Sprintf(format, args...)
		s.Done = append(s.Done, line)
		if o.Tell != nil {
			o.Tell(line)
		}
	}
	if err := mayServe(o.Conf.Data); err != nil {
		return s, fmt.Errorf("the server's data directory %s: %w", o.Conf.Data, err)
	}
	if _, err := os.Stat(filepath.Join(o.Conf.Data, "PG_VERSION")); err != nil {
		return s, fmt.Errorf("%s is no data directory of PostgreSQL (or cannot be read): name it with --pgdata", o.Conf.Data)
	}
	t, err := NewTool(o.Program, o.Config, o.Conf.Stanza, o.Conf.Data)
	if err != nil {
		return s, err
	}
	if s.Version, err = t.Version(ctx); err != nil {
		return s, err
	}
	old, err := os.ReadFile(o.Config)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	if s.Conf, err = merge(o.Conf, string(old)); err != nil {
		return s, fmt.Errorf("%s: %w", o.Config, err)
	}
	if s.Conf, err = s.Conf.certified(); err != nil {
		return s, err
	}
	s.Conf.Certs = filepath.Dir(o.Config)
	if err := where(&s.Conf); err != nil {
		return s, err
	}
	if err := s.Conf.Check(); err != nil {
		return s, err
	}
	text := s.Conf.Text(false)
	s.Known = string(old) == text
	s.Lines, s.Todo = needs(t, o.Archiver)
	if !o.Write {
		return s, nil
	}
	if o.Keep != nil {
		if err := o.Keep(text); err != nil {
			return s, err
		}
	}
	if !s.Known {
		if err := os.MkdirAll(filepath.Dir(o.Config), 0o755); err != nil {
			return s, err
		}
		t.Config += ".new"
		if err := t.write(s.Conf); err != nil {
			return s, err
		}
		t.Config = o.Config
		if err := os.Rename(o.Config+".new", o.Config); err != nil {
			return s, err
		}
		tell("wrote %s", o.Config)
	}
	for _, d := range []string{s.Conf.Spool, s.Conf.Lock} {
		if d == "" {
			continue
		}
		if _, err := os.Stat(d); errors.Is(err, os.ErrNotExist) {
			if err := errors.Join(os.MkdirAll(d, 0o770), t.as.give(d)); err != nil {
				return s, err
			}
		}
	}
	for _, r := range s.Conf.Repos {
		if r.Kind != "posix" {
			continue
		}
		if _, err := os.Stat(r.Path); errors.Is(err, os.ErrNotExist) {
			return s, fmt.Errorf("repository %s: %s is not there: mount it, or make the folder and give it to the server's user", r.Name, r.Path)
		}
	}
	if err := t.CreateStanza(ctx); err != nil {
		return s, err
	}
	tell("the repositories are ready for the server (stanza %s)", s.Conf.Stanza)
	if len(s.Lines) > 0 || o.Archiver == nil {
		return s, nil
	}
	if err := t.CheckArchive(ctx); err != nil {
		return s, fmt.Errorf("the server's log does not arrive: %w", err)
	}
	tell("a piece of the server's log arrived in each repository")
	info, err := t.Info(ctx)
	if err != nil {
		return s, err
	}
	for i, r := range s.Conf.Repos {
		if slices.ContainsFunc(info.Backups, func(b Backup) bool { return b.Repo == i+1 && b.Type == "full" }) {
			continue
		}
		begun := time.Now()
		if err := t.Backup(ctx, i+1, "full"); err != nil {
			return s, fmt.Errorf("repository %s: %w", r.Name, err)
		}
		tell("a full backup in repository %s, in %s", r.Name, time.Since(begun).Round(100*time.Millisecond))
	}
	s.Ready = true
	return s, nil
}

// merge takes over what a file says already: passes, and the order of repositories, which is
// their number. What is not said again stays.
func merge(want Conf, old string) (Conf, error) {
	repos := want.Repos
	if old != "" {
		had, err := ParseConf(old)
		if err != nil {
			return want, fmt.Errorf("is not ours, or was changed by hand, and is not written over: %w", err)
		}
		if had.Stanza != want.Stanza || had.Data != want.Data {
			return want, fmt.Errorf("is of the stanza %s on %s: give another file with --config", had.Stanza, had.Data)
		}
		want.Repos = nil
		for _, h := range had.Repos {
			i := slices.IndexFunc(repos, func(r Repo) bool { return r.Name == h.Name })
			if i >= 0 {
				n := repos[i]
				if n.Kind != h.Kind || n.Where() != h.Where() {
					return want, fmt.Errorf("has repository %s at %s, not at %s: a repository does not move; give the new one another name", h.Name, h.Where(), n.Where())
				}
				n.Pass = h.Pass
				h = n
				repos = slices.Delete(slices.Clone(repos), i, i+1)
			}
			want.Repos = append(want.Repos, h)
		}
		want.Repos = append(want.Repos, repos...)
	}
	want.Repos = slices.Clone(want.Repos)
	for i := range want.Repos {
		if want.Repos[i].Pass.IsZero() {
			want.Repos[i].Pass = NewPass()
		}
	}
	return want, nil
}

// where reads from the running server's own file where its socket is.
func where(c *Conf) error {
	b, err := os.ReadFile(filepath.Join(c.Data, "postmaster.pid"))
	if err != nil {
		return fmt.Errorf("the server in %s does not run (or its postmaster.pid cannot be read): start it first", c.Data)
	}
	var l []string
	for in := bufio.NewScanner(bytes.NewReader(b)); in.Scan(); {
		l = append(l, strings.TrimSpace(in.Text()))
	}
	if len(l) < 5 {
		return fmt.Errorf("%s/postmaster.pid cannot be read", c.Data)
	}
	if c.Port == 0 {
		c.Port, _ = strconv.Atoi(l[3])
	}
	if c.Socket == "" {
		c.Socket = l[4]
	}
	return nil
}

// ArchiveTimeout is after how many seconds a piece of the log is given up that is not full.
const ArchiveTimeout = 10

// needs are the settings that the server lacks, and what to do about them.
func needs(t *Tool, a *walarchive.Archiver) (lines, todo []string) {
	command := fmt.Sprintf("%s --config=%s --stanza=%s archive-push %%p", t.Program, t.Config, t.Stanza)
	want := []string{"wal_level = replica", "archive_mode = on", "archive_command = '" + command + "'", fmt.Sprintf("archive_timeout = %ds", ArchiveTimeout)}
	switch {
	case a == nil:
		return want, []string{"The server could not be asked how it is set. Put the lines into postgresql.conf, restart it, and run this again."}
	case !a.On:
		return want, []string{"Put the lines into postgresql.conf and restart the server (archive_mode takes a restart), then run this again."}
	case a.Command != command:
		return want[2:], []string{"The server archives by another command. Put the lines into postgresql.conf and reload the server (SELECT pg_reload_conf()), then run this again."}
	}
	return nil, nil
}
