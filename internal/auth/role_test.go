package auth

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// fresh is a member with rights and a new proof.
func fresh(id db.ID, rs ...Right) By {
	b := StaffBy(id, "192.0.2.0/24", rs)
	b.FreshUntil = time.Now().Add(time.Hour)
	return b
}

func (w *world) role(by By, id db.ID, version int64, name string, rs ...Right) (db.ID, error) {
	return Act(ctx, w.d, by, "role.put", entityRole, id, func(tx *db.Tx) (db.ID, error) { return w.a.PutRole(tx, by, id, version, name, rs) })
}

func (w *world) roles(by By) []Role {
	w.t.Helper()
	rs, err := db.Read(ctx, w.d, func(q *db.Reader) ([]Role, error) { return w.a.RoleList(q, by) })
	if err != nil {
		w.t.Fatal(err)
	}
	return rs
}

// An own role is made, given, changed and removed by who holds all of it; what it
// holds is what its members may from their next request on.
func TestOwnRoles(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		by := w.by(w.signIn(w.member("owner@example.se", "owner")))
		clerk := fresh(99, StaffWrite, OrdersRead, CatalogRead)
		id, err := w.role(by, 0, 0, "  Packare ", OrdersWrite, OrdersRead)
		if err != nil {
			t.Fatal(err)
		}
		key := "own-" + id.String()
		for name, c := range map[string]struct {
			by      By
			id      db.ID
			version int64
			name    string
			rights  []Right
			code    string
		}{
			"no name": {by, 0, 0, " ", []Right{OrdersRead}, "invalid"}, "no rights": {by, 0, 0, "Tom", nil, "invalid"}, "unknown right": {by, 0, 0, "X", []Right{"all"}, "invalid"}, "an owner's by another name": {by, 0, 0, "Chef", AllRights, "invalid"}, "an owner's, changed": {by, id, 1, "Packare", AllRights, "invalid"}, "twice the same": {by, 0, 0, "X", []Right{OrdersRead, OrdersRead}, "invalid"},
			"the same name": {by, 0, 0, "PACKARE", []Right{OrdersRead}, "invalid"}, "above himself": {clerk, 0, 0, "Mer", []Right{OrdersRead, RefundsWrite}, "denied"}, "one above him": {clerk, id, 1, "Packare", []Right{OrdersRead}, "denied"},
			"a version ago": {by, id, 0, "Packare", []Right{OrdersRead}, "changed_meanwhile"}, "none": {by, 7, 1, "Y", []Right{OrdersRead}, "not_found"}, "built in": {by, -1, 1, "Y", []Right{OrdersRead}, "not_found"},
			"stale": {StaffBy(98, "", AllRights), 0, 0, "Z", []Right{OrdersRead}, "step_up"}, "token": {TokenBy(98, "", AllRights), 0, 0, "Z", []Right{OrdersRead}, "denied"}, "without the right": {fresh(97, OrdersRead), 0, 0, "Z", []Right{OrdersRead}, "denied"},
		} {
			_, err := w.role(c.by, c.id, c.version, c.name, c.rights...)
			want(t, name, err, c.code)
		}
		bo := w.member("bo@example.se", "reader")
		want(t, "above him", w.do(func(tx *db.Tx) error { return w.a.SetRole(tx, clerk, bo.id, key) }), "denied")
		want(t, "give", w.do(func(tx *db.Tx) error { return w.a.SetRole(tx, by, bo.id, key) }), "")
		s := w.signIn(bo)
		if b := w.by(s); !slices.Equal(b.Rights(), []Right{OrdersRead, OrdersWrite}) {
			t.Fatal(b.Rights())
		}
		_, tok, err := w.token(System("test.token"), OrdersRead)
		if err != nil {
			t.Fatal(err)
		}
		w.exec(`UPDATE auth_token SET made_by=$1`, bo.id)
		if _, err := w.role(by, id, 1, "Packare", OrdersWrite, CatalogRead); err != nil {
			t.Fatal(err)
		}
		if b := w.by(s); !slices.Equal(b.Rights(), []Right{CatalogRead, OrdersWrite}) {
			t.Error("the next request has", b.Rights())
		}
		if b, err := w.a.ResolveToken(ctx, tok, ""); err != nil || b.Has(OrdersRead) {
			t.Error("his token has", b.Rights(), err)
		}
		want(t, "remove in use", w.do(func(tx *db.Tx) error { return w.a.RemoveRole(tx, by, id) }), "role_in_use")
		want(t, "remove above him", w.do(func(tx *db.Tx) error { return w.a.RemoveRole(tx, clerk, id) }), "denied")
		for _, r := range w.roles(by) {
			if r.Key == key && (r.Name != "Packare" || r.Members != 1 || r.Version != 2) || r.Key == "owner" && r.Members != 1 {
				t.Errorf("%+v", r)
			}
		}
		want(t, "take back", w.do(func(tx *db.Tx) error { return w.a.SetRole(tx, by, bo.id, "reader") }), "")
		want(t, "remove", w.do(func(tx *db.Tx) error { return w.a.RemoveRole(tx, by, id) }), "")
		want(t, "give what is gone", w.do(func(tx *db.Tx) error { return w.a.SetRole(tx, by, bo.id, key) }), "invalid")
		want(t, "remove again", w.do(func(tx *db.Tx) error { return w.a.RemoveRole(tx, by, id) }), "not_found")
	})
}

// Nobody widens the role that he has himself, and who gets more by a change counts as
// a second person from tomorrow on.
func TestOwnRoleOfOneself(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		owner := w.by(w.signIn(w.member("owner@example.se", "owner")))
		id, err := w.role(owner, 0, 0, "Chef", StaffWrite, CatalogRead, OrdersRead)
		if err != nil {
			t.Fatal(err)
		}
		bo := w.member("bo@example.se", "own-"+id.String())
		by := w.by(w.signIn(bo))
		_, err = w.role(by, id, 1, "Chef", StaffWrite, CatalogRead)
		want(t, "his own role", err, "own_role")
		if n := w.count(`SELECT count(*) FROM auth_staff WHERE id=$1 AND standing_at > $2`, bo.id, time.Now()); n != 0 {
			t.Error("control: he stands")
		}
		if _, err = w.role(owner, id, 1, "Chef", StaffWrite, CatalogRead); err != nil {
			t.Fatal(err)
		}
		if n := w.count(`SELECT count(*) FROM auth_staff WHERE id=$1 AND standing_at > $2`, bo.id, time.Now()); n != 0 {
			t.Error("fewer rights took his standing")
		}
		if _, err = w.role(owner, id, 2, "Chef", StaffWrite, CatalogRead, SettingsWrite); err != nil {
			t.Fatal(err)
		}
		if n := w.count(`SELECT count(*) FROM auth_staff WHERE id=$1 AND standing_at > $2`, bo.id, time.Now()); n != 1 {
			t.Error("more rights and he stands at once")
		}
	})
}

// A role is given and removed at the same moment: either he has it and it is there,
// or it is gone and nobody has it. On PostgreSQL by two processes.
func TestRoleGivenAndRemoved(t *testing.T) {
	eachTwo(t, func(w, other *world) {
		by := System("test.roles")
		bo := w.member("bo@example.se", "reader")
		for i := range 12 {
			id, err := w.role(by, 0, 0, fmt.Sprint("Roll ", i), CatalogRead)
			if err != nil {
				w.t.Fatal(err)
			}
			errs := w.both(
				func() error {
					return db.Do(ctx, w.d, func(tx *db.Tx) error { return w.a.SetRole(tx, by, bo.id, "own-"+id.String()) })
				},
				func() error {
					return db.Do(ctx, other.d, func(tx *db.Tx) error { return other.a.RemoveRole(tx, by, id) })
				})
			there := w.count(`SELECT count(*) FROM auth_role WHERE id=$1`, id)
			has := w.count(`SELECT count(*) FROM auth_staff WHERE role=$1`, "own-"+id.String())
			if there != has || (errs[0] == nil) == (errs[1] == nil) {
				w.t.Fatalf("role there %d, given %d: %v", there, has, errs)
			}
			if has == 1 {
				w.exec(`UPDATE auth_staff SET role='reader' WHERE id=$1`, bo.id)
			}
		}
	})
}

// both runs two functions at the same moment.
func (w *world) both(fns ...func() error) []error {
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i, fn := range fns {
		wg.Go(func() { <-start; errs[i] = fn() })
	}
	close(start)
	wg.Wait()
	return errs
}

// Whoever gives, edits or takes whatever to whomever: nobody's rights exceed those of
// who acted, unless they were there before.
func TestNobodyGivesMoreThanHeHas(t *testing.T) {
	each(t, func(w *world) {
		someRights := rapid.SliceOfDistinct(rapid.SampledFrom(AllRights), func(r Right) Right { return r })
		n := 0
		rapid.Check(w.t, func(rt *rapid.T) {
			n++
			giver := fresh(w.id(), append(someRights.Draw(rt, "giver"), StaffWrite)...)
			wanted := someRights.Draw(rt, "wanted")
			id, err := w.role(giver, 0, 0, fmt.Sprint("Roll ", n), wanted...)
			may := len(wanted) > 0 && len(wanted) < len(AllRights) && giver.Covers(wanted)
			if (err == nil) != may {
				rt.Fatalf("%v made %v: %v", giver.Rights(), wanted, err)
			}
			if err == nil {
				more := someRights.Draw(rt, "more")
				_, err := w.role(giver, id, 1, fmt.Sprint("Roll ", n), more...)
				if may := len(more) > 0 && len(more) < len(AllRights) && giver.Covers(more); (err == nil) != may {
					rt.Fatalf("%v changed it to %v: %v", giver.Rights(), more, err)
				}
			}
			_, _, err = w.token(giver, wanted...)
			if err == nil && !giver.Covers(wanted) {
				rt.Fatalf("%v made a token with %v", giver.Rights(), wanted)
			}
			_, err = w.invite(giver, fmt.Sprintf("m%d@example.se", n), "orders")
			if (err == nil) != giver.Covers(Roles["orders"]) {
				rt.Fatalf("%v invited: %v", giver.Rights(), err)
			}
			if err != nil && fault.As(err) == nil {
				rt.Fatal(err)
			}
		})
	})
}
