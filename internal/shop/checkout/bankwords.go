package checkout

import "kassavalv/internal/lang"

// LineReason is why a payment on the account waits for a person, as a sentence; empty
// for none.
func LineReason(l lang.Lang, reason string) string {
	if reason == "" {
		return ""
	}
	return lang.T(l, "bank.reason."+reason)
}
