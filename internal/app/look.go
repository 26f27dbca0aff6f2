package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"kassavalv/internal/db"
)

// ErrNoShop is returned for a folder without a shop in it.
var ErrNoShop = errors.New("there is no shop in this folder; make one with: kassavalv init --data DIR (or try one with: kassavalv demo)")

// errNotMade is what serve says of a shop whose making was broken off, and everything else while it has no keys.
var errNotMade = errors.New("the making of a shop was broken off in this folder before anything was kept in it; finish it by running the same command again: kassavalv init --data DIR, or kassavalv demo (if there was a shop before, its database is gone: restore that instead)")

// lies is what lies in a data directory and in its database, each more than the one before. What comes later, such as a
// shop that was restored and is not opened yet, takes its place in the order, and in the table of look_test.go.
type lies int

const (
	noShop   lies = iota // nothing
	notMade              // a shop that was broken off before it had its keys: what makes shops begins it anew
	notOwned             // keys and database belong together; nobody is in it yet, and init may finish it
	aShop
)

// look tells what lies here. It writes nothing and asks no key service; that the keys are there is asked next. Keys in a
// folder beside a database without tables are those of a shop whose data is gone (the tables are made before the first
// key), an error: it must not begin anew, its keys would seal new data while the old is forgotten.
func look(ctx context.Context, dir string, cfg Config) (lies, error) {
	o := databaseOf(dir, cfg)
	holds, err := db.Look(ctx, o, "db_migration", "secret_check", "secret_person")
	if err != nil {
		return noShop, err
	}
	folder := keyFolder(dir, cfg)
	begun := holds["db_migration"]
	for _, p := range []string{folder, o.Path} { // the env keeper has no folder: keys that are given from outside tell nothing
		_, err := os.Stat(p)
		begun = begun || err == nil
	}
	switch {
	case holds["secret_person"]: // the first owner comes in the transaction that makes the company
		return aShop, nil
	case holds["secret_check"]:
		return notOwned, nil
	case !holds["db_migration"] && holdsKey(folder):
		return noShop, fmt.Errorf("the database holds no shop, but the keys of one are in %s: restore the database, or give the new one a folder of its own with --data", folder)
	case begun:
		return notMade, nil
	}
	return noShop, nil
}

func holdsKey(folder string) bool {
	plain, _ := filepath.Glob(filepath.Join(folder, "*.key"))
	wrapped, _ := filepath.Glob(filepath.Join(folder, "*.wrapped"))
	return len(plain)+len(wrapped) > 0
}

// need refuses where less than least lies, with what to run.
func need(ctx context.Context, dir string, cfg Config, least lies) error {
	switch l, err := look(ctx, dir, cfg); {
	case err != nil || l >= least:
		return err
	case l == noShop:
		return ErrNoShop
	}
	return errNotMade
}

func databaseOf(dir string, cfg Config) db.Options {
	return db.Options{Path: filepath.Join(dir, DatabaseFile), URL: cfg.Database.URL.Reveal()}
}
