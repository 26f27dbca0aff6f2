package notice

import (
	"context"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/shop/content"
)

// registerRights gives the runner the letters about members' rights: what waits for
// them, what ends, what was done.
func registerRights(r *job.Runner, d Deps) {
	d.Mail.Render(auth.JobMailStaff, mail.KindOpts{Forget: true}, staffLetter(d, rightsLetter)) // some hold a link that stops an act
	r.Handle(auth.JobMailStaff, job.Opts{}, func(ctx context.Context, j job.Job) error {
		return db.Do(ctx, d.DB, func(tx *db.Tx) error {
			m, ok, err := d.Auth.Letter(tx, j.Ref)
			if err != nil || !ok {
				return err
			}
			_, err = mail.Queue(tx, mail.Spec{Kind: auth.JobMailStaff, RefKind: "auth_letter", Ref: j.Ref, Lang: m.Lang, Once: true})
			return err
		})
	})
}

// where each letter leads.
var letterPages = map[auth.LetterKind]string{
	auth.LetterAsked: "/admin/approvals", auth.LetterApproved: "/admin/approvals", auth.LetterEnded: "/admin/approvals", auth.LetterStopped: "/admin/security",
	auth.LetterOwnerMade: "/admin/staff", auth.LetterLeaving: "/admin/staff", auth.LetterLeft: "/admin/staff", auth.LetterDormant: "/admin/login", auth.LetterAsleep: "/admin/staff",
	auth.LetterToken: "/admin/tokens", auth.LetterReview: "/admin/review", auth.LetterReviewDue: "/admin/review", auth.LetterLapse: "/admin/review", auth.LetterLapsed: "/admin/review",
	auth.LetterCodeUsed: "/admin/security", auth.LetterCodes: "/admin/security", auth.LetterApp: "/admin/security", auth.LetterSSO: "/admin/security",
}

// rightsLetter writes one: what has happened or waits, what the reader can do, and
// where.
func rightsLetter(q db.Q, d Deps, ref db.ID, l lang.Lang, c content.CompanyFacts) (mail.Message, error) {
	m, ok, err := d.Auth.Letter(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	if !ok {
		return mail.Message{}, mail.ErrDrop
	}
	key := "notice.rights." + string(m.Kind)
	text := key + ".text"
	if m.Self && lang.Has(key+".self") {
		text = key + ".self"
	}
	what := ""
	if m.Act.Act != "" {
		what = Act(l, m.Act, m.About)
	}
	kv := []any{"about", m.About, "at", lang.DateTime(l, m.At), "by", m.By, "what", what, "quarter", m.Quarter, "count", m.Count, "how", lang.T(l, "rights.state."+orWaiting(m.State))}
	t := mail.Letter{Lang: l, Title: lang.T(l, key+".title"), Parts: []mail.Part{{Text: lang.T(l, text, kv...)}}, Foot: []string{lang.T(l, "notice.rights.why")}}
	if more := key + ".more"; lang.Has(more) {
		t.Parts = append(t.Parts, mail.Part{Text: lang.T(l, more, kv...)})
	}
	path := letterPages[m.Kind]
	if stop := m.Stop.Reveal(); stop != "" {
		path = "/admin/stop/" + stop
	}
	t.Parts = append(t.Parts, mail.Part{Button: &mail.Button{Label: lang.T(l, key+".go"), URL: d.officeURL(l, path)}})
	return finish(m.To.Email, lang.T(l, key+".subject"), t, c)
}

func orWaiting(s string) string {
	if s == "" {
		return "waiting"
	}
	return s
}

// Act says in a sentence what is asked for, old and new values with it.
func Act(l lang.Lang, k auth.Ask, about string) string {
	if about == "" {
		about = lang.T(l, "rights.somebody")
	}
	return lang.T(l, "rights.act."+k.Act, "about", about, "was", orNone(l, k.Was), "is", orNone(l, k.Is))
}

func orNone(l lang.Lang, s string) string {
	if s == "" {
		return lang.T(l, "rights.none")
	}
	return s
}
