package notice

import (
	"context"
	"errors"

	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/content"
)

// Letters about a change of address, beside the jobs of the same room.
const (
	kindMoveCode = "account.mail_move_code" // to the new address
	refCode      = "account_code"
	refMove      = "account_move"
	refChange    = "account_change"
	refLost      = "account_lost"
)

// registerAccounts gives the runner the letters about customers' way in. The copy of one that holds a code or a link that
// works as a key is dropped once it is sent.
func registerAccounts(r *job.Runner, d Deps) {
	if d.Accounts == nil {
		return
	}
	handle := func(kind string, spec func(q db.Q, ref db.ID) (specs []mail.Spec, err error)) {
		r.Handle(kind, job.Opts{}, func(ctx context.Context, j job.Job) error {
			return db.Do(ctx, d.DB, func(tx *db.Tx) error {
				specs, err := spec(tx, j.Ref)
				if err != nil {
					return unlessErased(err)
				}
				for _, s := range specs {
					s.Ref, s.Once = j.Ref, true
					if _, err := mail.Queue(tx, s); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	handle(account.JobCode, func(q db.Q, ref db.ID) ([]mail.Spec, error) {
		m, ok, err := d.Accounts.CodeMail(q, ref)
		if err != nil || !ok {
			return nil, err
		}
		return []mail.Spec{{Kind: account.JobCode, RefKind: refCode, Person: m.Person, Lang: m.Lang, Until: m.Expires}}, nil
	})
	handle(account.JobMove, func(q db.Q, ref db.ID) ([]mail.Spec, error) {
		m, ok, err := d.Accounts.MoveMail(q, ref)
		if err != nil || !ok {
			return nil, err
		}
		if m.Done { // then JobMoved tells
			return nil, nil
		}
		return []mail.Spec{{Kind: account.JobMove, RefKind: refMove, Person: m.Person, Lang: m.Lang, Until: m.StopUntil},
			{Kind: kindMoveCode, RefKind: refMove, Person: m.Person, Lang: m.Lang, Until: m.Expires}}, nil
	})
	handle(account.JobMoved, func(q db.Q, ref db.ID) ([]mail.Spec, error) {
		m, ok, err := d.Accounts.MoveMail(q, ref)
		if err != nil || !ok {
			return nil, err
		}
		return []mail.Spec{{Kind: account.JobMoved, RefKind: refMove, Person: m.Person, Lang: m.Lang, Until: m.StopUntil}}, nil
	})
	handle(account.JobChanged, func(q db.Q, ref db.ID) ([]mail.Spec, error) {
		m, ok, err := d.Accounts.ChangeMail(q, ref)
		if err != nil || !ok {
			return nil, err
		}
		return []mail.Spec{{Kind: account.JobChanged, RefKind: refChange, Person: m.Person, Lang: m.Lang}}, nil
	})
	for _, kind := range []string{account.JobLost, account.JobLostSoon, account.JobLostEnded} {
		handle(kind, func(q db.Q, ref db.ID) ([]mail.Spec, error) {
			m, ok, err := d.Accounts.LostMail(q, ref)
			if err != nil || !ok || m.Waiting == (kind == account.JobLostEnded) {
				return nil, err
			}
			x := mail.Spec{Kind: kind, RefKind: refLost, Person: m.Person, Lang: m.Lang}
			if m.Waiting {
				x.Until = m.Due
			}
			return []mail.Spec{x}, nil
		})
	}
	forget := mail.KindOpts{Forget: true}
	renderWith(d, account.JobLost, forget, lostNotice("notice.lost"))
	renderWith(d, account.JobLostSoon, forget, lostNotice("notice.lost_soon"))
	renderWith(d, account.JobLostEnded, mail.KindOpts{}, lostEnded)
	renderWith(d, account.JobCode, forget, signInCode)
	renderWith(d, kindMoveCode, forget, moveCode)
	renderWith(d, account.JobMove, forget, moveNotice)
	renderWith(d, account.JobMoved, forget, moveNotice)
	renderWith(d, account.JobChanged, mail.KindOpts{}, accountChanged)
}

// drop turns a letter that is not due any more into its end in peace.
func drop(ok bool, err error) error {
	if errors.Is(err, secret.ErrErased) || err == nil && !ok {
		return mail.ErrDrop
	}
	return err
}

// spaced writes a code of eight digits as people read it.
func spaced(code string) string { return code[:4] + " " + code[4:] }

// signInCode is the letter with the code. The code stands in no subject: subjects are shown on locked screens.
func signInCode(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	m, ok, err := d.Accounts.CodeMail(q, ref)
	if err := drop(ok, err); err != nil {
		return mail.Message{}, err
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.code.title"), Parts: []mail.Part{
		{Text: lang.T(l, "notice.code.text")},
		{Heading: spaced(m.Code)},
		{Text: lang.T(l, "notice.code.until", "time", lang.Clock(l, m.Expires))},
		{Text: lang.T(l, "notice.code.never")},
	}, Foot: []string{lang.T(l, "notice.code.why")}}
	return finish(m.To, lang.T(l, "notice.code.subject"), t, c)
}

// moveCode is the letter to the new address of an account.
func moveCode(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	m, ok, err := d.Accounts.MoveMail(q, ref)
	if err := drop(ok && !m.Done, err); err != nil {
		return mail.Message{}, err
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.move_code.title"), Parts: []mail.Part{
		{Text: lang.T(l, "notice.move_code.text")},
		{Heading: spaced(m.Code)},
		{Text: lang.T(l, "notice.code.until", "time", lang.Clock(l, m.Expires))},
	}, Foot: []string{lang.T(l, "notice.move_code.why")}}
	return finish(m.New, lang.T(l, "notice.move_code.subject"), t, c)
}

// moveNotice is the letter to the old address: that a change was asked for, or made, and how it is stopped. The new address
// stands in it hidden but for its beginning, so that the owner sees whether it is his.
func moveNotice(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	m, ok, err := d.Accounts.MoveMail(q, ref)
	if err := drop(ok, err); err != nil {
		return mail.Message{}, err
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	key := "notice.move_asked"
	if m.Done {
		key = "notice.move_done"
	}
	t := mail.Letter{Lang: l, Title: lang.T(l, key+".title"), Parts: []mail.Part{
		{Text: lang.T(l, key+".text", "at", lang.DateTime(l, m.At), "email", masked(m.New))},
		{Text: lang.T(l, "notice.move.not_you", "until", lang.Date(l, m.StopUntil))},
		{Button: &mail.Button{Label: lang.T(l, "notice.move.stop"), URL: d.url(l, "/account/moves/"+m.Stop.Reveal())}},
	}, Foot: []string{lang.T(l, "notice.account.why")}}
	return finish(m.Old, lang.T(l, key+".subject"), t, c)
}

// lostNotice is the letter that an app will fall away, and how that is stopped.
func lostNotice(key string) func(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	return func(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
		m, ok, err := d.Accounts.LostMail(q, ref)
		if err := drop(ok && m.Waiting, err); err != nil {
			return mail.Message{}, err
		}
		c, err := content.Company(q)
		if err != nil {
			return mail.Message{}, err
		}
		title := lang.T(l, key+".title")
		t := mail.Letter{Lang: l, Title: title, Parts: []mail.Part{
			{Text: lang.T(l, "notice.lost.text", "at", lang.DateTime(l, m.At), "due", lang.DateTime(l, m.Due))},
			{Text: lang.T(l, "notice.lost.not_you")},
			{Text: lang.T(l, "notice.lost.found")},
			{Button: &mail.Button{Label: lang.T(l, "notice.lost.stop"), URL: d.url(l, "/account/lost/"+m.Stop.Reveal())}},
		}, Foot: []string{lang.T(l, "notice.account.why")}}
		return finish(m.To, title, t, c)
	}
}

// lostEnded tells that the app fell away, or stays.
func lostEnded(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	m, ok, err := d.Accounts.LostMail(q, ref)
	if err := drop(ok && !m.Waiting, err); err != nil {
		return mail.Message{}, err
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	key := "notice.lost_stopped"
	if m.Done {
		key = "notice.lost_done"
	}
	t := mail.Letter{Lang: l, Title: lang.T(l, key+".title"), Parts: []mail.Part{{Text: lang.T(l, key+".text", "at", lang.DateTime(l, m.At))},
		{Button: &mail.Button{Label: lang.T(l, "notice.account.go"), URL: d.url(l, "/account/security")}}}, Foot: []string{lang.T(l, "notice.account.why")}}
	return finish(m.To, lang.T(l, key+".title"), t, c)
}

// masked hides an address but for its first sign and its domain.
func masked(email string) string {
	for i := range email {
		if email[i] == '@' {
			return string([]rune(email)[:1]) + "…" + email[i:]
		}
	}
	return "…"
}

// accountChanged tells the holder what was changed, so that a thief's change is seen.
func accountChanged(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	m, ok, err := d.Accounts.ChangeMail(q, ref)
	if err := drop(ok, err); err != nil {
		return mail.Message{}, err
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	key := "notice.account." + string(m.What)
	t := mail.Letter{Lang: l, Title: lang.T(l, key+".title"), Parts: []mail.Part{{Text: lang.T(l, key+".text", "at", lang.DateTime(l, m.At))}}, Foot: []string{lang.T(l, "notice.account.why")}}
	switch m.What {
	case account.Closed:
	case account.Opened:
		t.Parts = append(t.Parts, mail.Part{Button: &mail.Button{Label: lang.T(l, "nav.account"), URL: d.url(l, "/account")}})
	default:
		t.Parts = append(t.Parts, mail.Part{Text: lang.T(l, "notice.account.not_you")},
			mail.Part{Button: &mail.Button{Label: lang.T(l, "notice.account.go"), URL: d.url(l, "/account/security")}})
	}
	return finish(m.To, lang.T(l, key+".title"), t, c)
}
