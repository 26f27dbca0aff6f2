package checkout

import (
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/payment"
)

// Message is the sentence for the buyer: what has happened, by the one table of
// words. It differs by reason, and never says that something is wrong while
// money may have moved.
func Message(lg lang.Lang, p Purchase, method string) string {
	total := lang.Money(lg, p.Total)
	switch p.State {
	case Received:
		return lang.T(lg, "state.received")
	case Awaiting:
		app := method
		if k := "method." + p.Method + ".app"; lang.Has(k) {
			app = lang.T(lg, k)
		}
		return lang.T(lg, "state.awaiting_customer", "app", app, "time", lang.Clock(lg, p.HoldUntil))
	case Processing:
		return lang.T(lg, "state.processing")
	case Unknown:
		return lang.T(lg, "state.unknown", "time", lang.Clock(lg, p.AnswerBy))
	case Paid:
		return lang.T(lg, "state.paid", "amount", total, "method", method)
	case Placed:
		return lang.T(lg, "state.placed")
	}
	if p.Reason == AlarmGone || p.Money == Taken || p.Money == Returned {
		return lang.T(lg, "state.gone", "amount", total)
	}
	if p.State == Expired {
		return lang.T(lg, "state.expired")
	}
	return lang.T(lg, reasonKey(p.Reason)) + " " + lang.T(lg, "state.refused")
}

// reasonKey maps a reason to its sentence. Lost, stolen and fraud are
// "declined" already in the provider's room.
func reasonKey(reason string) string {
	switch payment.Reason(reason) {
	case payment.Insufficient:
		return "refuse.funds"
	case payment.AuthFailed:
		return "refuse.auth"
	case payment.BuyerLeft:
		return "refuse.cancelled"
	case payment.BankError:
		return "refuse.bank_error"
	case payment.ProviderDown:
		return "refuse.provider_down"
	}
	return "refuse.neutral"
}

// MethodName is what a way to pay is called.
func (d *Desk) MethodName(lg lang.Lang, method string) string {
	if d.provider(method) == nil {
		return method
	}
	return lang.T(lg, "method."+method)
}
