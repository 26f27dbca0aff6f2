package notice

import (
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/privacy"
)

// The letters about people's rights carry no details and no answer: those are on a protected page.
// They are sealed under the request's own person, which is let go when the last has left.
var privacyKinds = []kind{
	{name: privacy.JobReceived, refKind: "privacy_request", who: ofPrivacy, write: privacyReceived},
	{name: privacy.JobExtended, refKind: "privacy_request", who: ofPrivacy, write: privacyReceived},
	{name: privacy.JobAnswered, refKind: "privacy_request", who: ofPrivacy, write: privacyAnswered},
	{name: privacy.JobErased, refKind: "privacy_request", who: ofPrivacy, write: privacyErased},
}

func ofPrivacy(q db.Q, _ Deps, ref db.ID) (addressee, error) {
	r, err := privacy.ByID(q, ref)
	if err != nil || !r.Forgotten.IsZero() {
		return addressee{}, err
	}
	return addressee{r.Person, r.Lang}, nil
}

func privacyLetter(q db.Q, d Deps, ref db.ID, l lang.Lang, kind string, text func(privacy.Request, privacy.Contact) string) (mail.Message, error) {
	r, err := privacy.ByID(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	who, err := privacy.ContactOf(q, d.Vault, r)
	if err != nil {
		return mail.Message{}, err
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	t := mail.Letter{Lang: l, Title: lang.T(l, kind+".title"), Parts: []mail.Part{{Text: text(r, who)},
		{Button: &mail.Button{Label: lang.T(l, "notice.privacy.see"), URL: d.url(l, "/privacy/"+r.Token(d.Vault))}}}}
	t.Foot = []string{lang.T(l, "notice.why.privacy")}
	return finish(who.Mail, lang.T(l, kind+".subject"), t, c)
}

func privacyReceived(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	return privacyLetter(q, d, ref, l, "notice.privacy_received", func(r privacy.Request, _ privacy.Contact) string {
		kind, due := lang.T(l, "privacy.kind."+r.Kind), lang.DateYear(l, r.Due)
		if !r.Extended.IsZero() {
			return lang.T(l, "notice.privacy_received.extended", "kind", kind, "due", due)
		}
		return lang.T(l, "notice.privacy_received.text", "kind", kind, "due", due)
	})
}

func privacyAnswered(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	return privacyLetter(q, d, ref, l, "notice.privacy_answered", func(r privacy.Request, _ privacy.Contact) string {
		return lang.T(l, "notice.privacy_answered.text", "kind", lang.T(l, "privacy.kind."+r.Kind))
	})
}

func privacyErased(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	return privacyLetter(q, d, ref, l, "notice.privacy_erased", func(r privacy.Request, _ privacy.Contact) string {
		return lang.T(l, "notice.privacy_erased.text", "gone", lang.DateYear(l, r.GoneBy()))
	})
}
