package lesson

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Need is a right that demands a lesson: it is refused to who is later with the
// lesson than the grace.
type Need struct {
	Right   auth.Right
	Lesson  string
	Grace   int // days
	Version int64
}

// MaxGrace is the longest grace, in days.
const MaxGrace = 90

// Needs lists the rights that demand a lesson. None to begin with.
func Needs(q db.Q) ([]Need, error) {
	return db.All(q, func(r *db.Rows) (n Need, err error) {
		err = r.Scan(&n.Right, &n.Lesson, &n.Grace, &n.Version)
		return
	}, `SELECT right_name, lesson, grace_days, version FROM lesson_need ORDER BY right_name`)
}

// SetNeed says which lesson a right demands (empty: none), and for how many days one may be
// late. Faults: 422 at "right", "lesson" and "grace"; 409 changed_meanwhile when the setting is another than the page showed (version 0: none).
func (m *Room) SetNeed(tx *db.Tx, by auth.By, n Need) error {
	if err := by.Need(auth.StaffWrite); err != nil {
		return err
	}
	if err := by.NeedFresh(tx.Now()); err != nil {
		return err
	}
	var f fault.Fields
	if !slices.Contains(auth.AllRights, n.Right) {
		f.Add("/right", "bad_value")
	}
	if _, ok := ByID(n.Lesson); !ok && n.Lesson != "" {
		f.Add("/lesson", "bad_value")
	}
	if n.Grace < 0 || n.Grace > MaxGrace {
		f.Add("/grace", "bad_number")
	}
	if err := f.Err(); err != nil {
		return err
	}
	var was Need
	err := tx.QueryRow(`SELECT lesson, grace_days, version FROM lesson_need WHERE right_name=$1`, string(n.Right)).Scan(&was.Lesson, &was.Grace, &was.Version)
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return err
	}
	switch {
	case was.Lesson == n.Lesson && (was.Grace == n.Grace || n.Lesson == ""):
		return nil
	case was.Version != n.Version:
		return fault.Conflict("changed_meanwhile")
	case n.Lesson == "":
		err = tx.ExecOne(`DELETE FROM lesson_need WHERE right_name=$1 AND version=$2`, string(n.Right), n.Version)
	case n.Version == 0:
		var rows int64
		if rows, err = tx.Exec(`INSERT INTO lesson_need (right_name, lesson, grace_days, version) VALUES ($1,$2,$3,1) ON CONFLICT (right_name) DO NOTHING`, string(n.Right), n.Lesson, n.Grace); err == nil && rows == 0 {
			err = db.ErrConflict
		}
	default:
		err = tx.ExecOne(`UPDATE lesson_need SET lesson=$3, grace_days=$4, version=version+1 WHERE right_name=$1 AND version=$2`, string(n.Right), n.Version, n.Lesson, n.Grace)
	}
	if errors.Is(err, db.ErrConflict) {
		return fault.Conflict("changed_meanwhile")
	}
	if err != nil {
		return err
	}
	say := func(n Need) string {
		if n.Lesson == "" {
			return "none"
		}
		return fmt.Sprintf("%s, grace %d days", n.Lesson, n.Grace)
	}
	return by.Record(tx, "lesson.need", entity, 0, string(n.Right)+": "+say(was), string(n.Right)+": "+say(n))
}

// Lacking is auth.Options.Lacking: the rights of a member that wait for a lesson he is
// too late with. One look-up; it writes nothing. A lesson that has yet to be seen as
// concerning him is not late.
func Lacking(q db.Q, member db.ID, rights []auth.Right) (map[auth.Right]string, error) {
	type row struct {
		n   Need
		due time.Time
	}
	rows, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.n.Right, &x.n.Lesson, &x.n.Grace, &x.due); return },
		`SELECT n.right_name, n.lesson, n.grace_days, s.due_at FROM lesson_need n JOIN lesson_state s ON s.member_id=$1 AND s.lesson=n.lesson AND s.concerns=1`, member)
	var out map[auth.Right]string
	for _, x := range rows {
		if _, ok := ByID(x.n.Lesson); !ok || !slices.Contains(rights, x.n.Right) {
			continue // a lesson that this program no longer has bars nobody
		}
		if q.Now().Before(x.due.Add(time.Duration(x.n.Grace) * day)) {
			continue
		}
		if out == nil {
			out = map[auth.Right]string{}
		}
		out[x.n.Right] = x.n.Lesson
	}
	return out, err
}

// Waiting counts, for each lesson, the active members who are late with it now.
func (m *Room) Waiting(q db.Q, by auth.By) (map[string]int, error) {
	if err := by.Need(auth.StaffWrite); err != nil {
		return nil, err
	}
	late, err := m.late(q)
	out := map[string]int{}
	for _, x := range late {
		out[x.lesson]++
	}
	return out, err
}
