package storefront

import (
	"errors"
	"net/http"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// findOrder is "/orders/find".
func (s *Store) findOrder(w http.ResponseWriter, r *web.Request) error {
	return s.showFind(w, r, http.StatusOK, ui.Form{})
}

func (s *Store) showFind(w http.ResponseWriter, r *web.Request, status int, form ui.Form) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.FindOrder, err error) {
		p.Form = form
		p.Shell, err = s.shell(q, r, "/orders/find")
		return
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, status, view.FindOrderPage(p))
}

// lookOrder is POST /orders/find. Number and mail address together are the key;
// the answer is one and the same whichever of them does not fit.
func (s *Store) lookOrder(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("number", "email")
	if err != nil {
		return err
	}
	form := ui.Form{Values: map[string]string{"number": in.Get("number"), "email": in.Get("email")}}
	for _, name := range []string{"number", "email"} {
		if in.Get(name) == "" {
			form.Errors = append(form.Errors, ui.FieldError{Name: name, Label: lang.T(r.Lang, "label."+name), Text: lang.T(r.Lang, "field.required")})
		}
	}
	if len(form.Errors) > 0 {
		return s.showFind(w, r, http.StatusUnprocessableEntity, form)
	}
	token, err := read(s, r.Context(), func(q *db.Reader) (string, error) {
		o, err := s.orderOf(q, in.Get("number"), in.Get("email"))
		if err != nil {
			return "", err
		}
		return o.Token(s.Vault), nil
	})
	if fault.Is(err, "not_found") {
		form.Errors = []ui.FieldError{{Text: lang.T(r.Lang, "field.order_unknown")}}
		return s.showFind(w, r, http.StatusUnprocessableEntity, form)
	}
	if err != nil {
		return err
	}
	return web.SeeOther(w, r, "/orders/"+token)
}

// orderOf finds an order by number and mail address; a 404 fault when they do not
// belong together, with the same work done.
func (s *Store) orderOf(q db.Q, number, mail string) (order.Order, error) {
	m, err := secret.CanonicalEmail(mail)
	if err != nil {
		m = "nobody@invalid.invalid"
	}
	o, err := order.Find(q, s.Vault, number, m)
	if errors.Is(err, db.ErrNotFound) {
		return o, fault.NotFound()
	}
	return o, err
}
