package bank

import (
	"net/http"
	"slices"
	"time"

	"kassavalv/internal/demo/bank/wire"
)

// getPayment is GET /v1/payments/{id}.
func (s *Server) getPayment(w http.ResponseWriter, r *http.Request) error {
	p, err := s.look(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.answer(w, p)
}

// findPayments is GET /v1/payments?reference=.
func (s *Server) findPayments(w http.ResponseWriter, r *http.Request) error {
	ref := r.URL.Query().Get("reference")
	if ref == "" {
		return problem(http.StatusBadRequest, "unreadable", "reference is missing")
	}
	s.mu.Lock()
	found := slices.Clone(s.books.byRef[ref])
	s.mu.Unlock()
	list := wire.List{Items: []wire.Payment{}}
	for _, p := range found {
		if _, err := s.look(r, p.id); err != nil {
			return err
		}
		v, err := s.told(p)
		if err != nil {
			return err
		}
		list.Items = append(list.Items, v)
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// cancelPayment is POST /v1/payments/{id}/cancel. 200 promises that no money
// will be taken any more.
func (s *Server) cancelPayment(w http.ResponseWriter, r *http.Request) error {
	p, err := s.look(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	if open(p.state) {
		_, err = s.moveLocked(p, record{State: wire.Cancelled}, false)
	}
	state := p.state
	s.mu.Unlock()
	if err != nil {
		return err
	}
	switch state {
	case wire.Captured:
		return s.conflict(p, "already_paid")
	case wire.Processing:
		return s.conflict(p, "processing")
	}
	return s.answer(w, p)
}

// capturePayment is POST /v1/payments/{id}/capture. The money is taken when the
// buyer pays, so this confirms and changes nothing.
func (s *Server) capturePayment(w http.ResponseWriter, r *http.Request) error {
	p, err := s.look(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	state := p.state
	s.mu.Unlock()
	switch state {
	case wire.Captured:
		return s.answer(w, p)
	case wire.Processing:
		return s.conflict(p, "processing")
	}
	return s.conflict(p, "not_paid")
}

// createRefund is POST /v1/payments/{id}/refunds.
func (s *Server) createRefund(w http.ResponseWriter, r *http.Request) error {
	var req wire.CreateRefund
	if err := readJSON(w, r, &req, false); err != nil {
		return err
	}
	key, err := readKey(r)
	if err != nil {
		return err
	}
	if req.Amount < 1 || len(req.Reason) > 200 || len(req.Note) > 200 {
		return invalid("amount is 1 or more minor units, reason at most 200 bytes")
	}
	p, err := s.look(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	refund, status, err := s.refund(p, key, req)
	if err != nil {
		return err
	}
	if _, err := s.told(p); err != nil { // on disk before it is promised
		return err
	}
	writeJSON(w, status, refund)
	return nil
}

func (s *Server) refund(p *payment, key string, req wire.CreateRefund) (wire.Refund, int, error) {
	hash := bodyHash(req)
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := p.refundKey[key]; ok {
		if k.hash != hash {
			return wire.Refund{}, 0, mismatch()
		}
		return p.refunds[k.n], http.StatusOK, nil
	}
	if p.state != wire.Captured {
		return wire.Refund{}, 0, problem(http.StatusConflict, "not_paid", "").with(p.view(s.url))
	}
	if req.Amount > p.captured-p.refunded {
		return wire.Refund{}, 0, problem(http.StatusUnprocessableEntity, "refund_too_large",
			"The refunds would exceed what was captured.").with(p.view(s.url))
	}
	now := time.Now()
	ref := wire.Refund{
		ID: newID("ref_"), PaymentID: p.id, Amount: req.Amount, Currency: p.req.Currency,
		Reason: req.Reason, Note: req.Note, CreatedAt: time.UnixMicro(now.UnixMicro()).UTC(),
	}
	rec := record{At: now.UnixMicro(), Op: opRefund, ID: p.id, Key: key, Hash: hash, Refund: &ref}
	if !p.silent {
		data := p.eventData()
		data.Refunded += ref.Amount
		rec.Event = newEvent(wire.EventRefunded, data)
	}
	if err := s.commitLocked(rec); err != nil {
		return wire.Refund{}, 0, err
	}
	s.log.Info("refund", "payment", p.id, "refund", ref.ID, "amount", ref.Amount)
	if rec.Event != nil {
		s.queueLocked(s.books.pending[rec.Event.ID], now)
	}
	return ref, http.StatusCreated, nil
}

func (s *Server) answer(w http.ResponseWriter, p *payment) error {
	v, err := s.told(p)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, v)
	return nil
}

// conflict is a 409 that shows the payment as it stands.
func (s *Server) conflict(p *payment, code string) error {
	v, err := s.told(p)
	if err != nil {
		return err
	}
	return problem(http.StatusConflict, code, "").with(v)
}
