package klarna

import (
	"encoding/json"
	"errors"

	"kassavalv/internal/shop/payment"
)

var errMalformed = errors.New("klarna: notification names no payment")

// Verify reads which payment a notification is about. Klarna signs nothing: the page posts
// {"event_id","session":{"session_id","status",…}}, the check for fraud {"event_type",
// "order_id"}, and order pushes have no body at all. What it says is not read; our
// reference is in the query, where we put it, and the order's id may be.
func (p *Provider) Verify(n payment.Notice) (payment.Hint, error) {
	h := payment.Hint{Unsigned: true, Reference: plain(n.Query.Get("ref"), 64)}
	if h.Reference != "" {
		return h, nil
	}
	h.Ref = one(n.Query.Get("order_id"))
	if h.Ref == "" && len(n.Body) > 0 && len(n.Body) <= 64<<10 {
		var b struct {
			Order   string `json:"order_id"`
			Session struct {
				Order string `json:"order_id"`
			} `json:"session"`
		}
		if json.Unmarshal(n.Body, &b) == nil {
			if h.Ref = one(b.Order); h.Ref == "" {
				h.Ref = one(b.Session.Order)
			}
		}
	}
	if h.Ref == "" {
		return payment.Hint{}, errMalformed
	}
	return h, nil
}

func one(s string) string {
	if id(s) {
		return s
	}
	return ""
}
