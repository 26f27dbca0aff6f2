package notice

import (
	"fmt"
	"strings"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/pdf"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/order"
)

// SimplifiedLimit is the greatest total, VAT included, for which a receipt may be a
// simplified invoice: 4,000 kr (mervärdesskattelagen 17 kap. 26 §).
const SimplifiedLimit = 4_000_00

// Full reports whether the document needs all that 17 kap. 24 § asks for: above the
// limit, to a company, and whenever it is an invoice to be paid.
func Full(o order.Order, doc order.Document, who order.Contact) bool {
	return o.Draft.Total.Amount > SimplifiedLimit || doc.Kind == "invoice" || who.Company != ""
}

// FileName of a document, without anything personal.
func FileName(o order.Order, doc order.Document, l lang.Lang) string {
	return fmt.Sprintf("%s-%s-%d.pdf", lang.T(l, "notice.file."+o.Paper(doc)), o.NumberString(), doc.Number)
}

// ReceiptDoc is the receipt or invoice of an order as a paper, or, for a document that
// is one, its credit note. The caller has the right to see the contact.
func ReceiptDoc(o order.Order, doc order.Document, who order.Contact, c content.CompanyFacts, l lang.Lang) pdf.Doc {
	l = l.Or()
	paper := o.Paper(doc)
	title := lang.T(l, "notice.doc."+paper, "number", fmt.Sprint(doc.Number))
	d := pdf.Doc{Title: title, Lang: string(l), Date: doc.At, Author: c.Shop, Footer: strings.Join([]string{c.Name, c.OrgNumber, c.Mail}, ", "), PageOf: lang.T(l, "notice.doc.page")}
	add := func(b ...pdf.Block) { d.Blocks = append(d.Blocks, b...) }
	add(pdf.Heading{Level: 1, Text: title})
	seller := append([]string{c.Name}, c.AddressLines()...)
	seller = append(seller, lang.T(l, "notice.seller.org")+" "+c.OrgNumber)
	if c.VATNumber != "" {
		seller = append(seller, lang.T(l, "notice.seller.vat")+" "+c.VATNumber)
	}
	if c.FTax {
		seller = append(seller, lang.T(l, "notice.doc.ftax"))
	}
	seller = append(seller, c.Mail, c.Phone)
	sides := pdf.Sides{LeftTitle: lang.T(l, "notice.seller"), Left: strings.Join(seller, "\n")}
	whole := Full(o, doc, who)
	if whole {
		a := who.Address
		if who.Billing != nil {
			a = *who.Billing
		}
		buyer := addressLines(who, a)
		if who.OrgNumber != "" {
			buyer += "\n" + who.OrgNumber
		}
		if who.Reference != "" {
			buyer += "\n" + lang.T(l, "notice.doc.reference", "reference", who.Reference)
		}
		sides.RightTitle, sides.Right = lang.T(l, "notice.doc.buyer"), buyer
	}
	add(sides)
	facts := pdf.Pairs{{Key: lang.T(l, "notice.doc.date"), Value: lang.DateYear(l, doc.At)}, {Key: lang.T(l, "notice.order_number"), Value: o.NumberString()},
		{Key: lang.T(l, "notice.ordered"), Value: lang.DateYear(l, o.PlacedAt)}}
	switch paper {
	case order.Confirmation:
		facts = append(facts, pdf.Pair{Key: lang.T(l, "notice.payment.how"), Value: means(o, l)}, pdf.Pair{Key: lang.T(l, "notice.to_pay"), Value: lang.Money(l, o.Left())})
	case "invoice":
		facts = append(facts, pdf.Pair{Key: lang.T(l, "notice.due"), Value: lang.DateYear(l, o.DueAt)}, pdf.Pair{Key: lang.T(l, "notice.ocr"), Value: o.OCR})
		if c.Bankgiro != "" {
			facts = append(facts, pdf.Pair{Key: lang.T(l, "notice.doc.bankgiro"), Value: c.Bankgiro})
		}
		facts = append(facts, pdf.Pair{Key: lang.T(l, "notice.to_pay"), Value: lang.Money(l, doc.Amount)})
	case "credit_note":
		facts = append(facts, pdf.Pair{Key: lang.T(l, "notice.doc.credits"), Value: fmt.Sprint(doc.RefersTo)})
	default:
		facts = append(facts, pdf.Pair{Key: lang.T(l, "notice.payment.how"), Value: means(o, l)}, pdf.Pair{Key: lang.T(l, "notice.paid"), Value: lang.Money(l, paidOn(o, doc))})
	}
	add(facts)
	if doc.Kind == "credit_note" {
		add(pdf.Totals{{Label: lang.T(l, "notice.doc.credited"), Value: lang.Money(l, doc.Amount), Strong: true}})
		add(vatTable(l, doc.Amount.Currency, negative(doc.VAT)))
	} else {
		add(linesTable(o, l, whole))
		ts := pdf.Totals(sums(o, l))
		add(ts, vatTable(l, o.Draft.Currency, o.Draft.VAT))
		if doc.Kind == "invoice" {
			add(pdf.Small{Text: lang.T(l, "notice.doc.late")})
		}
		if paper == order.Confirmation {
			add(pdf.Small{Text: ReservedSentence(o, l)})
		}
	}
	if c.Example {
		add(pdf.Small{Text: lang.T(l, "notice.example")})
	}
	return d
}

// paidOn is what a receipt says was paid: what it was drawn for, or less, when money that
// was reserved for the rest was let go.
func paidOn(o order.Order, doc order.Document) money.Money {
	if o.Draft.Take != "" {
		return o.Paid
	}
	return doc.Amount
}

func negative(vs []order.VAT) []order.VAT {
	out := make([]order.VAT, len(vs))
	for i, v := range vs {
		out[i] = order.VAT{RateBP: v.RateBP, Gross: -v.Gross, Amount: -v.Amount}
	}
	return out
}

func linesTable(o order.Order, l lang.Lang, whole bool) pdf.Table {
	t := pdf.Table{Columns: []pdf.Column{{Title: lang.T(l, "notice.col.item"), Width: 0.46}, {Title: lang.T(l, "notice.col.count"), Width: 0.08, Right: true},
		{Title: lang.T(l, "notice.col.unit"), Width: 0.16, Right: true}, {Title: lang.T(l, "notice.col.rate"), Width: 0.12, Right: true}, {Title: lang.T(l, "notice.col.price"), Width: 0.18, Right: true}}}
	if whole { // unit prices without VAT, as 17 kap. 24 § 8 asks
		t.Columns = []pdf.Column{{Title: lang.T(l, "notice.col.item"), Width: 0.36}, {Title: lang.T(l, "notice.col.count"), Width: 0.08, Right: true}, {Title: lang.T(l, "notice.col.unit_net"), Width: 0.16, Right: true},
			{Title: lang.T(l, "notice.col.unit"), Width: 0.14, Right: true}, {Title: lang.T(l, "notice.col.rate"), Width: 0.1, Right: true}, {Title: lang.T(l, "notice.col.price"), Width: 0.16, Right: true}}
	}
	for _, x := range o.Lines {
		n := name(x.DraftLine, l)
		if x.SKU != "" {
			n += " (" + x.SKU + ")"
		}
		row := []string{n, lang.Number(l, x.Quantity)}
		if whole {
			row = append(row, lang.Amount(l, money.New(x.Unit.Amount-money.VATIncluded(x.Unit.Amount, x.RateBP), x.Unit.Currency)))
		}
		t.Rows = append(t.Rows, append(row, lang.Amount(l, x.Unit), lang.Percent(l, x.RateBP), lang.Amount(l, x.Total)))
	}
	return t
}

// vatTable has for each rate the base, the tax and their sum; discount and delivery
// are in it.
func vatTable(l lang.Lang, currency string, vs []order.VAT) pdf.Table {
	t := pdf.Table{Columns: []pdf.Column{{Title: lang.T(l, "notice.col.rate")}, {Title: lang.T(l, "notice.col.base"), Right: true}, {Title: lang.T(l, "notice.col.tax"), Right: true}, {Title: lang.T(l, "notice.col.gross"), Right: true}}}
	for _, v := range vs {
		t.Rows = append(t.Rows, []string{lang.Percent(l, v.RateBP), lang.Money(l, money.New(v.Gross-v.Amount, currency)), lang.Money(l, money.New(v.Amount, currency)), lang.Money(l, money.New(v.Gross, currency))})
	}
	return t
}
