package notice

import (
	"context"
	"errors"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/content"
)

// registerStaff gives the runner the jobs about members' way in. These letters
// carry no words of anybody's, and are sealed with the shop's key.
func registerStaff(r *job.Runner, d Deps) {
	registerRights(r, d)
	d.Mail.Render(auth.JobMailInvite, mail.KindOpts{Forget: true}, staffLetter(d, invitation))
	d.Mail.Render(auth.JobMailChanged, mail.KindOpts{}, staffLetter(d, wayInChanged))
	r.Handle(auth.JobMailInvite, job.Opts{}, func(ctx context.Context, j job.Job) error {
		return db.Do(ctx, d.DB, func(tx *db.Tx) error {
			m, ok, err := d.Auth.InviteMail(tx, j.Ref)
			if err != nil || !ok {
				return unlessErased(err)
			}
			_, err = mail.Queue(tx, mail.Spec{Kind: auth.JobMailInvite, RefKind: "auth_invite", Ref: j.Ref, Lang: m.Lang, Once: true, Until: m.Expires})
			return err
		})
	})
	r.Handle(auth.JobMailChanged, job.Opts{}, func(ctx context.Context, j job.Job) error {
		return db.Do(ctx, d.DB, func(tx *db.Tx) error {
			m, ok, err := d.Auth.ChangeMail(tx, j.Ref)
			if err != nil || !ok {
				return err
			}
			_, err = mail.Queue(tx, mail.Spec{Kind: auth.JobMailChanged, RefKind: "auth_change", Ref: j.Ref, Lang: m.Lang, Once: true})
			return err
		})
	})
}

func unlessErased(err error) error {
	if errors.Is(err, secret.ErrErased) {
		return nil
	}
	return err
}

func staffLetter(d Deps, write func(q db.Q, d Deps, ref db.ID, l lang.Lang, c content.CompanyFacts) (mail.Message, error)) mail.Renderer {
	return func(ctx context.Context, base *db.DB, ref db.ID, l lang.Lang) (mail.Message, error) {
		return db.Read(ctx, base, func(q *db.Reader) (mail.Message, error) {
			c, err := content.Company(q)
			if err != nil {
				return mail.Message{}, err
			}
			m, err := write(q, d, ref, l, c)
			if errors.Is(err, secret.ErrErased) {
				err = mail.ErrDrop
			}
			return m, err
		})
	}
}

// invitation is the link of a new member, or of who has forgotten his password.
func invitation(q db.Q, d Deps, ref db.ID, l lang.Lang, c content.CompanyFacts) (mail.Message, error) {
	m, ok, err := d.Auth.InviteMail(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	if !ok { // used, replaced by a newer one, or too old
		return mail.Message{}, mail.ErrDrop
	}
	key := "notice.staff_" + m.Kind // invite, recover
	t := mail.Letter{Lang: l, Title: lang.T(l, key+".title"), Parts: []mail.Part{
		{Text: lang.T(l, key+".text", "role", role(l, m.Role, m.RoleName))},
		{Button: &mail.Button{Label: lang.T(l, key+".go"), URL: d.officeURL(l, "/admin/invite/"+m.Token.Reveal())}},
		{Text: lang.T(l, key+".until", "at", lang.DateTime(l, m.Expires))},
	}, Foot: []string{lang.T(l, key+".why")}}
	return finish(m.To.Email, lang.T(l, key+".subject"), t, c)
}

// wayInChanged tells a member what was changed, so that a thief's change is seen.
func wayInChanged(q db.Q, d Deps, ref db.ID, l lang.Lang, c content.CompanyFacts) (mail.Message, error) {
	m, ok, err := d.Auth.ChangeMail(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	if !ok {
		return mail.Message{}, mail.ErrDrop
	}
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.staff_changed.title"), Parts: []mail.Part{
		{Text: lang.T(l, "notice.staff_changed."+string(m.What), "at", lang.DateTime(l, m.At), "role", role(l, m.Role, m.RoleName))},
		{Text: lang.T(l, "notice.staff_changed.not_you")},
		{Button: &mail.Button{Label: lang.T(l, "notice.staff_recover.ask"), URL: d.officeURL(l, "/admin/recover")}},
	}, Foot: []string{lang.T(l, "notice.staff_changed.why")}}
	return finish(m.To.Email, lang.T(l, "notice.staff_changed.subject"), t, c)
}

// role is the name of a role as the back office says it: a built-in one's in the
// language, an own one's as the shop calls it.
func role(l lang.Lang, key, own string) string {
	if k := "admin.role." + key; own == "" && lang.Has(k) {
		return lang.T(l, k)
	}
	return own
}

// OfficeLetter is a letter to a member of staff from a room that this one does not know. A
// button leads to a path of the office.
type OfficeLetter struct {
	To      string
	Lang    lang.Lang
	Subject string
	mail.Letter
}

// Office gives the runner a job that asks for one letter to a member of staff, and the
// mailer its renderer. read tells of a row who gets what; ok is false when nobody is to get
// anything any more. The letters carry no words of customers, and are sealed with the shop's key.
func Office(r *job.Runner, d Deps, kind, refKind string, read func(q db.Q, ref db.ID) (m OfficeLetter, ok bool, err error)) {
	d.Mail.Render(kind, mail.KindOpts{}, staffLetter(d, func(q db.Q, d Deps, ref db.ID, _ lang.Lang, c content.CompanyFacts) (mail.Message, error) {
		m, ok, err := read(q, ref)
		if err != nil {
			return mail.Message{}, err
		}
		if !ok {
			return mail.Message{}, mail.ErrDrop
		}
		for i, p := range m.Parts {
			if p.Button != nil {
				m.Parts[i].Button = &mail.Button{Label: p.Button.Label, URL: d.officeURL(m.Lang, p.Button.URL)}
			}
		}
		return finish(m.To, m.Subject, m.Letter, c)
	}))
	r.Handle(kind, job.Opts{}, func(ctx context.Context, j job.Job) error {
		return db.Do(ctx, d.DB, func(tx *db.Tx) error {
			m, ok, err := read(tx, j.Ref)
			if err != nil || !ok {
				return unlessErased(err)
			}
			_, err = mail.Queue(tx, mail.Spec{Kind: kind, RefKind: refKind, Ref: j.Ref, Lang: m.Lang, Once: true})
			return err
		})
	})
}
