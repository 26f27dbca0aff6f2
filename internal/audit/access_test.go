package audit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

func TestAccess(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		read := func(a Access) bool {
			t.Helper()
			fresh, _, err := db.Write(ctx, d, func(tx *db.Tx) (bool, error) { return RecordAccess(tx, a) })
			if err != nil {
				t.Fatal(err)
			}
			return fresh
		}
		a := Access{ActorKind: "staff", ActorID: 5, Person: 7, Kinds: []string{"name", "address", "name"}, Entity: "order", EntityID: 9, Reason: "order_handling"}
		if !read(a) {
			t.Error("the first reading is not recorded")
		}
		a.Kinds = []string{"address", "name"}
		if read(a) {
			t.Error("the same page loaded again is a second reading")
		}
		for name, change := range map[string]func(*Access){
			"another reader": func(a *Access) { a.ActorID = 6 }, "a token": func(a *Access) { a.ActorKind = "token" }, "more": func(a *Access) { a.Kinds = append(a.Kinds, "phone") },
			"another order": func(a *Access) { a.EntityID = 10 }, "another reason": func(a *Access) { a.Reason = "packing" }, "another person": func(a *Access) { a.Person = 8 },
		} {
			b := a
			change(&b)
			if !read(b) {
				t.Errorf("%s: not recorded", name)
			}
		}
		// After a while it is a new one.
		if err := db.Do(ctx, d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE audit_access SET at=$1`, tx.Now().Add(-2*accessAgain))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if !read(a) {
			t.Error("later: not recorded")
		}
		got, err := db.Read(ctx, d, func(q *db.Reader) ([]Access, error) { return Accesses(q, 7, 0, 100) })
		if err != nil || len(got) != 7 || got[0].Reason != "order_handling" || len(got[0].Kinds) != 2 || got[0].Kinds[0] != "address" || got[0].At.IsZero() {
			t.Errorf("%d %+v %v", len(got), got, err)
		}
		next, err := db.Read(ctx, d, func(q *db.Reader) ([]Access, error) { return Accesses(q, 7, got[1].ID, 2) })
		if err != nil || len(next) != 2 || next[0].ID != got[2].ID {
			t.Errorf("paging: %+v %v", next, err)
		}
		for name, bad := range map[string]Access{
			"nobody": {ActorKind: "staff", ActorID: 5, Kinds: []string{"name"}, Entity: "order", Reason: "x"}, "no kinds": {ActorKind: "staff", ActorID: 5, Person: 7, Entity: "order", Reason: "x"},
			"a sentence": {ActorKind: "staff", ActorID: 5, Person: 7, Kinds: []string{"name"}, Entity: "order", Reason: "Anna Ek ringde"}, "no reader": {ActorKind: "staff", Person: 7, Kinds: []string{"name"}, Entity: "order", Reason: "x"},
		} {
			if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := RecordAccess(tx, bad); return err }); err == nil {
				t.Errorf("%s: recorded", name)
			}
		}
	})
}

func TestHandover(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		hand := func(person db.ID, who, entity string, id db.ID, kinds ...string) bool {
			t.Helper()
			fresh, _, err := db.Write(ctx, d, func(tx *db.Tx) (bool, error) { return RecordHandover(tx, person, who, kinds, entity, id) })
			if err != nil {
				t.Fatal(err)
			}
			return fresh
		}
		if !hand(7, "mail", "person", 7, "email") || !hand(7, "klarna", "purchase", 3, "name", "address") || !hand(7, "stripe", "purchase", 3, "name", "address") || !hand(8, "mail", "person", 8, "email") {
			t.Error("a hand-over is not recorded")
		}
		// However long ago it was, the next letter is the same hand-over.
		if err := db.Do(ctx, d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE audit_access SET at=$1`, tx.Now().Add(-300*24*time.Hour))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if hand(7, "mail", "person", 7, "email") || hand(7, "klarna", "purchase", 3, "address", "name") {
			t.Error("the same hand-over is two rows")
		}
		if !hand(7, "mail", "person", 7, "email", "name") {
			t.Error("more kinds are no new hand-over")
		}
		for _, bad := range []string{"", "Klarna Bank AB"} {
			if err := db.Do(ctx, d, func(tx *db.Tx) error {
				_, err := RecordHandover(tx, 7, bad, []string{"name"}, "purchase", 1)
				return err
			}); err == nil {
				t.Errorf("%q: recorded", bad)
			}
		}
	})
}

// A human being is several persons: his list is one, in order, page by page.
func TestReadingsOfSeveralPersons(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		for i := range 25 {
			if err := db.Do(ctx, d, func(tx *db.Tx) error {
				_, err := RecordAccess(tx, Access{ActorKind: "staff", ActorID: 5, ActorName: "support", Person: db.ID(i%4 + 1), Kinds: []string{"name"}, Entity: "order", EntityID: db.ID(i + 1), Reason: "order_handling"})
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		var got []Access
		for cursor := db.ID(0); ; {
			page, err := db.Read(ctx, d, func(q *db.Reader) ([]Access, error) { return Readings(q, []db.ID{1, 2, 3}, cursor, 4) })
			if err != nil || len(page) > 4 {
				t.Fatal(len(page), err)
			}
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			cursor = page[len(page)-1].ID
		}
		if len(got) != 19 {
			t.Errorf("%d readings of persons 1 to 3, want 19", len(got))
		}
		for i, a := range got {
			if a.Person == 4 || a.ActorName != "support" || i > 0 && a.ID >= got[i-1].ID {
				t.Errorf("%d: %+v", i, a)
			}
		}
		list := func(f ReadingFilter) int {
			as, err := db.Read(ctx, d, func(q *db.Reader) ([]Access, error) { return ListReadings(q, f, 0, 100) })
			if err != nil {
				t.Fatal(err)
			}
			return len(as)
		}
		hour := time.Now().Add(-time.Hour)
		for _, c := range []struct {
			f    ReadingFilter
			want int
		}{{ReadingFilter{}, 25}, {ReadingFilter{ActorKind: "staff", ActorID: 5}, 25}, {ReadingFilter{ActorKind: "staff", ActorID: 6}, 0}, {ReadingFilter{Reason: "order_handling"}, 25}, {ReadingFilter{Reason: "packing"}, 0},
			{ReadingFilter{From: hour}, 25}, {ReadingFilter{To: hour}, 0}, {ReadingFilter{From: hour, To: time.Now().Add(time.Hour)}, 25}} {
			if n := list(c.f); n != c.want {
				t.Errorf("%+v: %d", c.f, n)
			}
		}
	})
}

// Two who read the same at the same instant are one reading, whoever is first and whether or not his
// transaction holds; hand-overs too. None is lost and none is double.
func TestReadingsAtTheSameInstant(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		staff := Access{ActorKind: "staff", ActorID: 5, ActorName: "support", Person: 7, Kinds: []string{"name"}, Entity: "order", EntityID: 9, Reason: "order_handling"}
		undone := errors.New("undone")
		for i, record := range []func(tx *db.Tx) (bool, error){
			func(tx *db.Tx) (bool, error) { return RecordAccess(tx, staff) },
			func(tx *db.Tx) (bool, error) {
				return RecordHandover(tx, 8, "stripe", []string{"email"}, "purchase", 3)
			},
		} {
			person := db.ID(7 + i)
			rows := func() (n int) {
				t.Helper()
				n, err := db.Read(ctx, d, func(q *db.Reader) (n int, err error) {
					err = q.QueryRow(`SELECT count(*) FROM audit_access a JOIN audit_log_leaf l ON l.id=a.id WHERE a.person_id=$1`, person).Scan(&n)
					return
				})
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			if d.Engine() == db.Postgres {
				// The first has recorded and not ended when the second comes; first it is undone, then it holds.
				for want, end := range []error{undone, nil} {
					second := make(chan bool, 1)
					err := db.Do(ctx, d, func(tx *db.Tx) error {
						fresh, err := record(tx)
						if err != nil || !fresh {
							t.Errorf("the first: %v %v", fresh, err)
						}
						go func() {
							fresh, _, err := db.Write(ctx, d, record)
							if err != nil {
								t.Error(err)
							}
							second <- fresh
						}()
						waiting(t, d, second)
						return end
					})
					if !errors.Is(err, end) {
						t.Fatal(err)
					}
					if fresh := <-second; fresh != (end != nil) || rows() != 1 {
						t.Fatalf("the first ended with %v: the second is new: %v; %d rows", end, fresh, rows())
					}
					if want == 0 { // begin again
						if err := db.Do(ctx, d, func(tx *db.Tx) error {
							_, err := tx.Exec(`DELETE FROM audit_access WHERE person_id=$1`, person)
							return err
						}); err != nil {
							t.Fatal(err)
						}
					}
				}
				continue
			}
			var wg sync.WaitGroup
			var fresh atomic.Int64
			for range 16 {
				wg.Go(func() {
					f, _, err := db.Write(ctx, d, record)
					if err != nil {
						t.Error(err)
					}
					if f {
						fresh.Add(1)
					}
				})
			}
			wg.Wait()
			if rows() != 1 || fresh.Load() != 1 {
				t.Errorf("%d rows, %d new", rows(), fresh.Load())
			}
		}
		if n, err := db.Read(ctx, d, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT count(*) FROM audit_turn`).Scan(&n)
			return
		}); err != nil || n != 0 {
			t.Errorf("%d turns are left: %v", n, err)
		}
	})
}

// waiting returns when the other transaction waits for a lock, or has ended without.
func waiting(t *testing.T, d *db.DB, ended chan bool) {
	for end := time.Now().Add(time.Minute); ; {
		n, err := db.Read(ctx, d, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE datname=current_database() AND wait_event_type='Lock' AND query LIKE '%audit_turn%'`).Scan(&n)
			return
		})
		if err != nil {
			t.Error(err)
			return
		}
		if n > 0 {
			return
		}
		select {
		case f := <-ended:
			ended <- f
			return
		default:
		}
		if time.Now().After(end) {
			t.Error("the second neither waits nor ends")
			return
		}
	}
}
