package notice

import (
	"context"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
)

// registerGifts gives the runner the letters about gift cards. A code is made when the
// letter is rendered; of a letter that is about nothing else the copy is dropped once it
// is sent.
func registerGifts(r *job.Runner, d Deps) {
	for _, k := range []kind{
		{name: giftcard.JobIssued, refKind: "gift_card", who: ofCard, write: cardIssued},
		{name: giftcard.JobSold, refKind: "order", who: ofOrder, write: cardsSold},
	} {
		r.Handle(k.name, job.Opts{}, func(ctx context.Context, j job.Job) error { return queue(ctx, d, k, j.Ref) })
		renderWith(d, k.name, mail.KindOpts{Forget: true}, k.write)
	}
	k := kind{name: giftcard.JobBack, refKind: "gift_card_entry", who: ofEntry, write: cardBack}
	r.Handle(k.name, job.Opts{}, func(ctx context.Context, j job.Job) error { return queue(ctx, d, k, j.Ref) })
	render(d, k.name, k.write)
}

func ofCard(q db.Q, d Deps, ref db.ID) (addressee, error) {
	c, err := giftcard.ByID(q, ref)
	if err != nil {
		return addressee{}, err
	}
	if c.Order > 0 {
		return ofOrder(q, d, c.Order)
	}
	return addressee{c.Person, c.Lang}, nil
}

func ofEntry(q db.Q, d Deps, ref db.ID) (addressee, error) {
	e, err := giftcard.EntryByID(q, ref)
	if err != nil {
		return addressee{}, err
	}
	return ofOrder(q, d, e.Order)
}

// cardParts are the cards with their codes: for their owner's letter alone.
func cardParts(d Deps, cards []giftcard.Card, l lang.Lang) []mail.Part {
	parts := []mail.Part{{Heading: lang.T(l, "notice.gift.title"), Text: lang.T(l, "notice.gift.text")}}
	for _, c := range cards {
		if c.State != giftcard.Active { // given back between
			continue
		}
		parts = append(parts, mail.Part{Pairs: []mail.Pair{{Key: lang.T(l, "notice.gift.code"), Value: c.Code(d.Vault)}, {Key: lang.T(l, "notice.gift.worth"), Value: lang.Money(l, c.Issued)},
			{Key: lang.T(l, "notice.gift.until"), Value: lang.DateYear(l, c.Expires)}}})
	}
	return append(parts, mail.Part{Button: &mail.Button{Label: lang.T(l, "notice.gift.left"), URL: d.url(l, "/gift-card")}})
}

// bought are the cards that an order bought and has paid; none for other orders.
func bought(q db.Q, d Deps, o order.Order, l lang.Lang) ([]mail.Part, error) {
	if !o.Draft.HasGiftCards() {
		return nil, nil
	}
	cards, err := giftcard.OfOrder(q, o.ID)
	if err != nil || len(cards) == 0 {
		return nil, err
	}
	return cardParts(d, cards, l), nil
}

// cardsSold sends the cards of an order that was paid after it had been placed.
func cardsSold(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	o, err := order.ByID(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	parts, err := bought(q, d, o, l)
	if err != nil {
		return mail.Message{}, err
	}
	if len(parts) == 0 {
		return mail.Message{}, mail.ErrDrop
	}
	return cardLetter(q, d, o, l, lang.T(l, "notice.gift.sold", "number", o.NumberString()), parts)
}

// cardIssued sends a card that staff issued, or that takes the place of one that had ended.
func cardIssued(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	c, err := giftcard.ByID(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	if c.State != giftcard.Active {
		return mail.Message{}, mail.ErrDrop
	}
	parts := cardParts(d, []giftcard.Card{c}, l)
	if c.Order > 0 {
		o, err := order.ByID(q, c.Order)
		if err != nil {
			return mail.Message{}, err
		}
		return cardLetter(q, d, o, l, lang.T(l, "notice.gift.instead", "number", o.NumberString()), parts)
	}
	to, err := giftcard.MailOf(q, d.Vault, c, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	company, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	t := mail.Letter{Lang: l, Title: lang.T(l, "gift_card.title"), Parts: append([]mail.Part{{Text: lang.T(l, "notice.gift.given")}}, parts...), Foot: []string{lang.T(l, "notice.gift.why")}}
	return finish(to, lang.T(l, "notice.gift.subject", "shop", company.Shop), t, company)
}

func cardLetter(q db.Q, d Deps, o order.Order, l lang.Lang, first string, parts []mail.Part) (mail.Message, error) {
	who, err := order.ContactOf(q, d.Vault, o, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	company, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	t := mail.Letter{Lang: l, Title: lang.T(l, "gift_card.title"), Parts: append([]mail.Part{{Text: first}}, parts...), Foot: []string{lang.T(l, "notice.why.order", "number", o.NumberString())}}
	t.Parts = append(t.Parts, mail.Part{Button: &mail.Button{Label: lang.T(l, "notice.see_order"), URL: d.url(l, "/orders/"+o.Token(d.Vault))}})
	return finish(who.Email, lang.T(l, "notice.gift.subject", "shop", company.Shop), t, company)
}

// cardBack tells that money went back to a card.
func cardBack(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	e, err := giftcard.EntryByID(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	c, err := giftcard.ByID(q, e.Card)
	if err != nil {
		return mail.Message{}, err
	}
	o, err := order.ByID(q, e.Order)
	if err != nil {
		return mail.Message{}, err
	}
	who, err := order.ContactOf(q, d.Vault, o, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	company, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	num := o.NumberString()
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.gift_back.title"), Parts: []mail.Part{{Text: lang.T(l, "notice.gift_back.text", "amount", money.New(e.Amount, c.Issued.Currency), "last4", c.Last4)},
		{Button: &mail.Button{Label: lang.T(l, "notice.see_order"), URL: d.url(l, "/orders/"+o.Token(d.Vault))}}}, Foot: []string{lang.T(l, "notice.why.order", "number", num)}}
	return finish(who.Email, lang.T(l, "notice.gift_back.subject", "number", num), t, company)
}
