package swishsim

import (
	"net/http"
	"time"
)

func (s *Server) putRefund(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	var in asked
	if !uuidForm.MatchString(id) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if !body(w, r, "application/json", &in) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var ps problems
	if in.PayerAlias == "" {
		ps.add("RP01")
	} else if in.PayerAlias != number(r) || in.PayerAlias != s.o.Payee {
		answer(w, http.StatusForbidden, problems{{ErrorCode: "RF03", ErrorMessage: said["RF03"]}})
		return
	}
	ore := in.common(&ps)
	if in.PayerPaymentReference != "" && !referenceForm.MatchString(in.PayerPaymentReference) {
		ps.add("FF08")
	}
	var of *payment
	for _, p := range s.payments {
		if p.PaymentReference != "" && p.PaymentReference == in.OriginalPaymentReference {
			of = p
		}
	}
	switch {
	case of == nil || of.Status != "PAID" || time.Now().After(of.Paid.AddDate(0, 13, 0)):
		ps.add("RF02")
	case len(ps) == 0:
		under := int64(0)
		for _, x := range s.refunds {
			if x.of == of && !x.final() {
				under += x.Amount
			}
		}
		switch {
		case ore > of.Amount-of.refunded-under:
			ps.add("RF08")
		case s.serial && under > 0:
			ps.add("RF09")
		}
	}
	if s.refunds[id] != nil {
		ps = nil
		ps.add("RP09")
	}
	if len(ps) > 0 {
		answer(w, http.StatusUnprocessableEntity, ps)
		return
	}
	x := &refund{ID: id, Original: in.OriginalPaymentReference, Reference: in.PayerPaymentReference, Payer: in.PayerAlias, Message: in.Message, CallbackURL: in.CallbackURL,
		Identifier: in.CallbackIdentifier, Amount: ore, Status: "CREATED", Created: time.Now(), of: of}
	s.refunds[id] = x
	w.Header().Set("Location", s.apiURL+"/api/v1/refunds/"+id)
	w.WriteHeader(http.StatusCreated)
	s.work(x)
}

// work takes a refund through its states.
func (s *Server) work(x *refund) {
	if s.held {
		s.waiting = append(s.waiting, x)
		return
	}
	if s.ruin != "" {
		code := s.ruin
		s.after(s.times.Refund, func() {
			x.Status, x.Code = "ERROR", code
			s.callback(x.CallbackURL, x.Identifier, s.tellRefund(x))
		})
		return
	}
	s.after(s.times.Refund, func() {
		x.Status = "VALIDATED"
		s.after(s.times.Refund, func() {
			x.Status = "DEBITED"
			s.callback(x.CallbackURL, x.Identifier, s.tellRefund(x))
			s.after(s.times.Refund, func() {
				x.Status, x.Paid = "PAID", time.Now()
				x.of.refunded += x.Amount
				s.callback(x.CallbackURL, x.Identifier, s.tellRefund(x))
			})
		})
	})
}

// HoldRefunds lets refunds wait until ReleaseRefunds lets them go on; those that waited
// then end with code, or well where it is empty.
func (s *Server) HoldRefunds() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = true
}

func (s *Server) ReleaseRefunds(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.ruin
	s.held, s.ruin = false, code
	for _, x := range s.waiting {
		s.work(x)
	}
	s.waiting, s.ruin = nil, old
}

func (s *Server) getRefund(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.refunds[r.PathValue("id")]
	if x == nil || x.Payer != number(r) {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	answer(w, http.StatusOK, s.tellRefund(x))
}

func (s *Server) tellRefund(x *refund) told {
	account, currency := s.said(x.Payer)
	return told{"id": x.ID, "paymentReference": nil, "payerPaymentReference": x.Reference, "originalPaymentReference": x.Original, "callbackUrl": x.CallbackURL, "callbackIdentifier": or(x.Identifier),
		"payerAlias": account, "payeeAlias": nil, "amount": s.amount(x.Amount), "currency": currency, "message": x.Message, "status": x.Status, "dateCreated": dated(x.Created), "datePaid": dated(x.Paid),
		"errorCode": or(x.Code), "errorMessage": or(said[x.Code]), "additionalInformation": nil}
}
