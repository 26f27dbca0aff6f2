package admin

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// giftRoutes: who may give money back may issue and end cards, which are money owed.
func (a *Admin) giftRoutes() []web.Route {
	read, money := web.Staff(auth.OrdersRead), web.Staff(auth.RefundsWrite)
	return []web.Route{
		a.page(get, "/admin/gift-cards", read, (*visit).giftCards),
		a.page(get, "/admin/gift-cards/new", money, (*visit).newGiftCard),
		a.page(post, "/admin/gift-cards/new", money, (*visit).issueGiftCard),
		a.page(get, "/admin/gift-cards/{id}", read, (*visit).giftCard),
		a.page(post, "/admin/gift-cards/{id}/cancel", money, (*visit).cancelGiftCard),
		a.page(post, "/admin/gift-cards/{id}/extend", money, (*visit).extendGiftCard),
	}
}

var giftTabs = []tab{{"", "gift_cards.all"}, {giftcard.Active, "gift_cards.active"}, {giftcard.Cancelled, "gift_cards.cancelled"}}

func giftPath(id db.ID) string { return "/admin/gift-cards/" + id.String() }

// giftCards lists the cards, newest first, with what is owed to their owners in all for
// who may see sums of the shop. A code stands nowhere here: staff know its last four characters.
func (v *visit) giftCards() error {
	show, before, qv, err := v.listQuery(giftTabs, "last4")
	if err != nil {
		return err
	}
	last4 := qv.Get("last4")
	if i := len(last4) - 4; i > 0 {
		// A whole code was typed: no more of it is used, shown, or kept in an address.
		return web.SeeOther(v.w, v.r, query("/admin/gift-cards", "show", show, "last4", strings.ToValidUTF8(last4[i:], "")))
	}
	type list struct {
		cs           []giftcard.Card
		owed, lapsed int64
		now          time.Time
	}
	got, err := read(v, func(q *db.Reader) (l list, err error) {
		l.now = q.LegalNow()
		if l.cs, err = giftcard.List(q, v.by, giftcard.Filter{State: show, Last4: last4}, before, pageSize+1); err != nil {
			return l, err
		}
		if v.by.Has(auth.FiguresRead) {
			l.owed, l.lapsed, err = giftcard.Owed(q, v.by, v.Currency)
		}
		return l, err
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("gift_cards.title"), Empty: v.t("gift_cards.none"),
		Cols: []ui.Column{{Text: v.t("col.gift_card")}, {Text: v.t("col.state")}, {Text: v.t("col.made")}, {Text: v.t("col.valid_to")}, {Text: v.t("col.issued"), Num: true}, {Text: v.t("col.left"), Num: true}}}
	if show != "" || last4 != "" {
		t.EmptyURL, t.EmptyGo = "/admin/gift-cards", v.t("show_all")
	}
	for _, c := range paged(&t, got.cs, before, func(c giftcard.Card) db.ID { return c.ID }, "/admin/gift-cards", "show", show, "last4", last4) {
		state := v.giftState(c, got.now)
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: v.t("gift_card.last4", "last4", c.Last4), Sub: v.word("gift_card.origin.", c.Origin), URL: giftPath(c.ID)}, state, {Text: v.day(c.Created)}, {Text: lang.DateYear(v.l, c.Expires)},
			{Text: lang.Money(v.l, c.Issued)}, {Text: lang.Money(v.l, c.Balance)}}})
	}
	s := view.Shell{Title: v.t("gift_cards.title"), Lead: v.t("gift_cards.lead")}
	if v.by.Has(auth.RefundsWrite) {
		s.Head = view.Go(v.l, v.t("gift_card.new"), "/admin/gift-cards/new", true)
	}
	find := view.Form{Action: "/admin/gift-cards", Submit: v.t("find"), Hidden: []view.Pair{{Key: "show", Value: show}}, Fields: []view.Field{{Input: ui.Input{Name: "last4", Label: v.t("gift_cards.find"), Hint: v.t("gift_cards.find.hint"), Value: last4, Max: 4, NoSpell: true, Autocomplete: "off"}}}}
	var owed view.Block
	if v.by.Has(auth.FiguresRead) {
		owed = view.Panel("owed", v.t("gift_cards.books"), view.Facts(v.l, []view.Pair{{Key: v.t("gift_cards.owed"), Value: lang.Money(v.l, money.New(got.owed, v.Currency)), Sub: v.t("gift_cards.owed.text")},
			{Key: v.t("gift_cards.lapsed"), Value: lang.Money(v.l, money.New(got.lapsed, v.Currency)), Sub: v.t("gift_cards.lapsed.text")}}))
	}
	return v.show(http.StatusOK, s, owed, v.tabs("/admin/gift-cards", show, giftTabs...), view.Filter(v.l, find), view.TableBlock(v.l, t))
}

// giftState is how a card stands, in a word.
func (v *visit) giftState(c giftcard.Card, now time.Time) view.Cell {
	key, tone := "active", ui.OK
	switch {
	case c.State == giftcard.Cancelled:
		key, tone = "cancelled", ui.Plain
	case !now.Before(c.Expires):
		key, tone = "lapsed", ui.Plain
	case c.Balance.Amount == 0:
		key, tone = "empty", ui.Plain
	case c.Held.Amount > 0:
		key, tone = "held", ui.Wait
	}
	return view.Cell{Text: v.t("gift_card.state." + key), Badge: true, Tone: tone}
}

// giftCard is the life of one card.
func (v *visit) giftCard() error { return v.showGiftCard(http.StatusOK, "", ui.Form{}) }

func (v *visit) showGiftCard(code int, of string, form ui.Form) error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	type file struct {
		c       giftcard.Card
		es      []giftcard.Entry
		numbers map[db.ID]string
		letters []mail.Row
		now     time.Time
		leave   auth.Opened // what the visitor has opened of this card
		shut    bool        // whom it was mailed to has asked for restriction
		gone    bool        // whom it was mailed to is erased
		to      string      // where it was mailed; masked unless it is open
	}
	f, err := read(v, func(q *db.Reader) (f file, err error) {
		f.now, f.numbers = q.LegalNow(), map[db.ID]string{}
		if f.c, f.es, err = giftcard.One(q, v.by, id); err != nil {
			return f, err
		}
		for _, o := range append([]giftcard.Entry{{Order: f.c.Order}}, f.es...) {
			if _, known := f.numbers[o.Order]; known || o.Order == 0 {
				continue
			}
			x, err := order.ByID(q, o.Order)
			if err != nil {
				return f, err
			}
			f.numbers[o.Order] = x.NumberString()
		}
		if f.leave, err = v.by.Opened(q, "gift_card", id); err != nil {
			return f, err
		}
		if f.shut, err = restricted(q, f.c.Person); err != nil {
			return f, err
		}
		f.to, _, err = giftcard.Seen(q, v.Vault, f.c, f.leave)
		switch {
		case unreadable(err):
			f.to = v.t("sight.unreadable")
		case errors.Is(err, secret.ErrErased):
			f.gone, f.to = true, v.t("buyer.erased")
		case err != nil:
			return f, err
		}
		f.letters, err = mail.About(q, "gift_card", id)
		return f, err
	})
	if err != nil {
		return err
	}
	c, m := f.c, func(n int64) string { return lang.Money(v.l, money.New(n, f.c.Issued.Currency)) }
	facts := []view.Pair{{Key: v.t("col.state"), Value: v.giftState(c, f.now).Text}, {Key: v.t("col.issued"), Value: m(c.Issued.Amount), Sub: v.word("gift_card.origin.", c.Origin)}, {Key: v.t("col.left"), Value: m(c.Balance.Amount)}}
	if c.Held.Amount > 0 {
		facts = append(facts, view.Pair{Key: v.t("gift_card.state.held"), Value: m(c.Held.Amount)})
	}
	facts = append(facts, view.Pair{Key: v.t("col.valid_to"), Value: lang.DateYear(v.l, c.Expires)})
	if n := f.numbers[c.Order]; n != "" {
		facts = append(facts, view.Pair{Key: v.t("col.order"), Value: n, URL: "/admin/orders/" + n})
	}
	if c.Reason != "" {
		facts = append(facts, view.Pair{Key: v.t("label.reason"), Value: c.Reason})
	}
	var sight view.Block
	if f.to != "" {
		if !f.gone {
			sight = v.sight("gift_card", id, f.leave, f.shut)
		}
		facts = append(facts, view.Pair{Key: v.t("label.email"), Value: f.to})
	}
	main := []view.Block{view.Panel("", v.t("gift_card.facts"), sight, view.Facts(v.l, facts))}
	if len(f.letters) > 0 {
		main = append(main, v.letterPanel(f.letters))
	}
	if v.by.Has(auth.RefundsWrite) && c.State == giftcard.Active {
		back := func(name string) ui.Form {
			if name == of {
				return form
			}
			return ui.Form{}
		}
		reason := view.Field{Input: ui.Input{Name: "reason", Label: v.t("label.reason"), Hint: v.t("refund.reason.hint"), Max: 200, Needed: true}}
		main = append(main, view.Panel("change", v.t("gift_card.change"),
			view.Fold(v.t("gift_card.extend"), of == "extend", view.FormBlock(v.l, view.Form{Action: giftPath(id) + "/extend", Submit: v.t("gift_card.extend.go"), Form: back("extend"), Fields: append([]view.Field{
				{Half: true, Input: ui.Input{Name: "expires_on", Label: v.t("label.last_day"), Type: "date", Value: dayField(lastDay(c.Expires)), Short: true, Needed: true}}, reason}, v.proofField()...)})),
			view.Fold(v.t("gift_card.cancel"), of == "cancel", view.Group(view.Quiet(v.t("gift_card.cancel.text")), view.FormBlock(v.l, view.Form{Action: giftPath(id) + "/cancel", Submit: v.t("gift_card.cancel.go"), Danger: true, Form: back("cancel"),
				Fields: append([]view.Field{reason}, v.proofField()...)}))), v.proofLink(giftPath(id))))
	}
	t := view.Table{Caption: v.t("gift_card.life"), Cols: []ui.Column{{Text: v.t("col.at")}, {Text: v.t("col.what")}, {Text: v.t("col.who")}, {Text: v.t("gift_card.moved"), Num: true}, {Text: v.t("gift_card.state.held"), Num: true}}}
	for _, e := range f.es {
		what := view.Cell{Text: v.word("gift_card.entry.", e.Kind), Sub: v.reasonOf(nil, e.Note)}
		if n := f.numbers[e.Order]; n != "" {
			what.Sub, what.URL = strings.TrimSuffix(n+" · "+v.reasonOf(nil, e.Note), " · "), "/admin/orders/"+n
		} else if id, ok := strings.CutPrefix(strings.TrimSuffix(e.Ref, " again"), "purchase "); ok {
			what.URL = "/admin/purchases/" + id
		}
		kind, _, _ := strings.Cut(e.Actor, ":")
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, e.At)}, what, {Text: v.word("actor.", kind)}, {Text: sum(e.Amount, m)}, {Text: sum(e.Held, m)}}})
	}
	title := v.t("gift_card.last4", "last4", c.Last4)
	return v.show(code, view.Shell{Title: title, Crumbs: []ui.Link{{Text: v.t("gift_cards.title"), URL: "/admin/gift-cards"}, {Text: title, URL: giftPath(id)}}},
		view.Beside(view.Group(main...), view.Panel("", v.t("gift_card.life"), view.TableBlock(v.l, t))))
}

// sum is an amount that was moved; a dash for none.
func sum(n int64, m func(int64) string) string {
	if n == 0 {
		return "–"
	}
	return m(n)
}

// newGiftCard is the form of a card that is issued by hand.
func (v *visit) newGiftCard() error { return v.showNewGiftCard(http.StatusOK, ui.Form{}) }

func (v *visit) showNewGiftCard(code int, form ui.Form) error {
	years, err := read(v, func(q *db.Reader) (int64, error) {
		if err := v.by.Need(auth.RefundsWrite); err != nil {
			return 0, err
		}
		return content.GiftCardYears.Get(q)
	})
	if err != nil {
		return err
	}
	fields := []view.Field{
		{Half: true, Input: ui.Input{Name: "amount", Label: v.t("label.amount"), InputMode: "decimal", Short: true, Max: 16, Needed: true}},
		{Half: true, Input: ui.Input{Name: "years", Label: v.t("gift_card.years"), Value: strconv.FormatInt(years, 10), InputMode: "numeric", Short: true, Max: 2, Needed: true}},
		{Half: true, Input: ui.Input{Name: "email", Label: v.t("label.email"), Hint: v.t("gift_card.email.hint"), Type: "email", Max: 254, Autocomplete: "off", NoSpell: true, Needed: true}},
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "lang", Label: v.t("label.lang"), Value: string(lang.SV)}, Options: options(v, "lang.", lang.SV, lang.EN)},
		{Input: ui.Input{Name: "reason", Label: v.t("label.reason"), Hint: v.t("refund.reason.hint"), Max: 200, Needed: true}}}
	title, path := v.t("gift_card.new"), "/admin/gift-cards/new"
	x := view.Form{Action: path, Submit: v.t("gift_card.issue.go"), Form: form, Hidden: []view.Pair{{Key: "key", Value: secret.RandomToken()}}, Fields: append(fields, v.proofField()...)}
	return v.show(code, view.Shell{Title: title, Lead: v.t("gift_card.new.lead"), Crumbs: []ui.Link{{Text: v.t("gift_cards.title"), URL: "/admin/gift-cards"}, {Text: title, URL: path}}},
		view.Panel("", "", view.FormBlock(v.l, x), v.proofLink(path)))
}

// issueGiftCard issues a card and has it mailed.
func (v *visit) issueGiftCard() error {
	in, err := v.r.ReadForm("amount", "years", "email", "lang", "reason", "key", "totp")
	if err != nil {
		return err
	}
	c, err := v.issued(in)
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showNewGiftCard(status(err), v.form(in, err, ""))
	}
	return v.done("gift_card_issued", giftPath(c.ID))
}

func (v *visit) issued(in web.Values) (giftcard.Card, error) {
	var f fault.Fields
	sum, ok := amount(in.Get("amount"), v.Currency)
	if !ok {
		f.Add("/amount", "bad_amount")
	}
	years, ok := whole(in.Get("years"))
	if !ok {
		f.Add("/years", "not_a_number")
	}
	if err := f.Err(); err != nil {
		return giftcard.Card{}, err
	}
	if err := v.prove(in.Get("totp")); err != nil {
		return giftcard.Card{}, err
	}
	l := lang.SV
	if in.Get("lang") == string(lang.EN) {
		l = lang.EN
	}
	return act(v, "gift_card.issue", "gift_card", 0, func(tx *db.Tx) (giftcard.Card, error) {
		if err := v.by.NeedFresh(tx.Now()); err != nil {
			return giftcard.Card{}, err
		}
		if a := v.Desk.Away(); a != nil { // a shop that sells nothing makes no money either
			return giftcard.Card{}, a
		}
		return giftcard.Issue(tx, v.by, v.Vault, giftcard.Gift{Amount: sum, Mail: in.Get("email"), Reason: in.Get("reason"), Lang: l, Years: years, Key: in.Get("key")})
	})
}

// cancelGiftCard ends a card.
func (v *visit) cancelGiftCard() error {
	return v.changeGiftCard("cancel", "gift_card_cancelled", func(tx *db.Tx, id db.ID, in web.Values) error {
		_, err := giftcard.Cancel(tx, v.by, id, in.Get("reason"))
		return err
	})
}

// extendGiftCard moves the last day of a card.
func (v *visit) extendGiftCard() error {
	return v.changeGiftCard("extend", "saved", func(tx *db.Tx, id db.ID, in web.Values) error {
		day, ok := date(in.Get("expires_on"))
		if !ok || day.IsZero() {
			return fault.Invalid(fault.Field{Pointer: "/expires_on", Code: "bad_date"})
		}
		_, err := giftcard.Extend(tx, v.by, id, day.AddDate(0, 0, 1), in.Get("reason"))
		return err
	})
}

func (v *visit) changeGiftCard(name, said string, fn func(tx *db.Tx, id db.ID, in web.Values) error) error {
	in, err := v.r.ReadForm("expires_on", "reason", "totp")
	if err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if err = v.prove(in.Get("totp")); err == nil {
		err = v.do("gift_card."+name, "gift_card", id, func(tx *db.Tx) error {
			if err := v.by.NeedFresh(tx.Now()); err != nil {
				return err
			}
			return fn(tx, id, in)
		})
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showGiftCard(status(err), name, v.form(in, err, ""))
	}
	return v.done(said, giftPath(id))
}
