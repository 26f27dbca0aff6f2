package app

import (
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/ops/incident"
	"kassavalv/internal/ops/lesson"
	"kassavalv/internal/shop/notice"
)

// people builds the rooms of the people of the house, and lets rights wait for lessons.
func (a *App) people() {
	a.Lessons = &lesson.Room{DB: a.DB, Auth: a.Auth}
	a.Incidents = &incident.Room{DB: a.DB, Vault: a.Vault, Auth: a.Auth}
	a.Auth.SetLacking(lesson.Lacking)
}

// peopleWork registers what they do by themselves, and their letters.
func (a *App) peopleWork(d notice.Deps) {
	a.Lessons.Register(a.Jobs)
	a.Incidents.Register(a.Jobs)
	a.Jobs.Handle(jobIncident, job.Opts{}, a.openIncident)
	if a.Mail == nil {
		return
	}
	notice.Office(a.Jobs, d, lesson.JobRemind, "lesson", func(q db.Q, ref db.ID) (notice.OfficeLetter, bool, error) {
		m, ok, err := a.Lessons.Remind(q, ref)
		return notice.OfficeLetter(m), ok, err
	})
	notice.Office(a.Jobs, d, incident.JobMail, "incident", func(q db.Q, ref db.ID) (notice.OfficeLetter, bool, error) {
		m, ok, err := a.Incidents.Mail(q, ref)
		return notice.OfficeLetter(m), ok, err
	})
}
