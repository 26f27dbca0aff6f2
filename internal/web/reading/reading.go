// Package reading puts into words who has read a person's details: for the person
// on his own page, and for the owner in the back office.
//
// Words: reading.who.*, reading.kind.*, reading.reason.*, reading.processor.*. A word
// of the record that has none yet is shown by a general one, never left out.
//
// Tables: none.
package reading

import (
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/lang"
)

// Line is one reading as a page shows it.
type Line struct {
	At   time.Time
	Who  string // "Kundtjänst", never a person's name
	What string // "namn, adress och telefonnummer"
	Why  string // one sentence
	// Handed: the details were handed to somebody outside, not read in the shop.
	Handed bool
}

// Of is a reading in plain words, without names: what its person may see. The
// back office adds who it was.
func Of(l lang.Lang, a audit.Access) Line {
	out := Line{At: a.At, Who: who(l, a), Why: one(l, "reading.reason.", a.Reason), Handed: a.ActorKind == audit.ActorProcessor}
	var kinds []string
	for _, k := range a.Kinds {
		kinds = append(kinds, one(l, "reading.kind.", k))
	}
	out.What = lang.List(l, kinds)
	if out.Handed {
		out.Why = one(l, "reading.handover.", a.Entity)
	}
	return out
}

func who(l lang.Lang, a audit.Access) string {
	switch a.ActorKind {
	case "staff":
		return one(l, "reading.who.", a.ActorName)
	case audit.ActorProcessor:
		return one(l, "reading.processor.", a.ActorName)
	case "token":
		return lang.T(l, "reading.who.token")
	}
	return lang.T(l, "reading.who.system")
}

// one is the word under prefix, or the general one.
func one(l lang.Lang, prefix, word string) string {
	if lang.Has(prefix + word) {
		return lang.T(l, prefix+word)
	}
	return lang.T(l, prefix+"other")
}
