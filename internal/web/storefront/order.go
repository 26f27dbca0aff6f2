package storefront

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/notice"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// orderBy reads the order for who holds its link; 404 for any other text.
func (s *Store) orderBy(q db.Q, token string) (order.Order, error) {
	o, err := order.ByToken(q, s.Vault, token)
	if errors.Is(err, db.ErrNotFound) {
		return o, fault.NotFound()
	}
	return o, err
}

// order is "/orders/{token}".
func (s *Store) order(w http.ResponseWriter, r *web.Request) error {
	flash := r.TakeFlash(w)
	p, err := read(s, r.Context(), func(q *db.Reader) (view.Order, error) { return s.orderPage(q, r, r.PathValue("token")) })
	if err != nil {
		return err
	}
	if flash != "" {
		p.Shell.Flash = lang.T(r.Lang, flash)
	}
	return web.HTML(w, r, http.StatusOK, view.OrderPage(p))
}

func (s *Store) orderPage(q *db.Reader, r *web.Request, token string) (p view.Order, err error) {
	o, err := s.orderBy(q, token)
	if err != nil {
		return p, err
	}
	l, path := r.Lang, "/orders/"+token
	if p.Shell, err = s.shell(q, r, path); err != nil {
		return p, err
	}
	p.Shell.BaseURL = ""
	contact, instead, err := opened(order.ContactOf(q, s.Vault, o, auth.Holder(o.Person)))
	if err != nil {
		return p, err
	}
	p.Number, p.PlacedAt, p.State, p.Paid, p.Refunded, p.Method, p.RefundDays = o.NumberString(), o.PlacedAt, string(o.State), o.Paid, o.Refunded, s.Desk.MethodName(l, o.Method), refundDays
	if p.Left = o.Left(); o.Draft.Take != "" && o.State == order.Placed && p.Left.Amount > 0 {
		p.Reserved = notice.ReservedSentence(o, l)
	}
	p.Lines, p.Totals = s.soldLines(q, o, l), soldTotals(o.Draft, l)
	if p.Address = addressLines(contact); instead != "" {
		p.Address = []string{lang.T(l, instead)}
	}
	at, err := order.ErasedAt(q, o.ID)
	if err != nil {
		return p, err
	}
	p.Erased = instead == wordsErased || !at.IsZero()
	ship := o.Draft.Shipping
	if p.Delivery = ship.Name(l); !ship.Earliest.IsZero() && p.Delivery != "" {
		p.Delivery += ", " + lang.DateRange(l, ship.Earliest, ship.Latest)
	}
	if ship.PointName != "" {
		p.Delivery += ". " + strings.TrimSuffix(ship.PointName+", "+ship.PointAddress, ", ")
	}
	for _, c := range o.Draft.Consents {
		p.Consents = append(p.Consents, view.Agreed{Text: c.Text, At: c.At})
	}
	parcels, err := fulfilment.Parcels(q, o.ID)
	if err != nil {
		return p, err
	}
	for _, x := range parcels {
		parcel, err := s.parcel(q, x, o, l)
		if err != nil {
			return p, err
		}
		p.Parcels = append(p.Parcels, parcel)
	}
	events, err := order.Timeline(q, o.ID, false)
	if err != nil {
		return p, err
	}
	for _, e := range events {
		if key := "timeline." + e.Kind; lang.Has(key) {
			p.Timeline = append(p.Timeline, ui.Entry{At: lang.DateTime(l, e.At), ISO: lang.ISO(e.At), Text: lang.T(l, key)})
		}
	}
	if n := len(p.Timeline); n > 0 {
		p.Timeline[n-1].Now = true
	}
	docs, err := order.Documents(q, o.ID)
	if err != nil {
		return p, err
	}
	for i, d := range docs {
		to := path + "/documents/" + d.ID.String()
		if i == 0 {
			p.ReceiptPath, p.ReceiptText = to, documentTitle(o, d, l)
			continue
		}
		p.Documents = append(p.Documents, ui.Link{Text: documentTitle(o, d, l), URL: to})
	}
	on, err := content.CancelOnline.Get(q)
	if err != nil {
		return p, err
	}
	if on && o.State == order.Placed && untouched(o) {
		p.CancelPath = path + "/cancel"
	}
	if p.GiftCards, err = s.boughtCards(q, o); err != nil {
		return p, err
	}
	p.GiftRefunded = o.GiftRefunded
	p.WithdrawPath, p.CasePath = "/withdraw?order="+token, "/support?order="+token
	if end := o.WithdrawalEnds(lang.Zone); !end.IsZero() {
		p.WithdrawBy = end
	}
	if !o.ReceivedAt.IsZero() {
		p.ClaimBy = o.ReceivedAt.AddDate(3, 0, 0) // konsumentköplagen 2022:260, 4 kap. 14 §
	}
	return p, nil
}

// refundDays is how many banking days a refund takes to show; banks promise no more.
const refundDays = 5

func untouched(o order.Order) bool {
	for _, l := range o.Lines {
		if l.Shipped > 0 || l.Cancelled > 0 || l.Returned > 0 {
			return false
		}
	}
	return true
}

// pictured finds what goods look like now. A page about a sale stands without
// pictures: goods may be gone.
func pictured(q db.Q, ids []db.ID) map[db.ID]catalog.VariantInfo {
	infos, err := catalog.VariantForSale(q, ids)
	if err != nil {
		return nil
	}
	return infos
}

// soldLines are the lines as sold, with the pictures the goods have now.
func (s *Store) soldLines(q db.Q, o order.Order, l lang.Lang) []view.CartLine {
	ids := make([]db.ID, len(o.Lines))
	for i, x := range o.Lines {
		ids[i] = x.Variant
	}
	infos := pictured(q, ids)
	var out []view.CartLine
	for _, x := range o.Lines {
		line := soldLine(x.DraftLine, l)
		line.ID = x.ID.String()
		if i, ok := infos[x.Variant]; ok {
			line.Image = picture(i.Picture, line.Title, 0, 0)
		}
		if x.Cancelled > 0 {
			line.Notes = append(line.Notes, lang.T(l, "order.line.cancelled", "n", x.Cancelled))
		}
		if x.Returned > 0 {
			line.Notes = append(line.Notes, lang.T(l, "order.line.returned", "n", x.Returned))
		}
		if _, no := excepted[x.Withdrawal]; no {
			line.Notes = append(line.Notes, lang.T(l, "line.withdrawal"))
		}
		out = append(out, line)
	}
	return out
}

// excepted are the words of a line whose goods are excepted from the right of
// withdrawal from the beginning.
var excepted = map[string]struct{}{"custom_made": {}, "perishable": {}, "dated": {}, "market_price": {}, "deferred_alcohol": {}, "newspaper": {}, "auction": {}, "urgent_repair": {}}

func soldTotals(d order.Draft, l lang.Lang) view.Totals {
	t := view.Totals{Goods: d.Goods, Delivery: d.Delivery, DeliveryKnown: true, DeliveryName: d.Shipping.Name(l), Discount: d.Discount, DiscountName: strings.Join(d.Codes, ", "),
		GiftCard: d.GiftCard, Total: d.Total, ToPay: d.ToPay}
	for _, v := range d.VAT {
		t.VAT = append(t.VAT, view.VATLine{Rate: v.RateBP, Amount: money.New(v.Amount, d.Currency)})
	}
	return t
}

func addressLines(c order.Contact) []string {
	a := c.Address
	var out []string
	for _, x := range []string{c.Name, c.Company, a.CareOf, a.Line1, a.Line2, strings.TrimSpace(a.PostalCode + " " + a.City)} {
		if x != "" {
			out = append(out, x)
		}
	}
	return out
}

func (s *Store) parcel(q db.Q, x fulfilment.Parcel, o order.Order, l lang.Lang) (view.Parcel, error) {
	p := view.Parcel{Carrier: x.Carrier, Number: x.Number, SentAt: x.Shipped}
	name, to, err := s.Carriers.Follow(q, x.Carrier, x.Number)
	if err != nil {
		return p, err
	}
	p.TrackURL = to
	if name != "" {
		p.Carrier = name
	} else if key := "carrier." + x.Carrier; lang.Has(key) {
		p.Carrier = lang.T(l, key)
	}
	for _, sl := range x.Lines {
		for _, ol := range o.Lines {
			if ol.ID == sl.Line {
				p.Lines = append(p.Lines, pieces(sl.Quantity, ol.DraftLine, l))
			}
		}
	}
	return p, nil
}

// pieces is "2 st Mugg Drej, mossa".
func pieces(n int64, x order.DraftLine, l lang.Lang) string {
	name := x.Title(l)
	if x.Options != "" {
		name += ", " + x.Options
	}
	return lang.T(l, "order.pieces", "n", n, "title", name)
}

// cancelOrder is POST /orders/{token}/cancel: everything, while nothing has left.
func (s *Store) cancelOrder(w http.ResponseWriter, r *web.Request) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	token := r.PathValue("token")
	err := db.Do(context.WithoutCancel(r.Context()), s.DB, func(tx *db.Tx) error {
		o, err := s.orderBy(tx, token)
		if err != nil {
			return err
		}
		_, err = returns.CancelByBuyer(tx, auth.Guest(r.Peer()), o.ID)
		return err
	})
	if err != nil {
		return err
	}
	web.SetFlash(w, "flash.order.cancelled")
	return web.SeeOther(w, r, "/orders/"+token)
}
