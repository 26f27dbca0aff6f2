package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
)

// Several nodes turn the same epoch at once, while buyers come and persons are erased: one epoch key is kept, every living value opens
// on every node, and no erased one comes back.
func TestSeveralNodesTurnAtOnce(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		first, k := vault(t, d)
		start := time.Now()
		nodes := []*Vault{first}
		for range 2 {
			v, err := Open(ctx, d, k)
			if err != nil {
				t.Fatal(err)
			}
			nodes = append(nodes, v)
		}
		type sealed struct {
			p db.ID
			b []byte
		}
		var living, erased []sealed
		for i := range 900 {
			p := person(t, d, first)
			s := sealed{p, sealFor(t, d, first, p, fieldA, 1, p.String())}
			if i%9 == 0 {
				erased = append(erased, s)
			} else {
				living = append(living, s)
			}
		}
		for _, v := range nodes {
			v.now = func() time.Time { return start.Add(31 * 24 * time.Hour) }
		}
		var wg sync.WaitGroup
		for _, v := range nodes {
			wg.Go(func() {
				if err := v.Turn(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		var more []sealed
		wg.Go(func() {
			for _, s := range erased {
				if err := db.Do(ctx, d, func(tx *db.Tx) error { return nodes[1].Erase(tx, s.p) }); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for i := range 50 {
				p := person(t, d, nodes[i%3])
				more = append(more, sealed{p, sealFor(t, d, nodes[i%3], p, fieldA, 1, p.String())})
			}
		})
		wg.Wait()
		for _, v := range nodes { // the next hour's: whoever came in between is wrapped anew too
			if err := v.Turn(ctx); err != nil {
				t.Fatal(err)
			}
		}
		list, err := k.List(ctx)
		if err != nil || strings.Count(fmt.Sprint(list), "epoch-") != 2 {
			t.Fatal("epoch keys:", list, err)
		}
		for i, v := range nodes {
			if p, err := db.Read(ctx, d, func(q *db.Reader) (Progress, error) { return v.Progress(q) }); err != nil || p.Left != 0 || p.Living != int64(len(living)+len(more)) || p.Erased != int64(len(erased)) {
				t.Errorf("node %d: %+v %v", i, p, err)
			}
			for _, s := range append(append([]sealed{}, living...), more...) {
				if got, err := openFor(d, v, s.p, fieldA, 1, s.b); err != nil || got != s.p.String() {
					t.Fatalf("node %d, person %s: %q %v", i, s.p, got, err)
				}
			}
			for _, s := range erased {
				if got, err := openFor(d, v, s.p, fieldA, 1, s.b); !errors.Is(err, ErrErased) {
					t.Fatalf("node %d, erased person %s: %q %v", i, s.p, got, err)
				}
			}
		}
	})
}

// One damaged row keeps no epoch key alive: it goes along unreadable, and the alarm names it once.
func TestDamagedRowHoldsNothingBack(t *testing.T) {
	d := dbtest.SQLite(t, []db.Migrations{Migrations})
	v, k := vault(t, d)
	var log bytes.Buffer
	v.SetLog(slog.New(slog.NewTextHandler(&log, nil)))
	start := time.Now()
	bad, good := person(t, d, v), person(t, d, v)
	sb, sg := sealFor(t, d, v, bad, fieldA, 1, "Hemligt Namn"), sealFor(t, d, v, good, fieldA, 1, "here")
	err := db.Do(ctx, d, func(tx *db.Tx) error {
		var b []byte
		if err := tx.QueryRow(`SELECT wrapped FROM secret_person WHERE id=$1`, bad).Scan(&b); err != nil {
			return err
		}
		b[40] ^= 1
		_, err := tx.Exec(`UPDATE secret_person SET wrapped=$2 WHERE id=$1`, bad, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	v.cache.drop(bad)
	for _, day := range []int{31, 36} {
		v.now = func() time.Time { return start.Add(time.Duration(day) * 24 * time.Hour) }
		if err := v.Turn(ctx); err != nil {
			t.Fatal("day", day, err)
		}
	}
	if _, err := k.Get(ctx, "epoch-000001"); !errors.Is(err, ErrNoKey) {
		t.Fatal("the old key lives on:", err)
	}
	again, err := Open(ctx, d, k)
	if err != nil {
		t.Fatal(err)
	}
	again.SetLog(slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 {
		if _, err := openFor(d, again, bad, fieldA, 1, sb); !errors.Is(err, ErrBroken) {
			t.Fatal(err)
		}
	}
	if got, err := openFor(d, again, good, fieldA, 1, sg); err != nil || got != "here" {
		t.Fatal(got, err)
	}
	if times, values := again.Unreadable(); times != 3 || values != 1 {
		t.Error("counted", times, values)
	}
	if n := strings.Count(log.String(), "field=test.a"); n != 1 || strings.Contains(log.String(), "Hemligt") {
		t.Errorf("%d lines for one value: %s", n, log.String())
	}
	if val, readable, err := Shown(openFor(d, again, bad, fieldA, 1, sb)); err != nil || readable || val != "" {
		t.Error(val, readable, err)
	}
	if val, readable, err := Shown(openFor(d, again, good, fieldA, 1, sg)); err != nil || !readable || val != "here" {
		t.Error(val, readable, err)
	}
	if _, _, err := Shown(openFor(d, again, 999, fieldA, 1, sg)); !errors.Is(err, ErrNoPerson) {
		t.Error("another failure is none of a field:", err)
	}
}

// failing is a keeper that can be away.
type failing struct {
	Keeper
	away  bool
	other bool
}

func (f *failing) Get(ctx context.Context, name string) (Key, error) {
	if f.away {
		return Key{}, errors.New("connection refused")
	}
	if f.other {
		return NewKey(name, time.Now())
	}
	return f.Keeper.Get(ctx, name)
}

// While the keeper is away the vault goes on for the grace, not a moment longer, and then does nothing at all; an
// answer ends it, a wrong answer does not.
func TestGrace(t *testing.T) {
	d := dbtest.SQLite(t, []db.Migrations{Migrations})
	k, err := CreateFiles(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Init(ctx, d, k); err != nil {
		t.Fatal(err)
	}
	f := &failing{Keeper: k}
	v, err := Open(ctx, d, f)
	if err != nil {
		t.Fatal(err)
	}
	v.SetLog(slog.New(slog.DiscardHandler))
	v.SetGrace(6 * time.Hour)
	start := time.Now()
	at := func(h float64) { v.now = func() time.Time { return start.Add(time.Duration(h * float64(time.Hour))) } }
	p := person(t, d, v)
	s := sealFor(t, d, v, p, fieldA, 1, "x")
	sh, err := v.SealShop(fieldA, 1, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	books, err := v.SealBooks(time.Now().Year(), fieldA, 1, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	acts := map[string]func() error{
		"open": func() error { _, err := openFor(d, v, p, fieldA, 1, s); return err },
		"seal": func() error {
			_, err := db.Read(ctx, d, func(q *db.Reader) ([]byte, error) { return v.Seal(q, p, fieldA, 1, []byte("y")) })
			return err
		},
		"person": func() error { _, _, err := db.Write(ctx, d, v.NewPerson); return err },
		"books":  func() error { _, err := v.SealBooks(time.Now().Year(), fieldA, 1, []byte("y")); return err },
		"opened books": func() error {
			_, err := v.OpenBooks(fieldA, 1, books)
			return err
		},
		"shop":        func() error { _, err := v.SealShop(fieldA, 1, []byte("y")); return err },
		"opened shop": func() error { _, err := v.OpenShop(fieldA, 1, sh); return err },
	}
	check := func(when string, want error) {
		t.Helper()
		for n, f := range acts {
			if err := f(); !errors.Is(err, want) {
				t.Errorf("%s: %s: %v", when, n, err)
			}
		}
	}
	at(1)
	if err := v.Probe(ctx); err != nil {
		t.Fatal(err)
	}
	check("while it answers", nil)
	f.away = true
	at(2)
	if v.Probe(ctx) == nil {
		t.Fatal("an absent keeper answered")
	}
	at(6.9) // it answered last at 1
	v.Probe(ctx)
	if h := v.Health(); !h.Away || h.Over || !h.Until.Equal(start.Add(7*time.Hour)) || h.Says == "" {
		t.Errorf("%+v", h)
	}
	check("within the grace", nil)
	at(7)
	check("after it", ErrAway)
	if f := fault.As(acts["open"]()); f == nil || f.Code != "keys" || f.Kind.Status() != 503 {
		t.Error("not made for people:", f)
	}
	f.away, f.other = false, true
	if v.Probe(ctx) == nil {
		t.Error("another key was taken for the keeper's")
	}
	check("another's answer", ErrAway)
	f.other = false
	if err := v.Probe(ctx); err != nil {
		t.Fatal(err)
	}
	check("back", nil)
	if h := v.Health(); h.Away || h.Over {
		t.Errorf("%+v", h)
	}
}

// The key of a year goes by itself when its time is out, and not a day before; a broken
// financial year keeps it a year longer.
func TestYearsGoByThemselves(t *testing.T) {
	for _, c := range []struct {
		month time.Month
		kept  int // years after the year of the books
	}{{0, 7}, {time.December, 7}, {time.June, 8}} {
		d := dbtest.SQLite(t, []db.Migrations{Migrations})
		v, _ := vault(t, d)
		v.SetLog(slog.New(slog.DiscardHandler))
		v.SetYearEnd(c.month)
		y := time.Now().Year()
		b, err := v.SealBooks(y, fieldA, 3, []byte("receipt"))
		if err != nil {
			t.Fatal(err)
		}
		end := time.Date(y+c.kept+1, 1, 1, 0, 0, 0, 0, time.UTC)
		if !v.BooksUntil(y).Equal(end) {
			t.Errorf("month %d: kept until %s", c.month, v.BooksUntil(y))
		}
		v.now = func() time.Time { return end.Add(23 * time.Hour) }
		if err := v.Turn(ctx); err != nil {
			t.Fatal(err)
		}
		if got, err := v.OpenBooks(fieldA, 3, b); err != nil || string(got) != "receipt" {
			t.Fatalf("month %d: gone too early: %v", c.month, err)
		}
		v.now = func() time.Time { return end.Add(25 * time.Hour) }
		if err := v.Turn(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := v.OpenBooks(fieldA, 3, b); !errors.Is(err, ErrErased) {
			t.Fatalf("month %d: the books outlive their time: %v", c.month, err)
		}
		for _, x := range v.Years() {
			if x.Year == y {
				t.Error("still listed")
			}
		}
	}
}
