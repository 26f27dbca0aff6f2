package klarnasim

import (
	"fmt"
	"net/http"
)

func (s *Server) find(r *http.Request) (*order, error) {
	o := s.orders[r.PathValue("id")]
	if o == nil {
		return nil, &problem{404, "NO_SUCH_ORDER", "No such order"}
	}
	o.life(s.now())
	return o, nil
}

func (s *Server) readOrder(r *http.Request, _ []byte) (*answer, error) {
	o, err := s.find(r)
	if err != nil {
		return nil, err
	}
	return ok(200, *o)
}

func (s *Server) createCapture(r *http.Request, body []byte) (*answer, error) {
	o, err := s.find(r)
	if err != nil {
		return nil, err
	}
	var in struct {
		Amount    int64  `json:"captured_amount"`
		Reference string `json:"reference"`
		Lines     []line `json:"order_lines"`
	}
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	switch {
	case in.Amount <= 0 || in.Amount > maxAmount || len(in.Reference) > 255:
		return nil, bad("captured_amount")
	case o.Status != "AUTHORIZED" && o.Status != "PART_CAPTURED" || o.Fraud != "ACCEPTED" || in.Amount > o.Remaining:
		return nil, &problem{403, "CAPTURE_NOT_ALLOWED", "Capture not allowed"}
	}
	if len(in.Lines) > 0 {
		if err := lines(in.Lines, in.Amount, nil); err != nil {
			return nil, err
		}
	}
	c := &capture{ID: uuid(), Amount: in.Amount, Reference: in.Reference, Short: fmt.Sprintf("%s-%d", o.Short, len(o.Captures)+1), At: s.now(), Lines: in.Lines}
	o.Captures = append(o.Captures, c)
	o.Captured += in.Amount
	o.Remaining -= in.Amount
	if o.Status = "PART_CAPTURED"; o.Remaining == 0 {
		o.Status = "CAPTURED"
	}
	if f := s.afterCapture; f != nil {
		s.afterCapture = nil
		s.mu.Unlock()
		f()
		s.mu.Lock()
	}
	return &answer{status: 201, header: map[string]string{"Capture-Id": c.ID, "Location": "http://" + r.Host + "/ordermanagement/v1/orders/" + o.ID + "/captures/" + c.ID}}, nil
}

func (s *Server) listCaptures(r *http.Request, _ []byte) (*answer, error) {
	o, err := s.find(r)
	if err != nil {
		return nil, err
	}
	return ok(200, o.Captures)
}

func (s *Server) readCapture(r *http.Request, _ []byte) (*answer, error) {
	o, err := s.find(r)
	if err != nil {
		return nil, err
	}
	for _, c := range o.Captures {
		if c.ID == r.PathValue("part") {
			return ok(200, *c)
		}
	}
	return nil, &problem{404, "NO_SUCH_CAPTURE", "No such capture"}
}

func (s *Server) createRefund(r *http.Request, body []byte) (*answer, error) {
	o, err := s.find(r)
	if err != nil {
		return nil, err
	}
	var in struct {
		Amount      int64  `json:"refunded_amount"`
		Reference   string `json:"reference"`
		Description string `json:"description"`
		Lines       []line `json:"order_lines"`
	}
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	switch {
	case in.Amount <= 0 || in.Amount > maxAmount || len(in.Reference) > 255 || len(in.Description) > 255:
		return nil, bad("refunded_amount")
	case o.Captured == 0:
		return nil, &problem{403, "REFUND_NOT_ALLOWED", "Order has no captures. Refund not possible"}
	case in.Amount > o.Captured-o.Refunded:
		return nil, &problem{403, "REFUND_NOT_ALLOWED", "Refund amount is higher than what is left"}
	}
	f := &refund{ID: uuid(), Amount: in.Amount, Reference: in.Reference, Description: in.Description, At: s.now(), Lines: in.Lines}
	o.Refunds = append(o.Refunds, f)
	o.Refunded += in.Amount
	return &answer{status: 201, header: map[string]string{"Refund-Id": f.ID, "Location": "http://" + r.Host + "/ordermanagement/v1/orders/" + o.ID + "/refunds/" + f.ID}}, nil
}

func (s *Server) readRefund(r *http.Request, _ []byte) (*answer, error) {
	o, err := s.find(r)
	if err != nil {
		return nil, err
	}
	for _, f := range o.Refunds {
		if f.ID == r.PathValue("part") {
			return ok(200, *f)
		}
	}
	return nil, &problem{404, "NOT_FOUND", "Refund cannot be found"}
}

func (s *Server) cancelOrder(r *http.Request, _ []byte) (*answer, error) {
	o, err := s.find(r)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Captured > 0:
		return nil, &problem{403, "CANCEL_NOT_ALLOWED", "Order has previous captures. Cancel not possible"}
	case o.Status != "AUTHORIZED" && o.Status != "CANCELLED":
		return nil, &problem{403, "CANCEL_NOT_ALLOWED", "Order is closed"}
	}
	o.Status, o.Remaining = "CANCELLED", 0
	return ok(204, nil)
}

func (s *Server) release(r *http.Request, _ []byte) (*answer, error) {
	o, err := s.find(r)
	if err != nil {
		return nil, err
	}
	if o.Status != "PART_CAPTURED" {
		return nil, &problem{403, "NOT_ALLOWED", "Order has no captures, is fully captured or cancelled. Remaining authorization cannot be released."}
	}
	o.Remaining, o.Status = 0, "CAPTURED"
	return ok(204, nil)
}

func (s *Server) extend(r *http.Request, _ []byte) (*answer, error) {
	o, err := s.find(r)
	if err != nil {
		return nil, err
	}
	if o.Status != "AUTHORIZED" && o.Status != "PART_CAPTURED" {
		return nil, &problem{403, "NOT_ALLOWED", "Extension of authorization time not allowed"}
	}
	o.Expires = s.now().Add(orderLife)
	return ok(204, nil)
}
