package bank

import (
	"net/http"
	"time"

	"kassavalv/internal/demo/bank/wire"
)

// ledgerRow is one payment as testers see it.
type ledgerRow struct {
	ID        string     `json:"id"`
	Reference string     `json:"reference"`
	Amount    int64      `json:"amount"`
	Currency  string     `json:"currency"`
	State     wire.State `json:"state"`
	Captured  int64      `json:"captured"`
	Refunded  int64      `json:"refunded"`
	Reason    string     `json:"reason"`
	Notes     []string   `json:"notes,omitempty"` // of its refunds, as the buyer reads them
	CreatedAt time.Time  `json:"created_at"`
}

// controlPayments is GET /control/payments: everything the bank believes,
// without hanging and without faults.
func (s *Server) controlPayments(w http.ResponseWriter, r *http.Request) error {
	ref := r.URL.Query().Get("reference")
	s.mu.Lock()
	list := s.books.ordered
	if ref != "" {
		list = s.books.byRef[ref]
	}
	rows := make([]ledgerRow, 0, len(list))
	var pos int64
	for _, p := range list {
		if err := s.ripenLocked(p); err != nil {
			s.mu.Unlock()
			return err
		}
		var notes []string
		for _, b := range p.refunds {
			if b.Note != "" {
				notes = append(notes, b.Note)
			}
		}
		rows = append(rows, ledgerRow{
			ID: p.id, Reference: p.req.Reference, Amount: p.req.Amount, Currency: p.req.Currency, State: p.state,
			Captured: p.captured, Refunded: p.refunded, Reason: p.reason, Notes: notes, CreatedAt: p.created,
		})
		pos = max(pos, p.syncPos)
	}
	s.mu.Unlock()
	if err := s.journal.sync(pos); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"items": rows})
	return nil
}

func (s *Server) controlGetFaults(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, s.Faults())
	return nil
}

// controlSetFaults is POST /control/faults; what is left out is off.
func (s *Server) controlSetFaults(w http.ResponseWriter, r *http.Request) error {
	var f Faults
	if err := readJSON(w, r, &f, true); err != nil {
		return err
	}
	if err := s.SetFaults(f); err != nil {
		return invalid("%s", err.Error())
	}
	writeJSON(w, http.StatusOK, f)
	return nil
}

// notifyRequest is what a tester wants sent. The zero value is one true, signed
// notification.
type notifyRequest struct {
	Times    *int `json:"times"` // 1 to 100
	Override struct {
		Amount    *int64      `json:"amount"`
		Currency  *string     `json:"currency"`
		State     *wire.State `json:"state"`
		Reference *string     `json:"reference"`
		Livemode  *bool       `json:"livemode"`
		Account   *string     `json:"account"`
	} `json:"override"`
	AgeSeconds int64 `json:"age_seconds"` // signed that long ago; negative is the future
	Unsigned   bool  `json:"unsigned"`
}

type notifyResult struct {
	Status int    `json:"status"` // the shop's answer; 0 for none
	Error  string `json:"error,omitempty"`
}

// controlNotify is POST /control/payments/{id}/notify: one new event, delivered
// so many times with the same id, at once and without any later try. It answers
// when the shop has answered all of them.
func (s *Server) controlNotify(w http.ResponseWriter, r *http.Request) error {
	var req notifyRequest
	if err := readJSON(w, r, &req, true); err != nil {
		return err
	}
	times := 1
	if req.Times != nil {
		times = *req.Times
	}
	if times < 1 || times > 100 {
		return invalid("times is 1 to 100")
	}
	s.mu.Lock()
	p := s.books.byID[r.PathValue("id")]
	if p == nil {
		s.mu.Unlock()
		return notFound()
	}
	data, pos := p.eventData(), p.syncPos
	s.mu.Unlock()
	if err := s.journal.sync(pos); err != nil {
		return err
	}
	event := falsify(data, req)
	out := struct {
		EventID string         `json:"event_id"`
		Results []notifyResult `json:"results"`
	}{EventID: event.ID}
	for range times {
		var res notifyResult
		at := time.Now().Add(-time.Duration(req.AgeSeconds) * time.Second)
		status, err := s.post(r.Context(), p, event, at, !req.Unsigned)
		res.Status = status
		if err != nil {
			res.Error = err.Error()
		}
		out.Results = append(out.Results, res)
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// falsify makes the event that a tester asks for. A false amount or state also
// makes the captured sum agree with it: a lie without a seam.
func falsify(d wire.EventData, req notifyRequest) wire.Event {
	o := req.Override
	if o.Amount != nil {
		d.Amount = *o.Amount
	}
	if o.Currency != nil {
		d.Currency = *o.Currency
	}
	if o.Reference != nil {
		d.Reference = *o.Reference
	}
	if o.State != nil {
		d.State = *o.State
	}
	if o.Amount != nil || o.State != nil {
		d.Captured = 0
		if d.State == wire.Captured {
			d.Captured = d.Amount
		}
	}
	typ := eventOf(d.State)
	if typ == "" {
		typ = "payment." + string(d.State)
	}
	e := *newEvent(typ, d)
	if o.Livemode != nil {
		e.Livemode = *o.Livemode
	}
	if o.Account != nil {
		e.Account = *o.Account
	}
	return e
}
