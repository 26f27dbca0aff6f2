package secret

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kassavalv/internal/db"
)

// EnsureYear makes the key of a financial year (the year it begins in) if it is
// not there. Not for use inside a transaction. Open and Turn do it for the years around today; an
// import of older orders calls it first.
func (v *Vault) EnsureYear(ctx context.Context, year int) error {
	v.mu.RLock()
	_, ok := v.years[year]
	v.mu.RUnlock()
	if ok {
		return nil
	}
	if year < 2000 || year > 2200 {
		return fmt.Errorf("secret: no financial year %d", year)
	}
	k, err := NewKey(yearName(year), v.now())
	if err != nil {
		return err
	}
	if err := v.keeper.Put(ctx, k); err != nil && !errors.Is(err, ErrKeyExists) {
		return fmt.Errorf("secret: the key %s is due: %w", k.Name, err)
	}
	return v.reload(ctx)
}

func (v *Vault) year(year int) (Key, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	k, ok := v.years[year]
	if !ok {
		return Key{}, fmt.Errorf("%w: %s", ErrNoKey, yearName(year))
	}
	return k, nil
}

// SealBooks seals a bookkeeping field under the key of its financial year.
// Erasing a person leaves it: the law makes the shop keep it.
func (v *Vault) SealBooks(year int, field Field, row db.ID, plain []byte) ([]byte, error) {
	if row <= 0 {
		return nil, ErrEmpty
	}
	if err := field.check(); err != nil {
		return nil, err
	}
	k, err := v.year(year)
	if err != nil {
		return nil, err
	}
	return seal(newAEAD(k.bytes()), byYear, int64(year), string(field), row, plain), nil
}

// OpenBooks is the reverse of SealBooks; the year stands in the value.
// ErrErased when the year's key has been destroyed.
func (v *Vault) OpenBooks(field Field, row db.ID, sealed []byte) ([]byte, error) {
	if row <= 0 {
		return nil, ErrEmpty
	}
	if err := field.check(); err != nil {
		return nil, err
	}
	year, ok := header(byYear, sealed)
	if !ok {
		return nil, ErrBroken
	}
	k, err := v.year(int(year))
	if errors.Is(err, ErrNoKey) {
		return nil, ErrErased
	}
	if err != nil {
		return nil, err
	}
	return open(newAEAD(k.bytes()), byYear, year, string(field), row, sealed)
}

// BooksKeptUntil is the end of the seventh year after the calendar year in
// which the financial year ended (Bokföringslagen 7 kap. 2 §), for a financial year that
// ends in endYear.
func BooksKeptUntil(endYear int, loc *time.Location) time.Time {
	return time.Date(endYear+8, 1, 1, 0, 0, 0, 0, loc)
}

// DestroyYear destroys the key of a financial year, and with it every field
// sealed under it. It refuses before the law allows it. endYear is the calendar
// year in which the financial year ended.
func (v *Vault) DestroyYear(ctx context.Context, year, endYear int) error {
	if endYear < year {
		return fmt.Errorf("secret: financial year %d cannot end in %d", year, endYear)
	}
	if until := BooksKeptUntil(endYear, time.UTC).Add(24 * time.Hour); v.now().Before(until) {
		return fmt.Errorf("secret: the books of %d must be kept until the end of %d", year, endYear+7)
	}
	err := db.Do(ctx, v.d, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM secret_check WHERE name=$1`, yearName(year))
		return err
	})
	if err != nil {
		return err
	}
	if err := v.keeper.Destroy(ctx, yearName(year)); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	m := map[int]Key{}
	for y, k := range v.years {
		if y != year {
			m[y] = k
		}
	}
	v.years = m
	return nil
}
