package datamap

import (
	"fmt"
	"strings"
)

// Kind is what a column holds; see the package comment.
type Kind string

// The kinds of columns.
const (
	PlainKind  Kind = "plain"
	SealedKind Kind = "sealed"
	ShopKind   Kind = "shop"
	BooksKind  Kind = "books"
	IndexKind  Kind = "index"
	HashKind   Kind = "hash"
	PersonKind Kind = "person"
	OpenKind   Kind = "open"
)

// Class is one kind of personal detail. How it is masked is in mask.go; its name for people is
// "data.class.CLASS".
type Class string

// The classes.
const (
	Name    Class = "name"
	Email   Class = "email"
	Phone   Class = "phone"
	Address Class = "address" // with door code and care-of
	Company Class = "company" // company, organisation number, reference
	Text    Class = "text"    // what somebody wrote
	Letter  Class = "letter"  // a mail as it was sent
	Bank    Class = "bank"    // who paid, from which account
	Goods   Class = "goods"   // what was bought, and for how much
	Network Class = "network" // network address in shortened form, kind of browser
	Factor  Class = "factor"  // what a person signs in with
	Doing   Class = "doing"   // what a person did, and when
)

// Classes lists all classes.
var Classes = []Class{Name, Email, Phone, Address, Company, Text, Letter, Bank, Goods, Network, Factor, Doing}

// Column is one declared column.
type Column struct {
	Name     string
	Kind     Kind
	Field    string  // of package secret; for sealed, shop, books and index
	Category string  // key; empty for what is not personal
	Classes  []Class // what is in it, of sealed, books and open
	Reason   string  // why it is readable; of open
	Stays    bool    // outlives the erasure: it tells of nobody then
}

// Personal reports whether the column tells of a person by itself.
func (c Column) Personal() bool {
	return c.Kind == SealedKind || c.Kind == BooksKind || c.Kind == OpenKind || c.Kind == IndexKind && c.Category != ""
}

// Columns are one or more declared columns.
type Columns []Column

// Plain declares columns that are not personal; names are parted by spaces.
func Plain(names string) Columns { return each(names, PlainKind) }

// Hash declares hashes and fingerprints.
func Hash(names string) Columns { return each(names, HashKind) }

// Person declares ids of persons, customers, accounts or members of staff.
func Person(names string) Columns { return each(names, PersonKind) }

func each(names string, k Kind) (cs Columns) {
	for _, n := range strings.Fields(names) {
		cs = append(cs, Column{Name: n, Kind: k})
	}
	if len(cs) == 0 {
		panic("datamap: no columns named")
	}
	return cs
}

// Sealed declares a column sealed under the person's key.
func Sealed[F ~string](name string, field F, category string, classes ...Class) Columns {
	return personal(Column{Name: name, Kind: SealedKind, Field: string(field), Category: category, Classes: classes})
}

// Books declares a column sealed under a financial year's key.
func Books[F ~string](name string, field F, category string, classes ...Class) Columns {
	return personal(Column{Name: name, Kind: BooksKind, Field: string(field), Category: category, Classes: classes})
}

// Open declares a readable personal column. reason is a plain English sentence.
func Open(name, category, reason string, classes ...Class) Columns {
	if len(reason) < 15 {
		panic("datamap: " + name + " is personal and readable; say why in a sentence")
	}
	return personal(Column{Name: name, Kind: OpenKind, Category: category, Classes: classes, Reason: reason})
}

// Left is Open for what stays when the person is erased, because it tells of nobody
// without the person's key: what was bought, that somebody said yes. The reason says so.
func Left(name, category, reason string, classes ...Class) Columns {
	cs := Open(name, category, reason, classes...)
	cs[0].Stays = true
	return cs
}

func personal(c Column) Columns {
	if c.Category == "" || len(c.Classes) == 0 || (c.Kind != OpenKind && c.Field == "") {
		panic(fmt.Sprintf("datamap: the personal column %q needs a category and its classes", c.Name))
	}
	return Columns{c}
}

// Index declares a blind index.
func Index[F ~string](name string, field F, category string) Columns {
	return Columns{{Name: name, Kind: IndexKind, Field: string(field), Category: category}}
}

// Shop declares a column sealed under the shop's key.
func Shop[F ~string](name string, field F) Columns {
	return Columns{{Name: name, Kind: ShopKind, Field: string(field)}}
}

// TableOf is a declared table.
type TableOf struct {
	Name, Room string
	Columns    []Column
}

// Personal reports whether any column of the table tells of a person by itself.
func (t TableOf) Personal() bool {
	for _, c := range t.Columns {
		if c.Personal() {
			return true
		}
	}
	return false
}

// Table declares a table.
func Table(name string, cs ...Columns) TableOf {
	t := TableOf{Name: name}
	for _, c := range cs {
		t.Columns = append(t.Columns, c...)
	}
	return t
}
