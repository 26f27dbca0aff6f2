package view

import (
	"kassavalv/internal/lang"
	"kassavalv/internal/web/ui"
)

// private keeps a page out of search engines and titles it.
func private(s Shell, title string) Shell {
	s.NoIndex = true
	if s.Title == "" {
		s.Title = title
	}
	return s
}

// failed says first in the title that the form was not taken, so that who hears the
// page knows at once.
func failed(s Shell, f ui.Form) Shell {
	if f.Failed() {
		s.Title = lang.T(s.l(), "form.error") + ": " + s.Title
	}
	return s
}

// titled titles a public page.
func (s Shell) titled(title string) Shell {
	if s.Title == "" {
		s.Title = title
	}
	return s
}

func (p Receipt) title() string {
	switch p.Kind {
	case "invoice":
		return lang.T(p.l(), "receipt.invoice", "number", p.Number)
	case "confirmation":
		return lang.T(p.l(), "receipt.confirmation", "number", p.Number)
	case "credit":
		return lang.T(p.l(), "receipt.credit", "number", p.Number)
	}
	return lang.T(p.l(), "receipt.receipt", "number", p.Number)
}
