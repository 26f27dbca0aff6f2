package notice

import (
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/money"
	"kassavalv/internal/pdf"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
)

// confirmation is the one letter of a placed order: confirmation and receipt in one.
// What it says is the list of distansavtalslagen 2 kap. 2 §, in the order in which a
// buyer looks for it.
func confirmation(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	o, err := order.ByID(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	who, err := order.ContactOf(q, d.Vault, o, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	c, err := content.CompanyAt(q, o.PlacedAt)
	if err != nil {
		return mail.Message{}, err
	}
	docs, err := order.Documents(q, o.ID)
	if err != nil {
		return mail.Message{}, err
	}
	if len(docs) == 0 {
		return mail.Message{}, fmt.Errorf("notice: order %s has no receipt", o.ID)
	}
	first := docs[0]
	num := o.NumberString()
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.placed.title"), Preview: lang.T(l, "notice.placed.preview", "number", num)}
	subject := lang.T(l, "notice.placed.subject", "number", num)
	if first.Kind == "invoice" {
		subject = lang.T(l, "notice.placed.subject_invoice", "number", num)
		t.Parts = append(t.Parts, mail.Part{Text: lang.T(l, "notice.placed.invoice", "number", num, "amount", first.Amount, "date", lang.DateYear(l, o.DueAt), "ocr", o.OCR)})
	} else if o.Paper(first) == order.Confirmation {
		subject = lang.T(l, "notice.placed.subject_reserved", "number", num)
		t.Parts = append(t.Parts, mail.Part{Text: lang.T(l, "notice.placed.reserved", "number", num) + " " + ReservedSentence(o, l) + " " + lang.T(l, "notice.placed.reserved.then")})
	} else {
		t.Parts = append(t.Parts, mail.Part{Text: paidSentence(o, first, l)})
	}
	cards, err := bought(q, d, o, l)
	if err != nil {
		return mail.Message{}, err
	}
	t.Parts = append(t.Parts, cards...)
	t.Parts = append(t.Parts, mail.Part{Button: &mail.Button{Label: lang.T(l, "notice.see_order"), URL: d.url(l, "/orders/"+o.Token(d.Vault))}},
		mail.Part{Heading: lang.T(l, "notice.goods"), Table: goodsTable(o, l)}, mail.Part{Pairs: vatPairs(l, o.Draft.Currency, o.Draft.VAT)})
	t.Parts = append(t.Parts, deliveryPart(o, who, l), paymentPart(o, first, l))
	if len(o.Draft.Consents) > 0 { // distansavtalslagen 2 kap. 4 §: the confirmation repeats them
		t.Parts = append(t.Parts, consentPart(o, l))
	}
	t.Parts = append(t.Parts, withdrawalParts(d, o, c, l)...)
	t.Parts = append(t.Parts,
		mail.Part{Heading: lang.T(l, "notice.claim.title"), Text: lang.T(l, "notice.claim.text", "mail", c.Mail, "company", c.Name, "address", c.Address())},
		mail.Part{Button: &mail.Button{Label: lang.T(l, "notice.claim.link"), URL: d.url(l, "/support")}},
		mail.Part{Heading: lang.T(l, "notice.arn.title"), Text: lang.T(l, "notice.arn.text")},
		mail.Part{Heading: lang.T(l, "notice.seller"), Pairs: sellerPairs(l, c)},
		mail.Part{Text: lang.T(l, "notice.terms", "version", o.Draft.TermsVersion)})
	t.Foot = []string{lang.T(l, "notice.why.order", "number", num)}
	att, err := attachments(q, d, o, first, who, c, l)
	if err != nil {
		return mail.Message{}, err
	}
	return finish(who.Email, subject, t, c, att...)
}

// receiptLetter is the receipt of an order whose money was reserved, when all that is owed
// has been taken.
func receiptLetter(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	o, err := order.ByID(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	who, err := order.ContactOf(q, d.Vault, o, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	c, err := content.CompanyAt(q, o.PlacedAt)
	if err != nil {
		return mail.Message{}, err
	}
	docs, err := order.Documents(q, o.ID)
	if err != nil {
		return mail.Message{}, err
	}
	if len(docs) == 0 || o.Paper(docs[0]) != "receipt" {
		return mail.Message{}, mail.ErrDrop // it has become larger again, or is undone
	}
	num := o.NumberString()
	b, err := pdf.Render(ReceiptDoc(o, docs[0], who, c, l))
	if err != nil {
		return mail.Message{}, err
	}
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice.receipt.title"), Foot: []string{lang.T(l, "notice.why.order", "number", num)}, Parts: []mail.Part{
		{Text: lang.T(l, "notice.receipt.text", "number", num, "amount", o.Paid, "method", method(l, o.Method))},
		{Button: &mail.Button{Label: lang.T(l, "notice.see_order"), URL: d.url(l, "/orders/"+o.Token(d.Vault))}}}}
	return finish(who.Email, lang.T(l, "notice.receipt.subject", "number", num), t, c, mail.Attachment{Name: FileName(o, docs[0], l), Type: "application/pdf", Data: b})
}

// attachments are the receipt or invoice, the terms that were agreed to, and the
// withdrawal form (distansavtalslagen 2 kap. 2 a and 4 §§).
func attachments(q db.Q, d Deps, o order.Order, doc order.Document, who order.Contact, c content.CompanyFacts, l lang.Lang) ([]mail.Attachment, error) {
	terms, err := content.PageVersion(q, content.Terms, l, o.Draft.TermsVersion)
	if fault.Is(err, "not_found") { // an order from before the terms had versions
		terms, err = content.Page(q, content.Terms, l, o.PlacedAt)
	}
	if err != nil {
		return nil, err
	}
	form, err := content.Page(q, content.WithdrawalForm, l, o.PlacedAt)
	if err != nil {
		return nil, err
	}
	receipt, err := pdf.Render(ReceiptDoc(o, doc, who, c, l))
	if err != nil {
		return nil, err
	}
	out := []mail.Attachment{{Name: FileName(o, doc, l), Type: "application/pdf", Data: receipt}}
	for _, x := range []struct {
		name string
		page content.PageText
	}{{lang.T(l, "notice.file.terms") + ".pdf", terms}, {lang.T(l, "notice.file.form") + ".pdf", form}} {
		b, err := papers.render(x.page, c, d.Base)
		if err != nil {
			return nil, err
		}
		out = append(out, mail.Attachment{Name: x.name, Type: "application/pdf", Data: b})
	}
	return out, nil
}

// papers keeps the papers that are the same for every order: terms and form of
// a version, in a language, of a company as it stood.
var papers paperCache

type paperKey struct {
	handle, lang, base string
	version, company   int64
}

type paperCache struct {
	mu sync.Mutex
	m  map[paperKey][]byte
}

// maxPapers is far above what a shop has in use at a time.
const maxPapers = 32

func (p *paperCache) render(page content.PageText, c content.CompanyFacts, base string) ([]byte, error) {
	k := paperKey{page.Handle, string(page.Lang), base, page.Version, c.Version}
	p.mu.Lock()
	b := p.m[k]
	p.mu.Unlock()
	if b != nil {
		return b, nil
	}
	b, err := pdf.Render(content.PDF(page, c, base))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m == nil || len(p.m) >= maxPapers {
		p.m = map[paperKey][]byte{}
	}
	p.m[k] = b
	return b, nil
}

// means are the ways an order was paid: gift cards beside another, or alone.
func means(o order.Order, l lang.Lang) string {
	switch {
	case o.Draft.GiftCard.Amount == 0:
		return method(l, o.Method)
	case o.Draft.ToPay.Amount == 0:
		return method(l, giftcard.Method)
	}
	return lang.List(l, []string{method(l, o.Method), method(l, giftcard.Method)})
}

// method is what a way to pay is called inside a sentence.
func method(l lang.Lang, m string) string {
	if key := "method." + m; lang.Has(key) {
		return lang.T(l, key)
	}
	return m
}

func goodsTable(o order.Order, l lang.Lang) *mail.Table {
	t := &mail.Table{Head: []string{lang.T(l, "notice.col.item"), lang.T(l, "notice.col.count"), lang.T(l, "notice.col.price")}}
	for _, x := range o.Lines {
		s := name(x.DraftLine, l)
		if x.Facts != "" {
			s += " · " + x.Facts
		}
		if x.Quantity > 1 {
			s += " · " + lang.T(l, "notice.each", "price", x.Unit)
		}
		t.Rows = append(t.Rows, []string{s, lang.Number(l, x.Quantity), lang.Money(l, x.Total)})
	}
	for _, x := range sums(o, l) {
		t.Totals = append(t.Totals, mail.Pair{Key: x.Label, Value: x.Value})
	}
	return t
}

// sums are the lines below the goods, the last one what is paid.
func sums(o order.Order, l lang.Lang) []pdf.Total {
	dr := o.Draft
	out := []pdf.Total{{Label: lang.T(l, "notice.sum.goods"), Value: lang.Money(l, dr.Goods)}}
	if dr.Discount.Amount > 0 {
		out = append(out, pdf.Total{Label: lang.T(l, "notice.sum.discount"), Value: lang.Money(l, dr.Discount.Neg())})
	}
	out = append(out, pdf.Total{Label: lang.T(l, "notice.sum.delivery"), Value: lang.Money(l, dr.Delivery)})
	if dr.GiftCard.Amount > 0 {
		out = append(out, pdf.Total{Label: lang.T(l, "notice.sum.total"), Value: lang.Money(l, dr.Total)}, pdf.Total{Label: lang.T(l, "notice.sum.gift_card"), Value: lang.Money(l, dr.GiftCard.Neg())})
		return append(out, pdf.Total{Label: lang.T(l, "notice.sum.to_pay"), Value: lang.Money(l, dr.ToPay), Strong: true})
	}
	return append(out, pdf.Total{Label: lang.T(l, "notice.sum.total"), Value: lang.Money(l, dr.Total), Strong: true})
}

func vatPairs(l lang.Lang, currency string, vs []order.VAT) []mail.Pair {
	var out []mail.Pair
	for _, v := range vs {
		out = append(out, mail.Pair{Key: lang.T(l, "notice.vat", "rate", lang.Percent(l, v.RateBP), "gross", money.New(v.Gross, currency)), Value: lang.Money(l, money.New(v.Amount, currency))})
	}
	return out
}

// addressLines are where goods go, as on a parcel.
func addressLines(who order.Contact, a order.Address) string {
	var out []string
	for _, s := range []string{who.Name, who.Company, a.CareOf, a.Line1, a.Line2, strings.TrimSpace(a.PostalCode + " " + a.City)} {
		if s != "" {
			out = append(out, s)
		}
	}
	if a.Country != "" && a.Country != "SE" {
		out = append(out, a.Country)
	}
	return strings.Join(out, "\n")
}

// paidSentence says what was paid and how, gift cards beside another means.
func paidSentence(o order.Order, doc order.Document, l lang.Lang) string {
	num, gift := o.NumberString(), o.Draft.GiftCard
	switch {
	case gift.Amount > 0 && doc.Amount.Amount == 0:
		return lang.T(l, "notice.placed.paid_gift", "number", num, "amount", gift)
	case gift.Amount > 0:
		return lang.T(l, "notice.placed.paid_both", "number", num, "amount", doc.Amount, "method", method(l, o.Method), "gift", gift)
	}
	return lang.T(l, "notice.placed.paid", "number", num, "amount", doc.Amount, "method", method(l, o.Method))
}

// ReservedSentence says that the money of an order is reserved and when it is taken.
func ReservedSentence(o order.Order, l lang.Lang) string {
	if o.State == order.Cancelled || o.ToPay.Amount == 0 {
		return lang.T(l, "reserved.free")
	}
	when := o.Draft.Take
	if when != order.TakePlaced {
		when = order.TakeShipped
	}
	return lang.T(l, "reserved."+when, "method", initial(method(l, o.Method)), "amount", o.Left())
}

func initial(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func deliveryPart(o order.Order, who order.Contact, l lang.Lang) mail.Part {
	sh := o.Draft.Shipping
	p := mail.Part{Heading: lang.T(l, "notice.delivery"), Pairs: []mail.Pair{{Key: lang.T(l, "notice.delivery.how"), Value: sh.Name(l)}}}
	if sh.PointName != "" {
		p.Pairs = append(p.Pairs, mail.Pair{Key: lang.T(l, "notice.delivery.point"), Value: strings.TrimSuffix(sh.PointName+"\n"+sh.PointAddress, "\n")})
	} else if sh.PointID == fulfilment.NearestID {
		p.Pairs = append(p.Pairs, mail.Pair{Key: lang.T(l, "notice.delivery.point"), Value: fulfilment.Nearest(sh.Kind, l).Name})
	}
	if !sh.Earliest.IsZero() {
		p.Pairs = append(p.Pairs, mail.Pair{Key: lang.T(l, "notice.delivery.when"), Value: lang.DateRange(l, sh.Earliest, sh.Latest)})
	}
	if sh.Kind != "digital" && sh.Kind != "store" {
		p.Pairs = append(p.Pairs, mail.Pair{Key: lang.T(l, "notice.delivery.to"), Value: addressLines(who, who.Address)})
	}
	return p
}

func paymentPart(o order.Order, doc order.Document, l lang.Lang) mail.Part {
	p := mail.Part{Heading: lang.T(l, "notice.payment")}
	add := func(key, v string) { p.Pairs = append(p.Pairs, mail.Pair{Key: lang.T(l, key), Value: v}) }
	add("notice.order_number", o.NumberString())
	add("notice.ordered", lang.DateYear(l, o.PlacedAt)+" "+lang.At(l, o.PlacedAt))
	add("notice.payment.how", means(o, l))
	for _, g := range o.Draft.Gifts {
		p.Pairs = append(p.Pairs, mail.Pair{Key: lang.T(l, "notice.gift.paid", "last4", g.Last4), Value: lang.Money(l, g.Amount)})
	}
	if o.Paper(doc) == order.Confirmation {
		add("notice.to_pay", lang.Money(l, o.Left()))
	} else if doc.Kind == "invoice" {
		add("notice.invoice_number", fmt.Sprint(doc.Number))
		add("notice.to_pay", lang.Money(l, doc.Amount))
		add("notice.due", lang.DateYear(l, o.DueAt))
		add("notice.ocr", o.OCR)
	} else {
		add("notice.receipt_number", fmt.Sprint(doc.Number))
		add("notice.paid", lang.Money(l, doc.Amount))
	}
	return p
}

func consentPart(o order.Order, l lang.Lang) mail.Part {
	var text []string
	for _, c := range o.Draft.Consents {
		text = append(text, lang.T(l, "notice.consent.at", "text", c.Text, "date", lang.DateYear(l, c.At), "clock", lang.At(l, c.At)))
	}
	return mail.Part{Heading: lang.T(l, "notice.consents"), Text: strings.Join(text, "\n\n")}
}

// exceptions of the right of withdrawal that have a sentence of their own.
func exception(l lang.Lang, ground string) string {
	if key := "notice.exempt." + ground; lang.Has(key) {
		return lang.T(l, key)
	}
	return lang.T(l, "notice.exempt.other")
}

func withdrawalParts(d Deps, o order.Order, c content.CompanyFacts, l lang.Lang) []mail.Part {
	var exempt, costs []string
	some := false
	for _, x := range o.Lines {
		if x.Withdrawal != "yes" && x.Withdrawal != "" {
			exempt = append(exempt, lang.T(l, "notice.exempt", "item", name(x.DraftLine, l), "why", exception(l, x.Withdrawal)))
		} else {
			some = true
		}
		if x.ReturnCost > 0 {
			costs = append(costs, lang.T(l, "notice.return_cost", "item", name(x.DraftLine, l), "amount", money.New(x.ReturnCost, o.Draft.Currency)))
		}
	}
	var text []string
	if some {
		text = append(text, lang.T(l, "notice.withdraw.text"), lang.T(l, "notice.withdraw.back", "company", c.Name, "address", c.Address()), lang.T(l, "notice.withdraw.money"))
	}
	text = append(append(text, costs...), exempt...)
	parts := []mail.Part{{Heading: lang.T(l, "notice.withdraw.title"), Text: strings.Join(text, "\n\n")}}
	// The function is named and linked even when goods are excepted: a statement is always received.
	return append(parts, mail.Part{Button: &mail.Button{Label: lang.T(l, "withdraw.link"), URL: d.url(l, "/withdraw")}})
}

func sellerPairs(l lang.Lang, c content.CompanyFacts) []mail.Pair {
	out := []mail.Pair{{Key: lang.T(l, "notice.seller.name"), Value: c.Name}, {Key: lang.T(l, "notice.seller.org"), Value: c.OrgNumber}}
	if c.VATNumber != "" {
		out = append(out, mail.Pair{Key: lang.T(l, "notice.seller.vat"), Value: c.VATNumber})
	}
	out = append(out, mail.Pair{Key: lang.T(l, "notice.seller.seat"), Value: c.Seat}, mail.Pair{Key: lang.T(l, "notice.seller.address"), Value: strings.Join(c.AddressLines(), "\n")},
		mail.Pair{Key: lang.T(l, "notice.seller.mail"), Value: c.Mail}, mail.Pair{Key: lang.T(l, "notice.seller.phone"), Value: c.Phone})
	if h := c.Hours(l); h != "" {
		out = append(out, mail.Pair{Key: lang.T(l, "notice.seller.hours"), Value: h})
	}
	return out
}

// shipped tells that a parcel is on its way, or ready where the buyer collects it.
func shipped(q db.Q, d Deps, ref db.ID, l lang.Lang) (mail.Message, error) {
	p, err := fulfilment.ParcelByID(q, ref)
	if err != nil {
		return mail.Message{}, err
	}
	o, err := order.ByID(q, p.Order)
	if err != nil {
		return mail.Message{}, err
	}
	who, err := order.ContactOf(q, d.Vault, o, auth.OwnWork())
	if err != nil {
		return mail.Message{}, err
	}
	c, err := content.Company(q)
	if err != nil {
		return mail.Message{}, err
	}
	n := map[db.ID]int64{}
	for _, x := range p.Lines {
		n[x.Line] += x.Quantity
	}
	num := o.NumberString()
	what := "sent"
	if o.Draft.Shipping.Kind == "store" {
		what = "ready"
	}
	t := mail.Letter{Lang: l, Title: lang.T(l, "notice."+what+".title"), Parts: []mail.Part{{Text: lang.T(l, "notice."+what+".text", "number", num)}}}
	carrier, u, err := d.Carriers.Follow(q, p.Carrier, p.Number)
	if err != nil {
		return mail.Message{}, err
	}
	if u != "" {
		t.Parts = append(t.Parts, mail.Part{Button: &mail.Button{Label: lang.T(l, "notice.track"), URL: u}})
	}
	pairs := []mail.Pair{{Key: lang.T(l, "notice.goods"), Value: goods(o, l, n)}}
	if carrier != "" {
		pairs = append(pairs, mail.Pair{Key: lang.T(l, "notice.carrier"), Value: carrier})
	}
	if p.Number != "" {
		pairs = append(pairs, mail.Pair{Key: lang.T(l, "notice.parcel_number"), Value: p.Number})
	}
	if what == "ready" {
		pairs = append(pairs, mail.Pair{Key: lang.T(l, "notice.collect"), Value: strings.Join(append([]string{c.Shop}, c.AddressLines()...), "\n")})
		if h := c.Hours(l); h != "" {
			pairs = append(pairs, mail.Pair{Key: lang.T(l, "notice.seller.hours"), Value: h})
		}
	} else if sh := o.Draft.Shipping; sh.PointName != "" {
		pairs = append(pairs, mail.Pair{Key: lang.T(l, "notice.delivery.point"), Value: strings.TrimSuffix(sh.PointName+"\n"+sh.PointAddress, "\n")})
	}
	t.Parts = append(t.Parts, mail.Part{Pairs: pairs})
	if left := openPieces(o); left > 0 {
		t.Parts = append(t.Parts, mail.Part{Text: lang.N(l, "notice.more_to_come", left)})
	}
	t.Parts = append(t.Parts, mail.Part{Button: &mail.Button{Label: lang.T(l, "notice.see_order"), URL: d.url(l, "/orders/"+o.Token(d.Vault))}})
	t.Foot = []string{lang.T(l, "notice.why.order", "number", num)}
	return finish(who.Email, lang.T(l, "notice."+what+".subject", "number", num), t, c)
}

func openPieces(o order.Order) (n int64) {
	for _, x := range o.Lines {
		n += x.Open()
	}
	return
}
