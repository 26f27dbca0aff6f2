package view

import (
	"sort"

	"kassavalv/internal/money"
	"kassavalv/internal/web/ui"

	"github.com/a-h/templ"
)

func (c CartLine) max() int {
	if c.Max > 0 {
		return c.Max
	}
	return 99
}

// due is what is left to pay.
func (t Totals) due() money.Money {
	if t.ToPay.Currency != "" {
		return t.ToPay
	}
	return t.Total
}

// slim takes menu and search away from the checkout.
func (p Checkout) slim() Shell {
	s := p.Shell
	s.Slim, s.NoIndex = true, true
	return s
}

// payments puts ways with credit last, whatever the handler's order
// (betaltjänstlagen 7 a kap. 1 §).
func (p Checkout) payments() []PaymentOption {
	out := append([]PaymentOption(nil), p.Payment...)
	sort.SliceStable(out, func(a, b int) bool { return !out[a].Credit && out[b].Credit })
	return out
}

// more opens the rarer address fields when one of them holds or lacks something.
func (p Checkout) more() bool {
	for _, n := range []string{"address/care_of", "address/door_code", "address/line2"} {
		if p.Form.Value(n) != "" || p.Form.Err(n) != "" {
			return true
		}
	}
	return false
}

// errorRef ties a group of choices to its error.
func errorRef(f ui.Form, name string) templ.Attributes {
	if f.Err(name) == "" {
		return nil
	}
	return templ.Attributes{"aria-describedby": ui.FieldID(name) + "-err"}
}
