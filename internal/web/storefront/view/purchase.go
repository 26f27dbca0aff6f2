package view

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
)

// Purchase is "/purchases/{token}": the true state of one attempt to buy.
//
// State is one of the surface: received, awaiting_customer, processing, unknown,
// paid, placed, refused, expired. Fields that a state does not need are ignored.
// The Refresh header is the handler's.
type Purchase struct {
	Shell
	State       string
	Erased      bool // the buyer is
	Token       string
	Amount      money.Money
	Method      string    // "kort": as in "Du har betalat … med kort"
	Where       string    // the same with its preposition: "på bankens sida"; or ""
	App         string    // where the buyer approves: "bankens sida", "BankID"
	NextURL     string    // absolute: the bank; with awaiting_customer
	Stay        bool      // do not go there by itself: the buyer has been there
	AppURL      string    // opens an app instead of a page; of a scheme that is not known: nothing
	Code        Code      // to scan with the app on another device; may be empty
	Called      bool      // it waits on the phone whose number the buyer gave: Message says which
	ScanPath    string    // with Called: where to choose a code to scan instead
	Scanned     bool      // the way to pay has an app, whether its address came or not
	Link        string    // this page, to open it elsewhere; absolute
	Ways        []Way     // ways to pay now that this one did not work out
	AnswerBy    time.Time // the clock time by which an answer comes
	Since       time.Time // when the buy button was pressed
	Message     string    // what has happened, as the API says it
	Moved       string    // money_moved: "no", "reserved", "taken", "returned", "unknown"
	Lapses      int       // days within which a reservation lapses
	SoldOut     bool      // the money came, the goods were gone: it goes back
	Email       string    // where the confirmation goes, masked or whole as the handler sees fit
	OrderNumber string
	OrderPath   string // "/orders/token"
	RetryPath   string // where to pay again; empty: "/checkout"
	CasePath    string // opens a case with everything filled in; empty: "/support"
	Delivery    string // "Paketbox, onsdag 25 november"
	Lines       []CartLine
	LiveToken   string // path of the live stream; empty: "/purchases/{token}/events"
}

// Code is a QR code as one SVG path.
type Code struct{ Box, Path string }

// Way is one way to pay; Same is the one that was tried.
type Way struct {
	Name, URL string
	Same      bool
}

// end reports whether the state will not change any more.
func (p Purchase) end() bool {
	switch p.State {
	case "paid", "placed", "refused", "expired":
		return true
	}
	return false
}

func (p Purchase) mood() string {
	switch p.State {
	case "paid", "placed":
		return "ok"
	case "refused", "expired":
		return "stop"
	}
	return "wait"
}

func (p Purchase) mark() string {
	switch p.mood() {
	case "ok":
		return "check"
	case "stop":
		return "cross"
	}
	if p.State == "awaiting_customer" {
		return "lock"
	}
	return "wait"
}

func (p Purchase) state() string {
	switch p.State {
	case "received", "awaiting_customer", "processing", "unknown", "paid", "placed", "refused", "expired":
		return p.State
	}
	return "received"
}

// heading is the state in a few words; the title starts with it.
func (p Purchase) heading() string { return lang.T(p.l(), "moment.head."+p.state()) }

// say is what has happened, what happens now, and what the buyer need not worry
// about: at most three short sentences or so, in this order.
func (p Purchase) say() []string {
	l := p.l()
	clock := lang.Clock(l, p.AnswerBy)
	s := []string{p.Message}
	switch p.state() {
	case "received":
		s = append(s, lang.T(l, "moment.received.now"), lang.T(l, "moment.close"))
	case "awaiting_customer":
		switch {
		case p.lost():
			s = append(s, lang.T(l, "moment.app.lost", "app", p.app()))
		case p.opens() != "", p.Called:
			s = append(s, lang.T(l, "moment.app.next"), lang.T(l, "moment.awaiting.calm"))
		default:
			s = append(s, lang.T(l, "moment.awaiting.calm"))
		}
	case "processing":
		if !p.AnswerBy.IsZero() {
			s = append(s, lang.T(l, "moment.answer_by", "time", clock))
		}
	case "paid", "placed":
		s = append(s, p.mail()...)
	case "refused", "expired":
		if p.SoldOut {
			s = append(s, lang.T(l, "moment.gone.calm"))
		} else {
			s = append(s, p.money()...)
		}
	}
	out := s[:0]
	for _, x := range s {
		if x != "" {
			out = append(out, x)
		}
	}
	return out
}

// money says where the money is when some has moved.
func (p Purchase) money() []string {
	l := p.l()
	switch p.Moved {
	case "reserved":
		return []string{lang.N(l, "state.reserved", max(p.Lapses, 1), "amount", p.Amount)}
	case "taken", "returned":
		return []string{lang.T(l, "moment.money_back", "amount", p.Amount)}
	case "unknown":
		return []string{lang.T(l, "moment.money_unknown")}
	}
	return nil
}

func (p Purchase) mail() []string {
	if p.Email == "" {
		return nil
	}
	return []string{lang.T(p.l(), "state.paid.mail", "email", p.Email)}
}

func (p Purchase) app() string {
	if p.App != "" {
		return p.App
	}
	return lang.T(p.l(), "moment.bank")
}

func (p Purchase) where() string {
	if p.Where != "" {
		return p.Where
	}
	return lang.T(p.l(), "moment.where")
}

// stage is one of the three steps drawn under the words.
type stage struct {
	text, class string
	now         bool
}

func (p Purchase) stages() []stage {
	l := p.l()
	at := map[string]int{"received": 1, "awaiting_customer": 1, "processing": 1, "unknown": 1, "paid": 3, "placed": 3, "refused": 1, "expired": 1}[p.state()]
	texts := []string{lang.T(l, "moment.stage.received"), lang.T(l, "moment.stage.payment"), lang.T(l, "moment.stage.done")}
	out := make([]stage, 3)
	for i := range out {
		out[i].text = texts[i]
		switch {
		case i < at:
			out[i].class = "is-done"
		case i == at && p.mood() == "stop":
			out[i].class, out[i].now = "is-stop", true
		case i == at:
			out[i].class, out[i].now = "is-now", true
		}
	}
	return out
}

func (p Purchase) framed() Shell {
	s := p.Shell
	s.NoIndex, s.Title = true, p.heading()
	return s
}

// opens is the address that opens the app: the scheme of no other may stand in a link,
// least of all one that runs a script.
func (p Purchase) opens() templ.SafeURL {
	if p.State != "awaiting_customer" || !strings.HasPrefix(p.AppURL, "swish://") || strings.ContainsAny(p.AppURL, " \t\r\n\"'<>\\") {
		return ""
	}
	return templ.SafeURL(p.AppURL)
}

// lost: the payment is there, and what opens the app for it never came.
func (p Purchase) lost() bool {
	return p.State == "awaiting_customer" && p.Scanned && !p.Called && p.opens() == "" && p.NextURL == ""
}

func (w Way) label(l lang.Lang) string {
	if w.Same {
		return lang.T(l, "moment.retry_with", "method", w.Name)
	}
	return lang.T(l, "moment.pay_with", "method", w.Name)
}

func (p Purchase) retry() string { return p.to(or(p.RetryPath, "/checkout")) }
func (p Purchase) help() string {
	return p.to(or(p.CasePath, "/support?purchase="+p.Token))
}
func (p Purchase) events() string { return or(p.LiveToken, "/purchases/"+p.Token+"/events") }
func (p Purchase) poll() string   { return "/api/store/v1/purchases/" + p.Token }

// leave is where the script takes the buyer by itself.
func (p Purchase) leave() string {
	if p.State == "awaiting_customer" && p.opens() == "" && !p.Stay && (strings.HasPrefix(p.NextURL, "https://") || strings.HasPrefix(p.NextURL, "http://")) {
		return p.NextURL
	}
	return ""
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
