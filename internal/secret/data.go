package secret

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("secret",
	// A wrapped data key is nobody's detail: it opens them, under the epoch's key.
	datamap.Table("secret_person", datamap.Person("id"), datamap.Plain("wrapped epoch created_at erased_at")),
	datamap.Table("secret_check", datamap.Plain("name made_at"), datamap.Hash("fingerprint")),
)
