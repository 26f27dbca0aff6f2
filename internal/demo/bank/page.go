package bank

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"kassavalv/internal/demo/bank/wire"
)

//go:embed web
var webFS embed.FS

var pages = template.Must(template.ParseFS(webFS, "web/*.html"))

// view is what the pages are made from.
type view struct {
	Lang      string
	Status    int
	Key       string // words of the heading: Key and Key.text
	Error     string // words of what is wrong with the form
	ID        string
	Amount    string
	Reference string
	About     string
	Back      string // the way to the shop
	Cards     []card
	Form      string // "card", "code" or empty
	formTo    string
}

// T returns the page's words in its language.
func (v view) T(key string) string { return word(v.Lang, key) }

// page runs a handler that answers HTML; a refusal becomes a page.
func (s *Server) page(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		ref := s.asRefusal(err)
		key := "closed"
		switch ref.Status {
		case http.StatusNotFound:
			key = "missing"
		case http.StatusRequestEntityTooLarge, http.StatusBadRequest:
			key = "unreadable"
		}
		s.render(w, view{Lang: "sv", Status: ref.Status, Key: key})
	})
}

func (s *Server) render(w http.ResponseWriter, v view) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, "page.html", v); err != nil {
		s.log.Error("page", "err", err)
		http.Error(w, "503", http.StatusServiceUnavailable)
		return
	}
	formAction := "'self'"
	if v.formTo != "" {
		// Browsers hold every redirect that follows a form to this list, and the
		// shop may send its buyer on to another site of the merchant.
		formAction += " https:"
		if v.formTo == "http" {
			formAction += " http:"
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // a payment's address stays here
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action "+formAction+
		"; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(v.Status)
	_, _ = w.Write(b.Bytes()) // the reader may have gone
}

func showCSS(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeFileFS(w, r, webFS, "web/bank.css")
}

func (s *Server) showIndex(w http.ResponseWriter, _ *http.Request) error {
	s.render(w, view{Lang: "sv", Status: http.StatusOK, Key: "index", Cards: cards})
	return nil
}

// showPay is the payment page. Opening it moves a new payment to awaiting.
func (s *Server) showPay(w http.ResponseWriter, r *http.Request) error {
	p, err := s.look(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	if p.state == wire.Created && r.Method == http.MethodGet {
		_, err = s.moveLocked(p, record{State: wire.Awaiting}, false)
	}
	v := payView(p, http.StatusOK, "")
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if _, err := s.told(p); err != nil {
		return err
	}
	s.render(w, v)
	return nil
}

// payByCard is the form's answer.
func (s *Server) payByCard(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	p, err := s.look(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	c, known := findCard(form.Get("card_number"))
	s.mu.Lock()
	var held *delivery
	var again *view
	switch {
	case !open(p.state): // decided already: back to the shop, nothing is charged twice
	case !known:
		v := payView(p, http.StatusUnprocessableEntity, "card.unknown")
		again = &v
	case c.code:
		if err = s.challengeLocked(p); err == nil {
			v := payView(p, http.StatusOK, "")
			again = &v
		}
	default:
		held, err = s.decideLocked(p, c)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if again != nil {
		s.render(w, *again)
		return nil
	}
	return s.goBack(w, r, p, held)
}

// challengeLocked notes that a good card waits for the second factor.
func (s *Server) challengeLocked(p *payment) error {
	if p.state == wire.Created {
		if _, err := s.moveLocked(p, record{State: wire.Awaiting}, false); err != nil {
			return err
		}
	}
	if p.challenge {
		return nil
	}
	return s.commitLocked(record{Op: opChallenge, ID: p.id})
}

// payByCode is the second form's answer.
func (s *Server) payByCode(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	p, err := s.look(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	var again *view
	switch {
	case !open(p.state):
	case !p.challenge: // no card yet: the code alone pays nothing
		v := payView(p, http.StatusUnprocessableEntity, "card.unknown")
		again = &v
	case form.Get("code") == secondFactor:
		_, err = s.decideLocked(p, card{})
	default:
		if err = s.commitLocked(record{Op: opWrongCode, ID: p.id}); err != nil {
			break
		}
		if p.tries >= codeTries {
			_, err = s.decideLocked(p, card{refuse: wire.ReasonAuthentication})
			break
		}
		v := payView(p, http.StatusUnprocessableEntity, "code.wrong")
		again = &v
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if again != nil {
		s.render(w, *again)
		return nil
	}
	return s.goBack(w, r, p, nil)
}

// cancelByBuyer is the button of who changes his mind.
func (s *Server) cancelByBuyer(w http.ResponseWriter, r *http.Request) error {
	if _, err := readForm(w, r); err != nil {
		return err
	}
	p, err := s.look(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	if open(p.state) {
		_, err = s.moveLocked(p, record{State: wire.Cancelled}, false)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.goBack(w, r, p, nil)
}

// goBack sends the buyer to the shop once the decision is durable.
func (s *Server) goBack(w http.ResponseWriter, r *http.Request, p *payment, held *delivery) error {
	if err := s.afterDecision(r, p, held); err != nil {
		return err
	}
	w.Header().Set("Location", returnTo(p))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "same-origin")
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// returnTo is the shop's own return address with the payment added.
func returnTo(p *payment) string {
	u, err := url.Parse(p.req.ReturnURL)
	if err != nil {
		panic("bank: a checked return address does not parse: " + err.Error())
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "payment=" + p.id
	return u.String()
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	b, err := readBody(w, r, maxFormBody)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, problem(http.StatusBadRequest, "unreadable", "")
	}
	return form, nil
}

// payView describes a payment's page.
func payView(p *payment, status int, wrong string) view {
	lang := p.req.Language
	if lang == "" {
		lang = "sv"
	}
	v := view{
		Lang: lang, Status: status, Key: "state." + string(p.state), Error: wrong, ID: p.id,
		Amount: formatAmount(lang, p.req.Amount, p.req.Currency), Reference: p.req.Reference, About: p.req.Description,
	}
	if !open(p.state) {
		v.Back = returnTo(p)
		return v
	}
	v.formTo, _, _ = strings.Cut(p.req.ReturnURL, ":")
	if p.challenge && wrong != "card.unknown" {
		v.Key, v.Form = "code", "code"
		return v
	}
	v.Key, v.Form, v.Cards = "pay", "card", cards
	return v
}

// formatAmount writes an amount for people: "1 299,50 kr" and "SEK 1,299.50",
// without the small unit where that is zero.
func formatAmount(lang string, minor int64, currency string) string {
	digits, group, point := 2, "\u00a0", ","
	if currency == "JPY" || currency == "ISK" {
		digits = 0
	}
	if lang == "en" {
		group, point = ",", "."
	}
	unit := int64(1)
	for range digits {
		unit *= 10
	}
	whole := fmt.Sprint(minor / unit)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + group + whole[i:]
	}
	if digits > 0 && minor%unit != 0 {
		whole += point + fmt.Sprintf("%0*d", digits, minor%unit)
	}
	if lang == "en" {
		return currency + "\u00a0" + whole
	}
	if currency == "SEK" {
		currency = "kr"
	}
	return whole + "\u00a0" + currency
}
