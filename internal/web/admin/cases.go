package admin

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) caseRoutes() []web.Route {
	see, answer := web.Staff(auth.CasesRead), web.Staff(auth.CasesWrite)
	return []web.Route{
		a.page(get, "/admin/cases", see, (*visit).cases),
		a.page(get, "/admin/cases/{id}", see, (*visit).caseThread),
		a.page(post, "/admin/cases/{id}", answer, (*visit).answerCase),
	}
}

var caseTabs = []tab{{"", "cases.waiting"}, {"answered", "cases.answered"}, {"solved", "cases.solved"}, {"safety", "cases.safety"}, {"all", "cases.all"}}

// cases lists what customers ask. By itself: what waits for the shop, the most
// urgent first.
func (v *visit) cases() error {
	show, before, qv, err := v.listQuery(caseTabs, "due")
	if err != nil {
		return err
	}
	type line struct {
		c    support.Case
		who  support.Contact
		gone bool
		// broken: the details do not open
		broken bool
	}
	rows, err := read(v, func(q *db.Reader) ([]line, error) {
		var cs []support.Case
		var err error
		if show == "" {
			after := support.After{ID: before}
			if us, e := strconv.ParseInt(qv.Get("due"), 10, 64); e == nil {
				after.Due = time.UnixMicro(us).UTC()
			}
			cs, err = support.Waiting(q, v.by, after, pageSize+1)
		} else {
			f := support.Filter{State: support.State(show)}
			switch show {
			case "safety":
				f = support.Filter{Kind: support.Safety}
			case "all":
				f = support.Filter{}
			}
			cs, err = support.List(q, v.by, f, before, pageSize+1)
		}
		if err != nil {
			return nil, err
		}
		out, ids := make([]line, len(cs)), make([]db.ID, len(cs))
		for i, c := range cs {
			ids[i] = c.ID
		}
		leaves, err := v.by.OpenedAll(q, "case", ids)
		if err != nil {
			return nil, err
		}
		for i, c := range cs {
			out[i].c = c
			out[i].who, _, err = support.Seen(q, v.Vault, c, leaves[c.ID])
			switch {
			case errors.Is(err, secret.ErrErased):
				out[i].gone = true
			case unreadable(err):
				out[i].broken = true
			case err != nil:
				return nil, err
			}
		}
		return out, nil
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("cases.title"), Empty: v.t("cases.none"), Cols: []ui.Column{{Text: v.t("col.case")}, {Text: v.t("col.about")}, {Text: v.t("col.from_whom")}, {Text: v.t("col.state")}, {Text: v.t("col.answer_by")}}}
	if show == "" {
		t.Empty = v.t("cases.none.waiting")
	} else {
		t.EmptyURL, t.EmptyGo = "/admin/cases", v.t("cases.waiting")
	}
	kv := []string{"show", show}
	if show == "" && len(rows) > pageSize {
		kv = append(kv, "due", strconv.FormatInt(rows[pageSize-1].c.Due.UnixMicro(), 10))
	}
	rows = paged(&t, rows, before, func(x line) db.ID { return x.c.ID }, "/admin/cases", kv...)
	if t.First != "" {
		t.First = query("/admin/cases", "show", show)
	}
	// The list shows what is asked, in the asker's words: that is read, and recorded before
	// it is shown. Who asks is masked.
	if err := db.Do(v.ctx(), v.DB, func(tx *db.Tx) error {
		for _, x := range rows {
			if x.gone || x.broken || x.c.Person <= 0 {
				continue
			}
			if err := v.by.Looked(tx, x.c.Person, "case", x.c.ID, "case_list", "subject"); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for _, x := range rows {
		subject, name := x.who.Subject, x.who.Name
		if x.gone {
			subject, name = v.t("buyer.erased"), ""
		}
		if x.broken {
			subject, name = v.t("sight.unreadable"), v.t("sight.unreadable")
		}
		if subject == "" {
			subject = v.word("case.kind.", x.c.Kind)
		}
		state, tone := v.caseState(x.c)
		row := view.Row{Cells: []view.Cell{{Text: subject, Sub: "#" + strconv.FormatInt(x.c.Number, 10), URL: casePath(x.c)}, {Text: v.word("case.kind.", x.c.Kind)}, {Text: name}, {Text: state, Badge: true, Tone: tone}, {Text: v.day(x.c.Due)}}}
		if x.c.Late == support.Breached || !x.c.Due.IsZero() && x.c.Due.Before(time.Now()) {
			row.Tone = ui.Stop
		} else if x.c.Late == support.Soon {
			row.Tone = ui.Wait
		}
		t.Rows = append(t.Rows, row)
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("cases.title")}, v.tabs("/admin/cases", show, caseTabs...), view.TableBlock(v.l, t))
}

func casePath(c support.Case) string { return "/admin/cases/" + c.ID.String() }

func (v *visit) caseState(c support.Case) (string, ui.Tone) {
	return v.word("case.state.", string(c.State)), map[support.State]ui.Tone{support.Asked: ui.Wait, support.Reopened: ui.Wait, support.Answered: ui.OK, support.Solved: ui.Plain}[c.State]
}

// thread is all that the page of a case shows.
type thread struct {
	c      support.Case
	who    support.Contact
	leave  auth.Opened // what the visitor has opened of this case
	shut   bool        // who asks has asked for restriction
	gone   bool
	broken bool // who asks does not open
	call   call // the caller about it
	said   []support.Message
	events []support.Event
	names  map[db.ID]string
	order  string
	next   db.ID
}

// caseRead records that the visitor has read what is asked, before it is shown. The
// words are the work itself; who asks is opened apart, with a reason.
func (v *visit) caseRead(x thread) error {
	if x.gone || x.c.Person <= 0 {
		return nil
	}
	return v.looked(x.c.Person, "case", x.c.ID, "case_handling", "message")
}

func (v *visit) readThread(q *db.Reader, id db.ID) (x thread, err error) {
	if x.c, err = support.One(q, v.by, id); err != nil {
		return x, err
	}
	if x.leave, err = v.by.Opened(q, "case", id); err != nil {
		return x, err
	}
	if x.shut, err = restricted(q, x.c.Person); err != nil {
		return x, err
	}
	if x.call, err = v.readCall(q, "case", id); err != nil {
		return x, err
	}
	x.who, _, err = support.Seen(q, v.Vault, x.c, x.leave)
	switch {
	case errors.Is(err, secret.ErrErased):
		x.gone, err = true, nil
	case unreadable(err):
		x.broken, err = true, nil
	}
	if err != nil {
		return x, err
	}
	if !x.gone {
		if x.said, err = support.StaffThread(q, v.by, v.Vault, x.c); err != nil {
			return x, err
		}
	}
	if x.events, err = support.Events(q, v.by, id); err != nil {
		return x, err
	}
	var ids []db.ID
	for _, m := range x.said {
		if m.Staff > 0 {
			ids = append(ids, m.Staff)
		}
	}
	if x.names, err = v.Auth.Names(q, v.by, ids); err != nil {
		return x, err
	}
	if x.c.Order > 0 {
		o, err := order.ByID(q, x.c.Order)
		if err != nil {
			return x, err
		}
		x.order = o.NumberString()
	}
	waiting, err := support.Waiting(q, v.by, support.After{}, 2)
	for _, w := range waiting {
		if w.ID != id && x.next == 0 {
			x.next = w.ID
		}
	}
	return x, err
}

func (v *visit) caseThread() error { return v.showCase(http.StatusOK, ui.Form{}) }

func (v *visit) showCase(code int, f ui.Form) error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	x, err := read(v, func(q *db.Reader) (thread, error) { return v.readThread(q, id) })
	if err != nil {
		return err
	}
	if err := v.caseRead(x); err != nil {
		return err
	}
	state, tone := v.caseState(x.c)
	head := []view.Block{view.Badge(tone, state)}
	if x.next > 0 {
		head = append(head, view.Go(v.l, v.t("case.next"), "/admin/cases/"+x.next.String(), false))
	}
	var main []view.Block
	if x.gone {
		main = append(main, view.Say(v.t("buyer.erased")))
	}
	for _, m := range x.said {
		main = append(main, v.message(x, m))
	}
	if v.by.Has(auth.CasesWrite) && !x.gone {
		main = append(main, view.Panel("answer", v.t("case.answer"), view.FormBlock(v.l, view.Form{Action: casePath(x.c), Submit: v.t("case.answer.go"), Form: f, Fields: []view.Field{
			{Input: ui.Input{Name: "message", Label: v.t("case.answer.text"), Hint: v.t("case.answer.hint"), Rows: 8, Max: support.MaxBody}},
			{Kind: view.Radios, Input: ui.Input{Name: "as", Label: v.t("case.as")}, Options: v.answerKinds(f.Value("as"))}}})))
	}
	title := x.who.Subject
	if title == "" {
		title = v.word("case.kind.", x.c.Kind)
	}
	return v.show(code, view.Shell{Title: title, Head: view.Group(head...), Crumbs: []ui.Link{{Text: v.t("cases.title"), URL: "/admin/cases"}, {Text: "#" + strconv.FormatInt(x.c.Number, 10), URL: casePath(x.c)}}},
		view.Beside(view.Group(main...), view.Group(v.caseFacts(x), v.caseCaller(x), v.caseTimeline(x))))
}

var answerKinds = []string{"answer", "solved", "reject", "note"}

func (v *visit) answerKinds(now string) []ui.Option {
	if now == "" {
		now = answerKinds[0]
	}
	out := options(v, "case.as.", answerKinds...)
	for i := range out {
		out[i].Selected = out[i].Value == now
	}
	return out
}

// message is what one side wrote: text, whatever is in it.
func (v *visit) message(x thread, m support.Message) view.Block {
	who, tone := x.who.Name, ui.Plain
	if who == "" {
		who = v.t("case.customer")
	}
	switch m.Author {
	case "staff":
		who = v.t("case.we", "name", x.names[m.Staff])
	case "note":
		who, tone = v.t("case.note_by", "name", x.names[m.Staff]), ui.Wait
	}
	if m.Unread {
		m.Body = v.t("sight.unreadable")
	}
	blocks := []view.Block{view.Quiet(who + " · " + lang.DateTime(v.l, m.At)), view.Words(m.Body)}
	if m.Rejection {
		blocks = append(blocks, view.Quiet(v.t("case.rejection")))
	}
	if tone == ui.Wait {
		return view.Notice(tone, "", blocks...)
	}
	return view.Panel("", "", blocks...)
}

func (v *visit) caseFacts(x thread) view.Block {
	facts := []view.Pair{{Key: v.t("col.about"), Value: v.word("case.kind.", x.c.Kind)}, {Key: v.t("case.opened"), Value: lang.Stamp(v.l, x.c.Opened)}}
	if !x.c.Due.IsZero() {
		facts = append(facts, view.Pair{Key: v.t("col.answer_by"), Value: lang.Stamp(v.l, x.c.Due)})
	}
	var blocks []view.Block
	switch {
	case x.broken:
		facts = append(facts, view.Pair{Key: v.t("label.name"), Value: v.t("sight.unreadable")}, view.Pair{Key: v.t("label.email"), Value: v.t("sight.unreadable")})
	case !x.gone:
		blocks = append(blocks, v.sight("case", x.c.ID, x.leave, x.shut))
		facts = append(facts, view.Pair{Key: v.t("label.name"), Value: x.who.Name}, view.Pair{Key: v.t("label.email"), Value: x.who.Mail})
	}
	facts = append(facts, view.Pair{Key: v.t("label.lang"), Value: lang.T(v.l, "admin.lang."+string(x.c.Lang.Or()))})
	switch {
	case x.order != "" && v.by.Has(auth.OrdersRead):
		facts = append(facts, view.Pair{Key: v.t("col.order"), Value: x.order, URL: "/admin/orders/" + x.order})
	case x.who.OrderNumber != "":
		facts = append(facts, view.Pair{Key: v.t("case.order_stated"), Value: x.who.OrderNumber})
	}
	return view.Panel("buyer", v.t("case.facts"), append(blocks, view.Facts(v.l, facts))...)
}

func (v *visit) caseCaller(x thread) view.Block {
	if x.gone || x.broken {
		return nil
	}
	return v.callPanel("case", x.c.ID, x.call)
}

func (v *visit) caseTimeline(x thread) view.Block {
	out := make([]ui.Entry, len(x.events))
	for i, e := range x.events {
		text := e.Kind
		if key := "support.event." + e.Kind; lang.Has(key) {
			text = lang.T(v.l, key)
		}
		out[i] = ui.Entry{At: lang.Stamp(v.l, e.At), ISO: lang.ISO(e.At), Text: text, Now: i == len(x.events)-1}
	}
	return view.Panel("", v.t("timeline.title"), view.Timeline(out))
}

// answerCase writes to the customer, or a note that stays here.
func (v *visit) answerCase() error {
	in, err := v.r.ReadForm("message", "as")
	if err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	as := in.Get("as")
	_, err = act(v, "case.answer", "case", id, func(tx *db.Tx) (support.Case, error) {
		return support.Answer(tx, v.by, v.Vault, id, support.Answering{Body: in.Get("message"), Rejects: as == "reject", Solved: as == "solved", Note: as == "note"})
	})
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showCase(status(err), v.form(in, err, ""))
	}
	if as == "note" {
		return v.done("noted", "/admin/cases/"+id.String())
	}
	return v.done("answered", "/admin/cases/"+id.String())
}
