package ui

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"kassavalv/internal/fault"
	"kassavalv/internal/lang"

	"github.com/google/go-cmp/cmp"
)

func TestFormOf(t *testing.T) {
	err := fault.Invalid(fault.Field{Pointer: "/address/postal_code", Code: "bad_postal_code"}, fault.Field{Pointer: "/consent_b_1", Code: "must_tick"})
	f := FormOf(lang.SV, url.Values{"email": {"a@b.example", "x"}}, err)
	want := Form{
		Values: map[string]string{"email": "a@b.example"},
		Errors: []FieldError{
			{Name: "address/postal_code", Text: "Skriv postnumret med fem siffror, till exempel 123 45.", Label: "Postnummer"},
			{Name: "consent_b_1", Text: "Kryssa i rutan för att gå vidare."},
		},
	}
	if d := cmp.Diff(want, f); d != "" {
		t.Error(d)
	}
	if f.Err("address/postal_code") == "" || f.Err("email") != "" || !f.Failed() {
		t.Error("errors are at the wrong fields")
	}
	if i := f.Field(Input{Name: "email", Value: "before"}); i.Value != "a@b.example" {
		t.Errorf("the typed value became %q", i.Value)
	}
	whole := FormOf(lang.EN, nil, fault.Conflict("total_changed"))
	if len(whole.Errors) != 1 || whole.Errors[0].Name != "" || !strings.Contains(whole.Errors[0].Text, "total has changed") {
		t.Errorf("%+v", whole)
	}
	if FormOf(lang.SV, nil, errors.New("disk on fire")).Failed() {
		t.Error("an internal error reached the page")
	}
}

func TestFieldID(t *testing.T) {
	for name, want := range map[string]string{"email": "f-email", "address/line1": "f-address-line1", `x"><b>`: "f-x---b-", "å": "f--"} {
		if got := FieldID(name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestPager(t *testing.T) {
	show := func(current, pages int) string {
		p := NewPager(current, pages, func(n int) string { return "?p=" + itoa(n) })
		var s []string
		for _, i := range p.Items {
			switch {
			case i.N == 0:
				s = append(s, "…")
			case i.Current:
				s = append(s, "["+itoa(i.N)+"]")
			default:
				s = append(s, itoa(i.N))
			}
		}
		return p.Prev + " " + strings.Join(s, " ") + " " + p.Next
	}
	for _, c := range []struct {
		current, pages int
		want           string
	}{
		{1, 0, "  "}, {1, 1, "  "}, {1, 3, " [1] 2 3 ?p=2"}, {2, 3, "?p=1 1 [2] 3 ?p=3"},
		{5, 9, "?p=4 1 … 4 [5] 6 … 9 ?p=6"}, {9, 9, "?p=8 1 … 8 [9] "},
	} {
		if got := show(c.current, c.pages); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.current, c.pages, got, c.want)
		}
	}
}

func TestChartStaysInItsBox(t *testing.T) {
	c := Chart{Goal: 24, Points: []Point{{Value: 0}, {Value: 3}, {Value: 100}, {Value: -5}}}
	for i, p := range c.Points {
		if y := c.y(p.Value); y < chartT || y > chartH-chartB {
			t.Errorf("point %d at %v", i, y)
		}
		if x := c.x(i); x < 0 || x > chartW {
			t.Errorf("point %d at %v across", i, x)
		}
	}
	if (Chart{}).max() != 1 || (Chart{}).areaPath() != "" {
		t.Error("an empty chart divides by nothing")
	}
}
