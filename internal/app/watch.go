package app

import (
	"context"
	"errors"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/ops/incident"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/support"
)

// businessFor is how long after an order or a question it is usual to open a person: delivery,
// 14 days of withdrawal and the goods on their way back.
const businessFor = 60 * 24 * time.Hour

// watch is what the audit log watches, with the bounds that two people set in the office.
func (a *App) watch() audit.Watch {
	return audit.Watch{
		Bounds: func(q db.Q) (staff, token audit.Bounds, err error) {
			b, err := content.Alarms(q)
			return audit.Bounds{audit.RuleHour: int(b.StaffHour), audit.RuleDay: int(b.StaffDay), audit.RuleIdle: int(b.IdleHour)},
				audit.Bounds{audit.RuleHour: int(b.TokenHour), audit.RuleDay: int(b.TokenDay), audit.RuleIdle: audit.TokenBounds[audit.RuleIdle]}, err
		},
		Business: business,
		Raising:  asIncident,
		Raised: func(x audit.Alarm) {
			a.Log.Warn("an alarm of the audit log", "rule", string(x.Rule), "actor_kind", x.ActorKind, "actor", x.ActorID.String(), "persons", x.Persons, "alarm", x.ID.String())
		},
	}
}

// jobIncident opens an incident of an alarm; its ref is the alarm.
const jobIncident = "audit.incident"

// asIncident has an incident opened of an alarm about somebody's readings. It is a job of its own,
// so that the log is sealed whether or not an incident can be written.
func asIncident(tx *db.Tx, x audit.Alarm) error {
	if x.ActorKind == "" { // about the log itself
		return nil
	}
	_, err := job.Enqueue(tx, job.Spec{Kind: jobIncident, Ref: x.ID})
	return err
}

// openIncident opens the incident of an alarm. The alarms of one reader within an hour are one.
func (a *App) openIncident(ctx context.Context, j job.Job) error {
	return db.Do(ctx, a.DB, func(tx *db.Tx) error {
		x, err := audit.AlarmByID(tx, j.Ref)
		if err != nil {
			return err
		}
		_, err = a.Incidents.Open(tx, auth.System("audit"), incident.Readings, incident.Facts{Place: "/admin/audit", Key: x.ActorKind + ":" + x.ActorID.String(), Window: time.Hour})
		return err
	})
}

// business: the person of a reading has an order that is not sent or was placed in the last
// two months, or a question that is open or as young. Of what else is opened (a return, a
// payment, a request) the row itself is the business.
func business(q db.Q, r audit.Access) (bool, error) {
	recent := func(at time.Time) bool { return q.LegalNow().Sub(at) < businessFor || q.Now().Sub(at) < businessFor }
	ofOrder := func(o order.Order) bool { return o.State == order.Placed && !o.IsShipped() || recent(o.PlacedAt) }
	switch r.Entity {
	case "order":
		o, err := order.ByID(q, r.EntityID)
		if errors.Is(err, db.ErrNotFound) {
			return false, nil
		}
		return err == nil && ofOrder(o), err
	case "case":
		c, err := support.ByID(q, r.EntityID)
		if errors.Is(err, db.ErrNotFound) {
			return false, nil
		}
		return err == nil && (c.State.Waits() || recent(c.Opened)), err
	case "customer":
		os, err := order.OfCustomers(q, auth.System("audit"), []db.ID{r.EntityID}, 5)
		for _, o := range os {
			if ofOrder(o) {
				return true, nil
			}
		}
		return false, err
	}
	return true, nil
}

// readingsKept is how long readings are kept: what is done, and what customers are told.
func (a *App) readingsKept() time.Duration {
	if d := a.Config.Audit.ReadingsDays; d > 0 {
		return time.Duration(d) * 24 * time.Hour
	}
	return audit.KeepReadings
}

// checkLog verifies the whole log each day, and counts the readings of the last days each hour.
func (a *App) checkLog() {
	a.Jobs.Every("audit.verify", 24*time.Hour, job.Opts{Limit: 2 * time.Hour}, func(ctx context.Context, _ job.Job) error {
		_, err := a.Audit.Check(ctx, audit.VerifyOptions{})
		return err
	})
	a.Jobs.Every("audit.count", time.Hour, job.Opts{}, func(ctx context.Context, _ job.Job) error { return db.Do(ctx, a.DB, audit.Count) })
}

// keepReadings removes readings whose time is out, each day.
func (a *App) keepReadings() {
	keep := a.readingsKept()
	a.Jobs.Every("audit.expire", 24*time.Hour, job.Opts{}, func(ctx context.Context, _ job.Job) error {
		_, err := audit.Expire(ctx, a.DB, keep)
		return err
	})
}
