package admin

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/privacy"
	"kassavalv/internal/spreadsheet"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// privacyRoutes: who answers people's requests about their details. No detail is shown here: the
// answer is the person's own page.
func (a *Admin) privacyRoutes() []web.Route {
	write := web.Staff(auth.PrivacyWrite)
	return []web.Route{
		a.page(get, "/admin/privacy", write, (*visit).privacyRequests),
		a.page(get, "/admin/privacy/new", write, (*visit).newPrivacyRequest),
		a.page(post, "/admin/privacy/new", write, (*visit).takePrivacyRequest),
		a.page(get, "/admin/privacy/register", write, (*visit).privacyRegister),
		a.page(get, "/admin/privacy/register/{format}", write, (*visit).privacyRegisterFile),
		a.page(get, "/admin/privacy/{id}", write, (*visit).privacyRequest),
		a.page(post, "/admin/privacy/{id}/answer", write, (*visit).answerPrivacy),
		a.page(post, "/admin/privacy/{id}/extend", write, (*visit).extendPrivacy),
		a.page(post, "/admin/privacy/{id}/carry", write, (*visit).carryPrivacy),
		a.page(post, "/admin/privacy/{id}/notice", write, (*visit).markPrivacyNotice),
	}
}

const privacyHome = "/admin/privacy"

func privacyPath(id db.ID) string { return privacyHome + "/" + id.String() }

// p is the sentence of a key of people's rights.
func (v *visit) p(key string, kv ...any) string { return lang.T(v.l, "privacy."+key, kv...) }

// kindOf names a request's kind.
func (v *visit) kindOf(kind string) string { return lang.T(v.l, "privacy.kind."+kind) }

var privacyTones = map[privacy.State]ui.Tone{privacy.Asked: ui.Wait, privacy.Waiting: ui.Wait, privacy.Done: ui.OK, privacy.Refused: ui.Plain, privacy.Cancelled: ui.Plain}

func (v *visit) privacyTable(caption, empty string, rs []privacy.Request, now time.Time) view.Table {
	t := view.Table{Caption: caption, Empty: empty, Cols: []ui.Column{{Text: v.p("office.kind")}, {Text: v.p("office.asked")}, {Text: v.p("office.due")}, {Text: v.p("office.state")}, {Text: v.p("office.by")}}}
	for _, r := range rs {
		by := v.p("office.self")
		if r.AskedBy == "staff" {
			by = v.word("actor.", "staff")
		}
		row := view.Row{Cells: []view.Cell{{Text: v.kindOf(r.Kind), URL: privacyPath(r.ID)}, {Text: lang.DateYear(v.l, r.Asked)}, {Text: lang.DateYear(v.l, r.Due)},
			{Text: lang.T(v.l, "privacy.state."+string(r.State)), Badge: true, Tone: privacyTones[r.State]}, {Text: by}}}
		if r.Urgent(now) {
			row.Tone = ui.Stop
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// privacyRequests lists what is owed an answer, the most urgent first, and below it all that was asked.
func (v *visit) privacyRequests() error {
	_, before, _, err := v.listQuery(nil)
	if err != nil {
		return err
	}
	type list struct {
		open, all []privacy.Request
		now       time.Time
	}
	got, err := read(v, func(q *db.Reader) (l list, err error) {
		l.now = q.LegalNow()
		if l.open, err = privacy.OpenRequests(q, v.by, 100); err != nil {
			return l, err
		}
		l.all, err = privacy.List(q, v.by, before, pageSize+1)
		return l, err
	})
	if err != nil {
		return err
	}
	open := v.privacyTable(v.p("office.title"), v.p("office.none"), got.open, got.now)
	all := v.privacyTable(v.p("office.all"), v.p("office.all.none"), nil, got.now)
	all.Rows = v.privacyTable("", "", paged(&all, got.all, before, func(r privacy.Request) db.ID { return r.ID }, privacyHome), got.now).Rows
	s := view.Shell{Title: v.p("office.title"), Lead: v.p("office.lead"), Head: view.Go(v.l, v.p("office.new"), privacyHome+"/new", true)}
	return v.show(http.StatusOK, s, view.TableBlock(v.l, open), view.Panel("", v.p("office.all"), view.TableBlock(v.l, all)),
		view.Go(v.l, v.p("office.register"), privacyHome+"/register", false))
}

func (v *visit) privacyCrumbs(title, path string) []ui.Link {
	return []ui.Link{{Text: v.p("office.title"), URL: privacyHome}, {Text: title, URL: path}}
}

// newPrivacyRequest is the form of a request that somebody wrote or called about.
func (v *visit) newPrivacyRequest() error { return v.showNewPrivacy(http.StatusOK, ui.Form{}) }

func (v *visit) showNewPrivacy(code int, form ui.Form) error {
	if err := v.by.Need(auth.PrivacyWrite); err != nil {
		return err
	}
	var kinds []ui.Option
	for _, k := range privacy.Kinds {
		kinds = append(kinds, ui.Option{Value: k, Label: v.kindOf(k), Selected: k == form.Value("kind")})
	}
	title, path := v.p("office.new"), privacyHome+"/new"
	f := view.Form{Action: path, Submit: v.p("office.take"), Form: form, Fields: []view.Field{
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "kind", Label: v.p("office.kind"), Needed: true}, Options: kinds},
		{Half: true, Input: ui.Input{Name: "asked_on", Label: v.p("office.asked_on"), Type: "date", Value: dayField(time.Now()), Short: true, Needed: true}},
		{Half: true, Input: ui.Input{Name: "email", Label: v.p("office.email"), Type: "email", Max: 254, Autocomplete: "off", NoSpell: true, Needed: true}},
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "lang", Label: v.t("label.lang"), Value: string(lang.SV)}, Options: options(v, "lang.", lang.SV, lang.EN)},
		{Kind: view.Area, Input: ui.Input{Name: "text", Label: v.p("office.text"), Rows: 4, Max: 5000, Optional: true}}}}
	return v.show(code, view.Shell{Title: title, Lead: v.p("office.new.lead"), Crumbs: v.privacyCrumbs(title, path)}, view.Panel("", "", view.FormBlock(v.l, f)))
}

func (v *visit) takePrivacyRequest() error {
	in, err := v.r.ReadForm("kind", "asked_on", "email", "lang", "text")
	if err != nil {
		return err
	}
	l := lang.SV
	if in.Get("lang") == string(lang.EN) {
		l = lang.EN
	}
	x := privacy.OnBehalf{Kind: in.Get("kind"), Mail: in.Get("email"), Text: in.Get("text"), Lang: l}
	if day, ok := date(in.Get("asked_on")); !ok || day.IsZero() {
		x.Asked = time.Now().AddDate(100, 0, 0) // no day at all: refused like one that lies ahead
	} else if day.Before(time.Now().AddDate(0, 0, -1)) {
		x.Asked = day
	}
	r, err := act(v, "privacy.ask", "privacy_request", 0, func(tx *db.Tx) (privacy.Request, error) { return v.Privacy.TakeDown(tx, v.by, x) })
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showNewPrivacy(status(err), v.form(in, err, ""))
	}
	return v.done("privacy_taken", privacyPath(r.ID))
}

// privacyRequest is one request: its clock, what stands in the way, whom to tell.
func (v *visit) privacyRequest() error { return v.showPrivacy(http.StatusOK, "", ui.Form{}) }

func (v *visit) showPrivacy(code int, of string, form ui.Form) error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	type file struct {
		r       privacy.Request
		c       privacy.Contact
		gone    bool
		answer  string
		scope   hold.Scope
		matters []hold.Matter
		notices []privacy.Notice
		now     time.Time
	}
	f, err := read(v, func(q *db.Reader) (f file, err error) {
		f.now = q.LegalNow()
		if f.r, err = privacy.One(q, v.by, id); err != nil {
			return f, err
		}
		if f.c, err = privacy.ContactOf(q, v.Vault, f.r); errors.Is(err, secret.ErrErased) {
			f.gone, err = true, nil
		}
		if err != nil {
			return f, err
		}
		if !f.gone {
			if f.answer, err = privacy.AnswerOf(q, v.Vault, f.r); err != nil {
				return f, err
			}
		}
		if f.scope, f.matters, err = v.Privacy.Matching(q, v.by, f.r); err != nil {
			return f, err
		}
		f.notices, err = privacy.NoticesOf(q, id)
		return f, err
	})
	if err != nil {
		return err
	}
	if !f.gone { // the words and the address of the person are read, and recorded before they are shown
		if err := db.Do(v.ctx(), v.DB, func(tx *db.Tx) error {
			return v.by.Looked(tx, f.r.Person, "privacy_request", id, "privacy_request", "email", "text")
		}); err != nil {
			return err
		}
	}
	r := f.r
	facts := []view.Pair{{Key: v.p("office.state"), Value: lang.T(v.l, "privacy.state."+string(r.State))}, {Key: v.p("office.asked"), Value: lang.DateYear(v.l, r.Asked)}}
	if r.Open() {
		due := view.Pair{Key: v.p("office.due"), Value: lang.DateYear(v.l, r.Due)}
		if r.Urgent(f.now) {
			due.Block = view.Badge(ui.Stop, lang.DateYear(v.l, r.Due))
		}
		facts = append(facts, due)
	} else {
		facts = append(facts, view.Pair{Key: lang.T(v.l, "privacy.request.answer"), Value: lang.DateYear(v.l, r.Answered)})
	}
	if !f.gone {
		facts = append(facts, view.Pair{Key: v.p("office.email"), Value: f.c.Mail})
	}
	if r.Kind == privacy.Erase && r.State == privacy.Done {
		facts = append(facts, view.Pair{Key: v.kindOf(privacy.Erase), Value: lang.T(v.l, "privacy.request.erased", "date", lang.DateYear(v.l, r.Answered), "gone", lang.DateYear(v.l, r.GoneBy()))})
		if !r.BooksUntil.IsZero() {
			facts = append(facts, view.Pair{Key: lang.T(v.l, "data.books.name"), Value: lang.T(v.l, "privacy.request.books", "date", lang.DateYear(v.l, r.BooksUntil.AddDate(0, 0, -1)))})
		}
	}
	main := []view.Block{view.Panel("", v.kindOf(r.Kind), view.Facts(v.l, facts))}
	if f.gone {
		main = append(main, view.Quiet(v.p("office.gone")))
	} else if f.c.Text != "" {
		main = append(main, view.Panel("", v.p("office.words"), view.Words(f.c.Text)))
	}
	if f.answer != "" {
		main = append(main, view.Panel("", lang.T(v.l, "privacy.request.answer"), view.Words(f.answer)))
	}
	if len(f.matters) > 0 {
		var items []string
		for _, m := range f.matters {
			items = append(items, lang.T(v.l, "privacy.open."+m.Kind, "about", m.About))
		}
		main = append(main, view.Panel("", v.p("office.first"), view.List(items)))
	}
	if len(f.notices) > 0 {
		t := view.Table{Caption: v.p("office.tell"), Cols: []ui.Column{{Text: v.t("col.who")}, {Text: v.p("office.state")}, {}}}
		for _, n := range f.notices {
			c := view.Cell{}
			if n.State == privacy.ToTell {
				mark := func(state, text string) view.Block {
					return view.ButtonForm(v.l, view.Button{Action: privacyPath(id) + "/notice", Text: text, Title: text + ": " + n.Recipient, Hidden: []view.Pair{{Key: "recipient", Value: n.Recipient}, {Key: "state", Value: state}}})
				}
				c.Block = view.Group(mark(privacy.Told, v.p("office.tell.told")), mark(privacy.Needless, v.p("office.tell.needless")))
			}
			t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: n.Recipient, Sub: lang.T(v.l, "data.to."+n.Role)}, {Text: lang.T(v.l, "privacy.notice."+n.State)}, c}})
		}
		main = append(main, view.Panel("tell", v.p("office.tell"), view.Quiet(v.p("office.tell.lead")), view.TableBlock(v.l, t)))
	}
	if r.Open() {
		main = append(main, v.privacyActs(r, of, form)...)
	}
	title := v.p("office.one", "kind", v.kindOf(r.Kind))
	s := view.Shell{Title: title, Crumbs: v.privacyCrumbs(title, privacyPath(id))}
	if r.Open() {
		s.Lead = v.p("office.scope", "persons", lang.Number(v.l, int64(len(f.scope.Persons))), "orders", lang.Number(v.l, int64(len(f.scope.Orders))))
	}
	return v.show(code, s, main...)
}

func (v *visit) privacyActs(r privacy.Request, of string, form ui.Form) []view.Block {
	back := func(name string) ui.Form {
		if name == of {
			return form
		}
		return ui.Form{}
	}
	path := privacyPath(r.ID)
	area := func(name, label string) view.Field {
		return view.Field{Kind: view.Area, Input: ui.Input{Name: name, Label: label, Rows: 4, Max: 5000, Needed: true}}
	}
	answer := view.Fold(v.p("office.answer"), of == "answer" || of == "", view.Group(view.Quiet(v.p("office.answer.lead")), view.FormBlock(v.l, view.Form{Action: path + "/answer", Submit: v.p("office.answer"), Form: back("answer"), Fields: []view.Field{
		area("text", v.p("office.answer.text")), {Kind: view.Box, Input: ui.Input{Name: "refuse", Label: v.p("office.refuse"), Value: "1"}}}})))
	out := []view.Block{answer}
	switch r.Kind {
	case privacy.Erase, privacy.Restrict, privacy.Unrestrict, privacy.Object, privacy.Unobject, privacy.Withdraw:
		fields := []view.Field{area("how", v.p("office.carry.how"))}
		submit := v.p("office.carry")
		if r.Kind == privacy.Erase {
			fields, submit = append(fields, v.proofField()...), v.p("office.carry.erase")
		}
		out = append(out, view.Fold(v.p("office.carry"), of == "carry", view.Group(view.Quiet(v.p("office.carry.lead")), view.FormBlock(v.l, view.Form{Action: path + "/carry", Submit: submit, Danger: r.Kind == privacy.Erase, Form: back("carry"), Fields: fields}), v.proofLink(path))))
	}
	if r.Extended.IsZero() {
		out = append(out, view.Fold(v.p("office.extend"), of == "extend", view.Group(view.Quiet(v.p("office.extend.lead")), view.FormBlock(v.l, view.Form{Action: path + "/extend", Submit: v.p("office.extend"), Quiet: true, Form: back("extend"), Fields: []view.Field{area("reason", v.p("office.extend.why"))}}))))
	}
	return out
}

// onPrivacy runs an act on a request.
func (v *visit) onPrivacy(name, said string, fields []string, fn func(tx *db.Tx, id db.ID, in web.Values) error) error {
	in, err := v.r.ReadForm(append(fields, "totp")...)
	if err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if err = v.prove(in.Get("totp")); err == nil {
		err = v.do("privacy."+name, "privacy_request", id, func(tx *db.Tx) error { return fn(tx, id, in) })
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showPrivacy(status(err), name, v.form(in, err, ""))
	}
	return v.done(said, privacyPath(id))
}

func (v *visit) answerPrivacy() error {
	return v.onPrivacy("answer", "privacy_answered", []string{"text", "refuse"}, func(tx *db.Tx, id db.ID, in web.Values) error {
		_, err := v.Privacy.Answer(tx, v.by, id, in.Get("text"), in.Get("refuse") != "")
		return err
	})
}

func (v *visit) extendPrivacy() error {
	return v.onPrivacy("extend", "saved", []string{"reason"}, func(tx *db.Tx, id db.ID, in web.Values) error {
		_, err := v.Privacy.Extend(tx, v.by, id, in.Get("reason"))
		return err
	})
}

func (v *visit) carryPrivacy() error {
	return v.onPrivacy("carry", "privacy_carried", []string{"how"}, func(tx *db.Tx, id db.ID, in web.Values) error {
		_, err := v.Privacy.Carry(tx, v.by, id, in.Get("how"))
		return err
	})
}

func (v *visit) markPrivacyNotice() error {
	return v.onPrivacy("notice", "saved", []string{"recipient", "state"}, func(tx *db.Tx, id db.ID, in web.Values) error {
		return v.Privacy.MarkNotice(tx, v.by, id, in.Get("recipient"), in.Get("state"))
	})
}

// privacyRegister is the register of processing (art. 30) as a page.
func (v *visit) privacyRegister() error {
	if err := v.by.Need(auth.PrivacyWrite); err != nil {
		return err
	}
	title, path := v.p("office.register"), privacyHome+"/register"
	blocks := []view.Block{view.Group(view.Go(v.l, v.p("office.register.csv"), path+"/csv", false), view.Go(v.l, v.p("office.register.json"), path+"/json", false))}
	for _, x := range v.Privacy.Register(v.l, "") {
		var facts []view.Pair
		for _, f := range []view.Pair{{Key: "who", Value: x.Who}, {Key: "why", Value: x.Why}, {Key: "what", Value: x.What}, {Key: "basis", Value: x.Basis}, {Key: "kept", Value: x.Kept}, {Key: "from", Value: x.From}, {Key: "to", Value: x.To}, {Key: "guard", Value: x.Guard}} {
			facts = append(facts, view.Pair{Key: lang.T(v.l, "data.column."+f.Key), Value: f.Value})
		}
		blocks = append(blocks, view.Panel("", x.Name, view.Facts(v.l, facts)))
	}
	return v.show(http.StatusOK, view.Shell{Title: title, Lead: v.p("office.register.lead"), Crumbs: v.privacyCrumbs(title, path)}, blocks...)
}

// privacyRegisterFile is the register as a file: csv or json.
func (v *visit) privacyRegisterFile() error {
	if err := v.by.Need(auth.PrivacyWrite); err != nil {
		return err
	}
	var b bytes.Buffer
	kind := ""
	switch v.r.PathValue("format") {
	case "csv":
		kind = spreadsheet.Type
		if err := v.Privacy.WriteCSV(&b, v.l); err != nil {
			return err
		}
	case "json":
		kind = "application/json"
		c, err := read(v, func(q *db.Reader) (content.CompanyFacts, error) { return content.Company(q) })
		if err != nil {
			return err
		}
		if err := v.Privacy.WriteJSON(&b, v.l, map[string]string{"name": c.Name, "org_number": c.OrgNumber, "street": c.Street, "postal_code": c.PostalCode, "city": c.City, "mail": c.Mail, "phone": c.Phone}); err != nil {
			return err
		}
	default:
		return fault.NotFound()
	}
	web.Attach(v.w, "register."+v.r.PathValue("format"))
	return web.Bytes(v.w, v.r, http.StatusOK, kind, b.Bytes())
}
