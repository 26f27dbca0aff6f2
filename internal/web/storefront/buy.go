package storefront

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web"
	"kassavalv/internal/web/api"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// checkoutFields are all the fields of the page's one form, by the names of the
// API. "consent." is one box a line that needs it.
var checkoutFields = []string{"email", "phone", "name", "company", "org_number", "reference", "newsletter",
	"address/care_of", "address/line1", "address/line2", "address/postal_code", "address/city", "address/country", "address/door_code",
	"delivery/option_id", "delivery/pickup_point_id", "payment_method", "payer_phone", "code", "expected_total", "expected_currency", "version", "step", "consent."}

// typed is the form as it was sent, to show it again.
func typed(in web.Values) ui.Form {
	f := ui.Form{}
	for name := range in {
		f.Set(name, in.Get(name))
	}
	return f
}

func contactOf(in web.Values) customer.Contact {
	return customer.Contact{Email: in.Get("email"), Phone: in.Get("phone"), Name: in.Get("name"), Company: in.Get("company"), OrgNumber: in.Get("org_number"),
		Reference: in.Get("reference"), Newsletter: in.Get("newsletter") == "yes",
		Address: customer.Address{CareOf: in.Get("address/care_of"), Line1: in.Get("address/line1"), Line2: in.Get("address/line2"), PostalCode: in.Get("address/postal_code"),
			City: in.Get("address/city"), Country: in.Get("address/country"), DoorCode: in.Get("address/door_code")}}
}

// suggestMail is a better spelling of an address that was typed.
func suggestMail(s string, wrong bool) string {
	if s == "" || wrong {
		return ""
	}
	m, err := secret.CanonicalEmail(s)
	if err != nil {
		return ""
	}
	return customer.SuggestEmail(m)
}

// recount is POST /checkout/update: the same form, counted again. It keeps a
// code that was typed, and nothing else.
func (s *Store) recount(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm(checkoutFields...)
	if err != nil {
		return err
	}
	form := typed(in)
	status := http.StatusOK
	if in.Get("step") == "code" && in.Get("code") != "" {
		switch err := s.keepCode(r, in.Get("code")); {
		case fault.Is(err, "not_found") || fault.Is(err, "cart_ordered"):
			return s.noCart(w, r)
		case fault.Is(err, "invalid"), fault.Is(err, "too_many_codes"):
			form.Errors = codeError(r.Lang, err)
			status = http.StatusUnprocessableEntity
		case err != nil:
			return err
		default:
			form.Set("code", "")
		}
	}
	d, err := read(s, r.Context(), func(q *db.Reader) (desk, error) { return s.lay(q, r, in) })
	if err != nil {
		return err
	}
	return s.showCheckout(w, r, status, d, form, "")
}

func (s *Store) keepCode(r *web.Request, code string) error {
	return api.TryCode(r.Context(), s.tries(), r.Network().String(), code, func(fn func(tx *db.Tx, c *cart.Cart) error) error {
		return db.Do(r.Context(), s.DB, func(tx *db.Tx) error {
			c, err := cart.Open(tx, s.Vault, r.CookieValue(web.CookieCart))
			if err != nil {
				return err
			}
			return fn(tx, &c)
		})
	})
}

func codeError(l lang.Lang, err error) []ui.FieldError {
	out := ui.FormOf(l, nil, err).Errors
	for i := range out {
		out[i].Name = "code"
	}
	return out
}

// buy is POST /checkout: it keeps who buys and how the goods come, then begins
// the purchase and leads to its page. Whatever stops it shows the form again.
func (s *Store) buy(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm(checkoutFields...)
	if err != nil {
		return err
	}
	form := typed(in)
	if code := in.Get("code"); code != "" {
		// Typed but not used: the buyer means it to count.
		switch err := s.keepCode(r, code); {
		case fault.Is(err, "not_found") || fault.Is(err, "cart_ordered"):
			return s.noCart(w, r)
		case fault.Is(err, "invalid"), fault.Is(err, "too_many_codes"):
			form.Errors = codeError(r.Lang, err)
		case err != nil:
			return err
		default:
			form.Set("code", "")
		}
	}
	d, err := read(s, r.Context(), func(q *db.Reader) (desk, error) { return s.lay(q, r, in) })
	if err != nil {
		return err
	}
	if !d.have {
		return s.noCart(w, r)
	}
	contact := contactOf(in)
	form.Errors = append(s.wrong(r, d, in, contact), form.Errors...)
	if len(form.Errors) > 0 {
		return s.showCheckout(w, r, http.StatusUnprocessableEntity, d, form, "")
	}
	saved, err := s.save(r, d, contact)
	if fault.Is(err, "cart_ordered") || fault.Is(err, "not_found") {
		return s.noCart(w, r)
	}
	if err != nil {
		return s.again(w, r, in, form, err)
	}
	if in.Get("expected_total") != strconv.FormatInt(saved.Quote.ToPay.Amount, 10) || in.Get("expected_currency") != saved.Quote.ToPay.Currency {
		return s.again(w, r, in, form, fault.Conflict("total_changed"))
	}
	p, err := s.Desk.Begin(r.Context(), checkout.Request{Cart: saved.Token(s.Vault), Method: in.Get("payment_method"), PayerPhone: s.payerPhone(in), Accept: true, Expected: saved.Quote.Total, ExpectedToPay: saved.Quote.ToPay, Lang: r.Lang, Peer: r.Network().String(),
		Consents: ticked(saved, in, r.Lang), Demand: true})
	if err != nil {
		return s.again(w, r, in, form, err)
	}
	return web.SeeOther(w, r, "/purchases/"+p.Token(s.Vault))
}

// wrong lists everything that is wrong with the form at once, in the order of the page.
func (s *Store) wrong(r *web.Request, d desk, in web.Values, contact customer.Contact) []ui.FieldError {
	l := r.Lang
	var f fault.Fields
	rules := customer.Rules{Countries: s.countries(), PhoneRequired: d.view.Chosen != nil && d.view.Chosen.Method.PhoneRequired}
	if _, err := customer.Parse(contact, rules); err != nil {
		if x := fault.As(err); x != nil {
			f = append(f, x.Fields...)
		}
	}
	chosen, err := db.ParseID(in.Get("delivery/option_id"))
	switch _, offered := delivery.Find(d.view.Options, chosen); {
	case err != nil && len(d.view.Options) == 0:
		f.Add("/delivery/option_id", "no_delivery")
	case err != nil:
		f.Add("/delivery/option_id", "choose")
	case !offered:
		f.Add("/delivery/option_id", "not_offered")
	case d.cart.Point != "" && !s.pointOffered(r, d.view, d.cart.Point):
		f.Add("/delivery/pickup_point_id", "not_offered")
	}
	if !slices.ContainsFunc(s.ways(d, l, ""), func(p view.PaymentOption) bool { return p.ID == in.Get("payment_method") }) {
		f.Add("/payment_method", "choose")
	}
	if n := s.payerPhone(in); n != "" {
		if _, err := secret.CanonicalPhone(n); err != nil {
			f.Add("/payer_phone", "bad_phone")
		}
	}
	for _, c := range consents(d.view, l) {
		if in.Get(c.Name) != "yes" {
			f.Add("/"+c.Name, "must_tick")
		}
	}
	if len(f) == 0 {
		return nil
	}
	out := ui.FormOf(l, url.Values{}, fault.Invalid(f...)).Errors
	slices.SortStableFunc(out, func(a, b ui.FieldError) int { return place(a.Name) - place(b.Name) })
	return out
}

// payerPhone is the number that the way to pay calls upon. What was typed before another
// way was chosen is of no account.
func (s *Store) payerPhone(in web.Values) string {
	if !s.Desk.CallsPhone(in.Get("payment_method")) {
		return ""
	}
	return strings.TrimSpace(in.Get("payer_phone"))
}

// place is where a field stands on the page.
func place(name string) int {
	order := []string{"email", "phone", "name", "address/line1", "address/postal_code", "address/city", "address/country", "address/care_of", "address/door_code", "address/line2",
		"company", "org_number", "reference", "newsletter", "delivery/option_id", "delivery/pickup_point_id", "payment_method", "payer_phone", "code"}
	if i := slices.Index(order, name); i >= 0 {
		return i
	}
	return len(order)
}

// pointOffered asks the carrier about a point; one that cannot be asked now does
// not stop the buyer.
func (s *Store) pointOffered(r *web.Request, v cart.View, id string) bool {
	if v.Chosen == nil || !v.Chosen.Method.HasPoints() {
		return false
	}
	ctx, cancel := context.WithTimeout(r.Context(), pointsWait)
	defer cancel()
	m := v.Chosen.Method
	_, verdict := s.Carriers.Check(ctx, m.Carrier, string(m.Kind), v.PostalCode, s.Country, r.Lang, id)
	return verdict != fulfilment.NotOffered
}

// save keeps who buys and the delivery in the cart, where they differ from what
// is there: a second press of the button changes nothing, and so meets the
// purchase that the first one began.
func (s *Store) save(r *web.Request, d desk, contact customer.Contact) (cart.View, error) {
	v, _, err := db.Write(r.Context(), s.DB, func(tx *db.Tx) (cart.View, error) {
		c, err := cart.ByToken(tx, s.Vault, r.CookieValue(web.CookieCart))
		if err != nil {
			return cart.View{}, err
		}
		// The row first, so that two presses take turns on any engine.
		if err := cart.Lock(tx, c.ID); err != nil {
			return cart.View{}, err
		}
		if c, err = cart.ByID(tx, c.ID); err != nil {
			return cart.View{}, err
		}
		if c.Purchase != 0 {
			return cart.View{}, fault.Conflict("cart_ordered")
		}
		parsed, err := customer.Parse(contact, customer.Rules{Countries: s.countries()})
		if err != nil {
			return cart.View{}, err
		}
		old, known, err := cart.Contact[order.Contact](tx, s.Vault, c)
		if err != nil {
			return cart.View{}, err
		}
		same := known && sameContact(old, api.Frozen(parsed)) && c.Option == d.cart.Option && c.Point == d.cart.Point
		if !same {
			if c, err = cart.Open(tx, s.Vault, c.Token(s.Vault)); err != nil {
				return cart.View{}, err
			}
			if err := api.ChooseDelivery(tx, s.Shelf, s.Vault, &c, d.cart.Option, d.cart.Point); err != nil {
				return cart.View{}, err
			}
			if c, err = cart.ByID(tx, c.ID); err != nil {
				return cart.View{}, err
			}
			if err := api.SetBuyer(tx, s.Shelf, s.Vault, &c, contact); err != nil {
				return cart.View{}, err
			}
			if c, err = cart.ByID(tx, c.ID); err != nil {
				return cart.View{}, err
			}
		}
		return s.Shelf.View(tx, s.Vault, c, r.Lang)
	})
	return v, err
}

func sameContact(a, b order.Contact) bool {
	if (a.Billing == nil) != (b.Billing == nil) || a.Billing != nil && *a.Billing != *b.Billing {
		return false
	}
	a.Billing, b.Billing = nil, nil
	return a == b
}

// again shows the form after a refusal: what has changed in words, the sum as it
// is now, everything typed still there.
func (s *Store) again(w http.ResponseWriter, r *web.Request, in web.Values, form ui.Form, cause error) error {
	f := fault.As(cause)
	if f == nil || f.Kind != fault.Clash && f.Kind != fault.Unprocessable {
		return cause
	}
	d, err := read(s, r.Context(), func(q *db.Reader) (desk, error) { return s.lay(q, r, in) })
	if err != nil {
		return err
	}
	if !d.have {
		return s.noCart(w, r)
	}
	if f.Kind == fault.Unprocessable {
		form.Errors = append(form.Errors, ui.FormOf(r.Lang, nil, cause).Errors...)
		for i, e := range form.Errors {
			if place(e.Name) > place("code") && !strings.HasPrefix(e.Name, "consent.") {
				form.Errors[i].Name = ""
			}
		}
		return s.showCheckout(w, r, http.StatusUnprocessableEntity, d, form, "")
	}
	var what []string
	for _, x := range d.view.Problems {
		if x.Block && x.Line == 0 {
			what = append(what, lang.T(r.Lang, "changed.delivery"))
		} else if x.Block {
			what = append(what, lang.T(r.Lang, "changed.stock"))
		}
	}
	switch f.Code {
	case "total_changed":
		what = append(what, lang.T(r.Lang, "changed.total"))
	case "purchase_open", "too_many_codes", "code_gone":
		form.Errors = append(form.Errors, ui.FieldError{Text: lang.TArgs(r.Lang, f.SentenceKey(), f.Args)})
		return s.showCheckout(w, r, f.Kind.Status(), d, form, "")
	}
	if len(what) == 0 {
		what = append(what, lang.T(r.Lang, "changed.cart"))
	}
	changed := lang.T(r.Lang, "cart.changed", "what", lang.List(r.Lang, slices.Compact(what)), "total", d.view.Quote.ToPay)
	return s.showCheckout(w, r, f.Kind.Status(), d, form, changed)
}
