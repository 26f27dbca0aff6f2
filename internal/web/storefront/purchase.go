package storefront

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// bought is a purchase with the order it became.
type bought struct {
	p       checkout.Purchase
	order   order.Order // zero: none
	email   string
	erased  bool // the buyer is
	shell   view.Shell
	goods   map[db.ID]catalog.VariantInfo // as they are now
	noBill  bool                          // the shop's invoice is not offered for this sum
	ownCart bool                          // the visitor's cart is the one that was bought
}

func (s *Store) purchaseToken(q db.Q, id db.ID) (string, error) {
	p, err := checkout.ByID(q, id)
	if err != nil {
		return "", err
	}
	return p.Token(s.Vault), nil
}

// purchase is "/purchases/{token}": the true state, again each time.
func (s *Store) purchase(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery("stay")
	if err != nil {
		return err
	}
	b, err := read(s, r.Context(), func(q *db.Reader) (b bought, err error) {
		if b.p, err = checkout.ByToken(q, s.Vault, r.PathValue("token")); fault.Is(err, "not_found") {
			return b, lostPurchase(q, r, err)
		}
		if err != nil {
			return
		}
		s.Desk.Called(q, &b.p)
		if b.shell, err = s.shell(q, r, "/purchases/"+b.p.Token(s.Vault)); err != nil {
			return
		}
		if t := r.CookieValue(web.CookieCart); t != "" {
			c, err := cart.ByToken(q, s.Vault, t)
			if err != nil && !fault.Is(err, "not_found") {
				return b, err
			}
			b.ownCart = err == nil && c.ID == b.p.Cart && c.Purchase != 0
		}
		ids := make([]db.ID, len(b.p.Draft.Lines))
		for i, x := range b.p.Draft.Lines {
			ids[i] = x.Variant
		}
		b.goods = pictured(q, ids)
		if b.noBill, err = content.PaymentBarred(q, "invoice", b.p.Total); err != nil {
			return
		}
		if b.p.Order == 0 {
			return
		}
		if b.order, err = order.ByID(q, b.p.Order); err != nil {
			return
		}
		c, instead, err := opened(order.ContactOf(q, s.Vault, b.order, auth.Holder(b.order.Person)))
		b.email, b.erased = masked(c.Email), instead == wordsErased
		return b, err
	})
	if err != nil {
		return err
	}
	if b.ownCart {
		web.ClearCookie(w, web.CookieCart) // it became an order
	}
	s.Desk.Promise(r.Context(), b.p)
	now := r.Now()
	v := s.moment(b, r.Lang, now)
	v.Stay = v.Stay || qv.Get("stay") != ""
	if b.p.State == checkout.Awaiting && !v.Stay && absolute(v.NextURL) {
		w.Header().Set("Refresh", "1; url="+v.NextURL)
	} else {
		v.Shell.Again = again(b.p, now)
	}
	return web.HTML(w, r, http.StatusOK, view.PurchasePage(v))
}

// toBank is how long after the payment was made the page goes to the bank by
// itself: a buyer who comes back later, with nothing paid, is left in peace
// with the link.
const toBank = 30 * time.Second

// stayPath is the page of a purchase that does not go to the bank by itself: for who
// comes back from there, or asks to see it.
func stayPath(token string) string { return "/purchases/" + token + "?stay=1" }

func (s *Store) moment(b bought, l lang.Lang, now time.Time) view.Purchase {
	p := b.p
	sh := b.shell
	sh.Slim, sh.NoIndex, sh.BaseURL = true, true, ""
	v := view.Purchase{Shell: sh, State: string(p.State), Token: p.Token(s.Vault), Amount: p.Total, Method: s.Desk.MethodName(l, p.Method), AnswerBy: p.AnswerBy, Since: p.Created,
		Moved: string(p.Money), Lapses: 7, SoldOut: p.Reason == checkout.AlarmGone, CasePath: "/support?purchase=" + p.Token(s.Vault)}
	if key := "method." + p.Method + ".app"; lang.Has(key) {
		v.App = lang.T(l, key)
	}
	if key := "method." + p.Method + ".where"; lang.Has(key) {
		v.Where = lang.T(l, key)
	}
	v.Message = checkout.Message(l, p, v.Method)
	if p.Order > 0 && p.Money == checkout.Taken && p.State != checkout.Placed {
		v.State = string(checkout.Paid) // also money that came after the end and became an order
	}
	_, v.Scanned = s.Desk.Provider(p.Method).(payment.Scannable)
	v.Link = s.Desk.Base + lang.Path(l, "/purchases/"+v.Token)
	if p.State == checkout.Refused || p.State == checkout.Expired {
		v.Ways = s.waysNow(b, l)
	}
	if p.State == checkout.Awaiting {
		v.NextURL, v.AnswerBy = p.NextURL, p.HoldUntil
		if p.NextType == payment.NextPhone {
			v.Called, v.ScanPath = true, "/checkout?payment_method="+url.QueryEscape(p.Method)
		}
		if p.NextType == "app" {
			v.AppURL = p.NextURL
			if text := s.Desk.QR(p); text != "" {
				var err error
				if v.Code.Box, v.Code.Path, err = ui.Square(text); err != nil {
					s.Log.Warn("purchase: no code to scan", "purchase", p.ID, "err", err)
				}
			}
		}
		v.Stay = now.Sub(p.Changed) > toBank
	}
	if b.order.ID > 0 {
		v.Erased = b.erased
		v.OrderNumber, v.OrderPath, v.Email = b.order.NumberString(), "/orders/"+b.order.Token(s.Vault), b.email
	}
	if n := p.Draft.Shipping.Name(l); n != "" {
		v.Delivery = n
		if !p.Draft.Shipping.Earliest.IsZero() {
			v.Delivery += ", " + lang.DateRange(l, p.Draft.Shipping.Earliest, p.Draft.Shipping.Latest)
		}
	}
	for _, x := range p.Draft.Lines {
		line := soldLine(x, l)
		if i, ok := b.goods[x.Variant]; ok {
			line.Image = picture(i.Picture, line.Title, 0, 0)
		}
		if p.State != checkout.Paid && claims.MatchString(line.Title+" "+line.Variant) {
			continue // a name that could be read as news about the money
		}
		v.Lines = append(v.Lines, line)
	}
	return v
}

// waysNow are the ways to pay after one did not work out: that one again first, then
// those that are up, as the checkout would show them.
func (s *Store) waysNow(b bought, l lang.Lang) (out []view.Way) {
	if b.p.Reason == checkout.AlarmGone || b.p.Order != 0 {
		return nil
	}
	for _, o := range s.payments(l, "", b.noBill) {
		if o.Down {
			continue
		}
		w := view.Way{Name: s.Desk.MethodName(l, o.ID), URL: "/checkout?payment_method=" + url.QueryEscape(o.ID), Same: o.ID == b.p.Method}
		if w.Same {
			out = append([]view.Way{w}, out...)
		} else {
			out = append(out, w)
		}
	}
	return out
}

// claims finds words that only a paid purchase may have on its page.
var claims = regexp.MustCompile(`(?i)betal(t|d|at)\b`)

func soldLine(x order.DraftLine, l lang.Lang) view.CartLine {
	out := view.CartLine{ID: x.Variant.String(), Path: "/products/" + x.Handle, Title: x.Title(l), Variant: x.Options, Quantity: int(x.Quantity), UnitPrice: x.Unit, Total: x.Total}
	if l == lang.EN && x.TitleEN == "" {
		out.TextLang = lang.SV
	}
	return out
}

// again is after how long a browser without scripts should ask for the page again;
// 0: the end is known. One with scripts hears of it, and must not be moved.
func again(p checkout.Purchase, now time.Time) time.Duration {
	switch {
	case p.State.Terminal():
		return 0
	case now.Sub(p.Created) > 2*time.Minute:
		return 15 * time.Second
	}
	return 4 * time.Second
}

// absolute reports whether an address can stand in a header: it came from the
// provider, whose answers are not believed blindly.
func absolute(u string) bool {
	return (strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://")) && !strings.ContainsAny(u, " \t\r\n;\"'<>\\")
}

// masked shows enough of an address for its owner to know it.
func masked(mail string) string {
	local, domain, ok := strings.Cut(mail, "@")
	if !ok || local == "" {
		return ""
	}
	first := []rune(local)[:1]
	return string(first) + "…@" + domain
}

// lostPurchase is what a buyer is told whose purchase did not come back with the shop
// although his payment is known; otherwise err as it is.
func lostPurchase(q db.Q, r *web.Request, err error) error {
	x, ok, gerr := checkout.GapByToken(q, r.PathValue("token"))
	if gerr != nil || !ok {
		return errors.Join(gerr, err)
	}
	f := &fault.Error{Kind: fault.Missing, Code: "gap_found", Args: map[string]any{"amount": lang.Money(r.Lang, x.Amount)}}
	if x.State == "returned" {
		f.Code = "gap_returned"
	}
	return f
}

// returned is where the bank sends the buyer. It asks the bank once, for a moment,
// so that the page which follows can tell the end.
func (s *Store) returned(w http.ResponseWriter, r *web.Request) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (checkout.Purchase, error) {
		return checkout.ByToken(q, s.Vault, r.PathValue("token"))
	})
	if err != nil {
		return err
	}
	token := p.Token(s.Vault)
	if !p.State.Terminal() {
		// The look-up goes on by itself when the bank is slow.
		done := make(chan struct{})
		ctx := context.WithoutCancel(r.Context())
		go func() {
			defer close(done)
			if _, err := s.Desk.Look(ctx, p.ID, "buyer returned"); err != nil {
				s.Log.Warn("purchase: look-up at return", "purchase", p.ID, "err", err)
			}
		}()
		wait := time.NewTimer(returnWait)
		defer wait.Stop()
		select {
		case <-done:
		case <-wait.C:
		case <-r.Context().Done():
		}
	}
	if p.ReturnURL != "" {
		// It was checked against the shop's own origins when the purchase began.
		if u, err := url.Parse(p.ReturnURL); err == nil {
			v := u.Query()
			v.Set("purchase", token)
			u.RawQuery = v.Encode()
			return web.SeeElsewhere(w, u.String())
		}
	}
	return web.SeeOther(w, r, "/purchases/"+token)
}

// cancelPurchase is POST /purchases/{token}/cancel: the buyer changes his mind
// before he has paid. If the bank says that he paid after all, the page tells so.
func (s *Store) cancelPurchase(w http.ResponseWriter, r *web.Request) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	p, err := read(s, r.Context(), func(q *db.Reader) (checkout.Purchase, error) {
		return checkout.ByToken(q, s.Vault, r.PathValue("token"))
	})
	if err != nil {
		return err
	}
	if _, err := s.Desk.Cancel(r.Context(), p.ID); err != nil {
		return err
	}
	return web.SeeOther(w, r, "/purchases/"+p.Token(s.Vault))
}
