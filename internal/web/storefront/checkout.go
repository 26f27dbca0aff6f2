package storefront

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// desk is what the checkout page is made from: the cart as the form would have
// it, with a delivery chosen wherever one is offered.
type desk struct {
	shell  view.Shell
	cart   cart.Cart
	view   cart.View
	have   bool // there is a cart with goods
	buyer  order.Contact
	known  bool   // who buys is in the cart
	show   int64  // up to how many pieces the exact number is told
	noBill bool   // the shop's invoice is not offered for this sum
	open   string // the page of the cart's purchase that is under way, or ""
}

// lay reads the cart, with the choices of the form in the place of those stored.
// Nothing is written. Without a choice the first offer stands, so that the sum
// on the page is one that can be agreed to.
func (s *Store) lay(q db.Q, r *web.Request, in web.Values) (d desk, err error) {
	if d.shell, err = s.shell(q, r, "/checkout"); err != nil {
		return
	}
	var ok bool
	if d.cart, ok, err = s.ownCart(q, r); err != nil || !ok || len(d.cart.Lines) == 0 {
		return
	}
	d.have = true
	if d.buyer, d.known, err = cart.Contact[order.Contact](q, s.Vault, d.cart); err != nil {
		return
	}
	if in.Has("address/postal_code") {
		d.cart.PostalCode = in.Get("address/postal_code")
		if !delivery.ValidPostal(d.cart.PostalCode) {
			d.cart.PostalCode = ""
		}
	}
	if in.Has("delivery/option_id") {
		if id, err := db.ParseID(in.Get("delivery/option_id")); err == nil {
			if id != d.cart.Option {
				d.cart.Point = ""
			}
			d.cart.Option = id
		}
	}
	if in.Has("delivery/pickup_point_id") {
		d.cart.Point = in.Get("delivery/pickup_point_id")
	}
	if d.view, err = s.Shelf.View(q, s.Vault, d.cart, r.Lang); err != nil {
		return
	}
	if d.view.Chosen == nil && len(d.view.Options) > 0 {
		d.cart.Option, d.cart.Point = d.view.Options[0].Method.ID, ""
		if d.view, err = s.Shelf.View(q, s.Vault, d.cart, r.Lang); err != nil {
			return
		}
	}
	if d.view.Chosen != nil && !d.view.Chosen.Method.HasPoints() {
		// Scripts off, another way chosen: the point of the old one came along.
		d.cart.Point, d.view.Point = "", ""
	}
	open, ok, err := checkout.OpenOf(q, d.cart.ID)
	if err != nil {
		return
	}
	if ok {
		d.open = stayPath(open.Token(s.Vault))
	}
	if d.show, err = content.StockShowUpTo.Get(q); err != nil {
		return
	}
	d.noBill, err = content.PaymentBarred(q, "invoice", d.view.Quote.ToPay)
	return
}

// checkout is "/checkout".
func (s *Store) checkout(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery("payment_method")
	if err != nil {
		return err
	}
	d, err := read(s, r.Context(), func(q *db.Reader) (d desk, err error) {
		if d, err = s.lay(q, r, nil); err == nil && !d.known {
			d.buyer, d.known, err = s.ownContact(q, r)
		}
		return d, err
	})
	if err != nil {
		return err
	}
	form := ui.Form{}
	if d.known {
		form = prefilled(d.buyer)
	}
	if m := qv.Get("payment_method"); s.Desk.Provider(m) != nil {
		form.Set("payment_method", m) // chosen on the page of a purchase that did not work out
	}
	return s.showCheckout(w, r, http.StatusOK, d, form, "")
}

// prefilled is the form with what the cart knows already.
func prefilled(c order.Contact) ui.Form {
	var f ui.Form
	for name, v := range map[string]string{"email": c.Email, "phone": c.Phone, "name": c.Name, "company": c.Company, "org_number": c.OrgNumber, "reference": c.Reference,
		"address/care_of": c.Address.CareOf, "address/line1": c.Address.Line1, "address/line2": c.Address.Line2, "address/postal_code": c.Address.PostalCode,
		"address/city": c.Address.City, "address/country": c.Address.Country, "address/door_code": c.Address.DoorCode} {
		f.Set(name, v)
	}
	return f
}

// showCheckout writes the page. changed is the sentence of a sum that is no
// longer the one that was seen.
func (s *Store) showCheckout(w http.ResponseWriter, r *web.Request, status int, d desk, form ui.Form, changed string) error {
	l := r.Lang
	p := view.Checkout{Shell: d.shell, Form: form, Changed: changed, Version: strconv.FormatInt(d.cart.Version, 10)}
	p.Shell.Title, p.Shell.NoIndex = lang.T(l, "checkout.title"), true
	if a := s.Desk.Away(); a != nil {
		p.ReadOnly = lang.T(l, "fault.readonly", "time", lang.Clock(l, a.Back(time.Now())))
	}
	if !d.have {
		return web.HTML(w, r, status, view.CheckoutPage(p))
	}
	v := d.view
	p.Open = d.open
	p.Lines, p.Totals = s.lines(v, l, d.show), totals(v, l)
	for _, c := range s.countries() {
		p.Countries = append(p.Countries, ui.Option{Value: c, Label: or(country(l, c), c), Selected: c == or(form.Value("address/country"), s.countries()[0])})
	}
	for _, o := range v.Options {
		p.Delivery = append(p.Delivery, s.deliveryOption(r, v, o))
	}
	if v.Chosen != nil {
		p.PhoneAsked = v.Chosen.Method.PhoneRequired
		p.Form.Set("delivery/pickup_point_id", v.Point)
	}
	p.Payment = s.ways(d, l, form.Value("payment_method"))
	for _, x := range v.Problems {
		if x.Code == "gift_card_gone" || x.Code == "gift_card_held" {
			p.Form.Errors = append(p.Form.Errors, ui.FieldError{Text: lang.T(l, x.Key, x.Args...)})
		}
	}
	p.Business = form.Value("company") != "" || form.Value("org_number") != "" || form.Value("reference") != "" || form.Err("company") != "" || form.Err("org_number") != "" || form.Err("reference") != ""
	p.Consents = consents(v, l)
	for _, x := range v.Lines {
		if x.Info.Withdrawal.Excluded() || x.Info.Withdrawal.Surface() == "sealed" {
			title, _ := x.Info.Title.In(l)
			p.Withdrawal = append(p.Withdrawal, title+": "+lang.T(l, "withdrawal."+withdrawal(x.Info.Withdrawal)))
		}
	}
	p.Suggestion = suggestMail(form.Value("email"), form.Err("email") != "")
	for _, x := range v.Problems {
		if x.Line > 0 && x.Block {
			p.Form.Errors = append(p.Form.Errors, ui.FieldError{Text: s.problem(v, x, d.show, l)})
		}
	}
	return web.HTML(w, r, status, view.CheckoutPage(p))
}

// problem is a line's trouble with the name of the goods in it.
func (s *Store) problem(v cart.View, p cart.Problem, show int64, l lang.Lang) string {
	for _, x := range v.Lines {
		if x.ID == p.Line {
			title, _ := x.Info.Title.In(l)
			if p.Code == "out_of_stock" {
				return title + ": " + s.lineProblem(p, max(0, x.Level.Available()), show, l)
			}
		}
	}
	return lang.T(l, p.Key, p.Args...)
}

// pointsWait bounds how long the page waits for a carrier; its stand-in, the
// nearest point, is always offered.
const pointsWait = 1500 * time.Millisecond

func (s *Store) deliveryOption(r *web.Request, v cart.View, o delivery.Option) view.DeliveryOption {
	name, _ := methodName(o.Method).In(r.Lang)
	out := view.DeliveryOption{ID: o.Method.ID.String(), Kind: string(o.Method.Kind), Name: name, Price: o.Price, Earliest: o.Earliest, Latest: o.Latest, Chosen: v.Chosen != nil && v.Chosen.Method.ID == o.Method.ID}
	if key := "delivery.kind." + string(o.Method.Kind); lang.Has(key) {
		out.Text = lang.T(r.Lang, key)
	}
	if out.Chosen && o.Method.HasPoints() && v.PostalCode != "" {
		ctx, cancel := context.WithTimeout(r.Context(), pointsWait)
		defer cancel()
		for _, p := range s.Carriers.Points(ctx, o.Method.Carrier, string(o.Method.Kind), v.PostalCode, s.Country, r.Lang) {
			text := p.Name
			if a := p.Address(); a != "" {
				text += ", " + a
			}
			out.Points = append(out.Points, ui.Option{Value: p.ID, Label: text, Selected: p.ID == v.Point})
		}
	}
	return out
}

// ways lists the ways to pay a cart: the gift cards alone, where they pay all of it.
func (s *Store) ways(d desk, l lang.Lang, chosen string) []view.PaymentOption {
	if checkout.OfferGiftCard(d.view) {
		m := giftcard.Method
		return []view.PaymentOption{{ID: m, Name: lang.T(l, "method."+m+".name"), Text: lang.T(l, "method."+m+".text"), Chosen: true}}
	}
	return s.payments(l, chosen, d.noBill)
}

// payments lists the ways to pay, those with credit last and never chosen
// beforehand (betaltjänstlagen 2010:751, 7 a kap. 1 §).
func (s *Store) payments(l lang.Lang, chosen string, noBill bool) []view.PaymentOption {
	var out []view.PaymentOption
	taken := false
	for _, credit := range []bool{false, true} {
		for _, p := range s.Desk.Providers {
			m := p.Method()
			if p.Credit() != credit || m == "invoice" && noBill {
				continue
			}
			o := view.PaymentOption{ID: m, Name: lang.T(l, "method."+m+".name"), Text: lang.T(l, "method."+m+".text"), Credit: credit, Down: !s.Desk.Up(m), Calls: s.Desk.CallsPhone(m)}
			o.Chosen = !o.Down && (chosen == m || chosen == "" && !credit && !taken)
			taken = taken || o.Chosen
			out = append(out, o)
		}
	}
	return out
}

// consents are the boxes that the law wants ticked, one a line and kind.
func consents(v cart.View, l lang.Lang) []view.Consent {
	var out []view.Consent
	for _, c := range v.Consents(l) {
		out = append(out, view.Consent{Name: consentField(c), Text: c.Text})
	}
	return out
}

func consentField(c cart.Consent) string { return "consent." + c.Kind + "." + c.Line.String() }

// ticked are the consents of the form.
func ticked(v cart.View, in web.Values, l lang.Lang) (out []string) {
	for _, c := range v.Consents(l) {
		if in.Get(consentField(c)) == "yes" {
			out = append(out, c.Key())
		}
	}
	return out
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// noCart answers a form of the checkout whose cart is gone: the page says that
// the cart is empty, or shows the purchase that the cart became.
func (s *Store) noCart(w http.ResponseWriter, r *web.Request) error {
	token, err := read(s, r.Context(), func(q *db.Reader) (string, error) {
		t := r.CookieValue(web.CookieCart)
		if t == "" {
			return "", nil
		}
		c, err := cart.ByToken(q, s.Vault, t)
		if fault.Is(err, "not_found") || err == nil && c.Purchase == 0 {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		return s.purchaseToken(q, c.Purchase)
	})
	if err != nil {
		return err
	}
	if token != "" {
		return web.SeeOther(w, r, "/purchases/"+token)
	}
	return web.SeeOther(w, r, "/checkout")
}

// ownContact is what the checkout is filled with for who has signed in: the proven address, and name and postal
// address of his last order. Never for an address that was only typed.
func (s *Store) ownContact(q db.Q, r *web.Request) (order.Contact, bool, error) {
	v, err := s.who(q, r)
	if err != nil || !v.SignedIn() {
		return order.Contact{}, false, err
	}
	c := order.Contact{Email: v.Email, Name: v.Name}
	os, err := order.OfMail(q, s.Vault, v.Email, 0, 1)
	if err != nil || len(os) == 0 {
		return c, true, err
	}
	last, err := order.ContactOf(q, s.Vault, os[0], auth.Holder(os[0].Person))
	if errors.Is(err, secret.ErrErased) {
		return c, true, nil
	}
	last.Email = v.Email
	return last, true, err
}
