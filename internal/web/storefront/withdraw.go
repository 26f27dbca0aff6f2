package storefront

import (
	"context"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// withdrawFields are those of both steps. "order_link" is the order's own link,
// for who came from its page; "quantity." is how many of a line.
var withdrawFields = []string{"name", "number", "email", "message", "line*", "quantity.", "order_link", "key"}

// withdrawal is "/withdraw" (distansavtalslagen 2005:59, 2 kap. 10 a §): who, which
// order, where the acknowledgement goes. Nothing else is asked for, and nobody
// needs an account.
func (s *Store) withdrawal(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery("order")
	if err != nil {
		return err
	}
	in := web.Values{}
	if qv.Has("order") {
		in["order_link"] = []string{qv.Get("order")}
	}
	return s.showWithdraw(w, r, http.StatusOK, in, ui.Form{}, true)
}

// linkedOrder reads the order whose link the form carries, if it does.
func (s *Store) linkedOrder(q db.Q, in web.Values) (returns.Found, bool, error) {
	token := in.Get("order_link")
	if token == "" {
		return returns.Found{}, false, nil
	}
	o, err := s.orderBy(q, token)
	if fault.Is(err, "not_found") {
		return returns.Found{}, false, nil
	}
	if err != nil {
		return returns.Found{}, false, err
	}
	f, err := returns.Look(q, o)
	return f, err == nil, err
}

func (s *Store) showWithdraw(w http.ResponseWriter, r *web.Request, status int, in web.Values, form ui.Form, fresh bool) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.Withdraw, err error) {
		if p.Shell, err = s.shell(q, r, "/withdraw"); err != nil {
			return p, err
		}
		p.Form = form
		f, ok, err := s.linkedOrder(q, in)
		if err != nil || !ok {
			return p, err
		}
		p.Keep = []view.Hidden{{Name: "order_link", Value: in.Get("order_link")}}
		if fresh {
			c, _, err := opened(order.ContactOf(q, s.Vault, f.Order, auth.Holder(f.Order.Person))) // the buyer writes it himself then
			if err != nil {
				return p, err
			}
			p.Form.Set("name", c.Name)
			p.Form.Set("email", c.Email)
			p.Form.Set("number", f.Order.NumberString())
		}
		for _, c := range f.Lines {
			l := view.WithdrawLine{ID: c.ID.String(), Title: c.Title(r.Lang), Quantity: int(c.Left), Chosen: slices.Contains(in.All("line"), c.ID.String())}
			if c.Options != "" {
				l.Title += ", " + c.Options
			}
			if c.Left == 0 {
				l.Barred = lang.T(r.Lang, "withdraw.gone")
			}
			p.Lines = append(p.Lines, l)
		}
		return p, nil
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, status, view.WithdrawPage(p))
}

// statement is what the buyer gave, and the order it was found to concern.
type statement struct {
	name, number, mail, text string
	found                    returns.Found
	known                    bool // the order was found; what is not found is received all the same
	lines                    []fulfilment.ShipLine
	goods                    []string // in words; empty: everything
}

// state reads the form. The fields are 422 when one of them cannot be used; that
// the order is not found is no reason to turn anybody away.
func (s *Store) state(q db.Q, in web.Values, l lang.Lang) (st statement, err error) {
	st = statement{name: strings.Join(strings.Fields(in.Get("name")), " "), number: strings.TrimSpace(in.Get("number")), mail: in.Get("email"), text: strings.TrimSpace(in.Get("message"))}
	var f fault.Fields
	if st.name == "" {
		f.Add("/name", "required")
	} else if len([]rune(st.name)) > 100 {
		f.Add("/name", "too_long")
	}
	if st.number == "" {
		f.Add("/number", "required")
	} else if _, ok := order.ParseNumber(st.number); !ok {
		f.Add("/number", "order_unknown")
	}
	if st.mail == "" {
		f.Add("/email", "required")
	} else if m, err := secret.CanonicalEmail(st.mail); err != nil {
		f.Add("/email", "bad_email")
	} else {
		st.mail = m
	}
	if len([]rune(st.text)) > returns.MaxStatement {
		f.Add("/message", "too_long")
	}
	if err := f.Err(); err != nil {
		return st, err
	}
	if st.found, st.known, err = s.linkedOrder(q, in); err != nil {
		return st, err
	}
	if !st.known {
		st.found, err = returns.Find(q, s.Vault, st.number, st.mail)
		if fault.Is(err, "not_found") {
			return st, nil
		}
		if err != nil {
			return st, err
		}
		st.known = true
	}
	st.number = st.found.Order.NumberString()
	for _, c := range st.found.Lines {
		if !slices.Contains(in.All("line"), c.ID.String()) || c.Left == 0 {
			continue
		}
		n := c.Left
		if typed := in.Get("quantity." + c.ID.String()); typed != "" {
			if k := whole(typed); k >= 1 && k <= c.Left {
				n = k
			}
		}
		st.lines = append(st.lines, fulfilment.ShipLine{Line: c.ID, Quantity: n})
		st.goods = append(st.goods, pieces(n, c.DraftLine, l))
	}
	return st, nil
}

// withdrawCheck is POST /withdraw: what was written, and the button that sends it.
func (s *Store) withdrawCheck(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm(withdrawFields...)
	if err != nil {
		return err
	}
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.WithdrawConfirm, err error) {
		if p.Shell, err = s.shell(q, r, "/withdraw"); err != nil {
			return p, err
		}
		st, err := s.state(q, in, r.Lang)
		if err != nil {
			return p, err
		}
		p.Name, p.Number, p.Email, p.Message, p.Goods = st.name, st.number, st.mail, st.text, st.goods
		for _, name := range []string{"name", "number", "email", "message", "order_link"} {
			if in.Get(name) != "" {
				p.Keep = append(p.Keep, view.Hidden{Name: name, Value: in.Get(name)})
			}
		}
		for _, l := range st.lines {
			p.Keep = append(p.Keep, view.Hidden{Name: "line", Value: l.Line.String()}, view.Hidden{Name: "quantity." + l.Line.String(), Value: number(l.Quantity)})
		}
		p.Keep = append(p.Keep, view.Hidden{Name: "key", Value: or(in.Get("key"), secret.RandomToken())})
		return p, nil
	})
	if fault.Is(err, "invalid") {
		return s.withdrawWrong(w, r, in, err)
	}
	if err != nil {
		return err
	}
	return web.HTML(w, r, http.StatusOK, view.WithdrawConfirmPage(p))
}

func (s *Store) withdrawWrong(w http.ResponseWriter, r *web.Request, in web.Values, err error) error {
	form := ui.FormOf(r.Lang, nil, err)
	form.Values = typed(in).Values
	return s.showWithdraw(w, r, http.StatusUnprocessableEntity, in, form, false)
}

// withdrawBack is POST /withdraw/back: the first step again, as it was filled in.
func (s *Store) withdrawBack(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm(withdrawFields...)
	if err != nil {
		return err
	}
	return s.showWithdraw(w, r, http.StatusOK, in, typed(in), false)
}

// Purpose of the link to an acknowledgement, and how long it works; the mail is
// the copy to keep.
const (
	ackPurpose = "withdrawal"
	ackFor     = 30 * 24 * time.Hour
)

// withdrawConfirm is POST /withdraw/confirm: the statement is received. Where no
// order belongs to number and address it becomes a case for staff, received at the
// same moment and acknowledged in the same words: the answer does not tell which.
func (s *Store) withdrawConfirm(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm(withdrawFields...)
	if err != nil {
		return err
	}
	token, _, err := db.Write(context.WithoutCancel(r.Context()), s.DB, func(tx *db.Tx) (string, error) {
		st, err := s.state(tx, in, r.Lang)
		if err != nil {
			return "", err
		}
		by := auth.Guest(r.Peer())
		kind, id := byte('r'), db.ID(0)
		if st.known {
			ret, err := returns.Withdraw(tx, by, s.Vault, returns.Withdrawal{Order: st.found.Order.ID, Name: st.name, Mail: st.mail, Statement: st.text, Lines: st.lines, Key: in.Get("key"), Lang: r.Lang})
			if err != nil {
				return "", err
			}
			id = ret.ID
		} else {
			c, err := support.Open(tx, by, s.Vault, support.NewCase{Name: st.name, Mail: st.mail, Subject: lang.T(r.Lang, "withdraw.link"), Body: or(st.text, lang.T(r.Lang, "withdraw.whole")),
				OrderNumber: st.number, Kind: "order", Withdrawal: true, Lang: r.Lang, Key: in.Get("key")})
			if err != nil {
				return "", err
			}
			kind, id = 'c', c.ID
		}
		return s.Vault.Sign(ackPurpose, binary.BigEndian.AppendUint64([]byte{kind}, uint64(id)), tx.Now().Add(ackFor)), nil
	})
	if fault.Is(err, "invalid") {
		return s.withdrawWrong(w, r, in, err)
	}
	if err != nil {
		return err
	}
	return web.SeeOther(w, r, "/withdraw/received/"+token)
}

// withdrawReceived is "/withdraw/received/{token}": the acknowledgement, to keep.
func (s *Store) withdrawReceived(w http.ResponseWriter, r *web.Request) error {
	b, ok := s.Vault.Verify(ackPurpose, r.PathValue("token"), r.Now())
	if !ok || len(b) != 9 {
		return fault.NotFound()
	}
	id := db.ID(binary.BigEndian.Uint64(b[1:]))
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.WithdrawDone, err error) {
		if p.Shell, err = s.shell(q, r, "/withdraw/received/"+r.PathValue("token")); err != nil {
			return p, err
		}
		p.Shell.BaseURL = ""
		if b[0] == 'c' {
			return p, s.caseReceived(q, &p, id, r.Lang)
		}
		return p, s.returnReceived(q, &p, id, r.Lang)
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, http.StatusOK, view.WithdrawDonePage(p))
}

func (s *Store) returnReceived(q db.Q, p *view.WithdrawDone, id db.ID, l lang.Lang) error {
	ret, err := returns.ByID(q, id)
	if err != nil {
		return err
	}
	o, err := order.ByID(q, ret.Order)
	if err != nil {
		return err
	}
	said, instead, err := opened(returns.StatementOf(q, s.Vault, ret, auth.Holder(ret.Person)))
	if instead != "" {
		said.Text = lang.T(l, instead)
	}
	if err != nil {
		return err
	}
	p.At, p.Number, p.Message, p.Email = ret.Stated, o.NumberString(), said.Text, masked(said.Mail)
	var goods []string
	for _, rl := range ret.Lines {
		for _, ol := range o.Lines {
			if ol.ID == rl.Line {
				goods = append(goods, pieces(rl.Quantity, ol.DraftLine, l))
			}
		}
	}
	p.Goods = lang.List(l, goods)
	if ret.ToSend() > 0 {
		p.Next = append(p.Next, lang.T(l, "withdraw.next.send", "date", lang.Date(l, ret.SendBackBy())), lang.T(l, "withdraw.next.money"))
	} else {
		p.Next = append(p.Next, lang.T(l, "withdraw.next.cancelled"))
	}
	p.Next = append(p.Next, lang.T(l, "withdraw.next.same"))
	return nil
}

func (s *Store) caseReceived(q db.Q, p *view.WithdrawDone, id db.ID, l lang.Lang) error {
	c, err := support.ByID(q, id)
	if err != nil {
		return err
	}
	who, instead, err := opened(support.ContactOf(q, s.Vault, c, auth.Holder(c.Person)))
	if err != nil {
		return err
	}
	if p.Next = []string{lang.T(l, "withdraw.next.money"), lang.T(l, "withdraw.next.same")}; instead == wordsErased {
		p.At, p.Goods, p.Message = c.Opened, strings.ToLower(lang.T(l, "withdraw.whole")), lang.T(l, instead)
		return nil
	}
	ms, err := support.Thread(q, s.Vault, c)
	if err != nil {
		return err
	}
	p.At, p.Number, p.Email, p.Goods = c.Opened, who.OrderNumber, masked(who.Mail), strings.ToLower(lang.T(l, "withdraw.whole"))
	if len(ms) > 0 && ms[0].Body != lang.T(l, "withdraw.whole") {
		p.Message = ms[0].Body
	}
	return nil
}
