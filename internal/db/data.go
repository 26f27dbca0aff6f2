package db

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("db",
	datamap.Table("db_meta", datamap.Plain("name value")),
	datamap.Table("db_migration", datamap.Plain("room version name applied_at"), datamap.Hash("hash")),
	datamap.Table("db_change", datamap.Plain("id entity entity_id at")),
)
