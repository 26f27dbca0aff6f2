package klarnasim

import (
	"bytes"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
)

// The buyer's acts on the page.
const (
	Accept  = "accept"  // approved: Klarna places the order
	Decline = "decline" // FAILED: sent back, and may try again
	Trouble = "error"   // ERROR: as Decline
	Back    = "back"    // BACK: sent back, and may come again
	Leave   = "cancel"  // CANCELLED: for good
	Suspect = "suspect" // approved, and rejected by the check for fraud at once
	Ponder  = "ponder"  // approved, and the check for fraud takes its time
	Undo    = "undo"    // approved, and cancelled in the portal before anybody could ask
)

var form = template.Must(template.New("page").Parse(`<!doctype html><html lang="sv"><head><meta charset="utf-8"><title>Klarna</title></head><body>
<h1>Klarna</h1><p>{{.Amount}} öre {{.Currency}}</p>
<form method="post" action="/eu/hpp/payments/{{.Code}}">
<button name="act" value="accept">Godkänn</button>
<button name="act" value="decline">Neka</button>
<button name="act" value="back">Tillbaka</button>
<button name="act" value="cancel">Avbryt</button>
</form></body></html>`))

func (s *Server) byCode(code string) *page {
	for _, p := range s.pages {
		if p.Code == code {
			return p
		}
	}
	return nil
}

func (p *page) open() bool {
	return p.Status == "WAITING" || p.Status == "IN_PROGRESS" || p.Status == "BACK" || p.Status == "FAILED" || p.Status == "ERROR"
}

func (s *Server) showPage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	p := s.byCode(r.PathValue("code"))
	if p == nil || s.now().After(p.Expires) || !p.open() {
		s.mu.Unlock()
		http.Error(w, "Sidan finns inte längre.", http.StatusNotFound)
		return
	}
	p.Told = true
	if p.Status == "WAITING" || p.Status == "BACK" {
		s.move(p, "IN_PROGRESS")
	}
	k := s.sessions[p.Session]
	amount, cur := k.Amount, k.Currency
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	form.Execute(w, map[string]any{"Amount": amount, "Currency": cur, "Code": p.Code})
}

func (s *Server) actPage(w http.ResponseWriter, r *http.Request) {
	to, status := s.Act(r.PathValue("code"), r.PostFormValue("act"))
	if status != 0 {
		http.Error(w, http.StatusText(status), status)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// Act does what a buyer does on the page with the code (the end of its address, or the
// page's id). It returns where the buyer is sent, or an HTTP status of 400 or more.
func (s *Server) Act(code, act string) (to string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.byCode(code)
	if p == nil {
		p = s.pages[code]
	}
	if p == nil || s.now().After(p.Expires) || !p.open() || s.sessions[p.Session].Status == "complete" {
		return "", http.StatusNotFound
	}
	p.Told = true
	where := ""
	switch act {
	case Accept, Suspect, Ponder, Undo:
		o := s.place(s.sessions[p.Session])
		switch act {
		case Suspect:
			o.Fraud = "REJECTED"
		case Ponder:
			o.Fraud = "PENDING"
		case Undo:
			o.Status, o.Remaining = "CANCELLED", 0
		}
		p.Order = o.ID
		s.move(p, "COMPLETED")
		where = "success"
	case Decline:
		s.move(p, "FAILED")
		where = "failure"
	case Trouble:
		s.move(p, "ERROR")
		where = "error"
	case Back:
		s.move(p, "BACK")
		where = "back"
	case Leave:
		s.move(p, "CANCELLED")
		where = "cancel"
	default:
		return "", http.StatusBadRequest
	}
	return p.fill(p.URLs[where]), 0
}

func (p *page) fill(u string) string {
	return strings.NewReplacer("{{session_id}}", p.ID, "{{order_id}}", p.Order).Replace(u)
}

// move changes a page's status and posts the update, as often as Klarna does: four times
// at most. The lock is held.
func (s *Server) move(p *page, status string) {
	p.Status, p.Updated = status, s.now()
	u := p.fill(p.URLs["status_update"])
	if u == "" || s.opt.Silent {
		return
	}
	body := s.update(p)
	s.sent.Go(func() {
		for range 4 {
			res, err := s.client.Post(u, "application/json", bytes.NewReader(body))
			if err != nil {
				continue
			}
			res.Body.Close()
			if res.StatusCode/100 == 2 {
				return
			}
		}
	})
}

// update is the body of a status update.
func (s *Server) update(p *page) []byte {
	b, _ := json.Marshal(map[string]any{"event_id": uuid(), "session": p.json()})
	return b
}

// place makes the order of a session. The lock is held.
func (s *Server) place(k *session) *order {
	now := s.now()
	s.serial++
	o := &order{ID: uuid(), Short: short(), Status: "AUTHORIZED", Fraud: "ACCEPTED", Amount: k.Amount, Original: k.Amount, Remaining: k.Amount, Country: k.Country, Currency: k.Currency, Locale: k.Locale,
		Reference: k.Reference, Lines: k.Lines, Created: now, Expires: now.Add(orderLife), Captures: []*capture{}, Refunds: []*refund{}, serial: s.serial}
	k.Status = "complete"
	s.orders[o.ID] = o
	return o
}
