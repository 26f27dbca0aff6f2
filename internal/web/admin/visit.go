package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// visit is one request to a page: who comes, in which language.
type visit struct {
	*Admin
	w  http.ResponseWriter
	r  *web.Request
	l  lang.Lang
	by auth.By
	in signed
}

func (a *Admin) handle(h func(*visit) error) web.Handler {
	return func(w http.ResponseWriter, r *web.Request) error {
		v := &visit{Admin: a, w: w, r: r, l: r.Lang, in: signedIn(r.Context())}
		v.by = v.in.by
		if a.By != nil && v.in.by.Kind != auth.Nobody {
			if by := a.By(r.Context()); by.Kind != auth.Nobody {
				v.by = by
			}
		}
		return h(v)
	}
}

// t is the sentence of a key of the back office.
func (v *visit) t(key string, kv ...any) string { return lang.T(v.l, "admin."+key, kv...) }

// n is t with plural forms.
func (v *visit) n(key string, n int, kv ...any) string { return lang.N(v.l, "admin."+key, n, kv...) }

// word is the sentence of a key that is put together; the last part itself where
// there is none, so that a new code is seen and not hidden.
func (v *visit) word(prefix, code string) string {
	if key := "admin." + prefix + code; lang.Has(key) {
		return lang.T(v.l, key)
	}
	return code
}

// reasonOf puts a reason into words. What somebody typed stands in said where the order is open, and
// is told to be there where it is not.
func (v *visit) reasonOf(said map[string]string, reason string) string {
	word, ref := order.Typed(reason)
	if word != "" {
		word = v.word("why.", word)
	}
	if ref == "" {
		return word
	}
	text, ok := said[ref]
	if !ok {
		text = v.t("why.typed")
	}
	return strings.TrimPrefix(word+": "+text, ": ")
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// read runs fn on one snapshot.
func read[T any](v *visit, fn func(q *db.Reader) (T, error)) (T, error) {
	return db.Read(v.ctx(), v.DB, fn)
}

// act runs a use case; a refusal is recorded. One that needs a second person is put
// before him, and the fault "waits_for_second" says so; when he has said yes
// already, it is done.
func act[T any](v *visit, action, entity string, id db.ID, fn func(tx *db.Tx) (T, error)) (T, error) {
	out, err := auth.Act(v.ctx(), v.DB, v.by, action, entity, id, fn)
	k, ok := auth.Wanted(err)
	if !ok {
		return out, err
	}
	me := v.by
	out, err = auth.Act(v.ctx(), v.DB, me, action, entity, id, func(tx *db.Tx) (T, error) {
		by, err := v.Auth.Take(tx, me, k)
		if err != nil {
			return out, err
		}
		v.by = by // for fn alone
		return fn(tx)
	})
	v.by = me
	if k, ok = auth.Wanted(err); !ok {
		return out, err
	}
	_, err = auth.Act(v.ctx(), v.DB, me, "approval.ask", "auth.approval", 0, func(tx *db.Tx) (auth.Approval, error) { return v.Auth.Ask(tx, me, k) })
	if err == nil {
		err = fault.Conflict("waits_for_second")
	}
	return out, err
}

// asked leads to what waits, when err says that something does.
func (v *visit) asked(err error) (bool, error) {
	if !fault.Is(err, "waits_for_second") {
		return false, nil
	}
	return true, v.done("asked", "/admin/approvals")
}

// do is act without a result.
func (v *visit) do(action, entity string, id db.ID, fn func(tx *db.Tx) error) error {
	_, err := act(v, action, entity, id, func(tx *db.Tx) (bool, error) { return true, fn(tx) })
	return err
}

// id reads a key from the path; 404 for what is none.
func (v *visit) id(name string) (db.ID, error) { return parseID(v.r.PathValue(name)) }

func parseID(s string) (db.ID, error) {
	id, err := db.ParseID(s)
	if err != nil || id <= 0 {
		return 0, fault.NotFound()
	}
	return id, nil
}

// done says what was done on the next page.
func (v *visit) done(said, path string) error {
	web.SetFlash(v.w, "flash.admin."+said)
	return web.SeeOther(v.w, v.r, path)
}

// mendable reports whether the person at the form can mend what is wrong; other
// errors have a page of their own.
func mendable(err error) bool {
	if errors.Is(err, db.ErrConflict) {
		return true
	}
	f := fault.As(err)
	if f == nil {
		return false
	}
	switch f.Kind {
	case fault.Unprocessable, fault.Clash, fault.TooManyKind, fault.TooLarge:
		return true
	}
	return f.Code == "step_up" || f.Code == "pictures_busy"
}

// status is what a form answers that came back with err.
func status(err error) int {
	if f := fault.As(err); f != nil {
		return f.Kind.Status()
	}
	if err != nil {
		return http.StatusConflict
	}
	return http.StatusOK
}

// form is a form as it was sent, with what is wrong with it. Secrets are left out.
func (v *visit) form(vals web.Values, err error, prefix string) ui.Form {
	f := ui.Form{Values: map[string]string{}}
	for k, list := range vals {
		if len(list) > 0 && !secretField(k) {
			f.Values[k] = list[0]
		}
	}
	if err == nil {
		return f
	}
	e := fault.As(err)
	if e == nil {
		f.Errors = []ui.FieldError{{Text: v.sentence(&fault.Error{Code: "changed_meanwhile"})}}
		return f
	}
	for _, x := range e.Fields {
		name := prefix + strings.TrimPrefix(x.Pointer, "/")
		f.Errors = append(f.Errors, ui.FieldError{Name: name, Text: v.fieldSentence(x), Label: v.fieldLabel(name)})
	}
	if len(e.Fields) == 0 {
		f.Errors = []ui.FieldError{{Text: v.sentence(e)}}
	}
	return f
}

func secretField(name string) bool {
	return strings.Contains(name, "password") || name == "totp" || name == "answer" || name == "token" || name == "version"
}

// sentence is a fault in words; a code without words of its own gets those of
// its kind.
func (v *visit) sentence(e *fault.Error) string {
	for _, key := range []string{"admin.fault." + e.Code, e.SentenceKey()} {
		if lang.Has(key) {
			return lang.TArgs(v.l, key, e.Args)
		}
	}
	return lang.T(v.l, "fault.invalid")
}

func (v *visit) fieldSentence(x fault.Field) string {
	for _, key := range []string{"admin.field." + x.Code, x.SentenceKey()} {
		if lang.Has(key) {
			return lang.TArgs(v.l, key, x.Args)
		}
	}
	return lang.T(v.l, "web.field")
}

func (v *visit) fieldLabel(name string) string {
	name = strings.NewReplacer("/", ".", "-", "_").Replace(name)
	last := name[strings.LastIndex(name, ".")+1:]
	for _, key := range []string{"admin.label." + name, "admin.label." + last, "label." + name, "label." + last} {
		if lang.Has(key) {
			return lang.T(v.l, key)
		}
	}
	return ""
}

// show writes a page.
func (v *visit) show(code int, s view.Shell, blocks ...view.Block) error {
	s, err := v.shell(s)
	if err != nil {
		return err
	}
	s.Failed = code >= http.StatusBadRequest
	if s.Me != "" {
		blocks = append(append(v.aboutSelling(), v.aboutKeys()...), blocks...)
	}
	return web.HTML(v.w, v.r, code, view.Page(s, blocks...))
}

// aboutKeys is what everybody in the office should know of the keys: that their keeper is silent, and until
// when the shop goes on; that they are being turned, and how far that is.
func (v *visit) aboutKeys() (out []view.Block) {
	if h := v.Vault.Health(); h.Away {
		out = append(out, view.Say(v.t("keys.away", "until", lang.DateTime(v.l, h.Until))))
	}
	if done, of, running := v.Vault.Running(); running {
		out = append(out, view.Quiet(v.t("keys.turning", "done", done, "of", of)))
	}
	return out
}

// shell fills what stands around the page.
func (v *visit) shell(s view.Shell) (view.Shell, error) {
	s.Lang, s.SheetURL = v.l, sheet()
	s.Path = v.r.CanonicalPath()
	if v.r.URL.RawQuery != "" && v.r.Method == http.MethodGet {
		s.Path += "?" + v.r.URL.RawQuery
	}
	if v.r.Method != http.MethodGet && v.r.Method != http.MethodHead {
		s.Path = home
		if len(s.Crumbs) > 1 { // a form that came back: its address may take POST only
			s.Path = s.Crumbs[len(s.Crumbs)-2].URL
		}
	}
	type around struct{ shop, me string }
	x, err := db.Read(v.ctx(), v.DB, func(q *db.Reader) (x around, err error) {
		c, err := content.Company(q)
		if err != nil && !errors.Is(err, db.ErrNotFound) {
			return x, err
		}
		x.shop = c.Shop
		if v.in.by.Kind == auth.StaffKind {
			p, err := v.Auth.Profile(q, v.in.by.ID)
			if err != nil {
				return x, err
			}
			x.me = p.Name
		}
		return x, nil
	})
	if err != nil {
		return s, err
	}
	s.Clone = v.Clone
	if s.Shop = x.shop; s.Shop == "" {
		s.Shop = v.t("shop")
	}
	if key := v.r.TakeFlash(v.w); key != "" {
		s.Flash = lang.T(v.l, key)
	}
	if x.me != "" {
		s.Me, s.Role, s.Nav, s.Feels = x.me, v.roleName(v.in.session.Role, v.in.session.RoleName), v.nav(), v.feelsURL()
	}
	return s, nil
}

// query builds a path with parameters; empty ones are left out.
func query(path string, kv ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		if kv[i+1] != "" {
			q.Set(kv[i], kv[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// gone turns a conflict of the database (the row is no longer in the state the
// page showed) into a fault with words.
func gone(err error) error {
	if errors.Is(err, db.ErrConflict) {
		return fault.Conflict("changed_meanwhile")
	}
	return err
}
