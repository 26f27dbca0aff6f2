package app

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/secret"
	"kassavalv/internal/shoptest"
)

// A key is turned by hand when a second person has said yes to leaving the very key that is
// current, once, and a job that is tried again makes no further one.
func TestTurnByHand(t *testing.T) {
	ctx := context.Background()
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		w := shoptest.New(t, d)
		a := &App{DB: d, Vault: w.Vault, Log: slog.New(slog.DiscardHandler), Jobs: job.NewRunner(d, slog.New(slog.DiscardHandler))}
		var err error
		if a.Auth, err = auth.New(d, w.Vault, auth.Options{PublicURL: "https://office.example", Issuer: "Prov"}); err != nil {
			t.Fatal(err)
		}
		a.Auth.Carry(auth.ActKeys, func(tx *db.Tx, by auth.By, _ db.ID, _ []byte) error { return a.turnByHand(tx, by) })
		owner := func(name string) auth.By {
			t.Helper()
			key, err := a.Auth.NewTOTP()
			if err != nil {
				t.Fatal(err)
			}
			id, err := a.Auth.SetCredentials(ctx, shoptest.By, auth.Credentials{NewStaff: auth.NewStaff{Email: name + "@butik.example", Name: name, Role: "owner"}, Password: secret.Hide("en lång ramsa om sommaren"), TOTP: key})
			if err != nil {
				t.Fatal(err)
			}
			by := auth.StaffBy(id, "", auth.AllRights)
			by.FreshUntil = time.Now().Add(time.Hour)
			return by
		}
		one, two := owner("ett"), owner("tva")
		turn := func(by auth.By) error { return db.Do(ctx, d, func(tx *db.Tx) error { return a.turnByHand(tx, by) }) }
		waiting := func() (n int) {
			t.Helper()
			n, err := db.Read(ctx, d, func(q *db.Reader) (n int, err error) {
				err = q.QueryRow(`SELECT count(*) FROM job_job WHERE kind=$1 AND ended_at IS NULL`, jobTurn).Scan(&n)
				return
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		stale, token := one, auth.TokenBy(7, "", auth.AllRights)
		stale.FreshUntil = time.Time{}
		for code, by := range map[string]auth.By{"denied": auth.StaffBy(one.ID, "", []auth.Right{auth.SettingsWrite, auth.AuditRead}), "step_up": stale, "needs_person": token, "second_person": one} {
			if err := turn(by); !fault.Is(err, code) {
				t.Errorf("%v, want %s", err, code)
			}
		}
		if n := waiting(); n != 0 {
			t.Fatalf("%d are to be turned, and nobody said yes", n)
		}
		ask := func() auth.Approval {
			t.Helper()
			k, ok := auth.Wanted(turn(one))
			if !ok || k.Was != a.currentEpoch().Name {
				t.Fatalf("%+v", k)
			}
			p, _, err := db.Write(ctx, d, func(tx *db.Tx) (auth.Approval, error) { return a.Auth.Ask(tx, one, k) })
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		p := ask()
		if _, err := a.Auth.Approve(ctx, one, p.ID, p.Digest); !fault.Is(err, "denied") {
			t.Errorf("his own yes: %v", err)
		}
		if done, err := a.Auth.Approve(ctx, two, p.ID, p.Digest); err != nil || !done || waiting() != 1 {
			t.Fatalf("%v %v, %d are to be turned", done, err, waiting())
		}
		if _, err := a.Auth.Approve(ctx, two, p.ID, p.Digest); err == nil {
			t.Error("one yes is used twice")
		}
		before := a.currentEpoch()
		for range 2 { // the job is tried again
			if err := a.turnAsked(ctx, before.Number); err != nil {
				t.Fatal(err)
			}
		}
		if cur := a.currentEpoch(); cur.Number != before.Number+1 {
			t.Errorf("the epoch %d became %d", before.Number, cur.Number)
		}
		left, err := db.Read(ctx, d, func(q *db.Reader) (int64, error) { p, err := w.Vault.Progress(q); return p.Left, err })
		if err != nil || left != 0 {
			t.Errorf("%d under the old key, %v", left, err)
		}
		// A yes to leaving a key that has been left meanwhile does nothing.
		p = ask()
		if err := w.Vault.NewEpoch(ctx); err != nil {
			t.Fatal(err)
		}
		was := waiting()
		if done, err := a.Auth.Approve(ctx, two, p.ID, p.Digest); done || err == nil || waiting() != was {
			t.Errorf("the key before it is turned: %v %v", done, err)
		}
		acts, err := db.Read(ctx, d, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT count(*) FROM audit_entry WHERE action IN ('keys.turn', 'keys.turned') AND outcome='done'`).Scan(&n)
			return
		})
		if err != nil || acts != 3 { // asked once, carried out twice
			t.Errorf("%d acts, %v", acts, err)
		}
	})
}
