package app

import (
	"context"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/mail"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/privacy"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/shop/waitlist"
)

// Holders are the rooms that hold details of buyers.
func Holders(v *secret.Vault, accounts *account.Accounts) []hold.Holder {
	return []hold.Holder{customer.Holder{Vault: v}, cart.Holder{Vault: v}, order.Holder{Vault: v}, checkout.Holder{Vault: v}, fulfilment.Holder{}, returns.Holder{Vault: v},
		support.Holder{Vault: v}, waitlist.Holder{Vault: v}, giftcard.Holder{Vault: v}, payment.Holder{Vault: v}, mail.Holder{Vault: v}, audit.Holder{}, auth.Openings{Vault: v}, privacy.Holder{Vault: v}, account.Holder{Accounts: accounts}}
}

// Sweeps carry out the map's rules of time.
func Sweeps(v *secret.Vault) map[string]privacy.Sweep {
	return map[string]privacy.Sweep{
		"cart": {Real: true, Rows: func(tx *db.Tx, before time.Time, n int) (int, error) {
			persons, got, err := cart.Sweep(tx, tx.Now().Sub(before), n)
			if err != nil {
				return 0, err
			}
			for _, p := range persons {
				if err := v.Erase(tx, p); err != nil {
					return 0, err
				}
			}
			return got, nil
		}},
		"order":    {Persons: order.Old},
		"support":  {Persons: support.Old, Real: true},
		"waitlist": {Real: true, Rows: func(tx *db.Tx, _ time.Time, n int) (int, error) { return waitlist.Sweep(tx, v, n) }},
		"giftcard": {Rows: func(tx *db.Tx, before time.Time, n int) (int, error) { return giftcard.SweepMail(tx, v, before, n) }},
		"bank":     {Rows: func(tx *db.Tx, before time.Time, n int) (int, error) { return payment.SweepLines(tx, v, before, n) }},
		"bankdraft": {Real: true, Rows: func(tx *db.Tx, before time.Time, _ int) (int, error) {
			return 0, payment.SweepDrafts(tx, v, before)
		}},
		"books": {Rows: func(tx *db.Tx, _ time.Time, n int) (int, error) { return order.SweepBooks(tx, tx.LegalNow(), n) }},
	}
}

// Handed tells who else had the details of a scope: whom the record of readings names, and whom the
// orders themselves name.
func Handed(q db.Q, s hold.Scope) ([]privacy.Processor, error) {
	var out []privacy.Processor
	seen := map[string]bool{}
	add := func(name string, role datamap.Recipient) {
		if name != "" && !seen[name] {
			seen[name] = true
			out = append(out, privacy.Processor{Name: name, Role: string(role)})
		}
	}
	methods, err := payment.MethodsOf(q, s.Purchases)
	if err != nil {
		return nil, err
	}
	for _, m := range methods {
		if m != "invoice" && m != giftcard.Method { // the shop's own
			add(m, datamap.Payments)
		}
	}
	carriers, err := fulfilment.CarriersOf(q, s.Orders)
	if err != nil {
		return nil, err
	}
	for _, c := range carriers {
		add(c, datamap.Carriers)
	}
	as, err := audit.Readings(q, s.Persons, 0, 200)
	for _, a := range as {
		if a.ActorKind == audit.ActorProcessor {
			role := datamap.Hosting
			switch {
			case a.Entity == "letter" || a.Entity == "mail":
				role = datamap.Mail
			case a.Entity == "parcel":
				role = datamap.Carriers
			case a.Entity == "purchase" || a.Entity == "refund":
				role = datamap.Payments
			}
			add(a.ActorName, role)
		}
	}
	return out, err
}

// privacyDesk makes the desk of people's rights.
func (a *App) privacyDesk() *privacy.Desk {
	return &privacy.Desk{DB: a.DB, Vault: a.Vault, Holders: Holders(a.Vault, a.Accounts), Handed: Handed, Sweeps: Sweeps(a.Vault), Kept: []datamap.Keep{datamap.OwnDays("readings", a.readingsKept())}, Log: a.Log}
}

// tendPrivacy gives the runner the upkeep of requests and of what is out of time.
func (a *App) tendPrivacy() {
	a.Jobs.Every("privacy.tend", time.Minute, job.Opts{}, func(ctx context.Context, _ job.Job) error { return a.Privacy.Tend(ctx) })
	a.Jobs.Every("privacy.sweep", time.Hour, job.Opts{Limit: 20 * time.Minute}, func(ctx context.Context, _ job.Job) error { return a.Privacy.Sweep(ctx) })
}
