package admin

import (
	"net/http"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) engineRoutes() []web.Route {
	jobs := web.Staff(auth.JobsWrite)
	return []web.Route{
		a.page(get, "/admin/audit", web.Staff(auth.AuditRead), (*visit).audit),
		a.page(post, "/admin/audit/bounds", web.Staff(auth.SettingsWrite), (*visit).setAlarms),
		a.page(post, "/admin/alarms/{id}", web.Staff(auth.AuditRead), (*visit).seeToAlarm),
		a.page(post, "/admin/acts.csv", web.Staff(auth.ExportBulk), (*visit).actsFile),
		a.page(get, "/admin/jobs", jobs, (*visit).jobs),
		a.page(post, "/admin/jobs/{id}/retry", jobs, (*visit).retryJob),
		a.page(post, "/admin/jobs/{id}/drop", jobs, (*visit).dropJob),
		a.page(get, "/admin/mail", jobs, (*visit).letters),
		a.page(post, "/admin/mail/{id}/retry", jobs, (*visit).retryLetter),
		a.page(post, "/admin/mail/{id}/drop", jobs, (*visit).dropLetter),
	}
}

var auditTabs = []tab{{"", "audit.all"}, {"refused", "audit.refused"}, {"readings", "audit.readings"}, {"alarms", "audit.alarms"}}

// audit lists who has done what, newest first.
func (v *visit) audit() error {
	show, before, qv, err := v.listQuery(auditTabs, "action", "actor", "reason", "day")
	if err != nil {
		return err
	}
	switch show {
	case "readings":
		return v.logReadings(before, qv)
	case "alarms":
		return v.logAlarms(http.StatusOK, before, ui.Form{})
	}
	f := audit.Filter{Action: qv.Get("action"), Outcome: audit.Outcome(show)}
	if id, e := db.ParseID(qv.Get("actor")); e == nil && id > 0 {
		f.ActorKind, f.ActorID = "staff", id
	}
	type list struct {
		es    []audit.Entry
		names map[db.ID]string
	}
	got, err := read(v, func(q *db.Reader) (l list, err error) {
		if err := v.by.Need(auth.AuditRead); err != nil {
			return l, err
		}
		if l.es, err = audit.List(q, f, before, pageSize+1); err != nil {
			return l, err
		}
		var ids []db.ID
		for _, e := range l.es {
			if e.ActorKind == "staff" {
				ids = append(ids, e.ActorID)
			}
		}
		l.names, err = v.Auth.Names(q, v.by, ids)
		return l, err
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("audit.title"), Empty: v.t("audit.none"), Cols: []ui.Column{{Text: v.t("col.at")}, {Text: v.t("col.who")}, {Text: v.t("col.action")}, {Text: v.t("col.about")}, {Text: v.t("col.change")}, {Text: v.t("col.outcome")}}}
	for _, e := range paged(&t, got.es, before, func(e audit.Entry) db.ID { return e.ID }, "/admin/audit", "show", show, "action", f.Action, "actor", qv.Get("actor")) {
		who := view.Cell{Text: v.word("actor.", e.ActorKind), Sub: e.Peer}
		if n := got.names[e.ActorID]; n != "" && e.ActorKind == "staff" {
			who = view.Cell{Text: n, Sub: e.Peer, URL: query("/admin/audit", "actor", e.ActorID.String())}
		} else if e.ActorName != "" {
			who.Sub = e.ActorName
		}
		change := e.New
		if e.Old != "" {
			change = e.Old + " → " + e.New
		}
		about := e.Entity
		if e.EntityID > 0 {
			about += " " + e.EntityID.String()
		}
		row := view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, e.At)}, who, {Text: e.Action, URL: query("/admin/audit", "action", e.Action)}, {Text: about}, {Text: change}, {Text: v.word("outcome.", string(e.Outcome)), Badge: true, Tone: map[audit.Outcome]ui.Tone{audit.Refused: ui.Stop}[e.Outcome]}}}
		t.Rows = append(t.Rows, row)
	}
	filter := view.Form{Action: "/admin/audit", Submit: v.t("filter"), Fields: []view.Field{{Input: ui.Input{Name: "action", Label: v.t("col.action"), Value: f.Action, Max: 60, NoSpell: true}}}}
	for _, k := range []string{"show", "actor"} {
		if x := qv.Get(k); x != "" {
			filter.Hidden = append(filter.Hidden, view.Pair{Key: k, Value: x})
		}
	}
	if f.Action != "" || f.ActorID > 0 {
		t.EmptyURL, t.EmptyGo = "/admin/audit", v.t("show_all")
	}
	blocks := []view.Block{v.tabs("/admin/audit", show, auditTabs...), view.Filter(v.l, filter), view.TableBlock(v.l, t)}
	if v.by.Has(auth.ExportBulk) {
		blocks = append(blocks, view.ButtonForm(v.l, view.Button{Action: "/admin/acts.csv", Text: v.t("audit.csv")}))
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("audit.title"), Lead: v.t("audit.lead")}, blocks...)
}

// jobs shows the queues and what stopped in them.
func (v *visit) jobs() error {
	_, before, _, err := v.listQuery(nil)
	if err != nil {
		return err
	}
	type list struct {
		depths []job.Depth
		dead   []job.Job
	}
	got, err := read(v, func(q *db.Reader) (l list, err error) {
		if err := v.by.Need(auth.JobsWrite); err != nil {
			return l, err
		}
		if l.depths, err = job.Depths(q); err != nil {
			return l, err
		}
		l.dead, err = job.Dead(q, before, pageSize+1)
		return l, err
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("jobs.dead"), Empty: v.t("jobs.dead.none"), Cols: []ui.Column{{Text: v.t("col.job")}, {Text: v.t("col.error")}, {Text: v.t("col.tries"), Num: true}, {Text: v.t("col.ended")}, {}}}
	for _, j := range paged(&t, got.dead, before, func(j job.Job) db.ID { return j.ID }, "/admin/jobs") {
		t.Rows = append(t.Rows, view.Row{Tone: ui.Stop, Cells: []view.Cell{{Text: j.Kind, Sub: j.Ref.String()}, {Text: j.LastError}, {Text: lang.Number(v.l, int64(j.Attempt))}, {Text: v.day(j.Ended)}, {Block: v.retryDrop("/admin/jobs/" + j.ID.String())}}})
	}
	d := view.Table{Caption: v.t("jobs.queues"), Empty: v.t("jobs.queues.none"), Cols: []ui.Column{{Text: v.t("col.job")}, {Text: v.t("col.due"), Num: true}, {Text: v.t("col.later"), Num: true}, {Text: v.t("col.dead"), Num: true}, {Text: v.t("col.oldest")}}}
	for _, x := range got.depths {
		d.Rows = append(d.Rows, view.Row{Cells: []view.Cell{{Text: x.Kind}, {Text: lang.Number(v.l, x.Due)}, {Text: lang.Number(v.l, x.Later)}, {Text: lang.Number(v.l, x.Dead)}, {Text: v.day(x.Oldest)}}})
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("jobs.title")}, view.Panel("", v.t("jobs.dead"), view.TableBlock(v.l, t)), view.Panel("", v.t("jobs.queues"), view.TableBlock(v.l, d)))
}

func (v *visit) retryDrop(path string) view.Block {
	return view.Group(view.ButtonForm(v.l, view.Button{Action: path + "/retry", Text: v.t("retry")}), view.ButtonForm(v.l, view.Button{Action: path + "/drop", Text: v.t("drop"), Danger: true}))
}

func (v *visit) may() error { return v.by.Need(auth.JobsWrite) }

// onRow runs an act on a job or a letter.
func (v *visit) onRow(action, entity, said, back string, fn func(tx *db.Tx, id db.ID) error) error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	err = v.do(action, entity, id, func(tx *db.Tx) error {
		if err := fn(tx, id); err != nil {
			return err
		}
		return v.by.Record(tx, action, entity, id, "", "")
	})
	if err != nil {
		return gone(err)
	}
	return v.done(said, back)
}

func (v *visit) retryJob() error {
	return v.onRow("job.retry", "job", "retried", "/admin/jobs", func(tx *db.Tx, id db.ID) error { _, err := job.Retry(tx, id, v.may); return err })
}

func (v *visit) dropJob() error {
	return v.onRow("job.drop", "job", "dropped", "/admin/jobs", func(tx *db.Tx, id db.ID) error { _, err := job.Drop(tx, id, v.may); return err })
}

// letters lists mail that did not arrive, or waits for too long.
func (v *visit) letters() error {
	_, before, _, err := v.listQuery(nil)
	if err != nil {
		return err
	}
	rows, err := read(v, func(q *db.Reader) ([]mail.Row, error) {
		if err := v.may(); err != nil {
			return nil, err
		}
		return mail.Troubled(q, before, pageSize+1)
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("mail.title"), Empty: v.t("mail.none"), Cols: []ui.Column{{Text: v.t("col.letter")}, {Text: v.t("col.state")}, {Text: v.t("col.error")}, {Text: v.t("col.tries"), Num: true}, {Text: v.t("col.queued")}, {}}}
	for _, x := range paged(&t, rows, before, func(x mail.Row) db.ID { return x.ID }, "/admin/mail") {
		row := view.Row{Cells: []view.Cell{{Text: v.word("letter.", x.Kind), Sub: x.RefKind + " " + x.Ref.String()}, {Text: v.word("letter.state.", x.State), Badge: true, Tone: letterTones[x.State]}, {Text: x.LastCode, Sub: x.Relay}, {Text: lang.Number(v.l, int64(x.Attempts))}, {Text: lang.Stamp(v.l, x.Queued)}, {}}}
		if x.State == "failed" || x.State == "dead" {
			row.Tone, row.Cells[5].Block = ui.Stop, v.retryDrop("/admin/mail/"+x.ID.String())
		}
		t.Rows = append(t.Rows, row)
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("mail.title"), Lead: v.t("mail.lead")}, view.TableBlock(v.l, t))
}

func (v *visit) retryLetter() error {
	return v.onRow("mail.retry", "mail", "retried", "/admin/mail", func(tx *db.Tx, id db.ID) error { return mail.Retry(tx, id, v.may) })
}

func (v *visit) dropLetter() error {
	return v.onRow("mail.drop", "mail", "dropped", "/admin/mail", func(tx *db.Tx, id db.ID) error { return mail.Drop(tx, id, v.may) })
}
