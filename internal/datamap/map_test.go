package datamap

import (
	"strings"
	"testing"
	"time"
)

// What cannot be right is refused when the program starts.
func TestDeclarationsThatCannotBeRight(t *testing.T) {
	for name, f := range map[string]func(){
		"no columns":         func() { Plain(" ") },
		"no reason":          func() { Open("x", "order", "because", Name) },
		"no category":        func() { Sealed("x", "f.x", "", Name) },
		"no classes":         func() { Sealed("x", "f.x", "order") },
		"twice in a table":   func() { Declare("t", Table("t_one", Plain("id id"))) },
		"table twice":        func() { Declare("t", Table("t_two", Plain("id"))); Declare("t", Table("t_two", Plain("id"))) },
		"category half said": func() { Declare("t", Category{Key: "half", Who: Buyer}) },
	} {
		func() {
			defer func() {
				if v := recover(); v == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			f()
		}()
	}
}

func TestHoldings(t *testing.T) {
	Declare("u", Category{Key: "u", Who: Buyer, Basis: Contract, Keep: Months("u", 38), From: You},
		Table("u_one", Plain("id"), Person("person_id"), Sealed("s", "u.s", "u", Email, Name), Index("i", "u.i", "u"), Open("o", "u", "it must be found by it", Phone), Hash("h")))
	var got []string
	for _, h := range Holdings("u") {
		got = append(got, h.Table+"."+h.Name)
	}
	if s := strings.Join(got, " "); s != "u_one.s u_one.i u_one.o" {
		t.Error(s)
	}
	if cs := ClassesOf("u"); len(cs) != 3 || cs[0] != Name || cs[1] != Email || cs[2] != Phone {
		t.Error(cs)
	}
	c, ok := CategoryOf("u")
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	if !ok || !c.Keep.Spans() || !c.Keep.Before(now).Equal(time.Date(2023, 9, 29, 0, 0, 0, 0, time.UTC)) || Until("x").Spans() {
		t.Error(c.Keep.Before(now))
	}
}
