package secret

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

var (
	fieldA = Register("test.a", "testing")
	fieldB = Register("test.b", "testing")
)

var ctx = context.Background()

func vault(t *testing.T, d *db.DB) (*Vault, *FileKeeper) {
	t.Helper()
	k, err := CreateFiles(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Init(ctx, d, k); err != nil {
		t.Fatal(err)
	}
	v, err := Open(ctx, d, k)
	if err != nil {
		t.Fatal(err)
	}
	return v, k
}

func person(t *testing.T, d *db.DB, v *Vault) db.ID {
	t.Helper()
	p, _, err := db.Write(ctx, d, v.NewPerson)
	if err != nil {
		t.Fatal(err)
	}
	return p.ID
}

func sealFor(t *testing.T, d *db.DB, v *Vault, p db.ID, f Field, row db.ID, s string) []byte {
	t.Helper()
	b, err := db.Read(ctx, d, func(q *db.Reader) ([]byte, error) { return v.Seal(q, p, f, row, []byte(s)) })
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openFor(d *db.DB, v *Vault, p db.ID, f Field, row db.ID, b []byte) (string, error) {
	return db.Read(ctx, d, func(q *db.Reader) (string, error) {
		s, err := v.Open(q, p, f, row, b)
		return string(s), err
	})
}

func TestSealAndOpen(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		v, _ := vault(t, d)
		p, other := person(t, d, v), person(t, d, v)
		s := sealFor(t, d, v, p, fieldA, 7, "Åsa Öberg")
		if got, err := openFor(d, v, p, fieldA, 7, s); err != nil || got != "Åsa Öberg" {
			t.Fatal(got, err)
		}
		if bytes.Contains(s, []byte("berg")) || bytes.Equal(s, sealFor(t, d, v, p, fieldA, 7, "Åsa Öberg")) {
			t.Error("readable, or the same twice")
		}
		wrong := map[string]func() (string, error){
			"row":    func() (string, error) { return openFor(d, v, p, fieldA, 8, s) },
			"field":  func() (string, error) { return openFor(d, v, p, fieldB, 7, s) },
			"person": func() (string, error) { return openFor(d, v, other, fieldA, 7, s) },
			"empty":  func() (string, error) { return openFor(d, v, p, fieldA, 7, nil) },
			"header": func() (string, error) { // claims to be the other person's
				c := bytes.Clone(s)
				copy(c[1:9], sealFor(t, d, v, other, fieldA, 7, "x")[1:9])
				return openFor(d, v, other, fieldA, 7, c)
			},
		}
		for name, f := range wrong {
			if got, err := f(); !errors.Is(err, ErrBroken) {
				t.Errorf("%s: %q %v", name, got, err)
			}
		}
		for i := range s {
			c := bytes.Clone(s)
			c[i] ^= 1
			if _, err := openFor(d, v, p, fieldA, 7, c); !errors.Is(err, ErrBroken) {
				t.Fatalf("byte %d changed: %v", i, err)
			}
		}
		for _, f := range []func() error{
			func() error { _, err := openFor(d, v, p, "test.undeclared", 7, s); return err },
			func() error { _, err := openFor(d, v, 0, fieldA, 7, s); return err },
			func() error { _, err := openFor(d, v, p, fieldA, 0, s); return err },
			func() error { _, err := openFor(d, v, 12345, fieldA, 7, s); return err },
		} {
			if f() == nil {
				t.Error("opened for nobody or an undeclared field")
			}
		}
		type addr struct{ City string }
		js, err := db.Read(ctx, d, func(q *db.Reader) (a addr, err error) {
			b, err := SealJSON(v, q, p, fieldB, 9, addr{"Umeå"})
			if err != nil {
				return a, err
			}
			return OpenJSON[addr](v, q, p, fieldB, 9, b)
		})
		if err != nil || js.City != "Umeå" {
			t.Fatal(js, err)
		}
	})
}

// A person of an undone transaction must not live on in the cache.
func TestUndonePersonIsNobody(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		v, _ := vault(t, d)
		var id db.ID
		undo := errors.New("undo")
		err := db.Do(ctx, d, func(tx *db.Tx) error {
			p, err := v.NewPerson(tx)
			if err != nil {
				return err
			}
			id = p.ID
			if _, err := v.Seal(tx, p.ID, fieldA, 1, []byte("x")); err != nil {
				t.Error("seal in the same transaction:", err)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
		_, err = db.Read(ctx, d, func(q *db.Reader) ([]byte, error) { return v.Seal(q, id, fieldA, 1, []byte("x")) })
		if !errors.Is(err, ErrNoPerson) {
			t.Fatal(err)
		}
	})
}

func TestErase(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		v, k := vault(t, d)
		second, err := Open(ctx, d, k) // another node's cache on the same process's feed
		if err != nil {
			t.Fatal(err)
		}
		p, stays := person(t, d, v), person(t, d, v)
		s, s2 := sealFor(t, d, v, p, fieldA, 1, "gone"), sealFor(t, d, v, stays, fieldA, 1, "here")
		if got, err := openFor(d, second, p, fieldA, 1, s); err != nil || got != "gone" {
			t.Fatal(got, err)
		}
		// A reader that began before the erasure fills no cache after it.
		_, err = db.Read(ctx, d, func(q *db.Reader) (int, error) {
			fresh, err := Open(ctx, d, k)
			if err != nil {
				return 0, err
			}
			_, mark := fresh.cache.get(p)
			for range 2 {
				if err := db.Do(ctx, d, func(tx *db.Tx) error { return v.Erase(tx, p) }); err != nil {
					return 0, err
				}
			}
			fresh.cache.putIf(p, newAEAD(make([]byte, 32)), mark)
			if a, _ := fresh.cache.get(p); a != nil {
				t.Error("a key read from an old snapshot was kept after the erasure")
			}
			return 0, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []*Vault{v, second} {
			if got, err := openFor(d, x, p, fieldA, 1, s); !errors.Is(err, ErrErased) {
				t.Errorf("%q %v", got, err)
			}
			if got, err := openFor(d, x, stays, fieldA, 1, s2); err != nil || got != "here" {
				t.Error(got, err)
			}
		}
		at, err := db.Read(ctx, d, func(q *db.Reader) (time.Time, error) { return v.ErasedAt(q, p) })
		if err != nil || at.IsZero() {
			t.Error(at, err)
		}
		if err := db.Do(ctx, d, func(tx *db.Tx) error { return v.Erase(tx, 999) }); !errors.Is(err, ErrNoPerson) {
			t.Error(err)
		}
	})
}

func TestDatabaseAndKeysBelongTogether(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		empty, _ := CreateFiles(filepath.Join(t.TempDir(), "empty"))
		if _, err := Open(ctx, d, empty); err == nil || !strings.Contains(err.Error(), "kassavalv init") {
			t.Fatal("opened a database that was never bound:", err)
		}
		v, k := vault(t, d)
		person(t, d, v)
		if _, err := Open(ctx, d, k); err != nil {
			t.Fatal("control:", err)
		}
		if err := Init(ctx, d, k); err != nil {
			t.Error("Init after Init:", err)
		}
		if _, err := Open(ctx, d, empty); err == nil || !strings.Contains(err.Error(), "missing") {
			t.Error("opened without keys:", err)
		}
		d2 := dbtest.SQLite(t, []db.Migrations{Migrations})
		_, k2 := vault(t, d2)
		if _, err := Open(ctx, d, k2); err == nil || !strings.Contains(err.Error(), "another database") {
			t.Error("opened with another's keys:", err)
		}
		if err := Init(ctx, d, k2); err == nil {
			t.Error("Init bound a database to other keys")
		}
		if err := Init(ctx, d, empty); err == nil {
			t.Error("Init made new keys for a bound database")
		}
		for _, n := range []string{"link", "index", "cookie", "shop", "epoch-000001", yearName(time.Now().Year())} {
			text, _ := Export(ctx, k)
			part, _ := CreateFiles(filepath.Join(t.TempDir(), "keys"))
			if err := Import(ctx, part, text); err != nil {
				t.Fatal(err)
			}
			os.Remove(part.path(n))
			if _, err := Open(ctx, d, part); err == nil {
				t.Errorf("opened without %s", n)
			}
		}
		env, err := EnvKeeper(must(Export(ctx, k)).Reveal(), "KASSAVALV_KEYS")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(ctx, d, env); err != nil {
			t.Error("keys from the environment:", err)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The promise: 35 days after an erasure no key can open an old copy of the row.
func TestEpochs(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		v, k := vault(t, d)
		start := time.Now()
		at := func(days int) { v.now = func() time.Time { return start.Add(time.Duration(days) * 24 * time.Hour) } }
		living := person(t, d, v)
		erased := person(t, d, v)
		for range 450 { // more than two chunks
			person(t, d, v)
		}
		s := sealFor(t, d, v, living, fieldA, 1, "here")
		copyOf, err := db.Read(ctx, d, func(q *db.Reader) (b []byte, err error) {
			err = q.QueryRow(`SELECT wrapped FROM secret_person WHERE id=$1`, erased).Scan(&b)
			return
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Do(ctx, d, func(tx *db.Tx) error { return v.Erase(tx, erased) }); err != nil {
			t.Fatal(err)
		}
		at(29)
		if err := v.Turn(ctx); err != nil || len(v.Epochs()) != 1 {
			t.Fatal("day 29:", err, v.Epochs())
		}
		at(31)
		if err := v.Turn(ctx); err != nil || len(v.Epochs()) != 2 {
			t.Fatal("day 31:", err, v.Epochs())
		}
		n, _ := db.Read(ctx, d, func(q *db.Reader) (n int64, err error) {
			err = q.QueryRow(`SELECT count(*) FROM secret_person WHERE epoch=1`).Scan(&n)
			return
		})
		if n != 0 {
			t.Fatal("not re-wrapped:", n)
		}
		old, _ := v.epoch(1)
		if _, err := open(newAEAD(old.bytes()), byEpoch, 1, wrapField, erased, copyOf); err != nil {
			t.Fatal("control: on day 31 an old copy can still be opened:", err)
		}
		at(36)
		if err := v.Turn(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Get(ctx, "epoch-000001"); !errors.Is(err, ErrNoKey) {
			t.Fatal("day 36: the epoch key lives:", err)
		}
		v2, err := Open(ctx, d, k)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := v2.epoch(1); ok {
			t.Error("epoch 1 came back")
		}
		if got, err := openFor(d, v2, living, fieldA, 1, s); err != nil || got != "here" {
			t.Error(got, err)
		}
		if _, err := openFor(d, v2, erased, fieldA, 1, s); !errors.Is(err, ErrErased) {
			t.Error(err)
		}
	})
}

// A key that a living row still needs is never destroyed.
func TestNeededEpochStays(t *testing.T) {
	d := dbtest.SQLite(t, []db.Migrations{Migrations})
	v, k := vault(t, d)
	person(t, d, v)
	if err := k.Put(ctx, must(NewKey("epoch-000002", time.Now()))); err != nil {
		t.Fatal(err)
	}
	if err := v.reload(ctx); err != nil {
		t.Fatal(err)
	}
	v.now = func() time.Time { return time.Now().Add(90 * 24 * time.Hour) }
	if gone, err := v.DestroyOldEpochs(ctx, false); err == nil || len(gone) != 0 {
		t.Fatal(gone, err)
	}
	if _, err := v.Rewrap(ctx); err != nil {
		t.Fatal(err)
	}
	if gone, err := v.DestroyOldEpochs(ctx, false); err != nil || len(gone) != 1 {
		t.Fatal(gone, err)
	}
}

// Another node turned the epoch: a vault that does not know it finds the key.
func TestEpochOfAnotherNode(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		v, k := vault(t, d)
		p := person(t, d, v)
		s := sealFor(t, d, v, p, fieldA, 1, "x")
		other, err := Open(ctx, d, k)
		if err != nil {
			t.Fatal(err)
		}
		other.now = func() time.Time { return time.Now().Add(31 * 24 * time.Hour) }
		if err := other.Turn(ctx); err != nil {
			t.Fatal(err)
		}
		v.cache.drop(p)
		if got, err := openFor(d, v, p, fieldA, 1, s); err != nil || got != "x" {
			t.Fatal(got, err)
		}
	})
}

func TestBooks(t *testing.T) {
	d := dbtest.SQLite(t, []db.Migrations{Migrations})
	v, k := vault(t, d)
	y := time.Now().Year()
	s, err := v.SealBooks(y, fieldA, 3, []byte("receipt"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.OpenBooks(fieldA, 3, s); err != nil || string(got) != "receipt" {
		t.Fatal(got, err)
	}
	if _, err := v.OpenBooks(fieldA, 4, s); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
	if _, err := v.OpenBooks(fieldB, 3, s); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
	if _, err := v.SealBooks(y-9, fieldA, 3, []byte("x")); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	if err := v.EnsureYear(ctx, y-9); err != nil {
		t.Fatal(err)
	}
	old, err := v.SealBooks(y-9, fieldA, 3, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.DestroyYear(ctx, y, y); err == nil {
		t.Error("destroyed this year's books")
	}
	if err := v.DestroyYear(ctx, y-9, y-7); err == nil {
		t.Error("destroyed books before the end of the seventh year")
	}
	if err := v.DestroyYear(ctx, y-9, y-9); err != nil {
		t.Fatal(err)
	}
	if _, err := v.OpenBooks(fieldA, 3, old); !errors.Is(err, ErrErased) {
		t.Error(err)
	}
	if _, err := Open(ctx, d, k); err != nil {
		t.Error(err)
	}
	sh, err := v.SealShop(fieldA, 1, []byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.OpenShop(fieldA, 1, sh); err != nil || string(got) != "key" {
		t.Error(got, err)
	}
	if _, err := v.OpenShop(fieldA, 2, sh); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := keyCache{max: 3}
	a := newAEAD(make([]byte, 32))
	for i := range 10 {
		c.put(db.ID(i+1), a)
	}
	if len(c.m) != 3 || c.l.Len() != 3 {
		t.Error(len(c.m), c.l.Len())
	}
	if x, _ := c.get(10); x == nil {
		t.Error("the newest is gone")
	}
}
