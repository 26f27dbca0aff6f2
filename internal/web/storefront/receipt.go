package storefront

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/notice"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
)

// paper is a document of an order with what it is written from.
type paper struct {
	doc     order.Document
	order   order.Order
	contact order.Contact
	company content.CompanyFacts // as it was then
	settled time.Time            // when the last money came; zero: none has
	erased  bool
	shell   view.Shell
	path    string
}

// documentTitle is what people call a document.
func documentTitle(o order.Order, d order.Document, l lang.Lang) string {
	switch o.Paper(d) {
	case order.Confirmation:
		return lang.T(l, "receipt.confirmation", "number", number(d.Number))
	case "credit_note":
		return lang.T(l, "receipt.credit", "number", number(d.Number))
	case "invoice":
		return lang.T(l, "receipt.invoice", "number", number(d.Number))
	}
	return lang.T(l, "receipt.receipt", "number", number(d.Number))
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// paperOf reads a document of the order whose link was followed; 404 for any
// other order's.
func (s *Store) paperOf(q *db.Reader, r *web.Request) (p paper, err error) {
	if p.order, err = s.orderBy(q, r.PathValue("token")); err != nil {
		return
	}
	id, err := db.ParseID(r.PathValue("document"))
	if err != nil {
		return p, fault.NotFound()
	}
	docs, err := order.Documents(q, p.order.ID)
	if err != nil {
		return p, err
	}
	for _, d := range docs {
		if d.ID == id {
			p.doc = d
		}
	}
	if p.doc.ID == 0 {
		return p, fault.NotFound()
	}
	p.path = "/orders/" + r.PathValue("token") + "/documents/" + id.String()
	contact, instead, err := opened(order.ContactOf(q, s.Vault, p.order, auth.Holder(p.order.Person)))
	if instead == wordsUnreadable {
		err = secret.ErrBroken // a paper is whole or waits
	}
	if err != nil {
		return p, err
	}
	if p.contact = contact; instead != "" {
		p.contact.Name, p.erased = lang.T(r.Lang, instead), true
	}
	if p.settled, err = checkout.SettledAt(q, p.order); err != nil {
		return p, err
	}
	if p.company, err = content.CompanyAt(q, p.doc.At); err != nil && !errors.Is(err, db.ErrNotFound) {
		return p, err
	}
	p.shell, err = s.shell(q, r, p.path)
	p.shell.BaseURL = ""
	return p, err
}

// document is "/orders/{token}/documents/{document}": a receipt, invoice or credit note.
func (s *Store) document(w http.ResponseWriter, r *web.Request) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (paper, error) { return s.paperOf(q, r) })
	if err != nil {
		return err
	}
	return web.HTML(w, r, http.StatusOK, view.ReceiptPage(s.receipt(p, r.Lang)))
}

// receipt writes the document in the language of the page.
func (s *Store) receipt(p paper, l lang.Lang) view.Receipt {
	o, d := p.order, p.doc
	out := view.Receipt{Shell: p.shell, Number: number(d.Number), Order: o.NumberString(), Date: d.At, Reference: p.contact.Reference, PDFPath: p.path + "/pdf", Buyer: buyerLines(p.contact)}
	c := p.company
	out.Company.Shop, out.Company.Name, out.Company.OrgNumber, out.Company.VATNumber = c.Shop, c.Name, c.OrgNumber, c.VATNumber
	out.Company.Street, out.Company.PostalCode, out.Company.City, out.Company.Email, out.Company.Phone = c.Street, c.PostalCode, c.City, c.Mail, c.Phone
	switch d.Kind {
	case "credit_note":
		out.Kind, out.Credits = "credit", number(d.RefersTo)
		zero := money.New(0, d.Amount.Currency)
		out.Lines = []view.ReceiptLine{{Text: lang.T(l, "receipt.credited"), Quantity: 1, Price: d.Amount, Total: d.Amount}}
		if len(d.VAT) == 1 {
			out.Lines[0].Rate = d.VAT[0].RateBP
		}
		out.Totals = view.Totals{Goods: d.Amount, Delivery: zero, Total: d.Amount, ToPay: d.Amount}
		for _, v := range d.VAT {
			out.Totals.VAT = append(out.Totals.VAT, view.VATLine{Rate: v.RateBP, Amount: money.New(v.Amount, d.Amount.Currency).Neg()})
		}
		return out
	case "invoice":
		out.Kind, out.Due = "invoice", o.DueAt
		out.Paid = invoicePaid(p, l)
	default:
		if o.Paper(d) == order.Confirmation {
			out.Kind, out.Paid = order.Confirmation, notice.ReservedSentence(o, l)
			break
		}
		out.Kind = "receipt"
		if o.Draft.Take != "" && !p.settled.IsZero() { // reserved first, and taken since
			out.Paid = lang.T(l, "receipt.paid", "method", s.Desk.MethodName(l, o.Method), "date", lang.DateYear(l, p.settled))
			break
		}
		out.Paid = lang.T(l, "receipt.paid", "method", s.Desk.MethodName(l, o.Method), "date", lang.DateYear(l, o.PlacedAt))
		if o.Draft.GiftCard.Amount > 0 && o.Draft.ToPay.Amount > 0 {
			out.Paid = lang.T(l, "receipt.paid_both", "method", s.Desk.MethodName(l, o.Method), "date", lang.DateYear(l, o.PlacedAt))
		} else if o.Draft.GiftCard.Amount > 0 {
			out.Paid = lang.T(l, "receipt.paid", "method", lang.T(l, "method."+giftcard.Method), "date", lang.DateYear(l, o.PlacedAt))
		}
	}
	out.Full = notice.Full(o, d, p.contact)
	for _, x := range o.Draft.Lines {
		line := view.ReceiptLine{Text: x.Title(l), Quantity: int(x.Quantity), Price: x.Unit, Total: x.Total, Rate: x.RateBP,
			Net: money.New(x.Unit.Amount-money.VATIncluded(x.Unit.Amount, x.RateBP), x.Unit.Currency)}
		if x.Options != "" {
			line.Text += ", " + x.Options
		}
		if l == lang.EN && x.TitleEN == "" {
			line.TextLang = lang.SV
		}
		out.Lines = append(out.Lines, line)
	}
	out.Totals = soldTotals(o.Draft, l)
	for i, v := range o.Draft.VAT {
		out.Totals.VAT[i].Base = money.New(v.Gross-v.Amount, o.Draft.Currency)
	}
	if !o.ShippedAt.IsZero() {
		out.Supplied = o.ShippedAt
	}
	return out
}

// invoicePaid is how an invoice stands: the page tells it, the paper stays as it was issued.
func invoicePaid(p paper, l lang.Lang) string {
	o := p.order
	left := money.New(o.ToPay.Amount-o.Paid.Amount, o.ToPay.Currency)
	switch {
	case left.Amount <= 0 && !p.settled.IsZero():
		return lang.T(l, "receipt.paid_invoice", "date", lang.DateYear(l, p.settled))
	case left.Amount <= 0: // credited to nothing
		return lang.T(l, "receipt.nothing_to_pay")
	}
	how := lang.T(l, "receipt.to_pay", "ocr", o.OCR, "account", p.company.Bankgiro)
	if o.Paid.Amount > 0 {
		how += " " + lang.T(l, "receipt.paid_part", "paid", o.Paid, "left", left)
	}
	return how
}

func buyerLines(c order.Contact) []string {
	if c.Billing != nil {
		c.Address = *c.Billing
	}
	lines := addressLines(c)
	if c.OrgNumber != "" {
		lines = append(lines, c.OrgNumber)
	}
	return lines
}
