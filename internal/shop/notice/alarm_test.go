package notice_test

import (
	"slices"
	"strings"
	"testing"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/stock"
)

// An alarm is told to each owner once, and to nobody else; the letter names nobody.
func TestAlarmLetters(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, m := range []struct{ mail, role string }{{"agare@butik.example", "owner"}, {"andra@butik.example", "owner"}, {"stod@butik.example", "support"}} {
			key, err := w.auth.NewTOTP()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.auth.SetCredentials(ctx, auth.System("test.credentials"), auth.Credentials{NewStaff: auth.NewStaff{Email: m.mail, Name: "Kim " + m.role, Role: m.role}, Password: secret.Hide("korrekt häst batteri"), TOTP: key}); err != nil {
				t.Fatal(err)
			}
		}
		log, err := audit.OpenLog(ctx, w.DB, audit.Options{Origin: "shop.example/log", Keys: w.Vault.LogSigner, Watch: audit.Watch{Staff: audit.Bounds{audit.RuleHour: 2}}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			w.Do(func(tx *db.Tx) error {
				_, err := audit.RecordAccess(tx, audit.Access{ActorKind: "staff", ActorID: 5, ActorName: "support", Person: db.ID(900 + i), Kinds: []string{"name"}, Entity: "order", EntityID: 7, Reason: "packing"})
				return err
			})
		}
		if _, err := log.Seal(ctx); err != nil {
			t.Fatal(err)
		}
		w.until(`SELECT count(*) FROM job_job WHERE state='queued' AND kind='audit.alarm'`)
		w.last(2)
		to := map[string]int{}
		for _, l := range w.settled() {
			to[l.to]++
			says(t, "alarm", l.Text, "2 olika personer inom en timme", base+"/admin/audit?show=alarms", "Gränsen är 2")
			never(t, "alarm", l.Text, "Kim", "{n}", "{at}", "{bound}")
		}
		if len(to) != 2 || to["agare@butik.example"] != 1 || to["andra@butik.example"] != 1 {
			t.Errorf("%v", to)
		}
	})
}

// To whom a buyer's details went is on record: the payment partner by purchase, the mail relay
// once, however many letters there are. An invoice of the shop's own goes to no partner.
func TestHandoversAreOnRecord(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		v := w.Product(24900, 5)
		for method, want := range map[string][]string{"card": {"card order purchase", "mail email person"}, "invoice": {"mail email person"}} {
			o := w.buy(method, lang.SV, stock.Line{Variant: v, Quantity: 1})
			w.settled()
			w.Do(func(tx *db.Tx) error {
				_, err := mail.Queue(tx, mail.Spec{Kind: checkout.JobPlaced, RefKind: "order", Ref: o.ID, Person: o.Person, Lang: lang.SV})
				return err
			})
			w.settled()
			as, err := db.Read(ctx, w.DB, func(q *db.Reader) ([]audit.Access, error) { return audit.Accesses(q, o.Person, 0, 100) })
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range as {
				got = append(got, a.ActorName+" "+strings.Join(a.Kinds, " ")+" "+a.Entity)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", method, got, want)
			}
		}
	})
}
