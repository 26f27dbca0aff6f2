package lesson

import (
	"context"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
)

// Register gives the runner the look: each hour it is noted whom which lesson
// concerns, and who is to be reminded.
func (m *Room) Register(r *job.Runner) {
	r.Every("lesson.look", time.Hour, job.Opts{}, func(ctx context.Context, _ job.Job) error { return m.Look(ctx) })
}

// keepLetter is how long a reminder's row is kept: longer than a letter is tried.
const keepLetter = 30 * day

// Look does one round. It may be run at any time and twice.
func (m *Room) Look(ctx context.Context) error {
	type seen struct {
		members []auth.Member
		needs   []Need
	}
	s, err := db.Read(ctx, m.DB, func(q *db.Reader) (s seen, err error) {
		if s.members, err = m.Auth.Members(q); err == nil {
			s.needs, err = Needs(q)
		}
		return s, err
	})
	if err != nil {
		return err
	}
	for _, x := range s.members {
		if _, _, err := db.WriteBulk(ctx, m.DB, func(tx *db.Tx) (bool, error) { return true, m.look(tx, x, s.needs) }); err != nil {
			return err
		}
	}
	_, _, err = db.WriteBulk(ctx, m.DB, func(tx *db.Tx) (int64, error) {
		return tx.Exec(`DELETE FROM lesson_letter WHERE id < $1`, db.IDAt(tx.Now().Add(-keepLetter)))
	})
	return err
}

// look brings the rows of a member up to date and asks for one letter where a stage was
// reached of which he has not been told.
func (m *Room) look(tx *db.Tx, x auth.Member, needs []Need) error {
	rows, err := states(tx, x.ID)
	if err != nil {
		return err
	}
	now, due := tx.Now(), tx.Now().Add(firstTime)
	for _, l := range concerning(x.Rights, needs) {
		s, has := rows[l.ID]
		delete(rows, l.ID)
		switch {
		case !has:
			_, err = tx.Exec(`INSERT INTO lesson_state (member_id, lesson, version, concerns, since, due_at, passed_version, passed_at, tries, told) VALUES ($1,$2,$3,1,$4,$5,0,NULL,0,0) ON CONFLICT (member_id, lesson) DO NOTHING`,
				x.ID, l.ID, l.Version, now, due)
		case s.version != l.Version || !s.concerns:
			// A pass of the version that stands counts, also one from before it concerned him.
			_, err = tx.Exec(`UPDATE lesson_state SET version=$3, concerns=1, since=$4, due_at=$5, tries=0, told=0 WHERE member_id=$1 AND lesson=$2 AND version=$6`,
				x.ID, l.ID, l.Version, now, dueAt(now, s.passed, s.passedVersion >= l.Version), s.version)
		}
		if err != nil {
			return err
		}
	}
	for id, s := range rows { // what concerns him no more
		if !s.concerns {
			continue
		}
		if _, err := tx.Exec(`UPDATE lesson_state SET concerns=0, tries=0, told=0 WHERE member_id=$1 AND lesson=$2`, x.ID, id); err != nil {
			return err
		}
	}
	return tell(tx, x.ID)
}

// stage is how far a lesson has come: 0 nothing to say, 1 due within a week, 2 due, then
// one more each week.
func stage(now, due time.Time) int64 {
	switch {
	case now.Before(due.Add(-remind)):
		return 0
	case now.Before(due):
		return 1
	}
	return 2 + int64(now.Sub(due)/remind)
}

// tell asks for one letter about everything that is due, if anything has come further
// than the member was told. The guarded update lets one of two looks ask.
func tell(tx *db.Tx, member db.ID) error {
	rows, err := states(tx, member)
	if err != nil {
		return err
	}
	var news int64
	for _, s := range rows {
		at := stage(tx.Now(), s.due)
		if !s.concerns || at <= s.told {
			continue
		}
		n, err := tx.Exec(`UPDATE lesson_state SET told=$3 WHERE member_id=$1 AND lesson=$2 AND told < $3 AND due_at=$4`, member, s.lesson, at, s.due)
		if err != nil {
			return err
		}
		news += n
	}
	if news == 0 {
		return nil
	}
	id := tx.NewID()
	if _, err := tx.Exec(`INSERT INTO lesson_letter (id, member_id, made_at) VALUES ($1,$2,$3)`, id, member, tx.Now()); err != nil {
		return err
	}
	_, err = job.Enqueue(tx, job.Spec{Kind: JobRemind, Ref: id})
	return err
}

// Letter is a letter to a member. The button leads to a path of the office.
type Letter struct {
	To      string
	Lang    lang.Lang
	Subject string
	mail.Letter
}

// Remind writes the reminder of a row; ok is false when there is nothing left to remind
// of, or nobody.
func (m *Room) Remind(q db.Q, ref db.ID) (out Letter, ok bool, err error) {
	var member db.ID
	if err := q.QueryRow(`SELECT member_id FROM lesson_letter WHERE id=$1`, ref).Scan(&member); err != nil {
		if err == db.ErrNotFound {
			err = nil
		}
		return out, false, err
	}
	to, l, ok, err := m.Auth.MemberMail(q, member)
	if err != nil || !ok {
		return out, false, err
	}
	rows, err := states(q, member)
	if err != nil {
		return out, false, err
	}
	var pairs []mail.Pair
	late := 0
	for _, x := range all {
		s, has := rows[x.ID]
		if !has || !s.concerns || stage(q.Now(), s.due) == 0 {
			continue
		}
		when := lang.T(l, "lesson.mail.due", "date", lang.Date(l, s.due))
		if !q.Now().Before(s.due) {
			late++
			when = lang.T(l, "lesson.mail.late", "date", lang.Date(l, s.due))
		}
		pairs = append(pairs, mail.Pair{Key: x.In(l).Title, Value: when})
	}
	if len(pairs) == 0 {
		return out, false, nil
	}
	key := "lesson.mail.soon"
	if late > 0 {
		key = "lesson.mail.now"
	}
	out = Letter{To: to.Email, Lang: l, Subject: lang.T(l, key+".subject"), Letter: mail.Letter{Lang: l, Title: lang.T(l, key+".title"), Parts: []mail.Part{
		{Text: lang.T(l, "lesson.mail.text")}, {Pairs: pairs}, {Button: &mail.Button{Label: lang.T(l, "lesson.mail.go"), URL: "/admin/lessons"}}}, Foot: []string{lang.T(l, "lesson.mail.why")}}}
	return out, true, nil
}
