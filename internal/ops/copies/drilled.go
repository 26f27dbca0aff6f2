package copies

import (
	"embed"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"kassavalv/internal/db"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's table. It is written by drills alone, a row each: the way of
// a copy never writes to the database.
var Migrations = db.Migrations{Room: "copies", FS: migrationsFS}

// drillsKept is how long results stay: the chart shows 90 days.
const drillsKept = 91 * 24 * time.Hour

// story is what a result holds beside its figures.
type story struct {
	Steps    []Step    `json:"steps,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	Notes    []string  `json:"notes,omitempty"`
}

// maxTold bounds the findings of one result: a site of which everything is damaged has a
// hundred thousand.
const maxTold = 100

// Record keeps the result of a drill.
func Record(tx *db.Tx, r Result) error {
	if r.State != Ok && r.State != Failed && r.State != Inconclusive || r.Site == "" || r.Started.IsZero() {
		return errors.New("copies: that is no result of a drill")
	}
	t := story{Steps: r.Steps, Findings: r.Findings, Notes: r.Notes}
	t.Findings = slices.Clone(t.Findings[:min(len(t.Findings), maxTold)])
	code(t.Findings)
	t.Notes = t.Notes[:min(len(t.Notes), maxTold)]
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	cold := 0
	if r.Cold {
		cold = 1
	}
	if _, err := tx.Exec(`INSERT INTO copies_drill (id, site, cold, state, started_at, took, epoch, tx, newest_at, rpo, rto, size, fetched, objects, told)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)`, tx.NewID(), r.Site, cold, string(r.State), r.Started, r.Took.Microseconds(), int64(r.Epoch), int64(r.TX), r.Newest,
		r.RPO.Microseconds(), r.RTO.Microseconds(), r.Size, r.Fetched, r.Objects, string(b)); err != nil {
		return err
	}
	_, err = tx.Exec(`DELETE FROM copies_drill WHERE started_at < $1`, tx.Now().Add(-drillsKept))
	return err
}

// Drills are the results since a time, the newest first.
func Drills(q db.Q, since time.Time) ([]Result, error) {
	return db.All(q, readDrill, `SELECT site, cold, state, started_at, took, epoch, tx, newest_at, rpo, rto, size, fetched, objects, told
		FROM copies_drill WHERE started_at >= $1 ORDER BY started_at DESC, id DESC`, since)
}

// LastProven is when a drill last ended ok, of any site; zero when none has in 90 days.
func LastProven(q db.Q) (at time.Time, err error) {
	err = q.QueryRow(`SELECT started_at FROM copies_drill WHERE state='ok' ORDER BY started_at DESC LIMIT 1`).Scan(&at)
	if errors.Is(err, db.ErrNotFound) {
		return time.Time{}, nil
	}
	return at, err
}

// Proven is when a drill of each site last ended ok; a site of which none has in the time that
// results are kept is missing.
func Proven(q db.Q) (map[string]time.Time, error) {
	rows, err := q.Query(`SELECT site, max(started_at) FROM copies_drill WHERE state='ok' GROUP BY site`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]time.Time{}
	for rows.Next() {
		var site string
		var at time.Time
		if err := rows.Scan(&site, &at); err != nil {
			return nil, err
		}
		out[site] = at
	}
	return out, rows.Err()
}

func readDrill(rows *db.Rows) (r Result, err error) {
	var state, told string
	var took, epoch, tx, rpo, rto int64
	var cold int
	if err := rows.Scan(&r.Site, &cold, &state, &r.Started, &took, &epoch, &tx, &r.Newest, &rpo, &rto, &r.Size, &r.Fetched, &r.Objects, &told); err != nil {
		return r, err
	}
	us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	r.Cold, r.State, r.Took, r.Epoch, r.TX, r.RPO, r.RTO = cold == 1, State(state), us(took), uint32(epoch), uint64(tx), us(rpo), us(rto)
	var t story
	if err := json.Unmarshal([]byte(told), &t); err != nil {
		return r, err
	}
	r.Steps, r.Findings, r.Notes = t.Steps, t.Findings, t.Notes
	return r, nil
}

// Proof is how well a site is proven.
type Proof struct {
	Site string
	Last *Result   // the newest drill; nil: none in 90 days
	Good *Result   // the newest that ended ok
	Due  time.Time // when the next is to have ended ok; after it, Late
	Late bool      // no drill has ended ok for more than twice the interval: an alarm
}

// Proofs tells for each of sites when its return was last proven. since is when drills were
// first due there: a site that was never drilled is late, too, in the end.
func Proofs(q db.Q, sites []string, since map[string]time.Time, every time.Duration, now time.Time) ([]Proof, error) {
	all, err := Drills(q, now.Add(-drillsKept))
	if err != nil {
		return nil, err
	}
	out := make([]Proof, len(sites))
	for i, name := range sites {
		p := Proof{Site: name}
		for k := range all {
			r := &all[k]
			if r.Site != name {
				continue
			}
			if p.Last == nil {
				p.Last = r
			}
			if r.State == Ok && p.Good == nil && !r.Started.After(now) {
				p.Good = r
			}
		}
		from := since[name]
		if p.Good != nil {
			from = p.Good.Started
		}
		p.Due = from.Add(2 * every)
		p.Late = now.After(p.Due)
		out[i] = p
	}
	return out, nil
}
