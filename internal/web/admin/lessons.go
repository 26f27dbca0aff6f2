package admin

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/ops/lesson"
	"kassavalv/internal/spreadsheet"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) lessonRoutes() []web.Route {
	record, staff := web.Staff(auth.LessonsRead), web.Staff(auth.StaffWrite)
	return []web.Route{
		// No right stands in front of a lesson: it is how a right that waits comes back.
		a.page(get, "/admin/lessons", web.AnyStaff, (*visit).lessons),
		a.page(get, "/admin/lessons/{lesson}", web.AnyStaff, (*visit).lesson),
		a.page(post, "/admin/lessons/{lesson}/answers", web.AnyStaff, (*visit).answerLesson),
		a.page(get, "/admin/lessons/record", record, (*visit).lessonRecord),
		a.page(get, "/admin/lessons/record.csv", record, (*visit).lessonCSV),
		a.page(get, "/admin/lessons/record/{id}", record, (*visit).lessonMember),
		a.page(get, "/admin/lessons/needs", staff, (*visit).lessonNeeds),
		a.page(post, "/admin/lessons/needs", staff, (*visit).setLessonNeed),
	}
}

// lessonOf is the lesson that a refusal waits for; empty for other faults.
func lessonOf(f *fault.Error) string {
	if f == nil || f.Code != "lesson_needed" {
		return ""
	}
	id, _ := f.Extra["lesson"].(string)
	if _, ok := lesson.ByID(id); !ok {
		return ""
	}
	return id
}

// lessonState is where one stands with a lesson, as a cell.
func (v *visit) lessonState(s lesson.Standing) view.Cell {
	switch {
	case s.Late:
		return view.Cell{Text: v.t("lesson.late"), Badge: true, Tone: ui.Stop}
	case s.Open:
		return view.Cell{Text: v.t("lesson.todo"), Badge: true, Tone: ui.Wait}
	}
	return view.Cell{Text: v.t("lesson.done"), Badge: true, Tone: ui.OK}
}

// lessons lists the member's own.
func (v *visit) lessons() error {
	list, err := read(v, func(q *db.Reader) ([]lesson.Standing, error) { return v.Lessons.Mine(q, v.by) })
	if err != nil {
		return err
	}
	todo := view.Table{Caption: v.t("lesson.todo.title"), Empty: v.t("lesson.todo.none"), Cols: []ui.Column{{Text: v.t("col.lesson")}, {Text: v.t("col.takes")}, {Text: v.t("col.due_at")}, {Text: v.t("col.state")}}}
	done := view.Table{Caption: v.t("lesson.done.title"), Empty: v.t("lesson.done.none"), Cols: []ui.Column{{Text: v.t("col.lesson")}, {Text: v.t("col.passed")}, {Text: v.t("col.next_lesson")}}}
	for _, s := range list {
		t := s.Lesson.In(v.l)
		name := view.Cell{Text: t.Title, Sub: t.Lead, URL: "/admin/lessons/" + s.Lesson.ID}
		if s.Open {
			todo.Rows = append(todo.Rows, view.Row{Cells: []view.Cell{name, {Text: v.n("lesson.minutes", s.Lesson.Minutes(v.l))}, {Text: lang.DateYear(v.l, s.Due)}, v.lessonState(s)}})
			continue
		}
		done.Rows = append(done.Rows, view.Row{Cells: []view.Cell{name, {Text: lang.DateYear(v.l, s.Passed)}, {Text: lang.DateYear(v.l, s.Due)}}})
	}
	var head []view.Block
	if v.by.Has(auth.LessonsRead) {
		head = append(head, view.Go(v.l, v.t("lesson.record"), "/admin/lessons/record", false))
	}
	if v.by.Has(auth.StaffWrite) {
		head = append(head, view.Go(v.l, v.t("lesson.needs"), "/admin/lessons/needs", false))
	}
	s := view.Shell{Title: v.t("lesson.title"), Lead: v.t("lesson.lead")}
	if len(head) > 0 {
		s.Head = view.Group(head...)
	}
	return v.show(http.StatusOK, s, view.Panel("todo", v.t("lesson.todo.title"), view.TableBlock(v.l, todo)), view.Panel("done", v.t("lesson.done.title"), view.TableBlock(v.l, done)))
}

func (v *visit) lesson() error { return v.showLesson(http.StatusOK, view.Quiz{}, nil) }

// showLesson is the text and the questions; once passed, the questions with their answers.
func (v *visit) showLesson(code int, q view.Quiz, judge func(i int, a lesson.Asked, x *view.QuizQuestion)) error {
	id := v.r.PathValue("lesson")
	s, err := read(v, func(q *db.Reader) (lesson.Standing, error) { return v.Lessons.One(q, v.by, id) })
	if err != nil {
		return err
	}
	t := s.Lesson.In(v.l)
	var parts []view.LessonPart
	for _, p := range t.Parts {
		parts = append(parts, view.LessonPart(p))
	}
	path := "/admin/lessons/" + id
	shell := view.Shell{Title: t.Title, Lead: t.Lead, Crumbs: []ui.Link{{Text: v.t("lesson.title"), URL: "/admin/lessons"}, {Text: t.Title, URL: path}}}
	asked := lesson.Ask(s.Lesson, v.l, v.by.ID)
	if !s.Open && judge == nil {
		var key []view.Pair
		for _, a := range asked {
			for _, x := range a.Answers {
				if x.Right {
					key = append(key, view.Pair{Key: a.Text, Value: x.Text, Sub: x.Why})
				}
			}
		}
		said := v.t("lesson.passed.on", "date", lang.DateYear(v.l, s.Passed))
		if !s.Due.IsZero() {
			said = v.t("lesson.passed.next", "date", lang.DateYear(v.l, s.Passed), "next", lang.DateYear(v.l, s.Due))
		}
		return v.show(code, shell, view.Notice(ui.OK, said), view.Panel("", "", view.LessonText(parts)), view.Panel("answers", v.t("lesson.key"), view.Facts(v.l, key)))
	}
	q.Action, q.Submit, q.Hidden = path+"/answers", v.t("lesson.submit"), []view.Pair{{Key: "version", Value: strconv.FormatInt(s.Lesson.Version, 10)}}
	for i, a := range asked {
		x := view.QuizQuestion{Name: "q" + strconv.Itoa(i+1), Text: a.Text}
		for k, o := range a.Answers {
			x.Options = append(x.Options, ui.Option{Value: strconv.Itoa(k), Label: o.Text})
		}
		if judge != nil {
			judge(i, a, &x)
		}
		q.Questions = append(q.Questions, x)
	}
	text := view.Panel("", "", view.LessonText(parts))
	if judge != nil { // who has answered goes on with the questions; the text is a fold above them
		text = view.Fold(v.t("lesson.read_again"), false, view.LessonText(parts))
	}
	lead := v.t("lesson.questions.lead")
	return v.show(code, shell, text, view.Panel("questions", v.t("lesson.questions"), view.Quiet(lead), view.QuizBlock(v.l, q)))
}

// answerLesson judges the answers: all right leads on, anything else comes back with reasons.
func (v *visit) answerLesson() error {
	in, err := v.r.ReadForm("version", "q1", "q2", "q3", "q4", "q5")
	if err != nil {
		return err
	}
	id := v.r.PathValue("lesson")
	l, ok := lesson.ByID(id)
	if !ok {
		return fault.NotFound()
	}
	version, _ := strconv.ParseInt(in.Get("version"), 10, 64)
	asked := lesson.Ask(l, v.l, v.by.ID)
	chosen := make([]int, len(asked))
	for i := range chosen {
		chosen[i] = lesson.None
		if n, err := strconv.Atoi(in.Get("q" + strconv.Itoa(i+1))); err == nil && n >= 0 && n < len(asked[i].Answers) {
			chosen[i] = n
		}
	}
	r, err := act(v, "lesson.pass", "lesson", 0, func(tx *db.Tx) (lesson.Result, error) { return v.Lessons.Attempt(tx, v.by, id, version, chosen) })
	if err == nil && r.Passed {
		return v.done("lesson_passed", "/admin/lessons/"+id)
	}
	f := fault.As(err)
	if err != nil && !mendable(err) {
		return err
	}
	missing := f != nil && len(f.Fields) > 0
	if f != nil && !missing { // another version than the page showed
		return v.showLesson(status(err), view.Quiz{Said: v.sentence(f), Tone: ui.Wait}, func(int, lesson.Asked, *view.QuizQuestion) {})
	}
	q, code := view.Quiz{Said: v.n("lesson.some_right", r.Right, "of", len(asked)), Tone: ui.Wait}, http.StatusOK
	if missing {
		q.Said, code = v.n("lesson.missing", len(f.Fields)), status(err)
	}
	return v.showLesson(code, q, func(i int, a lesson.Asked, x *view.QuizQuestion) {
		if chosen[i] == lesson.None {
			x.Verdict, x.Tone, x.Why = v.t("lesson.unanswered"), ui.Wait, lang.T(v.l, "field.choose_one")
			return
		}
		x.Options[chosen[i]].Selected = true
		if missing {
			return
		}
		c := a.Answers[chosen[i]]
		x.Verdict, x.Tone, x.Why = v.t("lesson.not_right"), ui.Stop, c.Why
		if c.Right {
			x.Verdict, x.Tone, x.Why = v.t("lesson.right"), ui.OK, strings.TrimPrefix(c.Why, v.t("lesson.right")+". ")
		}
	})
}

func (v *visit) lessonRows() ([]lesson.Row, error) {
	return read(v, func(q *db.Reader) ([]lesson.Row, error) { return v.Lessons.Record(q, v.by) })
}

func lessonsDone(r lesson.Row) string {
	return strconv.Itoa(len(r.Standings)-r.Open) + "/" + strconv.Itoa(len(r.Standings))
}

// lessonRecord is everybody's, those who are late first.
func (v *visit) lessonRecord() error {
	rows, err := v.lessonRows()
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("lesson.record"), Empty: v.t("lesson.record.none"), Cols: []ui.Column{{Text: v.t("label.name")}, {Text: v.t("col.role")}, {Text: v.t("lesson.done"), Num: true}, {Text: v.t("col.next_lesson")}, {Text: v.t("col.state")}}}
	for _, r := range rows {
		next, state := "–", view.Cell{Text: v.t("lesson.all_done"), Badge: true, Tone: ui.OK}
		if len(r.Standings) > 0 && r.Open > 0 {
			next = lang.DateYear(v.l, r.Standings[0].Due)
			state = view.Cell{Text: v.t("lesson.todo"), Badge: true, Tone: ui.Wait}
		}
		if r.Late > 0 {
			state = view.Cell{Text: v.n("lesson.late_n", r.Late), Badge: true, Tone: ui.Stop}
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: r.Name, URL: "/admin/lessons/record/" + r.Member.ID.String()}, {Text: v.roleName(r.Member.Role, r.Member.RoleName)}, {Text: lessonsDone(r)}, {Text: next}, state}})
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("lesson.record"), Lead: v.t("lesson.record.lead"), Head: view.Go(v.l, v.t("lesson.csv"), "/admin/lessons/record.csv", false),
		Crumbs: []ui.Link{{Text: v.t("lesson.title"), URL: "/admin/lessons"}, {Text: v.t("lesson.record"), URL: "/admin/lessons/record"}}}, view.TableBlock(v.l, t))
}

// lessonMember is the record of one, to be shown or printed.
func (v *visit) lessonMember() error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	type one struct {
		r  lesson.Row
		ps []lesson.Pass
	}
	got, err := read(v, func(q *db.Reader) (o one, err error) { o.r, o.ps, err = v.Lessons.Of(q, v.by, id); return })
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("lesson.title"), Empty: v.t("lesson.todo.none"), Cols: []ui.Column{{Text: v.t("col.lesson")}, {Text: v.t("col.passed")}, {Text: v.t("col.next_lesson")}, {Text: v.t("col.state")}}}
	for _, s := range got.r.Standings {
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: s.Lesson.In(v.l).Title, URL: "/admin/lessons/" + s.Lesson.ID}, {Text: v.dayOnly(s)}, {Text: lang.DateYear(v.l, s.Due)}, v.lessonState(s)}})
	}
	h := view.Table{Caption: v.t("lesson.history"), Empty: v.t("lesson.done.none"), Cols: []ui.Column{{Text: v.t("col.at")}, {Text: v.t("col.lesson")}, {Text: v.t("col.version"), Num: true}, {Text: v.t("col.tries"), Num: true}}}
	for _, p := range got.ps {
		name := p.Lesson
		if l, ok := lesson.ByID(p.Lesson); ok {
			name = l.In(v.l).Title
		}
		h.Rows = append(h.Rows, view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, p.At)}, {Text: name}, {Text: lang.Number(v.l, p.Version)}, {Text: lang.Number(v.l, p.Tries)}}})
	}
	return v.show(http.StatusOK, view.Shell{Title: got.r.Name, Lead: v.roleName(got.r.Member.Role, got.r.Member.RoleName), Crumbs: []ui.Link{{Text: v.t("lesson.title"), URL: "/admin/lessons"}, {Text: v.t("lesson.record"), URL: "/admin/lessons/record"}, {Text: got.r.Name, URL: "/admin/lessons/record/" + id.String()}}},
		view.TableBlock(v.l, t), view.Panel("history", v.t("lesson.history"), view.TableBlock(v.l, h)))
}

func (v *visit) dayOnly(s lesson.Standing) string {
	if s.Passed.IsZero() {
		return "–"
	}
	return lang.DateYear(v.l, s.Passed)
}

// lessonCSV is the record as a file for a spreadsheet.
func (v *visit) lessonCSV() error {
	rows, err := v.lessonRows()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w := spreadsheet.New(&b)
	w.Row(v.t("label.name"), v.t("col.role"), v.t("col.lesson"), v.t("col.version"), v.t("col.passed"), v.t("col.due_at"), v.t("col.state"))
	for _, r := range rows {
		for _, s := range r.Standings {
			passed := ""
			if !s.Passed.IsZero() {
				passed = s.Passed.In(lang.Zone).Format("2006-01-02")
			}
			w.Row(r.Name, v.roleName(r.Member.Role, r.Member.RoleName), s.Lesson.In(v.l).Title, strconv.FormatInt(s.Lesson.Version, 10), passed, s.Due.In(lang.Zone).Format("2006-01-02"), v.lessonState(s).Text)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	web.Attach(v.w, v.t("lesson.csv.file")+".csv")
	return web.Bytes(v.w, v.r, http.StatusOK, spreadsheet.Type, b.Bytes())
}

func (v *visit) lessonNeeds() error { return v.showNeeds(http.StatusOK, ui.Form{}) }

// showNeeds lists the rights that demand a lesson, and the form that changes one.
func (v *visit) showNeeds(code int, f ui.Form) error {
	type all struct {
		needs []lesson.Need
		late  map[string]int
	}
	got, err := read(v, func(q *db.Reader) (o all, err error) {
		if o.late, err = v.Lessons.Waiting(q, v.by); err == nil {
			o.needs, err = lesson.Needs(q)
		}
		return o, err
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("lesson.needs"), Empty: v.t("lesson.needs.none"), Cols: []ui.Column{{Text: v.t("col.right")}, {Text: v.t("col.lesson")}, {Text: v.t("label.grace")}, {Text: v.t("col.late_now"), Num: true}}}
	form := view.Form{Action: "/admin/lessons/needs", Submit: v.t("save"), Form: f}
	for _, n := range got.needs {
		title := n.Lesson
		if l, ok := lesson.ByID(n.Lesson); ok {
			title = l.In(v.l).Title
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: v.word("right.", string(n.Right))}, {Text: title, URL: "/admin/lessons/" + n.Lesson}, {Text: v.n("lesson.days", n.Grace)}, {Text: lang.Number(v.l, int64(got.late[n.Lesson]))}}})
		form.Hidden = append(form.Hidden, view.Pair{Key: "version." + string(n.Right), Value: strconv.FormatInt(n.Version, 10)})
	}
	none := []ui.Option{{Value: "none", Label: v.t("lesson.needs.no_lesson")}}
	for _, l := range lesson.All() {
		none = append(none, ui.Option{Value: l.ID, Label: l.In(v.l).Title})
	}
	form.Fields = []view.Field{
		{Kind: view.Select, Input: ui.Input{Name: "right", Label: v.t("col.right")}, Options: options(v, "right.", auth.AllRights...)},
		{Kind: view.Select, Input: ui.Input{Name: "lesson", Label: v.t("col.lesson")}, Options: none},
		{Input: ui.Input{Name: "grace", Label: v.t("label.grace"), Hint: v.t("lesson.grace.hint"), Value: "7", InputMode: "numeric", Max: 2, Short: true}},
	}
	change := v.locked("/admin/lessons/needs")
	if v.fresh() || f.Failed() {
		change = view.FormBlock(v.l, form)
	}
	return v.show(code, view.Shell{Title: v.t("lesson.needs"), Lead: v.t("lesson.needs.lead"), Crumbs: []ui.Link{{Text: v.t("lesson.title"), URL: "/admin/lessons"}, {Text: v.t("lesson.needs"), URL: "/admin/lessons/needs"}}},
		view.TableBlock(v.l, t), view.Panel("change", v.t("lesson.needs.change"), change))
}

func (v *visit) setLessonNeed() error {
	in, err := v.r.ReadForm("right", "lesson", "grace", "version.")
	if err != nil {
		return err
	}
	n := lesson.Need{Right: auth.Right(in.Get("right")), Lesson: in.Get("lesson")}
	if n.Lesson == "none" {
		n.Lesson = ""
	}
	n.Version, _ = strconv.ParseInt(in.Get("version."+in.Get("right")), 10, 64)
	if n.Grace, err = strconv.Atoi(strings.TrimSpace(in.Get("grace"))); err != nil {
		err = fault.Invalid(fault.Field{Pointer: "/grace", Code: "bad_number"})
	}
	if err == nil {
		err = v.do("lesson.need", "lesson", 0, func(tx *db.Tx) error { return v.Lessons.SetNeed(tx, v.by, n) })
	}
	if err == nil {
		return v.done("saved", "/admin/lessons/needs")
	}
	if !mendable(err) {
		return err
	}
	return v.showNeeds(status(err), v.form(in, err, ""))
}
