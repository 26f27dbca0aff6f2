package klarnasim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

func (s *Server) createSession(r *http.Request, body []byte) (*answer, error) {
	var in session
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	switch {
	case len(in.Country) != 2:
		return nil, bad("purchase_country")
	case len(in.Currency) != 3 || in.Country == "SE" && in.Currency != "SEK":
		return nil, bad("purchase_currency")
	case in.Locale != "" && (len(in.Locale) != 5 || in.Locale[2] != '-'):
		return nil, bad("locale")
	case len(in.Reference) > 255:
		return nil, bad("merchant_reference1")
	case in.Amount < 0 || in.Amount > maxAmount:
		return nil, bad("order_amount")
	}
	if err := lines(in.Lines, in.Amount, &in.Tax); err != nil {
		return nil, err
	}
	in.ID, in.Status, in.Expires = uuid(), "incomplete", s.now().Add(sessionLife)
	s.serial++
	in.made = s.serial
	s.sessions[in.ID] = &in
	return ok(200, map[string]any{"session_id": in.ID, "client_token": "eyJ.sim", "payment_method_categories": []map[string]string{{"identifier": "klarna", "name": "Klarna"}}})
}

const maxAmount = 200_000_000

var lineTypes = map[string]bool{"physical": true, "discount": true, "shipping_fee": true, "sales_tax": true, "store_credit": true, "gift_card": true, "digital": true, "surcharge": true, "return_fee": true, "": true}

// lines checks order lines as Klarna's documents say. tax is nil where the order has none
// of its own (captures).
func lines(ls []line, amount int64, tax *int64) error {
	if len(ls) == 0 || len(ls) > 1000 {
		return bad("order_lines")
	}
	var sum, taxes int64
	for i, l := range ls {
		at := func(f string) error { return bad(fmt.Sprintf("order_lines[%d].%s", i, f)) }
		abs := max(l.Total, -l.Total)
		// Within 1 of total_amount - total_amount * 10000 / (10000 + tax_rate), in fractions:
		// |tax * (10000+rate) - total*rate| <= 10000+rate.
		off := l.Tax*(10_000+l.TaxRate) - l.Total*l.TaxRate
		switch {
		case !lineTypes[l.Type]:
			return at("type")
		case l.Name == "" || len([]rune(l.Name)) > 255:
			return at("name")
		case len(l.Reference) > 255:
			return at("reference")
		case l.Quantity < 0:
			return at("quantity")
		case l.UnitPrice > maxAmount:
			return at("unit_price")
		case abs > maxAmount || l.Total != l.Quantity*l.UnitPrice-l.Discount:
			return at("total_amount")
		case l.Discount < 0 || l.Discount > maxAmount:
			return at("total_discount_amount")
		case l.TaxRate < 0:
			return at("tax_rate")
		case max(off, -off) > 10_000+l.TaxRate:
			return at("total_tax_amount")
		case (l.Type == "discount" || l.Type == "gift_card" || l.Type == "store_credit") && l.Total > 0:
			return at("total_amount")
		}
		sum += l.Total
		taxes += l.Tax
	}
	if sum != amount {
		return bad("order_amount")
	}
	if tax != nil && (*tax != taxes || *tax < 0) {
		return bad("order_tax_amount")
	}
	return nil
}

func (s *Server) liveSession(id string) *session {
	k := s.sessions[id]
	if k == nil || s.now().After(k.Expires) {
		return nil
	}
	return k
}

func (s *Server) readSession(r *http.Request, _ []byte) (*answer, error) {
	k := s.liveSession(r.PathValue("id"))
	if k == nil {
		return nil, &problem{404, "NOT_FOUND", "Invalid session id"}
	}
	return ok(200, *k)
}

func (s *Server) createPage(r *http.Request, body []byte) (*answer, error) {
	var in struct {
		Session string            `json:"payment_session_url"`
		URLs    map[string]string `json:"merchant_urls"`
		Options struct {
			Place string `json:"place_order_mode"`
		} `json:"options"`
	}
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	_, id, found := strings.Cut(in.Session, "/payments/v1/sessions/")
	if !found {
		return nil, bad("payment_session_url")
	}
	k := s.liveSession(id)
	if k == nil {
		return nil, &problem{404, "NOT_FOUND", "Payment session has expired"}
	}
	if in.Options.Place != "PLACE_ORDER" {
		return nil, bad("options.place_order_mode") // the others are not simulated
	}
	for name, u := range in.URLs {
		p, err := url.Parse(strings.NewReplacer("{{", "", "}}", "").Replace(u))
		if err != nil || p.Host == "" || p.Scheme != "https" {
			return nil, bad("merchant_urls." + name)
		}
	}
	p := &page{ID: uuid(), Code: uuid()[:13], Session: id, Status: "WAITING", URLs: in.URLs, Updated: s.now(), Expires: s.now().Add(pageLife)}
	s.pages[p.ID] = p
	base := "http://" + r.Host
	return ok(201, map[string]any{"session_id": p.ID, "session_url": base + "/hpp/v1/sessions/" + p.ID, "redirect_url": base + "/eu/hpp/payments/" + p.Code, "expires_at": p.Expires,
		"distribution_url": base + "/hpp/v1/sessions/" + p.ID + "/distribution", "qr_code_url": base + "/eu/hpp/payments/" + p.Code + "/qr"})
}

// told notes that a page's address has reached somebody.
func (s *Server) told(body []byte) {
	var a struct {
		ID string `json:"session_id"`
	}
	json.Unmarshal(body, &a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.pages[a.ID]; p != nil {
		p.Told = true
	}
}

func (s *Server) livePage(id string) (*page, error) {
	p := s.pages[id]
	if p == nil || s.now().After(p.Expires) {
		return nil, &problem{404, "NOT_FOUND", "HPP session has expired or could not be found by provided id"}
	}
	return p, nil
}

func (p *page) json() map[string]any {
	m := map[string]any{"session_id": p.ID, "status": p.Status, "updated_at": p.Updated, "expires_at": p.Expires}
	if p.Order != "" {
		m["order_id"] = p.Order
	}
	return m
}

func (s *Server) readPage(r *http.Request, _ []byte) (*answer, error) {
	p, err := s.livePage(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return ok(200, p.json())
}

func (s *Server) disablePage(r *http.Request, _ []byte) (*answer, error) {
	if f := s.beforeDisable; f != nil {
		s.beforeDisable = nil
		s.mu.Unlock()
		f()
		s.mu.Lock()
	}
	p, err := s.livePage(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if p.Status == "COMPLETED" || p.Status == "CANCELLED" {
		return nil, &problem{400, "BAD_REQUEST", "HPP session has already been successfully completed"}
	}
	p.Status, p.Updated = "DISABLED", s.now()
	return ok(204, nil)
}
