package storefront

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// about is what a question is about, found by what the page carried along.
type about struct {
	words  string // to people; empty: nothing
	plain  string // for staff, without keys
	order  db.ID
	mail   string // of the order's buyer, for who holds its link
	name   string
	number string
	keep   []view.Hidden
	topic  string
}

// subject finds what the question is about: the order or purchase whose link was
// followed, or a product. What does not exist is nothing.
func (s *Store) subject(q db.Q, v web.Values, l lang.Lang) (a about, err error) {
	keep := func(name string) { a.keep = append(a.keep, view.Hidden{Name: name, Value: v.Get(name)}) }
	var o order.Order
	switch {
	case v.Get("about_order") != "":
		if o, err = s.orderBy(q, v.Get("about_order")); err == nil {
			keep("about_order")
		}
	case v.Get("about_purchase") != "":
		var p checkout.Purchase
		if p, err = checkout.ByToken(q, s.Vault, v.Get("about_purchase")); err == nil {
			keep("about_purchase")
			a.words, a.plain, a.topic = lang.T(l, "support.about.purchase", "date", lang.DateTime(l, p.Created)), "purchase "+p.ID.String(), "order"
			if p.Order > 0 {
				o, err = order.ByID(q, p.Order)
			}
		}
	case v.Get("about_product") != "":
		var p *catalog.Product
		if p, _, err = catalog.ByHandle(q, v.Get("about_product")); err == nil && p != nil {
			keep("about_product")
			a.words, a.plain, a.topic = p.Texts.In(l).Title, "product "+p.Handle, "product"
		}
	}
	if fault.Is(err, "not_found") {
		return about{}, nil
	}
	if err != nil || o.ID == 0 {
		return a, err
	}
	a.order, a.number, a.topic = o.ID, o.NumberString(), "order"
	a.words = lang.T(l, "order.title", "number", a.number)
	a.plain = "order " + a.number
	c, _, err := opened(order.ContactOf(q, s.Vault, o, auth.Holder(o.Person))) // the buyer writes it himself then
	a.mail, a.name = c.Email, c.Name
	return a, err
}

// support is "/support". A link may say what it is about.
func (s *Store) support(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery("order", "purchase", "product", "topic")
	if err != nil {
		return err
	}
	v := web.Values{}
	for _, n := range []string{"order", "purchase", "product"} {
		if qv.Has(n) {
			v["about_"+n] = []string{qv.Get(n)}
		}
	}
	form := ui.Form{}
	if slices.Contains(support.Kinds, qv.Get("topic")) {
		form.Set("topic", qv.Get("topic"))
	}
	return s.showSupport(w, r, http.StatusOK, v, form)
}

func (s *Store) showSupport(w http.ResponseWriter, r *web.Request, status int, v web.Values, form ui.Form) error {
	l := r.Lang
	p, err := read(s, r.Context(), func(q *db.Reader) (view.Support, error) {
		sh, err := s.shell(q, r, "/support")
		if err != nil {
			return view.Support{}, err
		}
		a, err := s.subject(q, v, l)
		if err != nil {
			return view.Support{}, err
		}
		p := view.Support{Shell: sh, Form: form, About: a.words, Keep: a.keep}
		if _, typed := form.Values["email"]; !typed {
			p.Form.Set("email", a.mail)
			p.Form.Set("name", a.name)
			p.Form.Set("order", a.number)
		}
		key := form.Value("key")
		if key == "" {
			key = secret.RandomToken()
		}
		p.Keep = append(p.Keep, view.Hidden{Name: "key", Value: key})
		topic := or(form.Value("topic"), or(a.topic, "other"))
		for _, k := range support.Kinds {
			p.Topics = append(p.Topics, ui.Option{Value: k, Label: lang.T(l, "support.topic."+k), Selected: k == topic})
		}
		if _, late, err := support.Queue(q); err != nil {
			return p, err
		} else if late > 0 {
			p.Busy = lang.T(l, "support.busy")
		}
		p.Common = []ui.Link{{Text: lang.T(l, "nav.find_order"), URL: "/orders/find"}, {Text: lang.T(l, "foot.delivery"), URL: "/pages/frakt"},
			{Text: lang.T(l, "foot.returns"), URL: "/pages/angerratt"}, {Text: lang.T(l, "withdraw.link"), URL: "/withdraw"}}
		return p, nil
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, status, view.SupportPage(p))
}

var supportFields = []string{"topic", "message", "order", "name", "email", "key", "about_order", "about_purchase", "about_product"}

// ask is POST /support: it opens a case and leads to its page.
func (s *Store) ask(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm(supportFields...)
	if err != nil {
		return err
	}
	topic := in.Get("topic")
	if !slices.Contains(support.Kinds, topic) {
		topic = "other"
	}
	c, _, err := db.Write(context.WithoutCancel(r.Context()), s.DB, func(tx *db.Tx) (support.Case, error) {
		a, err := s.subject(tx, in, r.Lang)
		if err != nil {
			return support.Case{}, err
		}
		subject := lang.T(r.Lang, "support.topic."+topic)
		if a.plain != "" {
			subject += " (" + a.plain + ")"
		}
		return support.Open(tx, auth.Guest(r.Peer()), s.Vault, support.NewCase{Name: in.Get("name"), Mail: in.Get("email"), Subject: subject, Body: in.Get("message"),
			OrderNumber: strings.TrimSpace(in.Get("order")), Order: a.order, Kind: topic, Lang: r.Lang, Key: in.Get("key")})
	})
	if fault.Is(err, "invalid") {
		form := ui.FormOf(r.Lang, nil, err)
		form.Values = typed(in).Values
		return s.showSupport(w, r, http.StatusUnprocessableEntity, in, form)
	}
	if err != nil {
		return err
	}
	return web.SeeOther(w, r, "/cases/"+c.Token(s.Vault))
}

// talk is "/cases/{token}": a question and its answers.
func (s *Store) talk(w http.ResponseWriter, r *web.Request) error {
	flash := r.TakeFlash(w)
	return s.showCase(w, r, http.StatusOK, ui.Form{}, flash)
}

func (s *Store) showCase(w http.ResponseWriter, r *web.Request, status int, form ui.Form, flash string) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.Case, err error) {
		c, err := support.ByToken(q, s.Vault, r.PathValue("token"))
		if err != nil {
			return p, err
		}
		path := "/cases/" + c.Token(s.Vault)
		if p.Shell, err = s.shell(q, r, path); err != nil {
			return p, err
		}
		p.Shell.BaseURL = ""
		if flash != "" {
			p.Shell.Flash = lang.T(r.Lang, flash)
		}
		who, instead, err := opened(support.ContactOf(q, s.Vault, c, auth.Holder(c.Person)))
		if err != nil {
			return p, err
		}
		if instead != "" {
			who.Subject = lang.T(r.Lang, instead)
		}
		p.Subject, p.Number, p.AnswerBy, p.Path, p.Form = who.Subject, number(c.Number), c.Due, path, form
		switch {
		case c.State.Waits():
			p.State = "open"
		case c.State == support.Answered:
			p.State = "answered"
		default:
			p.State = "closed"
		}
		if instead == wordsErased { // what was said went with him, and an answer would reach nobody
			p.Erased = true
			return p, nil
		}
		ms, err := support.Thread(q, s.Vault, c)
		if err != nil {
			return p, err
		}
		for _, m := range ms {
			x := view.Message{From: lang.T(r.Lang, "case.you"), At: m.At, Text: m.Body}
			if m.Unread {
				x.Text = lang.T(r.Lang, "page.unreadable")
			}
			if m.Author == "staff" {
				x.From, x.Ours, x.Lang = lang.T(r.Lang, "case.staff", "shop", p.Shell.Company.Shop), true, c.Lang
			}
			p.Messages = append(p.Messages, x)
		}
		return p, nil
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, status, view.CasePage(p))
}

// changeCase runs one step of the conversation and leads back to it.
func (s *Store) changeCase(w http.ResponseWriter, r *web.Request, said string, fn func(tx *db.Tx, by auth.By, token string) (support.Case, error)) error {
	_, _, err := db.Write(context.WithoutCancel(r.Context()), s.DB, func(tx *db.Tx) (support.Case, error) {
		return fn(tx, auth.Guest(r.Peer()), r.PathValue("token"))
	})
	if err != nil {
		return err
	}
	web.SetFlash(w, said)
	return web.SeeOther(w, r, "/cases/"+r.PathValue("token"))
}

// reply is POST /cases/{token}/reply.
func (s *Store) reply(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("message")
	if err != nil {
		return err
	}
	err = s.changeCase(w, r, "flash.case.reply", func(tx *db.Tx, by auth.By, token string) (support.Case, error) {
		return support.Reply(tx, by, s.Vault, token, in.Get("message"))
	})
	if fault.Is(err, "invalid") || fault.Is(err, "case_full") {
		form := ui.FormOf(r.Lang, nil, err)
		form.Values = typed(in).Values
		return s.showCase(w, r, fault.As(err).Kind.Status(), form, "")
	}
	return err
}

// solved is POST /cases/{token}/solved.
func (s *Store) solved(w http.ResponseWriter, r *web.Request) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	return s.changeCase(w, r, "flash.case.closed", func(tx *db.Tx, by auth.By, token string) (support.Case, error) {
		return support.Judge(tx, by, s.Vault, token, true)
	})
}

// reopen is POST /cases/{token}/reopen.
func (s *Store) reopen(w http.ResponseWriter, r *web.Request) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	return s.changeCase(w, r, "flash.case.reply", func(tx *db.Tx, by auth.By, token string) (support.Case, error) {
		return support.Judge(tx, by, s.Vault, token, false)
	})
}
