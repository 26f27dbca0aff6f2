package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"kassavalv/internal/app"
	"kassavalv/internal/ops/copies"
)

type setupPostgresCmd struct {
	PGData  string   `name:"pgdata" help:"The server's data directory." required:"" placeholder:"DIR"`
	Repo    []string `help:"A repository: file:///folder?name=…&location=…&provider=… or s3://bucket/prefix?endpoint=https://…&region=…&name=…; two or more." required:"" placeholder:"URL" sep:"none"`
	Config  string   `help:"Where pgBackRest's configuration is to be." placeholder:"FILE"`
	Stanza  string   `help:"pgBackRest's word for this server." placeholder:"NAME"`
	Spool   string   `help:"Folder that the server's log waits in." placeholder:"DIR"`
	Lock    string   `help:"Folder of pgBackRest's locks." placeholder:"DIR"`
	User    string   `help:"Role that pgBackRest connects as." placeholder:"NAME"`
	Program string   `help:"pgBackRest, where it is not in PATH." placeholder:"FILE"`
	Yes     bool     `help:"Do it; without this it is only shown what would be done."`
}

// Help is the example under --help.
func (setupPostgresCmd) Help() string {
	return "Example: kassavalv backup setup-postgres --pgdata /var/lib/postgresql/15/main --repo 'file:///mnt/nas/pg?name=nas&provider=own' --repo 's3://shop-backup/pg?endpoint=https://s3.example&region=eu&name=store&provider=example' --data /var/lib/kassavalv\n\n" +
		"Run it as root on the machine of the server; it acts as the server's user. It shows what it would do; with --yes it does it, as far as the server's settings let it, and can be run again and again.\n\nExit status: 0 the log arrives in every repository and each has a full backup, 1 failed, 3 something remains to be done."
}

func (c setupPostgresCmd) Run(e env) error {
	o := app.SetupPostgresOptions{Program: c.Program, Config: c.Config, Stanza: c.Stanza, Data: c.PGData, Repos: c.Repo, Spool: c.Spool, Lock: c.Lock, User: c.User, Write: c.Yes}
	if !e.json {
		o.Tell = func(s string) { fmt.Println("-", s) }
	}
	s, err := app.SetupPostgres(e.ctx, e.dir(usualData), o)
	if e.json {
		if err != nil {
			return err
		}
		if err := e.printed(s); err != nil {
			return err
		}
	} else {
		for _, w := range s.Warnings {
			fmt.Fprintln(os.Stderr, "Beware:", w)
		}
		if err != nil {
			return err
		}
		printSetup(os.Stdout, s, c.Yes)
	}
	if !s.Ready {
		return errFound
	}
	return nil
}

func printSetup(w io.Writer, s app.PostgresSetup, did bool) {
	if !did {
		fmt.Fprintf(w, "pgBackRest %s. Nothing is written yet. %s would be:\n\n", s.Version, s.Config)
		for l := range strings.Lines(s.Text) {
			fmt.Fprint(w, "    ", l)
		}
		fmt.Fprintln(w, "\nThe passes are drawn by this program and go to the sites (copies.sites), sealed to the paper key.")
	}
	if len(s.Lines) > 0 {
		fmt.Fprint(w, "\nLines for postgresql.conf:\n\n")
		for _, l := range s.Lines {
			fmt.Fprintln(w, "    "+l)
		}
		fmt.Fprintln(w)
	}
	for _, t := range s.Todo {
		fmt.Fprintln(w, t)
	}
	switch {
	case !did:
		fmt.Fprintln(w, "Run it again with --yes to do this.")
	case s.Ready:
		fmt.Fprintln(w, "\nThe server's log arrives in every repository, and each has a full backup. Have a timer run this every five minutes, as root (deploy/kassavalv-tend-postgres.service and .timer do):\n\n    kassavalv backup tend-postgres")
	}
}

type tendPostgresCmd struct {
	Config  string `help:"pgBackRest's configuration, where it is not at the usual place." placeholder:"FILE"`
	Program string `help:"pgBackRest, where it is not in PATH." placeholder:"FILE"`
	Temp    string `help:"Folder for drills, which need as much room as the database." placeholder:"DIR"`
	Drill   bool   `help:"Drill every repository now, also where it is not due."`
}

// Help is the example under --help.
func (tendPostgresCmd) Help() string {
	return "Example: kassavalv backup tend-postgres --data /var/lib/kassavalv\n\nA timer runs it every five minutes on the machine of the server, as root. A full backup is due once a week, another kind each day, a drill of each repository each day: the newest is restored into a clean folder, a server of its own runs on it, and everything is read and checked.\n\nExit status: 0 all is well, 1 failed, 3 a repository is in trouble, a drill was not ok, or the shop could not be told."
}

func (c tendPostgresCmd) Run(e env) error {
	o := app.TendOptions{Program: c.Program, Config: c.Config, Temp: c.Temp, Drill: c.Drill}
	if !e.json {
		o.Tell = func(s string) { fmt.Println("-", s) }
	}
	s, err := app.TendPostgres(e.ctx, e.dir(usualData), o)
	if err != nil {
		return err
	}
	found := !s.Told
	if e.json {
		if err := e.printed(s); err != nil {
			return err
		}
	}
	for _, r := range s.Report.Repos {
		if r.Trouble != "" {
			found = true
			fmt.Fprintf(os.Stderr, "repository %s: %s\n", r.Name, r.Trouble)
		}
	}
	for _, d := range s.Drills {
		found = found || d.State != copies.Ok
		for _, f := range d.Findings {
			fmt.Fprintf(os.Stderr, "drill of %s, %s: %s\n", d.Site, f.Step, f.What)
		}
	}
	if !s.Told {
		fmt.Fprintln(os.Stderr, "the shop was not told:", s.Why)
	}
	if found {
		return errFound
	}
	return nil
}

func printPostgres(w io.Writer, s app.BackupStatus) {
	p := s.Postgres
	printLoss(w, s, "the server", "repository")
	if !p.ArchivedAt.IsZero() {
		fmt.Fprintf(w, "The newest piece of the log was archived %s.\n", when(p.ArchivedAt))
	}
	fmt.Fprintf(w, "The server's log: newest archived %s, written now %s, %d failures. Repositories looked at: %s.\n\n", orNone(p.Archived), orNone(p.Current), p.Failures, when(p.Report))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PLACE\tHOLDS\tWHERE\tBEHIND\tFULL BACKUP\tNEWEST BACKUP\tSIZE\tLAST DRILL")
	for _, x := range s.Sites {
		behind, full, newest, drill := "", "", "", ""
		if x.Holds == "database" {
			behind, full, newest = span(x.Lag), "none", "none"
			if !x.Full.IsZero() {
				full, newest = when(x.Full), when(x.Backup)
			}
			if drill = "never"; !x.Drilled.IsZero() {
				drill = x.Drill + " " + when(x.Drilled)
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.Name, x.Holds, strings.TrimSpace(x.Address+" "+x.Location), behind, full, newest, size(x.Bytes), drill)
	}
	t.Flush()
	for _, x := range s.Sites {
		var steps []string
		for _, st := range x.Steps {
			steps = append(steps, st.Name+" "+span(st.Took.Seconds()))
		}
		if len(steps) > 0 {
			fmt.Fprintf(w, "\n%s, last drill: %s\n", x.Name, strings.Join(steps, ", "))
		}
	}
	printLate(w, s, "tend-postgres --drill")
	for _, x := range s.Sites {
		if x.Trouble != "" {
			fmt.Fprintf(w, "\n%s (%s) IS IN TROUBLE since %s: %s\n", x.Name, x.Holds, when(x.Since), x.Trouble)
		}
	}
	if s.Trouble != "" {
		fmt.Fprintf(w, "\nTHE COPIES ARE IN TROUBLE: %s\n", s.Trouble)
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// postgres is a restore of a shop on PostgreSQL.
func (c restoreCmd) postgres(e env, o app.RestoreOptions, in *bufio.Reader) error {
	if !c.Yes {
		if !terminal(os.Stdin) {
			fmt.Fprintln(os.Stderr, "Give --yes to restore this without being asked.")
			return app.ErrDeclined
		}
		fmt.Fprintf(os.Stderr, "The database is brought back by pgBackRest into %s, keys, configuration and pictures by this program into %s. Go on? (yes/no) ", c.PGData, o.To)
		if a, _ := in.ReadString('\n'); strings.TrimSpace(a) != "yes" {
			return app.ErrDeclined
		}
	}
	rep, err := app.RestorePostgres(e.ctx, app.RestorePostgresOptions{RestoreOptions: o, Data: c.PGData, Repo: c.Repo, Repos: c.RepoAt, URL: c.Database})
	if err != nil {
		return err
	}
	if e.json {
		return e.printed(rep)
	}
	fmt.Printf("\nRestored %s in %.1f s.\nBy pgBackRest, from repository %s: the database as it was at %s, into %s (%.1f s, and %.1f s to replay the log).\nBy this program, from the sites: keys, configuration and %d files, into %s.\n", rep.Shop, rep.Took, rep.Repo, when(rep.At), rep.Data, rep.Restored, rep.Replayed, rep.Files, o.To)
	if rep.Erased > 0 {
		fmt.Printf("%d persons who were erased since then stay erased.\n", rep.Erased)
	}
	for _, x := range rep.Warnings {
		fmt.Fprintln(os.Stderr, "Beware:", x)
	}
	for _, d := range rep.Damages {
		fmt.Println("Damaged, and done without:", d)
	}
	fmt.Printf("\nNow, in this order:\n1. Put the server's postgresql.conf and pg_hba.conf in place (they are no part of the copies where they lie outside its data directory) and start PostgreSQL %s on %s.\n"+
		"2. kassavalv backup setup-postgres --pgdata %s … --yes: the log goes on under another timeline, and needs a full backup of its own.\n3. Start the shop: kassavalv serve --data %s. It shows everything and sells nothing yet.\n4. When the old shop is off for certain: kassavalv restore --open --data %s\n", rep.Version, rep.Data, rep.Data, o.To, o.To)
	return nil
}
