package file

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("file",
	// Pictures of goods. The bytes are named by their hash.
	datamap.Table("file_file", datamap.Hash("hash"), datamap.Plain("kind size width height created last_linked state")),
)
