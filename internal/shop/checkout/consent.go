package checkout

import (
	"slices"
	"time"

	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/order"
)

// maxConsents is far above what a cart can ask for.
const maxConsents = 400

// agreed sorts the consents that the law wants of this cart into those that were
// given and those that were not. given holds keys (cart.Consent.Key) or a kind, which
// stands for all lines of that kind. With demand, one that was not given is a fault
// at "/consents"; so is a word that names none.
func agreed(v cart.View, l lang.Lang, given []string, demand bool, at time.Time) (yes, no []order.Consent, err error) {
	var f fault.Fields
	asked := v.Consents(l)
	for _, g := range given {
		if g != cart.ConsentBGoods && g != cart.ConsentDigital && !slices.ContainsFunc(asked, func(c cart.Consent) bool { return c.Key() == g }) {
			f.Add("/consents", "unknown")
			break
		}
	}
	for _, c := range asked {
		x := order.Consent{Kind: c.Kind, Variant: c.Variant, Title: c.Title, Text: c.Text, Version: c.Version}
		if slices.Contains(given, c.Kind) || slices.Contains(given, c.Key()) {
			x.At = at
			yes = append(yes, x)
			continue
		}
		no = append(no, x)
	}
	if demand && len(no) > 0 {
		f.Add("/consents", "must_consent", "text", no[0].Text)
	}
	return yes, no, f.Err()
}
