package secret

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kassavalv/internal/db"
)

// fetched is a keeper whose keys have been read once: what a start asks more than once
// is asked of the service once.
type fetched struct {
	Keeper
	keys map[string]Key
}

func (f *fetched) Get(ctx context.Context, name string) (Key, error) {
	if k, ok := f.keys[name]; ok {
		return k, nil
	}
	return f.Keeper.Get(ctx, name)
}

// Fetch reads every key of k before anything else is touched, so that a start without
// its keys writes nothing. The error says which key is wanted and from where. Open and Recognise
// take what it returns.
func Fetch(ctx context.Context, k Keeper) (Keeper, error) {
	f := &fetched{k, map[string]Key{}}
	list, err := k.List(ctx)
	if err != nil {
		return nil, err
	}
	epochs := 0
	want := append([]string{}, rootKeys...)
	for _, n := range list {
		if kindOf(n) == "epoch" {
			epochs++
		}
		if kindOf(n) != "" {
			want = append(want, n)
		}
	}
	for _, n := range want {
		key, err := k.Get(ctx, n)
		if errors.Is(err, ErrNoKey) && kindOf(n) != "" {
			continue // destroyed, and its file not yet
		}
		if errors.Is(err, ErrNoKey) {
			return nil, fmt.Errorf("secret: the key %s of this database is missing in %s; restore it from its copy. %w", n, k.Where(), err)
		}
		if err != nil {
			return nil, err
		}
		f.keys[n] = key
	}
	if epochs == 0 {
		return nil, fmt.Errorf("secret: %s holds no epoch key; restore it from its copy", k.Where())
	}
	return f, nil
}

// Recognise compares the keys with the fingerprints of a database that is there already,
// before it is migrated or written to. A database without the vault's tables passes.
func Recognise(ctx context.Context, d *db.DB, k Keeper) error {
	if there, err := d.Migrated(ctx, Migrations.Room); err != nil || !there {
		return err
	}
	bound, _, err := state(ctx, d)
	if err != nil {
		return err
	}
	return match(ctx, bound, k)
}

// kindOf is "epoch" or "books", or "" for a root key.
func kindOf(name string) string {
	switch {
	case len(name) > 6 && name[:6] == "epoch-":
		return "epoch"
	case len(name) > 6 && name[:6] == "books-":
		return "books"
	}
	return ""
}

// NewSet draws a full set of first keys, as Init makes them: what `kassavalv keys new`
// prints for a keeper that the program cannot write to.
func NewSet(now time.Time, year int) (Secret, error) {
	var b []byte
	for _, n := range firstKeys(year) {
		k, err := NewKey(n, now)
		if err != nil {
			return Secret{}, err
		}
		b = append(b, k.line()...)
	}
	return Hide(string(b)), nil
}

// NewLine draws one key.
func NewLine(name string, now time.Time) (Secret, error) {
	k, err := NewKey(name, now)
	return Hide(k.line()), err
}

func firstKeys(year int) []string {
	list := append([]string{}, rootKeys...)
	list = append(list, epochName(1))
	for y := year - 1; y <= year+1; y++ {
		list = append(list, yearName(y))
	}
	return list
}
