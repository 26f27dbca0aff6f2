package storefront

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/privacy"
	"kassavalv/internal/web"
	"kassavalv/internal/web/reading"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

const dataHome = "/account/data"

// readsPage is how many readings a page shows.
const readsPage = 20

// subject is the visitor as the one who uses his rights.
func subject(r *web.Request) privacy.Subject {
	v := Visitor(r.Context())
	return privacy.Subject{Mail: v.Email, By: v.By(), Lang: r.Lang, Fresh: v.Fresh}
}

// right carries out a right of the visitor in a transaction; a refusal is recorded.
func right[T any](s *Store, r *web.Request, action string, fn func(tx *db.Tx, who privacy.Subject) (T, error)) (T, error) {
	who := subject(r)
	return auth.Act(r.Context(), s.DB, who.By, action, "privacy_request", 0, func(tx *db.Tx) (T, error) { return fn(tx, who) })
}

// data is "/account/data": all that is kept of the visitor, why, and what he can do about it.
func (s *Store) data(w http.ResponseWriter, r *web.Request) error {
	return s.showData(w, r, http.StatusOK, "")
}

func (s *Store) showData(w http.ResponseWriter, r *web.Request, status int, trouble string) error {
	l, who, flash := r.Lang, subject(r), r.TakeFlash(w)
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.Data, err error) {
		if p.Member, err = s.member(q, r, dataHome); err != nil {
			return p, err
		}
		scope, records, err := s.Privacy.See(q, who)
		if err != nil {
			return p, err
		}
		p.Categories = s.dataCategories(l, records)
		st, err := s.Privacy.StandingOf(q, scope)
		if err != nil {
			return p, err
		}
		p.Newsletter, p.Restricted, p.Objected = st.Newsletter, st.Limits.Restricted, st.Limits.Objected
		handed, err := s.Privacy.HandedOf(q, scope)
		if err != nil {
			return p, err
		}
		p.Handed = processors(l, handed)
		mine, err := s.Privacy.Mine(q, who)
		if err != nil {
			return p, err
		}
		for _, x := range mine {
			row := view.RequestRow{Path: "/privacy/" + x.Token(s.Vault), Kind: lang.T(l, "privacy.kind."+x.Kind), State: lang.T(l, "privacy.state."+string(x.State)), Tone: requestTone(x.State), At: x.Asked}
			if x.Open() {
				row.Cancel = dataHome + "/requests/" + x.ID.String() + "/cancel"
			}
			p.Requests = append(p.Requests, row)
		}
		p.Fresh = Visitor(r.Context()).IsFresh(q.Now())
		return p, nil
	})
	if err != nil {
		return err
	}
	if p.Trouble = trouble; flash != "" {
		p.Shell.Flash = lang.T(l, flash)
	}
	return web.HTML(w, r, status, view.DataPage(p))
}

func requestTone(s privacy.State) ui.Tone {
	switch s {
	case privacy.Asked, privacy.Waiting:
		return ui.Wait
	case privacy.Done:
		return ui.OK
	}
	return ui.Plain
}

// dataCategories puts records under the categories of the map, in its order.
func (s *Store) dataCategories(l lang.Lang, records []hold.Record) (out []view.DataCategory) {
	of := map[string][]view.DataRecord{}
	for _, r := range records {
		x := view.DataRecord{About: r.About, At: r.At, Until: r.Until}
		if key := "privacy.kind." + r.About; r.Category == "privacy" && lang.Has(key) {
			x.About = lang.T(l, key)
		}
		for _, d := range r.Details {
			x.Details = append(x.Details, view.Pair{Key: lang.T(l, "data.class."+string(d.Class)), Value: d.Value})
		}
		of[r.Category] = append(of[r.Category], x)
	}
	for _, c := range datamap.Categories() {
		if rs := of[c.Key]; len(rs) > 0 {
			w := s.Privacy.Describe(l, c)
			out = append(out, view.DataCategory{Name: w.Name, Why: w.Why, Basis: w.Basis, Kept: w.Kept, From: w.From, Shared: w.To, Records: rs})
		}
	}
	return out
}

// processorName names somebody outside as people know him.
func processorName(l lang.Lang, name, role string) string {
	if key := "reading.processor." + name; lang.Has(key) {
		return lang.T(l, key)
	}
	if key := "data.to." + role; lang.Has(key) {
		return name + " (" + lang.T(l, key) + ")"
	}
	return name
}

func processors(l lang.Lang, ps []privacy.Processor) (out []string) {
	for _, p := range ps {
		out = append(out, processorName(l, p.Name, p.Role))
	}
	return out
}

// onData answers an act on the page of one's details: done, a trouble told on the page, or a proof asked for first.
func (s *Store) onData(w http.ResponseWriter, r *web.Request, err error, flash string) error {
	f := fault.As(err)
	switch {
	case fault.Is(err, "step_up"):
		return web.SeeOther(w, r, loginPath(dataHome, true))
	case f != nil && (f.Kind == fault.Unprocessable || f.Kind == fault.Clash || f.Kind == fault.TooManyKind):
		retryAfter(w, f)
		return s.showData(w, r, f.Kind.Status(), sentence(r.Lang, f))
	case err != nil:
		return err
	}
	web.SetFlash(w, flash)
	return web.SeeOther(w, r, dataHome)
}

// sentence is what a refusal says, its first field's words when it has any.
func sentence(l lang.Lang, f *fault.Error) string {
	if len(f.Fields) > 0 {
		return lang.TArgs(l, f.Fields[0].SentenceKey(), f.Fields[0].Args)
	}
	return lang.TArgs(l, f.SentenceKey(), f.Args)
}

// prepareExport is POST /account/data/export: it makes the link, and leads to it.
func (s *Store) prepareExport(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("format")
	if err != nil {
		return err
	}
	token, err := right(s, r, "privacy.ask", s.Privacy.PrepareExport)
	if err != nil {
		return s.onData(w, r, err, "")
	}
	to := dataHome + "/export/" + token
	if in.Get("format") == "json" {
		to += "?format=json"
	}
	return web.SeeOther(w, r, to)
}

// takeExport is GET /account/data/export/{token}: everything, once. Who only asks for the header has not fetched it.
func (s *Store) takeExport(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadQuery("format")
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		return fault.NotFound()
	}
	f, err := right(s, r, "privacy.export", func(tx *db.Tx, who privacy.Subject) (privacy.File, error) {
		return s.Privacy.TakeExport(tx, who, r.PathValue("token"))
	})
	if err != nil {
		return err
	}
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.DataExport, err error) {
		p.Member, err = s.member(q, r, dataHome)
		return p, err
	})
	if err != nil {
		return err
	}
	f.Shop = or(p.Shell.Company.Name, p.Shell.Company.Shop)
	if in.Get("format") == "json" {
		b, err := json.MarshalIndent(f, "", "  ")
		if err != nil {
			return err
		}
		web.Attach(w, lang.T(r.Lang, "privacy.export.name")+".json")
		return web.Bytes(w, r, http.StatusOK, "application/json", b)
	}
	p.Made, p.Shop, p.Categories, p.Handed = f.Made, f.Shop, s.dataCategories(r.Lang, f.Records), processors(r.Lang, f.Handed)
	return web.HTML(w, r, http.StatusOK, view.DataExportPage(p))
}

var correctFields = []string{"name", "phone", "care_of", "line1", "line2", "postal_code", "city", "door_code"}

// correcting is "/account/data/correct".
func (s *Store) correcting(w http.ResponseWriter, r *web.Request) error {
	return s.showCorrect(w, r, http.StatusOK, ui.Form{})
}

func (s *Store) showCorrect(w http.ResponseWriter, r *web.Request, status int, form ui.Form) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.DataCorrect, err error) {
		p.Form = form
		p.Member, err = s.member(q, r, dataHome+"/correct")
		return p, err
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, status, view.DataCorrectPage(p))
}

// correct is POST /account/data/correct.
func (s *Store) correct(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm(correctFields...)
	if err != nil {
		return err
	}
	c := hold.Correction{Name: in.Get("name"), Phone: in.Get("phone"), CareOf: in.Get("care_of"), Line1: in.Get("line1"), Line2: in.Get("line2"), PostalCode: in.Get("postal_code"), City: in.Get("city"), DoorCode: in.Get("door_code")}
	_, err = right(s, r, "privacy.ask", func(tx *db.Tx, who privacy.Subject) (privacy.Request, error) { return s.Privacy.CorrectNow(tx, who, c) })
	if f := fault.As(err); f != nil && (f.Kind == fault.Unprocessable || f.Kind == fault.Clash) {
		typed := url.Values{}
		for _, k := range correctFields {
			typed.Set(k, in.Get(k))
		}
		return s.showCorrect(w, r, f.Kind.Status(), plainNames(ui.FormOf(r.Lang, typed, err)))
	}
	return s.onData(w, r, err, "flash.data_corrected")
}

// plainNames gives errors about parts of an address the names of the form's fields.
func plainNames(f ui.Form) ui.Form {
	for i, e := range f.Errors {
		if len(e.Name) > 8 && e.Name[:8] == "address/" {
			f.Errors[i].Name = e.Name[8:]
		}
	}
	return f
}

// limit is POST /account/data/limit: a restriction or an objection, set or lifted.
func (s *Store) limit(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("kind", "why")
	if err != nil {
		return err
	}
	_, err = right(s, r, "privacy.ask", func(tx *db.Tx, who privacy.Subject) (privacy.Request, error) {
		return s.Privacy.LimitNow(tx, who, in.Get("kind"), in.Get("why"))
	})
	return s.onData(w, r, err, "flash.data_limited")
}

// stopNews is POST /account/data/newsletter: the yes is taken back.
func (s *Store) stopNews(w http.ResponseWriter, r *web.Request) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	_, err := right(s, r, "privacy.ask", s.Privacy.WithdrawNow)
	return s.onData(w, r, err, "flash.data_news_stopped")
}

// cancelRequest is POST /account/data/requests/{id}/cancel.
func (s *Store) cancelRequest(w http.ResponseWriter, r *web.Request) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	id, err := db.ParseID(r.PathValue("id"))
	if err != nil {
		return fault.NotFound()
	}
	_, err = right(s, r, "privacy.cancel", func(tx *db.Tx, who privacy.Subject) (struct{}, error) {
		return struct{}{}, s.Privacy.Cancel(tx, who, id)
	})
	return s.onData(w, r, err, "flash.data_cancelled")
}

// erasing is "/account/data/erase", the first step: what is lost, what stays, what must end first. It asks for fresh
// proof already here, so that nobody reads it all and is then sent away.
func (s *Store) erasing(w http.ResponseWriter, r *web.Request) error {
	return s.showErase(w, r, http.StatusOK, dataHome+"/erase", ui.Form{})
}

// sureErase is "/account/data/erase/confirm", the second step.
func (s *Store) sureErase(w http.ResponseWriter, r *web.Request) error {
	return s.showErase(w, r, http.StatusOK, dataHome+"/erase/confirm", ui.Form{})
}

func (s *Store) showErase(w http.ResponseWriter, r *web.Request, status int, path string, form ui.Form) error {
	if !Visitor(r.Context()).IsFresh(r.Now()) {
		return web.SeeOther(w, r, loginPath(dataHome+"/erase", true))
	}
	l := r.Lang
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.DataErase, err error) {
		p.Form = form
		if p.Member, err = s.member(q, r, path); err != nil {
			return p, err
		}
		plan, err := s.Privacy.PlanErase(q, subject(r))
		if err != nil {
			return p, err
		}
		for _, m := range plan.Matters {
			p.First = append(p.First, lang.T(l, "privacy.open."+m.Kind, "about", m.About))
		}
		for _, x := range plan.Losses {
			date := ""
			if !x.Until.IsZero() {
				date = lang.DateYear(l, x.Until)
			}
			p.Losses = append(p.Losses, view.LossRow{Text: lang.T(l, "privacy.loss."+x.Kind, "about", x.About, "date", date), About: x.About, Link: x.Link})
		}
		p.BooksUntil, p.GoneBy, p.Handed = plan.BooksUntil, plan.GoneBy, processors(l, plan.Handed)
		return p, nil
	})
	if err != nil {
		return err
	}
	if path == dataHome+"/erase" {
		return web.HTML(w, r, status, view.DataErasePage(p))
	}
	return web.HTML(w, r, status, view.DataSurePage(p))
}

// erase is POST /account/data/erase/confirm. What is done is told on the request's own page: whoever was signed
// in no longer is.
func (s *Store) erase(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("sure")
	if err != nil {
		return err
	}
	req, err := right(s, r, "privacy.erase", func(tx *db.Tx, who privacy.Subject) (privacy.Request, error) {
		return s.Privacy.ConfirmErase(tx, who, in.Get("sure") != "")
	})
	f := fault.As(err)
	switch {
	case fault.Is(err, "step_up"):
		return web.SeeOther(w, r, loginPath(dataHome+"/erase", true))
	case f != nil && f.Kind == fault.Unprocessable:
		return s.showErase(w, r, f.Kind.Status(), dataHome+"/erase/confirm", ui.FormOf(r.Lang, nil, err))
	case err != nil:
		return err
	}
	if req.State == privacy.Done {
		leave(w)
		web.ClearCookie(w, web.CookieLogin)
		web.ClearCookie(w, web.CookieCart)
	}
	return web.SeeOther(w, r, "/privacy/"+req.Token(s.Vault))
}

// dataReadings is "/account/data/readings": who has read the visitor's details.
func (s *Store) dataReadings(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery("before")
	if err != nil {
		return err
	}
	before, _ := db.ParseID(qv.Get("before")) // anything else is the first page
	v := Visitor(r.Context())
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.DataReadings, err error) {
		if p.Member, err = s.member(q, r, dataHome+"/readings"); err != nil {
			return p, err
		}
		scope, err := s.Privacy.Scope(q, v.Email)
		if err != nil {
			return p, err
		}
		scope.Person(v.Person)
		as, err := audit.Readings(q, scope.Persons, before, readsPage+1)
		if err != nil {
			return p, err
		}
		if len(as) > readsPage {
			as = as[:readsPage]
			p.Next = dataHome + "/readings?before=" + as[readsPage-1].ID.String()
		}
		for _, a := range as {
			p.Reads = append(p.Reads, readSentence(r.Lang, reading.Of(r.Lang, a)))
		}
		p.Later = before > 0
		return p, nil
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, http.StatusOK, view.DataReadingsPage(p))
}

// privacyRequest is "/privacy/{token}": a request, its clock, and what was answered.
func (s *Store) privacyRequest(w http.ResponseWriter, r *web.Request) error {
	l, token := r.Lang, r.PathValue("token")
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.PrivacyRequest, err error) {
		x, err := privacy.ByToken(q, s.Vault, token)
		if err != nil {
			return p, err
		}
		p.Kind, p.State, p.Tone = lang.T(l, "privacy.kind."+x.Kind), lang.T(l, "privacy.state."+string(x.State)), requestTone(x.State)
		p.Asked, p.Due, p.Answered = x.Asked, x.Due, x.Answered
		p.Open, p.Waiting, p.Refused = x.Open(), x.State == privacy.Waiting, x.State == privacy.Refused
		p.Self = x.State == privacy.Asked && x.Staff != 0
		if p.Erased = x.Kind == privacy.Erase && x.State == privacy.Done; p.Erased {
			p.GoneBy, p.BooksUntil = x.GoneBy(), x.BooksUntil
		}
		if x.Forgotten.IsZero() {
			c, err := privacy.ContactOf(q, s.Vault, x)
			if err != nil && !errors.Is(err, secret.ErrErased) {
				return p, err
			}
			if err == nil && !x.Extended.IsZero() {
				p.Extended, p.Why = true, c.Why
			}
			if p.Answer, err = privacy.AnswerOf(q, s.Vault, x); err != nil && !errors.Is(err, secret.ErrErased) {
				return p, err
			}
		}
		ns, err := privacy.NoticesOf(q, x.ID)
		if err != nil {
			return p, err
		}
		for _, n := range ns {
			p.Told = append(p.Told, view.Pair{Key: processorName(l, n.Recipient, n.Role), Value: lang.T(l, "privacy.notice."+n.State)})
		}
		p.Shell, err = s.shell(q, r, "/privacy/"+token)
		p.Shell.BaseURL = ""
		return p, err
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, http.StatusOK, view.PrivacyRequestPage(p))
}
