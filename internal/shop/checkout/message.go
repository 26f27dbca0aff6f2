package checkout

import (
	"unicode"
	"unicode/utf8"

	"kassavalv/internal/lang"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/payment"
)

// Message is the sentence for the buyer: what has happened, by the one table of
// words, the same on the purchase page, in the API and in the back office. It
// differs by reason, and never says that something is wrong while money may have
// moved, nor that none has when some may have.
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
		return paidWith(lg, p, method)
	case Placed:
		if p.Money == Taken { // all of the invoice, or a part
			return lang.T(lg, "state.placed.taken")
		}
		return lang.T(lg, "state.placed")
	}
	if p.Order > 0 { // the money came after the end, and became an order
		return lang.T(lg, "state.late_order", "amount", total, "method", method)
	}
	if p.Reason == AlarmMismatch {
		return lang.T(lg, "state.wrong_sum")
	}
	if p.Reason == AlarmGone {
		return lang.T(lg, "state.gone", "amount", total)
	}
	outcome := "state." + string(p.State)
	switch p.Money {
	case Taken, Returned, Reserved, Unsure:
		outcome += ".kept" // says of the money only what is known
	}
	if p.State == Expired {
		return lang.T(lg, outcome)
	}
	return lang.T(lg, outcome) + " " + refusal(lg, p.Reason, method)
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// refusal is the sentence of a reason. Lost, stolen and fraud are "declined"
// already in the provider's room.
func refusal(lg lang.Lang, reason, method string) string {
	if reason == ReasonMoved {
		return lang.T(lg, "refuse.cart_changed")
	}
	switch payment.Reason(reason) {
	case payment.Insufficient:
		return lang.T(lg, "refuse.funds")
	case payment.AuthFailed:
		return lang.T(lg, "refuse.auth")
	case payment.BuyerLeft:
		return lang.T(lg, "refuse.cancelled")
	case payment.BankError:
		return lang.T(lg, "refuse.bank_error")
	case payment.ProviderDown:
		return lang.T(lg, "refuse.provider_down", "provider", capital(method))
	}
	return lang.T(lg, "refuse.neutral")
}

// MethodName is what a way to pay is called.
func (d *Desk) MethodName(lg lang.Lang, method string) string {
	if d.provider(method) == nil && method != giftcard.Method {
		return method
	}
	return lang.T(lg, "method."+method)
}
