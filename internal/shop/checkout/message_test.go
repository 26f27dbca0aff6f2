package checkout_test

import (
	"strings"
	"testing"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/payment"
)

// A refusal says that no money was taken only when that is known, differs by
// reason, and has no gap left unfilled.
func TestMessagesOfRefusals(t *testing.T) {
	reasons := []payment.Reason{payment.Declined, payment.Insufficient, payment.AuthFailed, payment.BuyerLeft, payment.BankError, payment.ProviderDown}
	for _, l := range lang.All {
		none := map[lang.Lang]string{lang.SV: "Inga pengar har dragits", lang.EN: "No money was taken"}[l]
		for _, state := range []checkout.State{checkout.Refused, checkout.Expired} {
			seen := map[string]bool{}
			for _, reason := range reasons {
				for _, moved := range []checkout.Money{checkout.NotMoved, checkout.Reserved, checkout.Taken, checkout.Returned, checkout.Unsure} {
					m := checkout.Message(l, checkout.Purchase{State: state, Money: moved, Reason: string(reason), Total: money.SEK(12900)}, "kort")
					if got, want := strings.Contains(m, none), moved == checkout.NotMoved; got != want {
						t.Errorf("%s %s %s %s: %q", l, state, reason, moved, m)
					}
					if strings.ContainsAny(m, "{}") || strings.Contains(m, "  ") {
						t.Errorf("a gap in %q", m)
					}
					if moved == checkout.NotMoved {
						seen[m] = true
					}
				}
			}
			if state == checkout.Refused && len(seen) != len(reasons) {
				t.Errorf("%s: %d sentences for %d reasons", l, len(seen), len(reasons))
			}
		}
	}
}
