package admin

import (
	"net/http"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// Standing tells whether the shop may sell: one that came back from a copy is opened by an
// owner, and one that another machine has taken over never sells again.
type Standing struct {
	Restored bool      // came back, and is not open yet
	At       time.Time // of the newest change that came back
	Newest   time.Time // of the newest change that any site had
	Done     time.Time // when it came back
	Sessions int64     // ended
	Tokens   int64     // suspended
	Letters  int64     // held
	Trouble  string    // why the last try to open it did not
	Taken    time.Time // since when another machine is the shop; zero: none is
}

func (a *Admin) restoredRoutes() []web.Route {
	see := web.Staff(auth.OrdersRead)
	return []web.Route{
		a.page(get, "/admin/restored", see, (*visit).restored),
		a.page(post, "/admin/restored/open", web.Staff(auth.KeysWrite), (*visit).openShop),
		a.page(post, "/admin/restored/letters/{id}/send", web.Staff(auth.JobsWrite), (*visit).sendHeld),
		a.page(post, "/admin/restored/letters/{id}/drop", web.Staff(auth.JobsWrite), (*visit).dropHeld),
		a.page(post, "/admin/restored/payments/{id}/return", web.Staff(auth.RefundsWrite), (*visit).returnGap),
		a.page(post, "/admin/restored/payments/{id}/keep", web.Staff(auth.RefundsWrite), (*visit).keepGap),
	}
}

func (v *visit) standing() Standing {
	if v.Standing == nil {
		return Standing{}
	}
	return v.Standing()
}

// aboutSelling is what everybody in the office should know while nothing is sold.
func (v *visit) aboutSelling() []view.Block {
	switch s := v.standing(); {
	case !s.Taken.IsZero():
		return []view.Block{view.Notice(ui.Stop, v.t("restored.taken", "at", lang.DateTime(v.l, s.Taken)))}
	case s.Restored:
		return []view.Block{view.Notice(ui.Wait, v.t("restored.banner", "at", lang.DateTime(v.l, s.At)), view.Links(v.l, []ui.Link{{Text: v.t("restored.title"), URL: "/admin/restored"}}))}
	}
	return nil
}

var gapTones = map[string]ui.Tone{"open": ui.Wait, "order": ui.OK, "found": ui.Stop, "asked": ui.Wait, "returned": ui.OK, "refused": ui.Stop, "kept": ui.Plain}

// restored is the way back on one page: what came back, what is held, what the banks have.
func (v *visit) restored() error { return v.showRestored(http.StatusOK, ui.Form{}) }

func (v *visit) showRestored(code int, f ui.Form) error {
	type facts struct {
		gap  checkout.Gap
		have bool
		pays []checkout.GapPayment
		held []mail.HeldRow
	}
	x, err := read(v, func(q *db.Reader) (x facts, err error) {
		if err := v.by.Need(auth.OrdersRead); err != nil {
			return x, err
		}
		if x.gap, x.have, err = checkout.LastGap(q); err != nil {
			return x, err
		}
		if x.have {
			if x.pays, err = checkout.GapPayments(q, v.by, x.gap.ID); err != nil {
				return x, err
			}
		}
		x.held, err = mail.Held(q, 200)
		return x, err
	})
	if err != nil {
		return err
	}
	s := v.standing()
	var blocks []view.Block
	if s.Restored {
		missing := v.t("restored.missing.none")
		if lost := s.Newest.Sub(s.At); lost > 0 {
			missing = v.t("restored.missing.some", "from", lang.Stamp(v.l, s.At), "to", lang.Stamp(v.l, s.Newest))
		}
		ps := []view.Pair{{Key: v.t("restored.at"), Value: lang.Stamp(v.l, s.At)}, {Key: v.t("restored.done"), Value: lang.Stamp(v.l, s.Done)}, {Key: v.t("restored.missing"), Value: missing, Sub: v.t("restored.missing.sub")},
			{Key: v.t("restored.sessions"), Value: lang.Number(v.l, s.Sessions)}, {Key: v.t("restored.tokens"), Value: lang.Number(v.l, s.Tokens), URL: "/admin/tokens"}, {Key: v.t("restored.letters"), Value: lang.Number(v.l, s.Letters)}}
		blocks = append(blocks, view.Panel("", v.t("restored.what"), view.Facts(v.l, ps)))
		if v.by.Covers(auth.AllRights) {
			var say view.Block
			if s.Trouble != "" {
				say = view.Notice(ui.Stop, v.t("restored.trouble"), view.Quiet(s.Trouble))
			}
			blocks = append(blocks, view.Panel("open", v.t("restored.open"), view.Quiet(v.t("restored.open.text")), say,
				view.FormBlock(v.l, view.Form{Action: "/admin/restored/open", Submit: v.t("restored.open.go"), Form: f, Fields: v.proofField()}), v.proofLink("/admin/restored")))
		} else {
			blocks = append(blocks, view.Quiet(v.t("restored.open.owner")))
		}
	}
	if x.have {
		blocks = append(blocks, v.gapPanel(x.gap, x.pays))
	}
	if len(x.held) > 0 {
		t := view.Table{Caption: v.t("restored.held"), Cols: []ui.Column{{Text: v.t("col.letter")}, {Text: v.t("col.queued")}, {}}}
		for _, h := range x.held {
			row := view.Row{Cells: []view.Cell{{Text: v.word("letter.", h.Kind), Sub: h.RefKind + " " + h.Ref.String()}, {Text: lang.Stamp(v.l, h.Queued)}, {}}}
			if v.by.Has(auth.JobsWrite) {
				row.Cells[2].Block = v.two("/admin/restored/letters/"+h.ID.String(), "send", "drop")
			}
			t.Rows = append(t.Rows, row)
		}
		blocks = append(blocks, view.Panel("letters", v.t("restored.held"), view.Quiet(v.t("restored.held.text")), view.TableBlock(v.l, t)))
	}
	if len(blocks) == 0 {
		return v.show(code, view.Shell{Title: v.t("restored.title"), Lead: v.t("restored.never")}, view.Say(v.t("restored.never.text")))
	}
	return v.show(code, view.Shell{Title: v.t("restored.title"), Lead: v.t("restored.lead")}, blocks...)
}

// two is a row's pair of small buttons.
func (v *visit) two(path, first, second string) view.Block {
	return view.Group(view.ButtonForm(v.l, view.Button{Action: path + "/" + first, Text: v.t("restored." + first)}), view.ButtonForm(v.l, view.Button{Action: path + "/" + second, Text: v.t("restored." + second), Danger: true}))
}

func (v *visit) gapPanel(g checkout.Gap, ps []checkout.GapPayment) view.Block {
	looked := v.t("restored.gap.soon")
	if !g.Looked.IsZero() {
		looked = lang.Stamp(v.l, g.Looked)
	}
	facts := []view.Pair{{Key: v.t("restored.gap.from"), Value: lang.Stamp(v.l, g.From)}, {Key: v.t("restored.gap.opened"), Value: lang.Stamp(v.l, g.Opened)}, {Key: v.t("restored.gap.looked"), Value: looked}}
	if len(g.Silent) > 0 {
		names := make([]string, len(g.Silent))
		for i, m := range g.Silent {
			names[i] = v.methodName(m)
		}
		facts = append(facts, view.Pair{Key: v.t("restored.gap.silent"), Value: strings.Join(names, ", "), Sub: v.t("restored.gap.silent.sub")})
	}
	t := view.Table{Caption: v.t("restored.gap"), Empty: v.t("restored.gap.none"), Cols: []ui.Column{{Text: v.t("col.moved")}, {Text: v.t("col.method")}, {Text: v.t("col.theirs"), Num: true}, {Text: v.t("col.state")}, {Text: v.t("purchase.ref")}, {}}}
	for _, p := range ps {
		row := view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, p.Moved)}, {Text: v.methodName(p.Method)}, {Text: lang.Money(v.l, p.Amount)}, {Text: v.t("restored.gap.state." + p.State), Badge: true, Tone: gapTones[p.State]}, {Text: p.Ref, Sub: p.Code}, {}}}
		if p.Purchase > 0 {
			row.Cells[4].URL = purchasePath(p.Purchase)
		}
		if (p.State == "found" || p.State == "refused") && v.by.Has(auth.RefundsWrite) {
			row.Cells[5].Block = v.two("/admin/restored/payments/"+p.ID.String(), "return", "keep")
		}
		t.Rows = append(t.Rows, row)
	}
	return view.Panel("gap", v.t("restored.gap"), view.Quiet(v.t("restored.gap.text")), view.Facts(v.l, facts), view.TableBlock(v.l, t), v.proofLink("/admin/restored"))
}

// openShop asks for a restored shop to be opened for selling.
func (v *visit) openShop() error {
	in, err := v.r.ReadForm("totp")
	if err != nil {
		return err
	}
	if err = v.prove(in.Get("totp")); err == nil {
		err = v.do("shop.open", "shop", 0, func(tx *db.Tx) error {
			if v.OpenShop == nil {
				return fault.Conflict("wrong_state")
			}
			return v.OpenShop(tx, v.by)
		})
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showRestored(status(err), v.form(in, err, ""))
	}
	return v.done("shop_opens", "/admin/restored")
}

func (v *visit) sendHeld() error {
	return v.onRow("mail.send_held", "mail", "retried", "/admin/restored", func(tx *db.Tx, id db.ID) error { return mail.SendHeld(tx, id, v.may) })
}

func (v *visit) dropHeld() error {
	return v.onRow("mail.drop_held", "mail", "dropped", "/admin/restored", func(tx *db.Tx, id db.ID) error { return mail.DropHeld(tx, id, v.may) })
}

func (v *visit) returnGap() error { return v.onGap("gap.return", "gap_return", checkout.ReturnGap) }

func (v *visit) keepGap() error { return v.onGap("gap.keep", "gap_keep", checkout.KeepGap) }

// onGap decides about a payment of the gap.
func (v *visit) onGap(action, said string, fn func(tx *db.Tx, by auth.By, id db.ID) error) error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if err := v.do(action, "gap_payment", id, func(tx *db.Tx) error { return fn(tx, v.by, id) }); err != nil {
		return err
	}
	return v.done(said, "/admin/restored")
}
