package swishsim

import (
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// appMux is the buyer's phone: the app as it opens for a token, and a door for tests
// that drive the server as a process.
func (s *Server) appMux() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /app", s.appPage)
	m.HandleFunc("POST /app", s.appAct)
	m.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	m.HandleFunc("POST /control", s.control)
	m.HandleFunc("GET /books", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.Books()) })
	return m
}

var page = template.Must(template.New("").Parse(`<!doctype html><html lang="sv"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Swish, låtsas</title>
<main><h1>Swish, låtsas</h1>
{{with .P}}<p>Till {{.Payee}}</p><p id="amount">{{.Amount}}</p><p>{{.Message}}</p><p id="status">{{.Status}} {{.Code}}</p>{{end}}
{{if .Open}}<form method="post" action="/app"><input type="hidden" name="token" value="{{.Token}}"><input type="hidden" name="callbackurl" value="{{.Back}}">
{{range .Acts}}<p><button name="do" value="{{.Do}}">{{.Text}}</button></p>{{end}}</form>{{else}}<p>Här finns inget att godkänna.</p>{{end}}
{{if .Back}}<p><a id="back" href="{{.Back}}">Tillbaka till butiken</a></p>{{end}}</main></html>`))

type act struct{ Do, Text string }

// acts are the buttons of the app.
var acts = []act{{Approve, "Betala"}, {Decline, "Avböj"}, {FailPrefix + "BANKIDCL", "Avbryt i BankID"}, {FailPrefix + "AM04", "Pengarna räcker inte"}, {FailPrefix + "RF07", "Banken nekar"},
	{PaidUnknown, "Banken svarar inte"}}

// link reads what opened the app: the address of the app switch, a code that was
// scanned, or the token alone.
func link(q url.Values) (token, back string) {
	token, back = q.Get("token"), q.Get("callbackurl")
	if l := q.Get("link"); l != "" {
		u, err := url.Parse(l)
		if err != nil || u.Scheme != "swish" || u.Host != "paymentrequest" {
			return "", ""
		}
		return u.Query().Get("token"), u.Query().Get("callbackurl")
	}
	if qr := q.Get("qr"); strings.HasPrefix(qr, "D") {
		return qr[1:], ""
	}
	return
}

func (s *Server) appPage(w http.ResponseWriter, r *http.Request) {
	token, back := link(r.URL.Query())
	s.show(w, token, back)
}

func (s *Server) show(w http.ResponseWriter, token, back string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := struct {
		P           *payment
		Open        bool
		Token, Back string
		Acts        []act
	}{Token: token, Back: back, Acts: acts}
	if p := s.find(token); p != nil {
		v.P, v.Open = p, !p.final() && !p.approving
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	page.Execute(w, v)
}

func (s *Server) appAct(w http.ResponseWriter, r *http.Request) {
	// What was done stands on the page that follows; an act too late changes nothing.
	_ = s.Act(r.PostFormValue("token"), r.PostFormValue("do"))
	s.show(w, r.PostFormValue("token"), r.PostFormValue("callbackurl"))
}

// control takes {"times":{…},"fault":{…},"act":{"ref":"…","do":"…"},"ruin":"…"}; what is
// left out stays.
func (s *Server) control(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Times *struct{ Timeout, Bank, Refund, Callback string }
		Fault *Fault
		Act   *struct{ Ref, Do string }
		Ruin  *string
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if in.Times != nil {
		d := func(s string) time.Duration { x, _ := time.ParseDuration(s); return x }
		s.SetTimes(Times{d(in.Times.Timeout), d(in.Times.Bank), d(in.Times.Refund), d(in.Times.Callback)})
	}
	if in.Fault != nil {
		s.Set(*in.Fault)
	}
	if in.Ruin != nil {
		s.RuinRefunds(*in.Ruin)
	}
	if in.Act != nil {
		if err := s.Act(in.Act.Ref, in.Act.Do); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
