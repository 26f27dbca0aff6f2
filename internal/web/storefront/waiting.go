package storefront

import (
	"context"
	"net/http"
	"slices"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shop/waitlist"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// absent are the variants of a product that can be waited for. A handle of before
// is given back as the one that is right now.
func absent(q db.Q, handle, chosen string, l lang.Lang) (title, now string, out []ui.Option, err error) {
	p, redirect, err := catalog.ByHandle(q, handle)
	if err != nil {
		return "", "", nil, err
	}
	if p == nil {
		return "", redirect, nil, nil
	}
	ids := make([]db.ID, len(p.Variants))
	for i, x := range p.Variants {
		ids[i] = x.ID
	}
	levels, err := stock.Levels(q, ids)
	if err != nil {
		return "", "", nil, err
	}
	title = p.Texts.In(l).Title
	for _, x := range p.Variants {
		if lv, counted := levels[x.ID]; x.Status != catalog.Active || counted && lv.Sellable(1) {
			continue
		}
		out = append(out, ui.Option{Value: x.ID.String(), Label: or(label(x.Choices, l), title), Selected: x.ID.String() == chosen})
	}
	return title, handle, out, nil
}

// notifyForm is "/products/{handle}/notify". What can be had leads back to its page.
func (s *Store) notifyForm(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery("variant")
	if err != nil {
		return err
	}
	return s.showNotify(w, r, http.StatusOK, qv.Get("variant"), ui.Form{})
}

func (s *Store) showNotify(w http.ResponseWriter, r *web.Request, status int, chosen string, form ui.Form) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.Notify, err error) {
		p.Form = form
		if p.Title, p.Handle, p.Choices, err = absent(q, r.PathValue("handle"), chosen, r.Lang); err != nil {
			return p, err
		}
		p.Shell, err = s.shell(q, r, "/products/"+p.Handle+"/notify")
		return p, err
	})
	if err != nil {
		return err
	}
	if len(p.Choices) == 0 {
		return web.SeeOther(w, r, "/products/"+p.Handle)
	}
	return web.HTML(w, r, status, view.NotifyPage(p))
}

// notifyMe is POST /products/{handle}/notify. The answer is the same whether the
// address waited already or not.
func (s *Store) notifyMe(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("variant", "email")
	if err != nil {
		return err
	}
	handle := r.PathValue("handle")
	e, _, err := db.Write(context.WithoutCancel(r.Context()), s.DB, func(tx *db.Tx) (waitlist.Entry, error) {
		// The variant must be one of this page's.
		_, _, there, err := absent(tx, handle, "", r.Lang)
		if err != nil {
			return waitlist.Entry{}, err
		}
		if len(there) == 0 {
			return waitlist.Entry{}, fault.Conflict("back_already")
		}
		id, err := db.ParseID(in.Get("variant"))
		if err != nil || !slices.ContainsFunc(there, func(o ui.Option) bool { return o.Value == id.String() }) {
			return waitlist.Entry{}, fault.Invalid(fault.Field{Pointer: "/variant", Code: "choose"})
		}
		return waitlist.Ask(tx, s.Vault, id, in.Get("email"), r.Lang)
	})
	switch f := fault.As(err); {
	case err == nil:
		return web.SeeOther(w, r, "/waiting/"+e.Token(s.Vault))
	case fault.Is(err, "back_already"):
		return web.SeeOther(w, r, "/products/"+handle)
	case f != nil && f.Kind == fault.Unprocessable:
		form := ui.FormOf(r.Lang, nil, err)
		form.Values = map[string]string{"email": in.Get("email"), "variant": in.Get("variant")}
		return s.showNotify(w, r, http.StatusUnprocessableEntity, in.Get("variant"), form)
	}
	return err
}

// waiting is "/waiting/{token}": the wish, or that its address is forgotten.
func (s *Store) waiting(w http.ResponseWriter, r *web.Request) error {
	token := r.PathValue("token")
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.Waiting, err error) {
		e, err := waitlist.ByToken(q, s.Vault, token)
		if err != nil {
			return p, err
		}
		p.Gone, p.Path = e.State == "forgotten", "/waiting/"+token
		infos, err := catalog.VariantForSale(q, []db.ID{e.Variant})
		if err != nil {
			return p, err
		}
		if i, ok := infos[e.Variant]; ok {
			p.Title, _ = i.Title.In(r.Lang)
			if words, _ := i.Label().In(r.Lang); words != "" {
				p.Title += ", " + words
			}
			if i.Sellable {
				p.Back = "/products/" + i.Handle
			}
		}
		p.Shell, err = s.shell(q, r, p.Path)
		p.Shell.BaseURL = ""
		return p, err
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, http.StatusOK, view.WaitingPage(p))
}

// stopWaiting is POST /waiting/{token}/stop.
func (s *Store) stopWaiting(w http.ResponseWriter, r *web.Request) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	token := r.PathValue("token")
	err := db.Do(context.WithoutCancel(r.Context()), s.DB, func(tx *db.Tx) error {
		e, err := waitlist.ByToken(tx, s.Vault, token)
		if err != nil {
			return err
		}
		return waitlist.Forget(tx, s.Vault, e.ID)
	})
	if err != nil {
		return err
	}
	return web.SeeOther(w, r, "/waiting/"+token)
}
