package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/pgbackrest"
	"kassavalv/internal/ops/copies/walarchive"
	"kassavalv/internal/secret"
)

// The commands of a shop on PostgreSQL that run pgBackRest and PostgreSQL's own programs. They
// stand beside the shop: nothing that serves calls anything here (test/arch).

// RepositoriesConfig is where pgBackRest finds its configuration, unless told otherwise.
const RepositoriesConfig = "/etc/pgbackrest/kassavalv.conf"

// SetupPostgresOptions are what `kassavalv backup setup-postgres` is told.
type SetupPostgresOptions struct {
	Program string   // pgbackrest; empty: found in PATH
	Config  string   // empty: RepositoriesConfig
	Stanza  string   // empty: kassavalv
	Data    string   // the server's data directory
	Repos   []string // addresses: file:///folder?name=… and s3://bucket/prefix?endpoint=…&name=…
	Spool   string   // empty: /var/spool/pgbackrest
	Lock    string   // empty: pgBackRest's usual
	User    string   // role that pgBackRest connects as; empty: the system's user
	Write   bool
	Tell    func(string)
}

// PostgresSetup is what is set up and what remains.
type PostgresSetup struct {
	Config   string   `json:"config"`
	Text     string   `json:"text"` // of the configuration, without secrets
	Version  string   `json:"version"`
	Lines    []string `json:"lines,omitempty"` // for postgresql.conf
	Todo     []string `json:"todo,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	Done     []string `json:"done,omitempty"`
	Ready    bool     `json:"ready"`
}

// SetupPostgres sets the copies of a shop on PostgreSQL up, step by step; run again it goes on.
func SetupPostgres(ctx context.Context, dir string, o SetupPostgresOptions) (out PostgresSetup, err error) {
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return out, err
	}
	if cfg.Database.URL.IsZero() {
		return out, errors.New("this shop keeps its data inside: its copies go to copies.sites (docs/copies.md). For PostgreSQL give DATABASE_URL, as the shop has it")
	}
	if _, err := readCharter(dir); err != nil {
		return out, fmt.Errorf("the passes of the repositories are sealed to the paper key, and there is none: kassavalv backup paper --data %s (%w)", dir, err)
	}
	if o.Config == "" {
		o.Config = RepositoriesConfig
	}
	if o.Stanza == "" {
		o.Stanza = "kassavalv"
	}
	if o.Spool == "" {
		o.Spool = "/var/spool/pgbackrest"
	}
	conf := pgbackrest.Conf{Stanza: o.Stanza, Data: o.Data, Spool: o.Spool, Lock: o.Lock, User: o.User}
	for i, s := range o.Repos {
		r, err := repository(s, dir, nil)
		if err != nil {
			return out, fmt.Errorf("--repo number %d: %w", i+1, err)
		}
		conf.Repos = append(conf.Repos, r)
	}
	// The server may be away or refuse us: that is told, and the rest goes on.
	var now *walarchive.Archiver
	d, err := db.Open(ctx, db.Options{URL: cfg.Database.URL.Reveal(), Readers: 2, Existing: true})
	if err == nil {
		var a walarchive.Archiver
		if a, err = walarchive.Read(ctx, d); err == nil {
			now = &a
		}
		d.Close()
	}
	if err != nil {
		out.Warnings = append(out.Warnings, "the server could not be asked how it is set: "+err.Error())
	}
	s, err := pgbackrest.Prepare(ctx, pgbackrest.SetupOptions{Program: o.Program, Config: o.Config, Conf: conf, Archiver: now, Write: o.Write, Tell: o.Tell,
		Keep: func(text string) error {
			return writeLike(filepath.Join(dir, filepath.FromSlash(repositoriesFile)), dir, []byte(text))
		}})
	out.Config, out.Text, out.Version, out.Lines, out.Todo, out.Done, out.Ready = o.Config, s.Conf.Text(true), s.Version, s.Lines, s.Todo, s.Done, s.Ready
	if len(cfg.Copies.Sites) == 0 {
		out.Warnings = append(out.Warnings, "copies.sites is empty: pgBackRest copies the database and nothing else. Keys, passes, configuration and pictures need a site, or the copies open to nobody when this machine is lost")
	}
	if n := apart(s.Conf.Repos); n < len(s.Conf.Repos) {
		out.Warnings = append(out.Warnings, "some repositories name the same provider or none: what takes one may take the other")
	}
	return out, err
}

// apart counts the providers that are named.
func apart(repos []pgbackrest.Repo) int {
	seen := map[string]bool{}
	for _, r := range repos {
		if r.Provider != "" {
			seen[r.Provider] = true
		}
	}
	return len(seen)
}

// writeLike is writeSynced for a command that may run as root: the file belongs to who has the
// folder.
func writeLike(path, like string, b []byte) error {
	if err := writeSynced(path, b); err != nil {
		return err
	}
	return errors.Join(pgbackrest.OwnAs(filepath.Dir(path), like), pgbackrest.OwnAs(path, like))
}

// repository is a repository by its address, which is like that of a site. What opens it stands in a file of the folder dir, or is
// as it was (had; nil: there was none).
func repository(address, dir string, had *pgbackrest.Repo) (r pgbackrest.Repo, err error) {
	a, err := parseSite(address)
	if err != nil {
		return r, fmt.Errorf("the address %w", err)
	}
	r = pgbackrest.Repo{Name: a.name, Location: a.location, Provider: a.provider}
	switch a.kind {
	case "file":
		r.Kind, r.Path = "posix", filepath.Clean(a.url.Path)
	case "s3":
		c, err := a.secrets(dir)
		if err != nil && had != nil && !had.Key.IsZero() {
			if _, gone := os.Stat(within(dir, a.credentials)); errors.Is(gone, os.ErrNotExist) {
				c, err = siteCredentials{AccessKey: had.Key, SecretKey: had.KeySecret}, nil
			}
		}
		if err != nil {
			return r, err
		}
		e, err := url.Parse(a.q.Get("endpoint"))
		if err != nil || e.Scheme != "https" || e.Host == "" {
			return r, errors.New("endpoint must be https://host")
		}
		r.Kind, r.Bucket, r.Endpoint, r.Region, r.Path = "s3", a.url.Host, e.Host, a.q.Get("region"), a.url.Path
		if r.Region == "" {
			r.Region = "us-east-1"
		}
		if r.Path == "" {
			r.Path = "/"
		}
		r.Key, r.KeySecret = c.AccessKey, c.SecretKey
		if f := a.q.Get("ca"); f != "" {
			b, err := os.ReadFile(within(dir, f))
			if err != nil {
				return r, err
			}
			r.CA = string(b)
		}
	default:
		return r, fmt.Errorf("pgBackRest keeps a repository in a folder (file://) or an object store (s3://), not at %s://", a.kind)
	}
	return r, nil
}

// TendOptions are what `kassavalv backup tend-postgres` is told.
type TendOptions struct {
	Program string
	Config  string // empty: RepositoriesConfig
	Drill   bool   // a drill of each repository now, whether or not it is due
	Temp    string // folder for drills; empty: the system's
	Tell    func(string)
}

// Tended is what was done and seen.
type Tended struct {
	Report walarchive.Report `json:"report"`
	Drills []copies.Result   `json:"drills,omitempty"`
	Done   []string          `json:"done,omitempty"`
	Told   bool              `json:"told"` // the running shop has the report
	Why    string            `json:"why,omitempty"`
}

// When backups and drills are due.
const (
	fullEvery  = 7*24*time.Hour - time.Hour
	otherEvery = 24*time.Hour - time.Hour
	drillEvery = 24*time.Hour - time.Hour
)

// tendedFile remembers, in the data directory, when each repository was last drilled.
const tendedFile = "copies/tended.json"

// TendPostgres takes the backups that are due, drills each repository once a day, and tells
// the running shop how the repositories stand. A timer runs it every five minutes.
func TendPostgres(ctx context.Context, dir string, o TendOptions) (out Tended, err error) {
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return out, err
	}
	if o.Config == "" {
		o.Config = RepositoriesConfig
	}
	conf, tool, err := repositories(o.Program, o.Config)
	if err != nil {
		out.Report = walarchive.Report{At: time.Now().UTC(), Trouble: err.Error()}
		return out, errors.Join(err, out.handOver(ctx, dir))
	}
	tell := func(format string, args ...any) {
		s := fmt.Sprintf(format, args...)
		out.Done = append(out.Done, s)
		if o.Tell != nil {
			o.Tell(s)
		}
	}
	var errs []error
	r, _ := tool.Report(ctx, conf)
	for i, x := range r.Repos {
		kind := ""
		switch {
		case time.Since(x.Full) > fullEvery:
			kind = "full"
		case time.Since(x.Newest) > otherEvery:
			kind = "incr"
		}
		if kind == "" {
			continue
		}
		begun := time.Now()
		if err := tool.Backup(ctx, i+1, kind); err != nil {
			errs = append(errs, fmt.Errorf("repository %s: %w", x.Name, err))
			continue
		}
		tell("took a backup (%s) into repository %s in %s", kind, x.Name, time.Since(begun).Round(time.Second))
	}
	r, _ = tool.Report(ctx, conf)
	out.Report = r
	last := map[string]time.Time{}
	at := filepath.Join(dir, filepath.FromSlash(tendedFile))
	if b, err := os.ReadFile(at); err == nil && json.Unmarshal(b, &last) != nil {
		last = map[string]time.Time{}
	}
	for i, x := range r.Repos {
		if !o.Drill && time.Since(last[x.Name]) < drillEvery {
			continue
		}
		res := drillRepository(ctx, dir, cfg, conf, i+1, x, o)
		out.Drills = append(out.Drills, res)
		tell("drilled repository %s: %s in %s", x.Name, string(res.State), res.Took.Round(time.Second))
		last[x.Name] = res.Started
	}
	if len(out.Drills) > 0 {
		b, err := json.Marshal(last)
		if err == nil {
			err = writeLike(at, dir, b)
		}
		errs = append(errs, err)
	}
	return out, errors.Join(append(errs, out.handOver(ctx, dir))...)
}

// handOver tells the running shop. That it could not be told is no error of the copies.
func (out *Tended) handOver(ctx context.Context, dir string) error {
	b, err := json.Marshal(archiveReport{Report: out.Report, Drills: out.Drills})
	if err != nil {
		return err
	}
	res, done, err := askRunning(ctx, dir, "/backup/postgres", bytes.NewReader(b))
	if err == nil {
		var said backupSaid
		if err = json.NewDecoder(res.Body).Decode(&said); err == nil && said.Error != "" {
			err = errors.New(said.Error)
		}
		done()
	}
	out.Told = err == nil
	if err != nil {
		out.Why = err.Error()
	}
	return nil
}

// repositories reads the configuration of pgBackRest.
func repositories(program, config string) (conf pgbackrest.Conf, tool *pgbackrest.Tool, err error) {
	b, err := os.ReadFile(config)
	if errors.Is(err, os.ErrNotExist) {
		return conf, nil, fmt.Errorf("%s is not there: kassavalv backup setup-postgres makes it, or name another with --config", config)
	}
	if err != nil {
		return conf, nil, err
	}
	if conf, err = pgbackrest.ParseConf(string(b)); err != nil {
		return conf, nil, fmt.Errorf("%s: %w", config, err)
	}
	tool, err = pgbackrest.NewTool(program, config, conf.Stanza, config)
	return conf, tool, err
}

// drillRepository restores the newest of one repository and looks at all of it.
func drillRepository(ctx context.Context, dir string, cfg Config, conf pgbackrest.Conf, n int, r walarchive.Repo, o TendOptions) copies.Result {
	return pgbackrest.Drill(ctx, pgbackrest.DrillOptions{CloneOptions: pgbackrest.CloneOptions{Program: o.Program, Conf: conf, Repo: n, Owner: o.Config, Temp: o.Temp}, URL: cfg.Database.URL, Log: r.Log, Backup: r.Newest,
		Check: func(ctx context.Context, d *db.DB) []copies.Finding {
			k, err := openKeeper(ctx, dir, cfg, false)
			if err != nil {
				k = nil // said there
			}
			return checkRestored(ctx, d, k)
		},
		Buy: func(ctx context.Context, database secret.Secret) ([]string, []copies.Finding) {
			return buyOnServer(ctx, o.Temp, database)
		}})
}

// buyOnServer walks a purchase on a shop whose database was restored: what else a shop has lies in a folder that goes with it.
func buyOnServer(ctx context.Context, temp string, database secret.Secret) (notes []string, found []copies.Finding) {
	dir, err := os.MkdirTemp(temp, "kassavalv-buyer-")
	if err != nil {
		return nil, []copies.Finding{{Object: "clone", What: err.Error(), Unknown: true}}
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			found = append(found, copies.Finding{Step: "end", Object: "clone", What: "its folder could not be removed: " + err.Error(), Unknown: true})
		}
	}()
	return walkPurchase(ctx, dir, database, 0)
}

// RestorePostgresOptions are what `kassavalv restore --pgdata` is told beside the usual.
type RestorePostgresOptions struct {
	RestoreOptions
	Program string
	Data    string // the server's data directory to restore into; must be empty or not there
	Owner   string // a file or folder of the user that the server runs as; empty: the folder above Data
	Repo    string // name of the repository; empty: the one whose log reaches farthest
	URL     string // of the shop's database, if not as the configuration that came back has it
	// Repos are addresses that repositories have now, by the name they had: a folder that is
	// mounted elsewhere.
	Repos []string
}

// PostgresReport is what a restore of a shop on PostgreSQL did.
type PostgresReport struct {
	Shop     string    `json:"shop"`
	Repo     string    `json:"repo"`
	Data     string    `json:"pgdata"`
	Version  string    `json:"version"`
	At       time.Time `json:"at"` // of the newest change that came back
	Files    int       `json:"files"`
	Erased   int       `json:"erased"`
	Epoch    uint32    `json:"epoch"`
	Restored float64   `json:"restored_seconds"` // by pgBackRest
	Replayed float64   `json:"replayed_seconds"` // by PostgreSQL
	Took     float64   `json:"took_seconds"`
	Damages  []string  `json:"damages,omitempty"`
	Warnings []string  `json:"warnings,omitempty"` // of what lies beside the database
}

// RestorePostgres brings a shop on PostgreSQL back: the database by pgBackRest into an empty
// data directory, keys, configuration and files from the sites into an empty folder. Who has
// been erased since stays erased. The server is left stopped, for the system to start.
func RestorePostgres(ctx context.Context, o RestorePostgresOptions) (rep PostgresReport, err error) {
	begun := time.Now()
	for _, d := range []string{o.To, o.Data} {
		if es, err := os.ReadDir(d); err == nil && len(es) > 0 {
			return rep, fmt.Errorf("%s is not empty: a restore replaces nothing", d)
		} else if err != nil && !errors.Is(err, os.ErrNotExist) {
			return rep, err
		}
	}
	f, done, err := o.finder()
	defer done()
	if err != nil {
		return rep, err
	}
	inv, err := f.Look(ctx)
	if err != nil {
		return rep, err
	}
	beside, warn, err := f.Beside(ctx, inv)
	if err != nil {
		return rep, err
	}
	rep.Warnings = warn
	text, ok := beside.Files[repositoriesFile]
	if !ok {
		return rep, errors.New("the sites hold no configuration of repositories: this shop was not on PostgreSQL (restore it without --pgdata), or kassavalv backup setup-postgres was never run")
	}
	conf, err := pgbackrest.ParseConf(string(text))
	if err != nil {
		return rep, fmt.Errorf("the configuration of the repositories that the sites hold: %w", err)
	}
	for _, s := range o.Repos {
		if err := nowAt(&conf, s, o.From); err != nil {
			return rep, fmt.Errorf("--repo-at: %w", err)
		}
	}
	if o.Owner == "" {
		o.Owner = filepath.Dir(o.Data)
	}
	n, err := chooseRepository(ctx, o, conf)
	if err != nil {
		return rep, err
	}
	rep.Shop, rep.Repo, rep.Data = inv.Charter.Name, conf.Repos[n-1].Name, o.Data

	// The shop's folder first: without its keys nothing that comes back can be read.
	if err := beginRestored(o.To); err != nil {
		return rep, err
	}
	defer leaveRestored(o.To, &err)
	files, damages, err := f.FilesInto(ctx, inv, filepath.Join(o.To, "files"), o.Progress)
	if err != nil {
		return rep, err
	}
	rep.Files = files
	for _, d := range damages {
		rep.Damages = append(rep.Damages, d.Error())
	}
	rep.Epoch = 2
	var had uint32
	if _, err := fmt.Sscan(string(beside.Files[copiesDir+"/"+epochFile]), &had); err == nil {
		rep.Epoch = had + 1
	}
	at := o.URL
	if at == "" {
		at = configured(beside.Files[ConfigFile])
	}
	if at == "" {
		return rep, errors.New("the configuration that came back names no database (it came from DATABASE_URL): give the same with --database")
	}

	clone := pgbackrest.CloneOptions{Program: o.Program, Conf: conf, Repo: n, Owner: o.Owner}
	main := clone
	main.Data, main.At = o.Data, o.At
	c, err := pgbackrest.Restore(ctx, main)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.Start(ctx, at); err != nil {
		return rep, err
	}
	rep.Version, rep.At, rep.Restored, rep.Replayed = c.Version, c.At, c.Restored.Seconds(), c.Recovered.Seconds()
	newest := c.At
	if !o.At.IsZero() {
		if newest, rep.Erased, err = takeRowsPostgres(ctx, c, clone, at); err != nil {
			return rep, err
		}
	}
	err = furnish(ctx, o.To, beside, inv.Charter, Restored{Epoch: rep.Epoch, From: rep.Epoch - 1, At: rep.At, Newest: newest, Done: time.Now().UTC()})
	rep.Took = time.Since(begun).Seconds()
	return rep, err
}

// nowAt puts the address that a repository has now in the place of the one that the configuration has.
func nowAt(conf *pgbackrest.Conf, address, from string) error {
	a, err := parseSite(address)
	if err != nil {
		return fmt.Errorf("the address %w", err)
	}
	i := slices.IndexFunc(conf.Repos, func(x pgbackrest.Repo) bool { return x.Name == a.name })
	if i < 0 {
		return fmt.Errorf("there is no repository %s", a.name)
	}
	r, err := repository(address, from, &conf.Repos[i])
	if err != nil {
		return err
	}
	r.Pass = conf.Repos[i].Pass
	conf.Repos[i] = r
	return nil
}

// chooseRepository takes the named one, or the one whose log reaches farthest of those that have
// a backup from before the moment that is wanted.
func chooseRepository(ctx context.Context, o RestorePostgresOptions, conf pgbackrest.Conf) (int, error) {
	best, reach := 0, ""
	var errs []error
	for i, r := range conf.Repos {
		if o.Repo != "" {
			if r.Name == o.Repo {
				return i + 1, nil
			}
			continue
		}
		in, err := pgbackrest.Look(ctx, pgbackrest.CloneOptions{Program: o.Program, Conf: conf, Repo: i + 1, Owner: o.Owner})
		if err == nil && len(in.Backups) == 0 {
			err = errors.New("holds no backup")
		} else if err == nil && !o.At.IsZero() && !slices.ContainsFunc(in.Backups, func(b pgbackrest.Backup) bool { return b.Done.Unix() < o.At.Unix() }) {
			err = fmt.Errorf("its oldest backup ended at %s, and an earlier moment is not to be had there", in.Backups[0].Done.Format(time.RFC3339))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("repository %s (%s): %w", r.Name, r.Where(), err))
			continue
		}
		if best == 0 || in.Max[1] > reach {
			best, reach = i+1, in.Max[1]
		}
	}
	if o.Repo != "" {
		return 0, fmt.Errorf("there is no repository %s", o.Repo)
	}
	if best == 0 {
		return 0, errors.Join(append([]error{errors.New("no repository gives a backup that a restore can begin with; a folder that is mounted elsewhere now is told with --repo-at")}, errs...)...)
	}
	return best, nil
}

// configured is the address of the database in a configuration file that came back.
func configured(text []byte) string {
	dir, err := os.MkdirTemp("", "kassavalv-config-")
	if err != nil {
		return ""
	}
	defer os.RemoveAll(dir)
	if os.WriteFile(filepath.Join(dir, ConfigFile), text, 0o600) != nil {
		return ""
	}
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return ""
	}
	return cfg.Database.URL.Reveal()
}

// takeRowsPostgres is takeRows for a server: the newest position is restored beside.
func takeRowsPostgres(ctx context.Context, c *pgbackrest.Clone, o pgbackrest.CloneOptions, at string) (newest time.Time, erased int, err error) {
	beside, err := pgbackrest.Restore(ctx, o)
	if err != nil {
		return newest, 0, fmt.Errorf("the newest position, whose keys the older one needs: %w", err)
	}
	defer func() { err = errors.Join(err, beside.Close()) }()
	if err := beside.Start(ctx, at); err != nil {
		return newest, 0, fmt.Errorf("the newest position, whose keys the older one needs: %w", err)
	}
	var both [2]*db.DB
	for i, x := range []*pgbackrest.Clone{c, beside} {
		u, err := x.URL(at)
		if err != nil {
			return newest, 0, err
		}
		if both[i], err = db.Open(ctx, db.Options{URL: u, Readers: 4, Existing: true}); err != nil {
			return newest, 0, err
		}
		defer both[i].Close()
	}
	erased, err = secret.TakeRows(ctx, both[0], both[1])
	return beside.At, erased, err
}
