package admin

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/spreadsheet"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/reading"
	"kassavalv/internal/web/ui"
)

// readingReasons are the words readings are filtered by, in the order of the list.
var readingReasons = []string{"order_handling", "packing", "case_handling", "case_list", "return_handling", "bank_line", "caller", "customer_page", "privacy_request", "export", "bulk_export", "api", "handover"}

// readings lists who has read whose details, newest first.
func (v *visit) logReadings(before db.ID, qv web.Values) error {
	var f audit.ReadingFilter
	if id, e := db.ParseID(qv.Get("actor")); e == nil && id > 0 {
		f.ActorKind, f.ActorID = "staff", id
	}
	if r := qv.Get("reason"); slices.Contains(readingReasons, r) {
		f.Reason = r
	}
	day := qv.Get("day")
	if on, e := time.ParseInLocation(time.DateOnly, day, lang.Zone); e == nil {
		f.From, f.To = on, on.AddDate(0, 0, 1)
	} else {
		day = ""
	}
	type list struct {
		rows  []audit.Access
		names map[db.ID]string
	}
	got, err := read(v, func(q *db.Reader) (l list, err error) {
		if err := v.by.Need(auth.AuditRead); err != nil {
			return l, err
		}
		if l.rows, err = audit.ListReadings(q, f, before, pageSize+1); err != nil {
			return l, err
		}
		var ids []db.ID
		for _, a := range l.rows {
			if a.ActorKind == "staff" {
				ids = append(ids, a.ActorID)
			}
		}
		l.names, err = v.Auth.Names(q, v.by, ids)
		return l, err
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("audit.readings"), Empty: v.t("audit.readings.none"), Cols: []ui.Column{{Text: v.t("col.at")}, {Text: v.t("col.who")}, {Text: v.t("col.read")}, {Text: v.t("col.why")}, {Text: v.t("col.about")}}}
	for _, a := range paged(&t, got.rows, before, func(a audit.Access) db.ID { return a.ID }, "/admin/audit", "show", "readings", "actor", qv.Get("actor"), "reason", f.Reason, "day", day) {
		line := reading.Of(v.l, a)
		who := view.Cell{Text: line.Who}
		switch n := got.names[a.ActorID]; {
		case a.ActorKind == "staff" && n != "":
			who = view.Cell{Text: n, Sub: line.Who, URL: query("/admin/audit", "show", "readings", "actor", a.ActorID.String())}
		case a.ActorKind == "staff" || a.ActorKind == "token":
			who.Sub = a.ActorID.String()
		case a.ActorKind == audit.ActorSystem:
			who.Sub = a.ActorName
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, a.At)}, who, {Text: line.What}, {Text: line.Why}, {Text: a.Entity + " " + a.EntityID.String(), Sub: v.t("audit.person", "id", a.Person.String())}}})
	}
	reasons := []ui.Option{{Value: "", Label: v.t("audit.any_reason")}}
	for _, r := range readingReasons {
		reasons = append(reasons, ui.Option{Value: r, Label: lang.T(v.l, "reading.reason."+r), Selected: r == f.Reason})
	}
	filter := view.Form{Action: "/admin/audit", Submit: v.t("filter"), Hidden: []view.Pair{{Key: "show", Value: "readings"}}, Fields: []view.Field{
		{Kind: view.Select, Input: ui.Input{Name: "reason", Label: v.t("col.why"), Value: f.Reason}, Options: reasons},
		{Input: ui.Input{Name: "day", Type: "date", Label: v.t("audit.day"), Value: day, Max: 10, NoSpell: true}}}}
	if f.ActorID > 0 {
		filter.Hidden = append(filter.Hidden, view.Pair{Key: "actor", Value: f.ActorID.String()})
	}
	if f.ActorID > 0 || f.Reason != "" || day != "" {
		t.EmptyURL, t.EmptyGo = "/admin/audit?show=readings", v.t("show_all")
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("audit.title"), Lead: v.t("audit.readings.lead")}, v.tabs("/admin/audit", "readings", auditTabs...), view.Filter(v.l, filter), view.TableBlock(v.l, t))
}

// alarms lists what the log has raised an alarm about, newest first, with a form to
// say that it was seen to.
func (v *visit) logAlarms(code int, before db.ID, f ui.Form) error {
	type list struct {
		bounds content.AlarmBounds
		rows   []audit.Alarm
		names  map[db.ID]string
	}
	got, err := read(v, func(q *db.Reader) (l list, err error) {
		if err := v.by.Need(auth.AuditRead); err != nil {
			return l, err
		}
		if l.bounds, err = content.Alarms(q); err != nil {
			return l, err
		}
		if l.rows, err = audit.Alarms(q, false, before, pageSize+1); err != nil {
			return l, err
		}
		var ids []db.ID
		for _, a := range l.rows {
			if a.ActorKind == "staff" {
				ids = append(ids, a.ActorID)
			}
			if a.AcknowledgedBy > 0 {
				ids = append(ids, a.AcknowledgedBy)
			}
		}
		l.names, err = v.Auth.Names(q, v.by, ids)
		return l, err
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("audit.alarms"), Empty: v.t("audit.alarms.none"), Cols: []ui.Column{{Text: v.t("col.at")}, {Text: v.t("col.who")}, {Text: v.t("col.what")}, {Text: v.t("audit.follow")}}}
	for _, a := range paged(&t, got.rows, before, func(a audit.Alarm) db.ID { return a.ID }, "/admin/audit", "show", "alarms") {
		who := view.Cell{}
		switch a.ActorKind {
		case "staff":
			who = view.Cell{Text: got.names[a.ActorID], URL: query("/admin/audit", "show", "readings", "actor", a.ActorID.String())}
			if who.Text == "" {
				who.Text, who.Sub = v.t("actor.staff"), a.ActorID.String()
			}
		case "token":
			who = view.Cell{Text: v.t("actor.token"), Sub: a.ActorID.String()}
		default:
			who = view.Cell{Text: v.t("actor.system")}
		}
		about := view.Cell{Text: v.t("audit.alarm."+string(a.Rule), "n", lang.Number(v.l, a.Persons), "bound", lang.Number(v.l, a.Bound))}
		if a.About > 0 {
			about.Sub = a.About.String()
		}
		row := view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, a.To)}, who, about, {}}}
		if a.Acknowledged.IsZero() {
			row.Tone = ui.Stop
			row.Cells[3].Block = view.FormBlock(v.l, view.Form{Action: "/admin/alarms/" + a.ID.String(), Submit: v.t("audit.acknowledge"), Quiet: true, Inline: true, Fields: []view.Field{
				{Kind: view.Select, Input: ui.Input{Name: "note/" + a.ID.String(), Label: v.t("audit.note")}, Options: options(v, "audit.note.", audit.AlarmNotes...)}}})
		} else {
			row.Cells[3] = view.Cell{Text: v.word("audit.note.", a.Note), Sub: strings.TrimSpace(got.names[a.AcknowledgedBy] + " " + lang.Stamp(v.l, a.Acknowledged))}
		}
		t.Rows = append(t.Rows, row)
	}
	return v.show(code, view.Shell{Title: v.t("audit.title"), Lead: v.t("audit.alarms.lead")}, v.tabs("/admin/audit", "alarms", auditTabs...), view.TableBlock(v.l, t), v.alarmPanel(got.bounds, f))
}

// alarmPanel shows when the log raises an alarm, with the form that asks to change it.
func (v *visit) alarmPanel(b content.AlarmBounds, f ui.Form) view.Block {
	x := view.Form{Action: "/admin/audit/bounds", Submit: v.t("audit.bounds.go"), Quiet: true, Form: f}
	for _, n := range []struct {
		name string
		val  int64
	}{{"staff_hour", b.StaffHour}, {"staff_day", b.StaffDay}, {"idle_hour", b.IdleHour}, {"token_hour", b.TokenHour}, {"token_day", b.TokenDay}} {
		val := strconv.FormatInt(n.val, 10)
		x.Hidden = append(x.Hidden, view.Pair{Key: "was." + n.name, Value: val})
		x.Fields = append(x.Fields, view.Field{Half: true, Input: ui.Input{Name: "alarm." + n.name, Label: v.t("label.alarm." + n.name), Value: val, InputMode: "numeric", Short: true, Max: 6}})
	}
	blocks := []view.Block{view.Quiet(v.t("audit.bounds.text"))}
	if v.by.Has(auth.SettingsWrite) {
		x.Fields = append(x.Fields, v.proofField()...)
		blocks = append(blocks, v.proofLink("/admin/audit?show=alarms"))
	}
	return view.Panel("bounds", v.t("audit.bounds"), append(blocks, v.editable(x, auth.SettingsWrite))...)
}

// setAlarms asks a second person for other bounds.
func (v *visit) setAlarms() error {
	in, err := v.r.ReadForm("was.", "alarm.", "totp")
	if err != nil {
		return err
	}
	var bad fault.Fields
	bounds := func(prefix string) content.AlarmBounds {
		n := func(name string) int64 {
			n, ok := whole(in.Get(prefix + name))
			if !ok {
				bad.Add("/"+prefix+name, "not_a_number")
			}
			return n
		}
		return content.AlarmBounds{StaffHour: n("staff_hour"), StaffDay: n("staff_day"), IdleHour: n("idle_hour"), TokenHour: n("token_hour"), TokenDay: n("token_day")}
	}
	was, is := bounds("was."), bounds("alarm.")
	if err = bad.Err(); err == nil {
		err = v.prove(in.Get("totp"))
	}
	if err == nil {
		err = v.do("setting.change", "setting", 0, func(tx *db.Tx) error { return content.SetAlarms(tx, v.by, was, is) })
	}
	if ok, err := v.asked(err); ok {
		return err
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.logAlarms(status(err), 0, v.form(in, err, ""))
	}
	return v.done("saved", "/admin/audit?show=alarms")
}

// seeToAlarm notes that somebody has seen to an alarm.
func (v *visit) seeToAlarm() error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	field := "note/" + id.String() // a name of its own: there are many of these forms on the page
	in, err := v.r.ReadForm(field)
	if err != nil {
		return err
	}
	const action = "alarm.acknowledge"
	err = v.do(action, "alarm", id, func(tx *db.Tx) error {
		if err := v.by.Need(auth.AuditRead); err != nil {
			return err
		}
		if !slices.Contains(audit.AlarmNotes, in.Get(field)) {
			return fault.Invalid(fault.Field{Pointer: "/note", Code: "required"})
		}
		return audit.Acknowledge(tx, v.by.Entry(action, "alarm", id), id, in.Get(field))
	})
	switch {
	case errors.Is(err, db.ErrConflict):
		return v.done("alarm_taken", "/admin/audit?show=alarms")
	case errors.Is(err, db.ErrNotFound):
		return fault.NotFound()
	case err != nil:
		return err
	}
	return v.done("alarm_seen", "/admin/audit?show=alarms")
}

// maxActs are in one file of acts.
const maxActs = 50_000

// actsFile gives the acts as a file for a spreadsheet, newest first, once a second person has said
// yes to it. That it was taken out is an act.
func (v *visit) actsFile() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	err := v.do("audit.export", "audit", 0, func(tx *db.Tx) error {
		if err := v.by.Need(auth.AuditRead); err != nil {
			return err
		}
		if err := v.by.Need(auth.ExportBulk); err != nil {
			return err
		}
		if err := v.by.NeedFresh(tx.Now()); err != nil {
			return err
		}
		if err := v.by.NeedSecond(auth.Ask{Act: auth.ActExport, Entity: "audit", Is: "acts"}); err != nil {
			return err
		}
		return v.by.Record(tx, "audit.export", "audit", 0, "", "")
	})
	if ok, err := v.asked(err); ok {
		return err
	}
	if err != nil {
		return err
	}
	web.Attach(v.w, "acts-"+time.Now().In(lang.Zone).Format(time.DateOnly)+".csv")
	v.w.Header().Set("Content-Type", spreadsheet.Type)
	v.w.Header().Set("Cache-Control", "no-store")
	w := spreadsheet.New(v.w)
	w.Row("at", "place", "id", "actor_kind", "actor_id", "actor_name", "network", "action", "entity", "entity_id", "old", "new", "outcome")
	for before, n := db.ID(0), 0; n < maxActs; {
		es, err := read(v, func(q *db.Reader) ([]audit.Entry, error) { return audit.List(q, audit.Filter{}, before, 200) })
		if err != nil {
			return err // halfway: the connection is cut, and the file is seen to be short
		}
		for _, e := range es {
			w.Row(e.At.Format(time.RFC3339Nano), db.ID(e.Place).String(), e.ID.String(), e.ActorKind, e.ActorID.String(), e.ActorName, e.Peer, e.Action, e.Entity, e.EntityID.String(), e.Old, e.New, string(e.Outcome))
			before = e.ID
		}
		if n += len(es); len(es) < 200 {
			break
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return web.ErrAnswered
}
