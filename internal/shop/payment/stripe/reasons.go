package stripe

import (
	api "github.com/stripe/stripe-go/v84"

	"kassavalv/internal/shop/payment"
)

// refusal is the code that staff see, and our reason. The issuer's decline code says
// more than the error's own code, where there is one.
func refusal(e *api.Error) (code string, r payment.Reason) {
	code = word(string(e.DeclineCode))
	if code == "" {
		code = word(string(e.Code))
	}
	if code == "" {
		code = word(string(e.Type))
	}
	if r, ok := reasons[code]; ok {
		return code, r
	}
	return code, payment.Declined
}

// reasons are the decline codes of card issuers and the error codes of other ways to
// pay, from docs.stripe.com/declines/codes and docs.stripe.com/error-codes. What is
// missing is Declined. Lost, stolen and suspected fraud are, on purpose: who holds a
// stolen card is not told that it is known.
var reasons = map[string]payment.Reason{
	"insufficient_funds":              payment.Insufficient,
	"card_velocity_exceeded":          payment.Insufficient, // over the balance, the credit or the limit of a transaction
	"withdrawal_count_limit_exceeded": payment.Insufficient,

	"authentication_required":                        payment.AuthFailed,
	"authentication_not_handled":                     payment.AuthFailed,
	"mobile_device_authentication_required":          payment.AuthFailed,
	"payment_intent_authentication_failure":          payment.AuthFailed,
	"setup_intent_authentication_failure":            payment.AuthFailed,
	"offline_pin_required":                           payment.AuthFailed,
	"online_or_offline_pin_required":                 payment.AuthFailed,
	"payment_intent_mandate_invalid":                 payment.AuthFailed,
	"payment_method_microdeposit_failed":             payment.AuthFailed,
	"payment_method_billing_details_address_missing": payment.Declined,

	"issuer_not_available":            payment.BankError,
	"processing_error":                payment.BankError,
	"reenter_transaction":             payment.BankError,
	"try_again_later":                 payment.BankError,
	"no_action_taken":                 payment.BankError,
	"api_error":                       payment.BankError,
	"payment_method_provider_timeout": payment.BankError,
	"payment_method_not_available":    payment.BankError,

	"payment_method_customer_decline":        payment.BuyerLeft, // the buyer pressed cancel at Klarna, Swish or such
	"payment_intent_payment_attempt_expired": payment.TimedOut,

	"approve_with_id":                       payment.Declined,
	"call_issuer":                           payment.Declined,
	"card_declined":                         payment.Declined,
	"card_not_supported":                    payment.Declined,
	"currency_not_supported":                payment.Declined,
	"do_not_honor":                          payment.Declined,
	"do_not_try_again":                      payment.Declined,
	"duplicate_transaction":                 payment.Declined,
	"expired_card":                          payment.Declined,
	"fraudulent":                            payment.Declined,
	"generic_decline":                       payment.Declined,
	"highest_risk_level":                    payment.Declined,
	"incorrect_address":                     payment.Declined,
	"incorrect_cvc":                         payment.Declined,
	"incorrect_number":                      payment.Declined,
	"incorrect_pin":                         payment.Declined,
	"incorrect_zip":                         payment.Declined,
	"invalid_account":                       payment.Declined,
	"invalid_amount":                        payment.Declined,
	"invalid_cvc":                           payment.Declined,
	"invalid_expiry_month":                  payment.Declined,
	"invalid_expiry_year":                   payment.Declined,
	"invalid_number":                        payment.Declined,
	"invalid_pin":                           payment.Declined,
	"lost_card":                             payment.Declined,
	"merchant_blacklist":                    payment.Declined,
	"new_account_information_available":     payment.Declined,
	"not_permitted":                         payment.Declined,
	"payment_intent_payment_attempt_failed": payment.Declined,
	"payment_method_provider_decline":       payment.Declined,
	"pickup_card":                           payment.Declined,
	"pin_try_exceeded":                      payment.Declined,
	"previously_declined_do_not_retry":      payment.Declined,
	"restricted_card":                       payment.Declined,
	"revocation_of_all_authorizations":      payment.Declined,
	"revocation_of_authorization":           payment.Declined,
	"security_violation":                    payment.Declined,
	"service_not_allowed":                   payment.Declined,
	"stolen_card":                           payment.Declined,
	"stop_payment_order":                    payment.Declined,
	"testmode_decline":                      payment.Declined,
	"transaction_not_allowed":               payment.Declined,
}
