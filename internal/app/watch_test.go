package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/ops/incident"
	"kassavalv/internal/shop/content"
)

// An alarm about somebody's readings opens an incident, one for each reader and hour; one
// about the log itself opens none.
func TestAlarmOfReadingsOpensAnIncident(t *testing.T) {
	dbtest.Each(t, Migrations, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ctx := t.Context()
		a := &App{DB: d, Vault: w.Vault, Auth: w.auth, Log: slog.New(slog.DiscardHandler), Jobs: job.NewRunner(d, slog.New(slog.DiscardHandler))}
		w.Do(func(tx *db.Tx) error {
			was, err := content.Alarms(tx)
			if err != nil {
				return err
			}
			is := was
			is.StaffHour, is.TokenHour, is.IdleHour, is.StaffDay = 4, 4, 3, 6
			return content.SetAlarms(tx, auth.System("test"), was, is)
		})
		a.people()
		a.peopleWork(a.letters())
		l, err := audit.OpenLog(ctx, d, audit.Options{Origin: "shop.example/log", Keys: w.Vault.LogSigner, Watch: a.watch()})
		if err != nil {
			t.Fatal(err)
		}
		// look has a reader open n persons without business, from the person first.
		look := func(kind string, reader, first, n int) {
			w.Do(func(tx *db.Tx) error {
				for i := range n {
					p := db.ID(first + i)
					if _, err := audit.RecordAccess(tx, audit.Access{ActorKind: kind, ActorID: db.ID(reader), Person: p, Kinds: []string{"name"}, Entity: "order", EntityID: p, Reason: "order_handling"}); err != nil {
						return err
					}
				}
				return nil
			})
			if _, err := l.Seal(ctx); err != nil {
				t.Fatal(err)
			}
		}
		look("staff", 5, 100, 4)  // the hour, and without business
		look("staff", 6, 100, 2)  // nothing
		look("token", 5, 100, 4)  // a reader of its own with the same number
		look("staff", 5, 104, 10) // the day: the first reader again
		if err := l.RaiseBroken(ctx); err != nil {
			t.Fatal(err)
		}
		type count struct{ waiting, dead, alarms, incidents int }
		counted := func() count {
			c, err := db.Read(ctx, d, func(q *db.Reader) (c count, err error) {
				err = errors.Join(
					q.QueryRow(`SELECT count(*) FROM job_job WHERE kind=$1 AND state='queued'`, jobIncident).Scan(&c.waiting),
					q.QueryRow(`SELECT count(*) FROM job_job WHERE kind=$1 AND state='dead'`, jobIncident).Scan(&c.dead),
					q.QueryRow(`SELECT count(*) FROM audit_alarm WHERE actor_kind <> ''`).Scan(&c.alarms),
					q.QueryRow(`SELECT count(*) FROM incident_record`).Scan(&c.incidents))
				return
			})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		if c := counted(); c.alarms != 4 || c.waiting != 4 || c.incidents != 0 {
			t.Fatalf("%+v: want four alarms about readings, a job for each", c)
		}
		if err := a.Jobs.Start(ctx); err != nil {
			t.Fatal(err)
		}
		defer a.Jobs.Stop(context.WithoutCancel(ctx))
		for end := time.Now().Add(time.Minute); counted().waiting > 0; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("nobody takes the jobs: %+v", counted())
			}
		}
		if c := counted(); c.dead != 0 || c.incidents != 2 {
			t.Fatalf("%+v: want an incident for each of two readers", c)
		}
		type gate struct {
			key  string
			id   db.ID
			left time.Duration
		}
		gates, err := db.Read(ctx, d, func(q *db.Reader) ([]gate, error) {
			return db.All(q, func(r *db.Rows) (g gate, err error) {
				var until, opened time.Time
				err = r.Scan(&g.key, &g.id, &until, &opened)
				g.left = until.Sub(opened)
				return
			}, `SELECT g.gate_key, g.incident_id, g.until_at, r.opened_at FROM incident_gate g JOIN incident_record r ON r.id=g.incident_id ORDER BY g.gate_key`)
		})
		if err != nil || len(gates) != 2 || gates[0].key != "readings:staff:5" || gates[1].key != "readings:token:5" || gates[0].left != time.Hour || gates[1].left != time.Hour {
			t.Errorf("%+v %v", gates, err)
		}
		for i, want := range []int{3, 1} {
			lines, err := db.Read(ctx, d, func(q *db.Reader) ([]incident.Line, error) {
				return a.Incidents.Lines(q, auth.StaffBy(7, "", auth.AllRights), gates[i].id)
			})
			if err != nil || len(lines) != want {
				t.Errorf("%s: %d lines, want %d: %v", gates[i].key, len(lines), want, err)
			}
		}
		in, err := db.Read(ctx, d, func(q *db.Reader) (incident.Incident, error) {
			return a.Incidents.One(q, auth.StaffBy(7, "", auth.AllRights), gates[0].id)
		})
		if err != nil || in.Kind != incident.Readings || in.Place != "/admin/audit" || in.State != incident.Open {
			t.Errorf("%+v %v", in, err)
		}
		if _, err := db.Read(ctx, d, func(q *db.Reader) (incident.Incident, error) {
			return a.Incidents.One(q, auth.StaffBy(8, "", auth.Roles["orders"]), gates[0].id)
		}); !fault.Is(err, "not_found") {
			t.Errorf("a packer reads who is watched: %v", err)
		}
	})
}
