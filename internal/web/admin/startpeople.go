package admin

import (
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/web/ui"
)

// readPeople is what waits for the member himself, and for who leads the others.
func (v *visit) readPeople(q *db.Reader, w *work) error {
	mine, err := v.Lessons.Mine(q, v.by)
	if err != nil {
		return err
	}
	for _, s := range mine {
		if s.Open {
			w.lessons++
		}
		if s.Late {
			w.lessonsLate++
		}
	}
	if v.by.Has(auth.LessonsRead) {
		if w.membersLate, err = v.Lessons.Late(q, v.by); err != nil {
			return err
		}
	}
	if v.by.Has(auth.IncidentsRead) {
		w.incidents, w.untaken, _, err = v.Incidents.Waiting(q, v.by)
	}
	return err
}

// peopleTiles say so on the front page; silent where there is nothing.
func (v *visit) peopleTiles(w work, add func(key string, n int, t ui.Tone, url, note string), note func(key string, n int) string) {
	if w.incidents > 0 {
		t := ui.Wait
		if w.untaken > 0 {
			t = ui.Stop
		}
		add("incidents", w.incidents, t, "/admin/incidents", note("incidents.open", w.untaken))
	}
	if w.lessons > 0 {
		t := ui.Wait
		if w.lessonsLate > 0 {
			t = ui.Stop
		}
		add("my_lessons", w.lessons, t, "/admin/lessons", note("my_lessons.late", w.lessonsLate))
	}
	if w.membersLate > 0 {
		add("late_members", w.membersLate, ui.Wait, "/admin/lessons/record", "")
	}
}
