package swish

import "kassavalv/internal/shop/payment"

// unsure is the code of a time-out between Swish and the banks after the buyer has
// approved: nobody at Swish knows whether the money moved.
const unsure = "DS24"

// code is what one of Swish's error codes means for a payment.
type code struct {
	reason payment.Reason
	state  payment.State // Refused for most
	about  string        // in our words, for the page of docs and for staff
}

// codes is every error code of a payment request that Swish's documents list, those at
// its making and those at its end. A code that some buyers can do something about has
// a sentence of its own among the words, "refuse.swish.CODE".
var codes = map[string]code{
	// At the end of a payment.
	"ACMT01":        {payment.Declined, payment.Refused, "the buyer's or the shop's Swish is not active"},
	"ACMT03":        {payment.Declined, payment.Refused, "the buyer has no Swish"},
	"ACMT07":        {payment.ProviderDown, payment.Refused, "the shop's Swish number is not active"},
	"AM04":          {payment.Insufficient, payment.Refused, "not enough money in the account"},
	"AM14":          {payment.Insufficient, payment.Refused, "above what the buyer's bank lets through"},
	"AM21":          {payment.Insufficient, payment.Refused, "above the limit the buyer has at the bank"},
	"BANKIDCL":      {payment.BuyerLeft, payment.Refused, "the buyer cancelled in BankID"},
	"BANKIDONGOING": {payment.AuthFailed, payment.Refused, "BankID was in use for something else"},
	"BANKIDUNKN":    {payment.AuthFailed, payment.Refused, "BankID could not approve it"},
	unsure:          {payment.BankError, payment.Processing, "time-out between Swish and the banks: not known whether money moved"},
	"FF10":          {payment.BankError, payment.Refused, "fault in the bank's system"},
	"RF07":          {payment.Declined, payment.Refused, "declined by the bank"},
	"TM01":          {payment.TimedOut, payment.Expired, "the buyer did not approve in time"},
	"VR01":          {payment.Declined, payment.Refused, "the buyer is too young"},
	"VR02":          {payment.Declined, payment.Refused, "the number belongs to another person"},
	// At its making: the buyer's number.
	"BE18": {payment.Declined, payment.Refused, "the mobile number is none"},
	"RP06": {payment.Declined, payment.Refused, "another payment to the same number is under way"},
	// At its making: what we or the merchant have wrong. The buyer can only pay otherwise.
	"AM02": {payment.ProviderDown, payment.Refused, "the sum is too large"},
	"AM03": {payment.ProviderDown, payment.Refused, "the currency is not SEK"},
	"AM06": {payment.ProviderDown, payment.Refused, "the sum is too small"},
	"FF08": {payment.ProviderDown, payment.Refused, "the reference is not well formed"},
	"PA01": {payment.ProviderDown, payment.Refused, "a parameter is wrong"},
	"PA02": {payment.ProviderDown, payment.Refused, "the sum is not well formed"},
	"RP01": {payment.ProviderDown, payment.Refused, "the shop's Swish number is missing"},
	"RP02": {payment.ProviderDown, payment.Refused, "the message is not well formed"},
	"RP03": {payment.ProviderDown, payment.Refused, "the address to call back is missing or not https"},
}

// codeEnded is our own code of a payment that was not asked for, because the certificate
// has ended.
const codeEnded = "certificate_ended"

// taken is Swish's word for an instruction UUID that it has seen before.
const taken = "RP09"

// meaning of a code; one that is not listed is a plain refusal.
func meaning(c string) code {
	if c == codeEnded {
		return code{payment.ProviderDown, payment.Refused, ""}
	}
	if m, ok := codes[c]; ok {
		return m
	}
	return code{payment.Declined, payment.Refused, ""}
}

// refundWaits are the codes that leave a refund to be asked again: another one of the
// same payment is under way, or nobody knows yet.
var refundWaits = map[string]bool{"RF09": true, unsure: true}

// Codes lists what each of Swish's codes means: the one table, for tests and docs.
func Codes() map[string]payment.Reason {
	out := make(map[string]payment.Reason, len(codes))
	for c, m := range codes {
		out[c] = m.reason
	}
	return out
}
