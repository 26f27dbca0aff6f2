package incident

import (
	"context"
	"errors"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
)

// Register gives the runner this room's work.
func (m *Room) Register(r *job.Runner) {
	r.Handle(JobTell, job.Opts{}, func(ctx context.Context, j job.Job) error { return m.Tell(ctx, j.Ref) })
	r.Every("incident.sweep", 24*time.Hour, job.Opts{}, func(ctx context.Context, _ job.Job) error { return m.Sweep(ctx) })
}

// Tell asks for a letter to each owner and to each member with incidents.write, once.
func (m *Room) Tell(ctx context.Context, id db.ID) error {
	members, err := db.Read(ctx, m.DB, func(q *db.Reader) ([]auth.Member, error) { return m.Auth.Members(q) })
	if err != nil {
		return err
	}
	return db.Do(ctx, m.DB, func(tx *db.Tx) error {
		for _, x := range members {
			if x.Role != "owner" && !slices.Contains(x.Rights, auth.IncidentsWrite) {
				continue
			}
			letter := tx.NewID()
			n, err := tx.Exec(`INSERT INTO incident_letter (id, incident_id, member_id) VALUES ($1,$2,$3) ON CONFLICT (incident_id, member_id) DO NOTHING`, letter, id, x.ID)
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			if _, err := job.Enqueue(tx, job.Spec{Kind: JobMail, Ref: letter}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Letter is a letter to a member. The button leads to a path of the office.
type Letter struct {
	To      string
	Lang    lang.Lang
	Subject string
	mail.Letter
}

// Mail writes the letter of a row. It says when, what sort and where, and nothing that
// anybody wrote. ok is false for who is no longer there.
func (m *Room) Mail(q db.Q, ref db.ID) (out Letter, ok bool, err error) {
	var id, member db.ID
	err = q.QueryRow(`SELECT incident_id, member_id FROM incident_letter WHERE id=$1`, ref).Scan(&id, &member)
	if errors.Is(err, db.ErrNotFound) {
		return out, false, nil
	}
	if err != nil {
		return out, false, err
	}
	to, l, ok, err := m.Auth.MemberMail(q, member)
	if err != nil || !ok {
		return out, false, err
	}
	i, err := byID(q, id)
	if err != nil {
		return out, false, err
	}
	pairs := []mail.Pair{{Key: lang.T(l, "incident.mail.when"), Value: lang.DateTime(l, i.Opened)}, {Key: lang.T(l, "incident.mail.severity"), Value: lang.T(l, "incident.severity."+string(i.Severity))}}
	if i.Place != "" {
		pairs = append(pairs, mail.Pair{Key: lang.T(l, "incident.mail.place"), Value: Shown(i.Place)})
	}
	key := "incident.mail." + string(i.Kind)
	out = Letter{To: to.Email, Lang: l, Subject: lang.T(l, key+".subject"), Letter: mail.Letter{Lang: l, Title: lang.T(l, key+".subject"), Parts: []mail.Part{
		{Text: lang.T(l, key+".text")}, {Pairs: pairs}, {Button: &mail.Button{Label: lang.T(l, "incident.mail.go"), URL: "/admin/incidents/" + id.String()}}}, Foot: []string{lang.T(l, "incident.mail.why")}}}
	return out, true, nil
}

// Sweep destroys the words of what was closed long ago; states and times stay.
func (m *Room) Sweep(ctx context.Context) error {
	for {
		n, _, err := db.WriteBulk(ctx, m.DB, func(tx *db.Tx) (int, error) {
			type row struct{ id, person db.ID }
			rows, err := db.All(tx, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.person); return },
				`UPDATE incident_record SET swept_at=$2, version=version+1 WHERE id IN (SELECT id FROM incident_record WHERE closed_at < $1 AND swept_at IS NULL AND closed_at IS NOT NULL ORDER BY closed_at LIMIT $3) AND state='closed' AND swept_at IS NULL RETURNING id, person_id`,
				tx.Now().Add(-keep), tx.Now(), sweepStep)
			if err != nil {
				return 0, err
			}
			for _, x := range rows {
				if _, err := tx.Exec(`UPDATE incident_line SET said=NULL WHERE incident_id=$1 AND said IS NOT NULL`, x.id); err != nil {
					return 0, err
				}
				if err := m.Vault.Erase(tx, x.person); err != nil {
					return 0, err
				}
			}
			return len(rows), nil
		})
		if err != nil || n < sweepStep {
			return err
		}
	}
}
