package notice

import (
	"context"
	"errors"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/shop/content"
)

// registerAlarm gives the runner the letter that tells the owners of an alarm of the log. It
// names nobody: who it is about stands in the back office.
func registerAlarm(r *job.Runner, d Deps) {
	d.Mail.Render(audit.JobAlarm, mail.KindOpts{}, staffLetter(d, alarmRaised))
	r.Handle(audit.JobAlarm, job.Opts{}, func(ctx context.Context, j job.Job) error {
		return db.Do(ctx, d.DB, func(tx *db.Tx) error {
			owners, err := d.Auth.Owners(tx)
			if err != nil {
				return err
			}
			var ids []db.ID
			for _, o := range owners {
				ids = append(ids, o.ID)
			}
			told, err := audit.Tell(tx, j.Ref, ids)
			if err != nil {
				return err
			}
			for _, o := range owners {
				if _, err := mail.Queue(tx, mail.Spec{Kind: audit.JobAlarm, RefKind: "audit_told", Ref: told[o.ID], Lang: o.Lang, Once: true}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func alarmRaised(q db.Q, d Deps, ref db.ID, l lang.Lang, c content.CompanyFacts) (mail.Message, error) {
	a, staff, err := audit.Told(q, ref)
	if errors.Is(err, db.ErrNotFound) {
		return mail.Message{}, mail.ErrDrop
	}
	if err != nil {
		return mail.Message{}, err
	}
	owners, err := d.Auth.Owners(q)
	if err != nil {
		return mail.Message{}, err
	}
	to, is := auth.Owner{}, false
	for _, o := range owners {
		if o.ID == staff {
			to, is = o, true
		}
	}
	if !is { // no owner any more
		return mail.Message{}, mail.ErrDrop
	}
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.alarm.title"), Parts: []mail.Part{
		{Text: lang.T(l, "notice.alarm."+string(a.Rule), "at", lang.DateTime(l, a.To), "n", lang.Number(l, a.Persons), "bound", lang.Number(l, a.Bound))},
		{Text: lang.T(l, "notice.alarm.do")},
		{Button: &mail.Button{Label: lang.T(l, "notice.alarm.go"), URL: d.officeURL(l, "/admin/audit?show=alarms")}},
	}, Foot: []string{lang.T(l, "notice.alarm.why")}}
	return finish(to.To.Email, lang.T(l, "notice.alarm.subject"), t, c)
}
