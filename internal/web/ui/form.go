package ui

import (
	"net/url"
	"strings"

	"kassavalv/internal/fault"
	"kassavalv/internal/lang"

	"github.com/a-h/templ"
)

// Form is what a page needs to show a form again: the typed values and what is
// wrong with them, in the order of the page. The zero Form is an empty one.
type Form struct {
	Values map[string]string
	Errors []FieldError
}

// FieldError is one sentence about one field. Name is the field's name attribute;
// an empty Name concerns the whole form.
// Label is the field's name to people, for the summary; it may be empty.
type FieldError struct{ Name, Text, Label string }

// FormOf makes the Form of a submission that failed. The error's field pointers
// name the fields: "/address/postal_code" is the field "address/postal_code".
// An err that is no fault adds nothing. Values may be nil.
func FormOf(l lang.Lang, values url.Values, err error) Form {
	f := Form{Values: map[string]string{}}
	for k, v := range values {
		if len(v) > 0 {
			f.Values[k] = v[0]
		}
	}
	e := fault.As(err)
	if e == nil {
		return f
	}
	for _, x := range e.Fields {
		name := strings.TrimPrefix(x.Pointer, "/")
		f.Errors = append(f.Errors, FieldError{Name: name, Text: lang.TArgs(l, x.SentenceKey(), x.Args), Label: labelOf(l, name)})
	}
	if len(e.Fields) == 0 {
		f.Errors = append(f.Errors, FieldError{Text: lang.TArgs(l, e.SentenceKey(), e.Args)})
	}
	return f
}

// labelOf finds what people call a field: the key "label." and the field's name
// with dots, then its last part. "address/city" is "label.address.city" or "label.city".
func labelOf(l lang.Lang, name string) string {
	dotted := strings.ReplaceAll(name, "/", ".")
	for _, key := range []string{"label." + dotted, "label." + dotted[strings.LastIndex(dotted, ".")+1:]} {
		if lang.Has(key) {
			return lang.T(l, key)
		}
	}
	return ""
}

// Value is the typed value of a field, or "".
func (f Form) Value(name string) string { return f.Values[name] }

// Checked reports whether the box or radio name carries value.
func (f Form) Checked(name, value string) bool { return f.Values[name] == value }

// Err is the first sentence about a field, or "".
func (f Form) Err(name string) string {
	for _, e := range f.Errors {
		if e.Name == name {
			return e.Text
		}
	}
	return ""
}

// Failed reports whether anything is wrong.
func (f Form) Failed() bool { return len(f.Errors) > 0 }

// Set keeps a value, for prefilled forms.
func (f *Form) Set(name, value string) {
	if f.Values == nil {
		f.Values = map[string]string{}
	}
	f.Values[name] = value
}

// Input describes one field. Name, Label are needed; everything else may be empty.
type Input struct {
	Name, Label, Hint string
	Why               string // of a personal detail: why it is asked for and how long it is kept, in one line
	Type              string // "text" if empty
	Value, Error      string
	Autocomplete      string // as HTML names it: "email", "address-line1", …
	InputMode         string // "numeric", "email", …
	Max               int    // maxlength; 0 is none
	Rows              int    // of a text area; 0 is an input
	Optional          bool   // says so beside the label
	Needed            bool   // aria-required; the browser never blocks: the server's words are better
	Short             bool
	Suggestion        string // "Menade du …?", shown under the field
	NoSpell           bool
	Counts            bool // the sums of the page depend on it: the script asks the server again
}

// Field fills i with the value and error that the form holds for its name.
func (f Form) Field(i Input) Input {
	if v, ok := f.Values[i.Name]; ok {
		i.Value = v
	}
	i.Error = f.Err(i.Name)
	return i
}

// FieldID is the id of the field with this name: "address/postal_code" is
// "f-address-postal_code".
func FieldID(name string) string {
	return "f-" + strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, name)
}

// describedBy lists the ids of the hint and the error that exist.
func describedBy(id, hint, err, suggestion, why string) templ.Attributes {
	var ids []string
	if hint != "" {
		ids = append(ids, id+"-hint")
	}
	if why != "" {
		ids = append(ids, id+"-why")
	}
	if suggestion != "" {
		ids = append(ids, id+"-did")
	}
	if err != "" {
		ids = append(ids, id+"-err")
	}
	a := templ.Attributes{}
	if len(ids) > 0 {
		a["aria-describedby"] = strings.Join(ids, " ")
	}
	if err != "" {
		a["aria-invalid"] = "true"
	}
	return a
}

// LabelHint splits a sentence like "E-post. Hit skickar vi …" into the label
// (before the first full stop) and the hint (after it).
func LabelHint(s string) (label, hint string) {
	label, hint, _ = strings.Cut(s, ". ")
	return label, hint
}

// Option is one entry of a Select.
type Option struct {
	Value, Label string
	Selected     bool
}
