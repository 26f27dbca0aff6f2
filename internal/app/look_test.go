package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/transit/transitsim"
	"kassavalv/internal/shop/content"
)

// place is a data directory and its database, made ready step by step.
type place struct {
	dir string
	cfg Config
}

func (p place) database(t *testing.T, o db.Options, fn func(ctx context.Context, d *db.DB)) {
	t.Helper()
	ctx := context.Background()
	at := databaseOf(p.dir, p.cfg)
	at.Create = o.Create
	d, err := db.Open(ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Migrate(ctx, Migrations); err != nil {
		t.Fatal(err)
	}
	fn(ctx, d)
}

func (p place) keeper(t *testing.T, create bool) secret.Keeper {
	t.Helper()
	k, err := openKeeper(context.Background(), p.dir, p.cfg, create)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// seen is every file below the directory, the lock and SQLite's helpers apart, by length.
func (p place) seen(t *testing.T) map[string]int64 {
	t.Helper()
	m := map[string]int64{}
	err := filepath.WalkDir(p.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, "-shm") || strings.HasSuffix(path, "-wal") {
			return err
		}
		i, err := e.Info()
		if err == nil && !e.IsDir() {
			m[path] = i.Size()
		} else if err == nil {
			m[path] = -1
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// How far the making of a shop had come when it was broken off, or what was lost of it afterwards: for each keeper
// and both engines look says what lies here, what needs a shop refuses with what to run and writes nothing, and what makes one
// goes on or refuses. No state of a making is left that does not go on.
func TestWhatLiesHere(t *testing.T) {
	vault := httptest.NewServer(transitsim.New("root"))
	t.Cleanup(vault.Close)
	set, err := secret.NewSet(time.Now(), time.Now().Year())
	if err != nil {
		t.Fatal(err)
	}
	keepers := map[string]func(c *Config){
		"file": func(c *Config) { c.Keys.Keeper = "file" },
		"env":  func(c *Config) { c.Keys.Keeper, c.Keys.Lines = "env", set },
		"transit": func(c *Config) {
			c.Keys.Keeper, c.Keys.TransitURL, c.Keys.TransitToken = "transit", vault.URL, secret.Hide("root")
		},
	}
	tables := func(t *testing.T, p place) {
		p.database(t, db.Options{Create: true}, func(context.Context, *db.DB) {})
	}
	folder := func(t *testing.T, p place) { p.keeper(t, true) }
	someKeys := func(n int) func(t *testing.T, p place) {
		return func(t *testing.T, p place) {
			k := p.keeper(t, true)
			for _, name := range append(secret.RootNames(), "epoch-000001")[:n] {
				key, err := secret.NewKey(name, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				if err := k.Put(context.Background(), key); err != nil && !errors.Is(err, secret.ErrKeyExists) {
					t.Fatal(err)
				}
			}
		}
	}
	bound := func(t *testing.T, p place) {
		p.database(t, db.Options{Create: true}, func(ctx context.Context, d *db.DB) {
			if err := secret.Init(ctx, d, p.keeper(t, true)); err != nil {
				t.Fatal(err)
			}
		})
	}
	whole := func(t *testing.T, p place) {
		bound(t, p)
		p.database(t, db.Options{}, func(ctx context.Context, d *db.DB) {
			v, err := secret.Open(ctx, d, p.keeper(t, false))
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := v.NewPerson(tx); return err }); err != nil {
				t.Fatal(err)
			}
		})
	}
	emptyFile := func(t *testing.T, p place) {
		if err := os.WriteFile(filepath.Join(p.dir, DatabaseFile), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	noKeys := func(t *testing.T, p place) {
		if err := os.RemoveAll(keyFolder(p.dir, p.cfg)); err != nil {
			t.Fatal(err)
		}
	}
	noRoot := func(t *testing.T, p place) {
		m, _ := filepath.Glob(filepath.Join(keyFolder(p.dir, p.cfg), "link.*"))
		for _, f := range m {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	noFile := func(t *testing.T, p place) {
		for _, x := range []string{"", "-wal", "-shm"} {
			os.Remove(filepath.Join(p.dir, DatabaseFile) + x)
		}
	}
	type steps []func(t *testing.T, p place)
	const gone = "the database holds no shop, but the keys of one are in "
	for name, c := range map[string]struct {
		do       steps
		only     string // an engine
		lies     lies   // with keys in a folder
		env      lies   // with keys from outside
		lost     string // look refuses, where there is a folder of keys
		run      string // what running it says; empty: that of lies
		made     string // what making it says; empty: it goes on
		notInEnv bool   // the state is about the folder
	}{
		"nothing":                       {},
		"a folder of keys":              {do: steps{folder}, lies: notMade, notInEnv: true},
		"a file":                        {do: steps{emptyFile}, only: "sqlite", lies: notMade, env: notMade},
		"a folder and a file":           {do: steps{folder, emptyFile}, only: "sqlite", lies: notMade, env: notMade},
		"tables":                        {do: steps{folder, tables}, lies: notMade, env: notMade},
		"tables, the folder went":       {do: steps{tables}, lies: notMade, env: notMade},
		"a key":                         {do: steps{tables, someKeys(1)}, lies: notMade, notInEnv: true},
		"all but an epoch":              {do: steps{tables, someKeys(4)}, lies: notMade, notInEnv: true},
		"all but the years":             {do: steps{tables, someKeys(5)}, lies: notMade, notInEnv: true},
		"keys, and nobody":              {do: steps{bound}, lies: notOwned, env: notOwned},
		"a shop":                        {do: steps{whole}, lies: aShop, env: aShop},
		"a shop without its keys":       {do: steps{whole, noKeys}, lies: aShop, notInEnv: true, run: "the key directory ", made: "the key directory "},
		"a shop without one key":        {do: steps{whole, noRoot}, lies: aShop, notInEnv: true, run: "the key link ", made: "the key link "},
		"a shop without its file":       {do: steps{whole, noFile}, only: "sqlite", lost: gone},
		"a shop whose file was emptied": {do: steps{whole, noFile, emptyFile}, only: "sqlite", lost: gone, env: notMade},
		"keys of a shop, no data":       {do: steps{someKeys(5)}, lost: gone, notInEnv: true},
	} {
		for keeper, set := range keepers {
			for _, engine := range []string{"sqlite", "postgres"} {
				if c.only != "" && c.only != engine || c.notInEnv && keeper == "env" || keeper == "transit" && engine == "postgres" { // its folder is the file keeper's
					continue
				}
				t.Run(strings.Join([]string{name, keeper, engine}, "/"), func(t *testing.T) {
					p := place{dir: t.TempDir()}
					set(&p.cfg)
					if engine == "postgres" {
						p.cfg.Database.URL = secret.Hide(dbtest.PostgresURL(t))
					}
					want, lost := c.lies, c.lost
					if keeper == "env" {
						want, lost = c.env, ""
					}
					for _, do := range c.do {
						do(t, p)
					}
					ctx := context.Background()
					before := p.seen(t)
					got, err := look(ctx, p.dir, p.cfg)
					if got != want && lost == "" || (err != nil) != (lost != "") || err != nil && !strings.Contains(err.Error(), lost) {
						t.Fatalf("look: %d %v, want %d %q", got, err, want, lost)
					}
					open := func(o openOptions) error {
						a, err := open(ctx, p.dir, p.cfg, slog.New(slog.DiscardHandler), o)
						if err == nil {
							err = a.Close(ctx)
						}
						return err
					}
					says := func(what string, err error, want string) {
						t.Helper()
						if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
							t.Errorf("%s: %v, want %q", what, err, want)
						}
					}
					run, made := c.run, c.made
					switch {
					case lost != "":
						run, made = lost, lost
					case want == notMade:
						run = errNotMade.Error()
					case want == noShop:
						run = ErrNoShop.Error()
					}
					says("running it", open(openOptions{}), run)
					if run != "" && want != aShop {
						if now := p.seen(t); !reflect.DeepEqual(before, now) {
							t.Errorf("running it wrote: %v, was %v", now, before)
						}
					}
					if want == aShop && made == "" {
						says("init", open(openOptions{create: true, fresh: true}), "there is a shop in ")
					}
					says("making it", open(openOptions{create: true}), made)
					before[filepath.Join(p.dir, "lock")] = 0
					if now := p.seen(t); made != "" && len(now) != len(before) {
						t.Errorf("a refused making wrote: %v, was %v", now, before)
					}
				})
			}
		}
	}
}

// An init that is killed anywhere before its one transaction is finished by the same command.
func TestInitGoesOn(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	ctx := context.Background()
	a, err := open(ctx, dir, Config{}, log, openOptions{create: true, fresh: true}) // all but the transaction
	if err != nil {
		t.Fatal(err)
	}
	a.Close(ctx)
	t.Setenv("KASSAVALV_HTTP_PUBLIC_URL", "https://shop.example")
	before := place{dir: dir}.seen(t)
	if _, err := Serve(ctx, dir, nil, log); !errors.Is(err, errNotMade) {
		t.Errorf("serving what has no owner: %v", err)
	}
	if now := (place{dir: dir}).seen(t); !reflect.DeepEqual(before, now) {
		t.Errorf("refusing wrote: %v, was %v", now, before)
	}
	o := InitOptions{Company: content.CompanyFacts{Name: "Bolaget AB", Shop: "Bolaget", OrgNumber: "556016-0680", Seat: "Lund", Street: "Gatan 1", PostalCode: "223 50", City: "Lund",
		Phone: "046-10 00 00", HoursSV: "vardagar 9-16", HoursEN: "weekdays 9-16", Mail: "hej@shop.example"}, Owner: "agare@shop.example", PublicURL: "https://shop.example"}
	made, err := Init(ctx, dir, o, log)
	if err != nil || !strings.HasPrefix(made.Link, "https://shop.example/admin/invite/") {
		t.Fatal(made, err)
	}
	p, err := copies.ParsePaper(made.Paper.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := readCharter(dir); err != nil || !c.Of(p) || c.Name != "Bolaget AB" {
		t.Errorf("the charter of the copies is not the paper key's: %v", err)
	}
	if _, err := Init(ctx, dir, o, log); err == nil || !strings.Contains(err.Error(), "there is a shop in ") {
		t.Errorf("a second init: %v", err)
	}
}
