package notice

import (
	"context"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/waitlist"
)

const refWish = "waitlist_entry"

// registerBack gives the runner the letters about what is back in stock. The copy of
// such a letter is dropped once it is sent, and then the address too: it was given for one letter.
func registerBack(r *job.Runner, d Deps) {
	k := kind{name: waitlist.JobBack, refKind: refWish, who: ofWish}
	r.Handle(k.name, job.Opts{}, func(ctx context.Context, j job.Job) error { return queue(ctx, d, k, j.Ref) })
	renderWith(d, k.name, mail.KindOpts{Forget: true}, backInStock)
	r.Every("notice.forget_told", time.Minute, job.Opts{}, func(ctx context.Context, _ job.Job) error { return ForgetTold(ctx, d) })
}

func ofWish(q db.Q, _ Deps, ref db.ID) (addressee, error) {
	e, err := waitlist.ByID(q, ref)
	if err != nil || e.State == "forgotten" {
		return addressee{}, err
	}
	return addressee{e.Person, e.Lang}, nil
}

func backInStock(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	e, err := waitlist.ByID(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	to, err := waitlist.MailOf(q, d.Vault, e, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	infos, err := catalog.VariantForSale(q, []db.ID{e.Variant})
	if err != nil {
		return mail.Message{}, err
	}
	i, ok := infos[e.Variant]
	if !ok || !i.Sellable { // taken out of sale in the meantime
		return mail.Message{}, mail.ErrDrop
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	title, _ := i.Title.In(l)
	if label, _ := i.Label().In(l); label != "" {
		title += ", " + label
	}
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.back.title"), Parts: []mail.Part{
		{Text: lang.T(l, "notice.back.text", "title", title)},
		{Button: &mail.Button{Label: lang.T(l, "notice.back.go"), URL: d.url(l, "/products/"+i.Handle)}},
		{Text: lang.T(l, "notice.back.once")},
		{Button: &mail.Button{Label: lang.T(l, "notice.back.stop"), URL: d.url(l, "/waiting/"+e.Token(d.Vault))}},
	}, Foot: []string{lang.T(l, "notice.back.why")}}
	return finish(to, lang.T(l, "notice.back.subject"), t, c)
}

// ForgetTold forgets the addresses whose letter has left, or never will.
func ForgetTold(ctx context.Context, d Deps) error {
	var after db.ID
	for {
		ids, err := db.Read(ctx, d.DB, func(q *db.Reader) ([]db.ID, error) { return waitlist.Told(q, after, 100) })
		if err != nil || len(ids) == 0 {
			return err
		}
		_, _, err = db.WriteBulk(ctx, d.DB, func(tx *db.Tx) (bool, error) {
			for _, id := range ids {
				rows, err := mail.About(tx, refWish, id)
				if err != nil {
					return false, err
				}
				ended := len(rows) > 0
				for _, x := range rows {
					ended = ended && x.State != "queued"
				}
				if !ended {
					continue
				}
				if err := waitlist.Forget(tx, d.Vault, id); err != nil && !fault.Is(err, "not_found") {
					return false, err
				}
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		after = ids[len(ids)-1]
	}
}
