package admin

import (
	"net/http"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/ops/incident"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) incidentRoutes() []web.Route {
	lead := web.Staff(auth.IncidentsWrite)
	return []web.Route{
		// Anyone who is signed in may say that something feels wrong, and follow what he opened.
		a.page(get, "/admin/incidents", web.AnyStaff, (*visit).incidents),
		a.page(get, "/admin/incidents/new", web.AnyStaff, (*visit).feels),
		a.page(post, "/admin/incidents", web.AnyStaff, (*visit).openIncident),
		a.page(get, "/admin/incidents/{id}", web.AnyStaff, (*visit).incident),
		a.page(post, "/admin/incidents/{id}/note", web.AnyStaff, (*visit).noteIncident),
		a.page(post, "/admin/incidents/{id}/take", lead, (*visit).takeIncident),
		a.page(post, "/admin/incidents/{id}/severity", lead, (*visit).rateIncident),
		a.page(post, "/admin/incidents/{id}/personal", lead, (*visit).breachIncident),
		a.page(post, "/admin/incidents/{id}/close", lead, (*visit).closeIncident),
		a.page(post, "/admin/incidents/{id}/reopen", lead, (*visit).reopenIncident),
		a.page(post, "/admin/incidents/call", lead, (*visit).setIncidentCall),
	}
}

// feelsURL is the form of "something feels wrong", with the pattern of the page it stands on:
// never its path, which may hold a number.
func (v *visit) feelsURL() string {
	at := ""
	if v.r.Route != nil && !strings.HasPrefix(v.r.Route.Path, "/admin/incidents") {
		at = v.r.Route.Path
	}
	return query("/admin/incidents/new", "at", at)
}

// pattern is s when it is the pattern of a page of the office.
func (a *Admin) pattern(s string) string {
	for _, r := range a.Routes() {
		if r.Path == s && s != "" {
			return s
		}
	}
	return ""
}

// feels is the short form: everything on it may be left empty.
func (v *visit) feels() error {
	qv, err := v.r.ReadQuery("at")
	if err != nil {
		return err
	}
	at := v.pattern(qv.Get("at"))
	call, err := read(v, func(q *db.Reader) (incident.Contact, error) { return v.Incidents.Call(q) })
	if err != nil {
		return err
	}
	f := view.Form{Action: "/admin/incidents", Submit: v.t("feels.go"), Hidden: []view.Pair{{Key: "at", Value: at}}, Fields: []view.Field{
		{Input: ui.Input{Name: "text", Label: v.t("feels.what"), Hint: v.t("feels.what.hint"), Rows: 5, Max: incident.MaxText, Optional: true}}}}
	if at != "" {
		f.Fields = append(f.Fields, view.Field{Kind: view.Note, Input: ui.Input{Label: v.t("feels.at", "page", incident.Shown(at))}})
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("feels"), Lead: v.t("feels.lead")}, view.Panel("", "", view.FormBlock(v.l, f)), v.calm(call))
}

// calm is what to do meanwhile.
func (v *visit) calm(c incident.Contact) view.Block {
	items := []string{v.t("feels.do.stop"), v.t("feels.do.keep"), v.t("feels.do.net"), v.t("feels.do.note")}
	if c.Phone != "" {
		items = append(items, v.t("feels.do.call", "name", c.Name, "phone", c.Phone))
	} else {
		items = append(items, v.t("feels.do.owner"))
	}
	return view.Panel("do", v.t("feels.do"), view.List(items))
}

func (v *visit) openIncident() error {
	in, err := v.r.ReadForm("at", "text")
	if err != nil {
		return err
	}
	o, err := act(v, "incident.open", "incident", 0, func(tx *db.Tx) (incident.Opened, error) {
		return v.Incidents.Feels(tx, v.by, v.pattern(in.Get("at")), in.Get("text"))
	})
	if err != nil {
		return err
	}
	return web.SeeOther(v.w, v.r, "/admin/incidents/"+o.ID.String())
}

var incidentTabs = []tab{{"", "incidents.live"}, {"all", "incidents.all"}}

var (
	incidentTones = map[incident.State]ui.Tone{incident.Open: ui.Stop, incident.Working: ui.Wait, incident.Closed: ui.OK}
	severityTones = map[incident.Severity]ui.Tone{incident.High: ui.Wait, incident.Critical: ui.Stop}
)

func (v *visit) incidents() error { return v.showIncidents(http.StatusOK, ui.Form{}) }

// showIncidents lists incidents, newest first; members see their own.
func (v *visit) showIncidents(code int, f ui.Form) error {
	show, before, _, err := v.listQuery(incidentTabs)
	if err != nil {
		return err
	}
	type list struct {
		is    []incident.Incident
		names map[db.ID]string
		call  incident.Contact
	}
	got, err := read(v, func(q *db.Reader) (l list, err error) {
		if l.is, err = v.Incidents.List(q, v.by, show == "", before, pageSize+1); err != nil {
			return l, err
		}
		if l.call, err = v.Incidents.Call(q); err != nil {
			return l, err
		}
		var ids []db.ID
		for _, i := range l.is {
			ids = append(ids, i.Opener, i.TakenBy)
		}
		l.names, err = v.Auth.Names(q, v.by, ids)
		return l, err
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("incidents.title"), Empty: v.t("incidents.none"), Cols: []ui.Column{{Text: v.t("col.what")}, {Text: v.t("col.opened")}, {Text: v.t("col.severity")}, {Text: v.t("col.state")}, {Text: v.t("col.clock")}}}
	if show == "" {
		t.EmptyURL, t.EmptyGo = "/admin/incidents?show=all", v.t("incidents.all")
	}
	for _, i := range paged(&t, got.is, before, func(i incident.Incident) db.ID { return i.ID }, "/admin/incidents", "show", show) {
		who := v.t("incident.by_program")
		if i.OpenerKind == "staff" {
			who = got.names[i.Opener]
		}
		state := view.Cell{Text: v.word("incident.state.", string(i.State)), Badge: true, Tone: incidentTones[i.State]}
		if i.TakenBy > 0 {
			state.Sub = got.names[i.TakenBy]
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: v.word("incident.kind.", string(i.Kind)), Sub: incident.Shown(i.Place), URL: "/admin/incidents/" + i.ID.String()}, {Text: lang.Stamp(v.l, i.Opened), Sub: who},
			{Text: lang.T(v.l, "incident.severity."+string(i.Severity)), Badge: true, Tone: severityTones[i.Severity]}, state, {Text: v.clock(i, time.Now())}}})
	}
	lead := v.t("incidents.lead.mine")
	if v.by.Has(auth.IncidentsRead) {
		lead = v.t("incidents.lead")
	}
	blocks := []view.Block{v.tabs("/admin/incidents", show, incidentTabs...), view.TableBlock(v.l, t)}
	if v.by.Has(auth.IncidentsWrite) {
		blocks = append(blocks, view.Panel("call", v.t("incident.call"), view.Quiet(v.t("incident.call.text")), view.FormBlock(v.l, view.Form{Action: "/admin/incidents/call", Submit: v.t("save"), Quiet: true, Form: f, Hidden: []view.Pair{{Key: "contact_version", Value: db.ID(got.call.Version).String()}},
			Fields: []view.Field{{Half: true, Input: ui.Input{Name: "name", Label: v.t("label.name"), Value: got.call.Name, Max: 80}}, {Half: true, Input: ui.Input{Name: "phone", Label: v.t("label.phone"), Value: got.call.Phone, Type: "tel", Max: 30}}}})))
	}
	return v.show(code, view.Shell{Title: v.t("incidents.title"), Lead: lead}, blocks...)
}

// clock is what is left of the 72 hours, in words.
func (v *visit) clock(i incident.Incident, now time.Time) string {
	switch i.Personal {
	case incident.Suspected:
		if left := i.Deadline().Sub(now); left > 0 {
			return v.t("incident.clock.left", "left", lang.Duration(v.l, left.Truncate(time.Minute)))
		}
		return v.t("incident.clock.over")
	case incident.Reported:
		return v.t("incident.clock.reported")
	case incident.Cleared:
		return v.t("incident.clock.cleared")
	}
	return "–"
}

func (v *visit) incident() error { return v.showIncident(http.StatusOK, "", ui.Form{}, nil) }

// showIncident is the timeline and what can be done. which names the form that f belongs to.
func (v *visit) showIncident(code int, which string, f ui.Form, news view.Block) error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	type one struct {
		i     incident.Incident
		ls    []incident.Line
		names map[db.ID]string
		call  incident.Contact
	}
	got, err := read(v, func(q *db.Reader) (o one, err error) {
		if o.i, err = v.Incidents.One(q, v.by, id); err != nil {
			return o, err
		}
		if o.ls, err = v.Incidents.Lines(q, v.by, id); err != nil {
			return o, err
		}
		if o.call, err = v.Incidents.Call(q); err != nil {
			return o, err
		}
		ids := []db.ID{o.i.TakenBy}
		for _, l := range o.ls {
			ids = append(ids, l.Actor)
		}
		o.names, err = v.Auth.Names(q, v.by, ids)
		return o, err
	})
	if err != nil {
		return err
	}
	i, now, path := got.i, time.Now(), "/admin/incidents/"+id.String()
	form := func(name string, x view.Form) view.Block {
		act, _, _ := strings.Cut(name, ":")
		x.Action = path + "/" + act
		if which == name {
			x.Form = f
		}
		return view.FormBlock(v.l, x)
	}
	var blocks []view.Block
	blocks = append(blocks, news)
	if i.Mine(v.by) && i.State != incident.Closed {
		said := v.t("feels.thanks")
		if i.State == incident.Working {
			said = v.t("feels.taken", "name", v.nameOr(got.names, i.TakenBy))
		}
		blocks = append(blocks, view.Notice(ui.OK, said), v.calm(got.call))
	}
	facts := []view.Pair{{Key: v.t("col.state"), Block: view.Badge(incidentTones[i.State], v.word("incident.state.", string(i.State)))}, {Key: v.t("col.severity"), Block: view.Badge(severityTones[i.Severity], lang.T(v.l, "incident.severity."+string(i.Severity)))},
		{Key: v.t("col.page"), Value: incident.Shown(i.Place)}}
	if i.TakenBy > 0 {
		facts = append(facts, view.Pair{Key: v.t("incident.taken_by"), Value: v.nameOr(got.names, i.TakenBy), Sub: lang.Stamp(v.l, i.Taken)})
	}
	blocks = append(blocks, view.Panel("", "", view.Facts(v.l, facts)))
	lead := v.by.Has(auth.IncidentsWrite)
	if lead && i.State == incident.Open {
		blocks = append(blocks, view.Panel("take", v.t("incident.take"), view.Say(v.t("incident.take.text")), view.ButtonForm(v.l, view.Button{Action: path + "/take", Text: v.t("incident.take.go"), Main: true})))
	}
	if b := v.breach(i, now, lead, which, form); b != nil {
		blocks = append(blocks, b)
	}
	entries := make([]ui.Entry, 0, len(got.ls))
	for _, l := range got.ls {
		who := v.t("incident.by_program")
		if l.ActorKind == "staff" {
			who = v.nameOr(got.names, l.Actor)
		}
		text := v.t("incident.line."+l.Kind, "name", who)
		more := l.Said
		switch {
		case l.Gone:
			more = v.t("incident.gone")
		case l.Kind == "severity":
			text = v.t("incident.line.severity.to", "name", who, "severity", lang.T(v.l, "incident.severity."+l.Fact))
		}
		entries = append(entries, ui.Entry{At: lang.Stamp(v.l, l.At), ISO: lang.ISO(l.At), Text: text, More: more})
	}
	blocks = append(blocks, view.Panel("timeline", v.t("incident.timeline"), view.Timeline(entries)))
	if lead || i.Mine(v.by) {
		blocks = append(blocks, view.Panel("note", v.t("incident.note"), form("note", view.Form{Submit: v.t("incident.note.go"), Quiet: true, Fields: []view.Field{{Input: ui.Input{Name: "text", Label: v.t("incident.note.label"), Hint: v.t("incident.note.hint"), Rows: 4, Max: incident.MaxText}}}})))
	}
	switch {
	case lead && i.State == incident.Closed:
		blocks = append(blocks, view.Fold(v.t("incident.reopen"), which == "reopen", form("reopen", view.Form{Submit: v.t("incident.reopen.go"), Quiet: true, Fields: []view.Field{{Input: ui.Input{Name: "why", Label: v.t("incident.reopen.why"), Rows: 2, Max: incident.MaxText}}}})))
	case lead:
		severities := options(v, "", incident.Severities...)
		for k := range severities {
			severities[k].Label = lang.T(v.l, "incident.severity."+severities[k].Value)
		}
		blocks = append(blocks,
			view.Fold(v.t("incident.rate"), which == "severity", form("severity", view.Form{Submit: v.t("save"), Quiet: true, Fields: []view.Field{{Kind: view.Select, Input: ui.Input{Name: "severity", Label: v.t("col.severity"), Value: string(i.Severity)}, Options: severities}}})),
			view.Fold(v.t("incident.close"), which == "close", form("close", view.Form{Submit: v.t("incident.close.go"), Fields: []view.Field{{Input: ui.Input{Name: "learned", Label: v.t("incident.learned"), Hint: v.t("incident.learned.hint"), Rows: 4, Max: incident.MaxText}}}})))
	}
	title := v.word("incident.kind.", string(i.Kind))
	return v.show(code, view.Shell{Title: title, Lead: lang.DateTime(v.l, i.Opened), Crumbs: []ui.Link{{Text: v.t("incidents.title"), URL: "/admin/incidents"}, {Text: title, URL: path}}}, blocks...)
}

func (v *visit) nameOr(names map[db.ID]string, id db.ID) string {
	if n := names[id]; n != "" {
		return n
	}
	return v.t("incident.someone")
}

// breach is the part about personal data: the mark, the clock, what a report must say.
func (v *visit) breach(i incident.Incident, now time.Time, lead bool, which string, form func(string, view.Form) view.Block) view.Block {
	if i.State == incident.Closed && i.Personal == incident.NotPersonal || !lead && i.Personal == incident.NotPersonal {
		return nil
	}
	must := view.Group(view.Say(v.t("incident.report.must")), view.List([]string{v.t("incident.report.what"), v.t("incident.report.whom"), v.t("incident.report.contact"), v.t("incident.report.risk"), v.t("incident.report.done")}), view.Quiet(v.t("incident.report.part")), view.Quiet(v.t("incident.report.people")))
	mark := func() view.Block {
		return form("personal:suspected", view.Form{Submit: v.t("incident.suspect.go"), Quiet: true, Hidden: []view.Pair{{Key: "to", Value: string(incident.Suspected)}}, Fields: []view.Field{{Kind: view.Radios, Input: ui.Input{Name: "from", Label: v.t("incident.suspect.from"), Hint: v.t("incident.suspect.from.hint")},
			Options: []ui.Option{{Value: "now", Label: v.t("incident.suspect.now"), Selected: true}, {Value: "opened", Label: v.t("incident.suspect.opened", "at", lang.DateTime(v.l, i.Opened))}}}}})
	}
	title := v.t("incident.personal")
	switch i.Personal {
	case incident.NotPersonal:
		return view.Fold(v.t("incident.suspect"), false, view.Say(v.t("incident.suspect.text")), mark())
	case incident.Suspected:
		tone := ui.Wait
		if i.Deadline().Sub(now) < 24*time.Hour {
			tone = ui.Stop
		}
		blocks := []view.Block{view.Notice(tone, v.clock(i, now), view.Say(v.t("incident.clock.until", "at", lang.DateTime(v.l, i.Deadline())))), must}
		if lead {
			blocks = append(blocks,
				form("personal:reported", view.Form{Submit: v.t("incident.reported.go"), Hidden: []view.Pair{{Key: "to", Value: string(incident.Reported)}}, Fields: []view.Field{{Input: ui.Input{Name: "reference", Label: v.t("incident.reported.ref"), Hint: v.t("incident.reported.hint"), Max: 500, Optional: true}}}}),
				view.Fold(v.t("incident.cleared"), which == "personal:cleared", form("personal:cleared", view.Form{Submit: v.t("incident.cleared.go"), Quiet: true, Hidden: []view.Pair{{Key: "to", Value: string(incident.Cleared)}}, Fields: []view.Field{{Input: ui.Input{Name: "why", Label: v.t("incident.cleared.why"), Hint: v.t("incident.cleared.hint"), Rows: 3, Max: incident.MaxText}}}})))
		}
		return view.Panel("personal", title, blocks...)
	case incident.Cleared:
		if lead && i.State != incident.Closed {
			return view.Panel("personal", title, view.Say(v.clock(i, now)), view.Fold(v.t("incident.suspect.again"), false, mark()))
		}
	}
	return view.Panel("personal", title, view.Say(v.clock(i, now)))
}

// onIncident runs an act on an incident and shows it again, with what was refused at the form.
func (v *visit) onIncident(action, which, said string, in web.Values, fn func(tx *db.Tx, id db.ID) error) error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	err = v.do(action, "incident", id, func(tx *db.Tx) error { return fn(tx, id) })
	if err == nil {
		return v.done(said, "/admin/incidents/"+id.String())
	}
	f := fault.As(err)
	if !mendable(err) || f == nil {
		return gone(err)
	}
	if len(f.Fields) == 0 {
		return v.showIncident(status(err), which, v.form(in, nil, ""), view.Notice(ui.Stop, v.sentence(f)))
	}
	return v.showIncident(status(err), which, v.form(in, err, ""), nil)
}

func (v *visit) noteIncident() error {
	in, err := v.r.ReadForm("text")
	if err != nil {
		return err
	}
	return v.onIncident("incident.note", "note", "noted", in, func(tx *db.Tx, id db.ID) error { return v.Incidents.Note(tx, v.by, id, in.Get("text")) })
}

func (v *visit) takeIncident() error {
	in, err := v.r.ReadForm()
	if err != nil {
		return err
	}
	return v.onIncident("incident.taken", "take", "incident_taken", in, func(tx *db.Tx, id db.ID) error { return v.Incidents.Take(tx, v.by, id) })
}

func (v *visit) rateIncident() error {
	in, err := v.r.ReadForm("severity")
	if err != nil {
		return err
	}
	return v.onIncident("incident.severity", "severity", "saved", in, func(tx *db.Tx, id db.ID) error {
		return v.Incidents.Rate(tx, v.by, id, incident.Severity(in.Get("severity")))
	})
}

func (v *visit) breachIncident() error {
	in, err := v.r.ReadForm("to", "from", "reference", "why")
	if err != nil {
		return err
	}
	return v.onIncident("incident.personal", "personal:"+in.Get("to"), "noted", in, func(tx *db.Tx, id db.ID) error {
		switch incident.Personal(in.Get("to")) {
		case incident.Reported:
			return v.Incidents.Report(tx, v.by, id, in.Get("reference"))
		case incident.Cleared:
			return v.Incidents.Clear(tx, v.by, id, in.Get("why"))
		case incident.Suspected:
			return v.Incidents.Suspect(tx, v.by, id, in.Get("from") == "opened")
		}
		return fault.Invalid(fault.Field{Pointer: "/to", Code: "bad_value"})
	})
}

func (v *visit) closeIncident() error {
	in, err := v.r.ReadForm("learned")
	if err != nil {
		return err
	}
	return v.onIncident("incident.closed", "close", "incident_closed", in, func(tx *db.Tx, id db.ID) error { return v.Incidents.Close(tx, v.by, id, in.Get("learned")) })
}

func (v *visit) reopenIncident() error {
	in, err := v.r.ReadForm("why")
	if err != nil {
		return err
	}
	return v.onIncident("incident.reopened", "reopen", "noted", in, func(tx *db.Tx, id db.ID) error { return v.Incidents.Reopen(tx, v.by, id, in.Get("why")) })
}

func (v *visit) setIncidentCall() error {
	in, err := v.r.ReadForm("name", "phone", "contact_version")
	if err != nil {
		return err
	}
	c := incident.Contact{Name: in.Get("name"), Phone: in.Get("phone")}
	if n, e := db.ParseID(in.Get("contact_version")); e == nil {
		c.Version = int64(n)
	}
	err = v.do("incident.contact", "incident", 0, func(tx *db.Tx) error { return v.Incidents.SetCall(tx, v.by, c) })
	if err == nil {
		return v.done("saved", "/admin/incidents")
	}
	if !mendable(err) {
		return err
	}
	return v.showIncidents(status(err), v.form(in, err, ""))
}
