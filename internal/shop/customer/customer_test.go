package customer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
)

var ctx = context.Background()
var ms = []db.Migrations{secret.Migrations, audit.Migrations, Migrations}

func parsed(t *testing.T, email, name string) Contact {
	t.Helper()
	in := good()
	in.Email, in.Name = email, name
	c, err := Parse(in, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func add(t *testing.T, d *db.DB, v *secret.Vault, c Contact) Customer {
	t.Helper()
	out, _, err := db.Write(ctx, d, func(tx *db.Tx) (Customer, error) { return New(tx, v, c, "2026-11") })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var support = auth.StaffBy(7, "192.0.2.0/24", auth.Roles["support"])

func ids(t *testing.T, d *db.DB, fn func(q db.Q) ([]db.ID, error)) []db.ID {
	t.Helper()
	out, err := db.Read(ctx, d, func(q *db.Reader) ([]db.ID, error) { return fn(q) })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestStoreAndFind(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		a := add(t, d, v, parsed(t, "anna@example.se", "Anna Öberg"))
		b := add(t, d, v, parsed(t, "ANNA@example.se", "Anna Ek"))
		c := add(t, d, v, parsed(t, "bo@example.se", "Bo Ek"))
		if a.Person == b.Person {
			t.Error("two guests share a person")
		}
		got, err := db.Read(ctx, d, func(q *db.Reader) (Customer, error) { return Load(q, v, a.ID) })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, got); diff != "" {
			t.Error(diff)
		}
		find := func(by auth.By, s string) []db.ID {
			return ids(t, d, func(q db.Q) ([]db.ID, error) { return FindByEmail(q, v, by, s) })
		}
		if got := find(support, " Anna@Example.se"); !slices.Equal(got, []db.ID{b.ID, a.ID}) {
			t.Error(got)
		}
		for _, s := range []string{"", "anna", "anna@example", "x@example.se", "%", "anna@example.se' OR '1'='1"} {
			if got := find(support, s); len(got) != 0 {
				t.Errorf("%q finds %v", s, got)
			}
		}
		if got := ids(t, d, func(q db.Q) ([]db.ID, error) { return FindByPhone(q, v, support, "0701740605") }); len(got) != 3 {
			t.Error(got)
		}
		if got := ids(t, d, func(q db.Q) ([]db.ID, error) { return FindByPostalCode(q, v, support, "SE", "12345") }); len(got) != 3 {
			t.Error(got)
		}
		// "Ek" stands in the company of all three.
		for s, want := range map[string][]db.ID{"anna": {b.ID, a.ID}, "EK": {c.ID, b.ID, a.ID}, "ek anna": {b.ID, a.ID}, "Öberg": {a.ID}, "oberg": {a.ID}, "bo dotter": {c.ID}, "anna bo": nil, "": nil, "-": nil, "ann": nil} {
			if got := ids(t, d, func(q db.Q) ([]db.ID, error) { return FindByName(q, v, support, s) }); !slices.Equal(got, want) {
				t.Errorf("%q: %v want %v", s, got, want)
			}
		}
		for name, by := range map[string]auth.By{"guest": auth.Guest(""), "nobody": {}, "catalogue": auth.StaffBy(1, "", auth.Roles["catalogue"])} {
			_, err := db.Read(ctx, d, func(q *db.Reader) (int, error) {
				for _, f := range []func() ([]db.ID, error){
					func() ([]db.ID, error) { return FindByEmail(q, v, by, "anna@example.se") },
					func() ([]db.ID, error) { return FindByPhone(q, v, by, "0701740605") },
					func() ([]db.ID, error) { return FindByPostalCode(q, v, by, "SE", "12345") },
					func() ([]db.ID, error) { return FindByName(q, v, by, "anna") },
				} {
					if got, err := f(); !fault.Is(err, "denied") || got != nil {
						t.Error(name, got, err)
					}
				}
				return 0, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := auth.Act(ctx, d, by, "customer.read", "customer", a.ID, func(tx *db.Tx) (Customer, error) { return One(tx, v, by, a.ID, auth.OwnWork()) }); !fault.Is(err, "denied") {
				t.Error(name, err)
			}
		}
	})
}

// No byte of the stored rows may be read without the key.
func TestNothingReadableIsStored(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		add(t, d, v, parsed(t, "anna.canary@example.se", "Annacanary Öberg"))
		_, err := db.Read(ctx, d, func(q *db.Reader) (int, error) {
			rows, err := q.Query(`SELECT contact, email_index, phone_index, postal_index FROM customer_customer`)
			if err != nil {
				return 0, err
			}
			for rows.Next() {
				var cs [4][]byte
				if err := rows.Scan(&cs[0], &cs[1], &cs[2], &cs[3]); err != nil {
					return 0, err
				}
				for _, c := range cs {
					if len(c) < 32 || bytes.Contains(bytes.ToLower(c), []byte("canary")) || bytes.Contains(c, []byte("701740605")) {
						t.Errorf("%q", c)
					}
				}
			}
			return 0, rows.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Staff see masks until they have opened this very customer.
func TestOneIsMasked(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		a, b := add(t, d, v, parsed(t, "anna@example.se", "Anna Ek")), add(t, d, v, parsed(t, "bo@example.se", "Bo Ek"))
		one := func(id db.ID, leave auth.Opened) (Customer, error) {
			return db.Read(ctx, d, func(q *db.Reader) (Customer, error) { return One(q, v, support, id, leave) })
		}
		for _, leave := range []auth.Opened{{}, auth.Holder(b.Person)} {
			got, err := one(a.ID, leave)
			if err != nil || got.Contact.Name != "A••• E•••" || got.Contact.Email != "a•••@e•••.se" || strings.Contains(fmt.Sprintf("%+v", got.Contact), "nna") || got.Contact.Address.Line1 != "" || got.Contact.Address.PostalCode != "" {
				t.Errorf("%+v %v", got.Contact, err)
			}
		}
		if got, err := one(a.ID, auth.Holder(a.Person)); err != nil || got.Contact.Name != "Anna Ek" {
			t.Error(got, err)
		}
		for _, id := range []db.ID{0, 999} {
			if _, err := one(id, auth.OwnWork()); !fault.Is(err, "not_found") {
				t.Error(err)
			}
		}
	})
}

// Equal addresses are shown beside each other and never made one.
func TestSameMail(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		a, b := add(t, d, v, parsed(t, "anna@example.se", "Anna Ek")), add(t, d, v, parsed(t, "anna@example.se", "A Ek"))
		add(t, d, v, parsed(t, "bo@example.se", "Bo Ek"))
		if got := ids(t, d, func(q db.Q) ([]db.ID, error) { return SameMail(q, support, a.ID) }); !slices.Equal(got, []db.ID{b.ID}) || a.Person == b.Person {
			t.Error(got)
		}
		if _, err := db.Read(ctx, d, func(q *db.Reader) ([]db.ID, error) {
			return SameMail(q, auth.StaffBy(1, "", auth.Roles["catalogue"]), a.ID)
		}); !fault.Is(err, "denied") {
			t.Error(err)
		}
	})
}

func TestCorrectAndErase(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		orders := auth.StaffBy(8, "", auth.Roles["orders"])
		a := add(t, d, v, parsed(t, "anna@example.se", "Anna Ek"))
		other := add(t, d, v, parsed(t, "anna@example.se", "Anna Ek"))
		nc := parsed(t, "anna.new@example.se", "Anna Berg")
		nc.Newsletter = false
		do := func(fn func(tx *db.Tx) error) error { return db.Do(ctx, d, fn) }
		if err := do(func(tx *db.Tx) error { return Correct(tx, v, support, a.ID, 1, nc) }); !fault.Is(err, "denied") {
			t.Error(err)
		}
		raw := nc
		raw.Email = "Anna@Example.se"
		if err := do(func(tx *db.Tx) error { return Correct(tx, v, orders, a.ID, 1, raw) }); !errors.Is(err, ErrNotParsed) {
			t.Error(err)
		}
		if err := do(func(tx *db.Tx) error { return Correct(tx, v, orders, a.ID, 1, nc) }); err != nil {
			t.Fatal(err)
		}
		if err := do(func(tx *db.Tx) error { return Correct(tx, v, orders, a.ID, 1, nc) }); !fault.Is(err, "changed") {
			t.Error("an old version won:", err)
		}
		got, err := db.Read(ctx, d, func(q *db.Reader) (Customer, error) { return Load(q, v, a.ID) })
		if err != nil || got.Contact.Name != "Anna Berg" || !got.Contact.Newsletter || got.Version != 2 {
			t.Error(got, err)
		}
		if got := ids(t, d, func(q db.Q) ([]db.ID, error) { return FindByName(q, v, support, "anna berg") }); len(got) != 1 {
			t.Error(got)
		}
		if got := ids(t, d, func(q db.Q) ([]db.ID, error) { return FindByEmail(q, v, support, "anna@example.se") }); !slices.Equal(got, []db.ID{other.ID}) {
			t.Error("the old address still finds:", got)
		}
		if err := do(func(tx *db.Tx) error { return Erase(tx, v, orders, a.ID) }); !fault.Is(err, "denied") {
			t.Error(err)
		}
		for range 2 {
			if err := do(func(tx *db.Tx) error { return Erase(tx, v, auth.System("privacy.erase"), a.ID) }); err != nil {
				t.Fatal(err)
			}
		}
		if err := do(func(tx *db.Tx) error { return Erase(tx, v, auth.System("privacy.erase"), 999) }); !fault.Is(err, "not_found") {
			t.Error(err)
		}
		if _, err := db.Read(ctx, d, func(q *db.Reader) (Customer, error) { return Load(q, v, a.ID) }); !errors.Is(err, secret.ErrErased) {
			t.Error(err)
		}
		if at, err := db.Read(ctx, d, func(q *db.Reader) (time.Time, error) { return v.ErasedAt(q, a.Person) }); err != nil || at.IsZero() {
			t.Error("the person's key lives on", err)
		}
		for _, f := range []func(q db.Q) ([]db.ID, error){
			func(q db.Q) ([]db.ID, error) { return FindByEmail(q, v, support, "anna.new@example.se") },
			func(q db.Q) ([]db.ID, error) { return FindByName(q, v, support, "berg") },
		} {
			if got := ids(t, d, f); len(got) != 0 {
				t.Error("an erased customer is found", got)
			}
		}
		if got, err := db.Read(ctx, d, func(q *db.Reader) (Customer, error) { return Load(q, v, other.ID) }); err != nil || got.Contact.Email == "" {
			t.Error("the other one went too:", err)
		}
	})
}

func TestConsent(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		no := parsed(t, "anna@example.se", "Anna Ek")
		no.Newsletter = false
		a, b := add(t, d, v, no), add(t, d, v, parsed(t, "bo@example.se", "Bo Ek"))
		yes := func(id db.ID) bool {
			ok, err := db.Read(ctx, d, func(q *db.Reader) (bool, error) { return Consented(q, id, Newsletter) })
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		if yes(a.ID) || !yes(b.ID) || yes(0) {
			t.Error("consent out of nothing, or lost")
		}
		if err := db.Do(ctx, d, func(tx *db.Tx) error { return Consent(tx, b.ID, Newsletter, false, "2026-11") }); err != nil {
			t.Fatal(err)
		}
		if yes(b.ID) {
			t.Error("withdrawn consent holds")
		}
		err := db.Do(ctx, d, func(tx *db.Tx) error {
			_, err := New(tx, v, parsed(t, "x@example.se", "X Ek"), "")
			return err
		})
		if err == nil {
			t.Error("a consent without the words it was given to")
		}
	})
}
