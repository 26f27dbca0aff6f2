package notice

import (
	"context"
	"errors"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/support"
)

// registerCaller gives the runner the job that mails a code to who is calling. The copy of
// the letter is not kept: it holds a code.
func registerCaller(r *job.Runner, d Deps) {
	d.Mail.Render(auth.JobMailCaller, mail.KindOpts{Forget: true}, staffLetter(d, callerCode))
	r.Handle(auth.JobMailCaller, job.Opts{}, func(ctx context.Context, j job.Job) error {
		return db.Do(ctx, d.DB, func(tx *db.Tx) error {
			m, ok, err := d.Auth.CallerMail(tx, j.Ref)
			if err != nil || !ok {
				return err
			}
			_, _, l, err := support.OnFile(tx, d.Vault, m.Entity, m.EntityID)
			if err != nil {
				return unlessErased(err)
			}
			_, err = mail.Queue(tx, mail.Spec{Kind: auth.JobMailCaller, RefKind: "auth_caller", Ref: j.Ref, Person: m.Person, Lang: l, Once: true, Until: m.Expires})
			return err
		})
	})
}

// callerCode is the letter with the code that is read out on the phone.
func callerCode(q db.Q, d Deps, ref db.ID, l lang.Lang, c content.CompanyFacts) (mail.Message, error) {
	m, ok, err := d.Auth.CallerMail(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	if !ok { // a newer one was sent, or it has ended
		return mail.Message{}, mail.ErrDrop
	}
	_, to, _, err := support.OnFile(q, d.Vault, m.Entity, m.EntityID)
	if errors.Is(err, db.ErrNotFound) || fault.Is(err, "not_found") {
		return mail.Message{}, mail.ErrDrop
	}
	if err != nil {
		return mail.Message{}, err
	}
	code := m.Code.Reveal()
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.caller.title"), Parts: []mail.Part{
		{Text: lang.T(l, "notice.caller.text", "shop", c.Shop)},
		{Heading: code[:3] + " " + code[3:]},
		{Text: lang.T(l, "notice.caller.warning")},
		{Text: lang.T(l, "notice.caller.until", "time", lang.Clock(l, m.Expires))},
	}, Foot: []string{lang.T(l, "notice.caller.why")}}
	return finish(to, lang.T(l, "notice.caller.subject"), t, c)
}
