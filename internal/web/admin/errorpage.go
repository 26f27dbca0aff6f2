package admin

import (
	"net/http"

	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
)

// ErrorPage is the page of an error on a path of the back office: what happened
// and where to go on. It reads no database, which may be what is broken; nil for
// other paths.
func (a *Admin) ErrorPage(r *web.Request, e web.ErrorView) web.Component {
	if !OwnPath(r.CanonicalPath()) {
		return nil
	}
	go1, where := lang.T(r.Lang, "admin.error.start"), home
	if e.Fault != nil && e.Fault.Kind == fault.Unauthenticated {
		go1, where = lang.T(r.Lang, "admin.login.go"), "/admin/login"
	}
	if l := lessonOf(e.Fault); l != "" {
		go1, where = lang.T(r.Lang, "admin.lesson.open"), "/admin/lessons/"+l
	}
	blocks := []view.Block{view.Say(e.Text), view.Go(r.Lang, go1, where, true)}
	if e.Status >= http.StatusInternalServerError {
		blocks = append(blocks, view.Quiet(lang.T(r.Lang, "admin.error.ref", "ref", e.Ref)))
	}
	return view.Page(view.Shell{Lang: r.Lang, Path: home, Title: e.Title, Shop: lang.T(r.Lang, "admin.nav"), SheetURL: sheet(), Clone: a.Clone}, view.Panel("", "", blocks...))
}

// OwnPath reports whether a path, without language prefix, belongs to the back
// office.
func OwnPath(path string) bool {
	return path == home || len(path) > len(home) && path[:len(home)+1] == home+"/"
}
