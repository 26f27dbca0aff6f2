package notice

import (
	"fmt"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/support"
)

// mayHaveLeft is after how long a buyer may have closed the page on which he would have read
// how the purchase ended.
const mayHaveLeft = 60 * time.Second

// ofPurchase says whom to tell that a purchase came to nothing: the buyer, when he may
// have left, or when money may have moved; nobody when he ended it himself.
func ofPurchase(q db.Q, d Deps, ref db.ID) (addressee, error) {
	p, err := checkout.ByID(q, ref)
	if err != nil {
		return addressee{}, err
	}
	if p.State != checkout.Refused && p.State != checkout.Expired {
		return addressee{}, nil
	}
	still := p.Money == checkout.NotMoved || p.Money == ""
	if still && !gone(p) && (p.Reason == string(payment.BuyerLeft) || p.Reason == checkout.ReasonMoved || p.Changed.Sub(p.Created) <= mayHaveLeft) {
		return addressee{}, nil
	}
	return addressee{p.Person, p.Lang}, nil
}

// gone: the buyer paid, and the goods were not there any more.
func gone(p checkout.Purchase) bool { return p.Reason == checkout.AlarmGone }

// ended tells how a purchase came to nothing.
func ended(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	p, err := checkout.ByID(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	who, err := checkout.ContactOf(q, d.Vault, p, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.ended.title")}
	t.Parts = append(t.Parts, mail.Part{Text: checkout.Message(l, p, method(l, p.Method))})
	switch {
	case gone(p):
	case p.Money == checkout.Taken || p.Money == checkout.Returned:
		t.Parts = append(t.Parts, mail.Part{Text: lang.T(l, "moment.money_back", "amount", p.Total)})
	case p.Money == checkout.Unsure:
		t.Parts = append(t.Parts, mail.Part{Text: lang.T(l, "moment.money_unknown")})
	}
	t.Parts = append(t.Parts, mail.Part{Button: &mail.Button{Label: lang.T(l, "notice.see_purchase"), URL: d.url(l, "/purchases/"+p.Token(d.Vault))}})
	t.Foot = []string{lang.T(l, "notice.why.purchase")}
	return finish(who.Email, lang.T(l, "notice.ended.subject"), t, c)
}

// caseReceived tells that a question has come, where to follow it, and when an answer
// is promised. It carries none of the words.
func caseReceived(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	k, err := support.ByID(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	who, err := support.ContactOf(q, d.Vault, k, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	if who.Withdrawal {
		return withdrawalCase(q, d, k, who, l)
	}
	due := k.Due
	if due.IsZero() { // answered before the letter was written
		due = q.Now()
	}
	return caseLetter(q, d, k, l, "notice.case_received", lang.T(l, "support.sent", "weekday", lang.Weekday(l, due), "time", lang.Clock(l, due)))
}

// withdrawalCase acknowledges a withdrawal whose order was not found by number and
// address: what was said and when, as any other (distansavtalslagen 2 kap. 10 a §).
// It tells nothing of an order, for the sender has not shown that one is his.
func withdrawalCase(q db.Q, d Deps, k support.Case, who support.Contact, l lang.Lang) (mail.Message, error) {
	said, err := support.Thread(q, d.Vault, k)
	if err != nil {
		return mail.Message{}, err
	}
	for _, m := range said {
		if m.Unread {
			return mail.Message{}, secret.ErrBroken
		}
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	day, clock := stamp(l, k.Opened)
	whole := lang.T(l, "withdraw.whole")
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.withdrawal.title"), Parts: []mail.Part{
		{Text: lang.T(l, "withdraw.receipt", "date", day, "time", clock, "number", who.OrderNumber, "goods", whole)},
		{Heading: lang.T(l, "notice.withdrawal.said"), Pairs: []mail.Pair{{Key: lang.T(l, "notice.order_number"), Value: who.OrderNumber}, {Key: lang.T(l, "notice.goods"), Value: whole},
			{Key: lang.T(l, "withdraw.name"), Value: who.Name}, {Key: lang.T(l, "withdraw.email"), Value: who.Mail}, {Key: lang.T(l, "notice.withdrawal.when"), Value: day + " " + lang.T(l, "notice.clock", "time", clock)}}}}}
	if len(said) > 0 && said[0].Body != whole {
		t.Parts = append(t.Parts, mail.Part{Quote: said[0].Body})
	}
	t.Parts = append(t.Parts, mail.Part{Heading: lang.T(l, "withdraw.then"), Text: lang.T(l, "notice.withdrawal.search")},
		mail.Part{Button: &mail.Button{Label: lang.T(l, "notice.see_case"), URL: d.url(l, "/cases/"+k.Token(d.Vault))}})
	t.Foot = []string{lang.T(l, "notice.why.withdrawal", "number", who.OrderNumber)}
	return finish(who.Mail, lang.T(l, "notice.withdrawal.subject", "number", who.OrderNumber), t, c)
}

// caseAnswered tells that there is an answer to read.
func caseAnswered(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	k, err := support.OfMessage(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	return caseLetter(q, d, k, l, "notice.case_answered", lang.T(l, "notice.case_answered.text"))
}

func caseLetter(q db.Q, d Deps, k support.Case, l lang.Lang, key, text string) (mail.Message, error) {
	who, err := support.ContactOf(q, d.Vault, k, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	num := fmt.Sprint(k.Number)
	t := mail.Letter{Lang: l, Title: lang.T(l, key+".title"), Parts: []mail.Part{{Text: text},
		{Button: &mail.Button{Label: lang.T(l, "notice.see_case"), URL: d.url(l, "/cases/"+k.Token(d.Vault))}}, {Text: lang.T(l, "notice.case_link")}},
		Foot: []string{lang.T(l, "notice.why.case", "number", num)}}
	return finish(who.Mail, lang.T(l, key+".subject", "number", num), t, c)
}
