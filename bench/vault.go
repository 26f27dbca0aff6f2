package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// benchField is sealed and indexed by the bench alone.
var benchField = secret.Register("bench.field", "measuring")

// vault measures what sealing costs: its share of a purchase, the re-wrapping of all
// data keys while the shop goes on, a look-up by blind index, a page of 50 names.
func vault(dir string) error {
	fmt.Println("The vault")
	if err := sealingShare(dir); err != nil {
		return err
	}
	sub := filepath.Join(dir, fmt.Sprint("vault", os.Getpid()))
	if err := os.MkdirAll(sub, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(sub)
	if err := vaultOn(filepath.Join(sub, "keys"), db.Options{Path: filepath.Join(sub, "vault.db"), Create: true}, "SQLite", *persons); err != nil {
		return err
	}
	if *postgres == "" {
		*postgres = os.Getenv("KASSAVALV_TEST_POSTGRES")
	}
	if *postgres == "" {
		fmt.Println("The vault on PostgreSQL is not measured: name a server with -postgres or DATABASE_URL.")
		return nil
	}
	at, drop, err := schema(*postgres)
	if err != nil {
		return err
	}
	defer drop()
	return vaultOn(filepath.Join(sub, "keys-postgres"), db.Options{URL: at}, "PostgreSQL", *persons/5)
}

// sealingShare holds a purchase against one of a program whose cipher does nothing
// (build tag proof), turn about, so that the load of the machine falls on both.
func sealingShare(dir string) error {
	restore, err := provable(dir)
	if err != nil {
		return err
	}
	defer restore()
	var with, bare []time.Duration
	for range max(*turns, 1) {
		for _, x := range []struct {
			name string
			to   *[]time.Duration
		}{{"", &with}, {"seal", &bare}} {
			r, err := without(dir, x.name)
			if err != nil {
				return err
			}
			*x.to = append(*x.to, r.per)
		}
	}
	slices.Sort(with)
	slices.Sort(bare)
	w, b := with[len(with)/2], bare[len(bare)/2]
	row("a purchase's CPU, with sealing and with a cipher that does nothing", fmt.Sprintf("%s, %s: %.1f %% of it", ms(w), ms(b), 100*float64(w-b)/float64(w)), "at most 10 %")
	return nil
}

func vaultOn(keys string, o db.Options, name string, n int) error {
	ctx := context.Background()
	d, err := db.Open(ctx, o)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Migrate(ctx, []db.Migrations{secret.Migrations}); err != nil {
		return err
	}
	k, err := secret.CreateFiles(keys)
	if err != nil {
		return err
	}
	if err := secret.Init(ctx, d, k); err != nil {
		return err
	}
	v, err := secret.Open(ctx, d, k)
	if err != nil {
		return err
	}
	types := map[db.Engine][2]string{db.SQLite: {"BLOB", "INTEGER"}, db.Postgres: {"BYTEA", "BIGINT"}}[d.Engine()]
	err = db.Do(ctx, d, func(tx *db.Tx) error {
		if _, err := tx.Exec(`CREATE TABLE bench_person (id ` + types[1] + ` PRIMARY KEY, ix ` + types[0] + ` NOT NULL, contact ` + types[0] + ` NOT NULL)`); err != nil {
			return err
		}
		_, err := tx.Exec(`CREATE UNIQUE INDEX bench_person_ix ON bench_person (ix)`)
		return err
	})
	if err != nil {
		return err
	}
	mail := func(i int) string { return fmt.Sprintf("kund%d@example.se", i) }
	contact := []byte(`{"email":"kund@example.se","name":"Åsa Öberg","phone":"+46701740605","address":{"line1":"Storgatan 1","postal_code":"11221","city":"Stockholm","country":"SE"}}`)
	ids := make([]db.ID, 0, n)
	t0 := time.Now()
	for len(ids) < n {
		from := len(ids)
		some, _, err := db.WriteBulk(ctx, d, func(tx *db.Tx) (out []db.ID, err error) {
			for i := range min(500, n-from) {
				p, err := v.NewPerson(tx)
				if err != nil {
					return nil, err
				}
				sealed, err := v.Seal(tx, p.ID, benchField, p.ID, contact)
				if err != nil {
					return nil, err
				}
				ix, err := v.Index(benchField, mail(from+i))
				if err != nil {
					return nil, err
				}
				if _, err := tx.Exec(`INSERT INTO bench_person (id, ix, contact) VALUES ($1,$2,$3)`, p.ID, ix, sealed); err != nil {
					return nil, err
				}
				out = append(out, p.ID)
			}
			return out, nil
		})
		if err != nil {
			return err
		}
		ids = append(ids, some...)
	}
	row(fmt.Sprintf("%s: %d persons made, sealed and indexed", name, n), fmt.Sprintf("%.0f/s", float64(n)/time.Since(t0).Seconds()), "-")

	// Look-up, beside one by the primary key.
	var byIndex, byID []time.Duration
	for range 2000 {
		i := rand.IntN(n)
		var got db.ID
		t := time.Now()
		ix, err := v.Index(benchField, mail(i))
		if err != nil {
			return err
		}
		read := func(stmt string, arg any) error {
			_, err := db.Read(ctx, d, func(q *db.Reader) (int, error) { return 0, q.QueryRow(stmt, arg).Scan(&got) })
			return err
		}
		if err := read(`SELECT id FROM bench_person WHERE ix=$1`, ix); err != nil {
			return err
		}
		byIndex = append(byIndex, time.Since(t))
		if got != ids[i] {
			return fmt.Errorf("the blind index found another")
		}
		t = time.Now()
		if err := read(`SELECT id FROM bench_person WHERE id=$1`, ids[i]); err != nil {
			return err
		}
		byID = append(byID, time.Since(t))
	}
	row(fmt.Sprintf("%s: look-up by blind index among %d; by primary key", name, n), fmt.Sprintf("p50 %s, p99 %s; %s, %s", us(at(byIndex, 50)), us(at(byIndex, 99)), us(at(byID, 50)), us(at(byID, 99))), "1 ms")

	// 50 orders' contacts, their keys not in memory, then with them; beside the same rows without opening.
	page := func(open bool) (time.Duration, error) {
		from := rand.IntN(n - 50)
		t := time.Now()
		_, err := db.Read(ctx, d, func(q *db.Reader) (int, error) {
			for _, id := range ids[from : from+50] {
				var sealed []byte
				if err := q.QueryRow(`SELECT contact FROM bench_person WHERE id=$1`, id).Scan(&sealed); err != nil {
					return 0, err
				}
				if open {
					if _, err := v.Open(q, id, benchField, id, sealed); err != nil {
						return 0, err
					}
				}
			}
			return 0, nil
		})
		return time.Since(t), err
	}
	var opened, plain []time.Duration
	for range 200 {
		a, err := page(true)
		if err != nil {
			return err
		}
		b, err := page(false)
		if err != nil {
			return err
		}
		opened, plain = append(opened, a), append(plain, b)
	}
	row(name+": 50 contacts read and opened, keys mostly not in memory; read alone", fmt.Sprintf("p50 %s, p99 %s; %s, %s", us(at(opened, 50)), us(at(opened, 99)), us(at(plain, 50)), us(at(plain, 99))), "30 ms the page")

	return rewrapping(ctx, d, v, name, ids)
}

// rewrapping turns the epoch while buyers come and pages are read.
func rewrapping(ctx context.Context, d *db.DB, v *secret.Vault, name string, ids []db.ID) error {
	n := len(ids)
	if err := v.NewEpoch(ctx); err != nil {
		return err
	}
	// Beside it: 50 new persons and 200 openings a second.
	work, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var writes, reads []time.Duration
	var failed atomic.Int64
	beside := func(every time.Duration, to *[]time.Duration, fn func() error) {
		wg.Go(func() {
			t := time.NewTicker(every)
			defer t.Stop()
			for {
				select {
				case <-work.Done():
					return
				case <-t.C:
				}
				t := time.Now()
				if err := fn(); err != nil {
					failed.Add(1)
				}
				mu.Lock()
				*to = append(*to, time.Since(t))
				mu.Unlock()
			}
		})
	}
	beside(20*time.Millisecond, &writes, func() error {
		_, _, err := db.Write(ctx, d, func(tx *db.Tx) (int, error) {
			p, err := v.NewPerson(tx)
			if err != nil {
				return 0, err
			}
			_, err = v.Seal(tx, p.ID, benchField, p.ID, []byte("Åsa Öberg"))
			return 0, err
		})
		return err
	})
	beside(5*time.Millisecond, &reads, func() error {
		id := ids[rand.IntN(n)]
		_, err := db.Read(ctx, d, func(q *db.Reader) (int, error) {
			var sealed []byte
			if err := q.QueryRow(`SELECT contact FROM bench_person WHERE id=$1`, id).Scan(&sealed); err != nil {
				return 0, err
			}
			_, err := v.Open(q, id, benchField, id, sealed)
			return 0, err
		})
		return err
	})
	c0, t0 := cpu(os.Getpid()), time.Now()
	done, err := v.Rewrap(ctx)
	took, used := time.Since(t0), cpu(os.Getpid())-c0
	stop()
	wg.Wait()
	if err != nil {
		return err
	}
	row(fmt.Sprintf("%s: %d data keys re-wrapped, online", name, done), fmt.Sprintf("%.1f s (%.0f/s, %s CPU each with the load); a million in %.1f min", took.Seconds(), float64(done)/took.Seconds(), us(used/time.Duration(max(done, 1))), took.Minutes()*1e6/float64(max(done, 1))), "10 min a million")
	row("    beside it: new persons; openings; failed", fmt.Sprintf("%d, p50 %s, p99 %s; %d, p50 %s, p99 %s; %d", len(writes), ms(at(writes, 50)), ms(at(writes, 99)), len(reads), ms(at(reads, 50)), ms(at(reads, 99)), failed.Load()), "none failed")

	// The bare baseline: the same number of bytes moved by the same statement, without a cipher, over a tenth.
	bare := min(n, 100_000)
	t1 := time.Now()
	for from := 0; from < bare; from += 200 {
		if _, _, err := db.WriteBulk(ctx, d, func(tx *db.Tx) (int, error) {
			for _, id := range ids[from:min(from+200, bare)] {
				var b []byte
				if err := tx.QueryRow(`SELECT contact FROM bench_person WHERE id=$1`, id).Scan(&b); err != nil {
					return 0, err
				}
				if _, err := tx.Exec(`UPDATE bench_person SET contact=$2 WHERE id=$1`, id, b); err != nil {
					return 0, err
				}
			}
			return 0, nil
		}); err != nil {
			return err
		}
	}
	row("    bare: as many rows read and written, without cipher or load", fmt.Sprintf("%.0f/s", float64(bare)/time.Since(t1).Seconds()), "beside it")
	return nil
}

// at is a percentile; it sorts.
func at(d []time.Duration, p int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, len(d)*p/100)]
}

func us(d time.Duration) string { return fmt.Sprintf("%d µs", d.Microseconds()) }
