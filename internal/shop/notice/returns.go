package notice

import (
	"fmt"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/pdf"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/returns"
)

// refundDays is how long a refund takes to show, in banking days.
const refundDays = 5

// stamp is an instant with day, clock and zone, as the acknowledgement of a
// withdrawal has to have it.
func stamp(l lang.Lang, t time.Time) (day, clock string) {
	at := t.In(lang.Zone)
	return lang.Weekday(l, t) + " " + lang.DateYear(l, t), lang.Clock(l, t) + " (" + at.Format("MST, UTC-07:00") + ")"
}

// acknowledgement tells the buyer that his withdrawal was received: what it is about, what he
// said, and when, on a durable medium (distansavtalslagen 2 kap. 10 a §).
func acknowledgement(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	return acknowledge(q, d, ref, l, func(st returns.Statement, who order.Contact) (string, bool) { return st.Mail, true })
}

// acknowledgementCopy goes to the order's own address when the acknowledgement went to
// another.
func acknowledgementCopy(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	return acknowledge(q, d, ref, l, func(st returns.Statement, who order.Contact) (string, bool) {
		return who.Email, who.Email != st.Mail
	})
}

func acknowledge(q db.Q, d Deps, ref db.ID, l lang.Lang, to func(returns.Statement, order.Contact) (string, bool)) (mail.Message, error) {
	r, err := returns.ByID(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	o, err := order.ByID(q, r.Order)
	if err != nil {
		return mail.Message{}, err
	}
	st, err := returns.StatementOf(q, d.Vault, r, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	who, err := order.ContactOf(q, d.Vault, o, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	address, wanted := to(st, who)
	if !wanted {
		return mail.Message{}, mail.ErrDrop
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	n := map[db.ID]int64{}
	for _, x := range r.Lines {
		n[x.Line] += x.Quantity
	}
	day, clock := stamp(l, r.Stated)
	num := o.NumberString()
	what := goods(o, l, n)
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.withdrawal.title"), Parts: []mail.Part{
		{Text: lang.T(l, "withdraw.receipt", "date", day, "time", clock, "number", num, "goods", what)},
		{Heading: lang.T(l, "notice.withdrawal.said"), Pairs: []mail.Pair{{Key: lang.T(l, "notice.order_number"), Value: num}, {Key: lang.T(l, "notice.goods"), Value: what},
			{Key: lang.T(l, "withdraw.name"), Value: st.Name}, {Key: lang.T(l, "withdraw.email"), Value: st.Mail}, {Key: lang.T(l, "notice.withdrawal.when"), Value: day + " " + lang.T(l, "notice.clock", "time", clock)}}}}}
	if st.Text != "" {
		t.Parts = append(t.Parts, mail.Part{Quote: st.Text})
	}
	var then []string
	if send := r.ToSend(); send > 0 {
		then = append(then, lang.T(l, "notice.withdrawal.send", "date", lang.DateYear(l, r.SendBackBy()), "company", c.Name, "address", c.Address()))
		then = append(then, lang.T(l, "notice.withdrawal.money", "date", lang.DateYear(l, r.RefundBy)))
	} else {
		then = append(then, lang.T(l, "notice.withdrawal.unsent"))
		if o.PaidInAll().Amount > 0 {
			then = append(then, lang.T(l, "notice.withdrawal.refund", "date", lang.DateYear(l, r.RefundBy)))
		} else {
			then = append(then, lang.T(l, "notice.withdrawal.nothing"))
		}
	}
	if len(r.Disputed) > 0 {
		then = append(then, lang.T(l, "notice.withdrawal.look"))
	}
	t.Parts = append(t.Parts, mail.Part{Heading: lang.T(l, "withdraw.then"), Text: strings.Join(then, "\n\n")},
		mail.Part{Button: &mail.Button{Label: lang.T(l, "notice.see_order"), URL: d.url(l, "/orders/"+o.Token(d.Vault))}})
	if address != who.Email { // the link opens the order: it goes to the order's own address only
		t.Parts = t.Parts[:len(t.Parts)-1]
	}
	t.Foot = []string{lang.T(l, "notice.why.withdrawal", "number", num)}
	return finish(address, lang.T(l, "notice.withdrawal.subject", "number", num), t, c)
}

// answered tells why a return was not accepted, or not in full, and where the buyer can
// turn (lag 2015:671).
func answered(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	r, err := returns.ByID(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	o, err := order.ByID(q, r.Order)
	if err != nil {
		return mail.Message{}, err
	}
	who, err := order.ContactOf(q, d.Vault, o, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	answer, err := returns.AnswerOf(q, d.Vault, r)
	if err != nil {
		return mail.Message{}, err
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	verdict := "partly"
	if r.State == returns.Rejected {
		verdict = "rejected"
	}
	num := o.NumberString()
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.return.title"), Parts: []mail.Part{{Text: lang.T(l, "notice.return."+verdict, "number", num)}, {Quote: answer},
		{Heading: lang.T(l, "notice.arn.title"), Text: lang.T(l, "notice.arn.text")},
		{Button: &mail.Button{Label: lang.T(l, "notice.see_order"), URL: d.url(l, "/orders/"+o.Token(d.Vault))}}}}
	t.Foot = []string{lang.T(l, "notice.why.order", "number", num)}
	return finish(who.Email, lang.T(l, "notice.return.subject", "number", num), t, c)
}

// refundOf finds what a refund is about: its order, or the purchase that came to
// nothing.
func refundOf(q db.Q, ref db.ID) (x payment.RefundRow, p checkout.Purchase, o order.Order, err error) {
	if x, err = payment.RefundByID(q, ref); err != nil {
		return
	}
	i, err := payment.IntentByID(q, x.Intent)
	if err != nil {
		return
	}
	if p, err = checkout.ByID(q, i.Purchase); err != nil {
		return
	}
	if p.Order != 0 {
		o, err = order.ByID(q, p.Order)
	}
	return
}

func ofRefund(q db.Q, _ Deps, ref db.ID) (addressee, error) {
	_, p, _, err := refundOf(q, ref)
	return addressee{p.Person, p.Lang}, err
}

// refunded tells that money is on its way back, with the credit note.
func refunded(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	x, p, o, err := refundOf(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	how := method(l, p.Method)
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.refunded.title"), Parts: []mail.Part{{Text: lang.N(l, "refund.done", refundDays, "amount", x.Amount, "method", how)}}}
	if o.ID == 0 {
		who, err := checkout.ContactOf(q, d.Vault, p, auth.OwnWork())
		if err != nil {
			return mail.Message{}, err
		}
		if !gone(p) { // the letter about goods that were gone has said why
			t.Parts = append(t.Parts, mail.Part{Text: lang.T(l, "notice.refunded.no_order")})
		}
		t.Parts = append(t.Parts, mail.Part{Button: &mail.Button{Label: lang.T(l, "notice.see_purchase"), URL: d.url(l, "/purchases/"+p.Token(d.Vault))}})
		t.Foot = []string{lang.T(l, "notice.why.purchase")}
		return finish(who.Email, lang.T(l, "notice.refunded.subject_purchase"), t, c)
	}
	who, err := order.ContactOf(q, d.Vault, o, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	num := o.NumberString()
	t.Parts = append(t.Parts, mail.Part{Pairs: []mail.Pair{{Key: lang.T(l, "notice.order_number"), Value: num}, {Key: lang.T(l, "notice.refunded.amount"), Value: lang.Money(l, x.Amount)}, {Key: lang.T(l, "notice.refunded.all"), Value: lang.Money(l, o.Refunded)}}},
		mail.Part{Button: &mail.Button{Label: lang.T(l, "notice.see_order"), URL: d.url(l, "/orders/"+o.Token(d.Vault))}})
	t.Foot = []string{lang.T(l, "notice.why.order", "number", num)}
	att, err := creditNote(q, o, x, who, l)
	if err != nil {
		return mail.Message{}, err
	}
	return finish(who.Email, lang.T(l, "notice.refunded.subject", "number", num), t, c, att...)
}

// creditNote finds the credit note of a refund: the first of its amount and reason that
// was written after the refund was asked for.
func creditNote(q db.Q, o order.Order, x payment.RefundRow, who order.Contact, l lang.Lang) ([]mail.Attachment, error) {
	docs, err := order.Documents(q, o.ID)
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		if doc.Kind != "credit_note" || !doc.Amount.Neg().Equal(x.Amount) || doc.Reason != x.Reason || doc.ID < x.ID {
			continue
		}
		c, err := content.CompanyAt(q, doc.At)
		if err != nil {
			return nil, err
		}
		b, err := pdf.Render(ReceiptDoc(o, doc, who, c, l))
		if err != nil {
			return nil, err
		}
		return []mail.Attachment{{Name: FileName(o, doc, l), Type: "application/pdf", Data: b}}, nil
	}
	return nil, fmt.Errorf("notice: refund %s has no credit note", x.ID)
}
