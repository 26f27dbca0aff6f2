package klarna

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// Begin makes the session and its page. What Klarna will not take is told as refused,
// with its code, so that the buyer hears it at once; nothing was made then.
func (p *Provider) Begin(ctx context.Context, s payment.Start) (payment.Status, error) {
	if s.Reference == "" || s.Key == "" || s.Amount.Amount <= 0 {
		return payment.Status{}, errors.New("klarna: incomplete start")
	}
	// Calls with one key at once are one call. The first one's context decides over it;
	// who came with a longer one asks again.
	for {
		v, err, joined := p.begins.Do(s.Key, func() (any, error) { return p.begin(ctx, s) })
		if err != nil && joined && ctx.Err() == nil && errors.Is(err, context.Canceled) {
			continue
		}
		st, _ := v.(payment.Status)
		return st, err
	}
}

func (p *Provider) begin(ctx context.Context, s payment.Start) (payment.Status, error) {
	if was, ok := p.recent.get("begin " + s.Key); ok {
		st, err := p.Look(ctx, payment.Handle{Reference: s.Reference, Ref: was.ref, Key: s.Key})
		if err == nil && st.State == payment.Open {
			st.Next = &payment.NextAction{Type: "redirect", URL: was.next}
		}
		return st, err
	}
	lines, tax := orderLines(s)
	notify := withReference(s.NotifyURL, s.Reference)
	country := s.Country
	if country == "" {
		country = "SE"
	}
	in := newSession{Country: country, Currency: s.Amount.Currency, Locale: locale(s.Lang, country), Amount: s.Amount.Amount, Tax: tax, Lines: lines, Reference: s.Reference, Intent: "buy",
		URLs: &sessionURLs{Confirmation: s.ReturnURL, Notification: notify}}
	var kp session
	_, err := p.call(ctx, "POST", "/payments/v1/sessions", s.Key+"/session", in, &kp)
	if err == nil && !id(kp.ID) {
		err = payment.ErrUnknown
	}
	if err != nil {
		return p.unmade(s, err)
	}
	var pg page
	_, err = p.call(ctx, "POST", "/hpp/v1/sessions", s.Key+"/page", newPage{Session: p.base + "/payments/v1/sessions/" + seg(kp.ID), Options: pageOptions{PlaceOrder: "PLACE_ORDER", Purchase: "BUY"},
		URLs: pageURLs{Success: s.ReturnURL, Cancel: s.ReturnURL, Back: s.ReturnURL, Failure: s.ReturnURL, Error: s.ReturnURL, Update: notify}}, &pg)
	if err == nil && (!id(pg.ID) || !address(pg.Redirect)) {
		err = payment.ErrUnknown
	}
	if err != nil {
		return p.unmade(s, err)
	}
	ref := pg.ID + "." + kp.ID
	p.recent.put("begin "+s.Key, seen{ref: ref, next: pg.Redirect})
	zero := money.New(0, s.Amount.Currency)
	return payment.Status{Ref: ref, Reference: s.Reference, State: payment.Open, Amount: s.Amount, Captured: zero, Refunded: zero, Live: p.live, Code: "WAITING",
		Next: &payment.NextAction{Type: "redirect", URL: pg.Redirect}}, nil
}

// unmade tells of a payment that Klarna would not make.
func (p *Provider) unmade(s payment.Start, err error) (payment.Status, error) {
	var e *problem
	if errors.Is(err, payment.ErrUnknown) || !errors.As(err, &e) {
		return payment.Status{}, err
	}
	// Also what is a fault of our settings: this buyer is better served by another way to
	// pay now than by waiting until they are mended. What was not found is the session,
	// which is a passing matter.
	m := meant(e.code)
	if m.Reason == payment.TimedOut {
		return payment.Status{}, errors.Join(payment.ErrUnknown, err)
	}
	zero := money.New(0, s.Amount.Currency)
	return payment.Status{Reference: s.Reference, State: payment.Refused, Reason: m.Reason, Code: e.ProviderCode(), Amount: s.Amount, Captured: zero, Refunded: zero, Live: p.live}, nil
}

// id reports whether s can be one of Klarna's ids, so that it can stand in an address and
// in our ref.
func id(s string) bool {
	return s != "" && plain(s, 100) == s && !strings.ContainsAny(s, "./\\?#%")
}

func address(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && len(s) <= 2000
}

// withReference adds our reference to the address that Klarna calls: what it posts there
// names only ids of its own.
func withReference(notify, reference string) string {
	if notify == "" {
		return ""
	}
	sep := "?"
	if strings.Contains(notify, "?") {
		sep = "&"
	}
	return notify + sep + "ref=" + url.QueryEscape(reference)
}

// locale is what Klarna takes for a country: its own language there, or English.
func locale(l lang.Lang, country string) string {
	if l.Or() == lang.SV && (country == "SE" || country == "FI") {
		return "sv-" + country
	}
	return "en-" + country
}

// maxLine is Klarna's bound of an amount in a line.
const maxLine = 200_000_000

// orderLines are Start's lines as Klarna's rules want them. Lines that do not add up to
// the amount are not sent: one for the whole is.
//
//   - total_amount = quantity * unit_price - total_discount_amount
//   - order_amount is the sum of the totals, order_tax_amount that of the taxes
//   - total_tax_amount lies within 1 of total_amount - total_amount * 10000 / (10000 + tax_rate)
func orderLines(s payment.Start) (lines []line, tax int64) {
	var sum int64
	for _, l := range s.Lines {
		k := line{Reference: clip(l.Ref, 64), Name: clip(l.Name, 255), Quantity: l.Quantity, UnitPrice: l.Unit.Amount, Total: l.Total.Amount, TaxRate: l.RateBP, TotalTax: l.VAT.Amount}
		switch l.Kind {
		case "delivery":
			k.Type = "shipping_fee"
		case "gift_card":
			k.Type, k.TaxRate, k.TotalTax = "gift_card", 0, 0 // a means of payment: no tax in it
		case "discount":
			k.Type = "discount"
		default:
			k.Type = "physical"
		}
		if k.Name == "" {
			k.Name = lang.T(s.Lang.Or(), "klarna.line."+k.Type)
		}
		if k.Quantity > 0 {
			k.Discount = k.Quantity*k.UnitPrice - k.Total
		}
		if k.Quantity < 1 || k.Discount < 0 || k.UnitPrice > maxLine || k.UnitPrice < -maxLine {
			k.Quantity, k.UnitPrice, k.Discount = 1, k.Total, 0
		}
		taxed(&k)
		sum += k.Total
		tax += k.TotalTax
		lines = append(lines, k)
	}
	if sum != s.Amount.Amount || len(lines) == 0 || len(lines) > 1000 || tax < 0 {
		name := clip(s.Description, 255)
		if name == "" {
			name = lang.T(s.Lang.Or(), "klarna.line.physical")
		}
		return []line{{Type: "physical", Name: name, Quantity: 1, UnitPrice: s.Amount.Amount, Total: s.Amount.Amount}}, 0
	}
	return lines, tax
}

// near reports whether tax lies within 1 of what is in total at the rate, in fractions.
func near(tax, total, rate int64) bool {
	off := tax*(10_000+rate) - total*rate
	return max(off, -off) <= 10_000+rate
}

// taxed makes a line's tax agree with its rate as Klarna reckons. The tax is what is owed
// to the state, so it stays, with the rate that it comes to: delivery of goods with several
// rates has the mean of them. Where no rate in hundredths of a percent gives it, the line
// keeps its rate and gets Klarna's tax.
func taxed(k *line) {
	if k.TaxRate < 0 || k.TaxRate > 10_000 {
		k.TaxRate = 0
	}
	if max(k.Total, -k.Total) > maxLine || max(k.TotalTax, -k.TotalTax) > maxLine {
		return // Klarna refuses the amount, whatever its tax
	}
	if near(k.TotalTax, k.Total, k.TaxRate) {
		return
	}
	if tax, net := k.TotalTax, k.Total-k.TotalTax; tax > 0 && net > 0 {
		if rate := money.MulDiv(tax, 10_000, net); rate <= 10_000 && near(tax, k.Total, rate) {
			k.TaxRate = rate
			return
		}
	}
	k.TotalTax = money.VATIncluded(k.Total, k.TaxRate)
}

// clip cuts s to n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n])
}
