package content

import (
	"embed"
	"strings"
	"unicode"
	"unicode/utf8"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "content", FS: migrationsFS}

// record leaves the trace of a change: what, not the words themselves.
func record(tx *db.Tx, by auth.By, action, entity string, id db.ID, old, new string) error {
	return audit.Record(tx, audit.Entry{ActorKind: actorKind(by), ActorID: by.ID, ActorName: by.Name, Peer: by.Peer,
		Action: action, Entity: entity, EntityID: id, Old: old, New: new})
}

func actorKind(by auth.By) string {
	switch by.Kind {
	case auth.StaffKind:
		return "staff"
	case auth.APIKind:
		return "token"
	case auth.SystemKind:
		return "system"
	}
	return "guest"
}

// author names who wrote a version, for those who may read it.
func author(by auth.By) string {
	if by.Kind == auth.SystemKind {
		return "system:" + by.Name
	}
	return actorKind(by) + ":" + by.ID.String()
}

// line checks a one-line text: plain characters, at most limit runes.
func line(f *fault.Fields, pointer, s string, limit int, required bool) {
	switch {
	case s == "" && required:
		f.Add(pointer, "required")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, odd):
		f.Add(pointer, "bad_characters")
	case utf8.RuneCountInString(s) > limit:
		f.Add(pointer, "too_long")
	}
}

// odd is a character that has no place in one line of text: controls, line and
// paragraph separators, and marks that turn the reading direction.
func odd(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError
}

func tidy(s string) string { return strings.Join(strings.Fields(s), " ") }
