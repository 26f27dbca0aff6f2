package stripesim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

var locales = []string{"", "auto", "sv", "en", "nb", "da", "fi", "de"}

func (s *Server) createSession(c *call) (any, *problem) {
	if p := c.only("mode", "client_reference_id", "line_items", "success_url", "cancel_url", "locale", "submit_type", "metadata", "adaptive_pricing", "payment_intent_data", "expires_at"); p != nil {
		return nil, p
	}
	f := c.form
	now := time.Now().Unix()
	x := &session{reference: f.Get("client_reference_id"), successURL: f.Get("success_url"), cancelURL: f.Get("cancel_url"), locale: f.Get("locale"),
		created: now, expires: now + 24*3600, status: "open", meta: c.meta("metadata"), intentMeta: c.meta("payment_intent_data[metadata]")}
	switch {
	case f.Get("mode") != "payment":
		return nil, invalid("mode", "", "You must provide `mode`.")
	case x.successURL == "":
		return nil, invalid("success_url", "parameter_missing", "Missing required param: success_url.")
	case len(x.reference) > 200:
		return nil, invalid("client_reference_id", "", "Invalid string: must be at most 200 characters")
	case !slices.Contains(locales, x.locale):
		return nil, invalid("locale", "", "Invalid locale: %s", x.locale)
	}
	for i := 0; ; i++ {
		pre := fmt.Sprintf("line_items[%d]", i)
		q, given, p := c.int(pre + "[quantity]")
		if p != nil {
			return nil, p
		}
		if !given {
			if i == 0 {
				return nil, invalid("line_items", "parameter_missing", "Missing required param: line_items.")
			}
			break
		}
		unit, ok, p := c.int(pre + "[price_data][unit_amount]")
		if p != nil {
			return nil, p
		}
		cur := f.Get(pre + "[price_data][currency]")
		switch {
		case !ok || unit < 0:
			return nil, invalid(pre+"[price_data][unit_amount]", "parameter_invalid_integer", "Invalid non-negative integer")
		case q < 1 || i >= 100:
			return nil, invalid(pre+"[quantity]", "parameter_invalid_integer", "This value must be greater than or equal to 1.")
		case f.Get(pre+"[price_data][product_data][name]") == "":
			return nil, invalid(pre+"[price_data][product_data][name]", "parameter_missing", "Missing required param: name.")
		case len(cur) != 3 || cur != strings.ToLower(cur) || x.currency != "" && cur != x.currency:
			return nil, invalid(pre+"[price_data][currency]", "", "All items must have the same currency, in lower case.")
		}
		x.currency = cur
		x.total += unit * q
	}
	if x.total < 300 {
		return nil, invalid("", "amount_too_small", "The Checkout Session's total amount due must add up to at least 3.00 kr")
	}
	if e, given, p := c.int("expires_at"); p != nil {
		return nil, p
	} else if given {
		if e < now+30*60 || e > now+24*3600 {
			return nil, invalid("expires_at", "", "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.")
		}
		x.expires = e
	}
	if d := f.Get("payment_intent_data[statement_descriptor_suffix]"); d != "" && (len(d) > 22 || strings.ContainsAny(d, `<>\'"*`) || strings.ToUpper(d) == strings.ToLower(d)) {
		return nil, invalid("payment_intent_data[statement_descriptor_suffix]", "", "The statement descriptor suffix is not valid.")
	}
	switch m := f.Get("payment_intent_data[capture_method]"); m {
	case "", "automatic", "automatic_async":
	case "manual":
		x.manual = true
	default:
		return nil, invalid("payment_intent_data[capture_method]", "", "Invalid capture_method: %s", m)
	}
	c.started = true
	x.id, x.form = newID("cs_test_a1", 56), f
	s.sessions = append(s.sessions, x)
	return s.viewSession(x, c), nil
}

func (s *Server) find(id string) *session {
	for _, x := range s.sessions {
		if x.id == id {
			s.ripen(x)
			return x
		}
	}
	return nil
}

// ripen lets time have its effect.
func (s *Server) ripen(x *session) {
	if x.status == "open" && time.Now().Unix() >= x.expires {
		s.expire(x)
	}
}

func (s *Server) expire(x *session) {
	x.status = "expired"
	if x.pi != nil {
		x.pi.status, x.pi.cancelReason = "canceled", "automatic"
	}
	s.notify("checkout.session.expired", s.viewSession(x, nil))
}

func (s *Server) getSession(c *call) (any, *problem) {
	x := s.find(c.id())
	if x == nil {
		return nil, missing("checkout.session", c.id())
	}
	for _, e := range c.expand {
		if e != "payment_intent" && e != "payment_intent.latest_charge" && e != "line_items" {
			return nil, invalid("expand", "", "This property cannot be expanded (%s).", e)
		}
	}
	return s.viewSession(x, c), nil
}

func (s *Server) listSessions(c *call) (any, *problem) {
	if p := c.only("limit", "created", "starting_after", "ending_before", "payment_intent", "status"); p != nil {
		return nil, p
	}
	var all []*session
	for _, x := range s.sessions {
		s.ripen(x)
		if c.within(x.created) && (c.form.Get("status") == "" || c.form.Get("status") == x.status) && (c.form.Get("payment_intent") == "" || x.pi != nil && c.form.Get("payment_intent") == x.pi.id) {
			all = append(all, x)
		}
	}
	return page(c, all, func(x *session) string { return x.id }, "/v1/checkout/sessions", func(x *session) any { return s.viewSession(x, nil) })
}

func (s *Server) expireSession(c *call) (any, *problem) {
	if p := c.only(); p != nil {
		return nil, p
	}
	x := s.find(c.id())
	if x == nil {
		return nil, missing("checkout.session", c.id())
	}
	c.started = true
	if x.status != "open" {
		return nil, invalid("", "", "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of %s.", x.status)
	}
	s.expire(x)
	return s.viewSession(x, c), nil
}

func (s *Server) intentOf(id string) *intent {
	for _, x := range s.sessions {
		if x.pi != nil && x.pi.id == id {
			return x.pi
		}
	}
	return nil
}

func (s *Server) getIntent(c *call) (any, *problem) {
	pi := s.intentOf(c.id())
	if pi == nil {
		return nil, missing("payment_intent", c.id())
	}
	return s.viewIntent(pi, false), nil
}

func (s *Server) unexpected(pi *intent, doing string) *problem {
	p := invalid("", "payment_intent_unexpected_state", "You cannot %s this PaymentIntent because it has a status of %s.", doing, pi.status)
	p.Intent = s.viewIntent(pi, false)
	return p
}

func (s *Server) captureIntent(c *call) (any, *problem) {
	if p := c.only("amount_to_capture", "final_capture", "metadata"); p != nil {
		return nil, p
	}
	pi := s.intentOf(c.id())
	if pi == nil {
		return nil, missing("payment_intent", c.id())
	}
	n, given, p := c.int("amount_to_capture")
	if p != nil {
		return nil, p
	}
	if !given {
		n = pi.s.total
	}
	c.started = true
	switch {
	case pi.status != "requires_capture":
		return nil, s.unexpected(pi, "capture")
	case n < 1:
		return nil, invalid("amount_to_capture", "amount_too_small", "Amount must be greater than zero.")
	case n > pi.s.total:
		return nil, invalid("amount_to_capture", "amount_too_large", "The amount to capture (%d) is greater than the amount that can be captured (%d).", n, pi.s.total)
	}
	for k, v := range c.meta("metadata") {
		pi.meta[k] = v
	}
	pi.status, pi.received, pi.ch.captured = "succeeded", n, n
	s.book("charge", n, pi.ch, nil)
	s.notify("payment_intent.succeeded", s.viewIntent(pi, false))
	return s.viewIntent(pi, false), nil
}

func (s *Server) cancelIntent(c *call) (any, *problem) {
	if p := c.only("cancellation_reason"); p != nil {
		return nil, p
	}
	pi := s.intentOf(c.id())
	if pi == nil {
		return nil, missing("payment_intent", c.id())
	}
	c.started = true
	if pi.s.status == "open" {
		return nil, invalid("", "payment_intent_unexpected_state", "You cannot cancel PaymentIntents for Checkout Sessions that are open. Expire the Checkout Session instead.")
	}
	if pi.status != "requires_capture" && pi.status != "requires_payment_method" {
		return nil, s.unexpected(pi, "cancel")
	}
	pi.status, pi.cancelReason = "canceled", c.form.Get("cancellation_reason")
	s.notify("payment_intent.canceled", s.viewIntent(pi, false))
	return s.viewIntent(pi, false), nil
}

func (s *Server) createRefund(c *call) (any, *problem) {
	if p := c.only("amount", "payment_intent", "charge", "reason", "metadata"); p != nil {
		return nil, p
	}
	pi := s.intentOf(c.form.Get("payment_intent"))
	if pi == nil {
		return nil, missing("payment_intent", c.form.Get("payment_intent"))
	}
	n, given, p := c.int("amount")
	if p != nil {
		return nil, p
	}
	if r := c.form.Get("reason"); r != "" && !slices.Contains([]string{"duplicate", "fraudulent", "requested_by_customer"}, r) {
		return nil, invalid("reason", "", "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer")
	}
	if given && n < 1 {
		return nil, invalid("amount", "parameter_invalid_integer", "Invalid positive integer")
	}
	c.started = true
	if pi.status != "succeeded" || pi.ch == nil {
		return nil, invalid("", "", "This PaymentIntent (%s) does not have a successful charge to refund.", pi.id)
	}
	left := pi.ch.captured - pi.ch.refunded
	if !given {
		n = left
	}
	switch {
	case left == 0:
		return nil, invalid("", "charge_already_refunded", "Charge %s has already been refunded.", pi.ch.id)
	case n > left:
		return nil, invalid("amount", "", "Refund amount (%d.%02d kr) is greater than unrefunded amount on charge (%d.%02d kr)", n/100, n%100, left/100, left%100)
	}
	re := &refund{id: newID("re_3", 23), status: "succeeded", amount: n, created: time.Now().Unix(), ch: pi.ch, meta: c.meta("metadata")}
	if s.held {
		re.status = "pending"
	}
	pi.ch.refunded += n
	s.refunds = append(s.refunds, re)
	s.book("refund", -n, pi.ch, re)
	s.notify("charge.refunded", s.viewCharge(pi.ch))
	return s.viewRefund(re), nil
}

func (s *Server) listRefunds(c *call) (any, *problem) {
	if p := c.only("limit", "created", "starting_after", "ending_before", "payment_intent", "charge"); p != nil {
		return nil, p
	}
	var all []*refund
	for _, re := range s.refunds {
		if id := c.form.Get("payment_intent"); c.within(re.created) && (id == "" || re.ch.pi.id == id) {
			all = append(all, re)
		}
	}
	return page(c, all, func(x *refund) string { return x.id }, "/v1/refunds", func(x *refund) any { return s.viewRefund(x) })
}

func (s *Server) getRefund(c *call) (any, *problem) {
	for _, re := range s.refunds {
		if re.id == c.id() {
			return s.viewRefund(re), nil
		}
	}
	return nil, missing("refund", c.id())
}

func (s *Server) listRows(c *call) (any, *problem) {
	if p := c.only("limit", "created", "starting_after", "ending_before", "type", "payout"); p != nil {
		return nil, p
	}
	var all []*row
	for _, r := range s.rows {
		if c.within(r.created) {
			all = append(all, r)
		}
	}
	open := slices.Contains(c.expand, "data.source")
	return page(c, all, func(x *row) string { return x.id }, "/v1/balance_transactions", func(x *row) any { return s.viewRow(x, open) })
}

// book enters a balance transaction. Stripe's fee in Sweden for a domestic card: 1.5 %
// and 1.80 kr; a refund gives none of it back.
func (s *Server) book(kind string, amount int64, ch *charge, re *refund) {
	r := &row{id: newID("txn_3", 23), kind: kind, amount: amount, created: time.Now().Unix(), currency: ch.pi.s.currency, ch: ch, re: re}
	if kind == "charge" {
		r.fee = amount*15/1000 + 180
	}
	s.rows = append(s.rows, r)
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// sums are told with the fault in force: Stripe's books stay as they are.
func (s *Server) told(n int64) int64 {
	if n == 0 {
		return 0
	}
	return n + s.Faults.Now().Amount
}

func (s *Server) currency(c string) string {
	if f := s.Faults.Now().Currency; f != "" {
		return strings.ToLower(f)
	}
	return c
}

func (s *Server) viewSession(x *session, c *call) map[string]any {
	v := map[string]any{
		"id": x.id, "object": "checkout.session", "amount_subtotal": s.told(x.total), "amount_total": s.told(x.total), "adaptive_pricing": map[string]any{"enabled": false},
		"cancel_url": orNull(x.cancelURL), "client_reference_id": orNull(x.reference), "created": x.created, "currency": s.currency(x.currency), "customer": nil,
		"customer_details": nil, "expires_at": x.expires, "livemode": false, "locale": orNull(x.locale), "metadata": x.meta, "mode": "payment",
		"payment_intent": nil, "payment_method_types": []string{"card", "klarna", "swish"}, "payment_status": "unpaid", "status": x.status,
		"success_url": x.successURL, "ui_mode": "hosted", "url": nil,
	}
	if x.status == "open" && c != nil {
		v["url"] = "http://" + c.r.Host + "/c/pay/" + x.id + "#fidkdWxOYHwnPyd1blpxYHZxWjA0"
	}
	if pi := x.pi; pi != nil {
		v["payment_intent"] = pi.id
		if pi.status == "succeeded" {
			v["payment_status"] = "paid"
		}
		if c != nil && slices.ContainsFunc(c.expand, func(e string) bool { return strings.HasPrefix(e, "payment_intent") }) {
			v["payment_intent"] = s.viewIntent(pi, slices.Contains(c.expand, "payment_intent.latest_charge"))
		}
	}
	return v
}

func (s *Server) viewIntent(pi *intent, charge bool) map[string]any {
	method := "automatic_async"
	if pi.s.manual {
		method = "manual"
	}
	v := map[string]any{
		"id": pi.id, "object": "payment_intent", "amount": s.told(pi.s.total), "amount_capturable": int64(0), "amount_received": s.told(pi.received), "canceled_at": nil,
		"cancellation_reason": orNull(pi.cancelReason), "capture_method": method, "client_secret": pi.id + "_secret_x", "confirmation_method": "automatic", "created": pi.created,
		"currency": s.currency(pi.s.currency), "last_payment_error": nil, "latest_charge": nil, "livemode": false, "metadata": pi.meta, "status": pi.status,
	}
	if pi.status == "requires_capture" {
		v["amount_capturable"] = s.told(pi.s.total)
	}
	if pi.declined != nil {
		v["last_payment_error"] = pi.declined
	}
	if pi.ch != nil {
		v["latest_charge"] = pi.ch.id
		if charge {
			v["latest_charge"] = s.viewCharge(pi.ch)
		}
	}
	return v
}

func (s *Server) viewCharge(ch *charge) map[string]any {
	status := "failed"
	if ch.ok {
		status = "succeeded"
	}
	return map[string]any{
		"id": ch.id, "object": "charge", "amount": s.told(ch.amount), "amount_captured": s.told(ch.captured), "amount_refunded": ch.refunded, "captured": ch.captured > 0,
		"created": ch.created, "currency": s.currency(ch.pi.s.currency), "livemode": false, "metadata": ch.meta, "paid": ch.ok, "payment_intent": ch.pi.id,
		"payment_method_details": map[string]any{"type": "card", "card": map[string]any{"brand": "visa", "last4": "4242", "capture_before": ch.created + 7*24*3600}},
		"refunded":               ch.captured > 0 && ch.refunded == ch.captured, "status": status,
	}
}

func (s *Server) viewRefund(re *refund) map[string]any {
	return map[string]any{
		"id": re.id, "object": "refund", "amount": re.amount, "charge": re.ch.id, "created": re.created, "currency": s.currency(re.ch.pi.s.currency), "failure_reason": orNull(re.failure),
		"metadata": re.meta, "payment_intent": re.ch.pi.id, "reason": "requested_by_customer", "status": re.status,
	}
}

func (s *Server) viewRow(r *row, open bool) map[string]any {
	v := map[string]any{
		"id": r.id, "object": "balance_transaction", "amount": r.amount, "available_on": r.created + 3*24*3600, "created": r.created, "currency": r.currency,
		"description": nil, "exchange_rate": nil, "fee": r.fee, "net": r.amount - r.fee, "reporting_category": r.kind, "source": nil, "status": "pending", "type": r.kind,
	}
	switch {
	case r.object != nil:
		v["source"] = r.object["id"]
		if open {
			v["source"] = r.object
		}
	case r.re != nil:
		v["source"] = r.re.id
		if open {
			v["source"] = s.viewRefund(r.re)
		}
	default:
		v["source"] = r.ch.id
		if open {
			v["source"] = s.viewCharge(r.ch)
		}
	}
	return v
}

func kr(n int64) string { return strconv.FormatFloat(float64(n)/100, 'f', 2, 64) + " kr" }
