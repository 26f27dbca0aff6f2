package catalog

import (
	"slices"
	"strings"
)

// Withdrawal says whether the buyer may withdraw from the contract, and if not,
// on which ground.
type Withdrawal string

// WithdrawalYes is the rule; the others are the exceptions of
// distansavtalslagen (2005:59) 2 kap. 11 §, in the order of the law.
const (
	WithdrawalYes    Withdrawal = "yes"
	ServicePerformed Withdrawal = "service_performed" // 1
	MarketPrice      Withdrawal = "market_price"      // 2
	CustomMade       Withdrawal = "custom_made"       // 3
	Perishable       Withdrawal = "perishable"        // 4
	SealedHygiene    Withdrawal = "sealed_hygiene"    // 5
	Mixed            Withdrawal = "mixed"             // 6
	DeferredAlcohol  Withdrawal = "deferred_alcohol"  // 7
	SealedMedia      Withdrawal = "sealed_media"      // 8
	Newspaper        Withdrawal = "newspaper"         // 9
	Auction          Withdrawal = "auction"           // 10
	DigitalStarted   Withdrawal = "digital_started"   // 11
	Dated            Withdrawal = "dated"             // 12
	UrgentRepair     Withdrawal = "urgent_repair"     // 13
	RepairPerformed  Withdrawal = "repair_performed"  // 14
)

// Withdrawals lists all of them, the rule first.
var Withdrawals = []Withdrawal{WithdrawalYes, ServicePerformed, MarketPrice, CustomMade, Perishable, SealedHygiene,
	Mixed, DeferredAlcohol, SealedMedia, Newspaper, Auction, DigitalStarted, Dated, UrgentRepair, RepairPerformed}

// Surface is the word of the Store API: yes, custom_made, perishable, sealed or
// dated where one of these is meant, else the ground itself. Grounds that only
// come into force by what happens later (a service performed, a download
// begun) are "yes" until then.
func (w Withdrawal) Surface() string {
	switch w {
	case SealedHygiene, SealedMedia:
		return "sealed"
	case ServicePerformed, DigitalStarted, RepairPerformed:
		return "yes"
	}
	return string(w)
}

// Excluded reports whether the right is gone from the beginning (so that the
// returns room refuses it), rather than by a broken seal or a performance.
func (w Withdrawal) Excluded() bool {
	switch w {
	case MarketPrice, CustomMade, Perishable, DeferredAlcohol, Newspaper, Auction, Dated, UrgentRepair:
		return true
	}
	return false
}

// Regime is a body of law that asks for facts before goods of its kind may be
// offered. A product has those of its own, those of its categories, and food
// by its VAT class.
type Regime string

// The regimes, with the rule that asks.
const (
	RegimeMeasure    Regime = "measure"    // prisinformationslagen 7 §: unit price
	RegimeFood       Regime = "food"       // (EU) 1169/2011 art. 14: ingredients, allergens, origin of honey and the like
	RegimeOrigin     Regime = "origin"     // country of origin required (honey, olive oil)
	RegimeToy        Regime = "toy"        // toy safety: a warning or an age
	RegimeTextile    Regime = "textile"    // (EU) 1007/2011: fibre composition
	RegimeEnergy     Regime = "energy"     // (EU) 2017/1369: class, label and sheet
	RegimeElectrical Regime = "electrical" // (2022:1276): the page tells about take-back
	RegimeBattery    Regime = "battery"    // (EU) 2023/1542: the page tells about take-back
	RegimeChemical   Regime = "chemical"   // CLP art. 48: hazard words among the warnings
	RegimeCosmetic   Regime = "cosmetic"   // (EG) 1223/2009: ingredients
)

// Regimes lists them.
var Regimes = []Regime{RegimeMeasure, RegimeFood, RegimeOrigin, RegimeToy, RegimeTextile, RegimeEnergy,
	RegimeElectrical, RegimeBattery, RegimeChemical, RegimeCosmetic}

func packRegimes(rs []Regime) string {
	var out []string
	for _, r := range rs {
		out = append(out, string(r))
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}

func unpackRegimes(s string) []Regime {
	var out []Regime
	for _, f := range strings.Fields(s) {
		out = append(out, Regime(f))
	}
	return out
}
