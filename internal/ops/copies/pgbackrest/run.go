package pgbackrest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Tool runs pgBackRest and PostgreSQL's own programs as who may.
type Tool struct {
	Program string // pgbackrest; empty: found in PATH
	Config  string // its configuration file
	Stanza  string
	as      *account // nil: as who calls
}

// Errors of a machine that has not what is needed.
var (
	ErrMissing = errors.New("pgBackRest is not installed: on Debian and Ubuntu apt install pgbackrest")
	ErrOld     = errors.New("pgBackRest is too old")
	ErrRights  = errors.New("the server's data directory belongs to another user")
)

// oldest is the first version that keeps several repositories (2.33).
const oldest = 33

// NewTool finds the program. owner is a file or folder whose owner runs it where we are root;
// where we are not, owner must be ours.
func NewTool(program, config, stanza, owner string) (*Tool, error) {
	t := &Tool{Program: program, Config: config, Stanza: stanza}
	if t.Program == "" {
		t.Program = "pgbackrest"
	}
	p, err := exec.LookPath(t.Program)
	if err != nil {
		return nil, ErrMissing
	}
	t.Program = p
	if t.as, err = accountOf(owner); err != nil {
		return nil, err
	}
	return t, nil
}

// Version is the program's, which must be new enough.
func (t *Tool) Version(ctx context.Context) (string, error) {
	out, err := t.command(ctx, t.Program, "version").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", t.Program, err)
	}
	v := strings.TrimPrefix(strings.TrimSpace(string(out)), "pgBackRest ")
	major, minor, ok := strings.Cut(v, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(digits(minor))
	if !ok || err1 != nil || err2 != nil {
		return v, fmt.Errorf("%s tells no version that can be read: %q", t.Program, v)
	}
	if a < 2 || a == 2 && b < oldest {
		return v, fmt.Errorf("%w: %s; several repositories need 2.%d or newer", ErrOld, v, oldest)
	}
	return v, nil
}

func digits(s string) string {
	i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if i < 0 {
		return s
	}
	return s[:i]
}

func (t *Tool) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool { // what others have set for theirs means nothing here
		return strings.HasPrefix(e, "PGBACKREST_") || strings.HasPrefix(e, "PG") || strings.HasPrefix(e, "DATABASE_URL=") || strings.HasPrefix(e, "KASSAVALV_")
	})
	cmd.Dir = string(filepath.Separator)
	cmd.WaitDelay = 10 * time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	t.as.run(cmd)
	return cmd
}

// Refusal is what pgBackRest says of something that went wrong: its own number and words.
type Refusal struct {
	What string // the command
	Code int
	Said string
}

func (f *Refusal) Error() string {
	said := f.Said
	if said == "" {
		said = "no word why"
	}
	return fmt.Sprintf("pgbackrest %s ended with %d: %s", f.What, f.Code, said)
}

var said = regexp.MustCompile(`(?m)^(?:\d{4}-\d\d-\d\d [0-9:.]+ )?P\d+ +(ERROR|WARN): +`)

// lockTaken is pgBackRest's number for "another one is running".
const lockTaken = 50

// run is one command of pgBackRest. Another that runs, such as the one that gives up the
// server's log, is waited for.
func (t *Tool) run(ctx context.Context, command string, args ...string) ([]byte, error) {
	for until := time.Now().Add(2 * time.Minute); ; {
		out, err := t.once(ctx, command, args...)
		var f *Refusal
		if !errors.As(err, &f) || f.Code != lockTaken || time.Now().After(until) {
			return out, err
		}
		select {
		case <-ctx.Done():
			return out, err
		case <-time.After(time.Second):
		}
	}
}

func (t *Tool) once(ctx context.Context, command string, args ...string) ([]byte, error) {
	all := []string{"--config=" + t.Config}
	if t.Stanza != "" {
		all = append(all, "--stanza="+t.Stanza)
	}
	cmd := t.command(ctx, t.Program, append(append(all, args...), command)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err == nil {
		return out.Bytes(), nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("pgbackrest %s: %w", command, ctx.Err())
	}
	f := &Refusal{What: command, Code: cmd.ProcessState.ExitCode()}
	// Warnings and errors go to stdout or stderr, by version; the words after the mark are meant for people.
	text := out.String() + "\n" + errs.String()
	if at := said.FindStringIndex(text); at != nil {
		text = text[at[0]:]
	}
	text = said.ReplaceAllString(text, "")
	f.Said = strings.Join(strings.Fields(text), " ")
	if len(f.Said) > 1200 {
		f.Said = f.Said[:1200] + "…"
	}
	var no *exec.ExitError
	if !errors.As(err, &no) {
		return nil, fmt.Errorf("pgbackrest %s: %w", command, err)
	}
	return nil, f
}

// CreateStanza makes the repositories ready for the server; what is ready stays.
func (t *Tool) CreateStanza(ctx context.Context) error {
	_, err := t.run(ctx, "stanza-create")
	return err
}

// CheckArchive has the server give up a piece of its log and sees it come in each repository.
func (t *Tool) CheckArchive(ctx context.Context) error {
	_, err := t.run(ctx, "check")
	return err
}

// Backup takes a backup of a kind (full, diff or incr) into repository n.
func (t *Tool) Backup(ctx context.Context, n int, kind string) error {
	_, err := t.run(ctx, "backup", "--repo="+strconv.Itoa(n), "--type="+kind)
	return err
}
