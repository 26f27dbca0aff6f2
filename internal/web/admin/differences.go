package admin

import (
	"errors"
	"net/http"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

var diffTabs = []tab{{"", "diffs.open"}, {"all", "diffs.all"}}

var diffTones = map[string]ui.Tone{"open": ui.Stop, "agreed": ui.OK, "closed": ui.Plain}

func diffPath(id db.ID) string { return "/admin/money/cases/" + id.String() }

// differences lists what the shop's books and another's do not agree on.
func (v *visit) differences() error {
	show, before, _, err := v.listQuery(diffTabs)
	if err != nil {
		return err
	}
	cs, err := read(v, func(q *db.Reader) ([]payment.Case, error) {
		if err := v.by.Need(auth.OrdersRead); err != nil {
			return nil, err
		}
		return payment.Cases(q, show == "all", before, pageSize+1)
	})
	if err != nil {
		return err
	}
	t := v.diffs(nil)
	t.Empty = v.t("diffs.none")
	rows := paged(&t, cs, before, func(c payment.Case) db.ID { return c.ID }, "/admin/money/cases", "show", show)
	t.Rows = v.diffs(rows).Rows
	return v.show(http.StatusOK, view.Shell{Title: v.t("diffs.title"), Lead: v.t("diffs.lead"), Crumbs: []ui.Link{{Text: v.t("board.title"), URL: "/admin/money"}, {Text: v.t("diffs.title"), URL: "/admin/money/cases"}}},
		v.tabs("/admin/money/cases", show, diffTabs...), view.TableBlock(v.l, t))
}

func (v *visit) diffTable(cs []payment.Case) view.Block { return view.TableBlock(v.l, v.diffs(cs)) }

func (v *visit) diffs(cs []payment.Case) view.Table {
	t := view.Table{Caption: v.t("diffs.title"), Cols: []ui.Column{{Text: v.t("col.matter")}, {Text: v.t("col.state")}, {Text: v.t("col.method")}, {Text: v.t("col.moved")}, {Text: v.t("col.ours"), Num: true}, {Text: v.t("col.theirs"), Num: true}}}
	side := func(s *payment.CaseSide) string {
		if s == nil {
			return "–"
		}
		return lang.Money(v.l, s.Amount)
	}
	for _, c := range cs {
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: v.word("diff.kind.", c.Kind), URL: diffPath(c.ID)}, {Text: v.word("diff.state.", c.State), Badge: true, Tone: diffTones[c.State]}, {Text: v.booksName(c.Method)},
			{Text: stampOr(v.l, c.About)}, {Text: side(c.Facts.Ours)}, {Text: side(c.Facts.Theirs)}}})
	}
	return t
}

// booksName is whose books were compared.
func (v *visit) booksName(method string) string {
	if method == "account" {
		return v.t("books.account")
	}
	return v.methodName(method)
}

// difference is one of them with its facts.
func (v *visit) difference() error { return v.showDifference(http.StatusOK, ui.Form{}) }

func (v *visit) showDifference(code int, f ui.Form) error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	c, err := read(v, func(q *db.Reader) (payment.Case, error) {
		if err := v.by.Need(auth.OrdersRead); err != nil {
			return payment.Case{}, err
		}
		c, err := payment.CaseByID(q, id)
		if errors.Is(err, db.ErrNotFound) {
			err = fault.NotFound()
		}
		return c, err
	})
	if err != nil {
		return err
	}
	facts := []view.Pair{{Key: v.t("col.matter"), Value: v.word("diff.kind.", c.Kind), Sub: v.word("diff.do.", c.Kind)}, {Key: v.t("col.state"), Value: v.word("diff.state.", c.State)}, {Key: v.t("col.method"), Value: v.booksName(c.Method)}}
	side := func(key string, s *payment.CaseSide) {
		if s == nil {
			facts = append(facts, view.Pair{Key: v.t(key), Value: v.t("diff.nothing")})
			return
		}
		facts = append(facts, view.Pair{Key: v.t(key), Value: lang.Money(v.l, s.Amount), Sub: sideBySide(v.word("move.", c.Facts.Kind), stampOr(v.l, s.At), v.word("move.state.", s.State), s.ID)})
	}
	side("col.ours", c.Facts.Ours)
	side("col.theirs", c.Facts.Theirs)
	if c.Facts.Ref != "" {
		facts = append(facts, view.Pair{Key: v.t("purchase.ref"), Value: c.Facts.Ref})
	}
	if c.Purchase > 0 {
		facts = append(facts, view.Pair{Key: v.t("col.purchase"), Value: v.t("money.purchase.go"), URL: purchasePath(c.Purchase)})
	}
	facts = append(facts, view.Pair{Key: v.t("diff.opened"), Value: lang.Stamp(v.l, c.Opened)}, view.Pair{Key: v.t("diff.seen"), Value: lang.Stamp(v.l, c.Seen)})
	if !c.Closed.IsZero() {
		facts = append(facts, view.Pair{Key: v.t("diff.closed"), Value: lang.Stamp(v.l, c.Closed), Sub: c.Reason})
	}
	blocks := []view.Block{view.Panel("", v.t("diff.facts"), view.Facts(v.l, facts))}
	if c.State == "open" && v.by.Has(auth.RefundsWrite) {
		blocks = append(blocks, view.Panel("close", v.t("diff.close"), view.Quiet(v.t("diff.close.text")),
			view.FormBlock(v.l, view.Form{Action: diffPath(id) + "/close", Submit: v.t("diff.close.go"), Form: f, Fields: []view.Field{v.noteField("note", "")}})))
	}
	return v.show(code, view.Shell{Title: v.t("diff.title"), Crumbs: []ui.Link{{Text: v.t("board.title"), URL: "/admin/money"}, {Text: v.t("diffs.title"), URL: "/admin/money/cases"}, {Text: v.word("diff.kind.", c.Kind), URL: diffPath(id)}}}, blocks...)
}

// sideBySide puts what there is beside each other.
func sideBySide(parts ...string) string {
	out := ""
	for _, p := range parts {
		if p == "" || p == "–" {
			continue
		}
		if out != "" {
			out += " · "
		}
		out += p
	}
	return out
}

// noteField asks for the reason of an act.
func (v *visit) noteField(name, val string) view.Field {
	return view.Field{Input: ui.Input{Name: name, Label: v.t("label.note"), Hint: v.t("note.hint"), Value: val, Max: 300, Needed: true}}
}

// closeDifference closes one by a person's word.
func (v *visit) closeDifference() error {
	in, err := v.r.ReadForm("note")
	if err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if err := v.do("diff.close", "case", id, func(tx *db.Tx) error { return checkout.CloseCase(tx, v.by, id, in.Get("note")) }); err != nil {
		if !mendable(err) {
			return err
		}
		return v.showDifference(status(err), v.form(in, err, ""))
	}
	return v.done("case_closed", "/admin/money/cases")
}
