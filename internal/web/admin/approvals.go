package admin

import (
	"net/http"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/notice"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) approvalRoutes() []web.Route {
	return []web.Route{
		a.page(get, "/admin/approvals", web.AnyStaff, (*visit).approvals),
		a.page(post, "/admin/approvals/{id}/approve", web.AnyStaff, (*visit).approve),
		a.page(post, "/admin/approvals/{id}/refuse", web.AnyStaff, (*visit).refuse),
		a.page(post, "/admin/approvals/{id}/withdraw", web.AnyStaff, (*visit).withdraw),
		a.door(get, "/admin/stop/{token}", web.Token, (*visit).stop),
		a.door(post, "/admin/stop/{token}", web.Token, (*visit).stopNow),
	}
}

// approvals shows what waits for a second person, as a sentence with the old and
// the new, and what ended lately.
func (v *visit) approvals() error { return v.showApprovals(http.StatusOK, nil) }

func (v *visit) showApprovals(code int, news view.Block) error {
	type asked struct {
		list  []auth.Approval
		names map[db.ID]string
	}
	x, err := read(v, func(q *db.Reader) (x asked, err error) {
		if x.list, err = v.Auth.Approvals(q, v.by); err != nil {
			return x, err
		}
		var ids []db.ID
		for _, p := range x.list {
			ids = append(ids, p.AskedBy, p.ApprovedBy)
			if p.Ask.Entity == "auth.staff" {
				ids = append(ids, p.Ask.ID)
			}
		}
		x.names, err = v.Auth.Names(q, v.by, ids)
		return x, err
	})
	if err != nil {
		return err
	}
	blocks := []view.Block{news}
	past := view.Table{Caption: v.t("approvals.past"), Empty: v.t("approvals.past.none"), Cols: []ui.Column{{Text: v.t("col.what")}, {Text: v.t("col.asked_by")}, {Text: v.t("col.approved_by")}, {Text: v.t("col.at")}, {Text: v.t("col.state")}}}
	var waiting []view.Block
	for _, p := range x.list {
		what := notice.Act(v.l, p.Ask, x.names[p.Ask.ID])
		if p.Ask.Entity != "auth.staff" {
			what = notice.Act(v.l, p.Ask, "")
		}
		if !p.MayApprove && !p.MayWithdraw && p.State != "waiting" && p.State != "approved" {
			past.Rows = append(past.Rows, view.Row{Cells: []view.Cell{{Text: what}, {Text: orDash(x.names[p.AskedBy])}, {Text: orDash(x.names[p.ApprovedBy])}, {Text: lang.Stamp(v.l, p.Asked)}, {Text: lang.T(v.l, "rights.state."+p.State)}}})
			continue
		}
		waiting = append(waiting, v.waiting(p, what, x.names))
	}
	if len(waiting) == 0 {
		waiting = []view.Block{view.Panel("", "", view.Say(v.t("approvals.none")))}
	}
	var acts []view.Pair
	for _, s := range auth.SecondPerson {
		if v.by.Has(s.Right) {
			acts = append(acts, view.Pair{Key: v.word("second.", s.Act), Value: v.t("second.right", "right", v.word("right.", string(s.Right)))})
		}
	}
	blocks = append(blocks, waiting...)
	blocks = append(blocks, view.TableBlock(v.l, past))
	if len(acts) > 0 {
		blocks = append(blocks, view.Fold(v.t("approvals.which"), false, view.Quiet(v.t("approvals.which.text")), view.Facts(v.l, acts)))
	}
	return v.show(code, view.Shell{Title: v.t("approvals.title"), Lead: v.t("approvals.lead")}, blocks...)
}

// waiting is one act that waits, with what the visitor may do about it.
func (v *visit) waiting(p auth.Approval, what string, names map[db.ID]string) view.Block {
	facts := []view.Pair{{Key: v.t("col.asked_by"), Value: orDash(names[p.AskedBy]), Sub: lang.DateTime(v.l, p.Asked)}}
	if p.Ask.Was != "" && p.Ask.Entity != "auth.staff" {
		facts = append(facts, view.Pair{Key: v.t("col.old"), Value: p.Ask.Was})
	}
	if p.Ask.Is != "" && p.Ask.Entity != "auth.staff" {
		facts = append(facts, view.Pair{Key: v.t("col.new"), Value: p.Ask.Is})
	}
	until, at := v.t("approvals.until"), p.Expires
	if !p.Due.IsZero() && p.State == "waiting" {
		until, at = v.t("approvals.due"), p.Due
	}
	facts = append(facts, view.Pair{Key: v.t("col.state"), Value: lang.T(v.l, "rights.state."+p.State)}, view.Pair{Key: until, Value: lang.DateTime(v.l, at)})
	blocks := []view.Block{view.Facts(v.l, facts)}
	path := "/admin/approvals/" + p.ID.String()
	switch {
	case p.MayApprove && !v.fresh():
		blocks = append(blocks, v.locked("/admin/approvals"))
	case p.MayApprove:
		blocks = append(blocks, view.Quiet(v.t("approvals.think")),
			view.ButtonForm(v.l, view.Button{Action: path + "/approve", Text: v.t("approvals.approve"), Title: v.t("approvals.approve") + ": " + what, Hidden: []view.Pair{{Key: "digest", Value: p.Digest}}}),
			view.ButtonForm(v.l, view.Button{Action: path + "/refuse", Text: v.t("approvals.refuse"), Title: v.t("approvals.refuse") + ": " + what, Danger: true}))
	case p.MayWithdraw:
		blocks = append(blocks, view.ButtonForm(v.l, view.Button{Action: path + "/withdraw", Text: v.t("approvals.withdraw"), Title: v.t("approvals.withdraw") + ": " + what, Danger: true}))
	default:
		blocks = append(blocks, view.Quiet(v.t("approvals.not_you")))
	}
	return view.Panel("a"+p.ID.String(), what, blocks...)
}

func (v *visit) answerApproval(err error, said string) error {
	if err != nil {
		if f := fault.As(err); mendable(err) && f != nil {
			return v.showApprovals(status(err), view.Notice(ui.Stop, v.sentence(f)))
		}
		if fault.Is(err, "denied") {
			return v.showApprovals(http.StatusForbidden, view.Notice(ui.Stop, v.t("approvals.not_you")))
		}
		return err
	}
	return v.done(said, "/admin/approvals")
}

func (v *visit) approve() error {
	in, err := v.r.ReadForm("digest")
	if err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	done, err := v.Auth.Approve(v.ctx(), v.by, id, in.Get("digest"))
	said := "approved"
	if done {
		said = "approved_done"
	}
	return v.answerApproval(err, said)
}

func (v *visit) refuse() error {
	return v.onApproval("approval.refuse", "refused", func(tx *db.Tx, id db.ID) error { return v.Auth.Refuse(tx, v.by, id) })
}

func (v *visit) withdraw() error {
	return v.onApproval("approval.withdraw", "withdrawn", func(tx *db.Tx, id db.ID) error { return v.Auth.Withdraw(tx, v.by, id) })
}

func (v *visit) onApproval(action, said string, fn func(tx *db.Tx, id db.ID) error) error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	return v.answerApproval(v.do(action, "auth.approval", id, func(tx *db.Tx) error { return fn(tx, id) }), said)
}

// stop is the page of the link in an owner's letter: what waits, and the button that
// stops it. It asks for no sign-in, because whoever is signed in may be a thief.
func (v *visit) stop() error {
	p, err := read(v, func(q *db.Reader) (auth.Approval, error) { return v.Auth.LookStop(q, v.r.PathValue("token")) })
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("stop.title"), Lead: v.t("stop.lead")}, view.Panel("", "",
		view.Say(notice.Act(v.l, p.Ask, "")), view.Facts(v.l, []view.Pair{{Key: v.t("approvals.due"), Value: lang.DateTime(v.l, p.Due)}}),
		view.ButtonForm(v.l, view.Button{Action: "/admin/stop/" + v.r.PathValue("token"), Text: v.t("stop.go"), Danger: true})))
}

func (v *visit) stopNow() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	if err := db.Do(v.ctx(), v.DB, func(tx *db.Tx) error { return v.Auth.Stop(tx, auth.Guest(v.r.Peer()), v.r.PathValue("token")) }); err != nil {
		return err
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("stop.done")}, view.Panel("", "", view.Say(v.t("stop.done.text")), view.Go(v.l, v.t("login.title"), "/admin/login", true)))
}
