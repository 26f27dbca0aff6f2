package view

import (
	"strings"

	"github.com/a-h/templ"

	"kassavalv/internal/web/ui"
)

// box is the input of a check box: its value is "yes", whatever was typed.
func box(f Form, x Field) ui.Input {
	i := x.Input
	i.Error = f.Form.Err(i.Name)
	return i
}

func choiceType(x Field) string {
	if x.Kind == Radios {
		return "radio"
	}
	return "checkbox"
}

// describe ties hint and error of a field to it.
func describe(f Form, x Field) templ.Attributes {
	id := ui.FieldID(x.Name)
	var ids []string
	if x.Hint != "" && x.Kind == File {
		ids = append(ids, id+"-hint")
	}
	a := templ.Attributes{}
	if f.Form.Err(x.Name) != "" {
		ids = append(ids, id+"-err")
		if x.Kind == File {
			a["aria-invalid"] = "true"
		}
	}
	if len(ids) > 0 {
		a["aria-describedby"] = strings.Join(ids, " ")
	}
	return a
}

// aimed leads each error to a field that is there: the one it names, the first of
// a group it names, or none.
func (f Form) aimed() ui.Form {
	out := ui.Form{Values: f.Form.Values}
	for _, e := range f.Form.Errors {
		to := ""
		for _, x := range f.Fields {
			if x.Name == e.Name || to == "" && e.Name != "" && (strings.HasPrefix(x.Name, e.Name+"/") || strings.HasPrefix(e.Name, x.Name+"/") && x.Name != "") {
				to = x.Name
				if x.Name == e.Name {
					break
				}
			}
		}
		e.Name = to
		out.Errors = append(out.Errors, e)
	}
	return out
}

// shown leaves out what has no value.
func shown(ps []Pair) []Pair {
	out := make([]Pair, 0, len(ps))
	for _, p := range ps {
		if p.Value != "" || p.Block != nil || p.Sub != "" {
			out = append(out, p)
		}
	}
	return out
}
