package catalog

import (
	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
)

// record leaves the trace of a use case. note is a short fact, never a text of
// the merchant's.
func record(tx *db.Tx, by auth.By, action, entity string, id db.ID, note string) error {
	kind := map[auth.Kind]string{auth.StaffKind: "staff", auth.APIKind: "token", auth.SystemKind: "system"}[by.Kind]
	return audit.Record(tx, audit.Entry{ActorKind: kind, ActorID: by.ID, ActorName: by.Name, Peer: by.Peer,
		Action: action, Entity: entity, EntityID: id, New: note})
}
