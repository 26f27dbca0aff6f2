package fulfilment_test

import (
	"context"
	"testing"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/fulfilment/local"
)

func TestNamedCarriers(t *testing.T) {
	dbtest.Each(t, []db.Migrations{audit.Migrations, fulfilment.Migrations}, func(t *testing.T, d *db.DB) {
		ctx, owner := context.Background(), auth.StaffBy(1, "", auth.Roles["owner"])
		put := func(by auth.By, n fulfilment.Named) error {
			return db.Do(ctx, d, func(tx *db.Tx) error { return fulfilment.PutCarrier(tx, by, n) })
		}
		cs := fulfilment.Carriers{"local": fulfilment.NewGuard(local.New(), fulfilment.Options{Template: "https://local.example/{number}"})}
		follow := func(key, number string) string {
			t.Helper()
			var name, to string
			if _, err := db.Read(ctx, d, func(q *db.Reader) (bool, error) {
				var err error
				name, to, err = cs.Follow(q, key, number)
				return true, err
			}); err != nil {
				t.Fatal(err)
			}
			return name + " " + to
		}
		good := fulfilment.Named{Key: "posten", Name: "Posten", Template: "https://posten.example/spara?id={number}", Active: true}
		for name, change := range map[string]func(*fulfilment.Named){
			"no key": func(n *fulfilment.Named) { n.Key = "" }, "a path": func(n *fulfilment.Named) { n.Key = "../x" }, "no name": func(n *fulfilment.Named) { n.Name = " " }, "an override": func(n *fulfilment.Named) { n.Name = "Post\u202een" },
			"plain http": func(n *fulfilment.Named) { n.Template = "http://posten.example/{number}" }, "a script": func(n *fulfilment.Named) { n.Template = "javascript:alert({number})" },
			"no number": func(n *fulfilment.Named) { n.Template = "https://posten.example/" }, "a host": func(n *fulfilment.Named) { n.Template = "https://{number}.example/" }, "a user": func(n *fulfilment.Named) { n.Template = "https://a@posten.example/{number}" },
		} {
			n := good
			change(&n)
			if err := put(owner, n); !fault.Is(err, "invalid") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := put(auth.StaffBy(2, "", auth.Roles["orders"]), good); !fault.Is(err, "denied") {
			t.Errorf("without the right: %v", err)
		}
		if err := put(owner, good); err != nil {
			t.Fatal(err)
		}
		if err := put(owner, good); !fault.Is(err, "code_taken") {
			t.Errorf("twice: %v", err)
		}
		for in, want := range map[[2]string]string{
			{"posten", "AB 12-3"}: "Posten https://posten.example/spara?id=AB12-3", {"posten", "<b>"}: "Posten ", {"posten", ""}: "Posten ", {"other", "1"}: " ", {"", "1"}: " ", {"local", "LK1"}: " https://local.example/LK1",
		} {
			if got := follow(in[0], in[1]); got != want {
				t.Errorf("%v: %q, want %q", in, got, want)
			}
		}
		// What the merchant sets goes before what the program brought; a stale form loses.
		if err := put(owner, fulfilment.Named{Key: "local", Name: "Bud", Template: "https://bud.example/{number}", Active: true}); err != nil {
			t.Fatal(err)
		}
		if got := follow("local", "LK1"); got != "Bud https://bud.example/LK1" {
			t.Error(got)
		}
		good.Version, good.Template = 1, ""
		if err := put(owner, good); err != nil {
			t.Fatal(err)
		}
		if got := follow("posten", "1"); got != "Posten " {
			t.Error(got)
		}
		if err := put(owner, good); !fault.Is(err, "changed_meanwhile") {
			t.Errorf("stale: %v", err)
		}
		es, err := db.Read(ctx, d, func(q *db.Reader) ([]audit.Entry, error) {
			return audit.List(q, audit.Filter{Action: "carrier.put"}, 0, 10)
		})
		if err != nil || len(es) != 3 {
			t.Errorf("%d rows in the log, %v", len(es), err)
		}
	})
}
