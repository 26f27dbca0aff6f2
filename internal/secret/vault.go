package secret

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/db"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations are the vault's tables.
var Migrations = db.Migrations{Room: "secret", FS: migrationsFS}

// Lives of an epoch key, counted from its making. An erased person's row may
// have been wrapped by a key of age 0, so the last copy dies with the key at
// epochEnd: within 35 days of the erasure, whenever that was.
const (
	epochTurn = 30 * 24 * time.Hour
	epochEnd  = 35 * 24 * time.Hour
)

const personEntity = "secret.person" // in the change feed: the person was erased

// Vault seals and opens. Safe for concurrent use.
type Vault struct {
	d      *db.DB
	keeper Keeper
	now    func() time.Time

	link, index, cookie, shop []byte

	mu     sync.RWMutex
	epochs map[int64]Key
	years  map[int]Key
	last   int64 // number of the current epoch

	cache  keyCache
	health health
	broken unreadable
	log    atomic.Pointer[slog.Logger]
	turn   turning

	yearEnd atomic.Int64 // see SetYearEnd

	asking   sync.Mutex // see readEpoch
	askAgain time.Time
}

var rootKeys = []string{"link", "index", "cookie", "shop"}

// RootNames are the keys that every shop has and that never turn.
func RootNames() []string { return append([]string{}, rootKeys...) }

func epochName(n int64) string { return fmt.Sprintf("epoch-%06d", n) }
func yearName(y int) string    { return fmt.Sprintf("books-%04d", y) }

// Init makes the first keys in an empty keeper and binds the empty database to
// them. Only init, demo and tests call it. It may be called again after a crash
// halfway: keys that are there stay; a database that is bound is left alone and
// must match.
func Init(ctx context.Context, d *db.DB, k Keeper) error {
	bound, persons, err := state(ctx, d)
	if err != nil {
		return err
	}
	if len(bound) == 0 && persons > 0 {
		return errors.New("secret: this database holds persons but no key fingerprints; it is damaged: restore it")
	}
	if len(bound) > 0 {
		return match(ctx, bound, k)
	}
	now := time.Now()
	for _, n := range firstKeys(d.LegalNow().Year()) {
		key, err := NewKey(n, now)
		if err != nil {
			return err
		}
		if err := k.Put(ctx, key); err != nil && !errors.Is(err, ErrKeyExists) && !errors.Is(err, ErrReadOnly) {
			return fmt.Errorf("secret: making keys in %s: %w", k.Where(), err)
		}
	}
	have, err := k.List(ctx)
	if err != nil {
		return err
	}
	checks := map[string][]byte{}
	for _, n := range have {
		key, err := k.Get(ctx, n)
		if err != nil {
			return err
		}
		checks[n] = fingerprint(key)
	}
	for _, n := range rootKeys {
		if checks[n] == nil {
			return fmt.Errorf("secret: %s lacks the key %s; kassavalv keys new prints a full set", k.Where(), n)
		}
	}
	return db.Do(ctx, d, func(tx *db.Tx) error {
		for n, c := range checks {
			if err := insertCheck(tx, n, c); err != nil {
				return err
			}
		}
		return nil
	})
}

func insertCheck(tx *db.Tx, name string, c []byte) error {
	_, err := tx.Exec(`INSERT INTO secret_check (name, fingerprint, made_at) VALUES ($1,$2,$3) ON CONFLICT (name) DO NOTHING`, name, c, tx.Now())
	return err
}

// fingerprint lets a database recognise a key without holding it.
func fingerprint(k Key) []byte {
	m := hmac.New(sha256.New, k.bytes())
	m.Write([]byte("kassavalv fingerprint\x00" + k.Name))
	return m.Sum(nil)[:16]
}

func state(ctx context.Context, d *db.DB) (map[string][]byte, int64, error) {
	type st struct {
		m map[string][]byte
		n int64
	}
	s, err := db.Read(ctx, d, func(q *db.Reader) (s st, err error) {
		s.m = map[string][]byte{}
		rows, err := q.Query(`SELECT name, fingerprint FROM secret_check`)
		if err != nil {
			return s, err
		}
		defer rows.Close()
		for rows.Next() {
			var n string
			var f []byte
			if err := rows.Scan(&n, &f); err != nil {
				return s, err
			}
			s.m[n] = f
		}
		if err := rows.Err(); err != nil {
			return s, err
		}
		return s, q.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM secret_person LIMIT 1) x`).Scan(&s.n)
	})
	return s.m, s.n, err
}

// match compares the keeper with the fingerprints of the database.
func match(ctx context.Context, bound map[string][]byte, k Keeper) error {
	for n, want := range bound {
		key, err := k.Get(ctx, n)
		if errors.Is(err, ErrNoKey) && strings.HasPrefix(n, "epoch-") {
			continue // destroyed in its time; Open looks whether a living row needs it
		}
		if errors.Is(err, ErrNoKey) {
			return fmt.Errorf("secret: the key %s of this database is missing in %s; restore it from its copy. %w", n, k.Where(), err)
		}
		if err != nil {
			return err
		}
		if !Equal(fingerprint(key), want) {
			return fmt.Errorf("secret: the key %s in %s belongs to another database; give the shop its own keys", n, k.Where())
		}
	}
	return nil
}

// Open checks that database and keys belong together and returns the vault. It
// makes no first keys: a database that was never bound is refused. It adds the
// keys of the financial years around today where they are missing.
func Open(ctx context.Context, d *db.DB, k Keeper) (*Vault, error) {
	bound, _, err := state(ctx, d)
	if err != nil {
		return nil, err
	}
	if len(bound) == 0 {
		return nil, errors.New("secret: this database has not been given keys; a new shop is made by: kassavalv init")
	}
	for _, n := range rootKeys {
		if bound[n] == nil {
			return nil, fmt.Errorf("secret: the fingerprint of key %s is gone from the database; restore it", n)
		}
	}
	if err := match(ctx, bound, k); err != nil {
		return nil, err
	}
	v := &Vault{d: d, keeper: k, now: time.Now, cache: keyCache{max: 4096}}
	v.health.grace, v.health.seen = DefaultGrace, v.now()
	for n, dst := range map[string]*[]byte{"link": &v.link, "index": &v.index, "cookie": &v.cookie, "shop": &v.shop} {
		key, err := k.Get(ctx, n)
		if err != nil {
			return nil, err
		}
		*dst = key.bytes()
	}
	if err := v.reload(ctx); err != nil {
		return nil, err
	}
	used, err := db.Read(ctx, d, epochsInUse)
	if err != nil {
		return nil, err
	}
	for _, n := range used {
		if _, ok := v.epoch(n); !ok {
			return nil, fmt.Errorf("secret: the key %s of this database is missing in %s; restore it from its copy", epochName(n), k.Where())
		}
	}
	y := d.LegalNow().Year()
	for _, y := range []int{y - 1, y, y + 1} {
		if err := v.EnsureYear(ctx, y); err != nil {
			if errors.Is(err, ErrReadOnly) && y != d.LegalNow().Year() {
				continue // the operator still has time to add the line
			}
			return nil, err
		}
	}
	if f, ok := k.(*fetched); ok {
		v.keeper = f.Keeper
	}
	d.OnChange(func(cs []db.Change) {
		for _, c := range cs {
			if c.Entity == personEntity {
				v.cache.drop(c.ID)
			}
		}
	})
	return v, nil
}

// reload reads the epochs and years from the keeper and notes their fingerprints.
func (v *Vault) reload(ctx context.Context) error {
	list, err := v.keeper.List(ctx)
	if err != nil {
		return err
	}
	epochs, years, last := map[int64]Key{}, map[int]Key{}, int64(0)
	checks := map[string][]byte{}
	for _, n := range list {
		kind, num, ok := strings.Cut(n, "-")
		if !ok {
			continue
		}
		key, err := v.keeper.Get(ctx, n)
		if errors.Is(err, ErrNoKey) {
			continue // destroyed meanwhile
		}
		if err != nil {
			return err
		}
		i, err := strconv.ParseInt(num, 10, 64)
		if err != nil {
			return err
		}
		checks[n] = fingerprint(key)
		if kind == "epoch" {
			epochs[i], last = key, max(last, i)
		} else {
			years[int(i)] = key
		}
	}
	if last == 0 {
		return fmt.Errorf("secret: %s holds no epoch key; restore it from its copy", v.keeper.Where())
	}
	bound, _, err := state(ctx, v.d)
	if err != nil {
		return err
	}
	for n := range checks {
		if f := bound[n]; f != nil && !Equal(f, checks[n]) {
			return fmt.Errorf("secret: the key %s in %s belongs to another database", n, v.keeper.Where())
		} else if f != nil {
			delete(checks, n)
		}
	}
	if len(checks) > 0 {
		err := db.Do(ctx, v.d, func(tx *db.Tx) error {
			for n, c := range checks {
				if err := insertCheck(tx, n, c); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	v.mu.Lock()
	v.epochs, v.years, v.last = epochs, years, last
	v.mu.Unlock()
	return nil
}

func (v *Vault) epoch(n int64) (Key, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	k, ok := v.epochs[n]
	return k, ok
}

// derive makes a key for one use from a root key (HKDF-SHA-256, RFC 5869).
func derive(root []byte, info string) []byte {
	k, err := hkdf.Key(sha256.New, root, nil, "kassavalv "+info, KeySize)
	if err != nil {
		panic(err) // only for absurd lengths
	}
	return k
}

// epochsInUse lists the epochs that some living data key is wrapped by, one step of
// the index each: there are many keys and few epochs.
func epochsInUse(q *db.Reader) (out []int64, err error) {
	for last := int64(0); ; {
		var next *int64
		if err := q.QueryRow(`SELECT min(epoch) FROM secret_person WHERE erased_at IS NULL AND epoch > $1`, last).Scan(&next); err != nil {
			return nil, err
		}
		if next == nil {
			return out, nil
		}
		last = *next
		out = append(out, last)
	}
}
