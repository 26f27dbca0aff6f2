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
		if p.Changed.After(p.HoldUntil) && !p.HoldUntil.IsZero() {
			return lang.T(lg, "state.awaiting_late", "time", lang.Clock(lg, p.AnswerBy))
		}
		if k := "method." + p.Method + ".where"; lang.Has(k) {
			return lang.T(lg, "state.awaiting_page", "where", lang.T(lg, k), "time", lang.Clock(lg, p.HoldUntil))
		}
		app := method
		if k := "method." + p.Method + ".app"; lang.Has(k) {
			app = lang.T(lg, k)
		}
		switch {
		case p.NextType == payment.NextPhone && p.Ending != "":
			return lang.T(lg, "state.awaiting_phone.ending", "app", app, "digits", p.Ending, "time", lang.Clock(lg, p.HoldUntil))
		case p.NextType == payment.NextPhone:
			return lang.T(lg, "state.awaiting_phone", "app", app, "time", lang.Clock(lg, p.HoldUntil))
		}
		return lang.T(lg, "state.awaiting_customer", "app", app, "time", lang.Clock(lg, p.HoldUntil))
	case Processing:
		return lang.T(lg, "state.processing")
	case Unknown:
		return lang.T(lg, "state.unknown", "time", lang.Clock(lg, p.AnswerBy))
	case Paid:
		return paidWith(lg, p, method)
	case Placed:
		return placed(lg, p, method)
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
	return lang.T(lg, outcome) + " " + refusal(lg, p, method)
}

// placed is the sentence of an order whose money comes later: by invoice, or taken from
// what is reserved.
func placed(lg lang.Lang, p Purchase, method string) string {
	switch {
	case p.Money == Returned:
		return lang.T(lg, "state.placed.returned")
	case p.Draft.Take == "" && p.Money == Taken: // all of the invoice, or a part
		return lang.T(lg, "state.placed.taken")
	case p.Draft.Take == "":
		return lang.T(lg, "state.placed")
	case p.Money == Reserved:
		return lang.T(lg, "state.placed.reserved."+p.Draft.Take, "method", capital(method))
	case p.Money == Taken:
		return lang.T(lg, "state.placed.drawn."+p.Draft.Take, "method", capital(method))
	}
	return lang.T(lg, "state.placed.free")
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// refusal is the sentence of a reason. Lost, stolen and fraud are "declined"
// already in the provider's room. A provider's code that says more than its reason has
// a sentence of its own.
func refusal(lg lang.Lang, p Purchase, method string) string {
	if p.Reason == ReasonMoved {
		return lang.T(lg, "refuse.cart_changed")
	}
	if key := "refuse." + p.Method + "." + p.Code; p.Code != "" && lang.Has(key) {
		return lang.T(lg, key)
	}
	switch payment.Reason(p.Reason) {
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

// QR is the text of a code that opens the payment on another device; empty: there is
// none.
func (d *Desk) QR(p Purchase) string {
	c, ok := d.provider(p.Method).(payment.Scannable)
	if !ok || p.State != Awaiting || p.NextURL == "" {
		return ""
	}
	return c.QR(payment.NextAction{Type: p.NextType, URL: p.NextURL})
}

// DownMessage says why a way to pay is not offered right now.
func (d *Desk) DownMessage(lg lang.Lang, method string) string {
	return lang.T(lg, "refuse.provider_down", "provider", capital(d.MethodName(lg, method)))
}
