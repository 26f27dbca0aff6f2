package audit

import (
	"context"
	"testing"

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
