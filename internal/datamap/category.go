package datamap

import "time"

// Basis is the legal basis of GDPR article 6.1, by its letter.
type Basis string

// The bases.
const (
	Consent    Basis = "a"
	Contract   Basis = "b" // steps before a contract too
	Obligation Basis = "c"
	Interest   Basis = "f"
)

// Subject is whose details they are.
type Subject string

// The subjects.
const (
	Buyer Subject = "buyer" // customers and who writes to the shop
	Staff Subject = "staff"
)

// Source is where details come from; "data.from.SOURCE".
type Source string

// The sources.
const (
	You     Source = "you"
	Partner Source = "partner" // the payment company, the bank, the carrier
	Us      Source = "us"
)

// Recipient is who may be given details; "data.to.RECIPIENT".
type Recipient string

// The recipients. Processors act for the shop; the bank and authorities for themselves.
const (
	Payments Recipient = "payments"
	Carriers Recipient = "carriers"
	Mail     Recipient = "mail"
	Hosting  Recipient = "hosting"
	Banks    Recipient = "banks"
	State    Recipient = "state" // when the law demands it
)

// Keep is how long: a span counted from an event that the rule knows, or until something
// happens. Rule is the name of the sweep, and of the sentence "data.kept.RULE".
type Keep struct {
	Rule         string
	Months, Days int  // both 0: no span; something else ends it, and the sentence says what
	Own          bool // the room ends it itself, by the number that Days was made of, and no sweep of the map does
}

// OwnDays is a span that the room ends itself: the same constant that it goes by.
func OwnDays(rule string, span time.Duration) Keep {
	return Keep{Rule: rule, Days: int(span / (24 * time.Hour)), Own: true}
}

// Days is a span of days.
func Days(rule string, n int) Keep { return Keep{Rule: rule, Days: n} }

// Months is a span of months.
func Months(rule string, n int) Keep { return Keep{Rule: rule, Months: n} }

// Until is kept until something happens.
func Until(rule string) Keep { return Keep{Rule: rule} }

// Spans reports whether time alone ends it.
func (k Keep) Spans() bool { return k.Months > 0 || k.Days > 0 }

// Before is the instant before which everything is out of time at now.
func (k Keep) Before(now time.Time) time.Time { return now.AddDate(0, -k.Months, -k.Days) }

// Category is a processing of personal details, as the register of processing (art. 30)
// and the policy list it.
type Category struct {
	Key    string
	Who    Subject
	Basis  Basis
	Keep   Keep
	From   Source
	Also   []Source // other sources
	To     []Recipient
	Export bool // in what a person gets of himself
}
