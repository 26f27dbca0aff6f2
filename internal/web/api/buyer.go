package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/web"
)

type addressIn struct {
	CareOf     string `json:"care_of"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2"`
	PostalCode string `json:"postal_code"`
	City       string `json:"city"`
	Country    string `json:"country"`
	DoorCode   string `json:"door_code"`
}

type customerIn struct {
	Email          string     `json:"email"`
	Phone          string     `json:"phone"`
	Name           string     `json:"name"`
	Company        string     `json:"company"`
	OrgNumber      string     `json:"org_number"`
	Reference      string     `json:"reference"`
	Newsletter     bool       `json:"newsletter"`
	Address        addressIn  `json:"address"`
	BillingAddress *addressIn `json:"billing_address"`
}

func (s *Store) setCustomer(w http.ResponseWriter, r *web.Request) error {
	in, err := web.Decode[customerIn](r, web.Budget{Bytes: 16 << 10, Text: 2000})
	if err != nil {
		return err
	}
	c := customer.Contact{Email: in.Email, Phone: in.Phone, Name: in.Name, Company: in.Company, OrgNumber: in.OrgNumber, Reference: in.Reference, Newsletter: in.Newsletter,
		Address: customer.Address(in.Address)}
	if in.BillingAddress != nil {
		b := customer.Address(*in.BillingAddress)
		c.Billing = &b
	}
	return s.change(w, r, http.StatusOK, func(tx *db.Tx, ct *cart.Cart) error { return SetBuyer(tx, s.Shelf, s.Vault, ct, c) })
}

// SetBuyer parses who buys and seals it in the cart: the one rule under pages
// and API. A phone number is asked for when the chosen delivery needs one.
func SetBuyer(tx *db.Tx, shelf *cart.Shelf, v *secret.Vault, c *cart.Cart, in customer.Contact) error {
	rules, err := BuyerRules(tx, shelf, v, c)
	if err != nil {
		return err
	}
	contact, err := customer.Parse(in, rules)
	if err != nil {
		return err
	}
	return cart.SetContact(tx, v, c, Frozen(contact), contact.Address.PostalCode)
}

// BuyerRules are what the cart's delivery asks of the buyer's details.
func BuyerRules(q db.Q, shelf *cart.Shelf, v *secret.Vault, c *cart.Cart) (customer.Rules, error) {
	var rules customer.Rules
	if c.Option != 0 {
		view, err := shelf.View(q, v, *c, "sv")
		if err != nil {
			return rules, err
		}
		rules.PhoneRequired = view.Chosen != nil && view.Chosen.Method.PhoneRequired
	}
	return rules, nil
}

// Frozen is the form in which carts, purchases and orders keep a contact.
func Frozen(c customer.Contact) order.Contact {
	out := order.Contact{Email: c.Email, Phone: c.Phone, Name: c.Name, Company: c.Company, OrgNumber: c.OrgNumber, Reference: c.Reference, Newsletter: c.Newsletter,
		Address: order.Address(c.Address)}
	if c.Billing != nil {
		b := order.Address(*c.Billing)
		out.Billing = &b
	}
	return out
}

// TryCode keeps a discount code or a gift card on a cart, on behalf of a client's network:
// the one rule under pages and API. Wrong codes are counted; 429 after too many, for right ones
// too.
func TryCode(ctx context.Context, tries giftcard.Tries, peer, code string, change func(func(tx *db.Tx, c *cart.Cart) error) error) error {
	return tries.Do(ctx, peer, code, func() error {
		return change(func(tx *db.Tx, c *cart.Cart) error { return addCode(tx, c, code) })
	})
}

// addCode keeps a discount code that holds for this cart, or has a gift card pay; 422 at
// /code when it is neither. Of a gift card that is empty, ended or unknown the answer is one.
func addCode(tx *db.Tx, c *cart.Cart, code string) error {
	err := discountCode(tx, c, code)
	if f := fault.As(err); f == nil || len(f.Fields) != 1 || f.Fields[0].Code != "code_unknown" || !giftcard.Shaped(code) {
		return err
	}
	on, oerr := content.GiftCardsOn.Get(tx)
	if oerr != nil {
		return oerr
	}
	if !on {
		return err
	}
	card, ferr := giftcard.Find(tx, code)
	if errors.Is(ferr, db.ErrNotFound) {
		return err
	}
	if ferr != nil {
		return ferr
	}
	return cart.AddGift(tx, c, card)
}

func discountCode(tx *db.Tx, c *cart.Cart, code string) error {
	canonical := pricing.CanonicalCode(code)
	bad := func(reason string) error {
		return fault.Invalid(fault.Field{Pointer: "/code", Code: "code_" + reason, Args: map[string]any{"code": canonical}})
	}
	if canonical == "" {
		return bad("unknown")
	}
	ids := make([]db.ID, len(c.Lines))
	for i, l := range c.Lines {
		ids[i] = l.Variant
	}
	rules, err := pricing.CodesFor(tx, []string{canonical}, ids)
	if err != nil {
		return err
	}
	if len(rules) != 1 {
		return bad("unknown")
	}
	if p := rules[0].Problem; p != "" {
		return bad(p)
	}
	return cart.AddCode(tx, c, rules[0].Code)
}

func (s *Store) addCode(w http.ResponseWriter, r *web.Request) error {
	if _, err := web.Decode[struct{}](r, web.Budget{Optional: true}); err != nil {
		return err
	}
	return TryCode(r.Context(), giftcard.Tries{DB: s.DB, Vault: s.Vault}, r.Network().String(), r.PathValue("code"), func(fn func(tx *db.Tx, c *cart.Cart) error) error {
		return s.change(w, r, http.StatusOK, fn)
	})
}

func (s *Store) removeCode(w http.ResponseWriter, r *web.Request) error {
	return s.change(w, r, http.StatusOK, func(tx *db.Tx, c *cart.Cart) error { return RemoveCode(tx, c, r.PathValue("code")) })
}

// RemoveCode takes a discount code or a gift card off a cart; the card by its code, or by
// its id in the cart, for who has not kept the code.
func RemoveCode(tx *db.Tx, c *cart.Cart, code string) error {
	card, err := giftcard.IDOf(tx, code)
	if err != nil {
		return err
	}
	if id, err := db.ParseID(code); err == nil && card == 0 {
		card = id
	}
	if slices.Contains(c.Gifts, card) {
		return cart.RemoveGift(tx, c, card)
	}
	return cart.RemoveCode(tx, c, pricing.CanonicalCode(code))
}
