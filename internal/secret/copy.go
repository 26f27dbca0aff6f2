package secret

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kassavalv/internal/db"
)

// CopyRoot is what the keys of the shop's copies are made from: 32 bytes that follow from
// the root key shop, so that they come back with the vault's keys and with nothing else.
func CopyRoot(ctx context.Context, k Keeper) ([]byte, error) {
	shop, err := k.Get(ctx, "shop")
	if err != nil {
		return nil, err
	}
	return derive(shop.bytes(), "copies"), nil
}

// Prints are the fingerprints of a keeper's keys, by name: whoever has them can tell whether a
// database belongs to it, and opens nothing.
func Prints(ctx context.Context, k Keeper) (map[string][]byte, error) {
	list, err := k.List(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, n := range list {
		key, err := k.Get(ctx, n)
		if errors.Is(err, ErrNoKey) {
			continue // destroyed meanwhile
		}
		if err != nil {
			return nil, err
		}
		out[n] = fingerprint(key)
	}
	return out, nil
}

// Fits tells whether the keys with these fingerprints are those of a database, and open
// everybody who lives in it.
func Fits(ctx context.Context, d *db.DB, prints map[string][]byte) error {
	bound, _, err := state(ctx, d)
	if err != nil {
		return err
	}
	for _, n := range rootKeys {
		if bound[n] == nil {
			return fmt.Errorf("secret: the fingerprint of key %s is gone from the database", n)
		}
	}
	for n, want := range bound {
		switch have := prints[n]; {
		case have == nil && kindOf(n) == "epoch": // destroyed in its time
		case have == nil:
			return fmt.Errorf("secret: the key %s of this database is missing", n)
		case !Equal(have, want):
			return fmt.Errorf("secret: the key %s belongs to another database", n)
		}
	}
	used, err := db.Read(ctx, d, epochsInUse)
	if err != nil {
		return err
	}
	for _, n := range used {
		if prints[epochName(n)] == nil {
			return fmt.Errorf("secret: the key %s of this database is missing", epochName(n))
		}
	}
	return nil
}

// Disown makes a copy of a shop's database readable to nobody and gives it new keys, into k,
// which must be empty: every person is as erased, and what the shop itself had sealed stays
// shut. For a copy that is thrown away, or whose people must not be known.
func Disown(ctx context.Context, d *db.DB, k Keeper) error {
	if list, err := k.List(ctx); err != nil || len(list) > 0 {
		return errors.Join(err, errors.New("secret: a copy gets keys of its own, into an empty place"))
	}
	checks := map[string][]byte{}
	for _, n := range firstKeys(d.LegalNow().Year()) {
		key, err := NewKey(n, time.Now())
		if err == nil {
			err = k.Put(ctx, key)
		}
		if err != nil {
			return err
		}
		checks[n] = fingerprint(key)
	}
	return db.Do(ctx, d, func(tx *db.Tx) error {
		if _, err := tx.Exec(`UPDATE secret_person SET wrapped=NULL, epoch=0, erased_at=$1 WHERE erased_at IS NULL`, tx.Now()); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM secret_check`); err != nil {
			return err
		}
		for n, c := range checks {
			if err := insertCheck(tx, n, c); err != nil {
				return err
			}
		}
		return nil
	})
}
