package lesson

import (
	"fmt"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
)

// Asked is a question as a member sees it: the answers in his own order.
type Asked struct {
	Text    string
	Answers []Answer
}

// Ask is the questions of a lesson for a member.
func Ask(l Lesson, s lang.Lang, member db.ID) []Asked {
	t := l.In(s)
	out := make([]Asked, len(t.Questions))
	for i, q := range t.Questions {
		out[i].Text = q.Text
		for _, k := range order(int64(member), l, i) {
			out[i].Answers = append(out[i].Answers, q.Answers[k])
		}
	}
	return out
}

// None is a question that was not answered.
const None = -1

// Result is what came of an attempt.
type Result struct {
	Passed bool
	Right  int   // how many were right
	Tries  int64 // this one included
	Next   time.Time
}

// Attempt judges the answers: for each question the place, in the member's own order, of
// what he chose, or None. All right passes the lesson and writes the record; anything
// else counts a try and changes nothing more. Faults: 404, 409 lesson_changed when the page showed
// another version, 422 with "/q1" and so on for what was not answered.
func (m *Room) Attempt(tx *db.Tx, by auth.By, id string, version int64, chosen []int) (Result, error) {
	if err := needPerson(by); err != nil {
		return Result{}, err
	}
	l, ok := ByID(id)
	if !ok {
		return Result{}, fault.NotFound()
	}
	if version != l.Version {
		return Result{}, fault.Conflict("lesson_changed")
	}
	asked := Ask(l, lang.SV, by.ID)
	var f fault.Fields
	var r Result
	for i, q := range asked {
		switch {
		case i >= len(chosen) || chosen[i] < 0 || chosen[i] >= len(q.Answers):
			f.Add(fmt.Sprintf("/q%d", i+1), "choose_one")
		case q.Answers[chosen[i]].Right:
			r.Right++
		}
	}
	if err := f.Err(); err != nil {
		return Result{}, err
	}
	// A member may take a lesson before the look of the hour has seen that it concerns
	// him, or out of interest.
	if _, err := tx.Exec(`INSERT INTO lesson_state (member_id, lesson, version, concerns, since, due_at, passed_version, passed_at, tries, told) VALUES ($1,$2,$3,0,$4,$5,0,NULL,0,0)
		ON CONFLICT (member_id, lesson) DO UPDATE SET version=excluded.version, since=excluded.since, due_at=excluded.due_at, tries=0, told=0 WHERE lesson_state.version <> excluded.version`,
		by.ID, l.ID, l.Version, tx.Now(), tx.Now().Add(firstTime)); err != nil {
		return Result{}, err
	}
	recent := tx.Now().Add(-sameVisit)
	s, err := scan(tx.QueryRow(`UPDATE lesson_state SET tries = tries + CASE WHEN passed_version >= version AND passed_at > $3 THEN 0 ELSE 1 END WHERE member_id=$1 AND lesson=$2 RETURNING `+cols, by.ID, l.ID, recent))
	if err != nil {
		return Result{}, err
	}
	r.Tries, r.Passed = s.tries, r.Right == len(asked)
	if !r.Passed {
		return r, nil
	}
	if s.passedVersion >= l.Version && s.passed.After(recent) {
		r.Next = s.due
		return r, nil // a second press of the same button
	}
	r.Next = dueAt(s.since, tx.Now(), true)
	if err := tx.ExecOne(`UPDATE lesson_state SET passed_version=version, passed_at=$3, due_at=$4, tries=0, told=0 WHERE member_id=$1 AND lesson=$2 AND tries > 0`, by.ID, l.ID, tx.Now(), r.Next); err != nil {
		return Result{}, err
	}
	done := tx.NewID()
	if _, err := tx.Exec(`INSERT INTO lesson_done (id, member_id, lesson, version, passed_at, tries) VALUES ($1,$2,$3,$4,$5,$6)`, done, by.ID, l.ID, l.Version, tx.Now(), s.tries); err != nil {
		return Result{}, err
	}
	return r, by.Record(tx, "lesson.pass", entity, done, "", fmt.Sprintf("%s version %d, tries %d", l.ID, l.Version, s.tries))
}
