package notice

import (
	"context"
	"errors"
	"slices"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/support"
)

// Deps is what letters need.
type Deps struct {
	DB       *db.DB
	Vault    *secret.Vault
	Mail     *mail.Mailer
	Auth     *auth.Auth
	Accounts *account.Accounts // nil: no customers sign in
	Base     string            // public address of the shop, without a slash at the end
	Office   string            // of the back office; empty: Base
	Carriers fulfilment.Carriers
}

// KindCopy is the letter that tells an order's buyer of a withdrawal whose
// acknowledgement went to another address.
const KindCopy = "notice.withdrawal_copy"

// addressee is whom a letter about a row concerns; no person means no letter.
type addressee struct {
	person db.ID
	lang   lang.Lang
}

// kind is one sort of letter: the job that asks for it has the same name.
type kind struct {
	name    string // of the job and the letter
	refKind string
	who     func(q db.Q, d Deps, ref db.ID) (addressee, error)
	write   func(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error)
	more    string // a second letter of another kind about the same row
}

var kinds = []kind{
	{name: checkout.JobPlaced, refKind: "order", who: ofOrder, write: confirmation},
	{name: checkout.JobUnpaid, refKind: "purchase", who: ofPurchase, write: ended},
	{name: checkout.JobReceipt, refKind: "order", who: ofOrder, write: receiptLetter},
	{name: fulfilment.JobShipped, refKind: "parcel", who: ofParcel, write: shipped},
	{name: returns.JobRefunded, refKind: "refund", who: ofRefund, write: refunded},
	{name: returns.JobWithdrawal, refKind: "return", who: ofReturn, write: acknowledgement, more: KindCopy},
	{name: returns.JobAnswered, refKind: "return", who: ofReturn, write: answered},
	{name: support.JobReceived, refKind: "case", who: ofCase, write: caseReceived},
	{name: support.JobAnswered, refKind: "case_message", who: ofMessage, write: caseAnswered},
}

// Register gives the runner the jobs that ask for letters, and the mailer their
// renderers. Call it once, before the runner starts.
func Register(r *job.Runner, d Deps) {
	for _, k := range append(slices.Clone(kinds), privacyKinds...) {
		r.Handle(k.name, job.Opts{}, func(ctx context.Context, j job.Job) error { return queue(ctx, d, k, j.Ref) })
		render(d, k.name, k.write)
	}
	render(d, KindCopy, acknowledgementCopy)
	registerStaff(r, d)
	registerCaller(r, d)
	registerAlarm(r, d)
	registerBack(r, d)
	registerGifts(r, d)
	registerAccounts(r, d)
}

func render(d Deps, name string, write func(db.Q, Deps, db.ID, lang.Lang) (mail.Message, error)) {
	renderWith(d, name, mail.KindOpts{}, write)
}

func renderWith(d Deps, name string, o mail.KindOpts, write func(db.Q, Deps, db.ID, lang.Lang) (mail.Message, error)) {
	d.Mail.Render(name, o, func(ctx context.Context, base *db.DB, ref db.ID, l lang.Lang) (mail.Message, error) {
		return db.Read(ctx, base, func(q *db.Reader) (mail.Message, error) {
			m, err := write(q, d, ref, l)
			if errors.Is(err, secret.ErrErased) {
				err = mail.ErrDrop
			}
			return m, err
		})
	})
}

// queue turns a job into a letter of the outbox, once.
func queue(ctx context.Context, d Deps, k kind, ref db.ID) error {
	return db.Do(ctx, d.DB, func(tx *db.Tx) error {
		a, err := k.who(tx, d, ref)
		if errors.Is(err, db.ErrNotFound) { // erased, or undone: nobody to tell
			return nil
		}
		if err != nil || a.person == 0 {
			return err
		}
		for _, name := range []string{k.name, k.more} {
			if name == "" {
				continue
			}
			if _, err := mail.Queue(tx, mail.Spec{Kind: name, RefKind: k.refKind, Ref: ref, Person: a.person, Lang: a.lang, Once: true}); err != nil {
				return err
			}
		}
		return nil
	})
}

func ofOrder(q db.Q, _ Deps, ref db.ID) (addressee, error) {
	o, err := order.ByID(q, ref)
	return addressee{o.Person, o.Lang}, err
}

func ofParcel(q db.Q, d Deps, ref db.ID) (addressee, error) {
	p, err := fulfilment.ParcelByID(q, ref)
	if err != nil {
		return addressee{}, err
	}
	return ofOrder(q, d, p.Order)
}

func ofReturn(q db.Q, _ Deps, ref db.ID) (addressee, error) {
	r, err := returns.ByID(q, ref)
	return addressee{r.Person, r.Lang}, err
}

func ofCase(q db.Q, _ Deps, ref db.ID) (addressee, error) {
	c, err := support.ByID(q, ref)
	return addressee{c.Person, c.Lang}, err
}

func ofMessage(q db.Q, _ Deps, ref db.ID) (addressee, error) {
	c, err := support.OfMessage(q, ref)
	return addressee{c.Person, c.Lang}, err
}

// officeURL is url for a page of the back office.
func (d Deps) officeURL(l lang.Lang, path string) string {
	if d.Office == "" {
		return d.url(l, path)
	}
	return strings.TrimSuffix(d.Office, "/") + lang.Path(l, path)
}

// url is a page of the shop in the language.
func (d Deps) url(l lang.Lang, path string) string {
	return strings.TrimSuffix(d.Base, "/") + lang.Path(l, path)
}

// finish makes a message of a letter.
func finish(to, subject string, t mail.Letter, c content.CompanyFacts, att ...mail.Attachment) (mail.Message, error) {
	t.Shop = c.Shop
	t.Foot = append(t.Foot, foot(t.Lang, c)...)
	text, html, err := t.Body()
	return mail.Message{To: to, Subject: subject, Text: text, HTML: html, Lang: t.Lang, Attachments: att}, err
}

// foot tells who writes, under every letter (e-handelslagen 8 §).
func foot(l lang.Lang, c content.CompanyFacts) []string {
	vat := c.OrgNumber
	if c.VATNumber != "" {
		vat += ", " + c.VATNumber
	}
	out := []string{c.Name + ", " + vat, c.Address(), c.Mail + ", " + c.Phone}
	if c.Example {
		out = append(out, lang.T(l, "notice.example"))
	}
	return out
}

// goods names pieces of an order's lines in one sentence.
func goods(o order.Order, l lang.Lang, n map[db.ID]int64) string {
	var out []string
	for _, x := range o.Lines {
		if n[x.ID] > 0 {
			out = append(out, lang.Number(l, n[x.ID])+" × "+name(x.DraftLine, l))
		}
	}
	return lang.List(l, out)
}

func name(x order.DraftLine, l lang.Lang) string {
	s := x.Title(l)
	if x.Options != "" {
		s += ", " + x.Options
	}
	return s
}
