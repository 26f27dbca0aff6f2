package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
	"kassavalv/internal/file"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/order"
)

// A clone is a second shop, made of the first for trying things out: the same goods, orders, stock and books, and
// nobody in it who could be known. It is built anew row by row: what no rule lets over is not there. Decision 0030.

// CloneOptions are the flags of `kassavalv clone`.
type CloneOptions struct {
	To  string // folder of the clone: absent or empty
	URL string // its public address; empty: https://localhost:9443
	// Database is the address of an empty PostgreSQL database for its data; empty: they lie in the folder, as SQLite.
	Database secret.Secret

	spoil func(table, column string) bool // tests break a rule
}

// Cloned is what Clone tells once.
type Cloned struct {
	Folder   string `json:"folder"`
	Database string `json:"database,omitempty"` // which it is, where it is one of PostgreSQL's
	Shop     string `json:"shop"`
	Link     string `json:"owner_link"` // the owner's invitation
	Persons  int64  `json:"persons"`    // who have a stand-in
	Rows     int64  `json:"rows"`
	Tables   int    `json:"tables"`
	Files    int    `json:"files"`
}

// cloneMark is the file that tells that a folder holds a clone. Its database tells the same.
const cloneMark = "clone.json"

// CloneMark is what stands in the file.
type CloneMark struct {
	Says string    `json:"says"`
	Made time.Time `json:"made"`
	On   string    `json:"on,omitempty"` // onServer; empty: its data lie in the folder
}

// onServer is where a clone's data are that has a PostgreSQL database of its own.
const onServer = "postgres"

// cloneFlag tells it in the database.
const cloneFlag = "clone"

// ownerOfClone signs up by the link that is printed; letters to him come to the clone's mailbox.
const ownerOfClone = "agare@example.invalid"

const cloneURL = "https://localhost:9443"

// isClone reads what a folder says of itself that is a clone; nil: it is none.
func isClone(dir string) (*CloneMark, error) {
	b, err := os.ReadFile(filepath.Join(dir, cloneMark))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m CloneMark
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%s, which says that the folder holds a clone, cannot be read: %w", filepath.Join(dir, cloneMark), err)
	}
	return &m, nil
}

// onlyTrying refuses settings with which a clone could be taken for the shop, or reach its partners: a clone started with them
// would leave them aside (sandboxed), but whoever set them means another folder.
func onlyTrying(dir string, c Config, m *CloneMark) error {
	if m.On == onServer && c.Database.URL.IsZero() {
		return &configError{dir, "database.url", "is needed: the data of this clone are in a PostgreSQL database of its own"}
	}
	for _, x := range []struct {
		key string
		set bool
	}{{"stripe.secret_key", !c.Stripe.SecretKey.IsZero()}, {"swish.payee", c.Swish.Payee != ""}, {"klarna.username", c.Klarna.Username != ""}, {"mail.host", c.Mail.Host != ""},
		{"copies.sites", len(c.Copies.Sites) > 0}, {"database.url", !c.Database.URL.IsZero() && m.On != onServer}, {"staff.oidc_issuer", c.Staff.OIDCIssuer != ""}} {
		if x.set {
			return &configError{dir, x.key, "is set, and this folder holds a clone of a shop (" + cloneMark + "): a clone never has real money, letters or copies, and is never made the shop. Take the setting away, or name the shop's own folder with --data"}
		}
	}
	return nil
}

// cloneOrNot compares what the folder says of itself with what the database says.
func cloneOrNot(ctx context.Context, d *db.DB, dir string, marked bool) error {
	is, err := db.Read(ctx, d, func(q *db.Reader) (bool, error) { return db.Flag(q, cloneFlag) })
	switch {
	case err != nil:
	case marked && !is:
		err = fmt.Errorf("%s says that a clone is in this folder, and the database is not a clone's: if this is the shop, take that file away; if it is the clone, DATABASE_URL or database.url names another database than its own", filepath.Join(dir, cloneMark))
	case !marked && is:
		err = fmt.Errorf("the database in %s is a clone's, made for trying things out: its people are invented. It is never made the shop; the file %s that says so is gone from the folder: put it back, or make the clone anew", dir, cloneMark)
	}
	return err
}

// Clone makes a clone of the shop in dir, which may run meanwhile. Nothing of the shop is changed.
func Clone(ctx context.Context, dir string, o CloneOptions, log *slog.Logger) (out Cloned, err error) {
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return out, err
	}
	if err := need(ctx, dir, cfg, aShop); err != nil {
		return out, err
	}
	to, err := placeForClone(dir, o.To)
	if err != nil {
		return out, err
	}
	clearCloneWork(filepath.Dir(to), log)
	o.URL = strings.TrimSuffix(or(o.URL, cloneURL), "/")
	host, err := hostOf(o.URL)
	if err != nil || host == "" {
		return out, errors.New("--url must be the address of the clone, such as " + cloneURL)
	}
	if same, err := hostOf(cfg.HTTP.PublicURL); err == nil && same == host && same != "" {
		return out, fmt.Errorf("--url %s is the shop's own address; a clone needs another", o.URL)
	}
	if err := databaseForClone(ctx, cfg, o.Database); err != nil {
		return out, err
	}
	// Beside its place, and moved there when it is whole: what is broken off leaves nothing that looks like a shop.
	work, err := os.MkdirTemp(filepath.Dir(to), cloneWork)
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(work)
	lock, err := lockDir(work)
	if err != nil {
		return out, err
	}
	defer lock.Release()
	made := filepath.Join(work, "shop")
	if err := os.Mkdir(made, 0o700); err != nil {
		return out, err
	}
	if err := markClone(made, o.Database); err != nil {
		return out, err
	}
	if !o.Database.IsZero() {
		defer func() {
			if err != nil {
				err = fmt.Errorf("%w. The database %s is marked as not finished, and no shop opens it: empty it (drop and create it anew) before you try again", err, db.Named(o.Database.Reveal()))
			}
		}()
	}
	out, err = cloneInto(ctx, dir, cfg, made, filepath.Join(work, "source.db"), o, log)
	if err != nil {
		return out, err
	}
	if err := os.WriteFile(filepath.Join(made, ConfigFile), []byte(cloneConfig(o.URL, o.Database)), 0o600); err != nil {
		return out, err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) { // an empty folder; another is no longer empty now
		return out, err
	}
	if err := os.Rename(made, to); err != nil {
		return out, err
	}
	out.Folder, out.Shop = to, o.URL
	if !o.Database.IsZero() {
		out.Database = db.Named(o.Database.Reveal())
		if err := db.Filled(context.WithoutCancel(ctx), o.Database.Reveal()); err != nil { // the folder is in its place
			return out, err
		}
	}
	return out, nil
}

// cloneWork is how the names of the folders begin in which clones are made. Who makes one holds its lock.
const cloneWork = ".kassavalv-clone-"

// clearCloneWork removes what commands that were killed have left in a folder: it holds the shop's rows. What
// another command works in just now stays.
func clearCloneWork(dir string, log *slog.Logger) {
	left, _ := filepath.Glob(filepath.Join(dir, cloneWork+"*"))
	for _, work := range left {
		err := errNoLocks
		if locksHold {
			// One that is made at this moment has no lock yet.
			if st, e := os.Stat(work); e == nil && time.Since(st.ModTime()) < time.Minute {
				if _, e := os.Stat(filepath.Join(work, lockFile)); e != nil {
					continue
				}
			}
			var lock *dirLock
			if lock, err = lockDir(work); errors.Is(err, ErrLocked) {
				continue
			}
			if err == nil {
				lock.Release()
				err = os.RemoveAll(work)
			}
		}
		if err != nil {
			log.Warn("the folder of a clone that was broken off, or is made just now, lies here; it holds the shop's rows: take it away if nobody works in it", "folder", work, "error", err)
		} else {
			log.Info("the folder of a clone that was broken off is removed: it held the shop's rows", "folder", work)
		}
	}
}

// databaseForClone looks whether the database that is named for a clone is there, empty and not the shop's.
func databaseForClone(ctx context.Context, cfg Config, to secret.Secret) error {
	if to.IsZero() {
		return nil
	}
	u, err := url.Parse(to.Reveal())
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || strings.Trim(u.Path, "/") == "" {
		return errors.New("--to-database must name an empty PostgreSQL database, as postgres://user@host/staging")
	}
	switch err = db.Vacant(ctx, to.Reveal(), cfg.Database.URL.Reveal()); {
	case errors.Is(err, db.ErrSame):
		return errors.New("--to-database is the shop's own database; a clone needs one of its own")
	case errors.Is(err, db.ErrVacant):
		return fmt.Errorf("--to-database %s: %w; nothing is replaced. Name an empty one", db.Named(to.Reveal()), err)
	case err != nil:
		return fmt.Errorf("--to-database %s: %w", db.Named(to.Reveal()), err)
	}
	return nil
}

// placeForClone is where the clone comes to lie: a folder that is absent or empty, apart from the shop's.
func placeForClone(dir, to string) (string, error) {
	if to == "" {
		return "", errors.New("--to is needed: the folder that the clone is to lie in")
	}
	to, err := filepath.Abs(to)
	if err != nil {
		return "", err
	}
	own, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(own, to); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", fmt.Errorf("%s lies in the shop's own folder; a clone needs one apart from it", to)
	}
	list, err := os.ReadDir(to)
	if err == nil && len(list) > 0 {
		return "", fmt.Errorf("%s is not empty; nothing is replaced. Name another folder with --to, or empty this one yourself", to)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return to, os.MkdirAll(filepath.Dir(to), 0o700)
}

func markClone(dir string, database secret.Secret) error {
	m := CloneMark{Says: "This is a clone of a shop, for trying things out. It is never made the shop itself.", Made: time.Now().UTC().Truncate(time.Second)}
	if !database.IsZero() {
		m.On = onServer
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return writeSynced(filepath.Join(dir, cloneMark), append(b, '\n'))
}

// cloneConfig is all that a clone is told: nothing comes from the shop's configuration.
func cloneConfig(url string, database secret.Secret) string {
	s := "# Made by kassavalv clone. A clone takes no partners, no mail server and no copies: a start with any of them is refused.\n"
	if !database.IsZero() {
		s += fmt.Sprintf("\n[database]\nurl = %q # its own\n", database.Reveal())
	}
	s += fmt.Sprintf("\n[http]\npublic_url = %q\n", url)
	if url == cloneURL {
		return s + "addr = \"localhost:9443\"\nplain_addr = \"127.0.0.1:9080\"\n\n[ops]\naddr = \"127.0.0.1:9081\"\n"
	}
	return s + "\n[tls]\nmode = \"files\" # without a certificate here the clone makes its own, for this machine\n"
}

// atRest writes what the shop's database holds now into a file that nobody changes: from here on one road leads to the clone, whatever
// the shop runs on. Of a server come the tables that a clone is made of, and the people's keys, which open them; no more.
func atRest(ctx context.Context, dir string, cfg Config, scratch string) error {
	if cfg.Database.URL.IsZero() {
		return db.CopyFile(ctx, filepath.Join(dir, DatabaseFile), scratch)
	}
	return db.CopyServer(ctx, cfg.Database.URL.Reveal(), scratch, Migrations, func(table string) bool {
		return cloneNone[table] == "" || table == "secret_person" || table == "secret_check"
	})
}

// cloneInto fills the folder made. scratch is where the shop's database is read from.
func cloneInto(ctx context.Context, dir string, cfg Config, made, scratch string, o CloneOptions, log *slog.Logger) (out Cloned, err error) {
	if err := atRest(ctx, dir, cfg, scratch); err != nil {
		return out, err
	}
	keeper, err := openKeeper(ctx, dir, cfg, false)
	if err == nil {
		keeper, err = secret.Fetch(ctx, keeper)
	}
	if err != nil {
		return out, err
	}
	from, err := db.Open(ctx, db.Options{Path: scratch, Existing: true})
	if err != nil {
		return out, err
	}
	defer from.Close()
	if err := from.Migrate(ctx, Migrations); err != nil { // a shop of an older version
		return out, err
	}
	opens, err := secret.Open(ctx, from, lookingKeeper{keeper})
	if err != nil {
		return out, err
	}
	before := cloneWrong(ctx, from, keeper)
	if err := from.Checkpoint(ctx); err != nil { // from here on the file is read at rest
		return out, err
	}
	a, err := open(ctx, made, Config{}, log, openOptions{create: true, fresh: true, sandbox: true, database: o.Database, fill: true})
	if err != nil {
		return out, err
	}
	closed := false
	defer func() {
		if !closed {
			err = errors.Join(err, a.Close(context.WithoutCancel(ctx)))
		}
	}()
	m := &masker{from: opens, fromDB: from, to: a.Vault, spoil: o.spoil}
	if a.onPostgres() {
		m.atOnce = rowsAtOnce
	}
	cells, err := db.Read(ctx, from, func(q *db.Reader) ([]db.Cell, error) { return db.Cells(q) })
	if err != nil {
		return out, err
	}
	if err := m.prepare(ctx, cells, scratch); err != nil {
		return out, err
	}
	defer m.rows.Close()
	a.Origin = o.URL
	if a.Auth, err = auth.New(a.DB, a.Vault, auth.Options{PublicURL: o.URL, Issuer: "Klon"}); err != nil {
		return out, err
	}
	by := auth.System("clone")
	out, _, err = db.WriteBulk(ctx, a.DB, func(tx *db.Tx) (out Cloned, err error) {
		err = db.Unordered(tx, func() (err error) {
			if out.Persons, err = m.persons(ctx, tx); err != nil {
				return err
			}
			for _, t := range datamap.Tables() {
				if m.plan[t.Name] == nil {
					continue
				}
				n, err := m.table(ctx, tx, t.Name)
				if err != nil {
					return err
				}
				out.Rows, out.Tables = out.Rows+n, out.Tables+1
			}
			return nil
		})
		if err != nil {
			return out, err
		}
		if err := customer.Rename(tx, a.Vault, func(p db.ID) string { return m.who(p).Name() }); err != nil {
			return out, err
		}
		if err := db.SetFlag(tx, cloneFlag); err != nil {
			return out, err
		}
		inv, err := a.Auth.Invite(tx, by, auth.NewStaff{Email: ownerOfClone, Name: "Klonens ägare", Role: "owner"})
		if err != nil {
			return out, err
		}
		out.Link = o.URL + "/admin/invite/" + inv.Token.Reveal()
		return out, nil
	})
	if err != nil {
		return out, err
	}
	if err := db.Grown(ctx, a.DB); err != nil {
		return out, err
	}
	if out.Files, err = clonePictures(ctx, a, dir, made); err != nil {
		return out, err
	}
	// The same looks that a drill takes at what came back.
	for w := range cloneWrong(ctx, a.DB, a.keeper) {
		if !before[w] {
			return out, fmt.Errorf("the clone does not add up: %s", w)
		}
	}
	closed = true
	if err := a.Close(ctx); err != nil {
		return out, err
	}
	if !o.Database.IsZero() { // what refers to what the server has looked at
		return out, nil
	}
	faults, err := db.ExamineFile(ctx, filepath.Join(made, DatabaseFile))
	if err == nil && len(faults) > 0 {
		err = fmt.Errorf("the clone's database is not whole: %s", strings.Join(faults, "; "))
	}
	return out, err
}

// prepare finds the rules and numbers the people.
func (m *masker) prepare(ctx context.Context, cells []db.Cell, scratch string) (err error) {
	var problems []string
	if m.plan, problems = planClone(datamap.Tables(), cells); len(problems) > 0 {
		return fmt.Errorf("there are columns without a rule, so no clone is made: %s", strings.Join(problems, "; "))
	}
	m.cells, m.fields = map[string][]db.Cell{}, map[string]datamap.Column{}
	for _, c := range cells {
		m.cells[c.Table] = append(m.cells[c.Table], c)
	}
	for _, t := range datamap.Tables() {
		for _, c := range t.Columns {
			m.fields[t.Name+"."+c.Name] = c
		}
	}
	if m.rows, err = db.OpenFile(scratch); err != nil {
		return err
	}
	if err := m.names(ctx); err != nil {
		return err
	}
	return db.EachRow(ctx, m.rows, "order_books", []string{"year"}, func(v []any) error { return m.to.EnsureYear(ctx, int(v[0].(int64))) })
}

// cloneWrong is what does not add up, in sentences without the log, which a clone begins anew.
func cloneWrong(ctx context.Context, d *db.DB, k secret.Keeper) map[string]bool {
	wrong := map[string]bool{}
	for _, f := range checkRestored(ctx, d, k) {
		wrong[f.String()] = true
	}
	series, err := db.Read(ctx, d, func(q *db.Reader) ([]string, error) { return order.Examine(q) })
	if err != nil {
		wrong[copies.Finding{Object: "series", What: err.Error()}.String()] = true
	}
	for _, s := range series {
		wrong[s] = true
	}
	return wrong
}

// clonePictures brings the pictures of goods along, by the names that the clone's database knows. Nothing else of the folder is looked at.
func clonePictures(ctx context.Context, a *App, dir, made string) (n int, err error) {
	names, err := db.Read(ctx, a.DB, func(q *db.Reader) ([]string, error) { return file.Names(q, time.Now().Add(time.Hour)) })
	if err != nil || len(names) == 0 {
		return 0, err
	}
	from, err := file.OpenFolder(filepath.Join(dir, "files"))
	if err != nil {
		return 0, err
	}
	defer from.Close()
	to, err := file.OpenFolder(filepath.Join(made, "files"))
	if err != nil {
		return 0, err
	}
	defer to.Close()
	for _, name := range names {
		ok, err := carryFile(ctx, from, to, name)
		if err != nil {
			return n, err
		}
		if ok {
			n++
		}
	}
	return n, nil
}

func carryFile(ctx context.Context, from, to *file.Folder, name string) (bool, error) {
	b, err := from.Get(ctx, name)
	if errors.Is(err, file.ErrNoBlob) { // taken away since, or never written: the shop itself lacks it
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer b.Close()
	data, err := io.ReadAll(b)
	if err != nil {
		return false, err
	}
	return true, to.Put(ctx, name, data)
}
