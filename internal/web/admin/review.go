package admin

import (
	"net/http"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) reviewRoutes() []web.Route {
	who := web.Staff(auth.StaffWrite)
	return []web.Route{
		a.page(get, "/admin/review", who, (*visit).review),
		a.page(post, "/admin/review/{id}", who, (*visit).confirmRights),
	}
}

// review is the one page on which the rights of a quarter are confirmed.
func (v *visit) review() error { return v.showReview(http.StatusOK, nil) }

func (v *visit) showReview(code int, news view.Block) error {
	type seen struct {
		list  []auth.Review
		names map[db.ID]string
	}
	x, err := read(v, func(q *db.Reader) (x seen, err error) {
		if x.list, err = v.Auth.Reviews(q, v.by); err != nil {
			return x, err
		}
		var ids []db.ID
		for _, r := range x.list {
			for _, i := range r.Items {
				if i.Kind == "staff" {
					ids = append(ids, i.Subject)
				}
				ids = append(ids, i.DecidedBy)
			}
		}
		x.names, err = v.Auth.Names(q, v.by, ids)
		return x, err
	})
	if err != nil {
		return err
	}
	blocks := []view.Block{news}
	open := false
	past := view.Table{Caption: v.t("review.past"), Empty: v.t("review.past.none"), Cols: []ui.Column{{Text: v.t("col.quarter")}, {Text: v.t("col.opened")}, {Text: v.t("review.confirmed"), Num: true}, {Text: v.t("review.lapsed"), Num: true}, {Text: v.t("col.ended")}}}
	for _, r := range x.list {
		if r.Ended.IsZero() {
			open = true
			blocks = append(blocks, v.openReview(r, x.names))
			continue
		}
		n := map[string]int{}
		for _, i := range r.Items {
			n[i.Outcome]++
		}
		past.Rows = append(past.Rows, view.Row{Cells: []view.Cell{{Text: r.Quarter}, {Text: lang.DateYear(v.l, r.Opened)}, {Text: lang.Number(v.l, int64(n["confirmed"]))}, {Text: lang.Number(v.l, int64(n["lapsed"]))}, {Text: lang.DateYear(v.l, r.Ended)}}})
	}
	if !open {
		blocks = append(blocks, view.Panel("", "", view.Say(v.t("review.none"))))
	}
	return v.show(code, view.Shell{Title: v.t("review.title"), Lead: v.t("review.lead")}, append(blocks, view.TableBlock(v.l, past))...)
}

// openReview lists who waits, each with a button, and who is confirmed.
func (v *visit) openReview(r auth.Review, names map[db.ID]string) view.Block {
	t := view.Table{Caption: v.t("review.title") + " " + r.Quarter, Cols: []ui.Column{{Text: v.t("col.who")}, {Text: v.t("col.may")}, {Text: v.t("col.state")}, {}}}
	left := 0
	for _, i := range r.Items {
		who := view.Cell{Text: orDash(names[i.Subject]), Sub: v.roleName(i.Role, i.RoleName), URL: "/admin/staff/" + i.Subject.String()}
		if i.Kind == "token" {
			who = view.Cell{Text: orDash(i.Name), Sub: v.t("review.token"), URL: "/admin/tokens"}
		}
		var short []string
		for _, x := range i.Rights {
			short = append(short, v.word("right.", string(x)))
		}
		row := view.Row{Cells: []view.Cell{who, {Text: orDash(joined(short))}, {Text: v.word("review.outcome.", i.Outcome), Badge: true, Tone: map[string]ui.Tone{"waiting": ui.Wait, "confirmed": ui.OK}[i.Outcome]}, {}}}
		if i.Decided.IsZero() && i.Outcome == "waiting" {
			left++
			switch {
			case !i.May:
				row.Cells[3] = view.Cell{Text: v.t("review.above")}
			case v.fresh():
				row.Cells[3] = view.Cell{Block: view.ButtonForm(v.l, view.Button{Action: "/admin/review/" + r.ID.String(), Text: v.t("review.confirm"), Title: v.t("review.confirm") + ": " + who.Text,
					Hidden: []view.Pair{{Key: "kind", Value: i.Kind}, {Key: "subject", Value: i.Subject.String()}, {Key: "rights", Value: strings.Join(words(i.Rights), " ")}}})}
			}
		} else if i.DecidedBy > 0 {
			row.Cells[3] = view.Cell{Text: orDash(names[i.DecidedBy]), Sub: lang.Stamp(v.l, i.Decided)}
		}
		t.Rows = append(t.Rows, row)
	}
	blocks := []view.Block{view.Say(v.n("review.left", left, "due", lang.DateYear(v.l, r.Due), "lapse", lang.DateYear(v.l, r.Lapse)))}
	if left > 0 && !v.fresh() {
		blocks = append(blocks, v.locked("/admin/review"))
	}
	return view.Panel("open", r.Quarter, append(blocks, view.TableBlock(v.l, t))...)
}

func (v *visit) confirmRights() error {
	in, err := v.r.ReadForm("kind", "subject", "rights")
	if err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	subject, err := parseID(in.Get("subject"))
	if err != nil {
		return err
	}
	var rs []auth.Right
	for w := range strings.FieldsSeq(in.Get("rights")) {
		rs = append(rs, auth.Right(w))
	}
	if err := v.do("review.confirm", "auth.review", id, func(tx *db.Tx) error { return v.Auth.Confirm(tx, v.by, id, in.Get("kind"), subject, rs) }); err != nil {
		if f := fault.As(err); mendable(err) && f != nil {
			return v.showReview(status(err), view.Notice(ui.Stop, v.sentence(f)))
		}
		return err
	}
	return v.done("confirmed", "/admin/review")
}
