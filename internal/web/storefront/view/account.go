package view

import (
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/web/ui"
)

// Member is what every page of "Mina sidor" needs: who is signed in.
type Member struct {
	Shell
	Email, Name string
	Guest       bool      // only a proven address, no account
	Data        bool      // there is a page of what is kept about him
	Losing      time.Time // when the app falls away that somebody said to have lost; zero: nothing waits
}

// tabs are the pages of "Mina sidor"; here is the one that is shown.
func (m Member) tabs(here string) []ui.Link {
	var out []ui.Link
	for _, p := range [][2]string{{"/account", "account.orders"}, {"/account/security", "account.security"}, {"/account/data", "account.data"}} {
		if p[0] == "/account/data" && !m.Data {
			continue
		}
		out = append(out, ui.Link{Text: lang.T(m.l(), p[1]), URL: m.to(p[0]), Current: p[0] == here})
	}
	return out
}

// keyed adds the module that asks browsers for passkeys, where the page has a button for it.
func keyed(s Shell, asks bool) Shell {
	s.Keys = asks
	return s
}

// Account is "/account": the purchases of the proven address.
type Account struct {
	Member
	Orders []OrderCard
	Next   string // path of the next page; empty: none
	Form   ui.Form
}

// OrderCard is an order in a list. Path is its own page, by its token.
type OrderCard struct {
	Number, Path, Goods string
	GoodsLang           lang.Lang
	At                  time.Time
	Total               money.Money
	State               string
	Tone                ui.Tone
}

// Security is "/account/security".
type Security struct {
	Member
	Fresh    bool // what changes the way in is open
	Passkeys []KeyRow
	Password bool
	Min      int // fewest characters of a new password
	App      bool
	Recovery int
	Sessions []SessionRow
	Attempts []AttemptRow
	Reads    []string // who has read, in whole sentences
	Form     ui.Form
	Trouble  string // why the last act was not done
}

// KeyRow is a passkey.
type KeyRow struct {
	ID, Name   string
	Made, Used time.Time
}

// SessionRow is where the visitor is signed in.
type SessionRow struct {
	ID, Device, Network, Method string
	Began, Seen                 time.Time
	Present                     bool
}

// AttemptRow is a sign-in, or one that was refused.
type AttemptRow struct {
	At      time.Time
	Text    string
	Network string
	OK      bool
}

// App is the page on which an app for codes is connected.
type App struct {
	Member
	Key       string // base32, in groups
	Box, Path string // the QR code
	Form      ui.Form
}

// Recovery shows the recovery codes, once.
type Recovery struct {
	Member
	Codes []string
}

// Email is "/account/email": another address.
type Email struct {
	Member
	Pending string // the address whose code is awaited
	Form    ui.Form
}

// StopMove is the page of the link in a letter that stops something: a change of address, or that a lost app falls away.
type StopMove struct {
	Shell
	Path    string
	Done    bool // the address was changed already
	Stopped bool
	Lost    bool      // it is about the app
	Due     time.Time // of the app: when it falls away
}

// words are the page's title, what stopping does, the button, and what is said afterwards.
func (p StopMove) words() (title, text, button, stopped string) {
	l := p.l()
	switch {
	case p.Lost:
		return lang.T(l, "account.stop_lost"), lang.T(l, "account.stop_lost.text", "due", lang.DateTime(l, p.Due)), lang.T(l, "notice.lost.stop"), lang.T(l, "account.stop_lost.done")
	case p.Done:
		text = lang.T(l, "account.stop.back")
	default:
		text = lang.T(l, "account.stop.text")
	}
	return lang.T(l, "account.stop"), text, lang.T(l, "notice.move.stop"), lang.T(l, "account.stop.done")
}

// LostApp is "/login/lost": who has lost his app and his recovery codes.
type LostApp struct {
	Shell
	May     bool      // the browser has proven the address, and may ask
	Due     time.Time // when the app falls away; zero: not asked yet
	Trouble string
	Keep    []Hidden // where a passkey leads
}

// CloseAccount is the page before an account is deleted.
type CloseAccount struct{ Member }
