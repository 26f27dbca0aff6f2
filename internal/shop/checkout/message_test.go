package checkout_test

import (
	"strings"
	"testing"
	"time"

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

// A provider's code that says more than its reason has a sentence of its own; any other
// code changes nothing, whatever is in it.
func TestMessagesOfCodes(t *testing.T) {
	for _, l := range lang.All {
		say := func(method, code string) string {
			return checkout.Message(l, checkout.Purchase{State: checkout.Refused, Money: checkout.NotMoved, Reason: string(payment.Insufficient), Method: method, Code: code, Total: money.SEK(12900)}, "Swish")
		}
		if m := say("swish", "AM21"); !strings.HasSuffix(m, lang.T(l, "refuse.swish.AM21")) || strings.Contains(m, lang.T(l, "refuse.funds")) {
			t.Errorf("%q", m)
		}
		for _, other := range [][2]string{{"swish", "ZZ99"}, {"card", "AM21"}, {"swish", ""}, {"", "funds"}, {"x", "../../funds"}} {
			if m := say(other[0], other[1]); !strings.HasSuffix(m, lang.T(l, "refuse.funds")) {
				t.Errorf("%v: %q", other, m)
			}
		}
	}
}

// Once the time to approve is over, nobody is told to approve.
func TestMessageWhenTimeIsUp(t *testing.T) {
	now := time.Now()
	p := checkout.Purchase{State: checkout.Awaiting, Money: checkout.NotMoved, Method: "swish", Total: money.SEK(12900), HoldUntil: now, AnswerBy: now.Add(time.Hour), Changed: now.Add(-time.Second)}
	for _, l := range lang.All {
		before := checkout.Message(l, p, "Swish")
		q := p
		q.Changed = now.Add(time.Second)
		after := checkout.Message(l, q, "Swish")
		if before != lang.T(l, "state.awaiting_customer", "app", "Swish", "time", lang.Clock(l, now)) || after != lang.T(l, "state.awaiting_late", "time", lang.Clock(l, q.AnswerBy)) {
			t.Errorf("%q, then %q", before, after)
		}
	}
}
