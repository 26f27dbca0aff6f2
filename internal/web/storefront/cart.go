package storefront

import (
	"net/http"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/web"
	"kassavalv/internal/web/api"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// cart is "/cart".
func (s *Store) cart(w http.ResponseWriter, r *web.Request) error {
	flash := r.TakeFlash(w)
	return s.showCart(w, r, http.StatusOK, ui.Form{}, flash)
}

// showCart writes the cart as it now stands; form holds what was wrong with the
// last try.
func (s *Store) showCart(w http.ResponseWriter, r *web.Request, status int, form ui.Form, flash string) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (view.Cart, error) {
		sh, err := s.shell(q, r, "/cart")
		if err != nil {
			return view.Cart{}, err
		}
		p := view.Cart{Shell: sh, Form: form, ReadOnly: s.Desk.Away() != nil}
		p.Shell.Title, p.Shell.NoIndex = lang.T(r.Lang, "cart.title"), true
		if flash != "" {
			p.Shell.Flash = lang.T(r.Lang, flash)
		}
		c, ok, err := s.ownCart(q, r)
		if err != nil {
			return p, err
		}
		if !ok || len(c.Lines) == 0 {
			p.Picks = s.picks(r.Lang, 4)
			return p, nil
		}
		v, err := s.Shelf.View(q, s.Vault, c, r.Lang)
		if err != nil {
			return p, err
		}
		show, err := content.StockShowUpTo.Get(q)
		if err != nil {
			return p, err
		}
		p.Lines, p.Totals = s.lines(v, r.Lang, show), totals(v, r.Lang)
		for _, x := range v.Problems {
			if x.Line == 0 && x.Code != "delivery_gone" { // that one is solved in the checkout
				p.Problems = append(p.Problems, lang.T(r.Lang, x.Key, x.Args...))
			}
		}
		if held := v.CodesHeld(); len(held) > 0 {
			p.Code = held[0]
		} else if len(v.Codes) > 0 {
			p.Code = v.Codes[0]
		}
		for _, g := range v.Gifts {
			p.Gifts = append(p.Gifts, view.Gift{ID: g.Card.String(), Last4: g.Last4, Use: g.Use, Left: money.New(g.Left.Amount-g.Use.Amount, g.Left.Currency)})
		}
		p.FreeFrom, p.FreeLeft, p.FreeNow = free(v)
		return p, nil
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, status, view.CartPage(p))
}

// lines shows the lines of a cart with what stands in the way of each; show is up
// to how many pieces the exact number is told.
func (s *Store) lines(v cart.View, l lang.Lang, show int64) []view.CartLine {
	trouble := map[db.ID]cart.Problem{}
	for _, p := range v.Problems {
		if p.Line > 0 {
			trouble[p.Line] = p
		}
	}
	var out []view.CartLine
	for _, x := range v.Lines {
		title, tl := x.Info.Title.In(l)
		variant, _ := x.Info.Label().In(l)
		line := view.CartLine{ID: x.ID.String(), Title: title, Variant: variant, TextLang: tl, Image: picture(x.Info.Picture, title, 0, 0), Quantity: int(x.Quantity), UnitPrice: x.Price.Price, Total: x.Quoted.Total}
		line.Facts, _ = x.Facts.In(l)
		if x.Info.Sellable {
			line.Path = "/products/" + x.Info.Handle
		}
		left := max(0, x.Level.Available())
		if x.Level.Tracked && !x.Level.Backorder && left <= show {
			line.Max = int(max(left, x.Quantity, 1))
		}
		if x.Level.Tracked && x.Level.Backorder && left < x.Quantity {
			line.Notes = append(line.Notes, lang.T(l, "stock.backorder"))
		}
		if x.Info.Withdrawal.Excluded() {
			line.Notes = append(line.Notes, lang.T(l, "withdrawal."+withdrawal(x.Info.Withdrawal)))
		}
		if defect, _ := x.Info.BGoods.In(l); defect != "" {
			line.Notes = append(line.Notes, lang.T(l, "product.b")+": "+defect)
		}
		if p, ok := trouble[x.ID]; ok {
			line.Problem = s.lineProblem(p, left, show, l)
		}
		out = append(out, line)
	}
	return out
}

// lineProblem says what is wrong with a line, with no more of the stock than
// buyers are told.
func (s *Store) lineProblem(p cart.Problem, left, show int64, l lang.Lang) string {
	switch {
	case p.Code != "out_of_stock":
		return lang.T(l, p.Key, p.Args...)
	case left <= 0:
		return lang.T(l, "cart.line_out")
	case left > show:
		return lang.T(l, "cart.line_fewer")
	}
	return lang.N(l, "cart.only_left", left)
}

// withdrawal is the word that pages have a sentence for.
func withdrawal(w catalog.Withdrawal) string {
	if k := w.Surface(); lang.Has("withdrawal." + k) {
		return k
	}
	return "other"
}

func totals(v cart.View, l lang.Lang) view.Totals {
	q := v.Quote
	t := view.Totals{Goods: q.Goods, Delivery: q.Delivery, Discount: q.Discount, GiftCard: q.GiftCard, Total: q.Total, ToPay: q.ToPay}
	if v.Chosen != nil {
		t.DeliveryKnown = true
		t.DeliveryName, _ = methodName(v.Chosen.Method).In(l)
	}
	if held := v.CodesHeld(); len(held) == 1 {
		t.DiscountName = held[0]
	}
	for _, x := range q.VAT {
		t.VAT = append(t.VAT, view.VATLine{Rate: x.RateBP, Amount: x.Amount})
	}
	return t
}

func methodName(m delivery.Method) catalog.Localized {
	return catalog.Localized{SV: m.NameSV, EN: m.NameEN}
}

// free tells how far it is to free delivery.
func free(v cart.View) (from, left money.Money, now bool) {
	if !v.Goods.Shipped {
		return
	}
	for _, o := range v.Options {
		if o.Method.Kind == delivery.Store || o.Method.FreeFrom <= 0 {
			continue
		}
		if o.Price.Amount == 0 {
			return money.Money{}, money.Money{}, true
		}
		if from.Amount == 0 || o.Method.FreeFrom < from.Amount {
			from = money.New(o.Method.FreeFrom, v.Currency)
			left = money.New(o.Method.FreeFrom-v.Goods.Value.Amount, v.Currency)
		}
	}
	return
}

// openCart opens the visitor's cart for a change, or makes a new one where he has
// none that can be changed.
func (s *Store) openCart(tx *db.Tx, r *web.Request) (cart.Cart, error) {
	if token := r.CookieValue(web.CookieCart); token != "" {
		c, err := cart.Open(tx, s.Vault, token)
		if !fault.Is(err, "not_found") && !fault.Is(err, "cart_ordered") {
			return c, err
		}
	}
	return cart.New(tx, s.Vault, s.Currency)
}

// changeCart runs one change and leads back to the cart, which says what was
// done. A refusal shows the cart with the reason.
func (s *Store) changeCart(w http.ResponseWriter, r *web.Request, said string, typed map[string]string, fn func(tx *db.Tx, c *cart.Cart) error) error {
	c, _, err := db.Write(r.Context(), s.DB, func(tx *db.Tx) (cart.Cart, error) {
		c, err := s.openCart(tx, r)
		if err != nil {
			return c, err
		}
		return c, fn(tx, &c)
	})
	if f := fault.As(err); f != nil && (f.Kind == fault.Unprocessable || f.Kind == fault.Clash) {
		form := ui.FormOf(r.Lang, nil, err)
		form.Values = typed
		for i := range form.Errors {
			if _, shown := typed[form.Errors[i].Name]; !shown {
				form.Errors[i].Name = "" // the page has no such field: the sentence stands alone
			}
		}
		return s.showCart(w, r, f.Kind.Status(), form, "")
	}
	if err != nil {
		return err
	}
	web.SetCookie(w, web.CookieCart, c.Token(s.Vault), cartKeep)
	web.SetFlash(w, said)
	return web.SeeOther(w, r, "/cart")
}

// addLine is POST /cart/lines: pieces of a variant.
func (s *Store) addLine(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("variant_id", "quantity")
	if err != nil {
		return err
	}
	n := int64(1)
	if in.Has("quantity") {
		n = whole(in.Get("quantity"))
	}
	variant, err := db.ParseID(in.Get("variant_id"))
	return s.changeCart(w, r, "flash.cart.added", nil, func(tx *db.Tx, c *cart.Cart) error {
		if err != nil {
			return fault.Invalid(fault.Field{Pointer: "/variant_id", Code: "unknown_variant"})
		}
		return api.AddToCart(tx, s.Shelf, c, variant, n)
	})
}

// whole reads a number a person typed; what is none is -1, which no rule takes.
func whole(s string) int64 {
	if s == "" || len(s) > 6 {
		return -1
	}
	n := int64(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n
}

func lineID(r *web.Request) (db.ID, error) {
	id, err := db.ParseID(r.PathValue("line"))
	if err != nil {
		return 0, fault.NotFound()
	}
	return id, nil
}

// changeLine is POST /cart/lines/{line}: none means away with it.
func (s *Store) changeLine(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("quantity")
	if err != nil {
		return err
	}
	line, err := lineID(r)
	if err != nil {
		return err
	}
	n := whole(in.Get("quantity"))
	return s.changeCart(w, r, "flash.cart.updated", nil, func(tx *db.Tx, c *cart.Cart) error {
		if n == 0 {
			return cart.Remove(tx, c, line)
		}
		return cart.Set(tx, c, line, n)
	})
}

// removeLine is POST /cart/lines/{line}/remove.
func (s *Store) removeLine(w http.ResponseWriter, r *web.Request) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	line, err := lineID(r)
	if err != nil {
		return err
	}
	return s.changeCart(w, r, "flash.cart.removed", nil, func(tx *db.Tx, c *cart.Cart) error { return cart.Remove(tx, c, line) })
}

// addCode is POST /cart/discounts.
func (s *Store) addCode(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("code")
	if err != nil {
		return err
	}
	code := in.Get("code")
	typed := map[string]string{"code": code}
	if code == "" {
		return s.changeCart(w, r, "", typed, func(tx *db.Tx, c *cart.Cart) error {
			return fault.Invalid(fault.Field{Pointer: "/code", Code: "required"})
		})
	}
	// changeCart shows a refusal itself; the try is counted by what it refused with.
	var page error
	err = api.TryCode(r.Context(), s.tries(), r.Network().String(), code, func(fn func(tx *db.Tx, c *cart.Cart) error) error {
		var refused error
		page = s.changeCart(w, r, "flash.cart.code", typed, func(tx *db.Tx, c *cart.Cart) error {
			refused = fn(tx, c)
			return refused
		})
		return refused
	})
	if f := fault.As(err); f != nil && f.Kind == fault.TooManyKind {
		return err
	}
	return page
}

// tries are the budgets of codes that are tried.
func (s *Store) tries() giftcard.Tries { return giftcard.Tries{DB: s.DB, Vault: s.Vault} }

// removeCode is POST /cart/discounts/remove.
func (s *Store) removeCode(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("code")
	if err != nil {
		return err
	}
	return s.changeCart(w, r, "flash.cart.updated", nil, func(tx *db.Tx, c *cart.Cart) error {
		return api.RemoveCode(tx, c, in.Get("code"))
	})
}
