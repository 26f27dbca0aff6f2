package storefront

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web"
	"kassavalv/internal/web/reading"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// perPage is how many orders a page of "Mina köp" shows.
const perPage = 20

type visitorKey struct{}

// Visitor is who Authorize let in; the zero Visitor elsewhere.
func Visitor(ctx context.Context) account.Visitor {
	v, _ := ctx.Value(visitorKey{}).(account.Visitor)
	return v
}

// Authorize is the door of customers' pages. Without a living session a page leads to the sign-in and comes back
// afterwards; a form is 401.
func (s *Store) Authorize(w http.ResponseWriter, r *web.Request) (context.Context, auth.By, error) {
	ctx := r.Context()
	v, err := s.Accounts.Resolve(ctx, r.CookieValue(web.CookieSession), r.Peer())
	if f := fault.As(err); f != nil && f.Kind == fault.Unauthenticated {
		if len(r.CookiesNamed(web.CookieSession)) > 0 {
			web.ClearCookie(w, web.CookieSession)
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return ctx, auth.By{}, err
		}
		if err := web.SeeOther(w, r, loginPath(r.CanonicalPath(), false)); err != nil {
			return ctx, auth.By{}, err
		}
		return ctx, auth.By{}, web.ErrAnswered
	}
	if err != nil {
		return ctx, auth.By{}, err
	}
	return context.WithValue(ctx, visitorKey{}, v), v.By(), nil
}

// who reads the visitor of a page that is open to all; the zero Visitor when nobody is signed in.
func (s *Store) who(q db.Q, r *web.Request) (account.Visitor, error) {
	if v := Visitor(r.Context()); v.SignedIn() {
		return v, nil
	}
	key := r.CookieValue(web.CookieSession)
	if key == "" || s.Accounts == nil {
		return account.Visitor{}, nil
	}
	v, _, err := s.Accounts.Look(q, key, r.Peer())
	return v, err
}

// loginPath is the sign-in that comes back to path; again asks also who is signed in.
func loginPath(path string, again bool) string {
	q := url.Values{}
	if next := ownNext(path); next != "/account" {
		q.Set("next", next)
	}
	if again {
		q.Set("again", "1")
	}
	if len(q) == 0 {
		return "/login"
	}
	return "/login?" + q.Encode()
}

// ownNext returns s when it is a page of the shop where one may come back to, otherwise the account. Nothing that
// a browser could read as another host passes.
func ownNext(s string) string {
	if !web.LocalPath(s) || len(s) > 200 {
		return "/account"
	}
	for _, not := range []string{"/login", "/logout", "/admin", "/api", "/static", "/media", "/en", "/account/open", "/account/data/export"} { // a link that opens once is not carried through addresses
		if s == not || strings.HasPrefix(s, not+"/") || strings.HasPrefix(s, not+"?") {
			return "/account"
		}
	}
	return s
}

// from is where a request of a sign-in comes from.
func from(r *web.Request) account.From {
	return account.From{Peer: r.Peer(), Agent: web.Agent(r), Lang: r.Lang, Browser: r.CookieValue(web.CookieLogin), Old: r.CookieValue(web.CookieSession)}
}

// rekeyed gives the browser the session's new secret.
func rekeyed(w http.ResponseWriter, key secret.Secret) {
	web.SetCookie(w, web.CookieSession, key.Reveal(), account.SessionLimit)
}

// member fills what every page of "Mina sidor" needs.
func (s *Store) member(q db.Q, r *web.Request, path string) (m view.Member, err error) {
	v := Visitor(r.Context())
	m.Email, m.Name, m.Guest, m.Data = v.Email, v.Name, v.Account == 0, s.DataPages
	if m.Losing, err = s.Accounts.Losing(q, v); err != nil {
		return m, err
	}
	m.Shell, err = s.shell(q, r, path)
	m.Shell.BaseURL = ""
	return m, err
}

// account is "/account": the purchases of the proven address.
func (s *Store) account(w http.ResponseWriter, r *web.Request) error {
	return s.showAccount(w, r, http.StatusOK, ui.Form{})
}

func (s *Store) showAccount(w http.ResponseWriter, r *web.Request, status int, form ui.Form) error {
	qv, err := r.ReadQuery("before")
	if err != nil {
		return err
	}
	before, _ := db.ParseID(qv.Get("before")) // anything else is the first page
	v, flash := Visitor(r.Context()), r.TakeFlash(w)
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.Account, err error) {
		if p.Member, err = s.member(q, r, "/account"); err != nil {
			return p, err
		}
		os, err := order.OfMail(q, s.Vault, v.Email, before, perPage+1)
		if err != nil {
			return p, err
		}
		if len(os) > perPage {
			os = os[:perPage]
			p.Next = "/account?before=" + os[perPage-1].ID.String()
		}
		for _, o := range os {
			p.Orders = append(p.Orders, s.orderCard(o, r.Lang))
		}
		return p, nil
	})
	if err != nil {
		return err
	}
	p.Form = form
	if flash != "" {
		p.Shell.Flash = lang.T(r.Lang, flash)
	}
	return web.HTML(w, r, status, view.AccountPage(p))
}

func (s *Store) orderCard(o order.Order, l lang.Lang) view.OrderCard {
	c := view.OrderCard{Number: o.NumberString(), Path: "/orders/" + o.Token(s.Vault), At: o.PlacedAt, Total: o.Total}
	var names []string
	for _, x := range o.Lines {
		names = append(names, x.Title(l))
	}
	c.Goods = lang.List(l, names)
	key, tone := "account.state.placed", ui.Plain
	switch {
	case o.State == order.Cancelled:
		key, tone = "account.state.cancelled", ui.Stop
	case o.RefundedInAll().Amount > 0:
		key = "account.state.refunded"
	case !o.ReceivedAt.IsZero():
		key, tone = "account.state.received", ui.OK
	case o.IsShipped():
		key, tone = "account.state.sent", ui.OK
	case !o.IsPaid():
		key, tone = "account.state.unpaid", ui.Wait
	}
	c.State, c.Tone = lang.T(l, key), tone
	return c
}

// openAccount is POST /account/open: an account of the proven address.
func (s *Store) openAccount(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("name")
	if err != nil {
		return err
	}
	key, err := s.own(r, func(tx *db.Tx, v account.Visitor) (secret.Secret, error) {
		_, key, err := s.Accounts.Open(tx, v, in.Get("name"))
		return key, err
	})
	switch {
	case fault.Is(err, "step_up"), fault.Is(err, "account_there"):
		return web.SeeOther(w, r, loginPath("/account", true))
	case err != nil:
		return err
	}
	rekeyed(w, key)
	web.SetFlash(w, "flash.account_open")
	return web.SeeOther(w, r, "/account/security")
}

// own runs a use case of the visitor's own account in a transaction; a refusal is recorded.
func (s *Store) own(r *web.Request, fn func(tx *db.Tx, v account.Visitor) (secret.Secret, error)) (secret.Secret, error) {
	v := Visitor(r.Context())
	return auth.Act(r.Context(), s.DB, v.By(), "account.act", account.Entity, v.Account, func(tx *db.Tx) (secret.Secret, error) { return fn(tx, v) })
}

// security is "/account/security": how one signs in, where one is signed in, who has read.
func (s *Store) security(w http.ResponseWriter, r *web.Request) error {
	return s.showSecurity(w, r, http.StatusOK, ui.Form{}, "")
}

func (s *Store) showSecurity(w http.ResponseWriter, r *web.Request, status int, form ui.Form, trouble string) error {
	v, l, flash := Visitor(r.Context()), r.Lang, r.TakeFlash(w)
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.Security, err error) {
		if p.Member, err = s.member(q, r, "/account/security"); err != nil {
			return p, err
		}
		ways, err := s.Accounts.Ways(q, v)
		if err != nil {
			return p, err
		}
		p.Fresh, p.Password, p.App, p.Recovery, p.Min = v.Account > 0 && v.IsFresh(q.Now()), ways.Password, ways.App, int(ways.Recovery), factor.Alone
		if ways.App {
			p.Min = factor.Beside
		}
		for _, k := range ways.Passkeys {
			p.Passkeys = append(p.Passkeys, view.KeyRow{ID: k.ID.String(), Name: k.Name, Made: k.Created, Used: k.Used})
		}
		sessions, err := s.Accounts.Sessions(q, v)
		if err != nil {
			return p, err
		}
		for _, x := range sessions {
			p.Sessions = append(p.Sessions, view.SessionRow{ID: x.ID.String(), Device: or(x.Agent, lang.T(l, "account.device")), Network: x.Peer, Method: lang.T(l, "account.method."+x.Method), Began: x.Created, Seen: x.Seen, Present: x.Present})
		}
		attempts, err := s.Accounts.Attempts(q, v, 10)
		if err != nil {
			return p, err
		}
		for _, a := range attempts {
			key := "account.method." + a.How
			if !lang.Has(key) {
				key = "account.method.other"
			}
			p.Attempts = append(p.Attempts, view.AttemptRow{At: a.At, OK: a.OK, Network: a.Peer, Text: lang.T(l, key)})
		}
		p.Reads, err = s.reads(q, v, l)
		return p, err
	})
	if err != nil {
		return err
	}
	p.Form, p.Trouble = form, trouble
	if flash != "" {
		p.Shell.Flash = lang.T(l, flash)
	}
	return web.HTML(w, r, status, view.SecurityPage(p))
}

// reads are the newest readings of the visitor's details by others, in whole sentences.
func (s *Store) reads(q db.Q, v account.Visitor, l lang.Lang) (out []string, err error) {
	persons := []db.ID{v.Person}
	os, err := order.OfMail(q, s.Vault, v.Email, 0, perPage)
	if err != nil {
		return nil, err
	}
	for _, o := range os {
		persons = append(persons, o.Person)
	}
	as, err := audit.Readings(q, persons, 0, 10)
	if err != nil {
		return nil, err
	}
	for _, a := range as {
		out = append(out, readSentence(l, reading.Of(l, a)))
	}
	return out, nil
}

// back answers an act on the security page: done, a trouble told on the page, or a proof asked for first.
func (s *Store) back(w http.ResponseWriter, r *web.Request, key secret.Secret, err error, flash string) error {
	f := fault.As(err)
	switch {
	case fault.Is(err, "step_up"):
		return web.SeeOther(w, r, loginPath("/account/security", true))
	case f != nil && (f.Kind == fault.Unprocessable || f.Kind == fault.Clash || f.Kind == fault.TooManyKind):
		if f.Kind == fault.Unprocessable && len(f.Fields) > 0 {
			return s.showSecurity(w, r, f.Kind.Status(), ui.FormOf(r.Lang, nil, err), "")
		}
		retryAfter(w, f)
		return s.showSecurity(w, r, f.Kind.Status(), ui.Form{}, lang.TArgs(r.Lang, f.SentenceKey(), f.Args))
	case err != nil:
		return err
	}
	if !key.IsZero() {
		rekeyed(w, key)
	}
	web.SetFlash(w, flash)
	return web.SeeOther(w, r, "/account/security")
}

func (s *Store) setPassword(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("username", "old_password", "password")
	if err != nil {
		return err
	}
	key, err := s.Accounts.SetPassword(r.Context(), Visitor(r.Context()), secret.Hide(in.Get("old_password")), secret.Hide(in.Get("password")))
	return s.back(w, r, key, err, "flash.account_password")
}

// act is a form of one button on the security page.
func (s *Store) act(flash string, fn func(tx *db.Tx, v account.Visitor) (secret.Secret, error)) web.Handler {
	return func(w http.ResponseWriter, r *web.Request) error {
		if _, err := r.ReadForm(); err != nil {
			return err
		}
		key, err := s.own(r, fn)
		return s.back(w, r, key, err, flash)
	}
}

// actOn is act on a row that the path names.
func (s *Store) actOn(flash string, fn func(tx *db.Tx, v account.Visitor, id db.ID) (secret.Secret, error)) web.Handler {
	return func(w http.ResponseWriter, r *web.Request) error {
		if _, err := r.ReadForm(); err != nil {
			return err
		}
		id, err := db.ParseID(r.PathValue("id"))
		if err != nil {
			return fault.NotFound()
		}
		key, err := s.own(r, func(tx *db.Tx, v account.Visitor) (secret.Secret, error) { return fn(tx, v, id) })
		return s.back(w, r, key, err, flash)
	}
}

func (s *Store) beginPasskey(w http.ResponseWriter, r *web.Request) error {
	c, err := s.Accounts.BeginPasskey(r.Context(), Visitor(r.Context()))
	return ceremony(w, r, c, err)
}

func (s *Store) addPasskey(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("token", "answer")
	if err != nil {
		return err
	}
	key, err := s.Accounts.FinishPasskey(r.Context(), Visitor(r.Context()), in.Get("token"), []byte(in.Get("answer")), web.Agent(r))
	return s.back(w, r, key, err, "flash.account_passkey")
}

// beginApp is POST /account/security/app: a new key for an app.
func (s *Store) beginApp(w http.ResponseWriter, r *web.Request) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	_, err := s.own(r, func(tx *db.Tx, v account.Visitor) (secret.Secret, error) {
		_, err := s.Accounts.BeginApp(tx, v)
		return secret.Secret{}, err
	})
	if err != nil {
		return s.back(w, r, secret.Secret{}, err, "")
	}
	return web.SeeOther(w, r, "/account/security/app")
}

func (s *Store) app(w http.ResponseWriter, r *web.Request) error {
	return s.showApp(w, r, http.StatusOK, ui.Form{})
}

func (s *Store) showApp(w http.ResponseWriter, r *web.Request, status int, form ui.Form) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.App, err error) {
		a, err := s.Accounts.PendingApp(q, Visitor(r.Context()))
		if err != nil {
			return p, err
		}
		if p.Box, p.Path, err = ui.Square(a.URL.Reveal()); err != nil {
			return p, err
		}
		for k := a.Key.Reveal(); k != ""; k = k[min(4, len(k)):] {
			p.Key += k[:min(4, len(k))] + " "
		}
		p.Form = form
		p.Member, err = s.member(q, r, "/account/security/app")
		return p, err
	})
	if fault.Is(err, "step_up") || fault.Is(err, "not_found") {
		return s.back(w, r, secret.Secret{}, &fault.Error{Kind: fault.Forbidden, Code: "step_up"}, "")
	}
	if err != nil {
		return err
	}
	return web.HTML(w, r, status, view.AppPage(p))
}

func (s *Store) confirmApp(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("code")
	if err != nil {
		return err
	}
	codes, key, err := s.Accounts.ConfirmApp(r.Context(), Visitor(r.Context()), in.Get("code"))
	if fault.Is(err, "invalid") {
		return s.showApp(w, r, http.StatusUnprocessableEntity, ui.FormOf(r.Lang, nil, err))
	}
	return s.showRecovery(w, r, codes, key, err)
}

func (s *Store) newRecovery(w http.ResponseWriter, r *web.Request) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	codes, key, err := s.Accounts.NewRecovery(r.Context(), Visitor(r.Context()))
	return s.showRecovery(w, r, codes, key, err)
}

// showRecovery shows recovery codes; the answer to the form itself, since they stand nowhere.
func (s *Store) showRecovery(w http.ResponseWriter, r *web.Request, codes []secret.Secret, key secret.Secret, err error) error {
	if err != nil {
		return s.back(w, r, key, err, "")
	}
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.Recovery, err error) {
		p.Member, err = s.member(q, r, "/account/security")
		return
	})
	if err != nil {
		return err
	}
	for _, c := range codes {
		p.Codes = append(p.Codes, c.Reveal())
	}
	rekeyed(w, key)
	return web.HTML(w, r, http.StatusOK, view.RecoveryPage(p))
}

// email is "/account/email": another address. A guest is told that it belongs to an account, and may make one.
func (s *Store) email(w http.ResponseWriter, r *web.Request) error {
	return s.showEmail(w, r, http.StatusOK, ui.Form{})
}

func (s *Store) showEmail(w http.ResponseWriter, r *web.Request, status int, form ui.Form) error {
	v := Visitor(r.Context())
	if v.Account > 0 && !v.IsFresh(r.Now()) {
		return web.SeeOther(w, r, loginPath("/account/email", true))
	}
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.Email, err error) {
		if p.Pending, err = s.Accounts.MovePending(q, v); err != nil {
			return p, err
		}
		p.Form = form
		p.Member, err = s.member(q, r, "/account/email")
		return
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, status, view.EmailPage(p))
}

// onEmail answers a form of the page.
func (s *Store) onEmail(w http.ResponseWriter, r *web.Request, values url.Values, err error) error {
	f := fault.As(err)
	if f != nil && (f.Kind == fault.Unprocessable || f.Kind == fault.Clash || f.Kind == fault.TooManyKind) {
		retryAfter(w, f)
		return s.showEmail(w, r, f.Kind.Status(), ui.FormOf(r.Lang, values, err))
	}
	if fault.Is(err, "step_up") {
		return web.SeeOther(w, r, loginPath("/account/email", true))
	}
	return err
}

func (s *Store) askMove(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("email")
	if err != nil {
		return err
	}
	if err := s.Accounts.AskMove(r.Context(), Visitor(r.Context()), in.Get("email")); err != nil {
		return s.onEmail(w, r, url.Values{"email": {in.Get("email")}}, err)
	}
	return web.SeeOther(w, r, "/account/email")
}

func (s *Store) confirmMove(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("code")
	if err != nil {
		return err
	}
	key, err := s.Accounts.TryMove(r.Context(), Visitor(r.Context()), in.Get("code"))
	if err != nil {
		return s.onEmail(w, r, nil, err)
	}
	rekeyed(w, key)
	web.SetFlash(w, "flash.account_email")
	return web.SeeOther(w, r, "/account/security")
}

// stopMove is "/account/moves/{token}": the link in the letter to the old address. It changes nothing by itself.
func (s *Store) stopMove(w http.ResponseWriter, r *web.Request) error {
	return s.stopPage(w, r, func(q db.Q) (p view.StopMove, err error) {
		i, err := s.Accounts.LookMove(q, r.PathValue("token"))
		p.Path, p.Done = "/account/moves/"+r.PathValue("token"), i.Done
		return p, err
	})
}

func (s *Store) stopMoveNow(w http.ResponseWriter, r *web.Request) error {
	return s.stopNow(w, r, view.StopMove{}, s.Accounts.StopMove)
}

// stopLostLink is "/account/lost/{token}": the link in the letters about an app that is said to be lost. It changes nothing by itself.
func (s *Store) stopLostLink(w http.ResponseWriter, r *web.Request) error {
	return s.stopPage(w, r, func(q db.Q) (p view.StopMove, err error) {
		p.Path, p.Lost = "/account/lost/"+r.PathValue("token"), true
		p.Due, err = s.Accounts.LookStopLost(q, r.PathValue("token"))
		return p, err
	})
}

func (s *Store) stopLostNow(w http.ResponseWriter, r *web.Request) error {
	return s.stopNow(w, r, view.StopMove{Lost: true}, s.Accounts.StopLostByLink)
}

// stopPage shows what the link of a letter would stop.
func (s *Store) stopPage(w http.ResponseWriter, r *web.Request, look func(q db.Q) (view.StopMove, error)) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.StopMove, err error) {
		if p, err = look(q); err != nil {
			return p, err
		}
		p.Shell, err = s.shell(q, r, p.Path)
		p.Shell.BaseURL = ""
		return p, err
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, http.StatusOK, view.StopMovePage(p))
}

// stopNow stops it; whoever holds the link needs no sign-in.
func (s *Store) stopNow(w http.ResponseWriter, r *web.Request, done view.StopMove, stop func(tx *db.Tx, by auth.By, token string) error) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	if err := db.Do(r.Context(), s.DB, func(tx *db.Tx) error { return stop(tx, auth.Guest(r.Peer()), r.PathValue("token")) }); err != nil {
		return err
	}
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.StopMove, err error) {
		p = done
		p.Shell, err = s.shell(q, r, "/login")
		p.Stopped = true
		return
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, http.StatusOK, view.StopMovePage(p))
}

// closing is "/account/close".
func (s *Store) closing(w http.ResponseWriter, r *web.Request) error {
	v := Visitor(r.Context())
	if v.Account == 0 {
		return web.SeeOther(w, r, "/account")
	}
	if !v.IsFresh(r.Now()) {
		return web.SeeOther(w, r, loginPath("/account/close", true))
	}
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.CloseAccount, err error) {
		p.Member, err = s.member(q, r, "/account/close")
		return
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, http.StatusOK, view.CloseAccountPage(p))
}

func (s *Store) closeAccount(w http.ResponseWriter, r *web.Request) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	_, err := s.own(r, func(tx *db.Tx, v account.Visitor) (secret.Secret, error) {
		return secret.Secret{}, s.Accounts.Close(tx, v)
	})
	if fault.Is(err, "step_up") {
		return web.SeeOther(w, r, loginPath("/account/close", true))
	}
	if err != nil {
		return err
	}
	leave(w)
	web.ClearCookie(w, web.CookieLogin)
	web.SetFlash(w, "flash.account_closed")
	return web.SeeOther(w, r, "/login")
}

func (s *Store) removePassword(tx *db.Tx, v account.Visitor) (secret.Secret, error) {
	return s.Accounts.RemovePassword(tx, v)
}

func (s *Store) removePasskey(tx *db.Tx, v account.Visitor, id db.ID) (secret.Secret, error) {
	return s.Accounts.RemovePasskey(tx, v, id)
}

func (s *Store) removeApp(tx *db.Tx, v account.Visitor) (secret.Secret, error) {
	return s.Accounts.RemoveApp(tx, v)
}

func (s *Store) stopLost(tx *db.Tx, v account.Visitor) (secret.Secret, error) {
	return secret.Secret{}, s.Accounts.StopLost(tx, v)
}

func (s *Store) endSession(tx *db.Tx, v account.Visitor, id db.ID) (secret.Secret, error) {
	return secret.Secret{}, s.Accounts.EndSession(tx, v, id)
}

func (s *Store) endOthers(tx *db.Tx, v account.Visitor) (secret.Secret, error) {
	return secret.Secret{}, s.Accounts.EndOtherSessions(tx, v)
}

// readSentence tells of one reading as a person says it.
func readSentence(l lang.Lang, x reading.Line) string {
	key := "account.read"
	if x.Handed {
		key = "account.handed"
	}
	return lang.T(l, key+".line", "at", lang.DateTime(l, x.At), "who", x.Who, "what", x.What, "why", x.Why)
}
