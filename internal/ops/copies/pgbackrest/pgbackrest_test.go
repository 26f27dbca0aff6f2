package pgbackrest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies/pgbackrest"
	"kassavalv/internal/ops/copies/walarchive"
)

// rig is a server with two repositories.
type rig struct {
	*apptest.Postgres
	conf pgbackrest.Conf
	file string
	d    *sql.DB
}

func newRig(t *testing.T) *rig {
	t.Helper()
	if _, err := exec.LookPath("pgbackrest"); err != nil {
		t.Fatal("pgbackrest is not installed; test/scripts/setup.sh does it")
	}
	p := apptest.StartPostgres(t)
	r := &rig{Postgres: p, file: filepath.Join(p.Folder(), "etc", "pgbackrest.conf")}
	r.conf = pgbackrest.Conf{Stanza: "shop", Data: p.Data(), User: "postgres", Spool: p.Make(t, "spool"), Lock: p.Make(t, "lock"), Repos: []pgbackrest.Repo{
		{Name: "nas", Kind: "posix", Path: p.Make(t, "nas"), Location: "Malmö"}, {Name: "away", Kind: "posix", Path: p.Make(t, "away"), Provider: "another"}}}
	var err error
	if r.d, err = sql.Open("pgx", p.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.d.Close() })
	return r
}

func (r *rig) do(t *testing.T, stmts ...string) {
	t.Helper()
	for _, s := range stmts {
		if _, err := r.d.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func (r *rig) archiver(t *testing.T) *walarchive.Archiver {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: r.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	a, err := walarchive.Read(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return &a
}

func (r *rig) prepare(t *testing.T, write bool) (pgbackrest.Setup, error) {
	t.Helper()
	return pgbackrest.Prepare(t.Context(), pgbackrest.SetupOptions{Config: r.file, Conf: r.conf, Archiver: r.archiver(t), Write: write})
}

// ready sets the rig up all the way.
func (r *rig) ready(t *testing.T) pgbackrest.Setup {
	t.Helper()
	s, err := r.prepare(t, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.Lines {
		k, v, _ := strings.Cut(l, " = ")
		if !strings.HasPrefix(v, "'") {
			v = "'" + v + "'"
		}
		r.Set(t, k+"="+v)
	}
	r.Kill()
	if err := r.Open(); err != nil {
		t.Fatal(err)
	}
	if s, err = r.prepare(t, true); err != nil {
		t.Fatal(err)
	}
	return s
}

// The whole of it on a real server: set up twice, seen, restored from each repository alone, to
// the newest and to a moment, and found out where a repository has a hole or is damaged.
func TestRealServer(t *testing.T) {
	ctx := t.Context()
	r := newRig(t)
	s, err := r.prepare(t, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.file); err == nil || s.Ready || len(s.Lines) != 4 {
		t.Errorf("a look wrote something, or found nothing to do: %+v", s)
	}
	if shown := s.Conf.Text(true); strings.Contains(shown, s.Conf.Repos[0].Pass.Reveal()) || !strings.Contains(shown, "repo2-cipher-pass=(not shown)") {
		t.Errorf("shown:\n%s", shown)
	}
	s = r.ready(t)
	if !s.Ready || len(s.Lines) != 0 {
		t.Fatalf("%+v", s)
	}
	first, err := os.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	if st, _ := os.Stat(r.file); st.Mode().Perm() != 0o600 {
		t.Errorf("%v", st.Mode())
	}
	if s, err = r.prepare(t, true); err != nil || !s.Ready || !s.Known || strings.Contains(strings.Join(s.Done, " "), "full backup") {
		t.Errorf("the second time: %+v, %v", s, err)
	}
	if again, _ := os.ReadFile(r.file); string(again) != string(first) {
		t.Error("the second time wrote another configuration")
	}
	conf := s.Conf

	r.do(t, `CREATE TABLE goods (n INTEGER PRIMARY KEY, word TEXT)`, `INSERT INTO goods SELECT i, 'hemlig '||i FROM generate_series(1, 20000) i`)
	var before time.Time
	if err := r.d.QueryRow(`SELECT clock_timestamp()`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	r.do(t, `SELECT pg_sleep(0.01)`, `DELETE FROM goods WHERE n > 10000`)
	d, err := db.Open(ctx, db.Options{URL: r.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	tool, err := pgbackrest.NewTool("", r.file, conf.Stanza, r.file)
	if err != nil {
		t.Fatal(err)
	}
	w := &walarchive.Watcher{DB: d}
	if st := w.Look(ctx); !errors.Is(st.Trouble, walarchive.ErrSilent) {
		t.Errorf("before anybody looked: %+v", st)
	}
	look := func() walarchive.Status {
		t.Helper()
		r, _ := tool.Report(ctx, conf)
		if err := w.Take(ctx, r); err != nil {
			t.Fatal(err)
		}
		return w.Look(ctx)
	}
	r.do(t, `SELECT pg_switch_wal()`)
	if err := apptest.Poll(time.Minute, func() bool {
		st := look()
		return st.Trouble == nil && st.Repos[0].Lag == 0 && st.Repos[1].Lag == 0 && st.Repos[0].Trouble == "" && st.Repos[0].Backups == 1
	}); err != nil {
		t.Fatalf("%+v", w.Look(ctx))
	}

	rows := func(url string) (n int) {
		t.Helper()
		x, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		if err := x.QueryRow(`SELECT count(*) FROM goods`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	back := func(n int, at time.Time) *pgbackrest.Clone {
		t.Helper()
		c, err := pgbackrest.Restore(ctx, pgbackrest.CloneOptions{Conf: conf, Repo: n, At: at, Owner: r.file})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.Start(ctx, r.URL); err != nil {
			t.Fatal(err)
		}
		return c
	}
	var archived int64
	r.d.QueryRow(`SELECT archived_count FROM pg_stat_archiver`).Scan(&archived)
	for n := 1; n <= 2; n++ {
		c := back(n, time.Time{})
		url, err := c.URL(r.URL)
		if err != nil {
			t.Fatal(err)
		}
		if got := rows(url); got != 10000 {
			t.Errorf("repository %d: %d rows came back", n, got)
		}
		if err := c.Reaches(w.Look(ctx).Repos[n-1].Log); err != nil {
			t.Errorf("repository %d: %v", n, err)
		}
		if c.At.Before(before) || c.Version == "" || c.End == "" {
			t.Errorf("repository %d: %+v", n, c)
		}
		begun := time.Now()
		size, err := c.Whole(ctx, r.URL)
		if err != nil || size < 100_000 {
			t.Errorf("repository %d: %d bytes were read, %v", n, size, err)
		}
		t.Logf("repository %d: restored in %s, log replayed in %s, all read in %s", n, c.Restored.Round(time.Millisecond), c.Recovered.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(c.Data); !os.IsNotExist(err) {
			t.Errorf("the clone's data stay: %v", err)
		}
	}
	c := back(2, before)
	url, _ := c.URL(r.URL)
	if got := rows(url); got != 20000 || c.At.After(before) {
		t.Errorf("at %s: %d rows, %+v", before, got, c)
	}
	// What was restored has told no repository anything.
	info, err := tool.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		if !strings.HasPrefix(info.Max[n], "00000001") {
			t.Errorf("repository %d holds %s: a clone archived", n, info.Max[n])
		}
	}

	// Nothing in the repositories can be read without the pass.
	for _, p := range conf.Repos {
		out, _ := exec.Command("grep", "-rl", "hemlig", p.Path).Output()
		if len(out) > 0 {
			t.Errorf("%s holds rows in clear: %s", p.Name, out)
		}
	}
	wrong := conf
	wrong.Repos = []pgbackrest.Repo{conf.Repos[0], conf.Repos[1]}
	wrong.Repos[0].Pass = pgbackrest.NewPass()
	if c, err := pgbackrest.Restore(ctx, pgbackrest.CloneOptions{Conf: wrong, Repo: 1, Owner: r.file}); err == nil {
		c.Close()
		t.Error("another pass opened it")
	}

	// One repository goes away: the other goes on, and it is told which.
	r.Hide(t, "away")
	r.do(t, `INSERT INTO goods SELECT i FROM generate_series(30001, 40000) i`, `SELECT pg_switch_wal()`)
	if err := apptest.Poll(time.Minute, func() bool {
		st := look()
		return len(st.Repos) == 2 && st.Repos[1].Trouble != "" && st.Repos[0].Trouble == ""
	}); err != nil {
		t.Errorf("a repository that is gone: %+v", w.Look(ctx))
	}
	if err := apptest.Poll(time.Minute, func() bool {
		in, err := tool.Info(ctx)
		return err == nil && in.Max[1] > info.Max[1]
	}); err != nil {
		t.Error("the log does not reach the repository that is there")
	}
	c = back(1, time.Time{})
	url, _ = c.URL(r.URL)
	if got := rows(url); got != 20000 {
		t.Errorf("from the one that is there: %d rows", got)
	}

	// A piece that is lost in the middle of the log ends the replay without a word: it is found.
	lost := w.Look(ctx).Repos[0].Log
	r.do(t, `INSERT INTO goods SELECT i FROM generate_series(50001, 51000) i`, `SELECT pg_switch_wal()`, `INSERT INTO goods VALUES (60000)`, `SELECT pg_switch_wal()`)
	var in pgbackrest.Info
	if err := apptest.Poll(time.Minute, func() bool {
		var err error
		in, err = tool.Info(ctx)
		return err == nil && in.Max[1] > lost && look().Repos[0].Lag == 0
	}); err != nil {
		t.Fatal("the log does not arrive")
	}
	pieces, _ := filepath.Glob(filepath.Join(conf.Repos[0].Path, "archive", "shop", "*", "*", lost+"-*"))
	if len(pieces) != 1 {
		t.Fatalf("piece %s: %v", lost, pieces)
	}
	if err := os.Remove(pieces[0]); err != nil {
		t.Fatal(err)
	}
	c = back(1, time.Time{})
	if err := c.Reaches(in.Max[1]); err == nil || !strings.Contains(err.Error(), "hole") {
		t.Errorf("a lost piece: %v, ended at %s", err, c.End)
	}
}

// What is wrong is said before anything is done.
func TestSetupRefuses(t *testing.T) {
	r := newRig(t)
	a := r.archiver(t)
	for name, c := range map[string]struct {
		change func(o *pgbackrest.SetupOptions)
		says   string
	}{
		"one repository":   {func(o *pgbackrest.SetupOptions) { o.Conf.Repos = o.Conf.Repos[:1] }, "two or more"},
		"the same twice":   {func(o *pgbackrest.SetupOptions) { o.Conf.Repos[1].Path = o.Conf.Repos[0].Path }, "twice"},
		"in the data":      {func(o *pgbackrest.SetupOptions) { o.Conf.Repos[1].Path = filepath.Join(o.Conf.Data, "x") }, "takes the other"},
		"no server there":  {func(o *pgbackrest.SetupOptions) { o.Conf.Data = o.Conf.Repos[0].Path }, "no data directory"},
		"not installed":    {func(o *pgbackrest.SetupOptions) { o.Program = filepath.Join(t.TempDir(), "pgbackrest") }, "apt install pgbackrest"},
		"a disk not there": {func(o *pgbackrest.SetupOptions) { o.Conf.Repos[1].Path = "/nowhere/at/all" }, "mount it"},
		"too old": {func(o *pgbackrest.SetupOptions) {
			o.Program = filepath.Join(r.Make(t, "old"), "pgbackrest")
			if err := os.WriteFile(o.Program, []byte("#!/bin/sh\necho pgBackRest 2.30\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "too old"},
		"another's file": {func(o *pgbackrest.SetupOptions) {
			o.Config = filepath.Join(t.TempDir(), "pgbackrest.conf")
			if err := os.WriteFile(o.Config, []byte("[global]\nrepo1-path=/var/lib/pgbackrest\n[main]\npg1-path=/data\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not written over"},
	} {
		conf := r.conf
		conf.Repos = append([]pgbackrest.Repo{}, r.conf.Repos...)
		o := pgbackrest.SetupOptions{Config: r.file, Conf: conf, Archiver: a, Write: true}
		c.change(&o)
		if s, err := pgbackrest.Prepare(context.Background(), o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v %+v", name, err, s.Done)
		}
		os.Remove(r.file)
	}
}

// A configuration is read as it was written, and hides what is secret.
func TestConf(t *testing.T) {
	c := pgbackrest.Conf{Stanza: "shop", Data: "/var/lib/pg", Port: 5433, Socket: "/run/pg", Spool: "/var/spool/x", Repos: []pgbackrest.Repo{
		{Name: "nas", Location: `Mal"mö`, Kind: "posix", Path: "/mnt/nas", Pass: pgbackrest.NewPass()},
		{Name: "store", Provider: "any", Kind: "s3", Path: "/shop", Bucket: "b", Endpoint: "s3.example", Region: "se", Pass: pgbackrest.NewPass()}}}
	back, err := pgbackrest.ParseConf(c.Text(false))
	if err != nil {
		t.Fatal(err)
	}
	if back.Text(false) != c.Text(false) || back.Repos[0].Location != `Mal"mö` {
		t.Errorf("%s", back.Text(true))
	}
	if one := c.Only(2, "/tmp/data", "/tmp/own").Text(false); strings.Contains(one, "/mnt/nas") || !strings.Contains(one, "repo1-s3-bucket=b") || strings.Contains(one, "repo2-") {
		t.Error(strings.ReplaceAll(one, c.Repos[1].Pass.Reveal(), ""))
	}
	if fmt.Sprintf("%+v %v", c, c.Repos) != strings.ReplaceAll(fmt.Sprintf("%+v %v", c, c.Repos), c.Repos[0].Pass.Reveal(), "") {
		t.Error("a pass is printed")
	}
}
