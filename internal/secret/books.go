package secret

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	if err := v.usable(); err != nil {
		return Key{}, err
	}
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
		return nil, v.judged(field, row, ErrBroken)
	}
	k, err := v.year(int(year))
	if errors.Is(err, ErrNoKey) {
		return nil, ErrErased
	}
	if err != nil {
		return nil, err
	}
	b, err := open(newAEAD(k.bytes()), byYear, year, string(field), row, sealed)
	return b, v.judged(field, row, err)
}

// BooksKeptUntil is the end of the seventh year after the calendar year in
// which the financial year ended (Bokföringslagen 7 kap. 2 §), for a financial year that
// ends in endYear.
func BooksKeptUntil(endYear int, loc *time.Location) time.Time {
	return time.Date(endYear+8, 1, 1, 0, 0, 0, 0, loc)
}

// SetYearEnd says in which month the shop's financial year ends, 12 where nothing was said: keys are named by
// the calendar year of what they seal, and where the financial year goes over New Year it may end in the next.
func (v *Vault) SetYearEnd(month time.Month) { v.yearEnd.Store(int64(month)) }

// yearEnds is the latest calendar year in which a financial year can end that holds a day of year.
func (v *Vault) yearEnds(year int) int {
	if m := v.yearEnd.Load(); m != 0 && m != 12 {
		return year + 1
	}
	return year
}

// BooksUntil is when the books of a year need be kept no longer; their key is destroyed the day after.
func (v *Vault) BooksUntil(year int) time.Time {
	return BooksKeptUntil(v.yearEnds(year), time.UTC)
}

// YearInfo is a line about the key of a financial year.
type YearInfo struct {
	Name string    `json:"name"`
	Year int       `json:"year"`
	Made time.Time `json:"made"`
	Ends time.Time `json:"ends"` // destroyed from then on
}

// Years lists the keys of financial years that are kept, oldest first, without the keys.
func (v *Vault) Years() []YearInfo {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var out []YearInfo
	for y, k := range v.years {
		out = append(out, YearInfo{k.Name, y, k.Made, v.BooksUntil(y).Add(aDay)})
	}
	slices.SortFunc(out, func(a, b YearInfo) int { return a.Year - b.Year })
	return out
}

// aDay covers the hours by which a place's year ends after UTC's.
const aDay = 24 * time.Hour

// DestroyOldYears destroys the keys of the financial years whose books need be kept no
// longer, and returns their names. Turn calls it each hour.
func (v *Vault) DestroyOldYears(ctx context.Context) ([]string, error) {
	var gone []string
	for _, y := range v.Years() {
		if v.now().Before(y.Ends) {
			continue
		}
		if err := v.DestroyYear(ctx, y.Year, v.yearEnds(y.Year)); err != nil {
			return gone, err
		}
		v.logger().Warn("the books of a year need be kept no longer; their key has been destroyed", "key", y.Name)
		gone = append(gone, y.Name)
	}
	return gone, nil
}

// DestroyYear destroys the key of a financial year, and with it every field
// sealed under it. It refuses before the law allows it. endYear is the calendar
// year in which the financial year ended.
func (v *Vault) DestroyYear(ctx context.Context, year, endYear int) error {
	if endYear < year {
		return fmt.Errorf("secret: financial year %d cannot end in %d", year, endYear)
	}
	if until := BooksKeptUntil(endYear, time.UTC).Add(aDay); v.now().Before(until) {
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
