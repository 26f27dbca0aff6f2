package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/job"
)

// JobAlarm tells the owners of an alarm; its ref is the alarm.
const JobAlarm = "audit.alarm"

// Rule is what an alarm is about.
type Rule string

// The rules.
const (
	RuleHour      Rule = "hour"      // many different persons opened within an hour
	RuleDay       Rule = "day"       // within a day
	RuleIdle      Rule = "idle"      // persons without business with the shop opened within an hour
	RuleBackdated Rule = "backdated" // a row that says it is older than what was sealed before it
	RuleBroken    Rule = "broken"    // the log is not what was signed
)

var windows = map[Rule]time.Duration{RuleHour: time.Hour, RuleDay: 24 * time.Hour, RuleIdle: time.Hour}

// Bounds are the numbers of different persons in a window at which an alarm is raised; 0:
// never.
type Bounds map[Rule]int

// The usual bounds. A member of customer service who opens one person a minute for a whole hour does
// not handle cases any more, and somebody who packs that fast wants the bound moved by the owner; 200 a
// day are 25 in each of eight hours. An integration fetches the orders of a busy
// day: ten times as many. Persons without an order under way, a recent one or a question
// are opened now and then, not ten times in an hour.
var (
	StaffBounds = Bounds{RuleHour: 60, RuleDay: 200, RuleIdle: 10}
	TokenBounds = Bounds{RuleHour: 600, RuleDay: 3000, RuleIdle: 60}
)

// Watch says what is watched. The zero Watch raises no alarm about readings.
type Watch struct {
	Staff, Token Bounds
	// Bounds gives those that hold now, in place of Staff and Token. Nil: those.
	Bounds func(q db.Q) (staff, token Bounds, err error)
	// Business tells whether the person of a reading has business with the shop, as the
	// rooms see it: an order under way or a recent one, an open question. Nil: everybody has.
	Business func(q db.Q, a Access) (bool, error)
	// Raising is asked in the transaction of each alarm: what it writes is there if the alarm is.
	Raising func(tx *db.Tx, a Alarm) error
	// Raised is told each alarm once it is committed.
	Raised func(a Alarm)
}

// Alarm is a durable fact that somebody must look at.
type Alarm struct {
	ID        db.ID
	Rule      Rule
	ActorKind string // empty for the log itself
	ActorID   db.ID
	ActorName string // the role, as of a reading
	From, To  time.Time
	Persons   int64 // different persons in the window
	Bound     int64 // as it was set
	About     db.ID // the row, of RuleBackdated
	Raised    time.Time
	// Acknowledged: zero until a member of staff has seen to it.
	Acknowledged   time.Time
	AcknowledgedBy db.ID
	Note           string
}

// AlarmNotes are the words an alarm may be acknowledged with.
var AlarmNotes = []string{"expected", "talked", "stopped", "mistake", "investigated"}

// watch looks at the readings among leaves that are being sealed. Sealers take turns, so what is
// counted is everything that any process committed, each once.
func (l *Log) watch(tx *db.Tx, leaves []leaf, signedAt int64) error {
	type actor struct {
		kind string
		id   db.ID
	}
	bounds, err := l.bounds(tx, leaves)
	if err != nil {
		return err
	}
	since := map[actor]time.Time{}
	roles := map[actor]string{}
	for _, x := range leaves {
		if x.fresh && signedAt > 0 && x.at < signedAt-slack.Microseconds() {
			if err := l.raise(tx, Alarm{Rule: RuleBackdated, From: time.UnixMicro(x.at), To: time.UnixMicro(x.at), About: x.id}); err != nil {
				return err
			}
		}
		if x.kind != leafReading || !x.fresh {
			continue // what was before the log is no news
		}
		as, err := db.All(tx, scanAccess, `SELECT `+accessColumns+` FROM audit_access WHERE id=$1`, x.id)
		if err != nil {
			return err
		}
		if len(as) == 0 || bounds[as[0].ActorKind] == nil {
			continue
		}
		a := as[0]
		k := actor{a.ActorKind, a.ActorID}
		if t, ok := since[k]; !ok || a.At.Before(t) {
			since[k] = a.At
		}
		roles[k] = a.ActorName
		if l.o.Watch.Business == nil {
			continue
		}
		if busy, err := l.o.Watch.Business(tx, a); err != nil {
			return err
		} else if !busy {
			if _, err := tx.Exec(`INSERT INTO audit_idle (id, at, actor_kind, actor_id, person_id) VALUES ($1,$2,$3,$4,$5)`, a.ID, a.At, a.ActorKind, a.ActorID, a.Person); err != nil {
				return err
			}
		}
	}
	order := func(a, b actor) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id)) }
	var actors []actor
	for k := range since {
		actors = append(actors, k)
	}
	slices.SortFunc(actors, order)
	for _, k := range actors {
		for _, rule := range []Rule{RuleHour, RuleDay, RuleIdle} {
			a := Alarm{Rule: rule, ActorKind: k.kind, ActorID: k.id, ActorName: roles[k], Bound: int64(bounds[k.kind][rule])}
			if a.Bound <= 0 {
				continue
			}
			if err := l.count(tx, a, since[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// bounds are those that hold now, by kind of actor. They are read only where there is a
// reading to count.
func (l *Log) bounds(tx *db.Tx, leaves []leaf) (map[string]Bounds, error) {
	w := l.o.Watch
	staff, token := w.Staff, w.Token
	if w.Bounds != nil && slices.ContainsFunc(leaves, func(x leaf) bool { return x.kind == leafReading && x.fresh }) {
		var err error
		if staff, token, err = w.Bounds(tx); err != nil {
			return nil, err
		}
	}
	return map[string]Bounds{"staff": staff, "token": token}, nil
}

// opening is a person opened at an instant.
type opening struct {
	at     time.Time
	person db.ID
}

// count raises the alarms of one rule and actor for readings at or after since.
func (l *Log) count(tx *db.Tx, a Alarm, since time.Time) error {
	window := windows[a.Rule]
	var last time.Time
	err := tx.QueryRow(`SELECT to_at FROM audit_alarm WHERE rule=$1 AND actor_kind=$2 AND actor_id=$3 ORDER BY to_at DESC LIMIT 1`, string(a.Rule), a.ActorKind, a.ActorID).Scan(&last)
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return err
	}
	// Once for each window: while that of the last alarm runs, nobody counts.
	quiet := time.Time{}
	if !last.IsZero() {
		quiet = last.Add(window)
	}
	if !tx.Now().After(quiet) && since.Before(quiet) {
		return nil
	}
	table := `audit_access`
	if a.Rule == RuleIdle {
		table = `audit_idle`
	}
	// Keys are made after the instant of their transaction, so none of the window is below.
	os, err := db.All(tx, func(r *db.Rows) (o opening, err error) { err = r.Scan(&o.at, &o.person); return },
		`SELECT at, person_id FROM `+table+` WHERE actor_kind=$1 AND actor_id=$2 AND id >= $3`, a.ActorKind, a.ActorID, db.IDAt(since.Add(-window)))
	if err != nil {
		return err
	}
	for _, w := range crowded(os, window, int(a.Bound), since, quiet) {
		a.From, a.To, a.Persons = w.to.Add(-window), w.to, int64(w.persons)
		if err := l.raise(tx, a); err != nil {
			return err
		}
	}
	return nil
}

type crowd struct {
	to      time.Time
	persons int
}

// crowded finds the windows (to-window, to] that end with an opening at or after since and hold
// bound different persons or more, the earliest first; after each, and before quiet, none for
// the length of a window.
func crowded(os []opening, window time.Duration, bound int, since, quiet time.Time) (out []crowd) {
	slices.SortFunc(os, func(a, b opening) int { return a.at.Compare(b.at) })
	in := map[db.ID]int{}
	first := 0
	for i, o := range os {
		in[o.person]++
		for !os[first].at.After(o.at.Add(-window)) {
			if in[os[first].person]--; in[os[first].person] == 0 {
				delete(in, os[first].person)
			}
			first++
		}
		if i+1 < len(os) && os[i+1].at.Equal(o.at) {
			continue // all of an instant together
		}
		if len(in) >= bound && !o.at.Before(since) && !o.at.Before(quiet) {
			out = append(out, crowd{o.at, len(in)})
			quiet = o.at.Add(window)
		}
	}
	return out
}

// raise writes an alarm, its act in the log, and the job that tells the owners.
func (l *Log) raise(tx *db.Tx, a Alarm) error {
	a.ID, a.Raised = tx.NewID(), tx.Now()
	n, err := tx.Exec(`INSERT INTO audit_alarm (id, rule, actor_kind, actor_id, actor_name, from_at, to_at, persons, bound, about_id, raised_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)
		ON CONFLICT (rule, actor_kind, actor_id, to_at, about_id) DO NOTHING`,
		a.ID, string(a.Rule), a.ActorKind, a.ActorID, a.ActorName, a.From, a.To, a.Persons, a.Bound, a.About, a.Raised)
	if err != nil || n == 0 {
		return err
	}
	what := string(a.Rule)
	if a.ActorKind != "" {
		what += fmt.Sprintf(" %s %s, %d persons, bound %d", a.ActorKind, a.ActorID, a.Persons, a.Bound)
	}
	if err := Record(tx, Entry{ActorKind: "system", ActorName: JobAlarm, Action: "alarm.raise", Entity: "alarm", EntityID: a.ID, New: what}); err != nil {
		return err
	}
	if _, err := job.Enqueue(tx, job.Spec{Kind: JobAlarm, Ref: a.ID, Key: a.ID.String()}); err != nil {
		return err
	}
	if l.o.Watch.Raising != nil {
		if err := l.o.Watch.Raising(tx, a); err != nil {
			return err
		}
	}
	if l.o.Watch.Raised != nil {
		tx.AfterCommit(func() { l.o.Watch.Raised(a) })
	}
	return nil
}

// RaiseBroken raises the alarm that the log is not what was signed, once a day.
func (l *Log) RaiseBroken(ctx context.Context) error {
	return db.Do(ctx, l.d, func(tx *db.Tx) error {
		day := tx.Now().Truncate(24 * time.Hour)
		return l.raise(tx, Alarm{Rule: RuleBroken, From: day, To: day})
	})
}

const alarmColumns = `id, rule, actor_kind, actor_id, actor_name, from_at, to_at, persons, bound, about_id, raised_at, acknowledged_at, acknowledged_by, note`

func scanAlarm(r interface{ Scan(...any) error }) (a Alarm, err error) {
	err = r.Scan(&a.ID, (*string)(&a.Rule), &a.ActorKind, &a.ActorID, &a.ActorName, &a.From, &a.To, &a.Persons, &a.Bound, &a.About, &a.Raised, &a.Acknowledged, &a.AcknowledgedBy, &a.Note)
	return
}

// Alarms lists alarms, newest first, with ids below cursor (0: from the newest), at most
// limit (1 to 200). open: only those nobody has acknowledged.
func Alarms(q db.Q, open bool, cursor db.ID, limit int) ([]Alarm, error) {
	if cursor <= 0 {
		cursor = 1<<63 - 1
	}
	where := ""
	if open {
		where = " AND acknowledged_at IS NULL"
	}
	return db.All(q, func(r *db.Rows) (Alarm, error) { return scanAlarm(r) }, `SELECT `+alarmColumns+` FROM audit_alarm WHERE id < $1`+where+` ORDER BY id DESC LIMIT $2`, cursor, min(max(limit, 1), 200))
}

// AlarmByID is one alarm; db.ErrNotFound.
func AlarmByID(q db.Q, id db.ID) (Alarm, error) {
	return scanAlarm(q.QueryRow(`SELECT `+alarmColumns+` FROM audit_alarm WHERE id=$1`, id))
}

// OpenAlarms counts what nobody has acknowledged.
func OpenAlarms(q db.Q) (n int64, err error) {
	err = q.QueryRow(`SELECT count(*) FROM audit_alarm WHERE acknowledged_at IS NULL`).Scan(&n)
	return
}

// Acknowledge notes that somebody has seen to an alarm, with one of AlarmNotes, and records it as
// by's act (auth.By.Entry). db.ErrConflict where somebody was first, db.ErrNotFound for no
// alarm.
func Acknowledge(tx *db.Tx, by Entry, id db.ID, word string) error {
	if !slices.Contains(AlarmNotes, word) {
		return fmt.Errorf("audit: %q is no note", word)
	}
	n, err := tx.Exec(`UPDATE audit_alarm SET acknowledged_at=$2, acknowledged_by=$3, note=$4 WHERE id=$1 AND acknowledged_at IS NULL`, id, tx.Now(), by.ActorID, word)
	if err != nil {
		return err
	}
	if n == 0 {
		if _, err := AlarmByID(tx, id); err != nil {
			return err
		}
		return db.ErrConflict
	}
	by.Action, by.Entity, by.EntityID, by.New = "alarm.acknowledge", "alarm", id, word
	return Record(tx, by)
}

// Tell notes whom a letter about an alarm goes to and returns a row for each, the same
// when it is called again.
func Tell(tx *db.Tx, alarm db.ID, staff []db.ID) (map[db.ID]db.ID, error) {
	out := map[db.ID]db.ID{}
	for _, s := range staff {
		if _, err := tx.Exec(`INSERT INTO audit_told (id, alarm_id, staff_id) VALUES ($1,$2,$3) ON CONFLICT (alarm_id, staff_id) DO NOTHING`, tx.NewID(), alarm, s); err != nil {
			return nil, err
		}
		var id db.ID
		if err := tx.QueryRow(`SELECT id FROM audit_told WHERE alarm_id=$1 AND staff_id=$2`, alarm, s).Scan(&id); err != nil {
			return nil, err
		}
		out[s] = id
	}
	return out, nil
}

// Told is the alarm and the member of a letter.
func Told(q db.Q, id db.ID) (a Alarm, staff db.ID, err error) {
	var alarm db.ID
	if err = q.QueryRow(`SELECT alarm_id, staff_id FROM audit_told WHERE id=$1`, id).Scan(&alarm, &staff); err == nil {
		a, err = AlarmByID(q, alarm)
	}
	return
}
