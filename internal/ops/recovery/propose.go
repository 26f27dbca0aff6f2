package recovery

import (
	"time"

	"kassavalv/internal/money"
)

// Trade is how much a shop sells.
type Trade struct {
	OrdersAnHour int64       // at its busiest
	Value        money.Money // of an average order
	// Spare is what the shop would spend in a year to stand still less: a second machine that waits.
	Spare money.Money
}

// Proposal is what is worth paying for, with its arithmetic: AnHour = orders × value;
// AtRisk = AnHour × RPO; Standstill = AnHour × RTO.
type Proposal struct {
	AnHour     money.Money   // sales
	RPO        time.Duration // how much of the shop's time may be lost; 0: nothing, so one site must confirm each order
	Orders     int64         // that are lost in it, in hundredths
	AtRisk     money.Money
	RTO        time.Duration // how long coming back may take
	Standstill money.Money   // what it costs once
	Sites      int
	Required   int // sites that confirm before an order is shown as paid
}

// The steps that a proposal is chosen from. What takes the place of 0 is a site that confirms.
var (
	rpoSteps = []time.Duration{5 * time.Minute, time.Minute, 10 * time.Second, time.Second}
	rtoSteps = []time.Duration{24 * time.Hour, 8 * time.Hour, 4 * time.Hour, time.Hour, 30 * time.Minute}
)

// thirdSite is the sales of an hour, in minor units, from which a third site is proposed:
// at this rate a month's sales pass a million kronor.
const thirdSite = 1_400_00

// mostOrders bounds what is asked, so that no product leaves int64.
const mostOrders = 1_000_000_000

// Propose chooses the longest RPO in which at most one order is lost, since one order can be
// made again by hand from the bank's list, and the longest RTO of which one standstill a year costs no more
// than a spare machine does. Two sites are the least: with one, the day it is out of reach is a day without copies.
// Amounts are of Value's currency; negative ones are taken for 0, and great ones end at money.Max.
func Propose(t Trade) Proposal {
	n, v := min(max(t.OrdersAnHour, 0), mostOrders), max(t.Value.Amount, 0)
	hour := int64(money.Max)
	if n == 0 || v <= money.Max/n {
		hour = n * v
	}
	in := func(d time.Duration) money.Money { // at most 24 hours of money.Max seconds: within int64
		return money.New(min((hour*int64(d/time.Second)+1800)/3600, money.Max), t.Value.Currency)
	}
	p := Proposal{AnHour: money.New(hour, t.Value.Currency), Sites: 2}
	for _, r := range rpoSteps {
		if n*int64(r/time.Second) <= 3600 {
			p.RPO = r
			break
		}
	}
	if p.RPO == 0 {
		p.Required = 1
	}
	p.Orders = n * int64(p.RPO/time.Second) * 100 / 3600
	p.AtRisk = in(p.RPO)
	p.RTO = rtoSteps[len(rtoSteps)-1]
	for _, r := range rtoSteps {
		if in(r).Amount <= max(t.Spare.Amount, 0) {
			p.RTO = r
			break
		}
	}
	p.Standstill = in(p.RTO)
	if hour >= thirdSite {
		p.Sites = 3
	}
	return p
}
