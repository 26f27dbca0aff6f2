package view

import (
	"time"

	"kassavalv/internal/web/ui"
)

// Data is "/account/data": what is kept of the visitor, and what he can do about it.
type Data struct {
	Member
	Categories           []DataCategory
	Handed               []string // who outside was given details
	Requests             []RequestRow
	Newsletter           bool
	Restricted, Objected time.Time // zero: not
	Fresh                bool      // what asks for new proof is open
	Trouble              string    // why the last act was not done
}

// DataCategory is a category of the data map with what is kept in it.
type DataCategory struct {
	Name, Why, Basis, Kept, From, Shared string
	Records                              []DataRecord
}

// DataRecord is one row that is kept.
type DataRecord struct {
	About     string // the number of an order, of a case; may be empty
	At, Until time.Time
	Details   []Pair
}

// Pair is a name and a value.
type Pair struct{ Key, Value string }

// RequestRow is a use of a right in a list. Cancel is empty when it is over.
type RequestRow struct {
	Path, Kind, State, Cancel string
	Tone                      ui.Tone
	At                        time.Time
}

// DataExport is the export as a page.
type DataExport struct {
	Member
	Made       time.Time
	Shop       string
	Categories []DataCategory
	Handed     []string
}

// DataCorrect is the form of a correction.
type DataCorrect struct {
	Member
	Form ui.Form
}

// DataErase is both steps of an erasure.
type DataErase struct {
	Member
	First      []string // what must end first
	Losses     []LossRow
	BooksUntil time.Time // zero: nothing stays
	GoneBy     time.Time
	Handed     []string
	Form       ui.Form
}

// LossRow is what is lost. Link leads to what can be saved before; it may be empty.
type LossRow struct{ Text, About, Link string }

// DataReadings is who has read the visitor's details, in whole sentences.
type DataReadings struct {
	Member
	Reads []string
	Next  string // path of the next page; empty: none
	Later bool   // not the first page
}

// PrivacyRequest is "/privacy/{token}".
type PrivacyRequest struct {
	Shell
	Kind, State                 string
	Tone                        ui.Tone
	Asked, Due, Answered        time.Time
	Open, Waiting, Erased, Self bool
	Refused, Extended           bool
	Why, Answer                 string
	GoneBy, BooksUntil          time.Time
	Told                        []Pair // recipient, and whether he knows
}
